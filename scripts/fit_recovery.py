"""Does `fit` find known parameters again? Every model, synthetic data with noise, many draws: what
is recovered, and how honest the errors are.

    python scripts/fit_recovery.py [vteam yakopcic …] [--draws 20] [--noise 0.02] [--points 300]
    [--seed 0] python scripts/fit_recovery.py --blind [vteam …] [--draws 20] [--seconds 70]
    [--json FILE]

The nodal engine solves one period of the model's typical sine. In each draw every current gets
relative noise, the parameters to fit begin up to 15 % off, and the model is fitted from two starts.
Prints a line a parameter: its true value, the median of the stated standard deviations (relative,
which is how errors are counted: along the logarithm), the bias (mean error over its own standard
error), how many draws lie within one, two and three stated standard deviations (normal errors: 68,
95 and 99.7 %) and the largest deviation. The exit code is 1 if, over a model, fewer than 90 % lie
within two, or one beyond 4.5.

--blind gives the fit no start but the model's published set: each draw is a device that works in
another time (a triangular sweep of 1 ms to 100 s), at other voltages where the model has thresholds
of its own, at other currents, with every customary parameter scattered, measured in either
polarity. A curve is recovered where the relative residual is at most 1.1 times that of the noise;
prints how many are, how many of the others the fit says it has missed, and the processor seconds a
fit takes. With --seconds a model begins no further draw after so many processor seconds. The exit
code is 1 where fewer than 95 % are recovered or one that is not goes without a word."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.devices.base import Device
from spicesnn.devices.measurements import Sweep
from spicesnn.devices.stimulus import Stimulus
from spicesnn.errors import ConvergenceError, InputError
from spicesnn.fitting.fit import CUSTOMARY, fit_data
from spicesnn.fitting.search import powers, units_of
from spicesnn.fitting.trajectory import follow, sweep_course

BLIND_VOLTS = ("vteam", "linear-drift", "yakopcic", "pershin-di-ventra")
"""Models that work at any voltage; the others' voltages belong to their matter."""
WIDE = (*BLIND_VOLTS, "nonlinear-drift")
"""Models whose parameters are scattered by a factor of up to e^0.5; the others' by up to e^0.15, or
they make no loop."""
LOOP = 0.3
"""A draw counts where the two branches of a polarity differ by this much, as the logarithm of their
currents' ratio."""
HEAD = (
    f"{'model':20s} {'parameter':16s} {'truth':>10s} {'stated ±':>9s} {'bias':>6s} {'< 1σ':>6s}"
    f" {'< 2σ':>6s} {'< 3σ':>6s} {'most':>6s}"
)


def true_device(name: str) -> Device:
    """Return the device that is to be found again: the published one, in a place of its spread
    where it has one."""
    return registry.make(name, **({"xi": 0.5} if name == "metal-oxide" else {}))


def true_sweep(device: Device, points: int) -> Sweep:
    """Return one period of the typical sine, solved by the nodal engine (not by the fit's own
    integrator); of the emulator a triangle above 0 V."""
    amplitude, frequency = device.typical_drive()
    if device.lowest_volts > -amplitude:
        stimulus: Stimulus = sn.PiecewiseLinear(
            np.array([0.0, 2.5e-7, 5e-7]), np.array([0.0, amplitude, 0.0])
        )
    else:
        stimulus = sn.Sine(amplitude=amplitude, frequency=frequency, periods=1)
    curve = sn.NodalEngine().drive(device, stimulus, points=points)
    return Sweep(time=curve.time, volts=curve.volts, amps=curve.amps)


