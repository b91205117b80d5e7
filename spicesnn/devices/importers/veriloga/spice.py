"""Stored equations as a sub-circuit of behavioural sources, in words that every ngspice takes.

What depends on parameters alone becomes a ``.param``; what is long and needed more than once, a
node of its own. Each state is the voltage of a capacitor of 1 pF, each unknown that of a node whose
equation is the current out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spicesnn.devices.importers.cards import fold
from spicesnn.devices.importers.emit import Names
from spicesnn.devices.importers.graph import Graph, Program
from spicesnn.devices.importers.stored import Stored
from spicesnn.devices.importers.veriloga.parameters import Settable
from spicesnn.errors import ConvergenceError, UnsupportedNetlistError

_LONG, _LONGEST, _SMALL = 12, 400, 1e-9
_LARGE = "100"
"""Exponents go no further: Newton's method may try voltages at which they would overflow."""
_CLOSED = {
    "sqrt": "max(1e-100, {0})",
    "ln": "max(1e-300, {0})",
    "asin": "max(-1, min(1, {0}))",
    "acos": "max(-1, min(1, {0}))",
    "acosh": "max(1, {0})",
    "atanh": "max(-1, min(1, {0}))",
    "exp": f"min({_LARGE}, {{0}})",
    "sinh": f"max(-{_LARGE}, min({_LARGE}, {{0}}))",
    "cosh": f"max(-{_LARGE}, min({_LARGE}, {{0}}))",
}
"""Where a function has no value, a B source is kept at the edge of where it has one: only steps on
the way to a solution go there."""
_POSITIVE = frozenset({"exp", "abs", "sqrt", "cosh"})


@dataclass(frozen=True, slots=True)
class Emitted:
    """A sub-circuit: its text, its name, and each parameter's name in it."""

    text: str
    subckt: str
    parameters: tuple[tuple[str, str], ...]


def emitted(stored: Stored, name: str, settable: Sequence[Settable]) -> Emitted:
    """Return the sub-circuit of stored equations: pins ``p`` and ``n``, inner nodes of the states'
    names."""
    return _Writer(stored, name, settable).done()


def _typical(
    stored: Stored, defaults: dict[str, float]
) -> tuple[dict[int, float], dict[int, float]]:
    """Return the usual magnitude of each expression, by its values at a few voltages and states;
    and the value of those that change little."""
    graph, count = stored.graph, 8
    v = np.linspace(-1.0, 1.0, count)
    x = []
    for k in range(len(stored.states)):
        low, high = (
            float(stored.of_parameters(ends[k], defaults)) for ends in (stored.lows, stored.highs)
        )
        x.append(
            low
            + (high - low)
            * np.linspace(0.1, 0.9, count)[np.argsort(np.sin(np.arange(count) * (k + 1.0)))]
        )
    try:
        u = stored.everything(v, x, defaults)[4]
    except ConvergenceError:
        u = [0.1 * v] * len(stored.residuals)
    known = (
        {"v": v}
        | {f"x:{name}": one for name, one in zip(stored.states, x, strict=True)}
        | {f"u:{k}": one for k, one in enumerate(u)}
    )
    known |= {f"par:{name}": np.array(value) for name, value in defaults.items()}
    places = graph.order([stored.current, *stored.rates, *stored.residuals])
    found, steady = {}, {}
    for place, value in zip(places, Program(graph, places).run(known), strict=True):
        values = np.asarray(value, dtype=float).ravel()
        if (
            np.all(np.isfinite(values))
            and (np.all(values > 0) or np.all(values < 0))
            and np.ptp(values) < 0.9 * np.max(np.abs(values))
        ):
            steady[place] = float(np.mean(values))
        sizes = np.abs(values)
        sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
        found[place] = float(np.exp(np.mean(np.log(sizes)))) if sizes.size else 1.0
    return found, steady


