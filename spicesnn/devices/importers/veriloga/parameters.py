"""The parameters of a module: which can be set, their defaults, ranges, units and meanings."""

from __future__ import annotations

import keyword
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from spicesnn.devices.importers.graph import STEP, Graph
from spicesnn.devices.importers.veriloga.execute import Run, Typed
from spicesnn.devices.importers.veriloga.syntax import Expression, Module, Parameter

TEMPERATURE = 300.15
"""Kelvin, of a simulation that says nothing: 27 °C."""


@dataclass(frozen=True, slots=True)
class Settable:
    """A parameter that can be set.

    Attributes
    ----------
    name : str
        As devices call it.
    own : str
        As the text calls it.
    default : float
    integer : bool
    unit, meaning : str
    lowest, highest : float
        Ends that are allowed themselves; infinite without one.
    above, below : float
        Ends that are not.
    """

    name: str
    own: str
    default: float
    integer: bool = False
    unit: str = "1"
    meaning: str = ""
    lowest: float = -math.inf
    highest: float = math.inf
    above: float = -math.inf
    below: float = math.inf


@dataclass(slots=True)
class Parameters:
    """The parameters of a module on a graph.

    Attributes
    ----------
    values : dict
        Name in the text → expression, and whether it is an integer.
    settable : list of Settable
    fixed : dict
        Name → why it keeps what the text says.
    required : list of (expression, words)
        What must hold between parameters, beside ranges of numbers.
    """

    values: dict[str, Typed] = field(default_factory=dict)
    settable: list[Settable] = field(default_factory=list)
    fixed: dict[str, str] = field(default_factory=dict)
    required: list[tuple[int, str]] = field(default_factory=list)


def parameters_of(
    module: Module,
    graph: Graph,
    fixed: Mapping[str, str],
    taken: Callable[[str], bool],
    step: str = "",
) -> Parameters:
    """Return the parameters of a module.

    Parameters
    ----------
    module : Module
    graph : Graph
    fixed : Mapping
        Names that must keep their defaults, and why.
    taken : callable
        Whether a device has something else of that name.
    step : str
        The one that holds the length of a step in time, as small as one likes.
    """
    found = Parameters()
    names: set[str] = set()
    reader = Run(
        Module(name=module.name, at=module.at, functions=module.functions),
        graph,
        found.values,
        {},
        True,
    )
    for parameter in module.parameters.values():
        if parameter.name == step:
            found.values[step] = graph.symbol(STEP), False
            found.fixed[step] = "the length of a step in time, taken to be as small as one likes"
            continue
        place = reader.cast(reader.value(parameter.default), parameter.integer)
        name = _free(parameter.name, names, taken)
        names.add(name.lower())
        why = fixed.get(parameter.name, "")
        if parameter.local:
            why = "a localparam"
        elif not graph.is_number(place):
            why = why or "its default follows from other parameters"
        if why:
            found.fixed[parameter.name] = why
            if parameter.name in fixed and not graph.is_number(place):
                raise parameter.at.error(
                    f"parameter {parameter.name} must be a number, since it decides the equations"
                )
            found.values[parameter.name] = place, parameter.integer
            _ranges(parameter, place, reader, found)
            continue
        found.values[parameter.name] = graph.symbol(f"par:{name}"), parameter.integer
        found.settable.append(_settable(parameter, name, graph.values[place], reader, found))
    name = _free("temperature", names, taken)
    found.settable.append(
        Settable(
            name,
            "$temperature",
            TEMPERATURE,
            False,
            "K",
            "temperature of the simulation",
            above=0.0,
        )
    )
    found.values["$temperature"] = graph.symbol(f"par:{name}"), False
    return found


def used_only(found: Parameters, graph: Graph, places: Iterable[int]) -> None:
    """Drop the temperature where the equations do not ask for it."""
    used = {name for place in places for name in graph.symbols(place)}
    found.settable = [
        s for s in found.settable if s.own != "$temperature" or f"par:{s.name}" in used
    ]


def _free(name: str, names: set[str], taken: Callable[[str], bool]) -> str:
    """Return the name of a parameter as a device has it: its own, unless that means something else
    or differs in case only."""
    made = name.replace("$", "_")
    while keyword.iskeyword(made) or taken(made) or made.lower() in names or made.startswith("_"):
        made = f"p{made}" if made.startswith("_") else f"{made}_"
    return made


def _settable(
    parameter: Parameter, name: str, default: float, reader: Run, found: Parameters
) -> Settable:
    """Return a parameter with its range; what no range of numbers can say becomes a requirement."""
    graph = reader.graph
    lowest, highest, above, below = -math.inf, math.inf, -math.inf, math.inf
    froms = [r for r in parameter.ranges if not r.exclude]
    ends = [(_number(reader, r.low), _number(reader, r.high)) for r in froms]
    if len(froms) == 1 and None not in ends[0]:
        (low, high), span = ends[0], froms[0]
        low = -math.inf if span.low is None else low
        assert low is not None
        assert high is not None
        lowest, above = (low, -math.inf) if span.with_low else (-math.inf, low)
        highest, below = (high, math.inf) if span.with_high else (math.inf, high)
        if not (low <= default <= high) or default in (above, below):
            raise parameter.at.error(
                f"parameter {parameter.name}: its default {default:g} is outside its own range"
            )
        _ranges(parameter, graph.symbol(f"par:{name}"), reader, found, froms=False)
    else:
        _ranges(parameter, graph.symbol(f"par:{name}"), reader, found)
    if parameter.integer:
        symbol = graph.symbol(f"par:{name}")
        found.required.append(
            (graph.make("==", symbol, graph.make("floor", symbol)), f"{name} is a whole number")
        )
    return Settable(
        name,
        parameter.name,
        default,
        parameter.integer,
        parameter.unit or "1",
        parameter.meaning,
        lowest,
        highest,
        above,
        below,
    )


def _number(reader: Run, end: Expression | None) -> float | None:
    """Return an end of a range where it is a number; infinite for none. The sign of an infinite one
    does not matter."""
    if end is None:
        return math.inf
    place = reader.value(end)[0]
    return reader.graph.values[place] if reader.graph.is_number(place) else None


def _ranges(
    parameter: Parameter, place: int, reader: Run, found: Parameters, froms: bool = True
) -> None:
    """Add what the ranges of a parameter ask for as requirements."""
    graph, make = reader.graph, reader.graph.make
    allowed, any_from = graph.zero, False
    for span in parameter.ranges:
        if not span.exclude and not froms:
            continue
        inside = graph.one
        for end, closed, op in (
            (span.low, span.with_low, "low"),
            (span.high, span.with_high, "high"),
        ):
            if end is None:
                continue
            limit = reader.value(end)[0]
            pair = (limit, place) if op == "low" else (place, limit)
            inside = make("and", inside, make("<=" if closed else "<", *pair))
        words = f"{parameter.name} in the range that line {span.at.line} gives"
        if span.exclude:
            _require(
                graph,
                make("not", inside),
                f"{parameter.name} outside what line {span.at.line} excludes",
                found,
            )
        else:
            allowed, any_from = make("or", allowed, inside), True
    if any_from:
        _require(graph, allowed, words, found)


def _require(graph: Graph, condition: int, words: str, found: Parameters) -> None:
    if not (graph.is_number(condition) and graph.values[condition]):
        found.required.append((condition, words))
