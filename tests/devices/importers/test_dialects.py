"""Idioms of four dialects against their closed forms, in NumPy and in ngspice itself."""

import math

import numpy as np
import pytest

from spicesnn.devices.foreign import ForeignState
from spicesnn.devices.importers import vocabulary
from spicesnn.devices.importers.cards import cards_of, library_of
from spicesnn.devices.importers.closed import closed
from spicesnn.devices.importers.dialects import SpiceDialect
from spicesnn.devices.importers.emit import write
from spicesnn.devices.importers.evaluate import evaluate
from spicesnn.devices.importers.states import stores
from spicesnn.devices.importers.translate import translate, understood
from spicesnn.errors import UnsupportedNetlistError
from spicesnn.netlist.batch import run_batch

X = np.linspace(-2.0, 2.0, 9)  # 0 and ±0.5 and ±1 are among them


def real_power(x, y):
    """The real part of x^y."""
    return np.real(np.power(x.astype(complex), y))


def step(x, at_zero):
    return np.where(x > 0, 1.0, np.where(x < 0, 0.0, at_zero))


SHARED = {
    "sgn(x)": np.sign,
    "abs(x)*exp(-x)+sinh(x)/cosh(x)-tanh(x)": lambda x: np.abs(x) * np.exp(-x),
    "atan(x)+asinh(x)+sin(x)**2+cos(x)**2": lambda x: np.arctan(x) + np.arcsinh(x) + 1,
    "min(x,1)-max(x,{half})": lambda x: np.minimum(x, 1) - np.maximum(x, 0.5),
    "(x<0)+2*(x>=1)": lambda x: (x < 0) + 2.0 * (x >= 1),
    "1meg*x*1u+1k*1m+1g*1n+1t*1p-3": lambda x: x,
    "twice(x)+three": lambda x: 2 * x + 3,
}
IDIOMS = {
    SpiceDialect.LTSPICE: {
        "pow(x,3)": lambda x: x**3,
        "x**5": lambda x: x**5,
        "x**2": lambda x: x**2,
        "x**3*2": lambda x: 2 * x**3,
        "pow(x,1.5)": lambda x: real_power(x, 1.5),
        "pow(abs(x)+1,-3)": lambda x: (np.abs(x) + 1) ** -3,
        "pwr(x,3)": lambda x: np.abs(x) ** 3,
        "pwrs(x,2)": lambda x: np.sign(x) * x**2,
        "(x>0)^(x<1)": lambda x: ((x > 0) != (x < 1)) * 1.0,
        "if(x*.9,1,2)": lambda x: np.where(0.9 * x > 0.5, 1.0, 2.0),
        "if(x>1,1,if(x<-1,-1,x))": lambda x: np.clip(x, -1, 1),
        "x>0 ? x : -x": np.abs,
        "limit(x,-1,1)": lambda x: np.clip(x, -1, 1),
        "limit(x,1,-1)": lambda x: np.clip(x, -1, 1),
        "uplim(x,1,0.5)": lambda x: np.where(x < 0.5, x, 1 - 0.5 * np.exp((1 - x) / 0.5 - 1)),
        "dnlim(x,-1,0.5)": lambda x: np.where(x > -0.5, x, -1 + 0.5 * np.exp((x + 1) / 0.5 - 1)),
        "u(x)": lambda x: step(x, 0.0),
        "stp(x)": lambda x: step(x, 0.0),
        "uramp(x)": lambda x: np.maximum(x, 0),
        "buf(x*.9)+10*inv(x*.9)": lambda x: np.where(0.9 * x > 0.5, 1.0, 10.0),
        "table(x,-1,2,0,3,1,-1)": lambda x: np.interp(x, [-1, 0, 1], [2, 3, -1]),
        "hypot(x,1)": lambda x: np.hypot(x, 1),
        "(x>0&x<1)|(x<-1)": lambda x: (((x > 0) & (x < 1)) | (x < -1)) * 1.0,
        "!(x>0)": lambda x: (x <= 0) * 1.0,
        "x*1k5": lambda x: 1500 * x,
        "int(x)+floor(x)+ceil(x)": lambda x: np.trunc(x) + np.floor(x) + np.ceil(x),
        "ln(x*x+1)+log(x*x+1)+log10(x*x+1)": lambda x: 2 * np.log(x * x + 1) + np.log10(x * x + 1),
        "1mil*x*1e6": lambda x: 25.4 * x,
    },
    SpiceDialect.PSPICE: {
        "x**2+x^4": lambda x: x**2 + x**4,
        "pwr(x,3)": lambda x: np.abs(x) ** 3,
        "pwrs(x,3)": lambda x: x**3,
        "if(x>0,1,-1)": lambda x: np.where(x > 0, 1.0, -1.0),
        "limit(x,-1,0.5)": lambda x: np.clip(x, -1, 0.5),
        "stp(x)": lambda x: step(x, 0.0),
        "table(x,-1,2,1,-1)": lambda x: np.interp(x, [-1, 1], [2, -1]),
        "log(x*x+1)-log10(x*x+1)": lambda x: np.log(x * x + 1) - np.log10(x * x + 1),
        "(x>0)&(x<2)": lambda x: ((x > 0) & (x < 2)) * 1.0,
    },
    SpiceDialect.HSPICE: {
        "pow(x,3)": lambda x: x**3,
        "pow(x,2.9)": lambda x: x**2,
        "x**3": lambda x: x**3,
        "x**2.5": lambda x: np.where(x < 0, x**2, np.abs(x) ** 2.5),
        "pwr(x,2)": lambda x: np.sign(x) * x**2,
        "sqrt(x)": lambda x: np.sign(x) * np.sqrt(np.abs(x)),
        "log(x+0.25)": lambda x: np.sign(x + 0.25) * np.log(np.abs(x + 0.25)),
        "sign(3,x)": lambda x: 3 * np.sign(x),
        "x>0 ? 1 : 2": lambda x: np.where(x > 0, 1.0, 2.0),
        "int(x)": np.trunc,
        "1x*x*1u": lambda x: x,
    },
    SpiceDialect.NGSPICE: {
        "pow(x,3)": lambda x: np.abs(x) ** 3,
        "x**3+x^3": lambda x: 2 * np.abs(x) ** 3,
        "pwr(x,3)": lambda x: x**3,
        "pwr(x,2)": lambda x: np.sign(x) * x**2,
        "-x**2": lambda x: -(x**2),
        "2**3**2*x": lambda x: 64 * x,
        "u(x)": lambda x: step(x, 0.5),
        "uramp(x)": lambda x: np.maximum(x, 0),
        "x>0 ? 1 : 2": lambda x: np.where(x > 0, 1.0, 2.0),
        "ternary_fcn(x>0,1,2)": lambda x: np.where(x > 0, 1.0, 2.0),
        "pwl(x,-1,2,0,3,1,-1)": lambda x: np.where(x < 0, 3 + x, 3 - 4 * x),
        "(x>0)&&(x<2)||(x<-1)": lambda x: (((x > 0) & (x < 2)) | (x < -1)) * 1.0,
    },
}
OUR_WORDS = ("pow(", "**", "^", "pwr(", "pwl(", "u(", "-x**2", "ternary")


