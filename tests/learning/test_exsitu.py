import json

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.mapping import Differential, Window
from spicesnn.errors import DataError, InputError
from spicesnn.learning.compensation import compensate
from spicesnn.learning.weights import load_weights

WINDOW = Window(low=1e-7, high=1e-5)


def test_compensated_arrays_do_what_the_weights_ask_for_wires_included():
    weights = np.random.default_rng(0).uniform(-0.6, 0.6, (48, 2))
    wanted, wires = Differential().conductances(weights, WINDOW), sn.Wires(word_line_ohm=40.0, bit_line_ohm=40.0)
    done = compensate(wanted, WINDOW, wires)
    effective = sn.NodalEngine().effective_conductance(sn.Crossbar(conductance=done.siemens, wires=wires))
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
    tight = compensate(np.full((64, 2), 9.9e-6), WINDOW, sn.Wires(word_line_ohm=20.0, bit_line_ohm=20.0))
    assert tight.clipped > 10


def test_weights_come_from_npz_and_json_alike(tmp_path):
    weights, bias = np.array([[0.5, -1.0], [0.25, 0.0]]), np.array([0.1, -0.2])
    np.savez(tmp_path / "w.npz", weights_0=weights, bias_0=bias)
    (tmp_path / "w.json").write_text(json.dumps({"layers": [{"weights": weights.tolist(), "bias": bias.tolist()}]}))
    for name in ("w.npz", "w.json"):
        assert load_weights(tmp_path / name, [(3, 2)], bias=True)[0] == pytest.approx(np.vstack([weights, bias]))


@pytest.mark.parametrize(("arrays", "message"), [
    ({"weights_1": np.zeros((2, 2))}, "has no array 'weights_0'"),
    ({"weights_0": np.zeros((3, 2))}, r"make \(4, 2\); expected \(3, 2\): a row an input and one for the bias"),
    ({"weights_0": np.full((2, 2), 1.5)}, "the largest weight is 1.5; expected finite weights from −1 to 1"),
])  # fmt: skip
def test_weights_that_do_not_fit(tmp_path, arrays, message):
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(DataError, match=message):
        load_weights(tmp_path / "w.npz", [(3, 2)], bias=True)


def test_json_that_is_no_network(tmp_path):
    (tmp_path / "w.json").write_text('{"weights": 3}')
    with pytest.raises(DataError, match="is not a JSON file of layers"):
        load_weights(tmp_path / "w.json", [(3, 2)], bias=True)
