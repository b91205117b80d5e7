"""Files of another kind than what is read: a refusal says what was got, what is taken, and nothing
that does not help."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from spicesnn import npz
from spicesnn.cli import main
from spicesnn.errors import AbsentError, ConfigError, DataError, InputError, RunError
from spicesnn.file_kinds import what_is


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


FILES = {
    "model.pt": (
        zipped(**{"m__data.pkl": pickle.dumps({"a": 1}), "m__data__0": bytes(8)}),
        "a PyTorch file, a pickle, which can run programs",
    ),
    "old.pth": (
        pickle.dumps({"w": [1]}),
        "a Python pickle, which can run programs when it is loaded and is not read",
    ),
    "model.h5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file"),
    "w.npy": (b"\x93NUMPY\x01\x00" + bytes(99), "one NumPy array"),
    "book.xlsx": (zipped(xl__workbook="x"), "an Excel workbook"),
    "other.zip": (zipped(a="x"), "a zip archive of other files"),
    "x.cir": (b"* deck\n.end\n", "a SPICE netlist"),
    "x.va": (b"module m(a, b);\n", "a Verilog-A model"),
    "m.onnx": (b"\x08\x07\x12\x07pytorch", "an ONNX model"),
    "note.txt": (b"hello\n", "text"),
    "nothing": (b"", "empty"),
    "a.png": (b"\x89PNG\r\n", "a picture"),
}


@pytest.fixture
def files(tmp_path):
    for name, (content, _) in FILES.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_what_a_file_is(files, name):
    assert what_is(files / name).startswith(FILES[name][1])


@pytest.mark.parametrize("name", FILES)
def test_no_archive_of_arrays_is_called_what_it_is(files, name):
    with pytest.raises(
        DataError, match=r"; expected an \.npz file of plain arrays, as numpy\.savez writes"
    ) as told:
        npz.read(files / name)
    assert FILES[name][1] in str(told.value)
    assert "fetch or make it again" not in str(told.value)


def test_a_sound_archive_that_is_cut_is_still_damaged(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(1000))
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-40])
    with pytest.raises(
        DataError, match=r"is not a sound \.npz file of plain arrays .*fetch or make it again"
    ):
        npz.read(tmp_path / "a.npz")


COMMANDS = (
    ("train", "exsitu-xor", "--set", "exsitu.weights=absent.npz"),
    ("train", "exsitu-xor", "--set", "exsitu.weights=absent.json"),
    ("train", "letters-3x3", "--set", "data.source=file", "--set", "data.path=absent.csv"),
    ("train", "absent.toml"),
    ("train", "absent/x"),
    ("train", "--resume", "--out", "absent"),
    ("train", "--replay", "absent:0"),
    ("infer", "absent"),
    ("report", "absent"),
    ("netlist", "absent/x"),
    ("netlist", "absent.toml"),
    ("iv", "absent.toml"),
    ("fit", "vteam", "absent.csv"),
    ("characterize", "absent.toml"),
    ("sweep", "absent.toml", "--over", "array.word_line_ohm=1"),
    ("study", "absent.toml"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_path_that_is_not_there_is_wrong_usage_in_every_command(
    tmp_path, monkeypatch, capfd, command
):
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    said = capfd.readouterr().err.strip()
    assert "there is no f" in said
    assert "absent" in said
    assert len(said.splitlines()) == 1


INSTEAD = {
    ("infer", "model.pt"): "model.pt is a PyTorch file",
    ("report", "x.cir"): "x.cir is a SPICE netlist, not a folder; expected a run directory",
    ("train", "x.cir"): "x.cir is a SPICE netlist; expected a preset (",
    (
        "iv",
        "x.cir",
    ): "x.cir is a SPICE netlist; `spicesnn import x.cir` writes a descriptor for it; expected a device file in TOML",
    ("iv", "note.txt"): "note.txt is text; expected a device file in TOML",
    (
        "characterize",
        "x.va",
    ): "x.va is a Verilog-A model; `spicesnn import x.va` writes a descriptor for it",
}


@pytest.mark.parametrize("command", INSTEAD, ids=" ".join)
def test_another_kind_of_path_is_named(files, monkeypatch, capfd, command):
    monkeypatch.chdir(files)
    assert main(command) == 2
    assert INSTEAD[command] in capfd.readouterr().err


def test_a_run_directory_in_place_of_a_preset_says_how_to_use_it(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.toml").write_text("")
    assert main(["train", "run"]) == 2
    assert (
        "run is a run directory: run/run.toml is its TOML file, and --resume --out run goes on with it"
        in capfd.readouterr().err
    )


def test_an_absent_path_is_caught_as_what_a_caller_expects():
    for kind in (DataError, RunError, ConfigError, InputError, OSError, ValueError):
        assert issubclass(AbsentError, kind)
