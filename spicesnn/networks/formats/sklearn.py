"""Networks from fitted estimators of scikit-learn: multi-layer perceptrons, linear classifiers and
regressors, alone or behind scalers and principal components."""

from __future__ import annotations

from typing import Any

import numpy as np

from spicesnn.errors import InputError, NotFittedError
from spicesnn.networks.activations import (
    Activation,
    Clip,
    Normalise,
    SignOutputs,
    Softmax,
    by_name,
)
from spicesnn.networks.nodes import Dense, Node, Scale, Values
from spicesnn.networks.structure import Made

TAKEN = (
    "MLPClassifier",
    "MLPRegressor",
    "Perceptron",
    "LogisticRegression",
    "LogisticRegressionCV",
    "LinearSVC",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "SGDClassifier",
    "PassiveAggressiveClassifier",
    "LinearDiscriminantAnalysis",
)
REGRESSORS = (
    "LinearRegression",
    "Ridge",
    "RidgeCV",
    "Lasso",
    "LassoCV",
    "ElasticNet",
    "ElasticNetCV",
    "SGDRegressor",
    "LinearSVR",
    "HuberRegressor",
    "BayesianRidge",
)
SCALERS = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler")
STEPS = (*SCALERS, "Normalizer", "PCA", "TruncatedSVD")

Chain = list[tuple[str, Any]]


def network_from_sklearn(kind: type[Made], estimator: Any) -> Made:
    """The network of a fitted estimator, alone or behind the steps of a pipeline; its outputs are
    those of `predict_proba` of an MLPClassifier or LogisticRegression, of `decision_function` of
    other classifiers, of `predict` of a regressor.

    Raises
    ------
    InputError
        An estimator of another kind, or one that learnt several labels a sample.
    NotFittedError
        One that has learnt nothing yet.
    """
    name = type(estimator).__name__
    *before, estimator = _steps(estimator) or [""]
    name = type(estimator).__name__
    if isinstance(estimator, type) or name not in (*TAKEN, *REGRESSORS):
        what = f"the class {estimator.__name__}" if isinstance(estimator, type) else f"a {name}"
        raise InputError(
            f"estimator is {what}; expected a fitted one of: {', '.join((*TAKEN, *REGRESSORS))}, or"
            f" a pipeline of {', '.join(STEPS)} that ends in one"
        )
    if not hasattr(estimator, "coefs_" if name.startswith("MLP") else "coef_"):
        raise NotFittedError(f"the {name} has not been fitted; call fit(X, y) first")
    if getattr(getattr(estimator, "_label_binarizer", None), "y_type_", "").startswith(
        "multilabel"
    ):
        raise InputError(f"the {name} learnt several labels a sample; expected one class a sample")
    make = _perceptron if name.startswith("MLP") else _linear
    chain = make(estimator, name)
    steps = [part for number, step in enumerate(before) for part in _step(step, number)]
    inputs = before[0].n_features_in_ if before else chain[0][1].weights.shape[0]
    decides = name not in ("MLPRegressor", *REGRESSORS)
    classes = _classes(estimator) if decides else None
    return kind.chain([*steps, *chain], (int(inputs),), classes=classes, decides=decides)


def _steps(estimator: Any) -> list[Any]:
    """The steps of a pipeline, those of pipelines in it included; an estimator itself."""
    if type(estimator).__name__ != "Pipeline":
        return [estimator]
    steps = [step for _, step in estimator.steps if step is not None and step != "passthrough"]
    return [inner for step in steps for inner in _steps(step)]


def _classes(estimator: Any) -> tuple[Any, ...]:
    classes = getattr(estimator, "classes_", None)
    if isinstance(classes, list) or classes is None:
        raise InputError(
            "the estimator learnt several labels a sample; expected one class a sample"
        )
    return tuple(np.asarray(classes).tolist())


def _dense(values: Any) -> Values:
    """Coefficients as an array; `sparsify()` makes them sparse."""
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, dtype=float)


