r"""Gradients through a pulse: the adjoint of all cells' state equations together with the array's
circuit.

States follow ``dx/dt = f(v, x)``, cell voltages v from the circuit with the cells' currents I(v,
x). Let L depend on the states at the end, and λ(T) = ∂L/∂x(T). Backwards in time

.. math:: -\frac{d\lambda}{dt} = \Big(\frac{\partial f}{\partial x}\Big)^T \lambda - \mu \frac{\partial I}{\partial x},

where μ is the cell voltage of the same array, with dI/dv as cells and all sources at 0 V, into
which every cell injects ``w = λ · ∂f/∂v`` ampere from its bit line to its word line (what `adjoint`
does for a read). ∂L/∂x(0) = λ(0), and a driver's voltage changes L by ``∫ −(current out of it in
the adjoint circuit) dt``. Derivation: Cao et al., SIAM J. Sci. Comput. 24, 1076 (2003), for
differential-algebraic equations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

from spicesnn.arrays import Floats, numbers
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import Pulse
from spicesnn.engines.nodal.cells import Ensemble
from spicesnn.engines.nodal.network import Solution, Sources
from spicesnn.engines.nodal.quasi_static import Network
from spicesnn.engines.nodal.segments import Segment, segments_of
from spicesnn.errors import ConvergenceError, InputError

Mask = NDArray[np.bool_]

_NUDGE = 1e-6
"""Of a state's range, and of a volt, for the derivatives of a cell's equations: central
differences, right to 1e-9."""
_MOST_EVALUATIONS = 20_000
_SOLVED = 1e-11


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PulseGradient:
    """Derivatives of a loss on the states that a pulse leaves.

    Attributes
    ----------
    state : as the array's state
        dL/dx of the states before the pulse.
    row_volts, column_volts : (rows,), (cols,)
        dL/dV of the pulse's amplitudes.
    width_s : float
        dL/d(width), 1/s.
    """

    state: Floats
    row_volts: Floats
    column_volts: Floats
    width_s: float


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Followed:
    """A pulse that was followed forward, and can be gone back through.

    Attributes
    ----------
    array : Crossbar
        As the pulse leaves it.
    """

    array: Crossbar
    _path: _Path

    def backward(self, dl_dstate: ArrayLike) -> PulseGradient:
        """Return the gradient of a loss whose derivative in the states after the pulse is given,
        shaped as the state."""
        return self._path.backward(numbers(dl_dstate, "dl_dstate"))


def followed(array: Crossbar, pulse: Pulse, tolerance: float) -> Followed:
    """Follow a pulse through an array, so that gradients can be taken back through it.

    Parameters
    ----------
    array : Crossbar
    pulse : Pulse
    tolerance : float
        Local error of a step, as a fraction of each state's range.

    Raises
    ------
    InputError
        Cells without a state, or lines with capacitance.
    ConvergenceError
        States that change too abruptly for an explicit method.
    """
    if array.device is None or array.state is None:
        raise InputError(
            "these cells have no state that a pulse could change; expected a device with memory"
        )
    if array.wires.word_line_farad or array.wires.bit_line_farad:
        raise InputError(
            "gradients through pulses take lines without capacitance; set word_line_farad and"
            " bit_line_farad to 0"
        )
    path = _Path(array, pulse, tolerance)
    after = array.with_state(path.forward().reshape(np.shape(array.state)))
    return Followed(array=after, _path=path)


class _Path:
    """The states along a pulse, segment by segment."""

    def __init__(self, array: Crossbar, pulse: Pulse, tolerance: float) -> None:
        self.array, self.pulse, self.tolerance = array, pulse, tolerance
        waveform = pulse.waveform().checked(array)
        self.segments, self.cells = segments_of(waveform), Ensemble.of(array)
        self.network = Network(array, waveform, self.cells, tolerance)
        self.states: list[tuple[Segment, Callable[[float], Floats], Floats]] = []
        self.shape = np.asarray(array.state).shape
        self._near: Solution | None = None

    # -- forward -------------------------------------------------------------------------------

    def forward(self) -> Floats:
        """Return the states at the end, (n, m)."""
        x = np.asarray(self.array.state, dtype=float).reshape(self.cells.low.shape)
        scale = self.cells.scale
        self.states = []
        for segment in self.segments:
            span = segment.end - segment.begin

            def slope(
                share: float, z: Floats, segment: Segment = segment, span: float = span
            ) -> Floats:
                return (
                    span
                    * self.rate(
                        segment, segment.begin + share * span, z.reshape(scale.shape) * scale
                    )[0]
                    / scale
                ).ravel()

            found = _integrated(slope, (x / scale).ravel(), self.tolerance)
            end = np.clip(
                found.y[:, -1].reshape(scale.shape) * scale, self.cells.low, self.cells.high
            )
            dense = found.sol
            self.states.append((segment, self._inside(dense), end))
            x = end
        return x

    def _inside(self, dense: Callable[[float], Floats]) -> Callable[[float], Floats]:
        scale = self.cells.scale
        return lambda share: np.asarray(
            np.clip(dense(share).reshape(scale.shape) * scale, self.cells.low, self.cells.high)
        )

    def solved(self, segment: Segment, time: float, x: Floats) -> tuple[Floats, Floats | None]:
        """Cell volts (m,) and gate volts of the cells."""
        knot = self.network.knot(segment, time, x, self._near)
        self._near = knot.solution
        return (knot.solution.word_volts - knot.solution.bit_volts).reshape(-1), self.network.gate(
            segment, time
        )

    def rate(
        self, segment: Segment, time: float, x: Floats
    ) -> tuple[Floats, Floats, Floats | None]:
        """dx/dt (n, m) with the states held inside their bounds, cell volts, gate volts."""
        inside = np.clip(x, self.cells.low, self.cells.high)
        volts, gate = self.solved(segment, time, inside)
        rate = self.cells.rate(volts, inside, gate)
        return np.where(self._held(x, rate), 0.0, rate), volts, gate

    def _held(self, x: Floats, rate: Floats) -> Mask:
        return np.asarray(
            ((x >= self.cells.high) & (rate > 0)) | ((x <= self.cells.low) & (rate < 0))
        )

    def _driven_out(self, x: Floats, volts: Floats, gate: Floats | None) -> Mask:
        """States at a bound that would return to it if they were a little inside (where a window no
        longer makes the rate 0)."""
        step = _NUDGE * self.cells.scale
        return self._held(
            x,
            self.cells.rate(volts, np.clip(x, self.cells.low + step, self.cells.high - step), gate),
        )

    # -- backward ------------------------------------------------------------------------------

    def backward(self, dl_dstate: Floats) -> PulseGradient:
        """See `Followed.backward`."""
        shape, (rows, cols) = self.cells.low.shape, self.array.shape
        if dl_dstate.shape != self.shape or not np.all(np.isfinite(dl_dstate)):
            raise InputError(
                f"dl_dstate has shape {dl_dstate.shape}; expected finite values of shape"
                f" {self.shape}, like the state"
            )
        seen = dl_dstate.reshape(shape).astype(float)
        row_slope, column_slope, width = np.zeros(rows), np.zeros(cols), 0.0
        for k in range(len(self.states) - 1, -1, -1):
            segment, _, end = self.states[k]
            rate, _, _ = self.rate(segment, segment.end, end)
            # A state that has run into its bound is there whatever it was before.
            seen = np.where(self._free(segment, end), seen, 0.0)
            if segment.flat:
                width += float(np.sum(seen * rate)) * (
                    self.pulse.count if self.pulse.rise_s == 0 else 1
                )
            seen, lines = self._back(k, seen)
            levels = self._levels(k)
            row_slope += levels @ lines[:, :rows]
            column_slope += levels @ lines[:, rows:]
        return PulseGradient(
            state=seen.reshape(self.shape),
            row_volts=row_slope,
            column_volts=column_slope,
            width_s=width,
        )

    def _free(self, segment: Segment, x: Floats) -> Mask:
        """Cells that no bound holds at the end of a segment, (n, m)."""
        volts, gate = self.solved(segment, segment.end, x)
        return np.asarray(~self._driven_out(x, volts, gate))

    def _levels(self, k: int) -> Floats:
        """What fraction of the amplitude stands at both ends of a segment."""
        if self.pulse.rise_s == 0:
            return np.ones(2)
        shape = np.concatenate([[0.0], np.tile([1.0, 1.0, 0.0], self.pulse.count)])
        return shape[[k, k + 1]]

    def _back(self, k: int, seen: Floats) -> tuple[Floats, Floats]:
        """Go back through one segment: λ at its beginning, and dL/dV of all lines at both its ends,
        (2, rows + cols)."""
        segment, path, _ = self.states[k]
        span, scale, size = segment.end - segment.begin, self.cells.scale, seen.size
        lines = sum(self.array.shape)
        largest = (
            float(np.abs(seen * scale).max()) or 1.0
        )  # λ is followed in units of its largest entry

        def slope(back: float, y: Floats) -> Floats:
            share = 1.0 - back
            x = path(share)
            weight = y[:size].reshape(scale.shape) / scale
            dx, drive = self._vjp(segment, segment.begin + share * span, x, weight)
            drive = drive * span
            return np.concatenate([(span * dx * scale).ravel(), drive * (1 - share), drive * share])

        begin = np.concatenate([(seen * scale / largest).ravel(), np.zeros(2 * lines)])
        found = _integrated(slope, begin, self.tolerance, dense=False).y[:, -1] * largest
        return found[:size].reshape(scale.shape) / scale, found[size:].reshape(2, lines)

    def _vjp(
        self, segment: Segment, time: float, x: Floats, weight: Floats
    ) -> tuple[Floats, Floats]:
        """What λ = `weight` (n, m) makes of dx/dt: (∂/∂x)ᵀλ (n, m), and (∂/∂V)ᵀλ of all lines (rows
        + cols,)."""
        cells, shape = self.cells, self.array.shape
        volts, gate = self.solved(segment, time, x)
        weight = np.where(self._driven_out(x, volts, gate), 0.0, weight)
        up, down = cells.rate(volts + _NUDGE, x, gate), cells.rate(volts - _NUDGE, x, gate)
        injected = np.sum(weight * (up - down), axis=0) / (2 * _NUDGE)
        slopes = cells.conductance(volts, x, gate)
        dx, amps_by_state = np.zeros_like(x), np.zeros_like(x)
        for s in range(cells.count):
            more, less = x.copy(), x.copy()
            more[s] = np.minimum(x[s] + _NUDGE * cells.scale[s], cells.high[s])
            less[s] = np.maximum(x[s] - _NUDGE * cells.scale[s], cells.low[s])
            step = more[s] - less[s]
            dx[s] = (
                np.sum(
                    weight * (cells.rate(volts, more, gate) - cells.rate(volts, less, gate)), axis=0
                )
                / step
            )
            amps_by_state[s] = (
                cells.current(volts, more, gate) - cells.current(volts, less, gate)
            ) / step
        across = injected.reshape(shape)[None]
        still = Sources(
            row_volts=np.zeros((1, shape[0])),
            column_volts=np.zeros((1, shape[1])),
            word_amps=across,
            bit_amps=-across,
        )
        adjoint = self.network.lines.solve(slopes.reshape(shape), still, None, _SOLVED)
        mu = (adjoint.word_volts - adjoint.bit_volts).reshape(-1)
        return dx - mu * amps_by_state, np.concatenate(
            [-adjoint.row_amps[0], adjoint.column_amps[0]]
        )


def _integrated(
    slope: Callable[[float, Floats], Floats], begin: Floats, tolerance: float, *, dense: bool = True
) -> Any:
    """Integrate over 0…1 by an explicit method of order 5 (Dormand and Prince), and refuse what
    takes it too long."""
    count = 0

    def counted(t: float, y: Floats) -> Floats:
        nonlocal count
        count += 1
        if count > _MOST_EVALUATIONS:
            raise ConvergenceError(
                "the states change too abruptly to be followed for a gradient; lower the pulse's"
                " volts, or shorten it"
            )
        return slope(t, y)

    found = solve_ivp(
        counted,
        (0.0, 1.0),
        begin,
        method="RK45",
        rtol=tolerance,
        atol=tolerance,
        dense_output=dense,
    )
    if not found.success:
        raise ConvergenceError(f"the states could not be followed for a gradient: {found.message}")
    return found
