"""Unsupervised learning by STDP: the network of Diehl and Cook on memristive synapses, event-driven
and compiled."""
