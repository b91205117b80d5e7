"""Exponentials that cannot overflow: themselves within their limit, their tangent beyond it."""

import math

import numpy as np
import pytest

from spicesnn.devices import limits
from spicesnn.errors import InputError

INSIDE = np.array([-40.0, -3.0, 0.0, 1e-9, 0.7, 40.0])
BEYOND = np.array([40.5, 41.0, 100.0, 1e4])


def test_within_the_limit_they_are_the_functions_themselves():
    assert limits.limited_exp(INSIDE) == pytest.approx(np.exp(INSIDE), rel=1e-15)
    assert limits.limited_exp_slope(INSIDE) == pytest.approx(np.exp(INSIDE), rel=1e-15)
    assert limits.limited_sinh(INSIDE) == pytest.approx(np.sinh(INSIDE), rel=1e-15)
    assert limits.limited_sinh_slope(INSIDE) == pytest.approx(np.cosh(INSIDE), rel=1e-15)
    assert limits.limited_exp(-800.0) == 0.0


def test_beyond_it_they_are_the_straight_line_that_touches_them_there():
    """As the SPICE forms have it: e⁴⁰·(1 + (u − 40)), and sinh 40 + cosh 40·(u − 40)."""
    tangent = math.exp(40.0) * (1 + (BEYOND - 40.0))
    assert limits.limited_exp(BEYOND) == pytest.approx(tangent, rel=1e-14)
    assert limits.limited_exp_slope(BEYOND) == pytest.approx(np.full(4, math.exp(40.0)), rel=1e-15)
    tangent = math.sinh(40.0) + math.cosh(40.0) * (BEYOND - 40.0)
    assert limits.limited_sinh(BEYOND) == pytest.approx(tangent, rel=1e-14)
    assert limits.limited_sinh(-BEYOND) == pytest.approx(-tangent, rel=1e-14)
    slope = np.full(4, math.cosh(40.0))
    assert limits.limited_sinh_slope(-BEYOND) == pytest.approx(slope, rel=1e-15)


def test_boltzmanns_constant_is_that_of_the_si_over_the_charge_of_the_electron():
    assert pytest.approx(1.380649e-23 / 1.602176634e-19, rel=1e-9) == limits.BOLTZMANN_EV


def test_conductances_are_taken_up_to_rounding():
    least, most = np.array([1e-6, 2e-6]), np.array([1e-3, 2e-3])
    taken = limits.reachable("cell", [1e-6 - 1e-13, 2e-3 + 1e-13], least, most)
    assert taken.tolist() == [1e-6, 2e-3]
    for wanted in ([0.9e-6, 1e-4], [1e-4, 2.1e-3], [np.nan, 1e-4]):
        with pytest.raises(InputError, match=r"the device spans 1e-06…0\.002 S"):
            limits.reachable("cell", wanted, least, most)
