"""Events into time steps: how many events each input has in each step. None is left out without
being counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spicesnn.datasets.recordings import reading
from spicesnn.datasets.recordings.base import Events, counted
from spicesnn.datasets.recordings.reading import Recordings
from spicesnn.datasets.table import sorted_classes
from spicesnn.errors import ConfigError, DataError

POLARITIES = ("auto", "separate", "merged")
_MOST_VALUES = 500_000_000
"""Samples times steps times inputs: 2 GB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """What events are binned into.

    Attributes
    ----------
    step_s : float
        Duration of a step; infinite for one step that takes everything.
    steps : int
        Number of steps; 0: as many as the longest recording takes.
    shape : (rows, columns) or ()
        Of the sensor; () where the recordings say it, or else what their events take.
    polarity : str
        ``separate``: an input a pixel and polarity, OFF first; ``merged``: an input a pixel;
        ``auto``: separate where there are polarities.
    """

    step_s: float
    steps: int = 0
    shape: tuple[int, ...] = ()
    polarity: str = "auto"

    def __post_init__(self) -> None:
        if not self.step_s > 0:
            raise ConfigError(
                f"step_s = {self.step_s:g}; expected the duration of a time step in seconds, more "
                "than 0"
            )
        if self.steps < 0:
            raise ConfigError(
                f"steps = {self.steps}; expected 1 or more, or 0 for as many as the longest "
                "recording takes"
            )
        if self.polarity not in POLARITIES:
            raise ConfigError(
                f"polarity is {self.polarity!r}; expected one of: {', '.join(POLARITIES)}"
            )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Sequences:
    """Samples in time steps.

    Attributes
    ----------
    inputs : (n, steps, inputs) float32
        Events of each input in each step; inputs are polarity, row, column (row-major).
    labels : (n,) int
        Index into `names`.
    names : tuple of str
        The classes.
    shape : tuple of int
        (polarities, rows, columns), or (units,) without rows.
    step_s : float
    left_out : int
        Events before the first or after the last step.
    remarks : tuple of str
    """

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    shape: tuple[int, ...]
    step_s: float
    left_out: int = 0
    remarks: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.inputs)


def step_of(events: Events, step_s: float) -> NDArray[np.int64]:
    """Return the step of each event (events,), counted from the recording's beginning; an event on
    an edge is in the later step.

    Edges are met exactly: what is within the rounding of the two numbers of an edge is on it.
    """
    if math.isinf(step_s):
        return np.where(events.t >= events.start_s, 0, -1)
    exact = (events.t - events.start_s) / step_s
    near = np.rint(exact)
    slack = (
        4
        * np.finfo(float).eps
        * (np.abs(exact) + (np.abs(events.t) + abs(events.start_s)) / step_s)
    )
    return np.floor(np.where(np.abs(exact - near) <= slack, near, exact)).astype(np.int64)


def binned(
    events: Events, grid: Grid, shape: tuple[int, ...], where: str = "the recording"
) -> tuple[NDArray[np.float32], int]:
    """Return counts (steps, inputs) of one recording, and how many events lie in no step.

    Parameters
    ----------
    events : Events
    grid : Grid
        With a number of steps.
    shape : (polarities, rows, columns) or (units,)
    where : str
        For messages.

    Raises
    ------
    DataError
        An event outside the sensor.
    """
    polarities, rows, columns = shape if len(shape) == 3 else (1, 1, shape[0])
    outside = (events.x >= columns) | (events.y >= rows)
    if np.any(outside):
        at = int(np.flatnonzero(outside)[0])
        raise DataError(
            f"{where}: event {at:,} is at row {events.y[at]}, column {events.x[at]}, outside the "
            f"sensor of {rows} × {columns}; "
            "say its size with data.shape = [rows, columns]"
        )
    step = step_of(events, grid.step_s)
    inside = (step >= 0) & (step < grid.steps)
    pixel = events.y.astype(np.int64) * columns + events.x
    place = pixel + (events.p.astype(np.int64) * (rows * columns) if polarities == 2 else 0)
    inputs = polarities * rows * columns
    counts = np.bincount((step * inputs + place)[inside], minlength=grid.steps * inputs)
    return counts.reshape(grid.steps, inputs).astype(np.float32), int(np.sum(~inside))


