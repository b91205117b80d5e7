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
from spicesnn.networks.synapses.contract import SynapseKind, Synapses, references_of
from spicesnn.networks.synapses.updates import Counts, Levelled, Moved, Programmed, Signs, Wanted
from spicesnn.nonidealities.realised import Imperfections


def tabled(
    kind: SynapseKind,
    siemens: Floats,
    rng: np.random.Generator,
    may_stick: NDArray[np.bool_],
    pulse_spread: float,
    conductance_spread: float,
) -> Crossbar:
    """Cells whose state is their conductance; pulses do more or less to each, each conducts more or
    less in a state, stuck ones are where they are stuck."""
    window = kind.hardware.used_window()
    device = ConductanceCell(low=window.low, high=window.high)
    if pulse_spread:
        gains = LogNormal(pulse_spread).draw(siemens.shape, rng)
        device = device.with_parameters(gain=gains)
    factors = None
    if conductance_spread:
        factors = 1.0 / LogNormal(conductance_spread).draw(siemens.shape, rng)
    cells = Crossbar(device=device, state=siemens, current_factor=factors)
    stuck = kind.imperfections.stuck_cells(cells.shape, rng, may_stick)
    return cells if stuck is None else stuck.applied(cells)


def gains_of(array: Crossbar) -> Floats | float:
    """Factors on what a pulse does to each cell that `tabled` has made, (rows, columns), or one for
    all."""
    assert isinstance(array.device, ConductanceCell)
    return array.device.gain


def checked_spread(name: str, **spreads: float) -> None:
    """Refuse device-to-device variations that are none."""
    for key, value in spreads.items():
        if not (np.isfinite(value) and value >= 0):
            raise InputError(
                f"{name} synapses: {key} is {value!r}; expected a relative standard deviation, 0 or"
                " more"
            )


def set_to(kind: SynapseKind, cells: Synapses, siemens: Floats, rng: np.random.Generator) -> Moved:
    """Cells of which each was brought to a conductance (rows, columns), siemens, and reads as one of
    its states; how many pulses that took is not known, so that none are counted."""
    window = kind.hardware.used_window()
    array = moved_state(cells.array, np.clip(siemens, window.low, window.high))
    held = kind.imperfections.held(array, rng)
    if held is not array:
        state, references = (
            held.state_or_zeros().copy(),
            references_of(cells.columns, cells.outputs),
        )
        state[:, references] = array.state_or_zeros()[:, references]
        array = moved_state(cells.array, state)
    none = np.zeros(array.shape, dtype=np.int64)
    return Moved(array=array, pulses=none, joule=0.0, wear=cells.wear_left)


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
    conductance_spread : float
        Device-to-device variation (log-normal) of the resistance in every state, relative:
        programming does not know it.
    """

    name: ClassVar[str] = "ideal"
    takes: ClassVar[tuple[type, ...]] = (Wanted, Signs, Programmed, Levelled)
    pulse: float = 1 / 64
    pulse_spread: float = 0.0
    conductance_spread: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.pulse <= 1:
            raise InputError(
                f"{self.name} synapses: pulse is {self.pulse!r}; expected a fraction of the window"
                " above 0, at most 1"
            )
        checked_spread(
            self.name,
            pulse_spread=self.pulse_spread,
            conductance_spread=self.conductance_spread,
        )
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
        varied = self.pulse_spread or self.conductance_spread
        return alone and not self.imperfections.some and not varied

    def _fresh(
        self, siemens: Floats, rng: np.random.Generator, may_stick: NDArray[np.bool_]
    ) -> Crossbar:
        return tabled(self, siemens, rng, may_stick, self.pulse_spread, self.conductance_spread)

    def programmed(self, cells: Synapses, siemens: Floats, rng: np.random.Generator) -> Moved:
        """Set each cell."""
        return set_to(self, cells, siemens, rng)

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
