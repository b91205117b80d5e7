"""Operations between layers (powers, quotients, normalisations, interpolation, transposed convolutions,
quantised layers) give what onnxruntime gives, on ideal arrays too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import spicesnn as sn  # noqa: E402
from spicesnn.errors import InputError  # noqa: E402
from spicesnn.networks.formats.onnx_operations import OPERATIONS  # noqa: E402
from spicesnn.networks.network import Network  # noqa: E402

RNG = np.random.default_rng(12)
IMAGE = [4, 6, 5]
n = helper.make_node


def f(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def saved(path: Path, nodes: list, weights: dict, shape: list, opset: int = 17) -> str:
    outputs = [name for node in nodes for name in node.output if name.startswith("y")]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = 8
    onnx.save(made, str(path))
    return str(path)


def judged(path: str, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0]).reshape(len(x), -1)


def one(name: str, *more: str, **attributes: object) -> list:
    return [n(name, ["x", *more], ["y"], **attributes)]


POSITIVE = [n("Abs", ["x"], ["a"]), n("Add", ["a", "e"], ["p"])]
E = {"e": np.array(0.3, np.float32)}


def sizes(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def scales(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


EACH = {  # name → (nodes, weights, shape of a sample[, opset])
    "exp": (one("Exp"), {}, [5]),
    "log, root, reciprocal": (
        [
            *POSITIVE,
            n("Log", ["p"], ["l"]),
            n("Sqrt", ["p"], ["r"]),
            n("Reciprocal", ["p"], ["i"]),
            n("Sum", ["l", "r", "i"], ["y"]),
        ],
        E,
        [5],
    ),
    "steps and waves": (
        [n(name, ["x"], [name]) for name in ("Sign", "Floor", "Ceil", "Round", "Sin", "Cos")]
        + [n("Sum", ["Sign", "Floor", "Ceil", "Round", "Sin", "Cos"], ["y"])],
        {},
        [5],
    ),
    "power": ([*POSITIVE, n("Pow", ["p", "k"], ["y"])], {**E, "k": np.float32([2, 3, 0.5])}, [3]),
    "cube of negative values": (one("Pow", "k"), {"k": np.array(3.0, np.float32)}, [3]),
    "base": ([n("Pow", ["k", "x"], ["y"])], {"k": np.array(1.7, np.float32)}, [3]),
    "quotient": ([*POSITIVE, n("Div", ["x", "p"], ["y"])], E, [2, 3]),
    "quotient, spread": (
        [*POSITIVE, n("ReduceMax", ["p"], ["m"], axes=[1]), n("Div", ["x", "m"], ["y"])],
        E,
        [2, 3],
    ),
    "constant over value": ([*POSITIVE, n("Div", ["k", "p"], ["y"])], {**E, "k": f(3)}, [3]),
    "larger of values and constants": (
        [n("Neg", ["x"], ["m"]), n("Max", ["x", "m", "k"], ["y"])],
        {"k": f(3)},
        [2, 3],
    ),
    "smaller of two values": (
        [n("Sigmoid", ["x"], ["s"]), n("Min", ["x", "s"], ["y"])],
        {},
        [2, 3],
    ),
    "smaller than constants": (one("Min", "k"), {"k": f(2, 1)}, [2, 3]),
    "mean of values": (
        [n("Sigmoid", ["x"], ["s"]), n("Mean", ["x", "s", "k"], ["y"])],
        {"k": f(3)},
        [2, 3],
    ),
    "constants that spread a value": (one("Add", "k"), {"k": f(1, 4, 3)}, [1, 3]),
    "thresholded": (one("ThresholdedRelu", alpha=0.4), {}, [6]),
    "where": (
        [n("Neg", ["x"], ["m"]), n("Where", ["k", "x", "m"], ["y"])],
        {"k": np.array([True, False, True])},
        [2, 3],
    ),
    "where, a constant": (
        [n("Where", ["k", "x", "c"], ["y"])],
        {"k": np.array([True, False, True]), "c": f(2, 1)},
        [2, 3],
    ),
    "smallest": (one("ReduceMin", axes=[1, -1], keepdims=0), {}, IMAGE),
    "largest along channels": (one("ReduceMax", axes=[1]), {}, IMAGE),
    "one number of each sample": (
        [
            n("ReduceMin", ["x"], ["m"], axes=[1, 2], keepdims=0),
            n("Neg", ["m"], ["s"]),
            n("Unsqueeze", ["s", "k"], ["u"]),
            n("Add", ["x", "u"], ["y"]),
        ],
        {"k": sizes(1, 2)},
        [3, 4],
    ),
    "a vector, and one number of each sample": (
        [
            n("MatMul", ["x", "w"], ["m"]),
            n("Add", ["m", "b"], ["a"]),
            n("Exp", ["a"], ["e"]),
            n("Reshape", ["e", "k"], ["y"]),
        ],
        {"w": f(4), "b": f(1), "k": sizes(-1, 1)},
        [4],
    ),
    "one place of each sample": (
        [n("Gather", ["x", "k"], ["g"], axis=1), n("Exp", ["g"], ["y"])],
        {"k": np.array(2)},
        [5],
    ),
    "norms": (
        [
            n("ReduceL1", ["x"], ["a"], axes=[2]),
            n("ReduceL2", ["x"], ["b"], axes=[2]),
            n("ReduceSumSquare", ["x"], ["c"], axes=[2]),
            n("Sum", ["a", "b", "c"], ["y"]),
        ],
        {},
        IMAGE,
    ),
    "logarithm of a sum": (
        [*POSITIVE, n("ReduceLogSum", ["p"], ["y"], axes=[1], keepdims=0)],
        E,
        [3, 4],
    ),
    "a sum of sizes that is added": (
        [n("Abs", ["x"], ["a"]), n("ReduceSum", ["a", "k"], ["s"]), n("Add", ["x", "s"], ["y"])],
        {"k": sizes(1)},
        [5],
    ),
    "layer norm": (
        one("LayerNormalization", "g", "b", epsilon=1e-3),
        {"g": f(5), "b": f(5)},
        [3, 5],
    ),
    "layer norm over an image": (
        one("LayerNormalization", "g", axis=1),
        {"g": f(4, 6, 5)},
        IMAGE,
    ),
    "layer norm as PyTorch wrote it": (
        [
            n("ReduceMean", ["x"], ["m"], axes=[-1]),
            n("Sub", ["x", "m"], ["d"]),
            n("Pow", ["d", "two"], ["q"]),
            n("ReduceMean", ["q"], ["v"], axes=[-1]),
            n("Add", ["v", "e"], ["w"]),
            n("Sqrt", ["w"], ["s"]),
            n("Div", ["d", "s"], ["y"]),
        ],
        {"two": np.array(2.0, np.float32), "e": np.array(1e-5, np.float32)},
        [3, 5],
    ),
    "instance norm": (
        one("InstanceNormalization", "g", "b"),
        {"g": f(4), "b": f(4)},
        IMAGE,
    ),
    "group norm": (
        one("GroupNormalization", "g", "b", num_groups=2),
        {"g": f(4), "b": f(4)},
        IMAGE,
        21,
    ),
    "neighbours' norm": (one("LRN", size=3, alpha=0.3, beta=0.7, bias=1.5), {}, IMAGE),
    "transposed": (
        one("ConvTranspose", "w", "b", strides=[2, 3], pads=[1, 0, 0, 1]),
        {"w": f(4, 3, 3, 2), "b": f(3)},
        IMAGE,
    ),
    "transposed, groups, dilated": (
        one("ConvTranspose", "w", group=2, dilations=[2, 1], output_padding=[0, 1], strides=[1, 2]),
        {"w": f(4, 3, 2, 3)},
        IMAGE,
    ),
    "transposed, cut more than the kernel": (
        one("ConvTranspose", "w", pads=[2, 1, 2, 2], strides=[2, 2]),
        {"w": f(4, 2, 2, 2)},
        IMAGE,
    ),
    "transposed, the same size": (
        one("ConvTranspose", "w", auto_pad="SAME_UPPER", strides=[2, 2]),
        {"w": f(4, 2, 3, 3)},
        IMAGE,
    ),
    "transposed, the same size lower": (
        one("ConvTranspose", "w", auto_pad="SAME_LOWER", strides=[2, 2]),
        {"w": f(4, 2, 3, 3)},
        IMAGE,
    ),
    "transposed along one axis": (
        one("ConvTranspose", "w", strides=[2], output_shape=[12]),
        {"w": f(4, 2, 3)},
        [4, 6],
    ),
    "three axes": (
        one("Conv", "w", "b", strides=[1, 2, 1], pads=[1, 0, 1, 0, 1, 1]),
        {"w": f(3, 2, 2, 3, 2), "b": f(3)},
        [2, 4, 5, 4],
    ),
    "depth to space": (one("DepthToSpace", blocksize=2), {}, [8, 2, 3]),
    "depth to space, columns first": (one("DepthToSpace", blocksize=2, mode="CRD"), {}, [8, 2, 3]),
    "space to depth": (one("SpaceToDepth", blocksize=2), {}, [3, 4, 6]),
    "expand": (one("Expand", "k"), {"k": sizes(1, 3, 1, 5)}, [3, 4, 1]),
    "tile": (one("Tile", "k"), {"k": sizes(1, 2, 1, 3)}, [2, 4, 2]),
    "padding by the edge": (
        one("Pad", "k", mode="edge"),
        {"k": sizes(0, 0, 1, 2, 0, 0, 0, 3)},
        IMAGE,
    ),
    "padding by reflection": (
        one("Pad", "k", mode="reflect"),
        {"k": sizes(0, 0, 1, 2, 0, 0, 3, 0)},
        IMAGE,
    ),
    "padding and cutting": (one("Pad", "k"), {"k": sizes(0, 0, 1, -2, 0, 0, -1, 3)}, IMAGE),
    "padding of some axes": (
        one("Pad", "k", "v", "a"),
        {"k": sizes(1, 2), "v": np.array(0.5, np.float32), "a": sizes(-1)},
        IMAGE,
        18,
    ),
    "a constant beside": ([n("Concat", ["x", "k", "x"], ["y"], axis=1)], {"k": f(1, 2, 3)}, [4, 3]),
    "a part that keeps all samples, as TensorFlow writes it": (
        one("Slice", "b", "e", "a"),
        {"b": sizes(0, 1, 0), "e": sizes(2147483647, -1, 2147483647), "a": sizes(0, 2, 1)},
        IMAGE,
    ),
    "places of several axes": (
        one("Gather", "k", axis=1),
        {"k": np.array([[0, 2], [3, -1]])},
        [4, 3],
    ),
    "matrix on the left": ([n("MatMul", ["k", "x"], ["y"])], {"k": f(5, 4)}, [2, 4, 3]),
    "matrix at each of many places": (one("MatMul", "k"), {"k": f(3, 5)}, [2, 4, 2, 3]),
    "vector at each place": (one("MatMul", "k"), {"k": f(3)}, [4, 3]),
    "constants computed": (
        [
            n("Range", ["z", "q", "i"], ["r"]),
            n("Sqrt", ["q"], ["t"]),
            n("Div", ["x", "t"], ["d"]),
            n("Add", ["d", "r"], ["y"]),
        ],
        {"z": np.float32(0), "q": np.float32(3), "i": np.float32(1)},
        [2, 3],
    ),
    "a constant spread to a shape that is computed": (
        [
            n("Constant", [], ["minus"], value_ints=[-1, 3]),
            n("Equal", ["minus", "m"], ["unknown"]),
            n("Where", ["unknown", "two", "minus"], ["shape"]),
            n("Expand", ["k", "shape"], ["e"]),
            n("Mul", ["x", "e"], ["y"]),
        ],
        {"m": sizes(-1), "two": sizes(2, 2), "k": f(2, 1)},
        [2, 3],
    ),
    "upsampled, opset 9": (one("Upsample", "k"), {"k": scales(1, 1, 2, 3)}, IMAGE, 9),
    "resized, opset 10": (
        one("Resize", "k", mode="linear"),
        {"k": scales(1, 1, 2, 1.6)},
        IMAGE,
        10,
    ),
    "resized to sizes": (
        one("Resize", "", "", "k", mode="linear", coordinate_transformation_mode="align_corners"),
        {"k": sizes(1, 4, 9, 3)},
        IMAGE,
    ),
    "resized, nearest": (
        one("Resize", "", "k", mode="nearest"),
        {"k": scales(1, 1, 0.5, 2.5)},
        IMAGE,
    ),
    "resized, nearest, asymmetric": (
        one(
            "Resize",
            "",
            "k",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        {"k": scales(1, 1, 2, 2)},
        IMAGE,
    ),
    "resized, linear": (
        one("Resize", "", "k", mode="linear", coordinate_transformation_mode="pytorch_half_pixel"),
        {"k": scales(1, 1, 1.5, 0.7)},
        IMAGE,
    ),
    "resized, cubic": (
        one("Resize", "", "k", mode="cubic", cubic_coeff_a=-0.5),
        {"k": scales(1, 1, 1.5, 2)},
        IMAGE,
    ),
    "resized, cubic, nothing outside": (
        one("Resize", "", "k", mode="cubic", exclude_outside=1),
        {"k": scales(1, 1, 0.8, 2)},
        IMAGE,
    ),
}


@pytest.mark.parametrize("name", EACH)
def test_an_operation_between_layers_gives_what_onnxruntime_gives(
    name: str, tmp_path: Path
) -> None:
    nodes, weights, shape, *opset = EACH[name]
    path = saved(tmp_path / "m.onnx", nodes, weights, shape, *opset)
    batch = 1 if name in ("a constant beside", "resized to sizes") else 3
    x = np.random.default_rng(5).normal(size=(batch, *shape)).astype(np.float32)
    wanted = judged(path, x)
    assert np.ptp(wanted) > 0
    assert Network.from_onnx(path).outputs(x) == pytest.approx(wanted, rel=1e-5, abs=1e-5)


def test_neighbours_of_an_even_number_are_one_more_behind(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "m.onnx", one("LRN", size=4, alpha=0.6, beta=0.8, bias=2.0), {}, [7, 2, 1]
    )
    x = f(3, 7, 2, 1)
    found = Network.from_onnx(path).outputs(x).reshape(x.shape)
    for c in range(7):
        near = x[:, max(c - 1, 0) : c + 3].astype(float)
        wanted = x[:, c] / (2.0 + 0.6 / 4 * (near**2).sum(axis=1)) ** 0.8
        assert found[:, c] == pytest.approx(wanted)


QDQ = [
    n("QuantizeLinear", ["x", "sx", "zx"], ["q"]),
    n("DequantizeLinear", ["q", "sx", "zx"], ["d"]),
    n("DequantizeLinear", ["w", "sw", "zw"], ["v"], axis=0),
    n("Conv", ["d", "v"], ["c"], pads=[1, 1, 1, 1]),
    n("QuantizeLinear", ["c", "sy", "zy"], ["r"]),
    n("DequantizeLinear", ["r", "sy", "zy"], ["y"]),
]
STEP = 0.0971  # steps in no simple ratio: sums are seldom halves, which round either way
STEPS = {
    "sx": np.float32(0.0513),
    "zx": np.uint8(120),
    "sw": np.float32([0.0213, 0.0307, 0.0101]),
    "zw": np.int8([0, 0, 0]),
    "sy": np.float32(STEP),
    "zy": np.int8(-3),
    "w": RNG.integers(-128, 128, (3, 4, 3, 3)).astype(np.int8),
}
INTEGER = [
    n("QuantizeLinear", ["x", "sx", "zx"], ["q"]),
    n("QLinearConv", ["q", "sx", "zx", "w", "sw", "zw", "sy", "zy", "b"], ["r"], strides=[2, 1]),
    n("DequantizeLinear", ["r", "sy", "zy"], ["y"]),
]
PRODUCT = [
    n("QuantizeLinear", ["x", "sx", "zx"], ["q"]),
    n("QLinearMatMul", ["q", "sx", "zx", "m", "sm", "zm", "sy", "zy"], ["r"]),
    n("DequantizeLinear", ["r", "sy", "zy"], ["y"]),
]
MATRIX = {
    "m": RNG.integers(-128, 128, (6, 3)).astype(np.int8),
    "sm": np.float32(0.0219),
    "zm": np.int8(5),
}


@pytest.mark.parametrize(
    ("nodes", "weights", "shape"),
    [
        (QDQ, STEPS, IMAGE),
        (
            INTEGER,
            {**STEPS, "zy": np.uint8(100), "b": RNG.integers(-900, 900, 3).astype(np.int32)},
            IMAGE,
        ),
        (PRODUCT, {**STEPS, **MATRIX, "zy": np.uint8(90)}, [6]),
        (PRODUCT, {**STEPS, **MATRIX, "zy": np.uint8(90)}, [2, 6]),
    ],
    ids=["layers between roundings", "convolution", "product", "product at each place"],
)
def test_quantised_layers_give_the_whole_numbers_of_onnxruntime(
    nodes: list, weights: dict, shape: list, tmp_path: Path
) -> None:
    path = saved(tmp_path / "m.onnx", nodes, weights, shape)
    x = np.random.default_rng(7).normal(0, 2.5, size=(4, *shape)).astype(np.float32)
    wanted, found = judged(path, x), Network.from_onnx(path).outputs(x)
    steps = np.abs(found - wanted) / STEP
    # Sums within a rounding error of a half may round either way.
    assert np.mean(steps > 1e-3) < 0.005
    assert steps.max() < 1.001
    assert len(np.unique(np.rint(found / STEP))) > 5


def test_halves_are_rounded_to_even_numbers_and_ends_are_kept(tmp_path: Path) -> None:
    nodes = [
        n("QuantizeLinear", ["x", "s", "z"], ["q"]),
        n("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    weights = {"s": np.float32(0.25), "z": np.uint8(10)}
    path = saved(tmp_path / "m.onnx", nodes, weights, [6])
    x = np.float32([[0.125, 0.375, -0.125, -99.0, 99.0, 0.1]])
    assert Network.from_onnx(path).outputs(x).tolist() == [[0.0, 0.5, 0.0, -2.5, 61.25, 0.0]]
    assert judged(path, x).tolist() == [[0.0, 0.5, 0.0, -2.5, 61.25, 0.0]]


OLD = {  # opset 6, which onnxruntime does not run: name → (nodes, weights, shape, what it gives)
    "along the channels": (
        one("Add", "k", broadcast=1, axis=1),
        {"k": f(4)},
        IMAGE,
        lambda x, w: x + w["k"][:, None, None],
    ),
    "along the last axes": (
        one("Mul", "k", broadcast=1),
        {"k": f(6, 5)},
        IMAGE,
        lambda x, w: x * w["k"],
    ),
    "a value along the channels": (
        [
            n("GlobalAveragePool", ["x"], ["p"]),
            n("Reshape", ["p", "k"], ["r"]),
            n("Sub", ["x", "r"], ["y"], broadcast=1, axis=0),
        ],
        {"k": sizes(-1, 4)},
        IMAGE,
        lambda x, w: x - x.mean(axis=(2, 3), keepdims=True),
    ),
    "a slope a channel": (
        one("PRelu", "k"),
        {"k": np.float32([0.1, -0.2, 0.3, 0.4])},
        [4, 4, 4],
        lambda x, w: np.where(x > 0, x, w["k"][:, None, None] * x),
    ),
    "statistics that are kept": (
        one("BatchNormalization", "s", "b", "m", "v", is_test=1),
        {"s": f(4), "b": f(4), "m": f(4), "v": f(4) ** 2 + 0.5},
        IMAGE,
        lambda x, w: (
            (x - w["m"][:, None, None])
            / np.sqrt(w["v"][:, None, None] + 1e-5)
            * w["s"][:, None, None]
            + w["b"][:, None, None]
        ),
    ),
    "dense": (
        one("Gemm", "w", "b", broadcast=1, transB=1),
        {"w": f(3, 5), "b": f(3)},
        [5],
        lambda x, w: x @ w["w"].T + w["b"],
    ),
}


@pytest.mark.parametrize("name", OLD)
def test_opset_6_lays_operands_on_one_another_by_an_axis(name: str, tmp_path: Path) -> None:
    nodes, weights, shape, what = OLD[name]
    path = saved(tmp_path / "m.onnx", nodes, weights, shape, 6)
    x = f(3, *shape)
    wanted = what(x, weights).reshape(3, -1)
    assert Network.from_onnx(path).outputs(x) == pytest.approx(wanted, rel=1e-5, abs=1e-6)


REFUSED = {  # name → (nodes, weights, shape, opset, what the error says)
    "shapes that differ in opset 6": (one("Add", "k"), {"k": f(4)}, [4, 4], 6, "without broadcast"),
    "an axis outside in opset 6": (
        one("Add", "k", broadcast=1, axis=3),
        {"k": f(4, 4)},
        [4, 4],
        6,
        "axis 3",
    ),
    "statistics of the batch in opset 6": (
        one("BatchNormalization", "s", "s", "s", "v"),
        {"s": f(4), "v": np.ones(4, np.float32)},
        IMAGE,
        6,
        "is_test = 0",
    ),
    "an attribute of opset 6 later": (
        one("Add", "k", broadcast=1),
        {"k": f(4)},
        [4],
        9,
        "'broadcast' is not taken",
    ),
    "two values as matrices": ([n("MatMul", ["x", "x"], ["y"])], {}, [3, 3], 17, "two values"),
    "a power of a value": ([n("Pow", ["x", "x"], ["y"])], {}, [3], 17, "power of another"),
    "a base below 0": ([n("Pow", ["k", "x"], ["y"])], {"k": np.float32(-2)}, [3], 17, "above 0"),
    "places that runtimes choose differently": (
        one("Resize", "", "k", mode="linear", coordinate_transformation_mode="align_corners"),
        {"k": scales(1, 1, 0.6, 0.6)},
        IMAGE,
        17,
        "whole sizes",
    ),
    "more samples": (one("Resize", "", "k"), {"k": scales(2, 1, 1, 1)}, IMAGE, 17, "samples"),
    "a reflection of more than there is": (
        one("Pad", "k", mode="reflect"),
        {"k": sizes(0, 0, 6, 0, 0, 0, 0, 0)},
        IMAGE,
        17,
        "less than there are",
    ),
    "sums over the batch": (one("ReduceL2", axes=[0]), {}, [3], 17, "not the batch"),
    "a norm over the batch": (one("LayerNormalization", "g", axis=0), {"g": f(3)}, [3], 17, "mix"),
    "steps of 0": (
        [
            n("QuantizeLinear", ["x", "s", "z"], ["q"]),
            n("DequantizeLinear", ["q", "s", "z"], ["y"]),
        ],
        {"s": np.float32(0), "z": np.uint8(0)},
        [3],
        17,
        "steps above 0",
    ),
    "steps of the batch": (
        [n("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]), n("Cast", ["q"], ["y"], to=1)],
        {},
        [3],
        17,
        "fixed steps",
    ),
    "operands that do not fit": (one("Pad", "k"), {"k": sizes(1)}, [3], 17, "two numbers an axis"),
    "an output larger than the full one": (
        one("ConvTranspose", "w", output_shape=[40]),
        {"w": f(4, 2, 3)},
        [4, 6],
        17,
        "not larger",
    ),
    "labels of the input": ([n("ArgMax", ["x"], ["y"], axis=1)], {}, [3], 17, "labels"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_meaning_for_a_sample_is_refused(name: str, tmp_path: Path) -> None:
    nodes, weights, shape, opset, word = REFUSED[name]
    path = saved(tmp_path / "m.onnx", nodes, weights, shape, opset)
    with pytest.raises(InputError, match=word):
        Network.from_onnx(path)


@pytest.mark.parametrize(
    ("nodes", "weights", "x", "what"),
    [
        (one("Sqrt"), {}, [[1.0, -2.0]], r"node 'y': a power of -2 "),
        (one("Log"), {}, [[1.0, 0.0]], r"node 'y': log of 0 "),
        (
            [n("Neg", ["x"], ["m"]), n("Div", ["x", "m"], ["y"])],
            {},
            [[1.0, 0.0]],
            "a quotient by -?0 ",
        ),
    ],
)
def test_values_that_are_no_numbers_are_refused_by_node(
    nodes: list, weights: dict, x: list, what: str, tmp_path: Path
) -> None:
    network = Network.from_onnx(saved(tmp_path / "m.onnx", nodes, weights, [2]))
    with pytest.raises(InputError, match=what):
        network.outputs(x)


def test_one_of_several_outputs_is_chosen_by_its_name(tmp_path: Path) -> None:
    nodes = [n("MatMul", ["x", "w"], ["y_boxes"]), n("Sigmoid", ["x"], ["y_scores"])]
    path = saved(tmp_path / "m.onnx", nodes, {"w": f(3, 2)}, [3])
    x = f(2, 3)
    with pytest.raises(InputError, match=r"'y_boxes', 'y_scores'.*output="):
        Network.from_onnx(path)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    boxes, scores = session.run(None, {"x": x})
    assert Network.from_onnx(path, output="y_boxes").outputs(x) == pytest.approx(boxes, abs=1e-6)
    assert Network.from_onnx(path, output="y_scores").outputs(x) == pytest.approx(scores, abs=1e-6)
    with pytest.raises(InputError, match="no output 'z'; it has 'y_boxes'"):
        Network.from_onnx(path, output="z")


def test_sizes_that_a_file_leaves_open_are_given(tmp_path: Path) -> None:
    nodes = [n("Conv", ["x", "w"], ["c"]), n("GlobalAveragePool", ["c"], ["y"])]
    path = saved(tmp_path / "m.onnx", nodes, {"w": f(3, 2, 3, 3)}, [2, "height", "width"])
    with pytest.raises(InputError, match=r"\[0, 2, 0, 0\].*input_shape="):
        Network.from_onnx(path)
    for shape in ((2, 5, 6), (2, 8, 4)):
        x = f(3, *shape)
        found = Network.from_onnx(path, input_shape=shape).outputs(x)
        assert found == pytest.approx(judged(path, x), abs=1e-6)
    for wrong in ((3, 5, 6), (5, 6), (2, 5, -1)):
        with pytest.raises(InputError, match="shape"):
            Network.from_onnx(path, input_shape=wrong)


@pytest.mark.parametrize("name", ["transposed", "three axes", "matrix on the left"])
def test_their_weights_stand_on_arrays(name: str, tmp_path: Path) -> None:
    nodes, weights, shape, *opset = EACH[name]
    path = saved(tmp_path / "m.onnx", nodes, weights, shape, *opset)
    network, x = Network.from_onnx(path), f(2, *shape)
    chip = network.on(sn.Hardware(tile=(16, 16)))
    assert len(network.weighted) == 1
    assert chip.outputs(x) == pytest.approx(judged(path, x), rel=1e-5, abs=1e-5)


def test_the_page_lists_the_operations_that_are_taken() -> None:
    page = (Path(__file__).parents[2] / "docs/own-network.md").read_text(encoding="utf-8")
    listed = page.split("these operations are taken:")[1].split(".\n")[0]
    assert listed.replace("`", "").replace("\n", " ").strip().split(", ") == sorted(OPERATIONS)
