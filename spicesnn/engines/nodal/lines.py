"""What the line sweeps need to know about an operator, as flat arrays that compiled code takes
without a copy.

Arrays are padded to multiples of eight rows and columns, so that every vector load is whole; padded
cells have 0 S. A line whose wire has 0 Ω is *merged*: it is one node. A merged line that is driven
through 0 Ω is *held*: its voltage is known."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.wires import Wires
from spicesnn.engines.nodal.network import Operator

LANES = 8


def padded(count: int) -> int:
    """Return `count` rounded up to whole vectors."""
    return -(-count // LANES) * LANES


def stride_of(cols: int) -> int:
    """Return the doubles from one row to the next: not a multiple of 4 KiB or near it, where rows
    would fight for the same cache sets."""
    stride = padded(cols)
    return stride + LANES if stride >= 128 and stride % 64 == 0 else stride


def aligned_zeros(*shape: int) -> Floats:
    """Return zeros that begin at a cache line, so that no vector lies across two (a third of the
    time of a sweep)."""
    return _aligned(np.zeros(math.prod(shape) + LANES), *shape)


def aligned_rows(count: int, size: int) -> tuple[Floats, int]:
    """Return memory as it is found, (count, size + 8), and where in each row the first cache line
    begins."""
    rows = np.empty((count, size + LANES))
    return rows, _before_cache_line(rows)


def _before_cache_line(raw: Floats) -> int:
    return int(-(raw.__array_interface__["data"][0] // raw.itemsize) % LANES)


def _aligned(raw: Floats, *shape: int) -> Floats:
    size = raw.size - LANES
    skip = _before_cache_line(raw)
    return raw[skip : skip + size].reshape(shape)


class Lines(NamedTuple):
    """Wires and terminals of an array: everything of an operator but its cells.

    Attributes
    ----------
    rows, cols, stride : int
        Lines of each kind; doubles from one row to the next.
    word_siemens, bit_siemens : float
        Conductance of a segment, of the line whose segments conduct best (0 where lines are
        merged).
    word_ground, bit_ground : float
        Conductance from each node to ground.
    word_first, word_last : (padded rows,)
        Conductance from the first and the last node of a word line to its driver; 0 where there is
        none. A merged line's is all in `word_first`.
    bit_first, bit_last : (padded cols,)
        The same for bit lines and their sense nodes. A merged line's is all in `bit_last`.
    word_merged, bit_merged : bool
    word_held, bit_held : (padded rows,), (padded cols,) bool
        1.0 and 0.0 in what `packed_lines` packs.
    word_segment, bit_segment : (padded rows,), (padded cols,)
        Conductance of a segment of each line (0 where lines are merged); 1 for padded lines.
    real : (padded cols,)
        1 for real columns and 0 for padded ones.
    word_shunt : (padded cols,)
        `word_ground` for real columns and 0 for padded ones.
    """

    rows: int
    cols: int
    stride: int
    word_siemens: float
    bit_siemens: float
    word_ground: float
    bit_ground: float
    word_first: Floats
    word_last: Floats
    bit_first: Floats
    bit_last: Floats
    word_merged: bool
    bit_merged: bool
    word_held: NDArray[np.bool_]
    bit_held: NDArray[np.bool_]
    word_segment: Floats
    bit_segment: Floats
    real: Floats
    word_shunt: Floats


class Work(NamedTuple):
    """Factors (they depend on the operator) and vectors of a solve (they do not outlive it), one
    after another in one piece of memory.

    Attributes
    ----------
    word_factor : (padded rows / 8, padded cols, 8) flat
        1 / pivot of each word-line node, eight rows interleaved.
    bit_factor : (padded rows, padded cols) flat
    correction, direction : (padded rows, padded cols) flat
        z and p of the conjugate gradients.
    panel : (threads, 16·padded cols + 256) flat
    column_sums : (threads, 2·padded cols) flat
    sums : (threads, 32) flat
        What threads tell one another.
    volts : (threads, padded rows + padded cols) flat
        Driver and sense-node volts of the input that is solved.
    gate : (8,) int64
        Their barrier.
    """

    word_factor: Floats
    bit_factor: Floats
    correction: Floats
    direction: Floats
    panel: Floats
    column_sums: Floats
    sums: Floats
    volts: Floats
    gate: NDArray[np.int64]


class Drives(NamedTuple):
    """What drives one input.

    Attributes
    ----------
    word_volts, bit_volts : (padded rows,), (padded cols,)
        Volts of drivers and sense nodes; padded lines 0.
    word_amps, bit_amps : (padded rows, padded cols) flat, or of size 0
        Currents injected into the nodes.
    """

    word_volts: Floats
    bit_volts: Floats
    word_amps: Floats
    bit_amps: Floats


class Outcome(NamedTuple):
    """What a solve tells of one input, beside the volts of its nodes.

    Attributes
    ----------
    row_amps, column_amps : (rows,), (cols,)
    report : (8,)
        Iterations, largest residual, ‖residual‖₁, Σ|I|, 1 if converged, rounding level of
        ‖residual‖₁, and where the volts begin.
    """

    row_amps: Floats
    column_amps: Floats
    report: Floats


class Share(NamedTuple):
    """One of the threads that solve an input together: its number, and how many there are."""

    thread: int
    threads: int


def work_doubles(rows: int, stride: int, threads: int) -> int:
    """Return how many doubles the `Work` of so many padded rows takes (`line_cg.work_in` lays it
    out)."""
    return 4 * rows * stride + threads * (18 * stride + 256 + 32 + rows + stride)


def _side(
    ohm: Floats, floating: NDArray[np.bool_], ends: tuple[bool, bool], width: int
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return the conductance between each line's first node and its terminal, and between its last
    node and the same (padded), and which lines are held because there is no resistance at all."""
    count = floating.size
    held = np.zeros(width, dtype=bool)
    siemens = np.zeros(count)
    np.divide(1.0, ohm, out=siemens, where=(ohm != 0) & ~floating)
    held[:count] = (ohm == 0) & ~floating
    first, last = np.ones((2, width))
    first[:count], last[:count] = (siemens if end else 0.0 for end in ends)
    return first, last, held


