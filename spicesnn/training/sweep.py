"""Sweeps: one experiment at many settings and seeds, on this machine or on a Dask cluster, that can be stopped and gone on with.

A point is a preset with its overrides, a seed and an engine. Its identity is the SHA-256 of its complete resolved configuration and of
the version: its result is one small JSON file of that name, written atomically. A point whose file is there is not computed again, so an
interrupted sweep continues, and a point that two workers were given is one result.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spicesnn._version import __version__
from spicesnn.errors import ConfigError, RunError
from spicesnn.netlist.safety import trusted, trusting
from spicesnn.training.config import from_tables, load

if TYPE_CHECKING:
    import pandas as pd

REFRESH_S = 30.0
"""How old table and figure may grow while points are computed."""
_MEASURED = ("test_accuracy", "train_accuracy", "n_test", "converged", "epochs", "energy_joule", "wall_s")


@dataclass(frozen=True, kw_only=True)
class Point:
    """One setting of one experiment.

    Attributes
    ----------
    settings : Mapping
        What is swept: key → value, for the table.
    seed : int
    tables : Mapping
        The complete configuration as plain values, its seed and engine included.
    """

    settings: Mapping[str, Any]
    seed: int
    tables: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The identity of the point: a digest of everything that decides its result."""
        content = json.dumps({"version": __version__, "tables": self.tables}, sort_keys=True, default=str)
        return hashlib.sha256(content.encode()).hexdigest()[:24]


def parse_over(text: str) -> tuple[str, list[str]]:
    """Return key and values of ``a.b=1,2,5`` (or ``a.b=0:10:2``: from, to inclusive, step)."""
    key, equals, values = text.partition("=")
    if not equals or not key.strip() or not values.strip():
        raise ConfigError(f"--over {text}: expected a key and values, as in --over array.word_line_ohm=0,1,2 or =0:2:0.5")
    if values.count(":") == 2 and "," not in values:
        try:
            first, last, step = (float(part) for part in values.split(":"))
        except ValueError:
            raise ConfigError(f"--over {text}: {values} is not from:to:step in numbers") from None
        if step == 0 or (last - first) / step < 0 or (last - first) / step > 1e5:
            raise ConfigError(f"--over {text}: {values} does not lead from {first:g} to {last:g} in at most 100000 steps")
        count = int(np.floor((last - first) / step + 1e-9)) + 1
        return key.strip(), [f"{first + k * step:.12g}" for k in range(count)]
    return key.strip(), [value.strip() for value in values.split(",") if value.strip()]


def plan(
    preset: str, over: Iterable[str], *, seeds: int, first_seed: int = 0, overrides: Sequence[str] = (), engine: str | None = None
) -> list[Point]:
    """Return every point of the grid; each is checked (unknown keys, wrong values) before anything is computed."""
    axes = [parse_over(text) for text in over]
    if seeds < 1:
        raise ConfigError(f"seeds = {seeds}; expected 1 or more")
    points = []
    for values in itertools.product(*(values for _, values in axes)):
        settings = {key: value for (key, _), value in zip(axes, values, strict=True)}
        config = load(preset, [*overrides, *(f"{key}={value}" for key, value in settings.items())])
        config = replace(config, engine=engine or config.engine)
        points += [Point(settings=settings, seed=seed, tables=config.with_seed(seed).to_tables()) for seed in range(first_seed, first_seed + seeds)]
    return points


