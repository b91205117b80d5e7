import numpy as np

import spicesnn as sn


def test_edges_reach_the_cells_on_lines_of_0_ohm():
    """A pulse with edges starts from 0 V: a warm start must not keep the old volts on lines that
    hang on their driver without resistance."""
    device = sn.devices.VTEAM(
        r_on=40e3,
        r_off=120e3,
        v_on=-1.0,
        v_off=1.0,
        k_on=-5e-5,
        k_off=5e-5,
        alpha_on=1.0,
        alpha_off=1.0,
    )
    array = sn.Crossbar(device=device, state=np.full((3, 2), 1.5e-9), wires=sn.Wires.ideal())
    after = sn.NodalEngine().pulse(
        array, sn.Pulse(row_volts=[1.8, 0.9, 0.0], width_s=1e-6, rise_s=1e-7)
    )
    # 0.8 of overdrive on the plateau, and on each edge from 1 V to 1.8 V, a share 0.8/1.8 of 0.1
    # µs, half of it on average.
    moved = 5e-5 * (0.8 * 1e-6 + 2 * 0.4 * (0.8 / 1.8) * 1e-7)
    assert np.allclose(after.state[0] - 1.5e-9, moved, rtol=1e-4)
    assert np.all(after.state[1:] == 1.5e-9)
