"""Pulses through whole arrays: accuracy, order, stuck cells, energy, edges, several states, gates,
errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nonlinear_cells import Oscillating, Relaxing, Sinh
from scipy.integrate import solve_ivp

import spicesnn as sn
from spicesnn.engines.nodal import transient
from spicesnn.engines.nodal.transient import ORDER, Transient
from spicesnn.errors import InputError

ENGINE = sn.NodalEngine()
SLOW = sn.devices.VTEAM(r_on=10e3, r_off=1e6, v_on=-0.5, v_off=0.5, k_on=-2e-3, k_off=1e-3)
WIRES = sn.Wires(word_line_ohm=20.0, bit_line_ohm=20.0)


def brute_force(array: sn.Crossbar, pulse: sn.Pulse) -> tuple[np.ndarray, float]:
    """States and energy by scipy with a direct solve of the whole array at every evaluation: slow,
    and nothing shared with the engine's stepper."""
    waveform = pulse.waveform().checked(array)
    device, shape = array.device, array.state.shape
    low, high = device.bounds()
    solver = sn.NodalEngine()

    def slope(t: float, y: np.ndarray) -> np.ndarray:
        state = np.clip(y[:-1].reshape(shape), low, high)
        rows = np.array(
            [np.interp(t, waveform.time_s, waveform.row_volts[:, i]) for i in range(array.rows)]
        )
        columns = np.array(
            [np.interp(t, waveform.time_s, waveform.column_volts[:, j]) for j in range(array.cols)]
        )
        read = solver.read(array.with_state(state), rows, column_volts=columns)
        rate = device.rate(read.cell_volts, state)
        if array.stuck is not None:
            rate = np.where(array.stuck, 0.0, rate)
        return np.append(rate.ravel(), float(read.power_watt(rows, columns)))

    y = np.append(array.state.ravel(), 0.0)
    scale = np.append(np.full(array.state.size, float(np.max(high) - np.min(low))), 1e-9)
    for begin, end in zip(waveform.time_s[:-1], waveform.time_s[1:], strict=True):
        y = solve_ivp(
            slope,
            (begin, end),
            y,
            method="LSODA",
            rtol=1e-8,
            atol=1e-9 * scale,
            max_step=(end - begin) / 20,
        ).y[:, -1]
    return np.clip(y[:-1].reshape(shape), low, high), float(y[-1])


def random_array(rows: int, cols: int, seed: int = 0, **more: object) -> sn.Crossbar:
    state = 3e-9 * np.random.default_rng(seed).uniform(0.15, 0.85, (rows, cols))
    return sn.Crossbar(device=SLOW, state=state, wires=WIRES, **more)


@pytest.mark.parametrize("volts", [0.9, -0.75])
def test_an_array_agrees_with_brute_force(volts: float) -> None:
    array = random_array(4, 3)
    pulse = sn.Pulse(row_volts=volts * np.array([1.0, 0.9, 0.6, 0.0]), width_s=6e-7, rise_s=5e-8)
    state, energy = brute_force(array, pulse)
    after = ENGINE.pulse(array, pulse)
    assert np.abs(state - array.state).max() > 0.1e-9
    assert np.abs(after.state - state).max() <= 1e-4 * 3e-9
    assert after.energy_joule == pytest.approx(energy, rel=2e-4)
    assert after.residual_amps < 1e-9


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-6])
def test_the_error_follows_the_tolerance(tolerance: float) -> None:
    array = random_array(6, 6, seed=4)
    pulse = sn.Pulse(row_volts=-0.8, width_s=1e-6)
    tight = sn.NodalEngine(state_tolerance=1e-8).pulse(array, pulse)
    loose = sn.NodalEngine(state_tolerance=tolerance).pulse(array, pulse)
    assert np.abs(loose.state - tight.state).max() <= tolerance * 3e-9
    assert loose.energy_joule == pytest.approx(tight.energy_joule, rel=3 * tolerance)


