"""Reads through ngspice: one DC sweep over an index, the inputs fed from outside, the answer
checked at every node."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Hashable
from itertools import pairwise

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Levels
from spicesnn.engines.ngspice import checks
from spicesnn.engines.ngspice.checks import AnswerRejectedError
from spicesnn.engines.ngspice.circuit import (
    Answer,
    Circuit,
    Circuits,
    Job,
    array_key,
    build,
    sources_of,
)
from spicesnn.engines.ngspice.laws import LARGEST_IMBALANCE, Solved, balanced, kirchhoff
from spicesnn.engines.ngspice.pool import Pool
from spicesnn.engines.ngspice.ways import READS, Way, led
from spicesnn.engines.results import Read
from spicesnn.netlist.accuracy import ReadAccuracy
from spicesnn.netlist.cells import needs_models
from spicesnn.netlist.deck import Names
from spicesnn.netlist.read_deck import read_deck

LARGEST_ANSWER = 32 << 20
"""Bytes of one answer; a larger batch is run in pieces."""
WORTH_SPLITTING = 20_000
"""Cells times inputs from which a batch is split over the workers: less is done sooner than another
worker starts."""


def read(
    pool: Pool, circuits: Circuits, array: Crossbar, levels: Levels, accuracy: ReadAccuracy
) -> Read:
    """Solve an array at a batch of line voltages."""
    began = time.perf_counter()
    modelled = needs_models(array, moving=False)
    parts = _parts(pool, array, levels.batch)
    used: list[str] = []

    def one(k: int) -> tuple[Floats, ...]:
        part = _part(levels, parts[k])
        if not modelled:
            return _sweep(pool, circuits, array, part, accuracy, None)
        way, done = led(
            READS,
            lambda way, last: _sweep(pool, circuits, array, part, accuracy, way, last=last),
        )
        used.append(way.name)
        return done

    solved = pool.map(one, len(parts))
    column_amps, row_amps, word, bit, residual, seconds = (
        np.concatenate(arrays) for arrays in zip(*solved, strict=True)
    )
    at = 0 if levels.single else slice(None)
    return Read(
        column_amps=column_amps[at],
        row_amps=row_amps[at],
        word_line_volts=word[at],
        bit_line_volts=bit[at],
        residual_amps=np.asarray(residual[at]),
        stats={
            "method": "ngspice dc",
            "runs": len(parts),
            "ways": dict(Counter(used)),
            "seconds": time.perf_counter() - began,
            "ngspice_seconds": float(seconds[:, 0].sum()),
            "ngspice_cpu_seconds": float(seconds[:, 1].sum()),
        },
    )


def _sweep(
    pool: Pool,
    circuits: Circuits,
    array: Crossbar,
    levels: Levels,
    accuracy: ReadAccuracy,
    way: Way | None,
    *,
    last: bool = True,
) -> tuple[Floats, ...]:
    """Solve one part of a batch in one DC sweep; nonlinear cells by the given way."""
    modelled = needs_models(array, moving=False)
    steps = 1 if way is None else way.steps
    # Every source that is fed costs a call for each Newton iteration, so bit lines that stand still
    # over the batch are altered instead.
    steady = steps == 1 and bool(np.all(levels.column_volts == levels.column_volts[0]))
    key = (
        "read",
        array_key(array, levels.floating_rows, levels.floating_columns, modelled=modelled),
        accuracy,
        steady,
    )
    circuit = circuits.get(key, lambda: _circuit(key, array, levels, accuracy, steady=steady))
    values = altered_values(array, circuit)
    if steady:
        values["columns"] = levels.column_volts[0, ~levels.floating_columns]
    table = _table(circuit, levels, steady=steady)
    if steps > 1:
        before = np.vstack([np.zeros_like(table[:1]), table[:-1]])
        share = np.arange(1, steps + 1)[:, None] / steps
        table = ((1 - share) * before[:, None] + share * table[:, None]).reshape(-1, table.shape[1])
    job = Job(
        analysis=f"dc vidx 0 {len(table) - 1} 1",
        values=values,
        table=table,
        commands={} if way is None else {"optran": way.optran},
        continued=way is None,
        seconds=None if way is None else way.seconds(pool.settings.patience.job_s, last=last),
        kept=last,
        standalone=lambda: read_deck(array, levels, accuracy=accuracy, inline_models=True).text,
    )
    return pool.run(circuit, job, lambda answer: _checked(array, circuit, levels, answer, steps))


def _part(levels: Levels, part: slice) -> Levels:
    gates = None if levels.gate_volts is None else levels.gate_volts[part]
    return Levels(
        row_volts=levels.row_volts[part],
        column_volts=levels.column_volts[part],
        gate_volts=gates,
        floating_rows=levels.floating_rows,
        floating_columns=levels.floating_columns,
        single=levels.single,
    )


def _parts(pool: Pool, array: Crossbar, batch: int) -> list[slice]:
    most = max(1, LARGEST_ANSWER // (8 * (2 * array.rows * array.cols + array.rows + array.cols)))
    count = -(-batch // most)
    if batch > 1 and batch * array.rows * array.cols >= WORTH_SPLITTING:
        count = max(count, min(batch, pool.settings.workers))
    edges = np.linspace(0, batch, count + 1).astype(int).tolist()
    return [slice(a, b) for a, b in pairwise(edges)]


def altered_values(array: Crossbar, circuit: Circuit) -> dict[str, Floats]:
    """Return what the circuit must hold for this array: cell resistances, or states."""
    values = {}
    if "cells" in circuit.alterable:
        siemens = array.cell_conductance()
        values["cells"] = 1.0 / siemens[siemens > 0]
    if "states" in circuit.alterable:
        values["states"] = state_volts(array, circuit).ravel()
    return values


def state_volts(array: Crossbar, circuit: Circuit) -> Floats:
    """Return the voltages that stand for an array's states, (states, rows, cols)."""
    states = circuit.deck.states
    assert states is not None
    return array.state_or_zeros().reshape(states.nodes.shape) / states.scale[:, None, None]


