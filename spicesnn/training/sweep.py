"""Sweeps: one experiment at many settings and seeds, on this machine or on a Dask cluster, that can
be stopped and gone on with.

A point is a preset with its overrides, a seed and an engine. Its identity is the SHA-256 of its
complete resolved configuration and of the version: its result is one small JSON file of that name,
written atomically. A point whose file is there is not computed again, so an interrupted sweep
continues, and a point that two workers were given is one result."""

from __future__ import annotations

import hashlib
import itertools
import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial as bound
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spicesnn._version import __version__
from spicesnn.errors import ConfigError, DataError, RunError
from spicesnn.netlist.safety import trusted, trusting
from spicesnn.shown import shown
from spicesnn.training import input_files
from spicesnn.training.config import from_tables, load
from spicesnn.whole_file import appearing, unwritable, write_rows, writing
from spicesnn.workers import Failure, WorkersError, in_dask

if TYPE_CHECKING:
    import pandas as pd

REFRESH_S = 30.0
"""How old table and figure may grow while points are computed."""
_KEPT_AS = 12
"""Letters of a point's key that its folder of failures is called by."""
_NAMED = 4
"""So many points that failed are named."""
_MEASURED = (
    "test_accuracy",
    "train_accuracy",
    "n_test",
    "converged",
    "epochs",
    "energy_joule",
    "wall_s",
    "held_out",
)


@dataclass(frozen=True, kw_only=True)
class Point:
    """One setting of one experiment.

    Attributes
    ----------
    settings : Mapping
        What is swept: key → value, for the table.
    seed : int
    tables : Mapping
        The complete configuration as plain values, its seed and engine included; ``files``: the
        digests of what it reads.
    """

    settings: Mapping[str, Any]
    seed: int
    tables: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The identity of the point: a digest of everything that decides its result."""
        return _digest(self.tables)

    @property
    def name(self) -> str:
        """What people call it: its settings and its seed."""
        return ", ".join(
            [*(f"{key}={value}" for key, value in self.settings.items()), f"seed {self.seed}"]
        )


def _digest(tables: Mapping[str, Any]) -> str:
    content = json.dumps({"version": __version__, "tables": tables}, sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:24]


def parse_over(text: str) -> tuple[str, list[str]]:
    """Return key and values of ``a.b=1,2,5`` (or ``a.b=0:10:2``: from, to inclusive, step)."""
    key, equals, values = text.partition("=")
    if not equals or not key.strip() or not values.strip():
        raise ConfigError(
            f"--over {text}: expected a key and values, as in --over array.word_line_ohm=0,1,2 or"
            " =0:2:0.5"
        )
    if values.count(":") == 2 and "," not in values:
        try:
            first, last, step = (float(part) for part in values.split(":"))
        except ValueError:
            raise ConfigError(f"--over {text}: {values} is not from:to:step in numbers") from None
        if (
            step == 0
            or not np.all(np.isfinite([first, last, step]))
            or not 0 <= (last - first) / step <= 1e5
        ):
            raise ConfigError(
                f"--over {text}: {values} does not lead from {first:g} to {last:g} in at most"
                " 100000 steps"
            )
        count = int(np.floor((last - first) / step + 1e-9)) + 1
        return key.strip(), [f"{first + k * step:.12g}" for k in range(count)]
    return key.strip(), [value.strip() for value in values.split(",") if value.strip()]


def plan(
    preset: str,
    over: Iterable[str],
    *,
    seeds: int,
    first_seed: int = 0,
    overrides: Sequence[str] = (),
    engine: str | None = None,
) -> list[Point]:
    """Return every point of the grid; each is checked (unknown keys, wrong values) before anything
    is computed.

    What stands in the files that it names (data, weights, a device) is part of a point, so a point
    of other data is another one."""
    axes = [parse_over(text) for text in over]
    if seeds < 1:
        raise ConfigError(f"seeds = {seeds}; expected 1 or more")
    points, digests = [], dict[tuple[tuple[str, Path], ...], dict[str, str]]()
    for values in itertools.product(*(values for _, values in axes)):
        settings = {key: value for (key, _), value in zip(axes, values, strict=True)}
        config = load(preset, [*overrides, *(f"{key}={value}" for key, value in settings.items())])
        config = replace(config, engine=engine or config.engine)
        for seed in range(first_seed, first_seed + seeds):
            tables = config.with_seed(seed).to_tables()
            names = tuple(input_files.named(tables))
            if names not in digests:
                digests[names] = input_files.digests(tables)
            read = digests[names]
            points.append(
                Point(
                    settings=settings,
                    seed=seed,
                    tables={**tables, "files": read} if read else tables,
                )
            )
    return points


def compute(
    tables: Mapping[str, Any], key: str, folder: str, *, trust: bool = False
) -> dict[str, Any]:
    """Compute one point unless its file is there already; return what its file holds. Runs in a
    worker, whichever machine it is on.

    Doing it twice gives the same file: the seed decides everything, and a file appears whole or not
    at all. A worker that does not see the folder leaves the file to whoever asked. `trust` is the
    user's word for sub-circuits of their own, which a worker process does not hear by itself."""
    from spicesnn.training.loop import train

    if _digest(tables) != key:
        raise WorkersError(
            f"a worker on {platform.node()} has spicesnn {__version__}, another version than this"
            " one; install the same everywhere"
        )
    target = Path(folder) / f"{key}.json"
    if target.is_file():
        return _read(target)
    if others := input_files.changed(tables, tables.get("files", {})):
        raise DataError(
            f"{', '.join(others)} changed while the sweep ran; start it again: the points before"
            " that are kept apart"
        )
    with trusting(trust):
        config = from_tables({name: table for name, table in tables.items() if name != "files"})
        with (
            tempfile.TemporaryDirectory(prefix="spicesnn-point-") as scratch,
            config.solver(_failures(Path(folder), key)) as engine,
        ):
            summary = train(config, engine=engine, out=Path(scratch) / "run")
    table = summary.table()
    content = {
        "key": key,
        "seed": config.seed,
        **{name: table[name] for name in _MEASURED if name in table},
    }
    with suppress(OSError):
        _store(target, content)
    return content