def test_the_step_of_the_array_has_the_declared_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of one size, cells and solves tight, sweeps until nothing changes: the error of the
    states falls at least as step⁶."""
    for name, value in (
        ("BEND_SHARE", 0.0),
        ("SMALL", 0.1),
        ("CONTRACTION", np.inf),
        ("HOPELESS", np.inf),
        ("MOST_SWEEPS", 50),
    ):
        monkeypatch.setattr(transient, name, value)
    state = 3e-9 * np.random.default_rng(2).uniform(0.4, 0.7, (3, 3))
    array = sn.Crossbar(
        device=SLOW, state=state, wires=sn.Wires(word_line_ohm=20e3, bit_line_ohm=10e3)
    )
    waveform = sn.Pulse(row_volts=[-2.0, -1.8, -1.6], width_s=2e-7).waveform().checked(array)

    def final(step: float) -> np.ndarray:
        return Transient(array, waveform, 1e-11, longest_step=step).run().state / 3e-9

    exact = final(2e-7 / 64)
    assert np.abs(exact - state / 3e-9).max() > 0.1
    errors = [np.abs(final(2e-7 / steps) - exact).max() for steps in (2, 4, 8)]
    assert ORDER - 0.4 < np.log2(errors[0] / errors[1]) < ORDER + 2.5
    assert ORDER - 0.4 < np.log2(errors[1] / errors[2]) < ORDER + 2.5


def test_without_wires_every_cell_is_alone() -> None:
    array = sn.Crossbar(device=Relaxing(speed=2.0), state=np.zeros((2, 2)), wires=sn.Wires.ideal())
    after = sn.NodalEngine(state_tolerance=1e-7).pulse(
        array, sn.Pulse(row_volts=[0.5, 0.9], column_volts=[0.0, 0.2], width_s=0.7)
    )
    volts = np.array([[0.5, 0.3], [0.9, 0.7]])
    np.testing.assert_allclose(after.state, volts**2 * (1 - np.exp(-1.4)), atol=1e-7)


def test_a_resistor_array_delivers_the_power_times_the_time() -> None:
    siemens = np.random.default_rng(1).uniform(1e-5, 1e-4, (5, 4))
    array = sn.Crossbar(conductance=siemens, wires=WIRES)
    volts = np.linspace(0.2, 1.0, 5)
    read = ENGINE.read(array, volts)
    flat = ENGINE.pulse(array, sn.Pulse(row_volts=volts, width_s=2e-6))
    edged = ENGINE.pulse(array, sn.Pulse(row_volts=volts, width_s=2e-6, rise_s=3e-7))
    watts = float(read.power_watt(volts))
    assert flat.energy_joule == pytest.approx(watts * 2e-6, rel=1e-7)
    assert edged.energy_joule == pytest.approx(watts * (2e-6 + 2 * 3e-7 / 3), rel=1e-7)
    np.testing.assert_allclose(flat.stats["column_coulomb"], read.column_amps * 2e-6, rtol=1e-7)
    assert flat.array is array


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-5])
def test_energy_and_the_charge_of_every_line_are_as_accurate_as_the_states(
    tolerance: float,
) -> None:
    """Cells that move, some into their bounds; the charge of each line against the integral of its
    own recorded current.

    An error of 1e-4 of the state's range is 1 % of the conductance of the least resistive cell (10
    kΩ to 1 MΩ): hence the factor for charges."""
    array = random_array(6, 5, seed=7)
    pulse = sn.Pulse(row_volts=[-0.9, -0.8, -0.7, 0.9, 1.1, 0.0], width_s=1e-6, rise_s=2e-8)
    exact = sn.NodalEngine(state_tolerance=1e-8).pulse(array, pulse)
    after = sn.NodalEngine(state_tolerance=tolerance).pulse(array, pulse)
    assert after.energy_joule == pytest.approx(exact.energy_joule, rel=3 * tolerance)
    for key in ("row_coulomb", "column_coulomb"):
        np.testing.assert_allclose(
            after.stats[key], exact.stats[key], atol=10 * tolerance * np.abs(exact.stats[key]).max()
        )
    lines = exact.waveforms
    integral = np.trapezoid(lines.column_amps, lines.time, axis=0)
    np.testing.assert_allclose(
        exact.stats["column_coulomb"], integral, atol=2e-3 * np.abs(integral).max()
    )


def test_stuck_cells_never_move_and_the_given_array_is_untouched() -> None:
    stuck = np.zeros((5, 5), dtype=bool)
    stuck[2, :3] = True
    array = random_array(5, 5, stuck=stuck)
    before = array.state.copy()
    after = ENGINE.pulse(array, sn.Pulse(row_volts=-1.0, width_s=1e-6))
    assert np.array_equal(after.state[stuck], before[stuck])
    assert np.all(np.abs(after.state[~stuck] - before[~stuck]) > 1e-13)
    assert np.array_equal(array.state, before)
    assert np.array_equal(after.array.stuck, stuck)


def test_half_selected_cells_below_threshold_stay_put() -> None:
    array = random_array(6, 6)
    rows, columns = np.zeros(6), np.full(6, 0.0)
    rows[2], columns[3] = 0.45, -0.45
    after = ENGINE.pulse(
        array, sn.Pulse(row_volts=rows, column_volts=columns, width_s=1e-6, rise_s=1e-8)
    )
    moved = np.abs(after.state - array.state) > 0
    assert moved[2, 3]
    assert moved.sum() == 1


def test_two_states_and_a_nonlinear_current_against_brute_force() -> None:
    rng = np.random.default_rng(8)
    state = rng.uniform(0.3, 0.7, (2, 2, 3))
    array = sn.Crossbar(
        device=Oscillating(speed=3.0),
        state=state,
        wires=sn.Wires(word_line_ohm=400.0, bit_line_ohm=300.0),
    )
    pulse = sn.Pulse(row_volts=[1.0, -0.8], width_s=0.8, rise_s=0.1)
    expected, energy = brute_force(array, pulse)
    after = ENGINE.pulse(array, pulse)
    assert np.abs(after.state - expected).max() <= 1e-4
    assert after.energy_joule == pytest.approx(energy, rel=2e-4)


def test_a_waveform_of_many_segments_is_the_pulses_one_after_the_other() -> None:
    array = random_array(3, 3)
    first = ENGINE.pulse(array, sn.Pulse(row_volts=0.8, width_s=3e-7, rise_s=1e-8))
    second = ENGINE.pulse(first.array, sn.Pulse(row_volts=-0.7, width_s=2e-7, rise_s=1e-8))
    one, two = (
        sn.Pulse(row_volts=0.8, width_s=3e-7, rise_s=1e-8).waveform(),
        sn.Pulse(row_volts=-0.7, width_s=2e-7, rise_s=1e-8).waveform(),
    )
    time = np.concatenate([one.time_s, one.time_s[-1] + two.time_s[1:]])
    joined = sn.Waveform(
        time_s=time,
        row_volts=np.concatenate([one.row_volts, two.row_volts[1:]]),
        column_volts=np.zeros((time.size, 1)),
    )
    after = ENGINE.pulse(array, joined)
    assert np.abs(after.state - second.state).max() <= 1e-4 * 3e-9
    assert after.energy_joule == pytest.approx(first.energy_joule + second.energy_joule, rel=2e-4)
    assert np.all(np.isin(time, after.waveforms.time))
    assert np.all(np.diff(after.waveforms.time) > 0)


def test_a_floating_line_neither_delivers_nor_takes() -> None:
    floating = np.array([False, True, False, False])
    array = random_array(4, 4)
    after = ENGINE.pulse(array, sn.Pulse(row_volts=0.9, width_s=2e-7, floating_rows=floating))
    assert np.all(after.waveforms.row_amps[:, 1] == 0)
    assert abs(after.stats["row_coulomb"][1]) < 1e-9 * np.abs(after.stats["row_coulomb"]).max()


def test_cells_that_switch_in_picoseconds_under_a_microsecond_pulse() -> None:
    """VTEAM's default set is 10⁵ times faster than the pulse: every cell above its threshold ends
    at the bound, soon."""
    state = 3e-9 * np.random.default_rng(0).uniform(0.1, 0.9, (6, 6))
    array = sn.Crossbar(device=sn.devices.VTEAM(), state=state, wires=sn.Wires())
    after = ENGINE.pulse(array, sn.Pulse(row_volts=-0.6, width_s=1e-6, rise_s=1e-8))
    assert np.all(after.state <= 1e-3 * 3e-9)
    assert after.stats["steps"] < 400


@pytest.mark.parametrize("tolerance", [0.0, -1.0, 0.5, float("nan")])
def test_a_tolerance_that_makes_no_sense_is_refused(tolerance: float) -> None:
    with pytest.raises(InputError, match="state_tolerance"):
        sn.NodalEngine(state_tolerance=tolerance)


def test_memoryless_nonlinear_cells_only_cost_energy() -> None:
    array = sn.Crossbar(device=Sinh(siemens=1e-4), shape=(2, 2), wires=sn.Wires.ideal())
    after = ENGINE.pulse(array, sn.Pulse(row_volts=[0.5, 1.0], width_s=1e-3))
    watts = 2 * sum(v * 1e-4 * np.sinh(5 * v) / 5 for v in (0.5, 1.0))
    assert after.energy_joule == pytest.approx(watts * 1e-3, rel=1e-5)


@settings(max_examples=12, deadline=None)
@given(
    rows=st.integers(1, 5),
    cols=st.integers(1, 5),
    seed=st.integers(0, 10**6),
    volts=st.floats(-1.2, 1.2),
    ohm=st.sampled_from([0.0, 1.0, 200.0]),
    driver=st.sampled_from([0.0, 5e3]),
)
def test_bounds_energy_and_direction(
    rows: int, cols: int, seed: int, volts: float, ohm: float, driver: float
) -> None:
    rng = np.random.default_rng(seed)
    state = 3e-9 * rng.uniform(0, 1, (rows, cols))
    array = sn.Crossbar(
        device=SLOW,
        state=state,
        wires=sn.Wires(word_line_ohm=ohm, bit_line_ohm=ohm, driver_ohm=driver),
    )
    after = ENGINE.pulse(array, sn.Pulse(row_volts=volts, width_s=5e-7, rise_s=2e-8))
    assert np.all((after.state >= 0) & (after.state <= 3e-9))
    assert np.all((after.state - state) * np.sign(volts) >= -1e-15)
    assert after.energy_joule >= 0
    assert after.residual_amps <= 1e-7 * max(
        np.abs(after.waveforms.row_amps).sum(axis=1).max(), 1e-9
    )


@pytest.mark.parametrize("rise_s", [0.0, 1e-9])
def test_a_line_that_has_to_be_charged_is_the_rc_circuit(rise_s: float) -> None:
    """1 kΩ, 1 pF, and a cell of 10 kΩ to ground: node voltage, current and delivered energy in
    closed form; the energy counts against what flows either way, as the engine has it."""
    wires = sn.Wires(word_line_ohm=0.0, bit_line_ohm=0.0, driver_ohm=1e3, word_line_farad=1e-12)
    array = sn.Crossbar(conductance=[[1e-4]], wires=wires)
    after = ENGINE.pulse(array, sn.Pulse(row_volts=1.0, width_s=4e-9, rise_s=rise_s))
    tau, share = 1e-9 / 1.1, 1 / 1.1
    time = after.waveforms.time

    def ramp(t: np.ndarray) -> np.ndarray:
        """Node voltage under a ramp of 1 V/s from 0."""
        return share * np.where(t > 0, t - tau * -np.expm1(-np.maximum(t, 0) / tau), 0)

    if rise_s:
        corners = ((0.0, 1), (rise_s, -1), (rise_s + 4e-9, -1), (2 * rise_s + 4e-9, 1))
        volts = sum(sign * ramp(time - t) for t, sign in corners) / rise_s
    else:
        volts = -share * np.expm1(-time / tau)
    np.testing.assert_allclose(after.waveforms.column_amps[1:, 0], volts[1:] * 1e-4, atol=2e-8)
    drive = after.waveforms.row_volts[:, 0]
    np.testing.assert_allclose(
        after.waveforms.row_amps[1:, 0], (drive - volts)[1:] / 1e3, atol=5e-7
    )
    fine = np.linspace(0, time[-1], 400_001)
    if rise_s:
        v, d = (
            sum(sign * ramp(fine - t) for t, sign in corners) / rise_s,
            np.interp(fine, time, drive),
        )
    else:
        v, d = -share * np.expm1(-fine / tau), np.ones_like(fine)
    watts = d * (d - v) / 1e3
    flowed = np.trapezoid(np.abs(watts), fine)
    energy = np.trapezoid(watts, fine)
    assert after.energy_joule == pytest.approx(energy, rel=0, abs=2e-4 * flowed)
    assert abs(after.energy_joule - energy) < after.stats["energy_error_joule"] < 0.02 * flowed


def test_charged_lines_are_followed_with_order_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of one size along a ramp, against the closed form of the RC circuit: currents and
    delivered energy."""
    monkeypatch.setattr(transient, "BEND_SHARE", 1e-9)
    monkeypatch.setattr(transient, "INNER_SHARE", 1e-3)
    monkeypatch.setattr(Transient, "_timing", lambda *_: (0.0, 0.0))
    wires = sn.Wires(word_line_ohm=0.0, bit_line_ohm=0.0, driver_ohm=1e3, word_line_farad=1e-12)
    array = sn.Crossbar(conductance=[[1e-4]], wires=wires)
    waveform = sn.Waveform(
        time_s=[0.0, 4e-9], row_volts=[[0.0], [1.0]], column_volts=[[0.0], [0.0]]
    ).checked(array)
    share, tau, span = 1 / 1.1, 1e-9 / 1.1, 4e-9
    amps = (1.0 - share * (span - tau * -np.expm1(-span / tau)) / span) / 1e3
    fine = np.linspace(0.0, span, 200_001)
    drive = fine / span
    energy = np.trapezoid(
        drive * (drive - share * (fine - tau * -np.expm1(-fine / tau)) / span) / 1e3, fine
    )
    errors = []
    for steps in (8, 16, 32, 64):
        after = Transient(array, waveform, 1e-6, longest_step=span / steps).run()
        assert after.stats["steps"] == steps
        errors.append(
            (abs(after.waveforms.row_amps[-1, 0] - amps), abs(after.energy_joule - energy))
        )
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    np.testing.assert_allclose(orders[-1], 2.0, atol=0.25)


