import re
import subprocess

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import InputError, SingularCircuitError
from spicesnn.netlist.batch import ngspice_program, read_raw, run_batch
from spicesnn.netlist.ltspice import to_ltspice
from spicesnn.netlist.network import Dialect, Readout, network_deck
from spicesnn.neurons.circuit import CircuitNeuron, Inhibition

NEURON = CircuitNeuron(feedback_ohm=1e4, hysteresis=0.1)
G = np.array([[1e-3, 2e-4, 6e-4], [2e-4, 1e-3, 4e-4]])


def wave(array, rows, **extra):
    return sn.Pulse(row_volts=rows, width_s=1e-3, rise_s=1e-6, **extra).waveform().checked(array)


def drives(deck_text, count):
    run = run_batch(
        deck_text.replace(".save", f".save {' '.join(f'v(d{k})' for k in range(count))}\n.save", 1)
    )
    late = np.searchsorted(run.sweep, 0.9e-3)
    return np.array([run[f"v(d{k})"][late] for k in range(count)]), run


@pytest.mark.parametrize("readout", list(Readout))
def test_each_read_out_drives_the_neurons_with_its_combination_of_columns(readout):
    conductance = G[:, :2] if readout is Readout.PAIRS else G
    array = sn.Crossbar(
        conductance=conductance, wires=sn.Wires(word_line_ohm=2.0, bit_line_ohm=3.0)
    )
    amps = sn.NodalEngine().read(array, [0.5, 0.2]).column_amps
    want = {
        Readout.SINGLE: lambda: amps,
        Readout.PAIRS: lambda: amps[0::2] - amps[1::2],
        Readout.REFERENCE: lambda: 2 * (amps[:-1] - amps[-1]),
    }[readout]()
    deck = network_deck(array, wave(array, [0.5, 0.2]), NEURON, readout=readout)
    got, _ = drives(deck.text, len(want))
    assert got == pytest.approx(1e4 * want, rel=2e-3)
    assert len(deck.spikes) == len(want)


def test_a_network_spikes_when_its_twin_says_and_inhibition_leaves_one_winner():
    array = sn.Crossbar(conductance=G, wires=sn.Wires(word_line_ohm=2.0))
    amps = sn.NodalEngine().read(array, [1.0, 0.2]).column_amps
    neuron = CircuitNeuron(feedback_ohm=1e4, hysteresis=0.5, reset_ohm=1e-3, refractory_s=5e-5)
    for inhibition, spiking in (
        (None, [True, False, True]),
        (Inhibition(inhibition_s=5e-3), [True, False, False]),
    ):
        deck = network_deck(array, wave(array, [1.0, 0.2]), neuron, inhibition=inhibition)
        run = run_batch(deck.text)
        assert [bool((run[s] > 0.5).any()) for s in deck.spikes] == spiking
        assert [times.size > 0 for times in neuron.spike_times(amps, 1e-3, inhibition)] == spiking


def test_a_floating_word_line_is_held_by_its_cells_and_by_nothing_else():
    for siemens, path in ((1e-6, True), (0.0, False)):
        array = sn.Crossbar(
            conductance=np.array([[1e-4, 1e-4], [siemens, 0.0]]), wires=sn.Wires(2.0, 2.0)
        )
        waveform = wave(array, [0.1, 0.0], floating_rows=[False, True])
        if path:
            assert "\nrm1_0 w1_0 b1_0 1000000\n" in network_deck(array, waveform, NEURON).text
        else:
            with pytest.raises(SingularCircuitError, match="no path"):
                network_deck(array, waveform, NEURON)


def test_states_move_or_are_held():
    device = sn.devices.VTEAM(k_off=2e-7)
    array = sn.Crossbar(device=device, state=[[1e-9, 2e-9]], wires=sn.Wires.ideal())
    waveform = wave(array, [0.1])
    moving = network_deck(array, waveform, CircuitNeuron(feedback_ohm=100.0))
    run = run_batch(moving.text)
    assert run["v(s_w_0_0)"][-1] == pytest.approx(1.8, rel=1e-3)
    held = network_deck(
        array, waveform, CircuitNeuron(feedback_ohm=100.0), hold_states=True, save_states=False
    )
    assert "v(s_w" not in held.text
    got, _ = drives(held.text, 2)
    assert got == pytest.approx(100 * 0.1 / np.array([50 + 950 / 3, 50 + 950 * 2 / 3]), rel=2e-3)


def test_the_deck_stands_alone_and_tells_what_it_is():
    array = sn.Crossbar(device=sn.devices.VTEAM(), shape=(2, 2), wires=sn.Wires())
    text = network_deck(array, wave(array, [0.01, 0.02]), NEURON, inhibition=Inhibition()).text
    assert ".include" not in text
    assert "the k-th driven by column k" in text
    assert text.count(".subckt") == 5


