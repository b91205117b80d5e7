"""IV curves: the loop, its logarithmic view, state and difference over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.engines.results import IVCurve
from spicesnn.plotting.style import COLOURS, label, new_figure, scaled, style
from spicesnn.units import render
from spicesnn.validation.curves import at_times

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spicesnn.devices.measurements import Sweep

_LINES = ("-", "--")
_POINTS: dict[str, Any] = {
    "linestyle": "none",
    "marker": ".",
    "markersize": 4,
    "color": COLOURS[-1],
    "alpha": 0.5,
    "label": "measured",
    "zorder": 1.5,
}
_PANELS = {"left": 0.08, "right": 0.98, "bottom": 0.07, "top": 0.92, "wspace": 0.22, "hspace": 0.27}
"""Where the four panels of one device stand, with room for five characters at each tick."""
_DECADES, _AWAY = 7, 0.05
"""The logarithmic view ends at the lowest current that is found away from the zero crossing, by
this share of the largest voltage, but not more decades below the peak."""


def iv_loop(
    axes: Axes,
    curves: Sequence[IVCurve],
    measured: Sweep | None = None,
    others: Sequence[IVCurve] = (),
) -> Axes:
    """Draw current against voltage, one line a curve (the second dashed, so that equal curves
    show), over other devices and under measured points."""
    _, unit = scaled(curves[0].amps, "A")
    factor = _factor(curves)
    _behind(axes, others, lambda curve: curve.amps * factor)
    for k, curve in enumerate(curves):
        axes.plot(
            curve.volts, curve.amps * factor, _LINES[k % 2], color=COLOURS[k], label=curve.engine
        )
    if measured is not None:
        axes.plot(measured.volts, measured.amps * factor, **_POINTS)
    axes.axhline(0.0, color="#888888", linewidth=0.7)
    axes.axvline(0.0, color="#888888", linewidth=0.7)
    axes.set(xlabel="voltage (V)", ylabel=label("current", unit), title="IV loop")
    if len(curves) > 1 or measured is not None or others:
        axes.legend()
    return axes


def _behind(axes: Axes, others: Sequence[IVCurve], amps: Callable[[IVCurve], Floats]) -> None:
    """Draw the curves of other devices of the same kind, thin and grey."""
    engines: set[str] = set()
    for curve in others:
        style = "-" if curve.engine == others[0].engine else "--"
        text = f"other devices, {curve.engine}" if curve.engine not in engines else None
        axes.plot(
            curve.volts,
            amps(curve),
            style,
            color="#999999",
            linewidth=0.6,
            alpha=0.7,
            zorder=0.5,
            label=text,
        )
        engines.add(curve.engine)


def iv_log(
    axes: Axes,
    curves: Sequence[IVCurve],
    measured: Sweep | None = None,
    others: Sequence[IVCurve] = (),
) -> Axes:
    """Draw the magnitude of the current against voltage, logarithmically, and measured points over
    it."""
    peak = max(float(np.max(np.abs(curve.amps))) for curve in (*curves, *others)) or 1.0
    _behind(axes, others, lambda curve: np.where(curve.amps != 0, np.abs(curve.amps), np.nan))
    for k, curve in enumerate(curves):
        amps = np.abs(curve.amps)
        axes.semilogy(
            curve.volts,
            np.where(amps > 0, amps, np.nan),
            _LINES[k % 2],
            color=COLOURS[k],
            label=curve.engine,
        )
    if measured is not None:
        axes.semilogy(
            measured.volts, np.where(measured.amps != 0, np.abs(measured.amps), np.nan), **_POINTS
        )
        peak = max(peak, float(np.max(np.abs(measured.amps))))
    axes.set_ylim(_least([*curves, *others], peak) * 0.5, peak * 2)
    axes.set(xlabel="voltage (V)", ylabel="|current| (A)", title="Logarithmic view")
    return axes


def _least(curves: Sequence[IVCurve], peak: float) -> float:
    """Return the lowest current that tells something of a device: that at a twentieth of the
    largest voltage or more, not its zero crossing."""
    lowest = peak
    for curve in curves:
        amps, volts = np.abs(curve.amps), np.abs(curve.volts)
        away = amps[(volts >= _AWAY * np.max(volts)) & (amps > 0)]
        lowest = min(lowest, float(np.min(away))) if away.size else lowest
    return max(lowest, peak * 10.0**-_DECADES)


def state_over_time(axes: Axes, curves: Sequence[IVCurve], device: Device) -> Axes:
    """Draw each state variable over time, as a fraction of its range where the range is finite."""
    time, unit = scaled(curves[0].time, "s")
    shrink = time[-1] / curves[0].time[-1]
    low, high = (
        np.asarray(bound, dtype=float).reshape(-1) for bound in device.bounds()
    )  # several states: one bound each, whatever its shape
    fractions = bool(np.all(np.isfinite(low)) and np.all(np.isfinite(high)) and np.all(high > low))
    for k, curve in enumerate(curves):
        for j, (values, name) in enumerate(
            zip(np.atleast_2d(curve.state), device.state_names, strict=False)
        ):
            shown = (
                (values - low[j % low.size]) / (high - low)[j % low.size] if fractions else values
            )
            text = f"{name}, {curve.engine}" if len(curves) > 1 else name
            axes.plot(
                curve.time * shrink,
                shown,
                _LINES[k % 2],
                color=COLOURS[(k + 2 * j) % len(COLOURS)],
                label=text,
            )
    what = (
        "state, fraction of its range"
        if fractions
        else label("state", device.state_units[0] if device.state_units else "")
    )
    axes.set(xlabel=label("time", unit), ylabel=what, title="State")
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    return axes


def voltage_and_current(axes: Axes, curves: Sequence[IVCurve]) -> Axes:
    """Draw voltage and current over time, each as a fraction of its peak."""
    curve = curves[0]
    time, unit = scaled(curve.time, "s")
    for values, name, colour in (
        (curve.volts, "voltage", COLOURS[-1]),
        (curve.amps, "current", COLOURS[0]),
    ):
        peak = float(np.max(np.abs(values))) or 1.0
        axes.plot(time, values / peak, color=colour, label=name)
    axes.set(xlabel=label("time", unit), ylabel="fraction of its peak", title="Over time")
    axes.legend()
    return axes


def engine_difference(axes: Axes, curves: Sequence[IVCurve]) -> Axes:
    """Draw the difference of two curves' currents over the peak current, over time."""
    first, second = curves
    time, unit = scaled(first.time, "s")
    peak = float(np.max(np.abs(first.amps))) or 1.0
    difference = np.abs(at_times(second, first.time) - first.amps) / peak
    axes.semilogy(time, np.maximum(difference, 1e-16), color=COLOURS[1])
    axes.axhline(1e-3, color=COLOURS[-1], linestyle=":", label="tolerance")
    axes.set(
        xlabel=label("time", unit),
        ylabel="|difference| / peak current",
        title=f"{second.engine} against {first.engine}",
    )
    axes.legend()
    return axes


