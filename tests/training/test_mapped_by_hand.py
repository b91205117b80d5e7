"""`spicesnn map` as a run: what is calibrated on is not tested, every option arrives, and every
number that the run leaves is recomputed."""

from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.training import RunDirectory
from spicesnn.training.images import Images
from spicesnn.training.mapped import _asked, load_map

CLASSES = 3


@pytest.fixture
def folder(tmp_path):
    """A network that answers most of 50 numbered samples rightly."""
    rng = np.random.default_rng(5)
    w0, b0, w1 = rng.normal(size=(6, 9)), rng.normal(size=9), rng.normal(size=(9, CLASSES))
    x = rng.normal(size=(50, 6))
    x[:, 0] = np.arange(50) / 10
    y = (np.maximum(x @ w0 + b0, 0) @ w1).argmax(axis=1)
    y[::7] = (y[::7] + 1) % CLASSES
    np.savez(tmp_path / "net.npz", w0=w0, b0=b0, w1=w1)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    np.savez(tmp_path / "other.npz", x=x[:8] + 100.0, y=y[:8])
    return tmp_path


def config_of(folder, *, seed=3, **settings):
    keys = {key.replace("__", "."): str(value) for key, value in settings.items()}
    return load_map(folder / "net.npz", folder / "data.npz", keys, seed, "nodal")


def numbers(x):
    return np.rint(x[:, 0] * 10).astype(int).tolist()


@pytest.mark.parametrize(
    "settings",
    [{"hardware__adc_bits": 8}, {"hardware__dac_bits": 8}, {"device__model": "yakopcic"}],
    ids=["adc", "dac", "bent"],
)
def test_a_fifth_is_calibrated_on_and_the_others_are_tested(folder, settings):
    if "device__model" in settings:  # the usual parameters are those of vteam
        config = config_of(folder)
        config = type(config).from_tables({**config.to_tables(), "device": {"model": "yakopcic"}})
    else:
        config = config_of(folder, **settings)
    every = np.load(folder / "data.npz")["y"]
    x, y, calibration = config.samples()
    assert len(calibration) == 10
    assert sorted(numbers(x) + numbers(calibration)) == list(range(50))
    assert numbers(x) == sorted(numbers(x))
    np.testing.assert_array_equal(y, every[numbers(x)])
    drawn = {
        tuple(numbers(config_of(folder, seed=seed, hardware__adc_bits=8).samples()[2]))
        for seed in range(4)
    }
    assert len(drawn) == 4


def test_with_a_file_of_its_own_the_calibration_leaves_all_samples_to_the_test(folder):
    config = config_of(folder, hardware__adc_bits=8, data__calibrate=folder / "other.npz")
    x, _, calibration = config.samples()
    assert numbers(x) == list(range(50))
    assert calibration.min() > 50
    assert len(calibration) == 8
    x, _, nothing = config_of(folder, data__test_limit=7).samples()
    assert numbers(x) == list(range(7))
    assert nothing is None


