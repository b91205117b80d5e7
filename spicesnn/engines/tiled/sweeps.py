# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""One tile with wires, solved inside a compiled presentation: line after line, word lines and bit
lines in turn.

Along a line the matrix is tridiagonal and is eliminated from the floating end towards the driver
(or the sense node). With s the conductance of a segment, e_k the cell's at node k and E_k what node
k sees of itself and everything beyond,

    E_last = e_last,  E_k = e_k + s·E_{k+1}/(s + E_{k+1}),  c_k = 1/(s + E_k)  (at the driven end
    1/(terminal + E_0)),

in which nothing is subtracted. Solving all word lines at given bit-line volts and all bit lines at
given word-line volts in turn is block Gauss-Seidel: it leaves 1/((1 + π²/4ξ_word)·(1 + π²/4ξ_bit))
of the error a turn, ξ = N²·r·mean(G). After a turn Kirchhoff's law holds at every bit-line node,
and what it leaves over at the word-line nodes is G·|ΔV_bit| of the last turn: its sum bounds the
error of every terminal current.

Conductances are in units of that of weight 1, single precision; word lines lie along the second
axis of `turned` arrays, so that all inner loops run over contiguous memory. The tests hold the
result against `NodalEngine`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spicesnn.jit import compiled

F = NDArray[np.float32]
MOST_TURNS = 200


class Segments(NamedTuple):
    """Wires of a tile, conductances over that of weight 1: segment of a word line, driver with its
    segment; bit line, sense node with its segment."""

    word: np.float32
    driver: np.float32
    bit: np.float32
    sense: np.float32


@compiled(fastmath=True)
def factor_words(turned: F, segment: np.float32, end: np.float32, factor: F) -> None:
    """Fill c of all word lines, (cols, rows); `turned` holds the cells (cols, rows)."""
    cols, rows = turned.shape
    seen = np.empty(rows, np.float32)
    for r in range(rows):
        seen[r] = turned[cols - 1, r]
    for j in range(cols - 1, 0, -1):
        for r in range(rows):
            c = np.float32(1.0) / (segment + seen[r])
            factor[j, r] = c
            seen[r] = turned[j - 1, r] + segment * seen[r] * c
    for r in range(rows):
        factor[0, r] = np.float32(1.0) / (end + seen[r])


@compiled(fastmath=True)
def factor_bits(
    cells: F, segment: np.float32, end: np.float32, factor: F, ohm: F, share: F
) -> None:
    """Fill c of all bit lines, and what a cell sees of its bit line with all word lines at 0 V (all
    (rows, cols)).

    `ohm` is the resistance between the node and ground without the cell itself, `share` the voltage
    there without it if the sense node is at 1 V."""
    rows, cols = cells.shape
    seen, below, part = (
        np.empty(cols, np.float32),
        np.empty(cols, np.float32),
        np.empty(cols, np.float32),
    )
    one = np.float32(1.0)
    for j in range(cols):
        seen[j] = cells[0, j]
        ohm[0, j] = np.float32(0.0)
    for i in range(rows - 1):
        for j in range(cols):
            c = one / (segment + seen[j])
            factor[i, j] = c
            above = segment * seen[j] * c
            ohm[i + 1, j] = above
            seen[j] = cells[i + 1, j] + above
    for j in range(cols):
        factor[rows - 1, j] = one / (end + seen[j])
        below[j] = end
        part[j] = end * factor[rows - 1, j]
    for i in range(rows - 1, -1, -1):
        for j in range(cols):
            z = one / (ohm[i, j] + below[j])
            ohm[i, j] = z
            share[i, j] = part[j] * (one + cells[i, j] * z)
            loaded = below[j] + cells[i, j]
            below[j] = segment * loaded / (segment + loaded)
            if i > 0:
                part[j] *= segment * factor[i - 1, j]


@compiled(fastmath=True)
def _solve_words(
    turned: F, factor: F, segment: np.float32, end: np.float32, bit: F, drive: F, word: F
) -> None:
    """Solve all word lines at bit-line volts `bit` (cols, rows) and driver volts (rows,) into
    `word` (cols, rows)."""
    cols, rows = turned.shape
    for r in range(rows):
        word[cols - 1, r] = turned[cols - 1, r] * bit[cols - 1, r]
    for j in range(cols - 1, 0, -1):
        for r in range(rows):
            y = factor[j, r] * word[j, r]
            word[j, r] = y
            word[j - 1, r] = turned[j - 1, r] * bit[j - 1, r] + segment * y
    for r in range(rows):
        word[0, r] = factor[0, r] * (word[0, r] + end * drive[r])
    for j in range(1, cols):
        for r in range(rows):
            word[j, r] += segment * factor[j, r] * word[j - 1, r]


