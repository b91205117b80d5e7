"""Files of sweeps in the forms of instruments and spreadsheets, made from one known sweep."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Form:
    """A file and what reading it has to give.

    `volts` and `amps` are of all sweeps, `gone` how many points are left out, `said` words of the
    remarks, `first` the line of the first data."""

    content: bytes
    time: np.ndarray | None
    volts: np.ndarray
    amps: np.ndarray
    sweeps: int = 1
    gone: int = 0
    said: tuple[str, ...] = ()
    first: int = 2
    cells: str = ","
    needed: tuple[int, ...] = (0, 1, 2)
    notes: dict = field(default_factory=dict)


def loop(
    points: int = 10, top: float = 1.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return time, volts and amps of a pinched loop, numbers of four digits, no value twice in a
    row."""
    rng = np.random.default_rng(seed)
    up = np.linspace(0.0, top, points + 1)
    volts = np.concatenate([up, up[-2::-1], -up[1:], -up[-2::-1]])
    time = np.round(0.2 * np.arange(volts.size), 6)
    state = np.concatenate(
        [np.linspace(0.1, 1.0, 2 * points + 1), np.linspace(1.0, 0.1, volts.size - 2 * points - 1)]
    )
    amps = 1e-3 * volts * state * (1.0 + 0.01 * rng.standard_normal(volts.size))
    return time, np.round(volts, 6), np.array([float(f"{i:.4e}") for i in amps])


def lines_of(*columns, fmt="{:.6g}", mark=",", decimal=".") -> list[str]:
    return [
        mark.join(fmt.format(value).replace(".", decimal) for value in row)
        for row in zip(*columns, strict=True)
    ]


def text(lines, end="\n", encoding="utf-8") -> bytes:
    return (end.join(lines) + end).encode(encoding)


def engineering(value: float) -> str:
    """Return a number as the parameter analyser writes it: 109.0000E-7."""
    if value == 0:
        return "000.0000E+0"
    power = int(np.floor(np.log10(abs(value)))) - 2
    return f"{value / 10.0**power:.4f}E{power:+d}"


FORMS: dict[str, Callable[[], Form]] = {}


def form(make):
    FORMS[make.__name__] = make
    return make


def simple(
    header,
    *,
    mark=",",
    decimal=".",
    scale=(1.0, 1.0, 1.0),
    end="\n",
    encoding="utf-8",
    above=(),
    bom=b"",
    order=(0, 1, 2),
    **more,
) -> Form:
    t, v, i = loop()
    columns = [column / factor for column, factor in zip((t, v, i), scale, strict=True)]
    body = lines_of(*(columns[k] for k in order), mark=mark, decimal=decimal)
    needed = tuple(range(3))
    return Form(
        content=bom + text([*above, header, *body], end, encoding),
        time=t,
        volts=v,
        amps=i,
        first=len(above) + 2,
        cells=mark,
        needed=needed,
        **more,
    )


@form
def plain():
    return simple("time,volts,amps")


@form
def millivolts_and_nanoamps():
    return simple("Time (ms),Voltage (mV),Current (nA)", scale=(1e-3, 1e-3, 1e-9))


@form
def micro_in_utf8():
    return simple("t [µs];U [V];I [µA]", mark=";", scale=(1e-6, 1.0, 1e-6))


@form
def micro_in_latin1():
    return simple("time (s),voltage (V),current (µA)", scale=(1.0, 1.0, 1e-6), encoding="latin-1")


@form
def greek_micro():
    return simple("time (s),voltage (V),current (μA)", scale=(1.0, 1.0, 1e-6))


@form
def byte_order_mark():
    return simple("time,volts,amps", bom=codecs.BOM_UTF8, end="\r\n")


@form
def utf16_with_mark():
    return simple("Time\tVoltage\tCurrent", mark="\t", encoding="utf-16", end="\r\n")


@form
def utf16_without_mark():
    return simple("Time\tVoltage\tCurrent", mark="\t", encoding="utf-16-be", end="\r\n")


@form
def decimal_commas_and_semicolons():
    return simple(
        "Zeit / s;Spannung / V;Strom / mA",
        mark=";",
        decimal=",",
        scale=(1.0, 1.0, 1e-3),
        end="\r\n",
    )


@form
def decimal_commas_and_tabs():
    return simple("Zeit (s)\tSpannung (V)\tStrom (A)", mark="\t", decimal=",")


@form
def spaces():
    return simple("time  V  I", mark="   ")


