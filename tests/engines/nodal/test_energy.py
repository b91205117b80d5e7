"""The energy and charge of pulses against brute force, and reads against elimination: a small part
of ``scripts/brute_force.py``."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.engines.nodal import transient
from spicesnn.errors import ConvergenceError

ENGINE = sn.NodalEngine()


@pytest.fixture(scope="module")
def brute() -> ModuleType:
    path = Path(__file__).parents[3] / "scripts" / "brute_force.py"
    spec = importlib.util.spec_from_file_location("brute_force", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["brute_force"] = module
    spec.loader.exec_module(module)
    return module


def test_random_reads_agree_with_star_mesh_elimination(brute: ModuleType) -> None:
    errors = [brute.check_read(np.random.default_rng([7, 0, k])) for k in range(150)]
    assert max(errors) < 1e-10


def test_random_reads_of_any_cells_agree_with_newton_steps_of_the_script(brute: ModuleType) -> None:
    found = [brute.check_nonlinear_read(np.random.default_rng([7, 2, k])) for k in range(25)]
    assert max(error for error, _ in found) < 1e-9
    refused = [line for _, line in found if line]
    assert all(
        line.startswith("mosfet-emulator: Newton's method") for line in refused
    )  # steep at some states: refused, never wrong
    assert len(refused) <= 2


@pytest.mark.parametrize(
    "name",
    [
        "vteam",
        "linear-drift",
        "yakopcic",
        "metal-oxide",
        "stanford",
        "pershin-di-ventra",
        "saturating-pulse",
    ],
)
def test_random_pulses_agree_with_brute_force_in_states_and_energy(
    brute: ModuleType, name: str
) -> None:
    compared = 0
    for k in range(4):
        try:
            state, energy, _, line = brute.check_pulse(
                brute.random_case(np.random.default_rng([7, 1, k]), name), ENGINE
            )
        except brute.ReferenceFailedError:
            continue
        assert not line
        assert state < 2e-4
        assert energy < 1e-3
        compared += 1
    assert compared >= 2


@pytest.mark.slow  # 1T1R cells are advanced in NumPy: half a minute
def test_cells_that_reach_their_bound_before_the_array_answers_do_not_end_on_it(
    brute: ModuleType,
) -> None:
    """1T1R, 2×2: all cells would be at w = 0 within 0.3 ps at the first voltages; the array takes
    half of them away in that time.

    A step of 0.2 ns saw all cells at the bound at each of its nodes, where nothing changes them any
    more. The reference is the script's."""
    case = brute.random_case(np.random.default_rng([21, 1, 9]))
    after = ENGINE.pulse(case.array, case.pulse)
    reference = np.array([[2.13e-12, 7.95e-12], [7.75e-12, 1.585e-11]])
    assert np.abs(after.state - reference).max() < 1e-4 * 3e-9
    assert after.energy_joule == pytest.approx(7.8945e-9, rel=1e-3)


@pytest.mark.parametrize("way", ["compiled", "NumPy"])
@pytest.mark.parametrize("ohms", [(87.35, 991.5), (1.0, 1.0)])
def test_cells_that_switch_off_unseen_within_a_step_have_their_energy_counted(
    brute: ModuleType, ohms: tuple[float, float], way: str
) -> None:
    """Yakopcic cells end at x = 0, where no current is left: all of the energy is delivered while
    they go there."""
    factor = None if way == "compiled" else np.ones((2, 2))
    array = sn.Crossbar(
        device=sn.devices.Yakopcic(),
        state=[[0.194, 0.390], [0.798, 0.380]],
        wires=sn.Wires(*ohms),
        current_factor=factor,
    )
    case = brute.Case(
        array=array, pulse=sn.Pulse(row_volts=[-3.685, -2.686], width_s=0.0665), over=1.0
    )
    state, energy, absolute = brute.reference(case)
    after = ENGINE.pulse(array, case.pulse)
    assert np.abs(after.state - state).max() < 1e-4
    assert abs(after.energy_joule - energy) < 1e-3 * absolute


@pytest.mark.slow
def test_many_random_reads_and_pulses_agree_with_brute_force(brute: ModuleType) -> None:
    assert (
        max(brute.check_read(np.random.default_rng([8, 0, k])) for k in range(5000))
        < brute.READ_ERROR
    )
    for k in range(200):
        case = brute.random_case(np.random.default_rng([8, 1, k]))
        try:
            state, energy, _, _ = brute.check_pulse(case, ENGINE)
        except brute.ReferenceFailedError:
            continue
        assert state <= brute.STATE_ERROR, case
        assert energy <= brute.ENERGY_ERROR, case


@pytest.mark.parametrize(("volts", "joule"), [(5.0, 0.20444), (10.0, 28.1648), (30.0, 562.604)])
def test_a_cell_whose_current_only_its_wires_limit_takes_what_they_let_through(
    volts: float, joule: float
) -> None:
    """i = 2·β·w⁴·sinh(2v) reaches tens of ampere at 10 V: two segments of 1 Ω limit it. The values
    are the reference's of the script."""
    array = sn.Crossbar(
        device=registry.fresh("nonlinear-drift"),
        shape=(1, 1),
        wires=sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0),
    )
    after = ENGINE.pulse(array, sn.Pulse(row_volts=volts, width_s=1.0, rise_s=1.0))
    assert after.energy_joule == pytest.approx(joule, rel=1e-4)
    assert after.stats["energy_error_joule"] < 2e-3 * joule


