"""Characterise any cell through an engine: drive it with reads and pulses, write tables that stand for it, and measure their error."""

from __future__ import annotations

import csv
import enum
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from spicesnn.devices.base import Device, Floats
from spicesnn.devices.cell_tables import CellTables, IncrementTable, TableDevice, squeeze
from spicesnn.errors import DataError, InputError, RunError

if TYPE_CHECKING:
    from spicesnn.engines.base import Engine

_CELLS = 32
"""Cells that are solved in one run."""
_FLOOR = 0.01
"""Errors are relative to the value, or to this share of the largest one where the value is smaller."""
_SMALL, _LEVELS = 0.02, 6
"""A pulse that moves the state by this share of its range at most shows the rate; it is shortened tenfold, so many times, until it does."""
_HARDLY = 1e-3
"""A rate that moves the state by this share of its range in a pulse hardly counts."""
_EDGES = np.array([0.0, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2])
"""Extra states near both bounds, as shares of the range: rates fall to zero there."""
_FINE = 161
"""Voltages, and states, of the increment table, which is integrated from the rates."""
_CELL = ("volts", "states", "amps", "rates", "initial", "least")
_PULSE = ("siemens", "volts", "delta_siemens", "width_s")


class Axis(enum.Enum):
    """What the amplitude of the programming pulses is applied to."""

    CELL = "cell"
    """The word line; the gate, if there is one, stands at `gate_volts`."""
    GATE = "gate"
    """The gate; the word line gets `cell_volts`."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Characterization:
    """Tables of one cell.

    Attributes
    ----------
    device : TableDevice
        I(V, x) and dx/dt(V, x): runs in the nodal engine in place of the cell.
    increments : IncrementTable
        ΔG(G, V) by one pulse of `width_s`.
    current_error, increment_error : float
        Largest difference between `device` and the engine at random points that are not on the grids: of the current, and of ΔG
        by a pulse (integrated from the rates, as the nodal engine does), each relative to the engine's value, or to a hundredth
        of the largest where that is smaller.
    lookup_error : float
        The same for `increments`, a bilinear table: larger where ΔG has a kink, as at the voltage that just reaches a bound.
    """

    device: TableDevice
    increments: IncrementTable
    current_error: float
    increment_error: float
    lookup_error: float

    @property
    def max_relative_error(self) -> float:
        """The larger of the errors of current and ΔG."""
        return max(self.current_error, self.increment_error)

    def write(self, folder: str | Path) -> Path:
        """Write ``table.npz`` (everything), ``increments.csv`` (as `DeltaTable.from_csv` takes it) and ``currents.csv``; return the first."""
        folder, cell, table = Path(folder), self.device.tables, self.increments
        arrays: dict[str, Any] = {f"cell_{name}": np.asarray(getattr(cell, name)) for name in _CELL}
        arrays |= {f"pulse_{name}": np.asarray(getattr(table, name)) for name in _PULSE}
        arrays |= {"source": np.array(cell.source), "errors": np.array([self.current_error, self.increment_error, self.lookup_error])}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            np.savez(folder / "table.npz", **arrays)
            with (folder / "increments.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(("siemens", "volts", "delta_siemens", "pulse_s"))
                for g, row in zip(table.siemens, table.delta_siemens, strict=True):
                    writer.writerows((g, v, change, table.width_s) for v, change in zip(table.volts, row, strict=True))
            with (folder / "currents.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(("state", "volts", "amps"))
                for x, row in zip(cell.states, cell.amps, strict=True):
                    writer.writerows((x, v, amps) for v, amps in zip(cell.volts, row, strict=True))
        except OSError as error:
            raise RunError(f"{folder} cannot be written: {error.strerror}") from None
        return folder / "table.npz"

    @classmethod
    def read(cls, path: str | Path) -> Characterization:
        """Return what `write` wrote, from its ``table.npz``."""
        try:
            with np.load(path, allow_pickle=False) as file:
                cell: dict[str, Any] = {name: np.asarray(file[f"cell_{name}"]) for name in _CELL}
                pulse: dict[str, Any] = {name: np.asarray(file[f"pulse_{name}"]) for name in _PULSE}
                source, errors = str(file["source"]), [float(error) for error in file["errors"]]
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise DataError(f"{path} is not a table that spicesnn characterize wrote: {error}") from None
        device = TableDevice(tables=CellTables(**(cell | {name: float(cell[name]) for name in ("initial", "least")}), source=source))
        table = IncrementTable(**(pulse | {"width_s": float(pulse["width_s"])}))
        return cls(device=device, increments=table, current_error=errors[0], increment_error=errors[1], lookup_error=errors[2])


def characterize(
    device: Device,
    *,
    engine: Engine,
    volts: ArrayLike,
    width_s: float,
    rng: np.random.Generator,
    axis: Axis = Axis.CELL,
    states: ArrayLike | int = 41,
    v_read: float = 0.1,
    gate_volts: float | None = None,
    cell_volts: float = 0.0,
    checks: int = 200,
) -> Characterization:
    """Drive a cell through an engine and return its tables with their measured error.

    Two series of runs, each with many cells side by side, without wires and without rise times: reads of the current at every
    voltage and state, and pulses of `width_s` or as much shorter as it takes for the state to move by little, whose Δx, placed
    at the middle of its way, is the rate. The ΔG table is then integrated from the rates on a fine grid, which follows a
    device into saturation better than a table of measured increments. Current and ΔG are compared with the engine at
    `checks` random points, with full pulses: that is the error the answer carries.

    Parameters
    ----------
    device : Device
        Any cell with one state variable; a user's own sub-circuit too (ngspice engine).
    engine : Engine
        Who solves it; the ngspice engine for what the tables are to stand for.
    volts : (n,)
        Increasing pulse amplitudes, across the cell or at the gate (`axis`).
    width_s : float
        Pulse width of the ΔG table.
    rng : Generator
        Where the random checks come from.
    axis : Axis
    states : int or (n,)
        How many states between the bounds, or which.
    v_read : float
        Voltage at which the conductance G = I/V is read.
    gate_volts : float, optional
        Gate level of reads, and of pulses along `Axis.CELL`; the device's `gate_default` if left out.
    cell_volts : float
        Cell voltage of pulses along `Axis.GATE`.
    checks : int
        Random points, 0 for none (the errors are then nan).

    Returns
    -------
    Characterization
    """
    bench = _Bench(device=device, engine=engine, axis=axis, v_read=v_read, gate_volts=_gate(device, gate_volts), cell_volts=cell_volts)
    amplitudes, grid = _checked(device, volts, width_s, states, axis)
    siemens = bench.conductances(grid)
    if np.any(siemens <= 0) or not (np.all(np.diff(siemens) > 0) or np.all(np.diff(siemens) < 0)):
        raise InputError(f"{device.name}: the conductance at {v_read:g} V is not positive and monotone in the state; choose another v_read")
    rates = bench.rates(grid, amplitudes, width_s)
    initial = float(np.clip(np.asarray(device.initial_state(), dtype=float), grid[0], grid[-1]))
    known: dict[str, Any] = {"states": grid, "source": device.name, "initial": initial, "least": _HARDLY * (grid[-1] - grid[0]) / width_s}
    if axis is Axis.CELL:
        tables = CellTables(volts=amplitudes, amps=bench.currents(grid, amplitudes), rates=rates, **known)
        moving = tables
    else:
        reads = np.linspace(-1.0, 1.0, 21) * max(abs(cell_volts), abs(v_read))
        tables = CellTables(volts=reads, amps=bench.currents(grid, reads), rates=np.zeros((grid.size, reads.size)), **known)
        moving = CellTables(volts=amplitudes, amps=np.outer(siemens, amplitudes), rates=rates, **known)
    table, mover = TableDevice(tables=tables), TableDevice(tables=moving)
    increments = _increments(mover, siemens, width_s)
    errors = _errors(bench, table, mover, increments, siemens, rng, checks) if checks else (np.nan, np.nan, np.nan)
    return Characterization(device=table, increments=increments, current_error=errors[0], increment_error=errors[1], lookup_error=errors[2])


def _moved(moving: TableDevice, states: Floats, volts: Floats, width_s: float) -> Floats:
    """Return the states after one pulse each, integrated from the table's rates by the nodal engine, (n,)."""
    from spicesnn.crossbar.crossbar import Crossbar
    from spicesnn.crossbar.wires import Wires
    from spicesnn.engines.nodal.engine import NodalEngine
    from spicesnn.engines.stimulus import Pulse

    array = Crossbar(device=moving, state=states[:, None], wires=Wires.ideal())
    return NodalEngine().pulse(array, Pulse(row_volts=volts, width_s=width_s)).state[:, 0]


