from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.faults import Endurance, StuckMap, end_states
from spicesnn.crossbar.noise import (
    CycleToCycle,
    ReadNoise,
    RetentionDrift,
    TelegraphNoise,
    with_factors,
)
from spicesnn.devices import VTEAM, LinearDrift, registry
from spicesnn.errors import DataError, InputError

VTEAM_ARRAY = sn.Crossbar(device=VTEAM(), state=np.full((60, 50), 1.5e-9), wires=sn.Wires())


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_stuck_cells_stand_at_the_ends_of_conductance(rng):
    faults = StuckMap.drawn((60, 50), rng, on=0.05, off=0.1)
    array = faults.applied(VTEAM_ARRAY)
    siemens = array.cell_conductance()
    assert siemens[faults.on] == pytest.approx(1 / 50)
    assert siemens[faults.off] == pytest.approx(1 / 1000)
    assert np.array_equal(array.stuck, faults.any)
    assert faults.on.mean() == pytest.approx(0.05, abs=0.015)
    assert faults.off.mean() == pytest.approx(0.1, abs=0.02)
    assert array.state[~faults.any] == pytest.approx(1.5e-9)


def test_stuck_cells_at_given_conductances_and_without_devices():
    faults = StuckMap.from_codes([[1, 0], [0, -1]])
    plain = faults.applied(
        sn.Crossbar(conductance=np.full((2, 2), 3e-5), wires=sn.Wires()),
        on_siemens=1e-4,
        off_siemens=1e-6,
    )
    assert plain.conductance == pytest.approx(np.array([[1e-4, 3e-5], [3e-5, 1e-6]]))
    cells = sn.Crossbar(device=LinearDrift(), state=np.full((2, 2), 0.5), wires=sn.Wires())
    assert faults.applied(cells, on_siemens=1e-3, off_siemens=1e-4).cell_conductance()[
        [0, 1], [0, 1]
    ] == pytest.approx([1e-3, 1e-4])
    with pytest.raises(InputError, match="on_siemens"):
        faults.applied(sn.Crossbar(conductance=np.full((2, 2), 3e-5), wires=sn.Wires()))
    with pytest.raises(InputError, match="the array has"):
        faults.applied(VTEAM_ARRAY)


def test_drawn_cells_of_plain_conductances_are_stuck_where_they_are_told():
    array, volts = sn.Crossbar(np.full((40, 30), 5e-5)), np.ones(40)
    draws = sn.monte_carlo(
        array,
        volts,
        sn.Imperfections(stuck_on=0.1, stuck_off=0.2, stuck_siemens=(1e-6, 1e-4)),
        draws=20,
        seed=3,
    )
    found, counts = np.unique(draws.conductance, return_counts=True)
    assert found == pytest.approx([1e-6, 5e-5, 1e-4])
    assert counts / draws.conductance.size == pytest.approx([0.2, 0.7, 0.1], abs=0.01)
    np.testing.assert_allclose(draws.column_amps, draws.conductance.sum(axis=1), rtol=1e-12)
    held = sn.monte_carlo(array, volts, sn.Imperfections(stuck=0.5), draws=2)
    assert np.all(held.conductance == 5e-5)
    with pytest.raises(InputError, match=r"on_siemens is left out.*stuck_siemens=.lowest, highest"):
        sn.monte_carlo(array, volts, sn.Imperfections(stuck_on=0.5), draws=2)
    known = StuckMap.from_codes([[1, -1], [0, 2]])
    flaws = sn.Imperfections(stuck_map=known, stuck_siemens=(2e-6, 2e-4))
    made = flaws.fabricated(sn.Crossbar(np.full((2, 2), 5e-5)), np.random.default_rng(0))
    assert made.conductance == pytest.approx(np.array([[2e-4, 2e-6], [5e-5, 5e-5]]))
    cells = sn.Crossbar(device=sn.devices.LinearDrift(r_on=1e3, r_off=1e5), shape=(2, 2))
    with pytest.raises(InputError, match="2e-06 S is not reachable"):
        flaws.fabricated(cells, np.random.default_rng(0))
    flaws = sn.Imperfections(stuck_map=known, stuck_siemens=(2e-5, 2e-4))
    put = flaws.fabricated(cells, np.random.default_rng(0)).cell_conductance()
    assert put[0] == pytest.approx([2e-4, 2e-5])


