"""How many small faults the tests notice: mutations of operators, comparisons, numbers, signs and
statements, one at a time, in a copy.

Each mutant is run against the tests of its area, the quickest first, until one fails; a mutant that
none notices has survived. Mutants that change nothing anybody could observe stand, with the reason,
in `mutation_equivalent.toml` beside this file and do not count.

    python scripts/mutation.py --count 30 --seed 0 --out runs/mutation        # 30 a folder; minutes to hours
    python scripts/mutation.py learning training --count 50
    python scripts/mutation.py --only spicesnn/learning/schemes.py --count 0  # every mutant of one file

With `--lines FOLDER` the tests of a mutant are those that enter its line, as one run of the suite
has noted them in that folder; nothing else can notice it. Modules that are compiled are not seen
that way and keep the tests of their area. The run that notes them:

    COVERAGE_FILE=runs/lines/coverage python -m pytest -n 2 --cov --cov-context=test --cov-report= \\
        -o junit_family=xunit1 --junitxml=runs/lines/times.xml
"""

from __future__ import annotations

import argparse
import ast
import copy
import itertools
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

HOME = Path(__file__).resolve().parents[1]
EQUIVALENT = Path(__file__).with_name("mutation_equivalent.toml")
HIGH = ("devices", "crossbar", "engines", "learning", "neurons", "training")
"""Folders of which 95 % of the mutants are to be noticed; 90 % of all others."""
_COMPARE = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt,),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt,),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_BINARY = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.MatMult: None,
}
_CALLS = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "minimum": "maximum",
    "maximum": "minimum",
    "argmin": "argmax",
    "argmax": "argmin",
    "floor": "ceil",
    "ceil": "floor",
    "nanmin": "nanmax",
    "nanmax": "nanmin",
    "sin": "cos",
    "cos": "sin",
    "zeros": "ones",
    "ones": "zeros",
    "mean": "sum",
    "isfinite": "isnan",
    "cumsum": "cumprod",
}
_UNSEEN_KEYWORDS = frozenset(
    {
        "alpha",
        "fontsize",
        "size",
        "lw",
        "linewidth",
        "markersize",
        "ms",
        "pad",
        "zorder",
        "dpi",
        "figsize",
        "title_fontsize",
        "bbox_to_anchor",
        "loc",
        "strict",
        "frozen",
        "slots",
        "kw_only",
        "eq",
        "timeout",
        "stacklevel",
        "indent",
        "ensure_ascii",
        "exist_ok",
        "parents",
        "missing_ok",
        "check",
        "capture_output",
        "cache",
        "nogil",
        "fastmath",
        "inline",
        "keep",
        "labelpad",
        "handlelength",
        "columnspacing",
        "rotation",
        "aspect",
        "width_ratios",
        "height_ratios",
        "layout",
        "frameon",
        "visible",
        "lightweight",
        "quality",
        "method",
        "daemon",
        "maxsize",
        "inplace",
        "out",
        "copy",
        "optimize",
    }
)
"""Arguments of which a value says how something looks or how fast it goes, not what comes out."""
_OPTIONS = ("-q", "-n", "0", "-p", "no:cacheprovider", "--no-header", "-m", "not slow")
_BY_EYE = ("spicesnn/reporting/schematic.py", "spicesnn/reporting/pictures.py")
"""Modules that say where the parts of a drawing stand, and how it is packed: these are looked
at."""
_DEFAULTS = "tests/test_defaults.py"
"""Judges what stands outside the bodies of functions: defaults and ranges of all modules."""
_UNSEEN_CALLS = frozenset(
    {
        "new_figure",
        "astype",
        "getLogger",
        "Typer",
        "Option",
        "Argument",
        "lru_cache",
        "set_size_inches",
        "subplots_adjust",
    }
)


@dataclass(frozen=True)
class Mutant:
    """One change of a file: the text from `begin` to `end` becomes `after`."""

    file: str
    line: int
    begin: int
    end: int
    before: str
    after: str
    kind: str

    def applied(self, text: str) -> str:
        """Return the file's text with the change."""
        return text[: self.begin] + self.after + text[self.end :]

    def described(self) -> str:
        """Return one line for people."""
        return f"{self.file}:{self.line}: {_short(self.before)} → {_short(self.after)}"


