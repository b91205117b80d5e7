"""SPICE models that are written when they are needed, because no static file can hold them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path


def written_model(name: str, text: str) -> Path:
    """Write a model file and return its path; the same text is written once a machine, into the
    user's own temporary folder."""
    folder = _own_folder() / hashlib.sha256(text.encode()).hexdigest()[:16]
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.lib"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    return path


@cache
def _own_folder() -> Path:
    """Return a folder that nobody else can write to: others on the machine must not be able to put
    a model of theirs in place of ours."""
    owner = os.getuid() if hasattr(os, "getuid") else None
    folder = Path(tempfile.gettempdir()) / f"spicesnn-models-{'user' if owner is None else owner}"
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
    except FileExistsError:  # something there that is no folder
        return Path(tempfile.mkdtemp(prefix="spicesnn-models-"))
    if owner is None:
        return folder
    status = folder.lstat()
    ours = (
        folder.is_dir()
        and not folder.is_symlink()
        and status.st_uid == owner
        and not status.st_mode & 0o022
    )
    return folder if ours else Path(tempfile.mkdtemp(prefix="spicesnn-models-"))
