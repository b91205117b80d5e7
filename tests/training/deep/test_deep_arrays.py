import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.faults import StuckMap
from spicesnn.crossbar.mapping import Window
from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.errors import ConfigError, InputError, UnknownNameError
from spicesnn.programming.pulse_map import StepLimits, StrongestPulses
from spicesnn.training.deep.arrays import LayerArrays, check_device, spread_together
from spicesnn.training.deep.insitu import InSitu, tuned
from spicesnn.training.deep.network import DeepNetwork, forward, softmax_slope
from spicesnn.training.deep.software import Learnt, Software, learnt_more

DEVICE = sn.devices.VTEAM(
    r_on=1e4,
    r_off=1e6,
    v_on=-1.0,
    v_off=1.0,
    k_on=-5.86e-5,
    k_off=5.86e-5,
    alpha_on=1.0,
    alpha_off=1.0,
)
WIRES = Wires(word_line_ohm=20.0, bit_line_ohm=20.0)


def layer(shape=(20, 9), *, wires=WIRES, spread_of=0.0, stuck=None, seed=0):
    cells = (shape[0], 2 * shape[1])
    own = spread_together(DEVICE, cells, ("r_on", "r_off"), spread_of, np.random.default_rng(seed))
    return LayerArrays(
        shape=shape,
        limit=0.5,
        fill=0.85,
        nominal=DEVICE,
        device=own,
        stuck=stuck,
        window=Window.of(DEVICE),
        wires=wires,
        tiling=Tiling(rows=8, cols=6),
    )


def some_weights(shape=(20, 9), seed=1):
    return np.clip(np.random.default_rng(seed).normal(size=shape) * 0.2, -0.5, 0.5).astype(
        np.float32
    )


def test_weights_come_back_from_ideal_arrays():
    arrays, weights = layer(wires=Wires.ideal()), some_weights()
    state, error = arrays.mapped(weights, wire_aware=True)
    assert error == 0.0
    np.testing.assert_allclose(
        arrays.weights(arrays.effective(arrays.siemens(state))), weights, atol=1e-6
    )


def test_wires_cost_and_the_wire_aware_mapping_gives_it_back():
    arrays, weights = layer(), some_weights()
    errors = []
    for aware in (False, True):
        state, _ = arrays.mapped(weights, wire_aware=aware)
        errors.append(
            np.abs(arrays.weights(arrays.effective(arrays.siemens(state))) - weights).max()
        )
    assert errors[0] > 5e-3
    assert errors[1] < 1e-5


def test_effective_conductances_are_what_reads_of_the_tiles_add_up_to():
    arrays = layer(spread_of=0.1)
    siemens = arrays.siemens(arrays.mapped(some_weights(), wire_aware=False)[0])
    volts = np.random.default_rng(2).random(20)
    amps = np.zeros(18)
    for rows, cols in arrays.tiling.parts(arrays.cells):
        amps[cols] += (
            sn.NodalEngine()
            .read(sn.Crossbar(conductance=siemens[rows, cols], wires=WIRES), volts[rows])
            .column_amps
        )
    np.testing.assert_allclose(volts @ arrays.effective(siemens), amps, rtol=1e-8)


def test_spread_is_that_of_the_conductances_and_stuck_cells_stay():
    stuck = StuckMap.drawn((200, 18), np.random.default_rng(3), on=0.1, off=0.1)
    arrays = layer((200, 9), spread_of=0.05, stuck=stuck, wires=Wires.ideal())
    weights = some_weights((200, 9))
    found, wanted = (
        arrays.siemens(arrays.mapped(weights, wire_aware=False)[0]),
        arrays.wanted(weights),
    )
    free = ~stuck.any & (wanted > 2e-5)
    assert np.std(found[free] / wanted[free]) == pytest.approx(0.05, rel=0.1)
    assert found[stuck.on].min() > 0.8e-4
    assert found[stuck.off].max() < 1.3e-6


def test_states_are_rounded():
    arrays = layer(wires=Wires.ideal())
    siemens = arrays.siemens(arrays.mapped(some_weights(), wire_aware=False, states=5)[0])
    steps = (siemens - arrays.window.low) / arrays.window.span * 4
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-6)


def test_single_cells_conduct_what_the_whole_array_says():
    arrays = layer(spread_of=0.1)
    state = arrays.mapped(some_weights(), wire_aware=False)[0]
    rows, cols = np.array([0, 3, 19]), np.array([17, 0, 5])
    np.testing.assert_allclose(
        arrays.cell_siemens(state, rows, cols), arrays.siemens(state)[rows, cols]
    )


def test_read_variances_are_those_of_pairs():
    arrays = layer(wires=Wires.ideal())
    effective = arrays.siemens(arrays.mapped(some_weights(), wire_aware=False)[0])
    draws = np.random.default_rng(4).standard_normal((4000, *arrays.cells))
    noisy = np.stack([arrays.weights(effective * (1 + 0.1 * d)) for d in draws])
    np.testing.assert_allclose(noisy.var(axis=0), arrays.variances(effective, 0.1), rtol=0.2)


