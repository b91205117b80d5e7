"""The membrane equations, each once: plain arithmetic on floats or arrays, so that numba can
compile the very same functions."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", float, NDArray[np.float64])


def relax(value: Value, goal: Value, decay: float) -> Value:
    """Return the exact solution of τ·dv/dt = goal − v after a step: goal + (v − goal)·decay, decay
    = exp(−Δt/τ)."""
    return goal + (value - goal) * decay


def integrate(value: Value, current: Value, step_over_capacitance: float) -> Value:
    """Return the exact solution of C·dv/dt = i after a step of constant current: v + i·Δt/C."""
    return value + current * step_over_capacitance