def text_of(dialect, expressions):
    """Return a sub-circuit with one source of voltage an idiom, in a dialect's own form."""
    value = {"hspice": "vol='{}'", "ngspice": "vol='{}'"}.get(dialect, "value={{{}}}")
    func = ".param twice(q)='2*q'" if dialect == "hspice" else ".func twice(q)={2*q}"
    lines = [
        f".subckt idioms a {' '.join(f'o{k}' for k in range(len(expressions)))}",
        func,
        ".param half=0.5 three='2+1'",
    ]
    for k, expression in enumerate(expressions):
        written = expression.replace("exp(", "EXP(").replace("{half}", "half")
        written = "".join(
            "V(a)"
            if c == "x"
            and not expression[max(i - 1, 0) : i + 2].startswith(("ex", "ax"))
            and not (expression[i - 2 : i] == "ma" or expression[i - 1 : i].isdigit())
            else c
            for i, c in enumerate(written)
        )
        lines.append(f"e{k} o{k} 0 {value.format(written)}")
    return "\n".join([*lines, ".ends"])


def part_of(text, dialect):
    return translate(library_of(cards_of(text, "t.lib")), "idioms", dialect, {})


@pytest.mark.parametrize("dialect", list(SpiceDialect))
def test_idioms_are_what_their_dialect_says_in_numpy_and_in_ngspice(dialect):
    table = {k: f for k, f in SHARED.items() if dialect != "pspice" or "asinh" not in k} | IDIOMS[
        dialect
    ]
    part = part_of(text_of(dialect, table), dialect)
    text = write(part).text
    nodes = " ".join(f"o{k}" for k in range(len(table)))
    loads = "\n".join(f"rl{k} o{k} 0 1k" for k in range(len(table)))
    saved = " ".join(f"v(o{k})" for k in range(len(table)))
    deck = f"* idioms\n{text}\nva a 0 0\nx1 a {nodes} idioms\n{loads}\n.dc va -2 2 0.5\n.save v(a) {saved}\n.end\n"
    run = run_batch(deck)
    assert run["v(a)"] == pytest.approx(X, abs=1e-12)
    for k, (expression, wanted) in enumerate(table.items()):
        term = next(e.value for e in part.elements if e.name == f"e{k}")
        with np.errstate(all="ignore"):
            own = np.broadcast_to(evaluate(term, lambda _: X), X.shape)
        assert own == pytest.approx(wanted(X), rel=1e-12, abs=1e-12), (expression, "NumPy")
        assert run[f"v(o{k})"] == pytest.approx(wanted(X), rel=1e-9, abs=1e-9), (
            expression,
            "ngspice",
        )


