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
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.datasets.scaling import Scale
from spicesnn.engines.base import Engine
from spicesnn.errors import ConfigError, RunError
from spicesnn.learning import metrics
from spicesnn.training.config import BaseConfig
from spicesnn.training.images import Images, LearntData, StreamData
from spicesnn.training.run import RunDirectory
from spicesnn.training.state import History, Progress
from spicesnn.training.summary import FIRST_SAMPLES, Summary, Watcher

Arrays = dict[str, NDArray[Any]]
_FRESH, _ORDER, _LEARN, _ANSWER = range(4)
"""What a generator is for: the second word of its seed."""


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
                each = 1e3 * tally.totals["wall_s"] / _shown(done, size, len(images.train))
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
        predicted, few = read(images.test), min(len(images.train), FIRST_SAMPLES)
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
                / max(_shown(done, self.chunks[1], len(images.train)), 1)
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


def _shown(chunks: int, size: int, samples: int) -> int:
    """Return how many images have been learnt from after so many chunks; the last chunk of a pass
    may be smaller."""
    passes, more = divmod(chunks, -(-samples // size)) if samples else (0, 0)
    return passes * samples + more * size


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
