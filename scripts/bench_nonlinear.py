"""One read of nonlinear cells, I = G·sinh(5V)/5 at 1 V, against the linear read of the same
conductances: interleaved, medians.

    [SPICESNN_THREADS=1] python scripts/bench_nonlinear.py [--size 256] [--repeats 25]

The hard array of `bench_solver`, on all processors or one thread; cells are computed on one. Prints
processor and wall time of both, their ratio, and the residual of the nonlinear answer.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from solver_methods import Case

import spicesnn as sn
from spicesnn.devices.base import Device, parameter

BAR = 6.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Sinh(Device):
    """i = siemens·sinh(5v)/5, without memory."""

    name: ClassVar[str] = "sinh"
    reference: ClassVar[str] = "none: the cell of this bench"
    model: ClassVar[str] = ""
    linear: ClassVar[bool] = False
    memory: ClassVar[bool] = False
    siemens: float = parameter(1e-4, "S", "conductance at 0 V", above=0.0)

    def rate(self, v: Any, x: Any, gate: Any = None) -> Any:
        """Return 0: there is no state that moves."""
        return 0 * np.asarray(v) + 0 * np.asarray(x)

    def bounds(self) -> tuple[float, float]:
        """Return the range of the state that nothing depends on."""
        return 0.0, 1.0

    def initial_state(self) -> float:
        """Return the middle of that."""
        return 0.5

    def current(self, v: Any, x: Any, gate: Any = None) -> Any:
        """Return the current, ampere."""
        return self.current_and_conductance(v, x)[0]

    def conductance(self, v: Any, x: Any, gate: Any = None) -> Any:
        """Return dI/dV, siemens."""
        return self.current_and_conductance(v, x)[1]

    def current_and_conductance(self, v: Any, x: Any, gate: Any = None) -> Any:
        """Return both from one exponential, exact about 0 V."""
        more = np.expm1(5 * np.asarray(v))
        back = more / (more + 1)
        return self.siemens * (more + back) / 10, self.siemens * (1 + more * back / 2)


def main(size: int, repeats: int) -> float:
    """Print the times; return the ratio of the wall times."""
    case, engine, volts = Case.of(size, size, "hard"), sn.NodalEngine(), np.ones(size)
    linear = sn.Crossbar(conductance=case.siemens, wires=case.wires)
    cells = sn.Crossbar(device=Sinh(siemens=case.siemens), shape=(size, size), wires=case.wires)
    arrays = {
        "linear": lambda: sn.Crossbar(conductance=case.siemens, wires=case.wires),
        "sinh": lambda: sn.Crossbar(device=cells.device, state=cells.state, wires=case.wires),
    }
    engine.read(linear, volts)
    read = engine.read(cells, volts)
    wall: dict[str, list[float]] = {name: [] for name in arrays}
    cpu: dict[str, list[float]] = {name: [] for name in arrays}
    for _ in range(repeats):
        for name, fresh in arrays.items():
            used, begin = time.process_time(), time.perf_counter()
            engine.read(fresh(), volts)
            wall[name].append(time.perf_counter() - begin)
            cpu[name].append(time.process_time() - used)
    for name in arrays:
        print(
            f"{name:8} {1e3 * np.median(wall[name]):8.2f} ms wall {1e3 * np.median(cpu[name]):8.2f}"
            " ms of processors"
        )
    ratio, used_ratio = (float(np.median(t["sinh"]) / np.median(t["linear"])) for t in (wall, cpu))
    share = read.residual_amps / np.abs(read.column_amps).max()
    print(
        f"ratio {ratio:.2f} wall, {used_ratio:.2f} processors; at most {BAR:g}:"
        f" {'ok' if ratio <= BAR else 'missed'}"
    )
    print(f"residual of the nonlinear answer: {share:.1e} of the largest current")
    return ratio


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=25)
    main(**vars(parser.parse_args()))
