"""Programming all arrays of a network: by one pulse a change, or written and verified; every pulse,
read and joule goes into the run's state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.mapping import Changes
from spicesnn.engines.base import Engine
from spicesnn.learning.schemes import Step
from spicesnn.learning.write_verify import WIDTHS, write_verify
from spicesnn.training.experiment import Experiment
from spicesnn.training.layers import joined
from spicesnn.training.state import History, RunState

_FINER = WIDTHS[WIDTHS.index(1.0) :]
"""A change in training is about one pulse: finer ones follow where it takes less; coarser ones
would overshoot."""


@dataclass(kw_only=True, slots=True)
class Written:
    """What programming all arrays left, and what it took: states and wear of each, pulses, joules,
    and the largest error, as a share."""

    after: list[Floats] = field(default_factory=list)
    cycles: list[Floats] = field(default_factory=list)
    pulses: int = 0
    joule: float = 0.0
    worst: float = 0.0


def programmed(
    experiment: Experiment,
    engine: Engine,
    state: RunState,
    history: History,
    steps: Sequence[Sequence[Step]],
    width: float = 1.0,
) -> RunState:
    """Return the state after the pulses of an update, `width` times as long as configured; `steps`
    has those of each array."""
    programmer = experiment.programmer if width == 1 else experiment.programmer.with_width(width)
    write, worn = Written(), experiment.worn(state.wear)
    for number, array in enumerate(experiment.arrays(state.devices, state.wear)):
        rng = experiment.streams.draw("cycle", state.updates, *([number] if number else []))
        done = programmer.apply(engine, array, steps[number], rng, worn[number])
        write.after.append(done.array.state_or_zeros())
        write.cycles += [] if done.wear is None else [done.wear.cycles]
        write.pulses += done.pulses
        write.joule += done.energy_joule
    return written(experiment, state, history, write)


def written(experiment: Experiment, state: RunState, history: History, write: Written) -> RunState:
    """Return the state with one more update, and keep in the history what it took."""
    state = state.with_write(
        joined(write.after),
        write.pulses,
        write.joule,
        joined(write.cycles) if write.cycles else None,
    )
    history.add(state.updates, pulses=write.pulses, write_joule=write.joule)
    if state.updates <= experiment.config.training.record_updates:
        history.add(state.updates, states=state.devices)
    return state


def to_conductances(
    experiment: Experiment,
    engine: Engine,
    state: RunState,
    wanted: Sequence[Floats],
    *,
    tolerance: float,
    widths: tuple[float, ...] = WIDTHS,
) -> tuple[RunState, Written]:
    """Pulse every cell until it reads what is wanted, siemens, (rows, cols) an array, within
    `tolerance`, a share of the window."""
    encoding, write = experiment.config.encoding, Written()
    worn, arrays = experiment.worn(state.wear), experiment.arrays(state.devices, state.wear)
    for number, (layer, siemens, array) in enumerate(
        zip(experiment.layers, wanted, arrays, strict=True)
    ):
        done = write_verify(
            engine,
            experiment.programmer,
            array,
            siemens,
            experiment.streams.draw("cycle", state.updates, number),
            tolerance=tolerance * layer.window.span,
            read_volts=encoding.high_volts,
            read_s=encoding.read_s,
            gate_volts=encoding.gate_volts if array.gated else None,
            wear=worn[number],
            widths=widths,
        )
        write.after.append(done.array.state_or_zeros())
        write.cycles += [] if done.wear is None else [done.wear.cycles]
        write.pulses, write.joule = write.pulses + done.pulses, write.joule + done.write_joule
        write.worst = max(write.worst, done.largest_error / layer.window.span)
        state = state.with_read(done.reads, done.read_joule, 0.0)
    return state, write


def stepped(
    experiment: Experiment,
    engine: Engine,
    state: RunState,
    history: History,
    changes: Sequence[Changes],
    width: float = 1.0,
) -> RunState:
    """Move every device that is to change by `programming.verify_step`, as it reads through the
    wires, and hold the others where they are.

    A cell at an end of the window stays there.
    """
    encoding, options, wanted = experiment.config.encoding, experiment.config.programming, []
    before = state.read_joule
    for number, (layer, wish, array) in enumerate(
        zip(experiment.layers, changes, experiment.arrays(state.devices), strict=True)
    ):
        gates = np.full(array.gate_lines, encoding.gate_volts) if array.gated else None
        drive, rng = (
            encoding.high_volts * np.eye(array.rows),
            experiment.streams.draw("read", state.updates, number, 1),
        )
        now = experiment.imperfections.read(engine, array, drive, rng, gate_volts=gates)
        joule = float(np.sum(now.power_watt(drive))) * encoding.read_s
        state = state.with_read(array.rows, joule, float(np.max(now.residual_amps)))
        step = options.verify_step * width * layer.window.span
        wanted.append(
            np.clip(
                now.column_amps / encoding.high_volts + step * wish,
                layer.window.low,
                layer.window.high,
            )
        )
    tolerance = options.verify_tolerance * options.verify_step * width
    state, write = to_conductances(
        experiment, engine, state, wanted, tolerance=tolerance, widths=_FINER
    )
    history.add(state.updates, verify_error=write.worst, verify_joule=state.read_joule - before)
    return written(experiment, state, history, write)
