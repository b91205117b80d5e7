"""Wires in the training loop against the nodal engine: what is read, how stale it may be, what
pulses do."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spicesnn as sn
from spicesnn.crossbar.tiles import Tiling
from spicesnn.engines.tiled.exact import tiles
from spicesnn.engines.tiled.incremental import keep_fresh, note, reset_row, set_column
from spicesnn.engines.tiled.sweeps import factor_bits, factor_words, solve_row, solve_tile
from spicesnn.engines.tiled.wiring import Wiring
from spicesnn.errors import InputError
from spicesnn.programming.line_pulses import line_pulses
from spicesnn.programming.pulse_map import PulseMap, PulseScheme

G_ONE = 1.49301e-4
SCHEME = PulseScheme(
    set_s=10e-9, reset_s=1e-9, set_volts=(0.8, 2.2), reset_volts=(0.8, 2.5), g_one=G_ONE
)
GRID = np.linspace(0, 1, 257) ** 2
TRACE = np.exp(-np.arange(240) / 40.0)[:, None]
WANTED = 0.02 * TRACE * (1 - GRID), -2e-4 * TRACE * GRID
"""What STDP by traces asks for, by lag and weight."""


def weights(rows, cols, seed=0):
    return (np.random.default_rng(seed).random((rows, cols)) ** 3 * 0.9 + 0.003).astype(np.float32)


def wiring(ohm=1.0, **changes):
    wires = sn.Wires(word_line_ohm=ohm, bit_line_ohm=ohm, driver_ohm=5.0, sense_ohm=3.0)
    return Wiring(wires=wires, tiling=Tiling(rows=20, cols=12), g_one=G_ONE, **changes)


def exact(setup, weight):
    """Effective conductances over that of weight 1, by the nodal engine."""
    cells = setup.g_one * (weight.astype(float) + setup.base)
    siemens = np.empty(cells.shape)
    for place, tile in tiles(cells, setup.wires, setup.tiling):
        siemens[place] = sn.NodalEngine().effective_conductance(tile)
    return (siemens / setup.g_one - setup.base).astype(np.float32)


class Tile:
    """One tile set up for the sweeps, and the same for the engine."""

    def __init__(self, rows, cols, ohm):
        self.cells, self.wires = weights(rows, cols), wiring(ohm).segments()
        self.turned = np.ascontiguousarray(self.cells.T)
        self.word_factor, self.bit_factor, self.ohm, self.open_share = (
            np.empty_like(a) for a in (self.turned, self.cells, self.cells, self.cells)
        )
        factor_words(self.turned, self.wires.word, self.wires.driver, self.word_factor)
        factor_bits(
            self.cells, self.wires.bit, self.wires.sense, self.bit_factor, self.ohm, self.open_share
        )
        self.array = sn.Crossbar(
            conductance=G_ONE * self.cells.astype(float), wires=wiring(ohm).wires
        )

    def solve(self, drive, sense, tolerance=1e-6):
        word, bit, scratch, before = (
            np.empty_like(self.turned),
            np.empty_like(self.cells),
            np.empty_like(self.cells),
            np.empty_like(self.turned),
        )
        left = solve_tile(
            self.cells,
            self.turned,
            self.word_factor,
            self.bit_factor,
            self.wires,
            drive.astype(np.float32),
            sense.astype(np.float32),
            tolerance,
            word,
            bit,
            scratch,
            before,
        )
        return left, word.T, bit


@given(
    rows=st.integers(2, 40),
    cols=st.integers(2, 40),
    ohm=st.sampled_from([0.1, 1.0, 10.0]),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=15, deadline=None)
def test_sweeps_agree_with_the_engine(rows, cols, ohm, seed):
    rng = np.random.default_rng(seed)
    tile, drive, sense = Tile(rows, cols, ohm), rng.uniform(-1, 1, rows), rng.uniform(-1, 1, cols)
    left, word, bit = tile.solve(drive, sense)
    read = sn.NodalEngine().read(tile.array, drive, column_volts=sense)
    assert 0 <= left <= 1e-6
    np.testing.assert_allclose(word, read.word_line_volts, atol=5e-6)
    np.testing.assert_allclose(bit, read.bit_line_volts, atol=5e-6)


def test_a_driven_word_line_is_right_to_a_product_of_two_drops():
    """One line alone: 128×100 cells with 1 Ω; the error is far below the drop, and falls with the
    square of the resistance."""
    errors = []
    for ohm in (1.0, 0.25):
        tile = Tile(128, 100, ohm)
        sense, drive = np.zeros(100, np.float32), np.zeros(128)
        sense[[10, 55, 90]], drive[70] = (0.5, 0.6, 0.7), -0.7
        volts, work = np.empty(100, np.float32), np.empty((3, 100), np.float32)
        amps = solve_row(
            tile.cells[70],
            tile.ohm[70],
            tile.open_share[70],
            tile.wires,
            np.float32(-0.7),
            sense,
            volts,
            work,
        )
        read = sn.NodalEngine().read(tile.array, drive, column_volts=sense.astype(float))
        errors.append(np.abs(volts - read.cell_volts[70])[[10, 55, 90]].max())
        assert amps * G_ONE == pytest.approx(read.row_amps[70], rel=2e-2)
    assert errors[0] < 5e-3
    assert errors[1] < 0.2 * errors[0]


def moved(wired, read_weight, rng, count):
    """Change cells at random, as learning does."""
    rows, cols = wired.cells.shape
    for _ in range(count):
        i, j = int(rng.integers(rows)), int(rng.integers(cols))
        note(wired, read_weight, i, j, np.float32(rng.uniform(0.05, 0.5) - wired.cells[i, j]))


@pytest.mark.parametrize("ohm", [1.0, 10.0])
def test_what_is_read_is_never_staler_than_its_bound(ohm):
    """At the worst inputs (0 or 1 V on each row) no column's current is wrong by more than is
    counted; far less than the change itself."""
    start, rng = weights(48, 20), np.random.default_rng(1)
    settings_ = wiring(ohm, read_tolerance=0.05, solve_tolerance=1e-6)
    wired, read_weight = settings_.fresh(start, 12.0), np.zeros((48, 20), np.float32)
    keep_fresh(wired, read_weight)
    np.testing.assert_allclose(read_weight, exact(settings_, start), rtol=2e-4, atol=1e-6)
    for _ in range(6):
        moved(wired, read_weight, rng, 25)
        error = read_weight.astype(float) - exact(settings_, wired.cells)
        for k, first in enumerate(range(0, 48, 20)):
            part = error[first : first + 20]
            worst = np.maximum(np.maximum(part, 0).sum(axis=0), np.maximum(-part, 0).sum(axis=0))
            assert np.all(worst <= wired.stale[k] + 1e-5)
            assert np.median(worst / wired.stale[k]) > 0.01  # a bound, and not a fantasy
    keep_fresh(wired, read_weight)
    assert wired.stale.max() <= wired.limit
    total = np.abs(read_weight.astype(float) - exact(settings_, wired.cells)).sum(axis=0)
    assert np.all(total <= 2 * 0.05 * 12.0)


@pytest.fixture(scope="module")
def pulses():
    device, engine = sn.devices.PowerLaw(), sn.NodalEngine()
    maps = (
        PulseMap.solved(device, engine, SCHEME, up=True),
        PulseMap.solved(device, engine, SCHEME, up=False),
    )
    return device, maps, line_pulses(SCHEME, *maps, *WANTED)


def test_a_set_pulse_acts_at_the_volts_that_the_solved_array_gives(pulses):
    """Rebuilt with the engine: tile, V/2 scheme, volts across the selected cells, and what the
    device does there in closed form."""
    device, _, made = pulses
    weight, neuron, fired = weights(48, 20), 7, np.arange(2, 18, dtype=np.int32)
    last = np.full(48, -1, np.int32)
    last[fired] = 100 - fired
    setup = wiring(1.0, pulses=made)
    wired, read_weight, after = (
        setup.fresh(weight, 12.0),
        np.zeros((48, 20), np.float32),
        weight.copy(),
    )
    set_column(wired, after, read_weight, neuron, 100, fired, fired.size, last)
    place = np.sqrt(weight[fired, neuron]) * (made.volts_up.shape[1] - 1)
    nominal = np.array(
        [
            np.interp(p, np.arange(made.volts_up.shape[1]), made.volts_up[i])
            for i, p in zip(fired, place, strict=True)
        ]
    )
    drive, sense = np.zeros(20), np.zeros(12)
    drive[fired], sense[neuron] = nominal - nominal.max() / 2, -nominal.max() / 2
    tile = sn.Crossbar(conductance=G_ONE * weight[:20, :12].astype(float), wires=setup.wires)
    read = sn.NodalEngine().read(tile, drive, column_volts=sense)
    volts = read.cell_volts[fired, neuron]
    assert np.all(volts < nominal - 1e-3)  # the wires take their share
    before = weight[fired, neuron].astype(float)
    expected = 1 / (1 / before - device.k_set * volts**device.n_set) - before
    np.testing.assert_allclose(after[fired, neuron] - before, expected, rtol=0.05)
    ideal = 1 / (1 / before - device.k_set * nominal**device.n_set) - before
    assert np.all(expected < 0.9 * ideal)
    assert wired.tally[:2].tolist() == [1, 0]  # one tile has all the pulses
    # What all drivers deliver, for as long as a set pulse lasts
    assert wired.tally[3] == pytest.approx(float(read.power_watt()) * SCHEME.set_s, rel=1e-3, abs=0)


def test_a_reset_pulse_acts_at_the_volts_that_the_solved_array_gives(pulses):
    device, _, made = pulses
    weight, fired, last = (
        np.maximum(weights(48, 20), 0.02),
        np.array([3, 8], np.int32),
        np.full(20, 95, np.int32),
    )
    setup = wiring(1.0, pulses=made)
    wired, read_weight, after = (
        setup.fresh(weight, 12.0),
        np.zeros((48, 20), np.float32),
        weight.copy(),
    )
    keep_fresh(wired, read_weight)
    sums = weight.sum(axis=0, dtype=float)
    reset_row(wired, after, read_weight, sums, 30, 100, fired, 2, last)
    grid = np.arange(made.volts_down.shape[1])
    nominal = np.array(
        [np.interp(np.sqrt(weight[30, j]) * grid[-1], grid, made.volts_down[5]) for j in fired]
    )
    sense, drive = np.zeros(12), np.zeros(20)
    sense[fired], drive[10] = nominal - nominal.max() / 2, -nominal.max() / 2
    tile = sn.Crossbar(conductance=G_ONE * weight[20:40, :12].astype(float), wires=setup.wires)
    read = sn.NodalEngine().read(tile, drive, column_volts=sense)
    volts = -read.cell_volts[10, fired]
    before = weight[30, fired].astype(float)
    expected = 1 / (1 / before + device.k_reset * volts**device.n_reset) - before
    np.testing.assert_allclose(after[30, fired] - before, expected, rtol=0.05)
    np.testing.assert_allclose(sums, after.sum(axis=0), rtol=1e-5)
    assert wired.tally[:2].tolist() == [0, 1]  # a word line of one tile
    joule = float(read.power_watt()) * SCHEME.reset_s
    assert wired.tally[3] == pytest.approx(joule, rel=0.04, abs=0)  # one word line is solved anew


def test_a_device_that_half_the_voltage_moves_is_refused(pulses):
    _, maps, _ = pulses
    shallow = [
        replace(m, change=np.sign(m.change) * np.maximum(np.abs(m.change), 1e-4)) for m in maps
    ]
    with pytest.raises(InputError, match="half-selected"):
        line_pulses(SCHEME, *shallow, *WANTED)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Wiring(wires=sn.Wires.ideal(), tiling=Tiling(), g_one=G_ONE), "above 0 Ω"),
        (
            lambda: Wiring(wires=sn.Wires(double_sided=True), tiling=Tiling(), g_one=G_ONE),
            "driven at column 0 and sensed at the last row",
        ),
        (
            lambda: Wiring(wires=sn.Wires(driver_ohm=np.ones(3)), tiling=Tiling(), g_one=G_ONE),
            "one resistance of each kind for all lines",
        ),
        (lambda: wiring(read_tolerance=0.0), "read_tolerance"),
    ],
)
def test_what_cannot_be_wired_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_cells_of_weight_zero_conduct_and_a_reference_takes_that_off():
    """The same array, said with and without what its lowest conductance is."""
    start, base = weights(48, 20), 0.1
    plain, offset = (wiring(base=b, solve_tolerance=1e-6) for b in (0.0, base))
    reads = []
    for setup, weight in ((plain, start + np.float32(base)), (offset, start)):
        wired, read_weight = setup.fresh(weight, 12.0), np.zeros((48, 20), np.float32)
        keep_fresh(wired, read_weight)
        np.testing.assert_allclose(read_weight, exact(setup, weight), rtol=2e-4, atol=1e-5)
        reads.append(read_weight)
    np.testing.assert_allclose(reads[1], reads[0] - base, atol=1e-6)
