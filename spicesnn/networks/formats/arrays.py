"""Networks from plain arrays of weights: lists, mappings, and npz files with ``w0 b0 w1 b1 …`` or
``weights_0 bias_0 …``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn import npz
from spicesnn.errors import DataError, InputError
from spicesnn.networks.activations import by_name
from spicesnn.networks.nodes import Dense, Node
from spicesnn.networks.structure import Made

_SPELLINGS = (("w", "b"), ("weights_", "bias_"), ("W", "B"), ("W", "b"), ("weight_", "bias_"))
_IN_ORDER = "arr_"
"""What `numpy.savez` calls arrays that it is given without names."""


def network_from_arrays(
    kind: type[Made],
    layers: Sequence[Any] | Mapping[str, Any] | str | Path,
    activation: str = "relu",
) -> Made:
    """A network of dense layers; see `Network.from_arrays`.

    Raises
    ------
    InputError, DataError
        Layers that do not follow on one another, values that are no finite numbers, arrays of a
        file that stand for nothing.
    """
    if not isinstance(activation, str):
        names = isinstance(activation, list | tuple) and all(
            isinstance(name, str) for name in activation
        )
        hint = (
            "one name for all layers"
            if names or activation is None
            else "a name, as 'relu'. Biases stand beside their weights:"
            " from_arrays(list(zip(weights, biases)))"
        )
        raise InputError(f"activation is a {type(activation).__name__}; expected {hint}")
    if isinstance(layers, str | Path):
        where, pairs = str(layers), _named(str(layers), npz.read(Path(layers)))
    elif isinstance(layers, Mapping):
        where, pairs = "layers", _named("layers", layers)
    else:
        where, pairs = "layers", _pairs(layers)
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


def _dimensions(value: Any) -> int:
    try:
        return np.ndim(value)
    except ValueError:  # rows that differ in length
        return -1


def _pairs(layers: Iterable[Any]) -> list[tuple[Any, Any]]:
    """(weights, bias) of each layer, as pairs, as weights alone, or one after the other."""
    if isinstance(layers, np.ndarray) and layers.dtype != object and layers.ndim == 2:
        return [(layers, None)]
    if not isinstance(layers, Iterable):
        raise InputError(f"layers is {layers!r:.60}; expected a list of (weights, bias), or a path")
    pairs: list[tuple[Any, Any]] = []
    for layer in layers:
        if isinstance(layer, tuple | list) and layer and _dimensions(layer[0]) == 2:
            if len(layer) > 2:
                raise InputError(
                    f"layers, layer {len(pairs)} has {len(layer)} parts; expected (weights, bias)"
                )
            pairs.append((layer[0], layer[1] if len(layer) == 2 else None))
        elif _dimensions(layer) == 1 and pairs and pairs[-1][1] is None:
            pairs[-1] = (pairs[-1][0], layer)
        else:
            pairs.append((layer, None))
    return pairs


def _named(where: str, arrays: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """(weights, bias) of each layer, by the names of their arrays."""
    spare: dict[tuple[str, str], list[str]] = {}
    for first, second in _SPELLINGS:
        pairs: list[tuple[Any, Any]] = []
        while f"{first}{len(pairs)}" in arrays:
            pairs.append((arrays[f"{first}{len(pairs)}"], arrays.get(f"{second}{len(pairs)}")))
        if not pairs:
            continue
        used = {f"{part}{k}" for k in range(len(pairs)) for part in (first, second)}
        spare[first, second] = [str(name) for name in arrays if name not in used]
        if not spare[first, second]:
            return pairs
    if spare:
        (first, second), names = min(spare.items(), key=lambda item: len(item[1]))
        hint = (
            " (layers are numbered from 0 without a gap)"
            if any(re.fullmatch(f"({first}|{second})\\d+", name) for name in names)
            else ""
        )
        raise DataError(
            f"{where} has {', '.join(names[:4])}, which stand for nothing here{hint}; expected"
            f" only {first}0 {second}0 {first}1 …"
        )
    if arrays and set(arrays) == {f"{_IN_ORDER}{k}" for k in range(len(arrays))}:
        return _pairs([arrays[f"{_IN_ORDER}{k}"] for k in range(len(arrays))])
    raise DataError(
        f"{where} has no array w0 or weights_0; it has:"
        f" {', '.join(map(str, list(arrays)[:8])) or 'none'}"
    )
