"""Neurons inside one transient against the same neurons between many pulses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.engines.ngspice.closed_loop import Loop, LoopResult, closed_loop, segmented
from spicesnn.errors import InputError
from spicesnn.neurons.lif import LIF

WIRES = sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0, driver_ohm=5.0, sense_ohm=5.0)
PERIODS = 40


@pytest.fixture(scope="module")
def ngspice() -> Iterator[sn.NgspiceEngine]:
    with sn.NgspiceEngine() as engine:
        yield engine


def set_up() -> tuple[sn.Crossbar, Loop]:
    """Spikes of 0.12 V on the word lines; the feedback of 0.5 V sets the cells of a neuron that
    fired, the more the less input they have."""
    rng = np.random.default_rng(3)
    array = sn.Crossbar(
        device=sn.devices.VTEAM(), state=rng.uniform(1.5e-9, 2.8e-9, (5, 3)), wires=WIRES
    )
    inputs = 0.12 * (rng.random((PERIODS, 5)) < 0.5)
    neuron = LIF(tau_s=20e-12, resistance_ohm=1e3, threshold_volts=0.25)
    return array, Loop(
        neuron=neuron, row_volts=inputs, clock_s=4e-12, feedback_volts=0.5, feedback_periods=2
    )


@pytest.fixture(scope="module")
def both(ngspice: sn.NgspiceEngine) -> tuple[LoopResult, LoopResult]:
    array, loop = set_up()
    return closed_loop(ngspice, array, loop), segmented(ngspice, array, loop)


def test_neurons_spike_and_cells_learn(both: tuple[LoopResult, LoopResult]) -> None:
    array, _ = set_up()
    once, _ = both
    assert 3 <= once.spikes.sum() < PERIODS
    assert np.abs(once.array.state_or_zeros() - array.state_or_zeros()).max() > 0.05 * 3e-9
    assert once.spikes.shape == (PERIODS, 3)


def test_one_transient_does_what_many_pulses_do(both: tuple[LoopResult, LoopResult]) -> None:
    once, many = both
    assert np.array_equal(once.spikes, many.spikes)
    assert np.array_equal(once.column_volts, many.column_volts)
    assert np.abs(once.array.state_or_zeros() - many.array.state_or_zeros()).max() <= 1e-3 * 3e-9
    np.testing.assert_allclose(
        once.mean_amps, many.mean_amps, atol=2e-3 * np.abs(many.mean_amps).max()
    )


def test_the_nodal_engine_spikes_alike(both: tuple[LoopResult, LoopResult]) -> None:
    array, loop = set_up()
    reference = segmented(sn.NodalEngine(), array, loop)
    assert np.array_equal(both[0].spikes, reference.spikes)
    assert (
        np.abs(both[0].array.state_or_zeros() - reference.array.state_or_zeros()).max()
        <= 1e-3 * 3e-9
    )


def test_a_spike_is_answered_in_the_next_period(both: tuple[LoopResult, LoopResult]) -> None:
    once, _ = both
    period, column = np.argwhere(once.spikes)[0]
    assert np.all(once.column_volts[: period + 1, column] == 0)
    assert np.all(once.column_volts[period + 1 : period + 3, column] == 0.5)


def test_a_loop_that_does_not_fit_is_refused(ngspice: sn.NgspiceEngine) -> None:
    array, loop = set_up()
    with pytest.raises(InputError, match="this array has 2"):
        closed_loop(
            ngspice, sn.Crossbar(device=sn.devices.VTEAM(), shape=(2, 2), wires=sn.Wires()), loop
        )
    with pytest.raises(InputError, match="clock_s"):
        Loop(neuron=loop.neuron, row_volts=loop.row_volts, clock_s=0.0, feedback_volts=0.1)
    with pytest.raises(InputError, match="row_volts has shape"):
        Loop(neuron=loop.neuron, row_volts=np.ones(3), clock_s=1e-9, feedback_volts=0.1)
    with pytest.raises(InputError, match="period or more"):
        Loop(
            neuron=loop.neuron,
            row_volts=loop.row_volts,
            clock_s=1e-9,
            feedback_volts=0.1,
            feedback_periods=0,
        )
    assert array.rows == 5
