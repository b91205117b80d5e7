"""What a notebook shows for an object that stands alone on a line: a few numbers and a small picture."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from spicesnn.plotting.style import new_figure, style
from spicesnn.units import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spicesnn.crossbar.crossbar import Crossbar
    from spicesnn.devices.base import Device
    from spicesnn.engines.results import IVCurve, PulseResult, Read
    from spicesnn.training.summary import Summary

_DPI = 80
_BOX = "display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-start"


def png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def _page(title: str, values: Mapping[str, Any], picture: Figure | None = None) -> str:
    rows = "".join(f"<tr><th style='text-align:left'>{html.escape(str(k))}</th><td>{html.escape(str(v))}</td></tr>" for k, v in values.items())
    image = ""
    if picture is not None:
        image = f"<img alt='{html.escape(title)}' src='data:image/png;base64,{base64.b64encode(png(picture)).decode()}'>"
    return f"<div><b>{html.escape(title)}</b><div style='{_BOX}'><table>{rows}</table>{image}</div></div>"


def _map(values: np.ndarray[Any, np.dtype[np.float64]], title: str) -> Figure:
    from spicesnn.plotting.maps import conductance_map

    with style():
        figure = new_figure(3.6, 2.8)
        conductance_map(figure.subplots(), values, title=title)
    return figure


def crossbar_html(array: Crossbar) -> str:
    """Return size, device, wires, and a map of the conductances near 0 V."""
    siemens = array.cell_conductance(None if not array.gated else np.full(array.gate_lines, array.cell_device().gate_default or 0.0))
    stuck = 0 if array.stuck is None else int(array.stuck.sum())
    wires = {key.replace("_", " "): value for key, value in array.wires.describe().items() if np.any(value)}
    values = {
        "cells": "linear conductances" if array.device is None else array.device.name,
        "conductance": f"{render(float(siemens.min()), 'S')} to {render(float(siemens.max()), 'S')}",
        **({"stuck cells": stuck} if stuck else {}), **{key: "one a line" if isinstance(v, list) else v for key, v in wires.items()},
    }  # fmt: skip
    return _page(f"Crossbar, {array.rows} × {array.cols}", values, _map(siemens, "dI/dV at 0 V"))


def device_html(device: Device) -> str:
    """Return the parameters of a model with units and meanings."""
    rows, present = "", device.spice_parameters()
    for row in type(device).parameter_table():
        value = np.asarray(present.get(row["name"], row["default"]))
        shown = f"{value:.6g}" if value.ndim == 0 else f"{value.min():.4g} to {value.max():.4g}, one a cell"
        rows += "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in (row["name"], shown, row["unit"], row["meaning"])) + "</tr>"
    head = "<tr><th>parameter</th><th>value</th><th>unit</th><th>meaning</th></tr>"
    return f"<div><b>{html.escape(device.name)}</b><div>{html.escape(device.reference)}</div><table>{head}{rows}</table></div>"


def read_html(read: Read) -> str:
    """Return the column currents and a map of what reaches the cells (of the first input)."""
    several = np.ndim(read.column_amps) == 2
    first = read.cell_volts[0] if several else read.cell_volts
    values = {
        "inputs": len(read.column_amps) if several else 1,
        "column currents": f"{render(float(np.min(read.column_amps)), 'A')} to {render(float(np.max(read.column_amps)), 'A')}",
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


def pulse_html(result: PulseResult) -> str:
    """Return the energy and a map of the conductances afterwards."""
    values = {
        "energy": render(result.energy_joule, "J"), "duration": render(float(result.waveforms.time[-1]), "s"),
        "Kirchhoff residual": render(float(result.residual_amps), "A"),
    }  # fmt: skip
    return _page("Pulse", values) + crossbar_html(result.array)


def curve_png(curve: IVCurve) -> bytes:
    """Return the IV loop."""
    from spicesnn.plotting.iv import iv_loop

    with style():
        figure = new_figure(4.6, 3.4)
        iv_loop(figure.subplots(), [curve]).set_title(f"{curve.device} on {curve.engine}")
    return png(figure)


def summary_html(summary: Summary) -> str:
    """Return what a run reached, and where it is."""
    values = {
        "test accuracy": f"{100 * summary.test_accuracy:.2f} % of {summary.n_test}", "training accuracy": f"{100 * summary.train_accuracy:.2f} %",
        "epochs": summary.epochs, "energy": render(summary.energy_joule, "J"), "wall time": render(summary.wall_s, "s"), "run": summary.run,
    }  # fmt: skip
    return _page(f"{summary.preset} on {summary.engine}, seed {summary.seed}", values)
