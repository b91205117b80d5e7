"""Every error that spicesnn raises on purpose.

Each is a `SpicesnnError` and also the builtin a caller would expect, so ``except ValueError`` works
as it reads. A message says what was got, what was expected and what to do."""

from __future__ import annotations

from pathlib import Path


class SpicesnnError(Exception):
    """Base of all errors that spicesnn raises on purpose."""


class InputError(SpicesnnError, ValueError):
    """A value, shape or unit that cannot be what was meant."""


class WrongTypeError(InputError, TypeError):
    """A value of a type that cannot be what was meant."""


class UnknownNameError(SpicesnnError, LookupError):
    """A device, preset, option or key that does not exist; the message names the nearest one that
    does."""


class ConfigError(SpicesnnError, ValueError):
    """A configuration that cannot be run."""


class DataError(SpicesnnError, OSError):
    """A data set or a file of measurements that is absent or damaged."""


class RunError(SpicesnnError, OSError):
    """A run directory that cannot be read or written."""


class AbsentError(DataError, RunError, ConfigError, InputError):
    """A path that is not there, or that is something else than what was asked for."""


class UnsafeNetlistError(SpicesnnError, PermissionError):
    """Foreign netlist text that asks for more than a circuit; the message names the line."""


class UnsupportedNetlistError(SpicesnnError, ValueError):
    """Foreign netlist text whose meaning is not certain, or that cannot be taken; the message names
    the line and the word."""


class MissingPackageError(SpicesnnError, ImportError):
    """An optional package that what was asked for needs."""


class NotFittedError(SpicesnnError, ValueError, AttributeError):
    """An estimator that was asked before it has learnt anything."""


class EngineError(SpicesnnError, RuntimeError):
    """An engine could not give a trustworthy answer."""


class ConvergenceError(EngineError, ArithmeticError):
    """An iteration did not reach its tolerance."""


class SingularCircuitError(EngineError, ArithmeticError):
    """The circuit has no unique solution, as with a line that floats without any path to a
    source."""


class NgspiceMissingError(EngineError, FileNotFoundError):
    """No usable ngspice on this machine."""


class NgspiceError(EngineError):
    """ngspice failed, or answered with something that did not pass the checks.

    The message's first line is ngspice's own reason, whole, where it gave one.

    Attributes
    ----------
    deck_path : Path | None
        The deck that was being run, kept on disk.
    log : str
        The last lines that ngspice printed.
    """

    def __init__(
        self, message: str, *, reason: str = "", deck_path: Path | None = None, log: str = ""
    ) -> None:
        tail = "\n".join(log.strip().splitlines()[-12:])
        parts = [reason, message] if reason else [message]
        if deck_path is not None:
            parts.append(f"deck: {deck_path}")
        if tail:
            parts.append(f"ngspice said:\n{tail}")
        super().__init__("\n".join(parts))
        self.deck_path = deck_path
        self.log = log


def briefly(error: BaseException) -> str:
    """Return a message in one line: its first one, and where the deck is that failed."""
    first = (str(error).strip() or "no message").splitlines()[0]
    deck = getattr(error, "deck_path", None)
    return first if deck is None else f"{first} (deck and log: {deck})"


class NgspiceTimeoutError(NgspiceError, TimeoutError):
    """ngspice gave no answer within its time limit and was stopped."""
