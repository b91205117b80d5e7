"""Every number of a cost table counted by hand: lines, cells, reads, conversions, bytes, with unit
costs that differ in every place."""

from __future__ import annotations

import math

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.networks.activations import Activation
from spicesnn.networks.nodes import Convolution, Dense, Flatten
from spicesnn.networks.populations import LIF

DEVICE = sn.devices.LinearDrift(r_on=1e4, r_off=1e6)
TABLE = sn.Periphery(
    dac_joule=2e-12,
    dac_area_m2=3e-12,
    adc_joule=5e-12,
    adc_area_m2=7e-12,
    adc_s=11e-9,
    columns_per_adc=2,
    hold_joule=13e-12,
    hold_area_m2=17e-12,
    add_joule=19e-12,
    add_area_m2=23e-12,
    neuron_joule=29e-12,
    neuron_area_m2=31e-12,
    buffer_joule=37e-12,
    buffer_area_m2=41e-12,
    route_joule=43e-12,
    route_area_m2=47e-12,
    cell_area_m2=53e-14,
)
READ_S = 80e-9


def parts(length, most):
    """Lengths of the pieces that a line of cells is cut into."""
    return [min(most, length - k) for k in range(0, length, most)]


def counted(rows, outputs, hardware, *, slices=1, groups=1):
    """Word lines, bit lines, cells, conversions and converters of a layer of pairs, tile by
    tile."""
    high, wide = hardware.tile[0], hardware.tile[1] // 2
    found = dict.fromkeys(("rows", "columns", "cells", "conversions", "converters", "tiles"), 0)
    for tall in parts(rows, high):
        for broad in parts(outputs, wide):
            each = {
                "rows": tall,
                "columns": 2 * broad,
                "cells": tall * 2 * broad,
                "conversions": broad,
                "converters": math.ceil(broad / 2),
                "tiles": 1,
            }
            for name, value in each.items():
                found[name] += value * slices * groups
    return found


def table_of(cost):
    return {(row.layer, row.component): (row.energy_joule, row.area_m2) for row in cost.rows}


def expected(count, *, reads, dac_bits, adc_bits, bytes_each, size_in, neurons, places=1, steps=1):
    """Energies and areas of everything around the arrays of one layer."""
    sent = count["conversions"] * places * bytes_each * steps
    factor = 2.0 ** (adc_bits - 8)
    return {
        "DAC": (count["rows"] * reads * dac_bits * 2e-12, count["rows"] * dac_bits * 3e-12),
        "sample and hold": (count["columns"] * reads * 13e-12, count["columns"] * 17e-12),
        "ADC": (
            count["conversions"] * reads * factor * 5e-12,
            count["converters"] * factor * 7e-12,
        ),
        "shift and add": (count["conversions"] * reads * 19e-12, count["converters"] * 23e-12),
        "neurons": (neurons * steps * 29e-12, neurons * 31e-12),
        "buffers": (size_in * bytes_each * steps * 37e-12, size_in * bytes_each * 41e-12),
        "routing": (sent * 43e-12, count["tiles"] * 47e-12),
    }


def check(cost, layer, count, **more):
    rows = table_of(cost)
    for component, values in expected(count, **more).items():
        assert rows[layer, component] == pytest.approx(values, rel=1e-12), component
    assert rows[layer, "arrays"][1] == pytest.approx(count["cells"] * 53e-14, rel=1e-12)


