"""What run.toml, or a device file, of somebody else names may be any file: pipes and devices are
refused, and no text of it is repeated."""

import os

import pytest

from spicesnn.crossbar.faults import StuckMap
from spicesnn.datasets import files, samples
from spicesnn.devices.delta_table import DeltaTable
from spicesnn.devices.pulse_curve import PulseCurve
from spicesnn.devices.saturating_pulse import SaturatingPulse
from spicesnn.errors import DataError, SpicesnnError
from spicesnn.file_kinds import check_is_file, what_is
from spicesnn.learning.weights import read_model, read_weights
from spicesnn.netlist.device_source import device_from
from spicesnn.networks.network import Network
from spicesnn.training import load


def _measured(key):
    """Return a reader of the file that `key` of a device file's [device] table names."""
    more = {
        "table": "",
        "curve": "set_volts = 1.0\nreset_volts = -1.0\npulse_s = 1e-6\n",
        "file": "",
    }[key]
    model = "table" if key == "file" else "measured"

    def read(path):
        descriptor = path.with_name("own-device.toml")
        descriptor.write_text(f'[device]\nmodel = "{model}"\n{key} = "{path.name}"\n{more}')
        return device_from(descriptor)

    return read


READERS = {
    "data.path": (files.read_classes, ".csv"),
    "data.path, arrays": (files.read_classes, ".npz"),
    "data.calibrate": (samples.read, ".npz"),
    "exsitu.weights": (read_weights, ".npz"),
    "exsitu.weights, layers": (read_model, ".json"),
    "imperfections.stuck_map": (StuckMap.from_csv, ".csv"),
    "device.model": (device_from, ".toml"),
    "device.curve": (SaturatingPulse.from_curve, ".csv"),
    "device.curve of a run": (
        lambda path: load("manhattan-4x4", {"device.curve": str(path)}),
        ".csv",
    ),
    "[device] table": (_measured("table"), ".csv"),
    "[device] curve": (_measured("curve"), ".csv"),
    "[device] file": (_measured("file"), ".npz"),
    "a table": (DeltaTable.from_csv, ".csv"),
    "a curve": (PulseCurve.from_csv, ".csv"),
    "network.path": (lambda path: Network.from_arrays(path, activation="relu"), ".npz"),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", ["a pipe without a writer", "a device that never ends"])
def test_a_pipe_or_a_device_is_refused_at_once(tmp_path, name, kind):
    read, suffix = READERS[name]
    path = tmp_path / f"named{suffix}"
    if kind == "a pipe without a writer":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(DataError, match=r"is a pipe or a device|is no (plain )?file"):
        read(path)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "text",
    [
        "canary:x:0:0\n",
        "canary:x:0:0\ncanary\n",
        "label,canary\n1,canary\n2,3\n",
        '"canary\n',
        "siemens,volts,delta_siemens,pulse_s\n1,canary,2,3\n",
        "pulse,siemens\n0,canary\n",
        "[canary\n",
        "canary = canary\n",
    ],
)
def test_no_text_of_the_file_is_repeated(tmp_path, name, text):
    read, suffix = READERS[name]
    path = tmp_path / f"named{suffix}"
    path.write_text(text)
    with pytest.raises(SpicesnnError) as caught:
        read(path)
    assert "canary" not in str(caught.value)


def test_a_pipe_and_a_device_are_named_and_other_things_left_to_who_opens_them(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert what_is(tmp_path / "pipe") == what_is("/dev/zero") == "a pipe or a device"
    (tmp_path / "file").write_text("text")
    for path in (tmp_path / "file", tmp_path / "absent", tmp_path):
        check_is_file(path)
    with pytest.raises(DataError, match="expected a stuck map"):
        check_is_file(tmp_path / "pipe", "a stuck map")
