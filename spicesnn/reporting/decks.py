"""The circuits of an experiment as decks that a bare ngspice runs: a read of test samples and a
programming pulse of each array, and the whole network where it is one circuit."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import CheckedWaveform, Levels
from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.engines.results import PulseResult, Waveforms
from spicesnn.errors import ConfigError, InputError
from spicesnn.netlist.exports import Dialect, read_me, written
from spicesnn.netlist.pulse_deck import pulse_deck
from spicesnn.netlist.read_deck import read_deck
from spicesnn.networks.circuit import ChipDeck
from spicesnn.training import RunDirectory, load
from spicesnn.training.config import Config
from spicesnn.training.experiment import Experiment
from spicesnn.training.export import Exported, exported
from spicesnn.training.images import LearntData
from spicesnn.training.mapped import MapConfig
from spicesnn.training.rules import RULES
from spicesnn.training.state import History, RunState
from spicesnn.training.streamed import StreamConfig, Tally
from spicesnn.whole_file import write_whole, writing

_FEW = 1000


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Circuit:
    """One circuit of an experiment.

    Attributes
    ----------
    name : str
        Of its file, without the ending.
    what : str
    text : str
        The deck, for ngspice.
    array : Crossbar
    applied : Levels | CheckedWaveform | Exported | ChipDeck
        What an engine is given for the same answer: the voltages of a read, the waveform of a
        pulse, or the network itself.
    """

    name: str
    what: str
    text: str
    array: Crossbar
    applied: Levels | CheckedWaveform | Exported | ChipDeck


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Circuits:
    """The circuits of an experiment, and what there is no deck of: file name → why."""

    preset: str
    circuits: tuple[Circuit, ...]
    left_out: Mapping[str, str]


class _AllPulsesSeen(Exception):  # noqa: N818 (it ends the rule's update where every array has been pulsed; nobody else meets it)
    """Every array has had its first pulse."""


class _FirstPulses(NodalEngine):
    """Reads like the nodal engine, and keeps the first pulse of each array in place of applying
    it."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        self.number = {id(layer.device): k for k, layer in enumerate(experiment.layers)}
        self.seen: dict[int, tuple[Crossbar, CheckedWaveform]] = {}

    def _pulse(self, array: Crossbar, waveform: CheckedWaveform) -> PulseResult:
        self.seen.setdefault(self.number[id(array.device)], (array, waveform))
        if len(self.seen) == len(self.number):
            raise _AllPulsesSeen
        at, none = waveform.time_s, np.zeros((waveform.time_s.size, 0))
        nothing = Waveforms(
            time=at,
            row_volts=waveform.row_volts,
            column_volts=waveform.column_volts,
            row_amps=none,
            column_amps=none,
        )
        return PulseResult(array=array, energy_joule=0.0, waveforms=nothing, residual_amps=0.0)


def circuits(
    source: str, overrides: Mapping[str, str], *, seed: int | None = None, samples: int = 1
) -> Circuits:
    """Return the circuits of an experiment: of each array a read and a pulse, and the whole network
    if it has one layer.

    Networks that learn from a stream of images have a read of each layer, of its first tile where
    it is cut into tiles.

    Parameters
    ----------
    source : str
        A preset, a TOML file, or a run directory, whose states are then those in the decks.
    overrides : Mapping
        ``a.b`` → value.
    seed : int, optional
    samples : int
        So many test samples are read, and shown to the network.

    Raises
    ------
    ConfigError
        The weights of this network stand on no cells; or settings for a run, which has its own.
    """
    run = RunDirectory.existing(source) if (Path(source) / "run.toml").is_file() else None
    if run is not None and (overrides or seed is not None):
        raise ConfigError("the decks of a run are of that run: leave --set and --seed out")
    config = (
        run.config()
        if run is not None
        else load(source, [f"{key}={value}" for key, value in overrides.items()])
    )
    if run is not None:
        run.compare_files(kept=("network.path",) if config.kind == "map" else ())
    if seed is not None:
        config = config.with_seed(seed)
    if isinstance(config, StreamConfig):
        return _of_stream(config, run, samples)
    return _of_crossbar(config, run, samples)


