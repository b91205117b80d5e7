"""What is said of a file that is no HDF5 file."""

import pytest

from spicesnn import hdf5
from spicesnn.errors import DataError


def test_the_library_s_own_reason_is_repeated_by_its_first_line(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "bad.h5"
    path.write_bytes(b"no such thing" * 100)
    with pytest.raises(OSError) as reason, h5py.File(path):
        pass
    with pytest.raises(DataError) as error:
        hdf5.check(path)
    first = str(reason.value).splitlines()[0][:160]
    assert str(error.value) == f"{path} is not a sound HDF5 file ({first})"
    assert "\n" not in str(error.value)
