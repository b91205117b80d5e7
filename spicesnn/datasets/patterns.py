"""The small pattern sets of the experiments that came before: XPUE, 012345, the 4-bit words and the
3×3 letters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import UnknownNameError

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Patterns:
    """Binary images with their classes.

    Attributes
    ----------
    images : (n, rows, cols) float
        0 or 1.
    labels : (n,) int
        Index into `names`.
    names : tuple of str
        The classes.
    """

    images: Floats
    labels: NDArray[np.int64]
    names: tuple[str, ...]

    @property
    def inputs(self) -> Floats:
        """The images as rows of numbers, (n, rows·cols), row-major."""
        return self.images.reshape(len(self.images), -1)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of one image."""
        return self.images.shape[1], self.images.shape[2]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Words:
    """Bit words and the two bits they should answer with.

    Attributes
    ----------
    train_bits, test_bits : (n, 4) float
        0 or 1.
    train_targets, test_targets : (n, 2) float
        0 or 1, neuron 1 and neuron 2.
    """

    train_bits: Floats
    train_targets: Floats
    test_bits: Floats
    test_targets: Floats


def _image(text: str) -> Floats:
    return np.array([[float(bit) for bit in row] for row in text.split("/")])


def _patterns(drawings: dict[str, str]) -> Patterns:
    return Patterns(
        images=np.stack([_image(text) for text in drawings.values()]),
        labels=np.arange(len(drawings)),
        names=tuple(drawings),
    )


def xpue() -> Patterns:
    """Return X, +, U and =, 3×3: the seeds' first circuit-trained set (Electronics 2024, 13,
    4665)."""
    return _patterns(
        {"X": "101/010/101", "+": "010/111/010", "U": "101/101/111", "=": "111/000/111"}
    )


def digits_3x5() -> Patterns:
    """Return the digits 0 to 5, five rows of three pixels (the same paper)."""
    return _patterns(
        {
            "0": "111/101/101/101/111",
            "1": "010/010/010/010/010",
            "2": "111/001/111/100/111",
            "3": "111/001/111/001/111",
            "4": "101/101/111/001/001",
            "5": "111/100/111/001/111",
        }
    )


_LETTERS = {"z": "110/010/011", "v": "101/101/010", "n": "010/101/101"}


def letters_3x3() -> Patterns:
    """Return z, v and n, 3×3, each perfect and with each one of its nine pixels flipped: 30 images,
    class by class.

    Prezioso et al., Nature 521, 61, 2015: the first perceptron trained on a passive memristor
    crossbar."""
    images, labels = [], []
    for label, text in enumerate(_LETTERS.values()):
        perfect = _image(text)
        for flipped in range(-1, perfect.size):
            image = perfect.copy()
            if flipped >= 0:
                image.flat[flipped] = 1.0 - image.flat[flipped]
            images.append(image)
            labels.append(label)
    return Patterns(images=np.stack(images), labels=np.array(labels), names=tuple(_LETTERS))


_WORDS_TRAIN = "0001:01 0010:10 0110:10 1001:01 1101:01 1110:10"
_WORDS_TEST = "0000:00 0011:00 0100:10 0101:00 0111:10 1000:01 1010:00 1011:01 1100:00 1111:00"


def words_4bit() -> Words:
    """Return the 4-bit words of the 4×4 Manhattan perceptron: six to train on, ten to test.

    Without a bias the neurons are odd, f(−V) = −f(V), so a word and its complement cannot both read
    0: only with a bias row can all ten test words be right."""

    def bits(text: str, part: int) -> Floats:
        return np.array([[float(bit) for bit in word.split(":")[part]] for word in text.split()])

    return Words(
        train_bits=bits(_WORDS_TRAIN, 0),
        train_targets=bits(_WORDS_TRAIN, 1),
        test_bits=bits(_WORDS_TEST, 0),
        test_targets=bits(_WORDS_TEST, 1),
    )


_BY_NAME = {"xpue": xpue, "digits-3x5": digits_3x5, "letters-3x3": letters_3x3}


def by_name(name: str) -> Patterns:
    """Return a set of images by the name it has in a preset."""
    if name not in _BY_NAME:
        raise UnknownNameError(f"no pattern set {name!r}; there are: {', '.join(_BY_NAME)}")
    return _BY_NAME[name]()
