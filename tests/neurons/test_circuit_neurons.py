"""Every circuit neuron against its Python twin, by ngspice."""

import numpy as np
import pytest

from spicesnn import paths
from spicesnn.errors import InputError
from spicesnn.netlist.batch import run_batch
from spicesnn.netlist.deck import number
from spicesnn.neurons.circuit import Amplifier, CircuitNeuron, Inhibition

FIRING = CircuitNeuron(hysteresis=0.5, reset_ohm=1e-3, refractory_s=5e-5)
OTHER = CircuitNeuron(
    feedback_ohm=3e3,
    transconductance=0.25,
    leak_ohm=5.0,
    capacitance=20e-6,
    v_threshold=1.7,
    hysteresis=0.3,
    v_reset=0.4,
    reset_ohm=4e-3,
    refractory_s=3e-5,
)
"""No parameter is 1, so that none can take another's place."""


def call(name, nodes, subckt, values):
    return f"{name} {nodes} {subckt} {' '.join(f'{k}={number(v)}' for k, v in values.items())}"


def bench(neuron, amps, duration, step, inhibition=None):
    """The spike times of neurons at constant currents, and the run."""
    models = ["transimpedance", "summing_stage", "lapicque", "winner_take_all"]
    cards = ["* bench", *(f'.include "{paths.model_file(m + ".lib")}"' for m in models)]
    amplifier = neuron.amplifier.spice_parameters()
    for k, current in enumerate(amps):
        ohm = neuron.feedback_ohm
        cards += [
            f"i{k} 0 c{k} dc {number(current)}",
            call(f"xt{k}", f"c{k} t{k}", "transimpedance", {"feedback_ohm": ohm} | amplifier),
            call(
                f"xs{k}",
                f"t{k} 0 d{k}",
                "summing_stage",
                {"feedback_ohm": ohm, "a_ohm": ohm, "b_ohm": 1e15} | amplifier,
            ),
            call(f"xn{k}", f"d{k} m{k} q{k}", "lapicque", neuron.spice_parameters()),
        ]
        if inhibition is not None:
            values = {
                "inhibition_s": inhibition.inhibition_s,
                "v_reset": 0.0,
                "inhibit_ohm": inhibition.inhibit_ohm,
                "v_spike": 0.5,
            }
            cards.append(call(f"xw{k}", f"q{k} m{k} bus", "winner_take_all", values))
    saved = " ".join(f"v(t{k}) v(d{k}) v(m{k}) v(q{k})" for k in range(len(amps)))
    cards += [
        ".options reltol=1e-4",
        f".save {saved}",
        f".tran {step:g} {duration:g} 0 {step:g} uic",
        ".end",
    ]
    run = run_batch("\n".join(cards))
    spikes = []
    for k in range(len(amps)):
        high = run[f"v(q{k})"] > 0.5
        spikes.append(run.sweep[1:][high[1:] & ~high[:-1]])
    return spikes, run


@pytest.mark.parametrize(
    ("neuron", "amps"),
    [(FIRING, 4.1e-3), (FIRING, 6e-3), (FIRING, 1e-2), (FIRING, 1.9e-2), (OTHER, 7e-4)],
)
def test_the_firing_rate_is_the_twins(neuron, amps):
    spikes, _ = bench(neuron, [amps], 2e-3, 5e-7)
    first = float(neuron.first_spike_s(amps))
    assert spikes[0][0] == pytest.approx(first, rel=5e-3, abs=1e-6)
    assert 1 / np.diff(spikes[0]).mean() == pytest.approx(float(neuron.rate_hz(amps)), rel=5e-3)
    assert len(neuron.spike_times([amps], 2e-3)[0]) == len(spikes[0])


@pytest.mark.parametrize("neuron", [FIRING, OTHER])
def test_the_threshold_is_where_the_twin_says(neuron):
    below, above = 0.995 * neuron.threshold_amps, 1.005 * neuron.threshold_amps
    spikes, run = bench(neuron, [below, above], 3e-3, 1e-5)
    assert len(spikes[0]) == 0
    assert len(spikes[1]) > 0
    assert run["v(m0)"][-1] == pytest.approx(float(neuron.membrane_goal_volts(below)), rel=1e-4)
    assert float(neuron.rate_hz(below)) == 0.0
    assert float(neuron.first_spike_s(below)) == np.inf


