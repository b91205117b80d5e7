"""Recordings of events from files and folders: which reader reads a file is decided by its content,
and by its name where it has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from spicesnn.datasets.recordings import aedat, aedat4, event_arrays, nmnist
from spicesnn.datasets.recordings.base import Events
from spicesnn.datasets.recordings.spike_trains import SpikeTrains
from spicesnn.errors import AbsentError, DataError, InputError
from spicesnn.file_kinds import unreadable, what_is

KINDS = (
    "N-MNIST .bin, AEDAT 2.0, 3.1 or 4.0, HDF5 with spikes/times and spikes/units, or npz with t,"
    " x, y, p"
)
_HDF5 = b"\x89HDF\r\n\x1a\n"
_PARTS = ("train", "test")


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Recordings:
    """Samples of events with their classes, each read when it is asked for.

    Attributes
    ----------
    readers : tuple of callables
        One a sample; returns its `Events`.
    words : tuple of str
        The class of each.
    origins : tuple of str
        Where each comes from, for messages.
    """

    readers: tuple[Callable[[], Events], ...]
    words: tuple[str, ...]
    origins: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.readers)


def read_events(
    path: str | Path,
    *,
    sample: int | None = None,
    sensor: str | None = None,
    time_unit: str | None = None,
) -> Events:
    """Read one recording of events.

    Parameters
    ----------
    path : str | Path
        N-MNIST ``.bin``, AEDAT 2.0, 3.1 or 4.0, HDF5 with ``spikes/times`` and ``spikes/units``,
        npz with ``t``, ``x``, ``y``, ``p``.
    sample : int, optional
        Which one, of files that hold many.
    sensor : "dvs128" or "davis", optional
        How addresses are laid out in an AEDAT 2.0 file that does not say it.
    time_unit : "s", "ms" or "us", optional
        Of the times in an npz file; left out: microseconds if they are whole numbers, else seconds.

    Returns
    -------
    Events
        ``.t`` (seconds), ``.x``, ``.y``, ``.p`` (0 or 1), each (events,), and ``.remarks``: what
        was read and what is left out.

    Raises
    ------
    DataError
        A file that is absent, cut, damaged or of another kind; the message names the offset.
    """
    path = Path(path)
    kind = kind_of(path)
    if sensor is not None and kind != "aedat2":
        raise InputError(
            f"sensor is {sensor!r:.40}, but {path} says by itself what its addresses mean; "
            "expected it for AEDAT 2.0 only"
        )
    if time_unit is not None and kind != "npz":
        raise InputError(
            f"time_unit is {time_unit!r:.20}, but the format of {path} fixes it; expected it for "
            "npz files only"
        )
    if kind in ("hdf5", "npz"):
        return _one_of_many(path, kind, sample, time_unit)
    if sample is not None:
        raise InputError(f"sample is {sample}, but {path} holds one recording; leave it out")
    return aedat.read_2(path, sensor) if kind == "aedat2" else _READERS[kind](path)


_READERS: dict[str, Callable[[Path], Events]] = {
    "nmnist": nmnist.read,
    "aedat2": aedat.read_2,
    "aedat3": aedat.read_3,
    "aedat4": aedat4.read,
}


def _one_of_many(path: Path, kind: str, sample: int | None, time_unit: str | None) -> Events:
    if kind == "hdf5":
        trains = SpikeTrains(path)
        return trains.read(_chosen(path, sample, len(trains)))
    arrays = event_arrays.arrays_of(path)
    if not arrays:
        raise DataError(f"{path} has no arrays t and x; expected events: {KINDS}")
    events = event_arrays.checked(path, arrays, time_unit)
    if "sample" not in arrays:
        _chosen(path, sample, 1)
        return events
    parts, _ = event_arrays.samples_of(
        path,
        arrays
        | {"labels": arrays.get("labels", np.zeros(int(arrays["sample"].max()) + 1, dtype=int))},
        events,
    )
    return parts[_chosen(path, sample, len(parts))]


def _chosen(path: Path, sample: int | None, count: int) -> int:
    if sample is None and count == 1:
        return 0
    if sample is None or not 0 <= sample < count:
        given = "no sample is chosen" if sample is None else f"sample is {sample}"
        raise InputError(
            f"{path} holds {count} recordings, and {given}; expected sample = 0 to {count - 1}"
        )
    return sample


def kind_of(path: Path) -> str:
    """Return which reader reads a file.

    Raises
    ------
    DataError
        None does.
    """
    if not path.exists():
        raise AbsentError(f"there is no file {path}; expected events: {KINDS}")
    if not path.is_file():
        raise AbsentError(
            f"{path} is {what_is(path) or 'no file'}; expected one recording: {KINDS}"
        )
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise unreadable(path, error, f"events: {KINDS}") from None
    if start.startswith(_HDF5):
        return "hdf5"
    if start.startswith(b"PK"):
        return "npz"
    version = aedat.version_of(start)
    if version in ("2.0", "3.1") or version.startswith("4."):
        return f"aedat{version[0]}"
    if version:
        raise DataError(
            f"{path} is AEDAT {version}; expected 2.0, 3.1 or 4.0. Convert it with the program "
            "that made it"
        )
    if path.suffix.lower() == ".bin" and not start.startswith(b"#!AER"):
        return "nmnist"
    raise DataError(
        f"{path} is {what_is(path) or 'of no kind that is read'}; expected events: {KINDS}"
    )


def is_events(path: Path) -> bool:
    """Return whether a file, or the first file in a folder's folders, holds events."""
    if path.is_dir():
        found = _class_folders(path)
        files = [file for folder in found for file in _files(folder)]
        if not files and {folder.name.lower() for folder in found} >= set(_PARTS):
            return any(is_events(folder) for folder in found if folder.name.lower() in _PARTS)
        return bool(files) and is_events(files[0])
    try:
        kind = kind_of(path)
    except DataError:
        return False
    return bool(event_arrays.arrays_of(path)) if kind == "npz" else True


