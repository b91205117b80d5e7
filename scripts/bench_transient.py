"""A programming pulse on a VTEAM array: the nodal engine against ngspice, at the accuracy both reach.

    python scripts/bench_transient.py [--sizes 8 16 32] [--ngspice-up-to 16] [--repeats 5] [--json]

1 µs on all word lines, 1 Ω wires, random states. "Partly" moves cells inside their range under published-like 10 kΩ–1 MΩ cells; "full"
drives the 50 Ω–1 kΩ default set into its bounds. The error is that of the final states against a run of tolerance 1e-7, as a fraction of
the range. Processor time of all threads and processes, so that others on the machine show less; wall time beside it. Medians.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time

import numpy as np

import spicesnn as sn

BARS = {"speedup_32": 300.0, "seconds_128": 0.25}
RANGE = 3e-9


def cases(size: int) -> dict[str, tuple[sn.Crossbar, sn.Pulse]]:
    """Return the arrays and pulses of one size."""
    state = RANGE * np.random.default_rng(1).uniform(0.1, 0.9, (size, size))
    partly = sn.devices.VTEAM(r_on=10e3, r_off=1e6, v_on=-0.5, v_off=0.5, k_on=-2e-3, k_off=1e-3)
    return {
        "partly, reset": (sn.Crossbar(device=partly, state=state), sn.Pulse(row_volts=1.0, width_s=1e-6, rise_s=1e-8)),
        "partly, set": (sn.Crossbar(device=partly, state=state), sn.Pulse(row_volts=-0.8, width_s=1e-6, rise_s=1e-8)),
        "full, reset": (sn.Crossbar(device=sn.devices.VTEAM(), state=state), sn.Pulse(row_volts=0.5, width_s=1e-6, rise_s=1e-8)),
    }


def _used() -> float:
    return sum(u.ru_utime + u.ru_stime for u in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)))


def timed(engine: sn.engines.base.Engine, array: sn.Crossbar, pulse: sn.Pulse) -> tuple[float, float, sn.engines.results.PulseResult]:
    """Return processor seconds, wall seconds and the result; ngspice's worker is closed inside, so that its time is counted."""
    used, begin = _used(), time.perf_counter()
    result = engine.pulse(array, pulse)
    wall = time.perf_counter() - begin
    engine.close()
    return _used() - used, wall, result


def measure(size: int, name: str, array: sn.Crossbar, pulse: sn.Pulse, repeats: int, with_ngspice: bool) -> dict[str, object]:
    """Return one line of the table."""
    exact = sn.NodalEngine(state_tolerance=1e-7).pulse(array, pulse)
    runs = [timed(sn.NodalEngine(), array, pulse) for _ in range(repeats + 1)][1:]
    cpu, wall = (statistics.median(run[k] for run in runs) for k in (0, 1))
    line: dict[str, object] = {
        "size": size, "case": name, "nodal_cpu_s": cpu, "nodal_wall_s": wall,
        "nodal_error": float(np.abs(runs[-1][2].state - exact.state).max() / RANGE), "steps": runs[-1][2].stats["steps"],
        "solves": runs[-1][2].stats["solves"],
    }  # fmt: skip
    if with_ngspice:
        spice_cpu, spice_wall, spice = timed(sn.NgspiceEngine(), array, pulse)
        line |= {
            "ngspice_cpu_s": spice_cpu, "ngspice_wall_s": spice_wall, "ngspice_error": float(np.abs(spice.state - exact.state).max() / RANGE),
            "points": spice.waveforms.time.size, "speedup": spice_cpu / cpu,
        }  # fmt: skip
    return line


def show(line: dict[str, object]) -> None:
    """Print one line."""
    text = "{size:>5} {case:<14} {nodal_cpu_s:>10.4f} {nodal_wall_s:>10.4f} {nodal_error:>9.1e} {steps:>6} {solves:>7}".format(**line)
    if "speedup" in line:
        text += " {ngspice_cpu_s:>10.2f} {ngspice_error:>9.1e} {points:>7} {speedup:>8.0f}×".format(**line)
    print(text, flush=True)


def main() -> None:
    """Run the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 16, 32, 128])
    parser.add_argument("--ngspice-up-to", type=int, default=16, help="largest size that ngspice solves too (32 takes minutes)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    lines = []
    if not given.json:
        heads = ("cpu s", "wall s", "error", "steps", "solves", "ngspice", "error", "points", "speed-up")
        widths = (10, 10, 9, 6, 7, 10, 9, 7, 9)
        print(f"{'size':>5} {'case':<14} " + " ".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True)))
    for size in given.sizes:
        for name, (array, pulse) in cases(size).items():
            lines.append(measure(size, name, array, pulse, given.repeats, size <= given.ngspice_up_to))
            if not given.json:
                show(lines[-1])
    if given.json:
        print(json.dumps({"bars": BARS, "lines": lines}))


if __name__ == "__main__":
    main()
