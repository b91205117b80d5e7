import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spicesnn import npz
from spicesnn.datasets import files, samples, table
from spicesnn.errors import DataError


def test_a_csv_with_words_for_classes(tmp_path):
    path = tmp_path / "iris.csv"
    path.write_text("length,kind,width\n1.5,b,2\n2.5,a,3e-1\n", encoding="utf-8")
    found = files.read_classes(path, label="kind")
    assert found.names == ("a", "b")
    assert found.labels.tolist() == [1, 0]
    assert found.feature_names == ("length", "width")
    np.testing.assert_array_equal(found.features, [[1.5, 2.0], [2.5, 0.3]])


def test_columns_are_taken_by_their_names(tmp_path):
    first, second, third = (tmp_path / f"{k}.csv" for k in "abc")
    first.write_text("a,b,label\n1,2,x\n3,4,y\n")
    second.write_text("b,label,a\n20,y,10\n40,x,30\n")
    third.write_text("b,label,c\n20,y,10\n40,x,30\n")
    whole = files.read_classes(first)
    held = table.renamed(files.read_classes(second), whole, second)
    np.testing.assert_array_equal(held.features, [[10, 20], [30, 40]])
    assert (held.labels.tolist(), held.feature_names) == ([1, 0], ("a", "b"))
    np.testing.assert_array_equal(samples.read(second, like=first)[0], [[10, 20], [30, 40]])
    for named in (third, first):
        text = named.read_text().replace("b,label", "c,label")  # other names; one name twice
        named.write_text(text.replace("a,b", "b,b"))
    with pytest.raises(DataError, match="other names than those of the samples before"):
        table.renamed(files.read_classes(third), whole, third)
    with pytest.raises(DataError, match="other names"):
        table.renamed(files.read_classes(first), whole, first)
    np.savez(tmp_path / "d.npz", x=[[5.0, 6.0]], y=["x"])  # nothing is named: as they stand
    bare = table.renamed(files.read(tmp_path / "d.npz")[0], whole, tmp_path / "d.npz")
    np.testing.assert_array_equal(bare.features, [[5, 6]])


def test_numeric_classes_sort_as_numbers(tmp_path):
    np.savez(tmp_path / "own.npz", features=np.zeros((3, 2, 2)), labels=[10, 9, 2])
    found = files.read_classes(tmp_path / "own.npz")
    assert found.names == ("2", "9", "10")
    assert found.features.shape == (3, 4)


@pytest.mark.parametrize(
    "text",
    [
        "a,b,label\n1.5,-2,x\n25e-1,.25,y\n",
        "a;b;label\n1.5;-2;x\n25e-1;.25;y\n",
        "a;b;label\n1,5;-2;x\n25e-1;,25;y\n",
        "a\tb\tlabel\n1,5\t-2,0\tx\n2,5\t0,25\ty\n",
        'a;"b;c";label\n1,5;-2;x\n2,5;0,25;y\n',
        "label;a, in volts;b\nx;1,5;-2\ny;2,5;0,25\n",
    ],
)
def test_values_may_be_separated_otherwise_and_have_decimal_commas(tmp_path, text):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    found = files.read_classes(tmp_path / "t.csv")
    np.testing.assert_array_equal(found.features, [[1.5, -2.0], [2.5, 0.25]])
    assert found.names == ("x", "y")
    assert len(found.feature_names) == 2


def test_samples_that_would_be_left_out_are_refused(tmp_path):
    x, y = np.zeros((3, 2)), np.array([0, 1, 0])
    for more in ({"x_test": x, "y_test": y}, {"val_x": x}, {"features": x}):
        np.savez(tmp_path / "own.npz", x=x, y=y, **more)
        with pytest.raises(DataError, match=f"{len(more)} array.s. of samples that would be left"):
            files.read(tmp_path / "own.npz")
    np.savez(tmp_path / "own.npz", x=x, y=y, feature_names=np.array(["a", "b"]))
    assert files.read(tmp_path / "own.npz")[0].features.shape == (3, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a header"),
        ("a,b\n1,2\n", "no column 'label' among the 2 of its header"),
        ("a;b\n1;2\n", "no column 'label' among the 2 of its header"),
        ("1,2,3\n4,5,6\n", r"3 number\(s\) in its first line; expected a header"),
        ("a,label\n1,x\n1\n", "row 3: 1 values; expected 2"),
        ("a,label\none,x\n", "row 2, column 1: no number"),
        ("a,label\nnan,x\n1,y\n", "sample 1 .* not finite"),
        ("a,b,label\n1,2,x\n1,2,y\n1,inf,y\n", r"sample 3 \(of 3\): .* not finite"),
        ("a,label\n1,x\n2,x\n", "only one class"),
        ("a,label\n1,\n2,x\n", "sample 1: the label is empty"),
        ("label\nx\ny\n", "no features"),
        ("label,a,label\nx,1,y\n", "2 columns 'label'"),
        (",a,label\n0,1,x\n1,2,y\n", r"column 1 has no name .* index=False"),
        ("a,label\n1_000,x\n2,y\n", "row 2, column 1: no number"),
    ],
)
def test_a_bad_csv_says_where(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        files.read_classes(tmp_path / "t.csv")


@pytest.mark.parametrize(
    "text",
    [
        "canary:x:0:0\n",
        "canary:x:0:0\ncanary\n",
        "label,canary\n1,canary\n2,3\n",
        "label,a\ncanary,1\ncanary,2\n",
        '"canary\n',
        "label,a\ncanary,1,2\n",
    ],
)
def test_what_stands_in_a_file_is_not_repeated_when_it_is_no_table(tmp_path, text):
    """The path may come from somebody else's run directory, and lead to any file."""
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        files.read_classes(tmp_path / "t.csv")
    assert "canary" not in str(caught.value)


def test_a_pipe_is_no_table(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="is no file"):
        files.read_classes(tmp_path / "pipe.csv")


def test_other_files_and_python_objects_are_refused(tmp_path):
    with pytest.raises(
        DataError, match=r"there is no file .*; expected a \.csv file; an \.npz file"
    ):
        files.read_classes(tmp_path / "t.xlsx")
    np.savez(tmp_path / "objects.npz", features=np.array([{}], dtype=object), labels=[1])
    with pytest.raises(DataError, match="not a sound"):
        files.read_classes(tmp_path / "objects.npz")
    with pytest.raises(DataError, match="there is no file"):
        files.read_classes(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="there is no file"):
        files.read_classes(tmp_path / "absent.npz")
    np.savez(tmp_path / "half.npz", features=np.zeros((2, 2)))
    with pytest.raises(DataError, match="none of these pairs: features and labels; x and y"):
        files.read_classes(tmp_path / "half.npz")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["1.0", "0.0"], ("0", "1")),
        (["1e0", "2.000e+01"], ("1", "20")),
        (["1", "1.0"], ("1", "1.0")),
        (["1.5", "2.0"], ("1.5", "2.0")),
        (["1", "b"], ("1", "b")),
    ],
)
def test_classes_that_are_whole_numbers_lose_the_point_that_a_program_wrote(tmp_path, words, names):
    (tmp_path / "t.csv").write_text("a,label\n" + "".join(f"1,{word}\n" for word in words))
    assert files.read_classes(tmp_path / "t.csv").names == names


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_flipped_byte_is_the_same_data_or_a_data_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("npz") / "t.npz"
    np.savez_compressed(path, features=np.arange(6.0).reshape(3, 2), labels=np.array([0, 1, 1]))
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        arrays = npz.read(path)
    except DataError:
        return
    assert set(arrays) <= {"features", "labels"} or len(arrays) <= 2
