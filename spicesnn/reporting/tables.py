"""The tables of a report: what stands on its cards, the budget of energy and time, what was
changed, and runs beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from spicesnn.errors import SpicesnnError
from spicesnn.learning.metrics import interval
from spicesnn.training import config as configuration
from spicesnn.training.config import Config
from spicesnn.training.summary import FIRST_SAMPLES
from spicesnn.units import render

if TYPE_CHECKING:
    from spicesnn.plotting.run_data import RunData
    from spicesnn.reporting.pictures import Embedded

_COUNTED = {
    "presentations": "presentations, repeats included",
    "input_events": "input spikes",
    "output_spikes": "output spikes",
    "learning_writes": "writes by learning",
    "normalisation_writes": "writes by normalisation",
    "rows_written_first": "lines written, first layer",
    "rows_written_second": "lines written, second layer",
    "cells": "cells",
    "tiles": "tiles",
    "solves": "solves of a layer's tiles",
    "silent_or_tied": "test samples without an answer (a tie, or no spike)",
}
_SHARES = {
    "software_accuracy": "test accuracy of the weights in software",
    "uncompensated_accuracy": "mapped without compensation of the wires",
    "mapped_accuracy": "after mapping, before tuning in situ",
    "mapping_error": "mapping error (rms, fraction of the window)",
    "stale_error": "largest error of the effective conductances between two solves (rms)",
}
_JOULE = {
    "read_joule_a_presentation": "energy of reads per presentation",
    "write_joule_a_presentation": "energy of learning writes per presentation",
    "normalisation_joule_a_presentation": "energy of normalisation writes per presentation",
}
"""What networks that learn from a stream count: key of `metrics.json` → what it is."""
_INFERENCE = (("latency_s", "latency of an inference", "s"),)
_NOT_COUNTED = "not counted"
_WHOLE, _LEARNT = "training and test", "reads while learning"
"""What `energy_joule` is of: a crossbar, and a network that learns from a stream."""


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.2f} %"


def accuracy(metrics: dict[str, Any]) -> str:
    """Return the test accuracy with its 95 % interval."""
    low, high = interval(metrics["test_accuracy"], metrics["n_test"])
    return f"{percent(metrics['test_accuracy'])} ({100 * low:.1f}–{100 * high:.1f})"


def cards(metrics: dict[str, Any], config: Any) -> list[dict[str, str]]:
    """Return what is seen first."""
    kind = "held-out samples" if metrics.get("held_out", True) else "training samples"
    low, high = interval(metrics["test_accuracy"], metrics["n_test"])
    trained = f"of the training samples (of the first {FIRST_SAMPLES:,}, where there are more)"
    return [
        {
            "value": percent(metrics["test_accuracy"]),
            "label": (
                f"of {metrics['n_test']:,} {kind}; 95 % interval {100 * low:.1f}–{100 * high:.1f} %"
            ),
        },
        (
            {"value": percent(metrics["train_accuracy"]), "label": trained}
            if "ideal_accuracy" not in metrics
            else {
                "value": percent(metrics["ideal_accuracy"]),
                "label": "of the same samples on ideal arrays: the network as its file has it",
            }
        ),
        *(
            [{"value": f"{metrics['rows']} × {metrics['columns']}", "label": _cells(config)}]
            if "rows" in metrics and "columns" in metrics
            else []
        ),
        _engine_card(metrics, config),
        *_energy_card(metrics, config),
        {"value": render(metrics["wall_s"], "s", 3), "label": f"wall time, seed {config.seed}"},
    ]


def _cells(config: Any) -> str:
    arrays = 1 + len(config.network.hidden) if isinstance(config, Config) else 1
    return "cells" if arrays == 1 else f"cells in the first of {arrays} arrays"


def _engine_card(metrics: dict[str, Any], config: Any) -> dict[str, str]:
    """Return who solved circuits: of networks that learn from a stream only a part of them is
    solved, or nothing."""
    if isinstance(config, Config):
        return {"value": config.engine, "label": "engine that solved every read and pulse"}
    solved_by = metrics.get("solved_by", config.engine)
    if not solved_by:
        return {
            "value": "–",
            "label": "no engine: this network was computed without solving a circuit",
        }
    return {
        "value": solved_by,
        "label": "engine for the parts of this network that are solved as circuits (see below)",
    }


def _energy_card(metrics: dict[str, Any], config: Any) -> list[dict[str, str]]:
    """Return the energy of the run, of one test presentation where only that is counted, or
    nothing."""
    if metrics["energy_joule"]:
        what = (
            f"delivered by the drivers, {_WHOLE}"
            if isinstance(config, Config)
            else f"{_LEARNT}, by V²·G·t of every cell"
        )
        return [{"value": render(metrics["energy_joule"], "J", 3), "label": what}]
    if metrics.get("read_joule_a_presentation"):
        return [
            {
                "value": render(metrics["read_joule_a_presentation"], "J", 3),
                "label": "delivered by the drivers to answer one image",
            }
        ]
    return []


def _row(label: str, value: str) -> dict[str, str]:
    return {"label": label, "value": value}


def _count(value: float) -> str:
    return f"{value:,.0f}"


def budget(metrics: dict[str, Any], config: Any) -> list[dict[str, str]]:
    """Return where energy and time went, and what was counted."""
    what = _WHOLE if isinstance(config, Config) or not metrics["energy_joule"] else _LEARNT
    found = [
        _row(
            f"energy, {what}",
            render(metrics["energy_joule"], "J") if metrics["energy_joule"] else _NOT_COUNTED,
        )
    ]
    for key, label in (
        ("write_joule", "energy of programming pulses"),
        ("read_joule", "energy of reads"),
    ):
        if key in metrics:
            counted = metrics[key] or isinstance(config, Config)
            found.append(_row(label, render(metrics[key], "J") if counted else _NOT_COUNTED))
    if metrics.get("pulses") and "write_joule" in metrics:
        found.append(
            _row(
                "energy of one pulse, mean", render(metrics["write_joule"] / metrics["pulses"], "J")
            )
        )
    if metrics.get("reads") and "read_joule" in metrics:
        found.append(
            _row("energy of one read, mean", render(metrics["read_joule"] / metrics["reads"], "J"))
        )
    found += [
        _row(label, render(metrics[key], "J")) for key, label in _JOULE.items() if metrics.get(key)
    ]
    counts = (
        ("updates", "updates"),
        ("pulses", "programming pulses"),
        ("reads", "reads"),
        ("epochs", "epochs"),
        *_COUNTED.items(),
    )
    found += [_row(label, _count(metrics[key])) for key, label in counts if key in metrics]
    found += [
        _row(label, percent(metrics[key])) for key, label in _SHARES.items() if key in metrics
    ]
    found += [
        _row(label, render(metrics[key], unit)) for key, label, unit in _INFERENCE if key in metrics
    ]
    if "area_m2" in metrics:
        found.append(_row("area of the chip (tabulated)", f"{1e6 * metrics['area_m2']:.3g} mm²"))
    if "tops_per_watt" in metrics:
        found.append(_row("efficiency", f"{metrics['tops_per_watt']:.3g} TOPS/W"))
    for layer in metrics.get("layers", ()):
        found.append(_row(f"layer {layer['layer']}", _layer(layer)))
    found += _circuit_time(metrics, config)
    found.append(_row("time of the computation (wall)", render(metrics["wall_s"], "s")))
    if "residual_amps" in metrics:
        found.append(
            _row(
                "largest violation of Kirchhoff's current law",
                render(metrics["residual_amps"], "A"),
            )
        )
    return found


def _layer(layer: dict[str, Any]) -> str:
    """Return what hardware does to a layer of a mapped network: programming error, values beyond
    the converters' ranges, bits that are left."""
    parts = [
        f"{layer['tiles']} tiles",
        f"weights programmed to {percent(layer['weights_error'])} (rms, of the largest)",
    ]
    if layer["effective_bits"] is not None:
        parts.append(
            f"{layer['effective_bits']:.1f} effective bits; beyond the range:"
            f" {percent(layer['clipped_inputs'])} of the inputs,"
            f" {percent(layer['clipped_outputs'])} of the outputs"
        )
    return ", ".join(parts)


