"""Resistances of every line on its own, and lines driven and sensed at any end: against a dense
nodal solution that shares no code with the engines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.engines.nodal import linear
from spicesnn.engines.nodal.direct import DirectPrepared
from spicesnn.engines.nodal.elimination import Eliminated
from spicesnn.engines.nodal.line_solver import LinePrepared
from spicesnn.engines.nodal.network import Operator, Sources
from spicesnn.engines.nodal.quick import quick_read
from spicesnn.engines.nodal.relinearised import Relinearised
from spicesnn.errors import InputError

ROWS, COLS = 6, 5
RNG = np.random.default_rng(11)
WORD, BIT = RNG.uniform(0.5, 40.0, ROWS), RNG.uniform(0.5, 40.0, COLS)
DRIVER, SENSE = RNG.uniform(0.0, 200.0, ROWS), RNG.uniform(0.0, 200.0, COLS)
ZERO_ENDS = np.array([0.0, 3.0, 0.0, 5.0, 0.0, 1.0])
WIRES = {
    "word lines": sn.Wires(WORD, 2.0),
    "bit lines": sn.Wires(2.0, BIT),
    "all": sn.Wires(WORD, BIT, DRIVER, SENSE),
    "all, both ends": sn.Wires(WORD, BIT, DRIVER, SENSE, double_sided=True),
    "right": sn.Wires(3.0, 2.0, 10.0, 7.0, drive_side="right"),
    "top": sn.Wires(3.0, 2.0, 10.0, 7.0, sense_side="top"),
    "right and top": sn.Wires(WORD, BIT, DRIVER, SENSE, drive_side="right", sense_side="top"),
    "word lines both": sn.Wires(WORD, 2.0, ZERO_ENDS, 1.0, drive_side="both"),
    "bit lines both, right": sn.Wires(1.0, BIT, 3.0, drive_side="right", sense_side="both"),
    "double sided, sensed at the top": sn.Wires(2.0, 3.0, double_sided=True, sense_side="top"),
    "ideal word lines, right and top": sn.Wires(
        0.0, BIT, DRIVER, SENSE, drive_side="right", sense_side="top"
    ),
    "ideal bit lines, both and top": sn.Wires(
        WORD, 0.0, 5.0, SENSE, drive_side="both", sense_side="top"
    ),
    "some word lines ideal": sn.Wires(np.where(np.arange(ROWS) % 2, WORD, 0.0), BIT, ZERO_ENDS),
    "some of both ideal, top": sn.Wires(
        np.where(np.arange(ROWS) % 2, WORD, 0.0),
        np.where(np.arange(COLS) % 2, 0.0, BIT),
        4.0,
        sense_side="top",
    ),
}


def one_a_line(value: Any, count: int) -> list[float]:
    return [float(v) for v in np.broadcast_to(value, count)]


def dense(
    siemens: np.ndarray, wires: sn.Wires, row_volts: np.ndarray, column_volts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Solve the array as a textbook does: a conductance matrix stamped edge by edge, and Gaussian
    elimination; nodes that 0 Ω joins are one. Return row amps, column amps, word and bit volts."""
    rows, cols = siemens.shape
    nodes = rows * cols
    drive = {"left": (0,), "right": (cols - 1,), "both": (0, cols - 1)}[
        wires.drive_side or ("both" if wires.double_sided else "left")
    ]
    sense = {"bottom": (rows - 1,), "top": (0,), "both": (0, rows - 1)}[
        wires.sense_side or ("both" if wires.double_sided else "bottom")
    ]
    edges: list[tuple[int, int, float]] = []  # nodes: word, bit, drivers, sense nodes
    for i, (segment, driver) in enumerate(
        zip(one_a_line(wires.word_line_ohm, rows), one_a_line(wires.driver_ohm, rows), strict=True)
    ):
        edges += [(i * cols + j, i * cols + j + 1, segment) for j in range(cols - 1)]
        edges += [(2 * nodes + i, i * cols + j, driver + segment) for j in drive]
    for j, (segment, load) in enumerate(
        zip(one_a_line(wires.bit_line_ohm, cols), one_a_line(wires.sense_ohm, cols), strict=True)
    ):
        edges += [
            (nodes + i * cols + j, nodes + (i + 1) * cols + j, segment) for i in range(rows - 1)
        ]
        edges += [(2 * nodes + rows + j, nodes + i * cols + j, load + segment) for i in sense]
    name = list(range(2 * nodes + rows + cols))
    for p, q, ohm in edges:
        if ohm == 0:
            old, new = min(name[p], name[q]), max(name[p], name[q])
            name = [new if k == old else k for k in name]
    matrix = np.zeros((len(name), len(name)))
    siemens_of = [(p, q, 1 / ohm) for p, q, ohm in edges if ohm > 0]
    siemens_of += [(c, nodes + c, float(siemens.flat[c])) for c in range(nodes)]
    for p, q, g in siemens_of:
        a, b = name[p], name[q]
        matrix[a, a] += g
        matrix[b, b] += g
        matrix[a, b] -= g
        matrix[b, a] -= g
    volts = np.zeros(len(name))
    volts[2 * nodes :] = *row_volts, *column_volts
    free = [k for k in set(name) if k < 2 * nodes]
    held = list(range(2 * nodes, len(name)))
    volts[free] = np.linalg.solve(
        matrix[np.ix_(free, free)], -matrix[np.ix_(free, held)] @ volts[held]
    )
    volts = volts[name]
    word, bit = volts[:nodes].reshape(rows, cols), volts[nodes : 2 * nodes].reshape(rows, cols)
    through = siemens * (word - bit)
    return through.sum(axis=1), through.sum(axis=0), word, bit


