"""Fit a device model to measured sweeps or pulse trains: bounded least squares from several starts,
with uncertainties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spicesnn.arrays import Floats, check_generator
from spicesnn.devices import registry
from spicesnn.devices.base import Device
from spicesnn.devices.device_file import device_toml
from spicesnn.devices.instruments.pulses import V_READ
from spicesnn.devices.measurements import PulseTrain, Sweep, read_measurement
from spicesnn.devices.pulse_curve import WritePulses
from spicesnn.errors import InputError, RunError, UnknownNameError
from spicesnn.fitting.minimum import minimum, scatter
from spicesnn.fitting.problem import Noise, Problem, measured_values, rough_weight
from spicesnn.fitting.remarks import remarks
from spicesnn.shown import shown
from spicesnn.whole_file import write_whole

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
    "mosfet-emulator": ("transconductance", "kp"),
}
"""What a fit moves when nothing is asked for: parameters that an ordinary sweep of the model
determines."""
FURTHER: Mapping[str, tuple[str, ...]] = {
    "linear-drift": ("r_on", "r_off"),
    "vteam": ("w_init", "alpha_on", "alpha_off"),
    "yakopcic": ("x_init", "b", "x_p", "x_n", "alpha_p", "alpha_n"),
    "nonlinear-drift": ("chi", "gamma"),
    "pershin-di-ventra": ("r_on",),
    "pai-yu-chen": ("g_init", "g_0", "beta"),
    "pai-yu-chen-heated": ("g_init",),
    "stanford": ("g_init", "g_0", "beta"),
    "saturating-pulse": ("x_init", "v_threshold"),
    "power-law": ("u_init", "g_1"),
    "memdiode": ("h_init", "eta_s", "eta_r"),
    "jart-vcm": ("nd_init",),
    "mosfet-emulator": ("x_init", "capacitance"),
}
"""What a fit moves besides where the customary parameters miss the data: the state the measurement
begins in first of all."""
_NEVER = ("bound_width",)
_WIDE = 0.05
"""From this relative standard deviation on an interval is given too."""
_UNKNOWN = 5.0
"""A direction in z with a larger standard deviation is not determined by the data: the search range
is not much wider."""
_BEYOND = 0.7
"""An end of the resistance that was never reached is taken to be so far beyond what was."""
_FINE = 2
"""Stage of a `Problem`."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class FitResult:
    """A fitted device and how good it is.

    Attributes
    ----------
    device : Device
        The model with the fitted parameters.
    parameters, stderr : Mapping[str, float]
        Fitted values, and one standard deviation of each from the Jacobian at the solution and the
        residuals that are left; infinite where the data say nothing about a parameter.
    intervals : Mapping[str, tuple[float, float]]
        Lowest and highest value of each within two standard deviations, taken along the logarithm
        of the parameter: where an error is not small this says more than ± does. Without end where
        the data say nothing.
    correlation : (parameters, parameters)
    rmse : float
        Root of the mean squared residual, in the unit of the data (ampere, or siemens).
    relative_rmse : float
        The same with each residual divided by the magnitude of the curve and a hundredth of its
        largest value (about the relative noise of the data, if the model holds).
    noise : Noise
        What is left between data and fit, as noise; the weights of the last steps of the fit come
        from it.
    data : Sweep | PulseTrain
    fitted : (points,)
        The model's answer at the data's points.
    costs : tuple of float
        What `relative_rmse` was at the end of every start, best first, before the last polish:
        equal ones mean a well-found minimum.
    remarks : tuple of str
        What a user has to know: parameters that the data do not determine, that go together, or
        that ran into the end of the search; a model that misses the data.
    polarity : int
        −1 where the model's terminals are exchanged against the measurement's: its positive
        terminal is at the measurement's lower one.
    step_error : float
        Change of the fitted curve when its integration is looser (the way to the minimum), relative
        to the largest value.
    """

    device: Device
    parameters: Mapping[str, float]
    stderr: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    correlation: Floats
    rmse: float
    relative_rmse: float
    noise: Noise
    data: Sweep | PulseTrain
    fitted: Floats
    costs: tuple[float, ...]
    step_error: float
    polarity: int
    remarks: tuple[str, ...]

    def toml(self) -> str:
        """Return the ``[device]`` table, uncertainties as comments."""
        heading = (
            f"fitted to {self.data.points} points, relative scatter {self.relative_rmse:.3g}; ± is"
            " one standard deviation"
        )
        return device_toml(
            self.device,
            remarks={name: self._stated(name) for name in self.stderr},
            heading="\n".join([heading, *self.remarks]),
        )

    def _stated(self, name: str) -> str:
        """Return the uncertainty of a parameter in words: ±, and the interval where that is not
        enough."""
        error, (low, high) = self.stderr[name], self.intervals[name]
        wide = np.isfinite(error) and error > _WIDE * abs(self.parameters[name])
        return f"± {error:.3g}" + (f" ({low:.3g} … {high:.3g})" if wide else "")

    def write_toml(self, path: str | Path) -> Path:
        """Write `toml` to a file."""
        path = Path(path)
        try:
            write_whole(path, self.toml())
        except OSError as error:
            raise RunError(f"{path} cannot be written: {error.strerror}") from None
        return path

    def figure(self) -> Figure:
        """Return the figure of data and fit."""
        made: Figure = shown(self, "figure")
        return made


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
    v_read: float | None = None,
) -> FitResult:
    """Fit a model to a CSV file of a sweep or of a pulse train (`measurements.read_measurement`
    says which columns).

    Parameters
    ----------
    model_name : str
        A name from the registry.
    csv_path : str | Path
    rng : Generator
        Where the random starts come from.
    starts : int
        Number of starting points at and around `base` and, where none of them leads to the data,
        from each search of the whole range (`spicesnn.fitting.search`); 1 follows `base`
        alone.
    parameters : sequence of str, optional
        What to fit; the model's customary ones if left out. ``…_init`` names the state the
        measurement begins in.
    base : Device, optional
        All other parameters, and where the search is centred; the model's published ones if left
        out.
    duration_s : float, optional
        Length of a sweep without a column of times, seconds.
    pulses : WritePulses, optional
        What was applied, for a file of conductances over pulse numbers.
    v_read : float, optional
        Read voltage of the conductances of a pulse train; 0.1 V if left out, and the file of a
        curve of currents does not say it.

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
    data = read_measurement(csv_path, duration_s=duration_s, pulses=pulses, v_read=v_read)
    return fit_data(
        model_name,
        data,
        rng=rng,
        starts=starts,
        parameters=parameters,
        base=base,
        v_read=V_READ if v_read is None else v_read,
    )


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
    check_generator(rng, "fit")
    device = registry.make(model_name) if base is None else base
    if device.name != model_name:
        raise InputError(f"base is a {device.name}, but the model to fit is {model_name}")
    if starts < 1:
        raise InputError(f"starts = {starts}; expected 1 or more")
    if hasattr(device, "memristor"):
        raise InputError(
            f"{model_name} is a cell around a memristor, whose parameters a fit of the cell does"
            " not reach. Fit the device inside it"
        )
    names = _chosen(device, parameters)
    if data.points <= len(names):
        raise InputError(
            f"{data.points} points cannot determine {len(names)} parameters: {', '.join(names)}"
        )
    if not np.any(measured_values(data)):
        raise InputError("all measured values are 0: nothing to fit")
    if not np.any(data.volts):
        raise InputError("all voltages are 0: nothing to fit")
    if device.gated and device.gate_default is None:
        raise InputError(
            f"{model_name} has a third terminal and no level at which it is on; a fit to a"
            " two-terminal measurement is not defined"
        )
    if data.volts.min() < device.lowest_volts:
        raise InputError(
            f"the measurement goes down to {data.volts.min():.3g} V; {model_name} has two terminals"
            f" only above {device.lowest_volts:g} V (its body diode conducts below)"
        )
    problem = Problem.of(device, names, data, v_read)
    more = (
        ()
        if parameters is not None
        else tuple(name for name in FURTHER.get(device.name, ()) if name not in names)
    )
    problem, z, costs = minimum(problem, starts, rng, more)
    problem.effort.polish()
    return _result(*_plain(*_polished(problem, z)), costs)


def _chosen(device: Device, parameters: Sequence[str] | None) -> tuple[str, ...]:
    known = [row["name"] for row in device.parameter_table() if row["name"] not in _NEVER]
    if parameters is None:
        return CUSTOMARY.get(device.name) or tuple(
            name for name in known if not name.endswith(("_init", "_min", "_max"))
        )
    for name in parameters:
        if name not in known:
            raise UnknownNameError(
                f"{device.name} has no parameter {name!r} to fit{registry.nearest(name, known)} It"
                f" has: {', '.join(known)}"
            )
    if not parameters or len(set(parameters)) < len(parameters):
        raise InputError(f"parameters = {list(parameters)}; expected at least one name, each once")
    return tuple(parameters)


def _polished(problem: Problem, z: Floats) -> tuple[Problem, Floats, Noise]:
    """Return the problem weighed with the noise that its own residuals show, its minimum, and that
    noise.

    Weights from noisy data would pull the fit towards low values, so they come from the curve: at
    first all but relative, then from the noise that is left over it, twice."""
    fine = problem.at(_FINE)
    if np.all(np.isfinite(fine.curve(z))):  # else too many steps: as closely as it was found
        problem = fine
    problem = problem.weighed(rough_weight(problem.curve(z)))
    z = problem.solved(z, tolerance=1e-7, evaluations=20).x
    noise = Noise(relative=0.0, floor=0.0)
    for _ in range(2):
        curve = problem.curve(z)
        noise = Noise.of(curve - problem.measured, curve)
        problem = problem.weighed(noise.deviation(curve))
        z = problem.solved(z, tolerance=1e-8, evaluations=20).x
    return problem, z, noise


def _plain(problem: Problem, z: Floats, noise: Noise) -> tuple[Problem, Floats, Noise]:
    """Return the minimum with a plain number for an end of the resistance that the data do not
    determine.

    A device that never comes to its least resistance says only that it lies below all that was
    measured: any number does then, and the search leaves it anywhere. It gets `_BEYOND` times the
    lowest resistance of the sweep (the highest over that), the others follow, and where the curve
    is as good as before, that stands."""
    _, free = _determined(problem, z)
    data = problem.data
    if not isinstance(data, Sweep):
        return problem, z, noise
    strong = (np.abs(data.volts) > 0.1 * np.max(np.abs(data.volts))) & (data.amps != 0)
    ohms = np.abs(data.volts[strong] / data.amps[strong])
    for name, value in (("r_on", _BEYOND * ohms.min()), ("r_off", ohms.max() / _BEYOND)):
        if (
            name not in problem.names
            or not free[problem.names.index(name)]
            or len(problem.names) < 2
        ):
            continue
        place = problem.centred(z)
        rest = tuple(other for other in problem.names if other != name)
        try:
            held = replace(
                place, device=place.device.with_parameters(**{name: float(value)})
            ).with_names(rest)
        except InputError:
            continue
        before = float(np.sum(problem.residuals(z[None]) ** 2))
        answer = held.solved(
            np.clip(np.zeros(len(rest)), *held.bounds), tolerance=1e-8, evaluations=40
        )
        if 2.0 * answer.cost <= 1.02 * before:
            problem = held.centred(answer.x).with_names(problem.names)
            z = np.zeros(len(problem.names))
    return problem, z, noise


def _determined(problem: Problem, z: Floats) -> tuple[Floats, Any]:
    """Return the covariance of z, and which unknowns the data do not determine."""
    covariance, free = _covariance(*problem.with_jacobian(z))
    return covariance, free | (np.diag(covariance) > _UNKNOWN**2)


def _result(problem: Problem, z: Floats, noise: Noise, costs: tuple[float, ...]) -> FitResult:
    covariance, free = _determined(problem, z)
    deviation = np.where(free, np.inf, np.sqrt(np.diag(covariance)))
    values, names, fitted = problem.values(z), problem.names, problem.curve(z)
    scale = np.where(problem.start == 0, 1.0, np.abs(values))
    ends = [np.clip(z + side * deviation, *problem.bounds) for side in (-2.0, 2.0)]
    intervals = np.sort(
        np.where(free, [[-np.inf], [np.inf]], [problem.values(end) for end in ends]), axis=0
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.nan_to_num(
            covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
        )
    rough = (fitted - problem.measured) / rough_weight(fitted)
    relative_rmse = float(np.sqrt(np.mean(rough**2)))
    return FitResult(
        device=problem.made(z),
        parameters=dict(zip(names, values.tolist(), strict=True)),
        stderr=dict(zip(names, (deviation * scale).tolist(), strict=True)),
        intervals={
            name: (float(low), float(high))
            for name, low, high in zip(names, *intervals, strict=True)
        },
        correlation=correlation,
        rmse=float(np.sqrt(np.mean((fitted - problem.measured) ** 2))),
        relative_rmse=relative_rmse,
        noise=noise,
        data=problem.measurement,
        fitted=problem.polarity * fitted if isinstance(problem.data, Sweep) else fitted,
        costs=costs,
        step_error=float(
            np.max(np.abs(problem.at(problem.stage - 1).curve(z) - fitted)) / np.max(np.abs(fitted))
        ),
        polarity=problem.polarity,
        remarks=remarks(
            problem,
            z,
            deviation,
            correlation,
            relative_rmse,
            max(scatter(problem), 1e-3),
            fitted,
        ),
    )


def _covariance(residuals: Floats, jacobian: Floats) -> tuple[Floats, Any]:
    """Return the covariance of z and which unknowns the data do not determine.

    The larger of two estimates for each: from the Jacobian with the noise that was found (right if
    that is the noise), and the sandwich HC3 (MacKinnon and White, J. Econometrics 29, 305, 1985),
    which asks nothing of the noise but needs many points for each unknown."""
    count, unknowns = jacobian.shape
    left, sizes, right = np.linalg.svd(jacobian, full_matrices=False)
    variance = np.sum(residuals**2) / max(count - unknowns, 1)
    kept = (sizes * _UNKNOWN > np.sqrt(variance)) & (sizes > 1e-9 * sizes[0])
    to_parameters = (right[kept].T / sizes[kept]) @ left[:, kept].T
    leverage = np.sum(left[:, kept] ** 2, axis=1)
    plain = to_parameters @ to_parameters.T * variance
    robust = (to_parameters * (residuals / np.maximum(1.0 - leverage, 1e-3)) ** 2) @ to_parameters.T
    with np.errstate(invalid="ignore", divide="ignore"):
        more = np.sqrt(np.maximum(np.nan_to_num(np.diag(robust) / np.diag(plain)), 1.0))
    return plain * np.outer(more, more), np.sum(right[~kept] ** 2, axis=0) > 1e-3
