r"""Populations of neurons with a memory, one time step at a time, in the units of the file that
describes them.

All are integrated by the explicit Euler step that the frameworks of spiking networks use (and files
of weights are trained with): for the leaky neuron

.. math:: v' = v + \frac{\Delta t}{\tau}\,(v_{leak} - v + R\,x), \qquad z = [v' > \vartheta],
   \qquad v \leftarrow v_{reset} \text{ or } v' - \vartheta \text{ where } z = 1

A neuron without leak takes its input as charge per step, ``v' = v + R x``: so do Norse, sinabs and
snnTorch, whatever their time step. Membranes begin at `v_leak` (0 without leak), currents at 0."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import numpy as np

from spicesnn.errors import InputError
from spicesnn.guesses import HintingABC, hinted
from spicesnn.networks.nodes import Shape, Values, fits, real

RESETS = ("value", "subtract")
"""What a spike does to the membrane: set it to v_reset, or take the threshold off it."""

_WORDS = {
    **dict.fromkeys(("threshold", "v_th", "vth", "thresh"), "v_threshold=…"),
    **dict.fromkeys(
        ("beta", "decay"), "tau=dt_s / (1 - beta) and r=1 / (1 - beta), dt_s the network's step"
    ),
    **dict.fromkeys(("alpha", "tau_s"), "tau_syn=… of CubaLIF, seconds"),
    **dict.fromkeys(("tau_m", "tau_mem", "tau_mem_inv"), "tau=… in seconds (tau_mem=… of CubaLIF)"),
    **dict.fromkeys(("v_rest", "E_L", "v_init"), "v_leak=…"),
    **dict.fromkeys(("reset_mechanism", "reset_method"), 'reset="value" or "subtract"'),
    **dict.fromkeys(("R", "resistance", "gain"), "r=…"),
    **dict.fromkeys(("dt", "dt_s"), "dt_s=… of the network"),
    **dict.fromkeys(("n", "size", "shape"), "shape=… of spicesnn.Neurons"),
}

State = tuple[Values, ...]
_FOREVER_S = 1e30


class Population(metaclass=HintingABC):
    """Neurons of one kind; parameters are numbers or arrays that broadcast against one sample."""

    kind: ClassVar[str]
    spiking: ClassVar[bool]
    lasting: ClassVar[tuple[int, ...]] = ()
    """Parts of the state that outlast a sample, such as adapted thresholds."""

    def __post_init__(self) -> None:
        for entry in fields(self):  # type: ignore[arg-type]
            if entry.name == "reset":
                if self.reset not in RESETS:  # type: ignore[attr-defined]
                    raise InputError(
                        f"{self.kind}: reset is {self.reset!r}; expected one of:"  # type: ignore[attr-defined]
                        f" {', '.join(RESETS)}"
                    )
                continue
            values = real(getattr(self, entry.name), f"{self.kind}: {entry.name}")
            if entry.name.startswith("tau") and np.any(values <= 0):
                raise InputError(
                    f"{self.kind}: {entry.name} is {values.min()}; expected seconds, above 0"
                )
            object.__setattr__(self, entry.name, values)

    def shape_out(self, shape: Shape) -> Shape:
        """One neuron an input."""
        for entry in fields(self):  # type: ignore[arg-type]
            values = getattr(self, entry.name)
            if isinstance(values, np.ndarray) and not fits(values.shape, shape):
                raise InputError(
                    f"{self.kind}: {entry.name} has shape {values.shape}, its inputs have {shape}"
                )
        return shape

    @abstractmethod
    def initial(self, n: int, shape: Shape) -> State:
        """State of n samples before the first step, each part (n, *shape)."""

    @abstractmethod
    def step(self, x: Values, state: State, dt_s: float) -> tuple[Values, State]:
        """One time step.

        Parameters
        ----------
        x : (n, *shape)
            Input of the step.
        state : tuple of (n, *shape)
        dt_s : float
            Time step, seconds.

        Returns
        -------
        out : (n, *shape)
            Spikes 0 or 1, or the membrane for neurons that do not spike.
        state : tuple of (n, *shape)
        """

    def silent(self, n: int, shape: Shape) -> Values:
        """What n samples' neurons put out before the first step, (n, *shape): no spikes; a membrane
        that is put out is where it begins."""
        return np.zeros((n, *shape))

    def advance(self, x: Values, state: State, dt_s: float) -> tuple[int, Values, State]:
        """Steps of one sample's inputs (steps, *shape) up to the first in which a neuron spikes.

        Returns
        -------
        taken : int
            Number of steps, the one with the spike included.
        out : (*shape)
            What the neurons put out in the last of them.
        state : tuple of (1, *shape)
        """
        taken = 0
        for now in x:
            out, state = self.step(now[None], state, dt_s)
            taken += 1
            if self.spiking and out.any():
                break
        return taken, out[0], state

    def still(self) -> Population:
        """The same neurons without what adapts from sample to sample: how they answer once learning
        is over."""
        return self

    def rested(self, lasting: State, seconds: float) -> State:
        """Lasting parts of the state after a rest between two samples."""
        return lasting

    def begun(self, n: int, shape: Shape, lasting: State = ()) -> State:
        """State before the first step of n samples, its lasting parts as an earlier sample left
        them."""
        state = list(self.initial(n, shape))
        for place, part in zip(self.lasting, lasting, strict=False):
            state[place] = np.array(np.broadcast_to(part, state[place].shape))
        return tuple(state)

    def run(self, x: Values, dt_s: float) -> Values:
        """All steps of inputs (n, steps, *shape) from the initial state: outputs of the same
        shape."""
        out = np.empty(x.shape)
        state = self.initial(len(x), x.shape[2:])
        for t in range(x.shape[1]):
            out[:, t], state = self.step(x[:, t], state, dt_s)
        return out

    @staticmethod
    def _full(value: Values | float, n: int, shape: Shape) -> Values:
        return np.array(np.broadcast_to(np.asarray(value, dtype=float), (n, *shape)))


def _leaked(
    v: Values, drive: Values, v_leak: Values | float, tau: Values | float, dt_s: float
) -> Values:
    """One Euler step of ``tau dv/dt = v_leak − v + drive``."""
    return np.asarray(v + dt_s / tau * (v_leak - v + drive))


def _synaptic(
    i: Values, x: Values, w_in: Values | float, tau_syn: Values | float, dt_s: float
) -> Values:
    """One Euler step of ``tau_syn di/dt = w_in·x − i``."""
    return np.asarray(i + dt_s / tau_syn * (w_in * x - i))


def _after_spike(
    v: Values, spikes: Values, threshold: Values, v_reset: Values, reset: str
) -> Values:
    fired = spikes > 0
    return np.where(fired, v - threshold if reset == "subtract" else v_reset, v)


@hinted(_WORDS, _WORDS)
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class IF(Population):
    """Integrate and fire: ``v += r·x``, a spike where v exceeds the threshold."""

    kind: ClassVar[str] = "IF"
    spiking: ClassVar[bool] = True
    r: Values | float = 1.0
    v_threshold: Values | float = 1.0
    v_reset: Values | float = 0.0
    reset: str = "value"

    @property
    def plain(self) -> bool:
        """Whether all neurons are alike, take their input as it is and begin again from 0."""
        numbers = (self.r, self.v_threshold, self.v_reset)
        alike = all(np.ndim(value) == 0 for value in numbers)
        return alike and self.reset == "value" and self.r == 1.0 and self.v_reset == 0.0

    def initial(self, n: int, shape: Shape) -> State:
        """Membranes at 0."""
        return (np.zeros((n, *shape)),)

    def step(self, x: Values, state: State, dt_s: float) -> tuple[Values, State]:
        """Add the input, spike, reset."""
        v = state[0] + self.r * x
        z = (v > self.v_threshold).astype(float)
        return z, (_after_spike(v, z, self.v_threshold, self.v_reset, self.reset),)  # type: ignore[arg-type]


@hinted(_WORDS, _WORDS)
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Integrator(Population):
    """A membrane without leak or threshold: ``v += r·x``, and v is what it puts out."""

    kind: ClassVar[str] = "I"
    spiking: ClassVar[bool] = False
    r: Values | float = 1.0

    @property
    def plain(self) -> bool:
        """Whether all neurons are alike."""
        return np.ndim(self.r) == 0

    def initial(self, n: int, shape: Shape) -> State:
        """Membranes at 0."""
        return (np.zeros((n, *shape)),)

    def step(self, x: Values, state: State, dt_s: float) -> tuple[Values, State]:
        """Add the input."""
        v = state[0] + self.r * x
        return v, (v,)


@hinted(_WORDS, _WORDS)
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LIF(Population):
    """Leaky integrate and fire: ``v += dt/tau·(v_leak − v + r·x)``, a spike where v exceeds the
    threshold."""

    kind: ClassVar[str] = "LIF"
    spiking: ClassVar[bool] = True
    tau: Values | float = 0.02
    r: Values | float = 1.0
    v_leak: Values | float = 0.0
    v_threshold: Values | float = 1.0
    v_reset: Values | float = 0.0
    reset: str = "value"

    @property
    def plain(self) -> bool:
        """Whether all neurons are alike, with a threshold of 1, and take their input as it is and
        leak and begin again towards and from 0."""
        numbers = (self.tau, self.r, self.v_threshold, self.v_leak, self.v_reset)
        alike = all(np.ndim(value) == 0 for value in numbers)
        return alike and self.reset == "value" and numbers[1:] == (1.0, 1.0, 0.0, 0.0)

    def initial(self, n: int, shape: Shape) -> State:
        """Membranes at v_leak."""
        return (self._full(self.v_leak, n, shape),)

    def step(self, x: Values, state: State, dt_s: float) -> tuple[Values, State]:
        """Leak, add the input, spike, reset."""
        v = _leaked(state[0], self.r * x, self.v_leak, self.tau, dt_s)
        z = (v > self.v_threshold).astype(float)
        return z, (_after_spike(v, z, self.v_threshold, self.v_reset, self.reset),)  # type: ignore[arg-type]


@hinted(_WORDS, _WORDS)
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LI(Population):
    """A leaky membrane that does not spike: ``v += dt/tau·(v_leak − v + r·x)``."""

    kind: ClassVar[str] = "LI"
    spiking: ClassVar[bool] = False
    tau: Values | float = 0.02
    r: Values | float = 1.0
    v_leak: Values | float = 0.0

    def initial(self, n: int, shape: Shape) -> State:
        """Membranes at v_leak."""
        return (self._full(self.v_leak, n, shape),)

    def silent(self, n: int, shape: Shape) -> Values:
        """Membranes at v_leak."""
        return self._full(self.v_leak, n, shape)

    def step(self, x: Values, state: State, dt_s: float) -> tuple[Values, State]:
        """Leak and add the input."""
        v = _leaked(state[0], self.r * x, self.v_leak, self.tau, dt_s)
        return v, (v,)


@hinted(_WORDS, _WORDS)
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CubaLIF(Population):
    """LIF behind a synaptic current: ``i += dt/tau_syn·(w_in·x − i)``, then ``v +=
    dt/tau_mem·(v_leak − v + r·i)``."""

    kind: ClassVar[str] = "CubaLIF"
    spiking: ClassVar[bool] = True
    tau_syn: Values | float = 0.005
    tau_mem: Values | float = 0.02
    r: Values | float = 1.0
    v_leak: Values | float = 0.0
    v_threshold: Values | float = 1.0
    v_reset: Values | float = 0.0
    w_in: Values | float = 1.0
    reset: str = "value"

    def initial(self, n: int, shape: Shape) -> State:
        """No current, membranes at v_leak."""
        return np.zeros((n, *shape)), self._full(self.v_leak, n, shape)

    def step(self, x: Values, state: State, dt_s: float) -> tuple[Values, State]:
        """Current, membrane, spike, reset."""
        i = _synaptic(state[0], x, self.w_in, self.tau_syn, dt_s)
        v = _leaked(state[1], self.r * i, self.v_leak, self.tau_mem, dt_s)
        z = (v > self.v_threshold).astype(float)
        return z, (i, _after_spike(v, z, self.v_threshold, self.v_reset, self.reset))  # type: ignore[arg-type]


@hinted(_WORDS, _WORDS)
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CubaLI(Population):
    """LI behind a synaptic current: ``i += dt/tau_syn·(w_in·x − i)``, then ``v +=
    dt/tau_mem·(v_leak − v + r·i)``."""

    kind: ClassVar[str] = "CubaLI"
    spiking: ClassVar[bool] = False
    tau_syn: Values | float = 0.005
    tau_mem: Values | float = 0.02
    r: Values | float = 1.0
    v_leak: Values | float = 0.0
    w_in: Values | float = 1.0

    def initial(self, n: int, shape: Shape) -> State:
        """No current, membranes at v_leak."""
        return np.zeros((n, *shape)), self._full(self.v_leak, n, shape)

    def silent(self, n: int, shape: Shape) -> Values:
        """Membranes at v_leak."""
        return self._full(self.v_leak, n, shape)

    def step(self, x: Values, state: State, dt_s: float) -> tuple[Values, State]:
        """Current, then membrane."""
        i = _synaptic(state[0], x, self.w_in, self.tau_syn, dt_s)
        v = _leaked(state[1], self.r * i, self.v_leak, self.tau_mem, dt_s)
        return v, (i, v)


@hinted(_WORDS, _WORDS)
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class AdaptiveLIF(Population):
    """LIF whose threshold rises by `theta_step` with each spike and sinks back: ``θ +=
    dt/tau_theta·(−θ) + theta_step·z``."""

    kind: ClassVar[str] = "adaptive LIF"
    spiking: ClassVar[bool] = True
    lasting: ClassVar[tuple[int, ...]] = (1,)
    tau: Values | float = 0.02
    r: Values | float = 1.0
    v_leak: Values | float = 0.0
    v_threshold: Values | float = 1.0
    v_reset: Values | float = 0.0
    theta_step: Values | float = 0.1
    tau_theta: Values | float = 0.1
    reset: str = "value"

    def initial(self, n: int, shape: Shape) -> State:
        """Membranes at v_leak, thresholds where they begin."""
        return self._full(self.v_leak, n, shape), np.zeros((n, *shape))

    def still(self) -> Population:
        """Thresholds as they are: they neither rise nor sink."""
        return replace(self, theta_step=0.0, tau_theta=_FOREVER_S)

    def rested(self, lasting: State, seconds: float) -> State:
        """Thresholds sink back."""
        return (np.asarray(lasting[0] * np.exp(-seconds / self.tau_theta)),)

    def step(self, x: Values, state: State, dt_s: float) -> tuple[Values, State]:
        """Membrane, spike, reset, threshold."""
        v = _leaked(state[0], self.r * x, self.v_leak, self.tau, dt_s)
        above = self.v_threshold + state[1]
        z = (v > above).astype(float)
        theta = state[1] - dt_s / self.tau_theta * state[1] + self.theta_step * z
        return z, (_after_spike(v, z, above, self.v_reset, self.reset), theta)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Delay(Population):
    """Each input comes out `seconds` later: a whole number of time steps, which is checked when it
    runs."""

    kind: ClassVar[str] = "delay"
    spiking: ClassVar[bool] = False
    seconds: Values | float = 0.0

    def __post_init__(self) -> None:
        values = real(self.seconds, "delay")
        if np.any(values < 0):
            raise InputError(f"delay is {values.min()} s; expected 0 or more")
        object.__setattr__(self, "seconds", values)

    def steps(self, dt_s: float) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """The delays in time steps; an `InputError` where one is no whole number of them."""
        exact = np.asarray(self.seconds) / dt_s
        whole = np.rint(exact)
        if np.any(np.abs(exact - whole) > 1e-6 * np.maximum(whole, 1)):
            worst = float(np.asarray(self.seconds).ravel()[np.argmax(np.abs(exact - whole))])
            raise InputError(
                f"a delay of {worst:g} s is no whole number of time steps of {dt_s:g} s; give a dt"
                " that divides it"
            )
        return whole.astype(np.int64)

    def initial(self, n: int, shape: Shape) -> State:
        """Silence before the first input; the line is laid when its length is known."""
        return ()

    def step(self, x: Values, state: State, dt_s: float) -> tuple[Values, State]:
        """Take the input in, give out the one of `steps` ago."""
        lag = np.broadcast_to(self.steps(dt_s), x.shape[1:])
        line = state[0] if state else np.zeros((int(lag.max(initial=0)) + 1, *x.shape))
        line = np.concatenate([x[None], line[:-1]])
        out = np.take_along_axis(line, np.broadcast_to(lag, (1, *x.shape)), axis=0)[0]
        return out, (line,)

    def run(self, x: Values, dt_s: float) -> Values:
        """Shift along the time axis."""
        lag = np.broadcast_to(self.steps(dt_s), x.shape[2:])
        out = np.zeros_like(x)
        for k in np.unique(lag):
            here = lag == k
            if k < x.shape[1]:
                out[:, k:, here] = x[:, : x.shape[1] - k, here]
        return out
