"""Samples of npz files: which labels are classes, and held-out samples that fit the training
samples."""

from pathlib import Path

import numpy as np
import pytest

from spicesnn.datasets import samples
from spicesnn.datasets.table import Table, renamed
from spicesnn.errors import DataError

X = np.arange(8.0).reshape(4, 2)


def saved(folder, **arrays):
    np.savez(folder / "own.npz", **arrays)
    return folder / "own.npz"


@pytest.mark.parametrize(
    "labels",
    [np.array([0, 1, 1, 0]), np.array([0.0, 1.0, 1.0, 0.0]), np.array([False, True, True, False])],
)
def test_whole_numbers_are_classes_however_they_are_stored(tmp_path, labels):
    features, found = samples.read(saved(tmp_path, x=X, y=labels))
    np.testing.assert_array_equal(features, X)
    assert found.tolist() == [0, 1, 1, 0]
    assert found.dtype.kind in "iu"


@pytest.mark.parametrize(
    "labels",
    [
        [0.0, 0.5, 1.0, 0.0],
        [0.0, np.nan, 1.0, 0.0],
        [np.inf, 1.0, 1.0, 0.0],
        [-0.25, 0.25, 1.0, 2.0],
    ],
)
def test_labels_that_are_no_whole_numbers_are_refused(tmp_path, labels):
    with pytest.raises(DataError, match="labels that are no whole numbers"):
        samples.read(saved(tmp_path, x=X, y=np.array(labels)))


def test_a_table_or_an_archive_may_hold_one_class_to_test(tmp_path):
    (tmp_path / "t.csv").write_text("a;b;label\n1,5;2;7\n", encoding="utf-8")
    for path in (tmp_path / "t.csv", saved(tmp_path, X=np.array([[1.5, 2.0]]), y=[7])):
        features, found = samples.read(path)
        assert features.tolist() == [[1.5, 2.0]]
        assert found.tolist() == [7]


def table(features, names=("a", "b"), labels=(0, 1), shape=()):
    return Table(
        features=np.zeros((2, features)),
        labels=np.array(labels),
        names=names,
        feature_names=tuple(map(str, range(features))),
        shape=shape,
    )


def test_held_out_samples_count_the_classes_of_the_training_samples():
    path = Path("test.npz")
    train = table(6, ("a", "b", "c"), shape=(2, 3))
    assert renamed(table(6, ("b", "c")), train, path).labels.tolist() == [1, 2]
    assert renamed(table(6, ("c", "a"), (1, 0), (2, 3)), train, path).labels.tolist() == [0, 2]
    assert renamed(table(6, ("b", "c"), shape=(2, 3)), table(6, ("a", "b", "c")), path).names == (
        "a",
        "b",
        "c",
    )
    for wrong in (table(5), table(6, shape=(3, 2))):
        with pytest.raises(DataError, match="features a sample; the training samples have 6"):
            renamed(wrong, train, path)
    with pytest.raises(DataError, match="classes that no training sample has"):
        renamed(table(6, ("a", "d")), train, path)
