"""Both engines against each other, against analytic circuits, and against the laws that every
answer obeys."""

from __future__ import annotations

import numpy as np
import pytest
from conformance_cases import Case, device_array, linear_cases, read_volts, spread
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.engines.base import Engine
from spicesnn.engines.results import Read
from spicesnn.errors import InputError, SingularCircuitError

LINEAR = linear_cases()
FEW = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FIELDS = ("column_amps", "row_amps", "word_line_volts", "bit_line_volts")


def assert_same(a: Read, b: Read, wires: sn.Wires, relative: float = 1e-9) -> None:
    """Every node and line on its own; the floor is what rounding leaves: of the largest node, and
    of the voltage along the least wire.

    The rounding of a volt across a wire of little resistance is a current (it goes as 1/ohm: 2e-14
    A at 0.02 Ω, 2e-18 A at 200 Ω with KLU), which then flows to the end of a line and moves each of
    its nodes."""
    least = min((r for r in (wires.word_line_ohm, wires.bit_line_ohm) if r > 0), default=np.inf)
    volts = max(np.abs(b.word_line_volts).max(), np.abs(b.bit_line_volts).max())
    rounding = 8 * np.finfo(float).eps * volts / least
    rows, cols = b.word_line_volts.shape[-2:]
    ohms = {
        "word_line_volts": cols * wires.word_line_ohm,
        "bit_line_volts": rows * wires.bit_line_ohm,
    }
    for name in FIELDS:
        x, y = np.asarray(getattr(a, name)), np.asarray(getattr(b, name))
        assert x.shape == y.shape, name
        floor = 1e-13 * np.abs(y).max(initial=0.0) + rounding * ohms.get(name, 1.0)
        worst = np.max(np.abs(x - y) - relative * np.abs(y) - floor, initial=-1.0)
        assert worst <= 0, (
            f"{name} differs by {np.abs(x - y).max():.3g} (largest {np.abs(y).max():.3g})"
        )


def solve(engine: Engine, case: Case) -> Read:
    return engine.read(case.array, case.row_volts, **case.extra)


@pytest.mark.parametrize("name", LINEAR)
def test_linear_arrays_agree_at_every_node(name: str, ngspice: sn.NgspiceEngine) -> None:
    case = LINEAR[name]
    assert_same(solve(ngspice, case), solve(sn.NodalEngine(), case), case.array.wires)


@pytest.mark.parametrize("name", [n for n in registry.names() if n != "resistor"])
def test_device_arrays_agree_at_every_node(name: str, ngspice: sn.NgspiceEngine) -> None:
    rng = np.random.default_rng(3)
    array = device_array(
        name, (3, 4), rng, sn.Wires(word_line_ohm=2.0, bit_line_ohm=2.0, driver_ohm=10.0)
    )
    extra = (
        {"gate_volts": np.full((2, array.gate_lines), 2.0 if name == "1t1r" else 0.0)}
        if array.gated
        else {}
    )
    # The emulator's body diode leads to ground below 0 V, which is no current from p to n.
    volts = read_volts(name) * rng.uniform(0.0 if name == "mosfet-emulator" else -1.0, 1, (2, 3))
    assert_same(
        ngspice.read(array, volts, **extra),
        sn.NodalEngine().read(array, volts, **extra),
        array.wires,
    )


def test_per_cell_parameters_agree(ngspice: sn.NgspiceEngine) -> None:
    rng = np.random.default_rng(5)
    device = sn.devices.VTEAM(
        r_off=rng.uniform(900, 1100, (4, 3)), r_on=rng.uniform(40, 60, (4, 3))
    )
    array = sn.Crossbar(device=device, state=rng.uniform(0, 3e-9, (4, 3)), wires=sn.Wires())
    volts = rng.uniform(-1, 1, (3, 4))
    assert_same(ngspice.read(array, volts), sn.NodalEngine().read(array, volts), array.wires)


def test_single_cell_divider(engine: Engine) -> None:
    wires = sn.Wires(word_line_ohm=3.0, bit_line_ohm=5.0, driver_ohm=100.0, sense_ohm=20.0)
    read = engine.read(sn.Crossbar(conductance=[[1e-3]], wires=wires), [0.5])
    amps = 0.5 / (103.0 + 1e3 + 25.0)
    assert read.column_amps == pytest.approx([amps], rel=1e-12)
    assert read.row_amps == pytest.approx([amps], rel=1e-12)
    assert read.word_line_volts[0, 0] == pytest.approx(0.5 - 103.0 * amps, rel=1e-12)
    assert read.bit_line_volts[0, 0] == pytest.approx(25.0 * amps, rel=1e-12)


def test_one_row_ladder(engine: Engine) -> None:
    """With ideal bit lines a word line is a ladder of series r and shunt g: the two-port recursion
    from its far end."""
    r, g, n = 50.0, 1e-3, 7
    read = engine.read(
        sn.Crossbar(
            conductance=np.full((1, n), g), wires=sn.Wires(word_line_ohm=r, bit_line_ohm=0.0)
        ),
        [1.0],
    )
    volts, amps = [1.0], 0.0
    for _ in range(n):
        amps += g * volts[-1]
        volts.append(volts[-1] + r * amps)
    line = np.array(volts[:-1][::-1]) / volts[-1]
    np.testing.assert_allclose(read.word_line_volts[0], line, rtol=1e-11)
    np.testing.assert_allclose(read.column_amps, g * line, rtol=1e-11)


