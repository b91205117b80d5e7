"""Damaged and hostile files of every kind that spicesnn reads: what comes out is a value or a typed
error of ours, soon, and nothing is executed."""

import gzip
import io
import random
import signal
import zipfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from spicesnn import npz, training
from spicesnn.characterization.characterize import Characterization
from spicesnn.datasets import files, idx, mnist
from spicesnn.devices.delta_table import DeltaTable
from spicesnn.devices.device_file import read_device
from spicesnn.devices.measurements import read_measurement
from spicesnn.devices.pulse_curve import PulseCurve
from spicesnn.devices.saturating_pulse import SaturatingPulse
from spicesnn.errors import DataError, SpicesnnError
from spicesnn.learning.weights import load_weights
from spicesnn.netlist.foreign import load_foreign
from spicesnn.options import parse_override
from spicesnn.paths import netlists_dir, presets_dir
from spicesnn.training.run import RunDirectory

PATIENCE_S = 10.0
WORDS = [
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "1e400",
    "-1e-400",
    "99999999999999999999",
    "1e9",
    "true",
    "null",
    '""',
    "[]",
    "{}",
    "[1, 2]",
    '"\\u0000"',
]
WORDS += ["0x10", "1_0"]
WORDS += [
    "=",
    "[",
    "]",
    ",",
    "\n",
    "\r",
    "\x00",
    "ü",
    "'",
    '"""',
    "#",
    "../../../etc/passwd",
    "__import__('os')",
    "{{7*7}}",
    "1979-05-27T07:32:00Z",
]
NESTED = ["[" * 3000, "{" * 3000, '{"a":' * 3000, "a." * 3000, "(" * 3000]


class HungError(BaseException):
    pass


@contextmanager
def soon():
    """Fail what takes longer than the patience."""

    def ring(*_):
        raise HungError(f"not done after {PATIENCE_S:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def harmed_text(rng, sound):
    """Return a text with one to four damages: other words for numbers and names, lines gone, twice
    or swapped, deep nesting, cuts."""
    text = sound.decode()
    for _ in range(rng.choice([1, 1, 2, 4])):
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        match rng.randrange(8):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[rng.randrange(len(lines))])
            case 2:
                lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
            case 3:
                head, equals, _ = lines[at].partition("=")
                lines[at] = f"{head}{equals} {rng.choice(WORDS)}" if equals else rng.choice(WORDS)
            case 4:
                cells = lines[at].split(",")
                cells[rng.randrange(len(cells))] = rng.choice(WORDS)
                lines[at] = ",".join(cells)
            case 5:
                where = rng.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:where] + rng.choice(WORDS) + lines[at][where:]
            case 6 if rng.random() < 0.1:
                lines[at] += rng.choice(NESTED)
            case _:
                lines = lines[: at + 1]
        text = "\n".join(lines)
    return text.encode()


def harmed_bytes(rng, sound):
    """Return bytes with some of them flipped, gone, twice, or others in their place; now and then
    text damage on top of it."""
    content = bytearray(sound)
    for _ in range(rng.choice([1, 1, 3, 10])):
        at = rng.randrange(len(content) + 1)
        span = rng.choice([1, 1, 2, 4, 64])
        match rng.randrange(5):
            case 0:
                content[at : at + span] = rng.randbytes(len(content[at : at + span]))
            case 1:
                del content[at : at + span]
            case 2:
                content[at:at] = rng.randbytes(span)
            case 3:
                content[at:at] = content[at : at + span]
            case _:
                content[at : at + span] = rng.choice([b"\x00", b"\xff"]) * len(
                    content[at : at + span]
                )
    return bytes(content[: rng.randrange(len(content) + 1)] if rng.random() < 0.2 else content)


def harmed(rng, sound):
    try:
        return harmed_text(rng, sound) if rng.random() < 0.8 else harmed_bytes(rng, sound)
    except UnicodeDecodeError:
        return harmed_bytes(rng, sound)


