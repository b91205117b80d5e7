"""The IV curve of a device that is not perfect: cells drawn, cycles that differ, noise on every
sample, the same on each engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.faults import Wear
from spicesnn.crossbar.mapping import Window
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.devices.stimulus import PiecewiseLinear, Sine, Stimulus
from spicesnn.engines.base import Engine
from spicesnn.engines.results import IVCurve
from spicesnn.errors import InputError
from spicesnn.nonidealities.realised import Imperfections

if TYPE_CHECKING:
    from spicesnn.nonidealities.options import ImperfectionOptions

_READ_VOLTS = 0.1
"""Where the conductances of finite states count, for a device that is not linear; those of a linear
one are the same anywhere."""
_LEAST_POINTS = 100
_FINER = 10
"""An engine's points for each sample: a set that is over between two samples must not be a straight
line to one engine only."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Flaws:
    """What is imperfect about the devices of a sweep.

    What a pulse is to an array, half a cycle is here: the part of the voltage between two zeros.
    After it the cycle-to-cycle spread, finite states and wear act; the device rests after every
    cycle; telegraph and read noise are on every sample of the curve.

    Attributes
    ----------
    options : ImperfectionOptions
        Finite states lie evenly over all that a device drawn can reach.
    samples : int
        How many devices are drawn.
    seed : int
        Of all of it; the engine has no part in any draw.
    """

    options: ImperfectionOptions
    samples: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise InputError(f"samples = {self.samples}; expected 1 or more")

    def of(self, device: Device, gate_volts: float | None) -> Imperfections:
        """Return what the table says about one device."""
        if self.options.published:
            raise InputError(
                f"imperfections.published = {self.options.published} is about arrays that are"
                " programmed; a curve takes read_noise and retention"
            )
        volts = 0.0 if device.linear else _READ_VOLTS
        gate = device.gate_default if gate_volts is None else gate_volts
        window = (
            Window.of(device, volts=volts, gate=gate)
            if self.options.states
            else Window(low=0.0, high=1.0)
        )
        return self.options.build(device, window, volts=volts)

    def curves(
        self,
        device: Device,
        engine: Engine,
        parts: Sequence[Sequence[Stimulus]],
        *,
        gate_volts: float | None,
        points: int,
        cycles: Sequence[Mapping[str, float]] = (),
    ) -> list[IVCurve]:
        """Return a curve for each device drawn.

        Parameters
        ----------
        device : Device
        engine : Engine
        parts : sequence of sequences of Stimulus
            The halves of every cycle (`halves`).
        gate_volts : float or None
        points : int
            Samples of the whole curve.
        cycles : sequence of mappings, optional
            Factors on parameters in every cycle (a spread from cycle to cycle).
        """
        return [
            _Life(self, k, device, engine, gate_volts).curve(parts, points, cycles)
            for k in range(self.samples)
        ]


def read_options(file: Path | None, settings: Mapping[str, str]) -> ImperfectionOptions:
    """Return the table [imperfections] of a device file (or an empty one) with
    ``imperfections.key=value`` settings over it."""
    from spicesnn.nonidealities.options import ImperfectionOptions

    if file is None and not settings:
        return ImperfectionOptions()
    from spicesnn.training.config import overridden, read_tables

    tables: dict[str, Any] = {"imperfections": {}}
    if file is not None:
        tables["imperfections"] = dict(read_tables(file).get("imperfections", {}))
        for key in ("stuck_map", "cycles"):
            if tables["imperfections"].get(key):
                tables["imperfections"][key] = str(
                    (file.parent / str(tables["imperfections"][key])).resolve()
                )
    found: ImperfectionOptions = ImperfectionOptions.from_table(
        overridden(tables, [f"{key}={value}" for key, value in settings.items()])["imperfections"],
        "imperfections",
    )
    return found


def halves(stimulus: Stimulus, frequency: float, periods: float) -> list[list[Stimulus]]:
    """Return the parts of each cycle between zeros of the voltage.

    Parameters
    ----------
    stimulus : Sine or PiecewiseLinear
        One cycle.
    frequency : float
        Cycles a second.
    periods : float
        How many; a whole number.
    """
    if periods != int(periods):
        raise InputError(
            f"periods = {periods:g}; expected a whole number of cycles for a device that is"
            " imperfect"
        )
    if isinstance(stimulus, Sine):
        cycle: list[Stimulus] = [
            Sine(amplitude=sign * stimulus.amplitude, frequency=frequency, periods=0.5)
            for sign in (1.0, -1.0)
        ]
        return [cycle] * int(periods)
    if not isinstance(stimulus, PiecewiseLinear):
        raise InputError(f"{type(stimulus).__name__}: expected a sine or straight lines")
    time = stimulus.breakpoints_s
    level = stimulus.volts(time)
    level = np.where(np.abs(level) < 1e-12 * np.max(np.abs(level)), 0.0, level)
    cuts = np.unique(np.concatenate([[0], np.flatnonzero(level == 0.0), [time.size - 1]]))
    pieces = [(time[a : b + 1] - time[a], level[a : b + 1]) for a, b in pairwise(cuts)]
    return [[PiecewiseLinear(t, v) for t, v in pieces]] * int(periods)


