"""What one programming pulse does to a conductance: solved once by an engine for every pair of
voltage and state, then looked up.

All cells of a map are solved as one array: word lines at the pulse voltages, one bit line a
conductance, wires without resistance, so that each cell sees the pulse as it was programmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.mapping import Window
from spicesnn.crossbar.stimulus import Pulse
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError, InputError

GRID, VOLTAGES = 257, 160
"""Conductances and voltages at which pulses are solved."""
_BACKWARDS = 1e-9
"""A change of the wrong sign beyond this fraction of the largest conductance is none of
rounding."""


def set_polarity(device: Device) -> int:
    """Sign of the voltage that raises a device's conductance.

    Raises
    ------
    InputError
        A device that does not say so: no pulse can be designed for it.
    """
    if device.set_polarity == 0:
        raise InputError(
            f"{device.name} does not say which polarity sets it, so pulses cannot be designed for"
            " it: give its class a set_polarity; of a sub-circuit of your own it is known where"
            " one state moves up at one sign of the [drive] amplitude and down at the other"
        )
    return device.set_polarity


def refuse_idle(device: Device, up: Floats, down: Floats) -> None:
    """Refuse set or reset pulses that move no state of a device, changes `up` and `down`: a network
    would learn nothing, or in one direction."""
    for what, change in (("set", up), ("reset", down)):
        if not np.any(change):
            raise ConfigError(
                f"{device.name}: no {what} pulse of this scheme moves the device; give higher"
                " voltages or wider pulses"
            )


def solved_changes(
    device: Device,
    engine: Engine,
    siemens: Floats,
    magnitudes: Floats,
    width_s: float,
    *,
    up: bool,
    read_volts: float = 0.0,
    gate_volts: float | None = None,
) -> Floats:
    """Solve one pulse for every pair of magnitude and conductance.

    Parameters
    ----------
    device : Device
    engine : Engine
    siemens : (states,)
        Conductances before the pulse.
    magnitudes : (voltages,)
        Of the pulses, volt.
    width_s : float
    up : bool
        Set pulses, or reset pulses.
    read_volts : float
        Conductance is I/V there; dI/dV at 0 V for 0.
    gate_volts : float, optional
        Third terminal of all cells.

    Returns
    -------
    (voltages, states) siemens
        What each pulse changes, ≥ 0 by set pulses and ≤ 0 by reset pulses.

    Raises
    ------
    InputError
        Where the device would learn backwards: a set pulse that lowers a conductance, or a reset
        pulse that raises one.
    """
    polarity = set_polarity(device) if up else -set_polarity(device)
    state = np.broadcast_to(
        device.state_for_conductance(siemens, v=read_volts), (magnitudes.size, siemens.size)
    )
    before = Crossbar(device=device, state=state, wires=Wires.ideal())
    gates = None if gate_volts is None else np.full(magnitudes.size, gate_volts)
    after = engine.pulse(
        before, Pulse(row_volts=polarity * magnitudes, width_s=width_s, gate_volts=gates)
    ).array
    old, new = before.state_or_zeros(), after.state_or_zeros()
    if read_volts == 0:
        change = np.asarray(device.conductance(0.0, new) - device.conductance(0.0, old))
    else:
        change = np.asarray(
            (device.current(read_volts, new) - device.current(read_volts, old)) / read_volts
        )
    wrong = (-change if up else change) > _BACKWARDS * float(siemens.max())
    if np.any(wrong):
        k, at = np.argwhere(wrong)[0]
        raise InputError(
            f"{device.name}: a {'set' if up else 'reset'} pulse of {magnitudes[k]:.4g} V at"
            f" {siemens[at]:.4g} S moves the conductance the wrong way, by {change[k, at]:+.3g} S:"
            " the device would learn backwards"
        )
    return np.clip(change, 0.0, None) if up else np.clip(change, None, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class StrongestPulses:
    """The strongest set and reset pulse that the drivers give: magnitudes in volt, widths in
    second."""

    set_volts: float
    reset_volts: float
    set_s: float
    reset_s: float

    def joule(self, set_siemens: float, reset_siemens: float) -> float:
        """Energy V²·t·ΣG of set and reset pulses, with the sum of the mean conductances of the
        cells that each kind is given to, siemens."""
        return (
            set_siemens * self.set_volts**2 * self.set_s
            + reset_siemens * self.reset_volts**2 * self.reset_s
        )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class StepLimits:
    """Largest steps at the conductances `at` (even, ascending, siemens): `up` ≥ 0 and `down` ≤ 0,
    siemens.

    A driver that chooses the voltage for the state reaches every step up to these, since a weaker
    pulse does less."""

    at: Floats
    up: Floats
    down: Floats

    @classmethod
    def solved(
        cls, device: Device, engine: Engine, pulses: StrongestPulses, *, read_volts: float = 0.0
    ) -> Self:
        """Solve both pulses on devices at every conductance of the grid, each cell alone on its bit
        line, without wires.

        Parameters
        ----------
        device : Device
        engine : Engine
        pulses : StrongestPulses
        read_volts : float
            Conductance is I/V there; dI/dV at 0 V for 0.

        Raises
        ------
        InputError
            Where the device would learn backwards: a set pulse that lowers a conductance, or a
            reset pulse that raises one.
        """
        set_polarity(device)
        window = Window.of(device, volts=read_volts)
        at = np.linspace(window.low, window.high, GRID)
        up, down = (
            solved_changes(
                device, engine, at, np.array([volts]), width_s, up=rising, read_volts=read_volts
            )[0]
            for volts, width_s, rising in (
                (pulses.set_volts, pulses.set_s, True),
                (pulses.reset_volts, pulses.reset_s, False),
            )
        )
        return cls(at=at, up=up, down=down)

    def reached(self, siemens: Floats, wanted: Floats) -> Floats:
        """Return the step nearest to `wanted` that a pulse can make, for cells that conduct
        `siemens`."""
        return np.clip(
            wanted, np.interp(siemens, self.at, self.down), np.interp(siemens, self.at, self.up)
        )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PulseScheme:
    """How spikes become pulses on a device.

    Attributes
    ----------
    set_s, reset_s : float
        Pulse widths, second.
    set_volts, reset_volts : (lowest, highest)
        Magnitudes that the drivers can give, volt.
    g_one : float
        What a weight of 1 conducts more than one of 0, siemens.
    read_volts : float
        Where conductance is taken as I/V.
    g_zero : float
        Conductance of weight 0, siemens.
    """

    set_s: float
    reset_s: float
    set_volts: tuple[float, float]
    reset_volts: tuple[float, float]
    g_one: float
    read_volts: float = 0.1
    g_zero: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PulseMap:
    """Δw of one pulse, w = (G − G₀)/G₁: `change` (voltages, weights) at `volts` (voltages,) and `weights`
    (weights,); the sign is the polarity's."""

    volts: Floats
    weights: Floats
    change: Floats

    @classmethod
    def solved(
        cls,
        device: Device,
        engine: Engine,
        scheme: PulseScheme,
        *,
        up: bool,
        gate_volts: float | None = None,
    ) -> Self:
        """Solve one pulse for every pair of voltage and weight; see `solved_changes`."""
        bounds = [
            device.chord_conductance(np.asarray(b, dtype=float), v=scheme.read_volts)
            for b in device.bounds()
        ]
        weights = np.linspace(0.0, 1.0, GRID) ** 2
        siemens = scheme.g_zero + weights * scheme.g_one
        siemens = np.clip(siemens, float(np.min(bounds)), float(np.max(bounds)))
        volts = np.linspace(*(scheme.set_volts if up else scheme.reset_volts), VOLTAGES)
        width_s = scheme.set_s if up else scheme.reset_s
        change = solved_changes(
            device,
            engine,
            siemens,
            volts,
            width_s,
            up=up,
            read_volts=scheme.read_volts,
            gate_volts=gate_volts,
        )
        return cls(volts=volts, weights=weights, change=change / scheme.g_one)

    def at(self, volts: Floats) -> Floats:
        """Return Δw for a voltage a lag and all weights, (lags, weights), linear in the voltage
        between the solved ones."""
        columns = [
            np.interp(volts, self.volts, self.change[:, k], left=0.0)
            for k in range(self.weights.size)
        ]
        return np.stack(columns, axis=-1)

    def reach(self, wanted: Floats) -> Floats:
        """Return the Δw nearest to `wanted` (lags, weights) that a voltage in the range gives.

        The voltage is chosen for each state (compensated pulses): every change up to that of the
        largest voltage can be had."""
        most = np.abs(self.change).max(axis=0)
        return np.asarray(np.sign(wanted) * np.minimum(np.abs(wanted), most))

    def volts_for(self, wanted: Floats) -> Floats:
        """Return the voltages (lags, weights) that change the weights by `wanted` (lags, weights):
        0 for nothing, the largest for too much."""
        size, found = np.abs(wanted), np.empty(wanted.shape)
        for k in range(self.weights.size):
            change = np.maximum.accumulate(np.abs(self.change[:, k]))
            rising = np.flatnonzero(np.diff(change, prepend=-1.0) > 0)
            found[:, k] = np.interp(size[:, k], change[rising], self.volts[rising])
        found[-1] = 0.0
        return np.where(size > 0, found, 0.0)
