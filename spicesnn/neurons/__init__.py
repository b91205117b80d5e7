"""Spiking neurons as pure step functions: state and input in, spikes and state out."""

from spicesnn.neurons.adaptive import AdaptiveLIF, AdaptiveState, adaptive_lif_step
from spicesnn.neurons.integrate_fire import IF, IFState, if_step
from spicesnn.neurons.lif import LIF, LIFState, first_spike_time, lif_step, spike_count
from spicesnn.neurons.threshold_switch import (
    ThresholdSwitchNeuron,
    ThresholdSwitchState,
    threshold_switch_step,
)

__all__ = [
    "IF",
    "LIF",
    "AdaptiveLIF",
    "AdaptiveState",
    "IFState",
    "LIFState",
    "ThresholdSwitchNeuron",
    "ThresholdSwitchState",
    "adaptive_lif_step",
    "first_spike_time",
    "if_step",
    "lif_step",
    "spike_count",
    "threshold_switch_step",
]
