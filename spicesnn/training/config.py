"""What an experiment is: the tables of a preset, typed, checked, and with every default written down once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_type_hints

from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.devices.device_file import device_table, is_plain
from spicesnn.devices.registry import nearest
from spicesnn.devices.saturating_pulse import SaturatingPulse
from spicesnn.errors import ConfigError, UnknownNameError
from spicesnn.netlist.device_source import device_from, is_file
from spicesnn.neurons.lif import LIF
from spicesnn.paths import presets_dir
from spicesnn.training.imperfections import ImperfectionOptions
from spicesnn.training.options import Section, option, parse_override, render_toml, unknown_key
from spicesnn.units import parse

ENGINES = ("ngspice", "nodal")


@dataclass(frozen=True, kw_only=True)
class DataOptions(Section):
    """[data]"""

    source: str = option("xpue", "a pattern set, MNIST, or a file of one's own",
                         choices=("xpue", "digits-3x5", "letters-3x3", "letters-clean", "words-4bit", "xor", "mnist", "file"))  # fmt: skip
    path: str = option("", "csv or npz file with features and labels (source = file)")
    label: str = option("label", "the column of a csv file that holds the classes")
    test_path: str = option("", "csv or npz file of held-out samples; a share of `path` is held out if left empty")
    test_fraction: float = option(0.2, "share of a file that is held out when there is no test_path", lowest=0.0)
    pixels: int = option(10, "MNIST images are reduced to pixels × pixels", lowest=2)
    method: str = option("area", "how images are reduced", choices=("area", "bicubic"))
    ones: int = option(0, "MNIST: this many of the brightest pixels are 1, the rest 0; 0 keeps grey levels", lowest=0)
    train_limit: int = option(0, "use only the first so many training samples; 0 is all", lowest=0)
    test_limit: int = option(0, "use only the first so many test samples; 0 is all", lowest=0)
    validation: int = option(0, "MNIST: test on the last so many training images, kept from training: settings are chosen on them", lowest=0)


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(Section):
    """[network]"""

    hidden: tuple[int, ...] = option((), "sizes of the hidden layers", lowest=1)
    hidden_code: str = option("spike", "what hidden neurons pass on: a spike in the window or none, or their rate", choices=("spike", "rate"))
    hidden_ohm: float = option(1e3, "membrane resistance of the hidden neurons", above=0.0)
    hidden_offset_amps: float = option(0.0, "constant current into every hidden neuron")
    columns: str = option("differential", "how a signed weight stands on columns", choices=("differential", "single", "offset"))
    bias: bool = option(True, "a word line that is always on")
    initial: tuple[float, ...] = option((0.3, 0.7), "fresh conductances, uniform between these shares of the range; empty: fresh devices", lowest=0.0)


@dataclass(frozen=True, kw_only=True)
class ArrayOptions(Section):
    """[array]"""

    word_line_ohm: float = option(1.0, "resistance of a word-line segment", lowest=0.0)
    bit_line_ohm: float = option(1.0, "resistance of a bit-line segment", lowest=0.0)
    driver_ohm: float = option(0.0, "output resistance of the word-line drivers", lowest=0.0)
    sense_ohm: float = option(0.0, "input resistance of the sense nodes", lowest=0.0)
    double_sided: bool = option(False, "lines are driven and sensed at both ends")
    gate_along: str = option("word", "which lines gates hang on, for cells that have one", choices=("word", "bit"))

    def wires(self) -> Wires:
        """Return the wires."""
        return Wires(word_line_ohm=self.word_line_ohm, bit_line_ohm=self.bit_line_ohm, driver_ohm=self.driver_ohm, sense_ohm=self.sense_ohm,
                     double_sided=self.double_sided)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class EncodingOptions(Section):
    """[encoding]"""

    high_volts: float = option(0.2, "word-line voltage of an input of 1")
    low_volts: float = option(0.0, "word-line voltage of an input of 0")
    bias_volts: float = option(0.2, "word-line voltage of the bias line")
    gate_volts: float = option(0.0, "gate voltage during reads, for cells with a gate")
    read_s: float = option(1e-3, "how long a read lasts: what its energy is counted over", above=0.0)


@dataclass(frozen=True, kw_only=True)
class NeuronOptions(Section):
    """[neuron]"""

    tau_s: float = option(150e-6, "membrane time constant", above=0.0)
    resistance_ohm: float = option(1e3, "membrane volts at rest for one ampere", above=0.0)
    threshold_volts: float = option(4.0, "spike threshold", above=0.0)
    refractory_s: float = option(0.0, "time after a spike without another", lowest=0.0)
    offset_amps: float = option(0.0, "constant current into every output neuron", lowest=0.0)
    window_s: float = option(5e-3, "a neuron that has not spiked by then is silent", above=0.0)
    resolution_s: float = option(1e-9, "spikes closer than this are a tie", lowest=0.0)
    code: str = option("first-spike", "which neuron answers", choices=("first-spike", "most-spikes"))

    def lif(self) -> LIF:
        """Return the output neuron."""
        return LIF(tau_s=self.tau_s, resistance_ohm=self.resistance_ohm, threshold_volts=self.threshold_volts, refractory_s=self.refractory_s)


@dataclass(frozen=True, kw_only=True)
class ProgrammingOptions(Section):
    """[programming]"""

    scheme: str = option("half", "voltages on the lines that are not selected", choices=("half", "third", "floating", "gated"))
    set_volts: float = option(1.0, "magnitude of the pulse that raises the conductance", above=0.0)
    reset_volts: float = option(1.0, "magnitude of the pulse that lowers it", above=0.0)
    set_s: float = option(1e-6, "width of a set pulse", above=0.0)
    reset_s: float = option(1e-6, "width of a reset pulse", above=0.0)
    rise_s: float = option(0.0, "rise and fall time", lowest=0.0)
    gate_on_volts: float = option(1.2, "gate voltage of selected lines, for cells with a gate")
    gate_off_volts: float = option(0.0, "gate voltage of the others")
    verify_step: float = option(0.0, "above 0: write and verify, a change being this share of the window; 0: a pulse a change", lowest=0.0)
    verify_tolerance: float = option(0.25, "write and verify: what may be left of a change, as a share of it", above=0.0)


@dataclass(frozen=True, kw_only=True)
class LearningOptions(Section):
    """[learning]"""

    rule: str = option("manhattan", "how the array learns", choices=("manhattan", "template", "exsitu", "stdp"))
    activation: str = option("softmax", "what the error is measured on", choices=("softmax", "tanh"))
    gain: float = option(1e6, "output gain β, 1/A", above=0.0)
    target: float = option(1.0, "training target of tanh outputs, ±", above=0.0)
    right_when: str = option("winner", "a sample counts as right when its neuron has the largest current, or when all outputs are beyond ± stop",
                             choices=("winner", "outputs"))  # fmt: skip
    stop: float = option(0.8, "tanh outputs beyond ± this count as right", lowest=0.0)
    opposite: bool = option(True, "set one device of a pair and reset the other; false: only ever set")
    fraction: float = option(1.0, "share of the devices that are pulsed in an update, at random", above=0.0)
    final_fraction: float = option(0.0, "the share shrinks to this geometrically over the run; 0: it stays", lowest=0.0)
    groups: float = option(1.0, "share of the (column, polarity) groups that an update touches: fewer pulses for the same fraction", above=0.0)
    final_width: float = option(1.0, "pulse widths shrink to this share geometrically over the run", above=0.0)


@dataclass(frozen=True, kw_only=True)
class ExsituOptions(Section):
    """[exsitu]"""

    weights: str = option("", "npz or JSON file of weights to map, of any size; learnt in software if left empty")
    epochs: int = option(10, "software training: passes over the data", lowest=1)
    batch: int = option(0, "software training: samples a step; 0: all", lowest=0)
    rate: float = option(0.01, "software training: Adam's step, as a share of the weight range", above=0.0)
    restarts: int = option(1, "software training: starts, of which the best on training data is mapped", lowest=1)
    weight_limit: float = option(0.8, "weights stay within ± this: what is left of the window makes up for the wires", above=0.0)
    scale: tuple[float, ...] = option((), "loaded weights are divided by this, a number a layer; empty: so that they fill weight_limit", above=0.0)
    wire_aware: bool = option(True, "choose conductances whose array, wires included, does what the weights ask for")
    write_verify: bool = option(False, "program by pulses and reads, through the wires, instead of setting the states")
    verify_tolerance: float = option(0.01, "write and verify: cells within this share of the window are left alone", above=0.0)
    fine_tune: int = option(0, "Manhattan updates in situ after the mapping", lowest=0)


@dataclass(frozen=True, kw_only=True)
class StdpOptions(Section):
    """[stdp]: overlapping spikes; their amplitudes follow from the device."""

    step: float = option(0.1, "what one pair of spikes moves a device by, at no distance in time, as a share of its range", above=0.0)
    theta_volts: float = option(0.3, "a neuron's threshold rises by this with each of its spikes", lowest=0.0)
    theta_presentations: float = option(6.0, "presentations in which that decays to 1/e", above=0.0)


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(Section):
    """[training]"""

    epochs: int = option(1, "passes over the training data, at most", lowest=0)
    updates: int = option(0, "stop after this many updates; 0: when the epochs are done", lowest=0)
    batch: int = option(0, "samples an update; 0: all", lowest=0)
    stop_when_right: bool = option(False, "stop as soon as every training sample is right")
    checkpoint_s: float = option(60.0, "seconds between checkpoints", lowest=0.0)
    record_updates: int = option(16, "keep direction and states of the first so many updates in history.npz", lowest=0)


_CURVE = ("curve", "curve_scale")
"""Keys of [device] for models that can be fitted to a measured pulse curve: the CSV file, and what its conductances are multiplied by."""


@dataclass(frozen=True, kw_only=True)
class DeviceOptions:
    """[device]: `model`, and any parameter of that model."""

    model: str = "vteam"
    parameters: Mapping[str, str | float] = field(default_factory=dict)

    @classmethod
    def from_table(cls, table: Mapping[str, Any], where: str) -> DeviceOptions:
        """Return the section from a TOML table; parameters are checked against the model.

        A model that is a device file of plain parameters is written out here, so that the run keeps them; any other file stays a file.
        """
        if not isinstance(table, Mapping):
            raise ConfigError(f"{where} is {table!r:.60}; expected a table with model = \"vteam\" and parameters of that model")
        parameters = {key: value for key, value in table.items() if key != "model"}
        model, inside = str(table.get("model", "vteam")), parameters.get("memristor")
        fresh = device_from(model, memristor=None if inside is None else str(inside))
        if model.endswith(".toml"):
            model = str(Path(model).resolve())
        known = [*fresh.settable(), *(("memristor",) if hasattr(fresh, "around") else ()), *(_CURVE if isinstance(fresh, SaturatingPulse) else ())]
        for key in parameters:
            if key not in known:
                raise unknown_key(f"{where}.{key}", ["device.model", *(f"{where}.{name}" for name in known)])
        if is_file(model) and is_plain(fresh):
            kept = device_table(fresh)
            model, parameters = str(kept.pop("model")), {**kept, **parameters}
        section = cls(model=model, parameters=parameters)
        section.build()
        return section

    def build(self) -> Device:
        """Return the device; a measured pulse curve (`curve`, a file) decides on what the model fits to it."""
        text = {key: str(value) for key, value in self.parameters.items() if key not in ("memristor", *_CURVE)}
        inside = self.parameters.get("memristor")
        device = device_from(self.model, memristor=None if inside is None else str(inside))
        device = device.with_text(**text) if text else device
        if not self.parameters.get("curve"):
            return device
        fitted, _ = SaturatingPulse.from_curve(str(self.parameters["curve"]), scale=parse(self.parameters.get("curve_scale", 1.0)))
        return device.with_parameters(g_low=fitted.g_low, g_gain=fitted.g_gain, pulses=fitted.pulses)

    def to_table(self) -> dict[str, Any]:
        """Return the section as plain values."""
        return {"model": self.model, **self.parameters}


Kind = TypeVar("Kind", bound="BaseConfig")


@dataclass(frozen=True, kw_only=True)
class BaseConfig:
    """What every experiment has, whatever its kind: a name, an engine, a seed; a kind adds its tables as fields."""

    kind: ClassVar[str]

    preset: str = "custom"
    description: str = ""
    engine: str = "nodal"
    seed: int = 0

    @classmethod
    def from_tables(cls: type[Kind], tables: Mapping[str, Any]) -> Kind:
        """Return the configuration from parsed TOML."""
        heads = [entry.name for entry in fields(BaseConfig)]
        sections = {name: hint for name, hint in get_type_hints(cls).items() if name not in (*heads, "kind")}
        values: dict[str, Any] = {}
        for key, value in tables.items():
            if key in sections:
                values[key] = sections[key].from_table(value, key)
            elif key in heads:
                _check_head(key, value)
                values[key] = value
            elif key not in ("kind", "versions"):  # a run.toml, which may be trained again, says what the run was made with
                raise unknown_key(key, [entry.name for entry in fields(cls)])
        config = cls(**values)
        if config.engine not in ENGINES:
            raise ConfigError(f"engine is {config.engine!r}{nearest(config.engine, ENGINES)} Expected one of: {', '.join(ENGINES)}")
        return config

    def to_tables(self) -> dict[str, Any]:
        """Return the configuration as plain values, every default included."""
        values = {e.name: (v.to_table() if hasattr(v := getattr(self, e.name), "to_table") else v) for e in fields(self)}
        return {"kind": self.kind, **values}

    def to_toml(self) -> str:
        """Return the configuration as TOML text, every default included."""
        return render_toml(self.to_tables())

    def with_seed(self: Kind, seed: int) -> Kind:
        """Return the same experiment with another seed."""
        return replace(self, seed=seed)


@dataclass(frozen=True, kw_only=True)
class Config(BaseConfig):
    """A crossbar that learns as a circuit: everything that, with a seed and an engine, decides what comes out."""

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
    "unsupervised": "spicesnn.training.unsupervised.experiment:UnsupervisedConfig",
    "stdp-simple": "spicesnn.training.unsupervised.simple_experiment:SimpleConfig",
    "spiking-bp": "spicesnn.training.spiking_bp.experiment:SpikingBPConfig",
    "deep": "spicesnn.training.deep.experiment:DeepConfig",
}
"""Kind of experiment, the key `kind` of a preset → module:class of its configuration."""


def from_tables(tables: Mapping[str, Any]) -> Any:
    """Return the configuration of whatever kind the tables are."""
    kind = tables.get("kind", "crossbar")
    if kind not in KINDS:
        raise ConfigError(f"kind is {kind!r:.60}{nearest(str(kind), KINDS)} Expected one of: {', '.join(KINDS)}")
    module, _, name = KINDS[kind].partition(":")
    return getattr(import_module(module), name).from_tables(tables)


def _check_head(key: str, value: Any) -> None:
    if key == "seed":
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ConfigError(f"seed is {value!r:.60}; expected a whole number, 0 or more")
    elif not isinstance(value, str):
        raise ConfigError(f"{key} is {value!r:.60}; expected text")


def preset_names() -> list[str]:
    """Return the names of the presets."""
    return sorted(path.stem for path in presets_dir().glob("*.toml"))


def _source(preset_or_path: str | Path) -> tuple[Path, str]:
    text = str(preset_or_path)
    if text.endswith(".toml"):
        path = Path(text)
        if not path.is_file():
            raise ConfigError(f"there is no file {text}; expected a preset ({', '.join(preset_names())}) or the path of a TOML file")
        return path, path.stem
    if text not in preset_names():
        there = ", ".join(preset_names())
        raise UnknownNameError(f"no preset {text!r}{nearest(text, preset_names())} The presets are: {there}. A path must end in .toml")
    return presets_dir() / f"{text}.toml", text


def read_tables(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file that can be read: {error}") from None


def load(preset_or_path: str | Path, overrides: Iterable[str] | Mapping[str, Any] = ()) -> Any:
    """Return the configuration of a preset or of a TOML file: a `Config`, or that of another kind of experiment.

    Parameters
    ----------
    preset_or_path : str | Path
        A name such as ``mnist-10x10``, or the path of a file that ends in ``.toml``. Relative data paths in a file are relative to that file.
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
    for section, keys in _FILES.items():
        table = tables.get(section)
        if isinstance(table, dict):
            named = [key for key in keys if key != "model" or str(table.get(key, "")).endswith(".toml")]
            _resolve(table, named, path.parent)
    pairs = overrides.items() if isinstance(overrides, Mapping) else [parse_override(text) for text in overrides]
    return from_tables(overridden(tables, {key: _from_here(key, value) for key, value in pairs}))


