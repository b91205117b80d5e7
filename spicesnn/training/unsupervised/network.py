"""The unsupervised network: parameters, state, and what one does with it (train, respond)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.encoding.events import seed_words
from spicesnn.engines.tiled.incremental import STALLED
from spicesnn.engines.tiled.wiring import Wiring
from spicesnn.errors import ConvergenceError, InputError
from spicesnn.networks.rules import LastSpikeSTDP
from spicesnn.neurons.conductance_lif import ConductanceLIF
from spicesnn.nonidealities.compiled import NonidealCells, stuck_in
from spicesnn.training.unsupervised.presentation import IDEAL, LAST_SPIKE, LEVELS, TABLE
from spicesnn.training.unsupervised.stream import show_many


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class IdealSynapse:
    """Soft-bound STDP: Δw = +Ap·te·(1 − w) at an output spike, −An·to·w at an input spike."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class LevelSynapse:
    """The same increments, but a weight is one of `levels` equally spaced values from 0 to
    `window`; steps are rounded stochastically."""

    levels: int = 16
    window: float = 0.5

    def __post_init__(self) -> None:
        if self.levels < 2:
            raise InputError(f"level synapse: levels = {self.levels}; expected 2 or more")
        if not 0 < self.window <= 1:
            raise InputError(
                f"level synapse: window = {self.window!r}; expected a weight above 0, at most 1"
            )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class TableSynapse:
    """Increments of a device, by the lag since the other side's last spike and by the present
    weight.

    Attributes
    ----------
    up, down : (lags, grid) float32
        Δw at an output spike (≥ 0) and at an input spike (≤ 0); lag k is k·Δt; the grid is even
        over √w, w in [0, 1]: small weights need a finer one.
    """

    up: NDArray[np.float32]
    down: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name, sign in (("up", 1), ("down", -1)):
            table = np.ascontiguousarray(getattr(self, name), dtype=np.float32)
            if table.ndim != 2 or table.shape[1] < 2 or not np.all(np.isfinite(table)):
                raise InputError(
                    f"table synapse: {name} has shape {table.shape}; expected finite values (lags,"
                    " grid of 2 or more weights)"
                )
            if np.any(sign * table < 0):
                raise InputError(
                    f"table synapse: {name} has values of the wrong sign: a device that learns"
                    " backwards is a mistake in its table"
                )
            object.__setattr__(self, name, table)


Synapse = IdealSynapse | LevelSynapse | TableSynapse | LastSpikeSTDP


def suited_to(neurons: int, inputs: int = 784) -> dict[str, float]:
    """Return `column_sum`, `inhibition`, `potentiation`, θ's time constant and the full spike rate
    that suit so many neurons and inputs.

    Found on validation images (docs: stdp-mnist). Every image makes some twenty spikes, however
    many neurons share them: beyond 1600 neurons thresholds would fall between a neuron's spikes
    faster than they grow, so they are given the time. Fewer inputs have larger weights, and spike
    more often, so that a neuron is driven as hard (`few_inputs`)."""
    theta_tau_s = ConductanceLIF().theta_tau_s * max(1.0, neurons / 1600)
    sums, rate = few_inputs(inputs)
    if neurons < 200:
        return {
            "column_sum": 40.0 * sums,
            "inhibition": 30.0,
            "potentiation": 0.005,
            "theta_tau_s": theta_tau_s,
            "full_rate_hz": rate,
        }
    return {
        "column_sum": 78.0 * sums,
        "inhibition": 17.0,
        "potentiation": 0.01,
        "theta_tau_s": theta_tau_s,
        "full_rate_hz": rate,
    }


FULL_RATE_HZ = 63.75


def few_inputs(inputs: int) -> tuple[float, float]:
    """Return by what column sums are multiplied, and the full spike rate: MNIST's for 784
    inputs."""
    ratio = inputs / 784
    return min(ratio, 1.0) ** SUM_POWER, FULL_RATE_HZ * max(1.0, 1.0 / ratio) ** RATE_POWER


