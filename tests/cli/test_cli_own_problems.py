"""People's own problems, from the command line and one TOML file: own tables, own layer sizes, own
weights."""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from spicesnn.learning.weights import save_weights

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "own-data.md").read_text(encoding="utf-8")
EXSITU = ("--set", "learning.rule=exsitu", "--set", "training.epochs=1")


@pytest.fixture
def own(tmp_path):
    """The example of the documentation, with a table of 95 features and 6 classes beside it."""
    (tmp_path / "own.toml").write_text(
        re.search(r"<<'END_OF_FILE'\n(.*?)END_OF_FILE", PAGE, flags=re.DOTALL).group(1)
    )
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, 300)
    features = 0.8 * rng.normal(size=(6, 95))[labels] + rng.normal(size=(300, 95))
    lines = [",".join([*(f"f{k}" for k in range(95)), "label"])]
    lines += [
        ",".join([*(f"{value:.4f}" for value in row), f"class {label}"])
        for row, label in zip(features, labels, strict=True)
    ]
    (tmp_path / "own.csv").write_text("\n".join(lines))
    np.savez(tmp_path / "own.npz", features=features, labels=labels)
    return tmp_path


def test_ninety_five_features_sixteen_hidden_neurons_six_classes_learn_in_situ(own, run_json):
    settings = ("training.epochs=5", "training.batch=60")
    code, answer, _ = run_json(
        "train",
        "own.toml",
        "--out",
        "run",
        "--no-figures",
        *(word for text in settings for word in ("--set", text)),
    )
    assert code == 0
    assert (answer["rows"], answer["columns"], answer["n_test"]) == (96, 32, 60)
    assert answer["pulses"] > 100
    assert answer["test_accuracy"] >= 0.6  # chance is 1/6


def test_the_same_file_maps_ex_situ_with_an_offset_column_finite_states_and_fine_tuning(
    own, run_json
):
    settings = (
        f"data.path={own / 'own.npz'}",
        "exsitu.epochs=40",
        "exsitu.batch=60",
        "exsitu.rate=0.02",
        "network.columns=offset",
        "imperfections.states=32",
        "exsitu.fine_tune=2",
        "learning.fraction=0.05",
        "training.batch=60",
    )
    command = (
        "train",
        "own.toml",
        *EXSITU,
        "--out",
        "run",
        "--no-figures",
        *(word for text in settings for word in ("--set", text)),
    )
    code, answer, _ = run_json(*command)
    assert code == 0
    assert (answer["rows"], answer["columns"]) == (96, 17)
    assert answer["updates"] == 3
    assert answer["pulses"] > 0
    assert answer["software_accuracy"] >= 0.9
    assert answer["test_accuracy"] >= answer["software_accuracy"] - 0.15
    with np.load(own / "run" / "history.npz") as history:
        shares = (history["conductance_after"] - 1 / 120e3) / (1 / 40e3 - 1 / 120e3) * 31
    assert np.abs(shares - np.rint(shares)).max() < 1e-6


def xor_model(path):
    """Write XOR as SNNtrainer3D would: weights beyond 1, neurons that fire where W·x + b > ½."""
    values = {
        "fc1.weight": [[-1.6, 1.4], [1.5, -1.7]],
        "fc1.bias": [0.01, 0.0],
        "lifs.0.threshold": 1.0,
        "fc2.weight": [[1.9, 1.8]],
        "fc2.bias": [0.05],
    }
    path.write_text(
        json.dumps(
            {
                "weights": {
                    name: {"data": value, "dtype": "torch.float32"}
                    for name, value in values.items()
                },
                "parameters": {},
            }
        )
    )


@pytest.mark.parametrize(
    "extra",
    [(), ("exsitu.write_verify=true", "exsitu.verify_tolerance=0.02")],
    ids=["set", "write-verify"],
)
@pytest.mark.parametrize("columns", ["differential", "offset"])
def test_weights_beyond_the_window_are_scaled_and_the_scale_is_recorded(
    run_json, tmp_path, columns, extra
):
    xor_model(tmp_path / "model.json")
    # A sum of ½ at 0.2 V over a window of 99 µS is 9.9 µA: 0.4 V on 40.4 kΩ.
    settings = (
        f"exsitu.weights={tmp_path / 'model.json'}",
        "network.hidden_ohm=40404",
        "neuron.resistance_ohm=40404",
        f"network.columns={columns}",
    )
    command = (
        "train",
        "exsitu-xor",
        "--out",
        "run",
        "--no-figures",
        *(word for text in (*settings, *extra) for word in ("--set", text)),
    )
    code, answer, _ = run_json(*command)
    assert code == 0
    assert answer["software_accuracy"] == answer["test_accuracy"] == 1.0
    assert answer["weight_scale"] == pytest.approx([1.7 / 0.9, 1.9 / 0.9])
    assert tomllib.loads((tmp_path / "run" / "run.toml").read_text())["exsitu"][
        "scale"
    ] == pytest.approx(answer["weight_scale"])
    assert (answer["pulses"] > 20) == bool(extra)
    with np.load(tmp_path / "run" / "history.npz") as history:
        mapped = history["weights_after"] * answer["weight_scale"][0]
    within = (
        0.02 * 2 * 2 * 1.9 if extra else 0.01
    )  # an offset weight is twice the difference of two cells
    assert mapped == pytest.approx(np.array([[-1.6, 1.5], [1.4, -1.7], [0.01, 0.0]]), abs=within)
    # The run does not need the file again.
    (tmp_path / "model.json").unlink()
    code, answer, _ = run_json("infer", "run", "--engine", "nodal")
    assert (code, answer["test_accuracy"]) == (0, 1.0)


def test_weights_that_cannot_be_mapped_say_why(run, tmp_path):
    path = save_weights(tmp_path / "w.npz", [np.full((2, 2), np.nan), np.ones((2, 1))])
    code, _, err = run("train", "exsitu-xor", "--set", f"exsitu.weights={path}")
    assert code in (1, 2)
    assert "a weight is not finite" in err
    path = save_weights(tmp_path / "w.npz", [np.ones((2, 2)), np.ones((2, 1))])
    code, _, err = run(
        "train", "exsitu-xor", "--set", f"exsitu.weights={path}", "--set", "exsitu.scale=[2.0]"
    )
    assert code in (1, 2)
    assert "exsitu.scale has 1 numbers, [2.0]; expected one for each of the 2 layers" in err


def test_samples_that_are_not_held_out_are_called_training_samples(run, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", x=rng.uniform(0, 1, (40, 3)), y=np.arange(40) % 2)
    for fraction, word in (("0", "training"), ("0.25", "held-out")):
        settings = (
            "data.source=file",
            "data.path=a.npz",
            f"data.test_fraction={fraction}",
            "training.updates=2",
        )
        out = f"run{fraction}"
        code, text, _ = run(
            "train",
            "letters-3x3",
            "--no-figures",
            "--out",
            out,
            *(word for pair in settings for word in ("--set", pair)),
        )
        assert code == 0
        assert f"{word} samples right" in text
        assert "note    each feature scaled to 0…1" in text
        assert f"{word} samples right" in run("infer", out)[1]
        assert (
            f"done: {'test' if word == 'held-out' else word}"
            in (tmp_path / out / "log.txt").read_text()
        )