DEPENDS = {
    "pow(V(a),3)": "pow(",
    "V(a)**3": "**",
    "V(a)^2": "^",
    "limit(V(a),-1,1)": "limit(",
    "u(V(a))": "u(",
    "log(V(a))": "log(",
    "sqrt(V(a))": "sqrt(",
    "V(a) ? 1 : 2": "?",
    "1k5*V(a)": "1k5",
    "pwr(V(a),3)": "pwr(",
    "-V(a)**2": "-",
}


@pytest.mark.parametrize(("expression", "word"), DEPENDS.items())
def test_without_a_dialect_what_depends_on_it_is_refused_by_line_and_word(expression, word):
    value = f"cur='{expression}'" if word in ("log(", "sqrt(") else f"value={{{expression}}}"
    text = f".subckt d a b\nr1 a b 1k\ng1 a b {value}\n.ends"
    with pytest.raises(UnsupportedNetlistError) as caught:
        understood(library_of(cards_of(text, "d.lib")), "d", None, {})
    assert "d.lib, line 3" in str(caught.value)
    assert repr(word) in str(caught.value).replace("'-…**'", "'-'")
    assert "dialect" in str(caught.value)


SETTLED = [
    "V(a)**2",
    "sdt(V(a))*0+1",
    "if(V(a)>0,1,2)",
    "pow(abs(V(a)),1.5)",
    "log(V(a)*V(a)+1)",
    "sqrt(exp(V(a)))",
    "sgn(V(a))",
    "1meg*V(a)",
]


@pytest.mark.parametrize("expression", [e for e in SETTLED if "sdt" not in e])
def test_without_a_dialect_what_means_the_same_everywhere_is_taken(expression):
    text = f".subckt d a b\ng1 a b value={{{expression}}}\n.ends"
    part, _ = understood(library_of(cards_of(text, "d.lib")), "d", None, {})
    assert [e.kind for e in part.elements] == ["bi"]


