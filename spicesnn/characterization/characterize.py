"""Characterise any cell through an engine: drive it with reads and pulses, write tables that stand
for it, and measure their error."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spicesnn import npz
from spicesnn.arrays import Floats
from spicesnn.characterization.adaptive_grid import Sampled
from spicesnn.characterization.cell_bench import Axis, CellBench
from spicesnn.characterization.increments import FLOOR, Increments
from spicesnn.characterization.rate_grid import Ruler, measured_rates
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Pulse
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.devices.cell_tables import HARDLY, STORED, CellTables, TableDevice, not_a_table
from spicesnn.devices.monotone import monotone_cubic
from spicesnn.engines.base import Engine
from spicesnn.engines.default import default_engine
from spicesnn.errors import InputError, RunError
from spicesnn.whole_file import appearing, write_whole

_MOVING = ("volts", "rates")
"""What a file keeps of the rates over what is pulsed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Errors:
    """Largest differences between tables and the engine at random points that are not on the grids.

    Each is relative to the engine's value, or to a hundredth of the largest one where that is
    smaller; nan if nothing was checked.

    Attributes
    ----------
    current : float
        Of the current.
    increment : float
        Of ΔG by a pulse, the rates integrated as the nodal engine does.
    lookup : float
        Of the same from `Increments`, in closed form.
    table : float
        Of the same from the bilinear table that `Increments.table` draws: large where the cell runs
        away within a pulse.
    checks : int
        Points behind each.
    """

    current: float = np.nan
    increment: float = np.nan
    lookup: float = np.nan
    table: float = np.nan
    checks: int = 0


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Characterization:
    """Tables of one cell.

    Attributes
    ----------
    device : TableDevice
        I(V, x) and dx/dt(V, x): runs in the nodal engine in place of the cell.
    increments : Increments
        ΔG(G, V) by one pulse, without an engine.
    moving : TableDevice
        dx/dt over what is pulsed: `device` itself, or the same over the gate's voltage
        (`Axis.GATE`).
    siemens : (states,)
        Conductance at the read voltage at each of the tables' states.
    errors : Errors
    """

    device: TableDevice
    increments: Increments
    moving: TableDevice
    siemens: Floats
    errors: Errors

    @property
    def max_relative_error(self) -> float:
        """The largest of the errors of current and ΔG."""
        return max(self.errors.current, self.errors.increment, self.errors.lookup)

    def increments_of(self, width_s: float) -> Increments:
        """Return ΔG(G, V) of pulses of another width, from the same rates."""
        return replace(self.increments, width_s=width_s)

    def write(self, folder: str | Path) -> Path:
        """Write the tables into a folder; return the path of its ``device.toml``, which every
        command takes as a device.

        ``table.npz`` holds everything, ``increments.csv`` ΔG (as `DeltaTable.from_csv` takes it),
        ``currents.csv`` I(V, x)."""
        folder, cell = Path(folder), self.device.tables
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.write_arrays(folder / "table.npz")
            self.increments.table().to_csv(folder / "increments.csv")
            with (
                appearing(folder / "currents.csv") as partial,
                partial.open("w", newline="", encoding="utf-8") as file,
            ):
                writer = csv.writer(file)
                writer.writerow(("state", "volts", "amps"))
                for x, row in zip(cell.states, cell.amps, strict=True):
                    writer.writerows((x, v, amps) for v, amps in zip(cell.volts, row, strict=True))
            write_whole(folder / "device.toml", self.toml("table.npz"))
        except OSError as error:
            raise RunError(f"{folder} cannot be written: {error.strerror}") from None
        return folder / "device.toml"

    def write_arrays(self, path: Path) -> None:
        """Write everything into one npz file, as `read` takes it; tables in single precision, which
        is far below their error."""
        cell, moving = self.device.tables, self.moving.tables
        arrays: dict[str, Any] = {
            f"cell_{name}": np.asarray(getattr(cell, name)) for name in STORED
        }
        arrays |= {f"moving_{name}": np.asarray(getattr(moving, name)) for name in _MOVING}
        arrays = {
            name: values.astype(np.float32) if values.ndim == 2 else values
            for name, values in arrays.items()
        }
        arrays |= {f"error_{name}": np.array(value) for name, value in asdict(self.errors).items()}
        arrays |= {
            "siemens": self.siemens,
            "width_s": np.array(self.increments.width_s),
            "source": np.array(cell.source),
        }
        with appearing(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **arrays)

    def toml(self, file: str) -> str:
        """Return the device file whose tables are in `file` beside it."""
        cell = self.device.tables
        return (
            f"# {cell.source}, characterised: {cell.states.size} states x {cell.volts.size}"
            f" voltages from {cell.volts[0]:g} to {cell.volts[-1]:g} V\n"
            f"# largest relative error at random points: current {self.errors.current:.2e}, change"
            f" of conductance {self.errors.increment:.2e}\n"
            f'[device]\nmodel = "table"\nfile = "{file}"\n'
        )

    @classmethod
    def read(cls, path: str | Path) -> Characterization:
        """Return what `write` or `write_arrays` wrote, from the npz file."""
        arrays = npz.read(path)
        try:
            cell, siemens = CellTables.of_arrays(arrays), np.asarray(arrays["siemens"], dtype=float)
            volts, rates = (np.asarray(arrays[f"moving_{name}"], dtype=float) for name in _MOVING)
            errors = {entry.name: float(arrays[f"error_{entry.name}"]) for entry in fields(Errors)}
            width_s = float(arrays["width_s"])
            device = mover = TableDevice(tables=cell)
            if not (np.array_equal(cell.volts, volts) and np.array_equal(cell.rates, rates)):
                mover = TableDevice(
                    tables=replace(cell, volts=volts, rates=rates, amps=np.outer(siemens, volts))
                )
        except (ValueError, KeyError, TypeError) as error:
            raise not_a_table(path, error) from None
        increments = Increments(tables=mover.tables, siemens=siemens, width_s=width_s)
        made = Errors(**(errors | {"checks": int(errors["checks"])}))  # type: ignore[arg-type]
        return cls(device=device, increments=increments, siemens=siemens, moving=mover, errors=made)


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

    Two series of runs, each with many cells side by side, without wires and without rise times:
    reads of the current at every voltage and state, and pulses as short as it takes for the state
    to move by little, whose Δx over their width is the rate. The grid begins with `volts` and
    `states` and is cut finer, line by line, until what is measured half-way between its lines is
    what it foresaw (`rate_grid`): a threshold, or a conductance that changes most at one end of the
    range, draws lines to itself. The ΔG table is then integrated from the rates, which follows a
    device into saturation better than a table of measured increments. Current and ΔG are compared
    with the engine at `checks` random points, with full pulses: that is the error the answer
    carries.

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
        How many states between the bounds to begin with (even in state and ln G together), or
        which.
    v_read : float
        Voltage at which the conductance G = I/V is read.
    gate_volts : float, optional
        Gate level of reads, and of pulses along `Axis.CELL`; the device's `gate_default` if left
        out.
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
    bench = CellBench(
        device=device,
        engine=engine,
        axis=axis,
        v_read=v_read,
        gate_volts=_gate(device, gate_volts),
        cell_volts=cell_volts,
    )
    amplitudes = _checked(device, volts, width_s, axis)
    ruler = Ruler.of(bench)
    logs = ruler.log_siemens
    if not np.all(np.isfinite(logs)) or not (
        np.all(np.diff(logs) > 0) or np.all(np.diff(logs) < 0)
    ):
        raise InputError(
            f"{device.name}: the conductance at {v_read:g} V is not positive and monotone in the"
            " state; choose another v_read"
        )
    measured = measured_rates(
        bench,
        ruler,
        _states(bench, ruler, states),
        amplitudes,
        width_s,
        tolerance=tolerance,
        most=most,
    )
    grid = measured.x
    siemens = np.maximum(bench.conductances(grid), np.exp(logs.min()))
    initial = float(np.clip(np.asarray(device.initial_state(), dtype=float), grid[0], grid[-1]))
    known: dict[str, Any] = {
        "states": grid,
        "source": device.name,
        "initial": initial,
        "least": HARDLY * (grid[-1] - grid[0]) / width_s,
    }
    table, mover = _devices(bench, measured, siemens, known)
    increments = Increments(tables=mover.tables, siemens=siemens, width_s=width_s)
    made = Characterization(
        device=table, increments=increments, moving=mover, siemens=siemens, errors=Errors()
    )
    return replace(made, errors=_errors(bench, made, rng, checks)) if checks else made


