"""Figures assert what they show: data, units, labels; how they look was judged by eye."""

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spicesnn as sn
from spicesnn.devices.registry import make
from spicesnn.engines.results import IVCurve
from spicesnn.errors import InputError
from spicesnn.neurons.lif import LIF
from spicesnn.plotting import bars, iv, maps, results, starts, stdp, traces
from spicesnn.plotting.style import new_figure, scaled, style


@pytest.fixture
def axes():
    return new_figure().subplots()


def curve(engine="nodal", scale=1e-3, points=400):
    time = np.linspace(0.0, 2e-3, points)
    volts = np.sin(2e3 * np.pi * time)
    return IVCurve(
        time=time,
        volts=volts,
        amps=scale * volts,
        state=1e-9 + 1e-9 * time / 2e-3,
        device="vteam",
        engine=engine,
    )


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-17, 1e14))
def test_scaled_values_lie_between_one_and_a_thousand(value):
    shown, unit = scaled([value, -value / 3], "A")
    assert 0.9989 <= shown[0] < 1000 or unit in ("TA", "aA")
    assert unit.endswith("A")


def test_style_leaves_the_callers_settings_alone():
    before = mpl.rcParams["axes.grid"], mpl.rcParams["font.size"]
    with style():
        assert mpl.rcParams["axes.grid"] is True
    assert (mpl.rcParams["axes.grid"], mpl.rcParams["font.size"]) == before


def test_the_loop_shows_both_curves_in_one_unit(axes):
    curves = [curve(), curve("ngspice", scale=1.001e-3)]
    assert iv.iv_loop(axes, curves) is axes
    assert axes.get_ylabel() == "current (mA)"
    lines = axes.get_lines()
    np.testing.assert_allclose(lines[0].get_ydata(), curves[0].amps * 1e3)
    np.testing.assert_allclose(lines[1].get_ydata(), curves[1].amps * 1e3)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["nodal", "ngspice"]


def test_the_logarithmic_view_leaves_out_the_crossings(axes):
    iv.iv_log(axes, [curve()])
    low, high = axes.get_ylim()
    assert high > 1e-3
    assert low > 1e-3 * 1e-8
    assert axes.get_yscale() == "log"


def test_the_state_is_shown_as_a_share_of_its_range(axes):
    iv.state_over_time(axes, [curve()], sn.devices.VTEAM())
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata()[[0, -1]], [1 / 3, 2 / 3])
    assert axes.get_ylabel() == "state, fraction of its range"


def test_the_difference_is_relative_to_the_peak(axes):
    iv.engine_difference(axes, [curve(), curve("ngspice", scale=1.002e-3)])
    assert np.max(axes.get_lines()[0].get_ydata()) == pytest.approx(2e-3, rel=1e-6)


def test_four_views_of_one_device_and_of_two_engines():
    device = sn.devices.VTEAM()
    titles = [panel.get_title() for panel in iv.iv_figure([curve(), curve("ngspice")], device).axes]
    assert titles == ["IV loop", "Logarithmic view", "State", "ngspice against nodal"]
    assert iv.iv_figure([curve()], device).axes[3].get_title() == "Over time"


def test_a_dead_device_can_be_drawn():
    assert (
        len(iv.iv_figure([curve(scale=0.0), curve("ngspice", scale=0.0)], sn.devices.VTEAM()).axes)
        == 4
    )


