r"""Populations that compete: the neuron furthest above its threshold spikes, and its spike holds
the others back.

Lateral inhibition is part of the step, all to all and without delay, so that two neurons never
spike in one step: with many neurons that do, thresholds climb together and nothing is learnt (the
runaway of large winner-take-all layers)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spicesnn.jit import compiled
from spicesnn.networks.nodes import Shape, Values
from spicesnn.networks.populations import Population, State
from spicesnn.neurons.conductance_lif import ConductanceStep, membrane_step
from spicesnn.neurons.equations import integrate, relax

_FOREVER_S = 1e30


def winners(over: Values) -> Values:
    """Which neuron of each sample spikes, (n, *shape) of 0 and 1: the one furthest over its
    threshold, the first of equals."""
    flat = over.reshape(len(over), -1)
    best = flat.argmax(axis=1)
    z = np.zeros(flat.shape)
    row = np.flatnonzero(flat[np.arange(len(flat)), best] > 0)
    z[row, best[row]] = 1.0
    return z.reshape(over.shape)


integrated, _relax = (
    compiled(inline=True, keep=False)(integrate),
    compiled(inline=True, keep=False)(relax),
)


class LIFStep(NamedTuple):
    """Numbers of `CompetingLIF` for a time step, in the precision that its loop computes in."""

    zero: float
    one: float
    gain: float
    threshold: float
    decay: float
    inhibition: float
    refractory: int
    silence: int
    theta_step: float
    theta_highest: float
    theta_decay: float


@compiled(fastmath=True, part=True)
def leak(v: Values, factor: Values, free_at: NDArray[np.int32], step: int, by: LIFStep) -> int:
    """Let membranes and factors of `CompetingLIF` relax; return how many neurons that are free
    (`free_at` ≤ step) are above their thresholds."""
    above = 0
    for j in range(v.size):
        v[j] = _relax(v[j], by.zero, by.decay)
        factor[j] = _relax(factor[j], by.one, by.theta_decay)
        if v[j] > by.threshold * factor[j] and free_at[j] <= step:
            above += 1
    return above


@compiled(fastmath=True, part=True)
def furthest(v: Values, factor: Values, free_at: NDArray[np.int32], step: int, by: LIFStep) -> int:
    """The free neuron that is furthest above its threshold, the first of equals; −1 if none is."""
    winner, best = -1, by.zero
    for j in range(v.size):
        over = v[j] - by.threshold * factor[j]
        if free_at[j] <= step and over > best:
            winner, best = j, over
    return winner


@compiled(fastmath=True, part=True)
def struck(
    v: Values, factor: Values, free_at: NDArray[np.int32], step: int, winner: int, by: LIFStep
) -> None:
    """A neuron spikes: its membrane and threshold, and what its spike does to all others."""
    until = step + 1 + by.silence
    for j in range(v.size):
        v[j] = max(v[j] - by.inhibition, by.zero)
        free_at[j] = max(free_at[j], until)
    v[winner], free_at[winner] = by.zero, step + 1 + by.refractory
    factor[winner] = min(factor[winner] + by.theta_step, max(by.theta_highest, factor[winner]))


@compiled
def _until_spike(
    x: Values, v: Values, factor: Values, free_at: NDArray[np.int32], by: LIFStep
) -> tuple[int, int]:
    """Take steps of `CompetingLIF` until one neuron spikes: how many were taken, and which it is
    (−1: none); states are written."""
    for step in range(x.shape[0]):
        for j in range(v.size):
            if free_at[j] <= step:
                v[j] = integrated(v[j], x[step, j], by.gain)
        if leak(v, factor, free_at, step, by) > 0:
            winner = furthest(v, factor, free_at, step, by)
            if winner >= 0:
                struck(v, factor, free_at, step, winner, by)
                return step + 1, winner
    return x.shape[0], -1


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CompetingLIF(Population):
    r"""Leaky neurons of which one spikes at a time; its spike lowers the others' membranes and
    silences them for a while.

    A step: :math:`v \leftarrow (v + r x)\,e^{-\Delta t/\tau}`; the neuron with the largest :math:`v
    - \vartheta f` above 0 spikes, goes to 0 and rests for `refractory`; all others lose
    `inhibition` (not below 0) and rest for `silence`. The factor f on a neuron's threshold grows by
    `theta_step` a spike, up to `theta_highest`, and returns to 1 with `tau_theta`."""

    kind: ClassVar[str] = "competing LIF"
    spiking: ClassVar[bool] = True
    lasting: ClassVar[tuple[int, ...]] = (1,)
    tau: Values | float = 0.02
    r: Values | float = 1.0
    v_threshold: Values | float = 1.0
    inhibition: Values | float = 0.25
    refractory: Values | float = 5e-3
    silence: Values | float = 6e-3
    theta_step: Values | float = 0.02
    theta_highest: Values | float = 1.2
    tau_theta: Values | float = 10.0

    def initial(self, n: int, shape: Shape) -> State:
        """Membranes at 0, factors at 1, nobody resting."""
        return np.zeros((n, *shape)), np.ones((n, *shape)), np.zeros((n, *shape))

    def step(self, x: Values, state: State, dt_s: float) -> tuple[Values, State]:
        """Integrate, leak, find the winner, hold the others back."""
        v, factor, wait = state
        free = wait <= 0
        driven = integrate(v, x, self.r)  # type: ignore[arg-type]
        kept = np.exp(-dt_s / self.tau)
        v = relax(np.where(free, driven, v), np.zeros(()), kept)  # type: ignore[arg-type]
        factor = relax(factor, np.ones(()), np.exp(-dt_s / self.tau_theta))  # type: ignore[arg-type]
        z = winners(np.where(free, v - self.v_threshold * factor, -1.0))
        wait = np.maximum(wait - 1.0, 0.0)
        if not z.any():
            return z, (v, factor, wait)
        struck = z.reshape(len(z), -1).any(axis=1).reshape(-1, *(1,) * (z.ndim - 1))
        v = np.where(z > 0, 0.0, np.where(struck, np.maximum(v - self.inhibition, 0.0), v))
        others, own = np.rint(self.silence / dt_s), np.rint(self.refractory / dt_s)
        wait = np.where(z > 0, own, np.where(struck, np.maximum(wait, others), wait))
        return z, (
            v,
            np.minimum(factor + self.theta_step * z, np.maximum(self.theta_highest, factor)),
            wait,
        )

    @property
    def alike(self) -> bool:
        """Whether all neurons have the same parameters, which compiled loops ask for."""
        return not any(np.ndim(getattr(self, entry.name)) for entry in fields(self))

    def numbers(self, dt_s: float, kind: type = np.float64) -> LIFStep:
        """The parameters of neurons that are alike, for a time step of `dt_s` seconds, as floats
        of a kind."""
        return LIFStep(
            zero=kind(0.0),
            one=kind(1.0),
            gain=kind(self.r),
            threshold=kind(self.v_threshold),
            decay=kind(np.exp(-dt_s / self.tau)),
            inhibition=kind(self.inhibition),
            refractory=int(np.rint(self.refractory / dt_s)),
            silence=int(np.rint(self.silence / dt_s)),
            theta_step=kind(self.theta_step),
            theta_highest=kind(self.theta_highest),
            theta_decay=kind(np.exp(-dt_s / self.tau_theta)),
        )

    def advance(self, x: Values, state: State, dt_s: float) -> tuple[int, Values, State]:
        """The same steps, compiled, where all neurons have the same parameters."""
        if not self.alike:
            return Population.advance(self, x, state, dt_s)
        v, factor, wait = (np.array(part.reshape(-1)) for part in state)
        free_at = wait.astype(np.int32)
        taken, winner = _until_spike(
            np.ascontiguousarray(x.reshape(len(x), -1)), v, factor, free_at, self.numbers(dt_s)
        )
        z = np.zeros(v.size)
        if winner >= 0:
            z[winner] = 1.0
        wait = np.maximum(free_at - taken, 0).astype(float)
        shape = state[0].shape
        return (
            taken,
            z.reshape(shape[1:]),
            (v.reshape(shape), factor.reshape(shape), wait.reshape(shape)),
        )

    def still(self) -> Population:
        """Thresholds as they are."""
        return replace(self, theta_step=0.0, tau_theta=_FOREVER_S)

    def rested(self, lasting: State, seconds: float) -> State:
        """Factors return towards 1."""
        return (np.asarray(1.0 + (lasting[0] - 1.0) * np.exp(-seconds / self.tau_theta)),)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CompetingConductanceLIF(Population):
    r"""Conductance-based neurons with lateral inhibition, after Diehl and Cook (Frontiers Comput.
    Neurosci. 9:99, 2015).

    .. math:: \tau \dot v = (v_{rest} - v) + g_e (E_e - v) + g_i (E_i - v)

    Inputs add to g_e; a spike adds `inhibition` to g_i of all other neurons; both decay. Of the
    neurons above :math:`\vartheta + \theta` the one furthest above spikes, which it can do again
    after `refractory`; θ of it grows by `theta_step`, and sinks with `tau_theta` while the network
    rests between two samples. Volts; conductances in units of the leak."""

    kind: ClassVar[str] = "competing conductance LIF"
    spiking: ClassVar[bool] = True
    lasting: ClassVar[tuple[int, ...]] = (3,)
    tau: Values | float = 0.1
    r: Values | float = 1.0
    v_leak: Values | float = -65e-3
    v_reset: Values | float = -65e-3
    v_threshold: Values | float = -72e-3
    excitatory_reversal: Values | float = 0.0
    inhibitory_reversal: Values | float = -100e-3
    tau_excitatory: Values | float = 1e-3
    tau_inhibitory: Values | float = 2e-3
    inhibition: Values | float = 17.0
    refractory: Values | float = 5e-3
    theta_start: Values | float = 20e-3
    theta_step: Values | float = 0.05e-3
    tau_theta: Values | float = 1e4

    def initial(self, n: int, shape: Shape) -> State:
        """Membranes at rest, no conductance, θ at its start, nobody resting."""
        zero = np.zeros((n, *shape))
        return (
            self._full(self.v_leak, n, shape),
            zero,
            zero,
            self._full(self.theta_start, n, shape),
            zero,
        )

    def step(self, x: Values, state: State, dt_s: float) -> tuple[Values, State]:
        """Conductances, membrane, winner, reset, inhibition, θ."""
        v, g_e, g_i, theta, wait = state
        g_e = g_e + self.r * x
        v = membrane_step(
            v,
            g_e,
            g_i,
            dt_s / self.tau,  # type: ignore[arg-type]
            self.v_leak,  # type: ignore[arg-type]
            self.excitatory_reversal,  # type: ignore[arg-type]
            self.inhibitory_reversal,  # type: ignore[arg-type]
        )
        g_e, g_i = (
            g_e * np.exp(-dt_s / self.tau_excitatory),
            g_i * np.exp(-dt_s / self.tau_inhibitory),
        )
        free = wait <= 0
        v = np.where(free, v, self.v_reset)
        z = winners(np.where(free, v - (self.v_threshold + theta), -1.0))
        wait = np.maximum(wait - 1.0, 0.0)
        if z.any():
            struck = z.reshape(len(z), -1).any(axis=1).reshape(-1, *(1,) * (z.ndim - 1))
            v = np.where(z > 0, self.v_reset, v)
            g_i = g_i + self.inhibition * (struck - z)
            again = max(float(np.rint(self.refractory / dt_s)) - 1.0, 0.0)
            wait = np.where(z > 0, again, wait)
            theta = theta + self.theta_step * z
        return z, (v, g_e, g_i, theta, wait)

    @property
    def alike(self) -> bool:
        """Whether all neurons have the same parameters, which compiled loops ask for."""
        return not any(np.ndim(getattr(self, entry.name)) for entry in fields(self))

    def numbers(self, dt_s: float, rest_s: float) -> ConductanceStep:
        """The parameters of neurons that are alike, for a time step and a rest of so many
        seconds."""
        single = np.float32
        return ConductanceStep(
            share=single(dt_s / self.tau),
            rest=single(1e3 * self.v_leak),
            excitatory=single(1e3 * self.excitatory_reversal),
            inhibitory=single(1e3 * self.inhibitory_reversal),
            decay_excitatory=single(np.exp(-dt_s / self.tau_excitatory)),
            decay_inhibitory=single(np.exp(-dt_s / self.tau_inhibitory)),
            reset=single(1e3 * self.v_reset),
            inhibition=single(self.inhibition),
            threshold=single(1e3 * self.v_threshold),
            theta_step=single(1e3 * self.theta_step),
            refractory=int(np.rint(self.refractory / dt_s)),
            theta_decay=float(np.exp(-rest_s / self.tau_theta)),
        )

    def still(self) -> Population:
        """Thresholds as they are."""
        return replace(self, theta_step=0.0, tau_theta=_FOREVER_S)

    def rested(self, lasting: State, seconds: float) -> State:
        """θ sinks."""
        return (np.asarray(lasting[0] * np.exp(-seconds / self.tau_theta)),)
