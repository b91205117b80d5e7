"""Weights from elsewhere: npz or JSON files, checked against the layers they are for, and scaled to
what devices can hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn import npz
from spicesnn.arrays import Floats
from spicesnn.errors import DataError, InputError
from spicesnn.file_kinds import check_is_file, unreadable
from spicesnn.whole_file import appearing

Layers = list[tuple[Floats, Floats | None]]
"""Weights (inputs, outputs) and bias (outputs,) of each layer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stepped:
    """A layer's neurons in discrete time: threshold, gain of the current, decay of the membrane a
    step, and whether a spike resets to zero."""

    threshold: float
    gain: float
    decay: float
    to_zero: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """What a file of weights holds: layers, the activation it names, and the neurons it brings (one
    a layer, or none)."""

    layers: Layers
    activation: str = ""
    neurons: tuple[Stepped, ...] = ()


def load_weights(
    path: str | Path, shapes: Sequence[tuple[int, int]], *, bias: bool, largest: float = 1.0
) -> list[Floats]:
    """Return one matrix (inputs, outputs) a layer, the bias as its last row where the network has
    one.

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
    model = read_model(path)
    layers = model.layers
    check_layers(path, model, (shapes[0][0] - bias, *(outputs for _, outputs in shapes)))
    found = []
    for number, (weights, offset) in enumerate(layers):
        if bias:
            weights = np.vstack([weights, np.zeros(weights.shape[1]) if offset is None else offset])
        elif offset is not None and np.any(offset):
            raise DataError(
                f"{path}, layer {number}: there are biases, but the network has no bias line:"
                " network.bias = true"
            )
        if not np.all(np.isfinite(weights)) or np.abs(weights).max() > largest:
            within = (
                "finite weights"
                if np.isinf(largest)
                else f"finite weights from −{largest:g} to {largest:g}"
            )
            raise DataError(
                f"{path}, layer {number}: the largest weight is {np.abs(weights).max():.4g};"
                f" expected {within}"
            )
        found.append(weights)
    return found


def read_weights(path: str | Path) -> Layers:
    """Return weights and biases of every layer in a file.

    An npz file has arrays ``weights_0``, ``weights_1``, … (inputs, outputs) and, where there are
    biases, ``bias_0``, … (outputs,): what `save_weights` writes. A JSON file has ``{"layers":
    [{"weights": [[…]], "bias": […]}, …]}`` with the same shapes, or is a model as SNNtrainer3D
    saves it: ``{"weights": {"fc1.weight": {"data": [[…]]}, "fc1.bias": …, "fcs.0.weight": …,
    "fc2.weight": …}}``, whose matrices are (outputs, inputs)."""
    return read_model(path).layers


def save_weights(
    path: str | Path, weights: Sequence[Floats], biases: Sequence[Floats | None] | None = None
) -> Path:
    """Write arrays as an npz file that `exsitu.weights` takes, and return its path.

    Parameters
    ----------
    path : str | Path
    weights : one (inputs, outputs) a layer
    biases : one (outputs,) a layer, or None where there is none, optional
    """
    offsets = [None] * len(weights) if biases is None else list(biases)
    if (
        not weights
        or len(offsets) != len(weights)
        or any(np.ndim(matrix) != 2 for matrix in weights)
    ):
        raise InputError(
            f"{len(weights)} weights of {[np.shape(w) for w in weights]}, {len(offsets)} biases;"
            " expected (inputs, outputs) a layer"
        )
    arrays = {f"weights_{k}": np.asarray(matrix, dtype=float) for k, matrix in enumerate(weights)}
    arrays |= {
        f"bias_{k}": np.asarray(offset, dtype=float)
        for k, offset in enumerate(offsets)
        if offset is not None
    }
    path = Path(path).with_suffix(".npz")
    with appearing(path) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return path


def scales(path: str | Path, *, bias: bool, limit: float) -> tuple[float, ...]:
    """Return what the weights of each layer in a file are divided by so that the largest is
    `limit`; 1 for a layer of zeros."""
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
    for name in arrays:
        if not _ARRAY.fullmatch(name):
            raise DataError(
                f"{path}: the array {name[:40]!r} is not understood; expected weights_0, bias_0,"
                " weights_1, …"
            )
    for name, array in arrays.items():
        if name.startswith(("weights_", "bias_")) and array.dtype.kind not in "biuf":
            raise DataError(f"{path}: {name} has type {array.dtype}; expected real numbers")
    while f"weights_{len(layers)}" in arrays:
        number = len(layers)
        offset = arrays.get(f"bias_{number}")
        layers.append(
            (
                arrays[f"weights_{number}"].astype(float),
                None if offset is None else offset.astype(float),
            )
        )
    if not layers:
        raise DataError(f"{path} has no array 'weights_0'; it has: {', '.join(arrays) or 'none'}")
    if left := [name for name in arrays if int(name.rpartition("_")[2]) >= len(layers)]:
        raise DataError(
            f"{path} has {left[0]}, but no weights_{len(layers)}; expected weights_0, weights_1, …"
            " without a gap"
        )
    return layers


_ARRAY = re.compile(r"(weights|bias)_(0|[1-9]\d{0,5})")


def read_model(path: str | Path) -> Model:
    """Return weights, biases and neurons of a file; see `read_weights` for its forms.

    Raises
    ------
    DataError
        Not such a file, or a key in it that is not understood: it is named, nothing is left out in
        silence.
    """
    path = Path(path)
    model = _from_json(path) if path.suffix.lower() == ".json" else Model(layers=_from_npz(path))
    for number, (weights, offset) in enumerate(model.layers):
        if (
            weights.ndim != 2
            or not weights.size
            or (offset is not None and offset.shape != weights.shape[1:])
        ):
            sizes = f"weights of {weights.shape}" + (
                "" if offset is None else f" and a bias of {offset.shape}"
            )
            raise DataError(
                f"{path}, layer {number}: {sizes}; expected (inputs, outputs), and a bias of"
                " (outputs,) if any"
            )
        if number and model.layers[number - 1][0].shape[1] != weights.shape[0]:
            below = model.layers[number - 1][0].shape[1]
            raise DataError(
                f"{path}, layer {number}: {weights.shape[0]} inputs, but layer {number - 1} has"
                f" {below} outputs"
            )
    return model


def check_layers(path: str | Path, model: Model, sizes: Sequence[int]) -> None:
    """Raise `DataError` where a file has another number of layers, or other ones, than the network
    of `sizes` (inputs, hidden …, outputs)."""
    has = (model.layers[0][0].shape[0], *(weights.shape[1] for weights, _ in model.layers))
    if has == tuple(sizes):
        return
    inside, wanted = has[1:-1], "-".join(map(str, sizes))
    way = (
        f"set network.hidden = {list(inside)}"
        if (has[0], has[-1]) == (sizes[0], sizes[-1])
        else "give the data that it was trained for"
    )
    raise DataError(
        f"{path} has {len(model.layers)} layers, {'-'.join(map(str, has))}; the network is"
        f" {wanted}: {way}"
    )


def _from_json(path: Path) -> Model:
    wanted = (
        '{"layers": [{"weights": [[…]], "bias": […]}]} or {"weights": {"fc1.weight": {"data":'
        " [[…]]}, …}}"
    )
    check_is_file(path, "a JSON file of layers")
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(path, error, "a JSON file of layers") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path} is not a JSON file of layers; expected {wanted}") from None
    try:
        if "layers" in content:
            return _from_layers(path, content)
        return _from_modules(path, content)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        raise DataError(f"{path} is not a JSON file of layers; expected {wanted}") from None


def _only(path: Path, where: str, table: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            raise DataError(
                f"{path}: {where} has the key {str(key)[:40]!r}, which is not understood; expected:"
                f" {', '.join(known)}"
            )


def _from_layers(path: Path, content: Mapping[str, Any]) -> Model:
    _only(path, "the file", content, ("layers", "activation"))
    layers = Layers()
    for number, layer in enumerate(content["layers"]):
        _only(path, f"layer {number}", layer, ("weights", "bias"))
        offset = layer.get("bias")
        layers.append(
            (
                np.array(layer["weights"], dtype=float),
                None if offset is None else np.array(offset, dtype=float),
            )
        )
    activation = content.get("activation", "")
    if activation not in ("", "relu"):
        raise DataError(
            f"{path}: activation is {str(activation)[:40]!r}; expected relu, or none for the"
            " circuit's own neurons"
        )
    if not layers:
        raise DataError(f"{path} has no layers; expected at least one")
    return Model(layers=layers, activation=activation)


_NEURON_KEYS = (
    "threshold",
    "R",
    "C",
    "time_step",
    "beta",
    "reset_mechanism_val",
    "graded_spikes_factor",
    "mem",
    "spk",
)
_KINDS = ("Leaky", "LIF", "Lapique", "Lapicque", "RealisticLapicque")


def _from_modules(path: Path, content: Mapping[str, Any]) -> Model:
    """Return a model saved module by module: fc1, fcs.0, fcs.1, …, fc2, and the neurons lifs.0,
    lifs.1, … after each."""
    _only(path, "the file", content, ("weights", "parameters"))
    modules, parameters = content["weights"], content.get("parameters", {})
    _only(
        path,
        "parameters",
        parameters,
        ("neuron_type", "num_inputs", "hidden_layers", "num_outputs", "hyperparameters"),
    )
    _only(
        path,
        "hyperparameters",
        parameters.get("hyperparameters", {}),
        ("beta", "R", "C", "time_step"),
    )
    kind = parameters.get("neuron_type", _KINDS[0])
    if kind not in _KINDS:
        raise DataError(
            f"{path}: neuron_type is {str(kind)[:40]!r}, neurons with synapses of their own;"
            f" expected one of: {', '.join(_KINDS)}"
        )
    numbers = {name: np.array(entry["data"], dtype=float) for name, entry in modules.items()}
    dense, lifs = dict[str, str](), dict[int, dict[str, float]]()
    for name, values in numbers.items():
        module, _, what = name.rpartition(".")
        if what == "weight" and values.ndim > 2:
            raise DataError(
                f"{path}: {name} is a convolution, {values.shape}; expected dense layers, (outputs,"
                " inputs)"
            )
        if what in ("weight", "bias") and _DENSE.fullmatch(module):
            dense[module] = what
        elif (found := _LIF.fullmatch(module)) and what in _NEURON_KEYS:
            if values.size > 1 and what not in ("mem", "spk") and np.ptp(values):
                raise DataError(
                    f"{path}: {name} has {values.size} different numbers; expected one for all"
                    " neurons of a layer"
                )
            if what in ("mem", "spk") and np.any(values):
                raise DataError(
                    f"{path}: {name} is not 0, so its neurons have begun already; expected neurons"
                    " at rest"
                )
            if values.size and what not in ("mem", "spk"):
                lifs.setdefault(int(found[1]), {})[what] = float(values.flat[0])
        else:
            raise DataError(
                f"{path}: {name[:60]!r} is not understood; expected fc1, fcs.0, …, fc2 with weight"
                f" and bias, and lifs.0, … with {', '.join(_NEURON_KEYS[:5])}"
            )
    layers = Layers()
    for module in sorted(dense, key=_place):
        offset = numbers.get(f"{module}.bias")
        layers.append((numbers[f"{module}.weight"].T, offset))
    _check_sizes(path, parameters, layers)
    return Model(
        layers=layers,
        neurons=_neurons(path, lifs, parameters.get("hyperparameters", {}), len(layers)),
    )


_DENSE, _LIF = re.compile(r"fc1|fc2|fcs\.\d{1,6}"), re.compile(r"lifs\.(\d{1,6})")


def _check_sizes(path: Path, parameters: Mapping[str, Any], layers: Layers) -> None:
    has = (
        layers[0][0].shape[0],
        [weights.shape[1] for weights, _ in layers[:-1]],
        layers[-1][0].shape[1],
    )
    for key, value in zip(("num_inputs", "hidden_layers", "num_outputs"), has, strict=True):
        if key in parameters and parameters[key] != value:
            raise DataError(
                f"{path}: parameters say {key} = {str(parameters[key])[:40]}, its weights {value};"
                " it is damaged, or edited by half"
            )


def _neurons(
    path: Path, lifs: Mapping[int, Mapping[str, float]], common: Mapping[str, Any], layers: int
) -> tuple[Stepped, ...]:
    """Return the neurons of every layer; none where the file does not say all that they need."""
    found = []
    for number in range(layers):
        values = {**{key: float(value) for key, value in common.items()}, **lifs.get(number, {})}
        if values.get("graded_spikes_factor", 1.0) != 1.0:
            raise DataError(
                f"{path}: lifs.{number}.graded_spikes_factor is {values['graded_spikes_factor']:g};"
                " expected 1"
            )
        if values.get("reset_mechanism_val", 0.0) not in (0.0, 1.0):
            raise DataError(
                f"{path}: lifs.{number}.reset_mechanism_val is {values['reset_mechanism_val']:g};"
                " expected 0 (subtract) or 1 (zero)"
            )
        if not ("R" in values and "C" in values and "time_step" in values) and "beta" not in values:
            return ()
        threshold = values.get("threshold", 1.0)
        if "R" in values and "C" in values and "time_step" in values:
            product = values["R"] * values["C"]
            share = values["time_step"] / product if product > 0 else np.inf
            decay, gain = 1.0 - share, values["R"] * share
        else:
            decay, gain = min(max(values["beta"], 0.0), 1.0), 1.0
        if not (
            threshold > 0
            and np.isfinite(threshold)
            and gain > 0
            and np.isfinite(gain)
            and -1 < decay <= 1
        ):
            raise DataError(
                f"{path}: the neurons of layer {number} have threshold {threshold:g}, decay"
                f" {decay:g} and gain {gain:g}; expected a threshold and a gain above 0, and R·C"
                " longer than half of time_step"
            )
        found.append(
            Stepped(
                threshold=threshold,
                gain=gain,
                decay=decay,
                to_zero=values.get("reset_mechanism_val", 0.0) == 1.0,
            )
        )
    if lifs and max(lifs) >= layers:
        raise DataError(
            f"{path} has neurons lifs.{max(lifs)}, but {layers} layers; expected neurons lifs.0 to"
            f" lifs.{layers - 1}"
        )
    return tuple(found)


def _place(name: str) -> tuple[int, int]:
    """Return where a module stands: fc1 first, the list fcs between, fc2 last."""
    first, _, number = name.partition(".")
    return {"fc1": 0, "fcs": 1}.get(first, 2), int(number or 0)
