"""numba compiles even where nothing can be kept."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from spicesnn import jit, npz, paths

SMALL = tomllib.loads(
    Path(__file__).parent.joinpath("matrix", "short_presets.toml").read_text(encoding="utf-8")
)

CODE = """
import os
from pathlib import Path
from spicesnn import jit
del os.environ["NUMBA_CACHE_DIR"]
jit.kept_in = lambda package: None
jit.ensure_place()
folder = os.environ["NUMBA_CACHE_DIR"]
jit.ensure_place()
assert os.environ["NUMBA_CACHE_DIR"] == folder  # once
from spicesnn.devices.cell_functions import evaluate_cells
assert list(Path(folder).rglob("*.nbi"))
print(folder)
"""


def test_a_process_without_any_place_has_one_of_its_own_while_it_lives(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert folder.parent == tmp_path
    assert not folder.exists()


def test_a_folder_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    assert paths.writable(tmp_path / "new" / "newer")
    assert not paths.writable(tmp_path / "file" / "below")


def test_the_place_of_a_process_alone_is_none_that_is_kept(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "spicesnn-code-abc"))
    assert jit.kept_in(tmp_path / "file" / "package") is None


def test_a_folder_without_room_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert jit.kept_in(tmp_path) == tmp_path
    monkeypatch.setattr(jit, "LEAST_FREE", 2**62)
    assert jit.kept_in(tmp_path) is None


def test_a_machine_on_which_nothing_can_be_written_does_not_stop_the_import(monkeypatch):
    def nowhere(**options):
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(jit, "kept_in", lambda package: None)
    monkeypatch.setattr(jit.tempfile, "mkdtemp", nowhere)
    jit.ensure_place()
    assert "NUMBA_CACHE_DIR" not in os.environ


KEPT = """
from pathlib import Path
from spicesnn.jit import compiled

def twice(x):
    return 2 * x

def compiled_anew():
    machine = compiled(twice)
    assert machine(21) == 42
    return sum(machine.stats.cache_misses.values())

cache = Path("cache")
cache.mkdir()
said = [compiled_anew(), compiled_anew()]
index, code = next(cache.rglob("*.nbi")), next(cache.rglob("*.nbc"))
code.write_bytes(code.read_bytes()[:50])
said.append(compiled_anew())
index.write_bytes(b"")
said += [compiled_anew(), compiled_anew()]
index.unlink()
index.mkdir()
said.append(compiled_anew())
print(said)
"""


def test_a_kept_file_that_cannot_be_read_or_written_is_compiled_anew(tmp_path):
    """Cut by a full disk or a power cut; a folder where a file should be, so that it cannot be
    saved either."""
    (tmp_path / "script.py").write_text(KEPT)
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": str(Path(jit.__file__).parents[1]),
    }
    command = [sys.executable, "script.py"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )
    assert done.stdout == "[1, 0, 1, 1, 0, 1]\n", done.stderr


CALLS = """
from helper import factor
from spicesnn.jit import compiled

inner = compiled(inline=True, keep=False)(factor)

@compiled
def scaled(x):
    return inner(x)

print(scaled(10.0), sum(scaled.stats.cache_misses.values()))
"""


def test_code_is_compiled_anew_when_what_it_calls_has_changed_even_if_the_file_has_its_old_time(
    tmp_path,
):
    (tmp_path / "caller.py").write_text(CALLS)
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": str(Path(jit.__file__).parents[1]),
    }
    said = []
    for factor in ("2.0", "2.0", "3.0"):
        (tmp_path / "helper.py").write_text(f"def factor(x):\n    return {factor} * x\n")
        os.utime(tmp_path / "helper.py", (1e9, 1e9))
        command = [sys.executable, "-B", "caller.py"]
        said.append(
            subprocess.run(
                command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=True
            ).stdout.strip()
        )
    assert said == ["20.0 1", "20.0 0", "30.0 1"]


OTHERS = """
import numba
from numba.core import caching

before = caching.Cache._guard_against_spurious_io_errors, caching._SourceFileBackedLocatorMixin.get_source_stamp
import spicesnn.engines.nodal.source_ohms  # compiles and keeps code of its own
assert (caching.Cache._guard_against_spurious_io_errors, caching._SourceFileBackedLocatorMixin.get_source_stamp) == before

@numba.njit(cache=True)
def users_own(x):
    return x + 1.0