def _short(text: str) -> str:
    return " ".join(text.split())


class _Finder(ast.NodeVisitor):
    """Finds what can be mutated in one file."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text, self.found = file, text, list[Mutant]()
        starts = [0]
        for line in text.encode().splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        self._starts, self._bytes = starts, text.encode()

    def _span(self, node: ast.AST) -> tuple[int, int]:
        """Return where a node stands in the text, in characters (the syntax tree counts bytes)."""
        first, last = (
            self._starts[line - 1] + column
            for line, column in (
                (node.lineno, node.col_offset),
                (node.end_lineno, node.end_col_offset),
            )
        )  # type: ignore[attr-defined]
        return len(self._bytes[:first].decode()), len(self._bytes[:last].decode())

    def _add(self, node: ast.AST, after: ast.AST | str, kind: str) -> None:
        begin, end = self._span(node)
        text = after if isinstance(after, str) else f"({ast.unparse(after)})"
        self.found.append(
            Mutant(self.file, node.lineno, begin, end, self.text[begin:end], text, kind)
        )  # type: ignore[attr-defined]

    # -- what is left alone -----------------------------------------------------------------------

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        return

    def visit_Raise(self, node: ast.Raise) -> None:
        return

    def visit_Assert(self, node: ast.Assert) -> None:
        return

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_arg(self, node: ast.arg) -> None:
        return

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for default in [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]:
            self.visit(default)
        for statement in node.body:
            self.visit(statement)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for statement in node.body:
            self.visit(statement)

    def visit_Assign(self, node: ast.Assign) -> None:
        if not any(isinstance(t, ast.Name) and t.id in ("__all__", "T") for t in node.targets):
            self.visit(node.value)
            for target in node.targets:
                self.visit(target)

    def visit_If(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        if not isinstance(node.test, ast.Compare | ast.UnaryOp):
            self._add(node.test, ast.UnaryOp(ast.Not(), node.test), "condition")
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg not in _UNSEEN_KEYWORDS:
            self.visit(node.value)

    # -- what is mutated --------------------------------------------------------------------------

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self._add(node, "pass", "statement")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        other = _BINARY.get(type(node.op))
        if other is not None:
            changed = ast.AugAssign(node.target, other(), node.value)
            self._add(node, ast.unparse(changed), "operator")
        self._add(node, "pass", "statement")
        self.visit(node.value)

    def visit_Break(self, node: ast.Break) -> None:
        self._add(node, "pass", "statement")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._add(node, "pass", "statement")

    def visit_BinOp(self, node: ast.BinOp) -> None:
        other = _BINARY.get(type(node.op))
        text = any(
            isinstance(side, ast.JoinedStr) or isinstance(getattr(side, "value", None), str)
            for side in (node.left, node.right)
        )
        if other is not None and not text:
            self._add(node, ast.BinOp(node.left, other(), node.right), "operator")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for k, operation in enumerate(node.ops):
            for other in _COMPARE.get(type(operation), ()):
                operations = [*node.ops[:k], other(), *node.ops[k + 1 :]]
                self._add(node, ast.Compare(node.left, operations, node.comparators), "comparison")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self._add(
            node,
            ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values),
            "and/or",
        )
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.USub | ast.Not | ast.Invert):
            self._add(node, copy.deepcopy(node.operand), "sign")
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._add(node, ast.IfExp(node.test, node.orelse, node.body), "condition")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = (
            node.func.id
            if isinstance(node.func, ast.Name)
            else node.func.attr
            if isinstance(node.func, ast.Attribute)
            else ""
        )
        if name in _UNSEEN_CALLS:
            return
        if name in _CALLS:
            func = (
                ast.Name(_CALLS[name])
                if isinstance(node.func, ast.Name)
                else ast.Attribute(node.func.value, _CALLS[name])
            )  # type: ignore[attr-defined]
            self._add(node.func, ast.unparse(func), "function")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._add(node, str(not value), "constant")
        elif isinstance(value, int):
            self._add(node, str(value + 1), "constant")
            if value > 0:
                self._add(node, str(value - 1), "constant")
        elif isinstance(value, float):
            self._add(node, repr(value * 1.02) if value else "1.0", "constant")


def mutants(file: str, text: str) -> list[Mutant]:
    """Return every mutant of a file's text."""
    finder = _Finder(file, text)
    finder.visit(ast.parse(text))
    return [m for m in finder.found if m.before != m.after]


