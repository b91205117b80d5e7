"""The study of supervised MNIST, on few images."""

import importlib.util
import json
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "mnist_supervised.py"


def test_cases_of_both_presets_share_one_table_and_the_software_weights(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("script_mnist_supervised", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    settings = ["data.train_limit=300", "data.test_limit=100"]
    rows = module.main(["bp-400", "deep-spread"], 2, 1, tmp_path, settings)
    assert [(row["case"], row["seed"]) for row in rows] == [("bp-400", 1), ("bp-400", 2), ("deep-spread", 1), ("deep-spread", 2)]
    software = json.loads((tmp_path / "deep-software-2" / "metrics.json").read_text())
    assert rows[3]["software_accuracy"] == software["test_accuracy"]
    table = capsys.readouterr().out
    assert "| deep-spread | 2 |" in table
    before = (tmp_path / "bp-400-1" / "metrics.json").stat().st_mtime_ns
    assert module.main(["bp-400"], 1, 1, tmp_path, settings)[0]["test_accuracy"] == rows[0]["test_accuracy"]
    assert (tmp_path / "bp-400-1" / "metrics.json").stat().st_mtime_ns == before