def _devices(
    bench: CellBench, measured: Sampled, siemens: Floats, known: dict[str, Any]
) -> tuple[TableDevice, TableDevice]:
    """Return the device of the tables, and the one whose rates run over what is pulsed."""
    grid, amplitudes = measured.x, measured.y
    if bench.axis is Axis.CELL:
        table = TableDevice(
            tables=CellTables(
                volts=amplitudes,
                amps=bench.currents(grid, amplitudes),
                rates=measured.values,
                **known,
            )
        )
        return table, table
    reads = np.linspace(-1.0, 1.0, 21) * max(abs(bench.cell_volts), abs(bench.v_read))
    tables = CellTables(
        volts=reads,
        amps=bench.currents(grid, reads),
        rates=np.zeros((grid.size, reads.size)),
        **known,
    )
    moving = CellTables(
        volts=amplitudes, amps=np.outer(siemens, amplitudes), rates=measured.values, **known
    )
    return TableDevice(tables=tables), TableDevice(tables=moving)


def _moved(moving: TableDevice, states: Floats, volts: Floats, width_s: float) -> Floats:
    """Return the states after one pulse each, integrated from the table's rates by the default
    engine, (n,)."""
    array = Crossbar(device=moving, state=states[:, None], wires=Wires.ideal())
    return default_engine().pulse(array, Pulse(row_volts=volts, width_s=width_s)).state[:, 0]


