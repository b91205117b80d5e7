"""Imperfections put together: an array is fabricated, read and pulsed as a real one, by whichever
engine.

Everything random comes from the generator that is handed in, and none of it from the engine: with
the same seed both engines are given the same arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import check_generator, number, numbers
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.cycles import MeasuredCycles, refitted
from spicesnn.crossbar.faults import Endurance, StuckMap, Wear, end_states
from spicesnn.crossbar.noise import CycleToCycle, ReadNoise, RetentionDrift, TelegraphNoise
from spicesnn.crossbar.published import PublishedCells
from spicesnn.crossbar.stimulus import Pulse, Waveform
from spicesnn.devices.base import Device
from spicesnn.devices.levels import ConductanceStates
from spicesnn.devices.variability import Distribution, spread
from spicesnn.errors import InputError, WrongTypeError
from spicesnn.guesses import Hinting, hinted

Answer = TypeVar("Answer", covariant=True)
_PARTS = {
    "cycle_to_cycle": (
        CycleToCycle,
        "CycleToCycle(relative=…) or CycleToCycle(of_range=…) of spicesnn.crossbar.noise",
    ),
    "states": (ConductanceStates, "ConductanceStates of spicesnn.devices.levels"),
    "endurance": (Endurance, "Endurance of spicesnn.crossbar.faults"),
    "telegraph": (
        TelegraphNoise,
        "TelegraphNoise(amplitude=…, capture_s=…, emission_s=…) of spicesnn.crossbar.noise",
    ),
    "read_noise": (
        ReadNoise,
        "a relative standard deviation, or ReadNoise of spicesnn.crossbar.noise",
    ),
    "retention": (RetentionDrift, "RetentionDrift(exponent=…) of spicesnn.crossbar.noise"),
    "stuck_map": (StuckMap, "StuckMap of spicesnn.crossbar.faults"),
}
_WORDS = {
    "variability": (
        "spread={parameter: LogNormal(…)} (device to device), cycle_to_cycle=… or read_noise=…"
    ),
    "variation": (
        "spread={parameter: LogNormal(…)} (device to device), cycle_to_cycle=… or read_noise=…"
    ),
    "d2d": "spread={parameter: LogNormal(…)}",
    "device_to_device": "spread={parameter: LogNormal(…)}",
    "c2c": "cycle_to_cycle=CycleToCycle(…)",
    "noise": "read_noise=…",
    **dict.fromkeys(
        ("programming_error", "alpha_error", "programming_noise", "sigma", "write_noise"),
        "spread={parameter: LogNormal(…)}, or cycle_to_cycle=CycleToCycle(…) of pulses",
    ),
    "rtn": "telegraph=TelegraphNoise(…)",
    "drift": "retention=RetentionDrift(…)",
    "faults": "stuck_on=…, stuck_off=… or stuck=…",
    "stuck_at": "stuck_on=…, stuck_off=… or stuck=…",
    "stuck_at_on": "stuck_on=…",
    "stuck_at_off": "stuck_off=…",
    **dict.fromkeys(
        ("levels", "n_states", "n_levels", "number_conductance_levels", "conductance_levels"),
        "states=ConductanceStates(…)",
    ),
    **dict.fromkeys(("stuck_hrs", "stuck_at_hrs", "hrs", "stuck_zero", "sa0"), "stuck_off=…"),
    **dict.fromkeys(("stuck_lrs", "stuck_at_lrs", "lrs", "stuck_one", "sa1"), "stuck_on=…"),
    "fault_type": "stuck_on=…, stuck_off=… or stuck=…",
    "fault_rate": "stuck_on=…, stuck_off=… or stuck=…",
    "seed": "the seed of spicesnn.monte_carlo, or a generator in fabricated(array, rng)",
}


class Reads(Protocol[Answer]):
    """Who reads arrays: an engine."""

    def read(self, *args: Any, **kwargs: Any) -> Answer:
        """Solve an array at given line voltages."""


class Pulses(Protocol[Answer]):
    """Who pulses arrays: an engine; its answer is a dataclass with the `array` after the pulse."""

    def pulse(self, *args: Any, **kwargs: Any) -> Answer:
        """Apply a pulse."""


@hinted(_WORDS, _WORDS)
@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Imperfections(metaclass=Hinting):
    """What is imperfect about an array; every part may be left out.

    They act in the order of the attributes: the spread, measured cycles, then stuck cells, when an
    array is made; cycle-to-cycle spread, then finite states, then the next of the measured cycles,
    then wear, after every pulse; telegraph noise, then read noise, before every read; drift while
    the array rests.

    Attributes
    ----------
    spread : Mapping of str to Distribution
        Device-to-device spread: parameter name → distribution of the factor on it.
    scaled_to : (lowest, highest), optional
        The draws are stretched so that every parameter of `spread` spans exactly this.
    cycles : MeasuredCycles
        Set and reset voltages and resistances of every cell from measured statistics, drawn anew
        after each reset.
    stuck_on, stuck_off, stuck : float
        Probability that a cell is stuck at its highest conductance, at its lowest, or wherever it
        is.
    stuck_map : StuckMap
        Cells that are known to be stuck, in place of these probabilities.
    stuck_siemens : (lowest, highest), optional
        Conductances of the cells that are stuck off and on; the bounds of the device if left out.
    cycle_to_cycle : CycleToCycle
    states : ConductanceStates
        The conductances that a cell can hold; after every pulse the cells that moved are rounded to
        them.
    states_volts : float
        Where these conductances are read: I/V at this voltage, dI/dV at 0 V.
    endurance : Endurance
    telegraph : TelegraphNoise
    read_noise : ReadNoise or float
        A number is the relative standard deviation.
    retention : RetentionDrift
    published : PublishedCells
        Programming error when an array is made, drift while it rests and read noise, as a
        publication has them; `retention` is then left out.
    rest_s : float
        How long after its programming the array is read, seconds: mapped networks drift so long,
        and published read noise grows with it.
    """

    spread: Mapping[str, Distribution] = field(default_factory=dict)
    scaled_to: tuple[float, float] | None = None
    cycles: MeasuredCycles | None = None
    stuck_on: float = 0.0
    stuck_off: float = 0.0
    stuck: float = 0.0
    stuck_map: StuckMap | None = None
    stuck_siemens: tuple[float, float] | None = None
    cycle_to_cycle: CycleToCycle | None = None
    states: ConductanceStates | None = None
    states_volts: float = 0.0
    endurance: Endurance | None = None
    telegraph: TelegraphNoise | None = None
    read_noise: ReadNoise | None = None
    retention: RetentionDrift | None = None
    published: PublishedCells | None = None
    rest_s: float = 0.0

    def __post_init__(self) -> None:
        for name in ("stuck_on", "stuck_off", "stuck"):
            if not 0 <= number(getattr(self, name), f"imperfections: {name}", "a probability") <= 1:
                raise InputError(
                    f"imperfections: {name} = {getattr(self, name)!r}; expected a probability, 0"
                    " to 1"
                )
        number(self.states_volts, "imperfections: states_volts", "volts")
        if number(self.rest_s, "imperfections: rest_s", "seconds, 0 or more") < 0:
            raise InputError(
                f"imperfections: rest_s = {self.rest_s!r}; expected seconds, 0 or more"
            )
        if self.published is not None and self.retention is not None:
            raise InputError(
                f"imperfections: retention and published = {self.published.name} are two drifts;"
                " expected one of them"
            )
        for name in ("scaled_to", "stuck_siemens"):
            pair = getattr(self, name)
            if pair is None:
                continue
            values = numbers(pair, f"imperfections: {name}", "two finite numbers")
            if values.shape != (2,) or not values[0] < values[1]:
                raise InputError(f"imperfections: {name} = {pair!r}; expected (lowest, highest)")
            if name == "stuck_siemens" and values[0] < 0:
                raise InputError(f"imperfections: {name} = {pair!r}; expected siemens, 0 or more")
        self._take_parts()

    def _take_parts(self) -> None:
        """Put a `ReadNoise` in place of its number, and refuse parts of another kind."""
        if isinstance(self.read_noise, int | float) and not isinstance(self.read_noise, bool):
            object.__setattr__(self, "read_noise", ReadNoise(relative=float(self.read_noise)))
        for name, (kind, expected) in _PARTS.items():
            if (given := getattr(self, name)) is not None and not isinstance(given, kind):
                raise WrongTypeError(f"imperfections: {name} is {given!r:.60}; expected {expected}")
        if not isinstance(self.spread, Mapping):
            raise WrongTypeError(
                f"imperfections: spread is {self.spread!r:.60}; expected a distribution by"
                " parameter, such as {'r_on': LogNormal(0.1)} with LogNormal of"
                " spicesnn.devices.variability"
            )
        for parameter, drawn in self.spread.items():
            if not isinstance(drawn, Distribution):
                raise WrongTypeError(
                    f"imperfections: spread of {parameter!r} is {drawn!r:.60}; expected a"
                    " distribution, such as LogNormal(0.1) of spicesnn.devices.variability"
                )
        object.__setattr__(self, "spread", dict(self.spread))

    def devices(self, device: Device, shape: tuple[int, int], rng: np.random.Generator) -> Device:
        """Return the device with the parameters of every cell drawn; of measured cycles those of
        one cycle, which then holds."""
        if self.spread:
            device = spread(device, shape, self.spread, rng, scaled_to=self.scaled_to)
        return (
            device
            if self.cycles is None
            else self.cycles.devices(device, self.cycles.statistics.fresh(shape, rng))
        )

    def stuck_cells(
        self,
        shape: tuple[int, int],
        rng: np.random.Generator,
        may_stick: NDArray[np.bool_] | None = None,
    ) -> StuckMap | None:
        """Return which cells are stuck, or None where none can be; `may_stick` (rows, cols) says
        where they can, everywhere if left out."""
        if self.stuck_map is not None:
            if self.stuck_map.on.shape != shape:
                raise InputError(
                    f"stuck map: shape {self.stuck_map.on.shape}; the array has {shape}"
                )
            found = self.stuck_map
        elif self.stuck_on or self.stuck_off or self.stuck:
            found = StuckMap.drawn(
                shape, rng, on=self.stuck_on, off=self.stuck_off, still=self.stuck
            )
        else:
            return None
        if self.stuck_siemens is not None:
            off_siemens, on_siemens = self.stuck_siemens
            found = replace(found, on_siemens=on_siemens, off_siemens=off_siemens)
        return found.within(may_stick)

    def fabricated(
        self,
        array: Crossbar,
        rng: np.random.Generator,
        may_stick: NDArray[np.bool_] | None = None,
    ) -> Crossbar:
        """Return the array as it left the factory: parameters spread, cells stuck, where
        `may_stick` (rows, cols) says so."""
        check_generator(rng, "imperfections: fabricated")
        if self.spread:
            if array.device is None:
                raise InputError(
                    "a spread of parameters needs cells with a device model; an array of plain"
                    " conductances has none"
                )
            array = refitted(
                array, spread(array.device, array.shape, self.spread, rng, scaled_to=self.scaled_to)
            )
        if self.cycles is not None:
            array = self.cycles.fabricated(array, rng)
        stuck = self.stuck_cells(array.shape, rng, may_stick)
        array = array if stuck is None else stuck.applied(array)
        return array if self.published is None else self.published.programmed(array, rng)

    def fresh_wear(self, shape: tuple[int, int], rng: np.random.Generator) -> Wear | None:
        """Return the wear of unused cells, or None where nothing wears out."""
        return None if self.endurance is None else self.endurance.fresh(shape, rng)

    @property
    def some(self) -> bool:
        """Whether anything is imperfect."""
        how = ("scaled_to", "stuck_siemens", "states_volts", "rest_s")
        return any(getattr(self, entry.name) for entry in fields(self) if entry.name not in how)

    @property
    def disturbs_reads(self) -> bool:
        """Whether two reads of one array differ."""
        return (
            self.telegraph is not None
            or self.read_noise is not None
            or (self.published is not None and self.published.read is not None)
        )

    @property
    def alone_read_noise(self) -> float:
        """Read noise of a cell, relative, where reads scatter by nothing else; 0 otherwise."""
        if self.read_noise is None or self.telegraph is not None:
            return 0.0
        if self.published is not None and self.published.read is not None:
            return 0.0
        return self.read_noise.relative

    def before_read(self, array: Crossbar, rng: np.random.Generator) -> Crossbar:
        """Return the array as one read sees it."""
        check_generator(rng, "imperfections: before_read")
        for part in (self.telegraph, self.read_noise):
            if part is not None:
                array = part.before_read(array, rng)
        return (
            array
            if self.published is None
            else self.published.before_read(array, rng, seconds=self.rest_s)
        )

    def held(self, array: Crossbar, rng: np.random.Generator) -> Crossbar:
        """Return the array with all its cells in one of their finite states."""
        if self.states is None or array.device is None or not array.device.memory:
            return array
        return array.with_state(
            self.states.held(array.device, array.state_or_zeros(), rng, v=self.states_volts)
        )

    def after_pulse(
        self, before: Crossbar, after: Crossbar, rng: np.random.Generator, wear: Wear | None = None
    ) -> tuple[Crossbar, Wear | None]:
        """Return the array and its wear as a pulse really left them, from the array that the
        equations give."""
        check_generator(rng, "imperfections: after_pulse")
        if self.cycle_to_cycle is not None:
            after = self.cycle_to_cycle.after_pulse(before, after, rng)
        if self.states is not None and after.device is not None and after.device.memory:
            old, new = before.state_or_zeros(), after.state_or_zeros()
            after = after.with_state(
                np.where(new == old, old, self.held(after, rng).state_or_zeros())
            )
        after = _programmed_anew(before, after)
        if self.cycles is not None:
            after = self.cycles.after_pulse(before, after, rng)
        if self.endurance is not None:
            if wear is None:
                raise InputError(
                    "endurance counts from pulse to pulse; give wear=…, at first from"
                    " fresh_wear(shape, rng)"
                )
            after, wear = self.endurance.aged(wear, before, after)
        return after, wear

    def read(
        self,
        engine: Reads[Answer],
        array: Crossbar,
        row_volts: ArrayLike,
        rng: np.random.Generator,
        **lines: Any,
    ) -> Answer:
        """Read once; every input of a batch sees the same disturbed cells. `lines` are the other
        arguments of `Engine.read`."""
        return engine.read(self.before_read(array, rng), row_volts, **lines)

    def pulse(
        self,
        engine: Pulses[Answer],
        array: Crossbar,
        pulse: Pulse | Waveform,
        rng: np.random.Generator,
        wear: Wear | None = None,
    ) -> tuple[Answer, Wear | None]:
        """Apply a pulse and return its result with the array as it was really left, and the
        wear."""
        done: Any = engine.pulse(array, pulse)
        after, worn = self.after_pulse(array, done.array, rng, wear)
        answer: Answer = replace(done, array=after)
        return answer, worn

    def rested(self, array: Crossbar, seconds: float, rng: np.random.Generator) -> Crossbar:
        """Return the array after a rest; exponents are drawn anew (keep them with
        `RetentionDrift.exponents` where the same cells rest again)."""
        check_generator(rng, "imperfections: rested")
        if self.published is not None:
            return self.published.drifted(array, seconds, rng)
        if self.retention is None:
            return array
        return self.retention.rested(array, seconds, self.retention.exponents(array.shape, rng))


def _programmed_anew(before: Crossbar, after: Crossbar) -> Crossbar:
    """Return the array without what drift had left beyond the range of cells that have moved
    since."""
    if after.current_factor is None or after.device is None or not after.device.memory:
        return after
    low, high = end_states(after)
    old, new = (
        a.state_or_zeros() if a.state_or_zeros().ndim == 2 else a.state_or_zeros()[0]
        for a in (before, after)
    )
    moved = np.abs(new - old) > 1e-9 * np.abs(high - low)
    return replace(after, current_factor=np.where(moved, 1.0, after.current_factor))
