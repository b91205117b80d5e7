"""The whole validation: run, written as a table, judged."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spicesnn._version import __version__
from spicesnn.validation import analytic, curves, pulses, reads
from spicesnn.validation.case import Case, Engines
from spicesnn.whole_file import appearing, write_whole, writing


@dataclass(frozen=True, kw_only=True)
class Validation:
    """The finished table.

    Attributes
    ----------
    cases : tuple of Case
    wall_s : float
    """

    cases: tuple[Case, ...]
    wall_s: float

    @property
    def ok(self) -> bool:
        """Whether every line holds."""
        return bool(self.cases) and all(case.ok for case in self.cases)

    def describe(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "ok": self.ok,
            "cases": [case.describe() for case in self.cases],
            "wall_s": self.wall_s,
            "version": __version__,
        }

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write ``validation.csv`` and ``validation.json`` into `folder`; return their paths."""
        table, full = folder / "validation.csv", folder / "validation.json"
        with writing(folder):
            with (
                appearing(table) as partial,
                partial.open("w", newline="", encoding="utf-8") as file,
            ):
                writer = csv.DictWriter(
                    file,
                    fieldnames=[
                        "case",
                        "quantity",
                        "ngspice",
                        "nodal",
                        "error",
                        "tolerance",
                        "ok",
                        "note",
                    ],
                )
                writer.writeheader()
                writer.writerows(case.describe() for case in self.cases)
            write_whole(full, json.dumps(self.describe(), indent=1, ensure_ascii=False) + "\n")
        return table, full


def all_cases(engines: Engines, *, seed: int = 0, lite: bool = False) -> Iterator[Case]:
    """Yield every line as it is solved; `lite` leaves out the 8×8 pulses."""
    yield from analytic.cases(engines)
    yield from reads.cases(engines, seed)
    yield from pulses.cases(engines, seed, shapes=((1, 1),) if lite else ((1, 1), (8, 8)))
    yield from curves.cases(engines)


def validate(
    *,
    seed: int = 0,
    lite: bool = False,
    progress: Callable[[Case], None] = lambda case: None,
    failures: Path | None = None,
) -> Validation:
    """Solve every case on both engines and return the table.

    Parameters
    ----------
    seed : int
    lite : bool
        Leave out the 8×8 pulses.
    progress : callable
        Called with every case.
    failures : Path, optional
        Folder for the decks and logs of ngspice's failed jobs.

    Raises
    ------
    NgspiceMissingError
        There is no ngspice to compare with.
    """
    from spicesnn.engines.ngspice.engine import NgspiceEngine
    from spicesnn.engines.nodal.engine import NodalEngine

    begin, found = time.monotonic(), []
    with NgspiceEngine(failures=failures) as ngspice, NodalEngine() as nodal:
        for case in all_cases(Engines(ngspice=ngspice, nodal=nodal), seed=seed, lite=lite):
            found.append(case)
            progress(case)
    return Validation(cases=tuple(found), wall_s=time.monotonic() - begin)
