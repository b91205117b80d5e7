"""Random reads and pulses of every device of the library in ngspice: none may be lost, none may take
long.

    python scripts/ngspice_random.py [--count 200] [--devices vteam jart-vcm]

Arrays of 12 by 4 cells in random states on word lines of 5 Ω and bit lines of 3 Ω a segment, gates
open. Half of the tries are reads within ±0.2 V, half are pulses on random word lines: up to the
device's typical amplitude, 0.001 to 0.1 of its typical period. One line a device: tries that were
answered, seconds of the median and of the slowest (the first of each kind, which loads the circuit,
left out), and the largest differences from the nodal engine: of the currents of reads, of the
largest current, and of the states after pulses, of their range; and the ways that pulses began."""

from __future__ import annotations

import argparse
import time
from collections import Counter

import numpy as np

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.devices.base import Device
from spicesnn.errors import SpicesnnError

ROWS, COLS = 12, 4
WIRES = sn.Wires(word_line_ohm=5.0, bit_line_ohm=3.0)


def random_array(device: Device, rng: np.random.Generator) -> sn.Crossbar:
    """Cells in random states inside their bounds; conductances where a device has no state."""
    if not device.memory:
        return sn.Crossbar(device=device, shape=(ROWS, COLS), wires=WIRES)
    low, high = (np.asarray(bound, dtype=float) for bound in device.bounds())
    share = rng.uniform(0.02, 0.98, (ROWS, COLS) if low.ndim == 0 else (len(low), ROWS, COLS))
    least, most = (bound if bound.ndim == 0 else bound.reshape(-1, 1, 1) for bound in (low, high))
    return sn.Crossbar(device=device, state=least + (most - least) * share, wires=WIRES)


def state_difference(device: Device, one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference of states, of their range."""
    low, high = (np.asarray(bound, dtype=float) for bound in device.bounds())
    span = high - low
    return float(np.abs((one - other) / (span if span.ndim == 0 else span.reshape(-1, 1, 1))).max())


def tried(name: str, count: int, seed: int) -> str:
    """Try one device and say how it went."""
    rng, device = np.random.default_rng(seed), registry.fresh(name)
    spent: dict[str, list[float]] = {"reads": [], "pulses": []}
    lost: list[str] = []
    apart = moved = 0.0
    ways: Counter[str] = Counter()
    gates = np.full(ROWS, device.gate_default) if device.gated else None
    with sn.NgspiceEngine(timeout_s=60) as engine:
        for k in range(count):
            array, begun = random_array(device, rng), time.perf_counter()
            kind = "pulses" if k % 2 and device.memory else "reads"
            try:
                if kind == "reads":
                    rows = rng.uniform(-0.2, 0.2, ROWS)
                    read = engine.read(array, rows, gate_volts=gates)
                    spent[kind].append(time.perf_counter() - begun)
                    ours = sn.NodalEngine().read(array, rows, gate_volts=gates).column_amps
                    apart = max(apart, np.abs(read.column_amps - ours).max() / np.abs(ours).max())
                else:
                    typical, frequency = device.typical_drive()
                    volts, width = (
                        typical * rng.uniform(-1, 1),
                        10 ** rng.uniform(-3, -1) / frequency,
                    )
                    chosen = np.where(rng.random(ROWS) < 0.3, volts, 0.0)
                    pulse = sn.Pulse(row_volts=chosen, width_s=width, gate_volts=gates)
                    done = engine.pulse(array, pulse)
                    spent[kind].append(time.perf_counter() - begun)
                    ways.update(done.stats["ways"])
                    ours = sn.NodalEngine().pulse(array, pulse).state
                    moved = max(moved, state_difference(device, done.state, ours))
            except SpicesnnError as error:
                lost.append(f"{k}, {kind}: {str(error).splitlines()[0][:200]}")
    text = f"{name}: {sum(map(len, spent.values()))} of {count} answered"
    for kind, seconds in spent.items():
        if later := seconds[1:]:
            middle, most = float(np.median(later)), max(later)
            text += f"; {kind} {middle:.3f} s, slowest {most:.3f} s ({most / middle:.0f} times)"
    text += f"; reads apart by {apart:.1e}"
    if ways:
        begun_by = ", ".join(f"{count} {way}" for way, count in ways.most_common())
        text += f", pulses by {moved:.1e}; pulses begun: {begun_by}"
    return "\n    ".join([text, *lost])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--devices", nargs="+", default=registry.names())
    options = parser.parse_args()
    for name in options.devices:
        print(tried(name, options.count, options.seed), flush=True)


if __name__ == "__main__":
    main()
