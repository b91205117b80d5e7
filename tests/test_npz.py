"""Archives of arrays whose directory is damaged."""

import io

import numpy as np
import pytest

from spicesnn import npz
from spicesnn.errors import DataError


def test_arrays_that_a_damaged_directory_hides_are_missed(tmp_path):
    """A comment that claims to be longer than it is swallows the entries after it, and zipfile says
    nothing."""
    file = io.BytesIO()
    np.savez(file, first=np.arange(3), second=np.arange(4), third=np.arange(5))
    content = bytearray(file.getvalue())
    entry = content.index(b"PK\x01\x02")
    content[entry + 32 : entry + 34] = (0xF00).to_bytes(2, "little")
    (tmp_path / "hidden.npz").write_bytes(content)
    with pytest.raises(DataError, match="of its 3 arrays 1 can be found"):
        npz.read(tmp_path / "hidden.npz")
    (tmp_path / "sound.npz").write_bytes(file.getvalue())
    assert list(npz.read(tmp_path / "sound.npz")) == ["first", "second", "third"]