@pytest.mark.parametrize("coding", ["amplitude", "bit-serial"])
@pytest.mark.parametrize("slices", [1, 2])
def test_two_dense_layers(coding, slices):
    rng = np.random.default_rng(0)
    network = sn.Network.from_arrays(
        [(rng.normal(size=(21, 13)), None), (rng.normal(size=(13, 3)), None)]
    )
    x = rng.normal(size=(30, 21))
    hardware = sn.Hardware(
        device=DEVICE,
        tile=(8, 10),
        bits_per_cell=3,
        slices=slices,
        dac=sn.DAC(bits=10, coding=coding),
        adc=sn.ADC(bits=6),
        periphery=TABLE,
        read_s=READ_S,
    )
    cost = network.on(hardware, calibrate=x).cost()
    # Inputs of both signs have 9 bits beside the sign; a rectifier's outputs have all 10.
    reads = (1, 1) if coding == "amplitude" else (9, 10)
    bits = 10 if coding == "amplitude" else 1
    wide = counted(21, 13, hardware, slices=slices)
    assert (wide["rows"], wide["tiles"]) == (21 * 3 * slices, 9 * slices)
    common = {"dac_bits": bits, "adc_bits": 6, "bytes_each": 2}
    check(cost, "layer0", wide, reads=reads[0], size_in=21, neurons=13, **common)
    narrow = counted(13, 3, hardware, slices=slices)
    check(cost, "layer1", narrow, reads=reads[1], size_in=13, neurons=0, **common)
    # Five outputs a tile on three converters, two in turn; of three on two, two in turn as well.
    times = [n * (READ_S + 2 * 11e-9) for n in reads]
    assert list(cost.layer_latency_s.values()) == pytest.approx(times, rel=1e-12)
    assert cost.latency_s == pytest.approx(sum(times), rel=1e-12)
    assert cost.operations == 2 * (21 * 13 + 13 * 3)
    assert cost.tops_per_watt == pytest.approx(cost.operations / cost.energy_joule / 1e12)


def test_the_outputs_of_a_tile_share_their_converters_in_turn():
    network = sn.Network.from_arrays([(np.ones((4, 9)), None)])
    for shared, turns in ((1, 1), (4, 3), (5, 5), (9, 9), (20, 9)):
        # Nine outputs on 9, 3, 2, 1, 1 converters
        table = sn.Periphery(columns_per_adc=shared, adc_s=1e-9)
        hardware = sn.Hardware(device=DEVICE, adc=sn.ADC(bits=8), periphery=table, read_s=READ_S)
        cost = network.on(hardware, calibrate=np.ones((3, 4))).cost()
        assert cost.latency_s == pytest.approx(READ_S + turns * 1e-9, rel=1e-12)


@pytest.mark.parametrize(
    ("weights", "slices", "results"),
    [
        ((8, 5), 1, 5),  # one array: what goes to the next layer
        ((21, 5), 1, 3 * 5),  # three arrays in a column
        ((21, 13), 1, 3 * 13),  # three by three
        ((21, 13), 4, 4 * 3 * 13),
    ],
)
def test_every_array_sends_its_results_to_where_they_are_added(weights, slices, results):
    network = sn.Network.from_arrays([(np.ones(weights), None)])
    hardware = sn.Hardware(
        device=DEVICE,
        tile=(8, 10),
        bits_per_cell=2,
        slices=slices,
        dac=sn.DAC(bits=8, coding="bit-serial"),
        adc=sn.ADC(bits=8),
        periphery=TABLE,
    )
    cost = network.on(hardware, calibrate=np.ones((3, weights[0]))).cost()
    assert table_of(cost)["layer0", "routing"][0] == pytest.approx(results * 43e-12, rel=1e-12)


def test_without_converters_nothing_is_converted():
    network = sn.Network.from_arrays([(np.ones((4, 9)), None)])
    hardware = sn.Hardware(device=DEVICE, periphery=TABLE, read_s=READ_S)
    cost = network.on(hardware).cost(np.ones((3, 4)))
    rows = table_of(cost)
    assert rows["layer0", "ADC"] == rows["layer0", "shift and add"] == (0.0, 0.0)
    assert rows["layer0", "DAC"] == (0.0, 0.0)
    assert rows["layer0", "buffers"][0] == pytest.approx(4 * 37e-12)  # 8 bits where none are said
    assert cost.latency_s == READ_S


