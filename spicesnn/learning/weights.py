"""Weights from elsewhere: npz or JSON files, checked against the layers they are for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.datasets import npz
from spicesnn.devices.base import Floats
from spicesnn.errors import DataError


def load_weights(path: str | Path, shapes: list[tuple[int, int]], *, bias: bool) -> list[Floats]:
    """Return one matrix (inputs, outputs) a layer, the bias as its last row where the network has one.

    An npz file has arrays ``weights_0``, ``weights_1``, … (inputs, outputs) and, with a bias, ``bias_0``, … (outputs,). A JSON file has
    ``{"layers": [{"weights": [[…]], "bias": […]}, …]}``. Weights lie in −1…1: 1 is the whole conductance window of a device.

    Parameters
    ----------
    path : str | Path
    shapes : list of (rows, outputs)
        What each layer takes, the bias row included.
    bias : bool
    """
    path = Path(path)
    layers = _from_json(path) if path.suffix.lower() == ".json" else _from_npz(path, len(shapes))
    if len(layers) != len(shapes):
        raise DataError(f"{path} has {len(layers)} layers; expected {len(shapes)}")
    found = []
    for number, ((weights, offset), shape) in enumerate(zip(layers, shapes, strict=True)):
        outputs = shape[1]
        if bias and weights.ndim == 2:
            offset = np.zeros(outputs) if offset is None else offset
            if offset.shape != weights.shape[1:]:
                raise DataError(f"{path}, layer {number}: weights have shape {weights.shape} and the bias {offset.shape}; expected a bias an output")
            weights = np.vstack([weights, offset])
        if weights.shape != shape:
            rows = "a row an input and one for the bias" if bias else "a row an input"
            raise DataError(f"{path}, layer {number}: weights (and bias) make {weights.shape}; expected {shape}: {rows}")
        if not np.all(np.isfinite(weights)) or np.abs(weights).max() > 1:
            raise DataError(f"{path}, layer {number}: the largest weight is {np.abs(weights).max():.4g}; expected finite weights from −1 to 1")
        found.append(weights)
    return found


def _from_npz(path: Path, count: int) -> list[tuple[Floats, Floats | None]]:
    arrays = npz.read(path)
    absent = [f"weights_{k}" for k in range(count) if f"weights_{k}" not in arrays]
    if absent:
        raise DataError(f"{path} has no array {absent[0]!r}; it has: {', '.join(arrays) or 'none'}")
    for name, array in arrays.items():
        if name.startswith(("weights_", "bias_")) and array.dtype.kind not in "biuf":
            raise DataError(f"{path}: {name} has type {array.dtype}; expected real numbers")
    return [(arrays[f"weights_{k}"].astype(float), arrays[f"bias_{k}"].astype(float) if f"bias_{k}" in arrays else None) for k in range(count)]


def _from_json(path: Path) -> list[tuple[Floats, Floats | None]]:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return [
            (np.array(layer["weights"], dtype=float), None if layer.get("bias") is None else np.array(layer["bias"], dtype=float))
            for layer in content["layers"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        wanted = '{"layers": [{"weights": [[…]], "bias": […]}]}'
        raise DataError(f"{path} is not a JSON file of layers ({error!r:.100}); expected {wanted}") from None
