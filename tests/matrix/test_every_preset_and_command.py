"""Every preset, on every engine, through every command, at small settings: it works, or says in a
line why it cannot."""

import json
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.cli import main
from spicesnn.crossbar.stimulus import CheckedWaveform, Levels, Waveform
from spicesnn.learning.metrics import first_to_spike
from spicesnn.netlist.batch import BatchResult, read_raw
from spicesnn.netlist.network import first_spikes
from spicesnn.netlist.pulse_deck import pulse_deck
from spicesnn.options import render_toml
from spicesnn.reporting.decks import circuits
from spicesnn.training import RunDirectory, preset_names

SMALL = tomllib.loads(Path(__file__).with_name("short_presets.toml").read_text(encoding="utf-8"))
STREAMS = ("stdp-mnist", "stdp-simple", "stdp-digits", "bp-mnist", "deep-mnist")
OVER = dict.fromkeys(SMALL, "array.word_line_ohm=0,1") | {
    "stdp-simple": "population.neurons.neurons=6,10",
    "stdp-mnist": "population.neurons.neurons=6,10",
}
SAMPLES = 2
ENGINES = ("nodal", "ngspice")
FAST = ("manhattan-4x4", "exsitu-xor")
"""Crossbars that ngspice trains in a second or two."""
LAYERS = {"exsitu-xor": 2, "exsitu-mnist": 2, "bp-mnist": 2, "deep-mnist": 3}


def cells(*fast_on_ngspice):
    """Return every preset on every engine, those marked slow that are."""
    pairs = [(preset, engine) for preset in SMALL for engine in ENGINES]
    return [
        pytest.param(
            *pair,
            marks=pytest.mark.slow
            if pair[1] == "ngspice" and pair[0] not in fast_on_ngspice
            else (),
            id="-".join(pair),
        )
        for pair in pairs
    ]


def presets(*slow, without=""):
    return [
        pytest.param(preset, marks=pytest.mark.slow if preset in slow else ())
        for preset in SMALL
        if preset != without
    ]


def settings(preset):
    return [
        word
        for key, value in SMALL[preset].items()
        for word in ("--set", f"{key}={json.dumps(value)}")
    ]


@pytest.fixture
def command(capfd):
    """Run a command with --json; it ends with 0, or with 1 or 2 and one or two lines that are no
    defect of ours."""

    def call(*arguments):
        capfd.readouterr()  # what the run of a fixture has printed
        code = main([*map(str, arguments), "--json"])
        out, err = capfd.readouterr()
        answer = json.loads(out)
        if code:
            assert code in (1, 2), answer
            assert "defect" not in answer["error"]
            assert "Traceback" not in err
            assert 1 <= len(answer["error"].splitlines()) <= 2
        return code, answer

    return call


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return the run of a preset on an engine, trained once for all commands that need one."""
    folder, made = tmp_path_factory.mktemp("matrix"), {}

    def run(preset, engine):
        if (preset, engine) not in made:
            made[preset, engine] = folder / f"{preset}-{engine}"
            arguments = [
                "train",
                preset,
                "--engine",
                engine,
                "--seed",
                "3",
                "--no-figures",
                "--out",
                str(made[preset, engine]),
                *settings(preset),
            ]
            assert main(arguments) == 0
        return made[preset, engine]

    return run


def bare(text, folder):
    """Run a deck by nothing but ``ngspice -b`` and return its vectors."""
    (folder / "deck.cir").write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["ngspice", "-b", "-r", "deck.raw", "deck.cir"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return read_raw(folder / "deck.raw")


def agrees(circuit, folder, engine):
    """Compare a deck's vectors with what the engine answers to the same circuit."""
    found, array = bare(circuit.text, folder), circuit.array
    match circuit.applied:
        case Levels() as levels:
            amps = engine.read(array, levels.row_volts, gate_volts=levels.gate_volts).column_amps
            got = np.stack([found[f"i(vc{column})"] for column in range(array.cols)], axis=1)
            np.testing.assert_allclose(got, amps, rtol=1e-6, atol=1e-9 * np.abs(amps).max())
        case CheckedWaveform() as waveform:
            lines = {
                "floating_rows": waveform.floating_rows,
                "floating_columns": waveform.floating_columns,
                "gate_volts": waveform.gate_volts,
            }
            pulse = Waveform(
                time_s=waveform.time_s,
                row_volts=waveform.row_volts,
                column_volts=waveform.column_volts,
                **lines,
            )
            after, states = (
                engine.pulse(array, pulse).state.reshape(-1, *array.shape),
                pulse_deck(array, waveform).states,
            )
            low, high = (
                np.asarray(bound, dtype=float).reshape(-1) for bound in array.device.bounds()
            )
            for k, (nodes, scale) in enumerate(zip(states.nodes, states.scale, strict=True)):
                got = scale * np.array([[found[f"v({node})"][-1] for node in row] for row in nodes])
                np.testing.assert_allclose(got, after[k], atol=1e-3 * (high - low)[k % low.size])
        case network:
            threshold, period = network.threshold_volts, network.period_s
            tau_s = (period - network.window_s) / 12
            got = (
                first_spikes(
                    BatchResult(vectors=found, log=""),
                    network.deck,
                    threshold,
                    period,
                    len(network.spike_times),
                )
                - network.edge_s / 2
            )
            got = np.where(got <= network.window_s, got, np.inf)
            np.testing.assert_array_equal(np.isfinite(got), np.isfinite(network.spike_times))
            spiked = np.isfinite(got)
            np.testing.assert_allclose(got[spiked], network.spike_times[spiked], atol=1e-3 * tau_s)
            np.testing.assert_array_equal(
                first_to_spike(got, 1e-6), first_to_spike(network.spike_times, 1e-6)
            )


