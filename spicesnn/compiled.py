"""numba's `njit` with a type that mypy can follow; compiled code is kept on disk, so that it is paid for once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def compiled(function: Function, /) -> Function: ...
@overload
def compiled(*, fastmath: bool = ..., inline: bool = ..., keep: bool = ...) -> Callable[[Function], Function]: ...
def compiled(function: Function | None = None, /, *, fastmath: bool = False, inline: bool = False, keep: bool = True) -> Any:
    """Compile a function on its first call.

    Parameters
    ----------
    fastmath : bool
        Allow the compiler to reorder floating-point sums, which vectorised reductions need.
    inline : bool
        Paste the function into its callers.
    keep : bool
        Keep the machine code on disk (not possible for functions of other modules that are compiled here).
    """
    options: dict[str, Any] = {"fastmath": fastmath, "cache": keep}
    if inline:
        options["inline"] = "always"
    return njit(**options) if function is None else njit(**options)(function)
