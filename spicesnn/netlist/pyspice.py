"""To and from PySpice: devices and crossbars as PySpice sub-circuits, and PySpice circuits inside
our decks.

The sub-circuits stand alone: the model's text is inside, so the path of a file (PySpice writes it
without quotes) never matters. PySpice's own simulator object works with them; its shared-library
mode does, its subprocess mode is broken in PySpice 1.5."""

from __future__ import annotations

import ctypes.util
import dataclasses
import hashlib
import os
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.devices.base import Device
from spicesnn.devices.importers.cards import fold
from spicesnn.errors import InputError
from spicesnn.netlist.cells import Cards, needs_models, place_linear, place_models
from spicesnn.netlist.deck import Deck, number, remark
from spicesnn.netlist.geometry import lay_out, line_capacitors
from spicesnn.netlist.twin import Twin, cell_values, logical_lines

if TYPE_CHECKING:
    from PySpice.Spice.Netlist import Circuit, SubCircuit


def device_subcircuit(
    device: Device, name: str | None = None, *, state: Floats | float | None = None
) -> SubCircuit:
    """Return a device as a PySpice ``SubCircuit``.

    Its nodes are the device's terminals and its state nodes, in the order of the model file (``p n
    [gate] states…``); its parameters are the device's, so ``circuit.X("1", sub.name, "a", "b",
    "state", r_on=75)`` overrides one of them.

    Parameters
    ----------
    device : Device
        All parameters must be single numbers.
    name : str, optional
        Name of the sub-circuit; the model's if left out. Two different devices of one model need
        two names.
    state : float or (states,), optional
        Initial state, in the device's unit; its own if left out. Run the transient with
        ``use_initial_condition=True``.

    Examples
    --------
    >>> import spicesnn as sn
    >>> sub = device_subcircuit(sn.devices.VTEAM(), "cell")
    >>> sub.name, sub.external_nodes
    ('cell', ('p', 'n', 'w'))
    """
    from PySpice.Spice.Netlist import SubCircuit

    for key, value in device.spice_parameters().items():
        if np.ndim(value) > 0:
            raise InputError(
                f"{device.name}: {key} has shape {np.shape(value)}; a sub-circuit is one device,"
                " give single numbers"
            )
    twin = Twin.of(device)
    initial = None
    if twin.states:
        start = np.asarray(device.initial_state() if state is None else state, dtype=float).reshape(
            -1
        )
        if start.size not in (1, len(twin.states)):
            raise InputError(
                f"{device.name} has {len(twin.states)} state variables; got an initial state of"
                f" shape {start.shape}"
            )
        initial = np.broadcast_to(start, (len(twin.states),)).reshape(-1, 1, 1)
    values = twin.defaults | {
        key: number(v[0, 0]) for key, v in cell_values(device, twin, (1, 1), initial, None).items()
    }
    sub = SubCircuit(name or twin.subckt, *twin.pins, **values)
    inner = (
        {} if twin.foreign is None else {state.name: state.node for state in twin.foreign.states}
    )
    starts: list[str] = []
    if initial is not None:
        for k, name_of in enumerate(twin.states):
            if not twin.carries(name_of):
                starts.append(
                    f".ic v({inner.get(name_of, name_of)})={number(initial[k, 0, 0] / twin.scale[k])}"
                )
    sub.raw_spice = "\n".join([*_body(twin), *starts]) + "\n"
    return sub


def crossbar_subcircuit(array: Crossbar, name: str = "crossbar") -> SubCircuit:
    """Return a crossbar, wires and all, as a PySpice ``SubCircuit`` with the nodes ``r0 … c0 … [g0
    …]``.

    The definition of its cells is written before its own (under ``<name>_<model>``): ngspice
    supports nested definitions with parameters "only marginally". Row drivers, sense nodes and gate
    lines are the caller's to connect. Cells start from the array's states; run transients with
    ``use_initial_condition=True``. In a DC analysis nothing holds the states: use it for linear
    cells."""
    from PySpice.Spice.Netlist import SubCircuit

    class WithCells(SubCircuit):  # type: ignore[misc]
        """A sub-circuit that brings the definition of its cells."""

        cells = ""

        def __str__(self) -> str:
            return f"{self.cells}{super().__str__()}"

    modelled = needs_models(array, moving=True)
    siemens = None if modelled else array.cell_conductance()
    connected = np.ones(
        array.shape, dtype=bool
    )  # no line floats, so every node has a path whatever the cells conduct
    geometry = lay_out(
        array.wires,
        array.shape,
        np.zeros(array.rows, dtype=bool),
        np.zeros(array.cols, dtype=bool),
        connected,
    )
    cards = Cards()
    cards.extend(geometry.cards)
    cards.extend(line_capacitors(array.wires, geometry))
    definition = ""
    if siemens is not None:
        place_linear(cards, array, geometry, siemens)
    else:
        assert array.device is not None
        twin = Twin.of(array.device)
        own = f"{name}_{twin.subckt}"
        definition = _definition(twin, own)
        place_models(cards, array, geometry, held=False, inline=True, defined_as=own)
    gates = [f"g{k}" for k in range(array.gate_lines)] if array.gated else []
    sub = WithCells(
        name, *(f"r{i}" for i in range(array.rows)), *(f"c{j}" for j in range(array.cols)), *gates
    )
    sub.raw_spice = "\n".join(line for line in cards.text if not line.startswith("*")) + "\n"
    sub.cells = definition
    return sub


