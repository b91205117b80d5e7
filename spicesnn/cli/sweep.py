"""`spicesnn sweep`: one experiment at many settings and seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer, progress
from spicesnn.cli.output import table as tabled

if TYPE_CHECKING:
    from rich.console import Console

    from spicesnn.training.sweep import SweepResult


def sweep(
    preset: Annotated[
        str,
        typer.Argument(
            metavar="PRESET_OR_TOML_OR_RUN",
            autocompletion=options.preset_names,
            help="A preset, the path of a TOML file, or a run directory.",
        ),
    ],
    over: Annotated[
        list[str],
        typer.Option(
            "--over",
            metavar="A.B=V,V,…",
            help="Setting to vary: values, or from:to:step. Twice: a grid.",
        ),
    ],
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="Seeds per setting, starting at --seed.")
    ] = 1,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Processes on this machine.")
    ] = 1,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Dask scheduler to use.")
    ] = None,
    parquet: Annotated[
        bool, typer.Option("--parquet", help="Also write the table as sweep.parquet.")
    ] = False,
    trust: options.Trust = False,
    set_: options.Settings = None,
    out: options.Out = None,
    seed: options.Seed = None,
    engine: options.OneEngine = None,
    as_json: options.Json = False,
) -> Answer:
    """Train an experiment at every setting of a grid, with several seeds; write one table and a
    figure with confidence intervals.

    An interrupted sweep resumes if started again with the same --out; no point is computed twice.
    Table and figure grow with the points.

    Example:  spicesnn sweep letters-3x3 --over array.word_line_ohm=0,1,2 --seeds 5 --workers 2 --out runs/wires
    """
    from spicesnn.errors import RunError
    from spicesnn.plotting.style import save_figure
    from spicesnn.plotting.sweeps import sweep_figure
    from spicesnn.training import sweep as sweeping
    from spicesnn.views import need_parquet

    if parquet:
        need_parquet()
    overrides = [f"{key}={value}" for key, value in options.settings(set_).items()]
    name, called = engine.value if engine else None, Path(preset).stem
    if (Path(preset) / "run.toml").is_file():
        preset, called = str(Path(preset) / "run.toml"), Path(preset).resolve().name
    points = sweeping.plan(
        preset, over, seeds=seeds, first_seed=seed or 0, overrides=overrides, engine=name
    )
    folder = options.folder(out, f"runs/sweep-{called}", holds="sweep.csv")
    keys = list(points[0].settings)
    figure = folder / "sweep.png"

    def draw(result: SweepResult) -> None:
        try:
            save_figure(
                sweep_figure(
                    sweeping.summarised(result.rows, keys),
                    keys,
                    sweeping.accuracy_name(result.rows),
                ),
                figure,
            )
        except OSError as error:
            raise RunError(
                f"{figure} cannot be written: {error.strerror or error}; choose another folder with"
                " --out"
            ) from None

    with progress() as bars:
        task = bars.add_task("points", total=len(points), note="")
        result = sweeping.sweep(
            points,
            folder,
            workers=workers,
            scheduler=scheduler,
            watch=draw,
            progress=lambda done, total: bars.update(task, completed=done, total=total),
        )
    table = sweeping.summarised(result.rows, keys)

    def show(console: Console) -> None:
        shown = tabled(*keys, "seeds", sweeping.accuracy_name(result.rows), "± 95 %")
        for row in table:
            half = "–" if row["seeds"] < 2 else f"{100 * row['half_width']:.2f}"
            shown.add_row(
                *(str(row[key]) for key in keys),
                str(row["seeds"]),
                f"{100 * row['mean']:.2f} %",
                half,
            )
        console.print(shown)
        console.print(
            f"{result.computed} of {len(points)} points computed now\ntable  "
            f" {result.table}\nfigure  {figure}"
        )

    data = {
        "points": result.rows,
        "summary": table,
        "table": str(result.table),
        "figure": str(figure),
        "computed": result.computed,
    }
    if parquet:
        data["parquet"] = str(result.to_parquet())
    return Answer(data=data, show=show)