@pytest.mark.parametrize("pair", [(1,), (2, 1), "ab", (np.nan, 1), (-1, 1), 5])
def test_conductances_of_stuck_cells_are_checked(pair):
    with pytest.raises(InputError, match="stuck_siemens"):
        sn.Imperfections(stuck_siemens=pair)


def test_stuck_maps_are_checked(rng):
    with pytest.raises(InputError, match="stuck in two ways"):
        StuckMap(on=np.ones((1, 1), bool), off=np.ones((1, 1), bool))
    with pytest.raises(InputError, match="stuck off"):
        StuckMap.from_codes([[3, 0]])
    with pytest.raises(InputError, match="sum of at most 1"):
        StuckMap.drawn((2, 2), rng, on=0.7, off=0.7)


def test_cells_stuck_where_they_are_and_maps_in_files(rng, tmp_path):
    drawn = StuckMap.drawn((300, 300), rng, on=0.02, off=0.09, still=0.2)
    assert [mask.mean() for mask in (drawn.on, drawn.off, drawn.still)] == pytest.approx(
        [0.02, 0.09, 0.2], abs=4e-3
    )
    path = tmp_path / "map.csv"
    path.write_text("1, -1, 0\n2, 0, 0\n0, 0, 0\n0, 0, 2\n")
    found = StuckMap.from_csv(path)
    assert np.argwhere(found.still).tolist() == [[1, 0], [3, 2]]
    array = found.applied(
        sn.Crossbar(device=VTEAM(), state=np.full((4, 3), 1.5e-9), wires=sn.Wires())
    )
    assert np.array_equal(array.stuck, found.any)
    assert (array.state[0, 0], array.state[0, 1], array.state[1, 0]) == (0.0, 3e-9, 1.5e-9)
    path.write_text("on, off\n")
    with pytest.raises(DataError, match="not a stuck map"):
        StuckMap.from_csv(path)


def test_ends_follow_the_polarity():
    low, high = end_states(VTEAM_ARRAY)
    assert np.all(low == 3e-9)
    assert np.all(high == 0)
    low, high = end_states(
        sn.Crossbar(device=LinearDrift(), state=np.full((2, 2), 0.5), wires=sn.Wires())
    )
    assert np.all(low == 0)
    assert np.all(high == 1)


def test_cycle_to_cycle_spreads_the_step_and_not_the_cells_that_rest(rng):
    before = VTEAM_ARRAY
    state = np.array(before.state)
    state[:30] += 0.3e-9
    after = CycleToCycle(relative=0.05).after_pulse(before, before.with_state(state), rng)
    steps = after.state - before.state
    assert np.all(steps[30:] == 0)
    assert steps[:30].mean() == pytest.approx(0.3e-9, rel=5e-3)
    assert steps[:30].std() / 0.3e-9 == pytest.approx(0.05, rel=5e-2)
    ranged = (
        CycleToCycle(of_range=0.02).after_pulse(before, before.with_state(state), rng).state
        - before.state
    )
    assert ranged[:30].std() / 3e-9 == pytest.approx(0.02, rel=5e-2)


@pytest.mark.parametrize("place", [0.0, 0.37, 1.0])
def test_read_noise_has_its_spread_and_no_mean_anywhere_in_the_window(place, rng):
    array = sn.Crossbar(device=VTEAM(), state=np.full((300, 200), 3e-9 * place), wires=sn.Wires())
    ratio = (
        ReadNoise(relative=0.1).before_read(array, rng).cell_conductance()
        / array.cell_conductance()
    )
    assert ratio.mean() == pytest.approx(1, abs=4 * 0.1 / np.sqrt(ratio.size))
    assert ratio.std() == pytest.approx(0.1, rel=4 / np.sqrt(2 * ratio.size))
    assert np.mean(((ratio - ratio.mean()) / ratio.std()) ** 3) == pytest.approx(
        0, abs=0.04
    )  # the skewness of a cut distribution is 0.9


@pytest.mark.parametrize("name", ["jart-vcm", "pai-yu-chen-heated", "mosfet-emulator", "yakopcic"])
def test_a_factor_is_on_the_current_at_any_voltage_of_any_model(name, rng):
    device = registry.fresh(name)
    array = sn.Crossbar(device=device, shape=(2, 3), wires=sn.Wires())
    factors = rng.uniform(0.5, 1.5, (2, 3))
    for volts in (0.1, 0.4):
        plain, seen = (
            a.cell_current(volts, gate=device.gate_default)
            for a in (array, with_factors(array, factors))
        )
        assert seen == pytest.approx(plain * factors, rel=1e-12)
    assert with_factors(with_factors(array, factors), 1 / factors).current_factor == pytest.approx(
        np.ones((2, 3))
    )


