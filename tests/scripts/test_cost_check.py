"""The script that holds costs against published breakdowns: its counts against further figures of
the same publications, and its verdicts."""

import pytest


def test_counts_of_neurosim_are_those_of_its_printed_latency(script):
    """63462.3 ns of converters at a clock of 2.05141 ns stand in the manual beside the energies."""
    check = script("cost_check")
    assert check.adc_cycles() * 2.05141 == pytest.approx(63462.3, rel=2e-6)
    # Its second layer: 900 places, 8 bits, 9 times 128 rows, 128 weights of 4 columns
    assert check.conversions() > 900 * 8 * 9 * 512
    printed = {"ADC": 18.274, "accumulation": 5.16853, "other": 14.3092}
    assert sum(printed.values()) == pytest.approx(37.7518, rel=1e-5)  # the total that is printed
    assert {name: check.V14_UJ[name] for name in printed} == printed
    # Cells of 4 by 12 lines of 22 nm
    cell = 48 * 22e-3**2
    assert check.V14_UM2["arrays"] / check.SUBARRAYS / 128**2 == pytest.approx(cell, rel=1e-3)


def test_figures_of_neurram_are_an_operation(script):
    check = script("cost_check")
    for bits, parts in check.NEURRAM_FJ.items():
        assert 1e3 / sum(parts) == pytest.approx(check.NEURRAM_TOPS_W[bits], rel=0.02)


def test_a_unit_of_isaac_by_hand(script):
    check = script("cost_check")
    lines = {line.component: line for line in check.isaac(units=1)}
    # 8 arrays of 128 columns and 128 rows, 16 reads of 100 ns
    assert lines["ADC"].ours == pytest.approx(8 * 128 * 16 * 1.67e-3, rel=1e-9)
    assert lines["ADC"].published == pytest.approx(16e-3 * 1.6e-6 * 1e9, rel=1e-9)
    assert lines["DAC"].ours == pytest.approx(8 * 128 * 16 * 0.39e-3, rel=1e-9)
    assert lines["routing"].ours == pytest.approx(8 * 128 * 2 * 0.85e-3, rel=1e-9)
    assert lines["time of a product"].ours == pytest.approx(16 * (0.1 + 128 * 0.83e-3), rel=1e-9)
    times = [lines[f"arrays, current for {ns} ns"].ours for ns in (1, 100)]
    assert times[1] == pytest.approx(100 * times[0], rel=1e-9)
    # No array conducts more than all its cells at 1333 Ω and full volts
    assert 0 < times[0] < 8 * 128**2 * 0.2**2 / 1333 * 16 * 1e-9 * 1e9


def test_verdicts(script):
    line = script("cost_check").Line
    for ours, published in ((2.0, 1.0), (1.0, 2.0)):
        assert line("a", "b", ours, published).within
    for ours, published in ((2.1, 1.0), (0.9, 2.0)):
        assert not line("a", "b", ours, published).within
    assert line("a", "b", 1.0, 1.0, other=2.1).disputed
    assert not line("a", "b", 1.0, 1.0, other=0.5).disputed
    text = line("A", "b", 5200.0, 2.0, "nJ", 9.0, "why").text()
    assert text == (
        "A, b: ours 5200 nJ, published 2 nJ, ratio 2600, outside; another publication 9 nJ,"
        " the two disagree (why)"
    )
