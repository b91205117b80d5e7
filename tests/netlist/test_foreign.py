import re
import shutil

import numpy as np
import pytest

import spicesnn as sn
from spicesnn import paths
from spicesnn.crossbar.stimulus import Levels
from spicesnn.engines.ngspice.circuit import alterable_of
from spicesnn.errors import ConfigError, DataError, EngineError, InputError, UnsafeNetlistError
from spicesnn.netlist.batch import run_batch
from spicesnn.netlist.drive_deck import drive_deck
from spicesnn.netlist.foreign import load_foreign
from spicesnn.netlist.pulse_deck import pulse_deck
from spicesnn.netlist.pyspice import device_subcircuit
from spicesnn.netlist.read_deck import read_deck

EXAMPLE = paths.netlists_dir() / "foreign_memristor.toml"

GATED = """* 1T1R with a bulk pin and two states
.subckt onetoner top bot wl bulk a params: g0=1m
m1 top wl mid bulk nm w=1u l=1u
.model nm nmos(level=1 vto=0.5 kp=1e-3)
gm mid bot cur='v(mid,bot)*g0*(1+v(a))*(1+v(xi.b))'
ca a 0 1n ic=0.25
ba 0 a i=1e-9*v(top)
xi hold
.ends
.subckt hold
cb b 0 1
rb b 0 1t
.ends
"""
GATED_TOML = """
name = "one-t"
file = "cell.lib"
subckt = "onetoner"
[pins]
p = "TOP"
n = "bot"
gate = "wl"
tie = { bulk = "0" }
[states.a]
unit = "1"
[states.b]
node = "xi.b"
capacitor = "xi.cb"
scale = 2.0
high = 4.0
initial = 1.0
"""


def test_the_example_reproduces_the_published_loop_as_it_is():
    device = load_foreign(EXAMPLE)
    assert (device.name, device.bounds(), device.Ron) == ("biolek-subckt", (0.0, 1.0), 100.0)
    run = run_batch(
        drive_deck(device, sn.Sine(amplitude=1.0, frequency=1.0, periods=1), points=400).text
    )
    assert np.interp([0.25, 0.5, 1.0], run.sweep, run["v(xm0_0.x)"]) == pytest.approx(
        [0.46739923, 0.69340866, 0.31446541], abs=3e-5
    )
    assert run["i(vc0)"].max() == pytest.approx(1.25635328e-4, rel=1e-4)


def test_reads_hold_the_inner_state_and_parameters_are_set():
    device = load_foreign(EXAMPLE).with_parameters(Ron=200.0)
    array = sn.Crossbar(device=device, state=[[0.2, 0.9]], wires=sn.Wires.ideal())
    run = run_batch(read_deck(array, Levels.checked(array, [0.5])).text)
    assert [run["i(vc0)"][0], run["i(vc1)"][0]] == pytest.approx(
        [0.5 / (40 + 0.8 * 16e3), 0.5 / (180 + 1.6e3)], rel=1e-6
    )


def test_pulses_start_from_the_arrays_states_and_stuck_cells_are_held():
    device = load_foreign(EXAMPLE)
    array = sn.Crossbar(
        device=device, state=[[0.2, 0.6]], wires=sn.Wires.ideal(), stuck=[[False, True]]
    )
    deck = pulse_deck(array, sn.Pulse(row_volts=[1.0], width_s=0.2).waveform().checked(array))
    run = run_batch(deck.text)
    assert [run[f"v(xm0_{j}.x)"][0] for j in (0, 1)] == pytest.approx([0.2, 0.6], abs=1e-3)
    assert run["v(xm0_0.x)"][-1] > 0.25
    assert run["v(xm0_1.x)"][-1] == pytest.approx(0.6, abs=1e-12)
    assert alterable_of(deck)["states"].prefixes == (
        "alter c.xm0_0.cx ic = ",
        "alter vs_x_0_1 dc = ",
    )


