"""What the other engine says about a finished run: a few of its own test samples, solved again by
both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.wires import Wires
from spicesnn.errors import ConfigError, NgspiceMissingError, SpicesnnError, briefly
from spicesnn.paths import writable

if TYPE_CHECKING:
    from spicesnn.arrays import Floats
    from spicesnn.engines.ngspice.engine import NgspiceEngine
    from spicesnn.plotting.run_data import RunData

_SAMPLES = 4
_TILE = 32
"""A tile of so many lines each way takes ngspice a fraction of a second."""
_TOLERANCE = 1e-9
UNASKED_CELLS = 2500
"""Arrays of up to so many cells are checked whenever a run ends; it takes a second or two."""


_MOST_CELLS = 30_000
"""ngspice takes most of a minute for 16,000 cells and four samples, and many minutes for hundreds
of thousands."""


def small(data: RunData) -> bool:
    """Return whether a run is checked without being asked."""
    return not data.is_crossbar or _cells(data) <= UNASKED_CELLS


def _cells(data: RunData) -> int:
    return sum(layer.shape[0] * layer.shape[1] for layer in data.experiment.layers)


def check(data: RunData) -> dict[str, Any]:
    """Return what was compared, as ``text``, and ``rows`` of quantity, error, tolerance and whether
    it holds; no rows where nothing could be."""
    try:
        return _of_experiment(data) if data.is_crossbar else _of_tile(data)
    except NgspiceMissingError as error:
        return {"text": f"Not checked: {error}", "rows": []}
    except SpicesnnError as error:
        return {"text": f"The check failed: {briefly(error)}", "rows": []}


def _of_experiment(data: RunData) -> dict[str, Any]:
    from spicesnn.engines.nodal.engine import NodalEngine

    experiment = data.experiment
    if _cells(data) > _MOST_CELLS:
        text = (
            f"Not checked: {_cells(data):,} cells are too many for ngspice in a report (up to"
            f" {_MOST_CELLS:,})."
        )
        return {
            "text": (
                f"{text} spicesnn infer RUN --engine ngspice solves the test samples there, however"
                " long it takes."
            ),
            "rows": [],
        }
    devices = data.run.load_state().devices
    samples = experiment.problem.test.limited(_SAMPLES)
    with _ngspice(data) as ngspice, NodalEngine() as nodal:
        first, second = (experiment.answer(engine, devices, samples) for engine in (ngspice, nodal))
        solver = _named(ngspice.versions())
    same = int(np.sum(first.predicted == second.predicted))
    return {
        "text": (
            f"{len(samples)} test samples were solved by {solver} and by the nodal engine, with the"
            " trained array."
        ),
        "rows": [
            _currents("column currents, relative to the largest", first.amps, second.amps),
            {
                "quantity": "equal predictions",
                "error": f"{same} of {len(samples)}",
                "tolerance": "all",
                "ok": _yes(same == len(samples)),
            },
        ],
    }


def _of_tile(data: RunData) -> dict[str, Any]:
    """Compare a tile from the middle of the first layer: its currents for the mean line voltages of
    test images."""
    from spicesnn.engines.nodal.engine import NodalEngine

    try:
        layer = data.first_cells(_SAMPLES)
    except ConfigError as error:
        return {"text": f"There is nothing for a circuit solver to check: {error}.", "rows": []}
    drawn = data.config.drawn_array()
    own = drawn is not None and drawn.wires.largest_segment_ohm > 0
    wires = drawn.wires if own else Wires(word_line_ohm=1.0, bit_line_ohm=1.0)
    first = max(0, layer.siemens.shape[0] // 2 - _TILE // 2)
    cells, volts = (
        layer.siemens[first : first + _TILE, :_TILE],
        layer.row_volts[:, first : first + _TILE],
    )
    array = Crossbar(conductance=cells, wires=wires)
    with _ngspice(data) as ngspice, NodalEngine() as nodal:
        reads = [engine.read(array, volts).column_amps for engine in (ngspice, nodal)]
        solver = _named(ngspice.versions())
    through = "the run's own wires" if own else "wires of 1 Ω per segment, since the run has none"
    which = (
        f"A tile of {cells.shape[0]} × {cells.shape[1]} trained cells of the first layer, from word"
        f" line {first} on,"
    )
    return {
        "text": (
            f"{which} was read by {solver} and by the nodal engine at the mean line voltages of"
            f" {len(volts)} test images, with {through}."
        ),
        "rows": [_currents("bit-line currents, relative to the largest", reads[0], reads[1])],
    }


def _ngspice(data: RunData) -> NgspiceEngine:
    """Start an ngspice that is told what the run's was, and keeps what fails beside the run."""
    from spicesnn.engines.ngspice.engine import NgspiceEngine

    folder = data.run.failures
    return NgspiceEngine(
        init=data.config.engine_init, failures=folder if writable(folder) else None
    )


def _currents(quantity: str, first: Floats, second: Floats) -> dict[str, Any]:
    scale = float(np.max(np.abs(second))) or 1.0
    worst = float(np.max(np.abs(first - second))) / scale
    return {
        "quantity": quantity,
        "error": f"{worst:.1e}",
        "tolerance": f"{_TOLERANCE:.0e}",
        "ok": _yes(worst <= _TOLERANCE),
    }


def _named(versions: dict[str, str]) -> str:
    return " ".join(f"{name} {version}" for name, version in versions.items())


def _yes(holds: bool) -> str:
    return "yes" if holds else "NO"
