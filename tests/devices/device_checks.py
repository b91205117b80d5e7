"""What the tests of single device models share: tight integration, finite differences, and ngspice
by hand."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.paths import model_file


def integrate(device, volts, times, start, breaks=(), **options):
    """Return the states at `times`, integrated from 0 with tight tolerances and never across one of
    `breaks`."""
    times = np.atleast_1d(np.asarray(times, dtype=float))
    state = np.atleast_1d(np.asarray(start, dtype=float))
    scale = np.asarray(device.state_scale)
    settings = {"method": "DOP853", "rtol": 1e-11, "atol": 1e-13} | options

    def slope(t, y):
        x = y * scale
        return np.atleast_1d(device.rate(volts(t), x if len(scale) > 1 else x[0])) / scale

    states = {}
    edges = np.unique(np.concatenate([[0.0], np.asarray(breaks, dtype=float), times]))
    edges = edges[edges <= times.max()]
    y = state / scale
    states[0.0] = y * scale
    for begin, end in pairwise(edges):
        y = solve_ivp(slope, (begin, end), y, **settings).y[:, -1]
        states[float(end)] = y * scale
    found = np.array([states[float(t)] for t in times])
    return found if len(scale) > 1 else found[:, 0]


def conductance_error(device: Device, volts: Floats, states: Floats, step: float = 1e-6) -> float:
    """Return the largest relative difference between dI/dV and its central difference."""
    v, x = np.broadcast_arrays(volts, states)
    difference = (device.current(v + step, x) - device.current(v - step, x)) / (2 * step)
    given = device.conductance(v, x)
    return float(
        np.max(
            np.abs(given - difference)
            / np.maximum(np.abs(difference), 1e-12 * np.max(np.abs(difference)))
        )
    )


def slope_error(device: Device, volts: Floats, states: Floats, relative: float = 1e-6) -> float:
    """Return the largest difference between ∂f/∂x and its central difference, relative to the
    largest slope."""
    low, high = device.bounds()
    step = relative * (high - low)
    v, x = np.broadcast_arrays(volts, states)
    difference = (device.rate(v, x + step) - device.rate(v, x - step)) / (2 * step)
    given = device.rate_slope(v, x)
    return float(
        np.max(
            np.abs(given - difference)
            / (np.abs(difference) + 1e-6 * np.max(np.abs(difference)) + 1e-300)
        )
    )


def spice_run(
    device: Device,
    source: str,
    stop: float,
    folder: Path,
    *,
    start,
    tmax: float | None = None,
    reltol: float = 1e-5,
):
    """Drive the SPICE twin with ngspice in batch mode: time, volts, amps, states (states, points),
    accepted and rejected steps."""
    names = device.state_names
    given = device.spice_parameters() | {
        f"{name}_init": value for name, value in zip(names, np.atleast_1d(start), strict=True)
    }
    line = " ".join(f"{key}={float(value):.17g}" for key, value in given.items())
    data = folder / "out.txt"
    deck = f"""twin
.include "{model_file(device.model)}"
v1 p 0 {source}
x1 p 0 {" ".join(f"s{name}" for name in names)} {device.subckt} {line}
.options reltol={reltol} trtol=1 abstol=1e-15 vntol=1e-9
.control
set wr_singlescale
set wr_vecnames
set numdgt=16
option numdgt=16
tran {stop / 1000} {stop} 0 {tmax or stop / 1000} uic
wrdata {data} v(p) i(v1) {" ".join(f"v(s{name})" for name in names)}
rusage accept rejected
.endc
.end
"""
    path = folder / "deck.cir"
    path.write_text(deck)
    run = subprocess.run(
        ["ngspice", "-b", str(path)], capture_output=True, text=True, timeout=120, check=False
    )
    text = run.stdout + run.stderr
    assert data.is_file(), text
    table = np.loadtxt(data, skiprows=1)
    assert abs(table[-1, 0] - stop) < 1e-9 * stop, text
    counts = [
        int(re.search(rf"{word}\D*(\d+)", text, re.IGNORECASE).group(1))
        for word in ("accepted timepoints", "rejected timepoints")
    ]
    return (
        table[:, 0],
        table[:, 1],
        -table[:, 2],
        (table[:, 3:] * np.asarray(device.state_scale)).T,
        counts,
    )
