"""spicesnn: spiking neural networks on memristor crossbars, solved as circuits."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spicesnn import jit, shortcuts
from spicesnn._version import __version__

if TYPE_CHECKING:
    from spicesnn import devices
    from spicesnn.crossbar.crossbar import Crossbar, GateAlong
    from spicesnn.crossbar.stimulus import Pulse, Waveform
    from spicesnn.crossbar.wires import Wires
    from spicesnn.datasets.recordings.reading import read_events
    from spicesnn.devices.measurements import read_measurement
    from spicesnn.devices.stimulus import PiecewiseLinear, Sine
    from spicesnn.engines.default import monte_carlo
    from spicesnn.engines.imperfect import Imperfections
    from spicesnn.engines.iv import iv
    from spicesnn.engines.ngspice.engine import NgspiceEngine
    from spicesnn.engines.nodal.engine import NodalEngine
    from spicesnn.estimator import CrossbarClassifier
    from spicesnn.networks.converters import ADC, DAC
    from spicesnn.networks.hardware import Hardware
    from spicesnn.networks.network import Network
    from spicesnn.networks.periphery import Periphery

_HOMES = {
    "ADC": "spicesnn.networks.converters",
    "DAC": "spicesnn.networks.converters",
    "Hardware": "spicesnn.networks.hardware",
    "Imperfections": "spicesnn.engines.imperfect",
    "Network": "spicesnn.networks.network",
    "Periphery": "spicesnn.networks.periphery",
    "Crossbar": "spicesnn.crossbar.crossbar",
    "CrossbarClassifier": "spicesnn.estimator",
    "GateAlong": "spicesnn.crossbar.crossbar",
    "NgspiceEngine": "spicesnn.engines.ngspice.engine",
    "NodalEngine": "spicesnn.engines.nodal.engine",
    "PiecewiseLinear": "spicesnn.devices.stimulus",
    "Pulse": "spicesnn.crossbar.stimulus",
    "Sine": "spicesnn.devices.stimulus",
    "Waveform": "spicesnn.crossbar.stimulus",
    "Wires": "spicesnn.crossbar.wires",
    "iv": "spicesnn.engines.iv",
    "read_events": "spicesnn.datasets.recordings.reading",
    "monte_carlo": "spicesnn.engines.default",
    "read_measurement": "spicesnn.devices.measurements",
}

__all__ = [  # noqa: RUF022 (by subject)
    "__version__", "devices", "Wires", "Crossbar", "GateAlong", "Pulse", "Waveform", "Sine", "PiecewiseLinear",
    "NodalEngine", "NgspiceEngine", "iv", "monte_carlo", "read_measurement", "read_events", "CrossbarClassifier",
    "Network", "Hardware", "DAC", "ADC", "Periphery", "Imperfections",
]  # fmt: skip


jit.ensure_place()
shortcuts.register({
    "array.read": "spicesnn.engines.default:read",
    "array.pulse": "spicesnn.engines.default:pulse",
    "array.to_deck": "spicesnn.netlist.whole_array:deck_text",
    "array.to_subcircuit": "spicesnn.netlist.whole_array:subcircuit_text",
    "array.plot": "spicesnn.plotting.circuits:array_figure",
    "read.plot": "spicesnn.plotting.circuits:read_figure",
    "cost.plot": "spicesnn.plotting.costs:cost_figure",
    "curve.plot": "spicesnn.plotting.circuits:curve_figure",
})  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load public names on first use, so that ``import spicesnn`` stays quick."""
    if name == "devices":
        return import_module("spicesnn.devices")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'spicesnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
