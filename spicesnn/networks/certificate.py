"""Arrays of a chip solved again by another engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spicesnn.engines.base import Engine
from spicesnn.errors import InputError
from spicesnn.networks.mapped_network import MappedNetwork


@dataclass(frozen=True, kw_only=True, slots=True)
class CertifiedTile:
    """One array that was solved again: its layer, its place there, its shape, and the largest
    difference over its largest current."""

    layer: str
    block: int
    shape: tuple[int, int]
    relative_error: float
    residual_amps: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """What another engine says of a chip's arrays.

    Attributes
    ----------
    engine : str
    ok : bool
        Whether every array agrees within the tolerance.
    max_relative_error : float
    tolerance : float
    samples : int
        Inputs an array.
    tiles : tuple of CertifiedTile
    """

    engine: str
    ok: bool
    max_relative_error: float
    tolerance: float
    samples: int
    tiles: tuple[CertifiedTile, ...]


def certified(
    chip: MappedNetwork, engine: Engine, *, samples: int, tiles: int, tolerance: float, seed: int
) -> Certificate:
    """See `Chip.certify`."""
    if not isinstance(engine, Engine):
        raise InputError(
            f"engine is {engine!r:.80}; expected an engine such as spicesnn.NgspiceEngine()"
        )
    for name, value in (("samples", samples), ("tiles", tiles)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise InputError(f"{name} is {value!r}; expected a whole number, 1 or more")
    rng = np.random.default_rng(seed)
    every = [(name, k) for name, layer in chip.layers.items() for k in range(len(layer.blocks))]
    chosen = sorted(
        rng.choice(len(every), size=min(int(tiles), len(every)), replace=False).tolist()
    )
    found = []
    for number in chosen:
        name, k = every[number]
        layer = chip.layers[name]
        block = layer.blocks[k]
        kept = chip.readouts[name].samples
        if kept:
            rows = kept[block.group]
            u = layer.normalised(rows[rng.integers(0, len(rows), int(samples))])[:, block.rows]
        else:
            u = rng.uniform(-1.0 if layer.signed else 0.0, 1.0, (int(samples), block.array.rows))
        mine = layer.column_amps(block, u, chip.engine)
        gates = chip.hardware.gates(block.array)
        read = engine.read(block.array, layer.volts(u), gate_volts=gates)
        largest = float(np.abs(read.column_amps).max())
        error = float(np.abs(read.column_amps - mine).max()) / largest if largest else 0.0
        found.append(
            CertifiedTile(
                layer=name,
                block=k,
                shape=block.array.shape,
                relative_error=error,
                residual_amps=float(np.max(read.residual_amps)),
            )
        )
    worst = max(tile.relative_error for tile in found)
    return Certificate(
        engine=engine.name,
        ok=worst <= tolerance,
        max_relative_error=worst,
        tolerance=tolerance,
        samples=int(samples),
        tiles=tuple(found),
    )
