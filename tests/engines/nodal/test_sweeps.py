"""Reads of every size at which the sweeps choose another way, against Kirchhoff's law written out
anew from the node voltages."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from spicesnn import Crossbar, NodalEngine, Wires
from spicesnn.engines.nodal.bit_sweeps import IN_CACHE
from spicesnn.engines.nodal.lines import padded, stride_of

SHAPES = [(8, 8), (9, 7), (64, 64), (70, 25), (33, 129), (330, 312)]


def left_over(siemens: np.ndarray, read: object, volts: np.ndarray, ohm: tuple[float, float]):
    """Return the net current into every word-line and bit-line node, ampere."""
    word, bit = read.word_line_volts, read.bit_line_volts
    through = siemens * (word - bit)
    along = np.diff(np.concatenate([volts[:, None], word], axis=1), axis=1) / ohm[0]
    beyond = np.concatenate([along[:, 1:], np.zeros((len(word), 1))], axis=1)
    down = np.diff(np.concatenate([bit, np.zeros((1, bit.shape[1]))]), axis=0) / ohm[1]
    above = np.concatenate([np.zeros((1, bit.shape[1])), down[:-1]])
    return beyond - along - through, down - above + through, through


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ohm", [(1.0, 1.0), (2.5, 0.4)])
def test_kirchhoffs_law_holds_at_every_node(
    shape: tuple[int, int], ohm: tuple[float, float]
) -> None:
    rng = np.random.default_rng([*shape, 5])
    siemens, volts = 10 ** rng.uniform(-6, -4, shape), rng.uniform(0.1, 1, shape[0])
    read = NodalEngine().read(Crossbar(siemens, Wires(*ohm)), volts)
    at_words, at_bits, through = left_over(siemens, read, volts, ohm)
    all_amps = np.abs(through).sum()
    assert np.abs(at_words).sum() + np.abs(at_bits).sum() <= 1e-10 * all_amps
    np.testing.assert_allclose(read.column_amps, through.sum(axis=0), rtol=1e-10)
    np.testing.assert_allclose(read.row_amps, through.sum(axis=1), rtol=1e-10)
    most = max(np.abs(at_words).max(), np.abs(at_bits).max())
    np.testing.assert_allclose(read.residual_amps, most, rtol=0.5, atol=1e-15)


def test_the_shapes_lie_on_both_sides_of_the_choice() -> None:
    sizes = [padded(rows) * stride_of(cols) for rows, cols in SHAPES]
    assert min(sizes) < IN_CACHE < max(sizes)


def test_wires_are_known_by_their_numbers_after_copies_and_pickles() -> None:
    for wires in (Wires(1.0, 2.0), Wires(np.array([1.0, 2.0]), 1.0, sense_side="top")):
        for same in (copy.copy(wires), copy.deepcopy(wires), pickle.loads(pickle.dumps(wires))):
            assert same == wires
            assert hash(same) == hash(wires)
    assert Wires(1.0, 2.0) != "wires"
    assert Wires(1.0, 1.0, double_sided=True) != Wires(1.0, 1.0)
    assert Wires(1.0, 1.0, sense_side="bottom") == Wires(1.0, 1.0)