def _increments(moving: TableDevice, siemens: Floats, width_s: float) -> IncrementTable:
    """Return the increments of one pulse, integrated from the rates, on a fine grid of (ln G, V)."""
    states, amplitudes, logs = moving.tables.states, moving.tables.volts, np.log(siemens)
    upward = slice(None) if logs[-1] > logs[0] else slice(None, None, -1)
    before = np.unique(np.concatenate([np.linspace(float(logs.min()), float(logs.max()), _FINE), logs]))
    start = np.clip(np.interp(before, logs[upward], states[upward]), states[0], states[-1])
    volts = np.unique(np.concatenate([np.linspace(amplitudes[0], amplitudes[-1], _FINE), amplitudes]))
    x, v = (axis.ravel() for axis in np.meshgrid(start, volts, indexing="ij"))
    later = np.interp(_moved(moving, x, v, width_s), states, logs).reshape(start.size, volts.size)
    return IncrementTable(siemens=np.exp(before), volts=volts, delta_siemens=np.exp(later) - np.exp(before)[:, None], width_s=width_s)


def _gate(device: Device, gate_volts: float | None) -> float | None:
    if not device.gated:
        if gate_volts is not None:
            raise InputError(f"{device.name} has no third terminal, but gate_volts = {gate_volts}")
        return None
    if gate_volts is None and device.gate_default is None:
        raise InputError(f"{device.name} has a third terminal and no usual level for it: give gate_volts=…")
    return device.gate_default if gate_volts is None else gate_volts


