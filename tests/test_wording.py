"""What people read says it in the words of the field: phrases that were found hard to read stay out
of the package, the README and the pages."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = [
    r"a name that is none",
    r"the twins",
    r"tolerance of the twins",
    r"\d+ of \d+ hold\b",
    r"\bcards\b",
    r"other engine's word",
    r"</?h2>Again\b",
    r"Otherwise than",
    r"How many minima",
    r"[Ss]o many ",
    r"foresees? a pulse",
    r"cut finer",
    r"in detail; no preset",
    r"J'?\)? delivered",
    r"worst share",
    r"What reaches each cell",
    r", in the end\b",
    r"weight stands on",
    r"these shares of",
    r"without a word",
    r"goes? a short way",
    r"with its traps",
    r"otherwise in the last bits",
    r"arrive whole",
    r"\ba share of\b",
    r"\bas a share\b",
    r"\bshare of (?:the|its|cells|peak|range)\b",
    r"(?:does|do) not hold\b",
    r"what the wires (?:leave|take)",
    r"asks? for in",
    r"answered rightly",
    r"wherever they are",
    r"\bdrawn anew\b",
    r"compiling .{0,40}, once",
]
"""Regular expressions, each with what is written in its place in `docs/glossary.md` or plain from
the context."""
ALLOWED = {
    "cards": (
        "spicesnn/reporting/",
        "spicesnn/netlist/",
        "spicesnn/cli/netlist.py",
        "spicesnn/devices/importers/",
    )
}
"""Words of code that nobody reads as text: `cards` of a deck, cards of a page."""


def read_by_people():
    """Yield (place, text): the README, the pages, templates, presets, and all strings of the
    package that are not docstrings outside the commands."""
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ):
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for path in (
        *(ROOT / "spicesnn").rglob("*.j2"),
        *(ROOT / "spicesnn" / "presets").rglob("*.toml"),
    ):
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "spicesnn").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        internal = set()
        if "/cli/" not in path.as_posix():
            internal = {
                id(node.value)
                for node in ast.walk(tree)
                if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in internal
            ):
                yield f"{path.relative_to(ROOT).as_posix()}:{node.lineno}", node.value


TEXTS = list(read_by_people())


def test_there_is_something_to_read():
    assert sum(len(text) for _, text in TEXTS) > 200_000


@pytest.mark.parametrize("phrase", FORBIDDEN)
def test_no_text_for_people_has_the_phrase(phrase):
    found = [
        f"{place}: {match[0]!r}"
        for place, text in TEXTS
        for match in re.finditer(phrase, re.sub(r"\s+", " ", text))
        if not place.startswith(ALLOWED.get(phrase.strip("\\b"), ("nowhere",)))
    ]
    assert found == []
