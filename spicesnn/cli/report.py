"""`spicesnn report`: a run, or several side by side, explained in one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer

if TYPE_CHECKING:
    from rich.console import Console


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN…", help="One run directory, or several to compare.")
    ],
    check: Annotated[
        bool,
        typer.Option("--check/--no-check", help="Solve a few test samples again on both engines."),
    ] = True,
    trust: options.Trust = False,
    out: options.Out = None,
    seed: options.Seed = None,
    engine: options.OneEngine = None,
    as_json: options.Json = False,
) -> Answer:
    """Write report.html: results with uncertainty, circuit, figures, energy, cross-check on the
    other engine, and how to reproduce the run.

    One file that works offline. --seed and --engine are accepted by every command; they have no
    effect here.

    Example:  spicesnn report runs/xpue
    """
    from spicesnn.reporting.report import write_report

    folder = options.folder(out, "") if out is not None else None
    path = write_report(runs, folder / "report.html" if folder is not None else None, check=check)

    def show(console: Console) -> None:
        console.print(f"report {path}")

    return Answer(
        data={
            "report": str(path),
            "runs": [str(run) for run in runs],
            "bytes": path.stat().st_size,
        },
        show=show,
    )
