"""The two-layer network of approximate back-propagation: parameters, state, training, answers.

After the approximate BP of Memristor-Spikelearn (DATE 2023): integrate-and-fire neurons that reset
to 0, an error counted in spikes within a window, weights as the difference of a device and a
balance line."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.encoding.events import seed_words
from spicesnn.errors import InputError
from spicesnn.learning.metrics import NOBODY
from spicesnn.nonidealities.compiled import BalancedCells, stuck_in
from spicesnn.training.spiking_bp.stream import DEVICE, IDEAL, LEVELS, NOISY, stream
from spicesnn.training.spiking_bp.wires import Mesh

_NOISE = 1 << 16


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Cells:
    """How the devices answer to an update.

    Attributes
    ----------
    cycle_to_cycle : float
        Relative standard deviation of what an update does, 0 for none.
    levels : int
        Number of states over the window of weights, 0 for a continuum; updates are rounded
        stochastically.
    table : (2, magnitudes, shares) float32 or None
        What a solved device does (`spicesnn.training.spiking_bp.device`), in shares of its window;
        None for updates as they are asked for.
    nonideal : BalancedCells or None
        Which cells are stuck, and how much they differ; None where all are as they should be.
    mesh : Mesh or None
        What the wires make of the weights, None where lines have no resistance; only while
        learning.
    """

    cycle_to_cycle: float = 0.0
    levels: int = 0
    table: NDArray[np.float32] | None = None
    nonideal: BalancedCells | None = None
    mesh: Mesh | None = None

    def __post_init__(self) -> None:
        if self.cycle_to_cycle < 0 or self.levels < 0 or self.levels == 1:
            raise InputError(
                f"cells: cycle_to_cycle = {self.cycle_to_cycle}, levels = {self.levels}; expected 0"
                " or more, and not 1 level"
            )
        if self.table is not None and self.levels:
            raise InputError("cells: give levels or the table of a device, one of the two")
        if self.cycle_to_cycle and self.levels:
            raise InputError(
                "cells: give cycle_to_cycle or levels, one of the two: steps between levels have no"
                " size that could scatter"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class SpikingBP:
    """Inputs, one hidden layer, outputs.

    Attributes
    ----------
    inputs, hidden, outputs : int
    window, answer_window : int
        Time steps an image is shown for learning, and for an answer.
    thresholds, rates, limits, spread : (hidden layer, output layer)
        Firing thresholds; update per input spike at full error; window ± of the weights; standard
        deviation of fresh weights.
    """

    inputs: int = 784
    hidden: int = 400
    outputs: int = 10
    window: int = 7
    answer_window: int = 28
    thresholds: tuple[float, float] = (1.0, 1.0)
    rates: tuple[float, float] = (1e-2, 1e-3)
    limits: tuple[float, float] = (1.0, 1.0)
    spread: tuple[float, float] = (0.05, 0.05)

    def __post_init__(self) -> None:
        for name in ("inputs", "hidden", "outputs", "window", "answer_window"):
            if getattr(self, name) < 1:
                raise InputError(f"spiking BP: {name} = {getattr(self, name)}; expected 1 or more")
        for name in ("thresholds", "rates", "limits", "spread"):
            if len(getattr(self, name)) != 2 or not all(v > 0 for v in getattr(self, name)):
                raise InputError(
                    f"spiking BP: {name} = {getattr(self, name)}; expected two numbers above 0"
                )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Weights:
    """Signed weights, (inputs, hidden) and (hidden, outputs), float32."""

    first: NDArray[np.float32]
    second: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Streamed:
    """What a stream of images did: weights after it, output spikes (images, outputs), the step of
    the last spike, and counts."""

    weights: Weights
    counts: NDArray[np.float32]
    latest: NDArray[np.int32]
    updates: int
    input_events: int
    rows_written: tuple[int, int]


def fresh_weights(
    network: SpikingBP, rng: np.random.Generator, cells: Cells | None = None
) -> Weights:
    """Return normally distributed weights, on the cells' levels where they have some."""
    shapes = ((network.inputs, network.hidden), (network.hidden, network.outputs))
    made = []
    for shape, spread, limit in zip(shapes, network.spread, network.limits, strict=True):
        weight = np.clip(rng.normal(size=shape) * spread, -limit, limit)
        if cells is not None and cells.levels:
            step = 2 * limit / (cells.levels - 1)
            weight = np.clip(
                -limit + step * np.floor((weight + limit) / step + rng.random(shape)), -limit, limit
            )
        made.append(weight.astype(np.float32))
    if cells is not None and cells.nonideal is not None:
        made = [
            stuck_in(made[0], cells.nonideal.first.start),
            stuck_in(made[1], cells.nonideal.second.start),
        ]
    return Weights(first=made[0], second=made[1])


