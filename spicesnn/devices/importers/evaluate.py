"""Values of expressions as understood, with NumPy: initial states, and the nodal twins of foreign
devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.devices.importers.expressions import Term
from spicesnn.errors import InputError

Value = NDArray[np.float64] | float
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "neg": np.negative,
    "min": np.minimum,
    "max": np.maximum,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "not": np.logical_not,
    "if": np.where,
    "abs": np.abs,
    "exp": np.exp,
    "ln": np.log,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "floor": np.floor,
    "ceil": np.ceil,
    "sgn": np.sign,
}


def evaluate(term: Term, known: Callable[[Term], Any]) -> Any:
    """Return the value of an expression.

    Parameters
    ----------
    term : Term
    known : callable
        What a parameter, a voltage or a current is worth.
    """
    if term.op == "num":
        return term.value
    if term.op in ("par", "v", "i"):
        return known(term)
    args = [evaluate(a, known) for a in term.args]
    if term.op == "apow":
        return np.abs(args[0]) ** args[1]
    function = FUNCTIONS.get(term.op)
    if function is None:
        raise InputError(f"{term.word or term.op!r} has no value here")
    found = function(*args)
    return found.astype(float) if getattr(found, "dtype", None) == np.bool_ else found


def with_parameters(term: Term, values: Mapping[str, Any], formulas: Mapping[str, Term]) -> Any:
    """Return the value of an expression of parameters: those that are set, and formulas of
    these."""

    def known(inner: Term) -> Any:
        name = inner.names[0]
        return values[name] if name in values else evaluate(formulas[name], known)

    with np.errstate(all="ignore"):
        return evaluate(term, known)
