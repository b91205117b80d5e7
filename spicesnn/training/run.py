"""The run directory: what a run leaves behind, written so that a crash at any moment leaves a whole file."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shlex
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from spicesnn import npz
from spicesnn._version import __version__
from spicesnn.errors import ConfigError, DataError, RunError
from spicesnn.training import config as configuration
from spicesnn.training.config import BaseConfig
from spicesnn.training.options import render_toml
from spicesnn.training.state import History, RunState
from spicesnn.whole_file import appearing

STATE_VERSION = 1
_COUNTERS = tuple(entry.name for entry in fields(RunState) if entry.name not in ("devices", "wear"))


_NOT_COMPUTED_WITH = ("versions", "preset", "description")
"""What of `run.toml` decides on no number."""


class CheckpointWarning(UserWarning):
    """The last checkpoint of a run could not be used, or was made with other versions of what computes."""


def _before(name: str) -> str:
    return name.replace(".npz", "-before.npz")


def _all_versions(solvers: Mapping[str, str]) -> dict[str, str]:
    libraries = {name: version(name) for name in ("numpy", "scipy", "numba")}
    return {"spicesnn": __version__, "python": platform.python_version(), **libraries, **solvers}


def _without_folders(value: Any) -> Any:
    """Return plain values with paths cut to their last part: a run that was moved, with its data, is the same run."""
    if isinstance(value, Mapping):
        return {key: _without_folders(entry) for key, entry in value.items()}
    return Path(value).name if isinstance(value, str) and "/" in value else value


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """`run.toml`, `metrics.json`, `history.npz`, `state.npz`, `figures/`, `log.txt`."""

    path: Path

    @classmethod
    def create(cls, out: str | Path | None, config: BaseConfig, solvers: Mapping[str, str]) -> RunDirectory:
        """Make the directory (``runs/<preset>-seed<seed>``, numbered if taken, when `out` is left out) and write `run.toml`.

        `solvers` are the versions that the engine names.
        """
        run = cls(Path("runs") / f"{config.preset}-seed{config.seed}" if out is None else Path(out))
        try:
            base, number = run.path, 2
            while not run._made(new=out is None):
                run, number = cls(base.with_name(f"{base.name}-{number}")), number + 1
        except OSError as error:
            raise RunError(f"{run.path} cannot be made: {error.strerror or error}; give a folder that can be written with --out") from None
        with run.held():
            if (run.path / "run.toml").exists():
                raise RunError(f"{run.path} already holds a run; give another --out, or --resume to go on with it")
            run._write("run.toml", render_toml({**config.to_tables(), "versions": _all_versions(solvers)}).encode())
        return run

    def _made(self, *, new: bool) -> bool:
        """Make the directory; with `new`, return False for one that is there, also if another process has made it just now."""
        try:
            self.path.mkdir(parents=True, exist_ok=not new)
        except FileExistsError:
            if new:
                return False
            raise
        (self.path / "figures").mkdir(exist_ok=True)
        return True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from training in this directory; the system lets go of it when the process ends, however it does.

        Raises
        ------
        RunError
            Another process has it.
        """
        try:
            file = (self.path / ".lock").open("a+b", buffering=0)
        except OSError as error:
            raise RunError(f"{self.path} cannot be written: {error.strerror or error}; copy the run to where it can, or give another --out") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                owner = file.read().decode(errors="replace").strip() or "another process"
                raise RunError(f"{self.path} is being trained by {owner}; wait for it, end it, or give another --out") from None
            except OSError:
                pass  # a file system without locks: nothing can be kept out, and a single process needs nothing
            with suppress(OSError):  # whose it is, is for people; the disk may be full
                file.truncate(0)
                file.write(f"process {os.getpid()} on {platform.node()}\n".encode())
            yield

    @contextmanager
    def stopped_with_a_note(self, more: str = "") -> Iterator[None]:
        """Note on an interrupt how to go on, with what more options, and in the log that there was one."""
        try:
            yield
        except KeyboardInterrupt as stop:
            self.log("stopped")
            command = f"spicesnn train --resume{more and ' '}{more} --out {shlex.quote(str(self.path))}"
            stop.add_note(f"{self.path} keeps what was done; go on with: {command}")
            raise

    @classmethod
    def existing(cls, path: str | Path) -> RunDirectory:
        """Return a directory that holds a run."""
        run = cls(Path(path))
        if not (run.path / "run.toml").is_file():
            raise RunError(f"{path} holds no run: it has no run.toml. Expected a directory that `spicesnn train` has written")
        return run

    def config(self) -> Any:
        """Return the configuration the run was started with."""
        return configuration.from_tables(configuration.read_tables(self.path / "run.toml"))

    def unchanged(self, overrides: Iterable[str] = (), seed: int | None = None, preset: str | None = None) -> Any:
        """Return the configuration the run was started with, for who goes on with it.

        Raises
        ------
        ConfigError
            An override, a seed or a preset that it does not have: a run cannot become another one in the middle.
        """
        config = self.config()
        given = {text: configuration.from_tables(configuration.overridden(config.to_tables(), [text])) for text in overrides}
        others = [f"--set {text}" for text, made in given.items() if made.to_tables() != config.to_tables()]
        others += [f"--seed {seed}"] if seed not in (None, config.seed) else []
        others += [f"the preset {preset}"] if preset in configuration.preset_names() and preset != config.preset else []
        if others:
            raise ConfigError(f"{self.path} ({config.preset}, seed {config.seed}) was not begun with {' and '.join(others)}: --resume goes on with a "
                              "run as it was begun. Leave that out, or train into a new folder")  # fmt: skip
        return config

    def versions(self) -> dict[str, str]:
        """Return what the run was made with: name → version."""
        return {name: str(value) for name, value in configuration.read_tables(self.path / "run.toml").get("versions", {}).items()}

    def log(self, line: str) -> None:
        """Append a line with the time to `log.txt`."""
        try:
            with (self.path / "log.txt").open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")
        except OSError as error:
            raise self._unwritable("log.txt", error) from None

    def save(self, state: RunState, history: History, extra: Mapping[str, Any] | None = None) -> None:
        """Write the checkpoint of a crossbar experiment."""
        counters = {name: getattr(state, name) for name in _COUNTERS}
        self.save_checkpoint(state.updates, {"devices": state.devices, "wear": state.wear, **counters}, {**history.arrays(), **(extra or {})})

    def save_checkpoint(self, steps: int, state: Mapping[str, Any], history: Mapping[str, Any]) -> None:
        """Write `history.npz`, then `state.npz`, both as they are after so many steps, and keep the two before them.

        Each file appears whole or not at all; after a crash between the two, the history before belongs to the state.
        """
        self.save_arrays("history.npz", {"saved_at": steps, **history}, keep=True)
        self.save_arrays("state.npz", {"version": STATE_VERSION, "config": self._digest(), "saved_at": steps, **state}, keep=True)

    def save_arrays(self, name: str, arrays: Mapping[str, Any], *, keep: bool = False) -> None:
        """Write arrays as a compressed npz file, atomically; with `keep`, the file that was there stays as ``<name>-before.npz``."""
        plain = {key: np.asarray(value) for key, value in arrays.items()}
        self._replace(name, lambda file: np.savez_compressed(file, allow_pickle=False, **plain), keep=keep)

    def _replace(self, name: str, fill: Callable[[IO[bytes]], object], *, keep: bool = False) -> None:
        """Write a file under another name, bring it to the disk, and give it its own: it appears whole or not at all."""
        try:
            with appearing(self.path / name) as partial:
                with partial.open("wb") as file:
                    fill(file)
                    file.flush()
                    os.fsync(file.fileno())
                if keep and (self.path / name).exists():
                    (self.path / name).replace(self.path / _before(name))
        except OSError as error:
            raise self._unwritable(name, error) from None

    def _unwritable(self, name: str, error: OSError) -> RunError:
        said = f"{self.path / name} cannot be written: {error.strerror or error}"
        return RunError(f"{said}; what was saved before is whole: free space, then --resume, or give another --out")

    def _digest(self) -> str:
        """Return what the configuration in `run.toml` amounts to; where its files lie does not count."""
        tables = configuration.read_tables(self.path / "run.toml")
        counted = {key: _without_folders(value) for key, value in tables.items() if key not in _NOT_COMPUTED_WITH}
        return hashlib.sha256(json.dumps(counted, sort_keys=True, default=str).encode()).hexdigest()

    def checkpoint(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of `state.npz`, whatever kind of network they are of."""
        return self._versioned("state.npz")

    def resumable(self) -> bool:
        """Return whether there is a checkpoint to go on from, and put the last whole one in its place.

        A checkpoint that is damaged, half there or of another version gives way to the one before it, with a `CheckpointWarning`.

        Raises
        ------
        RunError
            Neither can be read.
        """
        try:
            for part in self.path.glob(".*.part"):
                part.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable("state.npz", error) from None
        if (self.path / "starts.npz").exists():
            raise RunError(f"{self.path} holds many starts, not one run: --resume goes on with them with --starts")
        if not any((self.path / name).exists() for name in ("state.npz", _before("state.npz"), "metrics.json")):
            return False
        state, history, reasons = "state.npz", "history.npz", list[str]()
        for names in ((state, history), (state, _before(history)), (_before(state), _before(history))):
            try:
                steps = [int(arrays.get("saved_at", np.array(-1))) for arrays in (self._versioned(names[0]), self._arrays(names[1]))]
            except (RunError, TypeError, ValueError) as error:
                reasons.append(str(error))
                continue
            if steps[0] == steps[1]:
                break
            reasons.append(f"{names[0]} of {self.path} was saved after {steps[0]} steps and {names[1]} after {steps[1]}")
        else:
            raise RunError(f"no checkpoint of {self.path} can be read: {'; '.join(reasons)}. Train again into a new folder")
        if names[0] != state:
            said = f"{reasons[0]}. Going on from the checkpoint before it"
            self.log(said)
            warnings.warn(said, CheckpointWarning, stacklevel=2)
        for name, used in zip((state, history), names, strict=True):
            if used != name:
                (self.path / used).replace(self.path / name)
        return True

    def compare_versions(self, solvers: Mapping[str, str]) -> None:
        """Say what has another version than when the run began: it may end with other bits than it would have."""
        now = _all_versions(solvers)
        others = [f"{name} {before}, now {now.get(name, 'absent')}" for name, before in self.versions().items() if now.get(name) != before]
        if others:
            said = f"{self.path} was begun with {'; '.join(others)}: the numbers may differ in their last bits from a run in one go"
            self.log(said)
            warnings.warn(said, CheckpointWarning, stacklevel=2)

    def load_state(self) -> RunState:
        """Return the checkpoint of a crossbar experiment."""
        arrays = self.checkpoint()
        grids = ("devices", "wear")
        known = {name: arrays[name] for name in (*grids, *_COUNTERS) if name in arrays and arrays[name].dtype.kind in "biuf"}
        absent = [name for name in (*grids, *_COUNTERS) if name not in known or (known[name].ndim == 0) == (name in grids)]
        if absent:
            raise RunError(f"{self.path / 'state.npz'} is damaged: it lacks {', '.join(absent)}. Train again into a new folder")
        devices, wear = (known[name].astype(float) for name in grids)
        return RunState(devices=devices, wear=wear, **{name: known[name].item() for name in _COUNTERS})

    def load_history(self, until: int) -> History:
        """Return the series as they were at `until` updates."""
        return History.from_arrays(self._arrays("history.npz"), until)

    def history(self) -> dict[str, NDArray[Any]]:
        """Return everything in `history.npz`."""
        return self._arrays("history.npz")

    def _versioned(self, name: str) -> dict[str, NDArray[Any]]:
        arrays = self._arrays(name)
        found = arrays.get("version", np.array(-1))
        version = int(found) if found.shape == () and found.dtype.kind in "iu" else -1
        if version != STATE_VERSION:
            raise RunError(f"{self.path / name} has version {version}; this spicesnn reads version {STATE_VERSION}")
        if str(arrays.get("config", self._digest())) != self._digest():
            raise RunError(f"{self.path / name} was saved with another configuration than that of run.toml; give each the one it belongs to")
        return arrays

    def _arrays(self, name: str) -> dict[str, NDArray[Any]]:
        if not (self.path / name).is_file():
            raise RunError(f"{self.path} has no {name}: the run was stopped before it was written; --resume goes on from what there is")
        try:
            return npz.read(self.path / name)
        except DataError as error:
            raise RunError(f"the checkpoint is damaged: {error}; `spicesnn train --resume` goes on from the one before it") from None

    def write_metrics(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a JSON file of plain values."""
        self._write(name, (json.dumps(values, indent=2) + "\n").encode())

    def metrics(self) -> dict[str, Any]:
        """Return `metrics.json`."""
        try:
            content: dict[str, Any] = json.loads((self.path / "metrics.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path / 'metrics.json'} cannot be read: {error}; the run may not have finished: go on with --resume") from None
        return content

    def _write(self, name: str, content: bytes) -> None:
        self._replace(name, lambda file: file.write(content))
