"""Stored equations as functions of numbers: a text in Python, an assignment an operation, for the
compiled loops of the nodal engine.

The text is written from operations that are known one by one, with numbers for names: no word of a
descriptor is in it. What depends on parameters alone is computed beforehand, for all cells at once,
and travels in ``p``, so that one text serves all parameters. Unknowns are solved for as
`Stored.everything` does it, each cell by itself. A rate is NaN, which no integrator accepts, where
nothing in the model holds a state at its bound, and where unknowns are not found."""

from __future__ import annotations

import atexit
import hashlib
import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.devices.equations import CellCode
from spicesnn.devices.importers.graph import BOOLEAN, Graph, Program
from spicesnn.devices.importers.stored import (
    BEYOND,
    HALVINGS,
    ROUNDING,
    STEPS,
    TOLERANCE,
    Stored,
    size,
)
from spicesnn.paths import caches_dir
from spicesnn.whole_file import write_whole

_WORDS: Mapping[str, str] = {
    "+": "{} + {}",
    "-": "{} - {}",
    "*": "{} * {}",
    "/": "{} / {}",
    "neg": "-{}",
    "pow": "{} ** {}",
    "min": "np.minimum({}, {})",
    "max": "np.maximum({}, {})",
    "<": "{} < {}",
    "<=": "{} <= {}",
    "==": "{} == {}",
    "and": "{} & {}",
    "or": "{} | {}",
    "not": "not {}",
    "if": "chosen({}, {}, {})",
    "ln": "np.log({})",
    "sgn": "np.sign({})",
    "atan2": "np.arctan2({}, {})",
    **{name: f"np.{name}({{}})" for name in ("abs", "floor", "ceil", "exp", "log10", "sqrt")},
    **{name: f"np.{name}({{}})" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{f"a{name}": f"np.arc{name}({{}})" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
}

_HEAD = '''"""Equations of an imported device, written by spicesnn."""

import numpy as np

from spicesnn.devices.importers.elimination import chosen, eliminated, scratch
'''
_NEWTON = """

def _norm(w):
    total = 0.0
    for k in range({m}):
        total += w[{left} + k] * w[{left} + k]
    return np.sqrt(total)


def _small(w):
    for k in range({m}):
        if not abs(w[{left} + k]) <= {rounding} * w[{sizes} + k]:
            return False
    return True


def _unknowns({x}, w):
    for k in range({m}):
        w[k], w[{last} + k] = 0.0, np.inf
    _sides({x}, w)
    before = _norm(w)
    for step in range({steps}):
        for k in range({m}):
            w[{move} + k] = -w[{left} + k]
        eliminated(w, {slopes}, {m}, {move})
        for k in range({m}):
            w[{start} + k] = w[k]
            if not abs(w[{move} + k]) < np.inf:
                return False
        share = 1.0
        for half in range({halvings}):
            for k in range({m}):
                w[k] = w[{start} + k] + share * w[{move} + k]
            _sides({x}, w)
            after = _norm(w)
            if after <= before * (1.0 + 1e-9) or not before > 0.0 or _small(w):
                break
            if half < {halvings} - 1:
                share *= 0.5
        before = after
        arrived, exact, still = share == 1.0, True, True
        for k in range({m}):
            moved = abs(share * w[{move} + k])
            arrived = arrived and moved <= {tolerance} * (abs(w[k]) + 1e-6)
            exact = exact and abs(w[{left} + k]) <= 1e-15 * w[{sizes} + k]
            still = (
                still
                and moved <= 1e-7 * abs(w[k]) + 1e-12
                and moved >= 0.25 * w[{last} + k]
                and (abs(w[{left} + k]) <= 1e-6 * w[{sizes} + k] or moved <= 1e-12)
            )
            w[{last} + k] = moved
        if arrived or exact or still:
            return True
    return _small(w)
"""


def cell_code(
    stored: Stored, parameters: Mapping[str, Any], lows: Sequence[Any], highs: Sequence[Any]
) -> CellCode:
    """Return the compiled twin of stored equations.

    Parameters
    ----------
    stored : Stored
    parameters : Mapping
        Numbers, or arrays of (rows, cols).
    lows, highs : sequence
        Bounds of each state at these parameters.
    """
    writer = _writer(stored)
    values = _ahead(stored, writer, parameters)
    ends = [one for pair in zip(lows, highs, strict=True) for one in pair]
    given = (*values, *ends)
    space = _functions(writer.text)
    return CellCode(
        current=space["current"],
        conductance=space["conductance"],
        rate=space["rate"],
        parameters=tuple(
            np.asarray(one, dtype=float) if np.ndim(one) else float(one) for one in given
        ),
        states=max(len(stored.states), 1),
    )


def _ahead(stored: Stored, writer: _Writer, parameters: Mapping[str, Any]) -> list[Any]:
    """Return what depends on parameters alone; of numbers it is kept."""
    known = {f"par:{name}": value for name, value in parameters.items()}
    if not writer.kept:
        return []
    if any(np.ndim(value) for value in known.values()):
        return writer.ahead.run(known)
    key = tuple(sorted(known.items()))
    if stored.kept.get("key") != key:
        stored.kept["key"], stored.kept["values"] = key, writer.ahead.run(known)
    return list(stored.kept["values"])


def _writer(stored: Stored) -> _Writer:
    """Return what was written for these equations, once."""
    if "native" not in stored.kept:
        stored.kept["native"] = _Writer(stored)
    found: _Writer = stored.kept["native"]
    return found


class _Writer:
    """The text of some equations.

    Attributes
    ----------
    text : str
    kept : list of int
        Expressions of parameters alone, in the order in which they stand in ``p``.
    ahead : Program
        What computes them.
    """

    def __init__(self, stored: Stored) -> None:
        self.graph = graph = Graph()
        wanted = [stored.current, *stored.rates, *stored.residuals]
        made = stored.graph.copy(wanted, graph)
        n, m = len(stored.states), len(stored.residuals)
        current, rates, residuals = made[0], made[1 : 1 + n], made[1 + n :]
        volt, unknown = graph.symbol("v"), [graph.symbol(f"u:{k}") for k in range(m)]
        self.names = {f"x:{name}": f"x{k}" for k, name in enumerate(stored.states)}
        self.x = ", ".join(["v", *self.names.values(), "p"])
        self.kept: list[int] = []
        self._seen: dict[int, int] = {}
        w = {key: k * m for k, key in enumerate(("u", "left", "sizes", "move", "last", "start"))}
        w["slopes"] = 6 * m
        names = {f"u:{k}": f"w[{k}]" for k in range(m)}
        parts = [_HEAD]
        if m:
            sides = [*residuals, *(size(graph, r) for r in residuals)]
            sides += [graph.slope(r, u) for r in residuals for u in unknown]
            places = [w["left"] + k for k in range(m)] + [w["sizes"] + k for k in range(m)]
            places += [w["slopes"] + k for k in range(m * m)]
            lines, words = self._lines(sides, names)
            lines += [f"w[{at}] = {word}" for at, word in zip(places, words, strict=True)]
            parts.append(_function("_sides", f"{self.x}, w", lines))
            parts.append(
                _NEWTON.format(
                    m=m,
                    x=self.x,
                    steps=STEPS,
                    halvings=HALVINGS,
                    tolerance=TOLERANCE,
                    rounding=ROUNDING,
                    **w,
                )
            )
        solve = [f"w = scratch({6 * m + m * m})"] if m else []
        solve += [f"if not _unknowns({self.x}, w):", "    return np.nan"] if m else []
        lines, (word,) = self._lines([current], names)
        parts.append(_function("_current", self.x, [*solve, *lines, f"return {word}"]))
        asked = [graph.slope(current, volt), *(graph.slope(current, u) for u in unknown)]
        lines, words = self._lines(asked + [graph.slope(r, volt) for r in residuals], names)
        total = words[0]
        for k in range(m):
            lines.append(f"w[{w['move'] + k}] = -({words[1 + m + k]})")
            total += f" + {words[1 + k]} * w[{w['move'] + k}]"
        lines += [f"eliminated(w, {w['slopes']}, {m}, {w['move']})"] if m else []
        parts.append(_function("_conductance", self.x, [*solve, *lines, f"return {total}"]))
        for k, rate in enumerate(rates):
            lines, (word,) = self._lines([rate], names)
            parts.append(_function(f"_rate_{k}", self.x, [*solve, *lines, f"return {word}"]))
        parts += self._entrances(n)
        self.ahead = Program(graph, self.kept)
        self.text = "".join(parts)

    def _lines(
        self, wanted: Sequence[int], names: Mapping[str, str]
    ) -> tuple[list[str], list[str]]:
        """Return the assignments that some expressions need, and what each is called then."""
        graph, lines = self.graph, list[str]()
        words: dict[int, str] = {}
        called = {"v": "v"} | dict(self.names) | dict(names)
        needed, left = set[int](), list(wanted)
        while left:
            place = left.pop()
            if place not in needed:
                needed.add(place)
                left += [] if self._constant(place) else graph.args[place]
        for place in sorted(needed):
            op = graph.ops[place]
            if op == "num":
                value = graph.values[place]
                words[place] = repr(value) if math.isfinite(value) else f"np.{value}"
                words[place] = f"({words[place]})" if value < 0 else words[place]
            elif self._constant(place):
                where = self._seen.setdefault(place, len(self.kept))
                self.kept += [place] if where == len(self.kept) else []
                words[place] = f"p[{where}]" if op not in BOOLEAN else f"(p[{where}] != 0.0)"
            elif op == "sym":
                words[place] = called[graph.names[place]]
            else:
                words[place] = f"t{place}"
                made = _WORDS[op].format(*(words[a] for a in graph.args[place]))
                lines.append(f"t{place} = {made}")
        return lines, [words[place] for place in wanted]

    def _constant(self, place: int) -> bool:
        """Return whether an expression is of parameters alone, and no number."""
        symbols = self.graph.symbols(place)
        return bool(symbols) and all(name.startswith("par:") for name in symbols)

    def _entrances(self, n: int) -> list[str]:
        """Return the functions that have the form of `CellCode`."""
        count = len(self.kept)
        if n > 1:
            given = ", ".join(["v", *(f"p[{count + 2 * n + k}]" for k in range(n)), "p"])
        else:
            given = "v, x, p" if n else "v, p"
        parts = [
            _function(name, "v, x, gate, p", [f"return _{name}({given})"])
            for name in ("current", "conductance")
        ]
        lines = [] if n else ["return 0.0"]
        for k in range(n):
            at = f"p[{count + 2 * n + k}]" if n > 1 else "x"
            others = [
                f"p[{count + 2 * n + j}]" if j != k else "0.5 * (low + high)" for j in range(n)
            ]
            past = [others[j] if j != k else "past" for j in range(n)]
            body = [
                f"low, high, rate = p[{count + 2 * k}], p[{count + 2 * k + 1}], _rate_{k}({given})",
                "near = 1e-12 * (high - low)",
                f"if ({at} >= high - near and rate > 0.0) or ({at} <= low + near and rate < 0.0):",
                f"    least = 0.01 * abs(_rate_{k}({', '.join(['v', *others, 'p'])}))",
                "    if abs(rate) > least:",
                f"        past = high + {BEYOND} * (high - low)",
                "        if rate < 0.0:",
                f"            past = low - {BEYOND} * (high - low)",
                f"        past = _rate_{k}({', '.join(['v', *past, 'p'])})",
                "        if not (past * rate <= 0.0 or abs(past) <= least):",
                "            return np.nan",
                "return rate",
            ]
            lines += (
                [f"if x < {k + 0.5}:", *(f"    {line}" for line in body)] if k < n - 1 else body
            )
        return [*parts, _function("rate", "v, x, gate, p", lines)]


def _function(name: str, arguments: str, lines: Sequence[str]) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f"\n\ndef {name}({arguments}):\n{body}\n"


@cache
def _functions(text: str) -> dict[str, Any]:
    """Return the functions of a text.

    It is run as it was written here; the file is what machine code is kept beside, and is never
    read."""
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    path = str(_placed(text, digest))
    space: dict[str, Any] = {"__name__": f"spicesnn_equations_{digest}", "__file__": path}
    exec(compile(text, path, "exec"), space)  # noqa: S102 (written above, number by number)
    return space


def _placed(text: str, digest: str) -> Path:
    """Write a text to a folder of its own, in the user's caches or else one of this process, and
    return its path."""
    folder = caches_dir() / "spicesnn" / "equations" / digest
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "equations.py", text)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="spicesnn-equations-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        write_whole(folder / "equations.py", text)
    return folder / "equations.py"
