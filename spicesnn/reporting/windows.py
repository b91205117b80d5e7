"""The STDP window of a device: measured, fitted, written as CSV and drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.errors import RunError
from spicesnn.learning.stdp_window import STDPWindow, stdp_window
from spicesnn.plotting.stdp import stdp_window as draw
from spicesnn.plotting.style import new_figure, style


@dataclass(frozen=True, kw_only=True)
class WrittenWindow:
    """A measured window and the files it was written to."""

    window: STDPWindow
    csv: Path
    figure: Path

    def describe(self) -> dict[str, Any]:
        """Return everything as plain values."""
        fitted = {name: getattr(self.window, name) for name in ("a_plus", "a_minus", "tau_plus_s", "tau_minus_s")}
        disturbed = float(np.max(self.window.neighbour_dw))
        return {"device": self.window.device, "engine": self.window.engine, **fitted, "largest_neighbour_change": disturbed,
                "csv": str(self.csv), "figure": str(self.figure)}  # fmt: skip


def write_window(device: Device, engine: Engine, folder: Path, *, progress: Callable[[int, int], None] | None = None) -> WrittenWindow:
    """Measure the window of `device` on `engine`; write ``stdp-window.csv`` and ``stdp-window.png`` into `folder`."""
    window = stdp_window(device, engine, progress=progress)
    csv, picture = folder / "stdp-window.csv", folder / "stdp-window.png"
    with style():
        figure = new_figure()
        fit = (100 * window.a_plus, -100 * window.a_minus, window.tau_plus_s, window.tau_minus_s)
        axes = draw(figure.subplots(), window.dt_s, 100 * window.dw, fit=fit, what="change of conductance (% of range)")
        axes.set_title(f"STDP window of {window.device}, {window.engine}")
    try:
        table = np.column_stack([window.dt_s, window.dw, window.neighbour_dw])
        np.savetxt(csv, table, delimiter=",", header="dt_s,dw,neighbour_dw", comments="", fmt="%.9g")
        figure.savefig(picture)
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror or error}; choose another folder with --out") from None
    return WrittenWindow(window=window, csv=csv, figure=picture)
