"""How many samples each small preset answers rightly after training with seed 1, and the letters
and words of which it has seen all or some.

python scripts/small_presets.py [xpue digits-3x5 exsitu-xor letters-3x3 letters-stdp manhattan-4x4]
[--engine nodal|ngspice]"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from spicesnn.training import RunDirectory, load, make_engine, train

PRESETS = ["xpue", "digits-3x5", "exsitu-xor", "letters-3x3", "letters-stdp", "manhattan-4x4"]


def main(presets: list[str], engine: str) -> dict[str, tuple[int, int]]:
    """Print and return the right answers and the samples of each preset."""
    found = {}
    with make_engine(engine) as solver, tempfile.TemporaryDirectory() as folder:
        for preset in presets:
            summary = train(load(preset), engine=solver, out=Path(folder) / preset, rng_seed=1)
            predicted = RunDirectory.existing(summary.run).history()["predicted"]
            found[preset] = int(np.rint(summary.test_accuracy * len(predicted))), len(predicted)
            print(f"{preset}: {found[preset][0]} of {found[preset][1]}, {engine}", flush=True)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("presets", nargs="*", default=PRESETS, metavar="PRESET")
    parser.add_argument("--engine", default="nodal")
    main(**vars(parser.parse_args()))
