"""`spicesnn map`: a trained network and data in, a run directory out, which the other commands
take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.cli.output import unanswered
from spicesnn.training import RunDirectory
from spicesnn.training.config import load
from spicesnn.training.mapped import MapConfig


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A small network that is right on most of its samples."""
    path = tmp_path_factory.mktemp("map")
    rng = np.random.default_rng(1)
    w0, b0, w1 = rng.normal(size=(6, 9)), rng.normal(size=9), rng.normal(size=(9, 3))
    x = rng.normal(size=(140, 6))
    y = (np.maximum(x @ w0 + b0, 0) @ w1).argmax(axis=1)
    y[::20] = (y[::20] + 1) % 3
    np.savez(path / "net.npz", w0=w0, b0=b0, w1=w1)
    np.savez(path / "test.npz", x=x[:100], y=y[:100])
    np.savez(path / "train.npz", features=x[100:], labels=y[100:])
    return path


def test_without_converters_every_sample_is_tested_and_answered_as_by_the_network(
    folder, tmp_path, run_json
):
    code, said, _ = run_json(
        "map",
        folder / "net.npz",
        "--data",
        folder / "test.npz",
        "--out",
        tmp_path / "run",
        "--no-figures",
        "--set",
        "array.word_line_ohm=0",
        "--set",
        "array.bit_line_ohm=0",
    )
    assert code == 0
    assert said["n_test"] == 100
    assert said["test_accuracy"] == said["ideal_accuracy"] == 0.95
    assert {"energy_joule", "latency_s", "area_m2", "run"} <= said.keys()
    assert said["energy_joule"] == pytest.approx(sum(row["energy_joule"] for row in said["cost"]))
    kept = RunDirectory.existing(tmp_path / "run")
    x = np.load(folder / "test.npz")["x"]
    np.testing.assert_array_equal(
        kept.config().kept_network(kept).outputs(x),
        sn.Network.from_arrays(folder / "net.npz").outputs(x),
    )


def test_workers_are_for_arrays_of_mapped_networks_on_the_nodal_engine(folder, tmp_path, run_json):
    files = ("map", folder / "net.npz", "--data", folder / "test.npz", "--out", tmp_path / "run")
    code, _, said = run_json(*files, "--engine", "ngspice", "--workers", "2")
    assert code != 0
    assert "--workers and --scheduler share out arrays for the nodal engine, and this is" in said
    code, _, said = run_json(*files, "--scheduler", "nonsense://nowhere:1")
    assert code != 0
    assert "no Dask scheduler answers at nonsense" in said
    RunDirectory.create(tmp_path / "xpue", load("xpue"), {})
    code, _, said = run_json("infer", tmp_path / "xpue", "--workers", "2")
    assert code != 0
    assert "is no mapped network: --workers and --scheduler share out the arrays" in said


def test_settings_without_effect_are_told(folder, tmp_path, run_json):
    settings = {
        "network.steps": "5",
        "network.dt_s": "2ms",
        "network.reset": "subtract",
        "hardware.adc_noise_lsb": "1",
        "hardware.dac_coding": "bit-serial",
    }
    sets = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    files = ("map", folder / "net.npz", "--data", folder / "test.npz", "--no-figures")
    code, said, _ = run_json(*files, "--out", tmp_path / "run", *sets)
    assert code == 0
    told = [remark.split()[0] for remark in said["remarks"] if "has no effect" in remark]
    assert sorted(told) == sorted(settings)
    for key, value in (("data.step_s", "1ms"), ("data.shape", "[2, 3]")):
        code, _, said = run_json(*files, "--out", tmp_path / "refused", "--set", f"{key}={value}")
        assert code == 2
        assert "holds no recordings of events" in said
    code, said, _ = run_json(
        *files, "--out", tmp_path / "plain", "--set", "network.activation=tanh"
    )
    assert not any("has no effect" in remark for remark in said["remarks"])


@pytest.mark.slow
def test_two_workers_leave_the_same_run_as_one_process(folder, tmp_path, run_json):
    tile = ("array.tile_rows=4", "array.tile_cols=4", "hardware.adc_bits=8")
    sets = [part for each in tile for part in ("--set", each)]
    found = []
    for name, more in (("one", ()), ("two", ("--workers", "2"))):
        run = tmp_path / name
        files = ("map", folder / "net.npz", "--data", folder / "test.npz", "--out", run)
        code, said, _ = run_json(*files, "--no-figures", *sets, *more)
        assert code == 0
        code, again, _ = run_json("infer", run, *more)
        assert code == 0
        predicted = np.load(run / "inference-nodal.npz")["predicted"]
        found.append(
            (said["test_accuracy"], said["energy_joule"], again["energy_joule"], predicted)
        )
    assert found[0][:3] == found[1][:3]
    np.testing.assert_array_equal(found[0][3], found[1][3])


