"""What a mapped network is told to be, recomputed from its arrays: errors of weights, ranges of
converters, certificates, which draws belong to which cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.noise import ReadNoise
from spicesnn.devices.levels import ConductanceStates
from spicesnn.devices.variability import LogNormal
from spicesnn.learning.compensation import compensate
from spicesnn.learning.schemes import Gated
from spicesnn.networks.converters import ADC, ADCErrors, full_scale
from spicesnn.networks.nodes import Convolution, Dense, Flatten
from spicesnn.networks.populations import IF
from spicesnn.networks.synapses import Solved

LOW, HIGH = 1e-6, 1e-4
DEVICE = sn.devices.LinearDrift(r_on=1 / HIGH, r_off=1 / LOW)
VOLTS = 0.2
WIRES = sn.Wires(word_line_ohm=4.0, bit_line_ohm=6.0, driver_ohm=20.0, sense_ohm=10.0)


def layer_of(shape=(11, 5), *, seed=0, bias=True, lowest=-1.0):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(lowest, 1.0, shape)
    return sn.Network.from_arrays([(weights, rng.uniform(lowest, 1.0, shape[1]) if bias else None)])


def siemens_of(block, volts=0.0):
    """What the cells of a block carry over the voltage: at 0 V the slope."""
    device, state = block.array.device, block.array.state
    if volts == 0.0:
        return np.asarray(device.conductance(0.0, state))
    return np.asarray(device.current(volts, state)) / volts


def held(columns, siemens, low=LOW, high=HIGH):
    """The weights that conductances stand for, the whole window being 1."""
    if columns == "differential":
        return (siemens[:, 0::2] - siemens[:, 1::2]) / (high - low)
    return (
        2 * (siemens[:, :-1] - siemens[:, -1:]) / (high - low)
        if columns == "offset"
        else (siemens - low) / (high - low)
    )


@pytest.mark.parametrize("columns", ["differential", "offset", "single"])
def test_the_error_of_the_weights_is_the_rms_of_what_the_cells_miss(columns):
    network = layer_of(lowest=0.0 if columns == "single" else -1.0)
    weights, bias = network.nodes["layer0"].weights, network.nodes["layer0"].offsets
    x = np.abs(np.random.default_rng(1).normal(size=(9, 11)))
    flaws = sn.Imperfections(stuck_off=0.2, stuck_on=0.1)
    hardware = sn.Hardware(
        device=DEVICE, columns=columns, tile=(7, 6), bits_per_cell=3, imperfections=flaws
    )
    layer = network.on(hardware, calibrate=x, seed=2).layers["layer0"]
    assert layer.full == x.max()
    rows = layer.bias_rows
    extended = np.vstack([weights, np.tile(bias / (layer.full * rows), (rows, 1))])
    extended /= np.abs(extended).max()
    # A reference on a state: of eight states the fourth, three steps below it and as many above.
    wanted = extended * (6 / 7 if columns == "offset" else 1.0)
    missed, count = 0.0, 0
    for block in layer.blocks:
        own = held(columns, siemens_of(block))
        missed += np.sum((own - wanted[block.rows, block.outputs]) ** 2)
        count += own.size
    assert count == extended.size
    assert layer.weights_error == pytest.approx(np.sqrt(missed / count), rel=1e-9)
    assert layer.weights_error > 0.05


def test_cells_that_are_not_linear_miss_their_weights_at_the_read_voltage():
    device = sn.devices.Yakopcic(b=8.0)
    network, x = layer_of((6, 3), bias=False), np.random.default_rng(1).normal(size=(9, 6))
    hardware = sn.Hardware(
        device=device, read_volts=0.15, imperfections=sn.Imperfections(stuck_off=0.3)
    )
    layer = network.on(hardware, calibrate=x, seed=2).layers["layer0"]
    window = hardware.used_window()
    ends = [np.asarray(device.current(0.15, bound)) / 0.15 for bound in device.bounds()]
    assert (window.low, window.high) == pytest.approx((min(ends), max(ends)))
    (block,) = layer.blocks
    wanted = network.nodes["layer0"].weights
    own = held("differential", siemens_of(block, 0.15), window.low, window.high)
    error = np.sqrt(np.mean((own - wanted / np.abs(wanted).max()) ** 2))
    assert layer.weights_error == pytest.approx(error, rel=1e-9)
    assert error > 0.05


def test_wire_aware_cells_are_those_of_the_compensation_and_win_back_what_wires_cost():
    network, x = layer_of((14, 6)), np.random.default_rng(1).normal(size=(30, 14))
    off = {}
    for aware in (False, True):
        hardware = sn.Hardware(device=DEVICE, wires=WIRES, wire_aware=aware, fill=0.6)
        chip = network.on(hardware, calibrate=x)
        off[aware] = np.abs(chip.outputs(x) - network.outputs(x)).max()
    assert off[True] < 0.02 * off[False]
    (block,) = chip.layers["layer0"].blocks
    plain = network.on(hardware.with_changes(wire_aware=False), calibrate=x).layers["layer0"]
    wanted = siemens_of(plain.blocks[0])
    np.testing.assert_allclose(
        siemens_of(block), compensate(wanted, hardware.used_window(), WIRES).siemens, rtol=1e-9
    )
    few = network.on(hardware.with_changes(bits_per_cell=4), calibrate=x).layers["layer0"]
    steps = (siemens_of(few.blocks[0]) - LOW) / (HIGH - LOW) * 15
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)


def test_every_group_of_a_convolution_has_its_own_bias():
    rng = np.random.default_rng(3)
    kernel, bias = rng.uniform(-0.1, 0.1, (4, 2, 2, 2)), np.array([3.0, -1.0, 0.5, -2.0])
    network = sn.Network.chain(
        [("c", Convolution(kernel, bias, groups=2)), ("f", Flatten())], (4, 4, 4)
    )
    x = rng.uniform(-1, 1, (5, 4, 4, 4))
    for columns in ("differential", "offset"):
        chip = network.on(sn.Hardware(device=DEVICE, columns=columns), calibrate=x)
        assert chip.layers["c"].bias_rows == 8
        np.testing.assert_allclose(chip.outputs(x), network.outputs(x), rtol=1e-9, atol=1e-9)


def test_cells_that_differ_hold_one_of_their_states_after_programming():
    states = ConductanceStates.even(8, 4e-6, 6e-5)
    flaws = sn.Imperfections(
        spread={"r_on": LogNormal(0.1), "r_off": LogNormal(0.1)}, states=states
    )
    chip = layer_of().on(sn.Hardware(device=DEVICE, imperfections=flaws), seed=1)
    siemens = siemens_of(chip.layers["layer0"].blocks[0])
    np.testing.assert_allclose(siemens, states.siemens[states.index(siemens)], rtol=1e-9)
    assert np.unique(states.index(siemens)).size > 4


def test_each_layer_and_each_seed_has_cells_of_its_own():
    weights = np.random.default_rng(0).uniform(-1, 1, (9, 9))
    network = sn.Network.from_arrays([(weights, None), (weights, None)])
    flaws = sn.Imperfections(stuck=0.3)
    found = {}
    for seed in (4, 5):
        chip = network.on(sn.Hardware(device=DEVICE, imperfections=flaws), seed=seed)
        found |= {(seed, k): chip.layers[f"layer{k}"].blocks[0].array.stuck for k in (0, 1)}
    pairs = [(a, b) for a in found for b in found if a < b]
    assert all(np.any(found[a] != found[b]) for a, b in pairs)
    again = network.on(sn.Hardware(device=DEVICE, imperfections=flaws), seed=5)
    np.testing.assert_array_equal(again.layers["layer1"].blocks[0].array.stuck, found[5, 1])


@pytest.mark.parametrize(
    "hardware",
    [
        sn.Hardware(
            device=DEVICE, imperfections=sn.Imperfections(read_noise=ReadNoise(relative=0.1))
        ),
        sn.Hardware(device=DEVICE, adc=sn.ADC(bits=8, noise_lsb=2.0)),
    ],
    ids=["cells", "converters"],
)
def test_noise_of_reads_is_drawn_by_the_seed_for_every_input_output_and_time_step(hardware):
    network, x = layer_of((6, 4), bias=False), np.tile([[0.3, 1.0, 0.2, 0.8, 0.5, 0.9]], (40, 1))
    seen = [network.on(hardware, calibrate=x, seed=seed).outputs(x) for seed in (1, 2)]
    assert np.mean(seen[0] != seen[1]) > 0.5
    noise = seen[0] - seen[0].mean(axis=0)
    assert np.all(noise.std(axis=0) > 0)
    assert np.all(np.abs(np.corrcoef(noise.T)[np.triu_indices(4, 1)]) < 0.6)
    stepped = sn.Network.chain(
        [("w", network.nodes["layer0"]), ("n", IF(v_threshold=100.0)), ("o", Dense(np.eye(4)))],
        (6,),
        steps=5,
    )
    product = stepped.on(hardware, calibrate=x, seed=1).products()["w"]
    assert product.draws


def test_inputs_read_alike_see_the_same_cells_of_a_chip():
    flaws = sn.Imperfections(read_noise=ReadNoise(relative=0.1))
    hardware = sn.Hardware(device=DEVICE, wires=WIRES, imperfections=flaws, reads_alike=5)
    network, x = layer_of((6, 4), bias=False), np.ones((20, 6))
    got = network.on(hardware, calibrate=x, seed=1).outputs(x)
    np.testing.assert_allclose(got.reshape(4, 5, 4), got.reshape(4, 5, 4)[:, :1].repeat(5, 1))
    assert len(np.unique(got[:, 0])) == 4


# -- converters -------------------------------------------------------------------------------


def test_ranges_clipping_and_bits_that_are_left_follow_from_the_calibration_samples():
    """One layer on ideal wires, whose normalised products are x/full · W/largest."""
    network = layer_of((12, 5), bias=False)
    weights = network.nodes["layer0"].weights
    x = np.random.default_rng(1).normal(size=(40, 12)) - 0.6  # products with a mean of their own
    hardware = sn.Hardware(
        device=DEVICE,
        adc=sn.ADC(bits=5, range="percentile", percentile=80),
        dac=sn.DAC(bits=12, range="percentile", percentile=90),
    )
    chip = network.on(hardware, calibrate=x)
    full = np.percentile(np.abs(x), 90)
    assert chip.layers["layer0"].full == pytest.approx(full)
    steps = 2**11 - 1
    u = np.clip(np.rint(x / full * steps), -steps, steps) / steps
    products = u @ weights / np.abs(weights).max()
    span = np.percentile(np.abs(products), 80)
    seen = np.clip(np.rint(products / span * 15), -15, 15) * span / 15
    readout = chip.readouts["layer0"]
    assert readout.ranges == pytest.approx((span,), rel=1e-9)
    assert readout.clipped_inputs == pytest.approx(0.1, abs=0.003)
    assert readout.clipped_inputs == pytest.approx(np.mean(np.abs(x) > full))
    assert readout.clipped_outputs == pytest.approx(np.mean(np.abs(products) > span))
    ratio = products.std() / np.sqrt(np.mean((seen - products) ** 2))
    assert readout.effective_bits == pytest.approx(np.log2(ratio), rel=1e-9)
    np.testing.assert_allclose(
        chip.outputs(x), seen * full * np.abs(weights).max(), rtol=1e-9, atol=1e-12
    )


def test_unsigned_products_have_one_sided_ranges():
    network, x = (
        layer_of((12, 5), bias=False, lowest=0.0),
        np.random.default_rng(1).random((40, 12)),
    )
    hardware = sn.Hardware(device=DEVICE, columns="single", adc=sn.ADC(bits=4, range="max"))
    chip = network.on(hardware, calibrate=x)
    products = x @ network.nodes["layer0"].weights
    seen = np.rint(products / products.max() * 15) / 15 * products.max()
    np.testing.assert_allclose(chip.outputs(x), seen, rtol=1e-9)
    error = np.sqrt(np.mean((seen - products) ** 2))
    assert chip.readouts["layer0"].effective_bits == pytest.approx(
        np.log2(products.std() / error), rel=1e-9
    )


def test_each_slice_has_the_range_of_its_own_digits():
    network, x = layer_of((12, 5), bias=False), np.random.default_rng(1).normal(size=(40, 12))
    weights = network.nodes["layer0"].weights
    hardware = sn.Hardware(
        device=DEVICE, bits_per_cell=2, slices=2, adc=sn.ADC(bits=6, range="max")
    )
    chip = network.on(hardware, calibrate=x)
    whole = np.rint(np.abs(weights) / np.abs(weights).max() * 15)
    full = np.abs(x).max()
    parts = [x / full @ (np.sign(weights) * digits / 3) for digits in (whole // 4, whole % 4)]
    ranges = [np.abs(part).max() for part in parts]
    assert chip.readouts["layer0"].ranges == pytest.approx(ranges, rel=1e-9)
    seen = [np.rint(p / r * 31) / 31 * r for p, r in zip(parts, ranges, strict=True)]
    outputs = (12 * seen[0] + 3 * seen[1]) / 15 * full * np.abs(weights).max()
    np.testing.assert_allclose(chip.outputs(x), outputs, rtol=1e-9, atol=1e-12)


def test_full_scale_is_the_largest_magnitude_whatever_its_sign():
    network = layer_of((4, 3), bias=False)
    x = np.array([[0.5, -3.0, 1.0, 0.0], [1.0, 2.0, -0.5, 0.25]])
    assert network.on(sn.Hardware(device=DEVICE), calibrate=x).layers["layer0"].full == 3.0


def test_each_block_has_converters_of_its_own():
    network, x = layer_of((12, 6), bias=False), np.random.default_rng(1).normal(size=(8, 12))
    weights, full = network.nodes["layer0"].weights, np.abs(x).max()
    errors = {"offset_lsb": 20.0, "gain_error": 0.1, "inl_lsb": 60.0}
    adc = sn.ADC(bits=10, range="percentile", percentile=80, **errors)  # some products lie beyond
    hardware = sn.Hardware(device=DEVICE, tile=(6, 6), adc=adc)
    chip = network.on(hardware, calibrate=x, seed=3)
    layer, readout = chip.layers["layer0"], chip.readouts["layer0"]
    assert len(layer.blocks) == len(readout.errors) == 4
    outputs = np.zeros((8, 6))
    for number, block in enumerate(layer.blocks):
        products = x[:, block.rows] / full @ weights[block.rows, block.outputs]
        products /= np.abs(weights).max()
        step, own = readout.ranges[0] / 511, readout.errors[number]
        share = np.clip(products / step / 511, -1, 1)
        bow = 1.5 * np.sqrt(3) * own.bow * (share - share**3)
        codes = np.rint(products / step * own.gain + own.offset + bow)
        outputs[:, block.outputs] += np.clip(codes, -511, 511) * step * full * np.abs(weights).max()
    np.testing.assert_allclose(chip.outputs(x), outputs, rtol=1e-9, atol=1e-9)
    drawn = np.concatenate([readout.errors[k].offset for k in range(4)])
    assert len(np.unique(drawn)) == 12
    again = network.on(hardware, calibrate=x, seed=4).readouts["layer0"]
    assert not np.any(np.isin(np.concatenate([again.errors[k].offset for k in range(4)]), drawn))


def test_the_range_of_least_error_is_found_far_below_the_largest_value():
    values = np.append(np.random.default_rng(0).standard_normal(4000), 50.0)
    found = full_scale(values, sn.ADC(bits=3, range="least-error"), signed=True)

    def error(full):
        seen = np.clip(np.rint(values / full * 3), -3, 3) * full / 3
        return np.mean((seen - values) ** 2)

    fractions = np.arange(1, 51) / 50
    assert found == pytest.approx(min(50.0 * fractions, key=error))
    assert found < 5.0


def test_calibration_samples_are_taken_from_all_over_the_file():
    network = layer_of((3, 2), bias=False)
    x = np.ones((5000, 3))
    x[4000:] *= np.linspace(1, 7, 1000)[:, None]
    chip = network.on(sn.Hardware(device=DEVICE, adc=sn.ADC(bits=8)), calibrate=x)
    assert chip.layers["layer0"].full == 7.0
    assert "2000 of the 5000 calibration samples" in " ".join(chip.remarks)


# -- certificates -----------------------------------------------------------------------------


class Off(sn.NodalEngine):
    """Another engine, of which one entry of the first read is off, and which notes what it is
    asked."""

    def __init__(self, share=0.0):
        super().__init__()
        self.share, self.seen = share, []

    def read(self, array, row_volts, **lines):
        read = super().read(array, row_volts, **lines)
        self.seen.append((array, np.array(row_volts)))
        amps = np.array(read.column_amps)
        amps[1, 2] += self.share * np.abs(amps).max() / len(self.seen)
        residual = np.full(np.shape(read.residual_amps), 1e-13)
        residual.flat[-1] = 1e-9 / len(self.seen)
        return replace(read, column_amps=amps, residual_amps=residual)


def certified_chip(device=DEVICE, **more):
    network, x = layer_of((20, 12), bias=False), np.random.default_rng(1).normal(size=(50, 20))
    hardware = sn.Hardware(device=device, wires=WIRES, tile=(10, 8), **more)
    return network.on(hardware, calibrate=x), x


@pytest.mark.parametrize("device", [DEVICE, sn.devices.Yakopcic()], ids=["linear", "bent"])
def test_a_certificate_says_the_largest_difference_of_each_array_and_of_all(device):
    chip, _ = certified_chip(device)
    other = Off(3e-4)
    found = chip.certify(other, samples=3, tiles=2)
    errors = [tile.relative_error for tile in found.tiles]
    assert len(other.seen) == 2
    # The current that is off may be the largest itself, by which it is divided.
    assert errors == pytest.approx([3e-4, 1.5e-4], rel=1e-3)
    assert found.max_relative_error == errors[0]
    assert [tile.residual_amps for tile in found.tiles] == pytest.approx([1e-9, 0.5e-9])
    assert (found.ok, found.samples, found.tolerance) == (False, 3, 1e-6)
    assert chip.certify(Off(), samples=3, tiles=2).max_relative_error < 1e-9


def test_a_certificate_draws_arrays_and_inputs_by_its_seed():
    chip, x = certified_chip()
    layer, full = chip.layers["layer0"], np.abs(x).max()
    blocks = [block.array for block in layer.blocks]
    drawn = []
    for seed in range(8):
        other = Off()
        found = chip.certify(other, samples=3, tiles=2, seed=seed)
        arrays = [next(k for k, own in enumerate(blocks) if own is a) for a, _ in other.seen]
        assert arrays == [tile.block for tile in found.tiles]
        assert len(set(arrays)) == 2
        rows = []
        for number, (_, volts) in zip(arrays, other.seen, strict=True):
            part = x[:, layer.blocks[number].rows] / full * VOLTS
            place = [int(np.argmin(np.abs(part - v).max(axis=1))) for v in volts]
            np.testing.assert_allclose(part[place], volts, rtol=1e-12)
            rows += place
        drawn.append((tuple(arrays), tuple(rows)))
    assert len({arrays for arrays, _ in drawn}) > 3
    assert len({row for _, rows in drawn for row in rows}) > 20
    assert len(chip.certify(Off(), samples=2, tiles=99).tiles) == len(blocks)


def test_a_converter_bows_between_its_ends_and_reads_them_beyond():
    """2.6 x (1 − x²) is 1 at x = 1/√3, and 0 at the ends and in the middle."""
    adc, still = ADC(bits=8, inl_lsb=20.0), np.ones(1)
    errors = ADCErrors(offset=0.0 * still, gain=still, bow=20.0 * still)
    x = np.array([-4.0, -1.0, -(3**-0.5), 0.0, 3**-0.5, 1.0, 4.0])
    steps = adc.converted(0.3 * x[:, None], 0.3, True, errors)[:, 0] / 0.3 * 127
    assert steps == pytest.approx([-127, -127, -93, 0, 93, 127, 127], abs=1e-9)
    other = ADCErrors(offset=2.0 * still, gain=1.1 * still, bow=0.0 * still)
    found = adc.converted(np.array([[0.0], [0.15], [-0.15]]), 0.3, False, other)[:, 0]
    assert found / 0.3 * 255 == pytest.approx([2, 142, 0], abs=1e-9)
    noisy = ADC(bits=12, noise_lsb=3.0)
    read = noisy.converted(np.full((4000, 1), 0.5), 1.0, True, None, np.random.default_rng(0))
    assert read.std() * 2047 == pytest.approx(np.sqrt(9 + 1 / 12), rel=0.05)
    assert read.mean() == pytest.approx(0.5, abs=2e-4)
    drawn = noisy.drawn(3, np.random.default_rng(0))
    assert (drawn.gain.tolist(), drawn.offset.tolist(), drawn.bow.tolist()) == (
        [1] * 3,
        [0] * 3,
        [0] * 3,
    )
    many = ADC(offset_lsb=2.0, gain_error=0.1, inl_lsb=3.0).drawn(4000, np.random.default_rng(0))
    assert many.offset.std() == pytest.approx(2.0, rel=0.05)
    assert many.gain.std() == pytest.approx(0.1, rel=0.05)
    assert np.abs(many.bow).max() == pytest.approx(3.0, rel=0.01)
    assert np.abs(many.bow).mean() == pytest.approx(1.5, rel=0.05)


def test_errors_of_converters_are_no_copies_of_those_of_cells():
    flaws = sn.Imperfections(spread={"r_on": LogNormal(0.1)})
    hardware = sn.Hardware(
        device=DEVICE, columns="single", imperfections=flaws, adc=sn.ADC(bits=8, offset_lsb=1.0)
    )
    network = sn.Network.from_arrays([(np.ones((1, 40)), None)])
    chip = network.on(hardware, calibrate=np.ones((3, 1)), seed=6)
    cells = np.log(chip.layers["layer0"].blocks[0].array.device.r_on).ravel()
    offsets = np.concatenate([e.offset for e in chip.readouts["layer0"].errors.values()])
    assert cells.size == offsets.size == 40
    assert abs(np.corrcoef(cells, offsets)[0, 1]) < 0.6


@pytest.mark.parametrize(("columns", "wide"), [("differential", 4), ("offset", 7), ("single", 8)])
def test_a_tile_holds_as_many_outputs_as_its_lines_allow(columns, wide):
    network = layer_of((5, 17), bias=False, lowest=0.0)
    hardware = sn.Hardware(
        device=DEVICE, columns=columns, tile=(3, 8 + (columns == "differential"))
    )
    blocks = network.on(hardware).layers["layer0"].blocks
    lines = {"differential": 2, "offset": 1, "single": 1}[columns]
    for block in blocks:
        outputs = block.outputs.stop - block.outputs.start
        assert outputs <= wide
        assert block.array.cols == lines * outputs + (columns == "offset") <= 9
        assert block.array.rows <= 3
    assert {b.outputs.stop - b.outputs.start for b in blocks} == {wide, 17 % wide}
    assert len(blocks) == 2 * -(-17 // wide)


@pytest.mark.parametrize("level", [None, 1.0, 2.0])
def test_gated_cells_hold_their_weights_at_the_level_that_they_are_read_at(level):
    """The channel conducts more at a higher gate; left out, it is the level of the cells' use."""
    device, rows = sn.devices.OneTransistorOneResistor(), np.eye(3)
    network = layer_of((3, 2), bias=False, lowest=0.0)
    hardware = sn.Hardware(device=device, columns="single", gate_volts=level, read_volts=0.1)
    chip = network.on(hardware, calibrate=rows)
    layer = chip.layers["layer0"]
    (block,) = layer.blocks
    lines = hardware.gates(block.array)
    gate = 1.28 if level is None else level
    assert lines.shape == (block.array.gate_lines,)
    assert np.all(lines == gate)
    ends = sorted(
        float(device.current(0.1, np.asarray(b, float), gate)) / 0.1 for b in device.bounds()
    )
    window = hardware.used_window()
    assert (window.low, window.high) == pytest.approx(ends, rel=1e-9)
    assert layer.weights_error < 1e-9
    np.testing.assert_allclose(chip.outputs(rows), network.outputs(rows), rtol=1e-6)
    cells = Solved(hardware=hardware, scheme=Gated(on_volts=2.0)).made(
        network.nodes["layer0"].weights, np.random.default_rng(0), largest=1.0
    )
    np.testing.assert_allclose(cells.weights, network.nodes["layer0"].weights, rtol=1e-6)