def test_an_exponent_that_can_be_set_is_not_settled():
    library = library_of(
        cards_of(".subckt d a b params: n=2\ng1 a b value={(V(a)-1)**n}\n.ends", "d.lib")
    )
    assert understood(library, "d", None, {})[0].elements[0].kind == "bi"
    with pytest.raises(UnsupportedNetlistError, match=r"line 2: '\*\*' means one thing"):
        understood(library, "d", None, {"n": True})


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("sdt(V(a),0,V(b))", "an integral that is reset"),
        ("ddt(V(a))*V(a)", "ddt"),
        ("white(1)*V(a)", "draws a random value"),
        ("V(a)*time", "depends on the time"),
        ("V(a)**2**2", "needs brackets"),
        ("nosuch(V(a))", "no function of ltspice"),
        ("V(a)*nosuch", "is no parameter"),
        ("V(nosuch)", "no node 'nosuch'"),
        ("I(nosuch)", "no element 'nosuch'"),
        ("V(a)*1foo", "unknown unit 'oo'"),
        ("V(a)+", "the expression ends here"),
        ("(V(a)", "the expression ends here"),
        ("V(a))", "expected the end"),
        ("sin(V(a),2)", "takes 1 arguments, not 2"),
        ("V(a)*g(1)", "call one another too deep"),
        ("V(a)*p0", "is defined by itself"),
    ],
)
def test_what_is_not_understood_is_refused_by_line_and_word(expression, message):
    text = f".func g(x)={{g(x)}}\n.param p0=p1 p1=p0\n.subckt d a b\ng1 a b value={{{expression}}}\n.ends"
    with pytest.raises(UnsupportedNetlistError, match=message) as caught:
        write(translate(library_of(cards_of(text, "d.lib")), "d", SpiceDialect.LTSPICE, {}))
    assert "d.lib, line " in str(caught.value)


@pytest.mark.parametrize("neutral", ["m=1", "tc1=0", "tc2=0.0", "tc=0,0", "tol=5", "rser=0"])
def test_properties_that_change_nothing_are_left_out(neutral):
    text = f".subckt d a b\nr1 a b 1k {neutral}\n.ends"
    written = write(translate(library_of(cards_of(text, "d.lib")), "d", SpiceDialect.LTSPICE, {}))
    bare = write(
        translate(
            library_of(cards_of(text.replace(neutral, ""), "d.lib")), "d", SpiceDialect.LTSPICE, {}
        )
    )
    assert written.text == bare.text


def test_a_derivative_is_the_capacitor_that_it_describes():
    text = ".subckt d a b\nr1 a mid 1k\ng1 mid b value={1u*ddt(V(mid,b))}\ng2 mid b value={2*ddt(V(mid))}\n.ends"
    part = translate(library_of(cards_of(text, "d.lib")), "d", SpiceDialect.LTSPICE, {})
    assert [(e.name, e.kind) for e in part.elements] == [("r1", "r"), ("cg1", "c"), ("g2", "bi")]
    with pytest.raises(UnsupportedNetlistError, match=r"line 4: 'ddt\(' is not translated here"):
        write(part)
    text = write(
        translate(
            library_of(cards_of(text.replace("g2 mid b value={2*ddt(V(mid))}\n", ""), "d.lib")),
            "d",
            SpiceDialect.LTSPICE,
            {},
        )
    ).text
    run = run_batch(
        f"* rc\n{text}\nv1 a 0 1\nx1 a 0 d\n.tran 10u 1m 0 1u uic\n.save v(x1.mid)\n.end\n"
    )
    assert run["v(x1.mid)"][-1] == pytest.approx(1 - np.exp(-1), rel=1e-3)


FORMS = {
    "r1 a o 0": lambda x: x,
    "r1 a m {0}\ne1 o 0 value={I(r1)*1k}\nr2 m 0 2k": lambda x: x / 2,
    "e1 o 0 a 0 3": lambda x: 3 * x,
    "e1 o 0 poly(1) a 0 1 2 3": lambda x: 1 + 2 * x + 3 * x * x,
    "e1 o 0 poly(2) a 0 c 0 1 2 3 4 5 6": lambda x: (
        1 + 2 * x + 3 * 2 + 4 * x * x + 5 * x * 2 + 6 * 4
    ),
    "e1 o 0 table {V(a)} = (-1,0) (1,4)": lambda x: np.interp(x, [-1, 1], [0, 4]),
    "g1 0 o value={2*V(a)}\nr1 o 0 1": lambda x: 2 * x,
    "g1 0 o a 0 2\nr1 o 0 1": lambda x: 2 * x,
    "b1 0 o i=2*V(a)\nr1 o 0 1": lambda x: 2 * x,
    "b1 o 0 v=V(a)+I(rs)*3\nrs a 0 2": lambda x: x + 1.5 * x,
    "vs a m 0\nrm m 0 4\nf1 0 o vs 8\nr1 o 0 1": lambda x: 2 * x,
    "vs a m 0\nrm m 0 4\nh1 o 0 vs 8": lambda x: 2 * x,
    "i1 0 o 3m\nr1 o 0 1k": lambda x: 3 + 0 * x,
    "v1 o 0 dc 3 ac 1": lambda x: 3 + 0 * x,
    "r1 a o r={1k*2}\nr2 o 0 2k": lambda x: x / 2,
    "r1 a o 1k tol=1 pwr=0.1\nr2 o 0 1k": lambda x: x / 2,
    "x1 a o sub params: gain=4": lambda x: 4 * x,
    "x1 a o sub\n": lambda x: 5 * x,
    "b1 a o r=1k+0*V(a)\nr2 o 0 1k": lambda x: x / 2,
    "e1 (o 0) (a 0) 3": lambda x: 3 * x,
    "r1 (a,o) 1k\nr2 ( o 0 ) 1k": lambda x: x / 2,
    "g1 (0 o) value={2*V(a)}\nr1 o 0 1": lambda x: 2 * x,
    "x1 (a o) sub params: gain=4": lambda x: 4 * x,
    "e1 o 0 a 0 table=(-1,0, 1,4)": lambda x: np.interp(x, [-1, 1], [0, 4]),
}


