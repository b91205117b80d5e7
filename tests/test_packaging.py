"""The wheel and the sdist, built, installed in clean environments outside the checkout, and used there."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import typer

from spicesnn.cli.app import app

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow
VARIABLES = {"PATH": "/usr/bin:/bin", "SPICESNN_DATA": str(ROOT / "data"), "MPLBACKEND": "Agg"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)], check=True, capture_output=True, text=True)
    return {"wheel": next(out.glob("*.whl")), "sdist": next(out.glob("*.tar.gz"))}


def interpreters():
    """Return the Pythons of this machine that spicesnn supports, one of each version, the tests' own among them."""
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": sys.executable}
    for version in ("3.11", "3.12", "3.13"):
        command = shutil.which(f"python{version}")
        works = command and subprocess.run([command, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode == 0
        if works and version not in found:
            found[version] = command
    return found


def installed(python, package, home):
    """Make an environment with the package in it and return its `bin`."""
    subprocess.run([python, "-m", "venv", str(home / "env")], check=True, env={**os.environ, "PYENV_VERSION": ""})
    done = subprocess.run(
        [str(home / "env" / "bin" / "python"), "-m", "pip", "install", "--quiet", str(package)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return home / "env" / "bin"


def command_in(bin_folder, work, home, *, prefix=()):
    """Return a function that runs a command there and returns its JSON; `run.seen` holds the names of the commands."""

    def run(*arguments, expect=0, **variables):
        run.seen.add(arguments[0])
        command = [*prefix, str(bin_folder / "spicesnn"), *map(str, arguments), "--json"]
        environment = {**VARIABLES, "HOME": str(home), **variables}
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == expect, (arguments, done.stderr)
        return json.loads(done.stdout)

    run.seen = set()
    return run


def test_the_wheel_carries_models_netlists_and_presets_and_no_data(built):
    names = zipfile.ZipFile(built["wheel"]).namelist()
    inside = {name for name in names if name.startswith("spicesnn/")}
    for folder, source, pattern in (("_models", "models", "*.lib"), ("_netlists", "netlists", "*.cir"), ("presets", "spicesnn/presets", "**/*.toml")):
        assert {f"spicesnn/{folder}/{path.relative_to(ROOT / source)}" for path in (ROOT / source).glob(pattern)} <= inside, folder
    assert "spicesnn/py.typed" in inside
    assert not [name for name in names if name.endswith(".pyc") or name.startswith(("tests/", "data/"))]
    assert built["wheel"].stat().st_size < 2e6


def test_the_sdist_builds_the_same_wheel(built, tmp_path):
    with tarfile.open(built["sdist"]) as archive:
        archive.extractall(tmp_path, filter="data")
    source = next(tmp_path.iterdir())
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path / "again"), str(source)], check=True, capture_output=True)
    again = zipfile.ZipFile(next((tmp_path / "again").glob("*.whl"))).namelist()
    assert sorted(again) == sorted(zipfile.ZipFile(built["wheel"]).namelist())


@pytest.mark.parametrize("version", list(interpreters()))
def test_a_wheel_in_a_clean_environment_runs_every_command(built, version, tmp_path):
    home = tmp_path / "a path with spaces, long enough to be awkward for a program that was written for short ones"
    bin_folder = installed(interpreters()[version], built["wheel"], home)
    work = home / "work"
    work.mkdir()
    run = command_in(bin_folder, work, home)
    script = "import sys, spicesnn; print(spicesnn.__file__, sys.version_info[:2])"
    where = subprocess.run([str(bin_folder / "python"), "-c", script], cwd=work, capture_output=True, text=True, check=True).stdout
    assert str(ROOT) not in where
    assert where.strip().endswith(str(tuple(map(int, version.split(".")))))
    assert run("doctor")["ok"]
    assert len(run("devices")["devices"]) > 5
    assert run("iv", "vteam", "--engine", "both", "--out", "iv")["max_relative_difference"] < 1e-3
    assert run("train", "xpue", "--engine", "ngspice", "--out", "run")["test_accuracy"] == 1.0
    assert run("infer", "run", "--engine", "nodal")["test_accuracy"] == 1.0
    assert len(run("netlist", "run", "--out", "decks")["decks"]) >= 1
    assert Path(run("report", "run", "--out", "report.html")["report"]).name == "report.html"
    assert len(run("sweep", "letters-3x3", "--over", "array.word_line_ohm=0,1", "--seeds", 1, "--out", "sweep")["points"]) == 2
    sweep = "\n".join(["time,volts,amps", *(f"{k * 1e-3:g},{0.01 * k:g},{1e-5 * k:g}" for k in range(20))])
    (work / "sweep.csv").write_text(sweep + "\n")
    assert run("fit", "resistor", "sweep.csv", "--out", "fit")["parameters"]
    assert Path(run("characterize", "vteam", "--engine", "nodal", "--tolerance", 0.2, "--out", "table")["table"]).suffix == ".npz"
    assert run("stdp-window", "vteam", "--engine", "nodal", "--out", "window")["tau_plus_s"] > 0
    assert run("study", "ir-drop", "--set", "map.rows=8", "--set", "map.columns=8", "--out", "study")["facts"]
    assert run("validate", "--lite", "--out", "validation")["ok"]
    assert run("train", "no-such-preset", expect=2)["kind"] == "UnknownNameError"
    assert run.seen == set(typer.main.get_command(app).commands)
    module = subprocess.run([str(bin_folder / "python"), "-m", "spicesnn", "--version"], cwd=work, capture_output=True, text=True, check=True)
    assert module.stdout.startswith("spicesnn ")


def test_without_ngspice_the_nodal_engine_does_and_the_other_says_what_to_do(built, tmp_path):
    bin_folder = installed(sys.executable, built["wheel"], tmp_path)
    run = command_in(bin_folder, tmp_path, tmp_path)
    absent = {"SPICESNN_LIBNGSPICE": str(tmp_path / "libngspice.so")}
    assert run("doctor", expect=3, **absent)["ok"] is False
    assert run("doctor", "--engine", "nodal", **absent)["ok"] is True
    refused = run("train", "xpue", "--engine", "ngspice", "--out", "no", expect=3, **absent)
    assert refused["kind"] == "NgspiceMissingError"
    assert run("train", "xpue", "--engine", "nodal", "--out", "yes", **absent)["test_accuracy"] == 1.0


READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
"""For `sh -c` in a mount namespace of its own: its first argument is a folder that cannot be written there, the others are a command."""


def test_an_installation_that_cannot_be_written_works(built, tmp_path):
    """A read-only environment, and a home folder that cannot be written either: compiled code is cached where it may be, or not at all."""
    fixed, work = tmp_path / "fixed", tmp_path / "work"
    work.mkdir()
    bin_folder = installed(sys.executable, built["wheel"], fixed)
    prefix = ["unshare", "--mount", "sh", "-c", READ_ONLY, str(fixed)]
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("a read-only mount needs root")
    assert subprocess.run([*prefix, "touch", str(fixed / "new")], capture_output=True, check=False).returncode != 0
    run = command_in(bin_folder, work, fixed / "no such home", prefix=prefix)
    assert run("train", "letters-3x3", "--engine", "nodal", "--out", "run", "--set", "training.updates=2")["n_test"] == 30
    assert run("iv", "vteam", "--engine", "both", "--out", "iv")["max_relative_difference"] < 1e-3
    assert not list(fixed.rglob("*.nbc"))
