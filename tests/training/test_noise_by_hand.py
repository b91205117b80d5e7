"""What is random in a run is drawn once, with the size that was asked for: in reads, in pulses, at
rest."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.learning.schemes import Step
from spicesnn.training import RunDirectory, infer, load, train
from spicesnn.training.experiment import Experiment
from spicesnn.training.state import History
from spicesnn.training.writing import programmed

IDEAL = {"array.word_line_ohm": 0.0, "array.bit_line_ohm": 0.0, "network.initial": [0.4, 0.6]}


def experiment_of(**settings):
    return Experiment.of(
        load("letters-3x3", {**IDEAL, **{k.replace("__", "."): v for k, v in settings.items()}})
    )


def test_read_noise_of_every_cell_adds_up_once_in_a_neurons_current():
    """Differences of two columns of independent cells: Var I = σ²·Σ (V·G)² over both columns, the
    mean is that of quiet cells."""
    e, quiet = experiment_of(imperfections__read_noise=0.03), experiment_of()
    inputs = np.tile(e.problem.train.inputs[3], (2000, 1))
    devices = quiet.fresh_devices()
    amps = e.forward(sn.NodalEngine(), devices, inputs, 0).amps[0]
    still = quiet.forward(sn.NodalEngine(), devices, inputs[:1], 0).amps[0][0]
    siemens, volts = quiet.layers[0].siemens(devices), e.row_volts(inputs[:1])[0]
    squares = (0.03 * volts[:, None] * siemens) ** 2
    expected = np.sqrt(squares[:, 0::2].sum(axis=0) + squares[:, 1::2].sum(axis=0))
    np.testing.assert_allclose(amps.std(axis=0), expected, rtol=0.07)
    assert np.all(np.abs(amps.mean(axis=0) - still) < 4 * expected / np.sqrt(2000))
    assert (
        np.abs(np.corrcoef(amps[:-1, 0], amps[1:, 0])[0, 1]) < 0.09
    )  # every input sees cells of its own


def test_inputs_that_are_read_alike_see_the_same_cells():
    e = experiment_of(imperfections__read_noise=0.03, imperfections__reads_alike=5)
    inputs = np.tile(e.problem.train.inputs[3], (20, 1))
    amps = e.forward(sn.NodalEngine(), e.fresh_devices(), inputs, 0).amps[0]
    assert len(np.unique(amps[:, 0].round(12))) == 4
    np.testing.assert_allclose(
        amps.reshape(4, 5, -1), amps.reshape(4, 5, -1)[:, :1].repeat(5, axis=1), rtol=1e-9
    )


def test_telegraph_noise_lowers_a_full_traps_cell_once():
    """Each cell lacks a tenth in a quarter of the reads: the mean current is 1 − 0.025 of the quiet
    one."""
    e = experiment_of(
        imperfections__telegraph=0.1,
        imperfections__telegraph_capture_s=3e-3,
        imperfections__telegraph_emission_s=1e-3,
    )
    quiet, inputs = experiment_of(), np.ones((1000, 9))
    devices = quiet.fresh_devices()
    read = e.imperfections.before_read(quiet.array_of(devices), np.random.default_rng(0))
    factors = read.cell_conductance() / quiet.array_of(devices).cell_conductance()
    assert set(np.round(factors, 9).ravel()) == {0.9, 1.0}
    power = e.forward(sn.NodalEngine(), devices, inputs, 0).energy_joule
    assert power / quiet.forward(
        sn.NodalEngine(), devices, inputs, 0
    ).energy_joule == pytest.approx(0.975, abs=4e-3)


def test_the_spread_of_pulses_is_that_of_one_draw_a_cell_and_pulse():
    e, quiet = experiment_of(imperfections__cycle_to_cycle=0.2), experiment_of()
    state, rows = quiet.start(), np.ones(10, dtype=bool)
    steps = [[Step(rows=rows, columns=np.ones(6, dtype=bool), raising=True)]]
    wanted = programmed(quiet, sn.NodalEngine(), state, History(), steps).devices - state.devices
    ratios = []
    for update in range(60):
        begun = e.start(state.devices)
        begun = type(begun)(devices=begun.devices, updates=update, wear=begun.wear)
        ratios.append(
            (programmed(e, sn.NodalEngine(), begun, History(), steps).devices - state.devices)
            / wanted
        )
    ratios = np.array(ratios)
    assert ratios.std() == pytest.approx(0.2, rel=0.05)
    assert ratios.mean() == pytest.approx(1.0, abs=0.015)
    assert np.abs(np.corrcoef(ratios[:, 0, 0], ratios[:, 0, 1])[0, 1]) < 0.4


def test_the_array_rests_once_between_training_and_test(tmp_path):
    """G falls by (1 + t/t₀)^−ν before the test, in training and in inference alike; the states that
    are kept have not rested."""
    settings = {
        "training.epochs": 1,
        "training.stop_when_right": False,
        "imperfections.retention": 0.05,
        "imperfections.rest_s": 99.0,
    }
    rested = train(
        load("letters-3x3", {**IDEAL, **settings}),
        engine=sn.NodalEngine(),
        out=tmp_path / "rested",
        rng_seed=1,
    )
    settings["imperfections.rest_s"] = 0.0
    fresh = train(
        load("letters-3x3", {**IDEAL, **settings}),
        engine=sn.NodalEngine(),
        out=tmp_path / "fresh",
        rng_seed=1,
    )
    runs = [RunDirectory.existing(summary.run) for summary in (rested, fresh)]
    np.testing.assert_array_equal(runs[0].load_state().devices, runs[1].load_state().devices)
    amps = [run.history()["output_amps"] for run in runs]
    siemens = runs[1].history()["conductance_after"]
    assert (
        siemens.min() * 100**-0.05 > 1 / experiment_of().device.r_off
    )  # no cell reaches the end of its window
    np.testing.assert_allclose(amps[0], amps[1] * 100**-0.05, rtol=1e-6)
    infer(tmp_path / "rested")
    again = np.load(tmp_path / "rested" / "inference-nodal.npz")["output_amps"]
    np.testing.assert_allclose(again[: len(amps[0])], amps[0], rtol=1e-9)
