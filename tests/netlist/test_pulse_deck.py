import numpy as np
import pytest
from scipy.integrate import solve_ivp

import spicesnn as sn
from spicesnn.devices.stimulus import PiecewiseLinear
from spicesnn.engines.ngspice.circuit import alterable_of
from spicesnn.errors import InputError, SingularCircuitError
from spicesnn.netlist.accuracy import ReadAccuracy, TransientAccuracy
from spicesnn.netlist.batch import run_batch
from spicesnn.netlist.drive_deck import drive_deck
from spicesnn.netlist.pulse_deck import pulse_deck


def states_after(array, pulse, accuracy=None, **options):
    deck = pulse_deck(array, pulse.waveform().checked(array), accuracy, **options)
    run = run_batch(deck.text)
    nodes = deck.states.nodes
    ends = np.array([run[f"v({n})"][-1] for n in nodes.ravel()]).reshape(nodes.shape)
    return (ends * deck.states.scale[:, None, None]).reshape(array.state.shape), run, deck


def ode(device, volts_of, start, end, breaks=()):
    """The state after `end` seconds by scipy, tight, split where the drive has corners."""
    x, at = float(start), 0.0
    for stop in [*breaks, end]:
        step = solve_ivp(
            lambda t, y: device.rate(volts_of(t), y),
            (at, stop),
            [x],
            rtol=1e-10,
            atol=1e-18,
            method="LSODA",
        )
        x, at = float(step.y[0, -1]), stop
    return x


@pytest.fixture
def slow():
    """A VTEAM that moves by a part of its range in a microsecond at half a volt."""
    return sn.devices.VTEAM(k_on=-1e-4, k_off=5e-6)


def test_a_pulse_on_ideal_wires_moves_each_cell_as_its_own_equation_says(slow):
    array = sn.Crossbar(
        device=slow, state=[[0.5e-9, 1e-9], [1.5e-9, 2.5e-9]], wires=sn.Wires.ideal()
    )
    pulse = sn.Pulse(row_volts=[0.1, -0.6], column_volts=[0.0, -0.02], width_s=1e-6, rise_s=1e-7)
    got, run, _ = states_after(array, pulse)
    fine, _, _ = states_after(array, pulse, TransientAccuracy(points=1000, reltol=1e-7))
    for i in range(2):
        for j in range(2):
            across = np.array([0.1, -0.6])[i] - np.array([0.0, -0.02])[j]
            shape = PiecewiseLinear(
                np.array([0, 1e-7, 1.1e-6, 1.2e-6]), np.array([0, across, across, 0])
            )
            want = ode(slow, shape.volts, array.state[i, j], 1.2e-6, (1e-7, 1.1e-6))
            assert got[i, j] == pytest.approx(want, abs=4e-4 * 3e-9)
            assert fine[i, j] == pytest.approx(want, abs=1e-5 * 3e-9)
    assert len(run.sweep) < 120


def test_stuck_cells_stay_and_parameters_are_the_cells_own(slow):
    k_on = np.array([[-1e-4, -2e-4]])
    array = sn.Crossbar(
        device=slow.with_parameters(k_on=k_on), state=[[2.5e-9, 2.5e-9]], wires=sn.Wires.ideal()
    )
    pulse = sn.Pulse(row_volts=[-0.3], width_s=1e-6, rise_s=1e-8)
    free, _, _ = states_after(array, pulse)
    assert (2.5e-9 - free[0, 1]) / (2.5e-9 - free[0, 0]) == pytest.approx(2.0, rel=1e-4)
    stuck, _, deck = states_after(
        sn.Crossbar(
            device=array.device, state=array.state, wires=array.wires, stuck=[[True, False]]
        ),
        pulse,
    )
    assert stuck[0, 0] == pytest.approx(2.5e-9, abs=1e-22)
    assert stuck[0, 1] == pytest.approx(free[0, 1], rel=1e-6)
    assert deck.text.count("moves=0") == 1


def test_altering_states_is_what_a_new_deck_would_be(slow):
    first = sn.Crossbar(device=slow, state=[[1e-9, 2e-9]], wires=sn.Wires())
    second = first.with_state([[1e-9, 0.5e-9]])
    pulse = sn.Pulse(row_volts=[0.3], width_s=1e-6)
    decks = [pulse_deck(a, pulse.waveform().checked(a)) for a in (first, second)]
    assert decks[0].topology == decks[1].topology
    volts = [array.state.ravel() / decks[0].states.scale[0] for array in (second, first)]
    assert alterable_of(decks[0])["states"].commands(*volts) == ["alter c.xm0_1.cw ic = 0.5"]
    altered = decks[0].text.replace(
        ".print", ".control\nalter c.xm0_1.cw ic = 0.5\nrun\nwrite deck.raw\nquit 0\n.endc\n.print"
    )
    a, b = run_batch(altered), run_batch(decks[1].text)
    assert a["v(s_w_0_1)"][-1] == pytest.approx(b["v(s_w_0_1)"][-1], rel=1e-12)
    assert a["v(s_w_0_1)"][-1] != pytest.approx(1.9, rel=0.1)


