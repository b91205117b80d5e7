"""Expressions and their derivatives as a list of NumPy operations, each done once however often it
is needed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spicesnn.devices.importers.dialects import BOOLEANS, ONE, ZERO, build, number
from spicesnn.devices.importers.evaluate import FUNCTIONS
from spicesnn.devices.importers.expressions import Term
from spicesnn.errors import InputError

_STEPS = frozenset({"<", "<=", ">", ">=", "==", "!=", "and", "or", "not", "sgn", "floor", "ceil"})


def derivative(term: Term, symbol: Term, known: dict[tuple[Term, Term], Term]) -> Term:
    """Return the derivative of an expression by a symbol; `known` keeps what was found before."""
    if term == symbol:
        return ONE
    if not term.args:
        return ZERO
    found = known.get((term, symbol))
    if found is None:
        found = known[term, symbol] = _derivative(term, symbol, known)
    return found


def plus(a: Term, b: Term) -> Term:
    """Return a sum, without zeros."""
    return b if a == ZERO else a if b == ZERO else build("+", a, b)


def minus(a: Term, b: Term) -> Term:
    """Return a difference, without zeros."""
    return a if b == ZERO else build("neg", b) if a == ZERO else build("-", a, b)


def times(a: Term, b: Term) -> Term:
    """Return a product; nothing times anything is nothing."""
    return ZERO if ZERO in (a, b) else build("*", a, b)


def _derivative(term: Term, symbol: Term, known: dict[tuple[Term, Term], Term]) -> Term:
    slopes = [derivative(a, symbol, known) for a in term.args]
    if all(slope == ZERO for slope in slopes):
        return ZERO
    a, b = term.args[0], term.args[-1]
    match term.op:
        case "+":
            return plus(*slopes)
        case "-":
            return minus(*slopes)
        case "*":
            return plus(times(slopes[0], b), times(a, slopes[1]))
        case "/":
            return build("/", minus(slopes[0], times(term, slopes[1])), b)
        case "neg":
            return build("neg", slopes[0])
        case "min" | "max":
            return build("if", build("<" if term.op == "min" else ">", a, b), *slopes)
        case "if":
            return build("if", a, slopes[1], slopes[2])
        case "apow":
            by_base = times(times(b, build("apow", a, build("-", b, ONE))), build("sgn", a))
            by_power = times(times(term, build("ln", build("abs", a))), slopes[1])
            return plus(times(by_base, slopes[0]), by_power)
        case op if op in _STEPS:
            return ZERO
        case _:
            return times(_outer(term, a), slopes[0])


def _outer(term: Term, x: Term) -> Term:
    """Return the derivative of a function by its argument."""
    square = build("apow", x, number(2.0))
    match term.op:
        case "exp":
            return term
        case "ln":
            return build("/", ONE, x)
        case "log10":
            return build("/", number(1 / math.log(10.0)), x)
        case "sqrt":
            return build("/", number(0.5), term)
        case "sin":
            return build("cos", x)
        case "cos":
            return build("neg", build("sin", x))
        case "tan":
            return build("+", ONE, build("apow", term, number(2.0)))
        case "tanh":
            return build("-", ONE, build("apow", term, number(2.0)))
        case "sinh" | "cosh":
            return build("cosh" if term.op == "sinh" else "sinh", x)
        case "abs":
            return build("sgn", x)
        case "asin" | "acos":
            return build(
                "/",
                number(1.0 if term.op == "asin" else -1.0),
                build("sqrt", build("-", ONE, square)),
            )
        case "atan":
            return build("/", ONE, build("+", ONE, square))
        case "asinh":
            return build("/", ONE, build("sqrt", build("+", square, ONE)))
        case "acosh":
            return build("/", ONE, build("sqrt", build("-", square, ONE)))
        case "atanh":
            return build("/", ONE, build("-", ONE, square))
        case op:
            raise InputError(f"{op!r} has no derivative here")


class Tape:
    """Some expressions of the same symbols.

    Parameters
    ----------
    terms : sequence of Term
        What is computed.
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        self.inputs: dict[Term, int] = {}
        self._constants: list[tuple[int, float]] = []
        self._steps: list[tuple[Any, tuple[int, ...], int]] = []
        self._slots: dict[Term, int] = {}
        self.outputs = [self._slot(t) if t.op not in BOOLEANS else self._counted(t) for t in terms]

    def _slot(self, term: Term) -> int:
        found = self._slots.get(term)
        if found is not None:
            return found
        args = tuple(
            self._slot(a) if a.op not in BOOLEANS or _asks(term.op, k) else self._counted(a)
            for k, a in enumerate(term.args)
        )
        slot = self._slots[term] = len(self._slots)
        if term.op == "num":
            self._constants.append((slot, term.value))
        elif not term.args:
            self.inputs[term] = slot
        elif term.op == "apow":
            y = term.args[1]
            square = y.op == "num" and y.value == 2.0
            self._steps.append(
                (np.square if square else _power, args[:1] if square else args, slot)
            )
        else:
            self._steps.append((FUNCTIONS[term.op], args, slot))
        return slot

    def _counted(self, condition: Term) -> int:
        """Return where a condition stands as a number: for NumPy 1 + 1 of two conditions is 1."""
        counted = Term("counted", (condition,))
        found = self._slots.get(counted)
        if found is None:
            inner = self._slot(condition)
            found = self._slots[counted] = len(self._slots)
            self._steps.append((_as_number, (inner,), found))
        return found

    def run(self, known: Mapping[Term, Any]) -> list[Any]:
        """Return the values of all expressions at the values of their symbols."""
        values: list[Any] = [None] * len(self._slots)
        for slot, value in self._constants:
            values[slot] = value
        for term, slot in self.inputs.items():
            values[slot] = known[term]
        for function, args, slot in self._steps:
            values[slot] = function(*(values[k] for k in args))
        return [values[k] for k in self.outputs]


def _asks(op: str, place: int) -> bool:
    """Return whether an operation takes a condition at this place."""
    return op in ("and", "or", "not") or (op == "if" and place == 0)


def _as_number(condition: Any) -> Any:
    return np.asarray(condition, dtype=float)


def _power(x: Any, y: Any) -> Any:
    return np.abs(x) ** y
