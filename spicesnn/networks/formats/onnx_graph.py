"""An ONNX graph while it is read: what its names stand for, and the nodes made so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import InputError
from spicesnn.networks.graph import Edge
from spicesnn.networks.nodes import Node, Shape

Constant = NDArray[Any]
_LARGEST_CONSTANT = 1 << 28


@dataclass(frozen=True)
class Value:
    """What a node puts out: its name, the shape of one sample, and whether it holds whole numbers
    (or truths), with which ONNX computes otherwise than with real ones."""

    node: str
    shape: Shape
    whole: bool = False


@dataclass(frozen=True)
class Label:
    """A class, made of scores: nothing that arrays compute."""

    scores: str


Operand = Value | Label | Constant


class GraphReader:
    """What the operations of one graph have in common: operands, attributes, nodes made."""

    def __init__(self, onnx: Any, model: Any) -> None:
        self.onnx, self.graph = onnx, model.graph
        self.opset = max(
            [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")], default=1
        )
        if model.functions:
            raise InputError(
                f"the file defines functions of its own ({model.functions[0].name!r}); expected"
                " plain operations"
            )
        self.known: dict[str, Operand] = {}
        self.asked: set[str | int] = set()
        self.batch = 0
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        self.shapes: dict[str, Shape] = {}
        self.remarks: list[str] = []
        self.classes: tuple[Any, ...] | None = None
        self.decides = True
        self.where, self.source = "", ""

    def used(self, output: str) -> set[str]:
        """Nodes that lead to the output."""
        found, todo = {output}, [output]
        while todo:
            name = todo.pop()
            for a, b in self.edges:
                if b == name and a not in found:
                    found.add(a)
                    todo.append(a)
        return found

    def input_shape(self, item: Any, given: Sequence[int] | None = None) -> Shape:
        """Shape of one sample: that of the input without its batch axis; sizes that the file leaves
        open are those that are given."""
        if not item.type.HasField("tensor_type"):
            raise InputError(f"the input {item.name!r} is no tensor")
        sizes = [
            d.dim_value if d.HasField("dim_value") else 0 for d in item.type.tensor_type.shape.dim
        ]
        self.batch = sizes[0] if sizes else 0
        if given is not None:
            wanted = [int(size) for size in np.atleast_1d(np.asarray(given))]
            if len(wanted) != len(sizes) - 1 or any(
                size not in (0, new) for size, new in zip(sizes[1:], wanted, strict=True)
            ):
                raise InputError(
                    f"input_shape is {tuple(wanted)}; the input {item.name!r} has samples of"
                    f" {tuple(sizes[1:])} (0: not said)"
                )
            sizes[1:] = wanted
        if len(sizes) < 2 or any(size < 1 for size in sizes[1:]):
            raise InputError(
                f"the input {item.name!r} has the shape {sizes} (0: not said); expected a batch"
                " axis and sizes that are said. Export the model with a fixed shape of one sample, or"
                " say it: from_onnx(path, input_shape=…)"
            )
        return tuple(sizes[1:])

    def output(self, wanted: str | None = None) -> Value:
        """The scores: the output that is asked for; else the one output that is a value, or what its
        labels are made of."""
        outputs = [item for item in self.graph.output if wanted in (None, item.name)]
        if not outputs:
            raise InputError(
                f"the graph has no output {wanted!r}; it has"
                f" {', '.join(repr(item.name) for item in self.graph.output)}"
            )
        for item in outputs:
            made = self.known.get(item.name)
            if isinstance(made, np.ndarray):
                self.remarks.append(f"the output {item.name!r} is a constant and is left out")
            elif not isinstance(made, Value | Label):
                raise InputError(
                    f"the output {item.name!r} is not taken: " + "no operation makes it"
                )
        values = [
            self.known[item.name]
            for item in outputs
            if isinstance(self.known.get(item.name), Value)
        ]
        labels = [
            self.known[item.name]
            for item in outputs
            if isinstance(self.known.get(item.name), Label)
        ]
        if len({value.node for value in values if isinstance(value, Value)}) > 1:
            raise InputError(
                f"the graph has {len(values)} outputs"
                f" ({', '.join(repr(item.name) for item in outputs)}); expected one (and labels made"
                " of it). Say which: from_onnx(path, output=…)"
            )
        if labels:
            self.remarks.append(
                "labels are left out; the scores that they are made of are the outputs"
            )
        if values:
            assert isinstance(values[0], Value)
            return values[0]
        if labels:
            assert isinstance(labels[0], Label)
            scores = labels[0].scores
            if scores not in self.shapes:
                raise InputError("the labels are made of the input itself; expected a network")
            return Value(scores, self.shapes[scores])
        raise InputError("no output of the graph depends on its input")

    # -- helpers -------------------------------------------------------------------------------

    def array(self, tensor: Any) -> Constant:
        """A tensor of the file as an array; weights that stand elsewhere are refused."""
        if tensor.data_location == self.onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise InputError(
                f"the weights {tensor.name!r} are kept in another file; save the model with its"
                " weights inside (in PyTorch, external_data=False)"
            )
        if math.prod(tensor.dims) > _LARGEST_CONSTANT or any(d < 0 for d in tensor.dims):
            raise InputError(f"the weights {tensor.name!r} claim the shape {list(tensor.dims)}")
        try:
            return np.asarray(self.onnx.numpy_helper.to_array(tensor))
        except Exception as error:  # whatever a damaged tensor leads to
            reason = (str(error).splitlines() or [""])[0][:80]
            raise InputError(
                f"the weights {tensor.name!r} of shape {list(tensor.dims)} are damaged ({reason})"
            ) from None

    def refuse(self, why: str) -> InputError:
        """An error that names the operation."""
        return InputError(f"{self.where}: {why}")

    def attribute(self, operation: Any, name: str, default: Any = None) -> Any:
        """An attribute's value, text decoded."""
        self.asked.add(name)
        for item in operation.attribute:
            if item.name == name:
                value = self.onnx.helper.get_attribute_value(item)
                if isinstance(value, bytes):
                    return value.decode("utf-8", "replace")
                if isinstance(value, list | tuple) and value and isinstance(value[0], bytes):
                    return [v.decode("utf-8", "replace") for v in value]
                return value
        return default

    def of_whole_numbers(self, kind: int) -> bool:
        """Whether a number of ONNX's for a type stands for whole numbers or truths."""
        return kind != 0 and self.numpy_type(kind).kind in "biu"

    def numpy_type(self, kind: int) -> np.dtype[Any]:
        """The type that a number of ONNX's stands for; an error where it holds no numbers."""
        try:
            found: np.dtype[Any] = np.dtype(self.onnx.helper.tensor_dtype_to_np_dtype(kind))
        except (KeyError, TypeError, ValueError):
            raise self.refuse(f"a type of the number {kind}") from None
        if found.kind in "biufV":
            return found
        raise self.refuse(f"values of the type {found}; expected numbers")

    def element_type(self, operation: Any) -> np.dtype[Any]:
        """The type that a Cast casts to."""
        return self.numpy_type(int(self.attribute(operation, "to", 0)))

    def operand(self, operation: Any, number: int) -> Operand | None:
        """An input, or None where it is left out."""
        self.asked.add(number)
        if number >= len(operation.input) or not operation.input[number]:
            return None
        name = operation.input[number]
        if name not in self.known:
            raise self.refuse(f"its input {name!r} comes from nowhere")
        return self.known[name]

    def value(self, operation: Any, number: int = 0) -> Value:
        """An input that depends on the network's input."""
        found = self.operand(operation, number)
        if not isinstance(found, Value):
            what = (
                "missing"
                if found is None
                else "a label"
                if isinstance(found, Label)
                else "a constant"
            )
            raise self.refuse(f"its input {number} is {what}; expected a value of the network")
        return found

    def axis(self, operation: Any, axis: int, rank: int) -> int:
        """An axis counted from the first, the batch being 0."""
        if not -rank <= axis < rank:
            raise self.refuse(f"axis {axis} of {rank} axes, the batch included")
        return axis % rank

    def constant(self, operation: Any, number: int, what: str) -> Constant | None:
        """An input that is a constant, or None where it is left out."""
        found = self.operand(operation, number)
        if found is None or isinstance(found, np.ndarray):
            return found
        raise self.refuse(f"{what} depends on the network's input; expected a constant")

    def add(
        self, operation: Any, node: Node, *sources: Value, output: int = 0, suffix: str = ""
    ) -> Value:
        """Put a node into the network, which listens to `sources`."""
        base = (operation.name or operation.output[output]) + suffix
        name, count = base, 1
        while name in self.nodes or name == self.source:
            count += 1
            name = f"{base}_{count}"
        try:
            shape = node.shape_out(sources[0].shape)
        except InputError as error:
            raise self.refuse(str(error)) from None
        self.nodes[name], self.shapes[name] = node, shape
        self.edges += [(source.node, name) for source in sources]
        made = Value(name, shape, sources[0].whole)
        if not suffix:
            self.known[operation.output[output]] = made
        return made
