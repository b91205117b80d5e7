"""How states moved in a transient: checked against their state equation, and how well they are known
from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.engines.ngspice.checks import AnswerRejectedError
from spicesnn.engines.ngspice.laws import largest_state_error, state_defect, state_error
from spicesnn.netlist.accuracy import TransientAccuracy

LARGEST_DEFECT = 1e-4
"""Of a state's range, summed over a transient; 1e-6 is what sound ones have."""
GATED_DEFECT = 30 * LARGEST_DEFECT
"""Where a third terminal's capacitances take a part of the current."""
RESOLUTION = 1e-6
"""Of a state's range: what ngspice does not resolve of it (`reltol`), which is much where a ramp
stops it at a bound."""
LARGEST_RANGE = 10.0
"""Volts of a state node that count as its range where the bounds are wider and it stays within."""

Finer = Callable[[TransientAccuracy, float | None], TransientAccuracy | None]
"""Returns the tolerances to run a transient with again, from those it was run with and the error of
the states that came of them, or None."""


class HasStateError(Protocol):
    """A transient that says how well its states are known."""

    @property
    def state_error(self) -> float | None: ...


Run = TypeVar("Run", bound=HasStateError)


def known_well_enough(
    run: Callable[[TransientAccuracy], Run], accuracy: TransientAccuracy, finer: Finer | None
) -> tuple[TransientAccuracy, Run]:
    """Run a transient, and again with finer tolerances as long as `finer` asks for it; return the
    last tolerances and what came of them."""
    done = run(accuracy)
    while finer is not None and (wanted := finer(accuracy, done.state_error)) is not None:
        accuracy, done = wanted, run(wanted)
    return accuracy, done


class Movement(NamedTuple):
    """How states moved.

    Attributes
    ----------
    defect : (states, rows, cols)
        What they moved against their state equation, summed over all steps, of their range.
    state_error : float
        The `largest_state_error`.
    """

    defect: Floats
    state_error: float


def movement(
    device: Device,
    time: Floats,
    volts: Floats,
    states: Floats,
    start: Floats,
    gates: Floats | None,
    stuck: NDArray[np.bool_] | None = None,
) -> Movement:
    """Compare the states of a transient with the state equation of the device's Python twin.

    Parameters
    ----------
    device : Device
    time : (n,) seconds
        Solved points, the first above 0.
    volts : (n, rows, cols)
        Across the cells.
    states : (states, n, rows, cols)
    start : (states, rows, cols)
        At 0 s.
    gates : (n, rows, cols) or None
        Volts of the third terminals.
    stuck : (rows, cols) bool, optional
        Cells whose states do not move.
    """
    count = len(states)

    def rate(at: Floats) -> Floats:
        found = np.asarray(device.rate(volts, at if count > 1 else at[0], gates))
        found = np.broadcast_to(found.reshape(-1, *found.shape[-3:]), at.shape)
        return found if stuck is None else np.where(stuck, 0.0, found)

    rates = rate(states)
    own = start.shape if count > 1 else start.shape[1:]  # as a device has its states
    low, high = (
        np.broadcast_to(np.asarray(bound, dtype=float), own).reshape(start.shape)
        for bound in device.bounds()
    )
    gone = np.abs(states - start[:, None]).max(axis=1)
    usual = LARGEST_RANGE * np.asarray(device.state_scale)[:, None, None]
    span = np.minimum(high - low, np.maximum(usual, gone))
    defect = state_defect(time, states, rates, rates, start)
    if np.any(defect > LARGEST_DEFECT * span):  # what is not resolved may explain it
        near = RESOLUTION * span[:, None]
        around = np.stack([rates, rate(states - near), rate(states + near)])
        defect = state_defect(time, states, around.min(axis=0), around.max(axis=0), start)
    errors = state_error(time, states, rate, rates, (low[:, None], high[:, None]))
    return Movement(defect / span, largest_state_error(errors, rates, float(time[-1]), span))


def check_movement(device: Device, found: Movement, log: str) -> None:
    """Check that states moved as their equation says: wrong parameters or starts show here.

    Raises
    ------
    AnswerRejectedError
        With what ngspice said, `log`.
    """
    share = found.defect
    if np.any(share > (GATED_DEFECT if device.gated else LARGEST_DEFECT)):
        k, i, j = np.unravel_index(int(np.argmax(share)), share.shape)
        raise AnswerRejectedError(
            f"ngspice moved state {device.state_names[k]} of cell ({i}, {j}) against its state"
            f" equation, by {share[k, i, j]:.3g} of its range",
            log,
        )
