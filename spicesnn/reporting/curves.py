"""The IV curve of a device on one engine or both: driven, compared, written as CSV and drawn; at
one frequency or several."""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.devices.stimulus import PiecewiseLinear, Sine, Stimulus
from spicesnn.devices.variability import Distribution
from spicesnn.engines.base import Engine
from spicesnn.engines.results import IVCurve
from spicesnn.errors import InputError
from spicesnn.plotting.beside import Draw, here
from spicesnn.plotting.style import save_figure
from spicesnn.reporting.flawed import Flaws, halves
from spicesnn.validation.curves import POINTS, difference_beside_jumps, relative_difference
from spicesnn.whole_file import appearing, writing

if TYPE_CHECKING:
    from spicesnn.devices.measurements import Sweep as Measured

_SAMPLED = 2000
"""Samples of a curve whose device is not perfect; both engines are read at the same times."""


class Shape(enum.Enum):
    """What one period of the voltage looks like."""

    SINE = "sine"
    TRIANGLE = "triangle"
    SWEEP = "sweep"
    """From stop to stop at a constant number of volts a second."""


@dataclass(frozen=True, kw_only=True)
class Drive:
    """The voltage on a device.

    Attributes
    ----------
    shape : Shape
    amplitude : float
        Of the sine, or of the triangle's both halves, volt.
    frequencies : tuple of float
        Periods a second; the device starts afresh for each.
    periods : float
        How many; whole ones for triangles, sweeps and cycles that vary.
    stops : tuple of float
        Volts that a sweep goes through; it begins at the first and a second period needs it to end
        there.
    """

    shape: Shape = Shape.SINE
    amplitude: float = 1.0
    frequencies: tuple[float, ...] = (1e3,)
    periods: float = 2.0
    stops: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if (
            not self.frequencies
            or any(not np.isfinite(f) or f <= 0 for f in self.frequencies)
            or len(set(self.frequencies)) < len(self.frequencies)
        ):
            raise InputError(
                f"frequencies are {self.frequencies}; expected at least one, above 0 Hz, each once"
            )
        if self.shape is not Shape.SINE and (self.periods != int(self.periods) or self.periods < 1):
            raise InputError(
                f"periods = {self.periods:g}; expected a whole number of a {self.shape.value}'s"
            )
        if self.shape is Shape.SWEEP:
            steps = np.diff(self.stops)
            if len(self.stops) < 2 or not np.all(np.isfinite(self.stops)) or np.any(steps == 0):
                raise InputError(
                    f"stops are {self.stops}; expected at least two voltages, each other than the"
                    " one before, such as 0,1,0,-1,0"
                )
            if self.periods > 1 and self.stops[0] != self.stops[-1]:
                raise InputError(
                    f"stops go from {self.stops[0]:g} to {self.stops[-1]:g} V; a second period"
                    " needs them to end where they begin"
                )
        elif self.stops:
            raise InputError(f"stops are for a sweep, but the voltage is a {self.shape.value}")

    def stimulus(self, frequency: float, periods: float | None = None) -> Stimulus:
        """Return the voltage at one of the frequencies."""
        count = self.periods if periods is None else periods
        if self.shape is Shape.SINE:
            return Sine(amplitude=self.amplitude, frequency=frequency, periods=count)
        if self.shape is Shape.TRIANGLE:
            return PiecewiseLinear.triangle(self.amplitude, -self.amplitude, frequency, int(count))
        way = np.cumsum(np.abs(np.diff(self.stops)))
        one = way / way[-1] / frequency
        time = np.concatenate([[0.0], *[k / frequency + one for k in range(int(count))]])
        return PiecewiseLinear(
            time, np.concatenate([[self.stops[0]], *[self.stops[1:]] * int(count)])
        )


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A finished sweep.

    Attributes
    ----------
    device, waveform : str
    amplitude, frequency : float
        Of the largest voltage, and the (first) frequency, volt and hertz.
    peak_amps : float
        Largest current, ampere.
    max_relative_difference : float or None
        Largest difference of the two engines' currents over the peak current, at the worst
        frequency; None with one engine.
    difference_beside_jumps : float or None
        The same, but where the current jumps its nearest value within 2e-4 of a period counts: the
        instant of a jump is no current.
    frequencies, lobe_areas : tuple of float
        Every frequency, hertz, and the area that the last period's loop encloses there,
        volt-ampere: it shrinks with the frequency.
    csv, figure : str
        What was written.
    """

    device: str
    waveform: str
    amplitude: float
    frequency: float
    peak_amps: float
    max_relative_difference: float | None
    difference_beside_jumps: float | None
    frequencies: tuple[float, ...]
    lobe_areas: tuple[float, ...]
    csv: str
    figure: str

    def describe(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Variation:
    """Parameters that are drawn anew for every cycle."""

    laws: Mapping[str, Distribution] = field(default_factory=dict)
    rng: np.random.Generator | None = None

    def devices(self, device: Device, cycles: int) -> list[Device]:
        """Return the device of every cycle."""
        from spicesnn.devices.variability import spread

        if self.rng is None:
            raise InputError("cycles that vary are drawn at random; give rng=…")
        drawn = [spread(device, (1, 1), self.laws, self.rng) for _ in range(cycles)]
        return [
            device.with_parameters(
                **{
                    name: float(np.asarray(one.spice_parameters()[name]).item())
                    for name in self.laws
                }
            )
            for one in drawn
        ]


def sweep(
    device: Device,
    *,
    engines: Sequence[Engine],
    drive: Drive,
    folder: Path,
    gate_volts: float | None = None,
    variation: Variation | None = None,
    flaws: Flaws | None = None,
    measured: Measured | None = None,
    draw: Draw = here,
) -> Sweep:
    """Drive `device` on each engine; write ``iv.csv`` and ``iv.png`` into `folder`.

    With `variation` every period has its own parameters, the same on each engine; the state goes on
    from one to the next. With `flaws` the devices are not perfect, in the same way on each engine:
    the first that is drawn is the curve, the others stand behind it, thin. `measured` is drawn over
    the curves."""
    points = POINTS if len(engines) > 1 else 2000
    varied = variation is not None and bool(variation.laws)
    if varied and drive.periods != int(drive.periods):
        raise InputError(
            f"periods = {drive.periods:g}; expected a whole number of cycles that vary"
        )
    cycles = (
        variation.devices(device, int(drive.periods)) if varied and variation is not None else []
    )
    found: dict[float, list[IVCurve]] = {frequency: [] for frequency in drive.frequencies}
    others: list[IVCurve] = []
    for engine in engines:
        with engine:
            for frequency, curves in found.items():
                if flaws is not None:
                    parts = halves(drive.stimulus(frequency, 1), frequency, drive.periods)
                    each = _factors(device, cycles)
                    first, *more = flaws.curves(
                        device,
                        engine,
                        parts,
                        gate_volts=gate_volts,
                        points=min(points, _SAMPLED),
                        cycles=each,
                    )
                    curves.append(first)
                    others += more
                elif cycles:
                    curves.append(_cycled(cycles, engine, drive, frequency, gate_volts, points))
                else:
                    curves.append(
                        engine.drive(
                            device, drive.stimulus(frequency), gate_volts=gate_volts, points=points
                        )
                    )
    csv, figure = folder / "iv.csv", folder / "iv.png"
    areas = tuple(lobe_area(curves[0], 1 / frequency) for frequency, curves in found.items())
    with writing(folder):
        write_csv(csv, found, device)
        if others:
            write_samples(folder / "samples.csv", others)
        draw(_save_figure, figure, found, device, areas, measured, others)
    every = [curve for curves in found.values() for curve in curves]
    return Sweep(
        device=device.name,
        waveform=drive.shape.value,
        amplitude=max(float(np.max(np.abs(curve.volts))) for curve in every),
        frequency=drive.frequencies[0],
        peak_amps=max(float(np.max(np.abs(curve.amps))) for curve in every),
        max_relative_difference=(
            max(relative_difference(*curves) for curves in found.values())
            if len(engines) == 2
            else None
        ),
        difference_beside_jumps=(
            max(difference_beside_jumps(c[0], c[1], 1 / f) for f, c in found.items())
            if len(engines) == 2
            else None
        ),
        frequencies=drive.frequencies,
        lobe_areas=areas,
        csv=os.fspath(csv),
        figure=os.fspath(figure),
    )


def _cycled(
    cycles: Sequence[Device],
    engine: Engine,
    drive: Drive,
    frequency: float,
    gate_volts: float | None,
    points: int,
) -> IVCurve:
    """Return one curve of cycles with a device each, the state carried over."""
    state: Floats | None = None
    parts, each = [], max(points // len(cycles), 200)
    for k, device in enumerate(cycles):
        part = engine.drive(
            device, drive.stimulus(frequency, 1), state=state, gate_volts=gate_volts, points=each
        )
        state = np.asarray(part.state)[..., -1]
        first = 0 if k == 0 else 1  # the end of one cycle is the start of the next
        parts.append(
            replace(
                part,
                time=part.time[first:] + k / frequency,
                volts=part.volts[first:],
                amps=part.amps[first:],
                state=np.asarray(part.state)[..., first:],
            )
        )
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts], axis=-1)
        for name in ("time", "volts", "amps", "state")
    }
    return replace(parts[0], **joined)


def lobe_area(curve: IVCurve, period_s: float) -> float:
    """Return the area that the last period of a pinched loop encloses, both lobes, volt-ampere: |∫
    I dV| over v > 0 and over v < 0."""
    last = curve.time >= curve.time[-1] - period_s * (1 + 1e-9)
    volts, amps = curve.volts[last], curve.amps[last]
    middle, step = 0.5 * (amps[1:] + amps[:-1]), np.diff(volts)
    positive = 0.5 * (volts[1:] + volts[:-1]) > 0
    return float(abs(np.sum((middle * step)[positive])) + abs(np.sum((middle * step)[~positive])))


def _save_figure(
    path: Path,
    found: Mapping[float, list[IVCurve]],
    device: Device,
    areas: Sequence[float],
    measured: Measured | None,
    others: Sequence[IVCurve],
) -> None:
    from spicesnn.plotting.iv import frequency_figure, iv_figure

    save_figure(
        iv_figure(next(iter(found.values())), device, measured, others)
        if len(found) == 1
        else frequency_figure(found, device, areas, measured, others),
        path,
    )


def _factors(device: Device, cycles: Sequence[Device]) -> list[dict[str, float]]:
    """Return what each cycle's parameters are multiplied by."""
    plain = device.spice_parameters()
    return [
        {
            k: float(v) / float(plain[k])
            for k, v in one.spice_parameters().items()
            if np.ndim(v) == 0 and v != plain[k]
        }
        for one in cycles
    ]


