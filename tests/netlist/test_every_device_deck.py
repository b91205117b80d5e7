"""Every model of the library stands in decks: its parameters are accepted and its states start
where they are told to."""

import numpy as np
import pytest
from PySpice.Spice.Netlist import Circuit

import spicesnn as sn
from spicesnn.crossbar.stimulus import Levels
from spicesnn.devices import registry
from spicesnn.devices.stimulus import PiecewiseLinear
from spicesnn.netlist.batch import run_batch
from spicesnn.netlist.drive_deck import drive_deck
from spicesnn.netlist.pyspice import device_subcircuit
from spicesnn.netlist.read_deck import read_deck


def between_bounds(device, share):
    low, high = (np.asarray(b, dtype=float).ravel() for b in device.bounds())
    start = np.broadcast_to(
        np.asarray(device.initial_state(), dtype=float).ravel(), (len(device.state_names),)
    )
    unbounded = ~np.isfinite(low + high)
    return np.where(
        unbounded, start, low + share * (np.minimum(high, 1e300) - np.maximum(low, -1e300))
    )


@pytest.mark.parametrize("name", registry.names())
def test_states_start_where_the_deck_says(name):
    device = registry.make(name)
    stimulus = PiecewiseLinear(np.array([0.0, 1e-15]), np.array([0.0, 0.0]))
    state = between_bounds(device, 0.4) if device.state_names else None
    deck = drive_deck(device, stimulus, state, 0.0 if device.gated else None, points=5)
    run = run_batch(deck.text)
    for k in range(len(device.state_names)):
        volts = run[f"v({deck.states.nodes[k, 0, 0]})"][0]
        assert volts * device.state_scale[k] == pytest.approx(
            state[k], rel=1e-6, abs=1e-9 * device.state_scale[k]
        )


@pytest.mark.parametrize("name", registry.names())
def test_reads_hold_the_states_and_give_the_current_of_the_python_twin(name):
    device = registry.make(name)
    shape = (1, 2)
    count = len(device.state_names)
    state = None
    if count:
        states = np.stack(
            [between_bounds(device, 0.3), between_bounds(device, 0.6)], axis=-1
        ).reshape(count, *shape)
        state = states if count > 1 else states[0]
    array = sn.Crossbar(device=device, state=state, shape=shape, wires=sn.Wires.ideal())
    gates = np.zeros(array.gate_lines) if device.gated else None
    deck = read_deck(array, Levels.checked(array, [[0.07], [-0.05]], gate_volts=gates))
    run = run_batch(deck.text)
    got = np.array([run[f"i({source})"] for source in deck.columns.sources]).T
    want = device.current(
        np.array([[[0.07]], [[-0.05]]]),
        array.state_or_zeros(),
        None if gates is None else array.gate_of_cells(gates),
    )
    np.testing.assert_allclose(got, np.broadcast_to(want, (2, 1, 2))[:, 0], rtol=1e-6, atol=1e-15)


@pytest.mark.parametrize("name", registry.names())
def test_every_device_stands_in_a_pyspice_circuit(name):
    device = registry.make(name)
    state = between_bounds(device, 0.4) if device.state_names else None
    circuit = Circuit("mine")
    sub = device_subcircuit(device, "cell", state=state)
    circuit.subcircuit(sub)
    circuit.V("p", "p", circuit.gnd, 0.05)
    circuit.V("g", "g", circuit.gnd, 0.0)
    given = {"p": "p", "n": circuit.gnd}
    states = [s.lower() for s in device.state_names]
    circuit.X(
        "1",
        "cell",
        *(given.get(pin, f"s_{pin}" if pin in states else "g") for pin in sub.external_nodes),
    )
    # PySpice's own simulator needs a process of its own a circuit; its netlist is what is looked at
    # here, and any ngspice runs it.
    text = f"* {circuit!s}\n.save i(vp) {' '.join(f'v(s_{s})' for s in states)}\n.tran 1e-16 1e-15 0 1e-16 uic\n.end\n"
    run = run_batch(text)
    for k, s in enumerate(states):
        assert run[f"v(s_{s})"][0] * device.state_scale[k] == pytest.approx(
            state[k], rel=1e-6, abs=1e-9 * device.state_scale[k]
        )
