"""What the documentation adds to its Markdown when it is built.

A page a device from the registry, a page of all settings, equations as MathML (no scripts), and figures that open in full.
"""

from __future__ import annotations

import dataclasses
import html
import inspect
import json
import os
import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import griffe
from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files
from PIL import Image

from spicesnn.devices import registry
from spicesnn.devices.base import Device
from spicesnn.options import Section, render_toml
from spicesnn.studies import study as studies
from spicesnn.training import config as experiments
from spicesnn.training.config import BaseConfig, load, preset_names
from spicesnn.units import render

_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\(?P<open>[(\[])(?P<text>.*?)\\[)\]]</(?P=tag)>',
    re.DOTALL,
)
_FIGURE = re.compile(r'<img alt="[^"]*" src="(?P<path>[^"]*\.png)"\s*/?>')
WIDE = 760
"""Figures of more pixels across have several panels: a phone shows them at a legible size and lets them be moved sideways."""


def on_config(config: Any) -> Any:
    """Put a page a device into the navigation, and the docstring extension into mkdocstrings."""
    entry = next(item for item in config["nav"] if "Devices" in item)
    entry["Devices"] += [{name: f"devices/{name}.md"} for name in registry.names()]
    options = config["plugins"]["mkdocstrings"].config["handlers"]["python"]["options"]
    options["extensions"] = [MathInDocstrings()]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the devices and of the settings."""
    pages = {"index": _device_list()} | {name: device_page(name) for name in registry.names()}
    for name, text in pages.items():
        files.append(File.generated(config, f"devices/{name}.md", content=text))
    files.append(File.generated(config, "settings.md", content=settings_page()))
    for path in sorted((Path(config["docs_dir"]) / "notebooks").glob("*.ipynb")):
        files.append(
            File.generated(config, f"notebooks/{path.stem}.md", content=notebook_page(path))
        )
    files.append(
        File.generated(
            config, "figures.md", content=figures_page(Path(config["docs_dir"]) / "records")
        )
    )
    return files


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Turn the formulas into MathML, which browsers draw by themselves, and every figure into a link to itself."""
    folder = (Path(config["docs_dir"]) / page.file.src_uri).parent

    def figure(found: re.Match[str]) -> str:
        with Image.open(os.path.normpath(folder / found["path"])) as picture:
            wide = " wide" if picture.width > WIDE else ""
        return f'<a class="figure{wide}" href="{found["path"]}">{found[0]}</a>'

    return _FIGURE.sub(
        figure,
        _FORMULA.sub(lambda found: _mathml(found["text"], block=found["open"] == "["), output),
    )


def _mathml(text: str, *, block: bool) -> str:
    # Words as indices stand upright: "off" is no product of o and f. Pairs of counters (ij) are left.
    text = re.sub(r"_\{(?!ij\b)([A-Za-z]{2,})\}", r"_{\\mathrm{\1}}", html.unescape(text).strip())
    if not block:
        return str(convert(text))
    return f'<div class="formula">{"".join(convert(part, display="block") for part in statements(text))}</div>'


def statements(formula: str) -> list[str]:
    r"""Return what \quad and \qquad set apart, outside all brackets: a narrow screen puts one below the other."""
    parts, depth, begin = [], 0, 0
    for found in re.finditer(r"\\left|\\right|\\begin|\\end|\\[{}]|[{}]|\\q?quad\b", formula):
        word = found[0]
        depth += (word in ("{", "\\left", "\\begin")) - (word in ("}", "\\right", "\\end"))
        if depth == 0 and word.endswith("quad"):
            parts.append(formula[begin : found.start()])
            begin = found.end()
    return [part.strip() for part in [*parts, formula[begin:]] if part.strip()]


class MathInDocstrings(griffe.Extension):
    """Turns ``.. math::`` blocks, math roles and double backticks of docstrings into Markdown."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite one docstring before it is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(docstring: str) -> str:
    """Return a docstring's text as Markdown."""
    text = re.sub(r":math:`([^`]+)`", r"$\1$", docstring)
    lines, result, inside = text.splitlines(), [], False
    for line in lines:
        begins = re.match(r"\s*\.\. math::\s*(.*)$", line)
        if begins:
            result += [*(["$$"] if inside else []), "", "$$", *([begins[1]] if begins[1] else [])]
            inside = True
        elif inside and line.strip() and not line.startswith(" "):
            result += ["$$", "", line]
            inside = False
        elif not inside or line.strip():
            result.append(line.strip() if inside else line)
    return "\n".join([*result, *(["$$"] if inside else [])])


