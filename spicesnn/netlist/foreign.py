"""A descriptor in TOML makes a user's ``.subckt`` a device.

A descriptor::

    name = "my-memristor"                 # how the device is called
    file = "my_memristor.lib"             # beside the descriptor
    subckt = "memristor"
    reference = "where the model comes from"

    [pins]                                # which pin is which; in any order
    p = "plus"                            # word line
    n = "minus"                           # bit line
    gate = "wl"                           # third terminal, if there is one
    tie = { bulk = "0" }                  # pins on a fixed node

    [states.x]                            # a table for each state variable
    node = "x"                            # its pin, or its node inside the sub-circuit
    capacitor = "cx"                      # the element that stores it
    unit = "1"
    scale = 1.0                           # state units a volt
    low = 0.0
    high = 1.0
    initial = 0.1

    [drive]                               # a sine that shows the device at work: what commands take when none is given
    amplitude = 1.0
    frequency = "1k"

    [parameters.ron]                      # what may be set on the X line
    default = 100.0
    unit = "ohm"
    meaning = "resistance at x = 1"
    lowest = 1.0
    highest = 1e6
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

from spicesnn import units
from spicesnn.devices.base import Device, parameter
from spicesnn.devices.foreign import Foreign, ForeignState, ForeignSubcircuit
from spicesnn.devices.registry import nearest
from spicesnn.errors import ConfigError, DataError
from spicesnn.netlist.safety import flatten, trusted
from spicesnn.netlist.twin import card_of, logical_lines

_TOP = {"name", "file", "subckt", "reference", "pins", "states", "parameters", "drive"}
_DRIVE = {"amplitude", "frequency"}
_PINS = {"p", "n", "gate", "tie"}
_STATE = {"node", "capacitor", "unit", "scale", "low", "high", "initial"}
_PARAMETER = {"default", "unit", "meaning", "lowest", "highest"}


def load_foreign(descriptor: Path | str, *, trust: bool = False) -> Device:
    """Return the device of a descriptor file.

    The sub-circuit's text is read once, checked (`spicesnn.netlist.safety`) and carried by the device, so what was checked is what
    runs. The initial condition of a state capacitor is taken out of that copy, since each cell brings its own.

    Parameters
    ----------
    descriptor : Path | str
        A TOML file as shown above.
    trust : bool
        Whether the netlist is taken unchecked; it is as well within `spicesnn.netlist.safety.trusting`.

    Raises
    ------
    UnsafeNetlistError
        The netlist asks for more than a circuit.
    ConfigError
        The descriptor does not fit itself or the sub-circuit.
    DataError
        A file cannot be read.
    """
    path = Path(descriptor)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    _known(path, "", table, _TOP)
    for key in ("name", "file", "subckt"):
        if not isinstance(table.get(key), str) or not table[key]:
            raise ConfigError(f'{path}: {key} is {table.get(key)!r}; expected a text, such as {key} = "memristor"')
    if not re.fullmatch(r"[A-Za-z_][\w.-]*", table["subckt"]):
        raise ConfigError(f"{path}: subckt = {table['subckt']!r} is not a name")
    if not re.fullmatch(r"\w[\w .+-]*", table["name"]):
        raise ConfigError(f"{path}: name = {table['name']!r}; expected letters, digits, spaces and - . + only: folders and figures are called by it")
    text = flatten(path.parent / table["file"], folder=path.parent, trust=trust or trusted())
    pins, given = card_of(text, table["subckt"], path.parent / table["file"])
    circuit = _circuit(path, table, text, pins)
    return _device_class(path, table, circuit, given)()


def _known(path: Path, where: str, table: Any, keys: set[str]) -> None:
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: [{where}] is {table!r:.60}; expected a table")
    for key in table:
        if key not in keys:
            place = f"[{where}] " if where else ""
            raise ConfigError(f"{path}: {place}has an unknown key {key!r}{nearest(key, keys)} Expected: {', '.join(sorted(keys))}")


def _number(path: Path, where: str, table: dict[str, Any], key: str, default: float) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ConfigError(f"{path}: [{where}] {key} = {value!r}; expected a number")
    return units.parse(value)


def _circuit(path: Path, table: dict[str, Any], text: str, pins: tuple[str, ...]) -> ForeignSubcircuit:
    roles = table.get("pins", {})
    _known(path, "pins", roles, _PINS)
    ties = {str(pin).lower(): str(node) for pin, node in dict(roles.get("tie", {})).items()}
    for node in ties.values():
        if not re.fullmatch(r"\w+", node):
            raise ConfigError(f"{path}: [pins] tie to {node!r}; expected a plain node name, such as 0")
    if "p" not in roles or "n" not in roles:
        raise ConfigError(f"{path}: [pins] needs p (word line) and n (bit line); the pins are: {', '.join(pins)}")
    states = tuple(_state(path, name, entry) for name, entry in table.get("states", {}).items())
    gate = None if "gate" not in roles else str(roles["gate"]).lower()
    named = [str(roles["p"]).lower(), str(roles["n"]).lower(), *([gate] if gate else []), *ties, *(s.node for s in states if s.node in pins)]
    for pin in named:
        if pin not in pins:
            raise ConfigError(f"{path}: .subckt {table['subckt']} has no pin {pin!r}{nearest(pin, pins)} Its pins are: {', '.join(pins)}")
    left = [pin for pin in pins if pin not in named]
    if left or len(set(named)) != len(named):
        raise ConfigError(f"{path}: each pin needs one role; left over: {', '.join(left) or 'none'}; given: {', '.join(named)}")
    for state in states:
        element = state.capacitor.rpartition(".")[2]
        if not any(card.split()[0].lower() == element for _, card in logical_lines(text)):
            raise ConfigError(f"{path}: [states.{state.name}] .subckt {table['subckt']} has no capacitor {element!r}")
    return ForeignSubcircuit(text=text, subckt=table["subckt"], pins=pins, p=named[0], n=named[1], gate=gate, ties=tuple(ties.items()), states=states)


def _drive(path: Path, entry: Any) -> tuple[float, float]:
    """Return amplitude and frequency of the device's typical sine; 1 V and 1 kHz where the descriptor is silent."""
    _known(path, "drive", entry, _DRIVE)
    found = tuple(_number(path, "drive", entry, key, default) for key, default in (("amplitude", 1.0), ("frequency", 1e3)))
    if min(found) <= 0:
        raise ConfigError(f"{path}: [drive] {found[0]:g} V at {found[1]:g} Hz; expected an amplitude and a frequency above 0")
    return found[0], found[1]


