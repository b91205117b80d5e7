"""Networks that learn: any connection computes what it says, samples are shown alike by both loops,
rules see no kind of synapse."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import InputError
from spicesnn.networks.activations import Activation
from spicesnn.networks.competition import CompetingLIF
from spicesnn.networks.decisions import FirstSpike, LargestOutput, MostSpikes, Votes
from spicesnn.networks.learner import LearningNetwork
from spicesnn.networks.members import Inputs, Neurons
from spicesnn.networks.populations import IF, LIF, Integrator
from spicesnn.networks.presenting import _Show, presented
from spicesnn.networks.projections import AllToAll, Kernels, Lateral, OneToOne, Pool, Projection
from spicesnn.networks.rules import LastSpikeSTDP, LocalRule, TraceSTDP
from spicesnn.networks.synapses import Ideal, Solved

SINGLE = sn.Hardware(columns="single")
CELLS = CompetingLIF(
    v_threshold=1.5,
    inhibition=0.5,
    refractory=5e-3,
    silence=6e-3,
    theta_step=0.02,
    theta_highest=2.0,
)


def patterns(rng, n, classes=4, inputs=16):
    """Each class lights a quarter of the inputs; a tenth of all flicker."""
    labels = rng.integers(classes, size=n)
    x = np.zeros((n, inputs))
    for k, label in enumerate(labels):
        x[k, label * inputs // classes : (label + 1) * inputs // classes] = 1.0
    return np.abs(x - (rng.random(x.shape) < 0.1)), labels


def network(kind=None, rule=None, **rest):
    projection = Projection(
        source="pixels",
        target="cells",
        synapses=kind or Ideal(hardware=SINGLE),
        rule=rule or LastSpikeSTDP(rise=0.05, fall=0.03),
        initial=(0.2, 0.6),
        largest=1.0,
    )
    return LearningNetwork(
        inputs={"pixels": Inputs(shape=16, code="spikes")},
        populations={"cells": Neurons(shape=12, kind=CELLS)},
        projections=(projection,),
        **{"decision": Votes(), "steps": 60, **rest},
    )


@pytest.mark.parametrize(
    "rule", [LastSpikeSTDP(rise=0.05, fall=0.03), TraceSTDP(rise=0.1, fall=0.01, column_sum=4.0)]
)
def test_stdp_learns_patterns_without_labels(rule):
    x, y = patterns(np.random.default_rng(0), 160)
    learnt = network(rule=rule).fit(x, y, seed=1)
    assert repr(learnt) == (
        f"<LearningNetwork: populations cells (12); rules {type(rule).__name__}; synapses Ideal>"
    )
    x_test, y_test = patterns(np.random.default_rng(1), 100)
    assert learnt.accuracy(x_test, y_test) >= 0.95
    assert learnt.energy.read_joule > 0
    assert learnt.pulses > 0


def test_both_loops_show_samples_alike():
    x, _ = patterns(np.random.default_rng(2), 6)
    begun = network(rule=TraceSTDP(rise=0.1, fall=0.0, column_sum=4.0)).fresh(
        np.random.default_rng(0)
    )
    ends = []
    for alone in (True, False):
        show = _Show(
            network=begun,
            rng=np.random.default_rng(3),
            synapses=dict(begun.synapses),
            lasting=dict(begun.lasting),
        )
        assert show.alone()
        for sample in x:
            show.spikes = begun.encoded(sample[None], show.rng)[0]
            show.begin()
            show.run_alone() if alone else show.run()
            show.end()
        ends.append(show)
    cells = [show.synapses["pixels>cells"] for show in ends]
    assert cells[0].weights == pytest.approx(cells[1].weights, abs=1e-12)
    assert ends[0].lasting["cells"][0] == pytest.approx(ends[1].lasting["cells"][0], abs=1e-12)
    assert cells[0].energy.read_joule == pytest.approx(cells[1].energy.read_joule, rel=1e-9)
    assert np.abs(cells[0].weights - begun.synapses["pixels>cells"].weights).max() > 0.05


def test_the_same_seed_gives_the_same_bits_and_nothing_changes_what_is_given():
    x, y = patterns(np.random.default_rng(4), 30)
    begun = network().fresh(np.random.default_rng(0))
    before = begun.synapses["pixels>cells"].weights.copy()
    ends = [begun.learn(x, y, np.random.default_rng(5)) for _ in range(2)]
    assert np.array_equal(*(end.synapses["pixels>cells"].weights for end in ends))
    assert np.array_equal(begun.synapses["pixels>cells"].weights, before)
    assert not np.array_equal(ends[0].synapses["pixels>cells"].weights, before)


def held(projections, populations, shape, **rest):
    return LearningNetwork(
        inputs={"in": Inputs(shape=shape)}, populations=populations, projections=projections, **rest
    ).fresh(np.random.default_rng(0))


def test_connections_compute_what_they_say():
    rng = np.random.default_rng(6)
    identity = Activation("identity")
    image = rng.random((3, 2, 6, 6))
    kernel = rng.uniform(-1, 1, (2 * 9, 5))
    net = held(
        (
            Projection(
                source="in",
                target="maps",
                connection=Kernels(padding=(1, 1)),
                synapses=Ideal(),
                initial=kernel,
                largest=1.0,
            ),
            Projection(source="maps", target="small", connection=Pool(what="average")),
            Projection(
                source="small",
                target="out",
                connection=AllToAll(bias=True),
                synapses=Ideal(),
                initial=(-1.0, 1.0),
                largest=1.0,
            ),
        ),
        {
            "maps": Neurons(shape=(5, 6, 6), kind=Activation("relu")),
            "small": Neurons(shape=(5, 3, 3), kind=identity),
            "out": Neurons(shape=4, kind=identity),
        },
        (2, 6, 6),
    )
    padded = np.pad(image, ((0, 0), (0, 0), (1, 1), (1, 1)))
    maps = np.zeros((3, 5, 6, 6))
    weights = kernel.T.reshape(5, 2, 3, 3)
    for i in range(6):
        for j in range(6):
            maps[:, :, i, j] = np.einsum(
                "nchw,ochw->no", padded[:, :, i : i + 3, j : j + 3], weights
            )
    small = np.maximum(maps, 0).reshape(3, 5, 3, 2, 3, 2).mean(axis=(3, 5)).reshape(3, -1)
    matrix = net.synapses["small>out"].weights
    assert matrix.shape == (46, 4)
    assert net.outputs(image, rng)[:, 0] == pytest.approx(
        small @ matrix[:-1] + matrix[-1], abs=1e-9
    )
    assert net.network().outputs(image) == pytest.approx(small @ matrix[:-1] + matrix[-1], abs=1e-9)


def test_delays_arrive_when_they_should_and_each_line_has_its_weights():
    weights = np.array([[1.0], [0.5], [0.25], [0.125]])
    net = LearningNetwork(
        inputs={"in": Inputs(shape=2, code="events")},
        populations={"out": Neurons(shape=1, kind=LIF(tau=1e9, r=1e12, v_threshold=1e9))},
        projections=(
            Projection(
                source="in",
                target="out",
                synapses=Ideal(),
                initial=weights,
                largest=1.0,
                delays_s=(0.0, 3e-3),
            ),
        ),
    ).fresh(np.random.default_rng(0))
    x = np.zeros((1, 8, 2))
    x[0, 1, 0], x[0, 2, 1] = 1.0, 1.0
    lines = [
        net.topology.nodes[name]
        for name in net.topology.nodes
        if "after" in name and "placed" not in name and "flat" not in name
    ]
    assert [float(line.seconds) for line in lines] == [0.0, 3e-3]
    from spicesnn.networks import evaluate

    arrived = evaluate.run(
        net.topology, net.encoded(x, None), net.products(None), keep=frozenset({"in>out"})
    )["in>out"][0, :, 0]
    assert arrived == pytest.approx([0, 1.0, 0.5, 0, 0.25, 0.125, 0, 0], abs=1e-9)


@pytest.mark.parametrize("rule", [None, TraceSTDP(rise=0.0, fall=0.0)])
def test_two_events_in_a_step_are_two_reads_as_in_two_steps(rule):
    """Charges and joules, on cells that are not linear, for learning and for answering."""
    curved = sn.Hardware(device=sn.devices.Yakopcic(b=8.0), columns="single", read_volts=0.4)

    def net(steps):
        rng = np.random.default_rng(4)
        return LearningNetwork(
            inputs={"in": Inputs(shape=3, code="events")},
            populations={"out": Neurons(shape=2, kind=Integrator())},
            projections=(
                Projection(
                    source="in",
                    target="out",
                    synapses=Ideal(hardware=curved),
                    initial=np.random.default_rng(1).uniform(0.2, 1.0, (3, 2)),
                    largest=1.0,
                    rule=rule,
                ),
            ),
            steps=steps,
        ).fresh(rng)

    twice = np.array([[[2.0, 0.0, 1.0], [0.0, 2.0, 0.0]]])
    apart = np.array([[[1.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]])
    rng = np.random.default_rng(0)
    few, many = net(2), net(4)
    ends = [n.outputs(x, rng)[0, -1] for n, x in ((few, twice), (many, apart))]
    assert ends[0] == pytest.approx(ends[1], rel=1e-9)
    joules = [n.activity(x, rng)[1] for n, x in ((few, twice), (many, apart))]
    assert joules[0] == pytest.approx(joules[1], rel=1e-9)
    if rule is not None:
        learnt = [n.learn(x, [0], rng).energy for n, x in ((few, twice), (many, apart))]
        assert learnt[0].read_joule == pytest.approx(joules[0], rel=1e-9)
        assert learnt[1].read_joule == pytest.approx(joules[0], rel=1e-9)


def test_lateral_inhibition_and_recurrence_act_one_step_later():
    net = LearningNetwork(
        inputs={"in": Inputs(shape=3, code="events")},
        populations={"cells": Neurons(shape=3, kind=IF(v_threshold=0.9))},
        projections=(
            Projection(source="in", target="cells", connection=OneToOne()),
            Projection(source="cells", target="cells", connection=Lateral(strength=5.0)),
        ),
    ).fresh(np.random.default_rng(0))
    x = np.zeros((1, 4, 3))
    x[0, 0] = [1.0, 0.0, 0.0]
    x[0, 1] = [1.0, 1.0, 0.0]
    assert net.outputs(x, np.random.default_rng(0))[0].tolist() == [
        [1, 0, 0],
        [1, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
    ]
    plastic = LearningNetwork(
        inputs={"in": Inputs(shape=3, code="events")},
        populations={"cells": Neurons(shape=3, kind=IF(v_threshold=0.9))},
        projections=(
            Projection(source="in", target="cells", connection=OneToOne()),
            Projection(
                source="cells",
                target="cells",
                synapses=Ideal(hardware=SINGLE),
                initial=(0.0, 0.0),
                largest=1.0,
                rule=TraceSTDP(rise=0.2, fall=0.0),
            ),
        ),
    ).fresh(np.random.default_rng(0))
    x = np.zeros((2, 6, 3))
    x[:, 1, 0], x[:, 2, 1] = 1.0, 1.0
    weights = plastic.learn(x, [0, 0], np.random.default_rng(0)).synapses["cells>cells"].weights
    assert weights[0, 1] > 0.2  # 0 spikes before 1, which is what 1 hears when it spikes
    assert weights[1, 0] == pytest.approx(0.0, abs=1e-12)


def test_a_rule_learns_on_solved_cells_as_on_ideal_ones():
    x, y = patterns(np.random.default_rng(8), 25)
    device = sn.devices.VTEAM(
        r_on=1e4,
        r_off=1e5,
        v_on=-0.8,
        v_off=0.8,
        k_on=-2.4e-7,
        k_off=2.4e-7,
        alpha_on=1.0,
        alpha_off=1.0,
    )
    from spicesnn.programming.pulse_map import StrongestPulses

    pulses = StrongestPulses(set_volts=1.3, reset_volts=1.3, set_s=500e-6, reset_s=500e-6)
    hardware = sn.Hardware(columns="single", device=device, wires=sn.Wires(1.0, 1.0), tile=(8, 6))
    begun = network(kind=Solved(hardware=hardware, pulses=pulses), steps=20).fresh(
        np.random.default_rng(0)
    )
    after = begun.learn(x[:8], y[:8], np.random.default_rng(0)).synapses["pixels>cells"]
    assert after.wear.sum() > 20
    assert after.energy.write_joule > 0
    assert np.abs(after.weights - begun.synapses["pixels>cells"].weights).max() > 0.01


def test_decisions_say_nobody_for_ties_and_silence():
    spikes = np.zeros((4, 5, 2))
    spikes[0, 1, 1] = spikes[0, 2, 0] = spikes[0, 3, 0] = 1
    spikes[1, 2] = 1
    spikes[2, [0, 2], 0] = spikes[2, [1, 4], 1] = 1
    assert FirstSpike().decided(spikes).tolist() == [1, -1, 0, -1]
    assert MostSpikes().decided(spikes).tolist() == [0, -1, 0, -1]
    assert LargestOutput().decided(np.array([[[0.0, 1.0]], [[2.0, 2.0]]])).tolist() == [1, -1]
    with pytest.raises(InputError, match="nobody knows yet"):
        Votes().decided(spikes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: network().outputs(np.zeros((1, 16)), np.random.default_rng()),
            "has no synapses yet",
        ),
        (lambda: LearningNetwork(inputs={}, populations={}, projections=()), "expected one"),
        (lambda: network(output="nowhere"), "'nowhere'"),
        (
            lambda: Projection(source="a", target="b", connection=Lateral(), synapses=Ideal()),
            "has no weights",
        ),
        (
            lambda: Projection(source="a", target="b", rule=LastSpikeSTDP()),
            "a rule without synapses",
        ),
        (
            lambda: Projection(source="a", target="b", delays_s=(-1.0,)),
            "expected seconds, 0 or more",
        ),
        (
            lambda: held(
                (Projection(source="in", target="out", synapses=Ideal(), rule=LastSpikeSTDP()),),
                {"out": Neurons(shape=2, kind=Activation("relu"))},
                3,
            ),
            "learns from spikes in time",
        ),
        (
            lambda: held(
                (Projection(source="in", target="out", connection=Pool()),),
                {"out": Neurons(shape=(1, 2, 3), kind=Activation("relu"))},
                (1, 4, 4),
            ),
            "pooling over",
        ),
        (lambda: network().fit(np.full((2, 16), 1.5), [0, 1]), "values from 0 to 1"),
        (lambda: Inputs(shape=2, code="loud"), "code is 'loud'"),
    ],
)
def test_what_has_no_meaning_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


@dataclass(frozen=True, kw_only=True, slots=True)
class Watches(LocalRule):
    """Learns nothing."""

    name: ClassVar[str] = "watches"
    asks: ClassVar[tuple] = ()

    def update(self, seen, synapses):
        return None


def test_a_bias_in_a_circle_is_there_from_the_first_step_while_it_learns_and_after():
    rng = np.random.default_rng(1)
    connections = (("in", "a", AllToAll()), ("a", "a", AllToAll(bias=True)))
    network = LearningNetwork(
        inputs={"in": Inputs(shape=3, code="spikes", probability=0.5)},
        populations={"a": Neurons(shape=4, kind=IF(v_threshold=0.7))},
        projections=tuple(
            Projection(
                source=source,
                target=target,
                connection=connection,
                synapses=Ideal(),
                rule=Watches(),
                initial=(0.2, 0.9),
                largest=1.0,
            )
            for source, target, connection in connections
        ),
        steps=6,
    ).fresh(rng)
    weights = network.synapses["a>a"].weights
    v, z, wanted = np.zeros(4), np.zeros(4), np.zeros(4)
    for _ in range(6):
        v = v + z @ weights[:4] + weights[4]
        z = (v > 0.7).astype(float)
        v = np.where(z > 0, 0.0, v)
        wanted += z
    shown = presented(network, np.zeros((1, 3)), rng)
    assert np.array_equal(shown.answered[0], wanted)
    assert np.array_equal(network.topology.spikes(np.zeros((1, 6, 3))).sum(axis=1)[0], wanted)
