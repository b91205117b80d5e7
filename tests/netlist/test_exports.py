"""Decks for other programs: what they say is what ngspice's say, as the package's own parser of
foreign netlists understands them."""

from __future__ import annotations

import itertools
import re
import subprocess
import zlib

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.cli.netlist import DialectName
from spicesnn.devices import registry
from spicesnn.devices.importers.cards import cards_of, library_of
from spicesnn.devices.importers.dialects import SpiceDialect
from spicesnn.devices.importers.evaluate import evaluate
from spicesnn.devices.importers.translate import translate
from spicesnn.errors import InputError
from spicesnn.netlist.exports import PROGRAMS, Dialect, read_me, written
from spicesnn.netlist.ltspice import joined_lines, to_ltspice
from spicesnn.netlist.twin import Twin
from spicesnn.reporting.decks import write_decks

LINEAR = sn.Crossbar([[1e-4, 2e-4], [3e-4, 4e-4]], wires=sn.Wires(1.0, [2.0, 3.0]))


def leaf(key):
    """A voltage or a parameter in (0.1, 0.9) that depends on its name alone."""
    return 0.1 + 0.8 * zlib.crc32(str(key).encode()) / 2**32


def values_of(text, name, dialect):
    part = translate(library_of(cards_of(text, "t.lib")), name, dialect, {})
    return {
        element.name.removeprefix("g").removeprefix("e"): float(
            np.asarray(evaluate(element.value, leaf))
        )
        for element in part.elements
        if element.value is not None and element.kind[0] == "b"
    }


DEVICES = [name for name in registry.names() if name != "resistor"]


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize(
    ("dialect", "spoken"),
    [(Dialect.HSPICE, SpiceDialect.HSPICE), (Dialect.XYCE, SpiceDialect.PSPICE)],
)
def test_models_of_devices_mean_the_same_in_every_dialect(name, dialect, spoken):
    """Every source of a model, at voltages and parameters drawn by name."""
    twin = Twin.of(registry.fresh(name))
    text = "* t\n" + "\n".join(twin.include(inline=True)) + "\n.end\n"
    given = itertools.count(1)
    numbers = re.sub(r"=required\b", lambda _: f"={0.5 + 0.01 * next(given):.2f}", text)
    want = values_of(numbers, twin.subckt, SpiceDialect.NGSPICE)
    out = written(numbers, dialect)
    if dialect is Dialect.XYCE:  # the parser has PSpice: controlled sources, and log for ln
        for letter, source in (("i", "g"), ("v", "e")):
            out = out.replace("ln(", "log(")
            out = re.sub(rf"(?m)^(b\w+ \w+ \w+)\s+(?:\+ )?{letter}=", rf"{source}\1 value=", out)
    got = values_of(out, twin.subckt, spoken)
    assert want
    assert got == pytest.approx(want, rel=1e-12)


def test_reads_are_the_same_circuit_for_every_program():
    """Of linear cells: every resistor and source, name by name."""
    deck = LINEAR.to_deck([0.1, 0.2])
    want = elements_of(deck)
    assert len(want) == 17
    for dialect in (Dialect.XYCE, Dialect.HSPICE):
        text = written(deck, dialect)
        assert elements_of(text) == want
        assert text.splitlines()[0] == deck.splitlines()[0]
        assert ".save" not in text
        assert ".dc vidx 0 0 1" in text
    vacask = written(deck, Dialect.VACASK)
    found = {
        name: (a, b, float(value))
        for name, a, b, value in re.findall(
            r"(?m)^(\w+) \((\w+) (\w+)\) (?:resistor r|vsource dc)=(\S+)$", vacask
        )
    }
    assert found == want
    assert vacask.splitlines()[-3:] == ["control", "  analysis read op", "endc"]
    assert 'load "resistor.osdi"\nmodel resistor resistor\nmodel vsource vsource\n' in vacask


def elements_of(text):
    return {
        words[0]: (words[1], words[2], float(words[-1]))
        for words in (line.split() for line in text.splitlines())
        if words and words[0][0] in "rv"
    }


def test_a_batch_is_looked_up_by_its_number():
    deck = LINEAR.to_deck([[0.1, 0.2], [0.3, 0.4]], column_volts=[[0.0, 0.1], [0.2, 0.0]])
    hspice = written(deck, Dialect.HSPICE)
    assert "ebr0 r0 0 pwl(1) idx 0 0,0.1 1,0.3" in hspice
    assert ".print dc i(ebc0) i(ebc1)" in hspice
    assert "br0 r0 0 v={((0.1)+(0.19999999999999998)*((v(idx))-(0)))}" in written(
        deck, Dialect.XYCE
    )
    with pytest.raises(InputError, match=r"Export one read of linear cells"):
        written(deck, Dialect.VACASK)


def test_a_look_up_goes_on_beyond_its_ends():
    card = "* t\nb1 a 0 v = pwl(v(x), 0, 1, 2, 5, 3, 4)\n.end\n"
    text = written(card, Dialect.XYCE).splitlines()[1].partition("=")[2]
    for x, y in ((-1, -1), (0, 1), (1, 3), (2, 5), (2.5, 4.5), (4, 3)):
        assert eval(text.strip("{}").replace("v(x)", str(x))) == pytest.approx(y, abs=1e-12)
    with pytest.raises(InputError, match="no plain numbers"):
        written("* t\nb1 a 0 v = pwl(v(x), 0, {k}, 2, 5)\n.end\n", Dialect.XYCE)


