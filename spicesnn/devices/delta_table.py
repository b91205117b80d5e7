"""Functions of two variables known on a grid: how a measured or characterised device travels.

`Grid` interpolates; `DeltaTable` is ΔG(G, V), what one pulse of V volts does to a device of
conductance G."""

from __future__ import annotations

import csv
import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats, brief, owned
from spicesnn.errors import DataError, InputError
from spicesnn.file_kinds import check_is_file, unreadable
from spicesnn.whole_file import appearing


class Interpolation(enum.Enum):
    """Between grid points: straight in either variable, or a monotone cubic in either (Fritsch and
    Carlson, SIAM J. Numer. Anal. 17, 238, 1980)."""

    BILINEAR = enum.auto()
    MONOTONE_CUBIC = enum.auto()


class OutOfRange(enum.Enum):
    """Beyond the grid: an error, or the value at the edge."""

    ERROR = enum.auto()
    CLAMP = enum.auto()


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Grid:
    """Values on a grid.

    Attributes
    ----------
    x, y : (m,), (n,)
        Increasing.
    values : (m, n)
    interpolation : Interpolation
    out_of_range : OutOfRange
    """

    x: Floats
    y: Floats
    values: Floats
    interpolation: Interpolation = Interpolation.BILINEAR
    out_of_range: OutOfRange = OutOfRange.ERROR

    def __post_init__(self) -> None:
        for name in ("x", "y", "values"):
            object.__setattr__(self, name, owned(getattr(self, name), f"table: {name}"))
        for name, axis in (("first", self.x), ("second", self.y)):
            if (
                axis.ndim != 1
                or axis.size < 2
                or not np.all(np.isfinite(axis))
                or np.any(np.diff(axis) <= 0)
            ):
                raise InputError(
                    f"table: the {name} axis is {brief(axis)}; expected 2 or more finite numbers,"
                    " increasing"
                )
        if self.values.shape != (self.x.size, self.y.size) or not np.all(np.isfinite(self.values)):
            raise InputError(
                f"table: values of shape {self.values.shape}; expected finite numbers of shape"
                f" {(self.x.size, self.y.size)}"
            )

    def _inside(self, at: ArrayLike, axis: Floats, name: str) -> Floats:
        points = np.asarray(at, dtype=float)
        slack = 1e-9 * (axis[-1] - axis[0])
        if not np.all(np.isfinite(points)):
            raise InputError(f"table: the {name} argument is not finite")
        if self.out_of_range is OutOfRange.ERROR and (
            np.any(points < axis[0] - slack) or np.any(points > axis[-1] + slack)
        ):
            raise InputError(
                f"table: the {name} argument reaches from {points.min():.6g} to {points.max():.6g};"
                f" the table from {axis[0]:.6g} to {axis[-1]:.6g}. Measure a wider table, or build"
                " it with out_of_range=OutOfRange.CLAMP"
            )
        return np.asarray(np.clip(points, axis[0], axis[-1]))

    def __call__(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return the value at (x, y), which broadcast."""
        a, b = np.broadcast_arrays(
            self._inside(x, self.x, "first"), self._inside(y, self.y, "second")
        )
        if self.interpolation is Interpolation.BILINEAR:
            i, s = _cell(self.x, a)
            j, t = _cell(self.y, b)
            v = self.values
            return np.asarray(
                (1 - s) * ((1 - t) * v[i, j] + t * v[i, j + 1])
                + s * ((1 - t) * v[i + 1, j] + t * v[i + 1, j + 1])
            )
        from scipy.interpolate import PchipInterpolator

        across = PchipInterpolator(self.x, self.values, axis=0)(a.ravel())  # (points, n)
        found = np.array(
            [PchipInterpolator(self.y, row)(at) for row, at in zip(across, b.ravel(), strict=True)]
        )
        return found.reshape(a.shape)

    def slope_y(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return ∂/∂y at (x, y), bilinear tables only; at a grid line, that of the cell above; 0
        beyond a clamped edge."""
        if self.interpolation is not Interpolation.BILINEAR:
            raise InputError("table: slopes are for bilinear tables")
        a, b = np.broadcast_arrays(
            self._inside(x, self.x, "first"), self._inside(y, self.y, "second")
        )
        i, s = _cell(self.x, a)
        j, _ = _cell(self.y, b)
        v = self.values
        slope = ((1 - s) * (v[i, j + 1] - v[i, j]) + s * (v[i + 1, j + 1] - v[i + 1, j])) / (
            self.y[j + 1] - self.y[j]
        )
        outside = (np.asarray(y) < self.y[0]) | (np.asarray(y) > self.y[-1])
        return np.where(outside, 0.0, slope)


def _cell(axis: Floats, at: Floats) -> tuple[np.ndarray, Floats]:
    """Return the grid cell of each point and how far into it the point lies, 0 to 1."""
    k = np.clip(np.searchsorted(axis, at, side="right") - 1, 0, axis.size - 2)
    return k, (at - axis[k]) / (axis[k + 1] - axis[k])


def polarity_of(volts: Floats, changes: Floats) -> int:
    """Return +1 where positive pulses raise the conductance, −1 where they lower it.

    Parameters
    ----------
    volts : (n,)
    changes : (m, n)
        ΔG by a pulse of each voltage, siemens.

    Raises
    ------
    InputError
        Both signs under pulses of one polarity (more than 2 % of the largest change), the same
        under both, or no change at all.
    """
    signs = []
    for side in (volts > 0, volts < 0):
        part = changes[:, side]
        up, down = max(part.max(initial=0.0), 0.0), max(-part.min(initial=0.0), 0.0)
        if min(up, down) > 0.02 * max(up, down):
            raise InputError(
                f"ΔG table: pulses from {volts[side][0]:g} to {volts[side][-1]:g} V both raise"
                f" conductances (by up to {up:.3g} S) and lower them (by up to {down:.3g} S);"
                " expected one sign a polarity"
            )
        signs.append(0 if up == down == 0 else (1 if up > down else -1))
    if signs[0] * signs[1] > 0:
        raise InputError(
            "ΔG table: pulses of either polarity move the conductance the same way; is a sign lost"
            " in the data?"
        )
    if not any(signs):
        raise InputError("ΔG table: all changes are 0")
    return signs[0] or -signs[1]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class DeltaTable:
    """What a pulse does: ΔG(G, V).

    Attributes
    ----------
    grid : Grid
        Over conductance (siemens) and pulse amplitude (volt, of one sign or both), values in
        siemens.
    pulse_s : float
        Width of the pulses.
    """

    grid: Grid
    pulse_s: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.pulse_s) or self.pulse_s <= 0:
            raise InputError(f"ΔG table: pulse_s = {self.pulse_s!r}; expected seconds, above 0")
        if self.grid.x[0] < 0:
            raise InputError(
                f"ΔG table: conductances from {self.grid.x[0]:g} S; expected 0 S or more"
            )
        self.polarity  # noqa: B018  (checks the signs)

    @property
    def polarity(self) -> int:
        """+1 where positive pulses raise the conductance, −1 where they lower it.

        Raises
        ------
        InputError
            The table has both signs under pulses of one polarity (more than 2 % of its largest
            change), or the same under both.
        """
        return polarity_of(self.grid.y, self.grid.values)

    def after(
        self,
        siemens: ArrayLike,
        volts: ArrayLike,
        rng: np.random.Generator | None = None,
        *,
        relative: float = 0.0,
    ) -> Floats:
        """Return conductances after one pulse each, within the table's range.

        Parameters
        ----------
        siemens, volts : ArrayLike
        rng, relative : optional
            Cycle-to-cycle spread of the step, relative to it.
        """
        start = np.asarray(siemens, dtype=float)
        step = self.grid(start, volts)
        if relative:
            if rng is None:
                raise InputError("ΔG table: a spread is drawn at random; give rng=…")
            step = step * (1.0 + relative * rng.standard_normal(step.shape))
        return np.clip(start + step, self.grid.x[0], self.grid.x[-1])

    def rate(self) -> Grid:
        """Return dG/dt (S/s) on the same grid, such that a pulse of `pulse_s` makes the table's
        step.

        Where ΔG changes by s per siemens, a constant rate ΔG/t is not enough: G + ΔG(G) after t
        needs ΔG·ln(1 + s)/(s t), exact where ΔG is straight in G. Steps that would overtake each
        other (s < −1) cannot come from a rate and are an error; where all come out at the same
        conductance (s = −1, saturation) the rate brings them to within a thousandth of the step.
        """
        s = np.gradient(self.grid.values, self.grid.x, axis=0)
        if np.any(s < -1.0 - 1e-6):
            i, j = np.argwhere(s < -1.0 - 1e-6)[0]
            raise InputError(
                f"ΔG table: at {self.grid.x[i]:.4g} S and {self.grid.y[j]:.4g} V a pulse takes"
                f" larger conductances below smaller ones (∂ΔG/∂G = {s[i, j]:.3g}); no differential"
                " equation does that. Measure with shorter pulses"
            )
        s = np.maximum(s, -0.999)
        factor = np.where(np.abs(s) < 1e-8, 1.0 - s / 2, np.log1p(s) / np.where(s == 0, 1.0, s))
        return Grid(
            x=self.grid.x,
            y=self.grid.y,
            values=self.grid.values * factor / self.pulse_s,
            interpolation=self.grid.interpolation,
            out_of_range=self.grid.out_of_range,
        )

    # -- files ------------------------------------------------------------------------------------

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        *,
        interpolation: Interpolation = Interpolation.BILINEAR,
        out_of_range: OutOfRange = OutOfRange.ERROR,
    ) -> Self:
        """Return a table from a CSV file with the columns ``siemens, volts, delta_siemens,
        pulse_s``, one line a grid point, in any order."""
        wanted = ["siemens", "volts", "delta_siemens", "pulse_s"]
        check_is_file(path, "a ΔG table (.csv)")
        try:
            with Path(path).open(newline="", encoding="utf-8-sig") as file:
                rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
            table = np.array([[float(row[name]) for name in wanted] for row in rows])
        except OSError as error:
            raise unreadable(Path(path), error, "a ΔG table (.csv)") from None
        except (UnicodeDecodeError, ValueError, KeyError, TypeError, csv.Error):
            # What stands there is not repeated: the path may come from somebody else's run
            # directory.
            raise DataError(
                f"{path} is not a ΔG table: expected a CSV file with the columns"
                f" {', '.join(wanted)}, and numbers in them"
            ) from None
        if not len(table) or np.ptp(table[:, 3]) > 1e-12 * table[0, 3]:
            widths = sorted(set(table[:, 3]))[:3] if len(table) else []
            raise DataError(
                f"{path}: {len(table)} lines, pulse widths {widths}; expected one width for all"
            )
        x, i = np.unique(table[:, 0], return_inverse=True)
        y, j = np.unique(table[:, 1], return_inverse=True)
        values = np.full((x.size, y.size), np.nan)
        values[i, j] = table[:, 2]
        if len(table) != x.size * y.size or np.any(np.isnan(values)):
            raise DataError(
                f"{path}: {len(table)} points for {x.size} conductances and {y.size} voltages;"
                " expected each pair once"
            )
        grid = Grid(x=x, y=y, values=values, interpolation=interpolation, out_of_range=out_of_range)
        return cls(grid=grid, pulse_s=float(table[0, 3]))

    def to_csv(self, path: str | Path) -> None:
        """Write the table as `from_csv` reads it."""
        with (
            appearing(Path(path)) as partial,
            partial.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(["siemens", "volts", "delta_siemens", "pulse_s"])
            for x, row in zip(self.grid.x, self.grid.values, strict=True):
                writer.writerows(
                    [float(x), float(y), float(value), float(self.pulse_s)]
                    for y, value in zip(self.grid.y, row, strict=True)
                )