def test_the_threshold_is_that_of_the_stages_in_turn():
    """R_f volts an ampere, g_m ampere a volt, R volts an ampere: 1.7 V over 3 kΩ · 0.25 S · 5 Ω."""
    assert OTHER.threshold_amps == pytest.approx(1.7 / 3750.0, rel=1e-12)
    assert OTHER.tau_s == pytest.approx(1e-4, rel=1e-12)
    assert float(OTHER.membrane_goal_volts(1e-4)) == pytest.approx(0.375, rel=1e-4)
    assert OTHER.dead_s == pytest.approx(3e-5 + 1e-6 * np.log(1 / 0.45), rel=1e-12)


def test_without_reset_the_output_stays_on():
    spikes, run = bench(CircuitNeuron(), [5e-3], 2e-3, 1e-5)
    # The two amplifiers, of 1 MHz, delay the drive by 0.3 µs, which the twin leaves out.
    assert spikes[0] == pytest.approx([150e-6 * np.log(5)], abs=1e-6)
    assert run["v(q0)"][-1] > 1.0
    assert CircuitNeuron().spike_times([5e-3], 2e-3)[0] == pytest.approx(
        [150e-6 * np.log(5)], rel=1e-3
    )
    assert float(CircuitNeuron().rate_hz(5e-3)) == 0.0


@pytest.mark.parametrize("amps", [-1e-3, 5e-3, 19e-3, 30e-3])
def test_the_amplifier_is_linear_up_to_its_rails_as_the_twin(amps):
    amplifier = Amplifier(gain=1e4, pole_hz=1e3)
    _, run = bench(
        CircuitNeuron(amplifier=amplifier, v_threshold=100.0, hysteresis=1.0), [amps], 2e-3, 2e-5
    )
    settled = float(amplifier.transimpedance_volts(amps, 1e3))
    assert run["v(t0)"][-1] == pytest.approx(settled, rel=1e-4, abs=1e-4)
    assert settled == pytest.approx(np.clip(-1e3 * amps, -20, 20), rel=2e-3)


def test_the_amplifier_has_one_pole():
    amplifier = Amplifier(gain=1e3, pole_hz=100.0)
    _, run = bench(
        CircuitNeuron(amplifier=amplifier, v_threshold=100.0, hysteresis=1.0), [1e-3], 5e-5, 5e-8
    )
    # With a current source at its input the feedback is whole: the closed-loop pole is pole_hz·(1 +
    # gain).
    tau = 1 / (2 * np.pi * 100.0 * 1001)
    at = np.searchsorted(run.sweep, tau)
    assert run["v(t0)"][at] / run["v(t0)"][-1] == pytest.approx(
        1 - np.exp(-run.sweep[at] / tau), rel=1e-2
    )


@pytest.mark.parametrize("inhibition_s", [1e-3, 6e-5])
def test_the_winner_takes_all_or_shares_as_the_twin_says(inhibition_s):
    inhibition = Inhibition(inhibition_s=inhibition_s)
    amps = [6e-3, 8e-3, 7.9e-3]
    spikes, _ = bench(FIRING, amps, 1.2e-3, 2e-6, inhibition)
    want = FIRING.spike_times(amps, 1.2e-3, inhibition)
    assert [len(s) for s in spikes] == [len(w) for w in want]
    for got, twin in zip(spikes, want, strict=True):
        assert got == pytest.approx(twin, rel=1e-2, abs=3e-6)
    if inhibition_s == 1e-3:
        assert [len(w) > 0 for w in want] == [False, True, False]


def test_without_inhibition_everybody_fires():
    assert [len(s) for s in FIRING.spike_times([6e-3, 8e-3], 1.2e-3)] == [5, 8]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"capacitance": 0.0}, "capacitance = 0.0"),
        ({"hysteresis": 0.0}, "hysteresis ≥ 0.004 V"),
        ({"v_reset": 4.0}, "v_reset < v_threshold"),
        ({"reset_ohm": 1.0}, "below a hundredth of leak_ohm"),
    ],
)
def test_neurons_that_cannot_work_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        CircuitNeuron(**change)


