"""The notebooks of the documentation: executed, with outputs that a new run repeats, and shown in
the site."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def module(path):
    specification = importlib.util.spec_from_file_location(path.stem, path)
    made = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = made
    specification.loader.exec_module(made)
    return made


def printed(cells):
    return [
        output["text"] if isinstance(output["text"], str) else "".join(output["text"])
        for cell in cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream"
    ]


def test_there_are_notebooks_and_each_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) >= 6
    assert [path.name for path in NOTEBOOKS if f"notebooks/{path.stem}.md" not in navigation] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_executed_whole_and_in_order_without_errors(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert {output["output_type"] for cell in code for output in cell["outputs"]} <= {
        "stream",
        "display_data",
        "execute_result",
    }
    assert "".join(cells[0]["source"]).startswith("# ")
    assert str(Path.home()) not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_page_has_text_code_output_and_picture(path):
    pytest.importorskip("mkdocs")
    text = module(ROOT / "docs" / "hooks.py").notebook_page(path)
    for part in (
        f"[Download the notebook]({path.name})",
        "```python\nimport ",
        "```text\n",
        'src="data:image/png;base64,',
    ):
        assert part in text


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_new_run_prints_what_is_kept(path):
    pytest.importorskip("nbclient")
    if path.stem == "verilog-a-device":
        pytest.importorskip("openvaf_py")
    kept = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert printed(module(ROOT / "scripts" / "make_notebooks.py").executed(path).cells) == printed(
        kept
    )
