import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spicesnn.datasets import images
from spicesnn.errors import InputError


def test_area_keeps_the_mean_and_blocks_exactly():
    rng = np.random.default_rng(1)
    pictures = rng.random((4, 28, 28))
    np.testing.assert_allclose(
        images.resize(pictures, 10, 10).mean(axis=(1, 2)), pictures.mean(axis=(1, 2)), rtol=1e-12
    )
    blocks = pictures.reshape(4, 14, 2, 14, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(images.resize(pictures, 14, 14), blocks, rtol=1e-12)


def test_bicubic_agrees_with_an_independent_implementation_away_from_the_clip():
    rng = np.random.default_rng(2)
    picture = rng.random((28, 28)) * 100 + 50
    other = np.array(
        Image.fromarray(picture.astype(np.float32)).resize((10, 10), Image.Resampling.BICUBIC)
    )
    np.testing.assert_allclose(images.resize(picture, 10, 10, "bicubic"), other, rtol=2e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(images.METHODS), st.floats(-5, 5))
def test_a_constant_image_stays_constant(source, target, method, level):
    np.testing.assert_allclose(
        images.resize(np.full((source, source), level), target, target, method), level, atol=1e-12
    )


def test_grey_levels_lie_between_paper_and_ink():
    small = images.to_10x10(np.array([np.zeros((28, 28)), np.full((28, 28), 255)], dtype=np.uint8))
    assert small.shape == (2, 10, 10)
    assert (small[0].max(), small[1].min()) == (0.0, pytest.approx(1.0, abs=1e-15))


def test_binarise_marks_what_is_above_the_twentieth_largest():
    grey = np.random.default_rng(3).permutation(100).reshape(1, 10, 10)
    black = images.binarise(grey)
    assert black.sum() == 19
    np.testing.assert_array_equal(black[0] == 1, grey[0] > 80)


def test_ties_at_the_threshold_give_fewer_ones_never_more():
    grey = np.zeros((1, 10, 10))
    grey[0, :3] = 1.0
    assert images.binarise(grey).sum() == 0
    assert images.binarise(grey, ones=30).sum() == 30


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: images.resize(np.zeros(4), 2, 2), r"shape \(4,\)"),
        (lambda: images.resize(np.zeros((4, 4)), 0, 2), "1 pixel or more"),
        (lambda: images.resize(np.zeros((4, 4)), 2, 2, "nearest"), "there are: area, bicubic"),
        (lambda: images.binarise(np.zeros((4, 4)), ones=16), "expected 1 to 15"),
    ],
)
def test_bad_input_says_what_was_expected(call, message):
    with pytest.raises(InputError, match=message):
        call()