def write_samples(path: Path, others: Sequence[IVCurve]) -> None:
    """Write the curves of the devices drawn after the first: engine, number, time, volts, amps."""
    count: dict[tuple[str, float], int] = {}
    with appearing(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write("engine,sample,time_s,volts,amps\n")
        for curve in others:
            key = curve.engine, float(curve.time[-1])
            count[key] = number = count.get(key, 0) + 1
            np.savetxt(
                file,
                np.column_stack([curve.time, curve.volts, curve.amps]),
                delimiter=",",
                fmt=f"{curve.engine},{number},%.9g,%.9g,%.9g",
            )


def write_csv(path: Path, found: Mapping[float, Sequence[IVCurve]], device: Device) -> None:
    """Write time, volts, amps and the states of each curve; of two engines the second at the times
    of the first.

    With several frequencies the first column is the frequency.
    """
    blocks: list[Floats] = []
    names: list[str] = []
    for frequency, curves in found.items():
        base = curves[0]
        names, columns = ["time_s", "volts"], [base.time, base.volts]
        for curve in curves:
            tail = f"_{curve.engine}" if len(curves) > 1 else ""
            states = (
                np.atleast_2d(curve.state) if device.state_names else np.empty((0, len(curve.time)))
            )
            labels = [f"amps{tail}", *(f"{name}{tail}" for name in device.state_names)]
            for label, values in zip(labels, (curve.amps, *states), strict=True):
                names.append(label)
                columns.append(
                    values if curve is base else np.interp(base.time, curve.time, values)
                )
        if len(found) > 1:
            names, columns = (
                ["frequency_hz", *names],
                [np.full(base.time.size, frequency), *columns],
            )
        blocks.append(np.column_stack(columns))
    with appearing(path) as partial:
        np.savetxt(
            partial,
            np.concatenate(blocks),
            delimiter=",",
            header=",".join(names),
            comments="",
            fmt="%.9g",
        )
