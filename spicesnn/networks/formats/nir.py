"""NIR, the exchange format of spiking networks (Pedersen et al., Nature Communications 15, 8122,
2024), in and out.

Connections into one node add up; connections that close a circle act one time step later. Membranes
are integrated as `spicesnn.networks.populations` says, which is what the frameworks that write
these files do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn import hdf5
from spicesnn.errors import DataError, InputError, MissingPackageError, SpicesnnError
from spicesnn.networks import populations as pop
from spicesnn.networks.activations import Threshold
from spicesnn.networks.graph import Edge
from spicesnn.networks.nodes import (
    Convolution,
    Dense,
    Flatten,
    Node,
    Pooling,
    Reshape,
    Scale,
    Shape,
)
from spicesnn.networks.structure import Made, Structure
from spicesnn.whole_file import appearing

DEFAULT_DT_S = 1e-3
"""What Norse takes where nobody says otherwise."""
SNNTORCH_DT_S = 1e-4
"""snnTorch writes all its time constants for this step, and ``r = tau/dt`` with it."""
DEFAULT_STEPS = 100
_LONG_S = 1.0
"""Time constants of neurons from here on are unusual, and may be milliseconds, as NIR's page of
primitives has them."""
_TAUS = ("tau", "tau_mem", "tau_syn")

TAKEN = (
    "Affine",
    "Linear",
    "Scale",
    "Conv1d",
    "Conv2d",
    "SumPool2d",
    "AvgPool2d",
    "Flatten",
    "Threshold",
    "Delay",
    "IF",
    "I",
    "LIF",
    "LI",
    "CubaLIF",
    "CubaLI",
    "NIRGraph",
    "Input",
    "Output",
)

_NEURONS: dict[str, type[pop.Population]] = {
    "IF": pop.IF,
    "I": pop.Integrator,
    "LIF": pop.LIF,
    "LI": pop.LI,
    "CubaLIF": pop.CubaLIF,
    "CubaLI": pop.CubaLI,
}


def nir_module() -> Any:
    """The package nir, or an error that says how to get it."""
    try:
        import nir
    except ImportError:
        raise MissingPackageError(
            "NIR files need the packages nir and h5py: pip install 'spicesnn[nir]'"
        ) from None
    return nir


# -- in --------------------------------------------------------------------------------------------


def read_nir(
    kind: type[Made],
    path: str | Path,
    *,
    dt_s: float | None = None,
    reset: str | None = None,
    steps: int | None = None,
) -> Made:
    """The network of a NIR file; see `Network.from_nir`.

    Raises
    ------
    DataError
        A file that is absent, damaged or hostile, or a node of a kind that is not taken (named).
    InputError
        A node that does not fit those around it.
    """
    path = Path(path)
    nir = nir_module()
    hdf5.check(path)
    _check_kinds(path)
    try:
        read = nir.read(path, type_check=False)
        nodes, edges = _flat(read)
    except SpicesnnError:
        raise
    except Exception as error:  # nir asserts, and raises whatever a missing field leads to
        raise DataError(
            f"{path} is not a sound NIR file ({type(error).__name__}:"
            f" {(str(error).splitlines() or [''])[0][:120]})"
        ) from None
    try:
        return _network(
            kind, nodes, edges, dict(getattr(read, "metadata", {}) or {}), dt_s, reset, steps
        )
    except SpicesnnError as error:
        raise type(error)(f"{path}: {error}") from None


def _check_kinds(path: Path) -> None:
    """Name a node of an unknown kind by its place before the package stumbles over it."""
    h5py = hdf5.h5py_module()
    with h5py.File(path, "r") as file:
        if "node" not in file or not isinstance(file["node"], h5py.Group):
            raise DataError(
                f"{path} has no network in it (no group 'node'); expected a file of nir.write"
            )
        todo = [("", file["node"])]
        while todo:
            name, group = todo.pop()
            kind = (
                group["type"][()]
                if "type" in group and isinstance(group["type"], h5py.Dataset)
                else b"none"
            )
            kind = kind.decode("utf-8", "replace") if isinstance(kind, bytes) else str(kind)
            if kind not in TAKEN:
                raise DataError(
                    f"{path}: node {name or 'of the file'!r} is a {kind[:40]!r}; spicesnn takes:"
                    f" {', '.join(TAKEN)}"
                )
            inside = group.get("nodes")
            if isinstance(inside, h5py.Group):
                todo += [
                    (f"{name}.{key}" if name else key, item)
                    for key, item in inside.items()
                    if isinstance(item, h5py.Group)
                ]


def _flat(graph: Any, prefix: str = "") -> tuple[dict[str, Any], list[Edge]]:
    """Nodes and edges with graphs inside graphs unpacked; the inner graph's input and output become
    plain connections."""
    nodes: dict[str, Any] = {}
    edges: list[Edge] = []
    here = [prefix + name for name in graph.nodes]
    entry: dict[str, str] = {}
    leave: dict[str, str] = {}
    for name, node in graph.nodes.items():
        if type(node).__name__ != "NIRGraph":
            nodes[prefix + name] = node
            continue
        inside = f"{prefix}{name}."
        while any(other.startswith(inside) for other in here):
            inside += "."  # a node of this name is no node of the graph inside
        inner, inner_edges = _flat(node, inside)
        ends = {
            kind: [key for key, item in inner.items() if type(item).__name__ == kind]
            for kind in ("Input", "Output")
        }
        if any(len(found) != 1 for found in ends.values()):
            raise InputError(
                f"the graph {name!r} inside has {len(ends['Input'])} inputs and"
                f" {len(ends['Output'])} outputs; expected one each"
            )
        nodes |= inner
        edges += inner_edges
        entry[name], leave[name] = ends["Input"][0], ends["Output"][0]
    edges += [(leave.get(a, prefix + a), entry.get(b, prefix + b)) for a, b in graph.edges]
    for passing in (*entry.values(), *leave.values()):
        edges = _without(passing, edges)
        del nodes[passing]
    return nodes, edges


def _without(name: str, edges: list[Edge]) -> list[Edge]:
    """Edges that go past a node: all it listens to reaches all that listen to it."""
    heard = [a for a, b in edges if b == name]
    through = [(source, b) for a, b in edges if a == name for source in heard]
    return [edge for edge in edges if name not in edge] + through


def _summed(
    nodes: dict[str, Any], edges: list[Edge], sink: str
) -> tuple[dict[str, Any], list[Edge]]:
    """A node of its own for an edge that stands twice, and for the sum that the output listens to."""

    def named(base: str) -> str:
        while base in nodes:
            base += "_"
        nodes[base] = _passing()
        return base

    left: list[Edge] = []
    for source, target in edges:
        if (source, target) in left:
            again = named(f"{source} again")
            left += [(source, again), (again, target)]
        else:
            left.append((source, target))
    if sum(target == sink for _, target in left) > 1:
        total = named(f"sum at {sink}")
        left = [(a, total if b == sink else b) for a, b in left] + [(total, sink)]
    return nodes, left


def _passing() -> Node:
    return Scale(np.ones(()))


def _network(
    kind: type[Made],
    nodes: Mapping[str, Any],
    edges: list[Edge],
    metadata: Mapping[str, Any],
    dt_s: float | None,
    reset: str | None,
    steps: int | None,
) -> Made:
    ends = {
        end: [name for name, node in nodes.items() if type(node).__name__ == end]
        for end in ("Input", "Output")
    }
    for end, found in ends.items():
        if len(found) != 1:
            raise InputError(f"the network has {len(found)} nodes of kind {end}; expected one")
    source, sink = ends["Input"][0], ends["Output"][0]
    nodes, edges = _summed(dict(nodes), edges, sink)
    makers = [a for a, b in edges if b == sink]
    if len(makers) != 1 or any(a == sink for a, _ in edges):
        raise InputError(
            f"the output {sink!r} listens to {len(makers)} nodes; expected one or more, and nothing"
            " after it"
        )
    shape = _shape(nodes[source])
    remarks: list[str] = []
    if reset is None:
        told = metadata.get("reset")
        reset = _text(told) if told is not None else "value"
    dt_s = _time_step(nodes, metadata, remarks) if dt_s is None else _number("dt_s", dt_s)
    remarks += _coarse(nodes, dt_s)
    if any(type(node).__name__ in ("IF", "I") for node in nodes.values()):
        remarks.append(
            "neurons without leak take their input as charge per time step (Norse, sinabs and"
            " snnTorch do, too)"
        )
    made = {}
    for name, node in nodes.items():
        if name in (source, sink):
            continue
        try:
            one = node if isinstance(node, Node) else _made(node, reset)
            if isinstance(one, pop.Delay):
                one.steps(dt_s)
            made[name] = one
        except InputError as error:
            raise InputError(f"node {name!r}: {error}") from None
    if steps is None:
        steps = _whole("the file's metadata: steps", metadata.get("steps", DEFAULT_STEPS))
    kept = tuple(edge for edge in edges if edge[1] != sink)

    def built(chosen: Mapping[str, Any]) -> Made:
        return kind(
            nodes=chosen,
            edges=kept,
            input_shape=shape,
            output=makers[0],
            source=source,
            sink=sink,
            dt_s=dt_s,
            steps=steps,
            remarks=tuple(remarks),
        )

    flattened = [name for name, node in nodes.items() if type(node).__name__ == "Flatten"]
    try:
        network = _checked(built(made), nodes)
        if any(
            isinstance(network.nodes.get(name), pop.Delay)
            for stage in network.stages
            if stage.recurrent
            for name in stage.nodes
        ):
            remarks.append(
                "a connection that closes a circle acts one time step later, on top of the delays"
                " in the circle"
            )
            return built(made)
        return network
    except InputError as first:
        # Some writers count the batch among the axes that Flatten numbers.
        if not flattened or any(int(nodes[name].start_dim) == 0 for name in flattened):
            raise first from None
        shifted = {
            name: _flatten(nodes[name], 1) if name in flattened else node
            for name, node in made.items()
        }
        network = _checked(built(shifted), nodes)
        remarks.append("Flatten counts the batch as axis 0, as PyTorch does")
        return built(shifted) if network else network


def _checked(network: Made, nodes: Mapping[str, Any]) -> Made:
    """Hold the shapes that the file states against those that follow from its input."""
    for name in network.nodes:
        node, reaches = nodes[name], network.shapes[network.inputs_of(name)[0]]
        flatten = type(node).__name__ == "Flatten"
        stated, got = getattr(node, "input_shape", None), reaches[1:]
        if flatten:
            stated, got = (node.input_type or {}).get("input"), reaches
        wanted = got if stated is None else _sizes(stated)
        if wanted != got and not (flatten and wanted[1:] == got):  # some count the batch, too
            raise InputError(
                f"node {name!r} says that its input is {wanted} in size; what reaches it is {got}"
            )
        _check_parameters(name, network.nodes[name], reaches)
    stated = (nodes[network.sink].output_type or {}).get("output")
    if stated is not None and math.prod(_sizes(stated)) != network.outputs_count:
        raise InputError(
            f"the output {network.sink!r} says that its shape is {_sizes(stated)}; what reaches it"
            f" is {network.shapes[network.output]}"
        )
    return network


def _sizes(stated: Any) -> Shape:
    return tuple(int(k) for k in np.atleast_1d(np.asarray(stated)))


def _check_parameters(name: str, node: Node | pop.Population, shape: Shape) -> None:
    """Refuse parameters that would be spread along the last axis of an image though they may be
    meant for its channels."""
    if isinstance(node, pop.Population | Scale | Threshold):
        for entry in fields(node):  # type: ignore[arg-type]
            values = getattr(node, entry.name)
            if isinstance(values, np.ndarray) and values.size > 1 and values.ndim != len(shape):
                raise InputError(
                    f"node {name!r}: {entry.name} has shape {values.shape}, its inputs have"
                    f" {shape}; expected one value, or as many axes"
                )


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _number(what: str, value: Any) -> float:
    try:
        return float(np.asarray(value).reshape(()))
    except (TypeError, ValueError):
        raise InputError(f"{what} is {value!r:.60}; expected one number") from None


def _whole(what: str, value: Any) -> int:
    number = _number(what, value)
    if not number.is_integer():
        raise InputError(f"{what} is {value!r:.60}; expected a whole number")
    return int(number)


def _coarse(nodes: Mapping[str, Any], dt_s: float) -> list[str]:
    """Remarks on time constants that the time step is too long for, or that may be no seconds."""
    found = []
    for name, node in nodes.items():
        taus = [np.min(getattr(node, key)) for key in _TAUS if np.size(getattr(node, key, ()))]
        if taus and min(taus) < dt_s:
            found.append(
                f"the time step of {dt_s:g} s is longer than a time constant of node {name!r}"
                f" ({min(taus):g} s): its Euler steps overshoot"
            )
        if taus and min(taus) >= _LONG_S and min(taus) > 1e3 * dt_s:
            found.append(
                f"node {name!r} has time constants from {min(taus):g} s on: where a file means"
                " milliseconds, give the time step in them, too (dt_s=1 for 1 ms)"
            )
    return found


def _shape(node: Any) -> Shape:
    stated = node.input_type["input"]
    if stated is None:
        raise InputError("the input does not say its shape")
    return tuple(int(k) for k in np.atleast_1d(np.asarray(stated)))


def _time_step(nodes: Mapping[str, Any], metadata: Mapping[str, Any], remarks: list[str]) -> float:
    told = metadata.get("dt")
    if told is not None:
        dt = _number("the file's metadata: dt", told)
        remarks.append(f"time step {dt:g} s, as the file's metadata say")
        return dt
    leaky = [
        node for node in nodes.values() if type(node).__name__ in ("LIF", "LI", "CubaLIF", "CubaLI")
    ]
    if not leaky:
        return DEFAULT_DT_S
    taus = [
        (
            np.asarray(node.tau if hasattr(node, "tau") else node.tau_mem, dtype=float),
            np.asarray(node.r, dtype=float),
        )
        for node in leaky
    ]
    if all(np.all(r != 1.0) and np.allclose(tau, r * SNNTORCH_DT_S, rtol=1e-4) for tau, r in taus):
        remarks.append(
            f"time step {SNNTORCH_DT_S:g} s: every neuron has r = tau/{SNNTORCH_DT_S:g}, as"
            " snnTorch writes them"
        )
        return SNNTORCH_DT_S
    remarks.append(
        f"time step {DEFAULT_DT_S:g} s: the file does not say one; give dt_s=… for another"
    )
    return DEFAULT_DT_S


def _made(node: Any, reset: str) -> Node | pop.Population:
    kind = type(node).__name__
    maker = _MAKERS.get(kind)
    if maker is not None:
        return maker(node)
    neuron = _NEURONS[kind]
    values = {
        entry.name: np.asarray(getattr(node, entry.name))
        for entry in fields(neuron)  # type: ignore[arg-type]
        if hasattr(node, entry.name)
    }
    if "reset" in {entry.name for entry in fields(neuron)}:  # type: ignore[arg-type]
        told = (getattr(node, "metadata", None) or {}).get("reset")
        return neuron(**values, reset=reset if told is None else _text(told))  # type: ignore[call-arg]
    return neuron(**values)


def _bias(node: Any) -> Any:
    return (
        None
        if getattr(node, "bias", None) is None or np.size(node.bias) == 0
        else np.asarray(node.bias)
    )


def _dense(node: Any) -> Dense:
    weight = np.asarray(node.weight)
    if weight.ndim != 2:
        raise InputError(f"a weight of shape {weight.shape}; expected (outputs, inputs)")
    return Dense(weight.T, _bias(node))


def _ints(value: Any, axes: int) -> tuple[int, ...]:
    array = np.atleast_1d(np.asarray(value))
    if array.dtype.kind not in "iu" and not np.all(array == np.rint(array.astype(float))):
        raise InputError(f"{value!r} where whole numbers are expected")
    items = tuple(int(k) for k in array)
    return items * axes if len(items) == 1 else items


def _convolution(node: Any) -> Convolution:
    kernel = np.asarray(node.weight)
    axes = kernel.ndim - 2
    stride, dilation = _ints(node.stride, axes), _ints(node.dilation, axes)
    padding = node.padding.decode() if isinstance(node.padding, bytes) else node.padding
    if isinstance(padding, np.ndarray) and padding.dtype.kind in "SUO":
        padding = _text(padding.item())
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise InputError(f"padding is {padding!r}; expected same, valid or numbers")
        totals = [
            d * (k - 1) if padding == "same" else 0
            for k, d in zip(kernel.shape[2:], dilation, strict=True)
        ]
        if padding == "same" and any(s != 1 for s in stride):
            raise InputError(
                f"padding is 'same' with a stride of {stride}, which no framework defines alike;"
                " expected numbers"
            )
        pairs = tuple((total // 2, total - total // 2) for total in totals)
    else:
        pairs = tuple((p, p) for p in _ints(padding, axes))
    return Convolution(
        kernel,
        _bias(node),
        stride=stride,
        padding=pairs,
        dilation=dilation,
        groups=int(node.groups),
    )


def _pooling(what: str) -> Callable[[Any], Pooling]:
    def made(node: Any) -> Pooling:
        return Pooling(
            what,  # type: ignore[arg-type]
            _ints(node.kernel_size, 2),
            _ints(node.stride, 2),
            tuple((p, p) for p in _ints(node.padding, 2)),
        )

    return made


def _flatten(node: Any, batch_axes: int = 0) -> Flatten:
    last = int(node.end_dim)
    return Flatten(int(node.start_dim) - batch_axes, last - batch_axes if last > 0 else last)


_MAKERS: dict[str, Callable[[Any], Node | pop.Population]] = {
    "Affine": _dense,
    "Linear": _dense,
    "Scale": lambda node: Scale(np.asarray(node.scale)),
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "SumPool2d": _pooling("sum"),
    "AvgPool2d": _pooling("average"),
    "Flatten": _flatten,
    "Threshold": lambda node: Threshold(np.asarray(node.threshold)),
    "Delay": lambda node: pop.Delay(seconds=np.asarray(node.delay)),
}


# -- out -------------------------------------------------------------------------------------------


def write_nir(network: Structure, path: str | Path) -> Path:
    """Write a network as a NIR file; its time step and its resets go into the metadata, where
    `read_nir` finds them."""
    nir = nir_module()
    path = Path(path)
    shape = network.shapes
    called = _names([network.source, *network.nodes, network.sink])
    nodes = {called[network.source]: nir.Input(input_type=np.array(shape[network.source]))}
    for name, node in network.nodes.items():
        nodes[called[name]] = _nir_node(nir, network, name, node)
    nodes[called[network.sink]] = nir.Output(output_type=np.array(shape[network.output]))
    edges = [(called[a], called[b]) for a, b in (*network.edges, (network.output, network.sink))]
    graph = nir.NIRGraph(
        nodes=nodes,
        edges=edges,
        metadata={"dt": network.dt_s, "steps": network.steps},
        type_check=False,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with appearing(path) as temporary:
        nir.write(temporary, graph)
    return path


def _names(names: list[str]) -> dict[str, str]:
    """Names as an HDF5 file can hold them: a slash, which ONNX files like, would begin a group
    there."""
    found: dict[str, str] = {}
    for name in names:
        plain = name.replace("/", ".").strip(".") or "node"
        while plain in found.values() or (plain != name and plain in names):
            plain += "_"
        found[name] = plain
    return found


def _nir_node(nir: Any, network: Structure, name: str, node: Node | pop.Population) -> Any:
    shape = network.shapes[network.inputs_of(name)[0]]
    if isinstance(node, Dense):
        weight = np.ascontiguousarray(node.weights.T)
        return (
            nir.Linear(weight=weight)
            if node.offsets is None
            else nir.Affine(weight=weight, bias=np.array(node.offsets))
        )
    if isinstance(node, Convolution):
        return _nir_convolution(nir, name, node, shape)
    if isinstance(node, Pooling) and len(node.size) == 2 and node.what in ("sum", "average"):
        if (
            any(a != b for a, b in node.padding)
            or any(d != 1 for d in node.dilation)
            or (any(map(any, node.padding)) and not node.counts_padding)
        ):
            raise InputError(
                f"node {name!r}: NIR pools with equal padding on both sides, which counts, and"
                " without dilation"
            )
        made = nir.SumPool2d if node.what == "sum" else nir.AvgPool2d
        return made(
            kernel_size=np.array(node.size),
            stride=np.array(node.stride),
            padding=np.array([a for a, _ in node.padding]),
        )
    if isinstance(node, Flatten):
        return nir.Flatten(input_type=np.array(shape), start_dim=node.first, end_dim=node.last)
    if isinstance(node, Reshape) and len(network.shapes[name]) == 1:
        return nir.Flatten(input_type=np.array(shape), start_dim=0, end_dim=-1)
    if isinstance(node, Scale) and node.offsets is None:
        return nir.Scale(scale=np.array(np.broadcast_to(node.factors, shape)))
    if isinstance(node, Threshold):
        return nir.Threshold(threshold=np.array(node.threshold))
    if isinstance(node, pop.Delay):
        return nir.Delay(delay=np.array(node.seconds))
    for kind, neuron in _NEURONS.items():
        if type(node) is neuron:
            return _nir_neuron(getattr(nir, kind), node, shape)
    raise InputError(
        f"node {name!r} ({node.kind}{' ' + node.name if hasattr(node, 'name') else ''}) has no word"
        f" in NIR, which takes: {', '.join(TAKEN[:-3])}"
    )


def _nir_neuron(made: Any, node: pop.Population, shape: Shape) -> Any:
    values = {
        entry.name: np.array(getattr(node, entry.name))
        for entry in fields(node)  # type: ignore[arg-type]
        if entry.name != "reset"
    }
    shapes = [value.shape for value in values.values()]
    full = (
        np.broadcast_shapes(*shapes) or shape
    )  # HDF5 compresses arrays only, and so the package nir takes no plain numbers
    found = made(
        **{
            name: value if value.shape == full else np.array(np.broadcast_to(value, full))
            for name, value in values.items()
        }
    )
    if getattr(node, "reset", "value") != "value":
        found.metadata = {"reset": node.reset}  # type: ignore[attr-defined]
    return found


def _nir_convolution(nir: Any, name: str, node: Convolution, shape: Shape) -> Any:
    if node.axes > 2:
        raise InputError(f"node {name!r}: NIR has convolutions over one and two axes, not three")
    bias = np.zeros(len(node.kernel)) if node.offsets is None else np.array(node.offsets)
    totals = [d * (k - 1) for k, d in zip(node.kernel.shape[2:], node.dilation, strict=True)]
    if all(a == b for a, b in node.padding):
        padding: Any = tuple(a for a, _ in node.padding)
    elif node.padding == tuple((t // 2, t - t // 2) for t in totals) and set(node.stride) == {1}:
        padding = "same"
    else:
        raise InputError(
            f"node {name!r}: NIR pads both sides of a convolution alike; here it is {node.padding}"
        )
    if node.axes == 1:
        one = padding if padding == "same" else padding[0]
        return nir.Conv1d(
            input_shape=shape[1],
            weight=np.array(node.kernel),
            stride=node.stride[0],
            padding=one,
            dilation=node.dilation[0],
            groups=node.groups,
            bias=bias,
        )
    return nir.Conv2d(
        input_shape=shape[1:],
        weight=np.array(node.kernel),
        stride=node.stride,
        padding=padding,
        dilation=node.dilation,
        groups=node.groups,
        bias=bias,
    )
