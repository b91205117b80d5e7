"""The arrays of `bench_solver` and the methods that solve them, each from conductances to column
currents.

python scripts/solver_methods.py     # the effective conductance by the engine's choice and by block elimination, processor seconds
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial

import numpy as np
import scipy.sparse as sp
from scipy.linalg import lapack
from scipy.sparse.linalg import splu

import spicesnn as sn
from spicesnn.engines.nodal.direct import Graph
from spicesnn.engines.nodal.network import Operator

KINDS = {"easy": (1.0, 1e4, 1e6), "hard": (10.0, 1e3, 1e5)}
ENGINE = sn.NodalEngine()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One array and one input."""

    rows: int
    cols: int
    kind: str
    siemens: np.ndarray = field(repr=False)
    volts: np.ndarray = field(repr=False)

    @classmethod
    def of(cls, rows: int, cols: int, kind: str) -> Case:
        rng = np.random.default_rng([rows, cols, kind == "hard"])
        _, low, high = KINDS[kind]
        ohm = np.exp(rng.uniform(np.log(low), np.log(high), (rows, cols)))
        return cls(rows=rows, cols=cols, kind=kind, siemens=1 / ohm, volts=rng.uniform(0, 1, rows))

    @property
    def wires(self) -> sn.Wires:
        """A new object at every call."""
        ohm = KINDS[self.kind][0]
        return sn.Wires(word_line_ohm=ohm, bit_line_ohm=ohm)

    @property
    def array(self) -> sn.Crossbar:
        """A new object at every call, and so are its wires."""
        return sn.Crossbar(conductance=self.siemens, wires=self.wires)

    @property
    def operator(self) -> Operator:
        free = np.zeros(self.rows, dtype=bool), np.zeros(self.cols, dtype=bool)
        return Operator(
            wires=self.wires,
            cell_siemens=self.siemens,
            floating_rows=free[0],
            floating_columns=free[1],
        )

    @property
    def name(self) -> str:
        return f"{self.rows}×{self.cols} {self.kind}"


def solve_nodal(case: Case) -> np.ndarray:
    """Build wires and array, set it up and solve."""
    return ENGINE.read(case.array, case.volts).column_amps


_wires: dict[str, sn.Wires] = {}


def solve_same_wires(case: Case) -> np.ndarray:
    """Build an array on wires that have been read through before, set it up and solve."""
    wires = _wires.setdefault(case.kind, case.wires)
    return ENGINE.read(sn.Crossbar(conductance=case.siemens, wires=wires), case.volts).column_amps


_reused: dict[str, sn.Crossbar] = {}


def solve_reused(case: Case) -> np.ndarray:
    """Solve an array that has been read before."""
    if case.name not in _reused:
        _reused.clear()
        _reused[case.name] = case.array
    return ENGINE.read(_reused[case.name], case.volts).column_amps


