"""Fit a device model to measured sweeps or pulse trains: bounded least squares from several starts, with uncertainties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import least_squares

from spicesnn.devices import registry
from spicesnn.devices.base import Device, Floats
from spicesnn.devices.device_file import device_toml
from spicesnn.devices.measurements import PulseTrain, Sweep, WritePulses, read_measurement
from spicesnn.devices.trajectory import Counts, pulse_siemens, sweep_amps
from spicesnn.errors import ConvergenceError, InputError, RunError, UnknownNameError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CUSTOMARY: Mapping[str, tuple[str, ...]] = {
    "linear-drift": ("mobility", "x_init"),
    "vteam": ("r_on", "r_off", "v_on", "v_off", "k_on", "k_off"),
    "yakopcic": ("a1", "a2", "v_p", "v_n", "a_p", "a_n"),
    "nonlinear-drift": ("alpha", "beta", "a", "w_init"),
    "pershin-di-ventra": ("r_off", "v_t", "beta", "r_init"),
    "pai-yu-chen": ("i_0", "v_0", "velocity", "gamma_0"),
    "pai-yu-chen-heated": ("i_0", "v_0", "velocity", "c_th"),
    "stanford": ("i_0", "v_0", "velocity", "gamma_0"),
    "saturating-pulse": ("g_low", "g_gain", "pulses"),
    "power-law": ("k_set", "n_set", "k_reset", "n_reset"),
    "memdiode": ("i_min", "i_max", "alpha_min", "alpha_max", "v_s", "v_r"),
    "metal-oxide": ("celsius", "xi", "g_init"),
    "jart-vcm": ("phi_b0", "r_line", "r_th", "barrier"),
}
"""What a fit moves when nothing is asked for: parameters that an ordinary sweep of the model determines."""
_NEVER = ("bound_width",)
_SPAN = {"V": 4.0, "1": 4.0, "eV": 1.3, "1/V": 4.0}
"""How far from its start value a parameter may go, as a factor, by its unit; 30 for all others."""
_CANDIDATES = 24
"""Random parameter sets that are simulated (all at once) for every start that is then followed."""
_FLOOR = 0.01
_DIFFERENCE = 1e-5
_HUGE = 1e6
_MOST_STEPS = 40
_SHARE = 0.003
"""How far the state may move in one integration step, as a fraction of its range."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class FitResult:
    """A fitted device and how good it is.

    Attributes
    ----------
    device : Device
        The model with the fitted parameters.
    parameters, stderr : Mapping[str, float]
        Fitted values, and one standard deviation of each from the Jacobian at the solution and the residuals that are
        left; infinite where the data say nothing about a parameter.
    correlation : (parameters, parameters)
    rmse : float
        Root of the mean squared residual, in the unit of the data (ampere, or siemens).
    relative_rmse : float
        The same with each residual divided by its weight (about the relative noise of the data, if the model holds).
    data : Sweep | PulseTrain
    fitted : (points,)
        The model's answer at the data's points.
    costs : tuple of float
        What `relative_rmse` was at the end of every start, best first, before the last polish: equal ones mean a well-found minimum.
    step_error : float
        Change of the fitted curve when its integration steps are halved, relative to the largest value.
    """

    device: Device
    parameters: Mapping[str, float]
    stderr: Mapping[str, float]
    correlation: Floats
    rmse: float
    relative_rmse: float
    data: Sweep | PulseTrain
    fitted: Floats
    costs: tuple[float, ...]
    step_error: float

    def toml(self) -> str:
        """Return the ``[device]`` table, uncertainties as comments."""
        heading = f"fitted to {self.data.points} points, relative scatter {self.relative_rmse:.3g}; ± is one standard deviation"
        return device_toml(self.device, remarks={name: f"± {error:.3g}" for name, error in self.stderr.items()}, heading=heading)

    def write_toml(self, path: str | Path) -> Path:
        """Write `toml` to a file."""
        path = Path(path)
        try:
            path.write_text(self.toml(), encoding="utf-8")
        except OSError as error:
            raise RunError(f"{path} cannot be written: {error.strerror}") from None
        return path

    def figure(self) -> Figure:
        """Return the figure of data and fit."""
        from spicesnn.plotting.fit import fit_figure

        return fit_figure(self)


