"""The analog block of a module, run once on symbols: what is contributed to each branch, and what
its variables are afterwards.

Conditions become choices between the values of both arms, loops with constant bounds are written
out, functions stand in their places."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from spicesnn.devices.importers.graph import TIME, Graph
from spicesnn.devices.importers.veriloga.exhausted import without_exhausted
from spicesnn.devices.importers.veriloga.syntax import (
    Expression,
    Function,
    Module,
    Statement,
    Variable,
)
from spicesnn.devices.importers.veriloga.text import Word
from spicesnn.errors import UnsupportedNetlistError

_ROUNDS = 10_000
BOLTZMANN_OVER_CHARGE = 1.3806488e-23 / 1.602176565e-19
"""k/q of ``$vt``, volt a kelvin: CODATA 2010, as compilers of the language have it."""
_ONE = {
    name: name
    for name in (
        "abs",
        "exp",
        "ln",
        "sqrt",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
        "floor",
        "ceil",
    )
}
_LARGEST_EXPONENT = 700.0
"""Beyond it an exponential is no number any more, and derivatives of quotients of such are none."""
_TWO = {"min": "min", "max": "max", "pow": "pow", "atan2": "atan2"}
_SHOWN = frozenset(
    {
        "$strobe",
        "$display",
        "$monitor",
        "$write",
        "$debug",
        "$warning",
        "$info",
        "$bound_step",
        "$discontinuity",
        "$fstrobe",
        "$fdisplay",
        "$fwrite",
        "$fmonitor",
        "$fopen",
        "$fclose",
    }
)
"""Tasks that do nothing to the equations."""
_ENDS = frozenset({"$fatal", "$finish", "$stop", "$error"})
_WHY = {
    "transition": (
        "a wave shaped in time has no equation for a device; drive the device with such a wave from"
        " outside"
    ),
    "slew": "a filter in time is not understood; write it with ddt()",
    "absdelay": "a delay has no state equation",
    "laplace_nd": "filters are not understood; write them with ddt()",
    "laplace_np": "filters are not understood; write them with ddt()",
    "laplace_zp": "filters are not understood; write them with ddt()",
    "laplace_zd": "filters are not understood; write them with ddt()",
    "white_noise": "noise sources are not taken; engines have read noise of their own",
    "flicker_noise": "noise sources are not taken; engines have read noise of their own",
    "noise_table": "noise sources are not taken; engines have read noise of their own",
    "ac_stim": "sources of AC analyses are not taken",
    "idtmod": "an integral that wraps around has no smooth state",
    "last_crossing": "it looks back in time",
    "table_model": "tables are not read",
    "$limit": "limiting between iterations is the simulator's; write the plain voltage",
    "$simparam": "it asks the simulator; write the value",
    "$table_model": "tables are not read",
    "$param_given": "it asks how the device is called; write the condition on the value",
    "$port_connected": "it asks how the device is wired",
    "$realtime": "use $abstime",
}


WHY_NOT_RANDOM = (
    "random numbers are not taken; engines draw device-to-device and cycle-to-cycle variation. Where a"
    " parameter switches them off, say its value: --set NAME=VALUE"
)
RANDOM = "random:"
"""How symbols of random numbers begin."""
_RANDOM = re.compile(r"\$(?:a|u)?random|\$r?dist_\w+")


class RandomNumbersError(UnsupportedNetlistError):
    """The equations depend on random numbers."""


class StepLengthError(UnsupportedNetlistError):
    """A state is advanced by a parameter that is the length of a step, or by no time at all."""


class FixesError(Exception):
    """Parameters decide what the equations are, so they must keep their defaults: their names and
    why."""

    def __init__(self, names: frozenset[str], why: str) -> None:
        super().__init__(why)
        self.names, self.why = names, why


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch: its name in the text if it has one, and its nodes (``0`` is the ground)."""

    name: str
    high: str
    low: str

    @property
    def key(self) -> str:
        """How its flow is called among the symbols."""
        return f"flow:{self.name}" if self.name else f"flow:({self.high},{self.low})"


@dataclass(frozen=True, slots=True)
class Contribution:
    """What is added to a branch: to its flow or to its potential, or (``indirect``) what must be
    equal to nothing."""

    kind: str
    branch: Branch
    value: int
    guard: int
    at: Word


