"""`spicesnn netlist`: the circuits of an experiment as decks that any ngspice runs."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer

if TYPE_CHECKING:
    from rich.console import Console


class DialectName(enum.StrEnum):
    """Which SPICE."""

    NGSPICE = "ngspice"
    LTSPICE = "ltspice"
    XYCE = "xyce"
    HSPICE = "hspice"
    VACASK = "vacask"


def netlist(
    preset: Annotated[
        str,
        typer.Argument(
            metavar="PRESET_OR_TOML_OR_RUN",
            autocompletion=options.preset_names,
            help="A preset, a TOML file, or a run directory (its trained states).",
        ),
    ],
    samples: Annotated[
        int, typer.Option("--samples", min=1, help="Test samples in the read deck.")
    ] = 1,
    dialect: Annotated[
        DialectName, typer.Option("--dialect", help="SPICE program the decks are written for.")
    ] = DialectName.NGSPICE,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Run a mapped network's decks in ngspice, beside its controller."
        ),
    ] = False,
    set_: options.Settings = None,
    trust: options.Trust = False,
    out: options.Out = None,
    seed: options.Seed = None,
    engine: options.OneEngine = None,
    as_json: options.Json = False,
) -> Answer:
    """Write the decks of an experiment: a read and a programming pulse of each array, and the whole
    network with its neurons.

    Models are included: `ngspice -b network.cir` runs them anywhere. Several arrays have a deck
    each (read-1.cir, read-2.cir, …). A mapped network is one deck with all its layers, or one a
    block where it is large (network-1.cir, …).

    --engine is accepted by every command; it has no effect here.

    Example:  spicesnn netlist xpue --out runs/xpue-decks
    """
    from spicesnn.netlist.exports import PROGRAMS, Dialect
    from spicesnn.reporting.decks import write_decks

    folder = options.folder(out, f"runs/{preset.replace('/', '-')}-decks", holds="*.cir")
    found = write_decks(
        preset,
        options.settings(set_),
        folder=folder,
        seed=seed,
        samples=samples,
        dialect=Dialect(dialect.value),
        check=check,
    )

    def show(console: Console) -> None:
        for deck in found["decks"]:
            console.print(f"{deck['path']}: {deck['what']}, {deck['cards']} lines")
            if "checked" in deck:
                console.print(f"  {_said(deck['checked'])}")
        for name, why in found["left_out"].items():
            console.print(f"no {name}: {why}")
        run = PROGRAMS[Dialect(dialect.value)].run
        console.print(f"Run one with: {run.replace('FILE', found['decks'][0]['path'])}")

    return Answer(data=found, show=show)


def _said(checked: dict[str, Any]) -> str:
    """A sentence on what ngspice says beside the controller."""
    if checked["spikes_equal"] is None:
        return (
            f"in ngspice: values within {checked['max_value_error']:.1e} of the controller's"
            " largest"
        )
    same = (
        "the controller's spikes in every step"
        if checked["spikes_equal"]
        else "OTHER SPIKES than the controller's"
    )
    return f"in ngspice: {same}, first spikes within {checked['max_time_error']:.1e} of the window"
