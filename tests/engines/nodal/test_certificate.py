"""The certificate of a solve, for voltages that are wrong: what Kirchhoff's current law leaves
over, summed up node by node from outside.

A solved array leaves nothing over at either kind of line, whatever half of the certificate is lost;
a wrong one does."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from spicesnn import Wires
from spicesnn.engines.nodal.kirchhoff import check_columns, check_rows
from spicesnn.engines.nodal.lines import Drives, aligned_zeros, lines_of_operator, padded, stride_of
from spicesnn.engines.nodal.network import Operator


def left_over(
    operator: Operator, x: np.ndarray, t: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what is left over at every word-line and every bit-line node, (rows, cols) each."""
    wires, g = operator.wires, operator.cell_siemens
    through = g * (x - t)
    word, bit = -through, through.copy()
    for volts, rest, ohm, axis in (
        (x, word, wires.word_line_ohm, 1),
        (t, bit, wires.bit_line_ohm, 0),
    ):
        between = np.diff(volts, axis=axis) / ohm  # into the lower node
        lower, upper = [slice(None)] * 2, [slice(None)] * 2
        lower[axis], upper[axis] = slice(None, -1), slice(1, None)
        rest[tuple(lower)] += between
        rest[tuple(upper)] -= between
    word[:, 0] += (rows - x[:, 0]) / (wires.driver_ohm + wires.word_line_ohm)
    bit[-1] += (columns - t[-1]) / (wires.sense_ohm + wires.bit_line_ohm)
    if wires.double_sided:
        word[:, -1] += (rows - x[:, -1]) / (wires.driver_ohm + wires.word_line_ohm)
        bit[0] += (columns - t[0]) / (wires.sense_ohm + wires.bit_line_ohm)
    return word, bit


def certified(
    operator: Operator, x: np.ndarray, t: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row currents, column currents, and what the compiled certificate measures: Σ|left
    over|, max|left over|, Σ|line currents|."""
    count, cols = operator.shape
    high, wide = padded(count), stride_of(cols)
    nodes = aligned_zeros(3, high + 1, wide)
    for values, into in zip((operator.cell_siemens, x, t), nodes, strict=True):
        into[:count, :cols] = values
    cells, word, bit = nodes.reshape(3, -1)
    volts = [np.zeros(high), np.zeros(wide)]
    volts[0][:count], volts[1][:cols] = rows, columns
    row_amps, column_amps, sums, measures, none = (
        np.zeros(count),
        np.zeros(cols),
        aligned_zeros(2 * wide),
        np.zeros(8),
        np.zeros(0),
    )
    lines = lines_of_operator(operator)
    drives = Drives(*volts, none, none)
    check_rows(lines, cells, word, bit, drives, row_amps, sums, 0, high // 8, measures)
    check_columns(lines, bit, volts[1], sums, 1, column_amps, measures)
    return row_amps, column_amps, measures


@pytest.mark.parametrize(
    ("shape", "double_sided"),
    list(itertools.product([(1, 1), (3, 5), (9, 17), (16, 8)], [False, True])),
)
@pytest.mark.parametrize("wrong", ["word", "bit"])
def test_what_wrong_voltages_leave_over_is_found_at_either_kind_of_line(
    shape: tuple[int, int], double_sided: bool, wrong: str
) -> None:
    rng = np.random.default_rng(sum(shape))
    wires = Wires(
        word_line_ohm=2.0,
        bit_line_ohm=3.0,
        driver_ohm=7.0,
        sense_ohm=5.0,
        double_sided=double_sided,
    )
    none = np.zeros(shape[0], bool), np.zeros(shape[1], bool)
    operator = Operator(
        wires=wires,
        cell_siemens=10 ** rng.uniform(-5, -3, shape),
        floating_rows=none[0],
        floating_columns=none[1],
        word_siemens=0.0,
        bit_siemens=0.0,
    )
    rows, columns = rng.uniform(-1, 1, shape[0]), rng.uniform(-1, 1, shape[1])
    # Lines at one voltage each, but for a single node that is off: the largest violation is at that
    # node or beside it.
    x, t = np.tile(rows[:, None], (1, shape[1])), np.tile(columns, (shape[0], 1))
    (x if wrong == "word" else t)[rng.integers(shape[0]), rng.integers(shape[1])] += 0.3
    word, bit = left_over(operator, x, t, rows, columns)
    row_amps, column_amps, measures = certified(operator, x, t, rows, columns)
    assert measures[1] == pytest.approx(max(np.abs(word).max(), np.abs(bit).max()), rel=1e-12)
    assert measures[0] == pytest.approx(np.abs(word).sum() + np.abs(bit).sum(), rel=1e-12)
    assert (np.abs(word).max() > np.abs(bit).max()) == (wrong == "word")
    assert measures[2] == pytest.approx(
        np.abs(row_amps).sum() + np.abs(column_amps).sum(), rel=1e-12
    )
    cells = operator.cell_siemens * (x - t)
    terminal = (rows - x[:, 0]) / 9 + double_sided * (rows - x[:, -1]) / 9
    for i in range(shape[0]):
        assert min(abs(row_amps[i] - terminal[i]), abs(row_amps[i] - cells[i].sum())) <= 1e-15
    terminal = (t[-1] - columns) / 8 + double_sided * (t[0] - columns) / 8
    for j in range(shape[1]):
        assert (
            min(abs(column_amps[j] - terminal[j]), abs(column_amps[j] - cells[:, j].sum())) <= 1e-15
        )
