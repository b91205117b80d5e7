"""Circuits whose answer is a formula: both engines against it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.wires import Wires
from spicesnn.validation.case import Case, Engines, attempted, compared

_TOLERANCE = 1e-9


def cases(engines: Engines) -> Iterator[Case]:
    """Yield the divider and the ladder."""
    yield attempted("divider 1×1", "current, relative", _TOLERANCE, lambda: _divider(engines))
    yield attempted("ladder 1×16", "currents, relative", _TOLERANCE, lambda: _ladder(engines))


def _divider(engines: Engines) -> Case:
    """I = V / (R_driver + r_word + R_cell + r_bit + R_sense)."""
    wires = Wires(word_line_ohm=2.0, bit_line_ohm=3.0, driver_ohm=50.0, sense_ohm=20.0)
    array = Crossbar(conductance=np.array([[1e-3]]), wires=wires)
    exact = 0.4 / (50.0 + 2.0 + 1000.0 + 3.0 + 20.0)
    amps = engines.both(lambda engine: engine.read(array, [0.4]).column_amps)
    return compared(
        "divider 1×1", "current against V/ΣR, relative", amps, exact, _TOLERANCE, exact=exact
    )


def ladder_amps(cells: int, siemens: float, segment_ohm: float, volts: float) -> Floats:
    """Return the current of each cell of one driven word line whose bit lines are at 0 V, (cells,).

    Seen from the far end, the conductance to ground of node k is Y_k = g + 1/(r + 1/Y_{k+1}); from
    the driver on, the voltage falls by V_k = V_{k−1}·(1/Y_k)/(r + 1/Y_k), and cell k carries g·V_k.
    """
    admittance = np.empty(cells)
    admittance[-1] = siemens
    for k in range(cells - 2, -1, -1):
        admittance[k] = siemens + 1.0 / (segment_ohm + 1.0 / admittance[k + 1])
    node = np.empty(cells)
    for k in range(cells):
        before = volts if k == 0 else node[k - 1]
        node[k] = before / (1.0 + segment_ohm * admittance[k])
    return siemens * node


def _ladder(engines: Engines) -> Case:
    array = Crossbar(
        conductance=np.full((1, 16), 2e-4), wires=Wires(word_line_ohm=5.0, bit_line_ohm=0.0)
    )
    exact = ladder_amps(16, 2e-4, 5.0, 0.3)
    amps = engines.both(lambda engine: engine.read(array, [0.3]).column_amps)
    return compared(
        "ladder 1×16",
        "currents against the recursion, relative",
        amps,
        exact,
        _TOLERANCE,
        exact=exact,
    )
