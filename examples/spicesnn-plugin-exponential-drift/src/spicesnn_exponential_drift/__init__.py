"""Exponential ionic drift: a device model that lives outside spicesnn."""

from spicesnn_exponential_drift.model import ExponentialDrift

__all__ = ["ExponentialDrift"]
