"""Synapses without a device of their own: any conductance of the window, or one of a few."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.mapping import Changes, Offset, Single
from spicesnn.devices.levels import ConductanceStates, Rounding
from spicesnn.devices.variability import LogNormal
from spicesnn.errors import InputError
from spicesnn.networks.synapses.cells import ConductanceCell, moved_state
from spicesnn.networks.synapses.contract import SynapseKind, Synapses
from spicesnn.networks.synapses.updates import Counts, Moved, Signs, Wanted
from spicesnn.nonidealities.realised import Imperfections


def tabled(
    kind: SynapseKind,
    siemens: Floats,
    rng: np.random.Generator,
    may_stick: NDArray[np.bool_],
    pulse_spread: float,
) -> Crossbar:
    """Cells whose state is their conductance; pulses do more or less to each, stuck ones are where
    they are stuck."""
    window = kind.hardware.used_window()
    device = ConductanceCell(low=window.low, high=window.high)
    if pulse_spread:
        gains = LogNormal(pulse_spread).draw(siemens.shape, rng)
        device = device.with_parameters(gain=gains)
    cells = Crossbar(device=device, state=siemens)
    stuck = kind.imperfections.stuck_cells(cells.shape, rng, may_stick)
    return cells if stuck is None else stuck.applied(cells)


def gains_of(array: Crossbar) -> Floats | float:
    """Factors on what a pulse does to each cell that `tabled` has made, (rows, columns), or one for
    all."""
    assert isinstance(array.device, ConductanceCell)
    return array.device.gain


def checked_spread(name: str, pulse_spread: float) -> None:
    """Refuse a variation of the effect of pulses that is none."""
    if not (np.isfinite(pulse_spread) and pulse_spread >= 0):
        raise InputError(
            f"{name} synapses: pulse_spread is {pulse_spread!r}; expected a relative standard"
            " deviation, 0 or more"
        )


def landed(kind: SynapseKind, cells: Synapses, wanted: Floats, rng: np.random.Generator) -> Moved:
    """Cells after changes of conductance (rows, columns), siemens, with cycle-to-cycle variation,
    states and wear; one pulse a cell."""
    before, window = cells.array, kind.hardware.used_window()
    step = gains_of(before) * wanted
    state = np.minimum(np.maximum(before.state_or_zeros() + step, window.low), window.high)
    after, wear = kind.imperfections.after_pulse(
        before, moved_state(before, state), rng, cells.wear_left
    )
    return Moved(array=after, pulses=(wanted != 0).astype(np.int64), joule=0.0, wear=wear)


def rewritten(
    cells: Synapses,
    weights: Floats,
    pulses: Counts,
    read_joule: float,
    write_joule: float = 0.0,
) -> Synapses:
    """Single or offset columns of cells whose state is their conductance, after a compiled loop has
    read and written them.

    Parameters
    ----------
    cells : Synapses
        Before.
    weights : (rows, outputs)
        Within the reach of `cells.largest`.
    pulses : (rows, outputs) int
        Changes of each weight.
    read_joule, write_joule : float
        Of the loop's reads and pulses.
    """
    state = cells.columns.conductances(weights / cells.largest, cells.hardware.used_window())
    if isinstance(cells.columns, Offset):
        pulses = cells.columns.beside(pulses, 0)
    assert cells.wear is not None
    return replace(
        cells,
        array=moved_state(cells.array, state),
        wear=cells.wear + pulses,
        energy=cells.energy.more(read=read_joule, write=write_joule),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Ideal(SynapseKind):
    """Synapses that do what they are asked to, up to the ends of the conductance window; writing
    costs nothing.

    Attributes
    ----------
    pulse : float
        What one programming pulse moves, as a fraction of the window.
    pulse_spread : float
        Device-to-device variation (log-normal) of the effect of a pulse, relative.
    """

    name: ClassVar[str] = "ideal"
    takes: ClassVar[tuple[type, ...]] = (Wanted, Signs)
    pulse: float = 1 / 64
    pulse_spread: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.pulse <= 1:
            raise InputError(
                f"{self.name} synapses: pulse is {self.pulse!r}; expected a fraction of the window"
                " above 0, at most 1"
            )
        checked_spread(self.name, self.pulse_spread)
        if self.imperfections.spread:
            raise InputError(
                f"{self.name} synapses have no device, so {', '.join(self.imperfections.spread)}"
                " cannot differ from cell to cell; use PulseMap or Solved"
            )

    @property
    def does_as_asked(self) -> bool:
        """Whether a weight is a conductance and no more: no wires, no non-idealities, single
        columns."""
        hardware = self.hardware
        alone = isinstance(hardware.columns_kind(), Single) and hardware.ideal_wires
        return alone and not self.imperfections.some and not self.pulse_spread

    def _fresh(
        self, siemens: Floats, rng: np.random.Generator, may_stick: NDArray[np.bool_]
    ) -> Crossbar:
        return tabled(self, siemens, rng, may_stick, self.pulse_spread)

    def pulsed(
        self, cells: Synapses, changes: Changes, width: float, rng: np.random.Generator
    ) -> Moved:
        """Move each cell by one step."""
        step = width * self.pulse * self.hardware.used_window().span
        return landed(self, cells, np.asarray(changes * step, dtype=float), rng)

    def stepped(self, cells: Synapses, siemens: Floats, rng: np.random.Generator) -> Moved:
        """Move each cell by what is wanted."""
        return landed(self, cells, siemens, rng)


@dataclass(frozen=True, kw_only=True, eq=False)
class Levels(Ideal):
    """Synapses of evenly spaced conductances over the window; one programming pulse is one of them.

    Attributes
    ----------
    levels : int
    rounding : Rounding
        How a conductance between two levels becomes one of them.
    """

    name: ClassVar[str] = "levels"
    levels: int = 16
    rounding: Rounding = Rounding.STOCHASTIC

    def __post_init__(self) -> None:
        if isinstance(self.levels, bool) or not isinstance(self.levels, int) or self.levels < 2:
            raise InputError(
                f"levels synapses: levels = {self.levels!r}; expected a whole number, 2 or more"
            )
        object.__setattr__(self, "pulse", 1 / (self.levels - 1))
        super().__post_init__()
        if (self.hardware.imperfections or Imperfections()).states is not None:
            raise InputError(
                "levels synapses: the hardware's imperfections have states, too; give one of"
                " the two"
            )

    @cached_property
    def imperfections(self) -> Imperfections:
        """Those of the hardware, with the levels as states."""
        window, flaws = self.hardware.used_window(), self.hardware.imperfections or Imperfections()
        states = ConductanceStates.even(self.levels, window.low, window.high, self.rounding)
        return replace(flaws, states=states)
