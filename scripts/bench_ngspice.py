"""What our ngspice engine costs beside ngspice itself.

    python scripts/bench_ngspice.py [--quick] [--memory 10000]

Reads: our engine against the ``.dc`` sweep that it runs (timed inside the worker), against plain
``ngspice -b`` on the same deck, alter and one analysis a vector, and PySpice from scratch; a batch
of 64 inputs at 32×32. Large arrays, one input: the first read of a new array against plain
``ngspice -b``, and the second, with other volts, against the first; with ngspice's KLU where it has
it (`--large 64` leaves 128×128 out, which takes Sparse 1.3 a minute a read). Pulses:
our engine against the transient that it runs, and against ``ngspice -b``. These are processor times
of all processes involved, so that others on the machine do not show. Two workers against one (time
that passes: wants an idle machine). Memory and speed over many mixed jobs. Medians of interleaved
repetitions."""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import spicesnn as sn
from spicesnn.crossbar.stimulus import Levels
from spicesnn.engines.ngspice import reads
from spicesnn.netlist.pulse_accuracy import for_transient
from spicesnn.netlist.pulse_deck import pulse_deck
from spicesnn.netlist.read_deck import read_deck

BARS = {
    "batch_32": 1.3,
    "large_read": 1.15,
    "second_read": 0.6,
    "read_overhead": 1.3,
    "pulse_overhead": 1.25,
    "pyspice_speedup": 80.0,
    "two_workers": 1.8,
    "memory_mb": 5.0,
    "slowdown": 1.05,
}


