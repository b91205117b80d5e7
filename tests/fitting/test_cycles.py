"""Statistics of switching cycles: fitted to cycles of another generator, drawn again, and in arrays
on both engines.
"""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.cycles import MeasuredCycles
from spicesnn.devices.cycle_statistics import QUANTITIES, CycleStatistics
from spicesnn.errors import AbsentError, DataError, InputError, UnknownNameError

A = np.array(
    [[0.5, 0.1, 0.0, 0.1], [0.05, 0.4, 0.1, 0.0], [0.0, 0.2, 0.3, 0.0], [0.2, 0.0, 0.0, 0.6]]
)
B = np.array([[1.0, 0, 0, 0], [-0.4, 0.9, 0, 0], [0.2, 0.3, 0.8, 0], [0.5, -0.2, 0.1, 0.7]])
D = np.array([[0.6, 0, 0, 0], [0.2, 0.5, 0, 0], [0, 0.3, 0.4, 0], [0.3, 0, 0, 0.7]])
ALLOWED = 3.0
"""Standard errors."""


def synthetic(devices, cycles, seed):
    """Cycles of a generator of their own: a skewed set voltage, a bent reset voltage, log-normal
    resistances.
    """
    rng = np.random.default_rng(seed)
    c, d = np.zeros((devices, 4)), rng.standard_normal((devices, 4)) @ D.T
    z = np.empty((devices, cycles, 4))
    for n in range(-100, cycles):
        c = c @ A.T + rng.standard_normal((devices, 4)) @ B.T
        if n >= 0:
            z[:, n] = c + d
    volts = 0.9 + 0.07 * z[..., 0], -(1.1 + 0.05 * z[..., 1] + 0.02 * np.abs(z[..., 1]))
    return np.stack([*volts, 8e3 * np.exp(0.1 * z[..., 2]), 2e5 * np.exp(0.3 * z[..., 3])], axis=-1)


def measures(cycles):
    """Means, spreads, correlations within a cycle and to the next one, and those of the devices'
    means.
    """
    flat, means = cycles.reshape(-1, 4), cycles.mean(axis=1)
    pairs = np.triu_indices(4, 1)
    lagged = np.corrcoef(cycles[:, 1:].reshape(-1, 4).T, cycles[:, :-1].reshape(-1, 4).T)[:4, 4:]
    return np.concatenate(
        [
            flat.mean(0),
            flat.std(0),
            np.corrcoef(flat.T)[pairs],
            lagged.ravel(),
            means.std(0, ddof=1),
            np.corrcoef(means.T)[pairs],
        ]
    )


def standard_errors(cycles):
    """Jackknife over devices, which are independent."""
    n = len(cycles)
    left = np.array([measures(np.delete(cycles, k, axis=0)) for k in range(n)])
    return np.sqrt((n - 1) / n * np.sum((left - left.mean(0)) ** 2, axis=0))


def apart(one, other):
    """Distances of all measures in standard errors; resistances as logarithms, whose moments exist
    for both.
    """
    one, other = (np.concatenate([c[..., :2], np.log(c[..., 2:])], axis=-1) for c in (one, other))
    return (measures(one) - measures(other)) / np.hypot(
        standard_errors(one), standard_errors(other)
    )


@pytest.fixture(scope="module")
def measured():
    return synthetic(60, 300, 0)


@pytest.fixture(scope="module")
def fitted(measured):
    return sn.fit_cycles(measured)


def test_drawn_cycles_have_the_statistics_of_the_measured_ones(measured, fitted):
    assert fitted.statistics.order == 1
    assert sorted(fitted.criterion) == list(range(1, 11))
    assert fitted.criterion[1] == 0
    drawn = fitted.draw(60, 300, np.random.default_rng(1))
    assert np.abs(apart(measured, drawn)).max() < ALLOWED
    again = synthetic(60, 300, 2)
    assert np.abs(apart(again, fitted.draw(60, 300, np.random.default_rng(3)))).max() < ALLOWED
    np.testing.assert_array_equal(drawn, fitted.draw(60, 300, np.random.default_rng(1)))


