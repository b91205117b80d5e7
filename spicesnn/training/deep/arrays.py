"""The layers as arrays of devices: differential pairs in tiles with wires, as they were made and
not as they were meant to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.faults import StuckMap
from spicesnn.crossbar.mapping import Differential, Window
from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.devices.variability import LogNormal
from spicesnn.engines.default import default_engine
from spicesnn.engines.tiled.exact import effective_conductance
from spicesnn.errors import ConfigError, UnknownNameError
from spicesnn.guesses import nearest
from spicesnn.learning.compensation import compensate
from spicesnn.training.deep.network import F

_COLUMNS = Differential()


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class LayerArrays:
    """The arrays of one layer.

    Attributes
    ----------
    shape : (rows, neurons)
        Word lines, the bias line among them, and neurons; two bit lines a neuron.
    limit : float
        The largest weight, which stands on `fill` of the device's window.
    fill : float
        What is left of the window makes up for the wires.
    nominal, device : Device
        The device as it is meant to be, and as each cell is (parameters (rows, 2·neurons)).
    stuck : StuckMap or None
    window : Window
        Of the nominal device.
    wires : Wires
    tiling : Tiling
    """

    shape: tuple[int, int]
    limit: float
    fill: float
    nominal: Device
    device: Device
    stuck: StuckMap | None
    window: Window
    wires: Wires
    tiling: Tiling

    @property
    def cells(self) -> tuple[int, int]:
        """Word lines and bit lines."""
        return self.shape[0], 2 * self.shape[1]

    @property
    def ideal_wires(self) -> bool:
        """Whether nothing on the lines has resistance."""
        return self.wires.without_resistance

    @property
    def weight_per_siemens(self) -> float:
        """Weight of a pair that differs by one siemens."""
        return self.limit / (self.fill * self.window.span)

    def wanted(self, weights: F) -> Floats:
        """Return the conductances (cells) that weights (rows, neurons) ask for on ideal wires."""
        return _COLUMNS.conductances(self.fill / self.limit * weights.astype(float), self.window)

    def mapped(self, weights: F, *, wire_aware: bool, states: int = 0) -> tuple[Floats, float]:
        """Return the states to program (cells) and the rms error that is left of the effective
        conductances, as a share of the window.

        The mapping knows the wires and the nominal device; spread and stuck cells it does not know.
        """
        siemens, worst = self.wanted(weights), 0.0
        if wire_aware and not self.ideal_wires:
            wanted = siemens
            siemens = np.empty_like(wanted)
            for part in self.tiling.parts(self.cells):
                done = compensate(wanted[part], self.window, self.wires)
                siemens[part], worst = done.siemens, max(worst, done.error_after)
        if states:
            siemens = self.window.quantised(siemens, states)
        return self.nominal.state_for_conductance(siemens), worst

    def siemens(self, state: Floats) -> Floats:
        """Return what the cells conduct in given states: with their own parameters, and stuck where
        they are."""
        array = Crossbar(device=self.device, state=state, wires=Wires.ideal())
        if self.stuck is not None:
            array = self.stuck.applied(array)
        return np.array(
            np.broadcast_to(self.device.conductance(0.0, array.state_or_zeros()), self.cells)
        )

    def cell_siemens(self, state: Floats, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> Floats:
        """Return what single cells at `rows`, `cols` (n,) conduct, none of them stuck."""
        own = {
            name: value[rows, cols]
            for name, value in self.device.spice_parameters().items()
            if isinstance(value, np.ndarray) and value.ndim == 2
        }
        device = self.device.with_parameters(**own) if own else self.device
        return np.asarray(device.conductance(0.0, state[rows, cols]))

    def effective(self, siemens: Floats) -> Floats:
        """Return the effective conductances (cells) of all tiles with their wires: column amperes =
        row volts @ this."""
        if self.ideal_wires:
            return siemens
        return effective_conductance(default_engine(), siemens, self.wires, self.tiling)

    def weights(self, effective: Floats) -> F:
        """Return the weights (rows, neurons) that effective conductances amount to."""
        return np.asarray(_COLUMNS.outputs(effective) * self.weight_per_siemens, dtype=np.float32)

    def variances(self, effective: Floats, relative: float) -> F:
        """Return the variance of each weight (rows, neurons) for a relative read noise of every
        cell."""
        squares = (relative * self.weight_per_siemens * effective) ** 2
        return np.asarray(squares[:, 0::2] + squares[:, 1::2], dtype=np.float32)


def spread_together(
    device: Device,
    cells: tuple[int, int],
    parameters: Sequence[str],
    relative: float,
    rng: np.random.Generator,
) -> Device:
    """Return the device with one log-normal factor a cell on all of `parameters`: of resistances,
    it is the spread of the conductance itself."""
    known = device.spice_parameters()
    for name in parameters:
        if name not in known:
            there = ", ".join(sorted(known))
            raise UnknownNameError(
                f"imperfections.parameters names {name!r}{nearest(name, known)} The parameters of"
                f" {device.name} are: {there}"
            )
    if not relative:
        return device
    factor = LogNormal(relative).draw(cells, rng)
    return device.with_parameters(**{name: known[name] * factor for name in parameters})


def check_device(device: Device) -> None:
    """Refuse devices whose current is not proportional to the voltage: inputs are volts, and a
    weight is one conductance."""
    if not device.linear or device.gated or not device.memory or len(device.state_names) != 1:
        raise ConfigError(
            f"device.model is {device.name!r}; deep networks take inputs as voltages, so they need"
            " a device with memory, one state, no gate, and a current proportional to the voltage,"
            " such as vteam or linear-drift"
        )
