"""What an experiment is: presets and TOML files read into one configuration, and back into text."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_type_hints

from spicesnn.devices.registry import device_class
from spicesnn.devices.registry import names as device_names
from spicesnn.engines.base import Engine
from spicesnn.engines.registry import ENGINES, make_engine
from spicesnn.errors import AbsentError, ConfigError, UnknownNameError
from spicesnn.file_kinds import what_is
from spicesnn.guesses import nearest
from spicesnn.netlist.init import checked_init, init_lines
from spicesnn.netlist.safety import trusted
from spicesnn.nonidealities.options import ImperfectionOptions
from spicesnn.options import parse_override, render_toml, unknown_key
from spicesnn.paths import presets_dir
from spicesnn.training import input_files
from spicesnn.training.sections import (
    ArrayOptions,
    DataOptions,
    DeviceOptions,
    EncodingOptions,
    ExsituOptions,
    LearningOptions,
    NetworkOptions,
    NeuronOptions,
    ProgrammingOptions,
    StdpOptions,
    TrainingOptions,
)

MADE_WITH = ("versions", "scale", "files")
"""Tables of a ``run.toml`` that say what the run was made with; trained again, it finds them out
again."""
Kind = TypeVar("Kind", bound="BaseConfig")


@dataclass(frozen=True, kw_only=True)
class BaseConfig:
    """What every experiment has, whatever its kind: a name, an engine, a seed; a kind adds its
    tables as fields."""

    kind: ClassVar[str]

    preset: str = "custom"
    description: str = ""
    engine: str = "nodal"
    engine_init: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        _check_name(self.preset)
        _check_line("description", self.description)
        _check_source(getattr(self, "data", None))
        array, device = getattr(self, "array", None), getattr(self, "device", None)
        if isinstance(device, DeviceOptions) and device.kelvin != getattr(
            array, "temperature", 0.0
        ):
            object.__setattr__(self, "device", device.at(getattr(array, "temperature", 0.0)))

    @classmethod
    def from_tables(cls: type[Kind], tables: Mapping[str, Any]) -> Kind:
        """Return the configuration from parsed TOML."""
        heads = [entry.name for entry in fields(BaseConfig) if entry.name != "engine_init"]
        sections = {
            name: hint
            for name, hint in get_type_hints(cls).items()
            if name not in (*heads, "engine_init", "kind")
        }
        values: dict[str, Any] = {}
        for key, value in tables.items():
            if key in sections:
                values[key] = sections[key].from_table(value, key)
            elif key == "engine" and isinstance(value, Mapping):
                values |= _engine(value)
            elif key in heads:
                _check_head(key, value)
                values[key] = value
            elif key != "kind" and (key not in MADE_WITH or "versions" not in tables):
                raise _unknown_head(key, sections, [*heads, *sections])
        config = cls(**values)
        if config.engine not in ENGINES:
            raise ConfigError(
                f"engine is {config.engine!r}{nearest(config.engine, ENGINES)} Expected one of:"
                f" {', '.join(ENGINES)}"
            )
        return config

    def to_tables(self) -> dict[str, Any]:
        """Return the configuration as plain values, every default included."""
        values = {
            e.name: v.to_table() if hasattr(v := getattr(self, e.name), "to_table") else v
            for e in fields(self)
        }
        if told := values.pop("engine_init"):
            values["engine"] = {"name": self.engine, "init": list(told)}
        return {"kind": self.kind, **values}

    def to_toml(self) -> str:
        """Return the configuration as TOML text, every default included."""
        return render_toml(self.to_tables())

    def solver(self, failures: Path | None = None) -> Engine:
        """Start the engine that solves this experiment; close it, or use it in a ``with`` block.

        Parameters
        ----------
        failures : Path, optional
            Folder for the decks and logs of ngspice's failed jobs; that of the run that is made, if
            left out.
        """
        return make_engine(self.engine, self.engine_init, failures)

    def on_engine(self: Kind, engine: Engine) -> Kind:
        """Return the same experiment on an engine that is there: with its name and, where it is
        ngspice, with what it was told."""
        told = engine.init if engine.name == "ngspice" else self.engine_init
        return replace(self, engine=engine.name, engine_init=told)

    def with_seed(self: Kind, seed: int) -> Kind:
        """Return the same experiment with another seed."""
        return replace(self, seed=seed)


@dataclass(frozen=True, kw_only=True)
class Config(BaseConfig):
    """A crossbar that learns as a circuit: everything that, with a seed and an engine, decides what
    comes out."""

    kind: ClassVar[str] = "crossbar"

    data: DataOptions = field(default_factory=DataOptions)
    network: NetworkOptions = field(default_factory=NetworkOptions)
    array: ArrayOptions = field(default_factory=ArrayOptions)
    device: DeviceOptions = field(default_factory=DeviceOptions)
    imperfections: ImperfectionOptions = field(default_factory=ImperfectionOptions)
    encoding: EncodingOptions = field(default_factory=EncodingOptions)
    neuron: NeuronOptions = field(default_factory=NeuronOptions)
    programming: ProgrammingOptions = field(default_factory=ProgrammingOptions)
    learning: LearningOptions = field(default_factory=LearningOptions)
    exsitu: ExsituOptions = field(default_factory=ExsituOptions)
    stdp: StdpOptions = field(default_factory=StdpOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)


KINDS = {
    "crossbar": "spicesnn.training.config:Config",
    "map": "spicesnn.training.mapped:MapConfig",
    "network": "spicesnn.training.composed:NetworkConfig",
}
"""Kind of experiment, the key `kind` of a preset → module:class of its configuration."""
RETIRED = {
    "stdp-simple": "stdp-simple",
    "spiking-bp": "bp-mnist",
    "deep": "deep-mnist",
    "unsupervised": "stdp-mnist",
}
"""Kinds that are compositions of kind `network` today → the preset that is one in their place."""
LAST_READER = "0.1.0"
"""The last version that reads runs of these kinds."""


def from_tables(tables: Mapping[str, Any]) -> Any:
    """Return the configuration of whatever kind the tables are."""
    kind = tables.get("kind", "crossbar")
    if isinstance(kind, str) and kind in RETIRED:
        raise ConfigError(
            f"kind is {kind!r}, which spicesnn {LAST_READER} is the last version to read: `pip"
            f" install spicesnn=={LAST_READER}` for runs there are; the preset {RETIRED[kind]} of"
            " today is of kind 'network'"
        )
    if kind not in KINDS:
        raise ConfigError(
            f"kind is {kind!r:.60}{nearest(str(kind), KINDS)} Expected one of: {', '.join(KINDS)}"
        )
    module, _, name = KINDS[kind].partition(":")
    return getattr(import_module(module), name).from_tables(tables)


def _unknown_head(key: str, sections: Mapping[str, Any], known: list[str]) -> UnknownNameError:
    """Return the error for a key at the top that does not exist: with its section, where one has an
    option of that name."""
    homes = [
        name
        for name, kind in sections.items()
        if is_dataclass(kind) and key in {entry.name for entry in fields(kind)}
    ]
    if (
        not homes
        and "device" in sections
        and any(key in device_class(name).settable() for name in device_names())
    ):
        homes = ["device"]
    if not homes:
        return unknown_key(key, known)
    return UnknownNameError(
        f"no option {key!r}; did you mean {' or '.join(repr(f'{home}.{key}') for home in homes)}?"
    )


def _engine(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the table ``[engine]`` says: a name, and what ngspice is told before any deck,
    wherever it solves something of this experiment."""
    known = ["name", "init"]
    for key in table:
        if key not in known:
            raise unknown_key(f"engine.{key}", [f"engine.{name}" for name in known])
    name = table.get("name", "nodal")
    _check_head("engine.name", name)
    lines = init_lines(table.get("init", []), "engine.init", Path())
    return {
        "engine": name,
        "engine_init": checked_init(lines, "engine.init", trust=trusted()),
    }


