"""A network: populations of neurons and the projections between them, from whatever file or array
it comes.

Its values are in the units of its file; `Network.on` puts its weights onto crossbar arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.errors import ConfigError, InputError
from spicesnn.guesses import hinted
from spicesnn.networks import evaluate, graph
from spicesnn.networks.activations import Activation, SignOutputs
from spicesnn.networks.nodes import Node, Shape, Values, Weighted, real
from spicesnn.networks.populations import Delay, Population

if TYPE_CHECKING:
    from spicesnn.engines.base import Engine
    from spicesnn.networks.chip import Chip
    from spicesnn.networks.hardware import Hardware

Edge = tuple[str, str]


_FILES = (
    "from_nir(path), from_onnx(path), from_sklearn(estimator) or from_arrays([(weights, bias), …])"
)
_WORDS = {
    "fit": "sn.CrossbarClassifier().fit(X, y) to train on devices; a Network is trained already",
    "train": "sn.CrossbarClassifier().fit(X, y) or sn.train(preset); a Network is trained already",
    "score": "accuracy(x, y)",
    "evaluate": "accuracy(x, y)",
    "test": "accuracy(x, y)",
    "forward": "outputs(x)",
    "run": "outputs(x)",
    "predict_proba": "outputs(x)",
    "transform": "outputs(x)",
    "save": "to_nir(path)",
    "load": _FILES,
    "from_file": _FILES,
    "from_torch": "from_onnx(path), or spicesnn.torch.convert(module, hardware)",
    "from_keras": "from_onnx(path)",
    "from_weights": "from_arrays([(weights, bias), …])",
    "from_numpy": "from_arrays([(weights, bias), …])",
    "map": "on(hardware)",
    "to": "on(hardware)",
    "compile": "on(hardware)",
    "layers": "nodes, or describe()",
    "summary": "describe()",
    "weights": "nodes[name].matrices, or describe() for their counts",
}


@hinted(_WORDS, {"layers": _FILES, "weights": _FILES})
@dataclass(frozen=True, eq=False, kw_only=True)
class Network:
    """Nodes and the connections between them; several connections into one node add up.

    Attributes
    ----------
    nodes : mapping of str to Node or Population
    edges : tuple of (source, target)
        `source` is a node's name or that of the input.
    input_shape : tuple of int
        Shape of one sample (of one time step of it).
    output : str
        The node whose values are the network's.
    source : str
        Name of the input in `edges`.
    sink : str
        Name that the output has in files.
    dt_s : float
        Time step of networks with neurons, seconds.
    steps : int
        Time steps for which an input without a time axis is held.
    classes : tuple, optional
        Labels of the outputs; their numbers if left out.
    remarks : tuple of str
        What the reader of its file has to know: conventions chosen, parts knowingly left out.
    """

    nodes: Mapping[str, Node | Population]
    edges: tuple[Edge, ...]
    input_shape: Shape
    output: str
    source: str = "input"
    sink: str = "output"
    dt_s: float = 1e-3
    steps: int = 100
    classes: tuple[Any, ...] | None = None
    remarks: tuple[str, ...] = ()
    shapes: dict[str, Shape] = field(init=False, repr=False)
    stages: tuple[graph.Stage, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = [self.source, *self.nodes]
        if self.source in self.nodes or self.sink in names or self.output not in self.nodes:
            raise InputError(
                f"a network from {self.source!r} to {self.output!r} with nodes"
                f" {', '.join(self.nodes) or 'none'}; expected the output among them and the"
                " input not"
            )
        for edge in self.edges:
            for name in edge:
                if name not in names:
                    raise InputError(
                        f"a connection {edge[0]!r} → {edge[1]!r}, but there is no node {name!r}"
                    )
        if len(set(self.edges)) != len(self.edges):
            twice = next(edge for edge in self.edges if self.edges.count(edge) > 1)
            raise InputError(f"the connection {twice[0]!r} → {twice[1]!r} stands twice")
        if (
            not (np.isfinite(self.dt_s) and self.dt_s > 0)
            or not isinstance(self.steps, int)
            or self.steps < 1
        ):
            raise InputError(
                f"dt_s is {self.dt_s!r}, steps is {self.steps!r}; expected seconds above 0 and a"
                " whole number, 1 or more"
            )
        memory = frozenset(
            name for name, node in self.nodes.items() if isinstance(node, Population)
        )
        object.__setattr__(
            self, "stages", tuple(graph.stages(names, self.edges, self.source, memory))
        )
        object.__setattr__(self, "shapes", self._inferred())
        if self.classes is not None and len(self.classes) != max(2, self.outputs_count):
            raise InputError(
                f"{len(self.classes)} classes for {self.outputs_count} outputs; expected one label"
                " an output"
            )

    @classmethod
    def chain(
        cls,
        steps_in_order: Iterable[tuple[str, Node | Population]],
        input_shape: Shape,
        **rest: Any,
    ) -> Network:
        """A network without branches, its nodes in order."""
        named = dict(steps_in_order)
        names = list(named)
        if not names:
            raise InputError("a network without layers; expected one or more")
        edges = tuple(zip(["input", *names[:-1]], names, strict=True))
        if "output" in named:
            rest.setdefault("sink", "outputs")
        return cls(nodes=named, edges=edges, input_shape=input_shape, output=names[-1], **rest)

    # -- where networks come from --------------------------------------------------------------

    @classmethod
    def from_arrays(cls, layers: Sequence[Any] | str | Path, activation: str = "relu") -> Network:
        """A network of dense layers from weights (inputs, outputs) and biases (outputs,) or None.

        Parameters
        ----------
        layers : list of (weights, bias), list of weights, or path of an npz file
            The file has ``w0 b0 w1 b1 …`` or ``weights_0 bias_0 …``.
        activation : str
            Between the layers: relu, sigmoid, tanh, identity; the last layer's outputs are left as
            they are.
        """
        from spicesnn.networks.formats.arrays import network_from_arrays

        return network_from_arrays(layers, activation)

    @classmethod
    def from_sklearn(cls, estimator: Any) -> Network:
        """The network of a fitted MLPClassifier, MLPRegressor, Perceptron or LogisticRegression of
        scikit-learn."""
        from spicesnn.networks.formats.sklearn import network_from_sklearn

        return network_from_sklearn(estimator)

    @classmethod
    def from_nir(
        cls,
        path: str | Path,
        *,
        dt_s: float | None = None,
        reset: str | None = None,
        steps: int | None = None,
    ) -> Network:
        """A spiking network from a NIR file (package nir; extra ``nir``).

        Parameters
        ----------
        path : str or Path
        dt_s : float, optional
            Time step, seconds. Left out: what the file's metadata say, 1e-4 for files of snnTorch
            (their ``r = tau/dt``), else 1e-3.
        reset : "value" or "subtract", optional
            What a spike does to the membrane: NIR says v_reset ("value"), some frameworks mean the
            subtraction of the threshold.
        steps : int, optional
            Steps for which inputs without a time axis are held.
        """
        from spicesnn.networks.formats.nir import read_nir

        return read_nir(path, dt_s=dt_s, reset=reset, steps=steps)

    @classmethod
    def from_onnx(cls, path: str | Path) -> Network:
        """A network from an ONNX file (package onnx; extra ``onnx``) as PyTorch, Keras and
        scikit-learn export it."""
        from spicesnn.networks.formats.onnx import read_onnx

        return read_onnx(path)

    def to_nir(self, path: str | Path) -> Path:
        """Write the network as a NIR file and return its path; an `InputError` names a node that
        NIR has no word for."""
        from spicesnn.networks.formats.nir import write_nir

        return write_nir(self, path)

    # -- what it is ----------------------------------------------------------------------------

    @property
    def temporal(self) -> bool:
        """Whether it has neurons that remember, so that its inputs have a time axis."""
        return self._temporal

    @cached_property
    def _temporal(self) -> bool:
        return any(isinstance(node, Population) for node in self.nodes.values())

    @cached_property
    def _listens(self) -> dict[str, tuple[str, ...]]:
        return {
            name: tuple(source for source, target in self.edges if target == name)
            for name in self.nodes
        }

    def inputs_of(self, name: str) -> tuple[str, ...]:
        """Names of the nodes that a node listens to."""
        return self._listens.get(name, ())

    @property
    def spiking(self) -> bool:
        """Whether its outputs are spikes."""
        return bool(getattr(self.nodes[self._decider], "spiking", False))

    @property
    def _decider(self) -> str:
        """The node that makes the outputs' values: the output, or what a chain of shapes and delays
        hands to it."""
        name = self.output
        while isinstance(self.nodes[name], Delay) or getattr(self.nodes[name], "kind", "") in (
            "reshape",
            "transpose",
        ):
            sources = self.inputs_of(name)
            if len(sources) != 1 or sources[0] == self.source:
                break
            name = sources[0]
        return name

    @property
    def outputs_count(self) -> int:
        """Number of outputs."""
        return int(np.prod(self.shapes[self.output], dtype=int))

    @property
    def weighted(self) -> tuple[str, ...]:
        """Names of the nodes with weights, in the order in which they are computed."""
        return tuple(
            name
            for stage in self.stages
            for name in stage.nodes
            if isinstance(self.nodes.get(name), Weighted)
        )

    def weights_count(self) -> int:
        """Number of weights, biases included."""
        total = 0
        for name in self.weighted:
            node = self.nodes[name]
            assert isinstance(node, Weighted)
            total += sum(m.size for m in node.matrices) + sum(b.size for b in node.bias or ())
        return total

    def _inferred(self) -> dict[str, Shape]:
        shapes: dict[str, Shape] = {self.source: tuple(int(k) for k in self.input_shape)}
        if any(k < 1 for k in shapes[self.source]):
            raise InputError(
                f"input shape is {self.input_shape}; expected whole numbers, 1 or more"
            )
        for stage in self.stages:
            waiting = [name for name in stage.nodes if name != self.source]
            while waiting:
                ready = [
                    name
                    for name in waiting
                    if any(source in shapes for source in self.inputs_of(name))
                ]
                if not ready:
                    raise InputError(f"no shape can be found for {waiting[0]!r}")
                for name in ready:
                    shapes[name] = self._shape_of(name, shapes)
                waiting = [name for name in waiting if name not in shapes]
        for name in self.nodes:
            self._shape_of(name, shapes)  # connections that close a circle fit, too
        return shapes

    def _shape_of(self, name: str, shapes: Mapping[str, Shape]) -> Shape:
        given = [(source, shapes[source]) for source in self.inputs_of(name) if source in shapes]
        if len({shape for _, shape in given}) > 1:
            raise InputError(
                f"node {name!r} adds inputs of different shapes:"
                f" {', '.join(f'{source} {shape}' for source, shape in given)}"
            )
        try:
            return tuple(int(k) for k in self.nodes[name].shape_out(given[0][1]))
        except InputError as error:
            raise InputError(f"node {name!r}: {error}") from None

    # -- what it does --------------------------------------------------------------------------

    def taken(self, x: ArrayLike) -> Values:
        """Check inputs and give them the axes that the network computes with.

        Parameters
        ----------
        x : (n, *input) or (n, inputs); for networks in time also (n, steps, *input)
            An input without time axis is held for `steps` steps.

        Returns
        -------
        (n, *input), or (n, steps, *input) for networks in time
        """
        values = real(x, "x")
        shape, size = self.shapes[self.source], int(np.prod(self.shapes[self.source]))
        wanted = f"(n, {', '.join(map(str, shape))})" + (
            f", or (n, steps, {', '.join(map(str, shape))})" if self.temporal else ""
        )
        if values.ndim < 2 or not len(values):
            raise InputError(f"x has shape {values.shape}; expected one or more samples {wanted}")
        if values.shape[1:] == shape or (values.ndim == 2 and values.shape[1] == size):
            still = values.reshape(len(values), *shape)
            if not self.temporal:
                return still
            return np.broadcast_to(still[:, None], (len(values), self.steps, *shape))
        if (
            self.temporal
            and (values.shape[2:] == shape or (values.ndim == 3 and values.shape[2] == size))
            and values.shape[1]
        ):
            return values.reshape(len(values), values.shape[1], *shape)
        raise InputError(f"x has shape {values.shape}; the network takes {wanted}")

    def outputs(
        self, x: ArrayLike, *, products: Mapping[str, evaluate.Product] | None = None
    ) -> Values:
        """The network's outputs on ideal arrays: the file's own numbers.

        Parameters
        ----------
        x : (n, *input), or (n, steps, *input) for networks in time
        products : mapping of node name to function, optional
            Weighted nodes that something else computes.

        Returns
        -------
        (n, outputs)
            Spike counts where the outputs spike; the last step's values for other outputs in time.
        """
        taken = self.taken(x)
        size = evaluate.chunk_of(self, taken.shape[1] if self.temporal else 1)
        found = []
        for begin in range(0, len(taken), size):
            values = evaluate.run(self, taken[begin : begin + size], products)[self.output]
            if self.temporal:
                values = values.sum(axis=1) if self.spiking else values[:, -1]
            found.append(values.reshape(len(values), -1))
        return np.concatenate(found)

    def spikes(
        self, x: ArrayLike, *, products: Mapping[str, evaluate.Product] | None = None
    ) -> Values:
        """What the outputs do step by step, (n, steps, outputs): spikes 0 or 1, or membranes of
        outputs that do not spike."""
        if not self.temporal:
            raise InputError(
                "the network has no neurons that spike in time; its values are `outputs(x)`"
            )
        values = evaluate.run(self, self.taken(x), products)[self.output]
        return values.reshape(*values.shape[:2], -1)

    def decided(self, outputs: Values) -> NDArray[np.int64]:
        """Which output answers, (n,): the largest; −1 for a tie, and for silence of outputs that
        spike.

        One output alone decides between classes 0 and 1: by whether it spikes, or exceeds ½ after a
        sigmoid."""
        last = self.nodes[self._decider]
        if outputs.shape[1] == 1:
            if self.spiking:
                return (outputs[:, 0] > 0).astype(np.int64)
            if isinstance(last, Activation) and last.name == "sigmoid":
                return (outputs[:, 0] > 0.5).astype(np.int64)
            raise ConfigError(
                "the network has one output, which is no spike and no probability: it decides on no"
                " class; use outputs(x)"
            )
        if isinstance(last, SignOutputs):
            return (outputs[:, 1] > outputs[:, 0]).astype(np.int64)
        best = outputs.max(axis=1)
        tie = np.sum(outputs == best[:, None], axis=1) > 1
        silent = (best <= 0) if self.spiking else np.zeros(len(outputs), dtype=bool)
        return np.where(tie | silent, -1, outputs.argmax(axis=1)).astype(np.int64)

    def labelled(self, decided: NDArray[np.int64]) -> NDArray[Any]:
        """Turn numbers of outputs into the classes' labels; an answer that is none stays −1 (None
        among labels that are no numbers ≥ 0)."""
        if self.classes is None:
            return decided
        if all(isinstance(label, int | np.integer) and label >= 0 for label in self.classes):
            return np.where(decided < 0, -1, np.asarray(self.classes, dtype=np.int64)[decided])
        labels = np.array([*self.classes, None], dtype=object)
        return (
            np.asarray(labels[decided])
            if np.any(decided < 0)
            else np.asarray(self.classes)[decided]
        )

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """The class of each sample, (n,), on ideal arrays."""
        return self.labelled(self.decided(self.outputs(x)))

    def accuracy(self, x: ArrayLike, y: ArrayLike) -> float:
        """Fraction of samples answered rightly on ideal arrays; ties and silence are wrong.

        Parameters
        ----------
        x : inputs as in `outputs`
        y : (n,)
            Labels.
        """
        return self.scored(self.decided(self.outputs(x)), y)

    def scored(self, decided: NDArray[np.int64], y: ArrayLike) -> float:
        """Fraction of decisions (n,) that are the labels y (n,)."""
        labels = np.asarray(y)
        if labels.shape != decided.shape:
            raise InputError(
                f"y has shape {labels.shape}; expected one label a sample, ({len(decided)},)"
            )
        if self.classes is None:
            if labels.dtype.kind not in "biu" and not (
                labels.dtype.kind == "f" and np.all(labels == np.rint(labels))
            ):
                raise InputError(
                    f"y has type {labels.dtype}; expected the numbers of the outputs, 0 to"
                    f" {max(2, self.outputs_count) - 1}"
                )
            wrong = (labels < 0) | (labels >= max(2, self.outputs_count))
            if np.any(wrong):
                raise InputError(
                    f"y has the label {labels[wrong][0]}; expected 0 to"
                    f" {max(2, self.outputs_count) - 1}, the numbers of the outputs"
                )
            return float(np.mean(decided == labels))
        place = {label: k for k, label in enumerate(self.classes)}
        return float(
            np.mean(
                [
                    place.get(label, -2) == k
                    for label, k in zip(labels.tolist(), decided.tolist(), strict=True)
                ]
            )
        )

    def with_steps(self, steps: int) -> Network:
        """The same network holding inputs without a time axis for another number of steps."""
        return replace(self, steps=steps)

    def to_spiking(
        self, calibrate: ArrayLike, *, steps: int = 32, percentile: float = 99.9, dt_s: float = 1e-3
    ) -> Network:
        """The network with integrate-and-fire neurons in place of its rectifying activations.

        Parameters
        ----------
        calibrate : inputs as in `outputs`
            Samples from which the thresholds are found (training samples, never those of the test).
        steps : int
            Time steps of an inference: a spike count has so many levels.
        percentile : float
            Of the positive activations of the calibration: a spike in every step. Clipped
            activations have their bound.
        dt_s : float
            Time step, seconds.

        Raises
        ------
        InputError
            A node that spike counts cannot stand for, such as pooling by the largest value.
        """
        from spicesnn.networks.conversion import spiking_network

        return spiking_network(self, calibrate, steps=steps, percentile=percentile, dt_s=dt_s)

    def spike_counts(
        self, x: ArrayLike, *, products: Mapping[str, evaluate.Product] | None = None
    ) -> dict[str, float]:
        """Mean number of spikes a sample of every population that spikes."""
        names = frozenset(
            name
            for name, node in self.nodes.items()
            if isinstance(node, Population) and node.spiking
        )
        taken = self.taken(x)
        size = evaluate.chunk_of(self, taken.shape[1] if self.temporal else 1)
        total = dict.fromkeys(sorted(names), 0.0)
        for begin in range(0, len(taken), size):
            values = evaluate.run(self, taken[begin : begin + size], products, keep=names)
            for name in total:
                total[name] += float(values[name].sum())
        return {name: count / len(taken) for name, count in total.items()}

    def on(
        self,
        hardware: Hardware,
        *,
        calibrate: ArrayLike | None = None,
        seed: int = 0,
        engine: Engine | None = None,
    ) -> Chip:
        """Put the weights onto crossbar arrays.

        Parameters
        ----------
        hardware : Hardware
        calibrate : inputs as in `outputs`, optional
            Samples from which the ranges of the converters are found; needed where the hardware has
            converters, or cells whose current is not proportional to the voltage. Never the test
            samples.
        seed : int
            Of all that is drawn: cells that differ, stuck cells, converters' errors, read noise.
        engine : Engine, optional
            Solves the arrays: a `NodalEngine` unless given; a `ClusterEngine` shares them out
            among processes.
        """
        from spicesnn.networks.chip import Chip

        return Chip.made(self, hardware, calibrate=calibrate, seed=seed, engine=engine)

    def describe(self) -> list[dict[str, Any]]:
        """One row a node: name, kind, shapes in and out, number of weights."""
        rows = []
        for stage in self.stages:
            for name in stage.nodes:
                if name == self.source:
                    continue
                node = self.nodes[name]
                sources = self.inputs_of(name)
                count = (
                    sum(m.size for m in node.matrices) + sum(b.size for b in node.bias or ())
                    if isinstance(node, Weighted)
                    else 0
                )
                rows.append(
                    {
                        "node": name,
                        "kind": node.kind,
                        "inputs": list(self.shapes[sources[0]]),
                        "outputs": list(self.shapes[name]),
                        "weights": count,
                    }
                )
        return rows
