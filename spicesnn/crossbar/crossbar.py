"""The array: cells at the crossings of word lines and bit lines, and the wires between them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import Floats, brief, flags, numbers, owned, span
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.devices.cycle_statistics import CycleState
from spicesnn.devices.given import device_given
from spicesnn.devices.resistor import Resistor
from spicesnn.errors import InputError, WrongTypeError
from spicesnn.guesses import PICTURE, SAVED, Hinting, hinted, told
from spicesnn.platform import available_bytes
from spicesnn.shortcuts import shortcut
from spicesnn.shown import shown

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class GateAlong(enum.Enum):
    """Which lines the third terminals of the cells hang on."""

    WORD_LINES = "word"
    BIT_LINES = "bit"


_IDEAL = Wires.ideal()
_BITS = np.dtype(np.uint64)
_INFINITY_BITS = np.array(np.inf).view(_BITS)[()]
_OHMS = 100.0, 1e12
"""Resistances of cells, in ohm; no cell conducts so many siemens."""
_MANY = 16
_OHMS_BITS = np.array(_OHMS[0]).view(_BITS)[()]


_WORDS = {
    "currents": "array.read(row_volts).column_amps (A), .cell_amps or .row_amps",
    "voltages": "array.read(row_volts).cell_volts (V), .word_line_volts or .bit_line_volts",
    "output_currents": "array.read(row_volts).column_amps",
    "resistance": "1 / array.cell_conductance()",
    "conductances": "array.cell_conductance()",
    "G": "array.conductance, or array.cell_conductance() for devices",
    "half_select": (
        "array.pulse(row_volts=…, column_volts=…, width_s=…): V/2 on half-selected lines, or"
        " `spicesnn study read-margin`"
    ),
    "ir_drop": "array.read(row_volts).cell_volts, or `spicesnn study ir-drop`",
    "solve": "array.read(row_volts)",
    "compute": "array.read(row_volts)",
    "resistances": "1 / array.cell_conductance()",
    "random": "Crossbar(rng.uniform(low, high, (rows, cols))), in siemens",
    "run": "array.read(row_volts) or array.pulse(…)",
    "simulate": "array.read(row_volts) or array.pulse(…)",
    "vmm": "array.read(row_volts).column_amps",
    "mvm": "array.read(row_volts).column_amps",
    "matvec": "array.read(row_volts).column_amps",
    "dot": "array.read(row_volts).column_amps",
    "write": "array.pulse(row_volts=…, column_volts=…, width_s=…), or with_state(state)",
    "program": (
        "array.with_state(device.state_for_conductance(siemens)), or"
        " spicesnn.learning.write_verify.write_verify for pulses"
    ),
    "set": "array.pulse(row_volts=…, column_volts=…, width_s=…), or with_state(state)",
    "reset": "array.pulse(row_volts=…, column_volts=…, width_s=…), or with_state(state)",
    "update": "array.pulse(row_volts=…, column_volts=…, width_s=…)",
    "apply": "array.pulse(pulse)",
    "copy": (
        "the array itself: it never changes; with_state, with_wires, with_conductance return new"
        " ones"
    ),
    "replace": "dataclasses.replace(array, …), or with_state, with_wires, with_conductance",
    "T": "Crossbar(array.conductance.T, wires=…): wires differ by side",
    "netlist": "array.to_deck(row_volts) or array.to_subcircuit()",
    "to_spice": "array.to_deck(row_volts) or array.to_subcircuit()",
    "to_netlist": "array.to_deck(row_volts) or array.to_subcircuit()",
    "to_circuit": "array.to_deck(row_volts) or array.to_subcircuit()",
    "to_numpy": "array.conductance, array.state or array.effective_conductance()",
    "plot_conductance": "array.plot()",
    "power": "array.read(row_volts).power_watt()",
    "energy": "array.read(row_volts).energy(seconds)",
    "monte_carlo": "spicesnn.monte_carlo(array, row_volts, imperfections=…)",
    "gradient": "spicesnn.NodalEngine().gradient(array, row_volts, dl_dcolumn_amps)",
    "iv": "spicesnn.iv(device)",
    "size": "array.shape",
    "n_rows": "array.rows",
    "n_cols": "array.cols",
    "columns": "array.cols",
    "ndim": "len(array.shape)",
    "from_resistance": "Crossbar(1 / resistance)",
    "from_resistances": "Crossbar(1 / resistances)",
    "from_conductance": (
        "Crossbar(conductance), or Crossbar(device=…, state=device.state_for_conductance(siemens))"
    ),
    "from_conductances": (
        "Crossbar(conductance), or Crossbar(device=…, state=device.state_for_conductance(siemens))"
    ),
    "from_array": "Crossbar(conductance)",
    "from_numpy": "Crossbar(conductance)",
    "from_file": "Crossbar.load(path)",
    "from_weights": "spicesnn.Network.from_arrays([(weights, bias)]).on(hardware)",
    "with_stuck": "Crossbar(…, stuck=…): True where the state never moves",
    "with_noise": "spicesnn.monte_carlo(array, row_volts, imperfections=…)",
    "with_device": "Crossbar(device=…, state=device.state_for_conductance(siemens))",
    "temperature": "at_temperature(kelvin)",
}
_ARGUMENTS = {
    "resistance": "conductance=1 / resistance",
    "resistances": "conductance=1 / resistances",
    "R": "conductance=1 / R",
    "G": "conductance=G",
    "g": "conductance=g",
    "r_i": "wires=Wires(word_line_ohm, bit_line_ohm)",
    "r_wire": "wires=Wires(word_line_ohm, bit_line_ohm)",
    "wire_resistance": "wires=Wires(word_line_ohm, bit_line_ohm)",
    "word_line_ohm": "wires=Wires(word_line_ohm=…)",
    "bit_line_ohm": "wires=Wires(bit_line_ohm=…)",
    "driver_ohm": "wires=Wires(driver_ohm=…)",
    "sense_ohm": "wires=Wires(sense_ohm=…)",
    "double_sided": "wires=Wires(double_sided=True)",
    "rows": "shape=(rows, cols)",
    "cols": "shape=(rows, cols)",
    "size": "shape=(rows, cols)",
    "selector": "device='1s1r' (a threshold selector) or device='1t1r' (a transistor)",
    "model": "device=…",
    "memristor": "device=…",
    "weights": "conductance=… in siemens, or spicesnn.Network.from_arrays([weights]).on(hardware)",
    "imperfections": "spicesnn.monte_carlo(array, row_volts, imperfections=…)",
    "variability": "spicesnn.monte_carlo(array, row_volts, imperfections=…)",
    "engine": "array.read(row_volts, engine=…)",
    "temperature": "Crossbar(…).at_temperature(kelvin)",
    "noise": "spicesnn.monte_carlo(array, row_volts, imperfections=…)",
    "faults": "stuck=…, or spicesnn.monte_carlo(array, row_volts, imperfections=…)",
    "conductances": "conductance=…",
    "initial_state": "state=…",
    "x": "state=…",
    "gate": "read(row_volts, gate_volts=…)",
}


def _like_ohms(values: Floats) -> bool:
    """Return whether conductances are resistances that somebody gave in their place: all of them
    beyond what a cell conducts, and different; many, or whole numbers such as 345 or 2e5.

    A few large ones, or one for all, are what solvers are tried with."""
    cells = values[values > 0]
    if cells.min() < _OHMS[0] or cells.max() > _OHMS[1] or np.ptp(cells) == 0:
        return False
    digits = cells / 10 ** np.floor(np.log10(cells))
    whole = np.all(cells == np.round(cells)) and np.any(np.abs(digits - 1.0) > 1e-9)
    return bool(cells.size >= _MANY or whole)


@hinted(_WORDS, _ARGUMENTS)
@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Crossbar(metaclass=Hinting):
    """A crossbar array, immutable: what changes a state returns a new array.

    Give either `conductance` (linear cells without memory; also by position, as an array or a list)
    or `device` (with `state`, or its initial state everywhere and `shape`).

    Examples
    --------
    >>> import spicesnn as sn
    >>> sn.Crossbar([[1e-4, 2e-4], [3e-4, 4e-4]]).read([0.1, 0.2]).column_amps
    array([7.e-05, 1.e-04])

    Attributes
    ----------
    conductance : (rows, cols) array, siemens, ≥ 0, or None
        0 S is an open cell.
    device : Device | None
        The model of all cells, or its name as on the command line (``"vteam"``, a file); its
        parameters may be arrays of (rows, cols).
    state : (rows, cols) array, or (states, rows, cols) for models with several state variables
        The model's own state variable, in its own unit; one number for all cells goes with `shape`.
    wires : Wires
        Wire parasitics; none unless given. One number is the resistance of every segment of both
        lines, ohm.
    stuck : (rows, cols) bool array or None
        Cells whose state never moves, whatever pulses they see.
    current_factor : (rows, cols) array or None
        What the current of every cell is multiplied by at any voltage, on top of its model: noise,
        and drift, that leads beyond the conductances which the model's states can reach. Cells with
        a device only.
    gate_along : GateAlong
        Whether `gate_volts` has one value per word line or one per bit line, for cells with a third
        terminal; also ``"word"`` or ``"bit"``.
    cycles : CycleState or None
        Where cells are in their cycles, if these follow measured statistics
        (`spicesnn.crossbar.cycles`).
    """

    conductance: Floats | None = field(default=None, kw_only=False)
    wires: Wires = field(default=_IDEAL, kw_only=False)
    device: Device | None = None
    state: Floats | None = None
    stuck: NDArray[np.bool_] | None = None
    current_factor: Floats | None = None
    gate_along: GateAlong = GateAlong.WORD_LINES
    shape: tuple[int, int] = (0, 0)
    cycles: CycleState | None = None
    cache: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    """What engines keep about this very array (set-ups, factors); never copied to a changed
    array."""

    def __post_init__(self) -> None:
        if type(self.wires) is not Wires:
            object.__setattr__(self, "wires", Wires.given(self.wires))
        if type(self.gate_along) is not GateAlong:
            object.__setattr__(self, "gate_along", _along(self.gate_along))
        if type(self.shape) is not tuple:
            object.__setattr__(self, "shape", _lines(self.shape))
        if (self.conductance is None) == (self.device is None):
            raise InputError(
                "a Crossbar takes either conductance=… (linear cells) or device=… (with"
                " state=device.state_for_conductance(siemens), or shape=…), exactly one of the two"
            )
        if self.device is None:
            self._take_conductance()
        else:
            object.__setattr__(self, "device", device_given(self.device))
            self._take_device(self.device)
        self.wires.checked_for(*self.shape)
        if self.stuck is not None:
            object.__setattr__(self, "stuck", flags(self.stuck, "stuck", self.shape))
        if self.current_factor is not None:
            self._take_factor(self.current_factor)

    def _take_conductance(self) -> None:
        if isinstance(self.conductance, Device | str | type):
            shown = (
                f"a {self.conductance.name}"
                if isinstance(self.conductance, Device)
                else brief(self.conductance)
            )
            raise WrongTypeError(
                f"conductance is {shown}; expected siemens (rows, cols). A model"
                " goes into device=…, with shape=(rows, cols); a file is read by Crossbar.load(path)"
            )
        if self.state is not None:
            raise InputError(
                "state=… belongs to device=…; an array of plain conductances has no state"
            )
        values = owned(self.conductance, "conductance")  # type: ignore[arg-type]
        self._take_shape(values.shape, "conductance")
        # As whole numbers the bits of doubles ≥ 0 are in order, with infinity and NaN at the end
        # and all that has a minus beyond: one look at the largest says that all is well (a negative
        # zero needs a second one)
        largest = np.maximum.reduce(values.view(_BITS), None)
        if largest >= _INFINITY_BITS and not (
            values.min() >= 0 and values.max() < np.inf
        ):  # NaN fails the first
            worst = np.argwhere(~np.isfinite(values) | (values < 0))[0]
            raise InputError(
                f"conductance[{worst[0]}, {worst[1]}] = {values[tuple(worst)]} S; expected finite"
                " values, 0 or more"
                + ("; of resistances in ohm, 1 / resistances" if np.any(np.isinf(values)) else "")
            )
        if largest >= _OHMS_BITS and _like_ohms(values):
            raise InputError(
                f"conductance goes from {np.min(values[values > 0]):.4g} S to"
                f" {np.max(values):.4g} S, as resistances in ohm do; expected siemens:"
                " Crossbar(1 / numpy.asarray(resistances))"
            )
        object.__setattr__(self, "conductance", values)

    def _take_factor(self, given: ArrayLike) -> None:
        if self.device is None:
            raise InputError(
                "current_factor=… belongs to device=…; multiply the conductances of an array of"
                " plain ones themselves"
            )
        factor = owned(given, "current_factor", "factors")
        if factor.shape != self.shape:
            raise InputError(f"current_factor has shape {factor.shape}; expected {self.shape}")
        if not np.all(np.isfinite(factor)) or np.any(factor < 0):
            raise InputError(
                f"current_factor lies in [{np.min(factor):.6g}, {np.max(factor):.6g}]; expected"
                " finite numbers, 0 or more"
            )
        object.__setattr__(self, "current_factor", factor)

    def _take_device(self, device: Device) -> None:
        count = len(device.state_names)
        if self.state is None or (np.ndim(self.state) == 0 and self.shape != (0, 0) and count == 1):
            if self.shape == (0, 0):
                raise InputError(
                    "a Crossbar of devices needs state=… (rows, cols), or shape=(rows, cols) for"
                    " fresh devices"
                )
            initial = np.asarray(
                device.initial_state() if self.state is None else numbers(self.state, "state"),
                dtype=float,
            )
            if count > 1 and initial.ndim == 1:
                initial = initial[:, None, None]
            _fits_memory(count, *self.shape)
            object.__setattr__(
                self,
                "state",
                np.broadcast_to(initial, ((count,) if count > 1 else ()) + tuple(self.shape)),
            )
        values = owned(self.state, "state")  # type: ignore[arg-type]
        if count > 1 and (values.ndim != 3 or values.shape[0] != count):
            raise InputError(
                f"state has shape {values.shape}; {device.name} has {count} state variables,"
                f" expected ({count}, rows, cols)"
            )
        self._take_shape(values.shape[1:] if count > 1 else values.shape, "state")
        for name, given in device.spice_parameters().items():
            if np.ndim(given) and np.shape(given) != self.shape:
                raise InputError(
                    f"{device.name}: {name} has shape {np.shape(given)}; expected one number, or"
                    f" one per cell: {self.shape}"
                )
        low, high = device.bounds()
        slack = 1e-9 * (np.asarray(high, dtype=float) - low)
        if (
            not np.all(np.isfinite(values))
            or np.any(values < low - slack)
            or np.any(values > high + slack)
        ):
            raise InputError(
                f"state of {device.name} lies in [{np.nanmin(values):.6g}, {np.nanmax(values):.6g}]"
                f" {'/'.join(device.state_units)}; expected finite values in [{np.min(low):.6g},"
                f" {np.max(high):.6g}]"
            )
        object.__setattr__(self, "state", values)

    def _take_shape(self, shape: tuple[int, ...], name: str) -> None:
        if len(shape) != 2 or 0 in shape:
            raise InputError(f"{name} has shape {shape}; expected (rows, cols), at least (1, 1)")
        if self.shape not in ((0, 0), shape):
            raise InputError(f"{name} has shape {shape}, but shape={self.shape} was asked for")
        object.__setattr__(self, "shape", shape)

    @property
    def rows(self) -> int:
        """Number of word lines."""
        return self.shape[0]

    @property
    def cols(self) -> int:
        """Number of bit lines."""
        return self.shape[1]

    @property
    def linear(self) -> bool:
        """Whether every cell's current is proportional to its voltage (at its present state)."""
        return self.device is None or self.device.linear

    @property
    def gated(self) -> bool:
        """Whether the cells have a third terminal."""
        return self.device is not None and self.device.gated

    @property
    def gate_lines(self) -> int:
        """Number of gate lines: rows or cols, by `gate_along`."""
        return self.rows if self.gate_along is GateAlong.WORD_LINES else self.cols

    def gate_of_cells(self, gate_volts: ArrayLike | None) -> Floats | None:
        """Return gate volts (…, lines) as an array that broadcasts against (…, rows, cols)."""
        if gate_volts is None:
            return None
        volts = np.asarray(gate_volts, dtype=float)
        return (
            volts[..., :, None] if self.gate_along is GateAlong.WORD_LINES else volts[..., None, :]
        )

    def cell_conductance(self, gate_volts: ArrayLike | None = None, *, v: float = 0.0) -> Floats:
        """Return dI/dV of every cell at `v` volts across it, (rows, cols), siemens, wires left
        out."""
        if self.conductance is not None:
            return self.conductance
        assert self.device is not None
        values = self.device.conductance(v, self.state_or_zeros(), self.gate_of_cells(gate_volts))
        return np.array(np.broadcast_to(self.with_factor(values), self.shape), dtype=float)

    def with_factor(self, values: Floats) -> Floats:
        """Return currents or conductances (…, rows, cols) that the model of the cells gives, times
        `current_factor`."""
        return values if self.current_factor is None else values * self.current_factor

    def cell_current(
        self, v: ArrayLike, state: ArrayLike | None = None, gate: ArrayLike | None = None
    ) -> Floats:
        """Return the current of every cell at `v` volts across it, (…, rows, cols), ampere; in
        other states, if they are given."""
        if self.conductance is not None:
            return np.asarray(self.conductance * np.asarray(v, dtype=float))
        assert self.device is not None
        return self.with_factor(
            np.asarray(
                self.device.current(v, self.state_or_zeros() if state is None else state, gate)
            )
        )

    def state_or_zeros(self) -> Floats:
        """Return the state, or zeros for cells without one."""
        return np.zeros(self.shape) if self.state is None else self.state

    def cell_device(self) -> Device:
        """Return the model of the cells; plain conductances are resistors (open cells excepted:
        their resistance is set to 1e300 Ω)."""
        if self.device is not None:
            return self.device
        assert self.conductance is not None
        with np.errstate(divide="ignore"):
            return Resistor(resistance=np.minimum(1.0 / self.conductance, 1e300))  # type: ignore[arg-type]

    def with_state(self, state: ArrayLike) -> Crossbar:
        """Return the same array with its cells in other states."""
        return replace(self, state=owned(state, "state"))

    def with_conductance(self, conductance: ArrayLike) -> Crossbar:
        """Return the same array with other cell conductances (linear cells only)."""
        return replace(self, conductance=owned(conductance, "conductance"))

    def with_wires(self, wires: Wires) -> Crossbar:
        """Return the same cells on other wires."""
        return replace(self, wires=wires)

    def __len__(self) -> int:
        return self.rows

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what copies and pickles are made of: all but what engines keep about this very
        array."""
        return _rebuilt, (
            {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.init},
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Refuse: an array has conductances, states and, with its wires, effective conductances;
        one of them has to be named."""
        raise WrongTypeError(
            "a Crossbar is no array of numbers; use array.read(row_volts).column_amps for products,"
            " array.conductance, array.state or array.effective_conductance() for its values"
        )

    def __getitem__(self, place: Any) -> Any:
        """Refuse, as `__array__` does."""
        raise WrongTypeError(
            "a Crossbar has no items; use array.conductance[…], array.state[…] or"
            " array.cell_conductance()[…], and with_conductance or with_state for other values"
        )

    def __setitem__(self, place: Any, value: Any) -> None:
        """Refuse: an array never changes."""
        self[place]

    def effective_conductance(self) -> Floats:
        """Return the matrix that the array computes with, wires included, (rows, cols), siemens:
        column_amps = row_volts @ it.

        Linear cells only.
        """
        return shortcut("array.effective_conductance")(self)  # type: ignore[no-any-return]

    def read(self, row_volts: ArrayLike | None = None, *, engine: Any = None, **lines: Any) -> Any:
        """Read the array by the nodal engine, or by another one.

        Parameters
        ----------
        row_volts : (rows,) or (batch, rows), volt
        engine : Engine or str, optional
            Also ``"nodal"`` or ``"ngspice"``.
        lines
            ``column_volts``, ``gate_volts``, ``floating_rows``, ``floating_columns``,
            ``voltages`` as in `Engine.read`.

        Returns
        -------
        Read
        """
        return shortcut("array.read")(self, row_volts, engine, **lines)

    def pulse(self, pulse: Any = None, *, engine: Any = None, **parts: Any) -> Any:
        """Apply a `Pulse` or `Waveform`, or the pulse that parts such as ``row_volts=1.0,
        width_s=1e-6`` describe; this array stays as it is.

        Returns
        -------
        PulseResult

        Examples
        --------
        >>> import spicesnn as sn
        >>> cells = sn.Crossbar(device=sn.devices.VTEAM(), shape=(1, 1))
        >>> float(cells.pulse(row_volts=-1.0, width_s=1e-6).state[0, 0])  # VTEAM is set by negative volts
        0.0
        """
        return shortcut("array.pulse")(self, pulse, engine, **parts)

    def at_temperature(
        self, kelvin: float, *, wires: str | float = "copper", **law: Any
    ) -> Crossbar:
        """Return the array at a temperature: devices that have one, lines (of a material, or with a
        coefficient in 1/K), transistors.

        See `spicesnn.crossbar.temperature`; resistances of lines hold at 293.15 K, parameters of
        transistors at 300 K."""
        return shortcut("array.at_temperature")(self, kelvin, wires=wires, **law)  # type: ignore[no-any-return]

    @told(PICTURE, by_place=SAVED)
    def plot(self, *, ax: Axes | None = None) -> Figure:
        """Return a figure of the cells' conductances, drawn into `ax` if that is given."""
        return shortcut("array.plot")(self, ax)  # type: ignore[no-any-return]

    def save(self, path: str | Path) -> Path:
        """Write cells, states and wires as an ``.npz`` file that `Crossbar.load` reads, and return
        its path.

        Raises
        ------
        InputError
            A user's own sub-circuit in the cells: it travels as its file.
        """
        return shortcut("array.save")(self, path)  # type: ignore[no-any-return]

    @classmethod
    def load(cls, path: str | Path) -> Crossbar:
        """Return the array of a file that `save` has written."""
        return shortcut("array.load")(path)  # type: ignore[no-any-return]

    def to_deck(
        self, row_volts: ArrayLike | None = None, *, pulse: Any = None, **lines: Any
    ) -> str:
        """Return the SPICE deck of a read at `row_volts`, or of a pulse; a plain ``ngspice -b``
        runs it."""
        return shortcut("array.to_deck")(self, row_volts, pulse, **lines)  # type: ignore[no-any-return]

    def to_subcircuit(self, name: str = "crossbar") -> str:
        """Return the array as a SPICE ``.subckt`` with the nodes ``r0 … c0 … [g0 …]``, cells in
        their states."""
        return shortcut("array.to_subcircuit")(self, name)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        cells = "linear conductances" if self.device is None else f"{self.device.name} cells"
        stuck = 0 if self.stuck is None else int(self.stuck.sum())
        parts = [
            cells,
            *([span(self.cell_conductance(), "S")] if self.rows * self.cols <= _SMALL else []),
            *([f"{stuck} stuck"] if stuck else []),
            "ideal wires" if self.wires == Wires.ideal() else repr(self.wires),
        ]
        return f"<Crossbar {self.rows}×{self.cols}: {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        made: str = shown(self, "html")
        return made


