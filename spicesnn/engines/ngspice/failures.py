"""What is kept of a job that failed: its deck, on disk, in a form that a plain ngspice runs."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from spicesnn.errors import RunError


class Keeper:
    """Writes the decks of failed jobs into a folder.

    Parameters
    ----------
    folder : Path, optional
        A temporary one, which lives until the program ends, if left out.
    limit : int
        The oldest decks are removed beyond this many.
    """

    def __init__(self, folder: Path | None = None, limit: int = 100) -> None:
        self._folder = folder
        self._limit = limit
        self._count = 0
        self._lock = threading.Lock()
        self._kept: list[Path] = []

    def keep(self, deck: Callable[[], str]) -> Path:
        """Write the deck and return its path."""
        text = deck()
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="spicesnn-failed-"))
                atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
            self._count += 1
            path = self._folder / f"failed-{self._count}.cir"
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                raise RunError(f"the deck of a failed ngspice job could not be written to {path}: {error}") from error
            self._kept.append(path)
            if len(self._kept) > self._limit:
                self._kept.pop(0).unlink(missing_ok=True)
        return path
