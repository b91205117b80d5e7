"""SPICE models that are written when they are needed, because no static file can hold them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


def written_model(name: str, text: str) -> Path:
    """Write a model file and return its path; the same text is written once a machine, into the user's own temporary folder."""
    owner = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"spicesnn-models-{owner}" / hashlib.sha256(text.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{name}.lib"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    return path