def _of_crossbar(config: Config, run: RunDirectory | None, samples: int) -> Circuits:
    # A run's next pulse follows from all its samples; the states of a preset that has not learnt do
    # not.
    own = (
        config.data.source == "file"
    )  # of a user's data all are read: the scale follows from all training samples
    few = (
        config.data
        if run is not None or own
        else replace(config.data, train_limit=min(config.data.train_limit or _FEW, _FEW))
    )
    experiment = Experiment.of(
        replace(config, data=replace(few, test_limit=samples)),
        scale=run.scale() if run is not None else None,
    )
    state = run.load_state() if run is not None else experiment.start()
    history = run.load_history(state.updates) if run is not None else History()
    inputs = experiment.problem.test.inputs[:samples]
    volts = experiment.forward(NodalEngine(), state.devices, inputs).row_volts
    title, arrays = f"{config.preset}, seed {config.seed}: ", experiment.arrays(state.devices)
    found, left_out = [], {}
    for number, (array, rows) in enumerate(zip(arrays, volts, strict=True)):
        gates = np.full(array.gate_lines, config.encoding.gate_volts) if array.gated else None
        levels = Levels.checked(array, rows, gate_volts=gates)
        found.append(
            _read(
                array,
                levels,
                _numbered("read", number, len(arrays)),
                title,
                _of_array(number, len(arrays)),
            )
        )
    pulses, why = _next_pulses(experiment, state, history)
    for number in range(len(arrays)):
        name = _numbered("pulse", number, len(arrays))
        if number not in pulses:
            left_out[name] = why
            continue
        array, waveform = pulses[number]
        which = _of_array(number, len(arrays))
        deck = pulse_deck(
            array, waveform, inline_models=True, title=f"{title}next programming pulse{which}"
        )
        found.append(
            Circuit(
                name=name,
                what=f"the next programming pulse{which}",
                text=deck.text,
                array=array,
                applied=waveform,
            )
        )
    if len(arrays) == 1:
        network = exported(
            experiment, state.devices, inputs, NodalEngine(), title=f"{title}the whole network"
        )
        what = "crossbar, drivers and neurons, shown the samples"
        found.append(
            Circuit(
                name="network", what=what, text=network.deck.text, array=arrays[0], applied=network
            )
        )
    else:
        left_out["network.cir"] = (
            f"the neurons between {len(arrays)} arrays are digital; each array has a deck of"
            " its own"
        )
    return Circuits(preset=config.preset, circuits=tuple(found), left_out=left_out)


def _of_stream(config: StreamConfig, run: RunDirectory | None, samples: int) -> Circuits:
    images = config.images(run.scale() if run is not None else None)
    if run is None and isinstance(config.data, LearntData):
        config = replace(config, data=config.data.of(images))
    if run is not None:
        arrays = {
            name.removeprefix("array_"): value
            for name, value in run.checkpoint().items()
            if name.startswith("array_")
        }
    else:
        arrays = config.completed(config.untrained(), NodalEngine(), Tally())
    title, found = f"{config.preset}, seed {config.seed}: ", []
    for number in range(config.cell_layers):
        layer = config.confirmed_layer(arrays, images, samples, number)
        tile, count = config.first_tile(layer.siemens)
        levels = Levels.checked(tile, layer.row_volts[:, : tile.rows])
        which = (
            f"{_of_array(number, config.cell_layers, 'layer')}{f', the first of its {count} tiles' if count > 1 else ''},"
            " mean line volts"
        )
        found.append(
            _read(tile, levels, _numbered("read", number, config.cell_layers), title, which)
        )
    if isinstance(config, MapConfig):
        networks, missing = _of_map(config, run, samples, title)
        nothing = {
            "pulse.cir": "its cells are set to their conductances, not programmed pulse by pulse"
        }
        return Circuits(
            preset=config.preset, circuits=(*found, *networks), left_out=nothing | missing
        )
    why = (
        f"a network of kind {config.kind!r} learns through tables of what pulses do, not pulse by"
        " pulse in an array"
    )
    neurons = "its neurons are digital; the deck of a layer has its cells and wires"
    return Circuits(
        preset=config.preset,
        circuits=tuple(found),
        left_out={"pulse.cir": why, "network.cir": neurons},
    )


def _of_map(
    config: MapConfig, run: RunDirectory | None, samples: int, title: str
) -> tuple[list[Circuit], dict[str, str]]:
    """Return the whole network as decks of its blocks, or why there are none."""
    try:
        decks = config.decks(run, samples, title=f"{title}the whole network")
    except InputError as error:
        return [], {"network.cir": str(error)}
    found = []
    for number, (array, deck) in enumerate(decks):
        part = (
            "the whole network"
            if len(decks) == 1
            else f"block {number + 1} of {len(decks)} of the network"
        )
        what = f"{part}: {deck.cells} cells, wires, neurons, shown {deck.samples} test sample(s)"
        found.append(
            Circuit(
                name=_numbered("network", number, len(decks)),
                what=what,
                text=deck.text,
                array=array,
                applied=deck,
            )
        )
    return found, {}