def test_a_run_of_a_map_is_inferred_reported_exported_and_swept(folder, tmp_path, run_json):
    out = tmp_path / "run"
    settings = [
        "--set",
        "hardware.adc_bits=7",
        "--set",
        "hardware.dac_bits=7",
        "--set",
        "hardware.bits_per_cell=5",
        "--set",
        f"data.calibrate={folder / 'train.npz'}",
        "--set",
        "imperfections.stuck_off=0.02",
    ]
    code, said, _ = run_json(
        "map",
        folder / "net.npz",
        "--data",
        folder / "test.npz",
        "--out",
        out,
        "--seed",
        4,
        *settings,
    )
    assert code == 0, said
    assert said["n_test"] == 100
    assert 0.6 < said["test_accuracy"] < 1.0
    assert all(layer["effective_bits"] > 3 for layer in said["layers"])
    assert Path(said["report"]).is_file()
    assert any(path.endswith("cost.png") for path in said["figures"])
    assert run_json("infer", out)[1]["test_accuracy"] == said["test_accuracy"]
    assert run_json("infer", out, "--engine", "ngspice", "--limit", 7)[1]["n_test"] == 7
    assert run_json("report", out, "--out", tmp_path / "report")[0] == 0
    page = (tmp_path / "report" / "report.html").read_text()
    assert "effective bits" in page
    assert "of the same samples on ideal arrays" in page
    assert run_json("netlist", out, "--out", tmp_path / "decks")[0] == 0
    assert (tmp_path / "decks" / "read-1.cir").is_file()
    code, said_of, _ = run_json(
        "netlist", out, "--out", tmp_path / "checked", "--samples", 2, "--check"
    )
    assert code == 0
    (whole,) = [deck for deck in said_of["decks"] if deck["path"].endswith("network.cir")]
    assert whole["checked"]["max_value_error"] < 1e-5
    assert "network.cir" not in said_of["left_out"]
    swept = run_json(
        "sweep",
        out,
        "--over",
        "hardware.adc_bits=3,8",
        "--seeds",
        1,
        "--workers",
        1,
        "--out",
        tmp_path / "sweep",
    )
    assert swept[0] == 0, swept[2]
    again = load(out / "run.toml", {"preset": "again"})
    with sn.NodalEngine() as engine:
        repeated = again.train(engine=engine, out=tmp_path / "again", progress=None, resume=False)
    assert repeated.test_accuracy == said["test_accuracy"]


def test_a_fifth_is_set_aside_for_calibration_where_no_file_is_given(folder, tmp_path, run_json):
    code, said, _ = run_json(
        "map",
        folder / "net.npz",
        "--data",
        folder / "test.npz",
        "--out",
        tmp_path / "r",
        "--no-figures",
        "--set",
        "hardware.adc_bits=8",
    )
    assert (code, said["n_test"]) == (0, 80)


def test_a_network_that_does_not_fit_its_labels_is_told_so(folder, tmp_path, run_json):
    data = np.load(folder / "test.npz")
    np.savez(tmp_path / "other.npz", x=data["x"], y=(data["y"] + 1) % 3)
    code, said, _ = run_json(
        "map",
        folder / "net.npz",
        "--data",
        tmp_path / "other.npz",
        "--out",
        tmp_path / "r",
        "--no-figures",
    )
    assert code == 0
    assert any("are the data scaled" in remark for remark in said["remarks"])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"y": None}, "no labels"),
        ({"x": None}, "no array x"),
        ({"y": np.full(100, 7)}, "label 7"),
        ({"x": np.full((100, 6), np.nan)}, "not finite"),
        ({"x": np.ones((100, 5))}, "takes"),
        ({"y": np.linspace(0, 1, 100)}, "whole numbers"),
        ({"z": np.ones(3)}, "stand for nothing"),
    ],
)
def test_bad_data_end_in_one_line(folder, tmp_path, run, change, word):
    arrays = {
        key: value
        for key, value in (dict(np.load(folder / "test.npz")) | change).items()
        if value is not None
    }
    np.savez(tmp_path / "bad.npz", **arrays)
    code, _, said = run(
        "map",
        folder / "net.npz",
        "--data",
        tmp_path / "bad.npz",
        "--out",
        tmp_path / "r",
        "--no-figures",
    )
    assert code != 0
    assert word in said
    assert "Traceback" not in said


def test_files_that_are_not_there_and_settings_that_are_none_are_wrong_usage(folder, tmp_path, run):
    net, data = folder / "net.npz", folder / "test.npz"
    assert run("map", tmp_path / "no.onnx", "--data", data, "--no-figures")[0] == 2
    assert run("map", net, "--data", tmp_path / "no.npz", "--no-figures")[0] == 2
    code, _, said = run("map", net, "--data", data, "--set", "hardware.adc_bit=3", "--no-figures")
    assert code == 2
    assert "hardware.adc_bits" in said
    code, _, said = run(
        "map",
        net,
        "--data",
        data,
        "--set",
        "hardware.slices=2",
        "--no-figures",
        "--out",
        tmp_path / "r",
    )
    assert code != 0
    assert "bits_per_cell" in said


