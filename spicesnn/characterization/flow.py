"""Where a state goes in a given time when the logarithm of its rate is a straight line between
points: closed form, no steps."""

from __future__ import annotations

import numpy as np

from spicesnn.arrays import Floats

_LEVEL = 1e-9
"""Ends of an interval that are closer than this have one rate between them."""
_NEVER = 1e300
_AT_ONCE = 2_000_000
"""Numbers in a piece of work."""


def moved(states: Floats, squeezed: Floats, least: float, start: Floats, seconds: float) -> Floats:
    r"""Return the states after `seconds` under rates that do not change with time, each start with
    its own.

    Between two points of the grid s = asinh(rate/least) is straight in the state x, of slope b, so
    that

    .. math:: t = \int \frac{dx}{l \sinh s} = \frac{1}{l b} \left[\ln\tanh\frac{s}{2}\right], \qquad \ln\tanh\frac{s}{2} = -2\,\mathrm{artanh}\,e^{-s}

    which is solved for s as it stands. A state where the rate is 0 is never passed.

    Parameters
    ----------
    states : (n,)
        Increasing; the state stops at the first and the last.
    squeezed : (k, n)
        asinh of the rates over `least` at the states, a row for each start.
    least : float
        Rate, state units a second.
    start : (k,)
    seconds : float
    """
    found = np.array(start, dtype=float)
    at = np.clip(np.searchsorted(states, found, side="right") - 1, 0, states.size - 2)
    share = (found - states[at]) / (states[at + 1] - states[at])
    every = np.arange(found.size)
    s = (1.0 - share) * squeezed[every, at] + share * squeezed[every, at + 1]
    for rising in (True, False):
        for some in np.array_split(
            np.flatnonzero((s > 0) if rising else (s < 0)), 1 + found.size * states.size // _AT_ONCE
        ):
            if rising:
                found[some] = _risen(states, squeezed[some], least, found[some], seconds)
            else:
                found[some] = -_risen(
                    -states[::-1], -squeezed[some, ::-1], least, -found[some], seconds
                )
    return found


def _clock(s: Floats) -> Floats:
    """Return ln tanh(s/2), and minus infinity for s ≤ 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(-2.0 * np.arctanh(np.exp(-np.maximum(s, 0.0))))


def _seconds(begin: Floats, end: Floats, width: Floats, least: float) -> Floats:
    """Return the time through intervals in which s goes from `begin` > 0 to `end`; without end
    where s ends at 0 or below."""
    steep = np.where(np.abs(end - begin) > _LEVEL, end - begin, 1.0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        sloped = width / (least * steep) * (_clock(end) - _clock(begin))
        level = width / (least * np.sinh(begin))
    return np.where(
        (begin > 0) & (end > 0), np.where(np.abs(end - begin) > _LEVEL, sloped, level), _NEVER
    )


def _risen(states: Floats, s: Floats, least: float, start: Floats, seconds: float) -> Floats:
    """Return `moved` of states that rise."""
    every, count = np.arange(start.size), states.size
    at = np.clip(np.searchsorted(states, start, side="right") - 1, 0, count - 2)
    share = (start - states[at]) / (states[at + 1] - states[at])
    own = (1.0 - share) * s[every, at] + share * s[every, at + 1]
    through = _seconds(s[:, :-1], s[:, 1:], np.diff(states), least)
    first = _seconds(own, s[every, at + 1], states[at + 1] - start, least)
    through[np.arange(count - 1)[None, :] < at[:, None]] = 0.0
    through[every, at] = first
    reached = np.cumsum(
        np.minimum(through, _NEVER / count), axis=1
    )  # (k, n - 1): time at the end of each interval
    passed = np.sum(reached <= seconds, axis=1)
    done = passed == count - 1
    last = np.minimum(passed, count - 2)
    left = seconds - np.where(passed > at, reached[every, np.maximum(last - 1, 0)], 0.0)
    inside = passed <= at
    x0, s0 = np.where(inside, start, states[last]), np.where(inside, own, s[every, last])
    slope = (s[every, last + 1] - s0) / np.where(states[last + 1] > x0, states[last + 1] - x0, 1.0)
    flat = np.abs(s[every, last + 1] - s0) <= _LEVEL
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        s1 = -np.log(np.tanh(-0.5 * np.minimum(_clock(s0) + slope * least * left, 0.0)))
        step = np.where(flat, least * np.sinh(s0) * left, (s1 - s0) / np.where(flat, 1.0, slope))
    step = np.where(np.isfinite(step), step, np.where(s1 > s0, np.inf, 0.0))
    return np.asarray(np.where(done, states[-1], np.clip(x0 + step, x0, states[last + 1])))
