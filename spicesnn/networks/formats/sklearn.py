"""Networks from fitted estimators of scikit-learn: multi-layer perceptrons and linear
classifiers."""

from __future__ import annotations

from typing import Any

import numpy as np

from spicesnn.errors import InputError, NotFittedError
from spicesnn.networks.activations import Activation, SignOutputs, by_name
from spicesnn.networks.nodes import Dense
from spicesnn.networks.structure import Made

TAKEN = (
    "MLPClassifier",
    "MLPRegressor",
    "Perceptron",
    "LogisticRegression",
    "LinearSVC",
    "RidgeClassifier",
    "SGDClassifier",
)


def network_from_sklearn(kind: type[Made], estimator: Any) -> Made:
    """The network of a fitted estimator; its outputs are those of `predict_proba`, or of
    `decision_function` where there is none.

    Raises
    ------
    InputError
        An estimator of another kind, or one that learnt several labels a sample.
    NotFittedError
        One that has learnt nothing yet.
    """
    name = type(estimator).__name__
    if name not in TAKEN:
        raise InputError(
            f"estimator is a {name}; expected a fitted one of: {', '.join(TAKEN)} (of a pipeline:"
            " its last step; what stands before it scales the data, so hand in scaled data)"
        )
    if not hasattr(estimator, "coefs_" if name.startswith("MLP") else "coef_"):
        raise NotFittedError(f"the {name} has not been fitted; call fit(X, y) first")
    make = _perceptron if name.startswith("MLP") else _linear
    return make(kind, estimator, name)


def _classes(estimator: Any) -> tuple[Any, ...]:
    classes = getattr(estimator, "classes_", None)
    if isinstance(classes, list) or classes is None:
        raise InputError(
            "the estimator learnt several labels a sample; expected one class a sample"
        )
    return tuple(np.asarray(classes).tolist())


def _perceptron(kind: type[Made], estimator: Any, name: str) -> Made:
    chain: list[tuple[str, Any]] = []
    last = len(estimator.coefs_) - 1
    for number, (weights, bias) in enumerate(
        zip(estimator.coefs_, estimator.intercepts_, strict=True)
    ):
        chain.append(
            (
                f"layer{number}",
                Dense(np.asarray(weights, dtype=float), np.asarray(bias, dtype=float)),
            )
        )
        between = by_name(estimator.activation if number < last else estimator.out_activation_)
        if between is not None:
            chain.append((f"activation{number}", between))
    classes = None
    if name == "MLPClassifier":
        if (
            estimator.out_activation_ == "logistic"
            and getattr(estimator, "_label_binarizer", None) is not None
            and (estimator._label_binarizer.y_type_.startswith("multilabel"))
        ):
            raise InputError(
                "the MLPClassifier learnt several labels a sample; expected one class a sample"
            )
        classes = _classes(estimator)
        if len(classes) == 2 and estimator.coefs_[-1].shape[1] == 1:
            chain.append(("classes", SignOutputs(probability=True)))
    return kind.chain(chain, (estimator.coefs_[0].shape[0],), classes=classes)


def _linear(kind: type[Made], estimator: Any, name: str) -> Made:
    classes = _classes(estimator)
    weights = np.atleast_2d(np.asarray(estimator.coef_, dtype=float)).T
    bias = np.broadcast_to(
        np.atleast_1d(np.asarray(estimator.intercept_, dtype=float)), weights.shape[1:]
    )
    chain: list[tuple[str, Any]] = [("layer0", Dense(weights, bias))]
    if len(classes) == 2 and weights.shape[1] == 1:
        if name == "LogisticRegression":
            chain += [
                ("probability", Activation("sigmoid")),
                ("classes", SignOutputs(probability=True)),
            ]
        else:
            chain.append(("classes", SignOutputs()))
    elif name == "LogisticRegression":
        one_against_rest = (
            getattr(estimator, "multi_class", "auto") == "ovr"
            or getattr(estimator, "solver", "") == "liblinear"
        )
        if one_against_rest:
            raise InputError(
                "a LogisticRegression that learnt one class against the rest; expected the"
                " multinomial one (solver lbfgs)"
            )
        softmax = by_name("softmax")
        assert softmax is not None
        chain.append(("probability", softmax))
    return kind.chain(chain, (weights.shape[0],), classes=classes)
