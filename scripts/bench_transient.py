"""A programming pulse on a VTEAM array: the nodal engine against ngspice at the same accuracy of
the final states, and against its bars.

    python scripts/bench_transient.py                                       # 8², 16², 32² and 128², ngspice up to 16²: two minutes
    python scripts/bench_transient.py --ngspice-up-to 32 --cache b.json     # also ngspice at 32²: ten minutes, kept in the file
    python scripts/bench_transient.py --train --singles 0                   # 1000 half-select pulses at 64²: seconds
    python scripts/bench_transient.py --train --singles 1000                # the same against 1000 single pulses: minutes

1 µs on all word lines, 1 Ω wires, random states. "Partly" moves cells inside their range under
published-like 10 kΩ–1 MΩ cells; "full" drives the 50 Ω–1 kΩ default set into its bounds. The error
is that of the final states against a run of tolerance 1e-7, as a fraction of the range.

ngspice gets the cheapest setting that reaches an error of 1e-4: at the smallest size a grid of
largest steps, `reltol` and `trtol` is tried. At the next size the settings that came within twice
that error are tried from the fewest points on until one reaches it, and then those that did at the
size before. Only answers that pass the engine's checks count. Its ratio is of processor time of all
threads and processes, so that others on the machine show less; wall time stands beside it. Medians
of ours, single runs of ngspice.

``--train``: `Pulse(count=1000)` on pai-yu-chen cells, V/2 scheme, 1 µs; half-selected cells move by
less than 1e-3 at 2 V and by several per cent at 2.4 V. So many single pulses follow for comparison."""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import spicesnn as sn
from spicesnn.errors import EngineError
from spicesnn.netlist.pulse_accuracy import for_transient

ACCURACY = 1e-4
"""Error of the final states that both engines are to reach, as a fraction of the range."""
SPEEDUP_32, SECONDS_128 = 300.0, 0.25
RANGE = 3e-9
POINTS, RELTOL, TRTOL = (5, 10, 20, 30), (1e-4, 1e-5, 1e-6, 1e-7), (7.0, 1.0)
Line = dict[str, Any]


def cases(size: int) -> dict[str, tuple[sn.Crossbar, sn.Pulse]]:
    """Return the arrays and pulses of one size."""
    state = RANGE * np.random.default_rng(1).uniform(0.1, 0.9, (size, size))
    partly = sn.devices.VTEAM(r_on=10e3, r_off=1e6, v_on=-0.5, v_off=0.5, k_on=-2e-3, k_off=1e-3)
    return {
        "partly, reset": (
            sn.Crossbar(device=partly, state=state, wires=sn.Wires()),
            sn.Pulse(row_volts=1.0, width_s=1e-6, rise_s=1e-8),
        ),
        "partly, set": (
            sn.Crossbar(device=partly, state=state, wires=sn.Wires()),
            sn.Pulse(row_volts=-0.8, width_s=1e-6, rise_s=1e-8),
        ),
        "full, reset": (
            sn.Crossbar(device=sn.devices.VTEAM(), state=state, wires=sn.Wires()),
            sn.Pulse(row_volts=0.5, width_s=1e-6, rise_s=1e-8),
        ),
    }


def _used() -> float:
    return sum(
        u.ru_utime + u.ru_stime
        for u in (
            resource.getrusage(resource.RUSAGE_SELF),
            resource.getrusage(resource.RUSAGE_CHILDREN),
        )
    )


def timed(
    engine: sn.engines.base.Engine, array: sn.Crossbar, pulse: sn.Pulse
) -> tuple[float, float, sn.engines.results.PulseResult]:
    """Return processor seconds, wall seconds and the result; ngspice's worker is closed inside, so
    that its time is counted."""
    used, begin = _used(), time.perf_counter()
    try:
        result = engine.pulse(array, pulse)
    finally:
        wall = time.perf_counter() - begin
        engine.close()
    return _used() - used, wall, result


