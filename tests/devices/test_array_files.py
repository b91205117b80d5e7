"""Measurements in workbooks and in files of arrays: the numbers that are in them, or a line that
says what to do."""

import datetime as dt
import zipfile

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import DataError, MissingPackageError
from tests.devices.instrument_forms import loop

T, V, AMPS = loop()


def workbook(path, sheets):
    """Write a workbook: a name and rows of numbers and texts for each sheet."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"

    def cell(value):
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c><v>{value!r}</v></c>"

    listed, linked = "", ""
    with zipfile.ZipFile(path, "w") as file:
        for k, (name, rows) in enumerate(sheets.items(), start=1):
            body = "".join(f"<row>{''.join(cell(value) for value in row)}</row>" for row in rows)
            file.writestr(
                f"xl/worksheets/sheet{k}.xml",
                f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
            )
            listed += f'<sheet name="{name}" sheetId="{k}" r:id="r{k}"/>'
            linked += (
                f'<Relationship Id="r{k}" Type="{office}/worksheet"'
                f' Target="worksheets/sheet{k}.xml"/>'
            )
        file.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{listed}</sheets></workbook>',
        )
        file.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships">{linked}</Relationships>',
        )
        file.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1"'
            f' Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        file.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="rels"'
            ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>',
        )
    return path


def rows(volts, amps, time):
    return [
        ["Time", "AnodeV", "AnodeI"],
        *([float(a), float(b), float(c)] for a, b, c in zip(time, volts, amps, strict=True)),
    ]


def is_loop(found, sweeps=1):
    np.testing.assert_allclose(found.volts, np.tile(V, sweeps), rtol=1e-12)
    np.testing.assert_allclose(found.amps, np.tile(AMPS, sweeps), rtol=1e-12)
    assert found.sweeps == sweeps
    np.testing.assert_allclose(found.time[: T.size], T, atol=1e-12)


def test_a_workbook_of_a_parameter_analyser(tmp_path):
    pytest.importorskip("python_calamine")
    settings = [["Test Name", "vds-id"], ["Compliance", "see sheet"]]
    path = workbook(
        tmp_path / "file.xlsx",
        {"Data": rows(V, AMPS, T), "Append1": rows(V, AMPS, T + 60.0), "Settings": settings},
    )
    found = sn.read_measurement(path)
    is_loop(found, 2)
    assert "from Data, Append1" in found.remarks[0]
    assert found.remarks[1] == "left out: Settings (no measurements)"


def test_sheets_of_several_devices_are_no_sweeps_of_one(tmp_path):
    pytest.importorskip("python_calamine")
    path = workbook(tmp_path / "file.xlsx", {"A1": rows(V, AMPS, T), "B1": rows(V, AMPS, T)})
    with pytest.raises(DataError, match=r"in 2 tables, A1, B1: of one device\? Keep one"):
        sn.read_measurement(path)


def test_a_damaged_workbook_and_one_without_its_reader(tmp_path, monkeypatch):
    pytest.importorskip("python_calamine")
    path = tmp_path / "file.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(40))
    with pytest.raises(DataError, match="is an Excel workbook, and damaged"):
        sn.read_measurement(path)
    monkeypatch.setitem(__import__("sys").modules, "python_calamine", None)
    with pytest.raises(MissingPackageError, match=r"spicesnn\[excel\]', or export the sheet"):
        sn.read_measurement(path)


@pytest.mark.parametrize("kind", ["npz", "mat", "h5", "parquet", "npy"])
def test_named_arrays_are_columns(kind, tmp_path):
    path, columns = tmp_path / f"file.{kind}", {"time": T, "voltage": V, "I (mA)": 1e3 * AMPS}
    if kind == "npz":
        np.savez(path, **columns, scalar=3.0)
    elif kind == "mat":
        from scipy.io import savemat

        savemat(path, {"time": T, "voltage": V[:, None], "current": AMPS[None], "name": "device 1"})
    elif kind == "h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            for name, values in columns.items():
                file[f"measured/{name}"] = values
    elif kind == "parquet":
        table = pytest.importorskip("pyarrow").table(columns)
        pytest.importorskip("pyarrow.parquet").write_table(table, path)
    else:
        np.save(path, np.column_stack([T, V, AMPS]))
    is_loop(sn.read_measurement(path))


def test_the_columns_of_matrices_are_sweeps(tmp_path):
    from scipy.io import savemat

    savemat(
        tmp_path / "file.mat",
        {"V": np.column_stack([V, V]), "I": np.column_stack([AMPS, 2 * AMPS])},
    )
    found = sn.read_measurement(tmp_path / "file.mat", T[-1])
    np.testing.assert_allclose(found.volts, np.tile(V, 2), rtol=1e-12)
    np.testing.assert_allclose(found.amps, np.append(AMPS, 2 * AMPS), rtol=1e-12)
    assert found.sweeps == 2


def test_days_of_a_clock_in_a_table_are_seconds(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    when = [dt.datetime(2024, 3, 1, 10) + dt.timedelta(seconds=float(t)) for t in T]
    parquet.write_table(pyarrow.table({"Time": when, "V": V, "I": AMPS}), tmp_path / "f.parquet")
    found = sn.read_measurement(tmp_path / "f.parquet")
    np.testing.assert_allclose(found.time, T, atol=1e-5)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"V": np.zeros((3, 20)), "I": np.zeros((3, 20))}, "V has shape .3, 20.; expected points"),
        ({"a": np.arange(9.0), "b": np.ones(9)}, "no table of measurements|columns are a, b"),
        ({"name": np.array(["x", "y"])}, "without a column of numbers"),
    ],
)
def test_arrays_that_are_no_measurement_are_refused(arrays, message, tmp_path):
    np.savez(tmp_path / "file.npz", **arrays)
    with pytest.raises(DataError, match=message):
        sn.read_measurement(tmp_path / "file.npz", 1.0)


def test_groups_of_several_devices_are_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "file.h5", "w") as file:
        for device in ("A1", "B1"):
            file[f"{device}/V"], file[f"{device}/I"] = V, AMPS
    with pytest.raises(DataError, match="2 groups of data sets, /A1, /B1: of how many devices"):
        sn.read_measurement(tmp_path / "file.h5", 1.0)


def test_pickles_and_raw_files_are_refused_by_what_they_are(tmp_path):
    np.save(tmp_path / "file.npy", np.array([{}, None], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="holds Python objects, a pickle"):
        sn.read_measurement(tmp_path / "file.npy")
    (tmp_path / "run.raw").write_bytes("Title: * x.cir\nBinary:\n".encode("utf-16-le") + bytes(99))
    (tmp_path / "run.tr0").write_bytes(b"\x04\x00\x00\x00" + bytes(60))
    for name in ("run.raw", "run.tr0"):
        with pytest.raises(DataError, match="is a raw file of a circuit simulator; export"):
            sn.read_measurement(tmp_path / name)


def test_sheets_and_tables_that_claim_far_more_than_they_hold_are_refused(tmp_path):
    path = tmp_path / "far.xlsx"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        file.writestr(
            "xl/worksheets/sheet1.xml",
            '<worksheet><sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
            '<row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData></worksheet>',
        )
    pytest.importorskip("python_calamine")
    with pytest.raises(DataError, match="holds more than 20000000 numbers"):
        sn.read_measurement(path)
    swollen = tmp_path / "swollen.xlsx"
    with zipfile.ZipFile(swollen, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        with file.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for _ in range(110):
                sheet.write(b" " * (10 << 20))
    with pytest.raises(DataError, match="holds more than 20000000 numbers"):
        sn.read_measurement(swollen)
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(15_000_000, np.int8)), [1.0])
    pq.write_table(pa.table({"v": column, "i": column}), tmp_path / "long.parquet")
    assert (tmp_path / "long.parquet").stat().st_size < 1 << 20
    with pytest.raises(DataError, match="holds more than 20000000 numbers"):
        sn.read_measurement(tmp_path / "long.parquet")
