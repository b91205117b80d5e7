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
the rule stays trapezoidal, with trtol 1."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
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


@lru_cache(maxsize=64)
def for_transient(
    device: Device | None, wires: Wires | None = None, points: int = POINTS
) -> TransientAccuracy:
    """Return the tolerances for the cells (and, where lines have capacitance, for those); at least
    the points that the device asks for."""
    points = points if device is None else max(points, device.spice_points)
    charges = [] if device is None else _state_charges(device)
    if wires is not None:
        charges += [
            1e-3 * farad for farad in (wires.word_line_farad, wires.bit_line_farad) if farad > 0
        ]
    return TransientAccuracy(points=points, reltol=RELTOL, chgtol=min(charges, default=1e-16))


def _state_charges(device: Device) -> list[float]:
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
    return [SHARE_OF_RANGE * v * c for v, c in zip(volts, farads, strict=True)]


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
