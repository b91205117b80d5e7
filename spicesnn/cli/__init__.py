"""The command line: one file a command, no logic."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 wrong usage, 3 no ngspice."""
    from spicesnn.cli.app import run

    return run(argv)
