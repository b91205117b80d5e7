"""Signed weights on conductances, which are never negative: pairs of columns, an offset column, or
unsigned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import Floats, number
from spicesnn.devices.base import Device
from spicesnn.errors import InputError

Changes = NDArray[np.int8]


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The conductances that are used, siemens, `low` < `high`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            number(getattr(self, name), f"conductance window: {name}", "siemens")
        if not (np.isfinite(self.low) and np.isfinite(self.high) and 0 <= self.low < self.high):
            raise InputError(
                f"conductance window: low = {self.low} S, high = {self.high} S; expected 0 ≤ low <"
                " high"
            )

    @classmethod
    def of(cls, device: Device, *, volts: float = 0.0, gate: float | None = None) -> Window:
        """Return the range every cell of a device can reach, as chord conductance at `volts` (dI/dV
        at 0)."""
        ends = [
            device.chord_conductance(np.asarray(bound, dtype=float), gate, v=volts)
            for bound in device.bounds()
        ]
        return cls(low=float(np.max(np.minimum(*ends))), high=float(np.min(np.maximum(*ends))))

    @property
    def span(self) -> float:
        """`high` − `low`, siemens."""
        return self.high - self.low

    def at(self, share: ArrayLike) -> Floats:
        """Return conductances at shares 0…1 of the window."""
        return np.asarray(self.low + self.span * np.clip(np.asarray(share, dtype=float), 0.0, 1.0))

    def quantised(self, siemens: ArrayLike, states: int) -> Floats:
        """Return the nearest of `states` evenly spaced conductances."""
        if states < 2:
            raise InputError(f"states = {states}; expected 2 or more")
        return self.at(
            np.rint((np.asarray(siemens, dtype=float) - self.low) / self.span * (states - 1))
            / (states - 1)
        )


class Columns(ABC):
    """How the weights of `outputs` neurons stand on columns. A weight of ±1 is the whole
    conductance window."""

    @abstractmethod
    def count(self, outputs: int) -> int:
        """Return the number of columns."""

    @abstractmethod
    def outputs(self, columns: Floats) -> Floats:
        """Turn anything per column (…, columns), such as currents, into the same per neuron (…,
        outputs)."""

    @abstractmethod
    def conductances(self, weights: ArrayLike, window: Window) -> Floats:
        """Return the conductances (rows, columns) of weights (rows, outputs), those beyond the
        reachable clipped to it."""

    @abstractmethod
    def changes(self, direction: Changes, *, opposite: bool) -> Changes:
        """Turn wanted weight changes −1, 0, 1 (rows, outputs) into device changes (rows, columns);
        `opposite` uses both devices of a pair."""

    def with_states(self, states: int) -> Columns:
        """Return the same for devices of so many evenly spaced states: whatever weights refer to is
        one of them."""
        return self

    def weights(self, siemens: Floats, window: Window) -> Floats:
        """Return the weights (rows, outputs) that conductances (rows, columns) stand for."""
        return self.outputs(siemens) / window.span


@dataclass(frozen=True, slots=True)
class Differential(Columns):
    """Neuron j stands on columns 2j (adds) and 2j+1 (subtracts): w = (G⁺ − G⁻)/span."""

    def count(self, outputs: int) -> int:
        """Return two columns a neuron."""
        return 2 * outputs

    def outputs(self, columns: Floats) -> Floats:
        """Return the differences of neighbours."""
        return np.asarray(columns[..., 0::2] - columns[..., 1::2])

    def conductances(self, weights: ArrayLike, window: Window) -> Floats:
        """Return G⁺ = low + span·max(w, 0), G⁻ = low + span·max(−w, 0)."""
        weights = np.asarray(weights, dtype=float)
        siemens = np.empty((weights.shape[0], 2 * weights.shape[1]))
        siemens[:, 0::2], siemens[:, 1::2] = window.at(weights), window.at(-weights)
        return siemens

    def changes(self, direction: Changes, *, opposite: bool) -> Changes:
        """Raise G⁺ (and lower G⁻ if `opposite`) where the weight should rise, and the mirror image
        where it should fall."""
        changes = np.empty((direction.shape[0], 2 * direction.shape[1]), dtype=np.int8)
        changes[:, 0::2], changes[:, 1::2] = direction, -direction
        return changes if opposite else np.maximum(changes, 0).astype(np.int8)


@dataclass(frozen=True, slots=True)
class Single(Columns):
    """One column a neuron, weights from 0 to 1: w = (G − low)/span up to the constant low/span."""

    def count(self, outputs: int) -> int:
        """Return one column a neuron."""
        return outputs

    def outputs(self, columns: Floats) -> Floats:
        """Return the columns as they are."""
        return columns

    def conductances(self, weights: ArrayLike, window: Window) -> Floats:
        """Return low + span·w."""
        return window.at(weights)

    def changes(self, direction: Changes, *, opposite: bool) -> Changes:
        """Return the direction itself."""
        return direction


@dataclass(frozen=True, slots=True)
class Offset(Columns):
    """One column a neuron and reference columns in the middle of the window: w = 2(G − G_ref)/span.

    Attributes
    ----------
    reference : float
        Where the reference stands, as a share of the window: ½, or the state next to it.
    every : int
        A reference column follows after so many neurons, such as the last of every tile; 0: one
        after all of them.
    """

    reference: float = 0.5
    every: int = 0

    def count(self, outputs: int) -> int:
        """Return one column a neuron, and the references."""
        return outputs + -(-outputs // (self.every or max(outputs, 1)))

    def outputs_of(self, columns: int) -> int:
        """Return how many neurons stand on so many columns."""
        return columns - -(-columns // (self.every + 1 if self.every else max(columns, 1)))

    def references(self, outputs: int) -> NDArray[np.int64]:
        """Return the reference column of each neuron, (outputs,)."""
        group = np.arange(outputs) // (self.every or max(outputs, 1))
        each = self.every or outputs
        return np.minimum(group * (each + 1) + each, self.count(outputs) - 1)

    def beside(self, neurons: NDArray[Any], reference: float) -> NDArray[Any]:
        """Return values per neuron (…, outputs) per column (…, columns), with `reference` on the
        reference columns."""
        outputs = neurons.shape[-1]
        found = np.full((*neurons.shape[:-1], self.count(outputs)), reference, dtype=neurons.dtype)
        found[..., self.places(outputs)] = neurons
        return found

    def places(self, outputs: int) -> NDArray[np.int64]:
        """Return the column of each neuron, (outputs,)."""
        return np.arange(outputs) + np.arange(outputs) // (self.every or max(outputs, 1))

    def outputs(self, columns: Floats) -> Floats:
        """Return twice the differences to the reference columns."""
        if not self.every:
            return np.asarray(2 * (columns[..., :-1] - columns[..., -1:]))
        count = self.outputs_of(columns.shape[-1])
        return np.asarray(
            2 * (columns[..., self.places(count)] - columns[..., self.references(count)])
        )

    def conductances(self, weights: ArrayLike, window: Window) -> Floats:
        """Return reference + span·w/2, and the reference in its columns."""
        weights = np.asarray(weights, dtype=float)
        return window.at(self.reference + self.beside(0.5 * weights, 0.0))

    def with_states(self, states: int) -> Offset:
        """Return the same with its reference on a state: off it, rounding would add half a state to
        every weight."""
        if states < 2:
            raise InputError(f"states = {states}; expected 2 or more")
        return replace(self, reference=float(np.floor((states - 1) / 2)) / (states - 1))

    def changes(self, direction: Changes, *, opposite: bool) -> Changes:
        """Return the direction, and no change of the reference."""
        return self.beside(direction, 0)


COLUMNS: dict[str, Columns] = {
    "differential": Differential(),
    "single": Single(),
    "offset": Offset(),
}
"""The kinds of columns by the name they have in a preset."""
