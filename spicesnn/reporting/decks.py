"""The circuits of an experiment as decks that a bare ngspice runs: a read of test samples, and the first programming pulse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import CheckedWaveform, Levels
from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.engines.results import PulseResult
from spicesnn.errors import ConfigError, RunError
from spicesnn.netlist.ltspice import to_ltspice
from spicesnn.netlist.network import Dialect
from spicesnn.netlist.pulse_deck import pulse_deck
from spicesnn.netlist.read_deck import read_deck
from spicesnn.training import RunDirectory, load
from spicesnn.training.experiment import Experiment
from spicesnn.training.export import exported
from spicesnn.training.rules import RULES
from spicesnn.training.state import History

_FEW = 1000


class _FirstPulseSeen(Exception):  # noqa: N818 (it ends the rule's update where the pulse has been seen; nobody else meets it)
    """Carries the first pulse of an update."""

    def __init__(self, array: Crossbar, waveform: CheckedWaveform) -> None:
        super().__init__()
        self.array, self.waveform = array, waveform


class _UntilFirstPulse(NodalEngine):
    """Reads like the nodal engine, and stops at the first pulse."""

    def _pulse(self, array: Crossbar, waveform: CheckedWaveform) -> PulseResult:
        raise _FirstPulseSeen(array, waveform)


def write_decks(
    source: str, overrides: Mapping[str, str], *, folder: Path, seed: int | None = None, samples: int = 1, dialect: Dialect = Dialect.NGSPICE
) -> dict[str, Any]:
    """Write ``read.cir``, ``pulse.cir`` if the experiment programs anything, and ``network.cir`` if it has one layer, into `folder`.

    Parameters
    ----------
    source : str
        A preset, a TOML file, or a run directory, whose states are then those in the decks.
    overrides : Mapping
        ``a.b`` → value.
    folder : Path
    seed : int, optional
    samples : int
        So many test samples are read, and shown to the network.
    dialect : Dialect
        Which SPICE the decks are for.

    Returns
    -------
    dict
        ``preset`` and ``decks``, each with ``path``, ``what``, ``cards``, ``rows``, ``columns``.
    """
    run = RunDirectory(Path(source)) if (Path(source) / "run.toml").is_file() else None
    if run is not None and (overrides or seed is not None):
        raise ConfigError("the decks of a run are of that run: leave --set and --seed out")
    config = run.config() if run is not None else load(source, [f"{key}={value}" for key, value in overrides.items()])
    if seed is not None:
        config = config.with_seed(seed)
    few = replace(config.data, train_limit=min(config.data.train_limit or _FEW, _FEW), test_limit=samples)
    experiment = Experiment.of(replace(config, data=few))
    states = run.load_state().devices if run is not None else experiment.fresh_array().state_or_zeros()
    array = experiment.array_of(states)
    rows = experiment.row_volts(experiment.problem.test.inputs[:samples])
    gates = np.full(array.gate_lines, config.encoding.gate_volts) if array.gated else None
    title = f"{config.preset}, seed {config.seed}: "
    read = read_deck(array, Levels.checked(array, rows, gate_volts=gates), inline_models=True, title=f"{title}read of {len(rows)} test sample(s)")
    decks = [_written(read.text, dialect, folder / "read.cir", "one read")]
    first = _first_pulse(experiment, states)
    if first is not None:
        pulse = pulse_deck(first.array, first.waveform, inline_models=True, title=f"{title}first programming pulse")
        decks.append(_written(pulse.text, dialect, folder / "pulse.cir", "the next programming pulse"))
    if len(experiment.layers) == 1:
        network = exported(experiment, states, experiment.problem.test.inputs[:samples], NodalEngine(), title=f"{title}the whole network")
        decks.append(_written(network.deck.text, dialect, folder / "network.cir", "crossbar, drivers and neurons, shown the samples"))
    return {"preset": config.preset, "decks": [deck | {"rows": array.rows, "columns": array.cols} for deck in decks]}


def _first_pulse(experiment: Experiment, states: Any) -> _FirstPulseSeen | None:
    try:
        RULES[experiment.config.learning.rule].update(experiment, _UntilFirstPulse(), experiment.start(states), History())
    except _FirstPulseSeen as seen:
        return seen
    return None


def _written(text: str, dialect: Dialect, path: Path, what: str) -> dict[str, Any]:
    text = to_ltspice(text) if dialect is Dialect.LTSPICE else text
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror or error}; choose another folder with --out") from None
    return {"path": str(path), "what": what, "cards": sum(line[:1].isalnum() or line[:1] == "." for line in text.splitlines())}
