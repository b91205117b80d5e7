"""What networks that learn from a stream leave in `history.npz` for their figures;
`spicesnn.plotting.stream` draws it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

PICTURES = 50
"""Purpose of the generator for figures, beside those of the controller."""
_BINS = 80


def histogram_data(
    before: Mapping[str, ArrayLike],
    after: Mapping[str, ArrayLike],
    *,
    unit: str = "",
    sides: tuple[str, str] = ("before training", "after"),
) -> dict[str, Any]:
    """Return counts of values before and after, on common edges.

    Parameters
    ----------
    before, after : name of a layer → its values
    unit : str
        "S" for conductances, nothing for weights.
    sides : what before and after are called
    """
    found: dict[str, Any] = {
        "histogram_names": np.array(list(after)),
        "histogram_unit": np.array(unit),
        "histogram_sides": np.array(sides),
    }
    for k, name in enumerate(after):
        first, second = (np.asarray(side[name], dtype=float).ravel() for side in (before, after))
        edges = np.histogram_bin_edges(np.concatenate([first, second]), bins=_BINS)
        counts = {"before": np.histogram(first, edges)[0], "after": np.histogram(second, edges)[0]}
        found |= {
            f"histogram_{k}_edges": edges,
            **{f"histogram_{k}_{when}": count for when, count in counts.items()},
        }
    return found


def spike_data(layers: Mapping[str, ArrayLike]) -> dict[str, Any]:
    """Return the spikes of each layer in each presentation: name of a layer → (images,)."""
    return {
        "spike_names": np.array(list(layers)),
        **{f"spikes_{k}": np.asarray(counts) for k, counts in enumerate(layers.values())},
    }


def raster_data(layers: Mapping[str, NDArray[Any]], *, step_s: float, shown: int) -> dict[str, Any]:
    """Return all spikes of one presentation of an image of class `shown`.

    Parameters
    ----------
    layers : name of a layer → (steps, neurons), not 0 for a spike
    step_s : float
        0 where a step has no length.
    shown : int
    """
    sizes, steps = [fired.shape[1] for fired in layers.values()], len(next(iter(layers.values())))
    found = {
        "raster_names": np.array(list(layers)),
        "raster_sizes": np.array(sizes),
        "raster_step_s": np.array(step_s),
        "raster_steps": np.array(steps),
        "raster_label": np.array(shown),
    }
    return found | {f"raster_{k}": np.argwhere(fired) for k, fired in enumerate(layers.values())}