SUM_POWER, RATE_POWER = 0.5, 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class UnsupervisedNetwork:
    """Inputs, one layer of excitatory neurons, lateral inhibition (Diehl and Cook 2015, inhibitory
    layer folded in).

    Attributes
    ----------
    inputs, neurons : int
    full_rate_hz : float
        Spike rate of an input at grey level 255.
    boost_hz, fewest_spikes, most_tries
        An image with fewer output spikes than `fewest_spikes` is shown again, `boost_hz` brighter,
        at most `most_tries` times.
    column_sum : float
        Σ_i w of every neuron before each presentation.
    inhibition : float
        What a spike adds to the inhibitory conductance of all other neurons, in units of the leak.
    potentiation, depression_share : float
        Ap, and An/Ap.
    trace_tau_s, show_s, rest_s, step_s : float
        STDP trace, presentation, rest, time step, second.
    """

    inputs: int = 784
    neurons: int = 100
    full_rate_hz: float = 63.75
    boost_hz: float = 32.0
    fewest_spikes: int = 5
    most_tries: int = 6
    column_sum: float = 78.0
    inhibition: float = 17.0
    potentiation: float = 0.01
    depression_share: float = 0.01
    trace_tau_s: float = 20e-3
    show_s: float = 0.35
    rest_s: float = 0.15
    step_s: float = 0.5e-3
    neuron: ConductanceLIF = field(default_factory=ConductanceLIF)

    def __post_init__(self) -> None:
        for name in ("inputs", "neurons", "most_tries"):
            if getattr(self, name) < 1:
                raise InputError(
                    f"unsupervised network: {name} = {getattr(self, name)}; expected 1 or more"
                )
        for name in (
            "full_rate_hz",
            "column_sum",
            "potentiation",
            "trace_tau_s",
            "show_s",
            "step_s",
        ):
            if not getattr(self, name) > 0:
                raise InputError(
                    f"unsupervised network: {name} = {getattr(self, name)!r}; expected a number"
                    " above 0"
                )
        if self.neuron.refractory_s / self.step_s > 63:
            raise InputError("unsupervised network: the refractory time is longer than 63 steps")

    @property
    def steps(self) -> int:
        """Time steps of one presentation."""
        return round(self.show_s / self.step_s)

    def _physics(self) -> NDArray[np.float32]:
        n, dt = self.neuron, self.step_s
        return np.array(
            [
                dt / n.tau_s,
                n.rest_mv,
                n.excitatory_reversal_mv,
                n.inhibitory_reversal_mv,
                np.exp(-dt / n.excitatory_tau_s),
                np.exp(-dt / n.inhibitory_tau_s),
                n.reset_mv,
                self.inhibition,
                n.theta_step_mv,
                round(n.refractory_s / dt),
            ],
            dtype=np.float32,
        )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class NetworkState:
    """Everything that learning changes.

    Attributes
    ----------
    weight : (inputs, neurons) float32, scale : (neurons,) float32
        The synapse's weight is ``scale * weight``.
    column_sum : (neurons,) float64
    theta_mv : (neurons,) float32
    """

    weight: NDArray[np.float32]
    scale: NDArray[np.float32]
    column_sum: NDArray[np.float64]
    theta_mv: NDArray[np.float32]

    @property
    def effective_weight(self) -> NDArray[np.float32]:
        """``scale * weight``, (inputs, neurons)."""
        return self.scale * self.weight

    def as_cells(self) -> NetworkState:
        """Return the same network with nothing in `scale`: every weight a conductance, at most that
        of weight 1."""
        weight = np.minimum(self.effective_weight, np.float32(1.0))
        return replace(
            self,
            weight=weight,
            scale=np.ones_like(self.scale),
            column_sum=weight.sum(axis=0, dtype=np.float64),
        )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Shown:
    """What showing images did.

    Attributes
    ----------
    state : NetworkState
    responses : (images, neurons) int16
        Output spikes.
    presentations, output_spikes, input_events, learning_writes, normalisation_writes : int
    read_weight_sum : float
        Σ of the weights read over all input events, estimated on every 64th image: times V²·G₁·Δt
        it is the read energy.
    tally : (5,)
        What wires took, see `wired`: tiles and word lines solved for pulses, columns solved for
        reads, energy of the pulses in joule.
    """

    state: NetworkState
    responses: NDArray[np.int16]
    presentations: int
    output_spikes: int
    input_events: int
    learning_writes: int
    normalisation_writes: int
    read_weight_sum: float
    tally: NDArray[np.float64]


def fresh_state(
    network: UnsupervisedNetwork, rng: np.random.Generator, synapse: Synapse | None = None
) -> NetworkState:
    """Return random weights in [0.003, 0.303], as Diehl and Cook start, on the synapse's own levels
    where it has some."""
    weight = (rng.random((network.inputs, network.neurons)) * 0.3 + 0.003).astype(np.float32)
    if isinstance(synapse, LevelSynapse):
        top = synapse.levels - 1
        weight = (np.floor(weight * top + rng.random(weight.shape)) / top).astype(np.float32)
    return NetworkState(
        weight=weight,
        scale=np.ones(network.neurons, np.float32),
        column_sum=np.maximum(weight.sum(axis=0, dtype=np.float64), 1e-3),
        theta_mv=np.full(network.neurons, network.neuron.theta_start_mv, np.float32),
    )


def _checked_images(network: UnsupervisedNetwork, images: ArrayLike) -> NDArray[np.uint8]:
    array = np.asarray(images)
    if array.dtype != np.uint8 or array.ndim < 2 or array[0].size != network.inputs:
        raise InputError(
            f"images have shape {array.shape} and type {array.dtype}; expected (images,"
            f" {network.inputs}) grey levels of type uint8"
        )
    return np.ascontiguousarray(array.reshape(len(array), -1))


