"""Errors carried back through a network are the slopes that small changes of the weights show."""

from dataclasses import replace

import numpy as np
import pytest

from spicesnn.errors import InputError
from spicesnn.networks import backward, evaluate
from spicesnn.networks.activations import (
    ELU,
    FUNCTIONS,
    SLOPES,
    Activation,
    Clip,
    LeakyReLU,
    Multiplied,
)
from spicesnn.networks.competition import CompetingLIF
from spicesnn.networks.learner import LearningNetwork
from spicesnn.networks.members import Inputs, Neurons
from spicesnn.networks.network import Network
from spicesnn.networks.nodes import Dense, Part, Reduced, Repeated, Reshape
from spicesnn.networks.populations import IF, LI, LIF, CubaLI, CubaLIF, Integrator
from spicesnn.networks.projections import AllToAll, Kernels, Lateral, Pool, Projection
from spicesnn.networks.synapses import Ideal

SMOOTH = {
    **{name: Activation(name) for name in SLOPES},
    "leaky": LeakyReLU(0.1),
    "leaky, each": LeakyReLU(np.linspace(-0.5, 0.5, 5)),
    "elu": ELU(alpha=0.7, gain=1.3, width=1.6),
    "clip": Clip(-0.4, 0.6),
}


def test_every_activation_but_the_step_has_a_slope():
    assert set(FUNCTIONS) - set(SLOPES) == {"step"}
    x = np.linspace(-4.0, 4.0, 998)
    for name, slope in SLOPES.items():
        rise = (FUNCTIONS[name](x + 1e-6) - FUNCTIONS[name](x - 1e-6)) / 2e-6
        assert slope(x) == pytest.approx(rise, abs=1e-5), name
    far = np.array([-800.0, 800.0])
    for name in FUNCTIONS:
        assert np.all(np.isfinite(FUNCTIONS[name](far))), name


def test_products_parts_means_and_spread_values():
    rng = np.random.default_rng(8)
    first, last = rng.normal(size=(3, 8)), rng.normal(size=(4, 2))
    network = Network.chain(
        [
            ("first", Dense(first)),
            ("pair", Reshape((2, 4))),
            ("product", Multiplied()),
            ("part", Part(0, (3, 0, 3))),
            ("mean", Reduced("average", (0,))),
            ("wide", Repeated((4,))),
            ("last", Dense(last)),
        ],
        (3,),
    )
    x, errors = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    values = evaluate.run(network, x, keep=frozenset(["input", *network.nodes]))
    found = backward.slopes(network, values, {}, errors)
    product = values["product"]
    assert values["wide"] == pytest.approx(
        np.repeat((2 * product[:, [3]] + product[:, [0]]) / 3, 4, axis=1)
    )
    for i, j in np.ndindex(first.shape):
        moved = []
        for step in (1e-6, -1e-6):
            other = first.copy()
            other[i, j] += step
            nodes = {**network.nodes, "first": Dense(other)}
            moved.append(np.sum(errors * replace(network, nodes=nodes).outputs(x)))
        assert found["first"].gradient[i, j] == pytest.approx(
            (moved[0] - moved[1]) / 2e-6, abs=1e-6
        )


def built(projections, populations, inputs, **rest):
    projections = tuple(
        Projection(
            source=a,
            target=b,
            connection=c,
            synapses=Ideal() if c.plastic else None,
            initial=(-0.9, 0.9),
            largest=1.0,
            **more,
        )
        for a, b, c, more in projections
    )
    return LearningNetwork(
        inputs={"in": inputs}, populations=populations, projections=projections, **rest
    ).fresh(np.random.default_rng(1))


def loss_of(net, x, target, weights):
    products = {}
    for name, matrix in weights.items():
        node = net.topology.nodes[name]
        products[name] = lambda v, node=node, matrix=matrix: node.assembled(
            [rows @ matrix for rows in node.rows_of(v)], len(v), v.shape[1:]
        )
    values = evaluate.run(net.topology, x, products, keep=frozenset(["in", *net.topology.nodes]))
    return 0.5 * float(np.sum((values[net.output] - target) ** 2)), values


def compared(net, x, rng, checks=25):
    weights = {name: cells.weights.copy() for name, cells in net.synapses.items()}
    _, values = loss_of(net, x, 0.0, weights)
    target = values[net.output] + rng.standard_normal(values[net.output].shape)
    _, values = loss_of(net, x, target, weights)
    found = backward.slopes(net.topology, values, weights, values[net.output] - target)
    for name, matrix in weights.items():
        for _ in range(checks):
            i, j = rng.integers(matrix.shape[0]), rng.integers(matrix.shape[1])
            step = 1e-6
            moved = []
            for sign in (1, -1):
                matrix[i, j] += sign * step
                moved.append(loss_of(net, x, target, weights)[0])
                matrix[i, j] -= sign * step
            assert found[name].gradient[i, j] == pytest.approx(
                (moved[0] - moved[1]) / (2 * step), rel=2e-4, abs=2e-5
            )