def interleaved(functions: dict[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """Return the median of what each function reports, called in turn."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            times[name].append(function())
    return {name: statistics.median(values) for name, values in times.items()}


def wall(function: Callable[[], object]) -> Callable[[], float]:
    def timed() -> float:
        began = time.perf_counter()
        function()
        return time.perf_counter() - began

    return timed


class Meter:
    """Processor time of our side and of the workers, over a call: what a job costs on a machine
    that others use too."""

    def __init__(self, engine: sn.NgspiceEngine) -> None:
        self._engine = engine

    def _now(self) -> float:
        return time.process_time() + sum(s.cpu_seconds for s in self._engine.pool.sessions)

    def timed(self, function: Callable[[], object]) -> Callable[[], float]:
        def run() -> float:
            began = self._now()
            function()
            return self._now() - began

        return run


def plain(deck: str, engine: sn.NgspiceEngine) -> Callable[[], float]:
    """Return a function that runs ``ngspice -b``, with the solver of `engine`, and reports the
    processor time of the whole run."""
    folder = Path(tempfile.mkdtemp(prefix="spicesnn-bench-"))
    text = "\n".join(line for line in deck.splitlines() if not line.startswith(".print"))
    if engine.library().klu:
        title, _, rest = text.partition("\n")
        text = f"{title}\n.options klu\n{rest}"
    (folder / "deck.cir").write_text(text)

    def run() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            ["ngspice", "-n", "-b", "-r", "out.raw", "deck.cir"],
            cwd=folder,
            capture_output=True,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return run


def pyspice(array: sn.Crossbar, volts: np.ndarray) -> Callable[[], float]:
    """Return a function that reads vectors with a PySpice circuit built from scratch each, and
    reports processor time a vector."""
    code = """
import sys, json, time, logging
logging.disable(logging.CRITICAL)
import numpy as np
from PySpice.Spice.NgSpice.Shared import NgSpiceShared
NgSpiceShared.LIBRARY_PATH = sys.argv[1]
from PySpice.Spice.Netlist import Circuit
def quiet(self, command, join_lines=True):
    self.clear_output()
    self._ngspice_shared.ngSpice_Command(command.encode("ascii"))
    return self.stdout if join_lines else self._stdout
NgSpiceShared.exec_command = quiet
data = json.load(sys.stdin)
G, volts = np.array(data["G"]), np.array(data["volts"])
rows, cols = G.shape
def read(v):
    c = Circuit("array")
    for i in range(rows):
        c.V(f"r{i}", f"r{i}", c.gnd, float(v[i]))
        for j in range(cols):
            c.R(f"w{i}_{j}", f"r{i}" if j == 0 else f"w{i}_{j-1}", f"w{i}_{j}", 1.0)
            c.R(f"m{i}_{j}", f"w{i}_{j}", f"b{i}_{j}", float(1 / G[i, j]))
            c.R(f"b{i}_{j}", f"b{i}_{j}", f"c{j}" if i == rows - 1 else f"b{i+1}_{j}", 1.0)
    for j in range(cols):
        c.V(f"c{j}", f"c{j}", c.gnd, 0.0)
    a = c.simulator(temperature=27, nominal_temperature=27).operating_point()
    return [float(np.asarray(a.branches[f"vc{j}"]).item()) for j in range(cols)]
read(volts[0])
began = time.process_time()
out = [read(v) for v in volts]
print(json.dumps([(time.process_time() - began) / len(volts), out]))
"""
    from spicesnn.engines.ngspice import library

    given = json.dumps({"G": array.conductance.tolist(), "volts": volts[:3].tolist()})  # type: ignore[union-attr]

    def run() -> float:
        done = subprocess.run(
            [sys.executable, "-c", code, library.find()],
            input=given,
            capture_output=True,
            text=True,
            check=True,
        )
        seconds, amps = json.loads(done.stdout.splitlines()[-1])
        expected = sn.NodalEngine().read(array, volts[:3]).column_amps
        assert np.allclose(amps, expected, rtol=1e-6), "PySpice's circuit is not ours"
        return float(seconds)

    return run


def bench_reads(sizes: list[int], repeats: int) -> dict[str, float]:
    rng = np.random.default_rng(0)
    worst, speedup = {}, {}
    print("reads: processor milliseconds a vector (ours: both processes)")
    print(
        f"{'array':>8} {'batch':>6} {'ours':>9} {'its .dc':>9} {'ratio':>7} {'ngspice -b':>11}"
        f" {'one by one':>11} {'PySpice':>9}"
    )
    for n in sizes:
        batch = 1000 if n <= 16 else 64
        array = sn.Crossbar(conductance=rng.uniform(1e-5, 1e-3, (n, n)), wires=sn.Wires())
        volts = rng.uniform(-1, 1, (batch, n))
        with sn.NgspiceEngine() as engine:
            engine.read(array, volts)
            inside: list[float] = []
            meter = Meter(engine)

            def sweep(
                engine: sn.NgspiceEngine = engine,
                array: sn.Crossbar = array,
                volts: np.ndarray = volts,
                inside: list[float] = inside,
            ) -> None:
                inside.append(float(engine.read(array, volts).stats["ngspice_cpu_seconds"]))  # type: ignore[arg-type]

            def one_by_one(
                engine: sn.NgspiceEngine = engine,
                array: sn.Crossbar = array,
                volts: np.ndarray = volts,
            ) -> None:
                for row in volts[:10]:
                    engine.read(array, row)

            deck = read_deck(array, Levels.checked(array, volts)).text
            jobs = {
                "ours": meter.timed(sweep),
                "plain": plain(deck, engine),
                "one": meter.timed(one_by_one),
                "pyspice": pyspice(array, volts),
            }
            found = interleaved(jobs, repeats)
        its = statistics.median(inside)
        per = 1e3 / batch
        ratio = found["ours"] / its
        worst[n] = ratio
        speedup[n] = found["pyspice"] / (found["ours"] / batch)
        print(
            f"{f'{n}x{n}':>8} {batch:6d} {per * found['ours']:9.3f} {per * its:9.3f} {ratio:7.2f}"
            f" {per * found['plain']:11.3f} {1e2 * found['one']:11.3f}"
            f" {1e3 * found['pyspice']:9.1f}   {speedup[n]:.0f}x PySpice"
        )
    return {
        "read_overhead": max((r for n, r in worst.items() if n <= 16), default=float("nan")),
        "batch_32": worst.get(32, float("nan")),
        "pyspice_speedup": speedup[16] if 16 in speedup else float("nan"),
    }


def bench_large(sizes: list[int], repeats: int) -> dict[str, float]:
    rng = np.random.default_rng(0)
    ratios, seconds = [], []
    print("\nlarge arrays, one input: processor seconds (ours: both processes)")
    print(f"{'array':>8} {'first':>9} {'second':>9} {'ngspice -b':>11} {'ratio':>7} {'2nd/1st':>8}")
    for n in sizes:
        volts = rng.uniform(-1, 1, (2, n))

        def fresh(n: int = n) -> sn.Crossbar:
            cells = rng.uniform(1e-5, 1e-3, (n, n))
            return sn.Crossbar(conductance=cells, wires=sn.Wires(1.0, 1.0))

        with sn.NgspiceEngine() as engine:
            engine.read(fresh(), volts[0])
            meter, arrays = Meter(engine), [fresh()]

            def first(
                engine: sn.NgspiceEngine = engine,
                volts: np.ndarray = volts,
                arrays: list[sn.Crossbar] = arrays,
                fresh: Callable[[], sn.Crossbar] = fresh,
            ) -> None:
                arrays.append(fresh())
                engine.read(arrays[-1], volts[0])

            def second(
                engine: sn.NgspiceEngine = engine,
                volts: np.ndarray = volts,
                arrays: list[sn.Crossbar] = arrays,
            ) -> None:
                engine.read(arrays[-1], volts[1])

            array = fresh()
            deck = read_deck(array, Levels.checked(array, volts[:1])).text
            found = interleaved(
                {
                    "first": meter.timed(first),
                    "second": meter.timed(second),
                    "plain": plain(deck, engine),
                },
                repeats,
            )
        ratios.append(found["first"] / found["plain"])
        seconds.append(found["second"] / found["first"])
        print(
            f"{f'{n}x{n}':>8} {found['first']:9.3f} {found['second']:9.3f} {found['plain']:11.3f}"
            f" {ratios[-1]:7.2f} {seconds[-1]:8.2f}"
        )
    return {"large_read": max(ratios), "second_read": max(seconds)}


def a_pulse(n: int, rng: np.random.Generator) -> tuple[sn.Crossbar, sn.Pulse]:
    array = sn.Crossbar(
        device=sn.devices.VTEAM(), state=rng.uniform(0.5e-9, 2.5e-9, (n, n)), wires=sn.Wires()
    )
    rows, columns = np.full(n, 0.5), np.full(n, 0.5)
    rows[0], columns[0] = 1.0, 0.0
    return array, sn.Pulse(row_volts=rows, column_volts=columns, width_s=40e-9, rise_s=4e-9)


def bench_pulses(sizes: list[int], repeats: int) -> dict[str, float]:
    rng = np.random.default_rng(0)
    at_8 = float("nan")
    print("\npulses (VTEAM, V/2 scheme, new states each time): processor milliseconds a pulse")
    print(f"{'array':>8} {'points':>7} {'ours':>9} {'its tran':>9} {'ratio':>7} {'ngspice -b':>11}")
    for n in sizes:
        array, pulse = a_pulse(n, rng)
        with sn.NgspiceEngine() as engine:
            engine.pulse(array, pulse)
            inside: list[float] = []
            points: list[int] = []

            def one(
                engine: sn.NgspiceEngine = engine,
                array: sn.Crossbar = array,
                pulse: sn.Pulse = pulse,
                inside: list[float] = inside,
                points: list[int] = points,
            ) -> None:
                for k in range(5):
                    fresh = array.with_state(
                        np.clip(array.state_or_zeros() + (k + 1) * 1e-12, 0, 3e-9)
                    )
                    done = engine.pulse(fresh, pulse)
                    inside.append(float(done.stats["ngspice_cpu_seconds"]))  # type: ignore[arg-type]
                    points.append(int(done.stats["points"]))  # type: ignore[call-overload]

            checked = pulse.waveform().checked(array)
            deck = pulse_deck(array, checked, for_transient(array.device), save_nodes=True).text
            found = interleaved(
                {"ours": Meter(engine).timed(one), "plain": plain(deck, engine)}, repeats
            )
        ours, its = found["ours"] / 5, statistics.median(inside)
        at_8 = ours / its if n == 8 else at_8
        print(
            f"{f'{n}x{n}':>8} {points[-1]:7d} {1e3 * ours:9.2f} {1e3 * its:9.2f} {ours / its:7.2f}"
            f" {1e3 * found['plain']:11.2f}"
        )
    return {"pulse_overhead": at_8}


def bench_workers(repeats: int) -> dict[str, float]:
    rng = np.random.default_rng(0)
    array = sn.Crossbar(conductance=rng.uniform(1e-5, 1e-3, (16, 16)), wires=sn.Wires())
    volts = rng.uniform(-1, 1, (1000, 16))
    pairs = [a_pulse(8, rng) for _ in range(20)]
    with sn.NgspiceEngine() as one, sn.NgspiceEngine(workers=2) as two:
        for engine in (one, two):
            engine.read(array, volts)
            engine.pulse_each(*zip(*pairs, strict=True))  # type: ignore[arg-type]
        found = interleaved(
            {
                "reads on one": wall(lambda: one.read(array, volts)),
                "reads on two": wall(lambda: two.read(array, volts)),
                "pulses on one": wall(lambda: one.pulse_each(*zip(*pairs, strict=True))),  # type: ignore[arg-type]
                "pulses on two": wall(lambda: two.pulse_each(*zip(*pairs, strict=True))),  # type: ignore[arg-type]
            },
            repeats,
        )
    ratios = [found[f"{kind} on one"] / found[f"{kind} on two"] for kind in ("reads", "pulses")]
    print(f"\ntwo workers against one: reads {ratios[0]:.2f}x, pulses {ratios[1]:.2f}x")
    return {"two_workers": min(ratios)}


def bench_memory(count: int) -> dict[str, float]:
    """Run mixed reads and pulses with ever new states and inputs; report growth of each worker and
    the change of speed."""
    rng = np.random.default_rng(0)
    device = sn.devices.VTEAM()
    state = rng.uniform(0.5e-9, 2.5e-9, (4, 4))
    marks: list[float] = []
    sizes: list[list[int]] = []
    chunk = max(count // 10, 1)
    with sn.NgspiceEngine() as engine:
        for k in range(count):
            if k % chunk == 0:
                sizes.append([s.resident_bytes() for s in engine.pool.sessions])
                marks.append(time.perf_counter())
            array = sn.Crossbar(device=device, state=state, wires=sn.Wires())
            if k % 2:
                state = engine.pulse(
                    array, sn.Pulse(row_volts=rng.uniform(-0.3, 0.6, 4), width_s=1e-9, rise_s=1e-10)
                ).state
            else:
                engine.read(array, rng.uniform(-0.2, 0.2, (5, 4)))
        sizes.append([s.resident_bytes() for s in engine.pool.sessions])
        marks.append(time.perf_counter())
    early = [s for s in sizes if s][1]
    growth = max(b - a for a, b in zip(early, sizes[-1], strict=True)) / 1e6
    spans = np.diff(marks)
    slowdown = float(np.median(spans[-3:]) / np.median(spans[1:4]))
    print(
        f"\n{count} mixed reads and pulses at 4x4: {1e3 * (marks[-1] - marks[0]) / count:.2f} ms"
        f" each; a worker grows by {growth:.2f} MB after the first tenth; the last tenths take"
        f" {slowdown:.3f} of the first"
    )
    return {"memory_mb": growth, "slowdown": slowdown}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, few repetitions")
    parser.add_argument(
        "--memory", type=int, default=10_000, help="operations of the memory run (0: leave it out)"
    )
    parser.add_argument(
        "--large", type=int, nargs="*", default=[64, 128], help="sizes of the large arrays"
    )
    arguments = parser.parse_args()
    repeats = 3 if arguments.quick else 5
    sizes = [4, 8, 16] if arguments.quick else [4, 8, 16, 32]
    with sn.NgspiceEngine() as engine:
        print(
            f"ngspice: {engine.library()}; batches above {reads.WORTH_SPLITTING} cell inputs are"
            " split\n"
        )
    found = bench_reads(sizes, repeats) | bench_pulses(sizes, repeats) | bench_workers(repeats)
    if arguments.large:
        found |= bench_large(arguments.large, repeats)
    if arguments.memory:
        found |= bench_memory(arguments.memory)
    print("\nbars")
    for name, value in found.items():
        bar = BARS[name]
        met = value >= bar if name in ("pyspice_speedup", "two_workers") else value <= bar
        print(f"  {name:>16} {value:8.2f}   bar {bar:6.2f}   {'met' if met else 'MISSED'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
