"""Arithmetic between layers: its slopes, and its circuits."""

from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import InputError
from spicesnn.networks import backward, evaluate
from spicesnn.networks.arithmetic import Elementary, Extremum, Power, Quantised, Quotient
from spicesnn.networks.network import Network
from spicesnn.networks.nodes import Dense, Node, Reshape
from spicesnn.networks.resampling import Mixed, Stretched

SMOOTH: dict[str, Node] = {
    "square": Power(np.array(2.0)),
    "powers": Power(np.array([[3.0], [2.0], [1.0]])),
    "inverse root": Power(np.array(-0.5)),
    "exp": Elementary("exp"),
    "log": Elementary("log"),
    "sin": Elementary("sin"),
    "cos": Elementary("cos"),
    "floor": Elementary("floor"),
    "largest": Extremum("max", (0,)),
    "smallest": Extremum("min", (0, 1)),
    "interpolated": Mixed(1, np.array([[0.2, 0.8], [1.0, 0.0], [-0.5, 2.0]])),
    "stretched": Stretched((3, 2)),
}
X = np.array([[0.31, 1.7, 0.92, 2.3, 0.44, 1.2], [1.1, 0.2, 3.1, 0.7, 2.6, 0.5]])


@pytest.mark.parametrize("name", [*SMOOTH, "quotient"])
def test_errors_go_back_as_differences_say(name: str) -> None:
    node, shape = (Quotient(), (2, 3)) if name == "quotient" else (SMOOTH[name], (3, 2))
    first = np.diag([0.8, 1.1, 0.9, 1.2, 0.7, 1.3])
    network = Network.chain([("w", Dense(first)), ("s", Reshape(shape)), ("f", node)], (6,))
    values = evaluate.run(network, X, keep=frozenset(["input", *network.nodes]))
    errors = np.random.default_rng(0).normal(size=values["f"].shape)
    found = backward.slopes(network, values, {}, errors)["w"].gradient
    for i in range(6):
        moved = []
        for step in (1e-6, -1e-6):
            other = first.copy()
            other[i, i] += step
            y = node((X @ other).reshape(2, *shape))
            moved.append(float(np.sum(errors * y)))
        assert found[i, i] == pytest.approx((moved[0] - moved[1]) / 2e-6, rel=1e-6, abs=1e-7)


def test_an_error_goes_straight_through_a_rounding_within_its_range() -> None:
    node = Quantised(np.array(0.5), np.array(1.0), 0.0, 4.0)
    x = np.array([[-0.8, 0.3, 1.4, 1.6]])
    assert node(x).tolist() == [[0.0, 2.0, 4.0, 4.0]]
    assert node.back(x, np.ones((1, 4))).tolist() == [[0.0, 2.0, 2.0, 0.0]]


@pytest.mark.parametrize(
    "node",
    [
        Power(np.array(3.0)),
        Power(np.array(0.5)),
        *map(Elementary, ("exp", "sin", "cos", "sign", "floor", "ceil")),
        Extremum("max", (0,)),
        Extremum("min", (1,)),
        Mixed(1, np.array([[0.2, 0.8], [1.0, 0.0], [-0.5, 2.0]])),
        Stretched((2, 3)),
    ],
    ids=lambda node: getattr(node, "name", node.kind),
)
def test_a_deck_has_the_controllers_values(node: Node) -> None:
    network = Network.chain(
        [("w", Dense(np.diag([0.7, 0.5, 0.9, 0.4]))), ("s", Reshape((2, 2))), ("f", node)], (4,)
    )
    chip = network.on(sn.Hardware(), seed=0)
    x = np.array([[0.9, 0.4, 0.6, 0.8]])
    (deck,) = chip.decks(x)
    assert deck.simulate().values["f"][:, -1].reshape(1, -1) == pytest.approx(
        chip.outputs(x), abs=1e-6
    )


@pytest.mark.parametrize(
    "node",
    [Power(np.array(-1.0)), Elementary("log"), Elementary("round")],
    ids=["1/x", "log", "round"],
)
def test_a_deck_refuses_what_has_no_value_at_0(node: Node) -> None:
    chip = Network.chain([("w", Dense(np.eye(2))), ("f", node)], (2,)).on(sn.Hardware(), seed=0)
    with pytest.raises(InputError, match="no value at 0"):
        chip.decks(np.array([[0.5, 0.6]]))


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: Elementary("tan"), "'tan'; expected one of"),
        (lambda: Quantised(np.array(-1.0), np.array(0.0), 0, 1), "steps above 0"),
        (lambda: Extremum("max", (2,)).shape_out((3, 2)), "over the axes"),
        (lambda: Quotient().shape_out((3, 2)), r"\(2, …\)"),
        (lambda: Power(np.ones(3)).shape_out((2,)), "do not fit"),
        (lambda: Mixed(0, np.ones((2, 2))).shape_out((3,)), "along axis 0"),
        (lambda: Stretched((0,)), "1 or more"),
    ],
)
def test_what_does_not_fit_is_refused(make: object, what: str) -> None:
    with pytest.raises(InputError, match=what):
        make()  # type: ignore[operator]
