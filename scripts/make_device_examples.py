"""Write the example data of measured devices in data/devices/ (see its README for what is measured
and what is made)."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from spicesnn.devices.delta_table import DeltaTable, Grid
from spicesnn.devices.levels import TWENTY_STATES_OHM

FOLDER = Path(__file__).resolve().parent.parent / "data" / "devices"


def pulse_curve() -> np.ndarray:
    """Return 51 conductances after the published fit of a measured curve, with its published
    scatter from pulse 18 on."""
    pulses = np.arange(51)
    rise = 6.55e-8 * (1 - np.exp(-pulses / 3.0))
    scatter = 5.3e-9 * np.random.default_rng(2015).standard_normal(51)
    return 4.5448e-7 + rise + np.where(pulses >= 18, scatter, 0.0)


def two_sided_curve() -> np.ndarray:
    """Return 65 set and 65 reset conductances of a made-up device with soft bounds and 1 % scatter,
    (65, 2)."""
    pulses, rng = np.arange(65), np.random.default_rng(64)
    up = 10e-6 + 90e-6 * (1 - np.exp(-pulses / 20)) / (1 - np.exp(-64 / 20))
    down = 100e-6 - 90e-6 * (1 - np.exp(-pulses / 14)) / (1 - np.exp(-64 / 14))
    return np.stack([up, down], axis=1) + 0.5e-6 * rng.standard_normal((65, 2))


def delta_table() -> DeltaTable:
    """Return ΔG(G, V) of the same device at other amplitudes: proportional to |V| − 0.6 V, and zero
    below."""
    siemens, volts = (
        np.linspace(10e-6, 100e-6, 19),
        np.array(
            [-1.2, -1.1, -1.0, -0.9, -0.8, -0.7, -0.6, 0.0, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2]
        ),
    )
    drive = np.maximum(np.abs(volts) - 0.6, 0.0) / 0.4
    up = (100e-6 - siemens)[:, None] * (1 - np.exp(-drive / 20))
    down = (siemens - 10e-6)[:, None] * (1 - np.exp(-drive / 14))
    return DeltaTable(
        grid=Grid(x=siemens, y=volts, values=np.where(volts > 0, up, -down)), pulse_s=1e-6
    )


def write(name: str, header: list[str], rows: np.ndarray) -> None:
    with (FOLDER / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([f"{value:.6g}" for value in row] for row in rows)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    write("pulse_curve.csv", ["conductance_siemens"], pulse_curve()[:, None])
    write("set_reset_curve.csv", ["set_siemens", "reset_siemens"], two_sided_curve())
    write("twenty_states.csv", ["resistance_ohm"], np.array(TWENTY_STATES_OHM)[:, None])
    delta_table().to_csv(FOLDER / "delta_table.csv")


if __name__ == "__main__":
    main()
