"""A deck run by a plain ``ngspice -b``: whole experiments in one go, and the check that decks need
nobody's help to run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spicesnn import units
from spicesnn.arrays import Floats
from spicesnn.errors import (
    InputError,
    NgspiceError,
    NgspiceMissingError,
    NgspiceTimeoutError,
    UnknownNameError,
)
from spicesnn.netlist.complaints import complaint

_TRANSIENT = re.compile(r"^\.tran\s+\S+\s+(\S+)", re.M | re.I)
_STATISTICS = re.compile(
    r"^(Total |DRAM |Maximum ngspice|Current ngspice|Shared ngspice|Text \(code|Stack =|Library"
    r" pages).*\n?",
    re.M,
)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class BatchResult:
    """What a run left.

    Attributes
    ----------
    vectors : dict
        Saved signal, in lower case as ``.save`` names it (``v(r0)``, ``i(vr0)``), → (points,)
        values; the sweep under its own name.
    log : str
        What ngspice printed.
    """

    vectors: dict[str, Floats]
    log: str

    def __getitem__(self, signal: str) -> Floats:
        """Return one vector."""
        found = self.vectors.get(signal.lower())
        if found is None:
            raise UnknownNameError(
                f"the run left no vector {signal!r}; it left:"
                f" {', '.join(sorted(self.vectors)[:20])}"
            )
        return found

    @property
    def sweep(self) -> Floats:
        """Time of a transient, or the swept voltage: the first vector."""
        return next(iter(self.vectors.values()))


def ngspice_program() -> str:
    """Return the path of the ngspice program, or say what to do without one."""
    program = shutil.which("ngspice")
    if program is None:
        raise NgspiceMissingError(
            "no ngspice program on the PATH; install it (`apt install ngspice`, `brew install"
            " ngspice`)"
        )
    return program


def run_batch(text: str, *, timeout_s: float = 600.0, keep: Path | None = None) -> BatchResult:
    """Run the text of a deck with ``ngspice -b`` and return its saved vectors, after checking the
    run.

    Parameters
    ----------
    text : str
    timeout_s : float
        The program is stopped after this time.
    keep : Path, optional
        Folder for deck, log and raw file; a temporary one, removed afterwards unless the run fails,
        if left out.

    Raises
    ------
    NgspiceError
        ngspice failed, or its answer is incomplete or not finite; the deck is kept and named.
    NgspiceTimeoutError
        No answer in time.
    """
    program = ngspice_program()
    folder = Path(tempfile.mkdtemp(prefix="spicesnn-")) if keep is None else Path(keep)
    folder.mkdir(parents=True, exist_ok=True)
    deck, raw, printed = folder / "deck.cir", folder / "deck.raw", folder / "deck.log"
    deck.write_text(text, encoding="utf-8")
    raw.unlink(missing_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with printed.open("wb") as sink:
        try:
            # -n: no user's .spiceinit may change the answer.
            done = subprocess.run(
                [program, "-n", "-b", "-r", str(raw), str(deck)],
                stdout=sink,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=timeout_s,
                env=environment,
                check=False,
                cwd=folder,
            )
        except subprocess.TimeoutExpired:
            raise NgspiceTimeoutError(
                f"ngspice gave no answer within {timeout_s:g} s and was stopped",
                deck_path=deck,
                log=_read(printed),
            ) from None
    log = _read(printed)
    bad = complaint(log, transient=_TRANSIENT.search(text) is not None)
    if done.returncode != 0 or bad or not raw.is_file():
        ended = "" if bad else f" (exit code {done.returncode})"
        raise NgspiceError(
            f"ngspice failed on the deck{ended}", reason=bad, deck_path=deck, log=log
        )
    try:
        vectors = read_raw(raw)
    except InputError as error:
        raise NgspiceError(
            f"ngspice left no usable result: {error}", deck_path=deck, log=log
        ) from error
    for name, values in vectors.items():
        if not np.all(np.isfinite(values)) or np.any(np.abs(values) > 1e30):
            message = (
                f"ngspice's {name} is not finite, or beyond 1e30 (a division by zero in a"
                " behavioural source looks like this)"
            )
            raise NgspiceError(message, deck_path=deck, log=log)
    _check_end(text, next(iter(vectors.values())), deck, log)
    if keep is None:
        shutil.rmtree(folder, ignore_errors=True)
    return BatchResult(vectors=vectors, log=log)


def read_raw(path: Path) -> dict[str, Floats]:
    """Return the vectors of a binary raw file with one plot of real numbers.

    Raises
    ------
    InputError
        The file is empty, cut short, complex, or not a raw file.
    """
    data = path.read_bytes()
    head, mark, body = data.partition(b"Binary:\n")
    lines = head.decode("utf-8", "replace").splitlines()
    fields = {
        key.strip().lower(): value.strip()
        for key, _, value in (line.partition(":") for line in lines)
        if value
    }
    try:
        variables, points = int(fields["no. variables"]), int(fields["no. points"])
    except (KeyError, ValueError):
        raise InputError(f"{path} is not an ngspice raw file") from None
    if not mark or "real" not in fields.get("flags", ""):
        raise InputError(f"{path} is not a binary raw file of real numbers")
    if points == 0 or len(body) < 8 * variables * points:
        raise InputError(
            f"{path} holds {len(body)} bytes for {points} points of {variables} variables: the run"
            " was cut short"
        )
    start = lines.index("Variables:") + 1
    names = [line.split()[1].lower() for line in lines[start : start + variables]]
    table = np.frombuffer(body, dtype="<f8", count=variables * points).reshape(points, variables)
    return {name: np.ascontiguousarray(column) for name, column in zip(names, table.T, strict=True)}


def _read(path: Path) -> str:
    return _STATISTICS.sub("", path.read_text(encoding="utf-8", errors="replace"))


def _check_end(text: str, time: Floats, deck: Path, log: str) -> None:
    """Raise where a transient stopped before its end."""
    card = _TRANSIENT.search(text)
    if card is None:
        return
    try:
        stop = units.parse(card.group(1))
    except InputError:  # an expression; ngspice has read it, we do not
        return
    if abs(time[-1] - stop) > 1e-6 * stop:
        raise NgspiceError(
            f"the transient ended at {time[-1]:g} s; expected {stop:g} s", deck_path=deck, log=log
        )