def _check_head(key: str, value: Any) -> None:
    if key == "seed":
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ConfigError(f"seed is {value!r:.60}; expected a whole number, 0 or more")
    elif not isinstance(value, str):
        raise ConfigError(f"{key} is {value!r:.60}; expected text")


def _check_line(key: str, text: str) -> None:
    """Refuse text of several lines, and characters that steer a terminal or a deck."""
    for character in text:
        if unicodedata.category(character) in _STEERING and character not in _JOINERS:
            raise ConfigError(
                f"{key} has the character U+{ord(character):04X}; expected one line of printable"
                " text"
            )


def _check_source(data: Any) -> None:
    """Refuse a file of samples beside a source that is another."""
    source = getattr(data, "source", "file")
    named = [name for name in ("path", "test_path") if getattr(data, name, "")]
    if source != "file" and named:
        raise ConfigError(
            f"data.{named[0]} names a file, but data.source is {source!r}, which reads none; set"
            f' data.source = "file", or leave data.{named[0]} out'
        )


def _check_name(text: str) -> None:
    """Refuse a preset's name that is no name for a folder: run directories are called after it."""
    _check_line("preset", text)
    if (
        not text.strip()
        or text.strip(".") == ""
        or any(character in text for character in "/\\")
        or len(text.encode()) > _LONGEST_NAME
    ):
        raise ConfigError(
            f"preset is {text!r:.60}; expected a name without / and \\ of at most {_LONGEST_NAME}"
            " bytes, since run directories are called after it"
        )