def _state(path: Path, name: str, entry: Any) -> ForeignState:
    where = f"states.{name}"
    _known(path, where, entry, _STATE)
    if not re.fullmatch(r"\w+", name):
        raise ConfigError(f"{path}: [{where}]: {name!r} is not a name of a state")
    node, capacitor = str(entry.get("node", name)).lower(), str(entry.get("capacitor", f"c{name}")).lower()
    if not capacitor.rpartition(".")[2].startswith("c") or not re.fullmatch(r"[\w.]+", capacitor) or not re.fullmatch(r"[\w.]+", node):
        raise ConfigError(f"{path}: [{where}] node = {node!r}, capacitor = {capacitor!r}; expected a node and a capacitor of the sub-circuit")
    low, high = _number(path, where, entry, "low", 0.0), _number(path, where, entry, "high", 1.0)
    scale, initial = _number(path, where, entry, "scale", 1.0), _number(path, where, entry, "initial", low)
    if not low < high or not low <= initial <= high or scale == 0:
        raise ConfigError(f"{path}: [{where}] expected low < high, initial between them and scale not 0; got {low}, {high}, {initial}, {scale}")
    return ForeignState(name=name, node=node, capacitor=capacitor, unit=str(entry.get("unit", "1")), scale=scale, low=low, high=high, initial=initial)


def _device_class(path: Path, table: dict[str, Any], circuit: ForeignSubcircuit, given: dict[str, str]) -> type[Foreign]:
    """Return a subclass of Foreign with the descriptor's parameters as fields."""
    fields: list[Any] = []
    for name, entry in table.get("parameters", {}).items():
        where = f"parameters.{name}"
        _known(path, where, entry, _PARAMETER)
        if name.lower() not in given:
            takes = ", ".join(given) or "none"
            raise ConfigError(f"{path}: .subckt {circuit.subckt} takes no parameter {name!r}{nearest(name.lower(), given)} It takes: {takes}")
        if not name.isidentifier() or "default" not in entry:
            raise ConfigError(f"{path}: [{where}] needs default = …")
        limits = {key: _number(path, where, entry, key, 0.0) for key in ("lowest", "highest") if key in entry}
        value = _number(path, where, entry, "default", 0.0)
        fields.append((name, float, parameter(value, str(entry.get("unit", "1")), str(entry.get("meaning", "")), **limits)))
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
        "drive": _drive(path, table.get("drive", {})),
    }
    return dataclasses.make_dataclass("ForeignDevice", fields, bases=(Foreign,), namespace=namespace, frozen=True, kw_only=True, eq=False)
