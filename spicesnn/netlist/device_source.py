"""A device from a word: a model of the library, a file of one's own, or a table that travels with
the package."""

from __future__ import annotations

from pathlib import Path

from spicesnn.devices import registry
from spicesnn.devices.base import Device
from spicesnn.devices.device_file import read_device
from spicesnn.errors import AbsentError, UnknownNameError
from spicesnn.file_kinds import what_is
from spicesnn.netlist.safety import read_text
from spicesnn.paths import tables_dir


def table_names() -> list[str]:
    """Return the names of the characterised cells that travel with the package."""
    return sorted(path.stem for path in tables_dir().glob("*.toml"))


def device_from(
    name: str | Path, *, published: str | None = None, memristor: str | None = None
) -> Device:
    """Return a device by name or file.

    Parameters
    ----------
    name : str or Path
        A model of the registry; a characterised cell of the package (`table_names`); or a path that
        ends in ``.toml``: a ``[device]`` table as `spicesnn fit` and `spicesnn characterize` write
        it, or the descriptor of a user's own sub-circuit (`spicesnn.netlist.foreign`).
    published : str, optional
        A published parameter set of a model.
    memristor : str, optional
        The model inside a cell of the registry.

    Raises
    ------
    UnknownNameError
        A device or set that does not exist; the message names the nearest one.
    DataError
        A file that cannot be read, or is none of these.
    UnsafeNetlistError
        A sub-circuit that asks for more than a circuit, outside `spicesnn.netlist.safety.trusting`.
    """
    text = str(name)
    if is_file(text) and (published is not None or memristor is not None):
        raise UnknownNameError(
            f"{text} is a file; a published set or a memristor inside is for the models:"
            f" {', '.join(registry.names())}"
        )
    if text.endswith(".toml"):
        return _from_file(Path(text))
    if is_file(text):
        return read_device(tables_dir() / f"{text}.toml")
    if text not in registry.names() and (Path(text).exists() or "/" in text):
        raise AbsentError(_instead(Path(text)))
    if text not in registry.names():
        known = [*registry.names(), *table_names()]
        raise UnknownNameError(
            f"no device {text!r}{registry.nearest(text, known)} The devices are: {', '.join(known)}"
        )
    return (
        registry.fresh(text, memristor)
        if published is None
        else registry.device_class(text).from_publication(published)
    )


def _instead(path: Path) -> str:
    """Return what a path is that is no device file, and what is."""
    if not path.exists():
        return (
            f"there is no file {path}; expected the name of a device (`spicesnn devices` lists"
            " them) or the path of a TOML file"
        )
    found = what_is(path) or "of no kind that is read"
    way = (
        f"`spicesnn import {path}` writes a descriptor for it; "
        if "netlist" in found or "Verilog" in found
        else ""
    )
    return (
        f"{path} is {found}; {way}expected a device file in TOML, a [device] table or the"
        " descriptor of a sub-circuit of your own"
    )


def is_file(name: str) -> bool:
    """Return whether `device_from` takes a name as a file: one's own, or a table of the package."""
    return name.endswith(".toml") or (name not in registry.names() and name in table_names())


def _from_file(path: Path) -> Device:
    from spicesnn.netlist.foreign import load_foreign

    text = read_text(path)
    return read_device(path) if "[device]" in text else load_foreign(path)
