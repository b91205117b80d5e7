"""Cells that do not work: stuck at the highest or the lowest conductance, by a map or at random;
worn out after too many pulses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spicesnn.arrays import Floats, flags, locked, number, numbers, owned
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.errors import DataError, InputError
from spicesnn.file_kinds import check_is_file, unreadable

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class StuckMap:
    """Which cells are stuck.

    Attributes
    ----------
    on, off : (rows, cols) bool
        Stuck at the highest, and at the lowest conductance.
    still : (rows, cols) bool, optional
        Stuck wherever they happen to be.
    on_siemens, off_siemens : float, optional
        Conductances of the cells that are stuck on and off; the bounds of the device if left out
        (plain conductances have none).
    """

    on: Mask
    off: Mask
    still: Mask | None = None
    on_siemens: float | None = None
    off_siemens: float | None = None

    def __post_init__(self) -> None:
        on, off = flags(self.on, "stuck map: on"), flags(self.off, "stuck map: off")
        still = (
            locked(np.zeros_like(on))
            if self.still is None
            else flags(self.still, "stuck map: still")
        )
        if on.ndim != 2 or on.shape != off.shape or on.shape != still.shape:
            raise InputError(
                f"stuck map: on has shape {on.shape}, off {off.shape} and still {still.shape};"
                " expected (rows, cols) for all"
            )
        twice = (on & off) | (on & still) | (off & still)
        if np.any(twice):
            i, j = np.argwhere(twice)[0]
            raise InputError(f"stuck map: cell ({i}, {j}) is stuck in two ways, such as on and off")
        for name, mask in (("on", on), ("off", off), ("still", still)):
            object.__setattr__(self, name, mask)
        for name in ("on_siemens", "off_siemens"):
            given = getattr(self, name)
            if given is not None and number(given, f"stuck map: {name}", "siemens") < 0:
                raise InputError(f"stuck map: {name} = {given!r}; expected siemens, 0 or more")

    @classmethod
    def drawn(
        cls,
        shape: tuple[int, int],
        rng: np.random.Generator,
        *,
        on: float = 0.0,
        off: float = 0.0,
        still: float = 0.0,
    ) -> Self:
        """Return a map with independent cells: each is stuck on with probability `on`, off with
        `off`, where it is with `still`.

        Chen et al., IEEE Trans. Computers 64(1), 180, 2015, report 1.75 % of cells stuck at one end
        and 9.04 % at the other in a 4 Mb array."""
        if not (0 <= on <= 1 and 0 <= off <= 1 and 0 <= still <= 1 and on + off + still <= 1):
            raise InputError(
                f"stuck map: on = {on!r}, off = {off!r}, still = {still!r}; expected probabilities"
                " with a sum of at most 1"
            )
        dice = rng.random(shape)
        return cls(
            on=dice < on,
            off=(dice >= on) & (dice < on + off),
            still=(dice >= on + off) & (dice < on + off + still),
        )

    def within(self, place: Mask | None) -> StuckMap:
        """Return the map with the stuck cells of a place (rows, cols), or of what broadcasts to it,
        alone; None: all of them."""
        if place is None:
            return self
        assert self.still is not None
        return replace(self, on=self.on & place, off=self.off & place, still=self.still & place)

    @classmethod
    def from_codes(cls, codes: ArrayLike) -> Self:
        """Return a map from one number a cell: 1 stuck on, −1 stuck off, 2 stuck where it is, 0
        working (as a CSV file has it)."""
        values = numbers(codes, "stuck map: codes", "codes")
        if values.ndim != 2 or not np.all(np.isin(values, (-1.0, 0.0, 1.0, 2.0))):
            raise InputError(
                f"stuck map: codes of shape {values.shape}; expected (rows, cols) of 1 (stuck on),"
                " −1 (stuck off), 2 (stuck where it is) and 0 (working)"
            )
        return cls(on=values == 1, off=values < 0, still=values == 2)

    @classmethod
    def from_csv(cls, path: str | Path) -> Self:
        """Return a map from a file of `from_codes`, one row of the array a line, numbers separated
        by commas.

        Raises
        ------
        DataError
            The file is not a table of numbers.
        """
        check_is_file(path, "a stuck map (.csv)")
        try:
            codes = np.loadtxt(path, delimiter=",", ndmin=2, encoding="utf-8-sig")
        except OSError as error:
            raise unreadable(path, error, "a stuck map") from None
        except ValueError:  # what stands in the file is not repeated: it may be any file
            raise DataError(
                f"{path} is not a stuck map; expected a line of 1, -1, 2 and 0 a word line,"
                " separated by commas"
            ) from None
        return cls.from_codes(codes)

    @property
    def any(self) -> Mask:
        """Cells that are stuck, whichever way."""
        assert self.still is not None
        return self.on | self.off | self.still

    def applied(
        self, array: Crossbar, *, on_siemens: float | None = None, off_siemens: float | None = None
    ) -> Crossbar:
        """Return the array with these cells stuck.

        Parameters
        ----------
        array : Crossbar
            Cells with states are put to the bound of highest or lowest conductance, and never move
            again (`Crossbar.stuck`).
        on_siemens, off_siemens : float, optional
            In place of the map's own.
        """
        if self.on.shape != array.shape:
            raise InputError(f"stuck map: shape {self.on.shape}; the array has {array.shape}")
        on_siemens = self.on_siemens if on_siemens is None else on_siemens
        off_siemens = self.off_siemens if off_siemens is None else off_siemens
        if array.conductance is not None:
            siemens = array.conductance
            for name, cells, value in (("on", self.on, on_siemens), ("off", self.off, off_siemens)):
                if value is not None:
                    siemens = np.where(cells, value, siemens)
                elif np.any(cells):
                    raise InputError(
                        f"stuck map: {name}_siemens is left out, and plain conductances have no"
                        f" bounds; expected the conductance of cells that are stuck {name}"
                        " (Imperfections(stuck_siemens=(lowest, highest)) where they are drawn)"
                    )
            return array.with_conductance(siemens)
        low, high = end_states(array)
        assert array.device is not None
        if on_siemens is not None:
            high = np.broadcast_to(array.device.state_for_conductance(on_siemens), high.shape)
        if off_siemens is not None:
            low = np.broadcast_to(array.device.state_for_conductance(off_siemens), low.shape)
        state = np.array(array.state_or_zeros())
        first = state[0] if state.ndim == 3 else state
        first[...] = np.where(self.on, high, np.where(self.off, low, first))
        before = np.zeros(array.shape, dtype=bool) if array.stuck is None else array.stuck
        return replace(array, state=state, stuck=before | self.any)


def end_states(array: Crossbar) -> tuple[Floats, Floats]:
    """Return the states of lowest and of highest conductance of every cell, (rows, cols) each (of
    the first state variable)."""
    assert array.device is not None
    bounds = [np.asarray(b, dtype=float) for b in array.device.bounds()]
    several = len(array.device.state_names) > 1
    ends = [np.broadcast_to(b[0] if several and b.ndim else b, array.shape) for b in bounds]
    stacks = [_with_first(array, end) for end in ends]
    siemens = [np.broadcast_to(array.device.conductance(0.0, s), array.shape) for s in stacks]
    rising = siemens[1] >= siemens[0]
    return np.where(rising, ends[0], ends[1]), np.where(rising, ends[1], ends[0])


def _with_first(array: Crossbar, first: Floats) -> Floats:
    if array.state_or_zeros().ndim == 2:
        return first
    return np.concatenate([first[None], array.state_or_zeros()[1:]])


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Wear:
    """How worn the cells are.

    Attributes
    ----------
    cycles : (rows, cols)
        What has been spent: sum of changes of state over the range; one full set and one full reset
        are 2.
    limit : (rows, cols)
        What each cell can take.
    fails_on : (rows, cols) bool
        Whether it will stick at its highest conductance (else the lowest).
    """

    cycles: Floats
    limit: Floats
    fails_on: Mask

    def __post_init__(self) -> None:
        cycles, limit = owned(self.cycles, "wear: cycles"), owned(self.limit, "wear: limit")
        if (
            cycles.shape != limit.shape
            or not np.all(np.isfinite(cycles))
            or np.any(cycles < 0)
            or not np.all(limit > 0)
        ):
            raise InputError(
                f"wear: cycles of shape {cycles.shape} and limits of shape {limit.shape}; expected"
                " numbers of one shape, 0 or more"
            )
        object.__setattr__(self, "cycles", cycles)
        object.__setattr__(self, "limit", limit)
        object.__setattr__(self, "fails_on", flags(self.fails_on, "wear: fails_on", cycles.shape))

    @property
    def dead(self) -> Mask:
        """Cells past what they can take, (rows, cols)."""
        return np.asarray(self.cycles > self.limit)


@dataclass(frozen=True, kw_only=True, slots=True)
class Endurance:
    """After so much switching a cell sticks.

    Life is counted in full swings of the state, so that small learning pulses cost little; limits
    are log-normal from cell to cell.

    Attributes
    ----------
    swings : float
        Median life, in full swings.
    spread : float
        Standard deviation of the natural logarithm of the life.
    on_share : float
        Share of the cells that fail on.
    """

    swings: float = 1e6
    spread: float = 0.5
    on_share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("swings", "spread", "on_share"):
            number(getattr(self, name), f"endurance: {name}")
        if not (
            np.isfinite(self.swings)
            and self.swings > 0
            and np.isfinite(self.spread)
            and self.spread >= 0
            and 0 <= self.on_share <= 1
        ):
            raise InputError(
                f"{self}: expected swings above 0, spread 0 or more, on_share from 0 to 1"
            )

    def fresh(self, shape: tuple[int, int], rng: np.random.Generator) -> Wear:
        """Return unused cells, their lives drawn."""
        limit = self.swings * np.exp(self.spread * rng.standard_normal(shape))
        return Wear(cycles=np.zeros(shape), limit=limit, fails_on=rng.random(shape) < self.on_share)

    def aged(self, wear: Wear, before: Crossbar, after: Crossbar) -> tuple[Crossbar, Wear]:
        """Return the array and its wear after a pulse: cells past their limit are stuck from now
        on."""
        low, high = end_states(before)
        old, new = (
            a.state_or_zeros() if a.state_or_zeros().ndim == 2 else a.state_or_zeros()[0]
            for a in (before, after)
        )
        cycles = wear.cycles + np.abs(new - old) / np.abs(high - low)
        dead = (cycles > wear.limit) & ~(
            np.zeros(after.shape, dtype=bool) if after.stuck is None else after.stuck
        )
        changed = (
            StuckMap(on=dead & wear.fails_on, off=dead & ~wear.fails_on).applied(after)
            if np.any(dead)
            else after
        )
        return changed, replace(wear, cycles=cycles)
