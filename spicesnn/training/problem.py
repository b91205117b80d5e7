"""What is to be learnt: inputs, scaled by the training samples, and answers."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.datasets import files, mnist, registry, table
from spicesnn.datasets.images import binarise, resize
from spicesnn.datasets.recordings import counts, reading
from spicesnn.datasets.scaling import Scale
from spicesnn.errors import ConfigError
from spicesnn.training.sections import DataOptions, EventData
from spicesnn.training.streams import Streams

Labels = NDArray[np.int64]
MNIST_PIXELS = 10
"""MNIST is reduced to so many pixels along an edge, unless `data.pixels` says otherwise: circuits
of 784 lines take their time."""

_MOST_ANSWERS = 50_000_000
"""Samples times classes: 400 MB of answers."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Samples:
    """Inputs (n, inputs), scaled; answers (n, outputs) of 0 and 1; labels (n,): the class, or −1
    where several or no outputs are on."""

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
        return Samples(
            inputs=self.inputs[index], answers=self.answers[index], labels=self.labels[index]
        )


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
        Whether the test samples are others than the training samples; the small pattern sets have
        no others.
    scale : Scale
        What the inputs were scaled by.
    outside : int
        Held-out values beyond what the training samples span.
    available : int
        Training samples that the data have, before `data.train_limit` and `data.validation`; 0
        where all are used.
    remarks : tuple of str
        How recordings of events were read; settings without effect.
    """

    train: Samples
    test: Samples
    names: tuple[str, ...]
    shape: tuple[int, int]
    held_out: bool
    scale: Scale = field(default_factory=lambda: Scale.of("none", np.zeros((1, 1))))
    outside: int = 0
    available: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return int(self.train.inputs.shape[1])

    @property
    def outputs(self) -> int:
        """Number of output neurons."""
        return int(self.train.answers.shape[1])

    def scaled_how(self) -> str:
        """Return what was done to a user's data, in a sentence."""
        return "; ".join(
            [*self.remarks, scaled_how(self.scale, len(self.train), self.inputs, self.outside)]
        )


def scaled_how(scale: Scale, count: int, inputs: int, outside: int) -> str:
    """Return what was done to a user's data, in a sentence; `outside` is the number of held-out
    values beyond the training samples."""
    beyond = (
        f"; {outside} held-out value{'s lie' if outside > 1 else ' lies'} outside and"
        f" stay{'' if outside > 1 else 's'} there"
        if outside
        else ""
    )
    return scale.sentence(count, inputs) + beyond


def classified(inputs: Floats, labels: Labels, classes: int) -> Samples:
    """Return samples whose answer is one neuron a class."""
    labels = np.asarray(labels, dtype=np.int64)
    if len(labels) * classes > _MOST_ANSWERS:
        raise ConfigError(
            f"{len(labels):,} samples of {classes:,} classes, one output neuron a class, are"
            f" {len(labels) * classes:,} answers; expected at most {_MOST_ANSWERS:,}. Does the"
            " label column (data.label) hold classes, not measurements?"
        )
    return Samples(
        inputs=np.ascontiguousarray(inputs, dtype=float),
        answers=np.eye(classes)[labels],
        labels=labels,
    )


def _answered(inputs: Floats, answers: Floats) -> Samples:
    """Return samples whose label is the one output that is on, or the bit of an output that is
    alone."""
    single = answers.sum(axis=1) == 1
    labels = (
        answers[:, 0] if answers.shape[1] == 1 else np.where(single, answers.argmax(axis=1), -1)
    )
    return Samples(
        inputs=np.ascontiguousarray(inputs), answers=answers, labels=labels.astype(np.int64)
    )


@lru_cache(maxsize=1)
def _from_mnist(options: DataOptions, digits: mnist.Mnist) -> Problem:
    """Prepare the digits; the points of a sweep mostly ask for the same."""

    def prepared(images: NDArray[np.uint8], labels: NDArray[np.uint8], limit: int) -> Samples:
        chosen = images[: limit or len(images)]
        grey = (
            chosen / 255.0
            if pixels == chosen.shape[1]
            else resize(chosen, pixels, pixels, options.method) / 255.0
        )
        values = binarise(grey, options.ones) if options.ones else grey
        samples = classified(
            values.reshape(len(values), -1), labels[: limit or len(labels)].astype(np.int64), 10
        )
        for array in (samples.inputs, samples.answers, samples.labels):
            array.flags.writeable = False  # another run of this process may get them
        return samples

    pixels = options.pixels or MNIST_PIXELS
    count = len(digits.x_train) - options.validation
    if count < 1:
        raise ConfigError(
            f"data.validation = {options.validation} leaves none of the {len(digits.x_train)}"
            " training images; expected fewer"
        )
    held = (
        (digits.x_train[count:], digits.y_train[count:])
        if options.validation
        else (digits.x_test, digits.y_test)
    )
    return Problem(
        train=prepared(digits.x_train[:count], digits.y_train[:count], options.train_limit),
        test=prepared(*held, options.test_limit),
        names=tuple("0123456789"),
        shape=(pixels, pixels),
        held_out=True,
        available=len(digits.x_train),
    )


