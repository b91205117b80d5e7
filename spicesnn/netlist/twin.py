"""How a device stands in a deck: its model file, its X line, its state nodes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from spicesnn import paths
from spicesnn.devices.base import Device, Floats
from spicesnn.errors import InputError
from spicesnn.netlist.deck import number

Cells = dict[str, Floats]
"""Parameter name → values of (rows, cols)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Twin:
    """The SPICE side of one device model.

    Attributes
    ----------
    subckt : str
    path : Path
    pins : tuple of str
        In the order of the ``.subckt`` card.
    parameters : dict
        Names that its card takes, and their defaults there (``required`` where there is none).
    states : tuple of str
        State variables; each is a pin, or an inner node of the sub-circuit.
    scale : tuple of float
        State units a volt.
    """

    subckt: str
    path: Path
    pins: tuple[str, ...]
    parameters: dict[str, str]
    states: tuple[str, ...]
    scale: tuple[float, ...]

    @classmethod
    def of(cls, device: Device) -> Twin:
        """Return the twin of a device, its ``.subckt`` card read from the model file."""
        path = Path(device.model) if Path(device.model).is_absolute() else paths.model_file(device.model)
        pins, parameters = subckt_card(path, device.subckt)
        return cls(subckt=device.subckt, path=path, pins=pins, parameters=parameters, states=device.state_names, scale=device.state_scale)

    @property
    def gate_pin(self) -> str | None:
        """Name of the third terminal: the pin after the first two that is not a state."""
        rest = [pin for pin in self.pins[2:] if pin not in self.states]
        return rest[0] if rest else None

    @property
    def defaults(self) -> dict[str, str]:
        """Parameters that the card gives a default."""
        return {name: value for name, value in self.parameters.items() if value.lower() != "required"}

    @property
    def initial(self) -> tuple[str, ...]:
        """Names of the X-line parameters that carry the initial states."""
        return tuple(f"{name.lower()}_init" for name in self.states)

    def state_node(self, state: str, cell: str) -> str:
        """Return the node that holds a state of the cell ``i_j``."""
        return f"s_{state}_{cell}" if state in self.pins else f"xm{cell}.{state}"

    def state_capacitor(self, state: str, cell: str) -> str:
        """Return the state capacitor as ``alter`` wants it."""
        return f"c.xm{cell}.c{state}"

    def element(self, cell: str, p: str, n: str, gate: str | None, values: dict[str, float]) -> str:
        """Return the X line of one cell."""
        nodes = {self.pins[0]: p, self.pins[1]: n}
        if self.gate_pin is not None:
            nodes[self.gate_pin] = "0" if gate is None else gate
        wired = [nodes[pin] if pin in nodes else self.state_node(pin, cell) for pin in self.pins]
        given = " ".join(f"{name}={number(value)}" for name, value in values.items())
        return fold(f"xm{cell} {' '.join(wired)} {self.subckt} {given}".rstrip())

    def include(self, *, inline: bool) -> list[str]:
        """Return the lines that bring the model into a deck."""
        if not inline:
            return [f'.include "{self.path}"']
        return [f"* ---- {self.path.name}", *self.path.read_text(encoding="utf-8").splitlines()]


def fold(card: str, width: int = 140) -> str:
    """Break a long card into continuation lines."""
    lines, line = [], ""
    for word in card.split(" "):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = f"+ {word}"
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])


def logical_lines(text: str) -> list[tuple[int, str]]:
    """Return (line number, card) with continuations joined and comments removed."""
    cards: list[tuple[int, str]] = []
    for at, raw in enumerate(text.splitlines(), start=1):
        line = re.split(r"(?:^|\s)\$ |;", raw, maxsplit=1)[0].rstrip()
        bare = line.lstrip()
        if not bare or bare.startswith("*"):
            continue
        if bare.startswith("+") and cards:
            cards[-1] = (cards[-1][0], f"{cards[-1][1]} {bare[1:].strip()}")
        else:
            cards.append((at, bare))
    return cards


@cache
def _read_card(path: Path, name: str, stamp: int) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    for _, card in logical_lines(path.read_text(encoding="utf-8")):
        words = re.sub(r"\s*=\s*", "=", card).replace("params:", " params: ").replace("PARAMS:", " params: ").split()
        if words[0].lower() == ".subckt" and len(words) > 1 and words[1].lower() == name.lower():
            pins = [w for w in words[2:] if "=" not in w and w != "params:"]
            given = (w.partition("=") for w in words[2:] if "=" in w)
            return tuple(p.lower() for p in pins), tuple((key.lower(), value) for key, _, value in given)
    raise InputError(f"{path}: no .subckt {name} in this file; a model file holds a sub-circuit with the name of the file")


def subckt_card(path: Path, name: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the pins of a ``.subckt`` card and its parameters with their defaults, names in lower case."""
    pins, parameters = _read_card(path, name, path.stat().st_mtime_ns)
    return pins, dict(parameters)


def cell_values(device: Device, twin: Twin, shape: tuple[int, int], state: Floats | None, stuck: np.ndarray | None) -> Cells:
    """Return the parameters of every X line: the device's own, the initial states, and ``moves=0`` for stuck cells.

    Parameters
    ----------
    state : (states, rows, cols) or None
        Initial states, state units. They travel as ``<state>_init``.
    """
    values = {name.lower(): np.broadcast_to(np.asarray(v, dtype=float), shape) for name, v in device.spice_parameters().items()}
    if state is not None:
        for k, name in enumerate(twin.states):
            if f"{name.lower()}_init" in twin.parameters:
                values[f"{name.lower()}_init"] = state[k]
    unknown = [name for name in values if name not in twin.parameters]
    if unknown:
        raise InputError(f"{twin.path.name}: .subckt {twin.subckt} takes no parameter {unknown[0]!r}; it takes: {', '.join(twin.parameters)}")
    if stuck is not None and np.any(stuck) and "moves" in twin.parameters:
        values["moves"] = np.where(stuck, 0.0, 1.0)
    return values
