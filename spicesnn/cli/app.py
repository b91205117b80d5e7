"""The commands put together, and the one place where results are printed and errors become messages
and exit codes."""

from __future__ import annotations

import errno
import functools
import logging
import re
import shlex
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TextIO

import typer
from typer.core import TyperCommand, TyperGroup

from spicesnn._version import __version__
from spicesnn.cli.characterize import characterize
from spicesnn.cli.devices import devices
from spicesnn.cli.doctor import doctor
from spicesnn.cli.fit import fit
from spicesnn.cli.import_ import import_
from spicesnn.cli.infer import infer
from spicesnn.cli.iv import iv
from spicesnn.cli.map import map_
from spicesnn.cli.netlist import netlist
from spicesnn.cli.option_groups import spelt_out
from spicesnn.cli.options import remove_empty_folders
from spicesnn.cli.output import Answer, console_on, error_log, write_json
from spicesnn.cli.report import report
from spicesnn.cli.stdp_window import stdp_window
from spicesnn.cli.streams import forsake, make_whole, reserved_stdout, say, stoppable
from spicesnn.cli.study import study
from spicesnn.cli.sweep import sweep
from spicesnn.cli.train import train
from spicesnn.cli.validate import validate
from spicesnn.cli.words import hint, taken_as_it_stands
from spicesnn.errors import (
    ConfigError,
    InputError,
    NgspiceError,
    NgspiceMissingError,
    SpicesnnError,
    UnknownNameError,
)

FAILED, WRONG_USAGE, NO_NGSPICE, BY_SIGNAL = 1, 2, 3, 128
_NOT_OURS = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ELOOP,
        errno.ETXTBSY,
        errno.ESTALE,
    }
)
"""What the machine refuses is no defect of spicesnn."""


class _Flags:
    """Commands whose flags, the help among them, show no type: they take no value."""

    def get_params(self, ctx: Any) -> list[Any]:
        found: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in found:
            if getattr(parameter, "is_flag", False) and parameter.metavar is None:
                parameter.metavar = " "
        return found


class _Command(_Flags, TyperCommand):
    pass


class _Group(_Flags, TyperGroup):
    pass


app = typer.Typer(
    name="spicesnn",
    cls=_Group,
    help="Spiking neural networks on memristor crossbars, solved as circuits.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spicesnn {__version__}")
        raise typer.Exit


@app.callback(
    epilog=(
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no ngspice, 130 Ctrl-C, 143 SIGTERM. Begin"
        " with: spicesnn doctor"
    )
)
def _root(
    version: bool = typer.Option(
        False,
        "--version",
        callback=_version,
        is_eager=True,
        help="Print the version and stop.",
    ),
) -> None:
    """Spiking neural networks on memristor crossbars, solved as circuits."""


_WRITTEN: dict[str, Callable[..., Answer]] = {
    "doctor": doctor,
    "devices": devices,
    "iv": iv,
    "train": train,
    "infer": infer,
    "map": map_,
    "sweep": sweep,
    "study": study,
    "report": report,
    "netlist": netlist,
    "validate": validate,
    "stdp-window": stdp_window,
    "fit": fit,
    "characterize": characterize,
    "import": import_,
}
_COMMANDS = {name: spelt_out(command) for name, command in _WRITTEN.items()}


class _Interruption(Exception):  # noqa: N818 (no error: somebody wanted it)
    """An interrupt with what those who were interrupted noted on it. A bare one does not come
    through typer, which makes a number of it."""


def _with_notes(function: Callable[..., Answer]) -> Callable[..., Answer]:
    @functools.wraps(function)
    def command(*arguments: Any, **options: Any) -> Answer:
        try:
            return function(*arguments, **options)
        except KeyboardInterrupt as stop:
            raise _Interruption(*getattr(stop, "__notes__", ())) from None

    return command


for _name, _function in _COMMANDS.items():
    _text = taken_as_it_stands(_function)
    app.command(_name, cls=_Command, help=_text, short_help=_text.partition("\n\n")[0])(
        _with_notes(_function)
    )


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command, print its answer or its error, and return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    make_whole()
    logging.getLogger("matplotlib").setLevel(
        logging.ERROR
    )  # of a home that cannot be written it tells at every start; `doctor` does once
    with stoppable() as signals, reserved_stdout(as_json) as channel, warnings.catch_warnings():
        warnings.showwarning = _warn
        try:
            result = app(args=arguments, prog_name="spicesnn", standalone_mode=False)
            if isinstance(result, Answer):
                return _shown(result, as_json, channel)
            if (
                result == BY_SIGNAL + signal.SIGINT
            ):  # typer's word for an interrupt before the command itself
                return _failed(KeyboardInterrupt(), arguments, as_json, channel, signals)
            return result if isinstance(result, int) else 0
        except SystemExit as stop:
            if isinstance(
                stop.__context__, BrokenPipeError
            ):  # whoever read the help has read enough
                return 0
            return stop.code if isinstance(stop.code, int) else FAILED
        except BaseException as error:
            return _failed(error, arguments, as_json, channel, signals)