def device_page(name: str) -> str:
    """Return the page of one device: equations and notes from its docstring, parameters with ranges, and its curve."""
    kind = registry.device_class(name)
    about = markdown(inspect.cleandoc(kind.__doc__ or ""))
    about = re.sub(r"^Notes\n-+\n", "## Notes\n\n", about, flags=re.MULTILINE)
    state = (
        ", ".join(f"`{n}` ({u})" for n, u in zip(kind.state_names, kind.state_units, strict=True))
        if kind.memory
        else "none"
    )
    polarity = {
        1: "positive voltage raises the conductance",
        -1: "positive voltage lowers the conductance",
        0: "no polarity",
    }[kind.set_polarity]
    gate = "a third terminal (gate)" if kind.gated else "two terminals"
    volts, hertz = kind().typical_drive()
    parts = [
        f"# {name}", about, f"Source: {kind.reference}.", f"State: {state}. {polarity.capitalize()}; {gate}; "
        f"{'linear' if kind.linear else 'nonlinear'} in voltage at a given state.",
        f"![Current against voltage of {name} under a sine of {volts:g} V and {render(hertz, 'Hz')}, on both engines](../images/devices/{name}.png)",
        f"*A sine of {volts:g} V at {render(hertz, 'Hz')} on both engines:* `spicesnn iv {name} --engine both`. *Where a current jumps, the two are "
        "compared in time, to 2e-4 of a period: spikes of the difference may stand above the tolerance there.*",
        "## Parameters", _parameters(kind), _choices(kind),
        "## In code", f"```python\nimport spicesnn as sn\nfrom spicesnn.devices.registry import make\n\ndevice = make(\"{name}\")\n"
        "volts, hertz = device.typical_drive()\ncurve = sn.iv(device, amplitude=volts, frequency=hertz)\nprint(curve.amps.max())\n```",
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part)


def _parameters(kind: type[Device]) -> str:
    ranges = {
        entry.name: entry.metadata for entry in dataclasses.fields(kind) if "unit" in entry.metadata
    }
    lines = ["| parameter | default | unit | range | meaning |", "|---|---|---|---|---|"]
    for row in kind.parameter_table():
        default = f"{row['default']:.6g}" if isinstance(row["default"], int | float) else "–"
        lines.append(
            f"| `{row['name']}` | {default} | {row['unit']} | {_range(ranges.get(row['name'], {}))} | {row['meaning']} |"
        )
    return "\n".join(lines) if len(lines) > 2 else "None."


def _range(limits: Any) -> str:
    from math import inf

    low, high, above = (
        limits.get(key, default)
        for key, default in (("lowest", -inf), ("highest", inf), ("above", -inf))
    )
    parts = [f"> {above:g}"] if above > -inf else ([f"≥ {low:g}"] if low > -inf else [])
    return ", ".join([*parts, *([f"≤ {high:g}"] if high < inf else [])]) or "any"


def _choices(kind: type[Device]) -> str:
    forms = [
        f"- `{name}`: {', '.join(f'`{member}`' for member in members)}"
        for name, members in kind.choices().items()
    ]
    sets = [
        f"- published sets: {', '.join(f'`{name}`' for name in sorted(kind.published))}, as in `{kind.__name__}.from_publication(…)`"
    ]
    return "\n".join([*forms, *(sets if kind.published else [])])


def _device_list() -> str:
    about = "models, each a Python class and a SPICE sub-circuit with the same equations; a test compares the two, and so does `spicesnn validate`."
    lines = [
        "# Devices",
        "",
        f"{len(registry.names())} {about}",
        "",
        "| device | state | terminals | source |",
        "|---|---|---|---|",
    ]
    for name in registry.names():
        kind = registry.device_class(name)
        lines.append(
            f"| [{name}]({name}.md) | {', '.join(kind.state_names) if kind.memory else '–'} | {3 if kind.gated else 2} | {kind.reference} |"
        )
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Return the page of all settings: every key of every kind of experiment and study, with its default and its meaning."""
    parts = [
        "# Settings",
        "Every key of the TOML files with its default, from the code; what a preset sets is on its page. `--set table.key=value` changes one on the "
        'command line; `run.toml` in a run directory has all of them. Numbers may have units: `"10k"`, `"1u"`. Above the tables stand '
        "`description`, `engine` (`nodal` or `ngspice`), `seed` and `kind`.",
    ]
    presets = {name: load(name).kind for name in preset_names()}
    for kind, target in experiments.KINDS.items():
        of_kind = ", ".join(
            f"[{name}](experiments/{name}.md)" for name, its in presets.items() if its == kind
        )
        parts += [
            f"## Experiments: kind `{kind}`",
            f"{_first_line(_found(target))} Presets: {of_kind}.",
            *_tables(_found(target)),
        ]
    for kind, target in studies.KINDS.items():
        parts += [
            f"## Studies: kind `{kind}`",
            _first_line(_found(target)),
            *_tables(_found(target)),
        ]
    return "\n\n".join(parts) + "\n"


def notebook_page(path: Path) -> str:
    """Return an executed notebook as a page: its text, its code, what it printed and drew, and a link to the notebook itself."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", []):
            data = output.get("data", {"text/plain": output.get("text", "")})
            if "image/png" in data:
                picture = "".join(data["image/png"]).replace("\n", "")
                parts.append(
                    f'<p><img class="output" src="data:image/png;base64,{picture}" alt="output of the cell above"></p>'
                )
            else:
                text = "".join(data.get("text/plain", "")).rstrip()
                parts.append(f"```text\n{text}\n```")
    head, *rest = parts
    return "\n\n".join([head, f"[Download the notebook]({path.name})", *rest]) + "\n"


