"""Global drift compensation: one factor on an array's currents, from one reference read."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.engines.base import Engine
from spicesnn.errors import InputError


def drift_compensation(
    engine: Engine, programmed: Crossbar, drifted: Crossbar, row_volts: ArrayLike, **lines: object
) -> float:
    """Return the factor that gives a drifted array's currents their sum back.

    All lines are driven at once, and the columns' currents summed; the factor is that sum after
    programming over the sum now (Le Gallo et al., Adv. Electron. Mater. 4, 1700627, 2018).

    Parameters
    ----------
    engine : Engine
    programmed, drifted : Crossbar
        The array when it was programmed, and now.
    row_volts : (rows,)
        Volts of the reference read.
    **lines
        Other arguments of `Engine.read`, such as ``gate_volts``.

    Returns
    -------
    float

    Raises
    ------
    InputError
        The array carries no current any more.
    """
    before, now = (
        float(np.abs(engine.read(array, row_volts, **lines).column_amps).sum())  # type: ignore[arg-type]
        for array in (programmed, drifted)
    )
    if not now > 0:
        raise InputError("drift compensation: the drifted array carries no current; expected some")
    return before / now
