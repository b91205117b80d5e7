"""Random arrays and random pulses on the nodal engine against brute force that shares no code with
it.

    python scripts/brute_force.py                                    # 2,000 reads and 60 pulses: a minute or two
    python scripts/brute_force.py --reads 50000 --pulses 2000        # the whole: an hour or more

A read of linear cells is compared with star-mesh elimination of the whole circuit, node after node.
It subtracts nothing, so every conductance between two terminals is right to a few roundings, also
where wires of 1 µΩ meet cells of 1 fS.

A read of any other device's cells (``--nonlinear``, up to 24×20) is compared with what Newton steps
of our own, SuperLU inside, make of it.

A pulse is compared with SciPy's LSODA on the device's own Python equations: the states and the
energy ∫ΣV·I dt are integrated together, and the whole circuit is solved by a dense Newton's method
at every evaluation. Amplitudes go from a third of the device's typical volts to thirty times as
much, widths from a thousandth of its period to a hundred periods. A pulse may also be refused: that
is counted, with its line and the time it took."""

from __future__ import annotations

import argparse
import collections
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.integrate import LSODA
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.linalg import splu

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.devices.base import Device
from spicesnn.errors import SpicesnnError

NONLINEAR_ERROR = 1e-7
"""Largest error of a line current of a read of nonlinear cells, relative to the largest current."""
READ_ERROR = 1e-9
"""Largest error of a line current, relative to the largest line current of the read."""
STATE_ERROR, ENERGY_ERROR = 1e-3, 0.02
"""Largest error of a state relative to its range, and of the energy relative to ∫|ΣV·I| dt."""
MOST_EVALUATIONS = 40_000
"""Of the reference; a pulse that it cannot follow with so many is drawn again."""


class ReferenceFailedError(Exception):
    """The reference itself gave up."""


# -- reads ----------------------------------------------------------------------------------------


def random_read(rng: np.random.Generator) -> tuple[sn.Crossbar, np.ndarray, np.ndarray]:
    """Return an array of linear cells, its word-line volts and its bit-line volts."""
    rows, cols = rng.integers(1, 7, 2)
    decades = rng.choice([0.5, 2.0, 5.0])
    siemens = 10.0 ** rng.uniform(-6 - decades, -4 + decades / 2, (rows, cols))
    siemens[rng.random((rows, cols)) < rng.choice([0.0, 0.0, 0.2])] = 0.0

    def ohms(shape: tuple[int, ...] = ()) -> np.ndarray:
        return (
            10.0 ** rng.uniform(-6, 5, shape)
            if rng.random() < 0.2
            else 10.0 ** rng.uniform(-2, 3, shape)
        )

    zero = rng.random(4) < 0.2
    wires = sn.Wires(
        word_line_ohm=0.0 if zero[0] else float(ohms()),
        bit_line_ohm=0.0 if zero[1] else float(ohms()),
        driver_ohm=0.0 if zero[2] else ohms((rows,)) if rng.random() < 0.3 else float(ohms()),
        sense_ohm=0.0 if zero[3] else ohms((cols,)) if rng.random() < 0.3 else float(ohms()),
        double_sided=bool(rng.random() < 0.3),
    )
    columns = rng.uniform(-0.2, 0.2, cols) if rng.random() < 0.3 else np.zeros(cols)
    return sn.Crossbar(conductance=siemens, wires=wires), rng.uniform(-1, 1, rows), columns


