# mypy: disable-error-code="no-any-return,return-value,assignment,arg-type,type-var"
"""The simpler network: leaky neurons that add up currents, an adaptive threshold, winner-take-all,
STDP on last-spike times.

Inputs spike by one Bernoulli draw a pixel and step. Per step U ← (U + Σ w)·decay of every neuron
that is neither refractory nor silenced; the one furthest above its threshold fires (of equals one
at random), takes `inhibition` from all others and silences them. A spike multiplies the firing
threshold by no more than `highest`: θ ← min(θ + step, highest), θ ← 1 + (θ − 1)·decay between
spikes. Learning is the rule of `LastSpikeSynapse`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.encoding.events import draw, seed_words
from spicesnn.errors import InputError
from spicesnn.jit import compiled
from spicesnn.neurons.equations import integrate, relax
from spicesnn.training.unsupervised.network import LastSpikeSynapse

F = NDArray[np.float32]
_integrate, _relax = (
    compiled(inline=True, keep=False)(integrate),
    compiled(inline=True, keep=False)(relax),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SimpleNetwork:
    """One layer of neurons over a square image.

    Attributes
    ----------
    side, neurons, steps : int
        Pixels along an edge of the image as the inputs see it, neurons, time steps of a
        presentation.
    flat : int
        Inputs of samples that are no square images; 0 for images.
    input_share : float
        Probability of a spike in a step at grey level 255.
    threshold, decay : float
        Of the neurons, in units of one weight; what is left of a potential after a step (1: no
        leak).
    inhibition : float
        What a spike takes from every other neuron.
    refractory, silence : int
        Steps for which a neuron rests after its spike, and after another's.
    theta_step, theta_highest, theta_decay : float
        What a spike adds to the factor on the threshold, its bound, and what is left of it (above
        1) after a step.
    synapse : LastSpikeSynapse
    """

    side: int = 14
    flat: int = 0
    neurons: int = 50
    steps: int = 350
    input_share: float = 0.3
    threshold: float = 45.0
    decay: float = 0.95
    inhibition: float = 10.0
    refractory: int = 5
    silence: int = 6
    theta_step: float = 0.02
    theta_highest: float = 1.2
    theta_decay: float = 0.9999
    synapse: LastSpikeSynapse = field(default_factory=LastSpikeSynapse)

    def __post_init__(self) -> None:
        for name in ("side", "neurons", "steps"):
            if getattr(self, name) < 1:
                raise InputError(
                    f"simple network: {name} = {getattr(self, name)}; expected 1 or more"
                )
        if not (
            0 < self.input_share <= 1
            and 0 < self.decay <= 1
            and 0 < self.theta_decay <= 1
            and self.threshold > 0
            and self.theta_highest >= 1
        ):
            raise InputError(
                f"simple network: input_share = {self.input_share}, decay = {self.decay},"
                f" theta_decay = {self.theta_decay}, threshold = {self.threshold}, theta_highest ="
                f" {self.theta_highest}; expected fractions above 0 up to 1, above 0, and 1 or more"
            )

    @property
    def inputs(self) -> int:
        """Pixels."""
        return self.flat or self.side * self.side

    def shrunk(self, images: ArrayLike) -> NDArray[np.uint8]:
        """Return images (n, …) as (n, inputs) grey levels: each pixel the mean of a block."""
        array = np.asarray(images)
        if self.flat and array.dtype == np.uint8 and array[0].size == self.flat:
            return np.ascontiguousarray(array.reshape(len(array), -1))
        edge = round(array[0].size ** 0.5)
        if array.dtype != np.uint8 or edge * edge != array[0].size or edge % self.side:
            raise InputError(
                f"images have shape {array.shape} and type {array.dtype}; expected square grey"
                f" levels of type uint8, an edge that is a multiple of {self.side}"
            )
        block = edge // self.side
        blocks = (
            array.reshape(len(array), self.side, block, self.side, block)
            .astype(np.float32)
            .mean(axis=(2, 4))
        )
        return np.ascontiguousarray(
            np.rint(blocks).astype(np.uint8).reshape(len(array), self.inputs)
        )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class SimpleState:
    """Weights (inputs, neurons) in [0, 1], and each neuron's factor on the threshold (neurons,)."""

    weight: F
    theta: F

    @classmethod
    def fresh(cls, network: SimpleNetwork, rng: np.random.Generator) -> SimpleState:
        """Return uniformly random weights and factors of 1."""
        return cls(
            weight=rng.random((network.inputs, network.neurons)).astype(np.float32),
            theta=np.ones(network.neurons, np.float32),
        )


@compiled(fastmath=True)
def _winner(
    u: F,
    theta: F,
    threshold: np.float32,
    free_at: NDArray[np.int64],
    step: int,
    words: NDArray[np.uint64],
) -> int:
    """Return the free neuron that is furthest above its threshold, of equals one at random; −1 if
    none is above."""
    winner, best, equals = -1, np.float32(0.0), 0
    for j in range(u.size):
        margin = u[j] - threshold * theta[j]
        if free_at[j] > step or margin <= np.float32(0.0):
            continue
        if margin > best:
            winner, best, equals = j, margin, 1
        elif margin == best:
            equals += 1
            if draw(words) % np.uint64(equals) == 0:
                winner = j
    return winner


