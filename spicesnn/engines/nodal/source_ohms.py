"""An estimate of the resistance that each cell looks back into."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import boolean, float64
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.wires import Wires
from spicesnn.jit import compiled


@compiled(signature=float64(float64, float64))
def _series(ohm: float, siemens: float) -> float:
    """Return the conductance of a resistance and a conductance in series; exact for 0 Ω, and for
    infinite conductance."""
    return siemens if ohm == 0.0 else (0.0 if siemens == 0.0 else 1.0 / (ohm + 1.0 / siemens))


@compiled(
    signature=float64[:, ::1](
        float64[:, ::1], float64[::1], float64[::1], boolean[::1], boolean[::1]
    )
)
def _ladder(siemens: Any, segment_ohm: Any, end_ohm: Any, near_live: Any, far_live: Any) -> Any:
    """Return the resistance seen from each node of each line, (lines, nodes): cells lead to nodes
    that are held.

    The conductance seen to the left is ``g ← 1/(r + 1/(g + G))`` from node to node, and likewise to
    the right."""
    lines, nodes = siemens.shape
    seen = np.empty((lines, nodes))
    for i in range(lines):
        ohm, end = segment_ohm[i], end_ohm[i]
        terminal = np.inf if end == 0.0 else 1.0 / end
        g = terminal if near_live[i] else 0.0
        for j in range(nodes):
            seen[i, j] = g
            g = _series(ohm, g + siemens[i, j])
        g = terminal if far_live[i] else 0.0
        for j in range(nodes - 1, -1, -1):
            total = seen[i, j] + g
            seen[i, j] = np.inf if total == 0.0 else 1.0 / total
            g = _series(ohm, g + siemens[i, j])
    return seen


def source_ohms(
    wires: Wires,
    siemens: Floats,
    floating_rows: NDArray[np.bool_],
    floating_columns: NDArray[np.bool_],
) -> Floats:
    """Estimate the resistance every cell looks back into, (rows, cols) ohm: its own two lines, with
    the far ends of their cells held.

    It only splits the work between the array and its cells (`transient`): an exact value would
    change no answer. 0 where it is not known."""
    rows, cols = siemens.shape
    word = _ladder(
        np.ascontiguousarray(siemens),
        *map(np.array, wires.word_ohms(rows)),
        *(~floating_rows & end for end in wires.driven_ends),
    )
    bit = _ladder(
        np.ascontiguousarray(siemens.T),
        *map(np.array, wires.bit_ohms(cols)),
        *(~floating_columns & end for end in wires.sensed_ends),
    )
    total = word + bit.T
    return np.where(np.isfinite(total), total, 0.0)
