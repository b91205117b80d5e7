"""The error that a table carries, against a cell that is off from its table by a known share."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from spicesnn.characterization import increments
from spicesnn.characterization.adaptive_grid import Subject, sampled
from spicesnn.characterization.characterize import Characterization, Errors, _errors, _relative
from spicesnn.characterization.increments import Increments
from spicesnn.devices.cell_tables import CellTables, TableDevice

STATES = np.linspace(0.0, 1.0, 21)
VOLTS = np.linspace(-1.0, 1.0, 9)
WIDTH_S = 1e-3


def rate_of(volts):
    """100 a second at 1 V: a table, straight in asinh of the rate, has this without error."""
    return 1e-3 * np.sinh(np.arcsinh(1e5) * np.asarray(volts))


def siemens_of(states):
    return 1e-5 * (1 + 3 * np.asarray(states))


@pytest.fixture(scope="module")
def made():
    """A cell whose state moves at a rate of the voltage alone, and whose current is G(x)·v."""
    tables = CellTables(
        volts=VOLTS,
        states=STATES,
        amps=siemens_of(STATES)[:, None] * VOLTS,
        rates=np.tile(rate_of(VOLTS), (STATES.size, 1)),
        initial=0.0,
        least=1e-3,
    )
    device = TableDevice(tables=tables)
    closed = Increments(tables=tables, siemens=siemens_of(STATES), width_s=WIDTH_S)
    return Characterization(
        device=device,
        increments=closed,
        moving=device,
        siemens=siemens_of(STATES),
        errors=Errors(),
    )


@dataclass
class Bench:
    """The same cell, its currents and its moves larger by a share."""

    current: float = 0.0
    move: float = 0.0
    seen: tuple = ()

    def currents(self, states, volts):
        self.seen = (states, volts)
        return siemens_of(states)[:, None] * volts * (1 + self.current)

    def conductances(self, states):
        return siemens_of(states)

    def moved(self, states, amplitudes, width_s):
        return np.clip(states + (1 + self.move) * rate_of(amplitudes) * width_s, 0.0, 1.0)


def test_errors_are_the_largest_relative_differences(made, monkeypatch):
    monkeypatch.setattr(increments, "_MOST", 2500)
    exact = _errors(Bench(), made, np.random.default_rng(0), 60)
    assert max(exact.current, exact.increment, exact.lookup) < 5e-3
    assert exact.checks == 60
    larger = _errors(Bench(current=0.04), made, np.random.default_rng(0), 60)
    assert larger.current == pytest.approx(0.04 / 1.04, rel=1e-2)
    assert larger.increment == exact.increment
    further = _errors(Bench(move=0.2), made, np.random.default_rng(0), 60)
    assert further.current == exact.current
    # ΔG is a sixth too small, but where the cell stops at a bound.
    assert further.increment == pytest.approx(1 / 6, rel=0.03)
    assert further.lookup == pytest.approx(1 / 6, rel=0.03)
    assert further.table > 0.15


def test_checks_lie_all_over_the_tables(made, monkeypatch):
    monkeypatch.setattr(increments, "_MOST", 1500)
    bench = Bench()
    _errors(bench, made, np.random.default_rng(1), 300)
    states, volts = bench.seen
    assert np.quantile(states, [0.01, 0.5, 0.99]) == pytest.approx([0, 0.5, 1], abs=0.07)
    assert volts.min() < -0.5 < 0.5 < volts.max()


def test_small_values_count_against_a_hundredth_of_the_largest():
    assert _relative(np.array([1.1, -2.0]), np.array([1.0, -2.0]), 5.0) == pytest.approx(0.1)
    assert _relative(np.array([0.02, 3.0]), np.array([0.01, 3.0]), 5.0) == pytest.approx(0.2)
    assert _relative(np.array([0.9, -2.1]), np.array([1.0, -2.0]), 5.0) == pytest.approx(0.1)


def test_the_largest_error_is_of_current_and_of_both_increments(made):
    for name in ("current", "increment", "lookup"):
        errors = Errors(current=0.1, increment=0.1, lookup=0.1, table=9.0)
        assert replace(made, errors=replace(errors, **{name: 0.3})).max_relative_error == 0.3


def test_increments_are_those_of_a_rate_that_the_voltage_sets(made):
    states, volts = np.array([0.2, 0.2, 0.5, 0.95]), np.array([0.95, -0.95, 1.0, 1.0])
    g, way = siemens_of(states), rate_of(volts) * WIDTH_S
    assert way[2] == pytest.approx(0.1)
    expected = siemens_of(np.clip(states + way, 0, 1)) - g
    np.testing.assert_allclose(made.increments(g, volts), expected, rtol=2e-3)
    twice = made.increments_of(2 * WIDTH_S)(g[:3], volts[:3])
    np.testing.assert_allclose(twice, siemens_of((states + 2 * way)[:3]) - g[:3], rtol=2e-3)
    assert made.increments.set_polarity == 1


def test_a_grid_is_cut_where_it_is_surprised_and_nowhere_else():
    """A bend at x = 0.3 asks for lines beside it; y is straight and keeps the lines it began with."""
    asked = []

    def measure(x, y, guess):
        asked.append((x, y, guess))
        return np.abs(x - 0.3) + y

    subject = Subject(
        measure=measure,
        foresee=lambda grid, x, y: np.interp(x, grid.x, grid.values[:, 0]) + y - grid.y[0],
        surprise=lambda x, old, new: np.abs(old - new),
    )
    axis = np.linspace(0, 1, 5)
    grid = sampled(subject, axis, axis, tolerance=1e-3, most=10_000)
    np.testing.assert_array_equal(np.diff(grid.y), np.full(8, 0.125))  # looked into once
    np.testing.assert_allclose(grid.values, np.abs(grid.x[:, None] - 0.3) + grid.y, rtol=1e-12)
    steps = np.diff(grid.x)
    assert steps[np.searchsorted(grid.x, 0.3) - 1] <= 4e-3
    assert steps[-1] == 0.125
    for x, _, guess in asked[1:]:
        assert guess.shape == x.shape
