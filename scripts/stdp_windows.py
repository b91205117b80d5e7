"""The STDP window of several devices by overlapping spikes, measured in an array on either engine.

python scripts/stdp_windows.py [--devices vteam yakopcic …] [--engine nodal|ngspice] [--size 3]
"""

from __future__ import annotations

import argparse

from spicesnn.devices import registry
from spicesnn.learning.stdp_window import STDPWindow, stdp_window
from spicesnn.training import make_engine
from spicesnn.units import render

DEVICES = ["vteam", "yakopcic", "pershin-di-ventra", "pai-yu-chen", "stanford"]


def main(devices: list[str], engine: str, size: int) -> dict[str, STDPWindow]:
    """Return the window of each device."""
    found = {}
    with make_engine(engine) as solver:
        for name in devices:
            window = stdp_window(registry.make(name), solver, size=size)
            found[name] = window
            taus = f"tau+ {render(window.tau_plus_s, 's')}  tau- {render(window.tau_minus_s, 's')}"
            disturbed = f"neighbours at most {window.neighbour_dw.max():.1e}"
            print(
                f"{name:18} A+ {window.a_plus:.3%}  A- {window.a_minus:.3%}  {taus}  {disturbed}",
                flush=True,
            )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", nargs="+", default=DEVICES)
    parser.add_argument("--engine", default="nodal")
    parser.add_argument("--size", type=int, default=3)
    main(**vars(parser.parse_args()))
