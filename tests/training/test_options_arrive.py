"""Every number of a preset arrives where it belongs: values that differ in every place, looked for
in the objects that are built."""

from dataclasses import fields

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.noise import CycleToCycle, ReadNoise, RetentionDrift, TelegraphNoise
from spicesnn.errors import ConfigError, InputError
from spicesnn.learning.manhattan import AllDevices, RandomSubset, Softmax, Tanh
from spicesnn.learning.schemes import FloatingColumns, Gated, HalfVoltage, ThirdVoltage, Write
from spicesnn.neurons.lif import LIF
from spicesnn.options import Section
from spicesnn.training import load
from spicesnn.training.experiment import Experiment
from spicesnn.training.layers import RateCode, SpikeCode
from spicesnn.training.rules import RULES, total_updates
from spicesnn.training.sections import ArrayOptions


def values(thing):
    return {entry.name: getattr(thing, entry.name) for entry in fields(thing)}


def built(preset="letters-3x3", **settings):
    return Experiment.of(
        load(preset, {key.replace("__", "."): value for key, value in settings.items()})
    )


def test_wires_of_each_line_and_the_ends_of_lines():
    ohms = [float(k) for k in range(1, 11)]
    e = built(
        array__word_line_ohm=ohms,
        array__driver_ohm="1,2,3,4,5,6,7,8,9,1k",
        array__drive_side="right",
        array__sense_side="both",
    )
    wires = e.layers[0].wires
    assert wires.word_line_ohm.tolist() == ohms
    assert wires.driver_ohm.tolist() == [*ohms[:-1], 1000.0]
    assert (wires.driven_ends, wires.sensed_ends) == ((False, True), (True, True))
    table = e.config.array.to_table()
    assert table["word_line_ohm"] == ohms
    assert ArrayOptions.from_table(table, "array") == e.config.array
    assert ArrayOptions().to_table()["drive_side"] == "auto"
    for key, bad, message in (
        ("word_line_ohm", [1.0, -1.0], r"array.word_line_ohm = -1.0; expected 0 or more"),
        ("word_line_ohm", [1.0, float("nan")], r"array.word_line_ohm: nan is not a finite number"),
        ("word_line_ohm", [1.0, "2mV"], r"word_line_ohm"),
        ("drive_side", "top", r"array.drive_side is 'top'. Expected one of: left, right, both"),
    ):
        with pytest.raises(ConfigError, match=message):
            ArrayOptions.from_table({key: bad}, "array")
    with pytest.raises(InputError, match=r"word_line_ohm has shape \(2,\).* 10 rows"):
        built(array__word_line_ohm=[1.0, 2.0]).fresh_devices()


def test_wires_neurons_and_encoding():
    e = built(
        array__word_line_ohm=1.1,
        array__bit_line_ohm=1.2,
        array__driver_ohm=1.3,
        array__sense_ohm=1.4,
        array__double_sided=True,
        neuron__tau_s=2e-4,
        neuron__resistance_ohm=3e4,
        neuron__threshold_volts=1.5,
        neuron__refractory_s=3e-5,
        encoding__high_volts=0.3,
        encoding__low_volts=-0.1,
        encoding__bias_volts=0.25,
    )
    wires = e.layers[0].wires
    assert (
        wires.word_line_ohm,
        wires.bit_line_ohm,
        wires.driver_ohm,
        wires.sense_ohm,
        wires.double_sided,
    ) == (1.1, 1.2, 1.3, 1.4, True)
    assert e.neuron == LIF(tau_s=2e-4, resistance_ohm=3e4, threshold_volts=1.5, refractory_s=3e-5)
    np.testing.assert_allclose(
        e.row_volts(np.array([[0.0, 1.0, 0.25, *[0.5] * 6]])), [[-0.1, 0.3, 0.0, *[0.1] * 6, 0.25]]
    )
    assert built(network__bias=False).row_volts(np.zeros((2, 9))).shape == (2, 9)


@pytest.mark.parametrize(
    ("name", "scheme"),
    [("half", HalfVoltage()), ("third", ThirdVoltage()), ("floating", FloatingColumns())],
)
def test_programming(name, scheme):
    e = built(
        programming__scheme=name,
        programming__set_volts=1.6,
        programming__reset_volts=1.7,
        programming__set_s=2e-6,
        programming__reset_s=3e-6,
        programming__rise_s=1e-7,
    )
    assert e.programmer.scheme == scheme
    # VTEAM is set by negative volts.
    assert e.programmer.set_pulse == Write(volts=-1.6, width_s=2e-6, rise_s=1e-7)
    assert e.programmer.reset_pulse == Write(volts=1.7, width_s=3e-6, rise_s=1e-7)
    half = e.programmer.with_width(0.5)
    assert (
        half.set_pulse.width_s,
        half.reset_pulse.width_s,
        half.set_pulse.volts,
        half.set_pulse.rise_s,
    ) == (1e-6, 1.5e-6, -1.6, 1e-7)


