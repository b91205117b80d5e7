"""How a device stands in a deck: its model file, its X line, its state nodes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from spicesnn import paths
from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.devices.foreign import Foreign, ForeignSubcircuit
from spicesnn.devices.importers.cards import fold
from spicesnn.errors import InputError
from spicesnn.netlist.deck import number, remark
from spicesnn.paths import file_stamp

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
    foreign : ForeignSubcircuit | None
        What a descriptor says, for a user's own sub-circuit: its checked text and the roles of its
        pins.
    inner : str
        Instance inside the sub-circuit that holds the state capacitors, such as ``xm.`` (empty: the
        sub-circuit itself).
    """

    subckt: str
    path: Path
    pins: tuple[str, ...]
    parameters: dict[str, str]
    states: tuple[str, ...]
    scale: tuple[float, ...]
    foreign: ForeignSubcircuit | None = None
    inner: str = ""

    @classmethod
    def of(cls, device: Device) -> Twin:
        """Return the twin of a device, its ``.subckt`` card read from the model file."""
        path = model_path(device)
        foreign = device.circuit if isinstance(device, Foreign) else None
        subckt = device.subckt if foreign is None else foreign.subckt
        pins, parameters = (
            subckt_card(path, subckt) if foreign is None else card_of(foreign.text, subckt, path)
        )
        return cls(
            subckt=subckt,
            path=path,
            pins=pins,
            parameters=parameters,
            states=device.state_names,
            scale=device.state_scale,
            foreign=foreign,
            inner=device.spice_inner,
        )

    @property
    def gate_pin(self) -> str | None:
        """Name of the third terminal: the pin after the first two that is not a state."""
        if self.foreign is not None:
            return self.foreign.gate
        rest = [pin for pin in self.pins[2:] if pin not in self.states]
        return rest[0] if rest else None

    @property
    def defaults(self) -> dict[str, str]:
        """Parameters that the card gives a default."""
        return {
            name: value for name, value in self.parameters.items() if value.lower() != "required"
        }

    @property
    def initial(self) -> tuple[str, ...]:
        """Names of the X-line parameters that carry the initial states."""
        return tuple(f"{name.lower()}_init" for name in self.states)

    def state_node(self, state: str, cell: str) -> str:
        """Return the node that holds a state of the cell ``i_j``."""
        node = (
            state
            if self.foreign is None
            else next(s.node for s in self.foreign.states if s.name == state)
        )
        return f"s_{state}_{cell}" if node in self.pins else f"xm{cell}.{node}"

    def state_capacitor(self, state: str, cell: str) -> str:
        """Return the state capacitor as ``alter`` wants it."""
        element = (
            f"c{state}"
            if self.foreign is None
            else next(s.capacitor for s in self.foreign.states if s.name == state)
        )
        return f"c.xm{cell}.{self.inner}{element}"

    def call(self, cell: str, p: str, n: str, gate: str | None) -> str:
        """Return the X line of one cell up to its parameters."""
        if self.foreign is None:
            nodes = {self.pins[0]: p, self.pins[1]: n} | {
                name: self.state_node(name, cell) for name in self.states
            }
        else:
            states = {s.node: self.state_node(s.name, cell) for s in self.foreign.states}
            nodes = {self.foreign.p: p, self.foreign.n: n} | dict(self.foreign.ties) | states
        if self.gate_pin is not None:
            nodes[self.gate_pin] = "0" if gate is None else gate
        wired = [nodes[pin] for pin in self.pins]
        return f"xm{cell} {' '.join(wired)} {self.subckt}"

    def element(self, cell: str, p: str, n: str, gate: str | None, values: dict[str, float]) -> str:
        """Return the X line of one cell."""
        given = " ".join(f"{name}={number(value)}" for name, value in values.items())
        return fold(f"{self.call(cell, p, n, gate)} {given}".rstrip())

    def carries(self, state: str) -> bool:
        """Return whether the X line carries the initial value of a state; otherwise an ``.ic`` card
        must."""
        return f"{state.lower()}_init" in self.parameters

    def text(self) -> str:
        """Return the model's text: of the checked copy for a user's own sub-circuit.

        A state capacitor whose initial value the X line does not carry loses its own ``ic=``, which
        would win over the ``.ic`` card."""
        text = self.path.read_text(encoding="utf-8") if self.foreign is None else self.foreign.text
        for state in self.states:
            if not self.carries(state):
                text = without_initial_condition(
                    text, self.state_capacitor(state, "").rpartition(".")[2]
                )
        return text

    def include(self, *, inline: bool) -> list[str]:
        """Return the lines that bring the model into a deck; a copy wherever the file as it stands
        would not do."""
        plain = re.fullmatch(r"[\w /.+\-:\\]+", str(self.path)) is not None
        if (
            not inline
            and plain
            and self.foreign is None
            and all(self.carries(state) for state in self.states)
        ):
            return [f'.include "{self.path}"']
        return [remark(f"---- {self.path.name}"), *self.text().split("\n")]


