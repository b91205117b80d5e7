"""What each operation of an ONNX graph becomes: a node of the network, a constant, or a label that
is left out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import InputError
from spicesnn.networks.activations import Activation, Clip, LeakyReLU, Normalise, Softmax
from spicesnn.networks.formats.folding import folded
from spicesnn.networks.network import Edge, Network
from spicesnn.networks.nodes import (
    Convolution,
    Dense,
    Embed,
    Node,
    Pad,
    Pooling,
    Reshape,
    Scale,
    Shape,
    Transpose,
)

Constant = NDArray[Any]
_LARGEST_CONSTANT = 1 << 28


@dataclass(frozen=True)
class Value:
    """What a node puts out: its name and the shape of one sample."""

    node: str
    shape: Shape


@dataclass(frozen=True)
class Label:
    """A class, made of scores: nothing that arrays compute."""

    scores: str


@dataclass(frozen=True)
class Norm:
    """The sum of absolute values of each sample: scikit-learn's converter divides scores by it."""

    of: Value


Operand = Value | Label | Norm | Constant


class Reader:
    """Reads one graph, operation by operation."""

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
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        self.shapes: dict[str, Shape] = {}
        self.remarks: list[str] = []
        self.classes: tuple[Any, ...] | None = None
        self.where = ""

    def network(self) -> Network:
        """The whole network."""
        if self.graph.sparse_initializer:
            raise InputError("the file has sparse weights; expected dense ones")
        for tensor in self.graph.initializer:
            self.known[tensor.name] = self.array(tensor)
        inputs = [item for item in self.graph.input if item.name not in self.known]
        if len(inputs) != 1:
            raise InputError(
                f"the graph has {len(inputs)} inputs"
                f" ({', '.join(i.name for i in inputs) or 'none'}); expected one"
            )
        shape = self.input_shape(inputs[0])
        self.source = inputs[0].name or "input"
        self.known[inputs[0].name] = Value(self.source, shape)
        for number, operation in enumerate(self.graph.node):
            self.where = f"node {operation.name or number!r} ({operation.op_type})"
            self.take(operation)
        output = self.output()
        self.where = ""
        if output.node == self.source:
            raise InputError("the output is the input itself; expected a network between them")
        used = self.used(output.node)
        nodes = {name: node for name, node in self.nodes.items() if name in used}
        edges = [edge for edge in self.edges if edge[1] in used]
        made, left, last = folded(nodes, edges, output.node, self.shapes)
        sink = "output" if "output" not in made and self.source != "output" else "network output"
        return Network(
            nodes=made,
            edges=tuple(left),
            input_shape=shape,
            output=last,
            source=self.source,
            sink=sink,
            classes=self.classes,
            remarks=tuple(self.remarks),
        )

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

    def input_shape(self, item: Any) -> Shape:
        """Shape of one sample: that of the input without its batch axis."""
        if not item.type.HasField("tensor_type"):
            raise InputError(f"the input {item.name!r} is no tensor")
        sizes = [
            d.dim_value if d.HasField("dim_value") else 0 for d in item.type.tensor_type.shape.dim
        ]
        if len(sizes) < 2 or any(size < 1 for size in sizes[1:]):
            raise InputError(
                f"the input {item.name!r} has the shape {sizes} (0: not said); expected a batch"
                " axis and sizes that are said. Export the model with a fixed shape of one sample"
            )
        return tuple(sizes[1:])

    def output(self) -> Value:
        """The scores: the one output that is a value, or what its labels are made of."""
        values = [
            self.known[item.name]
            for item in self.graph.output
            if isinstance(self.known.get(item.name), Value)
        ]
        labels = [
            self.known[item.name]
            for item in self.graph.output
            if isinstance(self.known.get(item.name), Label)
        ]
        if len({value.node for value in values if isinstance(value, Value)}) > 1:
            raise InputError(
                f"the graph has {len(values)} outputs; expected one (and labels made of it)"
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
            return Value(labels[0].scores, self.shapes[labels[0].scores])
        raise InputError("no output of the graph depends on its input")

    # -- helpers -------------------------------------------------------------------------------

    def array(self, tensor: Any) -> Constant:
        """A tensor of the file as an array; weights that stand elsewhere are refused."""
        if tensor.data_location == self.onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise InputError(
                f"the weights {tensor.name!r} are kept in another file; save the model with its"
                " weights inside"
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
        for item in operation.attribute:
            if item.name == name:
                value = self.onnx.helper.get_attribute_value(item)
                if isinstance(value, bytes):
                    return value.decode("utf-8", "replace")
                if isinstance(value, list | tuple) and value and isinstance(value[0], bytes):
                    return [v.decode("utf-8", "replace") for v in value]
                return value
        return default

    def operand(self, operation: Any, number: int) -> Operand | None:
        """An input, or None where it is left out."""
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
        made = Value(name, shape)
        if not suffix:
            self.known[operation.output[output]] = made
        return made

    def take(self, operation: Any) -> None:
        """Read one operation."""
        if operation.domain not in ("", "ai.onnx", "ai.onnx.ml"):
            raise self.refuse(
                f"of the domain {operation.domain!r}; spicesnn takes the operations of ONNX itself"
            )
        operands = [self.operand(operation, k) for k in range(len(operation.input))]
        name = operation.op_type
        if (
            all(item is None or isinstance(item, np.ndarray) for item in operands)
            or name == "Shape"
        ):
            from spicesnn.networks.formats.onnx_constants import computed

            made = computed(self, operation, operands)
            if made is not None:
                self.known[operation.output[0]] = np.asarray(made)
                return
        if any(isinstance(item, Label) for item in operands):
            self.label(operation, operands)
            return
        maker = OPERATIONS.get(name)
        if maker is None:
            raise self.refuse(f"spicesnn takes: {', '.join(sorted(OPERATIONS))}")
        try:
            maker(self, operation)
        except InputError as error:
            raise error if str(error).startswith(self.where) else self.refuse(str(error)) from None

    def label(self, operation: Any, operands: list[Operand | None]) -> None:
        """What is done to labels: nothing that arrays compute."""
        if operation.op_type not in (
            "Cast",
            "ArrayFeatureExtractor",
            "Reshape",
            "Identity",
            "ZipMap",
            "Squeeze",
            "Flatten",
        ):
            raise self.refuse(
                "computes with labels; spicesnn leaves labels out, and nothing may be made of them"
            )
        label = next(item for item in operands if isinstance(item, Label))
        if operation.op_type == "ArrayFeatureExtractor" and isinstance(operands[0], np.ndarray):
            names = [
                k.decode() if isinstance(k, bytes) else k for k in operands[0].ravel().tolist()
            ]
            self.classes = tuple(names)
        for name in operation.output:
            self.known[name] = label


def _named_activation(name: str) -> Callable[[Reader, Any], None]:
    return lambda reader, op: void(reader.add(op, Activation(name), reader.value(op)))


def void(_: Any) -> None:
    """Forget a result."""


def _same(reader: Reader, op: Any) -> None:
    reader.known[op.output[0]] = reader.value(op)


def _gemm(reader: Reader, op: Any) -> None:
    if reader.attribute(op, "transA", 0):
        raise reader.refuse("transA = 1 would mix samples")
    weights = reader.constant(op, 1, "its matrix")
    if weights is None or weights.ndim != 2:
        raise reader.refuse("expected a matrix")
    matrix = np.asarray(weights, dtype=float) * float(reader.attribute(op, "alpha", 1.0))
    matrix = matrix.T if reader.attribute(op, "transB", 0) else matrix
    bias = reader.constant(op, 2, "its bias")
    offsets = None
    if bias is not None:
        scaled = np.asarray(bias, dtype=float) * float(reader.attribute(op, "beta", 1.0))
        offsets = np.array(np.broadcast_to(scaled, (1, matrix.shape[1]))).reshape(-1)
    reader.add(op, Dense(matrix, offsets), reader.value(op))


def _matmul(reader: Reader, op: Any) -> None:
    weights = reader.constant(op, 1, "its matrix")
    value = reader.value(op)
    if weights is None or weights.ndim != 2 or len(value.shape) != 1:
        raise reader.refuse(
            f"a product of samples {value.shape} with {None if weights is None else weights.shape};"
            " expected vectors and a matrix"
        )
    reader.add(op, Dense(np.asarray(weights, dtype=float)), value)


def pads(
    reader: Reader, op: Any, size: Shape, kernel: Shape, stride: Shape, dilation: Shape
) -> tuple[tuple[int, int], ...]:
    """Padding of a sliding window, (before, after) an axis, from `pads` or `auto_pad`."""
    auto = reader.attribute(op, "auto_pad", "NOTSET")
    axes = len(kernel)
    if auto in ("NOTSET", "", "VALID"):
        told = (
            reader.attribute(op, "pads", [0] * (2 * axes)) if auto != "VALID" else [0] * (2 * axes)
        )
        return tuple((int(told[k]), int(told[k + axes])) for k in range(axes))
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        raise reader.refuse(f"auto_pad is {auto!r}")
    found = []
    for length, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        total = max((math.ceil(length / s) - 1) * s + d * (k - 1) + 1 - length, 0)
        less, more = total // 2, total - total // 2
        found.append((less, more) if auto == "SAME_UPPER" else (more, less))
    return tuple(found)


def _conv(reader: Reader, op: Any) -> None:
    kernel, value = reader.constant(op, 1, "its kernel"), reader.value(op)
    if kernel is None or kernel.ndim not in (3, 4):
        raise reader.refuse(
            f"a kernel of shape {None if kernel is None else kernel.shape}; expected one over one"
            " or two axes"
        )
    axes = kernel.ndim - 2
    if len(value.shape) != axes + 1:
        raise reader.refuse(f"an input of shape {value.shape} for a kernel of shape {kernel.shape}")
    stride = tuple(reader.attribute(op, "strides", [1] * axes))
    dilation = tuple(reader.attribute(op, "dilations", [1] * axes))
    padding = pads(reader, op, value.shape[1:], kernel.shape[2:], stride, dilation)
    bias = reader.constant(op, 2, "its bias")
    reader.add(
        op,
        Convolution(
            np.asarray(kernel, dtype=float),
            None if bias is None else np.asarray(bias, dtype=float),
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=int(reader.attribute(op, "group", 1)),
        ),
        value,
    )


def _pool(what: str) -> Callable[[Reader, Any], None]:
    def taken(reader: Reader, op: Any) -> None:
        value = reader.value(op)
        size = tuple(reader.attribute(op, "kernel_shape", []))
        if len(value.shape) != len(size) + 1:
            raise reader.refuse(f"a window {size} for an input of shape {value.shape}")
        stride = tuple(reader.attribute(op, "strides", [1] * len(size)))
        dilation = tuple(reader.attribute(op, "dilations", [1] * len(size)))
        padding = pads(reader, op, value.shape[1:], size, stride, dilation)
        if reader.attribute(op, "ceil_mode", 0):
            for length, k, s, d, (a, b) in zip(
                value.shape[1:], size, stride, dilation, padding, strict=True
            ):
                if (length + a + b - d * (k - 1) - 1) % s:
                    raise reader.refuse(
                        "ceil_mode = 1 with a window that hangs over the edge; expected windows"
                        " that fit"
                    )
        if len(op.output) > 1 and op.output[1]:
            raise reader.refuse("its second output (where the largest value stood) is not taken")
        counts = bool(reader.attribute(op, "count_include_pad", 0))
        reader.add(
            op,
            Pooling(what, size, stride, padding, counts_padding=counts, dilation=dilation),  # type: ignore[arg-type]
            value,
        )

    return taken


def _global_pool(what: str) -> Callable[[Reader, Any], None]:
    def taken(reader: Reader, op: Any) -> None:
        value = reader.value(op)
        size = value.shape[1:]
        reader.add(op, Pooling(what, size, size, tuple((0, 0) for _ in size)), value)  # type: ignore[arg-type]

    return taken


def _reduce_sum(reader: Reader, op: Any) -> None:
    value = reader.value(op)
    given = reader.constant(op, 1, "its axes")
    axes = reader.attribute(op, "axes") if given is None else given.ravel().tolist()
    node = reader.nodes.get(value.node)
    if (
        not (isinstance(node, Activation) and node.name == "abs")
        or len(value.shape) != 1
        or list(axes or []) not in ([1], [-1])
    ):
        raise reader.refuse(
            "expected the sum of absolute scores of each sample, by which scores are divided"
        )
    source = next(a for a, b in reader.edges if b == value.node)
    reader.known[op.output[0]] = Norm(Value(source, value.shape))


def _reduce_mean(reader: Reader, op: Any) -> None:
    value = reader.value(op)
    axes = reader.attribute(op, "axes")
    given = reader.constant(op, 1, "its axes")
    axes = axes if given is None else given.tolist()
    rank = len(value.shape) + 1
    if axes is None or sorted(a % rank for a in axes) != list(range(2, rank)):
        raise reader.refuse(
            f"a mean over axes {axes}; expected all axes of the image, batch and channels kept"
        )
    size = value.shape[1:]
    pooled = reader.add(op, Pooling("average", size, size, tuple((0, 0) for _ in size)), value)
    if not reader.attribute(op, "keepdims", 1):
        reader.add(op, Reshape((value.shape[0],)), pooled)


def _flatten(reader: Reader, op: Any) -> None:
    if reader.attribute(op, "axis", 1) not in (1, -len(reader.value(op).shape)):
        raise reader.refuse(
            f"axis is {reader.attribute(op, 'axis', 1)}; expected 1, which keeps samples apart"
        )
    value = reader.value(op)
    if len(value.shape) == 1:
        _same(reader, op)
        return
    reader.add(op, Reshape((math.prod(value.shape),)), value)


def _reshape(reader: Reader, op: Any) -> None:
    value, told = reader.value(op), reader.constant(op, 1, "its shape")
    target = [int(k) for k in (reader.attribute(op, "shape", []) if told is None else told.ravel())]
    if not reader.attribute(op, "allowzero", 0):
        full = [-1, *value.shape]
        target = [full[k] if size == 0 and k < len(full) else size for k, size in enumerate(target)]
    size, rest = math.prod(value.shape), target[1:]
    known = math.prod(k for k in rest if k != -1)
    rest = [size // max(known, 1) if k == -1 else k for k in rest]
    if (
        len(target) < 2
        or math.prod(rest) != size
        or target[0] not in (-1, 1)
        or sum(k == -1 for k in target[1:]) > 1
    ):
        raise reader.refuse(
            f"samples of shape {value.shape} become {target}; expected the batch axis to stay, each"
            f" sample with its {size} values"
        )
    reader.add(op, Reshape(tuple(rest)), value)


def _squeeze(reader: Reader, op: Any, *, more: bool = False) -> None:
    value = reader.value(op)
    given = reader.constant(op, 1, "its axes")
    axes = reader.attribute(op, "axes") if given is None else given.ravel().tolist()
    rank = len(value.shape) + 1 + (len(axes or ()) if more else 0)
    if axes is None:
        if more:
            raise reader.refuse("it does not say its axes")
        axes = [k + 1 for k, size in enumerate(value.shape) if size == 1]
    places = sorted(int(a) % rank for a in axes)
    if 0 in places:
        raise reader.refuse("it would change the batch axis")
    shape = list(value.shape)
    for k in places if more else reversed(places):
        if more:
            shape.insert(k - 1, 1)
        elif shape[k - 1] != 1:
            raise reader.refuse(f"axis {k} of {value.shape} is not 1")
        else:
            del shape[k - 1]
    reader.add(op, Reshape(tuple(shape)), value)


def _transpose(reader: Reader, op: Any) -> None:
    value = reader.value(op)
    order = reader.attribute(op, "perm", list(range(len(value.shape), -1, -1)))
    if order[0] != 0:
        raise reader.refuse(f"perm is {order}; expected the batch axis to stay first")
    reader.add(op, Transpose(tuple(k - 1 for k in order[1:])), value)


def _batch_norm(reader: Reader, op: Any) -> None:
    value = reader.value(op)
    scale, bias, mean, variance = (reader.constant(op, k, "a statistic") for k in range(1, 5))
    if scale is None or bias is None or mean is None or variance is None:
        raise reader.refuse("it lacks one of scale, bias, mean and variance")
    if reader.attribute(op, "training_mode", 0):
        raise reader.refuse(
            "training_mode = 1 takes statistics from the batch; export the model for inference"
        )
    if np.any(np.asarray(variance) < 0):
        raise reader.refuse("its variance is below 0")
    factors = np.asarray(scale, dtype=float) / np.sqrt(
        np.asarray(variance, dtype=float) + float(reader.attribute(op, "epsilon", 1e-5))
    )
    offsets = np.asarray(bias, dtype=float) - np.asarray(mean, dtype=float) * factors
    form = (-1, *[1] * (len(value.shape) - 1))
    reader.add(op, Scale(factors.reshape(form), offsets.reshape(form)), value)


def _sample_constant(reader: Reader, constant: Constant, value: Value) -> Constant:
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


def _sum(reader: Reader, op: Any) -> None:
    operands = [reader.operand(op, k) for k in range(len(op.input))]
    values = [item for item in operands if isinstance(item, Value)]
    constants = [
        _sample_constant(reader, item, values[0])
        for item in operands
        if isinstance(item, np.ndarray)
    ]
    if len({value.shape for value in values}) > 1:
        raise reader.refuse(
            f"it adds samples of shapes {', '.join(str(v.shape) for v in values)}; expected equal"
            " ones"
        )
    if len({value.node for value in values}) < len(values):
        raise reader.refuse("it adds a value to itself")
    reader.add(
        op,
        Scale(np.ones(()), sum(constants[1:], start=constants[0]) if constants else None),
        *values,
    )


def _sub(reader: Reader, op: Any) -> None:
    first, second = reader.operand(op, 0), reader.operand(op, 1)
    if isinstance(first, Value) and isinstance(second, Value):
        less = reader.add(op, Scale(-np.ones(())), second, suffix=" negated")
        reader.add(op, Scale(np.ones(())), first, less)
    elif isinstance(first, Value) and isinstance(second, np.ndarray):
        reader.add(op, Scale(np.ones(()), -_sample_constant(reader, second, first)), first)
    elif isinstance(second, Value) and isinstance(first, np.ndarray):
        reader.add(op, Scale(-np.ones(()), _sample_constant(reader, first, second)), second)


def _times(reader: Reader, op: Any, *, divide: bool = False) -> None:
    first, second = reader.operand(op, 0), reader.operand(op, 1)
    if isinstance(first, np.ndarray) and not divide:
        first, second = second, first
    if divide and isinstance(first, Value) and isinstance(second, Norm) and second.of == first:
        reader.add(op, Normalise("L1"), first)
        return
    if not isinstance(first, Value) or not isinstance(second, np.ndarray):
        raise reader.refuse(
            "expected a value of the network " + ("over" if divide else "times") + " a constant"
        )
    by = _sample_constant(reader, second, first)
    if divide and np.any(by == 0):
        raise reader.refuse("it divides by 0")
    reader.add(op, Scale(1.0 / by if divide else by), first)


def _clip(reader: Reader, op: Any) -> None:
    ends = []
    for number, (name, default) in enumerate((("min", -np.inf), ("max", np.inf)), start=1):
        given = reader.constant(op, number, f"its {name}")
        ends.append(
            float(reader.attribute(op, name, default))
            if given is None
            else float(np.asarray(given).reshape(()))
        )
    reader.add(op, Clip(*ends), reader.value(op))


def _softmax(log: bool) -> Callable[[Reader, Any], None]:
    def taken(reader: Reader, op: Any) -> None:
        value = reader.value(op)
        axis = int(reader.attribute(op, "axis", -1 if reader.opset >= 13 else 1))
        axis = axis % (len(value.shape) + 1)
        if axis == 0 or (reader.opset < 13 and axis != len(value.shape)):
            raise reader.refuse(f"over axis {axis} of samples {value.shape} (opset {reader.opset})")
        reader.add(op, Softmax(axis - 1, log=log), value)

    return taken


def _concat(reader: Reader, op: Any) -> None:
    values = [reader.value(op, k) for k in range(len(op.input))]
    axis = int(reader.attribute(op, "axis", 1)) % (len(values[0].shape) + 1)
    if axis == 0:
        raise reader.refuse("it would join samples of different inputs")
    total, begin, pieces = sum(v.shape[axis - 1] for v in values), 0, []
    for number, value in enumerate(values):
        pieces.append(
            reader.add(op, Embed(axis - 1, begin, total), value, suffix=f" part {number}")
        )
        begin += value.shape[axis - 1]
    reader.add(op, Scale(np.ones(())), *pieces)


def _pad(reader: Reader, op: Any) -> None:
    value = reader.value(op)
    if reader.attribute(op, "mode", "constant") != "constant":
        raise reader.refuse(f"mode is {reader.attribute(op, 'mode')!r}; expected constant")
    given = reader.constant(op, 1, "its padding")
    told = [int(k) for k in (reader.attribute(op, "pads", []) if given is None else given.ravel())]
    level = reader.constant(op, 2, "its value")
    axes = len(value.shape) + 1
    if (
        reader.operand(op, 3) is not None
        or len(told) != 2 * axes
        or told[0]
        or told[axes]
        or min(told) < 0
    ):
        raise reader.refuse(
            f"padding {told} of samples {value.shape}; expected two numbers an axis, 0 or more,"
            " none for the batch"
        )
    number = (
        float(reader.attribute(op, "value", 0.0))
        if level is None
        else float(np.asarray(level).reshape(()))
    )
    reader.add(op, Pad(tuple((told[k], told[k + axes]) for k in range(1, axes)), number), value)


def _arg_max(reader: Reader, op: Any) -> None:
    value = reader.value(op)
    if len(value.shape) != 1 or int(reader.attribute(op, "axis", 0)) % 2 != 1:
        raise reader.refuse(
            f"of samples {value.shape} along axis {reader.attribute(op, 'axis', 0)}; expected one"
            " score a class"
        )
    reader.known[op.output[0]] = Label(value.node)


def _scaler(reader: Reader, op: Any) -> None:
    scale = np.asarray(reader.attribute(op, "scale", [1.0]), dtype=float)
    offset = np.asarray(reader.attribute(op, "offset", [0.0]), dtype=float)
    value = reader.value(op)
    factors = scale if scale.size > 1 else scale.reshape(())
    shift = -offset * scale
    reader.add(op, Scale(factors, shift if shift.size > 1 else shift.reshape(())), value)


def _linear_classifier(reader: Reader, op: Any) -> None:
    value = reader.value(op)
    labels = reader.attribute(op, "classlabels_ints") or reader.attribute(op, "classlabels_strings")
    bias = np.asarray(reader.attribute(op, "intercepts", []), dtype=float)
    flat = np.asarray(reader.attribute(op, "coefficients", []), dtype=float)
    if not labels or len(value.shape) != 1 or flat.size != len(labels) * value.shape[0]:
        raise reader.refuse(
            f"{flat.size} coefficients for {len(labels or [])} classes and samples {value.shape};"
            " expected one a class and feature"
        )
    after = reader.attribute(op, "post_transform", "NONE")
    if after not in ("NONE", "SOFTMAX", "LOGISTIC"):
        raise reader.refuse(f"post_transform is {after!r}; expected NONE, SOFTMAX or LOGISTIC")
    scores = reader.add(
        op, Dense(flat.reshape(len(labels), -1).T, bias if bias.size else None), value, output=1
    )
    if after != "NONE":
        scores = reader.add(
            op, Softmax() if after == "SOFTMAX" else Activation("sigmoid"), scores, output=1
        )
    reader.classes = tuple(labels)
    reader.known[op.output[0]] = Label(scores.node)


def _zip_map(reader: Reader, op: Any) -> None:
    labels = reader.attribute(op, "classlabels_int64s") or reader.attribute(
        op, "classlabels_strings"
    )
    reader.classes = tuple(labels) if labels else reader.classes
    reader.known[op.output[0]] = reader.value(op)
    reader.remarks.append("the dictionary of probabilities is left out; its values are the outputs")


OPERATIONS: dict[str, Callable[[Reader, Any], None]] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Conv": _conv,
    "MaxPool": _pool("max"),
    "AveragePool": _pool("average"),
    "GlobalAveragePool": _global_pool("average"),
    "GlobalMaxPool": _global_pool("max"),
    "ReduceMean": _reduce_mean,
    "ReduceSum": _reduce_sum,
    "Abs": _named_activation("abs"),
    "Relu": _named_activation("relu"),
    "Sigmoid": _named_activation("sigmoid"),
    "Tanh": _named_activation("tanh"),
    "LeakyRelu": lambda reader, op: void(
        reader.add(op, LeakyReLU(float(reader.attribute(op, "alpha", 0.01))), reader.value(op))
    ),
    "Clip": _clip,
    "Softmax": _softmax(False),
    "LogSoftmax": _softmax(True),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": lambda reader, op: _squeeze(reader, op, more=True),
    "BatchNormalization": _batch_norm,
    "Add": _sum,
    "Sum": _sum,
    "Sub": _sub,
    "Mul": _times,
    "Div": lambda reader, op: _times(reader, op, divide=True),
    "Concat": _concat,
    "Pad": _pad,
    "Identity": _same,
    "Dropout": _same,
    "Cast": _same,
    "ArgMax": _arg_max,
    "Scaler": _scaler,
    "Normalizer": lambda reader, op: void(
        reader.add(op, Normalise(reader.attribute(op, "norm", "MAX")), reader.value(op))
    ),
    "LinearClassifier": _linear_classifier,
    "ZipMap": _zip_map,
}