def _shown(answer: Answer, as_json: bool, channel: TextIO) -> int:
    """Print an answer. A reader that leaves early, such as `head`, has had what it wanted."""
    try:
        if as_json:
            write_json(answer.data, channel)
        else:
            answer.show(console_on(channel))
            channel.flush()
    except BrokenPipeError:
        forsake(channel)
    except OSError as error:
        forsake(channel)
        say(f"error: the answer cannot be printed: {error.strerror or error}")
        return FAILED
    return answer.exit_code


def _warn(message: Warning | str, *where: object, **more: object) -> None:
    """Say a warning in one line on stderr, without the line of code it came from."""
    say(f"warning: {message}")


def _failed(
    error: BaseException,
    arguments: list[str],
    as_json: bool,
    channel: TextIO,
    signals: Sequence[int],
) -> int:
    remove_empty_folders()
    if isinstance(error, _Interruption | KeyboardInterrupt | typer.Abort):
        error, (code, message) = KeyboardInterrupt(), _stopped(error, signals)
    else:
        code, message = _explain(error, arguments)
    if message:
        say(f"error: {message}")
    if as_json:
        try:
            write_json({"error": message, "kind": type(error).__name__, "exit_code": code}, channel)
        except OSError:
            forsake(channel)
    return code


def _stopped(error: BaseException, signals: Sequence[int]) -> tuple[int, str]:
    """Return the exit code of who is stopped by a signal, and one line that says what is left."""
    number = signals[0] if signals else signal.SIGINT
    what = f"stopped by {signal.Signals(number).name}" if signals else "interrupted"
    return BY_SIGNAL + number, "; ".join(
        [what, *map(str, error.args if isinstance(error, _Interruption) else ())]
    )


def _explain(error: BaseException, arguments: list[str]) -> tuple[int, str]:
    """Return the exit code and one or two lines for people."""
    if isinstance(error, NgspiceError) and error.deck_path is not None:
        first, second, *_ = str(error).splitlines()
        more = "" if second.startswith("deck:") else f"{second}; "
        return FAILED, f"{first}\n{more}deck and log are kept: {error.deck_path}"
    if isinstance(error, SpicesnnError):
        return _exit_code(error), _short(str(error))
    if isinstance(error, MemoryError):
        return (
            FAILED,
            (
                "the memory of this machine does not suffice; take a smaller array, fewer samples"
                " or fewer --workers"
            ),
        )
    if isinstance(error, OSError) and error.errno in _NOT_OURS:
        named = f"{error.filename}: " if error.filename is not None else ""
        return (
            FAILED,
            (
                f"{named}{error.strerror}; free what is short, or choose another folder with --out"
                " (`spicesnn doctor` looks at the others)"
            ),
        )
    usage: Any = error
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        context = getattr(error, "ctx", None)
        see = f" See: {context.command_path} --help" if context is not None else ""
        said = usage.format_message()
        if instead := hint(usage):  # in place of names that are only spelt alike
            said = (
                re.sub(r"\.? ?(Did you mean .*|\(Possible options?: .*\))$|\.$", "", said) + instead
            )
        end = "." if see and said and said[-1] not in ".?!" else ""
        return int(usage.exit_code), f"{said}{end}{see}" if said else ""
    details = (
        f"spicesnn {__version__}\ncommand: spicesnn"
        f" {shlex.join(arguments)}\n\n{''.join(traceback.format_exception(error))}"
    )
    return (
        FAILED,
        (
            f"{type(error).__name__}: {str(error).partition(chr(10))[0] or 'no message'}\nThis is a"
            f" defect of spicesnn. Please report it with {_kept(details)}, which says what happened"
        ),
    )


def _exit_code(error: SpicesnnError) -> int:
    if isinstance(error, NgspiceMissingError):
        return NO_NGSPICE
    return WRONG_USAGE if isinstance(error, UnknownNameError | ConfigError | InputError) else FAILED


def _short(message: str) -> str:
    """Return the first two lines of a message; what is longer is kept in a file that the second
    line names."""
    lines = message.strip().splitlines()
    if len(lines) <= 2:
        return "\n".join(lines)
    return f"{lines[0]}\nThe whole message, {len(lines)} lines: {_kept(message)}"


def _kept(text: str) -> str:
    """Keep a text in a file and return what to call it; where no file can be written, it goes to
    stderr."""
    try:
        return f"the file {error_log(text)}"
    except OSError:
        say(text)
        return "the text above"
