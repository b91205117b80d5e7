import json

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.mapping import Differential, Window
from spicesnn.errors import DataError, InputError
from spicesnn.learning.compensation import compensate
from spicesnn.learning.weights import load_weights, save_weights, scales

WINDOW = Window(low=1e-7, high=1e-5)


def test_compensated_arrays_do_what_the_weights_ask_for_wires_included():
    weights = np.random.default_rng(0).uniform(-0.6, 0.6, (48, 2))
    wanted, wires = (
        Differential().conductances(weights, WINDOW),
        sn.Wires(word_line_ohm=40.0, bit_line_ohm=40.0),
    )
    done = compensate(wanted, WINDOW, wires)
    effective = sn.NodalEngine().effective_conductance(
        sn.Crossbar(conductance=done.siemens, wires=wires)
    )
    error = np.sqrt(np.mean((effective - wanted) ** 2)) / WINDOW.span
    assert error == pytest.approx(done.error_after, rel=1e-6)
    assert done.error_before > 0.005
    assert done.error_after < 0.03 * done.error_before
    assert done.siemens.min() >= WINDOW.low
    assert done.siemens.max() <= WINDOW.high


def test_without_wires_there_is_nothing_to_compensate():
    wanted = np.array([[1e-6, 2e-6], [3e-6, 4e-6]])
    done = compensate(wanted, WINDOW, sn.Wires.ideal())
    assert done.siemens == pytest.approx(wanted)
    assert done.error_before < 1e-12


def test_what_cannot_be_compensated_is_said():
    with pytest.raises(InputError, match="inside the window"):
        compensate(np.array([[2e-5]]), WINDOW, sn.Wires())
    tight = compensate(
        np.full((64, 2), 9.9e-6), WINDOW, sn.Wires(word_line_ohm=20.0, bit_line_ohm=20.0)
    )
    assert tight.clipped > 10


def test_weights_come_from_npz_and_json_alike(tmp_path):
    weights, bias = np.array([[0.5, -1.0], [0.25, 0.0]]), np.array([0.1, -0.2])
    np.savez(tmp_path / "w.npz", weights_0=weights, bias_0=bias)
    (tmp_path / "w.json").write_text(
        json.dumps({"layers": [{"weights": weights.tolist(), "bias": bias.tolist()}]})
    )
    for name in ("w.npz", "w.json"):
        assert load_weights(tmp_path / name, [(3, 2)], bias=True)[0] == pytest.approx(
            np.vstack([weights, bias])
        )


def modules(first, second):
    """Return a model as SNNtrainer3D saves it: matrices (outputs, inputs), the last layer before
    the middle ones, neurons between."""
    saved = {
        "fc1.weight": first[0].T,
        "fc1.bias": first[1],
        "lifs.0.threshold": np.array(1.0),
        "fc2.weight": second[0].T,
        "fc2.bias": second[1],
        "fcs.0.weight": np.eye(2),
        "fcs.0.bias": np.zeros(2),
    }
    return {
        "weights": {
            name: {"data": value.tolist(), "dtype": "torch.float32"}
            for name, value in saved.items()
        },
        "parameters": {
            "neuron_type": "Lapique",
            "num_inputs": 3,
            "hidden_layers": [2, 2],
            "num_outputs": 1,
        },
    }


def test_a_model_saved_module_by_module_is_read_in_the_order_of_its_layers(tmp_path):
    first, second = (
        (np.array([[-1.6, 1.5], [1.4, -1.7], [0.2, 0.1]]), np.array([0.01, 0.0])),
        (np.array([[1.9], [1.8]]), np.array([0.05])),
    )
    (tmp_path / "model.json").write_text(json.dumps(modules(first, second)))
    loaded = load_weights(
        tmp_path / "model.json", [(4, 2), (3, 2), (3, 1)], bias=True, largest=np.inf
    )
    assert loaded[0] == pytest.approx(np.vstack(first))
    assert loaded[1] == pytest.approx(np.vstack([np.eye(2), np.zeros(2)]))
    assert loaded[2] == pytest.approx(np.vstack(second))
    assert scales(tmp_path / "model.json", bias=True, limit=0.8) == pytest.approx(
        (1.7 / 0.8, 1 / 0.8, 1.9 / 0.8)
    )
    with pytest.raises(
        DataError, match=r"layer 0: there are biases, but the network has no bias line"
    ):
        load_weights(tmp_path / "model.json", [(3, 2), (2, 2), (2, 1)], bias=False, largest=np.inf)


def test_arrays_are_saved_as_they_are_loaded(tmp_path):
    weights, biases = [np.array([[3.0, -7.5]]), np.zeros((2, 4))], [np.array([9.0, 0.0]), None]
    path = save_weights(tmp_path / "w", weights, biases)
    loaded = load_weights(path, [(2, 2), (3, 4)], bias=True, largest=np.inf)
    assert loaded[0] == pytest.approx(np.array([[3.0, -7.5], [9.0, 0.0]]))
    assert not loaded[1].any()
    assert scales(path, bias=True, limit=1.0) == (9.0, 1.0)
    with pytest.raises(InputError, match=r"expected \(inputs, outputs\) a layer"):
        save_weights(tmp_path / "w", [np.zeros(3)])
    save_weights(tmp_path / "w", [np.array([[np.inf]])])
    with pytest.raises(DataError, match="is not finite"):
        scales(path, bias=True, limit=1.0)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"weights_1": np.zeros((2, 2))}, "has no array 'weights_0'"),
        (
            {"weights_0": np.zeros((3, 2))},
            r"has 1 layers, 3-2; the network is 2-2: give the data that it was trained for",
        ),
        (
            {"weights_0": np.full((2, 2), 1.5)},
            "the largest weight is 1.5; expected finite weights from −1 to 1",
        ),
    ],
)
def test_weights_that_do_not_fit(tmp_path, arrays, message):
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(DataError, match=message):
        load_weights(tmp_path / "w.npz", [(3, 2)], bias=True)


def test_json_that_is_no_network(tmp_path):
    (tmp_path / "w.json").write_text('{"weights": 3}')
    with pytest.raises(DataError, match="is not a JSON file of layers"):
        load_weights(tmp_path / "w.json", [(3, 2)], bias=True)
