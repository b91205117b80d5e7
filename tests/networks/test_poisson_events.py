"""Input events of Poisson processes: chosen by weight, counted as they should be."""

import numpy as np
import pytest

from spicesnn.encoding.events import (
    alias_table,
    choose,
    count_events,
    poisson_events,
    poisson_ladder,
    seed_words,
    uniform,
)


def test_the_alias_table_chooses_by_weight():
    weights = np.array([1.0, 5.0, 2.0, 8.0])
    cut, other = np.empty(4, np.uint32), np.empty(4, np.int32)
    assert alias_table(weights, 4, cut, other) == 16.0
    words = seed_words(np.random.default_rng(0))
    drawn = np.bincount([choose(words, 4, cut, other) for _ in range(40_000)], minlength=4) / 40_000
    np.testing.assert_allclose(drawn, weights / 16, atol=0.01)


def test_event_counts_are_poisson():
    ladder = np.empty(64)
    poisson_ladder(3.2, ladder)
    words = seed_words(np.random.default_rng(1))
    counts = np.array([count_events(words, ladder) for _ in range(40_000)])
    assert counts.mean() == pytest.approx(3.2, abs=0.04)
    assert counts.var() == pytest.approx(3.2, abs=0.1)


def test_uniforms_fill_the_unit_interval():
    words = seed_words(np.random.default_rng(2))
    u = np.array([uniform(words) for _ in range(20_000)])
    assert 0 <= u.min() < 1e-3
    assert 1 - 1e-3 < u.max() < 1
    assert u.mean() == pytest.approx(0.5, abs=0.01)


def test_events_of_samples_come_at_their_rates_and_several_in_a_step():
    values, events = np.array([[1.0, 0.0, 0.25], [0.0, 0.0, 0.0]]), np.empty((2, 20_000, 3))
    poisson_events(seed_words(np.random.default_rng(3)), values, 0.8, events)
    assert not events[1].any()
    assert events[0].mean(axis=0) == pytest.approx([0.8, 0.0, 0.2], abs=0.02)
    assert events[0].var(axis=0) == pytest.approx([0.8, 0.0, 0.2], abs=0.03)
    assert events.max() >= 4
