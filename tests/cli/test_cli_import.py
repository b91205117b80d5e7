"""`spicesnn import` on files as people have them."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.netlist.foreign import load_foreign
from spicesnn.validation.imported import twin_errors

LTSPICE = """* a titanium-oxide device
.subckt ll te be y
.params a=1.1 m=5 mm=1e-4 w=3 hi=20e-6 be0=60e-6 ga=1.3 al=1.4 n=5 y0=0.3
.func soft(u,q)={0.5*(1+u/sqrt(u*u+q))}
cy y 0 {1}
.ic V(y)=y0
rad y 0 10G
gy 0 y value={a*pow(V(te,be),m)*(1-pow(V(y)-soft(-V(te,be),mm),2*w))}
gi te be value={hi*(exp(ga*V(te,be))-1)+be0*pow(V(y),n)*sinh(al*V(te,be))}
.ends ll
x1 in 0 y ll
v1 in 0 SIN(0 1.5 5)
.tran 1m 1
.probe v(y)
.end
"""
PSPICE = """.SUBCKT hp plus minus PARAMS: Ron=100 Roff=16K Rinit=11K p=1
Gx 0 x value={I(Emem)*1e4*stp(0.5+V(x))*(1-PWR(2*V(x)-1,2*p))}
Cx x 0 1 IC={(Roff-Rinit)/(Roff-Ron)}
Raux x 0 1T
Emem plus aux value={-I(Emem)*V(x)*(Roff-Ron)}
Ro aux minus {Roff}
Eflux flux 0 value={SDT(V(plus,minus))}
.ENDS hp
"""
HSPICE = """* ions in HSPICE
.global gnd!
.subckt um p n h0=0.1
.param half(q) = '(sgn(q)+1)/2'
gm p n cur='(1-V(h))*1u*(1-exp(-0.5*V(p,n)))+V(h)*80u*sinh(1.7*V(p,n))' $ current
gx gnd! h cur='half(V(p,n))*half(1-V(h))*6m*sinh(12.5*V(p,n))+half(-V(p,n))*half(V(h))*6m*sinh(12.5*V(p,n))'
ch h gnd! c='1' ic='h0'
.ends um
"""


def written(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text", "options", "dialect", "pins"),
    [
        ("ll.cir", LTSPICE, ["--dialect", "ltspice"], "ltspice", ("te", "be")),
        ("hp.sub", PSPICE, [], "ltspice", ("plus", "minus")),
        ("um.sp", HSPICE, [], "hspice", ("p", "n")),
    ],
)
def test_a_file_becomes_a_device_with_twins_that_agree(
    name, text, options, dialect, pins, run_json, tmp_path
):
    code, answer, err = run_json(
        "import", written(tmp_path, name, text), *options, "--out", tmp_path / "out"
    )
    assert (code, err) == (0, "")
    assert (answer["dialect"], (answer["pins"]["p"], answer["pins"]["n"])) == (dialect, pins)
    assert answer["max_value_error"] < 1e-9
    assert answer["max_jacobian_error"] < 1e-8
    assert answer["max_state_error"] < 1e-3
    assert answer["refused"] == []
    device = load_foreign(answer["device"])
    assert device.name == answer["name"] == name.partition(".")[0]
    assert len(device.state_names) == 1


def test_what_the_test_bench_and_the_card_say_is_taken_over(run_json, tmp_path):
    _, answer, _ = run_json(
        "import",
        written(tmp_path, "ll.cir", LTSPICE),
        "--dialect",
        "ltspice",
        "--engine",
        "nodal",
        "--out",
        tmp_path / "out",
    )
    table = tomllib.loads(Path(answer["device"]).read_text())
    assert table["drive"] == {"amplitude": 1.5, "frequency": 5.0}
    assert load_foreign(answer["device"]).initial_state() == 0.3
    _, answer, _ = run_json(
        "import",
        written(tmp_path, "hp.sub", PSPICE),
        "--engine",
        "nodal",
        "--out",
        tmp_path / "out",
    )
    assert answer["parameters"] == {"ron": 100.0, "roff": 16e3, "rinit": 11e3, "p": 1.0}
    assert answer["left_out"] == ["eflux"]
    assert load_foreign(answer["device"]).with_text(rinit="2k").initial_state() == pytest.approx(
        14000 / 15900
    )


def test_an_imported_device_runs_in_arrays_on_the_nodal_engine(run_json, tmp_path):
    _, answer, _ = run_json(
        "import",
        written(tmp_path, "ll.cir", LTSPICE),
        "--dialect",
        "ltspice",
        "--engine",
        "nodal",
        "--out",
        tmp_path / "out",
    )
    device, states = (
        load_foreign(answer["device"]),
        np.random.default_rng(0).uniform(0.2, 0.8, (64, 64)),
    )
    read = sn.NodalEngine().read(
        sn.Crossbar(device=device, state=states, wires=sn.Wires.ideal()), np.full(64, 0.3)
    )
    amps = 20e-6 * np.expm1(1.3 * 0.3) + 60e-6 * states**5 * np.sinh(1.4 * 0.3)
    np.testing.assert_allclose(read.column_amps, amps.sum(axis=0), rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "text", "options", "message"),
    [
        ("ll.cir", LTSPICE, [], "line 8: 'pow(' means one thing in ngspice and another in ltspice"),
        (
            "hp.sub",
            PSPICE.replace("Eflux flux 0", "Gflux x 0").replace("SDT", "DDT"),
            ["--dialect", "pspice"],
            "ddt",
        ),
        ("hp.sub", PSPICE.replace("stp(", "white("), [], "draws a random value"),
        ("x.lib", ".subckt x a b\nshell touch CANARY\n.ends\n", [], "the command 'shell'"),
        ("x.lib", ".subckt x a b\namem a b m\n.ends\n.model m memristor\n", [], "code models"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_line_and_in_the_answer(
    name, text, options, message, run_json, tmp_path
):
    code, answer, err = run_json(
        "import", written(tmp_path, name, text), *options, "--out", tmp_path / "out"
    )
    assert code == 1
    assert len(answer["refused"]) == 1
    assert message in answer["refused"][0]
    assert ", line " in answer["refused"][0]
    assert "CANARY" not in [p.name for p in tmp_path.iterdir()]
    assert answer["device"] is None
    assert err.startswith("error: ")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (
            ".subckt a p n\nr1 p n 1\n.ends\n.subckt b p n\nr1 p n 1\n.ends\n",
            [],
            "are: a, b; expected one. Say which with --subckt",
        ),
        (".subckt a p n q\nr1 p n 1\nr2 q n 1\n.ends\n", [], "Say which two with --pins P,N"),
        (".subckt a p n\nr1 p n 1\n.ends\n", ["--pins", "p,q"], "no pin 'q'"),
        (".subckt a p n\nr1 p n 1\n.ends\n", ["--subckt", "c"], "no .subckt c"),
        (
            ".subckt a p n\nr1 p n 1\nc1 x 0 1 ic=3\nr2 x p 1\n.ends\n",
            [],
            "say its range: --state x=LOW,HIGH",
        ),
        (".subckt a p n\nr1 p n 1\n.ends\n", ["--dialect", "spectre"], "expected one of ngspice"),
    ],
)
def test_what_must_be_said_is_asked_for(text, options, message, run, tmp_path):
    code, _, err = run(
        "import", written(tmp_path, "a.lib", text), *options, "--out", tmp_path / "out"
    )
    assert (code, message in err) == (2, True), err


def test_the_translation_is_shown(run, tmp_path):
    code, out, _ = run(
        "import",
        written(tmp_path, "hp.sub", PSPICE),
        "--show",
        "--engine",
        "nodal",
        "--out",
        tmp_path / "out",
    )
    assert code == 0
    shown = [
        "hp as ltspice",
        "word line plus, bit line minus",
        "state   x on cx, 0 to 1, starts at 0.314465",
        "unused  eflux",
        ".subckt hp plus minus",
        "not compared with ngspice (--engine nodal)",
    ]
    assert [words for words in shown if words not in out] == []


@pytest.mark.parametrize(
    ("name", "message"),
    [("x.va", "`spicesnn import x.va` writes"), ("x.lib", "`spicesnn import x.lib` writes")],
)
def test_commands_say_what_to_do_with_a_netlist_in_place_of_a_device(
    name, message, run, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("* x\n.subckt x a b\n.ends\n")
    code, _, err = run("iv", name, "--engine", "ngspice")
    assert code != 0
    assert message in err


CHARGE = """.subckt m plus minus ron=100 roff=10k
.param k=1e8
rmem plus minus r='roff+(ron-roff)/(1+exp(-4*k*v(q)+2))'
gx 0 q cur='i(rmem)'
cint q 0 1
.ends m
"""


def test_a_range_that_no_one_has_said_and_that_does_not_fit_is_refused(run_json, tmp_path):
    path = written(tmp_path, "m.sp", CHARGE)
    code, answer, err = run_json("import", path, "--out", tmp_path / "out")
    assert code == 2
    # Within 1 % of 10 kΩ below −6.5 nC, of 100 Ω above 28 nC; looked at in quarters of a decade.
    assert "from about -1.1e-08 to 3.6e-08 alone; say its range, such as --state q=-1.1e-08," in err
    assert not (tmp_path / "out").exists()
    code, answer, err = run_json(
        "import", path, "--state", "q=-2e-8,5e-8", "--engine", "nodal", "--out", tmp_path / "out"
    )
    assert (code, err) == (0, "")
    device = load_foreign(answer["device"])
    assert device.initial_state() == 0.0  # a capacitor of which the text says nothing
    assert device.current(1.0, 5e-9) == pytest.approx(1 / (10e3 - 9.9e3 / 2), rel=1e-12)


def test_a_sum_of_conditions_counts_them(run_json, tmp_path):
    text = ".subckt c p n\nb1 p n i=1m*((v(p,n)>0)+(v(p,n)>1))-1u*(v(p,n)<2)\n.ends c\n"
    code, answer, _ = run_json(
        "import", written(tmp_path, "c.lib", text), "--engine", "nodal", "--out", tmp_path / "out"
    )
    assert code == 0
    device = load_foreign(answer["device"])
    assert device.current(np.array([-1.0, 0.5, 1.5, 2.5]), 0.0) == pytest.approx(
        [-1e-6, 0.999e-3, 1.999e-3, 2e-3], rel=1e-15
    )


class Chosen:
    """Random points of which one is next to 0."""

    def uniform(self, low, high, size):
        found = np.linspace(low, high, np.prod(size) + 2)[1:-1].reshape(size)
        found.flat[3] = 3e-4
        return found


def test_a_kink_between_the_voltages_of_a_difference_is_no_error_of_the_slope(run_json, tmp_path):
    text = ".subckt k p n\nb1 p n i=(v(p,n)>=0 ? 1m : 2m)*v(p,n)\n.ends k\n"
    path = written(tmp_path, "k.lib", text)
    _, answer, _ = run_json("import", path, "--engine", "nodal", "--out", tmp_path / "out")
    with sn.NgspiceEngine() as engine:
        found = twin_errors(load_foreign(answer["device"]), engine, Chosen())
    assert found.jacobian < 1e-8


def test_a_short_circuit_a_gate_and_what_fits_no_dialect_are_refused_by_line(run_json, tmp_path):
    for text, message in [
        (".subckt s be te\nr0 be te 0.0\n.ends s\n", "line 2: 'r0' joins word line and bit line"),
        (
            ".subckt g gate d s\ngm d s value={v(d,s)*1m*(1+tanh(v(gate,s)))}\n.ends g\n",
            "third terminal needs a descriptor of your own",
        ),
        (
            ".subckt y p n\ngx gnd! h cur='v(p,n)'\nch h gnd! c=1 ic='hh'\nrm p n r='1k'\n.ends y\n",
            "line 2: 'gnd!' is no node of ngspice; as hspice, line 3: 'hh' is no parameter",
        ),
        (
            ".subckt l p n\ne1 s 0 value={if(v(s)<0.5, if(v(p,n)>1,1,0), if(v(p,n)<-1,0,1))}\n"
            "g1 p n value={v(p,n)*(1m+v(s))}\nr1 s 0 1k\n.ends l\n",
            "line 2: 'e1' sets V(s) by a condition on V(s) itself",
        ),
        (
            ".subckt l p n\ne1 s 0 value={if(v(t)<0.5, 1, 0)}\ne2 t 0 value={1-v(s)+0.1*v(p,n)}\n"
            "g1 p n value={v(p,n)*(1m+v(s))}\nr1 s 0 1k\n.ends l\n",
            "line 2: 'e1' sets V(s) by a condition on V(s) itself",
        ),
        (
            ".subckt y p n\nb1 p n i={1m*v(p,n)^2*tanh(v(p,n))}\n.ends y\n",
            "line 2: '^' means one thing in ngspice and another in ltspice",
        ),
    ]:
        code, _, err = run_json(
            "import", written(tmp_path, "t.lib", text), "--out", tmp_path / "out"
        )
        assert code in (1, 2)
        assert message in err


def test_a_device_of_two_states_is_driven_on_both_engines(run_json, tmp_path):
    text = (
        ".subckt two p n\ngm p n value={v(p,n)*(1m*v(a)+2m*v(b))}\n"
        "ga 0 a value={v(p,n)*1k*(1-v(a))*v(a)}\nca a 0 1 ic=0.2\n"
        "gb 0 b value={(v(a)-v(b))*1k}\ncb b 0 1 ic=0.5\n.ends two\n"
    )
    _, answer, _ = run_json(
        "import", written(tmp_path, "two.lib", text), "--engine", "nodal", "--out", tmp_path / "out"
    )
    device = load_foreign(answer["device"])
    nodal, spice = (
        sn.iv(device, engine=engine, amplitude=1.0, frequency=500.0, periods=1)
        for engine in ("nodal", "ngspice")
    )
    # da/dt = 1000 v a(1 - a): the logit of a moves by 1000 times the integral of the voltage.
    flux = (1 - np.cos(2 * np.pi * 500.0 * nodal.time)) / (2 * np.pi * 500.0)
    a = 1 / (1 + 4 * np.exp(-1e3 * flux))
    assert nodal.state[0] == pytest.approx(a, abs=1e-6)
    at = np.interp(nodal.time, spice.time, np.asarray(spice.state).reshape(2, -1)[1])
    assert nodal.state[1] == pytest.approx(at, abs=1e-3)


def test_the_text_that_is_read_is_never_written_over(run, run_json, tmp_path):
    text = f"* my notes\n{HSPICE}"
    path = written(tmp_path, "um.lib", text)
    options = ["import", path, "--dialect", "hspice", "--engine", "nodal"]
    code, _, err = run(*options, "--out", tmp_path)
    assert code == 2
    assert "would take the place of the text that it was read from" in err
    assert path.read_text(encoding="utf-8") == text
    assert run_json(*options, "--out", tmp_path / "made")[1]["name"] == "um"


def test_a_parameter_whose_default_is_made_of_another_follows_it(run_json, tmp_path):
    """As in a call of the sub-circuit itself: x1 p n f ron=200 has twice the roff."""
    text = (
        ".param ratio=160\n.subckt f p n ron=100 roff={ron*scale} w=1\n.param scale={ratio*w}\n"
        "g1 p n value={V(p,n)/(ron+(roff-ron)*V(x))}\ncx x 0 1 ic=0.3\n"
        "gx 0 x value={V(p,n)*V(x)*(1-V(x))}\n.ends\n"
    )
    _, answer, _ = run_json("import", written(tmp_path, "f.lib", text), "--out", tmp_path / "out")
    assert answer["parameters"] == {"ron": 100.0, "w": 1.0}
    assert answer["fixed"] == {"roff": "its default follows from other parameters"}
    assert answer["max_value_error"] < 1e-9
    device = load_foreign(answer["device"]).with_parameters(ron=200.0, w=0.5)
    array = sn.Crossbar(device=device, state=[[0.3]], wires=sn.Wires.ideal())
    amps = 0.5 / (200 + (200 * 80 - 200) * 0.3)
    with sn.NgspiceEngine() as ngspice:
        for engine in (sn.NodalEngine(), ngspice):
            assert engine.read(array, [0.5]).column_amps == pytest.approx([amps], rel=1e-9)
