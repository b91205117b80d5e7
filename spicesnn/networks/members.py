"""What a network is told of its members: where samples come in, and its populations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spicesnn.errors import InputError
from spicesnn.guesses import hinted
from spicesnn.networks.nodes import Node, Shape
from spicesnn.networks.populations import Population

CODES = ("held", "spikes", "poisson", "events")
"""Ways in which samples come in."""


@hinted({}, dict.fromkeys(("n", "size", "neurons"), "shape=…"))
@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """Where samples come in.

    Attributes
    ----------
    shape : int or tuple of int
        Of a sample, or of one time step of it.
    code : "held", "spikes", "poisson" or "events"
        A value that stands for the whole sample; spikes drawn in every step with a probability
        proportional to it; the events of Poisson processes of a rate proportional to it, of which a
        step can have several; or samples that have a time axis themselves.
    probability : float
        Of a spike in a step at value 1.
    rate_hz : float
        Of the events at value 1.
    boost_hz : float
        Added to it each time that a sample is shown again.
    fewest_spikes, most_tries : int
        A sample that the output answers with fewer spikes is shown again, up to so often; the last
        time counts.
    """

    shape: int | Shape
    code: str = "held"
    probability: float = 0.3
    rate_hz: float = 63.75
    boost_hz: float = 32.0
    fewest_spikes: int = 0
    most_tries: int = 1

    def __post_init__(self) -> None:
        _check_shape("inputs", self.shape)
        if self.code not in CODES:
            raise InputError(f"inputs: code is {self.code!r}; expected one of: {', '.join(CODES)}")
        if not (np.isfinite(self.rate_hz) and self.rate_hz > 0 and self.boost_hz >= 0):
            raise InputError(
                f"inputs: rate_hz is {self.rate_hz!r} and boost_hz {self.boost_hz!r}; expected a"
                " rate above 0, and 0 or more"
            )
        if self.most_tries < 1 or self.fewest_spikes < 0:
            raise InputError(
                f"inputs: most_tries is {self.most_tries!r} and fewest_spikes"
                f" {self.fewest_spikes!r}; expected 1 or more, and 0 or more"
            )
        if self.fewest_spikes and self.code != "poisson":
            raise InputError(
                f"inputs: fewest_spikes is {self.fewest_spikes}, and samples are shown again,"
                f" brighter, only with code = poisson; expected 0 with code = {self.code}"
            )
        if not 0 < self.probability <= 1:
            raise InputError(
                f"inputs: probability is {self.probability!r}; expected a number above 0, at most 1"
            )

    @property
    def tries(self) -> int:
        """How often a sample is shown at most."""
        return self.most_tries if self.fewest_spikes else 1

    @property
    def drawn(self) -> bool:
        """Whether spikes are drawn, for values from 0 to 1."""
        return self.code in ("spikes", "poisson")


@hinted({}, {**dict.fromkeys(("n", "size", "neurons"), "shape=…"), "model": "kind=…"})
@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Neurons:
    """A population: its shape, and what its neurons are (a `Population`, or an activation for
    networks without time)."""

    shape: int | Shape
    kind: Population | Node

    def __post_init__(self) -> None:
        _check_shape("neurons", self.shape)
        if not isinstance(self.kind, Population | Node):
            raise InputError(
                f"neurons: kind is {self.kind!r:.60}; expected neurons such as LIF() of"
                " spicesnn.networks.populations, or Activation('relu') of"
                " spicesnn.networks.activations"
            )


def _check_shape(owner: str, shape: Any) -> None:
    try:
        sizes = np.atleast_1d(np.asarray(shape))
    except ValueError:
        sizes = np.zeros(0)
    if sizes.dtype.kind not in "iu" or sizes.ndim != 1 or not sizes.size or np.any(sizes < 1):
        raise InputError(
            f"{owner}: shape is {shape!r:.60}; expected a number, or (channels, rows, columns)"
        )


def shape_of(shape: int | Shape) -> Shape:
    """A shape as a tuple; a number is that of one axis."""
    return (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