@form
def quoted_decimal_commas():
    t, v, i = loop()
    body = [
        ",".join(f'"{value:.6g}"'.replace(".", ",") for value in row)
        for row in zip(t, v, i, strict=True)
    ]
    return Form(
        content=text(["Zeit (s),Spannung (V),Strom (A)", *body]), time=t, volts=v, amps=i, cells=""
    )


@form
def separator_said_by_the_spreadsheet():
    return simple("time;volts;amps", mark=";", above=("sep=;",))


@form
def headers_behind_a_hash():
    return simple("# V (V), I (A), t (s)", order=(1, 2, 0))


@form
def preamble_of_a_source_meter():
    above = (
        "Keithley Instruments 2400",
        "Date: 2024-03-01 10:22",
        "Compliance: 1.0E-01 A",
        "Points, 41",
        "",
    )
    return simple(
        "Voltage (V),Current (A),Time (s)",
        above=above,
        order=(1, 2, 0),
        said=("compliance 100 mA (stated; not reached)",),
    )


@form
def units_in_a_second_row():
    t, v, i = loop()
    return Form(
        content=text(["Time,Voltage,Current", "s,mV,mA", *lines_of(t, v * 1e3, i * 1e3)]),
        time=t,
        volts=v,
        amps=i,
        first=3,
    )


@form
def origin_rows():
    t, v, i = loop()
    return Form(
        content=text(
            [
                "Time\tBias\tCurrent",
                "s\tV\tuA",
                "device 7\tdevice 7\tdevice 7",
                *lines_of(t, v, i * 1e6, mark="\t"),
            ]
        ),
        time=t,
        volts=v,
        amps=i,
        first=4,
        cells="\t",
    )


@form
def trailing_commas():
    t, v, i = loop()
    r = np.divide(v, i, out=np.zeros_like(v), where=i != 0)
    body = [f"{k},{row}," for k, row in enumerate(lines_of(t, v, i, r), start=1)]
    header = "Item,Smu1.Time[1][1],Smu1.V[1][1],Smu1.I[1][1],Smu1.R[1][1],"
    return Form(content=text([header, *body], "\r\n"), time=t, volts=v, amps=i, needed=(1, 2, 3))


@form
def parameter_analyser_with_formulas():
    t, v, i = loop()
    body = [
        "\t".join([engineering(a), engineering(c), engineering(b), "", "", ""])
        for a, b, c in zip(t, v, i, strict=True)
    ]
    body[0] = body[0].rstrip("\t") + "\t108.9703E-6\t#REF\t143.0000E-2"
    return Form(
        content=text(["Time\tAI\tAV\tILRS\tIHRS\tVSET", *body], "\r\n"),
        time=t,
        volts=v,
        amps=i,
        cells="\t",
        said=("VSET (nearly empty)",),
    )


@form
def anode_and_cathode():
    t, v, i = loop()
    body = lines_of(t, v, i, 0 * v, -1.001 * i)
    return Form(
        content=text(["Time,AnodeV,AnodeI,CathodeV,CathodeI", *body]),
        time=t,
        volts=v,
        amps=i,
        said=("CathodeI (another electrode)",),
    )


@form
def cathode_that_is_driven():
    t, v, i = loop()
    body = lines_of(t, 0.5 * v, i, -0.5 * v, -i)
    return Form(
        content=text(["Time,AnodeV,AnodeI,CathodeV,CathodeI", *body]),
        time=t,
        volts=v,
        amps=i,
        said=("AnodeV − CathodeV",),
    )


@form
def two_channels_one_grounded():
    t, v, i = loop()
    return Form(
        content=text(["V1,I1,V2,I2,Time", *lines_of(v, i, 0 * v, -i, t)]),
        time=t,
        volts=v,
        amps=i,
        said=("I2 (another electrode)",),
        needed=(0, 1, 4),
    )


def _easy(blocks, dimension2=1):
    lines = []
    for title, columns in blocks:
        count = columns[0].size // dimension2
        lines += [
            f"SetupTitle, {title}",
            "PrimitiveTest, I/V Sweep",
            "TestParameter, Channel.UnitType, SMU, SMU",
            "TestParameter, Channel.VName, V1, V2",
            "TestParameter, Channel.IName, I1, I2",
            "TestParameter, Measurement.Primary.Start, 0, 0",
            "TestParameter, Measurement.Primary.Compliance, 0.01",
            "MetaData, TestRecord.RemarksTEXT, ",
            f"Dimension1, {count}, {count}, {count}",
            f"Dimension2, {dimension2}, {dimension2}, {dimension2}",
            "DataName, V1, I1, Time",
            *(f"DataValue, {row}" for row in lines_of(*columns, mark=", ")),
        ]
    return text(lines, "\r\n")