@pytest.mark.parametrize(
    "points",
    ["(-1,-0.5) (0,0) (0.5,0.8) (1,1)", "(0,0) (0.5,1)", "(-0.3,2) (-0.1,1) (1.2,1) (1.3,0)"],
)
@pytest.mark.parametrize("card", ["e1 o 0 table {V(a)} =", "g1 0 o table {V(a)} ="])
def test_a_table_of_ngspice_has_the_corners_that_ngspice_rounds(card, points):
    """The text itself in ngspice, and what was understood of it."""
    text = f".subckt d a o\n{card} {points}\nrc o 0 1\n.ends"
    part = translate(library_of(cards_of(text, "d.lib")), "d", SpiceDialect.NGSPICE, {})
    runs = [
        run_batch(
            f"* t\n{made}\nva a 0 0\nx1 a o d\n.options reltol=1e-10 vntol=1e-13\n"
            ".dc va -1.5 1.5 0.02\n.save v(a) v(o)\n.end\n"
        )
        for made in (text, write(part).text)
    ]
    assert runs[1]["v(o)"] == pytest.approx(runs[0]["v(o)"], rel=1e-9, abs=1e-9)
    pairs = np.array([float(w) for w in points.translate(str.maketrans("(),", "   ")).split()])
    sharp = np.interp(runs[0]["v(a)"], pairs[::2], pairs[1::2])
    assert 1e-3 < np.max(np.abs(runs[0]["v(o)"] - sharp)) < 0.1


@pytest.mark.parametrize(("cards", "wanted"), FORMS.items())
def test_forms_of_elements(cards, wanted):
    text = f".subckt sub in out params: gain=5\ne1 out 0 in 0 {{gain}}\n.ends\n.subckt d a o c\n{cards}\nrc c 0 1k\n.ends"
    part = translate(library_of(cards_of(text, "d.lib")), "d", SpiceDialect.LTSPICE, {})
    run = run_batch(
        f"* forms\n{write(part).text}\nva a 0 0\nvc c 0 2\nx1 a o c d\nrl o 0 1e12\n.dc va -2 2 0.5\n.save v(o)\n.end\n"
    )
    assert run["v(o)"] == pytest.approx(wanted(X), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("cards", "wanted"),
    [
        ("g1 o 0 vccs a 0 2 max=1 min=-3\n", lambda x: np.clip(2 * x, -3, 1)),
        ("g1 o 0 cur='v(a)**3' max=1\n", lambda x: np.minimum(x**3, 1)),
        ("g1 o 0 a 0 2 abs=1\n", lambda x: 2 * np.abs(x)),
        ("g1 o 0 poly(1) a 0 1 2\n", lambda x: 1 + 2 * x),
        ("g1 o 0 cur='v(a)' scale=-2\n", lambda x: -2 * x),
        ("e1 q 0 vcvs a 0 2 min='-0.5'\ng1 o 0 q 0 1\n", lambda x: np.maximum(2 * x, -0.5)),
    ],
)
def test_what_hspice_does_to_a_controlled_source(cards, wanted):
    text = f".subckt d a o\nr1 a 0 1\n{cards}.ends"
    part = translate(library_of(cards_of(text, "d.lib")), "d", SpiceDialect.HSPICE, {})
    terms = {e.name: e.value for e in part.elements}
    inner = {"a": X, **({"q": evaluate(terms["e1"], lambda _: X)} if "e1" in terms else {})}
    found = evaluate(terms["g1"], lambda term: inner[term.names[0]])
    assert np.broadcast_to(found, X.shape) == pytest.approx(wanted(X), rel=1e-12)
    both = text.replace("max=1", "max=1 scale=2")
    if both != text:
        with pytest.raises(UnsupportedNetlistError, match="is not translated"):
            write(translate(library_of(cards_of(both, "d.lib")), "d", SpiceDialect.HSPICE, {}))