def an_array(rng):
    """Return an array of any shape, type and content, as a well-formed file may hold it."""
    shape = tuple(rng.choice([0, 1, 2, 3, 9, 10, 784]) for _ in range(rng.randrange(4)))
    kind = rng.choice(["f8", "f4", "u1", "i8", "?", "U3", "S2", "c16", "M8[s]", "O", "V4"])
    size = int(np.prod(shape, dtype=int))
    if size > 10_000:
        shape, size = shape[:1], int(np.prod(shape[:1], dtype=int))
    if kind == "O":
        return np.array([{"a": 1}] * size, dtype=object).reshape(shape)
    values = np.array(
        [rng.choice([0.0, 1.0, -1.0, np.nan, np.inf, 1e300, 3.0, 255.0]) for _ in range(size)]
    ).reshape(shape)
    with np.errstate(all="ignore"):
        if kind in ("M8[s]", "V4"):
            return np.zeros(shape, dtype=kind)
        return np.nan_to_num(values).astype(kind) if kind in ("u1", "i8") else values.astype(kind)


def npz_of(arrays):
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=True, **arrays)
    return file.getvalue()


def harmed_npz(rng, sound):
    """Return an archive with arrays gone or exchanged for others; or with a damaged member; or with
    damaged bytes."""
    if rng.random() < 0.3:
        return harmed_bytes(rng, sound)
    with np.load(io.BytesIO(sound), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    for _ in range(rng.choice([1, 2, 5])):
        name = rng.choice([*arrays, "other"])
        if rng.random() < 0.3:
            arrays.pop(name, None)
        else:
            arrays[name] = an_array(rng)
    content = npz_of(arrays)
    if rng.random() < 0.3:
        renewed = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(renewed, "w") as new:
            for entry in old.namelist():
                member = old.read(entry)
                new.writestr(entry, harmed_bytes(rng, member) if rng.random() < 0.5 else member)
        content = renewed.getvalue()
    return content


def preset_texts():
    return [path.read_bytes() for path in sorted(presets_dir().glob("*.toml"))]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Sound files of every kind: name → (contents to begin with, how they are harmed, suffix, what
    reads them)."""
    folder = tmp_path_factory.mktemp("sound")
    summary = training.train(
        training.load("letters-3x3", {"training.updates": 2}),
        engine=training.make_engine("nodal"),
        out=folder / "run",
    )
    rng = np.random.default_rng(0)
    run = Path(summary.run)
    images = idx.render(rng.integers(0, 256, (3, 4, 5), dtype=np.uint8))
    data = {"x_train": np.zeros((3, 28, 28), np.uint8), "y_train": np.zeros(3, np.uint8)}
    data |= {"x_test": data["x_train"][:2], "y_test": data["y_train"][:2]}
    rows = "\n".join(
        ",".join([*(f"{value:.3g}" for value in rng.random(4)), f"{k % 3}"]) for k in range(8)
    )
    grid = "\n".join(
        f"{g:g},{v:g},{v * 1e-7 * g / 1e-5:g},1e-6" for g in (1e-6, 2e-6, 5e-6) for v in (-1, 0, 1)
    )
    sweep = "\n".join(f"{k * 1e-3:g},{np.sin(k):g},{1e-3 * np.sin(k):g}" for k in range(12))
    train = "\n".join(f"{v:g},1e-6,{g:g}" for v, g in ((1, 1e-6), (1, 2e-6), (-1, 1.5e-6)))
    weights = {"weights_0": rng.uniform(-1, 1, (4, 3)), "bias_0": rng.uniform(-1, 1, 3)}
    weights |= {"weights_1": rng.uniform(-1, 1, (3, 2)), "bias_1": np.zeros(2)}
    layers = '{"layers": [{"weights": [[0.1, 0.2], [0.3, -0.4]],\n "bias": [0.5, 0.5]},\n {"weights": [[1.0], [0.0]],\n "bias": [0.1]}]}'
    curves = [
        b"siemens\n1e-6\n2e-6\n4e-6\n3e-6\n1e-6\n",
        b"set,reset\n1e-6,5e-6\n2e-6,3e-6\n4e-6,1e-6\n",
    ]
    device = b'[device]\nmodel = "vteam"\nr_on = 1e3\nr_off = "100k"\nv_on = -0.5\n'
    foreign = (netlists_dir() / "foreign_memristor.toml").read_bytes()
    (folder / "foreign_memristor.lib").write_bytes(
        (netlists_dir() / "foreign_memristor.lib").read_bytes()
    )

    def of_run(name, read):
        def reader(path):
            copy = path.parent / "copy"
            copy.mkdir(exist_ok=True)
            for file in run.glob("*.*"):
                (copy / file.name).write_bytes(
                    path.read_bytes() if file.name == name else file.read_bytes()
                )
            return read(RunDirectory.existing(copy))

        return reader

    def override(path):
        return parse_override(path.read_text("utf-8", "replace"))

    def history(run_directory):
        return run_directory.load_history(1).arrays()

    return {
        "config": (preset_texts(), harmed, ".toml", training.load),
        "run configuration": (
            [(run / "run.toml").read_bytes()],
            harmed,
            ".toml",
            of_run("run.toml", lambda r: r.config()),
        ),
        "metrics": (
            [(run / "metrics.json").read_bytes()],
            harmed,
            ".json",
            of_run("metrics.json", lambda r: r.metrics()),
        ),
        "state": (
            [(run / "state.npz").read_bytes()],
            harmed_npz,
            ".npz",
            of_run("state.npz", lambda r: r.load_state()),
        ),
        "history": (
            [(run / "history.npz").read_bytes()],
            harmed_npz,
            ".npz",
            of_run("history.npz", history),
        ),
        "override": (
            [b"array.word_line_ohm=1.5", b"device.model=vteam", b"network.layers=[4, 4]"],
            harmed,
            "",
            override,
        ),
        "table": (
            [f"a,b,c,d,label\n{rows}\n".encode(), f"{rows}\n".encode()],
            harmed,
            ".csv",
            files.read_classes,
        ),
        "table archive": (
            [npz_of({"features": rng.random((6, 4)), "labels": np.arange(6) % 3})],
            harmed_npz,
            ".npz",
            files.read_classes,
        ),
        "idx": ([images, idx.render(np.arange(5, dtype=np.uint8))], harmed_bytes, "", idx.read),
        "packed idx": ([gzip.compress(images)], harmed_bytes, ".gz", idx.read),
        "mnist": ([npz_of(data)], harmed_npz, ".npz", lambda path: mnist.read(path, verify=False)),
        "any archive": ([npz_of(data | weights)], harmed_npz, ".npz", npz.read),
        "weights": (
            [npz_of(weights)],
            harmed_npz,
            ".npz",
            lambda path: load_weights(path, [(5, 3), (4, 2)], bias=True),
        ),
        "weights as text": (
            [layers.encode()],
            harmed,
            ".json",
            lambda path: load_weights(path, [(3, 2), (3, 1)], bias=True),
        ),
        "device": ([device], harmed, ".toml", read_device),
        "pulse curve": (curves, harmed, ".csv", PulseCurve.from_csv),
        "saturating curve": (
            [b"1e-6\n2e-6\n3e-6\n3.5e-6\n"],
            harmed,
            ".csv",
            SaturatingPulse.from_curve,
        ),
        "increments": (
            [f"siemens,volts,delta_siemens,pulse_s\n{grid}\n".encode()],
            harmed,
            ".csv",
            DeltaTable.from_csv,
        ),
        "measured sweep": (
            [f"time,volts,amps\n{sweep}\n".encode()],
            harmed,
            ".csv",
            read_measurement,
        ),
        "measured pulses": (
            [f"volts,width_s,siemens\n{train}\n".encode()],
            harmed,
            ".csv",
            read_measurement,
        ),
        "cell tables": (
            [npz_of({"siemens": np.linspace(0, 1, 3), "volts": np.linspace(-1, 1, 3)})],
            harmed_npz,
            ".npz",
            Characterization.read,
        ),
        "foreign descriptor": ([foreign], harmed, ".toml", load_foreign),
        "foreign netlist": (
            [(netlists_dir() / "foreign_memristor.lib").read_bytes()],
            harmed,
            ".lib",
            None,
        ),
    }


KINDS = (
    "config",
    "run configuration",
    "metrics",
    "state",
    "history",
    "override",
    "table",
    "table archive",
    "idx",
    "packed idx",
    "mnist",
    "any archive",
    "weights",
    "weights as text",
    "device",
    "pulse curve",
    "saturating curve",
    "increments",
    "measured sweep",
    "measured pulses",
    "cell tables",
    "foreign descriptor",
    "foreign netlist",
)


def attacked(sound, kind, folder, cases, seed):
    """Read so many harmed files; return how many were refused."""
    contents, harm, suffix, read = sound[kind]
    rng, refused = random.Random(f"{kind} {seed}"), 0
    for name in ("foreign_memristor.lib", "foreign_memristor.toml"):
        (folder / name).write_bytes((netlists_dir() / name).read_bytes())
    path = folder / ("foreign_memristor.lib" if read is None else f"hostile{suffix}")
    reader = read or (lambda _: load_foreign(folder / "foreign_memristor.toml"))
    for case in range(cases):
        content = harm(rng, rng.choice(contents))
        path.write_bytes(content)
        try:
            with soon():
                reader(path)
        except SpicesnnError as error:
            refused += bool(str(error).strip())
        except (Exception, HungError) as error:
            pytest.fail(f"{kind}, case {case}: {type(error).__name__}: {error}\n{content[:2000]!r}")
    return refused


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_typed_errors(sound, kind, tmp_path):
    assert attacked(sound, kind, tmp_path, 60, seed=1) > 0


@pytest.mark.parametrize(
    "rest", ['{"a":' * 10_000, "( [" * 10_000, " " * 40_000 + "x", "/ " * 20_000]
)
def test_headers_without_an_end_are_read_in_time(tmp_path, rest):
    """Brackets that never close took a time that grew with the square of their number."""
    path = tmp_path / "a.csv"
    path.write_text(f"volts,amps{rest}\n0,0\n1,1e-3\n0,0\n")
    with soon():
        found = read_measurement(path, duration_s=1.0)
    np.testing.assert_array_equal(found.volts, [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(found.amps, [0.0, 1e-3, 0.0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_twenty_thousand_damaged_files_are_typed_errors(sound, kind, tmp_path):
    cases = -(-20_000 // len(KINDS))
    assert attacked(sound, kind, tmp_path, cases, seed=2) > cases // 20


class Payload:
    """What a pickle would run when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_pickled_code_in_archives_is_not_run(tmp_path):
    trap = np.empty(1, dtype=object)
    trap[0] = Payload(tmp_path / "run by a pickle")
    (tmp_path / "trap.npz").write_bytes(
        npz_of(
            dict.fromkeys(
                ("x_train", "features", "labels", "weights_0", "version", "devices"), trap
            )
        )
    )
    weights = partial(load_weights, shapes=[(1, 1)], bias=False)
    for read in (
        npz.read,
        files.read_classes,
        partial(mnist.read, verify=False),
        weights,
        Characterization.read,
    ):
        with pytest.raises(DataError):
            read(tmp_path / "trap.npz")
    (tmp_path / "trap.npz").rename(tmp_path / "state.npz")
    (tmp_path / "run.toml").write_text("")
    with pytest.raises(SpicesnnError):
        RunDirectory.existing(tmp_path).load_state()
    assert not (tmp_path / "run by a pickle").exists()