@form
def easyexpert():
    t, v, i = loop()
    return Form(
        content=_easy([("Memristor sweep", (v, i, t))]),
        time=t,
        volts=v,
        amps=i,
        first=12,
        needed=(1, 2, 3),
        cells=", ",
        said=("compliance 10 mA (stated; not reached)",),
    )


@form
def easyexpert_several_blocks():
    (t, v, i), (_, w, j) = loop(), loop(top=1.2, seed=1)
    return Form(
        content=_easy([("cycle", (v, i, t)), ("cycle", (w, j, t))]),
        time=np.concatenate([t, t + t[-1] + 0.2]),
        volts=np.append(v, w),
        amps=np.append(i, j),
        sweeps=2,
        first=12,
        needed=(1, 2, 3),
        cells=", ",
    )


@form
def easyexpert_secondary_sweep():
    (t, v, i), (_, w, j) = loop(), loop(seed=1)
    both = (np.append(v, w), np.append(i, j), np.append(t, t))
    return Form(
        content=_easy([("steps", both)], 2),
        time=np.concatenate([t, t + t[-1] + 0.2]),
        volts=both[0],
        amps=both[1],
        sweeps=2,
        first=12,
        needed=(1, 2, 3),
        cells=", ",
    )


@form
def cycles_below_each_other():
    (t, v, i), (_, w, j) = loop(), loop(seed=2)
    body = [f"1,{row}" for row in lines_of(t, v, i)] + [f"2,{row}" for row in lines_of(t, w, j)]
    return Form(
        content=text(["cycle,time,volts,amps", *body]),
        time=np.concatenate([t, t + t[-1] + 0.2]),
        volts=np.append(v, w),
        amps=np.append(i, j),
        sweeps=2,
        needed=(1, 2, 3),
    )


@form
def cycles_that_only_start_their_times_anew():
    (t, v, i), (_, w, j) = loop(), loop(seed=2)
    return Form(
        content=text(
            ["time,volts,amps", *lines_of(np.append(t, t), np.append(v, w), np.append(i, j))]
        ),
        time=np.concatenate([t, t + t[-1] + 0.2]),
        volts=np.append(v, w),
        amps=np.append(i, j),
        sweeps=2,
    )


@form
def cycles_parted_by_lines():
    (t, v, i), (_, w, j) = loop(), loop(seed=2)
    lines = ["time,volts,amps", *lines_of(t, v, i), "", "Cycle 2", *lines_of(t + 20, w, j)]
    return Form(
        content=text(lines),
        time=np.concatenate([t, t + 20]),
        volts=np.append(v, w),
        amps=np.append(i, j),
        sweeps=2,
    )


@form
def cycles_beside_each_other():
    (t, v, i), (_, w, j) = loop(), loop(seed=3)
    header = "time,volts,amps,time,volts,amps"
    return Form(
        content=text([header, *lines_of(t, v, i, t, w, j)]),
        time=np.concatenate([t, t + t[-1] + 0.2]),
        volts=np.append(v, w),
        amps=np.append(i, j),
        sweeps=2,
        needed=(0, 1, 2, 3, 4, 5),
    )


@form
def numbered_cycles_of_other_lengths():
    (t, v, i), (s, w, j) = loop(12), loop(8, seed=3)
    rows = lines_of(t, v, i)
    rows = [
        row + ("," + ",".join(f"{x[k]:.6g}" for x in (s, w, j)) if k < s.size else ",,,")
        for k, row in enumerate(rows)
    ]
    header = "Time(1),DrainV(1),DrainI(1),Time(2),DrainV(2),DrainI(2)"
    return Form(
        content=text([header, *rows]),
        time=np.concatenate([t, s + t[-1] + 0.2]),
        volts=np.append(v, w),
        amps=np.append(i, j),
        sweeps=2,
    )


@form
def currents_of_cycles_over_one_voltage():
    (t, v, i), (_, _, j), (_, _, k) = loop(), loop(seed=4), loop(seed=5)
    step = t[-1] + 0.2
    return Form(
        content=text(
            ["Time (s),V (V),I cycle 1 (A),I cycle 2 (A),I cycle 3 (A)", *lines_of(t, v, i, j, k)]
        ),
        time=np.concatenate([t, t + step, t + 2 * step]),
        volts=np.tile(v, 3),
        amps=np.concatenate([i, j, k]),
        sweeps=3,
        needed=(0, 1, 2, 3, 4),
    )


