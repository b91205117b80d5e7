"""One device under a given voltage, without wires: its state equation integrated to nearly the last
digit."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device
from spicesnn.devices.foreign import Foreign
from spicesnn.devices.stimulus import Stimulus
from spicesnn.engines.determined import check_determined
from spicesnn.engines.results import IVCurve
from spicesnn.errors import ConvergenceError, InputError


def drive_device(
    device: Device,
    stimulus: Stimulus,
    state: Floats,
    gate_volts: float | None,
    points: int,
    *,
    tolerance: float = 1e-10,
) -> IVCurve:
    """Integrate ``dx/dt = rate(v(t), x)`` and record current and state.

    LSODA changes between Adams and BDF formulas as a device of one state becomes stiff; those of
    several states, of which one is quick, keep BDF. No step crosses a breakpoint of the stimulus.

    Parameters
    ----------
    device : Device
        Its parameters are numbers, not arrays.
    stimulus : Stimulus
    state : () or (states,)
        Initial state, state units.
    gate_volts : float or None
        Third terminal.
    points : int
        At least so many times are returned.
    tolerance : float
        Local error of a step, relative to the state, and to a hundredth of its range where it is
        smaller.

    Raises
    ------
    InputError
        A state of the wrong shape or outside the device's bounds.
    ConvergenceError
        The integration broke off.
    """
    cell = _OneCell(device, stimulus, gate_volts)
    start = cell.checked(state)
    times = output_times(stimulus, points)
    states = np.empty((start.size, times.size))
    states[:, 0] = start
    evaluations = 0
    breaks = stimulus.breakpoints_s
    for begin, end in pairwise(np.unique(np.concatenate([[0.0], breaks, [stimulus.duration_s]]))):
        wanted = (times > begin) & (times <= end)
        if cell.moves:
            start, inside, count = cell.integrate(start, begin, end, times[wanted], tolerance)
            states[:, wanted] = inside
            evaluations += count
        else:
            states[:, wanted] = start[:, None]
    volts = np.asarray(stimulus.volts(times), dtype=float)
    if isinstance(device, Foreign) and len(device.state_names) == 1:
        check_determined(device, volts, states[0], _RESOLVED)
    amps = cell.current(volts, states)
    return IVCurve(
        time=times,
        volts=volts,
        amps=amps,
        state=states if len(device.state_names) > 1 else states[0],
        device=device.name,
        engine="nodal",
        stats={"evaluations": evaluations, "tolerance": tolerance},
    )


MOST_EVALUATIONS = 300_000
"""Of the rates between two breakpoints, after which the integration is given up: within half a minute."""
_LONGEST_STEP = 1 / 200
"""Of the span between two breakpoints: a device at rest below its threshold would otherwise be
stepped over while it switches."""


def output_times(stimulus: Stimulus, points: int) -> Floats:
    """Return at least `points` times, (n,) seconds: an even grid and all breakpoints."""
    even = np.linspace(0.0, stimulus.duration_s, points)
    breaks = stimulus.breakpoints_s
    near = np.abs(breaks[:, None] - even[None, :]).min(axis=1) <= 1e-9 * stimulus.duration_s
    return np.unique(np.concatenate([even, breaks[~near]]))


_INSIDE, _HALVINGS, _DIFFERENCE, _RESOLVED = 1e-9, 40, 1e-7, 1e-10
"""Of the range: what is just inside a bound. A time between two steps is halved so often. Of the
range: steps of a difference; how near to a bound values are told apart."""


def _above(_: float, fraction: Floats) -> float:
    return float(fraction[0]) - 1.0


def _below(_: float, fraction: Floats) -> float:
    return float(fraction[0])


_above.terminal, _below.terminal = True, True  # type: ignore[attr-defined]
_above.direction, _below.direction = 1, -1  # type: ignore[attr-defined]
_BOUNDS = (_above, _below)
"""Where the integration of a state that stops at its bounds ends."""


def _compiled_rates(device: Device, count: int) -> Callable[[Floats, Floats], Floats] | None:
    """Return the rates of an imported device, (states,), as a compiled function of one voltage and
    its states: its equations in NumPy take a hundred times as long at one point."""
    code = device.compiled() if isinstance(device, Foreign) else None
    if code is None:
        return None
    from spicesnn.devices.cell_functions import address_of, evaluate_rates

    address, row = address_of(code.rate), np.zeros(len(code.parameters) + count)
    row[: len(code.parameters)] = code.parameters

    def rates(volts: Floats, state: Floats) -> Floats:
        found = np.empty(count)
        evaluate_rates(address, float(volts.flat[0]), state.reshape(count), row, found)
        return found

    return rates


class _OneCell:
    """A device as a small system of ordinary differential equations, states as a vector of
    fractions of their range."""

    def __init__(self, device: Device, stimulus: Stimulus, gate_volts: float | None) -> None:
        self._device = device
        self._stimulus = stimulus
        self._gate = gate_volts
        self._count = max(len(device.state_names), 1)
        low, high = device.bounds()
        try:
            self._low = np.broadcast_to(np.asarray(low, dtype=float).ravel(), self._count)
            self._high = np.broadcast_to(np.asarray(high, dtype=float).ravel(), self._count)
        except ValueError:
            raise InputError(
                f"{device.name}: drive takes one device, but its parameters are arrays"
            ) from None
        span = self._high - self._low
        fallback = np.asarray(device.state_scale if device.state_scale else (1.0,), dtype=float)
        self._scale = np.where(np.isfinite(span), span, fallback)
        self._compiled = _compiled_rates(device, self._count) if self.moves else None
        self._left = MOST_EVALUATIONS

    @property
    def moves(self) -> bool:
        return self._device.memory and len(self._device.state_names) > 0

    def checked(self, state: Floats) -> Floats:
        if state.size != self._count or state.ndim > 1:
            raise InputError(
                f"state has shape {state.shape}; {self._device.name} has {self._count} state"
                " variable(s), expected one number for each"
            )
        start = state.reshape(self._count).astype(float)
        slack = 1e-9 * self._scale
        if self.moves and (np.any(start < self._low - slack) or np.any(start > self._high + slack)):
            raise InputError(
                f"state = {start} of {self._device.name} is outside its bounds {self._low} …"
                f" {self._high}"
            )
        return start

    def _shaped(self, states: Floats) -> Floats:
        """Return (states, times) as the device wants it: (times, 1), or (states, times, 1) with
        several states."""
        return states[0][:, None] if self._count == 1 else states[:, :, None]

    def current(self, volts: Floats, states: Floats) -> Floats:
        amps = self._device.current(volts[:, None], self._shaped(states), self._gate)
        return np.array(np.broadcast_to(amps, (volts.size, 1))[:, 0], dtype=float)

    def _at(self, time: float, fraction: Floats) -> tuple[Floats, Floats]:
        """Return voltage and state as the device wants them."""
        inside = (
            np.clip(self._low + fraction * self._scale, self._low, self._high)
            if np.all(np.isfinite(self._low))
            else fraction * self._scale
        )
        return np.asarray(self._stimulus.volts(np.array([time])), dtype=float)[
            :, None
        ], self._shaped(inside[:, None])

    def _rate(self, time: float, fraction: Floats) -> Floats:
        self._left -= 1
        if self._left < 0:
            raise ConvergenceError(
                f"{self._device.name}: the state changes too often to follow: the integration was"
                f" given up at {time:.6g} s, after {MOST_EVALUATIONS} evaluations of its rate since"
                " the last breakpoint. Check amplitude and frequency against the device's range"
            )
        volts, state = self._at(time, fraction)
        if self._compiled is not None:
            found = self._compiled(volts, state)
            if np.all(np.isfinite(found)):
                return found / self._scale
        # Where compiled code has no answer the device says why.
        return self._own_rates(volts, state.reshape(self._count)) / self._scale

    def _own_rates(self, volts: Floats, state: Floats) -> Floats:
        """Return the device's rates at one voltage (1, 1) and state, (states,)."""
        rate = self._device.rate(volts, self._shaped(state[:, None]), self._gate)
        return np.asarray(rate, dtype=float).reshape(self._count)

    def _slopes(self, time: float, fraction: Floats) -> Floats:
        """Return ∂rate/∂state, (states, states): LSODA's own differences mistake the ramp at a bound
        for a plain."""
        volts, state = self._at(time, fraction)
        rates = self._compiled or self._own_rates
        if self._count > 1 or self._compiled is not None:
            flat, slopes = state.reshape(self._count), np.empty((self._count, self._count))
            for k in range(self._count):
                down, up = flat.copy(), flat.copy()
                down[k] = max(flat[k] - _DIFFERENCE * self._scale[k], self._low[k])
                up[k] = min(flat[k] + _DIFFERENCE * self._scale[k], self._high[k])
                rise = rates(volts, up) - rates(volts, down)
                slopes[:, k] = rise / self._scale * (self._scale[k] / (up[k] - down[k]))
            if self._count > 1 or np.all(np.isfinite(slopes)):
                return np.where(np.isfinite(slopes), slopes, 0.0)
        return np.asarray(self._device.rate_slope(volts, state, self._gate), dtype=float).reshape(
            1, 1
        )

    def integrate(
        self, start: Floats, begin: float, end: float, times: Floats, tolerance: float
    ) -> tuple[Floats, Floats, int]:
        """Return the state at `end`, the states at `times` (states, times) and the number of rate
        evaluations."""
        self._left = MOST_EVALUATIONS
        base = self._low if np.all(np.isfinite(self._low)) else np.zeros(self._count)
        if self._stops and np.all(np.isfinite(self._low) & np.isfinite(self._high)):
            last, inside, evaluations = self._between_stops(
                (start - base) / self._scale, begin, end, times, tolerance
            )
        else:
            last, inside, evaluations, _ = self._free(
                (start - base) / self._scale, begin, end, (begin, end), times, tolerance
            )
        both = np.hstack([inside, last[:, None]])
        states: NDArray[np.float64] = np.clip(
            base[:, None] + both * self._scale[:, None], self._low[:, None], self._high[:, None]
        )
        return states[:, -1], states[:, :-1], evaluations

    @property
    def _stops(self) -> bool:
        """Whether the device may stop its state at a bound by a comparison, which no formula of
        LSODA gets across."""
        return self._count == 1 and (self._device.stops or isinstance(self._device, Foreign))

    def _free(
        self,
        start: Floats,
        begin: float,
        end: float,
        within: tuple[float, float],
        times: Floats,
        tolerance: float,
    ) -> tuple[Floats, Floats, int, float]:
        """Integrate from `begin` to `end` or to a bound, steps being measured by the span `within`.

        Returns
        -------
        last : (states,)
            Fractions of the range at the end.
        inside : (states, times)
        evaluations : int
        reached : float
            The end, or when a bound was reached.
        """
        from scipy.integrate import solve_ivp

        span = within[1] - within[0]
        first, final = ((t - within[0]) / span for t in (begin, end))
        asked = (times - within[0]) / span
        answer = solve_ivp(
            lambda s, z: span * self._rate(min(within[0] + s * span, end), z),
            (first, final),
            start,
            method="LSODA" if self._count == 1 else "BDF",
            t_eval=np.append(asked, final) if not times.size or times[-1] < end else asked,
            rtol=tolerance,
            atol=0.01 * tolerance,
            max_step=_LONGEST_STEP,
            events=_BOUNDS if self._stops else None,
            jac=lambda s, z: span * self._slopes(min(within[0] + s * span, end), z),
        )
        if not answer.success or not np.all(np.isfinite(answer.y)):
            raise ConvergenceError(
                f"{self._device.name}: the integration from {begin:.6g} s to {end:.6g} s broke off:"
                f" {answer.message}"
            )
        inside = (
            answer.y[:, : np.count_nonzero(asked <= answer.t[-1])]
            if len(answer.t)
            else np.empty((self._count, 0))
        )
        stop = [
            (t[0], side)
            for t, side in zip(answer.t_events or (), (1.0, 0.0), strict=False)
            if t.size
        ]
        if stop:
            at, side = min(stop)
            inside = inside[:, : np.count_nonzero(asked <= at)]
            return np.full(1, side), inside, int(answer.nfev), min(within[0] + at * span, end)
        return answer.y[:, -1], inside, int(answer.nfev), end

    def _between_stops(
        self, start: Floats, begin: float, end: float, times: Floats, tolerance: float
    ) -> tuple[Floats, Floats, int]:
        """Integrate from bound to bound; at one, the state rests until the rate just inside of it
        leads away."""
        parts, now, evaluations = list[Floats](), begin, 0
        while now < end:
            left = times[sum(part.shape[1] for part in parts) :]
            side = 1.0 if start[0] >= 1 else -1.0 if start[0] <= 0 else 0.0
            if side:
                leaves, count = self._leaves(side, now, end)
                parts.append(np.repeat(start[:, None], np.count_nonzero(left <= leaves), axis=1))
                evaluations, now, start = (
                    evaluations + count,
                    leaves,
                    start if leaves >= end else start - side * _INSIDE,
                )
                continue
            start, inside, count, now = self._free(start, now, end, (begin, end), left, tolerance)
            parts.append(inside)
            evaluations += count
        return start, np.hstack(parts) if parts else np.empty((1, 0)), evaluations

    def _leaves(self, side: float, now: float, end: float) -> tuple[float, int]:
        """Return when the rate just inside a bound (side 1: the upper, −1: the lower) leads away
        from it, `end` if it never does.

        Raises
        ------
        EngineError
            Nothing holds the state at the bound meanwhile.
        """
        inside = np.array([1.0 - _INSIDE if side > 0 else _INSIDE])
        bound = np.array([1.0 if side > 0 else 0.0])
        grid = np.append(np.arange(now, end, (end - now) * _LONGEST_STEP), end)
        for k, time in enumerate(grid):
            if side * self._rate(float(time), inside)[0] >= 0:
                self._rate(float(time), bound)  # an error, where nothing holds the state
            else:
                late, early = float(time), float(grid[max(k - 1, 0)])
                for _ in range(_HALVINGS):
                    middle = 0.5 * (early + late)
                    early, late = (
                        (early, middle)
                        if side * self._rate(middle, inside)[0] < 0
                        else (middle, late)
                    )
                return late, k + 1 + _HALVINGS
        return end, len(grid)
