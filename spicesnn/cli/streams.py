"""What the shell hands to a command: streams that may be closed, full or of few letters, and
signals that end it."""

from __future__ import annotations

import codecs
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TextIO

from spicesnn.platform import interrupt_main_thread, stopping_signals

_PLAIN = {
    "µ": "u",
    "Ω": "Ohm",
    "−": "-",
    "–": "-",
    "…": "...",
    "×": "x",
    "±": "+/-",
    "⇄": "<->",
    "→": "->",
    "τ": "tau",
    "≤": "<=",
    "≥": ">=",
    "⁺": "+",
    "⁻": "-",
    "²": "^2",
    "³": "^3",
    "½": "1/2",
    "°": " degrees",
    "·": "*",
    "∞": "inf",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "λ": "lambda",
}
_LETTERS = "spicesnn-plain"
_AGAIN_S = 0.05
"""How long after an interrupt that was dropped it is sent again."""


def _in_plain_letters(error: UnicodeError) -> tuple[str, int]:
    """Spell what a stream has no letter for: 5 µS must not become 5 S."""
    assert isinstance(error, UnicodeEncodeError)
    return (
        "".join(_PLAIN.get(letter, "?") for letter in error.object[error.start : error.end]),
        error.end,
    )


codecs.register_error(_LETTERS, _in_plain_letters)


def make_whole() -> None:
    """Open /dev/null where the shell has closed a standard stream, and let both outputs spell what
    they have no letter for.

    Left closed, its number goes to the next file that is opened, and what a library prints goes
    into that file."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, number)
            if nothing != number:
                os.close(nothing)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 (lives as long as the process)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_LETTERS)


def say(text: str) -> None:
    """Write a line to stderr; if nobody can read it there, there is nobody to tell."""
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        forsake(sys.stderr)


@contextlib.contextmanager
def reserved_stdout(reserve: bool) -> Iterator[TextIO]:
    """Give the real stdout to the caller alone: whatever else is printed meanwhile, also by
    libraries in C, goes to stderr."""
    if not reserve:
        yield sys.stdout
        return
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    real = os.dup(1)
    os.dup2(2, 1)
    previous, sys.stdout = sys.stdout, sys.stderr
    try:
        # A name that is not text comes as \udcXX, which is how JSON spells it, too.
        channel = os.fdopen(real, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
        yield channel
        with contextlib.suppress(OSError):
            channel.close()
    finally:
        sys.stdout = previous
        os.dup2(real, 1)
        os.close(real)


def forsake(channel: TextIO) -> None:
    """Send what is left in a stream that cannot be written to nowhere: at its exit Python would
    try, and complain, once more."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):
        os.dup2(nothing, channel.fileno())
    os.close(nothing)


class Stopped(KeyboardInterrupt):
    """An interrupt by a signal.

    A class of its own: Python ends a process by SIGINT, whatever its exit code, once a bare
    `KeyboardInterrupt` has left code that was run from text (as `dataclass` and numba run some),
    even if it was caught afterwards."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C raise `Stopped`, in the main thread and unless somebody else handles it."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Stopped

    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def stoppable() -> Iterator[list[int]]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does: workers are ended, what was learnt is
    kept, scratch folders are removed.

    Yields the signals that came. Whoever told the process to ignore one of them, as nohup does, is
    obeyed. An interrupt that falls into a callback of the garbage collector, or into a destructor,
    is dropped by Python: it is sent again."""
    caught: list[int] = []
    unraised = sys.unraisablehook

    def stop(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        raise Stopped

    def again(dropped: sys.UnraisableHookArgs) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            later = threading.Timer(
                _AGAIN_S, interrupt_main_thread, (caught[0] if caught else signal.SIGINT,)
            )
            later.daemon = True
            later.start()
        elif not caught:  # once a callback was cut short it may complain for ever
            unraised(dropped)

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {
            number: signal.signal(number, stop)
            for number in stopping_signals()
            if signal.getsignal(number) is signal.SIG_DFL
        }
        sys.unraisablehook = again
    try:
        yield caught
    finally:
        sys.unraisablehook = unraised
        for number, handler in before.items():
            signal.signal(number, handler)
