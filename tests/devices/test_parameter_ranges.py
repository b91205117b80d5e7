"""Every parameter of every model is held to the range that it states, as a number, in an array, and
from text."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spicesnn.devices import registry
from spicesnn.errors import InputError

PARAMETERS = [
    (name, entry.name, entry.metadata)
    for name in registry.names()
    for entry in dataclasses.fields(registry.device_class(name))
    if "unit" in entry.metadata
]


@pytest.mark.parametrize(
    ("name", "parameter", "meta"),
    PARAMETERS,
    ids=[f"{name}-{parameter}" for name, parameter, _ in PARAMETERS],
)
def test_what_is_outside_its_range_or_no_number_is_refused_by_name(name, parameter, meta):
    device = registry.make(name)
    wrong = [math.nan, math.inf, -math.inf]
    if meta["above"] > -math.inf:
        wrong += [meta["above"], meta["above"] - 1.0]
    if meta["lowest"] > -math.inf:
        wrong.append(meta["lowest"] - max(1e-9, 1e-6 * abs(meta["lowest"])))
    if meta["highest"] < math.inf:
        wrong.append(meta["highest"] + max(1e-9, 1e-6 * abs(meta["highest"])))
    for value in wrong:
        for given_as in (value, np.array([[getattr(device, parameter), value]])):
            with pytest.raises(InputError, match=parameter):
                device.with_parameters(**{parameter: given_as})
    with pytest.raises(InputError):
        device.with_text(**{parameter: "ten"})


@settings(max_examples=300, deadline=None)
@given(
    choice=st.sampled_from(PARAMETERS),
    sign=st.sampled_from([-1.0, 1.0]),
    decades=st.floats(-3.0, 3.0),
)
def test_a_device_that_is_made_computes(choice, sign, decades):
    (name, parameter, _), factor = choice, sign * 10.0**decades
    device = registry.make(name)
    try:
        changed = device.with_parameters(
            **{parameter: factor * (float(getattr(device, parameter)) or 1.0)}
        )
    except InputError:
        assume(False)
    low, high = (np.asarray(bound, dtype=float) for bound in changed.bounds())
    state = np.where(np.isfinite(low) & np.isfinite(high), 0.5 * (low + high), 1.0)
    volts, gate = changed.typical_drive()[0], changed.gate_default
    for value in (changed.current(volts, state, gate), changed.conductance(volts, state, gate)):
        assert np.all(np.isfinite(value))
