import errno
import re
from pathlib import Path

import pytest

import spicesnn
from spicesnn.devices.device_file import write_device
from spicesnn.devices.vteam import VTEAM
from spicesnn.errors import DataError, RunError
from spicesnn.validation.suite import Validation
from spicesnn.whole_file import appearing, unwritable, writing


def test_a_file_appears_when_the_block_ends_and_not_before(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with appearing(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_fails_leaves_the_file_before_it_and_nothing_else(tmp_path, error):
    target = tmp_path / "table.csv"
    target.write_text("old")

    def failing():
        with appearing(target) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(error):
        failing()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


WRITES = re.compile(
    r"(\w+(?:\(\w+\))?)\.(?:write_text|write_bytes)\(|(\w+(?:\(\w+\))?)\.open\(\"(?:w|wb|x)\"|np\.save\w*\((\w+)"
)
OF_ITS_OWN = {
    "spicesnn/netlist/batch.py": "the deck and the output of one bare ngspice, in a temporary folder",
    "spicesnn/engines/ngspice/worker.py": "in a temporary folder",
    "spicesnn/validation/compiled_original.py": "the text for another compiler, in a temporary folder",
    "spicesnn/validation/osdi.py": "the compiled model as a sub-circuit, in a temporary folder",
    "spicesnn/engines/ngspice/failures.py": "a failed deck, under a name that nobody else has",
    "spicesnn/devices/generated.py": "renamed into its place by hand",
}


def test_every_file_that_a_user_gets_appears_whole():
    """What is written goes to the `partial` file of `appearing` (or to a `file` that was opened of
    it)."""
    root = Path(spicesnn.__file__).parents[1]
    found = []
    for path in sorted((root / "spicesnn").rglob("*.py")):
        name = str(path.relative_to(root))
        for place in WRITES.finditer(path.read_text(encoding="utf-8")):
            target = next(group for group in place.groups() if group)
            if name not in OF_ITS_OWN and target not in ("partial", "file", "buffer"):
                found.append(f"{name}: {place[0]}")
    assert found == []


def test_a_characterisation_a_device_and_a_validation_that_fail_to_be_written_leave_what_was_there(
    tmp_path, monkeypatch
):
    device = tmp_path / "device.toml"
    write_device(device, VTEAM())
    before = device.read_text()

    def full(self, text, encoding=None):
        with self.open("w") as file:
            file.write(text[:7])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(RunError, match="No space left"):
        write_device(device, VTEAM(r_on=123.0))
    assert device.read_text() == before
    table = Validation(cases=(), wall_s=0.0)
    with pytest.raises(RunError, match="No space left"):
        table.write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["device.toml", "validation.csv"]


def test_what_hinders_writing_says_what_to_do(tmp_path):
    there, then = tmp_path / "a.csv", "choose another folder with --out"
    for number, said in (
        (errno.ENOSPC, f"; free space or {then}"),
        (errno.EDQUOT, f"; free space or {then}"),
        (errno.EROFS, f"; allow writing there or {then}"),
        (errno.EIO, f"; {then}"),
    ):
        line = unwritable(there, OSError(number, "the reason"), then)
        assert line == f"{there} cannot be written: the reason{said}"
    absent = tmp_path / "no" / "a.csv"
    line = unwritable(absent, OSError(errno.ENOENT, "the reason"), "")
    assert line == f"{absent} cannot be written: the reason; make the folder {tmp_path / 'no'}"
    assert unwritable(there, OSError(errno.EIO, "the reason"), "").endswith(": the reason")


def test_what_hinders_a_block_becomes_an_error_of_one_line(tmp_path):
    with pytest.raises(RunError, match="another folder"), writing(tmp_path / "a.csv"):
        (tmp_path / "no" / "a.csv").write_text("x")
    with pytest.raises(DataError), writing(tmp_path / "a.csv", then="", kind=DataError):
        (tmp_path / "no" / "a.csv").write_text("x")
    with pytest.raises(KeyError), writing(tmp_path / "a.csv"):
        raise KeyError
