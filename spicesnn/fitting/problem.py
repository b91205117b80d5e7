"""The least-squares problem behind a fit: residuals and their derivatives over scaled parameters,
and the noise they are weighed with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, least_squares, minimize

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.devices.measurements import PulseTrain, Sweep
from spicesnn.errors import ConvergenceError, InputError
from spicesnn.fitting.trajectory import follow, pulse_course, sweep_course

_SPAN = {"V": 4.0, "1": 4.0, "eV": 1.3, "1/V": 4.0}
"""How far from its start value a parameter may go, as a factor, by its unit; 30 for all others."""
_DIFFERENCES = 1e-4, 3e-3
"""Step of the derivatives, in z, of compiled devices and of others: far above what is left of the
integration's error at their tolerances."""
_TOLERANCES = (1e-4, 1e-6, 1e-8), (1e-3, 1e-4, 1e-5)
"""Tolerances of the integration for random sets, on the way to a minimum and there, of compiled
devices and of others, which are slower."""
_HUGE = 1e6
FLOOR = 0.01
_QUIET, _OTHER = 0.05, 0.3
"""Conductances count above this fraction of the largest voltage; they are another state's where
their logarithms differ by so much more."""
_LEAST_NOISE = 1e-4
"""The noise of a measurement is taken to be at least this share of the largest value."""


DEAR = {"jart-vcm": 6, "pai-yu-chen-heated": 3, "memdiode": 2}
"""Models whose equations have a loop inside, or several states: so many times fewer steps and
candidates."""
_MOST_STEPS = 50_000_000
"""Steps of integration that a fit may take, some minute of one processor: counted, and not timed, so
that a fit ends at the same place on every machine."""
_POLISH = 0.2
"""What the last steps of a fit may take besides."""


class SpentError(Exception):
    """A fit has taken all steps that it may."""


@dataclass(kw_only=True, slots=True)
class Effort:
    """Steps of integration that a fit has taken, of those that it may take.

    Attributes
    ----------
    most : float
    spent : float
    ended : bool
        Whether a search was ended by it.
    """

    most: float
    spent: float = 0.0
    ended: bool = False

    @classmethod
    def of(cls, device: Device) -> Effort:
        """Return what a fit of this device may take."""
        return cls(most=_MOST_STEPS / DEAR.get(device.name, 1))

    @property
    def over(self) -> bool:
        """Whether nothing is left; a search that asks is ended."""
        self.ended = self.ended or self.spent > self.most
        return self.spent > self.most

    def polish(self) -> None:
        """Allow what the last steps take."""
        self.most = max(self.most, self.spent) + _POLISH * self.most


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise:
    """Standard deviation of a measured value y: √((relative·y)² + floor²).

    Attributes
    ----------
    relative : float
    floor : float
        In the unit of the data.
    """

    relative: float
    floor: float

    def deviation(self, values: Floats) -> Floats:
        """Return one standard deviation of each value."""
        return np.asarray(np.hypot(self.relative * values, self.floor))

    @classmethod
    def of(cls, errors: Floats, values: Floats) -> Noise:
        """Return what explains `errors` of `values` best: the largest likelihood of normal
        errors."""
        top = float(np.max(np.abs(values)))
        scale = float(np.sqrt(np.mean((errors / (np.abs(values) + FLOOR * top)) ** 2)))
        if scale == 0.0:
            return cls(relative=0.0, floor=1e-12 * top)

        def unlikely(u: Floats) -> tuple[float, Floats]:
            parts = np.stack(
                [(np.exp(u[0]) * values) ** 2, np.full(values.shape, (np.exp(u[1]) * top) ** 2)]
            )
            variance = parts.sum(axis=0)
            missing = (1.0 - errors**2 / variance) / variance
            return float(np.mean(np.log(variance) + errors**2 / variance)), np.asarray(
                2.0 * np.mean(missing * parts, axis=1)
            )

        low = np.log(_LEAST_NOISE * min(1.0, scale))
        bounds = [(np.log(1e-3 * scale), np.log(10.0 * scale)), (low, np.log(10.0 * scale))]
        starts = [np.log([scale, max(share * scale, np.exp(low))]) for share in (1e-2, 0.3)]
        best = min(
            (
                minimize(unlikely, start, jac=True, method="L-BFGS-B", bounds=bounds)
                for start in starts
            ),
            key=lambda found: float(found.fun),
        )
        return cls(relative=float(np.exp(best.x[0])), floor=float(np.exp(best.x[1])) * top)


