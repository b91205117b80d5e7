"""A trained network as one deck: its crossbar with its states, drivers, analog neurons, and the
samples as stimulus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import CheckedWaveform
from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError
from spicesnn.netlist.accuracy import TransientAccuracy
from spicesnn.netlist.batch import run_batch
from spicesnn.netlist.exports import Dialect
from spicesnn.netlist.network import NetworkDeck, Readout, first_spikes, network_deck
from spicesnn.neurons.circuit import Amplifier, CircuitNeuron
from spicesnn.neurons.lif import first_spike_time
from spicesnn.training.experiment import Experiment

_REST = 12.0
"""Time constants between two samples: what is left of a membrane's voltage is 6e-6 of it."""
_OPEN_LOOP, _POLE_HZ = 1e7, 10.0
"""Gain and lowest pole of the amplifiers. An amplifier settles with its pole times gain over 1 +
(feedback resistance · conductance of its column), so that columns of high conductance before a
large feedback resistance need a faster one."""
_SETTLED = 1e-4
"""An amplifier's time constant, over the membrane's."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Exported:
    """A network and what its neurons should answer.

    Attributes
    ----------
    deck : NetworkDeck
    spike_times : (samples, outputs)
        First spikes of the run's own neurons, seconds after a sample is switched on; inf for
        silence within the window.
    threshold_volts, period_s, window_s, edge_s : float
    """

    deck: NetworkDeck
    spike_times: Floats
    threshold_volts: float
    period_s: float
    window_s: float
    edge_s: float

    def simulate(self, timeout_s: float = 600.0) -> Floats:
        """Run the deck by a bare ``ngspice -b`` and return its first spikes, (samples, outputs), as
        `spike_times`."""
        run = run_batch(self.deck.text, timeout_s=timeout_s)
        first = (
            first_spikes(run, self.deck, self.threshold_volts, self.period_s, len(self.spike_times))
            - self.edge_s / 2
        )
        return np.where(first <= self.window_s, first, np.inf)


def exported(
    experiment: Experiment,
    devices: Floats,
    inputs: Floats,
    engine: Engine,
    *,
    dialect: Dialect = Dialect.NGSPICE,
    title: str = "",
) -> Exported:
    """Return a single-layer network in given states as one self-contained deck that shows it
    samples.

    The cells are held at their states: a read with phi on, or above a threshold, would otherwise
    write. The amplifiers are fast and their rails wide enough for the currents at hand, so that the
    neurons are the run's own (spike times within 1e-3 of the membrane's time constant). An ngspice
    without KLU takes minutes for arrays of thousands of cells on wires with resistance.

    Parameters
    ----------
    experiment : Experiment
    devices : (rows, cols) or (states, rows, cols)
    inputs : (samples, inputs)
        From 0 to 1.
    engine : Engine
        Solves the same reads for `Exported.spike_times`.

    Raises
    ------
    ConfigError
        The network has several layers.
    """
    if len(experiment.layers) != 1:
        raise ConfigError(
            f"a network of {len(experiment.layers)} layers has digital neurons between its arrays;"
            " only one layer exports as a circuit"
        )
    array, options, lif = experiment.array_of(devices), experiment.config.neuron, experiment.neuron
    # The mirrors' gain, in the deck, is one of the amplifiers.
    columns, gain = experiment.config.network.columns, experiment.layers[0].gain
    forward = experiment.forward(engine, devices, inputs)
    gates = (
        np.full(array.gate_lines, experiment.config.encoding.gate_volts) if array.gated else None
    )
    most = float(
        np.max(np.abs(engine.read(array, forward.row_volts[0], gate_volts=gates).column_amps))
    )
    feedback = gain * lif.resistance_ohm
    rails = max(20.0, 4 * feedback * most)
    noise_gain = 1.0 + feedback * float(np.max(experiment.layers[0].siemens(devices).sum(axis=0)))
    pole_hz = max(_POLE_HZ, noise_gain / (2 * np.pi * _OPEN_LOOP * _SETTLED * lif.tau_s))
    neuron = CircuitNeuron(
        feedback_ohm=feedback,
        capacitance=lif.tau_s,
        v_threshold=lif.threshold_volts,
        hysteresis=0.01 * lif.threshold_volts,
        amplifier=Amplifier(gain=_OPEN_LOOP, pole_hz=pole_hz, v_low=-rails, v_high=rails),
        spike_low=0.0,
        spike_high=1.0,
    )
    edge, period = min(lif.tau_s, options.window_s) / 500, options.window_s + _REST * lif.tau_s
    waveform, on = _shown(
        array,
        forward.row_volts[0],
        experiment.config.encoding.gate_volts,
        options.window_s,
        period,
        edge,
    )
    accuracy = TransientAccuracy(
        points=60 * len(inputs),
        max_step_s=lif.tau_s / 20,
        reltol=1e-4,
        vntol=1e-6,
        abstol=1e-12,
        chgtol=1e-14,
        trtol=7.0,
    )
    deck = network_deck(
        array,
        waveform,
        neuron,
        readout=Readout(columns),
        offset_amps=on * options.offset_amps / gain if options.offset_amps else None,
        hold_states=True,
        save_states=False,
        accuracy=accuracy,
        dialect=dialect,
        title=title,
    )
    times = first_spike_time(forward.amps[-1] + options.offset_amps, lif)
    times = np.where(times <= options.window_s, times, np.inf)
    return Exported(
        deck=deck,
        spike_times=times,
        threshold_volts=lif.threshold_volts,
        period_s=period,
        window_s=options.window_s,
        edge_s=edge,
    )


def _shown(
    array: Crossbar,
    row_volts: Floats,
    gate_volts: float,
    window_s: float,
    period_s: float,
    edge_s: float,
) -> tuple[CheckedWaveform, Floats]:
    """Return samples (samples, rows) as a waveform, each on for a window at the start of its
    period, and whether one is on, (points,)."""
    count = len(row_volts)
    at = np.arange(count)[:, None] * period_s + np.array([0.0, edge_s, window_s, window_s + edge_s])
    times = np.append(at.ravel(), count * period_s)
    on = np.append(np.tile([0.0, 1.0, 1.0, 0.0], count), 0.0)
    which = np.append(np.repeat(np.arange(count), 4), count - 1)
    gates = np.full((times.size, array.gate_lines), gate_volts) if array.gated else None
    waveform = CheckedWaveform(
        time_s=times,
        row_volts=on[:, None] * row_volts[which],
        column_volts=np.zeros((times.size, array.cols)),
        gate_volts=gates,
        floating_rows=np.zeros(array.rows, dtype=bool),
        floating_columns=np.zeros(array.cols, dtype=bool),
    )
    return waveform, on
