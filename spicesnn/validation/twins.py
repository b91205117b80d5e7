"""Both twins of a device under random programming pulses: ngspice on the `.lib`, an integration of
the Python equations as the truth.

Every pulse has its own amplitude, width and start state, both polarities and both bounds among
them, and is a transient of its own, so that ngspice's counts of accepted and rejected time points
are those of the device."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import CheckedWaveform, Waveform
from spicesnn.crossbar.wires import Wires
from spicesnn.devices import registry
from spicesnn.devices.base import Device
from spicesnn.engines.ngspice.movement import known_well_enough, movement
from spicesnn.errors import ConvergenceError, InputError
from spicesnn.netlist.accuracy import TransientAccuracy
from spicesnn.netlist.batch import BatchResult, run_batch
from spicesnn.netlist.pulse_accuracy import finer, for_transient
from spicesnn.netlist.pulse_deck import pulse_deck
from spicesnn.validation.case import Engines
from spicesnn.validation.curves import both_curves, current_case

TOLERANCE = 1e-3
"""Of a state's range, and of the largest current."""
LEAST_RATIO = 0.9
SLACK = 1e-3
"""A device that runs away is at its far end within a few time points: the instant is compared to
this share of the pulse's duration."""
_EDGE = 0.1
"""Rise and fall time of a pulse as a share of its width."""
_SHAPE = np.array([0.0, _EDGE, 1.0 + _EDGE, 1.0 + 2 * _EDGE]) / (1.0 + 2 * _EDGE)
"""Corners of a pulse as shares of its duration."""


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """What the pulses for a device are like, where the defaults do not suit it.

    Attributes
    ----------
    parameters : Mapping
        Changed against the model's defaults.
    amplitudes : (lowest, highest)
        Relative to the amplitude of the device's `typical_drive`.
    low, high : float, optional
        States to start from (first state variable) and what errors are relative to, for a device
        whose bounds are far apart.
    period_s : float, optional
        In place of one period of the typical drive; widths are from 1 % to 50 % of it.
    settled : float
        Share of the duration before which currents are not compared.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    amplitudes: tuple[float, float] = (0.3, 1.0)
    low: float | None = None
    high: float | None = None
    period_s: float | None = None
    settled: float = 1e-3


EXERCISES = {
    # With `uic` the gate starts at 0 V. Its own capacitances then ring from step to step, by up to
    # 1 % of the largest current (the trapezoidal rule does that after a jump), until the first
    # break point, at 1/30.
    "mosfet-emulator": Exercise(
        parameters={"transconductance": 5e-9}, low=0.1, high=8.0, period_s=0.01, settled=0.034
    ),
    "pershin-di-ventra": Exercise(amplitudes=(0.6, 1.3)),
}


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Pulses:
    """Programming pulses, each on a device of its own.

    Attributes
    ----------
    volts, duration_s : (pulses,)
        Amplitude, and duration with both edges.
    states : (states, pulses)
        Where the devices start.
    span : (states,)
        Range of each state variable.
    """

    volts: Floats
    duration_s: Floats
    states: Floats
    span: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class TwinCheck:
    """How far the two twins of a device are apart over random pulses.

    Attributes
    ----------
    name : str
    pulses : int
    end_error : float
        Largest difference of a state after a pulse, as a share of its range.
    path_error : float
        Largest distance of a state, at any time point of any pulse, from what the Python twin takes
        within `SLACK` of the pulse's duration, as a share of its range.
    current_error : float
        The same for the current, at the voltage of the very time point, as a share of the largest
        of all pulses.
    moved : float
        Largest movement of the first state, as a share of its range.
    accepted, rejected : int
        ngspice's time points of all pulses together.
    worst_ratio : float
        Least accepted/(accepted + rejected) of a single pulse.
    """

    name: str
    pulses: int
    end_error: float
    path_error: float
    current_error: float
    moved: float
    accepted: int
    rejected: int
    worst_ratio: float

    @property
    def ratio(self) -> float:
        """Share of ngspice's time points that were accepted."""
        return self.accepted / (self.accepted + self.rejected)

    @property
    def ok(self) -> bool:
        """Whether states and currents agree to 1e-3, and nine in ten time points were accepted."""
        return (
            max(self.end_error, self.path_error, self.current_error) <= TOLERANCE
            and self.ratio >= LEAST_RATIO
        )


