from __future__ import annotations

import numpy as np
import pytest
from instrument_forms import FORMS, lines_of, loop, text

import spicesnn as sn
from spicesnn.devices.instruments.headers import Column
from spicesnn.errors import DataError, InputError

LENGTH = 8.0


def written(tmp_path, content):
    path = tmp_path / "file.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", sorted(FORMS))
def test_every_form_gives_the_numbers_that_are_in_it(name, tmp_path):
    form = FORMS[name]()
    found = sn.read_measurement(
        written(tmp_path, form.content), None if form.time is not None else LENGTH
    )
    time = (
        np.linspace(0, LENGTH, form.volts.size) if form.time is None else form.time - form.time[0]
    )
    np.testing.assert_allclose(
        found.time,
        time,
        atol=1e-9 + 1e-6 * time[-1] * ("clock" in name or "date" in name),
    )
    np.testing.assert_allclose(found.volts, form.volts, rtol=1e-4, atol=1e-12)
    np.testing.assert_allclose(found.amps, form.amps, rtol=1e-4, atol=1e-15)
    assert found.sweeps == form.sweeps
    assert len(found.remarks) == 2
    for words in form.said:
        assert words in " ".join(found.remarks)
    if not form.gone:
        assert "overflowed" not in found.remarks[1]


def data_lines(form):
    """Return the lines of a file, and the numbers of those that hold numbers, in its own
    encoding."""
    encoding = next(code for code in ("utf-8-sig", "latin-1") if _decodes(form.content, code))
    lines = form.content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines, [
        k
        for k in range(form.first - 1, len(lines))
        if lines[k].strip(" ,;\t") and any(c.isdigit() for c in lines[k])
    ]


