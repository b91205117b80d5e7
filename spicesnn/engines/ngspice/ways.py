"""Ways to an answer: how ngspice is led to one where the first way does not get there or takes too
long, in the order in which they are tried.

**Reads** of nonlinear cells. Newton's method alone comes first: it needs a few steps, or gives up
after 500. ngspice's own next step, gmin stepping, may go on for ten minutes where strongly
nonlinear cells sit behind wires (12 x 4 JART cells at 0.2 V whose barrier is written as a current
exponential in its voltage), while inputs that come up in four steps are solved in 0.1 s. So ramps
come before what ngspice would do of itself. Newton's method may also stop at what is no solution,
which the laws of the circuit tell: that too leads on to the next way. Sources that are stepped from
0, and the circuit let go in time, are left for circuits in which a conductance to ground at every
node leads astray.

**Pulses.** The states are initial conditions and all lines begin at 0 V, so that the first volts
are a step for Newton's method, and one deck serves many pulses. Cells of a transistor and a
memristor in series may not get over that step however short it is made (a tenth of random pulses);
the operating point of the first volts, the states held, has ngspice's helps (gmin and source
stepping). It is a way only where nothing but the states remembers a charge. Within a pulse Newton's
method may run to voltages that no number holds (a current exponential in a temperature that is a
product of voltages); ngspice then cuts its step, but starts again from where it ran to, and ends in
"Timestep too small". Steps that are short from the start do not lead there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from spicesnn.errors import NgspiceError, NgspiceTimeoutError

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to an answer.

    Attributes
    ----------
    name : str
    share : float
        Part of the time of one job that it may take where another way is left.
    steps : int
        Of a read, from one input to the next of a batch; only the last of them is kept. Of a pulse,
        how many times as many as its tolerances ask for at least.
    optran : str
        What ngspice may do about a first point of a read that Newton's method does not reach:
        ``optran NEWTON GMIN SOURCE STEP END RAMP``.
    settled : bool
        Whether a pulse begins at the operating point of its first volts, and not at 0 V.
    slower : bool
        Whether it takes longer than those before, and is no way where they took too long.
    """

    name: str
    share: float
    steps: int = 1
    optran: str = ""
    settled: bool = False
    slower: bool = False

    def seconds(self, job_s: float, *, last: bool) -> float | None:
        """Return the longest time, seconds, if it is shorter than that of any job, `job_s`."""
        return None if last else self.share * job_s


READS = (
    Way("direct", 0.2, 1, "optran 1 0 0 0 0 0"),
    Way("ramp of 4", 0.2, 4, "optran 1 0 0 0 0 0"),
    Way("ramp of 16", 0.2, 16, "optran 1 0 0 0 0 0"),
    Way("ramp of 128", 0.2, 128, "optran 1 0 0 0 0 0"),
    Way("gmin stepping", 0.2, 1, "optran 0 1 0 0 0 0"),
    Way("source stepping", 0.2, 1, "optran 0 0 1 0 0 0"),
    Way("pseudo-transient", 0.2, 1, "optran 0 0 0 1n 1u 0"),
)
PULSES = (
    Way("from 0 V", 0.5),
    Way("from the operating point", 0.5, settled=True),
    Way("in short steps", 0.5, 20, slower=True),
)


def led(ways: Sequence[Way], attempt: Callable[[Way, bool], Result]) -> tuple[Way, Result]:
    """Try one way after the other.

    Parameters
    ----------
    ways : sequence of Way
    attempt : callable
        Goes a way; the second argument says whether it is the last for one that takes too long.

    Returns
    -------
    tuple of Way and what `attempt` returned

    Raises
    ------
    NgspiceError
        None led to an answer. ngspice's own reason says more than that a way took too long.
    """
    failures: dict[str, NgspiceError] = {}
    for k, way in enumerate(ways):
        if way.slower and any(isinstance(f, NgspiceTimeoutError) for f in failures.values()):
            continue
        try:
            return way, attempt(way, all(other.slower for other in ways[k + 1 :]))
        except NgspiceError as failed:
            failures[way.name] = failed
    *_, last = failures.values()
    told = next((f for f in failures.values() if not isinstance(f, NgspiceTimeoutError)), last)
    if len(failures) == 1:
        raise told
    raise type(told)(
        f"ways tried: {', '.join(failures)}",
        reason=str(told).splitlines()[0],
        deck_path=last.deck_path,
        log=told.log,
    )
