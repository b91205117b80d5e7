"""The nodes of a network as cards of a deck: one SPICE node a value, 1 V a unit; weights are
crossbars with their wires.

Neurons live in clocked time (`circuit_clocks`); what is computed between populations follows at
once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from spicesnn.crossbar.mapping import Single
from spicesnn.devices.importers.cards import fold
from spicesnn.errors import InputError
from spicesnn.netlist.array_subcircuit import held_subcircuit, model_of
from spicesnn.netlist.cells import Cards
from spicesnn.netlist.deck import number
from spicesnn.networks import activations as act
from spicesnn.networks import arithmetic
from spicesnn.networks.calibration import Readout
from spicesnn.networks.circuit_clocks import Membrane, Timing, each
from spicesnn.networks.mapping import Block, MappedLayer
from spicesnn.networks.nodes import Node, Pooling, Shape, Values
from spicesnn.networks.populations import LI, CubaLI, CubaLIF, Delay, Population

_MOST_VALUES = 5000
"""A node of more values than this would make a deck that no ngspice finishes."""
Signals = list[str]


@dataclass(slots=True)
class Writer:
    """Writes nodes into a deck.

    Attributes
    ----------
    cards : Cards
    timing : Timing
    dt_s : float
        The network's time step, seconds.
    cells : int
        Cells written so far.
    """

    cards: Cards
    timing: Timing
    dt_s: float
    cells: int = 0
    _models: set[str] = field(default_factory=set)

    # -- memoryless nodes ----------------------------------------------------------------------

    def summed(self, prefix: str, parts: Sequence[Signals]) -> Signals:
        """Add up the signals of several connections."""
        if len(parts) == 1:
            return parts[0]
        return [
            self._linear(f"{prefix}_{k}", [(1.0, name) for name in names], 0.0)
            for k, names in enumerate(zip(*parts, strict=True))
        ]

    def _linear(self, name: str, terms: Sequence[tuple[float, str]], constant: float) -> str:
        """A node whose voltage is Σ factor · voltage + constant; an equal signal is passed on as it
        is."""
        if constant == 0.0 and len(terms) == 1 and terms[0][0] == 1.0:
            return terms[0][1]
        self.cards.add(f"r{name} {name} 0 1")
        for k, (factor, source) in enumerate(terms):
            if source != "0":
                self.cards.add(f"g{name}_{k} 0 {name} {source} 0 {number(factor)}")
        if constant:
            self.cards.add(f"i{name} 0 {name} dc {number(constant)}")
        return name

    def node(self, prefix: str, node: Node, shape: Shape, signals: Signals) -> Signals:
        """Write a node without memory and without weights; returns its signals.

        Raises
        ------
        InputError
            A kind of node that has no circuit here.
        """
        expressions = _expressions(node, shape, signals)
        if expressions is not None:
            for k, text in enumerate(expressions):
                self.cards.add(fold(f"b{prefix}_{k} {prefix}_{k} 0 v = {text}"))
            return [f"{prefix}_{k}" for k in range(len(expressions))]
        if isinstance(node, act.Activation) and node.name == "identity":
            return signals
        if isinstance(node, Pooling) and node.what == "max":
            factors, _ = _affine(
                Pooling("sum", node.size, node.stride, node.padding, dilation=node.dilation), shape
            )
            return [
                self._largest(f"{prefix}_{k}", [signals[i] for i in np.flatnonzero(column)])
                for k, column in enumerate(factors.T)
            ]
        if node.kind in _AFFINE:
            factors, constants = _affine(node, shape)
            return [
                self._linear(
                    f"{prefix}_{k}",
                    [(float(column[i]), signals[i]) for i in np.flatnonzero(column)],
                    float(constants[k]),
                )
                for k, column in enumerate(factors.T)
            ]
        raise InputError(
            f"a node of kind {type(node).__name__} has no circuit; activations, pooling, scales and"
            " shapes have one"
        )

    def _largest(self, name: str, sources: Signals) -> str:
        text = f"v({sources[0]})" if sources[0] != "0" else "0"
        for source in sources[1:]:
            text = f"max({text}, v({source}))" if source != "0" else f"max({text}, 0)"
        self.cards.add(fold(f"b{name} {name} 0 v = {text}"))
        return name

    # -- weights -------------------------------------------------------------------------------

    def layer(
        self, prefix: str, layer: MappedLayer, readout: Readout, shape: Shape, signals: Signals
    ) -> Signals:
        """Write a layer: its arrays as sub-circuits, one instance for each place at which it is
        used.

        A bit line ends in 0 V; its current, times what a unit of current counts, is summed with
        those of the other arrays."""
        _refuse(layer)
        labels = np.arange(1, len(signals) + 1, dtype=float).reshape(1, *shape)
        rows = [part.astype(np.int64) for part in layer.node.rows_of(labels)]
        named = ["0", *signals]
        for k, block in enumerate(layer.blocks):
            self._array(f"{prefix}_a{k}", block, layer)
        parts = []
        for g, places in enumerate(rows):
            found = np.empty((len(places), layer.outputs), dtype=object)
            for p, place in enumerate(places):
                drivers = [
                    self._driver(f"{prefix}_{g}_{p}_{i}", named[label], layer)
                    for i, label in enumerate(place.tolist())
                ]
                drivers += [self._on(f"{prefix}_{g}_{p}_on", layer)] * layer.bias_rows
                found[p] = self._products(f"{prefix}_{g}_{p}", g, layer, readout, drivers)
            parts.append(found)
        numbered, at = [], 0
        flat: list[str] = []
        for found in parts:
            numbered.append(np.arange(at, at + found.size, dtype=float).reshape(found.shape))
            flat += found.ravel().tolist()
            at += found.size
        order = layer.node.assembled(numbered, 1, shape).ravel().astype(np.int64)
        return [flat[k] for k in order.tolist()]

    def _array(self, name: str, block: Block, layer: MappedLayer) -> None:
        twin = model_of(block.array)
        if twin is not None and twin.subckt not in self._models:
            self._models.add(twin.subckt)
            self.cards.extend(twin.include(inline=True))
        held_subcircuit(self.cards, block.array, name, layer.hardware.gate_level)

    def _driver(self, name: str, source: str, layer: MappedLayer) -> str:
        """The voltage of a word line: an input as a fraction of full scale, times the read voltage,
        through the DAC if there is one."""
        if source == "0":
            return "0"
        volts, dac = layer.hardware.read_volts, layer.hardware.dac
        if dac is None:
            self.cards.add(f"e{name} {name} 0 {source} 0 {number(volts / layer.full)}")
        else:
            text = _quantised(
                f"v({source})*{number(dac.levels(layer.signed) / layer.full)}",
                dac.levels(layer.signed),
                layer.signed,
            )
            self.cards.add(
                fold(f"b{name} {name} 0 v = {number(volts / dac.levels(layer.signed))}*({text})")
            )
        return name

    def _on(self, name: str, layer: MappedLayer) -> str:
        if layer.bias_rows:
            self.cards.add(f"v{name} {name} 0 dc {number(layer.hardware.read_volts)}")
        return name

    def _products(
        self, name: str, group: int, layer: MappedLayer, readout: Readout, drivers: Signals
    ) -> list[str]:
        """One place: an instance of every array of the group, and the sums of their outputs."""
        terms: list[list[tuple[str, float, str]]] = [[] for _ in range(layer.outputs)]
        hardware, window, columns = (
            layer.hardware,
            layer.hardware.used_window(),
            layer.hardware.columns_kind(),
        )
        ampere = window.span * hardware.read_volts
        for k, block in enumerate(layer.blocks):
            if block.group != group:
                continue
            own, instance = drivers[block.rows], f"{name}_{k}"
            sensed = [f"{instance}c{j}" for j in range(block.array.cols)]
            self.cards.add(
                fold(f"x{instance} {' '.join([*own, *sensed])} {name.rsplit('_', 2)[0]}_a{k}")
            )
            self.cards.extend([f"v{node} {node} 0 dc 0" for node in sensed])
            self.cells += block.array.rows * block.array.cols
            mixing = columns.outputs(np.eye(block.array.cols))
            unit, base = layer.unit(block.part), ""
            if isinstance(columns, Single):
                base = self._linear(
                    f"{instance}s",
                    [(1.0 / hardware.read_volts, driver) for driver in own if driver != "0"],
                    0.0,
                )
            for column, output in enumerate(range(block.outputs.start, block.outputs.stop)):
                currents = [
                    ("f", float(mixing[j, column]) / ampere, f"v{sensed[j]}")
                    for j in np.flatnonzero(mixing[:, column])
                ]
                if base:
                    currents.append(("g", -window.low / window.span, base))
                terms[output] += self._converted(
                    f"{instance}q{column}", currents, unit, k, column, layer, readout
                )
        return [self._combined(f"{name}_y{o}", found) for o, found in enumerate(terms)]

    def _converted(
        self,
        name: str,
        terms: list[tuple[str, float, str]],
        unit: float,
        number_of_block: int,
        column: int,
        layer: MappedLayer,
        readout: Readout,
    ) -> list[tuple[str, float, str]]:
        """What an ADC makes of a block's normalised product, in units of the layer's output."""
        adc = layer.hardware.adc
        if adc is None:
            return [(kind, factor * unit, source) for kind, factor, source in terms]
        full, signed = readout.ranges[layer.blocks[number_of_block].part], layer.two_signs
        steps, errors = adc.steps(signed), readout.errors.get(number_of_block)
        code = f"v({self._combined(f'{name}i', terms)})*{number(steps / full)}"
        if errors is not None:
            share = f"(max(min(({code})/{steps}, 1), -1))"
            bow = (
                f"({number(float(errors.bow[column]) * 1.5 * math.sqrt(3.0))})*({share} -"
                f" {share}*{share}*{share})"
            )
            code = (
                f"({code})*{number(float(errors.gain[column]))} +"
                f" ({number(float(errors.offset[column]))}) + {bow}"
            )
        self.cards.add(
            fold(f"b{name} {name} 0 v = {number(full / steps)}*({_quantised(code, steps, signed)})")
        )
        return [("g", unit, name)]

    def _combined(self, name: str, terms: list[tuple[str, float, str]]) -> str:
        self.cards.add(f"r{name} {name} 0 1")
        for k, (kind, factor, source) in enumerate(terms):
            control = source if kind == "f" else f"{source} 0"
            self.cards.add(f"{kind}{name}_{k} 0 {name} {control} {number(factor)}")
        return name

    # -- neurons -------------------------------------------------------------------------------

    def population(
        self, prefix: str, node: Population, shape: Shape, signals: Signals, slot: int
    ) -> Signals:
        """Write a population, and return its outputs: spikes 0 or 1 V, or held membranes, of the
        last finished slot."""
        if isinstance(node, Delay):
            return self._delayed(prefix, node, shape, signals, slot)
        if isinstance(node, CubaLIF | CubaLI):
            held = Membrane.of(LI(tau=node.tau_syn, r=node.w_in), shape, self.dt_s)
            signals = [
                self._membrane(f"{prefix}_i{k}", held.parameters(k), name, slot)
                for k, name in enumerate(signals)
            ]
            slot += 1
        membranes = Membrane.of(node, shape, self.dt_s)
        if not node.spiking:
            found = [
                self._membrane(f"{prefix}_m{k}", membranes.parameters(k), name, slot)
                for k, name in enumerate(signals)
            ]
            return [
                self._held(f"{prefix}_q{k}", name, f"decide{slot}") for k, name in enumerate(found)
            ]
        for k, name in enumerate(signals):
            nodes = f"{name} {prefix}_m{k} {prefix}_q{k} on{slot} decide{slot} back{slot} clear"
            self._call(
                f"x{prefix}_{k}",
                nodes,
                "clocked_lif",
                membranes.parameters(k) | membranes.spike_parameters(node, shape, k, self.dt_s),
            )
        return [f"{prefix}_q{k}" for k in range(len(signals))]

    def _membrane(self, name: str, values: dict[str, float], source: str, slot: int) -> str:
        self._call(f"x{name}", f"{source} {name} on{slot} clear", "clocked_membrane", values)
        return name

    def _held(self, name: str, source: str, clock: str) -> str:
        self._call(f"x{name}", f"{source} {name} {clock} clear", "sample_hold", {})
        return name

    def _call(self, element: str, nodes: str, subckt: str, values: dict[str, float]) -> None:
        timing = {"settle_s": self.timing.settle_s} | (
            {"integrate_s": self.timing.read_s} if values else {}
        )
        self.cards.add(
            fold(
                f"{element} {nodes} {subckt}"
                f" {' '.join(f'{key}={number(value)}' for key, value in (timing | values).items())}"
            )
        )

    def _delayed(
        self, prefix: str, node: Delay, shape: Shape, signals: Signals, slot: int
    ) -> Signals:
        """A chain of holds: the first takes the input when its slot decides, each takes over from
        the one before it step by step."""
        lags = np.broadcast_to(node.steps(self.dt_s), shape).ravel()
        found = []
        for k, (name, lag) in enumerate(zip(signals, lags.tolist(), strict=True)):
            for stage in range(int(lag) + 1):
                # `back` hands a stage's old value on to where the next one takes it from at the
                # next `decide`.
                taken = self._held(f"{prefix}_t{k}_{stage}", name, f"decide{slot}")
                name = self._held(f"{prefix}_p{k}_{stage}", taken, f"back{slot}")
            found.append(name)
        return found


_AFFINE = frozenset(
    (
        "pooling",
        "scale",
        "reshape",
        "transpose",
        "concatenation",
        "padding",
        "part",
        "reduction",
        "repetition",
        "interpolation",
        "stretching",
    )
)


def _affine(node: Node, shape: Shape) -> tuple[Values, Values]:
    """What a linear node multiplies by and adds: (inputs, outputs), (outputs,)."""
    size = math.prod(shape)
    if max(size, math.prod(node.shape_out(shape))) > _MOST_VALUES:
        raise InputError(f"a node of {size} inputs; a deck takes at most {_MOST_VALUES} a node")
    constants = node(np.zeros((1, *shape))).reshape(-1)
    factors = node(np.eye(size).reshape(size, *shape)).reshape(size, -1) - constants
    return factors, constants


def _quantised(code: str, steps: int, signed: bool) -> str:
    """An expression rounded to whole numbers within the range of a converter."""
    return f"max(min(floor({code} + 0.5), {steps}), {-steps if signed else 0})"


_LOGISTIC = "1/(1 + exp(-max(min({0}, 500), -500)))"
_SOFTPLUS = "(max({0}, 0) + ln(1 + exp(-abs({0}))))"
_FORMS = {
    "relu": "max({0}, 0)",
    "sigmoid": _LOGISTIC,
    "tanh": "tanh({0})",
    "abs": "abs({0})",
    "step": "({0} > 0 ? 1 : 0)",
    "softplus": _SOFTPLUS,
    "softsign": "{0}/(1 + abs({0}))",
    "silu": "{0}*" + _LOGISTIC,
    "hardswish": "{0}*max(min({0}/6 + 0.5, 1), 0)",
    "mish": "{0}*tanh(" + _SOFTPLUS + ")",
    "gelu-tanh": "0.5*{0}*(1 + tanh(0.7978845608028654*({0} + 0.044715*{0}*{0}*{0})))",
}
"""Activations as ngspice writes them; it has no error function."""
_ELEMENTARY = {
    "exp": "exp(min({0}, 500))",
    "sin": "sin({0})",
    "cos": "cos({0})",
    "sign": "({0} > 0 ? 1 : ({0} < 0 ? -1 : 0))",
    "floor": "floor({0})",
    "ceil": "ceil({0})",
}
"""Functions that have a value at 0, where every signal of a deck begins, and halves that ngspice
rounds the same way."""


def _expressions(node: Node, shape: Shape, signals: Signals) -> list[str] | None:
    """The expression of each output of an activation, None for other nodes."""
    v = [f"v({name})" if name != "0" else "0" for name in signals]
    if isinstance(node, act.Activation) and node.name != "identity":
        form = _FORMS.get(node.name)
        if form is None:
            raise InputError(f"the activation {node.name!r} has no function of SPICE for it")
        return [form.format(x) for x in v]
    if isinstance(node, act.LeakyReLU):
        return [
            f"max({x}, 0) + {number(slope)}*min({x}, 0)"
            for x, slope in zip(v, each(node.slope, shape).tolist(), strict=True)
        ]
    if isinstance(node, act.ELU):
        below = f"{number(node.gain * node.alpha)}*(exp(min({{0}}, 0)/{number(node.width)}) - 1)"
        form = f"{number(node.gain)}*max({{0}}, 0) + {below}"
        return [form.format(x) for x in v]
    if isinstance(node, act.Multiplied):
        half = len(v) // 2
        return [f"{a}*{b}" for a, b in zip(v[:half], v[half:], strict=True)]
    if isinstance(node, arithmetic.Differentiable):
        return _arithmetic(node, shape, v)
    if isinstance(node, act.Clip):
        low = [x if node.lowest == -np.inf else f"max({x}, {number(node.lowest)})" for x in v]
        return [x if node.highest == np.inf else f"min({x}, {number(node.highest)})" for x in low]
    if isinstance(node, act.Threshold):
        return [
            f"({x} > {number(t)} ? 1 : 0)"
            for x, t in zip(v, each(node.threshold, shape).tolist(), strict=True)
        ]
    if isinstance(node, act.SignOutputs):
        return [f"1 - {v[0]}" if node.probability else f"-{v[0]}", v[0]]
    if isinstance(node, act.Softmax) and len(shape) == 1:
        largest = v[0]
        for x in v[1:]:
            largest = f"max({largest}, {x})"
        total = " + ".join(f"exp({x} - {largest})" for x in v)
        return [
            f"{x} - {largest} - ln({total})" if node.log else f"exp({x} - {largest})/({total})"
            for x in v
        ]
    return None


def _arithmetic(node: arithmetic.Differentiable, shape: Shape, v: list[str]) -> list[str]:
    """The expression of each output of a node of arithmetic."""
    if isinstance(node, arithmetic.Power):
        times = arithmetic.whole_power(node.exponent)
        if times is not None:
            return ["*".join([x] * times) for x in v]
        if node.exponent.size == 1 and float(node.exponent.reshape(())) == 0.5:
            return [f"sqrt(max({x}, 0))" for x in v]
    if isinstance(node, arithmetic.Elementary) and node.name in _ELEMENTARY:
        return [_ELEMENTARY[node.name].format(x) for x in v]
    if isinstance(node, arithmetic.Extremum):
        left = node.shape_out(shape)
        numbers = np.arange(len(v)).reshape(shape)
        kept = [k for k in range(len(shape)) if k not in node.axes]
        groups = numbers.transpose(*kept, *node.axes).reshape(math.prod(left), -1)
        found = []
        for group in groups.tolist():
            one = v[group[0]]
            for k in group[1:]:
                one = f"{node.what}({one}, {v[k]})"
            found.append(one)
        return found
    raise InputError(
        f"a {node.kind} has no value at 0, where every signal of a deck begins, or no function of"
        " SPICE"
    )


def _refuse(layer: MappedLayer) -> None:
    """Name what a deck of whole networks does not hold."""
    hardware = layer.hardware
    if hardware.dac is not None and hardware.dac.coding != "amplitude":
        raise InputError(
            f"{hardware.dac.coding} inputs are several reads, or pulses, for one value; a deck of"
            " the network takes amplitude coding"
        )
    if hardware.adc is not None and hardware.adc.noise_lsb:
        raise InputError(
            "the ADC has noise, which is drawn for every conversion; a deck is one circuit: set"
            " noise_lsb = 0"
        )
    if hardware.imperfections is not None and hardware.imperfections.disturbs_reads:
        raise InputError("read noise is drawn for every read; a deck is one circuit: leave it out")


def at_places(layer: MappedLayer, shape: Shape) -> int:
    """How many cells a layer's instances have in a deck: its arrays, once for each place of a
    convolution."""
    places = len(layer.node.rows_of(np.zeros((1, *shape)))[0])
    return places * sum(block.array.rows * block.array.cols for block in layer.blocks)


def instances(layers: Mapping[str, MappedLayer], shapes: Mapping[str, Shape]) -> dict[str, int]:
    """`at_places` of every layer."""
    return {name: at_places(layer, shapes[name]) for name, layer in layers.items()}
