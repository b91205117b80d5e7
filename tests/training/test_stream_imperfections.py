import numpy as np
import pytest

from spicesnn import training
from spicesnn.errors import ConfigError, UnknownNameError
from spicesnn.training.stream_imperfections import StreamImperfections, pixels_at

KEYS = ("stuck_on", "stuck_off", "spread", "cycle_to_cycle", "read_noise")


@pytest.mark.parametrize("preset", ["stdp-mnist", "bp-mnist", "deep-mnist"])
def test_the_three_presets_take_the_same_keys(preset):
    loaded = training.load(preset, [*(f"imperfections.{key}=0.1" for key in KEYS), "imperfections.stuck_place=centre"])
    assert [getattr(loaded.imperfections, key) for key in KEYS] == [0.1] * len(KEYS)
    assert training.load(preset, ["imperfections.states=16"]).imperfections.states == 16
    with pytest.raises(UnknownNameError, match=r"did you mean 'imperfections\.read_noise'"):
        training.load(preset, ["imperfections.read_nois=0.1"])


def test_shares_and_places():
    options = StreamImperfections(stuck_on=0.1, stuck_off=0.2, stuck=0.05, stuck_place="border")
    drawn = options.stuck_map((785, 200), np.random.default_rng(0), pixels=784)
    frame = np.append(pixels_at("border", 784), False)
    assert frame.sum() == 784 - 196
    assert not drawn.any[~frame].any()
    for mask, share in ((drawn.on, 0.1), (drawn.off, 0.2), (drawn.still, 0.05)):
        assert mask[frame].mean() == pytest.approx(share, abs=0.004)
    assert not StreamImperfections(stuck_on=0.5, stuck_place="centre").stuck_map((401, 10), np.random.default_rng(0), pixels=0).any.any()
    with pytest.raises(ConfigError, match="700 inputs are no square image"):
        pixels_at("centre", 700)


@pytest.mark.parametrize(
    ("options", "table", "message"),
    [
        ({"states": 1}, False, "states = 1; expected 0"),
        ({"states": 8, "cycle_to_cycle": 0.1}, False, "no size that could scatter"),
        ({"states": 8}, True, "the states of its own pulses"),
    ],
)
def test_states_that_cannot_be(options, table, message):
    with pytest.raises(ConfigError, match=message):
        StreamImperfections(**options).checked_states(table=table)
