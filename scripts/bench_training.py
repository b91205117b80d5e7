"""Time and memory of one training presentation by size, synapse and wires; where it goes; beside a
plain copy and a plain reference loop.

    python scripts/bench_training.py [--part ideal device wires composed arrays bp deep]
    [--json bench_training.json] [--figure docs/images/bench_training.png]
    [--against FOLDER --rounds 5]

Parts can be run one by one: results are kept in the JSON file, and the table and the figure show
all of it. One core; the bars hold for a quiet core of a two-core machine of 2026, so a plain copy
of the weights and a NumPy loop of the same network are timed in the same run. With a checkout of
another commit in FOLDER, that package and this one are timed in turns, and what is printed is the
ratio of the medians: all parts call the hooks of the controller, which are the same in both."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("NUMBA_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import spicesnn as sn
from spicesnn.datasets import mnist
from spicesnn.encoding.events import seed_words
from spicesnn.jit import compiled
from spicesnn.neurons.conductance_lif import membrane_step
from spicesnn.training import load
from spicesnn.training.streamed import Tally

try:
    from spicesnn.training.images import Images
except ImportError:  # in the checkout of an older commit
    from spicesnn.training.streamed import Images

BARS = {
    "ideal 100": 0.12,
    "ideal 400": 0.16,
    "ideal 1600": 0.45,
    "power-law 400": 1.3 * 0.16,
    "pai-yu-chen 400": 3 * 0.16,
    "wires in reads and writes 784×100": 50.0,
    "wires in reads and writes 784×400": 250.0,
    "crossbar 196×50, 200 steps": 50.0,
    "crossbar 196×50, nonlinear step": 5.0,
}
"""Milliseconds."""


_membrane = compiled(inline=True, keep=False)(membrane_step)
STEPS, STEP_S, CHUNK = 700, 0.5e-3, 5000
COMPOSED = load("stdp-mnist").kind == "network"
"""Whether `stdp-mnist` is a composition: in the checkout of an older commit it is a kind of its
own, with keys of its own."""


def stdp(neurons: int, *kinds: str, **more: Any) -> dict[str, Any]:
    """Settings of `stdp-mnist` for a size and what its synapses are: states, device, reads,
    writes."""
    known: dict[str, dict[str, Any]] = {
        "states": {"imperfections.states": 16, "projection.*.largest": 0.5},
        "device": {"projection.*.synapses": "pulse-map"},
        "reads": {"array.word_line_ohm": 1.0, "array.bit_line_ohm": 1.0},
        "writes": {"synapses.wired_writes": True},
    }
    size: dict[str, Any] = {"population.neurons.neurons": neurons}
    if not COMPOSED:
        known = {
            "states": {"imperfections.states": 16},
            "device": {"synapse.kind": "device"},
            "reads": {"array.wires": "reads"},
            "writes": {"array.wires": "reads-and-writes"},
        }
        size = {"network.neurons": neurons}
    for kind in kinds:
        size |= known[kind]
    return size | {key.replace("__", "."): value for key, value in more.items()}


def timed(work: Callable[[], int], repeats: int) -> tuple[float, float]:
    """Return the least and the median of the milliseconds a unit of work takes; `work` returns how
    many units it did."""
    each = []
    for _ in range(repeats):
        begun = time.process_time()
        count = work()
        each.append(1e3 * (time.process_time() - begun) / count)
    return min(each), float(np.median(each))


class Bench:
    """Measures, and keeps what it measured in a JSON file."""

    def __init__(self, path: Path, repeats: int) -> None:
        self.path, self.repeats = path, repeats
        self.rows: dict[str, dict[str, Any]] = (
            json.loads(path.read_text()) if path.is_file() else {}
        )
        data = mnist.load()
        self.images = data.x_train.reshape(-1, 784)
        self.engine = sn.NodalEngine()
        self.trained: dict[int, Any] = {}

    def keep(self, name: str, best: float, median: float, **more: Any) -> None:
        """Take a result down and print it."""
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.rows[name] = {
            "ms": best,
            "median_ms": median,
            "peak_mb": memory,
            "bar_ms": BARS.get(name),
            **more,
        }
        self.path.write_text(json.dumps(self.rows, indent=1) + "\n")
        print(
            f"{name:42} {best:9.3f} ms (median"
            f" {median:.3f}){'' if name not in BARS else f', bar {BARS[name]:g}'}",
            flush=True,
        )

    def learn(self, config: Any, arrays: Any, images: slice, tally: Tally) -> Any:
        """Learn from a chunk of images, by the controller's hook."""
        x = self.images[images]
        labels, rng = np.zeros(len(x), np.int64), np.random.default_rng(1)
        return config.learn(arrays, x, labels, rng, 0, self.engine, tally)

    def warm(self, neurons: int) -> Any:
        """Return the arrays of a network that has learnt from 3000 images: an untrained one spikes
        otherwise."""
        if neurons not in self.trained:
            config = load("stdp-mnist", stdp(neurons))
            arrays = config.fresh(np.random.default_rng(0))
            self.trained[neurons] = self.learn(config, arrays, slice(3000), Tally())
        return self.trained[neurons]

    def presentations(
        self, name: str, neurons: int, images: int, *kinds: str, fresh: bool = False, **more: Any
    ) -> None:
        """Time training presentations, repeats counted as such."""
        config, last = load("stdp-mnist", stdp(neurons, *kinds, **more)), 3000 + images
        arrays = config.fresh(np.random.default_rng(0)) if fresh else self.warm(neurons)
        arrays = {**arrays, **self.learn(config, arrays, slice(3000, 3001), Tally())}  # compiles

        def work() -> int:
            tally = Tally()
            self.learn(config, arrays, slice(3000, last), tally)
            return int(tally.totals["presentations"])

        self.keep(name, *timed(work, self.repeats), neurons=neurons)

    # -- parts ------------------------------------------------------------------------------------

    def ideal(self) -> None:
        """Ideal synapses and states by size; references; where the time goes."""
        for neurons in (100, 400, 1600):
            self.presentations(f"ideal {neurons}", neurons, CHUNK)
            self._references(neurons)
            if COMPOSED:
                self._shares(neurons)
        self.presentations("16 states 100", 100, CHUNK, "states", fresh=True)

    def _weights(self, neurons: int) -> Any:
        shape = (784, neurons)
        return np.random.default_rng(0).uniform(0.0, 0.3, shape).astype(np.float32)

    def _references(self, neurons: int) -> None:
        weight = self._weights(neurons)
        target = np.empty_like(weight)
        best, median = timed(lambda: (np.copyto(target, weight), 1)[1], 50)
        self.keep(f"plain copy of the weights {neurons}", best, median, neurons=neurons)
        rng = np.random.default_rng(3)
        best, median = timed(lambda: _plain_loop(weight, self.images[0], rng), 3)
        self.keep(f"plain NumPy loop {neurons}", best, median, neurons=neurons)

    def _shares(self, neurons: int) -> None:
        """Time the compiled parts on their own, as often as a presentation calls them."""
        from spicesnn.networks import conductance_plasticity as plasticity
        from spicesnn.networks.conductance_samples import _reading

        tally = Tally()
        self.learn(load("stdp-mnist", stdp(neurons)), self.warm(neurons), slice(200), tally)
        events = tally.totals["input_events"] / tally.totals["presentations"]
        work, weight = np.zeros((3, neurons), np.float32), self._weights(neurons)
        rows = np.flatnonzero(self.images[3000]).astype(np.int32)
        per_step = max(round(events / STEPS), 1)
        threshold, scale = np.full(neurons, 1e3, np.float32), np.ones(neurons, np.float32)

        def hear() -> int:
            _hear_often(work[0], weight, rows, per_step, STEPS)
            return 1

        def move() -> int:
            _move_often(work, scale, threshold, STEPS)
            return 1

        words, sums = seed_words(np.random.default_rng(0)), weight.sum(axis=0, dtype=float)
        rule = _reading(STEPS)._replace(target=78.0)

        given = [weight, weight, scale, sums]
        if hasattr(plasticity, "Weights"):  # missing in the checkout of an older commit
            given = [plasticity.Weights(*given)]

        def even_out() -> int:
            plasticity.normalise(rule, *given, words, None, None)
            return 1

        for name, part in (
            ("input rows added", hear),
            ("membranes", move),
            ("normalisation", even_out),
        ):
            part()
            best, median = timed(part, 20)
            self.keep(f"part: {name} {neurons}", best, median, neurons=neurons)

    def device(self) -> None:
        """Synapses of solved tables."""
        for model in ("power-law", "pai-yu-chen"):
            for neurons in (100, 400):
                name = f"{model} {neurons}"
                self.presentations(name, neurons, CHUNK, "device", device__model=model)

    def wires(self) -> None:
        """Tiles of 128×128 and the whole array, 1 Ω a segment, in reads, and in reads and
        writes."""
        for neurons, images in ((100, 60), (400, 25)):
            self.presentations(f"ideal wires 784×{neurons}", neurons, 10 * images, "device")
            for lines, suffix in ((128, ""), (0, ", untiled")):
                for kinds, what in (
                    (("reads",), "reads"),
                    (("reads", "writes"), "reads and writes"),
                ):
                    self.presentations(
                        f"wires in {what} 784×{neurons}{suffix}",
                        neurons,
                        images,
                        "device",
                        *kinds,
                        array__tile_rows=lines,
                        array__tile_cols=lines,
                    )

    def composed(self) -> None:
        """Whole samples of a composed network: the preset `stdp-simple`, learning and read."""
        config = load("stdp-simple", {"data.train_limit": 2000}).with_seed(1)
        images, rng = config.images(), np.random.default_rng(6)
        x = images.train.reshape(-1, 1, *images.shape) / 255.0
        net = config.composed(sn.NodalEngine()).fresh(rng)
        net = net.learn(x[:1000], images.train_labels[:1000], rng)
        neurons = len(net.answered[0])

        def learnt() -> int:
            net.learn(x[1000:], images.train_labels[1000:], rng)
            return 1000

        def read() -> int:
            net.counts(x[1000:], rng)
            return 1000

        for what, part in (("learning", learnt), ("read", read)):
            part()
            best, median = timed(part, self.repeats)
            self.keep(f"stdp-simple, {what}", best, median, neurons=neurons)

    def bp(self) -> None:
        """`bp-mnist`: learning and answering, by the controller's hooks."""
        self._supervised("bp-mnist 784-400-10", "bp-mnist", {}, 10000)

    def deep(self) -> None:
        """`deep-mnist`: learning in software, and tuning in situ behind wires."""
        wires = {"array.word_line_ohm": 1.0, "array.bit_line_ohm": 1.0, "data.train_limit": 1000}
        tuned = {"synapses.wire_aware": False, "training.epochs": 1, "training.tuning_epochs": 1}
        if load("deep-mnist").kind == "deep":  # another checkout, in which it is a kind of its own
            tuned = {"mapping.wire_aware": False, "exsitu.epochs": 1, "insitu.epochs": 1}
        self._supervised("deep-mnist 784-400-200-10", "deep-mnist", {}, 1280)
        self._supervised(
            "deep-mnist in situ, wires", "deep-mnist", {**wires, **tuned}, 1000, tune=True
        )

    def _supervised(
        self, name: str, preset: str, settings: dict[str, Any], images: int, *, tune: bool = False
    ) -> None:
        config, engine = load(preset, settings), sn.NodalEngine()
        labels = mnist.load().y_train.astype(np.int64)
        shown = Images(
            train=self.images[:10],
            train_labels=labels[:10],
            test=self.images[:10],
            test_labels=labels[:10],
        )
        arrays, last = config.fresh(np.random.default_rng(0)), int(tune)

        def learn(count: int, begun: Any, epoch: int) -> Any:
            rng = np.random.default_rng(1)
            some = self.images[:count], labels[:count]
            return config.learn(begun, *some, rng, epoch, engine, Tally())

        learn(10, arrays, 0)  # compiles
        ready = learn(images, arrays, 0)
        if tune:
            ready = config.completed(ready, engine, Tally())
            learn(10, ready, last)
        rows = {f"{name}: learning": lambda: (learn(images, ready, last), images)[1]}
        if not tune:
            answer = config.reader(ready, shown, np.random.default_rng(2), engine)
            answer(self.images[:10])
            rows[f"{name}: answers"] = lambda: (answer(self.images[:images]), images)[1]
        for row, work in rows.items():
            self.keep(row, *timed(work, self.repeats))

    def arrays(self) -> None:
        """The predecessor's array, 196×50 with 1 Ω: reads of 200 steps with an update each fourth,
        and a step with nonlinear cells."""
        rng, solver = np.random.default_rng(5), sn.NodalEngine()
        cells, volts = (
            rng.uniform(5e-5, 4e-4, (196, 50)),
            (rng.random((200, 196)) < 0.1).astype(float),
        )

        def linear() -> int:
            siemens, array = cells.copy(), sn.Crossbar(conductance=cells, wires=sn.Wires())
            for step in range(200):
                if step % 4 == 0:
                    siemens[:, step % 50] *= 1.01
                    array = sn.Crossbar(conductance=siemens, wires=sn.Wires())
                solver.read(array, volts[step])
            return 1

        linear()
        self.keep("crossbar 196×50, 200 steps", *timed(linear, self.repeats))
        direct, read = (
            _dense_amps(cells, volts[0]),
            solver.read(sn.Crossbar(conductance=cells, wires=sn.Wires()), volts[0]).column_amps,
        )
        print(f"    largest error against a direct solve: {np.max(np.abs(read / direct - 1)):.1e}")
        device = sn.devices.PaiYuChen()
        gaps = rng.uniform(*device.bounds(), (196, 50))
        array = sn.Crossbar(device=device, state=gaps, wires=sn.Wires())

        def nonlinear() -> int:
            for step in range(10):
                solver.read(array.with_state(gaps), 0.7 * volts[step])
            return 10

        nonlinear()
        self.keep("crossbar 196×50, nonlinear step", *timed(nonlinear, self.repeats))


