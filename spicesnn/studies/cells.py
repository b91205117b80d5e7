"""The cells that array studies look at: a memristor with two states, bare or with a selector in
series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.cells import OneSelectorOneResistor
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.faults import end_states
from spicesnn.devices.base import Device
from spicesnn.errors import ConfigError
from spicesnn.options import Section, option


@dataclass(frozen=True, kw_only=True)
class SelectorOptions(Section):
    """[selector]: the sinh selector of `spicesnn.crossbar.cells.OneSelectorOneResistor`."""

    amps: float = option(2e-9, "I_s of the selector, I = I_s·sinh(u/V_s)", above=0.0)
    volts: float = option(0.05, "V_s of the selector", above=0.0)

    def around(self, device: Device) -> OneSelectorOneResistor:
        """Return a cell of the memristor and the selector in series."""
        return OneSelectorOneResistor.around(
            device, selector_amps=self.amps, selector_volts=self.volts
        )


def two_states(device: Device) -> tuple[float, float]:
    """Return the states of lowest and of highest conductance of a memristor with one state
    variable."""
    if len(device.state_names) != 1 or device.gated:
        raise ConfigError(
            f"device.model is {device.name!r}; a study of arrays needs two terminals and one state"
            " variable, as vteam has"
        )
    low, high = end_states(Crossbar(device=device, shape=(1, 1)))
    return float(low[0, 0]), float(high[0, 0])


def between(device: Device, low: float, high: float, share: Floats) -> Floats:
    """Return states whose conductance at 0 V is `share` of the way from that of state `low` to that
    of state `high`."""
    least, most = (float(np.asarray(device.conductance(0.0, x))) for x in (low, high))
    return device.state_for_conductance(least + (most - least) * share)
