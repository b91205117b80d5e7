"""Every number on a report's cards, in its budget and in its comparison, computed anew: from
numbers that differ in every place."""

import dataclasses
from decimal import Decimal

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

import spicesnn as sn
from spicesnn.engines.ngspice import engine as ngspice_engine
from spicesnn.engines.nodal import engine as nodal_engine
from spicesnn.learning.metrics import interval
from spicesnn.plotting.run_data import RunData
from spicesnn.reporting import second_engine
from spicesnn.reporting.tables import budget, cards, changed, comparison
from spicesnn.training import RunDirectory, load, train

PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M"}


def engineering(value, unit, digits=4):
    """Return a number as people write it: one to three digits before the point, and the prefix of
    its thousand."""
    power = 3 * (Decimal(repr(float(value))).adjusted() // 3)
    return f"{float(Decimal(repr(float(value))).scaleb(-power)):.{digits}g} {PREFIXES[power]}{unit}"


def wilson(share, count):
    """Return the fractions whose distance from `share` is 1.96 of their own standard errors."""
    z = norm.ppf(0.975)
    if share in (
        0,
        1,
    ):  # one of the two is where it lies, and the other has share = n/(n + z²) of what is left
        return (0.0, z * z / (count + z * z)) if share == 0 else (count / (count + z * z), 1.0)

    def off(p):
        return (share - p) ** 2 * count - z * z * p * (1 - p)

    return brentq(off, 0.0, share, xtol=1e-14), brentq(off, share, 1.0, xtol=1e-14)


@pytest.mark.parametrize(
    ("right", "count"), [(0, 7), (1, 30), (17, 30), (9123, 10000), (49, 50), (50, 50)]
)
def test_the_interval_is_where_the_share_lies_1_96_standard_errors_away(right, count):
    low, high = interval(right / count, count)
    assert (low, high) == pytest.approx(wilson(right / count, count), abs=1e-9)
    assert low <= right / count <= high


METRICS = {
    "test_accuracy": 0.8765,
    "n_test": 1234,
    "train_accuracy": 0.9123,
    "energy_joule": 7.25e-6,
    "write_joule": 5.31e-6,
    "read_joule": 1.94e-6,
    "pulses": 413,
    "reads": 8071,
    "updates": 59,
    "epochs": 17,
    "wall_s": 43.7,
    "rows": 101,
    "columns": 22,
    "residual_amps": 3.3e-15,
    "silent_or_tied": 29,
    "held_out": True,
    "software_accuracy": 0.8912,
    "uncompensated_accuracy": 0.7431,
    "mapping_error": 0.0123,
}


def test_the_cards_of_a_crossbar():
    config = load("letters-3x3", {"encoding.read_s": 2.5e-3}).with_seed(8)
    found = [(card["value"], card["label"]) for card in cards(METRICS, config)]
    low, high = wilson(0.8765, 1234)
    assert found == [
        ("87.65 %", f"of 1,234 held-out samples; 95 % interval {100 * low:.1f}–{100 * high:.1f} %"),
        ("91.23 %", "of the training samples (of the first 5,000, where there are more)"),
        ("101 × 22", "cells"),
        ("nodal", "engine that solved every read and pulse"),
        ("7.25 µJ", "delivered by the drivers, training and test"),
        ("43.7 s", "wall time, seed 8"),
    ]
    shown = cards(METRICS | {"held_out": False}, config)[0]["label"]
    assert shown.startswith("of 1,234 training samples; 95 % interval")


def test_the_budget_of_a_crossbar():
    config = load(
        "letters-3x3",
        {"encoding.read_s": 2.5e-3, "programming.set_s": 3e-4, "programming.reset_s": 3e-4},
    )
    rows = {row["label"]: row["value"] for row in budget(METRICS, config)}
    expected = {
        "energy, training and test": engineering(7.25e-6, "J"),
        "energy of programming pulses": engineering(5.31e-6, "J"),
        "energy of reads": engineering(1.94e-6, "J"),
        "energy of one pulse, mean": engineering(5.31e-6 / 413, "J"),
        "energy of one read, mean": engineering(1.94e-6 / 8071, "J"),
        "updates": "59",
        "programming pulses": "413",
        "reads": "8,071",
        "epochs": "17",
        "test samples without an answer (a tie, or no spike)": "29",
        "test accuracy of the weights in software": "89.12 %",
        "mapped without compensation of the wires": "74.31 %",
        "mapping error (rms, fraction of the window)": "1.23 %",
        "time of the circuit, reads": engineering(8071 * 2.5e-3, "s"),
        "time of the circuit, programming pulses": engineering(413 * 3e-4, "s"),
        "time of the computation (wall)": engineering(43.7, "s"),
        "largest violation of Kirchhoff's current law": engineering(3.3e-15, "A"),
    }
    assert rows == expected
    uneven = load("letters-3x3", {"programming.set_s": 3e-4, "programming.reset_s": 4e-4})
    assert "time of the circuit, programming pulses" not in {
        row["label"] for row in budget(METRICS, uneven)
    }
    shrinking = load("letters-3x3", {"learning.final_width": 0.5})
    assert "time of the circuit, programming pulses, at most" in {
        row["label"] for row in budget(METRICS, shrinking)
    }


def test_the_budget_and_the_cards_of_a_stream():
    metrics = {
        "test_accuracy": 0.7,
        "n_test": 200,
        "train_accuracy": 0.75,
        "energy_joule": 3.21e-4,
        "wall_s": 12.34,
        "epochs": 3,
        "presentations": 1234567.0,
        "input_events": 7654321.0,
        "output_spikes": 4321.0,
        "learning_writes": 98765.0,
        "normalisation_writes": 56789.0,
        "silent_or_tied": 5,
        "read_joule_a_presentation": 4.4e-9,
        "mapped_accuracy": 0.66,
        "stale_error": 0.004,
        "tiles": 56.0,
        "cells": 1003520.0,
        "solves": 777.0,
        "rows_written_first": 11.0,
        "rows_written_second": 13.0,
    }
    config = load("stdp-mnist").with_seed(5)
    rows = {row["label"]: row["value"] for row in budget(metrics, config)}
    assert rows == {
        "energy, reads while learning": "321 µJ",
        "energy of reads per presentation": "4.4 nJ",
        "epochs": "3",
        "presentations, repeats included": "1,234,567",
        "input spikes": "7,654,321",
        "output spikes": "4,321",
        "writes by learning": "98,765",
        "writes by normalisation": "56,789",
        "lines written, first layer": "11",
        "lines written, second layer": "13",
        "cells": "1,003,520",
        "tiles": "56",
        "solves of a layer's tiles": "777",
        "test samples without an answer (a tie, or no spike)": "5",
        "after mapping, before tuning in situ": "66.00 %",
        "largest error of the effective conductances between two solves (rms)": "0.40 %",
        "time of the computation (wall)": "12.34 s",
    }
    found = {card["label"]: card["value"] for card in cards(metrics, config)}
    assert found["reads while learning, by V²·G·t of every cell"] == "321 µJ"
    assert found["wall time, seed 5"] == "12.3 s"
    quiet = {
        card["label"]: card["value"] for card in cards(metrics | {"energy_joule": 0.0}, config)
    }
    assert quiet["delivered by the drivers to answer one image"] == "4.4 nJ"


def test_runs_stand_beside_each_other_in_their_order():
    configs = [
        load("letters-3x3", {"array.word_line_ohm": ohm}).with_seed(seed)
        for ohm, seed in ((1.5, 3), (2.5, 4))
    ]
    others = [
        METRICS,
        {
            **METRICS,
            "test_accuracy": 0.5,
            "n_test": 60,
            "train_accuracy": 0.6,
            "energy_joule": 0.0,
            "wall_s": 1.25,
        },
    ]
    table = comparison(
        [{"metrics": m, "config": c} for m, c in zip(others, configs, strict=True)], []
    )
    rows = {row["label"]: row["values"] for row in table["rows"]}
    bounds = [wilson(0.8765, 1234), wilson(0.5, 60)]
    assert rows == {
        "test accuracy (95 % interval)": [
            f"{share} ({100 * low:.1f}–{100 * high:.1f})"
            for share, (low, high) in zip(("87.65 %", "50.00 %"), bounds, strict=True)
        ],
        "test samples": ["1,234", "60"],
        "training accuracy": ["91.23 %", "60.00 %"],
        "engine": ["nodal", "nodal"],
        "seed": ["3", "4"],
        "energy": ["7.25 µJ", "not counted"],
        "wall time": ["43.7 s", "1.25 s"],
    }
    assert table["differences"] == [{"label": "array.word_line_ohm", "values": ["1.5", "2.5"]}]
    assert changed(configs[0]) == [{"key": "array.word_line_ohm", "preset": "1.0", "run": "1.5"}]


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    out = tmp_path_factory.mktemp("numbers") / "run"
    train(
        load("letters-3x3", ["training.epochs=2", "training.stop_when_right=false"]),
        engine=sn.NodalEngine(),
        out=out,
        rng_seed=1,
    )
    return out


def test_metrics_of_a_run_follow_from_its_answers(letters):
    run = RunDirectory.existing(letters)
    metrics, history = run.metrics(), run.history()
    right = history["predicted"] == history["labels"]
    assert metrics["n_test"] == len(right) == 30
    assert metrics["test_accuracy"] == pytest.approx(right.mean())
    assert metrics["silent_or_tied"] == int((history["predicted"] == -1).sum())
    table = np.zeros((3, 4), int)
    for label, answer in zip(history["labels"], history["predicted"], strict=True):
        table[label, answer] += 1  # −1 is the last column
    np.testing.assert_array_equal(history["confusion"], table)
    assert (metrics["rows"], metrics["columns"]) == run.load_state().devices.shape
    assert metrics["pulses"] == history["pulses"].sum()
    first = np.where(
        np.isfinite(history["spike_times"]).any(axis=1), history["spike_times"].argmin(axis=1), -1
    )
    np.testing.assert_array_equal(history["predicted"], first)
    np.testing.assert_array_equal(
        history["output_amps"].argmax(axis=1)[first >= 0], first[first >= 0]
    )


def disturbed(base, method, change):
    """Return an engine of which one method answers otherwise."""

    def other(self, *arguments, **options):
        return change(getattr(base, method)(self, *arguments, **options))

    return type("Disturbed", (base,), {method: other})


def scaled(read):
    return dataclasses.replace(read, column_amps=read.column_amps * (1 + 3e-6))


def turned(read):
    return dataclasses.replace(read, column_amps=np.roll(read.column_amps, 2, axis=-1))


@pytest.mark.parametrize("module", [ngspice_engine, nodal_engine], ids=["ngspice", "nodal"])
def test_the_other_engine_of_a_report_is_another_engine(letters, monkeypatch, module):
    """Either engine disturbed by 3e-6 shows; were one compared with itself, nothing would."""
    data, name = RunData(letters), "NgspiceEngine" if module is ngspice_engine else "NodalEngine"
    sound = second_engine.check(data)
    assert [row["ok"] for row in sound["rows"]] == ["yes", "yes"]
    assert float(sound["rows"][0]["error"]) < 1e-9
    original = getattr(module, name)
    monkeypatch.setattr(module, name, disturbed(original, "read", scaled))
    currents, alike = second_engine.check(data)["rows"]
    assert (currents["ok"], currents["tolerance"]) == ("NO", "1e-09")
    assert float(currents["error"]) == pytest.approx(3e-6, rel=0.05)
    assert (alike["error"], alike["ok"]) == ("4 of 4", "yes")
    monkeypatch.setattr(module, name, disturbed(original, "read", turned))
    currents, alike = second_engine.check(data)["rows"]
    assert (currents["ok"], alike["ok"]) == ("NO", "NO")
    assert float(currents["error"]) > 0.01
    assert int(alike["error"].split(" of ")[0]) < 4


@pytest.mark.parametrize("module", [ngspice_engine, nodal_engine], ids=["ngspice", "nodal"])
def test_the_other_engine_of_a_tile_is_another_engine(monkeypatch, module, tmp_path):
    settings = {"data.train_limit": 60, "data.test_limit": 10, "population.neurons.neurons": 8}
    train(load("stdp-simple", settings), engine=sn.NodalEngine(), out=tmp_path / "run", rng_seed=1)
    data, name = (
        RunData(tmp_path / "run"),
        "NgspiceEngine" if module is ngspice_engine else "NodalEngine",
    )
    (sound,) = second_engine.check(data)["rows"]
    assert sound["ok"] == "yes"
    monkeypatch.setattr(module, name, disturbed(getattr(module, name), "read", scaled))
    (row,) = second_engine.check(data)["rows"]
    assert row["ok"] == "NO"
    assert float(row["error"]) == pytest.approx(3e-6, rel=0.05)


def test_a_mapped_network_has_its_area_and_every_layer_what_its_converters_cut():
    layers = [
        {
            "layer": "dense",
            "tiles": 3,
            "weights_error": 0.0123,
            "effective_bits": 5.25,
            "clipped_inputs": 0.001,
            "clipped_outputs": 0.02,
        },
        {"layer": "out", "tiles": 1, "weights_error": 0.2, "effective_bits": None},
    ]
    metrics = {
        "energy_joule": 0.0,
        "wall_s": 2.0,
        "area_m2": 2.5e-6,
        "tops_per_watt": 12.345,
        "layers": layers,
    }
    said = {row["label"]: row["value"] for row in budget(metrics, None)}
    assert said["area of the chip (tabulated)"] == "2.5 mm²"
    assert said["efficiency"] == "12.3 TOPS/W"
    assert said["layer dense"] == (
        "3 tiles, weights programmed to 1.23 % (rms, of the largest), 5.2 effective bits; beyond"
        " the range: 0.10 % of the inputs, 2.00 % of the outputs"
    )
    assert said["layer out"] == "1 tiles, weights programmed to 20.00 % (rms, of the largest)"
