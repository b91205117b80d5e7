"""Published sets of programming error, drift and read noise: their figures, in arrays, on both
engines; drift compensation.
"""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.noise import RetentionDrift
from spicesnn.crossbar.published import PUBLISHED, published_cells
from spicesnn.errors import ConfigError, InputError, UnknownNameError
from spicesnn.training import load
from spicesnn.training.experiment import Experiment

PCM = published_cells("pcm-joshi-2020")
DAY = 86_400.0


def array_of(siemens, shape=(60, 50), **more):
    return sn.Crossbar(np.broadcast_to(siemens, shape), **more)


def test_the_programming_error_of_pcm_is_that_of_another_fit_to_the_same_figure():
    """CrossSim's own quadratic fit to Fig. 3b of Joshi et al., µS."""
    g = np.linspace(2, 25, 24)
    other = -0.00178767 * g**2 + 0.07585724 * g + 0.28638599
    np.testing.assert_allclose(PCM.programming(g * 1e-6) / 1e-6, other, rtol=0.05)
    assert PCM.programming(np.array(25e-6)) == pytest.approx(1.0554e-6)


def test_the_drift_and_read_noise_of_pcm_are_the_published_equations_at_points_worked_by_hand():
    mean, spread = PCM.drift(np.array([25e-6, 2.5e-6, 0.025e-6, 0.0]))
    np.testing.assert_allclose(mean, [0.049, 0.0155 * np.log(10) + 0.0244, 0.1, 0.1], rtol=1e-12)
    np.testing.assert_allclose(
        spread, [0.008, 0.0125 * np.log(10) - 0.0059, 0.045, 0.045], rtol=1e-12
    )
    assert PCM.read(np.array(25e-6), 20.0) == pytest.approx(
        0.0088 * np.sqrt(np.log(20.00000025 / 5e-7)), rel=1e-12
    )
    assert PCM.read(np.array(25e-9), 20.0) == pytest.approx(
        0.2 * np.sqrt(np.log(20.00000025 / 5e-7)), rel=1e-12
    )


@pytest.mark.parametrize(
    ("name", "siemens", "sigma"),
    [
        ("rram-wan-2022", 10e-6, 2.4136e-6),
        ("rram-wan-2022", 30e-6, 1.8192e-6),
        ("rram-milo-2021", 50e-6, 4.3270e-6),
        ("rram-milo-2021", 225e-6, 2.7332e-6),
        ("pcm-joshi-2020", 10e-6, 0.8618e-6),
    ],
)
def test_programmed_arrays_have_the_error_of_the_figure(name, siemens, sigma):
    cells = published_cells(name)
    got = cells.programmed(array_of(siemens, (120, 100)), np.random.default_rng(0)).conductance
    assert got.mean() == pytest.approx(siemens, abs=4 * sigma / np.sqrt(got.size))
    assert got.std() == pytest.approx(sigma, rel=0.03)


def test_arrays_drift_as_published_and_the_same_seed_gives_the_same_exponents():
    array = array_of(10e-6, (120, 100))
    logs = [
        np.log(PCM.drifted(array, t, np.random.default_rng(1)).conductance / 10e-6)
        for t in (20.0, 2000.0, DAY)
    ]
    mean, spread = PCM.drift(np.array(10e-6))
    assert not logs[0].any()
    assert logs[2].mean() == pytest.approx(-mean * np.log(DAY / 20), rel=0.01)
    assert logs[2].std() == pytest.approx(spread * np.log(DAY / 20), rel=0.03)
    np.testing.assert_allclose(logs[2] / logs[1], np.log(DAY / 20) / np.log(100), rtol=1e-9)
    assert published_cells("rram-wan-2022").drifted(array, DAY, np.random.default_rng(1)) is array


def test_reads_are_noisier_a_day_later():
    flaws = sn.Imperfections(published=PCM)
    later = sn.Imperfections(published=PCM, rest_s=DAY)
    spread = []
    for one in (flaws, later):
        seen = one.before_read(array_of(10e-6, (120, 100)), np.random.default_rng(2)).conductance
        spread.append(seen.std() / 10e-6)
    np.testing.assert_allclose(
        spread, [PCM.read(np.array(10e-6), t) for t in (20.0, DAY)], rtol=0.03
    )
    assert flaws.disturbs_reads
    assert not sn.Imperfections(published=published_cells("rram-wan-2022")).disturbs_reads


def test_both_engines_read_the_same_published_array():
    device = sn.devices.VTEAM(r_on=5e4, r_off=1e6)
    array = sn.Crossbar(
        device=device,
        state=np.random.default_rng(0).uniform(0, 3e-9, (5, 4)),
        wires=sn.Wires(2.0, 3.0),
    )
    flaws, rng = sn.Imperfections(published=PCM), np.random.default_rng(3)
    made = flaws.rested(flaws.fabricated(array, rng), DAY, rng)
    volts = np.linspace(0.05, 0.2, 5)
    nodal = flaws.read(sn.NodalEngine(), made, volts, np.random.default_rng(4)).column_amps
    with sn.NgspiceEngine() as engine:
        np.testing.assert_allclose(
            flaws.read(engine, made, volts, np.random.default_rng(4)).column_amps, nodal, rtol=1e-9
        )


