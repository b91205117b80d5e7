"""What a person sees who types the name of a thing: one short line with its size and its numbers."""

import numpy as np
import pytest

import spicesnn as sn

CELLS = sn.Crossbar(
    np.linspace(1e-5, 1e-4, 64 * 50).reshape(64, 50), wires=sn.Wires(2.0, np.ones(50))
)
NETWORK = sn.Network.from_arrays([np.ones((4, 3)), np.ones((3, 2))])
CHIP = NETWORK.on(sn.Hardware(tile=2, adc=8), calibrate=np.ones((3, 4)))


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (
            lambda: CELLS,
            "<Crossbar 64×50: linear conductances, 10 µS to 100 µS, Wires(word_line_ohm=2.0,"
            " bit_line_ohm=[50 lines, 1 Ω])>",
        ),
        (
            lambda: sn.Crossbar(device="1t1r", shape=(3, 2), stuck=np.eye(3, 2, dtype=bool)),
            "<Crossbar 3×2: 1t1r cells, 9.658 µS, 2 stuck, ideal wires>",
        ),
        (
            lambda: sn.Crossbar([[1e-4], [2e-4]]).read([[1.0, 0.0], [0.0, 0.5]]),
            "<Read of 2 inputs: 1 column currents, 100 µA; Kirchhoff residual 0 A>",
        ),
        (
            lambda: sn.Crossbar([[1e-4]]).pulse(sn.Pulse(row_volts=1.0, width_s=2e-9)),
            "<PulseResult: 200 fJ delivered in 2 ns; <Crossbar 1×1: linear conductances, 100 µS,"
            " ideal wires>>",
        ),
        (
            lambda: sn.Crossbar([[1e-4]]).pulse(sn.Pulse(row_volts=1.0, width_s=2e-9)).waveforms,
            " points over 2 ns, 1 word lines, 1 bit lines>",
        ),
        (
            lambda: sn.iv(sn.devices.Resistor(resistance=500.0)),
            "-1 V to 1 V, -2 mA to 2 mA>",
        ),
        (
            lambda: sn.monte_carlo(CELLS, np.ones(64), sn.Imperfections(), draws=3),
            "<Draws: 3 arrays 64×50, currents ",
        ),
        (lambda: NETWORK, "<Network of 18 weights: dense 4 → 3, activation 3 → 3, dense 3 → 2>"),
        (
            lambda: CHIP,
            "<Chip: 2 layers on 10 arrays of at most 2×2 vteam cells, differential columns;"
            " <Network of 18 weights: dense 4 → 3, activation 3 → 3, dense 3 → 2>>",
        ),
        (lambda: CHIP.cost(), "<Cost of an inference: "),
        (lambda: CHIP.hardware, "Hardware(device='vteam', tile=(2, 2), adc=ADC(bits=8, "),
        (lambda: sn.Hardware(), "Hardware(device='vteam')"),
        (lambda: sn.Wires(1, 0, sense_side="top"), "ohm=1.0, bit_line_ohm=0.0, sense_side='top')"),
    ],
)
def test_a_thing_is_one_line(made, wanted):
    line = repr(made())
    assert wanted in line
    assert "\n" not in line
    assert len(line) < 260


def test_a_long_network_shows_its_ends():
    long = repr(sn.Network.from_arrays([np.ones((3, 3))] * 9))
    assert long.count("→") == 7
    assert long.endswith("…, dense 3 → 3>")
    assert "of 81 weights" in long
