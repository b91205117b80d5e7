"""The files that an experiment reads, and what stood in them: a run goes on, and is tested, with
what it was begun with."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from spicesnn.datasets import files
from spicesnn.errors import SpicesnnError
from spicesnn.netlist.init import files_of, init_lines
from spicesnn.netlist.safety import read_cards

KEYS = {
    "data": ("path", "test_path", "calibrate"),
    "network": ("path",),
    "device": ("model", "curve"),
    "exsitu": ("weights",),
    "imperfections": ("stuck_map", "cycles"),
    "rule": ("weights",),
}
"""Section of a configuration, or array of tables → keys that name files."""
_LARGEST_BYTES = 1 << 36
"""No file that is read is larger."""


def named(tables: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Yield ``section.key`` and path of every file that a configuration names and uses."""
    engine = tables.get("engine")
    if isinstance(engine, Mapping):
        loaded = files_of(engine.get("init", ()))
        yield from ((f"engine.init.{k}", path) for k, path in enumerate(loaded))
    for section, table in tables_of(tables):
        if section == "data" and table.get("source", "file") != "file":
            continue
        for key in KEYS[section.partition(".")[0]]:
            value = table.get(key)
            if isinstance(value, str) and value and (key != "model" or value.endswith(".toml")):
                yield f"{section}.{key}", Path(value)


def tables_of(tables: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tables of a configuration that may name files, with their names: ``section``, or
    ``section.name`` of one in an array."""
    for section in KEYS:
        table = tables.get(section)
        if isinstance(table, dict):
            yield section, table
        elif isinstance(table, list | tuple):
            rows = [row for row in table if isinstance(row, dict)]
            yield from ((f"{section}.{row.get('name', '')}", row) for row in rows)


def digests(tables: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of what stands in every file that a configuration names: ``section.key`` →
    digest; absent files are left out."""
    found = {key: digest(path) for key, path in named(tables)}
    return {key: value for key, value in found.items() if value}


def changed(tables: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Return the files, as ``key (path)``, in which something else stands than when `before` was
    taken.

    What is not there any more is left to who opens it.
    """
    now = [(key, path, digest(path)) for key, path in named(tables) if key in before]
    return [f"{key} ({path})" for key, path, value in now if value and value != before[key]]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file and of those that belong to it, by their contents; nothing where
    there is no such file."""
    total = hashlib.sha256()
    parts = list(_parts(path))
    with suppress(OSError):
        for part in parts:
            if part.stat().st_size > _LARGEST_BYTES:
                return ""
            with part.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        return total.hexdigest() if parts else ""
    return ""


def _parts(path: Path) -> Iterable[Path]:
    """Return the plain files that a name leads to: itself, a folder's data files, an image file's
    labels, what a device file names."""
    if path.is_dir():
        return files.parts(path)
    if not path.is_file():
        return ()
    if path.suffix.lower() == ".toml":
        return [path, *_beside(path)]
    return files.parts(path)


def _beside(path: Path) -> list[Path]:
    """Return the files that a device file or the descriptor of a sub-circuit names, with what a
    netlist includes."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return []
    table = content["device"] if isinstance(content.get("device"), Mapping) else content
    texts = [table[key] for key in ("file", "table", "curve") if isinstance(table.get(key), str)]
    found = [path.parent / text for text in texts if (path.parent / text).is_file()]
    included = set[Path]()
    for file in found:
        with suppress(SpicesnnError):
            included |= {Path(card.file) for card in read_cards(file, path.parent)}
    return [*found, *sorted(included - set(found)), *_told(content, path)]


def _told(content: Mapping[str, Any], path: Path) -> list[Path]:
    """Return the files of a descriptor's init: the one with its lines, and those that they load."""
    given = content.get("init", [])
    with suppress(SpicesnnError):
        named = [path.parent / given] if isinstance(given, str) and " " not in given else []
        lines = init_lines(given, str(path), path.parent)
        return [file for file in (*named, *files_of(lines)) if file.is_file()]
    return []
