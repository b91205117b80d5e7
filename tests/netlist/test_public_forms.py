"""Models in the forms in which people pass them around, against the published numbers of their
equations.

Equations and parameters are the papers'; the numbers are integrations of these equations by other
means (tolerance 1e-9)."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices.importers.dialects import SpiceDialect
from spicesnn.errors import DataError, UnsafeNetlistError
from spicesnn.netlist.foreign import load_foreign
from spicesnn.netlist.importing import guess

YAKOPCIC = """* two-terminal memristor with its state on a third pin
.subckt mem_dev TE BE XSV
.params a1=0.17 a2=0.17 b=0.05 Vp=0.16 Vn=0.15
+Ap=4000 An=4000 xp=0.3 xn=0.5 alphap=1 alphan=5
+xo=0.11 eta=1
.func wp(V) = xp/(1-xp) - V/(1-xp) + 1
.func wn(V) = V/(1-xn)
.func G(V) = IF(V <= Vp, IF(V >= -Vn, 0, -An*(exp(-V)-exp(Vn))), Ap*(exp(V)-exp(Vp)))
.func F(V1,V2) = IF(eta*V1 >= 0, IF(V2 >= xp, exp(-alphap*(V2-xp))*wp(V2), 1), IF(V2 <= (1-xn), exp(alphan*(V2+xn-1))*wn(V2), 1))
.func IVRel(V1,V2) = IF(V1 >= 0, a1*V2*sinh(b*V1), a2*V2*sinh(b*V1))
Cx XSV 0 {1}
.ic V(XSV) = xo
Gx 0 XSV value={eta*F(V(TE,BE),V(XSV,0))*G(V(TE,BE))}
Gm TE BE value = {IVRel(V(TE,BE),V(XSV,0))}
.ends mem_dev
"""
BIOLEK = """a drift model with its test bench
Vin in 0 sin(0 1 1)
Xmem in 0 memristor
.TRAN 1m 1
.probe
.SUBCKT memristor Plus Minus PARAMS:
+ Ron=100 Roff=16K Rinit=11K D=10N uv=10F p=1
Gx 0 x value={ I(Emem)*uv*Ron/D**2*f(V(x),I(Emem),p)}
Cx x 0 1 IC={(Roff-Rinit)/(Roff-Ron)}
Raux x 0 1T
Emem plus aux value={-I(Emem)*V(x)*(Roff-Ron)}
Roff aux minus {Roff}
Eflux flux 0 value={SDT(V(plus,minus))}
.func f(x,i,p)={1-(x-stp(-i))**(2*p)}
.ENDS memristor
.end
"""
PERSHIN = """* a threshold in resistance, smoothed
.subckt memR2 plus minus PARAMS:
+ Ron=1K Roff=10K Rinit=5K alpha=0 beta=1E13 Vt=4.6
.param b1=10u b2=10u
Gpm plus minus value={V(plus,minus)/V(x)}
Gx 0 x value={fs(V(plus,minus),b1)*ws(v(x),V(plus,minus),b1,b2)}
Raux x 0 1T
Cx x 0 1 IC={Rinit}
.func stps(x,b)={1/(1+exp(-x/b))}
.func abss(x,b)={x*(stps(x,b)-stps(-x,b))}
.func fs(v,b)={beta*(v-0.5*(abss(v+Vt,b)-abss(v-Vt,b)))}
.func ws(x,v,b1,b2)={stps(v,b1)*stps(1-x/Roff,b2)+stps(-v,b1)*stps(x/Ron-1,b2)}
.ends
"""
VTEAM = """* a threshold in the state, LTspice
.subckt VTEAM p n
.param Ron=50 Roff=1k von=-0.2 voff=0.02 kon=-10 koff=5e-4 aon=3 aoff=1 D=3n
Bw 0 w I=if(V(p,n)>voff, koff*1G*(V(p,n)/voff-1)**aoff, if(V(p,n)<von, kon*1G*(V(p,n)/von-1)**aon, 0))*if(V(w)<D*1G, 1, 0)
Cw w 0 1 IC=1
Rp p n R=Ron+(Roff-Ron)*V(w)/(D*1G)
.ends
"""
FILAMENT = """$ a filament gap, HSPICE
.subckt RRAM te be
.param i0=61.4e-6 g0=0.275 v0=0.43 vel0=150 beta=1.25 gamma0=16.5 eag=1.501 ear=1.5 kt='8.617333262e-5*298' l=5 a0=0.25 gini=1
Gc te be cur='i0*exp(-V(g)/g0)*sinh(V(te,be)/v0)'
Cg g 0 1 ic='gini'
Gg 0 g cur='-vel0*(exp(-eag/kt)*exp((gamma0-beta*pow(V(g),3))*a0*V(te,be)/l/kt)-exp(-ear/kt)*exp(-(gamma0-beta*pow(V(g),3))*a0*V(te,be)/l/kt))'
.ends
"""


def imported(folder, name, text, dialect=None, **more):
    (folder / name).write_text(text)
    made = folder / "made"
    made.mkdir(exist_ok=True)
    return load_foreign(guess(folder / name, dialect=dialect, **more).write(made))


def loop(device, engine, amplitude, frequency):
    return sn.iv(device, engine, amplitude=amplitude, frequency=frequency, periods=1, points=4000)


@pytest.fixture(scope="module", params=["nodal", "ngspice"])
def engine(request):
    made = sn.NodalEngine() if request.param == "nodal" else sn.NgspiceEngine()
    yield made
    made.close()


def test_a_state_on_a_third_pin(engine, tmp_path):
    device = imported(tmp_path, "yak.sub", YAKOPCIC)
    curve = loop(device, engine, 0.45, 100.0)
    assert np.interp([2.5e-3, 5e-3, 1e-2], curve.time, curve.state) == pytest.approx(
        [0.87087266, 0.96973705, 0.09292522], abs=2e-4
    )
    assert [curve.amps.max(), curve.amps.min()] == pytest.approx(
        [3.42258827e-3, -1.89908674e-3], rel=1e-3
    )


def test_a_window_that_looks_at_the_direction_of_the_current(engine, tmp_path):
    device = imported(tmp_path, "biolek.cir", BIOLEK)
    assert device.typical_drive() == (1.0, 1.0)
    curve = loop(device, engine, 1.0, 1.0)
    assert np.interp([0.25, 0.5, 1.0], curve.time, curve.state) == pytest.approx(
        [0.45138068, 0.60206327, 0.34164911], abs=2e-4
    )
    assert [curve.amps.max(), curve.amps.min()] == pytest.approx(
        [1.17446576e-4, -1.14909872e-4], rel=5e-4
    )


def test_a_resistance_as_the_state(engine, tmp_path):
    device = imported(tmp_path, "per.lib", PERSHIN, bounds={"x": (500.0, 11e3)})
    curve = loop(device, engine, 5.0, 50e6)
    assert np.interp(5e-9, curve.time, curve.state) == pytest.approx(8.4090646e3, rel=1e-3)
    assert curve.amps.max() == pytest.approx(0.92630213e-3, rel=1e-3)


def test_a_resistor_that_is_an_expression(tmp_path):
    device = imported(tmp_path, "vteam.lib", VTEAM, SpiceDialect.LTSPICE, bounds={"w": (-0.5, 3.5)})
    curve = sn.iv(device, amplitude=1.0, frequency=50e6, periods=0.5, points=4000)
    assert np.interp([5e-9, 10e-9], curve.time, curve.state) == pytest.approx(
        [1.0770934, 1.1541868], rel=1e-4
    )
    assert np.interp(5e-9, curve.time, curve.amps) == pytest.approx(2.557024e-3, rel=1e-4)
    assert device.rate(-0.5, 1.0) == pytest.approx(-33.75e9)


def test_a_filament_in_hspice(tmp_path):
    device = imported(tmp_path, "stan.sp", FILAMENT, SpiceDialect.HSPICE, bounds={"g": (0.1, 1.7)})
    assert device.current(0.1, np.array([0.1, 1.0, 1.7])) == pytest.approx(
        [1.00157228e-5, 3.79625083e-7, 2.97768009e-8], rel=1e-8
    )
    assert device.rate(1.0, 1.0) == pytest.approx(
        -0.048593015e-9, rel=1e-5
    )  # the speed is in m/s here, the gap in nm


BENCH = """threshold in resistance with hard ends, a read-out pin, and everything a bench has
.param period=10n
.param peak='3*1'
.csparam t={period}
.options post=2 runlvl=0 method=gear
V1 in 0 DC 0 sin(0 'peak' '1/period')
Xm in 0 show cell
vclk ck 0 PWL(0 0 1n 1 \\\\
   2n 0)
