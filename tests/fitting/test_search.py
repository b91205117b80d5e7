from __future__ import annotations

import numpy as np
import pytest

from spicesnn.devices import registry
from spicesnn.devices.measurements import PulseTrain, Sweep, read_measurement
from spicesnn.fitting.compare import compare
from spicesnn.fitting.fit import fit_data
from spicesnn.fitting.minimum import scatter
from spicesnn.fitting.problem import Problem, fresh_sweeps
from spicesnn.fitting.search import powers
from spicesnn.fitting.trajectory import follow, sweep_course

NOISE = 0.02


def swept(device, top, bottom, seconds, *, points=200, noise=NOISE, seed=0, polarity=1, cycles=1):
    """Return the noisy and the exact curve of triangular sweeps; the measurement counts voltage and
    current with `polarity`."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0.0, seconds, points)
    volts = np.interp((cycles * time / seconds) % 1.0, [0, 0.25, 0.75, 1], [0, top, bottom, 0])
    volts[-1] = 0.0
    amps = follow(device, sweep_course(time, volts), 1, 1e-8, gate_volts=device.gate_default)[0][
        :, 0
    ]
    noisy = amps * (1 + noise * rng.standard_normal(points))
    return Sweep(time=time, volts=polarity * volts, amps=polarity * noisy), polarity * amps


def ratio(result, data, exact):
    """Return the root mean squared residual of a fit over that of the noise, both relative."""
    weight = np.abs(exact) + 0.01 * np.max(np.abs(exact))
    return np.sqrt(
        np.mean(((result.fitted - data.amps) / weight) ** 2)
        / np.mean(((exact - data.amps) / weight) ** 2)
    )


@pytest.mark.parametrize(
    ("seconds", "polarity"), [(4.0, 1), (1e-3, -1), pytest.param(100.0, 1, marks=pytest.mark.slow)]
)
def test_a_direct_current_sweep_of_seconds_is_found_from_a_set_made_for_nanoseconds(
    seconds, polarity
):
    device = registry.make(
        "vteam",
        r_on=1e3,
        r_off=2e4,
        v_on=-0.7,
        v_off=0.6,
        k_on=-2e-8 / seconds,
        k_off=1.5e-8 / seconds,
    )
    data, exact = swept(device, 1.2, -1.2, seconds, polarity=polarity)
    result = fit_data("vteam", data, rng=np.random.default_rng(1))
    assert ratio(result, data, exact) < 1.1
    assert result.polarity == polarity
    assert result.remarks[0].startswith(
        "set by negative voltages"
        if polarity > 0
        else "set by positive voltages; the model's terminals are"
    )
    np.testing.assert_array_equal(result.data.amps, data.amps)
    assert result.parameters["v_off"] == pytest.approx(0.6, rel=0.1)


@pytest.mark.parametrize(
    ("name", "changes", "top"),
    [("linear-drift", {"mobility": 2e-15}, 1.5), ("pai-yu-chen", {"velocity": 15.0}, 1.5)],
)
def test_other_models_are_found_at_other_times_and_polarities(name, changes, top):
    device = registry.make(name, **changes)
    data, exact = swept(device, top, -top, 5.0 if name == "linear-drift" else 0.1, polarity=-1)
    result = fit_data(name, data, rng=np.random.default_rng(1))
    assert ratio(result, data, exact) < 1.1
    assert result.polarity == -1


def test_a_compliance_is_part_of_the_circuit(tmp_path):
    device = registry.make(
        "vteam",
        r_on=1e3,
        r_off=1e5,
        v_on=-0.7,
        v_off=0.6,
        k_on=-2e-9,
        k_off=2e-9,
        alpha_on=2.0,
        alpha_off=2.0,
        w_init=2.94e-9,
    )
    time = 0.1 * np.arange(1, 161)
    volts = np.interp(time, [0, 4, 12, 16], [0, -1.5, 1.5, 0])
    limit = np.where(volts < 0, 5e-4, np.inf)
    amps = follow(device, sweep_course(time, volts), 1, 1e-9, limit_amps=limit)[0][:, 0]
    assert np.max(-amps) == pytest.approx(5e-4)
    # Closed form at the end of the limited part: the unit lowers |v| to I·R, and the device stops
    # where that is its threshold.
    left = int(np.flatnonzero(np.isclose(amps, -5e-4))[-1]) + 1
    assert volts[left] / amps[left] == pytest.approx(0.7 / 5e-4, rel=0.02)
    path = tmp_path / "limited.csv"
    np.savetxt(
        path,
        np.column_stack([time, volts, amps]),
        delimiter=",",
        header="time,volts,amps",
        comments="",
        fmt="%.7g",
    )
    data = read_measurement(path)
    assert "compliance 500 µA" in data.remarks[0]
    names = ("r_on", "r_off", "v_on", "v_off", "k_on", "k_off", "w_init")
    result = fit_data(
        "vteam",
        data,
        rng=np.random.default_rng(0),
        starts=2,
        parameters=names,
        base=registry.make(
            "vteam",
            alpha_on=2.0,
            alpha_off=2.0,
            r_on=2e3,
            r_off=5e4,
            v_on=-0.6,
            v_off=0.5,
            k_on=-1e-9,
            k_off=1e-9,
            w_init=2.5e-9,
        ),
    )
    assert result.relative_rmse < 1e-3
    assert result.parameters["r_off"] == pytest.approx(1e5, rel=1e-3)
    assert (
        500.0 < result.parameters["r_on"] < 1420.0
    )  # never reached: any below the 1.42 kΩ that were
    assert result.parameters["v_on"] == pytest.approx(-0.7, rel=1e-3)
    assert any(
        "the compliance of 500 µA is part of the circuit" in remark for remark in result.remarks
    )
    assert result.stderr["r_on"] > 300.0


def test_the_limit_of_a_nonlinear_device_is_where_its_current_is_the_limit():
    device = registry.make("pai-yu-chen", velocity=0.0, g_init=5e-10)
    time, volts = np.linspace(0, 1, 50), np.linspace(0, 2.0, 50)
    free = follow(device, sweep_course(time, volts), 1, 1e-6)[0][:, 0]
    limited = follow(device, sweep_course(time, volts), 1, 1e-6, limit_amps=np.full(50, 1e-4))[0][
        :, 0
    ]
    np.testing.assert_allclose(limited, np.minimum(free, 1e-4), rtol=1e-12)


def test_several_cycles_are_fitted_at_once():
    device = registry.make(
        "vteam", r_on=1e3, r_off=2e4, v_on=-0.7, v_off=0.6, k_on=-2e-8, k_off=1.5e-8
    )
    data, exact = swept(device, 1.2, -1.2, 3.0, cycles=3, points=300)
    result = fit_data("vteam", data, rng=np.random.default_rng(0), starts=4)
    assert ratio(result, data, exact) < 1.1


def test_a_train_of_pulses_of_the_other_polarity_is_found():
    device = registry.make("saturating-pulse")
    volts = np.concatenate([[0.0], np.full(15, 1.3), np.full(15, -1.3)])
    state, siemens = 0.0, []
    for v in volts:
        state = (
            (1 - (1 - state) * np.exp(-1 / 3.0))
            if v > 0
            else state * np.exp(-1 / 3.0)
            if v < 0
            else state
        )
        siemens.append(1e-7 + 6.55e-7 * state)
    rng = np.random.default_rng(0)
    noisy = np.array(siemens) * (1 + 0.01 * rng.standard_normal(31))
    result = fit_data(
        "saturating-pulse",
        PulseTrain(volts=-volts, width_s=np.full(31, 5e-4), siemens=noisy),
        rng=rng,
    )
    assert result.polarity == -1
    assert result.relative_rmse < 0.012
    assert result.parameters["pulses"] == pytest.approx(3.0, rel=0.1)
    assert device.set_polarity == 1


def test_a_model_that_cannot_do_it_says_by_how_much_and_where():
    time = np.linspace(0.0, 1.0, 120)
    volts = np.sin(2 * np.pi * time)
    amps = (
        1e-3
        * volts
        * np.where(volts > 0, 1.0, 3.0)
        * (1 + 0.01 * np.random.default_rng(0).standard_normal(120))
    )
    result = fit_data(
        "resistor", Sweep(time=time, volts=volts, amps=amps), rng=np.random.default_rng(0), starts=2
    )
    verdict = next(remark for remark in result.remarks if "misses these data" in remark)
    assert "times the scatter of the data" in verdict
    assert "% of the squares" in verdict


def test_models_are_compared():
    device = registry.make("pershin-di-ventra", r_off=2e4, v_t=0.6, beta=5e4, r_init=1.5e4)
    data, exact = swept(device, 1.2, -1.2, 1.0, points=120)
    found = compare(
        data,
        rng=np.random.default_rng(0),
        models=["resistor", "pershin-di-ventra", "mosfet-emulator"],
        starts=3,
    )
    assert [candidate.name for candidate in found] == [
        "pershin-di-ventra",
        "resistor",
        "mosfet-emulator",
    ]
    assert found[0].verdict(found[0]) == "best"
    assert "times those of the best" in found[1].verdict(found[0])
    assert found[2].result is None
    assert "body diode" in found[2].verdict(found[0])
    # Akaike's criterion by hand
    weight = np.abs(data.amps) + 0.01 * np.max(np.abs(data.amps))
    square = np.mean(((found[0].result.fitted - data.amps) / weight) ** 2)
    assert found[0].aic == pytest.approx(120 * np.log(square) + 2 * len(found[0].result.parameters))
    assert ratio(found[0].result, data, exact) < 1.1


def test_the_scatter_of_the_data_is_their_noise():
    for seed in range(5):
        device = registry.make(
            "vteam", r_on=1e3, r_off=2e4, v_on=-0.7, v_off=0.6, k_on=-2e-8, k_off=1.5e-8
        )
        data, exact = swept(device, 1.2, -1.2, 1.0, seed=seed, points=300)
        weight = np.abs(data.amps) + 0.01 * np.max(np.abs(data.amps))
        noise = np.sqrt(np.mean(((data.amps - exact) / weight) ** 2))
        problem = Problem.of(device, ("r_on",), data, 0.1)
        assert scatter(problem) == pytest.approx(noise, rel=0.25)
        far = problem.softened()
        noise = np.sqrt(np.mean((far.differences(exact[:, None])) ** 2))
        assert scatter(far) == pytest.approx(noise, rel=0.25)


def test_a_search_knows_the_noise_of_small_currents_when_it_has_found_them():
    """Most currents are some hundredths of the largest, where a residual of the search counts up to
    1.4 times as much as a share of the value: what is as good as the noise was taken for a miss."""
    device = registry.make("resistor", resistance=1e3)
    rng = np.random.default_rng(5)
    volts = np.concatenate([[1.0], 10 ** rng.uniform(-2.5, -1.5, 2000)])
    data = Sweep(
        time=np.arange(volts.size) * 1e-3,
        volts=np.sort(volts),
        amps=np.sort(volts) / 1e3 * (1 + 0.02 * rng.normal(size=volts.size)),
    )
    problem = Problem.of(device, ("resistance",), data, 0.1).softened()
    residual = float(np.sqrt(np.mean(problem.differences(data.volts[:, None] / 1e3) ** 2)))
    assert residual == pytest.approx(scatter(problem), rel=0.1)
    assert residual > 1.2 * scatter(Problem.of(device, ("resistance",), data, 0.1))


@pytest.mark.parametrize(
    ("unit", "found"),
    [
        ("Ω", (1, -1, 0)),
        ("m/s", (0, 0, -1)),
        ("m²/(V·s)", (-1, 0, -1)),
        ("1/V", (-1, 0, 0)),
        ("Ω/(V·s)", (0, -1, -1)),
        ("A/V²", (-2, 1, 0)),
    ],
)
def test_units_say_how_parameters_scale(unit, found):
    assert powers(unit) == found


def test_sweeps_that_begin_in_the_first_state_again_are_told_from_those_that_go_on():
    device = registry.make(
        "vteam", r_on=1e3, r_off=2e4, v_on=-0.7, v_off=0.6, k_on=-2e-8, k_off=1.5e-8
    )
    one, exact = swept(
        device, 1.2, -0.4, 1.0, points=150
    )  # reset only: it ends in another state than it began in
    time = np.append(one.time, one.time + one.time[-1] + one.time[1])
    again = Sweep(
        time=time, volts=np.tile(one.volts, 2), amps=np.tile(one.amps, 2), starts=np.array([0, 150])
    )
    assert fresh_sweeps(again) == [150]
    course = sweep_course(time, again.volts, [150])
    np.testing.assert_allclose(
        follow(device, course, 1, 1e-8)[0][:, 0],
        np.tile(np.abs(exact) * np.sign(one.volts), 2),
        rtol=1e-6,
        atol=1e-12,
    )
    further = follow(device, sweep_course(time, again.volts), 1, 1e-8)[0][:, 0]
    assert (
        fresh_sweeps(Sweep(time=time, volts=again.volts, amps=further, starts=np.array([0, 150])))
        == []
    )
    result = fit_data(
        "vteam",
        again,
        rng=np.random.default_rng(0),
        starts=3,
        parameters=["r_off", "v_off", "k_off"],
        base=device,
    )
    assert result.relative_rmse < 0.025
    assert "every sweep begins in the state of the first" in result.remarks


def test_rounding_at_the_end_of_a_range_does_not_leave_it():
    data = Sweep(
        time=np.arange(9.0), volts=np.linspace(0.1, 1, 9), amps=np.linspace(0.1, 1, 9) * 1e-4
    )
    problem = Problem.of(registry.make("memdiode", h_init=0.5), ("h_init",), data, 0.1)
    assert problem.made(np.array([np.log(2.0) + 1e-10])).h_init == 1.0


def test_a_fit_ends_when_its_steps_are_spent_and_says_so(monkeypatch):
    """The same data, once with a small share of the steps that a fit may take: both ends are the
    same on every machine."""
    from spicesnn.fitting import problem

    time = np.linspace(0.0, 1e-3, 200)
    volts = np.interp(time / 1e-3, [0, 0.25, 0.75, 1], [0, 0.9, -0.9, 0])
    rng = np.random.default_rng(3)
    amps = 1e-4 * np.sinh(3.0 * volts) * (1.0 + 0.02 * rng.standard_normal(200))  # no memory at all
    data = Sweep(time=time, volts=volts, amps=amps)
    monkeypatch.setattr(problem, "_MOST_STEPS", 300_000)
    taken = []
    of = problem.Effort.of
    monkeypatch.setattr(
        problem.Effort, "of", classmethod(lambda cls, d: taken.append(of(d)) or taken[-1])
    )
    found = [fit_data("vteam", data, rng=np.random.default_rng(1)) for _ in range(2)]
    assert found[0].parameters == found[1].parameters
    said = " ".join(found[0].remarks)
    assert "ended after the steps that a fit may take" in said
    assert "the model misses these data" in said
    assert all(0.3e6 < effort.spent < 1.0e6 for effort in taken)
