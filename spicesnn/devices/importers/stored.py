"""Equations as a device carries them: written into its descriptor as data, checked word by word
when they are read again, and solved.

Each line of the descriptor is one operation, such as ``"t3 = * t1 par:r_on"``: no program, nothing
that is run as a text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.devices.importers.graph import ARITY, BOOLEAN, Graph, Program
from spicesnn.errors import ConvergenceError, UnsupportedNetlistError

Array = NDArray[np.float64]
STEPS, HALVINGS, TOLERANCE, ROUNDING = 200, 40, 1e-13, 1e-12
"""Newton's method: its steps, halvings of one, the step that is small against an unknown, the residual
that is small against its terms."""
BEYOND = 1e-9
"""Of a state's range: so far outside its bounds it is asked whether the equations hold it there."""
_MOST = 20_000
_NAME = re.compile(r"[a-z]+(?::[A-Za-z0-9_]+)?")


@dataclass(frozen=True, slots=True)
class StateText:
    """A state of stored equations: its name, and the names of what it is computed from."""

    name: str
    unit: str
    rate: str
    low: str
    high: str
    start: str
    scale: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Stored:
    """Equations of a two-terminal device: ``current(v, x, u)``, a rate for each state, 0 = a
    residual for each unknown.

    Symbols are ``v`` (volt between the terminals), ``x:NAME`` (a state), ``u:K`` (an unknown),
    ``par:NAME`` (a parameter).

    Attributes
    ----------
    graph : Graph
    current : int
    residuals : tuple of int
    sizes : tuple of int
        For each residual the sum of the magnitudes of its terms, which says how small a residual is
        small.
    states : tuple of str
    scales : tuple of float
        State units a volt of the state's node.
    rates, lows, highs, starts : tuple of int
    required : tuple of (int, str)
        What must hold between parameters, and how a message calls it.
    """

    graph: Graph
    current: int
    residuals: tuple[int, ...]
    states: tuple[str, ...]
    scales: tuple[float, ...]
    rates: tuple[int, ...]
    lows: tuple[int, ...]
    highs: tuple[int, ...]
    starts: tuple[int, ...]
    required: tuple[tuple[int, str], ...] = ()
    kept: dict[Any, Any] = field(default_factory=dict, repr=False)
    """What was made of the equations, for the next time it is asked for."""
    _programs: dict[Any, tuple[Program, Program]] = field(default_factory=dict, repr=False)

    def linear(self) -> bool:
        """Return whether the current is proportional to the voltage at given states, at any
        parameters, by the form of the equations: False where that does not show it.

        Unknowns are proportional to the voltage where residuals that are sums of the voltage and of
        just these unknowns, each times a factor, determine them."""
        graph, m = self.graph, len(self.residuals)
        volt, unknown = graph.symbol("v"), frozenset(graph.symbol(f"u:{k}") for k in range(m))
        straight = [r for r in self.residuals if graph.proportional(r, unknown | {volt})]
        solved = unknown & frozenset[int]().union(*map(graph.held, straight))
        return (
            len(straight) == len(solved)
            and not (graph.held(self.current) & unknown) - solved
            and graph.proportional(self.current, solved | {volt})
        )

    # -- solving ----------------------------------------------------------------------------------

    def everything(
        self, v: Array, x: Sequence[Array], parameters: Mapping[str, Any]
    ) -> tuple[Array, Array, list[Array], list[list[Array]], list[Array]]:
        """Return current, dI/dV, rates, derivatives, and the unknowns; state units.

        The derivatives are a row for the current and one for each rate: by v, then by each state.
        """
        shape = np.broadcast_shapes(np.shape(v), *(np.shape(one) for one in x))
        inner, outer = self._compiled(parameters)
        known: dict[str, Any] = {"v": np.asarray(v, dtype=float)} | {
            f"x:{name}": one for name, one in zip(self.states, x, strict=True)
        }
        known |= {f"par:{name}": value for name, value in parameters.items()}
        with np.errstate(all="ignore"):
            unknowns = self._unknowns(inner, known, shape)
            known |= {f"u:{k}": one for k, one in enumerate(unknowns)}
            found = [
                np.broadcast_to(np.asarray(value, dtype=float), shape) for value in outer.run(known)
            ]
        n, m = len(self.states), len(self.residuals)
        wide = 1 + n
        amps, at = found[0], 1
        rates, at = found[at : at + n], at + n
        by = [found[at + k * (wide + m) : at + (k + 1) * (wide + m)] for k in range(1 + n)]
        if m:
            at += (1 + n) * (wide + m)
            matrix = np.array(found[at : at + m * m]).reshape(m, m, *shape)
            sides = np.array(found[at + m * m :]).reshape(m, wide, *shape)
            moved = np.stack(
                [_solved(matrix, -sides[:, k]) for k in range(wide)], axis=1
            )  # du/d(v, x)
            with np.errstate(all="ignore"):
                by = [
                    [
                        row[k] + sum(row[wide + j] * moved[j, k] for j in range(m))
                        for k in range(wide)
                    ]
                    for row in by
                ]
        return amps, by[0][0], list(rates), [row[:wide] for row in by], unknowns

    def _compiled(self, parameters: Mapping[str, Any]) -> tuple[Program, Program]:
        """Return the programs for these parameters, numbers among them put in: of the residuals,
        and of all that is asked for."""
        numbers = {
            f"par:{name}": float(value) for name, value in parameters.items() if np.ndim(value) == 0
        }
        key = tuple(sorted(numbers.items()))
        if key not in self._programs:
            if len(self._programs) > 8:
                self._programs.clear()
            graph = Graph()
            made = self.graph.copy([self.current, *self.rates, *self.residuals], graph, numbers)
            n = len(self.states)
            wanted, residuals = made[: 1 + n], made[1 + n :]
            by = [graph.symbol("v"), *(graph.symbol(f"x:{name}") for name in self.states)]
            u = [graph.symbol(f"u:{k}") for k in range(len(residuals))]
            slopes = [graph.slope(r, s) for r in residuals for s in u]
            asked = [
                *wanted,
                *(graph.slope(w, s) for w in wanted for s in (*by, *u)),
                *slopes,
                *(graph.slope(r, s) for r in residuals for s in by),
            ]
            sizes = [size(graph, r) for r in residuals]
            self._programs[key] = (
                Program(graph, [*residuals, *sizes, *slopes]),
                Program(graph, asked),
            )
        return self._programs[key]

    def _unknowns(
        self, inner: Program, known: dict[str, Any], shape: tuple[int, ...]
    ) -> list[Array]:
        """Return the unknowns by Newton's method, steps halved until the residuals fall, at all
        points at once."""
        m = len(self.residuals)
        if not m:
            return []
        u = np.zeros((m, *shape))

        def at(values: Array) -> tuple[Array, Array, Array]:
            found = inner.run(known | {f"u:{k}": values[k] for k in range(m)})
            full = np.array([np.broadcast_to(np.asarray(f, dtype=float), shape) for f in found])
            return full[:m], full[m : 2 * m], full[2 * m :].reshape(m, m, *shape)

        left, sizes, slopes = at(u)
        done, last = np.zeros(shape, dtype=bool), np.full((m, *shape), np.inf)
        for _ in range(STEPS):
            step = _solved(slopes, -left)
            step[:, done] = 0.0
            if not np.all(np.isfinite(step)):
                raise ConvergenceError(
                    "the inner nodes of an imported device cannot be solved: its equations have no"
                    " value there"
                )
            share = np.ones(shape)
            before = _norm(left)
            for _ in range(HALVINGS):
                tried = u + share * step
                new = at(tried)
                worse = ~(_norm(new[0]) <= before * (1 + 1e-9)) & ~done & (before > 0)
                # Rounding alone may stop the fall at the end: a residual that is small against its
                # terms is as good as it gets.
                worse &= ~np.all(np.abs(new[0]) <= ROUNDING * new[1], axis=0)
                if not np.any(worse):
                    break
                share = np.where(worse, 0.5 * share, share)
            moved = np.abs(share * step)
            u, (left, sizes, slopes) = tried, new
            done = (
                done
                | np.all((moved <= TOLERANCE * (np.abs(u) + 1e-6)) & (share == 1.0), axis=0)
                | np.all(np.abs(left) <= 1e-15 * sizes, axis=0)
            )
            # Steps that are small and do not shrink any more are those of rounding within the
            # model, as of exp(x) - 1 near 0.
            still = (
                (moved <= 1e-7 * np.abs(u) + 1e-12)
                & (moved >= 0.25 * last)
                & ((np.abs(left) <= 1e-6 * sizes) | (moved <= 1e-12))
            )
            done, last = done | np.all(still, axis=0), moved
            if np.all(done):
                return list(u)
        if np.all(np.abs(left) <= ROUNDING * sizes):
            return list(u)
        raise ConvergenceError(
            f"the inner nodes of an imported device were not solved in {STEPS} steps of Newton's"
            " method"
        )

    # -- parameters -------------------------------------------------------------------------------

    def of_parameters(self, place: int, parameters: Mapping[str, Any]) -> Any:
        """Return the value of an expression of parameters alone."""
        with np.errstate(all="ignore"):
            return Program(self.graph, [place]).run(
                {f"par:{name}": value for name, value in parameters.items()}
            )[0]

    # -- text -------------------------------------------------------------------------------------

    def lines(self) -> tuple[list[str], list[str]]:
        """Return the operations, one per line, and the names of what they come to: current, rates,
        lows, highs, starts, residuals, required."""
        graph = self.graph
        wanted = [
            self.current,
            *self.rates,
            *self.lows,
            *self.highs,
            *self.starts,
            *self.residuals,
            *(place for place, _ in self.required),
        ]
        names: dict[int, str] = {}
        lines: list[str] = []
        for place in graph.order(wanted):
            op = graph.ops[place]
            if op == "num":
                names[place] = repr(graph.values[place])
            elif op == "sym":
                names[place] = graph.names[place]
            else:
                names[place] = f"t{len(lines)}"
                lines.append(
                    f"{names[place]} = {' '.join([op, *(names[a] for a in graph.args[place])])}"
                )
        return lines, [names[place] for place in wanted]


