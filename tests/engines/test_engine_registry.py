"""One list of engines: presets and the command line choose from it."""

import pytest

import spicesnn as sn
from spicesnn.cli.options import EngineName, EngineNames
from spicesnn.engines.registry import ENGINES, make_engine
from spicesnn.errors import ConfigError


def test_engines_are_made_by_name_and_bear_it():
    for name in ENGINES:
        with make_engine(name) as engine:
            assert engine.name == name
    assert isinstance(make_engine("nodal"), sn.NodalEngine)


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(
        ConfigError, match="engine is 'nodel'; expected nodal or ngspice; did you mean 'nodal'"
    ):
        make_engine("nodel")


def test_the_command_line_offers_the_engines_that_there_are():
    assert sorted(EngineName) == sorted(ENGINES)
    assert sorted(EngineNames) == sorted([*ENGINES, "both"])