def test_the_temperature_of_the_array():
    e = built("mnist-10x10", array__temperature=400, array__word_line_ohm=2.0, array__line_tcr=1e-3)
    assert e.layers[0].wires.word_line_ohm == pytest.approx(2.0 * (1 + 1e-3 * (400 - 293.15)))
    e = built(
        "letters-3x3",
        array__temperature=310,
        device__model="stanford",
        imperfections__parameters=[],
        imperfections__spread=[],
    )
    assert e.layers[0].device.temperature == 310


def test_gated_programming_and_reads():
    e = built(
        "xpue",
        programming__gate_on_volts=1.3,
        programming__gate_off_volts=0.1,
        programming__set_volts=0.9,
    )
    assert e.programmer.scheme == Gated(on_volts=1.3, off_volts=0.1)
    assert e.programmer.set_pulse.volts == 0.9


def test_learning():
    assert built(learning__activation="softmax", learning__gain=3e5).activation == Softmax(beta=3e5)
    tanh = {
        "learning__activation": "tanh",
        "learning__gain": 3e5,
        "learning__target": 0.9,
        "learning__stop": 0.6,
    }
    assert built(**tanh, learning__right_when="outputs").activation == Tanh(
        beta=3e5, target=0.9, stop=0.6
    )
    assert built(**tanh, learning__right_when="winner").activation == Tanh(
        beta=3e5, target=0.9, stop=None
    )
    assert built(learning__fraction=1.0, learning__groups=1.0).subset == AllDevices()
    assert built(learning__fraction=0.3, learning__groups=0.6).subset == RandomSubset(
        fraction=0.3, groups=0.6
    )


def test_hidden_neurons():
    hidden = {
        "network__hidden": [5],
        "network__hidden_ohm": 7e3,
        "network__hidden_offset_amps": 2e-5,
        "neuron__tau_s": 2e-4,
        "neuron__window_s": 4e-3,
        "neuron__refractory_s": 3e-5,
        "neuron__threshold_volts": 1.5,
    }
    neuron = LIF(tau_s=2e-4, resistance_ohm=7e3, threshold_volts=1.5, refractory_s=3e-5)
    assert built(**hidden).hidden == SpikeCode(neuron=neuron, offset_amps=2e-5, window_s=4e-3)
    assert built(**hidden, network__hidden_code="rate").hidden == RateCode(
        neuron=neuron, offset_amps=2e-5
    )
    assert [layer.shape for layer in built(**hidden).layers] == [(10, 10), (6, 6)]
    assert [layer.outputs for layer in built(**hidden).layers] == [5, 3]


def test_imperfections():
    e = built(
        imperfections__cycle_to_cycle=0.11,
        imperfections__cycle_of_range=0.012,
        imperfections__states=9,
        imperfections__endurance=77.0,
        imperfections__endurance_spread=0.31,
        imperfections__endurance_on=0.22,
        imperfections__telegraph=0.13,
        imperfections__telegraph_capture_s=1.4e-3,
        imperfections__telegraph_emission_s=1.5e-3,
        imperfections__read_noise=0.016,
        imperfections__retention=0.017,
        imperfections__retention_spread=0.18,
        imperfections__retention_t0_s=1.9,
        imperfections__stuck_on=0.02,
        imperfections__stuck_off=0.03,
        imperfections__stuck=0.04,
        imperfections__rounding="nearest",
        imperfections__reads_alike=7,
    )
    flaws = e.imperfections
    assert flaws.cycle_to_cycle == CycleToCycle(relative=0.11, of_range=0.012)
    assert flaws.telegraph == TelegraphNoise(amplitude=0.13, capture_s=1.4e-3, emission_s=1.5e-3)
    assert flaws.read_noise == ReadNoise(relative=0.016)
    assert flaws.retention == RetentionDrift(exponent=0.017, spread=0.18, t0_s=1.9)
    assert (flaws.endurance.swings, flaws.endurance.spread) == (77.0, 0.31)
    assert 0.22 in values(flaws.endurance).values()
    assert (flaws.stuck_on, flaws.stuck_off, flaws.stuck) == (0.02, 0.03, 0.04)
    window = e.layers[0].window
    np.testing.assert_allclose(
        flaws.states.siemens, np.linspace(window.low, window.high, 9), rtol=1e-12
    )
    assert flaws.states.rounding.name == "NEAREST"
    noise = e._noise(0, 3)
    assert noise.alike == 7
    assert noise.imperfections is flaws
    quiet = built().imperfections
    assert [name for name, value in values(quiet).items() if value not in (None, 0.0, (), {})] in (
        [],
        ["spread"],
    )
    assert not quiet.disturbs_reads