def _aligned(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a copy that begins with a cache line, so that rows of 16 numbers are loaded from one
    line each and not from two."""
    room = np.empty(array.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    made = room[start : start + array.nbytes].view(np.float32).reshape(array.shape)
    made[:] = array
    return made


def show(
    network: UnsupervisedNetwork,
    state: NetworkState,
    images: ArrayLike,
    rng: np.random.Generator,
    *,
    learn: bool,
    synapse: Synapse | None = None,
    read_weight: NDArray[np.float32] | None = None,
    wiring: Wiring | None = None,
    nonideal: NonidealCells | None = None,
) -> Shown:
    """Show images one after another; with `learn` weights and thresholds move, else both stand
    still.

    Parameters
    ----------
    network : UnsupervisedNetwork
    state : NetworkState
        Left untouched; the new one is in the result.
    images : (images, inputs) uint8
    rng : Generator
        All randomness comes from here.
    learn : bool
    synapse : Synapse, optional
        Ideal if left out.
    read_weight : (inputs, neurons) float32, optional
        What the neurons see in place of the weights (an array behind wires); only without learning.
    wiring : Wiring, optional
        Wires through which the neurons read while they learn, and through which pulses go if it has
        any. Weights are then conductances, not above 1.
    nonideal : NonidealCells, optional
        What is wrong with the cells; not with pulses through wires.

    Raises
    ------
    ConvergenceError
        The tiles cannot be solved in single precision: wires far more resistive than cells.
    """
    synapse = synapse or IdealSynapse()
    pixels = _checked_images(network, images)
    if learn and read_weight is not None:
        raise InputError("read_weight stands still, so it cannot be used while learning")
    wired = None
    if nonideal is not None:
        if wiring is not None and wiring.pulses is not None:
            raise InputError(
                "non-idealities of cells are for ideal writes: pulses through wires act on working"
                " cells"
            )
        state = state if isinstance(synapse, LevelSynapse) else state.as_cells()
        cells = stuck_in(state.weight, nonideal.start)
        state = replace(
            state, weight=cells, column_sum=np.maximum(cells.sum(axis=0, dtype=np.float64), 1e-3)
        )
    if wiring is not None:
        if not learn or isinstance(synapse, LevelSynapse | LastSpikeSTDP):
            raise InputError(
                "wiring is for learning with ideal synapses or devices; without learning use"
                " read_weight=wiring.read_weight(weights)"
            )
        state = state.as_cells()
        wired = wiring.fresh(state.weight, network.column_sum)
        read_weight = np.zeros_like(state.weight)
    weight, scale, column_sum, theta = (
        _aligned(state.weight),
        state.scale.copy(),
        state.column_sum.copy(),
        state.theta_mv.copy(),
    )
    kind, level, window, blank = IDEAL, 1.0, 1.0, np.zeros((1, 2), np.float32)
    up = down = blank
    if isinstance(synapse, LevelSynapse):
        kind, level, window = LEVELS, 1.0 / (synapse.levels - 1), synapse.window
    elif isinstance(synapse, TableSynapse):
        kind, up, down = TABLE, synapse.up, synapse.down
    elif isinstance(synapse, LastSpikeSTDP):
        kind, change = LAST_SPIKE, synapse.table(network.step_s)
        up = np.ascontiguousarray(change[:, None], dtype=np.float32)
    trace = np.exp(-np.arange(network.steps + 1) * network.step_s / network.trace_tau_s).astype(
        np.float32
    )
    rates = np.array(
        [network.potentiation, network.potentiation * network.depression_share, level], np.float32
    )
    responses, totals = np.zeros((len(pixels), network.neurons), np.int16), np.zeros(6)
    show_many(
        seed_words(rng),
        pixels,
        np.arange(len(pixels)),
        weight,
        weight if read_weight is None else np.ascontiguousarray(read_weight, np.float32),
        scale,
        column_sum,
        theta,
        float(np.exp(-(network.show_s + network.rest_s) / network.neuron.theta_tau_s)),
        network.neuron.threshold_mv,
        network.column_sum,
        network.full_rate_hz,
        network.boost_hz,
        network.step_s,
        network.steps,
        network.fewest_spikes,
        network.most_tries,
        network._physics(),
        trace,
        rates,
        up,
        down,
        kind,
        window,
        learn,
        wired,
        nonideal,
        responses,
        totals,
    )
    if wired is not None and wired.tally[STALLED]:
        raise ConvergenceError(
            f"{int(wired.tally[STALLED])} solves of tiles did not converge: the wires are so"
            " resistive that hardly anything reaches these cells. Use smaller tiles, less"
            " resistance, or a smaller g_one"
        )
    after = (
        replace(state, weight=weight, scale=scale, column_sum=column_sum, theta_mv=theta)
        if learn
        else state
    )
    presentations, spikes, events, written, normalised = (int(t) for t in totals[:5])
    return Shown(
        state=after,
        responses=responses,
        presentations=presentations,
        output_spikes=spikes,
        input_events=events,
        learning_writes=written,
        normalisation_writes=normalised,
        read_weight_sum=float(totals[5]),
        tally=np.zeros(5) if wired is None else wired.tally,
    )
