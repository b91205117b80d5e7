"""The run directory: what a run leaves behind, written so that a crash at any moment leaves a whole
file."""

from __future__ import annotations

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
from spicesnn.datasets.scaling import Scale
from spicesnn.engines.base import Engine
from spicesnn.errors import AbsentError, ConfigError, DataError, RunError
from spicesnn.file_kinds import what_is
from spicesnn.options import render_toml
from spicesnn.platform import try_lock
from spicesnn.training import config as configuration
from spicesnn.training import input_files
from spicesnn.training.config import BaseConfig
from spicesnn.training.run_files import belongs, checked_metrics, digest, plain_array, sound_text
from spicesnn.training.state import History, RunState
from spicesnn.whole_file import (
    NotPlainError,
    appearing,
    check_plain,
    open_for_appending,
    unwritable,
)

STATE_VERSION = 1
_COUNTERS = tuple(entry.name for entry in fields(RunState) if entry.name not in ("devices", "wear"))


class CheckpointWarning(UserWarning):
    """The last checkpoint of a run could not be used, or was made with other versions of what
    computes, or with other files."""


def _before(name: str) -> str:
    return name.replace(".npz", "-before.npz")


def _all_versions(solvers: Mapping[str, str]) -> dict[str, str]:
    libraries = {name: version(name) for name in ("numpy", "scipy", "numba")}
    return {"spicesnn": __version__, "python": platform.python_version(), **libraries, **solvers}


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """`run.toml`, `metrics.json`, `history.npz`, `state.npz`, `figures/`, `log.txt`."""

    path: Path

    @property
    def failures(self) -> Path:
        """Where decks and logs of ngspice jobs that failed are kept; made at the first one."""
        return self.path / "failures"

    @classmethod
    def create(
        cls,
        out: str | Path | None,
        config: BaseConfig,
        solvers: Mapping[str, str],
        scale: Scale | None = None,
    ) -> RunDirectory:
        """Make the directory (``runs/<preset>-seed<seed>``, numbered if taken, when `out` is left
        out) and write `run.toml`.

        Parameters
        ----------
        out : str | Path | None
        config : BaseConfig
        solvers : Mapping
            The versions that the engine names.
        scale : Scale, optional
            What the data are scaled by.
        """
        run = cls(Path("runs") / f"{config.preset}-seed{config.seed}" if out is None else Path(out))
        try:
            base, number = run.path, 2
            while not run._made(new=out is None):
                run, number = cls(base.with_name(f"{base.name}-{number}")), number + 1
        except OSError as error:
            raise RunError(
                f"{run.path} cannot be made: {error.strerror or error}; give a folder that can be"
                " written with --out"
            ) from None
        with run.held():
            if (run.path / "run.toml").exists():
                raise RunError(
                    f"{run.path} already contains a run; give another --out, or --resume to"
                    " continue it"
                )
            tables, made_with = (
                config.to_tables(),
                {"versions": _all_versions(solvers)}
                | ({} if scale is None else {"scale": scale.table()}),
            )
            read = input_files.digests(tables)
            run._write(
                "run.toml",
                render_toml({**tables, **made_with, **({"files": read} if read else {})}).encode(),
            )
        return run

    def _made(self, *, new: bool) -> bool:
        """Make the directory; with `new`, return False for one that is there, also if another
        process has made it just now."""
        try:
            self.path.mkdir(parents=True, exist_ok=not new)
        except FileExistsError:
            if new:
                return False
            raise
        if (self.path / "figures").is_symlink():
            raise RunError(
                f"{self.path / 'figures'} is a link, which is not followed: remove it, or give"
                " another --out"
            )
        (self.path / "figures").mkdir(exist_ok=True)
        return True

    def _check_plain(self) -> None:
        """Refuse links and whatever else is no plain file: a folder from somebody else could have
        other files read or overwritten by them."""
        try:
            check_plain(self.path, ("figures",))
        except NotPlainError as error:
            raise RunError(
                f"a run directory holds plain files only, but {error.strerror}"
            ) from None
        except OSError as error:
            raise RunError(f"{self.path} cannot be read: {error.strerror or error}") from None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from training in this directory; the system lets go of it when the
        process ends, however it does.

        Raises
        ------
        RunError
            Another process has it.
        """
        try:
            file = open_for_appending(self.path / ".lock")
        except NotPlainError as error:
            raise RunError(
                f"a run directory holds plain files only, but {error.strerror}"
            ) from None
        except OSError as error:
            raise RunError(
                unwritable(self.path, error, "copy the run to where it can be")
            ) from None
        with file:
            try:
                mine = try_lock(file)
            except OSError:
                # a file system without locks: nothing can be kept out, and a single process needs
                # nothing
                mine = True
            if not mine:
                file.seek(0)
                owner = file.read().decode(errors="replace").strip() or "another process"
                raise RunError(
                    f"{self.path} is being trained by {owner}; wait for it, end it, or give another"
                    " --out"
                )
            with suppress(OSError):  # whose it is, is for people; the disk may be full
                file.truncate(0)
                file.write(f"process {os.getpid()} on {platform.node()}\n".encode())
            yield

    @contextmanager
    def stopped_with_a_note(self, more: str = "") -> Iterator[None]:
        """Note on an interrupt how to go on, with what more options, and in the log that there was
        one."""
        try:
            yield
        except KeyboardInterrupt as stop:
            self.log("stopped")
            command = (
                f"spicesnn train --resume{more and ' '}{more} --out {shlex.quote(str(self.path))}"
            )
            stop.add_note(f"{self.path} is kept; continue with: {command}")
            raise

    @contextmanager
    def being_made(self, engine: Engine) -> Iterator[None]:
        """Hold the directory while a run is made: an interrupt says how to go on, and what fails in
        the engine is kept."""
        with self.held(), self.stopped_with_a_note(), engine.keeping_failures(self.failures):
            yield

    @classmethod
    def existing(cls, path: str | Path) -> RunDirectory:
        """Return a directory that holds a run."""
        run = cls(Path(path))
        if not run.path.is_dir():
            found = (
                f"{path} is {what_is(path) or 'a file'}, not a folder"
                if run.path.exists()
                else f"there is no folder {path}"
            )
            raise AbsentError(f"{found}; expected a run directory, which `spicesnn train` writes")
        if not (run.path / "run.toml").is_file():
            raise RunError(
                f"{path} contains no run: it has no run.toml. Expected a directory that `spicesnn"
                " train` has written"
            )
        run._check_plain()
        return run

    def config(self) -> Any:
        """Return the configuration the run was started with."""
        return configuration.from_tables(configuration.read_tables(self.path / "run.toml"))

    def unchanged(
        self, overrides: Iterable[str] = (), seed: int | None = None, preset: str | None = None
    ) -> Any:
        """Return the configuration the run was started with, for who goes on with it.

        Raises
        ------
        ConfigError
            An override, a seed or a preset that it does not have: a run cannot become another one
            in the middle.
        """
        config = self.config()
        given = {
            text: configuration.from_tables(configuration.overridden(config.to_tables(), [text]))
            for text in overrides
        }
        others = [
            f"--set {text}"
            for text, made in given.items()
            if made.to_tables() != config.to_tables()
        ]
        others += [f"--seed {seed}"] if seed not in (None, config.seed) else []
        others += (
            [f"the preset {preset}"]
            if preset in configuration.preset_names() and preset != config.preset
            else []
        )
        if others:
            raise ConfigError(
                f"{self.path} ({config.preset}, seed {config.seed}) was not begun with"
                f" {' and '.join(others)}: --resume goes on with a run as it was begun. Leave that"
                " out, or train into a new folder"
            )
        return config

    def text(self) -> str:
        """Return `run.toml` as it stands."""
        return sound_text(self.path / "run.toml")

    def check_files(self) -> None:
        """Refuse to go on with a run whose files (data, weights, device) have changed since it
        began.

        Raises
        ------
        DataError
            Names them: it would become another run in the middle.
        """
        if others := self._changed_files():
            raise DataError(
                f"{others} since {self.path} was begun; bring back what stood there, or train again"
            )

    def compare_files(self, *, kept: Iterable[str] = ()) -> None:
        """Say which files have changed since the run began, to who tests it or draws it: it answers
        what stands there now.

        Parameters
        ----------
        kept : iterable of str
            Files, as ``section.key``, of which the run has a copy.
        """
        if others := self._changed_files(kept):
            said = (
                f"{others} since {self.path} was begun: answers and figures are of what stands"
                " there now"
            )
            warnings.warn(said, CheckpointWarning, stacklevel=3)

    def _changed_files(self, kept: Iterable[str] = ()) -> str:
        """Return which files have changed, with the verb; nothing where none has."""
        tables = configuration.read_tables(self.path / "run.toml")
        before = tables.get("files")
        own = (
            {key: value for key, value in before.items() if key not in kept}
            if isinstance(before, Mapping)
            else {}
        )
        others = input_files.changed(tables, own)
        return (
            f"{', '.join(others)} {'have' if len(others) > 1 else 'has'} changed" if others else ""
        )

    def scale(self) -> Scale:
        """Return what the run's data were scaled by.

        Raises
        ------
        RunError
            A run of a version that scaled a user's data by held-out samples too, and did not write
            down how.
        """
        tables, where = (
            configuration.read_tables(self.path / "run.toml"),
            str(self.path / "run.toml"),
        )
        if isinstance(tables.get("scale"), Mapping):
            return Scale.of_table(tables["scale"], where)
        if isinstance(data := tables.get("data"), Mapping) and data.get("source") == "file":
            version_then = self.versions().get("spicesnn", "an older one")
            raise RunError(
                f"{where} does not say how its data were scaled: version {version_then} used"
                " held-out samples for that, too. Train again"
            )
        return Scale.of("none", np.zeros((1, 1)))

    def versions(self) -> dict[str, str]:
        """Return what the run was made with: name → version."""
        return {
            name: str(value)
            for name, value in (
                configuration.read_tables(self.path / "run.toml").get("versions", {}).items()
            )
        }

    def log(self, line: str) -> None:
        """Append a line with the time to `log.txt`."""
        try:
            with open_for_appending(self.path / "log.txt") as file:
                file.write(
                    f"{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(line.splitlines())}\n".encode()
                )
        except NotPlainError as error:
            raise RunError(
                f"a run directory holds plain files only, but {error.strerror}"
            ) from None
        except OSError as error:
            raise self._unwritable("log.txt", error) from None

    def save(
        self, state: RunState, history: History, extra: Mapping[str, Any] | None = None
    ) -> None:
        """Write the checkpoint of a crossbar experiment."""
        counters = {name: getattr(state, name) for name in _COUNTERS} | {
            "wall_s": np.float32(state.wall_s)
        }
        self.save_checkpoint(
            state.updates,
            {"devices": state.devices, "wear": state.wear, **counters},
            {**history.arrays(), **(extra or {})},
        )

    def save_checkpoint(
        self, steps: int, state: Mapping[str, Any], history: Mapping[str, Any]
    ) -> None:
        """Write `history.npz`, then `state.npz`, both as they are after so many steps, and keep the
        two before them.

        Each file appears whole or not at all; after a crash between the two, the history before
        belongs to the state."""
        self.save_arrays(
            "history.npz", {"config": self._digest(), "saved_at": steps, **history}, keep=True
        )
        self.save_arrays(
            "state.npz",
            {"version": STATE_VERSION, "config": self._digest(), "saved_at": steps, **state},
            keep=True,
        )

    def save_arrays(self, name: str, arrays: Mapping[str, Any], *, keep: bool = False) -> None:
        """Write arrays as a compressed npz file, atomically; with `keep`, the file that was there
        stays as ``<name>-before.npz``."""
        plain = {key: plain_array(key, value) for key, value in arrays.items()}
        self._replace(
            name, lambda file: np.savez_compressed(file, allow_pickle=False, **plain), keep=keep
        )

    def save_bytes(self, name: str, content: bytes) -> None:
        """Write a file of the run, atomically."""
        self._write(name, content)

    def _replace(
        self, name: str, fill: Callable[[IO[bytes]], object], *, keep: bool = False
    ) -> None:
        """Write a file under another name, bring it to the disk, and give it its own: it appears
        whole or not at all."""
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
        said = unwritable(self.path / name, error, "choose another folder with --out")
        return RunError(f"{said}; what was saved before is whole, and --resume goes on from it")

    def _digest(self) -> str:
        """Return what the configuration in `run.toml` amounts to; where its files lie does not
        count."""
        return digest(configuration.read_tables(self.path / "run.toml"))

    def checkpoint(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of `state.npz`, whatever kind of network they are of."""
        return self._versioned("state.npz")

    def resumable(self) -> bool:
        """Return whether there is a checkpoint to go on from, and put the last whole one in its
        place.

        A checkpoint that is damaged, half there or of another version gives way to the one before
        it, with a `CheckpointWarning`.

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
            raise RunError(
                f"{self.path} contains many starts, not one run: --resume continues them with"
                " --starts"
            )
        if not any(
            (self.path / name).exists()
            for name in ("state.npz", _before("state.npz"), "metrics.json")
        ):
            return False
        state, history, reasons = "state.npz", "history.npz", list[str]()
        for names in (
            (state, history),
            (state, _before(history)),
            (_before(state), _before(history)),
        ):
            try:
                steps = [
                    int(arrays.get("saved_at", np.array(-1)))
                    for arrays in (self._versioned(names[0]), self._arrays(names[1]))
                ]
            except (RunError, TypeError, ValueError) as error:
                reasons.append(str(error))
                continue
            if steps[0] == steps[1]:
                break
            reasons.append(
                f"{names[0]} of {self.path} was saved after {steps[0]} steps and {names[1]} after"
                f" {steps[1]}"
            )
        else:
            raise RunError(
                f"no checkpoint of {self.path} can be read: {'; '.join(reasons)}. Train again into"
                " a new folder"
            )
        if names[0] != state:
            said = f"{reasons[0]}. Going on from the checkpoint before it"
            self.log(said)
            warnings.warn(said, CheckpointWarning, stacklevel=2)
        for name, used in zip((state, history), names, strict=True):
            if used != name:
                (self.path / used).replace(self.path / name)
        return True

    def compare_versions(self, solvers: Mapping[str, str]) -> None:
        """Say what has another version than when the run began: it may end with other bits than it
        would have."""
        now = _all_versions(solvers)
        others = [
            f"{name} {before}, now {now.get(name, 'absent')}"
            for name, before in self.versions().items()
            if now.get(name) != before
        ]
        if others:
            said = (
                f"{self.path} was begun with {'; '.join(others)}: the numbers may differ in their"
                " last bits from a run in one go"
            )
            self.log(said)
            warnings.warn(said, CheckpointWarning, stacklevel=2)

    def load_state(self) -> RunState:
        """Return the checkpoint of a crossbar experiment."""
        arrays = self.checkpoint()
        grids = ("devices", "wear")
        known = {
            name: arrays[name]
            for name in (*grids, *_COUNTERS)
            if name in arrays and arrays[name].dtype.kind in "biuf"
        }
        absent = [
            name
            for name in (*grids, *_COUNTERS)
            if name not in known or (known[name].ndim == 0) == (name in grids)
        ]
        if absent:
            raise RunError(
                f"{self.path / 'state.npz'} is damaged: it lacks {', '.join(absent)}. Train again"
                " into a new folder"
            )
        devices, wear = (known[name].astype(float) for name in grids)
        return RunState(
            devices=devices, wear=wear, **{name: known[name].item() for name in _COUNTERS}
        )

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
            raise RunError(
                f"{self.path / name} has version {version}; this spicesnn reads version"
                f" {STATE_VERSION}"
            )
        return arrays

    def _arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of a file of this run, which says that it is of this run."""
        if not (self.path / name).is_file():
            if (self.path / "starts.npz").is_file():
                raise RunError(
                    f"{self.path} holds many starts and no run in full; repeat one of them first:"
                    f" spicesnn train --replay {self.path}:0 --out RUN"
                )
            raise RunError(
                f"{self.path} has no {name}: the run was stopped before it was written; --resume"
                " continues from the last checkpoint"
            )
        try:
            arrays = npz.read(self.path / name)
        except DataError as error:
            raise RunError(
                f"the checkpoint is damaged: {error}; `spicesnn train --resume` continues from the"
                " one before it"
            ) from None
        return self.own(name, arrays)

    def own(self, name: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the arrays of one of the files if they were saved with the configuration in
        `run.toml`."""
        belongs(self.path / name, str(arrays.get("config", self._digest())), self._digest())
        return arrays

    def write_metrics(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a JSON file of plain values; ``metrics.json`` says of which run it is."""
        named = {**values, "config_digest": self._digest()} if name == "metrics.json" else values
        self._write(name, (json.dumps(named, indent=2) + "\n").encode())

    def metrics(self) -> dict[str, Any]:
        """Return `metrics.json`, without what says of which run it is."""
        path = self.path / "metrics.json"
        try:
            content = json.loads(sound_text(path))
        except (OSError, ValueError, RecursionError) as error:
            said = getattr(error, "strerror", None) or str(error).partition("\n")[0]
            raise RunError(
                f"{path} cannot be read: {said}; the run may not have finished: continue with"
                " --resume"
            ) from None
        checked = checked_metrics(path, content)
        belongs(path, str(checked.pop("config_digest", self._digest())), self._digest())
        return checked

    def save_starts(self, columns: Mapping[str, Any]) -> None:
        """Write ``starts.npz``."""
        self.save_arrays("starts.npz", {"config": self._digest(), **columns})

    def starts(self, names: Iterable[str]) -> dict[str, NDArray[Any]]:
        """Return the named columns of ``starts.npz``, all of one length."""
        path, wanted = self.path / "starts.npz", tuple(names)
        stored = npz.read(path)
        self.own("starts.npz", stored)
        if absent := [name for name in wanted if name not in stored]:
            raise RunError(
                f"{path} is damaged: it lacks {', '.join(absent)}. Train again into a new folder"
            )
        count = {stored[name].shape[:1] for name in wanted if name != "wall_s"}
        kinds = [
            name
            for name in wanted
            if stored[name].dtype.kind not in "biuf"
            or (name == "wall_s") != (stored[name].ndim == 0)
        ]
        if (
            kinds
            or len(count) != 1
            or count == {(0,)}
            or any(
                stored[n].ndim != 1 for n in wanted if n != "wall_s" and not n.startswith("state_")
            )
        ):
            raise RunError(
                f"{path} is damaged: {', '.join(kinds) or 'a column'} has not one value a start."
                " Train again into a new folder"
            )
        return {name: stored[name] for name in wanted}

    def _write(self, name: str, content: bytes) -> None:
        self._replace(name, lambda file: file.write(content))
