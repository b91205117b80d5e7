"""What is not the same twice: pulses, reads, telegraph noise, drift at rest. Each acts on an array,
so both engines see the same cells.

A disturbance of the conductance is a factor on the cell's current, at any voltage
(`Crossbar.current_factor`): its mean and spread are those asked for at the ends of a device's range
too, where no state could give them. Every draw comes from the generator that is handed in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import Floats, number, numbers
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.faults import end_states
from spicesnn.errors import InputError


def _check(owner: str, **values: float) -> None:
    for name, value in values.items():
        if number(value, f"{owner}: {name}", "a finite number, 0 or more") < 0:
            raise InputError(f"{owner}: {name} = {value!r}; expected a finite number, 0 or more")


def with_factors(array: Crossbar, factors: ArrayLike) -> Crossbar:
    """Return the array with the conductance of every cell, at any voltage, multiplied by a factor,
    (rows, cols).

    Cells with a device model stay in their states and have their currents multiplied
    (`Crossbar.current_factor`): a conductance may then lie beyond those that the model's states can
    reach, and a nonlinear cell keeps its shape.

    Raises
    ------
    InputError
        A factor is negative or not finite.
    """
    by = np.broadcast_to(numbers(factors, "conductance factors"), array.shape)
    if not np.all(np.isfinite(by)) or np.any(by < 0):
        raise InputError(
            f"conductance factors from {np.min(by)} to {np.max(by)}; expected finite numbers, 0 or"
            " more"
        )
    if array.conductance is not None:
        return array.with_conductance(array.conductance * by)
    return replace(array, current_factor=array.with_factor(by))


def moved_by_factors(array: Crossbar, factors: ArrayLike) -> Crossbar:
    """Return the array with the conductances dI/dV at 0 V of its cells changed by factors for good:
    their states move as far as they can.

    What lies beyond the last state, and all of it for models with several states or a gate, is
    carried by `Crossbar.current_factor`."""
    device = array.device
    if device is None or not device.memory or device.gated or len(device.state_names) != 1:
        return with_factors(array, factors)
    wanted = array.cell_conductance() * np.asarray(factors, dtype=float)
    low, high = (
        np.broadcast_to(device.conductance(0.0, state), array.shape) for state in end_states(array)
    )
    reached = np.clip(wanted, low, high)
    moved = array.with_state(device.state_for_conductance(reached))
    rest = np.divide(wanted, reached, out=np.ones(array.shape), where=reached > 0)
    return replace(moved, current_factor=None if np.all(np.abs(rest - 1.0) < 1e-12) else rest)


@dataclass(frozen=True, kw_only=True, slots=True)
class CycleToCycle:
    """Spread of what a pulse does, from pulse to pulse.

    Δx → Δx·(1 + relative·N₁) + range·of_range·N₂, with independent N(0, 1) for every cell and
    pulse, added only where the cell moved by more than 1e-9 of its range. `relative` is the spread
    of the step itself; `of_range` is the definition of Chen, Peng and Yu, IEDM 2017 (NeuroSim):
    relative to the whole range."""

    relative: float = 0.0
    of_range: float = 0.0

    def __post_init__(self) -> None:
        _check("cycle to cycle", relative=self.relative, of_range=self.of_range)

    def after_pulse(self, before: Crossbar, after: Crossbar, rng: np.random.Generator) -> Crossbar:
        """Return the array after a pulse with its steps spread; stuck cells stay."""
        if after.device is None or not after.device.memory:
            return after
        one = rng.standard_normal(after.shape)
        two = rng.standard_normal(after.shape) if self.of_range else np.zeros(after.shape)
        state = np.array(after.state_or_zeros())
        new, old = (a if a.ndim == 2 else a[0] for a in (state, before.state_or_zeros()))
        ends = end_states(after)
        low, high = np.minimum(*ends), np.maximum(*ends)
        step, span = new - old, high - low
        spread = step * (1.0 + self.relative * one) + span * self.of_range * two
        new[...] = np.where(np.abs(step) > 1e-9 * span, np.clip(old + spread, low, high), new)
        return after.with_state(state)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadNoise:
    """Gaussian spread of every cell's conductance from read to read: G·(1 + relative·N(0, 1)), cut
    at 0 S (beyond 1/relative deviations)."""

    relative: float = 0.0

    def __post_init__(self) -> None:
        _check("read noise", relative=self.relative)

    def before_read(self, array: Crossbar, rng: np.random.Generator) -> Crossbar:
        """Return the array as one read sees it."""
        return with_factors(
            array, np.maximum(1.0 + self.relative * rng.standard_normal(array.shape), 0.0)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TelegraphNoise:
    """A trap beside the filament of every cell: while it holds a charge, the conductance is lower
    by `amplitude` of itself.

    Capture and emission are Poisson processes (Machlup, J. Appl. Phys. 25, 341, 1954): the share of
    time with the trap full is capture^-1/(capture^-1 + emission^-1) = emission_s/(capture_s +
    emission_s), and the correlation falls as exp(−t(1/capture_s + 1/emission_s)).

    Attributes
    ----------
    amplitude : float
        ΔG/G, 0 to 1.
    capture_s, emission_s : float
        Mean time with the trap empty, and with it full.
    """

    amplitude: float = 0.0
    capture_s: float = 1e-3
    emission_s: float = 1e-3

    def __post_init__(self) -> None:
        _check(
            "telegraph noise",
            amplitude=self.amplitude,
            capture_s=self.capture_s,
            emission_s=self.emission_s,
        )
        if self.amplitude > 1 or not (
            np.isfinite(self.capture_s)
            and np.isfinite(self.emission_s)
            and self.capture_s > 0
            and self.emission_s > 0
        ):
            raise InputError(f"{self}: expected an amplitude of at most 1, and times above 0 s")

    @property
    def full_share(self) -> float:
        """Share of the time that a trap is full."""
        return self.emission_s / (self.capture_s + self.emission_s)

    def traps(self, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.bool_]:
        """Return which traps are full, long after anything happened."""
        return rng.random(shape) < self.full_share

    def later(
        self, traps: NDArray[np.bool_], seconds: float, rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        """Return which traps are full `seconds` later."""
        _check("telegraph noise", seconds=seconds)
        keep = np.exp(-seconds * (1.0 / self.capture_s + 1.0 / self.emission_s))
        chance = self.full_share + (np.asarray(traps, dtype=float) - self.full_share) * keep
        return np.asarray(rng.random(traps.shape) < chance)

    def with_traps(self, array: Crossbar, traps: NDArray[np.bool_]) -> Crossbar:
        """Return the array as a read sees it with these traps full."""
        return with_factors(array, 1.0 - self.amplitude * np.asarray(traps, dtype=float))

    def before_read(self, array: Crossbar, rng: np.random.Generator) -> Crossbar:
        """Return the array as a read sees it that is long after the one before (for closer ones use
        `traps` and `later`)."""
        return self.with_traps(array, self.traps(array.shape, rng))


@dataclass(frozen=True, kw_only=True, slots=True)
class RetentionDrift:
    """Conductance that falls at rest as a power of time: G(t) = G(0)·(1 + t/t0)^−ν, ν = exponent·(1
    + spread·N(0, 1)), not below 0, a cell.

    The form of phase-change cells (Ielmini, Lacaita and Mantegazza, IEEE TED 54(2), 308, 2007),
    used for slow losses in general."""

    exponent: float = 0.0
    spread: float = 0.0
    t0_s: float = 1.0

    def __post_init__(self) -> None:
        _check("retention", exponent=self.exponent, spread=self.spread, t0_s=self.t0_s)
        if not np.isfinite(self.t0_s) or self.t0_s <= 0:
            raise InputError(f"retention: t0_s = {self.t0_s!r}; expected seconds, above 0")

    def exponents(self, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
        """Return ν of every cell."""
        return np.asarray(
            np.maximum(self.exponent * (1.0 + self.spread * rng.standard_normal(shape)), 0.0)
        )

    def rested(
        self,
        array: Crossbar,
        seconds: float,
        exponents: ArrayLike | None = None,
        *,
        since_s: float = 0.0,
    ) -> Crossbar:
        """Return the array after a rest of `seconds` that began `since_s` after it was programmed;
        stuck cells stay.

        States move; a conductance below that of the last state is carried as a factor on the
        current, until a pulse moves the cell.

        Parameters
        ----------
        exponents : (rows, cols), optional
            ν of every cell, from `exponents`; the same in all if left out.
        """
        _check("retention", seconds=seconds, since_s=since_s)
        nu = self.exponent if exponents is None else np.asarray(exponents, dtype=float)
        factors = np.broadcast_to(
            ((self.t0_s + since_s + seconds) / (self.t0_s + since_s)) ** -np.asarray(nu),
            array.shape,
        )
        return moved_by_factors(
            array, factors if array.stuck is None else np.where(array.stuck, 1.0, factors)
        )
