# mypy: disable-error-code="no-any-return,arg-type,type-var"
"""Cells of the two crossbars that are not what they should be: stuck, of unlike strength, noisy to read.

A weight is the conductance of a device less that of a balance line in the middle of the window, G − (G_low + G_high)/2, in units of which the whole
window is 2·limit. A relative noise of a read is one of the conductance: the device's is w + limit·κ with κ = (G_high + G_low)/(G_high − G_low), and
the balance line's, which all columns of a read share, is limit·κ.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spicesnn.crossbar.mapping import Window
from spicesnn.encoding.events import draw
from spicesnn.jit import compiled
from spicesnn.training.stream_imperfections import StreamImperfections

F = NDArray[np.float32]
POOL = 2**16
"""Normal numbers kept for read noise; every row that is read begins at a place drawn anew."""


class Flaws(NamedTuple):
    """What is wrong with the cells of both layers.

    Attributes
    ----------
    gain_first, gain_second : (inputs, hidden), (hidden, outputs)
        Factor on every change of a weight; 0 where the cell is stuck.
    start_first, start_second
        Weight of cells stuck at an end of their window, NaN where they work or are stuck wherever they are.
    noise : (pool,) or (0,)
        Normal numbers times the relative spread of a read; empty without read noise.
    middle : (2,)
        Weight that the middle of the window would be, κ·limit, of both layers.
    """

    gain_first: F
    gain_second: F
    start_first: F
    start_second: F
    noise: F
    middle: F


def flaws_of(
    options: StreamImperfections, shapes: tuple[tuple[int, int], tuple[int, int]], limits: tuple[float, float], window: Window,
    rng: np.random.Generator,
) -> Flaws | None:  # fmt: skip
    """Draw the cells of both layers, None where all are as they should be; the same generator gives the same arrays.

    Scatter of pulses and states are in `Cells`; the balance lines work.
    """
    if not (options.any_stuck or options.spread or options.read_noise):
        return None
    gains, starts = list[F](), list[F]()
    for shape, limit, pixels in zip(shapes, limits, (shapes[0][0], 0), strict=True):
        gain, stuck = options.gains(shape, rng).astype(np.float32), options.stuck_map(shape, rng, pixels=pixels)
        gain[stuck.any] = 0.0
        gains.append(gain)
        starts.append(np.where(stuck.on, limit, np.where(stuck.off, -limit, np.nan)).astype(np.float32))
    noise = (options.read_noise * rng.standard_normal(POOL + max(shapes[0][1], shapes[1][1]) if options.read_noise else 0)).astype(np.float32)
    middle = np.array(limits, np.float32) * np.float32((window.high + window.low) / window.span)
    return Flaws(gain_first=gains[0], gain_second=gains[1], start_first=starts[0], start_second=starts[1], noise=noise, middle=middle)


def stuck_in(weights: F, start: F) -> F:
    """Return the weights with stuck cells where they are stuck."""
    return np.where(np.isnan(start), weights, start).astype(np.float32)


@compiled(fastmath=True)
def read_noisily(flaws: Flaws, words: NDArray[np.uint64], row: F, middle: np.float32, v: F) -> None:
    """Add a row of weights to the neurons, every cell and the balance line with noise of their own."""
    places = np.uint64(flaws.noise.size - v.size)
    bits = draw(words)
    noise = flaws.noise[np.int64(bits % places) :]
    balance = middle * flaws.noise[np.int64((bits >> np.uint64(32)) % places)]
    for j in range(v.size):
        v[j] += row[j] + (row[j] + middle) * noise[j] - balance