def test_cycles_of_a_process_that_remembers_two_are_found_to_do_so():
    rng = np.random.default_rng(5)
    c = np.zeros((2002, 40, 4))
    for n in range(2, 2002):
        c[n] = 0.1 * c[n - 1] - 0.55 * c[n - 2] + rng.standard_normal((40, 4))
    values = np.exp(0.05 * c[1002:].transpose(1, 0, 2)) * [1.0, -1.2, 1e4, 1e6]
    found = sn.fit_cycles(values)
    assert found.statistics.order == 2
    np.testing.assert_allclose(found.statistics.coefficients[1], -0.55 * np.eye(4), atol=0.03)
    np.testing.assert_allclose(found.statistics.devices, 0.0, atol=0.01)
    assert sn.fit_cycles(values, order=1).criterion == {1: 0.0}


def test_a_measured_distribution_is_kept_whatever_its_form():
    rng = np.random.default_rng(6)
    two = np.where(
        rng.random((30, 400)) < 0.3,
        rng.normal(2e5, 1e4, (30, 400)),
        rng.normal(2e6, 5e4, (30, 400)),
    )
    values = np.stack(
        [
            rng.uniform(0.5, 0.6, two.shape),
            -rng.uniform(1, 2, two.shape),
            rng.gamma(3, 1e3, two.shape),
            two,
        ],
        axis=-1,
    )
    drawn = sn.fit_cycles(values).draw(50, 400, rng)
    for k in range(4):
        shares = np.linspace(0.02, 0.98, 25)
        below = [np.mean(drawn[..., k] < level) for level in np.quantile(values[..., k], shares)]
        np.testing.assert_allclose(below, shares, atol=0.02)
    assert drawn[..., 3].min() >= two.min()
    assert drawn[..., 3].max() <= two.max()


def written(path, cycles, header, scale=1.0):
    lines = [header]
    for k, part in enumerate(cycles):
        lines += [
            f"{k},{n},{a:.9g},{b:.9g},{c / scale:.9g},{d / scale:.9g}"
            for n, (a, b, c, d) in enumerate(part)
        ]
    path.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    return path


def test_a_csv_file_of_cycles_is_read_in_units_and_the_order_of_its_cycles(
    measured, fitted, tmp_path
):
    path = written(
        tmp_path / "a.csv", measured, "device,cycle,Vset (V),V_reset [V],LRS (kOhm),HRS (kΩ)", 1e3
    )
    found = sn.fit_cycles(path)
    np.testing.assert_allclose(
        found.statistics.coefficients, fitted.statistics.coefficients, atol=1e-6
    )
    np.testing.assert_allclose(
        np.sort([part[0, 3] for part in found.cycles]), np.sort(measured[:, 0, 3]), rtol=1e-8
    )
    assert "18,000 cycles of 60 device(s)" in found.remarks[0]


def test_a_file_gives_the_same_draws_again(fitted, tmp_path):
    path = fitted.write_toml(tmp_path / "cycles.toml")
    again = CycleStatistics.read(path)
    np.testing.assert_array_equal(
        again.draw(3, 5, np.random.default_rng(0)), fitted.draw(3, 5, np.random.default_rng(0))
    )
    assert again.remarks == fitted.remarks


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("[cycles]", "[cycle]"), r"has no table \[cycles\]"),
        (lambda text: text.replace("noise = ", "noises = "), "has no noise"),
        (lambda text: text.replace("scores = [", 'scores = ["a", '), "is damaged"),
        (lambda text: text.replace("lrs_ohm", "lrs"), "has no quantities"),
        (lambda text: text[: len(text) // 2], "is no TOML file"),
        (
            lambda text: text.replace(
                "coefficients = [[[", "coefficients = [[[9.0, 0.0, 0.0, 0.0], ["
            ),
            "is damaged",
        ),
    ],
)
def test_damaged_files_are_refused(change, words, fitted, tmp_path):
    path = fitted.write_toml(tmp_path / "a.toml")
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=words):
        CycleStatistics.read(path)


