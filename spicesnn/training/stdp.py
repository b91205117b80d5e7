"""Learning without labels by overlapping spikes: STDP in the array, LIF neurons, winner takes all,
adaptive thresholds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError
from spicesnn.learning import metrics
from spicesnn.learning.spikes import SpikePair, design
from spicesnn.neurons.lif import first_spike_time
from spicesnn.training.experiment import Answers, Experiment
from spicesnn.training.problem import Labels, Samples
from spicesnn.training.state import History, RunState


def spikes_of(experiment: Experiment) -> SpikePair:
    """Return the spikes for the experiment's device, as it is before cells differ."""
    return design(experiment.config.device.build(), step=experiment.config.stdp.step)


def thresholds(experiment: Experiment, history: History) -> Floats:
    """Return what each neuron's threshold is raised by, volt: a step at each of its spikes,
    decaying with every presentation."""
    options = experiment.config.stdp
    raised = np.zeros(experiment.problem.outputs)
    for winner in history.series.get("winner", []):
        raised *= np.exp(-1.0 / options.theta_presentations)
        if winner != metrics.NOBODY:
            raised[int(winner)] += options.theta_volts
    return raised


def present(experiment: Experiment, engine: Engine, state: RunState, history: History) -> RunState:
    """Show one pattern: the neuron that spikes first sends its spike back over its column while the
    inputs' spikes stand on the rows.

    Inputs that are on spike just before it, inputs that are off just after it, so that the first
    gain and the others lose."""
    if (
        len(experiment.layers) > 1
        or experiment.config.network.bias
        or experiment.config.network.columns != "single"
    ):
        raise ConfigError(
            'the rule "stdp" takes one layer without a bias line: network.hidden = [], columns ='
            ' "single", bias = false'
        )
    train = experiment.problem.train
    epoch, place = divmod(state.updates, len(train))
    index = int(experiment.streams.draw("order", epoch).permutation(len(train))[place])
    inputs = train.inputs[index : index + 1]
    done = experiment.forward(engine, state.devices, inputs, state.updates)
    state = state.with_read(1, done.energy_joule, done.residual_amps)
    winner = _first(experiment, done.amps[-1][0], thresholds(experiment, history))
    history.add(
        state.updates, winner=winner, shown=int(train.labels[index]), read_joule=done.energy_joule
    )
    if winner == metrics.NOBODY:
        return replace(state, updates=state.updates + 1)
    pair = spikes_of(experiment)
    apart = pair.pre.peak_s + 2 * pair.pre.edge_s
    rows = np.where(inputs[0] > 0, 0.0, 2 * apart)
    columns = np.full(experiment.shape[1], np.nan)
    columns[winner] = apart
    array, wear = experiment.arrays(state.devices, state.wear)[0], experiment.worn(state.wear)[0]
    rng = experiment.streams.draw("cycle", state.updates)
    after, wear = experiment.imperfections.pulse(
        engine, array, pair.waveform(rows, columns), rng, wear
    )
    state = state.with_write(
        after.state, 1, after.energy_joule, None if wear is None else wear.cycles
    )
    history.add(state.updates, pulses=1, write_joule=after.energy_joule)
    if state.updates <= experiment.config.training.record_updates:
        history.add(state.updates, states=state.devices)
    return state


def _first(experiment: Experiment, amps: Floats, raised: Floats) -> int:
    """Return which neuron reaches its own threshold first."""
    driven = amps + experiment.config.neuron.offset_amps
    each = [
        replace(experiment.neuron, threshold_volts=experiment.neuron.threshold_volts + float(theta))
        for theta in raised
    ]
    times = np.array(
        [
            float(first_spike_time(current, neuron))
            for current, neuron in zip(driven, each, strict=True)
        ]
    )
    times = np.where(times <= experiment.config.neuron.window_s, times, np.inf)
    return int(metrics.first_to_spike(times[None, :], experiment.config.neuron.resolution_s)[0])


def assignment(answers: Answers, labels: Labels, outputs: int) -> Labels:
    """Return the class of each neuron, (outputs,): the one it answered most often, −1 for a neuron
    that never did."""
    found = np.full(outputs, metrics.NOBODY, dtype=np.int64)
    for neuron in range(outputs):
        own: NDArray[np.int64] = labels[answers.predicted == neuron]
        if own.size:
            found[neuron] = int(np.bincount(own).argmax())
    return found


def relabelled(answers: Answers, classes: Labels, samples: Samples) -> Answers:
    """Return the answers as classes instead of neurons."""
    named = np.where(
        answers.predicted == metrics.NOBODY, metrics.NOBODY, classes[answers.predicted]
    )
    return replace(
        answers, predicted=named, right=(named == samples.labels) & (named != metrics.NOBODY)
    )
