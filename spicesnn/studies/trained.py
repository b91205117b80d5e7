"""Studies whose points are training runs: accuracy (or energy) against one thing that is varied,
one line a way to do it, several seeds a point."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from spicesnn.errors import ConfigError
from spicesnn.options import Section, option
from spicesnn.plotting.studies import trained_figure
from spicesnn.studies.study import Findings, Row, Study, Watch, Workers
from spicesnn.training import sweep as sweeping

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEADS = ("line", "x")


@dataclass(frozen=True, kw_only=True)
class BaseOptions(Section):
    """[base]: what is trained."""

    preset: str = option("mnist-10x10", "the experiment: a preset, or the path of a TOML file")
    seeds: int = option(5, "seeds per point, starting at the study's seed", lowest=1)


@dataclass(frozen=True, kw_only=True)
class AxisOptions(Section):
    """[axis]: what is varied."""

    label: str = option("", "caption of the figure")
    keys: tuple[str, ...] = option((), "keys of the experiment that take each value together")
    values: tuple[float, ...] = option((), "the values")
    shown: tuple[float, ...] = option(
        (), "labels of the values in table and figure; default: the values themselves"
    )
    measured: str = option(
        "",
        "a measured quantity as the horizontal axis instead of the values",
        choices=("", "energy_joule", "pulses"),
    )
    scale: str = option("linear", "of the horizontal axis", choices=("linear", "log", "symlog"))


@dataclass(frozen=True, kw_only=True)
class FactOptions(Section):
    """[fact]: what the table is asked."""

    reference: str = option(
        "", "the line that the others are compared with; default: no comparison"
    )
    within: float = option(
        0.01,
        "a point counts while its mean accuracy is at most this far below the reference's",
        above=0.0,
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A table of experiment keys and values, as in ``"training.epochs" = 2``."""

    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_table(cls, table: Mapping[str, Any], where: str) -> Settings:
        """Return the settings of a TOML table; they are checked when the experiment is loaded."""
        if not isinstance(table, Mapping) or any(
            isinstance(value, Mapping) for value in table.values()
        ):
            raise ConfigError(
                f"[{where}] is {table!r:.60}; expected keys of an experiment in quotes, such as"
                ' "training.epochs" = 2'
            )
        return cls(values=dict(table))

    def to_table(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return dict(self.values)


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Name of a line → what it sets: text of ``a.b=value`` in a list."""

    settings: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"": ()})

    @classmethod
    def from_table(cls, table: Mapping[str, Any], where: str) -> Lines:
        """Return the lines of a TOML table."""
        if (
            not isinstance(table, Mapping)
            or not table
            or not all(isinstance(texts, list | tuple) for texts in table.values())
        ):
            raise ConfigError(
                f'[{where}] is {table!r:.60}; expected names and lists of settings, such as "no'
                ' wires" = ["array.word_line_ohm=0"]'
            )
        return cls(
            settings={name: tuple(str(text) for text in texts) for name, texts in table.items()}
        )

    def to_table(self) -> dict[str, Any]:
        """Return the lines as plain values."""
        return {name: list(texts) for name, texts in self.settings.items()}


@dataclass(frozen=True, kw_only=True)
class Trained(Study):
    """Accuracy of trained networks, against one thing that is varied."""

    kind: ClassVar[str] = "trained"

    base: BaseOptions = field(default_factory=BaseOptions)
    set: Settings = field(default_factory=Settings)
    axis: AxisOptions = field(default_factory=AxisOptions)
    lines: Lines = field(default_factory=Lines)
    fact: FactOptions = field(default_factory=FactOptions)

    def points(self) -> list[sweeping.Point]:
        """Return every training run, each checked; a point's settings are its line and its place on
        the axis."""
        axis = self.axis
        if not axis.keys or not axis.values or len(axis.shown) not in (0, len(axis.values)):
            raise ConfigError(
                f"[axis] has {len(axis.keys)} keys, {len(axis.values)} values, {len(axis.shown)}"
                " shown; expected keys, values, and as many shown as values or none"
            )
        common, points = (
            [f"{key}={_text(value)}" for key, value in self.set.values.items()],
            list[sweeping.Point](),
        )
        if self.engine_init:
            common.append(f"engine.init={_text(list(self.engine_init))}")
        for line, texts in self.lines.settings.items():
            for value, shown in zip(axis.values, axis.shown or axis.values, strict=True):
                overrides = [*common, *texts, *(f"{key}={_text(value)}" for key in axis.keys)]
                made = sweeping.plan(
                    self.base.preset,
                    [],
                    seeds=self.base.seeds,
                    first_seed=self.seed,
                    overrides=overrides,
                    engine=self.engine,
                )
                points += [
                    sweeping.Point(
                        settings=dict(zip(_HEADS, (line, shown), strict=True)),
                        seed=p.seed,
                        tables=p.tables,
                    )
                    for p in made
                ]
        return points

    def find(self, folder: Path, workers: Workers, watch: Watch) -> Findings:
        """Train what is not there yet."""
        result = sweeping.sweep(
            self.points(),
            folder,
            workers=workers.count,
            scheduler=workers.scheduler,
            progress=watch,
        )
        return Findings(
            rows=result.rows, facts=self._facts(result.rows) | {"computed": result.computed}
        )

    def summary(self, rows: list[Row]) -> list[Row]:
        """Return mean and 95 % half width of the accuracy at each point, and the mean of what was
        measured besides."""
        table = sweeping.summarised(rows, _HEADS)
        for entry in table:
            same = [row for row in rows if all(row[head] == entry[head] for head in _HEADS)]
            entry["energy_joule"] = float(np.mean([row["energy_joule"] for row in same]))
        return table

    def _facts(self, rows: list[Row]) -> dict[str, Any]:
        table = self.summary(rows)
        facts: dict[str, Any] = {
            "accuracy": {f"{row['line']}, {row['x']:g}": row["mean"] for row in table}
        }
        if self.fact.reference:
            reference = {
                row["x"]: row["mean"] for row in table if row["line"] == self.fact.reference
            }
            if not reference:
                raise ConfigError(
                    f"fact.reference is {self.fact.reference!r}; the lines are:"
                    f" {', '.join(self.lines.settings)}"
                )
            good = [row for row in table if row["mean"] >= reference[row["x"]] - self.fact.within]
            facts["largest_within"] = {
                line: max((row["x"] for row in good if row["line"] == line), default=None)
                for line in self.lines.settings
            }
        return facts

    def figure(self, findings: Findings) -> Figure:
        """Draw mean accuracies with their confidence intervals."""
        axis = self.axis
        return trained_figure(
            self.summary(findings.rows),
            label=axis.label or ", ".join(axis.keys),
            scale=axis.scale,
            measured=axis.measured,
        )


def _text(value: Any) -> str:
    """Return a value as TOML text; numbers of an axis that are whole without a point, so that
    whole-number options take them."""
    if isinstance(value, str):
        return value
    return f"{value:.12g}" if isinstance(value, float) else json.dumps(value)