def _decodes(content, code):
    try:
        return "\x00" not in content.decode(code)
    except UnicodeDecodeError:
        return False


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name in FORMS
        if FORMS[name]().cells and FORMS[name]().sweeps == 1 and "utf16" not in name
    ),
)
def test_a_damaged_number_is_refused_by_its_line(name, tmp_path):
    form, rng = FORMS[name](), np.random.default_rng(sorted(FORMS).index(name))
    lines, places = data_lines(form)
    for harm in ("1.2x4e-05", "0.1.2", "1e", "q", "--5"):
        at = int(rng.choice(places[3:-3]))
        damaged = list(lines)
        cells = damaged[at].split(form.cells)
        cells[int(rng.choice(form.needed))] = harm
        damaged[at] = form.cells.join(cells)
        with pytest.raises(DataError, match=rf"line {at + 1}\b"):
            sn.read_measurement(written(tmp_path, "\n".join(damaged)), LENGTH)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0,0,0\n1,1\n2,1,1\n3,1,1", "line 3: 2 cells; expected 3"),
        ("0,0,0\n1,1,\n2,1,1\n3,1,1", "line 3: '' in column amps is not a number"),
        ("0,0,0\n1,1,1,5\n2,1,1\n3,1,1", "line 3: 4 cells; expected 3"),
        ("0,0,0\n0,2,0,1,1,09e-05\n1,1,1", "line 3: 6 cells; expected 3.*decimal commas"),
        ("0,0,0\n1,1,1\n0.5,1,1\n3,1,1", "line 4: time does not increase from sample 2"),
        ("0,0,0\n1,1,1\n1,1,1\n3,1,1", "line 4: time does not increase"),
        (
            "0,0,0\n1,1,1\nsomething went wrong here\n3,1,1\n4,1,1",
            "line 4: 'something went wrong here' among measurements",
        ),
        ("0,0,0\n1,1,1\nerror,error!,oh\n3,1,1\n4,1,1", "line 4"),
        (
            "0,0,0\n1,1,9.9e37\n2,1,nan",
            "1 measurement.*expected at least 3.*line 3: 9.9e37 in column amps; expected finite numbers",
        ),
    ],
)
def test_damaged_rows_are_refused_by_line(rows, message, tmp_path):
    with pytest.raises(DataError, match=message):
        sn.read_measurement(written(tmp_path, f"time,volts,amps\n{rows}\n"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xd0\xcf\x11\xe0" + bytes(40), "Excel workbook"),
        (b"PK\x03\x04" + bytes(40), "Excel workbook or another zip"),
        (
            b"time,volts,amps\n0,0,0\n1,\x01,1\n",
            "line 3: cannot be read.*control character, byte 0x01",
        ),
        (b"time,V\x00,I\n0,0,0\n", "zero bytes"),
        (b"", "is empty"),
        (b",,,\n,,,\n", "is empty"),
        (b"only words\nand more words\n", "line 1: no row of numbers"),
        (
            b"time;volts;amps\n0;0,5;1.5\n1;0,6;2,5\n2;0,5;1,5\n",
            "line 2: decimal commas and decimal points in one table",
        ),
        (
            b"time,V (V),I (mA/cm2)\n0,0,0\n1,1,1\n2,1,1\n",
            r"the unit 'mA/cm2' is not known; expected A",
        ),
        (b"time,V (V),I (MA)\n0,0,0\n1,1,1\n2,1,1\n", r"the unit 'MA' is not known"),
        (
            b"time,V,Idevice,Ileak\n0,0,0,0\n1,1,5,3\n2,1,5,3\n3,1,5,4\n",
            "line 1: several currents, Idevice, Ileak, none of them at the voltage; keep one",
        ),
        (
            b"time,V,I hot,I cold\n0,0,0,0\n1,1,5,3\n2,1,5,3\n3,1,5,4\n",
            "line 1: 2 different currents over one voltage, I hot, I cold",
        ),
        (
            b"time,DrainV,GateV,DrainI\n0,0,0,0\n1,1,5,3\n2,1,6,3\n3,2,5,4\n",
            "line 1: several voltages that vary, DrainV, GateV",
        ),
        (
            b"Wordline,Bitline,V,I\n1,1,0,0\n1,1,1,1\n1,2,0,0\n1,2,1,1\n",
            "line 4: Bitline is 2, and 1 in line 2; the file holds several devices",
        ),
        (
            b"time,V,I\n0,0,0\n1,0.5,120\n2,1,240\n",
            "line 1: column I goes up to 240, which is no number of amperes; say its unit",
        ),
        (
            b"time,V,I\n0,0,0\n1,800,1e-6\n2,1600,2e-6\n",
            "line 1: column V goes up to 1600, which is no number of volts; say its unit",
        ),
        (b"time,V,I*1e6\n0,0,0\n1,0.5,1\n2,1,2\n", "header 'I.1e6': a factor in a name may"),
        (
            b"time,V,I\n45123.5,0,0\n45123.5002,0.5,1e-6\n45123.5004,1,2e-6\n",
            "line 1: column time begins at 45123.5, with steps of 0.0002: seconds of a clock, or days",
        ),
        (b"3\n0,0\n0.5,1e-6\n1,2e-6\n", "line 2: 2 cells; expected 1"),
        (
            b"time,V1,I1,V2,I2\n0,0,0,0,0\n1,0.5,1e-6,-0.5,-1e-6\n2,1,3e-6,-1,-3e-6\n",
            "line 1: I1 and I2 cancel: two ends of one device",
        ),
        (
            "U1;foo\n0;0\n-0.5;-1\n-1;-2\n".replace("U1", "bar").encode(),
            "The header says no quantity that is known",
        ),
    ],
)
def test_what_is_not_understood_is_refused_by_name(content, message, tmp_path):
    with pytest.raises(DataError, match=message):
        sn.read_measurement(written(tmp_path, content), 1.0)


def test_a_sweep_without_times_needs_its_length(tmp_path):
    t, v, i = loop()
    path = written(tmp_path, text(["V,I", *lines_of(v, i)]))
    with pytest.raises(InputError, match="say how long the sweep took"):
        sn.read_measurement(path)
    found = sn.read_measurement(path, 4.0)
    assert found.time[-1] == 4.0
    assert "takes the given 4 s" in found.remarks[0]
    path = written(tmp_path, text(["t,V,I", *lines_of(t, v, i)]))
    assert (
        "the duration that was given (the file has times)"
        in sn.read_measurement(path, 4.0).remarks[1]
    )


def test_lost_points_keep_the_time_of_the_others_in_a_file_without_times(tmp_path):
    _, v, i = loop()
    rows = lines_of(v, i)
    rows[3] = "0.3,9.91e37"
    found = sn.read_measurement(written(tmp_path, text(["V,I", *rows])), 4.0)
    np.testing.assert_allclose(found.time, np.delete(np.linspace(0, 4.0, v.size), 3), atol=1e-12)


def limited_loop(level, noise=0.0, measured=None):
    """Return a sweep whose current the instrument holds at a level in one polarity."""
    rng = np.random.default_rng(0)
    t, v, i = loop(40)
    i = np.clip(i * (1 + noise * rng.standard_normal(i.size)), None, level)
    i = np.where(i == level, level * (1 + 1e-4 * rng.standard_normal(i.size)), i)
    return t, v, i


