import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spicesnn.errors import DataError, UnsafeNetlistError
from spicesnn.netlist.safety import check_text, flatten

GOOD = "* fine\n.subckt cell p n params: r=1k\nr1 p n {r} ; note\n+ tc1=0\n.model sw sw(vt=0.5)\n.options reltol=1e-4 gmin=1e-15\n.ends\n"

BAD = {
    "control": ("r1 a 0 1\n.control\nrun\n.endc\n", 4, "'run'"),
    "empty control": ("r1 a 0 1\n.CONTROL\nfoo = 1\n.endc\n", 3, "'.control'"),
    "shell": (".control\nshell rm -rf x\n.endc\n", 3, "'shell'"),
    "spaced shell": ("   .control\n \t shell id\n.endc\n", 3, "'shell'"),
    "unclosed": ("r1 a 0 1\n.control\n* nothing\n", 3, "without an end"),
    "bare shell": ("shell echo hello\n", 2, "'shell'"),
    "source": ("source other.cir\n", 2, "'source'"),
    "codemodel": ("codemodel /x/y.cm\n", 2, "'codemodel'"),
    "write": (".control\nwrite /etc/passwd all\n.endc\n", 3, "'write'"),
    "wrdata": ("wrdata out v(a)\n", 2, "'wrdata'"),
    "hidden": ("*# shell id\n", 2, "hidden command"),
    "ng_script": ("*ng_script\n", 2, "hidden command"),
    "unknown card": (".exec id\n", 2, "'.exec'"),
    "joined control": (".con\n+trol\n", 2, "'.con'"),
    "option": (".options reltol=1e-3 editor=evil\n", 2, "'editor'"),
    "filesource": ('.model m filesource (file="/etc/passwd")\n', 2, "file name"),
    "process": (".model m d_process (a=1)\n", 2, "d_process"),
    "continued model": (".model m\n+ d_cosim(x=1)\n", 2, "d_cosim"),
    "file": ('v1 a 0 pwl file="x.csv"\n', 2, "file name"),
    "back-quote": ("r1 a 0 `id`\n", 2, "back-quote"),
    "nul": ("r1 a 0 1\0\n", 2, "control character"),
    "library over lines": (".lib evil.lib\n+ tt\n", 2, "an inclusion over several lines"),
    "library section over lines": (
        ".lib evil\n* between\n+ tt\n",
        2,
        "an inclusion over several lines",
    ),
    "include over lines": (".include\n+ /etc/passwd\n", 2, "an inclusion over several lines"),
    "file over lines": (
        'a1 [a] m\n.model m xfer (file\n+ = "/etc/passwd")\n',
        3,
        "over several lines",
    ),
    "d_source": ('.model m d_source (input_file="x")\n', 2, "file name"),
    "d_state": (".model m d_state (a=1)\n", 2, "d_state"),
    "input file": ('.model m foo (INPUT_FILE  = "x")\n', 2, "file name"),
    "byte order mark": ("\ufeff.control\nshell id\n.endc\n", 2, "invisible"),
    "zero width": (".con\u200btrol\nshell id\n.endc\n", 2, "invisible"),
    "full width": ("\uff0econtrol\nshell id\n.endc\n", 2, "neither a card nor an element"),
    "no-break space": ("\u00a0.control\nshell id\n.endc\n", 3, "'shell'"),
    "line separator": ("r1 a 0 1\u2028.control\n", 2, "control character"),
    "next line": ("r1 a 0 1\x85.control\n", 2, "control character"),
    "carriage return": ("r1 a 0 1\r.control\rshell id\r.endc\r", 2, "control character"),
    "crlf": ("r1 a 0 1\r\n.control\r\nshell id\r\n.endc\r\n", 4, "'shell'"),
    "very long line": ("* " + "x" * 900_000 + "\n.control\nshell id\n.endc\n", 4, "'shell'"),
    "conditional": (".if (1)\n.control\nshell id\n.endc\n.endif\n", 4, "'shell'"),
    "behind the end": (".end\n.control\nshell id\n.endc\n", 4, "'shell'"),
    "command substitution": (".control\nset x=`id`\n.endc\n", 3, "'set'"),
    "echo into a file": (".control\necho hi > x\n.endc\n", 3, "'echo'"),
    "print into a file": (".print tran v(a) > x\n", 2, "'.print' into a file"),
    "measure into a file": (".meas tran x\n+ max v(a) > x\n", 2, "'.meas' into a file"),
    "history": ("!id\n", 2, "neither a card nor an element"),
    "hash": ("#shell id\n", 2, "neither a card nor an element"),
    "at": ("@shell id\n", 2, "neither a card nor an element"),
    "pre_codemodel": ("pre_codemodel x.cm\n", 2, "'pre_codemodel'"),
    "option over lines": (".option\n+ rawfile=/tmp/x\n", 2, "'rawfile'"),
    "verilog": (".verilog x.v\n", 2, "'.verilog'"),
    "load": (".load x.raw\n", 2, "'.load'"),
    "data": (".data x.csv\n", 2, "'.data'"),
    "table file": ('b1 a 0 v = pwl(time, file="x")\n', 2, "file name"),
    "form feed": ("r1 a 0 1\x0c.control\n", 2, "control character"),
}


