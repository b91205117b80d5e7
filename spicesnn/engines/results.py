"""What engines answer with. Every answer carries its certificate: the largest violation of Kirchhoff's current law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from spicesnn.arrays import Floats, number
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.errors import InputError
from spicesnn.shortcuts import shortcut
from spicesnn.shown import shown

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Read:
    """A solved read. The batch axis is there if the input had one.

    Attributes
    ----------
    column_amps : (cols,) or (batch, cols)
        Current out of each bit line into its sense node, ampere.
    row_amps : (rows,) or (batch, rows)
        Current from each driver into its word line, ampere.
    word_line_volts, bit_line_volts : (rows, cols) or (batch, rows, cols)
        Voltage of each cell's two terminals, volt.
    residual_amps : () or (batch,)
        Largest violation of Kirchhoff's current law at any node, ampere.
    stats : Mapping
        How it was solved: method, iterations, seconds, …
    array : Crossbar or None
        What was read, at `row_volts`, `column_volts` (None: 0 V) and `gate_volts`; engines fill these in.
    """

    column_amps: Floats
    row_amps: Floats
    word_line_volts: Floats
    bit_line_volts: Floats
    residual_amps: Floats
    stats: Mapping[str, object] = field(default_factory=dict)
    array: Crossbar | None = field(default=None, repr=False)
    row_volts: Floats | None = field(default=None, repr=False)
    column_volts: Floats | None = field(default=None, repr=False)
    gate_volts: Floats | None = field(default=None, repr=False)

    @property
    def cell_volts(self) -> Floats:
        """Voltage across each cell, (rows, cols) or (batch, rows, cols)."""
        return self.word_line_volts - self.bit_line_volts

    def power_watt(self, row_volts: Floats, column_volts: Floats | float = 0.0) -> Floats:
        """Return what the drivers deliver, P = Σ V_row·I_row − Σ V_column·I_column, watt, () or (batch,)."""
        return np.asarray(np.sum(self.row_amps * row_volts, axis=-1) - np.sum(self.column_amps * column_volts, axis=-1))

    @property
    def cell_amps(self) -> Floats:
        """Current through each cell, (rows, cols) or (batch, rows, cols), ampere."""
        if self.array is None:
            raise InputError("this read does not know its array; take it from an engine's read")
        return self.array.cell_current(self.cell_volts, gate=self.array.gate_of_cells(self.gate_volts))

    def energy(self, seconds: float) -> Floats:
        """Return what the drivers deliver when the read lasts this long, joule, () or (batch,).

        Examples
        --------
        >>> import spicesnn as sn
        >>> print(f"{sn.Crossbar([[1e-4]]).read([0.2]).energy(1e-6):.3g} J")
        4e-12 J
        """
        if number(seconds, "read.energy: seconds", "a time above 0") <= 0:
            raise InputError(f"read.energy: seconds = {seconds!r}; expected a time above 0")
        if self.row_volts is None:
            raise InputError("this read does not know its drive; use power_watt(row_volts, column_volts)")
        return self.power_watt(self.row_volts, 0.0 if self.column_volts is None else self.column_volts) * seconds

    def plot(self, index: int = 0) -> Figure:
        """Return a figure of line voltages, cell currents and segment currents; `index` picks an input of a batch."""
        return shortcut("read.plot")(self, index)  # type: ignore[no-any-return]

    def to_xarray(self) -> xr.Dataset:
        """Return currents and voltages with named dimensions and units (needs xarray)."""
        made: xr.Dataset = shown(self, "xarray")
        return made

    def _repr_html_(self) -> str:
        made: str = shown(self, "html")
        return made


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Waveforms:
    """Line voltages and currents over time, at the engine's own time points.

    Attributes
    ----------
    time : (points,) seconds
    row_volts, row_amps : (points, rows)
        Driver voltage, and current from the driver into the word line.
    column_volts, column_amps : (points, cols)
        Sense-node voltage, and current out of the bit line into the sense node.
    """

    time: Floats
    row_volts: Floats
    column_volts: Floats
    row_amps: Floats
    column_amps: Floats

    def to_xarray(self) -> xr.Dataset:
        """Return voltages and currents of the lines over time (needs xarray)."""
        made: xr.Dataset = shown(self, "xarray")
        return made

    def _repr_png_(self) -> bytes:
        made: bytes = shown(self, "png")
        return made


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PulseResult:
    """What a pulse did.

    Attributes
    ----------
    array : Crossbar
        The array afterwards; the array that was given is untouched.
    energy_joule : float
        Delivered by all line drivers during the pulse, ∫ΣV·I dt.
    waveforms : Waveforms
    residual_amps : float
        Largest violation of Kirchhoff's current law over all times.
    stats : Mapping
        Steps taken and rejected, …
    """

    array: Crossbar
    energy_joule: float
    waveforms: Waveforms
    residual_amps: float
    stats: Mapping[str, object] = field(default_factory=dict)

    @property
    def state(self) -> Floats:
        """State after the pulse, in the model's unit."""
        return self.array.state_or_zeros()

    def to_xarray(self) -> xr.Dataset:
        """Return states and waveforms with named dimensions and units (needs xarray)."""
        made: xr.Dataset = shown(self, "xarray")
        return made

    def _repr_html_(self) -> str:
        made: str = shown(self, "html")
        return made


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class IVCurve:
    """A device's answer to a voltage over time.

    Attributes
    ----------
    time, volts, amps : (points,)
    state : (points,) or (states, points)
    device, engine : str
        Names, for figures and files.
    """

    time: Floats
    volts: Floats
    amps: Floats
    state: Floats
    device: str
    engine: str
    stats: Mapping[str, object] = field(default_factory=dict)

    def plot(self) -> Figure:
        """Return a figure of the loop and its logarithmic view."""
        return shortcut("curve.plot")(self)  # type: ignore[no-any-return]

    def to_xarray(self) -> xr.Dataset:
        """Return the curve over time (needs xarray)."""
        made: xr.Dataset = shown(self, "xarray")
        return made

    def to_pandas(self) -> pd.DataFrame:
        """Return time, volts, amps and states as columns (needs pandas)."""
        made: pd.DataFrame = shown(self, "pandas")
        return made

    def _repr_png_(self) -> bytes:
        made: bytes = shown(self, "png")
        return made
