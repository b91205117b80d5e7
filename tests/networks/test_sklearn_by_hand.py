"""Networks of fitted estimators give what scikit-learn's own arithmetic gives, of two classes and of
more, and in its labels."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import (
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import LinearSVC

import spicesnn as sn
from spicesnn.errors import InputError, NotFittedError, SpicesnnError

MODELS = [
    Perceptron(),
    RidgeClassifier(),
    SGDClassifier(random_state=0),
    LinearSVC(),
    LogisticRegression(),
    LogisticRegression(fit_intercept=False),
    MLPClassifier((7, 4), activation="tanh", max_iter=40, random_state=0),
    MLPClassifier((6,), activation="logistic", max_iter=40, random_state=0),
    MLPClassifier((6,), activation="identity", max_iter=40, random_state=0),
    MLPClassifier((8, 5, 4), max_iter=40, random_state=0),
]


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_scores_and_classes_are_those_of_the_estimator(model, classes):
    x, y = make_classification(
        90, 6, n_informative=5, n_redundant=1, n_classes=classes, random_state=classes
    )
    labels = np.array(["pear", "apple", "fig", "plum"])[y]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = model.fit(x, labels)
    network = sn.Network.from_sklearn(fitted)
    probable = hasattr(fitted, "predict_proba")
    scores = fitted.predict_proba(x) if probable else fitted.decision_function(x)
    if scores.ndim == 1:
        scores = np.stack([-scores, scores], axis=1)
    np.testing.assert_allclose(network.outputs(x), scores, rtol=1e-9, atol=1e-9)
    assert network.classes == tuple(sorted(set(labels)))
    assert network.predict(x).tolist() == fitted.predict(x).tolist()
    assert network.accuracy(x, labels) == pytest.approx(fitted.score(x, labels))


def test_a_regressor_gives_its_values():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    for y in (x @ [1.0, -2.0, 0.5], x @ rng.normal(size=(3, 2))):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = MLPRegressor(hidden_layer_sizes=(8,), max_iter=60, random_state=1).fit(x, y)
        found = sn.Network.from_sklearn(fitted).outputs(x)
        np.testing.assert_allclose(found, fitted.predict(x).reshape(60, -1), rtol=1e-9, atol=1e-9)


def test_what_has_no_network_is_refused():
    x, y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 2, 0, 1, 2])
    with pytest.raises(NotFittedError, match="has not been fitted"):
        sn.Network.from_sklearn(MLPClassifier())
    with pytest.raises(NotFittedError, match="has not been fitted"):
        sn.Network.from_sklearn(LinearSVC())
    with pytest.raises(InputError, match="estimator is a dict"):
        sn.Network.from_sklearn({})
    several = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [1, 0], [1, 1]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = MLPClassifier((3,), max_iter=5).fit(x, several)
        rest = LogisticRegression(solver="liblinear").fit(x, y > 1)
    with pytest.raises(InputError, match="several labels a sample"):
        sn.Network.from_sklearn(made)
    assert sn.Network.from_sklearn(rest).predict(x).tolist() == rest.predict(x).tolist()
    with pytest.raises(SpicesnnError):
        sn.Network.from_sklearn(None)
