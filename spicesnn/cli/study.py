"""`spicesnn study`: a question about arrays, answered with a table and a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer, progress

if TYPE_CHECKING:
    from rich.console import Console


def study(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="STUDY_OR_TOML",
            autocompletion=options.study_names,
            help="A study, or a TOML file; all are listed if left out.",
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option("--workers", min=1, help="Processes on this machine, for studies that train."),
    ] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler", metavar="ADDRESS", help="A Dask scheduler whose workers compute."
        ),
    ] = None,
    trust: options.Trust = False,
    set_: options.Settings = None,
    out: options.Out = None,
    seed: options.Seed = None,
    engine: options.OneEngine = None,
    as_json: options.Json = False,
) -> Answer:
    """Run a design study: accuracy against wires, device variation, stuck cells or states; energy;
    array size; read margin; IR drop.

    Writes study.csv, study.png, facts.json and study.toml. An interrupted study that trains resumes
    if started again with the same --out.

    Example:  spicesnn study read-margin --set array.word_line_ohm=2 --out runs/margin
    """
    from spicesnn.errors import InputError
    from spicesnn.studies import study as studies

    if name is None:
        raise InputError(
            "study needs a study or a TOML file, as in `spicesnn study read-margin`\n"
            f"The studies are: {', '.join(studies.study_names())}"
        )
    made = studies.load(name, [f"{key}={value}" for key, value in options.settings(set_).items()])
    made = studies.seeded(made, seed, engine.value if engine else None)
    folder = options.folder(out, f"runs/study-{made.preset}", holds="study.toml")
    with progress() as bars:
        task = bars.add_task(f"study {made.preset}", total=None, note="")
        crew = studies.Workers(count=workers, scheduler=scheduler)
        done = studies.answer(
            made,
            folder,
            workers=crew,
            watch=lambda n, total: bars.update(task, completed=n, total=total),
        )

    def show(console: Console) -> None:
        for fact, value in done.findings.facts.items():
            if fact in made.facts_shown:
                console.print(made.facts_shown[fact].format(value).replace("%", " %"))
                continue
            console.print(fact.replace("_", " "))
            for key, entry in (value if isinstance(value, dict) else {"": value}).items():
                console.print(
                    f"    {key}{': ' if key else ''}{entry:.4g}"
                    if isinstance(entry, int | float)
                    else f"    {key}: {entry or '–'}"
                )
        console.print(f"table   {done.table}\nfigure  {done.picture}")

    return Answer(data=done.describe(), show=show)