def _gate(device: Device, gate_volts: float | None) -> float | None:
    if not device.gated:
        if gate_volts is not None:
            raise InputError(f"{device.name} has no third terminal, but gate_volts = {gate_volts}")
        return None
    if gate_volts is None and device.gate_default is None:
        raise InputError(
            f"{device.name} has a third terminal and no usual level for it: give gate_volts=…"
        )
    return device.gate_default if gate_volts is None else gate_volts


def _checked(device: Device, volts: ArrayLike, width_s: float, axis: Axis) -> Floats:
    """Return the amplitudes after a check of what is asked for."""
    if len(device.state_names) != 1 or not device.memory:
        names = ", ".join(device.state_names) or "none"
        raise InputError(
            f"{device.name} has {len(device.state_names)} state variables ({names}); tables over"
            " voltage and one state are for cells with exactly one that moves. Use the device"
            " itself: its own equations in the nodal engine where it has them, the ngspice engine"
            " otherwise"
        )
    if axis is Axis.GATE and not device.gated:
        raise InputError(
            f"{device.name} has no third terminal to pulse; characterise it along Axis.CELL"
        )
    amplitudes = np.array(volts, dtype=float)
    if (
        amplitudes.ndim != 1
        or amplitudes.size < 2
        or not np.all(np.isfinite(amplitudes))
        or np.any(np.diff(amplitudes) <= 0)
    ):
        raise InputError(
            f"volts = {np.asarray(volts)!r:.80}; expected at least 2 increasing voltages"
        )
    if not np.isfinite(width_s) or width_s <= 0:
        raise InputError(f"width_s = {width_s!r}; expected seconds, above 0")
    low, high = (
        float(np.asarray(bound)) if np.ndim(bound) == 0 else np.nan for bound in device.bounds()
    )
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(
            f"{device.name} has no finite bounds of its state; give a device with single, finite"
            " bounds"
        )
    return amplitudes


def _states(bench: CellBench, ruler: Ruler, states: ArrayLike | int) -> Floats:
    """Return the states to begin with, increasing."""
    low, high = bench.bounds
    grid = ruler.even(states) if isinstance(states, int) else np.array(states, dtype=float)
    if (
        grid.ndim != 1
        or grid.size < 3
        or np.any(np.diff(grid) <= 0)
        or grid[0] < low
        or grid[-1] > high
    ):
        raise InputError(
            f"states = {states!r:.80}; expected at least 3, increasing, within [{low:g}, {high:g}]"
        )
    return grid


def _errors(
    bench: CellBench, made: Characterization, rng: np.random.Generator, checks: int
) -> Errors:
    """Measure the errors at random points."""
    known, increments = made.device.tables, made.increments
    states = rng.uniform(known.states[0], known.states[-1], checks)
    pulses = rng.uniform(*increments.volts, checks)
    volts = rng.uniform(known.volts[0], known.volts[-1], 20)
    currents = _relative(
        made.device.current(volts[None, :], states[:, None]),
        bench.currents(states, volts),
        np.abs(known.amps).max(),
    )
    logs = monotone_cubic(known.states, np.log(made.siemens))
    before = bench.conductances(states)
    true = bench.conductances(bench.moved(states, pulses, increments.width_s)) - before
    by_rates = np.exp(logs(_moved(made.moving, states, pulses, increments.width_s))) - np.exp(
        logs(states)
    )
    inside, table = np.clip(before, *increments.range_siemens), increments.table().grid
    largest = float(np.abs(table.values).max())
    integrated, closed, looked_up = (
        _relative(found, true, largest)
        for found in (
            by_rates,
            increments(inside, pulses),
            table(np.clip(inside, table.x[0], table.x[-1]), pulses),
        )
    )
    return Errors(
        current=currents, increment=integrated, lookup=closed, table=looked_up, checks=checks
    )


def _relative(found: Floats, true: Floats, largest: float) -> float:
    return float(np.max(np.abs(found - true) / np.maximum(np.abs(true), FLOOR * largest)))