@compiled(keep=False)
def _hear_often(excitation: Any, weight: Any, rows: Any, per_step: int, steps: int) -> None:
    for step in range(steps):
        for n in range(per_step):
            i = rows[(step + n) % rows.size]
            for j in range(excitation.size):
                excitation[j] += weight[i, j]
        excitation *= np.float32(0.6)


@compiled(keep=False)
def _move_often(work: Any, scale: Any, threshold: Any, steps: int) -> None:
    excitation, inhibitory, v = work[0], work[1], work[2]
    share, rest, zero = np.float32(5e-3), np.float32(-65.0), np.float32(0.0)
    low, decay_e, decay_i = np.float32(-100.0), np.float32(0.6065), np.float32(0.7788)
    for _ in range(steps):
        for j in range(v.size):
            v[j] = _membrane(v[j], scale[j] * excitation[j], inhibitory[j], share, rest, zero, low)
            excitation[j] *= decay_e
            inhibitory[j] *= decay_i


def _plain_loop(weight: Any, image: Any, rng: np.random.Generator) -> int:
    """Show one image with dense NumPy steps, learning by traces: what one writes down first."""
    w, neurons = weight.copy(), weight.shape[1]
    v, ge, gi, threshold = (
        np.full(neurons, -65.0, np.float32),
        *np.zeros((2, neurons), np.float32),
        np.full(neurons, -52.0, np.float32),
    )
    te, to, chance = (
        np.zeros(784, np.float32),
        np.zeros(neurons, np.float32),
        63.75 * STEP_S * image / 255.0,
    )
    fade, rise, fall = np.float32(np.exp(-STEP_S / 20e-3)), np.float32(0.01), np.float32(1e-4)
    decay_e, decay_i = np.float32(np.exp(-0.5)), np.float32(np.exp(-0.25))
    for _ in range(STEPS):
        spikes = rng.random(784) < chance
        ge += spikes @ w
        v += np.float32(5e-3) * ((-65 - v) - ge * v + gi * (-100 - v))
        ge, gi, te, to = ge * decay_e, gi * decay_i, te * fade, to * fade
        te[spikes] = 1.0
        w[spikes] -= fall * to * w[spikes]
        winner = int(np.argmax(v - threshold))
        if v[winner] > threshold[winner]:
            v[winner], to[winner] = -65.0, 1.0
            gi += 17.0
            gi[winner] -= 17.0
            w[:, winner] += rise * te * (1 - w[:, winner])
    w *= 78.0 / w.sum(axis=0)
    return 1


