"""The pattern sets of earlier experiments as data sets."""

from __future__ import annotations

import numpy as np

from spicesnn.datasets import patterns
from spicesnn.datasets.registry import Brought, data_set


def _images(found: patterns.Patterns, every: int = 1) -> Brought:
    return Brought.of_classes(
        found.inputs[::every], found.labels[::every], found.names, found.shape
    )


@data_set("xpue")
def xpue() -> Brought:
    """X, +, U and = of 3 × 3 pixels (Electronics 2024, 13, 4665)."""
    return _images(patterns.xpue())


@data_set("digits-3x5")
def digits() -> Brought:
    """The digits 0 to 5, five rows of three pixels (the same paper)."""
    return _images(patterns.digits_3x5())


@data_set("letters-3x3")
def letters() -> Brought:
    """Z, v and n, perfect and with one pixel flipped (Nature 521, 61, 2015)."""
    return _images(patterns.letters_3x3())


@data_set("letters-clean")
def letters_clean() -> Brought:
    """Z, v and n of 3 × 3 pixels, perfect."""
    return _images(patterns.letters_3x3(), 10)


@data_set("words-4bit")
def words() -> Brought:
    """Words of four bits, six to learn and ten to test."""
    found = patterns.words_4bit()
    return Brought(
        inputs=found.train_bits,
        answers=found.train_targets,
        names=("neuron 1", "neuron 2"),
        shape=(1, 4),
        test_inputs=found.test_bits,
        test_answers=found.test_targets,
    )


@data_set("xor")
def xor() -> Brought:
    """Exclusive or of two bits, one output."""
    bits = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    answers = np.array([[0.0], [1.0], [1.0], [0.0]])
    return Brought(inputs=bits, answers=answers, names=("0", "1"), shape=(1, 2))
