"""`spicesnn netlist`: the circuits of an experiment as decks that any ngspice runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer

if TYPE_CHECKING:
    from rich.console import Console


def netlist(
    preset: Annotated[str, typer.Argument(metavar="PRESET_OR_TOML_OR_RUN", help="A preset, a TOML file, or a run directory (its trained states).")],
    samples: Annotated[int, typer.Option("--samples", min=1, help="So many test samples in the read deck.")] = 1,
    set_: options.Settings = None,
    out: options.Out = None,
    seed: options.Seed = None,
    engine: options.OneEngine = None,
    as_json: options.Json = False,
) -> Answer:
    """Write the decks of an experiment: one read, one programming pulse. Models are inside: `ngspice -b read.cir` runs them anywhere.

    --engine is taken by every command; it changes nothing here.

    Example:  spicesnn netlist xpue --out runs/xpue-decks
    """
    from spicesnn.reporting.decks import write_decks

    folder = options.folder(out, f"runs/{preset.replace('/', '-')}-decks")
    found = write_decks(preset, options.settings(set_), folder=folder, seed=seed, samples=samples)

    def show(console: Console) -> None:
        for deck in found["decks"]:
            console.print(f"{deck['path']}: {deck['what']}, {deck['cards']} cards")
        console.print(f"Run one with: ngspice -b {found['decks'][0]['path']}")

    return Answer(data=found, show=show)