def _dense_amps(cells: Any, volts: Any) -> Any:
    """Return column currents from a sparse direct solve of all nodes, 1 Ω wires."""
    import scipy.sparse as sp
    import scipy.sparse.linalg as sla

    rows, cols = cells.shape
    word = np.arange(rows * cols).reshape(rows, cols)
    bit = word + rows * cols
    pairs = [
        (word.ravel(), bit.ravel(), cells.ravel()),
        (word[:, :-1].ravel(), word[:, 1:].ravel(), np.ones(rows * (cols - 1))),
        (bit[:-1].ravel(), bit[1:].ravel(), np.ones((rows - 1) * cols)),
    ]
    a, b, g = (np.concatenate(part) for part in zip(*pairs, strict=True))
    size = 2 * rows * cols
    ground = np.zeros(size)
    ground[word[:, 0]] = ground[bit[-1]] = 1.0
    links = sp.coo_matrix((g, (a, b)), shape=(size, size))
    matrix = sp.diags(ground + np.asarray((links + links.T).sum(axis=1)).ravel()) - links - links.T
    source = np.zeros(size)
    source[word[:, 0]] = volts
    return sla.spsolve(matrix.tocsc(), source)[bit[-1]]


def table(rows: dict[str, dict[str, Any]]) -> None:
    """Print the Markdown table."""
    print(
        f"\n{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python"
        f" {platform.python_version()}\n"
    )
    print("| what | ms | bar | | peak MB of the process |\n|---|---|---|---|---|")
    for name, row in rows.items():
        bar = row.get("bar_ms")
        verdict = "" if bar is None else ("ok" if row["ms"] <= bar else "missed")
        print(
            f"| {name} | {row['ms']:.3f} | {'' if bar is None else f'{bar:.3g}'} | {verdict} |"
            f" {row['peak_mb']:.0f} |"
        )


