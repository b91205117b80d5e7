"""Descriptors of imported Verilog-A models: written from what was understood, read again with every
word checked.

A descriptor holds the model's equations as a list of operations
(`spicesnn.devices.importers.stored`), its states and parameters. The sub-circuit for
ngspice is written from these when the device is loaded; the copy beside the descriptor is for
people and other tools."""

from __future__ import annotations

import dataclasses
import json
import keyword
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spicesnn._version import __version__
from spicesnn.devices.base import Device, parameter
from spicesnn.devices.foreign import ForeignState, ForeignSubcircuit
from spicesnn.devices.importers.graph import BOOLEAN, Graph
from spicesnn.devices.importers.stored import Stored, named, read_lines
from spicesnn.devices.importers.veriloga.device import VerilogDevice
from spicesnn.devices.importers.veriloga.model import VerilogModel
from spicesnn.devices.importers.veriloga.parameters import Settable
from spicesnn.devices.importers.veriloga.spice import emitted
from spicesnn.errors import ConfigError, InputError, UnsupportedNetlistError
from spicesnn.guesses import nearest
from spicesnn.netlist.deck import remark
from spicesnn.whole_file import write_whole, writing

_TOP = {"name", "reference", "verilog", "states", "parameters", "drive"}
_VERILOG = {
    "file",
    "module",
    "digest",
    "pins",
    "operations",
    "current",
    "unknowns",
    "required",
    "fixed",
    "left_out",
    "certificate",
}
_STATE = {"unit", "kind", "line", "scale", "rate", "low", "high", "start"}
_PARAMETER = {"default", "unit", "meaning", "integer", "lowest", "highest", "above", "below"}
_LIMITS = ("lowest", "highest", "above", "below")
_MOST = {"states": 16, "parameters": 400, "unknowns": 32}
TAKEN = frozenset(name for name in dir(VerilogDevice) if not name.startswith("__")) | {"stored"}


def descriptor_text(model: VerilogModel, certificate: Mapping[str, Any] | None = None) -> str:
    """Return the text of a model's descriptor.

    Parameters
    ----------
    model : VerilogModel
    certificate : Mapping, optional
        What the comparison with the compiled original came to, by name.
    """
    stored = model.stored
    operations, places = stored.lines()
    n, m = len(stored.states), len(stored.residuals)
    names = iter(places)
    current = next(names)
    rates, lows, highs, starts = ([next(names) for _ in range(n)] for _ in range(4))
    unknowns = [next(names) for _ in range(m)]
    required = [[name, words] for name, (_, words) in zip(names, stored.required, strict=True)]
    lines = [
        (
            f"# Written by spicesnn {__version__} from {next(iter(model.files))}: the model's"
            " equations as data."
        ),
        (
            "# Symbols: v (volt between the terminals), x:NAME (a state), par:NAME (a parameter),"
            " u:K (an unknown, whose equation must come to 0)."
        ),
        f"name = {_text(model.name)}",
        f"reference = {_text(f'Verilog-A module {model.module}, {next(iter(model.files))}')}",
        "",
        "[verilog]",
        f"file = {_text(next(iter(model.files)))}",
        f"module = {_text(model.module)}",
        f"digest = {_text(model.digest)}",
        f"pins = {_text(list(model.pins))}",
        f"current = {_text(current)}",
        f"unknowns = {_text(unknowns)}",
        f"required = {_text(required)}",
        f"left_out = {_text(list(model.left_out))}",
        "operations = [",
        *(f"  {_text(line)}," for line in operations),
        "]",
    ]
    for heading, values in (("fixed", model.fixed), ("certificate", certificate or {})):
        if values:
            lines += [
                "",
                f"[verilog.{heading}]",
                *(f"{_text(key)} = {_text(value)}" for key, value in values.items()),
            ]
    for k, state in enumerate(model.states):
        lines += [
            "",
            f"[states.{state.name}]",
            f"kind = {_text(state.kind)}",
            f"unit = {_text(state.unit)}",
            f"line = {state.line}",
        ]
        lines += [f"scale = {stored.scales[k]!r}", f"rate = {_text(rates[k])}"]
        for key, names_, value in (
            ("low", lows, state.low),
            ("high", highs, state.high),
            ("start", starts, state.start),
        ):
            note = ", guessed: the text does not say" if key in state.guessed else ""
            lines.append(f"{key} = {_text(names_[k])}  # {value:.6g}{note}")
    lines += ["", "[drive]", f"amplitude = {model.drive[0]!r}", f"frequency = {model.drive[1]!r}"]
    for one in model.parameters:
        lines += [
            "",
            f"[parameters.{one.name}]",
            f"default = {one.default!r}",
            f"unit = {_text(one.unit)}",
            f"meaning = {_text(one.meaning)}",
        ]
        lines += ["integer = true"] if one.integer else []
        lines += [
            f"{key} = {getattr(one, key)!r}" for key in _LIMITS if math.isfinite(getattr(one, key))
        ]
    return "\n".join(lines) + "\n"


