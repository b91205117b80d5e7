"""Between which values imported states move, where only their equations say it."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import InputError, UnsafeNetlistError, UnsupportedNetlistError
from spicesnn.netlist.foreign import load_foreign
from spicesnn.netlist.importing import guess

THRESHOLD = """a threshold with hard limits, and its bench
Vs 1 0 dc 0 sin 0 5 50meg
Xm 1 0 cell
.subckt cell pl mn params: Ron=1K Roff=10K Rinit=5K alpha=0 beta=5E12 Vt=4.6
Bx 0 x I='(f1(V(pl,mn))>0) && (V(x)<Roff) ? {f1(V(pl,mn))} : (f1(V(pl,mn))<0) && (V(x)>Ron) ? {f1(V(pl,mn))} : {0}'
Cx x 0 1 IC={Rinit}
Rmem pl mn r={V(x)}
.func f1(y)={beta*y+0.5*(alpha-beta)*(abs(y+Vt)-abs(y-Vt))}
.ends
.control
tran 1n 20n uic
alter @vs[sin] = [ 0 3 1e8 ]
.endc
.end
"""
SMOOTH = """* the same with smooth steps
.subckt cell plus minus params: Ron=1K Roff=10K Rinit=5K beta=1E13 Vt=4.6
.param b1=10u b2=10u
Gpm plus minus value={V(plus,minus)/V(x)}
Gx 0 x value={fs(V(plus,minus))*(stps(V(plus,minus),b1)*stps(1-V(x)/Roff,b2)+stps(-V(plus,minus),b1)*stps(V(x)/Ron-1,b2))*1p}
Raux x 0 1T
Cx x 0 1p IC={Rinit}
.func stps(x,b)={1/(1+exp(-x/b))}
.func abss(x)={x*(stps(x,b1)-stps(-x,b1))}
.func fs(v)={beta*(v-0.5*(abss(v+Vt)-abss(v-Vt)))}
.ends
"""
FLUX = """* a state that nothing holds
.subckt cell p n q0=0
Gq 0 q value={V(p,n)}
Cq q 0 1 ic={q0}
Rm p n r={1k+9k*V(q)}
.ends
"""
WINDOW = """* a window that is 0 at both ends
.subckt cell p n
Gx 0 x value={34722*V(p,n)/(100*V(x)+10k*(1-V(x)))*(1-(2*V(x)-1)*(2*V(x)-1))}
Cx x 0 1 ic=0.5
Gm p n value={V(p,n)/(100*V(x)+10k*(1-V(x)))}
.ends
"""


def written(folder, text, name="cell.cir", **more):
    (folder / name).write_text(text)
    return guess(folder / name, **more)


def device(folder, text, **more):
    found = written(folder, text, **more)
    (folder / "made").mkdir()
    return load_foreign(found.write(folder / "made"))


def test_limits_by_comparison_are_the_range(tmp_path):
    found = written(tmp_path, THRESHOLD)
    assert found.bounds == {"x": (1e3, 1e4)}
    assert found.drive == (5.0, 50e6)


@pytest.mark.parametrize("engine", ["nodal", "ngspice"])
def test_a_state_with_limits_by_comparison(tmp_path, engine):
    # dx/dt = ±beta·(|v| − 4.6 V) beyond the threshold, integrated by hand over each half period.
    t = np.arcsin(4.6 / 5) / (2 * np.pi * 50e6)
    omega, quarter = 2 * np.pi * 50e6, 1 / (4 * 50e6)
    moved = 5e12 * 2 * (5 / omega * np.cos(omega * t) - 4.6 * (quarter - t))
    curve = sn.iv(device(tmp_path, THRESHOLD), engine, amplitude=5.0, frequency=50e6, periods=1)
    assert np.interp(10e-9, curve.time, curve.state) == pytest.approx(5e3 + moved, rel=1e-4)
    assert curve.state[-1] == pytest.approx(5e3, rel=1e-4)


@pytest.mark.parametrize("engine", ["nodal", "ngspice"])
def test_smooth_steps_end_a_thousandth_beyond(tmp_path, engine):
    cell = device(tmp_path, SMOOTH)
    assert cell.bounds() == pytest.approx((999.0, 10010.0))
    curve = sn.iv(cell, engine, amplitude=8.0, frequency=50e6, periods=1, points=4000)
    # The steps are at their half at Ron and Roff, and e^-17 at 1.7e-4 beyond.
    assert curve.state.max() == pytest.approx(1e4, rel=3e-4)
    assert curve.state.min() == pytest.approx(1e3, rel=3e-4)


def test_a_sine_that_moves_the_state_is_the_drive(tmp_path):
    amplitude, frequency = written(tmp_path, SMOOTH).drive
    curve = sn.iv(device(tmp_path, SMOOTH), amplitude=amplitude, frequency=frequency, periods=1)
    assert np.ptp(curve.state) > 0.1 * 9e3


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_state_that_nothing_holds_is_no_curve(tmp_path, sign):
    # It starts at its lower bound with the first half period inward or outward.
    cell = device(tmp_path, FLUX)
    with pytest.raises(sn.errors.EngineError, match=r"goes on beyond \[0, 1\]"):
        sn.iv(cell, amplitude=-10.0 * sign, frequency=1.0, periods=1)


def test_when_a_state_leaves_a_point_of_rest_is_not_made_up(tmp_path):
    cell = device(tmp_path, WINDOW)
    assert sn.iv(cell, amplitude=1.0, frequency=100.0, periods=1).state[-1] == pytest.approx(
        0.5, abs=1e-6
    )
    with pytest.raises(sn.errors.ConvergenceError, match="rounding decides when it leaves"):
        sn.iv(cell, amplitude=1.0, frequency=1.0, periods=1)


def test_a_window_of_the_direction_lets_the_state_go(tmp_path):
    text = WINDOW.replace("(1-(2*V(x)-1)*(2*V(x)-1))", "(1-(V(x)-u(-V(p,n)))*(V(x)-u(-V(p,n))))")
    curve = sn.iv(
        device(tmp_path, text, dialect="ngspice"), amplitude=1.0, frequency=1.0, periods=1
    )
    assert curve.state.max() == pytest.approx(1.0, abs=1e-9)
    # From 1 down by ∫ R(x)/(x(2 − x)) dx = −34722/π, R = 100x + 10k(1 − x).
    assert curve.state[-1] == pytest.approx(0.0571931, rel=1e-4)


def test_pins_that_nothing_lies_at_are_no_device(tmp_path):
    text = SMOOTH.replace("Gpm plus minus", "Gpm pl mn")
    with pytest.raises(
        UnsupportedNetlistError, match=r"line 2: no element .* at its pin 'plus'.*gpm"
    ):
        written(tmp_path, text)


def test_a_deck_that_loads_verilog_names_the_file(tmp_path):
    text = "1T1R\n.hdl 'cell.va'\nX1 a 0 cell\n.end\n"
    with pytest.raises(UnsafeNetlistError, match=r"line 2: .* spicesnn import cell\.va"):
        written(tmp_path, text)


@pytest.mark.parametrize(
    ("window", "span"),
    [
        ("(V(p,n)>0 ? 1-V(x)/3 : V(x)/3)", (0.0, 3.0)),  # its end is a number of the text's own
        ("(1-(V(x)/5n)*(V(x)/5n))", (-5e-9, 5e-9)),
        ("(V(p,n)>0 ? 1/(1+exp((V(x)-7)/1u)) : 1/(1+exp((2-V(x))/1u)))", (2.0, 7.0)),
    ],
)
def test_ends_of_windows_are_found_where_no_parameter_says_them(tmp_path, window, span):
    start = np.mean(span) + 0.1 * np.ptp(span)
    text = f""".subckt cell p n
Gx 0 x value={{1k*V(p,n)*{window}*{np.ptp(span)}}}
Cx x 0 1 ic={start:.6g}
Rm p n 1k
Gm p n value={{1u*V(p,n)*V(x)/{np.ptp(span)}}}
.ends
"""
    found = written(tmp_path, text, dialect="ngspice").bounds["x"]
    assert found == pytest.approx(span, rel=1e-3, abs=1e-9 * np.ptp(span))


def test_a_rate_that_dies_away_for_ever_has_no_end(tmp_path):
    text = """.subckt cell p n
Gx 0 x value={V(p,n)>1 ? exp(10-V(x)) : V(p,n)<-1 ? -exp(V(x)+5) : 0}
Cx x 0 1 ic=-2
Gm p n value={V(p,n)/(V(x)>0 ? 100 : 1k)}
.ends
"""
    with pytest.raises(InputError, match="'x' starts at -2, outside 0…1; say its range"):
        written(tmp_path, text, dialect="ngspice")
