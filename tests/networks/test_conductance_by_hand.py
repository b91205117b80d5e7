"""Competing conductance neurons behind Poisson inputs step by step in plain Python, with the same
input events: every spike, weight and threshold of the compiled loop.

The equations are those of the heads of `conductance_loop`, `rules.stdp` and `conductance_lif`,
written again in double precision and millivolt."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.encoding.events import (
    MOST_EVENTS,
    alias_table,
    choose,
    count_events,
    poisson_ladder,
    seed_words,
)
from spicesnn.networks.competition import CompetingConductanceLIF
from spicesnn.networks.conductance_samples import ConductanceSamples
from spicesnn.networks.rules import LastSpikeSTDP, TraceSTDP
from spicesnn.networks.synapses import Ideal, PulseMap
from spicesnn.programming.pulse_map import StrongestPulses

NEURON = CompetingConductanceLIF(
    tau=0.05,
    v_leak=-66e-3,
    v_reset=-64e-3,
    v_threshold=-72e-3,
    excitatory_reversal=5e-3,
    inhibitory_reversal=-95e-3,
    tau_excitatory=2e-3,
    tau_inhibitory=3e-3,
    inhibition=12.0,
    refractory=2e-3,
    theta_start=20e-3,
    theta_step=0.4e-3,
    tau_theta=20.0,
)
INPUTS, NEURONS, STEPS, STEP_S, REST_S = 12, 4, 300, 0.5e-3, 0.2
RATE_HZ, BOOST_HZ, FEWEST, TRIES, COLUMN_SUM = 160.0, 60.0, 6, 3, 6.0
TRACES = TraceSTDP(rise=0.03, fall=0.006, tau_s=15e-3, column_sum=COLUMN_SUM)
LAST = LastSpikeSTDP(
    rise=0.02, fall=0.004, tau_s=2.5e-3, window_s=6e-3, column_sum=COLUMN_SUM
)  # 5 and 12 steps
HARDWARE = sn.Hardware(
    columns="single",
    device=sn.devices.VTEAM(
        r_on=10e3, r_off=100e3, v_on=-0.8, v_off=0.8, k_on=-2.4e-7, k_off=2.4e-7,
        alpha_on=1.0, alpha_off=1.0,
    ),
)  # fmt: skip
IDEAL = Ideal(hardware=HARDWARE)
DEVICE = PulseMap(
    hardware=HARDWARE,
    pulses=StrongestPulses(set_volts=1.3, reset_volts=1.3, set_s=50e-6, reset_s=10e-6),
)
GRID = np.linspace(0, 1, 257) ** 2
CASES = {"ideal": (IDEAL, TRACES), "device": (DEVICE, TRACES), "last-spike": (IDEAL, LAST)}


class Drawn:
    """The input events of a step, from the compiled generator."""

    def __init__(self, words, image, mean):
        self.words, self.lit = words, np.flatnonzero(image)
        self.cut, self.other = np.empty(image.size, np.uint32), np.empty(image.size, np.int32)
        self.ladder = np.empty(MOST_EVENTS)
        total = alias_table(image[self.lit].astype(float), self.lit.size, self.cut, self.other)
        poisson_ladder(total / 255.0 * mean, self.ladder)

    def step(self):
        count = count_events(self.words, self.ladder)
        return [
            int(self.lit[choose(self.words, self.lit.size, self.cut, self.other)])
            for _ in range(count)
        ]


def change_of(case, weight, scale, lag, up):
    """Δw of one synapse, of the weight that stands in the array: what the rule asks for, on a device
    up to what the strongest pulse does."""
    trace = np.exp(-lag * STEP_S / TRACES.tau_s)
    if case == "ideal":
        if up:
            return TRACES.rise * trace * max(1 - scale * weight, 0.0) / scale
        return -TRACES.fall * trace * weight
    if lag >= 6 * TRACES.tau_s / STEP_S - 1:  # the trace has died out
        return 0.0
    return float(np.interp(weight, GRID, tabled(trace, up)))


def tabled(trace, up):
    """Δw of a device at the weights of the grid."""
    limits, window = DEVICE.maps()[0], HARDWARE.used_window()
    siemens = window.low + GRID * window.span
    if up:
        most = np.interp(siemens, limits.at, limits.up) / window.span
        return np.minimum(TRACES.rise * trace * (1 - GRID), most)
    least = np.interp(siemens, limits.at, limits.down) / window.span
    return np.maximum(-TRACES.fall * trace * GRID, least)


def presented(state, values, rate, words, learn, case):
    """Return spikes of one presentation, and what it wrote; the state is moved on."""
    weight, scale, column_sum, theta, pulses = state
    drawn = Drawn(words, np.rint(255 * values), rate * STEP_S)
    v, g_e, g_i = np.full(NEURONS, -66.0), np.zeros(NEURONS), np.zeros(NEURONS)
    threshold = -72.0 + theta
    last_in, last_out, free = np.full(INPUTS, -1), np.full(NEURONS, -1), np.zeros(NEURONS)
    by_last = case == "last-spike"
    counts, fired, seen, events, written = np.zeros(NEURONS, int), [], [], 0, 0
    for step in range(STEPS):
        heard = drawn.step()
        events += len(heard)
        for i in heard:
            g_e += weight[i]
        for i in heard:
            if learn:
                if i not in seen:
                    seen.append(i)
                if not by_last:
                    for j in fired:
                        lag = step - last_out[j]
                        moved = weight[i, j] + change_of(case, weight[i, j], scale[j], lag, False)
                        moved = max(moved, 0.0)
                        column_sum[j] += moved - weight[i, j]
                        weight[i, j] = moved
                        pulses[i, j] += 1
                    written += len(fired)
            last_in[i] = step
        v = v + STEP_S / 0.05 * ((-66.0 - v) + scale * g_e * (5.0 - v) + g_i * (-95.0 - v))
        g_e, g_i = g_e * np.exp(-STEP_S / 2e-3), g_i * np.exp(-STEP_S / 3e-3)
        v[step < free] = -64.0
        over = np.where(step < free, -1.0, v - threshold)
        if over.max() <= 0:
            continue
        winner = int(over.argmax())
        counts[winner] += 1
        v[winner] = -64.0
        g_i[np.arange(NEURONS) != winner] += 12.0
        free[winner] = step + 4
        if learn:
            threshold[winner] += 0.4
            if winner not in fired:
                fired.append(winner)
            for i in range(INPUTS) if by_last else seen:
                w, lag = weight[i, winner], step - last_in[i]
                if by_last:
                    recent = last_in[i] >= 0 and lag <= 12
                    moved = w + (LAST.rise * np.exp(-lag / 5.0) if recent else -LAST.fall)
                    moved = min(max(moved, 0.0), 1.0)
                else:
                    moved = w + change_of(case, w, scale[winner], lag, True)
                    moved = min(moved, 1.0) if case == "device" else moved
                column_sum[winner] += moved - w
                weight[i, winner] = moved
                pulses[i, winner] += 1
                written += 1
        last_out[winner] = step
    if learn:
        theta[:] = (threshold + 72.0) * np.exp(-REST_S / 20.0)
    return counts, events, written


def by_hand(start, theta, samples, words, learn, case):
    weight, theta = start.copy(), theta.copy()
    scale, column_sum = np.ones(NEURONS), weight.sum(axis=0)
    pulses, responses, totals = np.zeros(weight.shape, int), [], np.zeros(4, int)
    for values in samples:
        rate = RATE_HZ
        for _ in range(TRIES):
            if learn and case == "ideal":
                scale[:] = COLUMN_SUM / column_sum
            elif learn:
                weight[:] = np.minimum(weight * COLUMN_SUM / column_sum, 1.0)
                column_sum[:] = weight.sum(axis=0)
            state = (weight, scale, column_sum, theta, pulses)
            counts, events, written = presented(state, values, rate, words, learn, case)
            totals += [1, counts.sum(), events, written]
            if counts.sum() >= FEWEST:
                break
            rate += BOOST_HZ
        responses.append(counts)
    return np.array(responses), totals, weight * scale, theta, pulses


@pytest.mark.parametrize("learn", [True, False])
@pytest.mark.parametrize("case", list(CASES))
def test_the_compiled_network_is_the_one_by_hand(case, learn):
    kind, rule = CASES[case]
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (5, INPUTS)).astype(np.uint8)
    # One input is dark, and one image is too dark to be answered at once.
    images[:, 3], images[1] = 0, images[1] // 8
    samples, weight = images / 255.0, (0.1 + 0.8 * rng.random((INPUTS, NEURONS)))
    theta = np.array([20.0, 20.3, 20.6, 20.1])
    shown = ConductanceSamples(
        population=NEURON,
        cells=kind.made(weight, rng, largest=1.0),
        rule=rule,
        theta=1e-3 * theta,
        rate_hz=RATE_HZ,
        boost_hz=BOOST_HZ,
        fewest_spikes=FEWEST,
        most_tries=TRIES,
        steps=STEPS,
        dt_s=STEP_S,
        rest_s=REST_S,
    )
    words = seed_words(np.random.default_rng(8))
    responses, totals, weight, theta, pulses = by_hand(weight, theta, samples, words, learn, case)
    assert totals[0] > 5
    assert totals[1] > 40
    if not learn:
        counts = shown.counts(samples, np.random.default_rng(8))
        np.testing.assert_array_equal(counts, responses)
        return
    assert shown.teachable
    left = shown.learnt(samples, np.random.default_rng(8))
    np.testing.assert_array_equal(left.answered, responses)
    names = ("presentations", "output_spikes", "input_events", "learning_writes")
    assert [left.counted[name] for name in names] == totals.tolist()
    np.testing.assert_allclose(left.cells.weights, weight, atol=2e-5)
    np.testing.assert_allclose(1e3 * left.lasting[0], theta, atol=2e-5)
    np.testing.assert_array_equal(left.cells.wear, pulses)
    if case == "device":
        limits = DEVICE.maps()[0]
        most = limits.up.max() / HARDWARE.used_window().span
        assert 0.2 * TRACES.rise < most < TRACES.rise  # the strongest pulse is sometimes too weak
