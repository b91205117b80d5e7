"""`spicesnn infer`: let a trained array classify the test samples again, on either engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer, delivered, solved, unanswered

if TYPE_CHECKING:
    from rich.console import Console


def infer(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run directory that `spicesnn train` has written."),
    ],
    engine: options.OneEngine = None,
    workers: options.TileWorkers = 1,
    scheduler: options.TileScheduler = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Maximum number of test samples.")
    ] = None,
    trust: options.Trust = False,
    out: options.Out = None,
    seed: options.Seed = None,
    as_json: options.Json = False,
) -> Answer:
    """Classify the test samples with a trained array, on the engine it was trained with or on the
    other one.

    The answers go into the run directory (inference-ENGINE.npz and .json), or with --out there,
    with infer.json. The seed is the run's own.

    Example:  spicesnn infer runs/xpue --engine ngspice
    """
    from spicesnn import training
    from spicesnn.cli.output import write_json
    from spicesnn.whole_file import appearing

    config = training.RunDirectory.existing(run).config()
    if seed is not None and seed != config.seed:
        from spicesnn.errors import ConfigError

        raise ConfigError(
            f"--seed {seed}: this run has seed {config.seed}, which decides its devices and data;"
            " leave --seed out"
        )
    if (workers > 1 or scheduler is not None) and config.kind != "map":
        from spicesnn.errors import ConfigError

        raise ConfigError(
            f"{run} is no mapped network: --workers and --scheduler share out the arrays of runs of"
            " `spicesnn map`; leave them out"
        )
    folder = options.folder(out, "") if out is not None else None
    with options.engine(
        engine.value if engine else config.engine, workers, scheduler, config.engine_init
    ) as solver:
        summary = training.infer(run, engine=solver, test_limit=limit, out=folder)
    if folder is not None:
        with (
            appearing(folder / "infer.json") as partial,
            partial.open("w", encoding="utf-8") as file,
        ):
            write_json(summary.table(), file)

    def show(console: Console) -> None:
        solved_by = summary.extra.get("solved_by")
        which = "held-out" if summary.extra.get("held_out", True) else "training"
        right = f"{100 * summary.test_accuracy:.2f} % of {summary.n_test} {which} samples right"
        console.print(f"{solved(summary.preset, summary.engine, solved_by)}: {right}")
        if line := unanswered(
            int(summary.extra.get("silent_or_tied", 0)),
            summary.n_test,
            summary.test_accuracy,
            config,
        ):
            console.print(line)
        console.print(
            f"{delivered(summary.energy_joule, solved_by)} in these reads; run time {summary.wall_s:.1f} s"
        )
        console.print(f"answers {(folder or run) / f'inference-{summary.engine}.npz'}")

    return Answer(data=summary.table(), show=show)
