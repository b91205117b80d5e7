#!/usr/bin/env python3
"""A trained network, mapped onto tiles whose wires spoil it, and trained on through these wires.

    python scripts/fine_tuning.py             three seeds, some minutes each; no PyTorch needed

A perceptron (784 inputs, one hidden layer, 10 outputs, ReLU, no biases) learns MNIST in NumPy and is
mapped onto tiles of 256 word lines and up to 256 bit lines, several ohms a segment: IR drop costs
much of its accuracy. Then training goes on, forward through the solved tiles, and backward

- exactly: `product(…).backward`, the derivative of the solved circuits, or
- as if the wires were ideal: the transposed weights, as simulators do that have no other.

Both begin alike, see the same images and take the same number of steps (Adam); at the end, and only
then, the mapped networks answer the 10,000 test images."""

from __future__ import annotations

import argparse
import time
from itertools import pairwise

import numpy as np

import spicesnn as sn
from spicesnn.datasets import mnist
from spicesnn.learning.gradients import Adam, softmax
from spicesnn.networks.differentiable import product

Weights = list[np.ndarray]


def learnt_in_software(x: np.ndarray, y: np.ndarray, hidden: int, seed: int) -> Weights:
    """Train without any circuit: 8 epochs of batches of 100."""
    rng = np.random.default_rng(seed)
    sizes = (x.shape[1], hidden, 10)
    weights = [rng.normal(size=(a, b)) * np.sqrt(2 / a) for a, b in pairwise(sizes)]
    optimiser = [Optimiser(w, 1e-3) for w in weights]
    for _ in range(8):
        for some in rng.permutation(len(x)).reshape(-1, 100):
            slopes = slopes_of(weights, x[some], y[some], None, exact=False)
            weights = [o.step(w, s) for o, w, s in zip(optimiser, weights, slopes, strict=True)]
    return weights


class Optimiser:
    """Adam (Kingma and Ba, ICLR 2015) on one matrix."""

    def __init__(self, like: np.ndarray, rate: float) -> None:
        self.rate, self.adam, self.count = rate, Adam(), 0
        self.first, self.second = np.zeros_like(like), np.zeros_like(like)

    def step(self, weights: np.ndarray, slope: np.ndarray, share: float = 1.0) -> np.ndarray:
        self.count += 1
        return weights - self.adam.step(
            slope, self.first, self.second, count=self.count, rate=share * self.rate
        )


def slopes_of(
    weights: Weights, x: np.ndarray, y: np.ndarray, hardware: sn.Hardware | None, *, exact: bool
) -> Weights:
    """Derivatives of the cross-entropy in the weights: forward through the tiles of `hardware` (or
    ideal products), backward exactly or ideally."""
    products, seen = [], [x]
    for k, w in enumerate(weights):
        if hardware is None:
            z = seen[-1] @ w
        else:  # weights and inputs as fractions of the largest, as a chip holds and sees them
            largest, full = np.abs(w).max(), max(float(seen[-1].max()), 1e-12)
            made = product(w / largest, seen[-1] / full, hardware)
            products.append((made, largest, full))
            z = made.values * largest * full
        seen.append(np.maximum(z, 0) if k + 1 < len(weights) else z)
    delta = softmax(seen[-1])
    delta[np.arange(len(y)), y] -= 1
    delta /= len(y)
    found: Weights = []
    for k in range(len(weights) - 1, -1, -1):
        if exact:
            made, largest, full = products[k]
            slope, before = made.backward(delta)
            slope, before = slope * full, before * largest
        else:
            slope, before = seen[k].T @ delta, delta @ weights[k].T
        found.append(slope)
        delta = before * (seen[k] > 0)
    return found[::-1]


def accuracy(weights: Weights, hardware: sn.Hardware | None, x: np.ndarray, y: np.ndarray) -> float:
    network = sn.Network.from_arrays([(w, None) for w in weights], activation="relu")
    asked = network if hardware is None else network.on(hardware)
    return 100 * asked.accuracy(x, y)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ohm", type=float, default=5.0)
    parser.add_argument("--r-on", type=float, default=5e3)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--batch", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument(
        "--backward", nargs="+", choices=("exact", "ideal"), default=["exact", "ideal"]
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    for seed in options.seeds:
        regain(options, seed)


def regain(options: argparse.Namespace, seed: int) -> None:
    """Learn in software, map, learn on through the wires, and say how much of the loss came back."""
    data = mnist.load()
    x, x_test = (part.reshape(len(part), -1) / 255.0 for part in (data.x_train, data.x_test))
    y, y_test = data.y_train.astype(np.int64), data.y_test.astype(np.int64)
    hardware = sn.Hardware(
        device=sn.devices.VTEAM(r_on=options.r_on, r_off=1e6),
        wires=sn.Wires(word_line_ohm=options.ohm, bit_line_ohm=options.ohm),
        tile=(256, 256),
    )
    trained = learnt_in_software(x, y, options.hidden, seed)
    software = accuracy(trained, None, x_test, y_test)
    mapped = accuracy(trained, hardware, x_test, y_test)
    print(
        f"seed {seed}, software: {software:.2f} %, mapped with {options.ohm:g} Ω: {mapped:.2f} %",
        flush=True,
    )
    for name in options.backward:
        rng, begun = np.random.default_rng(seed), time.perf_counter()
        weights = trained
        optimisers = [Optimiser(w, options.rate) for w in weights]
        for k in range(options.steps):
            some = rng.choice(len(x), options.batch, replace=False)
            slopes = slopes_of(weights, x[some], y[some], hardware, exact=name == "exact")
            share = 1 - k / options.steps  # the steps shrink to nothing
            weights = [
                o.step(w, s, share) for o, w, s in zip(optimisers, weights, slopes, strict=True)
            ]
        spent = time.perf_counter() - begun
        now = accuracy(weights, hardware, x_test, y_test)
        regained = 100 * (now - mapped) / (software - mapped)
        print(
            f"seed {seed}, {name} backward, {options.steps} steps: {now:.2f} %, {regained:.0f} % of"
            f" the loss regained, {spent:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