def shape_of(recordings: Iterable[Events], grid: Grid) -> tuple[tuple[int, ...], int]:
    """Return (polarities, rows, columns), or (units,), that recordings need, and the steps that the
    longest of them takes.
    """
    rows = columns = 1
    told: set[tuple[int, ...]] = set()
    polarities, steps = False, 1
    for events in recordings:
        polarities = polarities or events.polarities
        told.add(events.shape)
        if len(events):
            rows, columns = (
                max(rows, int(events.y.max()) + 1),
                max(columns, int(events.x.max()) + 1),
            )
            steps = max(steps, int(step_of(events, grid.step_s).max()) + 1)
    if grid.shape:
        rows, columns = (
            (1, grid.shape[0]) if len(grid.shape) == 1 else (grid.shape[-2], grid.shape[-1])
        )
    elif len(told) == 1 and (size := told.pop()):
        rows, columns = size[0], size[1]
    both = polarities if grid.polarity == "auto" else grid.polarity == "separate"
    return (
        (columns,) if rows == 1 and not both else (2 if both else 1, rows, columns)
    ), grid.steps or steps


def sequences(
    recordings: Recordings,
    grid: Grid,
    *,
    shape: tuple[int, ...] = (),
    names: tuple[str, ...] = (),
    inputs: int = 0,
) -> Sequences:
    """Return recordings in time steps.

    Parameters
    ----------
    recordings : Recordings
    grid : Grid
    shape : tuple of int
        Of another set's sequences, such as the training samples'; found in the recordings if left
        out, which are then read twice.
    names : tuple of str
        The classes of another set.
    inputs : int
        What a network takes: polarities are merged if that is what fits, and units that never spike
        are counted in; 0: whatever the recordings have.

    Raises
    ------
    ConfigError
        More values than memory is there for; another number of inputs than the network's.
    DataError
        A recording that cannot be read, an event outside, a class that is not among `names`.
    """
    if not shape or not grid.steps:
        found, steps = shape_of((read() for read in recordings.readers), grid)
        shape, grid = shape or _fitted(found, grid, inputs), replace(grid, steps=steps)
    check_values(len(recordings), grid.steps, math.prod(shape))
    labels, known = _labelled(recordings.words, names)
    values = np.zeros((len(recordings), grid.steps, math.prod(shape)), dtype=np.float32)
    beyond = np.zeros(len(recordings), dtype=np.int64)
    total = 0
    for k, (events, where) in enumerate(_named(recordings)):
        values[k], beyond[k] = binned(events, grid, shape, where)
        total += len(events)
    return Sequences(
        inputs=values,
        labels=labels,
        names=known,
        shape=shape,
        step_s=grid.step_s,
        left_out=int(beyond.sum()),
        remarks=tuple(_remarks(grid, shape, total, beyond, int(np.sum(values > 1)))),
    )


def _fitted(shape: tuple[int, ...], grid: Grid, inputs: int) -> tuple[int, ...]:
    """Return the shape that a network's inputs ask for, found in recordings of `shape`."""
    if not inputs or math.prod(shape) == inputs:
        return shape
    if len(shape) == 1 and shape[0] < inputs and not grid.shape:
        return (inputs,)
    if shape[0] == 2 and grid.polarity == "auto" and math.prod(shape) == 2 * inputs:
        return (1, *shape[1:])
    raise ConfigError(
        f"the recordings have {' × '.join(map(str, shape))} = {math.prod(shape):,} inputs, the "
        f"network {inputs:,}; say what they are with data.shape = [rows, columns] and data.polarity"
    )