def test_updates_and_epochs():
    for settings, per_epoch, total in (
        ({"training__epochs": 3}, 1, 3),
        ({"training__epochs": 3, "training__batch": 10}, 3, 9),
        ({"training__epochs": 3, "training__batch": 7}, 4, 12),
        ({"training__epochs": 3, "training__batch": 40}, 1, 3),
        ({"training__epochs": 3, "training__batch": 10, "training__updates": 5}, 3, 5),
    ):
        e = built(**settings)
        rule = RULES[e.config.learning.rule]
        assert (rule.updates_per_epoch(e), total_updates(e.config, rule, e)) == (per_epoch, total)
    e = built("exsitu-xor", exsitu__fine_tune=4)
    assert RULES["exsitu"].updates_per_epoch(e) == 5
    assert RULES["template"].updates_per_epoch(built("xpue")) == 4


def test_every_batch_of_an_epoch_has_its_own_samples():
    e = built(training__batch=10, training__epochs=2)
    rule, seen = RULES["manhattan"], []
    for update in range(6):
        batch = rule._batch(e, update)
        seen.append(
            [
                int(np.flatnonzero((e.problem.train.inputs == row).all(axis=1))[0])
                for row in batch.inputs
            ]
        )
        np.testing.assert_array_equal(batch.labels, e.problem.train.labels[seen[-1]])
    unique = len({tuple(row) for row in e.problem.train.inputs})
    for epoch in (seen[:3], seen[3:]):
        assert len({n for batch in epoch for n in batch}) == unique
    assert seen[0] != seen[3]


def test_every_option_survives_its_toml():
    """A section written and read again is the same: every key, none under another's name."""
    for preset in (
        "letters-3x3",
        "exsitu-xor",
        "stdp-mnist",
        "stdp-simple",
        "bp-mnist",
        "deep-mnist",
    ):
        config = load(preset)
        for entry in fields(config):
            section = getattr(config, entry.name)
            if isinstance(section, Section):
                for number, item in enumerate(fields(section)):
                    value = getattr(section, item.name)
                    if isinstance(value, float) and 0 < value < 0.4:
                        changed = type(section).from_table(
                            {**section.to_table(), item.name: value * (1 + 0.01 * number)},
                            entry.name,
                        )
                        assert getattr(changed, item.name) == value * (1 + 0.01 * number)
                assert type(section).from_table(section.to_table(), entry.name) == section


def test_the_tables_of_networks_that_learn_ex_situ():
    config = load(
        "deep-mnist",
        {
            "rule.ex-situ.batch": 33,
            "rule.ex-situ.rate": 3e-3,
            "rule.ex-situ.gain": 5.0,
            "rule.ex-situ.sharpness": 3.0,
            "rule.ex-situ.dropout": 0.21,
            "rule.ex-situ.weight_noise": 0.02,
            "rule.ex-situ.average": 0.98,
            "rule.ex-situ.limits": [0.4, 0.5, 0.55],
            "rule.tuning.share": 0.2,
            "rule.tuning.order": "layerwise",
            "training.tuning_epochs": 3,
            "programming.set_volts": 1.8,
            "programming.reset_volts": 1.9,
            "programming.set_s": 2e-6,
            "programming.reset_s": 3e-6,
            "synapses.wire_aware": False,
            "imperfections.conductance_spread": 0.07,
            "population.first.tau": 300e-9,
            "network.steps": 5,
            "data.train_limit": 1000,
        },
    )
    network = config.composed(sn.NodalEngine()).fresh(np.random.default_rng(0))
    rule = network.batch_rule
    assert (rule.batch, rule.rate, rule.gain, rule.dropout) == (33, 3e-3, 5.0, 0.21)
    assert (rule.weight_noise, rule.average, rule.sharpness) == (0.02, 0.98, 3.0)
    assert list(rule.limits_of(network).values()) == [0.4, 0.5, 0.55]
    assert (rule.samples, rule.epochs) == (15 * 1000, 1)
    assert (rule.tune.share, rule.tune.order, rule.tune.samples) == (0.2, "layerwise", 3000)
    layers = network.leaky_layers()
    assert (layers.steps, layers.gain) == (5, pytest.approx(5 / 6))
    assert layers.decays == pytest.approx((1 - 1 / 3, 1 / 2))
    kind = network.projections[0].synapses
    pulses = kind.pulses
    assert (pulses.set_volts, pulses.reset_volts) == (1.8, 1.9)
    assert (pulses.set_s, pulses.reset_s) == (2e-6, 3e-6)
    assert kind.conductance_spread == 0.07
    assert not kind.hardware.wire_aware
    assert load("deep-mnist").hardware().wire_aware
    assert config.chunks == (18, 10000)
