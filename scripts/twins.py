"""Both twins of every device: their IV curves, and random pulses, with how many of ngspice's time
points were accepted.

    python scripts/twins.py [vteam yakopcic …] [--pulses 200] [--seed 0]

Prints one line a device: the IV curve's error (of the peak); the state after a pulse and on the
way, of its range; the current during pulses, of the largest; the largest movement; time points a
pulse; the share of them that was accepted, of all pulses and of the worst. The exit code is 1 if an
error is above 1e-3 or a device's share below 0.9. All of them at 200 pulses take some ten minutes.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from spicesnn.devices import registry
from spicesnn.engines.ngspice.engine import NgspiceEngine
from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.validation.case import Engines
from spicesnn.validation.twins import TOLERANCE, TwinCheck, check_twins, iv_error

HEAD = "device                     IV state after on the way  current  moved points accepted  worst"


def line(found: TwinCheck, curve: float) -> str:
    """Return a row of the table."""
    numbers = (
        f"{found.end_error:11.1e} {found.path_error:10.1e} {found.current_error:8.1e}"
        f" {found.moved:6.2f} {found.accepted / found.pulses:6.0f}"
    )
    return (
        f"{found.name:20s} {curve:8.1e} {numbers} {found.ratio:8.3f}"
        f" {found.worst_ratio:6.3f}{'' if right(found, curve) else '  NOT OK'}"
    )


def right(found: TwinCheck, curve: float) -> bool:
    """Return whether a device is the same in both twins."""
    return found.ok and curve <= TOLERANCE


def main(names: list[str], pulses: int, seed: int) -> bool:
    """Check the devices of these names, all with a memory if there are none, print the table and
    return whether all are right."""
    memory = [name for name in registry.names() if registry.device_class(name).memory]
    print(HEAD)
    results = []
    with NgspiceEngine() as ngspice, NodalEngine() as nodal:
        for name in names or memory:
            found = (
                check_twins(name, np.random.default_rng(seed), pulses=pulses),
                iv_error(name, Engines(ngspice=ngspice, nodal=nodal)),
            )
            print(line(*found), flush=True)
            results.append(right(*found))
    return all(results)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*")
    parser.add_argument("--pulses", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sys.exit(0 if main(given.names, given.pulses, given.seed) else 1)
