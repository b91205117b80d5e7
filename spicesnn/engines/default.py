"""The engine that arrays use when none is named, and what is built on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats, span
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Pulse, Waveform
from spicesnn.engines.base import Engine
from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.engines.results import PulseResult, Read
from spicesnn.errors import InputError, UnknownNameError, WrongTypeError
from spicesnn.guesses import UnknownArgumentError, answer, hinted, told
from spicesnn.nonidealities.realised import Imperfections


@cache
def default_engine() -> NodalEngine:
    """Return the nodal engine with its default accuracy."""
    return NodalEngine()


@contextmanager
def engine_given(engine: Engine | str | None, init: Sequence[str] = ()) -> Iterator[Engine]:
    """Yield an engine, or the one of a name; what was started for a name is stopped at the end.

    Parameters
    ----------
    engine : Engine | str, optional
    init : sequence of str
        What an ngspice that is started is told before any deck.

    Raises
    ------
    UnknownNameError
        No engine of that name.
    """
    if engine is None or engine == "nodal":
        yield default_engine()
    elif engine == "ngspice":
        from spicesnn.engines.ngspice.engine import NgspiceEngine

        with NgspiceEngine(init=init) as started:
            yield started
    elif isinstance(engine, Engine):
        yield engine
    else:
        raise UnknownNameError(
            f"engine is {engine!r:.60}; expected 'nodal', 'ngspice', or an engine such as"
            " spicesnn.NodalEngine()"
        )


_VOLTS = dict.fromkeys(
    ("applied_voltages", "volts", "v", "V", "v_in", "inputs", "input", "x", "vector", "v_read"),
    "row_volts=…",
)
_LINES = ("column_volts", "gate_volts", "floating_rows", "floating_columns", "voltages")


def read(
    array: Crossbar, row_volts: ArrayLike | None, engine: Engine | str | None = None, **lines: Any
) -> Read:
    """Read an array; see `Engine.read`."""
    if unknown := [name for name in lines if name not in _LINES]:
        use = answer(unknown[0], _VOLTS, ()) or (
            f"; besides row_volts and engine it takes {', '.join(_LINES)}"
        )
        raise UnknownArgumentError(f"array.read has no argument {unknown[0]!r}{use}")
    if row_volts is None:
        raise InputError(
            "array.read: row_volts is missing; expected volts, (rows,) or (batch, rows)"
        )
    if engine is None:
        return default_engine().read(array, row_volts, **lines)
    with engine_given(engine) as solver:
        return solver.read(array, row_volts, **lines)


def effective_conductance(array: Crossbar) -> Floats:
    """Return the matrix an array computes with; see `NodalEngine.effective_conductance`."""
    return default_engine().effective_conductance(array)


def pulse(
    array: Crossbar,
    given: Pulse | Waveform | None = None,
    engine: Engine | str | None = None,
    **parts: Any,
) -> PulseResult:
    """Apply a pulse, or the one that `parts` describe, to an array; see `Engine.pulse`."""
    if given is not None and parts:
        raise InputError(
            "array.pulse: give a Pulse, or its parts such as row_volts=…; got both"
            f" ({', '.join(sorted(parts))})"
        )
    if given is None:
        if "row_volts" not in parts and "column_volts" in parts:
            parts = {"row_volts": 0.0, **parts}
        try:
            given = Pulse(**parts)
        except TypeError as error:
            raise InputError(
                f"array.pulse: {error}; expected the parts of a Pulse: row_volts, column_volts,"
                " width_s, rise_s, …"
            ) from None
    elif not isinstance(given, Pulse | Waveform):
        raise WrongTypeError(
            f"array.pulse: got {given!r:.60}; expected a Pulse, or its parts by name, such as"
            " row_volts=1.0, width_s=1e-6"
        )
    with engine_given(engine) as solver:
        return solver.pulse(array, given)


_DRAWS = {
    "plot": "column_amps (draws, cols), as in matplotlib.pyplot.hist(draws.column_amps)",
    **dict.fromkeys(("currents", "amps", "samples", "outputs"), "column_amps"),
    **dict.fromkeys(("sigma", "spread", "error"), "std"),
    "average": "mean",
    **dict.fromkeys(("siemens", "G", "conductances"), "conductance"),
    "to_pandas": "column_amps, an array: pandas.DataFrame(draws.column_amps)",
}


@hinted(_DRAWS)
@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Draws:
    """Reads of arrays that were drawn one after the other.

    Attributes
    ----------
    column_amps : (draws, cols) or (draws, batch, cols)
    conductance : (draws, rows, cols)
        dI/dV at 0 V of every cell as it was read, siemens; wires left out.
    """

    column_amps: Floats
    conductance: Floats

    @property
    def mean(self) -> Floats:
        """Mean of the column currents over the draws, (cols,) or (batch, cols)."""
        return np.asarray(self.column_amps.mean(axis=0))

    @property
    def std(self) -> Floats:
        """Their standard deviation (of the sample, divided by draws − 1)."""
        return np.asarray(self.column_amps.std(axis=0, ddof=1))

    def __len__(self) -> int:
        return int(self.column_amps.shape[0])

    def __iter__(self) -> Iterator[Floats]:
        return iter(self.column_amps)

    def __repr__(self) -> str:
        rows, cols = self.conductance.shape[1:]
        return f"<Draws: {len(self)} arrays {rows}×{cols}, currents {span(self.column_amps, 'A')}>"


_DRAWN = {
    **dict.fromkeys(("n", "runs", "samples", "trials", "n_draws", "count", "size"), "draws=…"),
    **dict.fromkeys(
        ("noise", "read_noise", "spread", "sigma", "std", "variability", "stuck", "variation"),
        "imperfections=sn.Imperfections(…)",
    ),
    "random_state": "seed=…",
    "rng": "seed=…",
}


@told({}, by_place="draws=…, seed=… and engine=… by name")
def monte_carlo(
    array: Crossbar,
    row_volts: ArrayLike,
    imperfections: Imperfections | None = None,
    *,
    draws: int = 100,
    seed: int = 0,
    engine: Engine | str | None = None,
    **lines: Any,
) -> Draws:
    """Fabricate an array again and again, each with its own variation and stuck cells, and read
    each once with its noise.

    Parameters
    ----------
    array : Crossbar
        As it is meant to be.
    row_volts : (rows,) or (batch, rows)
    draws : int
        How many arrays, 2 or more.
    imperfections : Imperfections
    seed : int
        Of all draws; draw k is the same however many there are.
    engine : Engine or str, optional
        The nodal engine unless given.
    lines
        Other arguments of `Engine.read`, such as ``gate_volts``.

    Raises
    ------
    InputError
        Fewer than two draws, or imperfections that the array cannot have.
    """
    for name in lines:
        if name not in _LINES:
            taken = ("draws", "seed", "engine", *_LINES)
            raise UnknownArgumentError(
                f"monte_carlo has no argument {name!r}{answer(name, _DRAWN, taken)}"
            )
    if not isinstance(draws, int | np.integer) or isinstance(draws, bool) or draws < 2:
        raise InputError(f"monte_carlo: draws = {draws!r}; expected a whole number, 2 or more")
    if not isinstance(imperfections, Imperfections):
        raise InputError(
            f"monte_carlo: imperfections is {imperfections!r:.60}; expected a"
            " spicesnn.Imperfections"
        )
    amps, siemens = [], []
    with engine_given(engine) as solver:
        for k in range(int(draws)):
            rng = np.random.default_rng((seed, k))
            drawn = imperfections.before_read(imperfections.fabricated(array, rng), rng)
            amps.append(read(drawn, row_volts, solver, **lines).column_amps)
            gates = lines.get("gate_volts")
            siemens.append(
                drawn.cell_conductance(None if gates is None else np.atleast_2d(gates)[0])
            )
    return Draws(column_amps=np.stack(amps), conductance=np.stack(siemens))
