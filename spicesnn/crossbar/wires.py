"""The wires of an array: resistance of the segments, the drivers and the sense inputs."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.arrays import brief, owned
from spicesnn.errors import InputError


@dataclass(frozen=True, eq=False, slots=True)
class Wires:
    """Wire parasitics of a crossbar.

    Word line i is driven at column 0 through ``driver_ohm`` and one segment; bit line j is sensed at the last row through
    one segment and ``sense_ohm``; one segment lies between neighbouring cells; far ends float unless `double_sided`.
    0 Ω is exact: the nodes it joins are one node. The four resistances may be given by position: ``Wires(1.0, 1.0)``.

    Attributes
    ----------
    word_line_ohm, bit_line_ohm : float
        Resistance of one segment, ohm, ≥ 0.
    driver_ohm : float | (rows,) array
        Output resistance of the word-line drivers, ohm, ≥ 0.
    sense_ohm : float | (cols,) array
        Input resistance of the bit-line sense nodes, ohm, ≥ 0.
    double_sided : bool
        Whether word lines are driven, and bit lines sensed, from both ends (through the same resistances on either side).
    word_line_farad, bit_line_farad : float
        Capacitance to ground of each node of a line, farad, ≥ 0; only transients use it.
    """

    word_line_ohm: float = 1.0
    bit_line_ohm: float = 1.0
    driver_ohm: float | NDArray[np.float64] = 0.0
    sense_ohm: float | NDArray[np.float64] = 0.0
    double_sided: bool = field(default=False, kw_only=True)
    word_line_farad: float = field(default=0.0, kw_only=True)
    bit_line_farad: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        for entry in fields(self):
            if entry.name == "double_sided":
                if not isinstance(self.double_sided, bool | np.bool_):
                    raise InputError(f"wires: double_sided = {self.double_sided!r:.60}; expected True or False")
                continue
            value = owned(getattr(self, entry.name), f"wires: {entry.name}", "numbers in SI units, 0 or more")
            per_line = entry.name in ("driver_ohm", "sense_ohm")
            if value.ndim > (1 if per_line else 0):
                raise InputError(f"wires: {entry.name} has shape {value.shape}; expected one number{' or one a line' if per_line else ''}")
            if not np.all(np.isfinite(value)) or np.any(value < 0):
                raise InputError(f"wires: {entry.name} = {brief(getattr(self, entry.name))}; expected a finite number, 0 or more")
            object.__setattr__(self, entry.name, value if value.ndim else float(value))

    @classmethod
    def ideal(cls) -> Wires:
        """Return wires without resistance."""
        return cls(word_line_ohm=0.0, bit_line_ohm=0.0)

    def checked_for(self, rows: int, cols: int) -> Wires:
        """Return self after checking that per-line resistances fit an array of (rows, cols)."""
        if isinstance(self.driver_ohm, float) and isinstance(self.sense_ohm, float):
            return self
        for name, count, lines in (("driver_ohm", rows, "rows"), ("sense_ohm", cols, "cols")):
            shape = np.shape(getattr(self, name))
            if shape not in ((), (count,)):
                raise InputError(f"wires: {name} has shape {shape}, but the array has {count} {lines}; expected one number or shape ({count},)")
        return self

    def describe(self) -> dict[str, Any]:
        """Return the parameters as plain numbers and lists, for run files and reports."""
        return {e.name: (v.tolist() if isinstance(v := getattr(self, e.name), np.ndarray) else v) for e in fields(self)}
