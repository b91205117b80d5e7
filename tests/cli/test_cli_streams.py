"""Streams that the shell has closed, filled or made narrow, readers that leave, signals: one line
at most, never a traceback."""

import gc
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import spicesnn
from spicesnn.cli import app, main, streams
from spicesnn.cli.output import console_on

SPICESNN = f"{sys.executable} -m spicesnn"
ENDING = """
import sys
from spicesnn.cli import main
from spicesnn.devices import registry
real = registry.describe_all
registry.describe_all = lambda: (print("stray") or real())
sys.exit(main({arguments}))
"""


def shell(line, **environment):
    variables = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment}
    return subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        env=variables,
        check=False,
        encoding="utf-8",
    )


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("{spicesnn} devices | head -1; echo ${{PIPESTATUS[0]}}", "0"),
        ("{spicesnn} devices --json | head -c 9; echo ${{PIPESTATUS[0]}}", "0"),
        ("{spicesnn} --help | true; echo ${{PIPESTATUS[0]}}", "0"),
        ("{spicesnn} --version <&- >&- 2>&-; echo $?", "0"),
        ("{spicesnn} train no-such 2> /dev/full; echo $?", "2"),
    ],
)
def test_a_reader_that_leaves_or_is_not_there_is_no_failure(line, codes):
    done = shell(line.format(spicesnn=SPICESNN))
    assert done.stderr == ""
    assert done.stdout.endswith(f"{codes}\n")


@pytest.mark.parametrize("arguments", ["devices", "devices --json"])
def test_an_answer_that_cannot_be_printed_is_one_line(arguments):
    done = shell(f"{SPICESNN} {arguments} > /dev/full")
    assert (done.returncode, done.stderr) == (
        1,
        "error: the answer cannot be printed: No space left on device\n",
    )


def test_a_closed_stdout_does_not_lend_its_number_to_a_file(tmp_path):
    """What a library prints would go into the next file that is opened."""
    code = ENDING.format(arguments=["devices", "--out", str(tmp_path / "out")])
    assert (
        subprocess.run(
            ["bash", "-c", f"{sys.executable} -c {shlex.quote(code)} >&-"], check=False
        ).returncode
        == 0
    )
    assert json.loads((tmp_path / "out" / "devices.json").read_text())["devices"]


def test_letters_that_a_stream_has_not_are_spelled():
    done = shell(f"{SPICESNN} devices vteam", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert re.search(r"r_off\s+\|\s+1000\s+\|\s+Ohm\s+\|\s+> 0", done.stdout), done.stdout
    assert "5 uS, −40 °C".encode("ascii", "spicesnn-plain") == b"5 uS, -40  degreesC"
    assert "\udcff☃".encode("latin-1", "spicesnn-plain") == b"??"


def test_json_holds_a_name_that_is_not_text(tmp_path):
    name = os.fsencode(tmp_path / "a") + b"\xff"
    done = subprocess.run(
        [*SPICESNN.split(), "netlist", "xpue", "--out", name, "--json"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert os.fsencode(json.loads(done.stdout)["decks"][0]["path"]) == name + b"/read.cir"


def test_brackets_and_colons_in_a_path_are_printed_as_they_are(run):
    for name in ("x[/y] :smile: [bold]", "two words"):
        code, out, _ = run("netlist", "xpue", "--out", name)
        assert code == 0
        assert f"{name}/read.cir: " in out


@pytest.mark.parametrize("extra", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_narrow_terminal_folds_words_and_leaves_none_out(extra):
    """40 columns, as on a telephone; with colours unless they are refused."""
    ours, theirs = pty.openpty()
    command = ["bash", "-c", f"stty cols 40; {SPICESNN} devices"]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "TERM": "xterm", **extra}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end has gone
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert process.wait() == 0
    text = seen.decode()
    assert not re.search(r"\w…", text)
    assert ("\x1b" in text) == (extra.get("TERM") != "dumb")
    assert not ("NO_COLOR" in extra and re.search(r"\x1b\[[\d;]*\b[39][0-8]\b", text))
    lines = [line for line in text.splitlines() if "\x1b" not in line]
    assert lines
    assert max(map(len, lines)) <= (
        80 if extra.get("TERM") == "dumb" else 40
    )  # of a dumb one rich does not ask the width


def test_what_the_machine_refuses_is_no_defect(run, monkeypatch):
    def refuse():
        raise OSError(28, "No space left on device", "somewhere/figure.png")

    monkeypatch.setattr("spicesnn.devices.registry.describe_all", refuse)
    code, _, err = run("devices")
    assert code == 1
    assert err.startswith(
        "error: somewhere/figure.png: No space left on device; free what is short"
    )

    def exhaust():
        raise MemoryError

    monkeypatch.setattr("spicesnn.devices.registry.describe_all", exhaust)
    assert "the memory of this machine does not suffice" in run("devices")[2]


def test_a_defect_is_told_even_where_no_file_can_be_written(run, monkeypatch):
    def broken():
        raise ZeroDivisionError("unforeseen")

    def nowhere(text):
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("spicesnn.devices.registry.describe_all", broken)
    monkeypatch.setattr(app, "error_log", nowhere)
    code, _, err = run("devices")
    assert code == 1
    assert "report it with the text above" in err
    assert "ZeroDivisionError: unforeseen" in err


@pytest.fixture
def bare_signals():
    """Signals as a command in a terminal finds them.

    Whoever measures coverage handles SIGTERM itself, and what a shell starts in the background
    ignores SIGINT."""
    found = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in found.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (signal.SIGINT, "interrupted"),
        (signal.SIGTERM, "stopped by SIGTERM"),
        (signal.SIGHUP, "stopped by SIGHUP"),
    ],
)
def test_a_signal_is_one_line_and_128_and_its_number(
    run, run_json, monkeypatch, bare_signals, number, word
):
    def stopped():
        signal.raise_signal(number)

    monkeypatch.setattr("spicesnn.devices.registry.describe_all", stopped)
    before = signal.getsignal(number)
    assert run("devices") == (128 + number, "", f"error: {word}\n")
    code, answer, _ = run_json("devices")
    assert (code, answer) == (
        128 + number,
        {"error": word, "kind": "KeyboardInterrupt", "exit_code": 128 + number},
    )
    assert signal.getsignal(number) == before


def test_a_signal_that_was_to_be_ignored_is(run, monkeypatch):
    monkeypatch.setattr(
        "spicesnn.devices.registry.describe_all", lambda: signal.raise_signal(signal.SIGHUP) or []
    )
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run("devices", "--json")[0] == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "stopped by SIGTERM")]
)
def test_a_signal_that_falls_into_the_garbage_collector_is_not_lost(
    run, monkeypatch, bare_signals, number, word
):
    def collecting(phase, info):
        gc.callbacks.remove(collecting)
        signal.raise_signal(number)

    def long():
        gc.callbacks.append(collecting)
        gc.collect()
        for _ in range(50):
            time.sleep(0.1)
        pytest.fail("the signal was lost")

    monkeypatch.setattr("spicesnn.devices.registry.describe_all", long)
    hook = sys.unraisablehook
    assert run("devices") == (128 + number, "", f"error: {word}\n")
    assert sys.unraisablehook is hook


@pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "stopped by SIGTERM")]
)
def test_a_signal_that_falls_into_code_run_from_text_keeps_its_exit_code(
    tmp_path, bare_signals, number, word
):
    """Such as the functions that `dataclass` writes: Python itself would end ``python -m`` by
    SIGINT, though the interrupt was caught."""
    (tmp_path / "stopped.py").write_text(
        "import signal, sys\nfrom spicesnn.cli import main\nfrom spicesnn.devices import registry\n"
        f"registry.describe_all = lambda: exec('signal.raise_signal({int(number)})', {{'signal': signal}})\nsys.exit(main(['devices']))\n"
    )
    home = str(Path(spicesnn.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "stopped"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": home},
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", f"error: {word}\n")


def test_what_was_noted_on_an_interrupt_is_said(run, monkeypatch):
    def stopped():
        stop = KeyboardInterrupt()
        stop.add_note("3 of 5 points are kept")
        raise stop

    monkeypatch.setattr("spicesnn.devices.registry.describe_all", stopped)
    assert run("devices")[2] == "error: interrupted; 3 of 5 points are kept\n"


def test_an_interrupt_while_commands_are_loaded(monkeypatch, capfd):
    def stopped(argv):
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "run", stopped)
    assert main([]) == 130
    assert capfd.readouterr() == ("", "error: interrupted\n")


def test_a_console_raises_what_its_reader_did(tmp_path):
    with (tmp_path / "file").open("w") as file:
        console = console_on(file)
        file.close()
        with pytest.raises(ValueError, match="closed file"):
            console.print("nobody reads this")
        with pytest.raises(BrokenPipeError):
            console.on_broken_pipe()


def test_say_is_silent_where_nobody_listens(monkeypatch):
    class Gone:
        def write(self, text):
            raise BrokenPipeError

        def fileno(self):
            raise OSError

    monkeypatch.setattr(streams.sys, "stderr", Gone())
    assert streams.say("unheard") is None


def test_a_stopped_read_in_ngspice_ends_at_once_and_leaves_no_worker(tmp_path):
    """The real thing: SIGTERM while ngspice computes."""
    command = [*SPICESNN.split(), "validate", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    workers, deadline = [], time.monotonic() + 60
    while not workers and time.monotonic() < deadline:
        time.sleep(0.1)
        workers = [child.pid for child in psutil.Process(process.pid).children()]
    time.sleep(0.3)
    process.terminate()
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (143, "", "error: stopped by SIGTERM\n")
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not (tmp_path / "out").exists()  # made by the command, and empty
