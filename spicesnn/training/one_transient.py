"""The experiments of "In-situ memristive learning" as whole circuits: trained in one transient,
inferred from the saved states.

Each memristor is the emulator as a circuit (`netlists/mosfet_emulator_literal.lib`), each column
ends in an analog neuron. While pattern j stands on the word lines only phi_j is high, so the
pattern is written into column j, one column a period, in one transient. Inference starts a second
transient from the states that the first one left, phi low throughout; the first neuron to reach its
threshold answers."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn import paths
from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar, GateAlong
from spicesnn.crossbar.stimulus import CheckedWaveform
from spicesnn.crossbar.wires import Wires
from spicesnn.datasets import mnist, patterns
from spicesnn.datasets.images import binarise, to_10x10
from spicesnn.devices.base import Device
from spicesnn.devices.mosfet_emulator import MosfetEmulator
from spicesnn.errors import InputError, UnknownNameError
from spicesnn.netlist.accuracy import TransientAccuracy
from spicesnn.netlist.batch import run_batch
from spicesnn.netlist.foreign import load_foreign
from spicesnn.netlist.network import NetworkDeck, first_spikes, network_deck
from spicesnn.neurons.circuit import CircuitNeuron

TRANSCONDUCTANCE = 5e-9
"""Of the emulators in the networks, siemens."""
TIE_S = 1e-7
"""Two first spikes closer than this are a tie, and a tie is wrong."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Task:
    """One experiment.

    Attributes
    ----------
    name : str
    inputs : (classes, word lines)
        The patterns, 0 or 1, one per class.
    names : tuple of str
        Of the classes.
    pulse_s, period_s : float
        A pattern stands for `pulse_s` at the start of each period, seconds.
    edge_s : float
        Time of its edges, seconds.
    """

    name: str
    inputs: Floats
    names: tuple[str, ...]
    pulse_s: float
    period_s: float
    edge_s: float = 1e-5


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Trained:
    """What the training transient left.

    Attributes
    ----------
    gate_volts : (word lines, classes)
        State of each emulator.
    largest_error_volts : float
        Against the charge that the device's Python twin integrates over the same pulses.
    points : int
    wall_s : float
    deck : NetworkDeck
    """

    gate_volts: Floats
    largest_error_volts: float
    points: int
    wall_s: float
    deck: NetworkDeck


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Inferred:
    """What the inference transient answered.

    Attributes
    ----------
    first_spike_s : (patterns, classes)
        After the pattern is switched on; inf where the neuron stays silent.
    twin_first_spike_s : (patterns, classes)
        The same from the Python twins of devices and neurons.
    predicted : (patterns,) int
        −1 where nobody spikes, or the two earliest tie.
    points : int
    wall_s : float
    deck : NetworkDeck
    """

    first_spike_s: Floats
    twin_first_spike_s: Floats
    predicted: NDArray[np.int64]
    points: int
    wall_s: float
    deck: NetworkDeck


def mnist_templates(
    images: NDArray[np.uint8], labels: NDArray[np.integer], ones: int = 19
) -> Floats:
    """Return one binary 10×10 template a class: the mean of its first 100 images, bicubic, the
    `ones` brightest pixels set."""
    means = np.stack([images[labels == k][:100].astype(float).mean(axis=0) for k in range(10)])
    return np.asarray(
        binarise(to_10x10(means, method="bicubic"), ones).reshape(10, -1), dtype=float
    )


def task(name: str) -> Task:
    """Return one of the experiments: ``xpue``, ``digits-3x5`` or ``mnist-10x10``."""
    if name in ("xpue", "digits-3x5"):
        found = patterns.by_name(name)
        return Task(name=name, inputs=found.inputs, names=found.names, pulse_s=5e-3, period_s=15e-3)
    if name == "mnist-10x10":
        data = mnist.load()
        inputs = mnist_templates(data.x_train, data.y_train)
        return Task(
            name=name, inputs=inputs, names=tuple("0123456789"), pulse_s=2e-3, period_s=6e-3
        )
    raise UnknownNameError(
        f"no circuit experiment {name!r}; there are: xpue, digits-3x5, mnist-10x10"
    )


def stimulus(task: Task, shown: Floats, *, phi: bool) -> CheckedWaveform:
    """Return the waveform that shows patterns (patterns, word lines) one per period, phi of column j
    high during the j-th if `phi`."""
    count, classes = len(shown), len(task.inputs)
    at = np.arange(count)[:, None] * task.period_s + np.array(
        [0.0, task.edge_s, task.pulse_s - task.edge_s, task.pulse_s]
    )
    times = np.append(at.ravel(), count * task.period_s)
    on = np.append(np.tile([0.0, 1.0, 1.0, 0.0], count), 0.0)
    which = np.append(np.repeat(np.arange(count), 4), count - 1)
    gates = (
        1.2 * on[:, None] * (which[:, None] == np.arange(classes))
        if phi
        else np.zeros((times.size, classes))
    )
    return CheckedWaveform(
        time_s=times,
        row_volts=on[:, None] * shown[which],
        column_volts=np.zeros((times.size, classes)),
        gate_volts=gates,
        floating_rows=np.zeros(shown.shape[1], dtype=bool),
        floating_columns=np.zeros(classes, dtype=bool),
    )


