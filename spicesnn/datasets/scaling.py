"""What data are subtracted by and divided by before they drive word lines: taken from training
samples, then the same for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.errors import DataError, RunError

Floats = NDArray[np.float64]
METHODS = ("none", "minmax", "standard")


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Scale:
    """A value becomes ``(value - low) / span``; nothing is clipped.

    Attributes
    ----------
    method : str
        ``none``; ``minmax``, low and span being the least value and the distance to the largest;
        ``standard``, mean and standard deviation.
    low, span : (features,) or (1,)
        One number each for all features, or one per feature. A feature that did not vary has the span
        1.
    """

    method: str
    low: Floats
    span: Floats

    @classmethod
    def of(cls, method: str, training: ArrayLike, *, together: bool = False) -> Self:
        """Return the scale of training samples.

        Parameters
        ----------
        method : str
            One of `METHODS`.
        training : (n, features)
            The samples that are learnt from, and no others.
        together : bool
            One scale for all features: pixels of an image are one quantity.

        Raises
        ------
        DataError
            Numbers so large that their distance has no floating-point number.
        """
        values = np.asarray(training)
        if method == "none":
            return cls(method=method, low=np.zeros(1), span=np.ones(1))
        axes: tuple[int, ...] = (0, 1) if together else (0,)
        with np.errstate(over="ignore", invalid="ignore"):
            if method == "minmax":
                low = np.atleast_1d(values.min(axis=axes)).astype(float)
                span = np.atleast_1d(values.max(axis=axes)).astype(float) - low
            else:
                low = np.atleast_1d(values.mean(axis=axes, dtype=float))
                span = np.atleast_1d(values.std(axis=axes, dtype=float))
        if not (np.all(np.isfinite(low)) and np.all(np.isfinite(span))):
            raise DataError(
                "the training samples span more than a floating-point number holds; divide the"
                " features by something first"
            )
        return cls(method=method, low=low, span=np.where(span > 0, span, 1.0))

    def applied(self, values: ArrayLike) -> Floats:
        """Return scaled values (n, features)."""
        return np.asarray((np.asarray(values) - self.low) / self.span)

    def check(self, features: int, name: str) -> None:
        """Raise `DataError` where data have another number of features than the scale."""
        if self.low.size not in (1, features) or self.span.size not in (1, features):
            raise DataError(
                f"{name} has {features} features; the run was scaled with"
                f" {max(self.low.size, self.span.size)}"
            )

    def table(self) -> dict[str, Any]:
        """Return what stands in ``run.toml``."""
        return {"method": self.method, "low": self.low.tolist(), "span": self.span.tolist()}

    @classmethod
    def of_table(cls, table: Mapping[str, Any], where: str) -> Self:
        """Return the scale that stands in the ``run.toml`` of a run."""
        try:
            low, span = (
                np.atleast_1d(np.asarray(table[key], dtype=float)) for key in ("low", "span")
            )
            method = str(table["method"])
        except (KeyError, TypeError, ValueError):
            method, low, span = "", np.zeros(0), np.zeros(0)
        sound = method in METHODS and low.ndim == 1 and low.shape == span.shape and low.size
        if not sound or not np.all(np.isfinite(low) & (span > 0) & (span < np.inf)):
            raise RunError(
                f"{where} is damaged: its table [scale] has no method with low and span, a number"
                " or one per feature. Train again"
            )
        return cls(method=method, low=low, span=span)

    def sentence(self, count: int, features: int) -> str:
        """Return what was done to data, for people; `count` is the number of training samples."""
        if self.method == "none":
            return 'data taken as they are (data.scale = "none")'
        each = "all pixels together" if self.low.size == 1 and features > 1 else "each feature"
        what = (
            "to 0…1 by the least and the largest value"
            if self.method == "minmax"
            else "by mean and standard deviation"
        )
        return f'{each} scaled {what} of {count} training samples (data.scale = "{self.method}")'