def compute(tables: Mapping[str, Any], key: str, folder: str, *, trust: bool = False) -> str:
    """Compute one point unless its file is there already; return the key. Runs in a worker, whichever machine it is on.

    Doing it twice gives the same file: the seed decides everything, and a file appears whole or not at all. `trust` is the user's word for
    sub-circuits of their own, which a worker process does not hear by itself.
    """
    from spicesnn.training.loop import make_engine, train

    target = Path(folder) / f"{key}.json"
    if target.is_file():
        return key
    with trusting(trust):
        config = from_tables(tables)
        with tempfile.TemporaryDirectory(prefix="spicesnn-point-") as scratch, make_engine(config.engine) as engine:
            summary = train(config, engine=engine, out=Path(scratch) / "run")
    table = summary.table()
    content = {"key": key, "seed": config.seed, **{name: table[name] for name in _MEASURED if name in table}}
    partial = target.with_name(f".{key}.{os.getpid()}.part")
    try:
        partial.write_text(json.dumps(content) + "\n", encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        raise RunError(f"{target} cannot be written: {error.strerror or error}") from None
    return key


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
        from spicesnn.views import frame

        return frame(self.rows)

    def to_parquet(self) -> Path:
        """Write the table as ``sweep.parquet`` beside the other (needs pandas and pyarrow) and return its path."""
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
    """Compute what is missing of a sweep and write its table, which grows with the points while they are computed.

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
        Called with what there is after the first point, then at most every `REFRESH_S`, and with the whole at the end.
    """
    store = folder / "points"
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{store} cannot be made: {error.strerror or error}; choose another folder with --out") from None
    missing = {point.key: point for point in points if not (store / f"{point.key}.json").is_file()}
    done = len({point.key for point in points}) - len(missing)
    total = done + len(missing)
    progress(done, total)
    finished = _in_dask if scheduler is not None or workers > 1 else _here
    shown = -REFRESH_S
    for _ in finished(list(missing.values()), str(store.resolve()), workers, scheduler):
        done += 1
        progress(done, total)
        if done < total and time.monotonic() - shown >= REFRESH_S:
            watch(_tabled([point for point in points if (store / f"{point.key}.json").is_file()], folder, len(missing)))
            shown = time.monotonic()
    result = _tabled(points, folder, len(missing))
    watch(result)
    return result


def _tabled(points: Sequence[Point], folder: Path, computed: int) -> SweepResult:
    """Write the table of points that are computed and return them."""
    rows = [{**point.settings, "seed": point.seed, **_read(folder / "points" / f"{point.key}.json")} for point in points]
    return SweepResult(rows=rows, computed=computed, table=_write(rows, folder / "sweep.csv"))


def _here(points: list[Point], store: str, workers: int, scheduler: str | None) -> Iterable[str]:
    for point in points:
        yield compute(point.tables, point.key, store, trust=trusted())


def _in_dask(points: list[Point], store: str, workers: int, scheduler: str | None) -> Iterable[str]:
    """Yield keys as they are done. A worker that dies is a task that another repeats; an error of a point is raised here."""
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise ConfigError("several workers or a cluster need Dask: pip install 'spicesnn[cluster]'; --workers 1 needs none") from None
    with ExitStack() as held:
        try:
            cluster = held.enter_context(_local_cluster(workers)) if scheduler is None else scheduler
            client = held.enter_context(Client(cluster, timeout="20s"))
        except (OSError, ValueError) as error:
            what = f"no Dask scheduler answers at {scheduler}: {error}"
            raise ConfigError(f"{what}; start one with `dask scheduler`, or leave --scheduler out") from None
        # `pure=False` with our own names: a point is the same task however often it is asked for.
        futures = [client.submit(compute, p.tables, p.key, store, trust=trusted(), key=f"spicesnn-{p.key}", retries=3) for p in points]
        for future in as_completed(futures):
            yield future.result()


@contextmanager
def _local_cluster(workers: int) -> Iterator[Any]:
    """Start a cluster of processes on this machine. In the end its workers hold nothing more, and are killed: asked to leave they take seconds."""
    import dask
    from distributed import LocalCluster, Nanny

    class Impatient(Nanny):  # type: ignore[misc]
        async def kill(self, timeout: float = 5, reason: str = "nanny-kill") -> None:
            if self.process is not None and self.process.process is not None:
                await self.process.process.kill()
            await super().kill(timeout=timeout, reason=reason)

    logging.getLogger("distributed").setLevel(logging.ERROR)  # for good: connections to killed workers are still told of after the cluster's end
    options = {"threads_per_worker": 1, "worker_class": Impatient, "dashboard_address": None, "silence_logs": logging.ERROR}
    with (
        dask.config.set(_dask_settings(workers)),
        tempfile.TemporaryDirectory(prefix="spicesnn-dask-", ignore_cleanup_errors=True) as scratch,
        LocalCluster(n_workers=workers, local_directory=scratch, **options) as cluster,
    ):
        yield cluster


def _dask_settings(workers: int) -> dict[str, Any]:
    """Return what a worker of this machine does otherwise than Dask's defaults.

    Those have a worker give memory back to the system at every array it frees, and look at its stack 100 times a second: together they
    made a point take twice the time. One arena, since a task runs beside the main thread, where glibc unmaps what it frees whatever the
    thresholds say. The solver's threads in all workers are no more than there are processors.
    """
    share = str(max(1, (os.cpu_count() or 1) // workers))
    environment = {
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
        "SPICESNN_THREADS": os.environ.get("SPICESNN_THREADS", share),
        "MALLOC_ARENA_MAX": "1",
        **dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(1 << 28)),
    }
    return {"distributed.nanny.pre-spawn-environ": environment, "distributed.worker.profile.enabled": False}


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}); delete it and start the sweep again: only this point is computed anew") from None
    return content


def _write(rows: list[dict[str, Any]], path: Path) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=names)
            writer.writeheader()
            writer.writerows(rows)
        partial.replace(path)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror or error}; choose another folder with --out") from None
    return path


def summarised(rows: Sequence[Mapping[str, Any]], keys: Sequence[str], measured: str = "test_accuracy") -> list[dict[str, Any]]:
    """Return one row a setting: mean over the seeds, and half the width of the 95 % confidence interval of the mean (Student's t).

    With one seed there is no spread to measure, and the half width is NaN.
    """
    from scipy.special import stdtrit  # scipy.stats has it too, and takes a second to load

    groups: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(float(row[measured]))
    table = []
    for setting, values in groups.items():
        count = len(values)
        half = float(stdtrit(count - 1, 0.975) * np.std(values, ddof=1) / np.sqrt(count)) if count > 1 else float("nan")
        table.append({**dict(zip(keys, setting, strict=True)), "seeds": count, "mean": float(np.mean(values)), "half_width": half})
    return table