def deviations(
    name: str, draws: int, points: int, noise: float, seed: int
) -> tuple[dict[str, np.ndarray], float]:
    """Return, a parameter, (draws, 2): logarithmic error over the stated deviation, and that
    deviation, relative; and processor seconds a fit."""
    found: dict[str, list[tuple[float, float]]] = {key: [] for key in CUSTOMARY[name]}
    device, spent = true_device(name), 0.0
    truth = true_sweep(device, points)
    for draw in range(draws):
        rng = np.random.default_rng((seed, draw))
        data = replace(truth, amps=truth.amps * (1.0 + noise * rng.normal(size=truth.points)))
        base = device.with_parameters(
            **{
                key: getattr(device, key) * np.exp(rng.uniform(-0.15, 0.15))
                for key in CUSTOMARY[name]
            }
        )
        begin = time.process_time()
        result = fit_data(name, data, rng=rng, starts=2, base=base)
        spent += time.process_time() - begin
        for key, value in result.parameters.items():
            true, share = getattr(device, key), result.stderr[key] / abs(value)
            found[key].append((np.log(value / true) / share, share))
    return {key: np.array(rows) for key, rows in found.items()}, spent / draws


def report(name: str, found: dict[str, np.ndarray], seconds: float) -> bool:
    """Print the lines of a model and return whether it is recovered."""
    device = true_device(name)
    for key, rows in found.items():
        off = rows[:, 0]
        shares = " ".join(f"{100 * np.mean(np.abs(off) < sigma):5.0f}%" for sigma in (1, 2, 3))
        bias = np.mean(off) * np.sqrt(off.size)
        print(
            f"{name:20s} {key:16s} {getattr(device, key):10.4g} {100 * np.median(rows[:, 1]):8.2g}%"
            f" {bias:6.1f} {shares} {np.abs(off).max():6.2f}"
        )
    every = np.abs(np.concatenate([rows[:, 0] for rows in found.values()]))
    good = bool(np.mean(every < 2) >= 0.9 and every.max() < 4.5)
    print(
        f"{name:20s} all: {100 * np.mean(every < 2):.1f} % within two, {seconds:.2f} s a"
        f" fit{'' if good else '  NOT OK'}",
        flush=True,
    )
    return good


def blind_draw(name: str, seed: int, points: int, noise: float) -> tuple[Sweep, Sweep]:
    """Return the noisy and the exact sweep of a device that is drawn at random, and makes a
    loop."""
    rng = np.random.default_rng((seed, 7, sum(map(ord, name))))
    base, names = true_device(name), CUSTOMARY[name]
    units = units_of(base)
    volts, hertz = base.typical_drive()
    while True:
        seconds = 10 ** rng.uniform(-3, 2)
        logs = np.array(
            [
                rng.uniform(0, np.log(4)) if name in BLIND_VOLTS else 0.0,
                rng.normal(),
                np.log(seconds * hertz),
            ]
        )
        span = 0.5 if name in WIDE else 0.15
        changed = {}
        for key in names:
            free = not key.endswith("_init") or key == "r_init"
            changed[key] = float(np.asarray(getattr(base, key))) * (
                np.exp(logs @ powers(units[key]) + rng.uniform(-span, span)) if free else 1.0
            )
        top = volts * np.exp(logs[0]) * rng.uniform(0.6, 1.4)
        sign = 1 if base.lowest_volts > -top else int(rng.choice([1, -1]))
        time_s = np.linspace(0, seconds, points)
        low = 0.0 if base.lowest_volts > -top else -top
        drive = np.interp(
            time_s / seconds,
            [0, 0.25, 0.75, 1] if low else [0, 0.5, 0.5, 1],
            [0, top, low or top, 0],
        )
        try:
            device = base.with_parameters(**changed)
            amps = follow(
                device, sweep_course(time_s, drive), 1, 1e-8, gate_volts=device.gate_default
            )[0][:, 0]
        except InputError:
            continue
        if np.all(np.isfinite(amps)) and loop(drive, amps) > LOOP:
            exact = Sweep(time=time_s, volts=sign * drive, amps=sign * amps)
            return (
                replace(exact, amps=exact.amps * (1 + noise * rng.standard_normal(points))),
                exact,
            )


