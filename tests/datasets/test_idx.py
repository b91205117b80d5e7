import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spicesnn.datasets import idx
from spicesnn.errors import DataError


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(
        dtype=st.sampled_from([np.uint8, np.int16, np.int32, np.float64]),
        shape=hnp.array_shapes(max_dims=4, max_side=5),
    )
)
def test_what_is_written_is_read_back(array):
    again = idx.parse(idx.render(array))
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)


def test_plain_and_gzip_files_read_alike_whatever_the_suffix(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "plain").write_bytes(idx.render(array))
    (tmp_path / "packed").write_bytes(gzip.compress(idx.render(array)))
    np.testing.assert_array_equal(idx.read(tmp_path / "plain"), array)
    np.testing.assert_array_equal(idx.read(tmp_path / "packed"), array)


def test_the_header_is_the_published_one():
    assert (
        idx.render(np.zeros((60000, 28, 28), dtype=np.uint8))[:16].hex()
        == "00000803" + "0000ea60" + "0000001c" + "0000001c"
    )


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40) | st.binary(max_size=40).map(lambda b: b"\x00\x00\x08\x02" + b))
def test_any_bytes_are_an_array_or_a_data_error(content):
    try:
        array = idx.parse(content)
    except DataError:
        return
    assert idx.render(array)[4:] == content[4:]


def test_a_truncated_file_says_what_its_header_promised(tmp_path):
    (tmp_path / "short").write_bytes(idx.render(np.zeros((2, 3), dtype=np.uint8))[:-1])
    with pytest.raises(DataError, match=r"header promises \(2, 3\), 6 bytes, and 5 are there"):
        idx.read(tmp_path / "short")


def test_a_header_cannot_ask_for_memory():
    with pytest.raises(DataError, match="damaged"):
        idx.parse(b"\x00\x00\x0e\x04" + b"\xff" * 16)


def test_a_damaged_gzip_and_an_absent_file_are_data_errors(tmp_path):
    (tmp_path / "bad.gz").write_bytes(gzip.compress(b"x" * 1000)[:-12])
    with pytest.raises(DataError, match="damaged gzip"):
        idx.read(tmp_path / "bad.gz")
    with pytest.raises(DataError, match="there is no file"):
        idx.read(tmp_path / "absent")


def test_an_array_without_an_idx_form_is_refused():
    with pytest.raises(DataError, match="no IDX form"):
        idx.render(np.zeros(3, dtype=complex))
