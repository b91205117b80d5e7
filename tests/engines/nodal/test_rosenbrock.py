"""The integrator of the cells: order, stiffness, bounds, kinks, quadrature, and the same answers
compiled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from nonlinear_cells import Oscillating, Relaxing
from scipy.integrate import solve_ivp

import spicesnn as sn
from spicesnn.engines.nodal import rosenbrock
from spicesnn.engines.nodal.cell_steps import ArraySteps, CompiledSteps
from spicesnn.engines.nodal.cells import Ensemble
from spicesnn.engines.nodal.interval import Drive, parabola
from spicesnn.engines.nodal.rosenbrock import ORDER, B, C, _begin, _step, advance
from spicesnn.errors import ConvergenceError


def drive(
    source: tuple[float, float, float], seconds: float, cells: int = 1, ohms: float | None = None
) -> Drive:
    return Drive(
        source=np.repeat(parabola(*map(np.float64, source))[:, None], cells, axis=1),
        ohms=None if ohms is None else np.full(cells, ohms),
        gate=None,
        line=np.ones((2, cells)),
        seconds=seconds,
    )


def ensemble(device: sn.devices.base.Device, x: np.ndarray | float) -> Ensemble:
    return Ensemble.of(sn.Crossbar(device=device, state=np.atleast_2d(x), wires=sn.Wires()))


def fixed_steps(
    device: sn.devices.base.Device,
    x: np.ndarray,
    source: tuple[float, float, float],
    seconds: float,
    steps: int,
) -> tuple[np.ndarray, float]:
    """Integrate with steps of one size and no error control; return the states and the energy."""
    cells = Ensemble.of(
        sn.Crossbar(
            device=device,
            state=x.reshape(-1, 1, 1) if x.size > 1 else x.reshape(1, 1),
            wires=sn.Wires(),
        )
    )
    state, waveform, energy = x.reshape(-1, 1), drive(source, seconds), 0.0
    h = np.array([seconds / steps])
    for k in range(steps):
        s = np.array([k / steps])
        stage = _step(cells, state, waveform, s, h, _begin(cells, state, waveform, s))
        state, energy = stage.state, energy + float(stage.energy[0])
    return state[:, 0], energy


@pytest.mark.parametrize("device", [Relaxing(speed=2.0), Oscillating(speed=2.0)])
def test_states_and_energy_converge_with_the_declared_order(device: sn.devices.base.Device) -> None:
    start = np.asarray(device.initial_state(), dtype=float).reshape(-1)
    source = (0.2, 0.9, 0.6)
    reference, joules = fixed_steps(device, start, source, 1.0, 640)
    errors, energy_errors = [], []
    for steps in (20, 40, 80):
        states, energy = fixed_steps(device, start, source, 1.0, steps)
        errors.append(np.abs(states - reference).max())
        energy_errors.append(abs(energy - joules))
    assert np.log2(errors[0] / errors[2]) / 2 == pytest.approx(ORDER, abs=0.3)
    assert ORDER - 0.3 < np.log2(energy_errors[0] / energy_errors[2]) / 2 < ORDER + 1


def test_the_order_survives_a_wrong_jacobian(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what a W-method promises, and what is relied on for the coupling through the array;
    here it is twice as steep as the equation."""
    monkeypatch.setattr(
        rosenbrock,
        "slopes_of",
        lambda cells, x, u, ohms, gate, rate: np.full((x.shape[0], x.shape[0], x.shape[1]), -4.0),
    )
    device, start = Relaxing(speed=2.0), np.array([0.1])
    reference, _ = fixed_steps(device, start, (0.2, 0.9, 0.6), 1.0, 640)
    errors = [
        abs(fixed_steps(device, start, (0.2, 0.9, 0.6), 1.0, n)[0][0] - reference[0])
        for n in (20, 40)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(ORDER, abs=0.35)


def test_coefficients_satisfy_the_conditions_of_order_three() -> None:
    a = np.zeros((4, 4))
    a[:, :3] = rosenbrock.A
    gamma = np.diag(np.full(4, rosenbrock.GAMMA))
    gamma[:, :3] += C
    alpha = a.sum(axis=1)
    ones = np.ones(4)
    assert B.sum() == pytest.approx(1.0, abs=1e-14)
    assert B @ alpha == pytest.approx(0.5, abs=1e-14)
    assert B @ gamma @ ones == pytest.approx(0.0, abs=1e-13)
    assert B @ alpha**2 == pytest.approx(1 / 3, abs=1e-13)
    assert B @ a @ alpha == pytest.approx(1 / 6, abs=1e-13)
    for product in (a @ gamma, gamma @ a, gamma @ gamma):
        assert B @ product @ ones == pytest.approx(0.0, abs=1e-12)


def test_a_stiff_relaxation_takes_few_steps_and_ends_where_it_should() -> None:
    device = Relaxing(speed=1e9)
    done = advance(
        ensemble(device, 0.9), np.array([[0.9]]), drive((0.5, 0.5, 0.5), 1.0), 1e-5, np.array([1.0])
    )
    assert done.nodes[3, 0, 0] == pytest.approx(0.25, abs=1e-9)
    # Some 57 down the slope, as the tolerance asks, and a stop of its own at each of the four
    # nodes, of which one lies on the slope's end
    assert done.taken < 64


def test_a_constant_voltage_gives_the_closed_form_for_state_charge_and_energy() -> None:
    device, v = Relaxing(speed=3.0), 0.8
    done = advance(
        ensemble(device, 0.0), np.zeros((1, 1)), drive((v, v, v), 1.0), 1e-8, np.array([1.0])
    )
    decay = 1 - np.exp(-3.0)
    assert done.nodes[3, 0, 0] == pytest.approx(v * v * decay, abs=1e-7)
    assert done.nodes[1, 0, 0] == pytest.approx(v * v * (1 - np.exp(-1.5)), abs=1e-7)
    charge = 1e-4 * v * (1 + 9 * v * v * (1 - decay / 3.0))
    assert done.charge[0] == pytest.approx(charge, rel=1e-6)
    assert done.energy[0] == pytest.approx(charge, rel=1e-6)


def test_a_source_resistance_divides_the_voltage() -> None:
    """v = u/(1 + R·G(x)) inside the step: against scipy on the same equation."""
    device, ohms = Relaxing(speed=5.0), 2e3
    done = advance(
        ensemble(device, 0.1),
        np.array([[0.1]]),
        drive((0.4, 1.0, 0.7), 1.0, ohms=ohms),
        1e-8,
        np.array([1.0]),
    )

    def slope(t: float, x: np.ndarray) -> np.ndarray:
        u = 0.4 + t * (4 * 1.0 - 3 * 0.4 - 0.7 + t * (2 * 1.1 - 4 * 1.0))
        return device.rate(u / (1 + ohms * (1 + 9 * x) * 1e-4), x)

    exact = solve_ivp(slope, (0, 1), [0.1], rtol=1e-11, atol=1e-13).y[0, -1]
    assert done.nodes[3, 0, 0] == pytest.approx(exact, abs=2e-7)


def test_a_threshold_inside_the_interval_is_not_missed() -> None:
    """The source rises through VTEAM's threshold at 80 % of the interval: nothing before, a short
    stretch of motion after."""
    device = sn.devices.VTEAM(v_off=0.8, k_off=1e-2)
    begin = np.array([[1e-9]])
    done = advance(
        ensemble(device, begin), begin, drive((0.0, 0.5, 1.0), 1e-6), 1e-7, np.array([1e-6])
    )
    exact = 1e-9 + 1e-2 * 1e-6 * 0.2**2 / 0.8 / 2
    assert done.nodes[3, 0, 0] == pytest.approx(exact, abs=3e-9 * 1e-6)
    assert done.nodes[1, 0, 0] == 1e-9


def test_a_state_never_leaves_its_bounds() -> None:
    device = sn.devices.VTEAM()
    start = np.array([[0.1e-9, 1e-9, 2.9e-9, 3e-9, 0.0]])
    cells = Ensemble.of(sn.Crossbar(device=device, state=start, wires=sn.Wires()))
    for volts in (0.5, -0.9):
        done = advance(cells, start, drive((volts,) * 3, 1e-6, cells=5), 1e-5, np.full(5, 1e-6))
        assert np.all((done.nodes[3] >= 0) & (done.nodes[3] <= 3e-9))
        np.testing.assert_allclose(done.nodes[3], 3e-9 if volts > 0 else 0.0, atol=3e-9 * 2e-5)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-6])
