"""Characterise any cell through an engine: drive it with reads and pulses, write tables that stand for it, and measure their error."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from spicesnn.datasets import npz
from spicesnn.devices.adaptive_grid import Sampled, Subject, sampled
from spicesnn.devices.base import Device, Floats
from spicesnn.devices.cell_bench import Axis, CellBench
from spicesnn.devices.cell_tables import HARDLY, CellTables, IncrementTable, TableDevice
from spicesnn.devices.rate_grid import Ruler, measured_rates
from spicesnn.errors import DataError, InputError, RunError

if TYPE_CHECKING:
    from spicesnn.engines.base import Engine

_FLOOR = 0.01
"""Errors are relative to the value, or to this share of the largest one where the value is smaller."""
_EVEN, _MORE, _CLOSE = 41, 3, 5e-3
"""The increment table, which is integrated from the rates, begins with so many even lines either way and is cut finer, to so many times the points
of the rates at most, until it foresees ΔG to this, relatively."""
_CELL = ("volts", "states", "amps", "rates", "initial", "least")
_MOVING = ("volts", "rates")
_PULSE = ("siemens", "volts", "delta_siemens", "width_s")


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Characterization:
    """Tables of one cell.

    Attributes
    ----------
    device : TableDevice
        I(V, x) and dx/dt(V, x): runs in the nodal engine in place of the cell.
    increments : IncrementTable
        ΔG(G, V) by one pulse of `width_s`.
    moving : TableDevice
        dx/dt over what is pulsed: `device` itself, or the same over the gate's voltage (`Axis.GATE`).
    siemens : (states,)
        Conductance at the read voltage at each of the tables' states.
    current_error, increment_error : float
        Largest difference between `device` and the engine at random points that are not on the grids: of the current, and of ΔG
        by a pulse (integrated from the rates, as the nodal engine does), each relative to the engine's value, or to a hundredth
        of the largest where that is smaller.
    lookup_error : float
        The same for `increments`, a bilinear table: larger where ΔG has a kink, as at the voltage that just reaches a bound.
    checks : int
        Random points behind these errors.
    """

    device: TableDevice
    increments: IncrementTable
    moving: TableDevice
    siemens: Floats
    current_error: float
    increment_error: float
    lookup_error: float
    checks: int

    @property
    def max_relative_error(self) -> float:
        """The larger of the errors of current and ΔG."""
        return max(self.current_error, self.increment_error)

    def increments_of(self, width_s: float) -> IncrementTable:
        """Return ΔG(G, V) of pulses of another width, from the same rates."""
        return _increments(self.moving, self.siemens, width_s)

    def write(self, folder: str | Path) -> Path:
        """Write the tables into a folder; return the path of its ``device.toml``, which every command takes as a device.

        ``table.npz`` holds everything, ``increments.csv`` ΔG (as `DeltaTable.from_csv` takes it), ``currents.csv`` I(V, x).
        """
        folder, cell, table = Path(folder), self.device.tables, self.increments
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.write_arrays(folder / "table.npz")
            (folder / "device.toml").write_text(self.toml("table.npz"), encoding="utf-8")
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
        return folder / "device.toml"

    def write_arrays(self, path: Path) -> None:
        """Write everything into one npz file, as `read` takes it; tables in single precision, which is far below their error."""
        cell, moving, table = self.device.tables, self.moving.tables, self.increments
        arrays: dict[str, Any] = {f"cell_{name}": np.asarray(getattr(cell, name)) for name in _CELL}
        arrays |= {f"moving_{name}": np.asarray(getattr(moving, name)) for name in _MOVING}
        arrays |= {f"pulse_{name}": np.asarray(getattr(table, name)) for name in _PULSE}
        arrays |= {"errors": np.array([self.current_error, self.increment_error, self.lookup_error])}
        arrays = {name: values.astype(np.float32) if values.ndim == 2 else values for name, values in arrays.items()}
        np.savez_compressed(path, source=np.array(cell.source), siemens=self.siemens, checks=self.checks, **arrays)

    def toml(self, file: str) -> str:
        """Return the device file whose tables are in `file` beside it."""
        cell = self.device.tables
        return (
            f"# {cell.source}, characterised: {cell.states.size} states x {cell.volts.size} voltages from {cell.volts[0]:g} to {cell.volts[-1]:g} V\n"
            f"# largest relative error at random points: current {self.current_error:.2e}, change of conductance {self.increment_error:.2e}\n"
            f'[device]\nmodel = "table"\nfile = "{file}"\n'
        )

    @classmethod
    def read(cls, path: str | Path) -> Characterization:
        """Return what `write` or `write_arrays` wrote, from the npz file."""
        file = _arrays(path, "cell", "moving", "pulse")
        cell, moving, pulse, siemens = file["cell"], file["moving"], file["pulse"], file["siemens"]
        along_gate = TableDevice(tables=CellTables(**(cell | moving | {"amps": np.outer(siemens, moving["volts"])})))
        device = TableDevice(tables=CellTables(**cell))
        same = np.array_equal(cell["volts"], moving["volts"]) and np.array_equal(cell["rates"], moving["rates"])
        return cls(
            device=device, increments=IncrementTable(**pulse), siemens=siemens, moving=device if same else along_gate,
            current_error=float(file["errors"][0]), increment_error=float(file["errors"][1]), lookup_error=float(file["errors"][2]),
            checks=int(file["checks"]),
        )  # fmt: skip

    @staticmethod
    def read_device(path: str | Path) -> TableDevice:
        """Return the device alone."""
        return TableDevice(tables=CellTables(**_arrays(path, "cell")["cell"]))


def _arrays(path: str | Path, *groups: str) -> dict[str, Any]:
    """Return the groups of arrays of a file as keyword arguments of their classes, and what stands alone."""
    names = {"cell": _CELL, "moving": _MOVING, "pulse": _PULSE}
    try:
        file = npz.read(path)
        found: dict[str, Any] = {group: {name: np.asarray(file[f"{group}_{name}"], dtype=float) for name in names[group]} for group in groups}
        found |= {name: np.asarray(file[name], dtype=float) for name in ("siemens", "errors", "checks")}
        for group in found.keys() & {"cell", "pulse"}:
            found[group] |= {name: float(value) for name, value in found[group].items() if value.ndim == 0}
        if "cell" in groups:
            found["cell"]["source"] = str(file["source"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a table that spicesnn characterize wrote: {error}") from None
    return found


def characterize(
    device: Device,
    *,
    engine: Engine,
    volts: ArrayLike,
    width_s: float,
    rng: np.random.Generator,
    axis: Axis = Axis.CELL,
    states: ArrayLike | int = 21,
    v_read: float = 0.1,
    gate_volts: float | None = None,
    cell_volts: float = 0.0,
    checks: int = 200,
    tolerance: float = 0.005,
    most: int = 30_000,
) -> Characterization:
    """Drive a cell through an engine and return its tables with their measured error.

    Two series of runs, each with many cells side by side, without wires and without rise times: reads of the current at every
    voltage and state, and pulses as short as it takes for the state to move by little, whose Δx over their width is the rate.
    The grid begins with `volts` and `states` and is cut finer, line by line, until what is measured half-way between its lines
    is what it foresaw (`rate_grid`): a threshold, or a conductance that changes most at one end of the range, draws lines to
    itself. The ΔG table is then integrated from the rates, which follows a device into saturation better than a table of
    measured increments. Current and ΔG are compared with the engine at `checks` random points, with full pulses: that is the
    error the answer carries.

    Parameters
    ----------
    device : Device
        Any cell with one state variable; a user's own sub-circuit too (ngspice engine).
    engine : Engine
        Who solves it; the ngspice engine for what the tables are to stand for.
    volts : (n,)
        Increasing pulse amplitudes to begin with, across the cell or at the gate (`axis`).
    width_s : float
        Pulse width of the ΔG table.
    rng : Generator
        Where the random checks come from.
    axis : Axis
    states : int or (n,)
        How many states between the bounds to begin with (even in state and ln G together), or which.
    v_read : float
        Voltage at which the conductance G = I/V is read.
    gate_volts : float, optional
        Gate level of reads, and of pulses along `Axis.CELL`; the device's `gate_default` if left out.
    cell_volts : float
        Cell voltage of pulses along `Axis.GATE`.
    checks : int
        Random points, 0 for none (the errors are then nan).
    tolerance : float
        The grid is cut until it foresees ΔG by a pulse to this, relatively.
    most : int
        Rates to measure at most: where that ends the cutting, the error says what it cost.

    Returns
    -------
    Characterization
    """
    bench = CellBench(device=device, engine=engine, axis=axis, v_read=v_read, gate_volts=_gate(device, gate_volts), cell_volts=cell_volts)
    amplitudes = _checked(device, volts, width_s, axis)
    ruler = Ruler.of(bench)
    logs = ruler.log_siemens
    if not np.all(np.isfinite(logs)) or not (np.all(np.diff(logs) > 0) or np.all(np.diff(logs) < 0)):
        raise InputError(f"{device.name}: the conductance at {v_read:g} V is not positive and monotone in the state; choose another v_read")
    measured = measured_rates(bench, ruler, _states(bench, ruler, states), amplitudes, width_s, tolerance=tolerance, most=most)
    grid, amplitudes = measured.x, measured.y
    siemens = np.maximum(bench.conductances(grid), np.exp(logs.min()))
    initial = float(np.clip(np.asarray(device.initial_state(), dtype=float), grid[0], grid[-1]))
    known: dict[str, Any] = {"states": grid, "source": device.name, "initial": initial, "least": HARDLY * (grid[-1] - grid[0]) / width_s}
    if axis is Axis.CELL:
        tables = CellTables(volts=amplitudes, amps=bench.currents(grid, amplitudes), rates=measured.values, **known)
        moving = tables
    else:
        reads = np.linspace(-1.0, 1.0, 21) * max(abs(cell_volts), abs(v_read))
        tables = CellTables(volts=reads, amps=bench.currents(grid, reads), rates=np.zeros((grid.size, reads.size)), **known)
        moving = CellTables(volts=amplitudes, amps=np.outer(siemens, amplitudes), rates=measured.values, **known)
    table, mover = TableDevice(tables=tables), TableDevice(tables=moving)
    increments = _increments(mover, siemens, width_s)
    errors = _errors(bench, table, mover, increments, siemens, rng, checks) if checks else (np.nan, np.nan, np.nan)
    return Characterization(
        device=table, increments=increments, moving=mover, siemens=siemens,
        current_error=errors[0], increment_error=errors[1], lookup_error=errors[2], checks=checks,
    )  # fmt: skip


def _moved(moving: TableDevice, states: Floats, volts: Floats, width_s: float) -> Floats:
    """Return the states after one pulse each, integrated from the table's rates by the nodal engine, (n,)."""
    from spicesnn.crossbar.crossbar import Crossbar
    from spicesnn.crossbar.wires import Wires
    from spicesnn.engines.nodal.engine import NodalEngine
    from spicesnn.engines.stimulus import Pulse

    array = Crossbar(device=moving, state=states[:, None], wires=Wires.ideal())
    return NodalEngine().pulse(array, Pulse(row_volts=volts, width_s=width_s)).state[:, 0]