def _circuit_time(metrics: dict[str, Any], config: Any) -> list[dict[str, str]]:
    """Return how long the circuit itself would take: its reads one after another, and its pulses at
    their full widths."""
    if not isinstance(config, Config) or "reads" not in metrics:
        return []
    found = [
        _row("time of the circuit, reads", render(metrics["reads"] * config.encoding.read_s, "s"))
    ]
    widths, pulses = (
        (config.programming.set_s, config.programming.reset_s),
        metrics.get("pulses", 0),
    )
    if pulses and widths[0] == widths[1] and config.learning.rule in ("manhattan", "template"):
        most = "" if config.learning.final_width == 1.0 else ", at most"
        found.append(
            _row(f"time of the circuit, programming pulses{most}", render(pulses * widths[0], "s"))
        )
    return found


def flat(config: Any) -> dict[str, Any]:
    """Return a configuration as ``section.key`` → value."""
    values: dict[str, Any] = {}
    for section, table in config.to_tables().items():
        if isinstance(table, dict):
            values |= {f"{section}.{key}": value for key, value in table.items()}
        else:
            values[section] = table
    return values


def changed(config: Any) -> list[dict[str, str]]:
    """Return what a run has otherwise than the preset it is named after; nothing for configurations
    of one's own."""
    if config.preset not in configuration.preset_names():
        return []
    try:
        shipped = flat(configuration.load(config.preset))
    except SpicesnnError:
        return []
    own = flat(config)
    keys = sorted({*own, *shipped} - {"seed", "engine", "preset", "description"})
    return [
        {"key": key, "preset": str(shipped.get(key, "–")), "run": str(own.get(key, "–"))}
        for key in keys
        if own.get(key) != shipped.get(key)
    ]


