from __future__ import annotations

import numpy as np
import pytest

from spicesnn.devices import registry
from spicesnn.devices.delta_table import DeltaTable
from spicesnn.devices.device_file import device_table, device_toml, read_device, write_device
from spicesnn.devices.measured import MeasuredDevice
from spicesnn.errors import DataError, InputError, RunError, UnknownNameError
from spicesnn.netlist.device_source import device_from, table_names
from spicesnn.netlist.foreign import load_foreign
from spicesnn.paths import checkout_data_dir, netlists_dir

CELLS = [name for name in registry.names() if hasattr(registry.device_class(name), "around")]
TWO_TERMINAL = [
    name for name in registry.names() if name not in CELLS and not registry.device_class(name).gated
]


def changed(device):
    """Return the device with every parameter a little off its default, where that is allowed."""
    for row in device.parameter_table():
        value = getattr(device, row["name"], None)
        if value is None:
            value = getattr(device.memristor, row["name"])
        for factor in (1.0123, 1 / 1.0123):
            try:
                device = device.with_parameters(**{row["name"]: value * factor})
                break
            except InputError:
                continue
    return device


@pytest.mark.parametrize(
    ("name", "memristor"),
    [(name, None) for name in registry.names()] + [(c, m) for c in CELLS for m in TWO_TERMINAL],
)
def test_every_device_and_cell_comes_back_from_its_file(name, memristor, tmp_path):
    device = changed(registry.fresh(name, memristor))
    again = read_device(write_device(tmp_path / "device.toml", device, heading="one\ntwo"))
    assert type(again) is type(device)
    assert again.spice_parameters() == device.spice_parameters()
    assert device_table(again) == device_table(device)
    assert device_table(device) != device_table(registry.fresh(name, memristor))
    assert device_from(tmp_path / "device.toml").spice_parameters() == device.spice_parameters()


def test_choices_come_back(tmp_path):
    device = registry.make("vteam").with_text(window="joglekar", resistance="exponential")
    assert read_device(write_device(tmp_path / "d.toml", device)).window is device.window


def test_a_measured_table_goes_beside_its_file(tmp_path):
    device = MeasuredDevice.of(
        DeltaTable.from_csv(checkout_data_dir() / "devices" / "delta_table.csv"), g_init=30e-6
    )
    again = read_device(write_device(tmp_path / "mine.toml", device))
    np.testing.assert_array_equal(again.rates.values, device.rates.values)
    assert again.g_init == 30e-6
    assert (tmp_path / "mine.csv").is_file()


def test_what_a_file_cannot_hold(tmp_path):
    with pytest.raises(InputError, match="sub-circuit has its own descriptor"):
        device_toml(load_foreign(netlists_dir() / "foreign_memristor.toml"))
    with pytest.raises(InputError, match=r"r_on is an array of shape \(2,\)"):
        device_toml(registry.make("vteam", r_on=np.array([50.0, 60.0])))
    with pytest.raises(RunError, match="cannot be written"):
        write_device(tmp_path / "no" / "d.toml", registry.make("vteam"))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ('model = "vteam"\nmemristor = "yakopcic"', InputError, "vteam is not a cell"),
        ('model = "1t1r"\nmemristor = "yakopcik"', UnknownNameError, "did you mean 'yakopcic'"),
        (
            'model = "1t1r"\nmemristor = "mosfet-emulator"',
            InputError,
            "expected a device of two terminals",
        ),
        (
            'model = "1t1r"\nmemristor = "yakopcic"\nv_on = 1.0',
            UnknownNameError,
            "1t1r has no parameter 'v_on'",
        ),
        ('model = "table"', DataError, "table needs file"),
        ('model = "table"\nfile = "nowhere.npz"', DataError, "nowhere.npz"),
        ('model = "table"\nfil = "nowhere.npz"', UnknownNameError, "did you mean 'file'"),
    ],
)
def test_files_that_do_not_fit(text, error, message, tmp_path):
    (tmp_path / "d.toml").write_text(f"[device]\n{text}\n")
    with pytest.raises(error, match=message):
        read_device(tmp_path / "d.toml")


def test_words_for_devices(tmp_path):
    assert (
        device_from("vteam", published="magic").spice_parameters()
        == registry.device_class("vteam").from_publication("magic").spice_parameters()
    )
    assert device_from("1s1r", memristor="yakopcic").memristor.name == "yakopcic"
    assert device_from(netlists_dir() / "foreign_memristor.toml").name == "biolek-subckt"
    for name in table_names():
        assert device_from(name).name == "table"
    with pytest.raises(UnknownNameError, match="did you mean 'vteam'"):
        device_from("vtem")
    with pytest.raises(UnknownNameError, match="is a file"):
        device_from("mine.toml", published="magic")
    with pytest.raises(DataError, match="there is no file"):
        device_from("nowhere.toml")
