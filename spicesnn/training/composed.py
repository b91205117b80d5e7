"""The kind `network`: populations, projections and rules from the tables of a preset, run by the
controller of all networks that learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.mapping import Differential
from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.engines.base import Engine
from spicesnn.engines.default import default_engine
from spicesnn.errors import ConfigError, InputError, UnknownNameError
from spicesnn.learning import metrics
from spicesnn.learning.votes import while_learning
from spicesnn.networks.decisions import DECISIONS, Decision, Votes
from spicesnn.networks.hardware import Hardware
from spicesnn.networks.learner import LearningNetwork
from spicesnn.networks.members import Inputs
from spicesnn.networks.nodes import Weighted
from spicesnn.networks.rules import ExSitu, Rule, Tuning
from spicesnn.networks.rules.batch import seen
from spicesnn.networks.synapses import (
    Ideal,
    Levels,
    PulseMap,
    Solved,
    SynapseKind,
)
from spicesnn.nonidealities.options import NetworkImperfections, pixels_at
from spicesnn.programming.pulse_map import StrongestPulses
from spicesnn.training.composition import Rows, population, projection, rules_of
from spicesnn.training.images import Images, LearntData
from spicesnn.training.learnt_arrays import arrays_of, with_arrays
from spicesnn.training.network_sections import (
    MOVED,
    DeformationOptions,
    InputOptions,
    LayerWires,
    NetworkOptions,
    SynapseOptions,
    TrainingOptions,
)
from spicesnn.training.pictures import PICTURES, histogram_data, raster_data, spike_data
from spicesnn.training.sections import DeviceOptions, ProgrammingOptions
from spicesnn.training.streamed import (
    Arrays,
    ArrayToDraw,
    LayerToConfirm,
    StreamConfig,
    Tally,
    only_layer,
)
from spicesnn.training.suited import with_rate, without_auto

_SHOWN, _FOLLOWED = 200, 100
"""Test samples whose output spikes, and all of whose spikes, are counted for the figures."""
_GREY = 255.0
SYNAPSES = {kind.name: kind for kind in (Ideal, Levels, PulseMap, Solved)}


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(StreamConfig):
    """A network put together from populations, projections and rules."""

    kind: ClassVar[str] = "network"

    @classmethod
    def from_tables(cls, tables: Mapping[str, Any]) -> Self:
        """Return the configuration from parsed TOML; keys that have moved are named."""
        for key, now in MOVED.items():
            table, _, name = key.partition(".")
            if isinstance(tables.get(table), Mapping) and name in tables[table]:
                raise UnknownNameError(
                    f"no option {key!r} in an experiment of kind {cls.kind!r}; it is {now}"
                )
        return super().from_tables(tables)

    data: LearntData = field(default_factory=LearntData)
    inputs: InputOptions = field(default_factory=InputOptions)
    network: NetworkOptions = field(default_factory=NetworkOptions)
    population: Rows = field(default_factory=Rows)
    projection: Rows = field(default_factory=Rows)
    rule: Rows = field(default_factory=Rows)
    synapses: SynapseOptions = field(default_factory=SynapseOptions)
    array: LayerWires = field(default_factory=LayerWires)
    device: DeviceOptions = field(default_factory=DeviceOptions)
    imperfections: NetworkImperfections = field(default_factory=NetworkImperfections)
    programming: ProgrammingOptions = field(default_factory=ProgrammingOptions)
    deformation: DeformationOptions = field(default_factory=DeformationOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)

    # -- the network that the tables say ---------------------------------------------------------

    @property
    def grey(self) -> bool:  # type: ignore[override]
        """Whether inputs are spikes, which are drawn for values from 0 to 1."""
        return self.inputs.code in ("spikes", "poisson")

    @property
    def chunks(self) -> tuple[int, int]:
        """Passes over the training samples, those on the cells after software included, and samples
        in a chunk."""
        return self._epochs + self.training.tuning_epochs, self.training.chunk

    @property
    def _epochs(self) -> int:
        """Passes before any tuning; none where weights are given."""
        if any(row.get("weights") for row in self.rule.rows):
            return 0
        return self.data.passes(self.training.epochs, self.training.presentations)

    def hardware(self) -> Hardware:
        """What the cells stand on."""
        options, wires = self.synapses, self.array
        if len(options.window) not in (0, 2):
            raise ConfigError(
                f"synapses.window is {list(options.window)}; expected [lowest, highest] siemens, or"
                " nothing"
            )
        device = self.device.build()
        plain = Hardware(
            device=device,
            wires=wires.segments(),
            tile=(wires.tile_rows or 10**6, wires.tile_cols or 10**6),
            columns=options.columns,  # type: ignore[arg-type]
            read_volts=options.read_volts,
            read_s=options.read_s,
            window=(options.window[0], options.window[1]) if options.window else None,
            gate_volts=self.programming.gate_on_volts if device.gated else None,
            wire_aware=options.wire_aware,
            reads_alike=self.imperfections.reads_alike,
        )
        flaws = self.imperfections.build(device, plain.used_window(), volts=plain.chord_volts)
        return plain.with_changes(imperfections=flaws)

    def kind_of(self, name: str, engine: Engine) -> SynapseKind:
        """A kind of synapse by its name in a projection."""
        if name not in SYNAPSES:
            raise ConfigError(
                f"a projection stands on {name!r} synapses; expected one of: {', '.join(SYNAPSES)}"
            )
        options, given = self.synapses, self.programming
        common: dict[str, Any] = {
            "hardware": self.hardware(),
            "engine": engine,
            "wire_tolerance": options.wire_tolerance,
        }
        pulses = StrongestPulses(
            set_volts=given.set_volts,
            reset_volts=given.reset_volts,
            set_s=given.set_s,
            reset_s=given.reset_s,
        )
        flaws = self.imperfections
        varied = {
            **common,
            "pulse_spread": flaws.pulse_spread,
            "conductance_spread": flaws.conductance_spread,
        }
        if name == "ideal":
            return Ideal(pulse=options.pulse, **varied)
        if name == "levels":
            return Levels(levels=options.levels, **varied)
        if name == "pulse-map":
            return PulseMap(
                pulses=pulses,
                amplitude=options.amplitude,  # type: ignore[arg-type]
                wired_writes=options.wired_writes,
                devices=options.devices,
                seed=self.seed,
                **varied,
            )
        for key in ("pulse_spread", "conductance_spread"):
            if value := getattr(flaws, key):
                raise ConfigError(
                    f"imperfections.{key} is {value}, but solved synapses do what the device does;"
                    " let its parameters differ, with imperfections.parameters and"
                    " imperfections.spread"
                )
        return Solved(
            pulses=pulses,
            scheme=given.line_scheme(),
            rise_s=given.rise_s,
            writing=options.writing,  # type: ignore[arg-type]
            tolerance=options.tolerance,
            **common,
        )

    def composed(self, engine: Engine) -> LearningNetwork:
        """The network, without synapses yet; what its kinds of synapses have solved is kept for the
        next call."""
        kept: dict[int, LearningNetwork] = self.__dict__.setdefault("_composed", {})
        if id(engine) not in kept:
            kept[id(engine)] = self._composed_by(engine)
        return kept[id(engine)]

    def _composed_by(self, engine: Engine) -> LearningNetwork:
        if not self.population.rows or not self.projection.rows:
            raise ConfigError(
                "a network without populations or projections; expected [[population]] and"
                " [[projection]] tables"
            )
        known: dict[str, SynapseKind] = {}

        def kinds(name: str) -> SynapseKind:
            return (
                known[name] if name in known else known.setdefault(name, self.kind_of(name, engine))
            )

        given, options = self.inputs, self.network
        count = self.data.input_count
        populations, rows = without_auto(
            self.population.rows, self.projection.rows, self.rule.rows, count
        )
        rules = self._rules(tuple(rows))
        decision: Decision = (
            Votes(by=options.vote) if options.decision == "votes" else DECISIONS[options.decision]()  # type: ignore[arg-type]
        )
        try:
            network = LearningNetwork(
                inputs={
                    "inputs": Inputs(
                        shape=self._input_shape(),
                        code=given.code,
                        probability=given.probability,
                        rate_hz=with_rate(given.rate_hz, count),
                        boost_hz=given.boost_hz,
                        fewest_spikes=given.fewest_spikes,
                        most_tries=given.most_tries,
                    )
                },
                populations=dict(population(row, self.data.class_count) for row in populations),
                projections=tuple(projection(row, kinds, rules) for row in self.projection.rows),
                output=options.output,
                decision=decision,
                dt_s=options.step_s,
                rest_s=options.rest_s,
                steps=options.steps,
                answer_steps=options.answer_steps,
            )
        except InputError as error:
            raise ConfigError(str(error)) from None
        self._check_turns(network)
        return self._placed(network)

    def _rules(self, rows: tuple[Mapping[str, Any], ...]) -> dict[str, Rule]:
        """All rules, with the numbers of samples that they will be shown."""
        found = rules_of(rows, self.device.build)
        software = self._epochs * self.data.train_count
        tuning = self.training.tuning_epochs * self.data.train_count
        made = dict(found)
        for name, rule in found.items():
            if isinstance(rule, Tuning):
                made[name] = replace(rule, samples=tuning or software)
        for name, rule in found.items():
            if not isinstance(rule, ExSitu):
                continue
            tune = rule.tune
            if isinstance(tune, Tuning):
                tune = replace(tune, samples=tuning)
            if self.training.tuning_epochs and tune is None:
                raise ConfigError(
                    f"training.tuning_epochs is {self.training.tuning_epochs}, but rule.{name}.tune"
                    " names no rule that tunes; expected one"
                )
            made[name] = replace(rule, samples=software, tune=tune)
        if self.training.tuning_epochs and not any(isinstance(r, ExSitu) for r in made.values()):
            raise ConfigError(
                f"training.tuning_epochs is {self.training.tuning_epochs}; expected 0 without a"
                " rule 'ex-situ', which trains in software before"
            )
        return made

    def _check_turns(self, network: LearningNetwork) -> None:
        """Refuse passes in which layers that take turns do not all have their own."""
        rule = network.batch_rule
        passes, layers = self.training.tuning_epochs, len(network.plastic)
        tune = rule.tune if isinstance(rule, ExSitu) else None
        if isinstance(tune, Tuning) and tune.order == "layerwise" and passes % layers:
            raise ConfigError(
                f"training.tuning_epochs = {passes} with the rule {tune.name!r} of order"
                f" 'layerwise'; expected a multiple of the {layers} layers"
            )
        if isinstance(rule, ExSitu) and self.imperfections.stuck:
            raise ConfigError(
                "imperfections.stuck: a cell that is stuck before the mapping has no defined"
                " conductance; give imperfections.stuck_on and imperfections.stuck_off"
            )

    def _placed(self, network: LearningNetwork) -> LearningNetwork:
        """The network with its stuck cells where they are asked for."""
        place = self.imperfections.stuck_place
        if place == "anywhere":
            return network
        projections = []
        for entry in network.projections:
            lines = network.lines_of(entry)
            rows = entry.connection.matrix(lines, network.shape_of(entry.target))[0]
            may_stick = np.zeros(rows, dtype=bool)
            if entry.source == network.source and rows:
                if entry.connection.name != "dense" or len(entry.delays_s) > 1:
                    raise ConfigError(
                        f"imperfections.stuck_place is {place!r}, but the word lines of"
                        f" {entry.name} are not the pixels of an image; expected a dense"
                        " projection without several delays"
                    )
                pixels = pixels_at(place, self.data.input_count)
                may_stick[: len(pixels)] = pixels
            projections.append(replace(entry, may_stick=may_stick))
        return replace(network, projections=tuple(projections))

    def _input_shape(self) -> tuple[int, ...]:
        rows, columns = self.data.image
        if self.inputs.code == "events":
            if rows < 2:
                raise ConfigError(
                    'inputs.code = "events" takes the rows of a sample as its time steps, but these'
                    " samples have none; say how they are laid out with data.shape = [steps,"
                    " channels]"
                )
            return (columns,)
        return (1, rows, columns) if rows > 1 else (columns,)

    def _samples(self, images: NDArray[Any], network: LearningNetwork) -> Floats:
        values: NDArray[Any]
        if network.leaky_layers() is not None:  # what it computes in
            values = images.astype(np.float32)
            values /= np.float32(_GREY)
        else:
            values = np.divide(images, _GREY, dtype=float)
            values.setflags(write=False)
        rows, columns = self.data.image
        return (
            values.reshape(len(values), rows, columns)
            if self.inputs.code == "events"
            else values.reshape(len(values), *self._input_shape())
        )

    def _deformed(
        self, images: NDArray[Any], network: LearningNetwork, rng: np.random.Generator
    ) -> Floats:
        """Samples to learn from: images that are seen anew, where that is asked for."""
        change = self.deformation.build(self.data.image)
        if change.none:
            return self._samples(images, network)
        if self.inputs.code == "events":
            raise ConfigError(
                '[deformation] is for images, but inputs.code = "events" takes the rows of a sample'
                " as its time steps; expected no deformation"
            )
        grey = change.applied(images, self.data.image, rng)
        values: NDArray[Any] = grey if network.leaky_layers() is not None else grey.astype(float)
        return values.reshape(len(grey), *self._input_shape())

    # -- the hooks of the controller -------------------------------------------------------------

    def fresh(self, rng: np.random.Generator) -> Arrays:
        """Arrays of fresh synapses."""
        return arrays_of(self.composed(default_engine()).fresh(rng))

    def _network(self, arrays: Arrays, engine: Engine) -> LearningNetwork:
        return with_arrays(self.composed(engine), arrays)

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
        """Learn from a chunk."""
        network = self._network(arrays, engine)
        before = network.energy
        network = network.learn(
            self._deformed(images, network, rng),
            labels,
            rng,
            progress=epoch / max(self.chunks[0], 1),
        )
        after, solved = network.energy, [cells.seen for cells in network.synapses.values()]
        if solves := sum(seen.solves for seen in solved if seen is not None):
            worst = max(seen.worst for seen in solved if seen is not None)
            tally.add(solves=solves)
            tally.totals["stale_error"] = max(tally.totals.get("stale_error", 0.0), worst)
        read, write = after.read_joule - before.read_joule, after.write_joule - before.write_joule
        tally.add(read_joule=read, write_joule=write, energy_joule=read + write)
        tally.add(**{"presentations": len(images), **network.counted})
        if network.answered is None:
            return arrays_of(network)
        curve = (
            while_learning(network.answered, labels, arrays, self.data.class_count)
            if isinstance(network.decision, Votes)
            else {}
        )
        return {**arrays_of(network), **curve}

    def reader(
        self, arrays: Arrays, images: Images, rng: np.random.Generator, engine: Engine
    ) -> Callable[[NDArray[np.uint8]], NDArray[np.int64]]:
        """Label the neurons where they vote, and return what answers."""
        network = self._network(arrays, engine)
        rule = network.batch_rule
        if isinstance(rule, ExSitu) and not rule.mapped(network):
            network = rule.in_software(network)
        return self._reader(network, images, rng)

    def _reader(
        self, network: LearningNetwork, images: Images, rng: np.random.Generator
    ) -> Callable[[NDArray[np.uint8]], NDArray[np.int64]]:
        limit = self.network.label_limit or len(images.train)
        if isinstance(network.decision, Votes):
            network = network.labelled(
                self._samples(images.train[:limit], network),
                images.train_labels[:limit],
                rng,
                len(images.names),
            )
        seed = rng.integers(2**63)

        def answer(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
            """The classes of samples, with the same input spikes at every call."""
            return network.decided(self._samples(pixels, network), np.random.default_rng(seed))

        return answer

    def more_metrics(self, arrays: Arrays, images: Images, engine: Engine) -> Mapping[str, Any]:
        """Pulses so far, the cells that took most of them, and where spikes run through layers the
        energy of the reads of one answer: the mean of a few test images."""
        wear = [value for name, value in arrays.items() if name.endswith(" wear")]
        found: dict[str, Any] = {
            "cell_pulses": int(sum(w.sum() for w in wear)),
            "most_pulses_of_a_cell": int(max((w.max() for w in wear), default=0)),
        }
        network = self._network(arrays, engine)
        if network.layered:
            shown = self._samples(images.test[:_FOLLOWED], network)
            fired, joule = network.activity(shown, self.rng(PICTURES))
            found["read_joule_a_presentation"] = joule / len(shown)
            found |= {
                f"spike_rate_{name}": float(fired[name].mean()) for name in self._spiking(network)
            }
        if isinstance(network.batch_rule, ExSitu):
            found |= self._of_mapping(network, network.batch_rule, images)
        return found

    @staticmethod
    def _spiking(network: LearningNetwork) -> list[str]:
        """Populations that spike."""
        kinds = {name: entry.kind for name, entry in network.populations.items()}
        return [name for name, kind in kinds.items() if getattr(kind, "spiking", False)]

    def _of_mapping(self, network: LearningNetwork, rule: ExSitu, images: Images) -> dict[str, Any]:
        """The accuracy of the software's weights, of the same mapped without regard to wires, and
        as mapped before any tuning; what wires left of errors."""
        test, memory = self._samples(images.test, network), rule.remembered(network)

        def accuracy(other: LearningNetwork) -> float:
            answers = other.decided(test, self.rng(PICTURES))
            return metrics.accuracy(answers, images.test_labels)

        def mapped(wire_aware: bool | None) -> LearningNetwork:
            updates, _ = rule.programming(network, memory, wire_aware=wire_aware)
            rng, cells = self.rng(PICTURES), network.synapses
            return network.with_synapses({n: cells[n].apply(u, rng) for n, u in updates.items()})

        found: dict[str, Any] = {"software_accuracy": accuracy(rule.in_software(network))}
        if "loss" in memory:
            found["software_loss"] = float(memory["loss"][0])
        if not rule.mapped(network):
            return found
        tuned = any(key.startswith("tune ") for key in memory)
        tiles = [cells.tiling.count(cells.array.shape) for cells in network.synapses.values()]
        return {
            **found,
            "uncompensated_accuracy": accuracy(mapped(False)),
            "mapped_accuracy": accuracy(mapped(None) if tuned else network),
            "mapping_error": float(memory["error"][0]),
            "cells": int(
                sum(cells.array.state_or_zeros().size for cells in network.synapses.values())
            ),
            "tiles": int(sum(tiles)),
        }

    @property
    def _on_cells(self) -> list[str]:
        return [
            f"{row['source']}>{row['target']}"
            for row in self.projection.rows
            if row.get("synapses")
        ]

    @property
    def _wired(self) -> bool:
        """Whether something on the lines has resistance."""
        return not self.array.segments().without_resistance

    def solved_by(self, engine: str) -> tuple[str, ...]:
        """The engine, where wires are read, maps are solved or pulses are."""
        used = {row.get("synapses") for row in self.projection.rows}
        kinds = {row.get("kind", row.get("name")) for row in self.rule.rows}
        pulsed = ExSitu.name not in kinds or self.training.tuning_epochs
        solved = "solved" in used or (pulsed and "pulse-map" in used)
        return (engine,) if solved or (self._wired and used - {None}) else ()

    def circuit(self) -> str:
        """What stands on arrays."""
        parts, network = [], self.composed(default_engine())
        pairs = "pairs of " if self.synapses.columns == "differential" else ""
        for row in self.projection.rows:
            if row.get("synapses"):
                entry = network.projection(f"{row['source']}>{row['target']}")
                lines, target = network.lines_of(entry), network.shape_of(entry.target)
                rows, outputs = entry.connection.matrix(lines, target)
                what = {
                    "ideal": "ideal cells",
                    "levels": f"cells of {self.synapses.levels} levels",
                    "pulse-map": f"{self.device.model} cells under a solved pulse map",
                    "solved": f"{self.device.model} cells, every read and pulse solved",
                }[row["synapses"]]
                size = f"{rows}×{outputs} weights"
                parts.append(f"{row['source']} → {row['target']}: {size} on {pairs}{what}")
        wires = "tiles with their wires" if self._wired else "wires without resistance"
        return f"{'; '.join(parts)}; {wires}." if parts else "No projection stands on cells."

    @property
    def cell_layers(self) -> int:
        """Projections on cells."""
        return len(self._on_cells)

    def tiled(self) -> tuple[Wires, Tiling]:
        """Wires and tiles of all of them."""
        return self.array.segments(), Tiling(rows=self.array.tile_rows, cols=self.array.tile_cols)

    def drawn_array(self) -> ArrayToDraw | None:
        """The first tile of the first projection on cells."""
        if not self._on_cells:
            return None
        network = self.composed(default_engine())
        name = self._on_cells[0]
        entry = network.projection(name)
        rows, outputs = entry.connection.matrix(
            network.lines_of(entry), network.shape_of(entry.target)
        )
        assert entry.synapses is not None
        columns = entry.synapses.columns
        row = next(r for r in self.projection.rows if f"{r['source']}>{r['target']}" == name)
        cell = (
            f"{row['synapses']} cells"
            if row["synapses"] in ("ideal", "levels")
            else self.device.model
        )
        return ArrayToDraw.tile(
            (rows, columns.count(outputs)),
            (self.array.tile_rows, self.array.tile_cols),
            self.array.segments(),
            cell,
            differential=isinstance(columns, Differential),
        )

    def confirmed_layer(
        self, arrays: Arrays, images: Images, count: int, layer: int
    ) -> LayerToConfirm:
        """A projection on cells, the mean volts of its word lines, and what answers with other
        effective conductances."""
        only_layer(layer, len(self._on_cells))
        network, name = self._network(arrays, default_engine()), self._on_cells[layer]
        chosen, cells = images.test[:count], network.synapses[self._on_cells[layer]]
        if not cells.array.linear or cells.solves_reads:
            raise ConfigError(
                f"the cells of {name} are solved read by read; there is no one matrix that stands"
                " for them"
            )
        rng, samples = np.random.default_rng(self.seed), self._samples(chosen, network)
        sources = network.topology.inputs_of(name)
        if (
            tuple(sources) == (network.source,) and self.inputs.code == "poisson"
        ):  # as many as expected
            rate_hz = network.inputs[network.source].rate_hz
            values = {network.source: samples[:, None] * rate_hz * network.dt_s}
        elif network.leaky_layers() is not None:
            values, _ = network.activity(samples, rng)
        else:
            shown = network.encoded(samples, rng, steps=network.steps_of_answers)
            values, _ = seen(network, shown, np.random.default_rng(self.seed))
        total = sum((values[s] for s in sources[1:]), start=values[sources[0]])
        mean = total.mean(axis=1) if network.topology.temporal else total
        node = network.topology.nodes[name]
        assert isinstance(node, Weighted)
        rows = node.rows_of(mean)[0]
        rows = rows.reshape(len(mean), -1, rows.shape[1]).mean(axis=1)

        def answers(effective: Floats) -> NDArray[np.int64]:
            """The chosen samples' classes with these effective conductances."""
            other = replace(cells)
            other.__dict__["effective"] = np.asarray(effective, dtype=float)
            return self._reader(
                network.with_synapses({name: other}), images, np.random.default_rng(self.seed)
            )(chosen)

        return LayerToConfirm(
            siemens=cells.siemens, row_volts=self.synapses.read_volts * rows, answers=answers
        )

    def figures_data(self, arrays: Arrays, images: Images, engine: Engine) -> Mapping[str, Any]:
        """Weights, their spread, and spikes of the output."""
        network = self._network(arrays, engine)
        found: dict[str, Any] = {}
        after = {name: cells.weights for name, cells in network.synapses.items()}
        rule = network.batch_rule
        if isinstance(rule, ExSitu):
            cells = network.synapses
            wanted = {
                name: cells[name].asked(mean.astype(float), wire_aware=False)[0]
                for name, mean in rule.means(network).items()
            }
            found |= histogram_data(
                wanted,
                {name: cells[name].siemens for name in wanted},
                unit="S",
                sides=("required by the weights", "as the cells are"),
            )
        elif after:
            before = self._network(self.untrained(), engine)
            found |= histogram_data({name: before.synapses[name].weights for name in after}, after)
        first = next(
            (
                name
                for name in after
                if network.projection(name).source == "inputs"
                and network.projection(name).connection.name == "dense"
                and not network.projection(name).delays_s
            ),
            None,
        )
        if first is not None and images.shape[0] > 1 and self.inputs.code != "events":
            found["fields"] = after[first][: int(np.prod(images.shape))]
        if not network.layered:
            if not (network.topology.temporal and network.topology.spiking):
                return found
            counts = network.counts(
                self._samples(images.test[:_SHOWN], network), self.rng(PICTURES)
            )
            found |= spike_data({network.output: counts.sum(axis=1, dtype=np.int64)})
            return found | self._raster(self._fired(network, images.test[:1]), images)
        fired = self._fired(network, images.test[:_FOLLOWED])
        counted = {name: np.count_nonzero(spikes, axis=(1, 2)) for name, spikes in fired.items()}
        return found | spike_data(counted) | self._raster(fired, images)

    def _fired(self, network: LearningNetwork, images: NDArray[Any]) -> dict[str, Floats]:
        """Spikes of the inputs, where they are drawn, and of all populations that spike."""
        activity, _ = network.activity(self._samples(images, network), self.rng(PICTURES))
        sources = [network.source] if self.grey else []
        return {name: activity[name] for name in [*sources, *self._spiking(network)]}

    def _raster(self, fired: Mapping[str, Floats], images: Images) -> dict[str, Any]:
        """The first test sample spike by spike."""
        return raster_data(
            {name: spikes[0] > 0 for name, spikes in fired.items()},
            step_s=self.network.step_s,
            shown=int(images.test_labels[0]),
        )

    def exported(self, arrays: Arrays) -> Mapping[str, Any]:
        """Weights of a chain of dense projections, which `spicesnn map`, `exsitu.weights` and the
        rule 'ex-situ' take: of that rule the software's, as fractions of their limits."""
        network = self._network(arrays, default_engine())
        found: dict[str, Any] = {}
        rule, learnt = network.batch_rule, dict[str, Any]()
        if isinstance(rule, ExSitu):
            limits = rule.limits_of(network)
            learnt = {n: w / np.float32(limits[n]) for n, w in rule.means(network).items()}
        for number, name in enumerate(self._on_cells):
            entry, weights = (
                network.projection(name),
                learnt[name] if name in learnt else network.synapses[name].weights,
            )
            if entry.connection.name != "dense" or len(entry.delays_s) > 1:
                return {}
            biased = bool(getattr(entry.connection, "bias", False))
            found[f"weights_{number}"] = weights[:-1] if biased else weights
            if biased:
                found[f"bias_{number}"] = weights[-1]
        return found