def _segments(ohm: Floats, width: int) -> tuple[Floats, bool]:
    """Return the conductance of a segment of each line (padded), and whether the lines are
    merged."""
    siemens = np.ones(width)
    merged = not ohm.any()
    siemens[: ohm.size] = 0.0 if merged else 1.0 / ohm
    return siemens, merged


@lru_cache(maxsize=16)
def _lines_of(
    wires: Wires,
    rows_that_float: bytes,
    columns_that_float: bytes,
    word_ground: float,
    bit_ground: float,
) -> Lines:
    floating_rows, floating_columns = (
        np.frombuffer(rows_that_float, dtype=bool),
        np.frombuffer(columns_that_float, dtype=bool),
    )
    rows, cols = floating_rows.size, floating_columns.size
    stride = stride_of(cols)
    word_ohm, driver_ohm = wires.word_ohms(rows)
    bit_ohm, sense_ohm = wires.bit_ohms(cols)
    word_segment, word_merged = _segments(word_ohm, padded(rows))
    bit_segment, bit_merged = _segments(bit_ohm, stride)
    word_first, word_last, word_held = _side(
        driver_ohm, floating_rows, wires.driven_ends, padded(rows)
    )
    bit_first, bit_last, bit_held = _side(sense_ohm, floating_columns, wires.sensed_ends, stride)
    if word_merged:
        word_first[:rows] += word_last[:rows]
        word_last[:rows] = 0.0
    if bit_merged:
        bit_last[:cols] += bit_first[:cols]
        bit_first[:cols] = 0.0
    real, word_shunt = np.zeros((2, stride))
    real[:cols], word_shunt[:cols] = 1.0, word_ground
    return Lines(
        rows=rows,
        cols=cols,
        stride=stride,
        word_siemens=float(word_segment[:rows].max()),
        bit_siemens=float(bit_segment[:cols].max()),
        word_ground=float(word_ground),
        bit_ground=float(bit_ground),
        word_first=word_first,
        word_last=word_last,
        bit_first=bit_first,
        bit_last=bit_last,
        word_merged=word_merged,
        bit_merged=bit_merged,
        word_held=word_held,
        bit_held=bit_held,
        word_segment=word_segment,
        bit_segment=bit_segment,
        real=real,
        word_shunt=word_shunt,
    )


@lru_cache(maxsize=16)
def _packed_of(
    wires: Wires,
    rows_that_float: bytes,
    columns_that_float: bytes,
    word_ground: float,
    bit_ground: float,
) -> Floats:
    lines = _lines_of(wires, rows_that_float, columns_that_float, word_ground, bit_ground)
    vectors: tuple[NDArray[Any], ...] = (
        lines.word_first,
        lines.word_last,
        lines.bit_first,
        lines.bit_last,
        lines.word_held,
        lines.bit_held,
        lines.word_segment,
        lines.bit_segment,
        lines.real,
        lines.word_shunt,
    )
    numbers = aligned_zeros(LANES + sum(vector.size for vector in vectors))
    numbers[:LANES] = (
        lines.word_siemens,
        lines.bit_siemens,
        lines.word_ground,
        lines.bit_ground,
        lines.word_merged,
        lines.bit_merged,
        lines.rows,
        lines.cols,
    )
    numbers[LANES:] = np.concatenate(vectors)
    return numbers


def _key(operator: Operator) -> tuple[Wires, bytes, bytes, float, float]:
    floating = operator.floating_rows.tobytes(), operator.floating_columns.tobytes()
    return operator.wires, *floating, float(operator.word_siemens), float(operator.bit_siemens)


def lines_of_operator(operator: Operator) -> Lines:
    """Return the lines of an operator; wires that are the same object are described once, however
    often their cells change."""
    return _lines_of(*_key(operator))


def packed_lines(operator: Operator) -> Floats:
    """Return the same in one array, for compiled code: an array costs more to hand over than all it
    holds. Segments and grounds of word and bit lines, 1.0 where they are merged, rows and cols,
    then the vectors in their order (`line_cg.lines_in` unpacks it)."""
    return _packed_of(*_key(operator))
