"""Products through tiles: the same as mapped networks compute, and gradients against finite
differences, wires and cells included."""

from __future__ import annotations

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import InputError
from spicesnn.networks.differentiable import check, product

LINEAR = sn.devices.VTEAM(r_on=10e3, r_off=1e6)
WIRES = sn.Wires(word_line_ohm=20.0, bit_line_ohm=10.0, driver_ohm=50.0, sense_ohm=30.0)
HARDWARE = {
    "differential": sn.Hardware(device=LINEAR, wires=WIRES, tile=(5, 6)),
    "offset": sn.Hardware(device=LINEAR, wires=WIRES, tile=(7, 4), columns="offset", fill=0.8),
    "ideal wires": sn.Hardware(device=LINEAR, tile=(5, 6)),
    "not linear": sn.Hardware(
        device=sn.devices.Yakopcic(),
        wires=sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0),
        tile=(5, 6),
        read_volts=0.05,
    ),
}


@pytest.mark.parametrize("name", HARDWARE)
@pytest.mark.parametrize("n", [3, 20])
def test_gradients_are_those_of_finite_differences(name: str, n: int) -> None:
    hardware = HARDWARE[name]
    rng = np.random.default_rng(4)
    w, u, g = rng.uniform(-0.9, 0.9, (9, 5)), rng.uniform(-1, 1, (n, 9)), rng.normal(size=(n, 5))

    def loss(w: np.ndarray, u: np.ndarray) -> float:
        return float(np.sum(g * np.tanh(product(w, u, hardware).values)))

    done = product(w, u, hardware)
    dw, du = done.backward(g / np.cosh(done.values) ** 2)
    close = 1e-5 if name == "not linear" else 1e-6
    for at in ((0, 0), (4, 2), (8, 4), (6, 1)):
        step = np.zeros_like(w)
        step[at] = 1e-4
        difference = (loss(w + step, u) - loss(w - step, u)) / 2e-4
        assert dw[at] == pytest.approx(difference, rel=close, abs=1e-7 * np.abs(dw).max())
    for at in ((0, 0), (n - 1, 8), (1, 4)):
        step = np.zeros_like(u)
        step[at] = 1e-4
        difference = (loss(w, u + step) - loss(w, u - step)) / 2e-4
        assert du[at] == pytest.approx(difference, rel=close, abs=1e-7 * np.abs(du).max())


@pytest.mark.parametrize("name", HARDWARE)
def test_a_weight_of_zero_has_a_slope_like_any_other(name: str) -> None:
    """Its cells lie at the end of their window, where they may conduct nothing at all."""
    rng = np.random.default_rng(6)
    w, u, g = rng.uniform(-0.9, 0.9, (4, 2)), rng.uniform(-1, 1, (3, 4)), rng.normal(size=(3, 2))
    w[1, 0] = w[3, 1] = 0.0
    done = product(w, u, HARDWARE[name])
    dw, du = done.backward(g)
    assert np.isfinite(dw).all()
    assert np.isfinite(du).all()
    for at in ((1, 0), (3, 1)):
        step = np.zeros_like(w)
        step[at] = 1e-3
        above = float(np.sum(g * product(w + step, u, HARDWARE[name]).values))
        difference = (above - float(np.sum(g * done.values))) / 1e-3
        assert dw[at] == pytest.approx(difference, rel=1e-2, abs=1e-4 * np.abs(dw).max())


def test_the_product_is_what_a_mapped_network_computes() -> None:
    rng = np.random.default_rng(5)
    weights, x = rng.normal(size=(23, 8)), rng.uniform(-1, 1, (30, 23))
    hardware = sn.Hardware(device=LINEAR, wires=WIRES, tile=(10, 6), bits_per_cell=5)
    largest, full = np.abs(weights).max(), np.abs(x).max()
    mapped = sn.Network.from_arrays([(weights, None)]).on(hardware, calibrate=x).outputs(x)
    np.testing.assert_allclose(
        product(weights / largest, x / full, hardware).values * largest * full,
        mapped,
        rtol=1e-9,
        atol=1e-11,
    )


def test_what_has_no_gradient_is_refused() -> None:
    with pytest.raises(InputError, match="slices"):
        check(sn.Hardware(bits_per_cell=2, slices=2))
    with pytest.raises(InputError, match="imperfections"):
        check(sn.Hardware(imperfections=sn.Imperfections(stuck_off=0.1)))
    with pytest.raises(InputError, match="within ±1"):
        product(np.full((2, 2), 1.5), np.ones((1, 2)), HARDWARE["ideal wires"])
    with pytest.raises(InputError, match="finite"):
        product(np.full((2, 2), np.nan), np.ones((1, 2)), HARDWARE["ideal wires"])
    with pytest.raises(InputError, match="expected"):
        product(np.ones((2, 2)), np.ones((1, 3)), HARDWARE["ideal wires"])
