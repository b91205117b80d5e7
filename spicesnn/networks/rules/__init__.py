"""Learning rules: what populations and synapses do is all that they see."""

from spicesnn.networks.rules.base import Activity, BatchRule, LocalRule, Rule
from spicesnn.networks.rules.stdp import LastSpikeSTDP, OverlapSTDP, TraceSTDP

__all__ = ["Activity", "BatchRule", "LastSpikeSTDP", "LocalRule", "OverlapSTDP", "Rule", "TraceSTDP"]
