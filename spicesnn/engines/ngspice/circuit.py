"""A circuit as a worker keeps it loaded, and a job on it: what to alter, what to run, what comes
back.

A circuit is parsed once. Afterwards jobs only alter what differs from what the worker's circuit
already holds: cell resistances, held states, initial conditions, waveforms. The inputs of a read
are not in the deck at all: its sources are ``external`` ones that the worker feeds from a table,
one row a point of the DC sweep."""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.devices.base import Device
from spicesnn.devices.foreign import Foreign
from spicesnn.engines.ngspice.card_numbers import on_cards
from spicesnn.netlist.deck import Deck, Lines, Names, number
from spicesnn.netlist.init import Init, files_of
from spicesnn.netlist.twin import model_path
from spicesnn.paths import file_stamp


@dataclass(frozen=True, eq=False, slots=True)
class Alterable:
    """Values that can be altered in place: the command of each up to its number."""

    prefixes: tuple[str, ...]

    def commands(self, values: Floats, held: Floats | None) -> list[str]:
        """Return the commands for `values` (n,), all of them or only where they differ from what is
        `held`."""
        pick = range(len(self.prefixes)) if held is None else np.flatnonzero(values != held)
        return [self.prefixes[k] + number(values[k]) for k in pick]


@dataclass(frozen=True, kw_only=True, eq=False)
class Circuit:
    """A deck in the form that a worker loads.

    Attributes
    ----------
    key : Hashable
        Circuits with the same key are the same, except for what can be altered.
    text : str
    vectors : tuple of str
        What each run returns, in this order.
    externals : tuple of str
        Sources that the worker feeds.
    alterable : dict
        Name of a group of values → how they are altered.
    deck : Deck
        Where it came from: nodes, lines, states.
    once : bool
        Whether it will not be asked for again, so that no worker is started to keep it.
    init : Init
        What its device needs ngspice to be told; a worker that was told something else is not for
        it.
    """

    key: Hashable
    text: str
    vectors: tuple[str, ...]
    externals: tuple[str, ...]
    alterable: dict[str, Alterable]
    deck: Deck
    once: bool = False
    init: Init = field(default_factory=Init)
    index: dict[str, int] = field(init=False)
    _rows: dict[int, NDArray[np.int_]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", {name: k for k, name in enumerate(self.vectors)})

    def holding(self, cells: Floats | None) -> tuple[str, dict[str, Floats]]:
        """Return the text with new resistances of its cells (n,), and what ngspice holds once it
        has read it, by group; all as it was written where there are none."""
        if cells is None or "cells" not in self.alterable:
            return self.text, {}
        around, order = self._around_cells
        numbers, read = on_cards(cells)
        pieces = [""] * (2 * len(around) - 1)
        pieces[::2], pieces[1::2] = around, [numbers[k] for k in order]
        return "".join(pieces), {"cells": read}

    @cached_property
    def _around_cells(self) -> tuple[list[str], list[int]]:
        return _around(self.text, self.alterable["cells"].prefixes)

    def rows_of(self, names: Names) -> NDArray[np.int_]:
        """Return the position of each named vector in the answer, −1 where the name is empty;
        `names` is an array of the deck."""
        found = self._rows.get(id(names))
        if found is None:
            found = np.array(
                [self.index[str(name)] if name else -1 for name in names.ravel()], dtype=int
            ).reshape(names.shape)
            self._rows[id(names)] = found
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """One run on a circuit.

    Attributes
    ----------
    analysis : str
        Such as ``dc vidx 0 99 1``.
    values : dict
        Group of `Circuit.alterable` → (n,) what the circuit must hold; a worker alters only what
        differs.
    commands : dict
        Slot → command that must be in force; sent again only when it changes.
    table : (points, externals) or None
        What the external sources give at each point of the sweep.
    standalone : Callable
        Returns a deck that a plain ``ngspice -b`` runs to the same answer, written to disk if the
        job fails.
    controller : dict, optional
        A closed loop that the worker puts behind the external sources.
    seconds : float, optional
        Longest time, if it should be shorter than the engine's.
    kept : bool
        Whether its deck is kept if it fails; not where something else is tried then.
    kept_late : bool
        Whether it is kept all the same if it takes too long.
    continued : bool
        Whether its sweep may go on from the points of the last one on its circuit, where the matrix
        has been set up and ordered: a quarter of the time or less. Only for linear circuits, whose
        solution is the same to the last bit wherever the solver comes from.
    """

    analysis: str
    values: dict[str, Floats] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    table: Floats | None = None
    standalone: Callable[[], str]
    controller: dict[str, object] | None = None
    seconds: float | None = None
    kept: bool = True
    kept_late: bool = False
    continued: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What a run returned, not yet checked.

    Attributes
    ----------
    vectors : (vectors, points)
    log : str
    plot : str
    report : object
        What a closed-loop controller says.
    begun : bool
        Whether the analysis was begun for this job, and did not go on from the one before.
    seconds, cpu_seconds : float
        What the analysis command itself took, inside the worker: time that passed, and of the
        processor.
    """

    vectors: Floats
    log: str
    plot: str
    report: object = None
    begun: bool = True
    seconds: float = 0.0
    cpu_seconds: float = 0.0


def sources_of(*lines: Lines | None) -> tuple[str, ...]:
    """Return the sources of sets of lines, floating lines passed over."""
    return tuple(str(s) for some in lines if some is not None for s in some.sources if s)


def loadable(deck: Deck, fed: tuple[str, ...]) -> str:
    """Return the text of a deck as a worker loads it.

    Parameters
    ----------
    deck : Deck
        With V sources on all lines (a read: made for one input).
    fed : tuple of str
        Sources that are fed from outside in place of what the deck says.
    """
    wanted = set(fed)
    kept: list[str] = []
    dropping = False
    for line in deck.text.splitlines():
        head = line.split(" ", 1)[0].lower()
        if line.startswith("+"):
            if not dropping:
                kept.append(line)
            continue
        # The analysis is given as a command; .print cards are for people.
        dropping = head in (".print", ".tran", ".dc")
        if head in wanted:
            # No `dc 0` here: ngspice 39.3 crashes on an external source that has one.
            kept.append(re.sub(r"^(\S+ \S+ \S+).*$", r"\1 external", line))
            dropping = True
        elif not dropping:
            kept.append(line)
    return "\n".join(kept) + "\n"


def _around(text: str, prefixes: tuple[str, ...]) -> tuple[list[str], list[int]]:
    """Return what stands before, between and behind the values of the cells that commands with
    these prefixes alter, and whose value stands at each place."""
    place = {prefix.split(" ")[1]: k for k, prefix in enumerate(prefixes)}
    parts, order, kept = list[str](), list[int](), list[str]()
    for line in text.splitlines(keepends=True):
        k = place.get(line.split(" ", 1)[0])
        if k is None:
            kept.append(line)
            continue
        card, _, _ = line.rpartition(" ")
        parts.append("".join([*kept, card, " "]))
        order.append(k)
        kept = ["\n"]
    return [*parts, "".join(kept)], order


def alterable_of(deck: Deck) -> dict[str, Alterable]:
    """Return what can be altered in a deck: ``cells`` (resistances), ``states`` (held, or initial
    conditions), ``columns`` (DC levels)."""
    groups: dict[str, Alterable] = {
        "columns": Alterable(tuple(f"alter {name} dc = " for name in sources_of(deck.columns)))
    }
    present = np.char.startswith(deck.cells, "rm")
    if np.any(present):
        groups["cells"] = Alterable(tuple(f"alter {name} = " for name in deck.cells[present]))
    if deck.states is not None:
        states = deck.states
        pairs = zip(states.capacitors.ravel(), states.holders.ravel(), strict=True)
        groups["states"] = Alterable(
            tuple(
                f"alter {holder} dc = " if holder else f"alter {cap} ic = " for cap, holder in pairs
            )
        )
    return groups


def build(
    key: Hashable,
    deck: Deck,
    fed: tuple[str, ...] = (),
    extra: tuple[str, ...] = (),
    *,
    device: Device | None,
    once: bool = False,
) -> Circuit:
    """Return the circuit of a deck with some sources external, and with `extra` cards; the device
    is that of its cells."""
    charging = capacitor_currents(deck)
    cards = [*(f".save {name}" for name in charging), *extra]
    text = loadable(deck, fed).replace(
        "\n.end\n", "\n" + "".join(f"{card}\n" for card in cards) + ".end\n"
    )
    vectors = (*_sweep(deck), *deck.saved, *charging)
    return Circuit(
        key=key,
        text=text,
        vectors=vectors,
        externals=fed,
        alterable=alterable_of(deck),
        deck=deck,
        once=once,
        init=Init.of(device.circuit.init) if isinstance(device, Foreign) else Init(),
    )


def capacitor_currents(deck: Deck) -> tuple[str, ...]:
    """Return the vectors of the currents into the lines' capacitances, for Kirchhoff's law."""
    # Sub-circuits of devices may have capacitors of such names inside.
    outside = re.sub(r"(?ms)^\.subckt\b.*?^\.ends\b", "", deck.text)
    return tuple(f"@{name}[i]" for name in re.findall(r"^(c[wb]_\S+) ", outside, re.MULTILINE))


def _sweep(deck: Deck) -> tuple[str, ...]:
    return ("time",) if deck.analysis.startswith("tran") else ()


class Circuits:
    """The circuits an engine has made, the latest few: decks are written once for many jobs."""

    def __init__(self, limit: int = 16) -> None:
        self._limit = limit
        self._made: dict[Hashable, Circuit] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Circuit]) -> Circuit:
        """Return the circuit of `key`, made if it is new."""
        with self._lock:
            circuit = self._made.pop(key, None)
        if circuit is None:
            circuit = make()
        with self._lock:
            self._made[key] = circuit
            while len(self._made) > self._limit:
                del self._made[next(iter(self._made))]
        return circuit


_device_keys: weakref.WeakKeyDictionary[Device, tuple[Hashable, tuple[Path, ...]]] = (
    weakref.WeakKeyDictionary()
)


def device_key(device: Device) -> Hashable:
    """Return what two devices share if their decks are the same: everything of a device, and of its
    model file, that a deck is written from.

    What a device says of itself is looked at once, since a device never changes; its model file
    may, so that is looked at every time."""
    known = _device_keys.get(device)
    if known is None:
        known = _device_keys[device] = (_described(device), _files(device))
    key, files = known
    return key, *(file_stamp(path) for path in files)


def _described(device: Device) -> Hashable:
    values = tuple(
        (name, np.shape(v), np.asarray(v, dtype=float).tobytes())
        for name, v in device.spice_parameters().items()
    )
    states = (device.state_names, device.state_scale, device.spice_inner, device.gated)
    # Two descriptors may stand on one library file: the checked text, the name of the sub-circuit
    # and the roles of its pins are their own.
    kind: Hashable = (
        device.circuit
        if isinstance(device, Foreign)
        else (type(device), device.model, device.subckt)
    )
    return kind, states, values


def _files(device: Device) -> tuple[Path, ...]:
    """Return the files that a device's deck is made of as they stand on disk; a user's own
    sub-circuit carries its text with it, and names what its init loads."""
    if isinstance(device, Foreign):
        return files_of(device.circuit.init)
    inner = getattr(device, "memristor", None)
    return model_path(device), *(_files(inner) if isinstance(inner, Device) else ())


def array_key(
    array: Crossbar,
    floating_rows: NDArray[np.bool_],
    floating_columns: NDArray[np.bool_],
    *,
    modelled: bool,
) -> Hashable:
    """Return everything of an array that cannot be altered in a loaded circuit."""
    wires = array.wires
    lines = (floating_rows.tobytes(), floating_columns.tobytes())
    if modelled:
        assert array.device is not None
        stuck = b"" if array.stuck is None else array.stuck.tobytes()
        factor = b"" if array.current_factor is None else array.current_factor.tobytes()
        return (
            array.shape,
            wires,
            lines,
            array.gate_along.value,
            device_key(array.device),
            stuck,
            factor,
        )
    return (array.shape, wires, lines, (array.cell_conductance() > 0).tobytes())