def _labelled(
    words: Sequence[str], names: tuple[str, ...]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    known = names or sorted_classes(words)
    strange = sorted(set(words) - set(known))
    if strange:
        raise DataError(
            f"recordings of class {strange[0]!r:.40}, which no training sample has; expected only "
            "those learnt"
        )
    place = {word: k for k, word in enumerate(known)}
    return np.array([place[word] for word in words], dtype=np.int64), known


def check_values(samples: int, steps: int, inputs: int) -> None:
    """Raise `ConfigError` for more values than memory is there for."""
    if samples * steps * inputs > _MOST_VALUES:
        raise ConfigError(
            f"{samples:,} samples × {steps:,} steps × {inputs:,} inputs are "
            f"{4e-9 * samples * steps * inputs:.1f} GB; "
            f"expected at most {4e-9 * _MOST_VALUES:.0f} GB. Take fewer samples (data.test_limit), "
            "longer steps (data.step_s) "
            "or fewer (data.steps)"
        )


def _named(recordings: Recordings) -> Iterator[tuple[Events, str]]:
    where: Sequence[str] = recordings.origins or ["the recording"] * len(recordings)
    for read, name in zip(recordings.readers, where, strict=True):
        yield read(), name


def _remarks(
    grid: Grid, shape: tuple[int, ...], total: int, beyond: NDArray[np.int64], several: int
) -> Iterator[str]:
    size = f"{shape[0]} units"
    if len(shape) == 3:
        size = f"{shape[1]} × {shape[2]} pixels{', polarities apart' if shape[0] == 2 else ''}"
    steps = counted(grid.steps, "step")
    steps = "one step" if math.isinf(grid.step_s) else f"{steps} of {grid.step_s * 1e3:g} ms"
    yield f"{counted(total, 'event')} of {counted(len(beyond), 'recording')} in {steps}, {size}"
    if np.any(beyond):
        yield (
            f"{counted(int(beyond.sum()), 'event')} of "
            f"{counted(int(np.sum(beyond > 0)), 'recording')} lie outside the "
            f"{counted(grid.steps, 'step')} and are left out"
        )
    if several and not math.isinf(grid.step_s):
        yield (
            f"{counted(several, 'value')} above 1: several events of an input in one step count as "
            "that many"
        )


def load(
    path: str | Path, grid: Grid, *, sensor: str | None = None, limit: int = 0, test_limit: int = 0
) -> tuple[Sequences, Sequences | None]:
    """Return the samples of a file or folder in time steps, and held-out ones where the data bring
    their own.

    Parameters
    ----------
    path : str | Path
        As in `reading.read_set`.
    grid : Grid
    sensor : str, optional
    limit, test_limit : int
        At most so many samples; 0: all. Samples of a folder are taken class by class in turn.
    """
    train, test = reading.read_set(path, sensor=sensor)
    learnt = sequences(limited(train, limit), grid)
    if test is None:
        return learnt, None
    held = sequences(
        limited(test, test_limit),
        replace(grid, steps=learnt.inputs.shape[1]),
        shape=learnt.shape,
        names=learnt.names,
    )
    return learnt, held


def limited(recordings: Recordings, count: int) -> Recordings:
    """Return the first `count` samples, one of each class in turn; all for 0."""
    if not count or count >= len(recordings):
        return recordings
    seen: dict[str, int] = {}
    turn = []
    for word in recordings.words:
        seen[word] = seen.get(word, 0) + 1
        turn.append(seen[word])
    return picked(recordings, np.sort(np.argsort(np.array(turn), kind="stable")[:count]))


def picked(recordings: Recordings, index: NDArray[np.int64]) -> Recordings:
    """Return chosen samples."""
    return Recordings(
        readers=tuple(recordings.readers[k] for k in index),
        words=tuple(recordings.words[k] for k in index),
        origins=tuple(recordings.origins[k] for k in index) if recordings.origins else (),
    )
