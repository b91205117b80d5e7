"""Networks on arrays: nothing lost on ideal ones, what wires and converters do held against sums
written out, costs against the circuit."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.noise import ReadNoise, TelegraphNoise
from spicesnn.crossbar.published import PublishedCells
from spicesnn.errors import InputError
from spicesnn.networks.activations import Activation
from spicesnn.networks.converters import full_scale
from spicesnn.networks.nodes import Convolution, Dense, Flatten, Pooling
from spicesnn.networks.populations import LIF, AdaptiveLIF

RNG = np.random.default_rng(11)
DEVICE = sn.devices.LinearDrift(r_on=1e4, r_off=1e6)
WIRES = sn.Wires(word_line_ohm=1.0, bit_line_ohm=2.0, driver_ohm=5.0, sense_ohm=3.0)


def dense() -> sn.Network:
    rng = np.random.default_rng(0)
    return sn.Network.from_arrays(
        [
            (rng.normal(size=(20, 13)), rng.normal(size=13)),
            (rng.normal(size=(13, 4)), rng.normal(size=4)),
        ]
    )


def convolutional() -> sn.Network:
    rng = np.random.default_rng(1)
    nodes = [
        (
            "c1",
            Convolution(
                rng.normal(size=(6, 2, 3, 3)),
                rng.normal(size=6),
                padding=((1, 1), (1, 0)),
                stride=(2, 1),
                groups=1,
            ),
        ),
        ("r1", Activation("relu")),
        ("p", Pooling("max", (2, 2), (2, 2), ((0, 0), (0, 0)))),
        ("c2", Convolution(rng.normal(size=(4, 3, 2, 2)), groups=2)),
        ("r2", Activation("tanh")),
        ("f", Flatten()),
        ("d", Dense(rng.normal(size=(8, 3)), rng.normal(size=3))),
    ]
    return sn.Network.chain(nodes, (2, 9, 8))


def spiking() -> sn.Network:
    rng = np.random.default_rng(2)
    nodes = {
        "in": Dense(rng.normal(size=(7, 9))),
        "lif": LIF(tau=0.01, v_threshold=0.3),
        "back": Dense(rng.normal(size=(9, 9)) / 3, rng.normal(size=9) / 9),
        "out": Dense(rng.normal(size=(9, 3))),
        "last": AdaptiveLIF(tau=0.02, v_threshold=0.2, theta_step=0.05),
    }
    edges = (
        ("input", "in"),
        ("in", "lif"),
        ("lif", "back"),
        ("back", "lif"),
        ("lif", "out"),
        ("out", "last"),
    )
    return sn.Network(nodes=nodes, edges=edges, input_shape=(7,), output="last", steps=30)


NETWORKS = {"dense": dense, "convolutional": convolutional, "spiking": spiking}


def inputs(network: sn.Network, n: int = 12, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, *network.input_shape))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("columns", ["differential", "offset"])
@pytest.mark.parametrize("convolution", ["sliding", "unrolled"])
def test_on_ideal_arrays_a_network_gives_its_own_numbers(
    name: str, columns: str, convolution: str
) -> None:
    network = NETWORKS[name]()
    x = inputs(network)
    chip = network.on(
        sn.Hardware(device=DEVICE, columns=columns, convolution=convolution, tile=(16, 10))
    )  # type: ignore[arg-type]
    np.testing.assert_allclose(chip.outputs(x), network.outputs(x), rtol=1e-9, atol=1e-9)
    again = network.on(
        sn.Hardware(device=DEVICE, columns=columns, bits_per_cell=4, slices=6), calibrate=x
    )  # type: ignore[arg-type]
    if name != "spiking":
        np.testing.assert_allclose(
            again.outputs(x), network.outputs(x), atol=1e-4 if columns == "differential" else 1e-3
        )


def test_wires_do_to_each_tile_what_a_dense_solve_says() -> None:
    network = sn.Network.from_arrays([(RNG.normal(size=(21, 9)), RNG.normal(size=9))])
    x = inputs(network)
    chip = network.on(sn.Hardware(device=DEVICE, wires=WIRES, tile=(8, 6)), calibrate=x)
    layer = chip.layers["layer0"]
    assert [block.array.shape for block in layer.blocks] == [(8, 6)] * 6 + [
        (layer.bias_rows + 21 - 16, 6)
    ] * 3
    u = np.concatenate([x / np.abs(x).max(), np.ones((len(x), layer.bias_rows))], axis=1)
    wanted = np.zeros((len(x), 9))
    for block in layer.blocks:
        amps = u[:, block.rows] * 0.2 @ brute_force(block.array.cell_conductance(), WIRES)
        wanted[:, block.outputs] += (
            (amps[:, 0::2] - amps[:, 1::2])
            / (0.2 * (1e-4 - 1e-6))
            * layer.largest
            * np.abs(x).max()
        )
    np.testing.assert_allclose(chip.outputs(x), wanted, rtol=1e-8, atol=1e-9)
    assert np.abs(wanted - network.outputs(x)).max() > 1e-3


def brute_force(siemens: np.ndarray, wires: sn.Wires) -> np.ndarray:
    """Effective conductance by node voltages of a dense matrix: word lines driven at column 0, bit
    lines sensed at the last row."""
    m, n = siemens.shape
    matrix, drive = np.zeros((2 * m * n, 2 * m * n)), np.zeros((2 * m * n, m))
    w, b = lambda i, j: i * n + j, lambda i, j: m * n + i * n + j

    def joined(p: int, q: int, g: float) -> None:
        matrix[p, p] += g
        matrix[q, q] += g
        matrix[p, q] -= g
        matrix[q, p] -= g

    first, last = (
        1 / (float(wires.driver_ohm) + float(wires.word_line_ohm)),
        1 / (float(wires.sense_ohm) + float(wires.bit_line_ohm)),
    )
    for i in range(m):
        for j in range(n):
            joined(w(i, j), b(i, j), siemens[i, j])
            if j:
                joined(w(i, j), w(i, j - 1), 1 / float(wires.word_line_ohm))
            if i:
                joined(b(i, j), b(i - 1, j), 1 / float(wires.bit_line_ohm))
        matrix[w(i, 0), w(i, 0)] += first
        drive[w(i, 0), i] = first
    for j in range(n):
        matrix[b(m - 1, j), b(m - 1, j)] += last
    volts = np.linalg.solve(matrix, drive)
    return np.array([last * volts[b(m - 1, j)] for j in range(n)]).T


def test_a_certificate_compares_tiles_with_ngspice(ngspice_engine: sn.NgspiceEngine) -> None:
    network = dense()
    x = inputs(network)
    chip = network.on(
        sn.Hardware(
            device=DEVICE, wires=WIRES, tile=(12, 8), adc=sn.ADC(bits=6), dac=sn.DAC(bits=5)
        ),
        calibrate=x,
    )
    said = chip.certify(ngspice_engine, samples=2, tiles=3)
    assert said.ok
    assert said.max_relative_error < 1e-9
    assert len(said.tiles) == 3
    layer = chip.layers["layer0"]
    wrong = layer.blocks[0].effective
    assert wrong is not None
    wrong *= 1.001
    assert not chip.certify(ngspice_engine, samples=2, tiles=99).ok


@pytest.fixture(scope="module")
def ngspice_engine():
    with sn.NgspiceEngine() as engine:
        yield engine


def test_cells_that_are_not_linear_are_read_at_full_volts_bit_by_bit() -> None:
    network = sn.Network.from_arrays([(RNG.normal(size=(6, 3)), RNG.normal(size=3))])
    x = np.rint(np.random.default_rng(3).uniform(-1, 1, (9, 6)) * 15) / 15
    x[0, 0] = 1.0
    hardware = sn.Hardware(
        device=sn.devices.Yakopcic(), dac=sn.DAC(bits=5, coding="bit-serial"), read_volts=0.1
    )
    np.testing.assert_allclose(
        network.on(hardware, calibrate=x).outputs(x), network.outputs(x), atol=2e-2
    )
    wired = network.on(
        hardware.with_changes(wires=sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0)), calibrate=x
    )
    again = network.on(
        hardware.with_changes(wires=sn.Wires(word_line_ohm=1e-9, bit_line_ohm=1e-9)), calibrate=x
    )
    np.testing.assert_allclose(
        again.outputs(x), network.on(hardware, calibrate=x).outputs(x), rtol=1e-5, atol=1e-6
    )
    assert np.abs(wired.outputs(x) - again.outputs(x)).max() > 1e-6


@pytest.mark.parametrize("columns", ["differential", "offset"])
def test_slices_hold_the_bits_of_a_weight(columns: str) -> None:
    weights = RNG.uniform(-1, 1, (30, 8))
    network = sn.Network.from_arrays([(weights, None)])
    for bits, slices in ((2, 1), (2, 3), (3, 2), (4, 4)):
        hardware = sn.Hardware(device=DEVICE, columns=columns, bits_per_cell=bits, slices=slices)  # type: ignore[arg-type]
        held = network.on(hardware).outputs(np.eye(30))
        steps = (2**bits if columns == "differential" else 2 ** (bits - 1)) ** slices - 1
        wanted = np.rint(weights / np.abs(weights).max() * steps) / steps * np.abs(weights).max()
        np.testing.assert_allclose(held, wanted, atol=1e-9)


def test_converters_round_to_their_levels() -> None:
    dac, adc = sn.DAC(bits=3), sn.ADC(bits=4)
    values = np.linspace(-1.2, 1.2, 49)[:, None]
    assert np.array_equal(dac.codes(values, 1.0, signed=True), np.clip(np.rint(values * 3), -3, 3))
    assert np.array_equal(dac.codes(values, 1.0, signed=False), np.clip(np.rint(values * 7), 0, 7))
    np.testing.assert_allclose(
        adc.converted(values, 1.0, signed=True), np.clip(np.rint(values * 7), -7, 7) / 7
    )
    np.testing.assert_allclose(
        adc.converted(values, 2.0, signed=False), np.clip(np.rint(values / 2 * 15), 0, 15) * 2 / 15
    )


def test_bits_sent_one_after_the_other_add_up_to_the_amplitude() -> None:
    network, x = dense(), inputs(dense())
    one = network.on(sn.Hardware(device=DEVICE, wires=WIRES, dac=sn.DAC(bits=6)), calibrate=x)
    serial = network.on(
        sn.Hardware(device=DEVICE, wires=WIRES, dac=sn.DAC(bits=6, coding="bit-serial")),
        calibrate=x,
    )
    np.testing.assert_allclose(serial.outputs(x), one.outputs(x), rtol=1e-9, atol=1e-9)
    assert np.abs(one.outputs(x) - network.outputs(x)).max() > 1e-3


def test_more_bits_come_closer_and_the_report_says_how_many_are_left() -> None:
    network, x = dense(), inputs(dense(), 200)
    errors, left = [], []
    for bits in (4, 6, 8, 10):
        chip = network.on(sn.Hardware(device=DEVICE, adc=sn.ADC(bits=bits)), calibrate=x)
        errors.append(float(np.abs(chip.outputs(x) - network.outputs(x)).max()))
        left.append(chip.readouts["layer0"].effective_bits)
    assert errors[0] > 4 * errors[1] > 16 * errors[3]
    assert np.all(np.diff(left) > 1.5)


def test_the_range_of_least_error_is_the_best_of_all() -> None:
    values = np.random.default_rng(1).standard_normal((4000, 1))
    adc = sn.ADC(bits=3)
    best = full_scale(values, adc, signed=True)

    def error(full: float) -> float:
        return float(np.mean((adc.converted(values, full, signed=True) - values) ** 2))

    assert (
        error(best)
        <= min(error(f * np.abs(values).max()) for f in np.linspace(0.05, 1, 400)) * 1.02
    )
    assert full_scale(values, sn.ADC(bits=3, range="max"), signed=True) == np.abs(values).max()
    assert full_scale(
        values, sn.ADC(bits=3, range="percentile", percentile=90), signed=True
    ) == pytest.approx(np.percentile(np.abs(values), 90))


def test_errors_of_converters_have_the_size_that_is_stated() -> None:
    adc = sn.ADC(bits=10, offset_lsb=2.0, gain_error=0.03, noise_lsb=0.0)
    errors = adc.drawn(4000, np.random.default_rng(0))
    zero = adc.converted(np.zeros((1, 4000)), 511.0, True, errors)[0]
    half = adc.converted(np.full((1, 4000), 256.0), 511.0, True, errors)[0]
    assert zero.std() == pytest.approx(2.0, rel=0.05)
    assert ((half - zero) / 256).std() == pytest.approx(0.03, rel=0.05)
    bowed = sn.ADC(bits=12, inl_lsb=8.0)
    line = np.linspace(-1, 1, 2001)[:, None] * 2047
    single = bowed.drawn(1, np.random.default_rng(1))
    worst = np.abs(bowed.converted(line, 2047.0, True, single) - line).max()
    assert worst == pytest.approx(abs(single.bow[0]), abs=1.0)
    noisy = sn.ADC(bits=12, noise_lsb=3.0).converted(
        np.zeros((5000, 1)), 2047.0, True, None, np.random.default_rng(2)
    )
    assert noisy.std() == pytest.approx(3.0, rel=0.05)


def test_read_noise_has_its_spread_and_no_mean_with_and_without_wires() -> None:
    weights = np.ones((40, 1))
    network = sn.Network.from_arrays([(weights, None)])
    x = np.ones((1200, 40))
    for wires in (sn.Wires.ideal(), sn.Wires(word_line_ohm=1e-6, bit_line_ohm=1e-6)):
        noise = sn.Imperfections(read_noise=ReadNoise(relative=0.05))
        hardware = sn.Hardware(
            device=DEVICE, wires=wires, window=(2e-6, 5e-5), reads_alike=1, imperfections=noise
        )
        got = network.on(hardware).outputs(x)[:, 0]
        spread = 0.05 * np.sqrt(40 * (5e-5**2 + 2e-6**2)) / (5e-5 - 2e-6)
        assert got.mean() == pytest.approx(40, abs=5 * spread / np.sqrt(1200))
        assert got.std() == pytest.approx(spread, rel=0.1)


def test_chips_of_one_seed_are_alike_and_of_two_differ() -> None:
    network, x = dense(), inputs(dense())
    hardware = sn.Hardware(
        device=DEVICE,
        imperfections=sn.Imperfections(
            stuck_off=0.1,
            read_noise=ReadNoise(relative=0.02),
            telegraph=TelegraphNoise(amplitude=0.1),
        ),
        adc=sn.ADC(bits=8, noise_lsb=0.5, offset_lsb=1.0),
    )
    first, second, other = (
        network.on(hardware, calibrate=x, seed=seed).outputs(x) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_the_energy_of_the_arrays_is_that_of_the_solved_circuit() -> None:
    network = sn.Network.from_arrays([(RNG.normal(size=(11, 5)), None)])
    x = inputs(network, 7)
    for wires in (WIRES, sn.Wires.ideal()):
        chip = network.on(
            sn.Hardware(device=DEVICE, wires=wires, tile=(6, 6), read_s=2e-7), calibrate=x
        )
        total = 0.0
        for block in chip.layers["layer0"].blocks:
            siemens = block.array.cell_conductance()
            for sample in x / np.abs(x).max() * 0.2:
                read = sn.NodalEngine().read(block.array, sample[block.rows])
                total += float(np.sum(np.asarray(read.cell_volts) ** 2 * siemens))
                if wires is WIRES:
                    rows, cols = read.word_line_volts, read.bit_line_volts
                    total += (
                        float(np.sum(np.diff(rows, axis=1) ** 2)) / 1.0
                        + float(np.sum(np.diff(cols, axis=0) ** 2)) / 2.0
                    )
                    total += (
                        float(np.sum(read.row_amps**2)) * 6.0
                        + float(np.sum(read.column_amps**2)) * 5.0
                    )
        cost = chip.cost()
        assert cost.by_component()["arrays"]["energy_joule"] == pytest.approx(
            total / len(x) * 2e-7, rel=1e-9
        )


def test_costs_add_up_and_follow_the_table() -> None:
    network, x = convolutional(), inputs(convolutional())
    hardware = sn.Hardware(device=DEVICE, adc=sn.ADC(bits=8), dac=sn.DAC(bits=4), tile=(16, 8))
    cost = network.on(hardware, calibrate=x).cost()
    assert cost.energy_joule == pytest.approx(sum(row.energy_joule for row in cost.rows), rel=1e-12)
    assert cost.area_m2 == pytest.approx(
        sum(part["area_m2"] for part in cost.by_component().values()), rel=1e-12
    )
    assert cost.latency_s == pytest.approx(sum(cost.layer_latency_s.values()))
    assert cost.operations == 2 * (5 * 7 * 6 * 2 * 9 + 1 * 2 * 4 * 3 * 4 + 8 * 3)
    conversions = 5 * 7 * 6 * 2 + 1 * 2 * 4 + 3
    assert cost.by_component()["ADC"]["energy_joule"] == pytest.approx(conversions * 1.67e-12)
    dearer = network.on(
        hardware.with_changes(periphery=sn.Periphery(adc_joule=3.34e-12)), calibrate=x
    ).cost()
    assert dearer.by_component()["ADC"]["energy_joule"] == pytest.approx(2 * conversions * 1.67e-12)
    assert dearer.by_component()["DAC"] == cost.by_component()["DAC"]


BAD = {
    "bits of zero": (lambda: sn.ADC(bits=0), "bits is 0"),
    "bits that are no number": (lambda: sn.DAC(bits=2.5), "whole number"),  # type: ignore[arg-type]
    "a negative error": (lambda: sn.ADC(noise_lsb=-1), "noise_lsb"),
    "an error that is no number": (lambda: sn.ADC(gain_error=np.nan), "gain_error"),
    "a range of another kind": (lambda: sn.ADC(range="best"), "least-error"),
    "a window of no width": (lambda: sn.Hardware(device=DEVICE, window=(1e-5, 1e-5)), "low < high"),
    "a window beyond the device": (
        lambda: sn.Hardware(device=DEVICE, window=(1e-9, 1e-5)),
        "reaches",
    ),
    "slices without bits": (lambda: sn.Hardware(slices=2), "bits_per_cell"),
    "columns of another kind": (lambda: sn.Hardware(columns="pairs"), "differential"),  # type: ignore[arg-type]
    "a tile of one line": (lambda: sn.Hardware(tile=(1, 8)), "tile"),
    "a device without memory": (
        lambda: sn.Hardware(device=sn.devices.Resistor(resistance=1e4)),
        "memory",
    ),
    "volts that are none": (lambda: sn.Hardware(read_volts=np.nan), "read_volts"),
    "volts as words": (lambda: sn.Hardware(read_volts="0.2 V"), "read_volts"),  # type: ignore[arg-type]
    "a gate as words": (lambda: sn.Hardware(gate_volts="high"), "gate_volts"),  # type: ignore[arg-type]
    "a window as words": (lambda: sn.Hardware(window="1u to 5u"), "window"),  # type: ignore[arg-type]
    "a window of one end": (lambda: sn.Hardware(window=(1e-5,)), "window"),  # type: ignore[arg-type]
    "an engine that is none": (
        lambda: dense().on(sn.Hardware(device=DEVICE), engine="spectre"),
        "engine is 'spectre'",
    ),
    "an engine that would not run": (
        lambda: dense().on(sn.Hardware(device=DEVICE), engine="ngspice"),
        "as long as the chip answers",
    ),
    "labels of another network": (
        lambda: replace(dense(), classes=tuple("abcdefg")[: dense().outputs_count]).accuracy(
            np.ones((2, 20)), ["A", "B"]
        ),
        "none of its labels is a class of the network: 'a', 'b'",
    ),
    "numbers for labels": (
        lambda: replace(dense(), classes=tuple("abcdefg")[: dense().outputs_count]).accuracy(
            np.ones((2, 20)), [0, 1]
        ),
        "y has the label 0, and none",
    ),
    "a negative cost": (lambda: sn.Periphery(adc_joule=-1.0), "adc_joule"),
    "negative weights on single columns": (
        lambda: dense().on(sn.Hardware(device=DEVICE, columns="single")),
        "single columns",
    ),
    "converters without samples": (
        lambda: dense().on(sn.Hardware(device=DEVICE, adc=sn.ADC())),
        "calibrate",
    ),
    "calibration of another shape": (
        lambda: dense().on(sn.Hardware(device=DEVICE, adc=sn.ADC()), calibrate=np.ones((3, 7))),
        "shape",
    ),
    "calibration with NaN": (
        lambda: dense().on(
            sn.Hardware(device=DEVICE, adc=sn.ADC()), calibrate=np.full((3, 20), np.nan)
        ),
        "finite",
    ),
    "hardware that is none": (lambda: dense().on("chip"), "Hardware"),  # type: ignore[arg-type]
    "costs without samples": (lambda: dense().on(sn.Hardware(device=DEVICE)).cost(), "calibrate"),
    "labels of another length": (
        lambda: dense().accuracy(np.ones((3, 20)), [0, 1]),
        "one label a sample",
    ),
    "labels beyond the outputs": (lambda: dense().accuracy(np.ones((2, 20)), [0, 9]), "label 9"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(name: str) -> None:
    made, word = BAD[name]
    with pytest.raises(InputError, match=word) as caught:
        made()
    assert "\n" not in str(caught.value)


def test_an_engine_may_be_named_and_silent_calibration_is_told() -> None:
    hardware = sn.Hardware(device=DEVICE, adc=8)
    x = np.random.default_rng(0).random((4, 20))
    named = dense().on(hardware, calibrate=x, engine="nodal")
    np.testing.assert_array_equal(named.outputs(x), dense().on(hardware, calibrate=x).outputs(x))
    assert not named.remarks
    silent = dense().on(hardware, calibrate=np.zeros((4, 20)))
    assert "hears nothing but 0 in the calibration samples" in silent.remarks[0]
    unknown = replace(dense(), classes=tuple("abcdefg")[: dense().outputs_count])
    right = unknown.predict(x)
    right[0] = "z"  # a class that was not there in training is answered wrongly
    assert unknown.accuracy(x, right) == 0.75


def test_unsigned_weights_stand_on_single_columns() -> None:
    network = sn.Network.from_arrays([(RNG.uniform(0, 1, (12, 5)), None)])
    x = np.abs(inputs(network))
    chip = network.on(sn.Hardware(device=DEVICE, columns="single", tile=(8, 3)), calibrate=x)
    np.testing.assert_allclose(chip.outputs(x), network.outputs(x), rtol=1e-9)


def test_the_picture_of_costs_has_the_table_s_numbers() -> None:
    network, x = dense(), inputs(dense())
    cost = network.on(sn.Hardware(device=DEVICE, adc=sn.ADC(bits=8)), calibrate=x).cost()
    energy, area = cost.plot().axes
    units = {"µJ": 1e6, "nJ": 1e9, "pJ": 1e12, "fJ": 1e15, "mm²": 1e6, "µm²": 1e12}
    for axes, key in ((energy, "energy_joule"), (area, "area_m2")):
        (unit,) = re.findall(r"\((\S+?)(?: per inference)?\)", axes.get_xlabel())
        drawn = sum(bar.get_width() for bar in axes.patches)
        assert drawn == pytest.approx(units[unit] * sum(row[key] for row in cost.table()))


def test_cells_that_are_not_linear_carry_their_factors_in_a_mapped_network():
    """A published programming error is a factor on a cell's current; on ideal wires it must not be
    lost."""
    rng = np.random.default_rng(0)
    network = sn.Network.from_arrays([rng.normal(size=(12, 3))])
    x = rng.uniform(0, 1, (20, 12))
    device = sn.devices.Yakopcic()
    outputs = {}
    halved = PublishedCells(
        name="half",
        reference="",
        lowest_siemens=0.0,
        highest_siemens=1.0,
        programming=np.zeros_like,
        drift=lambda g: (np.ones_like(g), np.zeros_like(g)),
        t0_s=1.0,
    )
    for name, flaws in (
        ("plain", sn.Imperfections()),
        ("half", sn.Imperfections(published=halved, rest_s=2.0)),
    ):
        outputs[name] = network.on(
            sn.Hardware(device=device, imperfections=flaws), calibrate=x
        ).outputs(x)
    np.testing.assert_allclose(outputs["half"], 0.5 * outputs["plain"], rtol=1e-9)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_published_read_noise_is_in_the_reads_of_a_mapped_network(noise):
    """On ideal wires too, alone and beside other read noise: two independent factors a cell have
    the variance a² + b² + a²·b² (10,000 reads, each with its own draw)."""
    network = sn.Network.from_arrays([np.random.default_rng(0).normal(size=(12, 3))])
    x = np.tile(np.random.default_rng(1).uniform(0, 1, 12), (10_000, 1))
    scattering = PublishedCells(
        name="scattering",
        reference="",
        lowest_siemens=0.0,
        highest_siemens=1.0,
        programming=np.zeros_like,
        read=lambda g, _: np.full_like(g, 0.2),
    )

    def spread(flaws):
        hardware = sn.Hardware(device=DEVICE, imperfections=flaws, reads_alike=1)
        return network.on(hardware, calibrate=x[:1]).outputs(x).std(axis=0)

    found = spread(sn.Imperfections(published=scattering, read_noise=noise or None))
    alone = spread(sn.Imperfections(read_noise=0.2))
    wanted = np.sqrt(1 + (noise / 0.2) ** 2 + noise**2)
    np.testing.assert_allclose(found / alone, wanted, rtol=0.04)