def cells_of(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 10 ** rng.uniform(-5, -3, (ROWS, COLS))


def check(got: Any, want: tuple[np.ndarray, ...]) -> None:
    for name, value in zip(
        ("row_amps", "column_amps", "word_line_volts", "bit_line_volts"), want, strict=True
    ):
        np.testing.assert_allclose(
            getattr(got, name), value, rtol=2e-9, atol=1e-12 * np.abs(value).max(), err_msg=name
        )


@pytest.mark.parametrize("name", WIRES)
def test_both_engines_solve_what_the_textbook_does(name: str, ngspice: sn.NgspiceEngine) -> None:
    wires, siemens = WIRES[name], cells_of(1)
    rng = np.random.default_rng(2)
    rows, columns = rng.uniform(-1, 1, ROWS), rng.uniform(-0.2, 0.2, COLS)
    array = sn.Crossbar(siemens, wires=wires)
    want = dense(siemens, wires, rows, columns)
    exact = sn.NodalEngine().read(array, rows, column_volts=columns)
    check(exact, want)
    check(sn.NodalEngine().read(array, rows), dense(siemens, wires, rows, np.zeros(COLS)))
    spice = ngspice.read(array, rows, column_volts=columns)
    check(spice, want)
    assert max(exact.residual_amps, spice.residual_amps) < 1e-12


@pytest.mark.parametrize("name", WIRES)
def test_each_method_for_linear_arrays_gives_the_same(name: str) -> None:
    """The direct method takes any wires; the line sweeps and the elimination all but those where
    some lines resist and others do not."""
    wires, rng = WIRES[name], np.random.default_rng(3)
    floating = np.arange(ROWS) == 1, np.arange(COLS) == 2
    operator = Operator(
        wires=wires,
        cell_siemens=cells_of(3),
        floating_rows=floating[0],
        floating_columns=floating[1],
        word_siemens=1e-4,
        bit_siemens=2e-5,
    )
    amps = 1e-4 * rng.normal(size=(2, 3, ROWS, COLS))
    sources = Sources(
        row_volts=rng.normal(size=(3, ROWS)),
        column_volts=rng.normal(size=(3, COLS)),
        word_amps=amps[0],
        bit_amps=amps[1],
    )
    want = DirectPrepared(operator).solve(sources)
    ways = [linear.prepare(operator)]
    if not name.startswith("some"):
        ways += [LinePrepared(operator), Eliminated(operator)]
    else:
        assert isinstance(ways[0], DirectPrepared)
    for way in ways:
        got = way.solve(sources)
        for field in ("row_amps", "column_amps", "word_volts", "bit_volts"):
            a, b = getattr(got, field), getattr(want, field)
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10 * np.abs(b).max())
    cells = Relinearised(wires, *floating, 1e-4, 2e-5)
    one = Sources(row_volts=sources.row_volts[:1], column_volts=sources.column_volts[:1])
    np.testing.assert_allclose(
        cells.solve(operator.cell_siemens, one).column_amps,
        DirectPrepared(operator).solve(one).column_amps,
        rtol=1e-8,
        atol=1e-14,
    )


