"""MNIST: where it is looked for, how it is fetched on request, and the check that every copy
passes.

Order: ``SPICESNN_DATA`` (a folder or an ``.npz`` file), the ``data`` folder of a checkout, the
cache folder. A copy is ``mnist.npz`` or the four IDX files, plain or ``.gz``. Whatever its form,
its arrays must have the MD5 sums of the four original files."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spicesnn import npz
from spicesnn.datasets import idx
from spicesnn.errors import DataError
from spicesnn.paths import caches_dir, checkout_data_dir

Bytes = NDArray[np.uint8]

MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
FILES = {
    "x_train": ("train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"),
    "y_train": ("train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624"),
    "x_test": ("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea"),
    "y_test": ("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637"),
}
"""Array → original file and the MD5 sum of that file, uncompressed."""
_LARGEST_DOWNLOAD = 64 << 20
_WAYS = (
    "set SPICESNN_DATA to a folder with mnist.npz or the four IDX files; or run in a checkout of"
    " the repository, which has data/mnist.npz; or fetch it once with `spicesnn doctor --download`"
    " (or SPICESNN_DOWNLOAD=1)"
)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Mnist:
    """The digits: 60,000 to train on, 10,000 held out.

    Attributes
    ----------
    x_train, x_test : (n, 28, 28) uint8
        Ink is 255.
    y_train, y_test : (n,) uint8
        The digit, 0 to 9.
    source : Path
        Where they were read from.
    """

    x_train: Bytes
    y_train: Bytes
    x_test: Bytes
    y_test: Bytes
    source: Path


def cache_dir() -> Path:
    """Return the folder for downloads: ``$XDG_CACHE_HOME/spicesnn`` or ``~/.cache/spicesnn``."""
    return caches_dir() / "spicesnn"


def candidates() -> list[Path]:
    """Return the places that are looked at, in order; a place set by ``SPICESNN_DATA`` is the only
    one."""
    given = os.environ.get("SPICESNN_DATA", "").strip()
    return [Path(given).expanduser()] if given else [checkout_data_dir(), cache_dir()]


def idx_file(folder: Path, name: str) -> Path | None:
    """Return the IDX file of that name in a folder: plain or ``.gz``, with a dot or a dash before
    ``idx``; None if there is none."""
    for spelling in (
        name,
        f"{name}.gz",
        name.replace("-idx", ".idx"),
        name.replace("-idx", ".idx") + ".gz",
    ):
        if (folder / spelling).is_file():
            return folder / spelling
    return None


def find() -> Path | None:
    """Return the ``mnist.npz``, or the folder of IDX files, that `load` would read; None if there
    is none."""
    for place in candidates():
        if place.is_file():
            return place
        if (place / "mnist.npz").is_file():
            return place / "mnist.npz"
        if all(idx_file(place, name) for name, _ in FILES.values()):
            return place
    return None


def load(*, verify: bool = True, download: bool | None = None) -> Mnist:
    """Return MNIST from the first place that has it.

    Parameters
    ----------
    verify : bool
        Whether the arrays must have the sums of the original files. Without it, data of the same
        shape (such as Fashion-MNIST) pass.
    download : bool, optional
        Whether it may be fetched if it is nowhere; ``SPICESNN_DOWNLOAD=1`` means yes when left out.

    Raises
    ------
    DataError
        It is nowhere (the message says the three ways to get it), or what is there is damaged.
    """
    place = find()
    if place is None:
        given = os.environ.get("SPICESNN_DATA", "").strip()
        if given and not Path(given).expanduser().exists():
            raise DataError(
                f"SPICESNN_DATA is {given}, which does not exist. To have MNIST: {_WAYS}."
            )
        allowed = (
            os.environ.get("SPICESNN_DOWNLOAD", "").strip().lower() in ("1", "yes", "true")
            if download is None
            else download
        )
        if not allowed:
            raise DataError(
                f"MNIST is not on this machine (looked in {', '.join(map(str, candidates()))}). To"
                f" have it: {_WAYS}."
            )
        place = fetch()
    return read(place, verify=verify)


def read(place: str | Path, *, verify: bool = True) -> Mnist:
    """Return MNIST from an ``.npz`` file or a folder of IDX files.

    The arrays cannot be written to: a process that reads the same files again, as a sweep does at
    every point, gets the same arrays."""
    place = Path(place).absolute()
    files = (
        [file for name, _ in FILES.values() if (file := idx_file(place, name))]
        if place.is_dir()
        else [place]
    )
    stamps = tuple(
        (str(file), state.st_mtime_ns, state.st_size, state.st_ino)
        for file in files
        if file.is_file()
        for state in [file.stat()]
    )
    return _read(place, verify, stamps)


@lru_cache(maxsize=1)
def _read(place: Path, verify: bool, stamps: tuple[tuple[str, int, int, int], ...]) -> Mnist:
    """Read and check the files as they are now: `stamps` are what they are remembered by, beside
    their place."""
    if place.is_dir():
        arrays = {}
        for key, (name, _) in FILES.items():
            file = idx_file(place, name)
            if file is None:
                raise DataError(f"{place} has no {name} (plain or .gz)")
            arrays[key] = idx.read(file)
    else:
        arrays = npz.read(place, FILES)
    for key, array in arrays.items():
        shape = "(n, 28, 28)" if key.startswith("x") else "(n,)"
        fits = array.dtype == np.uint8 and (
            array.shape[1:] == (28, 28) if key.startswith("x") else array.ndim == 1
        )
        if not fits or array.shape[:1] != arrays["y" + key[1:]].shape:
            raise DataError(
                f"{place}: {key} has shape {array.shape} and type {array.dtype}; expected {shape}"
                " uint8, as many images as labels"
            )
        if verify and _md5(idx.render(array)) != FILES[key][1]:
            raise DataError(
                f"{place}: {key} is not MNIST's {FILES[key][0]} (its MD5 sum differs): damaged, or"
                " another data set; get it again"
            )
        array.flags.writeable = False
    return Mnist(**arrays, source=place)


def fetch(
    *,
    mirror: str = MIRROR,
    folder: Path | None = None,
    sums: Mapping[str, str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Download the four IDX files, check them, and keep them in the cache folder.

    Parameters
    ----------
    mirror : str
        Address of the folder with the four ``.gz`` files.
    folder : Path, optional
        Where they go; the cache folder if left out.
    sums : mapping, optional
        Array → MD5 sum of the uncompressed file; the originals' if left out.
    progress : callable, optional
        Called with the name of each file before it is fetched.

    Returns
    -------
    Path
        The folder.
    """
    folder = folder if folder is not None else cache_dir()
    expected = sums if sums is not None else {key: md5 for key, (_, md5) in FILES.items()}
    for key, (name, _) in FILES.items():
        if progress is not None:
            progress(name)
        address = f"{mirror.rstrip('/')}/{name}.gz"
        _keep(_download(address), folder / f"{name}.gz", expected[key], address)
    return folder


def _download(address: str) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 (https, or the test's own server)
            content: bytes = answer.read(_LARGEST_DOWNLOAD + 1)
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise DataError(
            f"{address} cannot be fetched: {reason}. Without a network:"
            f" {_WAYS.partition('; or fetch')[0]}."
        ) from None
    return content


def _keep(packed: bytes, target: Path, md5: str, address: str) -> None:
    """Write a checked download to its place; nothing that fails the check stays."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(packed)
    except OSError as error:
        raise DataError(
            f"the cache folder {target.parent} cannot be written: {error.strerror}; set"
            " XDG_CACHE_HOME to one that can, or SPICESNN_DATA"
        ) from None
    try:
        sound = _md5(idx.render(idx.read(partial))) == md5
    except DataError:
        sound = False
    if not sound:
        partial.unlink(missing_ok=True)
        raise DataError(
            f"{address} is not the file it should be (damaged, or its MD5 sum differs); nothing was"
            " kept"
        )
    partial.replace(target)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
