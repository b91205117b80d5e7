"""How accurately ngspice is asked to solve, as objects: tolerances for reads, steps and tolerances
for transients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spicesnn.errors import InputError
from spicesnn.netlist.deck import number


def _positive(owner: str, **values: float) -> None:
    for name, value in values.items():
        if not np.isfinite(value) or value <= 0:
            raise InputError(f"{owner}: {name} = {value!r}; expected a finite number above 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadAccuracy:
    """Newton tolerances of a read. A linear array is solved in one step whatever they are.

    Attributes
    ----------
    reltol : float
        Relative change of the last Newton iteration.
    vntol : float
        Volt.
    abstol : float
        Ampere.
    gmin : float
        Conductance that ngspice puts across semiconductor junctions, siemens.
    """

    reltol: float = 1e-10
    vntol: float = 1e-13
    abstol: float = 1e-18
    gmin: float = 1e-15

    def __post_init__(self) -> None:
        _positive(
            "read accuracy",
            reltol=self.reltol,
            vntol=self.vntol,
            abstol=self.abstol,
            gmin=self.gmin,
        )

    def card(self) -> str:
        """Return the ``.options`` card."""
        values = " ".join(
            f"{name}={number(getattr(self, name))}"
            for name in ("reltol", "vntol", "abstol", "gmin")
        )
        return f".options {values} itl1=500 itl2=500"


@dataclass(frozen=True, kw_only=True, slots=True)
class TransientAccuracy:
    """Steps and tolerances of a transient.

    The defaults reach a state error of 6e-5 to 2e-4 of the range with 60 to 90 points a pulse;
    ``reltol=1e-6`` takes a tenth more points and is five times as close. The trapezoidal rule is
    used throughout: Gear is ten times less accurate at the same points.

    Attributes
    ----------
    points : int
        At least this many steps over the whole transient: the largest step is its duration divided
        by this.
    max_step_s : float or None
        Largest step in seconds, if it should be smaller than that.
    reltol, vntol, abstol, chgtol, trtol : float
        ngspice's tolerances; `trtol` scales the truncation error it allows (its own default of 7 is
        generous).
    """

    points: int = 60
    max_step_s: float | None = None
    reltol: float = 1e-5
    vntol: float = 1e-9
    abstol: float = 1e-15
    chgtol: float = 1e-16
    trtol: float = 1.0

    def __post_init__(self) -> None:
        names = ("points", "reltol", "vntol", "abstol", "chgtol", "trtol", "max_step_s")
        _positive(
            "transient accuracy",
            **{name: value for name in names if (value := getattr(self, name)) is not None},
        )

    def card(self) -> str:
        """Return the ``.options`` card."""
        values = " ".join(
            f"{name}={number(getattr(self, name))}"
            for name in ("reltol", "vntol", "abstol", "chgtol", "trtol")
        )
        return f".options {values}"

    def step(self, duration_s: float) -> float:
        """Return the largest step in seconds for a transient of `duration_s`."""
        even = duration_s / self.points
        return even if self.max_step_s is None else min(even, self.max_step_s)

    def analysis(self, duration_s: float, *, settled: bool = False) -> str:
        """Return the ``tran`` command for a transient of `duration_s`: from 0 V everywhere, or
        settled at the operating point of its first volts."""
        step = number(self.step(duration_s))
        return f"tran {step} {number(duration_s)} 0 {step}{'' if settled else ' uic'}"
