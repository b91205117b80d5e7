#!/usr/bin/env python3
"""A LeNet-5-like network: trained by PyTorch on MNIST, through ONNX onto crossbar tiles, the whole
test set answered.

    python scripts/lenet.py --train runs/lenet.onnx      learns it (needs the extra torch; a few minutes) and writes the ONNX file
    python scripts/lenet.py runs/lenet.onnx              maps it: 128×128 tiles, 1 Ω a segment, 64 states, 8-bit ADC (no PyTorch needed)

Ranges of the converters come from training images; the test images are answered once. --images
takes fewer of them."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import spicesnn as sn
from spicesnn.datasets import mnist

if TYPE_CHECKING:
    from torch.nn import Module


def images() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    data = mnist.load()
    return (
        data.x_train[:, None] / 255.0,
        data.y_train.astype(np.int64),
        data.x_test[:, None] / 255.0,
        data.y_test.astype(np.int64),
    )


def learn(module: Module, path: Path, epochs: int, *, called: str, shift: int = 0) -> None:
    """Train a PyTorch module on MNIST, images moved by up to `shift` pixels, and write it as ONNX."""
    import torch
    from torch import nn

    x, y, x_test, y_test = (
        torch.tensor(part, dtype=torch.float32 if part.ndim > 1 else torch.int64)
        for part in images()
    )
    optimiser = torch.optim.Adam(module.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for epoch in range(epochs):
        begun = time.perf_counter()
        module.train()
        for some in torch.randperm(len(x)).split(128):
            optimiser.zero_grad()
            shown = x[some]
            if shift:
                moved = torch.randint(-shift, shift + 1, (2,)).tolist()
                shown = torch.roll(shown, moved, (2, 3))
            nn.functional.cross_entropy(module(shown), y[some]).backward()
            optimiser.step()
        schedule.step()
        print(f"epoch {epoch + 1} of {epochs}, {time.perf_counter() - begun:.0f} s", flush=True)
    module.eval()
    with torch.no_grad():
        right = torch.cat([module(part).argmax(1) for part in x_test.split(1000)]) == y_test
    print(f"{called}: {100 * right.double().mean():.2f} % of {len(y_test)} test images")
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        module,
        (x[:1],),
        str(path),
        dynamo=False,
        dynamic_axes={"x": {0: "n"}},
        input_names=["x"],
        output_names=["y"],
    )


def train(path: Path, epochs: int, seed: int) -> None:
    import torch
    from torch import nn

    torch.manual_seed(seed)
    module = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )
    learn(module, path, epochs, called="software")


def hardware(**changes: object) -> sn.Hardware:
    plain = sn.Hardware(
        device=sn.devices.VTEAM(r_on=10e3, r_off=1e6),
        wires=sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0),
        tile=(128, 128),
        bits_per_cell=6,
        dac=sn.DAC(bits=8),
        adc=sn.ADC(bits=8),
    )
    return plain.with_changes(**changes)


def on_arrays(path: Path, count: int) -> None:
    x, _, x_test, y_test = images()
    x_test, y_test = x_test[: count or None], y_test[: count or None]
    network = sn.Network.from_onnx(path)
    ideal = network.accuracy(x_test, y_test)
    print(f"ideal arrays: {100 * ideal:.2f} % of {len(y_test)} test images")
    calibration = x[:: len(x) // 500]
    cases: dict[str, dict[str, object]] = {
        "no converters": {"adc": None, "dac": None, "bits_per_cell": None},
        "64 states, 8-bit ADC": {},
        "the same, wire-aware": {"wire_aware": True, "fill": 0.85},
    }
    for name, changes in cases.items():
        begun = time.perf_counter()
        chip = network.on(hardware(**changes), calibrate=calibration, seed=0)
        made = time.perf_counter() - begun
        begun = time.perf_counter()
        accuracy = chip.accuracy(x_test, y_test)
        spent = time.perf_counter() - begun
        tiles = sum(len(layer.blocks) for layer in chip.layers.values())
        cost = chip.cost()
        print(
            f"{name}: {100 * accuracy:.2f} %, {tiles} tiles mapped in {made:.2f} s, {len(y_test)}"
            f" images in {spent:.1f} s; {1e9 * cost.energy_joule:.1f} nJ,"
            f" {1e6 * cost.latency_s:.1f} µs, {1e6 * cost.area_m2:.3f} mm²",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=0)
    options = parser.parse_args()
    if options.train:
        train(options.path, options.epochs, options.seed)
    else:
        on_arrays(options.path, options.images)


if __name__ == "__main__":
    main()
