"""How functions are compiled: one decorator, and machine code that is kept on disk, so that it is
paid for once a machine.

Four things are done differently from numba's own caching, for the functions of this package alone:

- A kept file that cannot be read or written is no failure: what it held is compiled anew. A disk
that is full or over its quota, a file
  that a power cut has left empty, one that belongs to another user: numba raises what the system
  says, and every command that needs the function would end there, until somebody deletes the file.
- Kept code is used as long as its sources have the same content. numba looks at the one file in
which a function stands; what it calls
  stands in others. So the stamp of a function here is a digest of its file and of all that this
  file imports of the package, in turn.
- Where no folder can keep code, numba refuses to compile at all: `ensure_place` makes one for the
process.
- A function's machine code holds what it calls as its own. numba leaves these copies open to the
linker, which takes the first one that the process has loaded: a function that was compiled in this
process would run other copies than one from the disk, with other last digits.

Nothing here loads numba before the first function is compiled, so that ``import spicesnn`` stays
quick."""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar, overload

from spicesnn.paths import PACKAGE, caches_dir, free_bytes, writable

_Function = TypeVar("_Function", bound=Callable[..., Any])

_VARIABLE = "NUMBA_CACHE_DIR"
_PREFIX = "spicesnn-code-"
_FROM = re.compile(
    r"^[ \t]*from[ \t]+spicesnn((?:\.\w+)*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]+)", re.MULTILINE
)
_PLAIN = re.compile(r"^[ \t]*import[ \t]+spicesnn((?:\.\w+)+)", re.MULTILINE)
LEAST_FREE = 20 * 2**20
"""What a folder must have left, bytes, for machine code to be kept there: all of it takes some 10
MB."""
PATIENCE_S = 2.0
"""A compilation that takes longer is announced."""


@overload
def compiled(function: _Function, /) -> _Function: ...
@overload
def compiled(
    *,
    fastmath: bool = ...,
    inline: bool = ...,
    part: bool = ...,
    keep: bool = ...,
    nogil: bool = ...,
    heap: bool = ...,
    error_model: str = ...,
) -> Callable[[_Function], _Function]: ...
@overload
def compiled(
    *,
    signature: Any,
    fastmath: bool = ...,
    keep: bool = ...,
    nogil: bool = ...,
    error_model: str = ...,
) -> Callable[[Callable[..., Any]], Any]: ...
def compiled(
    function: _Function | None = None,
    /,
    *,
    signature: Any = None,
    fastmath: bool = False,
    inline: bool = False,
    part: bool = False,
    keep: bool = True,
    nogil: bool = False,
    heap: bool = True,
    error_model: str = "python",
) -> Any:
    """Compile a function: on its first call, or at once for a signature.

    Parameters
    ----------
    signature : numba type, optional
        Of the arguments and of what is returned.
    fastmath : bool
        Allow the compiler to reorder floating-point sums, which vectorised reductions need.
    inline : bool
        Paste the function into its callers before types are known, so that it is compiled as they
        are.
    part : bool
        A part of one larger function, written apart for the reader: pasted into it as machine code,
        without a count of references to its arguments, which would cost more than a short loop. It
        cannot make arrays.
    keep : bool
        Keep the machine code on disk (not possible for functions of other modules that are compiled
        here).
    nogil : bool
        Let go of the interpreter's lock while the function runs.
    heap : bool
        Whether the function may make arrays.
    error_model : str
        ``"python"``: a division by zero raises; ``"numpy"``: it is infinite.
    """
    options: dict[str, Any] = {"fastmath": fastmath, "nogil": nogil, "error_model": error_model}
    if inline:
        options["inline"] = "always"
    if part:
        options["forceinline"] = True
    if part or not heap:
        options["_nrt"] = False
    made = partial(_dispatcher, signature=signature, keep=keep, options=options)
    return made if function is None else made(function)


def kernel(function: _Function) -> _Function:
    """Compile a function that allocates nothing and lets go of the interpreter's lock."""
    return compiled(nogil=True, heap=False)(function)


def callback(signature: Any, *, using: str) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that is called by its address; a division by zero in it is infinite.

    Parameters
    ----------
    signature : numba type
        Of the arguments and of what is returned.
    using : str
        File that says what plain functions mean in compiled code, beside those that the function's
        own file imports.
    """

    def made(function: Callable[..., Any]) -> Any:
        from numba.core import sigutils
        from numba.core.ccallback import CFunc

        found: Any = CFunc(
            function,
            sigutils.normalize_signature(signature),
            locals={},
            options={"error_model": "numpy"},
            pipeline_class=_compiler_class(),
        )
        found._cache = _kept(function, using)
        found.compile()
        return found

    return made


def _dispatcher(function: Any, *, signature: Any, keep: bool, options: dict[str, Any]) -> Any:
    """Return what numba makes of a function, with this package's kept code; as `numba.njit` does
    it, which knows only its own."""
    import numba
    from numba.core import typeinfer

    found = numba.njit(pipeline_class=_compiler_class(), **options)(function)
    if not hasattr(found, "enable_caching"):  # NUMBA_DISABLE_JIT: the function itself
        return found
    if keep:
        found._cache = _kept(function)
    if signature is not None:
        with typeinfer.register_dispatcher(found):
            found.compile(signature)
            found.disable_compile()
    return found


@cache
def _compiler_class() -> Any:
    """Return numba's compiler with machine code that calls nothing but its own copies."""
    from llvmlite import binding
    from numba.core import codegen, compiler

    class OwnCopies(codegen.JITCodeLibrary):  # type: ignore[misc]
        """Code of one function in which the copies of what it calls are its own."""

        def _finalize_final_module(self) -> None:
            """Before the code is made; what others link with keeps its copies open, so that two
            ways to one function end in one copy."""
            self._finalized = True  # nothing is linked in from here on
            self._get_module_for_linking()
            for function in self._final_module.functions:
                if not function.is_declaration and function.linkage in (
                    binding.Linkage.linkonce_odr,
                    binding.Linkage.linkonce_any,
                ):
                    function.linkage = "internal"
            super()._finalize_final_module()

    class Compiler(compiler.Compiler):  # type: ignore[misc]
        def define_pipelines(self) -> Any:
            state = self.state
            if state.library is None:
                state.library = OwnCopies(state.targetctx.codegen(), state.func_id.func_qualname)
                state.library.enable_object_caching()
            return super().define_pipelines()

    return Compiler