def fit(
    model_name: str,
    csv_path: str | Path,
    *,
    rng: np.random.Generator,
    starts: int = 6,
    parameters: Sequence[str] | None = None,
    base: Device | None = None,
    duration_s: float | None = None,
    pulses: WritePulses | None = None,
    v_read: float = 0.1,
) -> FitResult:
    """Fit a model to a CSV file of a sweep or of a pulse train (`measurements.read_measurement` says which columns).

    Parameters
    ----------
    model_name : str
        A name from the registry.
    csv_path : str | Path
    rng : Generator
        Where the random starts come from.
    starts : int
        How many minima are sought; each begins at the best of two dozen random parameter sets, the first at `base` itself.
    parameters : sequence of str, optional
        What to fit; the model's customary ones if left out. ``…_init`` names the state the measurement begins in.
    base : Device, optional
        All other parameters, and where the search is centred; the model's published ones if left out.
    duration_s : float, optional
        Length of a sweep without a column of times, seconds.
    pulses : WritePulses, optional
        What was applied, for a file of conductances over pulse numbers.
    v_read : float
        Read voltage of the conductances of a pulse train.

    Returns
    -------
    FitResult

    Raises
    ------
    InputError, UnknownNameError, DataError
        Arguments or data that do not fit.
    ConvergenceError
        No start led to a finite answer.
    """
    data = read_measurement(csv_path, duration_s=duration_s, pulses=pulses)
    return fit_data(model_name, data, rng=rng, starts=starts, parameters=parameters, base=base, v_read=v_read)


def fit_data(
    model_name: str,
    data: Sweep | PulseTrain,
    *,
    rng: np.random.Generator,
    starts: int = 6,
    parameters: Sequence[str] | None = None,
    base: Device | None = None,
    v_read: float = 0.1,
) -> FitResult:
    """Fit a model to data that are already in memory; arguments as in `fit`."""
    device = registry.make(model_name) if base is None else base
    if device.name != model_name:
        raise InputError(f"base is a {device.name}, but the model to fit is {model_name}")
    if starts < 1:
        raise InputError(f"starts = {starts}; expected 1 or more")
    if device.gated:
        raise InputError(f"{model_name} has a third terminal; a fit to a two-terminal measurement is not defined. Fit the device inside it")
    names = _chosen(device, parameters)
    if data.points <= len(names):
        raise InputError(f"{data.points} points cannot determine {len(names)} parameters: {', '.join(names)}")
    if not np.any(_measured(data)):
        raise InputError("all measured values are 0: nothing to fit")
    return _result(*_minima(_Problem.of(device, names, data, v_read), starts, rng))


