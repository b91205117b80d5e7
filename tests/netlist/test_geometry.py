"""The order in which cells are written into a deck."""

import numpy as np
import pytest

from spicesnn.netlist.geometry import dissected


def parted(place):
    """Return whether the cells that come last are a line through the block, with the rest parted
    likewise on either side."""
    rows, cols = place.shape
    if max(rows, cols) <= 2 or min(rows, cols) == 0:
        return True
    axis = 0 if rows >= cols else 1
    middle = place.shape[axis] // 2
    before, line, after = np.split(place, [middle, middle + 1], axis=axis)
    return (
        line.min() > max(before.max(initial=-1), after.max(initial=-1))
        and parted(before)
        and parted(after)
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 5), (16, 16), (7, 20), (33, 12)])
def test_every_cell_has_a_place_of_its_own_and_lines_come_after_the_halves_they_part(shape):
    place = dissected(*shape)
    np.testing.assert_array_equal(np.sort(place, axis=None), np.arange(place.size))
    assert parted(place)