def test_a_compliance_that_shows_is_found_in_its_polarity(tmp_path):
    t, v, i = limited_loop(4e-4, 0.01)
    found = sn.read_measurement(written(tmp_path, text(["time,V,I", *lines_of(t, v, i)])))
    assert "compliance 400 µA" in found.remarks[0]
    assert found.limited
    np.testing.assert_allclose(found.limit_amps[found.volts > 0], 4e-4, rtol=1e-3)
    assert np.all(np.isinf(found.limit_amps[found.volts < 0]))


def test_no_compliance_is_seen_where_there_is_none(tmp_path):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        t, v, i = loop(40, seed=seed)
        for curve in (
            i,
            1e-3 * np.tanh(3 * v),
            1e-6 * np.sinh(4 * v),
            1e-3 * np.sign(v) * np.abs(v) ** 0.5,
        ):
            noisy = curve * (1 + 0.02 * rng.standard_normal(v.size))
            found = sn.read_measurement(
                written(tmp_path, text(["time,V,I", *lines_of(t, v, noisy)]))
            )
            assert "compliance" not in found.remarks[0]
            assert np.all(np.isinf(found.limit_amps))


@pytest.mark.parametrize(
    ("header", "scale"),
    [
        ("Compliance (A)", 1.0),
        ("Icc (mA)", 1e3),
        ("I_comp (uA)", 1e6),
        ("Current limit (A)", 1.0),
        ("Source Limit (A)", 1.0),
        ("Compliance", 1.0),
    ],
)
def test_a_column_states_the_compliance_of_each_polarity(header, scale, tmp_path):
    """Few points are held, which shows no level by itself: the column says what they are."""
    t, v, free = loop(12)
    up, down = 0.8 * free.max(), 0.9 * np.abs(free).max()
    i = np.clip(free, -down, up)
    stated = np.where(v >= 0, up, down) * scale
    rows = lines_of(t, v, i, stated, fmt="{:.9g}")
    found = sn.read_measurement(written(tmp_path, text([f"time,V,I (A),{header}", *rows])))
    assert found.limit_amps[v > 0] == pytest.approx(up, rel=1e-6)
    assert found.limit_amps[v < 0] == pytest.approx(down, rel=1e-6)
    rows = lines_of(t, v, free, np.full(v.size, 2 * scale), fmt="{:.9g}")
    found = sn.read_measurement(written(tmp_path, text([f"time,V,I (A),{header}", *rows])))
    assert np.all(np.isinf(found.limit_amps))
    assert f"no current is held at {header} (2 A)" in found.remarks[0]


def test_columns_that_a_sweep_does_not_need_are_told(tmp_path):
    t, v, i = loop(12)
    rows = lines_of(t, np.full(v.size, 300.0), v, i, v * i)
    found = sn.read_measurement(written(tmp_path, text(["t (s),T (K),V,I,Power (W)", *rows])))
    np.testing.assert_allclose(found.amps, i, rtol=1e-4)
    assert found.remarks[1] == "left out: columns T (K), Power (W) (not needed)"


def test_a_stated_compliance_counts_in_the_polarity_that_keeps_it(tmp_path):
    t, v, i = loop(12)
    level = 0.8 * i.max()
    i = np.where(v > 0, np.minimum(i, level), np.where(v < 0, 2 * i, 0.0))
    assert np.abs(i).max() > 1.05 * level
    lines = [f"Icc = {level:.9g} A", "time,V,I", *lines_of(t, v, i, fmt="{:.9g}")]
    found = sn.read_measurement(written(tmp_path, text(lines)))
    assert found.limit_amps[v > 0] == pytest.approx(level, rel=1e-6)
    assert np.all(np.isinf(found.limit_amps[v < 0]))


@pytest.mark.parametrize(
    ("line", "amps"),
    [
        ("Compliance: 5 mA", 5e-3),
        ("Current limit (uA),500", 5e-4),
        ("Icc = 0.01", 0.01),
        ("TestParameter, Measurement.Primary.Compliance, 0.002", 2e-3),
        ("I_limit;1E-3", 1e-3),
    ],
)
def test_a_stated_compliance_is_read_with_its_unit(line, amps, tmp_path):
    t, v, i = loop(top=0.1)
    found = sn.read_measurement(written(tmp_path, text([line, "time,V,I", *lines_of(t, v, i)])))
    np.testing.assert_allclose(found.limit_amps, amps)
    assert "stated; not reached" in found.remarks[0]