def figures_page(folder: Path) -> str:
    """Return the page that says of every figure which command makes it, or where the record of its run comes from."""
    parts = [
        "# Where the figures come from",
        "Every accuracy, time, ratio, error and count of these pages is compared with the command that makes it, or with the kept output of a run, "
        "by `python scripts/audit.py`; a number that is tied to nothing fails the tests. One file of `docs/records` a row.",
        "| command or file | run | commit | date | on | figures on |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    rows = []
    for path in sorted(folder.glob("*.toml")):
        record = tomllib.loads(path.read_text(encoding="utf-8"))
        if "claim" not in record:
            continue
        pages = sorted(
            {
                page
                for claim in record["claim"]
                for page in ([claim["page"]] if isinstance(claim["page"], str) else claim["page"])
            }
        )
        linked = ", ".join(
            f"[{page.removeprefix('docs/')}]({page.removeprefix('docs/')})"
            if page.startswith("docs/")
            else page
            for page in pages
        )
        source = f"`{record.get('command', record.get('file'))}`".replace("|", "&#124;")
        copied = (
            " (output copied from the page)"
            if "copied from the page" in record.get("note", "").lower()
            else ""
        )
        how = {"fast": "by every test run", "slow": "by the slow tests", "long": "by hand"}[
            record.get("runs", "fast")
        ]
        commit, date, machine = (record.get(key, "–") for key in ("commit", "date", "machine"))
        rows.append(f"| {source} | {how} | {commit}{copied} | {date} | {machine} | {linked} |")
    return "\n\n".join(parts[:2]) + "\n\n" + "\n".join([*parts[2:], *rows]) + "\n"


def _found(target: str) -> type[BaseConfig]:
    module, _, name = target.partition(":")
    found: type[BaseConfig] = getattr(import_module(module), name)
    return found


def _tables(kind: type[BaseConfig]) -> list[str]:
    parts, own = (
        [],
        {entry.name for entry in dataclasses.fields(kind)}
        - {entry.name for entry in dataclasses.fields(BaseConfig)},
    )
    for table, section in get_type_hints(kind).items():
        if table not in own:
            continue
        if not (isinstance(section, type) and issubclass(section, Section)):
            device = "`model`, a name or a device file, and any parameter of that [device](devices/index.md)."
            parts += [f"### {table}", device if table == "device" else _first_line(section)]
            continue
        lines = ["| key | default | meaning |", "|---|---|---|"]
        for entry in dataclasses.fields(section):
            given = entry.metadata
            meaning = given["meaning"] + (
                ": " + ", ".join(f"`{name}`" for name in given["choices"] if name)
                if given["choices"]
                else ""
            )
            lines.append(
                f"| `{entry.name}` | {_default(entry)} | {meaning.replace('|', '&#124;')}{_limit(given)} |"
            )
        parts += [f"### {table}", "\n".join(lines)]
    return parts


def _first_line(documented: Any) -> str:
    return inspect.cleandoc(documented.__doc__ or "").splitlines()[0]


def _default(entry: dataclasses.Field[Any]) -> str:
    value = entry.default if entry.default is not dataclasses.MISSING else entry.default_factory()  # type: ignore[misc]
    if value is None:
        return "follows"
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{render_toml({'key': list(value) if isinstance(value, tuple) else value}).strip().partition(' = ')[2]}`"


def _limit(given: Any) -> str:
    signs = {"lowest": "≥", "above": ">", "highest": "≤", "below": "<"}
    limits = [f"{sign} {given[name]:g}" for name, sign in signs.items() if given[name] is not None]
    return f" ({', '.join(limits)})" if limits else ""
