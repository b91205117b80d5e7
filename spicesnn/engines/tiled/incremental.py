# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""Synapses behind wires, inside a compiled presentation: what the neurons read, how stale it may
be, and what a pulse really does.

Reads. Cells are linear, so what an input spike sends into neuron j is one row of the effective
conductance of its tile. Column j of that matrix is exact after one solve with 1 V on sense node j
alone (reciprocity), which also gives the voltage b_j(cell) across every cell. When cells change by
D afterwards, Tellegen's theorem says exactly what that does to the current of column j at any
inputs u (driver volts, 0 to 1):

    I'_j(u) − I_j(u) = Σ_cells b_j(cell)·D(cell)·v_u(cell),

b_j of the old network, v_u of the new one, |v_u| ≤ 1. Two things follow. Other columns are stale by
at most Σ |b_j|·|D|, which is added up (with the largest |b_j| of each row). Column j itself is
moved along by b·p·D, p the attenuation of the word line up to the cell, bit lines at 0 V. The sum
of all terminals' shares in a node's voltage is 1, so |v_u − p·u_row| ≤ max(1 − b, 1 − p) in the new
network, and at most b·max(1 − b, 1 − p)·|D| is left, with b and p as the changes have made them:
they move by no more than the resistance of the line up to the cell times what the cells along it
have changed, which is added up too. A column of a tile whose sum has passed its limit is solved
anew, before anything is read.

Writes. An output spike sends pulses down one bit line: the tile is solved at the volts of all its
drivers, selected bit line at −V_m/2, word lines at V_i − V_m/2, everything else at 0 V (the V/2
scheme; V_m the largest V_i of the tile). An input spike sends reset pulses along one word line to
the neurons that have fired, in the same scheme: `solve_row`. Every cell then moves as the device
does at its own solved voltage and state."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spicesnn.engines.tiled.sweeps import Segments, factor_bits, factor_words, solve_row, solve_tile
from spicesnn.jit import compiled

F = NDArray[np.float32]
SOLVES, ROW_SOLVES, REFRESHES, JOULE, STALLED = range(5)
"""What `Wired.tally` counts: tiles solved for pulses, word lines solved for pulses, columns of
tiles solved for reads, write energy, failures."""


class Pulses(NamedTuple):
    """What the controller sends and what the device does.

    Attributes
    ----------
    volts_up, volts_down : (lags, weights)
        Magnitude of the pulse by lag and weight.
    up, down : (voltages, weights)
        Δw by voltage and weight; the voltages are even from `up_span[0]` with step `up_span[1]`
        (`down_span` likewise).
    up_s, down_s : float
        Widths times the conductance of weight 1, for the energy.
    """

    volts_up: F
    volts_down: F
    up: F
    down: F
    up_span: tuple[np.float32, np.float32]
    down_span: tuple[np.float32, np.float32]
    up_s: float
    down_s: float


class Wired(NamedTuple):
    """Cells in tiles with wires; all of it is moved on in place.

    Attributes
    ----------
    cells, turned : (inputs, neurons), (neurons, inputs)
        Conductances over that of weight 1.
    base : float
        What a cell of weight 0 conducts: a reference takes it off what is read.
    word_factor, bit_factor, ohm, open_share
        Of the lines of every tile, see `sweeps`.
    share, own, reach : (inputs, neurons)
        b·p, max(1 − b, 1 − p), and the largest |b_j| at other cells of a row.
    stale : (tile rows, neurons)
        Bound of the error of each column's current in each tile, over 1 V and the conductance of
        weight 1.
    moved : (tile rows, neurons)
        Σ|D| of each column of a tile since it was solved.
    row_moved, row_then : (tile columns, inputs), (inputs, neurons)
        Σ|D| of each word line of a tile since the beginning, and what it was when the column was
        solved.
    word_path, bit_path : (neurons,), (inputs,)
        Resistance from the driver to a column, and from the sense node to a row, times the
        conductance of weight 1.
    limit : float
        Where a column of a tile is solved anew.
    row_cuts, col_cuts, tile_row, tile_col
        First line of each tile and the end, and which tile a line is in.
    dirty : (tile rows, tile columns)
        Whether factors are older than the cells.
    """

    cells: F
    turned: F
    base: np.float32
    word_factor: F
    bit_factor: F
    ohm: F
    open_share: F
    share: F
    own: F
    reach: F
    stale: NDArray[np.float64]
    moved: NDArray[np.float64]
    row_moved: F
    row_then: F
    word_path: F
    bit_path: F
    limit: float
    tolerance: float
    wires: Segments
    row_cuts: NDArray[np.int64]
    col_cuts: NDArray[np.int64]
    tile_row: NDArray[np.int64]
    tile_col: NDArray[np.int64]
    dirty: NDArray[np.bool_]
    writes: bool
    pulses: Pulses
    tally: NDArray[np.float64]


