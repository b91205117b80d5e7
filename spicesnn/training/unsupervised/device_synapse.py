"""Increment tables of a real device: what one STDP pulse does, by its lag and by the present weight, from solved pulses.

A weight is w = G/G₁. An output spike sends every synapse of its neuron a set pulse whose voltage tells how long ago the input
spiked; an input spike sends a reset pulse likewise (Memristor-Spikelearn, DATE 2023). One array solves all of it: word lines at
the pulse voltages, one bit line a weight, wires without resistance; either engine does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Pulse
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.errors import InputError
from spicesnn.training.unsupervised.network import TableSynapse, UnsupervisedNetwork
from spicesnn.training.unsupervised.wired import Pulses

LAGS, GRID, VOLTAGES = 240, 257, 160
"""Size of the tables: lags (a trace of 20 ms has fallen to e⁻⁶ after 240 steps of 0.5 ms), weights, voltages solved."""
DISTURBANCE = 1e-9
"""Change of a weight by one half-selected pulse that is left out: a million pulses change it by a thousandth."""


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
        Conductance of weight 1, siemens.
    read_volts : float
        Where conductance is taken as I/V.
    """

    set_s: float
    reset_s: float
    set_volts: tuple[float, float]
    reset_volts: tuple[float, float]
    g_one: float
    read_volts: float = 0.1


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PulseMap:
    """Δw of one pulse: `change` (voltages, weights) at `volts` (voltages,) and `weights` (weights,); the sign is the polarity's."""

    volts: Floats
    weights: Floats
    change: Floats

    def at(self, volts: Floats) -> Floats:
        """Return Δw for a voltage a lag and all weights, (lags, weights), linear in the voltage between the solved ones."""
        columns = [np.interp(volts, self.volts, self.change[:, k], left=0.0) for k in range(self.weights.size)]
        return np.stack(columns, axis=-1)

    def reach(self, wanted: Floats) -> Floats:
        """Return the Δw nearest to `wanted` (lags, weights) that a voltage in the range gives.

        The voltage is chosen for each state (compensated pulses): every change up to that of the largest voltage can be had.
        """
        most = np.abs(self.change).max(axis=0)
        return np.asarray(np.sign(wanted) * np.minimum(np.abs(wanted), most))

    def volts_for(self, wanted: Floats) -> Floats:
        """Return the voltages (lags, weights) that change the weights by `wanted` (lags, weights): 0 for nothing, the largest for too much."""
        size, found = np.abs(wanted), np.empty(wanted.shape)
        for k in range(self.weights.size):
            change = np.maximum.accumulate(np.abs(self.change[:, k]))
            rising = np.flatnonzero(np.diff(change, prepend=-1.0) > 0)
            found[:, k] = np.interp(size[:, k], change[rising], self.volts[rising])
        found[-1] = 0.0
        return np.where(size > 0, found, 0.0)


def solve_map(device: Device, engine: Engine, scheme: PulseScheme, *, up: bool, gate_volts: float | None = None) -> PulseMap:
    """Solve one pulse for every pair of voltage and weight.

    Raises
    ------
    InputError
        Where the device learns backwards: a set pulse that lowers a conductance, or a reset pulse that raises one.
    """
    low, high = _range(device, scheme.read_volts)
    weights = np.linspace(0.0, 1.0, GRID) ** 2
    siemens = np.clip(weights * scheme.g_one, low, high)
    magnitude = np.linspace(*(scheme.set_volts if up else scheme.reset_volts), VOLTAGES)
    polarity = device.set_polarity if up else -device.set_polarity
    if polarity == 0:
        raise InputError(f"{device.name} does not say which polarity sets it, so pulses cannot be designed for it")
    state = np.broadcast_to(device.state_for_conductance(siemens, v=scheme.read_volts), (VOLTAGES, GRID))
    array = Crossbar(device=device, state=state, wires=Wires.ideal())
    gates = None if gate_volts is None else np.full(VOLTAGES, gate_volts)
    after = engine.pulse(array, Pulse(row_volts=polarity * magnitude, width_s=scheme.set_s if up else scheme.reset_s, gate_volts=gates)).array
    before_amps = device.current(scheme.read_volts, array.state_or_zeros())
    change = (device.current(scheme.read_volts, after.state_or_zeros()) - before_amps) / scheme.read_volts / scheme.g_one
    wrong = change < -1e-9 if up else change > 1e-9
    if np.any(wrong):
        k, w = np.argwhere(wrong)[0]
        raise InputError(
            f"{device.name}: a {'set' if up else 'reset'} pulse of {magnitude[k]:.4g} V changes the weight {weights[w]:.3f} by {change[k, w]:+.3g}: "
            "the device would learn backwards"
        )
    return PulseMap(volts=magnitude, weights=weights, change=np.clip(change, 0, None) if up else np.clip(change, None, 0))