def _failures(store: Path, key: str) -> Path | None:
    """Return where what fails of a point is kept: beside the table, in a folder of its own, so that
    workers do not meet there."""
    return store.parent / "failures" / key[:_KEPT_AS] if store.is_dir() else None


def _store(target: Path, content: Mapping[str, Any]) -> None:
    with appearing(target) as partial:
        partial.write_text(json.dumps(content) + "\n", encoding="utf-8")


def attempt(
    tables: Mapping[str, Any], key: str, folder: str, *, trust: bool = False
) -> dict[str, Any] | Failure:
    """Compute a point, or say why it cannot be."""
    try:
        return compute(tables, key, folder, trust=trust)
    except (
        Exception
    ) as error:  # whatever it is, it is this point's: the others are computed all the same
        return Failure.of(error)


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """A finished sweep.

    Attributes
    ----------
    rows : list of dict
        One a point: the swept keys, the seed, and what was measured.
    computed : int
        Points that were not there before.
    table : Path
        ``sweep.csv``.
    """

    rows: list[dict[str, Any]]
    computed: int
    table: Path

    def to_pandas(self) -> pd.DataFrame:
        """Return the table (needs pandas)."""
        made: pd.DataFrame = shown(self, "pandas")
        return made

    def _repr_html_(self) -> str:
        made: str = shown(self, "html")
        return made

    def to_parquet(self) -> Path:
        """Write the table as ``sweep.parquet`` beside the other (needs pandas and pyarrow) and
        return its path."""
        from spicesnn.views import write_parquet

        return write_parquet(self.to_pandas(), self.table.with_suffix(".parquet"))


def sweep(
    points: Sequence[Point],
    folder: Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    watch: Callable[[SweepResult], None] = lambda result: None,
) -> SweepResult:
    """Compute what is missing of a sweep and write its table, which grows with the points while
    they are computed.

    Parameters
    ----------
    points : sequence of Point
    folder : Path
        ``points/<key>.json`` and ``sweep.csv``; with `scheduler`, a folder that all workers see.
    workers : int
        Processes on this machine; one means here and now, without Dask.
    scheduler : str, optional
        Address of a Dask scheduler whose workers compute the points.
    progress : callable
        Called with (done, total).
    watch : callable
        Called with what there is after the first point, then at most every `REFRESH_S`, and with
        the whole at the end.
    """
    store = folder / "points"
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{store} cannot be made: {error.strerror or error}; choose another folder with --out"
        ) from None
    missing = {point.key: point for point in points if not (store / f"{point.key}.json").is_file()}
    done = len({point.key for point in points}) - len(missing)
    total = done + len(missing)
    progress(done, total)
    failed: list[tuple[Point, Failure]] = []
    shown = -REFRESH_S
    with _stopped_with_a_note(folder):
        for key, outcome in _outcomes(missing, str(store.resolve()), workers, scheduler):
            point = missing[key]
            if isinstance(outcome, Failure):
                outcome.raise_if_general()
                failed.append((point, outcome))
            else:
                _kept(store / f"{point.key}.json", outcome)
            done += 1
            progress(done, total)
            if done < total and len(failed) < done and time.monotonic() - shown >= REFRESH_S:
                watch(_tabled(_there(points, store), folder, len(missing)))
                shown = time.monotonic()
    result = _tabled(_there(points, store), folder, len(missing) - len(failed))
    if result.rows:
        watch(result)
    if failed:
        raise _of_failed(failed, total, result)
    return result


