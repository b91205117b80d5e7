"""The Manhattan rule: batch gradient descent of which only the sign is kept, because a pulse is a
pulse.

Prezioso et al., Nature 521, 61, 2015: every weight moves by one programming pulse in the direction
that lowers the error."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.mapping import Changes
from spicesnn.errors import InputError
from spicesnn.learning.gradients import softmax


class Activation(ABC):
    """What the error is measured on."""

    @abstractmethod
    def values(self, amps: Floats) -> Floats:
        """Return f(I) of differential currents (batch, outputs)."""

    @abstractmethod
    def deltas(self, amps: Floats, answers: Floats) -> Floats:
        """Return δ, the negative gradient of the error by the current up to a factor, (batch,
        outputs); answers are 0 or 1."""

    @abstractmethod
    def right(self, amps: Floats, answers: Floats) -> NDArray[np.bool_]:
        """Return which samples are answered as the training asks, (batch,)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tanh(Activation):
    """f = tanh(βI) trained towards ±`target`: δ = (f^g − f)·β/cosh²(βI).

    A sample is right when every output clears ±`stop`, or, with `stop` None, when its neuron has
    the largest current. With target = stop, as in an earlier replica of the 2015 perceptron,
    outputs dither around the target and almost never all clear it."""

    beta: float
    target: float = 1.0
    stop: float | None = 0.8

    def values(self, amps: Floats) -> Floats:
        """Return tanh(βI)."""
        return np.tanh(self.beta * amps)

    def deltas(self, amps: Floats, answers: Floats) -> Floats:
        """Return (f^g − f)·β/cosh²(βI)."""
        f = self.values(amps)
        return np.asarray((self.target * (2 * answers - 1) - f) * self.beta * (1 - f * f))

    def right(self, amps: Floats, answers: Floats) -> NDArray[np.bool_]:
        """Return whether all outputs have the right sign and are beyond `stop`, or whether the
        right one is largest."""
        if self.stop is None:
            return _winner(amps, answers)
        return np.asarray(np.all(self.values(amps) * (2 * answers - 1) >= self.stop, axis=-1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Softmax(Activation):
    """f = softmax(βI) with the cross-entropy error: δ = answer − f. A sample is right when its
    neuron has the largest current."""

    beta: float

    def values(self, amps: Floats) -> Floats:
        """Return exp(βI)/Σexp(βI)."""
        return softmax(self.beta * (amps - amps.max(axis=-1, keepdims=True)))

    def deltas(self, amps: Floats, answers: Floats) -> Floats:
        """Return answer − softmax."""
        return np.asarray(answers - self.values(amps))

    def right(self, amps: Floats, answers: Floats) -> NDArray[np.bool_]:
        """Return whether the wanted neuron has the largest current, ties not counted."""
        return _winner(amps, answers)


def _winner(amps: Floats, answers: Floats) -> NDArray[np.bool_]:
    """Return whether the wanted neuron has the largest current; ties do not count."""
    wanted = np.where(answers > 0, amps, -np.inf).max(axis=-1)
    others = np.where(answers > 0, -np.inf, amps).max(axis=-1)
    return np.asarray(wanted > others)


def direction(inputs: Floats, deltas: Floats) -> Changes:
    """Return the sign of the batch gradient, D = sign(Σₙ Vₙ·δₙ).

    Parameters
    ----------
    inputs : (batch, rows)
        Word-line voltages, or any number proportional to them.
    deltas : (batch, outputs)

    Returns
    -------
    (rows, outputs) of −1, 0, 1
    """
    if inputs.ndim != 2 or deltas.ndim != 2 or len(inputs) != len(deltas):
        raise InputError(
            f"inputs have shape {inputs.shape} and deltas {deltas.shape}; expected (batch, rows)"
            " and (batch, outputs)"
        )
    total = inputs.T @ deltas
    # What is left of exact cancellation is rounding, and its sign would be chance: it counts as 0,
    # on every engine alike.
    noise = 1e-9 * (np.abs(inputs).T @ np.abs(deltas))
    return np.where(np.abs(total) <= noise, 0, np.sign(total)).astype(np.int8)


class Subset(ABC):
    """Which of the wanted changes are made in an update."""

    @abstractmethod
    def keep(self, changes: Changes, rng: np.random.Generator, share: float = 1.0) -> Changes:
        """Return `changes` with those left out set to 0; `share` scales the fraction that is
        kept."""


@dataclass(frozen=True, slots=True)
class AllDevices(Subset):
    """Every wanted change is made."""

    def keep(self, changes: Changes, rng: np.random.Generator, share: float = 1.0) -> Changes:
        """Return the changes as they are."""
        return changes


@dataclass(frozen=True, kw_only=True, slots=True)
class RandomSubset(Subset):
    """A random `fraction` of the wanted changes is made: with coarse devices, all at once overshoot
    together.

    Of the (column, polarity) groups, each of which costs a pulse, a share `groups` is touched; rows
    are thinned by the rest."""

    fraction: float
    groups: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= self.groups <= 1:
            raise InputError(
                f"random subset: fraction = {self.fraction}, groups = {self.groups}; expected 0 <"
                " fraction ≤ groups ≤ 1"
            )

    def keep(self, changes: Changes, rng: np.random.Generator, share: float = 1.0) -> Changes:
        """Return a random subset of the changes."""
        cells = rng.random(changes.shape) < share * self.fraction / self.groups
        groups = rng.random((2, changes.shape[1])) < self.groups
        return np.where(cells & np.where(changes > 0, groups[0], groups[1]), changes, 0).astype(
            np.int8
        )
