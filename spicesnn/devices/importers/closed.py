"""A foreign sub-circuit as equations: its current and its rates at a voltage and a state, by
Kirchhoff's laws inside it.

The inner nodes and the currents of inner sources of voltage are solved for by Newton's method with
exact derivatives, for all cells at once. That is a device for the nodal engine where the
sub-circuit is a two-terminal: resistors and sources between its pins and its inner nodes, state
nodes with a capacitor to the ground, and no way for the current from the pins to the ground."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.devices.importers.dialects import ZERO, build
from spicesnn.devices.importers.elements import Element
from spicesnn.devices.importers.evaluate import with_parameters
from spicesnn.devices.importers.expressions import Term
from spicesnn.devices.importers.tape import Tape, derivative, minus, plus
from spicesnn.devices.importers.translate import Part
from spicesnn.errors import ConvergenceError

Array = NDArray[np.float64]
_STEPS, _TOLERANCE = 100, 1e-12
_KINDS = frozenset({"r", "c", "v", "bi", "bv"})


class NotClosedError(Exception):
    """Why a sub-circuit has no equations that the nodal engine could use."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Equations:
    """The equations of a sub-circuit.

    Attributes
    ----------
    p, n : str
        Its pins.
    states : tuple of (node, capacitor)
    elements : tuple of Element
        All but the state capacitors.
    farads : tuple of Term
        The state capacitors' values.
    formulas : dict
        Parameters that follow from those that are set.
    unknown : tuple of str
        Inner nodes, then the sources of voltage whose currents are unknown (with a ``#``).
    """

    p: str
    n: str
    states: tuple[tuple[str, str], ...]
    elements: tuple[Element, ...]
    farads: tuple[Term, ...]
    formulas: Mapping[str, Term]
    unknown: tuple[str, ...]
    _parts: tuple[Tape, Tape, bool] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_parts", _tapes(self))

    def solve(
        self, v: Array, x: Sequence[Array], parameters: Mapping[str, Any]
    ) -> tuple[Array, Array, list[Array]]:
        """Return current, its derivative by the voltage, and the rates of the state nodes.

        Parameters
        ----------
        v : (…) array
            Volt between the pins.
        x : sequence of (…) arrays
            Volt of each state node.
        parameters : Mapping
            Numbers, or arrays that broadcast against `v`.

        Returns
        -------
        amps, siemens : (…) arrays
        rates : list of (…) arrays
            Volt a second of each state node.
        """
        shape = np.broadcast_shapes(np.shape(v), *(np.shape(one) for one in x))
        count = len(self.unknown)
        inside, outside, linear = self._parts
        known: dict[Term, Any] = {_VOLTS: v} | {_symbol("x", k): value for k, value in enumerate(x)}
        known |= {Term("par", names=(name,)): value for name, value in parameters.items()}
        with np.errstate(all="ignore"):
            for name, term in self.formulas.items():
                known[Term("par", names=(name,))] = with_parameters(term, parameters, self.formulas)
            inner = np.zeros((count, *shape))
            for _ in range(_STEPS if count else 0):
                known |= {_symbol("u", k): inner[k] for k in range(count)}
                found = inside.run(known)
                slopes = _array(found[count:], shape).reshape(count, count, *shape)
                move = _solved(slopes, -_array(found[:count], shape))
                worst, size = np.max(np.abs(move), axis=0), np.max(np.abs(inner), axis=0)
                inner = inner + move
                if linear or np.all(worst <= _TOLERANCE * size):
                    break
                if not np.all(np.isfinite(inner)):
                    raise ConvergenceError(
                        "the inner nodes of a foreign sub-circuit cannot be solved: its equations"
                        " have no value there"
                    )
            else:
                if count:
                    raise ConvergenceError(
                        f"the inner nodes of a foreign sub-circuit were not solved in {_STEPS}"
                        " steps of Newton's method"
                    )
            known |= {_symbol("u", k): inner[k] for k in range(count)}
            found = outside.run(known)
            amps, by_volts = (_array(found[k : k + 1], shape)[0] for k in (0, 1))
            if count:
                sides = _array(found[2 : 2 + 2 * count], shape)
                by_volts = by_volts - np.sum(sides[:count] * _solved(slopes, sides[count:]), axis=0)
            rates = [np.broadcast_to(value, shape) for value in found[2 + 2 * count :]]
        return amps, by_volts, rates


