import numpy as np

from spicesnn.nonidealities.compiled import POOL, read_noisily


def test_read_noise_is_that_of_a_device_and_of_its_balance_line():
    """A device in the window from 10 to 100 µS beside a line in its middle: mean and standard
    deviation of what a read adds, and what two devices share."""
    rng, middle, many = np.random.default_rng(3), np.float32(1.1e-4 / 0.9e-4), 20000
    noise = (0.1 * rng.standard_normal(POOL + 3)).astype(np.float32)
    row, words = (
        np.array([0.5, -0.5, 1.0], np.float32),
        rng.integers(1, 2**63, 4).astype(np.uint64),
    )
    v = np.zeros((many, 3), np.float32)
    for k in range(many):
        read_noisily(noise, words, row, middle, v[k])
    expected = 0.1 * np.sqrt((row + middle) ** 2 + middle**2)
    np.testing.assert_allclose(v.mean(axis=0), row, atol=0.01)
    np.testing.assert_allclose(v.std(axis=0), expected, rtol=0.02)
    assert np.corrcoef(v[:, 0], v[:, 2])[0, 1] > 0.2
