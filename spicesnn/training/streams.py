"""Random numbers by purpose and index: the same on every engine, and after a resume, whatever was
drawn before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_PURPOSES = (
    "split",
    "initial",
    "order",
    "subset",
    "cycle",
    "device",
    "stuck",
    "encoding",
    "start",
    "read",
    "answer",
    "hold",
    "wear",
    "rest",
)


@dataclass(frozen=True, slots=True)
class Streams:
    """All random draws of a run follow from `seed`."""

    seed: int

    def draw(self, purpose: str, *index: int) -> np.random.Generator:
        """Return a fresh generator for a purpose and, say, the number of the update."""
        return np.random.Generator(
            np.random.PCG64(
                np.random.SeedSequence(self.seed, spawn_key=(_PURPOSES.index(purpose), *index))
            )
        )