print(users_own(1.0), type(users_own._cache).__name__, type(spicesnn.engines.nodal.source_ohms._series._cache).__name__)
"""


def test_a_users_own_cached_functions_keep_numbas_ways(tmp_path):
    (tmp_path / "script.py").write_text(OTHERS)
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": str(Path(jit.__file__).parents[1]),
    }
    done = subprocess.run(
        [sys.executable, "script.py"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout == "2.0 FunctionCache KeptCode\n", done.stderr


def test_code_depends_on_its_file_and_on_what_that_imports_in_turn_and_on_nothing_else():
    package = jit.PACKAGE
    names = {
        str(path.relative_to(package))
        for path in jit.sources_of(package / "engines" / "nodal" / "line_cg.py")
    }
    assert {
        "engines/nodal/line_cg.py",
        "engines/nodal/word_sweeps.py",
        "engines/nodal/kirchhoff.py",
        "jit.py",
    } <= names
    assert not names & {
        "engines/nodal/cell_kernel.py",
        "devices/vteam.py",
        "devices/base.py",
        "__init__.py",
    }
    assert jit.stamp(package / "jit.py") != jit.stamp(package / "jit.py", package / "blas.py")


def test_what_plain_functions_mean_in_compiled_equations_counts_as_well(tmp_path):
    code = """
from pathlib import Path
import sys
from spicesnn import jit
from numba import float64

def twice(x):
    return 2.0 * x

made = jit.callback(float64(float64), using=sys.argv[1])(twice)
print(made.ctypes(21.0), made.cache_hits)
"""
    (tmp_path / "meaning").mkdir()
    meaning = tmp_path / "meaning" / "helper.py"
    (tmp_path / "script.py").write_text(code)
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": str(Path(jit.__file__).parents[1]),
    }
    said = []
    for text in ("a = 1", "a = 1", "a = 2"):
        meaning.write_text(text)
        command = [sys.executable, "-B", "script.py", str(meaning)]
        said.append(
            subprocess.run(
                command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=True
            ).stdout.strip()
        )
    assert said == ["42.0 0", "42.0 1", "42.0 0"]


@jit.compiled(fastmath=True, keep=False)
def _dot(a, b):
    total = 0.0
    for i in range(a.size):
        if a[i] > 0.0:
            total += a[i] * b[i] / (1.0 + abs(b[i]))
        else:
            total -= a[i] / (2.0 + a[i] * b[i])
    return total


@jit.compiled(keep=False)
def _products(rows, b, out):
    for k in range(rows.shape[0]):
        out[k] = _dot(rows[k], b) + _dot(b, rows[k])


def test_machine_code_shares_no_copy_of_what_it_calls_with_other_code():
    """A copy that is open to the linker would be replaced by the first one loaded in a process."""
    rng = np.random.default_rng(0)
    rows, b, out = rng.normal(size=(3, 50)), rng.normal(size=50), np.empty(3)
    _products(rows, b, out)
    plain = [
        sum(x * y / (1 + abs(y)) if x > 0 else -x / (2 + x * y) for x, y in zip(u, v, strict=True))
        for row in rows
        for u, v in ((row, b), (b, row))
    ]
    assert out == pytest.approx(np.reshape(plain, (3, 2)).sum(1), rel=1e-12)
    (made,) = _products.overloads.values()
    own = [f for f in made.library._final_module.functions if not f.is_declaration]
    assert {f.linkage.name for f in own} == {"external", "internal"}
    assert all("_products" in f.name for f in own if f.linkage.name == "external")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "settings"),
    [
        (
            "stdp-mnist",
            [
                "array.word_line_ohm=1",
                "array.bit_line_ohm=1",
                "synapses.wired_writes=true",
                "projection.*.synapses=pulse-map",
            ],
        ),
        ("bp-mnist", ["imperfections.read_noise=0.1", "imperfections.pulse_spread=0.3"]),
    ],
)
def test_code_compiled_in_the_process_and_code_from_the_disk_give_the_same_bits(
    preset, settings, tmp_path
):
    """Both differed in the last digits while copies of one function were shared in a process."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "code")}
    runs = []
    for name in ("cold", "warm"):
        command = [sys.executable, "-m", "spicesnn", "train", preset, "--engine", "nodal"]
        command += ["--no-figures", "--out", str(tmp_path / name)]
        for key, value in SMALL[preset].items():
            command += ["--set", f"{key}={value}"]
        for setting in settings:
            command += ["--set", setting]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        runs.append(npz.read(tmp_path / name / "state.npz"))
    cold, warm = runs
    assert cold.keys() == warm.keys()
    for key in cold:
        assert "wall" in key or cold[key].tobytes() == warm[key].tobytes(), key
