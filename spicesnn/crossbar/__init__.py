"""The array: wires, cells, faults, mapping of weights to conductances, tiles."""

from spicesnn.crossbar.crossbar import Crossbar, GateAlong
from spicesnn.crossbar.wires import Wires

__all__ = ["Crossbar", "GateAlong", "Wires"]
