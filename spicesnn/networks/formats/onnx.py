"""ONNX files, as PyTorch, Keras and scikit-learn export trained networks: read without running
anything in them.

Each operation is taken or refused by name; what computes constants (shapes of reshapes, folded
weights) is computed here. The tails that scikit-learn's converter adds after the scores (labels,
dictionaries) are left out, and `Network.remarks` says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.errors import DataError, InputError, MissingPackageError, SpicesnnError
from spicesnn.networks.formats.folding import folded
from spicesnn.networks.formats.onnx_constants import computed
from spicesnn.networks.formats.onnx_graph import GraphReader, Label, Operand, Value
from spicesnn.networks.formats.onnx_operations import (
    OF_WHOLE_NUMBERS,
    OPERATIONS,
    WITHOUT_EFFECT,
    inexact,
)
from spicesnn.networks.structure import Made

_LARGEST_BYTES = 1 << 31
_MOST_OPERATIONS = 100_000
_OLDEST = 6
"""Before this opset attributes had other names and types (a Cast's type was text)."""

_REASONS = {
    **dict.fromkeys(
        ("LSTM", "GRU", "RNN", "Scan", "Loop", "If"),
        "a loop over a sequence, or a choice, within one sample",
    ),
    **dict.fromkeys(
        ("TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"),
        "decision trees have no weights that an array could hold",
    ),
    **dict.fromkeys(
        ("Attention", "MultiHeadAttention", "Einsum"),
        "values of the network multiplied with each other as matrices; arrays hold constant ones",
    ),
    **dict.fromkeys(
        ("DynamicQuantizeLinear", "MatMulInteger", "ConvInteger"),
        "steps that depend on the whole batch; quantise the model with fixed steps (QDQ)",
    ),
}
"""Why operations that are often met are not taken."""
_DEFECTS = (
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    OverflowError,
    MemoryError,
)


def onnx_module() -> Any:
    """The package onnx, or an error that says how to get it."""
    try:
        import onnx
    except ImportError:
        raise MissingPackageError(
            "ONNX files need the package onnx: pip install 'spicesnn[onnx]'"
        ) from None
    return onnx


def read_onnx(
    kind: type[Made],
    path: str | Path,
    *,
    output: str | None = None,
    input_shape: Sequence[int] | None = None,
) -> Made:
    """The network of an ONNX file; see `Network.from_onnx`.

    Raises
    ------
    DataError
        A file that is absent, damaged, or keeps its weights in other files.
    InputError
        An operation that is not taken, named with its node.
    """
    path = Path(path)
    onnx = onnx_module()
    if not path.is_file():
        raise DataError(f"{path} is no file; expected an .onnx file")
    if path.stat().st_size > _LARGEST_BYTES:
        raise DataError(
            f"{path} has {path.stat().st_size / 2**30:.1f} GB; spicesnn reads up to"
            f" {_LARGEST_BYTES >> 30} GB"
        )
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf raises its own errors, and others for text
        raise DataError(f"{path} is not a sound ONNX file ({type(error).__name__})") from None
    if not model.graph.node:
        raise DataError(f"{path} has no operations in it; expected a network")
    if len(model.graph.node) > _MOST_OPERATIONS:
        raise DataError(
            f"{path} has {len(model.graph.node)} operations; spicesnn reads up to"
            f" {_MOST_OPERATIONS}"
        )
    try:
        return Reader(onnx, model).network(kind, output, input_shape)
    except SpicesnnError as error:
        raise type(error)(f"{path}: {error}") from None
    except _DEFECTS as error:
        reason = (str(error).splitlines() or [""])[0][:120]
        raise InputError(
            f"{path} is not a network as its operations describe it ({type(error).__name__}:"
            f" {reason})"
        ) from None


class Reader(GraphReader):
    """Reads one graph, operation by operation."""

    def network(
        self,
        kind: type[Made],
        wanted: str | None = None,
        given: Sequence[int] | None = None,
    ) -> Made:
        """The whole network, up to the output that is wanted."""
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
        shape = self.input_shape(inputs[0], given)
        self.source = inputs[0].name or "input"
        element = inputs[0].type.tensor_type.elem_type
        inexact(self, element)
        self.known[inputs[0].name] = Value(self.source, shape, self.of_whole_numbers(element))
        for number, operation in enumerate(self.graph.node):
            self.where = f"node {operation.name or number!r} ({operation.op_type})"
            self.take(operation)
        output = self.output(wanted)
        self.where = ""
        if output.node == self.source:
            raise InputError("the output is the input itself; expected a network between them")
        used = self.used(output.node)
        nodes = {name: node for name, node in self.nodes.items() if name in used}
        edges = [edge for edge in self.edges if edge[1] in used]
        made, left, last = folded(nodes, edges, output.node, self.shapes)
        sink = "output" if "output" not in made and self.source != "output" else "network output"
        return kind(
            nodes=made,
            edges=tuple(left),
            input_shape=shape,
            output=last,
            source=self.source,
            sink=sink,
            classes=self.classes,
            decides=self.decides,
            remarks=tuple(self.remarks),
        )

    def take(self, operation: Any) -> None:
        """Read one operation."""
        if operation.domain not in ("", "ai.onnx", "ai.onnx.ml"):
            raise self.refuse(
                f"of the domain {operation.domain!r}; spicesnn takes the operations of ONNX itself"
            )
        name = operation.op_type
        if operation.domain != "ai.onnx.ml" and self.opset < _OLDEST:
            raise self.refuse(
                f"of opset {self.opset}; spicesnn takes {_OLDEST} and later. Export the model again"
            )
        for made in operation.output:
            if made and made in self.known:
                raise self.refuse(f"it makes {made!r}, which is there already")
        operands = [self.operand(operation, k) for k in range(len(operation.input))]
        self.asked = set()
        if (
            all(item is None or isinstance(item, np.ndarray) for item in operands)
            or name == "Shape"
        ):
            try:
                made = computed(self, operation, operands)
            except InputError:
                raise
            except _DEFECTS as error:
                raise self.defect(error) from None
            if made is not None:
                self.known[operation.output[0]] = np.asarray(made)
                self.all_asked(operation, range(len(operation.input)))
                return
        if any(isinstance(item, Label) for item in operands):
            self.label(operation, operands)
            return
        maker = OPERATIONS.get(name)
        if maker is None:
            why = _REASONS.get(name, "spicesnn does not take it")
            raise self.refuse(f"{why}; docs/own-network.md lists what it takes")
        if name not in OF_WHOLE_NUMBERS and any(
            isinstance(item, Value) and item.whole for item in operands
        ):
            raise self.refuse(
                "it computes with whole numbers, which divide and overflow otherwise than currents;"
                " expected a Cast to floating point before it"
            )
        self.asked = set()
        try:
            maker(self, operation)
        except InputError as error:
            raise error if str(error).startswith(self.where) else self.refuse(str(error)) from None
        except _DEFECTS as error:
            raise self.defect(error) from None
        self.all_asked(operation)

    def defect(self, error: Exception) -> InputError:
        """A refusal of an operation whose attributes and operands do not fit together."""
        reason = (str(error).splitlines() or [""])[0][:120]
        return self.refuse(f"its attributes and inputs do not fit ({reason})")

    def all_asked(self, operation: Any, given: Iterable[int] = ()) -> None:
        """Refuse an attribute or input of an operation that nothing here has looked at."""
        seen = self.asked.union(given, WITHOUT_EFFECT.get(operation.op_type, ()))
        for item in operation.attribute:
            if item.name not in seen:
                raise self.refuse(f"its attribute {item.name!r} is not taken here")
        for number, name in enumerate(operation.input):
            if name and number not in seen:
                raise self.refuse(f"its input {number} ({name!r}) is not taken here")

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
