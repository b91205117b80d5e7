"""The Verilog-A models of the tests as imported devices: values, derivatives, pulses and arrays.

    python scripts/imported_models.py [--models vteam ftj …] [--seed 0] [--points 1000] [--pulses 50] [--size 64]

One line a model and quantity:

- nodal: largest relative difference of current and rates, and of their derivatives by the voltage
  and the states, from what openvaf-py compiles, at random parameters, voltages and states
  (`spicesnn.validation.certificate`);
- ngspice: the same of the sub-circuit, in ngspice, from the nodal twin: values by an operating
  point, derivatives by a small-signal analysis of sources at the terminal and at every state;
- pulses: largest distance of a state, of its range, from an integration of the equations (LSODA,
  1e-10) after each of so many random pulses in a row, eight cells at once, on both engines, and how
  far pulses moved the states;
- array: wall time and certificate of a read and a pulse on the nodal engine, wires of 1 Ω, the
  first call, which compiles, left out; and the largest difference of both engines on a corner of
  6 by 4 cells.

The exit code is 1 where a bar is missed: 1e-9 (values), 1e-8 (derivatives), 1e-3 of the range."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import spicesnn as sn
from spicesnn.arrays import Floats
from spicesnn.devices.importers.veriloga.device import VerilogDevice
from spicesnn.devices.importers.veriloga.model import VerilogModel, read_model
from spicesnn.devices.stimulus import PiecewiseLinear
from spicesnn.errors import EngineError
from spicesnn.netlist.accuracy import ReadAccuracy
from spicesnn.netlist.batch import ngspice_program
from spicesnn.netlist.veriloga import TAKEN, device_of_model
from spicesnn.validation.certificate import certificate, drawn_parameters, relative

FOLDER = Path(__file__).parent.parent / "tests/devices/importers/veriloga_models"
NAMES = ("vteam", "stanford_pku", "jart_vcm_v1", "nbo2_switch", "ftj")
VALUE, JACOBIAN, STATE = 1e-9, 1e-8, 1e-3
SETS, CELLS, CORNER, TOGETHER = 8, 8, (6, 4), 8


def read(name: str) -> tuple[VerilogModel, VerilogDevice]:
    """Return a model of the tests, and its device."""
    model = read_model(FOLDER / f"{name}.va", taken=TAKEN.__contains__)
    device = device_of_model(model)
    assert isinstance(device, VerilogDevice)
    return model, device


def random_states(device: VerilogDevice, count: int, rng: np.random.Generator) -> Floats:
    """Return states inside their bounds, (states, count)."""
    low, high = (np.asarray(e, dtype=float).reshape(-1, 1) for e in device.bounds())
    share = rng.uniform(0.01, 0.99, (len(device.state_names), count))
    return np.asarray(low + (high - low) * share)


def spice_twin(model: VerilogModel, rng: np.random.Generator, points: int) -> tuple[float, float]:
    """Return the largest differences of values and derivatives between the sub-circuit in ngspice
    and the nodal twin, at parameters, voltages and states as a certificate draws them."""
    found: list[tuple[Floats, Floats]] = []
    for k in range(SETS):
        parameters = model.defaults if k == 0 else drawn_parameters(model, rng)
        device = device_of_model(model).with_parameters(**parameters)
        assert isinstance(device, VerilogDevice)
        v = 1.5 * model.drive[0] * rng.uniform(-1.0, 1.0, -(-points // SETS))
        x = random_states(device, v.size, rng)
        amps, _, rates, by, _ = model.stored.everything(v, list(x), parameters)
        spice, spice_by = in_ngspice(device, v, x)
        twin_by = np.array([[np.broadcast_to(one, v.shape) for one in row] for row in by])
        found.append((spice, np.array([amps, *rates])))
        found.append((spice_by.reshape(-1, v.size), twin_by.reshape(-1, v.size)))
    values, slopes = (
        [np.concatenate([pair[k] for pair in found[start::2]], axis=-1) for k in (0, 1)]
        for start in (0, 1)
    )
    return relative(*values), relative(*slopes)


def in_ngspice(device: VerilogDevice, v: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return current and rates of the sub-circuit in ngspice, (1 + states, points), and their
    derivatives by the voltage and the states, (1 + states, 1 + states, points).

    A few points a deck: Newton's method in ngspice ends when all of a deck stand still."""
    parts = [
        _in_one_deck(device, v[k : k + TOGETHER], x[:, k : k + TOGETHER])
        for k in range(0, v.size, TOGETHER)
    ]
    values, slopes = (np.concatenate([part[k] for part in parts], axis=-1) for k in (0, 1))
    return values, slopes


