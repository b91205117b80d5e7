import numpy as np
import pytest

from spicesnn.errors import InputError
from spicesnn.learning.deformation import Deformation


def test_a_shift_moves_pixels_and_nothing_else():
    image = np.zeros((1, 64), np.uint8)
    image[0, 27] = 255
    moved = (
        Deformation(shift_pixels=1.5)
        .applied(np.repeat(image, 200, axis=0), (8, 8), np.random.default_rng(8))
        .reshape(-1, 8, 8)
    )
    np.testing.assert_allclose(moved.sum(axis=(1, 2)), 1.0, rtol=1e-4)
    rows, cols = np.indices((8, 8))
    centre = np.stack(
        [(moved * rows).sum(axis=(1, 2)), (moved * cols).sum(axis=(1, 2))], axis=1
    ) - [3, 3]
    assert np.abs(centre).max() <= 1.5 + 1e-4
    assert np.abs(centre).max() > 1.3


def test_a_turn_keeps_the_centre_and_moves_the_rim():
    image = np.zeros((5, 81), np.uint8)
    image[:, 40], image[:, 44] = 255, 255
    turned = (
        Deformation(turn_degrees=60.0)
        .applied(image, (9, 9), np.random.default_rng(9))
        .reshape(5, 9, 9)
    )
    np.testing.assert_allclose(turned[:, 4, 4], 1.0, atol=1e-4)
    assert turned[:, 4, 8].min() < 0.5


def test_without_deformation_images_stay_as_they_are():
    images = np.random.default_rng(10).integers(0, 256, (3, 16)).astype(np.uint8)
    np.testing.assert_allclose(
        Deformation().applied(images, (4, 4), np.random.default_rng(0)) * 255, images, rtol=1e-6
    )


def test_an_angle_that_cannot_be_is_refused():
    with pytest.raises(InputError, match=r"turn_degrees = 120\.0"):
        Deformation(turn_degrees=120.0)
