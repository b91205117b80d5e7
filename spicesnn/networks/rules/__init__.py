"""Learning rules: what populations and synapses do is all that they see."""

from spicesnn.networks.rules.base import Activity, BatchRule, LocalRule, Rule
from spicesnn.networks.rules.batch import Manhattan, SpikingBP, SurrogateGradient, Template
from spicesnn.networks.rules.ex_situ import ExSitu
from spicesnn.networks.rules.stdp import LastSpikeSTDP, OverlapSTDP, TraceSTDP
from spicesnn.networks.rules.tuning import Tuning

__all__ = [
    "Activity",
    "BatchRule",
    "ExSitu",
    "LastSpikeSTDP",
    "LocalRule",
    "Manhattan",
    "OverlapSTDP",
    "Rule",
    "SpikingBP",
    "SurrogateGradient",
    "Template",
    "TraceSTDP",
    "Tuning",
]
