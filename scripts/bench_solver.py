"""The nodal engine against badcrossbar, SuperLU and ngspice, all in one interleaved run: a table and a figure.

    python scripts/bench_solver.py                 # under 10 minutes on two cores
    python scripts/bench_solver.py --quick         # about a minute
    python scripts/bench_solver.py --full          # everything, ngspice at 64² and SuperLU at 512² hard included

easy: wires 1 Ω, cells 10 kΩ to 1 MΩ log-uniform. hard: wires 10 Ω, cells 1 kΩ to 100 kΩ. Every time is a median and begins with
conductances: it includes building the array, the set-up and the solve of one input, node voltages and all. What a machine does with a
plain copy and a plain loop is printed beside the times, so that other machines can be compared.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numba import njit
from scipy.sparse.linalg import splu

import spicesnn as sn
from spicesnn.engines.nodal import line_cg
from spicesnn.engines.nodal.direct import Graph
from spicesnn.engines.nodal.lines import aligned_zeros, lines_of_operator, padded, stride_of
from spicesnn.engines.nodal.memory import Memory
from spicesnn.engines.nodal.network import Operator

clock: Callable[[], float] = time.perf_counter
KINDS = {"easy": (1.0, 1e4, 1e6), "hard": (10.0, 1e3, 1e5)}
WIRES = {kind: sn.Wires(word_line_ohm=ohm, bit_line_ohm=ohm) for kind, (ohm, _, _) in KINDS.items()}
ENGINE = sn.NodalEngine()
METHODS = ("nodal", "superlu", "badcrossbar", "ngspice")
RATIO_BARS = {
    ("badcrossbar", 64, "easy"): 800, ("badcrossbar", 128, "easy"): 800, ("badcrossbar", 256, "easy"): 600,
    ("badcrossbar", 256, "hard"): 150, ("superlu", 512, "easy"): 300,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Case:
    """One array and one input."""

    rows: int
    cols: int
    kind: str
    siemens: np.ndarray = field(repr=False)
    volts: np.ndarray = field(repr=False)

    @classmethod
    def of(cls, rows: int, cols: int, kind: str) -> Case:
        rng = np.random.default_rng([rows, cols, kind == "hard"])
        _, low, high = KINDS[kind]
        ohm = np.exp(rng.uniform(np.log(low), np.log(high), (rows, cols)))
        return cls(rows=rows, cols=cols, kind=kind, siemens=1 / ohm, volts=rng.uniform(0, 1, rows))

    @property
    def wires(self) -> sn.Wires:
        return WIRES[self.kind]

    @property
    def operator(self) -> Operator:
        free = np.zeros(self.rows, dtype=bool), np.zeros(self.cols, dtype=bool)
        return Operator(wires=self.wires, cell_siemens=self.siemens, floating_rows=free[0], floating_columns=free[1])

    @property
    def name(self) -> str:
        return f"{self.rows}×{self.cols} {self.kind}"


def solve_nodal(case: Case) -> np.ndarray:
    return ENGINE.read(sn.Crossbar(conductance=case.siemens, wires=case.wires), case.volts).column_amps


def solve_superlu(case: Case, refine: int = 0) -> np.ndarray:
    """Assemble, factor (minimum degree on A + Aᵀ, symmetric mode) and solve; `refine` steps of iterative refinement."""
    graph, cells = Graph.wires_of(case.operator), case.siemens.size
    tail = np.concatenate([graph.tail, np.arange(cells)])
    head = np.concatenate([graph.head, cells + np.arange(cells)])
    siemens = np.concatenate([1 / graph.ohm, case.siemens.ravel()])
    volts = np.zeros(graph.nodes)
    volts[2 * cells : 2 * cells + case.rows] = case.volts
    diagonal = np.bincount(tail, siemens, graph.nodes) + np.bincount(head, siemens, graph.nodes)
    ends = (np.concatenate([tail, head]), np.concatenate([head, tail]))
    matrix = (sp.diags_array(diagonal) - sp.coo_array((np.tile(siemens, 2), ends), shape=(graph.nodes, graph.nodes))).tocsc()
    factor = splu(matrix[: 2 * cells, : 2 * cells], permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    for _ in range(1 + refine):
        volts[: 2 * cells] -= factor.solve((matrix @ volts)[: 2 * cells])
    word, bit = volts[: 2 * cells].reshape(2, case.rows, case.cols)
    return np.asarray((case.siemens * (word - bit)).sum(axis=0))


def solve_badcrossbar(case: Case) -> np.ndarray:
    import badcrossbar

    logging.disable(logging.INFO)
    solution = badcrossbar.compute(case.volts[:, None], 1 / case.siemens, r_i=KINDS[case.kind][0], all_currents=False)
    return np.asarray(solution.currents.output)[0]


_ngspice: sn.NgspiceEngine | None = None


def solve_ngspice(case: Case) -> np.ndarray:
    global _ngspice
    if _ngspice is None:
        _ngspice = sn.NgspiceEngine()
    return _ngspice.read(sn.Crossbar(conductance=case.siemens, wires=case.wires), case.volts).column_amps


SOLVERS: dict[str, Callable[[Case], np.ndarray]] = {
    "nodal": solve_nodal, "superlu": solve_superlu, "badcrossbar": solve_badcrossbar, "ngspice": solve_ngspice,
}  # fmt: skip


def largest_for(args: argparse.Namespace) -> dict[str, int]:
    """Return up to how many cells each method runs."""
    missing = {"badcrossbar": importlib.util.find_spec("badcrossbar") is None, "ngspice": shutil.which("ngspice") is None}
    limits = {"nodal": 2**24, "superlu": 512**2, "badcrossbar": 256**2, "ngspice": 32**2}
    if args.quick:
        limits |= {"superlu": 128**2, "badcrossbar": 128**2, "ngspice": 16**2}
    if args.full:
        limits["ngspice"] = 64**2
    return {name: 0 if missing.get(name) else limit for name, limit in limits.items()}


def measure(case: Case, limits: dict[str, int], budget_s: float) -> dict[str, dict[str, float]]:
    """Run all methods in turns until the budget is spent; return median seconds, runs and the error against SuperLU with refinement.

    Where SuperLU is too slow or too large the error is the engine's own certificate, a bound, over the largest current.
    """
    methods = [name for name in METHODS if case.siemens.size <= limits[name]]
    times: dict[str, list[float]] = {name: [] for name in methods}
    amps: dict[str, np.ndarray] = {}
    begin = time.perf_counter()
    for turn in range(25):
        for name in methods:
            if turn > 2 and sum(times[name]) > budget_s / 4:
                continue
            if turn > 0 and times[name][0] > budget_s / 2:
                continue
            start = clock()
            amps[name] = SOLVERS[name](case)
            times[name].append(clock() - start)
        if time.perf_counter() - begin > budget_s:
            break
    true = solve_superlu(case, refine=2) if "superlu" in methods else None
    result = {}
    for name in methods:
        if true is None:
            bound = ENGINE.read(sn.Crossbar(conductance=case.siemens, wires=case.wires), case.volts).stats["error_bound_amps"]
            error = float(bound) / np.abs(amps[name]).max()  # type: ignore[arg-type]
        else:
            error = float(np.abs(amps[name] - true).max() / np.abs(true).max())
        result[name] = {"seconds": float(np.median(times[name])), "runs": len(times[name]), "error": error}
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
    """Touch what one iteration must touch, as simply as it can be touched: 10 reads and 4 writes a cell."""
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


def roofline(case: Case) -> dict[str, float]:
    """Return seconds of one iteration on one thread and of streaming its arrays: the least of many interleaved runs each."""
    memory = Memory(case.rows, case.cols, 1)
    memory.fill(case.siemens)
    lines = lines_of_operator(case.operator)
    size = padded(case.rows) * lines.stride
    x, t, none = aligned_zeros(1, size), aligned_zeros(1, size), np.zeros((1, 0))
    word, bit = np.zeros((1, padded(case.rows))), np.zeros((1, stride_of(case.cols)))
    word[0, : case.rows] = case.volts
    out = np.zeros((1, case.rows)), np.zeros((1, case.cols))
    report = np.zeros((1, line_cg.REPORT_SIZE))

    def run(most: int, *, factored: bool = True) -> float:
        start = clock()
        line_cg.solve_many(lines, memory.doubles, memory.gate, word, bit, none, none, x, t, *out, factored, False, 0.0, most, report, 0, 1, 0, 1)
        return clock() - start

    def stream() -> float:
        start = clock()
        _stream(*(memory.doubles[k * size : (k + 1) * size] for k in range(3)), x[0], t[0], *(memory.doubles[k * size : (k + 1) * size] for k in (3, 4)))
        return clock() - start

    run(1, factored=False)
    stream()
    few, many, least = 2, 8, {"few": np.inf, "many": np.inf, "stream": np.inf}
    for _ in range(max(9, min(200, int(4e6 / size)))):
        for name, seconds in (("few", run(few)), ("many", run(many)), ("stream", stream())):
            least[name] = min(least[name], seconds)
    return {"iteration_s": (least["many"] - least["few"]) / (many - few), "stream_s": least["stream"]}


def batches(quick: bool) -> list[dict[str, object]]:
    """Time many inputs from conductances to currents; SuperLU factors once and solves for all, badcrossbar takes them in one call."""
    rng = np.random.default_rng(5)
    table: list[dict[str, object]] = []
    for rows, cols, inputs in ((784, 100, 10_000), (784, 400, 1000), (256, 256, 1000))[: 1 if quick else 3]:
        case = Case.of(rows, cols, "easy")
        volts = rng.uniform(0, 1, (inputs, rows))
        seconds, errors = [], 0.0
        for _ in range(3):
            start = clock()
            amps = ENGINE.read(sn.Crossbar(conductance=case.siemens, wires=case.wires), volts).column_amps
            seconds.append(clock() - start)
        for k in range(2):
            true = solve_superlu(Case(rows=rows, cols=cols, kind="easy", siemens=case.siemens, volts=volts[k]), refine=2)
            errors = max(errors, float(np.abs(amps[k] - true).max() / np.abs(true).max()))
        table.append({"array": f"{rows}×{cols}", "inputs": inputs, "seconds": float(np.median(seconds)), "error": errors})
    return table


MEMORY_PROBE = """
import pathlib, sys
sys.path.insert(0, {here!r})
import bench_solver as b
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
    """Return by how much one solve raises the peak memory of a fresh process, the conductances included (Linux only)."""
    probe = MEMORY_PROBE.format(here=str(Path(__file__).resolve().parent), rows=rows, cols=cols, method=method)
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def report_times(results: dict[str, dict[str, dict[str, float]]]) -> None:
    print(f"\n{'array':16} {'method':12} {'median':>11} {'runs':>5} {'× nodal':>9} {'error':>9}")
    for name, methods in results.items():
        for method, entry in methods.items():
            ratio = entry["seconds"] / methods["nodal"]["seconds"]
            print(f"{name:16} {method:12} {entry['seconds'] * 1e3:8.3f} ms {int(entry['runs']):5d} {ratio:9.1f} {entry['error']:9.1e}")


