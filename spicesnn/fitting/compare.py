"""Every model fitted to one measurement, and which of them the data prefer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spicesnn.devices.measurements import PulseTrain, Sweep
from spicesnn.errors import ConvergenceError, InputError
from spicesnn.fitting.fit import CUSTOMARY, FitResult, fit_data
from spicesnn.fitting.problem import measured_values, rough_weight

_FITS = 1.25
"""A model describes the data where its residuals are at most so many times those of the best."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Candidate:
    """One model of a comparison.

    Attributes
    ----------
    name : str
    result : FitResult or None
        None where the model could not be fitted.
    aic : float
        n·ln(mean square of the residuals over the magnitude of the data) + 2·parameters (Akaike,
        IEEE Trans. Autom. Control 19, 716, 1974); infinite where there is no fit.
    reason : str
        Why there is none.
    residual : float
        The root of that mean square: residuals as a fraction of the data, by which models are
        compared. (`FitResult.relative_rmse` is a fraction of each model's own curve.)
    """

    name: str
    result: FitResult | None
    aic: float
    reason: str = ""
    residual: float = np.inf

    @property
    def missed(self) -> bool:
        """Whether the fit misses the data."""
        return self.result is not None and any(
            "misses these data" in remark for remark in self.result.remarks
        )

    def verdict(self, best: Candidate) -> str:
        """Return in words what this model is against the best."""
        if self.result is None or best.result is None:
            return self.reason
        if self is best:
            return "best, but it misses the data" if self.missed else "best"
        if self.aic - best.aic < 2.0:
            return "as good; it misses the data too" if self.missed else "as good"
        ratio = self.residual / best.residual
        apart = f"residuals {ratio:.2g} times those of the best"
        if self.missed:
            return f"misses the data: {apart}"
        return apart if ratio >= _FITS else "describes the data, with less support"


def compare(
    data: Sweep | PulseTrain,
    *,
    rng: np.random.Generator,
    models: Sequence[str] | None = None,
    starts: int = 6,
    v_read: float = 0.1,
) -> tuple[Candidate, ...]:
    """Return the fits of all models to a measurement, best first by Akaike's criterion, those that
    cannot be fitted last.

    Parameters
    ----------
    data : Sweep | PulseTrain
    rng : Generator
    models : sequence of str, optional
        Names from the registry; all that can be fitted if left out.
    starts, v_read
        As in `fit_data`.
    """
    y = measured_values(data)
    found = []
    for name in CUSTOMARY if models is None else models:
        try:
            result = fit_data(name, data, rng=rng, starts=starts, v_read=v_read)
        except (ConvergenceError, InputError) as error:
            found.append(
                Candidate(name=name, result=None, aic=np.inf, reason=str(error).splitlines()[0])
            )
            continue
        square = float(np.mean(((result.fitted - y) / rough_weight(y)) ** 2))
        found.append(
            Candidate(
                name=name,
                result=result,
                aic=y.size * float(np.log(max(square, 1e-30))) + 2.0 * len(result.parameters),
                residual=float(np.sqrt(square)),
            )
        )
    return tuple(sorted(found, key=lambda candidate: candidate.aic))
