import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicesnn.crossbar.tiles import Tiling
from spicesnn.errors import InputError

sizes = st.integers(1, 60)


@given(shape=st.tuples(sizes, sizes), tile=st.tuples(st.integers(0, 40), st.integers(0, 40)))
def test_tiles_cover_every_cell_once_and_are_no_larger_than_asked(shape, tile):
    tiling = Tiling(rows=tile[0], cols=tile[1])
    seen = np.zeros(shape, dtype=int)
    parts = list(tiling.parts(shape))
    for part in parts:
        assert seen[part].shape[0] <= (tile[0] or shape[0])
        assert seen[part].shape[1] <= (tile[1] or shape[1])
        seen[part] += 1
    assert np.all(seen == 1)
    assert len(parts) == tiling.count(shape)


def test_mnist_in_tiles_of_128():
    assert Tiling().count((785, 1024)) == 7 * 8


def test_negative_tiles_are_refused():
    with pytest.raises(InputError, match="-1 × 4"):
        Tiling(rows=-1, cols=4)
