import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import ConfigError, DataError
from spicesnn.neurons.lif import LIF
from spicesnn.training import RunDirectory, load, train, train_starts
from spicesnn.training.experiment import Experiment
from spicesnn.training.layers import RateCode, SpikeCode, joined, split
from spicesnn.training.sections import DeviceOptions

BLOBS = {
    "data.source": "file",
    "network.bias": True,
    "training.epochs": 25,
    "training.stop_when_right": False,
}


def blobs(path, inputs, classes, count, seed=0):
    """Write well separated classes as a CSV file."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    features = (rng.normal(size=(classes, inputs)) * 2.5)[labels] + rng.normal(size=(count, inputs))
    lines = [",".join([*(f"x{k}" for k in range(inputs)), "label"])]
    lines += [
        ",".join([*(f"{v:.5f}" for v in row), str(label)])
        for row, label in zip(features, labels, strict=True)
    ]
    path.write_text("\n".join(lines))


def test_xor_is_mapped_and_right_on_both_engines(tmp_path):
    nodal = train(load("exsitu-xor"), engine=sn.NodalEngine(), out=tmp_path / "nodal")
    with sn.NgspiceEngine() as engine:
        spice = train(load("exsitu-xor"), engine=engine, out=tmp_path / "ngspice")
    assert nodal.test_accuracy == spice.test_accuracy == nodal.extra["software_accuracy"] == 1.0
    amps = [RunDirectory.existing(s.run).history()["output_amps"] for s in (nodal, spice)]
    assert RunDirectory.existing(nodal.run).history()["confusion"].tolist() == [
        [2, 0, 0],
        [0, 2, 0],
    ]
    assert amps[1] == pytest.approx(amps[0], rel=1e-7)


def test_two_layers_learn_in_situ_from_a_csv_file(tmp_path):
    """Somebody's own problem, layers of their own: 12-10-4, trained by pulses on both arrays."""
    blobs(tmp_path / "own.csv", 12, 4, 240)
    settings = BLOBS | {
        "data.path": str(tmp_path / "own.csv"),
        "network.hidden": [10],
        "network.hidden_code": "rate",
        "network.hidden_ohm": 3e4,
        "network.hidden_offset_amps": 20e-6,
        "neuron.refractory_s": 50e-6,
        "learning.fraction": 0.3,
    }
    summary = train(load("letters-3x3", settings), engine=sn.NodalEngine(), out=tmp_path / "run")
    history = RunDirectory.existing(summary.run).history()
    assert history["conductance_after"].shape == (13, 20)
    assert history["conductance_after_1"].shape == (11, 8)
    before, after = history["states"][0], history["states"][-1]
    assert np.abs(after - before)[: 13 * 20].max() > 1e-11
    assert np.abs(after - before)[13 * 20 :].max() > 1e-11
    assert summary.test_accuracy >= 0.8


def test_a_csv_file_is_mapped_ex_situ_and_fine_tuned(tmp_path):
    blobs(tmp_path / "own.csv", 20, 3, 200)
    settings = BLOBS | {
        "data.path": str(tmp_path / "own.csv"),
        "learning.rule": "exsitu",
        "exsitu.epochs": 60,
        "exsitu.fine_tune": 2,
        "training.epochs": 1,
    }
    summary = train(load("letters-3x3", settings), engine=sn.NodalEngine(), out=tmp_path / "run")
    assert summary.extra["software_accuracy"] >= 0.9
    assert summary.test_accuracy >= summary.extra["software_accuracy"] - 0.05
    assert summary.extra["updates"] == 3
    assert summary.extra["pulses"] > 0


def test_states_are_split_and_joined():
    experiment = Experiment.of(load("exsitu-xor"))
    devices = experiment.fresh_devices()
    parts = split(devices, experiment.layers)
    assert [p.shape for p in parts] == [(3, 4), (3, 2)]
    assert np.array_equal(joined(parts), devices)


def test_templates_need_one_layer(tmp_path):
    config = load("digits-3x5", ["network.hidden=[4]"])
    with pytest.raises(ConfigError, match=r"leave network\.hidden empty"):
        train(config, engine=sn.NodalEngine(), out=tmp_path / "run")


CODES = [
    SpikeCode(neuron=LIF(), offset_amps=1e-3, window_s=5e-3),
    RateCode(neuron=LIF(refractory_s=5e-5), offset_amps=1e-3),
]


@pytest.mark.parametrize("code", CODES)
def test_hidden_codes_rise_from_0_to_1(code):
    values = code.values(np.linspace(-10e-3, 1.0, 400))
    assert values[0] == 0
    assert 0.9 < values[-1] <= 1
    assert np.all(np.diff(values) >= 0)
    assert np.all(code.slopes(np.linspace(-10e-3, 1.0, 50)) > 0)


def test_manhattan_4x4_converges_where_the_target_is_not_the_stop(tmp_path):
    """Seeds' own finding: with target = stop nearly no start converges; apart, and with a higher
    gain, nearly all do."""
    seeds = ["learning.target=0.8", "learning.gain=6e6", "training.epochs=15"]
    apart = train_starts(
        load("manhattan-4x4"), engine=sn.NodalEngine(), starts=8, out=tmp_path / "apart"
    )
    equal = train_starts(
        load("manhattan-4x4", seeds), engine=sn.NodalEngine(), starts=8, out=tmp_path / "equal"
    )
    assert apart.converged_fraction >= 0.85
    assert equal.converged_fraction == 0.0
    assert apart.epochs_mean < 10


