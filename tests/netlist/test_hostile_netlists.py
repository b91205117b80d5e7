"""What is written in a netlist or a descriptor by somebody who means harm never becomes more than a
circuit."""

import os
import re
import subprocess

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spicesnn as sn
from spicesnn import paths
from spicesnn.errors import (
    ConfigError,
    DataError,
    InputError,
    SpicesnnError,
    UnsafeNetlistError,
    UnsupportedNetlistError,
)
from spicesnn.netlist.deck import joined, remark
from spicesnn.netlist.device_source import device_from
from spicesnn.netlist.drive_deck import drive_deck
from spicesnn.netlist.foreign import load_foreign
from spicesnn.netlist.network import Readout, network_deck
from spicesnn.netlist.pulse_deck import pulse_deck
from spicesnn.neurons.circuit import CircuitNeuron

LIB = (paths.netlists_dir() / "foreign_memristor.lib").read_text(encoding="utf-8")
TOML = (paths.netlists_dir() / "foreign_memristor.toml").read_text(encoding="utf-8")
SOUND = drive_deck(
    load_foreign(paths.netlists_dir() / "foreign_memristor.toml"),
    sn.Sine(amplitude=1.0, frequency=1.0, periods=1),
).text

HOSTILE = {
    "unused sub-circuit": ".subckt unused a b\nr#shell touch CANARY\n.ends",
    "unused E source": ".subckt unused a b\ne#shell touch CANARY\n.ends",
    "over a continuation": ".subckt unused a b\nr\n+#shell touch CANARY\n.ends",
    "title": ".title *ng_script\nalias zz shell\nzz touch CANARY",
    "quoted blank": '.lib "evil.txt tt"',
    "quoted": '.inc "evil.txt"x',
    "cider": 'd9 q1 0 m_pn\n.model m_pn numd level=1\n+ output rootfile="CANARY"',
    "cider without a name": ".model m nbjt",
    "initial file": 'd9 q1 0 m ic.file "CANARY"\n.model m d(is=1e-14)',
    "code model": 'a9 [q1 q2] mm\n.model mm filesource (file\n+="/etc/passwd")',
    "code model in brackets": "a9 %vd([q1 q2]) mm\n.model mm d_process ()",
    "own code model": ".model mm memristor (rmin=1)",
    "joined by backslashes": ".con\\\\\n+trol\nr9 q1 0 1",
    "shell": "shell touch CANARY",
    "alias": "alias r9 shell",
    "back-quotes": ".param x='`touch CANARY`'",
    "measured into a file": ".meas tran q max v(x) > CANARY",
    "control": ".control\nshell touch CANARY\n.endc",
    "control behind the end": ".end\n.control\nshell touch CANARY\n.endc",
    "exec": ".exec touch CANARY",
    "verilog": ".hdl x.va",
    "osdi": "pre_osdi x.osdi",
    "line separator": "r9 q1 0 1\u2028.control",
    "next line": "r9 q1 0 1\x85.control",
    "carriage return": "r9 q1 0 1\r.control\rshell touch CANARY\r.endc",
    "nul": "r9 q1 0 1\x00",
    "full width": "\uff0econtrol\nshell touch CANARY",
    "hidden": "*#shell touch CANARY",
    "outside": ".include ../CANARY",
    "home": ".include ~/x",
    "absolute": ".lib /etc/passwd tt",
    "itself": ".include foreign_memristor.lib",
    "unclosed": ".subckt other a b\nr1 a b 1",
    "many cards": "r9 q1 0 1\n" * 21_000,
    "odd name": ".subckt un@used a b\n.ends",
    "odd pin": ".subckt other a`b c\n.ends",
    "odd model": ".model m{x d(is=1)",
}


def loaded(folder, lib=LIB, toml=TOML):
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "foreign_memristor.lib").write_bytes(lib if isinstance(lib, bytes) else lib.encode())
    (folder / "d.toml").write_text(toml, encoding="utf-8")
    return load_foreign(folder / "d.toml")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_netlists_are_refused(text, tmp_path):
    (tmp_path / "evil.txt").write_text(".lib tt\nr1 a b 1\n.endl tt\n")
    with pytest.raises(SpicesnnError) as caught:
        loaded(tmp_path, f"{LIB}\n{text}\n")
    assert "foreign_memristor.lib" in str(caught.value)
    inside = LIB.replace(".func f(x,p)", f"{text[:9000]}\n.func f(x,p)")
    with pytest.raises(SpicesnnError):
        loaded(tmp_path, inside)


DEEP = {
    "brackets": "(" * 4000 + "1" + ")" * 4000,
    "signs": "-" * 4000 + "1",
    "sums": "+".join(["V(x)"] * 4000),
    "powers": "2**" * 4000 + "2",
    "calls": "f(1," * 4000 + "1" + ")" * 4000,
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP.keys())
def test_expressions_without_a_bottom_are_refused(text, tmp_path):
    with pytest.raises(UnsupportedNetlistError, match=r"line 10: .*(too deep|too long)"):
        loaded(
            tmp_path,
            LIB.replace(".func f(x,p)", f"b9 x 0 I={text}\n.func f(x,p)"),
            TOML.replace('"pspice"', '"ltspice"'),
        )