_STEERING, _JOINERS = ("Cc", "Cf", "Cs", "Zl", "Zp"), "\u200c\u200d"
"""Unicode's categories of controls, marks of direction, halves of pairs, ends of lines and
paragraphs; and what scripts and emoji need of them."""
_LONGEST_NAME = 120


def preset_names() -> list[str]:
    """Return the names of the presets."""
    return sorted(path.stem for path in presets_dir().glob("*.toml"))


def _source(preset_or_path: str | Path) -> tuple[Path, str]:
    text = str(preset_or_path)
    if text.endswith(".toml"):
        path = Path(text)
        if not path.is_file():
            raise AbsentError(
                f"there is no file {text}; expected a preset ({', '.join(preset_names())}) or the"
                " path of a TOML file"
            )
        return path, path.stem
    if text not in preset_names() and (Path(text).exists() or "/" in text):
        raise AbsentError(
            f"{_instead(text)}; expected a preset ({', '.join(preset_names())}) or the path of a"
            " TOML file"
        )
    if text not in preset_names():
        there = ", ".join(preset_names())
        raise UnknownNameError(
            f"no preset {text!r}{nearest(text, preset_names())} The presets are: {there}. A path"
            " must end in .toml"
        )
    return presets_dir() / f"{text}.toml", text


def _instead(text: str) -> str:
    """Return what a path is that is no TOML file."""
    path = Path(text)
    if not path.exists():
        return f"there is no file {text}"
    if (path / "run.toml").is_file():
        return (
            f"{text} is a run directory: {path / 'run.toml'} is its TOML file, and --resume --out"
            f" {text} goes on with it"
        )
    if path.suffix.lower() in (".csv", ".tsv", ".npz"):
        return (
            f"{text} holds data, which a preset learns from by --set data.source=file --set"
            f" data.path={text}"
        )
    return f"{text} is {what_is(path) or 'no TOML file'}"


