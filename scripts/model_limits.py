"""What the pages say about the limits of two models, measured: several currents of JART VCM, and
1T1R gates that stand on ground.

    python scripts/model_limits.py          # a minute

JART VCM: the number of currents that satisfy the equations at each of 2400 points, V from 0.05 V to
2 V, the state over its range on a logarithmic scale, with the published parameters: sign changes of
the mismatch on a fine grid of currents between 0 and what the resistances alone would let through.
1T1R: how much less the columns of 64 rows carry on 1 Ω wires when the gates stand on ground instead
of following their bit lines, with all cells on and with random states."""

from __future__ import annotations

import numpy as np

import spicesnn as sn
from spicesnn.devices import jart_vcm, registry
from spicesnn.engines.grounded import read_with_gates_on_ground

VOLTS, STATES, FINE = 60, 40, 4000


def currents_of_jart() -> np.ndarray:
    """Return the number of roots at each point, (volts, states)."""
    device = registry.fresh("jart-vcm")
    p = device._parameters
    low, high = (float(b) for b in device.bounds())
    found = np.zeros((VOLTS, STATES), dtype=int)
    for i, v in enumerate(np.linspace(0.05, 2.0, VOLTS)):
        for j, density in enumerate(np.geomspace(low, high, STATES)):
            disc, plug = (float(r) for r in device.resistances(density))
            largest = v / (disc + plug + device.r_tiox + device.r_line)
            part = np.concatenate(
                [np.geomspace(1e-12, 1e-2, FINE // 4), np.linspace(1e-2, 1.0, FINE)[1:]]
            )
            signs = np.array(
                [
                    jart_vcm._mismatch(float(v), float(density), amps, p) > 0
                    for amps in largest * part
                ]
            )
            found[i, j] = int(np.sum(signs[1:] != signs[:-1]))
    return found


def losses_of_gates_on_ground(rows: int, cols: int, volts: float, state: np.ndarray) -> float:
    """Return by which fraction the column that loses most carries less than with gates that follow
    the bit lines."""
    device = registry.fresh("1t1r")
    array = sn.Crossbar(
        device=device, state=state, wires=sn.Wires(word_line_ohm=1.0, bit_line_ohm=1.0)
    )
    engine, levels = sn.NodalEngine(), np.full(rows, volts)
    follow = engine.read(array, levels, gate_volts=np.full(rows, device.gate_default)).column_amps
    ground = read_with_gates_on_ground(
        engine, array, levels, gate_volts=device.gate_default
    ).column_amps
    return float(np.max(1.0 - ground / follow))


def main() -> None:
    """Print both."""
    rows = cols = 64
    low, high = (float(b) for b in registry.fresh("1t1r").bounds())
    on = np.full((rows, cols), low if registry.fresh("1t1r").set_polarity < 0 else high)
    some = low + (high - low) * np.random.default_rng(0).uniform(0, 1, (rows, cols))
    for name, state in (("all cells on", on), ("states at random", some)):
        small, large = (
            100 * losses_of_gates_on_ground(rows, cols, volts, state) for volts in (0.2, 1.0)
        )
        print(
            f"gates on ground, {rows} rows, 1 ohm, {name}: columns carry up to {small:.2g} % less"
            f" at 0.2 V and {large:.2g} % less at 1 V"
        )
    roots = currents_of_jart()
    several = int(np.sum(roots > 1))
    print(
        f"jart-vcm at the published parameters: {several} of {roots.size} points with V > 0 have"
        " two or three currents, all others one"
    )


if __name__ == "__main__":
    main()