class Peer:
    """ngspice with the cheapest setting that is accurate enough; trials are kept in a file, if one
    is given."""

    def __init__(self, cache: Path | None) -> None:
        self._file = cache
        self._known: dict[str, Line] = (
            json.loads(cache.read_text()) if cache is not None and cache.exists() else {}
        )
        self._promising: dict[str, list[tuple[int, float, float]]] = {}

    def find(
        self, size: int, name: str, array: sn.Crossbar, pulse: sn.Pulse, exact: np.ndarray
    ) -> Line | None:
        """Return the trial with the fewest points that reaches `ACCURACY`, or None if none does."""
        first = name not in self._promising
        settings = (
            list(itertools.product(POINTS, RELTOL, TRTOL)) if first else self._promising[name]
        )
        trials = []
        for setting in settings:
            trial = self._trial(size, name, setting, array, pulse, exact)
            trials.append((trial, setting))
            if not first and trial["error"] <= ACCURACY:
                break
        if first:
            trials.sort(key=lambda pair: pair[0]["points"])
        # What was not accurate enough here will not be at the next size; what has not been tried is
        # kept for it
        allowed = 2 * ACCURACY if first else ACCURACY
        self._promising[name] = [s for t, s in trials if t["error"] <= allowed] + settings[
            len(trials) :
        ]
        return min(
            (t for t, _ in trials if t["error"] <= ACCURACY),
            key=lambda t: t["points"],
            default=None,
        )

    def _trial(
        self,
        size: int,
        name: str,
        setting: tuple[int, float, float],
        array: sn.Crossbar,
        pulse: sn.Pulse,
        exact: np.ndarray,
    ) -> Line:
        key = f"{size} {name} {setting}"
        if key not in self._known:
            points, reltol, trtol = setting
            wanted = replace(
                for_transient(array.device, array.wires),
                points=points,
                reltol=reltol,
                trtol=trtol,
            )
            trial: Line = {
                "largest_step": f"1/{points}",
                "reltol": reltol,
                "trtol": trtol,
                "error": float("inf"),
                "points": 0,
            }
            try:
                cpu, wall, result = timed(sn.NgspiceEngine(transient_accuracy=wanted), array, pulse)
            except EngineError:
                pass  # its own checks found it wrong
            else:
                error = float(np.abs(result.state - exact).max() / RANGE)
                trial |= {
                    "cpu_s": cpu,
                    "wall_s": wall,
                    "error": error,
                    "points": int(result.waveforms.time.size),
                }
            self._known[key] = trial
            if self._file is not None:
                self._file.write_text(json.dumps(self._known, indent=1))
        return self._known[key]


def measure(
    size: int, name: str, array: sn.Crossbar, pulse: sn.Pulse, repeats: int, peer: Peer | None
) -> Line:
    """Return one line of the table."""
    exact = sn.NodalEngine(state_tolerance=1e-7).pulse(array, pulse)
    runs = [timed(sn.NodalEngine(), array, pulse) for _ in range(repeats + 1)][1:]
    cpu, wall = (statistics.median(run[k] for run in runs) for k in (0, 1))
    line: Line = {
        "size": size,
        "case": name,
        "nodal_cpu_s": cpu,
        "nodal_wall_s": wall,
        "nodal_error": float(np.abs(runs[-1][2].state - exact.state).max() / RANGE),
        "steps": runs[-1][2].stats["steps"],
        "solves": runs[-1][2].stats["solves"],
    }
    found = None if peer is None else peer.find(size, name, array, pulse, np.asarray(exact.state))
    return line if found is None else line | {"ngspice": found, "speedup": found["cpu_s"] / cpu}


