"""Spread of parameters from device to device.

A parameter that differs from cell to cell is an array in the device's dataclass, so a spread device
is a device like any other: both engines see the same numbers, and the SPICE deck carries each
cell's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spicesnn.arrays import Floats, number
from spicesnn.devices.base import Device
from spicesnn.errors import InputError, UnknownNameError
from spicesnn.guesses import nearest


class Distribution(ABC):
    """Distribution of a factor around 1 by which a parameter is multiplied."""

    @abstractmethod
    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return factors of `shape`."""


def _relative(owner: str, value: float) -> None:
    if number(value, owner, "a finite number, 0 or more") < 0:
        raise InputError(f"{owner}: {value!r}; expected a finite number, 0 or more")


@dataclass(frozen=True, slots=True)
class LogNormal(Distribution):
    """exp(σ·N(0, 1)) with σ² = ln(1 + spread²): median 1, standard deviation over mean = `spread`.

    The usual description of resistances and rates of oxide devices (Ielmini, Semicond. Sci.
    Technol. 31, 063002, 2016). Never negative."""

    spread: float

    def __post_init__(self) -> None:
        _relative("log-normal spread", self.spread)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return factors."""
        return np.asarray(np.exp(np.sqrt(np.log1p(self.spread**2)) * rng.standard_normal(shape)))


@dataclass(frozen=True, slots=True)
class Normal(Distribution):
    """1 + spread·N(0, 1), drawn again beyond ±`cut` standard deviations."""

    spread: float
    cut: float = 3.0

    def __post_init__(self) -> None:
        _relative("normal spread", self.spread)
        if number(self.cut, "normal spread: cut", "0.1 standard deviations or more") < 0.1:
            raise InputError(
                f"normal spread: cut = {self.cut!r}; expected 0.1 standard deviations or more"
            )

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return factors."""
        values = rng.standard_normal(shape)
        while np.any(outside := np.abs(values) > self.cut):
            values[outside] = rng.standard_normal(int(outside.sum()))
        return np.asarray(1.0 + self.spread * values)


@dataclass(frozen=True, slots=True)
class Uniform(Distribution):
    """Even between 1 − half_width and 1 + half_width."""

    half_width: float

    def __post_init__(self) -> None:
        _relative("uniform half width", self.half_width)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return factors."""
        return np.asarray(1.0 + self.half_width * rng.uniform(-1.0, 1.0, shape))


def spread(
    device: Device,
    shape: tuple[int, int],
    parameters: Mapping[str, Distribution],
    rng: np.random.Generator,
    *,
    scaled_to: tuple[float, float] | None = None,
) -> Device:
    """Return the device with parameters that differ from cell to cell.

    Parameters
    ----------
    device : Device
    shape : (rows, cols)
    parameters : Mapping
        Parameter name → distribution of the factor on it. They are drawn in the order of the
        mapping, independently.
    rng : numpy.random.Generator
    scaled_to : (lowest, highest), optional
        The draws are stretched so that every parameter spans exactly this, in its own unit.

    Raises
    ------
    UnknownNameError
        The device has no such parameter.
    InputError
        A value drawn is outside the parameter's range.
    """
    known = device.spice_parameters()
    for name in parameters:
        if name not in known:
            raise UnknownNameError(
                f"{device.name} has no parameter {name!r}{nearest(name, known)} It has:"
                f" {', '.join(sorted(known))}"
            )
    factors = {name: law.draw(shape, rng) for name, law in parameters.items()}
    if scaled_to is None:
        return device.with_parameters(
            **{name: np.asarray(known[name]) * factor for name, factor in factors.items()}
        )
    low, high = scaled_to
    if any(np.ptp(factor) == 0 for factor in factors.values()):
        raise InputError(
            f"scaled_to = [{low:g}, {high:g}]: draws that are all alike cannot span it; it takes"
            " two cells or more, and a spread"
        )
    return device.with_parameters(
        **{name: low + (high - low) * (f - f.min()) / np.ptp(f) for name, f in factors.items()}
    )
