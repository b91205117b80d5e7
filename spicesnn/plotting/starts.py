"""What became of many random starts: how many had converged after how many epochs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from spicesnn.errors import InputError
from spicesnn.plotting.style import COLOURS, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def convergence(axes: Axes, epochs: ArrayLike, converged: ArrayLike) -> Axes:
    """Draw the starts that converged in each epoch as bars, and their share so far as a line.

    Parameters
    ----------
    axes : Axes
    epochs : (starts,) int
        After which each start ended.
    converged : (starts,) bool
    """
    ended, success = np.asarray(epochs, dtype=np.int64), np.asarray(converged, dtype=bool)
    if ended.ndim != 1 or ended.shape != success.shape or not ended.size:
        raise InputError(
            f"epochs have shape {ended.shape}, converged {success.shape}; expected (starts,) both,"
            " one start or more"
        )
    x = np.arange(int(ended.max()) + 1)
    counts = np.bincount(ended[success], minlength=x.size)
    axes.bar(x, counts, width=0.9, color=COLOURS[5], label="converged in this epoch")
    axes.set(
        xlabel="epoch", ylabel="starts", title=f"{success.sum()} of {success.size} starts converged"
    )
    axes.set_xlim(-0.6, x[-1] + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    share = axes.twinx()
    share.step(
        x,
        100 * np.cumsum(counts) / success.size,
        where="post",
        color=COLOURS[1],
        label="converged so far",
    )
    share.set(ylabel="converged so far (%)", ylim=(0, 105))
    share.grid(visible=False)
    share.spines["right"].set_visible(True)
    handles = [*axes.get_legend_handles_labels()[0], *share.get_legend_handles_labels()[0]]
    share.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    return axes


def starts_figure(run_dir: str | Path) -> Path:
    """Draw ``figures/starts.png`` of a folder of many starts and return its path."""
    from spicesnn.plotting.run import saved
    from spicesnn.plotting.run_data import Drawn
    from spicesnn.training import kept_starts

    columns = kept_starts(run_dir)
    with style():
        figure = new_figure()
        convergence(figure.subplots(), columns["epochs"], columns["converged"])
    drawn = Drawn("starts", "How many random starts had converged after how many epochs.", figure)
    return saved([drawn], Path(run_dir) / "figures")[0]
