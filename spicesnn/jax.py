"""Reads of an array as functions of JAX, with their exact gradients (by callback: under jit, vmap,
grad and scan)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.errors import InputError, MissingPackageError

try:
    import jax
except ImportError:
    raise MissingPackageError(
        "spicesnn.jax needs JAX, which is not installed: pip install 'spicesnn[jax]'"
    ) from None


def read(array: Crossbar) -> Callable[[Any, Any], Any]:
    """A function ``(conductance, row_volts) → column_amps`` on the wires of an array, which JAX
    differentiates.

    Parameters
    ----------
    array : Crossbar
        Linear cells; its wires and shape count, its conductances are the function's argument.

    Returns
    -------
    callable
        conductance (rows, cols) in siemens and row_volts (rows,) or (batch, rows) in volts →
        column_amps (cols,) or (batch, cols) in ampere. In double precision where `jax_enable_x64`
        is on.

    Raises
    ------
    InputError
        Cells with a device model.
    """
    if not isinstance(array, Crossbar) or array.conductance is None:
        raise InputError(
            "spicesnn.jax.read takes a Crossbar of plain conductances (conductance=…); the cells'"
            " values are the function's argument"
        )
    wires, engine = array.wires, NodalEngine()

    def solved(conductance: Any, row_volts: Any) -> Any:
        made = Crossbar(conductance=np.asarray(conductance, dtype=float), wires=wires)
        return np.asarray(
            engine.read(made, np.asarray(row_volts, dtype=float)).column_amps,
            dtype=np.asarray(row_volts).dtype,
        )

    def differentiated(conductance: Any, row_volts: Any, slopes: Any) -> Any:
        made = Crossbar(conductance=np.asarray(conductance, dtype=float), wires=wires)
        found = engine.gradient(
            made, np.asarray(row_volts, dtype=float), np.asarray(slopes, dtype=float)
        )
        return (
            found.conductance.astype(np.asarray(conductance).dtype),
            found.row_volts.astype(np.asarray(row_volts).dtype),
        )

    @jax.custom_vjp
    def column_amps(conductance: Any, row_volts: Any) -> Any:
        shape = jax.ShapeDtypeStruct((*row_volts.shape[:-1], array.cols), row_volts.dtype)
        return jax.pure_callback(solved, shape, conductance, row_volts, vmap_method="sequential")

    def forward(conductance: Any, row_volts: Any) -> Any:
        return column_amps(conductance, row_volts), (conductance, row_volts)

    def backward(kept: Any, slopes: Any) -> Any:
        conductance, row_volts = kept
        shapes = (
            jax.ShapeDtypeStruct(conductance.shape, conductance.dtype),
            jax.ShapeDtypeStruct(row_volts.shape, row_volts.dtype),
        )
        return jax.pure_callback(
            differentiated, shapes, conductance, row_volts, slopes, vmap_method="sequential"
        )

    column_amps.defvjp(forward, backward)
    return column_amps
