"""What single cells of a compiled presentation do, and where every key of [imperfections] goes,
against values worked out by hand."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.faults import Endurance, StuckMap
from spicesnn.crossbar.mapping import Window
from spicesnn.crossbar.noise import CycleToCycle, ReadNoise, RetentionDrift, TelegraphNoise
from spicesnn.crossbar.published import PublishedCells
from spicesnn.devices.levels import ConductanceStates, Rounding
from spicesnn.encoding.events import seed_words
from spicesnn.errors import ConfigError
from spicesnn.nonidealities.compiled import (
    NonidealCells,
    free_factor,
    hear_noisily,
    moved,
)
from spicesnn.nonidealities.options import ImperfectionOptions
from spicesnn.nonidealities.realised import Imperfections

NONE = np.zeros(0, np.float32)
WORDS = seed_words(np.random.default_rng(0))
DEVICE = sn.devices.LinearDrift(r_on=1e4, r_off=1e6)


def cells(gain, *, noise=NONE, scatter=NONE, base=0.0):
    gain = np.asarray(gain, np.float32)
    return NonidealCells(
        gain=gain,
        noise=np.asarray(noise, np.float32),
        scatter=np.asarray(scatter, np.float32),
        base=np.float32(base),
    )


def test_a_step_goes_as_far_as_its_cell_lets_it_and_one_of_levels_whole_or_not_at_all():
    some = cells([[0.5, 0.0]])
    assert moved(some, WORDS, 0, 0, 0.2, 0.6, False) == pytest.approx(0.4)
    assert moved(some, WORDS, 0, 0, 0.6, 0.2, False) == pytest.approx(0.4)
    assert moved(some, WORDS, 0, 1, 0.2, 0.6, False) == pytest.approx(0.2)
    assert moved(some, WORDS, 0, 0, 0.2, 0.6, True) == pytest.approx(0.6)
    assert moved(some, WORDS, 0, 1, 0.2, 0.6, True) == pytest.approx(0.2)
    scattered = cells([[0.5]], scatter=[1.5])
    assert moved(scattered, WORDS, 0, 0, 0.2, 0.6, False) == pytest.approx(0.5)


def test_every_cell_that_is_read_has_noise_of_its_own_in_proportion():
    excitation = np.array([1.0, 1.0, 1.0], np.float32)
    weight = np.array([[9.0, 9.0, 9.0], [0.2, 0.4, 0.8]], np.float32)
    hear_noisily(
        cells(np.ones((2, 3)), noise=[0.1, -0.2, 0.3, 0.0]),
        WORDS,
        excitation,
        weight,
        np.array([1, 0], np.int32),
        1,
    )
    assert excitation == pytest.approx([1.22, 1.32, 2.04])
    hear_noisily(
        cells(np.ones((2, 3)), noise=[0.1, -0.2, 0.3, 0.0], base=0.5),
        WORDS,
        excitation,
        weight,
        np.array([1, 0], np.int32),
        1,
    )
    assert excitation == pytest.approx([1.22 + 0.27, 1.32 + 0.22, 2.04 + 1.19])


@pytest.mark.parametrize(("target", "factor"), [(2.0, 0.5), (3.5, 1.0), (0.3, 0.0)])
def test_the_cells_that_work_make_up_for_the_others(target, factor):
    """Stuck 0.5 beside 1 and 2 of which one has a small gain of its own."""
    some = cells([[0.0], [0.4], [1.3]])
    weight = np.array([[0.5], [1.0], [2.0]], np.float32)
    assert free_factor(some, weight, 0, target) == pytest.approx(factor)


def test_every_key_of_the_table_reaches_its_own_part():
    options = ImperfectionOptions(
        stuck_on=0.01,
        stuck_off=0.02,
        stuck=0.03,
        cycle_to_cycle=0.04,
        cycle_of_range=0.05,
        states=5,
        rounding="nearest",
        read_noise=0.06,
        endurance=7e4,
        endurance_spread=0.8,
        endurance_on=0.9,
        telegraph=0.11,
        telegraph_capture_s=0.12,
        telegraph_emission_s=0.13,
        retention=0.14,
        retention_spread=0.15,
        retention_t0_s=16.0,
    )
    made = options.build(DEVICE, Window(low=2e-6, high=1e-5), volts=0.3)
    assert (made.stuck_on, made.stuck_off, made.stuck) == (0.01, 0.02, 0.03)
    assert made.cycle_to_cycle == CycleToCycle(relative=0.04, of_range=0.05)
    assert made.states.siemens == pytest.approx([2e-6, 4e-6, 6e-6, 8e-6, 1e-5], rel=1e-12)
    assert made.states.rounding is Rounding.NEAREST
    assert made.states_volts == 0.3
    assert made.read_noise == ReadNoise(relative=0.06)
    assert made.endurance == Endurance(swings=7e4, spread=0.8, on_share=0.9)
    assert made.telegraph == TelegraphNoise(amplitude=0.11, capture_s=0.12, emission_s=0.13)
    assert made.retention == RetentionDrift(exponent=0.14, spread=0.15, t0_s=16.0)


def test_the_table_spreads_nothing_that_it_does_not_name():
    options = ImperfectionOptions(
        cycle_to_cycle=0.04, endurance=7e4, telegraph=0.11, retention=0.14
    )
    made = options.build(DEVICE, Window(low=2e-6, high=1e-5), volts=0.0)
    assert made.cycle_to_cycle == CycleToCycle(relative=0.04)
    assert made.endurance == Endurance(swings=7e4, spread=0.5, on_share=0.5)
    assert made.telegraph == TelegraphNoise(amplitude=0.11, capture_s=1e-3, emission_s=1e-3)
    assert made.retention == RetentionDrift(exponent=0.14, spread=0.0, t0_s=1.0)


@pytest.mark.parametrize(("low", "high"), [(40e-6, 200e-6), (60e-6, 230e-6)])
def test_a_window_that_leaves_a_published_set_at_one_end_is_refused(low, high):
    options = ImperfectionOptions(published="rram-milo-2021")  # 50 to 225 µS
    with pytest.raises(ConfigError, match="choose resistances"):
        options.build(DEVICE, Window(low=low, high=high), volts=0.0)
    assert options.build(DEVICE, Window(low=60e-6, high=200e-6), volts=0.0).published


def test_stuck_cells_are_programmed_by_nobody():
    """A publication's error is that of cells that were written."""
    published = PublishedCells(
        name="half",
        reference="",
        lowest_siemens=0.0,
        highest_siemens=1.0,
        programming=lambda siemens: 0.5 * siemens,
        read=lambda siemens, seconds: 0.01 * seconds * np.ones_like(siemens),
    )
    array = sn.Crossbar(device=DEVICE, state=np.full((40, 50), 0.5))
    still = np.zeros((40, 50), dtype=bool)
    still[:, :25] = True
    nobody = np.zeros_like(still)
    flaws = Imperfections(
        stuck_map=StuckMap(on=nobody, off=nobody, still=still), published=published, rest_s=9.0
    )
    made = flaws.fabricated(array, np.random.default_rng(2))
    ratio = made.cell_conductance() / array.cell_conductance()
    assert np.all(ratio[still] == 1.0)
    assert ratio[~still].std() == pytest.approx(0.48, abs=0.03)  # of 0.5, cut at two deviations
    later = flaws.before_read(array, np.random.default_rng(3)).cell_conductance()
    assert (later / array.cell_conductance()).std() == pytest.approx(0.09, rel=0.06)


def test_a_pulse_rounds_and_sets_free_the_cells_it_has_moved_alone():
    """Of one cell that rests off the levels, one that moves by a ten-thousandth of its range and one
    that moves far; what drift had left of their currents goes with the movement."""
    device = sn.devices.LinearDrift(r_on=1e4, r_off=1e5)
    states = ConductanceStates.even(4, 1e-5, 1e-4, Rounding.NEAREST)
    before = sn.Crossbar(
        device=device,
        state=np.array([[0.3, 0.3, 0.3]]),
        current_factor=np.array([[0.5, 0.6, 0.7]]),
    )
    after = before.with_state(np.array([[0.3, 0.3001, 0.9]]))
    rng = np.random.default_rng(4)
    left, _ = Imperfections(states=states).after_pulse(before, after, rng)
    plain = sn.Crossbar(device=device, state=left.state)
    assert left.state[0, 0] == 0.3
    assert plain.cell_conductance()[0, 1:] == pytest.approx([1e-5, 4e-5], rel=1e-9)
    free, _ = Imperfections().after_pulse(before, after, rng)
    assert free.current_factor.tolist() == [[0.5, 1.0, 1.0]]
