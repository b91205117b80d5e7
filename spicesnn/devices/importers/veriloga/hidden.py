"""Variables that keep their value from one evaluation to the next: what they mean where the steps
of time become small.

A model that advances its state by itself, as ``x = x + rate*($abstime - last)``, is a step of some
method of integration; its equation is the limit of that step, dx/dt = the derivative of the new
value by the step at a step of 0. A variable that is read before it is assigned holds what the
evaluation before found, which is its own value where iterations have converged and steps are small.
Nothing else that remembers has such a limit, and is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from spicesnn.devices.importers.graph import STEP, TIME, Graph
from spicesnn.devices.importers.veriloga.execute import (
    Contribution,
    FixesError,
    Outcome,
    Run,
    StepLengthError,
    Typed,
)
from spicesnn.devices.importers.veriloga.syntax import Module
from spicesnn.devices.importers.veriloga.text import Word
from spicesnn.errors import InputError, UnsupportedNetlistError

_ROUNDS, _FAR = 50, 1e300


@dataclass(frozen=True, slots=True)
class Advanced:
    """A state that the model advances by itself.

    Attributes
    ----------
    name : str
        Of its variable.
    symbol : int
    rate, start : int
    low, high : int or None
        Where the model itself holds it.
    at : Word
        Where it is advanced.
    """

    name: str
    symbol: int
    rate: int
    start: int
    low: int | None
    high: int | None
    at: Word


@dataclass(frozen=True, slots=True)
class Settled:
    """A module after its memory is understood.

    Attributes
    ----------
    outcome : Outcome
        One run, its outputs free of earlier values.
    advanced : tuple of Advanced
        The states that the model advances by itself.
    kept : dict
        Variable → what it holds from the first instant on.
    clocks : frozenset of str
        Variables that hold the time of the evaluation before.
    late : dict
        Variable that is read before it is assigned → its value.
    first : list of Contribution
        What is contributed in the first instant.
    """

    outcome: Outcome
    advanced: tuple[Advanced, ...]
    kept: dict[str, int] = field(default_factory=dict)
    clocks: frozenset[str] = frozenset()
    late: dict[str, int] = field(default_factory=dict)
    first: list[Contribution] = field(default_factory=list)


def settled(
    module: Module, graph: Graph, parameters: Mapping[str, Typed], step: str = ""
) -> Settled:
    """Run the analog block until what its variables hold before and after agrees.

    Parameters
    ----------
    module : Module
    graph : Graph
    parameters : Mapping
        Name → expression and whether it is an integer.
    step : str
        The parameter that holds the length of a step, if one does.

    Raises
    ------
    FixesError
        A parameter decides how the state is advanced.
    UnsupportedNetlistError
        The model remembers something that is no state.
    """
    first = Run(module, graph, parameters, {}, True).run()
    before = {
        key: place if _of_parameters(graph, place) else graph.symbol(f"old:{key}")
        for key, place in first.variables.items()
    }
    for _ in range(_ROUNDS):
        outcome = Run(module, graph, parameters, before, False).run()
        changed = False
        for key, after in outcome.variables.items():
            if after == before.get(key, graph.zero):
                continue
            time = graph.symbol(TIME)
            wanted = (
                graph.make("-", time, graph.symbol(STEP))
                if after == time
                else graph.symbol(f"old:{key}")
            )
            if before.get(key) != wanted:
                before[key], changed = wanted, True
        if not changed:
            break
    else:
        raise UnsupportedNetlistError(
            f"module {module.name}: what its variables hold from one evaluation to the next cannot"
            " be understood"
        )
    clock = graph.make("-", graph.symbol(TIME), graph.symbol(STEP))
    if step and clock in before.values():
        raise InputError(
            f"--step {step}: the text advances its states by $abstime; leave --step out"
        )
    found = _Memory(module, graph, first, outcome, step).settled()
    kept = {_name(key): place for key, place in before.items() if _of_parameters(graph, place)}
    return Settled(
        found.outcome,
        found.advanced,
        kept,
        frozenset(_name(key) for key, place in before.items() if place == clock),
        found.late,
        first.contributions,
    )


def _of_parameters(graph: Graph, place: int) -> bool:
    return all(name.startswith("par:") for name in graph.symbols(place))


class _Memory:
    def __init__(
        self, module: Module, graph: Graph, first: Outcome, outcome: Outcome, step: str
    ) -> None:
        self.module, self.graph, self.first, self.outcome = module, graph, first, outcome
        self.step = step
        self.zero_step = {graph.symbol(STEP): graph.zero}

    def places(self) -> list[int]:
        out = self.outcome
        found = [p for c in out.contributions for p in (c.value, c.guard)] + [
            p for p, _ in out.forbidden
        ]
        for _, rate, start, _ in out.integrals:
            found += [rate, *([] if start is None else [start])]
        return found

    def replaced(self, swap: Callable[[list[int]], list[int]]) -> None:
        """Put others in the place of all expressions of the run."""
        out = self.outcome
        made = iter(swap(self.places()))
        out.contributions = [
            type(c)(c.kind, c.branch, next(made), next(made), c.at) for c in out.contributions
        ]
        out.forbidden = [(next(made), at) for _, at in out.forbidden]
        out.integrals = [
            (s, next(made), None if start is None else next(made), at)
            for s, _, start, at in out.integrals
        ]

    def where(self, key: str) -> Word:
        return self.outcome.assigned.get(key, self.module.at)

    def used(self) -> list[str]:
        """Return the variables whose earlier value matters to the outputs."""
        graph, found = self.graph, []
        left = {name for p in self.places() for name in graph.symbols(p)}
        while left:
            name = left.pop()
            if name.startswith("old:") and name[4:] not in found:
                found.append(name[4:])
                left |= graph.symbols(self.outcome.variables[name[4:]])
        return sorted(found)

    def settled(self) -> Settled:
        graph = self.graph
        kept: dict[str, int] = {}
        lagging: dict[str, int] = {}
        states: dict[str, int] = {}
        for key in self.used():
            after, old = self.outcome.variables[key], graph.symbol(f"old:{key}")
            if after == old:
                kept[key] = self.start(key)
            elif f"old:{key}" in graph.symbols(after):
                states[key] = graph.symbol(f"x:{key}")
            else:
                lagging[key] = after
        swap = {graph.symbol(f"old:{key}"): place for key, place in {**kept, **states}.items()}
        late = self.caught_up(lagging, swap)
        advanced = tuple(self.advanced(key, symbol, swap, late) for key, symbol in states.items())
        self.replaced(lambda places: graph.put(places, swap))
        self.steps_only(states)
        self.replaced(lambda places: self.now(places, late))
        self.replaced(lambda places: self.limit(places))
        for place in [*self.places(), *(a.rate for a in advanced)]:
            if TIME in graph.symbols(place):
                raise self.module.at.error(
                    f"module {self.module.name}: its equations depend on $abstime itself, so it is"
                    " no device but a source"
                )
        return Settled(
            self.outcome,
            advanced,
            late={graph.names[s].removeprefix("old:"): place for s, place in late.items()},
        )

    def steps_only(self, states: Mapping[str, int]) -> None:
        """Refuse a parameter that is said to be the length of a step and does more, or less, than
        advance states."""
        if not self.step:
            return
        if not states:
            raise InputError(f"--step {self.step}: no state is advanced by it")
        graph, places = self.graph, self.places()
        inner = [p for p in graph.order(places) if STEP in graph.symbols(p)]
        still = graph.put(inner, self.zero_step)
        advanced = {p: at for p, at in zip(inner, still, strict=True) if at in states.values()}
        if any(STEP in graph.symbols(p) for p in graph.put(places, advanced)):
            raise InputError(
                f"--step {self.step}: more than the advance of {', '.join(map(_name, states))}"
                " depends on it, so it is no length of a step"
            )

    def caught_up(self, lagging: Mapping[str, int], swap: Mapping[int, int]) -> dict[int, int]:
        """Return what stands for the earlier value of each variable that is assigned anew at every
        evaluation: its value, in which no earlier ones are left. One that cannot be had is left
        out, and refused where it is asked for."""
        graph = self.graph
        left = {
            graph.symbol(f"old:{key}"): graph.put([after], swap)[0]
            for key, after in lagging.items()
            if "." not in key and not self.whole(key)
        }
        found: dict[int, int] = {}
        while True:
            ready = [
                symbol
                for symbol, place in left.items()
                if all(
                    s in found
                    for s in graph.held(place)
                    if graph.ops[s] == "sym" and graph.names[s].startswith("old:")
                )
            ]
            if not ready:
                return found
            for symbol in ready:
                found[symbol] = self.limit(self.now([left.pop(symbol)], found))[0]

    def whole(self, key: str) -> bool:
        """Return whether a variable is an integer, whose values jump."""
        return key in self.module.variables and self.module.variables[key].integer

    def now(self, places: list[int], late: Mapping[int, int]) -> list[int]:
        """Return expressions with present values in the place of earlier ones.

        Raises
        ------
        UnsupportedNetlistError
            Something jumps with an earlier value, or is its difference from the present one.
        """
        graph = self.graph
        inner = graph.order(places)
        for place in inner:
            if graph.ops[place] in ("if", "floor", "ceil"):
                self.compared(graph.args[place][0], late)
        found = graph.put(places, dict(late))
        minus = [p for p in inner if graph.ops[p] == "-" and graph.held(p) & set(late)]
        for place, after in zip(minus, graph.put(minus, dict(late)), strict=True):
            if graph.is_number(after, 0.0):
                self.refuse_difference(place, late)
        self.check(found)
        return found

    def start(self, key: str) -> int:
        """Return what a variable holds after the first instant."""
        found = self.limit([self.first.variables[key]])[0]
        if not _of_parameters(self.graph, found):
            raise self.where(key).error(
                f"{_name(key)!r} starts at a value that depends on a voltage or a state"
            )
        return found

    def compared(self, condition: int, late: Mapping[int, int]) -> None:
        """Refuse what jumps with the difference of an earlier value from present ones."""
        graph = self.graph
        held = graph.held(condition)
        present = {s for s in held - set(late) if not graph.names[s].startswith("par:")}
        if any(graph.held(late[s]) & present for s in held & set(late)):
            self.refuse_difference(condition, late)

    def refuse_difference(self, place: int, late: Mapping[int, int]) -> None:
        key = self.graph.names[min(self.graph.held(place) & set(late))].removeprefix("old:")
        raise self.where(key).error(
            f"how {_name(key)!r} differs from its value at the evaluation before depends on the"
            " simulator's steps; write what is meant with ddt()"
        )

    def check(self, places: list[int]) -> None:
        for place in places:
            for name in self.graph.symbols(place):
                if name.startswith("old:"):
                    key = name[4:]
                    raise self.where(key).error(
                        f"{_name(key)!r} is remembered from one evaluation to the next, which has"
                        " no equation of its own; write it as a state with ddt() or idt()"
                    )

    def limit(self, places: list[int]) -> list[int]:
        """Return expressions at a step of 0."""
        graph = self.graph
        if not any(STEP in graph.symbols(p) for p in places):
            return places
        found = graph.put(places, self.zero_step)
        for place in graph.order(found):
            if graph.ops[place] == "/" and graph.is_number(graph.args[place][1], 0.0):
                raise self.module.at.error(
                    f"module {self.module.name}: something is divided by the step between two"
                    " evaluations, a derivative by hand; write it with ddt()"
                )
        return found

    def advanced(
        self, key: str, symbol: int, swap: Mapping[int, int], late: Mapping[int, int]
    ) -> Advanced:
        graph, at = self.graph, self.where(key)
        new = graph.put([self.outcome.variables[key]], swap)[0]
        resting = self.limit([new])[0]
        if not self.rests(resting, symbol):
            self.refuse(key, resting, symbol, at)
        rate = graph.slope(self.unclipped(new, symbol), graph.symbol(STEP))
        rate = self.now([self.limit([rate])[0]], late)[0]
        ends = [graph.put([resting], {symbol: graph.number(end)})[0] for end in (-_FAR, _FAR)]
        low, high = (
            None if graph.is_number(end) and abs(graph.values[end]) == _FAR else end for end in ends
        )
        if any(not _of_parameters(graph, end) for end in (low, high) if end is not None):
            raise at.error(
                f"{_name(key)!r} is held between bounds that depend on a voltage or a state"
            )
        return Advanced(_name(key), symbol, rate, self.start(key), low, high, at)

    def unclipped(self, place: int, symbol: int) -> int:
        """Return what a step comes to without the bounds at which it is held behind it: at a bound
        itself a step of no length would be one that leads nowhere."""
        graph = self.graph
        if graph.ops[place] not in ("if", "min", "max"):
            return place
        *condition, a, b = graph.args[place]
        held = [_of_parameters(graph, arm) for arm in (a, b)]
        if not condition:
            return self.unclipped(b if held[0] else a, symbol) if any(held) else place
        around = graph.symbols(self.limit([condition[0]])[0]) <= self.around(symbol)
        if any(held) and not all(held) and around:
            return self.unclipped(b if held[0] else a, symbol)
        return graph.make("if", condition[0], *(self.unclipped(arm, symbol) for arm in (a, b)))

    def rests(self, place: int, symbol: int) -> bool:
        """Return whether an expression is the symbol itself, but for bounds at which it is held."""
        graph = self.graph
        if place == symbol:
            return True
        if graph.ops[place] in ("min", "max"):
            a, b = graph.args[place]
            return (self.rests(a, symbol) and _of_parameters(graph, b)) or (
                self.rests(b, symbol) and _of_parameters(graph, a)
            )
        if graph.ops[place] == "if":
            condition, yes, no = graph.args[place]
            inner = [p for p in (yes, no) if not _of_parameters(graph, p)]
            return (
                bool(inner)
                and all(self.rests(p, symbol) for p in inner)
                and graph.symbols(condition) <= self.around(symbol)
            )
        return False

    def around(self, symbol: int) -> set[str]:
        graph = self.graph
        parameters = {name for name in graph.names if name.startswith("par:")}
        return parameters | {graph.names[symbol]}

    def kept_or_given(self, place: int, symbol: int) -> bool:
        """Return whether an expression is either the symbol itself or has nothing to do with it."""
        graph = self.graph
        if place == symbol or symbol not in graph.held(place):
            return True
        return graph.ops[place] == "if" and all(
            self.kept_or_given(p, symbol) for p in graph.args[place][1:]
        )

    def refuse(self, key: str, resting: int, symbol: int, at: Word) -> None:
        """Refuse a variable that moves without time, after a look for the parameters that may
        decide it."""
        graph = self.graph
        deciding = {
            name[4:]
            for p in graph.order([resting])
            if graph.ops[p] == "if" and graph.symbols(graph.args[p][0])
            for name in graph.symbols(graph.args[p][0])
            if name.startswith("par:") and _of_parameters(graph, graph.args[p][0])
        }
        if deciding:
            raise FixesError(
                frozenset(deciding), f"line {at.line}: it decides how {_name(key)} is advanced"
            )
        if self.kept_or_given(resting, symbol):
            raise at.error(
                f"{_name(key)!r} keeps what it held wherever no branch assigns it, so that it depends"
                " on what has happened before and not on states alone; assign it in every branch, or"
                " write it as a state with ddt() or idt()"
            )
        lengths = [
            name[4:]
            for name in sorted(graph.symbols(resting))
            if name.startswith("par:")
            and self.rests(graph.put([resting], {graph.symbol(name): graph.zero})[0], symbol)
        ]
        named = (
            f"; where {' or '.join(lengths)} is the length of a step, say --step {lengths[0]}"
            if lengths
            else ""
            if self.step
            else "; where a parameter holds the length of a step, say --step NAME"
        )
        raise StepLengthError(
            str(
                at.error(
                    f"{_name(key)!r} changes at every evaluation by something that is not the time"
                    " since the last one, so how fast depends on the simulator's steps; advance it by"
                    f" $abstime - last, or write it as a state with ddt() or idt(){named}"
                )
            )
        )


def _name(key: str) -> str:
    return key.rpartition(".")[2]
