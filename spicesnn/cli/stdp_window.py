"""`spicesnn stdp-window`: how a device's conductance changes with the time between two spikes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer, progress

if TYPE_CHECKING:
    from rich.console import Console


def stdp_window(
    device: Annotated[
        str,
        typer.Argument(
            metavar="DEVICE",
            autocompletion=options.device_names,
            help="A name from `spicesnn devices`.",
        ),
    ],
    engine: Annotated[
        options.EngineNames, typer.Option("--engine", help="The engine, or both of them, compared.")
    ] = options.EngineNames.NODAL,
    published: Annotated[
        str | None,
        typer.Option("--published", metavar="SET", help="A published parameter set of the model."),
    ] = None,
    set_: options.Settings = None,
    trust: options.Trust = False,
    out: options.Out = None,
    seed: options.Seed = None,
    as_json: options.Json = False,
) -> Answer:
    """Measure the STDP window of a device in an array, by pairs of overlapping spikes; fit two
    exponentials; write CSV and figure.

    The window involves no random numbers: --seed has no effect here.

    Example:  spicesnn stdp-window vteam --engine both --out runs/window
    """
    from spicesnn.reporting.windows import write_window

    init, changes = options.own_init(options.settings(set_))
    model = options.device(device, changes, published)
    folder = options.folder(out, f"runs/stdp-{Path(device).stem}", holds="stdp-window.csv")
    names = ["nodal", "ngspice"] if engine is options.EngineNames.BOTH else [engine.value]
    with ExitStack() as stack, progress() as bars:
        solvers = [
            stack.enter_context(options.engine(name, init=init, failures=folder / "failures"))
            for name in names
        ]
        task = bars.add_task("pairs of spikes", total=None, note="")
        written = write_window(
            model,
            solvers,
            folder,
            progress=lambda done, total: bars.update(task, completed=done, total=total),
        )

    def show(console: Console) -> None:
        from spicesnn.units import render

        w = written.window
        console.print(
            f"pre before post  A+ = {100 * w.a_plus:+.3g} % of the range, τ+ ="
            f" {render(w.tau_plus_s, 's')}"
        )
        console.print(
            f"post before pre  A− = {-100 * w.a_minus:+.3g} % of the range, τ− ="
            f" {render(w.tau_minus_s, 's')}"
        )
        console.print(
            f"neighbours      ≤ {100 * max(v.neighbour_dw.max() for v in written.windows):.2g} % of"
            " the range"
        )
        if written.difference is not None:
            console.print(f"engines differ  {written.difference:.1e} of the largest change")
        console.print(f"curve   {written.csv}\nfigure  {written.figure}")

    return Answer(data=written.describe(), show=show)
