"""What a learning rule asks of synapses, and what reads and pulses of them give back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.faults import Wear
from spicesnn.crossbar.mapping import Changes
from spicesnn.errors import InputError
from spicesnn.learning.spikes import SpikePair

Counts: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Wanted:
    """Changes of weights by a stated size.

    Attributes
    ----------
    steps : (rows, outputs), or (rows, len(outputs)) where `outputs` names some
        Δw in units of the weights; 0 leaves a synapse alone.
    outputs : (k,) int, optional
        The only outputs that change; all if left out.
    """

    steps: Floats
    outputs: NDArray[np.int64] | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return "changes of weights by a stated size"


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Signs:
    """One programming pulse for each synapse that is to change.

    Attributes
    ----------
    signs : (rows, outputs) int8
        −1, 0, 1: weights to lower, leave, raise.
    width : float
        Pulse width over the programmed one.
    opposite : bool
        Whether both devices of a pair get a pulse, of opposite sign; else only the one that is set.
    """

    signs: Changes
    width: float = 1.0
    opposite: bool = True

    @property
    def name(self) -> str:
        """What messages call it."""
        return "one programming pulse a synapse"


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Spikes:
    """Overlapping spikes: a pre-synaptic shape on word lines, a post-synaptic one on bit lines.

    Attributes
    ----------
    row_s : (rows,)
        When each word line's spike begins, seconds; NaN where it stays at 0 V.
    output_s : (outputs,)
        When each output sends its spike back over its bit line; NaN where it stays at 0 V.
    pair : SpikePair
    """

    row_s: Floats
    output_s: Floats
    pair: SpikePair

    @property
    def name(self) -> str:
        """What messages call it."""
        return "overlapping spikes"


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Programmed:
    """Conductances that cells are programmed to one by one, whatever they held before.

    Attributes
    ----------
    siemens : (rows, columns)
        Of every cell, reference columns included, as the nominal device would conduct: what
        `Synapses.asked` says of weights.
    """

    siemens: Floats

    @property
    def name(self) -> str:
        """What messages call it."""
        return "programming of all cells"


@dataclass(frozen=True, kw_only=True, slots=True)
class Levelled:
    """The weights of every output brought to one sum, each by the same factor as the others of its
    output. Stuck cells stay, and the others make up for them.

    Attributes
    ----------
    column_sum : float
        Above 0.
    """

    column_sum: float

    @property
    def name(self) -> str:
        """What messages call it."""
        return "weights of one sum"


Update: TypeAlias = Wanted | Signs | Spikes | Programmed | Levelled


@dataclass(frozen=True, kw_only=True, slots=True)
class Energy:
    """Joules so far: what reads took, and what pulses took."""

    read_joule: float = 0.0
    write_joule: float = 0.0

    def more(self, *, read: float = 0.0, write: float = 0.0) -> Energy:
        """The same with more on it."""
        return replace(
            self, read_joule=self.read_joule + read, write_joule=self.write_joule + write
        )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Reading:
    """What a read of a layer gave.

    Attributes
    ----------
    amps : (n, outputs)
        Currents into the neurons, columns of a pair already subtracted, ampere.
    joule : float
        What the drivers delivered to the cells in all n reads.
    """

    amps: Floats
    joule: float


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Moved:
    """Cells after an update: the array, pulses of each cell (rows, columns), joules, and wear where
    cells wear out."""

    array: Crossbar
    pulses: Counts
    joule: float
    wear: Wear | None = None


def check_update(update: Update, rows: int, outputs: int, columns: int) -> None:
    """Refuse an update whose shape does not fit, or whose numbers are none."""
    if isinstance(update, Levelled):
        if not (np.isfinite(update.column_sum) and update.column_sum > 0):
            raise InputError(f"column_sum is {update.column_sum!r}; expected a sum above 0")
    elif isinstance(update, Programmed):
        siemens = update.siemens
        if siemens.shape != (rows, columns) or not (np.isfinite(siemens) & (siemens >= 0)).all():
            raise InputError(
                f"conductances to program have shape {siemens.shape}; expected ({rows}, {columns})"
                " of finite numbers, 0 or more"
            )
    elif isinstance(update, Wanted):
        width = outputs if update.outputs is None else len(update.outputs)
        if update.steps.shape != (rows, width):
            raise InputError(
                f"steps have shape {update.steps.shape}; the synapses need ({rows}, {width})"
            )
        if not np.isfinite(update.steps).all():
            raise InputError("steps are not all finite; expected changes of weights")
    elif isinstance(update, Signs):
        if update.signs.shape != (rows, outputs) or not np.isin(update.signs, (-1, 0, 1)).all():
            raise InputError(
                f"signs have shape {update.signs.shape}; expected ({rows}, {outputs}) of −1, 0"
                " and 1"
            )
        if not (np.isfinite(update.width) and update.width > 0):
            raise InputError(
                f"width is {update.width!r}; expected a factor on the pulse width above 0"
            )
    elif update.row_s.shape != (rows,) or update.output_s.shape != (outputs,):
        got = f"{update.row_s.shape} and {update.output_s.shape}"
        raise InputError(
            f"spikes have times of shape {got}; the synapses need ({rows},) and ({outputs},)"
        )
