"""`spicesnn validate`: the nodal engine against ngspice and against formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer, mark, progress
from spicesnn.cli.output import table as tabled

if TYPE_CHECKING:
    from rich.console import Console


def validate(
    lite: Annotated[
        bool, typer.Option("--lite", help="Leave out the pulses on 8×8 arrays.")
    ] = False,
    out: options.Out = None,
    seed: options.Seed = None,
    engine: options.OneEngine = None,
    as_json: options.Json = False,
) -> Answer:
    """Compare the nodal engine with ngspice and with formulas: reads, pulses and IV curves of every
    device.

    Fails (exit code 1) if a check fails. With --out the table is written as CSV and JSON. Both
    engines always run, whatever --engine says.

    Example:  spicesnn validate --out runs/validation
    """
    from spicesnn.validation.suite import validate as run

    folder = options.folder(out, "") if out is not None else None
    with progress() as bars:
        task = bars.add_task("validating", total=None, note="")
        table = run(
            seed=seed or 0,
            lite=lite,
            progress=lambda case: bars.update(task, advance=1, note=case.case),
            failures=None if folder is None else folder / "failures",
        )
    written = (
        {}
        if folder is None
        else dict(zip(("csv", "json"), map(str, table.write(folder)), strict=True))
    )

    def show(console: Console) -> None:
        shown = tabled(
            "case",
            "quantity",
            "ngspice",
            "nodal",
            "error",
            "tolerance",
            "ok",
            title="ngspice ⇄ nodal ⇄ analytic",
        )
        for case in table.cases:
            numbers = [
                ("–" if value is None else f"{value:.6g}") for value in (case.ngspice, case.nodal)
            ]
            error = "–" if case.error is None else f"{case.error:.1e}"
            sign = mark("ok", "green") if case.ok else mark("NO", "red")
            shown.add_row(
                case.case,
                case.note or case.quantity,
                *numbers,
                error,
                f"{case.tolerance:.0e}",
                sign,
            )
        console.print(shown)
        held = sum(case.ok for case in table.cases)
        console.print(
            f"{held} of {len(table.cases)} checks passed in {table.wall_s:.1f} s"
            + "".join(f"\n{path}" for path in written.values())
        )

    return Answer(data=table.describe() | written, show=show, exit_code=0 if table.ok else 1)
