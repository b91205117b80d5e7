"""What is to be learnt: inputs from 0 to 1, answers, and how well a sample is answered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spicesnn.datasets import mnist, patterns, table
from spicesnn.datasets.images import binarise, resize
from spicesnn.devices.base import Floats
from spicesnn.errors import ConfigError
from spicesnn.table_input import spans
from spicesnn.training.sections import DataOptions
from spicesnn.training.streams import Streams

Labels = NDArray[np.int64]

_MOST_ANSWERS = 50_000_000
"""Samples times classes: 400 MB of answers."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Samples:
    """Inputs (n, inputs) from 0 to 1, answers (n, outputs) of 0 and 1, labels (n,): the class, or −1 where several or no outputs are on."""

    inputs: Floats
    answers: Floats
    labels: Labels

    def __len__(self) -> int:
        return len(self.inputs)

    def limited(self, count: int) -> Samples:
        """Return the first `count`; all for 0."""
        return self if count == 0 else self.picked(slice(count))

    def picked(self, index: slice | Labels) -> Samples:
        """Return a selection."""
        return Samples(inputs=self.inputs[index], answers=self.answers[index], labels=self.labels[index])


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Problem:
    """Samples to train on and samples to test on.

    Attributes
    ----------
    train, test : Samples
    names : tuple of str
        The classes.
    shape : tuple of int
        Rows and columns of one input as an image; (1, inputs) for tables.
    held_out : bool
        Whether the test samples are others than the training samples; the small pattern sets have no others.
    """

    train: Samples
    test: Samples
    names: tuple[str, ...]
    shape: tuple[int, int]
    held_out: bool

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return int(self.train.inputs.shape[1])

    @property
    def outputs(self) -> int:
        """Number of output neurons."""
        return int(self.train.answers.shape[1])


def classified(inputs: Floats, labels: Labels, classes: int) -> Samples:
    """Return samples whose answer is one neuron a class."""
    labels = np.asarray(labels, dtype=np.int64)
    if len(labels) * classes > _MOST_ANSWERS:
        raise ConfigError(f"{len(labels):,} samples of {classes:,} classes, one output neuron a class, are {len(labels) * classes:,} answers; "
                          f"expected at most {_MOST_ANSWERS:,}. Does the label column (data.label) hold classes, not measurements?")  # fmt: skip
    return Samples(inputs=np.ascontiguousarray(inputs, dtype=float), answers=np.eye(classes)[labels], labels=labels)


def _worded(bits: Floats, answers: Floats) -> Samples:
    single = answers.sum(axis=1) == 1
    return Samples(inputs=bits, answers=answers, labels=np.where(single, answers.argmax(axis=1), -1).astype(np.int64))


@lru_cache(maxsize=1)
def _from_mnist(options: DataOptions, digits: mnist.Mnist) -> Problem:
    """Prepare the digits; the points of a sweep mostly ask for the same."""

    def prepared(images: NDArray[np.uint8], labels: NDArray[np.uint8], limit: int) -> Samples:
        chosen = images[: limit or len(images)]
        grey = chosen / 255.0 if options.pixels == chosen.shape[1] else resize(chosen, options.pixels, options.pixels, options.method) / 255.0
        values = binarise(grey, options.ones) if options.ones else grey
        samples = classified(values.reshape(len(values), -1), labels[: limit or len(labels)].astype(np.int64), 10)
        for array in (samples.inputs, samples.answers, samples.labels):
            array.flags.writeable = False  # another run of this process may get them
        return samples

    count = len(digits.x_train) - options.validation
    if count < 1:
        raise ConfigError(f"data.validation = {options.validation} leaves none of the {len(digits.x_train)} training images; expected fewer")
    held = (digits.x_train[count:], digits.y_train[count:]) if options.validation else (digits.x_test, digits.y_test)
    return Problem(
        train=prepared(digits.x_train[:count], digits.y_train[:count], options.train_limit), test=prepared(*held, options.test_limit),
        names=tuple("0123456789"), shape=(options.pixels, options.pixels), held_out=True,
    )  # fmt: skip


def _from_file(options: DataOptions, streams: Streams) -> Problem:
    if not options.path:
        raise ConfigError("data.source is \"file\", but data.path is empty; expected the path of a .csv or .npz file")
    first = table.read(options.path, label=options.label)
    low, span = spans(first.features)

    def scaled(features: Floats) -> Floats:
        """Scale every feature to 0…1 by what the training file spans; held-out samples beyond are clipped."""
        return np.asarray(np.clip((features - low) / span, 0.0, 1.0))

    everything = classified(scaled(first.features), first.labels, len(first.names))
    if options.test_path:
        other = table.read(options.test_path, label=options.label)
        if not set(other.names) <= set(first.names) or other.features.shape[1] != first.features.shape[1]:
            raise ConfigError(f"{options.test_path} has other classes or another number of features than {options.path}")
        labels = np.array([first.names.index(other.names[k]) for k in other.labels])
        train, test, held = everything, classified(scaled(other.features), labels, len(first.names)), True
    else:
        order = streams.draw("split").permutation(len(everything))
        count = round(options.test_fraction * len(everything))
        if not count < len(everything):
            raise ConfigError(f"data.test_fraction = {options.test_fraction} leaves no sample to train on")
        held = count > 0
        train = everything.picked(np.sort(order[count:]))
        test = everything.picked(np.sort(order[:count])) if held else everything
    return Problem(train=train.limited(options.train_limit), test=test.limited(options.test_limit), names=first.names,
                   shape=(1, first.features.shape[1]), held_out=held)  # fmt: skip


def load(options: DataOptions, streams: Streams) -> Problem:
    """Return the problem that the [data] table asks for."""
    if options.source == "mnist":
        return _from_mnist(options, mnist.load())
    if options.source == "file":
        return _from_file(options, streams)
    if options.source == "words-4bit":
        words = patterns.words_4bit()
        train, test = _worded(words.train_bits, words.train_targets), _worded(words.test_bits, words.test_targets)
        problem = Problem(train=train, test=test, names=("neuron 1", "neuron 2"), shape=(1, 4), held_out=True)
    elif options.source == "xor":
        bits = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        samples = Samples(inputs=bits, answers=np.array([[0.0], [1.0], [1.0], [0.0]]), labels=np.array([0, 1, 1, 0]))
        problem = Problem(train=samples, test=samples, names=("0", "1"), shape=(1, 2), held_out=False)
    else:
        clean = options.source == "letters-clean"
        images = patterns.by_name("letters-3x3" if clean else options.source)
        if clean:
            images = replace(images, images=images.images[::10], labels=images.labels[::10])
        samples = classified(images.inputs, images.labels, len(images.names))
        problem = Problem(train=samples, test=samples, names=images.names, shape=images.shape, held_out=False)
    return replace(problem, train=problem.train.limited(options.train_limit), test=problem.test.limited(options.test_limit))