@form
def spreadsheet_leftovers():
    t, v, i = loop()
    body = [f"{k},{row},,," for k, row in enumerate(lines_of(t, v, i))]
    lines = [
        "Sheet1,,,,,,",
        ",,,,,,",
        "Unnamed: 0,time (s),V (V),I (A),Unnamed: 4,Unnamed: 5,",
        *body,
        ",,,,,,",
        ",,,,,,",
    ]
    return Form(content=text(lines), time=t, volts=v, amps=i, first=4, needed=(1, 2, 3))


@form
def the_same_column_twice_and_magnitudes():
    t, v, i = loop()
    body = lines_of(t, v, i, v, np.abs(i), i)
    return Form(
        content=text(["t,V (V),I (A),Voltage (V),abs(I) (A),Current (A)", *body]),
        time=t,
        volts=v,
        amps=i,
        said=("abs(I) (A) (magnitudes", "again"),
    )


@form
def only_magnitudes():
    t, v, i = loop()
    return Form(
        content=text(["time,V,|I| (A)", *lines_of(t, v, np.abs(i))]),
        time=t,
        volts=v,
        amps=i,
        said=("magnitudes",),
    )


@form
def current_out_of_the_terminal():
    t, v, i = loop()
    return Form(
        content=text(["time,V,I", *lines_of(t, v, -i)]),
        time=t,
        volts=v,
        amps=i,
        said=("their sign was turned",),
    )


def _overflowing(*marks):
    t, v, i = loop()
    rows = lines_of(t, v, i)
    for k, mark in enumerate(marks):
        cells = rows[5 + 3 * k].split(",")
        rows[5 + 3 * k] = ",".join([*cells[:2], mark])
    kept = np.ones(t.size, dtype=bool)
    kept[[5 + 3 * k for k in range(len(marks))]] = False
    return Form(
        content=text(["time,volts,amps", *rows]),
        time=t[kept],
        volts=v[kept],
        amps=i[kept],
        gone=len(marks),
        said=(f"{len(marks)} points that overflowed", "(lines 7, 10, 13"),
    )


@form
def overflow_numbers():
    return _overflowing(
        "9.91e37", "+9.910000E+37", "9.9E+37", "-9.9e37", "3.40282e+38", "1.99999E+101", "inf"
    )


@form
def overflow_words():
    return _overflowing("OVFL", "OVERFLOW", "NaN", "#N/A", "---", "1.#INF", "O.L", "NA")


@form
def overflow_in_milliamps_below_a_unit():
    t, v, i = loop()
    rows = lines_of(t, v, i * 1e3)
    rows[7] = f"{t[7]:.6g},{v[7]:.6g},9.91E37"
    keep = np.arange(t.size) != 7
    return Form(
        content=text(["time,V,I (mA)", *rows]),
        time=t[keep],
        volts=v[keep],
        amps=i[keep],
        gone=1,
        said=("1 point that overflowed",),
    )


@form
def status_letters():
    _, v, i = loop()
    body = [
        f"{'C' if k == 10 else 'N'}AI{b:+.4E},NAV{a:+.4E}"
        for k, (a, b) in enumerate(zip(v, i, strict=True))
    ]
    return Form(content=text(body), time=None, volts=v, amps=i, first=1, needed=(0, 1))


@form
def units_behind_the_numbers():
    t, v, i = loop()
    body = [f"{a:.6g} s;{b * 1e3:.6g} mV;{c * 1e6:.6g} µA" for a, b, c in zip(t, v, i, strict=True)]
    return Form(content=text(["Time;Voltage;Current", *body]), time=t, volts=v, amps=i, cells="")


@form
def clock_times():
    t, v, i = loop()
    body = [
        f"2024-03-01 23:59:{50 + s:06.3f},{a:.6g},{b:.6g}"
        if s < 10
        else f"2024-03-02 00:00:{s - 10:06.3f},{a:.6g},{b:.6g}"
        for s, a, b in zip(t, v, i, strict=True)
    ]
    return Form(
        content=text(["Timestamp,Voltage (V),Current (A)", *body]),
        time=t,
        volts=v,
        amps=i,
        cells="",
    )


