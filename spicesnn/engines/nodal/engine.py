"""The nodal engine: the array's circuit equations solved directly, exact and fast."""

from __future__ import annotations

from typing import ClassVar

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.devices.base import Device, Floats
from spicesnn.engines.base import Engine
from spicesnn.engines.nodal.drive import drive_device
from spicesnn.engines.nodal.nonlinear import nonlinear_read
from spicesnn.engines.nodal.read import read_linear
from spicesnn.engines.nodal.transient import Transient
from spicesnn.engines.results import IVCurve, PulseResult, Read
from spicesnn.engines.stimulus import CheckedWaveform, Levels, Stimulus
from spicesnn.errors import InputError


class NodalEngine(Engine):
    """Solves arrays as circuits, without SPICE."""

    name: ClassVar[str] = "nodal"

    def __init__(self, *, state_tolerance: float = 1e-4, drive_tolerance: float = 1e-10) -> None:
        """Take the accuracy that is wanted.

        Parameters
        ----------
        state_tolerance : float
            Accuracy of the states after a pulse, as a fraction of each state's range.
        drive_tolerance : float
            Relative local error when a single device is driven (`drive`, `spicesnn.iv`).
        """
        for name, value in (("state_tolerance", state_tolerance), ("drive_tolerance", drive_tolerance)):
            if not 1e-13 <= value <= 0.1:
                raise InputError(f"NodalEngine: {name} = {value!r}; expected a fraction between 1e-13 and 0.1")
        self.state_tolerance = state_tolerance
        self.drive_tolerance = drive_tolerance

    def _read(self, array: Crossbar, levels: Levels) -> Read:
        return read_linear(array, levels) if array.linear else nonlinear_read(array, levels)

    def _pulse(self, array: Crossbar, waveform: CheckedWaveform) -> PulseResult:
        return Transient(array, waveform, self.state_tolerance).run()

    def _drive(self, device: Device, stimulus: Stimulus, state: Floats, gate_volts: float | None, points: int) -> IVCurve:
        return drive_device(device, stimulus, state, gate_volts, points, tolerance=self.drive_tolerance)