def _checked(device: Device, volts: ArrayLike, width_s: float, states: ArrayLike | int, axis: Axis) -> tuple[Floats, Floats]:
    """Return amplitudes and states, increasing."""
    if len(device.state_names) != 1 or not device.memory:
        raise InputError(f"{device.name} has {len(device.state_names)} state variables; tables are for cells with exactly one that moves")
    if axis is Axis.GATE and not device.gated:
        raise InputError(f"{device.name} has no third terminal to pulse; characterise it along Axis.CELL")
    amplitudes = np.array(volts, dtype=float)
    if amplitudes.ndim != 1 or amplitudes.size < 2 or not np.all(np.isfinite(amplitudes)) or np.any(np.diff(amplitudes) <= 0):
        raise InputError(f"volts = {np.asarray(volts)!r:.80}; expected at least 2 increasing voltages")
    if not np.isfinite(width_s) or width_s <= 0:
        raise InputError(f"width_s = {width_s!r}; expected seconds, above 0")
    low, high = (float(np.asarray(bound)) if np.ndim(bound) == 0 else np.nan for bound in device.bounds())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(f"{device.name} has no finite bounds of its state; give a device with single, finite bounds")
    grid = _spread(low, high, states) if isinstance(states, int) else np.array(states, dtype=float)
    if grid.ndim != 1 or grid.size < 3 or np.any(np.diff(grid) <= 0) or grid[0] < low or grid[-1] > high:
        raise InputError(f"states = {states!r:.80}; expected at least 3, increasing, within [{low:g}, {high:g}]")
    return amplitudes, grid


