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
    learning = ["training.updates=6", "training.batch=500", "learning.fraction=0.5", "learning.groups=1"]
    settings = ["data.train_limit=2000", "data.test_limit=500", *learning]
    found = script("mnist_10x10").main(1, ["grey"], tmp_path, settings)
    assert 0.45 < found["grey"][0] < 0.85


def test_parity_table(tmp_path, capsys):
    rows = script("parity").main(["exsitu-xor", "manhattan-4x4"], 0, tmp_path, 3)
    for row in rows:
        assert (row["signs_differ"], row["answers_differ"]) == (0, 0)
        assert row["state_error"] < 1e-3
        assert row["spike_error"] < 1e-3
    assert "| manhattan-4x4 | 0 | 0 |" in capsys.readouterr().out


def test_stdp_windows():
    window = script("stdp_windows").main(["pershin-di-ventra"], "nodal", 2)["pershin-di-ventra"]
    assert window.a_plus == pytest.approx(0.0104, rel=0.1)
    assert window.a_minus == pytest.approx(0.0096, rel=0.1)


def test_exsitu_wires(tmp_path):
    settings = ["data.pixels=10", "data.train_limit=2000", "data.test_limit=500", "exsitu.epochs=40", "network.hidden=[]"]
    ((ohm, software, mapped, aware),) = script("exsitu_wires").main([30.0], tmp_path, settings)
    assert ohm == 30.0
    assert software > 0.75
    assert abs(aware - software) <= 0.01
    assert aware >= mapped
