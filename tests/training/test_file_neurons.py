"""Weights of one's own with the neurons they were trained with: what the file's arithmetic gives,
ideal arrays give."""

import json
from itertools import pairwise

import numpy as np
import pytest

from spicesnn import training
from spicesnn.errors import ConfigError, DataError
from spicesnn.learning.weights import read_model, save_weights
from spicesnn.training.experiment import Experiment
from spicesnn.training.layers import split

SIZES, STEPS, SEED = (12, 9, 4), 100, 14
IDEAL = {
    "array.word_line_ohm": 0.0,
    "array.bit_line_ohm": 0.0,
    "exsitu.wire_aware": False,
    "device.r_off": "100meg",
}


def stepped(layers, neurons, x, to_zero):
    """Step one sample through the network, neuron by neuron, as snnTorch's documentation writes its
    equations."""
    membranes, counts = (
        [np.zeros(w.shape[1]) for w, _ in layers],
        np.zeros(layers[-1][0].shape[1], int),
    )
    for _ in range(STEPS):
        values = x
        for k, (w, b) in enumerate(layers):
            threshold, decay, gain = neurons[k]
            reset = membranes[k] > threshold
            moved = decay * membranes[k] + gain * (values @ w + b)
            membranes[k] = np.where(reset, 0.0, moved) if to_zero else moved - reset * threshold
            values = (membranes[k] > threshold).astype(float)
        counts += values.astype(int)
    return counts


def model_file(path, layers, neurons, **parameters):
    names = ["fc1", *(f"fcs.{k}" for k in range(len(layers) - 2)), "fc2"]
    values = {}
    for name, (w, b) in zip(names, layers, strict=True):
        values |= {f"{name}.weight": w.T.tolist(), f"{name}.bias": b.tolist()}
    for k, neuron in enumerate(neurons):
        values |= {f"lifs.{k}.{key}": value for key, value in neuron.items()}
    weights = {name: {"data": value, "dtype": "torch.float32"} for name, value in values.items()}
    path.write_text(json.dumps({"weights": weights, "parameters": parameters}))
    return str(path)


@pytest.fixture
def network():
    rng = np.random.default_rng(SEED)
    layers = [
        (rng.normal(size=pair) * 0.5, rng.normal(size=pair[1]) * 0.1) for pair in pairwise(SIZES)
    ]
    return layers, rng.uniform(0, 1, (60, SIZES[0])) * (rng.uniform(0, 1, (60, SIZES[0])) < 0.4)


def answered(tmp_path, path, x, labels, **changes):
    np.savez(
        tmp_path / "classes.npz", x=x[:4], y=np.arange(4)
    )  # every class once, so that there are as many as outputs
    np.savez(tmp_path / "data.npz", x=x, y=labels)
    settings = {
        "data.source": "file",
        "data.path": str(tmp_path / "classes.npz"),
        "data.test_path": str(tmp_path / "data.npz"),
        "exsitu.weights": path,
        "network.hidden": list(SIZES[1:-1]),
        "network.hidden_code": "rate",
        **IDEAL,
        **changes,
    }
    with training.make_engine("nodal") as engine:
        return training.train(
            training.load("exsitu-mnist", settings), engine=engine, out=tmp_path / "run", rng_seed=1
        )