def read_set(
    path: str | Path, *, sensor: str | None = None
) -> tuple[Recordings, Recordings | None]:
    """Return samples with classes, and held-out ones where the data bring their own.

    Parameters
    ----------
    path : str | Path
        A folder with a folder per class, and a file per recording in it; a folder of two of them,
        ``Train`` and ``Test``, as N-MNIST comes; an HDF5 file with ``labels``; an npz file with
        ``sample`` and ``labels``.
    sensor : str, optional
        As in `read_events`.
    """
    path = Path(path)
    if path.is_dir():
        folders = _class_folders(path)
        named = {folder.name.lower(): folder for folder in folders}
        if set(named) == set(_PARTS):
            return _by_class(named["train"], sensor), _by_class(named["test"], sensor)
        return _by_class(path, sensor), None
    kind = kind_of(path)
    if kind == "hdf5":
        trains = SpikeTrains(path)
        if trains.labels is None:
            raise DataError(f"{path} has no data set labels; expected one class a sample")
        words = tuple(str(label) for label in trains.labels.tolist())
        return (
            Recordings(
                readers=tuple(trains.reader(k) for k in range(len(trains))),
                words=words,
                origins=_numbered(path, len(words)),
            ),
            None,
        )
    if kind == "npz":
        arrays = event_arrays.arrays_of(path)
        if not arrays:
            raise DataError(f"{path} has no arrays t and x; expected events: {KINDS}")
        parts, labels = event_arrays.samples_of(path, arrays, event_arrays.checked(path, arrays))
        readers = tuple(partial(_given, part) for part in parts)
        return (
            Recordings(readers=readers, words=tuple(labels), origins=_numbered(path, len(parts))),
            None,
        )
    raise DataError(
        f"{path} is one recording without a class; expected a folder with a folder per class: "
        f"{path.parent}/CLASS/{path.name}"
    )


def _given(part: Events) -> Events:
    return part


def _numbered(path: Path, count: int) -> tuple[str, ...]:
    return tuple(f"{path}, sample {k}" for k in range(count))


def _class_folders(folder: Path) -> list[Path]:
    return sorted(
        entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )


def _files(folder: Path) -> list[Path]:
    return sorted(
        entry for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith(".")
    )


def files_of(folder: Path) -> list[Path]:
    """Return the files of a folder of recordings by class, or of its folders of them."""
    found = _class_folders(folder)
    files = [file for part in found for file in _files(part)]
    if files or {part.name.lower() for part in found} != set(_PARTS):
        return files
    return [file for part in found for deeper in _class_folders(part) for file in _files(deeper)]


def _by_class(folder: Path, sensor: str | None) -> Recordings:
    files = [(file, part.name) for part in _class_folders(folder) for file in _files(part)]
    if not files:
        raise DataError(
            f"{folder} has no folders with recordings in them; expected a folder per class, and a "
            f"file a recording: {KINDS}"
        )
    readers = tuple(partial(_of_folder, file, sensor) for file, _ in files)
    return Recordings(
        readers=readers,
        words=tuple(word for _, word in files),
        origins=tuple(str(file) for file, _ in files),
    )


def _of_folder(file: Path, sensor: str | None) -> Events:
    return read_events(file, sensor=sensor if kind_of(file) == "aedat2" else None)