def line_currents(
    array: sn.Crossbar, row_volts: np.ndarray, column_volts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the currents out of the drivers (rows,) and into the sense nodes (cols,) by star-mesh
    elimination."""
    rows, cols, wires = array.rows, array.cols, array.wires
    assert array.conductance is not None
    ends = 2 if wires.double_sided else 1
    pieces: list[tuple[object, object, float]] = []
    driver, sense = np.broadcast_to(wires.driver_ohm, rows), np.broadcast_to(wires.sense_ohm, cols)
    for i in range(rows):
        line = [("w", i, j) for j in range(cols)]
        pieces += [(a, b, wires.word_line_ohm) for a, b in itertools.pairwise(line)]
        pieces += [
            (("V", i), end, driver[i] + wires.word_line_ohm) for end in (line[0], line[-1])[:ends]
        ]
    for j in range(cols):
        line = [("b", i, j) for i in range(rows)]
        pieces += [(a, b, wires.bit_line_ohm) for a, b in itertools.pairwise(line)]
        pieces += [
            (("S", j), end, sense[j] + wires.bit_line_ohm) for end in (line[-1], line[0])[:ends]
        ]
    parent: dict[object, object] = {}

    def root(node: object) -> object:
        while parent.get(node, node) != node:
            node = parent[node]
        return node

    terminals: list[object] = [("V", i) for i in range(rows)] + [("S", j) for j in range(cols)]
    for a, b, ohm in pieces:
        if ohm == 0.0 and root(a) != root(b):
            parent[root(a if a not in terminals else b)] = root(b if a not in terminals else a)
    names = terminals + sorted(
        {root(n) for p in pieces for n in p[:2]} - {root(t) for t in terminals}, key=str
    )
    number = {name: k for k, name in enumerate(names)}
    for t in terminals:  # a terminal is always the root of what is merged with it
        number[root(t)] = number[t]
    count, held = len(names), len(terminals)
    mesh = np.zeros((count, count))

    def add(a: object, b: object, siemens: float) -> None:
        m, n = number[root(a)], number[root(b)]
        if m != n:
            mesh[m, n] += siemens
            mesh[n, m] += siemens

    for a, b, ohm in pieces:
        if ohm > 0.0:
            add(a, b, 1.0 / ohm)
    for i in range(rows):
        for j in range(cols):
            add(("w", i, j), ("b", i, j), float(array.conductance[i, j]))
    for k in range(count - 1, held - 1, -1):
        star = mesh[k, :k].copy()
        total = star.sum()
        if total > 0:
            mesh[:k, :k] += np.outer(star, star / total)
            mesh[range(k), range(k)] = 0.0
    volts = np.concatenate([row_volts, column_volts])
    amps = (mesh[:held, :held] * (volts[:, None] - volts[None, :])).sum(axis=1)
    return amps[:rows], -amps[rows:]


def check_read(rng: np.random.Generator) -> float:
    """Return the error of one random read, relative to its largest line current."""
    array, rows, columns = random_read(rng)
    read = sn.NodalEngine().read(array, rows, column_volts=columns)
    right = np.concatenate(line_currents(array, rows, columns))
    got = np.concatenate([read.row_amps, read.column_amps])
    # What flows from driver to driver along a line counts as current, too: it is what a solve in
    # doubles has to balance.
    largest = max(
        np.abs(right).max(),
        float(np.abs(read.cell_volts * np.asarray(array.conductance)).max()),
        1e-300,
    )
    return float(np.abs(got - right).max() / largest)


# -- reads of nonlinear cells ---------------------------------------------------------------------


def random_nonlinear_read(rng: np.random.Generator) -> tuple[sn.Crossbar, np.ndarray, float | None]:
    """Return an array of up to 24×20 cells of any device, its word-line volts and its gate
    volts."""
    device = registry.fresh(str(rng.choice(registry.names())))
    rows, cols = int(rng.integers(1, 25)), int(rng.integers(1, 21))

    def ohm(least: float) -> float:
        return 0.0 if rng.random() < 0.2 else float(10.0 ** rng.uniform(least, 3))

    wires = sn.Wires(ohm(-3), ohm(-3), ohm(-2), ohm(-2), double_sided=bool(rng.random() < 0.3))
    array = sn.Crossbar(device=device, shape=(rows, cols), wires=wires)
    if array.state is not None and len(device.state_names) == 1:
        low, high = (float(np.min(b)) for b in device.bounds())
        if np.isfinite(low) and np.isfinite(high):
            array = array.with_state(
                low + (high - low) * np.clip(rng.uniform(-0.1, 1.1, (rows, cols)), 0.0, 1.0)
            )
    least = -1.0 if device.lowest_volts == -np.inf else 0.0
    volts = (
        device.typical_drive()[0]
        * float(10.0 ** rng.uniform(-2, 0.3))
        * rng.uniform(least, 1.0, rows)
    )
    gate = device.gate_default if device.gated else None
    return array, np.where(rng.random(rows) < 0.3, 0.0, volts), gate


class Nodes:
    """The nodes of an array as numbers, 0 Ω merged, and what joins them: sparse nodal analysis in
    the plainest form."""

    def __init__(self, array: sn.Crossbar, row_volts: np.ndarray) -> None:
        rows, cols, wires = array.rows, array.cols, array.wires
        self.held: dict[int, float] = {}
        self.pieces: list[tuple[int, int, float]] = []
        self.count = 0
        ends = 2 if wires.double_sided else 1
        self.word = self._lines(
            rows,
            cols,
            float(wires.word_line_ohm),
            float(wires.driver_ohm),
            row_volts,
            (0, -1)[:ends],
        )
        self.bit = self._lines(
            cols,
            rows,
            float(wires.bit_line_ohm),
            float(wires.sense_ohm),
            np.zeros(cols),
            (-1, 0)[:ends],
        ).T

    def _lines(
        self,
        lines: int,
        cells: int,
        segment: float,
        end: float,
        volts: np.ndarray,
        ends: tuple[int, ...],
    ) -> np.ndarray:
        found = np.empty((lines, cells), dtype=int)
        for k in range(lines):
            source = self._node()
            self.held[source] = float(volts[k])
            if segment == 0.0:
                found[k] = source if end == 0.0 else self._node()
            else:
                found[k] = [self._node() for _ in range(cells)]
                self.pieces += [
                    (int(a), int(b), 1.0 / segment) for a, b in itertools.pairwise(found[k])
                ]
            if segment + end > 0.0:
                self.pieces += [
                    (source, int(found[k, place]), 1.0 / (segment + end)) for place in ends
                ]
        return found

    def _node(self) -> int:
        self.count += 1
        return self.count - 1

    def wires(self) -> csr_matrix:
        """Return the conductance matrix of the wires alone."""
        a, b = (np.array([piece[k] for piece in self.pieces], dtype=int) for k in (0, 1))
        g = np.array([piece[2] for piece in self.pieces])
        places = np.concatenate([a, b, a, b]), np.concatenate([a, b, b, a])
        return coo_matrix(
            (np.concatenate([g, g, -g, -g]), places), shape=(self.count, self.count)
        ).tocsr()


def check_nonlinear_read(rng: np.random.Generator) -> tuple[float, str]:
    """Return by how much own Newton steps change the line currents of a random read, relative to
    the largest, or a line where it was refused."""
    array, row_volts, gate = random_nonlinear_read(rng)
    device, state = array.device, array.state_or_zeros()
    assert device is not None
    gates = None if gate is None else np.full(array.gate_lines, gate)
    try:
        read = sn.NodalEngine().read(array, row_volts, gate_volts=gates)
    except SpicesnnError as error:
        return 0.0, f"{device.name}: {error}"
    nodes = Nodes(array, row_volts)
    wires, word, bit = nodes.wires(), nodes.word.ravel(), nodes.bit.ravel()
    volts = np.zeros(nodes.count)
    volts[word], volts[bit] = read.word_line_volts.ravel(), read.bit_line_volts.ravel()
    volts[list(nodes.held)] = list(nodes.held.values())
    free = np.setdiff1d(np.arange(nodes.count), list(nodes.held))

    def cells(method: Callable[..., np.ndarray]) -> np.ndarray:
        across = (volts[word] - volts[bit]).reshape(array.shape)
        return np.broadcast_to(method(across, state, gate), array.shape).ravel()

    for _ in range(4 if free.size else 0):
        amps, slope = cells(device.current), np.maximum(cells(device.conductance), 0.0)
        left = wires @ volts
        np.add.at(left, word, amps)
        np.add.at(left, bit, -amps)
        places = (np.concatenate([word, bit, word, bit]), np.concatenate([word, bit, bit, word]))
        jacobian = (
            wires
            + coo_matrix(
                (np.concatenate([slope, slope, -slope, -slope]), places), shape=wires.shape
            ).tocsr()
        )
        volts[free] -= splu(jacobian[free][:, free].tocsc()).solve(left[free])
    amps = cells(device.current).reshape(array.shape)
    right = np.concatenate([amps.sum(axis=1), amps.sum(axis=0)])
    got = np.concatenate([read.row_amps, read.column_amps])
    return (
        float(
            np.abs(got - right).max()
            / max(float(np.abs(amps).max()), float(np.abs(right).max()), 1e-300)
        ),
        "",
    )


# -- pulses ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Case:
    """A pulse and the array it goes to."""

    array: sn.Crossbar
    pulse: sn.Pulse
    over: float
    """Amplitude over the device's typical volts."""

    def __str__(self) -> str:
        device, pulse = self.array.device, self.pulse
        assert device is not None
        return (
            f"{device.name} {self.array.rows}x{self.array.cols}, {self.over:.3g} × typical:"
            f" {pulse.row_volts} V, {pulse.width_s:.3g} s, rise {pulse.rise_s:.3g} s, wires"
            f" {self.array.wires.word_line_ohm:.3g}/{self.array.wires.bit_line_ohm:.3g}, state"
            f" {np.asarray(self.array.state_or_zeros()).tolist()}"
        )


def random_case(rng: np.random.Generator, name: str | None = None) -> Case:
    """Draw a device, states in its range, wires and a pulse."""
    device = registry.fresh(name or str(rng.choice(registry.names())))
    volts, frequency = device.typical_drive()
    rows, cols = (1, 1) if rng.random() < 0.8 else tuple(int(n) for n in rng.integers(1, 3, 2))
    over = float(10.0 ** rng.uniform(-0.5, 1.5))
    width = float(10.0 ** rng.uniform(-3, 2)) / frequency
    rise = 0.0 if rng.random() < 0.4 else width * float(10.0 ** rng.uniform(-3, 0.5))
    wires = rng.choice(3)
    wires = (
        sn.Wires.ideal()
        if wires == 0
        else (
            sn.Wires()
            if wires == 1
            else sn.Wires(
                word_line_ohm=float(10.0 ** rng.uniform(-2, 4)),
                bit_line_ohm=float(10.0 ** rng.uniform(-2, 4)),
            )
        )
    )
    amplitudes = (
        over
        * volts
        * rng.choice([-1.0, 1.0])
        * np.where(np.arange(rows) == 0, 1.0, rng.uniform(0.2, 1.0, rows))
    )
    array = sn.Crossbar(device=device, shape=(rows, cols), wires=wires)
    if (
        array.state is not None
        and device.memory
        and len(device.state_names) == 1
        and rng.random() < 0.7
    ):
        low, high = (float(np.min(b)) for b in device.bounds())
        if np.isfinite(low) and np.isfinite(high):
            part = np.clip(rng.uniform(-0.1, 1.1, (rows, cols)), 0.0, 1.0)
            array = array.with_state(low + part * (high - low))
    gate = device.gate_default if device.gated else None
    return Case(
        array=array,
        pulse=sn.Pulse(row_volts=amplitudes, width_s=width, rise_s=rise, gate_volts=gate),
        over=over,
    )


class Circuit:
    """The whole array as dense equations: wires, drivers and cells."""

    def __init__(self, array: sn.Crossbar) -> None:
        self.rows, self.cols, self.wires = array.rows, array.cols, array.wires
        assert array.device is not None
        self.device: Device = array.device
        r, c = self.rows, self.cols
        self.ideal = self.wires.word_line_ohm == 0 and self.wires.bit_line_ohm == 0
        self.last: np.ndarray | None = None
        if self.ideal:
            return
        n = 2 * r * c
        matrix, self.from_rows, self.from_columns = (
            np.zeros((n, n)),
            np.zeros((n, r)),
            np.zeros((n, c)),
        )

        def join(a: int, b: int, siemens: float) -> None:
            matrix[a, a] += siemens
            matrix[b, b] += siemens
            matrix[a, b] -= siemens
            matrix[b, a] -= siemens

        word, bit = 1.0 / self.wires.word_line_ohm, 1.0 / self.wires.bit_line_ohm
        for i in range(r):
            for j in range(c):
                k = i * c + j
                if j:
                    join(k, k - 1, word)
                else:
                    matrix[k, k] += word
                    self.from_rows[k, i] += word
                b = r * c + k
                if i:
                    join(b, b - c, bit)
                if i == r - 1:
                    matrix[b, b] += bit
                    self.from_columns[b, j] += bit
        self.matrix, self.word = matrix, word

    def solve(
        self, rows: np.ndarray, state: np.ndarray, gate: float | None
    ) -> tuple[np.ndarray, float]:
        """Return the cells' volts (rows, cols) and the drivers' power, watt (sense nodes at 0
        V)."""
        if self.ideal:
            volts = np.broadcast_to(rows[:, None], (self.rows, self.cols))
            return volts, float((volts * self.device.current(volts, state, gate)).sum())
        if self.rows == self.cols == 1:
            volts = np.array([[self._alone(float(rows[0]), state, gate)]])
            return volts, float(
                rows[0] * float(np.asarray(self.device.current(volts, state, gate)).ravel()[0])
            )
        nodes, m = (
            self.last if self.last is not None else np.zeros(2 * self.rows * self.cols),
            self.rows * self.cols,
        )
        drive = self.from_rows @ rows
        for _ in range(200):
            v = (nodes[:m] - nodes[m:]).reshape(self.rows, self.cols)
            amps = np.broadcast_to(self.device.current(v, state, gate), v.shape).ravel()
            left = self.matrix @ nodes - drive + np.concatenate([amps, -amps])
            slope = np.broadcast_to(self.device.conductance(v, state, gate), v.shape).ravel()
            jacobian = self.matrix.copy()
            k = np.arange(m)
            jacobian[k, k] += slope
            jacobian[m + k, m + k] += slope
            jacobian[k, m + k] -= slope
            jacobian[m + k, k] -= slope
            step = np.linalg.solve(jacobian, -left)
            nodes = nodes + step * min(
                1.0, 0.3 / max(np.abs(step).max(), 1e-300) if np.abs(step).max() > 0.3 else 1.0
            )
            if np.abs(step).max() < 1e-12 * (1 + np.abs(rows).max()):
                self.last = nodes
                power = float(
                    (
                        rows * (rows - nodes[:m].reshape(self.rows, self.cols)[:, 0]) * self.word
                    ).sum()
                )
                return (nodes[:m] - nodes[m:]).reshape(self.rows, self.cols), power
        raise ReferenceFailedError("Newton")

    def _alone(self, source: float, state: np.ndarray, gate: float | None) -> float:
        """Return v with v + R·i(v) = source, by Newton's method inside a bracket."""
        ohm = self.wires.word_line_ohm + self.wires.bit_line_ohm
        low, high = min(source, 0.0), max(source, 0.0)
        v = source if self.last is None else min(max(float(self.last[0]), low), high)
        for _ in range(300):
            left = (
                v + ohm * float(np.asarray(self.device.current(v, state, gate)).ravel()[0]) - source
            )
            low, high = (v, high) if left < 0 else (low, v)
            slope = 1.0 + ohm * float(
                np.asarray(self.device.conductance(v, state, gate)).ravel()[0]
            )
            new = v - left / slope if slope > 0 else 0.5 * (low + high)
            new = new if low <= new <= high else 0.5 * (low + high)
            if abs(new - v) <= 1e-14 * abs(source) or high - low <= 1e-15 * abs(source):
                self.last = np.array([new])
                return new
            v = new
        raise ReferenceFailedError("scalar Newton")


def reference(case: Case) -> tuple[np.ndarray, float, float]:
    """Return the states after the pulse, the energy ∫ΣV·I dt and ∫|ΣV·I| dt in joule.

    Raises
    ------
    ReferenceFailedError
        The pulse needs more than `MOST_EVALUATIONS`.
    """
    array, device = case.array, case.array.device
    assert device is not None
    start = np.asarray(array.state_or_zeros(), dtype=float)
    several = start.ndim == 3
    bounds = [np.asarray(b, dtype=float) for b in device.bounds()]
    low, high = (
        np.broadcast_to(b[:, None, None] if several and b.ndim == 1 else b, start.shape)
        for b in bounds
    )
    span = high - low
    typical = np.asarray(device.state_scale or (1.0,), dtype=float)
    scale = np.where(np.isfinite(span), span, typical[:, None, None] if several else typical[0])
    waveform = case.pulse.waveform().checked(array)
    gate = (
        None if case.pulse.gate_volts is None else float(np.max(np.asarray(case.pulse.gate_volts)))
    )
    circuit, evaluations = Circuit(array), 0

    def slopes(t: float, y: np.ndarray) -> np.ndarray:
        nonlocal evaluations
        evaluations += 1
        if evaluations > MOST_EVALUATIONS:
            raise ReferenceFailedError("too many evaluations")
        state = np.clip(y[:-2].reshape(start.shape) * scale, low, high)
        rows = np.array(
            [np.interp(t, waveform.time_s, waveform.row_volts[:, i]) for i in range(array.rows)]
        )
        volts, watt = circuit.solve(rows, state, gate)
        rate = np.broadcast_to(device.rate(volts, state, gate), start.shape) / scale
        return np.concatenate([rate.ravel(), [watt, abs(watt)]])

    y = np.concatenate([(start / scale).ravel(), [0.0, 0.0]])
    with np.errstate(all="ignore"):
        for begin, end in itertools.pairwise(waveform.time_s):
            # What the energy may be wrong by is measured by the power somewhere in the segment
            probes = [
                slopes(begin + part * (end - begin), y)[-1] * (end - begin)
                for part in (0.0, 0.5, 1.0)
            ]
            joule = max(y[-1], 1e-3 * max(probes), 1e-40)
            error = np.concatenate([np.full(y.size - 2, 1e-8), [1e-6 * joule, 1e-6 * joule]])
            stepper = LSODA(
                slopes, begin, y, end, rtol=1e-7, atol=error, max_step=(end - begin) / 50
            )
            while stepper.status == "running":
                stepper.step()
            if stepper.status != "finished":
                raise ReferenceFailedError(stepper.status)
            y = stepper.y
    return np.clip(y[:-2].reshape(start.shape) * scale, low, high), float(y[-2]), float(y[-1])


def check_pulse(case: Case, engine: sn.NodalEngine) -> tuple[float, float, float, str]:
    """Return the errors of states and energy, the engine's wall time, and its line where it
    refused."""
    begin = time.perf_counter()
    try:
        after = engine.pulse(case.array, case.pulse)
    except SpicesnnError as error:
        return 0.0, 0.0, time.perf_counter() - begin, f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - begin
    state, energy, absolute = reference(case)
    assert case.array.device is not None
    low, high = (np.asarray(b, dtype=float) for b in case.array.device.bounds())
    span = high - low
    span = np.where(np.isfinite(span), span, 1.0)
    span = span[:, None, None] if span.ndim == 1 and state.ndim == 3 else span
    wrong = float((np.abs(after.state - state) / span).max()) if case.array.device.memory else 0.0
    return wrong, abs(after.energy_joule - energy) / max(absolute, 1e-300), seconds, ""


def main() -> None:
    """Run the draws asked for and print what was found; the exit status says whether anything was
    wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reads", type=int, default=2000)
    parser.add_argument("--nonlinear", type=int, default=100)
    parser.add_argument("--pulses", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", help="only pulses of this device")
    parser.add_argument(
        "--verbose", action="store_true", help="print every pulse that is refused, and slow ones"
    )
    given = parser.parse_args()
    bad = 0
    errors = []
    for k in range(given.reads):
        errors.append(check_read(np.random.default_rng([given.seed, 0, k])))
        if not errors[-1] <= READ_ERROR:
            bad += 1
            print(f"read {k}: off by {errors[-1]:.3g} of the largest current")
    if errors:
        print(
            f"{given.reads} reads: worst error {max(errors):.2g} of the largest current, {bad}"
            f" above {READ_ERROR:g}"
        )
    errors, lines = [], collections.Counter[str]()
    for k in range(given.nonlinear):
        error, line = check_nonlinear_read(np.random.default_rng([given.seed, 2, k]))
        errors.append(error)
        if line:
            lines[line[:90]] += 1
        if not error <= NONLINEAR_ERROR:
            bad += 1
            print(f"nonlinear read {k}: off by {error:.3g} of the largest current", flush=True)
    if errors:
        print(
            f"{given.nonlinear} reads of any cells: worst error {max(errors):.2g}, refused"
            f" {sum(lines.values())}"
        )
        for line, count in lines.items():
            print(f"    {count} × {line}")
    engine, found, refused, failed, wrong = sn.NodalEngine(), [], collections.Counter[str](), 0, 0
    slow: list[tuple[float, str]] = []
    for k in range(given.pulses):
        case = random_case(np.random.default_rng([given.seed, 1, k]), given.device)
        assert case.array.device is not None
        try:
            state, energy, seconds, line = check_pulse(case, engine)
        except ReferenceFailedError:
            failed += 1
            continue
        slow.append((seconds, str(case)))
        if line:
            refused[case.array.device.name] += 1
            if given.verbose:
                print(f"pulse {k} refused in {seconds:.2f} s: {case}\n    {line}")
            continue
        found.append((state, energy, seconds))
        if not (state <= STATE_ERROR and energy <= ENERGY_ERROR):
            wrong += 1
            print(
                f"pulse {k}: state off by {state:.3g} of the range, energy by {energy:.3g}"
                f" ({seconds:.2f} s): {case}",
                flush=True,
            )
    if found:
        states, energies, seconds = np.array(found).T
        print(
            f"{given.pulses} pulses: {len(found)} compared, worst state {states.max():.2g}, worst"
            f" energy {energies.max():.2g} (median {np.median(energies):.2g}), {wrong} wrong;"
            f" refused {sum(refused.values())} {dict(refused)}; the reference gave up {failed}"
            " times"
        )
        slow.sort(reverse=True)
        print(
            f"wall time: median {np.median(seconds):.3g} s, slowest {slow[0][0]:.3g} s:"
            f" {slow[0][1]}"
        )
    raise SystemExit(1 if bad or wrong else 0)


if __name__ == "__main__":
    main()