@contextmanager
def _stopped_with_a_note(folder: Path) -> Iterator[None]:
    """Note on an interrupt how to go on, in place of what the run of one point noted, whose folder
    is gone."""
    try:
        yield
    except KeyboardInterrupt as stop:
        stop.__notes__ = [
            f"{folder} keeps the points that are computed; go on by giving the same command again"
        ]
        raise


def _there(points: Sequence[Point], store: Path) -> list[Point]:
    return [point for point in points if (store / f"{point.key}.json").is_file()]


def _kept(target: Path, content: Mapping[str, Any]) -> None:
    """Store a point that its worker could not store."""
    try:
        if not target.is_file():
            _store(target, content)
    except OSError as error:
        said = unwritable(target, error, "choose another folder with --out")
        raise RunError(
            f"{said}; the points before it are kept, and the same sweep goes on from them"
        ) from None


def _of_failed(
    failed: Sequence[tuple[Point, Failure]], total: int, result: SweepResult
) -> RunError:
    point, why = failed[0]
    others = (
        " (also at"
        f" {'; '.join(other.name for other, _ in failed[1:_NAMED])}{' …' if len(failed) > _NAMED else ''})"
        if failed[1:]
        else ""
    )
    return RunError(
        f"{len(failed)} of {total} points failed: {point.name}: {why}{others}\nThe others are kept,"
        f" and in {result.table}; started again, the sweep computes only what is missing"
    )


def _tabled(points: Sequence[Point], folder: Path, computed: int) -> SweepResult:
    """Write the table of points that are computed and return them."""
    rows = [
        {**point.settings, "seed": point.seed, **_read(folder / "points" / f"{point.key}.json")}
        for point in points
    ]
    return SweepResult(rows=rows, computed=computed, table=_write(rows, folder / "sweep.csv"))


def _outcomes(
    missing: Mapping[str, Point], store: str, workers: int, scheduler: str | None
) -> Iterator[tuple[str, dict[str, Any] | Failure]]:
    """Yield keys and what became of their points, as they are done."""
    tasks = {key: (point.tables, key, store) for key, point in missing.items()}
    if scheduler is not None or workers > 1:
        yield from in_dask(bound(attempt, trust=trusted()), tasks, workers, scheduler)
    else:
        for key, arguments in tasks.items():
            yield key, attempt(*arguments, trust=trusted())


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path} is damaged ({error}); delete it and start the sweep again: only this point is"
            " computed again"
        ) from None
    return content


def _write(rows: list[dict[str, Any]], path: Path) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with writing(path):
        write_rows(path, rows, names)
    return path


def accuracy_name(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what the accuracy of a sweep is: that of training samples where no point held any
    samples out."""
    return (
        "training accuracy"
        if rows and all(row.get("held_out") is False for row in rows)
        else "test accuracy"
    )


def summarised(
    rows: Sequence[Mapping[str, Any]], keys: Sequence[str], measured: str = "test_accuracy"
) -> list[dict[str, Any]]:
    """Return one row a setting: mean over the seeds, and half the width of the 95 % confidence
    interval of the mean (Student's t).

    With one seed there is no spread to measure, and the half width is NaN.
    """
    from scipy.special import stdtrit  # scipy.stats has it too, and takes a second to load

    groups: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(float(row[measured]))
    table = []
    for setting, values in groups.items():
        count = len(values)
        half = (
            float(stdtrit(count - 1, 0.975) * np.std(values, ddof=1) / np.sqrt(count))
            if count > 1
            else float("nan")
        )
        table.append(
            {
                **dict(zip(keys, setting, strict=True)),
                "seeds": count,
                "mean": float(np.mean(values)),
                "half_width": half,
            }
        )
    return table
