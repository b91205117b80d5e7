"""The examples in docstrings print what they say they print."""

import doctest
import importlib
from pathlib import Path

import pytest

import spicesnn

PACKAGE = Path(spicesnn.__file__).parent
WITH_EXAMPLES = sorted(
    path for path in PACKAGE.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8")
)


def test_there_are_examples():
    assert len(WITH_EXAMPLES) >= 4


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_of_a_module_run(path):
    name = ".".join(("spicesnn", *path.relative_to(PACKAGE).with_suffix("").parts))
    done = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert done.failed == 0
    assert done.attempted > 0
