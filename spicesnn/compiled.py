"""numba's `njit` with a type that mypy can follow; compiled code is kept on disk, so that it is paid for once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from spicesnn.kept_code import njit

Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def compiled(function: Function, /) -> Function: ...
@overload
def compiled(*, fastmath: bool = ..., inline: bool = ..., part: bool = ..., keep: bool = ...) -> Callable[[Function], Function]: ...
def compiled(function: Function | None = None, /, *, fastmath: bool = False, inline: bool = False, part: bool = False, keep: bool = True) -> Any:
    """Compile a function on its first call.

    Parameters
    ----------
    fastmath : bool
        Allow the compiler to reorder floating-point sums, which vectorised reductions need.
    inline : bool
        Paste the function into its callers before types are known, so that it is compiled as they are.
    part : bool
        A part of one larger function, written apart for the reader: pasted into it as machine code, without a count of references to its
        arguments, which would cost more than a short loop. It cannot make arrays.
    keep : bool
        Keep the machine code on disk (not possible for functions of other modules that are compiled here).
    """
    options: dict[str, Any] = {"fastmath": fastmath, "cache": keep}
    if inline:
        options["inline"] = "always"
    if part:
        options |= {"forceinline": True, "_nrt": False}

    def made(written: Any) -> Any:
        return njit(**options)(written)

    return made if function is None else made(function)
