"""`stdp-mnist`: the unsupervised network as an experiment with a preset, a run directory and a
checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.power_law import PowerLaw
from spicesnn.engines.base import Engine
from spicesnn.engines.default import default_engine
from spicesnn.engines.tiled.incremental import JOULE, REFRESHES, ROW_SOLVES, SOLVES, Pulses
from spicesnn.engines.tiled.wiring import Wiring
from spicesnn.errors import ConfigError
from spicesnn.learning.votes import ClassVote, LikelihoodVote, while_learning
from spicesnn.networks.rules import LastSpikeSTDP
from spicesnn.neurons.conductance_lif import ConductanceLIF
from spicesnn.nonidealities.compiled import NonidealCells, nonideal_cells
from spicesnn.nonidealities.options import StreamImperfections
from spicesnn.options import Section, option
from spicesnn.programming.pulse_map import PulseMap, PulseScheme
from spicesnn.training.pictures import PICTURES, histogram_data, raster_data, spike_data
from spicesnn.training.sections import DeviceOptions
from spicesnn.training.streamed import (
    Arrays,
    ArrayToDraw,
    Images,
    LayerToConfirm,
    LearntData,
    StreamConfig,
    Tally,
    only_layer,
)
from spicesnn.training.unsupervised.device_synapse import (
    compensated,
    compensated_volts,
    literal,
    literal_volts,
    pulses_for,
)
from spicesnn.training.unsupervised.hardware import ArraySection
from spicesnn.training.unsupervised.network import (
    IdealSynapse,
    LevelSynapse,
    NetworkState,
    Synapse,
    TableSynapse,
    UnsupervisedNetwork,
    fresh_state,
    show,
    suited_to,
)
from spicesnn.training.unsupervised.replay import replay

_CELLS = 17
"""What the generator of the cells' non-idealities is for: the second word of its seed."""
_SHOWN = 500
"""Test images whose spikes are counted for the figures."""


@dataclass(frozen=True, kw_only=True)
class NetworkSection(Section):
    """[network]"""

    neurons: int = option(100, "neurons that learn", lowest=1)
    full_rate_hz: float | None = option(
        None, "spike rate of an input at grey level 255; auto: by the number of inputs", above=0.0
    )
    column_sum: float | None = option(
        None,
        "sum of a neuron's weights before each presentation; auto: by the number of neurons",
        above=0.0,
    )
    inhibition: float | None = option(
        None,
        "increase of the inhibition of all other neurons per spike, in units of the leak; auto",
        lowest=0.0,
    )
    potentiation: float | None = option(None, "Ap; auto", above=0.0)
    theta_tau_s: float | None = option(None, "time constant of the thresholds; auto", above=0.0)
    depression_share: float = option(0.01, "An/Ap", lowest=0.0)
    vote: str = option(
        "likelihood", "how spike counts are turned into classes", choices=("likelihood", "class")
    )
    label_limit: int = option(0, "training images that label the neurons; 0 is all", lowest=0)

    def suited(self, inputs: int) -> NetworkSection:
        """Return the section with what was left to follow from the numbers of neurons and
        inputs."""
        following: dict[str, Any] = {
            name: value
            for name, value in suited_to(self.neurons, inputs).items()
            if getattr(self, name) is None
        }
        return replace(self, **following)

    def build(self, inputs: int = 784) -> UnsupervisedNetwork:
        """Return the network for so many inputs."""
        whole = self.suited(inputs)
        given = {name: getattr(whole, name) for name in suited_to(self.neurons, inputs)}
        neuron = ConductanceLIF(theta_tau_s=given.pop("theta_tau_s"))
        return UnsupervisedNetwork(
            inputs=inputs,
            neurons=self.neurons,
            depression_share=self.depression_share,
            neuron=neuron,
            **given,
        )


