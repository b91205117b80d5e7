"""A descriptor in TOML makes a user's ``.subckt`` a device.

A descriptor::

    name = "my-memristor"                 # how the device is called
    file = "my_memristor.lib"             # beside the descriptor
    subckt = "memristor"
    dialect = "ltspice"                   # or ngspice, hspice, pspice; may be left out where the text means the same in all that have its words
    reference = "where the model comes from"
    init = ["option temp=85"]             # what ngspice is told before a deck, or the name of a file with a command a line; left out for most

    [pins]                                # which pin is which; in any order
    p = "plus"                            # word line
    n = "minus"                           # bit line
    gate = "wl"                           # third terminal, if there is one
    tie = { bulk = "0" }                  # pins on a fixed node
    unused = ["rm"]                       # pins that are left open

    [states.x]                            # a table for each state variable
    node = "x"                            # its pin, or its node inside the sub-circuit
    capacitor = "cx"                      # the element that stores it
    unit = "1"
    scale = 1.0                           # state units a volt
    low = 0.0
    high = 1.0
    initial = 0.1                         # left out: as ic= in the text says, at the parameters that are set

    [drive]                               # a sine that shows the device at work: what commands take when none is given
    amplitude = 1.0
    frequency = "1k"

    [parameters.ron]                      # what may be set: a parameter of the card, or a .param
    default = 100.0
    unit = "ohm"
    meaning = "resistance at x = 1"
    lowest = 1.0
    highest = 1e6
"""

from __future__ import annotations

import dataclasses
import keyword
import math
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn import units
from spicesnn.devices.base import Device, parameter
from spicesnn.devices.foreign import Foreign, ForeignState, ForeignSubcircuit
from spicesnn.devices.importers.ambient import told
from spicesnn.devices.importers.cards import library_of
from spicesnn.devices.importers.closed import NotClosedError, closed
from spicesnn.devices.importers.dialects import SpiceDialect
from spicesnn.devices.importers.emit import Written, part_name, write
from spicesnn.devices.importers.evaluate import with_parameters
from spicesnn.devices.importers.expressions import Term
from spicesnn.devices.importers.states import Declared, stores
from spicesnn.devices.importers.stored import Stored
from spicesnn.devices.importers.translate import Part, understood
from spicesnn.errors import ConfigError, InputError, UnsupportedNetlistError
from spicesnn.guesses import nearest
from spicesnn.netlist.deck import remark
from spicesnn.netlist.init import changes_circuit, checked_init, init_lines
from spicesnn.netlist.safety import flatten, read_cards, read_text, trusted
from spicesnn.netlist.spectre import dialect_of
from spicesnn.netlist.twin import card_of, logical_lines
from spicesnn.netlist.veriloga import load_verilog

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_ .+-]*"
_PATH = r"[a-z0-9_][a-z0-9_.+\-#!]*"
_TOP = {
    "name",
    "file",
    "subckt",
    "dialect",
    "reference",
    "init",
    "pins",
    "states",
    "parameters",
    "drive",
}
TAKEN = frozenset(name for name in dir(Foreign) if not name.startswith("__"))
_DRIVE = {"amplitude", "frequency"}
_PINS = {"p", "n", "gate", "tie", "unused"}
_STATE = {"node", "capacitor", "unit", "scale", "low", "high", "initial"}
_PARAMETER = {"default", "unit", "meaning", "lowest", "highest"}


def load_foreign(descriptor: Path | str, *, trust: bool = False) -> Device:
    """Return the device of a descriptor file.

    The sub-circuit's text is read once and understood (`spicesnn.devices.importers`); the device
    carries what is written again from that, so nothing of the text itself reaches ngspice. The
    initial condition of a state capacitor is taken out of that copy, since each cell brings its
    own.

    Parameters
    ----------
    descriptor : Path | str
        A TOML file as shown above.
    trust : bool
        Whether the netlist is taken as it stands, in ngspice's own language; it is as well within
        `spicesnn.netlist.safety.trusting`.

    Raises
    ------
    UnsafeNetlistError
        The netlist asks for more than a circuit.
    UnsupportedNetlistError
        Something in it cannot be understood, or means different things in different dialects.
    ConfigError
        The descriptor does not fit itself or the sub-circuit.
    DataError
        A file cannot be read.
    """
    path = Path(descriptor)
    raw = _raw(path)
    if "verilog" in raw:
        return load_verilog(path, raw)
    table = _table(path, raw)
    netlist = path.parent / table["file"]
    init = _init(path, table, trust=trust or trusted())
    try:
        circuit, given, equations = (
            _as_it_stands(path, table, netlist)
            if trust or trusted()
            else _understood(path, table, netlist, init)
        )
    except RecursionError:
        raise UnsupportedNetlistError(
            f"{netlist}: parameters or expressions are too deep inside one another"
        ) from None
    if init:
        told = "".join(f"{remark(f'ngspice is told before this: {line}')}\n" for line in init)
        circuit = dataclasses.replace(circuit, init=init, text=told + circuit.text)
        if changes_circuit(init) and isinstance(equations, Stored):
            equations = "its init changes the circuit, of which the equations know nothing"
    return _device_class(path, table, circuit, given, equations)()