def _in_one_deck(device: VerilogDevice, v: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return what `in_ngspice` does of a few points."""
    circuit, states = device.circuit, device.circuit.states
    tail = " ".join(f"{name}={float(value)!r}" for name, value in device.spice_parameters().items())
    scales = np.array([1.0, *(s.scale for s in states)])
    # A source's current flows into it at its positive end, and that into a state's capacitor, of
    # 1 pF, is the rate in volt a second times that.
    units = np.array([-1.0, *(s.scale / 1e-12 for s in states)])[:, None]
    every = [[f"vv{j}", *(f"vs{i}_{j}" for i in range(len(states)))] for j in range(v.size)]
    lines = ["* one instance a point", circuit.text]
    for j, names in enumerate(every):
        lines.append(f"x{j} p{j} 0 {circuit.subckt} {tail}")
        lines.append(f"{names[0]} p{j} 0 {float(v[j])!r} ac 0")
        for i, state in enumerate(states):
            volts = float(x[i, j] / state.scale)
            lines.append(f"{names[1 + i]} x{j}.{state.node} 0 {volts!r} ac 0")
    lines.append(ReadAccuracy().card())
    lines += [".control", "set numdgt=16", "op"]
    written = [
        f"wrdata op{j} {' '.join(f'i({name})' for name in names)}" for j, names in enumerate(every)
    ]
    lines += written
    for k in range(1 + len(states)):
        for names in every:
            lines += [f"alter @{name}[acmag] = {int(i == k)}" for i, name in enumerate(names)]
        lines += ["ac lin 1 1e-6 1e-6"]
        lines += [line.replace("wrdata op", f"wrdata ac{k}_") for line in written]
    lines += ["quit", ".endc", ".end"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "deck.cir").write_text("\n".join(lines), encoding="utf-8")
        done = subprocess.run(
            [ngspice_program(), "-n", "-b", "deck.cir"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if not (folder / f"ac{len(states)}_{v.size - 1}").exists():
            raise EngineError(done.stdout[-2000:] + done.stderr[-2000:])
        # Columns of an operating point: sweep, value; of a small signal: frequency, real and
        # imaginary part.
        values = np.array(
            [np.loadtxt(folder / f"op{j}", ndmin=2)[0, 1::2] for j in range(v.size)]
        ).T
        slopes = np.array(
            [
                [np.loadtxt(folder / f"ac{k}_{j}", ndmin=2)[0, 1::3] for j in range(v.size)]
                for k in range(1 + len(states))
            ]
        ).transpose(2, 0, 1)
    return values * units, slopes * units[:, None] / scales[None, :, None]


@dataclass(frozen=True, kw_only=True)
class Pulsed:
    """Largest distances of states after pulses, of their range, and the largest move of one."""

    nodal: float
    ngspice: float
    moved: float


def pulsed(device: VerilogDevice, rng: np.random.Generator, count: int) -> Pulsed:
    """Send random pulses one after another through cells of their own on both engines."""
    states = len(device.state_names)
    low, high = (np.asarray(e, dtype=float).reshape(-1, 1) for e in device.bounds())
    amplitude, frequency = device.typical_drive()
    start = random_states(device, CELLS, rng)
    exact, worst, moved = start, {"nodal": 0.0, "ngspice": 0.0}, 0.0
    now = {"nodal": start, "ngspice": start}
    with sn.NgspiceEngine() as ngspice, sn.NodalEngine() as nodal:
        for _ in range(count):
            volts = amplitude * rng.uniform(0.3, 1.0, CELLS) * rng.choice([-1.0, 1.0], CELLS)
            width = np.exp(rng.uniform(np.log(0.01), np.log(0.5))) / frequency
            pulse = sn.Pulse(row_volts=volts, width_s=width, rise_s=0.1 * width)
            before, exact = exact, integrated(device, exact, volts, width, 0.1 * width)
            moved = max(moved, float(np.max(np.abs(exact - before) / (high - low))))
            for name, engine in (("nodal", nodal), ("ngspice", ngspice)):
                shape = (states, CELLS, 1) if states > 1 else (CELLS, 1)
                array = sn.Crossbar(
                    device=device, state=now[name].reshape(shape), wires=sn.Wires.ideal()
                )
                after = np.asarray(engine.pulse(array, pulse).state).reshape(states, CELLS)
                now[name] = after
                worst[name] = max(worst[name], float(np.max(np.abs(after - exact) / (high - low))))
    return Pulsed(**worst, moved=moved)


def integrated(
    device: VerilogDevice, start: Floats, volts: Floats, width: float, rise: float
) -> Floats:
    """Return the states after a pulse, by LSODA on each cell by itself."""
    found, corners = np.empty_like(start), np.array([0.0, rise, rise + width, 2 * rise + width])
    for k in range(volts.size):
        pulse = PiecewiseLinear(corners, volts[k] * np.array([0.0, 1.0, 1.0, 0.0]))
        state = start[:, k] if len(start) > 1 else start[0, k]
        curve = sn.NodalEngine().drive(device, pulse, state=state, points=2)
        found[:, k] = np.atleast_2d(curve.state)[:, -1]
    return found


def arrays(device: VerilogDevice, rng: np.random.Generator, size: int) -> str:
    """Return how a read and a pulse of an array went."""
    states, (amplitude, frequency) = len(device.state_names), device.typical_drive()

    def made(rows: int, cols: int) -> tuple[sn.Crossbar, Floats, sn.Pulse]:
        x = random_states(device, rows * cols, rng)
        shape = (states, rows, cols) if states > 1 else (rows, cols)
        array = sn.Crossbar(device=device, state=x.reshape(shape), wires=sn.Wires(1.0, 1.0))
        volts = amplitude * rng.uniform(-1.0, 1.0, rows)
        pulse = sn.Pulse(row_volts=volts, width_s=0.1 / frequency, rise_s=0.01 / frequency)
        return array, 0.2 * amplitude * rng.uniform(-1.0, 1.0, rows), pulse

    engine = sn.NodalEngine()
    array, rows, pulse = made(*CORNER)
    reads = [engine.read(array, rows).column_amps]
    states_after = [engine.pulse(array, pulse).state]
    with sn.NgspiceEngine() as ngspice:
        reads.append(ngspice.read(array, rows).column_amps)
        states_after.append(ngspice.pulse(array, pulse).state)
    low, high = (np.asarray(e, dtype=float) for e in device.bounds())
    low, high = (e.reshape(-1, 1, 1) if e.ndim else e for e in (low, high))
    apart = float(np.max(np.abs(reads[0] - reads[1])) / np.max(np.abs(reads[1])))
    states_apart = float(np.max(np.abs(states_after[0] - states_after[1]) / (high - low)))
    array, rows, pulse = made(size, size)
    engine.read(array, rows)
    engine.pulse(array, pulse)
    begun = time.perf_counter()
    read_ = engine.read(array, rows)
    read_s = time.perf_counter() - begun
    begun = time.perf_counter()
    after = engine.pulse(array, pulse)
    pulse_s = time.perf_counter() - begun
    moved = float(np.max(np.abs(after.state - array.state) / (high - low)))
    peak = float(np.max(np.abs(read_.column_amps)))
    return (
        f"{size}² read {read_s:.3f} s, residual {float(np.max(read_.residual_amps)) / peak:.1e} of"
        f" the largest current; pulse {pulse_s:.3f} s, moved {moved:.2f}; {CORNER[0]} × {CORNER[1]}"
        f" on both engines: reads {apart:.1e}, states {states_apart:.1e}"
    ), apart <= VALUE and states_apart <= STATE


def judged(name: str, seed: int, points: int, pulses: int, size: int) -> bool:
    """Print the lines of one model and return whether every bar is reached."""
    rng = np.random.default_rng(seed)
    model, device = read(name)
    ok = []

    def line(what: str, text: str, right: bool) -> None:
        ok.append(right)
        print(f"{name:13s} {what:8s} {text}{'' if right else '  MISSED'}", flush=True)

    found = certificate(model, rng, points)
    line(
        "nodal",
        f"values {found.value:.1e}, derivatives {found.jacobian:.1e}, {found.points} points",
        found.value <= VALUE and found.jacobian <= JACOBIAN,
    )
    value, jacobian = spice_twin(model, rng, points)
    line(
        "ngspice",
        f"values {value:.1e}, derivatives {jacobian:.1e}",
        value <= VALUE and jacobian <= JACOBIAN,
    )
    moves = pulsed(device, rng, pulses)
    line(
        "pulses",
        f"nodal {moves.nodal:.1e}, ngspice {moves.ngspice:.1e} of the range, {pulses} in a row;"
        f" the largest moved {moves.moved:.2f}",
        max(moves.nodal, moves.ngspice) <= STATE,
    )
    line("array", *arrays(device, rng, size))
    return all(ok)


def main() -> bool:
    """Judge the models that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=NAMES, choices=NAMES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--pulses", type=int, default=50)
    parser.add_argument("--size", type=int, default=64)
    given = parser.parse_args()
    right = [
        judged(name, given.seed, given.points, given.pulses, given.size) for name in given.models
    ]
    return all(right)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
