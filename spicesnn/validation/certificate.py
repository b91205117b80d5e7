"""How well the twins of an imported Verilog-A model agree with the compiled original, at random
points."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.devices.importers.graph import STEP, Program
from spicesnn.devices.importers.veriloga.model import VerilogModel
from spicesnn.devices.importers.veriloga.parameters import Settable
from spicesnn.errors import EngineError, InputError, UnsupportedNetlistError
from spicesnn.validation.compiled_original import (
    AWAKE,
    BEFORE,
    FIRST,
    SHOWN,
    CompiledOriginal,
    Evaluated,
)

VALUE, JACOBIAN = 1e-9, 1e-8
"""What the twins must reach."""
_SETS, _NEWTON, _FLOOR = 8, 30, 1e-6
_UNSOLVED = 0.02
"""At most this part of the points may have no solution in double precision, as where a slope has no
end."""
_ROUNDING = 1e-13
"""Of the largest summand: how exactly currents that cancel are known."""
_LOUD = 1e60
"""Ampere a unit: beside it the current itself is nothing."""
_TRUE = float(struct.unpack("d", struct.pack("q", 1))[0])
_NAME = re.compile(r"(V|I|flow)\((\w+)(?:,(\w+))?\)|(\w+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """Largest relative differences between the nodal twin and the compiled original.

    Attributes
    ----------
    value : float
        Of the current and the rates of the states.
    jacobian : float
        Of the current's and the rates' derivatives by the voltage and the states.
    points : int
        At which the compiled original's equations have a solution.
    advanced : float or None
        Of a model that advances its states by itself: of a small step of its own, against the rate.
    by_values : int
        Of the derivatives, how many were compared with differences of the compiled original's
        values: there its own derivatives are not those of its values (``atan2``, ``hypot`` and some
        expressions with branches).
    """

    value: float
    jacobian: float
    points: int
    advanced: float | None = None
    by_values: int = 0

    @property
    def ok(self) -> bool:
        """Whether the twin is what the file says."""
        return (
            self.value <= VALUE
            and self.jacobian <= JACOBIAN
            and (self.advanced is None or self.advanced <= 1e-3)
        )

    def table(self) -> dict[str, float]:
        """Return what a descriptor keeps of it."""
        return {
            f"max_{key}_error" if key not in ("points", "by_values") else key: value
            for key, value in asdict(self).items()
            if value is not None and (key != "by_values" or value)
        }


def certificate(model: VerilogModel, rng: np.random.Generator, points: int = 200) -> Certificate:
    """Compare the nodal twin of a model with the compiled original.

    Parameters, states and voltages are drawn; the original's own equations are solved from the
    twin's answer on, and what both come to is compared: current, rates, and their derivatives by
    the voltage and the states.

    Parameters
    ----------
    model : VerilogModel
    rng : Generator
    points : int
        At least this many.
    """
    sets = [model.defaults, *(drawn_parameters(model, rng) for _ in range(_SETS - 1))]
    try:
        found = _compared(model, sets, rng, points, ())
    except _SingularError:
        nodes = [key.removeprefix("node:") for key in model.moved if key.startswith("node:")]
        if not nodes:
            raise
        found = _compared(model, sets, rng, points, nodes)
    twin, true, twin_by, true_by = (
        np.concatenate([f[k] for f in found], axis=-1) for k in range(4)
    )
    steps = [f[4] for f in found if f[4] is not None]
    drawn = _SETS * -(-points // _SETS)
    if twin.shape[-1] < (1 - _UNSOLVED) * drawn:
        raise UnsupportedNetlistError(
            f"{model.name}: not taken, since what was understood does not solve the compiled"
            f" original's equations at {drawn - twin.shape[-1]} of {drawn} points (the currents of"
            " both terminals do not cancel); its inner nodes may have several solutions at one"
            " voltage"
        )
    return Certificate(
        value=relative(twin, true),
        jacobian=relative(
            twin_by.reshape(-1, twin_by.shape[-1]), true_by.reshape(-1, true_by.shape[-1])
        ),
        points=twin.shape[-1],
        advanced=max(steps) if steps else None,
        by_values=sum(f[5] for f in found),
    )


def _compared(
    model: VerilogModel,
    sets: Sequence[Mapping[str, float]],
    rng: np.random.Generator,
    points: int,
    awake: Sequence[str],
) -> list[tuple[Floats, Floats, Floats, Floats, float | None, int]]:
    """Return what `_Judge.compare` does for each of some sets of parameters."""
    with CompiledOriginal(
        model.files,
        model.module,
        keeps=model.keeps,
        late=tuple(model.late),
        pins=model.pins,
        awake=awake,
    ) as original:
        judge = _Judge(model, original)
        return [judge.compare(parameters, rng, -(-points // _SETS)) for parameters in sets]


class _SingularError(InputError):
    """Nothing determines an unknown of the compiled original."""


def relative(found: Floats, true: Floats) -> float:
    """Return the largest difference of each row's entries, relative to them, or to a millionth of
    the row's median where that is more.

    Rates span many decades, so that the largest of a row would hide all others; near a change of
    sign a difference of two exponentials keeps few digits, in either program."""
    if not np.all(np.isfinite(found)) or not np.all(np.isfinite(true)):
        return float("inf")
    return float(np.max(np.abs(found - true) / np.maximum(np.abs(true), _floor(true)), initial=0.0))


def _floor(true: Floats) -> Floats:
    """Return a millionth of the median of each row's entries that are not 0, (rows, 1)."""
    sizes = np.where(true != 0.0, np.abs(true), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rows of zeros have no median
        return np.asarray(
            _FLOOR * np.nan_to_num(np.nanmedian(sizes, axis=-1, keepdims=True)) + 1e-300
        )


def drawn_parameters(model: VerilogModel, rng: np.random.Generator) -> dict[str, float]:
    """Return parameters near their defaults, within their ranges and fitting together."""
    for _ in range(50):
        found = {one.name: _drawn(one, rng) for one in model.parameters}
        lows, highs, starts = (
            [float(model.stored.of_parameters(p, found)) for p in ends]
            for ends in (model.stored.lows, model.stored.highs, model.stored.starts)
        )
        if all(
            bool(model.stored.of_parameters(p, found)) for p, _ in model.stored.required
        ) and all(a < b and a <= s <= b for a, b, s in zip(lows, highs, starts, strict=True)):
            return found
    return model.defaults


def _drawn(one: Settable, rng: np.random.Generator) -> float:
    value = (
        one.default * rng.uniform(0.9, 1.1)
        if not one.integer
        else one.default + rng.integers(-1, 2)
    )
    inside = one.lowest <= value <= one.highest and one.above < value < one.below
    return float(value) if inside else one.default


class _Judge:
    def __init__(self, model: VerilogModel, original: CompiledOriginal) -> None:
        self.model, self.original = model, original
        self.about = original.about
        self.own = {p.own: p.name for p in model.parameters}
        p, n = model.pins
        unknowns = self.about.unknowns
        self.row_p, self.row_n = unknowns.index(p), unknowns.index(n)
        self.merged = self.joined()
        # States of the device are given; all other unknowns of the original are solved for.
        self.dynamic = {
            k: model.moved[key] for k, key in enumerate(self.keys()) if key in model.moved
        }
        if sorted(self.dynamic.values()) != sorted(model.moved.values()):
            raise EngineError(
                f"{model.name}: the compiled original does not have the states"
                f" {', '.join(model.moved.values())}"
            )

    def joined(self) -> list[tuple[int, int]]:
        """Return the unknowns that the compiler leaves in each other's places without an equation,
        where the text puts a potential of 0 between two nodes: what goes, and into what (−1: the
        ground)."""
        nodes, pins = self.about.unknowns, self.model.pins
        found: list[tuple[int, int]] = []
        into: dict[str, str] = {}
        for pair in self.model.joined:
            if any(f"flow({a},{b})" in nodes for a, b in (pair, pair[::-1])):
                continue
            a, b = (self._root(into, node) for node in pair)
            gone, kept = (b, a) if a in ("0", *pins) else (a, b)
            if gone != kept and gone in nodes and gone not in pins:
                into[gone] = kept
                found.append((nodes.index(gone), -1 if kept == "0" else nodes.index(kept)))
        return found

    @staticmethod
    def _root(into: Mapping[str, str], node: str) -> str:
        while node in into:
            node = into[node]
        return node

    def evaluated(self, points: list[dict[str, float]]) -> Evaluated:
        """Return what the original says at some points, joined nodes as one."""
        found = self.original.evaluate(points, list(self.model.integers))
        for gone, kept in self.merged:
            for values in (found.resist, found.react):
                if kept >= 0:
                    values[:, kept] += values[:, gone]
                values[:, gone] = 0.0
            for matrix in (found.by_resist, found.by_react):
                for lines in (matrix, matrix.swapaxes(1, 2)):
                    if kept >= 0:
                        lines[:, kept] += lines[:, gone]
                    lines[:, gone] = 0.0
        return found

    def keys(self) -> list[str]:
        """Return how the model calls each unknown of the original, as ``node:x``, ``flow:(a,b)``,
        ``idt:k``."""
        found, integral = [], 0
        for name in self.about.unknowns:
            match = _NAME.fullmatch(name)
            if name.startswith("implicit_equation"):
                found.append(
                    f"idt:{integral}" if f"idt:{integral}" in self.model.observed else name
                )
                integral += 1
            elif match is not None and match.group(1) == "flow":
                found.append(
                    f"flow:({match.group(2)},{match.group(3) or '0'})"
                    if f"flow:{match.group(2)}" not in self.model.observed
                    else f"flow:{match.group(2)}"
                )
            else:
                found.append(f"node:{name}")
        return found

    def compare(
        self, parameters: Mapping[str, float], rng: np.random.Generator, count: int
    ) -> tuple[Floats, Floats, Floats, Floats, float | None, int]:
        """Return the twin's values, the original's, and both's derivatives; the error of a step
        that the original makes by itself; and how many derivatives are differences of its
        values."""
        model, stored = self.model, self.model.stored
        n = len(stored.states)
        lows, highs = (
            [float(stored.of_parameters(p, parameters)) for p in ends]
            for ends in (stored.lows, stored.highs)
        )
        share = rng.uniform(0.01, 0.99, (n, count))
        x = [a + (b - a) * s for a, b, s in zip(lows, highs, share, strict=True)]
        v = 1.5 * model.drive[0] * rng.uniform(-1.0, 1.0, count)
        twin, by, guess = self.twin(v, x, parameters)
        hidden = self.hidden(x)
        true, true_by, sound = self.solved(guess, parameters, hidden)
        states = [stored.states.index(name) for name in self.dynamic.values()]
        chosen = [0, *(1 + k for k in states)]
        twin_by = np.array([[by[row][0], *(by[row][1 + k] for k in states)] for row in chosen])
        step = (
            self.stepped(guess, parameters, hidden, x, list(twin[1:]), twin[0])
            if model.hidden
            else None
        )
        differences = 0
        for k, span in enumerate([2 * model.drive[0], *(highs[s] - lows[s] for s in states)]):
            odd = np.any(~_alike(twin_by[:, k], true_by[:, k]), axis=0) & sound
            if np.any(odd):
                moved = None if k == 0 else states[k - 1]
                by_values = self.differences(v, x, parameters, odd, moved, span, twin_by[:, k, odd])
                nearer = np.abs(by_values - twin_by[:, k, odd]) < np.abs(
                    true_by[:, k, odd] - twin_by[:, k, odd]
                )
                true_by[:, k, odd] = np.where(nearer, by_values, true_by[:, k, odd])
                differences += int(np.sum(nearer))
        return (
            twin[chosen][:, sound],
            true[:, sound],
            twin_by[:, :, sound],
            true_by[:, :, sound],
            step,
            differences,
        )

    def twin(
        self, v: Floats, x: Sequence[Floats], parameters: Mapping[str, float]
    ) -> tuple[Floats, Sequence[Sequence[Floats]], Floats]:
        """Return the twin's current and rates, (1 + states, points), their derivatives by the
        voltage and the states, and the original's unknowns as the twin has them."""
        model = self.model
        amps, _, rates, by, u = model.stored.everything(v, x, parameters)
        known: dict[str, Any] = {"v": v} | {
            f"x:{name}": one for name, one in zip(model.stored.states, x, strict=True)
        }
        known |= {f"par:{k}": value for k, value in parameters.items()} | {
            f"u:{k}": one for k, one in enumerate(u)
        }
        with np.errstate(all="ignore"):
            shown = dict(model.observed) | {
                f"node:{BEFORE}{name}": place for name, place in model.late.items()
            }
            values = dict(
                zip(shown, Program(model.graph, list(shown.values())).run(known), strict=True)
            )
        guess = np.array(
            [
                np.broadcast_to(np.asarray(self.value(key, values, v), dtype=float), v.shape)
                for key in self.keys()
            ]
        ).T.copy()
        return np.array([amps, *rates]), by, guess

    def hidden(self, x: Sequence[Floats]) -> dict[str, Floats]:
        """Return the variables that the model advances by itself."""
        return {
            own: x[self.model.stored.states.index(name)] for own, name in self.model.hidden.items()
        }

    def differences(
        self,
        v: Floats,
        x: Sequence[Floats],
        parameters: Mapping[str, float],
        where: Floats,
        moved: int | None,
        span: float,
        twin_by: Floats,
    ) -> Floats:
        """Return the derivatives of the original's values at some points by the voltage or by a
        state, as differences of sixth order: (1 + states, points). Of two steps the one that is
        nearer to the twin: a step is too wide beside a bend and too short for the digits."""
        best = np.full_like(twin_by, np.inf)
        for step in (1e-4 * span, 1e-5 * span):
            total = np.zeros_like(twin_by)
            for far, weight in ((1, 45.0), (2, -9.0), (3, 1.0)):
                for sign in (1, -1):
                    shift = sign * far * step
                    volts = v[where] + (shift if moved is None else 0.0)
                    states = [
                        one[where] + (shift if k == moved else 0.0) for k, one in enumerate(x)
                    ]
                    _, _, guess = self.twin(volts, states, parameters)
                    values, _, sound = self.solved(guess, parameters, self.hidden(states))
                    total += np.where(sound, sign * weight * values, np.nan)
            found = total / (60.0 * step)
            best = np.where(np.abs(found - twin_by) < np.abs(best - twin_by), found, best)
        return best

    def value(self, key: str, values: Mapping[str, Any], v: Floats) -> Any:
        """Return what the twin says an unknown of the original is; 0 for what only the original
        knows."""
        p, n = self.model.pins
        if key in (f"node:{p}", f"node:{n}"):
            return v if key == f"node:{p}" else 0.0
        if key in values:
            return values[key]
        match = re.fullmatch(r"flow:\((\w+),(\w+)\)", key)
        if match is not None and f"flow:({match.group(2)},{match.group(1)})" in values:
            return -values[f"flow:({match.group(2)},{match.group(1)})"]
        return 0.0

    def inputs(
        self,
        at: Floats,
        parameters: Mapping[str, float],
        hidden: Mapping[str, Floats],
        clock: float | Floats = 1.0,
        seconds: float | Floats = 0.0,
        shown: str = "",
    ) -> list[dict[str, float]]:
        """Return the compiled model's inputs for each row of its unknowns, `seconds` after an
        evaluation at `clock`."""
        place = {key: k for k, key in enumerate(self.keys())}
        columns: dict[str, Any] = {}
        integral = 0
        for name, kind in self.about.kinds.items():
            match kind:
                case "param" if name in (FIRST, AWAKE):
                    columns[name] = 0.0
                case "param" if name.startswith(SHOWN):
                    columns[name] = _LOUD if name == f"{SHOWN}{shown}" else 0.0
                case "param" if name.startswith(BEFORE):
                    own = name.removeprefix(BEFORE)
                    columns[name] = (
                        hidden[own]
                        if own in hidden
                        else clock
                        if own in self.model.clocks
                        else self.other(own, parameters, seconds)
                    )
                case "param" if name in self.own:
                    columns[name] = parameters[self.own[name]]
                case "param" if name in self.model.others:
                    columns[name] = self.other(name, parameters, seconds)
                case "temperature":
                    columns[name] = (
                        parameters[self.own["$temperature"]]
                        if "$temperature" in self.own
                        else 300.15
                    )
                case "voltage":
                    match = _NAME.fullmatch(name)
                    assert match is not None
                    ends = (match.group(2), match.group(3))
                    columns[name] = sum(
                        sign * at[:, place[f"node:{node}"]]
                        for sign, node in zip((1, -1), ends, strict=True)
                        if node is not None
                    )
                case "current":
                    columns[name] = self._flow(name, at, place)
                case "implicit_unknown":
                    columns[name] = at[
                        :, self.about.unknowns.index(f"implicit_equation_{integral}")
                    ]
                    integral += 1
                case "enable_integration":
                    columns[name] = _TRUE
                case "abstime":
                    columns[name] = clock + seconds
                case "hidden_state":
                    columns[name] = 0.0  # the compiler does not look at it
                case "sysfun" if name == "mfactor":
                    columns[name] = 1.0
                case _:
                    raise EngineError(
                        f"{self.model.name}: the compiled original asks for {name!r} ({kind}),"
                        " which is not understood"
                    )
        full = {
            name: np.broadcast_to(np.asarray(value, dtype=float), (len(at),))
            for name, value in columns.items()
        }
        return [{name: float(value[k]) for name, value in full.items()} for k in range(len(at))]

    def other(self, name: str, parameters: Mapping[str, float], seconds: float | Floats) -> Any:
        """Return a parameter that cannot be set, or a variable that keeps its first value."""
        known: dict[str, Any] = {f"par:{key}": value for key, value in parameters.items()}
        with np.errstate(all="ignore"):
            program = Program(self.model.graph, [self.model.others[name]])
            return program.run(known | {STEP: seconds})[0]

    def _flow(self, name: str, at: Floats, place: Mapping[str, int]) -> Any:
        match = _NAME.fullmatch(name)
        assert match is not None
        for key, sign in (
            (f"flow:({match.group(2)},{match.group(3) or '0'})", 1),
            (f"flow:{match.group(2)}", 1),
            (f"flow:({match.group(3) or '0'},{match.group(2)})", -1),
        ):
            if key in place:
                return sign * at[:, place[key]]
        return 0.0  # the flow of a branch whose flow is contributed is no input of its equations

    def solved(
        self, guess: Floats, parameters: Mapping[str, float], hidden: Mapping[str, Floats]
    ) -> tuple[Floats, Floats, Any]:
        """Return current and rates of the original, (1 + states, points), and their derivatives, by
        Newton's method on its own equations; and where the currents of both terminals cancel."""
        at, n = guess.copy(), guess.shape[1]
        dynamic = list(self.dynamic)
        terminals = (self.row_p, self.row_n)
        free = [k for k in range(n) if k not in (*dynamic, *terminals)]
        rows = [k for k in range(n) if k not in terminals]
        if free:
            first = self.evaluated(self.inputs(at, parameters, hidden))
            loose = _loose(first, set(free) & set(rows))
            free, rows = ([k for k in kept if k not in loose] for kept in (free, rows))
        # Of all steps the point with the shortest one is kept: beside a bend, or where a slope has
        # no end, Newton's method may leave a solution.
        best, shortest = at.copy(), np.full(len(at), np.inf)
        scale = np.max(np.abs(at[:, free]), axis=0, initial=0.0) + 1e-300
        for _ in range(_NEWTON):
            found = self.evaluated(self.inputs(at, parameters, hidden))
            matrix = np.concatenate(
                [found.by_resist[:, rows][:, :, free], found.by_react[:, rows][:, :, dynamic]],
                axis=2,
            )
            moved = _solve(matrix, -found.resist[:, rows])[:, : len(free)]
            size = np.max(np.abs(moved) / scale, axis=1, initial=0.0)
            best[size < shortest] = at[size < shortest]
            shortest = np.minimum(size, shortest)
            at[:, free] += moved
            if np.all(np.abs(moved) <= 1e-14 * np.abs(at[:, free]) + 1e-300) or not free:
                break
        at = best
        found = self.evaluated(self.inputs(at, parameters, hidden))
        matrix = np.concatenate(
            [found.by_resist[:, rows][:, :, free], found.by_react[:, rows][:, :, dynamic]], axis=2
        )
        rates = _solve(matrix, -found.resist[:, rows])[:, len(free) :]
        (current, size), (other, size_n) = (
            _current(found, at, row, dynamic, rates) for row in (self.row_p, self.row_n)
        )
        sound = (
            np.abs(current + other)
            <= 1e-9 * np.abs(current) + _ROUNDING * np.maximum(size, size_n) + 1e-30
        )
        # A state's node that is drawn to one terminal leaves few digits of the current there.
        row, sign = (self.row_p, 1) if np.sum(size) <= np.sum(size_n) else (self.row_n, -1)
        slopes = self._slopes(found, rows, free, dynamic, matrix, row)
        slopes[0] *= sign
        return np.array([current if sign > 0 else -other, *rates.T]), slopes, sound

    def _slopes(
        self,
        found: Evaluated,
        rows: list[int],
        free: list[int],
        dynamic: list[int],
        matrix: Floats,
        row: int,
    ) -> Floats:
        """Return d(current, rates)/d(v, states), (1 + states, 1 + states, points), of the current
        that leaves the terminal `row`."""
        by = [self.row_p, *dynamic]
        sides = -found.by_resist[:, rows][:, :, by]
        moved = (
            np.stack([_solve(matrix, sides[:, :, k]) for k in range(len(by))], axis=2)
            if matrix.size
            else np.zeros((len(sides), 0, len(by)))
        )
        rates_by = moved[:, len(free) :]
        current_by = found.by_resist[:, row][:, by] + np.einsum(
            "pf,pfk->pk", found.by_resist[:, row][:, free], moved[:, : len(free)]
        )
        current_by = current_by + np.einsum(
            "pd,pdk->pk", found.by_react[:, row][:, dynamic], rates_by
        )
        return np.moveaxis(np.concatenate([current_by[:, None], rates_by], axis=1), 0, -1)

    def stepped(
        self,
        guess: Floats,
        parameters: Mapping[str, float],
        hidden: Mapping[str, Floats],
        x: Sequence[Floats],
        rates: Sequence[Floats],
        amps: Floats,
    ) -> float:
        """Return how far small steps of the original are from the twin's rates, of these: the
        largest over its states."""
        stored = self.model.stored
        lows, highs = (
            np.array([float(stored.of_parameters(p, parameters)) for p in ends])
            for ends in (stored.lows, stored.highs)
        )
        speeds = np.abs(np.array(rates)) / (highs - lows)[:, None]
        together = 1e-6 / np.maximum(np.max(speeds, axis=0), 1e-300)
        worst = 0.0
        for own, name in self.model.hidden.items():
            k = stored.states.index(name)
            errors = []
            # Steps in which no state moves much; and, where this state hardly moves in them, steps
            # in which it does.
            for seconds in (together, 1e-6 / np.maximum(speeds[k], 1e-300)):
                inputs = self.inputs(guess, parameters, hidden, seconds, seconds, own)
                after = self.evaluated(inputs).resist[:, self.row_p] / _LOUD
                wanted = rates[k] * seconds
                told = (np.abs(wanted) > 1e-9 * np.abs(x[k])) & (
                    np.abs(amps) < 1e-6 * _LOUD * np.abs(wanted)
                )
                errors.append(np.abs(after - x[k] - wanted)[told] / np.abs(wanted)[told])
            if errors[0].size >= 5:
                worst = max(worst, float(np.max(errors[0])))
            elif errors[1].size:
                worst = max(worst, float(np.min(errors[1])))
        return worst


def _loose(found: Evaluated, among: set[int]) -> set[int]:
    """Return the nodes that the text declares and connects with nothing."""
    used = (found.by_resist != 0.0) | (found.by_react != 0.0)
    rows = np.any(used, axis=(0, 2)) | np.any(found.resist != 0.0, axis=0)
    return {k for k in among if not rows[k] and not np.any(used[:, :, k])}


def _alike(found: Floats, true: Floats) -> Any:
    """Return where derivatives, (rows, points), agree as far as a certificate asks."""
    return np.abs(found - true) <= JACOBIAN * np.maximum(np.abs(true), _floor(true))


def _current(
    found: Evaluated, at: Floats, row: int, dynamic: list[int], rates: Floats
) -> tuple[Floats, Floats]:
    """Return the current into a terminal at each point, and the size of what it is summed of: a
    difference of voltages is known to their digits."""
    resist, react = found.resist[:, row], found.by_react[:, row][:, dynamic] * rates
    size = np.abs(resist) + np.sum(np.abs(react), axis=1)
    return resist + np.sum(react, axis=1), size + np.sum(
        np.abs(found.by_resist[:, row] * at), axis=1
    )


def _solve(matrix: Floats, right: Floats) -> Floats:
    """Return the solutions of (points, m, m) systems, rows and columns brought to the same size
    before."""
    if matrix.shape[1] == 0:
        return np.zeros_like(right)
    rows = np.max(np.abs(matrix), axis=2)
    rows[rows == 0] = 1.0
    scaled = matrix / rows[:, :, None]
    columns = np.max(np.abs(scaled), axis=1)
    columns[columns == 0] = 1.0
    try:
        solved = np.linalg.solve(scaled / columns[:, None, :], (right / rows)[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        raise _SingularError(
            "the compiled original's equations are singular: nothing determines one of its unknowns"
        ) from None
    return np.asarray(solved / columns)
