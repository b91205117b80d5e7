"""Typed options from plain dataclasses: what may stand in a preset, with its default, its meaning
and its choices."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from types import UnionType
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

from spicesnn.errors import ConfigError, InputError, UnknownNameError
from spicesnn.guesses import nearest
from spicesnn.units import quantity, unit_of_name

AUTO = "auto"
"""What stands in a table for an option whose value follows from others."""
_LARGEST, _LARGEST_WHOLE = sys.float_info.max, 2**53
"""Beyond these a number is infinite, or is no longer exact as a float."""


def option(
    default: Any,
    meaning: str,
    *,
    choices: tuple[str, ...] = (),
    lowest: float | None = None,
    above: float | None = None,
    highest: float | None = None,
    below: float | None = None,
) -> Any:
    """Declare an option of a table.

    Parameters
    ----------
    default : Any
    meaning : str
        What stands in the settings page.
    choices : tuple of str
        The words it may be.
    lowest, above, highest, below : float, optional
        Limits of a number: the first and the third are allowed themselves. NaN and infinity are
        never allowed.
    """
    limits = {"lowest": lowest, "above": above, "highest": highest, "below": below}
    return field(default=default, metadata={"meaning": meaning, "choices": choices, **limits})


@dataclass(frozen=True, kw_only=True)
class Section:
    """A table of a preset; every field is an `option`."""

    old_names: ClassVar[Mapping[str, str]] = {}
    """Spellings of earlier releases → the option that they mean now; files that have them are still
    read."""

    @classmethod
    def from_table(cls, table: Mapping[str, Any], where: str) -> Any:
        """Return the section from a TOML table; `where` is its name in messages."""
        if not isinstance(table, Mapping):
            raise ConfigError(f"{where} is {table!r:.60}; expected a table, such as [{where}]")
        known = {entry.name: entry for entry in fields(cls)}
        table = cls._renamed(table, where, known)
        hints = get_type_hints(cls)
        values = {}
        for key, value in table.items():
            if key not in known:
                raise unknown_key(f"{where}.{key}", [f"{where}.{name}" for name in known])
            values[key] = converted(f"{where}.{key}", value, hints[key], known[key])
        return cls(**values)

    @classmethod
    def _renamed(
        cls, table: Mapping[str, Any], where: str, known: Mapping[str, Field[Any]]
    ) -> Mapping[str, Any]:
        """Return the table with old spellings replaced; a new one beside an old one counts only
        where it is not the default."""
        found = dict(table)
        for old, new in cls.old_names.items():
            if old not in found:
                continue
            value = found.pop(old)
            if found.get(new, known[new].default) not in (known[new].default, value):
                raise ConfigError(
                    f"{where}.{old} = {value!r} is an old spelling of {where}.{new}, which is"
                    f" {found[new]!r}; give one"
                )
            found[new] = value
        return found

    def to_table(self) -> dict[str, Any]:
        """Return the section as plain values."""
        return {entry.name: _plain(getattr(self, entry.name)) for entry in fields(self)}


def _plain(value: Any) -> Any:
    if value is None:
        return AUTO
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def unknown_key(key: str, known: list[str]) -> UnknownNameError:
    """Return the error for a key that does not exist, naming the nearest one that does."""
    return UnknownNameError(
        f"no option {key!r}{nearest(key, known)} The options there are: {', '.join(known)}"
    )


def converted(key: str, value: Any, kind: Any, entry: Field[Any]) -> Any:
    """Return `value` as the type of its option; numbers may be text such as "10k"."""
    result, choices = _converted(key, value, kind), entry.metadata["choices"]
    for item in result if isinstance(result, tuple) else () if result is None else (result,):
        if choices and item not in choices:
            raise ConfigError(
                f"{key} is {item!r}{nearest(str(item), choices)} Expected one of:"
                f" {', '.join(choices)}"
            )
        if isinstance(item, int | float) and not isinstance(item, bool):
            _check_range(key, item, entry.metadata)
    return result


def _check_range(key: str, value: float, limits: Mapping[str, Any]) -> None:
    """Raise `ConfigError` unless a number is finite and within the limits of its option: written so
    that NaN is in none of them."""
    lowest, above, highest, below = (
        limits[name] for name in ("lowest", "above", "highest", "below")
    )
    within = (
        (lowest is None or value >= lowest)
        and (above is None or value > above)
        and (highest is None or value <= highest)
        and (below is None or value < below)
    )
    if abs(value) <= (_LARGEST if isinstance(value, float) else _LARGEST_WHOLE) and within:
        return
    least = (
        f"{lowest:g} or more"
        if lowest is not None
        else f"more than {above:g}"
        if above is not None
        else ""
    )
    most = (
        f"at most {highest:g}"
        if highest is not None
        else f"less than {below:g}"
        if below is not None
        else ""
    )
    wanted = ", ".join(part for part in (least, most) if part) or "a finite number"
    shown = (
        str(value)
        if isinstance(value, float) or abs(value) <= _LARGEST_WHOLE
        else "a number of too many digits"
    )
    raise ConfigError(f"{key} = {shown}; expected {wanted}")


def _one_of(key: str, value: Any, first: Any, other: Any) -> Any:
    """Return a value of ``float | None`` (a number, or what suits the other options) or of ``float
    | tuple[float, ...]`` (one number, or several)."""
    if other is type(None):
        return None if value == AUTO else _converted(key, value, first)
    several = isinstance(value, list | tuple) or (isinstance(value, str) and "," in value)
    return _converted(key, value, other if several else first)


def _converted(key: str, value: Any, kind: Any) -> Any:
    if get_origin(kind) is UnionType:
        return _one_of(key, value, *get_args(kind))
    if get_origin(kind) is tuple:
        items = (
            value
            if isinstance(value, list | tuple)
            else [item.strip() for item in value.split(",")]
            if isinstance(value, str)
            else [value]
        )
        return tuple(_converted(key, item, get_args(kind)[0]) for item in items)
    if kind is float:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            try:
                return quantity(value, unit_of_name(key), key)
            except InputError as error:
                raise ConfigError(str(error)) from None
    elif kind is bool:
        if isinstance(value, bool):
            return value
    elif kind is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST_WHOLE:
            return int(value)
    elif kind is str and isinstance(value, str):
        return value
    what = {
        float: 'a number such as 0.2 or "10k"',
        bool: "true or false",
        int: "a whole number",
        str: "text in quotes",
    }[kind]
    raise ConfigError(f"{key} is {value!r:.60}; expected {what}")


def parse_override(text: str) -> tuple[str, Any]:
    """Split ``a.b=value``; the value is read as TOML where it is TOML, as text otherwise."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise ConfigError(f"--set {text!r}: expected key=value, such as training.epochs=3")
    try:
        return key.strip(), tomllib.loads(f"value = {value.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def render_toml(tables: Mapping[str, Any]) -> str:
    """Return plain values and tables of them as TOML text."""
    top = [
        f"{key} = {_render(value)}"
        for key, value in tables.items()
        if not isinstance(value, Mapping) and not _several(value)
    ]
    for name, table in tables.items():
        if isinstance(table, Mapping):
            top += [
                "",
                f"[{name}]",
                *(f"{_key(key)} = {_render(value)}" for key, value in table.items()),
            ]
        elif _several(table):
            for one in table:
                top += [
                    "",
                    f"[[{name}]]",
                    *(f"{_key(key)} = {_render(value)}" for key, value in one.items()),
                ]
    return "\n".join(top) + "\n"


def _several(value: Any) -> bool:
    """Whether a value is an array of tables."""
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(isinstance(one, Mapping) for one in value)
    )


def _key(name: str) -> str:
    """Return a key as TOML has it: bare where it may be, else in quotes."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _render(name)


def _render(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_render(item) for item in value) + "]"
    return repr(value)
