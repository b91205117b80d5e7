"""Programming error, drift and read noise of published devices, as named sets.

Each set gives standard deviations and drift exponents as functions of the conductance that was
asked for; the numbers are fits to the publications' figures, cited with each. They act on a cell as
a factor on its current, at any voltage, on both engines alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spicesnn.arrays import Floats, check_generator, number
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.noise import with_factors
from spicesnn.errors import InputError, UnknownNameError
from spicesnn.guesses import nearest

_MICRO = 1e-6
_SLACK = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedCells:
    """What a publication says about its cells.

    Attributes
    ----------
    name, reference : str
    lowest_siemens, highest_siemens : float
        Where the set holds.
    programming : callable
        Standard deviation of the programmed conductance (S) from the one asked for (S).
    drift : callable or None
        Mean and standard deviation of the exponent ν of G(t) = G(t0)·(t/t0)^−ν, from the
        conductance (S).
    read : callable or None
        Standard deviation of a read, relative to the conductance, from the conductance asked for
        (S) and the time since programming (s).
    t0_s : float
        When the programmed conductance is measured, and drift begins, second.
    """

    name: str
    reference: str
    lowest_siemens: float
    highest_siemens: float
    programming: Callable[[Floats], Floats]
    drift: Callable[[Floats], tuple[Floats, Floats]] | None = None
    read: Callable[[Floats, float], Floats] | None = None
    t0_s: float = 1.0

    def check(self, siemens: Floats) -> None:
        """Raise `InputError` for conductances that the set says nothing about; open cells (0 S) are
        left out.
        """
        wrong = (siemens > self.highest_siemens * (1 + _SLACK)) | (
            (siemens > 0) & (siemens < self.lowest_siemens * (1 - _SLACK))
        )
        if np.any(wrong):
            i, j = np.argwhere(wrong)[0]
            raise InputError(
                f"{self.name}: cell ({i}, {j}) has {siemens[i, j] / _MICRO:.4g} µS; the set holds "
                "for "
                f"{self.lowest_siemens / _MICRO:g} to {self.highest_siemens / _MICRO:g} µS: use a "
                "device "
                "whose window lies within"
            )

    def programmed(self, array: Crossbar, rng: np.random.Generator) -> Crossbar:
        """Return an array as programming to its conductances leaves it: G + σ(G)·N(0, 1), not below
        0; stuck cells stay.
        """
        check_generator(rng, f"{self.name}: programmed")
        wanted = array.cell_conductance()
        self.check(wanted)
        got = np.maximum(wanted + self.programming(wanted) * rng.standard_normal(array.shape), 0.0)
        return _scaled(array, _ratio(got, wanted))

    def drifted(
        self,
        array: Crossbar,
        seconds: float,
        rng: np.random.Generator,
        *,
        asked: Floats | None = None,
    ) -> Crossbar:
        """Return an array so long after it was programmed; exponents are drawn.

        Parameters
        ----------
        array : Crossbar
            As it was programmed.
        seconds : float
            Since programming; up to `t0_s` nothing moves.
        rng : numpy.random.Generator
            The same seed gives every cell the same exponent at any time.
        asked : (rows, cols), optional
            The conductances asked for, siemens; those of the array if left out.
        """
        if number(seconds, f"{self.name}: seconds", "seconds, 0 or more") < 0:
            raise InputError(f"{self.name}: seconds = {seconds!r}; expected 0 or more")
        check_generator(rng, f"{self.name}: drifted")
        if self.drift is None:
            return array
        mean, spread = self.drift(array.cell_conductance() if asked is None else asked)
        nu = mean + spread * rng.standard_normal(array.shape)
        return _scaled(array, (max(seconds, self.t0_s) / self.t0_s) ** -nu)

    def before_read(
        self, array: Crossbar, rng: np.random.Generator, *, seconds: float = 0.0
    ) -> Crossbar:
        """Return the array as one read sees it, so long after programming (`t0_s` at least); read
        noise is on stuck cells too.
        """
        check_generator(rng, f"{self.name}: before_read")
        if self.read is None:
            return array
        relative = self.read(array.cell_conductance(), max(seconds, self.t0_s))
        return with_factors(
            array, np.maximum(1.0 + relative * rng.standard_normal(array.shape), 0.0)
        )


def _ratio(got: Floats, wanted: Floats) -> Floats:
    return np.divide(got, wanted, out=np.ones_like(wanted), where=wanted > 0)


def _scaled(array: Crossbar, factors: Floats) -> Crossbar:
    return with_factors(
        array, factors if array.stuck is None else np.where(array.stuck, 1.0, factors)
    )


# -- the sets ----------------------------------------------------------------------------------

_PCM_MOST, _PCM_LEAST = 25e-6, 1e-8
_PULSE_S = 250e-9


def _pcm_programming(siemens: Floats) -> Floats:
    g = siemens / _PCM_MOST
    return np.asarray(np.maximum(-1.1731 * g**2 + 1.9650 * g + 0.2635, 0.0) * _MICRO)


def _pcm_share(siemens: Floats) -> Floats:
    return np.maximum(siemens / _PCM_MOST, _PCM_LEAST / _PCM_MOST)


def _pcm_drift(siemens: Floats) -> tuple[Floats, Floats]:
    log = np.log(_pcm_share(siemens))
    return np.clip(-0.0155 * log + 0.0244, 0.049, 0.1), np.clip(
        -0.0125 * log - 0.0059, 0.008, 0.045
    )


def _pcm_read(siemens: Floats, seconds: float) -> Floats:
    q = np.minimum(0.0088 / _pcm_share(siemens) ** 0.65, 0.2)
    return np.asarray(q * np.sqrt(np.log((seconds + _PULSE_S) / (2 * _PULSE_S))))


def _wan_programming(siemens: Floats) -> Floats:
    g = siemens / _MICRO
    return np.asarray(
        np.maximum(1.536e-4 * g**3 - 1.167e-2 * g**2 + 2.374e-1 * g + 1.053, 0.0) * _MICRO
    )


def _milo_programming(siemens: Floats) -> Floats:
    return np.asarray(np.maximum(4.782321 - 0.009107 * siemens / _MICRO, 0.0) * _MICRO)


_SETS = {
    one.name: one
    for one in (
        PublishedCells(
            name="pcm-joshi-2020",
            reference=(
                "Joshi et al., Nature Communications 11, 2473, 2020; equations of Nandakumar et"
                " al., ICECS 2019, 727: doped Ge2Sb2Te5 cells programmed by write-verify"
            ),
            lowest_siemens=0.0,
            highest_siemens=_PCM_MOST,
            programming=_pcm_programming,
            drift=_pcm_drift,
            read=_pcm_read,
            t0_s=20.0,
        ),
        PublishedCells(
            name="rram-wan-2022",
            reference=(
                "Wan et al., Nature 608, 504, 2022, Extended Data Fig. 3d: HfOx cells 1 s after "
                "write-verify; cubic fit of CrossSim"
            ),
            lowest_siemens=0.0,
            highest_siemens=40e-6,
            programming=_wan_programming,
        ),
        PublishedCells(
            name="rram-milo-2021",
            reference=(
                "Milo et al., IRPS 2021, Fig. 4 (IGVVA-100): HfO2 cells; linear fit of CrossSim"
            ),
            lowest_siemens=50e-6,
            highest_siemens=225e-6,
            programming=_milo_programming,
        ),
    )
}
PUBLISHED = tuple(_SETS)
"""Names of the sets."""


def published_cells(name: str) -> PublishedCells:
    """Return a published set by name.

    Raises
    ------
    UnknownNameError
        There is no such set; the message lists those there are.
    """
    if name not in _SETS:
        raise UnknownNameError(
            f"no published set {name!r:.60}{nearest(str(name), PUBLISHED)} There are: "
            f"{', '.join(PUBLISHED)}"
        )
    return _SETS[name]
