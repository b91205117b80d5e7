"""The table [imperfections] of a preset: what the cells of an experiment do that their equations do
not say.

`CellOptions` is what every experiment has, with one meaning; what an engine solves pulse by pulse,
what a compiled loop does and what is mapped add what they can realise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.crossbar.cycles import MeasuredCycles
from spicesnn.crossbar.faults import Endurance, StuckMap
from spicesnn.crossbar.mapping import Window
from spicesnn.crossbar.noise import CycleToCycle, ReadNoise, RetentionDrift, TelegraphNoise
from spicesnn.crossbar.published import PUBLISHED, published_cells
from spicesnn.devices.base import Device
from spicesnn.devices.levels import ConductanceStates, Rounding
from spicesnn.devices.variability import Distribution, LogNormal, Normal, Uniform
from spicesnn.errors import ConfigError, UnknownNameError
from spicesnn.guesses import nearest
from spicesnn.nonidealities.realised import Imperfections
from spicesnn.options import Section, option

PLACES = ("anywhere", "centre", "border")
_LAWS: dict[str, type[Distribution]] = {
    "log-normal": LogNormal,
    "normal": Normal,
    "uniform": Uniform,
}


@dataclass(frozen=True, kw_only=True)
class CellOptions(Section):
    """[imperfections] of every experiment: 0 turns each off."""

    stuck_on: float = option(
        0.0, "fraction of cells stuck at the highest conductance", lowest=0.0, highest=1.0
    )
    stuck_off: float = option(
        0.0, "fraction of cells stuck at the lowest conductance", lowest=0.0, highest=1.0
    )
    stuck: float = option(
        0.0, "fraction of cells stuck at their initial conductance", lowest=0.0, highest=1.0
    )
    cycle_to_cycle: float = option(
        0.0, "cycle-to-cycle variation of the effect of a pulse, relative", lowest=0.0
    )
    states: int = option(
        0, "number of conductance states, evenly spaced over the window; 0: continuous", lowest=0
    )
    read_noise: float = option(
        0.0, "relative spread of a cell's conductance from read to read", lowest=0.0
    )


@dataclass(frozen=True, kw_only=True)
class ImperfectionOptions(CellOptions):
    """[imperfections] of arrays that an engine solves; they act in the order of `Imperfections`."""

    parameters: tuple[str, ...] = option(
        (), "parameters of the device model that differ from cell to cell"
    )
    spread: tuple[float, ...] = option(
        (),
        "their relative spread, one number for all or one for each (median as in [device])",
        lowest=0.0,
    )
    law: str = option(
        "log-normal",
        "law of the spread; of a uniform one it is the half width",
        choices=tuple(_LAWS),
    )
    scaled_to: tuple[float, ...] = option(
        (), "[lowest, highest]: the draws are stretched so that they span exactly this", above=0.0
    )
    cycles: str = option(
        "",
        "file of measured cycles (spicesnn fit cycles): set and reset voltages and resistances of"
        " every cell, drawn together",
    )
    cycle_parameters: tuple[str, ...] = option(
        (),
        'which parameters they are, as "lrs_ohm=r_on"; empty: r_on, r_off, v_on, v_off or the like',
    )
    stuck_map: str = option(
        "",
        "csv file of stuck cells, instead of these fractions: 1 on, -1 off, 2 where it is, 0 works",
    )
    cycle_of_range: float = option(
        0.0, "cycle-to-cycle variation of the final state, as a fraction of its range", lowest=0.0
    )
    states_siemens: tuple[float, ...] = option((), "the same as a list, increasing", above=0.0)
    rounding: str = option(
        "stochastic",
        "how a conductance between two states becomes one of them",
        choices=("stochastic", "nearest"),
    )
    endurance: float = option(
        0.0, "median life of a cell, in full swings of its state; it sticks afterwards", lowest=0.0
    )
    endurance_spread: float = option(
        0.5, "standard deviation of the natural logarithm of the lifetime", lowest=0.0
    )
    endurance_on: float = option(
        0.5, "fraction of worn-out cells stuck at the highest conductance", lowest=0.0, highest=1.0
    )
    telegraph: float = option(
        0.0,
        "fraction by which a trap reduces the conductance while it is occupied",
        lowest=0.0,
        highest=1.0,
    )
    telegraph_capture_s: float = option(1e-3, "mean time with the trap empty", above=0.0)
    telegraph_emission_s: float = option(1e-3, "mean time with the trap full", above=0.0)
    reads_alike: int = option(
        1,
        "inputs that see the same noise: 1 as in an array; more are solved faster, as one batch",
        lowest=1,
    )
    retention: float = option(
        0.0, "exponent of the power of time by which conductances fall at rest", lowest=0.0
    )
    retention_spread: float = option(
        0.0, "relative spread of that exponent from cell to cell", lowest=0.0
    )
    retention_t0_s: float = option(1.0, "time after which the fall begins", above=0.0)
    published: str = option(
        "",
        "programming error, drift and read noise of a publication's cells: pcm-joshi-2020,"
        " rram-wan-2022, rram-milo-2021",
        choices=("", *PUBLISHED),
    )
    drift_compensation: bool = option(
        False,
        "after the rest each array's currents are multiplied by what a reference read of all lines"
        " has lost",
    )
    rest_s: float = option(
        0.0, "how long the array rests between training and its test", lowest=0.0
    )

    def build(self, device: Device, window: Window, *, volts: float) -> Imperfections:
        """Return the imperfections of arrays of `device`; `volts` is where conductances are read,
        `window` what is used of them.

        Raises
        ------
        UnknownNameError
            A parameter that the device has not.
        ConfigError
            Values that do not go together.
        """
        if self.published:
            self._check_published(window)
        return Imperfections(
            spread=self._spread(device),
            scaled_to=self._scaled_to(),
            cycles=self._cycles(device),
            stuck_on=self.stuck_on,
            stuck_off=self.stuck_off,
            stuck=self.stuck,
            stuck_map=StuckMap.from_csv(self.stuck_map) if self.stuck_map else None,
            cycle_to_cycle=(
                CycleToCycle(relative=self.cycle_to_cycle, of_range=self.cycle_of_range)
                if self.cycle_to_cycle or self.cycle_of_range
                else None
            ),
            states=self._states(window),
            states_volts=volts,
            endurance=(
                Endurance(
                    swings=self.endurance, spread=self.endurance_spread, on_share=self.endurance_on
                )
                if self.endurance
                else None
            ),
            telegraph=(
                TelegraphNoise(
                    amplitude=self.telegraph,
                    capture_s=self.telegraph_capture_s,
                    emission_s=self.telegraph_emission_s,
                )
                if self.telegraph
                else None
            ),
            read_noise=ReadNoise(relative=self.read_noise) if self.read_noise else None,
            retention=(
                RetentionDrift(
                    exponent=self.retention, spread=self.retention_spread, t0_s=self.retention_t0_s
                )
                if self.retention
                else None
            ),
            published=published_cells(self.published) if self.published else None,
        )

    def _spread(self, device: Device) -> dict[str, Distribution]:
        known = device.spice_parameters()
        for name in self.parameters:
            if name not in known:
                there = ", ".join(sorted(known))
                raise UnknownNameError(
                    f"imperfections.parameters names {name!r}{nearest(name, known)} The parameters"
                    f" of {device.name} are: {there}. (Those of a preset are its own device's: leave"
                    " them out with imperfections.parameters=[] and imperfections.spread=0)"
                )
        if any(self.spread) and not self.parameters:
            raise ConfigError(
                f"imperfections.spread is {list(self.spread)}, but of nothing; name what differs in"
                " imperfections.parameters, or give imperfections.pulse_spread where it is the"
                " effect of a pulse"
            )
        if len(self.spread) not in (0, 1, len(self.parameters)):
            raise ConfigError(
                f"imperfections.spread is {list(self.spread)}; expected one number, or one for each"
                f" of the {len(self.parameters)} parameters in imperfections.parameters"
            )
        each = self.spread * len(self.parameters) if len(self.spread) == 1 else self.spread
        law = _LAWS[self.law]
        return {
            name: law(value)  # type: ignore[call-arg]
            for name, value in zip(self.parameters, each, strict=False)
            if value
        }

    def _check_published(self, window: Window) -> None:
        found = published_cells(self.published)
        if window.high > found.highest_siemens * (1 + 1e-9) or window.low < found.lowest_siemens * (
            1 - 1e-9
        ):
            raise ConfigError(
                f"imperfections.published = {self.published}: cells hold {window.low:.3g} to"
                f" {window.high:.3g} S, and the set {found.lowest_siemens:.3g} to"
                f" {found.highest_siemens:.3g} S; choose resistances of [device] within"
            )

    def _cycles(self, device: Device) -> MeasuredCycles | None:
        if not self.cycles:
            if self.cycle_parameters:
                raise ConfigError(
                    "imperfections.cycle_parameters without imperfections.cycles; expected the file"
                    " of measured cycles, too"
                )
            return None
        pairs = [text.partition("=") for text in self.cycle_parameters]
        if any(not equals for _, equals, _ in pairs):
            raise ConfigError(
                f"imperfections.cycle_parameters is {list(self.cycle_parameters)}; expected"
                " quantity=parameter, as lrs_ohm=r_on"
            )
        made = MeasuredCycles.read(
            self.cycles, {name.strip(): value.strip() for name, _, value in pairs}
        )
        made.roles(device)
        return made

    def _scaled_to(self) -> tuple[float, float] | None:
        if not self.scaled_to:
            return None
        if len(self.scaled_to) != 2 or not self.scaled_to[0] < self.scaled_to[1]:
            raise ConfigError(
                f"imperfections.scaled_to is {list(self.scaled_to)}; expected [lowest, highest]"
            )
        return self.scaled_to[0], self.scaled_to[1]

    def _states(self, window: Window) -> ConductanceStates | None:
        rounding = Rounding[self.rounding.upper()]
        if self.states_siemens:
            if self.states:
                raise ConfigError(
                    "imperfections.states and imperfections.states_siemens: give one of the two"
                )
            return ConductanceStates(siemens=self.states_siemens, rounding=rounding)  # type: ignore[arg-type]
        return (
            ConductanceStates.even(self.states, window.low, window.high, rounding)
            if self.states
            else None
        )


def _stuck_place() -> Any:
    return option(
        "anywhere",
        "pixels on whose word lines cells are stuck: all, the centre 14×14, the border around it",
        choices=PLACES,
    )


def _pulse_spread() -> Any:
    return option(
        0.0, "device-to-device variation (log-normal) of the effect of a pulse", lowest=0.0
    )


@dataclass(frozen=True, kw_only=True)
class NetworkImperfections(ImperfectionOptions):
    """[imperfections] of networks that are composed."""

    pulse_spread: float = _pulse_spread()
    conductance_spread: float = option(
        0.0,
        "device-to-device variation (log-normal) of a cell's resistance in every state, which"
        " programming does not know",
        lowest=0.0,
    )
    stuck_place: str = _stuck_place()


def pixels_at(place: str, pixels: int) -> NDArray[np.bool_]:
    """Return which pixels of a square image lie at a place."""
    side = round(pixels**0.5)
    if side * side != pixels:
        raise ConfigError(
            f"imperfections.stuck_place is {place!r}, but {pixels} inputs are no square image; use"
            " 'anywhere'"
        )
    middle = np.zeros((side, side), dtype=bool)
    middle[side // 4 : side - side // 4, side // 4 : side - side // 4] = True
    return middle.ravel() if place == "centre" else ~middle.ravel()
