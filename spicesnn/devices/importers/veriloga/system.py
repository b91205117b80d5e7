"""From contributions to branches, by Kirchhoff's laws, to i(v, x, u), dx/dt = f(v, x, u) and 0 =
g(v, x, u).

What can be solved for by itself is; states are what ``ddt`` acts on, integrals, and what the model
advances by hand; the rest stays unknown, with an equation each that Newton's method solves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from spicesnn.devices.importers.graph import BOOLEAN, Graph
from spicesnn.devices.importers.veriloga.execute import (
    WHY_NOT_RANDOM,
    Branch,
    Contribution,
    FixesError,
    Outcome,
    RandomNumbersError,
)
from spicesnn.devices.importers.veriloga.hidden import Advanced, Settled
from spicesnn.devices.importers.veriloga.syntax import Module
from spicesnn.errors import InputError, UnsupportedNetlistError

_ATOMS = 12


@dataclass(frozen=True, slots=True, eq=False)
class StateEquation:
    """A state.

    Attributes
    ----------
    name : str
        Of its node or its variable.
    kind : str
        ``ddt``, ``idt`` or ``hand``.
    symbol, rate : int
    start, low, high : int or None
        As far as the text says.
    unit : str
    thermal : bool
    line : int
    """

    name: str
    kind: str
    symbol: int
    rate: int
    start: int | None
    low: int | None
    high: int | None
    unit: str
    thermal: bool
    line: int


@dataclass(slots=True, eq=False)
class System:
    """The equations of a two-terminal device.

    Attributes
    ----------
    current : int
        Into the terminal p.
    states : list of StateEquation
    unknowns : list of (symbol, what must be 0)
    observed : dict
        ``V`` or ``I`` of the text's own nodes and branches → what they are.
    """

    graph: Graph
    current: int
    states: list[StateEquation]
    unknowns: list[tuple[int, int]]
    observed: dict[str, int] = field(default_factory=dict)


def pins_of(module: Module, outcome: Outcome, given: tuple[str, str] | None) -> tuple[str, str]:
    """Return word line and bit line: as given, or the two ports that a path of branches connects,
    in their order."""
    if given is not None:
        for pin in given:
            if pin not in module.ports:
                raise InputError(
                    f"--pins {','.join(given)}: no port {pin!r}; module {module.name} has:"
                    f" {', '.join(module.ports)}"
                )
        return given
    parts = _parts(outcome.branches.values())
    joined: dict[str, list[str]] = {}
    for port in module.ports:
        root = parts.get(port, port)
        if root != parts.get("0", "0") and port not in module.grounds:
            joined.setdefault(root, []).append(port)
    pairs = [ports for ports in joined.values() if len(ports) == 2]
    if len(pairs) == 1:
        return pairs[0][0], pairs[0][1]
    if len(module.ports) == 2:
        return module.ports[0], module.ports[1]
    raise InputError(
        f"module {module.name} has the ports {', '.join(module.ports)}, of which two must be word"
        " line and bit line; say which with --pins P,N"
    )


def _parts(branches: Iterable[Branch]) -> dict[str, str]:
    """Return node → a node that stands for all that branches connect it with."""
    above: dict[str, str] = {}

    def root(node: str) -> str:
        while above.get(node, node) != node:
            node = above[node]
        return node

    for branch in branches:
        above.setdefault(branch.high, branch.high)
        above.setdefault(branch.low, branch.low)
        above[root(branch.low)] = root(branch.high)
    return {node: root(node) for node in above}


def system_of(module: Module, graph: Graph, settled: Settled, pins: tuple[str, str]) -> System:
    """Return the equations of a module.

    Raises
    ------
    UnsupportedNetlistError
        It is no two-terminal device with states, or its equations cannot be brought into the form;
        names the line.
    FixesError
        A parameter decides what kind of source a branch is.
    """
    return _Builder(module, graph, settled, pins).built()


class _Builder:
    def __init__(
        self, module: Module, graph: Graph, settled: Settled, pins: tuple[str, str]
    ) -> None:
        self.module, self.graph, self.settled, self.pins = module, graph, settled, pins
        self.outcome = settled.outcome
        self.flows: dict[str, int] = {}
        self.sources: dict[str, int] = {}
        self.branch: dict[str, Branch] = {}
        self.line: dict[str, int] = {}
        self.equations: list[tuple[int, int]] = []
        """(unknown symbol, what must be 0)"""
        self.defined: dict[int, int] = {
            graph.symbol(f"node:{pins[0]}"): graph.symbol("v"),
            graph.symbol(f"node:{pins[1]}"): graph.zero,
        }
        self.explicit: dict[int, int] = {}
        self.floating: bool | None = None

    # -- branches ---------------------------------------------------------------------------------

    def built(self) -> System:
        self.collect()
        self.two_terminal()
        self.nodes()
        self.outputs = {self.key_of(b): self.graph.symbol(b.key) for b in self.branch.values()}
        self.current = self.sum_at(self.pins[0])
        self.solve_definitions()
        states = self.dynamics()
        self.algebraic(states)
        return self.system(states)

    def key_of(self, branch: Branch) -> str:
        return branch.key

    def collect(self) -> None:
        """Sort contributions by branch and kind."""
        graph = self.graph
        by_key: dict[str, list[Contribution]] = {}
        for c in self.outcome.contributions:
            by_key.setdefault(c.branch.key, []).append(c)
            self.branch[c.branch.key] = c.branch
            self.line.setdefault(c.branch.key, c.at.line)
        for key, found in by_key.items():
            kinds = {c.kind for c in found}
            if len(kinds) > 1:
                self.decided(found, "whether a branch is a source of current or of voltage")
                raise found[-1].at.error(
                    "both a current and a voltage are contributed to one branch; expected one of"
                    " the two"
                )
            total = graph.zero
            for c in found:
                total = graph.make("+", total, graph.make("if", c.guard, c.value, graph.zero))
            if kinds == {"flow"}:
                self.flows[key] = total
            elif kinds == {"potential"}:
                if not self.always([c.guard for c in found]):
                    self.decided(found, "whether a voltage is contributed")
                    raise found[-1].at.error(
                        "a voltage is contributed under a condition and nothing otherwise: a"
                        " switch, which has no single equation"
                    )
                self.sources[key] = total
            else:
                if len(found) > 1:
                    raise found[-1].at.error("two equations with ':' for one branch")
                unknown = graph.symbol(f"ind:{key}")
                self.sources[key] = unknown
                self.equations.append((unknown, found[0].value))
        for key, branch in self.outcome.branches.items():
            if (
                key not in self.branch
            ):  # an ammeter: its flow is asked for, and nothing is contributed
                self.branch[key], self.sources[key], self.line[key] = (
                    branch,
                    graph.zero,
                    self.module.at.line,
                )

    def decided(self, found: Sequence[Contribution], what: str) -> None:
        names = {name for c in found for name in self.graph.symbols(c.guard)}
        if names and all(name.startswith("par:") for name in names):
            raise FixesError(
                frozenset(name[4:] for name in names),
                f"line {found[-1].at.line}: it decides {what}",
            )

    def always(self, guards: Sequence[int]) -> bool:
        """Return whether one of these conditions holds, whatever the comparisons in them come
        to."""
        graph = self.graph
        atoms = [
            p
            for p in graph.order(guards)
            if graph.ops[p] not in ("and", "or", "not", "num") and graph.ops[p] in ("<", "<=", "==")
        ]
        used = [
            a
            for a in atoms
            if any(
                a in graph.args[p]
                for p in graph.order(guards)
                if graph.ops[p] in ("and", "or", "not")
            )
            or a in guards
        ]
        if len(used) > _ATOMS:
            return False
        for bits in range(1 << len(used)):
            swap = {a: graph.one if bits >> k & 1 else graph.zero for k, a in enumerate(used)}
            if not any(
                graph.is_number(p) and graph.values[p] for p in graph.put(list(guards), swap)
            ):
                return False
        return True

    def two_terminal(self) -> None:
        """Check that neither a current nor a measured voltage leads from the terminals to the
        ground."""
        parts = _parts(self.branch.values())
        p, n = (parts.get(pin, pin) for pin in self.pins)
        if p != n:
            raise UnsupportedNetlistError(
                f"module {self.module.name}: no branch connects {self.pins[0]} and {self.pins[1]}"
            )
        if parts.get("0", "0") == p:
            raise UnsupportedNetlistError(
                f"module {self.module.name}: a branch leads from its terminals to the ground;"
                f" expected currents between {self.pins[0]} and {self.pins[1]} only"
            )
        own = {node for node in {*parts, *self.pins} if parts.get(node, node) == p}
        for high, low, at in self.outcome.accesses:
            if (high in own) != (low in own) and not self.floats(own):
                raise at.error(
                    f"the voltage between {high} and {'the ground' if low == '0' else low} depends"
                    " on where the device lies; expected voltages between nodes of its own path,"
                    f" such as V({self.pins[0]},{self.pins[1]})"
                )
        self.loose = {
            node for node in parts if parts[node] != p and parts[node] != parts.get("0", "0")
        }

    def floats(self, own: set[str]) -> bool:
        """Return whether nothing changes where the potentials of some nodes all rise together, as
        with V(p) - V(n)."""
        if self.floating is None:
            graph, make = self.graph, self.graph.make
            rise = graph.symbol("rise")
            symbols = [graph.symbol(f"node:{node}") for node in own]
            advanced = self.settled.advanced
            places = [p for c in self.outcome.contributions for p in (c.value, c.guard)]
            places += [p for row in self.outcome.integrals for p in row[1:3] if p is not None]
            places += [
                p for a in advanced for p in (a.rate, a.start, a.low, a.high) if p is not None
            ]
            places += [p for p, _ in self.outcome.forbidden] + list(self.settled.late.values())
            risen = graph.put(places, {s: make("+", s, rise) for s in symbols})
            asked = list(risen)
            for place in graph.order(risen):
                if graph.ops[place] in ("<", "<=", "=="):
                    asked.append(make("-", *graph.args[place]))
                elif graph.ops[place] in ("floor", "ceil", "sgn", "ddt"):
                    asked.append(graph.args[place][0])
            self.floating = all(
                graph.is_number(graph.slope(place, rise), 0.0)
                for place in asked
                if graph.ops[place] not in BOOLEAN
            )
        return self.floating

    # -- Kirchhoff's laws -------------------------------------------------------------------------

    def sum_at(self, node: str) -> int:
        """Return the sum of the flows that leave a node."""
        make, total = self.graph.make, self.graph.zero
        for key, branch in self.branch.items():
            if node in (branch.high, branch.low):
                total = make("+" if branch.high == node else "-", total, self.graph.symbol(key))
        return total

    def nodes(self) -> None:
        """Give each inner node a definition (a source of voltage leads to it) or an equation (its
        currents' sum), each flow too."""
        graph, make = self.graph, self.graph.make
        for key, value in self.flows.items():
            self.defined[graph.symbol(key)] = value
        known = {"0", *self.pins}
        inner = [
            n
            for n in dict.fromkeys([*(x for b in self.branch.values() for x in (b.high, b.low))])
            if n not in known
        ]
        tree: list[tuple[str, str]] = []
        reached, left = set(known), dict.fromkeys(self.sources)
        roots = list(inner)
        while left:
            step = next(
                (
                    key
                    for key in left
                    if len({self.branch[key].high, self.branch[key].low} & reached) == 1
                ),
                None,
            )
            if step is None:
                closed = next(
                    (
                        key
                        for key in left
                        if {self.branch[key].high, self.branch[key].low} <= reached
                    ),
                    None,
                )
                if closed is None:
                    free = next(
                        n
                        for n in inner
                        if n not in reached
                        and any(n in (self.branch[k].high, self.branch[k].low) for k in left)
                    )
                    reached.add(free)
                    continue
                left.pop(closed)
                branch = self.branch[closed]
                across = make("-", self.potential(branch.high), self.potential(branch.low))
                self.equations.append(
                    (graph.symbol(closed), make("-", across, self.sources[closed]))
                )
                continue
            left.pop(step)
            branch = self.branch[step]
            child = branch.low if branch.high in reached else branch.high
            value = self.sources[step]
            if child == branch.high:
                self.defined[graph.symbol(f"node:{child}")] = make(
                    "+", self.potential(branch.low), value
                )
            else:
                self.defined[graph.symbol(f"node:{child}")] = make(
                    "-", self.potential(branch.high), value
                )
            reached.add(child)
            roots.remove(child)
            tree.append((child, step))
        for child, key in reversed(tree):
            branch = self.branch[key]
            symbol = graph.symbol(key)
            rest = graph.put([self.sum_at(child)], {symbol: graph.zero})[0]
            self.defined[symbol] = make("neg", rest) if branch.high == child else rest
        for node in roots:
            self.equations.append((graph.symbol(f"node:{node}"), self.sum_at(node)))

    def potential(self, node: str) -> int:
        return self.graph.zero if node == "0" else self.graph.symbol(f"node:{node}")

    def solve_definitions(self) -> None:
        """Put definitions into each other; what depends on itself becomes an unknown with an
        equation."""
        graph = self.graph
        done: dict[int, int] = {}
        state = dict.fromkeys(self.defined, 0)
        for first in list(self.defined):
            stack = [first]
            while stack:
                symbol = stack[-1]
                if state.get(symbol) == 2:
                    stack.pop()
                    continue
                needs = [s for s in self.leaves(self.defined[symbol]) if s in self.defined]
                open_ = [s for s in needs if state[s] == 0]
                cut = [s for s in needs if state[s] == 1]
                if cut:  # it depends on itself: unknown, with the difference as its equation
                    for s in dict.fromkeys(cut):
                        self.equations.append((s, graph.make("-", s, self.defined.pop(s))))
                        state[s] = 2
                    continue
                if symbol in self.defined:
                    state[symbol] = 1
                if open_:
                    stack.extend(dict.fromkeys(open_))
                    continue
                done[symbol] = graph.put([self.defined[symbol]], done)[0]
                state[symbol] = 2
                stack.pop()
        self.explicit = done
        self.again(done)

    def leaves(self, place: int) -> list[int]:
        """Return the symbols of an expression, those inside derivatives by the time too."""
        graph = self.graph
        return [p for p in graph.order([place]) if graph.ops[p] == "sym"]

    def again(self, swap: dict[int, int]) -> None:
        """Put what is found into all equations."""
        graph = self.graph
        while True:  # a definition may hold others inside its derivatives by the time
            places = [p for _, p in self.equations]
            places.append(self.current)
            extra = [p for row in self.outcome.integrals for p in (row[1], row[2]) if p is not None]
            hand = [a.rate for a in self.settled.advanced]
            found = graph.put([*places, *extra, *hand, *self.explicit.values()], swap)
            n = len(self.equations)
            self.equations = [(s, found[k]) for k, (s, _) in enumerate(self.equations)]
            self.current = found[n]
            at = n + 1
            integrals = []
            for symbol, _, start, word in self.outcome.integrals:
                rate = found[at]
                at += 1
                if start is not None:
                    start, at = found[at], at + 1
                integrals.append((symbol, rate, start, word))
            self.outcome.integrals = integrals
            advanced = []
            for a in self.settled.advanced:
                advanced.append(Advanced(a.name, a.symbol, found[at], a.start, a.low, a.high, a.at))
                at += 1
            self.settled = replace(self.settled, advanced=tuple(advanced))
            self.explicit = dict(zip(self.explicit, found[at:], strict=True))
            return

    # -- states -----------------------------------------------------------------------------------

    def dynamics(self) -> list[StateEquation]:
        """Find what ``ddt`` acts on, and its rates."""
        graph = self.graph
        unknown = {symbol for symbol, _ in self.equations}
        derivatives = [p for p in graph.order(self.all_places()) if graph.ops[p] == "ddt"]
        moved: dict[int, int] = {}
        for place in derivatives:
            if any(graph.ops[q] == "ddt" for q in graph.order(graph.args[place])):
                raise UnsupportedNetlistError(
                    f"line {graph.where.get(place, '?')}: a ddt() inside a ddt() is not understood"
                )
            for symbol in self.leaves(graph.args[place][0]):
                if graph.names[symbol] == "v":
                    raise UnsupportedNetlistError(
                        f"line {graph.where.get(place, '?')}: ddt() of the voltage between the"
                        " terminals is a capacitance of the cell, which devices do not have; leave"
                        " it out and give the wires their capacitance"
                    )
                if symbol in unknown:
                    moved.setdefault(symbol, graph.where.get(place, 0))
        held = {s: r for s, r, _, _ in self.outcome.integrals} | {
            a.symbol: a.rate for a in self.settled.advanced
        }
        dots = {symbol: graph.symbol(f"dot:{graph.names[symbol]}") for symbol in [*moved, *held]}
        swap = {}
        for place in derivatives:
            inner, total = graph.args[place][0], graph.zero
            for symbol in self.leaves(inner):
                if symbol in dots:
                    total = graph.make(
                        "+", total, graph.make("*", graph.slope(inner, symbol), dots[symbol])
                    )
            swap[place] = total
        self.again(swap)
        self.eliminate(moved, dots, held)
        return self.named(moved)

    def all_places(self) -> list[int]:
        found = [p for _, p in self.equations] + [self.current, *self.explicit.values()]
        found += [r for _, r, _, _ in self.outcome.integrals] + [
            a.rate for a in self.settled.advanced
        ]
        return found

    def eliminate(self, moved: dict[int, int], dots: dict[int, int], held: dict[int, int]) -> None:
        """Solve the equations of the states for their rates, one after another."""
        graph, make = self.graph, self.graph.make
        self.rates: dict[int, int] = {}
        for symbol, line in moved.items():
            dot = dots[symbol]
            residual = next(r for s, r in self.equations if s == symbol)
            by = graph.slope(residual, dot)
            if graph.is_number(by, 0.0) or any(d in graph.held(by) for d in dots.values()):
                raise UnsupportedNetlistError(
                    f"line {line}: the equation of {_shown(graph.names[symbol])} does not give its"
                    " rate: the ddt() of it stands somewhere else"
                )
            rest = graph.put([residual], {dot: graph.zero})[0]
            rate = make("neg", make("/", rest, by)) if not graph.is_number(by, -1.0) else rest
            self.equations = [(s, r) for s, r in self.equations if s != symbol]
            self.rates = {s: graph.put([r], {dot: rate})[0] for s, r in self.rates.items()}
            self.rates[symbol] = rate
            self.again({dot: rate})
        for symbol in held:  # rates of integrals and of hand-advanced states may hold each other
            dot = dots[symbol]
            own = {s: r for s, r, _, _ in self.outcome.integrals} | {
                a.symbol: a.rate for a in self.settled.advanced
            }
            rate = own[symbol]
            if dot in graph.held(rate):
                raise UnsupportedNetlistError(
                    f"module {self.module.name}: the rate of {_shown(graph.names[symbol])} depends"
                    " on itself"
                )
            self.rates = {s: graph.put([r], {dot: rate})[0] for s, r in self.rates.items()}
            self.again({dot: rate})
        for symbol, rate, _, _ in self.outcome.integrals:
            self.rates[symbol] = rate
        for a in self.settled.advanced:
            self.rates[a.symbol] = a.rate
        if any(
            d in graph.held(p)
            for p in [*self.rates.values(), *self.all_places()]
            for d in dots.values()
        ):
            raise UnsupportedNetlistError(
                f"module {self.module.name}: the rates of its states depend on each other in a"
                " circle"
            )

    def named(self, moved: dict[int, int]) -> list[StateEquation]:
        graph, module, found = self.graph, self.module, []
        for symbol, line in moved.items():
            name = graph.names[symbol]
            node = name.removeprefix("node:") if name.startswith("node:") else ""
            discipline = module.disciplines.get(module.nodes.get(node, ""))
            found.append(
                StateEquation(
                    node or _shown(name),
                    "ddt",
                    symbol,
                    self.rates[symbol],
                    self.first_potential(node),
                    None,
                    None,
                    discipline.unit if discipline is not None else "A",
                    bool(discipline and discipline.potential == "Temp"),
                    line,
                )
            )
        for k, (symbol, _, start, word) in enumerate(self.outcome.integrals):
            nodes = [
                graph.names[s].removeprefix("node:")
                for s, place in self.explicit.items()
                if place == symbol
            ]
            values = list(self.outcome.variables.items())
            plain = [key for key, value in values if value == symbol]
            held = [key for key, value in values if self.clipped(value, symbol)]
            own = (*plain, *held, *nodes, f"s{k}")[0].rpartition(".")[2]
            found.append(
                StateEquation(
                    own, "idt", symbol, self.rates[symbol], start, None, None, "1", False, word.line
                )
            )
        for a in self.settled.advanced:
            thermal = a.start == graph.symbol("par:temperature")
            unit = "K" if thermal else "1"
            found.append(
                StateEquation(
                    a.name,
                    "hand",
                    a.symbol,
                    self.rates[a.symbol],
                    a.start,
                    a.low,
                    a.high,
                    unit,
                    thermal,
                    a.at.line,
                )
            )
        return found

    def clipped(self, value: int, symbol: int) -> bool:
        """Return whether a value is a symbol but where it is held between bounds."""
        graph = self.graph
        if graph.ops[value] != "if" or symbol not in graph.held(value):
            return False
        arms = graph.args[value][1:]
        return all(
            arm == symbol
            or self.clipped(arm, symbol)
            or all(name.startswith("par:") for name in graph.symbols(arm))
            for arm in arms
        )

    def first_potential(self, node: str) -> int | None:
        """Return the potential that the text gives a node in the first instant, as with
        ``if (analysis("ic")) V(x) <+ x0;``."""
        graph = self.graph
        for c in self.settled.first:
            if (
                node
                and c.kind == "potential"
                and {c.branch.high, c.branch.low} == {node, "0"}
                and graph.is_number(c.guard, 1.0)
                and all(name.startswith("par:") for name in graph.symbols(c.value))
            ):
                return c.value if c.branch.high == node else graph.make("neg", c.value)
        return None

    # -- what is left -----------------------------------------------------------------------------

    def algebraic(self, states: list[StateEquation]) -> None:
        """Solve equations that are linear in their unknown; the others stay."""
        graph, make = self.graph, self.graph.make
        while True:
            for symbol, residual in self.equations:
                by = graph.slope(residual, symbol)
                if graph.is_number(by, 0.0) or not graph.straight(residual, symbol):
                    continue
                rest = graph.put([residual], {symbol: graph.zero})[0]
                value = make("neg", make("/", rest, by)) if not graph.is_number(by, -1.0) else rest
                self.equations = [(s, r) for s, r in self.equations if s != symbol]
                self.rates = {s: graph.put([r], {symbol: value})[0] for s, r in self.rates.items()}
                self.again({symbol: value})
                self.explicit[symbol] = value
                break
            else:
                break
        wanted = [self.current, *self.rates.values()]
        needed = {
            s
            for s, r in self.equations
            if any(s in graph.held(p) for p in [*wanted, *(q for _, q in self.equations)])
        }
        for symbol, residual in self.equations:
            if symbol in needed and not graph.held(residual) & {s for s, _ in self.equations}:
                raise UnsupportedNetlistError(
                    f"module {self.module.name}: nothing determines {_shown(graph.names[symbol])};"
                    " a node needs a current that depends on its voltage, a source of voltage, or"
                    " a `ground`"
                )
        self.equations = [(s, r) for s, r in self.equations if s in needed]

    def system(self, states: list[StateEquation]) -> System:
        graph = self.graph
        final = [
            StateEquation(
                s.name,
                s.kind,
                s.symbol,
                self.rates[s.symbol],
                s.start,
                s.low,
                s.high,
                s.unit,
                s.thermal,
                s.line,
            )
            for s in states
        ]
        allowed = (
            {"v"}
            | {graph.names[s.symbol] for s in states}
            | {graph.names[s] for s, _ in self.equations}
        )
        places = [self.current, *self.rates.values(), *(r for _, r in self.equations)]
        for place in places:
            for name in graph.symbols(place):
                if name in self.outcome.random:
                    at = self.outcome.random[name]
                    raise RandomNumbersError(
                        str(at.error(f"{at.text} is not understood; {WHY_NOT_RANDOM}"))
                    )
                if name not in allowed and not name.startswith("par:"):
                    raise UnsupportedNetlistError(
                        f"module {self.module.name}: nothing determines {_shown(name)}"
                    )
        observed = {}
        for symbol, place in self.explicit.items():
            observed[graph.names[symbol]] = place
        for state in final:
            observed[graph.names[state.symbol]] = state.symbol
        for symbol, _ in self.equations:
            observed[graph.names[symbol]] = symbol
        return System(graph, self.current, final, list(self.equations), observed)


def _shown(name: str) -> str:
    """Return a symbol as people call it."""
    kind, _, rest = name.partition(":")
    return (
        f"V({rest})"
        if kind == "node"
        else f"I{rest if rest.startswith('(') else f'({rest})'}"
        if kind == "flow"
        else rest or name
    )
