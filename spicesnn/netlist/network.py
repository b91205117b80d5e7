"""Whole networks as one deck: drivers, crossbar, analog neurons and stimulus, self-contained, for
``ngspice -b`` or LTspice.

Each bit line ends in the virtual ground of a transimpedance amplifier; its neuron's membrane is
driven by the column's current, the difference of a pair of columns, or twice the difference to a
reference column."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from spicesnn import paths
from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import CheckedWaveform
from spicesnn.devices.importers.cards import fold
from spicesnn.errors import EngineError, InputError
from spicesnn.netlist.accuracy import TransientAccuracy
from spicesnn.netlist.batch import BatchResult
from spicesnn.netlist.cells import (
    Cards,
    header,
    make_lines,
    needs_models,
    place_linear,
    place_models,
)
from spicesnn.netlist.deck import States, number, print_cards, pwl, save_cards
from spicesnn.netlist.exports import Dialect, written
from spicesnn.netlist.geometry import lay_out, line_capacitors
from spicesnn.neurons.circuit import CircuitNeuron, Inhibition

NETWORK_ACCURACY = TransientAccuracy(
    points=200, reltol=1e-4, vntol=1e-6, abstol=1e-12, chgtol=1e-14, trtol=7.0
)
"""For networks with neurons: comparators switch in nanoseconds, which the tolerances of a
programming pulse would chase to a standstill."""


class Readout(enum.Enum):
    """Which columns drive a neuron."""

    SINGLE = "single"
    """Neuron k by column k."""
    PAIRS = "differential"
    """Neuron k by column 2k minus column 2k+1."""
    REFERENCE = "offset"
    """Neuron k by twice (column k minus the last column)."""

    def neurons(self, columns: int) -> int:
        """Return how many neurons so many columns drive."""
        if self is Readout.SINGLE:
            return columns
        if self is Readout.PAIRS and columns % 2 == 0:
            return columns // 2
        if self is Readout.REFERENCE and columns > 1:
            return columns - 1
        raise InputError(f"{columns} columns do not fit the read-out {self.value!r}")


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class NetworkDeck:
    """A network as a deck.

    Attributes
    ----------
    text : str
    duration_s : float
    membranes, spikes : tuple of str
        Signals of each neuron, such as ``v(m0)`` and ``v(q0)``.
    states : States | None
        The cells' state nodes.
    """

    text: str
    duration_s: float
    membranes: tuple[str, ...]
    spikes: tuple[str, ...]
    states: States | None


def network_deck(
    array: Crossbar,
    waveform: CheckedWaveform,
    neuron: CircuitNeuron,
    *,
    readout: Readout = Readout.SINGLE,
    inhibition: Inhibition | None = None,
    offset_amps: Floats | None = None,
    hold_states: bool = False,
    save_states: bool = True,
    accuracy: TransientAccuracy | None = None,
    dialect: Dialect = Dialect.NGSPICE,
    title: str = "",
) -> NetworkDeck:
    """Return a network as one self-contained deck.

    Parameters
    ----------
    array : Crossbar
    waveform : CheckedWaveform
        Row and gate voltages over time; its column voltages must be 0, since the bit lines end in
        virtual grounds.
    neuron : CircuitNeuron
        All neurons are alike.
    readout : Readout
    inhibition : Inhibition, optional
        Lateral inhibition through a common line.
    offset_amps : (points,), optional
        Current into every neuron beside its columns', at the waveform's times, ampere.
    hold_states : bool
        Whether the cells' states are held by sources: inference that must not write.
    save_states : bool
        Whether the states are kept over time.
    accuracy : TransientAccuracy, optional
    dialect : Dialect
    title : str, optional

    Raises
    ------
    InputError
        The read-out does not fit the columns, or a bit line floats or has a voltage.
    """
    accuracy = accuracy or NETWORK_ACCURACY
    count = readout.neurons(array.cols)
    if np.any(waveform.floating_columns) or np.any(waveform.column_volts != 0):
        raise InputError(
            "network_deck: the bit lines end in the neurons' virtual grounds; column_volts must be"
            " 0 and no column may float"
        )
    modelled = needs_models(array, moving=not hold_states)
    siemens = None if modelled else array.cell_conductance()
    geometry = lay_out(
        array.wires,
        array.shape,
        waveform.floating_rows,
        waveform.floating_columns,
        np.ones(array.shape, dtype=bool) if siemens is None else siemens > 0,
    )
    cards = Cards()
    header(
        cards,
        title or f"network of {array.rows} inputs and {count} neurons",
        array,
        _notes(count, readout, neuron),
    )
    cards.add(accuracy.card())
    cards.comment("---- stimulus")
    _stimulus(cards, array, waveform)
    cards.comment("---- wires")
    cards.extend([*geometry.cards, *line_capacitors(array.wires, geometry)])
    cards.comment("---- cells")
    if siemens is not None:
        states = place_linear(cards, array, geometry, siemens).states
    else:
        states = place_models(cards, array, geometry, held=hold_states, inline=True).states
    cards.comment("---- neurons")
    _neurons(cards, array.cols, count, neuron, readout, inhibition)
    if offset_amps is not None:
        drive = pwl(
            *_corners(
                waveform.time_s,
                np.asarray(offset_amps, dtype=float)
                * neuron.feedback_ohm
                * neuron.transconductance,
            )
        )
        cards.extend([fold(f"io{k} 0 m{k} pwl({drive})") for k in range(count)])
    membranes, spikes = (
        tuple(f"v(m{k})" for k in range(count)),
        tuple(f"v(q{k})" for k in range(count)),
    )
    cards.extend(
        save_cards(
            [
                *membranes,
                *spikes,
                *(
                    [f"v({n})" for n in states.nodes.ravel()]
                    if states is not None and save_states
                    else []
                ),
            ]
        )
    )
    cards.add(f".{accuracy.analysis(waveform.duration_s)}")
    cards.extend(print_cards("tran", list(spikes)))
    cards.add(".end")
    text = cards.finished()
    text = written(text, dialect)
    return NetworkDeck(
        text=text, duration_s=waveform.duration_s, membranes=membranes, spikes=spikes, states=states
    )


def first_spikes(
    run: BatchResult, deck: NetworkDeck, threshold_volts: float, period_s: float, count: int
) -> Floats:
    """Return when each membrane first crossed its threshold in each period, by time, (count,
    neurons) seconds after the period's start.

    inf where it did not. Raises `EngineError` where a comparator did not follow its membrane.
    """
    at = run.sweep
    first = np.full((count, len(deck.membranes)), np.inf)
    for k, (membrane, spike) in enumerate(zip(deck.membranes, deck.spikes, strict=True)):
        volts, fired = run[membrane], run[spike] > 0.5
        above = volts >= threshold_volts
        for crossing in np.flatnonzero(above[1:] & ~above[:-1]):
            share = (threshold_volts - volts[crossing]) / (volts[crossing + 1] - volts[crossing])
            when = at[crossing] + share * (at[crossing + 1] - at[crossing])
            period = min(int(when // period_s), count - 1)
            if not fired[crossing : np.searchsorted(at, when + 1e-6) + 2].any():
                raise EngineError(
                    f"{membrane} crossed its threshold at {when:g} s, but {spike} did not follow:"
                    " the deck and its neuron disagree"
                )
            first[period, k] = min(first[period, k], when - period * period_s)
    return first


def _notes(count: int, readout: Readout, neuron: CircuitNeuron) -> list[str]:
    driven = {
        Readout.SINGLE: "column k",
        Readout.PAIRS: "column 2k minus column 2k+1",
        Readout.REFERENCE: "twice (column k minus the last column)",
    }
    return [
        (
            f"neurons     {count}, the k-th driven by {driven[readout]}; v(m<k>) membrane, v(q<k>)"
            " spike, v(d<k>) drive"
        ),
        (
            f"neuron      {neuron.feedback_ohm:g} ohm, time constant {neuron.tau_s:g} s, threshold"
            f" {neuron.v_threshold:g} V"
        ),
    ]


def _stimulus(cards: Cards, array: Crossbar, waveform: CheckedWaveform) -> None:
    sets = [("r", waveform.row_volts, waveform.floating_rows)]
    if waveform.gate_volts is not None:
        sets.append(("g", waveform.gate_volts, np.zeros(array.gate_lines, dtype=bool)))
    for letter, volts, floating in sets:
        lines = make_lines(letter, ["v"] * volts.shape[1], floating, letter)
        for k, source in enumerate(lines.sources):
            if source:
                time, level = _corners(waveform.time_s, volts[:, k])
                cards.add(fold(f"{source} {letter}{k} 0 pwl({pwl(time, level)})"))


def _corners(time: Floats, volts: Floats) -> tuple[Floats, Floats]:
    """Leave out the points of a flat line's inside: a source that does not change needs no
    breakpoints."""
    keep = np.ones(time.size, dtype=bool)
    keep[1:-1] = (volts[1:-1] != volts[:-2]) | (volts[1:-1] != volts[2:])
    return time[keep], volts[keep]


def _call(name: str, nodes: str, subckt: str, values: dict[str, float]) -> str:
    return fold(
        f"{name} {nodes} {subckt}"
        f" {' '.join(f'{key}={number(value)}' for key, value in values.items())}"
    )


def _neurons(
    cards: Cards,
    columns: int,
    count: int,
    neuron: CircuitNeuron,
    readout: Readout,
    inhibition: Inhibition | None,
) -> None:
    """Write amplifiers, neurons and inhibition: columns c<j> → t<j> → d<k> → m<k>, q<k>."""
    for name in (
        "transimpedance",
        "summing_stage",
        "lapicque",
        *(["winner_take_all"] if inhibition is not None else []),
    ):
        cards.extend(
            [
                f"* ---- {name}.lib",
                *paths.model_file(f"{name}.lib").read_text(encoding="utf-8").splitlines(),
            ]
        )
    amplifier, ohm, open_ohm = neuron.amplifier.spice_parameters(), neuron.feedback_ohm, 1e15
    for j in range(columns):
        cards.add(
            _call(f"xt{j}", f"c{j} t{j}", "transimpedance", {"feedback_ohm": ohm} | amplifier)
        )

    def stage(name: str, nodes: str, feedback: float, b_ohm: float) -> None:
        cards.add(
            _call(
                name,
                nodes,
                "summing_stage",
                {"feedback_ohm": feedback, "a_ohm": ohm, "b_ohm": b_ohm} | amplifier,
            )
        )

    if readout is Readout.REFERENCE:
        stage("xi", f"t{count} 0 i", ohm, open_ohm)
    for k in range(count):
        if readout is Readout.SINGLE:
            stage(f"xs{k}", f"t{k} 0 d{k}", ohm, open_ohm)
        elif readout is Readout.PAIRS:
            stage(f"xi{k}", f"t{2 * k + 1} 0 i{k}", ohm, open_ohm)
            stage(f"xs{k}", f"t{2 * k} i{k} d{k}", ohm, ohm)
        else:
            stage(f"xs{k}", f"t{k} i d{k}", 2 * ohm, ohm)
        cards.add(_call(f"xn{k}", f"d{k} m{k} q{k}", "lapicque", neuron.spice_parameters()))
        if inhibition is not None:
            level = (neuron.spike_low + neuron.spike_high) / 2
            values = {
                "inhibition_s": inhibition.inhibition_s,
                "v_reset": neuron.v_reset,
                "inhibit_ohm": inhibition.inhibit_ohm,
                "v_spike": level,
            }
            cards.add(_call(f"xw{k}", f"q{k} m{k} bus", "winner_take_all", values))
