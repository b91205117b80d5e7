"""The nodal engine: the array's circuit equations solved directly, exact and fast."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.devices.base import Device, Floats
from spicesnn.engines.base import Engine
from spicesnn.engines.nodal.direct import DirectPrepared
from spicesnn.engines.nodal.network import Operator, Sources
from spicesnn.engines.results import IVCurve, PulseResult, Read
from spicesnn.engines.stimulus import CheckedWaveform, Levels, Stimulus


class NodalEngine(Engine):
    """Solves arrays as circuits, without SPICE."""

    name: ClassVar[str] = "nodal"

    def _read(self, array: Crossbar, levels: Levels) -> Read:
        operator = Operator(
            wires=array.wires,
            cell_siemens=array.cell_conductance(None if levels.gate_volts is None else levels.gate_volts[0]),
            floating_rows=levels.floating_rows,
            floating_columns=levels.floating_columns,
        )
        solution = DirectPrepared(operator).solve(Sources(row_volts=levels.row_volts, column_volts=levels.column_volts))
        pick = (lambda a: a[0]) if levels.single else (lambda a: a)
        return Read(
            column_amps=pick(solution.column_amps), row_amps=pick(solution.row_amps), word_line_volts=pick(solution.word_volts),
            bit_line_volts=pick(solution.bit_volts), residual_amps=np.asarray(pick(solution.residual_amps)), stats={"method": "direct"},
        )  # fmt: skip

    def _pulse(self, array: Crossbar, waveform: CheckedWaveform) -> PulseResult:
        raise NotImplementedError

    def _drive(self, device: Device, stimulus: Stimulus, state: Floats, gate_volts: float | None, points: int) -> IVCurve:
        raise NotImplementedError
