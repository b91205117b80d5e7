"""Gradients through pulses against finite differences of the engine's own pulses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import InputError

WIRES = sn.Wires(word_line_ohm=5.0, bit_line_ohm=4.0, driver_ohm=20.0)
SHAPE = (4, 3)


def states(device: sn.devices.VTEAM, seed: int) -> np.ndarray:
    low, high = (float(np.max(bound)) for bound in device.bounds())
    return np.asarray(low + (high - low) * np.random.default_rng(seed).uniform(0.3, 0.7, SHAPE))


DRIFT = sn.devices.LinearDrift()
VTEAM = sn.devices.VTEAM(r_on=1e3, r_off=1e5, v_on=-0.3, v_off=0.3, k_on=-1e-3, k_off=1e-3)
CASES = {
    "linear drift": (
        DRIFT,
        sn.Pulse(row_volts=[-0.4, 0.3, 0.5, -0.2], column_volts=[0.1, -0.2, 0.3], width_s=1e-2),
        1e-8,
        1e-6,
    ),
    "VTEAM, with edges": (
        VTEAM,
        sn.Pulse(
            row_volts=[-0.6, 0.5, 0.7, -0.2],
            column_volts=[0.1, -0.2, 0.3],
            width_s=4e-7,
            rise_s=1e-7,
        ),
        1e-6,
        5e-3,
    ),
    "Yakopcic, not linear in voltage": (
        sn.devices.Yakopcic(),
        sn.Pulse(
            row_volts=[-0.5, 0.3, 0.4, -0.2], column_volts=[0.1, -0.2, 0.1], width_s=2e-4, count=2
        ),
        1e-6,
        1e-2,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients_through_a_pulse_match_finite_differences(name: str) -> None:
    device, pulse, accuracy, within = CASES[name]
    rng, engine = np.random.default_rng(5), sn.NodalEngine(state_tolerance=accuracy)
    x, weights = states(device, 1), rng.normal(size=SHAPE)
    span = float(np.ptp([np.max(bound) for bound in device.bounds()]))

    def left(state: np.ndarray, changed: sn.Pulse) -> np.ndarray:
        return np.asarray(
            engine.pulse(sn.Crossbar(device=device, state=state, wires=WIRES), changed).array.state
        )

    followed = engine.follow_pulse(
        sn.Crossbar(device=device, state=x, wires=WIRES), pulse, tolerance=1e-9
    )
    plain = left(x, pulse)
    assert np.abs(plain - x).max() > 0.005 * span
    np.testing.assert_allclose(followed.array.state, plain, rtol=0, atol=5 * accuracy * span)
    gradient = followed.backward(weights)
    rows, columns, cells = rng.normal(size=4), rng.normal(size=3), rng.normal(size=SHAPE) * span
    ends = []
    for step in (1e-3, -1e-3):
        changed = replace(
            pulse,
            row_volts=pulse.row_volts + step * rows,
            column_volts=pulse.column_volts + step * columns,
            width_s=pulse.width_s * (1 + step),
        )
        ends.append(float(np.sum(weights * left(x + step * cells, changed))))
    parts = [
        gradient.row_volts @ rows,
        gradient.column_volts @ columns,
        gradient.width_s * pulse.width_s,
        np.sum(gradient.state * cells),
    ]
    assert all(abs(part) > 0.01 * max(map(abs, parts)) for part in parts)
    assert sum(parts) == pytest.approx(
        (ends[0] - ends[1]) / 2e-3, abs=within * max(map(abs, parts))
    )


def test_a_state_that_runs_into_its_bound_forgets_where_it_came_from() -> None:
    array = sn.Crossbar(device=VTEAM, state=np.array([[1e-9, 1.5e-9]]), wires=WIRES)
    followed = sn.NodalEngine().follow_pulse(
        array, sn.Pulse(row_volts=1.0, width_s=2e-6), tolerance=1e-5
    )
    top = float(np.max(VTEAM.bounds()[1]))
    assert followed.array.state == pytest.approx(np.full((1, 2), top))
    gradient = followed.backward(np.ones((1, 2)))
    assert np.all(gradient.state == 0)
    assert gradient.width_s == 0


def test_what_has_no_gradient_is_named() -> None:
    engine, pulse = sn.NodalEngine(), sn.Pulse(row_volts=1.0, width_s=1e-9)
    with pytest.raises(InputError, match="no state that a pulse could change"):
        engine.follow_pulse(sn.Crossbar(conductance=np.ones((2, 2)) * 1e-5), pulse)
    charged = sn.Crossbar(
        device=VTEAM,
        state=np.full((2, 2), 1e-9),
        wires=sn.Wires(word_line_ohm=1.0, word_line_farad=1e-15),
    )
    with pytest.raises(InputError, match="lines without capacitance"):
        engine.follow_pulse(charged, pulse)
    followed = engine.follow_pulse(sn.Crossbar(device=VTEAM, state=np.full((2, 2), 1e-9)), pulse)
    with pytest.raises(InputError, match=r"dl_dstate has shape \(2,\)"):
        followed.backward([1.0, 2.0])
