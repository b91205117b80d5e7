import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PySpice.Spice.Netlist import Circuit

import spicesnn as sn
from spicesnn import paths
from spicesnn.errors import InputError
from spicesnn.netlist.batch import run_batch
from spicesnn.netlist.drive_deck import drive_deck
from spicesnn.netlist.foreign import load_foreign
from spicesnn.netlist.pulse_deck import pulse_deck
from spicesnn.netlist.pyspice import crossbar_subcircuit, device_subcircuit, with_circuit


def in_a_process_of_its_own(body):
    """Run code that loads libngspice, and return the floats it prints."""
    head = """
        import numpy as np
        import spicesnn as sn
        from PySpice.Spice.Netlist import Circuit
        from spicesnn.netlist.pyspice import crossbar_subcircuit, device_subcircuit, simulator
    """
    code = textwrap.dedent(head) + textwrap.dedent(body)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [float(word) for word in done.stdout.split()]


def test_a_device_in_somebodys_pyspice_circuit_is_the_same_device():
    end, overridden = in_a_process_of_its_own("""
        for extra in ({}, {"k_off": 1e-3}):
            circuit = Circuit("mine")
            circuit.subcircuit(device_subcircuit(sn.devices.VTEAM(), "cell", state=1.5e-9))
            circuit.SinusoidalVoltageSource("in", "a", circuit.gnd, amplitude=1, frequency=50e6)
            circuit.X("1", "cell", "a", circuit.gnd, "w", **extra)
            run = simulator(circuit).transient(step_time=5e-11, end_time=1e-8, max_time=5e-11, use_initial_condition=True)
            print(float(run["w"][-1]))
    """)
    deck = drive_deck(
        sn.devices.VTEAM(),
        sn.Sine(amplitude=1.0, frequency=50e6, periods=0.5),
        np.array(1.5e-9),
        points=400,
    )
    want = run_batch(deck.text)["v(s_w_0_0)"][-1]
    assert end == pytest.approx(want, abs=1e-3)
    assert overridden - 1.5 == pytest.approx(2 * (end - 1.5), rel=1e-2)


def test_a_crossbar_in_somebodys_pyspice_circuit_moves_as_its_deck_does():
    got = in_a_process_of_its_own("""
        k_off = np.array([[1e-5, 2e-5], [3e-5, 4e-5]])
        array = sn.Crossbar(device=sn.devices.VTEAM(k_off=k_off), state=[[1e-9, 1e-9], [0.5e-9, 2e-9]], wires=sn.Wires(driver_ohm=5.0))
        circuit = Circuit("mine")
        circuit.subcircuit(crossbar_subcircuit(array, "xbar"))
        circuit.X("x", "xbar", "r0", "r1", "c0", "c1")
        for node, volts in (("r0", 0.2), ("r1", 0.3), ("c0", 0.0), ("c1", 0.05)):
            circuit.V(node, node, circuit.gnd, volts)
        run = simulator(circuit).transient(step_time=2e-9, end_time=1e-7, max_time=2e-9, use_initial_condition=True)
        print(*(float(run[f"xx.s_w_{i}_{j}"][-1]) for i in range(2) for j in range(2)))
    """)
    k_off = np.array([[1e-5, 2e-5], [3e-5, 4e-5]])
    array = sn.Crossbar(
        device=sn.devices.VTEAM(k_off=k_off),
        state=[[1e-9, 1e-9], [0.5e-9, 2e-9]],
        wires=sn.Wires(driver_ohm=5.0),
    )
    deck = pulse_deck(
        array,
        sn.Pulse(row_volts=[0.2, 0.3], column_volts=[0.0, 0.05], width_s=1e-7)
        .waveform()
        .checked(array),
    )
    run = run_batch(deck.text)
    want = [run[f"v(s_w_{i}_{j})"][-1] for i in range(2) for j in range(2)]
    assert np.ptp(want) > 0.5
    assert got == pytest.approx(want, abs=1e-3)


def test_a_linear_crossbar_in_pyspice_reads_as_the_nodal_engine():
    got = in_a_process_of_its_own("""
        array = sn.Crossbar(conductance=[[1e-3, 2e-3], [3e-4, 0.0]], wires=sn.Wires(driver_ohm=5.0))
        circuit = Circuit("mine")
        circuit.subcircuit(crossbar_subcircuit(array))
        circuit.X("x", "crossbar", "r0", "r1", "c0", "c1")
        for node, volts in (("r0", 1.0), ("r1", -0.5), ("c0", 0.0), ("c1", 0.0)):
            circuit.V(node, node, circuit.gnd, volts)
        run = simulator(circuit).operating_point()
        print(float(run.branches["vc0"][0]), float(run.branches["vc1"][0]))
    """)
    array = sn.Crossbar(conductance=[[1e-3, 2e-3], [3e-4, 0.0]], wires=sn.Wires(driver_ohm=5.0))
    assert got == pytest.approx(sn.NodalEngine().read(array, [1.0, -0.5]).column_amps, rel=1e-9)


