"""The one place that knows where the files that travel with the package are, and where a user's own
are kept."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from spicesnn.errors import UnknownNameError

PACKAGE = Path(__file__).resolve().parent


def _beside_or_inside(name: str) -> Path:
    """Return `<package>/_name` of an installed wheel, or `<checkout>/name` of an editable
    install."""
    inside = PACKAGE / f"_{name}"
    return inside if inside.is_dir() else PACKAGE.parent / name


def models_dir() -> Path:
    """Return the folder of the SPICE models, one `.lib` a file."""
    return _beside_or_inside("models")


def netlists_dir() -> Path:
    """Return the folder of deck templates and reference decks."""
    return _beside_or_inside("netlists")


def presets_dir() -> Path:
    """Return the folder of presets, one TOML file an experiment."""
    return PACKAGE / "presets"


def tables_dir() -> Path:
    """Return the folder of the characterised cells that travel with the package, a TOML file each
    and its tables."""
    return PACKAGE / "devices" / "tables"


def checkout_data_dir() -> Path:
    """Return the `data` folder of a checkout (it may not exist: the wheel carries no data)."""
    return PACKAGE.parent / "data"


def model_file(name: str) -> Path:
    """Return the path of one SPICE model, such as ``vteam.lib``."""
    path = models_dir() / name
    if not path.is_file():
        there = ", ".join(sorted(p.name for p in models_dir().glob("*.lib")))
        raise UnknownNameError(
            f"no SPICE model {name!r} in {models_dir()}; the files there are: {there}"
        )
    return path


def file_stamp(path: Path) -> tuple[int, ...]:
    """Return what a file is remembered by beside its path, so that nothing is kept of a file that
    has changed."""
    state = path.stat()
    return state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino


def caches_dir() -> Path:
    """Find the user's folder of caches: ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME", "").strip()
    return Path(base) if base else Path(os.path.expanduser("~")) / ".cache"  # noqa: PTH111 (Path.expanduser raises where there is no home)


def _nearest(folder: Path) -> Path:
    """Find a folder, or the lowest one above it that is there."""
    return next((p for p in (folder, *folder.absolute().parents) if p.exists()), Path("/"))


def writable(folder: Path) -> bool:
    """Say whether a folder can be written, or made where it is not there yet."""
    there = _nearest(folder)
    return there.is_dir() and os.access(there, os.W_OK)


def free_bytes(folder: Path) -> int:
    """Say how much a folder, or where it would be made, has left; 0 where the system does not
    say."""
    try:
        return shutil.disk_usage(_nearest(folder)).free
    except OSError:
        return 0
