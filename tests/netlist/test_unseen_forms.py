"""Models as their authors write them, against their equations by hand at random voltages and
states."""

from math import exp, sinh

import numpy as np
import pytest
from scipy.optimize import brentq

from spicesnn.devices.importers.cards import cards_of, library_of
from spicesnn.devices.importers.closed import closed
from spicesnn.devices.importers.dialects import SpiceDialect
from spicesnn.devices.importers.emit import write
from spicesnn.devices.importers.translate import translate, understood
from spicesnn.errors import InputError, UnsupportedNetlistError
from spicesnn.netlist.batch import run_batch
from spicesnn.netlist.foreign import load_foreign
from spicesnn.netlist.importing import guess


def quasi_static(v, a):
    """Current and rate of the quasi-static memdiode below, its inner voltages by bisection."""

    def held(vc):
        rise = 1 / (1 + exp(-50 * (vc - 1.4)))
        fall = 1 / (1 + exp(min(-100 * (vc + 0.4), 700)))
        return (min(fall, max(rise, a)) + a) / 2

    def apart(amps):
        h, vc = held(v - 1e-3 * amps), v - 1e-3 * amps
        return amps - (1e-2 * h + 1e-7 * (1 - h)) * sinh(2 * (vc - 10 * amps))

    amps = brentq(apart, -0.05, 0.05, xtol=1e-18, rtol=1e-14)
    return amps + v / 1e10, (held(v - 1e-3 * amps) - a) / 1e-3


def antiserial(v, x, y):
    """Current and rates of two cells that face each other."""
    g, h = 1e-6 + 99e-6 * x, 1e-6 + 99e-6 * y
    amps = v * g * h / (g + h)

    def rate(u, s):
        return 1e3 * (max(u - 0.1, 0) * (1 - s) - max(-u - 0.1, 0) * s)

    return amps, rate(amps / g, x), rate(-amps / h, y)


def junction(v):
    """Current of a switch over a threshold in a third of the state, in mA."""
    return 1e-3 * (1 if 0.2 < v < 0.6 or v < -0.5 else 0)


def of_jumps(v, r=3e3, tmr=1.2, ic=4e-5):
    """Resistance of a magnetic junction at states 0 and 1."""
    return r, r * tmr / (1 + v * v / 0.25), ic


def magnetic(v, s):
    """Current and rate of a spin-torque junction."""
    low, more, ic = of_jumps(v)
    amps = v / (low + more * s)
    up, down = (amps / ic - 1) * (1 - s), -(-amps / ic - 1) * s
    return amps, (up if amps > ic else down if amps < -ic else 0.0) / 2e-9


def phase_change(v, u):
    """Current and rate of a phase-change cell by its temperature."""
    amps = v * (1e-4 if abs(v) > 0.9 else 1 / (1e4 + 99e4 * u))
    kelvin = 300 + 2e6 * v * v / 1e4
    return amps, (1 - u) / 1e-9 if kelvin > 900 else -u / 50e-9 if kelvin > 600 else 0.0


def volatile(v, f, kelvin):
    """Current and rates of a filament that the temperature dissolves."""
    amps = v * (1e-6 + 1e-3 * f * f)
    grown = 1e9 * exp(-0.8 / (8.617e-5 * kelvin)) * sinh(v / (8.617e-5 * kelvin) * 0.2)
    return amps, grown * (1 - f if v > 0 else f), (v * amps - (kelvin - 300) / 1e5) / 1e-13


def heated(v, kelvin):
    """Current and rate of a cell whose heat leaves it towards 300 K."""
    amps = 1e-2 * v * exp(-0.2 / (8.617e-5 * kelvin))
    return amps, (v * amps - (kelvin - 300) / 1e6) / 1e-15


def tunnel(v, w):
    """Current and rate of a tunnel barrier behind a resistor."""
    amps = v / (215 + 1e3 * exp(2 * w))
    if v >= 0:
        wall = exp(-exp((w - 1.2) / 0.107 - abs(amps) / 500e-6) - w / 0.107)
        return amps, 3.5 * sinh(amps / 115e-6) * wall
    wall = exp(-exp((1.8 - w) / 0.107 - abs(amps) / 500e-6) - w / 0.107)
    return amps, -40 * sinh(-amps / 8.9e-6) * wall


