import numpy as np
import pytest

from spicesnn import training
from spicesnn.errors import ConfigError, InputError
from spicesnn.nonidealities.compiled import nonideal_cells
from spicesnn.nonidealities.options import StreamImperfections
from spicesnn.training.unsupervised.network import UnsupervisedNetwork, fresh_state, show

NETWORK = UnsupervisedNetwork(
    inputs=16, neurons=6, column_sum=6.0, full_rate_hz=200.0, inhibition=40.0, potentiation=0.05
)


def bars(count, rng):
    images = np.zeros((count, 4, 4), np.uint8)
    for image, k in zip(images, rng.integers(0, 4, count), strict=True):
        image[k] = 255
    return images


def test_stuck_cells_stay_and_the_others_make_up_for_them():
    rng = np.random.default_rng(0)
    defects = nonideal_cells(StreamImperfections(stuck_on=0.1, stuck_off=0.2), (16, 6), rng)
    images, start = bars(40, rng), fresh_state(NETWORK, rng)
    state = show(
        NETWORK, start, images, np.random.default_rng(1), learn=True, nonideal=defects
    ).state
    on, off = defects.start == 1.0, defects.start == 0.0
    assert on.any()
    assert off.any()
    np.testing.assert_array_equal(state.weight[on], 1.0)
    np.testing.assert_array_equal(state.weight[off], 0.0)
    dark = show(
        NETWORK, state, np.zeros((1, 4, 4), np.uint8), rng, learn=True, nonideal=defects
    ).state
    np.testing.assert_allclose(dark.effective_weight.sum(axis=0), 6.0, rtol=1e-3)


def test_shares_and_places_are_as_asked():
    rng = np.random.default_rng(2)
    stuck = ~np.isnan(
        nonideal_cells(
            StreamImperfections(stuck_on=0.05, stuck_off=0.1, stuck_place="centre"), (784, 100), rng
        ).start
    )
    image = stuck.mean(axis=1).reshape(28, 28)
    assert image[7:21, 7:21].mean() == pytest.approx(0.15, abs=0.01)
    assert image.sum() == pytest.approx(image[7:21, 7:21].sum())
    frame = ~np.isnan(
        nonideal_cells(
            StreamImperfections(stuck_off=0.1, stuck_place="border"), (784, 100), rng
        ).start
    )
    assert frame.mean(axis=1).reshape(28, 28)[7:21, 7:21].sum() == 0


def test_read_noise_keeps_the_mean_and_changes_the_spikes():
    rng = np.random.default_rng(3)
    defects = nonideal_cells(StreamImperfections(read_noise=0.3), (16, 6), rng)
    assert defects.noise.std() == pytest.approx(0.3, rel=0.02)
    images, state = bars(200, rng), fresh_state(NETWORK, rng).as_cells()
    quiet = show(NETWORK, state, images, np.random.default_rng(4), learn=False)
    noisy = show(NETWORK, state, images, np.random.default_rng(4), learn=False, nonideal=defects)
    assert not np.array_equal(quiet.responses, noisy.responses)
    assert noisy.responses.sum() == pytest.approx(quiet.responses.sum(), rel=0.1)


def test_a_spread_of_pulses_has_the_median_one():
    gain = nonideal_cells(
        StreamImperfections(pulse_spread=0.3), (784, 50), np.random.default_rng(5)
    ).gain
    assert np.median(gain) == pytest.approx(1.0, abs=0.01)
    assert gain.std() / gain.mean() == pytest.approx(0.3, abs=0.01)


def test_nothing_wrong_is_no_defects():
    assert nonideal_cells(StreamImperfections(), (784, 50), np.random.default_rng(5)) is None


def test_defects_are_config_keys_that_a_sweep_takes(tmp_path):
    small = {
        "data.train_limit": 100,
        "data.test_limit": 50,
        "training.chunk": 100,
        "network.neurons": 20,
        "imperfections.stuck_off": 0.3,
    }
    summary = training.train(
        training.load("stdp-mnist", small),
        engine=training.make_engine("nodal"),
        out=tmp_path / "run",
        rng_seed=1,
    )
    assert summary.n_test == 50
    with np.load(tmp_path / "run" / "state.npz") as stored:
        assert (stored["array_weight"] == 0).mean() == pytest.approx(0.3, abs=0.02)


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no square image"):
        nonideal_cells(
            StreamImperfections(stuck_on=0.1, stuck_place="centre"),
            (50, 5),
            np.random.default_rng(0),
        )
    with pytest.raises(InputError, match="sum of at most 1"):
        nonideal_cells(
            StreamImperfections(stuck_on=0.7, stuck_off=0.7), (16, 5), np.random.default_rng(0)
        )
    both = {
        "imperfections.stuck_on": 0.1,
        "array.wires": "reads-and-writes",
        "synapse.kind": "device",
    }
    with pytest.raises(ConfigError, match="not modelled"):
        training.train(
            training.load("stdp-mnist", both),
            engine=training.make_engine("nodal"),
            out=tmp_path / "run",
        )
    with pytest.raises(ConfigError, match="has no pulses"):
        training.train(
            training.load("stdp-mnist", {"array.wires": "reads-and-writes"}),
            engine=training.make_engine("nodal"),
            out=tmp_path / "other",
        )