@pytest.mark.parametrize(("kind", "reset"), [("lapicque", 0), ("leaky", 0), ("leaky", 1)])
def test_neurons_of_the_file_answer_as_its_own_arithmetic_does(tmp_path, network, kind, reset):
    layers, x = network
    if kind == "lapicque":
        saved = [
            {"threshold": 0.8, "R": 5.0, "C": 0.0011, "time_step": 1e-3},
            {"threshold": 1.2, "R": 9.0, "C": 0.0007, "time_step": 1e-3},
        ]
        share = [1e-3 / (5.0 * 0.0011), 1e-3 / (9.0 * 0.0007)]
        neurons = [(0.8, 1 - share[0], 5.0 * share[0]), (1.2, 1 - share[1], 9.0 * share[1])]
    else:
        saved = [
            {"threshold": 0.7, "beta": 0.9, "reset_mechanism_val": reset},
            {"threshold": 1.1, "beta": 0.8, "reset_mechanism_val": reset},
        ]
        neurons = [(0.7, 0.9, 1.0), (1.1, 0.8, 1.0)]
    counts = np.array([stepped(layers, neurons, sample, reset) for sample in x])
    ordered = np.sort(counts, axis=1)
    clear = (ordered[:, -1] > ordered[:, -2]) & (ordered[:, -1] > 0)
    labels = counts.argmax(axis=1)
    assert clear.sum() > 30
    assert len(set(labels[clear])) > 2
    done = answered(
        tmp_path, model_file(tmp_path / "m.json", layers, saved), x[clear], labels[clear]
    )
    assert done.test_accuracy == done.extra["software_accuracy"] == 1.0
    again = training.infer(tmp_path / "run", engine=training.make_engine("nodal"))
    assert again.test_accuracy == 1.0


def test_spikes_joules_and_ties_of_stepped_neurons_are_those_of_every_step(tmp_path, network):
    """The first array stands for the whole window; the second is driven by the spikes of each
    step."""
    layers, x = network
    saved = [{"threshold": 0.7, "beta": 0.9}, {"threshold": 1.1, "beta": 0.8}]
    answered(
        tmp_path,
        model_file(tmp_path / "m.json", layers, saved),
        x,
        np.arange(60) % 4,
        **{"encoding.low_volts": 0.0},
    )
    run = training.RunDirectory.existing(tmp_path / "run")
    e, devices = Experiment.of(run.config(), scale=run.scale()), run.load_state().devices
    with training.make_engine("nodal") as engine:
        found = e.answer(engine, devices, e.problem.test)
    spikes, values, watt = [], x, 0.0
    encoding, states = e.config.encoding, split(devices, e.layers)
    for k, (w, b) in enumerate(layers):
        ones = np.full((*values.shape[:-1], 1), encoding.bias_volts)
        volts = np.concatenate([encoding.high_volts * values, ones], axis=-1)
        power = volts**2 @ e.layers[k].siemens(states[k]).sum(axis=1)
        watt += power.sum() if k == 0 else power.mean(axis=1).sum()
        sums = values @ w + b
        threshold, decay = saved[k]["threshold"], saved[k]["beta"]
        membrane, out = np.zeros((60, w.shape[1])), []
        for step in range(STEPS):
            drive = sums if k == 0 else sums[:, step]
            membrane = decay * membrane + drive - threshold * (membrane > threshold)
            out.append(membrane > threshold)
        values = np.stack(out, axis=1).astype(float)
        spikes.append(values)
    assert found.energy_joule == pytest.approx(watt * encoding.read_s, rel=1e-6, abs=0)
    first = np.where(values.any(axis=1), values.argmax(axis=1) + 1.0, np.inf)
    np.testing.assert_allclose(found.spike_times, first / STEPS * e.config.neuron.window_s)
    counts, mean = values.sum(axis=1), sums.mean(axis=1)
    best = counts == counts.max(axis=1, keepdims=True)
    wanted = np.where(counts.any(axis=1), np.where(best, mean, -np.inf).argmax(axis=1), -1)
    assert (best.sum(axis=1) > 1).any()
    np.testing.assert_array_equal(found.predicted, wanted)


def test_the_numbers_of_the_file_are_kept_and_the_file_is_not_needed_again(tmp_path, network):
    layers, x = network
    saved = [{"threshold": 0.7, "beta": 0.9}, {"threshold": 1.1, "beta": 0.8}]
    path = model_file(
        tmp_path / "m.json",
        layers,
        saved,
        neuron_type="Leaky",
        num_inputs=12,
        hidden_layers=[9],
        num_outputs=4,
    )
    answered(tmp_path, path, x, np.arange(60) % 4)
    (tmp_path / "m.json").unlink()
    kept = training.RunDirectory.existing(tmp_path / "run").config().exsitu
    assert (kept.neurons, kept.thresholds, kept.decays, kept.gains, kept.to_zero) == (
        "file",
        (0.7, 1.1),
        (0.9, 0.8),
        (1.0, 1.0),
        False,
    )
    assert training.infer(tmp_path / "run").n_test == 60


