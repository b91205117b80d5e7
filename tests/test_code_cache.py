"""numba compiles even where nothing can be kept."""

import os
import subprocess
import sys
from pathlib import Path

from spicesnn import code_cache

CODE = """
import os
from pathlib import Path
from spicesnn import code_cache
del os.environ["NUMBA_CACHE_DIR"]
code_cache.kept_in = lambda package: None
code_cache.ensure()
folder = os.environ["NUMBA_CACHE_DIR"]
code_cache.ensure()
assert os.environ["NUMBA_CACHE_DIR"] == folder  # once
from spicesnn.devices.cell_functions import evaluate_cells
assert list(Path(folder).rglob("*.nbi"))
print(folder)
"""


def test_a_process_without_any_place_has_one_of_its_own_while_it_lives(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert folder.parent == tmp_path
    assert not folder.exists()


def test_a_folder_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    assert code_cache.writable(tmp_path / "new" / "newer")
    assert not code_cache.writable(tmp_path / "file" / "below")


def test_the_place_of_a_process_alone_is_none_that_is_kept(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "spicesnn-code-abc"))
    assert code_cache.kept_in(tmp_path / "file" / "package") is None
