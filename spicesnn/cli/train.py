"""`spicesnn train`: train a preset, or one's own TOML file, and leave a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer, watched

if TYPE_CHECKING:
    from rich.console import Console


def train(
    preset: Annotated[str, typer.Argument(metavar="PRESET_OR_TOML", help="A preset, or the path of a TOML file.")],
    engine: options.OneEngine = None,
    starts: Annotated[int | None, typer.Option("--starts", min=1, help="Train from so many random starts and count those that converge.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out from its checkpoint.")] = False,
    figures: Annotated[bool, typer.Option("--figures/--no-figures", help="Draw the figures of the run and write its report.html.")] = True,
    set_: options.Settings = None,
    out: options.Out = None,
    seed: options.Seed = None,
    as_json: options.Json = False,
) -> Answer:
    """Train a network and write a run directory: configuration, metrics, history, states, figures, report.html.

    Presets: xpue, digits-3x5, mnist-10x10, manhattan-4x4, letters-3x3 and more; a name that is none lists them all.

    Example:  spicesnn train xpue --engine nodal --seed 1 --out runs/xpue --set array.word_line_ohm=2
    """
    from spicesnn import training

    config = training.load(preset, [f"{key}={value}" for key, value in options.settings(set_).items()])
    with options.engine(engine.value if engine else config.engine) as solver, watched(f"training {config.preset}") as watcher:
        if starts is not None:
            summary: Any = training.train_starts(config, engine=solver, starts=starts, out=out, rng_seed=seed, progress=watcher)
        else:
            summary = training.train(config, engine=solver, out=out, rng_seed=seed, progress=watcher, resume=resume)
    drawn: list[Path] = []
    if figures and starts is None:
        from spicesnn.reporting.report import finish_run

        drawn = finish_run(summary.run)

    def show(console: Console) -> None:
        from spicesnn.units import render

        if starts is not None:
            console.print(f"{100 * summary.converged_fraction:.1f} % of {starts} starts converged, after {summary.epochs_mean:.1f} epochs on average")
        else:
            held = "held-out" if summary.extra.get("held_out", True) else "training"
            console.print(f"{preset} on {summary.engine}: {100 * summary.test_accuracy:.2f} % of {summary.n_test} {held} samples right")
        console.print(f"{render(summary.energy_joule, 'J')} delivered, {summary.wall_s:.1f} s\nrun     {summary.run}")
        if drawn:
            console.print(f"figures {drawn[0].parent}\nreport  {drawn[-1]}")

    report = {"figures": [str(path) for path in drawn[:-1]], "report": str(drawn[-1]) if drawn else None}
    return Answer(data=summary.table() | report, show=show)
