"""One bench for every registered device: the Python twin and the SPICE twin are the same device.

A device says with `typical_drive` which sine exercises it; what else is special stands in
`SPECIAL`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.errors import InputError
from spicesnn.netlist.accuracy import TransientAccuracy
from spicesnn.netlist.batch import run_batch
from spicesnn.netlist.drive_deck import drive_deck
from spicesnn.netlist.twin import Twin


@dataclass(frozen=True)
class Bench:
    """What a device needs beyond the defaults."""

    parameters: dict[str, Any] = field(default_factory=dict)
    low: Any = None
    """Lowest and highest state to start from (per state variable), and what 1e-3 is relative to,
    where the bounds are not it."""
    high: Any = None
    smoothest: float = 1e-6
    """Tolerance of finite differences of the rate, relative to its largest."""
    monotone: bool = True
    """Whether a larger voltage moves the state at least as fast."""
    amplitudes: tuple[float, float] = (0.3, 1.0)
    """Range of the random pulses, relative to the typical drive."""
    abrupt: bool = False
    """Whether a thermal runaway sets the device at once: the instant is then compared to 1e-3 of a
    period, the rest as for all."""


SPECIAL = {
    "mosfet-emulator": Bench(parameters={"transconductance": 5e-9}, low=0.1, high=8.0),
    "pershin-di-ventra": Bench(amplitudes=(0.6, 1.3)),
    "jart-vcm": Bench(abrupt=True),
    "stanford": Bench(abrupt=True),
}
MEMORY = [name for name in registry.names() if registry.device_class(name).memory]


def bench(name):
    return SPECIAL.get(name, Bench())


def made(name):
    return registry.make(name, **bench(name).parameters)


def ranges(device):
    """Return lowest and highest start state of every state variable, (states,)."""
    count = max(len(device.state_names), 1)
    special = bench(device.name)
    low, high = device.bounds() if special.low is None else (special.low, special.high)
    return [
        np.broadcast_to(np.asarray(b, dtype=float).reshape(-1), (count,)).copy()
        for b in (low, high)
    ]


def typical_sine(device, periods=2):
    amplitude, frequency = device.typical_drive()
    return sn.Sine(
        amplitude=amplitude,
        frequency=100.0 if device.name == "mosfet-emulator" else frequency,
        periods=periods,
    )


@pytest.fixture(scope="module")
def ngspice():
    with sn.NgspiceEngine() as engine:
        yield engine


def integrated(device, stimulus, times):
    """Return the states at `times`, (states, times), integrated here and now, as the engines have
    no part in."""
    low, high = (
        np.broadcast_to(np.asarray(b, dtype=float).reshape(-1), (max(len(device.state_names), 1),))
        for b in device.bounds()
    )
    span = high - low
    fraction = (np.asarray(device.initial_state(), dtype=float).reshape(-1) - low) / span
    states = np.empty((len(span), len(times)))

    def slope(t, z):
        x = np.clip(low + z * span, low, high)
        return (
            np.reshape(
                device.rate(
                    stimulus.volts(np.array(t)), x if len(x) > 1 else x[0], device.gate_default
                ),
                -1,
            )
            / span
        )

    def steepness(t, z):
        x = np.clip(low + z * span, low, high)
        return np.reshape(
            device.rate_slope(stimulus.volts(np.array(t)), x[0], device.gate_default), (1, 1)
        )

    edges = np.unique(np.append(stimulus.breakpoints_s, 0.0))
    options = {
        "method": "LSODA",
        "rtol": 1e-9,
        "atol": 1e-12,
        "dense_output": True,
        "jac": steepness if len(span) == 1 else None,
    }
    for begin, end in pairwise(edges):
        inside = (times >= begin) & (times <= end * (1 + 1e-12))
        done = solve_ivp(slope, (begin, end), fraction, max_step=(end - begin) / 100, **options)
        assert done.success, done.message
        states[:, inside] = (
            low[:, None] + done.sol(np.clip(times[inside], begin, end)) * span[:, None]
        )
        fraction = done.y[:, -1]
    return states


def beyond(at, values, times, exact, slack):
    """Return how far `values` are outside what `exact` takes within ±slack seconds of the same
    time."""
    first, last = (
        np.searchsorted(times, at - slack * (1 + 1e-9)),
        np.searchsorted(times, at + slack * (1 + 1e-9), side="right"),
    )
    if slack == 0:
        return np.abs(values - exact[np.searchsorted(times, at)]).max()
    low = np.array([exact[a:b].min() for a, b in zip(first, last, strict=True)])
    high = np.array([exact[a:b].max() for a, b in zip(first, last, strict=True)])
    return np.maximum(values - high, low - values).max()


@pytest.mark.parametrize("name", registry.names())
def test_iv_of_both_twins(name, ngspice):
    device = made(name)
    stimulus = typical_sine(device)
    spice = ngspice.drive(device, stimulus, points=3000)
    nodal = sn.NodalEngine().drive(device, stimulus, points=500)
    peak = np.abs(nodal.amps).max()
    assert peak > 0
    if not device.memory:
        assert spice.amps == pytest.approx(device.current(spice.volts, 0.0), abs=1e-9 * peak)
        return
    low, high = ranges(device)
    moved = np.ptp(np.atleast_2d(nodal.state)[0]) / (high[0] - low[0])
    assert moved > 0.05, f"typical_drive of {name} moves the state by {moved:.2%} of its range only"
    times = np.unique(np.concatenate([spice.time, nodal.time]))
    exact = integrated(device, stimulus, times)
    amps = device.current(
        stimulus.volts(times), exact[0] if len(low) == 1 else exact, device.gate_default
    )
    slack = 1e-3 / stimulus.frequency if bench(name).abrupt else 0.0
    assert beyond(spice.time, spice.amps, times, amps, slack) <= 1e-3 * peak
    for row, span in enumerate(high - low):
        assert (
            beyond(spice.time, np.atleast_2d(spice.state)[row], times, exact[row], slack)
            <= 1e-3 * span
        )
        assert (
            beyond(nodal.time, np.atleast_2d(nodal.state)[row], times, exact[row], slack)
            <= 1e-5 * span
        )


@pytest.mark.parametrize("name", registry.names())
def test_pinched_at_the_origin(name):
    device = made(name)
    low, high = ranges(device)
    states = np.linspace(low, high, 7).T if len(low) > 1 else np.linspace(low[0], high[0], 7)
    assert np.all(
        np.abs(device.current(0.0, states))
        <= 1e-15 * np.abs(device.current(device.typical_drive()[0], states)).max()
    )


def random_pulses(device, count, rng, width):
    """Return states (count, 1) and volts (count,): both polarities, both bounds among the
    starts."""
    low, high = ranges(device)
    amplitude = device.typical_drive()[0]
    first = low[0] + (high[0] - low[0]) * rng.uniform(size=count)
    first[: count // 5], first[count // 5 : 2 * (count // 5)] = low[0], high[0]
    volts = (
        amplitude
        * rng.uniform(*bench(device.name).amplitudes, count)
        * rng.choice([-1.0, 1.0], count)
    )
    states = first[:, None]
    if len(low) > 1:
        rest = np.asarray(device.initial_state(), dtype=float)[1:]
        states = np.concatenate(
            [states[None], np.broadcast_to(rest[:, None, None], (rest.size, count, 1))]
        )
    return states, volts


def check_pulses(device, ngspice, rng, count):
    frequency = typical_sine(device).frequency
    width = float(np.exp(rng.uniform(np.log(0.01), np.log(0.5)))) / frequency
    states, volts = random_pulses(device, count, rng, width)
    array = sn.Crossbar(device=device, state=states, wires=sn.Wires.ideal())
    gates = np.full(count, device.gate_default) if device.gated else None
    # A device that conducts to ground below 0 V sees the same voltages across it from lines that
    # are all above ground.
    raised = max(0.0, -volts.min()) if device.lowest_volts > -np.inf else 0.0
    pulse = sn.Pulse(
        row_volts=volts + raised,
        column_volts=raised,
        width_s=width,
        rise_s=width / 10,
        gate_volts=gates,
    )
    spice, nodal = ngspice.pulse(array, pulse), sn.NodalEngine().pulse(array, pulse)
    low, high = ranges(device)
    span = (high - low)[0] if len(low) == 1 else (high - low)[:, None, None]
    error = np.abs(spice.state - nodal.state) / span
    worst = np.unravel_index(np.argmax(error), error.shape)
    found = f"ngspice {spice.state[worst]:.8g}, nodal {nodal.state[worst]:.8g}"
    assert error.max() <= 1e-3, (
        f"from {states[worst]:.6g}, {volts[worst[-2]]:.4g} V for {width:.4g} s: {found}"
    )
    return np.abs(nodal.state - array.state).reshape(len(low), -1)[0] / (high - low)[0]


@pytest.mark.parametrize("name", MEMORY)
def test_random_pulses(name, ngspice):
    rng = np.random.default_rng(20)
    moved = np.concatenate([check_pulses(made(name), ngspice, rng, 10) for _ in range(2)])
    assert moved.max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", MEMORY)
def test_two_hundred_random_pulses(name, ngspice):
    rng = np.random.default_rng(200)
    moved = np.concatenate([check_pulses(made(name), ngspice, rng, 10) for _ in range(20)])
    assert moved.max() > 0.1


@pytest.mark.parametrize("name", registry.names())
def test_no_storm_of_rejected_steps(name):
    device = made(name)
    deck = drive_deck(
        device,
        typical_sine(device),
        gate_volts=device.gate_default,
        points=1000,
        accuracy=TransientAccuracy(),
    ).text
    log = run_batch(deck.replace("\n.end", "\n.options acct\n.end")).log
    accepted, rejected = (
        int(re.search(rf"{word} timepoints = (\d+)", log).group(1))
        for word in ("Accepted", "Rejected")
    )
    assert accepted >= 1000
    assert accepted / (accepted + rejected) >= 0.9


@pytest.mark.parametrize("name", MEMORY)
def test_sign_bounds_and_monotony(name):
    device = made(name)
    low, high = ranges(device)
    amplitude = device.typical_drive()[0]
    gate = device.gate_default
    rest = np.asarray(device.initial_state(), dtype=float).reshape(-1)[1:]

    def stacked(x):
        return (
            x
            if not rest.size
            else np.concatenate([x[None], *(np.full((1, *x.shape), r) for r in rest)])
        )

    def rate(v, x):
        found = device.rate(v, stacked(np.broadcast_to(x, np.broadcast(v, x).shape)), gate)
        return found if not rest.size else found[0]

    def conductance(x):
        return device.conductance(1e-3 * amplitude, stacked(x))

    inside = np.linspace(low[0], high[0], 23)[1:-1]
    up, down = rate(np.array(amplitude), inside), rate(np.array(-amplitude), inside)
    assert np.all(up * down <= 0)
    assert np.any(up * down < 0)
    steps = np.diff(conductance(inside))
    assert np.all(steps > 0) or np.all(steps < 0)
    if device.set_polarity:
        assert np.all(np.sign(up[np.abs(up) > 0]) * np.sign(steps[0]) == device.set_polarity)
    if bench(name).low is None:
        for at, sign in ((low[0], -1), (high[0], 1)):
            assert np.all(
                sign * rate(np.linspace(-amplitude, amplitude, 41), np.array(at))
                <= 1e-9 * np.abs(np.concatenate([up, down])).max()
            )
    if bench(name).monotone:
        volts = np.linspace(0, amplitude, 41)[:, None]
        for sign in (1.0, -1.0):
            speed = np.abs(rate(sign * volts, inside[None, :]))
            assert np.all(np.diff(speed, axis=0) >= -1e-9 * speed.max())


@pytest.mark.parametrize("name", registry.names())
def test_current_grows_with_voltage_and_its_slope_is_the_conductance(name):
    device = made(name)
    low, high = ranges(device)
    amplitude = device.typical_drive()[0]
    volts = amplitude * np.linspace(-1, 1, 41)[:, None]
    inside = np.linspace(low, high, 11)[1:-1].T
    states = inside[0][None, :]
    if len(low) > 1:
        rest = np.asarray(device.initial_state(), dtype=float)[1:]
        states = np.concatenate([states[None], *(np.full((1, *states.shape), r) for r in rest)])
    amps = device.current(volts, states)
    assert np.all(np.diff(amps, axis=0) >= 0)
    step = 1e-5 * amplitude
    middle = volts + 0.3 * amplitude / 40  # away from a change of branch at 0 V
    difference = (device.current(middle + step, states) - device.current(middle - step, states)) / (
        2 * step
    )
    assert device.conductance(middle, states) == pytest.approx(
        difference, rel=2e-5, abs=1e-6 * np.abs(difference).max()
    )
    both = device.current_and_conductance(middle, states)
    assert both[0] == pytest.approx(device.current(middle, states), rel=1e-13)
    assert both[1] == pytest.approx(device.conductance(middle, states), rel=1e-13)


@pytest.mark.parametrize("name", MEMORY)
def test_slope_of_the_rate_is_its_derivative(name):
    """∂f/∂x of every state variable along itself, against central differences at states off the
    corners of the windows."""
    device = made(name)
    if "bound_width" in device.spice_parameters():
        device = device.with_parameters(bound_width=0.3)
    low, high = ranges(device)
    span, rng = high - low, np.random.default_rng(4)
    volts = device.typical_drive()[0] * rng.uniform(-1, 1, (60, 1))
    states = low[:, None, None] + span[:, None, None] * rng.uniform(0.01, 0.99, (len(low), 60, 1))
    shaped = (lambda x: x) if len(low) > 1 else (lambda x: x[0])
    given = np.reshape(
        np.broadcast_to(
            device.rate_slope(volts, shaped(states), device.gate_default), shaped(states).shape
        ),
        states.shape,
    )
    for k in range(len(low)):
        step = np.zeros_like(states)
        step[k] = 1e-6 * span[k]
        ends = [
            np.reshape(
                device.rate(volts, shaped(states + sign * step), device.gate_default), states.shape
            )[k]
            for sign in (1, -1)
        ]
        difference = (ends[0] - ends[1]) / (2e-6 * span[k])
        size = np.abs(difference).max()
        assert size > 0
        assert given[k] == pytest.approx(difference, rel=1e-4, abs=1e-6 * size)


@pytest.mark.parametrize("name", MEMORY)
def test_step_convergence(name, ngspice):
    device = made(name)
    stimulus = typical_sine(device, periods=1)
    low, high = ranges(device)
    exact = np.atleast_2d(sn.NodalEngine().drive(device, stimulus, points=50).state)[0, -1]
    errors = [
        abs(np.atleast_2d(ngspice.drive(device, stimulus, points=p).state)[0, -1] - exact)
        / (high[0] - low[0])
        for p in (100, 3200)
    ]
    assert errors[1] <= max(errors[0] / 4, 2e-5)
    assert errors[1] <= 3e-4


@pytest.mark.parametrize("name", registry.names())
def test_parameters_travel_and_are_checked(name):
    device = made(name)
    text = Twin.of(device).path.read_text()
    assert f".subckt {device.subckt} " in text
    for key in device.spice_parameters():
        assert re.search(rf"\b{key}=", text), f"{key} is not on the .subckt card of {device.model}"
    for entry in type(device).parameter_table():
        assert entry["unit"]
        assert len(entry["meaning"]) > 3
        with pytest.raises(InputError, match=entry["name"]):
            device.with_parameters(**{entry["name"]: np.nan})
