"""The checks that no answer of ngspice passes unseen: each law broken by a known amount, in a
solution that is otherwise exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

import spicesnn as sn
from spicesnn.engines.ngspice import checks
from spicesnn.engines.ngspice.checks import AnswerRejectedError
from spicesnn.engines.ngspice.circuit import Answer
from spicesnn.engines.ngspice.laws import (
    Solved,
    kirchhoff,
    largest_state_error,
    state_defect,
    state_error,
)

ROWS, COLS = 4, 3
WIRES = {
    "one side": sn.Wires(word_line_ohm=2.0, bit_line_ohm=3.0, driver_ohm=5.0, sense_ohm=7.0),
    "both sides": sn.Wires(
        word_line_ohm=2.0, bit_line_ohm=3.0, driver_ohm=5.0, sense_ohm=7.0, double_sided=True
    ),
    "per line": sn.Wires(
        word_line_ohm=2.0,
        bit_line_ohm=3.0,
        driver_ohm=np.array([1.0, 0.0, 3.0, 9.0]),
        sense_ohm=np.array([4.0, 2.0, 0.0]),
    ),
    "ideal words": sn.Wires(word_line_ohm=0.0, bit_line_ohm=3.0, driver_ohm=5.0),
    "ideal": sn.Wires.ideal(),
}


def solved(wires: sn.Wires) -> tuple[sn.Crossbar, Solved]:
    """Return an array and its exact solution at two inputs, the bit lines driven too."""
    rng = np.random.default_rng(4)
    array = sn.Crossbar(conductance=10 ** rng.uniform(-4, -3, (ROWS, COLS)), wires=wires)
    rows, columns = rng.uniform(-1, 1, (2, ROWS)), rng.uniform(-1, 1, (2, COLS))
    read = sn.NodalEngine().read(array, rows, column_volts=columns)
    cells = array.conductance * read.cell_volts
    none = np.zeros(ROWS, bool), np.zeros(COLS, bool)
    return array, Solved(
        row_volts=rows,
        row_amps=read.row_amps,
        column_volts=columns,
        column_amps=read.column_amps,
        word=read.word_line_volts,
        bit=read.bit_line_volts,
        cell_amps=cells,
        floating_rows=none[0],
        floating_columns=none[1],
    )


@pytest.mark.parametrize("wires", WIRES)
def test_an_exact_solution_breaks_no_law(wires: str) -> None:
    array, answer = solved(WIRES[wires])
    violation, rounding = kirchhoff(array, answer)
    assert np.all(violation <= 1e-12 + rounding)
    assert np.all(rounding < 1e-12)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("row_amps", (2, ROWS)),
        ("column_amps", (2, COLS)),
        ("cell_amps", (2, ROWS, COLS)),
        ("row_volts", (2, ROWS)),
        ("column_volts", (2, COLS)),
        ("word", (2, ROWS, COLS)),
        ("bit", (2, ROWS, COLS)),
    ],
)
@pytest.mark.parametrize("wires", ["one side", "both sides", "per line"])
def test_any_single_value_that_is_wrong_is_seen_at_its_own_input(
    wires: str, name: str, shape: tuple[int, ...]
) -> None:
    array, answer = solved(WIRES[wires])
    for at in np.ndindex(shape[1:]):
        value = getattr(answer, name).copy()
        value[(1, *at)] += 1e-3
        violation, _ = kirchhoff(array, replace(answer, **{name: value}))
        assert violation[0] < 1e-12
        # Amperes count as they are; volts at least through the largest resistance that stands
        # beside them.
        assert violation[1] >= (1e-3 if name.endswith("amps") else 1e-3 / 13) * (1 - 1e-9)


def test_a_voltage_that_is_off_leaves_over_what_its_wires_carry() -> None:
    """A word-line node between two segments of 2 Ω: both of their currents are wrong by ΔV/2 Ω, and
    they meet in the node."""
    array, answer = solved(WIRES["one side"])
    word = answer.word.copy()
    word[0, 2, 1] += 1e-3
    assert kirchhoff(array, replace(answer, word=word))[0][0] == pytest.approx(
        2 * 1e-3 / 2.0, rel=1e-6
    )
    bit = answer.bit.copy()
    bit[0, 1, 2] += 1e-3
    assert kirchhoff(array, replace(answer, bit=bit))[0][0] == pytest.approx(
        2 * 1e-3 / 3.0, rel=1e-6
    )
    word = answer.word.copy()
    word[0, 2, 0] += 1e-3  # beside its driver: 7 Ω and 2 Ω
    assert kirchhoff(array, replace(answer, word=word))[0][0] == pytest.approx(
        1e-3 / 7.0 + 1e-3 / 2.0, rel=1e-6
    )


def test_a_line_that_floats_carries_nothing_into_its_source() -> None:
    array, answer = solved(WIRES["one side"])
    floating = np.array([False, True, False, False])
    read = sn.NodalEngine().read(
        array, answer.row_volts, column_volts=answer.column_volts, floating_rows=floating
    )
    made = replace(
        answer,
        row_amps=read.row_amps,
        column_amps=read.column_amps,
        word=read.word_line_volts,
        bit=read.bit_line_volts,
        cell_amps=array.conductance * read.cell_volts,
        floating_rows=floating,
    )
    assert kirchhoff(array, made)[0].max() < 1e-12
    amps = made.row_amps.copy()
    amps[1, 1] = 1e-4
    assert kirchhoff(array, replace(made, row_amps=amps))[0][1] == pytest.approx(1e-4, rel=1e-6)


def test_currents_into_capacitances_count() -> None:
    array, answer = solved(WIRES["one side"])
    charging = np.zeros((2, ROWS, COLS))
    charging[1, 0, 2] = 2e-5
    for name in ("word_farad_amps", "bit_farad_amps"):
        assert kirchhoff(array, replace(answer, **{name: charging}))[0][1] == pytest.approx(
            2e-5, rel=1e-6
        )


def test_a_state_that_moves_otherwise_than_its_rate_is_off_by_the_difference() -> None:
    """Constant rates: after n steps of h a state has moved by n·h·rate; what is more or less counts
    in full, step by step."""
    time = np.linspace(0.1, 1.0, 10)
    rates = np.full((1, 10, 1, 2), 3.0)
    start = np.zeros((1, 1, 2))
    states = 3.0 * time[None, :, None, None] * np.ones((1, 10, 1, 2))
    assert state_defect(time, states, rates, rates, start).max() < 1e-12
    wrong = states.copy()
    wrong[0, :, 0, 1] *= 1.1
    np.testing.assert_allclose(
        state_defect(time, wrong, rates, rates, start)[0, 0], [0.0, 0.3], atol=1e-12
    )
    wrong[0, :, 0, 1] = states[0, :, 0, 1] * 0.9
    # Over the first step, from 0 s, anything between no rate and the first one is right.
    np.testing.assert_allclose(
        state_defect(time, wrong, rates, rates, start)[0, 0], [0.0, 0.27], atol=1e-12
    )
    late = states + 0.05
    np.testing.assert_allclose(
        state_defect(time, late, rates, rates, start)[0, 0], [0.05, 0.05], atol=1e-12
    )


@pytest.mark.parametrize("rate_a_second", [3.0, -3.0])
def test_errors_of_steps_grow_and_shrink_with_the_state(rate_a_second: float) -> None:
    """dx/dt = a x by hand: each trapezoidal step multiplies by (1 + ah/2)/(1 - ah/2)."""
    time = np.linspace(0.01, 1.0, 100)
    factor = (1 + rate_a_second * 0.005) / (1 - rate_a_second * 0.005)
    start = np.array([[[0.02, 0.04]]])
    first = start * np.exp(rate_a_second * 0.01)
    states = first[:, None] * factor ** np.arange(100.0)[:, None, None]
    found = state_error(
        time,
        states,
        lambda x: rate_a_second * x,
        rate_a_second * states,
        (np.zeros((1, 1, 1, 2)), np.ones((1, 1, 1, 2))),
    )
    np.testing.assert_allclose(
        found[0, -1], (states[:, -1] - start * np.exp(rate_a_second))[0], rtol=0.05
    )


def test_errors_of_one_state_reach_another() -> None:
    """x falls to a/10 of y, y grows with x: the growth of the slow pair is that of a matrix, and a
    pair that does not hang together has the errors of two single states."""
    step, count = 0.01, 200
    time = step * np.arange(1, count + 1)
    start = np.array([0.1, 0.01])
    bounds = (np.zeros((2, 1, 1, 1)), np.ones((2, 1, 1, 1)))
    for matrix in (np.array([[0.5, 2.0], [1.0, -4.0]]), np.diag([1.0, -2.0])):

        def at(t: float, matrix=matrix) -> np.ndarray:
            return expm(matrix * t) @ start

        one = np.linalg.solve(np.eye(2) - step / 2 * matrix, np.eye(2) + step / 2 * matrix)
        points = [at(step)]
        for _ in range(count - 1):
            points.append(one @ points[-1])
        states = np.array(points).T[:, :, None, None]

        def rate(x: np.ndarray, matrix=matrix) -> np.ndarray:
            return np.einsum("ij,j...->i...", matrix, x)

        found = state_error(time, states, rate, rate(states), bounds)[:, -1, 0, 0]
        np.testing.assert_allclose(found, points[-1] - at(time[-1]), rtol=0.05, atol=1e-9)


def test_a_state_that_is_late_counts_by_its_time() -> None:
    """x = (t − 0.6) / 0.01 between 0 and 1, 2e-3 s late: a fifth of its range off on the way, and
    nothing at the end."""
    time = np.linspace(0.0, 1.0, 1001)[1:]
    rates = np.where((time > 0.6) & (time <= 0.61), 100.0, 0.0)[None, :, None, None]
    errors = -2e-3 * rates
    span = np.ones((1, 1, 1))
    assert largest_state_error(errors, rates, 1.0, span) == pytest.approx(2e-3)
    assert largest_state_error(errors, rates, 10.0, span) == pytest.approx(2e-4)
    errors[0, -1] = 0.01  # of the end only the range counts
    assert largest_state_error(errors, rates, 1.0, span) == pytest.approx(0.01)
    assert largest_state_error(errors, rates, 1.0, 4 * span) == pytest.approx(2.5e-3)
    assert largest_state_error(errors * np.nan, rates, 1.0, span) == 1.0


def answer_of(vectors: np.ndarray, plot: str = "tran1", log: str = "") -> Answer:
    return Answer(vectors=vectors, log=log, plot=plot)


@pytest.mark.parametrize(
    ("time", "duration", "good"),
    [
        ([0.0, 0.5, 1.0], 1.0, True),
        ([0.05, 0.5, 1.0], 1.0, True),
        ([0.1, 0.5, 1.0], 1.0, False),
        ([0.0, 1.0], 1.0, False),
        ([0.0, 0.5, 0.5, 1.0], 1.0, False),
        ([0.0, 0.6, 0.5, 1.0], 1.0, False),
        ([0.0, 0.5, 1.0 + 2e-9], 1.0, False),
        ([0.0, 0.5, 1.0 - 2e-9], 1.0, False),
        ([0.0, 0.5, 1.0 + 5e-10], 1.0, True),
        ([-0.01, 0.5, 1.0], 1.0, False),
        ([0.0, 0.5, 1.0], 1.1, False),
    ],
)
def test_a_transient_runs_from_0_to_its_end(time: list[float], duration: float, good: bool) -> None:
    if good:
        checks.transient(answer_of(np.zeros((1, len(time)))), np.array(time), duration)
    else:
        with pytest.raises(AnswerRejectedError, match=r"time vector|ended at"):
            checks.transient(answer_of(np.zeros((1, len(time)))), np.array(time), duration)


def test_plots_points_and_values_are_what_was_asked_for() -> None:
    with pytest.raises(AnswerRejectedError, match="expected one of a transient"):
        checks.transient(answer_of(np.zeros((1, 3)), "dc1"), np.array([0.0, 0.5, 1.0]), 1.0)
    checks.sweep(answer_of(np.zeros((2, 5)), "dc3"), 5)
    for plot, points in (("dc3", 4), ("dc3", 6), ("tran1", 5)):
        with pytest.raises(
            AnswerRejectedError, match=r"points; expected|expected one of a DC sweep"
        ):
            checks.sweep(answer_of(np.zeros((2, 5)), plot), points)
    checks.common(answer_of(np.array([[1e29, -1e29]])), ("v",))
    for value in (1e30, -1e31, np.nan, np.inf):
        with pytest.raises(AnswerRejectedError, match=r"absurd.* for b$"):
            checks.common(answer_of(np.array([[1.0, 2.0], [0.0, value]])), ("a", "b"))
    assert checks.solved_points(answer_of(np.zeros((1, 4))), np.array([0.0, 1, 2, 3])) == slice(
        1, 4
    )
    assert checks.solved_points(answer_of(np.zeros((1, 4))), np.array([0.1, 1, 2, 3])) == slice(
        0, 4
    )


def test_a_singular_matrix_is_harmless_in_a_trial_step_of_a_transient_alone() -> None:
    log = "Warning: singular matrix:  check node x\n"
    checks.common(answer_of(np.zeros((1, 2)), "tran1", log), ("v",))
    with pytest.raises(AnswerRejectedError) as error:
        checks.common(answer_of(np.zeros((1, 2)), "dc1", log), ("v",))
    assert error.value.reason == "Warning: singular matrix:  check node x"
    assert error.value.kind is checks.SingularNgspiceError


def test_states_may_overstep_their_bounds_by_a_hundredth_of_the_range() -> None:
    low, high = np.full((1, 1, 2, 1), 1.0), np.full((1, 1, 2, 1), 3.0)
    states = np.full((1, 1, 2, 4), 2.0)
    states[0, 0, 1, 2] = 3.019
    checks.states_within(states, low, high, ("x",), "")
    states[0, 0, 1, 3] = 0.981
    checks.states_within(states, low, high, ("x",), "")
    for value in (3.021, 0.979):
        states[0, 0, 1, 2] = value
        with pytest.raises(
            AnswerRejectedError,
            match=rf"state x of cell \(0, 1\) to {value:.6g}, beyond its bounds \[1, 3\]",
        ):
            checks.states_within(states, low, high, ("x",), "")
