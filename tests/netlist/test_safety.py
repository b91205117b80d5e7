import re

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
    "pre_osdi": ("pre_osdi evil.osdi\n", 2, "'pre_osdi'"),
    "write": (".control\nwrite /etc/passwd all\n.endc\n", 3, "'write'"),
    "wrdata": ("wrdata out v(a)\n", 2, "'wrdata'"),
    "hidden": ("*# shell id\n", 2, "hidden command"),
    "ng_script": ("*ng_script\n", 2, "hidden command"),
    "unknown card": (".exec id\n", 2, "'.exec'"),
    "joined control": (".con\n+trol\n", 2, "'.con'"),
    "hdl": ('.hdl "x.va"\n', 2, "'.hdl'"),
    "option": (".options reltol=1e-3 editor=evil\n", 2, "'editor'"),
    "filesource": ('.model m filesource (file="/etc/passwd")\n', 2, "file name"),
    "process": (".model m d_process (a=1)\n", 2, "d_process"),
    "continued model": (".model m\n+ d_cosim(x=1)\n", 2, "d_cosim"),
    "file": ('v1 a 0 pwl file="x.csv"\n', 2, "file name"),
    "back-quote": ("r1 a 0 `id`\n", 2, "back-quote"),
    "nul": ("r1 a 0 1\0\n", 2, "control character"),
    "form feed": ("r1 a 0 1\x0c.control\n", 2, "control character"),
}


def test_a_plain_circuit_passes():
    check_text(GOOD, "good.lib")


@pytest.mark.parametrize(("text", "line", "what"), BAD.values(), ids=BAD.keys())
def test_what_is_more_than_a_circuit_is_refused_by_name_and_line(text, line, what):
    with pytest.raises(UnsafeNetlistError, match=rf"(?s)foreign\.lib, line {line}: .*{re.escape(what)}.*--trust") as caught:
        check_text("* a title\n" + text, "foreign.lib")
    assert isinstance(caught.value, PermissionError)


@pytest.mark.parametrize("target", ["../outside.lib", "/etc/hostname", "~/x", "$HOME/x", "link.lib"])
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
    (tmp_path / "main.lib").write_text('* main\n.include "sub/a.lib"\n.lib parts.lib tt\nr9 a b 9\n')
    (tmp_path / "sub" / "a.lib").write_text(".include ../b.lib\n")
    (tmp_path / "b.lib").write_text("r2 a b 2\n")
    (tmp_path / "parts.lib").write_text(".lib ss\nr3 a b 30\n.endl ss\n.lib tt\nr3 a b 3\n.endl tt\n")
    flat = flatten(tmp_path / "main.lib")
    cards = [line for line in flat.splitlines() if line.strip() and not line.startswith("*")]
    assert cards == ["r2 a b 2", "r3 a b 3", "r9 a b 9"]
    (tmp_path / "b.lib").write_text("* b\nshell id\n")
    with pytest.raises(UnsafeNetlistError, match=r"b\.lib, line 2: the command 'shell'"):
        flatten(tmp_path / "main.lib")


def test_trust_takes_everything_as_it_is(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "outside.lib").write_text("r1 a b 1\n")
    (tmp_path / "mine" / "main.lib").write_text(".include ../outside.lib\n.control\nshell id\n.endc\n")
    flat = flatten(tmp_path / "mine" / "main.lib", trust=True)
    assert "r1 a b 1" in flat
    assert "shell id" in flat


def test_loops_and_absent_files_are_errors(tmp_path):
    (tmp_path / "loop.lib").write_text(".include loop.lib\n")
    with pytest.raises(DataError, match="more than 12 deep"):
        flatten(tmp_path / "loop.lib")
    with pytest.raises(DataError, match=r"absent\.lib cannot be read: No such file"):
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
    command=st.sampled_from([".control\nshell id\n.endc", "*# shell id", ".CONTROL\n+\nwrite x\n.ENDC", "\t.control \nsource x\n.endc"]),
    after=st.text("r1ab \t*+\n.", max_size=12),
)
def test_no_surroundings_hide_a_command(before, command, after):
    with pytest.raises(UnsafeNetlistError):
        check_text(f"{before}\n{command}\n{after}", "x")