@pytest.mark.parametrize("levels", ["0, 1, 2, 5, 3, 4", "0, {one}, 2, {five}, 3, 4"])
def test_ltspice_goes_on_beyond_the_ends_of_a_look_up_as_ngspice_does(levels, tmp_path):
    """LTspice's `table` stays at its ends."""
    card = f"b1 a 0 v = 1 + PWL(v(x) - 1, {levels})"
    text = to_ltspice(f"* t\n.param one=1 five=5\n{card}\nvx x 0 pwl(0 0 1 1)\n.end\n")
    assert "vx x 0 pwl(0 0 1 1)" in text
    written = next(line for line in joined_lines(text) if line.startswith("b1")).partition("=")[2]
    written = written.replace("{", "(").replace("}", ")").replace("v(x)", "x")
    assert "pwl" not in written.lower()
    names = {
        "table": lambda at, *points: float(np.interp(at, points[::2], points[1::2])),
        "min": min,
        "max": max,
        "one": 1.0,
        "five": 5.0,
    }
    at = (-3.0, 0.0, 1.0, 2.5, 3.7, 4.0, 9.0)
    measures = "\n".join(
        f"vx{k} x{k} 0 {v}\nb{k} y{k} 0 v = 1 + pwl(v(x{k}) - 1, {levels})"
        for k, v in enumerate(at)
    )
    deck = tmp_path / "look.cir"
    prints = "\n".join(f"print v(y{k})" for k in range(len(at)))
    deck.write_text(
        f"* t\n.param one=1 five=5\n{measures}\n.control\nset numdgt=12\nop\n{prints}\n.endc\n.end\n"
    )
    told = subprocess.run(
        ["ngspice", "-b", str(deck)], capture_output=True, text=True, timeout=30, check=False
    ).stdout
    for k, volts in enumerate(at):
        truth = float(re.search(rf"^v\(y{k}\) = (\S+)", told, re.MULTILINE)[1])
        assert eval(written, {**names, "x": volts}) == pytest.approx(truth, abs=1e-9)


def test_ltspice_refuses_a_look_up_of_half_a_point():
    with pytest.raises(InputError, match=r"3 numbers.*expected two points or more"):
        to_ltspice("* t\nb1 a 0 v = pwl(v(x), 0, 1, 2)\n.end\n")


def test_a_transient_keeps_its_largest_step_and_its_start():
    array = sn.Crossbar(device=sn.devices.VTEAM(), state=np.full((1, 1), 1e-9))
    deck = array.to_deck(pulse=sn.Pulse(row_volts=1.0, width_s=1e-8, rise_s=1e-9))
    hspice = written(deck, Dialect.HSPICE)
    assert ".option delmax=4e-10\n.tran 4e-10 1.2e-08 start=0 uic\n" in hspice
    assert "params:" not in hspice
    assert re.search(r"^xm0_0 r0 c0 s_w_0_0 vteam w_init=1e-09", hspice, re.MULTILINE)
    xyce = written(deck, Dialect.XYCE)
    assert ".tran 4e-10 1.2e-08 0 4e-10 uic\n" in xyce
    assert ".options timeint reltol=1e-06 abstol=1e-09\n" in xyce
    assert "xm0_0 r0 c0 s_w_0_0 vteam params: w_init=1e-09" in xyce
    with pytest.raises(InputError, match="compiled Verilog-A"):
        written(deck, Dialect.VACASK)


@pytest.mark.parametrize("dialect", [Dialect.XYCE, Dialect.HSPICE, Dialect.VACASK])
@pytest.mark.parametrize(
    ("card", "message"),
    [
        ('.include "a.lib"', "not self-contained"),
        (".control", "not self-contained"),
        ("s1 a b c d on", "a switch with hysteresis"),
        ("a1 a b model", "a code model"),
    ],
)
def test_what_a_program_has_not_is_refused_by_name(dialect, card, message):
    with pytest.raises(InputError, match=message):
        written(f"* t\n{card}\n.end\n", dialect)


@pytest.mark.parametrize("dialect", list(Dialect))
def test_the_folder_says_how_to_run_its_decks(dialect, tmp_path):
    assert set(PROGRAMS) == set(Dialect)
    assert [name.value for name in DialectName] == [name.value for name in Dialect]
    folder = tmp_path / "decks"
    folder.mkdir()
    found = write_decks("letters-3x3", {}, folder=folder, dialect=dialect)
    files = [deck["path"].rpartition("/")[2] for deck in found["decks"]]
    assert "read.cir" in files
    assert ("pulse.cir" in files) == (dialect is not Dialect.VACASK)
    assert ("network.cir" in files) == (dialect in (Dialect.NGSPICE, Dialect.LTSPICE))
    for name in {"read.cir", "pulse.cir", "network.cir"} - set(files):
        assert name in found["left_out"]
    text = (folder / "README.txt").read_text(encoding="utf-8")
    assert text == read_me(dialect, files)
    assert f"Run with: {PROGRAMS[dialect].run.replace('FILE', 'read.cir')}\n" in text