def test_pins_in_any_order_ties_gates_and_inner_subcircuits(tmp_path):
    (tmp_path / "cell.lib").write_text(GATED)
    (tmp_path / "cell.toml").write_text(GATED_TOML)
    device = load_foreign(tmp_path / "cell.toml")
    assert device.gated
    state = np.array([0.5, 3.0]).reshape(2, 1, 1)
    array = sn.Crossbar(device=device, state=state, wires=sn.Wires.ideal())
    deck = read_deck(array, Levels.checked(array, [0.1], gate_volts=[50.0]))
    assert "xm0_0 p0_0 c0 g0 0 s_a_0_0 onetoner" in deck.text
    assert run_batch(deck.text)["i(vc0)"][0] == pytest.approx(
        0.1 * 1e-3 * 1.5 * 2.5 / (1 + 3.75e-3 / (1e-3 * 49.5)), rel=1e-2
    )
    pulse = pulse_deck(
        array, sn.Pulse(row_volts=[0.1], width_s=1.0, gate_volts=[5.0]).waveform().checked(array)
    )
    run = run_batch(pulse.text)
    assert [run["v(s_a_0_0)"][0], run["v(xm0_0.xi.b)"][0]] == pytest.approx([0.5, 1.5], rel=1e-3)
    assert run["v(s_a_0_0)"][-1] == pytest.approx(0.6, rel=1e-5)
    assert pulse.states.capacitors[1, 0, 0] == "c.xm0_0.xi.cb"


def test_the_nodal_engine_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "cell.lib").write_text(GATED)
    (tmp_path / "cell.toml").write_text(GATED_TOML)
    device = load_foreign(tmp_path / "cell.toml")
    for ask in (device.current, device.conductance, device.rate):
        with pytest.raises(
            EngineError,
            match=r"one-t is a sub-circuit without equations.*it has a further pin, 'wl'.*spicesnn characterize",
        ):
            ask(0.1, np.zeros((2, 1, 1)))
    array = sn.Crossbar(device=device, shape=(1, 1), wires=sn.Wires())
    with pytest.raises(EngineError, match="one-t"):
        sn.NodalEngine().read(array, [0.1], gate_volts=[1.0])
    with pytest.raises(EngineError, match="its text is taken as it stands"):
        load_foreign(EXAMPLE, trust=True).current(0.1, 0.5)


def test_parameters_are_range_checked():
    with pytest.raises(InputError, match=r"Ron = 0.5 Ω is outside its range"):
        load_foreign(EXAMPLE).with_parameters(Ron=0.5)
    with pytest.raises(InputError, match="state of biolek-subckt"):
        sn.Crossbar(device=load_foreign(EXAMPLE), state=[[1.5]], wires=sn.Wires())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('subckt = "memristor"', 'subckt = "memristors"', "no .subckt memristors"),
        ('p = "plus"', 'p = "pluss"', r"no pin 'pluss'; did you mean 'plus'"),
        ('p = "plus"', 'p = "minus"', "each pin needs one role; left over: plus"),
        ('p = "plus"\n', "", "needs p"),
        ('capacitor = "cx"', 'capacitor = "cy"', "no capacitor 'cy'"),
        ('capacitor = "cx"', 'capacitor = "raux"', "expected a node and a capacitor"),
        ("high = 1.0\n", "high = -1.0\n", "expected low < high"),
        ("high = 1.0\n", "hihg = 1.0\n", r"unknown key 'hihg'; did you mean 'high'"),
        ("[parameters.Ron]", "[parameters.Rom]", r"takes no parameter 'Rom'; did you mean 'ron'"),
        ("default = 100.0\n", "", "needs default"),
        ("default = 100.0\n", "default = true\n", "expected a number"),
        ('name = "biolek-subckt"', "name = 3", "name is 3"),
        ('name = "biolek-subckt"', 'name = "../../up"', "folders and figures are called by it"),
        ('name = "biolek-subckt"', 'name = "a\\n.control"', "folders and figures are called by it"),
        ('subckt = "memristor"', 'subckt = "memristor\\n.control"', "is not a name"),
        ("[states.x]", '[states."x y"]', "is not a name of a state"),
        ('node = "x"', 'node = "x\\nshell id"', "contains a line break"),
        ('node = "x"', 'node = "x y"', "expected a node"),
        (
            "initial = 0.31446540880503143",
            "initial = 0.4",
            r"initial = 0.4, but ic= in the text gives 0.314465",
        ),
        (
            'dialect = "pspice"',
            'dialect = "spectre"',
            r"dialect = 'spectre'.*Expected one of: ngspice, ltspice, hspice, pspice",
        ),
        ('file = "foreign_memristor.lib"', 'file = "filament.va"', "is Verilog-A"),
        ("low = 0.0", "low = nan", "finite number"),
        ("amplitude = 1.0", "amplitude = nan", "finite number"),
        ('unit = "Ω"', 'unit = "Ω\\u2028.control"', "contains a line break"),
        ('reference = "', 'reference = "# shell id', "read the comment as a command"),
        ('name = "biolek-subckt"', "name = ", "not valid TOML"),
        ('file = "foreign_memristor.lib"', 'file = "absent.lib"', "there is no file"),
        ('p = "plus"', 'p = "plus"\ntie = { x = "0 evil" }', "plain node name"),
    ],
)
def test_descriptors_that_do_not_fit_say_where(tmp_path, old, new, message):
    shutil.copy(EXAMPLE.with_suffix(".lib"), tmp_path)
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "d.toml").write_text(text.replace(old, new))
    with pytest.raises((ConfigError, DataError, InputError), match=message):
        load_foreign(tmp_path / "d.toml")


