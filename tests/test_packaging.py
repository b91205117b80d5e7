"""The wheel and the sdist, built, installed in a clean environment outside the checkout, and used there."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)], check=True, capture_output=True, text=True)
    return {"wheel": next(out.glob("*.whl")), "sdist": next(out.glob("*.tar.gz"))}


@pytest.mark.slow
def test_the_wheel_carries_models_netlists_and_presets_and_no_data(built):
    names = zipfile.ZipFile(built["wheel"]).namelist()
    inside = {name for name in names if name.startswith("spicesnn/")}
    for folder, source, pattern in (("_models", "models", "*.lib"), ("_netlists", "netlists", "*.cir"), ("presets", "spicesnn/presets", "*.toml")):
        assert {f"spicesnn/{folder}/{path.name}" for path in (ROOT / source).glob(pattern)} <= inside, folder
    assert "spicesnn/py.typed" in inside
    assert not [name for name in names if name.endswith((".npz", ".pyc")) or name.startswith(("tests/", "data/"))]
    assert built["wheel"].stat().st_size < 2e6


@pytest.mark.slow
def test_a_wheel_in_a_clean_environment_runs_every_command(built, tmp_path):
    home = tmp_path / "a path with spaces, long enough to be awkward for a program that was written for short ones"
    subprocess.run([sys.executable, "-m", "venv", str(home / "env")], check=True)
    python = home / "env" / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", str(built["wheel"])], check=True, capture_output=True, text=True)
    work = home / "work"
    work.mkdir()

    def run(*arguments, expect=0):
        command = [str(home / "env" / "bin" / "spicesnn"), *arguments, "--json"]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "SPICESNN_DATA": str(ROOT / "data")}
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == expect, done.stderr
        return json.loads(done.stdout)

    script = "import spicesnn; print(spicesnn.__file__)"
    where = subprocess.run([str(python), "-c", script], cwd=work, capture_output=True, text=True, check=True).stdout
    assert str(ROOT) not in where
    assert run("doctor")["ok"]
    assert len(run("devices")["devices"]) > 5
    assert run("iv", "vteam", "--engine", "both", "--out", "iv")["max_relative_difference"] < 1e-3
    assert run("train", "xpue", "--engine", "ngspice", "--out", "run")["test_accuracy"] == 1.0
    assert run("infer", "run", "--engine", "nodal")["test_accuracy"] == 1.0
    assert len(run("netlist", "run", "--out", "decks")["decks"]) >= 1
    assert run("train", "no-such-preset", expect=2)["kind"] == "UnknownNameError"