def test_rectifying_neurons_answer_as_plain_arithmetic_does(tmp_path, network):
    layers, x = network
    values = np.maximum(x @ layers[0][0] + layers[0][1], 0) @ layers[1][0] + layers[1][1]
    path = tmp_path / "m.json"
    path.write_text(
        json.dumps(
            {
                "layers": [{"weights": w.tolist(), "bias": b.tolist()} for w, b in layers],
                "activation": "relu",
            }
        )
    )
    done = answered(tmp_path, str(path), x, values.argmax(axis=1))
    assert done.test_accuracy == done.extra["software_accuracy"] == 1.0
    assert len(done.extra["remarks"]) == 1


def test_weights_trained_with_other_neurons_are_told(tmp_path, network):
    layers, x = network
    labels = (np.maximum(x @ layers[0][0] + layers[0][1], 0) @ layers[1][0] + layers[1][1]).argmax(
        axis=1
    )
    path = str(save_weights(tmp_path / "w.npz", *zip(*layers, strict=True)))
    done = answered(tmp_path, path, x, labels)
    assert done.extra["rectified_accuracy"] == 1.0
    assert done.extra["software_accuracy"] < 0.9
    assert 'try exsitu.neurons = "relu"' in done.extra["remarks"][1]


def test_negative_weights_on_single_columns_are_refused(tmp_path, network):
    layers, x = network
    with pytest.raises(
        ConfigError,
        match=r"negative weights, which a single column per neuron cannot hold; set network\.columns to",
    ):
        answered(
            tmp_path,
            str(save_weights(tmp_path / "w.npz", *zip(*layers, strict=True))),
            x,
            np.arange(60) % 4,
            **{"network.columns": "single"},
        )


def test_another_number_of_layers_says_what_the_file_has(tmp_path, network):
    layers, x = network
    path = model_file(tmp_path / "m.json", layers, [])
    with pytest.raises(
        DataError, match=r"has 2 layers, 12-9-4; the network is 12-4: set network\.hidden = \[9\]"
    ):
        answered(tmp_path, path, x, np.arange(60) % 4, **{"network.hidden": []})
    with pytest.raises(
        DataError,
        match=r"has 2 layers, 12-9-4; the network is 11-9-4: give the data that it was trained for",
    ):
        answered(tmp_path, path, x[:, 1:], np.arange(60) % 4)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            {"conv1.weight": np.ones((2, 1, 3, 3))},
            r"conv1\.weight is a convolution, \(2, 1, 3, 3\); expected dense layers",
        ),
        ({"bn.weight": np.ones(3)}, r"'bn\.weight' is not understood; expected fc1"),
        ({"fc1.scale": np.ones(3)}, r"'fc1\.scale' is not understood"),
        ({"lifs.0.alpha": 0.9}, r"'lifs\.0\.alpha' is not understood"),
        ({"lifs.0.threshold": [1.0, 2.0]}, r"lifs\.0\.threshold has 2 different numbers"),
        (
            {"lifs.0.graded_spikes_factor": 2.0, "lifs.0.beta": 0.9},
            "graded_spikes_factor is 2; expected 1",
        ),
        (
            {"lifs.0.reset_mechanism_val": 2, "lifs.0.beta": 0.9},
            "reset_mechanism_val is 2; expected 0",
        ),
        ({"lifs.0.mem": [0.5]}, r"lifs\.0\.mem is not 0"),
        ({f"lifs.{k}.beta": 0.9 for k in range(4)}, r"has neurons lifs\.3, but 2 layers"),
        (
            {"lifs.0.R": 1.0, "lifs.0.C": 1e-6, "lifs.0.time_step": 1e-3},
            "neurons of layer 0 have threshold 1, decay -999",
        ),
    ],
)
def test_every_key_of_a_model_is_used_or_refused_by_name(tmp_path, network, extra, message):
    layers, _ = network
    path = tmp_path / "m.json"
    model_file(path, layers, [])
    content = json.loads(path.read_text())
    content["weights"] |= {
        name: {"data": np.asarray(value).tolist(), "dtype": "torch.float32"}
        for name, value in extra.items()
    }
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        read_model(path)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"neuron_type": "Synaptic"},
            "neuron_type is 'Synaptic', neurons with synapses of their own",
        ),
        ({"num_inputs": 13}, "parameters say num_inputs = 13, its weights 12"),
        ({"hidden_layers": [8]}, r"parameters say hidden_layers = \[8\], its weights \[9\]"),
        ({"dropout": 0.5}, "parameters has the key 'dropout', which is not understood"),
        ({"hyperparameters": {"alpha": 0.9}}, "hyperparameters has the key 'alpha'"),
    ],
)
def test_what_a_model_says_of_itself_is_checked(tmp_path, network, parameters, message):
    with pytest.raises(DataError, match=message):
        read_model(model_file(tmp_path / "m.json", network[0], [], **parameters))