def draw(results: dict[str, dict[str, dict[str, float]]], roofs: dict[str, dict[str, float]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    from spicesnn.plotting.style import COLOURS

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), width_ratios=(1.6, 1))
    for colour, method in zip(COLOURS, METHODS, strict=False):
        for kind, line in (("easy", "-"), ("hard", "--")):
            points = [
                (int(name.split("×")[0]), entry[method]["seconds"]) for name, entry in results.items()
                if method in entry and name.endswith(kind) and name.split("×")[0] == name.split("×")[1].split()[0]
            ]  # fmt: skip
            if points:
                left.loglog(*zip(*points, strict=True), line, marker="o", color=colour, label=f"{method}, {kind}")
    left.set(xlabel="rows = columns", ylabel="seconds for one input, set-up included", title="Read of a square array")
    left.set_xticks([16, 32, 64, 128, 256, 512, 1024], labels=["16", "32", "64", "128", "256", "512", "1024"])
    left.minorticks_off()
    left.legend(fontsize=8)
    left.grid(visible=True, alpha=0.3)
    sizes = list(roofs)
    right.bar(sizes, [roofs[s]["iteration_s"] / roofs[s]["stream_s"] for s in sizes], color=COLOURS[0])
    right.axhline(2.5, color=COLOURS[1], linestyle="--", label="bar: 2.5")
    right.set(ylabel="one iteration / streaming its arrays", title="Roofline, one thread", ylim=(0, None))
    right.legend(fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"\nfigure: {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, few repetitions")
    parser.add_argument("--full", action="store_true", help="also ngspice at 64²")
    parser.add_argument("--figure", type=Path, default=Path("bench_solver.png"), help="where the figure goes")
    parser.add_argument("--json", type=Path, help="where all numbers go")
    parser.add_argument("--cpu-time", action="store_true", help="count processor time, for machines that are busy with something else")
    args = parser.parse_args()
    limits = largest_for(args)
    if args.cpu_time:
        global clock
        clock = time.process_time
        limits["ngspice"] = 0
    squares = (16, 64, 128) if args.quick else (16, 32, 64, 128, 256, 512, 1024)
    cases = [Case.of(n, n, kind) for n in squares for kind in KINDS]
    cases += [] if args.quick else [Case.of(784, 100, "easy"), Case.of(784, 400, "easy")]
    print(f"{platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; numpy {np.__version__}; not run: "
          f"{', '.join(name for name, limit in limits.items() if not limit) or 'nothing'}")  # fmt: skip
    big, other = np.ones(2**22), np.ones(2**22)
    _copy(big, other), _plain_loop(big)
    copy_s, loop_s = best_of(lambda: _copy(big, other)), best_of(lambda: _plain_loop(big))
    print(f"plain copy of 32 MiB: {copy_s * 1e3:.2f} ms ({2 * big.nbytes / copy_s / 1e9:.1f} GB/s); "
          f"plain loop, 4.2 million dependent multiply-adds: {loop_s * 1e3:.2f} ms")  # fmt: skip
    for warm in SOLVERS:
        if limits[warm]:
            SOLVERS[warm](Case.of(8, 8, "easy"))
    results = {case.name: measure(case, limits, 2.0 if args.quick else 12.0) for case in cases}
    report_times(results)
    for (method, size, kind), bar in RATIO_BARS.items():
        entry = results.get(f"{size}×{size} {kind}", {})
        if method in entry:
            ratio = entry[method]["seconds"] / entry["nodal"]["seconds"]
            print(f"{method} / nodal at {size}² {kind}: {ratio:.0f} (bar {bar}: {'ok' if ratio >= bar else 'missed'})")
    print("\nmany inputs, from conductances to all output currents")
    many = batches(args.quick)
    for entry in many:
        print(f"{entry['array']:10} {entry['inputs']:6} inputs: {entry['seconds']:.3f} s, error {entry['error']:.1e}")
    roofs = {f"{n}²": roofline(Case.of(n, n, "easy")) for n in squares if n >= 64}
    print("\none CG iteration on one thread against streaming the arrays it must touch (112 bytes a cell)")
    for name, roof in roofs.items():
        print(f"{name:8} {roof['iteration_s'] * 1e6:9.1f} µs / {roof['stream_s'] * 1e6:9.1f} µs = {roof['iteration_s'] / roof['stream_s']:.2f}")
    memory = {}
    print("\npeak memory of one solve in a fresh process, conductances included")
    for method, n in [("nodal", 256)] if args.quick else [("nodal", 256), ("superlu", 256), ("badcrossbar", 256), ("nodal", 1024), ("nodal", 2048)]:
        if limits[method] and Path("/proc/self/clear_refs").exists():
            memory[f"{method} {n}²"] = peak_bytes(method, n, n)
            print(f"{method:12} {n}²: {memory[f'{method} {n}²'] / 2**20:8.1f} MiB, {memory[f'{method} {n}²'] / n**2:6.0f} bytes a cell")
    draw(results, roofs, args.figure)
    if args.json:
        everything = {"copy_s": copy_s, "loop_s": loop_s, "cases": results, "batches": many, "roofline": roofs, "memory": memory}
        args.json.write_text(json.dumps(everything, indent=1))


if __name__ == "__main__":
    main()
