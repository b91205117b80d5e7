"""Programming pulses: the states afterwards, engine against engine, for every device that has a
memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Pulse
from spicesnn.crossbar.wires import Wires
from spicesnn.devices import registry
from spicesnn.devices.base import Device
from spicesnn.validation.case import Case, Engines, attempted, compared
from spicesnn.validation.reads import per_state, span, states

TOLERANCE = 1e-3
"""States after a pulse agree to this share of their range."""
_SHARE = 0.25
"""A pulse is as long as a cell without wires needs for this share of its range: long enough to
move, too short to end at a bound."""


_POSITIVE_ONLY = ("mosfet-emulator",)
"""Its body diode carries hundreds of ampere below −0.5 V, and its twin is not meant for that on
wires with resistance (see its notes)."""


def width_s(device: Device, state: Floats, volts: float, gate: float | None) -> float:
    """Return a pulse width after which the state has moved by about a quarter of its range."""
    rate = np.asarray(device.rate(volts, state[..., :1, :1], gate), dtype=float)
    fastest = float(np.max(np.abs(rate) / _reach(device)))
    period = 1.0 / device.typical_drive()[1]
    return (
        float(np.clip(_SHARE / fastest, 1e-6 * period, 0.25 * period))
        if fastest > 0
        else 0.05 * period
    )


def _reach(device: Device) -> Floats:
    """Return the range of each state, or its scale where the range has only numerical ends."""
    width = span(device)
    return np.asarray(
        np.where(np.isfinite(width), width, per_state(np.array(device.state_scale), device))
    )


def _pulse(
    engines: Engines, device: Device, shape: tuple[int, int], sign: int, name: str, seed: int
) -> Case:
    rng = np.random.default_rng([seed, *name.encode()])
    start = states(device, shape, rng)
    volts = sign * device.typical_drive()[0]
    gate = 1.2 if device.gated else None
    array = Crossbar(device=device, state=start, wires=Wires(word_line_ohm=1.0, bit_line_ohm=1.0))
    width = width_s(device, start, volts, gate)
    rows = volts * np.linspace(1.0, 0.5, shape[0])
    gates = None if gate is None else np.full(array.gate_lines, gate)
    pulse = Pulse(
        row_volts=rows, column_volts=0.0, width_s=width, rise_s=0.1 * width, gate_volts=gates
    )
    after = engines.both(lambda engine: engine.pulse(array, pulse).state)
    return compared(name, "final state, fraction of range", after, _reach(device), TOLERANCE)


def cases(
    engines: Engines, seed: int, *, shapes: tuple[tuple[int, int], ...] = ((1, 1), (8, 8))
) -> Iterator[Case]:
    """Yield one line a device, size and polarity."""
    for label in registry.names():
        device = registry.make(label)
        if not device.memory or not device.state_names:
            continue
        for shape in shapes:
            for sign in (1,) if label in _POSITIVE_ONLY else (1, -1):
                name = f"pulse {shape[0]}×{shape[1]} {label} {'+' if sign > 0 else '−'}"

                def solve(
                    device: Device = device,
                    shape: tuple[int, int] = shape,
                    sign: int = sign,
                    name: str = name,
                ) -> Case:
                    return _pulse(engines, device, shape, sign, name, seed)

                yield attempted(name, "final state, fraction of range", TOLERANCE, solve)
