"""Options that belong together, as fields of one dataclass that a command takes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

_Answer = TypeVar("_Answer")


def spelt_out(command: Callable[..., _Answer]) -> Callable[..., _Answer]:
    """Return a command as typer has to see it: in place of each argument that is a dataclass stand
    its fields, every one an option of the command, with its own annotation and default."""
    groups: dict[str, type] = {}
    shown = list[inspect.Parameter]()
    hints = get_type_hints(command, include_extras=True)
    for name, argument in inspect.signature(command).parameters.items():
        kind = hints[name]
        if isinstance(kind, type) and is_dataclass(kind):
            groups[name] = kind
            shown += _options_of(kind)
        else:
            shown.append(argument.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def grouped(**given: Any) -> _Answer:
        for name, kind in groups.items():
            given[name] = kind(**{entry.name: given.pop(entry.name) for entry in fields(kind)})
        return command(**given)

    as_seen: Any = grouped
    as_seen.__signature__ = inspect.Signature(shown, return_annotation=hints.get("return"))
    as_seen.__annotations__ = {entry.name: entry.annotation for entry in shown}
    return grouped


def _options_of(kind: type) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            entry.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=hints[entry.name],
            default=inspect.Parameter.empty if entry.default is MISSING else entry.default,
        )
        for entry in fields(kind)
    ]
