"""Newton's method for every device of the library: batches, hard arrays, several drives; answers
checked against the device's own equations."""

from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.devices.base import Device
from spicesnn.devices.registry import device_class, fresh, names

ENGINE = sn.NodalEngine()
NAMES = [name for name in names() if not device_class(name)().linear] + [
    "1s1r:pai-yu-chen",
    "1t1r:linear-drift",
    "1s1r:yakopcic",
]


def made(name: str) -> Device:
    kind, _, inner = name.partition(":")
    return fresh(kind, inner or None)


def spread(device: Device, shape: tuple[int, int]) -> np.ndarray:
    """States over the whole range of every state."""
    rng = np.random.default_rng(4)
    low, high = (np.asarray(bound, dtype=float) for bound in device.bounds())
    if device.name == "mosfet-emulator":
        low, high = np.asarray(-0.5), np.asarray(3.0)
    count = len(device.state_names)
    full = (count, *shape) if count > 1 else shape
    return low + (high - low) * rng.uniform(0.02, 0.98, full)


@pytest.mark.parametrize("ohm", [1.0, 1e4])
@pytest.mark.parametrize("name", NAMES)
def test_every_nonlinear_device_is_solved_for_batches(name: str, ohm: float) -> None:
    """Kirchhoff's law with the device's own currents at every node of arrays whose wires matter
    little or more than the cells."""
    device, shape = made(name), (6, 5)
    wires = sn.Wires(word_line_ohm=ohm, bit_line_ohm=ohm, driver_ohm=10.0, sense_ohm=5.0)
    array = Crossbar(device=device, state=spread(device, shape), wires=wires)
    top = min(1.2 * device.typical_drive()[0], 3.0)
    lowest = max(-top, device.lowest_volts)
    volts = np.random.default_rng(5).uniform(lowest, top, (4, shape[0]))
    volts[0], volts[1] = top, 0.0
    gate = (
        None
        if device.gate_default is None
        else np.full(array.gate_lines, 2.5 if device.name == "1t1r" else device.gate_default)
    )
    read = ENGINE.read(array, volts, gate_volts=gate)
    of_cells = array.gate_of_cells(None if gate is None else np.tile(gate, (4, 1)))
    for k in range(4):
        across = read.word_line_volts[k] - read.bit_line_volts[k]
        amps = device.current(
            across, array.state_or_zeros(), None if of_cells is None else of_cells[k]
        )
        largest = max(float(np.abs(amps).max()), 1e-15)
        np.testing.assert_allclose(amps.sum(axis=1), read.row_amps[k], atol=1e-8 * largest)
        np.testing.assert_allclose(amps.sum(axis=0), read.column_amps[k], atol=1e-8 * largest)
        # The wires: one word line, from its driver to its far end.
        drops = np.diff(np.concatenate([[volts[k, 0]], read.word_line_volts[k, 0]]))
        through = np.cumsum(amps[0, ::-1])[::-1]
        np.testing.assert_allclose(
            -drops, through * np.array([10.0 + ohm, *[ohm] * 4]), atol=1e-8 * max(top, 1e-3)
        )
    np.testing.assert_array_equal(read.column_amps[1], 0.0)
    one = ENGINE.read(array, volts[2], gate_volts=gate)
    np.testing.assert_allclose(
        one.column_amps,
        read.column_amps[2],
        rtol=1e-9,
        atol=1e-9 * max(np.abs(read.column_amps[2]).max(), 1e-15),
    )
