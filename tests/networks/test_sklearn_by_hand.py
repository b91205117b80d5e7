"""Networks of fitted estimators give what scikit-learn's own arithmetic gives, of two classes and of
more, and in its labels."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC, LinearSVR

import spicesnn as sn
from spicesnn.errors import ConfigError, InputError, NotFittedError, SpicesnnError

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


REGRESSORS = [
    MLPRegressor(hidden_layer_sizes=(8,), max_iter=60, random_state=1),
    LinearRegression(),
    Ridge(0.3),
    Lasso(0.01),
    ElasticNet(0.01),
]


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_a_regressor_gives_its_values_and_no_class(model):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    for y in (x @ [1.0, -2.0, 0.5], x @ rng.normal(size=(3, 2))):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = model.fit(x, y)
        network = sn.Network.from_sklearn(fitted)
        np.testing.assert_allclose(
            network.outputs(x), fitted.predict(x).reshape(60, -1), rtol=1e-9, atol=1e-9
        )
        for call in (lambda: network.predict(x), lambda: network.on(sn.Hardware()).predict(x)):  # noqa: B023
            with pytest.raises(ConfigError, match=r"a regressor: .* use outputs\(x\)"):
                call()


@pytest.mark.parametrize("model", [SGDRegressor(random_state=0), LinearSVR(), HuberRegressor()])
def test_a_regressor_of_one_value_behind_a_scaler(model):
    rng = np.random.default_rng(0)
    x = rng.normal(2.0, 3.0, size=(60, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = make_pipeline(StandardScaler(), model).fit(x, x @ [1.0, -2.0, 0.5])
    found = sn.Network.from_sklearn(fitted).outputs(x)
    np.testing.assert_allclose(found[:, 0], fitted.predict(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "step",
    [
        PCA(3),
        PCA(2, whiten=True),
        TruncatedSVD(3, random_state=0),
        Normalizer(),
        Normalizer("max"),
        make_pipeline(StandardScaler(), PCA(4)),
    ],
    ids=str,
)
@pytest.mark.parametrize("model", [LogisticRegression(), LinearDiscriminantAnalysis()])
def test_components_and_norms_before_a_classifier(step, model):
    x, y = make_classification(90, 6, n_informative=5, n_redundant=1, n_classes=3, random_state=3)
    x = 3.0 * x + np.arange(6.0)
    fitted = make_pipeline(step, model).fit(x, y)
    network = sn.Network.from_sklearn(fitted)
    linear = isinstance(model, LinearDiscriminantAnalysis)
    scores = fitted.decision_function(x) if linear else fitted.predict_proba(x)
    np.testing.assert_allclose(network.outputs(x), scores, rtol=1e-8, atol=1e-8)
    assert np.array_equal(network.predict(x), fitted.predict(x))


SCALED = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    MinMaxScaler(),
    MinMaxScaler((-1, 2), clip=True),
    MaxAbsScaler(),
    RobustScaler(),
    RobustScaler(with_centering=False, with_scaling=False),
    "passthrough",
]


@pytest.mark.parametrize("scaler", SCALED, ids=str)
def test_a_pipeline_of_scalers_takes_the_data_as_they_are(scaler):
    x, y = make_classification(80, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=0)
    x = 40 * x + np.arange(5)
    model = make_pipeline(MinMaxScaler((2, 4)), scaler, LogisticRegression())
    fitted = model.fit(x[:50], y[:50])
    network = sn.Network.from_sklearn(fitted)
    np.testing.assert_allclose(network.outputs(x), fitted.predict_proba(x), rtol=1e-9, atol=1e-12)
    assert network.predict(x).tolist() == fitted.predict(x).tolist()


def test_steps_that_are_no_scalers_are_refused_by_name():
    x, y = make_classification(60, 5, random_state=0)
    squares = make_pipeline(PolynomialFeatures(), Perceptron()).fit(x, y)
    with pytest.raises(InputError, match="is a PolynomialFeatures; expected: StandardScaler"):
        sn.Network.from_sklearn(squares)
    with pytest.raises(InputError, match="estimator is a StandardScaler"):
        sn.Network.from_sklearn(make_pipeline(StandardScaler()).fit(x, y))
    with pytest.raises(NotFittedError, match="StandardScaler has not been fitted"):
        sn.Network.from_sklearn(make_pipeline(StandardScaler(), Perceptron().fit(x, y)))


def test_scores_of_losses_with_probabilities_are_those_that_decide():
    x, y = make_classification(80, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=1)
    fitted = SGDClassifier(loss="log_loss", random_state=0).fit(50 * x, y)
    network = sn.Network.from_sklearn(fitted)
    np.testing.assert_allclose(network.outputs(50 * x), fitted.decision_function(50 * x))
    assert network.predict(50 * x).tolist() == fitted.predict(50 * x).tolist()


def test_a_two_class_softmax_is_a_sigmoid_of_twice_the_score():
    x, y = make_classification(60, 4, random_state=2)
    fitted = LogisticRegression().fit(x, y)
    fitted.multi_class = "multinomial"  # as versions before 1.8 keep it
    score = fitted.decision_function(x)
    both = np.exp(np.stack([-score, score], axis=1))
    wanted = both / both.sum(axis=1, keepdims=True)
    got = sn.Network.from_sklearn(fitted).outputs(x)
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-15)


def test_sparse_coefficients_are_taken():
    x, y = make_classification(60, 4, random_state=2)
    fitted = LogisticRegression().fit(x, y).sparsify()
    wanted = fitted.predict_proba(x)
    np.testing.assert_allclose(sn.Network.from_sklearn(fitted).outputs(x), wanted, rtol=1e-12)


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
