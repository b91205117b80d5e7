"""How updates are programmed: one pulse a change, written and verified, sample by sample, through
transistors; and that all of it is counted."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import ConfigError
from spicesnn.learning.schemes import plan
from spicesnn.training import RunDirectory, load, train
from spicesnn.training.experiment import Experiment
from spicesnn.training.state import History
from spicesnn.training.writing import programmed, stepped

NOISY = ["imperfections.cycle_to_cycle=0.5"]
CELL_1T1R = [
    "device.model=1t1r",
    "device.r_on=10k",
    "device.r_off=100k",
    "device.v_on=-0.5",
    "device.v_off=0.5",
    "device.k_on=-2.4e-7",
    "device.k_off=2.4e-7",
    "device.alpha_on=1",
    "device.alpha_off=1",
    "programming.scheme=gated",
    "encoding.gate_volts=1.28",
    "programming.gate_on_volts=2.5",
    "imperfections.parameters=[]",
    "imperfections.spread=[]",
]


class CountingEngine(sn.NodalEngine):
    """Counts what it is asked for."""

    def __init__(self):
        super().__init__()
        self.inputs, self.pulses, self.joule = 0, 0, 0.0

    def read(self, array, row_volts, **others):
        self.inputs += len(np.atleast_2d(row_volts))
        return super().read(array, row_volts, **others)

    def pulse(self, array, stimulus):
        done = super().pulse(array, stimulus)
        self.pulses += 1
        self.joule += done.energy_joule
        return done


def after_one_update(overrides, writing):
    """Return conductances before and after one update of every second cell, their wanted
    directions, and the state."""
    experiment = Experiment.of(load("letters-3x3", overrides))
    state = experiment.start()
    changes = np.zeros(experiment.shape, dtype=np.int8)
    changes.flat[::2] = np.tile([1, -1], changes.size // 4)
    before = experiment.layers[0].siemens(state.devices)
    after = writing(experiment, state, changes)
    return before, experiment.layers[0].siemens(after.devices), changes, after


def test_written_and_verified_steps_are_alike_although_pulses_are_not():
    engine = sn.NodalEngine()
    step = 0.03
    before, after, changes, state = after_one_update(
        [*NOISY, f"programming.verify_step={step}"],
        lambda e, s, c: stepped(e, engine, s, History(), [c]),
    )
    span = Experiment.of(load("letters-3x3")).layers[0].window.span
    moved = (after - before) / span
    inside = (before > 1.5e-5) & (before < 9.5e-5)
    # What a cell reads has the wires in it: steps of its own conductance are a little larger.
    assert np.abs(moved - step * changes)[inside].max() < 0.3 * step
    assert state.pulses > 4
    assert state.reads > 2 * 10
    before, after, changes, state = after_one_update(
        NOISY, lambda e, s, c: programmed(e, engine, s, History(), [plan(c)])
    )
    once = (after - before) / span
    assert np.std(once[changes > 0]) > 3 * np.std(moved[(changes > 0) & inside])
    assert state.pulses == 4
    assert state.reads == 0


@pytest.mark.parametrize(
    "overrides",
    [
        ["programming.verify_step=0.03", *NOISY],
        ["programming.verify_step=0.03", "learning.fraction=0.5"],
        [
            "training.batch=1",
            "training.epochs=6",
            "training.stop_when_right=false",
            "programming.set_s=100e-6",
            "programming.reset_s=100e-6",
        ],
        CELL_1T1R,
    ],
    ids=["verified", "verified-subset", "sample by sample", "1t1r"],
)
def test_letters_are_learnt_and_every_pulse_read_and_joule_is_counted(tmp_path, overrides):
    engine = CountingEngine()
    summary = train(load("letters-3x3", overrides), engine=engine, out=tmp_path / "run", rng_seed=1)
    history = RunDirectory.existing(summary.run).history()
    assert summary.test_accuracy >= 0.9
    assert summary.extra["pulses"] == engine.pulses == history["pulses"].sum()
    assert summary.extra["write_joule"] == pytest.approx(engine.joule)
    assert history["write_joule"].sum() == pytest.approx(engine.joule)
    if "device.model=1t1r" in overrides:
        assert summary.extra["reads"] == engine.inputs
    if "training.batch=1" in overrides:  # accuracies in between are not the network's own reads
        assert summary.extra["reads"] == 6 * 30 + 30
    verified = "verify_joule" in history
    assert verified == any("verify_step" in text for text in overrides)
    spent = history["read_joule"].sum() + (history["verify_joule"].sum() if verified else 0.0)
    assert spent < summary.extra["read_joule"] < 1.6 * spent + 1e-6


def test_cells_with_a_transistor_are_read_where_their_conductances_count():
    with pytest.raises(
        ConfigError, match=r"encoding.gate_volts = 0.0 V; 1t1r cells count at 1.28 V on their gates"
    ):
        Experiment.of(load("letters-3x3", [*CELL_1T1R, "encoding.gate_volts=0"]))


def test_the_gate_keeps_cells_that_are_not_selected(tmp_path):
    """A transistor that is off: the other word lines' cells do not move at all, though their bit
    lines do."""
    experiment = Experiment.of(load("letters-3x3", CELL_1T1R))
    state = experiment.start()
    changes = np.zeros(experiment.shape, dtype=np.int8)
    changes[3, 2] = 1
    after = programmed(experiment, sn.NodalEngine(), state, History(), [plan(changes)])
    moved = np.abs(after.devices - state.devices)
    assert moved[3, 2] > 2e-11
    moved[3, 2] = 0.0
    assert moved.max() < 1e-3 * 2e-11
