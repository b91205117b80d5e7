"""Data sets: MNIST, the small pattern sets of earlier experiments, and a user's own tables."""

from __future__ import annotations

from spicesnn.datasets.images import binarise, resize, to_10x10
from spicesnn.datasets.mnist import Mnist
from spicesnn.datasets.patterns import Patterns, Words
from spicesnn.datasets.table import Table

__all__ = ["Mnist", "Patterns", "Table", "Words", "binarise", "resize", "to_10x10"]
