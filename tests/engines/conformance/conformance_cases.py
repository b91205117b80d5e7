"""The arrays and inputs that both engines must agree on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import spicesnn as sn
from spicesnn.devices import registry


@dataclass(frozen=True, kw_only=True)
class Case:
    """One read: array, row voltages, and what else `read` takes."""

    array: sn.Crossbar
    row_volts: Any
    extra: dict[str, Any] = field(default_factory=dict)


def spread(
    rng: np.random.Generator, shape: tuple[int, int], low: float = 1e-6, high: float = 1e-3
) -> np.ndarray:
    """Return conductances spread evenly over the decades from `low` to `high`."""
    return np.exp(rng.uniform(np.log(low), np.log(high), shape))


def linear_cases() -> dict[str, Case]:
    """Return the reads of linear arrays."""
    rng = np.random.default_rng(20)
    cases: dict[str, Case] = {}
    for rows, cols in ((1, 1), (1, 5), (5, 1), (2, 2), (3, 7), (8, 8), (32, 8)):
        cases[f"{rows}x{cols}"] = Case(
            array=sn.Crossbar(conductance=spread(rng, (rows, cols)), wires=sn.Wires()),
            row_volts=rng.uniform(-1, 1, (3, rows)),
        )
    wires = {
        "ideal wires": sn.Wires.ideal(),
        "ideal word lines": sn.Wires(word_line_ohm=0.0, bit_line_ohm=2.0),
        "ideal bit lines": sn.Wires(word_line_ohm=2.0, bit_line_ohm=0.0),
        "drivers and sense": sn.Wires(
            word_line_ohm=1.0, bit_line_ohm=3.0, driver_ohm=100.0, sense_ohm=50.0
        ),
        "ends on ideal wires": sn.Wires(
            word_line_ohm=0.0, bit_line_ohm=0.0, driver_ohm=100.0, sense_ohm=50.0
        ),
        "ends per line": sn.Wires(
            driver_ohm=rng.uniform(0, 200, 6), sense_ohm=np.array([0.0, 10.0, 0.0, 1e3])
        ),
        "double sided": sn.Wires(
            word_line_ohm=5.0, bit_line_ohm=4.0, driver_ohm=20.0, double_sided=True
        ),
        "long lines": sn.Wires(word_line_ohm=500.0, bit_line_ohm=300.0),
    }
    for name, wire in wires.items():
        cases[name] = Case(
            array=sn.Crossbar(conductance=spread(rng, (6, 4)), wires=wire),
            row_volts=rng.uniform(-1, 1, (2, 6)),
        )
    cases["all equal"] = Case(
        array=sn.Crossbar(conductance=np.full((6, 6), 1e-4), wires=sn.Wires()), row_volts=np.ones(6)
    )
    cases["six decades"] = Case(
        array=sn.Crossbar(conductance=spread(rng, (8, 8), 1e-8, 1e-2), wires=sn.Wires()),
        row_volts=rng.uniform(-1, 1, (2, 8)),
    )
    holes = spread(rng, (6, 5))
    holes[rng.random((6, 5)) < 0.4] = 0.0
    cases["open cells"] = Case(
        array=sn.Crossbar(conductance=holes, wires=sn.Wires()), row_volts=rng.uniform(-1, 1, (2, 6))
    )
    cases["all open"] = Case(
        array=sn.Crossbar(conductance=np.zeros((3, 3)), wires=sn.Wires()), row_volts=np.ones(3)
    )
    array = sn.Crossbar(
        conductance=spread(rng, (5, 4)), wires=sn.Wires(driver_ohm=10.0, sense_ohm=10.0)
    )
    volts = rng.uniform(-1, 1, (4, 5))
    cases["columns held up"] = Case(
        array=array, row_volts=volts, extra={"column_volts": rng.uniform(-0.5, 0.5, (4, 4))}
    )
    cases["columns at V/2"] = Case(
        array=array, row_volts=volts[0], extra={"column_volts": np.full(4, 0.5)}
    )
    cases["floating rows"] = Case(
        array=array,
        row_volts=volts,
        extra={"floating_rows": np.array([False, True, True, False, False])},
    )
    cases["floating columns"] = Case(
        array=array,
        row_volts=volts,
        extra={"floating_columns": np.array([True, False, True, False])},
    )
    cases["floating both"] = Case(
        array=array,
        row_volts=volts,
        extra={
            "floating_rows": np.array([True] * 4 + [False]),
            "floating_columns": np.array([True, True, False, True]),
        },
    )
    cases["negative volts"] = Case(array=array, row_volts=-np.abs(volts))
    cases["millivolts"] = Case(array=array, row_volts=1e-3 * volts)
    cases["kilovolts"] = Case(array=array, row_volts=1e3 * volts)
    cases["zero volts"] = Case(array=array, row_volts=np.zeros(5))
    cases["a batch of fifty"] = Case(array=array, row_volts=rng.uniform(-1, 1, (50, 5)))
    return cases


def device_array(
    name: str,
    shape: tuple[int, int],
    rng: np.random.Generator,
    wires: sn.Wires | None = None,
    **parameters: Any,
) -> sn.Crossbar:
    """Return an array of a device in random states, its third terminals on the word lines."""
    device = registry.make(name, **parameters)
    if not device.state_names:
        return sn.Crossbar(device=device, shape=shape, wires=wires or sn.Wires())
    low, high = (np.asarray(b, dtype=float) for b in device.bounds())
    if name == "mosfet-emulator":
        low, high = np.maximum(low, 0.5), np.minimum(high, 3.0)
    count = len(device.state_names)
    if count == 1:
        state = low + (high - low) * rng.uniform(0.1, 0.9, shape)
    else:
        initial = np.asarray(device.initial_state(), dtype=float).reshape(count, 1, 1)
        state = np.broadcast_to(initial, (count, *shape))
    return sn.Crossbar(device=device, state=state, wires=wires or sn.Wires())


def read_volts(name: str) -> float:
    """Return a voltage at which a device conducts without being overdriven."""
    return {"pai-yu-chen": 0.8, "pai-yu-chen-heated": 0.8, "stanford": 0.8}.get(name, 0.6)
