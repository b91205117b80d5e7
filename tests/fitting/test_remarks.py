"""What a fit says besides its numbers, sentence by sentence, with every figure recomputed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from spicesnn.devices import registry
from spicesnn.devices.measurements import Sweep
from spicesnn.fitting.minimum import MISSES, hang_together, misses, scatter
from spicesnn.fitting.problem import Effort, rough_weight
from spicesnn.fitting.remarks import remarks

VTEAM = registry.make("vteam")


@dataclass
class Fitted:
    """What `remarks` asks of a problem."""

    data: Sweep
    names: tuple[str, ...] = ("r_on", "r_off", "k_on")
    device: Any = VTEAM
    polarity: int = 1
    limit: Any = None
    ends: tuple[bool, ...] = (False, False, False)
    soft: bool = False
    effort: Effort = field(default_factory=lambda: Effort(most=1e6))

    @property
    def measured(self):
        return self.data.amps

    def values(self, z):
        return np.array([1234.5, 98765.0, 3.0])[: len(z)]

    def at_ends(self, z):
        return np.array(self.ends)


def loop(points=81, amps=None, **more):
    time = np.linspace(0, 1, points)
    volts = 1.25 * np.sin(2 * np.pi * time)
    return Sweep(time=time, volts=volts, amps=1e-4 * volts if amps is None else amps, **more)


def said(problem, *, deviation=(0.01, 0.01, 0.01), correlation=None, rmse=0.01, fitted=None):
    return remarks(
        problem,
        np.zeros(3),
        np.array(deviation),
        np.eye(3) if correlation is None else correlation,
        rmse,
        0.02,
        problem.measured if fitted is None else fitted,
    )


def test_a_good_fit_says_which_voltages_set_and_nothing_else():
    assert said(Fitted(loop())) == ("set by negative voltages",)
    turned = said(Fitted(loop(), polarity=-1))
    assert turned == (
        "set by positive voltages; the model's terminals are exchanged: its positive one is the"
        " measurement's lower one",
    )


def test_what_the_data_leave_open_is_named_with_the_volts_that_were_measured():
    words = said(Fitted(loop()), deviation=(0.01, np.inf, 0.8))
    assert words[1].startswith("not determined by these data: r_off.")
    assert "further than -1.25 … 1.25 V" in words[1]
    assert words[2] == (
        "r_off = 9.876e+04 Ω stands for any that is beyond the highest resistance that was measured"
    )
    assert words[3] == "k_on is known only to a factor of 2.2 (one standard deviation)"  # e^0.8
    lowest = said(Fitted(loop()), deviation=(np.inf, 0.01, 0.69))
    assert "lowest resistance" in lowest[2]
    assert len(lowest) == 3


def test_an_end_of_the_search_is_said_of_what_the_data_determine():
    words = said(Fitted(loop(), ends=(True, False, True)), deviation=(0.1, 0.1, np.inf))
    assert [w for w in words if "an end of what" in w] == [
        "r_on is at an end of what the search allows, 1234"
    ]


def test_parameters_that_go_together_say_how_much_one_of_them_alone_is_known():
    correlation = np.eye(3)
    correlation[0, 2] = correlation[2, 0] = -0.99
    correlation[0, 1] = correlation[1, 0] = 0.98  # not above
    words = said(Fitted(loop()), correlation=correlation)
    assert words[1] == (
        "r_on and k_on go together (correlation -0.9900): with one of them held the other is known"
        " 7.1 times as well"  # 1/√(1 − 0.99²) = 7.09
    )
    assert len(words) == 2


def two_sweeps(second):
    """Two rising sweeps; the first goes from 100 kΩ to 1 kΩ, the second from `second` to 1 kΩ."""
    volts = np.tile(np.linspace(0.1, 1.0, 21), 2)
    ohms = np.concatenate([np.geomspace(1e5, 1e3, 21), np.geomspace(second, 1e3, 21)])
    time = np.arange(42.0)
    return Sweep(time=time, volts=volts, amps=volts / ohms, starts=np.array([0, 21]))


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (1e5, "every sweep begins in the state of the first"),
        (1e3, "every sweep goes on in the state in which the last has ended"),
    ],
)
def test_several_sweeps_say_in_which_state_they_begin(second, words):
    assert words in said(Fitted(two_sweeps(second)))


def test_a_compliance_is_said_where_it_acts_and_nowhere_else():
    limits = np.full(81, np.inf)
    limits[40:] = 1e-4
    held = loop(amps=np.minimum(1e-3 * np.sin(2 * np.pi * np.linspace(0, 1, 81)), 1e-4))
    limited = Sweep(time=held.time, volts=held.volts, amps=held.amps, limit_amps=limits)
    assert not any("compliance" in w for w in said(Fitted(loop())))
    assert said(Fitted(limited, limit=limits))[1] == (
        "the compliance of 100 µA is part of the circuit of this fit"
    )
    assert said(Fitted(limited))[1].startswith(
        "the compliance of 100 µA is no part of the circuit: vteam"
    )


def test_a_miss_says_how_far_and_in_which_part_of_the_curve():
    data = loop(801)
    falling = (data.volts < 0) & (np.gradient(np.abs(data.volts)) < 0)
    rising = (data.volts > 0) & (np.gradient(np.abs(data.volts)) >= 0)
    fitted = data.amps.copy()
    fitted[falling] *= 1.3
    fitted[rising] *= 1.05
    (_, verdict) = said(Fitted(data), rmse=0.2, fitted=fitted)
    squares = ((fitted - data.amps) / rough_weight(data.amps)) ** 2
    share = 100 * squares[falling].sum() / squares.sum()
    assert f"most at falling negative voltages ({share:.0f} % of the squares)" in verdict
    assert "its residuals are 0.2 of the values, 10 times the scatter" in verdict
    assert f"({0.025 / MISSES:.2g})" in verdict
    assert re.search(r"spicesnn fit all\)$", verdict)
    mirrored = said(Fitted(data, polarity=-1), rmse=0.2, fitted=fitted)[-1]
    assert "falling positive voltages" in mirrored


def test_the_scatter_is_that_of_each_size_of_value_by_its_share_of_the_points():
    rng = np.random.default_rng(3)
    size = np.repeat([1.0, 0.2, 0.02], 4000)  # one block in each of three ranges of size
    noise = np.repeat([0.01, 0.03, 0.1], 4000)
    amps = size * (1 + noise * rng.normal(size=size.size))
    data = loop(size.size, amps=amps)
    floor = size / (size + 0.01 * amps.max())
    expected = np.sqrt(np.mean((noise * floor) ** 2))
    assert scatter(Fitted(data)) == pytest.approx(expected, rel=0.04)
    # Residuals of a search are differences of asinh(100 y / top): dy / hypot(y, top / 100).
    expected = np.sqrt(np.mean((noise * size / np.hypot(size, 0.01 * amps.max())) ** 2))
    assert scatter(Fitted(data, soft=True)) == pytest.approx(expected, rel=0.04)


def test_residuals_that_hang_together_are_a_miss_however_small():
    """Noise of 2 % is none; a curve that is 1 % beside the data over half of the sweep, beside a
    noise of 1 %, is."""
    data = loop(801)
    noise = 0.02 * np.random.default_rng(3).standard_normal(801)
    assert not hang_together(noise)
    assert not any(
        "misses" in one for one in said(Fitted(data), rmse=0.02, fitted=data.amps * (1 + noise))
    )
    beside = 0.5 * noise + np.where(np.arange(801) < 400, 0.01, -0.01)
    assert hang_together(beside)
    assert not misses(0.01, beside, 0.02)  # less than the data scatter: nothing is missed
    assert misses(0.0145, beside, 0.0155)
    (_, verdict) = said(Fitted(data), rmse=0.0205, fitted=data.amps * (1 + beside))
    assert "1 times the scatter" in verdict
    assert "and hang together from point to point" in verdict