@pytest.mark.parametrize("name", SMOOTH)
def test_dense_layers(name):
    rng = np.random.default_rng(2)
    net = built(
        [("in", "a", AllToAll(bias=True), {}), ("a", "b", AllToAll(bias=True), {})],
        {
            "a": Neurons(shape=5, kind=SMOOTH[name]),
            "b": Neurons(shape=3, kind=Activation("identity")),
        },
        Inputs(shape=6),
    )
    compared(net, rng.random((4, 6)), rng)


@pytest.mark.parametrize("what", ["average", "sum", "max"])
def test_convolution_and_pooling(what):
    rng = np.random.default_rng(3)
    net = built(
        [
            ("in", "maps", Kernels(padding=(1, 1)), {}),
            ("maps", "small", Pool(what=what), {}),
            ("small", "more", Kernels(size=(2, 2)), {}),
            ("more", "out", AllToAll(), {}),
        ],
        {
            "maps": Neurons(shape=(3, 6, 6), kind=Activation("tanh")),
            "small": Neurons(shape=(3, 3, 3), kind=Activation("tanh")),
            "more": Neurons(shape=(4, 2, 2), kind=Activation("tanh")),
            "out": Neurons(shape=2, kind=Activation("identity")),
        },
        Inputs(shape=(2, 6, 6)),
    )
    compared(net, rng.random((3, 2, 6, 6)), rng)


@pytest.mark.parametrize("kind", [LI(tau=5e-3), CubaLI(tau_syn=3e-3, tau_mem=6e-3), Integrator()])
@pytest.mark.parametrize(
    "hidden", [LI(tau=4e-3), CubaLI(tau_syn=2e-3, tau_mem=5e-3), Integrator(r=0.3)]
)
def test_membranes_over_time_with_delays(kind, hidden):
    rng = np.random.default_rng(4)
    net = built(
        [
            ("in", "a", AllToAll(), {"delays_s": (0.0, 2e-3)}),
            ("a", "b", AllToAll(bias=True), {"delays_s": (1e-3,)}),
        ],
        {"a": Neurons(shape=4, kind=hidden), "b": Neurons(shape=2, kind=kind)},
        Inputs(shape=3, code="events"),
    )
    compared(net, rng.random((2, 7, 3)), rng)


@pytest.mark.parametrize(
    "kind",
    [
        IF(v_threshold=0.6),
        IF(v_threshold=0.6, reset="subtract"),
        LIF(tau=4e-3, v_threshold=0.3),
        CubaLIF(tau_syn=2e-3, tau_mem=4e-3, v_threshold=0.1),
    ],
)
def test_membranes_that_are_compared_are_those_of_the_neurons(kind):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((3, 40, 6))
    spikes, over = backward._Back(temporal=True, dt_s=1e-3, sharpness=2.0)._run(kind, x)
    assert np.array_equal(spikes, kind.run(x, 1e-3))
    assert np.array_equal(over > 0, spikes > 0)
    assert 10 < spikes.sum() < spikes.size


def test_a_spike_counts_as_its_surrogate():
    kind, back = (
        LIF(tau=4e-3, v_threshold=0.5),
        backward._Back(temporal=True, dt_s=1e-3, sharpness=3.0),
    )
    x, delta = np.array([[[1.0], [3.0], [0.5]]]), np.array([[[0.3], [-0.2], [0.7]]])
    v1 = 0.25
    v2 = v1 + 0.25 * (3.0 - v1)
    v3 = 0.25 * 0.5
    u = [1 / (1 + 3.0 * abs(v - 0.5) / 0.5) ** 2 for v in (v1, v2, v3)]
    d3 = 0.7 * u[2]
    d2 = -0.2 * u[1]  # it spiked: nothing is carried through its reset
    d1 = 0.3 * u[0] + 0.75 * d2
    assert v2 > 0.5
    assert back.population(kind, x, delta)[0, :, 0] == pytest.approx(
        [0.25 * d1, 0.25 * d2, 0.25 * d3]
    )


def test_what_has_no_slope_is_refused():
    loop = built(
        [("in", "a", AllToAll(), {}), ("a", "a", Lateral(), {})],
        {"a": Neurons(shape=3, kind=LIF())},
        Inputs(shape=2),
    )
    with pytest.raises(InputError, match="stand in a loop"):
        backward.check(loop.topology)
    rivals = built(
        [("in", "a", AllToAll(), {})], {"a": Neurons(shape=3, kind=CompetingLIF())}, Inputs(shape=2)
    )
    with pytest.raises(InputError, match="no error goes back through competing LIF neurons"):
        backward.check(rivals.topology)
