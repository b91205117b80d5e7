"""A Verilog-A file as a device: read, understood, brought into stored equations."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from spicesnn.devices.importers.graph import Graph, Program
from spicesnn.devices.importers.ranges import Rates, candidates, drive, held_between, resting
from spicesnn.devices.importers.stored import Stored
from spicesnn.devices.importers.veriloga.execute import (
    FixesError,
    RandomNumbersError,
    StepLengthError,
)
from spicesnn.devices.importers.veriloga.hidden import Settled, settled
from spicesnn.devices.importers.veriloga.parameters import (
    Parameters,
    Settable,
    parameters_of,
    used_only,
)
from spicesnn.devices.importers.veriloga.parser import modules_of, only_module
from spicesnn.devices.importers.veriloga.syntax import Expression, Module
from spicesnn.devices.importers.veriloga.system import StateEquation, System, pins_of, system_of
from spicesnn.devices.importers.veriloga.text import words_of
from spicesnn.errors import ConvergenceError, InputError, UnsupportedNetlistError
from spicesnn.guesses import nearest

RAMP = 1e-3
"""Width of the ramp on which a state that the model holds by itself comes to rest at a bound, as a
fraction of its range."""
_MELTS = 3000.0
_HOT = re.compile(r"temp|kelvin|heat|^t$|^t_")
"""Names of states that are temperatures, if they start where temperatures do."""


@dataclass(frozen=True, slots=True)
class StateFound:
    """A state as the device has it: name, unit, kind, bounds, start, and where it comes from; what
    had to be guessed."""

    name: str
    own: str
    kind: str
    unit: str
    low: float
    high: float
    start: float
    line: int
    guessed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class VerilogModel:
    """What a Verilog-A file says about a device.

    Attributes
    ----------
    name, module : str
    stored : Stored
    parameters : tuple of Settable
    fixed : dict
        Parameters that cannot be set → why.
    states : tuple of StateFound
    pins : (p, n)
    ports : tuple of str
        Of the module, in its order.
    drive : (amplitude, frequency)
    left_out : tuple of str
    files : dict
        Name → text of everything that was read.
    observed : dict
        Unknowns of the text (``node:x``, ``flow:(p,x)``, ``idt:0``) → expressions of v, states,
        unknowns and parameters, in `graph`.
    graph : Graph
        Of `observed`.
    moved : dict
        Unknown of the text (as in `observed`) that is a state → state.
    hidden : dict
        Variable of the text that the model advances by itself → state.
    others : dict
        Parameter of the text that cannot be set, or variable that keeps what it held first →
        expression of parameters, in `graph`.
    clocks : frozenset of str
        Variables of the text that hold the time of the evaluation before.
    late : dict
        Variable of the text that is read before it is assigned → its value, in `graph`.
    integers : frozenset of str
        Parameters of the text that are integers.
    variables : frozenset of str
        Variables of the module.
    joined : tuple of (node, node)
        Nodes between which the text puts a potential of 0 (``V(a, b) <+ 0``); ``0`` is the ground.
    """

    name: str
    module: str
    stored: Stored
    parameters: tuple[Settable, ...]
    fixed: Mapping[str, str]
    states: tuple[StateFound, ...]
    pins: tuple[str, str]
    drive: tuple[float, float]
    left_out: tuple[str, ...]
    files: Mapping[str, str]
    observed: Mapping[str, int]
    graph: Graph
    moved: Mapping[str, str] = field(default_factory=dict)
    hidden: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, int] = field(default_factory=dict)
    clocks: frozenset[str] = frozenset()
    late: Mapping[str, int] = field(default_factory=dict)
    integers: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    ports: tuple[str, ...] = ()
    joined: tuple[tuple[str, str], ...] = ()

    @property
    def keeps(self) -> tuple[str, ...]:
        """Variables of the text that hold values from one evaluation to the next, where the model
        advances a state by itself or reads a variable before it assigns it."""
        kept = [name for name in self.others if name in self.variables]
        known = tuple(dict.fromkeys([*self.hidden, *self.clocks, *kept]))
        return known if self.hidden or self.late else ()

    @property
    def digest(self) -> str:
        """Digest of everything that was read."""
        return hashlib.sha256(
            "\0".join(f"{k}\0{v}" for k, v in sorted(self.files.items())).encode()
        ).hexdigest()

    @property
    def defaults(self) -> dict[str, float]:
        """Parameters' defaults."""
        return {p.name: p.default for p in self.parameters}


