"""The contract of synapses: weights as conductances that are read and pulsed, whatever they are
made of.

A `SynapseKind` says what the cells are (ideal, of finite levels, a device under solved pulses,
cells solved pulse by pulse); a `Synapses` is one layer of them at one moment. Both are immutable:
`Synapses.apply` returns the layer after an update. Learning rules see `Synapses` alone. Device,
wires, tiles, columns, converters and non-idealities are those of a `Hardware`, for every kind."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.faults import Wear
from spicesnn.crossbar.mapping import Changes, Columns, Differential, Offset, Single
from spicesnn.crossbar.tiles import Tiling
from spicesnn.engines.base import Engine
from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.errors import InputError
from spicesnn.learning.compensation import compensate
from spicesnn.networks.hardware import Hardware
from spicesnn.networks.mapping import effective as effective_of
from spicesnn.networks.nodes import real
from spicesnn.networks.synapses.cells import part_of, tiles_of
from spicesnn.networks.synapses.updates import (
    Counts,
    Energy,
    Levelled,
    Moved,
    Programmed,
    Reading,
    Signs,
    Spikes,
    Update,
    Wanted,
    check_update,
)
from spicesnn.nonidealities.realised import Imperfections

_AMPS_AT_ONCE = 2_000_000
LEVEL_SLACK = 1.1
"""Cells of few states are rewritten, to bring the weights of an output to one sum, when that is off
by this factor: the rest is the gain of the output."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SynapseKind(ABC):
    """What synapses are made of.

    Attributes
    ----------
    hardware : Hardware
        Device, conductance window, columns, wires, tiles, converters, non-idealities, read voltage
        and duration.
    engine : Engine
        Solves effective conductances, pulse maps, and what `Solved` synapses do.
    wire_tolerance : float
        Effective conductances are solved anew when the cells of a column have moved by more than
        this fraction of all it conducts; below, each cell's E/G stays as it was solved. 0: after
        every update.
    """

    name: ClassVar[str]
    takes: ClassVar[tuple[type, ...]]
    """The updates that have a meaning on this kind."""

    hardware: Hardware = field(default_factory=Hardware)
    engine: Engine = field(default_factory=NodalEngine)
    wire_tolerance: float = 0.01

    def __post_init__(self) -> None:
        if not isinstance(self.hardware, Hardware):
            raise InputError(
                f"{self.name} synapses: hardware is {self.hardware!r:.60}; expected a"
                " spicesnn.Hardware"
            )
        if not (np.isfinite(self.wire_tolerance) and self.wire_tolerance >= 0):
            raise InputError(
                f"{self.name} synapses: wire_tolerance is {self.wire_tolerance!r}; expected a"
                " fraction, 0 or more"
            )
        if self.hardware.dac is not None or self.hardware.adc is not None:
            raise InputError(
                f"{self.name} synapses: the hardware has"
                f" {'a DAC' if self.hardware.dac is not None else 'an ADC'}, and reads while"
                " learning have no converters: leave dac and adc out, and map the trained network"
                " (`network().on(hardware)`) onto hardware that has them"
            )
        if self.hardware.slices > 1:
            raise InputError(
                f"{self.name} synapses: slices = {self.hardware.slices}; a weight that learns"
                " stands on one slice"
            )

    @cached_property
    def imperfections(self) -> Imperfections:
        """Non-idealities of the cells."""
        return self.hardware.imperfections or Imperfections()

    def refuses(self, update: type) -> str:
        """Why an update has no meaning on this kind; empty where it has one."""
        return (
            ""
            if issubclass(update, self.takes)
            else f"{self.name} synapses take no {update.__name__.lower()}"
        )

    @cached_property
    def columns(self) -> Columns:
        """How weights stand on bit lines; of offset columns every tile has a reference line, its
        last one."""
        kind = self.hardware.columns_kind()
        if isinstance(kind, Offset):
            return replace(kind, every=self.hardware.outputs_per_tile())
        return kind

    def made(
        self,
        weights: ArrayLike,
        rng: np.random.Generator,
        *,
        largest: float | None = None,
        may_stick: ArrayLike | None = None,
    ) -> Synapses:
        """Lay weights onto fresh cells.

        Parameters
        ----------
        weights : (rows, outputs)
        rng : Generator
            Of device-to-device variation, stuck cells, endurance, and rounding to states.
        largest : float, optional
            The weight that takes the whole conductance window, the bound of what can be learnt; the
            largest magnitude if left out.
        may_stick : (rows,) bool, optional
            Word lines on which cells may be stuck; all if left out. Reference lines are resistors
            that are neither stuck nor on one of the states.

        Raises
        ------
        InputError
            Weights beyond ± `largest`, or below 0 on single columns.
        """
        wanted = real(weights, "weights", 2)
        most = float(np.abs(wanted).max(initial=0.0))
        bound = (most or 1.0) if largest is None else float(largest)
        if not (np.isfinite(bound) and bound > 0) or most > bound * (1 + 1e-12):
            raise InputError(
                f"the largest weight is {most:.6g}, largest = {bound:.6g}; expected weights within"
                " ± a bound above 0"
            )
        columns, window = self.columns, self.hardware.used_window()
        if isinstance(columns, Single) and wanted.min(initial=0.0) < 0:
            raise InputError(
                f"a weight is {wanted.min():.4g}, and single columns hold none below 0; use columns"
                ' = "differential"'
            )
        siemens = columns.conductances(wanted / bound, window)
        place = np.ones(siemens.shape, dtype=bool)
        if may_stick is not None:
            place &= np.asarray(may_stick, dtype=bool)[:, None]
        references = references_of(columns, wanted.shape[1])
        place[:, references] = False
        array = self._fresh(siemens, rng, place)
        if references.size and array.current_factor is not None:
            factors = np.array(array.current_factor)
            factors[:, references] = 1.0
            array = replace(array, current_factor=factors)
        flaws = self.imperfections
        wear = flaws.fresh_wear(array.shape, rng)
        held = flaws.held(array, rng)
        if references.size and held is not array:
            state = np.array(held.state_or_zeros())
            state[..., references] = array.state_or_zeros()[..., references]
            held = held.with_state(state)
        return Synapses(kind=self, array=held, largest=bound, wear_left=wear)

    @abstractmethod
    def _fresh(
        self, siemens: Floats, rng: np.random.Generator, may_stick: NDArray[np.bool_]
    ) -> Crossbar:
        """Fabricate cells (rows, columns) at these conductances, of which some may be stuck."""

    @abstractmethod
    def pulsed(
        self, cells: Synapses, changes: Changes, width: float, rng: np.random.Generator
    ) -> Moved:
        """Give cells (rows, columns) one set (1) or reset (−1) pulse each, `width` times as long as
        programmed."""

    @abstractmethod
    def stepped(self, cells: Synapses, siemens: Floats, rng: np.random.Generator) -> Moved:
        """Move cells (rows, columns) by wanted changes of conductance, siemens, as well as they
        can."""

    def programmed(self, cells: Synapses, siemens: Floats, rng: np.random.Generator) -> Moved:
        """Bring cells to conductances (rows, columns), siemens: by the changes that lead there."""
        return self.stepped(cells, siemens - cells.siemens, rng)

    def shaped(self, cells: Synapses, spikes: Spikes, rng: np.random.Generator) -> Moved:
        """Put overlapping spikes onto the lines."""
        raise InputError(self.refuses(Spikes))


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Seen:
    """Effective conductances (rows, columns) as they were solved, and the cells' own at that time,
    siemens; how often they were solved, and how far off the weights read through them were at most
    when they were solved anew (rms, relative)."""

    siemens: Floats
    effective: Floats
    solves: int = 1
    worst: float = 0.0

    def now(self, siemens: Floats) -> Floats:
        """Effective conductances of cells that have moved since: each cell's E/G stays."""
        safe = np.where(self.siemens > 0, self.siemens, 1.0)
        return np.asarray(siemens * np.where(self.siemens > 0, self.effective / safe, 1.0))


