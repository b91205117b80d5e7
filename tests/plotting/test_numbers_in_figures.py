"""What axes, bars and intervals of figures stand for: orientation, order, units and the statistics
that are drawn."""

import numpy as np
import pytest

from spicesnn.learning.metrics import interval
from spicesnn.plotting import results, stdp, studies, sweeps
from spicesnn.plotting.style import new_figure


@pytest.fixture
def axes():
    return new_figure().subplots()


def bars(axes, k=0):
    """Return x, lower and upper ends of the k-th set of error bars."""
    segments = [
        c for c in axes.collections if hasattr(c, "get_segments") and len(c.get_segments())
    ][k].get_segments()
    return np.array([[s[0][0], s[0][1], s[-1][1]] for s in segments]).T


def test_rows_of_the_confusion_are_true_classes_and_columns_answers(axes):
    results.confusion_matrix(axes, [[5, 3, 0], [0, 1, 3]], ["cat", "dog"])
    np.testing.assert_allclose(axes.images[0].get_array(), [[5 / 8, 3 / 8, 0], [0, 1 / 4, 3 / 4]])
    written = {(text.get_position(), text.get_text()) for text in axes.texts}
    assert written == {
        ((0, 0), "5"),
        ((1, 0), "3"),
        ((1, 1), "1"),
        ((2, 1), "3"),
    }  # x is the answer
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true class", "prediction (–: no answer)")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert axes.get_title() == "Confusion: 6 of 12 right"
    assert {text.get_text(): text.get_color() for text in axes.texts}["5"] == "white"


def test_accuracies_have_wilsons_interval_at_their_own_place(axes):
    results.accuracy_by_epoch(axes, {"test": [0.5, np.nan, 0.9]}, epochs=[2, 4, 7], samples=40)
    x, low, high = bars(axes)
    assert x.tolist() == [2, 7]
    for share, a, b in zip((0.5, 0.9), low, high, strict=True):
        assert (a / 100, b / 100) == pytest.approx(interval(share, 40), abs=1e-12)
    assert axes.get_xlim()[0] == 0


def test_energy_is_added_up_reads_on_top_of_writes(axes):
    results.energy_by_epoch(axes, [1e-6, 3e-6], [2e-6, 1e-6], step="update")
    writes, reads = (c.get_paths()[0].vertices for c in axes.collections)
    assert max(writes[writes[:, 0] == 1][:, 1]) == pytest.approx(1.0)
    assert max(writes[writes[:, 0] == 2][:, 1]) == pytest.approx(4.0)
    assert sorted(set(np.round(reads[reads[:, 0] == 1][:, 1], 9))) == pytest.approx([1.0, 3.0])
    assert sorted(set(np.round(reads[reads[:, 0] == 2][:, 1], 9))) == pytest.approx([4.0, 7.0])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["programming", "reading"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("update", "energy so far (µJ)")


ROWS = [
    {"ohm": "10", "tile": "a", "mean": 0.8, "half_width": 0.05, "seeds": 3},
    {"ohm": "2", "tile": "a", "mean": 0.9, "half_width": 0.02, "seeds": 4},
    {"ohm": "2", "tile": "b", "mean": 0.7, "half_width": float("nan"), "seeds": 1},
    {"ohm": "10", "tile": "b", "mean": 0.6, "half_width": 0.1, "seeds": 3},
]


def test_a_sweep_is_drawn_in_the_order_of_its_numbers_with_its_half_widths(axes):
    sweeps.accuracy_against(axes, ROWS, "ohm", along="tile")
    lines = [container.lines[0] for container in axes.containers]
    assert [list(line.get_xdata()) for line in lines] == [[2, 10], [2, 10]]
    assert [list(line.get_ydata()) for line in lines] == [
        pytest.approx([90, 80]),
        pytest.approx([70, 60]),
    ]
    for k, expected in enumerate(([[2, 88, 92], [10, 75, 85]], [[2, 70, 70], [10, 50, 70]])):
        np.testing.assert_allclose(bars(axes, k).T, expected)
    assert axes.get_title() == "one seed a point"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["tile: a", "tile: b"]
    named = new_figure().subplots()
    sweeps.accuracy_against(
        named,
        [
            {"rule": name, "mean": m, "half_width": 0.1, "seeds": 5}
            for name, m in (("x y", 0.2), ("ab", 0.4))
        ],
        "rule",
    )
    assert [label.get_text() for label in named.get_xticklabels()] == ["x y", "ab"]
    assert list(named.containers[0].lines[0].get_ydata()) == pytest.approx([20, 40])
    assert named.get_title() == "5 seeds a point, 95 % intervals"


def test_a_study_of_trained_networks_is_drawn_against_what_is_varied_or_measured():
    rows = [
        {"line": line, "x": x, "mean": m, "half_width": h, "seeds": 3, "energy_joule": e}
        for line, x, m, h, e in (
            ("a", 1.0, 0.9, 0.01, 2e-6),
            ("a", 4.0, 0.8, 0.02, 3e-6),
            ("b", 1.0, 0.7, 0.03, 4e-6),
            ("b", 4.0, 0.6, float("nan"), 5e-6),
        )
    ]
    axes = studies.trained_figure(rows, label="Ω", scale="log").axes[0]
    assert [list(c.lines[0].get_xdata()) for c in axes.containers] == [[1, 4], [1, 4]]
    assert [list(c.lines[0].get_ydata()) for c in axes.containers] == [
        pytest.approx([90, 80]),
        pytest.approx([70, 60]),
    ]
    np.testing.assert_allclose(bars(axes, 0).T, [[1, 89, 91], [4, 78, 82]])
    assert (axes.get_xscale(), axes.get_xlabel(), axes.get_title()) == (
        "log",
        "Ω",
        "3 seeds a point, 95 % intervals",
    )
    measured = studies.trained_figure(
        rows, label="J", scale="linear", measured="energy_joule"
    ).axes[0]
    assert [list(c.lines[0].get_xdata()) for c in measured.containers] == [
        [2e-6, 3e-6],
        [4e-6, 5e-6],
    ]


def test_the_largest_arrays_are_drawn_with_the_square_root_law():
    rows = [
        {"tolerance": t, "segment_ohm": r, "mean": n, "half_width": 2.0}
        for t, r, n in ((0.05, 1.0, 40), (0.05, 4.0, 20), (0.01, 1.0, 18))
    ]
    axes = studies.array_size_figure(rows, 512).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "square-root law",
        "error ≤ 5 %",
        "error ≤ 1 %",
    ]
    (law,) = (line for line in axes.get_lines() if line.get_linestyle() == ":")
    assert list(law.get_xdata()) == [1.0, 4.0]
    assert list(law.get_ydata()) == pytest.approx([40.0, 20.0])