@form
def curve_tracer_with_resistances():
    _, v, i = loop()
    keep = v != 0
    r = v[keep] / i[keep]
    body = [f"1,1,{float(x):.8g},{a:.6g},0,CT,CT,0.5" for x, a in zip(r, v[keep], strict=True)]
    header = "Wordline,Bitline,Resistance,Amplitude (V),Pulse width (s),Tag,ReadTag,ReadVoltage"
    return Form(
        content=text([header, *body]),
        time=None,
        volts=v[keep],
        amps=i[keep],
        cells="",
        said=("voltage over Resistance",),
    )


@form
def programmed_and_measured_voltage():
    t, v, i = loop()
    body = lines_of(t, v, 0.98 * v, i)
    return Form(
        content=text(["Time,Vset (V),Vmeas (V),Imeas (A)", *body]),
        time=t,
        volts=0.98 * v,
        amps=i,
        said=("Vset (V) (Vmeas (V) is there)",),
        needed=(0, 2, 3),
    )


@form
def logarithmic_steps():
    t = np.round(np.geomspace(1e-6, 1.0, 40), 12)
    v = np.array([float(f"{x:.5g}") for x in np.geomspace(1e-3, 2.0, 40)])
    i = np.array([float(f"{x:.5g}") for x in 1e-6 * v**2])
    return Form(
        content=text(["time,volts,amps", *lines_of(t, v, i, fmt="{:.8g}")]), time=t, volts=v, amps=i
    )


@form
def compliance_seen_and_flagged():
    t, v, i = loop()
    limited = np.clip(i, -4e-4, 4e-4)
    flags = np.where(np.abs(i) > 4e-4, "Compliance", "OK")
    body = [f"{row},{flag}" for row, flag in zip(lines_of(t, v, limited), flags, strict=True)]
    return Form(
        content=text(["time,V,I,Status", *body]),
        time=t,
        volts=v,
        amps=limited,
        said=("compliance 400 µA",),
    )


@form
def exponents_of_fortran_and_the_long_minus():
    t, v, i = loop()
    body = [
        f"{a:.4E} {b:.4E} {c:.4E}".replace("E", "D").replace("-0.", "−0.")
        for a, b, c in zip(t, v, i, strict=True)
    ]
    return Form(content=text(["t V I", *body]), time=t, volts=v, amps=i, cells="")


@form
def old_line_ends():
    return simple("time,volts,amps", end="\r")


@form
def raw_readings_of_a_source_meter():
    t, v, i = loop()
    body = [
        f"{a:+.6E},{b:+.6E},+9.910000E+37,{s:+.6E},+4.300800E+04"
        for s, a, b in zip(t, v, i, strict=True)
    ]
    return Form(content=text(body), time=t, volts=v, amps=i, first=1, needed=(0, 1, 3))


@form
def buffer_with_units_in_columns():
    t, v, i = loop()
    body = [
        f"{k},{b:.6E},Amp DC,5,{a:.6E},Volt DC,F,{s:.6f}"
        for k, (s, a, b) in enumerate(zip(t, v, i, strict=True), start=1)
    ]
    header = "Index,Reading,Unit,Range Digits,Value,Unit,Source Limit,Relative Time"
    return Form(
        content=text(["Buffer Name,defbuffer1", header, *body]),
        time=t,
        volts=v,
        amps=i,
        first=3,
        needed=(1, 4, 7),
    )


@form
def spaces_before_units():
    t, v, i = loop()
    return Form(
        content=text(
            [
                "  Time [s]   Voltage [V]   Current [A]",
                *("  " + row for row in lines_of(t, v, i, mark="   ")),
            ]
        ),
        time=t,
        volts=v,
        amps=i,
        cells="",
    )


@form
def micro_signs_encoded_twice():
    t, v, i = loop()
    lines = ["time (s),voltage (V),current (\u00c2\u00b5A)", *lines_of(t, v, i * 1e6)]
    return Form(content=text(lines), time=t, volts=v, amps=i)


@form
def run_sheets_with_clock_and_several_headers():
    t, v, i = loop()
    body = [
        f"{k},2024-03-01,10:22:{s:09.6f},{a:.6g},{b:.6g}"
        for k, (s, a, b) in enumerate(zip(t, v, i, strict=True), start=1)
    ]
    lines = [
        "Instrument,2450-1",
        "Model,2450",
        "Serial,0123456",
        'Run,"Mar 1, 2024"',
        "",
        "Index,Date,Time,Smu-1 Voltage (V),Smu-1 Current (A)",
    ]
    return Form(content=text([*lines, *body]), time=t, volts=v, amps=i, first=7, needed=(3, 4))


