r"""The error of a network's outputs carried back to its weights, through any nodes without a loop,
over time steps where it has them.

A spike has no derivative: at a membrane v with the threshold ϑ it counts as :math:`1/(1 + k |v -
\vartheta|/\vartheta)^2` (Zenke and Ganguli, Neural Computation 30, 1514, 2018), k the sharpness;
nothing is carried through the reset. Weights are what the synapses hold; the values between them
are those that the synapses made, wires, noise and all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from spicesnn.errors import InputError
from spicesnn.learning.gradients import spike_slope
from spicesnn.networks.activations import (
    ELU,
    SLOPES,
    Activation,
    Clip,
    LeakyReLU,
    Multiplied,
    Threshold,
)
from spicesnn.networks.arithmetic import Differentiable
from spicesnn.networks.network import Network
from spicesnn.networks.nodes import (
    Embed,
    Flatten,
    Node,
    Pad,
    Part,
    Pooling,
    Reduced,
    Repeated,
    Reshape,
    Scale,
    Shape,
    Transpose,
    Values,
    Weighted,
)
from spicesnn.networks.populations import (
    IF,
    LI,
    LIF,
    CubaLI,
    CubaLIF,
    Delay,
    Integrator,
    Population,
)
from spicesnn.networks.resampling import Mixed, Stretched


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Slope:
    """What a weighted node saw, and the error of its sums.

    Attributes
    ----------
    rows : (m, rows)
        Word lines: samples, time steps and positions one after the other.
    deltas : (m, outputs)
        dLoss/d(sum), or whatever error was handed in at the outputs, carried back.
    """

    rows: Values
    deltas: Values

    @property
    def gradient(self) -> Values:
        """Σ rows·deltas, (rows, outputs)."""
        return np.asarray(self.rows.T @ self.deltas)


def check(network: Network) -> None:
    """Refuse a network through which no error goes back.

    Raises
    ------
    InputError
        Loops, or nodes without a slope.
    """
    for stage in network.stages:
        if stage.recurrent:
            raise InputError(
                f"{' and '.join(stage.nodes[:2])} stand in a loop; errors go back through networks"
                " without one"
            )
    for name, node in network.nodes.items():
        if isinstance(node, Weighted):
            continue
        if isinstance(node, Population):
            if not isinstance(node, (IF, LIF, LI, CubaLIF, CubaLI, Integrator, Delay)):
                raise InputError(
                    f"{name}: no error goes back through {node.kind} neurons; expected IF, LIF, LI,"
                    " CubaLIF, CubaLI or I"
                )
        elif not isinstance(
            node,
            (
                Activation,
                LeakyReLU,
                ELU,
                Clip,
                Threshold,
                Multiplied,
                Differentiable,
                Pooling,
                Scale,
                Reshape,
                Flatten,
                Transpose,
                Embed,
                Pad,
                Part,
                Reduced,
                Repeated,
                Mixed,
                Stretched,
            ),
        ):
            raise InputError(f"{name}: no error goes back through a node of kind {node.kind}")


def slopes(
    network: Network,
    values: Mapping[str, Values],
    weights: Mapping[str, Values],
    errors: Values,
    *,
    sharpness: float = 2.0,
) -> dict[str, Slope]:
    """Carry errors back.

    Parameters
    ----------
    network : Network
    values : mapping of node to (n, *shape), or (n, steps, *shape) for networks in time
        What every node put out, the input's included.
    weights : mapping of node to (rows, outputs)
        Of the weighted nodes that errors go through; the nodes' own matrices where left out.
    errors : (n, *shape) or (n, steps, *shape)
        At the output.
    sharpness : float
        k of the surrogate.

    Returns
    -------
    dict of weighted node to Slope
    """
    check(network)
    back: dict[str, Values] = {network.output: errors}
    found: dict[str, Slope] = {}
    order = [name for stage in network.stages for name in stage.nodes if name != network.source]
    for name in reversed(order):
        if name not in back:
            continue
        node, sources, delta = network.nodes[name], network.inputs_of(name), back.pop(name)
        x = values[sources[0]]
        for other in sources[1:]:
            x = x + values[other]
        earlier = _Back(temporal=network.temporal, dt_s=network.dt_s, sharpness=sharpness)
        before: Values | None
        if isinstance(node, Population):
            before = earlier.population(node, x, delta)
        elif isinstance(node, Weighted):
            matrix = weights.get(name, node.matrices[0])
            found[name], before = earlier.weighted(
                node, matrix, x, delta, wanted=sources != (network.source,)
            )
        else:
            before = earlier.flat(node, x, delta, network.shapes[name])
        if before is None:
            continue
        for origin in sources:
            if origin != network.source:
                back[origin] = back[origin] + before if origin in back else before
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Back:
    """Steps back through single nodes."""

    temporal: bool
    dt_s: float
    sharpness: float

    def _joined(self, x: Values) -> Values:
        return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]) if self.temporal else x

    def weighted(
        self, node: Weighted, matrix: Values, x: Values, delta: Values, *, wanted: bool
    ) -> tuple[Slope, Values | None]:
        """The slope of the weights, and the error of the inputs."""
        if len(node.matrices) != 1:
            raise InputError(
                f"a {node.kind} with {len(node.matrices)} groups; errors go back through one group"
            )
        flat, errors = self._joined(x), self._joined(delta)
        shape = flat.shape[1:]
        rows = node.rows_of(flat)[0]
        # Each product's place in the outputs, read off numbers that are put through the same way.
        positions = len(rows) // len(flat)
        numbers = np.arange(positions * matrix.shape[1], dtype=float).reshape(positions, -1)
        places = node.assembled([numbers], 1, shape)[0].astype(np.int64).ravel()
        deltas = np.empty((len(flat), places.size))
        deltas[:, places] = errors.reshape(len(errors), -1)
        deltas = deltas.reshape(len(rows), matrix.shape[1])
        slope = Slope(rows=rows, deltas=deltas)
        if not wanted:
            return slope, None
        size = math.prod(shape)
        # Which input each word line of each position listens to, read off numbers again; 0 is
        # padding, and the bias.
        origin = node.rows_of(np.arange(1, size + 1, dtype=float).reshape(1, *shape))[0].astype(
            np.int64
        )
        if getattr(node, "biased", False):
            origin[:, -1] = 0
        carried = (deltas @ matrix.T).reshape(len(flat), -1)
        listens = csr_array(
            (np.ones(origin.size), (np.arange(origin.size), origin.ravel())),
            shape=(origin.size, size + 1),
        )
        return slope, np.asarray(carried @ listens)[:, 1:].reshape(x.shape)

    def flat(self, node: Node, x: Values, delta: Values, shape: Shape) -> Values:
        """The error before a node without memory or weights."""
        values, errors = self._joined(x), self._joined(delta)
        if isinstance(node, Multiplied):
            return np.asarray(errors[:, None] * values[:, ::-1]).reshape(x.shape)
        if isinstance(node, Differentiable):
            return node.back(values, errors).reshape(x.shape)
        if isinstance(node, (Activation, LeakyReLU, ELU, Clip, Threshold)):
            return np.asarray(errors * self._slope(node, values)).reshape(x.shape)
        if isinstance(node, Scale):
            return np.asarray(errors * node.factors).reshape(x.shape)
        if isinstance(node, Pooling) and node.what == "max":
            return self._from_largest(node, values, errors).reshape(x.shape)
        return self._adjoint(node, values.shape[1:], errors).reshape(x.shape)

    @staticmethod
    def _adjoint(node: Node, shape: Shape, errors: Values) -> Values:
        """Errors before a linear node: the transpose of what it does to each unit input."""
        size = math.prod(shape)
        base = node(np.zeros((1, *shape))).reshape(-1)
        matrix = node(np.eye(size).reshape(size, *shape)).reshape(size, -1) - base
        return np.asarray(errors.reshape(len(errors), -1) @ matrix.T)

    @staticmethod
    def _from_largest(node: Pooling, x: Values, errors: Values) -> Values:
        """Errors go to the largest value of each window (shared by equals)."""
        size = math.prod(x.shape[1:])
        total = np.zeros(x.shape)
        out = node(x)
        reach = Pooling("sum", node.size, node.stride, node.padding, dilation=node.dilation)
        matrix = reach(np.eye(size).reshape(size, *x.shape[1:])).reshape(size, -1) > 0
        for k in range(len(x)):
            equal = matrix & (x[k].reshape(-1, 1) == out[k].reshape(1, -1))
            total[k] = (equal / np.maximum(equal.sum(axis=0), 1) @ errors[k].reshape(-1)).reshape(
                x.shape[1:]
            )
        return total

    def _slope(self, node: Node, x: Values) -> Values:
        if isinstance(node, Threshold):
            scale = np.where(np.abs(node.threshold) > 0, np.abs(node.threshold), 1.0)
            return np.asarray(spike_slope(self.sharpness * (x - node.threshold) / scale))
        if isinstance(node, Activation) and node.name == "step":
            return np.asarray(spike_slope(self.sharpness * x))
        if isinstance(node, Activation):
            return SLOPES[node.name](x)
        if isinstance(node, LeakyReLU):
            return np.where(x >= 0, 1.0, node.slope)
        if isinstance(node, ELU):
            return node.slope(x)
        assert isinstance(node, Clip)
        return ((x >= node.lowest) & (x <= node.highest)).astype(float)

    # -- neurons ---------------------------------------------------------------------------------

    def population(self, node: Population, x: Values, delta: Values) -> Values:
        """The error of a population's inputs (n, steps, *shape)."""
        if isinstance(node, Delay):
            lag = np.broadcast_to(node.steps(self.dt_s), x.shape[2:])
            before = np.zeros_like(x)
            for k in np.unique(lag):
                here = lag == k
                if k < x.shape[1]:
                    before[:, : x.shape[1] - k, here] = delta[:, k:, here]
            return before
        kept, gain, kept_current, gain_current = self._linear(node)
        spikes, over = self._run(node, x)
        now, current = np.zeros_like(x[:, 0]), np.zeros_like(x[:, 0])
        before = np.empty(x.shape)
        whole = node.spiking and getattr(node, "reset", "value") == "value"
        for t in range(x.shape[1] - 1, -1, -1):
            through = kept * now * (1.0 - spikes[:, t]) if whole else kept * now
            here = delta[:, t]
            if node.spiking:
                here = here * spike_slope(self.sharpness * over[:, t])
            now = here + through
            current = kept_current * current + gain * now
            before[:, t] = gain_current * current
        return before

    def _linear(self, node: Population) -> tuple[Values, Values, Values, Values]:
        """(kept of v, gain of the current, kept of the current, gain of the input) of one time
        step."""
        one, zero = np.asarray(1.0), np.asarray(0.0)
        if isinstance(node, (IF, Integrator)):
            return one, np.asarray(node.r), zero, one
        if isinstance(node, (LIF, LI)):
            share = self.dt_s / np.asarray(node.tau)
            return 1.0 - share, np.asarray(share * node.r), zero, one
        assert isinstance(node, (CubaLIF, CubaLI))
        share, synaptic = self.dt_s / np.asarray(node.tau_mem), self.dt_s / np.asarray(node.tau_syn)
        return (
            1.0 - share,
            np.asarray(share * node.r),
            1.0 - synaptic,
            np.asarray(synaptic * node.w_in),
        )

    def _run(self, node: Population, x: Values) -> tuple[Values, Values]:
        """Spikes, and membranes over the threshold in thresholds, as they were when they were
        compared."""
        spikes, over = np.zeros(x.shape), np.zeros(x.shape)
        if not node.spiking:
            return spikes, over
        place = -1
        threshold = np.asarray(node.v_threshold)  # type: ignore[attr-defined]
        scale = np.where(np.abs(threshold) > 0, np.abs(threshold), 1.0)
        kept, gain, _, _ = self._linear(node)
        rest = getattr(node, "v_leak", 0.0)
        state = node.initial(len(x), x.shape[2:])
        for t in range(x.shape[1]):
            v = state[place]
            spikes[:, t], state = node.step(x[:, t], state, self.dt_s)
            current = state[0] if len(state) > 1 else x[:, t]
            v = v + gain * current + (1.0 - kept) * (rest - v)
            over[:, t] = (v - threshold) / scale
        return spikes, over
