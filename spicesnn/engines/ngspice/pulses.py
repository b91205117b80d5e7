"""Programming pulses through ngspice: one transient, the states as initial conditions, carried back
exactly."""

from __future__ import annotations

import hashlib
import time as clock
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import CheckedWaveform
from spicesnn.devices.foreign import Foreign
from spicesnn.engines.ngspice import checks
from spicesnn.engines.ngspice.checks import AnswerRejectedError
from spicesnn.engines.ngspice.circuit import Answer, Circuit, Circuits, Job, array_key, build
from spicesnn.engines.ngspice.laws import Solved, kirchhoff
from spicesnn.engines.ngspice.movement import Finer, check_movement, known_well_enough, movement
from spicesnn.engines.ngspice.pool import Pool
from spicesnn.engines.ngspice.reads import altered_values, solved_array
from spicesnn.engines.ngspice.ways import PULSES, Way, led
from spicesnn.engines.results import PulseResult, Waveforms
from spicesnn.netlist.accuracy import TransientAccuracy
from spicesnn.netlist.cells import needs_models
from spicesnn.netlist.deck import Deck
from spicesnn.netlist.pulse_deck import pulse_deck

LONGEST_ALTER = 1000
"""Characters of a command; a waveform with more points stands in the deck, which is then parsed for
it."""


def pulse(
    pool: Pool,
    circuits: Circuits,
    array: Crossbar,
    waveform: CheckedWaveform,
    accuracy: TransientAccuracy,
    finer: Finer | None = None,
) -> PulseResult:
    """Apply a waveform and return the array afterwards.

    Parameters
    ----------
    pool : Pool
    circuits : Circuits
    array : Crossbar
    waveform : CheckedWaveform
    accuracy : TransientAccuracy
    finer : Finer, optional
    """
    began = clock.perf_counter()
    ways: Counter[str] = Counter()
    spent = np.zeros(2)

    def run(wanted: TransientAccuracy) -> Applied:
        way, done = led(
            _ways(array),
            lambda way, last: _applied(pool, circuits, array, waveform, wanted, way, last=last),
        )
        ways[way.name] += 1
        spent[:] += done.seconds, done.cpu_seconds
        return done

    accuracy, done = known_well_enough(run, accuracy, finer)
    lines = done.waveforms
    return PulseResult(
        array=array if done.states is None else array.with_state(within_bounds(array, done.states)),
        energy_joule=_delivered(lines, waveform),
        waveforms=lines,
        residual_amps=done.residual,
        stats={
            "method": "ngspice tran",
            "ways": dict(ways),
            "points": int(lines.time.size),
            "reltol": accuracy.reltol,
            "state_error": done.state_error,
            "seconds": clock.perf_counter() - began,
            "ngspice_seconds": float(spent[0]),
            "ngspice_cpu_seconds": float(spent[1]),
        },
    )


def _ways(array: Crossbar) -> tuple[Way, ...]:
    """Ways to a pulse: from its operating point only where nothing but the states remembers a
    charge; with transistors in the cells that way comes first."""
    from_zero, settled, short = PULSES
    if (
        array.device is None
        or isinstance(array.device, Foreign)
        or array.wires.word_line_farad
        or array.wires.bit_line_farad
    ):
        return from_zero, short
    return (settled, from_zero, short) if array.gated else PULSES


def _applied(
    pool: Pool,
    circuits: Circuits,
    array: Crossbar,
    waveform: CheckedWaveform,
    accuracy: TransientAccuracy,
    way: Way,
    *,
    last: bool,
) -> Applied:
    """Run a waveform and return the checked transient; a failure is kept where no other way is
    left."""
    modelled = needs_models(array, moving=True)
    key: Hashable = (
        "pulse",
        array_key(array, waveform.floating_rows, waveform.floating_columns, modelled=modelled),
        accuracy,
    )
    # A deck takes waveforms of any length, an alter command does not.
    altered = not way.settled and waveform.time_s.size * 2 * 25 < LONGEST_ALTER
    if not altered:
        key = (key, _digest(waveform))
    if way.settled:  # the states stand in the deck
        assert array.state is not None
        key = (key, "settled", array.state.tobytes())

    def deck() -> Deck:
        return pulse_deck(
            array, waveform, accuracy, inline_models=True, save_nodes=True, settled=way.settled
        )

    circuit = circuits.get(key, lambda: build(key, deck(), device=array.device))
    job = Job(
        analysis=replace(accuracy, points=accuracy.points * way.steps).analysis(
            waveform.duration_s, settled=way.settled
        ),
        values=altered_values(array, circuit),
        commands=_waveforms(circuit, waveform) if altered else {},
        standalone=lambda: deck().text,
        seconds=way.seconds(pool.settings.patience.job_s, last=last),
        kept=way is _ways(array)[-1],
        kept_late=last,
    )
    return pool.run(circuit, job, lambda answer: checked(array, circuit, waveform, answer))


