"""What a sweep found: accuracy against what was varied, with confidence intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spicesnn.plotting.style import COLOURS, new_figure, style
from spicesnn.units import parse

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def accuracy_against(
    axes: Axes,
    table: Sequence[Mapping[str, Any]],
    key: str,
    *,
    along: str | None = None,
    what: str = "test accuracy",
) -> Axes:
    """Draw mean accuracy against `key`, one line a value of `along`, with the 95 % intervals of the
    means.

    Parameters
    ----------
    axes : Axes
    table : rows of `spicesnn.training.sweep.summarised`
    key : str
        On the horizontal axis: numbers, or names that stand side by side.
    along : str, optional
        A second key.
    what : str
        What the accuracy is of.
    """
    numeric = all(_number(row[key]) is not None for row in table)
    names = list(dict.fromkeys(str(row[key]) for row in table))
    lines = list(dict.fromkeys(row[along] for row in table)) if along else [None]
    for colour, value in zip(COLOURS * (1 + len(lines) // len(COLOURS)), lines, strict=False):
        chosen = [row for row in table if along is None or row[along] == value]
        x = np.array(
            [_number(row[key]) if numeric else names.index(str(row[key])) for row in chosen],
            dtype=float,
        )
        order = np.argsort(x, kind="stable")
        mean, half = (
            100 * np.array([row[name] for row in chosen], dtype=float)[order]
            for name in ("mean", "half_width")
        )
        name = f"{_human(along)}: {value}" if along else None
        axes.errorbar(
            x[order],
            mean,
            yerr=np.nan_to_num(half),
            marker="o",
            markersize=4,
            capsize=3,
            color=colour,
            label=name,
        )
    if not numeric:
        axes.set_xticks(range(len(names)), names)
    seeds = min(int(row["seeds"]) for row in table)
    title = f"{seeds} seeds a point, 95 % intervals" if seeds > 1 else "one seed a point"
    axes.set(xlabel=_human(key), ylabel=f"{what} (%)", title=title)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 95.0) if high > 100.0 else low, min(high, 101.0))
    if along:
        axes.legend()
    return axes


def sweep_figure(
    table: Sequence[Mapping[str, Any]], keys: Sequence[str], what: str = "test accuracy"
) -> Figure:
    """Return the figure of a sweep over one key, or over two (the second as lines)."""
    with style():
        figure = new_figure()
        accuracy_against(
            figure.subplots(), table, keys[0], along=keys[1] if len(keys) > 1 else None, what=what
        )
    return figure


_UNITS = {"ohm": "Ω", "volts": "V", "amps": "A", "s": "s", "joule": "J", "siemens": "S", "hz": "Hz"}


_SAID = {
    "array.word_line_ohm": "word-line resistance (Ω per segment)",
    "array.bit_line_ohm": "bit-line resistance (Ω per segment)",
    "array.driver_ohm": "driver resistance (Ω)",
    "array.sense_ohm": "sense resistance (Ω)",
    "imperfections.spread": "device-to-device variation (relative)",
    "imperfections.cycle_to_cycle": "cycle-to-cycle variation (relative)",
    "imperfections.stuck": "stuck cells (fraction)",
    "imperfections.stuck_on": "cells stuck on (fraction)",
    "imperfections.stuck_off": "cells stuck off (fraction)",
    "imperfections.states": "conductance states",
}


def _human(key: str) -> str:
    """Return a key in words: ``encoding.high_volts`` → ``high (V)``; with its table where the name
    alone says too little."""
    table, _, name = key.rpartition(".")
    if key in _SAID:
        return _SAID[key]
    words = name.split("_")
    unit = _UNITS.get(words[-1]) if len(words) > 1 else None
    text = " ".join(words[:-1] if unit else words)
    whole = f"{table} {text}".strip() if len(words) == 1 and table else text
    return f"{whole} ({unit})" if unit else whole


def _number(value: Any) -> float | None:
    try:
        return parse(value)
    except ValueError:
        return None
