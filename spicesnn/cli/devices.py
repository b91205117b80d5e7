"""`spicesnn devices`: which models there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer, table, write_json

if TYPE_CHECKING:
    from rich.console import Console


def devices(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            autocompletion=options.device_names,
            help="One model, in detail; all of them if left out.",
        ),
    ] = None,
    as_json: options.Json = False,
    out: options.Out = None,
    seed: options.Seed = None,
    engine: options.OneEngine = None,
) -> Answer:
    """List the memristor models: state variables, published parameter sets and the paper each comes
    from; of one model, all its parameters with units and ranges.

    --out also writes the list to devices.json there. --seed and --engine are accepted by every
    command; they have no effect here.

    Example:  spicesnn devices vteam
    """
    from spicesnn.devices.registry import describe_all
    from spicesnn.errors import UnknownNameError
    from spicesnn.guesses import nearest
    from spicesnn.netlist.device_source import table_names
    from spicesnn.whole_file import appearing

    data: dict[str, Any] = {"devices": describe_all(), "tables": table_names()}
    if name is not None:
        known = [entry["name"] for entry in data["devices"]]
        name = name if name in known else name.lower()
        if name in ("list", "all"):
            raise UnknownNameError("spicesnn devices without a name lists all of them")
        if name not in known:
            raise UnknownNameError(
                f"no device {name!r}{nearest(name, known)} The devices are: {', '.join(known)}"
            )
        data = {
            "devices": [entry for entry in data["devices"] if entry["name"] == name],
            "tables": [],
        }
    if out is not None:
        with (
            appearing(options.folder(out, "") / "devices.json") as partial,
            partial.open("w", encoding="utf-8") as file,
        ):
            write_json(data, file)

    def show(console: Console) -> None:
        if out is not None:
            console.print(f"written to {out / 'devices.json'}")
        if name is not None:
            _show_one(console, data["devices"][0])
            return
        shown = table("device", "states", "published sets", "reference")
        shown.columns[0].no_wrap = True
        for entry in data["devices"]:
            shown.add_row(
                entry["name"],
                ", ".join([_states(entry)] + ["gate"] * entry["gated"]),
                ", ".join(entry["published"]),
                entry["reference"],
            )
        console.print(shown)
        console.print(f"Characterised cells, for the nodal engine: {', '.join(data['tables'])}")
        last = data["devices"][-1]
        console.print(
            f"Parameters of one, with units and ranges: spicesnn devices {last['name']}; to change"
            f" one: spicesnn iv {last['name']} --set device.{last['parameters'][0]['name']}=…"
        )
        console.print(
            "Your own: a TOML file with a device table, or the descriptor of a sub-circuit, instead"
            " of a name"
        )

    return Answer(data=data, show=show)


def _states(entry: dict[str, Any]) -> str:
    """Return the state variables of a model with their units."""
    return ", ".join(
        state["name"] + ("" if state["unit"] == "1" else f" ({state['unit']})")
        for state in entry["state"]
    )


def _show_one(console: Console, entry: dict[str, Any]) -> None:
    """Print one model: a line per parameter, and how to change one."""
    shown = table("parameter", "default", "unit", "allowed", title=entry["name"])
    for parameter in entry["parameters"]:
        unit = "" if parameter["unit"] == "1" else parameter["unit"]
        shown.add_row(parameter["name"], f"{parameter['default']:.6g}", unit, parameter["range"])
    console.print(shown)
    console.print(
        f"state variables: {_states(entry) or 'none'}{'; gate (third terminal)' if entry['gated'] else ''}"
    )
    for form, members in entry["choices"].items():
        console.print(f"{form}: {' | '.join(members)}")
    if entry["published"]:
        console.print(f"published parameter sets: {', '.join(entry['published'])}")
    console.print(f"reference: {entry['reference']}")
    first = entry["parameters"][0]["name"] if entry["parameters"] else ""
    console.print(
        f"IV curve: spicesnn iv {entry['name']}" + (f" --set device.{first}=…" if first else "")
    )