@pytest.mark.parametrize("convolution", ["sliding", "unrolled"])
def test_a_convolution_is_read_at_every_position_or_stands_there_at_once(convolution):
    rng = np.random.default_rng(0)
    network = sn.Network.chain(
        [
            ("c", Convolution(rng.normal(size=(4, 2, 3, 3)), groups=2)),
            ("r", Activation("relu")),
            ("f", Flatten()),
            ("d", Dense(rng.normal(size=(4 * 5 * 3, 2)))),
        ],
        (4, 7, 5),
    )
    x = rng.normal(size=(10, 4, 7, 5))
    hardware = sn.Hardware(
        device=DEVICE,
        tile=(16, 8),
        convolution=convolution,
        dac=sn.DAC(bits=4),
        adc=sn.ADC(bits=9),
        periphery=TABLE,
        read_s=READ_S,
    )
    cost = network.on(hardware, calibrate=x).cost()
    positions = 15 if convolution == "sliding" else 1
    count = (
        counted(18, 2, hardware, groups=2)
        if convolution == "sliding"
        else counted(4 * 7 * 5, 4 * 5 * 3, hardware)
    )
    common = {"dac_bits": 4, "adc_bits": 9, "bytes_each": 1}
    check(cost, "c", count, reads=positions, size_in=140, neurons=60, places=positions, **common)
    check(
        cost,
        "d",
        counted(60, 2, hardware),
        reads=1,
        size_in=60,
        neurons=0,
        **common,
    )
    # Two outputs of a group, or four of a tile, two to a converter
    assert cost.layer_latency_s["c"] == pytest.approx(positions * (READ_S + 2 * 11e-9))
    assert cost.operations == 2 * (15 * 4 * 18 + 60 * 2)


def test_a_network_in_time_is_read_in_every_step():
    rng = np.random.default_rng(0)
    nodes = [("w", Dense(rng.normal(size=(6, 4)))), ("n", LIF()), ("o", Dense(np.eye(4)))]
    network = sn.Network.chain(nodes, (6,), steps=9)
    x = rng.random((5, 7, 6))
    hardware = sn.Hardware(
        device=DEVICE, dac=sn.DAC(bits=3), adc=sn.ADC(bits=8), periphery=TABLE, read_s=READ_S
    )
    chip = network.on(hardware, calibrate=x)
    for given, steps in ((x, 7), (None, 9), (x[:, 0], 9)):
        cost = chip.cost(given)
        check(
            cost,
            "w",
            counted(6, 4, hardware),
            reads=steps,
            dac_bits=3,
            adc_bits=8,
            bytes_each=1,
            size_in=6,
            neurons=4,
            steps=steps,
        )
        assert cost.layer_latency_s["w"] == pytest.approx(steps * (READ_S + 2 * 11e-9))
        assert cost.operations == 2 * steps * (24 + 16)


def test_each_group_of_channels_is_driven_with_its_own_inputs():
    """One group sees zeros: what its cells conduct costs nothing."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(4, 2, 1, 1))
    network = sn.Network.chain([("c", Convolution(kernel, groups=2)), ("f", Flatten())], (4, 3, 3))
    x = rng.normal(size=(6, 4, 3, 3))
    x[:, :2] = 0.0
    chip = network.on(sn.Hardware(device=DEVICE, read_s=READ_S), calibrate=x)
    (block,) = [b for b in chip.layers["c"].blocks if b.group == 1]
    volts = 0.2 * x[:, 2:].transpose(0, 2, 3, 1).reshape(-1, 2) / np.abs(x).max()
    siemens = np.asarray(DEVICE.conductance(0.0, block.array.state)).sum(axis=1)
    joule = np.sum(volts**2 @ siemens) / 6 * READ_S
    assert table_of(chip.cost())["c", "arrays"][0] == pytest.approx(joule, rel=1e-9)