def figure(rows: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw time a presentation by size and by what is in the loop, and the parts of an ideal
    one."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    made, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    series = {
        "plain NumPy loop": "plain NumPy loop {}",
        "ideal synapses": "ideal {}",
        "power-law devices": "power-law {}",
        "Pai-Yu Chen devices": "pai-yu-chen {}",
        "wires in reads": "wires in reads 784×{}",
        "wires in reads and writes": "wires in reads and writes 784×{}",
        "plain copy of the weights": "plain copy of the weights {}",
    }
    for label, pattern in series.items():
        known = [
            (n, rows[pattern.format(n)]["ms"])
            for n in (100, 400, 1600)
            if pattern.format(n) in rows
        ]
        if known:
            left.loglog(*zip(*known, strict=True), "o-", label=label)
    left.set(
        xlabel="neurons",
        ylabel="ms a training presentation",
        title="One presentation: 350 ms of spikes, 700 steps",
    )
    left.set_xticks([100, 400, 1600], ["100", "400", "1600"])
    left.minorticks_off()
    left.legend(fontsize=8, ncols=2, loc="center", bbox_to_anchor=(0.5, 0.57))
    sizes = [n for n in (100, 400, 1600) if f"ideal {n}" in rows]
    bottom = np.zeros(len(sizes))
    for name in ("input rows added", "membranes", "normalisation"):
        share = np.array([rows.get(f"part: {name} {n}", {"ms": 0.0})["ms"] for n in sizes])
        right.bar([str(n) for n in sizes], share, bottom=bottom, label=name)
        bottom += share
    rest = np.maximum([rows[f"ideal {n}"]["ms"] for n in sizes] - bottom, 0.0)
    right.bar(
        [str(n) for n in sizes], rest, bottom=bottom, label="learning, draws, the rest", color="0.8"
    )
    right.set(xlabel="neurons", ylabel="ms", title="Where the time of ideal synapses goes")
    right.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    made.savefig(path, dpi=110)
    plt.close(made)


