from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices.measurements import PulseTrain
from spicesnn.devices.pulse_curve import PulseCurve, WritePulses
from spicesnn.errors import DataError, InputError
from spicesnn.fitting.pulse_table import fit_pulse_table

N = np.arange(50)
UP = 1e-6 + 9e-6 * (1 - np.exp(-N / 15)) / (1 - np.exp(-49 / 15))
DOWN = 1e-6 + 9e-6 * (np.exp(-N / 12) - np.exp(-49 / 12)) / (1 - np.exp(-49 / 12))
PULSES = WritePulses(set_volts=1.2, reset_volts=-1.2, width_s=1e-6)


def written(tmp_path, header, *columns, above=""):
    path = tmp_path / "curve.csv"
    rows = "\n".join(
        ",".join(value if isinstance(value, str) else f"{value:.8g}" for value in row)
        for row in zip(*columns, strict=True)
    )
    path.write_text(f"{above}{header}\n{rows}\n", encoding="utf-8")
    return path


def walked(path):
    """Return where the device of a curve's table is after its set pulses, and then after its reset
    pulses."""
    curve = PulseCurve.from_csv(path)
    table = fit_pulse_table(curve, curve.pulses(assumed=PULSES)).device.table
    siemens, found = curve.raising[0], []
    for volts, count in ((1.2, curve.raising.size - 1), (-1.2, curve.lowering.size - 1)):
        for _ in range(count):
            siemens = table.after(siemens, volts)
        found.append(float(siemens))
    return found


def test_a_column_that_rises_and_falls_gives_a_table_that_does(tmp_path):
    path = written(tmp_path, "pulse,conductance (uS)", np.arange(100), 1e6 * np.append(UP, DOWN))
    assert walked(path) == pytest.approx([10e-6, 1e-6], rel=0.015)
    curve = PulseCurve.from_csv(
        written(tmp_path, "pulse,conductance (uS)", np.arange(100), 1e6 * np.append(DOWN, UP))
    )  # reset first
    np.testing.assert_allclose(curve.raising, UP, rtol=1e-6)
    np.testing.assert_allclose(curve.lowering, DOWN, rtol=1e-6)


def test_two_columns_keep_the_drop_between_them(tmp_path):
    path = written(tmp_path, "LTP (S),LTD (S)", UP, 0.62 * DOWN)
    assert walked(path) == pytest.approx([10e-6, 0.62e-6], rel=0.025)
    curve = PulseCurve.from_csv(written(tmp_path, "depression,potentiation", 0.62 * DOWN, UP))
    assert curve.raising[-1] == pytest.approx(10e-6)
    train = sn.read_measurement(
        written(tmp_path, "LTP (S),LTD (S)", UP, 0.62 * DOWN), pulses=PULSES
    )
    assert train.points == 100  # the first of the second column is after a reset pulse
    assert (
        sn.read_measurement(written(tmp_path, "LTP (S),LTD (S)", UP, DOWN), pulses=PULSES).points
        == 99
    )


@pytest.mark.parametrize("scatter", [0.0, 0.01, 0.02])
def test_the_turning_point_is_found_in_scatter(scatter, tmp_path):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        flat = np.append(UP, np.full(15, 10e-6)) * (1 + scatter * rng.standard_normal(65))
        path = written(
            tmp_path,
            "pulse,G (S)",
            np.arange(115),
            np.append(flat, DOWN * (1 + scatter * rng.standard_normal(50))),
        )
        curve = PulseCurve.from_csv(path)
        assert abs(curve.raising.size - 65) <= (1 if scatter == 0 else 3)
        assert curve.lowering[0] == pytest.approx(10e-6, rel=4 * scatter + 1e-6)