def _init(path: Path, table: dict[str, Any], *, trust: bool) -> tuple[str, ...]:
    """Return what a descriptor wants ngspice to be told.

    Raises
    ------
    InputError
        It may not stand there; or it says whose language the text is in, and the text is
        translated.
    """
    lines = init_lines(table.get("init", []), str(path), path.parent)
    for line in lines:
        if not trust and re.match(r"\s*(un)?set\s+ngbehavior\b", line, re.I):
            raise InputError(
                f"{path}: init has {line!r:.80}, but the text is translated into ngspice's own"
                " language, whatever its dialect: say dialect = …, or hand the text over as it"
                " stands with --trust"
            )
    return checked_init(lines, str(path), trust=trust)


def _raw(path: Path) -> dict[str, Any]:
    """Return what a descriptor holds."""
    try:
        return tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def _table(path: Path, table: dict[str, Any]) -> dict[str, Any]:
    """Return a descriptor's table, its own texts checked."""
    _known(path, "", table, _TOP)
    for key in ("name", "file", "subckt"):
        if not isinstance(table.get(key), str) or not table[key]:
            raise ConfigError(
                f'{path}: {key} is {table.get(key)!r}; expected a text, such as {key} = "memristor"'
            )
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", table["subckt"]):
        raise ConfigError(f"{path}: subckt = {table['subckt']!r} is not a name")
    if not re.fullmatch(_NAME, table["name"]):
        raise ConfigError(
            f"{path}: name = {table['name']!r}; expected letters, digits, spaces and - . + only:"
            " folders and figures are called by it"
        )
    for key, text in _texts("", table):
        try:
            remark(text)
        except InputError as error:
            raise ConfigError(f"{path}: {key}: {error}") from None
    if Path(table["file"]).suffix.lower() in (".va", ".vams"):
        raise ConfigError(
            f"{path}: {table['file']} is Verilog-A: run `spicesnn import {table['file']}` and use"
            " the descriptor that it writes"
        )
    if "dialect" in table and table["dialect"] not in list(SpiceDialect):
        close = nearest(str(table["dialect"]), SpiceDialect)
        raise ConfigError(
            f"{path}: dialect = {table['dialect']!r}{close} Expected one of:"
            f" {', '.join(SpiceDialect)}"
        )
    for key in ("states", "parameters"):
        if not isinstance(table.get(key, {}), dict):
            raise ConfigError(f"{path}: [{key}] is {table[key]!r:.60}; expected a table for each")
    return table


def _texts(where: str, entry: Any) -> Iterator[tuple[str, str]]:
    """Yield the place and the text of every text in a table, keys included: they stand in decks,
    figures and reports."""
    if isinstance(entry, str):
        yield where, entry
    elif isinstance(entry, dict):
        for key, value in entry.items():
            yield where or "a key", key
            yield from _texts(f"{where}.{key}".lstrip("."), value)
    elif isinstance(entry, list):
        for value in entry:
            yield from _texts(where, value)


