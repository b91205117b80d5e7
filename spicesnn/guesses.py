"""Answers to spellings that do not exist: one line with the nearest name, or with the call that
does what the word means elsewhere."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from spicesnn.errors import InputError, UnknownNameError

Kind = TypeVar("Kind", bound=type)


class UnknownAttributeError(UnknownNameError, AttributeError):
    """An attribute that does not exist; the message, made when it is read, says what to use."""

    def __init__(
        self, owner: type | str, attribute: str, words: Mapping[str, str], known: Iterable[str] = ()
    ) -> None:
        super().__init__(owner, attribute, words, known)
        self.owner, self.attribute, self.words, self.known = owner, attribute, words, known

    def __str__(self) -> str:
        known = self.known if isinstance(self.owner, str) else dir(self.owner)
        owner = self.owner if isinstance(self.owner, str) else self.owner.__name__
        return f"{owner} has no {self.attribute!r}{answer(self.attribute, self.words, known)}"


class UnknownArgumentError(InputError, TypeError):
    """An argument that does not exist; the message says what to use."""


def answer(name: str, words: Mapping[str, str], known: Iterable[str]) -> str:
    """Return what to use in place of a name, as the end of a sentence: from `words`, else the
    nearest of the `known`."""
    if name in words:
        return f"; use {words[name]}"
    names = [entry for entry in known if not entry.startswith("_")]
    close = difflib.get_close_matches(
        name.lower(), [entry.lower() for entry in names], n=1, cutoff=0.6
    )
    return next(
        (f"; did you mean {entry!r}?" for entry in names if close and entry.lower() == close[0]), ""
    )


def hinted(
    words: Mapping[str, str], arguments: Mapping[str, str] | None = None
) -> Callable[[Kind], Kind]:
    """Give a class answers to attributes and arguments of its constructor that it does not have.

    Parameters
    ----------
    words : mapping of str to str
        Attribute → what to use, as text of a call.
    arguments : mapping of str to str, optional
        Argument of the constructor → what to use.
    """

    def made(kind: Kind) -> Kind:
        def absent(self: Any, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            raise UnknownAttributeError(type(self), name, words)

        takes, by_place, _ = _arguments_of(kind)
        names, new = frozenset(takes), object.__new__

        def checked(cls: type, *given: Any, **named: Any) -> Any:
            if cls is not kind or len(given) > by_place or not named.keys() <= names:
                check_arguments(cls, given, named, arguments or {})
            return new(cls)

        kind.__getattr__ = absent  # type: ignore[attr-defined]
        kind.__new__ = staticmethod(checked)  # type: ignore[method-assign,assignment]
        return kind

    return made


def _arguments_of(kind: type) -> tuple[tuple[str, ...], int, int]:
    """Return the names that a constructor takes, how many of them by position, and the flags of
    its code."""
    code = kind.__init__.__code__  # type: ignore[misc]
    count = code.co_argcount + code.co_kwonlyargcount
    return code.co_varnames[1:count], code.co_argcount - 1, code.co_flags


def check_arguments(
    kind: type, given: tuple[Any, ...], named: Mapping[str, Any], words: Mapping[str, str]
) -> None:
    """Raise `UnknownArgumentError` for arguments that the constructor of a class does not take."""
    takes, by_place, kinds = _arguments_of(kind)
    for name in named:
        if name not in takes and not kinds & inspect.CO_VARKEYWORDS:
            raise UnknownArgumentError(
                f"{kind.__name__} has no argument {name!r}{answer(name, words, takes)}"
            )
    if len(given) > by_place and not kinds & inspect.CO_VARARGS:
        first = f"{by_place} value{'s'[: by_place != 1]}" if by_place else "no values"
        example = ", ".join(f"{name}=…" for name in takes[by_place : by_place + 3])
        raise UnknownArgumentError(
            f"{kind.__name__} takes {first} by position, got {len(given)}; give the others by name:"
            f" {example}"
        )


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence: a hint such as ``; did you mean 'vteam'?``, or a full stop."""
    names = {entry.lower(): entry for entry in known}
    close = difflib.get_close_matches(name.lower(), list(names), n=1, cutoff=0.5)
    return f"; did you mean {names[close[0]]!r}?" if close else "."
