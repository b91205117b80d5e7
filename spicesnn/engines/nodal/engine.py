"""The nodal engine: the array's circuit equations solved directly, exact and fast."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats, number
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import CheckedWaveform, Levels, Pulse
from spicesnn.devices.base import Device
from spicesnn.devices.stimulus import Stimulus
from spicesnn.engines.base import Engine
from spicesnn.engines.results import IVCurve, PulseResult, Read
from spicesnn.errors import EngineError, InputError
from spicesnn.guesses import hinted

if TYPE_CHECKING:
    from spicesnn.engines.nodal.adjoint import Gradient
    from spicesnn.engines.nodal.pulse_adjoint import Followed

# What solves stands in modules that load compiled code (numba alone takes as long as a whole IV
# curve of a library device), so each is imported where it is first needed.


_TOLERANCES = "state_tolerance=… (pulses) or drive_tolerance=… (curves); reads are exact"
_CALLS = {
    **dict.fromkeys(
        ("solve", "run", "simulate", "compute"), "read(array, row_volts) or pulse(array, pulse)"
    ),
    "iv": "spicesnn.iv(device, engine)",
    "write": "pulse(array, pulse)",
}


@hinted(
    _CALLS,
    dict.fromkeys(("tol", "tolerance", "rtol", "reltol", "atol", "accuracy"), _TOLERANCES),
    by_place="NodalEngine().read(array, row_volts) or .pulse(array, pulse)",
)
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
        for name, value in (
            ("state_tolerance", state_tolerance),
            ("drive_tolerance", drive_tolerance),
        ):
            if (
                not 1e-13
                <= number(value, f"NodalEngine: {name}", "a fraction between 1e-13 and 0.1")
                <= 0.1
            ):
                raise InputError(
                    f"NodalEngine: {name} = {value!r}; expected a fraction between 1e-13 and 0.1"
                )
        self.state_tolerance = state_tolerance
        self.drive_tolerance = drive_tolerance

    def read(
        self,
        array: Crossbar,
        row_volts: ArrayLike,
        *,
        column_volts: ArrayLike = 0.0,
        gate_volts: ArrayLike | None = None,
        floating_rows: ArrayLike | None = None,
        floating_columns: ArrayLike | None = None,
        voltages: bool = True,
    ) -> Read:
        """Solve the array at given line voltages, states at rest; see `Engine.read`."""
        plain = (
            type(column_volts) is float
            and column_volts == 0.0
            and gate_volts is None
            and floating_rows is None
            and floating_columns is None
            and isinstance(voltages, bool)
        )
        if plain and isinstance(array, Crossbar):
            answer = _quick_read()(array, row_volts, voltages)
            if answer is not None:
                return answer
        return super().read(
            array,
            row_volts,
            column_volts=column_volts,
            gate_volts=gate_volts,
            floating_rows=floating_rows,
            floating_columns=floating_columns,
            voltages=voltages,
        )

    def effective_conductance(
        self, array: Crossbar, gate_volts: ArrayLike | None = None, *, near: Crossbar | None = None
    ) -> Floats:
        """Return the matrix that a read of a linear array amounts to: ``column_amps = row_volts @
        effective`` (sense nodes at 0 V).

        Parameters
        ----------
        array : Crossbar
            Linear cells.
        gate_volts : (gate lines,), optional
            Third terminals, for cells that have one.
        near : Crossbar, optional
            An array that differs in few cells and whose effective conductance this engine has
            computed: then only the change is.

        Returns
        -------
        (rows, cols) array, siemens
            Exact to 1e-10 of the largest entry of each column, or row.
        """
        from spicesnn.engines.nodal.transfer import transfer_for

        self._check_array(array)
        levels = Levels.checked(array, np.zeros(array.rows), gate_volts=gate_volts)
        if not levels.single:
            got = np.asarray(gate_volts).shape
            raise InputError(
                f"gate_volts has shape {got}; expected ({array.gate_lines},): one matrix has one"
                " set of gate levels"
            )
        return transfer_for(
            array, None if levels.gate_volts is None else levels.gate_volts[0], near
        ).siemens.copy()

    def gradient(
        self,
        array: Crossbar,
        row_volts: ArrayLike,
        dl_dcolumn_amps: ArrayLike,
        *,
        column_volts: ArrayLike = 0.0,
        gate_volts: ArrayLike | None = None,
        floating_rows: ArrayLike | None = None,
        floating_columns: ArrayLike | None = None,
    ) -> Gradient:
        """Differentiate a loss on the column currents of a read: dL/dG, dL/dV.

        One solve more than the read itself; for a batch of more inputs than the shorter side has
        lines, on linear cells, 2·min(rows, cols) solves.

        Parameters
        ----------
        array, row_volts, column_volts, gate_volts, floating_rows, floating_columns
            As in `read`.
        dl_dcolumn_amps : (cols,) or (batch, cols)
            Derivative of the loss in the column currents, at the currents that `read` gives.

        Returns
        -------
        Gradient
        """
        from spicesnn.engines.nodal.adjoint import gradient_of

        self._check_array(array)
        levels = Levels.checked(
            array, row_volts, column_volts, gate_volts, floating_rows, floating_columns
        )
        return gradient_of(array, levels, lambda: self._read(array, levels), dl_dcolumn_amps)

    def follow_pulse(self, array: Crossbar, pulse: Pulse, *, tolerance: float = 1e-7) -> Followed:
        """Apply a pulse so that gradients can be taken back through it, wires, half-selected cells
        and all.

        Parameters
        ----------
        array : Crossbar
            Cells with a state; lines without capacitance.
        pulse : Pulse
        tolerance : float
            Local error of a step, of the states and of the gradient, as a fraction of each state's
            range. Devices with thresholds have kinks that add up: their states come off by some
            hundred times as much (`pulse` follows them more closely).

        Returns
        -------
        Followed
            ``.array`` is the array after the pulse; ``.backward(dl_dstate)`` the derivatives of a
            loss on its states in the states before the pulse, the amplitudes on all lines and the
            width.
        """
        from spicesnn.engines.nodal.pulse_adjoint import followed

        self._check_array(array)
        return followed(array, pulse, tolerance)

    def _read(self, array: Crossbar, levels: Levels) -> Read:
        _refuse_below(array, levels)
        if array.linear:
            from spicesnn.engines.nodal.read import read_linear

            return read_linear(array, levels)
        from spicesnn.engines.nodal.nonlinear import nonlinear_read

        return nonlinear_read(array, levels)

    def _read_currents(self, array: Crossbar, levels: Levels) -> Read:
        if not array.linear:
            return self._read(array, levels)
        _refuse_below(array, levels)
        from spicesnn.engines.nodal.read import read_linear

        return read_linear(array, levels, voltages=False)

    def _pulse(self, array: Crossbar, waveform: CheckedWaveform) -> PulseResult:
        _refuse_below(array, waveform)
        from spicesnn.engines.nodal.transient import Transient

        return Transient(array, waveform, self.state_tolerance).run()

    def _train(self, array: Crossbar, pulse: Pulse) -> PulseResult:
        if array.wires.word_line_farad or array.wires.bit_line_farad:
            return super()._train(array, pulse)
        _refuse_below(array, pulse.waveform().checked(array))
        from spicesnn.engines.nodal.train import train

        return train(array, pulse, self.state_tolerance)

    def _drive(
        self,
        device: Device,
        stimulus: Stimulus,
        state: Floats,
        gate_volts: float | None,
        points: int,
    ) -> IVCurve:
        from spicesnn.engines.nodal.drive import (
            drive_device,
        )  # half a second of SciPy's integrators

        return drive_device(
            device, stimulus, state, gate_volts, points, tolerance=self.drive_tolerance
        )


@cache
def _quick_read() -> Callable[[Crossbar, ArrayLike, bool], Read | None]:
    """A small read takes no longer than a few imports do, so this one is remembered."""
    from spicesnn.engines.nodal.quick import quick_read

    return quick_read


def _refuse_below(array: Crossbar, drive: Levels | CheckedWaveform) -> None:
    """Raise where a line is driven below the voltage at which the cells conduct to ground: the
    answer would leave that current out."""
    if array.device is None or array.device.lowest_volts == -np.inf:
        return
    lines = drive.row_volts[:, ~drive.floating_rows], drive.column_volts[:, ~drive.floating_columns]
    lowest = min((float(volts.min()) for volts in lines if volts.size), default=0.0)
    if lowest < array.device.lowest_volts:
        raise EngineError(
            f"{array.device.name}: a line is driven to {lowest:.4g} V, but below"
            f" {array.device.lowest_volts:g} V its body diode feeds the line from ground, which the"
            " nodal engine does not solve. Use NgspiceEngine, or keep the lines above that"
        )
