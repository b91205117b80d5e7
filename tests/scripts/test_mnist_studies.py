"""The studies of MNIST at full scale, on few images."""

import json


def test_cases_of_both_presets_share_one_table_and_the_software_weights(script, tmp_path, capsys):
    module = script("mnist_supervised")
    settings = ["data.train_limit=300", "data.test_limit=100"]
    rows = module.main(["bp-400", "deep-spread"], 2, 1, tmp_path, settings)
    assert [(row["case"], row["seed"]) for row in rows] == [
        ("bp-400", 1),
        ("bp-400", 2),
        ("deep-spread", 1),
        ("deep-spread", 2),
    ]
    software = json.loads((tmp_path / "deep-software-2" / "metrics.json").read_text())
    assert rows[3]["software_accuracy"] == software["test_accuracy"]
    table = capsys.readouterr().out
    assert "| deep-spread | 2 |" in table
    before = (tmp_path / "bp-400-1" / "metrics.json").stat().st_mtime_ns
    assert (
        module.main(["bp-400"], 1, 1, tmp_path, settings)[0]["test_accuracy"]
        == rows[0]["test_accuracy"]
    )
    assert (tmp_path / "bp-400-1" / "metrics.json").stat().st_mtime_ns == before


def test_the_unsupervised_study_prints_accuracy_and_classes(script, tmp_path, capsys):
    settings = ["data.train_limit=300", "data.test_limit=100"]
    rows = script("mnist_unsupervised").main(["ideal-100"], 1, 1, tmp_path, settings)
    assert rows[0]["n_test"] == 100
    printed = capsys.readouterr().out
    assert f"| ideal-100 | 1 | {100 * rows[0]['test_accuracy']:.2f} |" in printed
    assert printed.count("| ideal-100 |") == 2
