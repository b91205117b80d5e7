"""Answers to spellings that do not exist: one line with the nearest name, or with the call that
does what the word means elsewhere."""

from __future__ import annotations

import difflib
import functools
import inspect
from abc import ABCMeta
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from spicesnn.errors import InputError, UnknownNameError

Kind = TypeVar("Kind", bound=type)
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


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


class Hinting(type):
    """The class of classes that answer to constructors of elsewhere."""

    __words__: Mapping[str, str]

    if not TYPE_CHECKING:  # a type checker would take every name for one that exists

        def __getattr__(cls, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            raise UnknownAttributeError(cls, name, cls.__words__)


class HintingABC(Hinting, ABCMeta):
    """The same, for abstract classes."""


class _Arguments:
    """What help and editors show of a class: the constructor's arguments."""

    def __get__(self, thing: object, kind: type) -> inspect.Signature:
        if thing is not None:
            raise AttributeError("__signature__")
        whole = inspect.signature(kind.__init__)  # type: ignore[misc]
        return whole.replace(parameters=list(whole.parameters.values())[1:])


def hinted(
    words: Mapping[str, str], arguments: Mapping[str, str] | None = None, *, by_place: str = ""
) -> Callable[[Kind], Kind]:
    """Give a class answers to attributes and arguments of its constructor that it does not have;
    attributes of the class itself, such as other constructors, where it is a `Hinting` one.

    Parameters
    ----------
    words : mapping of str to str
        Attribute → what to use, as text of a call.
    arguments : mapping of str to str, optional
        Argument of the constructor → what to use.
    by_place : str
        What to use in place of a constructor that takes nothing by position.
    """

    def made(kind: Kind) -> Kind:
        def absent(self: Any, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            raise UnknownAttributeError(type(self), name, words)

        takes, places, _ = _arguments_of(kind.__init__)  # type: ignore[misc]
        names, new = frozenset(takes), object.__new__

        def checked(cls: type, *given: Any, **named: Any) -> Any:
            if cls is not kind or len(given) > places or not named.keys() <= names:
                check_arguments(cls, given, named, arguments or {}, by_place)
            return new(cls)

        kind.__getattr__ = absent  # type: ignore[attr-defined]
        kind.__new__ = staticmethod(checked)  # type: ignore[method-assign,assignment]
        kind.__signature__ = _Arguments()  # type: ignore[attr-defined]
        if isinstance(kind, Hinting):
            kind.__words__ = words
        return kind

    return made


def told(
    words: Mapping[str, str], *, otherwise: str = "", by_place: str = ""
) -> Callable[[Callable[Asked, Answer]], Callable[Asked, Answer]]:
    """Give a function or method answers to arguments that it does not take.

    Parameters
    ----------
    words : mapping of str to str
        Argument → what to use.
    otherwise : str
        What to use for a name that is near none.
    by_place : str
        What to use in place of too many arguments by position.
    """

    def made(function: Callable[Asked, Answer]) -> Callable[Asked, Answer]:
        takes, places, flags = _arguments_of(function, first=0)
        names = frozenset(takes)
        called = function.__qualname__
        own = takes[:1] in (("self",), ("cls",))

        @functools.wraps(function)
        def checked(*given: Asked.args, **named: Asked.kwargs) -> Answer:
            if len(given) > places and not flags & inspect.CO_VARARGS:
                count = places - own
                raise UnknownArgumentError(
                    f"{called} takes {_count(count)} by position, got {len(given) - own}"
                    + (f"; use {by_place}" if by_place else "")
                )
            if not named.keys() <= names and not flags & inspect.CO_VARKEYWORDS:
                name = next(name for name in named if name not in names)
                hint = answer(name, words, takes) or (otherwise and f"; {otherwise}")
                raise UnknownArgumentError(f"{called} has no argument {name!r}{hint}")
            return function(*given, **named)

        return checked

    return made


def _count(values: int) -> str:
    return f"{values} value{'s'[: values != 1]}" if values else "no values"


def _arguments_of(function: Callable[..., Any], first: int = 1) -> tuple[tuple[str, ...], int, int]:
    """Return the names that a function takes from the `first` argument on, how many of them by
    position, and the flags of its code."""
    code = function.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    return code.co_varnames[first:count], code.co_argcount - first, code.co_flags


def check_arguments(
    kind: type,
    given: tuple[Any, ...],
    named: Mapping[str, Any],
    words: Mapping[str, str],
    by_place: str = "",
) -> None:
    """Raise `UnknownArgumentError` for arguments that the constructor of a class does not take."""
    takes, places, kinds = _arguments_of(kind.__init__)  # type: ignore[misc]
    for name in named:
        if name not in takes and not kinds & inspect.CO_VARKEYWORDS:
            raise UnknownArgumentError(
                f"{kind.__name__} has no argument {name!r}{answer(name, words, takes)}"
            )
    if len(given) > places and not kinds & inspect.CO_VARARGS:
        example = ", ".join(f"{name}=…" for name in takes[places : places + 3])
        raise UnknownArgumentError(
            f"{kind.__name__} takes {_count(places)} by position, got {len(given)}; "
            + (f"use {by_place}" if by_place else f"give the others by name: {example}")
        )


SAVED = "plot().savefig(path)"
PICTURE = {
    **dict.fromkeys(("path", "file", "filename", "save", "out", "savefig", "fname"), SAVED),
    "show": "plot(), and matplotlib.pyplot.show() in a script",
    **dict.fromkeys(
        ("title", "cmap", "figsize", "color", "colour", "dpi", "xlabel", "ylabel", "legend"),
        "the figure that plot() returns: matplotlib's own calls change it",
    ),
}
"""What is asked of `plot`, and what to use."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence: a hint such as ``; did you mean 'vteam'?``, or a full stop."""
    names = {entry.lower(): entry for entry in known}
    close = difflib.get_close_matches(name.lower(), list(names), n=1, cutoff=0.5)
    return f"; did you mean {names[close[0]]!r}?" if close else "."
