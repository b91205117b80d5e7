"""Helpers: hand-written decks as circuits, and a pool of one worker."""

from __future__ import annotations

from pathlib import Path

from spicesnn.engines.ngspice import checks
from spicesnn.engines.ngspice.circuit import Answer, Circuit, Job
from spicesnn.engines.ngspice.failures import Keeper
from spicesnn.engines.ngspice.pool import Pool, PoolSettings
from spicesnn.engines.ngspice.session import Patience

GOOD = "divider\nv1 in 0 1\nr1 in out 1k\nr2 out 0 1k\n.end\n"


def pool(
    tmp_path: Path | None = None, *, job_s: float = 30.0, silence_s: float = 10.0, **settings: int
) -> Pool:
    return Pool(
        PoolSettings(patience=Patience(job_s=job_s, silence_s=silence_s), **settings),
        Keeper(tmp_path),
    )


def circuit(text: str, vectors: tuple[str, ...] = ("out",)) -> Circuit:
    return Circuit(
        key=(text, vectors), text=text, vectors=vectors, externals=(), alterable={}, deck=None
    )  # type: ignore[arg-type]


def job(text: str, analysis: str = "op", **commands: str) -> Job:
    return Job(analysis=analysis, standalone=lambda: text, commands=commands)


def run(
    on: Pool, text: str, vectors: tuple[str, ...] = ("out",), analysis: str = "op", **commands: str
) -> Answer:
    loaded = circuit(text, vectors)

    def check(answer: Answer) -> Answer:
        checks.common(answer, loaded.vectors)
        return answer

    return on.run(loaded, job(text, analysis, **commands), check)
