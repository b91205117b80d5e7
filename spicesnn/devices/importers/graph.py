"""Expressions as a graph in which equal ones stand once: built with simplification, differentiated
exactly.

An expression is a whole number, its place in the graph; the arguments of an expression have lower
places. So the order of the places is an order in which everything can be computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from spicesnn.errors import UnsupportedNetlistError

LARGEST = 200_000
"""Expressions in one graph; a large model has some thousands."""
ARITY: Mapping[str, int] = {
    "+": 2,
    "-": 2,
    "*": 2,
    "/": 2,
    "neg": 1,
    "pow": 2,
    "min": 2,
    "max": 2,
    "<": 2,
    "<=": 2,
    "==": 2,
    "and": 2,
    "or": 2,
    "not": 1,
    "if": 3,
    "abs": 1,
    "sgn": 1,
    "floor": 1,
    "ceil": 1,
    "exp": 1,
    "ln": 1,
    "sqrt": 1,
    "sin": 1,
    "cos": 1,
    "tan": 1,
    "asin": 1,
    "acos": 1,
    "atan": 1,
    "atan2": 2,
    "sinh": 1,
    "cosh": 1,
    "tanh": 1,
    "asinh": 1,
    "acosh": 1,
    "atanh": 1,
}
"""Operations and how many arguments they have."""
BOOLEAN = frozenset({"<", "<=", "==", "and", "or", "not"})
STEPS = BOOLEAN | {"sgn", "floor", "ceil"}
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "neg": np.negative,
    "pow": np.power,
    "min": np.minimum,
    "max": np.maximum,
    "<": np.less,
    "<=": np.less_equal,
    "==": np.equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "not": np.logical_not,
    "if": np.where,
    "abs": np.abs,
    "sgn": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "exp": np.exp,
    "ln": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
}
TIME, STEP = "time", "step"
"""Symbols: the time of an evaluation (above 0), and the time since the last one (above 0, and as
small as one likes)."""


class Graph:
    """Expressions of numbers and symbols.

    Attributes
    ----------
    ops : list of str
        Operation of each expression; ``num``, ``sym``, or ``ddt`` (the derivative of its argument
        by the time) beside those of `ARITY`.
    args : list of tuple of int
    values : list of float
        Of numbers.
    names : list of str
        Of symbols.
    """

    def __init__(self) -> None:
        self.ops: list[str] = []
        self.args: list[tuple[int, ...]] = []
        self.values: list[float] = []
        self.names: list[str] = []
        self._places: dict[tuple[Any, ...], int] = {}
        self._slopes: dict[tuple[int, int], int] = {}
        self._held: list[frozenset[int]] = []
        self.where: dict[int, int] = {}
        """Line of the text where a derivative by the time stands."""
        self.zero, self.one = self.number(0.0), self.number(1.0)

    def _put(self, op: str, args: tuple[int, ...] = (), value: float = 0.0, name: str = "") -> int:
        key = (op, args, value, math.copysign(1.0, value), name)
        found = self._places.get(key)
        if found is None:
            if len(self.ops) >= LARGEST:
                raise UnsupportedNetlistError(f"the model has more than {LARGEST} expressions")
            found = self._places[key] = len(self.ops)
            self.ops.append(op)
            self.args.append(args)
            self.values.append(value)
            self.names.append(name)
            own = frozenset((found,)) if op in ("sym", "ddt") else frozenset()
            self._held.append(own.union(*(self._held[a] for a in args)))
        return found

    def number(self, value: float) -> int:
        """Return a number."""
        return self._put("num", value=float(value))

    def symbol(self, name: str) -> int:
        """Return a symbol."""
        return self._put("sym", name=name)

    def ddt(self, of: int) -> int:
        """Return the derivative of an expression by the time."""
        return self.zero if not self._held[of] else self._put("ddt", (of,))

    def held(self, place: int) -> frozenset[int]:
        """Return the symbols and the derivatives by the time that an expression depends on."""
        return self._held[place]

    def is_number(self, place: int, value: float | None = None) -> bool:
        """Return whether an expression is a number, or this number."""
        return self.ops[place] == "num" and (value is None or self.values[place] == value)

    # -- building ---------------------------------------------------------------------------------

    def make(self, op: str, *args: int) -> int:
        """Return an operation, simplified where that changes no value."""
        if op in (">", ">="):
            op, args = {">": "<", ">=": "<="}[op], (args[1], args[0])
        if op == "!=":
            return self.make("not", self.make("==", *args))
        if all(self.ops[a] == "num" for a in args):
            with np.errstate(all="ignore"):
                value = float(FUNCTIONS[op](*(self.values[a] for a in args)))
            if math.isfinite(value):
                return self.number(value)
        short = self._short(op, args)
        return self._put(op, args) if short is None else short

    def _short(self, op: str, args: tuple[int, ...]) -> int | None:
        a, b = args[0], args[-1]
        zero, one = self.is_number, self.is_number
        match op:
            case "+":
                for x, y in ((a, b), (b, a)):
                    if self.ops[y] == "-" and self.args[y][1] == x:
                        return self.args[y][0]
                return b if zero(a, 0.0) else a if zero(b, 0.0) else None
            case "-":
                if a == b:
                    return self.zero
                if self.ops[b] == "-" and self.args[b][0] == a:
                    return self.args[b][1]
                return a if zero(b, 0.0) else self.make("neg", b) if zero(a, 0.0) else None
            case "*":
                if zero(a, 0.0) or zero(b, 0.0):
                    return self.zero
                return b if one(a, 1.0) else a if one(b, 1.0) else None
            case "/":
                return (
                    self.zero if zero(a, 0.0) and not zero(b, 0.0) else a if one(b, 1.0) else None
                )
            case "neg":
                return self.args[a][0] if self.ops[a] == "neg" else None
            case "pow":
                return self._power(a, b)
            case "if":
                return self._chosen(*args)
            case "and":
                falls = zero(a, 0.0) or zero(b, 0.0)
                return (
                    self.zero
                    if falls
                    else (
                        self.truth(b)
                        if self.is_number(a)
                        else self.truth(a)
                        if self.is_number(b) or a == b
                        else None
                    )
                )
            case "or":
                if (self.ops[a] == "not" and self.args[a][0] == b) or (
                    self.ops[b] == "not" and self.args[b][0] == a
                ):
                    return self.one
                holds = any(self.is_number(x) and self.values[x] for x in args)
                return (
                    self.one
                    if holds
                    else (
                        self.truth(b)
                        if self.is_number(a)
                        else self.truth(a)
                        if self.is_number(b) or a == b
                        else None
                    )
                )
            case "not":
                return (
                    self.args[a][0]
                    if self.ops[a] == "not" and self.ops[self.args[a][0]] in BOOLEAN
                    else None
                )
            case "<" | "<=" | "==":
                return self._compared(op, a, b)
            case "min" | "max":
                return a if a == b else None
        return None

    def truth(self, place: int) -> int:
        """Return 1 for what is not 0."""
        if self.ops[place] in BOOLEAN:
            return place
        if self.ops[place] == "if" and all(self.is_number(a) for a in self.args[place][1:]):
            yes, no = (bool(self.values[a]) for a in self.args[place][1:])
            condition = self.args[place][0]
            return (
                self.number(float(yes))
                if yes == no
                else condition
                if yes
                else self.make("not", condition)
            )
        return self.make("not", self.make("==", place, self.zero))

    def _power(self, a: int, b: int) -> int | None:
        value = self.values[b] if self.is_number(b) else math.nan
        if value == 0.0:
            return self.one
        if value == 0.5:
            return self.make("sqrt", a)
        if value != round(value) if not math.isnan(value) else True:
            return None
        if value < 0 or value > 8:
            return None
        found, base, left = self.one, a, int(value)
        while left:
            found = self.make("*", found, base) if left % 2 else found
            base, left = self.make("*", base, base) if left > 1 else base, left // 2
        return found

    def _chosen(self, condition: int, yes: int, no: int) -> int | None:
        if self.is_number(condition):
            return yes if self.values[condition] else no
        if yes == no:
            return yes
        if self.ops[condition] == "not":
            return self.make("if", self.args[condition][0], no, yes)
        if self.ops[yes] == "if" and self.args[yes][0] == condition:
            return self.make("if", condition, self.args[yes][1], no)
        if self.ops[no] == "if" and self.args[no][0] == condition:
            return self.make("if", condition, yes, self.args[no][2])
        return None

    def _compared(self, op: str, a: int, b: int) -> int | None:
        """Return what a comparison of a time with a number comes to: times are above 0, a step as
        small as one likes."""
        if a == b:
            return self.zero if op == "<" else self.one
        for x, y in ((a, b), (b, a)):  # a flag that is compared with a number
            if (
                self.is_number(y)
                and self.ops[x] == "if"
                and all(self.is_number(k) for k in self.args[x][1:])
            ):
                yes, no = (self.make(op, *((k, y) if x == a else (y, k))) for k in self.args[x][1:])
                return self.truth(self.make("if", self.args[x][0], yes, no))
        for x, y, sign in ((a, b, 1.0), (b, a, -1.0)):
            if self.ops[x] != "sym" or self.names[x] not in (TIME, STEP) or not self.is_number(y):
                continue
            least = self.values[y] <= 0.0
            if least or self.names[x] == STEP:
                return self.zero if op == "==" else self.number(float((sign < 0) == least))
        return None

    # -- derivatives and substitution -------------------------------------------------------------

    def slope(self, place: int, symbol: int) -> int:
        """Return the derivative of an expression by a symbol (or by a ``ddt``, taken as one)."""
        if place == symbol:
            return self.one
        if symbol not in self._held[place] or self.ops[place] == "ddt":
            return self.zero
        found = self._slopes.get((place, symbol))
        if found is None:
            for at in self.order([place]):  # arguments first: a long sum is no deep recursion
                if (
                    (at, symbol) not in self._slopes
                    and at != symbol
                    and symbol in self._held[at]
                    and self.ops[at] != "ddt"
                ):
                    self._slopes[at, symbol] = self._slope(at, symbol)
            found = self._slopes[place, symbol]
        return found

    def _slope(self, place: int, symbol: int) -> int:
        op, args, make = self.ops[place], self.args[place], self.make
        slopes = [self.slope(a, symbol) for a in args]
        a, b = args[0], args[-1]
        match op:
            case "+" | "-":
                return make(op, *slopes)
            case "*":
                return make("+", make("*", slopes[0], b), make("*", a, slopes[1]))
            case "/":
                return make("/", make("-", slopes[0], make("*", place, slopes[1])), b)
            case "neg":
                return make("neg", slopes[0])
            case "min" | "max":
                return make("if", make("<" if op == "min" else ">", a, b), *slopes)
            case "if":
                return make("if", a, slopes[1], slopes[2])
            case "pow":
                # At a base of 0 a root has no slope; what it is multiplied with is 0 there wherever
                # the model has a value.
                steep = make("and", make("==", a, self.zero), make("<", b, self.one))
                by_base = make(
                    "if", steep, self.zero, make("*", b, make("pow", a, make("-", b, self.one)))
                )
                by_power = make(
                    "if", make("==", a, self.zero), self.zero, make("*", place, make("ln", a))
                )
                return make("+", make("*", by_base, slopes[0]), make("*", by_power, slopes[1]))
            case "atan2":
                square = make("+", make("*", a, a), make("*", b, b))
                return make(
                    "/", make("-", make("*", b, slopes[0]), make("*", a, slopes[1])), square
                )
            case _ if op in STEPS:
                return self.zero
            case _:
                return make("*", self._outer(place, a), slopes[0])

    def _outer(self, place: int, x: int) -> int:
        """Return the derivative of a function by its argument."""
        make, one = self.make, self.one
        square, inverse = make("*", x, x), make("/", one, x)
        match self.ops[place]:
            case "exp":
                return place
            case "ln":
                return inverse
            case "sqrt":
                return make(
                    "if", make("==", x, self.zero), self.zero, make("/", self.number(0.5), place)
                )
            case "abs":
                return make("sgn", x)
            case "sin":
                return make("cos", x)
            case "cos":
                return make("neg", make("sin", x))
            case "tan":
                return make("+", one, make("*", place, place))
            case "tanh":
                return make("-", one, make("*", place, place))
            case "sinh" | "cosh":
                return make("cosh" if self.ops[place] == "sinh" else "sinh", x)
            case "asin" | "acos":
                return make(
                    "/",
                    self.number(1.0 if self.ops[place] == "asin" else -1.0),
                    make("sqrt", make("-", one, square)),
                )
            case "atan":
                return make("/", one, make("+", one, square))
            case "asinh":
                return make("/", one, make("sqrt", make("+", square, one)))
            case "acosh":
                return make("/", one, make("sqrt", make("-", square, one)))
            case "atanh":
                return make("/", one, make("-", one, square))
        raise AssertionError(self.ops[place])

    def straight(self, place: int, symbol: int) -> bool:
        """Return whether an expression is a straight line in a symbol. Steps and conditions have no
        slope, and are none."""
        straight: dict[int, bool] = {}
        for at in self.order([place]):
            args, held = self.args[at], [symbol in self._held[a] for a in self.args[at]]
            if symbol not in self._held[at] or at == symbol:
                straight[at] = True
            elif self.ops[at] in ("+", "-", "neg"):
                straight[at] = all(straight[a] for a in args)
            elif self.ops[at] == "*":
                straight[at] = not all(held) and straight[args[held.index(True)]]
            else:
                straight[at] = self.ops[at] == "/" and not held[1] and straight[args[0]]
        return straight[place]

    def proportional(self, place: int, symbols: frozenset[int]) -> bool:
        """Return whether an expression is a sum of some symbols times factors that hold none of
        them: multiplied by k, they multiply it by k. A condition may choose between such sums as
        long as it holds none of the symbols itself."""
        found: dict[int, bool] = {}
        for at in self.order([place]):
            args, held = self.args[at], [bool(symbols & self._held[a]) for a in self.args[at]]
            match self.ops[at]:
                case "num":
                    found[at] = self.values[at] == 0.0
                case "sym":
                    found[at] = at in symbols
                case "+" | "-" | "neg":
                    found[at] = all(found[a] for a in args)
                case "*":
                    found[at] = sum(held) == 1 and found[args[held.index(True)]]
                case "/":
                    found[at] = not held[1] and found[args[0]]
                case "if":
                    found[at] = not held[0] and found[args[1]] and found[args[2]]
                case _:
                    found[at] = False
        return found[place]

    def order(self, wanted: Iterable[int]) -> list[int]:
        """Return the places that are needed for these expressions, arguments first."""
        seen: set[int] = set()
        left = list(wanted)
        while left:
            place = left.pop()
            if place not in seen:
                seen.add(place)
                left.extend(self.args[place])
        return sorted(seen)

    def put(self, wanted: Sequence[int], instead: Mapping[int, int]) -> list[int]:
        """Return expressions with others in the place of some; what is put in is left as it is."""
        if not any(key in self._held[w] or key == w for w in wanted for key in instead) and not any(
            self.ops[key] not in ("sym", "ddt") for key in instead
        ):
            return list(wanted)
        made = dict(instead)
        for place in self.order(wanted):
            if place not in made:
                args = tuple(made[a] for a in self.args[place])
                if args == self.args[place]:
                    made[place] = place
                else:
                    made[place] = (
                        self.ddt(args[0])
                        if self.ops[place] == "ddt"
                        else self.make(self.ops[place], *args)
                    )
                    if place in self.where:
                        self.where.setdefault(made[place], self.where[place])
        return [made[w] for w in wanted]

    def copy(
        self, wanted: Sequence[int], into: Graph, numbers: Mapping[str, float] | None = None
    ) -> list[int]:
        """Return expressions built anew in another graph, with numbers in the place of some
        symbols."""
        made: dict[int, int] = {}
        for place in self.order(wanted):
            op = self.ops[place]
            if op == "num":
                made[place] = into.number(self.values[place])
            elif op == "sym":
                name = self.names[place]
                made[place] = (
                    into.number(numbers[name])
                    if numbers is not None and name in numbers
                    else into.symbol(name)
                )
            else:
                made[place] = into.make(op, *(made[a] for a in self.args[place]))
        return [made[w] for w in wanted]

    def symbols(self, place: int) -> set[str]:
        """Return the names of the symbols in an expression."""
        return {self.names[k] for k in self._held[place] if self.ops[k] == "sym"}


class Program:
    """Some expressions of a graph as a list of NumPy operations."""

    def __init__(self, graph: Graph, wanted: Sequence[int]) -> None:
        places = graph.order(wanted)
        slots = {place: k for k, place in enumerate(places)}
        self._first: list[Any] = [
            graph.values[p] if graph.ops[p] == "num" else None for p in places
        ]
        self._inputs = [(graph.names[p], slots[p]) for p in places if graph.ops[p] == "sym"]
        self._steps = [
            (FUNCTIONS[graph.ops[p]], tuple(slots[a] for a in graph.args[p]), slots[p])
            for p in places
            if graph.ops[p] not in ("num", "sym")
        ]
        self._outputs = [slots[p] for p in wanted]

    def run(self, known: Mapping[str, Any]) -> list[Any]:
        """Return the values of the expressions at the values of their symbols."""
        values = list(self._first)
        for name, slot in self._inputs:
            values[slot] = known[name]
        with np.errstate(all="ignore"):
            for function, args, slot in self._steps:
                values[slot] = function(*[values[k] for k in args])
        return [values[k] for k in self._outputs]


def value(graph: Graph, place: int, known: Mapping[str, Any]) -> Any:
    """Return the value of one expression."""
    with np.errstate(all="ignore"):
        return Program(graph, [place]).run(known)[0]
