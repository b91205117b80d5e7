"""What [data] says and the data do not have: files beside other sources, limits on samples that
nobody holds out, settings without effect."""

import json

import numpy as np
import pytest

from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.errors import ConfigError
from spicesnn.training import infer, load, train

TABLE = "a,b,label\n" + "".join(f"{k},{9 - k},{k % 2}\n" for k in range(10))


def trained(tmp_path, *settings, preset="letters-3x3"):
    config = load(preset, ["training.epochs=1", *settings])
    with NodalEngine() as engine:
        return train(config, engine=engine, out=tmp_path / "run", rng_seed=1)


def remarks(tmp_path):
    return json.loads((tmp_path / "run" / "metrics.json").read_text()).get("remarks", [])


@pytest.mark.parametrize("name", ["path", "test_path"])
@pytest.mark.parametrize("preset", ["letters-3x3", "mnist-10x10", "stdp-mnist", "deep-mnist"])
def test_a_file_beside_another_source_is_refused(name, preset, tmp_path):
    """Before: the preset's own data were learnt, and nothing was said."""
    (tmp_path / "table.csv").write_text(TABLE)
    with pytest.raises(ConfigError, match=rf"data.{name} names a file, but data.source is .*none"):
        load(preset, [f"data.{name}={tmp_path / 'table.csv'}"])


@pytest.mark.parametrize(
    ("preset", "count"), [("xpue", 2), ("letters-stdp", 2), ("letters-3x3", 7)]
)
def test_a_limit_on_training_samples_is_one_on_what_is_tested(preset, count, tmp_path):
    """Before: an IndexError at the end of the training."""
    summary = trained(tmp_path, f"data.train_limit={count}", preset=preset)
    assert summary.n_test == count
    with np.load(tmp_path / "run" / "state.npz") as kept:
        assert "confusion" not in kept or kept["confusion"].sum() == count
    assert infer(tmp_path / "run", test_limit=1, out=tmp_path / "one").n_test == 1


def test_a_limit_on_held_out_samples_that_are_not_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"data.test_limit = 3, but no sample is held out"):
        trained(tmp_path, "data.test_limit=3")
    (tmp_path / "table.csv").write_text(TABLE)
    own = ["data.source=file", f"data.path={tmp_path / 'table.csv'}", "data.test_fraction=0"]
    with pytest.raises(ConfigError, match=r"data.test_limit = 3, but no sample is held out"):
        trained(tmp_path, *own, "data.test_limit=3")


def test_settings_without_effect_are_told(tmp_path):
    trained(tmp_path, "data.pixels=2", "data.label=class", "data.steps=3")
    said = [f"data.{name} has no effect on letters-3x3" for name in ("label", "pixels", "steps")]
    assert remarks(tmp_path) == said
    trained(tmp_path / "again")
    assert not remarks(tmp_path / "again")
