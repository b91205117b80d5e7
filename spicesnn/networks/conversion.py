"""A network of rectifying activations as one of integrate-and-fire neurons whose spike counts stand
for the activations.

Each activation becomes a neuron that keeps what is above its threshold (reset by subtraction); its
threshold is the largest activation that counts, found on calibration samples (Diehl et al., IJCNN
2015; Rueckauer et al., Front. Neurosci. 11, 682, 2017) or, for a clipped activation, its bound.
Weights are multiplied by the thresholds of what they listen to. Half a threshold is spread over the
time steps and added to each neuron's input, so that counts are rounded and not cut off (Bu et al.,
ICLR 2022)."""

from __future__ import annotations

from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.errors import InputError
from spicesnn.networks import evaluate
from spicesnn.networks.activations import Activation, Clip, Softmax
from spicesnn.networks.nodes import Convolution, Dense, Node, Pad, Pooling, Scale, Values, Weighted
from spicesnn.networks.populations import IF, Integrator, Population

_MOST_SAMPLES = 1000
_Network = TypeVar("_Network", bound=evaluate.Evaluated)


def spiking_network(
    network: _Network, calibrate: ArrayLike, *, steps: int, percentile: float, dt_s: float
) -> _Network:
    """See `Network.to_spiking`."""
    if network.temporal:
        raise InputError(
            "the network has neurons that spike in time already; to_spiking takes one of"
            " activations"
        )
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise InputError(f"steps is {steps!r}; expected a whole number of time steps, 1 or more")
    if not 50 < percentile <= 100:
        raise InputError(f"percentile is {percentile!r}; expected a number above 50, at most 100")
    work = _Conversion(network, _thresholds(network, calibrate, percentile), int(steps))
    for stage in network.stages:
        for name in stage.nodes:
            if name != network.source:
                work.take(name)
    return work.finished(dt_s)


def _rectifies(node: Node | Population) -> bool:
    return (isinstance(node, Activation) and node.name == "relu") or (
        isinstance(node, Clip) and node.lowest == 0
    )


def _thresholds(
    network: evaluate.Evaluated, calibrate: ArrayLike, percentile: float
) -> dict[str, float]:
    """The activation of each rectifying node that stands for a spike in every step."""
    names = [name for name, node in network.nodes.items() if _rectifies(node)]
    x = network.taken(calibrate)
    some = x[np.linspace(0, len(x) - 1, min(len(x), _MOST_SAMPLES)).astype(int)]
    values = evaluate.run(network, some, keep=frozenset(names))
    found = {}
    for name in names:
        node = network.nodes[name]
        positive = values[name][values[name] > 0]
        if isinstance(node, Clip) and np.isfinite(node.highest):
            found[name] = float(node.highest)
        elif not positive.size:
            raise InputError(
                f"node {name!r} is 0 for all calibration samples; no threshold follows from them"
            )
        else:
            found[name] = float(np.percentile(positive, percentile))
    return found