def solve_superlu(case: Case, refine: int = 0) -> np.ndarray:
    """Assemble, factor (minimum degree on A + Aᵀ, symmetric mode) and solve; `refine` steps of
    iterative refinement."""
    graph, cells = Graph.wires_of(case.operator), case.siemens.size
    tail = np.concatenate([graph.tail, np.arange(cells)])
    head = np.concatenate([graph.head, cells + np.arange(cells)])
    siemens = np.concatenate([1 / graph.ohm, case.siemens.ravel()])
    volts = np.zeros(graph.nodes)
    volts[2 * cells : 2 * cells + case.rows] = case.volts
    diagonal = np.bincount(tail, siemens, graph.nodes) + np.bincount(head, siemens, graph.nodes)
    ends = (np.concatenate([tail, head]), np.concatenate([head, tail]))
    matrix = (
        sp.diags_array(diagonal)
        - sp.coo_array((np.tile(siemens, 2), ends), shape=(graph.nodes, graph.nodes))
    ).tocsc()
    factor = splu(
        matrix[: 2 * cells, : 2 * cells],
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    for _ in range(1 + refine):
        volts[: 2 * cells] -= factor.solve((matrix @ volts)[: 2 * cells])
    word, bit = volts[: 2 * cells].reshape(2, case.rows, case.cols)
    return np.asarray((case.siemens * (word - bit)).sum(axis=0))


def solve_badcrossbar(case: Case) -> np.ndarray:
    import badcrossbar

    logging.disable(logging.INFO)
    solution = badcrossbar.compute(
        case.volts[:, None], 1 / case.siemens, r_i=KINDS[case.kind][0], all_currents=False
    )
    return np.asarray(solution.currents.output)[0]


@cache
def ngspice_engine(*init: str) -> sn.NgspiceEngine:
    """Start ngspice once."""
    return sn.NgspiceEngine(init=init)


@cache
def ngspice_solvers() -> dict[str, tuple[str, ...]]:
    """Name the linear solvers of the ngspice that is found, and what it has to be told to use
    each."""
    if shutil.which("ngspice") is None:
        return {}
    library = ngspice_engine().library()
    sparse = {f"ngspice {library.version}, Sparse 1.3": ("option sparse",) if library.klu else ()}
    return ({f"ngspice {library.version}, KLU": ()} if library.klu else {}) | sparse


def _in_ngspice(init: tuple[str, ...], case: Case) -> np.ndarray:
    """Load the array into ngspice and solve."""
    return ngspice_engine(*init).read(case.array, case.volts).column_amps


SOLVERS: dict[str, Callable[[Case], np.ndarray]] = {
    "nodal": solve_nodal,
    "nodal, same wires": solve_same_wires,
    "nodal, reused": solve_reused,
    "superlu": solve_superlu,
    "badcrossbar": solve_badcrossbar,
    **{name: partial(_in_ngspice, init) for name, init in ngspice_solvers().items()},
}


def effective_by_solving(case: Case) -> np.ndarray:
    """Return the effective conductance as the engine computes it: by adjoint solves for these
    shapes."""
    return ENGINE.effective_conductance(case.array)


def effective_by_blocks(case: Case) -> np.ndarray:
    """Return the effective conductance by block-tridiagonal elimination, a dense block a row: the
    peer of adjoint solves.

    Seen from its bit-line nodes everything above and in row i is ``A_i = G_i − G_i·T⁻¹·G_i + s −
    s²·(s + A_{i-1})⁻¹`` (T the word line, s a segment). What is injected at row i reaches the next
    by ``P_i = s·(s + A_i)⁻¹``, and a driver injects ``G_i·T⁻¹·s·V_i``."""
    s, (rows, cols) = 1 / KINDS[case.kind][0], case.siemens.shape
    eye, off, carried = np.eye(cols), np.full(cols - 1, -s), np.zeros((rows, cols, cols))
    injected, above = np.empty((rows, cols)), np.zeros((cols, cols))
    for i, cells in enumerate(case.siemens):
        diagonal = cells + 2 * s
        diagonal[-1] -= s
        word = lapack.dptsv(
            diagonal, off.copy(), np.concatenate([np.diag(cells), eye[:, :1]], axis=1)
        )[2]
        injected[i] = cells * word[:, cols] * s
        admittance = np.diag(cells + s) - cells[:, None] * word[:, :cols] + above
        inverse = lapack.dpotri(lapack.dpotrf(admittance, lower=1)[0], lower=1)[0]
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        carried[i], above = s * inverse, s * eye - s * s * inverse
    onward = eye
    effective = np.empty((rows, cols))
    for i in range(rows - 1, -1, -1):
        onward = onward @ carried[i]
        effective[i] = onward @ injected[i]
    return effective


def main() -> None:
    """Compare both ways to the effective conductance."""
    for rows, cols in ((64, 64), (256, 256), (784, 100), (784, 400)):
        case = Case.of(rows, cols, "easy")
        effective_by_solving(Case.of(8, 8, "easy"))
        spent, found = [], []
        for method in (effective_by_solving, effective_by_blocks):
            begin = time.process_time()
            found.append(method(case))
            spent.append(time.process_time() - begin)
        apart = np.abs(found[0] - found[1]).max() / np.abs(found[1]).max()
        print(
            f"{rows}×{cols}: engine (adjoint solves) {spent[0]:.3f} s, block elimination"
            f" {spent[1]:.3f} s; apart by {apart:.1e} of the largest"
        )


if __name__ == "__main__":
    main()
