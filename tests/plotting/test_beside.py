"""Figures of a second process: the same pictures, and the same errors where it cannot draw."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from spicesnn.plotting import beside

linux = pytest.mark.skipif(sys.platform != "linux", reason="only there a process is forked")
PROGRAM = """
import sys
from spicesnn.plotting import beside
{change}
from spicesnn.cli import main
code = main(["iv", "vteam", "--out", sys.argv[1]])
print("matplotlib" in sys.modules)
sys.exit(code)
"""
KILLED = """
import os
def killed(asked, answer, modules):
    os.read(asked, 1)
    os._exit(9)
beside._serve = killed
"""


def run(folder, change=""):
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(change=change), str(folder / "iv")],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.split()[-1], np.asarray(Image.open(folder / "iv" / "iv.png"))


@linux
def test_the_picture_is_the_one_that_one_process_draws(tmp_path):
    for name in ("beside", "alone", "killed"):
        (tmp_path / name).mkdir()
    loaded, picture = run(tmp_path / "beside")
    assert loaded == "False"
    loaded, alone = run(tmp_path / "alone", "import numpy")
    assert loaded == "True"
    assert np.array_equal(picture, alone)
    loaded, killed = run(tmp_path / "killed", KILLED)
    assert loaded == "True"
    assert np.array_equal(killed, alone)


@linux
def test_errors_of_the_second_process_are_those_of_the_first_and_nothing_is_left_of_it(tmp_path):
    program = """
import os, sys
from spicesnn.plotting.beside import drawing
def fails(text):
    raise ValueError(text)
for what in (fails, lambda text: fails(text)):
    try:
        with drawing("json") as draw:
            assert draw.__name__ == "draw"
            draw(what, "no such picture")
    except ValueError as error:
        print(error)
try:
    os.waitpid(-1, 0)
except ChildProcessError:
    print("no child")
"""
    (tmp_path / "program.py").write_text(program)
    found = subprocess.run(
        [sys.executable, "program.py"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert found.stdout.splitlines() == ["no such picture", "no such picture", "no child"]
    assert found.stderr == ""


def test_a_process_that_may_have_threads_draws_itself():
    drawn = []
    with beside.drawing("matplotlib") as draw:
        assert draw is beside.here
        draw(drawn.append, 3)
    assert drawn == [3]