@dataclass(frozen=True, kw_only=True)
class SynapseSection(Section):
    """[synapse]: the ideal rule (with imperfections.states: in steps between states), or the device
    of [device] under solved pulses."""

    kind: str = option("ideal", "type of synapse", choices=("ideal", "device", "last-spike"))
    level_window: float = option(
        0.5, "weight of the highest state (imperfections.states)", above=0.0, highest=1.0
    )
    mapping: str = option(
        "compensated",
        "pulse voltage by trace and state, or by the trace alone (power-law)",
        choices=("compensated", "literal"),
    )
    g_one: float = option(1.49301e-4, "conductance of weight 1", above=0.0)
    set_s: float = option(10e-9, "width of a set pulse", above=0.0)
    reset_s: float = option(1e-9, "width of a reset pulse", above=0.0)
    set_volts: tuple[float, ...] = option((0.0, 2.2), "lowest and highest set voltage", lowest=0.0)
    reset_volts: tuple[float, ...] = option(
        (0.0, 2.5), "lowest and highest reset voltage", lowest=0.0
    )
    map_read_volts: float = option(0.1, "voltage at which conductance is I/V", above=0.0)
    read_volts: float = option(0.7, "amplitude of an input spike, for the energy", above=0.0)

    rise: float = option(
        0.005, "Δw of an input that spikes with the neuron (kind = last-spike)", lowest=0.0
    )
    fall: float = option(
        0.003,
        "decrease for inputs without a recent spike, at a neuron's spike (kind = last-spike)",
        lowest=0.0,
    )
    decay_steps: float = option(
        4.0, "lag at which the rise is 1/e of that (kind = last-spike)", above=0.0
    )
    window_steps: int = option(10, "longest lag that raises a weight (kind = last-spike)", lowest=0)

    def scheme(self) -> PulseScheme:
        """Return the pulse scheme."""
        for name in ("set_volts", "reset_volts"):
            span = getattr(self, name)
            if len(span) != 2 or span[0] >= span[1]:
                raise ConfigError(f"synapse.{name} is {list(span)}; expected [lowest, highest]")
        return PulseScheme(
            set_s=self.set_s,
            reset_s=self.reset_s,
            set_volts=(self.set_volts[0], self.set_volts[1]),
            reset_volts=(self.reset_volts[0], self.reset_volts[1]),
            g_one=self.g_one,
            read_volts=self.map_read_volts,
        )


@dataclass(frozen=True, kw_only=True)
class TrainingSection(Section):
    """[training]"""

    epochs: int = option(1, "passes over the training images", lowest=1)
    presentations: int = option(
        0, "minimum number of presentations: a small data set gets more passes", lowest=0
    )
    chunk: int = option(5000, "images between checkpoints", lowest=1)