def read_model(
    path: Path,
    *,
    module: str | None = None,
    pins: tuple[str, str] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    taken: Callable[[str], bool] = lambda name: False,
    step: str = "",
    values: Mapping[str, float] | None = None,
) -> VerilogModel:
    """Return the device that a Verilog-A file describes.

    Parameters
    ----------
    path : Path
    module : str, optional
        Its name where the file has several.
    pins : (p, n), optional
    bounds : Mapping, optional
        State → lowest and highest value, where the text does not say.
    taken : callable
        Whether devices have something else of a name, which a parameter then cannot have.
    step : str
        A parameter by which the model advances its states at every evaluation, as ``dt`` in ``x = x
        + rate*dt``: the length of a step.
    values : Mapping, optional
        Parameter → what takes the place of its default.

    Raises
    ------
    UnsupportedNetlistError
        A statement that cannot be translated, by line.
    UnsafeNetlistError
        It includes a file outside its folder.
    InputError
        Pins or bounds that the text does not tell, or no such parameter as `step`.
    """
    files: dict[str, str] = {}
    try:
        found = only_module(modules_of(words_of(path, files)), path.name, module)
        if step and step not in found.parameters:
            raise InputError(
                f"--step {step}: module {found.name} has no such parameter. It has:"
                f" {', '.join(found.parameters) or 'none'}"
            )
        _set(found, values or {})

        def made(fixed: Mapping[str, str]) -> VerilogModel:
            return _fixing(path, found, dict(fixed), pins, bounds or {}, taken, files, step)

        try:
            return made({})
        except StepLengthError:
            raise
        except UnsupportedNetlistError as error:
            return _decided(path, found, taken, step, made, error)
    except RecursionError:
        raise UnsupportedNetlistError(
            f"{path}: expressions or functions are too deep inside one another"
        ) from None


def _set(module: Module, values: Mapping[str, float]) -> None:
    """Put values in the place of parameters' defaults."""
    for name, value in values.items():
        own = module.parameters.get(name)
        if own is None or own.local:
            raise InputError(
                f"--set {name}: module {module.name} has no such"
                f" parameter{nearest(name, module.parameters)} It has:"
                f" {', '.join(p.name for p in module.parameters.values() if not p.local) or 'none'}"
            )
        word = replace(own.at, kind="num", text=repr(abs(value)))
        number = Expression("num", (), word)
        negative = math.copysign(1.0, value) < 0
        module.parameters[name] = replace(
            own, default=Expression("neg", (number,), word) if negative else number
        )


def _fixing(
    path: Path,
    module: Module,
    fixed: dict[str, str],
    pins: tuple[str, str] | None,
    bounds: Mapping[str, tuple[float, float]],
    taken: Callable[[str], bool],
    files: dict[str, str],
    step: str,
) -> VerilogModel:
    """Return the device with as many parameters fixed as the form of the equations asks for."""
    for _ in range(len(module.parameters) + 1):
        try:
            return _Maker(path, module, fixed, pins, bounds, taken, files, step).made()
        except FixesError as error:
            unknown = [name for name in error.names if _own(module, name, taken) not in fixed]
            if not unknown:
                raise UnsupportedNetlistError(f"{path.name}, {error}") from None
            fixed |= {_own(module, name, taken): str(error) for name in unknown}
    raise UnsupportedNetlistError(
        f"{path}: its equations depend on the values of its parameters in a way that cannot be"
        " followed"
    )


