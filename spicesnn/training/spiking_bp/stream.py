# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""The compiled loop: images in, spikes through both layers, the error in spikes, updates on both
weight matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spicesnn.encoding.events import draw
from spicesnn.jit import compiled
from spicesnn.neurons.equations import integrate
from spicesnn.nonidealities.compiled import BalancedCells, read_noisily
from spicesnn.training.spiking_bp.wires import Mesh

F = NDArray[np.float32]
IDEAL, NOISY, LEVELS, DEVICE = 0, 1, 2, 3
"""How a device answers to an update: exactly, with relative cycle-to-cycle noise, in stochastic
steps between levels, as a solved device does."""
DECADES = 6
"""Tables of a device reach from 10^-6 of its window to all of it."""

_integrate = compiled(inline=True, keep=False)(integrate)
_U = np.uint64


@compiled(fastmath=True)
def device_step(table: F, wanted: np.float32, share: np.float32) -> np.float32:
    """Return what a device at a `share` of its window does when `wanted` (a share too) is asked of
    it.

    `table` is (2, magnitudes, shares): rising and falling, magnitudes even in their logarithm;
    linear between its entries."""
    size = abs(wanted)
    place = (
        np.log10(max(size, np.float32(1e-12))) / np.float32(DECADES) + np.float32(1.0)
    ) * np.float32(table.shape[1] - 1)
    if place < np.float32(0.0):
        return np.float32(0.0)
    side = 0 if wanted > np.float32(0.0) else 1
    m = min(np.int64(place), table.shape[1] - 2)
    across = min(max(share, np.float32(0.0)), np.float32(1.0)) * np.float32(table.shape[2] - 1)
    k = min(np.int64(across), table.shape[2] - 2)
    f, g, one = min(place - np.float32(m), np.float32(1.0)), across - np.float32(k), np.float32(1.0)
    low = (one - g) * table[side, m, k] + g * table[side, m, k + 1]
    high = (one - g) * table[side, m + 1, k] + g * table[side, m + 1, k + 1]
    return (one - f) * low + f * high


@compiled(fastmath=True)
def _write_flawed(
    row: F,
    change: F,
    factor: np.float32,
    limit: np.float32,
    kind: int,
    noise: F,
    offset: int,
    step: np.float32,
    table: F,
    gain: F,
) -> None:
    """Do the same with cells of unlike strength; a cell with discrete levels takes its step or,
    stuck, does not."""
    mask, window = noise.size - 1, np.float32(2.0) * limit
    for j in range(row.size):
        if gain[j] == np.float32(0.0):
            continue
        wanted, random = factor * change[j], noise[(offset + j) & mask]
        if kind == LEVELS:
            moved = np.floor(wanted / step + random) * step
        elif kind == DEVICE:
            moved = (
                gain[j]
                * window
                * device_step(table, wanted / window, (row[j] + limit) / window)
                * random
            )
        else:
            moved = gain[j] * wanted * (random if kind == NOISY else np.float32(1.0))
        row[j] = min(max(row[j] + moved, -limit), limit)


@compiled(fastmath=True)
def _write(
    row: F,
    change: F,
    factor: np.float32,
    limit: np.float32,
    kind: int,
    noise: F,
    offset: int,
    step: np.float32,
    table: F,
    gain: F | None,
) -> None:
    """Add ``factor * change`` to one row of weights as its devices do, clipped to their window of ±
    `limit`.

    `noise` holds 1 + σ·N(0, 1) for NOISY and DEVICE and U(0, 1) for LEVELS, read from a random
    `offset` on; `gain` is each cell's own factor, 0 where it is stuck."""
    mask = noise.size - 1
    if gain is not None:
        _write_flawed(row, change, factor, limit, kind, noise, offset, step, table, gain)
        return
    if kind == IDEAL:
        for j in range(row.size):
            row[j] = min(max(row[j] + factor * change[j], -limit), limit)
    elif kind == NOISY:
        for j in range(row.size):
            row[j] = min(
                max(row[j] + factor * change[j] * noise[(offset + j) & mask], -limit), limit
            )
    elif kind == DEVICE:
        window = np.float32(2.0) * limit
        for j in range(row.size):
            moved = window * device_step(
                table, factor * change[j] / window, (row[j] + limit) / window
            )
            row[j] = min(max(row[j] + moved * noise[(offset + j) & mask], -limit), limit)
    else:
        for j in range(row.size):
            moved = np.floor(factor * change[j] / step + noise[(offset + j) & mask])
            row[j] = min(max(row[j] + moved * step, -limit), limit)


@compiled(fastmath=True)
def _seen(row: F, share: F, offset: F, read: F) -> None:
    """Write what the wires make of a row of weights."""
    for j in range(row.size):
        read[j] = share[j] * row[j] + offset[j]


