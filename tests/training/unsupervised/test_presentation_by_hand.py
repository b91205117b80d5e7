"""The network of Diehl and Cook step by step in plain Python, with the same input events: every
spike, weight and threshold of the compiled one.

The equations are those of the heads of `presentation`, `stream` and `conductance_lif`, written
again in double precision."""

import numpy as np
import pytest

from spicesnn.encoding.events import (
    MOST_EVENTS,
    alias_table,
    choose,
    count_events,
    poisson_ladder,
    seed_words,
)
from spicesnn.networks.rules import LastSpikeSTDP
from spicesnn.neurons.conductance_lif import ConductanceLIF
from spicesnn.training.unsupervised.network import (
    IdealSynapse,
    NetworkState,
    TableSynapse,
    UnsupervisedNetwork,
    show,
)

NEURON = ConductanceLIF(
    tau_s=0.05,
    rest_mv=-66.0,
    reset_mv=-64.0,
    threshold_mv=-72.0,
    excitatory_reversal_mv=5.0,
    inhibitory_reversal_mv=-95.0,
    excitatory_tau_s=2e-3,
    inhibitory_tau_s=3e-3,
    refractory_s=2e-3,
    theta_start_mv=20.0,
    theta_step_mv=0.4,
    theta_tau_s=20.0,
)
NETWORK = UnsupervisedNetwork(
    inputs=12,
    neurons=4,
    column_sum=6.0,
    full_rate_hz=160.0,
    boost_hz=60.0,
    fewest_spikes=6,
    most_tries=3,
    inhibition=12.0,
    potentiation=0.03,
    depression_share=0.2,
    trace_tau_s=15e-3,
    show_s=0.15,
    rest_s=0.05,
    step_s=0.5e-3,
    neuron=NEURON,
)
GRID = np.linspace(0, 1, 9) ** 2
LAGS = np.arange(40)[:, None]
TABLE = TableSynapse(
    up=0.02 * np.exp(-LAGS / 12) * (1 - GRID), down=-0.006 * np.exp(-LAGS / 20) * GRID
)
LAST = LastSpikeSTDP(rise=0.02, fall=0.004, tau_s=2.5e-3, window_s=6e-3)  # 5 and 12 steps


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


def change_of(synapse, weight, scale, lag, up):
    """Return Δw of one synapse, of the weight that stands in the array."""
    network = NETWORK
    if isinstance(synapse, TableSynapse):
        table = synapse.up if up else synapse.down
        return float(np.interp(weight, GRID, table[min(lag, len(table) - 1)]))
    trace = np.exp(-lag * network.step_s / network.trace_tau_s)
    if up:
        return network.potentiation * trace * max(1 - scale * weight, 0.0) / scale
    return -network.potentiation * network.depression_share * trace * weight


def presented(state, image, rate, words, learn, synapse):
    """Return spikes of one presentation, and what it wrote; the state is moved on."""
    weight, scale, column_sum, theta = state
    drawn = Drawn(words, image, rate * NETWORK.step_s)
    neurons, inputs = NETWORK.neurons, NETWORK.inputs
    v, g_e, g_i = np.full(neurons, NEURON.rest_mv), np.zeros(neurons), np.zeros(neurons)
    threshold = NEURON.threshold_mv + theta
    last_in, last_out, free = np.full(inputs, -1), np.full(neurons, -1), np.zeros(neurons)
    silent_counts = isinstance(synapse, LastSpikeSTDP)
    counts, fired, seen, events, written = np.zeros(neurons, int), [], [], 0, 0
    refractory = round(NEURON.refractory_s / NETWORK.step_s)
    for step in range(NETWORK.steps):
        heard = drawn.step()
        events += len(heard)
        for i in heard:
            g_e += weight[i]
        for i in heard:
            if learn:
                if i not in seen:
                    seen.append(i)
                if not silent_counts:
                    for j in fired:
                        moved = weight[i, j] + change_of(
                            synapse, weight[i, j], scale[j], step - last_out[j], up=False
                        )
                        moved = max(moved, 0.0)
                        column_sum[j] += moved - weight[i, j]
                        weight[i, j] = moved
                    written += len(fired)
            last_in[i] = step
        share = NETWORK.step_s / NEURON.tau_s
        v = v + share * (
            (NEURON.rest_mv - v)
            + scale * g_e * (NEURON.excitatory_reversal_mv - v)
            + g_i * (NEURON.inhibitory_reversal_mv - v)
        )
        g_e, g_i = (
            g_e * np.exp(-NETWORK.step_s / NEURON.excitatory_tau_s),
            g_i * np.exp(-NETWORK.step_s / NEURON.inhibitory_tau_s),
        )
        v[step < free] = NEURON.reset_mv
        over = np.where(step < free, -1.0, v - threshold)
        if over.max() <= 0:
            continue
        winner = int(over.argmax())
        counts[winner] += 1
        v[winner] = NEURON.reset_mv
        g_i[np.arange(neurons) != winner] += NETWORK.inhibition
        free[winner] = step + refractory
        if learn:
            threshold[winner] += NEURON.theta_step_mv
            if winner not in fired:
                fired.append(winner)
            for i in range(inputs) if silent_counts else seen:
                w, lag = weight[i, winner], step - last_in[i]
                if silent_counts:
                    recent = last_in[i] >= 0 and lag <= 12
                    moved = min(
                        max(
                            w + (LAST.rise * np.exp(-lag / 5.0) if recent else -LAST.fall),
                            0.0,
                        ),
                        1.0,
                    )
                else:
                    moved = w + change_of(synapse, w, scale[winner], lag, up=True)
                    moved = min(moved, 1.0) if isinstance(synapse, TableSynapse) else moved
                column_sum[winner] += moved - w
                weight[i, winner] = moved
                written += 1
        last_out[winner] = step
    if learn:
        theta[:] = (threshold - NEURON.threshold_mv) * np.exp(
            -(NETWORK.show_s + NETWORK.rest_s) / NEURON.theta_tau_s
        )
    return counts, events, written


