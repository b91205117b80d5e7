"""What the weights of a projection stand on: one contract, and a kind of synapse a file."""

from spicesnn.networks.synapses.contract import SynapseKind, Synapses
from spicesnn.networks.synapses.ideal import Ideal, Levels
from spicesnn.networks.synapses.pulse_map import PulseMap
from spicesnn.networks.synapses.solved import Solved
from spicesnn.networks.synapses.updates import (
    Energy,
    Levelled,
    Programmed,
    Reading,
    Signs,
    Spikes,
    Wanted,
)

__all__ = [
    "Energy",
    "Ideal",
    "Levelled",
    "Levels",
    "Programmed",
    "PulseMap",
    "Reading",
    "Signs",
    "Solved",
    "Spikes",
    "SynapseKind",
    "Synapses",
    "Wanted",
]
