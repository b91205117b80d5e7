"""A layer in tiles against its tiles one by one."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.tiles import Tiling
from spicesnn.engines.tiled.exact import tiles
from spicesnn.errors import InputError

WIRES = sn.Wires(word_line_ohm=20.0, bit_line_ohm=10.0)


def layer(rows=7, cols=5):
    return np.random.default_rng(3).uniform(1e-5, 1e-4, (rows, cols))


def test_tiles_cover_the_layer_and_each_has_its_own_wires():
    siemens, found = layer(), np.zeros((7, 5), int)
    for (rows, cols), tile in tiles(siemens, WIRES, Tiling(rows=3, cols=2)):
        found[rows, cols] += 1
        assert tile.wires is WIRES
        np.testing.assert_array_equal(tile.conductance, siemens[rows, cols])
    assert (found == 1).all()


def test_effective_conductances_are_what_unit_reads_of_each_tile_give():
    siemens, engine = layer(), sn.NodalEngine()
    for (rows, cols), tile in tiles(siemens, WIRES, Tiling(rows=4, cols=3)):
        found = engine.effective_conductance(tile)
        read = engine.read(tile, np.eye(len(siemens[rows, cols])))
        np.testing.assert_allclose(found, read.column_amps, rtol=1e-9)
        assert (found < siemens[rows, cols]).all()


def test_every_engine_has_effective_conductances_and_ngspices_are_the_nodal_ones():
    array = sn.Crossbar(conductance=layer(3, 2), wires=WIRES)
    with sn.NgspiceEngine() as ngspice:
        np.testing.assert_allclose(
            ngspice.effective_conductance(array),
            sn.NodalEngine().effective_conductance(array),
            rtol=1e-6,
        )
        cells = sn.Crossbar(
            device=sn.devices.registry.make("pai-yu-chen"), state=np.full((2, 2), 0.3e-9)
        )
        with pytest.raises(InputError, match="proportional to their voltage"):
            ngspice.effective_conductance(cells)
