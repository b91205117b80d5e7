"""What engines answer with. Every answer carries its certificate: the largest violation of
Kirchhoff's current law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from spicesnn.arrays import Floats, number, span
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.errors import InputError, WrongTypeError
from spicesnn.guesses import PICTURE, SAVED, Hinting, hinted, told
from spicesnn.shortcuts import shortcut
from spicesnn.shown import shown
from spicesnn.units import render

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_READ_WORDS = {
    "currents": "column_amps (A), cell_amps or row_amps",
    "current": "column_amps (A), cell_amps or row_amps",
    "amps": "column_amps, cell_amps or row_amps",
    "i": "column_amps (A)",
    "output": "column_amps (A)",
    "outputs": "column_amps (A)",
    "output_currents": "column_amps (A)",
    "column_currents": "column_amps (A)",
    "row_currents": "row_amps (A)",
    "cell_currents": "cell_amps (A)",
    "device_currents": "cell_amps (A)",
    "device": "cell_amps (A) or cell_volts (V)",
    "devices": "cell_amps (A) or cell_volts (V)",
    "branch_currents": "cell_amps (A), plot() for those of the wires",
    "I": "column_amps (A)",
    "V": "cell_volts (V), word_line_volts or bit_line_volts",
    "v": "cell_volts (V), word_line_volts or bit_line_volts",
    "node_voltages": "word_line_volts and bit_line_volts",
    "word_line": "word_line_volts (V)",
    "bit_line": "bit_line_volts (V)",
    "voltages": "cell_volts (V), word_line_volts or bit_line_volts",
    "volts": "cell_volts (V), word_line_volts or bit_line_volts",
    "cell_voltages": "cell_volts (V)",
    "word_line_voltages": "word_line_volts",
    "bit_line_voltages": "bit_line_volts",
    "ir_drop": "1 - cell_volts / drive",
    "power": "power_watt()",
    "energy_joule": "energy(seconds)",
    "to_numpy": "column_amps, cell_volts or cell_amps, which are arrays",
    "values": "column_amps, cell_volts or cell_amps",
    "shape": "column_amps.shape",
    "save": "to_pandas().to_csv(path), or plot().savefig(path)",
    "to_csv": "to_pandas().to_csv(path)",
    "savefig": "plot().savefig(path)",
    "show": "plot(), and matplotlib.pyplot.show() in a script",
    "residual": "residual_amps",
    "iterations": "stats",
}
_PULSE_WORDS = {
    "energy": "energy_joule",
    "power": "energy_joule / duration",
    "states": "state",
    "x": "state",
    "read": "array.read(row_volts)",
    "pulse": "array.pulse(…), for the next one",
    "crossbar": "array",
    "currents": "waveforms.row_amps and waveforms.column_amps",
    "voltages": "waveforms.row_volts and waveforms.column_volts",
    "time": "waveforms.time",
}
_CURVE_WORDS = {
    "peak": "peak_amps",
    "max": "peak_amps",
    "voltage": "volts",
    "v": "volts",
    "current": "amps",
    "i": "amps",
    "t": "time",
    "x": "state",
    "states": "state",
    "save": "to_csv(path), or plot().savefig(path)",
    "savefig": "plot().savefig(path)",
    "show": "plot(), and matplotlib.pyplot.show() in a script",
    "to_numpy": "time, volts, amps and state, which are arrays",
    "to_dataframe": "to_pandas()",
}


@hinted(_READ_WORDS)
@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Read(metaclass=Hinting):
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
        What was read, at `row_volts`, `column_volts` (None: 0 V) and `gate_volts`; engines fill
        these in.
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

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Refuse: a read has currents and voltages; one of them has to be named."""
        raise WrongTypeError(
            "a Read is no array of numbers; use read.column_amps (A), read.cell_volts (V) or"
            " read.cell_amps (A)"
        )

    def power_watt(
        self, row_volts: Floats | None = None, column_volts: Floats | float = 0.0
    ) -> Floats:
        """Return what the drivers deliver, P = Σ V_row·I_row − Σ V_column·I_column, watt, () or
        (batch,).

        The drive is that of the read; give it for a read that was made by hand.
        """
        if row_volts is None:
            if self.row_volts is None:
                raise InputError(
                    "this read does not know its drive; give power_watt(row_volts, column_volts)"
                )
            row_volts, column_volts = (
                self.row_volts,
                0.0 if self.column_volts is None else self.column_volts,
            )
        return np.asarray(
            np.sum(self.row_amps * row_volts, axis=-1)
            - np.sum(self.column_amps * column_volts, axis=-1)
        )

    @property
    def cell_amps(self) -> Floats:
        """Current through each cell, (rows, cols) or (batch, rows, cols), ampere."""
        if self.array is None:
            raise InputError("this read does not know its array; take it from an engine's read")
        return self.array.cell_current(
            self.cell_volts, gate=self.array.gate_of_cells(self.gate_volts)
        )

    @told(dict.fromkeys(("duration", "time", "t", "dt", "width", "width_s", "read_s"), "seconds=…"))
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
            raise InputError(
                "this read does not know its drive; use power_watt(row_volts, column_volts)"
            )
        return (
            self.power_watt(self.row_volts, 0.0 if self.column_volts is None else self.column_volts)
            * seconds
        )

    @told({**PICTURE, "ax": "array.plot(ax=…), or the axes of the figure: plot().axes"})
    def plot(self, index: int = 0) -> Figure:
        """Return a figure of line voltages, cell currents and segment currents; `index` picks an
        input of a batch.

        ``read.plot().savefig("read.pdf")`` writes it to a file.
        """
        return shortcut("read.plot")(self, index)  # type: ignore[no-any-return]

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a cell: word line, bit line (and the input of a batch), line voltages,
        cell voltage, cell current (needs pandas)."""
        made: pd.DataFrame = shown(self, "pandas")
        return made

    def to_xarray(self) -> xr.Dataset:
        """Return currents and voltages with named dimensions and units (needs xarray)."""
        made: xr.Dataset = shown(self, "xarray")
        return made

    def __repr__(self) -> str:
        *batch, columns = np.shape(self.column_amps)
        inputs = f" of {batch[0]} inputs" if batch else ""
        return (
            f"<Read{inputs}: {columns} column currents, {span(self.column_amps, 'A')}; Kirchhoff"
            f" residual {span(np.max(self.residual_amps, initial=0.0), 'A')}>"
        )

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

    def __repr__(self) -> str:
        return (
            f"<Waveforms: {self.time.size} points over {render(float(np.ptp(self.time)), 's')},"
            f" {self.row_volts.shape[1]} word lines, {self.column_volts.shape[1]} bit lines>"
        )

    def to_xarray(self) -> xr.Dataset:
        """Return voltages and currents of the lines over time (needs xarray)."""
        made: xr.Dataset = shown(self, "xarray")
        return made

    def _repr_png_(self) -> bytes:
        made: bytes = shown(self, "png")
        return made


@hinted(_PULSE_WORDS)
@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PulseResult(metaclass=Hinting):
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

    @property
    def conductance(self) -> Floats:
        """Conductance dI/dV at 0 V of every cell after the pulse, (rows, cols), siemens; wires left
        out."""
        return self.array.cell_conductance()

    @told({**PICTURE, "ax": "the axes of the figure: plot().axes"}, by_place=SAVED)
    def plot(self) -> Figure:
        """Return a figure of the line voltages over time and of the conductances after the
        pulse."""
        return shortcut("pulse.plot")(self)  # type: ignore[no-any-return]

    def to_xarray(self) -> xr.Dataset:
        """Return states and waveforms with named dimensions and units (needs xarray)."""
        made: xr.Dataset = shown(self, "xarray")
        return made

    def __repr__(self) -> str:
        return (
            f"<PulseResult: {render(self.energy_joule, 'J')} delivered in"
            f" {render(float(np.ptp(self.waveforms.time)), 's')}; {self.array!r}>"
        )

    def _repr_html_(self) -> str:
        made: str = shown(self, "html")
        return made


@hinted(_CURVE_WORDS)
@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class IVCurve(metaclass=Hinting):
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

    @property
    def peak_amps(self) -> float:
        """Largest current of either sign, ampere, without its sign."""
        return float(np.max(np.abs(self.amps)))

    @told(PICTURE, by_place=SAVED)
    def plot(self, *, ax: Axes | None = None) -> Figure:
        """Return a figure of the loop and its logarithmic view; with `ax`, the loop alone is drawn
        into it."""
        return shortcut("curve.plot")(self, ax)  # type: ignore[no-any-return]

    def to_csv(self, path: str | Path) -> Path:
        """Write time (s), volts, amps and states as columns of a CSV file, and return its path."""
        return shortcut("curve.to_csv")(self, path)  # type: ignore[no-any-return]

    def to_xarray(self) -> xr.Dataset:
        """Return the curve over time (needs xarray)."""
        made: xr.Dataset = shown(self, "xarray")
        return made

    def to_pandas(self) -> pd.DataFrame:
        """Return time, volts, amps and states as columns (needs pandas)."""
        made: pd.DataFrame = shown(self, "pandas")
        return made

    def __repr__(self) -> str:
        return (
            f"<IVCurve of {self.device} on {self.engine}: {self.time.size} points,"
            f" {span(self.volts, 'V')}, {span(self.amps, 'A')}>"
        )

    def _repr_png_(self) -> bytes:
        made: bytes = shown(self, "png")
        return made