def comparison(runs: Sequence[dict[str, Any]], curves: Sequence[Embedded]) -> dict[str, Any]:
    """Return runs beside each other: what came out, and what differs in their configurations."""
    metrics = [run["metrics"] for run in runs]
    rows = [
        {"label": "test accuracy (95 % interval)", "values": [accuracy(m) for m in metrics]},
        {"label": "test samples", "values": [_count(m["n_test"]) for m in metrics]},
        {"label": "training accuracy", "values": [percent(m["train_accuracy"]) for m in metrics]},
        {"label": "engine", "values": [run["config"].engine for run in runs]},
        {"label": "seed", "values": [str(run["config"].seed) for run in runs]},
        {
            "label": "energy",
            "values": [
                render(m["energy_joule"], "J") if m["energy_joule"] else _NOT_COUNTED
                for m in metrics
            ],
        },
        {"label": "wall time", "values": [render(m["wall_s"], "s") for m in metrics]},
    ]
    tables = [flat(run["config"]) for run in runs]
    keys = sorted({key for table in tables for key in table} - {"description", "engine", "seed"})
    differences = [
        {"label": key, "values": [str(t.get(key, "–")) for t in tables]}
        for key in keys
        if len({str(t.get(key)) for t in tables}) > 1
    ]
    return {"rows": rows, "differences": differences, "figures": curves}


def missing(data: RunData, shown: Sequence[str]) -> list[str]:
    """Return which of the usual figures a report does not have, and why."""
    reasons = {
        "confusion": "Confusion matrix: test samples do not have one class each.",
        "weights": "Receptive fields: this run kept no weights.",
        "fields": "Receptive fields: this run kept no weights.",
        "ir-drop": (
            "IR-drop map: the wires of this run have no resistance, so every cell gets the whole"
            " drive."
        ),
        "raster": "Spike raster: this run kept no spikes.",
        "histogram": "Conductances before and after: this run kept no states.",
    }
    wanted = (
        "confusion",
        "weights" if data.is_crossbar else "fields",
        "ir-drop",
        "histogram",
        "raster",
    )
    return [reasons[name] for name in wanted if name not in shown]
