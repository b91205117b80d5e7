"""Synapses of a device under a solved pulse map: what one pulse does in every state is solved once,
then looked up."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.mapping import Changes, Window
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.errors import InputError
from spicesnn.learning.spikes import SpikePair
from spicesnn.networks.synapses.cells import moved_state
from spicesnn.networks.synapses.contract import SynapseKind, Synapses
from spicesnn.networks.synapses.ideal import checked_spread, gains_of, set_to, tabled
from spicesnn.networks.synapses.updates import (
    Counts,
    Levelled,
    Moved,
    Programmed,
    Signs,
    Spikes,
    Wanted,
)
from spicesnn.programming.pulse_map import PulseMap as VoltageMap
from spicesnn.programming.pulse_map import (
    PulseScheme,
    StepLimits,
    StrongestPulses,
    refuse_idle,
    set_polarity,
)
from spicesnn.programming.uncompensated import UncompensatedPulses

GRID = 129
"""Conductances at which overlapping spikes are solved."""
_MOST_PULSES = 64
_STANDARD = StrongestPulses(set_volts=1.0, reset_volts=1.0, set_s=1e-6, reset_s=1e-6)


@dataclass(frozen=True, kw_only=True, eq=False)
class PulseMap(SynapseKind):
    """Cells of a device, each on its own: what a pulse does follows from the present conductance,
    as an engine solved it.

    A pulse sees the programmed voltage: IR drop and half-select of writes are left out (`Solved`
    has them) unless `wired_writes` is set; reads go through wires and tiles, every cell conducting
    as it does at the read voltage.

    Attributes
    ----------
    pulses : StrongestPulses
        The programmed set and reset pulse, volt (magnitudes) and seconds.
    amplitude : "compensated", "uncompensated" or "fixed"
        How a wanted change is made: by one pulse whose amplitude the driver chooses for the change
        and the state, every step up to the strongest pulse's being reachable; by one whose
        amplitude it chooses for the change alone, right in the middle of the window; or by a number
        of full pulses, drawn so that their mean makes the change.
    devices : int
        Devices among which the cells are shared out, where parameters differ from device to device.
    seed : int
        Of these devices' parameters.
    pulse_spread : float
        Device-to-device variation (log-normal) of the effect of a pulse, relative.
    conductance_spread : float
        Device-to-device variation (log-normal) of the resistance in every state, relative:
        programming does not know it.
    wired_writes : bool
        Pulses of a learning rule go through the wires of their tile, V/2 on the lines that are not
        selected: where whole samples are compiled that can do it (`ConductanceSamples`).
    """

    name: ClassVar[str] = "pulse-map"
    takes: ClassVar[tuple[type, ...]] = (Wanted, Signs, Spikes, Programmed, Levelled)
    pulses: StrongestPulses = field(default_factory=lambda: _STANDARD)
    amplitude: Literal["compensated", "uncompensated", "fixed"] = "compensated"
    devices: int = 16
    seed: int = 0
    pulse_spread: float = 0.0
    conductance_spread: float = 0.0
    wired_writes: bool = False
    _solved: dict[object, list[StepLimits]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        device = self.hardware.device
        if device.gated:
            raise InputError(
                f"pulse-map synapses: {device.name} has a gate, which this map does not know; use"
                " Solved with a gated scheme"
            )
        set_polarity(device)
        checked_spread(
            self.name,
            pulse_spread=self.pulse_spread,
            conductance_spread=self.conductance_spread,
        )
        if self.amplitude not in ("compensated", "uncompensated", "fixed"):
            raise InputError(
                f"pulse-map synapses: amplitude is {self.amplitude!r}; expected compensated,"
                " uncompensated or fixed"
            )
        if (
            isinstance(self.devices, bool)
            or not isinstance(self.devices, int)
            or not 1 <= self.devices <= 256
        ):
            raise InputError(
                f"pulse-map synapses: devices = {self.devices!r}; expected a whole number from 1"
                " to 256"
            )

    @cached_property
    def samples(self) -> list[Device]:
        """The devices that cells are made of: the nominal one, or `devices` drawn ones where
        parameters differ."""
        if not self.imperfections.spread:
            return [self.hardware.device]
        drawn = self.imperfections.devices(
            self.hardware.device,
            (self.devices, 1),
            np.random.default_rng([self.seed, self.devices]),
        )
        return [_sample(drawn, k) for k in range(self.devices)]

    def maps(self, width: float = 1.0) -> list[StepLimits]:
        """What a full set and reset pulse, `width` times as long as programmed, does to each device
        in every state."""
        if width not in self._solved:
            longer = replace(
                self.pulses, set_s=self.pulses.set_s * width, reset_s=self.pulses.reset_s * width
            )
            volts = self.hardware.chord_volts
            solved = [
                StepLimits.solved(device, self.engine, longer, read_volts=volts)
                for device in self.samples
            ]
            for limits in solved:
                refuse_idle(self.hardware.device, limits.up, limits.down)
            self._solved[width] = solved
        return self._solved[width]

    @cached_property
    def by_volts(self) -> tuple[PulseScheme, VoltageMap, VoltageMap]:
        """What set and reset pulses of all voltages do to the nominal device, in units of the
        window, and how these units are meant."""
        window, pulses = self.hardware.used_window(), self.pulses
        scheme = PulseScheme(
            set_s=pulses.set_s,
            reset_s=pulses.reset_s,
            set_volts=(0.0, pulses.set_volts),
            reset_volts=(0.0, pulses.reset_volts),
            g_one=window.span,
            g_zero=window.low,
            read_volts=self.hardware.chord_volts,
        )
        device = self.hardware.device
        up, down = (
            VoltageMap.solved(device, self.engine, scheme, up=rising) for rising in (True, False)
        )
        refuse_idle(device, up.change, down.change)
        return scheme, up, down

    @cached_property
    def uncompensated(self) -> list[UncompensatedPulses]:
        """What a pulse does whose amplitude is chosen for the wanted change alone, for each
        device."""
        hardware = self.hardware
        return [
            UncompensatedPulses.solved(
                device,
                self.engine,
                self.pulses,
                hardware.used_window(),
                read_volts=hardware.chord_volts,
            )
            for device in self.samples
        ]

    def _refuse_wires(self) -> None:
        if self.wired_writes:
            raise InputError(
                "pulse-map synapses: wired_writes is for whole samples that are compiled: competing"
                " conductance neurons behind Poisson inputs, the rule 'stdp-traces', single columns,"
                " compensated amplitudes, wires with resistance along both lines, and cells without"
                " non-idealities; use Solved"
            )

    def _fresh(
        self, siemens: Floats, rng: np.random.Generator, may_stick: NDArray[np.bool_]
    ) -> Crossbar:
        array = tabled(self, siemens, rng, may_stick, self.pulse_spread, self.conductance_spread)
        if len(self.samples) == 1:
            return array
        assert array.device is not None
        which = rng.integers(len(self.samples), size=array.shape).astype(float)
        return replace(array, device=array.device.with_parameters(sample=which))

    def programmed(self, cells: Synapses, siemens: Floats, rng: np.random.Generator) -> Moved:
        """Set each cell, as pulses and reads in turns would."""
        return set_to(self, cells, siemens, rng)

    def pulsed(
        self, cells: Synapses, changes: Changes, width: float, rng: np.random.Generator
    ) -> Moved:
        """Look up what one full pulse does to each cell."""
        self._refuse_wires()
        up, down = self._full(cells.array, width)
        return self._landed(
            cells, np.where(changes > 0, up, np.where(changes < 0, down, 0.0)), changes, rng, width
        )

    def stepped(self, cells: Synapses, siemens: Floats, rng: np.random.Generator) -> Moved:
        """One pulse of chosen amplitude a cell, or a number of full ones."""
        self._refuse_wires()
        if self.amplitude == "compensated":
            up, down = self._full(cells.array, 1.0)
            return self._landed(cells, np.clip(siemens, down, up), np.sign(siemens), rng)
        if self.amplitude == "uncompensated":
            return self._landed(cells, self._by_change(cells.array, siemens), np.sign(siemens), rng)
        up, down = self._full(cells.array, 1.0)
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

    def shaped(self, cells: Synapses, spikes: Spikes, rng: np.random.Generator) -> Moved:
        """Solve each pair of times once on a cell in every state, and look the cells up."""
        self._refuse_wires()
        columns = cells.columns
        line_s = np.full(cells.array.cols, np.nan)
        if columns.count(cells.outputs) != cells.outputs:
            raise InputError(
                "overlapping spikes move single columns; a pair of columns has no one bit line to"
                " send a spike back on"
            )
        line_s[: cells.outputs] = spikes.output_s
        pairs, siemens = {}, cells.array.state_or_zeros()
        step, active = np.zeros(siemens.shape), np.zeros(siemens.shape, dtype=bool)
        for row_s in _distinct(spikes.row_s):
            for column_s in _distinct(line_s):
                if np.isnan(row_s) and np.isnan(column_s):
                    continue
                pairs[row_s, column_s] = self._window(spikes.pair, row_s, column_s)
        for (row_s, column_s), maps in pairs.items():
            there = _alike(spikes.row_s, row_s)[:, None] & _alike(line_s, column_s)[None, :]
            active |= there
            for k, (at, change) in enumerate(maps):
                mine = there & (self._which(cells.array) == k)
                step[mine] = np.interp(siemens[mine], at, change)
        return self._landed(cells, step, active.astype(np.int64), rng, joule=False)

    def _window(
        self, pair: SpikePair, row_s: float, column_s: float
    ) -> list[tuple[Floats, Floats]]:
        """Conductances (GRID,) and their changes by a pre-spike at `row_s` and a post-spike at
        `column_s`, for each device."""
        key = (
            _shape_key(pair),
            None if np.isnan(row_s) else round(float(row_s - np.nan_to_num(column_s)), 15),
            np.isnan(column_s),
        )
        cache = self.__dict__.setdefault("_windows", {})
        if key not in cache:
            cache[key] = [
                self._solved_window(device, pair, row_s, column_s) for device in self.samples
            ]
        found: list[tuple[Floats, Floats]] = cache[key]
        return found

    def _solved_window(
        self, device: Device, pair: SpikePair, row_s: float, column_s: float
    ) -> tuple[Floats, Floats]:
        volts = self.hardware.chord_volts
        window = Window.of(device, volts=volts)
        at = np.linspace(window.low, window.high, GRID)
        array = Crossbar(
            device=device,
            state=device.state_for_conductance(at, v=volts)[None, :],
            wires=Wires.ideal(),
        )
        after = self.engine.pulse(
            array, pair.waveform(np.array([row_s]), np.full(GRID, column_s))
        ).array
        before, now = (
            device.chord_conductance(some.state_or_zeros(), v=volts)[0] for some in (array, after)
        )
        return at, now - before

    def _which(self, array: Crossbar) -> NDArray[np.int64]:
        assert isinstance(array.device, Device)
        return np.broadcast_to(np.asarray(array.device.sample, dtype=np.int64), array.shape)  # type: ignore[attr-defined]

    def _full(self, array: Crossbar, width: float) -> tuple[Floats, Floats]:
        """What full pulses do to every cell: largest steps up and down, siemens."""
        siemens, maps = array.state_or_zeros(), self.maps(width)
        if len(maps) == 1:
            return np.interp(siemens, maps[0].at, maps[0].up), np.interp(
                siemens, maps[0].at, maps[0].down
            )
        up, down, which = np.empty(siemens.shape), np.empty(siemens.shape), self._which(array)
        for k, one in enumerate(maps):
            mine = which == k
            up[mine], down[mine] = (
                np.interp(siemens[mine], one.at, one.up),
                np.interp(siemens[mine], one.at, one.down),
            )
        return up, down

    def _by_change(self, array: Crossbar, wanted: Floats) -> Floats:
        """What pulses do whose amplitudes are chosen for wanted changes alone, siemens."""
        siemens, maps = array.state_or_zeros(), self.uncompensated
        if len(maps) == 1:
            return maps[0].steps(siemens, wanted)
        found, which = np.empty(siemens.shape), self._which(array)
        for k, one in enumerate(maps):
            mine = which == k
            found[mine] = one.steps(siemens[mine], wanted[mine])
        return found

    def _landed(
        self,
        cells: Synapses,
        step: Floats,
        signs: Floats | Counts | Changes,
        rng: np.random.Generator,
        width: float = 1.0,
        *,
        joule: bool = True,
    ) -> Moved:
        """Cells moved by `step`, siemens, by one set (1) or reset (−1) pulse each."""
        before, window = cells.array, self.hardware.used_window()
        old = before.state_or_zeros()
        reached = np.clip(old + gains_of(before) * step, window.low, window.high)
        after = moved_state(before, reached)
        after, wear = self.imperfections.after_pulse(before, after, rng, cells.wear_left)
        spent = 0.0
        if joule:
            mean = 0.5 * (old + after.state_or_zeros())
            spent = self.pulses.joule(
                float(np.sum(mean[signs > 0])), float(np.sum(mean[signs < 0]))
            )
        return Moved(
            array=after, pulses=np.abs(signs).astype(np.int64), joule=spent * width, wear=wear
        )


def _sample(device: Device, k: int) -> Device:
    """One of the devices whose parameters stand in arrays (devices, 1)."""
    own = {
        entry.name: float(value[k, 0])
        for entry in dataclasses.fields(device)
        if isinstance(value := getattr(device, entry.name), np.ndarray)
    }
    return device.with_parameters(**own)


def _distinct(times: Floats) -> list[float]:
    known = np.unique(times[~np.isnan(times)]).tolist()
    return [*known, np.nan] if np.isnan(times).any() else known


def _alike(times: Floats, value: float) -> NDArray[np.bool_]:
    return np.isnan(times) if np.isnan(value) else np.asarray(times == value)


def _shape_key(pair: SpikePair) -> tuple[object, ...]:
    return (pair.pre, pair.post, pair.polarity)