@cache
def _cache_class() -> Any:
    from numba.core import caching

    class Index(caching.IndexDataCacheFile):  # type: ignore[misc]
        """The list of what is kept of a function; one that cannot be read, or names classes of
        another release, is begun anew."""

        def _load_index(self) -> Any:
            try:
                return super()._load_index()
            except Exception:
                return {}

    class KeptCode(caching.FunctionCache):  # type: ignore[misc]
        """Machine code of one function on disk."""

        def __init__(self, function: Any, *using: str) -> None:
            super().__init__(function)
            sources = [Path(name).resolve() for name in (function.__code__.co_filename, *using)]
            if sources[0].is_file():
                self._cache_file = Index(
                    self._cache_path, self._impl.filename_base, stamp(*sources)
                )

        @contextmanager
        def _guard_against_spurious_io_errors(self) -> Iterator[None]:
            """Around every load, which then finds nothing, and every save."""
            with suppress(Exception):
                yield

    return KeptCode


def _kept(function: Any, *using: str) -> Any:
    return _cache_class()(function, *using)


@cache
def _text(source: Path) -> str:
    """A source as it is when it is first asked for; empty where there is none."""
    return source.read_text(encoding="utf-8") if source.is_file() else ""


@cache
def _imported(source: Path) -> tuple[Path, ...]:
    """Files of the package that a source imports, anywhere in its text."""
    found = list[Path]()
    for module, names in _FROM.findall(_text(source)):
        home = PACKAGE.joinpath(*module.split("."))
        found += [
            home.with_suffix(".py"),
            home / "__init__.py",
            *(home / f"{name}.py" for name in re.findall(r"\w+", names)),
        ]
    found += [
        PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
        for module in _PLAIN.findall(_text(source))
    ]
    return tuple(
        path for path in dict.fromkeys(found) if path != PACKAGE / "__init__.py" and path.is_file()
    )


def sources_of(source: Path) -> tuple[Path, ...]:
    """List what a function in `source` can call: the file, its neighbours where it is none of the
    package, and what these import, in turn."""
    found, waiting = (
        set[Path](),
        [source] if source.is_relative_to(PACKAGE) else [source, *source.parent.glob("*.py")],
    )
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported(path)
    return tuple(sorted(found))


@cache
def stamp(*sources: Path) -> str:
    """Digest of what kept code of functions in `sources` depends on."""
    found = hashlib.blake2b(digest_size=16)
    for path in sorted({path for source in sources for path in sources_of(source)}):
        found.update(path.name.encode())
        found.update(_text(path).encode())
    return found.hexdigest()


def kept_in(package: Path) -> Path | None:
    """Find where numba keeps machine code: where it is told to, else beside the package, else in
    the user's caches; None if there is no room.

    A folder that `ensure_place` has made does not count: it goes with the process.
    """
    told = os.environ.get(_VARIABLE, "")
    places = [
        *([Path(told)] if told and not Path(told).name.startswith(_PREFIX) else []),
        package,
        caches_dir() / "numba",
    ]
    return next(
        (place for place in places if writable(place) and free_bytes(place) >= LEAST_FREE), None
    )


def ensure_place() -> None:
    """Give numba a folder of this process alone where it could keep machine code nowhere (a shared
    folder could hold another user's code)."""
    if (
        os.environ.get(_VARIABLE, "").rpartition("/")[2].startswith(_PREFIX)
        or kept_in(PACKAGE) is not None
    ):
        return
    try:
        folder = tempfile.mkdtemp(prefix=_PREFIX)
    except OSError:  # a machine on which nothing at all can be written: `spicesnn doctor` has to start and say so
        return
    os.environ[_VARIABLE] = folder
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def _starts(timer: threading.Timer) -> Any:
    """Make a listener that starts a timer when numba compiles a function: one that is loaded from
    disk, however slowly, is not compiled."""
    from numba.core import event

    class Starts(event.Listener):  # type: ignore[misc]
        def on_start(self, event: Any) -> None:
            if timer.ident is None:
                timer.start()

        def on_end(self, event: Any) -> None:
            """Go on: a kernel is compiled in several parts."""

    listening: AbstractContextManager[None] = event.install_listener("numba:compile", Starts())
    return listening


@contextmanager
def compiling(what: str) -> Iterator[None]:
    """Say on stderr what is being compiled if numba compiles for longer than `PATIENCE_S` in the
    block."""
    text = f"spicesnn: compiling {what}; the result is kept for later runs (about 20 s) …"
    note = threading.Timer(PATIENCE_S, lambda: print(text, file=sys.stderr, flush=True))  # noqa: T201
    note.daemon = True
    try:
        with _starts(note):
            yield
    finally:
        note.cancel()