def _text(value: Any) -> str:
    """Return a value in TOML, on one line; characters that descriptors may not hold become
    blanks."""
    if isinstance(value, str):
        value = "".join(c if c.isprintable() else " " for c in value)
    return json.dumps(value, ensure_ascii=False)


def subcircuit_text(model: VerilogModel) -> str:
    """Return the sub-circuit of a model, with remarks for whoever reads it."""
    made = emitted(model.stored, model.name, model.parameters)
    heads = [
        (
            f"{model.name}: written by spicesnn {__version__} from {next(iter(model.files))},"
            f" Verilog-A module {model.module}"
        ),
        f"pins        p ({model.pins[0]})  n ({model.pins[1]})",
        *(
            f"state       {s.name}: one volt is {scale:.6g} {s.unit}; {s.name}_init in {s.unit}"
            for s, scale in zip(model.states, model.stored.scales, strict=True)
        ),
        *(f"parameter   {one.name} ({one.unit})  {one.meaning}" for one in model.parameters),
        "this file is a copy: the device is made from the descriptor beside it",
    ]
    return "\n".join([*(f"* {_plain(line)}" for line in heads), made.text, ""])


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def write_model(
    model: VerilogModel, folder: Path, certificate: Mapping[str, Any] | None = None
) -> Path:
    """Write the descriptor and the sub-circuit of a model; return the path of the descriptor."""
    path = folder / f"{model.name}.toml"
    with writing(folder, then=""):
        write_whole(folder / f"{model.name}.lib", subcircuit_text(model))
        write_whole(path, descriptor_text(model, certificate))
    return path


def device_of_model(model: VerilogModel, path: Path | None = None) -> Device:
    """Return the device of a model that was just read; `path` is where messages say it comes
    from."""
    return _device(
        path or Path(f"{model.name}.toml"),
        model.name,
        f"Verilog-A module {model.module}",
        model.stored,
        list(model.parameters),
        [
            ForeignState(
                name=s.name,
                node=s.name,
                capacitor=f"c{s.name}",
                unit=s.unit,
                scale=scale,
                low=s.low,
                high=s.high,
                initial=s.start,
            )
            for s, scale in zip(model.states, model.stored.scales, strict=True)
        ],
        model.drive,
    )


def load_verilog(path: Path, table: Mapping[str, Any]) -> Device:
    """Return the device of a descriptor with a ``[verilog]`` table.

    Raises
    ------
    ConfigError
        Anything in it that is not as `descriptor_text` writes it.
    """
    try:
        return _Loader(path, table).device()
    except (UnsupportedNetlistError, InputError) as error:
        raise error if isinstance(error, ConfigError) else ConfigError(f"{path}: {error}") from None


