"""Equations as machine code: what compiled loops compute is what the NumPy methods compute, for
every device that offers them."""

from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices.compiled import over_arrays
from spicesnn.devices.registry import device_class, names
from spicesnn.devices.windows import DriftWindow

LIBRARY = [device_class(name)() for name in names()]
CASES = [
    device for device in LIBRARY if device.compiled() is not None and len(device.state_names) <= 1
]
CASES += [
    sn.devices.LinearDrift(window=window, window_order=3.0)
    for window in DriftWindow
    if window is not DriftWindow.NONE
]


@pytest.mark.parametrize("device", CASES, ids=lambda device: f"{device.name}")
def test_compiled_is_numpy(device: sn.devices.base.Device) -> None:
    rng = np.random.default_rng(0)
    count, volts = 300, 1.5 * device.typical_drive()[0]
    low, high = (float(np.asarray(bound)) for bound in device.bounds())
    low, high = max(low, -2.0), min(high, 3.0) if high < 1e6 and high > 1e4 else high
    v, x = rng.uniform(-volts, volts, count), rng.uniform(low, high, count)
    v[:3], x[3:5] = (0.0, 1e-9, -1e-9), (low, high)
    gate = rng.uniform(0.0, 1.2, count) if device.gated else None
    code = device.compiled()
    for name in ("current", "conductance", "rate"):
        function = getattr(code, name)
        if function is None:
            assert name == "conductance"
            assert device.linear
            continue
        expected = getattr(device, name)(v, x, gate)
        np.testing.assert_allclose(
            over_arrays(function, v, x, gate, code.parameters),
            expected,
            rtol=1e-11,
            atol=1e-13 * np.abs(expected).max(),
        )


def test_parameters_may_differ_from_cell_to_cell() -> None:
    device = sn.devices.PaiYuChen(i_0=np.array([[1e-6, 2e-6], [3e-6, 4e-6]]))
    code, v, x = device.compiled(), 0.3, np.full((2, 2), 1e-9)
    np.testing.assert_allclose(
        over_arrays(code.current, v, x, None, code.parameters), device.current(v, x), rtol=1e-14
    )
