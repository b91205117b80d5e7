"""The samples of runs that learn from a long stream: MNIST, pattern sets, or one's own, and what
[data] says of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spicesnn.datasets import mnist
from spicesnn.datasets.images import resize
from spicesnn.datasets.scaling import Scale
from spicesnn.errors import ConfigError
from spicesnn.options import Section, option
from spicesnn.training.problem import OwnData, scaled_how
from spicesnn.training.problem import load as load_problem
from spicesnn.training.sections import SOURCES, DataOptions
from spicesnn.training.streams import Streams

MNIST_EDGE, MNIST_CLASSES, MNIST_SAMPLES = 28, 10, 60_000
_GREY = 255
_SLACK = 1e-9


@dataclass(frozen=True, kw_only=True)
class StreamData(Section):
    """[data]: MNIST at 28×28."""

    train_limit: int = option(0, "maximum number of training images; 0: all", lowest=0)
    test_limit: int = option(0, "maximum number of test images; 0: all", lowest=0)
    validation: int = option(
        0, "last training images that replace the test images, to choose settings on", lowest=0
    )


@dataclass(frozen=True, kw_only=True)
class LearntData(DataOptions, StreamData):
    """[data]: MNIST at 28×28 unless `source` says otherwise; what a network is built for is read
    from the data."""

    source: str = option("mnist", "MNIST, a pattern set, or your own file", choices=SOURCES)
    pixels: int = option(
        0, "larger images are reduced to pixels × pixels; 0: as they are", lowest=0
    )
    inputs: int = option(0, "inputs of a sample; read from one's own data, 0: MNIST's", lowest=0)
    classes: int = option(0, "classes; read from one's own data, 0: MNIST's", lowest=0)
    rows: int = option(
        0,
        "rows of a sample that is an image; read from one's own data, 0: MNIST's, 1: no image",
        lowest=0,
    )
    samples: int = option(0, "training samples; read from one's own data, 0: MNIST's", lowest=0)
    available: int = option(
        0, "training samples before any limit; read from one's own data, 0: MNIST's", lowest=0
    )

    @property
    def image(self) -> tuple[int, int]:
        """Rows and columns of a sample; (1, inputs) for one that is no image."""
        if not self.inputs:
            edge = self.pixels or MNIST_EDGE
            return edge, edge
        return (self.rows, self.inputs // self.rows) if self.rows > 1 else (1, self.inputs)

    @property
    def input_count(self) -> int:
        """Inputs of a sample."""
        rows, columns = self.image
        return rows * columns

    @property
    def class_count(self) -> int:
        """Classes."""
        return self.classes or MNIST_CLASSES

    @property
    def train_count(self) -> int:
        """Training samples that are learnt from."""
        learnt = MNIST_SAMPLES - self.validation
        return self.samples or min(self.train_limit or learnt, learnt)

    def passes(self, epochs: int, presentations: int) -> int:
        """Return the passes over the training samples: `epochs`, or as many more as show
        `presentations` samples.

        Counted by the samples that the data have: a limit on them is a wish for a shorter run.
        """
        return max(epochs, -(-presentations // (self.available or MNIST_SAMPLES)))

    def of(self, images: Images) -> Self:
        """Return the options with what the images say about themselves."""
        if self.source == "mnist":
            return self
        return replace(
            self,
            inputs=int(images.train.shape[1]),
            classes=len(images.names),
            rows=images.shape[0],
            samples=len(images.train),
            available=images.available or len(images.train),
        )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Images:
    """The samples a run sees: grey levels (n, inputs), of which 255 is full, and labels (n,).

    Attributes
    ----------
    train, test : (n, inputs)
        uint8; float32 where a network takes more than grey levels, and data of one's own have more.
    train_labels, test_labels : (n,)
    names : tuple of str
        The classes.
    shape : (rows, columns)
        Of a sample as an image; (1, inputs) for a table.
    held_out : bool
        Whether the test samples are others than the training samples.
    scale : Scale or None
        Of a user's data.
    outside, available : int
        Held-out values beyond what the training samples span; training samples before any limit.
    said : tuple of str
        How recordings of events were read.
    """

    train: NDArray[Any]
    train_labels: NDArray[np.int64]
    test: NDArray[Any]
    test_labels: NDArray[np.int64]
    names: tuple[str, ...] = tuple("0123456789")
    shape: tuple[int, int] = (MNIST_EDGE, MNIST_EDGE)
    held_out: bool = True
    scale: Scale | None = None
    outside: int = 0
    available: int = 0
    said: tuple[str, ...] = ()

    @classmethod
    def load(
        cls, limits: StreamData, *, seed: int = 0, scale: Scale | None = None, grey: bool = True
    ) -> Self:
        """Return the samples that [data] asks for, cut to its limits.

        Parameters
        ----------
        limits : StreamData
        seed : int
            Decides which samples of a file are held out.
        scale : Scale, optional
            Of a run that goes on or is tested; that of the training samples if left out.
        grey : bool
            Whether inputs are spikes: values are then grey levels of 8 bits, and none below 0 or
            above 1 can be learnt.

        Raises
        ------
        ConfigError
            The images for validation leave none to train with; values that no spike rate stands
            for.
        """
        if isinstance(limits, LearntData) and limits.source != "mnist":
            return cls._of_own(limits, seed, scale, grey)
        if isinstance(limits, LearntData) and limits.scale == "standard":
            raise ConfigError(
                'data.scale is "standard", but mnist lies from 0 to 1 by itself; scales are for'
                " data of one's own"
            )
        data = mnist.load()
        learnt = len(data.x_train) - limits.validation
        if learnt < 1:
            raise ConfigError(
                f"data.validation = {limits.validation} leaves none of the {len(data.x_train)}"
                " training images; expected fewer"
            )
        held = (
            (data.x_train[learnt:], data.y_train[learnt:])
            if limits.validation
            else (data.x_test, data.y_test)
        )
        train, test = min(limits.train_limit or learnt, learnt), limits.test_limit or len(held[0])
        edge = limits.image[0] if isinstance(limits, LearntData) else MNIST_EDGE
        return cls(
            train=_reduced(data.x_train[:train], edge),
            train_labels=data.y_train[:train].astype(np.int64),
            shape=(edge, edge),
            test=_reduced(held[0][:test], edge),
            test_labels=held[1][:test].astype(np.int64),
            available=len(data.x_train),
        )

    @classmethod
    def _of_own(cls, options: LearntData, seed: int, scale: Scale | None, grey: bool) -> Self:
        if options.source == "file":
            own = OwnData.load(options, Streams(seed), scale)
            train, test, scale, available, said = (
                own.train,
                own.test,
                own.scale,
                own.available,
                own.remarks,
            )
            labels, names, shape, held_out, outside = (
                (own.train_labels, own.test_labels),
                own.names,
                own.shape,
                own.held_out,
                own.outside(),
            )
        else:
            problem = load_problem(options, Streams(seed))
            if np.any(problem.train.labels < 0) or np.any(problem.test.labels < 0):
                raise ConfigError(
                    f"data.source is {options.source!r}, whose words have several answers or none;"
                    " expected samples of one class each"
                )
            train, test, scale, available = (
                problem.train.inputs,
                problem.test.inputs,
                Scale.of("none", problem.train.inputs),
                problem.available,
            )
            labels, names, shape = (
                (problem.train.labels, problem.test.labels),
                problem.names,
                problem.shape,
            )
            held_out, outside, said = problem.held_out, 0, problem.remarks
        learnt, held = (_levels(values, scale, grey) for values in (train, test))
        if grey and len(train):
            low, high = (float(bound) for bound in _range_of(train, scale))
            if low < -_SLACK or high > 1 + _SLACK:
                raise ConfigError(
                    f"the training samples lie from {low:.4g} to {high:.4g}, but inputs are rates"
                    ' of spikes; expected 0 to 1: use data.scale = "minmax"'
                )
        return cls(
            train=learnt,
            train_labels=labels[0],
            test=held,
            test_labels=labels[1],
            names=names,
            shape=shape,
            held_out=held_out,
            scale=scale if options.source == "file" else None,
            outside=outside,
            available=available or len(learnt),
            said=said,
        )

    def remarks(self, *, grey: bool) -> list[str]:
        """Return what was done to a user's data."""
        if self.scale is None:
            return []
        if not grey or not self.outside:
            return [
                *self.said,
                scaled_how(self.scale, len(self.train), int(self.train.shape[1]), self.outside),
            ]
        said = scaled_how(self.scale, len(self.train), int(self.train.shape[1]), 0)
        return [
            *self.said,
            (
                f"{said}; {self.outside} held-out value(s) lie outside and count as 0 or 1, where a"
                " rate of spikes ends"
            ),
        ]


