import numpy as np
import pytest

from spicesnn.datasets import patterns
from spicesnn.errors import UnknownNameError


def test_xpue_is_the_published_set():
    found = patterns.xpue()
    assert found.names == ("X", "+", "U", "=")
    assert found.inputs.sum(axis=1).tolist() == [5, 5, 7, 6]
    np.testing.assert_array_equal(found.images[1], [[0, 1, 0], [1, 1, 1], [0, 1, 0]])


def test_digits_are_six_of_five_by_three():
    found = patterns.digits_3x5()
    assert found.images.shape == (6, 5, 3)
    assert found.inputs.sum(axis=1).tolist() == [12, 5, 11, 11, 9, 11]
    assert len(np.unique(found.inputs, axis=0)) == 6


def test_letters_are_three_with_each_pixel_flipped_once():
    found = patterns.letters_3x3()
    assert found.images.shape == (30, 3, 3)
    assert np.bincount(found.labels).tolist() == [10, 10, 10]
    for letter in range(3):
        mine = found.inputs[found.labels == letter]
        assert np.abs(mine[1:] - mine[0]).sum(axis=1).tolist() == [1.0] * 9
        assert np.abs(mine[1:] - mine[0]).sum(axis=0).tolist() == [1.0] * 9


def test_words_hold_every_four_bit_word_once():
    words = patterns.words_4bit()
    together = np.concatenate([words.train_bits, words.test_bits])
    assert len(np.unique(together, axis=0)) == 16
    assert words.train_targets.sum(axis=1).tolist() == [1.0] * 6
    assert words.test_targets.sum() == 4


def test_an_unknown_set_names_those_that_exist():
    assert patterns.by_name("xpue").names == ("X", "+", "U", "=")
    with pytest.raises(UnknownNameError, match="there are: xpue, digits-3x5, letters-3x3"):
        patterns.by_name("xpu")
