"""Write pulses column by column under the V/2 scheme, each selected cell at the amplitude that brings
it to its target if it is alone, the lines raised by what the wires take at the beginning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Pulse
from spicesnn.engines.nodal.cells import flat_device
from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.programming.pulse_map import StrongestPulses, set_polarity
from spicesnn.programming.targets import Targets

_HALVINGS = 24
"""Of the range of amplitudes, for a cell alone."""
_TIMES = 3
"""So often the lines are raised by what the wires take."""


def by_columns(
    problem: Targets,
    array: Crossbar,
    strongest: StrongestPulses,
    *,
    rise_s: float,
    limit: float,
) -> list[Pulse]:
    """Return pulses for the cells that miss their tolerance: column by column, set before reset, the
    selected bit line at half of the largest amplitude of its cells.

    Parameters
    ----------
    problem : Targets
    array : Crossbar
        As it is before.
    strongest : StrongestPulses
        No selected cell gets more.
    rise_s : float
    limit : float
        No line is driven beyond this, volt.
    """
    assert array.device is not None
    polarity, engine, pulses = set_polarity(array.device), NodalEngine(), []
    for raising in (True, False):
        sign = polarity if raising else -polarity
        volts, width_s = (
            (strongest.set_volts, strongest.set_s)
            if raising
            else (strongest.reset_volts, strongest.reset_s)
        )
        wanted = -problem.miss(array)
        cells = wanted > problem.tolerance if raising else wanted < -problem.tolerance
        if not cells.any():
            continue
        amplitude = _alone(problem, array, sign * volts, width_s, rise_s)
        for column in np.flatnonzero(cells.any(axis=0)):
            across = np.where(cells[:, column], sign * amplitude[:, column], 0.0)
            rows, columns = _through_wires(engine, array, across, int(column), limit)
            pulse = Pulse(row_volts=rows, column_volts=columns, width_s=width_s, rise_s=rise_s)
            pulses.append(pulse)
            array = engine.pulse(array, pulse).array
    return pulses


def _through_wires(
    engine: NodalEngine, array: Crossbar, across: Floats, column: int, limit: float
) -> tuple[Floats, Floats]:
    """Line voltages that put `across` (rows,) volts onto the cells of one column, those at 0 left
    out, within ±limit."""
    half = 0.5 * float(across[np.argmax(np.abs(across))])
    rows, columns = np.where(across == 0, 0.0, across - half), np.zeros(array.cols)
    columns[column] = -half
    for _ in range(_TIMES):
        seen = engine.read(array, rows, column_volts=columns).cell_volts[:, column]
        rows = np.clip(np.where(across == 0, 0.0, rows + across - seen), -limit, limit)
    return rows, columns


def _alone(
    problem: Targets,
    array: Crossbar,
    volts: float,
    width_s: float,
    rise_s: float,
) -> Floats:
    """Amplitudes (rows, cols), up to |volts|, that bring each cell to its target if it is alone: the
    largest where it takes more. By bisection, all cells at once, each on a word line of its own."""
    assert array.device is not None
    engine, cells, state = NodalEngine(), array.rows * array.cols, array.state_or_zeros()
    single = Crossbar(
        device=flat_device(array.device, array.shape),
        state=state.reshape((*state.shape[:-2], cells, 1)),
        stuck=None if array.stuck is None else array.stuck.reshape(-1, 1),
        current_factor=None
        if array.current_factor is None
        else array.current_factor.reshape(-1, 1),
    )
    alone = replace(problem, target=problem.target.reshape(-1, 1))
    wanted = np.abs(alone.miss(single)[:, 0])
    less, more = np.zeros(cells), np.ones(cells)
    before = alone.siemens(single)
    for _ in range(_HALVINGS):
        middle = 0.5 * (less + more)
        pulse = Pulse(row_volts=volts * middle, width_s=width_s, rise_s=rise_s)
        change = np.abs(alone.siemens(engine.pulse(single, pulse).array) - before)[:, 0]
        less, more = (
            np.where(change < wanted, middle, less),
            np.where(change < wanted, more, middle),
        )
    return np.asarray(abs(volts) * more.reshape(array.shape))
