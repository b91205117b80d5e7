"""What a worker may see and do beside its decks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from spicesnn.netlist.init import Init, files_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What a worker may see and do beside its decks.

    Attributes
    ----------
    confined : bool
        Whether it gives up, where the system can take it, to start programs, to open sockets and to
        touch files (`confinement`).
    init : tuple of str
        What ngspice is told, as `spicesnn.netlist.init.checked_init` returns it: commands once,
        before the first deck; options with every deck.
    """

    confined: bool = True
    init: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """Return the worker's arguments: its mode, and the files of the init, which it may read."""
        return ["confined" if self.confined else "free", *map(str, files_of(self.init))]

    def and_of(self, own: Init) -> Surroundings:
        """Return the surroundings with the init of a device behind the engine's own."""
        return replace(self, init=(*self.init, *own.lines)) if own.lines else self
