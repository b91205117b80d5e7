"""The nodal engine against badcrossbar, SuperLU and ngspice, all in one interleaved run: a table,
its bars and a figure.

    python scripts/bench_solver.py                        # all parts, about 10 minutes on two quiet cores
    python scripts/bench_solver.py --part reads --json b.json    # one part; what the file holds of the others is kept
    python scripts/bench_solver.py --part none --json b.json     # bars and figure of what the file holds

easy: wires 1 Ω, cells 10 kΩ to 1 MΩ log-uniform. hard: wires 10 Ω, cells 1 kΩ to 100 kΩ.

How times are taken. In each turn every method is called several times in a row (3 to 20 times:
until 50 ms are spent), as by somebody who reads many inputs or programs between reads, then it is
the next one's turn; a time is the median over all calls of all turns. It begins with conductances
and ends with the column currents: "nodal" builds new wires and a new array and sets it up in every
call; "nodal, same wires" builds a new array; "nodal, reused" reads an array that has been read
before, and so does ngspice, whose read goes on in an open sweep. It runs with every linear solver
that its build has; without KLU in it, run this under
`scripts/other_debian.sh trixie`. NUMBA_CPU_FEATURES (such as `+avx2,+fma`) tries what a processor
without AVX-512 would do. All node voltages and the certificate are part of
it. "first" is the median of the first call of each turn, whose caches hold what the other methods
left. What a machine does with a plain copy and a plain loop is printed beside the times, so that
other machines can be compared."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import binding
from numba import njit
from solver_methods import ENGINE, KINDS, SOLVERS, Case, solve_superlu

import spicesnn as sn
from spicesnn.engines.nodal import line_cg, line_solver
from spicesnn.engines.nodal.lines import aligned_rows, packed_lines, padded, stride_of
from spicesnn.engines.nodal.memory import Memory
from spicesnn.engines.nodal.threads import team

clock: Callable[[], float] = time.perf_counter
LIMITS = {
    "nodal": 2**24,
    "nodal, same wires": 2**24,
    "nodal, reused": 2**24,
    "superlu": 512**2,
    "badcrossbar": 256**2,
    "KLU": 128**2,
    "Sparse 1.3": 32**2,
}
"""Up to how many cells each method runs, ngspice by its linear solver."""
RATIO_BARS = {
    ("badcrossbar", 64, "easy"): 600,
    ("badcrossbar", 128, "easy"): 800,
    ("badcrossbar", 256, "easy"): 800,
    ("badcrossbar", 256, "hard"): 150,
    ("superlu", 512, "easy"): 300,
}
VECTORS = {"+avx512f": "AVX-512", "+avx2": "AVX2", "+neon": "NEON"}
Results = dict[str, Any]


def limits_for(*, full: bool) -> dict[str, int]:
    """Return up to how many cells each method runs here."""
    limits = LIMITS | ({"Sparse 1.3": 64**2} if full else {})
    if importlib.util.find_spec("badcrossbar") is None:
        limits["badcrossbar"] = 0
    return {
        name: limits[name.rpartition(", ")[2] if "ngspice" in name else name] for name in SOLVERS
    }


def calls_in_a_row(method: str, case: Case) -> list[float]:
    """Call a method 3 to 20 times, until 50 ms are spent; once where a call takes over a second."""
    times: list[float] = []
    while len(times) < 3 or (sum(times) < 0.05 and len(times) < 20):
        start = clock()
        SOLVERS[method](case)
        times.append(clock() - start)
        if times[-1] > 1.0:
            break
    return times


def measure(case: Case, limits: dict[str, int], budget_s: float) -> Results:
    """Run all methods in turns until the budget is spent; return median seconds, calls and the
    error against SuperLU with refinement.

    Where SuperLU is too slow or too large the error is the engine's own certificate, a bound, over
    the largest current."""
    methods = [name for name in SOLVERS if case.siemens.size <= limits[name]]
    turns: dict[str, list[list[float]]] = {name: [] for name in methods}
    begin = time.perf_counter()
    for turn in range(25):
        for name in methods:
            spent = sum(map(sum, turns[name]))
            if turn and (spent > budget_s / 2 or (turn > 2 and spent > budget_s / 4)):
                continue
            turns[name].append(calls_in_a_row(name, case))
        if time.perf_counter() - begin > budget_s:
            break
    true = solve_superlu(case, refine=2) if "superlu" in methods else None
    result = {}
    for name in methods:
        amps = SOLVERS[name](case)
        if true is None:
            bound = ENGINE.read(case.array, case.volts).stats["error_bound_amps"]
            error = float(bound) / np.abs(amps).max()  # type: ignore[arg-type]
        else:
            error = float(np.abs(amps - true).max() / np.abs(true).max())
        calls = [seconds for some in turns[name] for seconds in some]
        first = float(np.median([some[0] for some in turns[name]]))
        result[name] = {
            "seconds": float(np.median(calls)),
            "first_s": first,
            "calls": len(calls),
            "error": error,
        }
    return result


@njit(cache=True)
def _copy(a, b):
    for k in range(a.size):
        b[k] = a[k]


@njit(cache=True)
def _plain_loop(a):
    x = 1.0
    for k in range(a.size):
        x = x * 0.999 + a[k]
    return x


@njit(cache=True, fastmath=True)
def _stream(cells, word_factor, bit_factor, x, t, z, p):
    """Touch what one iteration must touch, as simply as it can be touched: 10 reads and 4 writes a
    cell."""
    for k in range(cells.size):
        p[k] = z[k] + 0.5 * p[k]
        t[k] = cells[k] * p[k] * bit_factor[k]
    for k in range(cells.size):
        step = p[k]
        x[k] += 1e-3 * step
        z[k] -= 1e-3 * (step - t[k] * cells[k] * word_factor[k])


def best_of(task: Callable[[], object], turns: int = 15) -> float:
    times = []
    for _ in range(turns):
        start = clock()
        task()
        times.append(clock() - start)
    return float(np.median(times))


def processor() -> str:
    """Name the processor and the widest vectors that are used of it."""
    told = os.environ.get("NUMBA_CPU_FEATURES")
    features = told.split(",") if told else [f"+{k}" for k, v in host_features().items() if v]
    widest = next(
        (name for flag, name in VECTORS.items() if flag in features), "no vectors that are known"
    )
    return f"{binding.get_host_cpu_name()}, {widest}"


def host_features() -> dict[str, bool]:
    return dict(binding.get_host_cpu_features())


def machine() -> Results:
    """Time a plain copy of 32 MiB and a plain loop of 4.2 million dependent multiply-adds."""
    big, other = np.ones(2**22), np.ones(2**22)
    _copy(big, other), _plain_loop(big)
    return {
        "machine": (
            f"{platform.machine()} ({processor()}), {os.cpu_count()} processors, load"
            f" {os.getloadavg()[0]:.1f};"
            f" numpy {np.__version__}"
        ),
        "copy_s": best_of(lambda: _copy(big, other)),
        "loop_s": best_of(lambda: _plain_loop(big)),
    }


def roofline(case: Case) -> dict[str, float]:
    """Return seconds of one iteration on one thread and of streaming its arrays: the least of many
    interleaved runs each."""
    memory = Memory(case.rows, case.cols, 1)
    memory.fill(case.siemens)
    lines = packed_lines(case.operator)
    size = padded(case.rows) * stride_of(case.cols)
    arrays = [memory.doubles[k * size : (k + 1) * size] for k in range(5)]
    volts, begin = aligned_rows(1, 2 * size)
    x, t = (volts[0, begin + k * size : begin + (k + 1) * size] for k in range(2))
    inputs = case.volts[None], np.zeros((1, case.cols)), np.zeros((1, 2, 0))
    results = np.zeros((1, case.rows + case.cols + line_cg.REPORT_SIZE))

    def run(most: int, *, factored: bool = True) -> float:
        start = clock()
        line_cg.solve_many(
            lines,
            memory.parts,
            *inputs,
            volts,
            results,
            factored,
            False,
            0.0,
            most,
            line_solver.ALONE,
        )
        return clock() - start

    def stream() -> float:
        start = clock()
        _stream(*arrays[:3], x, t, *arrays[3:])
        return clock() - start

    run(1, factored=False)
    stream()
    few, many, least = 2, 8, {"few": np.inf, "many": np.inf, "stream": np.inf}
    for _ in range(max(9, min(200, int(4e6 / size)))):
        for name, seconds in (("few", run(few)), ("many", run(many)), ("stream", stream())):
            least[name] = min(least[name], seconds)
    return {
        "iteration_s": (least["many"] - least["few"]) / (many - few),
        "stream_s": least["stream"],
    }


def batches() -> Results:
    """Time many inputs from conductances to all output currents (a new array each call)."""
    rng = np.random.default_rng(5)
    table: Results = {}
    for rows, cols, inputs in (
        (64, 64, 8),
        (64, 64, 64),
        (128, 128, 100),
        (256, 256, 1000),
        (784, 100, 100),
        (784, 100, 10_000),
        (784, 400, 1000),
    ):
        case = Case.of(rows, cols, "easy")
        volts = rng.uniform(0, 1, (inputs, rows))
        reads: list[sn.Read] = []
        seconds = best_of(
            lambda: reads.append(  # noqa: B023
                ENGINE.read(case.array, volts)  # noqa: B023
            ),
            5,
        )
        errors = 0.0
        for k in range(2):
            true = solve_superlu(
                Case(rows=rows, cols=cols, kind="easy", siemens=case.siemens, volts=volts[k]),
                refine=2,
            )
            errors = max(
                errors, float(np.abs(reads[-1].column_amps[k] - true).max() / np.abs(true).max())
            )
        table[f"{rows}×{cols}, {inputs} inputs"] = {
            "seconds": seconds,
            "error": errors,
            "method": str(reads[-1].stats["method"]),
        }
    return table


def thread_gain() -> Results:
    """Return seconds of one read on one thread and on two, by size: where the second begins to
    pay."""
    table: Results = {}
    kept = line_solver.SHARED_CELLS, team.size
    for n in (128, 181, 256, 362, 512, 724):
        case = Case.of(n, n, "easy")
        times: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(15):
            for threads in times:
                line_solver.SHARED_CELLS = 0 if threads == 2 else 2**60
                SOLVERS["nodal, reused"](case)
                start = clock()
                SOLVERS["nodal, reused"](case)
                times[threads].append(clock() - start)
        table[f"{n}²"] = {"one_s": float(np.median(times[1])), "two_s": float(np.median(times[2]))}
    line_solver.SHARED_CELLS, team.size = kept
    return table


FIRST_READ = """
import time
start = time.perf_counter()
import spicesnn as sn
imported = time.perf_counter()
import numpy as np
rng = np.random.default_rng(0)
array = sn.Crossbar(conductance=rng.uniform(1e-6, 1e-4, (64, 64)))
begin = time.perf_counter()
sn.NodalEngine().read(array, np.ones(64))
print(imported - start, time.perf_counter() - begin)
"""


def cold() -> Results:
    """Return seconds of the import and of the very first read of a fresh process (compiled code is
    on disk already): medians of 5."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", FIRST_READ], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(6)
    ]
    imported, first = np.median(np.array(runs[1:], dtype=float), axis=0)
    return {"import_s": float(imported), "first_read_s": float(first)}