def test_cycles_that_grow_without_bound_are_refused(fitted):
    table = fitted.statistics.table()
    with pytest.raises(InputError, match="the cycles grow without bound"):
        CycleStatistics(
            **{name: table[name] for name in ("scores", "values", "noise", "devices")},
            coefficients=np.array([np.eye(4) * 1.01]),
        )


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        ("v_set,v_reset,lrs,hrs", "0.5,-1,1e3,", "row 2, column 4: no finite number"),
        ("v_set,v_reset,lrs,hrs", "0.5,-1,1e3", "row 2: 3 values; expected 4"),
        (
            "v_set,v_reset,lrs,hrs,noise",
            "0.5,-1,1e3,1e5,0",
            "the column 'noise' stands for nothing",
        ),
        ("v_set,v_reset,lrs", "0.5,-1,1e3", "no column of hrs_ohm"),
        ("v_set,vset,lrs,hrs", "0.5,-1,1e3,1e5", "two columns of set_volts"),
        ("v_set,v_reset,lrs (V),hrs", "0.5,-1,1e3,1e5", "has the unit 'v'"),
        (
            "cycle,v_set,v_reset,lrs,hrs",
            "1,0.5,-1,1e3,1e5\n1,0.5,-1,1e3,1e5",
            "cycle 1 stands there twice",
        ),
    ],
)
def test_tables_that_are_no_cycles_are_refused_by_row(header, row, words, tmp_path):
    (tmp_path / "a.csv").write_text(f"{header}\n{row}\n")
    with pytest.raises(DataError, match=words):
        sn.fit_cycles(tmp_path / "a.csv")
    with pytest.raises(AbsentError, match="there is no file"):
        sn.fit_cycles(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c[:10], "has 10 cycles; expected 20 or more"),
        (
            lambda c: np.where((np.arange(4) == 3) & (np.arange(len(c))[:, None] == 7), 0.0, c),
            "hrs_ohm is 0 somewhere",
        ),
        (lambda c: c[:, :3], r"expected \(cycles, 4\)"),
        (lambda c: np.where(np.arange(4) == 2, -c, c), "lrs_ohm is"),
        (
            lambda c: np.where((np.arange(4) == 0) & (np.arange(len(c))[:, None] % 2 == 0), -c, c),
            "set_volts has both signs",
        ),
        (lambda c: np.where(np.arange(4) == 1, -1.0, c), "reset_volts is -1 in every cycle"),
        (
            lambda c: np.where(np.arange(4) == 1, np.nan, c),
            "reset_volts of cycle 0 of device 0 is not finite",
        ),
    ],
)
def test_cycles_that_cannot_be_are_refused(change, words, measured):
    with pytest.raises(InputError, match=words):
        sn.fit_cycles(change(measured[0]))
    with pytest.raises(InputError, match="order = 16; expected 1 to 10"):
        sn.fit_cycles(measured, order=16)


# -- arrays ----------------------------------------------------------------------------------------

VTEAM = sn.devices.VTEAM(
    r_on=8e3, r_off=2e5, v_on=-0.9, v_off=1.1, k_on=-1e3, k_off=1e3, alpha_on=1.0, alpha_off=1.0
)


def test_cells_of_an_array_are_drawn_together_and_keep_their_ends(fitted):
    array = sn.Crossbar(device=VTEAM, state=np.tile([0.0, 3e-9], (30, 10)))
    made = sn.Imperfections(cycles=MeasuredCycles(statistics=fitted.statistics)).fabricated(
        array, np.random.default_rng(0)
    )
    values = made.device.spice_parameters()
    drawn = fitted.statistics.of_scores(made.cycles.scores)
    np.testing.assert_allclose(1 / made.cell_conductance()[:, ::2], drawn[2][:, ::2], rtol=1e-12)
    np.testing.assert_allclose(1 / made.cell_conductance()[:, 1::2], drawn[3][:, 1::2], rtol=1e-12)
    np.testing.assert_array_equal(values["v_on"], -drawn[0])
    np.testing.assert_array_equal(values["v_off"], -drawn[1])