def emulator() -> Device:
    """Return the emulator of the networks, as a circuit."""
    return load_foreign(paths.netlists_dir() / "mosfet_emulator_literal.toml").with_parameters(
        transconductance=TRANSCONDUCTANCE
    )


def training_deck(
    task: Task, *, neuron: CircuitNeuron | None = None, wires: Wires | None = None
) -> NetworkDeck:
    """Return the deck of the whole training: crossbar, phi lines, neurons, and every pattern in
    turn."""
    shape = (task.inputs.shape[1], len(task.inputs))
    array = Crossbar(
        device=emulator(), shape=shape, wires=wires or Wires.ideal(), gate_along=GateAlong.BIT_LINES
    )
    waveform = stimulus(task, task.inputs, phi=True)
    title = f"{task.name}: trained in one transient"
    return network_deck(
        array, waveform, neuron or CircuitNeuron(), accuracy=_accuracy(task, waveform), title=title
    )


def train(
    task: Task,
    *,
    neuron: CircuitNeuron | None = None,
    wires: Wires | None = None,
    timeout_s: float = 600.0,
) -> Trained:
    """Write all patterns in one transient and return the states it leaves.

    Raises
    ------
    NgspiceError
        ngspice failed or its answer did not pass the checks.
    """
    deck = training_deck(task, neuron=neuron, wires=wires)
    start = time.perf_counter()
    run = run_batch(deck.text, timeout_s=timeout_s)
    wall = time.perf_counter() - start
    assert deck.states is not None
    gates = np.array([run[f"v({node})"][-1] for node in deck.states.nodes.ravel()]).reshape(
        task.inputs.shape[::-1]
    )
    device = MosfetEmulator(transconductance=TRANSCONDUCTANCE)
    # The phi line is above its threshold, and the ramps of the pattern with it, between the
    # half-way points of their edges.
    cut = device.phi_threshold / 1.2
    volt_seconds = (task.pulse_s - 2 * task.edge_s + task.edge_s * (1 - cut**2)) * task.inputs.T
    total = float(device.capacitance + device.gate_capacitance)
    expected = (
        float(np.asarray(device.initial_state())) + device.transconductance * volt_seconds / total
    )
    error = float(np.max(np.abs(gates - expected)))
    return Trained(
        gate_volts=gates, largest_error_volts=error, points=run.sweep.size, wall_s=wall, deck=deck
    )


def infer(
    task: Task,
    trained: Trained,
    shown: Floats | None = None,
    *,
    neuron: CircuitNeuron | None = None,
    wires: Wires | None = None,
    timeout_s: float = 600.0,
) -> Inferred:
    """Show patterns to the trained circuit, phi low, and score the first spikes by time.

    Parameters
    ----------
    task : Task
    trained : Trained
    shown : (patterns, word lines), optional
        The task's own patterns if left out.
    neuron, wires
        As in `train`.
    """
    neuron = neuron or CircuitNeuron()
    shown = task.inputs if shown is None else np.asarray(shown, dtype=float)
    if shown.ndim != 2 or shown.shape[1] != task.inputs.shape[1]:
        raise InputError(
            f"patterns have shape {shown.shape}; expected (patterns, {task.inputs.shape[1]})"
        )
    array = Crossbar(
        device=emulator(),
        state=trained.gate_volts,
        wires=wires or Wires.ideal(),
        gate_along=GateAlong.BIT_LINES,
    )
    waveform = stimulus(task, shown, phi=False)
    title = f"{task.name}: inferred from saved states"
    deck = network_deck(
        array, waveform, neuron, save_states=False, accuracy=_accuracy(task, waveform), title=title
    )
    start = time.perf_counter()
    run = run_batch(deck.text, timeout_s=timeout_s)
    wall = time.perf_counter() - start
    first = first_spikes(run, deck, neuron.v_threshold, task.period_s, len(shown))
    device = MosfetEmulator(transconductance=TRANSCONDUCTANCE)
    amps = np.stack(
        [device.current(pattern[:, None], trained.gate_volts).sum(axis=0) for pattern in shown]
    )
    return Inferred(
        first_spike_s=first,
        twin_first_spike_s=neuron.first_spike_s(amps) + task.edge_s / 2,
        predicted=winners(first),
        points=run.sweep.size,
        wall_s=wall,
        deck=deck,
    )


def winners(first_spike_s: Floats, tie_s: float = TIE_S) -> NDArray[np.int64]:
    """Return the neuron that spikes first in each row; −1 where none does, or where the two
    earliest are closer than `tie_s`."""
    order = np.sort(first_spike_s, axis=1)
    alone = np.isfinite(order[:, 0])
    if order.shape[1] > 1:
        with np.errstate(invalid="ignore"):
            alone &= ~(order[:, 1] - order[:, 0] < tie_s)
    return np.where(alone, np.argmin(first_spike_s, axis=1), -1)


def _accuracy(task: Task, waveform: CheckedWaveform) -> TransientAccuracy:
    points = max(10, round(waveform.duration_s / (task.pulse_s / 50)))
    return TransientAccuracy(
        points=points, reltol=3e-4, vntol=1e-6, abstol=1e-12, chgtol=1e-14, trtol=7.0
    )
