"""The current-voltage curve of one device, on either engine."""

from __future__ import annotations

from numpy.typing import ArrayLike

from spicesnn.devices.base import Device
from spicesnn.devices.given import device_given
from spicesnn.devices.stimulus import Sine, Stimulus
from spicesnn.engines.base import Engine
from spicesnn.engines.default import engine_given
from spicesnn.engines.results import IVCurve
from spicesnn.errors import InputError
from spicesnn.guesses import told
from spicesnn.units import in_unit

_WAVE = "stimulus=sn.PiecewiseLinear(time_s=…, level_volts=…)"
_WORDS = {
    "freq": "frequency=…",
    "f": "frequency=…",
    **dict.fromkeys(("v", "volts", "voltage", "voltages", "waveform", "t", "time"), _WAVE),
    "vmax": "amplitude=…",
    "v_max": "amplitude=…",
    "amp": "amplitude=…",
    "cycles": "periods=…",
    "n": "points=…",
    "n_points": "points=…",
    "steps": "points=…",
    "x0": "state=…",
    "initial_state": "state=…",
}


@told(_WORDS, otherwise="parameters belong to the model: sn.iv(sn.devices.VTEAM(r_on=100))")
def iv(
    device: Device | str,
    engine: Engine | str | None = None,
    amplitude: float | str = 1.0,
    frequency: float | str = 1e3,
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
    device : Device or str
        Also a name or file as on the command line, such as ``"vteam"``.
    engine : Engine or str, optional
        The nodal engine if left out; also ``"nodal"`` or ``"ngspice"``.
    amplitude : float or str
        Volt, or a text such as ``"500mV"``. `Device.typical_drive` says what shows a model at work.
    frequency : float or str
        Hertz, or a text such as ``"20kHz"``.
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
    if isinstance(engine, Stimulus | int | float):
        place = "stimulus" if isinstance(engine, Stimulus) else "amplitude"
        raise InputError(
            f"iv: engine is {engine!r:.60}; expected an engine or its name. Give it by name:"
            f" {place}=…"
        )
    driven = device_given(device)
    sine = Sine(
        amplitude=in_unit(amplitude, "V", "iv: amplitude"),
        frequency=in_unit(frequency, "Hz", "iv: frequency"),
        periods=periods,
    )
    with engine_given(engine) as solver:
        return solver.drive(
            driven, stimulus or sine, state=state, gate_volts=gate_volts, points=points
        )