def _delivered(lines: Waveforms, waveform: CheckedWaveform) -> float:
    """Return ∫ΣV·I dt in joule: V straight between the corners of the waveform, I through ngspice's
    points between two corners without over- or undershoot (piecewise cubic Hermite, Fritsch and
    Carlson 1980).

    On the edges of a pulse a nonlinear cell's current bends within the few steps that ngspice
    takes, since no state moves there: straight lines overrate a sinh's joules by a thousandth.
    ngspice 39.3 leaves out the point at 0 s; the currents of its first point stand from there on.
    """
    from scipy.interpolate import PchipInterpolator

    time = np.concatenate([[0.0], lines.time]) if lines.time[0] > 0 else lines.time
    corners = np.unique([np.argmin(np.abs(time - corner)) for corner in waveform.time_s])
    energy = 0.0
    for sign, volts, amps, start in (
        (1.0, lines.row_volts, lines.row_amps, waveform.row_volts[:1]),
        (-1.0, lines.column_volts, lines.column_amps, waveform.column_volts[:1]),
    ):
        if lines.time[0] > 0:
            volts, amps = np.concatenate([start, volts]), np.concatenate([amps[:1], amps])
        for first, last in pairwise(corners):
            part = slice(first, last + 1)
            v, i, h = volts[part], amps[part], np.diff(time[part])[:, None]
            with np.errstate(over="ignore"):  # of slopes that are all but 0
                slope = PchipInterpolator(time[part], i).derivative()(time[part])
            v0, v1, i0, i1, d0, d1 = v[:-1], v[1:], i[:-1], i[1:], h * slope[:-1], h * slope[1:]
            whole = (i0 + i1) / 2 + (d0 - d1) / 12
            later = (3 * i0 + 7 * i1) / 20 + (2 * d0 - 3 * d1) / 60
            energy += sign * float(np.sum(h * (v0 * whole + (v1 - v0) * later)))
    return energy


def _digest(waveform: CheckedWaveform) -> str:
    parts = [
        waveform.time_s,
        waveform.row_volts,
        waveform.column_volts,
        *(() if waveform.gate_volts is None else (waveform.gate_volts,)),
    ]
    return hashlib.sha256(b"|".join(p.tobytes() for p in parts)).hexdigest()


def _waveforms(circuit: Circuit, waveform: CheckedWaveform) -> dict[str, str]:
    deck = circuit.deck
    commands = deck.rows.alter_pwl(waveform.time_s, waveform.row_volts) + deck.columns.alter_pwl(
        waveform.time_s, waveform.column_volts
    )
    if deck.gates is not None and waveform.gate_volts is not None:
        commands += deck.gates.alter_pwl(waveform.time_s, waveform.gate_volts)
    return {command.split("=", 1)[0]: command for command in commands}


def _levels(time: Floats, waveform: CheckedWaveform) -> tuple[Floats, Floats, Floats | None]:
    def at(volts: Floats) -> Floats:
        return np.column_stack(
            [np.interp(time, waveform.time_s, volts[:, k]) for k in range(volts.shape[1])]
        )

    return (
        at(waveform.row_volts),
        at(waveform.column_volts),
        None if waveform.gate_volts is None else at(waveform.gate_volts),
    )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Applied:
    """A checked transient.

    Attributes
    ----------
    waveforms : Waveforms
        Of the lines.
    states : (states, rows, cols, points) or None
    residual : float
        Largest violation of the current law, ampere.
    state_error : float or None
        What the errors of the steps come to in the states (`Movement`); None for a
        user's own sub-circuit, whose rates are not known.
    seconds, cpu_seconds : float
    """

    waveforms: Waveforms
    states: Floats | None
    residual: float
    state_error: float | None
    seconds: float
    cpu_seconds: float