_SMALL = 1 << 24
"""Cells of arrays that are made without a look at the machine's memory."""


def _fits_memory(states: int, rows: int, cols: int) -> None:
    """Raise `InputError` where the states of an array alone exceed the memory that there is: said
    before anything is allocated."""
    if rows * cols <= _SMALL:
        return
    needed, there = 8 * states * rows * cols, available_bytes()
    if there is not None and needed > there:
        raise InputError(
            f"an array of {rows} × {cols} cells takes {needed / 2**30:.3g} GB for its states alone;"
            f" {there / 2**30:.3g} GB are free on this machine. Cut it into tiles"
            " (spicesnn.Hardware), or take a smaller one"
        )


def _rebuilt(parts: dict[str, Any]) -> Crossbar:
    return Crossbar(**parts)


def _along(given: Any) -> GateAlong:
    """Return which lines gates hang on, also by its text as settings say it."""
    try:
        return GateAlong(given)
    except ValueError:
        raise InputError(
            f"gate_along is {given!r:.60}; expected 'word' or 'bit', or a spicesnn.GateAlong"
        ) from None


def _lines(shape: Any) -> tuple[int, int]:
    """Return (rows, cols) of a list or an array of two whole numbers."""
    try:
        rows, cols = (int(number) for number in shape)
    except (TypeError, ValueError):
        raise WrongTypeError(f"shape is {shape!r:.60}; expected (rows, cols)") from None
    return rows, cols