_VOLTS = Term("volts", names=("between the pins",))


def _symbol(kind: str, k: int) -> Term:
    return Term(kind, names=(str(k),))


def _array(values: Sequence[Any], shape: tuple[int, ...]) -> Array:
    made = np.empty((len(values), *shape))
    for k, value in enumerate(values):
        made[k] = value
    return made


def _tapes(equations: Equations) -> tuple[Tape, Tape, bool]:
    """Return what must be 0 with its derivatives by the unknowns; what is asked for; and whether
    the first is linear.

    What is asked for is, in this order: the current into p; its derivative by the voltage, then by
    each unknown; of what must be 0 the derivatives by the voltage; the rates of the state nodes.
    """
    place = {name: k for k, name in enumerate(equations.unknown)}
    held = {"0": ZERO, equations.n: ZERO, equations.p: _VOLTS} | {
        node: _symbol("x", k) for k, (node, _) in enumerate(equations.states)
    }
    held |= {name: _symbol("u", k) for name, k in place.items()}

    def put(term: Term) -> Term:
        if term.op == "v":
            return minus(held[term.names[0]], held[term.names[1]] if len(term.names) > 1 else ZERO)
        if term.op == "i":
            return held[f"#{term.names[0]}"]
        if term.op == "par":
            return Term("par", names=term.names)
        return replace(term, args=tuple(put(a) for a in term.args)) if term.args else term

    total: dict[str, Term] = dict.fromkeys(
        [*equations.unknown, equations.p, *(node for node, _ in equations.states)], ZERO
    )
    for element in equations.elements:
        assert element.value is not None
        a, b = element.nodes[:2]
        volts, value = minus(held[a], held[b]), put(element.value)
        if element.kind in ("v", "bv"):
            total[f"#{element.name}"] = minus(volts, value)
            amps = held[f"#{element.name}"]
        else:
            amps = build("/", volts, value) if element.kind == "r" else value
        for node, sum_of in ((a, plus), (b, minus)):
            if node in total:
                total[node] = sum_of(total[node], amps)
    kept: dict[tuple[Term, Term], Term] = {}
    unknown = [_symbol("u", k) for k in range(len(place))]
    balance = [total[name] for name in equations.unknown]
    slopes = [derivative(row, symbol, kept) for row in balance for symbol in unknown]
    current = total[equations.p]
    rates = [
        build("/", build("neg", total[node]), put(farad))
        for (node, _), farad in zip(equations.states, equations.farads, strict=True)
    ]
    asked = [
        current,
        derivative(current, _VOLTS, kept),
        *(derivative(current, symbol, kept) for symbol in unknown),
    ]
    asked += [*(derivative(row, _VOLTS, kept) for row in balance), *rates]
    linear = all(_affine(row) for row in balance)
    return Tape([*balance, *slopes]), Tape(asked), linear


def _affine(term: Term) -> bool:
    """Return whether an expression is a straight line in the unknowns: steps and conditions have no
    slope, and are none."""
    if not term.holds("u"):
        return True
    if term.op in ("u", "+", "-", "neg"):
        return all(_affine(a) for a in term.args)
    if term.op in ("*", "/"):
        first, second = term.args
        return (_affine(first) and not second.holds("u")) or (
            term.op == "*" and _affine(second) and not first.holds("u")
        )
    return False


