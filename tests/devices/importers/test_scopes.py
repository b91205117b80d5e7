"""What names mean inside one another, copies in parallel and conditions: ngspice's own numbers of
the text as it stands, and of what was understood of it."""

import pytest

from spicesnn.devices.importers.cards import cards_of, library_of
from spicesnn.devices.importers.dialects import SpiceDialect
from spicesnn.devices.importers.emit import write
from spicesnn.devices.importers.translate import translate, understood
from spicesnn.errors import UnsupportedNetlistError
from spicesnn.netlist.batch import run_batch
from spicesnn.netlist.importing import guess


def milliamps(text):
    """Return the current of a sub-circuit `dev` at 1 V."""
    run = run_batch(f"* one\n{text}\nv1 a 0 1\nx1 a 0 dev\n.op\n.save i(v1)\n.end\n")
    return -1e3 * float(run["i(v1)"][0])


def part_of(text, dialect=SpiceDialect.NGSPICE):
    return translate(library_of(cards_of(text, "d.lib")), "dev", dialect, {})


INNER = ".subckt in p q\nr1 p q {1k*k}\n.ends\n"
SAME = {
    "the caller's parameter before the file's": (
        f".param k=1\n{INNER}.subckt dev a b k=5\nx1 a b in\n.ends",
        0.2,
    ),
    "the caller's caller's": (
        f"{INNER}.subckt mid a b\nx1 a b in\n.ends\n.subckt dev a b k=4\nx1 a b mid\n.ends",
        0.25,
    ),
    "one text called from two places": (
        f"{INNER}.subckt p1 a b k=2\nx1 a b in\n.ends\n.subckt p2 a b k=4\nx1 a b in\n.ends\n"
        ".subckt dev a b\nx1 a b p1\nx2 a b p2\n.ends",
        0.75,
    ),
    "the file's formula of the file's own": (
        ".param k=1\n.param g={2*k}\n.subckt dev a b k=5\nr1 a b {1k*g}\n.ends",
        0.5,
    ),
    "through another": (
        ".param k=1\n.param g={2*k}\n.subckt dev a b\n.param k=7\n.param h={g}\nr1 a b {1k*h}\n.ends",
        0.5,
    ),
    "the file's function of the caller's": (
        ".param k=1\n.func f(x) {x*k}\n.subckt dev a b k=5\nr1 a b {1k*f(1)}\n.ends",
        0.2,
    ),
    "a sub-circuit inside another": (
        ".subckt dev a b w=3\n.subckt in p q\nr1 p q {1k*w}\n.ends in\nx1 a b in\n.ends dev",
        1 / 3,
    ),
    "the nearest of one name": (
        ".subckt in p q\nr1 p q 9k\n.ends\n"
        ".subckt dev a b\nx1 a b in\n.subckt in p q\nr1 p q 2k\n.ends\n.ends",
        0.5,
    ),
    "copies of a resistor": (".subckt dev a b\nr1 a b 1k m=3\n.ends", 3.0),
    "half a resistor": (".subckt dev a b\nr1 a b 1k m='1/2'\n.ends", 0.5),
    "of one that depends on the voltage": (
        ".subckt dev a b\nr1 a b r='1k*(1+v(a,b))' m=2\n.ends",
        1.0,
    ),
    "of sources": (
        ".subckt dev a b\ng1 a b cur='1m*v(a,b)' m=2\ng2 a b a b 1m m=2\ng3 a b value={1m} m=2\n"
        "b1 a b i=1m m=2\ni1 a b 1m m=2\nvs a s 0\nrs s b 1k\nf1 a b vs 1 m=2\n.ends",
        13.0,
    ),
    "of a sub-circuit": (
        ".subckt in p q\nr1 p q 1k\ng1 p q cur='v(p,q)*1m'\nr2 p q r='1k*(1+v(p,q))'\n.ends\n"
        ".subckt dev a b\nx1 a b in m=3\n.ends",
        7.5,
    ),
    "with a state inside": (
        ".subckt in p q\ne1 x 0 vol='v(p,q)'\nr1 x 0 1k\nc1 y 0 1n\ng1 0 y cur='v(p,q)'\nr2 y 0 2\n"
        "g2 p q cur='v(y)*1m'\ni1 p q 1m\n.ends\n.subckt dev a b\nx1 a b in m=3\n.ends",
        9.0,
    ),
    "of a sub-circuit that calls another": (
        ".subckt dev a b\nx1 a b mid m=2\n.ends\n"
        ".subckt mid p q\nvm p m 0\nr1 m q 1k\nx1 p q in\n.ends\n.subckt in p q\nr1 p q 1k\n.ends",
        4.0,
    ),
    "a parameter that is called m": (
        ".subckt in p q m=1\nr1 p q {1k*m}\n.ends\n.subckt dev a b\nx1 a b in m=4\n.ends",
        0.25,
    ),
    "no condition holds but the last": (
        ".subckt dev a b k=7\n.if (k==0)\nr1 a b 1k\n.elseif (k==1)\nr1 a b 2k\n.else\nr1 a b 4k\n"
        ".endif\n.ends",
        0.25,
    ),
    "the second one": (
        ".subckt dev a b k=1\n.if (k==0)\nr1 a b 1k\n.elseif(k==1)\nr1 a b 2k\n.else\nr1 a b 4k\n"
        ".endif\nr2 a b 1k\n.ends",
        1.5,
    ),
    "conditions inside one another": (
        ".subckt dev a b k=1 j=2\n.if (k==1 && j>1)\n.if (j==3)\nr1 a b 1k\n.else\nr1 a b 5k\n.endif\n"
        "r2 a b 5k\n.else\nr1 a b 1\n.endif\n.ends",
        0.4,
    ),
    "of models": (
        ".subckt dev a b k=2\n.if (k==1)\n.model dd d(is=1e-30)\n.else\n.model dd d(is=1e-16 n=2)\n"
        ".endif\nr1 a m 10k\nd1 m b dd\n.ends",
        None,
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_the_translation_is_worth_what_the_text_is(case):
    text, wanted = SAME[case]
    theirs = milliamps(text)
    if wanted is not None:
        assert theirs == pytest.approx(wanted, rel=1e-9)
    assert milliamps(write(part_of(text)).text) == pytest.approx(theirs, rel=1e-9)


def test_hspice_copies_sub_circuits_too_and_ltspice_capacitors():
    text = (
        ".subckt in p q\nr1 p q 1k m=2\n.ends\n.subckt mid p q\nr1 p q 1k\nx1 p q in m=3\n.ends\n"
        ".subckt dev a b\nx1 a b mid m=2\nx2 a b in\n.ends"
    )
    assert milliamps(write(part_of(text, SpiceDialect.HSPICE)).text) == pytest.approx(16.0)
    with pytest.raises(UnsupportedNetlistError, match="line 6: 'x1' has copies of its own"):
        part_of(text)
    text = ".subckt in p q\nr1 p q 1k\n.ends\n.subckt dev a b\nx1 a b in m=3\nr2 a b 1k m=2\n.ends"
    assert milliamps(write(part_of(text, SpiceDialect.HSPICE)).text) == pytest.approx(5.0)
    text = ".subckt dev a b\nr1 a b 1k\nr2 x 0 1\nc1 x 0 1u m=3\nb1 a b i=v(x)\n.ends"
    values = {e.name: e.value for e in part_of(text, SpiceDialect.LTSPICE).elements}
    assert values["c1"].value == pytest.approx(3e-6, rel=1e-12)


def test_what_ngspice_takes_for_a_parameter_of_the_called_is_refused():
    inner = ".param c=7\n.subckt in p q c=4 a=1\nr1 p q {1k*a}\n.ends\n"
    passed = "{}.subckt dev a b\nx1 a b in {}\n.ends"
    for line, theirs in (("a={c}", 0.25), ("c=2 a={c}", 0.5)):
        text = passed.format(inner, line)
        assert milliamps(text) == pytest.approx(theirs)  # with the file's own c it would be 1/7
        with pytest.raises(UnsupportedNetlistError, match=r"line 6: a=\{c\}: ngspice takes 'c'"):
            part_of(text)
        assert milliamps(write(part_of(text, SpiceDialect.LTSPICE)).text) == pytest.approx(1 / 7)
    text = passed.format(inner.replace(" c=4 a=1", " a=1\n.param c=2"), "a={c}")
    assert milliamps(text) == pytest.approx(0.5)
    with pytest.raises(UnsupportedNetlistError, match=r"line 7: a=\{c\}: ngspice takes 'c'"):
        part_of(text)
    for line in ("c={c} a={c}", "a={3*7}", "c={2*c} a=3"):
        text = passed.format(inner, line)
        assert milliamps(write(part_of(text)).text) == pytest.approx(milliamps(text))


K5 = ".subckt dev a b k=5\n"
REFUSED = {
    ("hspice", f".param k=1\n{K5}r1 a b {{k}}\n.ends"): "'k' is a parameter of the whole file too",
    ("hspice", f"{INNER}{K5}x1 a b in\n.ends"): "line 2: 'k' is a parameter of 'dev', which calls",
    ("pspice", f".param k=1\n{INNER}{K5}x1 a b in\n.ends"): "line 3: 'k' is a parameter of 'dev'",
    (
        "ltspice",
        f".param k=1 g={{2*k}}\n{K5}r1 a b {{g}}\n.ends",
    ): "'g' is made of 'k', which has a second meaning",
    (
        "ltspice",
        f".param k=1\n.func f(x) {{x*k}}\n{K5}r1 a b {{f(1)}}\n.ends",
    ): "'k' has a second meaning where f",
    (
        "ngspice",
        f".model dd d(is={{k}})\n{K5}d1 a b dd\n.ends",
    ): "line 1: the model 'dd' asks for 'k', which the sub-circuit that uses it sets",
    (
        "pspice",
        f"{K5}.subckt in p q\nr1 p q 1k\n.ends in\nx1 a b in\n.ends",
    ): "line 2: '.subckt' inside another",
    ("ltspice", ".subckt dev a b\nr1 a b 1k m=2\n.ends"): "line 2: 'r1': m=2 is not translated",
    ("ngspice", ".subckt dev a b\ne1 a b c 0 1 m=2\n.ends"): "line 2: 'e1': 'c 0 1 m=2'",
    ("ngspice", ".subckt dev a b\nr1 a b 1k m=0\n.ends"): "line 2: 'm=0' is no number of copies",
    (
        "ngspice",
        ".subckt in p q\nb1 p q i=1m\n.ends\n.subckt dev a b\nx1 a b in m=3\n.ends",
    ): "line 2: 'b1' is one source for all copies in ngspice",
    (
        "ngspice",
        ".subckt in p q\nvs p s 0\nr1 s q 1\nf1 p q vs 1\n.ends\n"
        ".subckt dev a b\nx1 a b in m=3\n.ends",
    ): "line 4: 'f1' asks for a current",
    (
        "hspice",
        ".subckt in p q m=1\nr1 p q {m}\n.ends\n.subckt mid p q\nx1 p q in m=2\n.ends\n"
        ".subckt dev a b\nx1 a b mid m=3\n.ends",
    ): "line 5: copies of 'in', which has a parameter m",
    ("ltspice", f"{K5}.if (k==5)\nr1 a b 1k\n.endif\n.ends"): "line 2: '.if' is no card of ltspice",
    ("ngspice", f"{K5}.if (k==5)\nr1 a b 1k\n.ends"): "'.ends' inside .if",
    ("ngspice", f"{K5}.if (k==5)\n.param j=1\n.endif\n.ends"): "line 3: '.param' inside .if",
    ("ngspice", f"{K5}.endif\n.ends"): "line 2: .endif without .if",
    ("ngspice", f"{K5}.else\n.ends"): "line 2: .else without .if",
    ("ngspice", f"{K5}.if (k)\n.else\n.else\n.endif\n.ends"): "line 4: .else behind .else",
    ("ngspice", f"{K5}.if\n.endif\n.ends"): "line 2: .if without a condition",
    ("ngspice", f"{K5}.if (v(a)>0)\nr1 a b 1\n.endif\n.ends"): "line 2: 'v.a.' a voltage",
    ("ngspice", f"{K5}r1 a b 1k\n.ends\n.if (1)"): "line 4: .if has no .endif",
    (
        "ngspice",
        f"{K5}.subckt in p q\nr1 p q 1\n.ends dev\nx1 a b in\n.ends",
    ): "line 4: .ends of 'dev' where 'in' is open",
}


@pytest.mark.parametrize(("dialect", "text"), REFUSED)
def test_what_is_not_certain_is_refused_by_line(dialect, text):
    with pytest.raises(UnsupportedNetlistError, match=REFUSED[dialect, text]) as caught:
        write(part_of(text, SpiceDialect(dialect)))
    assert "d.lib, line " in str(caught.value)


def test_a_parameter_that_decides_the_circuit_keeps_its_value(tmp_path):
    path = tmp_path / "d.lib"
    path.write_text(
        ".subckt dev a b k=1 r=3\n.if (k==1)\nr1 a b {r}\n.else\nr1 a b 9\n.endif\n.ends\n"
    )
    found = guess(path)
    assert found.parameters == {"r": 3.0}
    assert "line 2: the condition depends on a parameter that can be set" in found.fixed["k"]
    assert found.dialect in ("ngspice", "hspice")
    again = understood(library_of(list(found.cards)), "dev", found.dialect, {"r": False})[0]
    assert [e.name for e in again.elements] == ["r1"]


def test_a_parameter_of_the_file_that_is_set_is_not_forgotten_further_inside():
    text = f".param k=1\n{INNER}.subckt dev a b\nx1 a b in\nr1 a b {{1k*k}}\n.ends"
    library = library_of(cards_of(text, "d.lib"))
    assert translate(library, "dev", SpiceDialect.NGSPICE, {}).inner
    with pytest.raises(UnsupportedNetlistError, match="line 3: 'k' is a parameter of 'dev'"):
        write(translate(library, "dev", SpiceDialect.NGSPICE, {"k": False}))


def test_calls_that_multiply_are_refused_before_they_are_followed():
    lines = [".subckt l0 p q\nr1 p q 1\n.ends"]
    for k in range(1, 9):
        calls = "\n".join(f"x{j} p q l{k - 1}" for j in range(10))
        lines.append(f".subckt l{k} p q\n{calls}\n.ends")
    text = "\n".join([*lines, ".subckt dev p q\nx1 p q l8\n.ends"])
    with pytest.raises(UnsupportedNetlistError, match="100000 elements with those of the sub-circ"):
        part_of(text)


def test_conditions_without_an_end_in_sight_are_refused():
    with pytest.raises(UnsupportedNetlistError, match="line 53: conditions are too deep"):
        part_of(".subckt dev p q\n" + ".if (1)\n" * 100 + "r1 p q 1\n.ends")
