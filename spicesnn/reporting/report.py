"""`report.html`: one or more runs explained in one file that needs no network."""

from __future__ import annotations

import html
import shlex
import time
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spicesnn._version import __version__
from spicesnn.errors import NgspiceMissingError, RunError, SpicesnnError
from spicesnn.plotting.results import accuracy_by_epoch
from spicesnn.plotting.run import figures, saved
from spicesnn.plotting.run_data import Drawn, RunData
from spicesnn.plotting.style import new_figure, raster, style
from spicesnn.reporting.pictures import Embedded, embedded
from spicesnn.reporting.schematic import array_svg
from spicesnn.training.config import Config
from spicesnn.training.metrics import interval
from spicesnn.units import render

if TYPE_CHECKING:
    from PIL.Image import Image

_CHECKED_SAMPLES = 4
_CHECKED_UNASKED = 400
"""Arrays of up to so many cells are checked on both engines whenever a run ends; it takes part of a second."""
_WIDE = ("conductances", "raster", "iv")
_CHECKED_BY_SCRIPT = "A trained layer of this kind of network is solved again by ngspice, tile by tile, with scripts/confirm_in_ngspice.py RUN."
_NOT_CHECKED = "Not asked for here: `spicesnn report RUN` solves a few test samples again on both engines."


def write_report(run_dirs: Sequence[str | Path], out: str | Path | None = None, *, check: bool = True) -> Path:
    """Write ``report.html`` for one run, or for several side by side.

    Parameters
    ----------
    run_dirs : sequence of paths
        Run directories.
    out : path, optional
        The file; ``report.html`` in the (first) run directory if left out.
    check : bool
        Whether a few test samples are solved again by the other engine.

    Returns
    -------
    Path
        Of the file.
    """
    data = [RunData(path) for path in run_dirs]
    runs = [_run(one, check=check) for one in data]
    return _write(runs, [figures(one) for one in data], Path(out) if out is not None else Path(run_dirs[0]) / "report.html")


def finish_run(run_dir: str | Path) -> list[Path]:
    """Draw the figures of a finished run once, as PNG files and into its ``report.html``; return the paths, the report last."""
    data = RunData(run_dir)
    drawn = figures(data)
    small = data.is_crossbar and data.config.network.hidden == () and data.experiment.shape[0] * data.experiment.shape[1] <= _CHECKED_UNASKED
    return [*saved(drawn, data.run.path / "figures"), _write([_run(data, check=small)], [drawn], data.run.path / "report.html")]


