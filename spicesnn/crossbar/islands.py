"""Which nodes of a circuit hang together: what the engines merge, and what they refuse as
floating."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Nodes = NDArray[np.integer]


def islands(tail: Nodes, head: Nodes, nodes: int) -> tuple[int, NDArray[np.int32]]:
    """Return the number of connected parts of a graph and the part of every node, (nodes,).

    Parameters
    ----------
    tail, head : (edges,) int
        The ends of every edge.
    nodes : int
        Nodes without an edge are parts of their own.
    """
    from scipy.sparse import (
        coo_matrix,
    )  # a quarter of a command's start, for circuits that rarely ask
    from scipy.sparse.csgraph import connected_components

    count, part = connected_components(
        coo_matrix((np.ones(tail.size), (tail, head)), shape=(nodes, nodes)), directed=False
    )
    return int(count), part
