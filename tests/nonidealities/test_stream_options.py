import numpy as np
import pytest

from spicesnn import training
from spicesnn.errors import ConfigError, UnknownNameError
from spicesnn.nonidealities.options import StreamImperfections, pixels_at

KEYS = ("stuck_on", "stuck_off", "spread", "cycle_to_cycle", "read_noise")


@pytest.mark.parametrize("preset", ["stdp-mnist", "bp-mnist", "deep-mnist"])
def test_the_three_presets_take_the_same_keys(preset):
    loaded = training.load(
        preset, [*(f"imperfections.{key}=0.1" for key in KEYS), "imperfections.stuck_place=centre"]
    )
    spread = {"stdp-mnist": 0.1, "bp-mnist": (0.1,), "deep-mnist": (0.1,)}[preset]
    names = ["pulse_spread" if (key, preset) == ("spread", "stdp-mnist") else key for key in KEYS]
    wanted = [spread if name == "spread" else 0.1 for name in names]
    assert [getattr(loaded.imperfections, name) for name in names] == wanted
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
    assert (
        not StreamImperfections(stuck_on=0.5, stuck_place="centre")
        .stuck_map((401, 10), np.random.default_rng(0), pixels=0)
        .any.any()
    )
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


def test_the_centre_and_the_border_share_the_pixels_between_them():
    """Of 8×8 the middle 4×4; what is left is the border."""
    centre, border = (pixels_at(place, 64).reshape(8, 8) for place in ("centre", "border"))
    expected = np.zeros((8, 8), dtype=bool)
    expected[2:6, 2:6] = True
    np.testing.assert_array_equal(centre, expected)
    np.testing.assert_array_equal(border, ~expected)
    with pytest.raises(ConfigError, match="12 inputs are no square image"):
        pixels_at("centre", 12)


def test_stuck_cells_lie_where_they_are_asked_for():
    for place, inside in (
        ("centre", pixels_at("centre", 784)),
        ("border", pixels_at("border", 784)),
    ):
        options = StreamImperfections(stuck_on=0.2, stuck_off=0.3, stuck=0.1, stuck_place=place)
        found = options.stuck_map((785, 40), np.random.default_rng(0), pixels=784)
        for mask, fraction in ((found.on, 0.2), (found.off, 0.3), (found.still, 0.1)):
            assert mask[:784][inside].mean() == pytest.approx(fraction, abs=0.02)
            assert not mask[:784][~inside].any()
            assert not mask[784].any()  # the bias line is of no image
    anywhere = StreamImperfections(stuck_on=0.2).stuck_map(
        (785, 40), np.random.default_rng(0), pixels=784
    )
    assert anywhere.on[784].any()


def test_the_old_spelling_of_the_spread_of_pulses_is_still_read(tmp_path):
    preset = "stdp-mnist"
    old, new = (
        training.load(preset, [f"imperfections.{key}=0.3"]) for key in ("spread", "pulse_spread")
    )
    assert old == new
    assert "pulse_spread = 0.3" in old.to_toml()
    (tmp_path / "run.toml").write_text(new.to_toml().replace("pulse_spread", "spread"))
    assert training.load(tmp_path / "run.toml").imperfections == new.imperfections
    with pytest.raises(
        ConfigError, match=r"old spelling of imperfections\.pulse_spread, which is 0\.2; give one"
    ):
        training.load(preset, ["imperfections.spread=0.3", "imperfections.pulse_spread=0.2"])


def test_one_meaning_of_each_key_in_every_table():
    from dataclasses import fields

    from spicesnn.nonidealities.options import CellOptions, ImperfectionOptions

    shared = {entry.name: entry.metadata for entry in fields(CellOptions)}
    assert set(shared) == {
        "stuck_on",
        "stuck_off",
        "stuck",
        "cycle_to_cycle",
        "states",
        "read_noise",
    }
    for table in (ImperfectionOptions, StreamImperfections):
        assert {
            entry.name: entry.metadata for entry in fields(table) if entry.name in shared
        } == shared
    assert all(
        "devic" in entry.metadata["meaning"] or "relative spread" in entry.metadata["meaning"]
        for entry in fields(ImperfectionOptions)
        if entry.name == "spread"
    )
