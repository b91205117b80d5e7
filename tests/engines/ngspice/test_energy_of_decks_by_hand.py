"""Joules of a pulse from the points that ngspice leaves, against integrals of straight lines."""

from types import SimpleNamespace

import numpy as np
import pytest

from spicesnn.engines.ngspice.pulses import _delivered
from spicesnn.engines.results import Waveforms


def column(*values):
    return np.array(values, dtype=float)[:, None]


START = SimpleNamespace(row_volts=column(0.0), column_volts=column(0.5))


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
