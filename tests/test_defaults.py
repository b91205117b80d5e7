"""Defaults and ranges of everything that a user may leave out, against a table: who changes one
changes the numbers of everybody who left it out, and says so in both places.

`python tests/test_defaults.py` prints the table as the package has it now."""

from __future__ import annotations

import ast
import dataclasses
import enum
import inspect
import math
import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import typer
from scipy import constants

import spicesnn as sn
from spicesnn.cli.app import app
from spicesnn.devices import registry
from spicesnn.options import Section

HOME = Path(__file__).parents[1]
TABLE = Path(__file__).with_name("defaults.toml")
OPTIONS = (
    "spicesnn.nonidealities.options",
    "spicesnn.training.composition",
    "spicesnn.training.network_sections",
    "spicesnn.training.sections",
    "spicesnn.training.mapped",
    "spicesnn.training.tile_wires",
)
NEURONS = (
    "spicesnn.neurons.lif",
    "spicesnn.neurons.adaptive",
    "spicesnn.neurons.integrate_fire",
    "spicesnn.neurons.threshold_switch",
    "spicesnn.neurons.circuit",
)
CELLS = ("spicesnn.crossbar.cells", "spicesnn.crossbar.noise", "spicesnn.crossbar.faults")


JUDGES = re.compile(
    r"^_?[A-Z_]*(TOLERANCE|TOL|DEFECT|IMBALANCE|ERROR|SLACK|RESOLVED|SUSPICIOUS|CLEARLY)[A-Z_]*$"
    r"|^(VALUE|JACOBIAN|WANTED|LARGEST_RANGE|JUMP_SHARE|SOLVE_SHARE|LEAST_RATIO|DISTURBANCE)$"
)


def shown(value: Any) -> str:
    """A default as text: numbers with all their digits, objects by what they have otherwise."""
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, type) or inspect.isroutine(value):
        return str(value.__qualname__)
    if isinstance(value, list | tuple):
        return f"({', '.join(map(shown, value))})"
    if dataclasses.is_dataclass(value):
        given = {
            entry.name: shown(getattr(value, entry.name))
            for entry in dataclasses.fields(value)
            if entry.init and getattr(value, entry.name) is not entry.default
        }
        return f"{type(value).__name__}({', '.join(f'{k}={v}' for k, v in given.items())})"
    return repr(value.item() if isinstance(value, np.generic) else value)


def interval(limits: Any) -> str:
    """The range of a parameter as mathematicians write it; nothing where all numbers are allowed."""
    low, above, high, below = (limits.get(k) for k in ("lowest", "above", "highest", "below"))
    least = [(v, sign) for v, sign in ((low, "["), (above, "(")) if v is not None and v > -math.inf]
    most = [(v, sign) for v, sign in ((high, "]"), (below, ")")) if v is not None and v < math.inf]
    if not least and not most:
        return ""
    (bottom, opens), (top, closes) = (*least, ("−∞", "("))[0], (*most, ("∞", ")"))[0]
    return f" in {opens}{bottom}, {top}{closes}"


def of_class(cls: type) -> dict[str, str]:
    """Defaults of the fields of a data class, with their ranges."""
    found = {}
    for entry in dataclasses.fields(cls):  # type: ignore[arg-type]
        value = entry.default
        if entry.default_factory is not dataclasses.MISSING:
            value = entry.default_factory()
        if (
            entry.init
            and not entry.name.startswith("_")
            and value not in (dataclasses.MISSING, None)
        ):
            found[entry.name] = shown(value) + interval(entry.metadata)
    return found


def of_function(function: Any) -> dict[str, str]:
    """Defaults of the parameters of a function."""
    return {
        name: shown(entry.default)
        for name, entry in inspect.signature(function).parameters.items()
        if entry.default not in (inspect.Parameter.empty, None) and not name.startswith("_")
    }


def of_public(thing: Any, name: str) -> dict[str, dict[str, str]]:
    """Defaults of a function, or of a class and its public methods."""
    if not inspect.isclass(thing):
        return {name: of_function(thing)} if callable(thing) else {}
    plain = dataclasses.is_dataclass(thing)
    found = {name: of_class(thing) if plain else of_function(thing.__init__)}
    for key, member in vars(thing).items():
        function = getattr(member, "__func__", member)
        if not key.startswith("_") and inspect.isfunction(function):
            found[f"{name}.{key}"] = of_function(function)
    return found


