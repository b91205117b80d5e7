"""What a file is that is not what was asked for, in words: a refusal says what was got."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from pathlib import Path

from spicesnn.errors import AbsentError, DataError

_BEGINNINGS = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (as Keras and h5py write)"),
    (b"\x93NUMPY", "one NumPy array (.npy)"),
    (b"\x1f\x8b", "a gzip file"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (b"MATLAB 5.0", "a MATLAB file"),
    (b"MATLAB 7.3", "a MATLAB file (of HDF5)"),
    (b"PAR1", "a Parquet table"),
)
_PICKLED = "which can run programs when it is loaded and is not read"
_NETLISTS = (".cir", ".ckt", ".lib", ".mod", ".net", ".sp", ".spi", ".sub", ".subckt")


def what_is(path: str | Path) -> str:
    """Return what a file seems to be, as words that go after *is*; nothing where nothing can be
    said."""
    path = Path(path)
    if path.is_dir():
        return "a folder"
    if path.exists() and not path.is_file():
        return "a pipe or a device"
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError:
        return ""
    if not start:
        return "empty"
    if start[:2] == b"PK":
        return _archive(path)
    for beginning, words in _BEGINNINGS:
        if start.startswith(beginning):
            return words
    if start[0] == 0x80 and start[1] in range(2, 6):
        return f"a Python pickle, {_PICKLED}"
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        return "an ONNX model"
    if suffix in _NETLISTS:
        return "a SPICE netlist"
    if suffix == ".va":
        return "a Verilog-A model"
    return "text" if start.isascii() and b"\0" not in start else ""


def _archive(path: Path) -> str:
    names: list[str] = []
    with (
        suppress(OSError, zipfile.BadZipFile, ValueError, RuntimeError),
        zipfile.ZipFile(path) as archive,
    ):
        names = archive.namelist()
    if any(name.endswith("data.pkl") for name in names):
        return f"a PyTorch file, a pickle, {_PICKLED}"
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook"
    if any(name.endswith("config.json") for name in names) and any(
        name.endswith(".h5") for name in names
    ):
        return "a Keras model"
    return (
        ""
        if not names or all(name.endswith(".npy") for name in names)
        else "a zip archive of other files"
    )


def check_is_file(path: str | Path, wanted: str = "a file") -> None:
    """Refuse a pipe or a device, which a path of somebody else's run may lead to: it could be read
    without end.

    What is not there, or is a folder, is left to who opens it.
    """
    path = Path(path)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise DataError(f"{path} is a pipe or a device; expected {wanted}")


def unreadable(path: str | Path, error: OSError, wanted: str = "a file") -> DataError:
    """Return the error for a file that could not be opened: wrong usage where it is not there."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return AbsentError(f"there is no file {path}; expected the path of {wanted}")
    if isinstance(error, IsADirectoryError):
        return AbsentError(f"{path} is a folder; expected the path of {wanted}")
    return DataError(f"{path} cannot be read: {error.strerror or error}")
