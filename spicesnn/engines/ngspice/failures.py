"""What is kept of a job that failed, until its user removes it: the deck, in a form that a plain
ngspice runs, and what ngspice said."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from spicesnn._version import __version__
from spicesnn.errors import RunError

_SHOWN = 2000
"""Vectors of a job that are named: an array of 128 x 128 cells has 33,000."""


class Keeper:
    """Writes the decks and logs of failed jobs into a folder.

    Parameters
    ----------
    folder : Path, optional
        A new one in the system's temporary folder, made at the first failure, if left out. It stays
        when the program ends: a message that names a deck is often read later than that.
    limit : int
        The oldest jobs are removed beyond this many.
    """

    def __init__(self, folder: Path | None = None, limit: int = 100) -> None:
        self._folder = folder
        self._limit = limit
        self._count = 0
        self._lock = threading.Lock()
        self._kept: list[Path] = []

    def keep(
        self,
        deck: Callable[[], str],
        *,
        log: str = "",
        analysis: str = "",
        vectors: Sequence[str] = (),
        library: str = "",
        init: Sequence[str] = (),
    ) -> Path:
        """Write ``failed-<n>.cir`` and ``failed-<n>.log`` and return the path of the deck.

        Parameters
        ----------
        deck : Callable
        log : str
            What ngspice said.
        analysis : str
            The command that was given.
        vectors : sequence of str
            What the run was asked for.
        library : str
            Version and place of ngspice.
        init : sequence of str
            What ngspice was told before.
        """
        text = deck()
        named = " ".join(vectors[:_SHOWN]) + (
            f" and {len(vectors) - _SHOWN} more" if len(vectors) > _SHOWN else ""
        )
        about = (
            f"spicesnn {__version__}\nngspice {library or 'not started'}\ninit"
            f" {'; '.join(init) or 'none'}\nanalysis {analysis}\nvectors {named}\n\n{log}\n"
        )
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="spicesnn-failed-"))
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._count += 1
                while (
                    self._folder / f"failed-{self._count}.cir"
                ).exists():  # of an earlier program: it is not ours to overwrite
                    self._count += 1
                path = self._folder / f"failed-{self._count}.cir"
                path.write_text(text, encoding="utf-8")
                path.with_suffix(".log").write_text(about, encoding="utf-8")
            except OSError as error:
                raise RunError(
                    f"the deck of a failed ngspice job could not be written to {self._folder}:"
                    f" {error}"
                ) from error
            self._kept.append(path)
            if len(self._kept) > self._limit:
                old = self._kept.pop(0)
                old.unlink(missing_ok=True)
                old.with_suffix(".log").unlink(missing_ok=True)
        return path
