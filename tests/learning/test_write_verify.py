"""Write and verify counted from outside: every pulse, every read, every joule, and the error that
is left."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import InputError
from spicesnn.learning.programming import Programmer
from spicesnn.learning.schemes import HalfVoltage
from spicesnn.learning.write_verify import WIDTHS, write_verify
from spicesnn.programming.pulse_map import StepLimits, StrongestPulses

RATE = 5.859375e-5
DEVICE = sn.devices.VTEAM(
    r_on=40e3,
    r_off=120e3,
    v_on=-1.0,
    v_off=1.0,
    k_on=-RATE,
    k_off=RATE,
    alpha_on=1.0,
    alpha_off=1.0,
)
PROGRAMMER = Programmer.for_device(
    DEVICE, HalfVoltage(), set_volts=1.8, reset_volts=1.8, set_s=1e-6, reset_s=1e-6
)


class Watched(sn.NodalEngine):
    """The nodal engine, with what it was asked for and what that took."""

    def __init__(self):
        super().__init__()
        self.reads, self.read_joule, self.pulses, self.write_joule, self.widths = 0, 0.0, 0, 0.0, []

    def read(self, array, row_volts, **lines):
        done = super().read(array, row_volts, **lines)
        self.reads += len(row_volts)
        self.read_joule += float(np.sum(row_volts * done.row_amps)) * 3e-6
        return done

    def pulse(self, array, pulse):
        done = super().pulse(array, pulse)
        self.pulses += 1
        self.write_joule += done.energy_joule
        self.widths.append(pulse.width_s)
        return done


def test_pulses_reads_and_joules_are_those_of_the_engine_and_the_error_is_what_is_left():
    wires = sn.Wires(word_line_ohm=30.0, bit_line_ohm=30.0)
    array = sn.Crossbar(device=DEVICE, state=np.full((3, 4), 1.5e-9), wires=wires)
    wanted = 1 / np.random.default_rng(0).uniform(60e3, 100e3, (3, 4))
    engine, tolerance = Watched(), 5e-8
    rng = np.random.default_rng(1)
    done = write_verify(
        engine, PROGRAMMER, array, wanted, rng, tolerance=tolerance, read_volts=0.15, read_s=3e-6
    )
    assert (done.pulses, done.reads) == (engine.pulses, engine.reads)
    assert done.reads % 3 == 0
    assert done.write_joule == pytest.approx(engine.write_joule, rel=1e-12)
    assert done.read_joule == pytest.approx(engine.read_joule, rel=1e-9)
    seen = sn.NodalEngine().read(done.array, 0.15 * np.eye(3)).column_amps / 0.15
    assert done.largest_error == pytest.approx(np.abs(wanted - seen).max(), rel=1e-6)
    assert done.largest_error <= tolerance
    assert max(engine.widths) == pytest.approx(32e-6)  # coarse pulses first
    widths = np.array(engine.widths)
    assert np.all(np.diff(widths) <= 1e-18)
    assert tuple(2.0**k for k in range(5, -11, -1)) == WIDTHS


def test_cells_within_the_tolerance_are_left_alone():
    array = sn.Crossbar(device=DEVICE, state=np.full((2, 2), 1.5e-9), wires=sn.Wires.ideal())
    wanted = np.full((2, 2), 1 / 80e3)
    wanted[0, 1] += 4e-7
    engine = Watched()
    done = write_verify(
        engine, PROGRAMMER, array, wanted, np.random.default_rng(0), tolerance=1e-7, read_volts=0.1
    )
    moved = done.array.state != array.state
    assert moved.tolist() == [[False, True], [False, False]]
    none = write_verify(
        engine,
        PROGRAMMER,
        done.array,
        wanted,
        np.random.default_rng(0),
        tolerance=1e-7,
        read_volts=0.1,
    )
    assert (none.pulses, none.reads, none.write_joule) == (0, 2, 0.0)
    for shape, tolerance in (((2, 3), 1e-7), ((2, 2), 0.0), ((2, 2), -1.0)):
        with pytest.raises(InputError, match=r"expected \(2, 2\) and siemens above 0"):
            write_verify(
                engine,
                PROGRAMMER,
                array,
                np.ones(shape),
                np.random.default_rng(0),
                tolerance=tolerance,
                read_volts=0.1,
            )


def test_the_largest_steps_are_those_of_the_rate_and_conductances_are_chords():
    """A cell alone under a square pulse: dx/dt is k·(V/V_th − 1) while it is inside, so R moves by
    (R_off − R_on)·Δx/w."""
    pulses = StrongestPulses(set_volts=1.4, reset_volts=1.6, set_s=2e-6, reset_s=1e-6)
    limits = StepLimits.solved(DEVICE, sn.NodalEngine(state_tolerance=1e-7), pulses)
    assert limits.at[[0, -1]] == pytest.approx([1 / 120e3, 1 / 40e3])
    assert np.ptp(np.diff(limits.at)) < 1e-12
    ohm = 1 / limits.at
    inside = (ohm > 60e3) & (ohm < 100e3)
    less, more = 80e3 * RATE * 0.4 * 2e-6 / 3e-9, 80e3 * RATE * 0.6 * 1e-6 / 3e-9
    np.testing.assert_allclose(limits.up[inside], (1 / (ohm - less) - 1 / ohm)[inside], rtol=1e-4)
    np.testing.assert_allclose(limits.down[inside], (1 / (ohm + more) - 1 / ohm)[inside], rtol=1e-4)
    cubic = sn.devices.registry.make("pai-yu-chen")
    low, high = (float(b) for b in cubic.bounds())
    array = sn.Crossbar(
        device=cubic, state=np.array([[0.7 * low + 0.3 * high]]), wires=sn.Wires.ideal()
    )
    chord = cubic.chord_conductance(array.state_or_zeros(), v=0.4)[0, 0]
    assert chord == pytest.approx(
        float(cubic.current(0.4, 0.7 * low + 0.3 * high)) / 0.4, rel=1e-12
    )