def device_of(name: str) -> Device:
    """Return the device that is exercised under a name of the registry."""
    return registry.make(name, **EXERCISES.get(name, Exercise()).parameters)


def off_presets(device: Device, rng: np.random.Generator, spread: float) -> Device:
    """Return a device whose every parameter is off its preset by a random factor of e^±spread,
    within its range, its choices drawn too.

    The width of the ramps at the bounds, which is the twins' own and not the device's, an exponent
    that must be odd, and what is 0 stay."""
    for _ in range(100):
        changes: dict[str, Any] = {}
        for entry in dataclasses.fields(device):
            value, about = getattr(device, entry.name), entry.metadata
            if "choices" in about:
                changes[entry.name] = list(about["choices"])[rng.integers(len(about["choices"]))]
            elif (
                "unit" in about
                and entry.name not in ("bound_width", "q")
                and np.ndim(value) == 0
                and value != 0
            ):
                changed = float(value * np.exp(rng.uniform(-spread, spread)))
                changes[entry.name] = float(
                    np.clip(
                        changed,
                        max(about["lowest"], min(about["above"], changed)),
                        about["highest"],
                    )
                )
        try:
            found = device.with_parameters(**changes)
        except (
            InputError
        ):  # parameters that exclude one another, such as a least state above the largest
            continue
        low, high = (np.asarray(bound, dtype=float).reshape(-1) for bound in found.bounds())
        start = np.asarray(found.initial_state(), dtype=float).reshape(-1)
        if np.all((start >= low) & (start <= high)):
            return found
    raise InputError(
        f"{device.name}: no sound parameters within a factor of e^±{spread:g} of {device}"
    )