@compiled(fastmath=True)
def bilinear(table: F, row: np.float32, weight: np.float32) -> np.float32:
    """Return a table's value at a row that is not whole, and a weight in [0, 1]; the grid is even
    over √w."""
    rows, last = table.shape[0] - 1, table.shape[1] - 1
    row = min(max(row, np.float32(0.0)), np.float32(rows))
    weight = min(max(weight, np.float32(0.0)), np.float32(1.0))
    i, j = min(np.int64(row), rows - 1), min(np.int64(np.sqrt(weight) * np.float32(last)), last - 1)
    s, t = (
        row - np.float32(i),
        (weight * np.float32(last * last) - np.float32(j * j)) / np.float32(2 * j + 1),
    )
    one = np.float32(1.0)
    return (one - s) * ((one - t) * table[i, j] + t * table[i, j + 1]) + s * (
        (one - t) * table[i + 1, j] + t * table[i + 1, j + 1]
    )


@compiled(fastmath=True)
def _factor(wired: Wired, k: int, m: int) -> None:
    r0, r1, c0, c1 = (
        wired.row_cuts[k],
        wired.row_cuts[k + 1],
        wired.col_cuts[m],
        wired.col_cuts[m + 1],
    )
    factor_words(
        wired.turned[c0:c1, r0:r1],
        wired.wires.word,
        wired.wires.driver,
        wired.word_factor[c0:c1, r0:r1],
    )
    factor_bits(
        wired.cells[r0:r1, c0:c1],
        wired.wires.bit,
        wired.wires.sense,
        wired.bit_factor[r0:r1, c0:c1],
        wired.ohm[r0:r1, c0:c1],
        wired.open_share[r0:r1, c0:c1],
    )
    wired.dirty[k, m] = False


@compiled(fastmath=True)
def _solve(wired: Wired, k: int, m: int, drive: F, sense: F, word: F, bit: F) -> float:
    """Solve tile (k, m) into `word` (cols, rows) and `bit` (rows, cols)."""
    if wired.dirty[k, m]:
        _factor(wired, k, m)
    r0, r1, c0, c1 = (
        wired.row_cuts[k],
        wired.row_cuts[k + 1],
        wired.col_cuts[m],
        wired.col_cuts[m + 1],
    )
    scratch, before = (
        np.empty((r1 - r0, c1 - c0), np.float32),
        np.empty((c1 - c0, r1 - r0), np.float32),
    )
    left = solve_tile(
        wired.cells[r0:r1, c0:c1],
        wired.turned[c0:c1, r0:r1],
        wired.word_factor[c0:c1, r0:r1],
        wired.bit_factor[r0:r1, c0:c1],
        wired.wires,
        drive,
        sense,
        wired.tolerance,
        word,
        bit,
        scratch,
        before,
    )
    if left < 0:
        wired.tally[STALLED] += 1
    return left