class _Loader:
    def __init__(self, path: Path, table: Mapping[str, Any]) -> None:
        self.path, self.table = path, table

    def error(self, why: str) -> ConfigError:
        return ConfigError(f"{self.path}: {why}")

    def part(self, where: str, table: Any, keys: set[str]) -> dict[str, Any]:
        if not isinstance(table, dict):
            raise self.error(f"[{where}] is {table!r:.60}; expected a table")
        for key in table:
            if key not in keys:
                place = f"[{where}] " if where else ""
                raise self.error(
                    f"{place}has an unknown key {key!r:.60}{nearest(str(key), keys)} Expected:"
                    f" {', '.join(sorted(keys))}"
                )
        return table

    def named_parts(self, key: str) -> dict[str, dict[str, Any]]:
        parts = self.table.get(key, {})
        if not isinstance(parts, dict) or len(parts) > _MOST[key]:
            raise self.error(f"[{key}] is {parts!r:.60}; expected at most {_MOST[key]} tables")
        for name in parts:
            if (
                not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", name)
                or keyword.iskeyword(name)
                or (key == "parameters" and name in TAKEN)
            ):
                raise self.error(
                    f"[{key}.{name:.60}]: {name!r:.60} is no name that a {key[:-1]} may have"
                )
            if key == "states" and (
                name != name.lower() or name.endswith("_") or name in ("v", "p", "n")
            ):
                raise self.error(f"[states.{name}]: {name!r} is no name that a state may have")
        if len({name.lower() for name in parts}) != len(parts):
            raise self.error(f"[{key}] has names that differ in case only")
        return parts

    def number(self, where: str, table: Mapping[str, Any], key: str) -> float:
        value = table.get(key)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise self.error(f"[{where}] {key} = {value!r:.60}; expected a finite number")
        return float(value)

    def text(
        self, where: str, table: Mapping[str, Any], key: str, default: str | None = None
    ) -> str:
        value = table.get(key, default)
        if not isinstance(value, str) or len(value) > 2000:
            raise self.error(f"[{where}] {key} = {value!r:.60}; expected a text")
        return value

    def device(self) -> Device:
        table = self.part("", self.table, _TOP)
        verilog = self.part("verilog", table["verilog"], _VERILOG)
        settable = [
            self.settable(name, self.part(f"parameters.{name}", entry, _PARAMETER))
            for name, entry in self.named_parts("parameters").items()
        ]
        states = {
            name: self.part(f"states.{name}", entry, _STATE)
            for name, entry in self.named_parts("states").items()
        }
        clash = {f"{name}_init" for name in states} & {s.name.lower() for s in settable} or set(
            states
        ) & {s.name.lower() for s in settable}
        if clash:
            raise self.error(f"a parameter is called as a state is: {min(clash)}")
        stored = self.stored(verilog, states, settable)
        drive = self.part(
            "drive",
            table.get("drive", {"amplitude": 1.0, "frequency": 1e3}),
            {"amplitude", "frequency"},
        )
        wave = self.number("drive", drive, "amplitude"), self.number("drive", drive, "frequency")
        if min(wave) <= 0:
            raise self.error(
                f"[drive] {wave[0]:g} V at {wave[1]:g} Hz; expected an amplitude and a frequency"
                " above 0"
            )
        defaults = {s.name: s.default for s in settable}
        made = []
        for k, name in enumerate(stored.states):
            low, high, start = (
                float(stored.of_parameters(p[k], defaults))
                for p in (stored.lows, stored.highs, stored.starts)
            )
            if not (
                math.isfinite(low) and math.isfinite(high) and low < high and math.isfinite(start)
            ):
                raise self.error(
                    f"[states.{name}] expected low < high and a start; got {low:g}, {high:g},"
                    f" {start:g}"
                )
            unit = self.text(f"states.{name}", states[name], "unit", "1")
            made.append(
                ForeignState(
                    name=name,
                    node=name,
                    capacitor=f"c{name}",
                    unit=unit,
                    scale=stored.scales[k],
                    low=low,
                    high=high,
                    initial=start,
                )
            )
        return _device(
            self.path,
            self.text("", table, "name"),
            self.text("", table, "reference", "an imported Verilog-A model"),
            stored,
            settable,
            made,
            wave,
        )

    def settable(self, name: str, entry: dict[str, Any]) -> Settable:
        where = f"parameters.{name}"
        limits = {key: self.number(where, entry, key) for key in _LIMITS if key in entry}
        integer = entry.get("integer", False)
        if not isinstance(integer, bool):
            raise self.error(f"[{where}] integer = {integer!r:.60}; expected true or false")
        return Settable(
            name,
            name,
            self.number(where, entry, "default"),
            integer,
            self.text(where, entry, "unit", "1"),
            self.text(where, entry, "meaning", ""),
            **limits,
        )

    def stored(
        self,
        verilog: Mapping[str, Any],
        states: Mapping[str, dict[str, Any]],
        settable: list[Settable],
    ) -> Stored:
        lists = {}
        for key in ("operations", "unknowns", "required"):
            lists[key] = verilog.get(key, [])
            if not isinstance(lists[key], list):
                raise self.error(f"[verilog] {key} is {lists[key]!r:.60}; expected a list")
        if len(lists["unknowns"]) > _MOST["unknowns"]:
            raise self.error(
                f"[verilog] {len(lists['unknowns'])} unknowns; expected at most {_MOST['unknowns']}"
            )
        parameters = {f"par:{s.name}" for s in settable}
        inside = (
            parameters
            | {"v"}
            | {f"x:{name}" for name in states}
            | {f"u:{k}" for k in range(len(lists["unknowns"]))}
        )
        graph, names = read_lines(lists["operations"], inside)

        def found(word: Any, allowed: set[str], boolean: bool = False) -> int:
            place = named(graph, names, word, inside)
            outside = sorted(graph.symbols(place) - allowed)
            if outside:
                raise self.error(f"{word!r:.60} depends on {outside[0]!r}, which it must not")
            if (graph.ops[place] in BOOLEAN) != boolean and not (
                boolean and graph.ops[place] == "num"
            ):
                raise self.error(f"{word!r:.60} is {'no' if boolean else 'a'} condition")
            return place

        rates, lows, highs, starts, scales = [], [], [], [], []
        for name, entry in states.items():
            rates.append(found(entry.get("rate"), inside))
            lows.append(found(entry.get("low"), parameters))
            highs.append(found(entry.get("high"), parameters))
            starts.append(found(entry.get("start"), parameters))
            scales.append(self.number(f"states.{name}", entry, "scale"))
            if scales[-1] <= 0:
                raise self.error(
                    f"[states.{name}] scale = {scales[-1]:g}; expected a number above 0"
                )
        required = []
        for pair in lists["required"]:
            if (
                not isinstance(pair, list)
                or len(pair) != 2
                or not all(isinstance(w, str) for w in pair)
            ):
                raise self.error(
                    f"[verilog] required has {pair!r:.60}; expected pairs of a condition and words"
                )
            required.append((found(pair[0], parameters, True), pair[1]))
        return Stored(
            graph=graph,
            current=found(verilog.get("current"), inside),
            rates=tuple(rates),
            lows=tuple(lows),
            highs=tuple(highs),
            starts=tuple(starts),
            scales=tuple(scales),
            states=tuple(states),
            residuals=tuple(found(word, inside) for word in lists["unknowns"]),
            required=tuple(required),
        )