@pytest.mark.parametrize("name", WIRES)
def test_gradients_and_effective_conductances_follow(name: str) -> None:
    wires, siemens = WIRES[name], cells_of(4)
    array, engine = sn.Crossbar(siemens, wires=wires), sn.NodalEngine()
    volts = np.random.default_rng(5).uniform(-1, 1, (3, ROWS))
    amps = engine.read(array, volts).column_amps
    np.testing.assert_allclose(
        volts @ engine.effective_conductance(array), amps, rtol=1e-9, atol=1e-15
    )
    slope = np.random.default_rng(6).normal(size=(3, COLS))
    gradient = engine.gradient(array, volts, slope)
    step = 1e-4 * siemens[2, 3]
    moved = [siemens.copy(), siemens.copy()]
    moved[0][2, 3] += step
    moved[1][2, 3] -= step
    up, down = (
        (engine.read(sn.Crossbar(m, wires=wires), volts).column_amps * slope).sum() for m in moved
    )
    assert gradient.conductance[2, 3] == pytest.approx((up - down) / (2 * step), rel=1e-5)


def test_lines_of_equal_resistance_are_the_scalar_to_the_last_bit() -> None:
    siemens, volts = cells_of(7), np.linspace(-1, 1, ROWS)
    scalar = sn.Wires(2.0, 3.0, 4.0, 5.0)
    each = sn.Wires(np.full(ROWS, 2.0), np.full(COLS, 3.0), np.full(ROWS, 4.0), np.full(COLS, 5.0))
    quick = [quick_read(sn.Crossbar(siemens, wires=wires), volts) for wires in (scalar, each)]
    assert quick[0] is not None
    assert quick[1] is not None
    for name in ("row_amps", "column_amps", "word_line_volts", "bit_line_volts", "residual_amps"):
        np.testing.assert_array_equal(getattr(quick[0], name), getattr(quick[1], name))


def test_a_large_array_with_lines_of_their_own_carries_its_certificate() -> None:
    """70 × 90 in the sweeps of eight lines, against the direct method."""
    rng = np.random.default_rng(8)
    shape = 70, 90
    wires = sn.Wires(
        rng.uniform(1, 30, shape[0]), rng.uniform(1, 30, shape[1]), sense_side="top", driver_ohm=9.0
    )
    array = sn.Crossbar(10 ** rng.uniform(-6, -4, shape), wires=wires)
    volts = rng.uniform(0, 0.3, shape[0])
    read = sn.NodalEngine().read(array, volts)
    assert read.stats["method"] == "line-cg"
    lines = np.abs(read.row_amps).sum() + np.abs(read.column_amps).sum()
    assert read.stats["error_bound_amps"] <= 8e-11 * lines
    operator = Operator(
        wires=wires,
        cell_siemens=array.conductance,
        floating_rows=np.zeros(shape[0], bool),
        floating_columns=np.zeros(shape[1], bool),
    )
    want = DirectPrepared(operator).solve(
        Sources(row_volts=volts[None], column_volts=np.zeros((1, shape[1])))
    )
    np.testing.assert_allclose(read.column_amps, want.column_amps[0], rtol=1e-9)


@pytest.mark.parametrize("name", ["all", "right and top", "some word lines ideal"])
def test_nonlinear_cells_read_and_pulse_the_same_in_ngspice(
    name: str, ngspice: sn.NgspiceEngine
) -> None:
    wires, (rows, cols) = WIRES[name], (2, 3)
    few = {
        key: value[: rows if key in ("word_line_ohm", "driver_ohm") else cols]
        for key in ("word_line_ohm", "bit_line_ohm", "driver_ohm", "sense_ohm")
        if np.ndim(value := getattr(wires, key))
    }
    device = sn.devices.registry.fresh("power-law")
    low, high = (float(v) for v in device.bounds())
    state = low + (high - low) * np.random.default_rng(9).uniform(0.2, 0.8, (rows, cols))
    array = sn.Crossbar(device=device, state=state, wires=replace(wires, **few))
    volts = np.linspace(0.5, 1.0, rows)
    ours, theirs = sn.NodalEngine().read(array, volts), ngspice.read(array, volts)
    np.testing.assert_allclose(ours.column_amps, theirs.column_amps, rtol=1e-7)
    pulse = sn.Pulse(row_volts=2.0, width_s=1e-6, rise_s=1e-7)
    after, judge = sn.NodalEngine().pulse(array, pulse), ngspice.pulse(array, pulse)
    moved = np.abs(judge.state - state).max() / (high - low)
    assert moved > 0.01
    assert np.abs(after.state - judge.state).max() <= 1e-3 * (high - low)
    assert after.energy_joule == pytest.approx(judge.energy_joule, rel=1e-3)
    assert after.residual_amps < 1e-9