def test_keys_of_plain_files_are_refused_by_name_too(tmp_path):
    path = tmp_path / "m.json"
    for content, message in (
        ({"layers": [{"weights": [[1.0]], "stride": 2}]}, "layer 0 has the key 'stride'"),
        ({"layers": [{"weights": [[1.0]]}], "dropout": 1}, "the file has the key 'dropout'"),
        (
            {"layers": [{"weights": [[1.0]]}], "activation": "tanh"},
            "activation is 'tanh'; expected relu",
        ),
    ):
        path.write_text(json.dumps(content))
        with pytest.raises(DataError, match=message):
            read_model(path)
    for arrays, message in (
        (
            {"weights_0": np.ones((2, 2)), "conv_0": np.ones(2)},
            "the array 'conv_0' is not understood",
        ),
        (
            {"weights_0": np.ones((2, 2)), "weights_2": np.ones((2, 2))},
            "has weights_2, but no weights_1",
        ),
    ):
        np.savez(tmp_path / "w.npz", **arrays)
        with pytest.raises(DataError, match=message):
            read_model(tmp_path / "w.npz")


def test_sums_of_the_file_need_one_voltage_for_an_input_of_1_and_the_bias(tmp_path, network):
    layers, x = network
    path = model_file(tmp_path / "m.json", layers, [{"threshold": 1.0, "beta": 0.9}] * 2)
    with pytest.raises(
        ConfigError,
        match=r"expected encoding\.low_volts = 0 and encoding\.bias_volts = encoding\.high_volts",
    ):
        answered(tmp_path, path, x, np.arange(60) % 4, **{"encoding.bias_volts": 0.1})
    with pytest.raises(ConfigError, match=r"exsitu\.fine_tune is for the circuit's neurons"):
        answered(tmp_path, path, x, np.arange(60) % 4, **{"exsitu.fine_tune": 1})


def test_one_output_spikes_or_is_silent(tmp_path):
    """XOR with thresholds of its own: the circuit's would be passed by the bias of 0.05 alone."""
    layers = [
        (np.array([[-1.6, 1.5], [1.4, -1.7]]), np.zeros(2)),
        (np.array([[1.9], [1.8]]), np.array([0.05])),
    ]
    path = model_file(
        tmp_path / "m.json",
        layers,
        [{"threshold": 1.0, "R": 10.0, "C": 0.0015, "time_step": 1e-3}] * 2,
    )
    experiment = Experiment.of(training.load("exsitu-xor", {"exsitu.weights": path}))
    assert experiment.stepped.thresholds == (1.0, 1.0)
    assert experiment.stepped.decays == pytest.approx((1 - 1 / 15, 1 - 1 / 15))
    with training.make_engine("nodal") as engine:
        done = training.train(experiment.config, engine=engine, out=tmp_path / "run")
    assert done.test_accuracy == 1.0
