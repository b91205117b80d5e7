"""The learning rules as updates: state in, reads and pulses on the solved array, state out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.mapping import Changes
from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError
from spicesnn.learning.manhattan import direction
from spicesnn.learning.schemes import plan
from spicesnn.learning.template import template_steps
from spicesnn.training.config import Config
from spicesnn.training.experiment import Experiment, Forward
from spicesnn.training.exsitu import best_weights, mapped, rectified_right, software_right
from spicesnn.training.layers import split
from spicesnn.training.problem import Samples
from spicesnn.training.state import History, RunState
from spicesnn.training.stdp import present
from spicesnn.training.writing import programmed, stepped, to_conductances, written

MOST_DRAWN = 64
"""Training sets of at most so many samples have every output kept at every recorded update, for a
figure."""


class Rule(ABC):
    """One way to learn."""

    @abstractmethod
    def updates_per_epoch(self, experiment: Experiment) -> int:
        """Return how many updates an epoch has."""

    @abstractmethod
    def update(
        self, experiment: Experiment, engine: Engine, state: RunState, history: History
    ) -> RunState:
        """Return the state after one more update, or `converged` with nothing changed."""


class Template(Rule):
    """One-shot: an update writes one pattern into its column."""

    def updates_per_epoch(self, experiment: Experiment) -> int:
        """Return one update a pattern."""
        return len(experiment.problem.train)

    def update(
        self, experiment: Experiment, engine: Engine, state: RunState, history: History
    ) -> RunState:
        """Write the next pattern."""
        train, index = experiment.problem.train, state.updates % len(experiment.problem.train)
        inputs = experiment.row_volts(train.inputs[index : index + 1]) != 0
        if len(experiment.layers) > 1:
            raise ConfigError(
                'the rule "template" writes patterns into one layer; leave network.hidden empty'
            )
        steps = template_steps(
            inputs.astype(float), train.labels[index : index + 1], experiment.shape[1]
        )
        return programmed(experiment, engine, state, history, [steps])


class ManhattanUpdates(Rule):
    """Batch Manhattan: read a batch, take the sign of its gradient, pulse."""

    def updates_per_epoch(self, experiment: Experiment) -> int:
        """Return one update a batch."""
        count, batch = len(experiment.problem.train), experiment.config.training.batch
        return max(1, count // batch) if batch else 1

    def update(
        self, experiment: Experiment, engine: Engine, state: RunState, history: History
    ) -> RunState:
        """Read the next batch and move the devices by one pulse each in the direction that lowers
        the error."""
        config, learning = experiment.config, experiment.config.learning
        samples = self._batch(experiment, state.updates)
        done = experiment.forward(engine, state.devices, samples.inputs, state.updates)
        state = state.with_read(len(samples), done.energy_joule, done.residual_amps)
        right = experiment.activation.right(done.amps[-1], samples.answers)
        history.add(
            state.updates,
            batch_right=float(right.mean()),
            batch_error=self._error(experiment, done.amps[-1], samples),
            read_joule=done.energy_joule,
        )
        if (
            len(samples) == len(experiment.problem.train) <= MOST_DRAWN
            and state.updates <= config.training.record_updates
        ):
            history.add(state.updates, outputs=experiment.activation.values(done.amps[-1]))
        if (
            config.training.stop_when_right
            and len(samples) == len(experiment.problem.train)
            and bool(right.all())
        ):
            return replace(state, converged=True, finished=True)
        shrunk = learning.final_fraction / learning.fraction if learning.final_fraction else 1.0
        share, width = (
            _share(shrunk, experiment, state),
            _share(learning.final_width, experiment, state),
        )
        kept = []
        for number, wanted in enumerate(self._directions(experiment, state, done, samples)):
            changes = experiment.layers[number].columns.changes(wanted, opposite=learning.opposite)
            rng = experiment.streams.draw("subset", state.updates, *([number] if number else []))
            kept.append(experiment.subset.keep(changes, rng, share))
            if state.updates < config.training.record_updates and number == 0:
                history.add(state.updates, directions=wanted)
        if config.programming.verify_step:
            return stepped(experiment, engine, state, history, kept, width)
        return programmed(
            experiment, engine, state, history, [plan(changes) for changes in kept], width
        )

    @staticmethod
    def _directions(
        experiment: Experiment, state: RunState, done: Forward, samples: Samples
    ) -> list[Changes]:
        """Return the wanted direction of every weight, layer by layer: the error goes back through
        the weights as they stand."""
        deltas = experiment.activation.deltas(done.amps[-1], samples.answers)
        states = split(state.devices, experiment.layers)
        found: list[Changes] = []
        for number in reversed(range(len(experiment.layers))):
            found.insert(0, direction(done.row_volts[number], deltas))
            if number and experiment.hidden is not None:
                weights = experiment.layers[number].weights(states[number])
                back = deltas @ (weights[:-1] if experiment.config.network.bias else weights).T
                deltas = back * experiment.hidden.slopes(done.amps[number - 1])
        return found

    def _batch(self, experiment: Experiment, update: int) -> Samples:
        train, size = experiment.problem.train, experiment.config.training.batch
        if not size or size >= len(train):
            return train
        epoch, part = divmod(update, self.updates_per_epoch(experiment))
        order = experiment.streams.draw("order", epoch).permutation(len(train))
        return train.picked(order[part * size : (part + 1) * size])

    @staticmethod
    def _error(experiment: Experiment, amps: Floats, samples: Samples) -> float:
        values = experiment.activation.values(amps)
        goal = samples.answers if values.min() >= 0 else 2 * samples.answers - 1
        return float(np.mean((values - goal) ** 2))


def _share(final: float, experiment: Experiment, state: RunState) -> float:
    """Return final^(progress): a share that goes from 1 to `final` geometrically over the run."""
    return float(
        final
        ** (
            state.updates
            / max(
                1,
                total_updates(experiment.config, RULES[experiment.config.learning.rule], experiment)
                - 1,
            )
        )
    )


def total_updates(config: Config, rule: Rule, experiment: Experiment) -> int:
    """Return how many updates the run has at most."""
    planned = config.training.epochs * rule.updates_per_epoch(experiment)
    if config.training.presentations and experiment.problem.available:
        share = min(1.0, len(experiment.problem.train) / experiment.problem.available)
        shown = (
            len(experiment.problem.train)
            if not config.training.batch
            else min(config.training.batch, len(experiment.problem.train))
        )
        planned = max(planned, int(config.training.presentations * share / shown))
    return min(planned, config.training.updates) if config.training.updates else planned


class Exsitu(Rule):
    """Weights from software mapped onto the devices in the first update; Manhattan updates
    fine-tune them in situ if asked."""

    def updates_per_epoch(self, experiment: Experiment) -> int:
        """Return the mapping and the fine-tuning."""
        return 1 + experiment.config.exsitu.fine_tune

    def update(
        self, experiment: Experiment, engine: Engine, state: RunState, history: History
    ) -> RunState:
        """Map, or fine-tune."""
        if state.updates:
            return RULES["manhattan"].update(experiment, engine, state, history)
        problem, weights = experiment.problem, best_weights(experiment)
        aware = experiment.config.exsitu.wire_aware
        plain, _ = mapped(experiment, weights, wire_aware=False)
        devices, error = mapped(experiment, weights, wire_aware=True) if aware else (plain, 0.0)
        plain, devices = experiment.settled(plain, 1), experiment.settled(devices, 2)
        uncompensated = experiment.answer(engine, plain, problem.test)
        history.add(
            0,
            software_accuracy=software_right(experiment, weights, problem.test),
            uncompensated_accuracy=uncompensated.accuracy,
            mapping_error=error,
            read_joule=uncompensated.energy_joule,
        )
        options = experiment.config.exsitu
        if (
            options.weights
            and options.neurons == "circuit"
            and len(weights) > 1
            and problem.outputs > 1
        ):
            history.add(0, rectified_accuracy=rectified_right(experiment, weights, problem.test))
        state = state.with_read(
            len(problem.test), uncompensated.energy_joule, uncompensated.residual_amps
        )
        if experiment.config.exsitu.write_verify:
            wanted = [
                layer.columns.conductances(matrix, layer.window)
                for layer, matrix in zip(experiment.layers, weights, strict=True)
            ]
            state, write = to_conductances(
                experiment,
                engine,
                state,
                wanted,
                tolerance=experiment.config.exsitu.verify_tolerance,
            )
            history.add(0, verify_error=write.worst)
            return written(experiment, state, history, write)
        return state.with_write(devices, 0, 0.0)


class OverlappingSpikes(Rule):
    """Unsupervised STDP: an update shows one pattern."""

    def updates_per_epoch(self, experiment: Experiment) -> int:
        """Return one update a pattern."""
        return len(experiment.problem.train)

    def update(
        self, experiment: Experiment, engine: Engine, state: RunState, history: History
    ) -> RunState:
        """Show the next pattern."""
        return present(experiment, engine, state, history)


RULES: dict[str, Rule] = {
    "template": Template(),
    "manhattan": ManhattanUpdates(),
    "exsitu": Exsitu(),
    "stdp": OverlappingSpikes(),
}
"""The rules by the name they have in a preset."""
