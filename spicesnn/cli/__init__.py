"""The command line: one file a command, no logic."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 wrong usage, 3 no ngspice, 128
    + number if a signal stopped it."""
    try:
        from spicesnn.cli.streams import interruptible

        with interruptible():
            from spicesnn.cli.app import run

            return run(argv)
    except KeyboardInterrupt:  # while the commands were loaded, or a second time
        sys.stderr.write("error: interrupted\n")
        return 130
