"""Software training does not depend on how many threads BLAS has."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from spicesnn.blas import one_blas_thread
from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.networks.rules import ExSitu
from spicesnn.training import exsitu, load
from spicesnn.training.experiment import Experiment
from spicesnn.training.streamed import Tally


def threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_one_thread_inside_and_the_old_number_afterwards():
    with threadpool_limits(limits=2, user_api="blas"):
        before = threads()
        with one_blas_thread():
            assert threads() == {1}
        assert threads() == before


@pytest.mark.parametrize("outside", [1, 2])
def test_weights_are_learnt_ex_situ_with_one_thread(outside, monkeypatch):
    seen, learn = [], exsitu.learn_in_software

    def watched(*arguments):
        seen.append(threads())
        return learn(*arguments)

    monkeypatch.setattr(exsitu, "learn_in_software", watched)
    with threadpool_limits(limits=outside, user_api="blas"):
        weights = exsitu.best_weights(
            Experiment.of(load("exsitu-xor", ["exsitu.epochs=2", "exsitu.restarts=1"]))
        )
    assert seen == [{1}]
    assert np.all(np.isfinite(weights[0]))


def test_networks_learn_ex_situ_with_one_thread(monkeypatch):
    seen, trained = [], ExSitu.trained

    def watched(self, *arguments):
        seen.append((threads(), self.samples))
        return trained(self, *arguments)

    monkeypatch.setattr(ExSitu, "trained", watched)
    small = {"population.first.neurons": 4, "population.second.neurons": 4}
    config = load("deep-mnist", small)
    arrays, rng = config.fresh(np.random.default_rng(0)), np.random.default_rng(0)
    pixels, labels = np.zeros((128, 784), np.uint8), np.zeros(128, np.int64)
    with threadpool_limits(limits=2, user_api="blas"):
        config.learn(arrays, pixels, labels, rng, 0, NodalEngine(), Tally())
        assert threads() == {2}
    assert seen == [({1}, 15 * 60000)]