_BY_NAME = "held-out columns stand in another order and are taken by their names"


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class OwnData:
    """A user's samples as they are in the file, images reduced if that is asked for, and how they
    are scaled.

    Attributes
    ----------
    train, test : (n, inputs)
        Not scaled yet; uint8 where the file has bytes.
    train_labels, test_labels : (n,) int
    names : tuple of str
        The classes.
    shape : (rows, cols)
        Of a sample as an image; (1, inputs) for a table.
    held_out : bool
        Whether the test samples are others than the training samples.
    scale : Scale
        Of the training samples.
    available : int
        Training samples that the data have, before any limit and any validation.
    remarks : tuple of str
        How recordings of events were read.
    """

    train: NDArray[Any]
    train_labels: Labels
    test: NDArray[Any]
    test_labels: Labels
    names: tuple[str, ...]
    shape: tuple[int, int]
    held_out: bool
    scale: Scale
    available: int
    remarks: tuple[str, ...] = ()

    @classmethod
    def load(cls, options: DataOptions, streams: Streams, scale: Scale | None = None) -> OwnData:
        """Read, split, then scale by the training samples; `scale` is that of a run which goes on,
        or is tested."""
        if not options.path:
            raise ConfigError(
                'data.source is "file", but data.path is empty; expected the path of a file of'
                " samples and classes"
            )
        (whole, own_test), remarks = _read(options, options.path)
        table.check_classes(whole, options.path)
        if options.test_path:
            (apart, _), more = _read(options, options.test_path, whole.shape)
            own_test = table.renamed(apart, whole, Path(options.test_path))
            if table.moved(apart, whole):
                more = (*more, _BY_NAME)
            remarks = (*remarks, *more)
        train, test, held_out = _halves(whole, own_test, options, streams)
        available = len(train[1])
        if options.validation:
            if not options.validation < len(train[1]):
                raise ConfigError(
                    f"data.validation = {options.validation} leaves none of the {len(train[1])}"
                    " training samples; expected fewer"
                )
            count = len(train[1]) - options.validation
            train, test, held_out = (
                (train[0][:count], train[1][:count]),
                (train[0][count:], train[1][count:]),
                True,
            )
        shape = _image_shape(whole, options)
        train = train[0][: options.train_limit or None], train[1][: options.train_limit or None]
        test = test if held_out else train
        test = test[0][: options.test_limit or None], test[1][: options.test_limit or None]
        reduced, shape = _reduced(train[0], shape, options)
        held, _ = _reduced(test[0], _image_shape(whole, options), options)
        image = min(shape) > 1
        if scale is None:
            scale = Scale.of(
                "minmax" if options.scale == "auto" else options.scale,
                reduced if options.ones else train[0],
                together=image,
            )
        scale.check(reduced.shape[1], options.path)
        return cls(
            train=reduced,
            train_labels=train[1],
            test=held,
            test_labels=test[1],
            names=whole.names,
            shape=shape,
            held_out=held_out,
            scale=scale,
            available=available,
            remarks=remarks,
        )

    def outside(self) -> int:
        """Return how many held-out values lie beyond what the training samples span: they stay
        beyond."""
        if not self.held_out or self.scale.method != "minmax":
            return 0
        values = self.scale.applied(self.test)
        return int(np.sum((values < 0.0) | (values > 1.0)))


def _read(
    options: DataOptions, path: str, shape: tuple[int, ...] = ()
) -> tuple[files.Pair, tuple[str, ...]]:
    """Return the samples of a file or a folder, and how recordings of events were read; `shape` is
    that of counts learnt from."""
    if not reading.is_events(Path(path)):
        if options.events:
            raise ConfigError(
                f"data.events is {options.events!r}, but {path} holds no recordings of events;"
                f" expected {reading.KINDS}"
            )
        options.check_used(path)
        return files.read(path, label=options.label), ()
    if options.events != "counts":
        raise ConfigError(
            f"{path} holds recordings of events, and this network takes no time steps; data.events"
            ' = "counts" gives it each input\'s number of events, networks that spike in time take'
            " them as they are (spicesnn map)"
        )
    if bool(options.step_s) != bool(options.steps):
        raise ConfigError(
            f"data.step_s = {options.step_s:g} and data.steps = {options.steps}; expected both, for"
            " the time that is counted, or none"
        )
    span = options.step_s * options.steps or np.inf
    size = options.shape or (shape[:2] if len(shape) > 1 else shape)
    grid = options.grid(span, 1, size)
    return counts.read(
        path, grid, sensor=options.sensor or None, channels=shape[2] if len(shape) > 2 else 0
    )


Part = tuple[NDArray[Any], Labels]


