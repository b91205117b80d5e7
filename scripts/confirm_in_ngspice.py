"""A trained layer in ngspice: the currents of test images through all its tiles, and the network's
answers with them, on both engines.

    python scripts/confirm_in_ngspice.py RUN [--images 200] [--tile 16] [--layer 0] [--ohm 1.0]

RUN is the folder of a trained run of `stdp-mnist`, `bp-mnist` (on devices) or `deep-mnist`
(mapped). A layer's conductances are cut into tiles with wires; ngspice and the nodal engine read
every tile at the lines' mean volts and at one word line after the other. The effective conductances
that come out of the latter go into the network, which answers the images twice, with the same input
spikes."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.errors import ConfigError
from spicesnn.training import RunDirectory, make_engine
from spicesnn.training.streamed import StreamConfig
from spicesnn.validation.layers import largest_difference, solve_layer


def main(run: Path, images: int, tile: int, ohm: float, layer: int = 0) -> dict[str, Any]:
    """Print and return what differs between the engines."""
    directory = RunDirectory.existing(run)
    config = directory.config()
    if not isinstance(config, StreamConfig):
        raise ConfigError(
            f"{run} is a run of {config.preset}; this confirmation is for networks that learn from"
            " a stream of images"
        )
    arrays = {
        name.removeprefix("array_"): value
        for name, value in directory.checkpoint().items()
        if name.startswith("array_")
    }
    seen = config.images(directory.scale())
    subject, labels = config.confirmed_layer(arrays, seen, images, layer), seen.test_labels[:images]
    siemens = subject.siemens
    wires, tiling = Wires(word_line_ohm=ohm, bit_line_ohm=ohm), Tiling(rows=tile, cols=tile)
    solved, answers, seconds = {}, {}, {}
    for name in ("nodal", "ngspice"):
        begun = time.perf_counter()
        with make_engine(name) as engine:
            solved[name] = solve_layer(engine, siemens, wires, subject.row_volts, tiling)
        seconds[name] = time.perf_counter() - begun
        answers[name] = subject.answers(solved[name].siemens)
    found = {
        "run": str(run),
        "cells": siemens.shape,
        "tiles": tiling.count(siemens.shape),
        "images": len(labels),
        "current_difference": largest_difference(
            solved["nodal"].column_amps, solved["ngspice"].column_amps
        ),
        "conductance_difference": largest_difference(
            solved["nodal"].siemens, solved["ngspice"].siemens
        ),
        "answers_that_differ": int(np.sum(answers["nodal"] != answers["ngspice"])),
        "accuracy": {name: float(np.mean(answer == labels)) for name, answer in answers.items()},
        "seconds": seconds,
    }
    rows, cols = siemens.shape
    print(
        f"{rows}×{cols} cells in {found['tiles']} tiles of {tile}×{tile} with {ohm:g} Ω a segment,"
        f" {len(labels)} test images"
    )
    print(
        f"currents differ by {found['current_difference']:.1e}, effective conductances by"
        f" {found['conductance_difference']:.1e} (of the largest)"
    )
    print(
        f"answers that differ: {found['answers_that_differ']}; accuracy {found['accuracy']};"
        f" seconds {seconds}"
    )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--tile", type=int, default=16)
    parser.add_argument("--layer", type=int, default=0)
    parser.add_argument("--ohm", type=float, default=1.0)
    main(**vars(parser.parse_args()))