def _understood(
    path: Path, table: dict[str, Any], netlist: Path, init: Sequence[str]
) -> tuple[ForeignSubcircuit, dict[str, str], Stored | str]:
    """Return a sub-circuit written again from what was understood of it, its parameters, and its
    equations or why it has none."""
    library = library_of(read_cards(netlist, path.parent))
    library.bench = told(library.bench, init, str(path))
    name = table["subckt"].lower()
    if name not in library.subckts:
        known = ", ".join(library.subckts) or "none"
        raise InputError(
            f"{netlist}: no .subckt {table['subckt']} in this file{nearest(name, library.subckts)}"
            f" It has: {known}"
        )
    library = library.without_pins(name, _left_open(path, table, library.subckts[name].pins))
    subckt = library.subckts[name]
    takes = [*subckt.defaults, *(n for n in subckt.scope.params), *library.scope.params]
    settable: dict[str, bool] = {}
    for key, entry in table.get("parameters", {}).items():
        if key.lower() not in takes:
            listed = ", ".join(subckt.defaults or takes) or "none"
            raise ConfigError(
                f"{path}: .subckt {subckt.name} takes no parameter"
                f" {key!r}{nearest(key.lower(), takes)} It takes: {listed}"
            )
        _known(path, f"parameters.{key}", entry, _PARAMETER)
        if "default" not in entry:
            raise ConfigError(f"{path}: [parameters.{key}] needs default = …")
        settable[key.lower()] = (
            "lowest" in entry and _number(path, f"parameters.{key}", entry, "lowest", 0.0) >= 0
        )
    states = [_state(path, state, entry) for state, entry in table.get("states", {}).items()]
    kept = frozenset(state.node for state in states)
    said = SpiceDialect(table["dialect"]) if "dialect" in table else None
    dialect = dialect_of(read_text(netlist), netlist, said)
    part, _ = understood(library, name, dialect, settable, kept)
    written = write(part)
    p, n, gate, ties = _roles(path, table, part.pins, states)
    starts = _remembered(path, part, states)
    circuit = ForeignSubcircuit(
        text=written.text,
        subckt=part_name(part),
        pins=tuple(written.names.get("node", pin) for pin in part.pins),
        p=written.names.get("node", p),
        n=written.names.get("node", n),
        gate=None if gate is None else written.names.get("node", gate),
        ties=tuple((written.names.get("node", pin), node) for pin, node in ties.items()),
        states=tuple(_placed(path, table, state, starts[state.node], written) for state in states),
        parameters=tuple(
            (key, written.names.get("parameter", key.lower()))
            for key in table.get("parameters", {})
        ),
    )
    try:
        equations: Stored | str = closed(
            part, p, n, [dataclasses.replace(s, start=starts[s.node]) for s in states]
        )
    except (NotClosedError, UnsupportedNetlistError) as reason:
        equations = str(reason)
    return circuit, dict.fromkeys(takes, ""), equations


def _left_open(path: Path, table: dict[str, Any], pins: tuple[str, ...]) -> frozenset[str]:
    """Return the pins that a descriptor leaves open."""
    roles = table.get("pins", {})
    _known(path, "pins", roles, _PINS)
    listed = roles.get("unused", [])
    if not isinstance(listed, list) or not all(isinstance(pin, str) for pin in listed):
        raise ConfigError(
            f'{path}: [pins] unused = {listed!r:.60}; expected a list of pins, such as ["rm"]'
        )
    for pin in listed:
        if pin.lower() not in pins:
            raise ConfigError(
                f"{path}: .subckt {table['subckt']} has no pin {pin!r}{nearest(pin.lower(), pins)}"
                f" Its pins are: {', '.join(pins)}"
            )
    return frozenset(pin.lower() for pin in listed)


def _remembered(path: Path, part: Part, states: list[ForeignState]) -> dict[str, Term | None]:
    """Return where each declared state starts, after a check that nothing else in the sub-circuit
    remembers."""
    declared = [Declared(state.node, state.capacitor, state.node) for state in states]
    pins = frozenset(part.pins) - {state.node for state in states}
    found = {store.path: store for store in stores(part, pins, declared)}
    starts: dict[str, Term | None] = {}
    for state in states:
        store = found.pop(state.capacitor, None)
        if store is None:
            raise ConfigError(
                f"{path}: [states.{state.name}] .subckt {part.name} has no capacitor"
                f" {state.capacitor!r}"
            )
        starts[state.node] = store.start
    for store in found.values():
        card = store.element.card
        raise UnsupportedNetlistError(
            f"{card.file}, line {card.line}: the capacitor {store.path!r} keeps a charge of its"
            " own, which would be forgotten between pulses. "
            f'Declare it in {path.name}: [states.{store.element.name}] with node = "{store.node}"'
            f' and capacitor = "{store.path}"'
        )
    return starts


def _placed(
    path: Path, table: dict[str, Any], state: ForeignState, start: Term | None, written: Written
) -> ForeignState:
    """Return a state by the names that were written, and where it starts."""
    given = table["states"][state.name].get("initial")
    if start is not None and given is not None:
        if not start.holds("par"):
            start = None  # the descriptor's word, and nothing that can be set moves the other
        else:
            defaults = {
                key.lower(): _number(path, f"parameters.{key}", entry, "default", 0.0)
                for key, entry in table.get("parameters", {}).items()
            }
            there = float(np.asarray(with_parameters(start, defaults, {}))) * state.scale
            if not abs(there - state.initial) <= 1e-6 * (state.high - state.low):
                raise ConfigError(
                    f"{path}: [states.{state.name}] initial = {state.initial:g}, but ic= in the"
                    f" text gives {there:g} at the default parameters; leave initial out, or ic="
                )
    return dataclasses.replace(
        state,
        node=_inside(written, state.node, "node"),
        capacitor=_inside(written, state.capacitor, "element"),
        start=start,
    )


