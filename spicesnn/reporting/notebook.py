"""What a notebook shows for an object that stands alone on a line: a few numbers and a small
picture."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spicesnn.plotting.style import label, new_figure, scaled, style
from spicesnn.shown import shows
from spicesnn.units import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spicesnn.crossbar.crossbar import Crossbar
    from spicesnn.devices.base import Device
    from spicesnn.engines.results import IVCurve, PulseResult, Read, Waveforms
    from spicesnn.estimator import CrossbarClassifier
    from spicesnn.learning.stdp_window import STDPWindow
    from spicesnn.studies.study import Findings
    from spicesnn.training.summary import Summary
    from spicesnn.training.sweep import SweepResult

_DPI = 80
_FEW_LINES, _FEW_ROWS = 8, 20
_BOX = "display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-start"


def png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def _page(title: str, values: Mapping[str, Any], picture: Figure | None = None) -> str:
    rows = "".join(
        "<tr><th"
        f" style='text-align:left'>{html.escape(str(k))}</th><td>{html.escape(str(v))}</td></tr>"
        for k, v in values.items()
    )
    image = ""
    if picture is not None:
        image = (
            f"<img alt='{html.escape(title)}'"
            f" src='data:image/png;base64,{base64.b64encode(png(picture)).decode()}'>"
        )
    return (
        f"<div><b>{html.escape(title)}</b><div"
        f" style='{_BOX}'><table>{rows}</table>{image}</div></div>"
    )


def _map(values: np.ndarray[Any, np.dtype[np.float64]], title: str) -> Figure:
    from spicesnn.plotting.maps import conductance_map

    with style():
        figure = new_figure(3.6, 2.8)
        conductance_map(figure.subplots(), values, title=title)
    return figure


@shows("Crossbar", "html")
def crossbar_html(array: Crossbar) -> str:
    """Return size, device, wires, and a map of the conductances near 0 V."""
    siemens = array.cell_conductance(
        None
        if not array.gated
        else np.full(array.gate_lines, array.cell_device().gate_default or 0.0)
    )
    stuck = 0 if array.stuck is None else int(array.stuck.sum())
    wires = {
        key.replace("_", " "): value
        for key, value in array.wires.describe().items()
        if np.any(value)
    }
    values = {
        "cells": "linear conductances" if array.device is None else array.device.name,
        "conductance": (
            f"{render(float(siemens.min()), 'S')} to {render(float(siemens.max()), 'S')}"
        ),
        **({"stuck cells": stuck} if stuck else {}),
        **{key: "one per line" if isinstance(v, list) else v for key, v in wires.items()},
    }
    return _page(f"Crossbar, {array.rows} × {array.cols}", values, _map(siemens, "dI/dV at 0 V"))


@shows("Device", "html")
def device_html(device: Device) -> str:
    """Return the parameters of a model with units and meanings."""
    rows, present = "", device.spice_parameters()
    for row in type(device).parameter_table():
        value = np.asarray(present.get(row["name"], row["default"]))
        shown = (
            f"{value:.6g}"
            if value.ndim == 0
            else f"{value.min():.4g} to {value.max():.4g}, one per cell"
        )
        rows += (
            "<tr>"
            + "".join(
                f"<td>{html.escape(str(cell))}</td>"
                for cell in (row["name"], shown, row["unit"], row["meaning"])
            )
            + "</tr>"
        )
    head = "<tr><th>parameter</th><th>value</th><th>unit</th><th>meaning</th></tr>"
    return f"<div><b>{html.escape(device.name)}</b><div>{html.escape(device.reference)}</div><table>{head}{rows}</table></div>"


@shows("Read", "html")
def read_html(read: Read) -> str:
    """Return the column currents and a map of what reaches the cells (of the first input)."""
    several = np.ndim(read.column_amps) == 2
    first = read.cell_volts[0] if several else read.cell_volts
    values = {
        "inputs": len(read.column_amps) if several else 1,
        "column currents": (
            f"{render(float(np.min(read.column_amps)), 'A')} to"
            f" {render(float(np.max(read.column_amps)), 'A')}"
        ),
        "Kirchhoff residual": render(float(np.max(read.residual_amps)), "A"),
    }
    return _page("Read", values, _volts(first))


def _volts(cell_volts: np.ndarray[Any, np.dtype[np.float64]]) -> Figure:
    with style():
        figure = new_figure(3.6, 2.8)
        axes = figure.subplots()
        image = axes.imshow(cell_volts, cmap="magma", aspect="auto", interpolation="nearest")
        axes.set(xlabel="bit line", ylabel="word line", title="Voltage across the cells")
        axes.grid(visible=False)
        figure.colorbar(image, ax=axes, label="V")
    return figure


@shows("PulseResult", "html")
def pulse_html(result: PulseResult) -> str:
    """Return the energy and a map of the conductances afterwards."""
    values = {
        "energy": render(result.energy_joule, "J"),
        "duration": render(float(result.waveforms.time[-1]), "s"),
        "Kirchhoff residual": render(float(result.residual_amps), "A"),
    }
    return _page("Pulse", values) + crossbar_html(result.array)


@shows("IVCurve", "png")
def curve_png(curve: IVCurve) -> bytes:
    """Return the IV loop."""
    from spicesnn.plotting.iv import iv_loop

    with style():
        figure = new_figure(4.6, 3.4)
        iv_loop(figure.subplots(), [curve]).set_title(f"{curve.device} on {curve.engine}")
    return png(figure)


@shows("Summary", "html")
def summary_html(summary: Summary) -> str:
    """Return what a run reached, and where it is."""
    values = {
        "test accuracy": f"{100 * summary.test_accuracy:.2f} % of {summary.n_test}",
        "training accuracy": f"{100 * summary.train_accuracy:.2f} %",
        "epochs": summary.epochs,
        "energy": render(summary.energy_joule, "J"),
        "wall time": render(summary.wall_s, "s"),
        "run": summary.run,
    }
    return _page(f"{summary.preset} on {summary.engine}, seed {summary.seed}", values)


@shows("Waveforms", "png")
def waveforms_png(waveforms: Waveforms) -> bytes:
    """Return the voltages of the drivers and the currents out of the bit lines over time; of many
    lines the first few."""
    with style():
        figure = new_figure(6.4, 4.2)
        upper, lower = figure.subplots(2, 1, sharex=True)
        time, unit = scaled(waveforms.time, "s")
        for axes, values, what, line in (
            (upper, waveforms.row_volts, "V", "word line"),
            (lower, waveforms.column_amps, "A", "bit line"),
        ):
            shown, symbol = scaled(values[:, :_FEW_LINES], what)
            for k in range(shown.shape[1]):
                axes.plot(time, shown[:, k], label=str(k))
            axes.set_ylabel(label("driver" if what == "V" else "into the sense node", symbol))
            axes.legend(
                title=line,
                fontsize=7,
                title_fontsize=7,
                loc="center left",
                bbox_to_anchor=(1.0, 0.5),
            )
        lower.set_xlabel(label("time", unit))
    return png(figure)


@shows("STDPWindow", "png")
def window_png(window: STDPWindow) -> bytes:
    """Return a measured STDP window with its fit."""
    from spicesnn.plotting.stdp import stdp_window

    fit = (100 * window.a_plus, -100 * window.a_minus, window.tau_plus_s, window.tau_minus_s)
    with style():
        figure = new_figure(4.6, 3.4)
        axes = stdp_window(
            figure.subplots(), window.dt_s, 100 * window.dw, fit=fit, what="change (% of range)"
        )
        axes.set_title(f"{window.device} on {window.engine}")
    return png(figure)


def table_html(rows: Sequence[Mapping[str, Any]], title: str) -> str:
    """Return a table of rows, the first ones of many."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)

    def cell(value: Any) -> str:
        return html.escape(f"{value:.6g}" if isinstance(value, float) else str(value))

    body = "".join(
        "<tr>" + "".join(f"<td>{cell(row.get(name, ''))}</td>" for name in names) + "</tr>"
        for row in rows[:_FEW_ROWS]
    )
    more = f"<div>… {len(rows) - _FEW_ROWS} more</div>" if len(rows) > _FEW_ROWS else ""
    return f"<div><b>{html.escape(title)}</b><table><tr>{head}</tr>{body}</table>{more}</div>"


@shows("CrossbarClassifier", "html")
def estimator_html(model: CrossbarClassifier) -> str:
    """Return the parameters of an estimator, and its array once it has learnt."""
    page = _page(
        type(model).__name__,
        {**model.get_params(), "fitted": "yes" if model.__sklearn_is_fitted__() else "no"},
    )
    return page + crossbar_html(model.array_) if model.__sklearn_is_fitted__() else page


@shows("SweepResult", "html")
def sweep_html(result: SweepResult) -> str:
    """Return the rows of a sweep as a table."""
    return table_html(
        result.rows, f"Sweep, {len(result.rows)} points, {result.computed} of them new"
    )


@shows("Findings", "html")
def findings_html(findings: Findings) -> str:
    """Return the rows of a study as a table under its facts."""
    facts = ", ".join(f"{name} {value}" for name, value in findings.facts.items())
    return table_html(findings.rows, facts or "Findings")