MEMORY_PROBE = """
import pathlib, sys
sys.path.insert(0, {here!r})
import solver_methods as b
def status(key):
    text = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(next(line for line in text.splitlines() if line.startswith(key)).split()[1])
case = b.Case.of({rows}, {cols}, "easy")
b.SOLVERS[{method!r}](b.Case.of(8, 8, "easy"))
pathlib.Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
b.SOLVERS[{method!r}](case)
print(status("VmHWM") - before + case.siemens.nbytes)
"""


def peak_bytes(method: str, rows: int, cols: int) -> float:
    """Return by how much one solve raises the peak memory of a fresh process, the conductances
    included (Linux only)."""
    probe = MEMORY_PROBE.format(
        here=str(Path(__file__).resolve().parent), rows=rows, cols=cols, method=method
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def memory(limits: dict[str, int]) -> Results:
    """Return peak bytes of single solves."""
    if not Path("/proc/self/clear_refs").exists():
        return {}
    wanted = [
        ("nodal", 256),
        ("superlu", 256),
        ("badcrossbar", 256),
        ("nodal", 1024),
        ("nodal", 2048),
    ]
    return {
        f"{method} {n}²": {"bytes": peak_bytes(method, n, n), "cells": n * n}
        for method, n in wanted
        if limits[method]
    }


def plain(value: float, digits: int) -> str:
    """Return a number with so many digits that count, never as a power of ten."""
    return np.format_float_positional(
        value, precision=digits, unique=False, fractional=False, trim="-"
    )


def table(cases: Results) -> list[str]:
    """Lines of the easy squares as the pages show them: times of ours, and how much longer others
    take."""
    easy = {
        int(name.split("×")[0]): methods
        for name, methods in cases.items()
        if name.endswith("easy") and len({*name.split(" ")[0].split("×")}) == 1
    }
    others = [
        name
        for name in dict.fromkeys(name for methods in easy.values() for name in methods)
        if not name.startswith("nodal")
    ]
    lines = ["", f"| array | nodal engine | array re-used | {' | '.join(others)} |"]
    for size, methods in sorted(easy.items()):
        ours = methods["nodal"]["seconds"]
        cells = [
            plain(methods[name]["seconds"] / ours, 3) + "×" if name in methods else "–"
            for name in others
        ]
        times = [
            plain(1e3 * methods[name]["seconds"], 2) + " ms" for name in ("nodal", "nodal, reused")
        ]
        lines.append(f"| {size}×{size} | {' | '.join([*times, *cells])} |")
    return lines


def report(found: Results) -> None:
    """Print all tables."""
    print(found["machine"]["machine"])
    print(
        f"plain copy of 32 MiB: {found['machine']['copy_s'] * 1e3:.2f} ms; plain loop, 4.2 million"
        f" dependent multiply-adds: {found['machine']['loop_s'] * 1e3:.2f} ms"
    )
    print(
        f"\n{'array':16} {'method':14} {'median':>11} {'first':>11} {'calls':>5} {'× nodal':>9}"
        f" {'error':>9}"
    )
    for name, methods in found.get("cases", {}).items():
        for method, entry in methods.items():
            ratio = entry["seconds"] / methods["nodal"]["seconds"]
            print(
                f"{name:16} {method:14} {entry['seconds'] * 1e3:8.3f} ms"
                f" {entry['first_s'] * 1e3:8.3f} ms {entry['calls']:5d} {ratio:9.1f}"
                f" {entry['error']:9.1e}"
            )
    for line in table(found.get("cases", {})):
        print(line)
    print("\nmany inputs, from conductances to all output currents")
    for name, entry in found.get("batches", {}).items():
        print(
            f"{name:24} {entry['seconds'] * 1e3:9.2f} ms  {entry['method']:22} error"
            f" {entry['error']:.1e}"
        )
    print(
        "\none CG iteration on one thread against streaming the arrays it must touch (112 bytes a"
        " cell)"
    )
    for name, roof in found.get("roofline", {}).items():
        print(
            f"{name:8} {roof['iteration_s'] * 1e6:9.1f} µs / {roof['stream_s'] * 1e6:9.1f} µs ="
            f" {roof['iteration_s'] / roof['stream_s']:.2f}"
        )
    print("\none input on one thread and on two")
    for name, entry in found.get("threads", {}).items():
        print(
            f"{name:8} {entry['one_s'] * 1e3:8.3f} ms / {entry['two_s'] * 1e3:8.3f} ms ="
            f" {entry['one_s'] / entry['two_s']:.2f}"
        )
    print("\npeak memory of one solve in a fresh process, conductances included")
    for name, entry in found.get("memory", {}).items():
        print(
            f"{name:18} {entry['bytes'] / 2**20:8.1f} MiB, {entry['bytes'] / entry['cells']:6.0f}"
            " bytes a cell"
        )
    if "cold" in found:
        print(
            f"\nfresh process: import {found['cold']['import_s']:.2f} s, first read of 64×64"
            f" {found['cold']['first_read_s']:.2f} s"
        )


def bars(found: Results) -> list[tuple[str, float, str, float]]:
    """Return what was to be reached: name, value, whether it is to be above or below, limit."""
    cases, all_bars = found.get("cases", {}), []
    for (method, size, kind), least in RATIO_BARS.items():
        entry = cases.get(f"{size}×{size} {kind}", {})
        if method in entry:
            ours = "nodal", "nodal, reused"
            all_bars += [
                (
                    f"{method} / {own} at {size}² {kind}",
                    entry[method]["seconds"] / entry[own]["seconds"],
                    ">",
                    least,
                )
                for own in ours
            ]
    errors = [
        e["error"]
        for methods in cases.values()
        for m, e in methods.items()
        if m.startswith("nodal") and "superlu" in methods
    ]
    errors += [entry["error"] for entry in found.get("batches", {}).values()]
    if errors:
        all_bars.append(("largest error of an output", max(errors), "<", 1e-9))
    if "64×64 easy" in cases:
        ours = cases["64×64 easy"]
        all_bars.append(
            (
                "new wires and array / same wires at 64²",
                ours["nodal"]["seconds"] / ours["nodal, same wires"]["seconds"],
                "<",
                1.5,
            )
        )
    for name, methods in cases.items():
        for method, entry in methods.items():
            size = int(name.split("×")[0])
            if method.endswith("KLU") and name.endswith("easy") and size in (64, 128):
                all_bars.append(
                    (f"{method} at {size}², s", entry["seconds"], "<", 0.2 if size == 64 else 1.5)
                )
    if "1024×1024 easy" in cases:
        all_bars.append(
            ("1024² easy, one input, s", cases["1024×1024 easy"]["nodal"]["seconds"], "<", 0.25)
        )
    if "nodal 1024²" in found.get("memory", {}):
        all_bars.append(
            ("1024², bytes a cell", found["memory"]["nodal 1024²"]["bytes"] / 2**20, "<", 200)
        )
    if "784×100, 10000 inputs" in found.get("batches", {}):
        all_bars.append(
            (
                "784×100, 10,000 inputs, s",
                found["batches"]["784×100, 10000 inputs"]["seconds"],
                "<",
                1.5,
            )
        )
    for name, roof in found.get("roofline", {}).items():
        all_bars.append(
            (f"iteration / streaming at {name}", roof["iteration_s"] / roof["stream_s"], "<", 2.5)
        )
    if "cold" in found:
        all_bars.append(("import, s", found["cold"]["import_s"], "<", 0.5))
    return all_bars


def draw(found: Results, path: Path) -> None:
    """Draw times by size and the roofline."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    from spicesnn.plotting.style import COLOURS

    results, roofs = found.get("cases", {}), found.get("roofline", {})
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5.0), width_ratios=(1.6, 1))
    drawn = [name for name in SOLVERS if name != "nodal, same wires"]
    for colour, method in zip(COLOURS, drawn, strict=False):
        for kind, line in (("easy", "-"), ("hard", "--")):
            points = [
                (int(name.split("×")[0]), entry[method]["seconds"])
                for name, entry in results.items()
                if method in entry
                and name.endswith(kind)
                and name.split("×")[0] == name.split("×")[1].split()[0]
            ]
            if points:
                left.loglog(
                    *zip(*points, strict=True),
                    line,
                    marker="o",
                    color=colour,
                    label=method if kind == "easy" else None,
                )
    left.set(
        xlabel="rows = columns",
        ylabel="seconds for one input, set-up included",
        title="Read of a square array (dashed: hard)",
    )
    left.set_xticks(
        [16, 32, 64, 128, 256, 512, 1024], labels=["16", "32", "64", "128", "256", "512", "1024"]
    )
    left.minorticks_off()
    left.legend(
        fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.15)
    )  # below: the lines fill the axes
    left.grid(visible=True, alpha=0.3)
    sizes = list(roofs)
    right.bar(
        sizes, [roofs[s]["iteration_s"] / roofs[s]["stream_s"] for s in sizes], color=COLOURS[0]
    )
    right.axhline(2.5, color=COLOURS[1], linestyle="--", label="bar: 2.5")
    right.set(
        ylabel="one iteration / streaming its arrays", title="Roofline, one thread", ylim=(0, None)
    )
    right.legend(fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"\nfigure: {path}")


def run(part: str, limits: dict[str, int], found: Results) -> None:
    """Run one part of the bench and keep what it finds."""
    if part in ("reads", "large"):
        squares = (16, 32, 64, 128, 256) if part == "reads" else (512, 1024)
        cases = [Case.of(n, n, kind) for n in squares for kind in KINDS]
        cases += [Case.of(784, 100, "easy"), Case.of(784, 400, "easy")] if part == "large" else []
        for name in SOLVERS:
            if limits[name]:
                SOLVERS[name](Case.of(8, 8, "easy"))
        for case in cases:
            found.setdefault("cases", {})[case.name] = measure(
                case, limits, 12.0 if part == "reads" else 20.0
            )
    elif part == "batches":
        found[part] = batches()
    elif part == "roofline":
        found[part] = {f"{n}²": roofline(Case.of(n, n, "easy")) for n in (64, 128, 256, 512, 1024)}
    elif part == "threads":
        found[part] = thread_gain()
    elif part == "memory":
        found[part] = memory(limits)
    elif part == "cold":
        found[part] = cold()


PARTS = ("reads", "large", "batches", "roofline", "threads", "memory", "cold")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--part", choices=("all", "none", *PARTS), default="all", help="what to run"
    )
    parser.add_argument("--full", action="store_true", help="also Sparse 1.3 at 64²")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="count processor time, on a machine that is busy with something else",
    )
    parser.add_argument(
        "--figure", type=Path, default=Path("bench_solver.png"), help="where the figure goes"
    )
    parser.add_argument(
        "--json", type=Path, help="where all numbers go, and where those of other parts are found"
    )
    args = parser.parse_args()
    limits = limits_for(full=args.full)
    if args.cpu_time:
        global clock
        clock = time.process_time
        limits |= {name: 0 for name in SOLVERS if "ngspice" in name}
    found: Results = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    if args.part != "none":
        found["machine"] = machine()
    for part in PARTS if args.part == "all" else (args.part,):
        run(part, limits, found)
    report(found)
    print("\nwhat was to be reached")
    for name, value, side, limit in bars(found):
        print(
            f"{name:44} {value:10.3g} {side} {limit:<6g}"
            f" {'ok' if (value > limit) == (side == '>') else 'missed'}"
        )
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))
    if args.part in ("all", "none"):
        draw(found, args.figure)


if __name__ == "__main__":
    main()