def test_every_option_of_the_hardware_arrives(folder):
    config = config_of(
        folder,
        hardware__columns="offset",
        hardware__bits_per_cell=5,
        hardware__slices=2,
        hardware__dac_bits=7,
        hardware__dac_coding="bit-serial",
        hardware__dac_range="percentile",
        hardware__adc_bits=9,
        hardware__adc_range="max",
        hardware__adc_offset_lsb=0.1,
        hardware__adc_gain_error=0.02,
        hardware__adc_inl_lsb=0.3,
        hardware__adc_noise_lsb=0.4,
        hardware__read_volts=0.15,
        hardware__read_s=5e-8,
        hardware__convolution="unrolled",
        hardware__wire_aware="true",
        hardware__fill=0.7,
        hardware__reads_alike=6,
        array__word_line_ohm=1.1,
        array__bit_line_ohm=1.2,
        array__driver_ohm=1.3,
        array__sense_ohm=1.4,
        array__tile_rows=20,
        array__tile_cols=30,
        imperfections__stuck_on=0.05,
        imperfections__retention=0.03,
        imperfections__rest_s=77.0,
    )
    made = config.built_hardware()
    assert made.dac == sn.DAC(bits=7, coding="bit-serial", range="percentile")
    assert made.adc == sn.ADC(
        bits=9, range="max", offset_lsb=0.1, gain_error=0.02, inl_lsb=0.3, noise_lsb=0.4
    )
    wires = made.wires
    assert (wires.word_line_ohm, wires.bit_line_ohm, wires.driver_ohm, wires.sense_ohm) == (
        1.1,
        1.2,
        1.3,
        1.4,
    )
    assert (made.columns, made.bits_per_cell, made.slices, made.tile) == ("offset", 5, 2, (20, 30))
    assert (made.read_volts, made.read_s, made.convolution) == (0.15, 5e-8, "unrolled")
    assert (made.wire_aware, made.fill, made.reads_alike) == (True, 0.7, 6)
    flaws = made.imperfections
    assert (flaws.stuck_on, flaws.retention.exponent, flaws.rest_s) == (0.05, 0.03, 77.0)
    plain = config_of(folder).built_hardware()
    assert (plain.dac, plain.adc, plain.bits_per_cell, plain.imperfections) == (None,) * 4
    assert (plain.device.r_on, plain.device.r_off) == (1e4, 1e6)


@pytest.fixture
def mapped(folder):
    config = config_of(
        folder,
        array__tile_rows=4,
        array__tile_cols=6,
        hardware__adc_bits=4,
        hardware__dac_bits=5,
        hardware__bits_per_cell=2,
        imperfections__stuck_off=0.1,
    )
    with sn.NodalEngine() as engine:
        summary = config.train(engine=engine, out=folder / "run", progress=None, resume=False)
    return config, summary, RunDirectory.existing(folder / "run")


def test_the_numbers_of_a_run_follow_from_its_answers_and_its_arrays(folder, mapped):
    config, summary, run = mapped
    history, metrics = run.history(), run.metrics()
    x, y, calibration = config.samples()
    predicted = history["predicted"]
    np.testing.assert_array_equal(history["labels"], y)
    assert summary.n_test == len(predicted) == 40
    assert summary.test_accuracy == pytest.approx(np.mean(predicted == y))
    arrays = np.load(folder / "net.npz")
    ideal = np.maximum(x @ arrays["w0"] + arrays["b0"], 0) @ arrays["w1"]
    right = np.mean(ideal.argmax(axis=1) == y)
    assert metrics["ideal_accuracy"] == metrics["train_accuracy"] == pytest.approx(right)
    assert summary.test_accuracy < right
    assert metrics["silent_or_tied"] == np.sum(predicted == -1)
    table = np.zeros((CLASSES, CLASSES + 1), int)
    for label, answer in zip(y, predicted, strict=True):
        table[label, answer] += 1  # −1 is the last column
    np.testing.assert_array_equal(history["confusion"], table)
    assert metrics["accuracy_by_class"] == pytest.approx(np.diag(table) / table.sum(axis=1))
    chip = sn.Network.from_arrays(folder / "net.npz").on(
        config.built_hardware(), calibrate=calibration, seed=3
    )
    np.testing.assert_array_equal(chip.predict(x), predicted)
    cost = chip.cost(x)
    assert summary.energy_joule == pytest.approx(cost.energy_joule, rel=1e-12)
    assert (metrics["latency_s"], metrics["area_m2"]) == (cost.latency_s, cost.area_m2)
    assert metrics["operations"] == 2 * (6 * 9 + 9 * 3)
    blocks = [block for layer in chip.layers.values() for block in layer.blocks]
    assert metrics["tiles"] == len(blocks)
    assert metrics["cells"] == sum(block.array.state.size for block in blocks)
    first = chip.layers["layer0"]
    assert metrics["cells"] == 2 * 9 * (6 + first.bias_rows) + 2 * 3 * 9
    for layer, own in zip(metrics["layers"], chip.layers.values(), strict=True):
        readout = chip.readouts[layer["layer"]]
        assert layer["tiles"] == len(own.blocks)
        assert layer["weights_error"] == own.weights_error
        assert layer["full_scale"] == own.full
        assert layer["largest_weight"] == own.largest
        assert layer["clipped_inputs"] == readout.clipped_inputs
        assert layer["clipped_outputs"] == readout.clipped_outputs
        assert layer["effective_bits"] == readout.effective_bits
    kept = run.checkpoint()
    np.testing.assert_array_equal(kept["array_1_0"], blocks[len(first.blocks)].array.state)


