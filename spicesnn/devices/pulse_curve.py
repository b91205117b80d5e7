"""A device known by its conductance after each of a row of identical pulses, as measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats, owned
from spicesnn.devices.delta_table import DeltaTable, Grid, OutOfRange
from spicesnn.devices.instruments.pulses import read_curve
from spicesnn.devices.instruments.reading import read_blocks
from spicesnn.errors import DataError, InputError
from spicesnn.file_kinds import check_is_file

_ALIKE = 1e-3
"""Relative difference up to which a voltage or width that the user gives is the file's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WritePulses:
    """The pulses behind a curve of conductances over pulse numbers.

    Attributes
    ----------
    set_volts, reset_volts : float
        Amplitudes, of opposite sign.
    width_s : float
    """

    set_volts: float
    reset_volts: float
    width_s: float

    def __post_init__(self) -> None:
        if not self.set_volts * self.reset_volts < 0 or not 0 < self.width_s < np.inf:
            raise InputError(
                f"write pulses of {self.set_volts:g} V and {self.reset_volts:g} V, {self.width_s:g}"
                " s; expected amplitudes of opposite sign, and seconds above 0"
            )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PulseCurve:
    """Conductance against pulse number, for set pulses and, where measured, for reset pulses.

    Attributes
    ----------
    raising : (pulses + 1,) siemens
        After 0, 1, 2, … set pulses, as measured. It rises, scatter apart.
    lowering : (pulses + 1,) siemens or None
        After 0, 1, 2, … reset pulses. It falls, scatter apart.
    remarks : tuple of str
        What was read from the file, and what was left out: two lines.
    said : Mapping[str, float or None]
        ``set_volts``, ``reset_volts`` and ``width_s`` of the pulses, where the file says them.
    """

    raising: Floats
    lowering: Floats | None = None
    remarks: tuple[str, ...] = ()
    said: Mapping[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, sign in (("raising", 1.0), ("lowering", -1.0)):
            if getattr(self, name) is None:
                continue
            values = owned(getattr(self, name), f"pulse curve: {name}", "conductances")
            if (
                values.ndim != 1
                or values.size < 2
                or not np.all(np.isfinite(values))
                or np.any(values <= 0)
            ):
                raise InputError(
                    f"pulse curve: {name} has shape {values.shape}; expected 2 or more finite"
                    " conductances above 0 S"
                )
            if sign * (values[1:].mean() - values[0]) <= 0:
                later = values[1:].mean()
                raise InputError(
                    f"pulse curve: {name} begins at {values[0]:.4g} S and continues at {later:.4g}"
                    " S on average: the wrong way"
                )
            object.__setattr__(self, name, values)

    @classmethod
    def from_csv(cls, path: str | Path, *, v_read: float | None = None) -> Self:
        """Return the curve of a CSV file with a header, one line a pulse from 0 on.

        One column of conductances: set pulses, or set pulses and then reset pulses (or the other
        way round, also several cycles, which are averaged): the curve is cut where it turns, or
        where a column of voltages or of words (set, reset; LTP, LTD) says so. Two columns: what
        rises and what falls. Conductances are in siemens, or in the unit the header says (``G
        (µS)``, ``conductance_nS``); resistances and read currents are converted. A column of pulse
        numbers is left out. `remarks` says what was read and what was left out.

        Parameters
        ----------
        path : str | Path
        v_read : float, optional
            Read voltage of currents; the file's own, or 0.1 V, if left out.

        Raises
        ------
        DataError
            Absent, damaged, no pulse curve; the message names the line.
        """
        path = Path(path)
        check_is_file(path, "a pulse curve (.csv)")
        blocks, notes = read_blocks(path)
        found = read_curve(path, blocks, notes, v_read)
        own = {
            "set_volts": found.set_volts,
            "reset_volts": found.reset_volts,
            "width_s": found.width_s,
        }
        if found.raising is None:
            begin, end = (
                (float(found.lowering[k]) for k in (0, -1))
                if found.lowering is not None
                else (0.0, 0.0)
            )
            raise DataError(
                f"{path}: it only falls, from {begin:.4g} S to {end:.4g} S, which is the wrong way"
                " for set pulses; measure those too"
            )
        try:
            return cls(
                raising=found.raising, lowering=found.lowering, remarks=found.remarks, said=own
            )
        except InputError as error:
            raise DataError(f"{path}: {error}") from None

    def pulses(
        self,
        *,
        set_volts: float | None = None,
        reset_volts: float | None = None,
        width_s: float | None = None,
        assumed: WritePulses | None = None,
    ) -> WritePulses:
        """Return the pulses of the curve, each number as the file says it, as it is given here, or
        as it is assumed; resets are minus the sets.

        Parameters
        ----------
        set_volts, reset_volts, width_s : float, optional
            Of the pulses that raise the conductance, of those that lower it, of both.
        assumed : WritePulses, optional
            What nobody says.

        Raises
        ------
        InputError
            Nobody says one of them, or the file says another number than was given.
        """
        given = {"set_volts": set_volts, "reset_volts": reset_volts, "width_s": width_s}
        found = dict(given)
        for name, value in self.said.items():
            if value is None:
                continue
            number = given[name]
            if number is not None and abs(number - value) > _ALIKE * abs(value):
                raise InputError(
                    f"pulse curve: its file says {name} = {value:g}, and {number:g} was given;"
                    " leave it out, or give the file's"
                )
            found[name] = value
        up, down, width = (found[name] for name in given)
        if up is None:
            up = -down if down is not None else None if assumed is None else assumed.set_volts
        if width is None and assumed is not None:
            width = assumed.width_s
        if up is None or width is None:
            raise InputError(
                "pulse curve: neither its file nor the call says the pulses' voltage and width;"
                " give them (--pulse-volts, --pulse-width)"
            )
        return WritePulses(set_volts=up, reset_volts=-up if down is None else down, width_s=width)

    def measured(self, pulses: ArrayLike) -> Floats:
        """Return the conductance as measured after so many set pulses (whole numbers); past the
        last point it stays there."""
        count = np.asarray(pulses)
        if np.any(count < 0) or not np.all(count == np.round(count)):
            raise InputError(
                f"pulse curve: pulses {pulses!r:.60}; expected whole numbers, 0 or more"
            )
        return np.asarray(self.raising[np.minimum(count, self.raising.size - 1).astype(np.int64)])

    def _values(self, raising: bool) -> Floats:
        values = self.raising if raising else self.lowering
        if values is None:
            raise InputError("pulse curve: no reset pulses were measured; give lowering=…")
        return values

    def smooth(self, *, raising: bool = True) -> tuple[Floats, Floats]:
        """Return pulse numbers and conductances of the monotone curve, (knots,) each; straight
        between them, level beyond the last.

        Isotonic regression pools neighbours that scatter the wrong way into blocks; a knot is the
        middle of a block, and the first is the first measured point. (A curve that kept the blocks
        as steps would let a device that sits on one jump over all its pulses at once.)"""
        from scipy.optimize import isotonic_regression

        values = self._values(raising)
        fitted = isotonic_regression(values, increasing=raising)
        edges = np.asarray(fitted.blocks, dtype=float)
        middles, levels = (
            0.5 * (edges[:-1] + edges[1:] - 1.0),
            np.asarray(fitted.x)[np.asarray(fitted.blocks[:-1], dtype=np.int64)],
        )
        beyond = (middles > 0) & ((levels > values[0]) if raising else (levels < values[0]))
        return np.append(0.0, middles[beyond]), np.append(values[0], levels[beyond])

    def saturation(self) -> tuple[float, float, float]:
        """Return ΔG and n₀ of G(0) + ΔG·(1 − exp(−n/n₀)) through the set pulses n, and the rms
        residual: siemens, pulses, siemens.

        The curve begins at the first measured point and ends where the exponential does, so that
        scatter around the end averages out."""
        from scipy.optimize import curve_fit

        values = self.raising
        if values.size < 4:
            raise DataError(
                f"pulse curve: {values.size} conductances; expected 4 or more for a fit that"
                " saturates"
            )
        count, unit = np.arange(values.size, dtype=float), float(np.ptp(values))

        def rise(n: Floats, gain: float, pulses: float) -> Floats:
            return np.asarray(gain * (1 - np.exp(-n / pulses)))

        try:
            (gain, pulses), _ = curve_fit(
                rise,
                count,
                (values - values[0]) / unit,
                p0=(1.0, 3.0),
                bounds=([1e-6, 1e-2], [10.0, 1e4]),
            )
        except RuntimeError as error:
            raise DataError(
                f"pulse curve: no exponential passes through these conductances ({error})"
            ) from None
        residual = float(
            np.sqrt(np.mean((values[0] + unit * rise(count, gain, pulses) - values) ** 2))
        )
        return float(gain) * unit, float(pulses), residual

    def described(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return what describes the set pulses, and one standard deviation of each: g_first, g_gain
        (S), pulses, scatter (S)."""
        values, scatter = self.raising, self.scatter()
        spread = scatter / np.sqrt(2.0 * max(values.size - 2, 1))
        found, error = {"g_first": float(values[0])}, {"g_first": scatter}
        if values.size >= 4:
            gain, pulses, residual = self.saturation()
            n = np.arange(values.size, dtype=float)
            fall = np.exp(-n / pulses)
            slopes = np.stack(
                [1 - fall, -n / pulses * fall], axis=1
            )  # over ln of the gain and of the pulses, in units of the gain
            covariance = (
                np.linalg.pinv(slopes.T @ slopes)
                * (residual / gain) ** 2
                * values.size
                / (values.size - 2)
            )
            found |= {"g_gain": gain, "pulses": pulses}
            error |= {
                "g_gain": gain * float(np.sqrt(covariance[0, 0])),
                "pulses": pulses * float(np.sqrt(covariance[1, 1])),
            }
        return found | {"scatter": scatter}, error | {"scatter": float(spread)}

    def scatter(self, *, raising: bool = True) -> float:
        """Return the standard deviation of what was measured around a smooth curve, siemens; 0 for
        fewer than 3 points.

        From second differences, which a smooth curve hardly enters (Gasser, Sroka and
        Jennen-Steinmetz, Biometrika 73, 625, 1986), by their median, so that a large first step
        does not count as scatter: σ = 1.4826·median |y₋ − 2y + y₊| / √6."""
        values = self._values(raising)
        return (
            float(1.4826 * np.median(np.abs(np.diff(values, 2))) / np.sqrt(6.0))
            if values.size > 2
            else 0.0
        )

    def after(
        self, siemens: ArrayLike, pulses: ArrayLike, rng: np.random.Generator | None = None
    ) -> Floats:
        """Return conductances after `pulses` more pulses each, set for numbers above 0 and reset
        below.

        The device moves along the monotone curve from where its conductance lies on it, and
        saturates at its end. With `rng` the measured scatter is added to every conductance that was
        pulsed, within the range of the curve."""
        start, count = np.broadcast_arrays(
            np.asarray(siemens, dtype=float), np.asarray(pulses, dtype=float)
        )
        if not np.all(count == np.round(count)):
            raise InputError(f"pulse curve: pulses {pulses!r:.60}; expected whole numbers")
        result = np.array(start)
        for raising, which in ((True, count > 0), (False, count < 0)):
            if not np.any(which):
                continue
            pulse, curve = self.smooth(raising=raising)
            forward = slice(None) if raising else slice(None, None, -1)
            at = np.interp(start[which], curve[forward], pulse[forward])
            moved = np.interp(at + np.abs(count[which]), pulse, curve)
            if rng is not None:
                moved = np.clip(
                    moved + self.scatter(raising=raising) * rng.standard_normal(moved.shape),
                    curve.min(),
                    curve.max(),
                )
            else:  # a conductance beyond the end of the curve is not taken back by a pulse the other way
                moved = (
                    np.maximum(moved, start[which]) if raising else np.minimum(moved, start[which])
                )
            result[which] = moved
        return result

    def _levels(self) -> Floats:
        """Return the conductances of the table: those of the curves' knots, half-way between them,
        and no two closer than a 200th of the range."""
        curves = [
            self.smooth(raising=raising)
            for raising in (True, False)
            if raising or self.lowering is not None
        ]
        found = np.sort(
            np.concatenate(
                [
                    np.interp(np.linspace(0, pulse[-1], 2 * pulse.size - 1), pulse, curve)
                    for pulse, curve in curves
                ]
                + [curve for _, curve in curves]
            )
        )
        apart = 5e-3 * (found[-1] - found[0])
        kept = [found[0]]
        for value in found[1:]:
            if value - kept[-1] > apart:
                kept.append(value)
        kept[-1] = found[-1]
        return np.array(kept)

    def table(
        self, set_volts: float, reset_volts: float | None, pulse_s: float, *, threshold: float = 0.5
    ) -> DeltaTable:
        """Return ΔG(G, V) of a device that does nothing below `threshold` of its write voltages and
        moves in proportion beyond.

        The amplitude was not varied in such a measurement, so the voltages between are an
        assumption: a straight line from the threshold.

        Parameters
        ----------
        set_volts, reset_volts : float
            Amplitudes of the measured pulses, of opposite sign. Without measured reset pulses the
            device only goes up: pulses of the other polarity do nothing, and `reset_volts` is not
            used.
        pulse_s : float
        threshold : float
            Share of the write voltages, 0 to 1.
        """
        if self.lowering is None:
            reset_volts = -set_volts
        if reset_volts is None or set_volts * reset_volts >= 0 or not 0 < threshold < 1:
            raise InputError(
                f"pulse curve: {set_volts} V, {reset_volts} V, threshold {threshold}; expected"
                " opposite signs, and a fraction in (0, 1)"
            )
        siemens = self._levels()
        up = self.after(siemens, np.ones(siemens.size)) - siemens
        down = (
            np.zeros(siemens.size)
            if self.lowering is None
            else self.after(siemens, -np.ones(siemens.size)) - siemens
        )
        volts = np.array(
            [reset_volts, threshold * reset_volts, 0.0, threshold * set_volts, set_volts]
        )
        values = np.stack([down, 0 * down, 0 * up, 0 * up, up], axis=1)
        order = np.argsort(volts)
        return DeltaTable(
            grid=Grid(
                x=siemens, y=volts[order], values=values[:, order], out_of_range=OutOfRange.CLAMP
            ),
            pulse_s=pulse_s,
        )