def references_of(columns: Columns, outputs: int) -> NDArray[np.int64]:
    """Reference columns among all columns; none where there are none."""
    if isinstance(columns, Offset):
        return np.unique(columns.references(outputs))
    return np.zeros(0, dtype=np.int64)


def in_turn(x: Floats) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """Reads that events (n, rows) of a time step take, one after the other: of which samples, and
    their volts over the read voltage. What is left of a value beyond whole events is a read, too."""
    size, everyone = np.abs(x), np.arange(len(x))
    yield everyone, np.clip(x, -1.0, 1.0)
    for k in range(1, math.ceil(size.max(initial=0.0))):
        more = everyone[np.any(size > k, axis=1)]
        yield more, np.sign(x[more]) * np.clip(size[more] - k, 0.0, 1.0)


def _squares(x: Floats) -> Floats:
    """Squares of what lines see, added up over their reads, over that of the read voltage."""
    whole = np.floor(np.abs(x))
    return np.asarray(whole + (np.abs(x) - whole) ** 2)


@dataclass(frozen=True, kw_only=True, eq=False)
class Synapses:
    """One layer of synapses at one moment. Made by `SynapseKind.made`.

    Attributes
    ----------
    kind : SynapseKind
    array : Crossbar
        All cells of the layer, without wires: states, parameters that differ from cell to cell,
        stuck cells.
    largest : float
        The weight that takes the whole conductance window.
    energy : Energy
        Joules so far, reads and writes apart.
    wear : (rows, columns) int
        Programming pulses of each cell so far.
    wear_left : Wear or None
        Endurance of the cells, where they wear out.
    gain : (outputs,), optional
        Factor on what each output reads, and so on its weights: that of its input stage.
    """

    kind: SynapseKind
    array: Crossbar
    largest: float
    energy: Energy = field(default_factory=Energy)
    wear: Counts | None = None
    wear_left: Wear | None = None
    gain: Floats | None = None
    seen: _Seen | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.wear is None:
            object.__setattr__(self, "wear", np.zeros(self.array.shape, dtype=np.int64))

    # -- what it is ------------------------------------------------------------------------------

    @property
    def hardware(self) -> Hardware:
        """Wires, tiles, columns, window and non-idealities."""
        return self.kind.hardware

    @property
    def columns(self) -> Columns:
        """How weights stand on bit lines."""
        return self.kind.columns

    @property
    def rows(self) -> int:
        """Word lines."""
        return self.array.rows

    @property
    def outputs(self) -> int:
        """Weights side by side."""
        count = self.array.cols
        if isinstance(self.columns, Offset):
            return self.columns.outputs_of(count)
        return count // 2 if isinstance(self.columns, Differential) else count

    @property
    def unit(self) -> float:
        """Siemens that a weight of 1 stands for."""
        return self.hardware.used_window().span / self.largest

    @cached_property
    def siemens(self) -> Floats:
        """Conductance of every cell at the read voltage, (rows, columns), wires left out."""
        device, volts = self.array.device, self.hardware.chord_volts
        assert device is not None
        gate = self.hardware.gates(self.array)
        if device.linear:
            return self.array.cell_conductance(gate)
        amps = np.broadcast_to(
            device.current(volts, self.array.state_or_zeros(), self.array.gate_of_cells(gate)),
            self.array.shape,
        )
        return np.asarray(self.array.with_factor(amps) / volts)

    @cached_property
    def weights(self) -> Floats:
        """The weights (rows, outputs) that the conductances stand for, wires left out."""
        return self.weights_of(self.siemens)

    def weights_of(self, siemens: Floats) -> Floats:
        """The weights (rows, outputs) that conductances (rows, columns) stand for."""
        window = self.hardware.used_window()
        found = self.columns.weights(siemens, window)
        if isinstance(self.columns, Single):
            found = found - window.low / window.span
        return np.asarray(found * self.largest if self.gain is None else found * self.reach)

    @property
    def reach(self) -> Floats | float:
        """The weight of a full cell: `largest`, times the gain of each output where it has one."""
        return self.largest if self.gain is None else self.largest * self.gain

    def tiles(self) -> list[Crossbar]:
        """The arrays that the layer stands on, wires included, left to right and down."""
        return [tile for _, _, tile in tiles_of(self.array, self.tiling, self.hardware.wires)]

    @property
    def tiling(self) -> Tiling:
        """How the layer is cut; a pair of columns stays together."""
        rows, cols = self.hardware.tile_lines()
        return Tiling(
            rows=rows, cols=cols - cols % 2 if isinstance(self.columns, Differential) else cols
        )

    @cached_property
    def effective(self) -> Floats | None:
        """Effective conductance (rows, columns), siemens: ``column_amps = row_volts @ effective``;
        None for cells that are not linear."""
        if not self.array.linear:
            return None
        if self.hardware.ideal_wires:
            return self.siemens
        seen = self.seen
        if seen is not None and self._near(seen):
            return seen.now(self.siemens)
        found = np.empty(self.array.shape)
        for rows, columns, tile in tiles_of(self.array, self.tiling, self.hardware.wires):
            found[rows, columns] = effective_of(tile, self.hardware, self.kind.engine)
        solves, worst = 1, 0.0
        if seen is not None:
            stale, exact = (self.weights_of(s) for s in (seen.now(self.siemens), found))
            off = float(np.sqrt(np.mean((stale - exact) ** 2) / np.mean(exact**2)))
            solves, worst = seen.solves + 1, max(seen.worst, off)
        made = _Seen(siemens=self.siemens, effective=found, solves=solves, worst=worst)
        object.__setattr__(self, "seen", made)
        return found

    @property
    def read_weights(self) -> Floats:
        """The weights (rows, outputs) as a read sees them: through the wires, without noise; those
        of the conductances for cells that are not linear."""
        if self.effective is None or self.effective is self.siemens:
            return self.weights
        return self.weights_of(self.effective)

    def asked(self, weights: Floats, *, wire_aware: bool | None = None) -> tuple[Floats, float]:
        """Conductances that weights ask for, in devices as they are meant to be.

        Parameters
        ----------
        weights : (rows, outputs)
        wire_aware : bool, optional
            Whether every tile, its wires included, is to implement the weights; as the hardware
            says if left out.

        Returns
        -------
        siemens : (rows, columns)
        error : float
            What wires then leave of an error of the effective conductances, rms, as a fraction of
            the window: of the worst tile; 0 where nothing was compensated.
        """
        window, wires = self.hardware.used_window(), self.hardware.wires
        siemens, worst = self.columns.conductances(weights / self.reach, window), 0.0
        aware = self.hardware.wire_aware if wire_aware is None else wire_aware
        if aware and not self.hardware.ideal_wires:
            wanted, siemens = siemens, np.empty_like(siemens)
            for part in self.tiling.parts(self.array.shape):
                done = compensate(wanted[part], window, wires, engine=self.kind.engine)
                siemens[part], worst = done.siemens, max(worst, done.error_after)
        return siemens, worst

    def _near(self, seen: _Seen) -> bool:
        moved = np.abs(self.siemens - seen.siemens).sum(axis=0)
        return bool(np.all(moved <= self.kind.wire_tolerance * seen.siemens.sum(axis=0)))

    # -- reads -----------------------------------------------------------------------------------

    def drive(self, x: ArrayLike, rng: np.random.Generator | None = None) -> Floats:
        """Currents into the neurons, ampere, (n, outputs), or (outputs,) for one input.

        Parameters
        ----------
        x : (n, rows) or (rows,)
            Word-line voltages over the read voltage: 1 is a spike, or an input at full scale.
        rng : Generator, optional
            Of read noise; needed where the hardware has some.
        """
        values = np.asarray(x, dtype=float)
        amps = self.read(np.atleast_2d(values), rng).amps
        return amps[0] if values.ndim == 1 else amps

    def read(self, x: Floats, rng: np.random.Generator | None = None) -> Reading:
        """Read n inputs (n, rows), volts over the read voltage, and say what it took."""
        if x.ndim != 2 or x.shape[1] != self.rows:
            raise InputError(f"inputs have shape {x.shape}; the synapses take (n, {self.rows})")
        flaws = self.kind.imperfections
        if flaws.disturbs_reads and rng is None:
            raise InputError(
                "these synapses have read noise: give rng=…, where its draws come from"
            )
        volts = x * self.hardware.read_volts
        if not flaws.disturbs_reads or rng is None:
            column_amps, watt = self._amps(self.array, volts, self.effective)
        elif self.array.linear and self.hardware.ideal_wires and flaws.alone_read_noise:
            column_amps, watt = self._amps(self.array, volts, self.effective)
            # Independent normal factors of the cells: a column's current is normal with the sum of
            # their variances.
            spread = flaws.alone_read_noise * np.sqrt((volts**2) @ (self.siemens**2))
            column_amps = column_amps + spread * rng.standard_normal(spread.shape)
        else:
            parts, watt = list[Floats](), 0.0
            for begin in range(0, len(volts), self.hardware.reads_alike):
                some = volts[begin : begin + self.hardware.reads_alike]
                now = replace(self, array=flaws.before_read(self.array, rng), seen=None)
                amps, used = now._amps(now.array, some, now.effective)
                parts, watt = [*parts, amps], watt + used
            column_amps = np.concatenate(parts)
        return Reading(amps=self.columns.outputs(column_amps), joule=watt * self.hardware.read_s)

    def _amps(
        self, array: Crossbar, volts: Floats, effective: Floats | None
    ) -> tuple[Floats, float]:
        """Column currents (n, columns), and watts summed over the reads."""
        if effective is not None and not self.solves_reads:
            return np.asarray(volts @ effective), self._watt(volts, effective)
        total, watt = np.zeros((len(volts), array.cols)), 0.0
        step = max(1, _AMPS_AT_ONCE // (array.rows * array.cols))
        for rows, columns, tile in tiles_of(array, self.tiling, self.hardware.wires):
            for begin in range(0, len(volts), step):
                some = volts[begin : begin + step, rows]
                found = self.kind.engine.read(tile, some, gate_volts=self.hardware.gates(tile))
                total[begin : begin + step, columns] += found.column_amps
                watt += float(np.sum(found.power_watt(some)))
        return total, watt

    @staticmethod
    def _watt(volts: Floats, effective: Floats) -> float:
        # Word lines at 0 V take no power; what the driven ones deliver reaches the sense nodes but
        # for what leaks into those lines.
        return float((volts**2).sum(axis=0) @ effective.sum(axis=1))

    def read_joule(self, x: Floats, *, events: bool = False) -> float:
        """Joules of reads of n inputs (n, rows); see `product`."""
        if self.effective is None or self.solves_reads:
            parts = [part for _, part in in_turn(x)] if events else [x]
            return sum(self.read(part).joule for part in parts)
        volts = (np.sqrt(_squares(x)) if events else x) * self.hardware.read_volts
        return self._watt(volts, self.effective) * self.hardware.read_s

    @property
    def solves_reads(self) -> bool:
        """Whether an engine solves every read."""
        return self.kind.name == "solved"

    @property
    def read_noise(self) -> float:
        """Read noise of a cell, relative; 0 where there is none, or where it is not all that reads
        scatter by."""
        return self.kind.imperfections.alone_read_noise

    def read_by_matrix(self, *, noisy: bool) -> bool:
        """Whether one matrix says what reads give: where they scatter only if `noisy`, and if read
        noise is all that they scatter by."""
        flaws = self.kind.imperfections
        if self.solves_reads or not self.array.linear:
            return False
        if not flaws.disturbs_reads:
            return True
        return noisy and flaws.alone_read_noise > 0

    def product(
        self, x: Floats, rng: np.random.Generator | None = None, *, events: bool = False
    ) -> tuple[Floats, float]:
        """Weighted sums (n, outputs) in units of input times weight, and the joules of the reads.

        On single columns the lowest conductance is no weight: a reference line takes off what it
        carries.

        Parameters
        ----------
        x : (n, rows)
        rng : Generator, optional
            Of read noise.
        events : bool
            Whether inputs are events of a time step: more than one of a line are as many reads, one
            after the other, whose charges add up. Else a value beyond 1 is a voltage beyond the
            read voltage.
        """
        if not events:
            reading = self.read(x, rng)
        elif self.read_by_matrix(noisy=False):  # charges of linear cells add up by themselves
            reading = Reading(amps=self.read(x).amps, joule=self.read_joule(x, events=True))
        else:
            reading = self._read_in_turn(x, rng)
        found = reading.amps / (self.unit * self.hardware.read_volts)
        if isinstance(self.columns, Single):
            window = self.hardware.used_window()
            found = found - x.sum(axis=1, keepdims=True) * (window.low / window.span * self.largest)
        if self.gain is not None:
            found = found * self.gain
        return np.asarray(found), reading.joule

    def _read_in_turn(self, x: Floats, rng: np.random.Generator | None) -> Reading:
        """One read after the other, added up."""
        amps, joule = np.zeros((len(x), self.outputs)), 0.0
        for some, part in in_turn(x):
            one = self.read(part, rng)
            amps[some] += one.amps
            joule += one.joule
        return Reading(amps=amps, joule=joule)

    def counted(self, read_joule: float) -> Synapses:
        """The same synapses with the joules of some reads added to their energy."""
        return replace(self, energy=self.energy.more(read=read_joule))

    # -- updates ---------------------------------------------------------------------------------

    def apply(self, update: Update, rng: np.random.Generator) -> Synapses:
        """The synapses after an update.

        Parameters
        ----------
        update : Wanted, Signs, Spikes, Programmed or Levelled
            Changes of weights; or one pulse each; or overlapping spikes; or conductances; or one
            sum of weights for every output.
        rng : Generator
            Of cycle-to-cycle variation and rounding to states.

        Raises
        ------
        InputError
            An update that has no meaning on this kind, or does not fit.
        """
        why = self.kind.refuses(type(update))
        if why:
            raise InputError(why)
        check_update(update, self.rows, self.outputs, self.array.cols)
        gain = self.gain
        if isinstance(update, Levelled):
            wanted = self._levelled(update.column_sum)
            moved = self._unmoved if wanted is None else self.kind.programmed(self, wanted, rng)
            gain = self._gain_for(update.column_sum, moved)
        elif isinstance(update, Programmed):
            moved = self.kind.programmed(self, update.siemens, rng)
        elif isinstance(update, Wanted):
            moved = self.kind.stepped(self, self._siemens_steps(update), rng)
        elif isinstance(update, Signs):
            changes = self.columns.changes(update.signs, opposite=update.opposite)
            moved = self.kind.pulsed(self, changes, update.width, rng)
        else:
            moved = self.kind.shaped(self, update, rng)
        assert self.wear is not None
        return replace(
            self,
            array=moved.array,
            wear=self.wear + moved.pulses,
            wear_left=moved.wear,
            energy=self.energy.more(write=moved.joule),
            seen=None if isinstance(update, Programmed) else self.seen,
            gain=gain,
        )

    @property
    def _unmoved(self) -> Moved:
        none = np.zeros(self.array.shape, dtype=np.int64)
        return Moved(array=self.array, pulses=none, joule=0.0, wear=self.wear_left)

    @property
    def _stepwise(self) -> bool:
        """Whether cells hold a few conductances, so that a sum of weights is left to a gain."""
        return self.kind.imperfections.states is not None

    def _levelled(self, column_sum: float) -> Floats | None:
        """Conductances (rows, columns) at which the weights of every output have one sum, as far as
        the cells reach; None where they have it."""
        bare = self.weights if self.gain is None else self.weights / self.gain
        sums, window = bare.sum(axis=0), self.hardware.used_window()
        factors = np.divide(column_sum, sums, out=np.ones_like(sums), where=sums > 0)
        slack = LEVEL_SLACK if self._stepwise else 1.0 + 1e-9
        off = (factors > slack) | (factors * slack < 1.0)
        if not off.any():
            return None
        if not isinstance(self.columns, Single):
            steps = np.where(off, factors - 1.0, 0.0) * bare * self.unit
            return self.siemens + self._cell_steps(steps)
        if self.array.stuck is not None:
            loose = np.where(self.array.stuck, 0.0, bare).sum(axis=0)
            left = np.maximum(column_sum - (sums - loose), 0.0)
            factors = np.divide(left, loose, out=np.ones_like(sums), where=loose > 0)
        wanted = self.columns.conductances(bare * factors / self.largest, window)
        return np.where(off, wanted, self.siemens)

    def _gain_for(self, column_sum: float, moved: Moved) -> Floats | None:
        """What brings the weights of every output to one sum where the cells cannot."""
        if not self._stepwise:
            return self.gain
        sums = replace(self, array=moved.array, gain=None).weights.sum(axis=0)
        return np.asarray(
            np.divide(column_sum, sums, out=np.ones_like(sums), where=sums > 0), dtype=float
        )

    def _siemens_steps(self, update: Wanted) -> Floats:
        """Wanted changes of every cell, siemens, (rows, columns)."""
        steps = update.steps * self.unit
        if self.gain is not None:
            steps = steps / (self.gain if update.outputs is None else self.gain[update.outputs])
        if update.outputs is not None:
            whole = np.zeros((self.rows, self.outputs))
            whole[:, update.outputs] = steps
            steps = whole
        return self._cell_steps(steps)

    def _cell_steps(self, steps: Floats) -> Floats:
        """Changes of every cell (rows, columns) for those of the weights (rows, outputs), both in
        siemens."""
        if isinstance(self.columns, Differential):
            return self._shared(steps)
        if isinstance(self.columns, Offset):
            return self.columns.beside(0.5 * steps, 0.0)
        return np.asarray(steps)

    def _shared(self, steps: Floats) -> Floats:
        """Steps of pairs, siemens: half on either device, and what one has no room for on the
        other."""
        window, half, pairs = self.hardware.used_window(), 0.5 * steps, np.empty(self.array.shape)
        plus, minus = self.siemens[:, 0::2], self.siemens[:, 1::2]
        first = np.clip(
            half, np.minimum(window.low - plus, 0.0), np.maximum(window.high - plus, 0.0)
        )
        second = np.clip(
            first - steps, np.minimum(window.low - minus, 0.0), np.maximum(window.high - minus, 0.0)
        )
        pairs[:, 0::2], pairs[:, 1::2] = steps + second, second
        return pairs

    def rested(self, seconds: float, rng: np.random.Generator) -> Synapses:
        """The synapses after a rest: conductances drift where the hardware says so."""
        return replace(
            self, array=self.kind.imperfections.rested(self.array, seconds, rng), seen=None
        )

    def first_tile(self) -> Crossbar:
        """The array at the upper left, for drawings and decks."""
        rows, columns = next(self.tiling.parts(self.array.shape))
        return part_of(self.array, rows, columns, self.hardware.wires)
