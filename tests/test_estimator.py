"""The estimator in scikit-learn's own tools, and what it says to wrong input."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import ConfigError, InputError, NotFittedError, UnknownNameError

base = pytest.importorskip("sklearn.base", reason="needs scikit-learn")


@pytest.fixture(scope="module")
def wine():
    from sklearn.datasets import load_wine
    from sklearn.model_selection import train_test_split

    return train_test_split(*load_wine(return_X_y=True), random_state=0)


def test_clone_and_parameters():
    model = sn.CrossbarClassifier("letters-3x3", epochs=3, settings={"array.word_line_ohm": 2.0})
    copy = base.clone(model)
    assert copy is not model
    assert (
        copy.get_params()
        == model.get_params()
        == {
            "preset": "letters-3x3",
            "epochs": 3,
            "engine": "nodal",
            "random_state": 0,
            "settings": {"array.word_line_ohm": 2.0},
            "scale": True,
        }
    )
    assert copy.set_params(epochs=5).epochs == 5
    assert base.is_classifier(model)
    assert repr(model).startswith("CrossbarClassifier(preset='letters-3x3', epochs=3")


@pytest.mark.filterwarnings("ignore:Estimator CrossbarClassifier does not inherit")
def test_scikit_learns_own_checks():
    """Every one of them; the only one left out needs an environment variable that other libraries
    read when they are imported."""
    from sklearn.utils.estimator_checks import check_estimator

    done = check_estimator(
        sn.CrossbarClassifier("letters-3x3", epochs=8), on_fail=None, on_skip=None
    )
    others = {
        check["check_name"]: f"{check['status']}: {check['exception']!r}"
        for check in done
        if check["status"] != "passed"
    }
    assert len(done) > 40
    assert {name for name in others if "array_api" not in name} == set(), others


def test_in_a_pipeline_under_cross_validation(wine):
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, _, y, _ = wine
    model = make_pipeline(
        StandardScaler(), sn.CrossbarClassifier("letters-3x3", epochs=20)
    ).set_output(transform="pandas")
    scores = cross_val_score(model, x, y, cv=3, error_score="raise")
    assert scores.shape == (3,)
    assert scores.mean() > 0.8  # three classes: chance is 0.4
    assert "CrossbarClassifier" in model._repr_html_()
    model.fit(x, y)
    assert list(model[-1].feature_names_in_) == [f"x{k}" for k in range(13)]


def test_a_scale_of_ones_own_and_the_estimators_are_the_same(wine):
    from sklearn.preprocessing import MinMaxScaler

    x, x_test, y, _ = wine
    scaler = MinMaxScaler().fit(x)
    assert scaler.transform(x_test).max() > 1  # what lies beyond is not clipped
    own = sn.CrossbarClassifier("letters-3x3", epochs=3, scale=False).fit(scaler.transform(x), y)
    inside = sn.CrossbarClassifier("letters-3x3", epochs=3).fit(x, y)
    assert inside.low_ == pytest.approx(x.min(axis=0))
    assert inside.low_ + inside.span_ == pytest.approx(x.max(axis=0))
    amps = own.decision_function(scaler.transform(x_test))
    assert inside.decision_function(x_test) == pytest.approx(
        amps, rel=1e-6, abs=1e-6 * np.abs(amps).max()
    )


def test_features_may_be_standardised_or_taken_as_they_are(wine):
    from sklearn.preprocessing import StandardScaler

    x, x_test, y, _ = wine
    scaler = StandardScaler().fit(x)
    own = sn.CrossbarClassifier("letters-3x3", epochs=3, scale="none").fit(scaler.transform(x), y)
    inside = sn.CrossbarClassifier("letters-3x3", epochs=3, scale="standard").fit(x, y)
    amps = own.decision_function(scaler.transform(x_test))
    assert inside.decision_function(x_test) == pytest.approx(
        amps, rel=1e-6, abs=1e-6 * np.abs(amps).max()
    )
    with pytest.raises(
        InputError, match="scale is 'unit'; expected True, False, or one of: none, minmax, standard"
    ):
        sn.CrossbarClassifier("letters-3x3", scale="unit").fit(x, y)


def test_a_sample_twice_as_far_drives_twice_as_much():
    model = sn.CrossbarClassifier(
        "letters-3x3", epochs=1, settings={"encoding.bias_volts": 0.0, "encoding.low_volts": 0.0}
    ).fit(X, Y)
    assert model.decision_function(2 * np.asarray(X)) == pytest.approx(
        2 * model.decision_function(X), rel=1e-9
    )


def test_kept_with_pickle_and_joblib_and_used_by_scorers(wine, tmp_path):
    import pickle

    import joblib
    from sklearn.metrics import get_scorer

    x, x_test, y, y_test = wine
    model = sn.CrossbarClassifier("letters-3x3", epochs=3).fit(x, y == 1)
    amps = model.decision_function(x_test)
    joblib.dump(model, tmp_path / "model.joblib")
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        assert np.array_equal(copy.decision_function(x_test), amps)
    assert get_scorer("roc_auc")(model, x_test, y_test == 1) > 0.9
    from sklearn.exceptions import NotFittedError as Theirs

    with pytest.raises(NotFittedError, match="call fit") as caught:
        base.clone(model).predict(x_test)
    assert isinstance(caught.value, Theirs)


def test_columns_of_a_table_are_known_by_name(wine):
    pandas = pytest.importorskip("pandas")
    x, _, y, _ = wine
    table = pandas.DataFrame(x[:, :3], columns=["alcohol", "acid", "ash"])
    model = sn.CrossbarClassifier("letters-3x3", epochs=1).fit(table, pandas.Series(y))
    assert list(model.feature_names_in_) == ["alcohol", "acid", "ash"]
    with pytest.raises(InputError, match="Feature names must be in the same order"):
        model.predict(table[["ash", "acid", "alcohol"]])
    assert model.predict(table.to_numpy()).shape == y.shape
    assert not hasattr(model.fit(table.to_numpy(), y), "feature_names_in_")


def test_a_grid_search_sees_the_parameters(wine):
    from sklearn.model_selection import GridSearchCV
    from sklearn.preprocessing import MinMaxScaler

    x, _, y, _ = wine
    search = GridSearchCV(
        sn.CrossbarClassifier("letters-3x3"), {"epochs": [1, 10]}, cv=2, error_score="raise"
    )
    search.fit(MinMaxScaler().fit_transform(x), y)
    assert search.best_params_ == {"epochs": 10}


def test_labels_are_the_users_own_and_the_score_is_the_share_that_is_right(wine):
    from sklearn.preprocessing import MinMaxScaler

    x, x_test, y, y_test = wine
    names = np.array(["barolo", "grignolino", "barbera"])
    scaler = MinMaxScaler(clip=True).fit(x)
    model = sn.CrossbarClassifier("letters-3x3", epochs=20).fit(scaler.transform(x), names[y])
    predicted = model.predict(scaler.transform(x_test))
    assert set(predicted) <= set(names)
    assert (
        model.score(scaler.transform(x_test), names[y_test])
        == np.mean(predicted == names[y_test])
        > 0.8
    )
    assert list(model.classes_) == sorted(names)
    assert model.array_.shape == (14, 6)  # 13 features and a bias line; a pair of columns a class
    assert model.state_.write_joule > 0
    amps = model.decision_function(scaler.transform(x_test))
    assert amps.shape == (len(x_test), 3)
    assert 1e-9 < np.abs(amps).max() < 1e-3


def test_the_same_seed_gives_the_same_devices_and_two_classes_one_difference():
    x, y = np.array([[0, 1], [1, 0]] * 5, dtype=float), ["a", "b"] * 5
    first, second, other = (
        sn.CrossbarClassifier("letters-3x3", epochs=2, random_state=seed).fit(x, y)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first.state_.devices, second.state_.devices)
    assert not np.array_equal(first.state_.devices, other.state_.devices)
    assert first.decision_function(x).shape == (10,)


def test_ngspice_solves_it_as_well_and_decides_alike():
    x, y = np.array([[0, 1], [1, 0]] * 2, dtype=float), [0, 1] * 2
    models = [
        sn.CrossbarClassifier("letters-3x3", epochs=2, engine=name).fit(x, y)
        for name in ("nodal", "ngspice")
    ]
    amps = [model.decision_function(x) for model in models]
    assert amps[0] == pytest.approx(amps[1], rel=1e-3)


X, Y = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1])


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[0], Y, r"X has shape \(2,\)"),
        (X * np.nan, Y, "NaN"),
        ([["a", "b"]], Y, "expected numbers"),
        (X, Y[:1], r"y has 1 classes for the 2 sample"),
        (X, np.array([0.5, 1.5]), "Unknown label type: continuous"),
        (X, np.array([0, "a"], dtype=object), "mixes int, str"),
        (X, np.eye(2), "y should be a 1d array"),
        (X, None, "the target y is None"),
        (X * 1j, Y, "Complex data not supported"),
        (X[:, :0], Y, r"0 feature\(s\)"),
        (X, [1, 1], "one class"),
    ],
)
def test_wrong_data_says_so(x, y, message):
    with pytest.raises(InputError, match=message):
        sn.CrossbarClassifier("letters-3x3", epochs=1).fit(x, y)


def test_sparse_features_and_labels_of_another_shape_say_what_to_do():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(InputError, match="toarray"):
        sn.CrossbarClassifier("letters-3x3", epochs=1).fit(sparse.csr_array(X), Y)
    model = sn.CrossbarClassifier("letters-3x3", epochs=1).fit(X, Y)
    with pytest.raises(InputError, match=r"expected \(2,\), a class for each"):
        model.score(X, Y[:1])


def test_wrong_use_says_so():
    with pytest.raises(NotFittedError, match="call fit"):
        sn.CrossbarClassifier().predict(X)
    with pytest.raises(UnknownNameError, match="epoch"):
        sn.CrossbarClassifier().set_params(epoch=1)
    with pytest.raises(ConfigError, match="does not learn from labels"):
        sn.CrossbarClassifier("stdp-mnist").fit(X, Y)
    model = sn.CrossbarClassifier("letters-3x3", epochs=1).fit(X, Y)
    with pytest.raises(InputError, match="expecting 2 features"):
        model.predict(np.zeros((1, 3)))
