from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from spicesnn.characterization.adaptive_grid import Subject, sampled
from spicesnn.characterization.flow import moved
from spicesnn.devices.monotone import monotone_cubic

GRID = np.sort(np.concatenate([[0.0, 1.0], np.random.default_rng(0).uniform(size=10)]))


def followed(s, least, x, seconds):
    """Return x after dx/dt = least·sinh(s(x)), s straight between the points of GRID: integrated
    anew from each, where the rate has a corner."""
    while seconds > 0 and 0 <= x <= 1:
        rate = float(np.interp(x, GRID, s))
        if rate == 0 or (x == 0 and rate < 0) or (x == 1 and rate > 0):
            return x
        k = int(np.searchsorted(GRID, x, side="right" if rate > 0 else "left")) - 1
        (low, high), (left, right) = GRID[k : k + 2], s[k : k + 2]
        end = high if rate > 0 else low
        if x == end:
            return x

        def speed(t, y, low=low, high=high, left=left, right=right):
            return least * np.sinh(
                np.clip(left + (right - left) * (y - low) / (high - low), -30, 30)
            )

        def arrived(t, y, end=end):
            return y[0] - end

        arrived.terminal = True
        found = solve_ivp(
            speed, (0, seconds), [x], method="DOP853", rtol=1e-12, atol=1e-13, events=arrived
        )
        if found.status == 0:
            return float(found.y[0, -1])
        seconds, x = seconds - float(found.t[-1]), float(end)
    return x


@given(
    seed=st.integers(0, 10_000),
    seconds=st.floats(1e-3, 10.0),
    way=st.sampled_from(["both", "up", "down", "level"]),
)
@example(
    seed=2163, seconds=2.0, way="down"
)  # an integrator that steps over the corners of the rate is wrong by 1.7e-5 here
@settings(max_examples=15, deadline=None)
def test_it_is_the_solution_of_the_state_equation(seed, seconds, way):
    rng = np.random.default_rng(seed)
    s = rng.normal(0, 3, GRID.size)
    s = {"both": s, "up": np.abs(s), "down": -np.abs(s), "level": np.full(GRID.size, s[0])}[way]
    start = rng.uniform(0, 1, 3)
    found = moved(GRID, np.tile(s, (3, 1)), 0.1, start, seconds)
    for x, after in zip(start, found, strict=True):
        assert after == pytest.approx(
            followed(s, 0.1, x, seconds), abs=1e-9
        )  # the reference is good to 1e-11


def test_two_short_ways_are_one_long_way():
    rng = np.random.default_rng(1)
    s, start = rng.normal(0, 4, (50, GRID.size)), rng.uniform(0, 1, 50)
    twice = moved(GRID, s, 0.3, moved(GRID, s, 0.3, start, 0.2), 0.5)
    assert twice == pytest.approx(moved(GRID, s, 0.3, start, 0.7), abs=1e-12)


def test_no_rate_and_the_ends():
    s = np.array([[0.0, 0.0, 0.0], [9.0, 9.0, 9.0], [-9.0, -9.0, -9.0]])
    assert moved(np.array([0.0, 0.5, 1.0]), s, 1.0, np.array([0.3, 0.0, 1.0]), 100.0).tolist() == [
        0.3,
        1.0,
        0.0,
    ]


def test_monotone_cubic_is_of_fourth_order_and_monotone():
    errors = []
    for count in (17, 33):
        x, at = np.linspace(0, 1, count), np.linspace(0.2, 0.8, 500)
        errors.append(np.abs(monotone_cubic(x, np.exp(3 * x))(at) - np.exp(3 * at)).max())
    assert errors[0] / errors[1] > 13
    x, corner = np.linspace(0, 1, 11), np.maximum(np.linspace(0, 1, 11) - 0.5, 0.0)
    fine = monotone_cubic(x, corner)(np.linspace(0, 1, 1001))
    assert fine.min() == 0
    assert np.all(np.diff(fine) >= 0)
    assert monotone_cubic(np.array([0.0, 1.0]), np.array([[1.0, 2.0], [3.0, 2.0]]), axis=1)(
        0.25
    ).tolist() == [1.25, 2.75]


def test_a_grid_that_runs_out_of_points_says_what_is_left():
    def measure(x, y, guess):
        return np.tanh(20 * (x - 0.3)) + y

    subject = Subject(
        measure=measure,
        foresee=lambda grid, x, y: np.interp(x, grid.x, grid.values[:, 0]) + y,
        surprise=lambda x, old, new: np.abs(old - new),
    )
    axis = np.linspace(0, 1, 5)
    grid = sampled(subject, axis, axis, tolerance=1e-3, most=1000)
    assert grid.left == 0
    assert np.diff(grid.x)[np.searchsorted(grid.x, 0.3)] < np.diff(grid.x)[-1]
    tight = sampled(subject, axis, axis, tolerance=1e-3, most=90)
    assert tight.values.size <= 90
    assert tight.left > 1e-3
