"""The cells of an array as cards, and the text of a deck as it grows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from spicesnn._version import __version__
from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar, GateAlong
from spicesnn.crossbar.wires import in_words
from spicesnn.devices.foreign import Foreign
from spicesnn.netlist.deck import Lines, Names, States, joined, number, remark
from spicesnn.netlist.geometry import Geometry, dissected
from spicesnn.netlist.twin import Twin, cell_values, shared_and_own


@dataclass(slots=True)
class Cards:
    """The cards of a deck while it is written, each with the key that stays when its value is
    altered."""

    text: list[str] = field(default_factory=list)
    _keys: list[str] = field(default_factory=list)

    def add(self, card: str, key: str | None = None) -> None:
        """Add one card; `key` is the card without what ``alter`` can change (the card itself if
        left out)."""
        self.text.append(card)
        self._keys.append(card if key is None else key)

    def extend(self, cards: list[str] | tuple[str, ...]) -> None:
        """Add cards that cannot be altered."""
        self.text += cards
        self._keys += cards

    def comment(self, *lines: str) -> None:
        """Add comment lines, which are no part of the key."""
        self.text += [remark(line) for line in lines]

    def finished(self) -> str:
        """Return the text of the deck, checked card by card."""
        return joined(self.text)

    def topology(self) -> str:
        """Return a digest of everything that cannot be altered."""
        return hashlib.sha256("\n".join(self._keys).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Placed:
    """The cells of an array after they were written."""

    elements: Names
    states: States | None
    currents: Names | None = None
    """Vector of each cell's current, where the deck measures it."""

    @property
    def signals(self) -> list[str]:
        """What ``.save`` must name for the currents."""
        return (
            []
            if self.currents is None
            else [f"i({name.removesuffix('#branch')})" for name in self.currents.ravel()]
        )


def _ends(ends: tuple[bool, bool], name: str) -> str:
    """Return the ends of lines in words."""
    words = (f"{name} 0", f"the last {name}")
    return " and ".join(word for word, here in zip(words, ends, strict=True) if here)


def header(cards: Cards, title: str, array: Crossbar, what: list[str]) -> None:
    """Write the title and what a reader must know: array, geometry, units."""
    wires = array.wires
    kind = (
        "linear cells"
        if array.device is None
        else f"{array.device.name} cells ({array.device.reference})"
    )
    cards.comment(title)
    cards.comment(
        f"written by spicesnn {__version__}; SI units throughout (V, A, ohm, S, F, s)",
        f"array       {array.rows} word lines x {array.cols} bit lines, {kind}",
        "nodes       r<i> word-line driver   c<j> sense node   w<i>_<j>, b<i>_<j> the two terminals"
        " of cell (i, j)",
        f"wires       {in_words(wires.word_line_ohm)} a word-line segment,"
        f" {in_words(wires.bit_line_ohm)} a bit-line segment; 0 ohm merges nodes",
        f"ends        word lines driven at {_ends(wires.driven_ends, 'column')}, bit lines sensed at"
        f" {_ends(wires.sensed_ends, 'row')}",
        *what,
    )


def needs_models(array: Crossbar, *, moving: bool) -> bool:
    """Return whether the cells stand as sub-circuits: they move, or are nonlinear, or have a third
    terminal, or are a user's own."""
    device = array.device
    return device is not None and (
        moving or not device.linear or array.gated or isinstance(device, Foreign)
    )


def place_linear(cards: Cards, array: Crossbar, geometry: Geometry, siemens: Floats) -> Placed:
    """Write cells as resistors of full precision; an open cell (0 S) is left out."""
    elements = np.full(array.shape, "", dtype="U16")
    word, bit, values = geometry.word.tolist(), geometry.bit.tolist(), siemens.tolist()
    for i in range(array.rows):
        for j in range(array.cols):
            if values[i][j] > 0:
                card = f"rm{i}_{j} {word[i][j]} {bit[i][j]}"
                cards.add(f"{card} {number(1.0 / values[i][j])}", card)
                elements[i, j] = f"rm{i}_{j}"
    return Placed(elements, None)


def place_dissected(cards: Cards, array: Crossbar, geometry: Geometry, siemens: Floats) -> Placed:
    """Write wires and linear cells in the order of `geometry.dissected`, in which a solver without
    an ordering of its own fills in less."""
    apart = Cards()
    placed = place_linear(apart, array, geometry, siemens)
    cells = dissected(array.rows, array.cols)[siemens > 0]
    wires = [(text, text) for text in geometry.cards]
    both = [*wires, *zip(apart.text, apart._keys, strict=True)]
    for k in np.argsort(np.concatenate([geometry.first, cells]), kind="stable").tolist():
        cards.add(*both[k])
    return placed