class _Conversion(Generic[_Network]):
    """The new network while it is made; `unit` is what a node's value of 1 stands for in the old
    one."""

    def __init__(self, network: _Network, thresholds: dict[str, float], steps: int) -> None:
        self.network, self.thresholds, self.steps = network, thresholds, steps
        self.nodes: dict[str, Node | Population] = {}
        self.edges: list[tuple[str, str]] = []
        self.unit: dict[str, float] = {network.source: 1.0}
        self.left_out: list[str] = []

    def take(self, name: str) -> None:
        """Convert one node; all that it listens to has been."""
        node = self.network.nodes[name]
        sources = self._heard(name)
        unit = self.unit[sources[0]]
        if isinstance(node, Weighted):
            self._add(name, _scaled(name, node, unit), sources, 1.0)
        elif _rectifies(node):
            self._fires(name, sources, unit)
        elif isinstance(node, Softmax) and name == self.network.output:
            self.left_out.append(
                f"the softmax {name!r} at the end is left out: the largest output stays the largest"
            )
            self.unit[name] = unit
            self._pass(name, sources)
        elif isinstance(node, Scale):
            self._add(name, Scale(node.factors * unit, node.offsets), sources, 1.0)
        elif self._linear(node) or (isinstance(node, Activation) and node.name == "identity"):
            self._add(name, node, sources, unit)
        else:
            what = (
                "the largest of spikes is not the spike of the largest"
                if isinstance(node, Pooling)
                else "spike counts cannot stand for it"
            )
            raise InputError(
                f"node {name!r} ({node.kind}) cannot become spiking: {what}; relu, clip from 0,"
                " average and sum pooling can"
            )

    @staticmethod
    def _linear(node: Node | Population) -> bool:
        if isinstance(node, Pooling):
            return node.what != "max"
        return getattr(node, "kind", "") in _LINEAR or (isinstance(node, Pad) and node.value == 0)

    def _heard(self, name: str) -> list[str]:
        """What a node listens to, all in one unit."""
        sources = list(self.network.inputs_of(name))
        if len({self.unit[source] for source in sources}) == 1:
            return sources
        found = []
        for k, source in enumerate(sources):
            scaled = f"{name}_input{k}"
            self._add(scaled, Scale(np.array(self.unit[source])), [source], 1.0)
            found.append(scaled)
        return found

    def _add(self, name: str, node: Node | Population, sources: list[str], unit: float) -> None:
        self.nodes[name] = node
        self.edges += [(source, name) for source in sources]
        self.unit[name] = unit

    def _pass(self, name: str, sources: list[str]) -> None:
        self._add(name, Scale(np.array(1.0)), sources, self.unit[name])

    def _fires(self, name: str, sources: list[str], unit: float) -> None:
        threshold = self.thresholds[name] / unit
        half = threshold / (2 * self.steps)
        first, *others = sources
        alone = not others and sum(source == first for source, _ in self.network.edges) == 1
        node = self.nodes.get(first)
        if alone and isinstance(node, Dense | Convolution):
            self.nodes[first] = _with_bias(node, half)
        else:
            self._add(f"{name}_half", Scale(np.array(1.0), np.array(half)), sources, unit)
            sources = [f"{name}_half"]
        self._add(name, IF(v_threshold=threshold, reset="subtract"), sources, self.thresholds[name])

    def finished(self, dt_s: float) -> _Network:
        """The network, with a membrane behind outputs that do not spike: the mean of their
        values."""
        output, unit = self.network.output, self.unit[self.network.output]
        spiking = isinstance(self.nodes[output], Population)
        if not spiking:
            last = f"{output}_sum"
            self._add(last, Integrator(r=unit / self.steps), [output], 1.0)
            output = last
        told = f"activations became integrate-and-fire neurons, {self.steps} time steps"
        return replace(
            self.network,
            nodes=self.nodes,
            edges=tuple(self.edges),
            output=output,
            dt_s=dt_s,
            steps=self.steps,
            remarks=(*self.network.remarks, told, *self.left_out),
        )


_LINEAR = (
    "reshape",
    "transpose",
    "concatenation",
    "part",
    "reduction",
    "repetition",
    "interpolation",
    "stretching",
)


def _scaled(name: str, node: Weighted, unit: float) -> Weighted:
    if isinstance(node, Dense):
        return replace(node, weights=node.weights * unit)
    if isinstance(node, Convolution):
        return replace(node, kernel=node.kernel * unit)
    raise InputError(f"node {name!r} ({node.kind}) cannot become spiking")


def _with_bias(node: Dense | Convolution, more: float) -> Dense | Convolution:
    outputs = node.weights.shape[1] if isinstance(node, Dense) else len(node.kernel)
    before: Values | float = 0.0 if node.offsets is None else node.offsets
    return replace(node, offsets=np.broadcast_to(before + more, (outputs,)))
