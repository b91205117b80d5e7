"""What figures of fits and of switching cycles show: data, curves, differences and correlations by
hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from spicesnn.devices.measurements import PulseTrain, Sweep
from spicesnn.plotting import cycles, fit
from spicesnn.plotting.style import new_figure


@pytest.fixture
def axes():
    return new_figure().subplots()


def drawn(line):
    return list(line.get_xdata()), list(line.get_ydata())


VOLTS = np.array([0.0, 0.5, -0.5])
SWEEP = Sweep(time=np.arange(3.0), volts=VOLTS, amps=np.array([0.0, 2e-6, -4e-6]))
TRAIN = PulseTrain(volts=np.ones(3), width_s=np.full(3, 1e-6), siemens=np.array([2e-6, 3e-6, 5e-6]))


def result_of(data, fitted):
    return SimpleNamespace(
        data=data,
        fitted=np.array(fitted),
        device=SimpleNamespace(name="vteam"),
        relative_rmse=0.0314,
    )


@pytest.mark.parametrize(
    ("data", "fitted", "x", "measured", "curve", "left", "labels"),
    [
        (
            SWEEP,
            [0.0, 3e-6, -3e-6],
            [0.0, 0.5, -0.5],
            [0, 2, -4],
            [0, 3, -3],
            [0.0, 0.25, 0.25],
            ("voltage (V)", "current (µA)", "sample"),
        ),
        (
            TRAIN,
            [2e-6, 4e-6, 4e-6],
            [1, 2, 3],
            [2, 3, 5],
            [2, 4, 4],
            [0.0, 0.2, -0.2],
            ("pulse", "conductance (µS)", "pulse"),
        ),
    ],
)
def test_a_fit_is_drawn_over_its_data_and_is_too_large_where_the_difference_is_positive(
    data, fitted, x, measured, curve, left, labels
):
    one, two = fit.fit_figure(result_of(data, fitted)).axes
    points, line = one.get_lines()
    for found, wanted in ((points, measured), (line, curve)):
        assert drawn(found) == (x, pytest.approx(wanted))
    assert list(two.get_lines()[0].get_ydata()) == pytest.approx(left)
    assert (one.get_xlabel(), one.get_ylabel(), two.get_xlabel()) == labels
    assert one.get_title() == "Fit, relative scatter 0.031"


def test_a_pulse_table_is_drawn_one_way_and_then_back():
    up, down = np.array([1e-6, 2e-6, 4e-6]), np.array([4e-6, 1e-6])
    result = SimpleNamespace(
        curve=SimpleNamespace(raising=up),
        measured=(up, down),
        fitted=(np.array([1e-6, 2.5e-6, 4e-6]), np.array([4e-6, 0.8e-6])),
        parameters={"scatter": 0.3e-6},
    )
    left, right = fit.pulse_table_figure(result).axes
    lines = [drawn(line) for line in left.get_lines()]
    assert lines == [
        ([0, 1, 2], pytest.approx([1, 2, 4])),
        ([0, 1, 2], pytest.approx([1, 2.5, 4])),
        ([2, 3], pytest.approx([4, 1])),  # the reset pulses follow on the set pulses
        ([2, 3], pytest.approx([4, 0.8])),
    ]
    above, below = right.get_lines()[:2]
    assert drawn(above) == ([0, 1, 2], pytest.approx([0, 0.5, 0]))
    assert drawn(below) == ([2, 3], pytest.approx([0, -0.2]))
    band = right.patches[0].get_extents().transformed(right.transData.inverted())
    assert (band.y0, band.y1) == pytest.approx((-0.3, 0.3))
    assert left.get_ylabel() == "conductance (µS)"


def test_cycles_are_counted_in_percent_of_their_own_number(axes):
    cycles.distribution(axes, np.array([3e3, 1e3, 2e3]), np.array([1.5e3, 2.5e3]), "LRS", "Ω")
    measured, made = axes.get_lines()
    assert drawn(measured) == (pytest.approx([1, 2, 3]), [0, 50, 100])
    assert drawn(made) == (pytest.approx([1.5, 2.5]), [0, 100])
    assert (axes.get_xlabel(), axes.get_xscale()) == ("LRS (kΩ)", "linear")


def rank_correlation(one, other):
    return np.corrcoef(*(np.argsort(np.argsort(values)) for values in (one, other)))[0, 1]


def test_a_cycle_is_correlated_with_the_cycles_after_it(axes):
    """Two devices, whose cycles are never taken for one another's."""
    rng = np.random.default_rng(0)
    parts = (rng.normal(size=(9, 4)), rng.normal(size=(12, 4)))
    made = rng.normal(size=(3, 8, 4))
    cycles.correlations(axes, SimpleNamespace(cycles=parts), made)
    lines = axes.get_lines()
    assert len(lines) == 8
    for k in range(4):
        for line, some in ((lines[2 * k], parts), (lines[2 * k + 1], tuple(made))):
            lags, found = drawn(line)
            assert lags[:4] == [0, 1, 2, 3]
            for lag in range(4):
                now = np.concatenate([part[: len(part) - lag, k] for part in some])
                later = np.concatenate([part[lag:, k] for part in some])
                assert found[lag] == pytest.approx(rank_correlation(now, later), abs=1e-9)
    assert lines[0].get_ydata()[0] == pytest.approx(1.0)