WARM = """.temp 85
.options tnom=30 reltol=1e-4
.subckt d (a b) al=1m
r1 (a c) 1k tc1={2*al} tc2=-4e-6
r2 c b 2k tc=3e-3,1e-6 dtemp=10
r3 c b 5k dtemp=3
b1 a b i=1m*v(a,b)*exp(-(temper+273.15)/300)
d1 a b dm
.model dm d(is=1e-15 n=1.5 rs=10)
.ends
"""


def measured(text, sweep="-0.6 0.8 0.1"):
    run = run_batch(
        f"* t\n{text}\nva a 0 0\nx1 a 0 d\n.options reltol=1e-9 abstol=1e-16\n.dc va {sweep}\n"
        ".save v(a) i(va)\n.end\n"
    )
    return -run["i(va)"]


def test_a_text_is_at_the_temperature_that_it_says():
    """The text itself in ngspice is the reference; its resistors, diode and words are read, and
    written for a circuit of 27 °C."""
    part = translate(library_of(cards_of(WARM, "d.lib")), "d", SpiceDialect.NGSPICE, {})
    assert measured(write(part).text) == pytest.approx(measured(WARM), rel=1e-7, abs=1e-15)
    cold = WARM.replace(".temp 85\n", "")
    assert np.max(np.abs(measured(cold) / measured(WARM) - 1)) > 0.1


def test_a_diode_of_hspice_is_at_25_degrees():
    """ngspice told of 25 °C is the reference."""
    text = ".subckt d a b\nd1 a b dm\n.model dm d(is=1e-15 n=1.5 rs=10)\n.ends\n"
    part = translate(library_of(cards_of(text, "d.lib")), "d", SpiceDialect.HSPICE, {})
    wanted = measured(f".options temp=25 tnom=25\n{text}", "0.3 0.8 0.1")
    assert measured(write(part).text, "0.3 0.8 0.1") == pytest.approx(wanted, rel=1e-7)
    assert np.max(np.abs(measured(text, "0.3 0.8 0.1") / wanted - 1)) > 0.05


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (".temp 27 85", "line 5: 'temp' is no single number in this file \\(line 1\\)"),
        (".temp 27\n.option temp=85", "line 6: 'temp' is no single number .* \\(lines 1 and 2\\)"),
        (".step temp 0 100 10", "line 5: 'temp' is no single number"),
        (".temp hot", "line 5: 'temp' is no single number"),
    ],
)
@pytest.mark.parametrize("card", ["r1 a b 1k tc1=1m", "b1 a b i=v(a,b)*temp", "d1 a b dm"])
def test_a_text_of_several_temperatures_is_refused_where_it_matters(said, message, card):
    text = f"{said}\n.subckt d a b\n.model dm d(is=1f)\nr9 a b 1k\n{card}\n.ends"
    library = library_of(cards_of(text, "d.lib"))
    with pytest.raises(UnsupportedNetlistError, match=message):
        write(translate(library, "d", SpiceDialect.LTSPICE, {}))
    cold = library_of(cards_of(text.replace(card, "r1 a b 1k"), "d.lib"))
    assert write(translate(cold, "d", SpiceDialect.LTSPICE, {}))


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ("l1 a b 1m", "line 2: 'l1' is an inductor"),
        ("a1 a b m", "line 2: 'a1' is neither a card nor an element"),
        ("v1 a b pulse(0 1 0 1n)", "changes with the time"),
        ("s1 a b a b m\n.model m sw(vt=1 vh=0.1)", "a memory of its own"),
        ("d1 a b m\n.model m d(is=1e-14 ron=1)", "'ron' is no parameter of a d model"),
        ("d1 a b m", "no model 'm' in this file"),
        ("c1 a b q={V(a)**3}", "is not translated"),
        ("r1 a b 1k noise=0", "noise=0 is not translated"),
        ("r1 a b 1k m=2", "m=2 is not translated"),
        ("r1 a b 1k tc=1,2,3", "'tc=' takes one or two numbers"),
        ("r1 a b 1k tce=1", "tce=1 is not translated"),
        (
            "m1 a b 0 0 nm w=1u l=1u\n.model nm nmos(level=1)\n.option defad=1p",
            "line 4: 'defad' decides",
        ),
        ("r1 a {b} 1k", "line 2: '{b}' is no name of a node"),
        ("g1 a b a b 1m max=1", "'a b 1m max=1' is not translated"),
        ("e1 a b laplace {V(a)} = {1/s}", "laplace is not translated"),
        ("x1 a b nosuch", "no sub-circuit 'nosuch'"),
        ("x1 a d", "has 2 pins; 1 nodes"),
        ("r1 a b 1\nr1 a b 2", "a second element 'r1'"),
        (".param x=1 x=2", "defined a second time"),
        (".tran 1", "inside a sub-circuit"),
        ("xx a b d", "does one hold itself"),
        ("xx a b d m=2", "line 2: copies of a sub-circuit in parallel"),
        ("xx a b d r=2", "'d' takes no parameter 'r'"),
    ],
)
def test_elements_that_cannot_be_taken_are_refused_by_line(cards, message):
    with pytest.raises(UnsupportedNetlistError, match=message):
        write(
            translate(
                library_of(cards_of(f".subckt d a b\n{cards}\n.ends", "d.lib")),
                "d",
                SpiceDialect.LTSPICE,
                {},
            )
        )


