"""A small drawing of an array and its wires, as SVG that takes the page's own colours."""

from __future__ import annotations

from html import escape

import numpy as np

from spicesnn.crossbar.wires import Wires
from spicesnn.units import render

_PITCH, _LEFT, _TOP = 92, 150, 46


def array_svg(
    shape: tuple[int, int],
    wires: Wires,
    device: str,
    *,
    columns_differential: bool = False,
    gates_along: str = "",
) -> str:
    """Return an SVG element: drivers, word-line segments, cells, bit-line segments, sense nodes; at
    most 3 × 4 cells, dots for the others.

    Parameters
    ----------
    shape : (rows, cols)
    wires : Wires
    device : str
        What a cell is called.
    columns_differential : bool
        Whether the columns are pairs that add and subtract.
    gates_along : str
        ``word`` or ``bit``: which lines the cells' third terminals hang on together; empty for
        cells without one.
    """
    rows, cols = min(shape[0], 3), min(shape[1], 4)
    width, height = _LEFT + cols * _PITCH + 40, _row_y(rows - 1) + 100
    parts = [
        _line(_LEFT - 92, y, _LEFT + (cols - 1) * _PITCH + 34, y) for y in map(_row_y, range(rows))
    ]
    parts += [_line(x, _TOP, x, _row_y(rows - 1) + 74) for x in map(_column_x, range(cols))]
    for i in range(rows):
        parts.append(_resistor(_LEFT - 74, _row_y(i), horizontal=True))
        parts.append(f'<circle cx="{_LEFT - 100}" cy="{_row_y(i)}" r="9"/>')
        parts.append(
            f'<text x="{_LEFT - 114}" y="{_row_y(i) + 4}"'
            f' text-anchor="end">V{_name(i, rows, shape[0])}</text>'
        )
        parts += [
            _resistor(_LEFT + j * _PITCH + 6 - _PITCH / 2, _row_y(i), horizontal=True)
            for j in range(cols)
        ]
        parts += [_cell(_column_x(j), _row_y(i)) for j in range(cols)]
        parts += [_gate(_column_x(j), _row_y(i)) for j in range(cols) if gates_along]
    for j in range(cols):
        x = _column_x(j)
        parts += [_resistor(x, _row_y(i) + 0.62 * _PITCH, horizontal=False) for i in range(rows)]
        sign = (" +" if j % 2 == 0 else " −") if columns_differential else ""
        parts.append(
            f'<text x="{x}" y="{_row_y(rows - 1) + 90}"'
            f' text-anchor="middle">I{_name(j, cols, shape[1])}{sign}</text>'
        )
    if shape[0] > rows:
        parts.append(
            f'<text x="{_LEFT - 114}" y="{_row_y(1) + _PITCH * 0.55}" text-anchor="end">⋮</text>'
        )
    if shape[1] > cols:
        parts.append(
            f'<text x="{_column_x(cols - 2) + _PITCH / 2 + 8}" y="{_TOP - 26}"'
            ' text-anchor="middle">⋯</text>'
        )
    counts = [
        f"{count} {what} line{'' if count == 1 else 's'}"
        for count, what in zip(shape, ("word", "bit"), strict=True)
    ]
    legend = f"{counts[0]} × {counts[1]}, cells: {device}"
    if gates_along:
        legend += f", their gates on one line a {gates_along} line"
    segments = f"segments {_ohm(wires.word_line_ohm)} (word) and {_ohm(wires.bit_line_ohm)} (bit)"
    numbers = f"{segments}, drivers {_ohm(wires.driver_ohm)}, sense {_ohm(wires.sense_ohm)}"
    numbers += _ends(wires)
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(legend)};'
        f' {escape(numbers)}" class="schematic">'
        f'<g fill="none" stroke="currentColor" stroke-width="1.4">{"".join(parts)}</g></svg>'
        f"<p>{escape(legend)}; {escape(numbers)}.</p>"
        f'<p class="soft">Circles: the drivers of the word lines. Empty boxes: resistances of'
        f" drivers, wire segments and sense nodes. "
        f"Filled boxes: cells, from a word line to the bit line that crosses it. I: current of a"
        f" bit line into its sense node"
        f"{', taken from pairs: + less −' if columns_differential else ''}.</p>"
    )


def _ends(wires: Wires) -> str:
    """Return in words what the drawing does not show: it drives at the left and senses at the
    bottom."""
    drawn = "; every line is driven or sensed at both ends (one is drawn)"
    word = {(True, True): "both ends", (False, True): "the right"}.get(wires.driven_ends)
    bit = {(True, True): "both ends", (True, False): "the top"}.get(wires.sensed_ends)
    if word == bit == "both ends":
        return drawn
    parts = [f"word lines are driven at {word}"] if word else []
    parts += [f"bit lines are sensed at {bit}"] if bit else []
    return f"; {', '.join(parts)} (drawn at the left and the bottom)" if parts else ""


def _row_y(i: int) -> float:
    return _TOP + i * _PITCH


def _column_x(j: int) -> float:
    return _LEFT + j * _PITCH + 30


def _name(k: int, shown: int, total: int) -> str:
    return str(total - 1 if total > shown and k == shown - 1 else k)


def _ohm(value: object) -> str:
    if isinstance(value, int | float):
        return render(float(value), "Ω")
    each = np.asarray(value)
    return f"{render(float(each.min()), 'Ω')} to {render(float(each.max()), 'Ω')} (by line)"


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _resistor(x: float, y: float, *, horizontal: bool) -> str:
    width, height = (24, 8) if horizontal else (8, 24)
    return (
        f'<rect x="{x - width / 2}" y="{y - height / 2}" width="{width}" height="{height}"'
        ' class="paper"/>'
    )


def _cell(x: float, y: float) -> str:
    """A memristor from the word line (crossing the bit line without touching it) to the bit line
    below."""
    return (
        f'<path d="M{x - 22},{y} V{y + 12}"/><path d="M{x - 22},{y + 36} V{y + 42} H{x}"/><rect'
        f' x="{x - 28}" y="{y + 12}" width="12" height="24" class="cell"/><circle cx="{x - 22}"'
        f' cy="{y}" r="2.4" class="dot"/><circle cx="{x}" cy="{y + 42}" r="2.4" class="dot"/>'
    )


def _gate(x: float, y: float) -> str:
    """The third terminal of a cell: a short line to its left, marked g."""
    return (
        f'<path d="M{x - 28},{y + 24} H{x - 38}"/><text x="{x - 41}" y="{y + 28}" text-anchor="end"'
        ' class="gate">g</text>'
    )
