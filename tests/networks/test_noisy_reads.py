import numpy as np

from spicesnn.networks.layered_loop import Reads, deliver_noisily
from spicesnn.nonidealities.compiled import POOL


def test_read_noise_is_that_of_a_device_and_of_its_reference_line():
    """Cells in the window from 10 to 100 µS beside a line in its middle: mean and standard
    deviation of what a read adds, and what two cells share that stand beside one line."""
    rng, middle, many = np.random.default_rng(3), 1.1e-4 / 0.9e-4, 20000
    weight = np.array([[0.5, -0.5, 1.0, 0.5]], np.float32)
    reads = Reads(
        begins=np.array([0, 1, 5]),
        thresholds=np.ones(1, np.float32),
        noise=(0.1 * rng.standard_normal(POOL + 4)).astype(np.float32),
        middles=np.array([middle], np.float32),
        every=np.array([3]),
    )
    words, spiking = rng.integers(1, 2**63, 4).astype(np.uint64), np.zeros(2, np.int32)
    v = np.zeros((many, 4), np.float32)
    for k in range(many):
        deliver_noisily(words, v[k], weight, spiking, 1, reads, 0)
    expected = 0.1 * np.sqrt((weight[0] + middle) ** 2 + middle**2)
    np.testing.assert_allclose(v.mean(axis=0), weight[0], atol=0.01)
    np.testing.assert_allclose(v.std(axis=0), expected, rtol=0.02)
    shared = middle**2 / ((weight[0] + middle) ** 2 + middle**2)
    together = np.corrcoef(v.T)
    np.testing.assert_allclose(together[0, 2], np.sqrt(shared[0] * shared[2]), atol=0.03)
    np.testing.assert_allclose(together[:3, 3], 0.0, atol=0.03)