def test_charged_lines_of_their_own_follow_ngspice(ngspice: sn.NgspiceEngine) -> None:
    wires = sn.Wires(
        np.array([20.0, 200.0, 50.0]),
        np.array([30.0, 10.0]),
        drive_side="right",
        sense_side="both",
        word_line_farad=2e-15,
        bit_line_farad=1e-15,
    )
    device = sn.devices.VTEAM(k_on=-1e-4, k_off=5e-6)
    array = sn.Crossbar(device=device, state=np.full((3, 2), 1e-9), wires=wires)
    pulse = sn.Pulse(row_volts=[-0.7, -0.6, 0.2], width_s=2e-7, rise_s=2e-8)
    ours, theirs = sn.NodalEngine().pulse(array, pulse), ngspice.pulse(array, pulse)
    assert np.abs(theirs.state - 1e-9).max() > 0.01 * 3e-9
    assert np.abs(ours.state - theirs.state).max() <= 1e-3 * 3e-9
    assert ours.energy_joule == pytest.approx(theirs.energy_joule, rel=2e-3)


def test_what_is_kept_for_wires_is_kept_by_their_numbers() -> None:
    siemens, volts = cells_of(10), np.ones(ROWS)
    ohm = WORD.copy()
    wires = sn.Wires(ohm, 1.0)
    first = sn.Crossbar(siemens, wires=wires).read(volts).column_amps
    ohm[0] *= 2  # the caller's own array
    assert np.array_equal(sn.Crossbar(siemens, wires=wires).read(volts).column_amps, first)
    assert sn.Wires(WORD, 1.0) == wires
    assert hash(sn.Wires(WORD, 1.0)) == hash(wires)
    different = [
        sn.Wires(ohm, 1.0),
        sn.Wires(1.0, WORD[:COLS]),
        sn.Wires(WORD, 1.0, drive_side="right"),
        sn.Wires(WORD, 1.0, sense_side="top"),
        sn.Wires(WORD, 1.0, sense_side="both"),
        sn.Wires(WORD, 1.0, double_sided=True),
    ]
    for other in different:
        assert other != wires
        assert not np.array_equal(sn.Crossbar(siemens, wires=other).read(volts).column_amps, first)
    assert sn.Wires(double_sided=True) == sn.Wires(drive_side="both", sense_side="both")
    assert replace(sn.Wires(double_sided=True), drive_side="left").driven_ends == (True, False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"word_line_ohm": np.ones(COLS)}, r"word_line_ohm has shape \(5,\).* 6 rows; expected"),
        ({"bit_line_ohm": np.ones(ROWS)}, r"bit_line_ohm has shape \(6,\).* 5 cols; expected"),
        ({"driver_ohm": [1.0]}, r"driver_ohm has shape \(1,\).* 6 rows; expected"),
        ({"sense_ohm": []}, r"sense_ohm has shape \(0,\).* 5 cols; expected"),
        ({"word_line_ohm": [1.0, np.nan]}, r"word_line_ohm = \[1.0, nan\]; expected a finite"),
        ({"bit_line_ohm": [1.0, -2.0]}, r"bit_line_ohm = \[1.0, -2.0\]; expected a finite"),
        ({"bit_line_ohm": [1.0, np.inf]}, r"bit_line_ohm = \[1.0, inf\]; expected a finite"),
        ({"word_line_ohm": [1.0, 1e-310]}, r"expected 0 \(exact\), or 1e-300"),
        (
            {"word_line_ohm": np.ones((2, 2))},
            r"shape \(2, 2\); expected one number or one per line",
        ),
        ({"word_line_farad": [1e-15, 2e-15]}, r"shape \(2,\); expected one number"),
        ({"word_line_ohm": ["a", "b"]}, "not an array of numbers"),
        ({"drive_side": "bottom"}, "drive_side = 'bottom'; expected one of: left, right, both"),
        ({"sense_side": "left"}, "sense_side = 'left'; expected one of: bottom, top, both"),
        ({"sense_side": 1}, "sense_side = 1; expected one of"),
        ({"driven": "left"}, "Wires has no argument 'driven'; use drive_side"),
    ],
)
def test_wires_that_are_none_are_refused_in_one_line(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        sn.Crossbar(np.full((ROWS, COLS), 1e-4), wires=sn.Wires(**given))
    assert "\n" not in str(refused.value)
