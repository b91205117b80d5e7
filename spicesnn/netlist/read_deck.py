"""The deck of a read: states at rest, the whole batch in one DC sweep.

ngspice re-orders its matrix for every ``op``, but once for a sweep. So a batch is swept by one
index source, and every line that changes with it is a behavioural source that looks its level up:
``br0 r0 0 v=pwl(v(idx), 0, V0, 1, V1, …)``."""

from __future__ import annotations

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Levels
from spicesnn.netlist.accuracy import ReadAccuracy
from spicesnn.netlist.cells import (
    Cards,
    current_signals,
    header,
    make_lines,
    needs_models,
    place_dissected,
    place_linear,
    place_models,
)
from spicesnn.netlist.deck import Deck, Lines, number, print_cards, vector
from spicesnn.netlist.geometry import lay_out

_MANY = 256
"""Cells from which on the order of the cards is for the solver, not for a reader."""


def read_deck(
    array: Crossbar,
    levels: Levels,
    *,
    accuracy: ReadAccuracy | None = None,
    inline_models: bool = False,
    title: str = "",
) -> Deck:
    """Return the deck that reads an array at a batch of line voltages.

    Linear cells are resistors (an open cell of 0 S is left out); nonlinear cells, and cells with a
    third terminal, are their sub-circuits with each state node held by a voltage source.

    Parameters
    ----------
    array : Crossbar
    levels : Levels
        The checked voltages. With a batch of one, every source is a V source that can be altered.
    accuracy : ReadAccuracy, optional
    inline_models : bool
        Whether model files are copied into the deck, so that it stands alone.
    title : str, optional

    Raises
    ------
    SingularCircuitError
        A line floats without any path to a source.
    """
    modelled = needs_models(array, moving=False)
    siemens = None if modelled else array.cell_conductance()
    live = np.ones(array.shape, dtype=bool) if siemens is None else siemens > 0
    geometry = lay_out(
        array.wires, array.shape, levels.floating_rows, levels.floating_columns, live
    )
    title = (
        title
        or f"read of a {array.rows} x {array.cols} crossbar, {levels.batch} input{'s' if levels.batch > 1 else ''}"
    )

    cards = Cards()
    header(
        cards,
        title,
        array,
        [
            "sweep       v(idx) = number of the input; i(vc<j>) = current out of bit line j into"
            " its sense node"
        ],
    )
    cards.add((accuracy or ReadAccuracy()).card())
    cards.comment("---- sources: one per driven line")
    cards.add("vidx idx 0 dc 0")
    rows = _sources(cards, "r", levels.row_volts, levels.floating_rows)
    columns = _sources(cards, "c", levels.column_volts, levels.floating_columns)
    gates = None
    if levels.gate_volts is not None:
        gates = _sources(cards, "g", levels.gate_volts, np.zeros(array.gate_lines, dtype=bool))
    if siemens is not None and array.rows * array.cols >= _MANY:
        cards.comment(
            "---- wires and cells, halves of the array before the line between them: a solver"
            " numbers nodes as they appear"
        )
        placed = place_dissected(cards, array, geometry, siemens)
    else:
        cards.comment("---- wires")
        cards.extend(geometry.cards)
        cards.comment("---- cells")
        if siemens is not None:
            placed = place_linear(cards, array, geometry, siemens)
        else:
            placed = place_models(
                cards, array, geometry, held=True, inline=inline_models, metered=True
            )

    shown = current_signals(columns)
    nodes = (f"v({node})" for node in [*geometry.word.ravel(), *geometry.bit.ravel()])
    signals = [*shown, *current_signals(rows), *placed.signals, *nodes]
    # No .save card: without one ngspice keeps everything; for each name of one it goes through all
    # vectors, which takes longer than the solution of a 128 x 128 array.
    analysis = f"dc vidx 0 {levels.batch - 1} 1"
    cards.add(f".{analysis}")
    cards.extend(print_cards("dc", shown or current_signals(rows)))
    cards.add(".end")
    return Deck(
        title=title,
        text=cards.finished(),
        analysis=analysis,
        topology=cards.topology(),
        rows=rows,
        columns=columns,
        gates=gates,
        word_vectors=geometry.word,
        bit_vectors=geometry.bit,
        cells=placed.elements,
        cell_currents=placed.currents,
        states=placed.states,
        saved=tuple(vector(s) for s in dict.fromkeys(signals)),
        batch=levels.batch,
    )


def _sources(cards: Cards, letter: str, volts: Floats, floating: np.ndarray) -> Lines:
    """Write the sources of a set of lines, volts (batch, lines): V sources where the batch does not
    change them, looked-up ones elsewhere."""
    kinds = ["v" if np.all(volts[:, k] == volts[0, k]) else "b" for k in range(volts.shape[1])]
    if "b" in kinds:
        # One kind of set-up for one batch: a line that happens to be constant must not change the
        # topology of the next batch.
        kinds = ["b" if volts.shape[0] > 1 else "v"] * len(kinds)
    lines = make_lines(letter, kinds, floating, letter)
    for k, (source, node) in enumerate(zip(lines.sources, lines.nodes, strict=True)):
        if not source:
            continue
        if kinds[k] == "v":
            cards.add(f"{source} {node} 0 dc {number(volts[0, k])}", f"{source} {node} 0 dc")
        else:
            table = ",".join(f"{at},{number(v)}" for at, v in enumerate(volts[:, k]))
            cards.add(f"{source} {node} 0 v=pwl(v(idx),{table})")
    return lines