def draw_pulses(device: Device, count: int, rng: np.random.Generator) -> Pulses:
    """Return random pulses: a fifth starts at either bound, polarities are even, widths
    log-uniform."""
    exercise = EXERCISES.get(device.name, Exercise())
    names = max(len(device.state_names), 1)
    low, high = (
        np.broadcast_to(np.asarray(b, dtype=float).reshape(-1), (names,)).copy()
        for b in device.bounds()
    )
    low[0] = low[0] if exercise.low is None else exercise.low
    high[0] = high[0] if exercise.high is None else exercise.high
    amplitude, frequency = device.typical_drive()
    first = rng.uniform(low[0], high[0], count)
    ends = rng.permutation(count)
    first[ends[: count // 5]], first[ends[count // 5 : 2 * (count // 5)]] = low[0], high[0]
    rest = np.asarray(device.initial_state(), dtype=float).reshape(-1)[1:]
    width = np.exp(rng.uniform(np.log(0.01), np.log(0.5), count)) * (
        exercise.period_s or 1.0 / frequency
    )
    return Pulses(
        volts=amplitude * rng.uniform(*exercise.amplitudes, count) * rng.choice([-1.0, 1.0], count),
        duration_s=width * (1.0 + 2 * _EDGE),
        states=np.concatenate([first[None], np.broadcast_to(rest[:, None], (rest.size, count))]),
        span=high - low,
    )


def _volts(amplitude: float | Floats, share: float | Floats) -> Floats:
    return np.asarray(amplitude * np.interp(share, _SHAPE, np.array([0.0, 1.0, 1.0, 0.0])))


def integrated(
    device: Device, pulses: Pulses, *, tolerance: float = 1e-9
) -> Callable[[int, Floats], Floats]:
    """Integrate the Python twin through all pulses at once and return its states: ``states(pulse,
    share of duration)``, (states, times).

    Each pulse runs over its own time, as a share of its duration; no step crosses a corner.
    """
    count, names = pulses.volts.size, len(pulses.span)
    low, high = (
        np.broadcast_to(np.asarray(b, dtype=float).reshape(-1, 1), (names, 1))
        for b in device.bounds()
    )

    def shaped(z: Floats) -> Floats:
        return np.asarray(np.clip(z.reshape(count, names).T * pulses.span[:, None], low, high))

    def slope(share: float, z: Floats) -> Floats:
        x = shaped(z)
        volts = _volts(pulses.volts, share)
        rate = np.asarray(
            device.rate(
                volts[:, None], x[0][:, None] if names == 1 else x[:, :, None], device.gate_default
            )
        )
        return np.asarray(
            (rate.reshape(names, count) * pulses.duration_s / pulses.span[:, None]).T.reshape(-1)
        )

    def steepness(share: float, z: Floats) -> Floats:
        """Return the Jacobian of devices with one state, as the one diagonal that it is."""
        steep = np.asarray(
            device.rate_slope(
                _volts(pulses.volts, share)[:, None], shaped(z)[0][:, None], device.gate_default
            )
        )
        return np.asarray(np.broadcast_to(steep, (count, 1)).T * pulses.duration_s)

    z = (pulses.states / pulses.span[:, None]).T.reshape(-1)
    parts = []
    for begin, end in pairwise(_SHAPE):
        done = solve_ivp(
            slope,
            (begin, end),
            z,
            method="LSODA",
            rtol=tolerance,
            atol=1e-3 * tolerance,
            max_step=(end - begin) / 50,
            dense_output=True,
            lband=names - 1,
            uband=names - 1,
            jac=steepness if names == 1 else None,
        )
        if not done.success:
            raise ConvergenceError(
                f"{device.name}: the integration of the pulses broke off: {done.message}"
            )
        parts.append(done.sol)
        z = done.y[:, -1]

    def states(pulse: int, share: Floats) -> Floats:
        found = np.empty((names, share.size))
        part = np.clip(np.searchsorted(_SHAPE, share, side="left") - 1, 0, len(parts) - 1)
        for k in np.unique(part):
            inside = part == k
            rows = parts[k](share[inside])[pulse * names : (pulse + 1) * names]
            found[:, inside] = np.clip(rows * pulses.span[:, None], low, high)
        return found

    return states


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PulseRun:
    """One pulse as ngspice has it.

    Attributes
    ----------
    vectors : BatchResult
    states : (states, times)
    state_error : float
        Of `movement.Movement`.
    accepted, rejected : int
        Time points.
    """

    vectors: BatchResult
    states: Floats
    state_error: float
    accepted: int
    rejected: int


def run_pulse(device: Device, pulses: Pulses, pulse: int, accuracy: TransientAccuracy) -> PulseRun:
    """Run one pulse in ngspice."""
    names = len(pulses.span)
    start = pulses.states[:, pulse].reshape((names, 1, 1) if names > 1 else (1, 1))
    array = Crossbar(device=device, state=start, wires=Wires.ideal())
    time = _SHAPE * pulses.duration_s[pulse]
    # A device that conducts to ground below 0 V sees the same voltage across it from lines that are
    # both above ground.
    raised = max(0.0, -float(pulses.volts[pulse])) if device.lowest_volts > -np.inf else 0.0
    level = np.array([0.0, 1.0, 1.0, 0.0])[:, None]
    gates = None if device.gate_default is None else np.full((len(time), 1), device.gate_default)
    waveform: CheckedWaveform = Waveform(
        time_s=time,
        row_volts=(pulses.volts[pulse] + raised) * level,
        column_volts=raised * level,
        gate_volts=gates,
    ).checked(array)
    deck = pulse_deck(array, waveform, accuracy)
    run = run_batch(deck.text.replace("\n.end", "\n.options acct\n.end"))
    accepted, rejected = (
        int(found.group(1))
        for word in ("Accepted", "Rejected")
        if (found := re.search(rf"{word} timepoints = (\d+)", run.log))
    )
    assert deck.states is not None
    states = (
        np.stack([run[f"v({node})"] for node in deck.states.nodes.ravel()])
        * np.asarray(device.state_scale)[:, None]
    )
    return PulseRun(
        vectors=run,
        states=states,
        state_error=_state_error(device, pulses, pulse, run, states),
        accepted=accepted,
        rejected=rejected,
    )


def _state_error(device: Device, pulses: Pulses, k: int, run: BatchResult, states: Floats) -> float:
    part = run.sweep > 0
    time = run.sweep[part]
    volts = _volts(float(pulses.volts[k]), np.clip(time / pulses.duration_s[k], 0.0, 1.0))
    gates = None if device.gate_default is None else np.full((time.size, 1, 1), device.gate_default)
    at, start = states[:, part, None, None], pulses.states[:, k, None, None]
    return movement(device, time, volts[:, None, None], at, start, gates).state_error


@dataclass(frozen=True, kw_only=True, slots=True)
class _Compared:
    end: float
    path: float
    amps: float
    peak: float
    moved: float
    accepted: int
    rejected: int


def _compare(
    device: Device,
    pulses: Pulses,
    k: int,
    exact: Callable[[int, Floats], Floats],
    accuracy: TransientAccuracy | None,
) -> _Compared:
    """Run pulse `k` in ngspice, with tolerances as the engine finds them where none are given, and
    compare it with the Python twin at every time point."""
    _, done = known_well_enough(
        lambda wanted: run_pulse(device, pulses, k, wanted),
        accuracy or for_transient(device, duration_s=float(pulses.duration_s[k])),
        finer if accuracy is None else None,
    )
    run, states = done.vectors, done.states
    share = np.clip(run.sweep / pulses.duration_s[k], 0.0, 1.0)
    volts = _volts(float(pulses.volts[k]), share)
    truths = [exact(k, np.clip(share + shift, 0.0, 1.0)) for shift in (-SLACK, 0.0, SLACK)]
    amps = [
        device.current(volts, truth[0] if len(truth) == 1 else truth, device.gate_default)
        for truth in truths
    ]
    solved = share > EXERCISES.get(device.name, Exercise()).settled
    off = _outside(states, truths) / pulses.span[:, None]
    return _Compared(
        end=float(np.max(np.abs(states[:, -1] - truths[1][:, -1]) / pulses.span)),
        path=float(off.max()),
        amps=float(np.max(_outside(run["i(vc0)"], amps)[solved])),
        peak=float(np.max(np.abs(amps[1]))),
        moved=float(abs(truths[1][0, -1] - truths[1][0, 0]) / pulses.span[0]),
        accepted=done.accepted,
        rejected=done.rejected,
    )


def _outside(values: Floats, around: list[Floats]) -> Floats:
    """Return how far values are outside what a quantity takes around them."""
    return np.asarray(
        np.maximum(
            np.maximum(values - np.max(around, axis=0), np.min(around, axis=0) - values), 0.0
        )
    )


def iv_error(name: str, engines: Engines) -> float:
    """Return how far the currents of both twins are apart over two periods of the typical drive, as
    a share of the peak (as `validate` has it)."""
    device = registry.make(name)
    ngspice, nodal = both_curves(engines, device)
    error = current_case(name, ngspice, nodal, 1.0 / device.typical_drive()[1]).error
    assert error is not None
    return error


def check_twins(
    name: str,
    rng: np.random.Generator,
    *,
    pulses: int = 200,
    accuracy: TransientAccuracy | None = None,
    spread: float = 0.0,
) -> TwinCheck:
    """Send random pulses through both twins of a device of the registry and compare state and
    current at every time point of ngspice.

    With a `spread` the device is one of `off_presets`.
    """
    device = off_presets(device_of(name), rng, spread) if spread else device_of(name)
    drawn = draw_pulses(device, pulses, rng)
    exact = integrated(device, drawn)
    each = [_compare(device, drawn, k, exact, accuracy) for k in range(pulses)]
    return TwinCheck(
        name=name,
        pulses=pulses,
        end_error=max(c.end for c in each),
        path_error=max(c.path for c in each),
        current_error=max(c.amps for c in each) / max(c.peak for c in each),
        moved=max(c.moved for c in each),
        accepted=sum(c.accepted for c in each),
        rejected=sum(c.rejected for c in each),
        worst_ratio=min(c.accepted / (c.accepted + c.rejected) for c in each),
    )
