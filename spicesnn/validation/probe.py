"""A circuit of known answer, solved by the ngspice that was found."""

from __future__ import annotations

from typing import Any

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.wires import Wires

_PATIENCE_S = 30.0
"""For two resistors."""


def probe_ngspice() -> dict[str, Any]:
    """Return version, library, solver and whether a divider of 1 kΩ and 3 kΩ at 1 V carries 0.25
    mA.

    Raises
    ------
    NgspiceMissingError
        There is no usable ngspice.
    NgspiceError
        It dies of the circuit, hangs, or answers with nothing that passes the checks.
    MissingPackageError
        There is no PySpice to reach it through.
    """
    from spicesnn.engines.ngspice.engine import NgspiceEngine

    array = Crossbar(
        conductance=np.array([[1.0 / 3000.0]]),
        wires=Wires(word_line_ohm=0.0, bit_line_ohm=0.0, driver_ohm=1000.0),
    )
    with NgspiceEngine(timeout_s=_PATIENCE_S, repeats=0) as engine:
        library = engine.library()
        amps = float(engine.read(array, [1.0]).column_amps[0])
    about = {
        "version": library.version,
        "library": library.path,
        "solver": "KLU" if library.klu else "Sparse 1.3",
        "untested": library.untested,
    }
    ok = abs(amps - 2.5e-4) <= 1e-9 * 2.5e-4
    problem = (
        f"a divider that carries 0.25 mA was solved as {amps * 1e3:.9g} mA: this build cannot be"
        " used"
    )
    return {**about, "ok": ok} if ok else {**about, "ok": ok, "problem": problem}
