"""One device under a test signal through ngspice."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.devices.foreign import Foreign
from spicesnn.devices.stimulus import Stimulus
from spicesnn.engines.determined import check_determined
from spicesnn.engines.ngspice import checks
from spicesnn.engines.ngspice.circuit import Answer, Circuit, Job, build
from spicesnn.engines.ngspice.movement import Finer, check_movement, known_well_enough, movement
from spicesnn.engines.ngspice.pool import Pool
from spicesnn.engines.results import IVCurve
from spicesnn.netlist.accuracy import TransientAccuracy
from spicesnn.netlist.deck import Deck
from spicesnn.netlist.drive_deck import drive_deck

LARGEST_DIFFERENCE = 1e-3
"""Of the largest current: of ngspice's current from the Python twin's at ngspice's own volts and
states."""
_RESOLVED = 1e-7
"""Of a state's range: how near to a bound values are told apart."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Driven:
    """A checked drive: time, volts and amps (n,), state (n,) or (states, n); `state_error` as in
    `movement.Movement`, None where the device's rates are not known."""

    time: Floats
    volts: Floats
    amps: Floats
    state: Floats
    state_error: float | None


def drive(
    pool: Pool,
    device: Device,
    stimulus: Stimulus,
    state: Floats,
    gate_volts: float | None,
    points: int,
    accuracy: TransientAccuracy,
    finer: Finer | None = None,
) -> IVCurve:
    """Drive one device and record its current and state."""
    began = clock.perf_counter()

    def run(wanted: TransientAccuracy) -> Driven:
        def deck() -> Deck:
            return drive_deck(
                device,
                stimulus,
                state,
                gate_volts,
                points=points,
                accuracy=wanted,
                inline_models=True,
            )

        written = deck()
        # Every stimulus is its own deck, so its circuit is nobody else's.
        circuit = build(object(), written, device=device, once=True)
        job = Job(analysis=written.analysis, standalone=lambda: deck().text)
        return pool.run(
            circuit,
            job,
            lambda answer: _checked(device, circuit, stimulus, state, gate_volts, answer),
        )

    accuracy, done = known_well_enough(run, accuracy, finer)
    if isinstance(device, Foreign) and device.stored is not None and done.state.ndim == 1:
        check_determined(device, done.volts, done.state, _RESOLVED)
    return IVCurve(
        time=done.time,
        volts=done.volts,
        amps=done.amps,
        state=done.state,
        device=device.name,
        engine="ngspice",
        stats={
            "method": "ngspice tran",
            "points": int(done.time.size),
            "reltol": accuracy.reltol,
            "state_error": done.state_error,
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
) -> Driven:
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
    if isinstance(device, Foreign) and device.stored is None:
        shown = states[0] if count <= 1 else states
        return Driven(time=time, volts=volts, amps=amps, state=shown, state_error=None)
    start = np.broadcast_to(
        np.asarray(state, dtype=float).reshape(-1, 1) if count else 0.0, (len(states), 1)
    )
    _check_current(device, volts, states, amps, gate_volts, answer)
    error = 0.0
    if deck.states is not None:
        gates = None if gate_volts is None else np.full((time.size, 1, 1), float(gate_volts))
        moved = movement(
            device, time, volts[:, None, None], states[:, :, None, None], start[:, :, None], gates
        )
        check_movement(device, moved, answer.log)
        error = moved.state_error
    # The point at 0 s is known from the device's equations without ngspice, which with `uic` does
    # not solve it.
    states = np.hstack([start, states])
    volts_0 = stimulus.volts(np.zeros(1))
    amps_0 = _current(device, volts_0, states[:, :1], gate_volts)
    return Driven(
        time=np.concatenate([[0.0], time]),
        volts=np.concatenate([volts_0, volts]),
        amps=np.concatenate([amps_0, amps]),
        state=states[0] if count <= 1 else states,
        state_error=error,
    )


def _current(device: Device, volts: Floats, states: Floats, gate_volts: float | None) -> Floats:
    """Return the current of a device's Python twin, (n,) ampere, states (states, n)."""
    shown = states[0] if len(states) == 1 else states
    return np.broadcast_to(
        np.asarray(device.current(volts, shown, gate_volts), dtype=float), volts.shape
    )


def _check_current(
    device: Device,
    volts: Floats,
    states: Floats,
    amps: Floats,
    gate_volts: float | None,
    answer: Answer,
) -> None:
    """Check the current of every point with the device's Python twin. A third terminal has
    capacitances of its own, whose currents are not known."""
    if device.gated:
        return
    expected = _current(device, volts, states, gate_volts)
    scale = float(np.abs(expected).max())
    off = np.abs(amps - expected)
    if np.any(off > LARGEST_DIFFERENCE * scale + 1e-15):
        k = int(np.argmax(off))
        raise checks.AnswerRejectedError(
            f"ngspice's current of {device.name} is {amps[k]:.6g} A at {volts[k]:.4g} V, where its"
            f" equation says {expected[k]:.6g} A",
            answer.log,
        )
