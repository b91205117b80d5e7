"""One device under a test signal through ngspice."""

from __future__ import annotations

import time as clock

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.devices.foreign import Foreign
from spicesnn.devices.stimulus import Stimulus
from spicesnn.engines.ngspice import checks
from spicesnn.engines.ngspice.circuit import Answer, Circuit, Job, build
from spicesnn.engines.ngspice.pool import Pool
from spicesnn.engines.results import IVCurve
from spicesnn.netlist.accuracy import TransientAccuracy
from spicesnn.netlist.drive_deck import drive_deck


def drive(
    pool: Pool,
    device: Device,
    stimulus: Stimulus,
    state: Floats,
    gate_volts: float | None,
    points: int,
    accuracy: TransientAccuracy,
) -> IVCurve:
    """Drive one device and record its current and state."""
    began = clock.perf_counter()
    deck = drive_deck(
        device, stimulus, state, gate_volts, points=points, accuracy=accuracy, inline_models=True
    )
    # Every stimulus is its own deck, so its circuit is nobody else's.
    circuit = build(object(), deck, device=device, once=True)
    job = Job(
        analysis=deck.analysis,
        standalone=lambda: (
            drive_deck(
                device,
                stimulus,
                state,
                gate_volts,
                points=points,
                accuracy=accuracy,
                inline_models=True,
            ).text
        ),
    )
    time, volts, amps, states = pool.run(
        circuit, job, lambda answer: _checked(device, circuit, stimulus, state, gate_volts, answer)
    )
    return IVCurve(
        time=time,
        volts=volts,
        amps=amps,
        state=states,
        device=device.name,
        engine="ngspice",
        stats={
            "method": "ngspice tran",
            "points": int(time.size),
            "seconds": clock.perf_counter() - began,
        },
    )


def _checked(
    device: Device,
    circuit: Circuit,
    stimulus: Stimulus,
    state: Floats,
    gate_volts: float | None,
    answer: Answer,
) -> tuple[Floats, Floats, Floats, Floats]:
    checks.common(answer, circuit.vectors)
    deck = circuit.deck
    time = answer.vectors[circuit.index["time"]]
    checks.transient(answer, time, stimulus.duration_s)
    part = checks.solved_points(answer, time)
    vectors, time = answer.vectors[:, part], time[part]
    volts, amps = (
        vectors[circuit.index[str(deck.rows.nodes[0])]],
        vectors[circuit.index[str(deck.columns.current_vectors[0])]],
    )
    wanted = stimulus.volts(time)
    if np.any(np.abs(volts - wanted) > 1e-6 * np.abs(wanted).max() + 1e-12):
        raise checks.AnswerRejectedError("ngspice's source did not follow the stimulus", answer.log)
    count = len(device.state_names)
    states = np.zeros((1, time.size))
    if deck.states is not None:
        states = vectors[circuit.rows_of(deck.states.nodes).ravel()] * deck.states.scale[:, None]
        low, high = (
            np.broadcast_to(np.asarray(b, dtype=float).reshape(-1), (count,)).reshape(
                count, 1, 1, 1
            )
            for b in device.bounds()
        )
        checks.states_within(states[:, None, None, :], low, high, device.state_names, answer.log)
    if isinstance(device, Foreign):
        return time, volts, amps, states[0] if count <= 1 else states
    # The point at 0 s is known from the device's equations without ngspice, which with `uic` does
    # not solve it.
    start = np.broadcast_to(
        np.asarray(state, dtype=float).reshape(-1, 1) if count else 0.0, (len(states), 1)
    )
    states = np.hstack([start, states])
    volts_0 = stimulus.volts(np.zeros(1))
    amps_0 = np.asarray(
        device.current(volts_0, states[0, :1] if count <= 1 else states[:, :1], gate_volts)
    ).reshape(1)
    return (
        np.concatenate([[0.0], time]),
        np.concatenate([volts_0, volts]),
        np.concatenate([amps_0, amps]),
        states[0] if count <= 1 else states,
    )
