"""What results say of themselves, and what is made of several of them, against sums worked out by
hand."""

from types import SimpleNamespace

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.engines.drift_compensation import drift_compensation
from spicesnn.engines.grounded import read_with_gates_on_ground
from spicesnn.engines.results import IVCurve, Read


def read_of(array=None, **more):
    """Return the made-up read of two word lines and three bit lines, two inputs."""
    parts = {
        "column_amps": np.array([[1e-6, -2e-6, 3e-6], [4e-6, 5e-6, -6e-6]]),
        "row_amps": np.array([[7e-6, -8e-6], [9e-6, 1e-6]]),
        "word_line_volts": np.full((2, 2, 3), 0.7),
        "bit_line_volts": np.full((2, 2, 3), 0.2),
        "residual_amps": np.zeros(2),
    }
    return Read(array=array, **(parts | more))


def test_the_drivers_of_both_ends_deliver_the_power():
    rows, columns = np.array([[0.3, 0.2], [0.1, -0.4]]), np.array([[0.1, 0.0, -0.2]] * 2)
    watts = [2.1e-6 - 1.6e-6 - (0.1e-6 - 0.6e-6), 0.9e-6 - 0.4e-6 - (0.4e-6 + 1.2e-6)]
    read = read_of(row_volts=rows, column_volts=columns)
    assert read.power_watt() == pytest.approx(watts, rel=1e-12)
    assert read.energy(3e-9) == pytest.approx(3e-9 * np.array(watts), rel=1e-12)
    assert read_of().power_watt(rows, columns) == pytest.approx(watts, rel=1e-12)
    assert read_of(row_volts=rows).power_watt() == pytest.approx([0.5e-6, 0.5e-6], rel=1e-12)


def test_cells_carry_what_is_across_them():
    siemens = np.array([[1e-6, 2e-6, 3e-6], [4e-6, 5e-6, 0.0]])
    read = read_of(sn.Crossbar(siemens))
    assert read.cell_volts == pytest.approx(np.full((2, 2, 3), 0.5), rel=1e-12)
    assert read.cell_amps == pytest.approx(np.stack([0.5 * siemens] * 2), rel=1e-12)


def test_a_peak_is_the_largest_current_of_either_sign():
    for amps, peak in (([1e-6, -3e-6, 2e-6], 3e-6), ([0.0, 4e-6, -1e-6], 4e-6)):
        at = np.arange(3.0)
        curve = IVCurve(time=at, volts=at, amps=np.array(amps), state=at, device="", engine="")
        assert curve.peak_amps == peak


def test_drift_is_compensated_by_the_currents_of_all_columns_without_their_signs():
    amps = {"before": [1.0, -2.0, 3.0], "now": [1.0, -1.0, 1.0]}
    engine = SimpleNamespace(
        read=lambda array, volts, **lines: SimpleNamespace(column_amps=np.array(amps[array]))
    )
    assert drift_compensation(engine, "before", "now", [0.1]) == 2.0


def test_gates_on_ground_are_read_again_while_a_single_bit_line_moves():
    """One cell of a hundred is 50 nV off: its mean over the cells is below the tolerance."""
    cell = sn.crossbar.cells.OneTransistorOneResistor()
    array = sn.Crossbar(device=cell, shape=(10, 10))
    volts, seen = np.zeros((10, 10)), []
    volts[0, 0] = 5e-8

    def read(asked, row_volts, **lines):
        seen.append(np.broadcast_to(asked.device.transistor_vto, (10, 10)) - cell.transistor_vto)
        return SimpleNamespace(bit_line_volts=volts)

    engine = SimpleNamespace(read=read)
    read_with_gates_on_ground(engine, array, np.full(10, 0.1), gate_volts=1.3, tolerance=1e-9)
    assert len(seen) == 2
    assert seen[0] == pytest.approx(np.zeros((10, 10)), abs=1e-15)
    assert seen[1] == pytest.approx(volts, abs=1e-15)  # the threshold is higher by the bit line
