"""Results as xarray and pandas objects, and what a notebook shows."""

import base64
import re
import subprocess
import sys

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices.registry import device_class, names
from spicesnn.errors import MissingPackageError
from spicesnn.studies import study as studies
from spicesnn.training import load, train
from spicesnn.training.sweep import SweepResult

VTEAM = sn.devices.VTEAM


@pytest.fixture(scope="module")
def array():
    return sn.Crossbar(
        device=VTEAM(),
        state=np.full((3, 2), 1e-9),
        wires=sn.Wires(word_line_ohm=2.0, bit_line_ohm=1.0),
    )


@pytest.fixture(scope="module")
def pulse(array):
    return sn.NodalEngine().pulse(array, sn.Pulse(row_volts=0.3, width_s=20e-9, rise_s=2e-9))


def test_a_read_has_named_lines_and_units(array):
    read = sn.NodalEngine().read(array, np.full(3, 0.1))
    data = read.to_xarray()
    assert dict(data.sizes) == {"word_line": 3, "bit_line": 2}
    assert data.column_amps.attrs["units"] == "A"
    assert (
        float(data.cell_volts.isel(word_line=2, bit_line=1))
        == read.word_line_volts[2, 1] - read.bit_line_volts[2, 1]
    )
    # Kirchhoff over the whole array: what goes in comes out.
    assert float(data.row_amps.sum()) == pytest.approx(float(data.column_amps.sum()), rel=1e-9)


def test_a_batch_is_a_dimension(array):
    data = sn.NodalEngine().read(array, 0.1 * np.eye(3)).to_xarray()
    assert data.column_amps.dims == ("batch", "bit_line")
    assert data.cell_volts.sizes == {"batch": 3, "word_line": 3, "bit_line": 2}


def test_a_pulse_has_states_and_waveforms(pulse):
    data = pulse.to_xarray()
    assert np.array_equal(data.state, pulse.state)
    assert data.state.attrs["units"] == "m"
    assert data.attrs["energy_joule"] == pulse.energy_joule
    power = (data.row_volts * data.row_amps).sum("word_line")
    assert float(power.integrate("time")) == pytest.approx(pulse.energy_joule, rel=0.05)
    assert set(pulse.waveforms.to_xarray()) == {
        "row_volts",
        "row_amps",
        "column_volts",
        "column_amps",
    }


def test_several_state_variables_are_a_dimension_by_name():
    array = sn.Crossbar(device=device_class("pai-yu-chen-heated")(), shape=(2, 2), wires=sn.Wires())
    data = (
        sn.NodalEngine()
        .pulse(array, sn.Pulse(row_volts=0.5, width_s=1e-8, rise_s=1e-9))
        .to_xarray()
    )
    assert list(data.state.coords["variable"].values) == ["g", "t"]
    assert data.state.shape == (2, 2, 2)


def test_a_curve_is_a_table_and_a_dataset():
    curve = sn.iv(VTEAM(), amplitude=0.2, frequency=1e6, periods=1)
    table = curve.to_pandas()
    assert list(table.columns) == ["time_s", "volts", "amps", "state"]
    assert np.array_equal(table["amps"], curve.amps)
    data = curve.to_xarray()
    assert data.attrs == {"device": "vteam", "engine": "nodal"}
    assert float(data.volts.max()) == curve.volts.max()
    assert curve._repr_png_().startswith(b"\x89PNG")


def test_tables_of_sweeps_and_studies(tmp_path):
    found = studies.load("ir-drop", {"map.rows": 2, "map.columns": 3}).find(
        tmp_path, studies.Workers(), lambda done, total: None
    )
    table = found.to_pandas()
    assert table.shape == (12, 4)
    assert table.groupby("ends")["cell_voltage"].min().to_dict() == pytest.approx(
        {
            "one_end": found.facts["lowest_cell_voltage_one_end"],
            "both_ends": found.facts["lowest_cell_voltage_both_ends"],
        }
    )
    rows = [{"array.word_line_ohm": "0", "seed": 1, "test_accuracy": 0.5}]
    assert SweepResult(rows=rows, computed=1, table=tmp_path / "x.csv").to_pandas()[
        "test_accuracy"
    ].tolist() == [0.5]


@pytest.mark.parametrize(("package", "view"), [("xarray", "to_xarray"), ("pandas", "to_pandas")])
def test_an_absent_package_is_named_with_what_to_install(package, view, monkeypatch):
    curve = sn.iv(VTEAM(), amplitude=0.2, frequency=1e6, periods=1)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=rf"needs {package}.*spicesnn\[views\]"):
        getattr(curve, view)()


def test_views_are_imported_only_when_asked_for():
    import subprocess

    code = "import sys, spicesnn as sn; sn.Crossbar, sn.NodalEngine, sn.CrossbarClassifier; print({'xarray', 'pandas', 'sklearn'} & set(sys.modules))"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "set()"
    )


