"""Statistics of imperfect cells against their definitions: independent draws, cuts, lives and rests
with every number away from its default."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.cycles import refitted
from spicesnn.crossbar.faults import Endurance, StuckMap, Wear
from spicesnn.crossbar.noise import CycleToCycle, ReadNoise, RetentionDrift
from spicesnn.learning.compensation import compensate

DEVICE = sn.devices.LinearDrift(r_on=1e4, r_off=1e6)


def cells(state, shape=(200, 200), **more):
    return sn.Crossbar(device=DEVICE, state=np.full(shape, state), wires=sn.Wires.ideal(), **more)


def test_the_two_spreads_of_a_pulse_are_drawn_apart_and_end_at_the_bounds():
    rng, before = np.random.default_rng(0), cells(0.5)
    both = CycleToCycle(relative=0.3, of_range=0.04).after_pulse(before, cells(0.6), rng)
    steps = both.state - 0.5
    assert steps.std() == pytest.approx(np.hypot(0.3 * 0.1, 0.04), rel=0.02)
    assert steps.mean() == pytest.approx(0.1, rel=0.01)
    down = CycleToCycle(of_range=0.04).after_pulse(before, cells(0.4), rng).state
    assert down.mean() == pytest.approx(0.4, rel=0.01)
    ends = CycleToCycle(of_range=0.2).after_pulse(cells(0.9), cells(0.95), rng).state
    assert ends.max() == 1.0
    assert (ends == 1.0).mean() == pytest.approx(0.401, abs=0.01)  # a quarter of a deviation below
    assert ends.min() < 0.5


def test_noise_of_a_read_never_turns_a_current_round():
    rng, array = np.random.default_rng(1), cells(0.5)
    ratio = (
        ReadNoise(relative=0.5).before_read(array, rng).cell_conductance()
        / array.cell_conductance()
    )
    assert ratio.min() == 0.0
    assert (ratio == 0).mean() == pytest.approx(0.0228, abs=0.003)  # beyond two deviations
    assert np.quantile(ratio, [0.1587, 0.5, 0.8413]) == pytest.approx([0.5, 1.0, 1.5], abs=0.02)


def test_exponents_of_drift_spread_in_proportion_and_never_rise():
    rng = np.random.default_rng(2)
    drift = RetentionDrift(exponent=0.04, spread=0.5, t0_s=20.0)
    nu = drift.exponents((200, 200), rng)
    assert nu.min() == 0.0
    assert (nu == 0).mean() == pytest.approx(0.0228, abs=0.003)
    assert np.quantile(nu, [0.1587, 0.5, 0.8413]) == pytest.approx([0.02, 0.04, 0.06], abs=6e-4)
    array = cells(0.7, (2, 3), stuck=np.array([[True, False, False], [False, False, True]]))
    later = drift.rested(array, 180.0, since_s=80.0).cell_conductance() / array.cell_conductance()
    fallen = (280.0 / 100.0) ** -0.04  # from 20 + 80 s to 20 + 80 + 180 s
    assert later == pytest.approx(np.array([[1, fallen, fallen], [fallen, fallen, 1]]), rel=1e-9)


def test_lives_are_log_normal_and_spent_by_swings():
    endurance = Endurance(swings=300.0, spread=0.4, on_share=0.2)
    wear = endurance.fresh((200, 200), np.random.default_rng(3))
    lives = np.log(wear.limit / 300.0)
    assert (lives.mean(), lives.std()) == pytest.approx((0.0, 0.4), abs=0.01)
    assert abs(np.mean((lives / lives.std()) ** 3)) < 0.06
    assert wear.fails_on.mean() == pytest.approx(0.2, abs=0.01)
    some = Wear(
        cycles=np.array([[0.5, 0.5, 0.5]]),
        limit=np.array([[0.6, 0.85, 0.9]]),
        fails_on=np.array([[True, False, True]]),
    )
    before, after = cells(0.7, (1, 3)), cells(0.4, (1, 3))
    aged, worn = endurance.aged(some, before, after)
    assert worn.cycles == pytest.approx(np.full((1, 3), 0.8))
    assert worn.dead.tolist() == [[True, False, False]]
    assert aged.stuck.tolist() == [[True, False, False]]
    assert aged.state == pytest.approx(np.array([[1.0, 0.4, 0.4]]))
    aged, worn = endurance.aged(worn, aged, aged.with_state(np.array([[1.0, 0.3, 0.3]])))
    assert worn.cycles == pytest.approx(np.array([[0.8, 0.9, 0.9]]))
    assert aged.stuck.tolist() == [[True, True, False]]
    assert aged.state == pytest.approx(np.array([[1.0, 0.0, 0.3]]))


def test_stuck_cells_add_to_those_that_were_stuck():
    array = StuckMap.from_codes([[1, 0, 0]]).applied(cells(0.5, (1, 3)))
    both = StuckMap.from_codes([[0, -1, 0]]).applied(array)
    assert both.stuck.tolist() == [[True, True, False]]
    assert both.state.tolist() == [[1.0, 0.0, 0.5]]
    rng = np.random.default_rng(4)
    few = StuckMap.drawn((300, 300), rng, on=0.3, off=0.1, still=0.05)
    assert not np.any(few.on & few.off)
    assert not np.any(few.still & (few.on | few.off))
    assert [mask.mean() for mask in (few.on, few.off, few.still)] == pytest.approx(
        [0.3, 0.1, 0.05], abs=6e-3
    )


def test_a_compensation_says_what_it_found_and_what_it_left():
    """Recomputed from a read of each word line alone."""
    rng = np.random.default_rng(5)
    window = sn.crossbar.mapping.Window(low=1e-6, high=1e-4)
    wires = sn.Wires(word_line_ohm=8.0, bit_line_ohm=5.0)
    wanted = rng.uniform(1e-5, 0.99e-4, (9, 7))
    done = compensate(wanted, window, wires)

    def off(siemens):
        array = sn.Crossbar(conductance=siemens, wires=wires)
        seen = sn.NodalEngine().read(array, np.eye(9)).column_amps
        return np.sqrt(np.mean((seen - wanted) ** 2)) / 99e-6

    assert done.error_before == pytest.approx(off(wanted), rel=1e-6)
    assert done.error_after == pytest.approx(off(done.siemens), rel=1e-6)
    assert done.error_after < 0.3 * done.error_before
    assert done.clipped == (done.siemens >= window.high).sum() > 0
    assert done.siemens.max() == window.high
    full = wanted.copy()
    full[0, :3] = window.high
    again = compensate(full, window, wires)
    assert again.clipped == ((again.siemens >= window.high) & (full < window.high)).sum()
    assert again.clipped < (again.siemens >= window.high).sum()
    once = compensate(wanted, window, wires, most_rounds=1)
    assert (once.rounds, once.error_after) == (1, once.error_before)
    assert np.array_equal(once.siemens, wanted)
    assert 2 < compensate(wanted, window, wires, most_rounds=3).rounds == 3


def test_cells_keep_their_place_in_a_range_that_is_another():
    """A quarter of the way from the least resistance to the largest, cell by cell."""
    device = sn.devices.PershinDiVentra(r_on=1e3, r_off=9e3)
    array = sn.Crossbar(device=device, state=np.array([[1e3, 3e3, 9e3]]))
    wide = device.with_parameters(r_off=np.array([[17e3, 17e3, 5e3]]))
    assert refitted(array, wide).state == pytest.approx(np.array([[1e3, 5e3, 5e3]]))
