"""`spicesnn doctor`: what is installed, and what to do about what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer, mark, table, write_json

if TYPE_CHECKING:
    from rich.console import Console


def doctor(
    download: Annotated[
        bool,
        typer.Option(
            "--download",
            help="Download MNIST into the cache folder if it is missing (12 MB, verified).",
        ),
    ] = False,
    engine: options.OneEngine = None,
    out: options.Out = None,
    seed: options.Seed = None,
    as_json: options.Json = False,
) -> Answer:
    """Check the installation (ngspice and its solver, packages, threads, data) and say how to
    complete it.

    Exit code 3 without ngspice; with --engine nodal it is not required. --out also writes
    doctor.json there.

    Example:  spicesnn doctor --download
    """
    from spicesnn.validation.installation import examine
    from spicesnn.whole_file import appearing

    found = examine(need_ngspice=engine is not options.EngineName.NODAL, download=download)
    if out is not None:
        with (
            appearing(options.folder(out, "") / "doctor.json") as partial,
            partial.open("w", encoding="utf-8") as file,
        ):
            write_json(found.describe(), file)

    def show(console: Console) -> None:
        shown = table("", "what", "found", "what to do")
        for check in found.checks:
            sign = (
                mark("ok", "green")
                if check.ok
                else mark(*(("missing", "red") if check.required else ("–", "yellow")))
            )
            shown.add_row(sign, check.name, check.found, check.advice)
        console.print(shown)
        if out is not None:
            console.print(f"written to {out / 'doctor.json'}")
        console.print(
            "All that is needed is there."
            if found.ok
            else "Something that is needed is missing: see the last column."
        )

    return Answer(data=found.describe(), show=show, exit_code=found.exit_code)
