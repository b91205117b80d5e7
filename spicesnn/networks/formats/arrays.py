"""Networks from plain arrays of weights: lists, and npz files with ``w0 b0 w1 b1 …`` or ``weights_0
bias_0 …``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn import npz
from spicesnn.errors import DataError, InputError
from spicesnn.networks.activations import by_name
from spicesnn.networks.nodes import Dense, Node
from spicesnn.networks.structure import Made

_SPELLINGS = (("w", "b"), ("weights_", "bias_"), ("W", "B"), ("weight_", "bias_"))


def network_from_arrays(
    kind: type[Made], layers: Sequence[Any] | str | Path, activation: str = "relu"
) -> Made:
    """A network of dense layers; see `Network.from_arrays`.

    Raises
    ------
    InputError, DataError
        Layers that do not follow on one another, values that are no finite numbers, arrays of a
        file that stand for nothing.
    """
    if not isinstance(activation, str):
        raise InputError(
            f"activation is a {type(activation).__name__}; expected a name, as 'relu'. Biases stand"
            " beside their weights: from_arrays(list(zip(weights, biases)))"
        )
    where, pairs = (
        ("layers", _pairs(layers))
        if not isinstance(layers, str | Path)
        else (str(layers), _from_npz(Path(layers)))
    )
    if not pairs:
        raise InputError(f"{where}: no layer; expected one (weights, bias) or more")
    chain: list[tuple[str, Any]] = []
    size = 0
    for number, (weights, bias) in enumerate(pairs):
        try:
            dense = Dense(weights, None if bias is None else bias)
        except InputError as error:
            raise InputError(f"{where}, layer {number}: {error}") from None
        if chain and dense.weights.shape[0] != size:
            raise InputError(
                f"{where}, layer {number} takes {dense.weights.shape[0]} inputs, but layer"
                f" {number - 1} has {size} outputs; expected weights as (inputs, outputs)"
            )
        size = dense.weights.shape[1]
        chain.append((f"layer{number}", dense))
        between: Node | None = by_name(activation)
        if number < len(pairs) - 1 and between is not None:
            chain.append((f"{activation}{number}", between))
    return kind.chain(chain, chain[0][1].weights.shape[:1])


def _pairs(layers: Sequence[Any]) -> list[tuple[Any, Any]]:
    if isinstance(layers, np.ndarray) and layers.dtype != object and layers.ndim == 2:
        return [(layers, None)]
    pairs = []
    for layer in layers:
        if (
            isinstance(layer, tuple | list)
            and len(layer) == 2
            and (layer[1] is None or np.ndim(layer[0]) == np.ndim(layer[1]) + 1)
        ):
            pairs.append((layer[0], layer[1]))
        elif isinstance(layer, tuple) and len(layer) == 1:
            pairs.append((layer[0], None))
        else:
            pairs.append((layer, None))
    return pairs


def _from_npz(path: Path) -> list[tuple[Any, Any]]:
    arrays = npz.read(path)
    for first, second in _SPELLINGS:
        pairs: list[tuple[Any, Any]] = []
        while f"{first}{len(pairs)}" in arrays:
            pairs.append((arrays[f"{first}{len(pairs)}"], arrays.get(f"{second}{len(pairs)}")))
        if not pairs:
            continue
        used = {f"{first}{k}" for k in range(len(pairs))} | {
            f"{second}{k}" for k in range(len(pairs))
        }
        spare = [name for name in arrays if name not in used]
        if spare:
            hint = (
                " (layers are numbered from 0 without a gap)"
                if any(re.fullmatch(f"({first}|{second})\\d+", name) for name in spare)
                else ""
            )
            raise DataError(
                f"{path} has {', '.join(spare[:4])}, which stand for nothing here{hint}; expected"
                f" only {first}0 {second}0 {first}1 …"
            )
        return pairs
    raise DataError(
        f"{path} has no array w0 or weights_0; it has: {', '.join(list(arrays)[:8]) or 'none'}"
    )
