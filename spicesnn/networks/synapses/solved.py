"""Synapses whose every read and every pulse an engine solves on the whole array, tile by tile."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.faults import Wear
from spicesnn.crossbar.mapping import Changes, Single
from spicesnn.errors import InputError
from spicesnn.learning.programming import Programmer
from spicesnn.learning.schemes import HalfVoltage, Scheme, plan
from spicesnn.learning.write_verify import write_verify
from spicesnn.networks.synapses.cells import tiles_of
from spicesnn.networks.synapses.contract import SynapseKind, Synapses
from spicesnn.networks.synapses.updates import (
    Counts,
    Levelled,
    Moved,
    Programmed,
    Signs,
    Spikes,
    Wanted,
)
from spicesnn.programming.pulse_map import StepLimits, StrongestPulses

_MOST_PULSES = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Solved(SynapseKind):
    """Cells of a device on real arrays: half-select, IR drop and sneak paths of writes are there,
    because each pulse is solved.

    Attributes
    ----------
    pulses : StrongestPulses
        The programmed set and reset pulse, volt (magnitudes) and seconds.
    scheme : Scheme
        Voltages of the lines that are not selected.
    rise_s : float
        Rise and fall time of the pulses.
    writing : "counted" or "verified"
        How wanted changes are made: by full pulses, their number drawn from what one does to a cell
        alone; or by write and verify through the wires.
    tolerance : float
        Of write and verify, as a fraction of the window.
    """

    name: ClassVar[str] = "solved"
    takes: ClassVar[tuple[type, ...]] = (Wanted, Signs, Spikes, Programmed, Levelled)
    pulses: StrongestPulses = field(
        default_factory=lambda: StrongestPulses(
            set_volts=1.0, reset_volts=1.0, set_s=1e-6, reset_s=1e-6
        )
    )
    scheme: Scheme = field(default_factory=HalfVoltage)
    rise_s: float = 0.0
    writing: Literal["counted", "verified"] = "counted"
    tolerance: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.writing not in ("counted", "verified"):
            raise InputError(
                f"solved synapses: writing is {self.writing!r}; expected counted or verified"
            )
        if not (np.isfinite(self.tolerance) and self.tolerance > 0):
            raise InputError(
                f"solved synapses: tolerance is {self.tolerance!r}; expected a fraction of the"
                " window above 0"
            )
        self.programmer  # noqa: B018 (a device without polarity is refused here, not at the first pulse)

    @cached_property
    def programmer(self) -> Programmer:
        """What raises and lowers conductances."""
        given = self.pulses
        return Programmer.for_device(
            self.hardware.device,
            self.scheme,
            set_volts=given.set_volts,
            reset_volts=given.reset_volts,
            set_s=given.set_s,
            reset_s=given.reset_s,
            rise_s=self.rise_s,
            imperfections=self.imperfections,
        )

    @cached_property
    def alone(self) -> StepLimits:
        """What a full pulse does to a nominal cell alone: how many of them a wanted change
        takes."""
        return StepLimits.solved(
            self.hardware.device, self.engine, self.pulses, read_volts=self.hardware.chord_volts
        )

    def _fresh(
        self, siemens: Floats, rng: np.random.Generator, may_stick: NDArray[np.bool_]
    ) -> Crossbar:
        array = Crossbar(device=self.hardware.device, state=self.hardware.states(siemens))
        return self.imperfections.fabricated(array, rng, may_stick)

    def pulsed(
        self, cells: Synapses, changes: Changes, width: float, rng: np.random.Generator
    ) -> Moved:
        """Select and pulse, column by column, sets before resets; every line of every tile is
        driven."""
        programmer = self.programmer if width == 1.0 else self.programmer.with_width(width)
        made = _Tiles.of(cells)
        for rows, columns, tile in tiles_of(cells.array, cells.tiling, self.hardware.wires):
            steps = plan(changes[rows, columns])
            done = programmer.apply(self.engine, tile, steps, rng, made.wear_of(rows, columns))
            made.put(rows, columns, done.array, done.energy_joule, done.wear)
        return made.moved(np.abs(changes).astype(np.int64))

    def stepped(self, cells: Synapses, siemens: Floats, rng: np.random.Generator) -> Moved:
        """By counted full pulses, or written and verified."""
        if self.writing == "verified":
            return self._verified(cells, siemens, rng)
        up, down = (
            np.interp(cells.siemens, self.alone.at, self.alone.up),
            np.interp(cells.siemens, self.alone.at, self.alone.down),
        )
        full = np.where(siemens > 0, up, -down)
        count = np.where(full > 0, np.abs(siemens) / np.where(full > 0, full, 1.0), 0.0)
        pulses = np.minimum(np.floor(count + rng.random(count.shape)), _MOST_PULSES).astype(
            np.int64
        )
        moved = Moved(
            array=cells.array, pulses=np.zeros_like(pulses), joule=0.0, wear=cells.wear_left
        )
        for k in range(int(pulses.max(initial=0))):
            signs = np.where(pulses > k, np.sign(siemens), 0).astype(np.int8)
            once = self.pulsed(
                replace(cells, array=moved.array, wear_left=moved.wear), signs, 1.0, rng
            )
            moved = Moved(
                array=once.array,
                pulses=moved.pulses + once.pulses,
                joule=moved.joule + once.joule,
                wear=once.wear,
            )
        return moved

    def _verified(self, cells: Synapses, siemens: Floats, rng: np.random.Generator) -> Moved:
        window, hardware, made = self.hardware.used_window(), self.hardware, _Tiles.of(cells)
        wanted = np.clip(cells.siemens + siemens, window.low, window.high)
        pulses = np.zeros(cells.array.shape, dtype=np.int64)
        for rows, columns, tile in tiles_of(cells.array, cells.tiling, hardware.wires):
            done = write_verify(
                self.engine,
                self.programmer,
                tile,
                wanted[rows, columns],
                rng,
                tolerance=self.tolerance * window.span,
                read_volts=hardware.read_volts,
                read_s=hardware.read_s,
                gate_volts=hardware.gate_level,
                wear=made.wear_of(rows, columns),
            )
            made.put(rows, columns, done.array, done.write_joule + done.read_joule, done.wear)
            pulses[rows, columns] = done.array.state_or_zeros() != tile.state_or_zeros()
        return made.moved(pulses)

    def shaped(self, cells: Synapses, spikes: Spikes, rng: np.random.Generator) -> Moved:
        """Solve the lines' waveforms on every tile."""
        if not isinstance(cells.columns, Single):
            raise InputError(
                "overlapping spikes move single columns; a pair of columns has no one bit line to"
                " send a spike back on"
            )
        made = _Tiles.of(cells)
        pulses = np.zeros(cells.array.shape, dtype=np.int64)
        for rows, columns, tile in tiles_of(cells.array, cells.tiling, self.hardware.wires):
            row_s, column_s = spikes.row_s[rows], spikes.output_s[columns]
            if np.isnan(row_s).all() and np.isnan(column_s).all():
                continue
            done, wear = self.imperfections.pulse(
                self.engine,
                tile,
                spikes.pair.waveform(row_s, column_s),
                rng,
                made.wear_of(rows, columns),
            )
            made.put(rows, columns, done.array, done.energy_joule, wear)
            pulses[rows, columns] = ~np.isnan(row_s)[:, None] | ~np.isnan(column_s)[None, :]
        return made.moved(pulses)