def _circuit(
    key: Hashable, array: Crossbar, levels: Levels, accuracy: ReadAccuracy, *, steady: bool
) -> Circuit:
    deck = read_deck(array, _part(levels, slice(0, 1)), accuracy=accuracy, inline_models=True)
    fed = sources_of(deck.rows, None if steady else deck.columns, deck.gates)
    return build(key, deck, fed, device=array.device)


def _table(circuit: Circuit, levels: Levels, *, steady: bool) -> Floats:
    """Return the levels of all lines that are fed, (batch, sources)."""
    deck = circuit.deck
    columns = [levels.row_volts[:, deck.rows.sources != ""]]
    if not steady:
        columns.append(levels.column_volts[:, deck.columns.sources != ""])
    if deck.gates is not None and levels.gate_volts is not None:
        columns.append(levels.gate_volts)
    return np.hstack(columns)


def _checked(
    array: Crossbar, circuit: Circuit, levels: Levels, answer: Answer, steps: int
) -> tuple[Floats, ...]:
    checks.common(answer, circuit.vectors)
    checks.sweep(answer, levels.batch * steps)
    solved = solved_array(
        array,
        circuit,
        answer.vectors[:, steps - 1 :: steps],
        levels.row_volts,
        levels.column_volts,
        levels.gate_volts,
    )
    scale = np.abs(solved.cell_amps).max(axis=(1, 2))
    share = 1e-8 if not array.gated else 1e-2
    if not array.gated:
        solved, unbalanced = balanced(array, solved, LARGEST_IMBALANCE * scale + 1e-18)
        if np.any(unbalanced > 0):
            k = int(np.argmax(unbalanced))
            raise AnswerRejectedError(
                f"ngspice's answer violates Kirchhoff's current law by {unbalanced[k]:.3g} A on one"
                f" line at input {k} (largest current {scale[k]:.3g} A): wires and cells lie"
                " further apart than its numbers resolve. Use the nodal engine, or wires of 0 ohm"
                " where they hardly matter",
                answer.log,
            )
    residual, rounding = kirchhoff(array, solved)
    scale = np.maximum(scale, np.abs(solved.row_amps).max(axis=1, initial=0.0))
    allowed = share * scale + rounding + 1e-18
    if np.any(residual > allowed):
        k = int(np.argmax(residual / allowed))
        raise AnswerRejectedError(
            f"ngspice's answer violates Kirchhoff's current law by {residual[k]:.3g} A at input {k}"
            f" (largest current {scale[k]:.3g} A)",
            answer.log,
        )
    if not needs_models(array, moving=False):
        _check_bounds(solved, levels, answer)
    return (
        solved.column_amps,
        solved.row_amps,
        solved.word,
        solved.bit,
        residual,
        np.array([[answer.seconds, answer.cpu_seconds]]),
    )