def _chosen(device: Device, parameters: Sequence[str] | None) -> tuple[str, ...]:
    known = [row["name"] for row in device.parameter_table() if row["name"] not in _NEVER]
    if parameters is None:
        return CUSTOMARY.get(device.name) or tuple(name for name in known if not name.endswith(("_init", "_min", "_max")))
    for name in parameters:
        if name not in known:
            raise UnknownNameError(f"{device.name} has no parameter {name!r} to fit{registry.nearest(name, known)} It has: {', '.join(known)}")
    if not parameters or len(set(parameters)) < len(parameters):
        raise InputError(f"parameters = {list(parameters)}; expected at least one name, each once")
    return tuple(parameters)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Problem:
    """The residuals over scaled unknowns z: ln of a parameter's magnitude over its start value, or the parameter itself if that is 0."""

    device: Device
    names: tuple[str, ...]
    data: Sweep | PulseTrain
    v_read: float
    bounds: tuple[Floats, Floats]
    """Lowest and highest z."""
    weight: Floats
    """What a residual is divided by, (points,)."""
    steps: Counts
    """Integration steps before each point, (points,)."""

    @classmethod
    def of(cls, device: Device, names: tuple[str, ...], data: Sweep | PulseTrain, v_read: float) -> _Problem:
        """Return the problem as it stands before anything is known: weights from the data, equal steps."""
        return cls(
            device=device, names=names, data=data, v_read=v_read, bounds=_limits(device, names), weight=_weight(_measured(data)),
            steps=np.full(data.points, _MOST_STEPS // 4, dtype=np.int64),
        )  # fmt: skip

    @property
    def measured(self) -> Floats:
        """The data, (points,)."""
        return _measured(self.data)

    def refined(self, z: Floats, share: float) -> _Problem:
        """Return the problem with steps in which the state of set z moves by at most `share` of its range, as far as that is affordable."""
        _, moved = self._simulated(z[None])
        return replace(self, steps=np.clip(np.ceil(moved[:, 0] / share), 1, _MOST_STEPS).astype(np.int64))

    def reweighted(self, z: Floats) -> _Problem:
        """Return the problem with weights from the curve of set z: weights from noisy data would pull the fit towards low values."""
        return replace(self, weight=_weight(self.curve(z)))

    def values(self, z: Floats) -> Floats:
        """Return the parameters of unknowns z, same shape, parameters along the last axis."""
        start = np.array([float(np.asarray(getattr(self.device, name))) for name in self.names])
        return np.where(start == 0, z, start * np.exp(np.where(start == 0, 0.0, z)))

    def scale(self, z: Floats) -> Floats:
        """Return d(parameter)/dz."""
        start = np.array([float(np.asarray(getattr(self.device, name))) for name in self.names])
        return np.where(start == 0, 1.0, np.abs(self.values(z)))

    def made(self, z: Floats) -> Device:
        """Return the device of one (parameters,) or of many (variants, parameters) sets."""
        columns: dict[str, Any] = {}
        for name, column in zip(self.names, np.moveaxis(self.values(z), -1, 0), strict=True):
            columns[name] = float(column) if column.ndim == 0 else column[:, None]
        return self.device.with_parameters(**columns)

    def _simulated(self, z: Floats, finer: int = 1) -> tuple[Floats, Floats]:
        device = self.made(z)
        if isinstance(self.data, Sweep):
            return sweep_amps(device, self.data.time, self.data.volts, len(z), finer * self.steps)
        return pulse_siemens(device, self.data.volts, self.data.width_s, self.v_read, len(z), finer * self.steps)

    def curve(self, z: Floats, finer: int = 1) -> Floats:
        """Return the model's values of one set, (points,)."""
        return self._simulated(z[None], finer)[0][:, 0]

    def residuals(self, z: Floats) -> Floats:
        """Return the weighted residuals of many sets, (points, variants); huge where a set is not a device."""
        try:
            found = (self._simulated(z)[0] - self.measured[:, None]) / self.weight[:, None]
        except InputError:
            if len(z) == 1:
                return np.full((self.data.points, 1), _HUGE)
            return np.concatenate([self.residuals(row[None]) for row in z], axis=1)
        return np.clip(np.nan_to_num(found, nan=_HUGE), -_HUGE, _HUGE)

    def with_jacobian(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the residuals of one set, (points,), and their central differences over z, (points, parameters), in one pass."""
        low, high = self.bounds
        up, down = np.minimum(z + _DIFFERENCE, high), np.maximum(z - _DIFFERENCE, low)
        each = np.eye(len(z), dtype=bool)
        found = self.residuals(np.concatenate([z[None], np.where(each, up, z), np.where(each, down, z)]))
        return found[:, 0], (found[:, 1 : len(z) + 1] - found[:, len(z) + 1 :]) / (up - down)

    def solved(self, z: Floats, *, tolerance: float, evaluations: int) -> Any:
        """Return scipy's answer from start z; residuals and Jacobian come from one simulation."""
        last: dict[bytes, tuple[Floats, Floats]] = {}

        def both(at: Floats) -> tuple[Floats, Floats]:
            key = at.tobytes()
            if key not in last:
                last.clear()
                last[key] = self.with_jacobian(at)
            return last[key]

        def values(at: Floats) -> Floats:
            return both(at)[0]

        def slopes(at: Floats) -> Floats:
            return both(at)[1]

        return least_squares(
            values, z, jac=slopes, bounds=self.bounds, x_scale="jac",
            xtol=tolerance, ftol=tolerance, gtol=1e-14, max_nfev=evaluations,
        )  # fmt: skip


def _measured(data: Sweep | PulseTrain) -> Floats:
    return data.amps if isinstance(data, Sweep) else data.siemens


def _weight(values: Floats) -> Floats:
    """Return the magnitude of the values and a hundredth of the largest: relative residuals, with a floor."""
    return np.asarray(np.abs(values) + _FLOOR * np.max(np.abs(values)))


def _limits(device: Device, names: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Return the lowest and the highest z of every parameter."""
    low, high = np.empty(len(names)), np.empty(len(names))
    table = {f.name: f.metadata for f in type(device).__dataclass_fields__.values() if "unit" in f.metadata}
    for k, name in enumerate(names):
        start, meta = float(np.asarray(getattr(device, name))), table[name]
        least, most = max(meta["lowest"], meta["above"]), meta["highest"]
        if start == 0:
            if not (np.isfinite(least) and np.isfinite(most)):
                raise InputError(f"{device.name}: {name} starts at 0 and has no finite range; give a base device with a start value")
            low[k], high[k] = least, most
            continue
        span = np.log(_SPAN.get(meta["unit"], 30.0))
        ends = sorted(abs(end) for end in (least, most) if np.isfinite(end) and end * start > 0)
        low[k] = max([-span] + [np.log(end / abs(start)) for end in ends if end <= abs(start)])
        high[k] = min([span] + [np.log(end / abs(start)) for end in ends if end > abs(start)])
    return low, high + 1e-12


def _minima(problem: _Problem, starts: int, rng: np.random.Generator) -> tuple[_Problem, Any, tuple[float, ...]]:
    """Return the problem with its final steps and weights, the best minimum polished, and the costs that the starts reached."""
    low, high = problem.bounds
    centre = np.clip(np.zeros_like(low), low, high)
    seeds = [centre]
    if starts > 1:
        coarse = problem.refined(centre, 4 * _SHARE)
        wild = rng.uniform(0.5 * (low + centre), 0.5 * (high + centre), size=(_CANDIDATES * (starts - 1), len(low)))
        cost = np.mean(np.minimum(np.abs(coarse.residuals(wild)), 10.0), axis=0)
        seeds += [wild[k] for k in np.argsort(cost)[: starts - 1]]
    found = []
    for seed in seeds:
        rough = problem.refined(seed, 2 * _SHARE).solved(seed, tolerance=1e-4, evaluations=25)
        found.append(problem.refined(rough.x, 2 * _SHARE).solved(rough.x, tolerance=1e-5, evaluations=15))
    finite = sorted((answer for answer in found if answer.cost < 1e2 * problem.data.points), key=lambda answer: answer.cost)
    if not finite:
        raise ConvergenceError(f"{problem.device.name}: none of {starts} starts led to a curve near the data; give a base device closer to it")
    last = problem.refined(finite[0].x, _SHARE).reweighted(finite[0].x)
    costs = tuple(float(np.sqrt(2.0 * answer.cost / problem.data.points)) for answer in finite)
    return last, last.solved(finite[0].x, tolerance=1e-8, evaluations=30), costs


def _result(problem: _Problem, best: Any, costs: tuple[float, ...]) -> FitResult:
    names = problem.names
    count = problem.data.points
    residuals, jacobian = problem.with_jacobian(best.x)
    left, sizes, right = np.linalg.svd(jacobian, full_matrices=False)
    kept = sizes > 1e-9 * sizes[0]
    # Sandwich covariance (HC3; MacKinnon and White, J. Econometrics 29, 305, 1985): relative noise differs along a curve, its weights have a floor.
    leverage = np.sum(left[:, kept] ** 2, axis=1)
    to_parameters = (right[kept].T / sizes[kept]) @ left[:, kept].T
    covariance = (to_parameters * (residuals / np.maximum(1.0 - leverage, 1e-3)) ** 2) @ to_parameters.T
    free = np.sum(right[~kept] ** 2, axis=0) > 1e-3
    deviation = np.sqrt(np.diag(covariance))
    error = np.where(free, np.inf, deviation * problem.scale(best.x))
    fitted, finer = (problem.curve(best.x, steps) for steps in (1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.nan_to_num(covariance / np.outer(deviation, deviation))
    return FitResult(
        device=problem.made(best.x), parameters=dict(zip(names, problem.values(best.x).tolist(), strict=True)),
        stderr=dict(zip(names, error.tolist(), strict=True)), correlation=correlation,
        rmse=float(np.sqrt(np.mean((fitted - problem.measured) ** 2))), relative_rmse=float(np.sqrt(2.0 * best.cost / count)),
        data=problem.data, fitted=fitted, costs=costs,
        step_error=float(np.max(np.abs(finer - fitted)) / np.max(np.abs(fitted))),
    )  # fmt: skip
