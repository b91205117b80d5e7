"""`spicesnn devices`: which models there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spicesnn.cli import options
from spicesnn.cli.output import Answer, table, write_json

if TYPE_CHECKING:
    from rich.console import Console


def devices(
    as_json: options.Json = False,
    out: options.Out = None,
    seed: options.Seed = None,
    engine: options.OneEngine = None,
) -> Answer:
    """List the memristor models: parameters with defaults and units, and the paper each comes from.

    --out also writes the list to devices.json there. --seed and --engine are taken by every command; they change nothing here.

    Example:  spicesnn devices
    """
    from spicesnn.devices.registry import describe_all
    from spicesnn.netlist.device_source import table_names
    from spicesnn.whole_file import appearing

    data: dict[str, Any] = {"devices": describe_all(), "tables": table_names()}
    if out is not None:
        with appearing(options.folder(out, "") / "devices.json") as partial, partial.open("w", encoding="utf-8") as file:
            write_json(data, file)

    def show(console: Console) -> None:
        shown = table("device", "parameters: default (range)", "reference", title="Memristor models", show_lines=True)
        for entry in data["devices"]:
            values = [_shown(parameter) for parameter in entry["parameters"]]
            forms = [f"{name}: {'|'.join(members)}" for name, members in entry["choices"].items()]
            sets = [f"published sets: {', '.join(entry['published'])}"] if entry["published"] else []
            shown.add_row(entry["name"], "\n".join([", ".join(values) or "–", *forms, *sets]), entry["reference"])
        console.print(shown)
        console.print(f"Characterised cells, for the nodal engine: {', '.join(data['tables'])}")
        console.print("Your own: a TOML file with a device table, or the descriptor of a sub-circuit, instead of a name")
        console.print(f"Change a parameter with --set device.NAME=VALUE, as in: spicesnn iv {data['devices'][-1]['name']} --set device.…=10k")

    return Answer(data=data, show=show)


def _shown(parameter: dict[str, Any]) -> str:
    """Return one parameter as ``r_on 50 Ω (> 0)``."""
    unit = "" if parameter["unit"] == "1" else f" {parameter['unit']}"
    allowed = "" if parameter["range"] == "any" else f" ({parameter['range']})"
    return f"{parameter['name']} {parameter['default']:.6g}{unit}{allowed}"
