r"""One temperature for an array: its devices, its wires and its transistors.

- Device models with a temperature of their own take it (``temperature``, ``kelvin``, ``celsius``);
the other models are fits at the
  temperature at which they were measured, and stay.
- Wires: :math:`R(T) = R\,[1 + \alpha\,(T - 293.15\,\mathrm{K})]`, α by material.
- The transistor of a 1T1R cell: :math:`K_P(T) = K_P\,(T/300\,\mathrm{K})^{-3/2}`, as SPICE's level
1 has it, and
  :math:`V_{TO}(T) = V_{TO} - c\,(T - 300\,\mathrm{K})`.

What an array has before is taken to hold at 293.15 K (wires) and 300 K (transistor): ask for a
temperature once.
"""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

import numpy as np

from spicesnn.arrays import number
from spicesnn.crossbar.cells import OneTransistorOneResistor, SeriesCell
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.errors import InputError

TCR = {"none": 0.0, "copper": 3.93e-3, "tungsten": 4.5e-3, "aluminium": 4.29e-3}
"""Temperature coefficients of the resistance of bulk metals at 20 °C, 1/K; thin films have less
(measure yours).
"""
WIRES_AT, TRANSISTOR_AT = 293.15, 300.0
THRESHOLD_SLOPE = 1e-3
"""Volts that a threshold voltage falls by a kelvin; MOS transistors have 0.5 to 4 mV/K."""
_ZERO_CELSIUS = 273.15
_KELVIN = ("temperature", "kelvin")
_START = "t_init"


def at_temperature(
    array: Crossbar,
    kelvin: float,
    *,
    wires: str | float = "copper",
    threshold_slope: float = THRESHOLD_SLOPE,
) -> Crossbar:
    """Return an array at another temperature; states stay.

    Parameters
    ----------
    array : Crossbar
    kelvin : float
    wires : str or float
        Material of the lines (``copper``, ``tungsten``, ``aluminium``, ``none``), or their
        temperature coefficient in 1/K. Drivers and sense inputs are circuits and stay.
    threshold_slope : float
        Volts a kelvin by which the transistor's threshold falls.

    Raises
    ------
    InputError
        A temperature that is none, or one that a device's model does not cover; nothing in the
        array depends on temperature.
    """
    kelvin = checked(kelvin)
    alpha = coefficient(wires)
    lines = wires_at(array.wires, kelvin, alpha)
    if array.device is None:
        if lines == array.wires and alpha and kelvin != WIRES_AT:
            raise InputError(
                "nothing in this array depends on temperature: plain conductances, and ideal wires"
            )
        return replace(array, wires=lines)
    device = device_at(array.device, kelvin, threshold_slope=threshold_slope)
    state = array.state
    if state is not None and _START in device.spice_parameters():
        state = _warmed(array, array.device, device)
    return replace(array, device=device, wires=lines, state=state)


def checked(kelvin: float) -> float:
    """Return a temperature in kelvin, or raise an `InputError`."""
    value = number(kelvin, "temperature", "kelvin")
    if not 0 < value < 2000:
        raise InputError(f"temperature = {value:g} K; expected more than 0 and less than 2000 K")
    return float(value)


def coefficient(wires: str | float) -> float:
    """Return the temperature coefficient of lines, 1/K, from a material's name or the number."""
    if isinstance(wires, str):
        if wires not in TCR:
            raise InputError(f"wires of {wires!r:.40}; expected one of: {', '.join(TCR)}, or 1/K")
        return TCR[wires]
    return float(number(wires, "temperature coefficient of the wires", "1/K"))


def wires_at(wires: Wires, kelvin: float, alpha: float) -> Wires:
    """Return wires whose segments have the resistance of a temperature; those given hold at 293.15
    K.
    """
    factor = 1.0 + alpha * (kelvin - WIRES_AT)
    if factor <= 0:
        raise InputError(
            f"wires with {alpha:g}/K have no resistance left at {kelvin:g} K: the law is linear "
            "about "
            f"{WIRES_AT} K"
        )
    changed: dict[str, Any] = {
        name: getattr(wires, name) * factor for name in ("word_line_ohm", "bit_line_ohm")
    }
    return dataclasses.replace(wires, **changed)


def depends(device: Device) -> bool:
    """Return whether a device, the memristor or the transistor of a cell, takes a temperature."""
    inner = device.memristor if isinstance(device, SeriesCell) else device
    return isinstance(device, OneTransistorOneResistor) or bool(_temperatures(inner))


def _temperatures(device: Device) -> list[str]:
    names = {entry.name for entry in dataclasses.fields(device)}
    return [name for name in (*_KELVIN, "celsius") if name in names]


def device_at(device: Device, kelvin: float, *, threshold_slope: float = THRESHOLD_SLOPE) -> Device:
    """Return a device at a temperature; one whose model has none stays as it is.

    Parameters
    ----------
    device : Device
    kelvin : float
    threshold_slope : float
        Volts a kelvin by which a transistor's threshold falls.
    """
    kelvin = checked(kelvin)
    inner = device.memristor if isinstance(device, SeriesCell) else device
    changes: dict[str, Any] = {}
    for name in _temperatures(inner):
        changes[name] = kelvin - _ZERO_CELSIUS if name == "celsius" else kelvin
    if changes and _START in {entry.name for entry in dataclasses.fields(inner)}:
        changes[_START] = kelvin
    if isinstance(device, OneTransistorOneResistor):
        warmer = kelvin - TRANSISTOR_AT
        changes["transistor_kp"] = device.transistor_kp * (kelvin / TRANSISTOR_AT) ** -1.5
        changes["transistor_vto"] = device.transistor_vto - threshold_slope * warmer
    try:
        return device.with_parameters(**changes) if changes else device
    except InputError as error:
        raise InputError(f"{device.name} cannot be at {kelvin:g} K: {error}") from None


def _warmed(array: Crossbar, old: Device, new: Device) -> Any:
    """Return states of which a temperature that was the old ambient one is the new ambient one."""
    before, after = old.spice_parameters()[_START], new.spice_parameters()[_START]
    state = np.array(array.state_or_zeros())
    warm = np.isclose(state[-1], before, rtol=1e-12)
    state[-1] = np.where(warm, after, state[-1])
    return state