class _Life:
    """One drawn device on its way through a sweep."""

    def __init__(
        self, flaws: Flaws, number: int, device: Device, engine: Engine, gate_volts: float | None
    ) -> None:
        self._flaws, self._engine, self._gate = flaws.of(device, gate_volts), engine, gate_volts
        self._rest_s = flaws.options.rest_s
        self._rng, self._reads = (
            np.random.default_rng((flaws.seed, number, kind)) for kind in (0, 1)
        )
        start = np.asarray(device.initial_state(), dtype=float)
        fresh = Crossbar(
            device=device, state=start.reshape(*start.shape, 1, 1), wires=Wires.ideal()
        )
        self._array = self._flaws.fabricated(fresh, self._rng)
        self._wear: Wear | None = self._flaws.fresh_wear((1, 1), self._rng)
        retention = self._flaws.retention
        self._exponents = None if retention is None else retention.exponents((1, 1), self._rng)
        self._device = self._drawn()
        self._flaws = flaws.of(self._device, gate_volts)

    def _drawn(self) -> Device:
        """Return the device as it is now, each of its parameters one number."""
        made = self._array.device
        assert made is not None
        each = {
            name: float(np.asarray(value).item())
            for name, value in made.spice_parameters().items()
            if np.ndim(value)
        }
        return made.with_parameters(**each) if each else made

    def curve(
        self,
        parts: Sequence[Sequence[Stimulus]],
        points: int,
        cycles: Sequence[Mapping[str, float]],
    ) -> IVCurve:
        """Return the curve over all cycles."""
        each = max(points // sum(len(cycle) for cycle in parts), _LEAST_POINTS)
        found: list[IVCurve] = []
        begin = 0.0
        for k, cycle in enumerate(parts):
            for stimulus in cycle:
                now = (
                    self._device if self._flaws.cycles is None else self._drawn()
                )  # a reset begins the next of the measured cycles
                changes = (
                    {name: getattr(now, name) * factor for name, factor in cycles[k].items()}
                    if cycles
                    else {}
                )
                device = now.with_parameters(**changes) if changes else now
                part = self._half(device, stimulus, each)
                first = 1 if found else 0  # the end of one half is the beginning of the next
                found.append(
                    replace(
                        part,
                        time=begin + part.time[first:],
                        volts=part.volts[first:],
                        amps=part.amps[first:],
                        state=np.asarray(part.state)[..., first:],
                    )
                )
                begin += float(part.time[-1])
            if self._flaws.retention is not None:
                self._array = self._flaws.retention.rested(
                    self._array, self._rest_s, self._exponents
                )
        names = "time", "volts", "amps", "state"
        joined: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in found], axis=-1) for name in names
        }
        return self._read(replace(found[0], **joined))

    def _half(self, device: Device, stimulus: Stimulus, points: int) -> IVCurve:
        """Follow the device through one half of a cycle and let what comes after a pulse come;
        return the curve at even times."""
        from scipy.interpolate import PchipInterpolator  # a quarter of a command's start

        before = self._array
        time = np.linspace(0.0, stimulus.duration_s, points)
        volts = np.asarray(stimulus.volts(time), dtype=float)
        state = np.asarray(before.state_or_zeros())[..., 0, 0]
        if before.stuck is not None and before.stuck.any():
            amps = (
                self._engine.read(before, volts[:, None], gate_volts=self._gate).column_amps[:, 0]
                if device.memory
                else np.zeros(points)
            )
            return IVCurve(
                time=time,
                volts=volts,
                amps=np.asarray(amps),
                state=np.multiply.outer(state, np.ones(points)),
                device=device.name,
                engine=self._engine.name,
                stats={},
            )
        made = self._engine.drive(
            device, stimulus, state=state, gate_volts=self._gate, points=_FINER * points
        )
        states = np.atleast_2d(made.state)
        even = (
            np.stack([np.interp(time, made.time, row) for row in states])
            if device.state_names
            else np.zeros((1, points))
        )
        if device.memory:
            low, high = (np.asarray(bound, dtype=float).reshape(-1, 1) for bound in device.bounds())
            even = np.clip(even, low, high)  # the solver of a circuit ends a hair beyond a bound
            after = before.with_state(even[:, -1].reshape(before.state_or_zeros().shape))
            self._array, self._wear = self._flaws.after_pulse(before, after, self._rng, self._wear)
        amps = np.asarray(PchipInterpolator(made.time, made.amps)(time))
        if (
            before.current_factor is not None
        ):  # what drift left beyond the last state, until the voltage moves the cell
            rests = (
                np.abs(even - even[:, :1])
                <= 1e-9 * np.abs(np.subtract(*device.bounds())).reshape(-1, 1)
            ).all(axis=0)
            amps = np.where(
                np.logical_and.accumulate(rests), amps * before.current_factor.item(), amps
            )
        return replace(
            made,
            time=time,
            volts=volts,
            amps=amps,
            state=even if len(device.state_names) > 1 else even[0],
        )

    def _read(self, curve: IVCurve) -> IVCurve:
        """Return the curve with telegraph and read noise on every sample."""
        flaws, count = self._flaws, curve.time.size
        if not flaws.disturbs_reads:
            return curve
        factors = np.ones(count)
        if flaws.telegraph is not None:
            traps = flaws.telegraph.traps((1, 1), self._reads)
            for k in range(count):
                if k:
                    traps = flaws.telegraph.later(
                        traps, float(curve.time[k] - curve.time[k - 1]), self._reads
                    )
                factors[k] *= 1.0 - flaws.telegraph.amplitude * float(traps[0, 0])
        if flaws.read_noise is not None:
            factors *= np.maximum(
                1.0 + flaws.read_noise.relative * self._reads.standard_normal(count), 0.0
            )
        return replace(curve, amps=curve.amps * factors)