def _check_bounds(solved: Solved, levels: Levels, answer: Answer) -> None:
    """No node of a resistor network leaves the range of its sources (maximum principle)."""
    fixed = np.hstack(
        [
            levels.row_volts[:, ~levels.floating_rows],
            levels.column_volts[:, ~levels.floating_columns],
        ]
    )
    low, high = fixed.min(axis=1)[:, None, None], fixed.max(axis=1)[:, None, None]
    slack = 1e-9 * (high - low) + 1e-12 * np.maximum(np.abs(high), np.abs(low))
    for name, volts in (("word", solved.word), ("bit", solved.bit)):
        outside = (volts < low - slack) | (volts > high + slack)
        if np.any(outside):
            k, i, j = np.argwhere(outside)[0]
            raise AnswerRejectedError(
                f"ngspice put the {name}-line node of cell ({i}, {j}) at {volts[k, i, j]:.6g} V,"
                f" outside what the sources span [{low[k, 0, 0]:.6g}, {high[k, 0, 0]:.6g}] V",
                answer.log,
            )


def solved_array(
    array: Crossbar,
    circuit: Circuit,
    vectors: Floats,
    row_volts: Floats,
    column_volts: Floats,
    gate_volts: Floats | None,
    state: Floats | None = None,
) -> Solved:
    """Pick an array's nodes and currents out of the vectors (vectors, n); the cells' currents come
    from the device's Python twin.

    Parameters
    ----------
    state : (n, rows, cols) or (states, n, rows, cols), optional
        The array's own, at rest, if left out.
    """
    deck = circuit.deck

    def pick(names: np.ndarray) -> Floats:
        rows = circuit.rows_of(names)
        found = np.where(rows.reshape(-1, 1) >= 0, vectors[rows.ravel()], 0.0)
        return np.moveaxis(found.reshape(*names.shape, -1), -1, 0)

    word, bit = pick(deck.word_vectors), pick(deck.bit_vectors)
    if array.device is None:
        assert array.conductance is not None
        cell_amps = array.conductance * (word - bit)
    elif deck.cell_currents is not None:
        cell_amps = array.with_factor(pick(deck.cell_currents))
    else:
        at_rest = array.state_or_zeros()
        if state is None and at_rest.ndim == 3:
            state = at_rest[:, None]
        cell_amps = array.cell_current(
            word - bit, at_rest if state is None else state, array.gate_of_cells(gate_volts)
        )
    return Solved(
        row_volts=row_volts,
        column_volts=column_volts,
        row_amps=-pick(deck.rows.current_vectors),
        column_amps=pick(deck.columns.current_vectors),
        word=word,
        bit=bit,
        cell_amps=cell_amps,
        word_farad_amps=_into_capacitances(circuit, vectors, "cw_", deck.word_vectors),
        bit_farad_amps=_into_capacitances(circuit, vectors, "cb_", deck.bit_vectors),
        floating_rows=deck.rows.sources == "",
        floating_columns=deck.columns.sources == "",
    )


def _into_capacitances(
    circuit: Circuit, vectors: Floats, prefix: str, nodes: Names
) -> Floats | None:
    """Return the current into the capacitance of each node (n, rows, cols), or None without; nodes
    that are one node count once."""
    if not circuit.vectors[-1].startswith("@"):
        return None
    amps = np.zeros((vectors.shape[1], *nodes.shape))
    seen: set[str] = set()
    for at in np.ndindex(*nodes.shape):
        node = str(nodes[at])
        row = circuit.index.get(f"@{prefix}{node}[i]")
        if row is not None and node not in seen:
            seen.add(node)
            amps[(slice(None), *at)] = vectors[row]
    return amps if seen else None
