"""Networks as decks: ngspice solves arrays, wires and neurons together and answers what the
controller answers, step by step."""

import subprocess

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.noise import ReadNoise
from spicesnn.errors import InputError
from spicesnn.networks.activations import (
    ELU,
    FUNCTIONS,
    Activation,
    Clip,
    LeakyReLU,
    Multiplied,
    Softmax,
    Threshold,
)
from spicesnn.networks.converters import ADC, DAC
from spicesnn.networks.network import Network
from spicesnn.networks.nodes import (
    Convolution,
    Dense,
    Embed,
    Flatten,
    Part,
    Pooling,
    Reduced,
    Repeated,
    Reshape,
    Scale,
)
from spicesnn.networks.populations import (
    IF,
    LI,
    LIF,
    AdaptiveLIF,
    CubaLI,
    CubaLIF,
    Delay,
    Integrator,
)

WIRES = sn.Wires(word_line_ohm=2.0, bit_line_ohm=3.0)
VTEAM = sn.devices.VTEAM(r_on=10e3, r_off=1e6)


def hardware(**changes):
    return sn.Hardware(device=VTEAM, wires=WIRES).with_changes(**changes)


def spikes(shape, rate=0.4, seed=1):
    return (np.random.default_rng(seed).random(shape) < rate).astype(float)


def dense(rows, cols, seed=0, bias=True):
    rng = np.random.default_rng(seed)
    return Dense(rng.normal(0.1, 0.5, (rows, cols)), rng.normal(0, 0.1, cols) if bias else None)


def test_a_two_layer_network_in_one_deck_spikes_when_the_controller_says():
    network = Network.chain(
        [
            ("w0", dense(16, 8)),
            ("hidden", LIF(tau=5e-3, r=2.0)),
            ("w1", dense(8, 4, 3)),
            ("out", LIF(tau=8e-3, r=3.0, reset="subtract")),
        ],
        (16,),
        dt_s=1e-3,
    )
    chip = network.on(hardware(), seed=0)
    (deck,) = chip.decks(spikes((1, 9, 16)))
    said = deck.simulate()
    assert np.isfinite(said.expected_first_spike_s["hidden"]).sum() >= 3
    assert np.isfinite(said.expected_first_spike_s["out"]).any()
    assert said.spikes_equal
    assert said.max_time_error <= 1e-3
    assert deck.cells == 2 * (17 * 8 + 9 * 4)
    ideal = network.on(
        sn.Hardware(device=VTEAM, wires=sn.Wires(word_line_ohm=300.0, bit_line_ohm=300.0)), seed=0
    )
    assert not np.array_equal(ideal.spikes(spikes((1, 9, 16))), chip.spikes(spikes((1, 9, 16)))), (
        "wires would not be seen"
    )