def test_a_network_too_large_for_one_deck_is_told_so_and_its_layers_still_have_decks(
    folder, tmp_path, run_json
):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "net.npz", w0=rng.normal(size=(6, 400)), w1=rng.normal(size=(400, 3)))
    code, said, _ = run_json(
        "map",
        tmp_path / "net.npz",
        "--data",
        folder / "test.npz",
        "--out",
        tmp_path / "run",
        "--no-figures",
    )
    assert code == 0, said
    code, said, _ = run_json("netlist", tmp_path / "run", "--out", tmp_path / "decks")
    assert code == 0
    assert "layer 'layer0' has 4800 cells" in said["left_out"]["network.cir"]
    assert (tmp_path / "decks" / "read-2.cir").is_file()


def test_changed_samples_are_told_of_and_a_changed_network_is_not_since_the_run_has_its_own(
    folder, tmp_path, run_json
):
    for name in ("net.npz", "test.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    code, said, _ = run_json(
        "map",
        tmp_path / "net.npz",
        "--data",
        tmp_path / "test.npz",
        "--out",
        tmp_path / "run",
        "--no-figures",
    )
    assert code == 0
    arrays = dict(np.load(tmp_path / "net.npz"))
    np.savez(tmp_path / "net.npz", **{name: -values for name, values in arrays.items()})
    _, again, told = run_json("infer", tmp_path / "run")
    assert (again["test_accuracy"], "changed" in told) == (said["test_accuracy"], False)
    data = np.load(tmp_path / "test.npz")
    np.savez(tmp_path / "test.npz", x=data["x"][:50], y=data["y"][:50])
    _, fewer, told = run_json("infer", tmp_path / "run")
    assert fewer["n_test"] == 50
    assert "data.path" in told
    assert "has changed since" in told
    assert "network.path" not in told


def test_mapped_arrays_drift_while_they_rest_and_follow_published_sets(folder, tmp_path, run_json):
    base = [
        "map",
        folder / "net.npz",
        "--data",
        folder / "test.npz",
        "--no-figures",
        "--seed",
        3,
        "--set",
        "array.word_line_ohm=0",
        "--set",
        "array.bit_line_ohm=0",
        "--set",
        "device.r_on=50k",
    ]

    def chip(name, *settings):
        code, said, _ = run_json(
            *base,
            "--out",
            tmp_path / name,
            *[word for one in settings for word in ("--set", f"imperfections.{one}")],
        )
        assert code == 0, said
        with np.load(tmp_path / name / "state.npz") as state:
            states = (
                state["array_array_0_0"]
                if "array_array_0_0" in state
                else next(state[key] for key in state.files if key.endswith("0_0"))
            )
        return said, states

    plain, fresh = chip("plain", "stuck_off=1e-9")
    _, rested = chip("rested", "stuck_off=1e-9", "retention=0.1", "rest_s=1e5")
    assert np.mean(rested != fresh) > 0.4
    noisy, _ = chip("published", "published=rram-wan-2022", "rest_s=1e5")
    assert noisy["layers"][0]["weights_error"] > 3 * plain["layers"][0]["weights_error"] + 0.02
    code, _, _ = run_json(
        *base, "--out", tmp_path / "none", "--set", "imperfections.drift_compensation=true"
    )
    assert code != 0


def test_samples_without_an_answer_are_counted_and_said(folder, tmp_path, run):
    x = np.load(folder / "test.npz")["x"][:30].copy()
    np.savez(tmp_path / "x.npz", x=x, y=np.zeros(30, int))
    x[:7] = 0.0  # all outputs are 0
    np.savez(tmp_path / "tied.npz", x=x, y=np.zeros(30, int))
    np.savez(tmp_path / "net.npz", w0=np.ones((6, 2)) * [1.0, -1.0])
    for data, ties in (("x.npz", False), ("tied.npz", True)):
        words = ("map", tmp_path / "net.npz", "--data", tmp_path / data, "--no-figures")
        code, said, err = run(*map(str, words), "--out", f"run-{data[0]}")
        assert (code, err) == (0, "")
        assert ("7 of 30 without an answer" in said) == ties
        assert ("without an answer" in said) == ties


def test_what_makes_neurons_spike_is_said_of_circuits_of_them_alone():
    mapped, circuits = MapConfig(), load("xpue")
    for config in (None, mapped):
        line = unanswered(9, 10, 0.1, config)
        assert line == "9 of 10 without an answer (no spike, or a tie), counted as wrong"
    assert "neuron.threshold_volts" in unanswered(9, 10, 0.1, circuits)
    assert "neuron" not in unanswered(4, 10, 0.1, circuits)