def test_ideal_wires_give_the_matrix_product(engine: Engine) -> None:
    rng = np.random.default_rng(8)
    g, v = spread(rng, (9, 4)), rng.uniform(-1, 1, (6, 9))
    np.testing.assert_allclose(
        engine.read(sn.Crossbar(conductance=g, wires=sn.Wires.ideal()), v).column_amps,
        v @ g,
        rtol=1e-11,
    )


def test_shapes_follow_the_input(engine: Engine) -> None:
    array = sn.Crossbar(conductance=np.full((3, 2), 1e-4), wires=sn.Wires())
    single, batch = engine.read(array, np.ones(3)), engine.read(array, np.ones((1, 3)))
    assert (
        single.column_amps.shape,
        single.word_line_volts.shape,
        np.shape(single.residual_amps),
    ) == ((2,), (3, 2), ())
    assert (batch.column_amps.shape, batch.word_line_volts.shape, batch.residual_amps.shape) == (
        (1, 2),
        (1, 3, 2),
        (1,),
    )


def test_a_line_without_a_path_is_an_error_and_named(engine: Engine) -> None:
    g = np.full((3, 3), 1e-4)
    g[1] = 0.0
    floats = np.array([False, True, False])
    with pytest.raises(SingularCircuitError, match=r"cell \(1, 0\) floats"):
        engine.read(sn.Crossbar(conductance=g, wires=sn.Wires()), np.ones(3), floating_rows=floats)


def test_wrong_input_is_refused(engine: Engine) -> None:
    array = sn.Crossbar(conductance=np.full((3, 2), 1e-4), wires=sn.Wires())
    with pytest.raises(InputError, match="row_volts has shape"):
        engine.read(array, np.ones(4))
    with pytest.raises(InputError, match="not finite"):
        engine.read(array, [1.0, np.nan, 0.0])


@st.composite
def arrays(draw: st.DrawFn) -> sn.Crossbar:
    rows, cols = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ohms = st.sampled_from([0.0, 0.5, 10.0])
    wires = sn.Wires(
        word_line_ohm=draw(ohms),
        bit_line_ohm=draw(ohms),
        driver_ohm=draw(ohms),
        sense_ohm=draw(ohms),
        double_sided=draw(st.booleans()),
    )
    return sn.Crossbar(conductance=spread(rng, (rows, cols), 1e-7, 1e-2), wires=wires)


@FEW
@given(array=arrays(), seed=st.integers(0, 1000))
def test_superposition_and_residual(engine: Engine, array: sn.Crossbar, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-1, 1, (2, array.rows))
    read = engine.read(array, np.stack([a, b, 2 * a - 3 * b]))
    scale = np.abs(read.row_amps).max()
    np.testing.assert_allclose(
        2 * read.column_amps[0] - 3 * read.column_amps[1],
        read.column_amps[2],
        atol=1e-11 * scale,
        rtol=0,
    )
    noise = 1e-14 / min(
        (r for r in (array.wires.word_line_ohm, array.wires.bit_line_ohm) if r > 0), default=1.0
    )
    assert np.all(read.residual_amps <= 1e-10 * scale + noise)


@FEW
@given(array=arrays(), seed=st.integers(0, 1000))
def test_reciprocity(engine: Engine, array: sn.Crossbar, seed: int) -> None:
    """What row i puts out at column j is what column j, driven by the same voltage, takes out of
    row i."""
    rng = np.random.default_rng(seed)
    i, j = rng.integers(array.rows), rng.integers(array.cols)
    rows, columns = np.eye(array.rows)[i], np.eye(array.cols)[j]
    forward, backward = (
        engine.read(array, rows),
        engine.read(array, np.zeros(array.rows), column_volts=columns),
    )
    # A line current is the difference of larger cell currents: rounding, and what a solve leaves,
    # are of the largest of its own read.
    largest = max(
        float(np.abs(array.conductance * read.cell_volts).max()) for read in (forward, backward)
    )
    assert forward.column_amps[j] == pytest.approx(
        -backward.row_amps[i], rel=1e-9, abs=1e-11 * largest
    )


@FEW
@given(array=arrays(), seed=st.integers(0, 1000))
def test_passivity_and_maximum_principle(engine: Engine, array: sn.Crossbar, seed: int) -> None:
    rng = np.random.default_rng(seed)
    volts, columns = rng.uniform(-1, 1, array.rows), rng.uniform(-1, 1, array.cols)
    read = engine.read(array, volts, column_volts=columns)
    assert read.power_watt(volts, columns) >= -1e-15
    low, high = min(volts.min(), columns.min()), max(volts.max(), columns.max())
    for nodes in (read.word_line_volts, read.bit_line_volts):
        assert low - 1e-9 <= nodes.min()
        assert nodes.max() <= high + 1e-9


@pytest.mark.parametrize("kind", ["linear", "nonlinear"])
def test_a_read_without_voltages_has_the_same_currents(kind: str, engine: Engine) -> None:
    array = (
        sn.Crossbar(spread(np.random.default_rng(1), (3, 2)), wires=sn.Wires())
        if kind == "linear"
        else device_array("power-law", (2, 2), np.random.default_rng(1), sn.Wires())
    )
    volts = np.linspace(0.2, 0.4, array.rows)
    read, want = engine.read(array, volts, voltages=False), engine.read(array, volts)
    np.testing.assert_allclose(read.column_amps, want.column_amps, rtol=1e-12)
    np.testing.assert_allclose(read.row_amps, want.row_amps, rtol=1e-12)
    np.testing.assert_allclose(read.cell_volts, want.cell_volts, rtol=1e-12)
