"""Recordings as a table: how many events each input has in a sample, for networks that take no time
steps.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spicesnn.datasets import table
from spicesnn.datasets.recordings.binning import Grid, Sequences, load
from spicesnn.datasets.table import Table

Pair = tuple[Table, Table | None]


def read(
    path: str | Path, grid: Grid, *, sensor: str | None = None, channels: int = 0
) -> tuple[Pair, tuple[str, ...]]:
    """Return samples, held-out ones where the data bring their own, and how they were read.

    Parameters
    ----------
    path : str | Path
    grid : Grid
        Of one step.
    sensor : str, optional
    channels : int
        Polarities of the samples that are learnt from; 0: as `grid` says.

    Returns
    -------
    (Table, Table or None), remarks
        Features are (rows, columns, polarities), or units.
    """
    if channels:
        apart = "separate" if channels == 2 else "merged"
        grid = Grid(step_s=grid.step_s, steps=grid.steps, shape=grid.shape, polarity=apart)
    learnt, held = load(path, grid, sensor=sensor)
    train = _table(Path(path), learnt)
    remarks = learnt.remarks if held is None else (*learnt.remarks, *held.remarks)
    return (
        train,
        None if held is None else table.renamed(_table(Path(path), held), train, Path(path)),
    ), remarks


def _table(path: Path, found: Sequences) -> Table:
    values = found.inputs.sum(axis=1, dtype=np.float64)
    shape: tuple[int, ...] = ()
    if len(found.shape) == 3:
        polarities, rows, columns = found.shape
        values = values.reshape(-1, polarities, rows, columns).transpose(0, 2, 3, 1)
        shape = (rows, columns, polarities) if polarities > 1 else (rows, columns)
    flat = values.reshape(len(found), -1)
    words = [found.names[k] for k in found.labels]
    return table.of_words(path, flat, words, (), shape)