def test_maps_of_cell_voltages_are_percent_of_the_drive_one_end_first():
    maps = np.array([[[1.0, 0.9], [0.8, 0.7]], [[1.0, 0.97], [0.95, 0.93]]])
    figure = studies.ir_drop_figure(maps)
    first, second = figure.axes[:2]
    np.testing.assert_allclose(first.images[0].get_array(), 100 * maps[0])
    np.testing.assert_allclose(second.images[0].get_array(), 100 * maps[1])
    assert "one end" in first.get_title()
    assert "70.0 %" in first.get_title()
    assert "93.0 %" in second.get_title()
    assert first.images[0].get_clim() == second.images[0].get_clim() == (70.0, 100.0)
    assert (first.get_xlabel(), first.get_ylabel()) == (
        "bit line (sensed at the bottom)",
        "word line (driven at the left)",
    )


def test_read_margins_are_drawn_against_the_size_in_percent():
    rows = [
        {
            "selector": s,
            "scheme": k,
            "size": n,
            "current_margin": 0.1 * j,
            "voltage_margin": 0.05 * j,
            "sneak_ratio": 0.9 - 0.1 * j,
        }
        for s in (False, True)
        for k in ("half", "third")
        for j, n in enumerate((2, 8), start=1)
    ]
    panels = studies.read_margin_figure(rows).axes
    assert len(panels) == 6
    for panel, values in zip(panels[:3], ([10, 20], [5, 10], [80, 70]), strict=True):
        line = panel.get_lines()[0]
        assert list(line.get_xdata()) == [2, 8]
        assert list(line.get_ydata()) == pytest.approx(values)
    assert [text.get_text() for text in panels[0].get_legend().get_texts()] == ["V/2", "V/3"]


def test_the_stdp_window_has_later_post_spikes_on_the_right(axes):
    delay = np.array([-2e-3, -1e-3, 1e-3, 2e-3])
    stdp.stdp_window(axes, delay, [-1.0, -2.0, 4.0, 3.0], fit=(5.0, -2.5, 1e-3, 2e-3))
    points, right, left = axes.get_lines()[2:5]
    assert list(points.get_xdata()) == pytest.approx([-2, -1, 1, 2])
    assert list(points.get_ydata()) == [-1.0, -2.0, 4.0, 3.0]
    assert (right.get_ydata()[0], left.get_ydata()[-1]) == pytest.approx((5.0, -2.5))
    assert (right.get_ydata()[-1], left.get_ydata()[0]) == pytest.approx(
        (5.0 * np.exp(-2), -2.5 * np.exp(-1))
    )
    assert (right.get_xdata()[-1], left.get_xdata()[0]) == pytest.approx((2.0, -2.0))
    assert axes.get_xlabel() == "t_post − t_pre (ms)"


def test_conductances_before_and_after_are_not_exchanged(axes):
    results.conductance_histogram(axes, np.full(4, 1e-6), np.full(9, 3e-6), bins=2)
    assert [bar.get_height() for bar in axes.patches if hasattr(bar, "get_height")] == [0, 9]
    assert axes.get_xlabel() == "conductance (µS)"
