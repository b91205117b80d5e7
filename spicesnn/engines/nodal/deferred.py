"""Reads whose node voltages are solved for on demand: those that were asked for without, and large
batches, whose column currents come from the effective conductance.

Ten thousand inputs of a 784×100 array have 6 GB of node voltages, which nobody wants to wait for.
Here `column_amps` is there at once; `row_amps`, `word_line_volts` and `bit_line_volts` are solved
for when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable

from spicesnn.arrays import Floats
from spicesnn.engines.results import Read


class DeferredRead(Read):
    """A `Read` whose voltages, and row currents where they are not given, are solved for on first
    use.

    Of column currents from an effective conductance, `residual_amps` is an upper bound of the error
    of each input's: what Kirchhoff's law could leave over at a sense node."""

    __slots__ = ("_full", "_row_amps", "_solve")
    _full: Read | None
    _row_amps: Floats | None
    _solve: Callable[[], Read]

    def __init__(
        self,
        *,
        column_amps: Floats,
        residual_amps: Floats,
        stats: dict[str, object],
        solve: Callable[[], Read],
        row_amps: Floats | None = None,
    ) -> None:
        values = {
            "column_amps": column_amps,
            "residual_amps": residual_amps,
            "stats": stats,
            "_solve": solve,
            "_row_amps": row_amps,
            "_full": None,
        }
        for name, value in (
            values | dict.fromkeys(("array", "row_volts", "column_volts", "gate_volts"))
        ).items():
            object.__setattr__(self, name, value)

    def _solved(self) -> Read:
        full = self._full
        if full is None:
            full = self._solve()
            object.__setattr__(self, "_full", full)
        return full

    @property
    def row_amps(self) -> Floats:
        """Current from each driver into its word line, (batch, rows), ampere."""
        return self._solved().row_amps if self._row_amps is None else self._row_amps

    @property
    def word_line_volts(self) -> Floats:
        """Voltage of each cell's word-line terminal, (batch, rows, cols), volt."""
        return self._solved().word_line_volts

    @property
    def bit_line_volts(self) -> Floats:
        """Voltage of each cell's bit-line terminal, (batch, rows, cols), volt."""
        return self._solved().bit_line_volts