@form
def units_stated_above():
    return simple(
        "Time,Voltage,Current",
        scale=(1.0, 1e-3, 1e-9),
        above=("Sample,A7", "Voltage unit: mV", "Unit of current: nA"),
    )


@form
def units_in_one_line_above():
    return simple("Time,Voltage,Current", scale=(1.0, 1.0, 1e-6), above=("Units: s, V, uA",))


@form
def cyrillic():
    return simple("Время, с;Напряжение, мВ;Ток, мкА", mark=";", scale=(1.0, 1e-3, 1e-6))


@form
def powers_of_ten():
    return simple("Time / s,Voltage / 10^-3 V,Current (10⁻⁶ A)", scale=(1.0, 1e-3, 1e-6))


@form
def drain_and_gate():
    t, v, i = loop()
    body = [f"{line},0.8,1e-12" for line in lines_of(t, v, i)]
    lines = ["time,Vd (V),Id (A),Vg (V),Ig (A)", *body]
    return Form(content=text(lines), time=t, volts=v, amps=i, said=("column Vg (V) (0.8 V)",))


@form
def dates_of_a_spreadsheet():
    t, v, i = loop()
    body = [f"{45123.5 + s / 86400:.15g},{a:.6g},{b:.6g}" for s, a, b in zip(t, v, i, strict=True)]
    said = ("Date/Time holds dates, in days",)
    return Form(content=text(["Date/Time,V,I", *body]), time=t, volts=v, amps=i, said=said)


@form
def date_and_time_in_one_cell():
    t, v, i = loop()
    body = [f"2024/03/01 10:22:{s:06.3f},{a:.6g},{b:.6g}" for s, a, b in zip(t, v, i, strict=True)]
    return Form(content=text(["DateTime,V,I", *body]), time=t, volts=v, amps=i, needed=(1, 2))


_BUFFER = (
    "Index,Reading,Unit,Range Digits,Disp Digits,Math,Start Group,Terminal,Questionable,Origin,"
    "Value,Unit,Digits,Output,Sense,Source Limit,Overtemp"
)


def _of_a_buffer(k, v, i, behind):
    settings = f"6,5.5,Off,F,Front,F,Main,{v:.6e},Volt DC,6,On,2W,F,F"
    return f"{k + 1},{i:.6e},Amp DC,{settings},{behind}"


@form
def buffer_of_a_source_meter_by_the_clock():
    """A row of more words than numbers, fractions of a second in a column of their own."""
    t, v, i = loop()
    body = [
        _of_a_buffer(k, b, c, f"03/01/2024,10:22:{int(a) + 1:02d},{a % 1:.6f}")
        for k, (a, b, c) in enumerate(zip(t, v, i, strict=True))
    ]
    return Form(
        content=text([f"{_BUFFER},Date,Time,Fractional Seconds", *body], "\r\n"),
        time=t,
        volts=v,
        amps=i,
        needed=(1, 10),
    )


@form
def buffer_of_a_source_meter():
    t, v, i = loop()
    body = [
        _of_a_buffer(k, b, c, f"{a:.6f}") for k, (a, b, c) in enumerate(zip(t, v, i, strict=True))
    ]
    return Form(
        content=text([f"{_BUFFER},Relative Time", *body]),
        time=t,
        volts=v,
        amps=i,
        needed=(1, 10, 17),
    )


@form
def measurement_of_a_virtual_instrument():
    t, v, i = loop()
    above = [
        "LabVIEW Measurement\t",
        "Separator\tTab",
        "Decimal_Separator\t.",
        "***End_of_Header***\t",
        "\t",
        "Channels\t2\t\t",
        "Samples\t41\t41\t",
        "***End_of_Header***\t\t\t",
        "X_Value\tVoltage\tCurrent\tComment",
    ]
    return Form(
        content=text([*above, *lines_of(t, v, i, mark="\t")]),
        time=t,
        volts=v,
        amps=i,
        first=10,
        cells="\t",
    )


@form
def numbers_of_rows_without_a_header():
    t, v, i = loop()
    body = [f"{k + 1} {row}" for k, row in enumerate(lines_of(v, i, t, mark=" "))]
    return Form(
        content=text(["V I t", *body]), time=t, volts=v, amps=i, cells=" ", needed=(1, 2, 3)
    )


@form
def quoted_headers_with_commas_behind_blanks():
    return simple(
        '"Bias Voltage, mV", "Current, uA", "time, ms"',
        mark=", ",
        scale=(1e-3, 1e-3, 1e-6),
        order=(1, 2, 0),
    )
