"""Training and runs in one call each: ``spicesnn.train`` and ``spicesnn.load_run``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from spicesnn.engines.base import Engine
from spicesnn.engines.default import engine_given
from spicesnn.errors import SpicesnnError, UnknownNameError
from spicesnn.guesses import Hinting, UnknownArgumentError, hinted
from spicesnn.shortcuts import shortcut
from spicesnn.training.config import load
from spicesnn.training.loop import train as trained
from spicesnn.training.run import RunDirectory
from spicesnn.training.summary import Watcher

_WORDS = {
    "accuracy": "test_accuracy, or metrics for all of them",
    "score": "test_accuracy, or metrics for all of them",
    "weights": 'state["devices"], the states of the devices',
    "devices": 'state["devices"]',
    "plot": "report(), which draws the figures and report.html; plots are in run.path / 'figures'",
    "figures": (
        "report(), which draws the figures and report.html; plots are in run.path / 'figures'"
    ),
    "energy": "energy_joule",
    "settings": "config",
    "params": "config",
    "log": "(run.path / 'log.txt').read_text()",
    "predict": "`spicesnn infer RUN`, or spicesnn.training.infer(run.path, …)",
    "infer": "`spicesnn infer RUN`, or spicesnn.training.infer(run.path, …)",
    "save": "run.path: all of it is there",
}


@hinted(_WORDS, by_place="spicesnn.load_run(path)")
@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Run(metaclass=Hinting):
    """A trained run and its directory.

    Attributes
    ----------
    path : Path
        The run directory.
    metrics : dict
        What `metrics.json` holds: ``test_accuracy``, ``train_accuracy``, ``n_test``,
        ``energy_joule``, ``wall_s``, …
    """

    path: Path
    metrics: Mapping[str, Any]

    @property
    def test_accuracy(self) -> float:
        """Fraction of the test samples that were answered rightly (of the training samples where
        nothing is held out)."""
        return float(self.metrics["test_accuracy"])

    @property
    def energy_joule(self) -> float:
        """What the drivers delivered while it was trained, joule."""
        return float(self.metrics["energy_joule"])

    @property
    def config(self) -> Any:
        """The configuration the run was trained with."""
        return RunDirectory(self.path).config()

    @property
    def history(self) -> dict[str, NDArray[Any]]:
        """What was recorded while it was trained: arrays by name."""
        return RunDirectory(self.path).history()

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays of `state.npz`: states of the devices after training, counters."""
        return RunDirectory(self.path).checkpoint()

    def report(self) -> Path:
        """Draw the figures, write `report.html`, and return its path."""
        drawn: list[Path] = shortcut("run.report")(self.path)
        return drawn[-1]

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{name}</td><td>{value}</td></tr>"
            for name, value in self.metrics.items()
            if not isinstance(value, list | dict)
        )
        return f"<p>{self.path}</p><table>{rows}</table>"


def train(
    preset: str | Path,
    *,
    settings: Mapping[str, Any] | Iterable[str] = (),
    seed: int | None = None,
    engine: Engine | str | None = None,
    out: str | Path | None = None,
    progress: Watcher | None = None,
    resume: bool = False,
    data: Any = None,
    test_data: Any = None,
    **others: Any,
) -> Run:
    """Train a preset or a TOML file, as ``spicesnn train`` does, and return the run.

    Parameters
    ----------
    preset : str or Path
        Such as ``"xpue"``, or the path of a TOML file.
    settings : mapping or list of str, optional
        ``{"array.word_line_ohm": 2}``, or ``["array.word_line_ohm=2"]``, as after ``--set``.
    seed : int, optional
        The preset's if left out.
    engine : Engine or str, optional
        ``"nodal"``, ``"ngspice"`` or an engine; the preset's if left out.
    out : str or Path, optional
        The run directory; ``runs/<preset>-seed<seed>`` if left out.
    progress : callable, optional
        Called with a `Progress` after every update.
    resume : bool
        Go on from the checkpoint in `out`; the configuration stored there is the one that counts.
    data, test_data : iterable of (x, y), or tuple of arrays (X, Y), optional
        Samples of one's own, and held-out ones; `out` has to be given. Without `test_data`, the
        fraction ``data.test_fraction`` is held out.

    Raises
    ------
    UnknownArgumentError
        Any other argument; the message says how a setting of that name is given.

    Examples
    --------
    >>> import spicesnn as sn, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp()) / "run"
    >>> sn.train("xpue", engine="nodal", out=folder).test_accuracy
    1.0
    """
    for name, value in others.items():
        raise UnknownArgumentError(_as_setting(preset, name, value))
    config = load(str(preset), dict(settings) if isinstance(settings, Mapping) else list(settings))
    with engine_given(config.engine if engine is None else engine, config.engine_init) as solver:
        summary = trained(
            config,
            engine=solver,
            out=out,
            rng_seed=seed,
            progress=progress,
            resume=resume,
            data=data,
            test_data=test_data,
        )
    return load_run(summary.run)


def _as_setting(preset: str | Path, name: str, value: Any) -> str:
    """Say how what was given as an argument of `train` is given as a setting."""
    said = f"use settings={{{name!r}: {value!r:.40}}}"
    try:
        load(str(preset), {name: value})
    except UnknownNameError as error:
        said = f"settings are given as settings={{'section.name': value}}: {error}"
    except SpicesnnError as error:
        said = f"{said}: {error}"
    return f"train has no argument {name!r}; {said}"


def load_run(path: str | Path) -> Run:
    """Return the run of a directory that ``spicesnn train`` or `train` has written.

    Raises
    ------
    RunError
        No such folder, none of a run, or a damaged one.
    """
    run = RunDirectory.existing(path)
    return Run(path=run.path, metrics=run.metrics())