@compiled(fastmath=True)
def _forward(
    words: NDArray[np.uint64],
    image: NDArray[np.uint8],
    active: NDArray[np.int32],
    n_active: int,
    first: F,
    second: F,
    steps: int,
    thresholds: F,
    v1: F,
    v2: F,
    c0: F,
    c1: F,
    c2: F,
    last: NDArray[np.int32],
    nonideal: BalancedCells | None,
) -> int:
    """Run the network for `steps`; count spikes of all layers, and when each output reached its
    count. Return the input events."""
    hidden, outputs = second.shape
    one = np.float32(1.0)
    events, noisy = 0, nonideal is not None and nonideal.first.noise.size > 0
    c0[:] = np.float32(0.0)
    v1[:] = np.float32(0.0)
    c1[:] = np.float32(0.0)
    v2[:] = np.float32(0.0)
    c2[:] = np.float32(0.0)
    last[:] = 0
    for t in range(steps):
        for m in range(n_active):
            i = active[m]
            if np.int64(draw(words) >> _U(56)) < np.int64(image[i]):
                c0[i] += one
                events += 1
                if nonideal is not None and noisy:
                    read_noisily(nonideal.first.noise, words, first[i], nonideal.middle[0], v1)
                else:
                    for j in range(hidden):
                        v1[j] = _integrate(v1[j], first[i, j], one)
        for j in range(hidden):
            if v1[j] > thresholds[0]:
                v1[j] = np.float32(0.0)
                c1[j] += one
                if nonideal is not None and noisy:
                    read_noisily(nonideal.first.noise, words, second[j], nonideal.middle[1], v2)
                else:
                    for k in range(outputs):
                        v2[k] = _integrate(v2[k], second[j, k], one)
        for k in range(outputs):
            if v2[k] > thresholds[1]:
                v2[k] = np.float32(0.0)
                c2[k] += one
                last[k] = t
    return events


@compiled(fastmath=True)
def stream(
    words: NDArray[np.uint64],
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    order: NDArray[np.int64],
    first: F,
    second: F,
    steps: int,
    thresholds: F,
    rates: F,
    limits: F,
    kind: int,
    noise: F,
    steps_of_level: F,
    table: F,
    learn: bool,
    counts: F,
    latest: NDArray[np.int32],
    totals: NDArray[np.float64],
    nonideal: BalancedCells | None,
    read_first: F,
    read_second: F,
    mesh: Mesh | None,
) -> None:
    """Show `images[order]`; with `learn`, update after each.

    Parameters
    ----------
    first, second : (inputs, hidden), (hidden, outputs)
        Signed weights (device minus balance line), moved on when learning.
    thresholds, rates, limits, steps_of_level : (2,)
        Of the two layers; the rates are Δw for one input spike at an error of one whole window.
    table : (2, magnitudes, shares)
        Of `device_step`; used by kind DEVICE.
    counts, latest : (images, outputs)
        Output spikes, and the step in which the last of them came; written.
    totals : (4,)
        Images that led to an update, input events, rows written in the first and in the second
        layer; added to.
    nonideal : BalancedCells or None
        What is wrong with the cells. The error goes back through the weights themselves: the
        controller reads them often enough to be sure.
    read_first, read_second : as `first`, `second`
        What the neurons see: the weights themselves, or, with a mesh, what its wires make of them;
        moved on with the weights.
    mesh : Mesh or None
    """
    inputs, hidden = first.shape
    outputs = second.shape[1]
    v1, c1, delta = (
        np.zeros(hidden, np.float32),
        np.zeros(hidden, np.float32),
        np.zeros(hidden, np.float32),
    )
    v2, c2, error = (
        np.zeros(outputs, np.float32),
        np.zeros(outputs, np.float32),
        np.zeros(outputs, np.float32),
    )
    c0, active, last = (
        np.zeros(inputs, np.float32),
        np.zeros(inputs, np.int32),
        np.zeros(outputs, np.int32),
    )
    zero = np.float32(0.0)
    for q in range(order.size):
        image = images[order[q]]
        n_active = 0
        for i in range(inputs):
            if image[i] > 0:
                active[n_active] = i
                n_active += 1
        totals[1] += _forward(
            words,
            image,
            active,
            n_active,
            read_first,
            read_second,
            steps,
            thresholds,
            v1,
            v2,
            c0,
            c1,
            c2,
            last,
            nonideal,
        )
        for k in range(outputs):
            counts[q, k] = c2[k]
            latest[q, k] = last[k]
        if not learn:
            continue
        wrong = False
        for k in range(outputs):
            error[k] = -c2[k] / np.float32(steps)
            if k == labels[order[q]]:
                error[k] += np.float32(1.0)
            wrong |= error[k] != zero
        if not wrong:
            continue
        totals[0] += 1
        for j in range(hidden):
            delta[j] = zero
            if c1[j] > zero:
                total = zero
                for k in range(outputs):
                    total += read_second[j, k] * error[k]
                delta[j] = total
                offset = np.int64(draw(words) >> _U(40))
                gain = None if nonideal is None else nonideal.second.gain[j]
                _write(
                    second[j],
                    error,
                    rates[1] * c1[j],
                    limits[1],
                    kind,
                    noise,
                    offset,
                    steps_of_level[1],
                    table,
                    gain,
                )
                if mesh is not None:
                    _seen(second[j], mesh.share_second[j], mesh.offset_second[j], read_second[j])
                totals[3] += 1
        for m in range(n_active):
            i = active[m]
            if c0[i] > zero:
                offset = np.int64(draw(words) >> _U(40))
                gain = None if nonideal is None else nonideal.first.gain[i]
                _write(
                    first[i],
                    delta,
                    rates[0] * c0[i],
                    limits[0],
                    kind,
                    noise,
                    offset,
                    steps_of_level[0],
                    table,
                    gain,
                )
                if mesh is not None:
                    _seen(first[i], mesh.share_first[i], mesh.offset_first[i], read_first[i])
                totals[2] += 1
