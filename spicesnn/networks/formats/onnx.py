"""ONNX files, as PyTorch, Keras and scikit-learn export trained networks: read without running
anything in them.

Each operation is taken or refused by name; what computes constants (shapes of reshapes, folded
weights) is computed here. The tails that scikit-learn's converter adds after the scores (labels,
dictionaries) are left out, and `Network.remarks` says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spicesnn.errors import DataError, InputError, MissingPackageError, SpicesnnError
from spicesnn.networks.formats.onnx_operations import Reader
from spicesnn.networks.network import Network

_LARGEST_BYTES = 1 << 31
_MOST_OPERATIONS = 100_000


def onnx_module() -> Any:
    """The package onnx, or an error that says how to get it."""
    try:
        import onnx
    except ImportError:
        raise MissingPackageError(
            "ONNX files need the package onnx: pip install 'spicesnn[onnx]'"
        ) from None
    return onnx


def read_onnx(path: str | Path) -> Network:
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
        return Reader(onnx, model).network()
    except SpicesnnError as error:
        raise type(error)(f"{path}: {error}") from None
    except (
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        AttributeError,
        OverflowError,
        MemoryError,
    ) as error:
        reason = (str(error).splitlines() or [""])[0][:120]
        raise InputError(
            f"{path} is not a network as its operations describe it ({type(error).__name__}:"
            f" {reason})"
        ) from None