def _read(array: Crossbar, levels: Levels, name: str, title: str, which: str) -> Circuit:
    deck = read_deck(
        array,
        levels,
        inline_models=True,
        title=f"{title}read of {levels.batch} test sample(s){which}",
    )
    return Circuit(name=name, what=f"one read{which}", text=deck.text, array=array, applied=levels)


def _numbered(name: str, number: int, count: int) -> str:
    return name if count == 1 else f"{name}-{number + 1}"


def _of_array(number: int, count: int, thing: str = "array") -> str:
    return "" if count == 1 else f" of {thing} {number + 1} of {count}"


def _next_pulses(
    experiment: Experiment, state: RunState, history: History
) -> tuple[dict[int, tuple[Crossbar, CheckedWaveform]], str]:
    """Return the first pulse that the rule's next update gives each array (its number → array and
    waveform), and why others have none."""
    options = experiment.config.exsitu
    if experiment.config.learning.rule == "exsitu":
        if not state.updates and not options.write_verify:
            return (
                {},
                (
                    "the weights are set as they were mapped, without pulses (exsitu.write_verify ="
                    " true programs them)"
                ),
            )
        if state.updates > options.fine_tune:
            return (
                {},
                "the run has mapped its weights, and tunes them no further (exsitu.fine_tune)",
            )
    # A device object of its own for each layer tells whose array a pulse is for.
    named = replace(
        experiment,
        layers=tuple(replace(layer, device=copy(layer.device)) for layer in experiment.layers),
    )
    engine = _FirstPulses(named)
    with suppress(_AllPulsesSeen):
        RULES[experiment.config.learning.rule].update(
            named, engine, replace(state, finished=False, converged=False), history
        )
    return (
        engine.seen,
        (
            "the next update asks for no pulse here: what was shown is answered as it should be, or"
            " no neuron fired"
        ),
    )


def write_decks(
    source: str,
    overrides: Mapping[str, str],
    *,
    folder: Path,
    seed: int | None = None,
    samples: int = 1,
    dialect: Dialect = Dialect.NGSPICE,
    check: bool = False,
) -> dict[str, Any]:
    """Write the circuits of an experiment (see `circuits`) into `folder`, for ngspice or in the
    dialect of another SPICE.

    Returns
    -------
    dict
        ``preset``; ``decks``, each with ``path``, ``what``, ``cards``, ``rows``, ``columns``;
        ``left_out``: file → why there is none. README.txt beside them says how to run them. With `check`, decks of mapped networks have
        ``checked``: what ngspice says of them beside the controller.
    """
    found = circuits(source, overrides, seed=seed, samples=samples)
    left_out = {
        name if name.endswith(".cir") else f"{name}.cir": why
        for name, why in found.left_out.items()
    }
    decks = []
    for circuit in found.circuits:
        name = f"{circuit.name}.cir"
        try:
            text = written(circuit.text, dialect)
        except InputError as error:
            left_out[name] = str(error)
            continue
        deck = _written(circuit, text, folder / name)
        if check and isinstance(circuit.applied, ChipDeck):
            deck["checked"] = _checked(circuit.applied)
        decks.append(deck)
    if not decks:
        raise InputError(
            f"no deck of {found.preset} can be written for {dialect.value}:"
            f" {next(iter(left_out.values()))}"
        )
    names = [Path(deck["path"]).name for deck in decks]
    _kept(folder / "README.txt", read_me(dialect, names))
    return {"preset": found.preset, "decks": decks, "left_out": left_out}


def _checked(deck: ChipDeck) -> dict[str, Any]:
    said = deck.simulate()
    spiking = any(probe.spiking for probe in deck.probes)
    return {
        "spikes_equal": said.spikes_equal if spiking else None,
        "max_time_error": said.max_time_error if spiking else None,
        "max_value_error": said.max_value_error,
    }


def _kept(path: Path, text: str) -> None:
    with writing(path):
        write_whole(path, text)


def _written(circuit: Circuit, text: str, path: Path) -> dict[str, Any]:
    _kept(path, text)
    cards = sum(line[:1].isalnum() or line[:1] == "." for line in text.splitlines())
    return {
        "path": str(path),
        "what": circuit.what,
        "cards": cards,
        "rows": circuit.array.rows,
        "columns": circuit.array.cols,
    }