def read_tables(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file that can be read: {error}") from None


def load(preset_or_path: str | Path, overrides: Iterable[str] | Mapping[str, Any] = ()) -> Any:
    """Return the configuration of a preset or of a TOML file: a `Config`, or that of another kind
    of experiment.

    Parameters
    ----------
    preset_or_path : str | Path
        A name such as ``mnist-10x10``, or the path of a file that ends in ``.toml``. Relative data
        paths in a file are relative to that file.
    overrides : iterable of ``"a.b=value"``, or mapping of ``"a.b"`` to a value
        Relative paths among them are relative to the working folder.

    Raises
    ------
    UnknownNameError
        A preset, key or device that does not exist; the nearest one is named.
    ConfigError
        A file that is not TOML, or a value that cannot be.
    """
    path, name = _source(preset_or_path)
    tables = read_tables(path)
    tables.setdefault("preset", name)
    for section, table in input_files.tables_of(tables):
        keys = input_files.KEYS[section.partition(".")[0]]
        named = [key for key in keys if key != "model" or str(table.get(key, "")).endswith(".toml")]
        _resolve(table, named, path.parent)
    engine = tables.get("engine")
    if isinstance(engine, dict) and "init" in engine:
        engine["init"] = init_lines(engine["init"], "engine.init", path.parent.absolute())
    pairs = (
        overrides.items()
        if isinstance(overrides, Mapping)
        else [parse_override(text) for text in overrides]
    )
    return from_tables(overridden(tables, {key: from_here(key, value) for key, value in pairs}))


def from_here(key: str, value: Any) -> Any:
    """Return a path that somebody gives beside the file as it is from anywhere: a run may be read,
    or repeated, in another folder."""
    section, _, name = key.partition(".")
    name = name.rpartition(".")[2]
    if key == "engine.init":
        return init_lines(value, key, Path.cwd())
    is_path = (
        name in input_files.KEYS.get(section, ())
        and isinstance(value, str)
        and value
        and (name != "model" or value.endswith(".toml"))
    )
    return str(Path(value).resolve()) if is_path else value


def overridden(
    tables: dict[str, Any], overrides: Iterable[str] | Mapping[str, Any]
) -> dict[str, Any]:
    """Return parsed tables with single values changed, by ``"a.b=value"`` texts or by a mapping of
    ``"a.b"`` to values."""
    pairs = (
        overrides.items()
        if isinstance(overrides, Mapping)
        else [parse_override(text) for text in overrides]
    )
    for key, value in pairs:
        _override(tables, key, value)
    return tables


def _resolve(table: dict[str, Any], keys: Iterable[str], folder: Path) -> None:
    """Make paths in a table relative to the folder of its file."""
    for key in keys:
        if isinstance(table.get(key), str) and table[key]:
            table[key] = str((folder / table[key]).resolve())


def _override(tables: dict[str, Any], key: str, value: Any) -> None:
    section, dot, name = key.partition(".")
    if section == "engine":
        _override_engine(tables, name, value)
        return
    if not dot:
        tables[section] = value
        return
    section = "array" if section == "wires" else section  # what `Crossbar` calls them
    if isinstance(tables.get(section), list):
        _override_row(tables[section], section, name, value)
        return
    if not isinstance(tables.setdefault(section, {}), dict):
        raise unknown_key(key, [e.name for e in fields(BaseConfig) if e.name != "engine_init"])
    if name == "epochs":  # passes that somebody asks for are passes
        tables[section].pop("presentations", None)
    if section == "device" and name == "model" and value != tables["device"].get("model", "vteam"):
        tables["device"] = {}
    tables[section][name] = value


def _override_engine(tables: dict[str, Any], name: str, value: Any) -> None:
    """Change the engine's name, ``engine`` or ``engine.name``, or another key of its table."""
    table = tables.get("engine", "nodal")
    if not isinstance(table, dict):
        if not name:
            tables["engine"] = value
            return
        table = {"name": table}
    tables["engine"] = {**table, name or "name": value}


def _override_row(rows: list[dict[str, Any]], section: str, key: str, value: Any) -> None:
    """Change a value in one of several tables, ``population.NAME.key`` or
    ``projection.SOURCE>TARGET.key``; ``*`` changes all of them."""
    name, _, entry = key.rpartition(".")
    names = [str(row.get("name", f"{row.get('source')}>{row.get('target')}")) for row in rows]
    if not name or (name != "*" and name not in names):
        raise unknown_key(
            f"{section}.{key}", [f"{section}.{known}.{entry or key}" for known in names]
        )
    for known, row in zip(names, rows, strict=True):
        if name in ("*", known):
            row[entry] = value