@pytest.mark.parametrize(
    ("header", "kind", "scale"),
    [
        ("time", "time", 1.0),
        ("Time (s)", "time", 1.0),
        ("T (K)", "other", 1.0),
        ("T / °C", "other", 1.0),
        ("T", "time", 1.0),
        ("time_ms", "time", 1e-3),
        ("Time [µs]", "time", 1e-6),
        ("V", "volts", 1.0),
        ("Voltage (V)", "volts", 1.0),
        ("V_mV", "volts", 1e-3),
        ("I (mA)", "amps", 1e-3),
        ("current_uA", "amps", 1e-6),
        ("I/A", "amps", 1.0),
        ("Current, nA", "amps", 1e-9),
        ("µS", "siemens", 1e-6),
        ("G (μS)", "siemens", 1e-6),
        ("G/uS", "siemens", 1e-6),
        ("set_uS", "siemens", 1e-6),
        ("Conductance [nS]", "siemens", 1e-9),
        ("I_DUT (mA)", "amps", 1e-3),
        ("Pulse Width (ns)", "width", 1e-9),
        ("pulse", "number", 1.0),
        ("resistance_ohm", "ohms", 1.0),
        ("R (kOhm)", "ohms", 1e3),
        ("R (MΩ)", "ohms", 1e6),
        ("ms", "time", 1e-3),
        ("mS", "siemens", 1e-3),
        ("DrainI(2)", "amps", 1.0),
        ("Smu1.V[1][1]", "volts", 1.0),
        ("absI", "amps", 1.0),
        ("I (A) [1]", "amps", 1.0),
        ("Read Voltage (V)", "read", 1.0),
        ("log10|I|", "other", 1.0),
        ("Temperature (K)", "other", 1.0),
        ("Current in mA", "amps", 1e-3),
        ("Spannung / mV", "volts", 1e-3),
        ("G (G0)", "siemens", 7.748091729e-5),
        ("Time (min)", "time", 60.0),
        ("I (microamps)", "amps", 1e-6),
        ("cycle number", "cycle", 1.0),
        ("Ток (мкА)", "amps", 1e-6),
        ("Сопротивление, кОм", "ohms", 1e3),
        ("I / 10^-9 A", "amps", 1e-9),
        ("Current (x1e-3 A)", "amps", 1e-3),
        ("V (10⁻³ V)", "volts", 1e-3),
        ("Date/Time", "time", 1.0),
        ("Id", "amps", 1.0),
        ("-V (mV)", "volts", -1e-3),
    ],
)
def test_headers(header, kind, scale):
    found = Column.of(header)
    assert (found.header, found.kind, found.problem) == (header, kind, "")
    assert found.scale == pytest.approx(scale)


def test_an_unknown_unit_is_refused():
    with pytest.raises(DataError, match=r"the unit 'mA/cm2' is not known; expected A"):
        Column.of("I (mA/cm2)").checked()


@pytest.mark.parametrize("time", [False, True])
def test_bare_currents_before_voltages_are_no_device_of_less_than_an_ohm(time, tmp_path):
    t, v, i = loop()
    content = text(lines_of(*([t] if time else []), i, v))
    with pytest.raises(DataError, match="line 1: without headers voltages stand before currents"):
        sn.read_measurement(written(tmp_path, content), None if time else LENGTH)


@pytest.mark.parametrize("own", [True, False])
def test_currents_of_reads_in_between_are_no_currents_of_the_sweep(own, tmp_path):
    t, v, i = loop()
    names = ["V_prog (V)", *(["I_prog (A)"] if own else []), "V_read (V)", "I_read (A)", "Time (s)"]
    columns = [v, *([i] if own else []), 0 * v + 0.1, 0 * v + 1e-6, t]
    path = written(tmp_path, text([",".join(names), *lines_of(*columns)]))
    if not own:
        with pytest.raises(
            DataError, match=r"line 1: I_read \(A\) read at V_read \(V\), not at V_"
        ):
            sn.read_measurement(path)
        return
    found = sn.read_measurement(path)
    np.testing.assert_allclose(found.amps, i, rtol=1e-4, atol=1e-15)
    assert "column I_read (A) read at V_read (V)" in found.remarks[1]


def test_millivolts_without_a_unit_are_no_hundreds_of_volts(tmp_path):
    t, v, i = loop()
    content = text(["time,V,I (A)", *lines_of(t, 500 * v, i)])
    with pytest.raises(DataError, match=r"line 1: column V goes up to 500, which is no number of"):
        sn.read_measurement(written(tmp_path, content))
