"""What a study is, where the shipped ones are, and what it leaves behind: a table, a figure, facts
and its own configuration."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from spicesnn.errors import AbsentError, ConfigError, UnknownNameError
from spicesnn.guesses import nearest
from spicesnn.paths import presets_dir
from spicesnn.plotting.style import save_figure
from spicesnn.shown import shown
from spicesnn.training.config import BaseConfig, overridden, read_tables
from spicesnn.whole_file import write_rows, write_whole, writing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Row = dict[str, Any]
Watch = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Who computes a study whose points are training runs.

    Attributes
    ----------
    count : int
        Processes on this machine.
    scheduler : str | None
        Address of a Dask scheduler.
    """

    count: int = 1
    scheduler: str | None = None


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a study found.

    Attributes
    ----------
    rows : list of dict
        The table, one row a point.
    facts : Mapping
        What the table says in few numbers.
    """

    rows: list[Row]
    facts: Mapping[str, Any]

    def to_pandas(self) -> pd.DataFrame:
        """Return the table (needs pandas)."""
        made: pd.DataFrame = shown(self, "pandas")
        return made

    def _repr_html_(self) -> str:
        made: str = shown(self, "html")
        return made


@dataclass(frozen=True, kw_only=True)
class Study(BaseConfig, ABC):
    """A question with everything that decides its answer; each kind adds its tables, as a kind of
    experiment does."""

    facts_shown: ClassVar[dict[str, str]] = {}
    """How facts are printed: name → a sentence with a place for the value; others are printed by
    their names."""

    @abstractmethod
    def find(self, folder: Path, workers: Workers, watch: Watch) -> Findings:
        """Compute the table. What costs much is kept in `folder`, so that a study which was stopped
        goes on there."""

    @abstractmethod
    def figure(self, findings: Findings) -> Figure:
        """Draw the table."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A study that was made and written: `study.csv`, `study.png`, `facts.json`, `study.toml`."""

    study: Study
    findings: Findings
    folder: Path

    @property
    def table(self) -> Path:
        """The table as CSV."""
        return self.folder / "study.csv"

    @property
    def picture(self) -> Path:
        """The figure."""
        return self.folder / "study.png"

    def describe(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "study": self.study.preset,
            "kind": self.study.kind,
            "seed": self.study.seed,
            "facts": dict(self.findings.facts),
            "points": self.findings.rows,
            "table": str(self.table),
            "figure": str(self.picture),
        }


KINDS = {
    "read-margin": "spicesnn.studies.read_margin:ReadMargin",
    "ir-drop": "spicesnn.studies.ir_drop:IRDrop",
    "array-size": "spicesnn.studies.array_size:ArraySize",
    "trained": "spicesnn.studies.trained:Trained",
}
"""Kind of study, the key `kind` of its file → module:class."""


def study_names() -> list[str]:
    """Return the names of the studies that are shipped."""
    return sorted(path.stem for path in (presets_dir() / "studies").glob("*.toml"))


def load(name_or_path: str | Path, overrides: Iterable[str] | Mapping[str, Any] = ()) -> Study:
    """Return a study by name, or from a TOML file of one's own.

    Parameters
    ----------
    name_or_path : str | Path
        A name such as ``read-margin``, or the path of a file that ends in ``.toml``.
    overrides : iterable of ``"a.b=value"``, or mapping of ``"a.b"`` to a value
    """
    text = str(name_or_path)
    if text.endswith(".toml"):
        path = Path(text)
        if not path.is_file():
            raise AbsentError(
                f"there is no file {text}; expected a study ({', '.join(study_names())}) or the"
                " path of a TOML file"
            )
    elif text in study_names():
        path = presets_dir() / "studies" / f"{text}.toml"
    else:
        raise UnknownNameError(
            f"no study {text!r}{nearest(text, study_names())} The studies are:"
            f" {', '.join(study_names())}. A path must end in .toml"
        )
    tables = overridden(read_tables(path), overrides)
    tables.setdefault("preset", path.stem)
    kind = tables.get("kind")
    if kind not in KINDS:
        raise ConfigError(
            f"{path}: kind is {kind!r:.60}{nearest(str(kind), KINDS)} Expected one of:"
            f" {', '.join(KINDS)}"
        )
    module, _, name = KINDS[kind].partition(":")
    study: Study = getattr(import_module(module), name).from_tables(tables)
    return study


def answer(
    study: Study,
    folder: Path,
    *,
    workers: Workers | None = None,
    watch: Watch = lambda done, total: None,
) -> Answered:
    """Make a study and write what it found into `folder`."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        findings = study.find(folder, workers or Workers(), watch)
        done = Answered(study=study, findings=findings, folder=folder)
        write_rows(
            done.table, findings.rows, dict.fromkeys(name for row in findings.rows for name in row)
        )
        write_whole(folder / "facts.json", json.dumps(dict(findings.facts), indent=2) + "\n")
        write_whole(folder / "study.toml", study.to_toml())
        save_figure(study.figure(findings), done.picture)
    return done


def seeded(study: Study, seed: int | None, engine: str | None) -> Study:
    """Return the study with another seed and another engine, where they are given."""
    return replace(study, seed=study.seed if seed is None else seed, engine=engine or study.engine)