def _spread(low: float, high: float, count: int) -> Floats:
    """Return `count` even states and some more near the bounds."""
    shares = np.concatenate([np.linspace(0.0, 1.0, max(count, 3)), _EDGES, 1.0 - _EDGES])
    return np.clip(low + (high - low) * np.unique(np.round(shares, 9)), low, high)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Bench:
    """Many copies of the cell, one a word line, on one bit line at 0 V without wires."""

    device: Device
    engine: Engine
    axis: Axis
    v_read: float
    gate_volts: float | None
    cell_volts: float

    def currents(self, states: Floats, volts: Floats) -> Floats:
        """Return the current of every state at every voltage, (states, voltages)."""
        from spicesnn.crossbar.crossbar import Crossbar
        from spicesnn.crossbar.wires import Wires

        parts = []
        for some in np.array_split(states, -(-states.size // _CELLS)):
            array = Crossbar(device=self.device, state=some[:, None], wires=Wires.ideal())
            gates = None if self.gate_volts is None else np.full(some.size, self.gate_volts)
            parts.append(self.engine.read(array, np.repeat(volts[:, None], some.size, axis=1), gate_volts=gates).row_amps.T)
        return np.concatenate(parts)

    def conductances(self, states: Floats) -> Floats:
        """Return I/V at the read voltage, (states,)."""
        return self.currents(states, np.array([self.v_read]))[:, 0] / self.v_read

    def moved(self, states: Floats, amplitudes: Floats, width_s: float) -> Floats:
        """Return the states after one pulse each, elementwise, (n,)."""
        from spicesnn.crossbar.crossbar import Crossbar
        from spicesnn.crossbar.wires import Wires
        from spicesnn.engines.stimulus import Pulse

        low, high = (float(np.asarray(bound)) for bound in self.device.bounds())
        after = np.empty(states.size)
        # Cells of similar amplitude together: one fast cell makes all cells of its run take short steps.
        for some in np.array_split(np.argsort(np.abs(amplitudes), kind="stable"), -(-states.size // _CELLS)):
            array = Crossbar(device=self.device, state=states[some, None], wires=Wires.ideal())
            rows, gates = amplitudes[some], None if self.gate_volts is None else np.full(some.size, self.gate_volts)
            if self.axis is Axis.GATE:
                rows, gates = np.full(some.size, self.cell_volts), amplitudes[some]
            after[some] = self.engine.pulse(array, Pulse(row_volts=rows, width_s=width_s, gate_volts=gates)).state[:, 0]
        return np.clip(after, low, high)

    def rates(self, states: Floats, amplitudes: Floats, width_s: float) -> Floats:
        """Return dx/dt on the grid, (states, amplitudes): Δx of a short pulse over its width, carried from the middle of its way to the grid."""
        x, v = (axis.ravel() for axis in np.meshgrid(states, amplitudes, indexing="ij"))
        mean, middle, span = np.zeros(x.size), x.copy(), states[-1] - states[0]
        pending = np.arange(x.size)
        for level in range(_LEVELS):
            width = width_s * 0.1**level
            step = self.moved(x[pending], v[pending], width) - x[pending]
            mean[pending] = step / width
            ahead = np.where(step > 0, states[-1] - x[pending], x[pending] - states[0])
            small = np.abs(step) <= np.clip(0.3 * ahead, 2e-5 * span, _SMALL * span)
            middle[pending] = x[pending] + np.where(small, 0.5 * step, 0.0)
            pending = pending[~small]
            if not pending.size:
                break
        places = middle.reshape(states.size, -1)
        least = _HARDLY * span / width_s
        squeezed = squeeze(mean.reshape(states.size, -1), least)
        for k in range(amplitudes.size):
            order = np.argsort(places[:, k], kind="stable")
            squeezed[:, k] = np.interp(states, places[order, k], squeezed[order, k])
        return np.asarray(least * np.sinh(squeezed))


def _errors(
    bench: _Bench, table: TableDevice, moving: TableDevice, increments: IncrementTable, siemens: Floats, rng: np.random.Generator, checks: int
) -> tuple[float, float, float]:
    """Return the largest relative errors at random points: of the current, of ΔG by the rates, of ΔG by the table of increments."""
    known, width_s = table.tables, increments.width_s
    states = rng.uniform(known.states[0], known.states[-1], checks)
    pulses = rng.uniform(increments.volts[0], increments.volts[-1], checks)
    volts = rng.uniform(known.volts[0], known.volts[-1], 20)
    currents = _relative(table.current(volts[None, :], states[:, None]), bench.currents(states, volts), np.abs(known.amps).max())
    logs = PchipInterpolator(known.states, np.log(siemens))
    before, largest = bench.conductances(states), np.abs(increments.delta_siemens).max()
    true = bench.conductances(bench.moved(states, pulses, width_s)) - before
    found = np.exp(logs(_moved(moving, states, pulses, width_s))) - np.exp(logs(states))
    looked_up = increments(np.clip(before, increments.siemens[0], increments.siemens[-1]), pulses)
    return currents, _relative(found, true, largest), _relative(looked_up, true, largest)


def _relative(found: Floats, true: Floats, largest: float) -> float:
    return float(np.max(np.abs(found - true) / np.maximum(np.abs(true), _FLOOR * largest)))