def iv_figure(
    curves: Sequence[IVCurve],
    device: Device,
    measured: Sweep | None = None,
    others: Sequence[IVCurve] = (),
) -> Figure:
    """Return the four views of one device: loop, logarithm, state, and the engines' difference (or
    the signals over time). Its panels stand where they always do: to look for room takes longer
    than to draw."""
    with style():
        figure = new_figure(9.6, 7.2)
        figure.set_layout_engine("none")
        axes = figure.subplots(2, 2, gridspec_kw=_PANELS)
        iv_loop(axes[0, 0], curves, measured, others)
        iv_log(axes[0, 1], curves, measured, others)
        state_over_time(axes[1, 0], curves, device)
        if len(curves) == 2:
            engine_difference(axes[1, 1], curves)
        else:
            voltage_and_current(axes[1, 1], curves)
        for panel in axes.flat:
            panel.locator_params(axis="x", nbins=8)
        figure.suptitle(f"{device.name}: {device.reference}", fontsize=11)
    return figure


def area_over_frequency(axes: Axes, frequencies: Sequence[float], areas: Sequence[float]) -> Axes:
    """Draw the area of the pinched loop against frequency: a memristor's shrinks towards high
    frequencies."""
    axes.loglog(frequencies, areas, "o-", color=COLOURS[0])
    axes.set(xlabel="frequency (Hz)", ylabel="area of the last loop (V·A)", title="Fingerprint")
    return axes


