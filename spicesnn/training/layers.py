"""The layers of a network: each an array of its own, with the hidden neurons between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar, GateAlong
from spicesnn.crossbar.faults import StuckMap, Wear
from spicesnn.crossbar.mapping import Columns, Window
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.errors import ConfigError
from spicesnn.learning.gradients import spike_slope
from spicesnn.neurons.lif import LIF, firing_rate, first_spike_time


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Layer:
    """One array: its cells (`device`, with parameters a cell where they vary), wires, and how
    weights stand on its columns.

    `gain` is what weights were divided by to fit the window: current mirrors between columns and
    neurons multiply by it again."""

    shape: tuple[int, int]
    outputs: int
    device: Device
    stuck: StuckMap | None
    columns: Columns
    window: Window
    wires: Wires
    gate_along: GateAlong
    read_volts: float
    gain: float = 1.0

    def amps(self, column_amps: Floats) -> Floats:
        """Return the currents into the neurons (…, outputs), of those of the columns: their
        differences, times the gain of the mirrors below."""
        return self.gain * self.columns.outputs(column_amps)

    def array(self, state: Floats, wear: Wear | None = None) -> Crossbar:
        """Return the array with its cells in given states; stuck cells are where they are stuck,
        and worn ones move no more."""
        array = Crossbar(
            device=self.device, state=state, wires=self.wires, gate_along=self.gate_along
        )
        if self.stuck is not None:
            array = self.stuck.applied(array)
        if wear is not None and np.any(wear.dead):
            array = replace(
                array, stuck=wear.dead if array.stuck is None else array.stuck | wear.dead
            )
        return array

    def fresh(self, initial: tuple[float, ...], rng: np.random.Generator) -> Floats:
        """Return states before learning: conductances uniform between two shares of the window, or
        the model's fresh state for none."""
        if not initial:
            return np.array(
                np.broadcast_to(np.asarray(self.device.initial_state(), dtype=float), self.shape)
            )
        low, high = (initial * 2)[:2]
        if not low <= high <= 1:
            raise ConfigError(
                f"network.initial is {list(initial)}; expected [low, high] fractions with 0 ≤ low ≤"
                " high ≤ 1"
            )
        return self.states_of(self.window.at(rng.uniform(low, high, self.shape)))

    def states_of(self, siemens: Floats) -> Floats:
        """Return the states of given conductances; a cell with parameters of its own that does not
        reach its conductance goes to the nearer end."""
        wanted = np.asarray(siemens, dtype=float)
        if any(np.ndim(value) for value in self.device.spice_parameters().values()):
            ends = [
                self.siemens(np.broadcast_to(np.asarray(bound, dtype=float), self.shape))
                for bound in self.device.bounds()
            ]
            wanted = np.clip(wanted, np.minimum(*ends), np.maximum(*ends))
        return self.device.state_for_conductance(
            wanted, v=0.0 if self.device.linear else self.read_volts
        )

    def siemens(self, state: Floats) -> Floats:
        """Return the conductances of given states, wires left out (I/V at the read voltage for
        cells that are not linear)."""
        chord = self.device.chord_conductance(
            state, v=0.0 if self.device.linear else self.read_volts
        )
        return np.array(np.broadcast_to(chord, self.shape))

    def weights(self, state: Floats) -> Floats:
        """Return the weights (inputs, outputs) that the states stand for, 1 being the conductance
        window."""
        return self.columns.weights(self.siemens(state), self.window)


class Hidden(ABC):
    """What a hidden neuron passes on: a number from 0 to 1 on the next layer's word line."""

    @abstractmethod
    def values(self, amps: Floats) -> Floats:
        """Return the values of input currents, ampere."""

    @abstractmethod
    def slopes(self, amps: Floats) -> Floats:
        """Return d(value)/d(current) up to a positive factor, with a surrogate where the neuron has
        none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpikeCode(Hidden):
    """1 if the neuron spikes within the window, else 0. Surrogate slope: 1/(1 + |u|)², u the drive
    over threshold in thresholds."""

    neuron: LIF
    offset_amps: float
    window_s: float

    def values(self, amps: Floats) -> Floats:
        """Return 0 or 1."""
        return np.asarray(
            first_spike_time(amps + self.offset_amps, self.neuron) <= self.window_s, dtype=float
        )

    def slopes(self, amps: Floats) -> Floats:
        """Return the surrogate."""
        over = (
            amps + self.offset_amps
        ) * self.neuron.resistance_ohm / self.neuron.threshold_volts - 1.0
        return np.asarray(spike_slope(over))


@dataclass(frozen=True, kw_only=True, slots=True)
class RateCode(Hidden):
    """Firing rate over the highest one, 1/refractory time. Slope of the rate, and a small surrogate
    for silent neurons."""

    neuron: LIF
    offset_amps: float

    def values(self, amps: Floats) -> Floats:
        """Return the rate times the refractory time."""
        return firing_rate(amps + self.offset_amps, self.neuron) * self.neuron.refractory_s

    def slopes(self, amps: Floats) -> Floats:
        """Return the derivative of the rate by the drive, no less than that of a spike code's
        surrogate tenfold flattened."""
        step = 1e-3 * self.neuron.threshold_volts / self.neuron.resistance_ohm
        slope = (
            (self.values(amps + step) - self.values(amps - step))
            / (2 * step)
            * self.neuron.threshold_volts
            / self.neuron.resistance_ohm
        )
        over = (
            amps + self.offset_amps
        ) * self.neuron.resistance_ohm / self.neuron.threshold_volts - 1.0
        return np.asarray(np.maximum(slope, 0.1 * spike_slope(over)))


def split(devices: Floats, layers: tuple[Layer, ...]) -> list[Floats]:
    """Return the states of each layer: the states themselves for one layer, stretches of one long
    vector for several."""
    if len(layers) == 1:
        return [devices]
    sizes = [rows * cols for rows, cols in (layer.shape for layer in layers)]
    parts = np.split(devices, np.cumsum(sizes)[:-1])
    return [part.reshape(layer.shape) for part, layer in zip(parts, layers, strict=True)]


def joined(states: list[Floats]) -> Floats:
    """Return the inverse of `split`."""
    return states[0] if len(states) == 1 else np.concatenate([state.ravel() for state in states])
