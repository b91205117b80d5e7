import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import EngineError


@pytest.mark.parametrize("rows", [[-0.5, 1.0], [1.0, -1.0]])
def test_arrays_whose_body_diodes_conduct_are_refused(rows):
    array = sn.Crossbar(
        device=sn.devices.MosfetEmulator(transconductance=5e-9),
        state=np.full((2, 2), 3.0),
        wires=sn.Wires(),
    )
    engine = sn.NodalEngine()
    with pytest.raises(EngineError, match="body diode feeds the line from ground"):
        engine.read(array, rows, gate_volts=[1.2, 1.2])
    with pytest.raises(EngineError, match="Use NgspiceEngine"):
        engine.pulse(array, sn.Pulse(row_volts=rows, width_s=1e-3, gate_volts=[1.2, 1.2]))


def test_a_floating_line_is_not_driven_to_anything():
    array = sn.Crossbar(
        device=sn.devices.MosfetEmulator(transconductance=5e-9),
        state=np.full((2, 1), 3.0),
        wires=sn.Wires(),
    )
    read = sn.NodalEngine().read(
        array, [0.2, -5.0], gate_volts=[1.2, 1.2], floating_rows=[False, True]
    )
    assert read.column_amps[0] > 0