@compiled(fastmath=True)
def refresh(wired: Wired, read_weight: F, k: int, j: int) -> None:
    """Solve column j of the tiles in row k for reads, exactly, and what its staleness is counted
    with."""
    m = wired.tile_col[j]
    r0, r1, c0, c1 = (
        wired.row_cuts[k],
        wired.row_cuts[k + 1],
        wired.col_cuts[m],
        wired.col_cuts[m + 1],
    )
    rows, cols, mine = r1 - r0, c1 - c0, j - c0
    word, bit = np.empty((cols, rows), np.float32), np.empty((rows, cols), np.float32)
    sense = np.zeros(cols, np.float32)
    sense[mine] = 1.0
    left = _solve(wired, k, m, np.zeros(rows, np.float32), sense, word, bit)
    one, total = np.float32(1.0), np.float32(0.0)
    factor = wired.word_factor[c0:c1, r0:r1]
    most, along = np.zeros(rows, np.float32), np.empty(rows, np.float32)
    for r in range(rows):
        amps = wired.wires.driver * word[0, r]
        read_weight[r0 + r, j] = amps - wired.base
        total += amps
        along[r] = wired.wires.driver * factor[0, r]
    for q in range(1, mine + 1):
        for r in range(rows):
            along[r] *= wired.wires.word * factor[q, r]
    for r in range(rows):
        for q in range(cols):
            if q != mine:
                most[r] = max(most[r], abs(bit[r, q] - word[q, r]))
        across = bit[r, mine] - word[mine, r]
        wired.share[r0 + r, j] = across * along[r]
        wired.own[r0 + r, j] = max(one - across, one - along[r])
        wired.reach[r0 + r, j] = most[r]
        wired.row_then[r0 + r, j] = wired.row_moved[m, r0 + r]
    wired.stale[k, j] = left * total
    wired.moved[k, j] = 0.0
    wired.tally[REFRESHES] += 1


@compiled(fastmath=True)
def note(wired: Wired, read_weight: F, i: int, j: int, change: np.float32) -> None:
    """Take a changed cell over: into the tile, into what column j reads, into what all columns of
    the tile may be wrong by."""
    k, m = wired.tile_row[i], wired.tile_col[j]
    cell = wired.cells[i, j] + change
    wired.cells[i, j] = cell
    wired.turned[j, i] = cell
    wired.dirty[k, m] = True
    read_weight[i, j] += wired.share[i, j] * change
    size = abs(change)
    word_path, bit_path = wired.word_path[j], wired.bit_path[i]
    wired.moved[k, j] += size
    later = 2.0 * (word_path + bit_path) * wired.moved[k, j] + word_path * (
        wired.row_moved[m, i] - wired.row_then[i, j]
    )
    wired.stale[k, j] += (
        wired.own[i, j] + later + (word_path + bit_path) * wired.stale[k, j]
    ) * size
    for q in range(wired.col_cuts[m], wired.col_cuts[m + 1]):
        wired.stale[k, q] += wired.reach[i, q] * size
    wired.row_moved[m, i] += size
    wired.reach[i, j] += word_path * size


@compiled(part=True)
def any_stale(wired: Wired) -> bool:
    """Whether a column of a tile has passed its limit: asked in every step, so pasted in there, as
    handing over all of `wired` takes longer than the question."""
    for k in range(wired.stale.shape[0]):
        for j in range(wired.stale.shape[1]):
            if wired.stale[k, j] > wired.limit:
                return True
    return False


@compiled
def keep_fresh(wired: Wired, read_weight: F) -> None:
    """Solve anew every column of a tile that has passed its limit."""
    for k in range(wired.stale.shape[0]):
        for j in range(wired.stale.shape[1]):
            if wired.stale[k, j] > wired.limit:
                refresh(wired, read_weight, k, j)


