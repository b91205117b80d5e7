"""Reads of whole arrays: every node's voltage, engine against engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.wires import Wires
from spicesnn.devices import registry
from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.validation.case import Case, Engines, attempted, compared

TOLERANCE = 1e-9
"""DC answers agree to this, at every node, relative to that node's own voltage (down to a millionth
of the drive)."""
_FLOOR = 1e-6


@dataclass(frozen=True, kw_only=True)
class _Read:
    name: str
    array: Crossbar
    row_volts: Floats


def _spread(rng: np.random.Generator, rows: int, cols: int, decades: float) -> Floats:
    return np.asarray(1e-4 * 10.0 ** rng.uniform(-decades, 0.0, (rows, cols)))


def _linear(rng: np.random.Generator) -> Iterator[_Read]:
    one = Wires(word_line_ohm=1.0, bit_line_ohm=1.0)
    yield _Read(
        name="1×1, 1 Ω",
        array=Crossbar(conductance=_spread(rng, 1, 1, 1), wires=one),
        row_volts=np.array([0.2]),
    )
    yield _Read(
        name="8×8, all equal",
        array=Crossbar(conductance=np.full((8, 8), 1e-4), wires=one),
        row_volts=np.full(8, 0.2),
    )
    yield _Read(
        name="8×8, six decades",
        array=Crossbar(conductance=_spread(rng, 8, 8, 6), wires=one),
        row_volts=rng.uniform(0.05, 0.3, 8),
    )
    yield _Read(
        name="5×13, negative volts",
        array=Crossbar(conductance=_spread(rng, 5, 13, 2), wires=one),
        row_volts=rng.uniform(-0.3, 0.3, 5),
    )
    open_cells = np.where(rng.random((8, 8)) < 0.3, 0.0, _spread(rng, 8, 8, 2))
    yield _Read(
        name="8×8, open cells",
        array=Crossbar(conductance=open_cells, wires=one),
        row_volts=rng.uniform(0.05, 0.3, 8),
    )
    exact = Wires(word_line_ohm=0.0, bit_line_ohm=2.0, driver_ohm=100.0, sense_ohm=30.0)
    ideal = Crossbar(conductance=_spread(rng, 8, 4, 2), wires=exact)
    yield _Read(
        name="8×4, 0 Ω word lines, 100 Ω drivers", array=ideal, row_volts=rng.uniform(0.05, 0.3, 8)
    )
    both = Wires(
        word_line_ohm=2.0, bit_line_ohm=2.0, driver_ohm=10.0, sense_ohm=10.0, double_sided=True
    )
    yield _Read(
        name="8×8, double-sided",
        array=Crossbar(conductance=_spread(rng, 8, 8, 2), wires=both),
        row_volts=rng.uniform(0.05, 0.3, 8),
    )
    yield _Read(
        name="32×8, a batch of 4",
        array=Crossbar(conductance=_spread(rng, 32, 8, 2), wires=one),
        row_volts=rng.uniform(0.0, 0.3, (4, 32)),
    )


_PHYSICAL = 1e3
"""A range of more than this many times the state's scale is a numerical limit: the device never
sees the middle of it."""


def span(device: Device) -> Floats:
    """Return the range of each state, state units; infinite where its ends are only numerical (the
    emulator's kilovolts)."""
    low, high = (per_state(bound, device) for bound in device.bounds())
    scale = per_state(np.array(device.state_scale), device)
    return np.asarray(np.where(high - low <= _PHYSICAL * scale, high - low, np.inf))


def states(device: Device, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Return states inside the middle of the range, (rows, cols) or (states, rows, cols).

    Where the range has no end, about one scale above the fresh state: the emulator's gate then is
    above the 25 mV below which Meyer's capacitances do not conserve charge, and its state is a
    state (see the notes of the device)."""
    count = len(device.state_names)
    full = shape if count <= 1 else (count, *shape)
    low, width = per_state(device.bounds()[0], device), span(device)
    share = rng.uniform(0.3, 0.7, full)
    written = per_state(device.initial_state(), device) + (0.5 + share) * per_state(
        np.array(device.state_scale), device
    )
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(np.isfinite(width), low + share * width, written))


def per_state(values: float | Floats, device: Device) -> Floats:
    """Return numbers that stand one per state variable as an array that broadcasts against states (…,
    rows, cols)."""
    array = np.asarray(values, dtype=float)
    if array.ndim == 1:
        return array[:, None, None] if len(device.state_names) > 1 else array.reshape(())
    return array


def _nodes(engine: Engine, read: _Read) -> Floats:
    """Return the voltages of both terminals of every cell, (2, …, rows, cols)."""
    answer = engine.read(read.array, read.row_volts)
    return np.stack([answer.word_line_volts, answer.bit_line_volts])


def _devices(rng: np.random.Generator) -> Iterator[_Read]:
    for name in registry.names():
        device = registry.make(name)
        if device.gated or not device.state_names:
            continue
        amplitude = 0.3 * device.typical_drive()[0]
        array = Crossbar(
            device=device,
            state=states(device, (6, 4), rng),
            wires=Wires(word_line_ohm=1.0, bit_line_ohm=1.0),
        )
        yield _Read(
            name=f"6×4 {name}", array=array, row_volts=rng.uniform(-amplitude, amplitude, 6)
        )


def cases(engines: Engines, seed: int) -> Iterator[Case]:
    """Yield one line a read: the worst node of both lines."""
    rng = np.random.default_rng([seed, 1])
    for read in (*_linear(rng), *_devices(rng)):
        quantity = "node voltages, relative"

        def solve(read: _Read = read, quantity: str = quantity) -> Case:
            nodes = engines.both(lambda engine: _nodes(engine, read))
            scale = np.maximum(np.abs(nodes[1]), _FLOOR * float(np.max(np.abs(read.row_volts))))
            return compared(f"read {read.name}", quantity, nodes, scale, TOLERANCE)

        yield attempted(f"read {read.name}", quantity, TOLERANCE, solve)