@pytest.mark.parametrize("ohms", [None, 30.0])
def test_compiled_and_array_steps_agree(tolerance: float, ohms: float | None) -> None:
    rng = np.random.default_rng(5)
    device, m = sn.devices.VTEAM(r_on=rng.uniform(40, 60, (4, 50))), 200
    state = 3e-9 * rng.uniform(0, 1, (1, m))
    stuck = np.zeros((4, 50), dtype=bool)
    stuck[1, 3:9] = True
    cells = Ensemble.of(
        sn.Crossbar(device=device, state=state.reshape(4, 50), stuck=stuck, wires=sn.Wires())
    )
    source = np.stack([rng.uniform(-0.4, 0.5, m)] * 5) + rng.uniform(-0.02, 0.02, (5, m))
    waveform = Drive(
        source=source,
        ohms=None if ohms is None else np.full(m, ohms),
        gate=None,
        line=np.ones((2, m)),
        seconds=4e-8,
    )
    step = np.full(m, 4e-8)
    code = cells.device.compiled()
    assert code is not None
    one = CompiledSteps(cells, code, tolerance).interval(state, waveform, step)
    other = ArraySteps(cells, tolerance).interval(state, waveform, step)
    np.testing.assert_allclose(one.full, other.full, atol=3e-9 * 10 * tolerance)
    np.testing.assert_allclose(one.nodes, other.nodes, atol=3e-9 * 10 * tolerance)
    # Charge is controlled against the largest current on the way: where the source passes through 0
    # V nearly nothing is left of it
    most = np.abs(source).max(axis=0) * np.maximum(
        cells.conductance(np.ones(m), one.full, None), cells.conductance(np.ones(m), state, None)
    )
    assert np.all(np.abs(one.charge - other.charge) <= 20 * tolerance * most * 4e-8)
    assert np.array_equal(one.full[0, stuck.ravel()], state[0, stuck.ravel()])
    if ohms is not None:
        np.testing.assert_allclose(
            one.siemens[3], cells.conductance(np.ones(m), one.full, None), rtol=1e-12
        )