def _decided(
    path: Path,
    module: Module,
    taken: Callable[[str], bool],
    step: str,
    made: Callable[[Mapping[str, str]], VerilogModel],
    error: UnsupportedNetlistError,
) -> VerilogModel:
    """Return the device where its equations can be understood at some parameters' defaults: as few
    of these are fixed as that takes. What could not be understood else is raised."""
    settable = [
        p for p in parameters_of(module, Graph(), {}, taken, step).settable if p.own[0] != "$"
    ]
    why = f"its equations are understood at this value alone ({str(error).partition(';')[0]})"
    switches = [p.own for p in settable if p.default in (0.0, 1.0) or p.integer]
    others = [p.own for p in settable if p.own not in switches]
    fixed = dict.fromkeys([*switches, *others], why)
    try:
        found = made(fixed)
    except UnsupportedNetlistError as at_defaults:
        raise (at_defaults if isinstance(at_defaults, RandomNumbersError) else error) from None
    for lot in (others, *([name] for name in (*others, *switches))):
        if not set(lot) <= set(fixed):
            continue
        fewer = {name: text for name, text in fixed.items() if name not in lot}
        try:
            found, fixed = made(fewer), fewer
        except UnsupportedNetlistError:
            continue
    return found


def _own(module: Module, name: str, taken: Callable[[str], bool]) -> str:
    """Return what the text calls a parameter that devices call `name`."""
    if name in module.parameters:
        return name
    return next(
        (
            own
            for own in module.parameters
            if re.fullmatch(rf"p?{re.escape(own.replace('$', '_'))}_*", name)
        ),
        name,
    )