def test_several_cycles_of_one_column_are_averaged(tmp_path):
    one = np.concatenate([UP, DOWN[1:], UP[1:], DOWN[1:]])
    curve = PulseCurve.from_csv(written(tmp_path, "n,G (S)", np.arange(one.size), one))
    np.testing.assert_allclose(curve.raising, UP, rtol=1e-6)
    np.testing.assert_allclose(curve.lowering, DOWN, rtol=1e-6)
    assert "mean of 2 cycles" in curve.remarks[0]


@pytest.mark.parametrize("header", ["cycle,pulse,G (uS)", "pulse,x,G (uS)"])
def test_what_brings_a_device_back_between_cycles_is_no_pulse(header, tmp_path):
    """Set pulses alone, twice: the step from the last conductance to the first of the next cycle
    was taken for one reset pulse."""
    numbers, cycle = np.tile(N, 2), np.repeat([0.0, 1.0], 50)
    columns = (cycle, numbers) if header.startswith("cycle") else (numbers, cycle)
    path = written(tmp_path, header, *columns, 1e6 * np.concatenate([UP, 1.2 * UP]))
    curve = PulseCurve.from_csv(path)
    np.testing.assert_allclose(curve.raising, 1.1 * UP, rtol=1e-6)
    assert curve.lowering is None
    assert "what rises is the mean of 2 cycles" in curve.remarks[0]


def test_cycles_that_go_up_and_down_stay_joined_where_numbers_begin_anew(tmp_path):
    numbers, down = np.tile(N, 4), DOWN - DOWN[0] + UP[-1]
    path = written(tmp_path, "pulse,G (uS)", numbers, 1e6 * np.concatenate([UP, down, UP, down]))
    curve = PulseCurve.from_csv(path)
    np.testing.assert_allclose(curve.raising, UP, rtol=1e-6)
    np.testing.assert_allclose(curve.lowering, down, rtol=1e-6)


@pytest.mark.parametrize("header", ["ΔG (nS)", "delta_G_nS", "dG (nS)", "Conductance change (nS)"])
def test_changes_of_a_conductance_are_no_conductances(header, tmp_path):
    path = written(tmp_path, f"pulse,{header}", N, N + 1.0)
    with pytest.raises(DataError, match=r"line 1: column .* holds changes; expected conductances"):
        PulseCurve.from_csv(path)


def test_voltages_widths_and_words_say_which_pulse_was_which(tmp_path):
    volts = np.concatenate([[0.0], np.full(49, -1.5), np.full(49, 1.1)])
    g = np.append(UP, DOWN[1:])
    path = written(
        tmp_path,
        "pulse,voltage (V),width (ns),G (uS)",
        np.arange(99),
        volts,
        np.full(99, 200.0),
        1e6 * g,
    )
    curve = PulseCurve.from_csv(path)
    found = curve.pulses()
    assert (found.set_volts, found.reset_volts, found.width_s) == (-1.5, 1.1, pytest.approx(200e-9))
    np.testing.assert_allclose(curve.lowering, DOWN, rtol=1e-6)
    with pytest.raises(InputError, match=r"its file says set_volts = -1.5, and 1.2 was given"):
        curve.pulses(set_volts=1.2)
    train = sn.read_measurement(path)
    assert isinstance(train, PulseTrain)
    assert train.volts[[0, 1, -1]].tolist() == [0.0, -1.5, 1.1]
    words = ["read", *["SET"] * 49, *["RESET"] * 49]
    curve = PulseCurve.from_csv(written(tmp_path, "pulse,type,G (S)", np.arange(99), words, g))
    assert (curve.raising.size, curve.lowering.size) == (50, 50)


