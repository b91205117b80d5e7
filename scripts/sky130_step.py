"""What one step of 1 ns makes of a set that runs away: the SKY130 ReRAM's equations, and its own
form that advances by itself.

    python scripts/sky130_step.py

Prints the current at 1.8 V after 1 ns at this voltage, from a gap of 1.2 nm: by the equations
(nodal engine), and after one step of forward Euler of 1 ns, which takes the rate of the beginning
for the whole nanosecond."""

import numpy as np

import spicesnn as sn
from spicesnn.devices.pai_yu_chen_heated import PaiYuChenHeated

VOLTS, SECONDS, GAP = 1.8, 1e-9, 1.2e-9


def main() -> None:
    """Print both currents."""
    device = PaiYuChenHeated.from_publication("sky130")
    start = np.array([GAP, device.t_init]).reshape(2, 1, 1)
    array = sn.Crossbar(device=device, state=start, wires=sn.Wires.ideal())
    after = sn.NodalEngine().pulse(
        array, sn.Pulse(row_volts=[VOLTS], width_s=SECONDS, rise_s=1e-12)
    )
    stepped = start + SECONDS * device.rate(VOLTS, start)
    equations, step = (
        1e6 * np.ravel(device.current(VOLTS, np.asarray(state)))[0]
        for state in (after.state, stepped)
    )
    print(f"equations: {equations:.0f} µA, one step: {step:.0f} µA")


if __name__ == "__main__":
    main()
