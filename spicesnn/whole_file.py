"""Files that appear whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """Yield the path of a hidden file beside `target`, which takes its place when the block ends; after an error nothing of it stays.

    Each process, on each machine that sees the folder, has a name of its own: of two that write the same file the last one counts.
    """
    partial = target.with_name(f".{target.name}.{platform.node()}.{os.getpid()}.part")
    try:
        yield partial
        partial.replace(target)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
