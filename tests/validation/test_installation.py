"""What `doctor` looks at besides ngspice and the data."""

import re
import shutil
import tempfile
import tomllib
from collections import namedtuple
from pathlib import Path

from spicesnn.validation import installation


def look(name):
    return next(check for check in installation.writable_folders() if check.name == name)


def test_where_compiled_code_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "not" / "there yet"))
    check = look("compiled code")
    assert (check.ok, check.found) == (True, f"kept in {tmp_path / 'not' / 'there yet'}")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(
        installation, "presets_dir", lambda: tmp_path / "file" / "presets"
    )  # a package that cannot be written
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert look("compiled code").found == f"kept in {tmp_path / 'caches' / 'numba'}"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    check = look("compiled code")
    assert (check.ok, check.required, check.found) == (False, False, "nowhere to keep it")
    assert "some 20 s: set NUMBA_CACHE_DIR" in check.advice
    assert not look("cache folder").ok


def test_a_temporary_folder_that_is_full_or_nowhere(monkeypatch):
    assert look("temporary folder").ok
    usage = namedtuple("usage", "total used free")(2**30, 2**30, 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    check = look("temporary folder")
    assert (check.ok, check.required) == (False, True)
    assert "100 MiB" not in check.found
    assert "needs some 100 MiB there" in check.advice

    def nowhere():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    assert "set TMPDIR" in look("temporary folder").advice


def test_every_package_that_is_needed_is_looked_for():
    project = tomllib.loads(
        (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    )["project"]
    extras = project["optional-dependencies"]
    assert {re.split(r"[><=\[]", text)[0] for text in project["dependencies"]} == set(
        installation.PACKAGES
    )
    assert {
        re.split(r"[><=\[]", text)[0] for name in ("cluster", "views") for text in extras[name]
    } <= set(installation.OPTIONAL)
    checks = {check.name: check for check in installation.python_and_packages()}
    for name in ("pillow", "threadpoolctl", "numba"):
        assert checks[name].ok
        assert checks[name].required


def test_folders_that_cannot_be_written_or_are_full_are_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "file" / "fonts"))
    for name, advice in (("cache folder", "XDG_CACHE_HOME"), ("fonts", "MPLCONFIGDIR")):
        check = look(name)
        assert (check.ok, check.required) == (False, False)
        assert check.found.endswith("cannot be written")
        assert advice in check.advice
    monkeypatch.chdir(tmp_path)
    assert look("working folder").ok
    usage = namedtuple("usage", "total used free")(2**30, 2**30, 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    check = look("working folder")
    assert (check.ok, check.found) == (False, f"{tmp_path}, 1.0 MiB free")
    assert "give --out" in check.advice
    assert look("compiled code").found == "nowhere to keep it"


def test_a_working_folder_that_was_removed(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    check = look("working folder")
    assert (check.ok, check.found) == (False, "none: No such file or directory")
