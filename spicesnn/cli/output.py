"""What a command answers with, and how it reaches people and programs."""

from __future__ import annotations

import contextlib
import enum
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table
    from rich.text import Text

_RATE_OVER_S = 1800.0  # of what the last half hour has done: steps of a minute have a rate, too
# a pipe has no edge: a cell is never folded, so a line can be searched however long a path is
_WIDTH_WITHOUT_TERMINAL = 1000


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The result of one command.

    Attributes
    ----------
    data : Mapping
        What ``--json`` prints.
    show : callable
        Prints the same for people, given a console.
    exit_code : int
    """

    data: Mapping[str, Any]
    show: Callable[[Console], None] = field(default=lambda console: None)
    exit_code: int = 0


def plain(value: Any) -> Any:
    """Return `value` as what JSON can hold: arrays as lists, paths as text, numbers that are not
    finite as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Iterable):
        return [plain(entry) for entry in value]
    return str(value)


def unanswered(silent_or_tied: int, samples: int, accuracy: float, config: object = None) -> str:
    """Return a line on the samples that no single neuron answered first; empty without any, and
    where silence is an answer that may be right. It says what makes neurons spike where `config`
    has circuits of them."""
    wrong = samples - round(accuracy * samples)
    if not 0 < silent_or_tied <= wrong:
        return ""
    line = f"{silent_or_tied} of {samples} without an answer (no spike, or a tie), counted as wrong"
    if 2 * silent_or_tied <= samples or not hasattr(config, "neuron"):
        return line
    return (
        f"{line}; a neuron spikes when its current times neuron.resistance_ohm exceeds"
        " neuron.threshold_volts within neuron.window_s"
    )


def delivered(energy_joule: float, solved_by: str | None = None) -> str:
    """Return what the drivers delivered, or what a formula says they would; synapses that are no
    circuit have none that could be counted."""
    from spicesnn.units import render

    if energy_joule and solved_by is not None:
        return f"reads while learning take {render(energy_joule, 'J')}, by V²·G·t of every cell"
    return (
        f"drivers delivered {render(energy_joule, 'J')}" if energy_joule else "energy not counted"
    )


def solved(preset: str, engine: str, solved_by: str | None) -> str:
    """Return what ran, and who solved its circuits; networks that are computed by formulas say
    so."""
    if solved_by is None:
        return f"{preset} on {engine}"
    return (
        f"{preset}, circuits solved by {solved_by}"
        if solved_by
        else f"{preset}, computed without solving a circuit"
    )


def write_json(data: Mapping[str, Any], channel: TextIO) -> None:
    """Write exactly one JSON object and a newline."""
    channel.write(json.dumps(plain(data), ensure_ascii=False, allow_nan=False) + "\n")
    channel.flush()


def console_on(channel: TextIO) -> Console:
    """Return a console for people on a stream; wide enough for tables where there is no terminal.

    What is printed is taken as it is: a path may hold ``[/brackets]`` or ``:colons:``.
    """
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would end the process with exit code 1

    width = None if channel.isatty() else _WIDTH_WITHOUT_TERMINAL
    return Plain(
        file=channel, width=width, highlight=False, soft_wrap=False, markup=False, emoji=False
    )


def table(*heads: str, **options: Any) -> Table:
    """Return a table that folds what a narrow terminal has no room for, and leaves nothing out."""
    from rich.table import Column, Table

    return Table(*(Column(head, overflow="fold") for head in heads), **options)


def mark(text: str, style: str) -> Text:
    """Return a word in a colour."""
    from rich.text import Text

    return Text(text, style=style)


def progress() -> Progress:
    """Return progress bars on stderr: stage, rate, remaining time; nothing at all without a
    terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column

    def whole(width: int) -> Column:
        return Column(no_wrap=True, min_width=width)

    console = console_on(sys.stderr)
    bar = max(4, min(40, console.width // 5))
    columns = (
        TextColumn(
            "{task.description}",
            table_column=Column(
                no_wrap=True, overflow="ellipsis", max_width=max(8, console.width // 4)
            ),
        ),
        BarColumn(bar_width=bar, table_column=whole(bar)),
        MofNCompleteColumn(table_column=whole(5)),
        TimeElapsedColumn(table_column=whole(7)),
        TimeRemainingColumn(table_column=whole(7)),
    )
    note = TextColumn(
        "{task.fields[note]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
    )  # what is left is the note's
    return Progress(
        *columns,
        note,
        console=console,
        disable=not console.is_terminal,
        transient=True,
        expand=True,
        speed_estimate_period=_RATE_OVER_S,
    )


def error_log(text: str) -> Path:
    """Keep the details of a failure in a file of its own and return its path."""
    import tempfile

    handle, name = tempfile.mkstemp(prefix="spicesnn-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)


@contextlib.contextmanager
def watched(stage: str) -> Iterator[Callable[[Any], None]]:
    """Give a watcher for `spicesnn.training`: a bar with stage, rate, remaining time and the run's
    own line."""
    with progress() as bars:
        task = bars.add_task(stage, total=None, note="")

        def watcher(now: Any) -> None:
            bars.update(task, completed=now.done, total=now.total, note=now.text)

        yield watcher