KINDS = {
    "IF": IF(r=0.8, reset="subtract"),
    "LIF": LIF(tau=np.linspace(3e-3, 9e-3, 3), r=2.0, v_leak=0.1, v_reset=-0.2),
    "CubaLIF": CubaLIF(tau_syn=2e-3, tau_mem=6e-3, r=4.0, w_in=1.5),
    "adaptive": AdaptiveLIF(tau=6e-3, r=4.0, theta_step=0.3, tau_theta=8e-3),
    "adaptive, subtracting": AdaptiveLIF(
        tau=6e-3, r=6.0, theta_step=0.3, tau_theta=8e-3, reset="subtract"
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_spiking_population_spikes_in_the_controllers_steps(kind):
    network = Network.chain([("w", dense(4, 3, 5)), ("n", KINDS[kind])], (4,), dt_s=1e-3)
    chip = network.on(hardware(), seed=0)
    (deck,) = chip.decks(spikes((2, 10, 4), 0.7))
    said = deck.simulate()
    assert said.spikes_equal
    assert said.max_time_error <= 1e-3
    assert 2 <= deck.probes[0].expected.sum() < deck.probes[0].expected.size


@pytest.mark.parametrize(
    "node",
    [
        LI(tau=5e-3, v_leak=0.2),
        Integrator(r=0.5),
        CubaLI(tau_syn=2e-3, tau_mem=5e-3, r=2.0),
        Delay(seconds=np.array([0.0, 1e-3, 3e-3])),
    ],
)
def test_populations_without_spikes_hold_the_controllers_values(node):
    network = Network.chain([("w", dense(4, 3, 5)), ("n", node)], (4,), dt_s=1e-3)
    (deck,) = network.on(hardware(), seed=0).decks(spikes((2, 6, 4)))
    said = deck.simulate()
    assert said.max_value_error <= 3e-4
    assert said.values["n"].shape == (2, 6, 3)


def test_every_activation_of_a_deck_has_the_controllers_values():
    """Smooth activations, products, parts and sums: as one deck, at 0 too."""
    made = [
        *(Activation(name) for name in FUNCTIONS if name not in ("gelu", "erf")),
        LeakyReLU(np.array([0.1, -0.3, 0.5, 2.0])),
        ELU(alpha=0.7, gain=1.2, width=1.5),
        Threshold(np.array([0.0, 0.1, -0.1, 0.2])),
    ]
    nodes = {"w": Dense(0.7 * np.eye(4)), "wider": Scale(np.array([1.0, -2.0, 3.0, 5.0]))}
    edges = [("input", "w"), ("w", "wider")]
    for k, node in enumerate(made):
        nodes |= {f"f{k}": node, f"r{k}": Reshape((1, 4)), f"e{k}": Embed(0, k, len(made))}
        edges += [("wider", f"f{k}"), (f"f{k}", f"r{k}"), (f"r{k}", f"e{k}"), (f"e{k}", "all")]
    nodes |= {"all": Scale(np.ones(())), "two": Part(0, (3, 1)), "product": Multiplied()}
    nodes |= {"mean": Reduced("average", (0,)), "wide": Repeated((4,)), "out": Scale(np.ones(()))}
    edges += [("all", "two"), ("two", "product"), ("all", "flat"), ("flat", "mean")]
    nodes |= {"flat": Reshape((4 * len(made),)), "answers": Reshape((4,))}
    edges += [("product", "answers"), ("answers", "out"), ("mean", "wide"), ("wide", "out")]
    nodes |= {
        "long": Embed(0, 4 * len(made), 4 * len(made) + 4),
        "begin": Embed(0, 0, 4 * len(made) + 4),
    }
    edges += [("flat", "begin"), ("out", "long"), ("begin", "everything"), ("long", "everything")]
    nodes["everything"] = Scale(np.ones(()))
    network = Network(nodes=nodes, edges=tuple(edges), input_shape=(4,), output="everything")
    x = np.array([[0.0, 0.0, 0.0, 0.0], [0.9, -0.4, 0.6, -0.8]])
    chip = network.on(sn.Hardware(device=VTEAM), seed=0)
    (deck,) = chip.decks(x)
    said = deck.simulate().values["everything"]
    assert said[:, -1] == pytest.approx(chip.outputs(x), abs=1e-6)
    erf = Network.chain([("w", Dense(np.eye(2))), ("g", Activation("gelu"))], (2,))
    with pytest.raises(InputError, match="gelu"):
        erf.on(hardware(), seed=0).decks(x[:, :2])


@pytest.mark.parametrize("bias", [False, True])
def test_a_recurrent_network_hears_the_step_before(bias):
    network = Network(
        nodes={"w": dense(4, 3, 5), "n": IF(reset="subtract"), "back": dense(3, 3, 9, bias=bias)},
        edges=(("input", "w"), ("w", "n"), ("n", "back"), ("back", "n")),
        input_shape=(4,),
        output="n",
        dt_s=1e-3,
    )
    chip = network.on(hardware(), seed=0)
    (deck,) = chip.decks(spikes((2, 10, 4), 0.7))
    said = deck.simulate()
    assert said.spikes_equal
    alone = Network.chain([("w", network.nodes["w"]), ("n", network.nodes["n"])], (4,), dt_s=1e-3)
    assert not np.array_equal(
        alone.on(hardware(), seed=0).spikes(spikes((2, 10, 4), 0.7)),
        chip.spikes(spikes((2, 10, 4), 0.7)),
    )


def test_a_convolutional_network_without_time_answers_through_its_converters():
    rng = np.random.default_rng(2)
    network = Network.chain(
        [
            (
                "c",
                Convolution(
                    rng.normal(0, 0.4, (2, 1, 3, 3)),
                    rng.normal(0, 0.1, 2),
                    (1, 1),
                    ((1, 1), (1, 1)),
                ),
            ),
            ("r", Activation("relu")),
            ("p", Pooling("max", (2, 2), (2, 2), ((0, 0), (0, 0)))),
            ("k", Clip(0.0, 0.9)),
            ("a", Pooling("average", (2, 2), (1, 1), ((0, 0), (0, 0)))),
            ("f", Flatten()),
            ("s", Scale(np.array(1.5), np.array(0.1))),
            ("w", dense(2, 3, 6)),
            ("l", LeakyReLU(0.2)),
            ("q", Softmax()),
        ],
        (1, 4, 4),
    )
    x = rng.random((3, 1, 4, 4))
    for changes in (
        {
            "dac": DAC(bits=5),
            "adc": ADC(bits=6, range="max", offset_lsb=0.5, gain_error=0.02, inl_lsb=0.5),
            "columns": "offset",
            "bits_per_cell": 4,
        },
        {"tile": (5, 4), "bits_per_cell": 2, "slices": 2},
    ):
        chip = network.on(hardware(**changes), calibrate=rng.random((20, 1, 4, 4)), seed=0)
        (deck,) = chip.decks(x)
        said = deck.simulate()
        assert said.max_value_error <= 1e-5
        assert np.ptp(chip.outputs(x)) > 0.05


@pytest.mark.parametrize("device", [sn.devices.Yakopcic(), VTEAM])
def test_cells_that_are_not_linear_and_single_columns_stand_in_the_deck_too(device):
    network = Network.chain(
        [("w", Dense(np.random.default_rng(0).uniform(0, 1, (4, 3)))), ("r", Activation("tanh"))],
        (4,),
    )
    x = np.random.default_rng(1).random((3, 4))
    chip = network.on(hardware(device=device, columns="single"), calibrate=x, seed=0)
    (deck,) = chip.decks(x)
    assert deck.simulate().max_value_error <= 1e-5


def test_a_larger_network_is_cut_into_blocks_that_are_shown_each_others_spikes():
    layers = [
        ("w0", dense(6, 5)),
        ("a", IF()),
        ("w1", dense(5, 4, 2)),
        ("b", IF()),
        ("w2", dense(4, 2, 3)),
        ("c", IF()),
    ]
    network = Network.chain(layers, (6,), dt_s=1e-3)
    chip = network.on(hardware(), seed=0)
    decks = chip.decks(spikes((1, 8, 6), 0.7), most_cells=120)
    assert [deck.nodes for deck in decks] == [("w0", "a", "w1", "b"), ("w2", "c")]
    assert all(deck.simulate().spikes_equal for deck in decks)
    with pytest.raises(InputError, match="layer 'w0' has 70 cells"):
        chip.decks(spikes((1, 8, 6)), most_cells=50)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"dac": DAC(bits=4, coding="bit-serial")}, "bit-serial inputs"),
        ({"adc": ADC(bits=6, noise_lsb=0.5)}, "the ADC has noise"),
        (
            {"imperfections": sn.Imperfections(read_noise=ReadNoise(relative=0.01))},
            "read noise is drawn",
        ),
    ],
)
def test_what_one_circuit_cannot_hold_is_named(changes, what):
    network = Network.chain([("w", dense(4, 3, 5))], (4,))
    x = np.random.default_rng(1).random((3, 4))
    with pytest.raises(InputError, match=what):
        network.on(hardware(**changes), calibrate=x, seed=0).decks(x)


def test_a_leaky_step_that_no_membrane_does_is_named():
    network = Network.chain([("w", dense(4, 3, 5)), ("n", LIF(tau=1e-3))], (4,), dt_s=1e-3)
    with pytest.raises(
        InputError, match=r"a time constant of 0\.001 s is not above the time step of 0\.001 s"
    ):
        network.on(hardware(), seed=0).decks(spikes((1, 5, 4)))


def test_a_deck_runs_in_a_bare_ngspice_and_prints(tmp_path):
    network = Network.chain([("w", dense(4, 2, 5)), ("n", IF())], (4,), dt_s=1e-3)
    (deck,) = network.on(hardware(), seed=0).decks(spikes((1, 3, 4)))
    path = tmp_path / "network.cir"
    path.write_text(deck.text, encoding="utf-8")
    done = subprocess.run(
        ["ngspice", "-b", str(path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0
    assert "n2_q0" in done.stdout