def loop(volts: np.ndarray, amps: np.ndarray) -> float:
    """Return the largest logarithm of the ratio of the two branches' currents, in either
    polarity."""
    most = 0.0
    for sign in (1.0, -1.0):
        here = sign * volts > 0
        if not here.any():
            continue
        v, i = sign * volts[here], np.abs(amps[here])
        turn = int(np.argmax(v))
        at = np.linspace(0.1, 0.9, 9) * v[turn]
        if 2 < turn < v.size - 3:
            most = max(
                most,
                float(
                    np.max(
                        np.abs(
                            np.log(
                                np.interp(at, v[:turn], i[:turn])
                                / np.interp(at, v[turn:][::-1], i[turn:][::-1])
                            )
                        )
                    )
                ),
            )
    return most


def blind(
    names: list[str],
    most: int,
    points: int,
    noise: float,
    seed: int,
    record: str | None,
    budget: float,
) -> bool:
    """Fit drawn curves from the published sets; print a line a model and return whether all are
    found, or said to be missed."""
    found: dict[str, dict[str, float]] = {}
    print(
        f"{'model':20s} {'draws':>6s} {'recovered':>10s} {'told':>6s} {'silent':>7s} {'worst':>7s}"
        f" {'s a fit':>8s} {'most':>6s}"
    )
    for name in names or sorted(CUSTOMARY):
        ratios, told, seconds = list[float](), list[bool](), list[float]()
        began = time.process_time()
        for draw in range(most):
            if draw and time.process_time() - began > budget:
                break
            data, exact = blind_draw(name, seed + draw, points, noise)
            begin = time.process_time()
            try:
                result = fit_data(name, data, rng=np.random.default_rng((seed, draw)))
            except ConvergenceError:
                said, ratio = True, np.inf
            else:
                weight = np.abs(exact.amps) + 0.01 * np.max(np.abs(exact.amps))
                ratio = np.sqrt(
                    np.mean(((result.fitted - data.amps) / weight) ** 2)
                    / np.mean(((exact.amps - data.amps) / weight) ** 2)
                )
                said = any("misses these data" in remark for remark in result.remarks)
            ratios.append(ratio)
            told.append(said)
            seconds.append(time.process_time() - begin)
        draws, missed = len(ratios), ~(np.array(ratios) <= 1.1)
        good, silent = int(np.sum(~missed)), int(np.sum(missed & ~np.array(told)))
        print(
            f"{name:20s} {draws:6d} {good:10d} {draws - good - silent:6d} {silent:7d}"
            f" {max(ratios):7.2f} {np.mean(seconds):8.2f} {max(seconds):6.1f}",
            flush=True,
        )
        for draw in np.flatnonzero(missed):
            print(f"    draw {draw}: {ratios[draw]:.2f}{', told' if told[draw] else ''}")
        found[name] = {
            "draws": draws,
            "recovered": good,
            "told": draws - good - silent,
            "silent": silent,
            "seconds": float(np.mean(seconds)),
            "most": max(seconds),
        }
    if record:
        Path(record).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return all(
        row["recovered"] >= 0.95 * row["draws"] and not row["silent"] for row in found.values()
    )


def main(names: list[str], draws: int, points: int, noise: float, seed: int) -> bool:
    """Check the models of these names, all that can be fitted if there are none; return whether all
    are recovered."""
    print(HEAD)
    good = [
        report(name, *deviations(name, draws, points, noise, seed))
        for name in names or sorted(CUSTOMARY)
    ]
    return all(good)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--points", type=int, default=300)
    parser.add_argument("--noise", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--blind", action="store_true", help="no start but the published set")
    parser.add_argument(
        "--seconds", type=float, default=np.inf, help="of the processor, a model of --blind"
    )
    parser.add_argument("--json", metavar="FILE", help="write the counts of --blind")
    given = parser.parse_args()
    if given.blind:
        sys.exit(
            0
            if blind(
                given.names,
                given.draws,
                given.points,
                given.noise,
                given.seed,
                given.json,
                given.seconds,
            )
            else 1
        )
    sys.exit(0 if main(given.names, given.draws, given.points, given.noise, given.seed) else 1)
