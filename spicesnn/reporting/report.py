"""`report.html`: one or more runs explained in one file that needs no network."""

from __future__ import annotations

import html
import shlex
import time
import urllib.parse
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spicesnn._version import __version__
from spicesnn.plotting.results import accuracy_by_epoch
from spicesnn.plotting.run import figures, saved
from spicesnn.plotting.run_data import Drawn, RunData
from spicesnn.plotting.style import new_figure, raster, short, style
from spicesnn.reporting import second_engine
from spicesnn.reporting.hover import MOST_VALUES, hover_maps, values_in
from spicesnn.reporting.pictures import embedded
from spicesnn.reporting.schematic import array_svg
from spicesnn.reporting.tables import budget, cards, changed, comparison, missing
from spicesnn.whole_file import appearing, writing

if TYPE_CHECKING:
    from PIL.Image import Image

_WIDE_PIXELS = 850
"""Figures of more stand across the page; on a phone they can be pushed sideways."""
_NOT_CHECKED = (
    "Not done for an array of this size unless asked: spicesnn report RUN solves a few test samples"
    " again on both engines."
)


def write_report(
    run_dirs: Sequence[str | Path], out: str | Path | None = None, *, check: bool = True
) -> Path:
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
    for one in data:
        one.run.metrics()  # a run that has not finished says so before anything is drawn
    drawn = [figures(one) for one in data]
    runs = [_run(one, found, checked=check) for one, found in zip(data, drawn, strict=True)]
    return _write(runs, drawn, Path(out) if out is not None else Path(run_dirs[0]) / "report.html")


def finish_run(run_dir: str | Path) -> list[Path]:
    """Draw the figures of a finished run once, as PNG files and into its ``report.html``; return
    the paths, the report last."""
    data = RunData(run_dir)
    drawn = figures(data)
    run = _run(data, drawn, checked=second_engine.small(data))
    return [
        *saved(drawn, data.run.path / "figures"),
        _write([run], [drawn], data.run.path / "report.html"),
    ]


def _write(runs: list[dict[str, Any]], drawn: Sequence[Sequence[Drawn]], target: Path) -> Path:
    first = runs[0]
    curves = _curves(runs) if len(runs) > 1 else []
    pictures = iter(embedded([*curves, *(figure.picture for one in drawn for figure in one)]))
    beside = comparison(runs, [next(pictures) for _ in curves]) if len(runs) > 1 else None
    room = MOST_VALUES
    for run, one in zip(runs, drawn, strict=True):
        shown = []
        for figure in one:
            found = hover_maps(figure)
            maps = found if values_in(found) <= room else []
            room -= values_in(maps)
            shown.append(
                {
                    "picture": next(pictures),
                    "caption": figure.caption,
                    "wide": figure.picture.width > _WIDE_PIXELS,
                    "maps": maps,
                    "lines": _of_lines(figure),
                }
            )
        run["figures"] = sorted(shown, key=itemgetter("wide"))
    title = first["title"] if len(runs) == 1 else f"{len(runs)} runs side by side"
    page = _template().render(
        title=title,
        question=first["description"] if len(runs) == 1 else "",
        version=__version__,
        made=time.strftime("%Y-%m-%d %H:%M"),
        runs=runs,
        comparison=beside,
        hovered=room < MOST_VALUES,
    )
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with appearing(target) as partial:
            partial.write_text(page, encoding="utf-8")
    return target


def _of_lines(figure: Drawn) -> bool:
    """Return whether a figure may change its colours with a dark page: those of maps and of bars in
    three dimensions stand for values."""
    return not any(axes.get_images() or axes.name == "3d" for axes in figure.figure.axes)


def _template() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("spicesnn.reporting", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("report.html.j2")


def _schematic(data: RunData) -> tuple[str, str]:
    """Return title and drawing of the circuit."""
    config = data.config
    if data.is_crossbar:
        rows, columns = data.experiment.shape
        differential = config.network.columns == "differential"
        title = f"{config.preset}: {rows} × {columns} array on the {config.engine} engine"
        gates = (
            config.array.gate_along
            if data.experiment.array_of(data.run.load_state().devices).gated
            else ""
        )
        drawing = array_svg(
            (rows, columns),
            config.array.wires(),
            config.device.model,
            columns_differential=differential,
            gates_along=gates,
        )
        return title, f"{drawing}{_more_arrays(data)}"
    array = config.drawn_array()
    drawing = (
        ""
        if array is None
        else array_svg(
            array.shape, array.wires, array.cell, columns_differential=array.differential
        )
    )
    return (
        f"{config.preset}, seed {config.seed}",
        f"{drawing}<p>{html.escape(config.circuit())}</p>",
    )


def _more_arrays(data: RunData) -> str:
    """Return a sentence on the arrays behind hidden neurons, nothing where there is one array."""
    sizes = [f"{layer.shape[0]} × {layer.shape[1]}" for layer in data.experiment.layers]
    if len(sizes) == 1:
        return ""
    return (
        f"<p>This is the first of {len(sizes)} arrays, of {', '.join(sizes)} cells, with neurons"
        " between them.</p>"
    )


def _run(data: RunData, drawn: Sequence[Drawn], *, checked: bool) -> dict[str, Any]:
    config, metrics = data.config, data.run.metrics()
    title, schematic = _schematic(data)
    configuration = data.run.text()
    return {
        "name": data.run.path.resolve().name,
        "title": title,
        "description": config.description,
        "changed": changed(config),
        "cards": cards(metrics, config),
        "schematic": schematic,
        "versions": data.run.versions(),
        "budget": budget(metrics, config),
        "check": second_engine.check(data) if checked else {"text": _NOT_CHECKED, "rows": []},
        "missing": missing(data, [figure.name for figure in drawn]),
        "command": _command(config),
        "configuration": configuration,
        "download": f"data:application/toml;charset=utf-8,{urllib.parse.quote(configuration)}",
        "metrics": metrics,
        "config": config,
        "history": data.history,
    }


def _command(config: Any) -> str:
    """Return the command that repeats the run from the configuration that is kept beside it."""
    return shlex.join(
        [
            "spicesnn",
            "train",
            "run.toml",
            "--engine",
            config.engine,
            "--seed",
            str(config.seed),
            "--out",
            "again",
        ]
    )


def _curves(runs: Sequence[dict[str, Any]]) -> list[Image]:
    """Return the accuracies of the runs in one picture, over the share of each run's training:
    their steps may be of different kinds."""
    series = [
        (k, run) for k, run in enumerate(runs) if len(run["history"].get("test_accuracy", ()))
    ]
    if not series:
        return []
    kinds = {run["config"].kind for _, run in series}
    step = (
        ("update" if kinds == {"crossbar"} else "chunk of images")
        if len(kinds) == 1
        else "training progress (%)"
    )
    with style():
        figure = new_figure(8.4, 4.4)
        axes = figure.subplots()
        for k, run in series:
            at = run["history"]["test_accuracy_update"]
            if len(kinds) > 1:
                at = 100.0 * at / max(float(at[-1]), 1.0)
            name = f"{k + 1}. {short(run['name'])}"
            accuracy_by_epoch(
                axes,
                {name: run["history"]["test_accuracy"]},
                epochs=at,
                step=step,
                first_colour=k,
                samples=run["metrics"]["n_test"],
            )
        axes.legend(loc="best")
    return [raster(figure)]