def _device(
    path: Path,
    name: str,
    reference: str,
    stored: Stored,
    settable: list[Settable],
    states: list[ForeignState],
    drive: tuple[float, float],
) -> Device:
    """Return an instance of a new class of `VerilogDevice`."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_ .+-]*", name):
        raise ConfigError(
            f"{path}: name = {name!r:.60}; expected letters, digits, spaces and - . + only: folders"
            " and figures are called by it"
        )
    for text in (
        reference,
        *(t for s in settable for t in (s.unit, s.meaning)),
        *(s.unit for s in states),
    ):
        remark(text)
    made = emitted(stored, name, settable)
    circuit = ForeignSubcircuit(
        text=made.text,
        subckt=made.subckt,
        pins=("p", "n"),
        p="p",
        n="n",
        gate=None,
        ties=(),
        states=tuple(states),
        parameters=made.parameters,
    )
    fields: list[Any] = []
    for one in settable:
        limits = {key: getattr(one, key) for key in _LIMITS}
        fields.append((one.name, float, parameter(one.default, one.unit, one.meaning, **limits)))
    namespace = {
        "name": name,
        "reference": reference,
        "model": str(path.with_suffix(".lib").absolute()),
        "state_names": stored.states,
        "state_units": tuple(s.unit for s in states),
        "state_scale": stored.scales,
        "memory": bool(states),
        "circuit": circuit,
        "why_not": "",
        "linear": stored.linear(),
        "drive": drive,
        "stored": stored,
    }
    kind = dataclasses.make_dataclass(
        "ImportedVerilog",
        fields,
        bases=(VerilogDevice,),
        namespace=namespace,
        frozen=True,
        kw_only=True,
        eq=False,
    )
    device: Device = kind()
    return device


__all__ = [
    "TAKEN",
    "Graph",
    "descriptor_text",
    "device_of_model",
    "load_verilog",
    "subcircuit_text",
    "write_model",
]