def _increments(moving: TableDevice, siemens: Floats, width_s: float) -> IncrementTable:
    """Return the increments of one pulse, integrated from the rates, on a grid of (ln G, V) that is fine where ΔG asks for it."""
    states, amplitudes, rates, logs = moving.tables.states, moving.tables.volts, moving.tables.rates, np.log(siemens)
    upward = slice(None) if logs[-1] > logs[0] else slice(None, None, -1)
    later_log, state_of = PchipInterpolator(states, logs), PchipInterpolator(logs[upward], states[upward])

    def measure(log: Floats, v: Floats, guess: Floats | None) -> Floats:
        start = np.clip(np.asarray(state_of(log)), states[0], states[-1])
        return np.asarray(np.exp(later_log(_moved(moving, start, v, width_s))) - np.exp(later_log(start)))

    def table(grid: Sampled) -> IncrementTable:
        return IncrementTable(siemens=np.exp(grid.x), volts=grid.y, delta_siemens=grid.values, width_s=width_s)

    def foresee(grid: Sampled, log: Floats, v: Floats) -> Floats:
        return table(grid)(np.exp(log), v)

    def surprise(log: Floats, foreseen: Floats, found: Floats) -> Floats:
        return np.asarray(np.abs(foreseen - found) / np.maximum(np.abs(found), _FLOOR * (siemens.max() - siemens.min())))

    subject = Subject(measure=measure, foresee=foresee, surprise=surprise)
    even = np.linspace(float(logs.min()), float(logs.max()), _EVEN), np.linspace(amplitudes[0], amplitudes[-1], _EVEN)
    return table(sampled(subject, *even, tolerance=_CLOSE, most=_MORE * rates.size))