@compiled(fastmath=True)
def _solve_bits(
    cells: F, factor: F, segment: np.float32, end: np.float32, word: F, sense: F, bit: F
) -> None:
    """Solve all bit lines at word-line volts `word` (rows, cols) and sense-node volts (cols,) into
    `bit` (rows, cols)."""
    rows, cols = cells.shape
    for j in range(cols):
        bit[0, j] = cells[0, j] * word[0, j]
    for i in range(rows - 1):
        for j in range(cols):
            y = factor[i, j] * bit[i, j]
            bit[i, j] = y
            bit[i + 1, j] = cells[i + 1, j] * word[i + 1, j] + segment * y
    for j in range(cols):
        bit[rows - 1, j] = factor[rows - 1, j] * (bit[rows - 1, j] + end * sense[j])
    for i in range(rows - 2, -1, -1):
        for j in range(cols):
            bit[i, j] += segment * factor[i, j] * bit[i + 1, j]


@compiled(fastmath=True)
def _turn(source: F, target: F) -> None:
    """Transpose in blocks that stay in the cache."""
    rows, cols = source.shape
    for first in range(0, rows, 16):
        for left in range(0, cols, 16):
            for i in range(first, min(first + 16, rows)):
                for j in range(left, min(left + 16, cols)):
                    target[j, i] = source[i, j]


@compiled(fastmath=True)
def solve_tile(
    cells: F,
    turned: F,
    word_factor: F,
    bit_factor: F,
    wires: Segments,
    drive: F,
    sense: F,
    tolerance: float,
    word: F,
    bit: F,
    scratch: F,
    before: F,
) -> float:
    """Solve a tile and return the bound of the error of every terminal current, relative to the sum
    of the word lines' currents; < 0 if it stalls.

    Parameters
    ----------
    cells, bit_factor, bit : (rows, cols)
    turned, word_factor, word : (cols, rows)
    drive, sense : (rows,), (cols,)
        Volts of drivers and sense nodes.
    word, bit
        Out: volts of the nodes.
    scratch, before : (rows, cols), (cols, rows)
    """
    rows, cols = cells.shape
    for j in range(cols):
        volts = sense[j] * wires.sense * bit_factor[rows - 1, j]
        before[j, rows - 1] = volts
        for i in range(rows - 2, -1, -1):
            volts = volts * wires.bit * bit_factor[i, j] if volts != 0 else volts
            before[j, i] = volts
    for _ in range(MOST_TURNS):
        _solve_words(turned, word_factor, wires.word, wires.driver, before, drive, word)
        _turn(word, scratch)
        _solve_bits(cells, bit_factor, wires.bit, wires.sense, scratch, sense, bit)
        left, scale = np.float32(0.0), np.float32(1e-30)
        for r in range(rows):
            scale += wires.driver * abs(drive[r] - word[0, r])
        _turn(bit, scratch.reshape(cols, rows))
        turned_bit = scratch.reshape(cols, rows)
        for j in range(cols):
            for r in range(rows):
                left += turned[j, r] * abs(turned_bit[j, r] - before[j, r])
                before[j, r] = turned_bit[j, r]
        if left <= tolerance * scale:
            return left / scale
    return -1.0


@compiled(fastmath=True)
def solve_row(
    cells: F, ohm: F, share: F, wires: Segments, drive: np.float32, sense: F, volts: F, work: F
) -> np.float32:
    """Solve one driven word line; its bit lines are what `factor_bits` says of them, all other word
    lines stand at 0 V.

    What is left out is what the other word lines rise by: a product of two drops, one along a bit
    line and one along a word line.

    Parameters
    ----------
    cells, ohm, share : (cols,)
        Of this row.
    drive, sense : float, (cols,)
        Volts of the driver and the sense nodes.
    volts : (cols,)
        Out: voltage across each cell.
    work : (3, cols)

    Returns
    -------
    Current from the driver.
    """
    cols = cells.size
    factor, y, into = work[0], work[1], work[2]
    one = np.float32(1.0)
    for j in range(cols):
        into[j] = cells[j] / (one + cells[j] * ohm[j])
        volts[j] = into[j] * share[j] * sense[j]
    seen, carried = np.float32(0.0), np.float32(0.0)
    for j in range(cols - 1, 0, -1):
        seen += into[j]
        c = one / (wires.word + seen)
        y[j] = c * (carried + volts[j])
        factor[j] = wires.word * c
        seen *= factor[j]
        carried = wires.word * y[j]
    last = (carried + volts[0] + wires.driver * drive) / (wires.driver + seen + into[0])
    amps = wires.driver * (drive - last)
    y[0] = last
    for j in range(1, cols):
        last = y[j] + factor[j] * last
        y[j] = last
    for j in range(cols):
        volts[j] = (y[j] - share[j] * sense[j]) / (one + cells[j] * ohm[j])
    return amps
