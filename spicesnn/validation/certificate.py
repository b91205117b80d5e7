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
from spicesnn.devices.importers.graph import Program
from spicesnn.devices.importers.veriloga.model import VerilogModel
from spicesnn.devices.importers.veriloga.parameters import Settable
from spicesnn.errors import EngineError, InputError
from spicesnn.validation.compiled_original import BEFORE, FIRST, SHOWN, CompiledOriginal, Evaluated

VALUE, JACOBIAN = 1e-9, 1e-8
"""What the twins must reach."""
_SETS, _NEWTON, _FLOOR = 8, 30, 1e-6
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
    advanced : float or None
        Of a model that advances its states by itself: of a small step of its own, against the rate.
    """

    value: float
    jacobian: float
    points: int
    advanced: float | None = None

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
            f"max_{key}_error" if key != "points" else key: value
            for key, value in asdict(self).items()
            if value is not None
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
    with CompiledOriginal(
        model.files, model.module, keeps=model.keeps, pins=model.pins
    ) as original:
        judge = _Judge(model, original)
        sets = [model.defaults, *(drawn_parameters(model, rng) for _ in range(_SETS - 1))]
        found = [judge.compare(parameters, rng, -(-points // _SETS)) for parameters in sets]
    twin, true, twin_by, true_by = (
        np.concatenate([f[k] for f in found], axis=-1) for k in range(4)
    )
    steps = [f[4] for f in found if f[4] is not None]
    return Certificate(
        value=relative(twin, true),
        jacobian=relative(
            twin_by.reshape(-1, twin_by.shape[-1]), true_by.reshape(-1, true_by.shape[-1])
        ),
        points=twin.shape[-1],
        advanced=max(steps) if steps else None,
    )


def relative(found: Floats, true: Floats) -> float:
    """Return the largest difference of each row's entries, relative to them, or to a millionth of
    the row's median where that is more.

    Rates span many decades, so that the largest of a row would hide all others; near a change of
    sign a difference of two exponentials keeps few digits, in either program."""
    if not np.all(np.isfinite(found)) or not np.all(np.isfinite(true)):
        return float("inf")
    sizes = np.where(true != 0.0, np.abs(true), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rows of zeros have no median
        floor = _FLOOR * np.nan_to_num(np.nanmedian(sizes, axis=-1, keepdims=True)) + 1e-300
    return float(np.max(np.abs(found - true) / np.maximum(np.abs(true), floor), initial=0.0))


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
        # States of the device are given; all other unknowns of the original are solved for.
        self.dynamic = {
            k: model.moved[key] for k, key in enumerate(self.keys()) if key in model.moved
        }
        if sorted(self.dynamic.values()) != sorted(model.moved.values()):
            raise EngineError(
                f"{model.name}: the compiled original does not have the states"
                f" {', '.join(model.moved.values())}"
            )

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
    ) -> tuple[Floats, Floats, Floats, Floats, float | None]:
        """Return the twin's values, the original's, and both's derivatives; and the error of a step
        that the original makes by itself."""
        model, stored = self.model, self.model.stored
        n = len(stored.states)
        lows, highs = (
            [float(stored.of_parameters(p, parameters)) for p in ends]
            for ends in (stored.lows, stored.highs)
        )
        share = rng.uniform(0.01, 0.99, (n, count))
        x = [a + (b - a) * s for a, b, s in zip(lows, highs, share, strict=True)]
        v = 1.5 * model.drive[0] * rng.uniform(-1.0, 1.0, count)
        amps, _, rates, by, u = stored.everything(v, x, parameters)
        twin = np.array([amps, *rates])
        known: dict[str, Any] = {"v": v} | {
            f"x:{name}": one for name, one in zip(stored.states, x, strict=True)
        }
        known |= {f"par:{k}": value for k, value in parameters.items()} | {
            f"u:{k}": one for k, one in enumerate(u)
        }
        with np.errstate(all="ignore"):
            values = dict(
                zip(
                    model.observed,
                    Program(model.graph, list(model.observed.values())).run(known),
                    strict=True,
                )
            )
        guess = np.array(
            [
                np.broadcast_to(np.asarray(self.value(key, values, v), dtype=float), (count,))
                for key in self.keys()
            ]
        ).T.copy()
        hidden = {own: x[stored.states.index(name)] for own, name in model.hidden.items()}
        true, true_by = self.solved(guess, parameters, hidden)
        states = [stored.states.index(name) for name in self.dynamic.values()]
        chosen = [0, *(1 + k for k in states)]
        twin_by = np.array([[by[row][0], *(by[row][1 + k] for k in states)] for row in chosen])
        step = self.stepped(guess, parameters, hidden, x, rates, amps) if model.hidden else None
        return twin[chosen], true, twin_by, true_by, step

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
                case "param" if name == FIRST:
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
                        else self.other(own, parameters)
                    )
                case "param" if name in self.own:
                    columns[name] = parameters[self.own[name]]
                case "param" if name in self.model.others:
                    columns[name] = self.other(name, parameters)
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

    def other(self, name: str, parameters: Mapping[str, float]) -> float:
        """Return a parameter that cannot be set, or a variable that keeps its first value."""
        with np.errstate(all="ignore"):
            program = Program(self.model.graph, [self.model.others[name]])
            return float(program.run({f"par:{key}": value for key, value in parameters.items()})[0])

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
    ) -> tuple[Floats, Floats]:
        """Return current and rates of the original, (1 + states, points), and their derivatives, by
        Newton's method on its own equations."""
        at, n = guess.copy(), guess.shape[1]
        dynamic = list(self.dynamic)
        free = [k for k in range(n) if k not in (*dynamic, self.row_p, self.row_n)]
        rows = [k for k in range(n) if k not in (self.row_p, self.row_n)]
        rates = np.zeros((len(at), len(dynamic)))
        for _ in range(_NEWTON):
            found = self.original.evaluate(
                self.inputs(at, parameters, hidden), list(self.model.integers)
            )
            matrix = np.concatenate(
                [found.by_resist[:, rows][:, :, free], found.by_react[:, rows][:, :, dynamic]],
                axis=2,
            )
            left = found.resist[:, rows]
            step = _solve(matrix, -left)
            moved = step[:, : len(free)]
            at[:, free] += moved
            rates = step[:, len(free) :]
            if np.all(np.abs(moved) <= 1e-14 * np.abs(at[:, free]) + 1e-300) or not free:
                break
        found = self.original.evaluate(
            self.inputs(at, parameters, hidden), list(self.model.integers)
        )
        matrix = np.concatenate(
            [found.by_resist[:, rows][:, :, free], found.by_react[:, rows][:, :, dynamic]], axis=2
        )
        rates = _solve(matrix, -found.resist[:, rows])[:, len(free) :]
        current = found.resist[:, self.row_p] + np.einsum(
            "pk,pk->p", found.by_react[:, self.row_p][:, dynamic], rates
        )
        other = found.resist[:, self.row_n] + np.einsum(
            "pk,pk->p", found.by_react[:, self.row_n][:, dynamic], rates
        )
        if np.any(np.abs(current + other) > 1e-9 * np.abs(current) + 1e-30):
            raise EngineError(
                f"{self.model.name}: in the compiled original the currents of both terminals do not"
                " cancel"
            )
        return np.array([current, *rates.T]), self._slopes(found, rows, free, dynamic, matrix)

    def _slopes(
        self, found: Evaluated, rows: list[int], free: list[int], dynamic: list[int], matrix: Floats
    ) -> Floats:
        """Return d(current, rates)/d(v, states), (1 + states, 1 + states, points)."""
        by = [self.row_p, *dynamic]
        sides = -found.by_resist[:, rows][:, :, by]
        moved = (
            np.stack([_solve(matrix, sides[:, :, k]) for k in range(len(by))], axis=2)
            if matrix.size
            else np.zeros((len(sides), 0, len(by)))
        )
        rates_by = moved[:, len(free) :]
        current_by = found.by_resist[:, self.row_p][:, by] + np.einsum(
            "pf,pfk->pk", found.by_resist[:, self.row_p][:, free], moved[:, : len(free)]
        )
        current_by = current_by + np.einsum(
            "pd,pdk->pk", found.by_react[:, self.row_p][:, dynamic], rates_by
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
                after = (
                    self.original.evaluate(inputs, list(self.model.integers)).resist[:, self.row_p]
                    / _LOUD
                )
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
        raise InputError(
            "the compiled original's equations are singular: nothing determines one of its unknowns"
        ) from None
    return np.asarray(solved / columns)