def checked(
    array: Crossbar, circuit: Circuit, waveform: CheckedWaveform, answer: Answer
) -> Applied:
    """Return a transient after all its checks, `waveform` being what the lines followed."""
    checks.common(answer, circuit.vectors)
    time = answer.vectors[circuit.index["time"]]
    checks.transient(answer, time, waveform.duration_s)
    part = checks.solved_points(answer, time)
    vectors, time = answer.vectors[:, part], time[part]
    rows, columns, gates = _levels(time, waveform)
    states = _states(array, circuit, vectors, answer.log)
    at_points = None if states is None else np.moveaxis(states, -1, 1)
    solved = solved_array(
        array,
        circuit,
        vectors,
        rows,
        columns,
        gates,
        at_points if at_points is None or len(at_points) > 1 else at_points[0],
    )
    _check_sources(circuit, vectors, solved, answer)
    residual = _check_currents(array, solved, answer)
    error: float | None = 0.0
    if at_points is not None and isinstance(array.device, Foreign):
        array.device.check_held(solved.word - solved.bit, at_points)
        error = None
    elif at_points is not None:
        assert array.device is not None
        moved = movement(
            array.device,
            time,
            solved.word - solved.bit,
            at_points,
            array.state_or_zeros().reshape(len(at_points), *array.shape),
            array.gate_of_cells(gates),
            array.stuck,
        )
        check_movement(array.device, moved, answer.log)
        error = moved.state_error
    return Applied(
        waveforms=_from_start(waveform, time, solved),
        states=states,
        residual=residual,
        state_error=error,
        seconds=answer.seconds,
        cpu_seconds=answer.cpu_seconds,
    )


def _check_currents(array: Crossbar, solved: Solved, answer: Answer) -> float:
    """Check Kirchhoff's current law at every node and time, with the cells' currents from the
    device's Python twin."""
    residual, rounding = kirchhoff(array, solved)
    scale = np.maximum(np.abs(solved.cell_amps).max(), np.abs(solved.row_amps).max())
    # A third terminal has capacitances of its own, whose currents are not known.
    if not array.gated and np.any(residual > 1e-3 * scale + rounding + 1e-15):
        raise AnswerRejectedError(
            f"ngspice's transient violates Kirchhoff's current law by {residual.max():.3g} A"
            f" (largest current {scale:.3g} A)",
            answer.log,
        )
    return float(residual.max())


def _from_start(waveform: CheckedWaveform, time: Floats, solved: Solved) -> Waveforms:
    """Return the line waveforms with the point at 0 s, which ngspice does not solve: its currents
    are those of the first solved point."""
    dark = not (np.any(waveform.row_volts[0]) or np.any(waveform.column_volts[0]))
    share = 0.0 if dark else 1.0
    return Waveforms(
        time=np.concatenate([[0.0], time]),
        row_volts=np.vstack([waveform.row_volts[:1], solved.row_volts]),
        column_volts=np.vstack([waveform.column_volts[:1], solved.column_volts]),
        row_amps=np.vstack([share * solved.row_amps[:1], solved.row_amps]),
        column_amps=np.vstack([share * solved.column_amps[:1], solved.column_amps]),
    )


def _check_sources(circuit: Circuit, vectors: Floats, solved: Solved, answer: Answer) -> None:
    """Every driver must have followed its waveform: an `alter` that was not understood would show
    here."""
    for lines, wanted in (
        (circuit.deck.rows, solved.row_volts),
        (circuit.deck.columns, solved.column_volts),
    ):
        for k, node in enumerate(lines.nodes):
            if not node or str(node) not in circuit.index:
                continue
            got = vectors[circuit.index[str(node)]]
            scale = np.abs(wanted[:, k]).max()
            if np.any(np.abs(got - wanted[:, k]) > 1e-6 * scale + 1e-12):
                raise AnswerRejectedError(
                    f"ngspice's source of line {node} did not follow its waveform", answer.log
                )


def _states(array: Crossbar, circuit: Circuit, vectors: Floats, log: str) -> Floats | None:
    """Return the states over time, (states, rows, cols, points), state units."""
    deck = circuit.deck
    if deck.states is None or array.device is None:
        return None
    shape = deck.states.nodes.shape
    states: Floats = (
        vectors[circuit.rows_of(deck.states.nodes).ravel()].reshape(*shape, -1)
        * deck.states.scale[:, None, None, None]
    )
    low, high = (
        np.broadcast_to(np.asarray(b, dtype=float), array.state_or_zeros().shape).reshape(*shape, 1)
        for b in array.device.bounds()
    )
    checks.states_within(states, low, high, array.device.state_names, log)
    return states


def within_bounds(array: Crossbar, states: Floats) -> Floats:
    """Return the final states, pulled back onto a bound that integration overstepped by its own
    error."""
    assert array.device is not None
    final = states[..., -1].reshape(array.state_or_zeros().shape)
    low, high = array.device.bounds()
    clipped: Floats = np.clip(final, low, high)
    if array.stuck is not None:
        clipped = np.where(array.stuck, array.state_or_zeros(), clipped)
    return clipped