def logical_lines(text: str) -> list[tuple[int, str]]:
    """Return (line number, card) with continuations joined and comments removed."""
    cards: list[tuple[int, list[str]]] = []
    for at, raw in enumerate(text.splitlines(), start=1):
        line = re.split(r"(?:^|\s)\$ |;", raw, maxsplit=1)[0].rstrip()
        bare = line.lstrip()
        if not bare or bare.startswith("*"):
            continue
        if bare.startswith("+") and cards:
            cards[-1][1].append(bare[1:].strip())
        else:
            cards.append((at, [bare]))
    return [(at, " ".join(parts)) for at, parts in cards]


def card_of(text: str, name: str, where: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the pins of a ``.subckt`` card and its parameters with their defaults, names in lower
    case."""
    for _, card in logical_lines(text):
        words = re.sub(r"params:", " params: ", re.sub(r"\s*=\s*", "=", card), flags=re.I).split()
        if words[0].lower() == ".subckt" and len(words) > 1 and words[1].lower() == name.lower():
            pins = [w.lower() for w in words[2:] if "=" not in w and w.lower() != "params:"]
            given = (w.partition("=") for w in words[2:] if "=" in w)
            return tuple(pins), {key.lower(): value for key, _, value in given}
    raise InputError(
        f"{where}: no .subckt {name} in this file; the device needs a sub-circuit of that name"
    )


def without_initial_condition(text: str, capacitor: str) -> str:
    """Return a netlist with ``ic=`` taken off a capacitor.

    Raises
    ------
    InputError
        There is no such capacitor.
    """
    lines = text.splitlines()
    for at, card in logical_lines(text):
        if card.split()[0].lower() == capacitor.lower():
            end = at
            while end < len(lines) and lines[end].lstrip().startswith("+"):
                end += 1
            bare = re.sub(
                r"\bic\s*=\s*(\{[^}]*\}|'[^']*'|\"[^\"]*\"|\S+)", "", card, flags=re.I
            ).rstrip()
            return "\n".join([*lines[: at - 1], bare, *lines[end:]])
    raise InputError(f"the netlist has no capacitor {capacitor!r}")


def model_path(device: Device) -> Path:
    """Return where a device's model file is."""
    return (
        Path(device.model) if Path(device.model).is_absolute() else paths.model_file(device.model)
    )


@lru_cache(maxsize=256)
def _read_card(
    path: Path, name: str, stamp: tuple[int, ...]
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    pins, parameters = card_of(path.read_text(encoding="utf-8"), name, path)
    return pins, tuple(parameters.items())


def subckt_card(path: Path, name: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return `card_of` a file, read once as long as it does not change."""
    pins, parameters = _read_card(path, name, file_stamp(path))
    return pins, dict(parameters)


def shared_and_own(values: Cells) -> tuple[str, Cells]:
    """Split X-line parameters into what all cells share, as continuation lines, and what differs
    from cell to cell."""
    shared = {name: v.flat[0] for name, v in values.items() if v.size and np.all(v == v.flat[0])}
    text = (
        fold(f"+ {' '.join(f'{name}={number(value)}' for name, value in shared.items())}")
        if shared
        else ""
    )
    return text and f"\n{text}", {name: v for name, v in values.items() if name not in shared}


def cell_values(
    device: Device,
    twin: Twin,
    shape: tuple[int, int],
    state: Floats | None,
    stuck: np.ndarray | None,
) -> Cells:
    """Return the parameters of every X line: the device's own, the initial states, and ``moves=0``
    for stuck cells.

    Parameters
    ----------
    state : (states, rows, cols) or None
        Initial states, state units. They travel as ``<state>_init``.
    """
    values = {
        name.lower(): np.broadcast_to(np.asarray(v, dtype=float), shape)
        for name, v in device.spice_parameters().items()
    }
    if state is not None:
        for k, name in enumerate(twin.states):
            if twin.carries(name):
                values[f"{name.lower()}_init"] = state[k]
    unknown = [name for name in values if name not in twin.parameters]
    if unknown:
        raise InputError(
            f"{twin.path.name}: .subckt {twin.subckt} takes no parameter {unknown[0]!r}; it takes:"
            f" {', '.join(twin.parameters)}"
        )
    if stuck is not None and np.any(stuck) and "moves" in twin.parameters:
        values["moves"] = np.where(stuck, 0.0, 1.0)
    return values