@dataclass(frozen=True, kw_only=True)
class UnsupervisedConfig(StreamConfig):
    """The preset `stdp-mnist` and its relatives."""

    kind: ClassVar[str] = "unsupervised"

    data: LearntData = field(default_factory=LearntData)
    network: NetworkSection = field(default_factory=NetworkSection)
    synapse: SynapseSection = field(default_factory=SynapseSection)
    device: DeviceOptions = field(default_factory=lambda: DeviceOptions(model="power-law"))
    array: ArraySection = field(default_factory=ArraySection)
    imperfections: StreamImperfections = field(default_factory=StreamImperfections)
    training: TrainingSection = field(default_factory=TrainingSection)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data.source == "mnist" or self.data.inputs:  # of a file it is not known yet
            object.__setattr__(self, "network", self.network.suited(self.data.input_count))

    @property
    def chunks(self) -> tuple[int, int]:
        """Passes over the training images, and images in a chunk."""
        return (
            self.data.passes(self.training.epochs, self.training.presentations),
            self.training.chunk,
        )

    def _network(self) -> UnsupervisedNetwork:
        return self.network.build(self.data.input_count)

    def tables_for(self, engine: Engine) -> Arrays:
        """Return what a device's synapses need, solved by the engine once a run: increments, and
        the pulses where they go through wires."""
        if self.synapse.kind != "device":
            if self.array.wires == "reads-and-writes":
                kind = self.synapse.kind
                raise ConfigError(
                    f"array.wires is 'reads-and-writes', but a synapse of kind {kind!r} has no"
                    " pulses; use synapse.kind = 'device'"
                )
            return {}
        device, scheme, network = self.device.build(), self.synapse.scheme(), self._network()
        if self.array.wires != "ideal" and not device.linear:
            raise ConfigError(
                f"array.wires is {self.array.wires!r}, but {device.name} cells are not linear, and"
                " reads are added up row by row; use a device whose current is proportional to the"
                " voltage, such as power-law"
            )
        law = device if self.synapse.mapping == "literal" else None
        if law is not None and not isinstance(law, PowerLaw):
            raise ConfigError(
                f"synapse.mapping is 'literal', but {device.name} has no te2v and to2v; use"
                " 'compensated', or the power-law device"
            )
        maps = (
            PulseMap.solved(device, engine, scheme, up=True),
            PulseMap.solved(device, engine, scheme, up=False),
        )
        synapse = (
            compensated(*maps, network)
            if law is None
            else literal(*maps, network, law.te2v, law.to2v)
        )
        tables: Arrays = {"up": synapse.up, "down": synapse.down}
        if self.array.wires == "reads-and-writes":
            volts = (
                compensated_volts(*maps, network)
                if law is None
                else literal_volts(network, law.te2v, law.to2v)
            )
            pulses = pulses_for(scheme, *maps, *volts)
            tables |= {
                f"pulses_{name}": np.asarray(value) for name, value in pulses._asdict().items()
            }
        return tables

    def _levels(self) -> LevelSynapse | None:
        states = self.imperfections.checked_states(table=self.synapse.kind == "device")
        if states and self.synapse.kind == "last-spike":
            raise ConfigError(
                "imperfections.states is not for synapse.kind = 'last-spike'; use 'ideal'"
            )
        return LevelSynapse(levels=states, window=self.synapse.level_window) if states else None

    def _synapse(self, tables: Arrays) -> Synapse:
        levels = self._levels()
        if levels is not None:
            return levels
        if self.synapse.kind == "last-spike":
            options, step_s = self.synapse, self._network().step_s
            return LastSpikeSTDP(
                rise=options.rise,
                fall=options.fall,
                tau_s=options.decay_steps * step_s,
                window_s=options.window_steps * step_s,
            )
        return (
            TableSynapse(up=tables["up"], down=tables["down"])
            if self.synapse.kind == "device"
            else IdealSynapse()
        )

    def _nonideal(self) -> NonidealCells | None:
        if self.array.wires == "reads-and-writes" and not self.imperfections.none:
            raise ConfigError(
                "array.wires is 'reads-and-writes', where [imperfections] are not modelled; use"
                " 'reads' or 'ideal'"
            )
        return nonideal_cells(
            self.imperfections, (self.data.input_count, self.network.neurons), self.rng(_CELLS)
        )

    def _wiring(self, tables: Arrays) -> Wiring | None:
        stored = {
            name.removeprefix("pulses_"): value
            for name, value in tables.items()
            if name.startswith("pulses_")
        }
        if self.array.wires != "ideal" and (
            self.imperfections.states or self.synapse.kind == "last-spike"
        ):
            what = (
                "imperfections.states"
                if self.imperfections.states
                else "synapse.kind = 'last-spike'"
            )
            raise ConfigError(
                f"array.wires is {self.array.wires!r}, not for {what}; use synapse.kind = 'ideal'"
                " or 'device'"
            )
        return self.array.wiring(self.synapse.g_one, Pulses.of_arrays(stored) if stored else None)

    def fresh(self, rng: np.random.Generator) -> Arrays:
        """Return random weights."""
        return _arrays(fresh_state(self._network(), rng, self._levels()))

    def learn(
        self,
        arrays: Arrays,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        rng: np.random.Generator,
        epoch: int,
        engine: Engine,
        tally: Tally,
    ) -> Arrays:
        """Show a chunk of images with learning on; labels serve the learning curve alone."""
        tables = {
            name: value
            for name, value in arrays.items()
            if name not in (*_STATE, "chunk_mean", "chunk_accuracy")
        } or self.tables_for(engine)
        network = self._network()
        shown = show(
            network,
            _state(arrays),
            images,
            rng,
            learn=True,
            synapse=self._synapse(tables),
            wiring=self._wiring(tables),
            nonideal=self._nonideal(),
        )
        read_joule = (
            self.synapse.read_volts**2 * self.synapse.g_one * network.step_s * shown.read_weight_sum
        )
        tally.add(
            presentations=shown.presentations,
            output_spikes=shown.output_spikes,
            input_events=shown.input_events,
            learning_writes=shown.learning_writes,
            normalisation_writes=shown.normalisation_writes,
            energy_joule=read_joule,
        )
        if self.array.wires != "ideal":
            tally.add(
                tiles_solved=float(shown.tally[SOLVES]),
                word_lines_solved=float(shown.tally[ROW_SOLVES]),
                columns_refreshed=float(shown.tally[REFRESHES]),
                write_joule=float(shown.tally[JOULE]),
            )
        return {
            **_arrays(shown.state),
            **tables,
            **while_learning(shown.responses, labels, arrays, self.data.class_count),
        }

    def circuit(self) -> str:
        """Return what stands on arrays."""
        solved = f"a {self.device.model} cell whose steps were solved for every voltage and state"
        cell = (
            solved
            if self.synapse.kind == "device"
            else (
                f"one of {self.imperfections.states} states"
                if self.imperfections.states
                else "ideal"
            )
        )
        through = {
            "ideal": "wires have no resistance",
            "reads": "every read goes through the wires of its tiles",
            "reads-and-writes": "every read and every pulse goes through the wires of its tiles",
        }[self.array.wires]
        spikes = "Every input spike reads a word line, every output spike writes a bit line."
        return (
            f"{self.data.input_count} × {self.network.neurons} synapses, each {cell}; {through}."
            f" {spikes}"
        )

    def solved_by(self, engine: str) -> tuple[str, ...]:
        """Return the engine for what pulses do to a device, and nodal for tiles with wires."""
        device, wires = self.synapse.kind == "device", self.array.wires != "ideal"
        return tuple(
            dict.fromkeys(
                [*([engine] if device else []), *([default_engine().name] if wires else [])]
            )
        )

    def drawn_array(self) -> ArrayToDraw:
        """Return the array, or the first tile where it is cut."""
        cell = self.device.model if self.synapse.kind == "device" else "ideal synapses"
        shape, array = (self.data.input_count, self.network.neurons), self.array
        if array.wires == "ideal":
            return ArrayToDraw(shape=shape, wires=Wires.ideal(), cell=cell)
        return ArrayToDraw.tile(shape, (array.tile_rows, array.tile_cols), array.segments(), cell)

    def reader(
        self, arrays: Arrays, images: Images, rng: np.random.Generator, engine: Engine
    ) -> Callable[[NDArray[np.uint8]], NDArray[np.int64]]:
        """Label the neurons with training images, learning frozen, and return what answers."""
        state, wiring = _state(arrays), self._wiring({})
        if wiring is None:
            return self._reader(state, images, rng, None)
        cells = state.as_cells()
        return self._reader(cells, images, rng, wiring.read_weight(cells.weight))

    def _reader(
        self,
        state: NetworkState,
        images: Images,
        rng: np.random.Generator,
        read_weight: NDArray[np.float32] | None,
    ) -> Callable[[NDArray[np.uint8]], NDArray[np.int64]]:
        network, limit, nonideal = (
            self._network(),
            self.network.label_limit or len(images.train),
            self._nonideal(),
        )
        labelled = show(
            network,
            state,
            images.train[:limit],
            rng,
            learn=False,
            read_weight=read_weight,
            nonideal=nonideal,
        ).responses
        kind = LikelihoodVote if self.network.vote == "likelihood" else ClassVote
        vote = kind.from_training(labelled, images.train_labels[:limit], len(images.names))
        seed = rng.integers(2**63)

        def answer(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
            fresh = np.random.default_rng(seed)
            return vote.predict(
                show(
                    network,
                    state,
                    pixels,
                    fresh,
                    learn=False,
                    read_weight=read_weight,
                    nonideal=nonideal,
                ).responses
            )

        return answer

    def siemens(self, arrays: Arrays) -> Floats:
        """Return what the cells conduct (inputs, neurons)."""
        return self.synapse.g_one * _state(arrays).effective_weight.astype(float)

    def answers_through(
        self,
        arrays: Arrays,
        images: Images,
        pixels: NDArray[np.uint8],
        read_weight: NDArray[np.float32],
        rng: np.random.Generator,
    ) -> NDArray[np.int64]:
        """Return what the network answers `pixels` if its neurons see `read_weight` (inputs,
        neurons) in place of the weights.

        Neurons are labelled with the training images of the run; the same generator gives the same
        input spikes, whatever the weights."""
        state = replace(_state(arrays), scale=np.ones(self.network.neurons, np.float32))
        return self._reader(state, images, rng, read_weight)(pixels)

    def confirmed_layer(
        self, arrays: Arrays, images: Images, count: int, layer: int
    ) -> LayerToConfirm:
        """Return the only layer."""
        only_layer(layer, 1)
        chosen = images.test[:count]

        def answers(effective: Floats) -> NDArray[np.int64]:
            return self.answers_through(
                arrays,
                images,
                chosen,
                (effective / self.synapse.g_one).astype(np.float32),
                np.random.default_rng(self.seed),
            )

        return LayerToConfirm(
            siemens=self.siemens(arrays),
            row_volts=self.synapse.read_volts * chosen.astype(float) / 255.0,
            answers=answers,
        )

    def tiled(self) -> tuple[Wires, Tiling]:
        """Return the wires of a tile, and the tiles; without wires the array is one."""
        if self.array.wires == "ideal":
            return super().tiled()
        return self.array.segments(), Tiling(rows=self.array.tile_rows, cols=self.array.tile_cols)

    def figures_data(self, arrays: Arrays, images: Images, engine: Engine) -> Mapping[str, Any]:
        """Return weights and thresholds, their spread, spike counts, and one presentation spike by
        spike."""
        network, state, before = self._network(), _state(arrays), _state(self.untrained())
        shown = show(
            network, state, images.test[:_SHOWN], self.rng(PICTURES), learn=False
        ).responses
        inputs, fired = replay(network, state, images.test[0], self.rng(PICTURES, 1))
        return {
            "fields": state.effective_weight,
            "theta_mv": arrays["theta_mv"],
            **histogram_data(
                {"inputs to neurons": before.effective_weight},
                {"inputs to neurons": state.effective_weight},
            ),
            **spike_data({"neurons": shown.sum(axis=1)}),
            **raster_data(
                {"inputs": inputs, "neurons": fired},
                step_s=network.step_s,
                shown=int(images.test_labels[0]),
            ),
        }


_STATE = ("weight", "scale", "column_sum", "theta_mv")


def _arrays(state: NetworkState) -> Arrays:
    return {name: getattr(state, name) for name in _STATE}


def _state(arrays: Arrays) -> NetworkState:
    return NetworkState(**{name: arrays[name] for name in _STATE})
