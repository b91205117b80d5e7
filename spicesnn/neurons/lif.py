"""The leaky integrate-and-fire neuron (Lapicque's RC membrane with a threshold)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import Floats
from spicesnn.errors import InputError
from spicesnn.neurons.equations import relax


def check_positive(owner: str, **values: float) -> None:
    """Raise `InputError` for a value that is not a finite number above 0."""
    for name, value in values.items():
        if not np.isfinite(value) or value <= 0:
            raise InputError(f"{owner}: {name} = {value!r}; expected a finite number above 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class LIF:
    """Parameters of a LIF neuron.

    Attributes
    ----------
    tau_s : float
        Membrane time constant, second.
    resistance_ohm : float
        Volts on the membrane at rest for one ampere of input: gain of the current sense and leak of
        the membrane in one.
    threshold_volts : float
        The neuron spikes when its membrane reaches this voltage.
    reset_volts : float
        Voltage right after a spike, below the threshold.
    refractory_s : float
        Time after a spike in which the membrane stays at reset, second, ≥ 0.
    """

    tau_s: float = 150e-6
    resistance_ohm: float = 1e3
    threshold_volts: float = 4.0
    reset_volts: float = 0.0
    refractory_s: float = 0.0

    def __post_init__(self) -> None:
        check_positive(
            "LIF",
            tau_s=self.tau_s,
            resistance_ohm=self.resistance_ohm,
            threshold_volts=self.threshold_volts,
        )
        if not self.reset_volts < self.threshold_volts:
            raise InputError(
                f"LIF: reset_volts = {self.reset_volts} must be below threshold_volts ="
                f" {self.threshold_volts}"
            )
        if not np.isfinite(self.refractory_s) or self.refractory_s < 0:
            raise InputError(
                f"LIF: refractory_s = {self.refractory_s!r}; expected seconds, 0 or more"
            )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class LIFState:
    """Membrane voltages, and the refractory time each neuron has left; any shape."""

    volts: Floats
    refractory_left_s: Floats

    @classmethod
    def at_rest(cls, shape: int | tuple[int, ...]) -> LIFState:
        """Return neurons at 0 V that are free to spike."""
        return cls(volts=np.zeros(shape), refractory_left_s=np.zeros(shape))


def lif_step(
    amps: ArrayLike, state: LIFState, neuron: LIF, dt_s: float
) -> tuple[NDArray[np.bool_], LIFState]:
    r"""Move LIF neurons by one time step.

    .. math:: \tau \frac{dv}{dt} = R\,i - v; \qquad v \ge \vartheta:\ \text{spike},\ v \leftarrow v_{reset}

    exactly integrated for an input that is constant over the step:

    .. math:: v' = R\,i + (v - R\,i)\,e^{-\Delta t/\tau}

    Parameters
    ----------
    amps : (…)
        Input current over the step, ampere.
    state : LIFState
    neuron : LIF
    dt_s : float
        Time step, second.

    Returns
    -------
    spikes : (…) bool
    state : LIFState
    """
    drive = neuron.resistance_ohm * np.asarray(amps, dtype=float)
    free = state.refractory_left_s <= 1e-9 * dt_s
    moved = np.where(
        free, relax(state.volts, drive, float(np.exp(-dt_s / neuron.tau_s))), neuron.reset_volts
    )
    spikes = free & (moved >= neuron.threshold_volts)
    left = np.where(spikes, neuron.refractory_s, np.maximum(state.refractory_left_s - dt_s, 0.0))
    return spikes, LIFState(
        volts=np.where(spikes, neuron.reset_volts, moved), refractory_left_s=left
    )


def first_spike_time(amps: ArrayLike, neuron: LIF) -> Floats:
    """Return when neurons at 0 V first reach the threshold under a constant current: the limit of
    `lif_step` for Δt → 0.

    t = τ·ln(R·i / (R·i − ϑ)) for R·i > ϑ, infinite (silent) otherwise.

    Parameters
    ----------
    amps : (…)
        Ampere.

    Returns
    -------
    (…) seconds, ``inf`` where the neuron stays silent.
    """
    drive = neuron.resistance_ohm * np.asarray(amps, dtype=float)
    above = drive > neuron.threshold_volts
    safe = np.where(above, drive, 2 * neuron.threshold_volts)
    return np.where(above, -neuron.tau_s * np.log1p(-neuron.threshold_volts / safe), np.inf)


def firing_rate(amps: ArrayLike, neuron: LIF) -> Floats:
    """Return spikes a second under a constant current: 1/(t_ref + τ·ln((R·i − v_reset)/(R·i − ϑ))),
    0 for a silent neuron."""
    drive = neuron.resistance_ohm * np.asarray(amps, dtype=float)
    above = drive > neuron.threshold_volts
    safe = np.where(above, drive, 2 * neuron.threshold_volts)
    period = neuron.refractory_s + neuron.tau_s * np.log(
        (safe - neuron.reset_volts) / (safe - neuron.threshold_volts)
    )
    return np.where(above, 1.0 / period, 0.0)


def spike_count(amps: ArrayLike, neuron: LIF, window_s: float) -> NDArray[np.int64]:
    """Return how often neurons from 0 V spike within a window under a constant current.

    The first spike is at `first_spike_time`; later ones follow every t_ref + τ·ln((R·i −
    v_reset)/(R·i − ϑ))."""
    first = first_spike_time(amps, neuron)
    drive = neuron.resistance_ohm * np.asarray(amps, dtype=float)
    spiking = np.isfinite(first) & (first <= window_s)
    safe = np.where(spiking, drive, 2 * neuron.threshold_volts)
    period = neuron.refractory_s + neuron.tau_s * np.log(
        (safe - neuron.reset_volts) / (safe - neuron.threshold_volts)
    )
    return np.where(
        spiking, 1 + np.floor((window_s - np.where(spiking, first, 0.0)) / period), 0
    ).astype(np.int64)
