"""Cells of a layer, whole and in tiles: what is kept as one matrix is solved in arrays of a stated
size."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device, parameter


@dataclass(frozen=True, kw_only=True, eq=False)
class ConductanceCell(Device):
    """A cell whose state is its conductance; what moves it is not its voltage but the kind of
    synapse that it belongs to."""

    name: ClassVar[str] = "conductance"
    reference: ClassVar[str] = "i = g v"
    model: ClassVar[str] = "resistor.lib"
    state_names: ClassVar[tuple[str, ...]] = ("g",)
    state_units: ClassVar[tuple[str, ...]] = ("S",)
    low: float = parameter(0.0, "S", "lowest conductance", lowest=0.0)
    high: float = parameter(1e-4, "S", "highest conductance", above=0.0)
    sample: float = parameter(
        0.0, "1", "number of the device, among those that a kind of synapse knows", lowest=0.0
    )
    gain: float = parameter(1.0, "1", "factor on what a pulse does to the cell", lowest=0.0)

    def current(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Ohm's law."""
        return np.asarray(np.asarray(v, dtype=float) * x)

    def conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """The state."""
        return np.asarray(
            np.broadcast_to(
                np.asarray(x, dtype=float), np.broadcast_shapes(np.shape(v), np.shape(x))
            )
        )

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Nothing moves by itself."""
        return np.zeros(np.broadcast_shapes(np.shape(v), np.shape(x)))

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """The conductance window."""
        return self.low, self.high

    def initial_state(self) -> float | Floats:
        """The lowest conductance."""
        return self.low

    def state_for_conductance(self, siemens: ArrayLike, *, v: float = 0.0) -> Floats:
        """The conductance itself, within the window."""
        return np.asarray(np.clip(np.asarray(siemens, dtype=float), self.low, self.high))


def part_of(array: Crossbar, rows: slice, columns: slice, wires: Wires) -> Crossbar:
    """One tile of an array: its cells with their own parameters, states, stuck cells and factors,
    on wires of its own."""
    place: tuple[Any, ...] = (rows, columns)
    device, state = array.device, array.state_or_zeros()[(..., *place)]
    assert device is not None
    shape = array.shape
    own = {
        entry.name: value[place]
        for entry in dataclasses.fields(device)
        if isinstance(value := getattr(device, entry.name), np.ndarray) and value.shape == shape
    }
    inner = getattr(device, "memristor", None)
    if isinstance(inner, Device):
        mine = {
            entry.name: value[place]
            for entry in dataclasses.fields(inner)
            if isinstance(value := getattr(inner, entry.name), np.ndarray) and value.shape == shape
        }
        if mine:
            own["memristor"] = inner.with_parameters(**mine)
    return Crossbar(
        device=device.with_parameters(**own) if own else device,
        state=state,
        wires=wires,
        stuck=None if array.stuck is None else array.stuck[place],
        gate_along=array.gate_along,
        current_factor=None if array.current_factor is None else array.current_factor[place],
    )


def tiles_of(
    array: Crossbar, tiling: Tiling, wires: Wires
) -> Iterator[tuple[slice, slice, Crossbar]]:
    """The tiles of a layer with their places, left to right and down."""
    for rows, columns in tiling.parts(array.shape):
        yield rows, columns, part_of(array, rows, columns, wires)


def moved_state(array: Crossbar, state: Floats) -> Crossbar:
    """The array in other states, stuck cells where they were."""
    if array.stuck is not None:
        state = np.where(array.stuck, array.state_or_zeros(), state)
    return array.with_state(state)
