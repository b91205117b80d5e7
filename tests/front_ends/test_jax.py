"""Reads as functions of JAX: the engine's numbers, exact gradients, under jit, vmap and grad."""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)

import spicesnn as sn  # noqa: E402
from spicesnn.errors import InputError  # noqa: E402
from spicesnn.jax import read  # noqa: E402

ARRAY = sn.Crossbar(
    conductance=np.full((5, 4), 1e-5), wires=sn.Wires(word_line_ohm=10.0, bit_line_ohm=5.0)
)


def test_currents_and_gradients_are_those_of_the_engine() -> None:
    rng = np.random.default_rng(0)
    siemens, volts = 10 ** rng.uniform(-6, -4, (5, 4)), rng.uniform(-1, 1, (7, 5))
    amps = read(ARRAY)

    def loss(g, v):
        return jax.numpy.sum(jax.numpy.sin(1e5 * amps(g, v)))

    array = sn.Crossbar(conductance=siemens, wires=ARRAY.wires)
    engine = sn.NodalEngine()
    currents = engine.read(array, volts).column_amps
    np.testing.assert_allclose(amps(siemens, volts), currents, rtol=1e-12)
    wanted = engine.gradient(array, volts, 1e5 * np.cos(1e5 * currents))
    for function in (jax.grad(loss, argnums=(0, 1)), jax.jit(jax.grad(loss, argnums=(0, 1)))):
        found = function(siemens, volts)
        np.testing.assert_allclose(found[0], wanted.conductance, rtol=1e-9)
        np.testing.assert_allclose(found[1], wanted.row_volts, rtol=1e-9)


def test_it_maps_over_inputs_and_over_arrays() -> None:
    rng = np.random.default_rng(1)
    siemens, volts = 10 ** rng.uniform(-6, -4, (3, 5, 4)), rng.uniform(-1, 1, (3, 5))
    found = jax.vmap(read(ARRAY))(siemens, volts)
    for k in range(3):
        array = sn.Crossbar(conductance=siemens[k], wires=ARRAY.wires)
        np.testing.assert_allclose(
            found[k], sn.NodalEngine().read(array, volts[k]).column_amps, rtol=1e-12
        )


def test_arrays_of_devices_are_refused() -> None:
    with pytest.raises(InputError, match="plain conductances"):
        read(sn.Crossbar(device=sn.devices.VTEAM(), shape=(2, 2), wires=sn.Wires()))