def test_the_same_starts_on_both_engines(tmp_path):
    config, outcomes = load("manhattan-4x4"), []
    with sn.NgspiceEngine() as engine:
        for solver in (sn.NodalEngine(), engine):
            train_starts(config, engine=solver, starts=3, out=tmp_path / solver.name, rng_seed=5)
            with np.load(tmp_path / solver.name / "starts.npz") as arrays:
                outcomes.append(dict(arrays))
    assert outcomes[0]["converged"].tolist() == outcomes[1]["converged"].tolist()
    assert outcomes[0]["epochs"].tolist() == outcomes[1]["epochs"].tolist()
    assert outcomes[0]["state_after"] == pytest.approx(outcomes[1]["state_after"], abs=1e-3)


def test_letters_take_the_same_decisions_on_both_engines(tmp_path):
    config = load("letters-3x3", ["training.epochs=2", "training.stop_when_right=false"])
    with sn.NgspiceEngine() as engine:
        runs = [
            train(config, engine=solver, out=tmp_path / solver.name, rng_seed=2).run
            for solver in (sn.NodalEngine(), engine)
        ]
    nodal, spice = (RunDirectory.existing(run).history() for run in runs)
    assert np.array_equal(nodal["directions"], spice["directions"])
    assert np.array_equal(nodal["predicted"], spice["predicted"])
    assert np.abs(nodal["states"] - spice["states"]).max() <= 1e-3 * 3e-9
    assert spice["spike_times"] == pytest.approx(nodal["spike_times"], rel=1e-3)


def test_written_and_verified_through_the_wires(tmp_path):
    """Pulses alone bring every cell of the XOR network to its weight."""
    summary = train(
        load("exsitu-xor", ["exsitu.write_verify=true", "exsitu.verify_tolerance=0.02"]),
        engine=sn.NodalEngine(),
        out=tmp_path / "run",
    )
    history = RunDirectory.existing(summary.run).history()
    assert summary.test_accuracy == 1.0
    assert summary.extra["pulses"] > 20
    assert summary.extra["write_joule"] > 0
    assert history["verify_error"][0] <= 0.021


def test_a_measured_pulse_curve_from_a_one_column_file(tmp_path):
    pulses = np.arange(51)
    curve = (
        4.5448e-7
        + 6.55e-8 * (1 - np.exp(-pulses / 3.0))
        + np.random.default_rng(0).normal(0, 2e-9, 51)
    )
    (tmp_path / "curve.csv").write_text("siemens\n" + "\n".join(f"{value:.6e}" for value in curve))
    device = load("manhattan-4x4", {"device.curve": str(tmp_path / "curve.csv")}).device.build()
    assert device.g_gain == pytest.approx(6.55e-7, rel=0.03)
    assert device.g_gain != 6.55e-7
    assert device.pulses == pytest.approx(3.0, rel=0.1)
    config = load("manhattan-4x4", {"device.curve": str(tmp_path / "curve.csv")})
    summary = train_starts(config, engine=sn.NodalEngine(), starts=2, out=tmp_path / "run")
    assert summary.converged_fraction == 1.0
    (tmp_path / "bad.csv").write_text("siemens\nmany")
    with pytest.raises(
        DataError, match=r"bad\.csv, line 1: no row of numbers; expected a header and measurements"
    ):
        DeviceOptions.from_table(
            {"model": "saturating-pulse", "curve": str(tmp_path / "bad.csv")}, "device"
        )


@pytest.mark.parametrize(
    "overrides",
    [
        ["programming.scheme=third"],
        ["network.columns=offset", "training.epochs=60"],
        ["learning.opposite=false", "programming.set_s=250e-6"],
        ["learning.final_width=0.2", "training.epochs=30"],
        ["learning.fraction=0.4", "learning.groups=0.8", "learning.final_fraction=0.1"],
        ["neuron.code=most-spikes", "neuron.window_s=0.5"],
        ["learning.activation=softmax"],
        ["array.double_sided=true", "array.driver_ohm=50", "array.sense_ohm=20"],
    ],
)
def test_choices_of_scheme_rule_columns_and_code_all_learn_the_letters(tmp_path, overrides):
    summary = train(
        load("letters-3x3", overrides), engine=sn.NodalEngine(), out=tmp_path / "run", rng_seed=1
    )
    assert summary.test_accuracy >= 0.96


def test_floating_columns_disturb_what_half_voltage_leaves_alone(tmp_path):
    """Column by column with the other bit lines open: sneak paths move cells that a V/2 scheme
    keeps."""
    moved = {}
    for scheme in ("half", "floating"):
        config = load(
            "letters-3x3",
            [
                f"programming.scheme={scheme}",
                "training.epochs=1",
                "training.stop_when_right=false",
                "learning.groups=0.5",
                "learning.fraction=0.2",
            ],
        )
        run = RunDirectory.existing(
            train(config, engine=sn.NodalEngine(), out=tmp_path / scheme, rng_seed=1).run
        )
        states = run.history()["states"]
        moved[scheme] = int(np.sum(np.abs(states[-1] - states[0]) > 1e-14))
    assert moved["floating"] > moved["half"] > 0
