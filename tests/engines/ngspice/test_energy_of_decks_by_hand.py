"""Joules of a pulse from the points that ngspice leaves, against integrals by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from spicesnn.engines.ngspice.pulses import _delivered
from spicesnn.engines.results import Waveforms


def column(*values):
    return np.array(values, dtype=float)[:, None]


START = SimpleNamespace(
    time_s=np.array([0.0, 1.0, 3.0]), row_volts=column(0.0), column_volts=column(0.5)
)


def test_volts_and_currents_are_straight_between_points_and_sense_nodes_take_what_they_get():
    """Rows 2/3 + 6 J; columns, whose current flows into the source, 1/2 + 1/6 J."""
    lines = Waveforms(
        time=np.array([0.0, 1.0, 3.0]),
        row_volts=column(0, 1, 1),
        row_amps=column(0, 2, 4),
        column_volts=column(0.5, 0.5, 0),
        column_amps=column(1, 1, -1),
    )
    assert _delivered(lines, START) == pytest.approx(6.0, rel=1e-12)


def test_currents_of_the_first_point_stand_from_the_beginning():
    """Without a point at 0 s: rows 1 + 6 J, columns as before."""
    lines = Waveforms(
        time=np.array([1.0, 3.0]),
        row_volts=column(1, 1),
        row_amps=column(2, 4),
        column_volts=column(0.5, 0),
        column_amps=column(1, -1),
    )
    assert _delivered(lines, START) == pytest.approx(7.0 - 2 / 3, rel=1e-12)


def test_currents_bend_between_the_corners_and_never_beyond_their_points():
    """A sinh on an edge of four steps: straight lines are 14 % above its joules. A current that jumps
    between two points stays between them."""
    time = np.linspace(0.0, 1.0, 5)
    corners = SimpleNamespace(
        time_s=np.array([0.0, 1.0]), row_volts=column(0.0), column_volts=column(0.0)
    )

    def joules(amps):
        return _delivered(
            Waveforms(
                time=time,
                row_volts=time[:, None],
                row_amps=amps[:, None],
                column_volts=np.zeros((5, 1)),
                column_amps=-amps[:, None],
            ),
            corners,
        )

    right = np.cosh(4.0) / 4 - np.sinh(4.0) / 16  # of v sinh(4 v)
    straight = np.sum(np.diff(time) * (time * np.sinh(4 * time))[:-1]) + 0.125 * np.sinh(4.0)
    assert straight > 1.1 * right
    assert joules(np.sinh(4 * time)) == pytest.approx(right, rel=0.02)
    jump = joules(np.array([0.0, 0.0, 1.0, 1.0, 1.0]))
    assert (1 - 0.25) / 2 + 0.03 < jump < (1 - 0.25) / 2 + 0.25 * 0.5  # 0 and 1 A from 0.25 s on
