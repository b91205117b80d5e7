"""What compiled loops ask of cells before they take them: which non-idealities there are."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from spicesnn.devices.levels import Rounding
from spicesnn.networks.synapses.contract import Synapses

_KNOWN = {"stuck_on", "stuck_off", "stuck", "stuck_map", "read_noise", "states_volts"}
_SETTINGS = {"scaled_to", "rest_s"}
"""Say nothing by themselves."""


def other_flaws(cells: Synapses) -> set[str]:
    """Names of the cells' non-idealities beside stuck cells, read noise, and variation of pulses in
    proportion to what they do: device to device, and cycle to cycle."""
    flaws = cells.kind.imperfections
    names = {entry.name for entry in fields(flaws)} - _KNOWN - _SETTINGS
    wrong = {name for name in names if getattr(flaws, name)}
    cycles = flaws.cycle_to_cycle
    if cycles is not None and cycles.of_range == 0.0:
        wrong.discard("cycle_to_cycle")
    if cells.array.current_factor is not None:
        wrong.add("conductance_spread")
    return wrong


def even_states(cells: Synapses) -> bool:
    """Whether states are spread evenly over the window, and rounded to at random."""
    states, window = cells.kind.imperfections.states, cells.hardware.used_window()
    if states is None:
        return False
    even = np.linspace(window.low, window.high, states.siemens.size)
    return states.rounding is Rounding.STOCHASTIC and np.allclose(states.siemens, even, rtol=1e-9)
