"""An ngspice that nobody has tried is tried before its first job: a few arrays, each answer held to
the laws of its circuit.

Versions differ in what they call converged: 47 tests the currents of behavioural sources, which
earlier ones do not, and models that had run for years then ended without an answer, or never. What
an array's answer must obey is known without a second engine (`laws`), so small ones, one for each
kind of model, say whether a version can be used."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Pulse
from spicesnn.crossbar.wires import Wires
from spicesnn.devices import registry
from spicesnn.engines.base import Engine
from spicesnn.engines.ngspice.library import TESTED, Library
from spicesnn.errors import NgspiceError

_PATIENCE_S = 20.0
"""For one case: the slowest takes 0.3 s with the versions that are known."""
_PULSES = {
    # volts, seconds
    "vteam": (1.0, 1e-8),
    "jart-vcm": (-0.7, 1e-6),
    "pai-yu-chen-heated": (1.5, 1e-7),
    "power-law": (2.0, 1e-6),
    "mosfet-emulator": (1.0, 1e-5),
    "1t1r": (1.0, 1e-8),
}
_LOCK = threading.Lock()
_VERDICTS: dict[tuple[str, str], str] = {}


def tried(library: Library, fresh: Callable[[float], Engine]) -> None:
    """Have an ngspice that is not known solve the trial cases, once a program.

    Parameters
    ----------
    library : Library
    fresh : callable
        Starts an engine that believes its ngspice, with so many seconds of patience and no repeats.

    Raises
    ------
    NgspiceError
        It fails one of them.
    """
    key = (library.path, library.version)
    with _LOCK:
        if key not in _VERDICTS:
            _VERDICTS[key] = _verdict(fresh)
    if _VERDICTS[key]:
        versions = ", ".join(map(str, TESTED))
        raise NgspiceError(
            f"ngspice {library.version or 'of unknown version'} at {library.path} is none of those"
            f" that spicesnn is tested with ({versions}), and it fails a trial case:"
            f" {_VERDICTS[key]}. Point SPICESNN_LIBNGSPICE at another version, or use the nodal"
            " engine"
        )


def _verdict(fresh: Callable[[float], Engine]) -> str:
    """Return which case fails and why, in one line; nothing if all are right."""
    wires = Wires(word_line_ohm=1.0, bit_line_ohm=1.0)
    with fresh(_PATIENCE_S) as engine:
        for name, (volts, seconds) in _PULSES.items():
            device = registry.fresh(name)
            array = Crossbar(device=device, shape=(2, 2), wires=wires)
            gates = (
                None
                if device.gated is False
                else np.full(array.gate_lines, device.gate_default or 2.0)
            )
            try:
                engine.pulse(
                    array,
                    Pulse(
                        row_volts=[volts, 0.0],
                        width_s=seconds,
                        rise_s=0.1 * seconds,
                        gate_volts=gates,
                    ),
                )
                engine.read(array, [0.1, 0.0], gate_volts=gates)
            except NgspiceError as failed:
                return f"{name}: {str(failed).splitlines()[0]}"
    return ""
