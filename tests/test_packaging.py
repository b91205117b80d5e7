"""The wheel and the sdist, built, installed in clean environments outside the checkout, and used
there."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import typer

from spicesnn.cli.app import app

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow
PYTHONS = ("3.11", "3.12", "3.13")
"""What pyproject.toml promises."""
VARIABLES = {"PATH": "/usr/bin:/bin", "SPICESNN_DATA": str(ROOT / "data"), "MPLBACKEND": "Agg"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build the sdist, and from the sdist the wheel, which is what `build` does."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)],
        check=True,
        capture_output=True,
        text=True,
    )
    return {"wheel": next(out.glob("*.whl")), "sdist": next(out.glob("*.tar.gz"))}


def interpreter(version):
    """Return a Python of that version that can make environments: the tests' own, one on the PATH,
    or one that pyenv keeps; None without any."""
    own = (
        sys.executable if version == f"{sys.version_info.major}.{sys.version_info.minor}" else None
    )
    kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    script = "import sys, venv, ensurepip; print('{}.{}'.format(*sys.version_info))"
    for candidate in (
        own,
        shutil.which(f"python{version}"),
        *map(str, sorted(kept.glob(f"{version}.*/bin/python{version}"))),
    ):
        done = candidate and subprocess.run(
            [candidate, "-c", script], capture_output=True, text=True, check=False
        )
        if done and done.stdout.strip() == version:
            return candidate
    return None


@pytest.fixture(scope="module")
def environment(built, tmp_path_factory):
    """Return a function that makes one environment a Python, at a long path with spaces, and
    returns its `bin`; 3.12 has the sdist in it."""
    home = (
        tmp_path_factory.mktemp("environments")
        / "a path with spaces, long enough to be awkward for a program that was written for short ones"
    )
    made = {}

    def of(version):
        if version not in made:
            python = interpreter(version)
            if python is None:
                pytest.skip(f"no Python {version} on this machine")
            subprocess.run([python, "-m", "venv", str(home / version)], check=True)
            installed(
                home / version / "bin",
                built["sdist" if version == "3.12" else "wheel"],
                "--no-compile",
            )
            made[version] = home / version / "bin"
        return made[version]

    return of


def installed(bin_folder, package, *options):
    """Install a package into an environment."""
    command = [
        str(bin_folder / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        *options,
        str(package),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def command_in(bin_folder, work, home, *, prefix=()):
    """Return a function that runs a command there and returns its JSON; `run.seen` holds the names
    of the commands."""

    def run(*arguments, expect=0, **variables):
        run.seen.add(arguments[0])
        command = [*prefix, str(bin_folder / "spicesnn"), *map(str, arguments), "--json"]
        environment = {**VARIABLES, "HOME": str(home), **variables}
        done = subprocess.run(
            command, cwd=work, capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == expect, (arguments, done.stderr)
        return json.loads(done.stdout)

    run.seen = set()
    return run


def test_the_wheel_carries_models_netlists_and_presets_and_no_data(built):
    names = zipfile.ZipFile(built["wheel"]).namelist()
    inside = {name for name in names if name.startswith("spicesnn/")}
    for folder, source, pattern in (
        ("_models", "models", "*.lib"),
        ("_netlists", "netlists", "*.cir"),
        ("presets", "spicesnn/presets", "**/*.toml"),
    ):
        assert {
            f"spicesnn/{folder}/{path.relative_to(ROOT / source)}"
            for path in (ROOT / source).glob(pattern)
        } <= inside, folder
    assert "spicesnn/py.typed" in inside
    assert not [
        name for name in names if name.endswith(".pyc") or name.startswith(("tests/", "data/"))
    ]
    assert built["wheel"].stat().st_size < 2e6


def test_the_wheel_of_the_sdist_is_that_of_the_checkout(built, tmp_path):
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True)
    sums = [
        {entry.filename: entry.CRC for entry in zipfile.ZipFile(wheel).infolist()}
        for wheel in (built["wheel"], next(tmp_path.glob("*.whl")))
    ]
    assert sums[0] == sums[1]


def test_the_sdist_carries_what_the_tests_need_and_no_large_data(built):
    with tarfile.open(built["sdist"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "tests/test_packaging.py",
        "scripts/setup.sh",
        "docs/index.md",
        "LICENSE",
        "README.md",
        "data/devices/pulse_curve.csv",
    } <= names
    assert "data/mnist.npz" not in names
    assert built["sdist"].stat().st_size < 10e6


@pytest.mark.parametrize("version", PYTHONS)
def test_an_installation_runs_every_command(environment, version, tmp_path):
    """Far from the checkout, without any optional package; in 3.12 from the sdist, in the others
    from the wheel."""
    bin_folder, work = environment(version), tmp_path / "work é"
    work.mkdir()
    run = command_in(bin_folder, work, tmp_path)
    script = "import sys, spicesnn; print(spicesnn.__file__, sys.version_info[:2])"
    where = subprocess.run(
        [str(bin_folder / "python"), "-c", script],
        cwd=work,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert str(ROOT) not in where
    assert where.strip().endswith(str(tuple(map(int, version.split(".")))))
    found = run("doctor")
    assert found["ok"]
    absent = {check["name"]: check["advice"] for check in found["checks"] if not check["ok"]}
    assert absent["distributed"] == "only for extras: pip install distributed"
    assert len(run("devices")["devices"]) > 5
    assert run("iv", "vteam", "--engine", "both", "--out", "iv")["max_relative_difference"] < 1e-3
    assert run("train", "xpue", "--engine", "ngspice", "--out", "run")["test_accuracy"] == 1.0
    assert run("infer", "run", "--engine", "nodal")["test_accuracy"] == 1.0
    assert len(run("netlist", "run", "--out", "decks")["decks"]) >= 1
    assert Path(run("report", "run", "--out", "report")["report"]).name == "report.html"
    swept = (
        "sweep",
        "letters-3x3",
        "--over",
        "array.word_line_ohm=0,1",
        "--seeds",
        1,
        "--set",
        "training.updates=2",
        "--out",
        "sweep",
    )
    assert len(run(*swept)["points"]) == 2
    assert (
        "pip install 'spicesnn[cluster]'"
        in run(*swept[:-1], "more", "--workers", 2, expect=2)["error"]
    )
    sweep = "\n".join(
        ["time,volts,amps", *(f"{k * 1e-3:g},{0.01 * k:g},{1e-5 * k:g}" for k in range(20))]
    )
    (work / "sweep.csv").write_text(sweep + "\n")
    assert run("fit", "resistor", "sweep.csv", "--out", "fit")["parameters"]
    made = run(
        "characterize",
        "vteam",
        "--engine",
        "nodal",
        "--tolerance",
        0.2,
        "--voltages",
        5,
        "--states",
        5,
        "--out",
        "table",
    )
    assert Path(made["table"]).suffix == ".npz"
    assert run("stdp-window", "vteam", "--engine", "nodal", "--out", "window")["tau_plus_s"] > 0
    assert run(
        "study", "ir-drop", "--set", "map.rows=8", "--set", "map.columns=8", "--out", "study"
    )["facts"]
    assert run("validate", "--lite", "--out", "validation")["ok"]
    (work / "cell.lib").write_text(
        ".subckt cell p n params: siemens=1e-4\ng1 p n value={siemens*v(p,n)}\n.ends cell\n"
    )
    imported = run("import", "cell.lib", "--dialect", "ngspice", "--out", "imported")
    assert imported["max_value_error"] < 1e-9
    np.savez(work / "network.npz", w0=np.eye(3), b0=np.zeros(3))
    np.savez(work / "data.npz", x=np.eye(3) + 0.1, y=np.arange(3))
    mapped = run("map", "network.npz", "--data", "data.npz", "--out", "mapped")
    assert mapped["test_accuracy"] == 1.0
    assert run("train", "no-such-preset", expect=2)["kind"] == "UnknownNameError"
    assert run.seen == set(typer.main.get_command(app).commands)
    module = subprocess.run(
        [str(bin_folder / "python"), "-m", "spicesnn", "--version"],
        cwd=work,
        capture_output=True,
        text=True,
        check=True,
    )
    assert module.stdout.startswith("spicesnn ")
    views = "import spicesnn as sn, spicesnn.views as v\ntry:\n    v.frame([])\nexcept sn.errors.MissingPackageError as e:\n    print(e)"
    said = subprocess.run(
        [str(bin_folder / "python"), "-c", views],
        cwd=work,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "needs pandas, which is not installed: pip install 'spicesnn[views]'" in said


def test_without_ngspice_the_nodal_engine_does_and_the_other_says_what_to_do(environment, tmp_path):
    run = command_in(environment(PYTHONS[0]), tmp_path, tmp_path)
    absent = {"SPICESNN_LIBNGSPICE": str(tmp_path / "libngspice.so"), "PATH": str(tmp_path)}
    assert run("doctor", expect=3, **absent)["ok"] is False
    found = run("doctor", "--engine", "nodal", **absent)
    assert found["ok"] is True
    assert {check["name"]: check["found"] for check in found["checks"] if not check["ok"]}[
        "ngspice program"
    ] == "absent"
    refused = run("train", "xpue", "--engine", "ngspice", "--out", "no", expect=3, **absent)
    assert refused["kind"] == "NgspiceMissingError"
    assert (
        run("train", "xpue", "--engine", "nodal", "--out", "yes", "--no-figures", **absent)[
            "test_accuracy"
        ]
        == 1.0
    )


READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
"""For `sh -c` in a mount namespace of its own: its first argument is a folder that cannot be
written there, the others are a command."""


def test_an_installation_that_cannot_be_written_works(environment, tmp_path):
    """A read-only environment, and a home folder that cannot be written either: compiled code is
    cached where it may be, or not at all."""
    bin_folder = environment(PYTHONS[0])
    fixed = bin_folder.parent
    prefix = ["unshare", "--mount", "sh", "-c", READ_ONLY, str(fixed)]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0
    ):
        pytest.skip("a read-only mount needs root")
    assert (
        subprocess.run(
            [*prefix, "touch", str(fixed / "new")], capture_output=True, check=False
        ).returncode
        != 0
    )
    before = {path: path.stat().st_mtime_ns for path in fixed.rglob("*.nb?")}
    run = command_in(bin_folder, tmp_path, fixed / "no such home", prefix=prefix)
    assert run("iv", "vteam", "--out", "iv")["peak_amps"] > 0
    checks = {check["name"]: check for check in run("doctor")["checks"]}
    assert [
        checks[name]["ok"] for name in ("compiled code", "cache folder", "fonts", "working folder")
    ] == [False, False, False, True]
    assert {path: path.stat().st_mtime_ns for path in fixed.rglob("*.nb?")} == before


def test_an_installation_is_upgraded_over_itself_and_removed(built, environment, tmp_path):
    """Last in this file: it takes the environment apart. Machine code that numba has put beside the
    package stays, since pip knows nothing of it."""
    bin_folder = environment("3.12" if interpreter("3.12") else PYTHONS[0])
    run = command_in(bin_folder, tmp_path, tmp_path)
    assert (
        run(
            "train",
            "letters-3x3",
            "--engine",
            "nodal",
            "--out",
            "before",
            "--no-figures",
            "--set",
            "training.updates=1",
        )["n_test"]
        == 30
    )
    installed(bin_folder, built["wheel"], "--force-reinstall", "--no-deps")
    assert len(run("netlist", "before", "--out", "decks")["decks"]) == 3
    pip = [str(bin_folder / "python"), "-m", "pip", "uninstall", "--yes", "spicesnn"]
    assert subprocess.run(pip, capture_output=True, text=True, check=True).returncode == 0
    assert not (bin_folder / "spicesnn").exists()
    command = [str(bin_folder / "python"), "-c", "import spicesnn; spicesnn.Crossbar"]
    gone = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "has no attribute 'Crossbar'" in gone.stderr or "No module named" in gone.stderr


def test_the_lowest_versions_that_are_declared_work(built, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import lowest_versions

    found = {
        name.lower(): version
        for name, version in lowest_versions.tried(
            tmp_path, ("cluster", "views"), built["wheel"]
        ).items()
    }
    for pin in lowest_versions.lowest(("cluster", "views")):
        name, _, version = pin.partition("==")
        assert found[name.lower()].startswith(version), pin
