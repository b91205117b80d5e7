"""An array with its states held, as a ``.subckt`` among others of one deck: nodes ``r0 … c0 …``."""

from __future__ import annotations

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.devices.importers.cards import fold
from spicesnn.errors import InputError
from spicesnn.netlist.cells import Cards, needs_models, place_linear, place_models
from spicesnn.netlist.deck import number
from spicesnn.netlist.geometry import lay_out, line_capacitors
from spicesnn.netlist.twin import Twin


def model_of(array: Crossbar) -> Twin | None:
    """Return the model that an array's held cells need in the deck, None for cells that stand as
    resistors."""
    return (
        Twin.of(array.device)
        if array.device is not None and needs_models(array, moving=False)
        else None
    )


def held_subcircuit(
    cards: Cards, array: Crossbar, name: str, gate_volts: float | None = None
) -> None:
    """Write an array whose cells keep their states as a sub-circuit.

    Parameters
    ----------
    cards : Cards
        The deck; the cells' model (`model_of`) stands in it already.
    array : Crossbar
    name : str
    gate_volts : float, optional
        Level of all gate lines.

    Raises
    ------
    InputError
        Cells of a user's own sub-circuit whose state is an inner node, which cannot be held from
        outside.
    """
    nobody = np.zeros(array.rows, dtype=bool), np.zeros(array.cols, dtype=bool)
    twin = model_of(array)
    siemens = array.cell_conductance() if twin is None else None
    geometry = lay_out(
        array.wires,
        array.shape,
        *nobody,
        np.ones(array.shape, dtype=bool) if siemens is None else siemens > 0,
    )
    pins = [*(f"r{i}" for i in range(array.rows)), *(f"c{j}" for j in range(array.cols))]
    cards.add(fold(f".subckt {name} {' '.join(pins)}"))
    cards.extend([*geometry.cards, *line_capacitors(array.wires, geometry)])
    if siemens is not None:
        place_linear(cards, array, geometry, siemens)
    else:
        assert twin is not None
        placed = place_models(
            cards, array, geometry, held=True, inline=True, defined_as=twin.subckt
        )
        if placed.states is not None and any(
            "." in str(node) for node in placed.states.nodes.ravel()[:1]
        ):
            raise InputError(
                f"{twin.subckt}: the state of this sub-circuit is an inner node; a deck of several"
                " arrays needs it as a pin"
            )
        if array.gated:
            cards.extend(
                [f"vg{k} g{k} 0 dc {number(gate_volts or 0.0)}" for k in range(array.gate_lines)]
            )
    cards.add(f".ends {name}")
