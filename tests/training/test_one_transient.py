"""The S3 experiments as circuits: ngspice trains and infers whole networks, neurons included."""

import numpy as np
import pytest
from scipy.integrate import trapezoid

from spicesnn.devices.mosfet_emulator import MosfetEmulator
from spicesnn.errors import InputError, UnknownNameError
from spicesnn.netlist.batch import run_batch
from spicesnn.training.one_transient import (
    Task,
    infer,
    mnist_templates,
    stimulus,
    task,
    train,
    training_deck,
    winners,
)


def check(name):
    job = task(name)
    trained = train(job)
    answered = infer(job, trained)
    assert list(answered.predicted) == list(range(len(job.inputs)))
    spiked = np.isfinite(answered.first_spike_s)
    np.testing.assert_array_equal(spiked, np.isfinite(answered.twin_first_spike_s))
    assert answered.first_spike_s[spiked] == pytest.approx(
        answered.twin_first_spike_s[spiked], abs=5e-6
    )
    assert trained.largest_error_volts < 0.01 * trained.gate_volts.max()
    written = trained.gate_volts > 0.5 * trained.gate_volts.max()
    np.testing.assert_array_equal(written, job.inputs.T == 1)
    return trained, answered


def test_xpue_is_trained_in_one_transient_and_told_apart():
    trained, answered = check("xpue")
    assert trained.gate_volts.max() == pytest.approx(5e-9 * 4.98e-3 / 3.553e-12, rel=1e-2)
    assert answered.first_spike_s[2, 2] < answered.first_spike_s[2, 3] < np.inf
    for deck in (trained.deck, answered.deck):
        assert ".include" not in deck.text


def test_the_digits_are_trained_in_one_transient_and_told_apart():
    check("digits-3x5")


@pytest.mark.slow
def test_the_ten_mnist_templates_are_trained_in_one_transient_and_told_apart():
    check("mnist-10x10")


def test_only_the_own_phi_is_on_while_a_pattern_stands():
    job = task("xpue")
    wave = stimulus(job, job.inputs, phi=True)
    assert wave.duration_s == pytest.approx(0.06)
    for k, t in enumerate(wave.time_s):
        on = np.flatnonzero(wave.gate_volts[k] > 0)
        if on.size:
            assert list(on) == [int(t // job.period_s)]
            np.testing.assert_array_equal(wave.row_volts[k], job.inputs[on[0]])
    assert not stimulus(job, job.inputs, phi=False).gate_volts.any()


def test_ties_and_silence_have_no_winner():
    assert list(
        winners(np.array([[1e-3, 2e-3], [1e-3, 1e-3 + 1e-8], [np.inf, np.inf], [np.inf, 1e-3]]))
    ) == [0, -1, -1, 1]


def test_mnist_templates_have_at_most_nineteen_ones():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 3)
    templates = mnist_templates(rng.integers(0, 255, (30, 28, 28)).astype(np.uint8), labels)
    assert templates.shape == (10, 100)
    assert set(np.unique(templates)) == {0.0, 1.0}
    np.testing.assert_array_equal(templates.sum(axis=1), 19)


def test_a_template_is_the_mean_of_the_first_hundred_images_of_its_class():
    """Class k lights rows of its own; the hundredth image still counts, the next no more."""
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.repeat(np.arange(10), 105))
    images = np.zeros((1050, 28, 28), dtype=np.uint8)
    seen = np.zeros(10, dtype=int)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 5, 4:24] = 255 if seen[label] < 100 else 0
        image[:, :4] = 255 * (seen[label] >= 100)
        image[26:, 26:] = 255 * (seen[label] == 99)
        seen[label] += 1
    templates = mnist_templates(images, labels, ones=12).reshape(10, 10, 10)
    for k, template in enumerate(templates):
        rows, columns = np.nonzero(template)
        middle = (2 * k + 2) * 10 / 28
        assert np.abs(rows - middle + 0.5).max() < 1.5
        assert columns.min() >= 1
        assert columns.max() <= 8
    alone = mnist_templates(images, labels, ones=40).reshape(10, 10, 10)
    assert alone[0, 9, 9] == 1


def test_the_deck_runs_by_itself_and_writes_only_while_phi_is_on():
    small = Task(
        name="two",
        inputs=np.array([[1.0, 0.0], [0.0, 1.0]]),
        names=("a", "b"),
        pulse_s=1e-3,
        period_s=3e-3,
    )
    deck = training_deck(small)
    run = run_batch(deck.text)
    gate = run["v(xm0_0.gate)"]
    after = run.sweep > 1.5e-3
    assert gate[-1] == pytest.approx(1.40, rel=2e-2)
    assert np.ptp(gate[after]) < 0.02
    assert abs(run["v(xm1_0.gate)"][-1]) < 0.05


def test_unknown_experiments_and_wrong_patterns_are_errors():
    with pytest.raises(UnknownNameError, match="xpue, digits-3x5, mnist-10x10"):
        task("mnist")
    job = task("xpue")
    with pytest.raises(InputError, match=r"expected \(patterns, 9\)"):
        infer(job, None, np.zeros((1, 8)))


@pytest.mark.parametrize("edge_s", [1e-5, 2e-4, 4e-4])
def test_the_error_that_is_reported_is_against_the_charge_written_while_phi_is_above_its_threshold(
    edge_s,
):
    """Edges of a fifth or more of the pulse, the charge by quadrature: all that stands in the
    closed form shows."""
    small = Task(
        name="two",
        inputs=np.array([[1.0, 0.0], [0.0, 1.0]]),
        names=("a", "b"),
        pulse_s=1e-3,
        period_s=3e-3,
        edge_s=edge_s,
    )
    trained = train(small)
    time_s = np.linspace(0.0, 1e-3, 2_000_001)
    volts = np.minimum(np.minimum(time_s, 1e-3 - time_s) / edge_s, 1.0)
    charge = 5e-9 * trapezoid(np.where(1.2 * volts > 0.5, volts, 0.0), time_s) * small.inputs.T
    written = MosfetEmulator().initial_state() + charge / 3.55314379969e-12
    assert trained.gate_volts == pytest.approx(written, abs=0.01 * written.max())
    assert trained.largest_error_volts == pytest.approx(
        np.abs(trained.gate_volts - written).max(), rel=1e-3
    )
