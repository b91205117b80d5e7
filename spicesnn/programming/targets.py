"""Target conductances of an array's cells: checked against what the cells reach, and how far off the
cells are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats, number, numbers
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.errors import InputError

_NUDGE = 1e-6
"""Of a state's range, for dG/dx."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Targets:
    """What every cell of an array is to conduct.

    Attributes
    ----------
    target : (rows, cols) siemens
    tolerance : float
        Siemens.
    read_volts : float
        Conductance is I/V there; dI/dV at 0 V for 0.
    gate_volts : float or None
        Third terminal of the cells as they are read.
    """

    target: Floats
    tolerance: float
    read_volts: float
    gate_volts: float | None

    @classmethod
    def checked(
        cls,
        array: Crossbar,
        target: ArrayLike,
        tolerance: float,
        read_volts: float,
        gate_volts: float | None,
    ) -> Targets:
        """Check the targets against what the cells reach."""
        device = array.device
        if device is None or array.state is None:
            raise InputError(
                "design_pulses: these cells have no state that a pulse could change; expected a"
                " device with memory"
            )
        if array.gated == (gate_volts is None):
            raise InputError(
                "design_pulses: gate_volts was given, but these cells have no third terminal"
                if gate_volts is not None
                else f"design_pulses: {device.name} cells have a third terminal: give gate_volts=…,"
                " the level at which conductances are read"
            )
        if not 0 < number(tolerance, "design_pulses: tolerance", "a fraction of the window") < 1:
            raise InputError(
                f"design_pulses: tolerance = {tolerance!r}; expected a fraction of the conductance"
                " window, between 0 and 1"
            )
        number(read_volts, "design_pulses: read_volts", "volts")
        wanted = np.array(numbers(target, "design_pulses: target", "siemens"))
        if wanted.shape != array.shape or not np.all(np.isfinite(wanted)):
            raise InputError(
                f"design_pulses: target has shape {wanted.shape}; expected finite siemens of shape"
                f" {array.shape}, one per cell"
            )
        problem = cls(target=wanted, tolerance=0.0, read_volts=read_volts, gate_volts=gate_volts)
        ends = [problem._at_bound(array, bound) for bound in device.bounds()]
        low, high = np.minimum(*ends), np.maximum(*ends)
        beyond = (wanted < low * (1 - 1e-9)) | (wanted > high * (1 + 1e-9))
        if np.any(beyond):
            i, j = np.argwhere(beyond)[0]
            raise InputError(
                f"design_pulses: target[{i}, {j}] = {wanted[i, j]:.4g} S; this {device.name} cell"
                f" reaches {low[i, j]:.4g} to {high[i, j]:.4g} S"
            )
        made = replace(problem, tolerance=tolerance * float(np.min(high - low)))
        if array.stuck is not None:
            astray = array.stuck & (np.abs(made.miss(array)) > made.tolerance)
            if np.any(astray):
                i, j = np.argwhere(astray)[0]
                raise InputError(
                    f"design_pulses: cell [{i}, {j}] is stuck at"
                    f" {made.siemens(array)[i, j]:.4g} S, and its target is {wanted[i, j]:.4g} S;"
                    " give stuck cells what they conduct as targets"
                )
        return made

    def _at_bound(self, array: Crossbar, bound: float | Floats) -> Floats:
        state = np.broadcast_to(np.asarray(bound, dtype=float), array.state_or_zeros().shape)
        return self.siemens(array, np.array(state))

    def siemens(self, array: Crossbar, state: Floats | None = None) -> Floats:
        """Conductances (rows, cols) of the cells, in other states if they are given."""
        assert array.device is not None
        gate = None if self.gate_volts is None else np.asarray(self.gate_volts)
        found = array.device.chord_conductance(
            array.state_or_zeros() if state is None else state, gate, v=self.read_volts
        )
        return np.array(np.broadcast_to(array.with_factor(np.asarray(found)), array.shape))

    def miss(self, array: Crossbar) -> Floats:
        """Conductance minus target, (rows, cols)."""
        return self.siemens(array) - self.target

    def met(self, array: Crossbar, share: float = 1.0) -> bool:
        """Whether all cells are within a share of the tolerance."""
        return bool(np.abs(self.miss(array)).max() <= share * self.tolerance)

    def loss(self, array: Crossbar) -> tuple[float, Floats]:
        """L, and its derivative in the states."""
        assert array.device is not None
        by_tolerance = self.miss(array) / self.tolerance
        state = array.state_or_zeros()
        low, high = (
            np.broadcast_to(np.asarray(bound, dtype=float), state.shape)
            for bound in array.device.bounds()
        )
        scale = np.where(np.isfinite(high - low), high - low, np.maximum(np.abs(state), 1.0))
        slope, variables = np.zeros(state.shape), state.reshape(-1, *array.shape)
        for k in range(len(variables)):
            more, less = np.array(variables), np.array(variables)
            part = (scale * _NUDGE).reshape(variables.shape)[k]
            more[k] = np.minimum(more[k] + part, high.reshape(variables.shape)[k])
            less[k] = np.maximum(less[k] - part, low.reshape(variables.shape)[k])
            change = self.siemens(array, more.reshape(state.shape)) - self.siemens(
                array, less.reshape(state.shape)
            )
            slope.reshape(variables.shape)[k] = change / (more[k] - less[k])
        return float(np.sum(by_tolerance**2)), 2 * by_tolerance / self.tolerance * slope