def _reduced(images: NDArray[np.uint8], edge: int) -> NDArray[np.uint8]:
    """Return MNIST images (n, edge²), reduced where that is asked for."""
    if edge == MNIST_EDGE:
        return images.reshape(-1, edge * edge)
    if not 2 <= edge < MNIST_EDGE:
        raise ConfigError(
            f"data.pixels = {edge}; expected 2 to {MNIST_EDGE}, or 0 for images as they are"
        )
    return np.rint(resize(images, edge, edge)).astype(np.uint8).reshape(-1, edge * edge)


def _range_of(values: NDArray[Any], scale: Scale) -> tuple[Any, Any]:
    least, most = (
        scale.applied(values.min(axis=0, keepdims=True)),
        scale.applied(values.max(axis=0, keepdims=True)),
    )
    return least.min(), most.max()


def _levels(values: NDArray[Any], scale: Scale, grey: bool) -> NDArray[Any]:
    """Return values scaled, 1 being level 255: bytes stay what they are where the scale is that of
    bytes, spikes take 8 bits."""
    if (
        values.dtype == np.uint8
        and scale.low.size == 1
        and scale.low[0] == 0
        and scale.span[0] == _GREY
    ):
        return values
    scaled = scale.applied(values) * _GREY
    return (
        np.rint(np.clip(scaled, 0, _GREY)).astype(np.uint8) if grey else scaled.astype(np.float32)
    )
