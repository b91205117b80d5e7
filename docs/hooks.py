"""What the documentation adds to its Markdown when it is built: a page a device from the registry, and equations as MathML, without scripts."""

from __future__ import annotations

import html
import inspect
import re
from typing import Any

import griffe
from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

from spicesnn.devices import registry
from spicesnn.devices.base import Device

_FORMULA = re.compile(r'<(?P<tag>span|div) class="arithmatex">\\(?P<open>[(\[])(?P<text>.*?)\\[)\]]</(?P=tag)>', re.DOTALL)


def on_config(config: Any) -> Any:
    """Put a page a device into the navigation, and the docstring extension into mkdocstrings."""
    entry = next(item for item in config["nav"] if "Devices" in item)
    entry["Devices"] += [{name: f"devices/{name}.md"} for name in registry.names()]
    options = config["plugins"]["mkdocstrings"].config["handlers"]["python"]["options"]
    options["extensions"] = [MathInDocstrings()]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the devices."""
    pages = {"index": _device_list()} | {name: device_page(name) for name in registry.names()}
    for name, text in pages.items():
        files.append(File.generated(config, f"devices/{name}.md", content=text))
    return files


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Turn the formulas into MathML, which browsers draw by themselves."""

    def mathml(found: re.Match[str]) -> str:
        display = "block" if found["open"] == "[" else "inline"
        # Words as indices stand upright: "off" is no product of o and f. Pairs of counters (ij) are left.
        text = re.sub(r"_\{(?!ij\b)([A-Za-z]{2,})\}", r"_{\\mathrm{\1}}", html.unescape(found["text"]).strip())
        return str(convert(text, display=display))

    return _FORMULA.sub(mathml, output)


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
            result += ["", "$$", *([begins[1]] if begins[1] else [])]
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
    state = ", ".join(f"`{n}` ({u})" for n, u in zip(kind.state_names, kind.state_units, strict=True)) if kind.memory else "none"
    polarity = {1: "positive voltage raises the conductance", -1: "positive voltage lowers the conductance", 0: "no polarity"}[kind.set_polarity]
    gate = "a third terminal (gate)" if kind.gated else "two terminals"
    volts, hertz = kind().typical_drive()
    parts = [
        f"# {name}", about, f"Source: {kind.reference}.", f"State: {state}. {polarity.capitalize()}; {gate}; "
        f"{'linear' if kind.linear else 'nonlinear'} in voltage at a given state.",
        f"![Current against voltage of {name} under a sine of {volts:g} V and {hertz:g} Hz, on both engines](../images/devices/{name}.png)",
        f"*A sine of {volts:g} V at {hertz:g} Hz on both engines:* `spicesnn iv {name} --engine both`",
        "## Parameters", _parameters(kind), _choices(kind),
        "## In code", f"```python\nimport spicesnn as sn\nfrom spicesnn.devices.registry import make\n\ndevice = make(\"{name}\")\n"
        "volts, hertz = device.typical_drive()\ncurve = sn.iv(device, amplitude=volts, frequency=hertz)\nprint(curve.amps.max())\n```",
        f"API: [{kind.__module__}.{kind.__qualname__}](../api.md)" if not kind.__module__.startswith("spicesnn.") else "",
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part)


def _parameters(kind: type[Device]) -> str:
    import dataclasses

    ranges = {entry.name: entry.metadata for entry in dataclasses.fields(kind) if "unit" in entry.metadata}
    lines = ["| parameter | default | unit | range | meaning |", "|---|---|---|---|---|"]
    for row in kind.parameter_table():
        default = f"{row['default']:.6g}" if isinstance(row["default"], int | float) else "–"
        lines.append(f"| `{row['name']}` | {default} | {row['unit']} | {_range(ranges.get(row['name'], {}))} | {row['meaning']} |")
    return "\n".join(lines) if len(lines) > 2 else "None."


def _range(limits: Any) -> str:
    from math import inf

    low, high, above = (limits.get(key, default) for key, default in (("lowest", -inf), ("highest", inf), ("above", -inf)))
    parts = [f"> {above:g}"] if above > -inf else ([f"≥ {low:g}"] if low > -inf else [])
    return ", ".join([*parts, *([f"≤ {high:g}"] if high < inf else [])]) or "any"


def _choices(kind: type[Device]) -> str:
    forms = [f"- `{name}`: {', '.join(f'`{member}`' for member in members)}" for name, members in kind.choices().items()]
    sets = [f"- published sets: {', '.join(f'`{name}`' for name in sorted(kind.published))}, as in `{kind.__name__}.from_publication(…)`"]
    return "\n".join([*forms, *(sets if kind.published else [])])


def _device_list() -> str:
    about = "models, each a Python class and a SPICE sub-circuit with the same equations; a test compares the two, and so does `spicesnn validate`."
    lines = ["# Devices", "", f"{len(registry.names())} {about}", "", "| device | state | terminals | source |", "|---|---|---|---|"]
    for name in registry.names():
        kind = registry.device_class(name)
        lines.append(f"| [{name}]({name}.md) | {', '.join(kind.state_names) if kind.memory else '–'} | {3 if kind.gated else 2} | {kind.reference} |")
    return "\n".join(lines) + "\n"