@dataclass(kw_only=True, eq=False, slots=True)
class _Tiles:
    """A layer while its tiles are pulsed one after the other."""

    cells: Synapses
    state: Floats
    stuck: NDArray[np.bool_] | None
    factor: Floats | None
    wear: Wear | None
    joule: float = 0.0

    @classmethod
    def of(cls, cells: Synapses) -> _Tiles:
        array = cells.array
        stuck = None if array.stuck is None else np.array(array.stuck)
        factor = None if array.current_factor is None else np.array(array.current_factor)
        return cls(
            cells=cells,
            state=np.array(array.state_or_zeros()),
            stuck=stuck,
            factor=factor,
            wear=cells.wear_left,
        )

    def wear_of(self, rows: slice, columns: slice) -> Wear | None:
        """Endurance of the cells of one tile."""
        if self.wear is None:
            return None
        return Wear(
            cycles=self.wear.cycles[rows, columns],
            limit=self.wear.limit[rows, columns],
            fails_on=self.wear.fails_on[rows, columns],
        )

    def put(
        self, rows: slice, columns: slice, tile: Crossbar, joule: float, wear: Wear | None
    ) -> None:
        """Take a tile back."""
        self.state[..., rows, columns] = tile.state_or_zeros()
        self.joule += joule
        if tile.stuck is not None:
            self.stuck = (
                np.zeros(self.cells.array.shape, dtype=bool) if self.stuck is None else self.stuck
            )
            self.stuck[rows, columns] = tile.stuck
        if tile.current_factor is not None:
            self.factor = np.ones(self.cells.array.shape) if self.factor is None else self.factor
            self.factor[rows, columns] = tile.current_factor
        if wear is not None and self.wear is not None:
            cycles = np.array(self.wear.cycles)
            cycles[rows, columns] = wear.cycles
            self.wear = replace(self.wear, cycles=cycles)

    def moved(self, pulses: Counts) -> Moved:
        """The whole layer afterwards."""
        array = replace(
            self.cells.array, state=self.state, stuck=self.stuck, current_factor=self.factor
        )
        return Moved(array=array, pulses=pulses, joule=self.joule, wear=self.wear)