def in_a_body(text: str, line: int) -> bool:
    """Return whether a line stands in the body of a function; defaults and fields do not."""
    return any(
        node.body[0].lineno <= line <= (node.end_lineno or 0)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def folder_of(file: str) -> str:
    """Return the folder a module counts for; "top" for those that lie in none."""
    parts = Path(file).parts
    return parts[1] if len(parts) > 2 else "top"


# -- which tests see a module ---------------------------------------------------------------------


def imported(path: Path) -> set[str]:
    """Return the modules that a file names in its imports, ``a.b`` and, for names taken from it,
    ``a.b.c``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@dataclass
class Selection:
    """Which test files see a module: those that import it, those of its folder, and those that
    import what imports it; the quickest first."""

    home: Path
    seconds: dict[str, float] = field(default_factory=dict)
    budget_s: float = 30.0

    def __post_init__(self) -> None:
        tests = sorted(p for p in (self.home / "tests").rglob("test_*.py"))
        self._imports = {str(p.relative_to(self.home)): imported(p) for p in tests}
        modules = sorted((self.home / "spicesnn").rglob("*.py"))
        self._above: dict[str, set[str]] = {}
        for path in modules:
            for name in imported(path):
                self._above.setdefault(name, set()).add(_module(str(path.relative_to(self.home))))

    def of(self, file: str) -> list[list[str]]:
        """Return test files in three groups, from the nearest to the farthest."""
        name, parts = _module(file), Path(file).parts
        inside = "/".join(["tests", *parts[1:-1]]) + "/"
        stem = Path(file).stem
        near = [t for t, names in self._imports.items() if name in names or f"test_{stem}." in t]
        here = [
            t
            for t in self._imports
            if t.startswith(inside) and (len(parts) > 2 or t.count("/") == 1)
        ]
        above = self._above.get(name, set())
        far = [t for t, names in self._imports.items() if names & above]
        outer = [
            t
            for t in self._imports
            if len(parts) > 3 and t.startswith("/".join(["tests", *parts[1:2]]) + "/")
        ]
        groups, seen = [], set[str]()
        for group in (near, here, [*far, *outer]):
            fresh = [t for t in dict.fromkeys(group) if t not in seen]
            seen |= set(fresh)
            groups.append(fresh)
        return groups


class Lines:
    """Which tests enter which line, and how long each takes, as a run of the suite noted it.

    Parameters
    ----------
    folder : Path
        With ``coverage`` (a test a context) and ``times.xml`` (of pytest's JUnit report).
    """

    def __init__(self, folder: Path) -> None:
        import coverage

        self._data = coverage.CoverageData(str(folder / "coverage"))
        self._data.read()
        self._measured = {
            name[name.rindex("/spicesnn/") + 1 :]: name
            for name in self._data.measured_files()
            if "/spicesnn/" in name
        }
        self._seconds = {
            f"{case.get('file')}::{name}": float(case.get("time", 0.0))
            for case in ElementTree.parse(folder / "times.xml").iter("testcase")
            for name in [self._inside(case)]
        }

    @staticmethod
    def _inside(case: ElementTree.Element) -> str:
        """Return a test's name within its file, its class included."""
        file = str(case.get("file")).removesuffix(".py").replace("/", ".")
        classes = str(case.get("classname")).removeprefix(file).strip(".")
        return f"{classes}::{case.get('name')}" if classes else str(case.get("name"))

    def of(self, file: str, first: int, last: int, near: Sequence[str]) -> dict[str, float] | None:
        """Return the tests that enter lines `first` to `last` of a file, those in the files `near`
        first and then the quickest, with their seconds; None where no line of it is entered."""
        if file not in self._measured:
            return None
        entered = self._data.contexts_by_lineno(self._measured[file])
        tests = {
            context.rpartition("|")[0]
            for line in range(first, last + 1)
            for context in entered.get(line, ())
            if context
        } & self._seconds.keys()
        return {
            test: self._seconds[test]
            for test in sorted(
                tests, key=lambda t: (t.partition("::")[0] not in near, self._seconds[t])
            )
        }


def _module(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


# -- running them ---------------------------------------------------------------------------------


def _copied(target: Path) -> Path:
    """Copy what git knows of, what is new, and the compiled code that is kept beside it, into a
    folder of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=HOME,
        capture_output=True,
        check=True,
    ).stdout
    target.mkdir()
    for name in filter(None, listed.decode().split("\0")):
        source = HOME / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    for source in _kept_code(HOME):
        (target / source.relative_to(HOME)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / source.relative_to(HOME))
    subprocess.run(
        ["git", "init", "-q"], cwd=target, check=True
    )  # some tests ask git which files there are
    subprocess.run(["git", "add", "-A"], cwd=target, check=True)
    return target


def _preloaded() -> None:
    """Import once what every test process needs, before it is forked."""
    import hypothesis
    import matplotlib as mpl
    import numba
    import numpy
    import pytest
    import scipy.integrate
    import scipy.interpolate
    import scipy.optimize
    import scipy.sparse.linalg

    mpl.use("Agg")
    assert all((hypothesis, numba, numpy, pytest, scipy))


_COMPILED = re.compile(r"njit|@kernel|@compiled|compiled\(|@intrinsic|@overload")
_COMPILED_ELSEWHERE = ("spicesnn/neurons/equations.py", "spicesnn/neurons/conductance_lif.py")
"""Plain functions that other modules compile."""


def _kept_code(home: Path) -> list[Path]:
    """Return the files of machine code that numba keeps beside the sources."""
    return [
        *(home / "spicesnn").rglob("__pycache__/*.nb[ci]"),
        *(home / "tests").rglob("__pycache__/*.nb[ci]"),
    ]


class _Clock:
    """Adds up the processor time of every test file, its child processes included, and writes it
    after each file."""

    def __init__(self, found: Path) -> None:
        self.found, self.seconds, self.begun = found, dict[str, float](), 0.0

    @staticmethod
    def _now() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    def pytest_runtest_setup(self, item: Any) -> None:
        """Begin."""
        self.begun = self._now()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count what a part of a test took; one that fails makes its file useless."""
        file, now = str(report.nodeid).partition("::")[0], self._now()
        before = self.seconds.get(file, 0.0)
        self.seconds[file] = -1.0 if report.failed or before < 0 else before + now - self.begun
        self.begun = now
        self._keep()

    def pytest_sessionfinish(self) -> None:
        """Note that no file took the process down."""
        self.seconds[""] = 0.0
        self._keep()

    def _keep(self) -> None:
        whole = self.found.with_suffix(".new")
        whole.write_text(json.dumps(self.seconds))
        whole.replace(self.found)


@dataclass
class Bench:
    """A copy of the project in which files are mutated and tests run, each time in a fresh process;
    `code` keeps the unmutated machine code."""

    home: Path
    code: Path

    def keep_code(self) -> None:
        """Remember the machine code as it is now."""
        for path in _kept_code(self.home):
            kept = self.code / path.relative_to(self.home)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.unlink(missing_ok=True)
            os.link(path, kept)

    def forget_code(self, file: str, text: str) -> None:
        """Remove what a module may be compiled into, beyond what numba sees itself by the time of
        the file."""
        folder, named = (
            Path(file).parent.name,
            "nodal" if file.startswith("spicesnn/engines/nodal/") else "",
        )
        if _COMPILED.search(text) or folder in ("devices", "neurons", "encoding"):
            wide = folder in ("neurons", "encoding") or file.count("/") == 1
            for path in _kept_code(self.home):
                if wide or path.parts[-3] in (folder, named):
                    path.unlink()

    def restore_code(self) -> None:
        """Bring back the machine code that was remembered, and nothing else."""
        for path in _kept_code(self.home):
            path.unlink()
        for kept in self.code.rglob("*.nb[ci]"):
            path = self.home / kept.relative_to(self.code)
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(kept, path)

    def measured(self, tests: Sequence[str], timeout_s: float) -> dict[str, float]:
        """Return the processor seconds of test files without any mutant, −1 for those that fail, in
        one process, and in another where a file takes the first one down."""
        found, seconds, words = self.home.with_name("measured.json"), dict[str, float](), ""
        while left := [test for test in tests if test not in seconds]:
            found.unlink(missing_ok=True)
            _, _, words = self.run(left, timeout_s, stop=False, plugins=[_Clock(found)])
            fresh = json.loads(found.read_text()) if found.exists() else {}
            last = max((k for k, test in enumerate(left) if test in fresh), default=0)
            reached = left if "" in fresh else left[: last + 1]
            seconds |= {test: fresh.get(test, -1.0) for test in reached}
            if "" not in fresh:
                seconds[left[last]] = -1.0
        for test in tests:
            if seconds[test] < 0:
                print(
                    f"  {test} is left out: it fails, or does not end, without any mutant",
                    file=sys.stderr,
                    flush=True,
                )
        if any(value < 0 for value in seconds.values()):
            print(words, file=sys.stderr, flush=True)
        return seconds

    def run(
        self,
        tests: Sequence[str],
        timeout_s: float,
        *,
        stop: bool = True,
        plugins: Sequence[object] = (),
    ) -> tuple[str, float, str]:
        """Return "passed", "failed" or "timeout", the time it took, and the last words; with
        `stop`, the first failure ends it."""
        begun = time.monotonic()
        said = tempfile.TemporaryFile()  # noqa: SIM115 (closed below, also for the child)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            os.chdir(self.home)
            os.environ |= {
                "PYTHONPATH": str(self.home),
                "PYTHONDONTWRITEBYTECODE": "1",
                "OMP_NUM_THREADS": "1",
                "MPLBACKEND": "Agg",
            }
            sys.dont_write_bytecode = True
            sys.path.insert(0, str(self.home))
            import pytest

            exit_code = 70
            try:
                exit_code = int(
                    pytest.main(
                        [*_OPTIONS, *(["-x"] if stop else []), *tests], plugins=list(plugins)
                    )
                )
            finally:
                sys.stdout.flush()
                os._exit(exit_code)
        status = None
        while status is None and time.monotonic() - begun < timeout_s:
            done, raw = os.waitpid(pid, os.WNOHANG)
            status = os.waitstatus_to_exitcode(raw) if done else None
            time.sleep(0 if done else 0.02)
        if status is None:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        said.seek(0)
        words = said.read().decode(errors="replace")
        said.close()
        return (
            "timeout" if status is None else "passed" if status in (0, 5) else "failed",
            time.monotonic() - begun,
            words[-1500:],
        )


@dataclass
class Verdict:
    """What became of a mutant."""

    mutant: Mutant
    status: str
    seconds: float
    tests: int
    reason: str = ""
    line_text: str = ""

    def table(self) -> dict[str, object]:
        """Return it as plain values."""
        m = self.mutant
        return {
            "file": m.file,
            "line": m.line,
            "kind": m.kind,
            "before": _short(m.before),
            "after": _short(m.after),
            "status": self.status,
            "seconds": round(self.seconds, 1),
            "tests": self.tests,
            "reason": self.reason,
            "text": self.line_text,
        }


class Run:
    """A mutation run: a copy, its test files with their times, and one mutant after another."""

    def __init__(self, home: Path, out: Path, budget_s: float, lines: Lines | None = None) -> None:
        self.out, self.budget_s, self._lines = out, budget_s, lines
        self.bench = Bench(home, home.with_name(f"{home.name}-code"))
        self.select = Selection(home)
        self._known = out / "seconds.json"
        self._equivalent = equivalents()
        self.bench.keep_code()
        if self._known.exists():
            self.select.seconds = json.loads(self._known.read_text())

    def _tests(self, file: str) -> list[str]:
        """Return the test files for a module, as many of each group as the budget allows: near ones
        first, the quickest of each group first."""
        chosen, groups = list[str](), self.select.of(file)
        for number, group in enumerate(groups):
            if number == 2 and len(chosen) > 1:
                break
            spent = 0.0
            unknown = [test for test in group if test not in self.select.seconds]
            if unknown:
                self._measure(unknown)
            for test in sorted(
                (t for t in group if self.select.seconds[t] >= 0),
                key=lambda t: self.select.seconds[t],
            ):
                if spent + self.select.seconds[test] <= self.budget_s * (2 if number == 0 else 1):
                    chosen.append(test)
                    spent += self.select.seconds[test]
        return chosen

    def _measure(self, tests: Sequence[str]) -> None:
        """Note how long test files take."""
        self.select.seconds |= self.bench.measured(tests, 900.0)
        self.bench.keep_code()
        self._known.write_text(json.dumps(self.select.seconds, indent=1))

    def _judges(self, mutant: Mutant, text: str) -> dict[str, float]:
        """Return the tests for a mutant, with their seconds."""
        tests = self._entering(mutant, text)
        if in_a_body(text, mutant.line) or not (self.bench.home / _DEFAULTS).exists():
            return tests
        if _DEFAULTS not in self.select.seconds:
            self._measure([_DEFAULTS])
        seconds = self.select.seconds[_DEFAULTS]
        return ({_DEFAULTS: seconds} if seconds >= 0 else {}) | tests

    def _entering(self, mutant: Mutant, text: str) -> dict[str, float]:
        """Return the tests that enter a mutant's lines, as many as four times the budget allows,
        with their seconds; those of its area where its module is compiled."""
        if self._lines is not None and not (
            _COMPILED.search(text) or mutant.file in _COMPILED_ELSEWHERE
        ):
            near = [*itertools.chain(*self.select.of(mutant.file)[:2])]
            last = mutant.line + mutant.before.count("\n")
            found = self._lines.of(mutant.file, mutant.line, last, near)
            if found:
                chosen, spent = dict[str, float](), 0.0
                for test, seconds in found.items():
                    if not chosen or spent + seconds <= 4 * self.budget_s:
                        chosen[test] = seconds
                        spent += seconds
                return chosen
        return {test: self.select.seconds[test] for test in self._tests(mutant.file)}

    def line_of(self, mutant: Mutant) -> str:
        """Return the line that a mutant begins in."""
        return (
            (self.bench.home / mutant.file)
            .read_text(encoding="utf-8")
            .splitlines()[mutant.line - 1]
            .strip()
        )

    def judge(self, mutant: Mutant) -> Verdict:
        """Run the tests of a mutant's area."""
        path = self.bench.home / mutant.file
        text, stamp = path.read_text(encoding="utf-8"), path.stat()
        line_text = self.line_of(mutant)
        for entry in self._equivalent:
            if (
                mutant.file == entry["file"]
                and entry["text"] in line_text
                and entry.get("after", "") in _short(mutant.after)
            ):
                return Verdict(mutant, "equivalent", 0.0, 0, str(entry["reason"]), line_text)
        tests = self._judges(mutant, text)
        if not tests:
            return Verdict(mutant, "survived", 0.0, 0, "no test file is near", line_text)
        begun = time.monotonic()
        expected = sum(tests.values())
        try:
            path.write_text(mutant.applied(text), encoding="utf-8")
            os.utime(
                path,
                (
                    stamp.st_atime,
                    stamp.st_mtime + 100 + (mutant.begin * 31 + len(mutant.after)) % 100_000,
                ),
            )
            self.bench.forget_code(mutant.file, text)
            state, _, words = self.bench.run([*tests], 20 * expected + 300.0)
        finally:
            path.write_text(text, encoding="utf-8")
            os.utime(path, (stamp.st_atime, stamp.st_mtime))
            self.bench.restore_code()
        status = {"passed": "survived", "failed": "killed", "timeout": "killed"}[state]
        noticed = [
            line[:200] for line in words.splitlines() if line.startswith(("FAILED", "ERROR"))
        ]
        reason = "timeout" if state == "timeout" else "".join(noticed[-1:])
        return Verdict(mutant, status, time.monotonic() - begun, len(tests), reason, line_text)


def equivalents() -> list[dict[str, str]]:
    """Return the mutants that change nothing anybody could observe: file, a part of the line, a
    part of what it becomes, and the reason."""
    if not EQUIVALENT.exists():
        return []
    return list(tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("mutant", []))


def chosen(
    home: Path,
    folders: Sequence[str],
    count: int,
    seed: int,
    only: str = "",
    *,
    compiled: bool = True,
) -> dict[str, list[Mutant]]:
    """Return `count` mutants of each folder, drawn with a seed, all of them for 0; without
    `compiled` none of modules that are compiled."""
    every: dict[str, list[Mutant]] = {}
    for path in sorted((home / "spicesnn").rglob("*.py")):
        file = str(path.relative_to(home))
        if (
            (only and only not in file)
            or (folders and folder_of(file) not in folders)
            or file in _BY_EYE
        ):
            continue
        text = path.read_text(encoding="utf-8")
        if compiled or not (_COMPILED.search(text) or file in _COMPILED_ELSEWHERE):
            every.setdefault(folder_of(file), []).extend(mutants(file, text))
    drawn = {}
    for folder, found in every.items():
        random.Random(f"{seed} {folder}").shuffle(found)
        sound = (
            m for m in found if _parses(m.applied((home / m.file).read_text(encoding="utf-8")))
        )
        drawn[folder] = list(itertools.islice(sound, count or None))
    return drawn


def judged(
    run: Run, drawn: dict[str, list[Mutant]], log: Path, *, again: bool = False
) -> Iterator[Verdict]:
    """Yield what becomes of each mutant, and note it; those of an earlier run are not tried again,
    with `again` but for survivors."""
    known = _logged(log)
    for found in drawn.values():
        for mutant in found:
            row = known.get(
                (mutant.file, _short(mutant.before), _short(mutant.after), run.line_of(mutant))
            )
            if row is not None and not (again and row["status"] != "killed"):
                yield Verdict(
                    mutant, row["status"], row["seconds"], row["tests"], row["reason"], row["text"]
                )
                continue
            verdict = run.judge(mutant)
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(verdict.table(), ensure_ascii=False) + "\n")
            yield verdict


def _logged(log: Path) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """Return what became of the mutants of earlier runs; lines may have moved since."""
    rows = (
        [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        if log.exists()
        else []
    )
    return {(row["file"], row["before"], row["after"], row["text"]): row for row in rows}


def drawn_before(home: Path, log: Path) -> dict[str, list[Mutant]]:
    """Return the mutants of an earlier run that are still there."""
    known, drawn = _logged(log), dict[str, list[Mutant]]()
    for file in dict.fromkeys(key[0] for key in known):
        text = (home / file).read_text(encoding="utf-8") if (home / file).exists() else ""
        lines, seen = text.splitlines(), set[tuple[str, str, str, str]]()
        for mutant in mutants(file, text):
            key = (
                file,
                _short(mutant.before),
                _short(mutant.after),
                lines[mutant.line - 1].strip(),
            )
            if key in known and key not in seen:
                seen.add(key)
                drawn.setdefault(folder_of(file), []).append(mutant)
    return drawn


def table(verdicts: Sequence[Verdict]) -> str:
    """Return the score of each folder as a table."""
    lines = [
        "| folder | mutants | noticed | survived | equivalent | score |",
        "|---|---|---|---|---|---|",
    ]
    folders = sorted({folder_of(v.mutant.file) for v in verdicts})
    for folder in [*folders, "all"]:
        own = [v for v in verdicts if folder in ("all", folder_of(v.mutant.file))]
        killed, alive, same = (
            sum(v.status == status for v in own) for status in ("killed", "survived", "equivalent")
        )
        lines.append(
            f"| {folder} | {len(own)} | {killed} | {alive} | {same} |"
            f" {100 * killed / max(killed + alive, 1):.1f} % |"
        )
    return "\n".join(lines)


def score(verdicts: Sequence[Verdict]) -> float:
    """Return the fraction of the mutants that were noticed, equivalent ones not counted."""
    killed, alive = (sum(v.status == status for v in verdicts) for status in ("killed", "survived"))
    return killed / max(killed + alive, 1)


def ran(
    folders: Sequence[str],
    *,
    count: int,
    seed: int,
    out: Path,
    only: str = "",
    budget_s: float = 30.0,
    again: bool = False,
    compiled: bool = True,
    log: bool = True,
    lines: Path | None = None,
) -> list[Verdict]:
    """Draw mutants, run them, and leave ``mutants.jsonl``, ``survivors.md`` and ``score.md`` in
    `out`.

    Parameters
    ----------
    folders : sequence of str
        Of ``spicesnn/``, "top" for modules in none; all if empty.
    count, seed : int
        So many mutants a folder, drawn with a seed; 0 for all.
    out : Path
        What an earlier run has left there is not computed again.
    only : str
        Part of the path of the modules that are mutated.
    budget_s : float
        Processor seconds of tests for a mutant, at most; twice as many for tests that import the
        module themselves.
    again : bool
        Try the survivors of the earlier run in `out` again, with the tests as they are now, and
        draw no others.
    compiled : bool
        Mutate compiled modules too; each of these mutants is compiled afresh, which takes up to a
        minute.
    log : bool
        Print a line a mutant.
    lines : Path, optional
        Folder in which a run of the suite noted which tests enter which line.
    """
    out.mkdir(parents=True, exist_ok=True)
    _preloaded()
    with tempfile.TemporaryDirectory(prefix="spicesnn-mutants-") as place:
        home = _copied(Path(place) / "project")
        noted = Lines(lines) if lines is not None else None
        run, verdicts = Run(home, out, budget_s, noted), list[Verdict]()
        drawn = (
            drawn_before(home, out / "mutants.jsonl")
            if again
            else chosen(home, folders, count, seed, only, compiled=compiled)
        )
        total = sum(map(len, drawn.values()))
        for verdict in judged(run, drawn, out / "mutants.jsonl", again=again):
            verdicts.append(verdict)
            if log:
                print(
                    f"{len(verdicts)}/{total} {verdict.status:10} {verdict.seconds:5.1f} s "
                    f" {verdict.mutant.described()}",
                    flush=True,
                )
    alive = [v for v in verdicts if v.status == "survived"]
    (out / "survivors.md").write_text(
        "\n".join(f"- {v.mutant.described()}  `{v.line_text}`" for v in alive) + "\n",
        encoding="utf-8",
    )
    (out / "score.md").write_text(table(verdicts) + "\n", encoding="utf-8")
    return verdicts


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folders",
        nargs="*",
        help='folders of spicesnn/ ("top" for modules in none); all if left out',
    )
    parser.add_argument("--count", type=int, default=30, help="mutants a folder; 0 for all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="only modules whose path has this in it")
    parser.add_argument(
        "--budget",
        type=float,
        default=30.0,
        help="processor seconds of tests for a mutant (twice as many for tests that import it)",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/mutation"))
    parser.add_argument(
        "--again",
        action="store_true",
        help="try what survived an earlier run in --out again, with the tests as they are now",
    )
    parser.add_argument(
        "--plain",
        action="store_true",
        help="leave out modules with compiled functions, whose mutants take up to a minute each",
    )
    parser.add_argument(
        "--lines",
        type=Path,
        metavar="FOLDER",
        help="where a run of the suite noted which tests enter which line",
    )
    given = parser.parse_args()
    verdicts = ran(
        given.folders,
        count=given.count,
        seed=given.seed,
        out=given.out.resolve(),
        only=given.only,
        budget_s=given.budget,
        again=given.again,
        compiled=not given.plain,
        lines=given.lines,
    )
    print(table(verdicts))
    low = [
        f
        for f in {folder_of(v.mutant.file) for v in verdicts}
        if score([v for v in verdicts if folder_of(v.mutant.file) == f])
        < (0.95 if f in HIGH else 0.9)
    ]
    print(f"below what is asked for: {', '.join(sorted(low)) or 'none'}")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
