import json

import pytest

from spicesnn.cli import main


@pytest.fixture
def run(capfd, monkeypatch, tmp_path):
    """Run one command in an empty folder and return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPICESNN_DATA", raising=False)

    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture
def run_json(run):
    """Run one command with --json and return its exit code and the one object on stdout."""

    def call(*arguments):
        code, out, err = run(*arguments, "--json")
        assert out.count("\n") == 1, out
        return code, json.loads(out), err

    return call
