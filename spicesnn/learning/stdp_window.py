"""The STDP window of a device, measured in an array: how much a cell changes against the time
between pre- and post-synaptic spike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.errors import EngineError, InputError
from spicesnn.learning.spikes import SpikePair, design
from spicesnn.shown import shown

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class STDPWindow:
    """A measured window and its fit Δw = A⁺·exp(−Δt/τ⁺) for Δt > 0, −A⁻·exp(Δt/τ⁻) for Δt < 0.

    Attributes
    ----------
    dt_s : (points,)
        Post minus pre: positive when the post-synaptic spike comes later.
    dw : (points,)
        Change of conductance, as a share of the device's conductance range.
    neighbour_dw : (points,)
        Largest change of any other cell of the array, in magnitude, in the same unit.
    a_plus, a_minus, tau_plus_s, tau_minus_s : float
        The fit; A⁻ is positive for a window that depresses.
    spikes : SpikePair
    device, engine : str
    """

    dt_s: Floats
    dw: Floats
    neighbour_dw: Floats
    a_plus: float
    a_minus: float
    tau_plus_s: float
    tau_minus_s: float
    spikes: SpikePair
    device: str
    engine: str

    def fitted(self, dt_s: ArrayLike) -> Floats:
        """Return the fit at given times."""
        dt = np.asarray(dt_s, dtype=float)
        later, earlier = (
            self.a_plus * np.exp(-np.abs(dt) / self.tau_plus_s),
            -self.a_minus * np.exp(-np.abs(dt) / self.tau_minus_s),
        )
        return np.asarray(np.where(dt > 0, later, earlier))

    def to_pandas(self) -> pd.DataFrame:
        """Return delay (seconds), change and largest change of a neighbour (shares of the range) as
        columns (needs pandas)."""
        made: pd.DataFrame = shown(self, "pandas")
        return made

    def _repr_png_(self) -> bytes:
        made: bytes = shown(self, "png")
        return made


def stdp_window(
    device: Device,
    engine: Engine,
    *,
    spikes: SpikePair | None = None,
    dt_s: ArrayLike | None = None,
    wires: Wires | None = None,
    size: int = 3,
    progress: Callable[[int, int], None] | None = None,
) -> STDPWindow:
    """Measure the window in the middle cell of a `size` × `size` array whose other lines are held
    at 0 V.

    Parameters
    ----------
    device : Device
    engine : Engine
        Solves every pair of spikes on the whole array.
    spikes : SpikePair, optional
        Designed for the device if left out.
    dt_s : (points,), optional
        Post minus pre, seconds; 10 times on either side, up to three time constants of the tail, if
        left out.
    wires : Wires, optional
        1 Ω a segment if left out.
    size : int
    progress : callable, optional
        Called with (done, total).
    """
    pair = spikes if spikes is not None else design(device)
    reach = pair.pre.peak_s + 2 * pair.pre.edge_s
    side = reach + np.linspace(0.0, 3.0, 10) * pair.pre.tau_s
    times = np.concatenate([-side[::-1], side]) if dt_s is None else np.asarray(dt_s, dtype=float)
    if times.ndim != 1 or times.size < 2 or not np.all(np.isfinite(times)):
        raise InputError(f"dt_s has shape {times.shape}; expected 2 or more finite times")
    low, high = (float(np.mean(b)) for b in device.bounds())
    array = Crossbar(
        device=device, state=np.full((size, size), 0.5 * (low + high)), wires=wires or Wires()
    )
    at, volts = size // 2, float(np.abs(pair.pre.peak_volts)) * 0.1
    ends = [_chord(device, bound, volts) for bound in (low, high)]
    span, before = abs(ends[1] - ends[0]), _chord(device, array.state_or_zeros(), volts)
    change, neighbours = np.empty(times.size), np.empty(times.size)
    for k, dt in enumerate(times):
        rows, columns = np.full(size, np.nan), np.full(size, np.nan)
        rows[at], columns[at] = 0.0, dt
        after = engine.pulse(array, pair.waveform(rows, columns))
        moved = (_chord(device, after.state, volts) - before) / span
        change[k] = moved[at, at]
        moved[at, at] = 0.0
        neighbours[k] = np.abs(moved).max()
        if progress is not None:
            progress(k + 1, times.size)
    a_plus, tau_plus = _fit(
        times[times > 0], change[times > 0], pair.pre.tau_s, "pre before post", device.name
    )
    a_minus, tau_minus = _fit(
        -times[times < 0], -change[times < 0], pair.post.tau_s, "post before pre", device.name
    )
    return STDPWindow(
        dt_s=times,
        dw=change,
        neighbour_dw=neighbours,
        a_plus=a_plus,
        a_minus=a_minus,
        tau_plus_s=tau_plus,
        tau_minus_s=tau_minus,
        spikes=pair,
        device=device.name,
        engine=engine.name,
    )


def _chord(device: Device, state: ArrayLike, volts: float) -> Floats:
    """Return I/V at a small voltage of either polarity, the mean of both."""
    chord = 0.5 * (device.current(volts, state) - device.current(-volts, state)) / volts
    return np.asarray(chord)


def _fit(delay: Floats, change: Floats, tau_s: float, which: str, name: str) -> tuple[float, float]:
    """Return A and τ of A·exp(−delay/τ) by least squares; a lobe of the wrong sign gives a negative
    A."""
    from scipy.optimize import curve_fit

    if delay.size < 2 or np.abs(change).max(initial=0.0) == 0:
        raise EngineError(
            f"{name}: no cell moved with {which}: this window has no such lobe. Give spikes with"
            " higher tails, or more time points"
        )
    scale = float(change[np.argmax(np.abs(change))])

    def model(t: Floats, height: float, log_tau: float) -> Floats:
        return np.asarray(height * np.exp(-t * np.exp(-log_tau)))

    try:
        best, _ = curve_fit(model, delay / tau_s, change / scale, p0=(1.0, 0.0), maxfev=10000)
    except RuntimeError as error:
        shown = ", ".join(f"{value:.3g}" for value in change[:6])
        raise EngineError(
            f"{name}: no exponential fits the changes with {which} ({shown}); give more time"
            f" points, closer to 0: {error}"
        ) from None
    return float(best[0]) * scale, float(np.exp(best[1])) * tau_s