def _write(runs: list[dict[str, Any]], drawn: Sequence[Sequence[Drawn]], target: Path) -> Path:
    first = runs[0]
    curves = _curves(runs) if len(runs) > 1 else []
    pictures = iter(embedded([*curves, *(figure.picture for one in drawn for figure in one)]))
    comparison = _comparison(runs, [next(pictures) for _ in curves]) if len(runs) > 1 else None
    for run, one in zip(runs, drawn, strict=True):
        shown = [{"picture": next(pictures), "caption": figure.caption, "wide": figure.name in _WIDE} for figure in one]
        run["figures"] = sorted(shown, key=itemgetter("wide"))
    title = first["title"] if len(runs) == 1 else f"{len(runs)} runs side by side"
    page = _template().render(
        title=title, question=first["description"] if len(runs) == 1 else "", version=__version__, made=time.strftime("%Y-%m-%d %H:%M"),
        runs=runs, comparison=comparison,
    )  # fmt: skip
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.part")
        partial.write_text(page, encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        raise RunError(f"{target} cannot be written: {error.strerror or error}; choose another folder with --out") from None
    return target


def _template() -> Any:
    import jinja2

    environment = jinja2.Environment(loader=jinja2.PackageLoader("spicesnn.reporting", "."), autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("report.html.j2")


def _schematic(data: RunData) -> tuple[str, str]:
    """Return title and drawing of the circuit."""
    config = data.config
    if data.is_crossbar:
        rows, columns = data.experiment.shape
        differential = config.network.columns == "differential"
        title = f"{config.preset}: {rows} × {columns} array on the {config.engine} engine"
        return title, array_svg((rows, columns), config.array.wires(), config.device.model, columns_differential=differential)
    array = config.drawn_array()
    drawing = "" if array is None else array_svg(array.shape, array.wires, array.cell, columns_differential=array.differential)
    return f"{config.preset}, seed {config.seed}", f"{drawing}<p>{html.escape(config.circuit())}</p>"


def _run(data: RunData, *, check: bool) -> dict[str, Any]:
    config, metrics = data.config, data.run.metrics()
    title, schematic = _schematic(data)
    return {
        "name": data.run.path.name,
        "title": title,
        "description": config.description,
        "cards": _cards(metrics, config),
        "schematic": schematic,
        "versions": data.run.versions(),
        "budget": _budget(metrics),
        "check": _check(data) if check and data.is_crossbar else {"text": _NOT_CHECKED if data.is_crossbar else _CHECKED_BY_SCRIPT, "rows": []},
        "command": _command(config),
        "configuration": (data.run.path / "run.toml").read_text(encoding="utf-8"),
        "metrics": metrics,
        "config": config,
        "history": data.history,
    }


_COUNTED = {
    "presentations": "presentations, repeats included", "input_events": "input spikes", "output_spikes": "output spikes",
    "learning_writes": "writes by learning", "normalisation_writes": "writes by normalisation", "rows_written_first": "lines written, first layer",
    "rows_written_second": "lines written, second layer", "cells": "cells", "tiles": "tiles", "tile_solves": "solves of a layer's tiles",
    "silent_or_tied": "test images without an answer",
}  # fmt: skip
_SHARES = {
    "software_accuracy": "test accuracy of the weights in software", "uncompensated_accuracy": "mapped without regard to wires",
    "mapped_accuracy": "as mapped, before tuning in situ", "mapping_error": "error left by the mapping (rms, share of the window)",
    "stale_error": "largest error of the effective conductances between two solves (rms)",
}  # fmt: skip
_JOULE = {
    "read_joule_a_presentation": "energy of reads, a presentation", "write_joule_a_presentation": "energy of writes by learning, a presentation",
    "normalisation_joule_a_presentation": "energy of writes by normalisation, a presentation",
}  # fmt: skip
"""What networks that learn from a stream count: key of `metrics.json` → what it is."""


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _accuracy(metrics: dict[str, Any]) -> str:
    low, high = interval(metrics["test_accuracy"], metrics["n_test"])
    return f"{_percent(metrics['test_accuracy'])} ({100 * low:.1f}–{100 * high:.1f})"


def _cards(metrics: dict[str, Any], config: Any) -> list[dict[str, str]]:
    kind = "held-out samples" if metrics.get("held_out", True) else "samples, those it was trained on"
    low, high = interval(metrics["test_accuracy"], metrics["n_test"])
    return [
        {"value": _percent(metrics["test_accuracy"]), "label": f"of {metrics['n_test']} {kind}; 95 % interval {100 * low:.1f}–{100 * high:.1f} %"},
        {"value": _percent(metrics["train_accuracy"]), "label": "training samples"},
        *([{"value": f"{metrics['rows']} × {metrics['columns']}", "label": "cells"}] if "rows" in metrics and "columns" in metrics else []),
        {"value": config.engine, "label": "engine that solved every read and pulse" if isinstance(config, Config) else "engine of what is solved"},
        *_energy_card(metrics),
        {"value": render(metrics["wall_s"], "s", 3), "label": f"wall time, seed {config.seed}"},
    ]


def _energy_card(metrics: dict[str, Any]) -> list[dict[str, str]]:
    """Return the energy of the run, of one test presentation where only that is counted, or nothing."""
    if metrics["energy_joule"]:
        return [{"value": render(metrics["energy_joule"], "J", 3), "label": "delivered by the drivers"}]
    if metrics.get("read_joule_a_presentation"):
        return [{"value": render(metrics["read_joule_a_presentation"], "J", 3), "label": "delivered by the drivers to answer one image"}]
    return []


def _budget(metrics: dict[str, Any]) -> list[dict[str, str]]:
    def row(label: str, value: str) -> dict[str, str]:
        return {"label": label, "value": value}

    found = [row("energy, all", render(metrics["energy_joule"], "J") if metrics["energy_joule"] else "not counted")]
    for key, label in (("write_joule", "energy of programming pulses"), ("read_joule", "energy of reads")):
        if key in metrics:
            found.append(row(label, render(metrics[key], "J")))
    for key, label in (("updates", "updates"), ("pulses", "programming pulses"), ("reads", "reads"), ("epochs", "epochs")):
        if key in metrics:
            found.append(row(label, f"{metrics[key]:,}"))
    for key, label in _COUNTED.items():
        if key in metrics:
            found.append(row(label, f"{metrics[key]:,.0f}"))
    for key, label in _SHARES.items():
        if key in metrics:
            found.append(row(label, _percent(metrics[key])))
    for key, label in _JOULE.items():
        if metrics.get(key):
            found.append(row(label, render(metrics[key], "J")))
    if metrics.get("pulses") and "write_joule" in metrics:
        found.append(row("energy of one pulse, mean", render(metrics["write_joule"] / metrics["pulses"], "J")))
    if metrics.get("reads") and "read_joule" in metrics:
        found.append(row("energy of one read, mean", render(metrics["read_joule"] / metrics["reads"], "J")))
    found.append(row("wall time", render(metrics["wall_s"], "s")))
    if "residual_amps" in metrics:
        found.append(row("worst violation of Kirchhoff's current law", render(metrics["residual_amps"], "A")))
    return found


def _check(data: RunData) -> dict[str, Any]:
    """Solve a few test samples on both engines and compare currents and answers."""
    from spicesnn.engines.ngspice.engine import NgspiceEngine
    from spicesnn.engines.nodal.engine import NodalEngine

    experiment = data.experiment
    devices = data.run.load_state().devices
    samples = experiment.problem.test.limited(_CHECKED_SAMPLES)
    try:
        with NgspiceEngine() as ngspice, NodalEngine() as nodal:
            first, second = (experiment.answer(engine, devices, samples) for engine in (ngspice, nodal))
    except NgspiceMissingError as error:
        return {"text": f"Not checked: {error}", "rows": []}
    except SpicesnnError as error:
        return {"text": f"The check failed: {str(error).splitlines()[0]}", "rows": []}
    scale = float(np.max(np.abs(second.amps))) or 1.0
    worst = float(np.max(np.abs(first.amps - second.amps))) / scale
    same = int(np.sum(first.predicted == second.predicted))
    return {
        "text": f"{len(samples)} test samples were solved by ngspice and by the nodal engine, with the trained array.",
        "rows": [
            {"quantity": "currents into the neurons, share of the largest", "error": f"{worst:.1e}", "tolerance": "1e-09", "ok": _yes(worst <= 1e-9)},
            {"quantity": "samples answered alike", "error": f"{same} of {len(samples)}", "tolerance": "all", "ok": _yes(same == len(samples))},
        ],
    }


def _yes(holds: bool) -> str:
    return "yes" if holds else "NO"


def _command(config: Any) -> str:
    """Return the command that repeats the run from the configuration that is kept beside it."""
    return shlex.join(["spicesnn", "train", "run.toml", "--engine", config.engine, "--seed", str(config.seed), "--out", "again"])


def _flat(config: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for section, table in config.to_tables().items():
        if isinstance(table, dict):
            values |= {f"{section}.{key}": value for key, value in table.items()}
        else:
            values[section] = table
    return values


def _comparison(runs: Sequence[dict[str, Any]], curves: Sequence[Embedded]) -> dict[str, Any]:
    metrics = [run["metrics"] for run in runs]
    rows = [
        {"label": "test accuracy (95 % interval)", "values": [_accuracy(m) for m in metrics]},
        {"label": "test samples", "values": [f"{m['n_test']:,}" for m in metrics]},
        {"label": "training accuracy", "values": [_percent(m["train_accuracy"]) for m in metrics]},
        {"label": "engine", "values": [run["config"].engine for run in runs]},
        {"label": "seed", "values": [str(run["config"].seed) for run in runs]},
        {"label": "energy", "values": [render(m["energy_joule"], "J") for m in metrics]},
        {"label": "wall time", "values": [render(m["wall_s"], "s") for m in metrics]},
    ]
    flat = [_flat(run["config"]) for run in runs]
    keys = sorted({key for table in flat for key in table} - {"description", "engine", "seed"})
    differences = [{"label": key, "values": [str(table.get(key, "–")) for table in flat]} for key in keys if len({str(t.get(key)) for t in flat}) > 1]
    return {"rows": rows, "differences": differences, "figures": curves}


def _curves(runs: Sequence[dict[str, Any]]) -> list[Image]:
    """Return the accuracies of the runs in one picture, where they have any."""
    series = {f"{k}. {run['name']}": run["history"] for k, run in enumerate(runs, start=1) if "test_accuracy" in run["history"]}
    if not series:
        return []
    with style():
        figure = new_figure(8.4, 4.4)
        axes = figure.subplots()
        for k, (name, history) in enumerate(series.items()):
            accuracy_by_epoch(axes, {name: history["test_accuracy"]}, epochs=history["test_accuracy_update"], step="update", first_colour=k)
    return [raster(figure)]
