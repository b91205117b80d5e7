"""The test bench of one device: one source, one device, a transient. Its IV curve comes from
here."""

from __future__ import annotations

import numpy as np

from spicesnn._version import __version__
from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.devices.stimulus import Stimulus
from spicesnn.errors import InputError
from spicesnn.netlist.accuracy import TransientAccuracy
from spicesnn.netlist.cells import Cards, make_lines
from spicesnn.netlist.deck import Deck, States, number, print_cards, save_cards, vector
from spicesnn.netlist.pulse_accuracy import for_transient
from spicesnn.netlist.twin import Twin, cell_values


def drive_deck(
    device: Device,
    stimulus: Stimulus,
    state: Floats | None = None,
    gate_volts: float | None = None,
    *,
    points: int = 2000,
    accuracy: TransientAccuracy | None = None,
    inline_models: bool = False,
) -> Deck:
    """Return the deck that drives one device, without wires, between ``r0`` and the sense node
    ``c0`` at 0 V.

    Parameters
    ----------
    device : Device
    stimulus : Stimulus
    state : () or (states,), optional
        Initial state; the device's own if left out.
    gate_volts : float, optional
        Level of the third terminal, for devices that have one.
    points : int
        At least this many steps over the stimulus.
    accuracy : TransientAccuracy, optional
        That of the ngspice engine if left out; its `points` is overridden by `points`.
    inline_models : bool
        Whether the model file is copied into the deck.

    Returns
    -------
    Deck
        With one word line (``vr0``) and one bit line (``vc0``): the current of the device is
        ``vc0#branch``, what arrives at the sense node as in an array (a cell with a path to ground,
        such as a transistor's body diode, takes more from ``vr0``).
    """
    duration = stimulus.duration_s
    base = accuracy or for_transient(device, duration_s=duration)
    step = min(base.step(duration), duration / points)
    twin = Twin.of(device)
    count = len(twin.states)
    start = np.asarray(device.initial_state() if state is None else state, dtype=float)
    if count and start.size not in (1, count):
        raise InputError(
            f"{device.name} has {count} state variables; got an initial state of shape"
            f" {start.shape}"
        )
    initial = np.broadcast_to(start.reshape(-1), (count,)).reshape(count, 1, 1) if count else None

    units = zip(device.state_names, device.state_scale, device.state_units, strict=True)
    cards = Cards()
    cards.comment(f"IV test bench of {device.name}")
    cards.comment(
        f"written by spicesnn {__version__}; SI units throughout (V, A, ohm, s)",
        f"device      {device.name} ({device.reference}) from r0 to c0; its current is i(vc0)",
        *(f"state       {n}: 1 V at {twin.state_node(n, '0_0')} is {c:g} {u}" for n, c, u in units),
    )
    cards.add(base.card())
    cards.add(f"vr0 r0 0 {stimulus.spice_source()}", "vr0 r0 0")
    cards.add("vc0 c0 0 dc 0")
    gates = None
    if device.gated:
        if gate_volts is None:
            raise InputError(f"{device.name} has a third terminal: give gate_volts=… in volts")
        cards.add(f"vg0 g0 0 dc {number(gate_volts)}", "vg0 g0 0 dc")
        gates = make_lines("g", ["v"], np.zeros(1, dtype=bool), "g")
    cards.extend(twin.include(inline=inline_models))
    values = {
        k: float(v[0, 0]) for k, v in cell_values(device, twin, (1, 1), initial, None).items()
    }
    wired = ("0_0", "r0", "c0", "g0" if device.gated else None)
    cards.add(
        twin.element(*wired, values),
        twin.element(*wired, {k: v for k, v in values.items() if k not in twin.initial}),
    )
    states = _states(cards, twin, initial)
    shown = [f"v({node})" for node in (() if states is None else states.nodes.ravel())]
    signals = ["v(r0)", "i(vc0)", *shown]
    analysis = f"tran {number(step)} {number(duration)} 0 {number(step)} uic"
    cards.extend(save_cards(signals))
    cards.add(f".{analysis}", ".tran")
    cards.extend(print_cards("tran", signals))
    cards.add(".end")
    return Deck(
        title=f"IV test bench of {device.name}",
        text=cards.finished(),
        analysis=analysis,
        topology=cards.topology(),
        rows=make_lines("r", ["v"], np.zeros(1, dtype=bool), "r"),
        columns=make_lines("c", ["v"], np.zeros(1, dtype=bool), "c"),
        gates=gates,
        word_vectors=np.array([["r0"]]),
        bit_vectors=np.array([["c0"]]),
        cells=np.array([["xm0_0"]]),
        states=states,
        saved=tuple(vector(s) for s in signals),
        duration_s=duration,
    )


def _states(cards: Cards, twin: Twin, initial: Floats | None) -> States | None:
    """Return where the states are; those that do not travel on the X line get an ``.ic`` card."""
    if initial is None:
        return None
    nodes = np.array([[[twin.state_node(name, "0_0")]] for name in twin.states])
    capacitors = np.array([[[twin.state_capacitor(name, "0_0")]] for name in twin.states])
    for k, name in enumerate(twin.states):
        if not twin.carries(name):
            volts = number(initial[k, 0, 0] / twin.scale[k])
            cards.add(f".ic v({nodes[k, 0, 0]})={volts}", f".ic v({nodes[k, 0, 0]})")
    return States(
        nodes=nodes,
        capacitors=capacitors,
        holders=np.full(nodes.shape, "", dtype="U1"),
        scale=np.asarray(twin.scale, dtype=float),
    )
