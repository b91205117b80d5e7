"""numba's `njit` with a type that mypy can follow; compiled code is kept on disk, so that it is paid for once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, overload

from spicesnn.kept_code import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def _sources_stamp(own: Path) -> tuple[float, int]:
    """Return newest time and total size of the files from which a function of `own` may call others: its folder, `encoding` and `neurons`."""
    here = Path(__file__).parent
    states = [path.stat() for folder in {own.parent, here / "encoding", here / "neurons"} for path in folder.glob("*.py")]
    return max(state.st_mtime for state in states), sum(state.st_size for state in states)


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
        machine = njit(**options)(written)
        if keep:
            # numba looks at the file of the function itself; what it calls stands in others, and a change there has to compile it afresh, too.
            with suppress(AttributeError):  # numba's internals: without them only the safeguard is lost
                machine._cache._cache_file._source_stamp = _sources_stamp(Path(written.__code__.co_filename))
        return machine

    return made if function is None else made(function)
