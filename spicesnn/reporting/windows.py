"""The STDP window of a device: measured on one engine or on both, fitted, written as CSV and
drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.learning.stdp_window import STDPWindow, stdp_window
from spicesnn.plotting.stdp import neighbours
from spicesnn.plotting.stdp import stdp_window as draw
from spicesnn.plotting.style import COLOURS, new_figure, save_figure, style
from spicesnn.whole_file import appearing, writing


@dataclass(frozen=True, kw_only=True)
class WrittenWindow:
    """Measured windows, one per engine, and the files they were written to."""

    windows: tuple[STDPWindow, ...]
    csv: Path
    figure: Path

    @property
    def window(self) -> STDPWindow:
        """The first engine's."""
        return self.windows[0]

    @property
    def difference(self) -> float | None:
        """Largest difference between two engines, as a share of the largest change; None for one
        engine."""
        if len(self.windows) < 2:
            return None
        return float(
            max(np.abs(w.dw - self.window.dw).max() for w in self.windows)
            / np.abs(self.window.dw).max()
        )

    def describe(self) -> dict[str, Any]:
        """Return everything as plain values."""
        fitted = {
            name: getattr(self.window, name)
            for name in ("a_plus", "a_minus", "tau_plus_s", "tau_minus_s")
        }
        disturbed = max(float(np.max(window.neighbour_dw)) for window in self.windows)
        engine = self.window.engine if len(self.windows) == 1 else "both"
        return {
            "device": self.window.device,
            "engine": engine,
            **fitted,
            "largest_neighbour_change": disturbed,
            "max_relative_difference": self.difference,
            "csv": str(self.csv),
            "figure": str(self.figure),
        }


def write_window(
    device: Device,
    engines: Sequence[Engine],
    folder: Path,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> WrittenWindow:
    """Measure the window of `device` on each engine; write ``stdp-window.csv`` and
    ``stdp-window.png`` into `folder`."""
    windows = []
    for number, engine in enumerate(engines):

        def count(done: int, total: int, before: int = number) -> None:
            progress(before * total + done, len(engines) * total)

        windows.append(stdp_window(device, engine, progress=count))
    csv, picture = folder / "stdp-window.csv", folder / "stdp-window.png"
    written = WrittenWindow(windows=tuple(windows), csv=csv, figure=picture)
    names, columns = ["dt_s"], [windows[0].dt_s]
    for window in windows:
        suffix = "" if len(windows) == 1 else f"_{window.engine}"
        names += [f"dw{suffix}", f"neighbour_dw{suffix}"]
        columns += [window.dw, window.neighbour_dw]
    with style():
        figure = new_figure(6.4, 6.0)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        for k, w in enumerate(windows):
            fit = (
                (100 * w.a_plus, -100 * w.a_minus, w.tau_plus_s, w.tau_minus_s) if k == 0 else None
            )
            draw(
                upper,
                w.dt_s,
                100 * w.dw,
                fit=fit,
                what="change (% of range)",
                name=w.engine,
                colour=COLOURS[(0, 2)[k % 2]],
                marker="ox"[k % 2],
            )
            neighbours(
                lower,
                w.dt_s,
                100 * w.neighbour_dw,
                name=w.engine,
                colour=COLOURS[(0, 2)[k % 2]],
                marker="ox"[k % 2],
            )
        upper.set(
            title=f"STDP window of {device.name}, {' and '.join(w.engine for w in windows)}",
            xlabel="",
        )
    with writing(folder):
        with appearing(csv) as partial:
            np.savetxt(
                partial,
                np.column_stack(columns),
                delimiter=",",
                header=",".join(names),
                comments="",
                fmt="%.9g",
            )
        save_figure(figure, picture)
    return written