def test_telegraph_noise_has_two_levels_and_its_own_time(rng):
    noise = TelegraphNoise(amplitude=0.1, capture_s=3e-3, emission_s=1e-3)
    assert noise.full_share == pytest.approx(0.25)
    ratio = noise.before_read(VTEAM_ARRAY, rng).cell_conductance() / VTEAM_ARRAY.cell_conductance()
    assert np.unique(np.round(ratio, 9)) == pytest.approx([0.9, 1.0])
    assert (ratio < 0.95).mean() == pytest.approx(0.25, abs=0.03)
    traps = noise.traps((300, 300), rng)
    assert np.array_equal(noise.later(traps, 0.0, rng), traps)
    later = noise.later(traps, 0.5e-3, rng)
    correlation = np.corrcoef(traps.ravel(), later.ravel())[0, 1]
    assert correlation == pytest.approx(np.exp(-0.5e-3 * (1 / 3e-3 + 1 / 1e-3)), abs=0.02)
    assert later.mean() == pytest.approx(0.25, abs=0.01)


def test_retention_is_a_power_of_time_and_rests_add_up(rng):
    array = sn.Crossbar(device=LinearDrift(), state=np.full((20, 20), 0.9), wires=sn.Wires())
    drift = RetentionDrift(exponent=0.05, spread=0.2)
    nu = drift.exponents((20, 20), rng)
    once = drift.rested(array, 1000.0, nu)
    assert once.cell_conductance() == pytest.approx(
        array.cell_conductance() * 1001.0**-nu, rel=1e-9
    )
    twice = drift.rested(drift.rested(array, 10.0, nu), 990.0, nu, since_s=10.0)
    assert twice.cell_conductance() == pytest.approx(once.cell_conductance(), rel=1e-9)


@pytest.mark.parametrize("start", [0.1, 0.5, 1.0, 0.0])
def test_drift_goes_on_beyond_the_last_state(start):
    array = sn.Crossbar(device=LinearDrift(), state=np.full((4, 4), start), wires=sn.Wires())
    drift = RetentionDrift(exponent=0.5)
    once = drift.rested(array, 99.0)
    assert once.cell_conductance() == pytest.approx(0.1 * array.cell_conductance(), rel=1e-9)
    twice = drift.rested(drift.rested(array, 9.0), 90.0, since_s=9.0)
    assert twice.cell_conductance() == pytest.approx(once.cell_conductance(), rel=1e-9)


def test_endurance_sticks_cells_once_their_life_is_spent(rng):
    endurance = Endurance(swings=2.0, spread=0.3, on_share=0.3)
    array = VTEAM_ARRAY
    wear = endurance.fresh(array.shape, rng)
    for goal in (3e-9, 0.0, 3e-9, 0.0, 3e-9, 0.0):
        state = np.where(array.stuck if array.stuck is not None else False, array.state, goal)
        array, wear = endurance.aged(wear, array, array.with_state(state))
    share = array.stuck.mean()
    assert share == pytest.approx(1.0, abs=1e-2)  # 5.5 swings against a median of 2
    on = array.cell_conductance() > 1e-2
    assert on[array.stuck].mean() == pytest.approx(0.3, abs=0.03)
    half = (wear.limit < 2.0).mean()
    assert half == pytest.approx(0.5, abs=0.03)


def test_factors_of_plain_conductances_and_of_devices():
    plain = sn.Crossbar(conductance=np.full((2, 2), 1e-5), wires=sn.Wires())
    assert with_factors(plain, [[1, 2], [3, 0]]).conductance == pytest.approx(
        np.array([[1e-5, 2e-5], [3e-5, 0]])
    )
    with pytest.raises(InputError, match="0 or more"):
        with_factors(plain, -1.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: CycleToCycle(relative=-1.0),
        lambda: ReadNoise(relative=np.nan),
        lambda: TelegraphNoise(amplitude=2.0),
        lambda: TelegraphNoise(amplitude=0.1, capture_s=0.0),
        lambda: RetentionDrift(exponent=-0.1),
        lambda: RetentionDrift(t0_s=0.0),
        lambda: Endurance(swings=0.0),
        lambda: Endurance(on_share=1.5),
    ],
)
def test_parameters_are_checked(make):
    with pytest.raises(InputError, match="expected"):
        make()
