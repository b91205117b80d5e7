"""`fit_cycles`: the statistics of switching cycles from a table of them, or from sweeps."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import solve, solve_discrete_lyapunov
from scipy.special import ndtri
from scipy.stats import rankdata

from spicesnn.arrays import Floats, numbers
from spicesnn.devices.cycle_statistics import QUANTITIES, CycleStatistics
from spicesnn.errors import DataError, InputError
from spicesnn.file_kinds import unreadable
from spicesnn.fitting.sweep_cycles import READ_VOLTS, cycles_of
from spicesnn.shown import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NODES = 512
_FEW_DEVICES = 20
_MOST_ORDER = 10
_FEWEST = 20
_ROUNDS = 8
_FARTHEST = 300
"""Lags up to which cycles are taken to be correlated, in the variance of a device's mean."""
_SPELLINGS = {
    "set_volts": ("set_volts", "set_voltage", "v_set", "vset", "set", "u_set"),
    "reset_volts": ("reset_volts", "reset_voltage", "v_reset", "vreset", "reset", "u_reset"),
    "lrs_ohm": ("lrs_ohm", "lrs", "r_lrs", "ron", "r_on", "rlrs", "low_resistance"),
    "hrs_ohm": ("hrs_ohm", "hrs", "r_hrs", "roff", "r_off", "rhrs", "high_resistance"),
    "device": ("device", "cell", "device_id", "dev"),
    "cycle": ("cycle", "cycle_number", "n", "cycles"),
}
_UNITS = {
    "": 1.0,
    "v": 1.0,
    "mv": 1e-3,
    "ohm": 1.0,
    "ω": 1.0,
    "kohm": 1e3,
    "kω": 1e3,
    "mohm": 1e6,
    "mω": 1e6,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class CyclesFit:
    """A fitted model of cycles.

    Attributes
    ----------
    statistics : CycleStatistics
    cycles : tuple of (cycles, quantities)
        What it was fitted to, one array a device.
    criterion : dict of int to float
        Schwarz's criterion of each order that was tried, relative to the best.
    remarks : tuple of str
    """

    statistics: CycleStatistics
    cycles: tuple[Floats, ...]
    criterion: dict[int, float]
    remarks: tuple[str, ...]

    def draw(self, devices: int, cycles: int, rng: np.random.Generator) -> Floats:
        """Return (devices, cycles, quantities) drawn from the model."""
        return self.statistics.draw(devices, cycles, rng)

    def write_toml(self, path: str | Path) -> Path:
        """Write the model as a file that ``imperfections.cycles`` names."""
        return self.statistics.write_toml(path)

    def figure(self) -> Figure:
        """Measured and drawn distributions, and how cycles follow each other."""
        drawn: Figure = shown(self, "figure")
        return drawn


def fit_cycles(
    source: str | Path | Sequence[Any] | Floats,
    *,
    order: int | None = None,
    read_volts: float = READ_VOLTS,
) -> CyclesFit:
    """Fit the statistics of switching cycles.

    Parameters
    ----------
    source : path of a CSV file, or array (cycles, 4), (devices, cycles, 4), or list of (cycles, 4)
        Set voltage (V), reset voltage (V), low and high resistance (Ω) of each cycle, in the order
        of the cycles. The file has a header with these four (``set_volts reset_volts lrs_ohm
        hrs_ohm``; ``v_set``, ``hrs (kOhm)`` and the like are understood), and ``device`` where
        there are several; or it is an instrument's file of many sweeps of one device, whose cycles
        are read as `spicesnn.fitting.sweep_cycles` says.
    order : int, optional
        Cycles that a cycle remembers; chosen by Schwarz's criterion up to 10 if left out.
    read_volts : float
        Voltage at which the resistances of sweeps are read.

    Returns
    -------
    CyclesFit
        ``.statistics`` draws devices and cycles, ``.write_toml(path)`` makes a file for
        ``imperfections.cycles``.

    Raises
    ------
    DataError
        A file that cannot be read or has a value that is none, by row.
    InputError
        Too few cycles, resistances that are not above 0, voltages of both signs.
    """
    read: tuple[str, ...] = ()
    if isinstance(source, str | Path):
        path = Path(source)
        if _is_table(path):
            cycles = _read(path)
        else:
            found_there, read = cycles_of(path, read_volts)
            cycles = [found_there]
    elif isinstance(source, np.ndarray) and source.ndim == 3:
        cycles = [numbers(part, "cycles") for part in source]
    elif isinstance(source, np.ndarray) or (len(source) and np.ndim(source[0]) == 1):
        cycles = [numbers(source, "cycles")]
    else:
        cycles = [numbers(part, f"cycles of device {k}") for k, part in enumerate(source)]
    _check(cycles)
    pooled = np.concatenate(cycles)
    total = len(pooled)
    scores = ndtri((rankdata(pooled, axis=0) - 0.5) / total)
    edges = np.cumsum([len(part) for part in cycles])[:-1]
    parts = [np.asarray(part) for part in np.split(scores, edges)]
    most = max(1, min(_MOST_ORDER, min(len(part) for part in parts) // _FEWEST))
    if order is not None and not 1 <= order <= max(most, 1):
        raise InputError(f"order = {order}; expected 1 to {most} for so few cycles a device")
    orders = [order] if order is not None else list(range(1, most + 1))
    found = {p: _fitted(parts, p) for p in orders}
    criterion = {p: _schwarz(found[p][1], p, total) for p in orders}
    best = min(orders, key=lambda p: criterion[p])
    coefficients, noise, devices = found[best]
    nodes = np.unique(np.rint(np.linspace(0, total - 1, min(_NODES, total))).astype(int))
    remarks = (*read, *_remarks(cycles, best))
    statistics = CycleStatistics(
        scores=ndtri((nodes + 0.5) / total),
        values=np.sort(pooled, axis=0)[nodes].T,
        coefficients=coefficients,
        noise=noise,
        devices=devices,
        remarks=remarks,
    )
    least = criterion[best]
    return CyclesFit(
        statistics=statistics,
        cycles=tuple(cycles),
        criterion={p: value - least for p, value in criterion.items()},
        remarks=remarks,
    )


def _check(cycles: list[Floats]) -> None:
    m = len(QUANTITIES)
    for k, part in enumerate(cycles):
        if part.ndim != 2 or part.shape[1] != m:
            raise InputError(
                f"cycles of device {k} have shape {part.shape}; expected (cycles, {m}): "
                f"{', '.join(QUANTITIES)}"
            )
        if len(part) < _FEWEST:
            raise InputError(f"device {k} has {len(part)} cycles; expected {_FEWEST} or more")
        if not np.all(np.isfinite(part)):
            n, j = np.argwhere(~np.isfinite(part))[0]
            raise InputError(
                f"{QUANTITIES[j]} of cycle {n} of device {k} is not finite; leave it out"
            )
    pooled = np.concatenate(cycles)
    for j, name in enumerate(QUANTITIES):
        if name.endswith("ohm") and np.any(pooled[:, j] <= 0):
            raise InputError(f"{name} is {pooled[:, j].min():g} somewhere; expected more than 0")
        if name.endswith("volts") and np.any(pooled[:, j] > 0) and np.any(pooled[:, j] < 0):
            raise InputError(f"{name} has both signs; expected that of one polarity")
        if np.ptp(pooled[:, j]) == 0:
            raise InputError(f"{name} is {pooled[0, j]:g} in every cycle; expected measured values")


# -- the process -----------------------------------------------------------------------------------


def _fitted(parts: list[Floats], order: int) -> tuple[Floats, Floats, Floats]:
    """Return A (order, m, m), Q and D (m, m) of normal scores, by moments.

    Covariances of cycles are taken about each device's own mean, which takes the variance of that
    mean from them; it is put back from the model, again and again, and taken from the covariance of
    the devices' means, which it is a part of.
    """
    m = parts[0].shape[1]
    means = np.array([part.mean(axis=0) for part in parts])
    within = [part - mean for part, mean in zip(parts, means, strict=True)]
    lags = [_lagged(within, lag) for lag in range(order + 1)]
    coefficients, noise = _yule_walker(lags)
    devices = np.zeros((m, m))
    if len(parts) > 1:
        about = np.cov(means.T, ddof=1).reshape(m, m)
        lengths = [len(part) for part in parts]
        for _ in range(_ROUNDS):
            of_mean = _variance_of_mean(coefficients, noise, lengths)
            coefficients, noise = _yule_walker([lag + of_mean for lag in lags])
        devices = _positive(about - _variance_of_mean(coefficients, noise, lengths))
    spread = np.diag(_covariances(coefficients, noise, 0)[0] + devices)
    scale = 1.0 / np.sqrt(spread)
    by = np.outer(scale, scale)
    coefficients = coefficients * (scale[:, None] / scale[None, :])
    return coefficients, _positive(noise * by), _positive(devices * by)


def _lagged(within: list[Floats], lag: int) -> Floats:
    """Return Σ w(n + lag) w(n)ᵀ over all devices, divided by the number of cycles."""
    total = sum(len(part) for part in within)
    products = [part[lag:].T @ part[: len(part) - lag] for part in within]
    return np.asarray(np.sum(products, axis=0) / total)


def _yule_walker(lags: list[Floats]) -> tuple[Floats, Floats]:
    """Return the coefficients and the covariance of what is new, from covariances at lags 0, 1,
    …
    """
    order, m = len(lags) - 1, len(lags[0])
    block = np.zeros((order * m, order * m))
    for i in range(order):
        for j in range(order):
            lag = lags[j - i] if j >= i else lags[i - j].T
            block[i * m : (i + 1) * m, j * m : (j + 1) * m] = lag
    right = np.concatenate(lags[1:], axis=1)
    flat = solve(_positive(block) + 1e-12 * np.eye(order * m), right.T, assume_a="pos").T
    coefficients = np.asarray(flat.reshape(m, order, m).transpose(1, 0, 2))
    noise = lags[0] - sum(a @ lag.T for a, lag in zip(coefficients, lags[1:], strict=True))
    return coefficients, _positive(np.asarray(noise))


def _covariances(coefficients: Floats, noise: Floats, most: int) -> list[Floats]:
    """Return the covariances of the process at lags 0 … most."""
    order, m = len(coefficients), len(noise)
    companion = np.zeros((order * m, order * m))
    companion[:m] = np.concatenate(list(coefficients), axis=1)
    companion[m:, : (order - 1) * m] = np.eye((order - 1) * m)
    new = np.zeros_like(companion)
    new[:m, :m] = noise
    whole = solve_discrete_lyapunov(companion, new)
    found, power = [], np.eye(order * m)
    for _ in range(most + 1):
        found.append(np.asarray((power @ whole)[:m, :m]))
        power = companion @ power
    return found


def _variance_of_mean(coefficients: Floats, noise: Floats, lengths: list[int]) -> Floats:
    """Return what cycles add to the covariance of the devices' means, averaged over devices."""
    found = []
    for length in sorted(set(lengths)):
        lags = _covariances(coefficients, noise, min(length - 1, _FARTHEST))
        total = lags[0] + sum(
            (1.0 - lag / length) * (own + own.T) for lag, own in enumerate(lags[1:], start=1)
        )
        found.append(lengths.count(length) * np.asarray(total) / length)
    return np.asarray(sum(found) / len(lengths))


def _positive(matrix: Floats) -> Floats:
    """Return the nearest symmetric matrix that is nowhere negative."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)


def _schwarz(noise: Floats, order: int, count: int) -> float:
    m = len(noise)
    _, logarithm = np.linalg.slogdet(noise + 1e-12 * np.eye(m))
    return float(count * logarithm + order * m * m * np.log(count))


# -- files and words -------------------------------------------------------------------------------


def _is_table(path: Path) -> bool:
    """Return whether a file has a line per cycle: its first line that is not empty names a resistance
    state or a switching voltage. A file that cannot be read is left to `_read`, which says why."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = next((row for row in csv.reader(file) if any(row)), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return not path.is_file()
    words = {re.sub(r"[\s\-]+", "_", cell.split("(")[0].strip().lower()) for cell in first}
    return any(words & set(_SPELLINGS[name]) for name in QUANTITIES)


def _read(path: Path) -> list[Floats]:
    """Return the cycles of each device in a CSV file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [(k, row) for k, row in enumerate(csv.reader(file), start=1) if any(row)]
    except OSError as error:
        raise unreadable(path, error, "a CSV file of cycles") from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path} cannot be read as a CSV file; expected text in UTF-8") from None
    if len(lines) < 2:
        raise DataError(f"{path} has {len(lines)} line(s); expected a header and a line per cycle")
    places = _columns(path, lines[0][1])
    cycles: dict[str, list[tuple[float, list[float]]]] = {}
    for number, row in lines[1:]:
        if len(row) != len(lines[0][1]):
            raise DataError(f"{path}, row {number}: {len(row)} values; expected {len(lines[0][1])}")
        values = [_value(path, number, row, *places[name]) for name in QUANTITIES]
        device = row[places["device"][0]].strip() if "device" in places else ""
        turn = _value(path, number, row, *places["cycle"]) if "cycle" in places else float(number)
        cycles.setdefault(device, []).append((turn, values))
    for name, found in cycles.items():
        turns = [turn for turn, _ in found]
        if len(set(turns)) != len(turns):
            twice = next(turn for turn in turns if turns.count(turn) > 1)
            where = f" of device {name}" if name else ""
            raise DataError(
                f"{path}: cycle {twice:g}{where} stands there twice; is a column 'device' missing?"
            )
    return [
        np.array([v for _, v in sorted(found, key=lambda one: one[0])]) for found in cycles.values()
    ]


def _columns(path: Path, header: list[str]) -> dict[str, tuple[int, float]]:
    """Return quantity → column and factor to SI."""
    places: dict[str, tuple[int, float]] = {}
    for column, cell in enumerate(header):
        found = re.match(r"^\s*([^()\[\]]*?)\s*(?:[(\[]\s*([^()\[\]]*?)\s*[)\]])?\s*$", cell)
        word = re.sub(r"[\s\-]+", "_", found[1].lower()) if found else ""
        unit = (found[2] or "").lower().replace("\u2126", "ω") if found else ""
        name = next((key for key, words in _SPELLINGS.items() if word in words), None)
        if name is None:
            raise DataError(
                f"{path}: the column {cell!r:.40} stands for nothing here; expected "
                f"{', '.join(QUANTITIES)}, and device, cycle"
            )
        if name in places:
            raise DataError(f"{path} has two columns of {name}")
        if unit not in _UNITS or (unit.endswith("v") != name.endswith("volts") and unit):
            raise DataError(
                f"{path}: {cell!r:.40} has the unit {unit!r}; expected V, mV, Ω, kΩ or MΩ"
            )
        places[name] = (column, _UNITS[unit])
    absent = [name for name in QUANTITIES if name not in places]
    if absent:
        raise DataError(f"{path} has no column of {absent[0]}; expected {', '.join(QUANTITIES)}")
    return places


def _value(path: Path, number: int, row: list[str], column: int, factor: float) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise DataError(
            f"{path}, row {number}, column {column + 1}: no finite number; leave out a cycle that "
            "was "
            "not measured"
        )
    return value * factor


def _remarks(cycles: list[Floats], order: int) -> tuple[str, ...]:
    total = sum(len(part) for part in cycles)
    said = [f"{total:,} cycles of {len(cycles)} device(s); each cycle depends on {order} before it"]
    if len(cycles) == 1:
        said.append(
            "one device: what differs from device to device cannot be known, and is taken as 0"
        )
    elif len(cycles) < _FEW_DEVICES:
        said.append(
            f"{len(cycles)} devices: their spread is known to about "
            f"{100 / np.sqrt(2 * (len(cycles) - 1)):.0f} % only"
        )
    return tuple(said)
