"""Learning in situ: the arrays answer, the error goes back through what they answer with, and
pulses move the devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import Floats
from spicesnn.errors import InputError
from spicesnn.programming.pulse_map import StepLimits
from spicesnn.training.deep.arrays import LayerArrays
from spicesnn.training.deep.deform import Deformation
from spicesnn.training.deep.network import DeepNetwork, F, forward, gradients, softmax_slope


@dataclass(frozen=True, kw_only=True, slots=True)
class InSitu:
    """How the arrays are tuned.

    Attributes
    ----------
    batch : int
        Images an update.
    rate : float
        Change of a weight, as a share of its layer's limit, at the root mean square of the layer's
        gradient.
    share : float
        Share of the pairs that are pulsed in an update: those with the largest gradients.
    cycle_to_cycle : float
        Relative spread of what a pulse does.
    stale : float
        The effective conductances are solved again when a layer's conductances have moved by this
        share (of their sum) since; until then each cell's follows its own conductance.
    gain, image, deformation
        As in `Software`.
    """

    batch: int = 500
    rate: float = 1e-3
    share: float = 0.1
    cycle_to_cycle: float = 0.0
    stale: float = 0.01
    gain: float = 10.0
    image: tuple[int, int] = (28, 28)
    deformation: Deformation = field(default_factory=Deformation)

    def __post_init__(self) -> None:
        if (
            self.batch < 1
            or not self.rate > 0
            or not 0 < self.share <= 1
            or self.cycle_to_cycle < 0
            or not self.stale > 0
        ):
            raise InputError(
                f"in-situ learning: batch = {self.batch}, rate = {self.rate}, share = {self.share},"
                f" cycle_to_cycle = {self.cycle_to_cycle}, stale = {self.stale}; expected 1 or"
                " more, above 0, 0 to 1, 0 or more, above 0"
            )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Tuned:
    """States of each layer after tuning, pulses given, solves of a layer's tiles, and the worst
    relative error (rms) before such a solve."""

    states: list[Floats]
    pulses: int
    solves: int
    stale_error: float


class _Live:
    """One layer while it is tuned: nominal and actual conductances, and the effective ones as they
    were solved last."""

    def __init__(self, arrays: LayerArrays, state: Floats) -> None:
        self.arrays, self.state = arrays, state.copy()
        self.siemens = arrays.siemens(state)
        self.solved_at, self.solved = self.siemens.copy(), arrays.effective(self.siemens)
        self.effective = self.solved.copy()
        self.moved, self.total, self.solves, self.stale_error = (
            0.0,
            float(self.siemens.sum()),
            0,
            0.0,
        )
        self.stuck = None if arrays.stuck is None else arrays.stuck.any

    def pulse(
        self, change: F, options: InSitu, limits: StepLimits, rng: np.random.Generator
    ) -> int:
        """Move the pairs with the largest wanted changes (rows, neurons) of weight; return the
        pulses given."""
        count = max(1, round(options.share * change.size))
        size = np.abs(change).ravel()
        rows, neurons = np.unravel_index(
            np.argpartition(size, size.size - count)[size.size - count :], change.shape
        )
        half = 0.5 * change[rows, neurons].astype(float) / self.arrays.weight_per_siemens
        pulses = 0
        for side, sign in ((0, 1.0), (1, -1.0)):
            cols = 2 * neurons + side
            pulses += self._pulse_cells(rows, cols, sign * half, options, limits, rng)
        if self.moved > options.stale * self.total:
            self.solve()
        return pulses

    def _pulse_cells(
        self,
        rows: NDArray[np.intp],
        cols: NDArray[np.intp],
        wanted: Floats,
        options: InSitu,
        limits: StepLimits,
        rng: np.random.Generator,
    ) -> int:
        nominal, window = self.arrays.nominal, self.arrays.window
        before = np.asarray(nominal.conductance(0.0, self.state[rows, cols]))
        step = limits.reached(before, wanted)
        if options.cycle_to_cycle:
            step = step * (1.0 + options.cycle_to_cycle * rng.standard_normal(step.shape))
        moves = step != 0 if self.stuck is None else (step != 0) & ~self.stuck[rows, cols]
        rows, cols = rows[moves], cols[moves]
        self.state[rows, cols] = nominal.state_for_conductance(
            np.clip(before[moves] + step[moves], window.low, window.high)
        )
        old, new = self.siemens[rows, cols], self.arrays.cell_siemens(self.state, rows, cols)
        self.siemens[rows, cols] = new
        self.effective[rows, cols] = self.solved[rows, cols] * new / self.solved_at[rows, cols]
        self.moved += float(np.abs(new - old).sum())
        return int(np.sum(wanted != 0))

    def solve(self) -> None:
        """Solve the tiles as they are now, and note how far off the running estimate was."""
        exact = self.arrays.effective(self.siemens)
        error = float(np.sqrt(np.mean((self.effective - exact) ** 2)) / np.sqrt(np.mean(exact**2)))
        self.stale_error = max(self.stale_error, error)
        self.solved_at, self.solved, self.effective = self.siemens.copy(), exact, exact.copy()
        self.moved, self.solves = 0.0, self.solves + 1

    @property
    def weights(self) -> F:
        """The weights that the effective conductances amount to."""
        return self.arrays.weights(self.effective)


def tuned(
    network: DeepNetwork,
    layers: Sequence[LayerArrays],
    states: Sequence[Floats],
    limits: StepLimits,
    options: InSitu,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    train: Sequence[int],
    schedule: tuple[float, float] = (1.0, 1.0),
) -> Tuned:
    """Return the arrays after one pass over images.

    Parameters
    ----------
    train : layers that are pulsed; the others answer only.
    schedule : the rate's factor at the first and at the last batch, linear between.
    """
    live = [_Live(arrays, state) for arrays, state in zip(layers, states, strict=True)]
    batches, pulses = range(0, len(images), options.batch), 0
    for number, begin in enumerate(batches):
        some = slice(begin, begin + options.batch)
        inputs = options.deformation.applied(images[some], options.image, rng)
        weights = [layer.weights for layer in live]
        trace = forward(network, weights, inputs)
        _, slope = softmax_slope(trace.outputs, labels[some], options.gain)
        found = gradients(network, weights, trace, slope)
        factor = schedule[0] + (schedule[1] - schedule[0]) * number / max(len(batches) - 1, 1)
        for k in train:
            size = float(np.sqrt(np.mean(found[k] ** 2)))
            if size > 0:
                change = np.float32(-factor * options.rate * layers[k].limit / size) * found[k]
                pulses += live[k].pulse(change, options, limits, rng)
    for layer in live:
        layer.solve()
    return Tuned(
        states=[layer.state for layer in live],
        pulses=pulses,
        solves=sum(layer.solves for layer in live),
        stale_error=max(layer.stale_error for layer in live),
    )
