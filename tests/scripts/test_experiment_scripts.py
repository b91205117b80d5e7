"""Each experiment's script runs, on a reduced setting, and gives a known number."""

import importlib.util
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def script(name):
    spec = importlib.util.spec_from_file_location(f"script_{name}", SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_manhattan_4x4(tmp_path, capsys):
    found = script("manhattan_4x4").main(3, "nodal", tmp_path)
    assert found["target 1.0, gain 8e7 (the preset)"] == 1.0
    assert found["target 0.8 = stop, gain 6e6 (the predecessor)"] == 0.0
    assert "of 3 starts" in capsys.readouterr().out


def test_letters_3x3(tmp_path):
    found = script("letters_3x3").main(1, "nodal", tmp_path)
    assert [fraction for fraction, _ in found.values()] == [1.0] * 6


def test_mnist_10x10(tmp_path):
    learning = [
        "training.updates=6",
        "training.batch=500",
        "learning.fraction=0.5",
        "learning.groups=1",
    ]
    settings = ["data.train_limit=2000", "data.test_limit=500", *learning]
    found = script("mnist_10x10").main(1, ["grey", "grey-16"], tmp_path, settings)
    assert found["grey"][0] == pytest.approx(0.496, abs=0.05)
    assert found["grey-16"][0] == pytest.approx(0.352, abs=0.05)


def same(row):
    """Whether both engines took the same decisions."""
    assert (row["signs_differ"], row["answers_differ"]) == (0, 0)
    assert row["updates"][0] == row["updates"][1] > 0
    assert row["accuracy"][0] == row["accuracy"][1]
    assert row["state_error"] < 1e-3
    assert row["spike_error"] < 1e-3
    return True


SLOW = ("digits-3x5", "letters-stdp", "mnist-5x5")


@pytest.mark.parametrize(
    "preset",
    [
        "xpue",
        "letters-3x3",
        "manhattan-4x4",
        "exsitu-xor",
        *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW),
    ],
)
def test_parity_of_every_small_preset(tmp_path, capsys, preset):
    (row,) = script("parity").main([preset], 0, tmp_path, 10)
    if preset == "mnist-5x5":
        assert abs(row["accuracy"][0] - row["accuracy"][1]) <= 0.005
        assert row["signs_differ"] == 0
    else:
        assert same(row)
    assert f"| {preset} | {row['updates'][0]} |" in capsys.readouterr().out


def test_parity_goes_on_where_it_was_stopped_and_runs_nothing_twice(tmp_path, monkeypatch):
    parity = script("parity")
    real, engines = parity.train, []

    def stopped(config, *, engine, progress=None, **others):
        def watch(now):
            if engine.name == "ngspice" and now.done == 2:
                raise KeyboardInterrupt

        engines.append(engine.name)
        return real(config, engine=engine, progress=watch, **others)

    monkeypatch.setattr(
        parity,
        "overrides",
        lambda preset, updates: ["training.checkpoint_s=0", "training.epochs=4"],
    )
    monkeypatch.setattr(parity, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        parity.main(["manhattan-4x4"], 3, tmp_path, 4)
    monkeypatch.setattr(
        parity,
        "train",
        lambda *a, engine, **k: (engines.append(engine.name), real(*a, engine=engine, **k))[1],
    )
    (row,) = parity.main(["manhattan-4x4"], 3, tmp_path, 4)
    assert engines == ["nodal", "ngspice", "ngspice"]
    assert same(row)
    assert "resumed after" in (tmp_path / "manhattan-4x4-ngspice" / "log.txt").read_text()


def test_the_same_starts_end_alike_on_both_engines(tmp_path, capsys):
    (row,) = script("parity_starts").main(["manhattan-4x4"], 2, 0, tmp_path)
    assert (row["converged"], row["outcomes_differ"], row["epochs_differ"]) == ((2, 2), 0, 0)
    assert row["state_error"] < 1e-3
    assert "| manhattan-4x4 | 2 | 2 / 2 |" in capsys.readouterr().out


def test_stdp_windows():
    window = script("stdp_windows").main(["pershin-di-ventra"], "nodal", 2)["pershin-di-ventra"]
    assert window.a_plus == pytest.approx(0.0104, rel=0.1)
    assert window.a_minus == pytest.approx(0.0096, rel=0.1)


def test_exsitu_wires(tmp_path):
    settings = [
        "data.pixels=10",
        "data.train_limit=2000",
        "data.test_limit=5000",
        "exsitu.epochs=40",
        "network.hidden=[]",
    ]
    ((ohm, software, mapped, aware),) = script("exsitu_wires").main([50.0], tmp_path, settings)
    assert ohm == 50.0
    assert software > 0.75
    assert abs(aware - software) <= 0.01
    assert aware >= mapped + 0.01


def test_letters_stdp(tmp_path, capsys):
    assert script("letters_stdp").main(2, "nodal", tmp_path, ["training.epochs=12"]) == (2, 2)
    assert "2 of 2 seeds: every letter its own neuron" in capsys.readouterr().out
