"""Sub-circuits in Spectre's own language."""

import time

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import InputError, UnsupportedNetlistError
from spicesnn.netlist.foreign import load_foreign
from spicesnn.netlist.importing import guess
from spicesnn.netlist.safety import read_cards

CELL = """// a threshold and its bench
simulator lang=spectre
global 0
parameters ampl=1.5
real bent(real x, real k) {
    return x > 0 ? + pow(x, k)
         : + -pow(-x, k);
}
subckt cell (p n)
    parameters ron=5k roff=0.08M xinit=250m \\
        von=0.9 kon=20 \\
        exponent=3 cmem=1;
    + lin=1
    G_mem (p n) bsource i=v(on)/ron*v(x) + (1 - v(x))*i(R_sense)*5k/roff
    E_on (on 0) bsource v=v(p,n)
    V_sense (p q) vsource dc=0
    R_sense (q n) resistor r=1e12 // its current shows nothing
    C_x (x 0) capacitor c=cmem ic=xinit
    B_x (0 x) bsource i=abs(v(p,n)) > von && v(x) < 1 && v(p,n) > 0 ? kon*bent(v(p,n) - von, exponent) \\
        : v(p,n) < -von && v(x) > 0 ? kon*bent(v(p,n) + von, exponent) : 0
ends cell
V0 (in 0) vsource type=sine ampl=ampl freq=5k
X0 (in 0) cell
go tran stop=1m
save in
"""


def written(folder, text, name="cell.scs", **more):
    (folder / name).write_text(text)
    return guess(folder / name, **more)


def test_a_subcircuit_becomes_a_device(tmp_path):
    found = written(tmp_path, CELL)
    assert found.pins == {"p": "p", "n": "n"}
    assert found.parameters == {
        "ron": 5e3,
        "roff": 8e4,
        "xinit": 0.25,
        "von": 0.9,
        "kon": 20.0,
        "exponent": 3.0,
        "cmem": 1.0,
        "lin": 1.0,
    }
    assert found.bounds == {"x": (0.0, 1.0)}
    assert found.drive == (1.5, 5e3)


@pytest.mark.parametrize("engine", ["nodal", "ngspice"])
def test_its_curve_is_that_of_its_equations(tmp_path, engine):
    # Up by kon∫(1.5 sin − 0.9)³ dt over the half period, and down by as much: from a fine sum.
    t = (np.arange(200_000) + 0.5) / 200_000 * 1e-4
    moved = 20e3 * np.sum(np.maximum(1.5 * np.sin(2 * np.pi * 5e3 * t) - 0.9, 0.0) ** 3) * 5e-10
    text = CELL.replace("kon=20 ", "kon=20k ")
    device = load_foreign(written(tmp_path, text).write(tmp_path))
    curve = sn.iv(device, engine, amplitude=1.5, frequency=5e3, periods=1)
    assert np.interp(1e-4, curve.time, curve.state) == pytest.approx(0.25 + moved, abs=1e-4)
    assert curve.state[-1] == pytest.approx(0.25, abs=2e-4)
    k = int(np.argmin(np.abs(curve.time - 0.5e-4)))
    x, v = curve.state[k], curve.volts[k]
    assert curve.amps[k] == pytest.approx(v / 5e3 * x + (1 - x) * v * 1e-12 / 16 + v * 1e-12)


def test_powers_keep_the_sign_of_whole_exponents(tmp_path):
    text = """simulator lang=spectre
subckt odd (a b)
G (a b) bsource i=1m*pow(v(a,b), 3)
R (a b) resistor r=1G
ends odd
"""
    device = load_foreign(written(tmp_path, text).write(tmp_path))
    np.testing.assert_allclose(device.current(np.array([-2.0, 2.0]), 0.0), [-8e-3, 8e-3], rtol=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("v(on)/ron", "v(On)/ron", "'On' and 'on' differ|'on' and 'On' differ"),
        ("bent(v(p,n) + von", "hypot(v(p,n) + von", r"line 19: the function hypot\(\) is not"),
        ("kon*bent", "log(kon)*bent", r"the function log\(\) is not taken"),
        ("ic=xinit", "ic=xinit m=2", r"line 18: m= of a capacitor"),
        ("resistor r=1e12", "inductor l=1u", "inductor"),
        ("i(R_sense)", "i(R_none)", r"line 14: i\(R_none\): no element of that name"),
        ("0.08M", "0.08Meg", "0.08Meg is no number"),
        ("global 0", 'include "x.scs"', "line 3: 'include' is not taken"),
        ("global 0", 'ahdl_include "x.va"', "line 3: .*import a Verilog-A text itself"),
        ("global 0", "simulator lang=spice", "line 3: 'simulator lang=spice' is not taken"),
        ("v(on)/ron", "pow(" * 60 + "v(on)" + ",2)" * 60 + "/ron", "line 14: powers are too deep"),
        ("v(x) < 1 &&", "v(x) != 1 &&", "'!=' is not taken"),
        ("vsource dc=0", "vsource type=sine ampl=1", "line 16: ampl= of a vsource"),
    ],
)
def test_what_is_not_taken_is_refused_by_line(tmp_path, old, new, message):
    assert old in CELL
    with pytest.raises(UnsupportedNetlistError, match=message):
        written(tmp_path, CELL.replace(old, new, 1))


def test_a_dialect_of_spice_is_not_its_language(tmp_path):
    with pytest.raises(InputError, match="Spectre's own language; leave the dialect pspice"):
        written(tmp_path, CELL, dialect="pspice")


def test_cards_that_go_on_over_several_backslashes(tmp_path):
    (tmp_path / "m.sp").write_text(".subckt m a b \\\nra=1 \\\nrb=2\nr1 a b 'ra+ \\\nrb'\n.ends\n")
    assert [card.text for card in read_cards(tmp_path / "m.sp", tmp_path)] == [
        ".subckt m a b ra=1 rb=2",
        "r1 a b 'ra+ rb'",
        ".ends",
    ]


def test_a_descriptor_of_its_text_is_of_no_other_dialect(tmp_path):
    path = written(tmp_path, CELL).write(tmp_path)
    (tmp_path / "mine.toml").write_text(
        path.read_text().replace('file = "cell.lib"', 'file = "cell.scs"')
    )
    device = load_foreign(tmp_path / "mine.toml")
    assert device.current(0.5, 1.0) == pytest.approx(1e-4, rel=1e-6)
    (tmp_path / "mine.toml").write_text(
        (tmp_path / "mine.toml").read_text().replace('"ltspice"', '"ngspice"')
    )
    with pytest.raises(InputError, match="leave the dialect ngspice out"):
        load_foreign(tmp_path / "mine.toml")


def test_long_texts_are_read_at_once(tmp_path):
    blanks, began = " " * 200_000, time.monotonic()
    for text in (
        f"simulator lang=spectre\nreal f(real x) {{ return{blanks}x;{blanks}\n",
        "simulator lang=spectre\nsubckt a (p n)\n" + "+ x\n" * 90_000,
    ):
        with pytest.raises((UnsupportedNetlistError, InputError)):
            written(tmp_path, text)
    assert time.monotonic() - began < 20
