"""Pulses through the wires of a tile: which volts a driver sends for a wanted change, and what the
device does at the volts that reach it."""

from __future__ import annotations

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.engines.tiled.incremental import Pulses
from spicesnn.errors import InputError
from spicesnn.programming.pulse_map import PulseMap, PulseScheme

DISTURBANCE = 1e-9
"""Change of a weight by one half-selected pulse that is left out: a million pulses change it by a
thousandth."""


def line_pulses(
    scheme: PulseScheme, set_map: PulseMap, reset_map: PulseMap, up: Floats, down: Floats
) -> Pulses:
    """Design the pulses of a driver that knows state and wanted change, but not its wires.

    Parameters
    ----------
    scheme : PulseScheme
    set_map, reset_map : PulseMap
        What pulses of every voltage do, as an engine solved it.
    up, down : (lags, weights)
        Wanted changes: ≥ 0 and ≤ 0, in units of the weights of the maps.

    Raises
    ------
    InputError
        Half the largest voltage still moves a cell: the V/2 scheme would disturb all half-selected
        ones.
    """
    volts_up, volts_down = set_map.volts_for(up), reset_map.volts_for(down)
    for name, made, volts in (("set", set_map, volts_up), ("reset", reset_map, volts_down)):
        half = 0.5 * float(volts.max())
        disturbed = made.volts <= 1.05 * half
        worst = float(np.abs(made.change[disturbed]).max(initial=0.0))
        if worst > DISTURBANCE:
            raise InputError(
                f"{name} pulses of up to {2 * half:.3g} V move half-selected cells by {worst:.2g}"
                f" of a weight each; at most {DISTURBANCE:g} can be left out. Use a device with a"
                " steeper threshold, or one with a selector or a transistor"
            )
    first_up, first_down = set_map.volts[0], reset_map.volts[0]
    return Pulses(
        volts_up=volts_up.astype(np.float32),
        volts_down=volts_down.astype(np.float32),
        up=np.ascontiguousarray(set_map.change, np.float32),
        down=np.ascontiguousarray(reset_map.change, np.float32),
        up_span=(np.float32(first_up), np.float32(set_map.volts[1] - first_up)),
        down_span=(np.float32(first_down), np.float32(reset_map.volts[1] - first_down)),
        up_s=scheme.set_s * scheme.g_one,
        down_s=scheme.reset_s * scheme.g_one,
    )
