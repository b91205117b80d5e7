"""Spike-timing-dependent plasticity: by traces, by last spikes, by overlapping waveforms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spicesnn.errors import InputError
from spicesnn.learning.spikes import SpikePair
from spicesnn.networks.nodes import Values
from spicesnn.networks.rules.base import Activity, LocalRule
from spicesnn.networks.synapses import Levelled, Spikes, Synapses, Wanted
from spicesnn.networks.synapses.updates import Update


def _levelled(column_sum: float | None) -> Update | None:
    return None if column_sum is None else Levelled(column_sum=column_sum)


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceSTDP(LocalRule):
    r"""STDP with traces and soft bounds.

    At a spike of an output :math:`\Delta w = A^+ t_{pre} (w_{max} - w)`, at a spike of an input
    :math:`\Delta w = -A^- t_{post} w`, at once; a trace is 1 at a spike and decays with `tau_s`. In
    a step in which both spike, weights are lowered first, by the trace of the output's spikes
    before.

    Attributes
    ----------
    rise, fall : float
        :math:`A^+` and :math:`A^-`.
    tau_s : float
    column_sum : float, optional
        Σw of every output before each sample (homeostasis); left out, sums are free.
    highest : float, optional
        :math:`w_{max}`; the largest weight of the synapses if left out.
    """

    name: ClassVar[str] = "stdp-traces"
    asks: ClassVar[tuple[type, ...]] = (Wanted, Levelled)
    rise: float = 0.01
    fall: float = 1e-4
    tau_s: float = 20e-3
    column_sum: float | None = None
    highest: float | None = None

    def __post_init__(self) -> None:
        if not (self.rise >= 0 and self.fall >= 0 and self.tau_s > 0):
            raise InputError(
                f"{self}: expected a rise and a fall of 0 or more, and seconds above 0"
            )
        for name in ("column_sum", "highest"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{self}: {name} is {value!r}; expected a number above 0")

    @property
    def heeds_inputs(self) -> bool:
        """Unless they lower nothing."""
        return self.fall > 0

    def bound(self, synapses: Synapses) -> float:
        """Weight towards which these synapses are raised."""
        return synapses.largest if self.highest is None else self.highest

    def before(self, synapses: Synapses) -> Update | None:
        """Normalise, if asked to."""
        return _levelled(self.column_sum)

    def heard(self, seen: Activity, synapses: Synapses) -> Update | None:
        """Lower the synapses of the inputs that spike, to outputs that have spiked before."""
        before = seen.post[:-1] > 0
        fired = np.flatnonzero(before.any(axis=0))
        if not fired.size or self.fall == 0:
            return None
        lag_s = (before[::-1, fired].argmax(axis=0) + 1) * seen.dt_s
        share = np.minimum(self.fall * np.exp(-lag_s / self.tau_s), 1.0)
        left = (1.0 - share) ** np.ceil(seen.pre[-1])[:, None]
        return Wanted(steps=synapses.weights[:, fired] * (left - 1.0), outputs=fired)

    def update(self, seen: Activity, synapses: Synapses) -> Update | None:
        """Raise the synapses of the outputs that spike."""
        fired = seen.fired
        if not fired.size:
            return None
        rise = self.rise * np.exp(-seen.lag_s() / self.tau_s)
        room = np.maximum(self.bound(synapses) - synapses.weights[:, fired], 0.0)
        return Wanted(steps=rise[:, None] * room, outputs=fired)


@dataclass(frozen=True, kw_only=True, slots=True)
class LastSpikeSTDP(LocalRule):
    r"""At a spike of an output, inputs that spiked at most `window_s` ago gain, all others lose;
    spikes of inputs alone change nothing.

    :math:`\Delta w = A^+ e^{-lag/\tau}` within the window, :math:`-A^-` beyond it.

    Attributes
    ----------
    rise, fall : float
        :math:`A^+` and :math:`A^-`, in units of weights.
    tau_s, window_s : float
    column_sum : float, optional
        Σw of every output before each sample; left out, sums are free.
    """

    name: ClassVar[str] = "stdp-last-spikes"
    asks: ClassVar[tuple[type, ...]] = (Wanted, Levelled)
    rise: float = 0.005
    fall: float = 0.003
    tau_s: float = 4e-3
    window_s: float = 10e-3
    column_sum: float | None = None

    def __post_init__(self) -> None:
        if self.column_sum is not None and not self.column_sum > 0:
            raise InputError(f"{self}: column_sum is {self.column_sum!r}; expected a sum above 0")
        if not (self.rise >= 0 and self.fall >= 0 and self.tau_s > 0 and self.window_s >= 0):
            raise InputError(
                f"{self}: expected a rise and a fall of 0 or more, seconds above 0 and a window of"
                " 0 s or more"
            )

    def before(self, synapses: Synapses) -> Update | None:
        """Normalise, if asked to."""
        return _levelled(self.column_sum)

    def update(self, seen: Activity, synapses: Synapses) -> Update | None:
        """Change the synapses of the outputs that spike."""
        fired = seen.fired
        if not fired.size:
            return None
        change = self.change(seen.lag_s())
        return Wanted(steps=np.repeat(change[:, None], fired.size, axis=1), outputs=fired)

    def change(self, lag_s: Values) -> Values:
        """Δw of synapses whose inputs spiked `lag_s` seconds before their output, in units of
        weights."""
        within = lag_s <= self.window_s * (1 + 1e-9)
        return np.where(within, self.rise * np.exp(-lag_s / self.tau_s), -self.fall)

    def table(self, dt_s: float) -> Values:
        """Δw by the lag in time steps of `dt_s` seconds; the last entry is for all longer ones."""
        lags = np.arange(int(self.window_s / dt_s * (1 + 1e-9)) + 2, dtype=np.float64)
        return self.change(dt_s * lags)


@dataclass(frozen=True, kw_only=True, slots=True)
class OverlapSTDP(LocalRule):
    """STDP by overlapping waveforms: what the device itself does where pre- and post-synaptic
    spikes meet on its cell.

    When an output spikes it sends its spike back over its bit line. Inputs that spiked within
    `window_s` have sent theirs just before it, the others send theirs just after it: the first
    gain, the others lose. How much, the device's equations say.

    Attributes
    ----------
    pair : SpikePair
        Shapes designed for the device (`spicesnn.learning.spikes.design`).
    window_s : float
    most : int
        Output spikes of a sample that are sent back; 0: all.
    """

    name: ClassVar[str] = "stdp-overlap"
    asks: ClassVar[tuple[type, ...]] = (Spikes,)
    pair: SpikePair
    window_s: float = 10e-3
    most: int = 1

    def update(self, seen: Activity, synapses: Synapses) -> Update | None:
        """Lay the waveforms of inputs and outputs over each other."""
        before = int((seen.post[:-1] > 0).any(axis=1).sum())
        if not seen.fired.size or (self.most and before >= self.most):
            return None
        apart = self.pair.pre.peak_s + 2 * self.pair.pre.edge_s
        recent = seen.lag_s() <= self.window_s * (1 + 1e-9)
        return Spikes(
            row_s=np.where(recent, 0.0, 2 * apart),
            output_s=np.where(seen.post[-1] > 0, apart, np.nan),
            pair=self.pair,
        )