def pulses(statistics, engine, shape, cycles, seed, stuck=None):
    """Set and reset an array so often, and return what each cycle's reads and parameters say,
    (cells, cycles, 4).
    """
    rng, flaws = (
        np.random.default_rng(seed),
        sn.Imperfections(cycles=MeasuredCycles(statistics=statistics)),
    )
    array = sn.Crossbar(device=VTEAM, state=np.full(shape, 3e-9), stuck=stuck)
    array = flaws.fabricated(array, rng)
    found = []
    for _ in range(cycles):
        ohms = {}
        for name, volts in (("hrs", None), ("lrs", -2.5), ("reset", 3.0)):
            if name == "reset":
                now = array.device.spice_parameters()
                found.append([-now["v_on"], -now["v_off"], ohms["lrs"], ohms["hrs"]])
            if volts is not None:
                pulse = sn.Pulse(row_volts=np.full(shape[0], volts), width_s=1e-6)
                array = flaws.pulse(engine, array, pulse, rng)[0].array
            if name != "reset":
                ohms[name] = 0.01 / engine.read(array, 0.01 * np.eye(shape[0])).column_amps
    return np.array(found).transpose(2, 3, 0, 1).reshape(-1, cycles, 4)


def test_the_cycles_of_an_array_have_the_measured_statistics(measured, fitted):
    cycled = pulses(fitted.statistics, sn.NodalEngine(), (12, 10), 60, 7)
    assert np.abs(apart(measured, cycled)).max() < ALLOWED


def test_both_engines_see_the_same_cycles(fitted):
    nodal = pulses(fitted.statistics, sn.NodalEngine(), (3, 2), 3, 8)
    with sn.NgspiceEngine() as engine:
        np.testing.assert_allclose(
            pulses(fitted.statistics, engine, (3, 2), 3, 8), nodal, rtol=1e-6
        )
    assert np.all(np.std(nodal, axis=1) > 0)


def test_an_iv_curve_has_other_thresholds_in_every_cycle(fitted, tmp_path):
    from spicesnn.cli import main

    file = fitted.write_toml(tmp_path / "cycles.toml")
    values = {
        "r_on": 8e3,
        "r_off": 2e5,
        "v_on": -0.9,
        "v_off": 1.1,
        "k_on": -1e-2,
        "k_off": 1e-2,
        "alpha_on": 1,
        "alpha_off": 1,
    }
    settings = [
        word for name, value in values.items() for word in ("--set", f"device.{name}={value}")
    ]
    command = [
        "iv",
        "vteam",
        "--frequency",
        "1k",
        "--periods",
        "5",
        "--amplitude",
        "2",
        *settings,
        "--set",
        f"imperfections.cycles={file}",
    ]
    assert main([*command, "--out", str(tmp_path / "iv")]) == 0
    time, volts, amps = np.loadtxt(
        tmp_path / "iv" / "iv.csv", delimiter=",", skiprows=1, usecols=(0, 1, 2)
    ).T
    on = [
        volts[k] / amps[k] for k in (np.argmin(np.abs(time - (n + 0.75) * 1e-3)) for n in range(5))
    ]
    off = [
        volts[k] / amps[k] for k in (np.argmin(np.abs(time - (n + 0.25) * 1e-3)) for n in range(5))
    ]
    assert np.std(np.log(on[1:])) > 0.02
    assert np.std(np.log(off[1:])) > 0.02


