"""Imports go down: no module of a lower room imports from a higher one, lazily or for types
neither, and modules stand in no circle."""

import ast
from pathlib import Path

import pytest

import spicesnn

PACKAGE = Path(spicesnn.__file__).resolve().parent
ROOMS = (
    "devices",
    "crossbar",
    "neurons",
    "encoding",
    "datasets",
    "nonidealities",
    "netlist",
    "engines",
    "views",
    "validation",
    "characterization",
    "programming",
    "learning",
    "networks",
    "training",
    "fitting",
    "estimator",
    "torch",
    "jax",
    "plotting",
    "studies",
    "reporting",
    "cli",
    "__main__",
)
"""From low to high; every other module at the top of the package is the ground that all stand
on."""


def imports():
    """Return module → the modules of the package that it imports anywhere in its text."""
    files = {
        ".".join(("spicesnn", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): path
        for path in PACKAGE.rglob("*.py")
    }
    found = {}
    for name, path in files.items():
        home = name if path.name == "__init__.py" else name.rpartition(".")[0]
        found[name] = {
            module
            for module in named(ast.parse(path.read_text(encoding="utf-8")), home, files)
            if module in files and module != name
        }
    return found


def named(tree, home, files):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (entry.name for entry in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = home.split(".")[: len(home.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for entry in node.names:
                yield f"{base}.{entry.name}" if f"{base}.{entry.name}" in files else base


def room(module):
    """Return how high a module stands; the package's own front door, which loads what is asked for,
    stands nowhere."""
    parts = module.split(".")
    return 0 if len(parts) == 1 or parts[1] not in ROOMS else 1 + ROOMS.index(parts[1])


def circles(graph):
    """Return the sets of modules that reach each other (Tarjan)."""
    number, low, stack, found = {}, {}, [], []

    def visit(module):
        number[module] = low[module] = len(number)
        stack.append(module)
        for other in graph[module]:
            if other not in number:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], number[other])
        if low[module] == number[module]:
            one = set()
            while module not in one:
                one.add(stack.pop())
            found.append(one)

    for module in graph:
        if module not in number:
            visit(module)
    return [one for one in found if len(one) > 1]


@pytest.fixture(scope="module")
def graph():
    return imports()


def test_no_import_leads_up(graph):
    up = [
        f"{name} imports {other}"
        for name, others in graph.items()
        if name != "spicesnn"
        for other in others
        if room(other) > room(name)
    ]
    assert not up


def test_nothing_imports_the_front_door(graph):
    assert [
        name
        for name, others in graph.items()
        if "spicesnn" in others and name != "spicesnn.__main__"
    ] == []


def test_modules_stand_in_no_circle(graph):
    assert circles(graph) == []


def test_a_circle_and_a_step_up_would_be_seen():
    made = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert circles(made) == [{"a", "b", "c"}]
    assert (
        room("spicesnn.reporting.notebook")
        > room("spicesnn.plotting.fit")
        > room("spicesnn.devices.base")
        > room("spicesnn.units")
    )
    files = {"spicesnn.devices": 0, "spicesnn.devices.base": 0}
    tree = ast.parse(
        "def f():\n    from spicesnn.devices import base\nfrom . import base\nimport spicesnn.devices"
    )
    assert sorted(named(tree, "spicesnn.devices", files)) == [
        "spicesnn.devices",
        "spicesnn.devices.base",
        "spicesnn.devices.base",
    ]