def test_small_conductance_maps_carry_numbers_and_large_ones_do_not(axes):
    maps.conductance_map(axes, np.array([[1e-5, 2e-5], [3e-5, 4.56e-5]]))
    assert [text.get_text() for text in axes.texts] == ["10.0", "20.0", "30.0", "45.6"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("bit line", "word line")
    large = new_figure().subplots()
    maps.conductance_map(large, np.full((20, 20), 1e-5))
    assert len(large.texts) == 0


def test_two_maps_with_one_full_scale_have_one_colour_scale():
    figure = new_figure()
    left, right = figure.subplots(1, 2)
    maps.conductance_map(left, np.full((2, 2), 1e-9), full_scale=1e-4)
    maps.conductance_map(right, np.full((2, 2), 1e-4), full_scale=1e-4)
    assert left.images[0].get_clim() == right.images[0].get_clim() == pytest.approx((0.0, 100.0))


def test_weights_have_a_scale_that_is_symmetric_about_zero(axes):
    maps.weight_map(axes, np.array([[0.5, -2.0]]))
    assert axes.images[0].get_clim() == (-2.0, 2.0)


def test_ir_drop_is_a_percentage_of_the_drive(axes):
    maps.ir_drop_map(axes, np.array([[0.09, 0.08], [0.2, 0.1]]), np.array([0.1, 0.2]))
    np.testing.assert_allclose(axes.images[0].get_array(), [[90, 80], [100, 50]])


def test_receptive_fields_are_one_picture_a_class_without_the_bias_row():
    weights = np.arange(20.0).reshape(10, 2)
    figure = maps.receptive_fields(weights, (3, 3), ["a", "b"])
    np.testing.assert_allclose(figure.axes[1].images[0].get_array(), weights[:9, 1].reshape(3, 3))
    assert [panel.get_title() for panel in figure.axes[:2]] == ["a", "b"]
    wide = maps.receptive_fields(weights[:6], (2, 3), ["a", "b"]).axes[0].images[0]
    np.testing.assert_allclose(wide.get_array(), [[0, 2, 4], [6, 8, 10]])


def test_accuracy_is_in_percent_and_leaves_out_what_was_not_measured(axes):
    results.accuracy_by_epoch(axes, {"test": [0.5, np.nan, 0.9]})
    line = axes.get_lines()[0]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([1, 3], [50.0, 90.0])
    assert axes.get_legend().get_texts()[0].get_text() == "test (final 90.0 %)"


def test_series_measured_at_different_times_have_their_own_colours(axes):
    results.accuracy_by_epoch(axes, {"test": [0.5, 0.6, 0.7]}, epochs=[1, 2, 3])
    results.accuracy_by_epoch(axes, {"train": [0.9]}, epochs=[3], first_colour=1)
    first, second = axes.get_lines()
    assert first.get_color() != second.get_color()
    assert (list(second.get_xdata()), list(second.get_ydata())) == ([3], [90.0])


def test_confusion_counts_the_diagonal_and_shows_no_answer_apart(axes):
    results.confusion_matrix(axes, [[3, 1, 0], [0, 2, 2]], ["a", "b"])
    assert axes.get_title() == "Confusion: 5 of 8 right"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b", "–"]


def test_spikes_stand_at_their_times(axes):
    results.spike_raster(axes, [[1e-4, np.inf], [], [3e-4]], ["a", "b", "c"], marks=[(2e-4, "X")])
    assert axes.get_xlabel() == "time (µs)"
    np.testing.assert_allclose(
        [list(c.get_positions()) for c in axes.collections if len(c.get_positions())],
        [[100.0], [300.0]],
    )


def test_energy_adds_up(axes):
    results.energy_by_epoch(axes, [1e-6, 1e-6], [2e-6, 0.0])
    top = max(path.vertices[:, 1].max() for c in axes.collections for path in c.get_paths())
    assert (top, axes.get_ylabel()) == (pytest.approx(4.0), "energy so far (µJ)")


def test_starts_are_counted_in_the_epoch_they_converge_in(axes):
    starts.convergence(axes, [1, 3, 3, 9], [True, True, True, False])
    assert [bar.get_height() for bar in axes.patches] == [0, 1, 0, 2, 0, 0, 0, 0, 0, 0]
    assert axes.get_title() == "3 of 4 starts converged"
    (so_far,) = axes.figure.axes[1].get_lines()
    assert list(so_far.get_ydata()) == [0, 25, 25, 75, 75, 75, 75, 75, 75, 75]


def test_large_weight_matrices_are_a_surface():
    assert (
        len(bars.weights_3d(np.random.default_rng(0).normal(size=(400, 10))).axes[0].collections)
        == 1
    )


def test_the_histogram_counts_every_cell(axes):
    results.conductance_histogram(axes, np.full(10, 1e-5), np.linspace(1e-5, 2e-5, 30), bins=10)
    assert sum(bar.get_height() for bar in axes.patches if hasattr(bar, "get_height")) == 30


def test_the_stdp_fit_is_drawn_in_the_units_of_the_points(axes):
    delay = np.array([-20e-3, -10e-3, 10e-3, 20e-3])
    change = np.where(delay > 0, 2e-6 * np.exp(-delay / 1e-2), -1e-6 * np.exp(delay / 1e-2))
    stdp.stdp_window(
        axes, delay, change, fit=(2e-6, -1e-6, 1e-2, 1e-2), unit="S", what="change of conductance"
    )
    points, fit = axes.get_lines()[2], axes.get_lines()[3]
    at = np.interp(10.0, fit.get_xdata(), fit.get_ydata())
    assert at == pytest.approx(points.get_ydata()[2], rel=1e-2)
    assert axes.get_ylabel() == "change of conductance (nS)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: maps.conductance_map(a, np.zeros(3)), r"expected \(rows, cols\)"),
        (lambda a: maps.ir_drop_map(a, np.zeros((2, 2)), np.zeros(3)), "one per word line"),
        (
            lambda a: maps.receptive_fields(np.zeros((8, 2)), (3, 3), ["a", "b"]),
            r"expected \(9 or more, 2\)",
        ),
        (
            lambda a: results.confusion_matrix(a, np.zeros((2, 2)), ["a", "b", "c"]),
            r"expected \(3, 3\) for 3 classes",
        ),
        (lambda a: results.spike_raster(a, [[1.0]], ["a", "b"]), "1 trains of spikes for 2 names"),
        (lambda a: results.energy_by_epoch(a, [1.0], [1.0, 2.0]), r"expected \(epochs,\) both"),
        (lambda a: bars.weights_3d(np.full((2, 2), np.nan)), "all finite"),
        (lambda a: starts.convergence(a, [1, 2], [True]), r"expected \(starts,\) both"),
        (
            lambda a: traces.membrane_traces(a, [1.0], LIF(), ["a", "b"], time_s=1.0),
            r"expected \(2,\), one per neuron",
        ),
        (
            lambda a: traces.output_traces(a, [0, 1], np.zeros((2, 3)), [0, 1], goals=(0, 1)),
            r"expected \(2, 2\)",
        ),
        (
            lambda a: traces.error_trace(a, [0, 1], [1.0, 0.5], [1.0]),
            r"expected \(points,\) of all",
        ),
        (lambda a: traces.course(a, [0, 1], np.zeros((3, 2))), r"expected \(2, word lines\)"),
    ],
)
def test_bad_shapes_say_what_was_expected(axes, call, message):
    with pytest.raises(InputError, match=message):
        call(axes)


def test_each_of_several_states_is_a_share_of_its_own_range():
    device = make("pai-yu-chen-heated")
    low, high = (np.asarray(bound, dtype=float).ravel() for bound in device.bounds())
    state = np.linspace(low, high, 5).T
    curve = IVCurve(
        time=np.arange(5.0),
        volts=np.zeros(5),
        amps=np.zeros(5),
        state=state,
        device=device.name,
        engine="nodal",
    )
    axes = iv.state_over_time(new_figure().subplots(), [curve], device)
    assert [line.get_ydata().tolist() for line in axes.lines] == [
        pytest.approx([0, 0.25, 0.5, 0.75, 1.0])
    ] * 2
