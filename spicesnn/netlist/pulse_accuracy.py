"""Which transient tolerances reach a state error below 1e-4 of its range with the fewest points,
device by device.

Measured on VTEAM (set and reset, partial and into the bound, with and without edges, against Radau
at 1e-10):

======================================  ===========  ======
options                                 worst error  points
======================================  ===========  ======
reltol 1e-5, chgtol 1e-16, 60 points    2.6e-4       72-278
reltol 1e-6, chgtol 1e-16, 60 points    5.3e-5       72-460
reltol 1e-6, chgtol 0.1 range, 30       1.0e-4       43-115
======================================  ===========  ======

ngspice's truncation error is relative to a capacitor's charge. Near a state of zero that charge
vanishes and the steps shrink for nothing; `chgtol`, as a part of the charge that the state's range
stands for, is the floor that prevents it. Gear is ten times less accurate at the same points, so
the rule stays trapezoidal, with trtol 1.

`abstol` is another such floor, as a current: 1e-15 A into 1 pF is a rate of 1e-3 a second that
ngspice does not look at, which a pulse of a second makes an error of 1e-3. It is therefore no more
than what `chgtol` allows over the longest step.

What all of these bound is the error of a step. A state that runs away, as a falling resistance
makes the current grow that lowers it, makes the errors of all steps before grow with it
(`laws.state_error`): a linear drift that ends at a ninth of its resistance was 6e-4 of its range
off, and a gap that fell to its bound did so 1.2e-3 of the pulse too early. Where that shows, the
same pulse is run again with `finer` tolerances."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import lru_cache

import numpy as np

from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.devices.foreign import Foreign
from spicesnn.errors import InputError
from spicesnn.netlist.accuracy import TransientAccuracy
from spicesnn.netlist.twin import Twin, logical_lines
from spicesnn.units import parse

POINTS = 30
RELTOL = 1e-6
SHARE_OF_RANGE = 0.1
MOST_VOLTS = 1.0
"""A state may be allowed thousands of volts and use a few: no more than this is taken as its
range."""
LEAST_ABSTOL, MOST_ABSTOL = 1e-18, 1e-15
"""Ampere; the least is what reads have."""
LARGEST_STATE_ERROR = 2e-4
"""Of a state's range, at the end of a pulse; above it the pulse is run again."""
FINEST_RELTOL = 1e-9


def for_transient(
    device: Device | None,
    wires: Wires | None = None,
    points: int = POINTS,
    duration_s: float = 0.0,
) -> TransientAccuracy:
    """Return the tolerances for a transient.

    Parameters
    ----------
    device : Device, optional
        Of the cells. The rates of a user's own sub-circuit are not known, so that nothing would
        tell how its errors grow: its tolerance is a tenth of that of others.
    wires : Wires, optional
        Their capacitances count too.
    points : int
        At least as many, or what the device asks for if that is more.
    duration_s : float
        In second; left out, `abstol` is for short pulses.
    """
    points = points if device is None else max(points, device.spice_points)
    states = () if device is None else _state_charges(device)
    lines = () if wires is None else (wires.word_line_farad, wires.bit_line_farad)
    charges = [*states, *(1e-3 * farad for farad in lines if farad > 0)]
    reltol = RELTOL / 10 if isinstance(device, Foreign) else RELTOL
    abstol = MOST_ABSTOL
    if states and duration_s > 0:
        # In decades, so that pulses of about one length share a deck.
        decade = math.floor(math.log10(reltol * min(states) * points / duration_s))
        abstol = min(max(float(f"1e{decade}"), LEAST_ABSTOL), MOST_ABSTOL)
    return TransientAccuracy(
        points=points, reltol=reltol, abstol=abstol, chgtol=min(charges, default=1e-16)
    )


def finer(accuracy: TransientAccuracy, state_error: float | None) -> TransientAccuracy | None:
    """Return tolerances with which the states of a pulse are known well enough.

    The number of steps goes with the tolerance's power of −1/3 and their errors with the tolerance,
    so the error of the states goes with its power of 2/3.

    Parameters
    ----------
    accuracy : TransientAccuracy
        What the pulse was run with.
    state_error : float or None
        What came of it, of the states' range, where that is known.

    Returns
    -------
    TransientAccuracy or None
        None if the states are known well enough, or cannot be known better.
    """
    if state_error is None or state_error <= LARGEST_STATE_ERROR:
        return None
    if accuracy.reltol <= FINEST_RELTOL:
        return None
    decades = math.ceil(1.5 * math.log10(state_error / LARGEST_STATE_ERROR))
    reltol = max(float(f"{accuracy.reltol * 10.0**-decades:.3g}"), FINEST_RELTOL)
    abstol = float(f"{accuracy.abstol * reltol / accuracy.reltol:.3g}")
    return replace(accuracy, reltol=reltol, abstol=max(abstol, LEAST_ABSTOL))


@lru_cache(maxsize=64)
def _state_charges(device: Device) -> tuple[float, ...]:
    """Return the charge of each state capacitor that counts as small, coulomb."""
    low, high = (np.asarray(b, dtype=float) for b in device.bounds())
    count = len(device.state_names)
    spans = (
        (high - low).reshape(count, -1).min(axis=1)
        if count > 1 and low.size % count == 0
        else np.full(count, np.min(high - low))
    )
    volts = [
        min(float(span) / scale, MOST_VOLTS)
        for span, scale in zip(spans, device.state_scale, strict=True)
    ]
    twin = Twin.of(device)
    text = twin.text()
    elements = [twin.state_capacitor(name, "").rpartition(".")[2] for name in device.state_names]
    farads = [
        _state_farad(text, element, scale)
        for element, scale in zip(elements, device.state_scale, strict=True)
    ]
    return tuple(SHARE_OF_RANGE * v * c for v, c in zip(volts, farads, strict=True))


@lru_cache(maxsize=64)
def _state_farad(text: str, element: str, otherwise: float) -> float:
    """Return the value of a state capacitor of a model's text, or `otherwise` where it is an
    expression."""
    cards = [card for _, card in logical_lines(text)]
    found = next(
        (
            card.split()[3]
            for card in cards
            if card.lower().split()[0] == element and len(card.split()) > 3
        ),
        "",
    )
    name = re.fullmatch(r"\{(\w+)\}", found)
    if name is not None:
        given = re.search(
            rf"^\.param\b.*\b{name.group(1)}\s*=\s*(\S+)",
            "\n".join(cards),
            re.IGNORECASE | re.MULTILINE,
        )
        found = given.group(1) if given is not None else ""
    try:
        return parse(found)
    except InputError:
        return otherwise