def test_a_plain_circuit_passes():
    check_text(GOOD, "good.lib")


@pytest.mark.parametrize(("text", "line", "what"), BAD.values(), ids=BAD.keys())
def test_what_is_more_than_a_circuit_is_refused_by_name_and_line(text, line, what):
    with pytest.raises(
        UnsafeNetlistError, match=rf"(?s)foreign\.lib, line {line}: .*{re.escape(what)}.*--trust"
    ) as caught:
        check_text("* a title\n" + text, "foreign.lib")
    assert isinstance(caught.value, PermissionError)


HARMLESS = {
    "a comment at the end": "r1 a 0 1 ; .control\n",
    "dollar comment": "r1 a 0 1 $ .control\n",
    "in brackets": "r9 a 0 $(touch pwned)\n",
    "shell as an element": "shell(touch pwned)\n",
    "a vector": "let x=1\n",
    "print as an element": "print v(a) > pwned\n",
    "hardcopy": "hardcopy pwned v(a)\n",
    "exported parameter": ".csparam x=1\n",
    "save": ".save all\n",
    "table in quotes": 'e1 b 0 table "evil.lib" v(a)\n',
    "source in quotes": 'v9 b 0 pwl file "evil.lib"\n',
    "substitution in a parameter": ".param x='$(touch pwned)'\n",
}
"""What is let through, because ngspice does nothing with it, which the test below sees for
itself."""


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_passes_writes_nothing_and_runs_nothing_in_ngspice(text, tmp_path):
    check_text(text, "foreign.lib")
    (tmp_path / "evil.lib").write_text(".lib tt\n.control\nshell touch pwned\n.endc\n.endl tt\n")
    (tmp_path / "deck.cir").write_text(f"* t\nv1 a 0 1\nr1 a 0 1\n.tran 1u 3u\n{text}.end\n")
    subprocess.run(
        ["ngspice", "-b", "deck.cir"],
        cwd=tmp_path,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=30,
        check=False,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deck.cir", "evil.lib"]


def test_the_netlist_itself_lies_in_the_folder_of_what_names_it(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "outside.lib").write_text("r1 a b 1\n")
    with pytest.raises(UnsafeNetlistError, match="lies outside"):
        flatten(tmp_path / "mine" / ".." / "outside.lib", folder=tmp_path / "mine")
    (tmp_path / "mine" / "link.lib").symlink_to(tmp_path / "outside.lib")
    with pytest.raises(UnsafeNetlistError, match="lies outside"):
        flatten(tmp_path / "mine" / "link.lib", folder=tmp_path / "mine")
    assert "r1 a b 1" in flatten(
        tmp_path / "mine" / "link.lib", folder=tmp_path / "mine", trust=True
    )


@pytest.mark.parametrize(
    "target", ["../outside.lib", "/etc/hostname", "~/x", "$HOME/x", "link.lib"]
)
@pytest.mark.parametrize("card", [".include {}", '.INC "{}"', ".lib '{}' tt"])
def test_inclusions_outside_the_folder_are_refused(tmp_path, target, card):
    folder = tmp_path / "mine"
    folder.mkdir()
    (tmp_path / "outside.lib").write_text("r1 a b 1\n")
    (folder / "link.lib").symlink_to(tmp_path / "outside.lib")
    (folder / "main.lib").write_text(f"* x\n\n{card.format(target)}\n")
    with pytest.raises(UnsafeNetlistError, match=r"main\.lib, line 3: an inclusion of"):
        flatten(folder / "main.lib")


def test_inclusions_inside_the_folder_are_put_in_their_places_and_checked_too(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "main.lib").write_text(
        '* main\n.include "sub/a.lib"\n.lib parts.lib tt\nr9 a b 9\n'
    )
    (tmp_path / "sub" / "a.lib").write_text(".include ../b.lib\n")
    (tmp_path / "b.lib").write_text("r2 a b 2\n")
    (tmp_path / "parts.lib").write_text(
        ".lib ss\nr3 a b 30\n.endl ss\n.lib tt\nr3 a b 3\n.endl tt\n"
    )
    flat = flatten(tmp_path / "main.lib")
    cards = [line for line in flat.splitlines() if line.strip() and not line.startswith("*")]
    assert cards == ["r2 a b 2", "r3 a b 3", "r9 a b 9"]
    (tmp_path / "b.lib").write_text("* b\nshell id\n")
    with pytest.raises(UnsafeNetlistError, match=r"b\.lib, line 2: the command 'shell'"):
        flatten(tmp_path / "main.lib")


def test_trust_takes_everything_as_it_is(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "outside.lib").write_text("r1 a b 1\n")
    (tmp_path / "mine" / "main.lib").write_text(
        ".include ../outside.lib\n.control\nshell id\n.endc\n"
    )
    flat = flatten(tmp_path / "mine" / "main.lib", trust=True)
    assert "r1 a b 1" in flat
    assert "shell id" in flat


def test_loops_and_absent_files_are_errors(tmp_path):
    (tmp_path / "loop.lib").write_text(".include loop.lib\n")
    with pytest.raises(DataError, match="more than 12 deep"):
        flatten(tmp_path / "loop.lib")
    with pytest.raises(DataError, match=r"there is no file .*absent\.lib"):
        flatten(tmp_path / "absent.lib")
    (tmp_path / "main.lib").write_text(".lib loop.lib nowhere\n")
    with pytest.raises(DataError, match="no library section 'nowhere'"):
        flatten(tmp_path / "main.lib")
    (tmp_path / "big.lib").write_text("*" * 2_000_001)
    with pytest.raises(DataError, match="2000001 bytes"):
        flatten(tmp_path / "big.lib")


@settings(max_examples=200, deadline=None)
@given(
    before=st.text("r1ab \t*+\n.", max_size=12),
    command=st.sampled_from(
        [
            ".control\nshell id\n.endc",
            "*# shell id",
            ".CONTROL\n+\nwrite x\n.ENDC",
            "\t.control \nsource x\n.endc",
        ]
    ),
    after=st.text("r1ab \t*+\n.", max_size=12),
)
def test_no_surroundings_hide_a_command(before, command, after):
    with pytest.raises(UnsafeNetlistError):
        check_text(f"{before}\n{command}\n{after}", "x")


@pytest.mark.parametrize("line", ['.hdl "x.va"', "pre_osdi x.osdi", ".control\npre_osdi x\n.endc"])
def test_what_loads_verilog_a_is_told_where_that_goes(line):
    text = f"r1 a 0 1\n{line}\n"
    with pytest.raises(UnsafeNetlistError, match=r"line [23]: .*import its text itself: spicesnn"):
        check_text(text, "model.lib")
    with pytest.raises(UnsafeNetlistError, match=r"line [23]: .*import its text itself: spicesnn"):
        check_text(text, "model.lib", translated=True)
