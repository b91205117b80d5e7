import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import InputError


def test_a_sine_knows_where_its_polarity_changes():
    sine = sn.Sine(amplitude=2.0, frequency=1e3, periods=1.5)
    np.testing.assert_allclose(sine.breakpoints_s, [0, 0.5e-3, 1e-3, 1.5e-3])
    assert sine.volts(np.array([0.25e-3]))[0] == pytest.approx(2.0)
    assert sine.spice_source() == "sin(0 2 1000)"
    with pytest.raises(InputError, match="frequency = 0"):
        sn.Sine(frequency=0.0)


def test_a_triangle_passes_its_peaks_and_breaks_at_zero():
    triangle = sn.PiecewiseLinear.triangle(0.75, -1.25, frequency=0.05)
    np.testing.assert_allclose(triangle.volts(np.array([5.0, 15.0, 20.0])), [0.75, -1.25, 0.0])
    assert np.any(np.isclose(triangle.breakpoints_s, 5 + 10 * 0.75 / 2.0))
    assert triangle.spice_source().startswith("pwl(0 0 5 0.75")
    with pytest.raises(InputError, match="as many volts as times"):
        sn.PiecewiseLinear(np.array([0.0, 1.0]), np.array([0.0]))