WORDS = [
    "shell touch CANARY",
    ".control",
    "*#",
    "`",
    '"',
    "\\",
    "$(x)",
    ";",
    "\r",
    "\u2028",
    "\x85",
    "r#",
    "{",
    "}",
    "'",
    "(",
    ")",
    "=",
    "+",
    ".inc x",
    "a1 [",
    "%",
    "@",
    "!",
    ".model m numd",
    "file=",
    "1e999",
    "\u00b5",
    "v(x)",
    "i(",
    "**",
    "?",
    ":",
    ",",
    "\x00",
    "\x0c",
    "\ufeff",
    "pwl file",
]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_whatever_is_put_anywhere_nothing_but_cards_of_our_own_is_written(data, tmp_path):
    text = LIB
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        text = (
            text[:at]
            + data.draw(st.sampled_from([*WORDS, "\n"]))
            + text[at + data.draw(st.sampled_from([0, 0, 1, 5])) :]
        )
    try:
        device = loaded(tmp_path, text)
    except SpicesnnError:
        return
    for line in device.circuit.text.split("\n"):
        assert re.fullmatch(
            r"(\.subckt|\.ends|\.param|\.model|[rcvb][a-z0-9_]*|\+) [a-z0-9_.(){}<>=!,*/+\- :]*",
            line,
        ), line
    # As words: an element may be called g.controlx, which stands in the deck as b_g_controlx.
    assert not re.search(r"\b(control|shell|file|include)\b|`|\"|#|;", device.circuit.text)


def test_pipes_devices_and_links_are_no_netlists(tmp_path):
    os.mkfifo(tmp_path / "pipe.lib")
    (tmp_path / "zero.lib").symlink_to("/dev/zero")
    (tmp_path / "loop.lib").symlink_to(tmp_path / "loop.lib")
    (tmp_path / "folder.lib").mkdir()
    wrong = {
        "pipe": "no plain file",
        "zero": "lies outside",
        "loop": "cannot be read|lies outside",
        "folder": "is a folder|no plain file",
    }
    for name, message in wrong.items():
        with pytest.raises((DataError, UnsafeNetlistError), match=message):
            loaded(tmp_path, toml=TOML.replace("foreign_memristor.lib", f"{name}.lib"))
    os.mkfifo(tmp_path / "pipe.toml")
    for read in (load_foreign, device_from):
        with pytest.raises(DataError, match="no plain file"):
            read(tmp_path / "pipe.toml")


def test_a_file_of_a_million_lines_is_refused_at_once(tmp_path):
    with pytest.raises(DataError, match="bytes; expected a netlist of at most"):
        loaded(tmp_path, b"* x\n" * 1_000_000)


def test_texts_in_other_encodings_are_read(tmp_path):
    text = LIB.replace("D=10N", "D=0.01\u00b5")
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "latin-1"):
        device = loaded(tmp_path, text.encode(encoding))
        assert "cx x 0 1.0" in device.circuit.text


TEXTS = (
    "a\n.control",
    "a\r.control",
    "a\u2028.control",
    "a\x85.control",
    "a\x0c",
    "a\x00",
    "a\u200bb",
    "#shell id",
    "ng_script",
)


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_from_outside_breaks_a_line_of_a_deck(text, tmp_path):
    with pytest.raises(InputError, match="cannot be written into a deck"):
        remark(text)
    array = sn.Crossbar(device=sn.devices.VTEAM(), shape=(1, 1), wires=sn.Wires())
    waveform = sn.Pulse(row_volts=[0.1], width_s=1e-9).waveform().checked(array)
    with pytest.raises(InputError, match="cannot be written into a deck"):
        pulse_deck(array, waveform, title=text)
    with pytest.raises(InputError, match="cannot be written into a deck"):
        network_deck(array, waveform, CircuitNeuron(), readout=Readout.SINGLE, title=text)
    quoted = text.encode("unicode_escape").decode().replace("\\x", "\\u00")
    for key in ("unit", "reference", "meaning"):
        hostile = re.sub(rf'(?m)^{key} = ".*"$', lambda _, key=key: f'{key} = "{quoted}"', TOML)
        assert hostile != TOML
        with pytest.raises(ConfigError, match="cannot be written into a deck"):
            loaded(tmp_path, toml=hostile)


def test_a_card_that_breaks_off_is_no_card():
    assert joined(["* t", "r1 a 0\n+ 1"]) == "* t\nr1 a 0\n+ 1\n"
    for card in ("r1 a 0 1\n.control", "r1 a 0 1\r.control", "r1 a 0 1\u2028.control"):
        with pytest.raises(InputError, match="deck"):
            joined(["* t", card])


