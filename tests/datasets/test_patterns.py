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


def picture(*lines):
    return [[float(sign == "#") for sign in line] for line in lines]


def test_the_drawings_are_those_of_the_papers_row_by_row():
    digits = {
        "0": picture("###", "#.#", "#.#", "#.#", "###"),
        "1": picture(".#.", ".#.", ".#.", ".#.", ".#."),
        "2": picture("###", "..#", "###", "#..", "###"),
        "3": picture("###", "..#", "###", "..#", "###"),
        "4": picture("#.#", "#.#", "###", "..#", "..#"),
        "5": picture("###", "#..", "###", "..#", "###"),
    }
    signs = {
        "X": picture("#.#", ".#.", "#.#"),
        "+": picture(".#.", "###", ".#."),
        "U": picture("#.#", "#.#", "###"),
        "=": picture("###", "...", "###"),
    }
    letters = {
        "z": picture("##.", ".#.", ".##"),
        "v": picture("#.#", "#.#", ".#."),
        "n": picture(".#.", "#.#", "#.#"),
    }
    for found, drawn in (
        (patterns.digits_3x5(), digits),
        (patterns.xpue(), signs),
        (patterns.letters_3x3(), letters),
    ):
        assert found.names == tuple(drawn)
        for label, name in enumerate(found.names):
            first = int(np.argmax(found.labels == label))
            np.testing.assert_array_equal(found.images[first], drawn[name])
            assert found.inputs[first].tolist() == [bit for row in drawn[name] for bit in row]


def test_a_word_is_answered_by_the_side_that_has_more_of_its_bits():
    """Neuron 1 has the inner two bits, neuron 2 the outer two; neither answers where they are
    equal."""
    words = patterns.words_4bit()
    for bits, targets in (
        (words.train_bits, words.train_targets),
        (words.test_bits, words.test_targets),
    ):
        inner, outer = bits[:, 1] + bits[:, 2], bits[:, 0] + bits[:, 3]
        np.testing.assert_array_equal(targets, np.stack([inner > outer, inner < outer], axis=1))


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
