import numpy as np
import pytest

from spicesnn import training
from spicesnn.errors import ConfigError, UnknownNameError
from spicesnn.nonidealities.options import NetworkImperfections, pixels_at

KEYS = ("stuck_on", "stuck_off", "pulse_spread", "cycle_to_cycle", "read_noise")


@pytest.mark.parametrize("preset", ["stdp-mnist", "bp-mnist", "deep-mnist"])
def test_the_three_presets_take_the_same_keys(preset):
    loaded = training.load(
        preset, [*(f"imperfections.{key}=0.1" for key in KEYS), "imperfections.stuck_place=centre"]
    )
    assert [getattr(loaded.imperfections, name) for name in KEYS] == [0.1] * len(KEYS)
    assert training.load(preset, ["imperfections.states=16"]).imperfections.states == 16
    with pytest.raises(UnknownNameError, match=r"did you mean 'imperfections\.read_noise'"):
        training.load(preset, ["imperfections.read_nois=0.1"])


def test_the_centre_and_the_border_share_the_pixels_between_them():
    """Of 8×8 the middle 4×4; what is left is the border."""
    centre, border = (pixels_at(place, 64).reshape(8, 8) for place in ("centre", "border"))
    expected = np.zeros((8, 8), dtype=bool)
    expected[2:6, 2:6] = True
    np.testing.assert_array_equal(centre, expected)
    np.testing.assert_array_equal(border, ~expected)
    with pytest.raises(ConfigError, match="12 inputs are no square image"):
        pixels_at("centre", 12)


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
    for table in (ImperfectionOptions, NetworkImperfections):
        assert {
            entry.name: entry.metadata for entry in fields(table) if entry.name in shared
        } == shared
    assert all(
        "devic" in entry.metadata["meaning"] or "relative spread" in entry.metadata["meaning"]
        for entry in fields(ImperfectionOptions)
        if entry.name == "spread"
    )