def test_a_pyspice_circuit_placed_in_a_deck():
    array = sn.Crossbar(conductance=[[1e-3]], wires=sn.Wires(word_line_ohm=1e3, bit_line_ohm=0))
    deck = pulse_deck(array, sn.Pulse(row_volts=[1.0], width_s=1e-6).waveform().checked(array))
    load = Circuit("load")
    load.C("load", "w0_0", load.gnd, 1e-9)
    load.R("1", "w0_0", "out", 1e3)
    load.R("2", "out", load.gnd, 1e3)
    placed = with_circuit(deck, load, save=("v(out)",))
    assert run_batch(placed.text)["v(out)"][-1] == pytest.approx(0.2 * (1 - np.exp(-2.5)), rel=1e-4)
    assert placed.topology != deck.topology
    assert placed.saved[-1] == "out"
    clash = Circuit("clash")
    clash.V("r0", "a", clash.gnd, 1)
    with pytest.raises(InputError, match="already has an element 'vr0'"):
        with_circuit(deck, clash)


def test_a_subcircuit_is_one_device():
    with pytest.raises(InputError, match="r_on has shape"):
        device_subcircuit(sn.devices.VTEAM(r_on=np.array([50.0, 60.0])))
    with pytest.raises(InputError, match="1 state variables"):
        device_subcircuit(sn.devices.VTEAM(), state=np.zeros(2))


def test_a_users_own_subcircuit_goes_to_pyspice_too():
    device = load_foreign(paths.netlists_dir() / "foreign_memristor.toml")
    one = Circuit("mine")
    one.subcircuit(device_subcircuit(device, "cell", state=0.7))
    one.V("p", "p", one.gnd, 0.5)
    one.X("1", "cell", "p", one.gnd)
    run = run_batch(f"* {one!s}\n.save i(vp) v(x1.x)\n.tran 1e-6 1e-5 0 1e-6 uic\n.end\n")
    assert run["v(x1.x)"][0] == pytest.approx(0.7, abs=1e-5)
    assert -run["i(vp)"][0] == pytest.approx(0.5 / (70 + 0.3 * 16e3), rel=1e-4)
    both = Circuit("mine")
    both.subcircuit(
        crossbar_subcircuit(sn.Crossbar(device=device, state=[[0.3, 0.6]], wires=sn.Wires.ideal()))
    )
    both.X("x", "crossbar", "r0", "c0", "c1")
    for node, volts in (("r0", 0.5), ("c0", 0.0), ("c1", 0.0)):
        both.V(node, node, both.gnd, volts)
    run = run_batch(f"* {both!s}\n.save i(vc0) i(vc1)\n.tran 1e-6 1e-5 0 1e-6 uic\n.end\n")
    assert [run["i(vc0)"][0], run["i(vc1)"][0]] == pytest.approx(
        [0.5 / (30 + 0.7 * 16e3), 0.5 / (60 + 0.4 * 16e3)], rel=1e-4
    )


def test_a_subcircuit_built_in_pyspice_is_a_device_in_our_array(tmp_path):
    from PySpice.Spice.Netlist import SubCircuit
    from scipy.integrate import solve_ivp

    sub = SubCircuit("memps", "plus", "minus", Ron=100, Roff="16k", k=1e4)
    sub.C("x", "x", sub.gnd, 1)
    sub.R("x", "x", sub.gnd, 1e12)
    sub.B("x", sub.gnd, "x", i="{k}*i(Vm)*(1-pow(2*v(x)-1,2))")
    sub.V("m", "plus", "a", 0)
    sub.B("m", "a", "minus", i="v(a,minus)/({Ron}*v(x)+{Roff}*(1-v(x)))")
    (tmp_path / "memps.lib").write_text(str(sub))
    parameters = "".join(
        f"[parameters.{name}]\ndefault = {value}\n"
        for name, value in (("Ron", 100.0), ("Roff", 16e3), ("k", 1e4))
    )
    (tmp_path / "memps.toml").write_text(
        'name = "memps"\nfile = "memps.lib"\nsubckt = "memps"\nreference = "built in PySpice"\n[pins]\np = "plus"\nn = "minus"\n'
        f'[states.x]\nnode = "x"\ncapacitor = "cx"\nlow = 0.0\nhigh = 1.0\ninitial = 0.3\n[drive]\namplitude = 1.0\nfrequency = 1.0\n{parameters}'
    )
    state, wires = np.array([[0.2, 0.5], [0.7, 0.9]]), sn.Wires(word_line_ohm=2.0, bit_line_ohm=2.0)

    def ohm(x):
        return 100.0 * x + 16e3 * (1 - x)

    with sn.NgspiceEngine() as engine:
        device = load_foreign(tmp_path / "memps.toml")
        read = engine.read(sn.Crossbar(device=device, state=state, wires=wires), [0.1, 0.2])
        after = engine.pulse(
            sn.Crossbar(device=device, state=state, wires=sn.Wires.ideal()),
            sn.Pulse(row_volts=0.5, width_s=0.05, rise_s=0.0),
        ).state
    linear = sn.NodalEngine().read(sn.Crossbar(conductance=1 / ohm(state), wires=wires), [0.1, 0.2])
    assert read.column_amps == pytest.approx(linear.column_amps, rel=1e-9)
    exact = solve_ivp(
        lambda t, x: 1e4 * 0.5 / ohm(x) * (1 - (2 * x - 1) ** 2),
        (0, 0.05),
        state.ravel(),
        rtol=1e-9,
        atol=1e-12,
    ).y[:, -1]
    assert np.all(exact > state.ravel() + 0.01)
    assert after.ravel() == pytest.approx(exact, abs=1e-3)