def in_turns(parts: list[str], other: Path, rounds: int, repeats: int) -> dict[str, float]:
    """Measure another checkout and this one in turns; print and return the ratio of the medians of
    their best times, this one over the other."""
    found: dict[str, list[list[float]]] = {}
    here = Path(__file__).resolve().parents[1]
    for _ in range(rounds):
        for side, folder in enumerate((other.resolve(), here)):
            with tempfile.TemporaryDirectory() as place:
                kept = Path(place) / "rows.json"
                command = [sys.executable, __file__, "--json", str(kept), "--part", *parts]
                paths = {"PYTHONPATH": str(folder), "SPICESNN_DATA": str(mnist_folder(here))}
                subprocess.run(
                    [*command, "--repeats", str(repeats)],
                    env={**os.environ, **paths},
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
                for name, row in json.loads(kept.read_text()).items():
                    found.setdefault(name, [[], []])[side].append(row["ms"])
    ratios = {
        name: float(np.median(now) / np.median(before))
        for name, (before, now) in found.items()
        if before and now
    }
    for name, (before, now) in found.items():
        if name in ratios:
            print(
                f"{name:42} {np.median(before):9.3f} → {np.median(now):9.3f} ms, ratio"
                f" {ratios[name]:.3f}"
            )
    return ratios


def mnist_folder(here: Path) -> Path:
    """Where MNIST is: what the environment says, or this checkout's data."""
    return Path(os.environ.get("SPICESNN_DATA", here / "data"))


def main(
    parts: list[str],
    kept: Path,
    drawn: Path | None,
    repeats: int,
    against: Path | None = None,
    rounds: int = 5,
) -> None:
    """Measure the parts asked for, then print and draw everything that is known."""
    if against is not None:
        in_turns(parts, against, rounds, repeats)
        return
    bench = Bench(kept, repeats)
    for part in parts:
        getattr(bench, part)()
    table(bench.rows)
    if drawn is not None:
        figure(bench.rows, drawn)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = ["ideal", "device", "wires", "composed", "arrays", "bp", "deep"]
    parser.add_argument("--part", dest="parts", nargs="*", default=known, choices=known)
    parser.add_argument("--json", dest="kept", type=Path, default=Path("bench_training.json"))
    parser.add_argument("--figure", dest="drawn", type=Path, default=None)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--against", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=5)
    main(**vars(parser.parse_args()))
