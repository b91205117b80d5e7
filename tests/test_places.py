"""Where people get the package: the conda recipe, the dev container and Binder ask for what the
package needs."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CALLED = {"matplotlib-base": "matplotlib"}


def needs(text):
    """Return name → least version of lines such as ``- numpy >=1.26``."""
    found = re.findall(r"^\s*-?\s*([A-Za-z0-9_.-]+)\s*>=([\d.]+)", text, re.MULTILINE)
    return {CALLED.get(name.lower(), name.lower()): least for name, least in found}


def test_the_conda_recipe_asks_for_what_the_package_does():
    recipe = (ROOT / "conda" / "meta.yaml").read_text(encoding="utf-8")
    run = recipe.partition("  run:\n")[2].partition("\ntest:")[0]
    assert needs(run) == needs("\n".join(PROJECT["dependencies"])) | {
        "python": PROJECT["requires-python"].removeprefix(">=")
    }
    assert "- ngspice-lib" in run
    assert f"license: {PROJECT['license']}" in recipe
    assert f"spicesnn = {PROJECT['scripts']['spicesnn']}" in recipe
    pattern = re.search(r"regex_pattern='(.+?)'", recipe).group(1)
    assert re.search(pattern, (ROOT / "spicesnn" / "_version.py").read_text(encoding="utf-8"))


def test_the_dev_container_and_binder_bring_ngspice():
    container = json.loads(
        (ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    )
    packages = (ROOT / ".binder" / "apt.txt").read_text(encoding="utf-8").split()
    assert packages == ["ngspice", "libngspice0"]
    assert all(name in container["postCreateCommand"] for name in packages)
    assert (ROOT / ".binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()[
        0
    ] == "."


def test_the_sdist_says_what_an_index_shows():
    assert {
        "name",
        "description",
        "readme",
        "license",
        "requires-python",
        "keywords",
        "classifiers",
        "authors",
    } <= PROJECT.keys()
    assert any(
        line.startswith("Programming Language :: Python :: 3.13") for line in PROJECT["classifiers"]
    )
