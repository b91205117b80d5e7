#!/usr/bin/env python3
"""A convolutional spiking network on crossbars: trained by PyTorch on MNIST, converted to
integrate-and-fire neurons, through NIR, onto tiles.

    python scripts/spiking_cnn.py --train runs/cnn.onnx   learns the network with clipped activations (needs the extra torch; some minutes)
    python scripts/spiking_cnn.py runs/cnn.onnx           converts it, writes it as NIR, reads it back, and answers the whole test set
                                                          in software and on tiles (no PyTorch
                                                          needed)

Activations are learnt with as many levels as there are time steps, so that spike counts can stand
for them. Thresholds and the ranges of the converters come from training images; the test images are
answered once. --images takes fewer of them."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from lenet import hardware, images, learn

import spicesnn as sn

LEVELS = 16


def train(path: Path, epochs: int, seed: int) -> None:
    import torch
    from torch import nn

    class Levels(nn.Module):
        """A ReLU clipped at 1, in LEVELS steps that let gradients through."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.clamp(x, 0.0, 1.0)
            if not self.training:
                return y
            return y + (torch.clamp(torch.floor(x * LEVELS + 0.5) / LEVELS, 0.0, 1.0) - y).detach()

    torch.manual_seed(seed)
    module = nn.Sequential(
        nn.Conv2d(1, 12, 5, padding=2),
        Levels(),
        nn.AvgPool2d(2),
        nn.Conv2d(12, 32, 5),
        Levels(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(800, 100),
        Levels(),
        nn.Linear(100, 10),
    )
    learn(module, path, epochs, called="before conversion", shift=2)


def on_arrays(path: Path, count: int, on_tiles: int) -> None:
    x, _, x_test, y_test = images()
    x_test, y_test = x_test[: count or None], y_test[: count or None]
    calibration = x[:: len(x) // 500]
    network = sn.Network.from_onnx(path).to_spiking(calibration, steps=LEVELS)
    file = network.to_nir(path.with_suffix(".nir"))
    read = sn.Network.from_nir(file, steps=LEVELS)
    begun = time.perf_counter()
    decided = read.decided(read.outputs(x_test))
    spent = time.perf_counter() - begun
    print(
        f"spiking, in software, through NIR and back: {100 * read.scored(decided, y_test):.2f} % of"
        f" {len(y_test)} test images in {spent:.0f} s, {LEVELS} time steps",
        flush=True,
    )
    same = np.mean(network.decided(network.outputs(x_test[:500])) == decided[:500])
    print(
        f"as before NIR: {100 * same:.2f} % of the first {min(500, len(y_test))} answers",
        flush=True,
    )
    chip = read.on(hardware(), calibrate=calibration[::5], seed=0)
    counts = read.spike_counts(x_test[:500], products=chip.products())
    spikes = ", ".join(f"{name} {value:.0f}" for name, value in counts.items())
    print(f"spikes an image (of the first 500): {sum(counts.values()):.0f} ({spikes})", flush=True)
    x_test, y_test = x_test[: on_tiles or None], y_test[: on_tiles or None]
    begun = time.perf_counter()
    accuracy = chip.accuracy(x_test, y_test)
    spent = time.perf_counter() - begun
    cost = chip.cost()
    tiles = sum(len(layer.blocks) for layer in chip.layers.values())
    parts = cost.by_component()
    print(
        f"on {tiles} tiles: {100 * accuracy:.2f} % of {len(y_test)} test images in {spent:.0f} s;"
        f" {1e6 * cost.energy_joule:.3f} µJ an image (arrays"
        f" {1e6 * parts['arrays']['energy_joule']:.3f} µJ), {1e6 * cost.latency_s:.0f} µs",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=0)
    parser.add_argument(
        "--on-tiles", type=int, default=0, help="so many of them on the tiles; 0: all"
    )
    options = parser.parse_args()
    if options.train:
        train(options.path, options.epochs, options.seed)
    else:
        on_arrays(options.path, options.images, options.on_tiles)


if __name__ == "__main__":
    main()