def test_lines_much_faster_than_the_pulse_change_nothing() -> None:
    array = random_array(4, 4)
    pulse = sn.Pulse(row_volts=-0.8, width_s=5e-7, rise_s=2e-8)
    charged = array.with_wires(
        sn.Wires(word_line_ohm=20.0, bit_line_ohm=20.0, word_line_farad=1e-17, bit_line_farad=1e-17)
    )
    np.testing.assert_allclose(
        ENGINE.pulse(charged, pulse).state, ENGINE.pulse(array, pulse).state, atol=1e-4 * 3e-9
    )


def test_a_nonlinear_cell_on_a_charged_line_against_scipy() -> None:
    wires = sn.Wires(word_line_ohm=0.0, bit_line_ohm=0.0, driver_ohm=1e3, word_line_farad=1e-12)
    array = sn.Crossbar(device=Sinh(siemens=1e-4), shape=(1, 1), wires=wires)
    after = ENGINE.pulse(array, sn.Pulse(row_volts=1.0, width_s=3e-9))
    slope = lambda t, v: ((1.0 - v) / 1e3 - 1e-4 * np.sinh(5 * v) / 5) / 1e-12  # noqa: E731
    exact = solve_ivp(
        slope, (0, 3e-9), [0.0], rtol=1e-10, atol=1e-12, method="LSODA", t_eval=after.waveforms.time
    ).y[0]
    np.testing.assert_allclose(after.waveforms.row_amps[1:, 0], (1 - exact[1:]) / 1e3, atol=1e-6)