def _range(device: Device, v: float) -> tuple[float, float]:
    bounds = [np.asarray(device.current(v, np.asarray(b, dtype=float))) / v for b in device.bounds()]
    return float(np.min(bounds)), float(np.max(bounds))


def literal(
    set_map: PulseMap, reset_map: PulseMap, network: UnsupervisedNetwork, te2v: Callable[[Floats], Floats], to2v: Callable[[Floats], Floats]
) -> TableSynapse:
    """Return the synapse whose pulse voltage follows the trace alone, whatever the state: te2v(Ap·te), to2v(An·to) in volt (magnitudes)."""
    trace = _trace(network)
    return _synapse(set_map.at(np.abs(te2v(network.potentiation * trace))),
                    reset_map.at(np.abs(to2v(network.potentiation * network.depression_share * trace))))  # fmt: skip


def compensated(set_map: PulseMap, reset_map: PulseMap, network: UnsupervisedNetwork) -> TableSynapse:
    """Return the synapse whose pulse voltage is chosen for the trace and for the state, so that Δw is the soft-bound rule's where it can be."""
    up, down = _wanted(set_map, network)
    return _synapse(set_map.reach(up), reset_map.reach(down))


def _wanted(set_map: PulseMap, network: UnsupervisedNetwork) -> tuple[Floats, Floats]:
    """Return Δw of the soft-bound rule at an output spike and at an input spike, (lags, weights)."""
    trace, weights = _trace(network)[:, None], set_map.weights
    up = network.potentiation * trace * (1.0 - weights)
    return up, -network.potentiation * network.depression_share * trace * weights


def compensated_volts(set_map: PulseMap, reset_map: PulseMap, network: UnsupervisedNetwork) -> tuple[Floats, Floats]:
    """Return the voltages (lags, weights) that `compensated` pulses have; what is out of reach gets the largest."""
    up, down = _wanted(set_map, network)
    return set_map.volts_for(up), reset_map.volts_for(down)


def literal_volts(network: UnsupervisedNetwork, te2v: Callable[[Floats], Floats], to2v: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    """Return the voltages (lags, weights) of `literal` pulses: the same for every weight."""
    trace = _trace(network)
    volts = np.abs(te2v(network.potentiation * trace)), np.abs(to2v(network.potentiation * network.depression_share * trace))
    up, down = (np.repeat(np.where(np.arange(LAGS) < LAGS - 1, v, 0.0)[:, None], GRID, axis=1) for v in volts)
    return up, down


def pulses_for(scheme: PulseScheme, set_map: PulseMap, reset_map: PulseMap, volts_up: Floats, volts_down: Floats) -> Pulses:
    """Return the pulses of a device whose controller sends `volts_up` and `volts_down` (lags, weights), for writes through wires.

    Raises
    ------
    InputError
        Half the largest voltage still moves a cell: the V/2 scheme would disturb all half-selected ones.
    """
    for name, made, volts in (("set", set_map, volts_up), ("reset", reset_map, volts_down)):
        half = 0.5 * float(volts.max())
        disturbed = made.volts <= 1.05 * half
        worst = float(np.abs(made.change[disturbed]).max(initial=0.0))
        if worst > DISTURBANCE:
            raise InputError(
                f"{name} pulses of up to {2 * half:.3g} V move half-selected cells by {worst:.2g} of a weight each; at most {DISTURBANCE:g} can be "
                "left out. Use a device with a steeper threshold, or one with a selector or a transistor"
            )
    first_up, first_down = set_map.volts[0], reset_map.volts[0]
    return Pulses(
        volts_up=volts_up.astype(np.float32), volts_down=volts_down.astype(np.float32),
        up=np.ascontiguousarray(set_map.change, np.float32), down=np.ascontiguousarray(reset_map.change, np.float32),
        up_span=(np.float32(first_up), np.float32(set_map.volts[1] - first_up)),
        down_span=(np.float32(first_down), np.float32(reset_map.volts[1] - first_down)),
        up_s=scheme.set_s * scheme.g_one, down_s=scheme.reset_s * scheme.g_one,
    )  # fmt: skip


def _trace(network: UnsupervisedNetwork) -> Floats:
    return np.asarray(np.exp(-np.arange(LAGS) * network.step_s / network.trace_tau_s))


def _synapse(up: Floats, down: Floats) -> TableSynapse:
    def table(values: Floats) -> NDArray[np.float32]:
        rounded = values.astype(np.float32)
        rounded[-1] = 0.0  # lags beyond the table: the trace has died out
        return rounded

    return TableSynapse(up=table(np.maximum(up, 0)), down=table(np.minimum(down, 0)))
