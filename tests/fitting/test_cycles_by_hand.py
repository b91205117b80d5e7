"""The moments of cycles against the closed forms of processes that are known."""

import numpy as np
import pytest

from spicesnn.fitting.cycles import (
    _covariances,
    _fitted,
    _read,
    _schwarz,
    _variance_of_mean,
    _yule_walker,
)


def test_coefficients_and_noise_come_back_from_their_covariances():
    """A process of order two that no transposition leaves as it is."""
    one = np.array([[0.5, 0.3], [-0.1, 0.2]])
    two = np.array([[-0.2, 0.1], [0.25, 0.1]])
    noise = np.array([[1.0, 0.4], [0.4, 0.5]])
    lags = _covariances(np.stack([one, two]), noise, 3)
    # Cov(n + 1, n) and so on, by the equation of the process itself
    assert lags[2] == pytest.approx(one @ lags[1] + two @ lags[0])
    assert lags[1] == pytest.approx(one @ lags[0] + two @ lags[1].T)
    assert lags[0] == pytest.approx(one @ lags[1].T + two @ lags[2].T + noise)
    found, left = _yule_walker(lags[:3])
    assert found == pytest.approx(np.stack([one, two]), abs=1e-9)
    assert left == pytest.approx(noise, abs=1e-9)


def test_the_mean_of_cycles_that_remember_varies_as_the_textbook_says():
    phi, variance = 0.6, 1 / (1 - 0.6**2)

    def of(length):
        k = np.arange(1, length)
        return variance / length * (1 + 2 * np.sum((1 - k / length) * phi**k))

    for lengths in ([7], [7, 7, 20], [20, 30, 7, 7]):
        found = _variance_of_mean(np.array([[[phi]]]), np.eye(1), lengths)
        assert found[0, 0] == pytest.approx(np.mean([of(n) for n in lengths]), rel=1e-9)


def test_short_records_of_equal_devices_show_no_difference_and_no_memory():
    """Twelve cycles each: their own means take a twelfth of the variance, and seem to remember."""
    rng = np.random.default_rng(0)
    parts = list(rng.standard_normal((1500, 12, 2)))
    coefficients, noise, devices = _fitted(parts, 1)
    assert coefficients[0] == pytest.approx(np.zeros((2, 2)), abs=0.025)
    assert noise == pytest.approx(np.eye(2), abs=0.03)
    assert devices == pytest.approx(np.zeros((2, 2)), abs=0.015)


def test_few_devices_are_as_different_in_the_mean_as_many():
    """Three devices whose means vary as much as their cycles."""
    rng = np.random.default_rng(1)
    ratios = []
    for _ in range(50):
        own = rng.standard_normal((3, 1, 4))
        _, noise, devices = _fitted(list(own + rng.standard_normal((3, 60, 4))), 1)
        ratios.append(np.diag(devices) / np.diag(noise))
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.2)


def test_the_criterion_of_schwarz_counts_every_coefficient():
    noise = np.array([[0.5, 0.1], [0.1, 0.3]])
    for order, count in ((1, 50), (3, 400)):
        wanted = count * np.log(0.5 * 0.3 - 0.01) + 4 * order * np.log(count)
        assert _schwarz(noise, order, count) == pytest.approx(wanted, rel=1e-9)


def test_columns_are_read_in_their_units_and_cycles_in_their_order(tmp_path):
    path = tmp_path / "cycles.csv"
    head = "LRS ({}),set_volts ({}),device,cycle,hrs_ohm ({}),reset volts ({})\n"
    for units, factors in (
        (("kOhm", "mV", "MΩ", "V"), (1e3, 1e-3, 1e6, 1.0)),
        (("Ω", "V", "kΩ", "mV"), (1.0, 1.0, 1e3, 1e-3)),
        (("MOhm", "v", "ohm", "mv"), (1e6, 1.0, 1.0, 1e-3)),
    ):
        path.write_text(head.format(*units) + "3,5,b,2,7,-9\n30,50,b,1,70,-90\n2,4,a,1,6,-8\n")
        found = {len(part): part for part in _read(path)}
        low, volts, high, back = factors
        wanted = np.array(
            [
                [50 * volts, -90 * back, 30 * low, 70 * high],
                [5 * volts, -9 * back, 3 * low, 7 * high],
            ]
        )
        assert found[2] == pytest.approx(wanted, rel=1e-12)
        assert found[1] == pytest.approx(
            np.array([[4 * volts, -8 * back, 2 * low, 6 * high]]), rel=1e-12
        )