def test_an_inference_answers_the_same_samples_again(mapped):
    config, summary, run = mapped
    with sn.NodalEngine() as engine:
        again = config.infer(run, engine=engine, test_limit=None, kept=run)
        few = config.infer(run, engine=engine, test_limit=9, kept=run)
    assert (again.test_accuracy, again.n_test) == (summary.test_accuracy, 40)
    assert again.energy_joule == pytest.approx(summary.energy_joule, rel=1e-12)
    predicted, labels = run.history()["predicted"][:9], run.history()["labels"][:9]
    assert (few.n_test, few.test_accuracy) == (9, pytest.approx(np.mean(predicted == labels)))
    assert few.train_accuracy == summary.train_accuracy
    answers = np.load(run.path / "inference-nodal.npz")
    np.testing.assert_array_equal(answers["predicted"], predicted)


def test_energies_are_averaged_over_the_first_64_samples(folder):
    data = np.load(folder / "data.npz")
    x = np.concatenate([data["x"], data["x"][::-1], 50 * data["x"][:9]])
    np.savez(folder / "data.npz", x=x, y=np.resize(data["y"], len(x)))
    config = config_of(folder, array__word_line_ohm=0.0, array__bit_line_ohm=0.0)
    with sn.NodalEngine() as engine:
        summary = config.train(engine=engine, out=folder / "long", progress=None, resume=False)
    chip = sn.Network.from_arrays(folder / "net.npz").on(config.built_hardware(), seed=3)
    assert summary.n_test == 109
    assert summary.energy_joule == pytest.approx(chip.cost(x[:64]).energy_joule, rel=1e-12)


def test_a_layer_to_confirm_is_the_first_tile_and_what_the_samples_put_onto_it(folder, mapped):
    config, _, run = mapped
    arrays = {
        name.removeprefix("array_"): value
        for name, value in run.checkpoint().items()
        if name.startswith("array_")
    }
    x, _, calibration = config.samples()
    weights = np.load(folder / "net.npz")
    chip = sn.Network.from_arrays(folder / "net.npz").on(
        config.built_hardware(), calibrate=calibration, seed=3
    )
    hidden = np.maximum(x @ weights["w0"] + weights["b0"], 0)
    nothing = np.zeros(0, dtype=np.int64)
    images = Images(train=x, train_labels=nothing, test=x, test_labels=nothing)
    for number, seen in ((0, x), (1, hidden)):
        layer = chip.layers[f"layer{number}"]
        found = config.confirmed_layer(arrays, images, 5, number)
        array = layer.blocks[0].array
        np.testing.assert_allclose(found.siemens, array.cell_conductance(), rtol=1e-12)
        volts = 0.2 * seen[:5, : array.rows] / layer.full
        np.testing.assert_allclose(found.row_volts, volts, rtol=1e-12)


def test_half_way_from_chance_to_certainty_is_where_data_are_asked_after():
    assert _asked(0.67, 3) == []
    assert "66.0 % rightly (33.3 % is chance)" in _asked(0.66, 3)[0]
    assert _asked(0.56, 10) == []
    assert len(_asked(0.54, 10)) == 1
