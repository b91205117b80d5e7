"""Figures of one array, one read, one curve: what ``array.plot()``, ``read.plot()`` and
``curve.plot()`` return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.ticker import MaxNLocator

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.engines.results import IVCurve, PulseResult, Read
from spicesnn.errors import InputError, WrongTypeError
from spicesnn.plotting.iv import iv_log, iv_loop
from spicesnn.plotting.maps import conductance_map
from spicesnn.plotting.style import COLOURS, DIVERGING, SEQUENTIAL, new_figure, scaled, style
from spicesnn.units import render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def array_figure(array: Crossbar, axes: Axes | None = None) -> Figure:
    """Return a map of the cells' conductances (dI/dV at 0 V, gates at their default), wires left
    out."""
    gates = None
    if array.gated:
        gates = np.full(array.gate_lines, array.cell_device().gate_default or 0.0)
    kind = "linear cells" if array.device is None else f"{array.device.name} cells"
    with style():
        figure = new_figure(5.6, 4.6) if axes is None else _figure_of(axes)
        conductance_map(
            figure.subplots() if axes is None else axes,
            array.cell_conductance(gates),
            title=f"{array.rows} × {array.cols} {kind}",
        )
    return figure


def read_figure(read: Read, index: int = 0) -> Figure:
    """Return maps of the line voltages, the cell currents and the currents in the segments of both
    lines.

    Parameters
    ----------
    read : Read
    index : int
        Which input of a batch.

    Raises
    ------
    InputError
        No such input, or a read that does not know its array (one made by hand).
    """
    word, bit = (np.asarray(v) for v in (read.word_line_volts, read.bit_line_volts))
    if isinstance(index, str):
        raise WrongTypeError(
            f"read.plot: index = {index!r:.60}; expected the number of an input. A file is written"
            " by read.plot().savefig(path)"
        )
    if word.ndim == 3:
        if not isinstance(index, int | np.integer) or not -len(word) <= index < len(word):
            raise InputError(
                f"read.plot: index = {index!r}; the batch has {len(word)} inputs, 0 to"
                f" {len(word) - 1}"
            )
        word, bit = word[index], bit[index]
    elif index != 0:
        raise InputError(f"read.plot: index = {index!r}; the read has one input")
    amps = read.cell_amps
    cells = amps[index] if amps.ndim == 3 else amps
    along_word, along_bit = branch_amps(read, cells, index)
    with style():
        figure = new_figure(11.0, 7.0)
        panels = figure.subplots(2, 3).ravel()
        _map(panels[0], word, "V", "Word-line voltage")
        _map(panels[1], bit, "V", "Bit-line voltage")
        _map(panels[2], word - bit, "V", "Cell voltage")
        _map(panels[3], cells, "A", "Cell current")
        _map(panels[4], along_word, "A", "Word-line current")
        _map(panels[5], along_bit, "A", "Bit-line current")
    return figure


def branch_amps(read: Read, cells: Floats, index: int = 0) -> tuple[Floats, Floats]:
    """Return the current into each cell's word-line node from the left, and out of its bit-line
    node downwards, (rows, cols) each.

    Of lines that are driven from one end, Kirchhoff's law gives both from the cells' currents: what
    has not left a word line yet, and what has entered a bit line so far. Lines driven from both
    ends follow from what their first end brings by Ohm's law."""
    array = read.array
    assert array is not None
    before = np.cumsum(cells, axis=1) - cells
    at_left = _at_first_end(read, index, word=True)
    at_top = _at_first_end(read, index, word=False)
    return at_left[:, None] - before, np.cumsum(cells, axis=0) - at_top


def _at_first_end(read: Read, index: int, *, word: bool) -> Floats:
    """Return what enters each word line at column 0, or leaves each bit line at row 0."""
    array = read.array
    assert array is not None
    wires = array.wires
    first, last = wires.driven_ends if word else wires.sensed_ends
    amps = np.atleast_2d(read.row_amps if word else read.column_amps)[index]
    if not first:
        return np.zeros(len(amps))
    if not last:
        return np.asarray(amps)
    nodes = np.asarray(read.word_line_volts if word else read.bit_line_volts)
    nodes = nodes[index] if nodes.ndim == 3 else nodes
    given = read.row_volts if word else read.column_volts
    volts = np.atleast_2d(np.zeros(len(amps)) if given is None else given)
    volts = volts[min(index, len(volts) - 1)]
    ohm = (wires.word_ohms(array.rows) if word else wires.bit_ohms(array.cols))[1]
    across = volts - nodes[:, 0] if word else nodes[0] - volts
    resists = ohm > 0  # without any, a word line is fed at the left and a bit line at the bottom
    return np.where(resists, across / np.where(resists, ohm, 1.0), amps if word else 0.0)


def _figure_of(axes: Any) -> Figure:
    """Return the figure that axes of a caller are in."""
    figure = getattr(axes, "figure", None)
    if figure is None or not hasattr(axes, "imshow"):
        raise WrongTypeError(
            f"plot: ax is {axes!r:.60}; expected matplotlib axes, such as those of plt.subplots()"
        )
    found: Figure = figure
    return found


def pulse_figure(done: PulseResult) -> Figure:
    """Return the line voltages of a pulse over time, and a map of the conductances after it."""
    waves = done.waveforms
    with style():
        figure = new_figure(9.6, 4.2)
        left, right = figure.subplots(1, 2)
        time, second = scaled(waves.time, "s")
        for volts, name, colour in (
            (waves.row_volts, "word lines", COLOURS[0]),
            (waves.column_volts, "bit lines", COLOURS[1]),
        ):
            for line in np.unique(volts, axis=1).T:
                left.plot(time, line, color=colour, label=name)
        handles, names = left.get_legend_handles_labels()
        left.legend(dict(zip(names, handles, strict=True)).values(), dict.fromkeys(names))
        left.set(
            xlabel=f"time ({second})",
            ylabel="driver voltage (V)",
            title=f"pulse, {render(done.energy_joule, 'J')} delivered",
        )
        gates = (
            np.full(done.array.gate_lines, done.array.cell_device().gate_default or 0.0)
            if done.array.gated
            else None
        )
        conductance_map(
            right, done.array.cell_conductance(gates), title="conductance after the pulse"
        )
    return figure


def curve_figure(curve: IVCurve, axes: Axes | None = None) -> Figure:
    """Return the loop of a curve, and its logarithmic view; the loop alone in axes that are
    given."""
    if axes is not None:
        figure = _figure_of(axes)
        with style():
            iv_loop(axes, [curve])
        return figure
    with style():
        figure = new_figure(9.0, 4.0)
        left, right = figure.subplots(1, 2)
        iv_loop(left, [curve])
        iv_log(right, [curve])
        left.set_title(f"{curve.device}, {curve.engine}")
    return figure


def _map(axes: Axes, values: Floats, unit: str, title: str) -> None:
    shown, unit = scaled(values, unit)
    signed = float(np.min(shown)) < 0 < float(np.max(shown))
    limit = float(np.max(np.abs(shown)))
    shape = shown.shape
    aspect: Literal["auto", "equal"] = "auto" if max(shape) > 2.5 * min(shape) else "equal"
    image = axes.imshow(
        shown,
        cmap=DIVERGING if signed else SEQUENTIAL,
        vmin=-limit if signed else None,
        vmax=limit if signed else None,
        aspect=aspect,
        interpolation="nearest",
    )
    axes.set(title=title, xlabel="bit line", ylabel="word line")
    axes.grid(visible=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    axes.figure.colorbar(image, ax=axes, label=unit, shrink=0.85)
