"""The options that every command takes, each with one spelling and one meaning."""

from __future__ import annotations

import contextlib
import enum
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spicesnn.errors import InputError, RunError, UnknownNameError

if TYPE_CHECKING:
    from spicesnn.devices.base import Device
    from spicesnn.engines.base import Engine


class EngineName(enum.StrEnum):
    """Who solves the circuit."""

    NGSPICE = "ngspice"
    NODAL = "nodal"


class EngineNames(enum.StrEnum):
    """Who solves the circuit, or both, compared."""

    NGSPICE = "ngspice"
    NODAL = "nodal"
    BOTH = "both"


Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object on stdout; everything else goes to stderr."),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Output folder; created if missing.")
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of all random numbers.")]
OneEngine = Annotated[
    EngineName | None, typer.Option("--engine", help="Engine that solves the circuit.")
]
DEVICE_HELP = (
    "A name from `spicesnn devices`, or a TOML file: a device table, or the descriptor of your own"
    " sub-circuit."
)


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    """Return the names that a shell offers for what is typed so far."""
    return [name for name in names if name.startswith(incomplete)]


def device_names(incomplete: str) -> list[str]:
    """Complete the name of a device."""
    from spicesnn.devices import registry
    from spicesnn.netlist.device_source import table_names

    return _beginning([*registry.names(), *table_names()], incomplete)


def preset_names(incomplete: str) -> list[str]:
    """Complete the name of a preset."""
    from spicesnn.training.config import preset_names as names

    return _beginning(names(), incomplete)


def study_names(incomplete: str) -> list[str]:
    """Complete the name of a study."""
    from spicesnn.studies.study import study_names as names

    return _beginning(names(), incomplete)


def _trust(context: typer.Context, value: bool) -> bool:
    """Let netlists from outside pass unchecked until the command ends."""
    if value:
        from spicesnn.netlist.safety import trusting

        context.with_resource(trusting(value))
    return value


_TRUST_HELP = (
    "Hand a sub-circuit of your own to ngspice as it stands: it may read and write files and run"
    " programs."
)
Trust = Annotated[bool, typer.Option("--trust", callback=_trust, help=_TRUST_HELP)]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=VALUE", help="Change one setting; can be repeated."),
]


def finite(value: float | None) -> float | None:
    """Refuse NaN and infinity, which pass every bound of typer's own."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def refuse_results_of_others(path: Path, holds: str) -> None:
    """Raise `RunError` where a folder holds the results of another command than the one whose
    results are known by the file `holds`."""
    for file, what in _RESULTS.items():
        if (
            file != holds
            and next(path.glob(file), None) is not None
            and next(path.glob(holds), None) is None
        ):
            raise RunError(
                f"{path} already contains {what} ({file}), which stays as it is; give another --out"
            )


def settings(pairs: Sequence[str] | None) -> dict[str, str]:
    """Return ``a.b=value`` texts as a dictionary, later ones winning."""
    found = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise InputError(
                f"--set {pair}: expected a key and a value, as in --set wires.word_line_ohm=2"
            )
        found[key.strip()] = value.strip()
    return found


def device(name: str, changes: dict[str, str], published: str | None = None) -> Device:
    """Return a device by name or file (`spicesnn.netlist.device_source`) with
    ``device.parameter=value`` settings applied.

    Any other key is an error that names the nearest one.
    """
    from spicesnn.devices import registry
    from spicesnn.netlist.device_source import device_from

    if name not in registry.names() and name.lower() in registry.names():
        name = name.lower()
    made = device_from(name, published=published, memristor=changes.get("device.memristor"))
    wanted = {key: value for key, value in changes.items() if key != "device.memristor"}
    known = [*(f"device.{key}" for key in made.settable()), "engine.init"]
    for key in wanted:
        if key not in known:
            raise UnknownNameError(
                f"no key {key!r}{registry.nearest(key, known)} The keys of {name} are:"
                f" {', '.join(known) or 'none'}"
            )
    return (
        made.with_text(**{key.removeprefix("device."): value for key, value in wanted.items()})
        if wanted
        else made
    )


TileWorkers = Annotated[
    int, typer.Option("--workers", min=1, help="Processes on this machine that solve the arrays.")
]
TileScheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler", metavar="ADDRESS", help="A Dask scheduler whose workers solve the arrays."
    ),
]


def own_init(changes: dict[str, str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return what ``--set engine.init=…`` has ngspice told before any deck, and the other
    settings."""
    from spicesnn.netlist.init import checked_init, init_lines
    from spicesnn.netlist.safety import trusted
    from spicesnn.options import parse_override

    others = {key: value for key, value in changes.items() if key != "engine.init"}
    if len(others) == len(changes):
        return (), others
    _, given = parse_override(f"engine.init={changes['engine.init']}")
    lines = init_lines(given, "engine.init", Path.cwd())
    return checked_init(lines, "engine.init", trust=trusted()), others