class _Maker:
    def __init__(
        self,
        path: Path,
        module: Module,
        fixed: Mapping[str, str],
        pins: tuple[str, str] | None,
        bounds: Mapping[str, tuple[float, float]],
        taken: Callable[[str], bool],
        files: dict[str, str],
        step: str,
    ) -> None:
        self.path, self.module, self.given, self.files = path, module, bounds, files
        self.graph = Graph()
        self.parameters: Parameters = parameters_of(module, self.graph, fixed, taken, step)
        self.settled: Settled = settled(module, self.graph, self.parameters.values, step)
        self.pins = pins_of(module, self.settled.outcome, pins)
        self.system: System = system_of(module, self.graph, self.settled, self.pins)
        self.requirements()
        system = self.system
        places = [
            system.current,
            *(r for _, r in system.unknowns),
            *(p for p, _ in self.parameters.required),
        ]
        places += [
            p for s in system.states for p in (s.rate, s.start, s.low, s.high) if p is not None
        ]
        used_only(self.parameters, self.graph, places)
        self.defaults = {p.name: p.default for p in self.parameters.settable}

    def requirements(self) -> None:
        """Take conditions under which the model stops as requirements on its parameters."""
        graph = self.graph
        for condition, at in self.settled.outcome.forbidden:
            names = graph.symbols(condition)
            if not all(name.startswith("par:") for name in names):
                raise at.error(
                    f"{at.text} under a condition on voltages or states is not understood"
                )
            if graph.is_number(condition) and graph.values[condition]:
                raise at.error(f"{at.text} is reached whatever the parameters are")
            if not graph.is_number(condition):
                self.parameters.required.append(
                    (
                        graph.make("not", condition),
                        f"the condition of {at.text} in line {at.line} not met",
                    )
                )

    def number(self, place: int) -> float:
        with np.errstate(all="ignore"):
            return float(
                Program(self.graph, [place]).run({f"par:{k}": v for k, v in self.defaults.items()})[
                    0
                ]
            )

    def made(self) -> VerilogModel:
        graph, system = self.graph, self.system
        names = self.state_names()
        for node in self.given:
            if node not in names.values():
                raise InputError(
                    f"--state {node}: no such state. The states are:"
                    f" {', '.join(names.values()) or 'none'}"
                )
        starts = self.starts(names)
        found, lows, highs, rates, begins = [], [], [], [], []
        for state in system.states:
            one, low, high, start = self.bounded(state, names[state.symbol], starts)
            found.append(one)
            lows.append(low)
            highs.append(high)
            begins.append(start)
            rates.append(self.ramped(state, low, high))
        swap = {s.symbol: graph.symbol(f"x:{names[s.symbol]}") for s in system.states}
        swap |= {symbol: graph.symbol(f"u:{k}") for k, (symbol, _) in enumerate(system.unknowns)}
        n, m = len(found), len(system.unknowns)
        observed, late = list(system.observed.items()), list(self.settled.late.items())
        seen = {graph.symbol(name): place for name, place in observed}
        seen = {symbol: place for symbol, place in seen.items() if symbol != place}
        ends = {
            graph.symbol(f"node:{self.pins[0]}"): graph.symbol("v"),
            graph.symbol(f"node:{self.pins[1]}"): graph.zero,
        }
        places = graph.put(
            [
                system.current,
                *rates,
                *(r for _, r in system.unknowns),
                *(p for _, p in observed),
                *graph.put([p for _, p in late], seen | ends),
            ],
            swap,
        )
        plain = Graph()
        required = list(self.parameters.required)
        placed = graph.copy(
            [*places[: 1 + n + m], *lows, *highs, *begins, *(p for p, _ in required)], plain
        )
        at = 1 + n + m
        stored = Stored(
            graph=plain,
            current=placed[0],
            rates=tuple(placed[1 : 1 + n]),
            residuals=tuple(placed[1 + n : at]),
            states=tuple(s.name for s in found),
            scales=tuple(s.high - s.low for s in found),
            lows=tuple(placed[at : at + n]),
            highs=tuple(placed[at + n : at + 2 * n]),
            starts=tuple(placed[at + 2 * n : at + 3 * n]),
            required=tuple(
                zip(placed[at + 3 * n :], (words for _, words in required), strict=True)
            ),
        )
        return VerilogModel(
            name=re.sub(r"[^a-z0-9_-]", "_", self.module.name.lower()),
            module=self.module.name,
            stored=stored,
            parameters=tuple(self.parameters.settable),
            fixed=dict(self.parameters.fixed)
            | {
                name: f"line {own.line}: a second name of {own.text}, which sets it"
                for name, own in self.module.aliases.items()
            },
            states=tuple(found),
            pins=self.pins,
            ports=tuple(self.module.ports),
            drive=self.drive(stored, found),
            left_out=tuple(self.settled.outcome.lost),
            files=self.files,
            observed={key: place for (key, _), place in zip(observed, places[at:], strict=False)},
            late={
                key: place
                for (key, _), place in zip(late, places[at + len(observed) :], strict=True)
            },
            graph=graph,
            moved={
                graph.names[s.symbol]: names[s.symbol] for s in system.states if s.kind != "hand"
            },
            hidden={s.own: s.name for s in found if s.kind == "hand"},
            clocks=self.settled.clocks,
            others=self.settled.kept
            | {name: self.parameters.values[name][0] for name in self.parameters.fixed},
            integers=frozenset(p.name for p in self.module.parameters.values() if p.integer),
            variables=frozenset(self.module.variables),
            joined=tuple(
                (c.branch.high, c.branch.low)
                for c in self.settled.outcome.contributions
                if c.kind == "potential" and graph.is_number(c.value, 0.0)
            ),
        )

    def state_names(self) -> dict[int, str]:
        """Return a name for each state that ngspice and Python both take."""
        names: dict[int, str] = {}
        used = {p.name.lower() for p in self.parameters.settable} | {"v", "p", "n", "p_", "n_"}
        for state in self.system.states:
            base = re.sub(r"[^a-z0-9_]", "_", state.name.lower()).strip("_")
            base = base if re.match(r"[a-z]", base) else f"s_{base}"
            made, count = base, 1
            while made in used or f"{made}_init" in used:
                count += 1
                made = f"{base}_{count}"
            used.add(made)
            names[state.symbol] = made
        return names

    def starts(self, names: Mapping[int, str]) -> dict[str, tuple[float, int | None]]:
        """Return where each state starts: as the text says, else where it rests without a voltage,
        else not known (nan)."""
        graph, system = self.graph, self.system
        found: dict[str, tuple[float, int | None]] = {}
        known: dict[str, float] = {f"par:{k}": v for k, v in self.defaults.items()} | {"v": 0.0}
        for state in system.states:
            if state.start is not None:
                if not all(name.startswith("par:") for name in graph.symbols(state.start)):
                    raise UnsupportedNetlistError(
                        f"{self.path.name}, line {state.line}: {state.name} starts at a value that"
                        " depends on a voltage"
                    )
                found[state.name] = self.number(state.start), state.start
                known[graph.names[state.symbol]] = found[state.name][0]
        rest = [s for s in system.states if s.start is None]
        for state in (
            rest
        ):  # a state that drives no other, such as a temperature, may rest where a memory does not
            others = {
                **known,
                **{
                    graph.names[s.symbol]: 0.0
                    for s in system.states
                    if graph.names[s.symbol] not in known and s is not state
                },
            }
            guess = 300.0 if state.thermal else 0.0
            at = resting(graph, state.symbol, state.rate, system.unknowns, others, guess)
            if at is not None:
                found[state.name] = at, self.resting_place(state)
        return found

    def resting_place(self, state: StateEquation) -> int | None:
        """Return where a state rests at no voltage as an expression of parameters, where its rate
        is linear in it."""
        graph = self.graph
        still = dict.fromkeys(
            [graph.symbol("v"), *(symbol for symbol, _ in self.system.unknowns)], graph.zero
        )
        rate = graph.put([state.rate], still)[0]
        if state.symbol in graph.held(graph.slope(rate, state.symbol)):
            return None
        by = graph.slope(rate, state.symbol)
        rest = graph.put([rate], {state.symbol: graph.zero})[0]
        place = graph.make("neg", graph.make("/", rest, by))
        return place if all(name.startswith("par:") for name in graph.symbols(place)) else None

    def bounded(
        self, state: StateEquation, name: str, starts: Mapping[str, tuple[float, int | None]]
    ) -> tuple[StateFound, int, int, int]:
        """Return a state with its bounds and its start, as numbers and as expressions of
        parameters."""
        graph, guessed = self.graph, []
        value, start = starts.get(state.name, (float("nan"), None))
        others = {
            s.name: starts.get(s.name, (0.0, None))[0] for s in self.system.states if s is not state
        }
        low, high = state.low, state.high
        if name in self.given:
            low, high = (graph.number(end) for end in self.given[name])
        elif low is None or high is None:
            within = value if value == value else 0.5
            equations = [s.rate for s in self.system.states] + [r for _, r in self.system.unknowns]
            values = candidates(
                graph, [self.system.current, *equations], state.symbol, self.defaults
            )
            a, b = (
                (None, None)
                if state.thermal
                else held_between(values, within, self.speed(state, others))
            )
            low, high = a if low is None else low, b if high is None else high
            guessed += ["low"] * (low is None) + ["high"] * (high is None)
            low, high = self.guess(state, name, low, high, value)
        at_low, at_high = self.number(low), self.number(high)
        if start is None:
            start = low if value != value else graph.number(value)
            guessed += ["start"] if value != value else []
            value = at_low if value != value else value
        if not (
            at_low < at_high
            and at_low - 1e-12 * (at_high - at_low) <= value <= at_high + 1e-12 * (at_high - at_low)
        ):
            raise InputError(
                f"{self.path.name}: the state {name!r} starts at {value:g}, outside"
                f" {at_low:g}…{at_high:g}; say its range: --state {name}=LOW,HIGH"
            )
        unit = "K" if _hot(state, name, value) else state.unit or "1"
        return (
            StateFound(
                name,
                state.name,
                state.kind,
                unit,
                at_low,
                at_high,
                value,
                state.line,
                tuple(guessed),
            ),
            low,
            high,
            start,
        )

    def speed(self, state: StateEquation, others: Mapping[str, float]) -> Rates:
        """Return how fast a state moves at some voltages and values, the other states at theirs."""
        graph, system = self.graph, self.system
        swap = {symbol: graph.symbol(f"u:{k}") for k, (symbol, _) in enumerate(system.unknowns)}
        swap |= {s.symbol: graph.symbol("x:it") for s in (state,)} | {
            s.symbol: graph.number(others[s.name] if others[s.name] == others[s.name] else 0.0)
            for s in system.states
            if s is not state
        }
        plain = Graph()
        current, rate, *residuals = graph.copy(
            graph.put([system.current, state.rate, *(r for _, r in system.unknowns)], swap), plain
        )
        one = Stored(
            graph=plain,
            current=current,
            residuals=tuple(residuals),
            states=("it",),
            scales=(1.0,),
            rates=(rate,),
            lows=(plain.zero,),
            highs=(plain.one,),
            starts=(plain.zero,),
        )

        def rates(volts: np.ndarray, x: np.ndarray) -> np.ndarray | None:
            try:
                found = np.asarray(one.everything(volts, [x], self.defaults)[2][0])
            except ConvergenceError:
                return None
            return found if np.all(np.isfinite(found)) else None

        return rates

    def guess(
        self, state: StateEquation, name: str, low: int | None, high: int | None, value: float
    ) -> tuple[int, int]:
        """Return bounds where the text has none: 0 and 1, or for a temperature its rest and the
        melting of most things above it."""
        graph = self.graph
        if _hot(state, name, value):
            rest = value if value == value else 0.0
            floor = graph.number(rest - 50.0 if rest > 50.0 else rest - 1.0) if low is None else low
            return floor, graph.number(rest + _MELTS) if high is None else high
        low, high = graph.zero if low is None else low, graph.one if high is None else high
        a, b = self.number(low), self.number(high)
        if not (a < b) or (value == value and not a <= value <= b):
            raise InputError(
                f"{self.path.name}, line {state.line}: nothing in the text says between which"
                f" values {name!r} moves{'' if value != value else f' (it starts at {value:g})'};"
                f" say it: --state {name}=LOW,HIGH"
            )
        return low, high

    def ramped(self, state: StateEquation, low: int, high: int) -> int:
        """Return the rate of a state; one that the model clips after its own step comes to rest on
        a short ramp before the bound."""
        if state.kind != "hand":
            return state.rate
        graph, make = self.graph, self.graph.make
        room = make("*", graph.number(RAMP), make("-", high, low))
        ramps = [
            make("max", graph.zero, make("min", graph.one, make("/", left, room)))
            for left in (make("-", high, state.symbol), make("-", state.symbol, low))
        ]
        rise = ramps[0] if state.high is not None else graph.one
        fall = ramps[1] if state.low is not None else graph.one
        return make("*", state.rate, make("if", make("<", graph.zero, state.rate), rise, fall))

    def drive(self, stored: Stored, found: list[StateFound]) -> tuple[float, float]:
        """Return a sine that moves the first state that is no temperature; 1 V and 1 kHz where
        nothing moves."""
        moving = next((k for k, s in enumerate(found) if s.unit != "K"), 0 if found else None)
        if moving is None:
            return 1.0, 1e3
        middle = [
            (
                np.full(6, s.start)
                if k != moving
                else s.low + (s.high - s.low) * np.array([0.1, 0.5, 0.9] * 2)
            )
            for k, s in enumerate(found)
        ]

        def rates(volts: float) -> np.ndarray:
            try:
                amps = stored.everything(
                    volts * np.array([1.0, 1, 1, -1, -1, -1]), middle, self.defaults
                )
            except ConvergenceError:
                return np.full(6, np.nan)
            return np.asarray(amps[2][moving])

        return drive(
            [(v, rates(v)) for v in (1.0, 1.5, 2.0, 3.0, 5.0)],
            found[moving].high - found[moving].low,
        )


def _hot(state: StateEquation, name: str, value: float) -> bool:
    """Return whether a state is a temperature."""
    return state.thermal or (_HOT.search(name) is not None and 200.0 <= value <= 2000.0)