def size(graph: Graph, place: int) -> int:
    """Return the sum of the magnitudes of the terms of a sum."""
    if graph.ops[place] in ("+", "-"):
        return graph.make("+", *(size(graph, a) for a in graph.args[place]))
    if graph.ops[place] == "neg":
        return size(graph, graph.args[place][0])
    return graph.make("abs", place)


def read_lines(lines: Sequence[Any], symbols: set[str]) -> tuple[Graph, dict[str, int]]:
    """Return the graph of stored operations, and name → expression; symbols and numbers are found
    by `named`.

    Raises
    ------
    UnsupportedNetlistError
        A line that is no operation of a known kind on what stands before it.
    """
    graph = Graph()
    names: dict[str, int] = {}
    if len(lines) > _MOST:
        raise UnsupportedNetlistError(f"{len(lines)} operations; expected at most {_MOST}")
    for k, line in enumerate(lines):
        words = line.split(" ") if isinstance(line, str) and len(line) < 200 else []
        if (
            len(words) < 4
            or words[0] != f"t{k}"
            or words[1] != "="
            or ARITY.get(words[2]) != len(words) - 3
        ):
            raise UnsupportedNetlistError(
                f"operation {k} is {line!r:.80}; expected 't{k} = OPERATION ARGUMENTS'"
            )
        args = [named(graph, names, word, symbols) for word in words[3:]]
        for place, (a, word) in enumerate(zip(args, words[3:], strict=True)):
            boolean = graph.ops[a] in BOOLEAN
            wants = words[2] in ("and", "or", "not") or (words[2] == "if" and place == 0)
            if boolean != wants and graph.ops[a] != "num":
                raise UnsupportedNetlistError(
                    f"operation {k} takes {word!r} as {'a condition' if wants else 'a number'},"
                    " which it is not"
                )
        names[words[0]] = graph.make(words[2], *args)
    return graph, names


def named(graph: Graph, names: Mapping[str, int], word: Any, symbols: set[str]) -> int:
    """Return the expression that a word means: an operation's result, a symbol, or a number."""
    if word in names:
        return names[word]
    if word in symbols:
        return graph.symbol(word)
    try:
        number = (
            float(word)
            if isinstance(word, str) and re.fullmatch(r"-?[0-9.]+(e[+-]?[0-9]+)?", word)
            else math.nan
        )
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UnsupportedNetlistError(
            f"{word!r:.60} is neither a number nor something that is known there"
        )
    return graph.number(number)


def _norm(values: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(np.sqrt(np.sum(values * values, axis=0)))


def _solved(matrix: Array, right: Array) -> Array:
    """Return the solutions of (m, m, …) systems with right sides (m, …)."""
    if len(right) == 1:
        with np.errstate(all="ignore"):
            return np.asarray(right / matrix[0])
    moved: Any = np.moveaxis(matrix, (0, 1), (-2, -1))
    try:
        side: Any = np.moveaxis(right, 0, -1)[..., None]
        return np.asarray(np.moveaxis(np.linalg.solve(moved, side)[..., 0], -1, 0), dtype=float)
    except np.linalg.LinAlgError:
        return np.full(right.shape, np.nan)
