"""Both twins of every device under random pulses: how far states and currents are apart, and how many of ngspice's time points were accepted.

    python scripts/twins.py [vteam yakopcic …] [--pulses 200] [--seed 0]

Prints one line a device; the exit code is 1 if one of them differs by more than 1e-3 (of a state's range, of the largest current), or has
more than one in ten time points rejected. All of them at 200 pulses take about ten minutes.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from spicesnn.devices import registry
from spicesnn.validation.twins import TwinCheck, check_twins

HEAD = f"{'device':20s} {'state after':>11s} {'on the way':>10s} {'current':>8s} {'moved':>6s} {'points':>6s} {'accepted':>8s} {'worst':>6s}"


def line(found: TwinCheck) -> str:
    """Return a row of the table."""
    numbers = f"{found.end_error:11.1e} {found.path_error:10.1e} {found.current_error:8.1e} {found.moved:6.2f} {found.accepted / found.pulses:6.0f}"
    return f"{found.name:20s} {numbers} {found.ratio:8.3f} {found.worst_ratio:6.3f}{'' if found.ok else '  NOT OK'}"


def main(names: list[str], pulses: int, seed: int) -> list[TwinCheck]:
    """Check the devices of these names, all with a memory if there are none, and print the table."""
    memory = [name for name in registry.names() if registry.device_class(name).memory]
    print(HEAD)
    results = []
    for name in names or memory:
        results.append(check_twins(name, np.random.default_rng(seed), pulses=pulses))
        print(line(results[-1]), flush=True)
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--pulses", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sys.exit(0 if all(found.ok for found in main(given.names, given.pulses, given.seed)) else 1)
