"""Synapses: one contract for all kinds, held against the engines and against what each kind is made
of."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.faults import Endurance
from spicesnn.crossbar.noise import CycleToCycle, ReadNoise
from spicesnn.crossbar.published import PublishedCells
from spicesnn.devices.variability import LogNormal
from spicesnn.errors import InputError
from spicesnn.learning.spikes import design
from spicesnn.networks.synapses import Ideal, Levels, PulseMap, Signs, Solved, Spikes, Wanted
from spicesnn.programming.pulse_map import StrongestPulses

DEVICE = sn.devices.VTEAM(
    r_on=1e4,
    r_off=1e5,
    v_on=-0.8,
    v_off=0.8,
    k_on=-2.4e-7,
    k_off=2.4e-7,
    alpha_on=1.0,
    alpha_off=1.0,
)
"""10 to 100 µS; 1.3 V for 500 µs move the resistance by a 40th of its range, half of it is below
the thresholds."""
PULSES = StrongestPulses(set_volts=1.3, reset_volts=1.3, set_s=500e-6, reset_s=500e-6)
KINDS = (Ideal, Levels, PulseMap, Solved)


def kind_of(kind, **hardware):
    given = {"pulses": PULSES} if kind in (PulseMap, Solved) else {}
    return kind(hardware=sn.Hardware(**{"device": DEVICE, **hardware}), **given)


def weights_of(rng, shape, columns):
    return rng.uniform(0 if columns == "single" else -1, 1, shape)


@pytest.mark.parametrize("columns", ["differential", "single", "offset"])
@pytest.mark.parametrize("kind", [Ideal, PulseMap, Solved])
def test_ideal_wires_multiply(kind, columns):
    rng = np.random.default_rng(1)
    weights = weights_of(rng, (7, 5), columns)
    cells = kind_of(kind, columns=columns).made(weights, rng, largest=1.0)
    x = rng.random((6, 7))
    found, joule = cells.product(x)
    assert found == pytest.approx(x @ weights, abs=1e-6)
    assert cells.weights == pytest.approx(weights, abs=1e-6)
    assert joule > 0
    assert cells.drive(x[0]) == pytest.approx(cells.drive(x)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_wired_tiles_read_as_the_engine_solves_them(kind):
    rng = np.random.default_rng(2)
    wires = sn.Wires(2.0, 3.0, 10.0, 5.0)
    cells = kind_of(kind, wires=wires, tile=(8, 6)).made(
        rng.uniform(-1, 1, (19, 7)), rng, largest=1.0
    )
    x = rng.random((4, 19))
    engine, total = sn.NodalEngine(), np.zeros((4, 14))
    tiles = iter(cells.tiles())
    for rows in (slice(0, 8), slice(8, 16), slice(16, 19)):
        for columns in (slice(0, 6), slice(6, 12), slice(12, 14)):
            total[:, columns] += engine.read(next(tiles), 0.2 * x[:, rows]).column_amps
    assert cells.drive(x) == pytest.approx(total[:, 0::2] - total[:, 1::2], rel=1e-7, abs=1e-12)


def test_every_tile_of_offset_columns_has_a_reference_line_and_reads_as_ngspice_does():
    """Tiles of 4×4: three weights beside a reference in the middle of the window, its last line."""
    rng, wires = np.random.default_rng(0), sn.Wires(30.0, 20.0, 50.0)
    weights = rng.uniform(-1, 1, (6, 5))
    kind = kind_of(Ideal, columns="offset", wires=wires, tile=(4, 4))
    cells = kind.made(weights, rng, largest=1.0)
    assert cells.array.shape == (6, 7)
    assert (cells.rows, cells.outputs) == (6, 5)
    window = kind.hardware.used_window()
    middle, found = 0.5 * (window.low + window.high), np.empty_like(weights)
    for rows in (slice(0, 4), slice(4, 6)):
        for outputs in (slice(0, 3), slice(3, 5)):
            beside = window.at(0.5 + 0.5 * weights[rows, outputs])
            tile = np.concatenate([beside, np.full((len(beside), 1), middle)], axis=1)
            with sn.NgspiceEngine() as engine:
                amps = engine.read(
                    sn.Crossbar(conductance=tile, wires=wires), np.eye(len(beside))
                ).column_amps
            found[rows, outputs] = 2 / window.span * (amps[:, :-1] - amps[:, -1:])
    np.testing.assert_allclose(cells.read_weights, found, atol=2e-6)
    assert np.max(np.abs(cells.read_weights - weights)) > 0.01
    np.testing.assert_allclose(cells.product(np.eye(6))[0], cells.read_weights, atol=1e-12)


@pytest.mark.parametrize("kind", [Ideal, Levels, PulseMap])
def test_reference_lines_work_whatever_is_wrong_with_the_cells(kind):
    flaws = sn.Imperfections(stuck_on=0.3, stuck_off=0.3)
    rng = np.random.default_rng(1)
    kind = kind_of(kind, columns="offset", tile=(20, 4), imperfections=flaws)
    cells = kind.made(rng.uniform(-1, 1, (20, 8)), rng, largest=1.0)
    window, references = kind.hardware.used_window(), [3, 7, 10]
    middle = pytest.approx(0.5 * (window.low + window.high), rel=1e-12)
    assert cells.siemens[:, references] == middle
    assert 0.4 < np.delete(cells.array.stuck, references, axis=1).mean() < 0.8
    after = cells.apply(Wanted(steps=np.full((20, 8), 0.3)), rng)
    assert after.siemens[:, references] == middle
    assert not after.wear[:, references].any()


def test_cells_are_stuck_on_the_word_lines_where_they_may_be():
    flaws, rows = sn.Imperfections(stuck_on=0.5), np.arange(30) < 10
    for kind in (Ideal, PulseMap, Solved):
        cells = kind_of(kind, columns="single", imperfections=flaws).made(
            np.full((30, 9), 0.2), np.random.default_rng(2), largest=1.0, may_stick=rows
        )
        assert 0.3 < cells.array.stuck[rows].mean() < 0.7
        assert not cells.array.stuck[~rows].any()


@pytest.mark.parametrize("kind", [Ideal, PulseMap])
def test_the_effect_of_pulses_varies_from_cell_to_cell_and_stays_with_it(kind):
    hardware = sn.Hardware(device=DEVICE, columns="single")
    given = {"pulses": PULSES} if kind is PulseMap else {}
    cells = kind(hardware=hardware, pulse_spread=0.3, **given).made(
        np.full((60, 50), 0.3), np.random.default_rng(3), largest=1.0
    )
    steps = []
    for _ in range(2):
        after = cells.apply(Wanted(steps=np.full((60, 50), 0.001)), np.random.default_rng(4))
        steps.append(after.weights - cells.weights)
        cells = after
    np.testing.assert_allclose(steps[0], steps[1], rtol=1e-6)
    logarithm = np.log(steps[0] / 0.001)
    assert logarithm.mean() == pytest.approx(0.0, abs=0.03)
    assert logarithm.std() == pytest.approx(0.3, rel=0.05)
    with pytest.raises(InputError, match="pulse_spread is -1"):
        kind(hardware=hardware, pulse_spread=-1, **given)


def test_energy_of_a_read_is_what_the_engine_says():
    rng = np.random.default_rng(3)
    weights, x = rng.uniform(-1, 1, (6, 4)), np.ones((3, 6))
    for wires in (sn.Wires.ideal(), sn.Wires(1.0, 1.0)):
        tabled = kind_of(PulseMap, wires=wires).made(weights, rng, largest=1.0).read(x).joule
        solved = kind_of(Solved, wires=wires).made(weights, rng, largest=1.0).read(x).joule
        assert tabled == pytest.approx(solved, rel=1e-6)


@pytest.mark.parametrize("columns", ["differential", "single"])
@pytest.mark.parametrize("kind", [Ideal, PulseMap])
def test_wanted_changes_arrive_and_nothing_else_moves(kind, columns):
    rng = np.random.default_rng(4)
    cells = kind_of(kind, columns=columns).made(rng.uniform(0.3, 0.6, (6, 4)), rng, largest=1.0)
    limit = 1e-3
    steps = np.zeros((6, 4))
    steps[2, 1], steps[5, 3] = limit, -limit
    after = cells.apply(Wanted(steps=steps), rng)
    assert after.weights - cells.weights == pytest.approx(steps, abs=1e-9)
    assert (after.wear > 0).sum() == (
        3 if columns == "differential" else 2
    )  # the raised pair had no room below
    some = cells.apply(Wanted(steps=steps[:, [1, 3]], outputs=np.array([1, 3])), rng)
    assert some.weights == pytest.approx(after.weights, abs=1e-12)
    assert np.all(cells.wear == 0)


def test_the_map_of_a_pulse_is_what_the_engine_does_on_ideal_wires():
    rng = np.random.default_rng(5)
    weights = rng.uniform(0.2, 0.8, (4, 3))
    signs = rng.integers(-1, 2, (4, 3)).astype(np.int8)
    tabled = (
        kind_of(PulseMap, columns="single")
        .made(weights, rng, largest=1.0)
        .apply(Signs(signs=signs), rng)
    )
    solved = (
        kind_of(Solved, columns="single")
        .made(weights, rng, largest=1.0)
        .apply(Signs(signs=signs), rng)
    )
    assert np.abs(solved.weights - weights).max() > 1e-3
    assert tabled.weights == pytest.approx(solved.weights, abs=3e-4)
    assert np.array_equal(tabled.wear, solved.wear)
    assert (
        0 < tabled.energy.write_joule < solved.energy.write_joule
    )  # half-selected cells take their share


def test_energy_of_a_pulse_on_one_cell_is_what_the_engine_says():
    rng = np.random.default_rng(5)
    for sign in (1, -1):
        update = Signs(signs=np.array([[sign]], dtype=np.int8))
        cells = [
            kind_of(kind, columns="single").made([[0.5]], rng, largest=1.0).apply(update, rng)
            for kind in (PulseMap, Solved)
        ]
        assert cells[0].energy.write_joule == pytest.approx(cells[1].energy.write_joule, rel=0.01)


def test_levels_move_by_one_level_and_stay_on_levels():
    rng = np.random.default_rng(6)
    kind = Levels(hardware=sn.Hardware(device=DEVICE, columns="single"), levels=5)
    cells = kind.made(np.array([[0.0, 0.25], [0.5, 1.0]]), rng, largest=1.0)
    after = cells.apply(Signs(signs=np.array([[1, -1], [1, 1]], dtype=np.int8)), rng)
    assert after.weights == pytest.approx(np.array([[0.25, 0.0], [0.75, 1.0]]), abs=1e-9)
    many = [
        cells.apply(Wanted(steps=np.full((2, 2), 0.05)), rng).weights[1, 0] for _ in range(2000)
    ]
    assert set(np.round(many, 6)) == {0.5, 0.75}
    assert np.mean(many) == pytest.approx(0.55, abs=0.012)


@pytest.mark.parametrize("kind", KINDS)
def test_stuck_cells_never_move(kind):
    rng = np.random.default_rng(7)
    flaws = sn.Imperfections(stuck_on=0.3, stuck_off=0.3)
    cells = kind_of(kind, columns="single", imperfections=flaws).made(
        np.full((6, 5), 0.5), rng, largest=1.0
    )
    after = cells.apply(Signs(signs=np.ones((6, 5), dtype=np.int8)), rng)
    stuck = cells.array.stuck
    assert 4 < stuck.sum() < 26
    assert np.array_equal(after.siemens[stuck], cells.siemens[stuck])
    assert np.all(after.siemens[~stuck] > cells.siemens[~stuck])


def test_cycle_to_cycle_variation_has_its_size():
    rng = np.random.default_rng(8)
    flaws = sn.Imperfections(cycle_to_cycle=CycleToCycle(relative=0.2))
    cells = kind_of(Ideal, columns="single", imperfections=flaws).made(
        np.full((50, 40), 0.5), rng, largest=1.0
    )
    moved = cells.apply(Wanted(steps=np.full((50, 40), 0.01)), rng).weights - 0.5
    assert moved.mean() == pytest.approx(0.01, rel=0.02)
    assert moved.std() == pytest.approx(0.002, rel=0.06)


def test_device_to_device_variation_spreads_what_a_pulse_does():
    rng = np.random.default_rng(9)
    flaws = sn.Imperfections(spread={"k_on": LogNormal(0.3)})
    cells = kind_of(PulseMap, columns="single", imperfections=flaws).made(
        np.full((20, 20), 0.5), rng, largest=1.0
    )
    moved = cells.apply(Signs(signs=np.ones((20, 20), dtype=np.int8)), rng).weights - 0.5
    assert len(np.unique(np.round(moved, 12))) == 16
    assert moved.std() / moved.mean() == pytest.approx(0.3, abs=0.15)
    with pytest.raises(InputError, match="no device, so k_on cannot differ"):
        kind_of(Ideal, imperfections=flaws)


def test_read_noise_has_its_size_and_needs_a_generator():
    rng = np.random.default_rng(10)
    flaws = sn.Imperfections(read_noise=ReadNoise(relative=0.1))
    cells = kind_of(Ideal, columns="single", imperfections=flaws).made(
        np.full((1, 1), 0.5), rng, largest=1.0
    )
    with pytest.raises(InputError, match="give rng"):
        cells.drive(np.ones(1))
    read = np.array([cells.drive(np.ones((500, 1)), rng)]).ravel()
    assert read.std() / read.mean() == pytest.approx(0.1, rel=0.12)


@pytest.mark.parametrize(("noise", "wanted"), [(None, 0.2), (0.1, np.sqrt(0.0504))])
def test_published_read_noise_is_in_the_reads(noise, wanted):
    """Alone and beside other read noise, on ideal wires, where normal columns could be drawn: two
    independent factors a cell have the variance a² + b² + a²·b²."""
    rng = np.random.default_rng(10)
    published = PublishedCells(
        name="scattering",
        reference="",
        lowest_siemens=0.0,
        highest_siemens=1.0,
        programming=np.zeros_like,
        read=lambda g, _: np.full_like(g, 0.2),
    )
    flaws = sn.Imperfections(published=published, read_noise=noise)
    cells = kind_of(Ideal, columns="single", imperfections=flaws, reads_alike=1).made(
        np.full((1, 1), 0.5), rng, largest=1.0
    )
    assert not cells.read_by_matrix(noisy=True)
    read = cells.drive(np.ones((1500, 1)), rng).ravel()
    assert read.std() / read.mean() == pytest.approx(wanted, rel=0.05)


def test_overlapping_spikes_on_a_map_are_those_of_the_engine():
    rng = np.random.default_rng(11)
    pair = design(DEVICE)
    apart = pair.pre.peak_s + 2 * pair.pre.edge_s
    rows, outputs = np.array([0.0, 2 * apart, np.nan, 0.0]), np.array([np.nan, apart, np.nan])
    weights = rng.uniform(0.2, 0.8, (4, 3))
    update = Spikes(row_s=rows, output_s=outputs, pair=pair)
    tabled = kind_of(PulseMap, columns="single").made(weights, rng, largest=1.0).apply(update, rng)
    solved = kind_of(Solved, columns="single").made(weights, rng, largest=1.0).apply(update, rng)
    change = solved.weights - weights
    assert change[0, 1] > 0.01
    assert change[1, 1] < -0.005
    assert np.abs(change[2, 0]) < 1e-6
    assert tabled.weights == pytest.approx(solved.weights, abs=2e-3)
    with pytest.raises(InputError, match="ideal synapses take no spikes"):
        kind_of(Ideal, columns="single").made(weights, rng).apply(update, rng)


def test_half_selected_cells_are_disturbed_only_where_pulses_are_solved():
    rng = np.random.default_rng(12)
    strong = StrongestPulses(set_volts=2.0, reset_volts=2.0, set_s=500e-6, reset_s=500e-6)
    hardware = sn.Hardware(device=DEVICE, columns="single")
    signs = np.zeros((3, 3), dtype=np.int8)
    signs[0, 0] = 1
    weights = np.full((3, 3), 0.5)
    kinds = [kind(hardware=hardware, pulses=strong) for kind in (PulseMap, Solved)]
    tabled, solved = (
        kind.made(weights, rng, largest=1.0).apply(Signs(signs=signs), rng).weights
        for kind in kinds
    )
    assert np.abs(tabled[0, 1:] - 0.5).max() == pytest.approx(0.0, abs=1e-9)
    assert np.abs(solved[0, 1:] - 0.5).min() > 1e-4
    assert np.abs(solved[1:, 1:] - 0.5).max() == pytest.approx(0.0, abs=1e-9)


def test_effective_conductances_are_solved_anew_when_cells_have_moved():
    rng = np.random.default_rng(13)
    wires = sn.Wires(20.0, 20.0)
    hardware = sn.Hardware(device=DEVICE, columns="single", wires=wires, tile=(64, 64))
    x = rng.random((5, 40))
    weights = rng.uniform(0.2, 0.5, (40, 30))
    lazy, exact = (
        Ideal(hardware=hardware, wire_tolerance=t).made(
            weights, np.random.default_rng(0), largest=1.0
        )
        for t in (0.01, 0.0)
    )
    for k in range(40):
        lazy.drive(x)
        steps = np.random.default_rng(k).uniform(0, 0.004, (40, 30))
        lazy, exact = (cells.apply(Wanted(steps=steps), rng) for cells in (lazy, exact))
        assert lazy.drive(x) == pytest.approx(exact.drive(x), rel=0.005)  # half the tolerance
    assert lazy.seen.siemens.sum() != pytest.approx(lazy.siemens.sum(), rel=1e-9)
    still = Ideal(hardware=hardware).made(weights, np.random.default_rng(0), largest=1.0).drive(x)
    assert np.abs(still / exact.drive(x) - 1).max() > 0.1


def test_endurance_ends_the_life_of_cells_that_are_pulsed():
    rng = np.random.default_rng(14)
    flaws = sn.Imperfections(endurance=Endurance(swings=0.5, spread=0.0))
    for kind in (Ideal, Solved):
        cells = kind_of(kind, columns="single", imperfections=flaws).made(
            np.full((2, 2), 0.5), rng, largest=1.0
        )
        signs = np.array([[1, 0], [0, 0]], dtype=np.int8)
        for _ in range(40):
            cells = cells.apply(Signs(signs=signs), rng)
            signs = -signs
        assert cells.array.stuck[0, 0]
        assert cells.array.stuck.sum() == 1
        assert cells.wear[0, 0] == 40


def test_write_and_verify_reaches_weights_through_wires():
    rng = np.random.default_rng(15)
    hardware = sn.Hardware(device=DEVICE, columns="single", wires=sn.Wires(1.0, 1.0), tile=(4, 4))
    kind = Solved(hardware=hardware, pulses=PULSES, writing="verified", tolerance=0.01)
    cells = kind.made(np.full((6, 4), 0.4), rng, largest=1.0)
    wanted = rng.uniform(0.3, 0.7, (6, 4))
    after = cells.apply(Wanted(steps=wanted - cells.weights), rng)
    solo = (
        np.stack([after.drive(row) for row in np.eye(6)]) / (after.unit * 0.2)
        - hardware.used_window().low / after.unit
    )
    assert np.abs(solo - wanted).max() < 0.02
    assert after.energy.write_joule > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ideal(hardware=3), "expected a spicesnn.Hardware"),
        (lambda: Ideal(pulse=0.0), "pulse is 0.0"),
        (lambda: Levels(levels=1), "levels = 1"),
        (lambda: Ideal(hardware=sn.Hardware(slices=2, bits_per_cell=2)), "slices = 2"),
        (
            lambda: Ideal(hardware=sn.Hardware(dac=sn.DAC(bits=4))),
            "has a DAC, and reads while learning have no converters",
        ),
        (lambda: Ideal(hardware=sn.Hardware(adc=sn.ADC(bits=4))), "has an ADC"),
        (
            lambda: PulseMap(hardware=sn.Hardware(device=sn.devices.OneTransistorOneResistor())),
            "has a gate",
        ),
        (lambda: PulseMap(amplitude="loud"), "amplitude is 'loud'"),
        (lambda: Solved(writing="hoped"), "writing is 'hoped'"),
        (
            lambda: Ideal().made([[2.0]], np.random.default_rng(), largest=1.0),
            "largest weight is 2",
        ),
        (
            lambda: Ideal(hardware=sn.Hardware(columns="single")).made(
                [[-1.0]], np.random.default_rng()
            ),
            "single columns hold none below 0",
        ),
        (
            lambda: Ideal().made([[1.0]], np.random.default_rng()).drive([[1.0, 2.0]]),
            r"take \(n, 1\)",
        ),
        (
            lambda: (
                Ideal()
                .made([[1.0]], np.random.default_rng())
                .apply(Wanted(steps=np.ones((2, 1))), np.random.default_rng())
            ),
            r"need \(1, 1\)",
        ),
    ],
)
def test_what_has_no_meaning_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