def test_the_matrix_has_every_preset():
    assert sorted(SMALL) == preset_names()


@pytest.mark.parametrize(("preset", "engine"), cells(*FAST, *STREAMS))
def test_training_and_inference(preset, engine, trained, command):
    run = trained(preset, engine)
    answered = RunDirectory.existing(run).metrics()
    code, again = command("infer", run, "--engine", engine)
    assert code == 0
    assert (again["test_accuracy"], again["n_test"]) == (
        answered["test_accuracy"],
        answered["n_test"],
    )


@pytest.mark.parametrize(("preset", "engine"), cells())
def test_starts(preset, engine, tmp_path, command):
    code, answer = command(
        "train",
        preset,
        "--starts",
        2,
        "--engine",
        engine,
        "--no-figures",
        "--out",
        tmp_path / "many",
        *settings(preset),
    )
    if preset in STREAMS:
        assert code == 2
        assert f"spicesnn sweep {preset}" in answer["error"]
    else:
        assert (code, answer["starts"]) == (0, 2)


@pytest.mark.parametrize(("preset", "engine"), cells())
def test_sweeps(preset, engine, tmp_path, command):
    code, answer = command(
        "sweep",
        preset,
        "--over",
        OVER[preset],
        "--engine",
        engine,
        "--out",
        tmp_path / "sweep",
        *settings(preset),
    )
    assert code == 0, answer
    assert len(answer["points"]) == 2


@pytest.mark.parametrize("preset", presets("digits-3x5", "xpue", "mnist-10x10"))
def test_decks_of_a_preset_run_in_a_bare_ngspice(preset, tmp_path):
    overrides = {key: json.dumps(value) for key, value in SMALL[preset].items()}
    found = circuits(preset, overrides, samples=SAMPLES)
    assert_decks(preset, found, tmp_path)


@pytest.mark.parametrize("preset", presets("digits-3x5", "xpue", "mnist-10x10"))
def test_decks_of_a_trained_run_run_in_a_bare_ngspice(preset, trained, tmp_path):
    assert_decks(preset, circuits(str(trained(preset, "nodal")), {}, samples=SAMPLES), tmp_path)


def assert_decks(preset, found, tmp_path):
    layers = LAYERS.get(preset, 1)
    names = [circuit.name for circuit in found.circuits]
    assert [name for name in names if name.startswith("read")] == (
        ["read"] if layers == 1 else [f"read-{k + 1}" for k in range(layers)]
    )
    pulses = [name for name in names if name.startswith("pulse")]
    assert bool(pulses) != any(name.startswith("pulse") for name in found.left_out)
    assert (
        ("network" in names)
        == (layers == 1 and preset not in STREAMS)
        == ("network.cir" not in found.left_out)
    )
    with sn.NodalEngine() as engine:
        for circuit in found.circuits:
            (folder := tmp_path / circuit.name).mkdir()
            agrees(circuit, folder, engine)


def test_hidden_layers_that_learn_in_situ_have_a_pulse_an_array(tmp_path):
    overrides = {"network.hidden": "[4]", "network.hidden_ohm": "1e5", "training.updates": "1"}
    found = circuits("letters-3x3", overrides, samples=SAMPLES)
    assert [circuit.name for circuit in found.circuits] == [
        "read-1",
        "read-2",
        "pulse-1",
        "pulse-2",
    ]
    assert [circuit.array.shape for circuit in found.circuits] == [(10, 8), (5, 6)] * 2
    with sn.NodalEngine() as engine:
        for circuit in found.circuits:
            (folder := tmp_path / circuit.name).mkdir()
            agrees(circuit, folder, engine)


def test_weights_that_are_written_and_verified_have_a_pulse_an_array():
    overrides = {"exsitu.restarts": "1", "exsitu.epochs": "5", "exsitu.write_verify": "true"}
    found = circuits("exsitu-xor", overrides)
    assert [circuit.name for circuit in found.circuits] == [
        "read-1",
        "read-2",
        "pulse-1",
        "pulse-2",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "engine"), cells())
def test_netlist_and_report(preset, engine, trained, tmp_path, command):
    run = trained(preset, engine)
    code, answer = command("netlist", run, "--out", tmp_path / "decks")
    assert code == 0
    assert all(deck["cards"] > 10 for deck in answer["decks"])
    code, answer = command("report", run)
    assert code == 0
    assert answer["bytes"] > 50_000
    assert (run / "report.html").is_file()


def test_a_run_of_one_kind_is_not_taken_for_another(tmp_path, trained, command):
    run = trained("letters-3x3", "nodal")
    text = {**RunDirectory.existing(run).config().to_tables(), "kind": "network"}
    other = tmp_path / "other"
    other.mkdir()
    for file in run.glob("*.*"):
        (other / file.name).write_bytes(file.read_bytes())
    (other / "run.toml").write_text(
        render_toml(
            {
                key: value
                for key, value in text.items()
                if key in ("kind", "preset", "seed", "engine")
            }
        )
    )
    for name in ("infer", "netlist", "report"):
        code, answer = command(name, other, "--out", tmp_path / name)
        assert code == 1
        assert "another configuration" in answer["error"]