HEATED = """b1 p n i=1e-2*v(p,n)*exp(-0.2/(8.617e-5*v(t)))
bp 0 t i=v(p,n)*1e-2*v(p,n)*exp(-0.2/(8.617e-5*v(t)))
rt t ta 1e6
va 0 ta {-tamb}
"""
FORMS = {
    "a quasi-static memdiode, pins + and -, its state shown on a third": (
        None,
        """* quasi-static memdiode
.subckt memdiode + - H
.params
+ RI=1e10 H0=0.25 etas=50 vs=1.4 etar=100 vr=-0.4
+ imax=1e-2 amax=2 rsmax=10 imin=1e-7 amin=2 rsmin=10
.func I0(x)=imax*x+imin*(1-x)
.func A(x)=amax*x+amin*(1-x)
.func RS(x)=rsmax*x+rsmin*(1-x)
.func S(x)=1/(1+exp(-etas*(x-vs)))
.func R(x)=1/(1+exp(-etar*(x-vr)))
BH 0 H I=min(R(V(C,-)),max(S(V(C,-)),V(A))) Rpar=1
RH H A 1
CH A 0 1m ic={H0}
RE + C 1m
BS C B V=I(BD)*RS(V(H))
BD B - I=I0(V(H))*sinh(A(V(H))*V(B,-))
RB + - {RI}
.ends
""",
        {"unused": ("h",), "start": [0.25]},
        quasi_static,
    ),
    "two cells that face each other": (
        "ltspice",
        """* complementary switch
.subckt cell t b params: x0=0
Bm t b I=V(t,b)*(1u+99u*V(x))
Bx 0 x I=1e3*(limit(V(t,b)-0.1,0,10)*(1-V(x))-limit(-V(t,b)-0.1,0,10)*V(x))
Cx x 0 1 IC={x0}
.ends cell
.subckt crs a b
X1 a m cell x0=1
X2 b m cell params: x0=0
.ends crs
""",
        {"start": [1.0, 0.0]},
        antiserial,
    ),
    "a magnetic junction with functions in braces": (
        "ltspice",
        """* spin torque
.subckt mtj fl rl params: Rp=3k TMR=1.2 Vh=0.5 Ic=40u tau=2n
.func Rap(v) {Rp*(1+TMR/(1+v*v/(Vh*Vh)))}
.func Rm(v,s) {Rp+(Rap(v)-Rp)*s}
Vs fl m 0
B1 m rl I=V(m,rl)/Rm(V(m,rl),V(s))
B2 0 s I=if(I(Vs)>Ic, (I(Vs)/Ic-1)*(1-V(s))/tau, if(I(Vs)<-Ic, -(-I(Vs)/Ic-1)*V(s)/tau, 0))
C2 s 0 1
.ic V(s)=0.5
.ends
""",
        {"start": [0.5]},
        magnetic,
    ),
    "a phase-change cell of hspice, comments without a blank": (
        "hspice",
        """$ phase change
.macro pcm top bot rset=10k rreset=1meg vth=0.9 $defaults
+ tm=900 tx=600 rth=2e6
.param t0=300 $ kelvin
Gc top bot cur='V(top,bot)*(abs(V(top,bot))>vth ? 1/rset : 1/(rset+(rreset-rset)*V(ua)))'
Et tt 0 vol='t0+rth*V(top,bot)*V(top,bot)/rset'
Gu 0 ua cur='V(tt)>tm ? (1-V(ua))/1n : (V(tt)>tx ? -V(ua)/50n : 0)'
Cu ua 0 1 $ic=0.3
.ic v(ua)=1
.eom
""",
        {"start": [1.0], "volts": 2.0},
        phase_change,
    ),
    "a filament and its temperature": (
        "ltspice",
        """// a filament that heat dissolves
.subckt ft t b
.param kb=8.617e-5 tamb=300
.options reltol=1e-4
Bi t b I=V(t,b)*(1u+1m*V(f)**2)
Bf 0 f I=1e9*exp(-0.8/(kb*V(tk)))*sinh(V(t,b)/(kb*V(tk))*0.2)*(V(t,b)>0 ? 1-V(f) : V(f))
Cf f 0 1 IC=0.1
Bt 0 tk I=abs(V(t,b)*V(t,b)*(1u+1m*V(f)**2))
Rt tk amb 1e5
Vt amb 0 {tamb}
Ct tk 0 1e-13 IC={tamb}
.ends
""",
        {"start": [0.1, 300.0], "bounds": {"tk": (290.0, 1500.0)}},
        volatile,
    ),
    "a tunnel barrier behind a resistor": (
        "ltspice",
        """* tunnel barrier
.subckt pick p n
.param w0={1.2} fon=40n foff=3.5n ion=8.9u ioff=115u aon=1.8 aoff=1.2 b=500u wc=0.107
.param Rs = 215
Rser p m {Rs}
Gt m n value={V(m,n)*1e-3*exp(-2*V(w))}
Gw 0 w value={if(V(m,n)>=0, foff*sinh(I(Rser)/ioff)*exp(-exp((V(w)-aoff)/wc-abs(I(Rser))/b)-V(w)/wc),
+ -fon*sinh(-I(Rser)/ion)*exp(-exp(-(V(w)-aon)/wc-abs(I(Rser))/b)-V(w)/wc))}
Cw w 0 1n IC={w0}
.ends pick
""",
        {"start": [1.2], "bounds": {"w": (0.5, 1.9)}, "volts": 0.3},
        tunnel,
    ),
    "a heat capacity to the ambient": (
        "ngspice",
        "* t\n.subckt th p n tamb=300\n" + HEATED + "ct t ta 1e-15\n.ends\n",
        {"start": [300.0], "bounds": {"t": (290.0, 900.0)}},
        heated,
    ),
    "a heat capacity from the ambient, charged": (
        "ngspice",
        "* t\n.subckt th p n tamb=300\n" + HEATED + "ct ta t 1e-15 ic=-50\n.ends\n",
        {"start": [350.0], "bounds": {"t": (290.0, 900.0)}},
        heated,
    ),
    "a heat capacity to the ambient, started by a card": (
        "ngspice",
        "* t\n.subckt th p n tamb=300\n" + HEATED + "ct t ta 1e-15\n.ic v(t)=320\n.ends\n",
        {"start": [320.0], "bounds": {"t": (290.0, 900.0)}},
        heated,
    ),
    "a heat capacity in two parts": (
        "ngspice",
        "* t\n.subckt th p n tamb=300\n"
        + HEATED
        + "ct t ta 0.4f\nct2 0 t {0.6f}\n.ic v(t)=310\n.ends\n",
        {"start": [310.0], "bounds": {"t": (290.0, 900.0)}},
        heated,
    ),
    "a state against the bit line": (
        "ltspice",
        "* t\n.subckt d a b x0=0.25\nB1 a b I=V(a,b)*(1u+1m*V(x,b))*(1+V(y,b)-V(b,y)*0)\n"
        "C1 x b 1 ic={x0}\nR1 x b 10\nB2 b x I=V(a,b)*(1-V(x,b))\nB3 y b V=0.5*V(x,b)\n.ends\n",
        {"start": [0.25]},
        lambda v, x: (v * (1e-6 + 1e-3 * x) * (1 + 0.5 * x), v * (1 - x) - x / 10),
    ),
    "conditions without brackets": (
        "ltspice",
        "* t\n.subckt d a b\nB1 a b I=1m*(V(a,b)>0.2 & V(a,b)<0.6 | V(a,b)<-0.5)\n.ends\n",
        {},
        lambda v: (junction(v),),
    ),
    "the integral of the voltage from a start": (
        "ltspice",
        "* t\n.subckt d a b\nB1 a b I=V(a,b)*(1m+2m*idt(V(a,b),0.3)**2)\n.ends\n",
        {"start": [0.3]},
        lambda v, x: (v * (1e-3 + 2e-3 * x * x), v),
    ),
    "a capacitor the other way round, an old ramp": (
        "ngspice",
        "* t\n.subckt d a b\nr1 a b 1k\ncx 0 x 1 ic=-0.5\ng1 0 x a b 1\nb2 a b i=1u*u2(v(x))\n.ends\n",
        {"start": [0.5], "bounds": {"x": (-1.0, 2.0)}},
        lambda v, x: (v / 1e3 + 1e-6 * min(max(x, 0), 1), v),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_model_as_its_author_writes_it_is_its_equations(form, tmp_path):
    dialect, text, about, wanted = FORMS[form]
    path = tmp_path / "model.lib"
    path.write_text(text, encoding="utf-8")
    found = guess(
        path,
        dialect=None if dialect is None else SpiceDialect(dialect),
        bounds=about.get("bounds"),
    )
    assert found.unused == about.get("unused", ())
    (tmp_path / "out").mkdir()
    device = load_foreign(found.write(tmp_path / "out"))
    assert device.stored is not None, device.why_not
    rng, low, high = np.random.default_rng(7), *map(np.ravel, device.bounds())
    states = len(device.state_names)
    if states:
        assert np.ravel(device.initial_state()) == pytest.approx(about["start"])
    for _ in range(40):
        v = rng.uniform(-1, 1) * about.get("volts", 1.0)
        x = (low + (high - low) * rng.uniform(0.02, 0.98, states)) if states else []
        values = {name: float(getattr(device, name)) for name in found.parameters}
        amps, _, rates, _, _ = device.stored.everything(np.array(v), list(map(np.array, x)), values)
        assert [float(amps), *map(float, rates)] == pytest.approx(
            list(wanted(v, *x)), rel=1e-7, abs=0.0
        ), (v, x)


REFUSED = {
    ("ngspice", "r1 a b {2*-k}"): "line 3: '\\*' a minus right behind another operator",
    ("ngspice", "r1 a b {1 - -k}"): "line 3: '-' a minus right behind another operator",
    ("ngspice", "r1 a b {2*-3**2}"): "line 3: .* a minus right behind another operator",
    ("ltspice", "b1 a b i=delay(v(a,b),1n)"): "line 3: 'delay\\(' asks for the past",
    ("ltspice", "v1 a m 0 rser=10\nr1 m b 1k"): "line 3: 'v1' has rser=10, which is not translated",
    ("ngspice", "b1 a b i=1m rpar=1k"): "line 3: 'rpar=' is no property of a source in ngspice",
    ("ltspice", "r1 a b 1k $m=2"): "line 3: '\\$m=2' is a comment in ngspice and hspice only",
    (
        "ngspice",
        "r1 a b 1k\nb1 0 x i=v(a,b)\nc1 x 0 1 ic=1\nc2 x 0 1\nb2 a b i=v(x)",
    ): "line 6: 'c2' lies beside 'c1' and does not start",
    (
        "ngspice",
        "r1 a b 1k\nb1 0 x i=v(a,b)\nc1 x y 1\nr2 y 0 1\nb2 a b i=v(x)",
    ): "line 5: 'c1' holds the voltage between x and y",
    ("ngspice", "r1 a b 1k\nb1 0 x i=v(a,b)\nc1 x b 1\nb2 a b i=v(x,b)"): "line 5: 'c1' holds the"
    " voltage between x and b",
    (
        "ngspice",
        "r1 a b 1k\nb1 b x i=v(a,b)\nc1 x b 1\nb2 a b i=v(x,b)\n.ic v(x)=1",
    ): "line 5: 'c1'",
    ("pspice", "r1 a $n_0001 1k\nr2 $n_0001 b 1k"): None,
    ("ngspice", "r1 a b {1*-3}"): None,
    ("ngspice", "r1 a b 1k $m=2"): None,
}


def test_numbers_of_nodes_in_hspice_may_begin_with_zeros():
    text = ".subckt d a b\nr1 a 01 1k\nr2 1 b 1k\nr3 1 000 1k\n.ends"
    part = translate(library_of(cards_of(text, "d.lib")), "d", SpiceDialect.HSPICE, {})
    assert [e.nodes for e in part.elements] == [("a", "1"), ("1", "b"), ("1", "0")]
    with pytest.raises(UnsupportedNetlistError, match="line 2: 'r1' means one thing in ngspice"):
        understood(library_of(cards_of(text, "d.lib")), "d", None, {})


@pytest.mark.parametrize(("dialect", "body"), REFUSED)
def test_what_means_something_else_than_it_seems_is_refused_by_line(dialect, body, tmp_path):
    path = tmp_path / "model.lib"
    path.write_text(f"* t\n.subckt d a b k=3\n{body}\n.ends\n", encoding="utf-8")
    reason = REFUSED[dialect, body]
    if reason is None:
        assert guess(path, dialect=SpiceDialect(dialect)).translation
        return
    with pytest.raises(UnsupportedNetlistError, match=reason) as caught:
        _ = guess(path, dialect=SpiceDialect(dialect)).translation
    assert "model.lib, line " in str(caught.value)


def test_a_pin_that_a_resistor_alone_holds_is_no_display(tmp_path):
    """A gate: leaving it open would put it to the ground without a word."""
    path = tmp_path / "model.lib"
    path.write_text("* t\n.subckt d a b g\nrg g 0 1t\nb1 a b i=v(a,b)*v(g)\n.ends\n")
    with pytest.raises(InputError, match="the pins a, b, g, of which two must be") as caught:
        guess(path, dialect=SpiceDialect.NGSPICE)
    assert "third" in str(caught.value)


@pytest.mark.parametrize(("von", "voff"), [(0.6, 0.2), (-0.3, 0.4)])
def test_a_switch_of_pspice_is_the_one_that_ngspice_has_for_it(von, voff):
    """The code model pswitch of ngspice, with the logarithm, as the reference."""
    text = (
        f".subckt d a b\nr1 a b 1meg\ns1 a b a b sw\n"
        f".model sw vswitch(ron=1k roff=100k von={von} voff={voff})\n.ends"
    )
    part = translate(library_of(cards_of(text, "d.lib")), "d", SpiceDialect.PSPICE, {})
    theirs = (
        f".subckt d a b\nr1 a b 1meg\na1 %gd(a b) %gd(a b) sw\n"
        f".model sw pswitch(cntl_on={von} cntl_off={voff} r_on=1k r_off=100k log=TRUE)\n.ends"
    )
    runs = [
        run_batch(f"* s\n{made}\nva a 0 0\nx1 a 0 d\n.dc va -1 1 0.04\n.save v(a) i(va)\n.end\n")
        for made in (write(part).text, theirs)
    ]
    assert runs[0]["i(va)"] == pytest.approx(runs[1]["i(va)"], rel=1e-5, abs=1e-12)
    volts = np.linspace(-1.0, 1.0, 21)
    found = closed(part, "a", "b", []).everything(volts, [], {})[0]
    assert found == pytest.approx(
        -np.interp(volts, runs[0]["v(a)"], runs[0]["i(va)"]), rel=0.05, abs=1e-5
    )
    for dialect in (SpiceDialect.LTSPICE, SpiceDialect.NGSPICE):
        with pytest.raises(UnsupportedNetlistError, match="line 4: the model type 'vswitch'"):
            translate(library_of(cards_of(text, "d.lib")), "d", dialect, {})


def test_a_switch_of_pspice_by_a_current_is_the_one_by_a_voltage_of_the_same_size():
    """The reference is the code model pswitch of ngspice behind a source of 1 V for 1 A."""
    model = "ron=1k roff=100k ion=0.6m ioff=0.2m"
    text = f".subckt d a b\nv1 a m 0\nr1 m b 1k\nw1 a b v1 sw\n.model sw iswitch({model})\n.ends"
    part = translate(library_of(cards_of(text, "d.lib")), "d", SpiceDialect.PSPICE, {})
    theirs = (
        ".subckt d a b\nv1 a m 0\nr1 m b 1k\nh1 c 0 v1 1\na1 %gd(c 0) %gd(a b) sw\n"
        ".model sw pswitch(cntl_on=0.6m cntl_off=0.2m r_on=1k r_off=100k log=TRUE)\n.ends"
    )
    runs = [
        run_batch(f"* s\n{made}\nva a 0 0\nx1 a 0 d\n.dc va -1 1 0.04\n.save v(a) i(va)\n.end\n")
        for made in (write(part).text, theirs)
    ]
    assert runs[0]["i(va)"] == pytest.approx(runs[1]["i(va)"], rel=1e-5, abs=1e-12)
    volts = np.array([-1.0, 0.1, 0.4, 0.9])
    ohm = np.array([1e5, 1e5, 1e4, 1e3])  # half-way between the currents: √(Ron·Roff)
    found = closed(part, "a", "b", []).everything(volts, [], {})[0]
    assert found == pytest.approx(volts / 1e3 + volts / ohm, rel=1e-12)
    for dialect in (SpiceDialect.LTSPICE, SpiceDialect.NGSPICE):
        with pytest.raises(UnsupportedNetlistError, match="line 4: 'w1' is a switch by a current"):
            write(translate(library_of(cards_of(text, "d.lib")), "d", dialect, {}))
