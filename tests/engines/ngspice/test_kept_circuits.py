"""What an engine keeps is found again only by what is the same: pairs that differ in one thing give
two answers in one process."""

import dataclasses
import os

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.engines.ngspice.circuit import array_key, device_key
from spicesnn.errors import InputError
from spicesnn.netlist.foreign import load_foreign
from spicesnn.netlist.twin import subckt_card

PAIR = """* two plain memristors in one file: the second is ten times less conductive
.subckt low p n
cx x 0 1
gx 0 x value={1e3*V(p,n)*(1-V(x))*V(x)}
gm p n value={V(p,n)*(1e-4*V(x)+1e-6)}
.ends low
.subckt high p n
cx x 0 1
gx 0 x value={1e3*V(p,n)*(1-V(x))*V(x)}
gm p n value={V(p,n)*(1e-5*V(x)+1e-7)}
.ends high
"""
DESCRIPTOR = """name = "{name}"
file = "pair.lib"
subckt = "{subckt}"
[pins]
p = "{p}"
n = "{n}"
[states.x]
node = "x"
capacitor = "cx"
initial = 0.5
"""


@pytest.fixture(scope="module")
def engine():
    with sn.NgspiceEngine() as running:
        yield running


def described(folder, subckt="low", p="p", n="n", text=PAIR, name="pair"):
    (folder / "pair.lib").write_text(text)
    (folder / "d.toml").write_text(DESCRIPTOR.format(name=name, subckt=subckt, p=p, n=n))
    return load_foreign(folder / "d.toml")


def read(engine, device):
    return engine.read(
        sn.Crossbar(device=device, state=np.full((2, 2), 0.5), wires=sn.Wires.ideal()), [0.1, 0.1]
    ).column_amps[0]


def test_two_sub_circuits_of_one_file_are_two_devices_in_any_order(engine, tmp_path):
    low, high = described(tmp_path), described(tmp_path, "high")
    for device, siemens in ((low, 5.1e-5), (high, 5.1e-6), (low, 5.1e-5)):
        assert read(engine, device) == pytest.approx(0.2 * siemens, rel=1e-9)


def test_an_edited_file_is_another_device(engine, tmp_path):
    before = read(engine, described(tmp_path))
    after = read(engine, described(tmp_path, text=PAIR.replace("1e-4*V(x)", "3e-4*V(x)")))
    assert [before, after] == pytest.approx([0.2 * 5.1e-5, 0.2 * 1.51e-4], rel=1e-9)


def test_swapped_pins_are_another_device(engine, tmp_path):
    text = PAIR.replace("gm p n value={V(p,n)", "gm p n value={2*max(V(p,n),0)")
    there, back = described(tmp_path, text=text), described(tmp_path, p="n", n="p", text=text)
    assert read(engine, there) == pytest.approx(0.4 * 5.1e-5, rel=1e-9)
    assert read(engine, back) == pytest.approx(0.0, abs=1e-15)


def test_an_edited_model_file_of_the_same_device_is_loaded_again(engine, tmp_path):
    path = tmp_path / "ohmic.lib"
    card = ".subckt ohmic p n params: r=required\nr1 p n {{r{0}}}\n.ends\n"

    @dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
    class Ohmic(sn.devices.Resistor):
        model = str(path)
        linear = False

        def spice_parameters(self):
            return {"r": 1e3}

        def current(self, v, x, gate=None):
            return np.asarray(v, dtype=float) / self.ohm() + 0 * np.asarray(x, dtype=float)

        def conductance(self, v, x, gate=None):
            return 1 / self.ohm() + 0 * np.asarray(v, dtype=float) + 0 * np.asarray(x, dtype=float)

        def ohm(self):
            return 2e3 if "*2" in path.read_text() else 1e3

    path.write_text(card.format(""))
    device, found = Ohmic(), []
    for text in ("", "*2"):
        path.write_text(card.format(text))
        array = sn.Crossbar(device=device, shape=(1, 1), wires=sn.Wires.ideal())
        found.append(engine.read(array, [1.0]).column_amps[0])
    assert found == pytest.approx([1e-3, 5e-4], rel=1e-9)


