"""Data sets register themselves: the recipe of CONTRIBUTING is executed by the tests of the
documentation."""

import numpy as np
import pytest

from spicesnn.datasets import registry
from spicesnn.datasets.registry import Brought
from spicesnn.errors import DataError, UnknownNameError
from spicesnn.training.sections import SOURCES


def test_every_set_is_a_source_and_sound():
    found = registry.sets()
    assert set(SOURCES) == {*found, "mnist", "file"}
    for name, one in found.items():
        brought = one.load()
        assert one.name == name
        assert one.meaning.endswith(".")
        assert brought.inputs.shape[1] == brought.shape[0] * brought.shape[1]
        assert brought.answers.shape[1] == len(brought.names) or brought.answers.shape[1] == 1


def test_a_set_that_registers_a_name_twice_is_refused():
    def other() -> Brought:
        return registry.brought("xor")

    with pytest.raises(
        DataError, match=r"'xor' is registered by spicesnn\.datasets\.sets\.small already"
    ):
        registry.data_set("xor")(other)
    with pytest.raises(UnknownNameError, match="no data set 'xo'; there are: xpue"):
        registry.brought("xo")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": np.full((4, 2), 2.0)}, "values outside 0 to 1"),
        ({"inputs": np.full((4, 2), np.nan)}, "values outside 0 to 1"),
        ({"answers": np.eye(2)}, "4 samples and 2 answers"),
        ({"shape": (3, 1)}, r"2 inputs do not make \(3, 1\) pixels"),
        ({"test_inputs": np.zeros((2, 2))}, "held-out samples need inputs"),
    ],
)
def test_a_set_that_is_not_sound_is_refused(change, words):
    arrays = {
        "inputs": np.zeros((4, 2)),
        "answers": np.eye(2)[[0, 1, 0, 1]],
        "names": ("a", "b"),
        "shape": (1, 2),
    }
    with pytest.raises(DataError, match=words):
        Brought(**(arrays | change))
