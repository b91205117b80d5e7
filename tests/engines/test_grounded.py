from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.engines.grounded import read_with_gates_on_ground
from spicesnn.errors import ConvergenceError, InputError
from spicesnn.netlist.foreign import load_foreign


def grounded_subcircuit(cell, folder):
    """Return the cell's own sub-circuit with its gate's source on ground instead of on the bit
    line, as a user's device."""
    text = Path(cell.model).read_text()
    assert "eg over n gateline 0 1" in text
    (folder / "grounded.lib").write_text(
        text.replace("eg over n gateline 0 1", "eg over 0 gateline 0 1")
    )
    low, high = cell.bounds()
    lines = [
        'name = "grounded"',
        'file = "grounded.lib"',
        f'subckt = "{cell.subckt}"',
        'dialect = "ngspice"',
        "[pins]",
        'p = "p"',
        'n = "n"',
        'gate = "gateline"',
        "[states.w]",
        'node = "w"',
        'capacitor = "xm.cw"',
        f"scale = {cell.state_scale[0]}",
        f"low = {low}",
        f"high = {high}",
    ]
    for name, value in cell.spice_parameters().items():
        lines += [f"[parameters.{name}]", f"default = {float(value)!r}"]
    (folder / "grounded.toml").write_text("\n".join(lines) + "\n")
    return load_foreign(folder / "grounded.toml")


def test_it_is_what_ngspice_finds_for_gates_that_stand_on_ground(tmp_path):
    cell, rng = registry.fresh("1t1r"), np.random.default_rng(0)
    state = rng.uniform(0, 0.4e-9, (6, 5))
    wires = sn.Wires(word_line_ohm=20.0, bit_line_ohm=60.0, sense_ohm=100.0)
    rows, gates = rng.uniform(0.3, 1.2, 6), rng.uniform(1.1, 1.6, 6)
    array = sn.Crossbar(device=cell, state=state, wires=wires)
    found = read_with_gates_on_ground(
        sn.NodalEngine(), array, rows, gate_volts=gates, tolerance=1e-12
    )
    plain = sn.NodalEngine().read(array, rows, gate_volts=gates)
    with sn.NgspiceEngine() as engine:
        true = engine.read(
            sn.Crossbar(device=grounded_subcircuit(cell, tmp_path), state=state, wires=wires),
            rows,
            gate_volts=gates,
        )
        again = read_with_gates_on_ground(engine, array, rows, gate_volts=gates, tolerance=1e-11)
    assert found.column_amps == pytest.approx(true.column_amps, rel=1e-8)
    assert again.column_amps == pytest.approx(true.column_amps, rel=1e-8)
    assert np.max(np.abs(plain.column_amps / true.column_amps - 1)) > 0.05


@pytest.mark.parametrize(
    ("rows_high", "lowest", "highest"), [(0.2, 0.0025, 0.0032), (1.0, 0.024, 0.029)]
)
def test_what_it_makes_of_a_64_by_64_array_with_wires_of_one_ohm(rows_high, lowest, highest):
    cell, rng = registry.fresh("1t1r"), np.random.default_rng(1)
    array = sn.Crossbar(
        device=cell,
        state=rng.uniform(0, 3e-9, (64, 64)),
        wires=sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0),
    )
    engine, rows, gates = sn.NodalEngine(), np.full(64, rows_high), np.full(64, 1.28)
    grounded = read_with_gates_on_ground(engine, array, rows, gate_volts=gates).column_amps
    plain = engine.read(array, rows, gate_volts=gates).column_amps
    less = float(np.max(1 - grounded / plain))
    assert lowest < less < highest


def test_bad_requests():
    array = sn.Crossbar(device=registry.fresh("1t1r"), shape=(2, 2), wires=sn.Wires())
    with pytest.raises(InputError, match="linear cells"):
        read_with_gates_on_ground(
            sn.NodalEngine(),
            sn.Crossbar(conductance=np.ones((2, 2)), wires=sn.Wires()),
            [1.0, 1.0],
            gate_volts=1.0,
        )
    with pytest.raises(InputError, match="one vector at a time"):
        read_with_gates_on_ground(sn.NodalEngine(), array, np.ones((3, 2)), gate_volts=1.0)
    far = sn.Crossbar(
        device=registry.fresh("1t1r"),
        state=np.zeros((2, 2)),
        wires=sn.Wires(bit_line_ohm=1e4, sense_ohm=1e6),
    )
    with pytest.raises(ConvergenceError, match="still move"):
        read_with_gates_on_ground(
            sn.NodalEngine(), far, [2.0, 2.0], gate_volts=1.28, tolerance=1e-30
        )


def test_with_all_cells_on_sixty_four_rows_lose_what_the_page_says():
    device = sn.devices.registry.fresh("1t1r")
    array = sn.Crossbar(
        device=device, state=np.zeros((64, 2)), wires=sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0)
    )
    engine = sn.NodalEngine()
    for volts, loss in ((0.2, 0.049), (1.0, 0.29)):
        follow = engine.read(array, np.full(64, volts), gate_volts=np.full(64, 1.28)).column_amps
        ground = read_with_gates_on_ground(
            engine, array, np.full(64, volts), gate_volts=1.28
        ).column_amps
        assert np.max(1 - ground / follow) == pytest.approx(loss, rel=0.02)