def all_defaults() -> dict[str, dict[str, str]]:
    """Everything that the pages, the presets and the devices let a user leave out."""
    found: dict[str, dict[str, str]] = {}
    for name in registry.names():
        device = registry.device_class(name)
        found[f"device {name}"] = of_class(device)
        for publication in device.published:
            made = device.from_publication(publication)
            changed = {
                entry.name: shown(getattr(made, entry.name))
                for entry in dataclasses.fields(device)
                if getattr(made, entry.name) != entry.default
            }
            found[f"device {name}, {publication}"] = changed
    for name in OPTIONS:
        for key, cls in vars(import_module(name)).items():
            if inspect.isclass(cls) and issubclass(cls, Section) and cls.__module__ == name:
                found[f"{name}.{key}"] = of_class(cls)
    for name in (*NEURONS, *CELLS):
        for key, cls in vars(import_module(name)).items():
            if not key.startswith("_") and inspect.isclass(cls) and cls.__module__ == name:
                found |= of_public(cls, f"{name}.{key}")
    page = (HOME / "docs/api.md").read_text(encoding="utf-8")
    for path in re.findall(r"^::: (spicesnn\S+)", page, re.MULTILINE):
        home, _, last = path.rpartition(".")
        try:
            module = import_module(path)
            names = [k for k, v in vars(module).items() if getattr(v, "__module__", "") == path]
        except ModuleNotFoundError:
            module, names, path = import_module(home), [last], home
        for name in names:
            if not name.startswith("_"):
                found |= of_public(getattr(module, name), f"{path}.{name}")
    for name in sn.__all__:
        thing = getattr(sn, name)
        if getattr(thing, "__module__", "").startswith("spicesnn"):
            found |= of_public(thing, f"{thing.__module__}.{name}")
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        found[f"command {name}"] = {
            option.name: shown(option.default)
            for option in command.params
            if isinstance(option.default, bool | int | float | str)
        }
    found["judged by"] = judging()
    return {name: table for name, table in found.items() if table}


def judging() -> dict[str, str]:
    """Module-level numbers that answers are judged by, as they are written."""
    found = {}
    for path in sorted((HOME / "spicesnn").rglob("*.py")):
        module = ".".join(path.relative_to(HOME).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.Assign) or not isinstance(
                node.targets[0], ast.Name | ast.Tuple
            ):
                continue
            target, value = node.targets[0], node.value
            several = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs = zip(target.elts, value.elts, strict=True) if several else [(target, value)]
            for name, given in pairs:
                if isinstance(name, ast.Name) and JUDGES.search(name.id) and not has_text(given):
                    found[f"{module}.{name.id}"] = ast.unparse(given)
    return found


def has_text(node: ast.AST) -> bool:
    """Whether a value is no number, but says something."""
    parts = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
    return any(isinstance(value, str) for value in parts)


def text(tables: dict[str, dict[str, str]]) -> str:
    """The table as TOML."""
    lines = []
    for name, table in tables.items():
        lines += [f'["{name}"]', *(f'"{key}" = {value!r}' for key, value in table.items()), ""]
    return "\n".join(lines)


def test_what_is_left_out_means_what_the_table_says():
    stated = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    now = all_defaults()
    different = [
        f"{name}.{key}: {stated.get(name, {}).get(key)} in the table, {now.get(name, {}).get(key)} now"
        for name in {**stated, **now}
        for key in {**stated.get(name, {}), **now.get(name, {})}
        if stated.get(name, {}).get(key) != now.get(name, {}).get(key)
    ]
    how = "if that is meant: python tests/test_defaults.py > tests/defaults.toml, and the changelog"
    assert different == [], how


def test_the_energies_of_the_periphery_are_isaacs_powers_by_its_times():
    """Watt and seconds of the component table of Shafiee et al., ISCA 2016, to the digits kept."""
    table, read_s = sn.Periphery(), 100e-9
    worked_out = {
        "adc_joule": 2e-3 / 1.2e9,
        "adc_s": 1 / 1.2e9,
        "adc_area_m2": 0.0012e-6,
        "dac_joule": 4e-3 / 1024 * read_s,
        "dac_area_m2": 0.00017e-6 / 1024,
        "hold_joule": 10e-6 / 1024 * read_s,
        "hold_area_m2": 0.00004e-6 / 1024,
        "buffer_joule": 20.7e-3 * read_s / 2048,
        "buffer_area_m2": 0.083e-6 / 65536,
        "route_joule": (7e-3 + 10.5e-3) * read_s / 2048,
        "cell_area_m2": 4 * 32e-9**2,
    }
    for name, value in worked_out.items():
        assert abs(getattr(table, name) / value - 1) < 0.03, name


def test_constants_of_nature_are_codatas():
    """To the digits that each model's publication has them with."""
    from spicesnn.crossbar import temperature
    from spicesnn.devices import jart_vcm, limits, mosfet_emulator
    from spicesnn.devices.importers.veriloga import execute, parameters

    per_charge = constants.Boltzmann / constants.elementary_charge
    for value, known, digits in (
        (jart_vcm.CHARGE, constants.elementary_charge, 1e-9),
        (jart_vcm.BOLTZMANN, constants.Boltzmann, 1e-9),
        (jart_vcm.PLANCK, constants.Planck, 1e-9),
        (jart_vcm.ELECTRON_MASS, constants.electron_mass, 1e-6),
        (jart_vcm.VACUUM, constants.epsilon_0, 1e-8),
        (limits.BOLTZMANN_EV, per_charge, 1e-9),
        (execute.BOLTZMANN_OVER_CHARGE, per_charge, 1e-6),
        (mosfet_emulator.SILICON_DIOXIDE, 3.9 * constants.epsilon_0, 1e-5),
        (temperature._ZERO_CELSIUS, constants.zero_Celsius, 1e-12),
        (parameters.TEMPERATURE, constants.zero_Celsius + 27.0, 1e-12),
    ):
        assert abs(value / known - 1) < digits, value


if __name__ == "__main__":
    print(text(all_defaults()), end="")
