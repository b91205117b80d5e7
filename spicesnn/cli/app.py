"""The commands put together, and the one place where results are printed and errors become messages and exit codes."""

from __future__ import annotations

import shlex
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TextIO

import typer

from spicesnn._version import __version__
from spicesnn.cli.characterize import characterize
from spicesnn.cli.devices import devices
from spicesnn.cli.doctor import doctor
from spicesnn.cli.fit import fit
from spicesnn.cli.infer import infer
from spicesnn.cli.iv import iv
from spicesnn.cli.netlist import netlist
from spicesnn.cli.output import Answer, console_on, error_log, reserved_stdout, write_json
from spicesnn.cli.report import report
from spicesnn.cli.stdp_window import stdp_window
from spicesnn.cli.study import study
from spicesnn.cli.sweep import sweep
from spicesnn.cli.train import train
from spicesnn.cli.validate import validate
from spicesnn.errors import ConfigError, InputError, NgspiceMissingError, SpicesnnError, UnknownNameError

FAILED, WRONG_USAGE, NO_NGSPICE, INTERRUPTED = 1, 2, 3, 130

app = typer.Typer(
    name="spicesnn",
    help="Spiking neural networks on memristor crossbars, solved as circuits.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spicesnn {__version__}")
        raise typer.Exit


@app.callback(epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no ngspice. Begin with: spicesnn doctor")
def _root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and stop.")) -> None:
    """Spiking neural networks on memristor crossbars, solved as circuits."""


_COMMANDS: dict[str, Callable[..., Answer]] = {
    "doctor": doctor,
    "devices": devices,
    "iv": iv,
    "train": train,
    "infer": infer,
    "sweep": sweep,
    "study": study,
    "report": report,
    "netlist": netlist,
    "validate": validate,
    "stdp-window": stdp_window,
    "fit": fit,
    "characterize": characterize,
}
for _name, _function in _COMMANDS.items():
    app.command(_name)(_function)


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command, print its answer or its error, and return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    with reserved_stdout(as_json) as channel, warnings.catch_warnings():
        warnings.showwarning = _warn
        try:
            result = app(args=arguments, prog_name="spicesnn", standalone_mode=False)
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else FAILED
        except BaseException as error:
            return _failed(error, arguments, as_json, channel)
        if result == INTERRUPTED:
            return _failed(KeyboardInterrupt(), arguments, as_json, channel)
        if not isinstance(result, Answer):
            return result if isinstance(result, int) else 0
        if as_json:
            write_json(result.data, channel)
        else:
            result.show(console_on(channel))
        return result.exit_code


def _warn(message: Warning | str, *where: object, **more: object) -> None:
    """Say a warning in one line on stderr, without the line of code it came from."""
    sys.stderr.write(f"warning: {message}\n")


def _failed(error: BaseException, arguments: list[str], as_json: bool, channel: TextIO) -> int:
    code, message = _explain(error, arguments)
    sys.stderr.write(f"error: {message}\n" if message else "")
    if as_json:
        write_json({"error": message, "kind": type(error).__name__, "exit_code": code}, channel)
    return code


def _explain(error: BaseException, arguments: list[str]) -> tuple[int, str]:
    """Return the exit code and one or two lines for people."""
    if isinstance(error, SpicesnnError):
        return _exit_code(error), _short(str(error))
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return INTERRUPTED, "interrupted"
    usage: Any = error
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        context = getattr(error, "ctx", None)
        hint = f" See: {context.command_path} --help" if context is not None else ""
        return int(usage.exit_code), f"{usage.format_message()}{hint}" if usage.format_message() else ""
    details = f"spicesnn {__version__}\ncommand: spicesnn {shlex.join(arguments)}\n\n{''.join(traceback.format_exception(error))}"
    log = error_log(details)
    return FAILED, (
        f"{type(error).__name__}: {str(error).partition(chr(10))[0] or 'no message'}\n"
        f"This is a defect of spicesnn. Please report it with the file {log}, which says what happened"
    )


def _exit_code(error: SpicesnnError) -> int:
    if isinstance(error, NgspiceMissingError):
        return NO_NGSPICE
    return WRONG_USAGE if isinstance(error, UnknownNameError | ConfigError | InputError) else FAILED


def _short(message: str) -> str:
    """Return the first two lines of a message; what is longer is kept in a file that the second line names."""
    lines = message.strip().splitlines()
    if len(lines) <= 2:
        return "\n".join(lines)
    return f"{lines[0]}\nThe whole message, {len(lines)} lines: {error_log(message)}"
