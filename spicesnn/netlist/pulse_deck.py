"""The deck of a programming pulse: a transient with the states as initial conditions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import CheckedWaveform
from spicesnn.netlist.accuracy import TransientAccuracy
from spicesnn.netlist.cells import (
    Cards,
    current_signals,
    header,
    make_lines,
    needs_models,
    place_linear,
    place_models,
)
from spicesnn.netlist.deck import Deck, Lines, States, number, print_cards, pwl, save_cards, vector
from spicesnn.netlist.geometry import lay_out, line_capacitors
from spicesnn.netlist.pulse_accuracy import for_transient
from spicesnn.netlist.twin import Twin


def pulse_deck(
    array: Crossbar,
    waveform: CheckedWaveform,
    accuracy: TransientAccuracy | None = None,
    *,
    inline_models: bool = False,
    save_nodes: bool = False,
    settled: bool = False,
    title: str = "",
) -> Deck:
    """Return the deck that applies a waveform to an array and lets its states move.

    Every line that is driven has a PWL source; every cell of a device is its sub-circuit with all
    its parameters and its state as the initial condition of the state capacitor (``uic``). Stuck
    cells have ``moves=0``.

    Parameters
    ----------
    array : Crossbar
    waveform : CheckedWaveform
    accuracy : TransientAccuracy, optional
        What the ngspice engine begins with, if left out.
    inline_models : bool
        Whether model files are copied into the deck, so that it stands alone.
    save_nodes : bool
        Whether the voltages of all cell terminals are kept too.
    settled : bool
        Whether the transient begins at the operating point of the first volts, the states held,
        and not with all lines at 0 V (``uic``).
    title : str, optional

    Raises
    ------
    SingularCircuitError
        A line floats without any path to a source.
    """
    accuracy = accuracy or for_transient(array.device, array.wires, duration_s=waveform.duration_s)
    modelled = needs_models(array, moving=True)
    siemens = None if modelled else array.cell_conductance()
    live = np.ones(array.shape, dtype=bool) if siemens is None else siemens > 0
    geometry = lay_out(
        array.wires, array.shape, waveform.floating_rows, waveform.floating_columns, live
    )
    title = title or f"pulse of {waveform.duration_s:g} s on a {array.rows} x {array.cols} crossbar"

    cards = Cards()
    header(cards, title, array, [_state_note(array)])
    cards.add(accuracy.card())
    cards.comment("---- sources: one per driven line")
    rows = _sources(cards, "r", waveform.time_s, waveform.row_volts, waveform.floating_rows)
    columns = _sources(
        cards, "c", waveform.time_s, waveform.column_volts, waveform.floating_columns
    )
    gates = None
    if waveform.gate_volts is not None:
        gates = _sources(
            cards, "g", waveform.time_s, waveform.gate_volts, np.zeros(array.gate_lines, dtype=bool)
        )
    cards.comment("---- wires")
    cards.extend(geometry.cards)
    cards.extend(line_capacitors(array.wires, geometry))
    cards.comment("---- cells")
    if siemens is not None:
        placed = place_linear(cards, array, geometry, siemens)
    else:
        placed = place_models(
            cards, array, geometry, held=False, inline=inline_models, metered=True
        )

    states = [] if placed.states is None else [f"v({node})" for node in placed.states.nodes.ravel()]
    lines = [f"v({node})" for set_ in (rows, columns) for node in set_.nodes if node]
    signals = [*states, *lines, *current_signals(rows), *current_signals(columns), *placed.signals]
    if save_nodes:
        signals += [f"v({node})" for node in [*geometry.word.ravel(), *geometry.bit.ravel()]]
    analysis = accuracy.analysis(waveform.duration_s, settled=settled)
    if settled:
        cards.extend(_held_at_first(array, placed.states))
    cards.extend(save_cards(signals))
    cards.add(f".{analysis}", ".tran")
    cards.extend(print_cards("tran", states or current_signals(columns)))
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
        duration_s=waveform.duration_s,
    )


def _held_at_first(array: Crossbar, states: States | None) -> list[str]:
    """Return cards that hold states while the operating point is sought."""
    if states is None or array.state is None:
        return []
    volts = array.state.reshape(states.nodes.shape) / states.scale[:, None, None]
    return [
        f".ic v({states.nodes[at]})={number(float(volts[at]))}"
        for at in np.ndindex(states.nodes.shape)
        if states.capacitors[at]
    ]


def _state_note(array: Crossbar) -> str:
    if array.device is None or not array.device.state_names:
        return "states      none"
    twin = Twin.of(array.device)
    units = ", ".join(
        f"{name}: 1 V at {twin.state_node(name, '<i>_<j>')} is {scale:g} {unit}"
        for name, scale, unit in zip(
            array.device.state_names,
            array.device.state_scale,
            array.device.state_units,
            strict=True,
        )
    )
    return f"states      {units}"


def _sources(
    cards: Cards, letter: str, time_s: Floats, volts: Floats, floating: NDArray[np.bool_]
) -> Lines:
    lines = make_lines(letter, ["v"] * volts.shape[1], floating, letter)
    for k, (source, node) in enumerate(zip(lines.sources, lines.nodes, strict=True)):
        if source:
            cards.add(
                f"{source} {node} 0 pwl({pwl(time_s, volts[:, k])})", f"{source} {node} 0 pwl"
            )
    return lines
