"""Groups of options: typer sees their fields, the command gets them as one thing."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from spicesnn.cli.option_groups import spelt_out


@dataclass(frozen=True, kw_only=True)
class Wave:
    volts: Annotated[float, typer.Option("--volts", help="Amplitude.")]
    periods: Annotated[int, typer.Option("--periods", min=1)] = 2


def drive(
    device: Annotated[str, typer.Argument()],
    *,
    wave: Wave,
    quiet: Annotated[bool, typer.Option("--quiet")] = False,
) -> str:
    """Drive a device."""
    return f"{device} {wave} {quiet}"


@pytest.fixture
def invoke():
    app = typer.Typer()

    @app.callback()
    def root() -> None:
        """Only so that there are commands."""

    made = spelt_out(drive)
    app.command("drive", help=made.__doc__)(made)

    def run(*words):
        return CliRunner().invoke(app, ["drive", *words], standalone_mode=False)

    return run


def test_the_fields_are_options_and_the_command_gets_them_together(invoke):
    done = invoke("vteam", "--volts", "1.5", "--quiet")
    assert done.return_value == f"vteam {Wave(volts=1.5, periods=2)} True"
    done = invoke("vteam", "--periods", "7", "--volts", "-1")
    assert done.return_value == f"vteam {Wave(volts=-1.0, periods=7)} False"


def test_a_field_without_a_default_is_required_and_bounds_hold(invoke):
    for words, option in (((), "volts"), (("--volts", "1", "--periods", "0"), "periods")):
        refused = invoke("vteam", *words).exception
        assert isinstance(refused, typer.BadParameter)
        assert refused.param.name == option


def test_the_help_lists_them_where_the_group_stands(invoke):
    text = invoke("--help").output
    assert text.index("--volts") < text.index("--periods") < text.index("--quiet")
