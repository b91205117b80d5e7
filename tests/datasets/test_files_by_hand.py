"""Which row, which class and which half a number of a file belongs to."""

import numpy as np
import pytest

from spicesnn.datasets import files, pairs, table
from spicesnn.errors import DataError, InputError


def test_a_column_of_classes_may_stand_anywhere_and_is_no_feature(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,kind,b\n1,pear,2\n3,apple,4\n5,pear,6\n")
    found = table.read_csv(path, "kind")
    assert found.features.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert (found.names, found.feature_names) == (("apple", "pear"), ("a", "b"))
    assert found.labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["10", "9", "-1", "2.5"], ("-1", "2.5", "9", "10")),
        (["b", "10", "9", "a"], ("9", "10", "a", "b")),
        (["1.0", "2e0", "0"], ("0", "1", "2")),
        (["1.0", "1"], ("1", "1.0")),
        (["inf", "3", "nan"], ("3", "inf", "nan")),
    ],
)
def test_classes_are_sorted_as_numbers_where_they_are_numbers(words, names, tmp_path):
    found = table.of_words(tmp_path, np.arange(float(len(words)))[:, None], words, ("x",))
    assert found.names == names
    for word, label in zip(words, found.labels, strict=True):
        assert found.names[label] in (word, word.split(".")[0], word.split("e")[0])


def test_held_out_labels_are_those_of_the_training_classes(tmp_path):
    """The held-out half has two of three classes: its 0 is not the others' 0."""
    x = np.arange(12.0).reshape(6, 2)
    np.savez(
        tmp_path / "four.npz",
        x_train=x,
        y_train=np.array([5, 3, 9, 5, 3, 9]),
        x_test=x[:3] + 100,
        y_test=np.array([9, 5, 9]),
    )
    train, test = files.read(tmp_path / "four.npz")
    assert train.names == test.names == ("3", "5", "9")
    assert (train.labels.tolist(), test.labels.tolist()) == ([1, 0, 2, 1, 0, 2], [2, 1, 2])
    np.testing.assert_array_equal(train.features, x)
    np.testing.assert_array_equal(test.features, x[:3] + 100)
    for name, (a, b) in {"pair": ("x", "y"), "words": ("features", "labels")}.items():
        np.savez(tmp_path / f"{name}.npz", **{a: x, b: np.array(["q", "p"] * 3)})
        alone, none = files.read(tmp_path / f"{name}.npz")
        assert none is None
        assert (alone.names, alone.labels.tolist()) == (("p", "q"), [1, 0] * 3)
    with pytest.raises(DataError, match="classes that no training sample has"):
        table.renamed(
            train,
            test.__class__(
                features=test.features,
                labels=np.array([0, 1, 0]),
                names=("5", "9"),
                feature_names=test.feature_names,
                shape=(),
            ),
            tmp_path,
        )


def test_pairs_keep_their_order_and_their_halves(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.random((5, 2, 3)), np.array([4, 1, 4, 1, 7])
    given = ((a, b) for a, b in zip(x, y, strict=True))
    path = pairs.save(tmp_path / "new" / "d.npz", given, (x[:2] + 1, y[:2]))
    train, test = files.read(path)
    np.testing.assert_array_equal(train.features, x.reshape(5, 6))
    np.testing.assert_array_equal(test.features, x[:2].reshape(2, 6) + 1)
    assert (train.names, train.shape) == (("1", "4", "7"), (2, 3))
    assert (train.labels.tolist(), test.labels.tolist()) == ([1, 0, 1, 0, 2], [1, 0])
    values, labels = pairs.collected([([1, 2], 3.0), ([3, 4], 5.0)])
    assert (values.tolist(), labels.tolist(), labels.dtype) == ([[1, 2], [3, 4]], [3, 5], np.int64)
    with pytest.raises(InputError, match="text and labels that are numbers"):
        pairs.collected([([1], "a"), ([2], 1)])