.subckt cell te be show PARAMS: low=1K high=10K begin=7K slope=20e3/period vt=1.6
Bx 0 x I='((f1(V(te)-V(be)) > 0) && (V(x) < high)) ? {f1(V(te)-V(be))}: ((((f1(V(te)-V(be)) < 0) && (V(x)>low)) ? {f1(V(te)-V(be))}: 0)) '
Vx x x1 dc 0
Cx x1 0 1 IC={begin}
Rm te be r={V(x)}
.func f1(y)={slope*y-0.5*slope*(abs(y+vt)-abs(y-vt))}
Eshow show 0 value={V(x)/1k}
.ends
.control
let step = t/100
tran $&step $&t uic
set color0=white
* a remark
plot i(v1) vs v(1)
hardcopy out.ps v(x)
.endc
.end
"""


def test_a_test_bench_is_left_out_and_told_of(engine, tmp_path):
    (tmp_path / "cell.cir").write_text(BENCH)
    found = guess(tmp_path / "cell.cir", bounds={"x1": (1e3, 1e4)})
    assert found.unused == ("show",)
    assert {card.text.split()[0] for card in found.bench} == {
        ".csparam",
        ".options",
        "v1",
        "xm",
        "vclk",
        ".control",
        ".end",
    }
    device = load_foreign(found.write(tmp_path))
    assert device.typical_drive() == (3.0, 1e8)
    # From the published equations alone: the rate is slope·(|V| − vt) in V's direction beyond vt, 0
    # within, and at an end.
    time = np.linspace(0, 10e-9, 200_001)
    volts = 3 * np.sin(2e8 * np.pi * time)
    rate = 2e12 * np.sign(volts) * np.maximum(np.abs(volts) - 1.6, 0)
    ohms = np.empty_like(time)
    ohms[0] = 7e3
    for k in range(len(time) - 1):
        ohms[k + 1] = min(max(ohms[k] + 0.5 * (rate[k] + rate[k + 1]) * 5e-14, 1e3), 1e4)
    curve = loop(device, engine, 3.0, 1e8)
    assert curve.state == pytest.approx(np.interp(curve.time, time, ohms), abs=30)
    assert [curve.amps.max(), curve.amps.min()] == pytest.approx(
        [np.max(volts / ohms), np.min(volts / ohms)], rel=5e-3
    )


def test_what_a_test_bench_sets_of_the_device_is_told(tmp_path):
    (tmp_path / "cell.lib").write_text(
        "* t\n.subckt m a b r=1k\nB1 a b I=V(a,b)*V(x)/r\nB2 0 x I=V(a,b)\nC1 x 0 1\n.ends\n"
        "Xu1 p 0 m params: r={5k}\nX2 p 0 m\nV1 p 0 sin(0 1 1)\n.ic V(xu1.x)=0.3\n"
    )
    found = guess(tmp_path / "cell.lib", dialect=SpiceDialect.NGSPICE)
    assert found.parameters == {"r": 1e3}
    called, started = found.set_by_bench
    assert called == "line 7: r={5k}; take it with --set device.r=5k"
    assert started.startswith("line 10: .ic v(xu1.x)=0.3; ")


def test_commands_that_change_the_circuit_or_leave_it_are_refused_by_line(tmp_path):
    for command in ("alter @rm[r] = 5", "shell date", "source other.cir", "codemodel x.cm", "cd /"):
        (tmp_path / "cell.cir").write_text(BENCH.replace("set color0=white", command))
        with pytest.raises(
            UnsafeNetlistError, match=rf"line 21: the command '{command.split()[0]}'"
        ):
            guess(tmp_path / "cell.cir", bounds={"x1": (1e3, 1e4)})


PLAIN = (
    ".subckt m p n\nGx 0 x cur='v(p,n)*v(x)*(1-v(x))'\nCx x 0 1 ic=0.3\n"
    "Gm p n cur='v(p,n)*v(x)*1m'\n.ends m\n"
)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace(" ", "\t"),
        PLAIN.replace(".subckt", ".MACRO").replace(".ends", ".EOM"),
        f".lib 'typ'\n{PLAIN}.endl typ\n".replace("'typ'", "typ"),
        PLAIN.replace("\n", "\r\n"),
    ],
)
def test_tabs_macros_and_a_section_of_a_library_are_a_sub_circuit(text, tmp_path):
    device = imported(tmp_path, "d.lib", text, SpiceDialect.HSPICE)
    assert device.current(0.5, 0.4) == pytest.approx(0.2e-3, rel=1e-14)
    assert device.rate(0.5, 0.4) == pytest.approx(0.12, rel=1e-14)


def test_of_several_sections_of_a_library_one_has_to_be_named(tmp_path):
    text = f".lib tt\n{PLAIN}.endl\n.lib ff\n{PLAIN.replace('1m', '2m')}.endl\n"
    with pytest.raises(DataError, match=r"library sections, tt, ff; say which .* \.lib d\.lib tt"):
        imported(tmp_path, "d.lib", text, SpiceDialect.HSPICE)
    device = imported(tmp_path, "w.lib", ".lib d.lib ff\n", SpiceDialect.HSPICE)
    assert device.current(0.5, 0.4) == pytest.approx(0.4e-3, rel=1e-14)


def test_a_schematic_is_no_netlist(tmp_path):
    with pytest.raises(DataError, match="is a schematic of LTspice; expected a netlist"):
        imported(tmp_path, "d.asc", "Version 4\nSHEET 1 880 680\nWIRE 1 1 2 1\n")