def test_amplifiers_and_inhibition_are_checked():
    with pytest.raises(InputError, match="v_low < v_high"):
        Amplifier(v_low=1.0, v_high=0.0)
    with pytest.raises(InputError, match="above 0"):
        Inhibition(inhibition_s=0.0)


def followed(neuron, amps, duration, inhibition=None):
    """Return spike times by small steps: every membrane is held after its own spike, and after
    another's unless it has fired itself lately."""
    goal, tau, step = neuron.membrane_goal_volts(np.array(amps)), neuron.tau_s, 2e-8

    def held_by(ohm):
        return neuron.v_reset + (goal - neuron.v_reset) * ohm / (neuron.leak_ohm + ohm)

    held = held_by(neuron.reset_ohm)
    v, free_at, last = (
        np.full(len(amps), neuron.v_reset),
        np.zeros(len(amps)),
        np.full(len(amps), -np.inf),
    )
    spikes = [[] for _ in amps]
    for n in range(1, round(duration / step) + 1):
        now = n * step
        free = free_at < now - step / 2
        v = np.where(
            free, goal + (v - goal) * np.exp(-step / tau), v
        )  # whoever is held stays where it was put
        firing = free & (v >= neuron.v_threshold)
        if not firing.any():
            continue
        for k in np.flatnonzero(firing):
            spikes[k].append(now)
        v, last = np.where(firing, held, v), np.where(firing, now, last)
        free_at = np.where(firing, now + neuron.dead_s, free_at)
        if inhibition is not None:
            own = 0.5 ** ((now - last) / inhibition.inhibition_s)
            silent = ~firing & (own < 0.5)
            longer = now + inhibition.inhibition_s * np.log2(2 * (1 - np.where(silent, own, 0)))
            v = np.where(silent, held_by(inhibition.inhibit_ohm), v)
            free_at = np.where(silent, np.maximum(free_at, longer), free_at)
    return [np.array(times) for times in spikes]


@pytest.mark.parametrize("inhibition_s", [None, 4e-5, 6e-5])
def test_events_are_those_of_small_steps(inhibition_s):
    """Neurons that fired themselves of late are not silenced by another's spike; the others are,
    for so long as the shared line says."""
    inhibition = (
        None if inhibition_s is None else Inhibition(inhibition_s=inhibition_s, inhibit_ohm=0.2)
    )
    amps = [19e-3, 18e-3, 15e-3]
    with np.errstate(all="raise", under="ignore"):  # nor does NumPy warn
        times = FIRING.spike_times(amps, 7e-4, inhibition)
    found = [one[one < 6.9e-4] for one in times]
    want = [times[times < 6.9e-4] for times in followed(FIRING, amps, 7e-4, inhibition)]
    assert [len(times) for times in found] == [len(times) for times in want]
    assert sum(len(times) for times in found) > 12
    for times, other in zip(found, want, strict=True):
        assert times == pytest.approx(other, abs=2e-6)


def test_the_defaults_are_those_of_the_paper_and_what_cannot_be_is_refused():
    assert CircuitNeuron().spice_parameters() == {
        "transconductance": 1.0,
        "leak_ohm": 1.0,
        "capacitance": 150e-6,
        "v_threshold": 4.0,
        "hysteresis": 0.01,
        "v_reset": 0.0,
        "reset_ohm": 1e12,
        "refractory_s": 1e-6,
        "v_low": -0.07,
        "v_high": 1.07,
    }
    assert Amplifier().spice_parameters() == {
        "gain": 1e5,
        "pole_hz": 10.0,
        "v_low": -20.0,
        "v_high": 20.0,
    }
    for wrong in ({"inhibition_s": 0.0}, {"inhibit_ohm": 0.0}, {"inhibition_s": -1.0}):
        with pytest.raises(InputError, match="a time and a resistance above 0"):
            Inhibition(**wrong)
