"""Joules, steps and draws of synapses, against the closed form or a count by hand."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.noise import ReadNoise, RetentionDrift
from spicesnn.networks.synapses import Ideal, Levels, PulseMap, Signs, Solved, Wanted
from spicesnn.programming.pulse_map import StrongestPulses

LOW, HIGH = 1e-5, 1e-4
SPAN = HIGH - LOW
DEVICE = sn.devices.VTEAM(
    r_on=1 / HIGH,
    r_off=1 / LOW,
    v_on=-0.8,
    v_off=0.8,
    k_on=-2.4e-7,
    k_off=4.0e-7,
    alpha_on=1.0,
    alpha_off=1.0,
)
PULSES = StrongestPulses(set_volts=1.3, reset_volts=1.2, set_s=500e-6, reset_s=200e-6)
VOLTS, SECONDS = 0.25, 40e-9


def hardware(**changes):
    given = {"device": DEVICE, "columns": "single", "read_volts": VOLTS, "read_s": SECONDS}
    return sn.Hardware(**{**given, **changes})


def kind_of(kind, **changes):
    given = {"pulses": PULSES} if kind in (PulseMap, Solved) else {}
    return kind(hardware=hardware(**changes), **given)


def signs_of(values):
    return np.asarray(values, dtype=np.int8)


@pytest.mark.parametrize("kind", [Ideal, PulseMap, Solved])
def test_joules_of_reads_are_volts_squared_times_siemens_times_seconds(kind):
    rng = np.random.default_rng(0)
    weights, x = rng.uniform(0, 2, (5, 3)), rng.random((4, 5))
    cells = kind_of(kind).made(weights, rng, largest=2.0)
    siemens = LOW + SPAN * weights / 2
    joule = ((VOLTS * x) ** 2 @ siemens).sum() * SECONDS
    assert cells.siemens == pytest.approx(siemens, rel=1e-6)
    assert cells.read(x).joule == pytest.approx(joule, rel=1e-5)
    assert cells.product(x)[1] == pytest.approx(joule, rel=1e-5)
    assert cells.read_joule(x) == pytest.approx(joule, rel=1e-5)
    assert cells.drive(x) == pytest.approx(VOLTS * x @ siemens, rel=1e-5)
    twice = cells.counted(joule).counted(2 * joule)
    assert (twice.energy.read_joule, twice.energy.write_joule) == pytest.approx((3 * joule, 0.0))


@pytest.mark.parametrize("kind", [PulseMap, Solved])
@pytest.mark.parametrize("width", [1.0, 0.25])
def test_joules_of_pulses_go_with_their_width_and_count_cells_at_the_ends_of_the_window(
    kind, width
):
    """A set pulse on a cell that conducts most and a reset pulse on one that conducts least move
    nothing, and take V²·G·t all the same."""
    rng = np.random.default_rng(1)
    for weight, sign, joule in (
        (1.0, 1, 1.3**2 * HIGH * 500e-6),
        (0.0, -1, 1.2**2 * LOW * 200e-6),
    ):
        cells = kind_of(kind).made([[weight]], rng, largest=1.0)
        after = cells.apply(Signs(signs=signs_of([[sign]]), width=width), rng)
        assert after.energy.write_joule == pytest.approx(joule * width, rel=0.02)
        assert after.energy.read_joule == 0
        assert after.weights == pytest.approx(cells.weights, abs=1e-6)


def test_joules_of_short_pulses_are_those_of_the_engine():
    rng = np.random.default_rng(2)
    for sign in (1, -1):
        update = Signs(signs=signs_of([[sign]]), width=0.25)
        one, other = (
            kind_of(kind).made([[0.5]], rng, largest=1.0).apply(update, rng).energy.write_joule
            for kind in (PulseMap, Solved)
        )
        assert one == pytest.approx(other, rel=0.02)


def test_a_pulse_of_an_ideal_cell_is_its_share_of_the_window_times_the_width():
    rng = np.random.default_rng(3)
    kind = Ideal(hardware=hardware(), pulse=1 / 50)
    cells = kind.made(np.full((1, 3), 1.0), rng, largest=2.0)
    after = cells.apply(Signs(signs=signs_of([[1, 0, -1]]), width=3.0), rng)
    assert after.weights[0] == pytest.approx([1.0 + 2.0 * 3 / 50, 1.0, 1.0 - 2.0 * 3 / 50])
    assert after.wear.tolist() == [[1, 0, 1]]
    assert after.apply(Signs(signs=signs_of([[1, 0, 0]])), rng).wear.tolist() == [[2, 0, 1]]
    assert after.energy.write_joule == 0
    far = cells.apply(Wanted(steps=np.array([[5.0, -5.0, 0.0]])), rng)
    assert far.weights[0] == pytest.approx([2.0, 0.0, 1.0])


def test_of_a_pair_both_devices_are_pulsed_or_the_one_that_is_set():
    rng = np.random.default_rng(4)
    kind = Ideal(hardware=hardware(columns="differential"), pulse=0.125)
    cells = kind.made([[0.5, -0.5]], rng, largest=1.0)
    begun = LOW + SPAN * np.array([0.5, 0, 0, 0.5])
    assert cells.siemens[0] == pytest.approx(begun)
    for sign, opposite, moves in (
        (1, True, [1, 0, 1, -1]),  # the second device of the first pair has no room below
        (-1, True, [-1, 1, 0, 1]),
        (1, False, [1, 0, 1, 0]),
        (-1, False, [0, 1, 0, 1]),
    ):
        update = Signs(signs=signs_of([[sign, sign]]), opposite=opposite)
        after = cells.apply(update, rng).siemens[0]
        assert after == pytest.approx(begun + 0.125 * SPAN * np.array(moves), rel=1e-9)


def test_wanted_changes_of_pairs_are_halved_and_what_has_no_room_goes_to_the_other_device():
    rng = np.random.default_rng(5)
    kind = Ideal(hardware=hardware(columns="differential"))
    cells = kind.made([[0.5, 0.5, -0.5, 0.95]], rng, largest=1.0)
    after = cells.apply(Wanted(steps=np.array([[0.2, -0.2, 0.2, 0.2]])), rng)
    shares = ((after.siemens[0] - LOW) / SPAN).reshape(4, 2)
    assert shares == pytest.approx(
        np.array([[0.7, 0.0], [0.4, 0.1], [0.1, 0.4], [1.0, 0.0]]), abs=1e-9
    )
    level = cells.apply(Wanted(steps=np.array([[-0.2, 0, 0, 0]])), rng)
    back = level.apply(Wanted(steps=np.array([[0.1, 0, 0, 0]])), rng)
    assert ((back.siemens[0, :2] - LOW) / SPAN) == pytest.approx([0.45, 0.05], abs=1e-9)
    largest = kind.made([[3.0]], rng, largest=4.0).apply(Wanted(steps=np.array([[-1.0]])), rng)
    assert largest.weights == pytest.approx(np.array([[2.0]]))


def test_an_offset_column_stays_and_weights_reach_both_signs():
    rng = np.random.default_rng(6)
    kind = Ideal(hardware=hardware(columns="offset"))
    cells = kind.made([[0.5, -0.5]], rng, largest=1.0)
    after = cells.apply(Wanted(steps=np.array([[0.25, -0.125]])), rng)
    assert after.weights == pytest.approx(np.array([[0.75, -0.625]]))
    moved = after.siemens - cells.siemens
    assert moved[0] == pytest.approx(SPAN * np.array([0.125, -0.0625, 0]), abs=1e-15)
    assert (cells.rows, cells.outputs, cells.array.cols) == (1, 2, 3)


def test_pairs_of_columns_stay_together_in_tiles_of_an_odd_width():
    cells = kind_of(Ideal, columns="differential", tile=(2, 5)).made(
        np.zeros((3, 5)), np.random.default_rng(7), largest=1.0
    )
    shapes = [tile.shape for tile in cells.tiles()]
    assert shapes == [(2, 4), (2, 4), (2, 2), (1, 4), (1, 4), (1, 2)]
    assert cells.first_tile().shape == (2, 4)


def test_cells_that_are_not_ohmic_conduct_what_they_do_at_the_read_voltage():
    rng = np.random.default_rng(8)
    device = sn.devices.Yakopcic(b=8.0)
    kind = Solved(hardware=hardware(device=device, wires=sn.Wires.ideal()), pulses=PULSES)
    cells = kind.made([[0.3], [0.8]], rng, largest=1.0)
    amps = device.current(VOLTS, cells.array.state_or_zeros())
    window = cells.hardware.used_window()
    assert cells.effective is None
    assert cells.siemens == pytest.approx(amps / VOLTS, rel=1e-9)
    assert cells.weights == pytest.approx(
        (amps / VOLTS - window.low) / (window.high - window.low), rel=1e-9
    )
    assert cells.drive(np.ones(2)) == pytest.approx(amps.sum(axis=0), rel=1e-6)


@pytest.mark.parametrize("wires", [sn.Wires.ideal(), sn.Wires(0.01, 0.01)])
def test_noise_of_reads_adds_the_squares_of_what_the_cells_of_an_output_carry(wires):
    """Both devices of a pair are noisy, and stronger drive is noisier in proportion."""
    rng = np.random.default_rng(9)
    flaws = sn.Imperfections(read_noise=ReadNoise(relative=0.05))
    cells = kind_of(
        Ideal, columns="differential", imperfections=flaws, wires=wires, reads_alike=1
    ).made([[0.8, 0.1], [-0.6, 0.4]], rng, largest=1.0)
    siemens, x = cells.siemens, np.array([1.0, 0.5])
    read = cells.drive(np.tile(x, (1500, 1)), rng)
    alone = ((VOLTS * x[:, None] * siemens * 0.05) ** 2).sum(axis=0)
    assert read.std(axis=0) == pytest.approx(np.sqrt(alone[0::2] + alone[1::2]), rel=0.08)
    assert read.mean(axis=0) == pytest.approx(
        VOLTS * x @ (siemens[:, 0::2] - siemens[:, 1::2]), abs=1.2e-7
    )
    assert abs(np.corrcoef(read.T)[0, 1]) < 0.1


def test_reads_that_are_alike_see_the_same_noise():
    rng = np.random.default_rng(10)
    flaws = sn.Imperfections(read_noise=ReadNoise(relative=0.1))
    cells = kind_of(Ideal, imperfections=flaws, wires=sn.Wires(0.1, 0.1), reads_alike=3).made(
        np.full((2, 2), 0.5), rng, largest=1.0
    )
    reading = cells.read(np.ones((7, 2)), rng)
    assert reading.amps.shape == (7, 2)
    groups = np.unique(np.round(reading.amps[:, 0], 18), return_inverse=True)[1]
    assert len(set(groups.tolist())) == 3
    assert groups[0] == groups[1] == groups[2]
    assert groups[3] == groups[4] == groups[5]
    still = kind_of(Ideal).made(np.full((2, 2), 0.5), rng, largest=1.0)
    assert reading.joule == pytest.approx(still.read(np.ones((7, 2))).joule, rel=0.2)


CURVED = sn.devices.Yakopcic(b=8.0)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Ideal, {}),
        (Ideal, {"columns": "differential", "wires": sn.Wires(3.0, 2.0)}),
        (Ideal, {"device": CURVED}),
        (Solved, {"device": CURVED, "wires": sn.Wires(5.0, 5.0)}),
        (Solved, {"columns": "offset"}),
    ],
)
def test_events_of_one_line_are_reads_one_after_the_other(kind, changes):
    rng = np.random.default_rng(11)
    cells = kind_of(kind, **changes).made(rng.uniform(0.1, 1, (3, 2)), rng, largest=1.0)
    x = np.array([[2.0, 0.0, 1.0], [0.0, 1.0, 1.0], [0.0, 3.5, -2.0]])
    reads = [
        ([0, 1, 2], [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [0.0, 1.0, -1.0]]),
        ([0, 2], [[1.0, 0.0, 0.0], [0.0, 1.0, -1.0]]),
        ([2], [[0.0, 1.0, 0.0]]),
        ([2], [[0.0, 0.5, 0.0]]),
    ]
    wanted, joule = np.zeros((3, 2)), 0.0
    for samples, volts in reads:
        part, spent = cells.product(np.array(volts))
        wanted[samples] += part
        joule += spent
    got = cells.product(x, events=True)
    assert got[0] == pytest.approx(wanted, rel=1e-9)
    assert got[1] == pytest.approx(joule, rel=1e-9)
    assert cells.read_joule(x, events=True) == pytest.approx(joule, rel=1e-9)
    louder = cells.product(x)  # one read at twice, or more, of the volts
    assert louder[1] > 1.2 * joule
    assert (louder[0] == pytest.approx(wanted, rel=1e-6)) is bool(cells.array.linear)


def test_noise_of_two_reads_is_that_of_two_draws():
    rng = np.random.default_rng(12)
    flaws = sn.Imperfections(read_noise=ReadNoise(relative=0.05))
    cells = kind_of(Ideal, imperfections=flaws).made([[0.8]], rng, largest=1.0)
    once = cells.product(np.ones((6000, 1)), rng, events=True)[0].std()
    twice = cells.product(np.full((6000, 1), 2.0), rng, events=True)[0].std()
    assert twice == pytest.approx(np.sqrt(2) * once, rel=0.05)


def test_full_pulses_are_drawn_so_that_their_mean_makes_the_change():
    rng = np.random.default_rng(11)
    kind = PulseMap(hardware=hardware(), pulses=PULSES, amplitude="fixed")
    cells = kind.made(np.full((40, 40), 0.5), rng, largest=1.0)
    for sign in (1, -1):
        ladder = [cells]
        for _ in range(3):
            once = Signs(signs=np.full((40, 40), sign, dtype=np.int8))
            ladder.append(ladder[-1].apply(once, rng))
        one = ladder[1].weights[0, 0] - 0.5
        after = cells.apply(Wanted(steps=np.full((40, 40), 2.3 * one)), rng)
        assert set(after.wear.ravel().tolist()) == {2, 3}
        assert after.wear.mean() == pytest.approx(2.3, abs=0.05)
        for count in (2, 3):
            assert after.weights[after.wear == count] == pytest.approx(
                ladder[count].weights[0, 0], abs=1e-12
            )
        share = (after.wear == 3).mean()
        whole = ladder[2].energy.write_joule * (1 - share) + ladder[3].energy.write_joule * share
        assert after.energy.write_joule == pytest.approx(whole, rel=1e-9)


def test_a_wanted_change_beyond_the_strongest_pulse_is_that_pulse():
    rng = np.random.default_rng(12)
    cells = kind_of(PulseMap).made(np.full((1, 3), 0.5), rng, largest=1.0)
    pulsed = cells.apply(Signs(signs=signs_of([[1, -1, 0]])), rng)
    wanted = cells.apply(Wanted(steps=np.array([[0.4, -0.4, 0.0]])), rng)
    assert wanted.weights == pytest.approx(pulsed.weights, abs=1e-12)
    assert wanted.wear.tolist() == pulsed.wear.tolist() == [[1, 1, 0]]
    small = 0.5 * (pulsed.weights - 0.5)
    assert cells.apply(Wanted(steps=small), rng).weights - 0.5 == pytest.approx(small, abs=1e-12)


def test_longer_pulses_move_as_far_as_the_engine_says():
    rng = np.random.default_rng(13)
    for width in (0.5, 2.0):
        update = Signs(signs=signs_of([[1, -1]]), width=width)
        one, other = (
            kind_of(kind, columns="single")
            .made([[0.5, 0.5]], rng, largest=1.0)
            .apply(update, rng)
            .weights[0]
            for kind in (PulseMap, Solved)
        )
        assert one - 0.5 == pytest.approx(other - 0.5, rel=0.05)


def test_levels_of_a_wider_pulse_are_so_many():
    rng = np.random.default_rng(14)
    cells = Levels(hardware=hardware(), levels=9).made([[0.25, 0.5]], rng, largest=1.0)
    after = cells.apply(Signs(signs=signs_of([[1, -1]]), width=2.0), rng)
    assert after.weights == pytest.approx(np.array([[0.5, 0.25]]))


def test_counted_pulses_of_solved_cells_are_those_one_alone_would_need():
    rng = np.random.default_rng(15)
    kind = kind_of(Solved)
    cells = kind.made(np.full((1, 1), 0.5), rng, largest=1.0)
    for sign in (1, -1):
        one = cells.apply(Signs(signs=signs_of([[sign]])), rng).weights[0, 0] - 0.5
        counts = [
            int(cells.apply(Wanted(steps=np.array([[1.5 * one]])), rng).wear[0, 0])
            for _ in range(24)
        ]
        assert set(counts) == {1, 2}
        thrice = cells.apply(Wanted(steps=np.array([[3.02 * one]])), np.random.default_rng(0))
        assert thrice.wear[0, 0] == 3
        by_hand = cells
        for _ in range(3):
            by_hand = by_hand.apply(Signs(signs=signs_of([[sign]])), rng)
        assert thrice.weights == pytest.approx(by_hand.weights, abs=1e-9)
        assert thrice.energy.write_joule == pytest.approx(by_hand.energy.write_joule, rel=1e-9)


def test_a_rest_lets_conductances_drift_and_nothing_else():
    rng = np.random.default_rng(16)
    flaws = sn.Imperfections(retention=RetentionDrift(exponent=0.1))
    cells = kind_of(Ideal, imperfections=flaws).made([[0.5, 0.9]], rng, largest=1.0)
    day, still = cells.rested(86400.0, rng), cells.rested(0.0, rng)
    assert still.siemens == pytest.approx(cells.siemens)
    assert day.siemens == pytest.approx(cells.siemens * 86401.0**-0.1, rel=1e-9)
    assert day.wear.tolist() == [[0, 0]]
