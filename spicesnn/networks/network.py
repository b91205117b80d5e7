"""A network: populations of neurons and the projections between them, from whatever file or array
it comes.

Its values are in the units of its file; `Network.on` puts its weights onto crossbar arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import ArrayLike

from spicesnn.guesses import Hinting, hinted, told
from spicesnn.networks.evaluate import Evaluated

if TYPE_CHECKING:
    from spicesnn.engines.base import Engine
    from spicesnn.networks.chip import Chip
    from spicesnn.networks.hardware import Hardware

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
    "from_tensorflow": "from_onnx(path)",
    "from_pytorch": "from_onnx(path), or spicesnn.torch.convert(module, hardware)",
    "from_snntorch": "from_nir(path)",
    "from_json": "from_arrays([(weights, bias), …]), or `spicesnn map FILE.json` for a seed's file",
    "from_npz": "from_arrays(path)",
    "from_weights": "from_arrays([(weights, bias), …])",
    "from_numpy": "from_arrays([(weights, bias), …])",
    "map": "on(hardware)",
    "to": "on(hardware)",
    "compile": "on(hardware)",
    "layers": "nodes, or describe()",
    "summary": "describe()",
    "weights": "nodes[name].matrices, or describe() for their counts",
}


@hinted(_WORDS, {"layers": _FILES, "weights": _FILES}, by_place=_FILES)
@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Network(Evaluated, metaclass=Hinting):
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
    decides : bool
        Whether the largest output is the answer; a regressor decides on no class.
    remarks : tuple of str
        What the reader of its file has to know: conventions chosen, parts knowingly left out.
    """

    # -- where networks come from --------------------------------------------------------------

    @classmethod
    def from_arrays(
        cls, layers: Sequence[Any] | Mapping[str, Any] | str | Path, activation: str = "relu"
    ) -> Self:
        """A network of dense layers from weights (inputs, outputs) and biases (outputs,) or None.

        Parameters
        ----------
        layers : list of (weights, bias), list of weights, mapping, or path of an npz file
            Weights and biases may also stand one after the other, as Keras gives them. A mapping or
            file has ``w0 b0 w1 b1 …`` or ``weights_0 bias_0 …``.
        activation : str
            Between the layers: relu, sigmoid, tanh, identity; the last layer's outputs are left as
            they are.
        """
        from spicesnn.networks.formats.arrays import network_from_arrays

        return network_from_arrays(cls, layers, activation)

    @classmethod
    def from_sklearn(cls, estimator: Any) -> Self:
        """The network of a fitted MLPClassifier, MLPRegressor, Perceptron, LogisticRegression or
        other linear classifier of scikit-learn, or of a pipeline of scalers and one of these."""
        from spicesnn.networks.formats.sklearn import network_from_sklearn

        return network_from_sklearn(cls, estimator)

    @classmethod
    def from_nir(
        cls,
        path: str | Path,
        *,
        dt_s: float | None = None,
        reset: str | None = None,
        steps: int | None = None,
    ) -> Self:
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

        return read_nir(cls, path, dt_s=dt_s, reset=reset, steps=steps)

    @classmethod
    def from_onnx(
        cls,
        path: str | Path,
        *,
        output: str | None = None,
        input_shape: Sequence[int] | None = None,
    ) -> Self:
        """A network from an ONNX file (package onnx; extra ``onnx``) as PyTorch, Keras and
        scikit-learn export it.

        Parameters
        ----------
        path : str or Path
        output : str, optional
            Name of the output that is the network's, where the file has several.
        input_shape : tuple of int, optional
            Shape of one sample, where the file leaves sizes open (images of any height and width).
        """
        from spicesnn.networks.formats.onnx import read_onnx

        return read_onnx(cls, path, output=output, input_shape=input_shape)

    def to_nir(self, path: str | Path) -> Path:
        """Write the network as a NIR file and return its path; an `InputError` names a node that
        NIR has no word for."""
        from spicesnn.networks.formats.nir import write_nir

        return write_nir(self, path)

    # -- what becomes of it --------------------------------------------------------------------

    def to_spiking(
        self, calibrate: ArrayLike, *, steps: int = 32, percentile: float = 99.9, dt_s: float = 1e-3
    ) -> Self:
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

    @told(
        {
            "x": "calibrate=x",
            "data": "calibrate=x",
            "calibration": "calibrate=x",
            "calibration_data": "calibrate=x",
        },
        otherwise="what describes the arrays goes into spicesnn.Hardware(…)",
    )
    def on(
        self,
        hardware: Hardware,
        *,
        calibrate: ArrayLike | None = None,
        seed: int = 0,
        engine: Engine | str | None = None,
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
            Solves the arrays: a `NodalEngine` (``"nodal"``) unless given; a `ClusterEngine` shares them out
            among processes.
        """
        from spicesnn.networks.chip import Chip

        return Chip.made(self, hardware, calibrate=calibrate, seed=seed, engine=engine)