_FILES = {"data": ("path", "test_path"), "device": ("model", "curve"), "exsitu": ("weights",), "imperfections": ("stuck_map",)}
"""Section → keys that name files."""


def _from_here(key: str, value: Any) -> Any:
    """Return a path that somebody gives beside the file as it is from anywhere: a run may be read, or repeated, in another folder."""
    section, _, name = key.partition(".")
    is_path = name in _FILES.get(section, ()) and isinstance(value, str) and value and (name != "model" or value.endswith(".toml"))
    return str(Path(value).resolve()) if is_path else value


def overridden(tables: dict[str, Any], overrides: Iterable[str] | Mapping[str, Any]) -> dict[str, Any]:
    """Return parsed tables with single values changed, by ``"a.b=value"`` texts or by a mapping of ``"a.b"`` to values."""
    pairs = overrides.items() if isinstance(overrides, Mapping) else [parse_override(text) for text in overrides]
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
    if not dot:
        tables[section] = value
        return
    section = "array" if section == "wires" else section  # what `Crossbar` calls them
    if not isinstance(tables.setdefault(section, {}), dict):
        raise unknown_key(key, [entry.name for entry in fields(BaseConfig)])
    if section == "device" and name == "model" and value != tables["device"].get("model", "vteam"):
        tables["device"] = {}
    tables[section][name] = value