def test_names_that_ngspice_keeps_for_itself_are_written_differently():
    text = ".subckt d a b params: m=2 time=3\nr1 a n+ {m}\nr2 n+ sin {time}\nr3 sin b 1\nr-4 a b 1e9\n.ends"
    part = translate(
        library_of(cards_of(text, "d.lib")), "d", SpiceDialect.LTSPICE, {"m": True, "time": True}
    )
    written = write(part)
    assert written.names.taken["parameter", "m"] == "p_m"
    run = run_batch(
        f"* n\n{written.text}\nv1 a 0 1\nx1 a 0 d p_m=2 p_time=3\n.op\n.save i(v1)\n.end\n"
    )
    assert run["i(v1)"][0] == pytest.approx(-1 / 6, rel=1e-6)


@pytest.mark.parametrize("name", ["e", "pi", "temper", "time", "hertz"])
def test_a_parameter_that_ngspice_hides_in_its_sources_is_refused_there(name):
    """ngspice 39.3 takes its own number in a B source and the parameter everywhere else."""
    own = name if name in ("e", "pi") else "3"  # the others make a source of a resistor, too
    held = f".subckt d a b {name}=3\n.param q={{2*{name}}}\nr1 a b {{{own}*1k}}\n"
    bare = (
        f"* n\n{held}b1 a b i={{{name}*1m*v(a,b)}}\n.ends\nv1 a 0 1\nx1 a 0 d\n.op\n.save i(v1)\n"
    )
    amps = -float(run_batch(f"{bare}.end\n")["i(v1)"][0])
    assert abs(amps - (1 / 3e3 + 3e-3)) > 1e-5
    written = write(
        translate(
            library_of(cards_of(f"{held}b1 a b i={{q*1m*v(a,b)}}\n.ends", "d.lib")),
            "d",
            SpiceDialect.NGSPICE,
            {},
        )
    )
    run = run_batch(f"* n\n{written.text}\nv1 a 0 1\nx1 a 0 d\n.op\n.save i(v1)\n.end\n")
    assert -run["i(v1)"][0] == pytest.approx(1 / 3e3 + 6e-3, rel=1e-9)
    if own == "3":
        held = held.replace("3*1k", f"{name}*1k")
        with pytest.raises(UnsupportedNetlistError, match=f"line 3: '{name}' is a parameter here"):
            write(
                translate(
                    library_of(cards_of(f"{held}.ends", "d.lib")), "d", SpiceDialect("ngspice"), {}
                )
            )
        held = held.replace(f"{name}*1k", "3*1k")
    library = library_of(cards_of(f"{held}b1 a b i={{{name}*1m*v(a,b)}}\n.ends", "d.lib"))
    for dialect, words in (
        (SpiceDialect.NGSPICE, f"line 4: '{name}' is a parameter here"),
        (None, "line 4: .* means one thing in ngspice and another in ltspice"),
    ):
        with pytest.raises(UnsupportedNetlistError, match=words):
            write(understood(library, "d", dialect, {})[0])


