"""Counts of the package's structure: what a reader has to hold in mind.

    python scripts/house.py [--checkout FOLDER] [--entered] [--json house.json]

Public top-level definitions, functions with many arguments, tokens and import circles (lazy and
type-only imports included) are read from the text. With --entered, two programs are run under
`sys.setprofile`, and the files of the package whose functions they enter are counted (what runs
while modules are imported is left out): a whole ``spicesnn train xpue --no-figures`` after its
kernels are compiled, and a read of an array of nonlinear cells through the nodal engine."""

from __future__ import annotations

import argparse
import ast
import io
import json
import os
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterator
from pathlib import Path

MOST_ARGUMENTS = 12
WANTED = {
    "public definitions": 700,
    f"functions with more than {MOST_ARGUMENTS} arguments": 0,
    "files in import circles": 0,
    "files entered by spicesnn train xpue": 40,
    "files entered by a nonlinear nodal read": 12,
}
_QUIET = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}

PROFILE = """
import atexit, os, sys, threading
package = os.path.join({checkout!r}, "spicesnn") + os.sep
entered = set()
importing = 0
def note(frame, event, argument):
    global importing
    code = frame.f_code
    if event not in ("call", "return"):
        return
    if code.co_name == "<module>" or code.co_filename.startswith("<frozen importlib"):
        importing += 1 if event == "call" else -1
    elif event == "call" and importing == 0 and code.co_filename.startswith(package):
        entered.add(code.co_filename[len(package):])
def done():
    sys.setprofile(None)
    with open({out!r}, "w") as file:
        file.write("\\n".join(sorted(entered)))
atexit.register(done)
threading.setprofile(note)
"""
TRAIN = (
    PROFILE
    + """
from spicesnn.cli import main
sys.argv = ["spicesnn", "train", "xpue", "--engine", "nodal", "--seed", "1", "--no-figures", "--json", "--out", {run!r}]
sys.setprofile(note)
main()
"""
)
READ = (
    PROFILE
    + """
import numpy as np
import spicesnn as sn
array = sn.Crossbar(device=sn.devices.Yakopcic(), state=np.full((16, 16), 0.5), wires=sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0))
engine = sn.NodalEngine()
engine.read(array, np.full(16, 0.05))
sys.setprofile(note)
engine.read(array, np.full(16, 0.1))
"""
)


def trees(package: Path) -> dict[str, ast.Module]:
    """Read every module of the package, by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        name = ".".join(
            (package.name, *path.relative_to(package).with_suffix("").parts)
        ).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def public(tree: ast.Module) -> Iterator[str]:
    """Name the public classes, functions and constants at the top level of a module."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [
                item.id
                for target in node.targets
                for item in ast.walk(target)
                if isinstance(item, ast.Name)
            ]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            names = []
        yield from (name for name in names if not name.startswith("_"))


def wide(tree: ast.Module, most: int) -> Iterator[tuple[str, int]]:
    """Name the functions with more than `most` arguments, self left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            count = len([entry for entry in every if entry.arg not in ("self", "cls")])
            if count > most:
                yield node.name, count


def graph(package: dict[str, ast.Module], root: Path) -> dict[str, set[str]]:
    """Map each module to those of the package that it imports anywhere in its text."""
    found: dict[str, set[str]] = {}
    for name, tree in package.items():
        home = (
            name
            if (root.parent.joinpath(*name.split(".")) / "__init__.py").is_file()
            else name.rpartition(".")[0]
        )
        named = set[str]()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                named |= {entry.name for entry in node.names}
            elif isinstance(node, ast.ImportFrom):
                above = (
                    home.split(".")[: len(home.split(".")) - node.level + 1] if node.level else []
                )
                base = ".".join([*above, *([node.module] if node.module else [])])
                named |= {
                    f"{base}.{entry.name}" if f"{base}.{entry.name}" in package else base
                    for entry in node.names
                }
        found[name] = {other for other in named if other in package and other != name}
    return found


def circles(imports: dict[str, set[str]]) -> list[set[str]]:
    """Find the sets of modules that reach each other, the package's front door left out."""
    reach: dict[str, set[str]] = {}
    for name in imports:
        seen, waiting = set[str](), list(imports[name])
        while waiting:
            other = waiting.pop()
            if other not in seen:
                seen.add(other)
                waiting += imports[other]
        reach[name] = seen
    found = {
        frozenset({name, *(other for other in reach[name] if name in reach[other])})
        for name in imports
        if name in reach[name]
    }
    return sorted((set(one) for one in found), key=len, reverse=True)


def tokens(package: Path) -> int:
    """Count the tokens of the code, comments and layout left out."""
    total = 0
    for path in package.rglob("*.py"):
        stream = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
        total += sum(token.type not in _QUIET for token in stream)
    return total


def entered(checkout: Path, program: str) -> list[str]:
    """Run a program of the checkout and list the files of the package whose functions it enters."""
    with tempfile.TemporaryDirectory() as scratch:
        out, environment = (
            Path(scratch) / "entered",
            os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"},
        )
        for turn in ("compiles", "counts"):
            code = program.format(
                checkout=str(checkout), out=str(out), run=str(Path(scratch) / turn)
            )
            subprocess.run(
                [sys.executable, "-c", code],
                check=True,
                capture_output=True,
                env=environment,
                cwd=scratch,
            )
        return out.read_text().split()


def main() -> None:
    """Print the counts beside what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkout", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--entered", action="store_true", help="also run the two programs")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--list", action="store_true", help="name what is counted")
    options = parser.parse_args()
    root = options.checkout.resolve() / "spicesnn"
    package = trees(root)
    rings = circles(graph(package, root))
    many = [
        f"{name}.{function} ({count})"
        for name, tree in package.items()
        for function, count in wide(tree, MOST_ARGUMENTS)
    ]
    names = [f"{name}.{one}" for name, tree in package.items() for one in public(tree)]
    lists = {
        "public definitions": names,
        f"functions with more than {MOST_ARGUMENTS} arguments": many,
        "files in import circles": [name for ring in rings for name in sorted(ring)],
    }
    counts = {
        "modules": len(package),
        "tokens": tokens(root),
        **{name: len(found) for name, found in lists.items()},
    }
    if options.entered:
        for name, program in (
            ("files entered by spicesnn train xpue", TRAIN),
            ("files entered by a nonlinear nodal read", READ),
        ):
            lists[name] = entered(options.checkout.resolve(), program)
            counts[name] = len(lists[name])
    for name, count in counts.items():
        print(
            f"{name:48} {count:7}{f'   wanted: {WANTED[name]} or fewer' if name in WANTED else ''}"
        )
        if options.list and name in lists:
            print("\n".join(f"    {one}" for one in lists[name]))
    if options.json:
        options.json.write_text(json.dumps({"counts": counts, "lists": lists}, indent=1) + "\n")


if __name__ == "__main__":
    main()
