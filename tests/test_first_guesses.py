"""The spellings that a new user tries first: positional arrays, methods of arrays and results,
trains of pulses, Monte Carlo, decks."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from matplotlib.figure import Figure

import spicesnn as sn
from spicesnn.crossbar.noise import ReadNoise
from spicesnn.errors import InputError
from spicesnn.plotting.circuits import branch_amps

G = np.random.default_rng(0).uniform(1e-5, 1e-3, (5, 3))
V = np.linspace(0.1, 0.3, 5)
SLOW = sn.devices.VTEAM(r_on=10e3, r_off=1e6, v_on=-0.3, v_off=0.3, k_on=-2e-7, k_off=1e-7)


def test_a_crossbar_of_numbers_alone_is_ideal():
    for given in (G, G.tolist()):
        assert sn.Crossbar(given).read(V).column_amps == pytest.approx(V @ G, rel=1e-12)
    assert sn.Crossbar(device=SLOW, shape=(2, 2)).wires.word_line_ohm == 0.0


def test_wires_by_position_are_the_wires_by_name():
    by_name = sn.Wires(word_line_ohm=2.0, bit_line_ohm=3.0, driver_ohm=4.0, sense_ohm=5.0)
    assert sn.Wires(2.0, 3.0, 4.0, 5.0).describe() == by_name.describe()
    assert sn.Wires().word_line_ohm == 1.0


def test_one_number_of_wires_is_that_of_all_segments():
    """Before: ``Wires(0.5)`` had bit lines of 1 Ω."""
    assert sn.Wires(0.5) == sn.Wires(0.5, 0.5)
    assert sn.Wires("500mΩ") == sn.Wires(0.5, 0.5)
    assert sn.Wires() == sn.Wires(1.0, 1.0)
    assert sn.Wires(word_line_ohm=0.5) == sn.Wires(0.5, 1.0)
    assert sn.Wires(0.5, bit_line_ohm=0.25) == sn.Wires(0.5, 0.25)
    with pytest.raises(InputError, match="says the word lines alone, one by one; expected bit_"):
        sn.Wires(np.array([1.0, 2.0]))


@pytest.mark.parametrize("cells", [[[345, 903], [652, 401]], [[1e4, 0], [1e6, 2e5]]])
def test_resistances_are_no_conductances(cells):
    """Before: an array of 345 S to 903 S, whose currents are 1e5 times too large."""
    with pytest.raises(
        InputError, match=r"as resistances in ohm do; expected siemens: Crossbar\(1"
    ):
        sn.Crossbar(cells)
    with pytest.raises(InputError, match="as resistances in ohm do"):
        sn.Crossbar(np.random.default_rng(0).uniform(1e3, 1e5, (4, 4)))
    for short in ([[1481.3]], np.full((3, 3), 1e3), [[1e3, 1e6]], [[192.1, 1e3]]):
        assert sn.Crossbar(short).conductance.min() > 100.0  # a few, as solvers are tried with
    shorted = np.where(np.eye(2) > 0, 1e-4, 1e3)
    assert sn.Crossbar(shorted).conductance.max() == 1e3  # a shorted cell among others


def test_inputs_in_columns_are_told_to_be_transposed():
    array = sn.Crossbar(np.full((3, 2), 1e-4))
    for shape in ((3, 1), (3, 4)):
        with pytest.raises(InputError, match="row_volts transposed has that shape"):
            array.read(np.ones(shape))
    with pytest.raises(InputError, match=r"one voltage a word line$"):
        array.read(np.ones((2, 4)))
    with pytest.raises(TypeError, match=r"has no argument 'applied_voltages'; use row_volts=…"):
        array.read(applied_voltages=np.ones(3))
    with pytest.raises(InputError, match="row_volts is missing"):
        array.read()


def test_reading_and_pulsing_an_array_is_what_the_engine_does():
    array = sn.Crossbar(G, wires=sn.Wires(1.0, 1.0))
    assert np.array_equal(array.read(V).column_amps, sn.NodalEngine().read(array, V).column_amps)
    cells, pulse = (
        sn.Crossbar(device=SLOW, shape=(2, 2), wires=sn.Wires(1.0, 1.0)),
        sn.Pulse(row_volts=0.8, width_s=1e-5),
    )
    assert np.array_equal(cells.pulse(pulse).state, sn.NodalEngine().pulse(cells, pulse).state)
    assert np.array_equal(cells.pulse(row_volts=0.8, width_s=1e-5).state, cells.pulse(pulse).state)
    with sn.NgspiceEngine() as ngspice:
        assert array.read(V, engine=ngspice).column_amps == pytest.approx(
            array.read(V).column_amps, rel=1e-8
        )
    with pytest.raises(InputError, match="got both"):
        cells.pulse(pulse, width_s=1.0)
    with pytest.raises(InputError, match="expected the parts of a Pulse"):
        cells.pulse(volts=1.0)


@pytest.mark.parametrize("batch", [None, 3, 40])
def test_a_read_knows_its_energy_and_its_cells(batch):
    volts = V if batch is None else V * np.linspace(0.5, 1.0, batch)[:, None]
    read = sn.Crossbar(G, wires=sn.Wires(1.0, 1.0)).read(volts)
    assert read.energy(2e-6) == pytest.approx(2e-6 * read.power_watt(volts), rel=1e-12)
    assert read.cell_amps == pytest.approx(G * read.cell_volts)
    assert read.energy(1.0) == pytest.approx(
        (read.column_amps * 0).sum(axis=-1) + (read.row_amps * volts).sum(axis=-1)
    )
    for bad in (0.0, -1.0, np.nan, 1j):
        with pytest.raises(InputError, match="expected a time above 0"):
            read.energy(bad)


@pytest.mark.parametrize("drive", ["left", "right", "both"])
@pytest.mark.parametrize("sense", ["bottom", "top", "both"])
def test_segment_currents_obey_ohms_law_in_the_wires(drive, sense):
    wires = sn.Wires(2.0, 1.0, 3.0, 0.5, drive_side=drive, sense_side=sense)
    read = sn.Crossbar(G, wires=wires).read(V)
    word, bit = branch_amps(read, read.cell_amps)
    assert word[:, 1:] == pytest.approx(
        (read.word_line_volts[:, :-1] - read.word_line_volts[:, 1:]) / 2.0, abs=1e-12
    )
    assert bit[:-1] == pytest.approx(
        (read.bit_line_volts[:-1] - read.bit_line_volts[1:]) / 1.0, abs=1e-12
    )


def test_plots_are_figures_and_say_what_they_cannot_draw(tmp_path):
    array = sn.Crossbar(G, wires=sn.Wires(1.0, 1.0))
    figures = [array.plot(), array.read(V).plot(), array.read(np.stack([V, 2 * V])).plot(1)]
    figures.append(sn.Crossbar(device=sn.devices.registry.fresh("1t1r"), shape=(2, 2)).plot())
    curve = sn.iv(
        sn.devices.VTEAM(), engine=sn.NodalEngine(), amplitude=0.25, frequency=6e5, periods=1
    )
    for number, figure in enumerate([*figures, curve.plot()]):
        assert isinstance(figure, Figure)
        figure.savefig(tmp_path / f"{number}.svg")
    assert [axes.get_title() for axes in figures[1].axes[:6]] == [
        "Word-line voltage",
        "Bit-line voltage",
        "Cell voltage",
        "Cell current",
        "Word-line current",
        "Bit-line current",
    ]
    assert figures[2].axes[3].images[0].get_array().max() == pytest.approx(
        2 * figures[1].axes[3].images[0].get_array().max()
    )
    with pytest.raises(InputError, match="has 2 inputs"):
        array.read(np.stack([V, 2 * V])).plot(2)
    with pytest.raises(InputError, match="one input"):
        array.read(V).plot(1)


@pytest.mark.parametrize("rise_s", [0.0, 1e-7])
def test_a_train_is_its_pulses_one_after_the_other(rise_s):
    state = 3e-9 * np.random.default_rng(1).uniform(0.1, 0.9, (4, 3))
    array = sn.Crossbar(device=SLOW, state=state, wires=sn.Wires(1.0, 1.0))
    parts = {"row_volts": [0.4, 0.4, 0.8, 0.4], "width_s": 1e-6, "rise_s": rise_s}
    single, joules = array, 0.0
    for _ in range(60):
        done = single.pulse(**parts)
        single, joules = done.array, joules + done.energy_joule
    train = array.pulse(**parts, count=60)
    assert np.abs(single.state - state).max() > 1e-3 * 3e-9
    assert np.abs(train.state - single.state).max() < 1e-6 * 3e-9
    assert train.energy_joule == pytest.approx(joules, rel=1e-6)


def test_the_energy_of_a_train_is_that_of_its_pulses_where_states_move_evenly():
    """States that move evenly say nothing of how currents change: few pulses are solved, and the
    joules are those of 300 single ones."""
    state = 3e-9 * np.random.default_rng(1).uniform(0.1, 0.9, (4, 3))
    array = sn.Crossbar(device=SLOW, state=state, wires=sn.Wires(1.0, 1.0))
    parts = {"row_volts": [0.4, 0.4, 0.8, 0.4], "width_s": 1e-6, "rise_s": 1e-7}
    single, joules = array, 0.0
    for _ in range(300):
        done = single.pulse(**parts)
        single, joules = done.array, joules + done.energy_joule
    train = array.pulse(**parts, count=300)
    assert train.stats["pulses_solved"] < 10
    assert train.energy_joule == pytest.approx(joules, rel=1e-5)


def test_a_thousand_half_select_pulses_take_a_few_solves():
    array = sn.Crossbar(device=SLOW, shape=(64, 64), wires=sn.Wires(1.0, 1.0))
    train = array.pulse(row_volts=0.4, width_s=1e-6, rise_s=1e-7, count=1000)
    assert train.stats["pulses"] == 1000
    assert train.stats["pulses_solved"] <= 12
    assert np.abs(train.state - array.state).max() > 0.01 * 3e-9


def test_half_selected_filaments_creep_in_a_train_as_in_single_pulses():
    """V/2 at 2.6 V: the selected cell sets at once, and those on its lines follow by some per cent."""
    state = 1e-9 * np.random.default_rng(1).uniform(0.3, 1.5, (4, 3))
    array = sn.Crossbar(device=sn.devices.PaiYuChen(), state=state, wires=sn.Wires(1.0, 1.0))
    parts = {
        "row_volts": [1.3, 2.6, 1.3, 1.3],
        "column_volts": [1.3, 0.0, 1.3],
        "width_s": 1e-6,
        "rise_s": 1e-7,
    }
    single = array
    for _ in range(40):
        single = single.pulse(**parts).array
    train = array.pulse(**parts, count=40)
    low, high = array.device.bounds()
    moved = np.abs(single.state - state) / (high - low)
    moved[1, 1] = 0.0
    assert moved.max() > 0.01
    assert train.stats["pulses_solved"] < 20
    assert np.abs(train.state - single.state).max() < 1e-6 * (high - low)


def test_a_train_on_ngspice_and_as_a_waveform_is_the_whole_train():
    array = sn.Crossbar(device=SLOW, state=np.full((1, 1), 1e-9), wires=sn.Wires(1.0, 1.0))
    pulse = sn.Pulse(row_volts=0.8, width_s=1e-6, rise_s=1e-7, count=5)
    assert pulse.waveform().time_s[-1] == pytest.approx(5 * 1.2e-6)
    assert pulse.waveform().row_volts.max(axis=1).tolist() == [0.0] + [0.8, 0.8, 0.0] * 5
    with sn.NgspiceEngine() as ngspice:
        assert array.pulse(pulse, engine=ngspice).state == pytest.approx(
            array.pulse(pulse).state, abs=1e-4 * 3e-9
        )


@pytest.mark.parametrize("count", [0, -1, 1.5, True, None, float("nan")])
def test_a_count_of_pulses_is_a_whole_number(count):
    with pytest.raises(InputError, match="whole number of pulses"):
        sn.Pulse(row_volts=1.0, count=count)


def test_monte_carlo_draws_arrays_and_says_their_spread():
    array = sn.Crossbar(G, wires=sn.Wires(1.0, 1.0))
    noise = sn.Imperfections(read_noise=ReadNoise(relative=0.1))
    drawn = sn.monte_carlo(array, V, imperfections=noise, draws=200, seed=3)
    assert drawn.column_amps.shape == (200, 3)
    expected = 0.1 * np.sqrt(((V[:, None] * G) ** 2).sum(axis=0))
    assert drawn.std == pytest.approx(expected, rel=0.2)
    assert drawn.mean == pytest.approx(
        array.read(V).column_amps, abs=4 * expected.max() / np.sqrt(200)
    )
    assert np.array_equal(
        sn.monte_carlo(array, V, imperfections=noise, draws=3, seed=3).column_amps,
        drawn.column_amps[:3],
    )
    for bad in (0, 1, 2.5):
        with pytest.raises(InputError, match="draws"):
            sn.monte_carlo(array, V, imperfections=noise, draws=bad)


def test_decks_of_an_array_run_in_bare_ngspice(tmp_path):
    array = sn.Crossbar(G, wires=sn.Wires(1.0, 1.0))
    deck = tmp_path / "read.cir"
    deck.write_text(array.to_deck(V))
    done = subprocess.run(
        ["ngspice", "-b", deck.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert f"{array.read(V).column_amps[0]:.5e}"[:6] in done.stdout
    assert ".subckt crossbar r0 r1 r2 r3 r4 c0 c1 c2" in array.to_subcircuit()
    cells = sn.Crossbar(device=SLOW, shape=(2, 2))
    assert ".tran" in cells.to_deck(pulse=sn.Pulse(row_volts=1.0))
    for bad in ({}, {"row_volts": V, "pulse": sn.Pulse(row_volts=1.0)}):
        with pytest.raises(InputError, match="one of the two"):
            array.to_deck(**bad)
    with pytest.raises(InputError, match="letters, digits"):
        array.to_subcircuit("a b\n.control")