def engine(
    name: str,
    workers: int = 1,
    scheduler: str | None = None,
    init: Sequence[str] = (),
    failures: Path | None = None,
) -> Engine:
    """Start an engine by name, with what it is told and where it keeps what fails if it is ngspice;
    with workers it shares out the arrays of a mapped network."""
    from spicesnn.engines.registry import make_engine

    if workers == 1 and scheduler is None:
        return make_engine(name, init, failures)
    if name != "nodal":
        from spicesnn.errors import ConfigError

        raise ConfigError(
            f"--workers and --scheduler share out arrays for the nodal engine, and this is {name};"
            " leave them out, or take --engine nodal"
        )
    from spicesnn.engines.cluster import ClusterEngine

    return ClusterEngine(workers=workers, scheduler=scheduler)


_FILE_LIKE = (
    ".csv",
    ".png",
    ".pdf",
    ".svg",
    ".json",
    ".html",
    ".toml",
    ".npz",
    ".cir",
    ".txt",
    ".parquet",
)
_RESULTS = {
    "run.toml": "a run",
    "sweep.csv": "a sweep",
    "study.toml": "a study",
    "iv.csv": "a device's curve",
    "*.cir": "decks",
    "table.npz": "tables of a cell",
    "fit.png": "a fit",
    "stdp-window.csv": "an STDP window",
}
"""The file by which one knows what a command has left in a folder."""
_made: list[Path] = []
"""Folders that the command has made."""


def remove_empty_folders() -> None:
    """Remove the folders that a command has made and, since it failed, left empty."""
    while _made:
        with contextlib.suppress(OSError):
            _made.pop().rmdir()


def named_as_folder(path: Path) -> Path:
    """Return the path that --out gives, refused if it reads like that of a file."""
    if path.suffix.lower() in _FILE_LIKE and not path.is_dir():
        raise InputError(
            f"--out {path}: expected a folder, into which the command writes its files; got the"
            " name of a file"
        )
    return path.expanduser()


def folder(given: Path | None, default: str, *, holds: str = "") -> Path:
    """Return the output folder, made and writable.

    One rule for folders that are there: a command writes its results again where its own lie
    (``holds`` is the file by which they are known; sweeps and studies go on with theirs), and
    refuses a folder with those of another command. A run is never overwritten. Commands that add a
    file of their own name to any folder (a report, a list) have nothing that `holds`.

    Raises
    ------
    RunError
        It cannot be made or written, or holds what another command has left.
    """
    path = Path(default) if given is None else named_as_folder(given)
    if holds:
        refuse_results_of_others(path, holds)
    try:
        if not path.is_dir():
            _made.extend([*reversed([p for p in path.parents if not p.exists()]), path])
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"the output folder {path} cannot be made: {error.strerror}; choose another with --out"
        ) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise RunError(f"the output folder {path} cannot be written; choose another with --out")
    return path
