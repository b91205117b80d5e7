"""The current-voltage curve of one device, on either engine."""

from __future__ import annotations

from numpy.typing import ArrayLike

from spicesnn.devices.base import Device
from spicesnn.devices.stimulus import Sine, Stimulus
from spicesnn.engines.base import Engine
from spicesnn.engines.results import IVCurve


def iv(
    device: Device,
    engine: Engine | None = None,
    amplitude: float = 1.0,
    frequency: float = 1e3,
    periods: float = 2,
    *,
    stimulus: Stimulus | None = None,
    state: ArrayLike | None = None,
    gate_volts: float | None = None,
    points: int = 2000,
) -> IVCurve:
    """Return the IV curve of a device under a sine (or any `stimulus`).

    Parameters
    ----------
    device : Device
    engine : Engine, optional
        The nodal engine if left out.
    amplitude : float
        Volt.
    frequency : float
        Hertz.
    periods : float
    stimulus : Stimulus, optional
        In place of the sine.
    state, gate_volts, points
        As in `Engine.drive`.

    Returns
    -------
    IVCurve
        With ``.time``, ``.volts``, ``.amps`` and ``.state``.
    """
    if engine is None:
        from spicesnn.engines.nodal.engine import NodalEngine

        engine = NodalEngine()
    return engine.drive(
        device, stimulus or Sine(amplitude=amplitude, frequency=frequency, periods=periods), state=state, gate_volts=gate_volts, points=points
    )