def _streamed(
    network: SpikingBP,
    weights: Weights,
    images: ArrayLike,
    labels: ArrayLike,
    rng: np.random.Generator,
    cells: Cells,
    *,
    share: float,
    learn: bool,
) -> Streamed:
    pixels, target = np.asarray(images), np.asarray(labels, dtype=np.int64)
    if pixels.dtype != np.uint8 or pixels.ndim < 2 or pixels[0].size != network.inputs:
        raise InputError(
            f"images have shape {pixels.shape} and type {pixels.dtype}; expected (images,"
            f" {network.inputs}) grey levels of type uint8"
        )
    if target.shape != (len(pixels),) or np.any(target < 0) or np.any(target >= network.outputs):
        raise InputError(
            f"labels have shape {target.shape}; expected one a image, from 0 to"
            f" {network.outputs - 1}"
        )
    kind, noise, level = IDEAL, np.zeros(2, np.float32), (1.0, 1.0)
    if learn and cells.levels:
        kind, noise = LEVELS, rng.random(_NOISE).astype(np.float32)
        level = (
            2 * network.limits[0] / (cells.levels - 1),
            2 * network.limits[1] / (cells.levels - 1),
        )
    elif learn and (cells.cycle_to_cycle or cells.table is not None):
        kind, noise = (
            NOISY if cells.table is None else DEVICE,
            (1.0 + cells.cycle_to_cycle * rng.normal(size=_NOISE)).astype(np.float32),
        )
    table = np.zeros((2, 2, 2), np.float32) if cells.table is None else cells.table
    first, second = weights.first.copy(), weights.second.copy()
    counts, latest, totals = (
        np.zeros((len(pixels), network.outputs), np.float32),
        np.zeros((len(pixels), network.outputs), np.int32),
        np.zeros(4),
    )
    single = [
        np.array(pair, np.float32)
        for pair in (
            network.thresholds,
            tuple(share * r for r in network.rates),
            network.limits,
            level,
        )
    ]
    stream(
        seed_words(rng),
        np.ascontiguousarray(pixels.reshape(len(pixels), -1)),
        target,
        np.arange(len(pixels)),
        first,
        second,
        network.window if learn else network.answer_window,
        single[0],
        single[1],
        single[2],
        kind,
        noise,
        single[3],
        table,
        learn,
        counts,
        latest,
        totals,
        cells.nonideal,
        *(cells.mesh.reads(first, second) if cells.mesh is not None else (first, second)),
        cells.mesh,
    )
    after = replace(weights, first=first, second=second) if learn else weights
    updates, events, *written = (int(t) for t in totals)
    return Streamed(
        weights=after,
        counts=counts,
        latest=latest,
        updates=updates,
        input_events=events,
        rows_written=(written[0], written[1]),
    )


def train_stream(
    network: SpikingBP,
    weights: Weights,
    images: ArrayLike,
    labels: ArrayLike,
    rng: np.random.Generator,
    *,
    cells: Cells | None = None,
    share: float = 1.0,
) -> Streamed:
    """Learn from each image once, in the order given; `share` scales both rates (a schedule)."""
    return _streamed(
        network, weights, images, labels, rng, cells or Cells(), share=share, learn=True
    )


def answers(
    network: SpikingBP,
    weights: Weights,
    images: ArrayLike,
    rng: np.random.Generator,
    *,
    nonideal: BalancedCells | None = None,
) -> NDArray[np.int64]:
    """Return the class of each image: most output spikes within the answer window, and among equals
    who got there first.

    Silence, and equals in the same step, are `NOBODY`.
    """
    shown = _streamed(
        network,
        weights,
        images,
        np.zeros(len(np.asarray(images)), np.int64),
        rng,
        Cells(nonideal=nonideal),
        share=0.0,
        learn=False,
    )
    score = shown.counts.astype(np.int64) * (network.answer_window + 1) + (
        network.answer_window - shown.latest
    )
    best = score.max(axis=1, keepdims=True)
    unclear = ((score == best).sum(axis=1) > 1) | (shown.counts.max(axis=1) == 0)
    return np.where(unclear, NOBODY, score.argmax(axis=1)).astype(np.int64)


def epoch_share(epoch: int, epochs: int) -> float:
    """Return the share of the rates in an epoch of the stepped schedule, ``(1 -
    epoch/epochs)^1.5``."""
    return float((1.0 - epoch / epochs) ** 1.5)