def test_an_unsafe_subcircuit_is_refused_unless_trusted(tmp_path):
    text = EXAMPLE.with_suffix(".lib").read_text(encoding="utf-8")
    (tmp_path / "foreign_memristor.lib").write_text(text + "\n.control\nshell touch pwned\n.endc\n")
    shutil.copy(EXAMPLE, tmp_path / "d.toml")
    with pytest.raises(UnsafeNetlistError, match=r"line 14: the command 'shell'"):
        load_foreign(tmp_path / "d.toml")
    assert load_foreign(tmp_path / "d.toml", trust=True).name == "biolek-subckt"
    (tmp_path / "d.toml").write_text(
        EXAMPLE.read_text(encoding="utf-8").replace('file = "', 'file = "/etc/')
    )
    with pytest.raises(UnsafeNetlistError, match="lies outside"):
        load_foreign(tmp_path / "d.toml")
    with pytest.raises(DataError, match="there is no file"):
        load_foreign(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("current", "rate", "polarity"),
    [
        ("v(p,n)*(1e-5+1e-4*v(x))", "v(p,n)", 1),
        ("v(p,n)*(1e-4-9e-5*v(x))", "v(p,n)", -1),  # a larger state conducts less
        ("v(p,n)*(1e-5+1e-4*v(x))", "-v(p,n)", -1),
        ("v(p,n)*(1e-5+1e-4*v(x))", "abs(v(p,n))", 0),  # unipolar: both signs set it
        ("v(p,n)*(1e-5+1e-4*v(x))", "max(v(p,n),0)", 0),  # nothing resets it
    ],
)
def test_the_polarity_that_sets_a_device_follows_from_its_equations(
    tmp_path, current, rate, polarity
):
    (tmp_path / "own.lib").write_text(
        f".subckt own p n x\nb1 p n i={current}\nb2 0 x i=({rate})*v(x)*(1-v(x))\ncx x 0 1 ic=0.5\n"
        ".ends\n"
    )
    path = tmp_path / "own.toml"
    path.write_text(
        'name = "own"\nfile = "own.lib"\nsubckt = "own"\n[pins]\np = "p"\nn = "n"\n'
        '[states.x]\nnode = "x"\ncapacitor = "cx"\n[drive]\namplitude = 1.0\nfrequency = 1.0\n'
    )
    assert load_foreign(path).set_polarity == polarity


def test_a_state_whose_unit_is_no_volt_starts_in_its_own_unit_in_every_deck(tmp_path):
    """Two state units a volt: 3 of them are 1.5 V."""
    (tmp_path / "cell.lib").write_text(GATED)
    (tmp_path / "cell.toml").write_text(GATED_TOML)
    device = load_foreign(tmp_path / "cell.toml")
    state = np.array([0.25, 3.0])
    array = sn.Crossbar(device=device, state=state[:, None, None], wires=sn.Wires.ideal())
    pulse = sn.Pulse(row_volts=[0.1], width_s=1e-6, gate_volts=[2.0])
    sine = sn.Sine(amplitude=0.1, frequency=1.0, periods=1)
    texts = (
        drive_deck(device, sine, state, 2.0).text,
        pulse_deck(array, pulse.waveform().checked(array)).text,
        str(device_subcircuit(device, "cell", state=state)),
    )
    for text in texts:
        volts = re.findall(r"(?m)^\.ic v\((?:xm0_0\.)?xi\.b\)=(\S+)$", text)
        assert [float(value) for value in volts] == [1.5]
        volts = re.findall(r"(?m)^\.ic v\((?:s_a_0_0|a|xm0_0\.a)\)=(\S+)$", text)
        assert [float(value) for value in volts] == [0.25]
