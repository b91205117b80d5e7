"""Networks from ONNX files give what onnxruntime gives, operation by operation; hostile and unknown
files are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from spicesnn.errors import ConfigError, DataError, InputError, SpicesnnError  # noqa: E402
from spicesnn.networks.network import Network  # noqa: E402


def model(
    nodes: list, weights: dict, shape: list, outputs: list[str], opset: int = 17
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = 8
    return made


def both(
    made: onnx.ModelProto, path: Path, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Network]:
    onnx.save(made, str(path))
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    wanted = session.run(None, {"x": x.astype(np.float32)})[0]
    network = Network.from_onnx(path)
    return network.outputs(x.astype(np.float32)), np.asarray(wanted).reshape(len(x), -1), network


RNG = np.random.default_rng(3)


def f(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


n = helper.make_node
IMAGE = [2, 9, 8]
ONE = {  # name → (nodes, weights, shape of a sample)
    "gemm": (
        [n("Gemm", ["x", "w", "b"], ["y"], transB=1, alpha=0.5, beta=2.0)],
        {"w": f(3, 5), "b": f(3)},
        [5],
    ),
    "gemm without bias": ([n("Gemm", ["x", "w"], ["y"])], {"w": f(5, 3)}, [5]),
    "matmul and add": (
        [n("MatMul", ["x", "w"], ["a"]), n("Add", ["b", "a"], ["y"])],
        {"w": f(5, 3), "b": f(3)},
        [5],
    ),
    "conv": (
        [n("Conv", ["x", "w", "b"], ["y"], strides=[2, 1], pads=[1, 0, 2, 1])],
        {"w": f(4, 2, 3, 3), "b": f(4)},
        IMAGE,
    ),
    "conv dilated": ([n("Conv", ["x", "w"], ["y"], dilations=[2, 2])], {"w": f(4, 2, 3, 2)}, IMAGE),
    "conv groups": ([n("Conv", ["x", "w"], ["y"], group=2)], {"w": f(6, 1, 3, 3)}, IMAGE),
    "conv same": (
        [n("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER", strides=[2, 2])],
        {"w": f(3, 2, 3, 4)},
        IMAGE,
    ),
    "conv same lower": (
        [n("Conv", ["x", "w"], ["y"], auto_pad="SAME_LOWER")],
        {"w": f(3, 2, 2, 4)},
        IMAGE,
    ),
    "conv 1d": (
        [n("Conv", ["x", "w", "b"], ["y"], strides=[2], pads=[1, 1])],
        {"w": f(4, 3, 3), "b": f(4)},
        [3, 11],
    ),
    "max pool": (
        [n("MaxPool", ["x"], ["y"], kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1])],
        {},
        IMAGE,
    ),
    "average pool": (
        [n("AveragePool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2], pads=[1, 1, 0, 0])],
        {},
        IMAGE,
    ),
    "average pool, padding counts": (
        [
            n(
                "AveragePool",
                ["x"],
                ["y"],
                kernel_shape=[2, 2],
                strides=[1, 2],
                pads=[1, 1, 1, 1],
                count_include_pad=1,
            )
        ],
        {},
        IMAGE,
    ),
    "global pools": (
        [
            n("GlobalAveragePool", ["x"], ["a"]),
            n("GlobalMaxPool", ["x"], ["b"]),
            n("Sub", ["a", "b"], ["y"]),
        ],
        {},
        IMAGE,
    ),
    "mean": ([n("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0)], {}, IMAGE),
    "batch norm": (
        [n("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], epsilon=1e-3)],
        {"s": f(2), "b": f(2), "m": f(2), "v": f(2) ** 2 + 0.1},
        IMAGE,
    ),
    "conv, batch norm folded": (
        [
            n("Conv", ["x", "w", "c"], ["a"]),
            n("BatchNormalization", ["a", "s", "b", "m", "v"], ["d"]),
            n("Relu", ["d"], ["y"]),
        ],
        {"w": f(4, 2, 3, 3), "c": f(4), "s": f(4), "b": f(4), "m": f(4), "v": f(4) ** 2 + 0.1},
        IMAGE,
    ),
    "activations": (
        [
            n("Relu", ["x"], ["a"]),
            n("Sigmoid", ["x"], ["b"]),
            n("Tanh", ["x"], ["c"]),
            n("LeakyRelu", ["x"], ["d"], alpha=0.2),
            n("Sum", ["a", "b", "c", "d"], ["y"]),
        ],
        {},
        [7],
    ),
    "clip": (
        [n("Clip", ["x", "lo", "hi"], ["y"])],
        {"lo": np.float32(-0.5), "hi": np.float32(0.6)},
        [7],
    ),
    "softmax": ([n("Softmax", ["x"], ["y"], axis=-1)], {}, [7]),
    "softmax over channels": ([n("Softmax", ["x"], ["y"], axis=1)], {}, IMAGE),
    "log softmax": ([n("LogSoftmax", ["x"], ["y"], axis=1)], {}, [7]),
    "flatten": (
        [n("Flatten", ["x"], ["a"]), n("MatMul", ["a", "w"], ["y"])],
        {"w": f(144, 3)},
        IMAGE,
    ),
    "reshape": (
        [n("Reshape", ["x", "s"], ["a"]), n("MatMul", ["a", "w"], ["y"])],
        {"s": np.array([-1, 144]), "w": f(144, 3)},
        IMAGE,
    ),
    "reshape, first axis kept": (
        [n("Reshape", ["x", "s"], ["a"]), n("MatMul", ["a", "w"], ["y"])],
        {"s": np.array([0, -1]), "w": f(144, 3)},
        IMAGE,
    ),
    "reshape by the shape of the input": (
        [
            n("Shape", ["x"], ["s"]),
            n("Gather", ["s", "zero"], ["b"], axis=0),
            n("Unsqueeze", ["b", "axes"], ["c"]),
            n("Concat", ["c", "rest"], ["t"], axis=0),
            n("Reshape", ["x", "t"], ["y"]),
        ],
        {"zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1])},
        IMAGE,
    ),
    "transpose": (
        [
            n("Transpose", ["x"], ["a"], perm=[0, 2, 3, 1]),
            n("Flatten", ["a"], ["b"]),
            n("MatMul", ["b", "w"], ["y"]),
        ],
        {"w": f(144, 3)},
        IMAGE,
    ),
    "squeeze": (
        [n("Unsqueeze", ["x", "a1"], ["a"]), n("Squeeze", ["a", "a1"], ["y"])],
        {"a1": np.array([2])},
        [5],
    ),
    "arithmetic": (
        [n("Mul", ["x", "k"], ["a"]), n("Div", ["a", "d"], ["b"]), n("Sub", ["one", "b"], ["y"])],
        {"k": f(5), "d": np.float32(3.0), "one": np.ones(5, np.float32)},
        [5],
    ),
    "residual": (
        [
            n("Gemm", ["x", "w"], ["a"]),
            n("Relu", ["a"], ["b"]),
            n("Add", ["b", "x"], ["c"]),
            n("Gemm", ["c", "w"], ["y"]),
        ],
        {"w": f(5, 5)},
        [5],
    ),
    "concat": (
        [n("Relu", ["x"], ["a"]), n("Tanh", ["x"], ["b"]), n("Concat", ["a", "b"], ["y"], axis=1)],
        {},
        IMAGE,
    ),
    "pad": (
        [n("Pad", ["x", "p", "v"], ["y"])],
        {"p": np.array([0, 0, 1, 2, 0, 0, 0, 1]), "v": np.float32(0.7)},
        IMAGE,
    ),
    "constants folded": (
        [n("Transpose", ["w"], ["t"], perm=[1, 0]), n("MatMul", ["x", "t"], ["y"])],
        {"w": f(3, 5)},
        [5],
    ),
}


@pytest.mark.parametrize("name", ONE)
def test_an_operation_gives_what_onnxruntime_gives(name: str, tmp_path: Path) -> None:
    nodes, weights, shape = ONE[name]
    x = np.random.default_rng(7).normal(size=(6, *shape))
    got, wanted, _ = both(model(nodes, weights, shape, ["y"]), tmp_path / "m.onnx", x)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


MORE = {  # name → (nodes, weights, shape of a sample, opset)
    "smooth activations": (
        [
            n("Elu", ["x"], ["a"], alpha=0.7),
            n("Selu", ["x"], ["b"]),
            n("Celu", ["x"], ["c"], alpha=1.5),
            n("Softplus", ["x"], ["d"]),
            n("Softsign", ["x"], ["e"]),
            n("HardSigmoid", ["x"], ["g"]),
            n("HardSwish", ["x"], ["h"]),
            n("Mish", ["x"], ["i"]),
            n("Concat", ["a", "b", "c", "d", "e", "g", "h", "i"], ["y"], axis=1),
        ],
        {},
        [7],
        18,
    ),
    "selu and hard sigmoid of their own": (
        [
            n("Selu", ["x"], ["a"], alpha=1.1, gamma=0.9),
            n("HardSigmoid", ["a"], ["y"], alpha=0.3, beta=0.2),
        ],
        {},
        [7],
        9,
    ),
    "gelu": (
        [
            n("Gelu", ["x"], ["a"]),
            n("Gelu", ["x"], ["b"], approximate="tanh"),
            n("Concat", ["a", "b"], ["y"], axis=1),
        ],
        {},
        [7],
        20,
    ),
    "gelu as PyTorch spells it out": (
        [
            n("Div", ["x", "root"], ["a"]),
            n("Erf", ["a"], ["b"]),
            n("Add", ["b", "one"], ["c"]),
            n("Mul", ["x", "c"], ["d"]),
            n("Mul", ["d", "half"], ["y"]),
        ],
        {"root": np.float32(2**0.5), "one": np.float32(1.0), "half": np.float32(0.5)},
        IMAGE,
        14,
    ),
    "silu as a product": (
        [n("Sigmoid", ["x"], ["a"]), n("Mul", ["x", "a"], ["y"])],
        {},
        IMAGE,
        14,
    ),
    "a slope a channel": ([n("PRelu", ["x", "s"], ["y"])], {"s": f(2, 1, 1)}, IMAGE, 16),
    "one slope for all": ([n("PRelu", ["x", "s"], ["y"])], {"s": f(1)}, [7], 9),
    "bounds by max and min": (
        [n("Max", ["zero", "x"], ["a"]), n("Min", ["a", "six"], ["y"])],
        {"zero": np.float32(0.0), "six": np.float32(0.6)},
        [7],
        13,
    ),
    "squeezed and excited": (
        [
            n("GlobalAveragePool", ["x"], ["a"]),
            n("Conv", ["a", "w"], ["b"]),
            n("HardSigmoid", ["b"], ["c"], alpha=1 / 6),
            n("Mul", ["c", "x"], ["d"]),
            n("Neg", ["a"], ["e"]),
            n("Add", ["d", "e"], ["y"]),
        ],
        {"w": f(2, 2, 1, 1)},
        IMAGE,
        14,
    ),
    "a value with itself": (
        [
            n("Mul", ["x", "x"], ["a"]),
            n("Add", ["a", "a"], ["b"]),
            n("Sum", ["b", "x", "b"], ["c"]),
            n("Sub", ["c", "x"], ["y"]),
        ],
        {},
        [5],
        13,
    ),
    "the mean of an image, channels last": (
        [
            n("Transpose", ["x"], ["a"], perm=[0, 2, 3, 1]),
            n("ReduceMean", ["a"], ["b"], axes=[1, 2], keepdims=0),
            n("MatMul", ["b", "w"], ["y"]),
        ],
        {"w": f(2, 4)},
        IMAGE,
        13,
    ),
    "sums over some axes": (
        [n("ReduceSum", ["x", "a"], ["b"]), n("ReduceSum", ["b", "c"], ["y"], keepdims=0)],
        {"a": np.array([-1]), "c": np.array([1])},
        IMAGE,
        13,
    ),
    "the largest of an image": (
        [n("ReduceMax", ["x"], ["y"], axes=[2, 3], keepdims=0)],
        {},
        IMAGE,
        13,
    ),
    "a dense layer at each place": (
        [
            n("MatMul", ["x", "w"], ["a"]),
            n("Add", ["a", "b"], ["c"]),
            n("Reshape", ["c", "s"], ["d"]),
            n("MatMul", ["d", "v"], ["y"]),
        ],
        {"w": f(8, 3), "b": f(3), "s": np.array([0, 18, 3]), "v": f(3, 2)},
        IMAGE,
        13,
    ),
    "parts of a sample": (
        [
            n("Slice", ["x", "b", "e", "a", "s"], ["c"]),
            n("Gather", ["c", "last"], ["d"], axis=2),
            n("Split", ["d"], ["g", "h"], axis=1),
            n("Sub", ["g", "h"], ["y"]),
        ],
        {
            "b": np.array([1, -1]),
            "e": np.array([2**31 - 1, -9]),
            "a": np.array([2, -1]),
            "s": np.array([2, -3]),
            "last": np.array(-1),
        },
        IMAGE,
        13,
    ),
    "parts by attributes": (
        [
            n("Slice", ["x"], ["a"], axes=[1, 3], starts=[0, 2], ends=[1, -1]),
            n("Split", ["a"], ["b", "c"], axis=2, split=[4, 5]),
            n("Gather", ["c", "k"], ["y"], axis=3),
        ],
        {"k": np.array([3, 0])},
        IMAGE,
        9,
    ),
    "softmax as it was, over an image": (
        [n("Softmax", ["x"], ["a"], axis=2), n("LogSoftmax", ["a"], ["y"])],
        {},
        IMAGE,
        11,
    ),
    "average pools whose last window hangs over": (
        [
            n("AveragePool", ["x"], ["a"], kernel_shape=[2, 3], strides=[2, 3], ceil_mode=1),
            n(
                "AveragePool",
                ["x"],
                ["b"],
                kernel_shape=[3, 3],
                strides=[2, 3],
                ceil_mode=1,
                pads=[1, 1, 0, 0],
                count_include_pad=1,
            ),
            n("Sub", ["a", "b"], ["y"]),
        ],
        {},
        IMAGE,
        19,
    ),
    "clip by attributes": ([n("Clip", ["x"], ["y"], min=-0.5, max=0.6)], {}, [7], 10),
    "clip from above": ([n("Clip", ["x", "", "hi"], ["y"])], {"hi": np.float32(0.3)}, [7], 17),
    "clip from below": ([n("Clip", ["x", "lo"], ["y"])], {"lo": np.float32(-0.3)}, [7], 17),
    "leaky by default": ([n("LeakyRelu", ["x"], ["y"])], {}, [7], 17),
    "softmax by default": ([n("Softmax", ["x"], ["y"])], {}, [2, 3], 17),
    "softmax as it was": ([n("Softmax", ["x"], ["y"])], {}, [7], 10),
    "log softmax over the last axis": ([n("LogSoftmax", ["x"], ["y"])], {}, [2, 3], 17),
    "pad by attributes": (
        [n("Pad", ["x"], ["y"], pads=[0, 1, 0, 2, 0, 0, 1, 0], value=0.4)],
        {},
        IMAGE,
        10,
    ),
    "pad by 0": ([n("Pad", ["x", "p"], ["y"])], {"p": np.array([0, 1, 0, 2])}, [5], 17),
    "mean, axes kept": ([n("ReduceMean", ["x"], ["y"], axes=[-1, 2])], {}, IMAGE, 17),
    "mean over given axes": (
        [n("ReduceMean", ["x", "a"], ["y"], keepdims=0)],
        {"a": np.array([2, 3])},
        IMAGE,
        18,
    ),
    "batch norm by default": (
        [n("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"])],
        {"s": f(2), "b": f(2), "m": f(2), "v": np.array([1e-5, 3e-5], np.float32)},
        IMAGE,
        17,
    ),
    "pools by default": (
        [
            n("AveragePool", ["x"], ["a"], kernel_shape=[3, 2]),
            n("MaxPool", ["x"], ["b"], kernel_shape=[3, 2]),
            n("Concat", ["a", "b"], ["y"], axis=3),
        ],
        {},
        IMAGE,
        17,
    ),
    "pool, dilated": (
        [
            n("MaxPool", ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2], dilations=[2, 1]),
        ],
        {},
        IMAGE,
        17,
    ),
    "pools of the same size": (
        [
            n("MaxPool", ["x"], ["a"], kernel_shape=[3, 2], auto_pad="SAME_UPPER"),
            n("AveragePool", ["x"], ["b"], kernel_shape=[3, 2], auto_pad="SAME_LOWER"),
            n("Sub", ["a", "b"], ["y"]),
        ],
        {},
        IMAGE,
        17,
    ),
    "conv without padding": (
        [n("Conv", ["x", "w"], ["y"], auto_pad="VALID", strides=[1, 3])],
        {"w": f(3, 2, 3, 4)},
        IMAGE,
        17,
    ),
    "conv same, strided": (
        [n("Conv", ["x", "w"], ["y"], auto_pad="SAME_LOWER", strides=[2, 3])],
        {"w": f(3, 2, 4, 2)},
        IMAGE,
        17,
    ),
    "joined from behind": (
        [
            n("Relu", ["x"], ["a"]),
            n("Concat", ["x", "a", "x"], ["y"], axis=-2),
        ],
        {},
        IMAGE,
        17,
    ),
    "less a constant, a constant times, over an array": (
        [
            n("Sub", ["x", "k"], ["a"]),
            n("Mul", ["two", "a"], ["b"]),
            n("Div", ["b", "d"], ["y"]),
        ],
        {"k": f(5), "two": np.float32(2.0), "d": f(5) ** 2 + 1},
        [5],
        17,
    ),
    "a sum with constants": (
        [n("Relu", ["x"], ["a"]), n("Sum", ["k", "x", "l", "a"], ["y"])],
        {"k": f(5), "l": f(1, 5)},
        [5],
        17,
    ),
    "per channel": (
        [n("Mul", ["x", "k"], ["a"]), n("Add", ["a", "l"], ["y"])],
        {"k": f(2, 1, 1), "l": f(1, 2, 1, 1)},
        IMAGE,
        17,
    ),
    "scaled and shifted after a matrix": (
        [
            n("Gemm", ["x", "w", "b"], ["a"]),
            n("Mul", ["a", "k"], ["c"]),
            n("Add", ["c", "l"], ["y"]),
        ],
        {"w": f(5, 3), "b": f(3), "k": f(3), "l": f(3)},
        [5],
        17,
    ),
    "scaled after a matrix without bias": (
        [n("MatMul", ["x", "w"], ["a"]), n("Mul", ["a", "k"], ["y"])],
        {"w": f(5, 3), "k": f(3)},
        [5],
        17,
    ),
    "scaled within channels after a convolution": (
        [n("Conv", ["x", "w", "b"], ["a"]), n("Mul", ["a", "k"], ["y"])],
        {"w": f(3, 2, 8, 7), "b": f(3), "k": f(3, 2, 2)},
        IMAGE,
        17,
    ),
    "scaled where others listen, too": (
        [
            n("Gemm", ["x", "w"], ["a"]),
            n("Mul", ["a", "k"], ["b"]),
            n("Add", ["a", "b"], ["y"]),
        ],
        {"w": f(5, 3), "k": f(3)},
        [5],
        17,
    ),
    "batch norm after groups": (
        [
            n("Conv", ["x", "w"], ["a"], group=2, strides=[2, 1], pads=[1, 0, 0, 2]),
            n("BatchNormalization", ["a", "s", "b", "m", "v"], ["y"]),
        ],
        {"w": f(4, 1, 3, 2), "s": f(4), "b": f(4), "m": f(4), "v": f(4) ** 2 + 0.1},
        IMAGE,
        17,
    ),
    "squeezed wherever it is 1": (
        [
            n("Unsqueeze", ["x", "more"], ["a"]),
            n("Squeeze", ["a"], ["b"]),
            n("Transpose", ["b"], ["y"], perm=[0, 2, 1]),
        ],
        {"more": np.array([1, -1])},
        [3, 4],
        17,
    ),
    "reversed axes": (
        [
            n("Reshape", ["x", "s"], ["a"]),
            n("Transpose", ["a"], ["b"], perm=[0, 3, 1, 2]),
            n("Flatten", ["b"], ["c"]),
            n("Gemm", ["c", "w"], ["y"], transB=1, alpha=2.0),
        ],
        {"s": np.array([0, 3, -1, 2]), "w": f(3, 24)},
        [24],
        17,
    ),
    "batch size by the part of a shape, as PyTorch exports view": (
        [
            n("Shape", ["x"], ["s"], start=0, end=1),
            n("Concat", ["s", "m"], ["t"], axis=0),
            n("Reshape", ["x", "t"], ["r"], allowzero=1),
            n("Gemm", ["r", "w", "b"], ["y"], transB=1),
        ],
        {"m": np.array([144]), "w": f(3, 144), "b": f(3)},
        IMAGE,
        18,
    ),
    "a part by attributes": (
        [
            n("Shape", ["x"], ["s"]),
            n("Slice", ["s"], ["t"], starts=[0], ends=[1], axes=[0]),
            n("Concat", ["t", "m"], ["u"], axis=0),
            n("Reshape", ["x", "u"], ["y"]),
        ],
        {"m": np.array([-1])},
        IMAGE,
        9,
    ),
    "largest of windows that hang over the edge": (
        [
            n("MaxPool", ["x"], ["a"], kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1),
            n(
                "MaxPool",
                ["a"],
                ["y"],
                kernel_shape=[2, 2],
                strides=[3, 3],
                pads=[1, 0, 1, 1],
                ceil_mode=1,
            ),
        ],
        {},
        IMAGE,
        12,
    ),
    "attributes of what is left out": (
        [
            n("Conv", ["x", "k"], ["a"], auto_pad="VALID", kernel_shape=[9, 8]),
            n("Flatten", ["a"], ["b"], axis=1),
            n("Gemm", ["b", "w"], ["y"], alpha=1.0, beta=1.0, transA=0, transB=1),
        ],
        {"k": f(5, 2, 9, 8), "w": f(3, 5)},
        IMAGE,
        17,
    ),
    "a constant cast to whole numbers": (
        [
            n("Cast", ["k"], ["a"], to=TensorProto.INT32),
            n("Cast", ["a"], ["b"], to=TensorProto.FLOAT),
            n("Mul", ["x", "b"], ["y"]),
        ],
        {"k": np.array([2.7, -2.7, 0.9, -0.9, 4.0], np.float32)},
        [5],
        17,
    ),
    "whole constants divided": (
        [
            n("Div", ["a", "b"], ["c"]),
            n("Mul", ["c", "b"], ["d"]),
            n("Cast", ["d"], ["e"], to=TensorProto.FLOAT),
            n("Mul", ["x", "e"], ["y"]),
        ],
        {"a": np.array([5, 7, 9, -7, 4]), "b": np.array([2, 2, 2, 2, 3])},
        [5],
        17,
    ),
    "a constant reshaped, sizes kept": (
        [n("Reshape", ["v", "s"], ["w"]), n("Gemm", ["x", "w"], ["y"])],
        {"v": f(5, 3, 1), "s": np.array([0, -1])},
        [5],
        17,
    ),
    "left out in training only": (
        [n("Dropout", ["x", "r", "t"], ["a"]), n("Gemm", ["a", "w"], ["y"])],
        {"w": f(5, 3), "r": np.float32(0.5), "t": np.array(False)},
        [5],
        17,
    ),
    "bias of one number": (
        [n("Gemm", ["x", "w", "b"], ["y"], beta=3.0)],
        {"w": f(5, 3), "b": np.array(0.7, np.float32)},
        [5],
        17,
    ),
    "constants computed": (
        [
            n("Constant", [], ["half"], value_float=0.5),
            n("Constant", [], ["shift"], value_floats=[0.1, 0.2, 0.3]),
            n("Slice", ["w", "begin", "end", "axis", "step"], ["cut"]),
            n("Mul", ["cut", "half"], ["halved"]),
            n("Sub", ["halved", "one"], ["less"]),
            n("Div", ["less", "three"], ["third"]),
            n("Gather", ["third", "which"], ["picked"], axis=1),
            n("Reshape", ["picked", "flat"], ["line"]),
            n("Reshape", ["line", "form"], ["matrix"]),
            n("MatMul", ["x", "matrix"], ["a"]),
            n("Add", ["a", "shift"], ["y"]),
        ],
        {
            "w": f(11, 4),
            "begin": np.array([1]),
            "end": np.array([10]),
            "axis": np.array([0]),
            "step": np.array([2]),
            "one": np.float32(0.3),
            "three": np.float32(3.0),
            "which": np.array([3, 0, 2]),
            "flat": np.array([-1]),
            "form": np.array([5, 3]),
        },
        [5],
        17,
    ),
    "constants of a shape, joined and squeezed": (
        [
            n("ConstantOfShape", ["s"], ["threes"], value=numpy_helper.from_array(np.float32([3]))),
            n("ConstantOfShape", ["s"], ["zeros"]),
            n("Concat", ["threes", "k", "zeros"], ["w"], axis=1),
            n("Unsqueeze", ["w", "axes"], ["more"]),
            n("Squeeze", ["more", "axes"], ["again"]),
            n("Add", ["again", "k"], ["sum"]),
            n("MatMul", ["x", "sum"], ["y"]),
        ],
        {"s": np.array([5, 1]), "k": f(5, 1), "axes": np.array([0])},
        [5],
        17,
    ),
    "a slice without axes": (
        [n("Slice", ["w", "begin", "end"], ["cut"]), n("MatMul", ["x", "cut"], ["y"])],
        {"w": f(7, 4), "begin": np.array([1, 1]), "end": np.array([6, 9])},
        [5],
        17,
    ),
}


@pytest.mark.parametrize("name", MORE)
def test_defaults_and_rarer_forms_give_what_onnxruntime_gives(name: str, tmp_path: Path) -> None:
    nodes, weights, shape, opset = MORE[name]
    x = np.random.default_rng(8).normal(size=(5, *shape))
    got, wanted, _ = both(model(nodes, weights, shape, ["y"], opset), tmp_path / "m.onnx", x)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(wanted).max()))


@pytest.mark.parametrize("norm", [None, "L1", "L2", "MAX"])
def test_classical_operations_give_what_onnxruntime_gives(norm: str | None, tmp_path: Path) -> None:
    given = {} if norm is None else {"norm": norm}
    nodes = [
        n(
            "Scaler",
            ["x"],
            ["a"],
            domain="ai.onnx.ml",
            offset=[1.0, 2.0, -1.0],
            scale=[2.0, 0.5, 3.0],
        ),
        n("Normalizer", ["a"], ["b"], domain="ai.onnx.ml", **given),
        n(
            "LinearClassifier",
            ["b"],
            ["label", "y"],
            domain="ai.onnx.ml",
            classlabels_strings=["low", "high"],
            coefficients=[1.0, -2.0, 0.5, 0.3, 0.2, -1.0],
            intercepts=[0.1, -0.2],
            post_transform="SOFTMAX" if norm == "L1" else "LOGISTIC" if norm == "L2" else "NONE",
        ),
    ]
    made = model(nodes, {}, [3], ["y"])
    made.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
    x = np.abs(np.random.default_rng(9).normal(size=(6, 3))) + np.array([1.0, 2.0, 0.0])
    got, wanted, network = both(made, tmp_path / "m.onnx", x)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
    assert network.classes == ("low", "high")
    names = ["low", "high"]
    assert network.predict(x.astype(np.float32)).tolist() == [names[k] for k in wanted.argmax(1)]


def test_a_batch_normalisation_after_a_convolution_is_folded_into_its_weights(
    tmp_path: Path,
) -> None:
    nodes, weights, shape = ONE["conv, batch norm folded"]
    onnx.save(model(nodes, weights, shape, ["y"]), str(tmp_path / "m.onnx"))
    assert [row["kind"] for row in Network.from_onnx(tmp_path / "m.onnx").describe()] == [
        "convolution",
        "activation",
    ]


def test_an_average_over_a_lenet_has_all_predictions_of_onnxruntime(tmp_path: Path) -> None:
    nodes = [
        n("Conv", ["x", "w1", "b1"], ["a"], pads=[2, 2, 2, 2]),
        n("Relu", ["a"], ["b"]),
        n("MaxPool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
        n("Conv", ["c", "w2", "b2"], ["d"]),
        n("Relu", ["d"], ["e"]),
        n("MaxPool", ["e"], ["g"], kernel_shape=[2, 2], strides=[2, 2]),
        n("Flatten", ["g"], ["h"]),
        n("Gemm", ["h", "w3", "b3"], ["i"], transB=1),
        n("Relu", ["i"], ["j"]),
        n("Gemm", ["j", "w4", "b4"], ["k"], transB=1),
        n("Relu", ["k"], ["l"]),
        n("Gemm", ["l", "w5", "b5"], ["y"], transB=1),
    ]
    weights = {
        "w1": f(6, 1, 5, 5),
        "b1": f(6),
        "w2": f(16, 6, 5, 5) / 8,
        "b2": f(16),
        "w3": f(120, 400) / 20,
        "b3": f(120),
        "w4": f(84, 120) / 10,
        "b4": f(84),
        "w5": f(10, 84) / 9,
        "b5": f(10),
    }
    x = np.random.default_rng(1).random((50, 1, 28, 28))
    got, wanted, network = both(model(nodes, weights, [1, 28, 28], ["y"]), tmp_path / "m.onnx", x)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())
    assert np.array_equal(network.predict(x), wanted.argmax(axis=1))
    assert network.weights_count() == 61706


@pytest.mark.parametrize("classes", [2, 3])
def test_what_scikit_learn_exports_gives_its_probabilities(classes: int, tmp_path: Path) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    rng = np.random.default_rng(classes)
    x = (
        rng.normal(size=(90, 4)).astype(np.float32)
        + np.repeat(np.arange(classes), 90 // classes)[:, None]
    )
    y = np.repeat(np.arange(classes) + 3, 90 // classes)
    for estimator in (
        MLPClassifier((6,), max_iter=80, random_state=0),
        MLPClassifier((5, 4), activation="tanh", max_iter=40, random_state=0),
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(
            MinMaxScaler(), MLPClassifier((5,), activation="logistic", max_iter=50, random_state=0)
        ),
    ):
        fitted = estimator.fit(x, y)
        for zipmap in (False, True):
            made = skl2onnx.to_onnx(fitted, x[:1], options={"zipmap": zipmap})
            path = tmp_path / f"{zipmap}.onnx"
            path.write_bytes(made.SerializeToString())
            network = Network.from_onnx(path)
            np.testing.assert_allclose(network.outputs(x), fitted.predict_proba(x), atol=2e-6)
            assert np.array_equal(network.predict(x), fitted.predict(x))
            assert network.accuracy(x, y) == pytest.approx(fitted.score(x, y))


def test_what_scikit_learn_exports_of_logarithmic_regressors_and_thresholds(tmp_path: Path) -> None:
    to_onnx = pytest.importorskip("skl2onnx").to_onnx
    from sklearn.linear_model import LogisticRegression, PoissonRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Binarizer

    x = RNG.normal(size=(60, 4)).astype(np.float32)
    poisson = PoissonRegressor().fit(x, np.exp(x @ [0.3, -0.2, 0.1, 0.4]))
    (tmp_path / "p.onnx").write_bytes(to_onnx(poisson, x[:1]).SerializeToString())
    found = Network.from_onnx(tmp_path / "p.onnx").outputs(x)
    assert found[:, 0] == pytest.approx(poisson.predict(x), rel=1e-5)
    steps = make_pipeline(Binarizer(threshold=0.2), LogisticRegression()).fit(x, x[:, 0] > 0.2)
    options = {id(steps): {"zipmap": False}}
    (tmp_path / "b.onnx").write_bytes(to_onnx(steps, x[:1], options=options).SerializeToString())
    found = Network.from_onnx(tmp_path / "b.onnx").outputs(x)
    assert found == pytest.approx(steps.predict_proba(x), abs=1e-6)


def test_what_scikit_learn_exports_of_regressors_and_columns(tmp_path: Path) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    rng = np.random.default_rng(0)
    x = rng.normal(1.0, 2.0, size=(60, 4)).astype(np.float32)
    values = x @ rng.normal(size=(4, 3))
    y, path = values.argmax(axis=1), tmp_path / "m.onnx"
    columns = ColumnTransformer([("s", StandardScaler(), [2, 0])], remainder="passthrough")
    for estimator, target, asked in (
        (make_pipeline(StandardScaler(), Ridge()), values, "predict"),
        (make_pipeline(columns, LogisticRegression()), y, "predict_proba"),
        (OneVsRestClassifier(LogisticRegression()), y, "predict_proba"),
        (LinearSVC(), y > 0, "decision_function"),
    ):
        fitted = estimator.fit(x, target)
        path.write_bytes(skl2onnx.to_onnx(fitted, x[:1], target_opset=17).SerializeToString())
        network = Network.from_onnx(path)
        wanted = getattr(fitted, asked)(x).reshape(60, -1)
        np.testing.assert_allclose(network.outputs(x), wanted, atol=1e-5)
        if asked == "predict_proba":
            assert np.array_equal(network.predict(x), fitted.predict(x))
        else:
            with pytest.raises(ConfigError, match=r"decides on no class; use outputs\(x\)"):
                network.predict(x)


REFUSED = {
    "an unknown operation": ([n("Hardmax", ["x"], ["y"])], {}, IMAGE, "Hardmax"),
    "a recurrent layer": ([n("LSTM", ["x", "w", "w"], ["y"])], {"w": f(3, 5)}, [4, 5], "LSTM"),
    "a transposed input": ([n("Gemm", ["x", "w"], ["y"], transA=1)], {"w": f(5, 3)}, [5], "transA"),
    "samples mixed": (
        [n("Reshape", ["x", "s"], ["y"])],
        {"s": np.array([-1, 10])},
        [5],
        "batch axis",
    ),
    "a batch axis moved": ([n("Transpose", ["x"], ["y"], perm=[1, 0])], {}, [5], "batch axis"),
    "a division by zero": (
        [n("Div", ["x", "z"], ["y"])],
        {"z": np.zeros(5, np.float32)},
        [5],
        "divides by 0",
    ),
    "shapes that do not fit": ([n("Gemm", ["x", "w"], ["y"])], {"w": f(4, 3)}, [5], "takes inputs"),
    "weights that are no numbers": (
        [n("Gemm", ["x", "w"], ["y"])],
        {"w": np.full((5, 3), np.nan, np.float32)},
        [5],
        "finite",
    ),
    "values cut to whole numbers": (
        [
            n("Cast", ["x"], ["a"], to=TensorProto.INT32),
            n("Cast", ["a"], ["b"], to=TensorProto.FLOAT),
            n("Gemm", ["b", "w"], ["y"]),
        ],
        {"w": f(5, 3)},
        [5],
        "behind the point",
    ),
    "dropout in training": (
        [n("Dropout", ["x", "r", "t"], ["a"]), n("Gemm", ["a", "w"], ["y"])],
        {"w": f(5, 3), "r": np.float32(0.5), "t": np.array(True)},
        [5],
        "training_mode",
    ),
    "a sum that divides across samples": (
        [
            n("Abs", ["x"], ["a"]),
            n("ReduceSum", ["a", "ax"], ["s"], keepdims=0),
            n("Div", ["x", "s"], ["y"]),
        ],
        {"ax": np.array([1])},
        [5],
        "axes of size 1",
    ),
    "a name that is made twice": (
        [n("Relu", ["x"], ["a"]), n("Tanh", ["x"], ["a"]), n("Abs", ["a"], ["y"])],
        {},
        [5],
        "there already",
    ),
    "a kernel of another size than it says": (
        [n("Conv", ["x", "w"], ["y"], kernel_shape=[5, 5])],
        {"w": f(3, 2, 3, 3)},
        IMAGE,
        "kernel_shape",
    ),
    "padding told twice": (
        [n("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER", pads=[0, 0, 0, 0])],
        {"w": f(3, 2, 3, 3)},
        IMAGE,
        "'pads' is not taken",
    ),
    "an attribute nobody knows": (
        [n("Relu", ["x"], ["y"], slope=0.1)],
        {},
        [5],
        "'slope' is not taken",
    ),
    "an input nobody knows": (
        [n("Sigmoid", ["x", "w"], ["y"])],
        {"w": f(5)},
        [5],
        r"input 1 \('w'\) is not taken",
    ),
    "an axis that is none": (
        [n("Softmax", ["x"], ["y"], axis=7)],
        {},
        [3, 4],
        "axis 7",
    ),
    "the batch's size in a value": (
        [
            n("Shape", ["x"], ["s"]),
            n("Gather", ["s", "o"], ["b"]),
            n("Cast", ["b"], ["c"], to=TensorProto.FLOAT),
            n("Div", ["x", "c"], ["y"]),
        ],
        {"o": np.array(0)},
        [5],
        "batch's size",
    ),
    "the batch's size computed with": (
        [
            n("Shape", ["x"], ["s"], end=1),
            n("Add", ["s", "o"], ["t"]),
            n("Concat", ["t", "m"], ["u"], axis=0),
            n("Reshape", ["x", "u"], ["y"]),
        ],
        {"o": np.array([1]), "m": np.array([5])},
        [5],
        "batch's size",
    ),
    "dilated windows without their padding": (
        [
            n(
                "AveragePool",
                ["x"],
                ["y"],
                kernel_shape=[2, 2],
                dilations=[2, 2],
                auto_pad="SAME_UPPER",
            )
        ],
        {},
        IMAGE,
        "pads that are said",
    ),
    "windows of padding alone": (
        [n("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2], pads=[2, 2, 2, 2])],
        {},
        IMAGE,
        "padding alone",
    ),
    "a variance of nothing": (
        [n("BatchNormalization", ["x", "s", "s", "s", "v"], ["y"], epsilon=0.0)],
        {"s": f(2), "v": np.array([0.0, 1.0], np.float32)},
        IMAGE,
        "divide by 0",
    ),
    "a bias for each sample": (
        [n("Gemm", ["x", "w", "b"], ["y"])],
        {"w": f(5, 3), "b": f(4, 1)},
        [5],
        "one number an output",
    ),
    "samples that meet others": (
        [n("Flatten", ["x"], ["a"]), n("Mul", ["x", "a"], ["y"])],
        {},
        IMAGE,
        "axes of size 1",
    ),
    "some samples alone": ([n("Slice", ["x"], ["y"], starts=[0], ends=[1])], {}, [5], "samples"),
    "a place beyond the sample": (
        [n("Gather", ["x", "k"], ["y"], axis=1)],
        {"k": np.array(5)},
        [5],
        "places 5",
    ),
    "parts of other sizes": (
        [n("Split", ["x", "k"], ["y", "z"], axis=1)],
        {"k": np.array([2, 2])},
        [5],
        "for 5 places",
    ),
    "statistics of the batch": (
        [n("BatchNormalization", ["x", "s", "s", "s", "v"], ["y"], training_mode=1)],
        {"s": f(2), "v": np.ones(2, np.float32)},
        IMAGE,
        "training",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_represented_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    nodes, weights, shape, word = REFUSED[name]
    for node in nodes:
        node.name = "the culprit"
    onnx.save(model(nodes, weights, shape, ["y"]), str(tmp_path / "m.onnx"))
    with pytest.raises(InputError, match=word) as caught:
        Network.from_onnx(tmp_path / "m.onnx")
    assert "the culprit" in str(caught.value)


@pytest.mark.parametrize("kind", ["UINT8", "INT32", "BOOL"])
def test_whole_numbers_are_inputs_and_nothing_computes_with_them(kind: str, tmp_path: Path) -> None:
    weights = {"w": f(5, 3), "k": np.array(2, np.int32)}
    element = getattr(TensorProto, kind)

    def made(*nodes: onnx.NodeProto) -> Path:
        built = model(list(nodes), weights, [5], ["y"])
        built.graph.input[0].type.tensor_type.elem_type = element
        onnx.save(built, str(tmp_path / "m.onnx"))
        return tmp_path / "m.onnx"

    cast = n("Cast", ["x"], ["a"], to=TensorProto.FLOAT)
    path = made(cast, n("Gemm", ["a", "w"], ["y"]))
    x = RNG.integers(0, 2, (4, 5))
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    fed = x.astype(helper.tensor_dtype_to_np_dtype(element))
    np.testing.assert_allclose(
        Network.from_onnx(path).outputs(x), session.run(None, {"x": fed})[0], atol=1e-6
    )
    with pytest.raises(InputError, match="whole numbers"):
        Network.from_onnx(made(n("Div", ["x", "k"], ["y"])))


def test_numbers_of_16_bits_are_told(tmp_path: Path) -> None:
    weights = {"w": f(5, 3).astype(np.float16)}
    built = model([n("Gemm", ["x", "w"], ["y"])], weights, [5], ["y"])
    built.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    onnx.save(built, str(tmp_path / "m.onnx"))
    assert any("16-bit" in remark for remark in Network.from_onnx(tmp_path / "m.onnx").remarks)


def test_a_batch_of_fixed_size_may_stand_in_a_shape(tmp_path: Path) -> None:
    nodes = [n("Reshape", ["x", "s"], ["a"]), n("Gemm", ["a", "w"], ["y"])]
    built = model(nodes, {"s": np.array([6, 144]), "w": f(144, 3)}, IMAGE, ["y"])
    size = built.graph.input[0].type.tensor_type.shape.dim[0]
    size.Clear()
    size.dim_value = 6
    got, wanted, _ = both(built, tmp_path / "m.onnx", RNG.normal(size=(6, *IMAGE)))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=2e-5)


def test_outputs_that_nothing_makes_are_refused_and_constant_ones_told(tmp_path: Path) -> None:
    nodes = [n("Gemm", ["x", "w"], ["y"]), n("Identity", ["w"], ["k"])]
    onnx.save(model(nodes, {"w": f(5, 3)}, [5], ["y", "q"]), str(tmp_path / "m.onnx"))
    with pytest.raises(InputError, match="'q' is not taken: no operation makes it"):
        Network.from_onnx(tmp_path / "m.onnx")
    onnx.save(model(nodes, {"w": f(5, 3)}, [5], ["k", "y"]), str(tmp_path / "m.onnx"))
    assert Network.from_onnx(tmp_path / "m.onnx").remarks == (
        "the output 'k' is a constant and is left out",
    )


def test_opsets_of_another_time_are_refused(tmp_path: Path) -> None:
    node = n("Add", ["x", "b"], ["y"], broadcast=1, axis=1)
    onnx.save(model([node], {"b": f(4)}, [4, 4, 4], ["y"], 5), str(tmp_path / "m.onnx"))
    with pytest.raises(InputError, match="opset 5"):
        Network.from_onnx(tmp_path / "m.onnx")


def test_weights_kept_in_another_file_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"x" * 60)
    made = model([n("Gemm", ["x", "w"], ["y"])], {"w": f(5, 3)}, [5], ["y"])
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", str(secret)), ("offset", "0"), ("length", "60")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(InputError, match="another file"):
        Network.from_onnx(tmp_path / "m.onnx")


def test_sizes_that_no_file_holds_are_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    made = model([n("Gemm", ["x", "w"], ["y"])], {"w": f(5, 3)}, [5], ["y"])
    made.graph.initializer[0].dims[:] = [10**6, 10**6]
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(InputError, match="claim"):
        Network.from_onnx(tmp_path / "m.onnx")
    made = model(
        [n("ConstantOfShape", ["s"], ["w"]), n("MatMul", ["x", "w"], ["y"])],
        {"s": np.array([10**6, 10**6])},
        [5],
        ["y"],
    )
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(InputError, match="constant of the shape"):
        Network.from_onnx(tmp_path / "m.onnx")


def test_operations_that_wait_for_one_another_and_operations_without_end_are_refused(
    tmp_path: Path,
) -> None:
    circle = model(
        [n("Add", ["x", "b"], ["a"]), n("Relu", ["a"], ["b"]), n("Relu", ["b"], ["y"])],
        {},
        [5],
        ["y"],
    )
    (tmp_path / "circle.onnx").write_bytes(circle.SerializeToString())
    with pytest.raises(SpicesnnError) as caught:
        Network.from_onnx(tmp_path / "circle.onnx")
    assert "\n" not in str(caught.value)
    assert "'b'" in str(caught.value)
    endless = model([n("Relu", ["x"], ["y"])], {}, [5], ["y"])
    one = endless.graph.node[0]
    endless.graph.node.extend([one] * 100_000)
    (tmp_path / "endless.onnx").write_bytes(endless.SerializeToString())
    with pytest.raises(DataError, match="100001 operations"):
        Network.from_onnx(tmp_path / "endless.onnx")


def test_damaged_and_foreign_files_are_refused_in_one_line(tmp_path: Path) -> None:
    made = model(*ONE["conv, batch norm folded"], ["y"]).SerializeToString()
    for name, data in (
        ("text", b"not a model"),
        ("empty", b""),
        ("half", made[: len(made) // 2]),
        ("zeros", bytes(400)),
    ):
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(data)
        with pytest.raises(SpicesnnError) as caught:
            Network.from_onnx(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="no file"):
        Network.from_onnx(tmp_path / "nothing.onnx")
