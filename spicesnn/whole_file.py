"""Files that appear whole or not at all, and files of a folder that may come from somebody else:
links in it are never followed."""

from __future__ import annotations

import csv
import errno
import os
import platform
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from spicesnn.errors import RunError, SpicesnnError

_NO_LINKS = (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
)
_FORMULA = re.compile(r"\s*[=+\-@\t\r\n]")
"""How a text begins that a spreadsheet computes, in place of showing it."""


class NotPlainError(OSError):
    """A link, a pipe or a device where a plain file should be."""


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def unwritable(path: Path, error: OSError, then: str) -> str:
    """Say in one line why a file or folder cannot be written, and what to do.

    Parameters
    ----------
    path : Path
        What was to be written.
    error : OSError
        Why it was not.
    then : str
        What else may be done, as in "choose another folder with --out"; may be empty.
    """
    if error.errno in _FULL:
        advice = "free space"
    elif error.errno in _CLOSED:
        advice = "allow writing there"
    elif error.errno == errno.ENOENT and not path.parent.is_dir():
        advice = f"make the folder {path.parent}"
    else:
        advice = ""
    said = " or ".join(filter(None, (advice, then)))
    return f"{path} cannot be written: {error.strerror or error}{said and f'; {said}'}"


@contextmanager
def writing(
    path: Path,
    then: str = "choose another folder with --out",
    *,
    kind: type[SpicesnnError] = RunError,
) -> Iterator[None]:
    """Turn what hinders the block from writing `path` into an error of one line, of a `kind`."""
    try:
        yield
    except OSError as error:
        raise kind(unwritable(path, error, then)) from None


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """Yield the path of a hidden file beside `target`, which takes its place when the block ends;
    after an error nothing of it stays.

    Each process, on each machine that sees the folder, has a name of its own: of two that write the
    same file the last one counts. A link at `target` gives way to the file: what it points at is
    left alone."""
    partial = target.with_name(f".{target.name}.{platform.node()}.{os.getpid()}.part")
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _NO_LINKS, 0o666))
        yield partial
        partial.replace(target)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def write_whole(target: Path, text: str) -> None:
    """Write a text file that appears whole."""
    with appearing(target) as partial:
        partial.write_text(text, encoding="utf-8")


def open_for_appending(path: Path) -> IO[bytes]:
    """Open a file to be read and appended to, made if absent.

    Raises
    ------
    NotPlainError
        It is a link, by name or as a second name of another file, or no file.
    """
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _NO_LINKS, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO) or path.is_symlink():
            raise NotPlainError(errno.ELOOP, _not_plain(path)) from None
        raise
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(number)
        raise NotPlainError(errno.ELOOP, _not_plain(path))
    return os.fdopen(number, "a+b", buffering=0)


def check_plain(folder: Path, folders: Iterable[str] = ()) -> None:
    """Raise `NotPlainError` where a folder, or one of its `folders`, holds anything but plain files
    and folders."""
    for place in (folder, *(folder / name for name in folders)):
        if place is not folder and not place.is_dir():
            continue
        with os.scandir(place) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False).st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                    raise NotPlainError(errno.ELOOP, _not_plain(Path(entry.path)))


def _not_plain(path: Path) -> str:
    target = ""
    with suppress(OSError):
        target = f" to {path.readlink()}"
    what = (
        f"a link{target}"
        if path.is_symlink()
        else "no plain file of its own (a second name of a file, a pipe or a device)"
    )
    return (
        f"{path} is {what}, which is not followed: put a plain file or folder in its place, or"
        " remove it"
    )


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]], names: Iterable[str]) -> None:
    """Write a table as CSV that appears whole; texts that a spreadsheet would take for formulas
    begin with ``'``."""
    with appearing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        keys = list(names)
        writer.writerow([as_text(key) for key in keys])
        writer.writerows([as_text(row.get(key, "")) for key in keys] for row in rows)


def as_text(value: Any) -> Any:
    """Return the value of a cell: what is no number and begins like a formula gets a ``'`` before
    it, which spreadsheets take for text."""
    if not isinstance(value, str) or not _FORMULA.match(value):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