def test_a_cell_that_switches_off_at_once_delivers_little() -> None:
    """The first power would deliver a thousand times as much over the whole pulse as what it does
    deliver."""
    device = sn.devices.VTEAM(
        r_on=1e3, r_off=1e9, v_on=-0.5, v_off=0.5, k_on=-1e3, k_off=1e3, alpha_on=1.0, alpha_off=1.0
    )
    array = sn.Crossbar(device=device, state=np.array([[0.0]]), wires=sn.Wires.ideal())
    after = ENGINE.pulse(array, sn.Pulse(row_volts=1.0, width_s=1e-3))
    speed = 1e3 * (1.0 / 0.5 - 1.0)  # m/s: 3 nm in 3 ps, but for the ramp at the bound
    time_s = np.linspace(0.0, 3e-9 / speed, 2_000_001)
    burst = np.trapezoid(1.0 / (1e3 + (1e9 - 1e3) * time_s / time_s[-1]), time_s)
    assert after.energy_joule == pytest.approx(1e-3 / 1e9 + burst, rel=2e-3)
    assert after.energy_joule < 2e-6 * 1e-3


@pytest.mark.parametrize("volts", [3.0, 5.0])
def test_charge_times_volts_is_the_energy_of_a_pulse_without_edges(volts: float) -> None:
    array = sn.Crossbar(
        device=registry.fresh("nonlinear-drift"),
        shape=(2, 1),
        wires=sn.Wires(word_line_ohm=1.0, bit_line_ohm=3.0),
    )
    after = ENGINE.pulse(array, sn.Pulse(row_volts=[volts, 0.7 * volts], width_s=1e-3))
    row, column = (np.asarray(after.stats[name]) for name in ("row_coulomb", "column_coulomb"))
    assert row @ [volts, 0.7 * volts] == pytest.approx(after.energy_joule, rel=1e-9)
    assert row.sum() == pytest.approx(column.sum(), rel=1e-12)
    ends = after.waveforms
    power = (ends.row_amps * ends.row_volts).sum(axis=1)
    assert power.min() * 1e-3 * (1 - 1e-4) <= after.energy_joule <= power.max() * 1e-3 * (1 + 1e-4)


def test_extreme_pulses_end_soon_with_an_answer_or_one_line() -> None:
    for name in ("nonlinear-drift", "jart-vcm", "vteam", "memdiode"):
        device = registry.fresh(name)
        volts, frequency = device.typical_drive()
        array = sn.Crossbar(
            device=device, shape=(1, 1), wires=sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0)
        )
        begin = time.process_time()
        outcome = "answered"
        try:
            assert (
                ENGINE.pulse(
                    array,
                    sn.Pulse(
                        row_volts=30.0 * volts, width_s=1.0 / frequency, rise_s=0.1 / frequency
                    ),
                ).energy_joule
                > 0
            )
        except ConvergenceError as error:
            outcome = str(error)
        assert "\n" not in outcome
        assert time.process_time() - begin < 20.0


def test_a_pulse_that_needs_too_many_steps_is_given_up_with_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transient, "MOST_TRIES", 2)
    array = sn.Crossbar(
        device=registry.fresh("nonlinear-drift"),
        shape=(2, 2),
        wires=sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0),
    )
    with pytest.raises(ConvergenceError, match="given up after 2 steps"):
        ENGINE.pulse(array, sn.Pulse(row_volts=5.0, width_s=1.0, rise_s=1.0))


YAKOPCIC_PULSES = [
    (0.22796007188325587, 0.003502513785634305, 0.1),
    (0.2943692629503159, 7.547459103951701e-05, 0.3),
    (0.48701762792145104, 0.0002497076256403502, 0.1),
]


@pytest.mark.parametrize(("volts", "width", "edges"), YAKOPCIC_PULSES)
def test_a_cell_that_does_not_conduct_before_its_threshold_is_followed_over_it(
    volts: float, width: float, edges: float
) -> None:
    """From state 0 no current flows until the state rises: a charge that is all new over any step
    asked for steps without an end."""
    device, rise = registry.make("yakopcic"), edges * width
    pulse = sn.Pulse(row_volts=[volts], column_volts=0.0, width_s=width, rise_s=rise)
    ends = np.array([0.0, rise, rise + width, 2 * rise + width])
    kinks = [rise * device.v_p / volts, ends[-1] - rise * device.v_p / volts]
    times = np.unique(np.concatenate([np.linspace(0, ends[-1], 400_001), ends, kinks]))
    v = np.interp(times, ends, [0.0, volts, volts, 0.0])

    def rate(volt: float, state: float) -> float:
        drift = device.a_p * max(np.exp(volt) - np.exp(device.v_p), 0.0)
        if state <= device.x_p:
            return drift
        above = state - device.x_p
        return drift * np.exp(-device.alpha_p * above) * (1 - above / (1 - device.x_p))

    states = np.zeros(times.size)
    for k, step in enumerate(np.diff(times)):
        slope = rate(v[k], states[k])
        half = rate(0.5 * (v[k] + v[k + 1]), states[k] + 0.5 * step * slope)
        states[k + 1] = states[k] + step * half
    joule = np.trapezoid(v * device.a1 * states * np.sinh(device.b * v), times)
    array = sn.Crossbar(device=device, state=np.zeros((1, 1)), wires=sn.Wires.ideal())
    for tolerance in (1e-4, 1e-7):
        done = sn.NodalEngine(state_tolerance=tolerance).pulse(array, pulse)
        assert done.state[0, 0] == pytest.approx(states[-1], abs=tolerance)
        assert done.energy_joule == pytest.approx(joule, rel=2 * tolerance)
