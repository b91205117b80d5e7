"""The controller of networks that learn image by image from a long stream: in chunks, with a
checkpoint after each.

Every chunk draws from a generator of its own, made from the seed and the chunk's number: a run that
is stopped anywhere and resumed ends with the same bits."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.datasets import mnist
from spicesnn.datasets.images import resize
from spicesnn.datasets.scaling import Scale
from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError, RunError
from spicesnn.learning import metrics
from spicesnn.options import Section, option
from spicesnn.training.config import BaseConfig
from spicesnn.training.problem import OwnData, scaled_how
from spicesnn.training.problem import load as load_problem
from spicesnn.training.run import RunDirectory
from spicesnn.training.sections import SOURCES, DataOptions
from spicesnn.training.state import History, Progress
from spicesnn.training.streams import Streams
from spicesnn.training.summary import Summary, Watcher

Arrays = dict[str, NDArray[Any]]
_FRESH, _ORDER, _LEARN, _ANSWER = range(4)
"""What a generator is for: the second word of its seed."""


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


MNIST_EDGE, MNIST_CLASSES, MNIST_SAMPLES = 28, 10, 60_000
_GREY = 255


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
            held_out, outside, said = problem.held_out, 0, ()
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


_SLACK = 1e-9


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


@dataclass(kw_only=True, eq=False, slots=True)
class Tally:
    """What a run adds up: name → number, kept in the checkpoint."""

    totals: dict[str, float] = field(default_factory=dict)

    def add(self, **values: float) -> None:
        """Add to the named totals."""
        for name, value in values.items():
            self.totals[name] = self.totals.get(name, 0.0) + value


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class LayerToConfirm:
    """A layer for another engine to solve.

    Attributes
    ----------
    siemens : (rows, cols)
        What its cells conduct.
    row_volts : (images, rows)
        Its lines' mean volts while each image is shown.
    answers : callable
        From effective conductances (rows, cols) to the network's answers (images,), with the same
        input spikes each time.
    """

    siemens: Floats
    row_volts: Floats
    answers: Callable[[Floats], NDArray[np.int64]]

    def driven(self, shape: tuple[int, int], wires: Wires, engine: Engine) -> Floats:
        """Solve the voltages across the cells of the first tile of `shape`, all its word lines
        driven at 1 V."""
        array = Crossbar(conductance=self.siemens[: shape[0], : shape[1]], wires=wires)
        return engine.read(array, np.ones(array.rows)).cell_volts


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrayToDraw:
    """An array, or one tile of it, for a drawing.

    Attributes
    ----------
    shape : (rows, cols)
    wires : Wires
    cell : str
        What a cell is called.
    differential : bool
        Whether columns are pairs that add and subtract.
    """

    shape: tuple[int, int]
    wires: Wires
    cell: str
    differential: bool = False

    @classmethod
    def tile(
        cls,
        shape: tuple[int, int],
        limits: tuple[int, int],
        wires: Wires,
        cell: str,
        *,
        differential: bool = False,
    ) -> ArrayToDraw:
        """Return the first tile of an array that is cut after so many rows and columns (0: not
        cut)."""
        cut = tuple(min(count, limit or count) for count, limit in zip(shape, limits, strict=True))
        name = cell if cut == shape else f"{cell} (one tile of an array of {shape[0]} × {shape[1]})"
        return cls(shape=(cut[0], cut[1]), wires=wires, cell=name, differential=differential)


def only_layer(layer: int, layers: int) -> None:
    """Raise `ConfigError` for a layer that is not there."""
    if not 0 <= layer < layers:
        raise ConfigError(f"layer {layer} of a network with {layers}; expected 0 to {layers - 1}")


@dataclass(frozen=True, kw_only=True)
class StreamConfig(BaseConfig, ABC):
    """A configuration that brings its own network; the controller is the same for all of them."""

    data: StreamData = field(default_factory=StreamData)

    # -- what a kind of network says --------------------------------------------------------------

    @property
    @abstractmethod
    def chunks(self) -> tuple[int, int]:
        """Passes over the training images, and images in a chunk."""

    @abstractmethod
    def fresh(self, rng: np.random.Generator) -> Arrays:
        """Return the arrays of an untrained network."""

    @abstractmethod
    def learn(
        self,
        arrays: Arrays,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        rng: np.random.Generator,
        epoch: int,
        engine: Engine,
        tally: Tally,
    ) -> Arrays:
        """Return the arrays after learning from a chunk.

        "chunk_accuracy" among them, if it is there, is how many of its images were answered rightly
        before they were learnt from, for the learning curve."""

    @abstractmethod
    def reader(
        self, arrays: Arrays, images: Images, rng: np.random.Generator, engine: Engine
    ) -> Callable[[NDArray[np.uint8]], NDArray[np.int64]]:
        """Return what answers images with classes; learning is frozen, labels come from training
        images."""

    grey: ClassVar[bool] = True
    """Whether inputs are spikes, which take grey levels of 8 bits."""

    def images(self, scale: Scale | None = None) -> Images:
        """Return the images that a run sees; `scale` is that of a run which goes on or is
        tested."""
        return Images.load(self.data, seed=self.seed, scale=scale, grey=self.grey)

    @property
    def learnt_data(self) -> LearntData:
        """The options of data that are learnt from."""
        assert isinstance(self.data, LearntData)
        return self.data

    def circuit(self) -> str:
        """Return what of this network stands on arrays, and how it is solved, in a sentence or two
        for the report."""
        return "This kind of network is computed without solving an array for every event."

    def solved_by(self, engine: str) -> tuple[str, ...]:
        """Return who solves circuits in a run that is given `engine`; nobody where all of it is
        computed by formulas."""
        return ()

    def drawn_array(self) -> ArrayToDraw | None:
        """Return the first array (or one of its tiles) for the drawing in the report; None where
        weights stand on no array."""
        return None

    def completed(self, arrays: Arrays, engine: Engine, tally: Tally) -> Arrays:
        """Return the arrays after what comes once, when the last chunk has been learnt (doing it
        again changes nothing)."""
        return arrays

    def more_metrics(self, arrays: Arrays, images: Images, engine: Engine) -> Mapping[str, Any]:
        """Return what this kind of network reports beside the accuracy."""
        return {}

    def figures_data(self, arrays: Arrays, images: Images, engine: Engine) -> Mapping[str, Any]:
        """Return arrays that figures need, for `history.npz`."""
        return {}

    # -- the controller ---------------------------------------------------------------------------

    def exported(self, arrays: Arrays) -> Mapping[str, Any]:
        """Return weights for `weights.npz`, which other runs can map (`exsitu.weights`); nothing
        where there are none to share."""
        return {}

    def confirmed_layer(
        self, arrays: Arrays, images: Images, count: int, layer: int
    ) -> LayerToConfirm:
        """Return a trained layer as cells, the volts of the first `count` test images on its lines,
        and what answers with other conductances."""
        raise ConfigError(
            f"{self.preset} is a network of kind {self.kind!r}, which has no layer of cells to"
            " confirm"
        )

    @property
    def cell_layers(self) -> int:
        """How many layers `confirmed_layer` knows."""
        return 1

    def tiled(self) -> tuple[Wires, Tiling]:
        """Return the wires of the arrays that a layer's cells stand on, and how the layer is cut
        into them."""
        return Wires.ideal(), Tiling(rows=0, cols=0)

    def first_tile(self, siemens: Floats) -> tuple[Crossbar, int]:
        """Return the first array of a layer whose cells are `siemens`, (rows, cols), and how many
        arrays the layer takes."""
        wires, tiling = self.tiled()
        rows, columns = next(tiling.parts((siemens.shape[0], siemens.shape[1])))
        return Crossbar(conductance=siemens[rows, columns], wires=wires), tiling.count(
            (siemens.shape[0], siemens.shape[1])
        )

    def untrained(self) -> Arrays:
        """Return the arrays that this very run began with."""
        return self.fresh(self.rng(_FRESH))

    def rng(self, purpose: int, number: int = 0) -> np.random.Generator:
        """Return the generator for one purpose and one chunk."""
        return np.random.default_rng([self.seed, purpose, number])

    def train(
        self, *, engine: Engine, out: str | Path | None, progress: Watcher | None, resume: bool
    ) -> Summary:
        """Train, evaluate, and leave a run directory."""
        if resume:
            run = RunDirectory.existing(out or "")
            return self._trained(run, self.images(run.scale()), engine, progress, resume=True)
        images = self.images()
        own = (
            replace(self, data=self.data.of(images)) if isinstance(self.data, LearntData) else self
        )
        return own._trained(
            RunDirectory.create(out, own, engine.versions(), images.scale),
            images,
            engine,
            progress,
            resume=False,
        )

    def _trained(
        self,
        run: RunDirectory,
        images: Images,
        engine: Engine,
        progress: Watcher | None,
        *,
        resume: bool,
    ) -> Summary:
        with run.being_made(engine):
            if resume and run.resumable():
                arrays, tally, done = _load(run)
                run.compare_versions(engine.versions())
                history = run.load_history(done)
                run.log(f"resumed after {done} chunks of {self.chunks[1]} images")
            else:
                arrays, tally, done, history = self.untrained(), Tally(), 0, History()
                run.log(
                    f"training {self.preset}, seed {self.seed}, {self.chunks[0]} x"
                    f" {len(images.train)} images"
                )
                for remark in images.remarks(grey=self.grey):
                    run.log(remark)
            arrays, done = self._learnt(run, arrays, tally, done, history, images, engine, progress)
            if progress is not None:
                progress(
                    Progress(
                        done=done, total=done, text="learnt; answering test and training images"
                    )
                )
            begun = time.perf_counter()
            arrays = self.completed(arrays, engine, tally)
            tally.add(wall_s=time.perf_counter() - begun)
            return self._evaluated(run, arrays, tally, done, history, images, engine)

    def _learnt(
        self,
        run: RunDirectory,
        arrays: Arrays,
        tally: Tally,
        done: int,
        history: History,
        images: Images,
        engine: Engine,
        progress: Watcher | None,
    ) -> tuple[Arrays, int]:
        """Return the arrays after the chunks that are left, and how many there are."""
        epochs, size = self.chunks
        per_epoch = -(-len(images.train) // size)
        total = epochs * per_epoch
        seldom = max(
            1, size // max(len(images.train), 1)
        )  # passes over a small table are short: not every one is answered and saved
        while done < total:
            begun = time.perf_counter()
            epoch, place = divmod(done, per_epoch)
            order = self.rng(_ORDER, epoch).permutation(len(images.train))[
                place * size : (place + 1) * size
            ]
            arrays = self.learn(
                arrays,
                images.train[order],
                images.train_labels[order],
                self.rng(_LEARN, done),
                epoch,
                engine,
                tally,
            )
            done += 1
            tally.add(wall_s=time.perf_counter() - begun)
            if "chunk_accuracy" in arrays:
                history.add(done, chunk_accuracy=float(arrays["chunk_accuracy"]))
            whole = done % seldom == 0 or done == total
            if place == per_epoch - 1 and done < total and whole:
                history.add(
                    done,
                    test_accuracy=float(
                        np.mean(self._answers(arrays, images, engine) == images.test_labels)
                    ),
                )
            if whole:
                _save(run, arrays, tally, done, history)
            if progress is not None:
                each = 1e3 * tally.totals["wall_s"] / (done * min(size, len(images.train)))
                progress(
                    Progress(
                        done=done,
                        total=total,
                        text=f"epoch {epoch + 1} of {epochs}, {each:.3f} ms an image",
                    )
                )
        return arrays, done

    def _answers(self, arrays: Arrays, images: Images, engine: Engine) -> NDArray[np.int64]:
        return self.reader(arrays, images, self.rng(_ANSWER), engine)(images.test)

    def _evaluated(
        self,
        run: RunDirectory,
        arrays: Arrays,
        tally: Tally,
        done: int,
        history: History,
        images: Images,
        engine: Engine,
    ) -> Summary:
        begun = time.perf_counter()
        read = self.reader(arrays, images, self.rng(_ANSWER), engine)
        predicted, few = read(images.test), min(len(images.train), 5000)
        test = metrics.accuracy(predicted, images.test_labels)
        train = metrics.accuracy(read(images.train[:few]), images.train_labels[:few])
        history.put(done, test_accuracy=test, train_accuracy=train)
        wall = tally.totals.get("wall_s", 0.0) + time.perf_counter() - begun
        counts = metrics.confusion(predicted, images.test_labels, len(images.names))
        extra: dict[str, Any] = {
            name: value
            for name, value in tally.totals.items()
            if name not in ("wall_s", "energy_joule")
        }
        extra |= {
            "silent_or_tied": int(np.sum(predicted == metrics.NOBODY)),
            "solved_by": ", ".join(self.solved_by(engine.name)),
            "training_ms_an_image": (
                1e3
                * tally.totals.get("wall_s", 0.0)
                / max(done * min(self.chunks[1], len(images.train)), 1)
            ),
            "accuracy_by_class": [
                float(row[k] / max(row.sum(), 1)) for k, row in enumerate(counts)
            ],
            "held_out": images.held_out,
            **({"remarks": remarks} if (remarks := images.remarks(grey=self.grey)) else {}),
            **self.more_metrics(arrays, images, engine),
        }
        summary = Summary(
            preset=self.preset,
            engine=engine.name,
            seed=self.seed,
            run=str(run.path),
            test_accuracy=test,
            n_test=len(predicted),
            train_accuracy=train,
            converged=True,
            epochs=self.chunks[0],
            wall_s=wall,
            energy_joule=tally.totals.get("energy_joule", 0.0),
            extra=extra,
        )
        names = np.array(images.names)
        pictures = self.figures_data(arrays, images, engine)
        shown = {
            "predicted": predicted,
            "labels": images.test_labels,
            "confusion": counts,
            "class_names": names,
            "image_shape": np.array(images.shape),
            **pictures,
        }
        _save(run, arrays, tally, done, history, shown)
        exported = self.exported(arrays)
        if exported:
            run.save_arrays("weights.npz", exported)
        run.write_metrics("metrics.json", summary.table())
        run.log(
            f"done: {'test' if images.held_out else 'training'} {100 * test:.2f} % of"
            f" {len(predicted)}"
        )
        return summary

    def infer(
        self, run: RunDirectory, *, engine: Engine, test_limit: int | None, kept: RunDirectory
    ) -> Summary:
        """Answer the test images again with the trained network; what it answers goes into the
        folder `kept`."""
        images = self.images(run.scale())
        arrays, _, _ = _load(run)
        before = run.metrics()
        chosen = images.test[:test_limit] if test_limit else images.test
        begun = time.perf_counter()
        predicted = self.reader(arrays, images, self.rng(_ANSWER), engine)(chosen)
        labels = images.test_labels[: len(chosen)]
        summary = Summary(
            preset=self.preset,
            engine=engine.name,
            seed=self.seed,
            run=str(run.path),
            test_accuracy=metrics.accuracy(predicted, labels),
            n_test=len(predicted),
            train_accuracy=float(before["train_accuracy"]),
            converged=bool(before["converged"]),
            epochs=int(before["epochs"]),
            wall_s=time.perf_counter() - begun,
            energy_joule=0.0,
            extra={
                "silent_or_tied": int(np.sum(predicted == metrics.NOBODY)),
                "solved_by": ", ".join(self.solved_by(engine.name)),
                "held_out": images.held_out,
            },
        )
        kept.save_arrays(f"inference-{engine.name}.npz", {"predicted": predicted, "labels": labels})
        kept.write_metrics(f"inference-{engine.name}.json", summary.table())
        return summary


def _save(
    run: RunDirectory,
    arrays: Arrays,
    tally: Tally,
    done: int,
    history: History,
    extra: Mapping[str, Any] | None = None,
) -> None:
    counted = {f"total_{name}": value for name, value in tally.totals.items()}
    state = {"done": done, **counted, **{f"array_{name}": value for name, value in arrays.items()}}
    run.save_checkpoint(done, state, {**history.arrays(), **(extra or {})})


def _load(run: RunDirectory) -> tuple[Arrays, Tally, int]:
    stored = run.checkpoint()
    if "done" not in stored:
        raise RunError(
            f"{run.path / 'state.npz'} is not a checkpoint of this kind of network. Train again"
            " into a new folder"
        )
    arrays = {
        name.removeprefix("array_"): value
        for name, value in stored.items()
        if name.startswith("array_")
    }
    totals = {
        name.removeprefix("total_"): float(value)
        for name, value in stored.items()
        if name.startswith("total_")
    }
    return arrays, Tally(totals=totals), int(stored["done"])
