"""What commands leave behind: everything under --out, nothing beside it."""

import os
import subprocess
import sys

import pytest

from spicesnn.paths import checkout_data_dir, netlists_dir

COMMANDS = {
    "train": ["train", "xpue", "--engine", "nodal", "--set", "training.updates=1", "--seed", "1"],
    "iv": ["iv", "vteam", "--engine", "both"],
    "a foreign device": [
        "iv",
        str(netlists_dir() / "foreign_memristor.toml"),
        "--engine",
        "ngspice",
        "--frequency",
        "1",
    ],
    "netlist": ["netlist", "xpue"],
    "doctor": ["doctor"],
    "sweep": [
        "sweep",
        "letters-3x3",
        "--over",
        "array.word_line_ohm=0,1",
        "--seeds",
        "1",
        "--set",
        "training.updates=1",
    ],
}
CACHES = (".cache", ".config/matplotlib")
"""Below the home folder: matplotlib's fonts, numba's compiled code where the package's folder
cannot be written, downloads that were asked for."""


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.mark.parametrize("name", list(COMMANDS))
def test_nothing_is_written_outside_out(name, tmp_path):
    places = {key: tmp_path / key for key in ("work", "home", "temporary", "out")}
    for place in places.values():
        place.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(places["home"]),
        "TMPDIR": str(places["temporary"]),
        "SPICESNN_DATA": str(checkout_data_dir()),
        "MPLBACKEND": "Agg",
    }
    command = [
        sys.executable,
        "-m",
        "spicesnn",
        *COMMANDS[name],
        "--out",
        str(places["out"] / "result"),
    ]
    done = subprocess.run(
        command, cwd=places["work"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert files_below(places["out"])
    assert files_below(places["work"]) == []
    assert [path for path in files_below(places["home"]) if not path.startswith(CACHES)] == []
    assert files_below(places["temporary"]) == []
