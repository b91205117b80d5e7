"""All cells of an array as one flat ensemble of small, independent state equations."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.devices.base import Device

Index = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Ensemble:
    """Cells in row-major order; `m` is their number, `n` the number of state variables of each.

    Attributes
    ----------
    device : Device
        Its array parameters are (m, 1).
    low, high : (n, m)
        Bounds of the states, state units; infinite where there is none.
    scale : (n, m)
        The range of each state (what one volt on its SPICE node stands for, where the range is
        infinite).
    moves : (m,)
        1, or 0 for a stuck cell.
    factor : (m,) or None
        On every cell's current.
    """

    device: Device
    low: Floats
    high: Floats
    scale: Floats
    moves: Floats
    factor: Floats | None = None

    @classmethod
    def of(cls, array: Crossbar) -> Ensemble:
        """Return the cells of an array."""
        device = flat_device(array.cell_device(), array.shape)
        cells = array.rows * array.cols
        count = max(len(device.state_names), 1)
        low, high = (
            np.array(np.broadcast_to(_bound(b, count), (count, cells, 1))[..., 0])
            for b in device.bounds()
        )
        span = high - low
        typical = np.asarray(device.state_scale or (1.0,), dtype=float)[:, None]
        moves = np.ones(cells) if array.stuck is None else np.where(array.stuck.ravel(), 0.0, 1.0)
        factor = None if array.current_factor is None else array.current_factor.ravel()
        return cls(
            device=device,
            low=low,
            high=high,
            scale=np.where(np.isfinite(span), span, typical),
            moves=moves,
            factor=factor,
        )

    def take(self, index: Index) -> Ensemble:
        """Return some of the cells."""
        return Ensemble(
            device=_picked(self.device, index),
            low=self.low[:, index],
            high=self.high[:, index],
            scale=self.scale[:, index],
            moves=self.moves[index],
            factor=None if self.factor is None else self.factor[index],
        )

    @property
    def count(self) -> int:
        """State variables of a cell."""
        return int(self.low.shape[0])

    def shaped(self, x: Floats) -> Floats:
        """Return states (n, m) in the shape the device wants."""
        return x[0][:, None] if self.count == 1 else x[:, :, None]

    def current(self, v: Floats, x: Floats, gate: Floats | None) -> Floats:
        """Return the current, (m,) ampere."""
        return self._flat(
            self.device.current(v[:, None], self.shaped(x), None if gate is None else gate[:, None])
        )

    def conductance(self, v: Floats, x: Floats, gate: Floats | None) -> Floats:
        """Return dI/dV, (m,) siemens."""
        return self._flat(
            self.device.conductance(
                v[:, None], self.shaped(x), None if gate is None else gate[:, None]
            )
        )

    def current_and_conductance(
        self, v: Floats, x: Floats, gate: Floats | None
    ) -> tuple[Floats, Floats]:
        """Return both, (m,) each."""
        amps, slope = self.device.current_and_conductance(
            v[:, None], self.shaped(x), None if gate is None else gate[:, None]
        )
        return self._flat(amps), self._flat(slope)

    def rate(self, v: Floats, x: Floats, gate: Floats | None) -> Floats:
        """Return dx/dt with the state held inside its bounds, (n, m)."""
        inside = np.clip(x, self.low, self.high)
        rate = np.asarray(
            self.device.rate(
                v[:, None], self.shaped(inside), None if gate is None else gate[:, None]
            ),
            dtype=float,
        )
        full = (self.count, self.moves.size, 1) if self.count > 1 else (self.moves.size, 1)
        return np.asarray(np.broadcast_to(rate, full).reshape(self.low.shape) * self.moves)

    def _flat(self, values: Floats) -> Floats:
        flat = np.array(np.broadcast_to(values, (self.moves.size, 1))[:, 0], dtype=float)
        return flat if self.factor is None else flat * self.factor


def _bound(bound: Any, count: int) -> Floats:
    """Return a bound with axes (states, cells, 1)."""
    values = np.asarray(bound, dtype=float)
    if count > 1 and values.ndim == 1:
        return values[:, None, None]
    return values[None] if count == 1 and values.ndim == 2 else values


def _mapped(device: Device, change: Any) -> Device:
    """Return a copy of a device with every array parameter changed, its inner devices included."""
    changes: dict[str, Any] = {}
    for entry in dataclasses.fields(device):
        value = getattr(device, entry.name)
        if isinstance(value, Device):
            inner = _mapped(value, change)
            if inner is not value:
                changes[entry.name] = inner
        elif isinstance(value, np.ndarray) and value.ndim:
            changes[entry.name] = change(value)
    if not changes:
        return device
    clone = copy.copy(device)
    for name, value in changes.items():
        object.__setattr__(clone, name, value)
    return clone


def flat_device(device: Device, shape: tuple[int, int]) -> Device:
    """Return a device whose parameters of (rows, cols) have become (rows·cols, 1)."""
    return _mapped(
        device, lambda values: np.ascontiguousarray(np.broadcast_to(values, shape)).reshape(-1, 1)
    )


def _picked(device: Device, index: Index) -> Device:
    return _mapped(device, lambda values: values[index])