@compiled(fastmath=True)
def _set_row_of_tile(
    wired: Wired,
    weight: F,
    read_weight: F,
    k: int,
    neuron: int,
    step: int,
    fired_inputs: NDArray[np.int32],
    count: int,
    last_in: NDArray[np.int32],
) -> float:
    """Send set pulses down the bit line of `neuron` in the tiles of row k; return the change of its
    weights' sum."""
    pulses, m = wired.pulses, wired.tile_col[neuron]
    r0, r1, c0, c1 = (
        wired.row_cuts[k],
        wired.row_cuts[k + 1],
        wired.col_cuts[m],
        wired.col_cuts[m + 1],
    )
    rows, cols, mine = r1 - r0, c1 - c0, neuron - c0
    drive, sense = np.zeros(rows, np.float32), np.zeros(cols, np.float32)
    most = np.float32(0.0)
    for n in range(count):
        i = fired_inputs[n]
        if r0 <= i < r1:
            volts = bilinear(pulses.volts_up, np.float32(step - last_in[i]), weight[i, neuron])
            drive[i - r0] = volts
            most = max(most, volts)
    if most == 0:
        return 0.0
    half = np.float32(0.5) * most
    for r in range(rows):
        if drive[r] > 0:
            drive[r] -= half
    sense[mine] = -half
    word, bit = np.empty((cols, rows), np.float32), np.empty((rows, cols), np.float32)
    _solve(wired, k, m, drive, sense, word, bit)
    wired.tally[SOLVES] += 1
    power, total = 0.0, 0.0
    for r in range(rows):
        power += drive[r] * wired.wires.driver * (drive[r] - word[0, r])
    for q in range(cols):
        power += sense[q] * wired.wires.sense * (sense[q] - bit[rows - 1, q])
    wired.tally[JOULE] += power * pulses.up_s
    one = np.float32(1.0)
    for n in range(count):
        i = fired_inputs[n]
        if r0 <= i < r1:
            volts = word[mine, i - r0] - bit[i - r0, mine]
            w = weight[i, neuron]
            new = min(
                w + bilinear(pulses.up, (volts - pulses.up_span[0]) / pulses.up_span[1], w), one
            )
            weight[i, neuron] = new
            note(wired, read_weight, i, neuron, new - w)
            total += new - w
    return total


@compiled
def set_column(
    wired: Wired,
    weight: F,
    read_weight: F,
    neuron: int,
    step: int,
    fired_inputs: NDArray[np.int32],
    count: int,
    last_in: NDArray[np.int32],
) -> float:
    """Potentiate the synapses of a neuron that just fired by pulses through the wires; return the
    change of its weights' sum."""
    total = 0.0
    for k in range(wired.row_cuts.size - 1):
        total += _set_row_of_tile(
            wired, weight, read_weight, k, neuron, step, fired_inputs, count, last_in
        )
    return total


@compiled(fastmath=True)
def reset_row(
    wired: Wired,
    weight: F,
    read_weight: F,
    column_sum: NDArray[np.float64],
    i: int,
    step: int,
    fired: NDArray[np.int32],
    count: int,
    last_out: NDArray[np.int32],
) -> None:
    """Depress the synapses of an input that just fired, to the neurons that have fired, by pulses
    through the wires."""
    pulses, zero = wired.pulses, np.float32(0.0)
    for m in range(wired.col_cuts.size - 1):
        c0, c1 = wired.col_cuts[m], wired.col_cuts[m + 1]
        sense, volts, work = (
            np.zeros(c1 - c0, np.float32),
            np.empty(c1 - c0, np.float32),
            np.empty((3, c1 - c0), np.float32),
        )
        most = zero
        for n in range(count):
            j = fired[n]
            if c0 <= j < c1:
                sense[j - c0] = bilinear(
                    pulses.volts_down, np.float32(step - last_out[j]), weight[i, j]
                )
                most = max(most, sense[j - c0])
        if most == 0:
            continue
        half, power = np.float32(0.5) * most, 0.0
        end = wired.row_cuts[wired.tile_row[i] + 1] - 1
        for q in range(c1 - c0):
            if sense[q] > 0:
                sense[q] -= half
                power += (
                    sense[q] ** 2
                    * wired.wires.sense
                    * (np.float32(1.0) - wired.wires.sense * wired.bit_factor[end, c0 + q])
                )
        amps = solve_row(
            wired.cells[i, c0:c1],
            wired.ohm[i, c0:c1],
            wired.open_share[i, c0:c1],
            wired.wires,
            -half,
            sense,
            volts,
            work,
        )
        wired.tally[ROW_SOLVES] += 1
        wired.tally[JOULE] += (power - half * amps) * pulses.down_s
        for n in range(count):
            j = fired[n]
            if c0 <= j < c1:
                w = weight[i, j]
                new = max(
                    w
                    + bilinear(
                        pulses.down, (-volts[j - c0] - pulses.down_span[0]) / pulses.down_span[1], w
                    ),
                    zero,
                )
                weight[i, j] = new
                column_sum[j] += new - w
                note(wired, read_weight, i, j, new - w)