def rough_weight(values: Floats) -> Floats:
    """Return the magnitude of the values and a hundredth of the largest: relative residuals, with a
    floor."""
    return np.asarray(np.abs(values) + FLOOR * np.max(np.abs(values)))


def measured_values(data: Sweep | PulseTrain) -> Floats:
    """Return what was measured, (points,): ampere of a sweep, siemens of a pulse train."""
    return data.amps if isinstance(data, Sweep) else data.siemens


def fresh_sweeps(data: Sweep) -> list[int]:
    """Return the first points of the sweeps after the first, if each begins with the device in the
    first one's state; else nothing.

    They do where every sweep's first conductance is like the first sweep's, and is not like the
    last of the sweep before."""
    ends = [*data.starts[1:].tolist(), data.points]
    begins, lasts = [], []
    for begin, end in zip(data.starts.tolist(), ends, strict=True):
        volts, amps = data.volts[begin:end], data.amps[begin:end]
        used = np.flatnonzero((np.abs(volts) > _QUIET * np.max(np.abs(volts))) & (amps != 0))
        if used.size < 4:
            return []
        ohms = np.abs(volts[used] / amps[used])
        begins.append(float(np.median(ohms[:3])))
        lasts.append(float(np.median(ohms[-3:])))
    before, after, first = np.log(lasts[:-1]), np.log(begins[1:]), np.log(begins[0])
    renewed = np.abs(after - first) < np.abs(after - before) - _OTHER
    return data.starts[1:].tolist() if len(begins) > 1 and bool(np.all(renewed)) else []


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Problem:
    """The residuals over scaled unknowns z: ln of a parameter's magnitude over its start value, or
    the parameter itself if that is 0.

    Attributes
    ----------
    device : Device
        All other parameters, and the start values.
    names : tuple of str
        What is fitted.
    data : Sweep | PulseTrain
    v_read : float
        Read voltage of a pulse train's conductances.
    course : (parts, 5)
        The voltage (`trajectory.follow`).
    bounds : tuple of (parameters,)
        Lowest and highest z.
    weight : (points,)
        What a residual is divided by.
    stage : int
        How closely the equations are integrated: 0 for a first look, 1 on the way to a minimum, 2
        there.
    polarity : int
        −1 where the model's terminals are exchanged: `data` is then the measurement with voltages
        and currents turned.
    limit : (parts,) or None
        The largest current that the instrument lets through in each part of the course, ampere.
    soft : bool
        Residuals are differences of asinh(y/s), s a hundredth of the largest value, and not of
        values over `weight`: factors count by their logarithm, so that a curve which is far away
        still says in which direction to go.
    effort : Effort
        Shared by all problems of a fit.
    """

    device: Device
    names: tuple[str, ...]
    data: Sweep | PulseTrain
    v_read: float
    course: Floats
    bounds: tuple[Floats, Floats]
    weight: Floats
    stage: int = 0
    polarity: int = 1
    limit: Floats | None = None
    soft: bool = False
    effort: Effort

    @classmethod
    def of(
        cls,
        device: Device,
        names: tuple[str, ...],
        data: Sweep | PulseTrain,
        v_read: float,
        *,
        polarity: int = 1,
        effort: Effort | None = None,
    ) -> Problem:
        """Return the problem as it stands before anything is known: weights from the data; −1
        exchanges the model's terminals."""
        limit = None
        if isinstance(data, Sweep):
            limit = (
                data.limit_amps
                if data.limited and device.gate_default is None and device.compiled() is not None
                else None
            )
            data = replace(data, volts=polarity * data.volts, amps=polarity * data.amps)
        else:
            data = replace(data, volts=polarity * data.volts)
        if isinstance(data, Sweep):
            course = sweep_course(data.time, data.volts, fresh_sweeps(data))
        else:
            course = pulse_course(data.volts, data.width_s, v_read)
        return cls(
            device=device,
            names=names,
            data=data,
            v_read=v_read,
            course=course,
            bounds=_limits(device, names),
            weight=rough_weight(measured_values(data)),
            polarity=polarity,
            limit=limit,
            effort=Effort.of(device) if effort is None else effort,
        )

    @property
    def measurement(self) -> Sweep | PulseTrain:
        """The data with the polarity in which they were measured."""
        if isinstance(self.data, Sweep):
            return replace(
                self.data,
                volts=self.polarity * self.data.volts,
                amps=self.polarity * self.data.amps,
            )
        return replace(self.data, volts=self.polarity * self.data.volts)

    @property
    def measured(self) -> Floats:
        """The data, (points,)."""
        return measured_values(self.data)

    @property
    def start(self) -> Floats:
        """The start values, (parameters,)."""
        return np.array([float(np.asarray(getattr(self.device, name))) for name in self.names])

    def at(self, stage: int) -> Problem:
        """Return the problem at another stage."""
        return replace(self, stage=stage)

    @property
    def slow(self) -> bool:
        """Whether the device's equations are not compiled."""
        return self.device.compiled() is None

    def centred(self, z: Floats) -> Problem:
        """Return the problem with the search centred on set z: what was an end of the search there,
        and no limit of the model, is one no more."""
        device = self.made(z)
        return replace(self, device=device, bounds=_limits(device, self.names))

    def with_names(self, names: tuple[str, ...]) -> Problem:
        """Return the problem with other unknowns, which begin at the device's values."""
        return replace(self, names=names, bounds=_limits(self.device, names))

    def turned(self) -> Problem:
        """Return the problem with the model's terminals exchanged."""
        measured = self.measurement
        found = Problem.of(
            self.device,
            self.names,
            measured,
            self.v_read,
            polarity=-self.polarity,
            effort=self.effort,
        )
        return replace(found, stage=self.stage, soft=self.soft)

    def at_ends(self, z: Floats) -> Any:
        """Return which unknowns are at an end of the search, (parameters,) of bool."""
        low, high = self.bounds
        return np.minimum(z - low, high - z) < 1e-3 * (high - low)

    def weighed(self, weight: Floats) -> Problem:
        """Return the problem with other weights."""
        return replace(self, weight=weight, soft=False)

    def softened(self) -> Problem:
        """Return the problem with residuals for a search from far away."""
        return replace(self, soft=True)

    def values(self, z: Floats) -> Floats:
        """Return the parameters of unknowns z, same shape, parameters along the last axis."""
        found = np.where(self.start == 0, z, self.start * np.exp(np.where(self.start == 0, 0.0, z)))
        return np.asarray(
            np.clip(found, *_ranges(type(self.device), self.names))
        )  # rounding at an end of a range must not leave it

    def made(self, z: Floats) -> Device:
        """Return the device of one (parameters,) or of many (variants, parameters) sets."""
        columns: dict[str, Any] = {}
        for name, column in zip(self.names, np.moveaxis(self.values(z), -1, 0), strict=True):
            columns[name] = float(column) if column.ndim == 0 else column[:, None]
        return self.device.with_parameters(**columns)

    def curves(self, z: Floats) -> Floats:
        """Return the model's values of many sets, (points, variants)."""
        amps, steps = follow(
            self.made(z),
            self.course,
            len(z),
            _TOLERANCES[self.slow][self.stage],
            gate_volts=self.device.gate_default,
            limit_amps=self.limit,
        )
        self.effort.spent += steps
        return amps if isinstance(self.data, Sweep) else amps / self.v_read

    def curve(self, z: Floats) -> Floats:
        """Return the model's values of one set, (points,)."""
        return self.curves(z[None])[:, 0]

    def residuals(self, z: Floats) -> Floats:
        """Return the weighted residuals of many sets, (points, variants); huge where a set is not a
        device, or cannot be followed."""
        try:
            found = self.differences(self.curves(z))
        except (InputError, ConvergenceError):
            found = np.full((self.data.points, len(z)), np.nan)
        if np.isnan(found[-1]).all() and len(z) > 1:
            half = len(z) // 2
            return np.concatenate([self.residuals(z[:half]), self.residuals(z[half:])], axis=1)
        return np.clip(np.nan_to_num(found, nan=_HUGE), -_HUGE, _HUGE)

    def differences(self, curves: Floats) -> Floats:
        """Return the residuals of curves, (points, variants)."""
        y = self.measured[:, None]
        if self.soft:
            scale = FLOOR * float(np.max(np.abs(y)))
            return np.asarray(np.arcsinh(curves / scale) - np.arcsinh(y / scale))
        return np.asarray((curves - y) / self.weight[:, None])

    def with_jacobian(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the residuals of one set, (points,), and their central differences over z,
        (points, parameters), in one pass."""
        sides, widths = self._beside(z)
        found = self.residuals(np.concatenate([z[None], sides]))
        return found[:, 0], (found[:, 1 : len(z) + 1] - found[:, len(z) + 1 :]) / widths

    def jacobian(self, z: Floats) -> Floats:
        """Return the central differences alone, (points, parameters)."""
        sides, widths = self._beside(z)
        found = self.residuals(sides)
        return np.asarray((found[:, : len(z)] - found[:, len(z) :]) / widths)

    def _beside(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the sets above and below one in each parameter, (2·parameters, parameters), and
        how far they are apart."""
        (low, high), step = self.bounds, _DIFFERENCES[self.slow]
        up, down = np.minimum(z + step, high), np.maximum(z - step, low)
        each = np.eye(len(z), dtype=bool)
        return np.concatenate([np.where(each, up, z), np.where(each, down, z)]), up - down

    def solved(self, z: Floats, *, tolerance: float, evaluations: int) -> Any:
        """Return scipy's answer from start z. The best place so far where the effort is spent on the
        way.

        A compiled device is followed for the Jacobian where one is asked for, which is not the case
        after a step that is taken back; another costs as much for many sets as for one."""
        last: dict[bytes, Floats] = {}
        best: Any = OptimizeResult()
        best.cost = np.inf

        def values(at: Floats) -> Floats:
            if best.cost < np.inf and self.effort.over:
                raise SpentError
            last.clear()
            if self.slow:
                found, last[at.tobytes()] = self.with_jacobian(at)
            else:
                found = self.residuals(at[None])[:, 0]
            cost = 0.5 * float(np.sum(found**2))
            if cost < best.cost:
                best.update(cost=cost, x=at.copy(), fun=found)
            return found

        def slopes(at: Floats) -> Floats:
            key = at.tobytes()
            return last[key] if key in last else self.jacobian(at)

        try:
            return least_squares(
                values,
                z,
                jac=slopes,
                bounds=self.bounds,
                x_scale="jac",
                xtol=tolerance,
                ftol=tolerance,
                gtol=1e-14,
                max_nfev=evaluations,
            )
        except SpentError:
            return best


@cache
def _ranges(model: type[Device], names: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Return the least and the largest value that a model takes of each parameter."""
    table = [model.__dataclass_fields__[name].metadata for name in names]
    return np.array([entry["lowest"] for entry in table]), np.array(
        [entry["highest"] for entry in table]
    )


def _limits(device: Device, names: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Return the lowest and the highest z of every parameter."""
    low, high = np.empty(len(names)), np.empty(len(names))
    table = {
        f.name: f.metadata
        for f in type(device).__dataclass_fields__.values()
        if "unit" in f.metadata
    }
    for k, name in enumerate(names):
        start, meta = float(np.asarray(getattr(device, name))), table[name]
        least, most = max(meta["lowest"], meta["above"]), meta["highest"]
        if start == 0:
            if not (np.isfinite(least) and np.isfinite(most)):
                raise InputError(
                    f"{device.name}: {name} starts at 0 and has no finite range; give a base device"
                    " with a start value"
                )
            low[k], high[k] = least, most
            continue
        span = np.log(_SPAN.get(meta["unit"], 30.0))
        ends = sorted(abs(end) for end in (least, most) if np.isfinite(end) and end * start > 0)
        low[k] = max([-span] + [np.log(end / abs(start)) for end in ends if end <= abs(start)])
        high[k] = min([span] + [np.log(end / abs(start)) for end in ends if end > abs(start)])
    return low, high + 1e-12