def with_circuit(deck: Deck, circuit: Circuit, *, save: tuple[str, ...] = ()) -> Deck:
    """Return a deck with a PySpice circuit placed in it.

    Nodes are shared by name: ``r0`` (driver of word line 0), ``c0`` (sense node), ``w0_1``,
    ``b0_1`` (terminals of cell (0, 1)), ``0``.

    Parameters
    ----------
    deck : Deck
    circuit : PySpice Circuit
    save : tuple of str, optional
        Signals of the circuit to keep, such as ``("v(out)",)``.

    Raises
    ------
    InputError
        An element of the circuit has a name that the deck already uses.
    """
    lines = [
        line
        for line in str(circuit).splitlines()
        if line.strip() and not re.match(r"\s*\.(title|end)\b", line, re.I)
    ]
    ours = {
        card.split()[0].lower() for _, card in logical_lines(deck.text) if not card.startswith(".")
    }
    depth = 0
    for _, card in logical_lines("\n".join(lines)):
        word = card.split()[0].lower()
        depth += (word == ".subckt") - (word == ".ends")
        if depth == 0 and word in ours:
            raise InputError(
                f"the deck already has an element {word!r}; rename it in the PySpice circuit"
            )
    end = re.search(r"^\.(save|dc|tran) ", deck.text, re.MULTILINE)
    assert end is not None
    marker = end.start()
    everything = "" if end.group(1) == "save" else "all "  # kept without a card, but not beside one
    saves = [f".save {everything}{' '.join(save)}"] if save else []
    placed = "\n".join(
        [remark(f"---- placed: {getattr(circuit, 'title', 'circuit')}"), *lines, *saves]
    )
    return dataclasses.replace(
        deck,
        text=f"{deck.text[:marker]}{placed}\n{deck.text[marker:]}",
        topology=hashlib.sha256(f"{deck.topology}\n{placed}".encode()).hexdigest(),
        saved=(
            *deck.saved,
            *(
                signal[2:-1] if signal.startswith("v(") else f"{signal[2:-1]}#branch"
                for signal in save
            ),
        ),
    )


def _definition(twin: Twin, name: str) -> str:
    """Return the model's sub-circuit under another name, as text."""
    given = " ".join(f"{key}={value}" for key, value in twin.parameters.items())
    return (
        "\n".join(
            [
                fold(f".subckt {name} {' '.join(twin.pins)} params: {given}"),
                *_body(twin),
                f".ends {name}",
            ]
        )
        + "\n"
    )


def _body(twin: Twin) -> list[str]:
    """Return the inner cards of the model's sub-circuit, preceded by whatever else its file
    defines."""
    inside: list[str] = []
    beside: list[str] = []
    where: list[str] | None = None
    depth = 0
    for _, card in logical_lines(twin.text()):
        words = card.split()
        if words[0].lower() == ".subckt" and depth == 0:
            depth, where = 1, inside if words[1].lower() == twin.subckt.lower() else beside
            if where is beside:
                beside.append(fold(card))
            continue
        if words[0].lower() == ".ends" and depth == 1:
            if where is beside:
                beside.append(fold(card))
            depth, where = 0, None
            continue
        depth += (words[0].lower() == ".subckt") - (words[0].lower() == ".ends")
        (beside if where is None else where).append(fold(card))
    return beside + inside


def simulator(circuit: Circuit, **options: Any) -> Any:
    """Return PySpice's shared-library simulator for a circuit; it finds ``libngspice.so.0`` where
    the unversioned name is missing.

    ``SPICESNN_LIBNGSPICE`` (or PySpice's own ``NGSPICE_LIBRARY_PATH``) points at another build.

    Parameters
    ----------
    circuit : PySpice Circuit
    **options
        Passed on to ``circuit.simulator``.
    """
    from PySpice.Spice.NgSpice.Shared import NgSpiceShared

    if "NGSPICE_LIBRARY_PATH" not in os.environ:
        NgSpiceShared.LIBRARY_PATH = (
            os.environ.get("SPICESNN_LIBNGSPICE")
            or ctypes.util.find_library("ngspice")
            or "libngspice.so.0"
        )
    return circuit.simulator(**{"simulator": "ngspice-shared", **options})