@pytest.mark.parametrize("ohms", [None, 30.0])
def test_corrections_agree_and_are_what_another_drive_does(ohms: float | None) -> None:
    """Compiled and in NumPy the same, and against advancing the cells again: exact to first order
    in the change of the drive."""
    rng = np.random.default_rng(6)
    m = 60
    state = 3e-9 * rng.uniform(0.3, 0.5, (1, m))
    device = sn.devices.VTEAM(r_on=rng.uniform(40, 60, (4, 15)))
    cells = Ensemble.of(sn.Crossbar(device=device, state=state.reshape(4, 15), wires=sn.Wires()))
    source = np.stack([rng.uniform(0.3, 0.5, m)] * 5) + rng.uniform(-0.02, 0.02, (5, m))
    old = Drive(
        source=source,
        ohms=None if ohms is None else np.full(m, ohms),
        gate=None,
        line=np.ones((2, m)),
        seconds=4e-8,
    )
    code, step = cells.device.compiled(), np.full(m, 4e-8)
    compiled, plain = CompiledSteps(cells, code, 1e-7), ArraySteps(cells, 1e-7)
    before = plain.interval(state, old, step)
    errors = []
    for change in (1e-2, 1e-3):
        new = replace(old, source=source + change * np.array([0.0, 0.1, 0.3, 0.6, 1.0])[:, None])
        one, other = (
            compiled.corrected(state, before, old, new),
            plain.corrected(state, before, old, new),
        )
        for name in ("state", "joules", "bend", "bend_joules"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-6)
        assert np.array_equal(one.hasty, other.hasty)
        np.testing.assert_allclose(one.interval.nodes, other.interval.nodes, rtol=1e-9)
        np.testing.assert_allclose(one.interval.charge, other.interval.charge, rtol=1e-9)
        np.testing.assert_allclose(one.interval.energy, other.interval.energy, rtol=1e-9)
        again = plain.interval(state, new, step)
        errors.append(
            np.abs(one.interval.nodes - again.nodes).max()
            / np.abs(again.nodes - before.nodes).max()
        )
    assert errors[0] < 0.1
    assert errors[1] < 0.05


def test_cells_that_go_and_stop_within_a_quarter_are_found_by_both_ways() -> None:
    """A voltage that jumps in the first quarter while the cells run into their bound there counts
    in energy, and in states where it stops them."""
    m = 40
    state = 3e-9 * np.linspace(0.05, 0.95, m)[None]
    device = sn.devices.VTEAM(r_on=np.linspace(40, 60, m).reshape(4, 10))
    cells = Ensemble.of(sn.Crossbar(device=device, state=state.reshape(4, 10), wires=sn.Wires()))
    code, step = cells.device.compiled(), np.full(m, 1e-6)
    for after, elsewhere in ((0.9, False), (0.01, True)):
        source = np.array([1.0, after, after, after, after])[:, None] * np.ones(m)
        late = Drive(source=source, ohms=None, gate=None, line=np.ones((2, m)), seconds=1e-6)
        compiled, plain = CompiledSteps(cells, code, 1e-6), ArraySteps(cells, 1e-6)
        before = plain.interval(state, late, step)
        one, other = (
            compiled.corrected(state, before, late, late),
            plain.corrected(state, before, late, late),
        )
        assert np.array_equal(one.hasty, other.hasty)
        assert one.hasty_joules == pytest.approx(other.hasty_joules, rel=1e-6)
        assert np.all(one.hasty[:-5] & 16)
        assert bool(np.all(one.hasty[:-5] & 1)) is elsewhere
        index = np.array([0, 7, 21])
        some = compiled.some(index).interval(state[:, index], late.take(index), step[index])
        np.testing.assert_array_equal(
            some.nodes, compiled.interval(state, late, step).nodes[:, :, index]
        )


def test_a_rate_that_is_not_finite_is_an_error_and_names_the_cell() -> None:
    class Broken(Relaxing):
        def rate(self, v, x, gate=None):
            return np.where(np.asarray(x) > 0.5, np.nan, 1.0) + 0 * np.asarray(v)

    with pytest.raises(ConvergenceError, match=r"cell 1 \(row-major\) changes too fast"):
        advance(
            ensemble(Broken(), [[0.0, 0.4]]),
            np.array([[-10.0, 0.4]]),
            drive((1.0, 1.0, 1.0), 1.0, cells=2),
            1e-4,
            np.full(2, 1.0),
        )