def test_waveforms_are_altered_with_any_number_of_points(slow):
    array = sn.Crossbar(device=slow, state=[[1e-9]], wires=sn.Wires())
    deck = pulse_deck(array, sn.Pulse(row_volts=[0.3], width_s=1e-6).waveform().checked(array))
    other = pulse_deck(
        array, sn.Pulse(row_volts=[0.2], width_s=8e-7, rise_s=1e-7).waveform().checked(array)
    )
    assert deck.topology == other.topology
    time = np.array([0, 1e-7, 9e-7, 1e-6])
    commands = deck.rows.alter_pwl(time, np.array([[0], [0.2], [0.2], [0]]))
    assert commands == ["alter @vr0[pwl] = [ 0 0 1e-07 0.2 9e-07 0.2 1e-06 0 ]"]
    with pytest.raises(InputError, match=r"\(4, 3\); expected \(points, 1\)"):
        deck.rows.alter_pwl(time, np.zeros((4, 3)))
    altered = deck.text.replace(
        ".print", f".control\n{commands[0]}\nrun\nwrite deck.raw\nquit 0\n.endc\n.print"
    )
    assert run_batch(altered)["v(s_w_0_0)"][-1] == pytest.approx(
        run_batch(other.text)["v(s_w_0_0)"][-1], rel=1e-6
    )


def test_line_capacitance_slows_the_lines_and_is_the_sum_on_merged_nodes(slow):
    array = sn.Crossbar(
        device=slow,
        state=[[1e-9, 1e-9]],
        wires=sn.Wires(word_line_ohm=0.0, bit_line_ohm=0.0, driver_ohm=1e3, word_line_farad=1e-12),
    )
    deck = pulse_deck(
        array, sn.Pulse(row_volts=[0.1], width_s=2e-9).waveform().checked(array), save_nodes=True
    )
    assert "cw_w0_0 w0_0 0 2e-12" in deck.text
    run = run_batch(deck.text)
    parallel = 2 / 366.6666666667
    tau = 2e-12 / (1e-3 + parallel)
    final = 0.1 * 1e-3 / (1e-3 + parallel)
    at = np.searchsorted(run.sweep, tau)
    assert run["v(w0_0)"][at] == pytest.approx(final * (1 - np.exp(-run.sweep[at] / tau)), rel=1e-2)


def test_inlined_models_make_the_deck_stand_alone(slow):
    array = sn.Crossbar(device=slow, state=[[1e-9]], wires=sn.Wires())
    pulse = sn.Pulse(row_volts=[0.3], width_s=1e-6)
    included, _, deck = states_after(array, pulse)
    inlined, _, alone = states_after(array, pulse, inline_models=True)
    assert ".include" in deck.text
    assert ".include" not in alone.text
    assert inlined == pytest.approx(included, rel=1e-12)


def test_linear_cells_and_floating_lines():
    array = sn.Crossbar(conductance=[[1e-3, 1e-3]], wires=sn.Wires.ideal())
    waveform = (
        sn.Pulse(row_volts=[1.0], width_s=1e-6, floating_columns=np.array([False, True]))
        .waveform()
        .checked(array)
    )
    deck = pulse_deck(array, waveform)
    assert deck.states is None
    assert run_batch(deck.text)["i(vc0)"][-1] == pytest.approx(1e-3, rel=1e-12)
    with pytest.raises(SingularCircuitError, match="word-line node at cell"):
        pulse_deck(
            array,
            sn.Pulse(row_volts=[1.0], floating_rows=[True], floating_columns=[True, True])
            .waveform()
            .checked(array),
        )


def test_the_bench_of_one_device_follows_its_equations():
    device = sn.devices.VTEAM()
    stimulus = sn.Sine(amplitude=1.0, frequency=50e6, periods=0.5)
    deck = drive_deck(device, stimulus, points=400)
    run = run_batch(deck.text)
    assert run["v(s_w_0_0)"][-1] * 1e-9 == pytest.approx(
        ode(device, stimulus.volts, 1e-9, 1e-8), abs=1e-4 * 3e-9
    )
    resistance = 50 + 950 * run["v(s_w_0_0)"] / 3
    np.testing.assert_allclose(run["i(vc0)"], run["v(r0)"] / resistance, rtol=1e-5, atol=1e-12)
    assert len(run.sweep) >= 400


def test_the_bench_starts_from_a_given_state_and_altered_states_share_its_topology():
    stimulus = PiecewiseLinear(np.array([0, 1e-9]), np.array([0.01, 0.01]))
    decks = [
        drive_deck(sn.devices.VTEAM(), stimulus, np.array(w), points=10) for w in (0.6e-9, 2e-9)
    ]
    assert decks[0].topology == decks[1].topology
    assert [run_batch(d.text)["v(s_w_0_0)"][0] for d in decks] == pytest.approx(
        [0.6, 2.0], rel=1e-9
    )
    with pytest.raises(InputError, match="1 state variables"):
        drive_deck(sn.devices.VTEAM(), stimulus, np.zeros(3))


def test_accuracy_is_checked_and_sets_the_step():
    accuracy = TransientAccuracy(points=10, max_step_s=2e-8)
    assert accuracy.analysis(1e-6) == "tran 2e-08 1e-06 0 2e-08 uic"
    assert TransientAccuracy(points=10).step(1e-6) == pytest.approx(1e-7)
    with pytest.raises(InputError, match="reltol = 0"):
        TransientAccuracy(reltol=0)
    with pytest.raises(InputError, match="gmin = -1"):
        ReadAccuracy(gmin=-1)
