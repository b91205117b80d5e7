"""What one device is driven with: a voltage over time, as a sine or as straight lines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from spicesnn.arrays import Floats, number, owned
from spicesnn.errors import InputError
from spicesnn.guesses import hinted


class Stimulus(ABC):
    """A voltage over time for one device under test."""

    @abstractmethod
    def volts(self, time_s: Floats) -> Floats:
        """Return the voltage at each time."""

    @property
    @abstractmethod
    def duration_s(self) -> float:
        """End time in seconds."""

    @property
    @abstractmethod
    def breakpoints_s(self) -> Floats:
        """Return the times at which the slope jumps (0 and the end included): no integration step
        crosses them."""

    @abstractmethod
    def spice_source(self) -> str:
        """Return the source specification of a SPICE V card, such as ``sin(0 1 1k)``."""


def _positive(owner: str, **values: float) -> None:
    for name, value in values.items():
        if number(value, f"{owner}: {name}", "a finite number above 0") <= 0:
            raise InputError(f"{owner}: {name} = {value!r}; expected a finite number above 0")


_WORDS = {
    **dict.fromkeys(("freq", "f"), "frequency=… in hertz"),
    **dict.fromkeys(("amp", "volts", "v"), "amplitude=… in volt"),
    **dict.fromkeys(("cycles", "n", "repeats"), "periods=…"),
    **dict.fromkeys(("times", "time", "t"), "time_s=…"),
    **dict.fromkeys(("voltages", "values", "levels", "voltage"), "level_volts=…"),
}


@hinted({}, _WORDS)
@dataclass(frozen=True, kw_only=True)
class Sine(Stimulus):
    """v(t) = offset + amplitude·sin(2π·frequency·t)."""

    amplitude: float = 1.0
    frequency: float = 1e3
    periods: float = 2.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        _positive("sine", frequency=self.frequency, periods=self.periods)
        for name in ("amplitude", "offset"):
            number(getattr(self, name), f"sine: {name}", "finite volts")

    def volts(self, time_s: Floats) -> Floats:
        """Return the voltage at each time."""
        return np.asarray(
            self.offset + self.amplitude * np.sin(2 * np.pi * self.frequency * np.asarray(time_s))
        )

    @property
    def duration_s(self) -> float:
        """End time in seconds."""
        return self.periods / self.frequency

    @property
    def breakpoints_s(self) -> Floats:
        """Return the zero crossings and the end: the polarity changes there."""
        times = np.arange(0, 2 * self.periods, 1.0) / (2 * self.frequency)
        return np.unique(np.append(times, self.duration_s))

    def spice_source(self) -> str:
        """Return ``sin(offset amplitude frequency)``."""
        return f"sin({self.offset:.17g} {self.amplitude:.17g} {self.frequency:.17g})"


@hinted({}, {**_WORDS, "volts": "level_volts=…", "v": "level_volts=…"})
@dataclass(frozen=True, eq=False)
class PiecewiseLinear(Stimulus):
    """Straight lines between (time, volt) points: sweeps with stops, pulse trains, anything."""

    time_s: Floats
    level_volts: Floats

    def __post_init__(self) -> None:
        time, level = (
            owned(self.time_s, "piecewise linear: time_s", "seconds"),
            owned(self.level_volts, "piecewise linear: level_volts", "volts"),
        )
        fitting = time.ndim == 1 and time.shape == level.shape and time.size >= 2
        if (
            not fitting
            or time[0] != 0
            or np.any(np.diff(time) <= 0)
            or not np.all(np.isfinite([time, level]))
        ):
            raise InputError(
                "piecewise linear: expected as many volts as times, at least 2, times increasing"
                " from 0, all finite"
            )
        object.__setattr__(self, "time_s", time)
        object.__setattr__(self, "level_volts", level)

    @classmethod
    def triangle(
        cls, positive: float, negative: float, frequency: float, periods: int = 1
    ) -> PiecewiseLinear:
        """Return 0 → positive → negative → 0, `periods` times (a bipolar triangle; `negative` is a
        voltage, not a magnitude)."""
        _positive("triangle", frequency=frequency, periods=periods)
        quarter = np.array([0.25, 0.75, 1.0])
        time = np.concatenate([[0.0], *[(k + quarter) / frequency for k in range(periods)]])
        return cls(time, np.concatenate([[0.0], *[[positive, negative, 0.0]] * periods]))

    def volts(self, time_s: Floats) -> Floats:
        """Return the voltage at each time."""
        return np.asarray(np.interp(time_s, self.time_s, self.level_volts))

    @property
    def duration_s(self) -> float:
        """End time in seconds."""
        return float(self.time_s[-1])

    @property
    def breakpoints_s(self) -> Floats:
        """Return the points, and the zero crossings between them."""
        before, after = self.level_volts[:-1], self.level_volts[1:]
        crossing = before * after < 0
        share = before[crossing] / (before[crossing] - after[crossing])
        return np.unique(
            np.append(
                self.time_s, self.time_s[:-1][crossing] + share * np.diff(self.time_s)[crossing]
            )
        )

    def spice_source(self) -> str:
        """Return ``pwl(t v t v …)``."""
        return (
            "pwl("
            + " ".join(
                f"{t:.17g} {v:.17g}" for t, v in zip(self.time_s, self.level_volts, strict=True)
            )
            + ")"
        )