def by_hand(start, images, words, learn, synapse):
    weight, scale, column_sum, theta = (
        np.array(a, dtype=float)
        for a in (start.weight, start.scale, start.column_sum, start.theta_mv)
    )
    responses, totals = [], np.zeros(4, int)
    for image in images:
        rate = NETWORK.full_rate_hz
        for _ in range(NETWORK.most_tries):
            if learn and isinstance(synapse, IdealSynapse):
                scale[:] = NETWORK.column_sum / column_sum
            elif learn:
                for j in range(NETWORK.neurons):
                    weight[:, j] = np.minimum(
                        weight[:, j] * NETWORK.column_sum / column_sum[j], 1.0
                    )
                column_sum[:] = weight.sum(axis=0)
            counts, events, written = presented(
                (weight, scale, column_sum, theta), image, rate, words, learn, synapse
            )
            totals += [1, counts.sum(), events, written]
            if counts.sum() >= NETWORK.fewest_spikes:
                break
            rate += NETWORK.boost_hz
        responses.append(counts)
    return np.array(responses), totals, weight, scale, column_sum, theta


@pytest.mark.parametrize("learn", [True, False])
@pytest.mark.parametrize(
    "synapse", [IdealSynapse(), TABLE, LAST], ids=["ideal", "table", "last-spike"]
)
def test_the_compiled_network_is_the_one_by_hand(synapse, learn):
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (5, 12)).astype(np.uint8)
    images[:, 3], images[1] = (
        0,
        images[1] // 8,
    )  # one input is dark, and one image is too dark to be answered at once
    weight = (0.1 + 0.8 * rng.random((12, 4))).astype(np.float32)
    theta = np.array([20.0, 20.3, 20.6, 20.1], np.float32)
    start = NetworkState(
        weight=weight,
        scale=np.ones(4, np.float32),
        column_sum=weight.sum(axis=0).astype(float),
        theta_mv=theta,
    )
    shown = show(NETWORK, start, images, np.random.default_rng(8), learn=learn, synapse=synapse)
    words = seed_words(np.random.default_rng(8))
    responses, totals, weight, scale, column_sum, theta = by_hand(
        start, images, words, learn, synapse
    )
    assert totals[0] > 5
    assert totals[1] > 40
    np.testing.assert_array_equal(shown.responses, responses)
    assert [
        shown.presentations,
        shown.output_spikes,
        shown.input_events,
        shown.learning_writes,
    ] == totals.tolist()
    np.testing.assert_allclose(shown.state.weight, weight, atol=2e-5)
    np.testing.assert_allclose(shown.state.scale, scale, rtol=2e-5)
    np.testing.assert_allclose(shown.state.column_sum, column_sum, rtol=2e-5)
    np.testing.assert_allclose(shown.state.theta_mv, theta, atol=2e-5)