def _inside(written: Written, path: str, kind: str) -> str:
    """Return a name inside inner sub-circuits as it was written."""
    head, dot, rest = path.partition(".")
    if dot and head in written.inner:
        return f"{written.names.taken['element', head]}.{_inside(written.inner[head], rest, kind)}"
    return written.names.taken[kind, path]


def _as_it_stands(
    path: Path, table: dict[str, Any], netlist: Path
) -> tuple[ForeignSubcircuit, dict[str, str], Stored | str]:
    """Return a sub-circuit in ngspice's own language, unchecked: the user has said that it is
    trusted."""
    text = flatten(netlist, folder=path.parent, trust=True)
    pins, given = card_of(text, table["subckt"], netlist)
    if _left_open(path, table, pins):
        raise ConfigError(
            f"{path}: [pins] unused is for texts that are translated; in a trusted one tie the pin"
            " to a node of its own"
        )
    states = [_state(path, name, entry) for name, entry in table.get("states", {}).items()]
    p, n, gate, ties = _roles(path, table, pins, states)
    for state in states:
        element = state.capacitor.rpartition(".")[2]
        card = next(
            (card for _, card in logical_lines(text) if card.split()[0].lower() == element), None
        )
        if card is None:
            raise ConfigError(
                f"{path}: [states.{state.name}] .subckt {table['subckt']} has no capacitor"
                f" {element!r}"
            )
        if "initial" not in table["states"][state.name] and re.search(r"\bic\s*=", card, re.I):
            raise ConfigError(
                f"{path}: [states.{state.name}] {element!r} has ic=, which is not read in a trusted"
                " text: give initial = …"
            )
    circuit = ForeignSubcircuit(
        text=text,
        subckt=table["subckt"],
        pins=pins,
        p=p,
        n=n,
        gate=gate,
        ties=tuple(ties.items()),
        states=tuple(states),
    )
    return circuit, given, "its text is taken as it stands"


def _known(path: Path, where: str, table: Any, keys: set[str]) -> None:
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: [{where}] is {table!r:.60}; expected a table")
    for key in table:
        if key not in keys:
            place = f"[{where}] " if where else ""
            raise ConfigError(
                f"{path}: {place}has an unknown key {key!r}{nearest(key, keys)} Expected:"
                f" {', '.join(sorted(keys))}"
            )


def _number(path: Path, where: str, table: dict[str, Any], key: str, default: float) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ConfigError(f"{path}: [{where}] {key} = {value!r}; expected a number")
    try:
        found = units.parse(value)
    except (InputError, OverflowError) as error:
        raise ConfigError(f"{path}: [{where}] {key}: {error}") from None
    if not math.isfinite(found):
        raise ConfigError(f"{path}: [{where}] {key} = {value!r}; expected a finite number")
    return found


def _roles(
    path: Path, table: dict[str, Any], pins: tuple[str, ...], states: list[ForeignState]
) -> tuple[str, str, str | None, dict[str, str]]:
    """Return the pins of word line, bit line and third terminal, and those on a fixed node."""
    roles = table.get("pins", {})
    _known(path, "pins", roles, _PINS)
    tied = roles.get("tie", {})
    if not isinstance(tied, dict):
        raise ConfigError(
            f'{path}: [pins] tie = {tied!r:.60}; expected a table such as {{ bulk = "0" }}'
        )
    ties = {str(pin).lower(): str(node) for pin, node in tied.items()}
    for node in ties.values():
        if not re.fullmatch(r"[A-Za-z0-9_]+", node):
            raise ConfigError(
                f"{path}: [pins] tie to {node!r}; expected a plain node name, such as 0"
            )
    if "p" not in roles or "n" not in roles:
        raise ConfigError(
            f"{path}: [pins] needs p (word line) and n (bit line); the pins are: {', '.join(pins)}"
        )
    gate = None if "gate" not in roles else str(roles["gate"]).lower()
    p, n = str(roles["p"]).lower(), str(roles["n"]).lower()
    named = [p, n, *([gate] if gate else []), *ties, *(s.node for s in states if s.node in pins)]
    for pin in named:
        if pin not in pins:
            raise ConfigError(
                f"{path}: .subckt {table['subckt']} has no pin {pin!r}{nearest(pin, pins)} Its pins"
                f" are: {', '.join(pins)}"
            )
    left = [pin for pin in pins if pin not in named]
    if left or len(set(named)) != len(named):
        raise ConfigError(
            f"{path}: each pin needs one role; left over: {', '.join(left) or 'none'}; given:"
            f" {', '.join(named)}"
        )
    return p, n, gate, ties


