"""Wire-aware mapping: conductances whose array, wires included, does what the weights ask for.

The effective conductance E(G) of an array, ``column_amps = row_volts @ E``, follows from one solve
a column. Wires leave each cell a share E/G of its conductance that changes little with the others,
so G ← G·wanted/E(G), held inside the window, settles in a few rounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.mapping import Window
from spicesnn.crossbar.wires import Wires
from spicesnn.engines.base import Engine
from spicesnn.engines.default import default_engine
from spicesnn.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Compensated:
    """Conductances (rows, cols), rms error of their effective conductance before and after (shares
    of the window), rounds, cells at the top."""

    siemens: Floats
    error_before: float
    error_after: float
    rounds: int
    clipped: int


def compensate(
    wanted: Floats,
    window: Window,
    wires: Wires,
    *,
    most_rounds: int = 30,
    enough: float = 1e-6,
    engine: Engine | None = None,
) -> Compensated:
    """Return conductances inside `window` whose effective conductance on `wires` is `wanted`, as
    nearly as the window allows.

    Parameters
    ----------
    wanted : (rows, cols) siemens
        Inside the window: what a read on ideal wires would see.
    window : Window
    wires : Wires
    most_rounds : int
    enough : float
        Stop when a round improves the rms error by less than this share of the window.
    engine : Engine, optional
        Who solves the arrays; the default engine if left out.
    """
    wanted = np.asarray(wanted, dtype=float)
    if (
        wanted.ndim != 2
        or np.any(wanted < window.low * (1 - 1e-9))
        or np.any(wanted > window.high * (1 + 1e-9))
    ):
        raise InputError(
            f"wanted conductances have shape {wanted.shape} and span"
            f" {wanted.min():.4g}…{wanted.max():.4g} S; expected (rows, cols) inside the window"
            f" {window.low:.4g}…{window.high:.4g} S"
        )
    if np.any(wanted <= 0):
        raise InputError(
            "wanted conductances must be above 0 S; a cell that is open cannot be compensated"
        )
    solver, siemens, errors = engine or default_engine(), wanted.copy(), list[float]()
    best = siemens
    for _ in range(most_rounds):
        effective = solver.effective_conductance(Crossbar(conductance=siemens, wires=wires))
        errors.append(float(np.sqrt(np.mean((effective - wanted) ** 2))) / window.span)
        if errors[-1] <= min(errors):
            best = siemens
        if len(errors) > 1 and errors[-2] - errors[-1] < enough:
            break
        siemens = np.clip(
            siemens * wanted / np.maximum(effective, 1e-3 * siemens), window.low, window.high
        )
    at_limit: NDArray[np.bool_] = (best >= window.high) & (wanted < window.high)
    return Compensated(
        siemens=best,
        error_before=errors[0],
        error_after=min(errors),
        rounds=len(errors),
        clipped=int(at_limit.sum()),
    )
