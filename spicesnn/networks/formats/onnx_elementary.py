"""Operations of an ONNX graph on each value by itself, and between values that are spread to one
shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from spicesnn.networks.activations import Activation, Clip, Multiplied, Threshold
from spicesnn.networks.arithmetic import Elementary, Extremum, Power, Quotient
from spicesnn.networks.formats.onnx_graph import Constant, GraphReader, Value
from spicesnn.networks.nodes import Embed, Node, Repeated, Reshape, Scale, Values

Term = Value | Values
_ALIGNED = ("Add", "Sub", "Mul", "Div", "Pow")


def plain(node: Callable[[], Node]) -> Callable[[GraphReader, Any], None]:
    """An operation of one value that is one node."""

    def taken(reader: GraphReader, op: Any) -> None:
        reader.add(op, node(), reader.value(op))

    return taken


def sample_constant(reader: GraphReader, constant: Constant, value: Value) -> Values:
    """A constant without its batch axis, which has to be 1."""
    array = np.asarray(constant, dtype=float)
    if array.ndim == len(value.shape) + 1:
        if array.shape[0] != 1:
            raise reader.refuse(f"a constant of shape {array.shape} has a batch axis of its own")
        array = array[0]
    if array.ndim > len(value.shape):
        raise reader.refuse(
            f"a constant of shape {constant.shape} for samples of shape {value.shape}"
        )
    return array


def spread(reader: GraphReader, op: Any) -> list[Term]:
    """The operands of an operation between values: values spread to the shape of all, constants
    without a batch axis."""
    given = [reader.operand(op, k) for k in range(len(op.input))]
    if reader.opset < 7 and op.op_type in _ALIGNED:
        given = _aligned(reader, op, given)
    first = next((item for item in given if isinstance(item, Value)), None)
    if first is None or any(not isinstance(item, Value | np.ndarray) for item in given):
        raise reader.refuse("expected values of the network and constants")
    terms: list[Term] = [
        sample_constant(reader, item, first) if isinstance(item, np.ndarray) else item  # type: ignore[misc]
        for item in given
    ]
    return alike(reader, op, terms)


def alike(reader: GraphReader, op: Any, terms: Sequence[Term]) -> list[Term]:
    """Values spread to one shape, axes of size 1 to those of the others and of the constants."""
    shapes = [term.shape for term in terms]
    axes = {len(term.shape) for term in terms if isinstance(term, Value)}
    try:
        shape = np.broadcast_shapes(*shapes) if len(axes) < 2 else None
    except ValueError:
        shape = None
    if shape is None:
        raise reader.refuse(
            f"samples of shapes {', '.join(map(str, shapes))}; expected equal ones, or axes of size 1"
        )
    return [
        reader.add(op, Repeated(shape), term, suffix=f" spread {number}")
        if isinstance(term, Value) and term.shape != shape
        else term
        for number, term in enumerate(terms)
    ]


def _aligned(reader: GraphReader, op: Any, given: list[Any]) -> list[Any]:
    """Operands as opsets before 7 lay them on one another: the second at an axis of the first."""
    first, second = given
    shapes = [
        (reader.batch, *item.shape) if isinstance(item, Value) else np.shape(item) for item in given
    ]
    here, there = len(shapes[0]), len(shapes[1])
    said = bool(reader.attribute(op, "broadcast", 0))
    axis = int(reader.attribute(op, "axis", here - there))
    if not said:
        if here != there or any(a != b for a, b in zip(shapes[0][1:], shapes[1][1:], strict=True)):
            raise reader.refuse(
                f"operands of shapes {shapes[0]} and {shapes[1]} without broadcast = 1; expected"
                " equal ones"
            )
        return given
    axis = axis + here if axis < 0 else axis
    behind = here - axis - there
    fixed = isinstance(second, np.ndarray)
    if (
        behind < 0
        or axis < 0
        or (not fixed and axis)
        or (here != there and not isinstance(first, Value))
    ):
        raise reader.refuse(
            f"operands of shapes {shapes[0]} and {shapes[1]} at axis {axis}; expected the second"
            " within the first, and batches together"
        )
    if not behind and here == there:
        return given
    if isinstance(second, np.ndarray):
        return [first, second.reshape(*[1] * axis, *second.shape, *[1] * behind)]
    longer = Reshape((*second.shape, *[1] * behind))
    return [first, reader.add(op, longer, second, suffix=" aligned")]


def total(reader: GraphReader, op: Any, *, mean: bool = False) -> None:
    """A sum of values and constants, or their mean."""
    terms = spread(reader, op)
    values = [term for term in terms if isinstance(term, Value)]
    constants = [term for term in terms if not isinstance(term, Value)]
    offset = sum(constants[1:], start=constants[0]) if constants else None
    share = 1.0 / len(terms) if mean else 1.0
    offset = None if offset is None else share * offset
    nodes = [value.node for value in values]
    if len(set(nodes)) == 1:  # a value alone, or added to itself
        reader.add(op, Scale(np.full((), share * len(values)), offset), values[0])
        return
    for number, value in enumerate(values):
        if value.node in nodes[:number]:
            values[number] = reader.add(op, Reshape(value.shape), value, suffix=" again")
    reader.add(op, Scale(np.full((), share), offset), *values)


def difference(reader: GraphReader, op: Any) -> None:
    """One value less another, or a constant."""
    first, second = spread(reader, op)
    if isinstance(first, Value) and isinstance(second, Value):
        less = reader.add(op, Scale(-np.ones(())), second, suffix=" negated")
        reader.add(op, Scale(np.ones(())), first, less)
    elif isinstance(first, Value):
        assert not isinstance(second, Value)
        reader.add(op, Scale(np.ones(()), -second), first)
    elif isinstance(second, Value):
        reader.add(op, Scale(-np.ones(()), first), second)


def product(reader: GraphReader, op: Any) -> None:
    """Two values multiplied, or one and a constant."""
    first, second = spread(reader, op)
    if isinstance(first, Value) and isinstance(second, Value):
        multiplied(reader, op, first, second)
        return
    if not isinstance(first, Value):
        first, second = second, first
    assert isinstance(first, Value)
    assert not isinstance(second, Value)
    reader.add(op, Scale(second), first)


def quotient(reader: GraphReader, op: Any) -> None:
    """A value over a constant, a constant over a value, or one value over another."""
    first, second = spread(reader, op)
    if isinstance(first, Value) and isinstance(second, Value):
        reader.add(op, Quotient(), stacked(reader, op, [first, second]))
    elif isinstance(first, Value):
        assert not isinstance(second, Value)
        if np.any(second == 0):
            raise reader.refuse("it divides by 0")
        reader.add(op, Scale(1.0 / second), first)
    elif isinstance(second, Value):
        below = reader.add(op, Power(np.full((), -1.0)), second, suffix=" inverted")
        reader.add(op, Scale(first), below)


def power(reader: GraphReader, op: Any) -> None:
    """A value to a constant power, or a constant above 0 to the power of a value."""
    first, second = spread(reader, op)
    if isinstance(first, Value) and not isinstance(second, Value):
        reader.add(op, Power(second), first)
    elif isinstance(second, Value) and not isinstance(first, Value):
        if np.any(first <= 0):
            raise reader.refuse("a constant base that is not above 0")
        scaled = reader.add(op, Scale(np.log(first)), second, suffix=" by its logarithm")
        reader.add(op, Elementary("exp"), scaled)
    else:
        raise reader.refuse("one value to the power of another; expected a constant among them")


def extreme(what: Any) -> Callable[[GraphReader, Any], None]:
    """Max or Min of values and constants."""

    def taken(reader: GraphReader, op: Any) -> None:
        terms = spread(reader, op)
        values = [term for term in terms if isinstance(term, Value)]
        bounds = [term for term in terms if not isinstance(term, Value)]
        whole = not bounds
        one = values[0]
        if len(values) > 1:
            both = stacked(reader, op, values)
            found = reader.add(op, Extremum(what, (0,)), both, suffix=f" {what}")
            one = reader.add(op, Reshape(one.shape), found, suffix="" if whole else " of values")
        elif whole:
            reader.known[op.output[0]] = one
        if whole:
            return
        pick = np.maximum if what == "max" else np.minimum
        bound = bounds[0]
        for other in bounds[1:]:
            bound = np.asarray(pick(bound, other))
        if bound.size == 1:
            number = float(bound.reshape(()))
            reader.add(op, Clip(lowest=number) if what == "max" else Clip(highest=number), one)
            return
        sign = np.full((), 1.0 if what == "max" else -1.0)
        over = reader.add(op, Scale(sign, -sign * bound), one, suffix=" beyond the bound")
        kept = reader.add(op, Activation("relu"), over, suffix=" kept")
        reader.add(op, Scale(sign, bound), kept)

    return taken


def thresholded(reader: GraphReader, op: Any) -> None:
    """The value above a threshold, 0 below."""
    value = reader.value(op)
    above = Threshold(np.full((), float(reader.attribute(op, "alpha", 1.0))))
    gate = reader.add(op, above, value, suffix=" above")
    multiplied(reader, op, value, gate)


def swish(reader: GraphReader, op: Any) -> None:
    """x · sigmoid(alpha · x)."""
    value = reader.value(op)
    alpha = np.full((), float(reader.attribute(op, "alpha", 1.0)))
    line = reader.add(op, Scale(alpha), value, suffix=" line")
    gate = reader.add(op, Activation("sigmoid"), line, suffix=" gate")
    multiplied(reader, op, value, gate)


def where(reader: GraphReader, op: Any) -> None:
    """One of two values or constants, as a constant says place by place."""
    chosen = reader.constant(op, 0, "its condition")
    sides = [
        item
        for item in (reader.operand(op, k) for k in (1, 2))
        if isinstance(item, Value | np.ndarray)
    ]
    first = next((side for side in sides if isinstance(side, Value)), None)
    if chosen is None or first is None or len(sides) != 2:
        raise reader.refuse("expected a constant condition, values of the network and constants")
    mask = sample_constant(reader, chosen, first) != 0
    given: list[Term] = [
        side if isinstance(side, Value) else sample_constant(reader, side, first) for side in sides
    ]
    terms = alike(reader, op, [mask.astype(float), *given])
    values, offset = [], np.zeros(())
    for number, (term, kept) in enumerate(zip(terms[1:], (mask, ~mask), strict=True)):
        if isinstance(term, Value):
            part = Scale(kept.astype(float))
            values.append(reader.add(op, part, term, suffix=f" where {number}"))
        else:
            offset = np.where(kept, term, offset)
    reader.add(op, Scale(np.ones(()), offset), *values)


def multiplied(
    reader: GraphReader, op: Any, first: Value, second: Value, suffix: str = ""
) -> Value:
    """The product of two values."""
    return reader.add(op, Multiplied(), stacked(reader, op, [first, second], suffix), suffix=suffix)


def stacked(reader: GraphReader, op: Any, values: Sequence[Value], name: str = "") -> Value:
    """Values one after the other along a new first axis."""
    parts = []
    for number, value in enumerate(values):
        one = reader.add(op, Reshape((1, *value.shape)), value, suffix=f"{name} factor {number}")
        place = Embed(0, number, len(values))
        parts.append(reader.add(op, place, one, suffix=f"{name} part {number}"))
    return reader.add(op, Scale(np.ones(())), *parts, suffix=f"{name} together")