def test_stuck_cells_are_not_programmed_and_do_not_drift():
    device = sn.devices.VTEAM(r_on=5e4, r_off=1e6)
    stuck = np.eye(3, dtype=bool)
    array = sn.Crossbar(device=device, state=np.full((3, 3), 1e-9), stuck=stuck)
    made = PCM.drifted(
        PCM.programmed(array, np.random.default_rng(0)), DAY, np.random.default_rng(1)
    )
    np.testing.assert_array_equal(made.cell_conductance()[stuck], array.cell_conductance()[stuck])
    assert np.all(made.cell_conductance()[~stuck] != array.cell_conductance()[~stuck])


def test_conductances_that_a_set_says_nothing_about_are_refused():
    with pytest.raises(
        InputError, match=r"pcm-joshi-2020: cell \(0, 0\) has 100 µS; the set holds for 0 to 25 µS"
    ):
        PCM.programmed(array_of(1e-4), np.random.default_rng(0))
    with pytest.raises(InputError, match="has 10 µS; the set holds for 50 to 225 µS"):
        published_cells("rram-milo-2021").programmed(array_of(1e-5), np.random.default_rng(0))
    with pytest.raises(UnknownNameError, match="no published set 'pcm'"):
        published_cells("pcm")
    with pytest.raises(InputError, match="two drifts; expected one of them"):
        sn.Imperfections(published=PCM, retention=RetentionDrift(exponent=0.1))
    with pytest.raises(
        ConfigError, match=r"imperfections.published = pcm-joshi-2020: cells hold .* S, and the set"
    ):
        Experiment.of(
            load(
                "letters-3x3",
                {
                    "imperfections.published": "pcm-joshi-2020",
                    "device.r_on": 1e3,
                    "device.r_off": 1e4,
                },
            )
        )
    assert len(PUBLISHED) == 3


# -- compensation ----------------------------------------------------------------------------------


def test_one_factor_restores_cells_that_have_drifted_alike():
    array = array_of(np.random.default_rng(0).uniform(1e-6, 2e-5, (6, 4)), (6, 4))
    drifted = array.with_conductance(array.conductance * 0.7)
    assert sn.drift_compensation(
        sn.NodalEngine(), array, drifted, np.full(6, 0.2)
    ) == pytest.approx(1 / 0.7, rel=1e-12)
    with pytest.raises(InputError, match="carries no current"):
        sn.drift_compensation(
            sn.NodalEngine(), array, array.with_conductance(np.zeros((6, 4))), np.full(6, 0.2)
        )


def test_most_of_a_days_drift_is_compensated():
    array = array_of(np.random.default_rng(0).uniform(5e-6, 2.5e-5, (64, 10)), (64, 10))
    drifted = PCM.drifted(array, DAY, np.random.default_rng(1))
    volts = np.random.default_rng(2).uniform(0, 0.2, 64)
    engine = sn.NodalEngine()
    true, now = (engine.read(one, volts).column_amps for one in (array, drifted))
    factor = sn.drift_compensation(engine, array, drifted, np.full(64, 0.2))
    assert np.abs(now / true - 1).mean() > 0.3
    assert np.abs(factor * now / true - 1).mean() < 0.02


@pytest.mark.parametrize("engine_name", ["nodal", "ngspice"])
def test_a_preset_reads_through_the_compensation_after_its_rest(engine_name):
    settings = {
        "imperfections.retention": 0.06,
        "imperfections.rest_s": 1e6,
        "imperfections.retention_spread": 0.0,
        "network.initial": [0.4, 0.6],
    }
    engine = {"nodal": sn.NodalEngine, "ngspice": sn.NgspiceEngine}[engine_name]
    amps = {}
    with engine() as solver:
        for name, more in (
            ("fresh", {}),
            ("rested", {}),
            ("compensated", {"imperfections.drift_compensation": True}),
        ):
            experiment = Experiment.of(load("letters-3x3", settings | more))
            devices = experiment.fresh_devices()
            chosen = experiment if name == "fresh" else experiment.after_rest()
            amps[name] = chosen.forward(solver, devices, experiment.problem.test.inputs[:4]).amps[
                -1
            ]
    assert np.abs(amps["rested"]).sum() < 0.6 * np.abs(amps["fresh"]).sum()
    assert np.abs(amps["compensated"] - amps["fresh"]).max() < 0.1 * np.abs(amps["fresh"]).max()
