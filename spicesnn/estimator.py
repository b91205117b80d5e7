"""A crossbar that learns as an estimator with fit, predict and score, as scikit-learn's tools
expect them (scikit-learn itself is not needed)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import Floats
from spicesnn.datasets.scaling import METHODS, Scale
from spicesnn.engines.registry import make_engine
from spicesnn.errors import ConfigError, InputError, UnknownNameError
from spicesnn.guesses import hinted
from spicesnn.shown import shown
from spicesnn.table_input import check_names, classes_of, column_names, not_fitted, numbers
from spicesnn.training.config import Config, load
from spicesnn.training.experiment import Experiment
from spicesnn.training.loop import updated
from spicesnn.training.problem import Problem, classified
from spicesnn.training.state import History

_ARGUMENTS = {
    "device": 'settings={"device.model": name}',
    "wires": 'settings={"array.word_line_ohm": ohm, "array.bit_line_ohm": ohm}',
    "seed": "random_state=…",
    **dict.fromkeys(("n_epochs", "max_iter"), "epochs=…"),
    **dict.fromkeys(("lr", "learning_rate"), 'settings={"learning.…": …}'),
}


@hinted({}, _ARGUMENTS)
class CrossbarClassifier:
    """A classifier whose weights are the devices of a crossbar, trained and read as a circuit.

    Parameters
    ----------
    preset : str
        The experiment whose array, device, neurons and learning rule are taken: a preset, or the
        path of a TOML file. Its [data] is not used.
    epochs : int, optional
        Passes over the data; the preset's if left out.
    engine : str
        ``nodal`` or ``ngspice``.
    random_state : int
        Seed of everything random.
    settings : Mapping, optional
        Further changes, ``"array.word_line_ohm"`` → value.
    scale : bool or str
        True or ``"minmax"``: scale each feature to 0…1 by its least and largest value in `fit`, as
        a file of one's own is; later samples beyond stay beyond. ``"standard"``: by mean and
        standard deviation. False or ``"none"``: X is taken as it is.

    Attributes
    ----------
    classes_ : (classes,) array
    n_features_in_ : int
    feature_names_in_ : (features,) array of str
        Only where X had names of columns (pandas).
    low_, span_ : (features,) array
        What is subtracted from X and what it is divided by before it drives word lines.
    experiment_ : Experiment
    state_ : RunState
        Devices after learning, with counters and energy.
    array_ : Crossbar
        The (first) array after learning.

    Examples
    --------
    >>> from spicesnn import CrossbarClassifier
    >>> model = CrossbarClassifier("letters-3x3", epochs=30).fit([[0, 1], [1, 0], [0, 1], [1, 0]], ["a", "b", "a", "b"])
    >>> print(model.predict([[0.1, 0.9]]))
    ['a']
    """

    _estimator_type = "classifier"

    def __init__(
        self,
        preset: str = "mnist-10x10",
        epochs: int | None = None,
        engine: str = "nodal",
        random_state: int = 0,
        settings: Mapping[str, Any] | None = None,
        scale: bool | str = True,
    ) -> None:
        self.preset = preset
        self.epochs = epochs
        self.engine = engine
        self.random_state = random_state
        self.settings = settings
        self.scale = scale

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train fresh devices on features (n, inputs) and their classes (n,)."""
        vars(self).pop("state_", None)  # what fails here leaves nothing of an earlier fit to answer
        names, features, labels = column_names(X), numbers(X), classes_of(y, type(self).__name__)
        if len(labels) != len(features):
            raise InputError(
                f"y has {len(labels)} classes for the {len(features)} sample(s) of X; expected a"
                " class for each"
            )
        self.classes_, index = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"y has one class, {self.classes_[0]!r}; expected two or more")
        if names is None:
            vars(self).pop("feature_names_in_", None)
        else:
            self.feature_names_in_ = names
        method = (
            ("minmax" if self.scale else "none") if isinstance(self.scale, bool) else self.scale
        )
        if method not in METHODS:
            raise InputError(
                f"scale is {self.scale!r:.60}; expected True, False, or one of:"
                f" {', '.join(METHODS)}"
            )
        scale = Scale.of(method, features)
        self.low_, self.span_ = (
            np.array(np.broadcast_to(part, features.shape[1])) for part in (scale.low, scale.span)
        )
        features = self._driving(features)
        self.n_features_in_ = features.shape[1]
        samples = classified(features, index, len(self.classes_))
        called = tuple(str(name) for name in self.classes_)
        problem = Problem(
            train=samples,
            test=samples,
            names=called,
            shape=(1, self.n_features_in_),
            held_out=False,
        )
        self.experiment_ = Experiment.of(self._config(), problem)
        start = self.experiment_.start()
        with make_engine(self.engine) as engine:
            self.state_ = updated(self.experiment_, engine, start, History())
        self.array_ = self.experiment_.array_of(self.state_.devices)
        return self

    def _driving(self, features: Floats) -> Floats:
        """Return what drives the word lines for features (n, inputs): 0 and 1 are the encoding's
        low and high voltage, and nothing is clipped."""
        return np.asarray((features - self.low_) / self.span_)

    def _config(self) -> Config:
        changes = dict(self.settings or {})
        if self.epochs is not None:
            changes["training.epochs"] = self.epochs
        config = load(self.preset, changes)
        if not isinstance(config, Config) or config.learning.rule == "stdp":
            raise ConfigError(
                f"{self.preset} does not learn from labels in a solved array; expected a preset"
                " such as mnist-10x10 or letters-3x3"
            )
        return config.with_seed(int(self.random_state))

    def decision_function(self, X: ArrayLike) -> Floats:
        """Return the current into each output neuron, (n, classes) ampere; of two classes the
        second minus the first, (n,)."""
        if not hasattr(self, "state_"):
            raise not_fitted(
                "this CrossbarClassifier has not learnt anything yet; call fit(X, y) first"
            )
        check_names(column_names(X), getattr(self, "feature_names_in_", None))
        features = numbers(X)
        if features.shape[1] != self.n_features_in_:
            raise InputError(
                f"X has {features.shape[1]} features, but CrossbarClassifier is expecting"
                f" {self.n_features_in_} features as input"
            )
        features = self._driving(features)
        with make_engine(self.engine) as engine:
            amps = self.experiment_.forward(engine, self.state_.devices, features).amps[-1]
        return amps[:, 1] - amps[:, 0] if len(self.classes_) == 2 else amps

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class of the neuron with the largest current: the one that spikes first."""
        amps = self.decision_function(X)
        winner = (amps > 0).astype(int) if amps.ndim == 1 else amps.argmax(axis=1)
        return np.asarray(self.classes_[winner])

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the share of samples whose class is predicted rightly."""
        predicted, labels = self.predict(X), np.asarray(y)
        if labels.shape != predicted.shape:
            raise InputError(
                f"y has shape {labels.shape}; expected {predicted.shape}, a class for each sample"
                " of X"
            )
        return float(np.mean(predicted == labels))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the constructor."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters of the constructor."""
        for name, value in parameters.items():
            if name not in self._names():
                raise UnknownNameError(
                    f"CrossbarClassifier has no parameter {name!r}; it has:"
                    f" {', '.join(self._names())}"
                )
            setattr(self, name, value)
        return self

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn (1.6 and later) asks its estimators about themselves."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(),
        )

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether `fit` was called."""
        return hasattr(self, "state_")

    def _repr_html_(self) -> str:
        made: str = shown(self, "html")
        return made

    def __repr__(self) -> str:
        return f"CrossbarClassifier({', '.join(f'{name}={getattr(self, name)!r}' for name in self._names())})"