def test_ltspice_text_has_its_syntax_and_says_the_same(tmp_path):
    array = sn.Crossbar(
        device=sn.devices.VTEAM(k_off=5e-6), state=[[1e-9, 2e-9]], wires=sn.Wires.ideal()
    )
    waveform = wave(array, [0.04])
    plain = network_deck(array, waveform, CircuitNeuron(feedback_ohm=1e4))
    lt = network_deck(
        array, waveform, CircuitNeuron(feedback_ohm=1e4), dialect=Dialect.LTSPICE
    ).text
    cards = [line for line in lt.splitlines() if not line.startswith("*")]
    assert not any(re.search(r"\^|\?|required|\.print|\.include|\.control", card) for card in cards)
    assert any("**" in card for card in cards)
    # ngspice reads LTspice's dialect in its compatibility mode, but for `if` in sources: the same
    # states must come out.
    (tmp_path / ".spiceinit").write_text("set ngbehavior=ltps\n")
    (tmp_path / "lt.cir").write_text(lt.replace("if(", "ternary_fcn("))
    subprocess.run(
        [ngspice_program(), "-b", "-r", "lt.raw", "lt.cir"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
        timeout=60,
    )
    got, want = read_raw(tmp_path / "lt.raw"), run_batch(plain.text)
    assert got["v(s_w_0_0)"][-1] == pytest.approx(want["v(s_w_0_0)"][-1], rel=1e-4)
    assert got["v(m0)"][-1] == pytest.approx(want["v(m0)"][-1], rel=1e-3)


def test_inner_nodes_are_named_as_ltspice_names_them():
    text = "* t\n.options reltol=1e-3 itl1=5\n.ic v(xm0_0.gate)=1\n.save v(xm0_0.gate)\n.print tran v(a)\n+ v(b)\nr1 a b 1\n.end\n"
    assert (
        to_ltspice(text)
        == "* t\n.options reltol=1e-3\n.ic v(xm0_0:gate)=1\n.save v(xm0_0:gate)\nr1 a b 1\n.end\n"
    )
    with pytest.raises(InputError, match="not self-contained"):
        to_ltspice('* t\n.include "a.lib"\n')


@pytest.mark.parametrize(
    ("card", "want"),
    [
        ("b1 a 0 v = v(a) > 0 ? 1 : 0", "b1 a 0 v = if(v(a) > 0, 1, 0)"),
        (
            "b1 a 0 v = 2*(v(a) > 0 ? max(1, v(b)) : (v(b) < 0 ? 3 : 4))",
            "b1 a 0 v = 2*(if(v(a) > 0, max(1, v(b)), (if(v(b) < 0, 3, 4))))",
        ),
        (
            "b1 a 0 i = v(a) > 1 ? 2 : v(a) > 0 ? 1 : v(a)^2",
            "b1 a 0 i = if(v(a) > 1, 2, if(v(a) > 0, 1, v(a)**2))",
        ),
        (
            "b1 a 0 i = v(a) > 1 ? v(b) > 0 ? 2 : 3 : 1",
            "b1 a 0 i = if(v(a) > 1, if(v(b) > 0, 2, 3), 1)",
        ),
        ("b1 a 0 i = max(0, v(a) > 1 ? 2 : 3)", "b1 a 0 i = max( 0,if(v(a) > 1, 2, 3))"),
        (".param f={g == 0 ? 0 : 1} h={1}", ".param f={if(g == 0, 0, 1)} h={1}"),
    ],
)
def test_conditions_become_ifs(card, want):
    got = to_ltspice(f"* t\n{card}\n").splitlines()[1]
    assert got.replace(" ", "") == want.replace(" ", "")


def test_a_condition_without_an_alternative_is_an_error():
    with pytest.raises(InputError, match="without an alternative"):
        to_ltspice("* t\nb1 a 0 v = v(a) > 0 ? 1\n")


def test_networks_that_cannot_be_are_refused():
    array = sn.Crossbar(conductance=G, wires=sn.Wires())
    with pytest.raises(InputError, match="3 columns do not fit the read-out 'differential'"):
        network_deck(array, wave(array, [1.0, 1.0]), NEURON, readout=Readout.PAIRS)
    with pytest.raises(InputError, match="virtual grounds"):
        network_deck(array, wave(array, [1.0, 1.0], column_volts=0.1), NEURON)
    with pytest.raises(InputError, match="1 columns do not fit"):
        Readout.REFERENCE.neurons(1)