def _drive(path: Path, entry: Any) -> tuple[float, float]:
    """Return amplitude and frequency of the device's typical sine; 1 V and 1 kHz where the
    descriptor is silent."""
    _known(path, "drive", entry, _DRIVE)
    found = tuple(
        _number(path, "drive", entry, key, default)
        for key, default in (("amplitude", 1.0), ("frequency", 1e3))
    )
    if min(found) <= 0:
        raise ConfigError(
            f"{path}: [drive] {found[0]:g} V at {found[1]:g} Hz; expected an amplitude and a"
            " frequency above 0"
        )
    return found[0], found[1]


def _state(path: Path, name: str, entry: Any) -> ForeignState:
    where = f"states.{name}"
    _known(path, where, entry, _STATE)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise ConfigError(f"{path}: [{where}]: {name!r} is not a name of a state")
    node, capacitor = (
        str(entry.get("node", name)).lower(),
        str(entry.get("capacitor", f"c{name}")).lower(),
    )
    if (
        not capacitor.rpartition(".")[2].startswith("c")
        or not re.fullmatch(_PATH, capacitor)
        or not re.fullmatch(_PATH, node)
    ):
        raise ConfigError(
            f"{path}: [{where}] node = {node!r}, capacitor = {capacitor!r}; expected a node and a"
            " capacitor of the sub-circuit"
        )
    low, high = _number(path, where, entry, "low", 0.0), _number(path, where, entry, "high", 1.0)
    scale, initial = (
        _number(path, where, entry, "scale", 1.0),
        _number(path, where, entry, "initial", low),
    )
    if not low < high or not low <= initial <= high or scale == 0:
        raise ConfigError(
            f"{path}: [{where}] expected low < high, initial between them and scale not 0; got"
            f" {low}, {high}, {initial}, {scale}"
        )
    return ForeignState(
        name=name,
        node=node,
        capacitor=capacitor,
        unit=str(entry.get("unit", "1")),
        scale=scale,
        low=low,
        high=high,
        initial=initial,
    )


def _device_class(
    path: Path,
    table: dict[str, Any],
    circuit: ForeignSubcircuit,
    given: dict[str, str],
    equations: Stored | str,
) -> type[Foreign]:
    """Return a subclass of Foreign with the descriptor's parameters as fields."""
    fields: list[Any] = []
    for name, entry in table.get("parameters", {}).items():
        where = f"parameters.{name}"
        _known(path, where, entry, _PARAMETER)
        if name.lower() not in given:
            takes = ", ".join(given) or "none"
            raise ConfigError(
                f"{path}: .subckt {circuit.subckt} takes no parameter"
                f" {name!r}{nearest(name.lower(), given)} It takes: {takes}"
            )
        if name in TAKEN:
            raise ConfigError(
                f"{path}: [{where}] {name!r} is what devices themselves are called by; give the"
                " parameter another name in the text"
            )
        if not name.isidentifier() or keyword.iskeyword(name) or "default" not in entry:
            raise ConfigError(f"{path}: [{where}] needs default = …")
        limits = {
            key: _number(path, where, entry, key, 0.0)
            for key in ("lowest", "highest")
            if key in entry
        }
        value = _number(path, where, entry, "default", 0.0)
        fields.append(
            (
                name,
                float,
                parameter(
                    value, str(entry.get("unit", "1")), str(entry.get("meaning", "")), **limits
                ),
            )
        )
    namespace = {
        "name": table["name"],
        "reference": str(table.get("reference", f"user's sub-circuit {circuit.subckt}")),
        "model": str((path.parent / table["file"]).resolve()),
        "state_names": tuple(s.name for s in circuit.states),
        "state_units": tuple(s.unit for s in circuit.states),
        "state_scale": tuple(s.scale for s in circuit.states),
        "gated": circuit.gate is not None,
        "memory": bool(circuit.states),
        "circuit": circuit,
        "stored": equations if isinstance(equations, Stored) else None,
        "why_not": equations if isinstance(equations, str) else "",
        "linear": isinstance(equations, Stored) and equations.linear(),
        "drive": _drive(path, table.get("drive", {})),
    }
    return dataclasses.make_dataclass(
        "ForeignDevice",
        fields,
        bases=(Foreign,),
        namespace=namespace,
        frozen=True,
        kw_only=True,
        eq=False,
    )
