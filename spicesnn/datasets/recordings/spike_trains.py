"""HDF5 files of spike trains as the Heidelberg data sets have them (Cramer et al., IEEE TNNLS 33,
2744, 2022).

``spikes/times`` and ``spikes/units`` hold one array a sample, seconds and number of the unit;
``labels`` holds a class a sample.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn import hdf5
from spicesnn.datasets.recordings.base import (
    LARGEST_BYTES,
    Events,
    counted,
    joined,
    order_remarks,
    whole_numbers,
)
from spicesnn.errors import DataError
from spicesnn.file_kinds import unreadable

_SEQUENCE = 16
"""Bytes that stand for a sequence of variable length in a data set: uint32 length, 8 bytes address,
uint32 index.
"""


class SpikeTrains:
    """An open file of spike trains; samples are read one by one.

    Attributes
    ----------
    path : Path
    labels : (samples,) or None
        Whole numbers; None where the file has none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        h5py = hdf5.h5py_module()
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            raise unreadable(path, error, "an HDF5 file of spike trains") from None
        try:
            hdf5.check(path)
        except DataError as error:
            if cut := re.search(r"eof = (\d+).*stored_eof = (\d+)", str(error)):
                raise DataError(
                    f"{path} ends at byte {int(cut[1]):,} of {int(cut[2]):,}: it is cut. Get it "
                    "again"
                ) from None
            raise
        self._file = h5py.File(path, "r")
        self._times, self._units = (
            self._sequences(h5py, f"spikes/{name}") for name in ("times", "units")
        )
        if len(self._times) != len(self._units):
            raise DataError(
                f"{path}: {len(self._times)} samples of spikes/times and {len(self._units)} of "
                "spikes/units; expected as many"
            )
        self.labels = self._labels()

    def __len__(self) -> int:
        return len(self._times)

    def _sequences(self, h5py: Any, name: str) -> Any:
        found = self._file.get(name)
        if not isinstance(found, h5py.Dataset):
            raise DataError(
                f"{self.path} has no data set {name}; expected spikes/times, spikes/units and "
                "labels"
            )
        kind = h5py.check_vlen_dtype(found.dtype)
        if kind is None or found.ndim != 1 or np.dtype(kind).kind not in "iuf":
            raise DataError(
                f"{self.path}: {name} has shape {found.shape} and type {found.dtype}; expected one "
                "sequence of numbers a sample"
            )
        self._check_lengths(name, found, np.dtype(kind).itemsize)
        return found

    def _check_lengths(self, name: str, found: Any, itemsize: int) -> None:
        """Raise `DataError` where sequences claim more than the file holds, before anything is made
        for them.
        """
        size, total = self.path.stat().st_size, 0
        for raw in _descriptors(found):
            lengths = (
                np.frombuffer(raw[: len(raw) // _SEQUENCE * _SEQUENCE], dtype="<u4")
                .reshape(-1, _SEQUENCE // 4)[:, 0]
                .astype(np.int64)
            )
            if len(lengths) and lengths.max() * itemsize > size:
                raise DataError(
                    f"{self.path}: a sequence of {name} claims {int(lengths.max()):,} numbers, "
                    "more than the file holds"
                )
            total += int(lengths.sum())
        if total * itemsize > size:
            raise DataError(
                f"{self.path}: the sequences of {name} claim {total:,} numbers, more than the file "
                "holds"
            )

    def _labels(self) -> NDArray[np.int64] | None:
        if "labels" not in self._file:
            return None
        found = np.asarray(self._file["labels"][()])
        if found.shape != (len(self),) or found.dtype.kind not in "iu":
            raise DataError(
                f"{self.path}: labels have shape {found.shape} and type {found.dtype}; expected "
                "one whole number a sample, "
                f"({len(self)},)"
            )
        return found.astype(np.int64)

    def read(self, sample: int) -> Events:
        """Return one sample: the unit is its x, every spike has the polarity 1."""
        where = f"{self.path}, sample {sample}"
        try:
            times, units = np.asarray(self._times[sample]), np.asarray(self._units[sample])
        except (OSError, RuntimeError, ValueError, KeyError, MemoryError) as error:
            raise DataError(
                f"{where} cannot be read ({(str(error).splitlines() or [''])[0][:120]}): the file "
                "is damaged"
            ) from None
        if times.shape != units.shape:
            raise DataError(f"{where}: {len(times)} times and {len(units)} units; expected as many")
        t = times.astype(np.float64)
        if not np.all(np.isfinite(t)):
            raise DataError(
                f"{where}: the time of spike {int(np.flatnonzero(~np.isfinite(t))[0])} is not "
                "finite"
            )
        x = whole_numbers(self.path, "units", units)
        said = f"spike trains in HDF5, times in s: {counted(len(t), 'spike')}"
        return Events(
            t=t,
            x=x,
            y=np.zeros_like(x),
            p=np.ones(len(t), dtype=np.uint8),
            polarities=False,
            remarks=joined([said, *order_remarks(t)]),
        )

    def reader(self, sample: int) -> Callable[[], Events]:
        """Return what reads one sample when it is asked for."""
        return lambda: self.read(sample)


def _descriptors(found: Any) -> list[bytes]:
    """Return the bytes that stand for the sequences of a data set, as far as they are not
    compressed beyond their number.
    """
    if found.chunks is None:
        at = found.id.get_offset()
        if at is None:
            return []
        with Path(found.file.filename).open("rb") as file:
            file.seek(at)
            return [file.read(min(_SEQUENCE * len(found), LARGEST_BYTES))]
    if found.id.get_create_plist().get_nfilters():
        return []
    return [
        found.id.read_direct_chunk(found.id.get_chunk_info(k).chunk_offset)[1]
        for k in range(found.id.get_num_chunks())
    ]
