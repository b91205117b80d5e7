"""An array as text for SPICE, in one call."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Levels, Pulse, Waveform
from spicesnn.errors import InputError
from spicesnn.guesses import UnknownArgumentError
from spicesnn.netlist.pulse_deck import pulse_deck
from spicesnn.netlist.pyspice import crossbar_subcircuit
from spicesnn.netlist.read_deck import read_deck

_READ = ("column_volts", "gate_volts", "floating_rows", "floating_columns")


def deck_text(
    array: Crossbar,
    row_volts: ArrayLike | None = None,
    pulse: Pulse | Waveform | None = None,
    **lines: Any,
) -> str:
    """Return a deck that a plain ``ngspice -b`` runs: a read at `row_volts`, or a pulse."""
    if unknown := [name for name in lines if name not in _READ]:
        raise UnknownArgumentError(
            f"array.to_deck has no argument {unknown[0]!r}; it takes row_volts or pulse, and"
            f" {', '.join(_READ)}, and returns the text: pathlib.Path(…).write_text(text) makes it"
            " a file"
        )
    if (row_volts is None) == (pulse is None):
        raise InputError(
            "array.to_deck: give row_volts (the deck of a read) or pulse=… (the deck of a pulse),"
            " one of the two"
        )
    if pulse is None:
        assert row_volts is not None
        return read_deck(array, Levels.checked(array, row_volts, **lines), inline_models=True).text
    if lines:
        raise InputError(
            f"array.to_deck: {', '.join(sorted(lines))} belongs to a read; a pulse brings its own"
        )
    if not isinstance(pulse, Pulse | Waveform):
        raise InputError(
            f"array.to_deck: pulse is {pulse!r:.60}; expected a spicesnn.Pulse or a"
            " spicesnn.Waveform"
        )
    waveform = pulse.waveform() if isinstance(pulse, Pulse) else pulse
    return pulse_deck(array, waveform.checked(array), inline_models=True).text


def subcircuit_text(array: Crossbar, name: str = "crossbar") -> str:
    """Return the array as a ``.subckt`` with the nodes ``r0 … c0 … [g0 …]``."""
    if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
        raise InputError(
            f"array.to_subcircuit: name = {name!r:.60}; expected letters, digits and underscores, a"
            " letter first"
        )
    return str(crossbar_subcircuit(array, name))