def test_bookkeeping_that_nothing_depends_on_is_left_out():
    text = ".subckt d a b\nr1 a b 1k\neflux flux 0 value={sdt(V(a,b))}\nl1 q 0 1\nv9 q 0 sin(0 1 1)\n.ends"
    part, dialect = understood(library_of(cards_of(text, "d.lib")), "d", None, {})
    assert ([e.name for e in part.elements], [e.name for e in part.left_out]) == (
        ["r1"],
        ["eflux", "l1", "v9"],
    )
    assert dialect in ("ltspice", "pspice")
    assert math.isfinite(part.elements[0].value.value)


def test_integrals_are_states_on_capacitors_of_their_own():
    text = ".subckt d a b\ng1 a b value={V(a,b)*(1m+3m*sdt(V(a,b),0.1)**2)+sdt(sdt(V(a,b)))}\n.ends"
    part = translate(library_of(cards_of(text, "d.lib")), "d", SpiceDialect.LTSPICE, {})
    found = {
        store.path: (store.node, evaluate(store.start, lambda _: 0.0))
        for store in stores(part, frozenset({"a", "b"}), ())
    }
    assert found == {
        "cg1_sdt": ("g1_sdt", 0.1),
        "cg1_sdt2": ("g1_sdt2", 0.0),
        "cg1_sdt3": ("g1_sdt3", 0.0),
    }
    # 1 V for 0.5 s: φ = 0.1 + t, and twice integrated t²/2.
    states = [
        ForeignState(name=f"s{k}", node=node, capacitor=path)
        for k, (path, (node, _)) in enumerate(found.items())
    ]
    amps, _, rates, _, _ = closed(part, "a", "b", states).everything(
        np.array(1.0), [np.array(0.6), np.array(0.5), np.array(0.125)], {}
    )
    assert float(amps) == pytest.approx(1e-3 + 3e-3 * 0.36 + 0.125)
    assert [float(rate) for rate in rates] == pytest.approx([1.0, 1.0, 0.5])


def test_functions_that_would_be_read_for_ever_are_refused(monkeypatch):
    monkeypatch.setattr(vocabulary, "_MOST_STEPS", 5_000)
    functions = "\n".join(
        f".func f{k}(x)={{{'+'.join([f'f{k - 1}(x)'] * 10)}}}" for k in range(1, 12)
    )
    text = f".func f0(x)={{1}}\n{functions}\n.subckt d a b\ng1 a b value={{f11(1)*V(a)}}\n.ends"
    with pytest.raises(UnsupportedNetlistError, match="more words than a device has"):
        translate(library_of(cards_of(text, "d.lib")), "d", SpiceDialect.LTSPICE, {})


def test_a_text_that_no_dialect_has_is_refused_with_the_word_that_each_lacks():
    """Once for each reason: pspice lacks the same words as hspice."""
    body = "b1 p n i=uplim(v(p,n),1,0.5)\nb2 p n i=valif(v(p,n),1)"
    text = f"* t\n.subckt d p n\n{body}\n.ends\n"
    with pytest.raises(UnsupportedNetlistError) as refused:
        understood(library_of(cards_of(text, "d.lib")), "d", None, {})
    assert str(refused.value).split("; ") == [
        "d.lib, line 3: 'uplim(' is no function of ngspice",
        "as ltspice, line 4: 'valif(' is no function of ltspice that is known here",
        "as hspice, line 3: 'b1' is no behavioural source in hspice",
        "it fits none of the dialects ngspice, ltspice, hspice, pspice",
    ]
