"""The short way for single reads gives the general way's answer, to the last digit, and leaves to
it what is out of the ordinary."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from spicesnn import Crossbar, NodalEngine, Wires
from spicesnn.crossbar.stimulus import Levels
from spicesnn.devices import VTEAM
from spicesnn.engines.nodal.quick import _plan, quick_read
from spicesnn.engines.nodal.read import read_linear
from spicesnn.engines.results import Read
from spicesnn.errors import ConvergenceError, InputError

ENGINE = NodalEngine()
LINES = {
    "default": Wires(),
    "ideal": Wires.ideal(),
    "merged rows": Wires(word_line_ohm=0.0),
    "merged columns": Wires(bit_line_ohm=0.0, driver_ohm=3.0),
    "double": Wires(double_sided=True, driver_ohm=20.0, sense_ohm=5.0),
    "per line": Wires(driver_ohm=np.linspace(0, 9, 21), sense_ohm=np.ones(13)),
}


def general(array: Crossbar, volts: np.ndarray) -> Read:
    return read_linear(array, Levels.checked(array, volts))


def assert_same(got: Read, want: Read) -> None:
    for name in ("column_amps", "row_amps", "word_line_volts", "bit_line_volts", "residual_amps"):
        a, b = getattr(got, name), getattr(want, name)
        assert a.shape == b.shape
        np.testing.assert_array_equal(a, b, err_msg=name)
    assert got.stats == want.stats


@pytest.mark.parametrize("name", LINES)
def test_it_is_the_general_answer_for_new_and_for_known_arrays(name: str) -> None:
    rng = np.random.default_rng(4)
    cells = 10 ** rng.uniform(-7, -3, (21, 13))
    cells[rng.random((21, 13)) < 0.2] = 0.0
    array = Crossbar(conductance=cells, wires=LINES[name])
    for _ in range(2):
        volts = rng.uniform(-1, 1, 21)
        quick = quick_read(array, volts)
        assert quick is not None
        assert_same(quick, general(Crossbar(conductance=cells, wires=LINES[name]), volts))
    kept = array.cache["nodal.quick"]
    assert_same(ENGINE.read(array, volts), quick)
    assert array.cache["nodal.quick"] is kept


def test_linear_devices_take_it_too() -> None:
    array = Crossbar(
        device=VTEAM(), state=np.random.default_rng(1).uniform(0, 3e-9, (9, 17)), wires=Wires()
    )
    quick = quick_read(array, np.full(9, 0.1))
    assert quick is not None
    assert_same(quick, general(array, np.full(9, 0.1)))


def test_inputs_of_any_kind_give_the_same_answer() -> None:
    array = Crossbar(conductance=np.full((6, 4), 1e-4), wires=Wires())
    volts = np.linspace(0.0, 0.5, 6)
    want = ENGINE.read(array, volts).column_amps
    frozen = volts.copy()
    frozen.setflags(write=False)
    for same in (volts.tolist(), frozen, np.repeat(volts, 2)[::2], volts.astype(np.longdouble)):
        np.testing.assert_array_equal(ENGINE.read(array, same).column_amps, want)
    assert quick_read(array, volts.astype(np.float32)) is None
    assert quick_read(array, volts[None]) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_and_spoil_nothing(bad: float) -> None:
    array = Crossbar(conductance=np.full((6, 4), 1e-4), wires=Wires())
    want = ENGINE.read(array, np.ones(6)).column_amps
    with pytest.raises(InputError, match="row_volts has values that are not finite"):
        ENGINE.read(array, np.array([0.1, bad, 0.1, 0.1, 0.1, 0.1]))
    np.testing.assert_array_equal(ENGINE.read(array, np.ones(6)).column_amps, want)
    np.testing.assert_array_equal(
        ENGINE.read(
            Crossbar(conductance=np.full((6, 4), 1e-4), wires=Wires()), np.ones(6)
        ).column_amps,
        want,
    )


def test_what_rounding_touches_goes_the_general_way_and_is_remembered() -> None:
    cells = 10 ** np.random.default_rng(2).uniform(-12, 5, (30, 30))
    array = Crossbar(conductance=cells, wires=Wires())
    assert quick_read(array, np.ones(30)) is None
    assert array.cache["nodal.quick"] is False
    assert_same(
        ENGINE.read(array, np.ones(30)),
        general(Crossbar(conductance=cells, wires=Wires()), np.ones(30)),
    )
    with pytest.raises(ConvergenceError, match="double precision cannot tell its two ends apart"):
        ENGINE.read(Crossbar(conductance=np.full((300, 280), 1e14), wires=Wires()), np.ones(300))


def test_threads_that_read_one_array_do_not_disturb_each_other() -> None:
    rng = np.random.default_rng(3)
    array = Crossbar(conductance=10 ** rng.uniform(-6, -4, (40, 40)), wires=Wires())
    inputs = rng.uniform(0, 1, (200, 40))
    want = [ENGINE.read(array, volts).column_amps for volts in inputs]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda volts: ENGINE.read(array, volts).column_amps, inputs))
    np.testing.assert_array_equal(got, want)


def test_what_is_set_up_for_wires_is_kept_by_their_numbers() -> None:
    driver = np.linspace(1.0, 2.0, 8)
    assert Wires(1.0, 2.0) == Wires(word_line_ohm=1, bit_line_ohm=2.0)
    assert Wires(driver_ohm=driver) == Wires(driver_ohm=driver.tolist())
    unlike = [
        Wires(),
        Wires(2.0),
        Wires(double_sided=True),
        Wires(driver_ohm=driver),
        Wires(sense_ohm=driver),
        Wires(word_line_farad=1e-15),
    ]
    assert len({*unlike, Wires(1.0)}) == len(unlike)
    before = _plan.cache_info().misses
    for _ in range(5):
        Crossbar(np.full((8, 8), 1e-4), wires=Wires(1.25, 2.5, 3.75)).read(np.full(8, 0.1))
    assert _plan.cache_info().misses == before + 1
    volts, siemens = np.linspace(0.1, 0.2, 8), np.random.default_rng(0).uniform(1e-5, 1e-3, (8, 8))
    one, other = (
        Crossbar(siemens, wires=Wires(ohm, 2.5)).read(volts).column_amps for ohm in (1.25, 1.26)
    )
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("batch", [None, 3])
def test_without_voltages_currents_and_certificate_are_the_same(
    name: str, batch: int | None
) -> None:
    rng = np.random.default_rng(12)
    cells = 10 ** rng.uniform(-7, -3, (21, 13))
    volts = rng.uniform(-1, 1, 21 if batch is None else (batch, 21))
    want = ENGINE.read(Crossbar(conductance=cells, wires=LINES[name]), volts)
    array = Crossbar(conductance=cells, wires=LINES[name])
    for _ in range(2):
        read = ENGINE.read(array, volts, voltages=False)
        other = ENGINE.read(array, 2 * volts, voltages=False)  # uses the same memory again
        for field in ("column_amps", "row_amps", "residual_amps"):
            np.testing.assert_array_equal(getattr(read, field), getattr(want, field))
        np.testing.assert_array_equal(
            read.stats["error_bound_amps"], want.stats["error_bound_amps"]
        )
        np.testing.assert_allclose(read.power_watt(), want.power_watt(), rtol=1e-14)
        np.testing.assert_allclose(other.column_amps, 2 * want.column_amps, rtol=1e-9)
        assert read.array is array
        # asked for all the same, they are solved for
        np.testing.assert_array_equal(read.word_line_volts, want.word_line_volts)
        np.testing.assert_array_equal(read.cell_amps, want.cell_amps)


def test_without_voltages_columns_gates_and_lines_that_float_count_all_the_same() -> None:
    array = Crossbar(conductance=np.full((4, 3), 1e-4), wires=Wires())
    extra = {"column_volts": [0.1, 0.2, 0.3], "floating_rows": [False, True, False, False]}
    want = ENGINE.read(array, 1.0, **extra)
    read = ENGINE.read(array, 1.0, **extra, voltages=False)
    np.testing.assert_array_equal(read.column_amps, want.column_amps)
    np.testing.assert_array_equal(read.bit_line_volts, want.bit_line_volts)
    np.testing.assert_array_equal(
        array.read(np.ones(4), voltages=False).column_amps, array.read(np.ones(4)).column_amps
    )
    with pytest.raises(InputError, match=r"voltages = 'no'; expected True or False"):
        ENGINE.read(array, np.ones(4), voltages="no")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="finite"):
        ENGINE.read(array, np.full(4, np.nan), voltages=False)
