"""Weights from elsewhere: npz or JSON files, checked against the layers they are for, and scaled to what devices can hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn import npz
from spicesnn.devices.base import Floats
from spicesnn.errors import DataError, InputError

Layers = list[tuple[Floats, Floats | None]]
"""Weights (inputs, outputs) and bias (outputs,) of each layer."""


def load_weights(path: str | Path, shapes: Sequence[tuple[int, int]], *, bias: bool, largest: float = 1.0) -> list[Floats]:
    """Return one matrix (inputs, outputs) a layer, the bias as its last row where the network has one.

    Parameters
    ----------
    path : str | Path
        What `read_weights` reads.
    shapes : list of (rows, outputs)
        What each layer takes, the bias row included.
    bias : bool
    largest : float
        Weights beyond ± this are an error; infinity takes any finite ones.
    """
    layers = read_weights(path)
    if len(layers) != len(shapes):
        raise DataError(f"{path} has {len(layers)} layers; expected {len(shapes)}")
    found = []
    for number, ((weights, offset), shape) in enumerate(zip(layers, shapes, strict=True)):
        outputs = shape[1]
        if bias:
            weights = np.vstack([weights, np.zeros(weights.shape[1]) if offset is None else offset])
        elif offset is not None and np.any(offset):
            raise DataError(f"{path}, layer {number}: there are biases, but the network has no bias line: network.bias = true")
        if weights.shape != shape:
            rows = "a row an input and one for the bias" if bias else "a row an input"
            raise DataError(f"{path}, layer {number}: weights (and bias) make {weights.shape}; expected {shape}: {rows}, {outputs} columns")
        if not np.all(np.isfinite(weights)) or np.abs(weights).max() > largest:
            within = "finite weights" if np.isinf(largest) else f"finite weights from −{largest:g} to {largest:g}"
            raise DataError(f"{path}, layer {number}: the largest weight is {np.abs(weights).max():.4g}; expected {within}")
        found.append(weights)
    return found


def read_weights(path: str | Path) -> Layers:
    """Return weights and biases of every layer in a file.

    An npz file has arrays ``weights_0``, ``weights_1``, … (inputs, outputs) and, where there are biases, ``bias_0``, … (outputs,): what
    `save_weights` writes. A JSON file has ``{"layers": [{"weights": [[…]], "bias": […]}, …]}`` with the same shapes, or is a model as
    SNNtrainer3D saves it: ``{"weights": {"fc1.weight": {"data": [[…]]}, "fc1.bias": …, "fcs.0.weight": …, "fc2.weight": …}}``, whose
    matrices are (outputs, inputs).
    """
    path = Path(path)
    layers = _from_json(path) if path.suffix.lower() == ".json" else _from_npz(path)
    for number, (weights, offset) in enumerate(layers):
        if weights.ndim != 2 or not weights.size or (offset is not None and offset.shape != weights.shape[1:]):
            sizes = f"weights of {weights.shape}" + ("" if offset is None else f" and a bias of {offset.shape}")
            raise DataError(f"{path}, layer {number}: {sizes}; expected (inputs, outputs), and a bias of (outputs,) if any")
    return layers


def save_weights(path: str | Path, weights: Sequence[Floats], biases: Sequence[Floats | None] | None = None) -> Path:
    """Write arrays as an npz file that `exsitu.weights` takes, and return its path.

    Parameters
    ----------
    path : str | Path
    weights : one (inputs, outputs) a layer
    biases : one (outputs,) a layer, or None where there is none, optional
    """
    offsets = [None] * len(weights) if biases is None else list(biases)
    if not weights or len(offsets) != len(weights) or any(np.ndim(matrix) != 2 for matrix in weights):
        raise InputError(f"{len(weights)} weights of {[np.shape(w) for w in weights]}, {len(offsets)} biases; expected (inputs, outputs) a layer")
    arrays = {f"weights_{k}": np.asarray(matrix, dtype=float) for k, matrix in enumerate(weights)}
    arrays |= {f"bias_{k}": np.asarray(offset, dtype=float) for k, offset in enumerate(offsets) if offset is not None}
    path = Path(path).with_suffix(".npz")
    np.savez(path, allow_pickle=False, **arrays)
    return path


def scales(path: str | Path, *, bias: bool, limit: float) -> tuple[float, ...]:
    """Return what the weights of each layer in a file are divided by so that the largest is `limit`; 1 for a layer of zeros."""
    found = []
    for weights, offset in read_weights(path):
        largest = float(np.abs(weights).max(initial=0.0))
        if bias and offset is not None:
            largest = max(largest, float(np.abs(offset).max(initial=0.0)))
        if not np.isfinite(largest):
            raise DataError(f"{path}: a weight is not finite; nothing can stand for it")
        found.append(largest / limit if largest else 1.0)
    return tuple(found)


def _from_npz(path: Path) -> Layers:
    arrays, layers = npz.read(path), Layers()
    for name, array in arrays.items():
        if name.startswith(("weights_", "bias_")) and array.dtype.kind not in "biuf":
            raise DataError(f"{path}: {name} has type {array.dtype}; expected real numbers")
    while f"weights_{len(layers)}" in arrays:
        number = len(layers)
        offset = arrays.get(f"bias_{number}")
        layers.append((arrays[f"weights_{number}"].astype(float), None if offset is None else offset.astype(float)))
    if not layers:
        raise DataError(f"{path} has no array 'weights_0'; it has: {', '.join(arrays) or 'none'}")
    return layers


def _from_json(path: Path) -> Layers:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return _from_layers(content["layers"]) if "layers" in content else _from_modules(content["weights"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        wanted = '{"layers": [{"weights": [[…]], "bias": […]}]} or {"weights": {"fc1.weight": {"data": [[…]]}, …}}'
        raise DataError(f"{path} is not a JSON file of layers ({error!r:.100}); expected {wanted}") from None


def _from_layers(layers: Sequence[Mapping[str, Any]]) -> Layers:
    return [
        (np.array(layer["weights"], dtype=float), None if layer.get("bias") is None else np.array(layer["bias"], dtype=float)) for layer in layers
    ]


def _from_modules(modules: Mapping[str, Mapping[str, Any]]) -> Layers:
    """Return the layers of a model saved module by module: fc1, fcs.0, fcs.1, …, fc2; whatever else it holds are the neurons'."""
    names = [name.removesuffix(".weight") for name in modules if name.endswith(".weight") and np.ndim(modules[name]["data"]) == 2]
    if not names:
        raise KeyError("fc1.weight")
    layers = Layers()
    for name in sorted(names, key=_place):
        offset = modules.get(f"{name}.bias")
        layers.append((np.array(modules[f"{name}.weight"]["data"], dtype=float).T, None if offset is None else np.array(offset["data"], dtype=float)))
    return layers


def _place(name: str) -> tuple[int, int]:
    """Return where a module stands: fc1 first, the list fcs between, fc2 last."""
    first, _, number = name.partition(".")
    return {"fc1": 0, "fcs": 1}.get(first, 2), int(number or 0)