@compiled(fastmath=True)
def _learn(weight: F, winner: int, step: int, last_in: NDArray[np.int64], change: F) -> int:
    """Change the synapses of a neuron that just fired, by the lag of each input's last spike;
    return how many were written."""
    longest, one, zero = change.size - 1, np.float32(1.0), np.float32(0.0)
    for i in range(weight.shape[0]):
        weight[i, winner] = min(
            max(weight[i, winner] + change[min(step - last_in[i], longest)], zero), one
        )
    return weight.shape[0]


@compiled(fastmath=True)
def _present(
    words: NDArray[np.uint64],
    image: NDArray[np.uint8],
    steps: int,
    weight: F,
    theta: F,
    physics: F,
    waits: NDArray[np.int64],
    change: F,
    learn: bool,
    counts: NDArray[np.int32],
    totals: NDArray[np.float64],
) -> None:
    """Show one image; `physics` is (input share, threshold, decay, inhibition, θ step, highest θ, θ
    decay), `waits` (refractory, silence)."""
    inputs, neurons = weight.shape
    one, u = np.float32(1.0), np.zeros(neurons, np.float32)
    free_at, last_in = np.zeros(neurons, np.int64), np.full(inputs, -change.size, np.int64)
    chance = np.empty(inputs, np.uint64)
    for i in range(inputs):
        chance[i] = np.uint64(np.float64(physics[0]) * image[i] / 255.0 * 4294967296.0)
    for step in range(steps):
        for i in range(inputs):
            if image[i] > 0 and (draw(words) >> np.uint64(32)) < chance[i]:
                last_in[i] = step
                totals[0] += 1
                for j in range(neurons):
                    if free_at[j] <= step:
                        u[j] = _integrate(u[j], weight[i, j], one)
        for j in range(neurons):
            u[j] = _relax(u[j], np.float32(0.0), physics[2])
            if learn:
                theta[j] = _relax(theta[j], one, physics[6])
        winner = _winner(u, theta, physics[1], free_at, step, words)
        if winner < 0:
            continue
        counts[winner] += 1
        for j in range(neurons):
            u[j] = max(u[j] - physics[3], np.float32(0.0))
            free_at[j] = max(free_at[j], step + 1 + waits[1])
        u[winner], free_at[winner] = np.float32(0.0), step + 1 + waits[0]
        if learn:
            theta[winner] = min(theta[winner] + physics[4], physics[5])
            totals[1] += _learn(weight, winner, step, last_in, change)


@compiled
def _present_all(
    words: NDArray[np.uint64],
    images: NDArray[np.uint8],
    steps: int,
    weight: F,
    theta: F,
    physics: F,
    waits: NDArray[np.int64],
    change: F,
    learn: bool,
    responses: NDArray[np.int32],
    totals: NDArray[np.float64],
) -> None:
    for q in range(images.shape[0]):
        _present(
            words,
            images[q],
            steps,
            weight,
            theta,
            physics,
            waits,
            change,
            learn,
            responses[q],
            totals,
        )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class SimpleShown:
    """State after images, output spikes (images, neurons), input events, cells written."""

    state: SimpleState
    responses: NDArray[np.int16]
    input_events: int
    writes: int


def show_simple(
    network: SimpleNetwork,
    state: SimpleState,
    images: NDArray[np.uint8],
    rng: np.random.Generator,
    *,
    learn: bool,
) -> SimpleShown:
    """Show images (n, inputs), as `SimpleNetwork.shrunk` makes them, one after another; without
    `learn` weights and thresholds stand still."""
    if images.dtype != np.uint8 or images.ndim != 2 or images.shape[1] != network.inputs:
        raise InputError(
            f"images have shape {images.shape} and type {images.dtype}; expected (images,"
            f" {network.inputs}) grey levels of type uint8"
        )
    physics = np.array(
        [
            network.input_share,
            network.threshold,
            network.decay,
            network.inhibition,
            network.theta_step,
            network.theta_highest,
            network.theta_decay,
        ],
        np.float32,
    )
    weight, theta = state.weight.copy(), state.theta.copy()
    responses, totals = np.zeros((len(images), network.neurons), np.int32), np.zeros(2)
    _present_all(
        seed_words(rng),
        np.ascontiguousarray(images),
        network.steps,
        weight,
        theta,
        physics,
        np.array([network.refractory, network.silence]),
        network.synapse.table()[:, 0].copy(),
        learn,
        responses,
        totals,
    )
    after = replace(state, weight=weight, theta=theta) if learn else state
    return SimpleShown(
        state=after,
        responses=responses.astype(np.int16),
        input_events=int(totals[0]),
        writes=int(totals[1]),
    )
