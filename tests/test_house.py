"""The counts of scripts/house.py, on texts small enough to count by hand, and bounds that this
package keeps."""

import ast
import importlib.util
from pathlib import Path

import spicesnn

SCRIPT = Path(spicesnn.__file__).resolve().parents[1] / "scripts" / "house.py"
spec = importlib.util.spec_from_file_location("house", SCRIPT)
house = importlib.util.module_from_spec(spec)
spec.loader.exec_module(house)

TEXT = """
A, _B = 1, 2
C: int = 3

class D:
    e = 1
    def f(self, a, b, *, c, d): ...

def g(a, b, c): ...
async def _h(a): ...
"""


def test_public_definitions_and_wide_functions_are_counted_by_name():
    tree = ast.parse(TEXT)
    assert list(house.public(tree)) == ["A", "C", "D", "g"]
    assert list(house.wide(tree, 3)) == [("f", 4)]


def test_tokens_are_those_of_code(tmp_path):
    (tmp_path / "a.py").write_text("# a comment\nx = 1  # another\n\n\ndef f():\n    return x\n")
    assert house.tokens(tmp_path) == len(["x", "=", "1", "def", "f", "(", ")", ":", "return", "x"])


def test_lazy_and_type_only_imports_close_circles():
    texts = {
        "p.a": "def f():\n    from p import b",
        "p.b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.c import x",
        "p.c": "import p.a",
        "p.d": "from p import a",
    }
    imports = house.graph({name: ast.parse(text) for name, text in texts.items()}, Path("p"))
    assert imports == {"p.a": {"p.b"}, "p.b": {"p.c"}, "p.c": {"p.a"}, "p.d": {"p.a"}}
    assert house.circles(imports) == [{"p.a", "p.b", "p.c"}]


def test_files_that_a_program_enters_are_those_whose_functions_it_calls(tmp_path):
    package = tmp_path / "spicesnn"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "used.py").write_text("def f():\n    return 1\n")
    (package / "imported.py").write_text("def g():\n    return 2\nclass K:\n    a = g()\n")
    program = (
        house.PROFILE
        + "\nfrom spicesnn import used\nsys.setprofile(note)\nimport spicesnn.imported\nused.f()\n# {run!r}\n"
    )
    assert house.entered(tmp_path, program) == ["used.py"]
