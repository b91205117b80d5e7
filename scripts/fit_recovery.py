"""Does `fit` find known parameters again? Every model, synthetic data with noise, many draws: what is recovered, and how honest the errors are.

    python scripts/fit_recovery.py [vteam yakopcic …] [--draws 20] [--noise 0.02] [--points 300] [--seed 0]

The nodal engine solves one period of the model's typical sine. In each draw every current gets relative noise, the parameters to fit begin
up to 15 % off, and the model is fitted from two starts. Prints a line a parameter: its true value, the median of the stated standard
deviations (relative, which is how errors are counted: along the logarithm), the bias (mean error over its own standard error), how many draws
lie within one, two and three stated standard deviations (normal errors: 68, 95 and 99.7 %) and the largest deviation. The exit code is 1 if,
over a model, fewer than 90 % lie within two, or one beyond 4.5.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace

import numpy as np

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.devices.base import Device
from spicesnn.devices.measurements import Sweep
from spicesnn.devices.stimulus import Stimulus
from spicesnn.fitting.fit import CUSTOMARY, fit_data

HEAD = f"{'model':20s} {'parameter':16s} {'truth':>10s} {'stated ±':>9s} {'bias':>6s} {'< 1σ':>6s} {'< 2σ':>6s} {'< 3σ':>6s} {'most':>6s}"


def true_device(name: str) -> Device:
    """Return the device that is to be found again: the published one, in a place of its spread where it has one."""
    return registry.make(name, **({"xi": 0.5} if name == "metal-oxide" else {}))


def true_sweep(device: Device, points: int) -> Sweep:
    """Return one period of the typical sine, solved by the nodal engine (not by the fit's own integrator); of the emulator a triangle above 0 V."""
    amplitude, frequency = device.typical_drive()
    if device.lowest_volts > -amplitude:
        stimulus: Stimulus = sn.PiecewiseLinear(np.array([0.0, 2.5e-7, 5e-7]), np.array([0.0, amplitude, 0.0]))
    else:
        stimulus = sn.Sine(amplitude=amplitude, frequency=frequency, periods=1)
    curve = sn.NodalEngine().drive(device, stimulus, points=points)
    return Sweep(time=curve.time, volts=curve.volts, amps=curve.amps)


def deviations(name: str, draws: int, points: int, noise: float, seed: int) -> tuple[dict[str, np.ndarray], float]:
    """Return, a parameter, (draws, 2): logarithmic error over the stated deviation, and that deviation, relative; and processor seconds a fit."""
    found: dict[str, list[tuple[float, float]]] = {key: [] for key in CUSTOMARY[name]}
    device, spent = true_device(name), 0.0
    truth = true_sweep(device, points)
    for draw in range(draws):
        rng = np.random.default_rng((seed, draw))
        data = replace(truth, amps=truth.amps * (1.0 + noise * rng.normal(size=truth.points)))
        base = device.with_parameters(**{key: getattr(device, key) * np.exp(rng.uniform(-0.15, 0.15)) for key in CUSTOMARY[name]})
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
        print(f"{name:20s} {key:16s} {getattr(device, key):10.4g} {100 * np.median(rows[:, 1]):8.2g}% {bias:6.1f} {shares} {np.abs(off).max():6.2f}")
    every = np.abs(np.concatenate([rows[:, 0] for rows in found.values()]))
    good = bool(np.mean(every < 2) >= 0.9 and every.max() < 4.5)
    print(f"{name:20s} all: {100 * np.mean(every < 2):.1f} % within two, {seconds:.2f} s a fit{'' if good else '  NOT OK'}", flush=True)
    return good


def main(names: list[str], draws: int, points: int, noise: float, seed: int) -> bool:
    """Check the models of these names, all that can be fitted if there are none; return whether all are recovered."""
    print(HEAD)
    good = [report(name, *deviations(name, draws, points, noise, seed)) for name in names or sorted(CUSTOMARY)]
    return all(good)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--points", type=int, default=300)
    parser.add_argument("--noise", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sys.exit(0 if main(given.names, given.draws, given.points, given.noise, given.seed) else 1)