def picture(html):
    return base64.b64decode(re.search(r"base64,([^']+)'", html).group(1))


def test_a_notebook_shows_the_array_with_its_conductances(array):
    html = array._repr_html_()
    assert "Crossbar, 3 × 2" in html
    assert "<td>vteam</td>" in html
    assert "<th style='text-align:left'>word line ohm</th><td>2.0</td>" in html
    assert picture(html).startswith(b"\x89PNG")


def test_views_have_coordinates_units_and_the_models_own_names(array, pulse):
    data = sn.NodalEngine().read(array, 0.1 * np.eye(3)).to_xarray()
    assert {name: list(data.coords[name].values) for name in data.coords} == {
        "word_line": [0, 1, 2],
        "bit_line": [0, 1],
        "batch": [0, 1, 2],
    }
    assert all(variable.attrs["units"] in ("A", "V") for variable in data.data_vars.values())
    states = sn.iv(
        device_class("pai-yu-chen-heated")(), amplitude=0.2, frequency=1e6, periods=1
    ).to_xarray()
    assert {name: states[name].attrs["long_name"] for name in ("state_0", "state_1")} == {
        "state_0": "g",
        "state_1": "t",
    }
    assert sn.iv(VTEAM(), amplitude=0.2, frequency=1e6, periods=1).to_xarray().state.attrs == {
        "units": "m",
        "long_name": "w",
    }
    lines = pulse.to_xarray()
    assert list(lines.word_line.values) == [0, 1, 2]
    assert lines.time.attrs["units"] == "s"


def test_a_notebook_shows_waveforms_windows_tables_and_the_estimator(pulse, tmp_path):
    from spicesnn.learning.stdp_window import stdp_window

    assert pulse.waveforms._repr_png_().startswith(b"\x89PNG")
    window = stdp_window(
        VTEAM(), sn.NodalEngine(), dt_s=[-2e-6, -1.5e-6, -1e-6, 1e-6, 1.5e-6, 2e-6]
    )
    assert window._repr_png_().startswith(b"\x89PNG")
    assert np.array_equal(window.to_pandas()["dw"], window.dw)
    rows = [
        {"array.word_line_ohm": "<1>", "seed": k, "test_accuracy": 0.123456789} for k in range(25)
    ]
    table = SweepResult(rows=rows, computed=2, table=tmp_path / "x.csv")._repr_html_()
    assert table.count("<tr>") == 21
    assert "… 5 more" in table
    assert "&lt;1&gt;" in table
    assert "0.123457" in table
    assert (
        "grows"
        in studies.Findings(rows=[{"a": 1}, {"b": 2.0}], facts={"grows": True})._repr_html_()
    )
    model = sn.CrossbarClassifier("letters-3x3", epochs=1)
    assert "<td>no</td>" in model._repr_html_()
    assert "Crossbar, 3 × 4" in model.fit([[0, 1], [1, 0]], [0, 1])._repr_html_()


def test_a_notebook_shows_reads_pulses_and_runs(array, pulse, tmp_path):
    read = sn.NodalEngine().read(array, 0.1 * np.eye(3))._repr_html_()
    assert "<td>3</td>" in read
    assert picture(read).startswith(b"\x89PNG")
    assert "Pulse" in pulse._repr_html_()
    assert "duration" in pulse._repr_html_()
    summary = train(
        load("letters-3x3", ["training.epochs=1"]), engine=sn.NodalEngine(), out=tmp_path / "run"
    )
    assert "letters-3x3 on nodal, seed 0" in summary._repr_html_()
    assert f"of {summary.n_test}" in summary._repr_html_()


@pytest.mark.parametrize("name", names())
def test_a_notebook_shows_every_device_with_its_parameters(name):
    device = device_class(name)()
    html = device._repr_html_()
    for row in device.parameter_table():
        assert f"<td>{row['name']}</td>" in html
    assert html.count("<tr>") == len(device.parameter_table()) + 1


def test_parameters_a_cell_are_shown_as_a_range():
    html = VTEAM(r_on=np.array([[100.0, 200.0]]))._repr_html_()
    assert "100 to 200, one per cell" in html


def test_gated_arrays_are_shown_with_their_gates_on():
    array = sn.Crossbar(
        device=sn.devices.MosfetEmulator(transconductance=5e-9), shape=(2, 2), wires=sn.Wires()
    )
    assert "Crossbar, 2 × 2" in array._repr_html_()


def test_the_first_picture_of_a_process_finds_who_draws_it():
    code = "import spicesnn as sn; print(sn.Crossbar([[1e-6, 2e-6]])._repr_html_()[:1])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "<"
