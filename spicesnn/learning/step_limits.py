"""The most that one programming pulse can do to a device, by its present conductance: what bounds a step when pulses are chosen for the state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.mapping import Window
from spicesnn.crossbar.stimulus import Pulse
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.engines.base import Engine
from spicesnn.errors import InputError

_GRID = 257


@dataclass(frozen=True, kw_only=True, slots=True)
class StrongestPulses:
    """The strongest set and reset pulse that the drivers give: magnitudes in volt, widths in second."""

    set_volts: float
    reset_volts: float
    set_s: float
    reset_s: float


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class StepLimits:
    """Largest steps at the conductances `at` (even, ascending, siemens): `up` ≥ 0 and `down` ≤ 0, siemens.

    A driver that chooses the voltage for the state reaches every step up to these, since a weaker pulse does less.
    """

    at: Floats
    up: Floats
    down: Floats

    @classmethod
    def solved(cls, device: Device, engine: Engine, pulses: StrongestPulses, *, read_volts: float = 0.0) -> Self:
        """Solve both pulses on devices at every conductance of the grid, each cell alone on its bit line, without wires.

        Parameters
        ----------
        device : Device
        engine : Engine
        pulses : StrongestPulses
        read_volts : float
            Conductance is I/V there; dI/dV at 0 V for 0.

        Raises
        ------
        InputError
            Where the device would learn backwards: a set pulse that lowers a conductance, or a reset pulse that raises one.
        """
        if device.set_polarity == 0:
            raise InputError(f"{device.name} does not say which polarity sets it, so pulses cannot be designed for it")
        window = Window.of(device, volts=read_volts)
        at = np.linspace(window.low, window.high, _GRID)
        array = Crossbar(device=device, state=device.state_for_conductance(at, v=read_volts)[None, :], wires=Wires.ideal())
        up = _step(array, engine, device.set_polarity * pulses.set_volts, pulses.set_s, read_volts)
        down = _step(array, engine, -device.set_polarity * pulses.reset_volts, pulses.reset_s, read_volts)
        for name, step in (("set", up), ("reset", -down)):
            worst = int(np.argmin(step))
            if step[worst] < -1e-9 * window.high:
                raise InputError(f"{device.name}: a {name} pulse at {at[worst]:.4g} S moves the conductance the wrong way, "
                                 f"by {abs(step[worst]):.3g} S: the device would learn backwards")  # fmt: skip
        return cls(at=at, up=np.maximum(up, 0.0), down=np.minimum(down, 0.0))

    def reached(self, siemens: Floats, wanted: Floats) -> Floats:
        """Return the step nearest to `wanted` that a pulse can make, for cells that conduct `siemens`."""
        return np.clip(wanted, np.interp(siemens, self.at, self.down), np.interp(siemens, self.at, self.up))


def _step(array: Crossbar, engine: Engine, volts: float, width_s: float, read_volts: float) -> Floats:
    after = engine.pulse(array, Pulse(row_volts=np.array([volts]), width_s=width_s)).array
    return _chord(after, read_volts) - _chord(array, read_volts)


def _chord(array: Crossbar, volts: float) -> Floats:
    assert array.device is not None
    state = array.state_or_zeros()
    siemens: Floats = array.device.conductance(0.0, state) if volts == 0 else array.device.current(volts, state) / volts
    return np.asarray(siemens[0], dtype=float)