def test_what_passes_runs_nothing_and_writes_nothing(tmp_path):
    text = f"{LIB}\n.save all\n.print tran v(x)\nv9 q 0 pwl(0 0 1 1)\n.subckt other a b\nr1 a b 1\n.ends\n"
    deck = drive_deck(
        loaded(tmp_path / "in", text), sn.Sine(amplitude=1.0, frequency=1.0, periods=1)
    ).text
    assert deck == SOUND
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "deck.cir").write_text(deck)
    command = ["ngspice", "-b", "deck.cir"]
    done = subprocess.run(
        command,
        cwd=tmp_path / "run",
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["deck.cir"]


def test_inclusions_and_library_sections_inside_the_folder_are_followed(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "f.inc").write_text(".func f(x,p)={1-(2*x-1)^(2*p)}\n")
    (tmp_path / "corners.lib").write_text(
        ".lib ss\n.param slow=2\n.endl ss\n.lib tt\n.param slow=1\n.include 'parts/f.inc'\n.endl tt\n"
    )
    plain = loaded(tmp_path / "plain").circuit.text
    text = LIB.replace(".func f(x,p)={1-(2*x-1)^(2*p)}\n", "").replace(
        "I(Emem)*uv", "slow*I(Emem)*uv"
    )
    assert loaded(tmp_path, f'.lib "corners.lib" tt\n{text}').circuit.text == plain
    assert (
        "(2.0 * i(bemem))"
        in loaded(tmp_path, f".lib corners.lib ss\n.inc parts/f.inc\n{text}").circuit.text
    )
    for card in (
        ".include ../x.inc",
        ".inc /etc/hostname",
        ".lib corners.lib ff",
        ".include corners.lib tt",
        ".include absent.inc",
    ):
        with pytest.raises(
            SpicesnnError,
            match=r"foreign_memristor.lib, line 1|no library section|cannot be read|no file",
        ):
            loaded(tmp_path, f"{card}\n{text}")


MEMORY = """.subckt two p n
cx x 0 1 ic=0.5
gx 0 x value={1e3*V(p,n)*(1-V(x))}
cy y 0 1
gy 0 y value={1e3*V(p,n)}
gm p n value={V(p,n)*(1e-4*V(x)+1e-6*V(y))}
cpar p n 1f
.ends
"""
STATES = 'name = "two"\nfile = "foreign_memristor.lib"\nsubckt = "two"\n[pins]\np = "p"\nn = "n"\n[states.x]\nnode = "x"\ncapacitor = "cx"\n'


def test_a_memory_that_is_not_declared_is_refused_by_name(tmp_path):
    with pytest.raises(
        SpicesnnError,
        match=r"line 4: the capacitor 'cy' keeps a charge of its own.*\[states.cy\] with node = \"y\"",
    ):
        loaded(tmp_path, MEMORY, STATES)
    device = loaded(
        tmp_path, MEMORY, STATES + '[states.y]\nnode = "y"\ncapacitor = "cy"\nhigh = 10.0\n'
    )
    array = sn.Crossbar(device=device, shape=(1, 1), wires=sn.Wires.ideal())
    assert array.state[:, 0, 0] == pytest.approx([0.5, 0.0])
    with sn.NgspiceEngine() as engine:
        once = engine.pulse(array, sn.Pulse(row_volts=0.5, width_s=1e-3, rise_s=1e-5)).array
        twice = engine.pulse(once, sn.Pulse(row_volts=0.5, width_s=1e-3, rise_s=1e-5)).array
    ends = [array.state[:, 0, 0] for array in (once, twice)]  # ∫V dt is 0.505 mV·s a pulse
    assert ends[0] == pytest.approx([1 - 0.5 * np.exp(-0.505), 0.505], rel=1e-3)
    assert ends[1] == pytest.approx([1 - 0.5 * np.exp(-1.01), 1.01], rel=1e-3)


INITIAL = """.subckt hp plus minus params: ron=100 roff=16k rinit=11k
gx 0 x value={I(em)*1e4*(1-(2*V(x)-1)**2)}
cx x 0 1 ic={(roff-rinit)/(roff-ron)}
em plus aux value={-I(em)*V(x)*(roff-ron)}
ro aux minus {roff}
.ends hp
"""
HP = """name = "hp"
file = "foreign_memristor.lib"
subckt = "hp"
[pins]
p = "plus"
n = "minus"
[states.x]
node = "x"
capacitor = "cx"
[parameters.rinit]
default = 11e3
lowest = 100
highest = 1e6
"""


def test_a_state_starts_where_the_text_says_at_the_parameters_that_are_set(tmp_path):
    device = loaded(tmp_path, INITIAL, HP)
    assert device.initial_state() == pytest.approx(5000 / 15900, rel=1e-12)
    assert device.with_text(rinit="2k").initial_state() == pytest.approx(14000 / 15900, rel=1e-12)
    mixed = device.with_parameters(rinit=np.array([[2e3, 11e3]]))
    assert sn.Crossbar(device=mixed, shape=(1, 2), wires=sn.Wires()).state[0] == pytest.approx(
        [14000 / 15900, 5000 / 15900]
    )
    with pytest.raises(
        InputError, match=r"the state x would start at -0.25.*as ic= in the text says"
    ):
        device.with_text(rinit="20k")
    with sn.NgspiceEngine() as engine:
        curve = sn.iv(device, engine, amplitude=1.2, frequency=1.0, periods=1)
    assert np.abs(curve.amps).max() == pytest.approx(180.6e-6, rel=1e-3)
