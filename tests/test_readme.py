"""What the README says can be typed."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from spicesnn.cli.app import app

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"(?:^|`)(spicesnn [a-z][^`#\n]*)", README, flags=re.MULTILINE)))


def test_there_are_commands_to_check():
    assert len(COMMANDS) > 12


@pytest.mark.parametrize("text", COMMANDS)
def test_every_command_exists_with_every_option(text):
    words = shlex.split(text)
    command = typer.main.get_command(app).commands[words[1]]
    known = {
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {word for word in words[2:] if word.startswith("--")} <= known


def test_the_python_example_runs_and_both_engines_agree(capsys):
    block = re.search(r"```python\n(.*?)```", README, flags=re.DOTALL).group(1)
    exec(compile(block, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["nodal", "ngspice"]
    first, second = (float(line.split("]")[1].split()[0]) for line in lines)
    assert first == pytest.approx(second, abs=3e-12)  # 1e-3 of the state's range, 3 nm


@pytest.mark.parametrize("name", re.findall(r"\]\(([^)#:]+)\)", README))
def test_every_link_leads_somewhere(name):
    assert (ROOT / name).exists()
