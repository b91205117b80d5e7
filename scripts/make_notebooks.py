"""Execute the notebooks of the documentation and keep their outputs, which the site shows.

    python scripts/make_notebooks.py [docs/notebooks/array-and-ir-drop.ipynb …]

Needs nbclient and ipykernel. Outputs are kept as they come, but for what changes from run to run
(execution counts stay, times are left out)."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "notebooks"


def executed(path: Path) -> nbformat.NotebookNode:
    """Return a notebook with the outputs of a run in its own folder; a cell that fails raises."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    notebook.metadata = {
        "kernelspec": notebook.metadata["kernelspec"],
        "language_info": {"name": "python"},
    }
    return notebook


def main(paths: list[Path]) -> None:
    """Execute and write the notebooks given, or all."""
    for path in paths or sorted(FOLDER.glob("*.ipynb")):
        nbformat.write(executed(path), path)
        print(path)


if __name__ == "__main__":
    main([Path(text) for text in sys.argv[1:]])