def _step(step: Any, number: int) -> Chain:
    """What a fitted step before the last does, as nodes."""
    name = type(step).__name__
    if name not in STEPS:
        raise InputError(
            f"a step of the pipeline is a {name}; expected: {', '.join(STEPS)} (or take the last"
            " step alone, and hand in what the others make of the data)"
        )
    if not hasattr(step, "n_features_in_"):
        raise NotFittedError(f"the {name} has not been fitted; call fit(X, y) first")
    if name == "Normalizer":
        return [(f"normalise{number}", Normalise(step.norm.upper()))]
    if name in SCALERS:
        return _scaled(step, name, number)
    matrix = np.asarray(step.components_, dtype=float).T
    if name == "TruncatedSVD":
        return [(f"components{number}", Dense(matrix))]
    if step.whiten:
        spread = np.sqrt(step.explained_variance_)
        matrix = matrix / np.maximum(spread, np.finfo(spread.dtype).eps)
    return [(f"components{number}", Dense(matrix, -np.asarray(step.mean_, dtype=float) @ matrix))]


def _scaled(scaler: Any, name: str, number: int) -> Chain:
    """What a fitted scaler does, as nodes."""
    one = np.ones(scaler.n_features_in_)
    if name == "MinMaxScaler":
        factors, offsets = one * scaler.scale_, one * scaler.min_
    else:
        middle = getattr(
            scaler, {"StandardScaler": "mean_", "RobustScaler": "center_"}.get(name, ""), None
        )
        if not getattr(scaler, "with_mean", True) or not getattr(scaler, "with_centering", True):
            middle = None
        factors = one if scaler.scale_ is None else one / scaler.scale_
        offsets = 0 * one if middle is None else -middle * factors
    found: Chain = [(f"scaler{number}", Scale(factors, offsets if np.any(offsets) else None))]
    if getattr(scaler, "clip", False):
        low, high = getattr(scaler, "feature_range", (-1.0, 1.0))
        found.append((f"scaler{number} clip", Clip(float(low), float(high))))
    return found


def _perceptron(estimator: Any, name: str) -> Chain:
    chain: Chain = []
    last = len(estimator.coefs_) - 1
    for number, (weights, bias) in enumerate(
        zip(estimator.coefs_, estimator.intercepts_, strict=True)
    ):
        dense = Dense(np.asarray(weights, dtype=float), np.asarray(bias, dtype=float))
        chain.append((f"layer{number}", dense))
        between = by_name(estimator.activation if number < last else estimator.out_activation_)
        if between is not None:
            chain.append((f"activation{number}", between))
    if (
        name == "MLPClassifier"
        and len(_classes(estimator)) == 2
        and chain[-2][1].weights.shape[1] == 1
    ):
        chain.append(("classes", SignOutputs(probability=True)))
    return chain


def _linear(estimator: Any, name: str) -> Chain:
    weights = np.atleast_2d(_dense(estimator.coef_)).T
    bias = np.broadcast_to(np.atleast_1d(_dense(estimator.intercept_)), weights.shape[1:])
    if name in REGRESSORS:
        return [("layer0", Dense(weights, bias))]
    two = len(_classes(estimator)) == 2 and weights.shape[1] == 1
    told = getattr(estimator, "multi_class", "auto")
    after: list[tuple[str, Node]] = []
    if name.startswith("LogisticRegression"):
        if two:
            # The two-class softmax of (−v, v), which older versions have, is sigmoid(2 v).
            double = 2.0 if told == "multinomial" else 1.0
            weights, bias = double * weights, double * bias
            after.append(("probability", Activation("sigmoid")))
            after.append(("classes", SignOutputs(probability=True)))
        elif told == "ovr" or getattr(estimator, "solver", "") == "liblinear":
            raise InputError(
                "a LogisticRegression that learnt one class against the rest; expected the"
                " multinomial one (solver lbfgs)"
            )
        else:
            after.append(("probability", Softmax()))
    elif two:
        after.append(("classes", SignOutputs()))
    return [("layer0", Dense(weights, bias)), *after]