def test_a_card_is_read_again_from_a_file_of_the_same_age(tmp_path):
    path = tmp_path / "x.lib"
    path.write_text(".subckt x p n params: a=1\n.ends\n")
    first = subckt_card(path, "x")
    stat = path.stat()
    path.write_text(".subckt x n p params: b=1\n.ends\n")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (first, subckt_card(path, "x")) == ((("p", "n"), {"a": "1"}), (("n", "p"), {"b": "1"}))


def test_an_array_that_its_owner_changes_later_does_not_reach_the_device():
    ohms = np.full((2, 2), 20.0)
    device = sn.devices.VTEAM(r_on=ohms)
    key = device_key(device)
    ohms[:] = 5.0
    assert np.all(device.r_on == 20.0)
    assert device_key(device) == key
    with pytest.raises(ValueError, match="read-only"):
        device.r_on[:] = 5.0


NONE = np.zeros(3, dtype=bool)


def key_of(device, **changes):
    given = {"shape": (3, 3), "wires": sn.Wires()} | changes
    return array_key(sn.Crossbar(device=device, **given), NONE, NONE, modelled=True)


DEVICES = (
    "vteam",
    "linear-drift",
    "yakopcic",
    "pershin-di-ventra",
    "1t1r",
    "1s1r",
    "memdiode",
    "stanford",
)


def made_with(device, parameter, value):
    try:
        made = device.with_parameters(**{parameter: value})
        sn.Crossbar(device=made, shape=(3, 3), wires=sn.Wires())
        return made
    except InputError:
        return None


@settings(max_examples=30, deadline=None)
@given(name=st.sampled_from(DEVICES), pick=st.integers(0, 10**6), factor=st.floats(1e-6, 1e-3))
def test_devices_that_differ_in_one_parameter_have_two_keys(name, pick, factor):
    device = registry.fresh(name)
    own = [row["name"] for row in device.parameter_table() if hasattr(device, row["name"])]
    parameter = own[pick % len(own)]
    value = float(np.asarray(getattr(device, parameter)))
    changed = [value * (1 - factor), value * (1 + factor), -value] if value else [factor]
    other = next(
        (made for new in changed if (made := made_with(device, parameter, new)) is not None), None
    )
    assume(other is not None)
    assert key_of(device) == key_of(registry.fresh(name))
    assert key_of(device) != key_of(other)
    array = made_with(device, parameter, np.full((3, 3), value))
    assert array is None or key_of(array) != key_of(device)


WIRES = (
    "word_line_ohm",
    "bit_line_ohm",
    "driver_ohm",
    "sense_ohm",
    "double_sided",
    "word_line_farad",
    "bit_line_farad",
    "drive_side",
    "sense_side",
)
_OTHER = {"double_sided": True, "drive_side": "right", "sense_side": "top"}


@pytest.mark.parametrize("entry", WIRES)
def test_arrays_that_differ_in_one_property_of_the_wires_have_two_keys(entry):
    device = sn.devices.VTEAM()
    assert {field.name for field in dataclasses.fields(sn.Wires)} == set(WIRES)
    other = dataclasses.replace(sn.Wires(), **{entry: _OTHER.get(entry, 0.25)})
    assert key_of(device) == key_of(device, wires=sn.Wires())
    assert key_of(device) != key_of(device, wires=other)


def test_arrays_that_differ_in_lines_stuck_cells_or_choices_have_two_keys():
    device = sn.devices.VTEAM()
    stuck = np.zeros((3, 3), dtype=bool)
    stuck[1, 2] = True
    array = sn.Crossbar(device=device, shape=(3, 3), wires=sn.Wires())
    floats = np.array([True, False, False])
    keys = [
        key_of(device),
        key_of(device, stuck=stuck),
        key_of(device, stuck=stuck.T),
        array_key(array, floats, NONE, modelled=True),
        array_key(array, NONE, floats, modelled=True),
        *(key_of(device.with_text(window=window)) for window in ("joglekar", "biolek")),
        key_of(registry.fresh("1t1r", "vteam")),
        key_of(registry.fresh("1t1r", "yakopcic")),
        key_of(registry.fresh("1s1r", "vteam")),
    ]
    assert len(set(keys)) == len(keys)
