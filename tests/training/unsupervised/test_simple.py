import numpy as np
import pytest

from spicesnn import training
from spicesnn.errors import ConfigError, InputError
from spicesnn.training.unsupervised.simple import SimpleNetwork, SimpleState, show_simple

NETWORK = SimpleNetwork(side=4, neurons=6, steps=200, input_share=0.5, threshold=4.0)


def bars(count, rng):
    images = np.zeros((count, 4, 4), np.uint8)
    images[np.arange(count), rng.integers(0, 4, count)] = 255
    return images.reshape(count, 16)


def one(weight, **options):
    """Show one white image to a network of one input."""
    network = SimpleNetwork(
        **{
            "side": 1,
            "neurons": len(weight),
            "steps": 100,
            "input_share": 1.0,
            "decay": 1.0,
            "theta_step": 0.0,
        }
        | options
    )
    state = SimpleState(
        weight=np.array([weight], np.float32), theta=np.ones(len(weight), np.float32)
    )
    return show_simple(
        network,
        state,
        np.full((1, 1), 255, np.uint8),
        np.random.default_rng(0),
        learn=options.pop("learn", False),
    )


def test_integrate_and_fire_counts_are_exact():
    # three steps of 0.4 pass a threshold of 1, then five of rest: a spike every eight steps
    assert one([0.4], threshold=1.0).responses.tolist() == [[13]]
    assert one([0.4], threshold=1.0, refractory=0).responses.tolist() == [[33]]


def test_a_leak_bounds_the_potential():
    # U ← (U + 0.4)·0.8 tends to 1.6
    assert one([0.4], decay=0.8, threshold=1.61).responses.sum() == 0
    assert one([0.4], decay=0.8, threshold=1.59).responses.sum() > 0


def test_the_winner_silences_the_others_and_ties_are_broken_at_random():
    assert one([0.4, 0.3], threshold=1.0, inhibition=5.0).responses[0, 1] == 0
    counts = one([0.4, 0.4], threshold=1.0, inhibition=5.0, steps=4000, silence=3).responses[0]
    assert counts.min() > 0.3 * counts.max()


def test_the_threshold_rises_with_spikes_to_its_bound_and_only_while_learning():
    start = SimpleState.fresh(NETWORK, np.random.default_rng(0))
    images = bars(100, np.random.default_rng(1))
    learnt = show_simple(NETWORK, start, images, np.random.default_rng(2), learn=True).state
    assert 1.0 < learnt.theta.max() <= 1.2
    tested = show_simple(NETWORK, learnt, images, np.random.default_rng(2), learn=False)
    np.testing.assert_array_equal(tested.state.theta, learnt.theta)
    np.testing.assert_array_equal(tested.state.weight, learnt.weight)


def test_neurons_learn_bars():
    rng = np.random.default_rng(3)
    state = show_simple(
        NETWORK, SimpleState.fresh(NETWORK, rng), bars(2000, rng), rng, learn=True
    ).state
    rows = state.weight.reshape(4, 4, 6).mean(axis=1)
    assert np.sum(rows.max(axis=0) > 0.8) >= 4
    assert set(rows.argmax(axis=0)[rows.max(axis=0) > 0.8]) == {0, 1, 2, 3}
    assert 0.0 <= state.weight.min() <= state.weight.max() <= 1.0


def test_the_same_seed_gives_the_same_network():
    images = bars(50, np.random.default_rng(4))
    start = SimpleState.fresh(NETWORK, np.random.default_rng(5))
    first, second = (
        show_simple(NETWORK, start, images, np.random.default_rng(6), learn=True).state.weight
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_images_are_shrunk_by_means():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, :2, :2] = [[10, 20], [30, 40]]
    small = SimpleNetwork().shrunk(image)
    assert small.shape == (1, 196)
    assert small[0, 0] == 25
    with pytest.raises(InputError, match="a multiple of 5"):
        SimpleNetwork(side=5).shrunk(image)
    with pytest.raises(InputError, match=r"expected \(images, 16\)"):
        show_simple(
            NETWORK,
            SimpleState.fresh(NETWORK, np.random.default_rng(0)),
            np.zeros((1, 9), np.uint8),
            np.random.default_rng(0),
            learn=False,
        )


@pytest.mark.parametrize(
    "options", [{"neurons": 0}, {"decay": 1.5}, {"input_share": 0.0}, {"theta_highest": 0.5}]
)
def test_what_cannot_be_is_refused(options):
    with pytest.raises(InputError, match=r"simple network: .*expected"):
        SimpleNetwork(**options)


def test_a_small_run_learns_and_infers_the_same_again(tmp_path):
    config = training.load(
        "stdp-simple", {"data.train_limit": 2000, "data.test_limit": 300, "training.chunk": 1000}
    )
    with training.make_engine("nodal") as engine:
        summary = training.train(config, engine=engine, out=tmp_path / "run", rng_seed=1)
        again = training.infer(tmp_path / "run", engine=engine)
    assert summary.test_accuracy > 0.6
    assert again.test_accuracy == summary.test_accuracy
    with pytest.raises(ConfigError, match="a divisor of 28"):
        training.load("stdp-simple", {"network.side": 5}).network.build()