@dataclass(slots=True)
class Outcome:
    """What one run of the analog block came to.

    Attributes
    ----------
    contributions : list of Contribution
    variables : dict
        Variable → its value in the end.
    integrals : list of (symbol, rate, start or None, where)
        Of each ``idt``.
    lost : list of str
        What was left out, by line.
    forbidden : list of (condition, where)
        Where the model stops the simulation.
    accesses : list of (node, node, where)
        Potentials that were asked for.
    branches : dict
        Key → branch, each once, in the orientation that was seen first.
    assigned : dict
        Variable → where it is assigned last.
    random : dict
        Symbol of a random number → where it is drawn.
    """

    contributions: list[Contribution] = field(default_factory=list)
    variables: dict[str, int] = field(default_factory=dict)
    integrals: list[tuple[int, int, int | None, Word]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    forbidden: list[tuple[int, Word]] = field(default_factory=list)
    accesses: list[tuple[str, str, Word]] = field(default_factory=list)
    branches: dict[str, Branch] = field(default_factory=dict)
    assigned: dict[str, Word] = field(default_factory=dict)
    random: dict[str, Word] = field(default_factory=dict)


Typed = tuple[int, bool]
"""An expression and whether it is an integer."""


class Run:
    """One run.

    Parameters
    ----------
    module : Module
    graph : Graph
    parameters : Mapping
        Name → expression and whether it is an integer.
    before : Mapping
        Variable → its value before the run; 0 where it is left out.
    initial : bool
        Whether this is the run of the first instant.
    """

    def __init__(
        self,
        module: Module,
        graph: Graph,
        parameters: Mapping[str, Typed],
        before: Mapping[str, int],
        initial: bool,
    ) -> None:
        self.module, self.graph, self.parameters, self.initial = module, graph, parameters, initial
        self.accesses = module.accesses()
        self.outcome = Outcome()
        self.guard = graph.one
        self.values: dict[str, int] = dict(before)
        self.integer: dict[str, bool] = {}
        self.scopes: list[dict[str, str]] = [{}]
        self.inside: tuple[str, ...] = ()
        for name in [*module.nodes]:
            if name in module.parameters or name in module.variables:
                raise module.at.error(f"{name!r} is a node and something else as well")
        self.declare(tuple(module.variables.values()), "")

    def run(self) -> Outcome:
        """Run the block and return what it came to."""
        for statement in (
            (*self.module.initial, *self.module.analog) if self.initial else self.module.analog
        ):
            self.do(statement)
        self.outcome.variables = dict(self.values)
        return self.outcome

    # -- variables --------------------------------------------------------------------------------

    def declare(self, variables: tuple[Variable, ...], prefix: str, fresh: bool = False) -> None:
        scope = self.scopes[-1]
        for variable in variables:
            key = f"{prefix}{variable.name}"
            scope[variable.name] = key
            self.integer[key] = variable.integer
            if key not in self.values or fresh:
                start = self.graph.zero
                if variable.start is not None and (self.initial or fresh):
                    start = self.cast(self.value(variable.start), variable.integer)
                self.values[key] = start

    def key(self, name: str) -> str | None:
        """Return the variable that a name means here."""
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
            if "" in scope:  # a function sees its own names and parameters only
                return None
        return None

    def cast(self, found: Typed, integer: bool) -> int:
        place, whole = found
        if not integer or whole:
            return place
        make, half = self.graph.make, self.graph.number(0.5)
        return make(
            "if",
            make("<", place, self.graph.zero),
            make("ceil", make("-", place, half)),
            make("floor", make("+", place, half)),
        )

    # -- statements -------------------------------------------------------------------------------

    def do(self, statement: Statement) -> None:
        match statement.kind:
            case "block":
                self.scopes.append({})
                self.declare(statement.declared, f"line {statement.at.line}.")
                for inner in statement.inner:
                    self.do(inner)
                self.scopes.pop()
            case "assign":
                self.assign(statement)
            case "if":
                no = statement.inner[1] if len(statement.inner) > 1 else None
                self.branch(self.condition(statement.values[0]), statement.inner[0], no)
            case "case":
                self.case(statement)
            case "for" | "while" | "repeat":
                self.loop(statement)
            case "event":
                self.event(statement)
            case "contribute" | "indirect":
                self.contribute(statement)
            case "task":
                self.task(statement)

    def assign(self, statement: Statement) -> None:
        assert statement.target is not None
        name = statement.target.at.text
        key = self.key(name)
        if key is None:
            known = (
                "a parameter, which cannot be assigned"
                if name in self.parameters
                else "not declared"
            )
            raise statement.at.error(f"{name!r} is {known}")
        self.values[key] = self.cast(self.value(statement.values[0]), self.integer[key])
        self.outcome.assigned[key] = statement.at

    def branch(self, condition: int, yes: Statement, no: Statement | None) -> None:
        graph = self.graph
        if graph.is_number(condition):
            taken = yes if graph.values[condition] else no
            if taken is not None:
                self.do(taken)
            return
        before, outer = dict(self.values), self.guard
        self.guard = graph.make("and", outer, condition)
        self.do(yes)
        after_yes = self.values
        self.values, self.guard = (
            dict(before),
            graph.make("and", outer, graph.make("not", condition)),
        )
        if no is not None:
            self.do(no)
        self.guard = outer
        merged = {}
        for key in {**after_yes, **self.values}:
            a, b = after_yes.get(key, graph.zero), self.values.get(key, graph.zero)
            merged[key] = self.chosen(key, condition, a, b)
        self.values = merged

    def chosen(self, key: str, condition: int, yes: int, no: int) -> int:
        """Return what a variable holds behind a condition; what it held before the run is left out
        where the conditions on the way exclude each other."""
        graph, old = self.graph, self.graph.symbol(f"old:{key}")
        if old in graph.held(yes) | graph.held(no):
            yes = without_exhausted(graph, yes, condition, True, old)
            no = without_exhausted(graph, no, condition, False, old)
        return graph.make("if", condition, yes, no)

    def case(self, statement: Statement) -> None:
        value = self.value(statement.values[0])[0]
        rest = Statement("nothing", statement.at)
        for labels, inner in zip(statement.labels, statement.inner, strict=True):
            if not labels:
                rest = inner
        arms = [
            (labels, inner)
            for labels, inner in zip(statement.labels, statement.inner, strict=True)
            if labels
        ]
        self.arms(value, arms, rest)

    def arms(
        self, value: int, arms: list[tuple[tuple[Expression, ...], Statement]], rest: Statement
    ) -> None:
        """Run the arms of a case from the first on, each as an if with the others behind its
        else."""
        if not arms:
            self.do(rest)
            return
        graph = self.graph
        holds = graph.zero
        for label in arms[0][0]:
            holds = graph.make("or", holds, graph.make("==", value, self.value(label)[0]))
        if graph.is_number(holds):
            if graph.values[holds]:
                self.do(arms[0][1])
            else:
                self.arms(value, arms[1:], rest)
            return
        before, outer = dict(self.values), self.guard
        self.guard = graph.make("and", outer, holds)
        self.do(arms[0][1])
        after = self.values
        self.values, self.guard = dict(before), graph.make("and", outer, graph.make("not", holds))
        self.arms(value, arms[1:], rest)
        self.guard = outer
        self.values = {
            key: self.chosen(
                key, holds, after.get(key, graph.zero), self.values.get(key, graph.zero)
            )
            for key in {**after, **self.values}
        }

    def constant(self, expression: Expression, what: str) -> float:
        """Return a number that must be known while the text is read."""
        place = self.value(expression)[0]
        if self.graph.is_number(place):
            return self.graph.values[place]
        symbols = self.graph.symbols(place)
        if symbols and all(name.startswith("par:") for name in symbols):
            raise FixesError(
                frozenset(name[4:] for name in symbols),
                f"line {expression.at.line}: it decides {what}",
            )
        raise expression.at.error(
            f"{what} depends on voltages, states or time, so the equations cannot be written out"
        )

    def loop(self, statement: Statement) -> None:
        if statement.kind == "repeat":
            count = self.constant(statement.values[0], "how often a loop runs")
            if not 0 <= count <= _ROUNDS:
                raise statement.at.error(
                    f"the loop runs {count:g} times; expected at most {_ROUNDS}"
                )
            for _ in range(int(count)):
                self.do(statement.inner[0])
            return
        first, step, body = (
            statement.inner if statement.kind == "for" else (None, None, statement.inner[0])
        )
        if first is not None:
            self.do(first)
        for _ in range(_ROUNDS):
            if not self.constant(statement.values[0], "how often a loop runs"):
                return
            self.do(body)
            if step is not None:
                self.do(step)
        raise statement.at.error(f"the loop has not ended after {_ROUNDS} rounds")

    def event(self, statement: Statement) -> None:
        event = statement.target
        assert event is not None
        if event.at.text == "final_step" and self.shows(statement.inner[0]):
            self.do(statement.inner[0])
            return
        if event.at.text != "initial_step" or event.op not in ("name", "call"):
            raise event.at.error(
                f"@({event.at.text}) is not understood; of the events only initial_step has a"
                " meaning for state equations"
            )
        if self.initial:
            self.do(statement.inner[0])

    def shows(self, statement: Statement) -> bool:
        """Return whether a statement does nothing but show something."""
        if statement.kind == "block":
            return all(self.shows(inner) for inner in statement.inner)
        return statement.kind == "nothing" or (
            statement.kind == "task" and statement.at.text in _SHOWN
        )

    def contribute(self, statement: Statement) -> None:
        target = statement.target
        assert target is not None
        potential = self.accesses.get(target.at.text)
        if target.op != "call" or potential is None or target.at.text in ("potential", "flow"):
            raise statement.at.error(f"{target.at.text!r} is no access function, such as V or I")
        branch, sign = self.branch_of(target)
        if statement.kind == "indirect":
            left, right = (self.value(v)[0] for v in statement.values)
            value, kind = self.graph.make("-", left, right), "indirect"
            if not self.graph.is_number(self.guard):
                raise statement.at.error(
                    "an equation with ':' inside a condition is not understood"
                )
        else:
            value = self.value(statement.values[0])[0]
            value, kind = (
                value if sign > 0 else self.graph.make("neg", value),
                "potential" if potential else "flow",
            )
        self.outcome.contributions.append(
            Contribution(kind, branch, value, self.guard, statement.at)
        )

    def task(self, statement: Statement) -> None:
        call = statement.target
        assert call is not None
        name = call.at.text
        if name in _SHOWN:
            note = f"line {call.at.line}: {name}"
            if note not in self.outcome.lost:
                self.outcome.lost.append(note)
        elif name in _ENDS:
            self.outcome.forbidden.append((self.guard, call.at))
        else:
            raise call.at.error(
                f"{name} is not understood{'; ' + _WHY[name] if name in _WHY else ''}"
            )

    # -- expressions ------------------------------------------------------------------------------

    def condition(self, expression: Expression) -> int:
        return self.graph.truth(self.value(expression)[0])

    def value(self, e: Expression) -> Typed:
        """Return an expression on the graph, and whether it is an integer."""
        graph, make = self.graph, self.graph.make
        match e.op:
            case "num":
                return self.number(e)
            case "name":
                return self.named(e)
            case "call":
                return self.call(e)
            case "?":
                condition = self.condition(e.args[0])
                if graph.is_number(condition):
                    return self.value(e.args[1] if graph.values[condition] else e.args[2])
                (a, whole_a), (b, whole_b) = self.value(e.args[1]), self.value(e.args[2])
                return make("if", condition, a, b), whole_a and whole_b
            case "string" | "empty":
                raise e.at.error(f"{e.at.text or 'nothing'} where a number was expected")
            case "neg":
                place, whole = self.value(e.args[0])
                return make("neg", place), whole
            case "!":
                return self.as_number(make("not", self.condition(e.args[0])))
            case "&&" | "||":
                return self.as_number(
                    make("and" if e.op == "&&" else "or", *(self.condition(a) for a in e.args))
                )
        (a, whole_a), (b, whole_b) = self.value(e.args[0]), self.value(e.args[1])
        whole = whole_a and whole_b
        if e.op in ("<", "<=", ">", ">=", "==", "!="):
            return self.as_number(make(e.op, a, b))
        if e.op in ("&", "|", "^"):
            return self.as_number(self.of_bits(e, a, b))
        if e.op == "/":
            if graph.is_number(b, 0.0) and not self.initial:
                raise e.at.error("a division by 0")
            return (self.truncated(make("/", a, b)), True) if whole else (make("/", a, b), False)
        if e.op == "%":
            return make("-", a, make("*", b, self.truncated(make("/", a, b)))), whole
        if e.op == "**":
            return make("pow", a, b), whole
        return make(e.op, a, b), whole

    def of_bits(self, e: Expression, a: int, b: int) -> int:
        """Return what `&`, `|` or `^` comes to where both sides are conditions, 1 or 0."""
        graph, make = self.graph, self.graph.make
        if not (self.is_bit(a) and self.is_bit(b)):
            raise e.at.error(
                f"{e.at.text!r} works on the bits of numbers, which is not understood; expected"
                " conditions on both sides, such as (a < b) & (c > 0)"
            )
        x, y = graph.truth(a), graph.truth(b)
        if e.op == "^":
            return make("or", make("and", x, make("not", y)), make("and", make("not", x), y))
        return make("and" if e.op == "&" else "or", x, y)

    def is_bit(self, place: int) -> bool:
        """Return whether an expression is 1 or 0, whatever its symbols are."""
        graph = self.graph
        if graph.is_number(place):
            return graph.values[place] in (0.0, 1.0)
        return graph.ops[place] == "if" and all(self.is_bit(a) for a in graph.args[place][1:])

    def as_number(self, condition: int) -> Typed:
        """Return a condition as 1 or 0."""
        return self.graph.make("if", condition, self.graph.one, self.graph.zero), True

    def truncated(self, place: int) -> int:
        make = self.graph.make
        return make(
            "if", make("<", place, self.graph.zero), make("ceil", place), make("floor", place)
        )

    def number(self, e: Expression) -> Typed:
        text = e.at.text.replace("_", "")
        suffix = {
            "T": 12,
            "G": 9,
            "M": 6,
            "K": 3,
            "k": 3,
            "m": -3,
            "u": -6,
            "n": -9,
            "p": -12,
            "f": -15,
            "a": -18,
        }.get(text[-1])
        value = float(text) if suffix is None else float(f"{text[:-1]}e{suffix}")
        if not math.isfinite(value):
            raise e.at.error(f"{e.at.text} is too large")
        return self.graph.number(value), text.isdigit()

    def named(self, e: Expression) -> Typed:
        name = e.at.text
        key = self.key(name)
        if key is not None:
            return self.values[key], self.integer[key]
        if name in self.parameters:
            return self.parameters[name]
        match name:
            case "$abstime":
                return self.graph.zero if self.initial else self.graph.symbol(TIME), False
            case "$temperature":
                return self.parameters["$temperature"]
            case "$vt":
                return (
                    self.graph.make(
                        "*",
                        self.graph.number(BOLTZMANN_OVER_CHARGE),
                        self.parameters["$temperature"][0],
                    ),
                    False,
                )
            case "$mfactor":
                return self.graph.one, False
        if _RANDOM.fullmatch(name):
            return self.random(e), True
        if name in _WHY:
            raise e.at.error(f"{name} is not understood; {_WHY[name]}")
        raise e.at.error(
            f"{name!r} is not declared" if not name.startswith("$") else f"{name} is not understood"
        )

    def call(self, e: Expression) -> Typed:
        name, graph = e.at.text, self.graph
        if name in self.module.functions:
            return self.function(self.module.functions[name], e)
        if name in self.accesses or name in ("potential", "flow"):
            return self.access(e), False
        plain = name.removeprefix("$")
        if plain in _ONE and len(e.args) == 1:
            place, whole = self.value(e.args[0])
            return graph.make(_ONE[plain], place), (whole and plain == "abs") or plain in (
                "floor",
                "ceil",
            )
        if plain == "limexp" and len(e.args) == 1:
            place = graph.make("min", self.value(e.args[0])[0], graph.number(_LARGEST_EXPONENT))
            return graph.make("exp", place), False
        if plain in _TWO and len(e.args) == 2:
            (a, whole_a), (b, whole_b) = (self.value(x) for x in e.args)
            return graph.make(_TWO[plain], a, b), whole_a and whole_b and plain in ("min", "max")
        match plain:
            case "log" | "log10" if len(e.args) == 1:
                return (
                    graph.make(
                        "/",
                        graph.make("ln", self.value(e.args[0])[0]),
                        graph.number(math.log(10.0)),
                    ),
                    False,
                )
            case "hypot" if len(e.args) == 2:
                a, b = (self.value(x)[0] for x in e.args)
                return (
                    graph.make(
                        "sqrt", graph.make("+", graph.make("*", a, a), graph.make("*", b, b))
                    ),
                    False,
                )
            case "int" | "rtoi" if len(e.args) == 1:
                return self.truncated(self.value(e.args[0])[0]), True
            case "itor" if len(e.args) == 1:
                return self.value(e.args[0])[0], False
            case "vt" if len(e.args) == 1:
                return (
                    graph.make("*", graph.number(BOLTZMANN_OVER_CHARGE), self.value(e.args[0])[0]),
                    False,
                )
            case "ddt" if len(e.args) in (1, 2):
                return self.derivative(e), False
            case "idt":
                return self.integral(e), False
            case "ddx" if len(e.args) == 2:
                return self.partial(e), False
            case "analysis" if all(a.op == "string" for a in e.args):
                kinds = {a.at.text[1:-1] for a in e.args}
                unknown = kinds - {"tran", "static", "ic", "dc", "ac", "noise", "nodeset"}
                if unknown:
                    raise e.at.error(f'analysis("{min(unknown)}") is not understood')
                now = {"tran", "static", "ic"} if self.initial else {"tran"}
                return self.graph.number(float(bool(kinds & now))), True
        if _RANDOM.fullmatch(name):
            return self.random(e), name in ("$random", "$arandom", "$urandom")
        if name in _WHY:
            raise e.at.error(f"{name}() is not understood; {_WHY[name]}")
        raise e.at.error(f"{name}() with {len(e.args)} arguments is not understood")

    def random(self, e: Expression) -> int:
        """Return a symbol for a random number, which the equations may not depend on in the end."""
        name = f"{RANDOM}{len(self.outcome.random)}"
        self.outcome.random[name] = e.at
        return self.graph.symbol(name)

    def derivative(self, e: Expression) -> int:
        place = self.graph.ddt(self.value(e.args[0])[0])
        self.graph.where.setdefault(place, e.at.line)
        return place

    def integral(self, e: Expression) -> int:
        if not 1 <= len(e.args) <= 2:
            raise e.at.error(
                "idt() with a reset is not understood; write the condition into its rate"
            )
        if not self.graph.is_number(self.guard):
            raise e.at.error(
                "idt() inside a condition is not understood; write it in front and the condition"
                " around its result"
            )
        rate = self.value(e.args[0])[0]
        start = self.value(e.args[1])[0] if len(e.args) == 2 else None
        symbol = self.graph.symbol(f"idt:{len(self.outcome.integrals)}")
        self.outcome.integrals.append((symbol, rate, start, e.at))
        return symbol

    def partial(self, e: Expression) -> int:
        """Return the derivative of an expression by a node's potential or a branch's flow."""
        by = e.args[1]
        if by.op != "call" or self.accesses.get(by.at.text) is None:
            raise by.at.error(
                "ddx() is taken by a node's potential, such as V(p), or a branch's flow"
            )
        value = self.value(e.args[0])[0]
        place, sign = self.access(by), 1
        if self.graph.ops[place] == "neg":
            place, sign = self.graph.args[place][0], -1
        if self.graph.ops[place] != "sym":
            raise by.at.error("ddx() is taken by the potential of one node, such as V(p)")
        found = self.graph.slope(value, place)
        return found if sign > 0 else self.graph.make("neg", found)

    def branch_of(self, e: Expression) -> tuple[Branch, int]:
        """Return the branch that an access means, and its sign."""
        module = self.module
        names = [a.at.text for a in e.args]
        if not 1 <= len(names) <= 2 or any(a.op != "name" for a in e.args):
            raise e.at.error(f"{e.at.text}() takes a branch or one or two nodes")
        if len(names) == 1 and names[0] in module.branches:
            high, low = module.branches[names[0]]
            return self.seen(Branch(names[0], self.node(high), self.node(low)))
        for argument in e.args:
            if argument.at.text not in module.nodes:
                raise argument.at.error(f"{argument.at.text!r} is no node and no branch")
        high, low = names[0], names[1] if len(names) == 2 else None
        if self.node(high) == self.node(low):
            raise e.at.error(f"{e.at.text}({', '.join(names)}) is between a node and itself")
        return self.seen(Branch("", self.node(high), self.node(low)))

    def node(self, name: str | None) -> str:
        return "0" if name is None or name in self.module.grounds else name

    def seen(self, branch: Branch) -> tuple[Branch, int]:
        turned = Branch(branch.name, branch.low, branch.high)
        if not branch.name and turned.key in self.outcome.branches:
            return turned, -1
        self.outcome.branches.setdefault(branch.key, branch)
        return branch, 1

    def access(self, e: Expression) -> int:
        graph, name = self.graph, e.at.text
        potential = name == "potential" if name in ("potential", "flow") else self.accesses[name]
        if not potential:
            branch, sign = self.branch_of(e)
            place = graph.symbol(branch.key)
            return place if sign > 0 else graph.make("neg", place)
        names = [a.at.text for a in e.args]
        if len(names) == 1 and names[0] in self.module.branches and e.args[0].op == "name":
            ends = self.module.branches[names[0]]
        else:
            if not 1 <= len(names) <= 2:
                raise e.at.error(f"{name}() takes a branch or one or two nodes")
            for argument in e.args:
                if argument.op != "name" or argument.at.text not in self.module.nodes:
                    raise argument.at.error(f"{argument.at.text!r} is no node and no branch")
            ends = names[0], names[1] if len(names) == 2 else None
        high, low = self.node(ends[0]), self.node(ends[1])
        self.outcome.accesses.append((high, low, e.at))
        places = [
            graph.zero if node == "0" else graph.symbol(f"node:{node}") for node in (high, low)
        ]
        return graph.make("-", *places)

    def function(self, function: Function, e: Expression) -> Typed:
        if function.name in self.inside:
            raise e.at.error(f"{function.name}() calls itself")
        if len(e.args) != len(function.arguments):
            raise e.at.error(
                f"{function.name}() takes {len(function.arguments)} arguments, not {len(e.args)}"
            )
        given = [
            self.value(a) if direction != "output" else (self.graph.zero, False)
            for a, (_, direction) in zip(e.args, function.arguments, strict=True)
        ]
        prefix = f"{function.name}() line {e.at.line}."
        outer, self.inside = self.inside, (*self.inside, function.name)
        kept = {key: value for key, value in self.values.items() if key.startswith(prefix)}
        self.scopes.append({"": ""})
        # Arguments first: the others may start at values that are made of them.
        known = {variable.name: variable for variable in function.variables}
        for (name, _), value in zip(function.arguments, given, strict=True):
            own = known.pop(name, Variable(name, False, None, function.at))
            self.declare((own,), prefix, fresh=True)
            key = f"{prefix}{name}"
            self.values[key] = self.cast(value, self.integer[key])
        result = Variable(function.name, function.integer, None, function.at)
        self.declare((*known.values(), result), prefix, fresh=True)
        self.do(function.body)
        results = {name: self.values[f"{prefix}{name}"] for name, _ in function.arguments}
        found = self.values[f"{prefix}{function.name}"], function.integer
        self.scopes.pop()
        self.inside = outer
        self.values = {
            key: value for key, value in self.values.items() if not key.startswith(prefix)
        } | kept
        for argument, (name, direction) in zip(e.args, function.arguments, strict=True):
            if direction == "input":
                continue
            into = self.key(argument.at.text) if argument.op == "name" else None
            if into is None:
                raise argument.at.error(
                    f"{function.name}() writes into {name}: expected a variable there"
                )
            self.values[into] = self.cast(
                (results[name], self.integer.get(f"{prefix}{name}", False)), self.integer[into]
            )
        return found
