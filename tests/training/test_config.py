import math
import re
import tomllib
from dataclasses import fields
from importlib import import_module
from typing import get_type_hints

import pytest

from spicesnn.errors import ConfigError, UnknownNameError
from spicesnn.options import Section, parse_override, render_toml
from spicesnn.studies.study import KINDS as STUDIES
from spicesnn.training.config import KINDS, from_tables, load, preset_names
from spicesnn.training.run import RunDirectory


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_loads_and_survives_the_way_to_toml_and_back(name):
    config = load(name)
    assert config.preset == name
    assert len(config.description) > 20
    assert from_tables(tomllib.loads(config.to_toml())) == config


def test_the_run_toml_of_a_run_can_be_trained_again(tmp_path):
    config = load("letters-3x3", ["array.word_line_ohm=2.5"])
    run = RunDirectory.create(tmp_path / "run", config, {"ngspice": "39"})
    assert run.versions()["ngspice"] == "39"
    assert load(run.path / "run.toml") == run.config() == config


def test_overrides_take_text_numbers_and_engineering_notation():
    config = load(
        "mnist-10x10",
        [
            "training.epochs=3",
            "device.r_on=20k",
            "network.initial=[0.1, 0.2]",
            "seed=7",
            "engine=ngspice",
            "data.ones=19",
        ],
    )
    assert config.training.epochs == 3
    assert config.device.build().r_on == 20e3
    assert config.network.initial == (0.1, 0.2)
    assert (config.seed, config.engine, config.data.ones) == (7, "ngspice", 19)
    assert load("mnist-10x10", {"array.word_line_ohm": "2.5"}).array.word_line_ohm == 2.5


def test_another_model_starts_from_its_own_parameters():
    assert load("mnist-10x10", ["device.model=yakopcic"]).device.parameters == {}


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        ("training.epoch=3", UnknownNameError, "did you mean 'training.epochs'"),
        ("trainin.epochs=3", UnknownNameError, "did you mean 'training'"),
        ("device.r_in=3", UnknownNameError, "did you mean 'device.r_on'"),
        ("device.model=vtean", UnknownNameError, "did you mean 'vteam'"),
        ("training.epochs=many", ConfigError, "training.epochs is 'many'; expected a whole number"),
        ("training.epochs=-1", ConfigError, "training.epochs = -1; expected 0 or more"),
        ("programming.scheme=halv", ConfigError, "did you mean 'half'"),
        ("encoding.high_volts=lots", ConfigError, "encoding.high_volts: 'lots' is not a number"),
        ("network.bias=1", ConfigError, "network.bias is 1; expected true or false"),
        ("engine=spice", ConfigError, "engine is 'spice'"),
        ("seed=-3", ConfigError, "seed is -3; expected a whole number, 0 or more"),
        ("epochs", ConfigError, "expected key=value"),
    ],
)
def test_bad_overrides_say_what_is_wrong(override, error, message):
    with pytest.raises(error, match=message):
        load("mnist-10x10", [override])


def test_unknown_preset_and_file(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'xpue'"):
        load("xpu")
    with pytest.raises(ConfigError, match="there is no file"):
        load(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("a = = 3")
    with pytest.raises(ConfigError, match="is not a TOML file that can be read"):
        load(broken)


def test_data_paths_are_relative_to_the_file(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('[data]\nsource = "file"\npath = "mine.csv"\n')
    assert load(file).data.path == str(tmp_path / "mine.csv")
    assert load(file).preset == "mine"


def test_values_are_read_as_toml_or_as_text():
    assert parse_override("a.b = [1, 2]") == ("a.b", [1, 2])
    assert parse_override("a.b=10k") == ("a.b", "10k")


def test_toml_text_keeps_every_value():
    tables = {"a": 'say "x" \\ y', "b": {"n": 1.5e-07, "t": True, "l": [1, 2]}}
    assert tomllib.loads(render_toml(tables)) == tables


def test_a_path_given_beside_the_file_is_kept_whole(tmp_path, monkeypatch):
    """A run can be read from any folder, and its run.toml trained again from its own."""
    monkeypatch.chdir(tmp_path)
    config = load("letters-3x3", ["data.source=file", "data.path=own.csv", "exsitu.weights=w.npz"])
    assert config.data.path == str(tmp_path / "own.csv")
    assert config.exsitu.weights == str(tmp_path / "w.npz")
    assert config.data.test_path == ""
    assert load("letters-3x3", {"device.model": "vteam"}).device.model == "vteam"


def test_any_text_comes_back_from_toml():
    text = 'tab\t return\r quote" back\\slash \x01\x7f\u2028 😀'
    assert tomllib.loads(render_toml({"a": text, "b": {"c": [text]}})) == {
        "a": text,
        "b": {"c": [text]},
    }


@pytest.mark.parametrize(
    "text",
    ["two\nlines", "two\rlines", "a\x00b", "\x1b[2J", "a\u2028b", "a\u202eb", "a\x85b", "a\tb"],
)
def test_control_characters_are_refused_in_a_preset_s_name_and_description(text):
    for key in ("preset", "description"):
        with pytest.raises(
            ConfigError,
            match=f"{key} has the character U\\+[0-9A-F]{{4}}; expected one line of printable text",
        ):
            load("letters-3x3", {key: text})


@pytest.mark.parametrize("text", ["../../escaped", "a/b", "a\\b", "..", ".", "", "  ", "x" * 121])
def test_a_preset_s_name_stays_in_the_folder_of_runs(text):
    with pytest.raises(ConfigError, match=r"expected a name without / and \\ of at most 120 bytes"):
        load("letters-3x3", {"preset": text})


def test_a_description_may_be_in_any_script():
    text = "memristorer på 1 Ω/segment, 忆阻器, نیم\u200cفاصله"
    assert load("letters-3x3", {"description": text}).description == text


def _numbers():
    """Yield every numeric option of every kind of experiment and study, as (section, key, whether
    it is a list)."""
    for home in (*KINDS.values(), *STUDIES.values()):
        module, _, name = home.partition(":")
        for section, hint in get_type_hints(getattr(import_module(module), name)).items():
            if isinstance(hint, type) and issubclass(hint, Section):
                hints = get_type_hints(hint)
                for entry in fields(hint):
                    if any(number in str(hints[entry.name]) for number in ("float", "int")):
                        yield hint, f"{section}.{entry.name}", "tuple" in str(hints[entry.name])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "nan", "inf", "1e400"], ids=str)
def test_no_option_of_any_experiment_takes_what_is_no_finite_number(value):
    seen = 0
    for section, key, several in _numbers():
        where, _, name = key.partition(".")
        for given in ([value], [1.0, value]) if several else (value,):
            with pytest.raises(ConfigError, match=re.escape(key)):
                section.from_table({name: given}, where)
            seen += 1
    assert seen > 200


def test_options_that_are_fractions_end_at_one():
    for key in (
        "data.test_fraction",
        "network.initial",
        "learning.fraction",
        "imperfections.stuck_on",
        "exsitu.weight_limit",
    ):
        with pytest.raises(ConfigError, match=f"{key} = 1.5; expected .*(at most|less than) 1"):
            load("mnist-10x10", {key: [0.1, 1.5] if key == "network.initial" else 1.5})


def test_whole_numbers_stay_exact():
    with pytest.raises(ConfigError, match=r"training\.epochs is 1e\+300; expected a whole number"):
        load("mnist-10x10", {"training.epochs": 1e300})
    with pytest.raises(ConfigError, match="a number of too many digits"):
        load("mnist-10x10", {"training.epochs": 10**400})