def _solved(matrix: Array, right: Array) -> Array:
    """Return the solutions of (m, m, …) systems with right sides (m, …): Gauss, with the largest
    pivot of each system, for all at once."""
    matrix, right = matrix.copy(), right.copy()
    size = len(right)
    with np.errstate(all="ignore"):
        for k in range(size):
            if k + 1 < size:
                best = k + np.argmax(np.abs(matrix[k:, k]), axis=0)
                if np.any(best != k):
                    at = best[None, None]
                    row, value = (
                        np.take_along_axis(matrix, at, axis=0)[0],
                        np.take_along_axis(right, best[None], axis=0)[0],
                    )
                    np.put_along_axis(matrix, at, matrix[k][None].copy(), axis=0)
                    np.put_along_axis(right, best[None], right[k][None].copy(), axis=0)
                    matrix[k], right[k] = row, value
            for below in range(k + 1, size):
                factor = matrix[below, k] / matrix[k, k]
                matrix[below, k:] -= factor * matrix[k, k:]
                right[below] -= factor * right[k]
        for k in range(size - 1, -1, -1):
            right[k] = (right[k] - np.sum(matrix[k, k + 1 :] * right[k + 1 :], axis=0)) / matrix[
                k, k
            ]
    return right


def closed(part: Part, p: str, n: str, states: Sequence[tuple[str, str]]) -> Equations:
    """Return the equations of a sub-circuit.

    Raises
    ------
    NotClosedError
        It is more than a two-terminal of resistors and sources with states beside it; says what.
    """
    others = [pin for pin in part.pins if pin not in (p, n) and pin not in dict(states)]
    if others:
        raise NotClosedError(f"it has a further pin, {others[0]!r}")
    capacitors = {capacitor: node for node, capacitor in states}
    elements, farads = [], dict.fromkeys(capacitors, None)
    for element in part.elements:
        if element.kind not in _KINDS:
            raise NotClosedError(f"{element.name!r} is none of resistor, capacitor and source")
        if element.kind == "c":
            node = capacitors.get(element.name)
            if node is None or set(element.nodes) != {node, "0"}:
                raise NotClosedError(
                    f"the capacitor {element.name!r} does not lie between a state and the ground"
                )
            farads[element.name] = element.value
        else:
            elements.append(
                element
                if element.value is None
                else replace(element, value=_differences(element.value))
            )
    if None in farads.values():
        raise NotClosedError("a state lies in an inner sub-circuit")
    held = {"0", p, n, *(node for node, _ in states)}
    nodes = dict.fromkeys(node for e in elements for node in e.nodes if node not in held)
    sources = [f"#{e.name}" for e in elements if e.kind in ("v", "bv")]
    _two_terminal(elements, p, n)
    for element in elements:
        if element.kind in ("v", "bv") and set(element.nodes) <= held:
            raise NotClosedError(f"the source {element.name!r} lies across what is given already")
        if element.value is None or element.value.holds("sdt", "ddt", "opaque"):
            raise NotClosedError(f"{element.name!r} is not translated")
    return Equations(
        p=p,
        n=n,
        states=tuple(states),
        elements=tuple(elements),
        farads=tuple(f for f in farads.values() if f is not None),
        formulas=dict(part.local),
        unknown=(*nodes, *sources),
    )


def _differences(term: Term) -> Term:
    """Return an expression with ``V(a) − V(b)`` as the voltage between two nodes, which does not
    ask where the ground is."""
    if not term.args:
        return term
    args = tuple(_differences(a) for a in term.args)
    if term.op == "-" and all(a.op == "v" and len(a.names) == 1 for a in args):
        return Term("v", names=(args[0].names[0], args[1].names[0]), word=term.word)
    return replace(term, args=args)


def _two_terminal(elements: Sequence[Element], p: str, n: str) -> None:
    """Check that neither the current nor a measured voltage leads from the pins to the ground."""
    above: dict[str, str] = {}

    def root(node: str) -> str:
        while above.get(node, node) != node:
            node = above[node]
        return node

    for element in elements:
        for node in element.nodes[1:]:
            above[root(node)] = root(element.nodes[0])
    above[root(n)] = root(p)
    if root(p) == root("0"):
        raise NotClosedError("a path leads from its pins to the ground")
    for element in elements:
        for term in () if element.value is None else element.value.walk():
            if term.op == "v":
                sides = {
                    root(node) == root(p)
                    for node in (*term.names, *(("0",) if len(term.names) == 1 else ()))
                }
                if len(sides) == 2:
                    raise NotClosedError(
                        f"{element.name!r} measures a voltage of its pins against the ground"
                    )