def half_select(size: int, volts: float, rise_s: float) -> tuple[sn.Crossbar, sn.Pulse]:
    """Return cells with random gaps and a pulse that selects the middle one by V/2."""
    device = sn.devices.PaiYuChen()
    gap = np.random.default_rng(1).uniform(0.1, 0.9, (size, size))
    array = sn.Crossbar(
        device=device,
        state=device.g_min + (device.g_max - device.g_min) * gap,
        wires=sn.Wires(1.0, 1.0),
    )
    rows, columns = np.full((2, size), 0.5 * volts)
    rows[size // 2], columns[size // 2] = volts, 0.0
    return array, sn.Pulse(row_volts=rows, column_volts=columns, width_s=1e-6, rise_s=rise_s)


def trains(size: int, repeats: int, singles: int) -> None:
    """Print what 1000 half-select pulses take, and how they compare with single ones."""
    engine, count = sn.NodalEngine(), 1000
    device = sn.devices.PaiYuChen()
    span = device.g_max - device.g_min
    print("volts   rise  cpu s  wall s  solved  half-selected move  against singles")
    for volts, rise_s in itertools.product((2.0, 2.4), (1e-7, 1e-9)):
        array, pulse = half_select(size, volts, rise_s)
        train = replace(pulse, count=count)
        runs = [timed(engine, array, train) for _ in range(repeats + 1)][1:]
        cpu, wall = (statistics.median(run[k] for run in runs) for k in (0, 1))
        moved = np.abs(runs[-1][2].state - array.state) / span
        moved[size // 2, size // 2] = 0.0
        beside = ""
        if singles:
            want, one, begin = (
                engine.pulse(array, replace(pulse, count=singles)).state,
                array,
                time.perf_counter(),
            )
            for _ in range(singles):
                one = engine.pulse(one, pulse).array
            wall_singles = time.perf_counter() - begin
            beside = (
                f"{np.abs(one.state - want).max() / span:.1e} of the range after {singles},"
                f" {wall_singles:.1f} s"
            )
        print(
            f"{volts:5.1f} {rise_s:6.0e} {cpu:6.2f} {wall:7.2f}"
            f" {runs[-1][2].stats['pulses_solved']:7d} {moved.max():19.1e}  {beside}",
            flush=True,
        )


def show(line: Line) -> None:
    """Print one line."""
    text = (
        "{size:>5} {case:<14} {nodal_cpu_s:>10.4f} {nodal_wall_s:>10.4f} {nodal_error:>9.1e}"
        " {steps:>6} {solves:>7}".format(**line)
    )
    if "speedup" in line:
        text += (
            " {cpu_s:>10.2f} {error:>9.1e} {points:>7}".format(**line["ngspice"])
            + f" {line['speedup']:>8.0f}×"
        )
    print(text, flush=True)


def bars(lines: list[Line]) -> list[tuple[str, float, str, float]]:
    """Return what was to be reached: name, value, whether it is to be above or below, limit."""
    found = [
        (f"error at {line['size']}², {line['case']}", line["nodal_error"], "<", ACCURACY)
        for line in lines
    ]
    for line in lines:
        if line["size"] == 32 and "speedup" in line:
            found.append(
                (f"ngspice / nodal at 32², {line['case']}", line["speedup"], ">", SPEEDUP_32)
            )
        if line["size"] == 128:
            found.append(
                (f"seconds at 128², {line['case']}", line["nodal_wall_s"], "<", SECONDS_128)
            )
    return found


def main() -> None:
    """Run the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 16, 32, 128])
    parser.add_argument(
        "--ngspice-up-to",
        type=int,
        default=16,
        help="largest size that ngspice solves too (0: none; 32 takes minutes)",
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cache", type=Path, help="file that keeps ngspice's trials")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--train", action="store_true", help="1000 half-select pulses at 64²")
    parser.add_argument(
        "--singles", type=int, default=100, help="single pulses that --train compares with"
    )
    given = parser.parse_args()
    if given.train:
        trains(64, given.repeats, given.singles)
        return
    peer = Peer(given.cache)
    lines = []
    if not given.json:
        heads = (
            "cpu s",
            "wall s",
            "error",
            "steps",
            "solves",
            "ngspice",
            "error",
            "points",
            "speed-up",
        )
        widths = (10, 10, 9, 6, 7, 10, 9, 7, 9)
        print(
            f"{'size':>5} {'case':<14} "
            + " ".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True))
        )
    for size in sorted(given.sizes):
        for name, (array, pulse) in cases(size).items():
            lines.append(
                measure(
                    size,
                    name,
                    array,
                    pulse,
                    given.repeats,
                    peer if size <= given.ngspice_up_to else None,
                )
            )
            if not given.json:
                show(lines[-1])
    if given.json:
        print(json.dumps({"lines": lines, "bars": bars(lines)}))
        return
    print("\nwhat was to be reached")
    for name, value, side, limit in bars(lines):
        print(
            f"{name:36} {value:10.3g} {side} {limit:<6g}"
            f" {'ok' if (value > limit) == (side == '>') else 'missed'}"
        )


if __name__ == "__main__":
    main()