@pytest.fixture(scope="module")
def trained():
    """A small network with its images, learnt in software."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 4, 1200)
    images = rng.integers(0, 80, (1200, 16)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 * label : 4 * label + 4] += 120
    network, software = (
        DeepNetwork(sizes=(16, 20, 10, 4), steps=6, decay=0.6, sharpness=2.0),
        Software(batch=40, rate=1e-2, gain=4.0, image=(4, 4)),
    )
    state = Learnt.fresh(network, software, rng)
    for _ in range(2):
        state, _ = learnt_more(network, software, state, images, labels, rng, total=60)
    return network, state.mean, images, labels


def loss_of(network, layers, states, images, labels):
    weights = [
        arrays.weights(arrays.effective(arrays.siemens(s)))
        for arrays, s in zip(layers, states, strict=True)
    ]
    return softmax_slope(
        forward(network, weights, images.astype(np.float32) / np.float32(255)).outputs, labels, 4.0
    )[0]


@pytest.mark.parametrize(
    ("train", "at_most"), [((0, 1, 2), 0.8), ((2,), 0.95)], ids=["together", "last layer"]
)
def test_tuning_in_situ_makes_up_for_spread_and_wires(trained, train, at_most):
    network, weights, images, labels = trained
    layers = [
        layer(shape, wires=WIRES, spread_of=0.3, seed=k) for k, shape in enumerate(network.shapes)
    ]
    layers = [
        LayerArrays(**{**{n: getattr(a, n) for n in a.__slots__}, "limit": 1.0}) for a in layers
    ]
    states = [
        arrays.mapped(w, wire_aware=False)[0] for arrays, w in zip(layers, weights, strict=True)
    ]
    pulses = StrongestPulses(set_volts=2.0, reset_volts=2.0, set_s=1e-6, reset_s=1e-6)
    limits = StepLimits.solved(DEVICE, sn.NodalEngine(), pulses)
    options = InSitu(
        batch=50, rate=2e-3, share=0.3, cycle_to_cycle=0.05, stale=0.02, gain=4.0, image=(4, 4)
    )
    done = tuned(
        network,
        layers,
        states,
        limits,
        options,
        images,
        labels,
        np.random.default_rng(6),
        train=train,
    )
    before, after = (loss_of(network, layers, s, images, labels) for s in (states, done.states))
    assert after < at_most * before
    for k, (old, new) in enumerate(zip(states, done.states, strict=True)):
        assert np.any(old != new) == (k in train)
    pairs = sum(round(0.3 * (a.shape[0] * a.shape[1])) for k, a in enumerate(layers) if k in train)
    assert 0 < done.pulses <= 24 * 2 * pairs
    assert done.solves >= 3
    assert done.stale_error < 0.01


def test_stuck_cells_do_not_move(trained):
    network, weights, images, labels = trained
    made = []
    for k, shape in enumerate(network.shapes):
        stuck = StuckMap.drawn((shape[0], 2 * shape[1]), np.random.default_rng(k), on=0.2, off=0.2)
        made.append(
            LayerArrays(
                shape=shape,
                limit=1.0,
                fill=0.85,
                nominal=DEVICE,
                device=DEVICE,
                stuck=stuck,
                window=Window.of(DEVICE),
                wires=Wires.ideal(),
                tiling=Tiling(),
            )
        )
    states = [
        arrays.mapped(w, wire_aware=False)[0] for arrays, w in zip(made, weights, strict=True)
    ]
    limits = StepLimits(
        at=np.array([1e-6, 1e-4]), up=np.array([1e-5, 0.0]), down=np.array([0.0, -1e-5])
    )
    done = tuned(
        network,
        made,
        states,
        limits,
        InSitu(image=(4, 4), batch=600),
        images,
        labels,
        np.random.default_rng(7),
        train=range(3),
    )
    for arrays, old, new in zip(made, states, done.states, strict=True):
        np.testing.assert_array_equal(old[arrays.stuck.any], new[arrays.stuck.any])
        assert np.any(old != new)


def test_devices_that_are_no_plain_conductance_are_refused():
    with pytest.raises(ConfigError, match="proportional to the voltage"):
        check_device(sn.devices.PaiYuChen())


def test_a_spread_of_what_the_device_has_not_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'r_on'"):
        spread_together(DEVICE, (2, 2), ["r_onn"], 0.1, np.random.default_rng(0))


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(InputError, match=r"share = 1\.5"):
        InSitu(share=1.5)


def test_the_rate_of_tuning_goes_from_its_first_to_its_last_value(monkeypatch):
    """The root mean square of what is wanted of a layer's weights is factor·rate·limit, whatever
    the gradient; four batches, 1 to 0.4."""
    asked, network = [], DeepNetwork(sizes=(784, 8, 10), steps=3)
    layers = [layer((785, 8), wires=Wires.ideal()), layer((9, 10), wires=Wires.ideal())]
    states = [one.mapped(some_weights(one.shape), wire_aware=False)[0] for one in layers]

    def pulse(self, change, *more):
        asked.append(float(np.sqrt(np.mean(change**2))))
        return 0

    monkeypatch.setattr("spicesnn.training.deep.insitu._Live.pulse", pulse)
    images = np.random.default_rng(0).integers(0, 255, (8, 784)).astype(np.uint8)
    limits = StepLimits(at=np.array([1e-6, 1e-4]), up=np.zeros(2), down=np.zeros(2))
    tuned(
        network,
        layers,
        states,
        limits,
        InSitu(batch=2, rate=2e-3),
        images,
        np.arange(8),
        np.random.default_rng(1),
        train=[1],
        schedule=(1.0, 0.4),
    )
    assert asked == pytest.approx(
        [2e-3 * 0.5 * factor for factor in (1.0, 0.8, 0.6, 0.4)], rel=1e-5
    )