def place_models(
    cards: Cards,
    array: Crossbar,
    geometry: Geometry,
    *,
    held: bool,
    inline: bool,
    defined_as: str | None = None,
    metered: bool = False,
) -> Placed:
    """Write cells as sub-circuits.

    The current of a cell with a factor (`Crossbar.current_factor`) is measured by an ammeter
    ``va<i>_<j>`` at its word line, and a source ``fa<i>_<j>`` from there to its bit line carries
    factor − 1 times as much: together it is the factor at any voltage, in any state.

    Parameters
    ----------
    held : bool
        Whether every state is held by a voltage source (a read) or moves (a transient, which starts
        from its initial conditions).
    inline : bool
        Whether the model's text goes into the deck in place of an ``.include``.
    defined_as : str, optional
        The model is defined elsewhere under this name: write neither.
    metered : bool
        Whether a user's own sub-circuit gets an ammeter a cell, since no Python twin could tell its
        current.
    """
    assert array.device is not None
    device, twin = array.device, Twin.of(array.device)
    count, (rows, cols) = len(twin.states), array.shape
    state = None if count == 0 else array.state_or_zeros().reshape(count, rows, cols)
    values = cell_values(device, twin, array.shape, state, array.stuck)
    fixed_stuck = array.stuck is not None and "moves" not in twin.parameters
    if defined_as is None:
        cards.extend(twin.include(inline=inline))
    else:
        twin = replace(twin, subckt=defined_as)
    metered = metered and twin.foreign is not None
    factor = array.current_factor
    initial = {name: values.pop(name) for name in twin.initial if name in values}
    tail, own = shared_and_own(values)
    shape = (count, rows, cols)
    nodes, capacitors, holders = (np.full(shape, "", dtype="U48") for _ in range(3))
    elements = np.full(array.shape, "", dtype="U16")
    word, bit = geometry.word.tolist(), geometry.bit.tolist()
    for i in range(rows):
        for j in range(cols):
            cell = f"{i}_{j}"
            gate = (
                None
                if not device.gated
                else f"g{i if array.gate_along is GateAlong.WORD_LINES else j}"
            )
            p = word[i][j]
            if metered or factor is not None:
                cards.add(f"va{cell} {p} p{cell} 0")
                if (
                    factor is not None and factor[i, j] != 1.0
                ):  # the model carries its current, this source what it has more or less of it
                    cards.add(f"fa{cell} {p} {bit[i][j]} va{cell} {number(factor[i, j] - 1.0)}")
                p = f"p{cell}"
            call = twin.call(cell, p, bit[i][j], gate)
            special, start = (
                "".join(f" {name}={number(v[i, j])}" for name, v in some.items())
                for some in (own, initial)
            )
            cards.add(f"{call}{start}{special}{tail}", f"{call}{special}{tail}")
            elements[i, j] = f"xm{cell}"
            for k, name in enumerate(twin.states):
                assert state is not None
                node, volts = twin.state_node(name, cell), number(state[k, i, j] / twin.scale[k])
                nodes[k, i, j] = node
                if held or (fixed_stuck and array.stuck is not None and array.stuck[i, j]):
                    holders[k, i, j] = f"vs_{name}_{cell}"
                    cards.add(
                        f"vs_{name}_{cell} {node} 0 dc {volts}", f"vs_{name}_{cell} {node} 0 dc"
                    )
                else:
                    capacitors[k, i, j] = twin.state_capacitor(name, cell)
                    if not twin.carries(name):
                        cards.add(f".ic v({node})={volts}", f".ic v({node})")
    states = (
        None
        if count == 0
        else States(
            nodes=nodes,
            capacitors=capacitors,
            holders=holders,
            scale=np.asarray(twin.scale, dtype=float),
        )
    )
    currents = (
        None
        if not metered
        else np.array([[f"va{i}_{j}#branch" for j in range(cols)] for i in range(rows)])
    )
    return Placed(elements, states, currents)


def no_lines(count: int) -> Names:
    """Return `count` empty names."""
    return np.full(count, "", dtype="U16")


def make_lines(prefix: str, kinds: list[str], floating: NDArray[np.bool_], terminal: str) -> Lines:
    """Return the names of the sources of a set of lines: element ``<kind><prefix><k>`` at node
    ``<terminal><k>``."""
    count = len(kinds)
    sources, nodes, currents = no_lines(count), no_lines(count), np.full(count, "", dtype="U24")
    for k, kind in enumerate(kinds):
        if not floating[k]:
            sources[k], nodes[k] = f"{kind}{prefix}{k}", f"{terminal}{k}"
            currents[k] = f"{kind}{prefix}{k}#branch"
    return Lines(sources=sources, nodes=nodes, current_vectors=currents)


def current_signals(lines: Lines) -> list[str]:
    """Return the source currents of a set of lines as ``.save`` names them."""
    return [f"i({name})" for name in lines.sources if name]