def _halves(
    whole: table.Table, own_test: table.Table | None, options: DataOptions, streams: Streams
) -> tuple[Part, Part, bool]:
    """Return what is learnt from and what is held out, before anything is done to either."""
    everything = (whole.features, whole.labels)
    if own_test is not None:
        return everything, (own_test.features, own_test.labels), True
    order = streams.draw("split").permutation(len(whole.labels))
    count = round(options.test_fraction * len(order))
    if not count < len(order):
        raise ConfigError(
            f"data.test_fraction = {options.test_fraction} leaves no sample to train on"
        )
    learnt, held = np.sort(order[count:]), np.sort(order[:count])
    train = (whole.features[learnt], whole.labels[learnt])
    return (
        (train, (whole.features[held], whole.labels[held]), True)
        if count
        else (train, train, False)
    )


def _image_shape(whole: table.Table, options: DataOptions) -> tuple[int, int]:
    """Return rows and columns of a sample; channels stand beside each other."""
    inputs = whole.features.shape[1]
    shape = whole.shape if options.events else options.shape or whole.shape
    if int(np.prod(shape, dtype=int)) != inputs and shape:
        raise ConfigError(
            f"data.shape is {list(shape)}, but {options.path} has {inputs} features a sample;"
            " expected numbers whose product is that"
        )
    return (shape[0], inputs // shape[0]) if len(shape) > 1 else (1, inputs)


def _reduced(
    values: NDArray[Any], shape: tuple[int, int], options: DataOptions
) -> tuple[NDArray[Any], tuple[int, int]]:
    """Return images no larger than `data.pixels`, the brightest pixels 1 if that is asked for."""
    if options.pixels == 1:
        raise ConfigError("data.pixels = 1; expected 2 or more, or 0 for images as they are")
    image = min(shape) > 1
    if options.pixels and image and min(shape) > options.pixels:
        values = resize(
            values.reshape(-1, *shape), options.pixels, options.pixels, options.method
        ).reshape(len(values), -1)
        shape = (options.pixels, options.pixels)
    if options.ones:
        if not image:
            raise ConfigError(
                "data.ones is for images; these samples are a table. Say which images they are with"
                " data.shape = [rows, columns]"
            )
        values = binarise(values.reshape(-1, *shape), options.ones).reshape(len(values), -1)
    return values, shape


def _from_file(options: DataOptions, streams: Streams, scale: Scale | None) -> Problem:
    data = OwnData.load(options, streams, scale)
    train = classified(data.scale.applied(data.train), data.train_labels, len(data.names))
    test = (
        classified(data.scale.applied(data.test), data.test_labels, len(data.names))
        if data.held_out
        else train.limited(options.test_limit)
    )
    return Problem(
        train=train,
        test=test,
        names=data.names,
        shape=data.shape,
        held_out=data.held_out,
        scale=data.scale,
        outside=data.outside(),
        available=data.available,
        remarks=data.remarks,
    )


def check_limit(problem: Problem, options: DataOptions) -> None:
    """Refuse a limit on the test samples of a training that holds none out."""
    if options.test_limit and not problem.held_out:
        raise ConfigError(
            f"data.test_limit = {options.test_limit}, but no sample is held out: what is tested are"
            " the training samples (data.train_limit)"
        )


def load(options: DataOptions, streams: Streams, scale: Scale | None = None) -> Problem:
    """Return the problem that the [data] table asks for.

    Parameters
    ----------
    options : DataOptions
    streams : Streams
        Of the run's seed: it decides which samples of a file are held out.
    scale : Scale, optional
        Of a run that goes on, or is tested; that of the training samples if left out. The sets that
        spicesnn brings lie from 0 to 1 already.
    """
    if options.source == "file":
        return _from_file(options, streams, scale)
    if options.scale == "standard":
        raise ConfigError(
            f'data.scale is "standard", but {options.source} lies from 0 to 1 by itself; scales are'
            " for your own data"
        )
    of_files = ("label", "test_fraction", "shape")
    if options.source == "mnist":
        return replace(_from_mnist(options, mnist.load()), remarks=_unused(options, of_files))
    return replace(
        _brought(options), remarks=_unused(options, (*of_files, "pixels", "method", "ones"))
    )


def _unused(options: DataOptions, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of some settings were given and have no effect on the data, as a remark."""
    usual = type(options)()
    events = (entry.name for entry in fields(EventData))
    given = [
        name
        for name in (*names, "events", *events)
        if getattr(options, name, None) != getattr(usual, name, None)
    ]
    return tuple(f"data.{name} has no effect on {options.source}" for name in given)


def _brought(options: DataOptions) -> Problem:
    """Return the problem of a set that spicesnn brings."""
    found = registry.brought(options.source)
    train = _answered(found.inputs, found.answers)
    held_out = found.test_inputs is not None and found.test_answers is not None
    test = (
        _answered(found.test_inputs, found.test_answers)
        if found.test_inputs is not None and found.test_answers is not None
        else train
    )
    if options.validation:
        count = len(train) - options.validation
        if count < 1:
            raise ConfigError(
                f"data.validation = {options.validation} leaves none of the {len(train)} training"
                " samples; expected fewer"
            )
        train, test, held_out = train.picked(slice(count)), train.picked(slice(count, None)), True
    train = train.limited(options.train_limit)
    test = test if held_out else train
    return Problem(
        train=train,
        test=test.limited(options.test_limit),
        names=found.names,
        shape=found.shape,
        held_out=held_out,
    )