def frequency_figure(
    found: Mapping[float, Sequence[IVCurve]],
    device: Device,
    areas: Sequence[float],
    measured: Sweep | None = None,
    others: Sequence[IVCurve] = (),
) -> Figure:
    """Return the loops at several frequencies, their logarithms, and the area over frequency; a
    second engine's are dashed."""
    with style():
        compared = all(len(curves) == 2 for curves in found.values())
        figure = new_figure(16.5 if compared else 13.0, 4.2)
        loop, log, area, *rest = figure.subplots(1, 4 if compared else 3)
        every = [curve for curves in found.values() for curve in curves]
        _, unit = scaled(np.concatenate([curve.amps for curve in every]), "A")
        factor = _factor([max(every, key=lambda curve: float(np.max(np.abs(curve.amps))))])
        _behind(loop, others, lambda curve: curve.amps * factor)
        _behind(log, others, lambda curve: np.where(curve.amps != 0, np.abs(curve.amps), np.nan))
        for k, (frequency, curves) in enumerate(found.items()):
            for j, curve in enumerate(curves):
                colour = COLOURS[k % len(COLOURS)]
                text = f"{render(frequency, 'Hz')}{', ' + curve.engine if len(curves) > 1 else ''}"
                loop.plot(curve.volts, curve.amps * factor, _LINES[j % 2], color=colour, label=text)
                log.semilogy(
                    curve.volts,
                    np.where(curve.amps != 0, np.abs(curve.amps), np.nan),
                    _LINES[j % 2],
                    color=colour,
                )
        if measured is not None:
            loop.plot(measured.volts, measured.amps * factor, **_POINTS)
            log.semilogy(
                measured.volts,
                np.where(measured.amps != 0, np.abs(measured.amps), np.nan),
                **_POINTS,
            )
        peak = max(float(np.max(np.abs(curve.amps))) for curve in every) or 1.0
        log.set(
            xlabel="voltage (V)",
            ylabel="|current| (A)",
            title="Logarithmic view",
            ylim=(_least(every, peak) * 0.5, peak * 2),
        )
        loop.set(xlabel="voltage (V)", ylabel=label("current", unit), title="IV loops")
        loop.legend()
        area_over_frequency(area, list(found), areas)
        if compared:
            _differences(rest[0], found)
        figure.suptitle(f"{device.name}: {device.reference}", fontsize=11)
    return figure


def _differences(axes: Axes, found: Mapping[float, Sequence[IVCurve]]) -> None:
    """Draw the difference of the engines over the periods, a line per frequency."""
    for k, (frequency, (first, second)) in enumerate(found.items()):
        peak = float(np.max(np.abs(first.amps))) or 1.0
        difference = np.maximum(np.abs(at_times(second, first.time) - first.amps) / peak, 1e-16)
        axes.semilogy(
            first.time * frequency,
            difference,
            color=COLOURS[k % len(COLOURS)],
            linewidth=0.9,
            label=render(frequency, "Hz"),
        )
    axes.axhline(1e-3, color=COLOURS[-1], linestyle=":", label="tolerance")
    engines = next(iter(found.values()))
    axes.set(
        xlabel="time (periods)",
        ylabel="|difference| / peak current",
        title=f"{engines[1].engine} against {engines[0].engine}",
    )
    axes.legend()


def _factor(curves: Sequence[IVCurve]) -> float:
    shown, _ = scaled(curves[0].amps, "A")
    peak = int(np.argmax(np.abs(curves[0].amps)))
    return float(shown[peak] / curves[0].amps[peak]) if curves[0].amps[peak] else 1.0