class _Writer:
    def __init__(self, stored: Stored, name: str, settable: Sequence[Settable]) -> None:
        self.stored, self.settable = stored, settable
        self.graph: Graph = stored.graph
        names = Names()
        names.used |= {("parameter", f"{s}_init") for s in stored.states}
        names.used |= {("parameter", pin) for pin in ("p", "n")}  # ngspice puts numbers for nodes
        self.parameter = {p.name: names.get("parameter", p.name.lower()) for p in settable}
        self.name = f"va_{''.join(c if c.isalnum() else '_' for c in name.lower())}"
        self.cards: list[str] = []
        self.texts: dict[int, str] = {}
        self.sizes: dict[int, int] = {}
        self.uses: dict[int, int] = {}
        self.count = 0
        self.typical, self.steady = _typical(stored, {p.name: p.default for p in settable})

    def done(self) -> Emitted:
        stored, graph = self.stored, self.graph
        wanted = [stored.current, *stored.rates, *stored.residuals]
        for place in graph.order(wanted):
            for a in graph.args[place]:
                self.uses[a] = self.uses.get(a, 0) + 1
        for place in graph.order(wanted):
            self.write(place)
        behavioural = [f"bi p n i = {self.texts[stored.current]}"]
        for name, rate, scale in zip(stored.states, stored.rates, stored.scales, strict=True):
            behavioural.append(f"c{name} {name} 0 1p ic={{{name}_init*({1.0 / scale!r})}}")
            behavioural.append(f"b{name} 0 {name} i = ({1e-12 / scale!r})*({self.texts[rate]})")
        # Newton's method starts from a state within its range: at 0 V a cell may be open, and the
        # first step from there leads to voltages that no number holds.
        defaults = {p.name: p.default for p in self.settable}
        for name, low, high, scale in zip(
            stored.states, stored.lows, stored.highs, stored.scales, strict=True
        ):
            ends = [float(stored.of_parameters(end, defaults)) for end in (low, high)]
            behavioural.append(f".nodeset v({name})={sum(ends) / 2 / scale!r}")
        for k, residual in enumerate(stored.residuals):
            behavioural.append(f"bu{k}_ u{k}_ 0 i = {self.texts[residual]}")
        given = [f"{self.parameter[p.name]}={p.default!r}" for p in self.settable]
        for name, start in zip(stored.states, stored.starts, strict=True):
            given.append(f"{name}_init={float(stored.of_parameters(start, defaults))!r}")
        head = f".subckt {self.name} p n{' params: ' if given else ''}{' '.join(given)}"
        lines = [head, *self.cards, *behavioural, f".ends {self.name}"]
        return Emitted(
            "\n".join(fold(line, 120) for line in lines), self.name, tuple(self.parameter.items())
        )

    def write(self, place: int) -> None:
        """Find the text of an expression; its arguments have theirs."""
        graph = self.graph
        op = graph.ops[place]
        if op == "num":
            value = graph.values[place]
            self.texts[place], self.sizes[place] = (
                (repr(value) if value >= 0 else f"({value!r})"),
                1,
            )
            return
        if op == "sym":
            self.texts[place], self.sizes[place] = self.symbol(graph.names[place]), 1
            return
        args = graph.args[place]
        alone = self.alone(place)
        text = self.operation(op, place, args, [self.texts[a] for a in args], alone)
        size = 1 + sum(self.sizes[a] for a in args)
        shared = self.uses.get(place, 0) > 1
        if alone:
            # A whole condition or number of parameters is computed once, before sources see it.
            if shared or size > _LONG or self.wanted_outside(place):
                name = f"k{self.count}_"
                self.count += 1
                self.cards.append(f".param {name}={{{text}}}")
                text, size = f"({name})", 1
        elif (shared and size > _LONG) or size > _LONGEST:
            name = f"t{self.count}_"
            self.count += 1
            usual = self.steady.get(place, 0.0)
            # the first guess of 0 V is then a usual value: a temperature of 0 K would be divided by
            if usual:
                self.cards.append(f"b{name} {name} 0 v = {text} - ({usual!r})")
                text, size = f"(v({name}) + ({usual!r}))", 2
            else:
                self.cards.append(f"b{name} {name} 0 v = {text}")
                text, size = f"v({name})", 1
        if len(text) > 100_000:
            raise UnsupportedNetlistError(
                "an expression of the model is too long for a sub-circuit"
            )
        self.texts[place], self.sizes[place] = text, size

    def alone(self, place: int) -> bool:
        return all(name.startswith("par:") for name in self.graph.symbols(place))

    def wanted_outside(self, place: int) -> bool:
        """Return whether something that is no parameter needs this; texts of parameters are written
        otherwise than those of sources."""
        if not hasattr(self, "_outside"):
            graph = self.graph
            self._outside = {
                a
                for p in graph.order(
                    [self.stored.current, *self.stored.rates, *self.stored.residuals]
                )
                if not self.alone(p)
                for a in graph.args[p]
            } | {self.stored.current, *self.stored.rates, *self.stored.residuals}
        return place in self._outside

    def symbol(self, name: str) -> str:
        kind, _, rest = name.partition(":")
        if name == "v":
            return "v(p,n)"
        if kind == "u":
            return f"v(u{rest}_)"
        if kind == "x":
            scale = self.stored.scales[self.stored.states.index(rest)]
            return f"v({rest})" if scale == 1.0 else f"({scale!r}*v({rest}))"
        return f"({self.parameter[rest]})"

    def operation(
        self, op: str, place: int, args: tuple[int, ...], texts: list[str], alone: bool
    ) -> str:
        if not alone:  # a source takes a parameter's name in braces
            texts = [self.braced(a, t) for a, t in zip(args, texts, strict=True)]
        a = texts[0]
        match op:
            case "neg":
                return f"(0 - {a})"
            case "and":
                return f"({a} * {texts[1]})"
            case "or":
                return f"max({a}, {texts[1]})"
            case "not":
                return f"(1 - {a})"
            case "if":
                return f"ternary_fcn({', '.join(texts)})"
            case "pow":
                return self.power(args, texts)
            case "atan2":
                y, x = texts
                return (
                    f"ternary_fcn({x} == 0, 1.5707963267948966*sgn({y}), atan({y}/ternary_fcn({x}"
                    f" == 0, 1, {x})) + ternary_fcn({x} < 0, ternary_fcn({y} < 0, (0 -"
                    " 3.141592653589793), 3.141592653589793), 0))"
                )
            case "/" if not alone and (size := self.typical.get(args[1], 1.0)) < _SMALL:
                # ngspice adds gmin/1e20 to what it divides by, which a charge or an energy of one
                # electron would feel.
                return f"(({a} * {1.0 / size!r}) / ({texts[1]} * {1.0 / size!r}))"
            case "+" | "-" | "*" | "/" | "<" | "<=" | "==":
                return f"({a} {op} {texts[1]})"
            case "min" | "max":
                return f"{op}({a}, {texts[1]})"
        inner = _CLOSED[op].format(a) if op in _CLOSED else a
        return f"{op}({inner})"

    def braced(self, place: int, text: str) -> str:
        """Return the text of an argument in a source: names of parameters stand in braces there."""
        if self.graph.ops[place] == "num" or not self.alone(place):
            return text
        return (
            f"({{{text[1:-1]}}})"
            if text.startswith("(") and text[1:-1].replace("_", "").isalnum()
            else text
        )

    def power(self, args: tuple[int, ...], texts: list[str]) -> str:
        """Return a power: of a base below 0, with the sign that a whole exponent gives it."""
        graph, (base, exponent) = self.graph, args
        plain = f"pow(abs({texts[0]}), {texts[1]})"
        if graph.ops[base] in _POSITIVE or (graph.is_number(base) and graph.values[base] >= 0):
            return plain
        if graph.is_number(exponent):
            return f"({plain} * sgn({texts[0]}))" if graph.values[exponent] % 2 == 1 else plain
        odd = f"({texts[1]} - 2*floor({texts[1]}/2))"
        return f"({plain} * ternary_fcn({texts[0]} < 0, 1 - 2*{odd}, 1))"
