"""A Verilog-A device against its compiled file: what can be said of it without one."""

from pathlib import Path

import numpy as np
import pytest

from spicesnn.devices.importers.veriloga.model import read_model
from spicesnn.engines.ngspice.library import Library
from spicesnn.errors import InputError
from spicesnn.netlist.veriloga import TAKEN, device_of_model
from spicesnn.validation import osdi as under_test
from spicesnn.validation.osdi import checked_osdi, osdi_errors, osdi_init, osdi_subckt

TEXT = """`include "disciplines.vams"
module Cell_X(mon, te, be);
  output mon; inout te, be;
  electrical mon, te, be;
  parameter real g0 = 1m from (0:inf);
  parameter integer m = 2 from [1:9];
  analog begin
    V(mon) <+ 0;
    I(te, be) <+ g0 * sinh(m * V(te, be));
  end
endmodule
"""


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "cell.va"
    path.write_text(TEXT, encoding="utf-8")
    return read_model(path, pins=("te", "be"), taken=TAKEN.__contains__)


def test_the_deck_holds_the_compiled_module_with_its_own_names_in_its_own_order(model):
    assert osdi_subckt(model, {"g0": 2.5e-3, "m": 3.0}) == (
        ".subckt osdi_cell p n\n"
        "n1 open_mon p n osdi_model\n"
        ".model osdi_model Cell_X g0=0.0025 m=3\n"
        ".ends osdi_cell\n"
    )


def test_ngspice_is_told_of_the_file_before_the_deck():
    assert osdi_init(Path("/models/cell.osdi")) == ["osdi /models/cell.osdi"]


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(InputError, match="no such file; expected the model compiled by OpenVAF"):
        checked_osdi(tmp_path / "cell.osdi")
    (tmp_path / "cell.osdi").write_bytes(b"\x7fELF")


@pytest.mark.parametrize("version", ["39", "40", "44", ""])
def test_an_ngspice_before_40_is_said_in_one_line(version, tmp_path, monkeypatch):
    path = tmp_path / "cell.osdi"
    path.write_bytes(b"")
    library = Library(path="/lib/x.so", version=version, klu=False)
    monkeypatch.setattr(under_test.NgspiceEngine, "library", lambda self: library)
    if version != "39":
        checked_osdi(path)  # one that does not say its version is tried
        return
    with pytest.raises(InputError) as caught:
        checked_osdi(path)
    assert str(caught.value).startswith(
        f"--osdi {path}: ngspice 40 or newer loads compiled Verilog-A, and this is ngspice 39"
    )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("factor", "ok"), [(1.0, True), (1.002, False)])
def test_currents_are_compared_over_random_voltages_and_parameters(model, factor, ok, monkeypatch):
    # A source with the module's formula stands for the compiled file, which ngspice 39 cannot load.
    monkeypatch.setattr(under_test, "osdi_init", lambda osdi: [])
    monkeypatch.setattr(
        under_test,
        "osdi_subckt",
        lambda model, parameters: (
            ".subckt osdi_cell p n\n"
            f"b1 p n i={factor * parameters['g0']!r}*sinh({parameters['m']!r}*v(p,n))\n"
            ".ends osdi_cell\n"
        ),
    )
    found = osdi_errors(model, device_of_model(model), Path("cell.osdi"), np.random.default_rng(2))
    assert found.points == 48
    assert found.ok is ok
    assert found.value == pytest.approx(1 - 1 / factor, abs=2e-6)
