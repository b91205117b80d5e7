"""Clocked time in a deck, and the membranes that integrate in it.

Within a step each population has a slot, in the order in which the network is computed. In its slot
the membrane integrates for one read, a comparator is latched, and the membrane is reset; the latch
holds the spike until the same slot of the next step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spicesnn.errors import InputError
from spicesnn.netlist.deck import number
from spicesnn.networks.nodes import Shape, Values
from spicesnn.networks.populations import (
    IF,
    LI,
    LIF,
    AdaptiveLIF,
    CubaLI,
    CubaLIF,
    Delay,
    Integrator,
    Population,
)

_SETTLES = 14.0
"""Time constants in a phase that samples or resets: what is left is 8e-7."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """The clocks of a deck, seconds: slots of integrate, decide and reset, one after the other in
    each step.

    Attributes
    ----------
    read_s : float
        Integration: one read of the arrays.
    slots : int
        Slots a step; 0 for a network without neurons, whose step is one read.
    """

    read_s: float
    slots: int

    @property
    def edge_s(self) -> float:
        """Rise and fall of every clock and input."""
        return self.read_s / 100

    @property
    def phase_s(self) -> float:
        """How long a comparator samples, and a membrane is reset."""
        return self.read_s / 2

    @property
    def settle_s(self) -> float:
        """Time constant of sampling and reset."""
        return self.phase_s / _SETTLES

    @property
    def slot_s(self) -> float:
        """From the beginning of a slot to that of the next: a slot's reset goes on while the next
        one integrates."""
        return self.read_s + self.phase_s + 4 * self.edge_s

    @property
    def step_s(self) -> float:
        """Duration of a step."""
        return (
            self.slots * self.slot_s + self.phase_s + 4 * self.edge_s if self.slots else self.read_s
        )

    def starts(self, slot: int) -> tuple[float, float, float]:
        """When the three phases of a slot begin after the step's beginning."""
        on = 2 * self.edge_s + slot * self.slot_s
        return on, on + self.read_s + 2 * self.edge_s, on + self.slot_s

    def clocks(self) -> list[str]:
        """The cards of all clocks: ``on<s>``, ``decide<s>``, ``back<s>``."""
        cards = []
        for slot in range(self.slots):
            widths = (self.read_s - self.edge_s, self.phase_s, self.phase_s)
            for name, begin, width in zip(
                ("on", "decide", "back"), self.starts(slot), widths, strict=True
            ):
                times = " ".join(
                    number(t) for t in (begin, self.edge_s, self.edge_s, width, self.step_s)
                )
                cards.append(f"v{name}{slot} {name}{slot} 0 pulse(0 1 {times})")
        return cards


@dataclass(frozen=True, slots=True)
class Membrane:
    """The RC of each neuron: ``dm/ds = per_step x + leak (v_leak − m)`` over a read, s from 0 to 1.

    With ``leak = −ln(1 − dt/tau)`` the RC ends where the Euler step ``m + dt/tau (v_leak + r x −
    m)`` does."""

    per_step: Values
    leak: Values
    v_leak: Values
    v_start: Values

    @classmethod
    def of(cls, node: Population, shape: Shape, dt_s: float) -> Membrane:
        """The membranes of a population.

        Raises
        ------
        InputError
            A time constant at or below the time step, which no RC follows.
        """
        if isinstance(node, IF | Integrator):
            return cls(each(node.r, shape), *(each(0.0, shape) for _ in range(3)))
        if not isinstance(node, LIF | LI | CubaLIF | CubaLI | AdaptiveLIF):
            raise InputError(f"a population of kind {node.kind} has no circuit here")
        tau = node.tau_mem if isinstance(node, CubaLIF | CubaLI) else node.tau
        shares = dt_s / each(tau, shape)
        if np.any(shares >= 1):
            raise InputError(
                f"{node.kind}: a time constant of {dt_s / shares.max():g} s is not above the time"
                f" step of {dt_s:g} s; no leaky membrane does such a step"
            )
        leak, v_leak = -np.log1p(-shares), each(node.v_leak, shape)
        return cls(leak * each(node.r, shape), leak, v_leak, v_leak)

    def parameters(self, k: int) -> dict[str, float]:
        """Of one neuron, for the X line."""
        return {
            name: float(getattr(self, name)[k])
            for name in ("per_step", "leak", "v_leak", "v_start")
        }

    def spike_parameters(
        self, node: Population, shape: Shape, k: int, dt_s: float
    ) -> dict[str, float]:
        """Threshold, reset and adaptation of one neuron."""
        assert isinstance(node, IF | LIF | CubaLIF | AdaptiveLIF)
        adaptive = isinstance(node, AdaptiveLIF)
        return {
            "v_threshold": float(each(node.v_threshold, shape)[k]),
            "v_reset": float(each(node.v_reset, shape)[k]),
            "subtract": float(node.reset == "subtract"),
            "keep": (
                float(1 - dt_s / each(node.tau_theta, shape)[k])
                if isinstance(node, AdaptiveLIF)
                else 0.0
            ),
            "rise": (
                float(each(node.theta_step, shape)[k])
                if isinstance(node, AdaptiveLIF) and adaptive
                else 0.0
            ),
        }


def slots_of(node: Population) -> int:
    """How many slots of a step a population takes: two if a synaptic current comes first, or if its
    outputs change in its last phase."""
    return 2 if isinstance(node, CubaLIF | CubaLI | Delay) else 1


def each(value: Values | float, shape: Shape) -> Values:
    """A parameter as one number a neuron."""
    return np.broadcast_to(np.asarray(value, dtype=float), shape).ravel()