def test_fit_cycles_says_what_it_found_and_a_run_takes_its_file(measured, tmp_path, capfd):
    import json

    from spicesnn import training
    from spicesnn.cli import main

    path = written(tmp_path / "a.csv", measured[:25, :60], "device,cycle,v_set,v_reset,lrs,hrs")
    assert main(["fit", "cycles", str(path), "--out", str(tmp_path / "fit"), "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert (said["devices"], said["cycles"], said["order"]) == (25, 1500, 1)
    assert said["quantities"][3]["mean"] == pytest.approx(measured[:25, :60, 3].mean(), rel=1e-8)
    settings = {"imperfections.cycles": said["toml"], "training.epochs": 1}
    config = training.load(
        "letters-3x3",
        settings | {"imperfections.cycle_parameters": ["lrs_ohm=r_on", "hrs_ohm=r_off"]},
    )
    done = training.train(config, engine=sn.NodalEngine(), out=tmp_path / "run", rng_seed=1)
    assert training.infer(tmp_path / "run").test_accuracy == done.test_accuracy
    with pytest.raises(UnknownNameError, match="no parameter 'ron'"):
        training.train(
            training.load(
                "letters-3x3", settings | {"imperfections.cycle_parameters": ["lrs_ohm=ron"]}
            ),
            engine=sn.NodalEngine(),
            out=tmp_path / "none",
        )


def test_a_saved_array_goes_on_with_its_cycles(fitted, tmp_path):
    array = sn.Crossbar(device=VTEAM, state=np.full((3, 2), 3e-9))
    flaws = sn.Imperfections(cycles=MeasuredCycles(statistics=fitted.statistics))
    made = flaws.fabricated(array, np.random.default_rng(0))
    again = sn.Crossbar.load(made.save(tmp_path / "array.npz"))
    both = []
    for one in (made, again):
        rng = np.random.default_rng(1)
        for volts in (-2.5, 3.0):
            pulse = sn.Pulse(row_volts=np.full(3, volts), width_s=1e-6)
            one = flaws.pulse(sn.NodalEngine(), one, pulse, rng)[0].array
        both.append(one.device.spice_parameters()["r_off"])
    np.testing.assert_array_equal(both[0], both[1])
    assert np.all(both[0] != made.device.spice_parameters()["r_off"])


def test_a_stuck_cell_begins_no_new_cycle(fitted):
    stuck = np.zeros((2, 2), dtype=bool)
    stuck[0, 0] = True
    cycled = pulses(fitted.statistics, sn.NodalEngine(), (2, 2), 3, 8, stuck)
    assert np.all(np.std(cycled[0, :, :2], axis=0) == 0)
    assert np.all(np.std(cycled[1:, :, :2], axis=1) > 0)


def test_quantities_are_named_as_parameters_where_they_are_not_the_usual_ones(fitted):
    statistics = fitted.statistics
    with pytest.raises(
        UnknownNameError, match="linear-drift has no parameter for set_volts; say which parameters"
    ):
        MeasuredCycles(statistics=statistics).roles(sn.devices.LinearDrift())
    chosen = MeasuredCycles(
        statistics=statistics, parameters={"lrs_ohm": "r_on", "hrs_ohm": "r_off"}
    )
    made = chosen.fabricated(
        sn.Crossbar(device=sn.devices.LinearDrift(), shape=(3, 3)), np.random.default_rng(0)
    )
    drawn = statistics.of_scores(made.cycles.scores)
    np.testing.assert_array_equal(made.device.spice_parameters()["r_off"], drawn[3])
    upside = MeasuredCycles(
        statistics=statistics, parameters={"lrs_ohm": "1/g_max", "hrs_ohm": "1/g_min"}
    )
    made = upside.fabricated(
        sn.Crossbar(device=sn.devices.MetalOxide(), shape=(3, 3)), np.random.default_rng(0)
    )
    np.testing.assert_allclose(
        made.device.spice_parameters()["g_max"], 1 / statistics.of_scores(made.cycles.scores)[2]
    )
    with pytest.raises(UnknownNameError, match="no parameter 'r_onn'"):
        MeasuredCycles(statistics=statistics, parameters={"lrs_ohm": "r_onn"}).roles(VTEAM)
    with pytest.raises(UnknownNameError, match="no quantity 'lrs'"):
        MeasuredCycles(statistics=statistics, parameters={"lrs": "r_on"})
    with pytest.raises(InputError, match="need cells with a device model"):
        MeasuredCycles(statistics=statistics).fabricated(
            sn.Crossbar(np.ones((2, 2))), np.random.default_rng(0)
        )
    assert len(QUANTITIES) == 4