def test_resistances_read_currents_and_conductance_quanta_are_converted(tmp_path):
    for header, values in (
        ("R (kOhm)", 1e-3 / UP),
        ("R/MΩ", 1e-6 / UP),
        ("I (A)", 0.1 * UP),
        ("Read current (nA)", 1e8 * UP),
        ("I (A) @ 0.1 V", 0.1 * UP),
        ("I (A)", -0.1 * UP),
        ("G (G0)", UP / 7.748091729e-5),
        ("conductance [mS]", 1e3 * UP),
    ):
        curve = PulseCurve.from_csv(written(tmp_path, f"pulse number,{header}", N, values))
        np.testing.assert_allclose(curve.raising, UP, rtol=1e-6)
    curve = PulseCurve.from_csv(
        written(tmp_path, "pulse,I (A)", N, 0.2 * UP, above="V_read = 0.2 V\n")
    )
    np.testing.assert_allclose(curve.raising, UP, rtol=1e-6)
    curve = PulseCurve.from_csv(
        written(tmp_path, "pulse,I (A),Read voltage (V)", N, 0.05 * UP, np.full(50, 0.05))
    )
    np.testing.assert_allclose(curve.raising, UP, rtol=1e-6)
    path = written(tmp_path, "pulse,I (A)", N, 0.3 * UP)
    np.testing.assert_allclose(PulseCurve.from_csv(path, v_read=0.3).raising, UP, rtol=1e-6)
    assert "assumed read voltage of 100 mV" in PulseCurve.from_csv(path).remarks[0]


def test_noise_around_nothing_is_left_out_and_counted(tmp_path):
    curve = PulseCurve.from_csv(
        written(tmp_path, "pulse,siemens", N, np.append(-5.3e-13, UP[1:] - 1e-6))
    )
    assert curve.raising.size == 49
    assert curve.remarks[1] == "left out: 1 reading at or below 0 S, noise around it (line 2)"
    rows = UP.tolist()
    rows[4] = 9.91e37
    assert (
        "1 point that overflowed or is no number (line 6)"
        in PulseCurve.from_csv(written(tmp_path, "n,G (S)", N, rows)).remarks[1]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pulse,G (S)\n0,1e-6\n1,2e-6x\n2,3e-6\n", "line 3: '2e-6x' in column G"),
        ("pulse,G (S)\n0,1e-6\n1,2e-6,7\n2,3e-6\n", "line 3: 3 cells; expected 2"),
        (
            "pulse,G (S)\n0,1e-6\n1,-2e-6\n2,3e-6\n",
            r"line 3: -2e-06 S in column G \(S\); expected finite conductances above 0 S",
        ),
        ("pulse,R (kOhm)\n0,100\n1,0\n2,90\n", "line 3: a resistance of 0 Ω"),
        (
            "pulse,volts,width_s,G (S)\n0,1,1e-6,1e-6\n1,1,1e-6,2e-6\n2,1.5,1e-6,3e-6\n3,1,1e-6,4e-6\n",
            "line 4: a pulse of 1.5 V among pulses of 1 V",
        ),
        (
            "pulse,volts,width_s,G (S)\n0,1,1e-6,1e-6\n1,1,1e-6,2e-6\n2,1,2e-6,3e-6\n",
            "line 4: a pulse of 2e-06 s among pulses",
        ),
        (
            "pulse,volts,width_s,G (S)\n0,1,1e-6,1e-6\n1,,1e-6,2e-6\n2,1,1e-6,3e-6\n",
            "line 3: no number in column volts",
        ),
        ("pulse,G (uS)\n0,3\n1,2\n2,1\n", "it only falls, from 3e-06 S to 1e-06 S"),
        ("n,G1 (S),G2 (S),G3 (S)\n0,1e-6,1e-6,1e-6\n1,2e-6,2e-6,2e-6\n", "line 1: 3 columns"),
        ("set (S),reset (S)\n1e-6,1e-6\n2e-6,2e-6\n3e-6,3e-6\n", "line 1: both columns rise"),
        ("time (s),G (S)\n0,1e-6\n1,2e-6\n", "column time .s. is not a conductance"),
        ("pulse,G (parsec)\n0,1\n1,2\n", "the unit 'parsec' is not known"),
        ("pulse,normalised conductance\n0,0.1\n1,0.2\n", "holds ratios"),
    ],
)
def test_damaged_curves_are_refused_by_line(text, message, tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        PulseCurve.from_csv(path)