def _gate(device: Device, gate_volts: float | None) -> float | None:
    if not device.gated:
        if gate_volts is not None:
            raise InputError(f"{device.name} has no third terminal, but gate_volts = {gate_volts}")
        return None
    if gate_volts is None and device.gate_default is None:
        raise InputError(f"{device.name} has a third terminal and no usual level for it: give gate_volts=…")
    return device.gate_default if gate_volts is None else gate_volts


def _checked(device: Device, volts: ArrayLike, width_s: float, axis: Axis) -> Floats:
    """Return the amplitudes after a check of what is asked for."""
    if len(device.state_names) != 1 or not device.memory:
        names = ", ".join(device.state_names) or "none"
        raise InputError(
            f"{device.name} has {len(device.state_names)} state variables ({names}); tables over voltage and one state are for cells with "
            "exactly one that moves. Use the device itself: its own equations in the nodal engine where it has them, the ngspice engine otherwise"
        )
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
    return amplitudes


def _states(bench: CellBench, ruler: Ruler, states: ArrayLike | int) -> Floats:
    """Return the states to begin with, increasing."""
    low, high = bench.bounds
    grid = ruler.even(states) if isinstance(states, int) else np.array(states, dtype=float)
    if grid.ndim != 1 or grid.size < 3 or np.any(np.diff(grid) <= 0) or grid[0] < low or grid[-1] > high:
        raise InputError(f"states = {states!r:.80}; expected at least 3, increasing, within [{low:g}, {high:g}]")
    return grid


def _errors(
    bench: CellBench, table: TableDevice, moving: TableDevice, increments: IncrementTable, siemens: Floats, rng: np.random.Generator, checks: int
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
