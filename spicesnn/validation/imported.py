"""How well an imported device's nodal twin agrees with ngspice: currents, slopes and pulses at
random points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Pulse
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.engines.nodal.engine import NodalEngine

_POINTS = 64
_BENT = 1e-6
_STENCIL = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))


@dataclass(frozen=True, kw_only=True, slots=True)
class TwinErrors:
    """Largest differences between the nodal twin and ngspice at random points.

    Attributes
    ----------
    value : float
        Of the current, relative to it, or to a thousandth of the largest one where that is more.
    jacobian : float
        Of dI/dV against differences of ngspice's currents, in the same way.
    state : float
        Of the states after a pulse of a tenth of the typical period, of their range.
    travel : float
        How far that pulse moved a state at most, of its range: where nothing moves, `state` says
        nothing.
    """

    value: float
    jacobian: float
    state: float
    travel: float


def twin_errors(device: Device, ngspice: Engine, rng: np.random.Generator) -> TwinErrors:
    """Return the errors of a device that has both twins.

    Parameters
    ----------
    device : Device
    ngspice : Engine
    rng : Generator
        Where the points come from.
    """
    amplitude, frequency = device.typical_drive()
    count = len(device.state_names)
    low, high = (np.asarray(b, dtype=float).reshape(-1, 1) for b in device.bounds())
    states = low + (high - low) * rng.uniform(0.05, 0.95, (max(count, 1), _POINTS))
    volts = rng.uniform(-amplitude, amplitude, _POINTS)
    given = None if not count else states[:, :, None] if count > 1 else states[0][:, None]
    array = Crossbar(device=device, state=given, shape=(_POINTS, 1), wires=Wires.ideal())

    def measured(shift: float) -> Floats:
        # Each cell has a word line of its own, so a row's current is that of its cell.
        return np.asarray(ngspice.read(array, volts + shift).row_amps)

    def slopes(step: float) -> Floats:
        return np.asarray(
            np.sum([weight * measured(k * step) for k, weight in _STENCIL], axis=0) / step
        )

    amps, siemens = device.current_and_conductance(volts, states if count > 1 else states[0])
    slope = slopes(1e-3 * amplitude)
    if _relative(siemens, slope) > _BENT:
        # A kink of the model between the voltages of a difference: a shorter one passes it by.
        short = slopes(1e-5 * amplitude)
        slope = np.where(np.abs(short - siemens) < np.abs(slope - siemens), short, slope)
    apart, travel = _moved(array, ngspice, volts, frequency)
    return TwinErrors(
        value=_relative(amps, measured(0.0)),
        jacobian=_relative(siemens, slope),
        state=apart,
        travel=travel,
    )


def spice_errors(device: Device, ngspice: Engine, rng: np.random.Generator) -> TwinErrors:
    """Return how far the sub-circuit of a device is from its equations, whose derivatives are known
    to be right.

    As `twin_errors`, but for parameters as they are: slopes are differences of both twins' currents
    over the same voltages, so that a kink of the model between two of them counts for nothing."""
    amplitude, frequency = device.typical_drive()
    count = len(device.state_names)
    low, high = (np.asarray(b, dtype=float).reshape(-1, 1) for b in device.bounds())
    states = low + (high - low) * rng.uniform(0.02, 0.98, (max(count, 1), _POINTS))
    volts = rng.uniform(-amplitude, amplitude, _POINTS)
    given = (
        None if not device.state_names else states[:, :, None] if count > 1 else states[0][:, None]
    )
    array = Crossbar(device=device, state=given, shape=(_POINTS, 1), wires=Wires.ideal())
    step = 1e-3 * amplitude
    shifts = [0.0, *(k * step for k, _ in _STENCIL)]
    at = states if count > 1 else states[0]
    pairs = [
        (
            np.asarray(ngspice.read(array, volts + d).row_amps),
            np.asarray(device.current(volts + d, at)),
        )
        for d in shifts
    ]
    spice, own = (
        np.sum([w * pair[k] for pair, (_, w) in zip(pairs[1:], _STENCIL, strict=True)], axis=0)
        / step
        for k in (0, 1)
    )
    few = slice(None, None, 4)
    some = None if given is None else given[:, few] if count > 1 else given[few]
    pulsed = Crossbar(device=device, state=some, shape=(volts[few].size, 1), wires=Wires.ideal())
    apart, travel = _moved(pulsed, ngspice, volts[few], frequency)
    return TwinErrors(
        value=_relative(pairs[0][0], pairs[0][1]),
        jacobian=_relative(spice, own),
        state=apart,
        travel=travel,
    )


def _moved(
    array: Crossbar, ngspice: Engine, volts: Floats, frequency: float
) -> tuple[float, float]:
    """Return the largest difference of states after one pulse, and the farthest that one moved, of
    their range."""
    device = array.device
    if device is None or not device.state_names:
        return 0.0, 0.0
    pulse = Pulse(row_volts=volts, width_s=0.1 / frequency, rise_s=0.005 / frequency)
    shape = (len(device.state_names), -1)
    after = [
        np.asarray(engine.pulse(array, pulse).state).reshape(shape)
        for engine in (ngspice, NodalEngine())
    ]
    low, high = (np.asarray(b, dtype=float).reshape(-1, 1) for b in device.bounds())
    before = array.state_or_zeros().reshape(shape)
    return float(np.max(np.abs(after[0] - after[1]) / (high - low))), float(
        np.max(np.abs(after[1] - before) / (high - low))
    )


def _relative(found: Floats, true: Floats) -> float:
    return float(
        np.max(np.abs(found - true) / np.maximum(np.abs(true), 1e-3 * np.abs(true).max() + 1e-300))
    )
