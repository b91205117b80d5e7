"""Nodal twins of foreign sub-circuits against closed forms, and against ngspice."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn import paths
from spicesnn.devices.compiled import over_arrays
from spicesnn.devices.foreign import ForeignState
from spicesnn.devices.importers import native
from spicesnn.devices.importers.cards import cards_of, library_of
from spicesnn.devices.importers.closed import NotClosedError, closed
from spicesnn.devices.importers.dialects import SpiceDialect
from spicesnn.devices.importers.translate import translate
from spicesnn.errors import EngineError
from spicesnn.netlist.foreign import load_foreign

V, X = np.array([-0.7, -0.1, 0.0, 0.2, 0.9]), np.array([0.1, 0.3, 0.5, 0.7, 0.95])


def part_of(cards, pins="p n"):
    return translate(
        library_of(cards_of(f".subckt d {pins}\n{cards}\n.ends", "d.lib")),
        "d",
        SpiceDialect.LTSPICE,
        {},
    )


STATE = ForeignState(name="x", node="x", capacitor="cx")


def equations(cards, states=(STATE,)):
    return closed(part_of(cards), "p", "n", states)


def solved(cards, states=(STATE,), x=X):
    return equations(cards, states).everything(V, [x] * len(states), {})[:3]


def test_a_resistor_that_depends_on_the_state():
    amps, siemens, (rate,) = solved(
        "g1 p n value={V(p,n)*V(x)*1m}\ncx x 0 2\ng2 0 x value={V(p,n)*3}\nrx x 0 1k"
    )
    np.testing.assert_allclose(amps, 1e-3 * V * X, rtol=1e-14)
    np.testing.assert_allclose(siemens, 1e-3 * X, rtol=1e-14)
    np.testing.assert_allclose(rate, (3 * V - X / 1e3) / 2, rtol=1e-14)


def test_inner_nodes_and_currents_of_sources_are_solved_for():
    amps, siemens, (rate,) = solved(
        "e1 p m value={I(e1)*V(x)*900}\nr1 m n 100\ncx x 0 1\ng2 0 x value={I(e1)}"
    )
    ohms = 900 * X + 100
    np.testing.assert_allclose(amps, V / ohms, rtol=1e-13)
    np.testing.assert_allclose(siemens, 1 / ohms, rtol=1e-13)
    np.testing.assert_allclose(rate, V / ohms, rtol=1e-13)


def test_a_condition_on_an_inner_node_is_not_taken_for_a_straight_line():
    """A threshold model whose comparison reads an inner node behind a 0 V source: its slope there
    is 0, its value is not that at 0 V."""
    cards = "b1 0 y i=(V(p)-V(n) > 0.05 & V(y) < 0.5) ? 3 : ((V(p)-V(n) < -0.05 & V(y) > 0.3) ? -2 : 0)\nvy y x 0\ncx x 0 1\nr1 p n r={1k*(1+V(y))}"
    amps, siemens, (rate,) = solved(cards)
    np.testing.assert_allclose(amps, V / (1e3 * (1 + X)), rtol=1e-14)
    np.testing.assert_allclose(siemens, 1 / (1e3 * (1 + X)), rtol=1e-14)
    # V = −0.7 at 0.1, −0.1 at 0.3, 0 at 0.5, 0.2 at 0.7, 0.9 at 0.95: neither end is passed.
    np.testing.assert_allclose(rate, 0.0, atol=1e-12)
    inside = solved(cards, x=np.full(5, 0.4))[2][0]
    np.testing.assert_allclose(inside, [-2, -2, 0, 3, 3], rtol=1e-12)


def test_an_implicit_inner_node_is_solved_to_rounding():
    # A diode-like source in series with a resistor: I = 1e-6·(exp(Vd/0.05) − 1), V = Vd + 1k·I, by
    # bisection.
    amps, siemens, _ = solved("b1 p m i=1u*(exp(V(p,m)/0.05)-1)\nr1 m n 1k", states=())
    for volts, found, slope in zip(V, amps, siemens, strict=True):
        low, high = -2.0, 2.0
        for _ in range(200):
            middle = 0.5 * (low + high)
            low, high = (
                (low, middle)
                if middle + 1e3 * 1e-6 * np.expm1(middle / 0.05) > volts
                else (middle, high)
            )
        assert found == pytest.approx(1e-6 * np.expm1(low / 0.05), rel=1e-9, abs=1e-18)
        own = 1e-6 / 0.05 * np.exp(low / 0.05)
        assert slope == pytest.approx(own / (1 + 1e3 * own), rel=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "exp(V(x))*sinh(V(x))+cosh(V(x))*tanh(V(x))",
        "sin(V(x))*cos(V(x))+tan(V(x))",
        "atan(V(x))+asinh(V(x))+asin(V(x))+acos(V(x))+atanh(V(x))",
        "ln(V(x))+log10(V(x))+sqrt(V(x))+acosh(V(x)+1)",
        "pow(V(x),3)+pow(abs(V(x)),1.5)+pow(abs(V(x)),V(x))",
        "limit(V(x),0.2,0.6)*abs(V(x)-0.4)",
        "if(V(x)>0.4,V(x)**2,V(x)**3)+u(V(x))",
        "table(V(x),0,0,0.2,1,1,3)",
        "V(x)/(1+V(x))-(-V(x))**2",
    ],
)
def test_derivatives_are_those_of_differences(text):
    made = equations(f"g1 p n value={{{text.replace('V(x)', 'V(p,n)')}}}", ())
    at, step = np.array([0.11, 0.37, 0.55, 0.83]), 1e-6
    up, down = (made.everything(at + s * step, [], {})[0] for s in (1, -1))
    np.testing.assert_allclose(
        made.everything(at, [], {})[1], (up - down) / (2 * step), rtol=1e-7, atol=1e-9
    )


SERIES = """e1 p m value={I(e1)*V(x)*900}
r1 m k 100
b1 k n i=1u*(exp(V(k,n)/0.05)-1)
cx x 0 1
g2 0 x value={I(e1)}"""


def test_only_what_is_bent_is_left_to_newtons_method():
    """Of two nodes and the current of a source: the node before the bent one is given by the
    current, and that by the bent one."""
    made = equations(SERIES)
    assert len(made.residuals) == 1
    assert len(equations(SERIES.replace("1u*(exp(V(k,n)/0.05)-1)", "1m*V(k,n)")).residuals) == 0
    (amps, _, _) = solved(SERIES)
    ohms = 900 * X + 100
    np.testing.assert_allclose(V - ohms * amps, 0.05 * np.log1p(amps / 1e-6), rtol=1e-9, atol=1e-13)


SPLIT = (
    "r1 p m {1+V(x)}\nr2 m n {2-V(x)}\nr3 m k {1+V(x)}\nr4 p k 2\nr5 k n {if(V(x)>0.5,1,3)}\n"
    "cx x 0 1\ng2 0 x value={V(m,k)*(1-V(x))}"
)
"""A bridge of resistors: its two inner nodes are solved for together."""


@pytest.mark.parametrize(
    ("cards", "linear"),
    [
        ("g1 p n value={V(p,n)*V(x)*1m}", True),
        ("g1 p n value={V(p,n)/(100+V(x)*900)-V(n,p)*exp(V(x))}", True),
        ("g1 p n value={if(V(x)>0.5,V(p,n)*1m,V(p,n)*2m/V(x))}", True),
        ("e1 p m value={I(e1)*V(x)*900}\nr1 m n 100", True),
        (SPLIT, True),
        (SPLIT.replace("V(m,k)*", "V(m,k)**3*"), True),
        (SPLIT.replace("r2 m n {2-V(x)}", "g5 m n value={sinh(V(m,n))}"), False),
        (SPLIT.replace("r4 p k 2", "r4 p k {2+V(m,k)}"), False),
        (SPLIT.replace("r4 p k 2", "g5 p k value={V(p,k)+1u}"), False),
        (SERIES, False),
        ("g1 p n value={V(p,n)*1m+V(x)*1u}", False),
        ("g1 p n value={V(p,n)*V(x)*abs(V(p,n))}", False),
        ("g1 p n value={abs(V(p,n))*V(x)}", False),
        ("g1 p n value={if(V(p,n)>0,V(p,n)*1m,V(p,n)*V(x))}", False),
        ("g1 p n value={V(x)*1m*V(p,n)/(1+V(p,n)**2)}", False),
        ("g1 p n value={V(x)/V(p,n)}", False),
        ("g1 p n value={limit(V(p,n)*V(x),-1,1)}", False),
        ("g1 p n value={V(x)*1m}", False),
    ],
)
def test_a_current_is_proportional_to_the_voltage_where_the_equations_have_that_form(cards, linear):
    states = (STATE,)
    if "\ncx" not in cards:
        cards += "\ncx x 0 1\ng2 0 x value={V(p,n)*(1-V(x))}"
    made = equations(cards, states)
    assert made.linear() is linear
    if linear:
        amps, siemens = made.everything(V, [X], {})[:2]
        np.testing.assert_allclose(amps, V * siemens, rtol=1e-13)
        np.testing.assert_allclose(made.everything(7.0 * V, [X], {})[1], siemens, rtol=1e-13)


def test_a_step_in_an_unknown_is_not_taken_for_a_straight_line():
    """The slope of floor is 0, so that of the whole equation is a number, and yet it is no line."""
    made = equations("e1 m n value={V(p,n)-0.05*floor(V(m,n)*4)}\ng1 p n value={V(m,n)*1m}", ())
    volts = np.array([0.6, 0.7])  # 0.5 + 0.1, 0.6 + 0.1
    np.testing.assert_allclose(made.everything(volts, [], {})[0], 1e-3 * (volts - 0.1), rtol=1e-13)


HEATED = SERIES.replace("1u*", "1u*(1+V(t))*") + "\nct t 0 1\ng3 0 t value={V(p,n)*(1-V(t))}"


@pytest.mark.parametrize("cards", [SERIES, HEATED])
def test_the_compiled_twin_answers_what_the_equations_in_numpy_answer(cards):
    states = [STATE, ForeignState(name="t", node="t", capacitor="ct")][: 1 + ("ct" in cards)]
    made = equations(cards, states)
    rng = np.random.default_rng(0)
    v, x = rng.uniform(-0.9, 0.9, 300), rng.uniform(0.05, 0.95, (len(states), 300))
    amps, siemens, rates, _, _ = made.everything(v, list(x), {})
    code = native.cell_code(made, {}, [0.0] * len(x), [1.0] * len(x))
    given = (*code.parameters, *x) if len(x) > 1 else code.parameters
    for function, at, want in (
        (code.current, 0.0, amps),
        (code.conductance, 0.0, siemens),
        *((code.rate, float(k), one) for k, one in enumerate(rates)),
    ):
        found = over_arrays(function, v, at if len(x) > 1 else x[0], None, given)
        np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-20)


@pytest.mark.parametrize(
    ("cards", "why"),
    [
        ("r1 p n 1\nr2 n 0 1", "a path leads from its pins to the ground"),
        ("g1 p n value={V(p)}", "measures a voltage of its pins against the ground"),
        ("r1 p n 1\nc1 p n 1p", "'c1' does not lie between a state and the ground"),
        ("g1 p n value={V(p,n)*V(x)}\ncx x 0 1\ng2 00 x value={V(p,n)}", "has no way out"),
        ("d1 p n m\n.model m d(is=1e-14)", "'d1' is none of resistor, capacitor and source"),
    ],
)
def test_what_is_no_two_terminal_has_no_twin(cards, why):
    with pytest.raises(NotClosedError, match=why):
        equations(cards, (STATE,) if "cx" in cards else ())


def test_the_published_loop_by_the_nodal_engine():
    device = load_foreign(paths.netlists_dir() / "foreign_memristor.toml")
    curve = sn.iv(device, amplitude=1.0, frequency=1.0, periods=1)
    assert np.interp([0.25, 0.5, 1.0], curve.time, curve.state) == pytest.approx(
        [0.46739923, 0.69340866, 0.31446541], abs=2e-6
    )
    assert curve.amps.max() == pytest.approx(1.25635328e-4, rel=1e-5)


def test_arrays_are_read_and_pulsed_alike_by_both_engines():
    device = load_foreign(paths.netlists_dir() / "foreign_memristor.toml").with_parameters(
        Ron=np.array([[100.0, 150.0], [200.0, 120.0]])
    )
    array = sn.Crossbar(
        device=device,
        state=[[0.2, 0.7], [0.5, 0.4]],
        wires=sn.Wires(word_line_ohm=20.0, bit_line_ohm=20.0),
    )
    pulse = sn.Pulse(row_volts=[1.0, -0.8], width_s=0.05, rise_s=0.005)
    with sn.NgspiceEngine() as ngspice:
        reads = [
            engine.read(array, [0.3, -0.2]).column_amps for engine in (ngspice, sn.NodalEngine())
        ]
        states = [engine.pulse(array, pulse).state for engine in (ngspice, sn.NodalEngine())]
    np.testing.assert_allclose(reads[0], reads[1], rtol=1e-9)
    np.testing.assert_allclose(states[0], states[1], atol=3e-5)
    assert np.abs(states[1] - array.state).max() > 0.02


def test_a_state_that_nothing_holds_within_the_descriptors_bounds_is_an_error(tmp_path):
    (tmp_path / "d.lib").write_text(
        ".subckt d p n\ng1 p n value={V(p,n)*(1m+V(x)*1m)}\ncx x 0 1\ng2 0 x value={V(p,n)}\n.ends\n"
    )
    text = 'name = "d"\nfile = "d.lib"\nsubckt = "d"\n[pins]\np = "p"\nn = "n"\n[states.x]\nnode = "x"\ncapacitor = "cx"\ninitial = 0.5\n'
    (tmp_path / "d.toml").write_text(text)
    array = sn.Crossbar(
        device=load_foreign(tmp_path / "d.toml"), shape=(1, 1), wires=sn.Wires.ideal()
    )
    assert sn.NodalEngine().pulse(array, sn.Pulse(row_volts=1.0, width_s=0.25)).state[
        0, 0
    ] == pytest.approx(0.75, rel=1e-6)
    with sn.NgspiceEngine() as ngspice:
        for engine in (sn.NodalEngine(), ngspice):
            for volts, seconds in ((1.0, 2.0), (1.0, 0.500001), (-1.0, 0.6)):
                with pytest.raises(EngineError, match=r"beyond (its bounds )?\[0, 1\]"):
                    engine.pulse(array, sn.Pulse(row_volts=volts, width_s=seconds))


def test_a_state_that_a_comparison_holds_at_its_bounds_is_held_on_both_engines(tmp_path):
    moves = "b2 0 x i=(V(p,n) > 0 && V(x) < 1 || V(p,n) < 0 && V(x) > 0) ? V(p,n) : 0"
    (tmp_path / "d.lib").write_text(
        f".subckt d p n\ng1 p n value={{V(p,n)*(1m+V(x)*1m)}}\ncx x 0 1\n{moves}\n.ends\n"
    )
    head = (
        'name = "d"\nfile = "d.lib"\nsubckt = "d"\ndialect = "ngspice"\n[pins]\np = "p"\nn = "n"\n'
    )
    (tmp_path / "d.toml").write_text(
        head + '[states.x]\nnode = "x"\ncapacitor = "cx"\ninitial = 0.5\n'
    )
    array = sn.Crossbar(
        device=load_foreign(tmp_path / "d.toml"), shape=(2, 1), wires=sn.Wires.ideal()
    )
    pulse = sn.Pulse(row_volts=[1.0, -1.0], width_s=0.8)
    with sn.NgspiceEngine() as ngspice:
        for engine in (sn.NodalEngine(), ngspice):
            np.testing.assert_allclose(engine.pulse(array, pulse).state, [[1.0], [0.0]], atol=1e-6)
