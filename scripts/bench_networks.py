#!/usr/bin/env python3
"""Networks on tiles: what workers gain, and CrossSim on the same arrays.

    python scripts/bench_networks.py                       one worker process against two, of one processor each
    python scripts/bench_networks.py --cross-sim DIR       CrossSim 3.x (from its source folder) in the same minutes
    python scripts/bench_networks.py --cross-sim DIR --network lenet.onnx    a LeNet (scripts/lenet.py) in place of a perceptron

Workers: a network of more than 100 tiles of 128×128, 1 Ω a segment, cells 10 kΩ to 1 MΩ, is mapped
and answers, with linear cells and with others; processes are started before the clock is. Medians of interleaved repeats.

CrossSim: a network of 784-100-10 on tiles of 128×128 with these wires and cells, MNIST images. Its
circuit solver gets the conductances and inputs of every tile, at its own settings (the windows of a
convolution together, as its layers do it), for as many images as it manages in the time; ours maps
the network and answers all 10,000, set-up included. The error is that of its column currents, of
the largest of the tile; at a tolerance of 1e-6 in place of 1e-3 it has to come to ours. One thread
of BLAS and of the solver for both, and processor time, so that other jobs do not count."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

for name in ("SPICESNN_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402 (after the number of threads)

import spicesnn as sn  # noqa: E402
from spicesnn.datasets import mnist  # noqa: E402
from spicesnn.networks import evaluate  # noqa: E402

MOST_IMAGES = 500
"""More than this are not shown to CrossSim."""

WIRES = sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0)
CASES = {
    "linear": (
        sn.Hardware(device=sn.devices.VTEAM(r_on=10e3, r_off=1e6), wires=WIRES, tile=(128, 128)),
        (1000, 800, 400),
        200,
    ),
    "not linear": (
        sn.Hardware(device=sn.devices.Yakopcic(), wires=WIRES, tile=(128, 128)),
        (1000, 800, 400),
        4,
    ),
}


def workers(repeats: int) -> None:
    with sn.ClusterEngine(workers=1) as alone, sn.ClusterEngine(workers=2) as both:
        for name, (hardware, sizes, count) in CASES.items():
            rng = np.random.default_rng(0)
            layers = [(rng.normal(size=(a, b)), None) for a, b in pairwise(sizes)]
            network = sn.Network.from_arrays(layers, activation="relu")
            x = rng.random((count, sizes[0]))
            spent: tuple[list[float], list[float]] = ([], [])
            outputs = []
            for repeat in range(-1, repeats):
                for times, engine in zip(spent, (alone, both), strict=True):
                    begun = time.perf_counter()
                    chip = network.on(hardware, calibrate=x, seed=0, engine=engine)
                    outputs.append(chip.outputs(x))
                    if repeat >= 0:
                        times.append(time.perf_counter() - begun)
            same = all(np.array_equal(outputs[0], each) for each in outputs)
            tiles = sum(len(layer.blocks) for layer in chip.layers.values())
            one, two = (statistics.median(times) for times in spent)
            print(
                f"{name}: {tiles} tiles, one worker {one:.2f} s, two {two:.2f} s: {two / one:.2f} of"
                f" it; the same bits: {same}; load {os.getloadavg()[0]:.1f}",
                flush=True,
            )


def perceptron() -> sn.Network:
    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=shape), None) for shape in ((784, 100), (100, 10))]
    return sn.Network.from_arrays(layers, activation="relu")


def cross_sim(source: Path, seconds: float, path: Path | None) -> None:
    sys.path.insert(0, str(source))
    from simulator.backend import ComputeBackend
    from simulator.circuits.array import NoninterleavedInputSourceArray
    from simulator.parameters import CrossSimParameters

    ComputeBackend().__init__(False)  # their own way to choose NumPy

    def solver(tolerance: float) -> Any:
        told = CrossSimParameters()
        told.xbar.device.Rmin, told.xbar.device.Rmax = 1e4, 1e6
        wires = told.xbar.array.parasitics
        wires.enable, wires.Rp_row, wires.Rp_col = True, 1.0, 1.0
        told.simulation.Verr_th_mvm = tolerance
        return NoninterleavedInputSourceArray(told)

    def solved(their: Any, siemens: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Column currents (positions, cols): one product, or all windows of an image at once, as its
        own layers do."""
        if len(u) == 1:
            return np.asarray(their.iterative_solve(siemens, u[0]))[None]
        return np.asarray(their.iterative_solve(siemens, u.T[None])).reshape(-1, len(u)).T

    network = perceptron() if path is None else sn.Network.from_onnx(path)
    data = mnist.load()
    x = data.x_test.reshape(10_000, *network.input_shape) / 255.0
    hardware = sn.Hardware(
        device=sn.devices.VTEAM(r_on=10e3, r_off=1e6), wires=WIRES, tile=(128, 128)
    )
    network.on(hardware).outputs(x[:10])
    begun = time.process_time()
    chip = network.on(hardware)
    right = chip.accuracy(x, data.y_test)
    ours = (time.process_time() - begun) / len(x)
    sources = {name: network.inputs_of(name)[0] for name in chip.layers}
    tiles = []
    for name, values in evaluate.run(
        network, x[:MOST_IMAGES], chip.products(), keep=frozenset(sources.values())
    ).items():
        for layer in (chip.layers[each] for each, heard in sources.items() if heard == name):
            for group, rows in enumerate(layer.node.rows_of(values)):
                ((_, u),) = layer.applied(rows)
                u = (u / max(float(np.abs(u).max()), 1.0)).reshape(MOST_IMAGES, -1, u.shape[1])
                tiles += [  # their inputs lie within ±1
                    (1e4 * block.array.cell_conductance().T, block, layer, u[..., block.rows])
                    for block in layer.blocks
                    if block.group == group
                ]

    def errors(their: Any, image: int) -> float:
        worst = 0.0
        for siemens, block, layer, u in tiles:
            theirs = solved(their, siemens, u[image]) * hardware.read_volts / 1e4
            true = layer.column_amps(block, u[image], chip.engine)
            if np.any(true):
                worst = max(worst, float(np.abs(theirs - true).max() / np.abs(true).max()))
        return worst

    their, count, spent, worst = solver(1e-3), 0, 0.0, 0.0
    while spent < seconds and count < MOST_IMAGES:
        begun = time.process_time()
        for siemens, _, _, u in tiles:
            solved(their, siemens, u[count])
        spent += time.process_time() - begun
        if count < 3:
            worst = max(worst, errors(their, count))
        count += 1
    told = "" if path is None else f" ({100 * right:.2f} % right)"
    products = sum(u.shape[1] for *_, u in tiles)
    print(
        f"{len(tiles)} tiles, {products} products an image: CrossSim {count} images in {spent:.1f} s,"
        f" {1e3 * spent / count:.1f} ms an image, error {worst:.1e}; ours {1e3 * ours:.4f} ms over"
        f" {len(x)} images{told}: 1/{spent / count / ours:.0f} of it; load"
        f" {os.getloadavg()[0]:.1f}"
    )
    close = solver(1e-6)
    print(f"CrossSim at a tolerance of 1e-6: error {max(errors(close, k) for k in range(2)):.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cross-sim", type=Path, metavar="DIR")
    parser.add_argument(
        "--network",
        type=Path,
        metavar="FILE",
        help="with --cross-sim: an ONNX file, as scripts/lenet.py writes it",
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    if options.cross_sim is None:
        workers(options.repeats)
    elif not (options.cross_sim / "simulator").is_dir():
        parser.error(f"{options.cross_sim} has no folder simulator: expected CrossSim's source")
    else:
        cross_sim(options.cross_sim, options.seconds, options.network)


if __name__ == "__main__":
    main()
