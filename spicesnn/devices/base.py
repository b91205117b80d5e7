"""The contract of a device model: one Python class and one SPICE file with the same equations.

A device is a frozen dataclass whose fields are its parameters, each with a unit and a meaning
(`parameter`). A field may hold one number or an array that broadcasts against the crossbar, so that
every cell can be its own device. All functions are elementwise: `v`, `x` and `gate` broadcast
against one another and against array parameters.

The sign convention is the same for every device: `v` is the voltage of the word-line terminal `p`
minus that of the bit-line terminal `n`, and the current is positive when it flows from `p` through
the device to `n`."""

from __future__ import annotations

import dataclasses
import enum
import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats, brief, owned
from spicesnn.errors import InputError, UnknownNameError
from spicesnn.guesses import HintingABC, hinted
from spicesnn.shown import shown
from spicesnn.units import quantity

if TYPE_CHECKING:
    from spicesnn.devices.equations import CellCode


def parameter(
    default: float,
    unit: str,
    meaning: str,
    *,
    lowest: float = -math.inf,
    highest: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> Any:
    """Declare one model parameter: its default, SI unit, meaning and the range in which the model
    is defined.

    `lowest` and `highest` are allowed themselves; `above` and `below` are open limits (``above=0``
    for "positive")."""
    limits = {"lowest": lowest, "highest": highest, "above": above, "below": below}
    return field(default=default, metadata={"unit": unit, "meaning": meaning, **limits})


def choice(default: enum.Enum, meaning: str) -> Any:
    """Declare a field that picks one of a few forms of the equations, such as a window; `default`
    is a member of its enum."""
    return field(default=default, metadata={"choices": type(default), "meaning": meaning})


_WORDS = {
    "iv": "sn.iv(device)",
    "plot": "sn.iv(device).plot()",
    "plot_iv": "sn.iv(device).plot()",
    "simulate": "sn.iv(device)",
    "parameters": "parameter_table(), or the attributes themselves",
    "params": "parameter_table(), or the attributes themselves",
    "resistance": "1 / conductance(v, state)",
    "state": "initial_state(), or sn.iv(device).state",
    "replace": "with_parameters(…)",
    "copy": "the device itself: it never changes; with_parameters(…) returns a new one",
    "set": "with_parameters(…)",
    "netlist": "sn.Crossbar(device=…, shape=(1, 1)).to_subcircuit()",
}


@hinted(_WORDS)
@dataclass(frozen=True, kw_only=True, eq=False)
class Device(metaclass=HintingABC):
    """A two-terminal memristive device, optionally with a third control terminal.

    The quasi-static device is ``i = current(v, x)`` with ``dx/dt = rate(v, x)`` and ``lo <= x <=
    hi``. With more than one state variable, `x` has a leading axis of length ``len(state_names)``.
    """

    name: ClassVar[str]
    """The name on the command line, such as ``vteam``."""
    reference: ClassVar[str]
    """The publication the equations come from."""
    model: ClassVar[str]
    """The SPICE file in `models/`, such as ``vteam.lib``, or a plug-in's own by its whole path; its
    sub-circuit has the file's stem as name."""
    state_names: ClassVar[tuple[str, ...]] = ("x",)
    """The state variables (empty for a device without memory); the SPICE pin of each has the same
    name."""
    state_units: ClassVar[tuple[str, ...]] = ("1",)
    state_scale: ClassVar[tuple[float, ...]] = (1.0,)
    """What one volt on the SPICE state node stands for, in state units: keeps node voltages near
    one."""
    spice_inner: ClassVar[str] = ""
    """Instance inside the sub-circuit that holds the state capacitors, such as ``xm.`` for a cell
    around a memristor."""
    gated: ClassVar[bool] = False
    """Whether the device has a third terminal, driven by `gate_volts`."""
    gate_default: ClassVar[float | None] = None
    """Level of the third terminal, in volts, at which the cell is on and can be written;
    `Engine.drive` takes it when none is given."""
    linear: ClassVar[bool] = True
    """Whether the current is proportional to `v` at a given state: ``current(v, x) ==
    conductance(0, x) * v``."""
    memory: ClassVar[bool] = True
    """Whether the state moves at all."""
    stops: ClassVar[bool] = False
    """Whether a comparison stops the state at its bounds at once, not a ramp shortly before
    them."""
    lowest_volts: ClassVar[float] = -math.inf
    """Below this voltage to ground a terminal conducts to ground (a body diode), which no engine
    that sees two terminals can solve."""
    set_polarity: ClassVar[int] = 0
    """+1: positive `v` raises the conductance; −1: positive `v` lowers it (VTEAM's convention); 0:
    no polarity."""
    spice_points: ClassVar[int] = 0
    """Least time points of a pulse in ngspice. A state that runs away shortens the step again and
    again, and ngspice rejects one step for each it takes; more points outside the run-away keep
    them below one in ten (``scripts/twins.py``)."""
    published: ClassVar[Mapping[str, Mapping[str, float]]] = {}
    """Named parameter sets from the literature: what each changes against the defaults."""

    def __post_init__(self) -> None:
        for entry in dataclasses.fields(self):
            if "choices" in entry.metadata and not isinstance(
                getattr(self, entry.name), entry.metadata["choices"]
            ):
                names = ", ".join(str(member) for member in entry.metadata["choices"])
                raise InputError(
                    f"{self.name}: {entry.name} is {getattr(self, entry.name)!r}; expected one of"
                    f" {names} (with_text({entry.name}=…) takes its name as text)"
                )
            if "unit" not in entry.metadata:
                continue
            value = self._own(entry.name)
            low, high, above = (entry.metadata[key] for key in ("lowest", "highest", "above"))
            below = entry.metadata.get("below", math.inf)
            if not np.all(np.isfinite(value)):
                raise InputError(
                    f"{self.name}: {entry.name} is {brief(value)}; expected a finite number in"
                    f" {entry.metadata['unit']}"
                )
            if (
                np.any(value < low)
                or np.any(value > high)
                or np.any(value <= above)
                or np.any(value >= below)
            ):
                span = f"> {above:g}" if above > -math.inf else f"in [{low:g}, {high:g}]"
                span = span if below == math.inf else _range(entry.metadata)
                raise InputError(
                    f"{self.name}: {entry.name} = {brief(value)} {entry.metadata['unit']} is"
                    f" outside its range; expected {span}"
                )
        self._check()

    def _own(self, name: str) -> Floats:
        """Put a copy in place of a parameter that is an array (a number stays a number), and return
        its values."""
        given = getattr(self, name)
        if isinstance(given, int | float):
            return np.asarray(given, dtype=float)
        values = owned(given, f"{self.name}: {name}")
        object.__setattr__(self, name, values if values.ndim else float(values))
        return values

    def _check(self) -> None:
        """Check what holds between parameters; raise `InputError`."""

    # -- the equations ----------------------------------------------------------------------------

    @abstractmethod
    def current(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return the current in ampere at `v` volts across the device in state `x`."""

    @abstractmethod
    def conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return the differential conductance dI/dV in siemens at `v`, `x`."""

    @abstractmethod
    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dx/dt in state units a second at `v`, `x`."""

    def current_and_conductance(
        self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None
    ) -> tuple[Floats, Floats]:
        """Return both at once; a model overrides this where they share work."""
        return self.current(v, x, gate), self.conductance(v, x, gate)

    def chord_conductance(
        self, x: ArrayLike, gate: ArrayLike | None = None, *, v: float = 0.0
    ) -> Floats:
        """Return I/V in siemens at `v` volts in state `x`, dI/dV where `v` is 0: what a read at
        that voltage takes the conductance for."""
        return (
            self.conductance(0.0, x, gate) if v == 0 else np.asarray(self.current(v, x, gate) / v)
        )

    def rate_slope(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return ∂(dx/dt)/∂x in 1/s, for implicit steps; central differences unless a model knows
        better."""
        low, high = self.bounds()
        step = 1e-6 * (np.asarray(high) - np.asarray(low))
        x = np.asarray(x, dtype=float)
        up, down = np.minimum(x + step, high), np.maximum(x - step, low)
        return np.asarray((self.rate(v, up, gate) - self.rate(v, down, gate)) / (up - down))

    def compiled(self) -> CellCode | None:
        """Return the same equations as functions for compiled loops, where the model offers them
        (`spicesnn.devices.equations`)."""
        return None

    # -- the state --------------------------------------------------------------------------------

    @abstractmethod
    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return the lowest and the highest state, in state units, broadcastable to `x`."""

    @abstractmethod
    def initial_state(self) -> float | Floats:
        """Return the state a fresh device is in (the published initial condition where there is
        one)."""

    def state_for_conductance(self, siemens: ArrayLike, *, v: float = 0.0) -> Floats:
        """Return the state in which the chord conductance I/V (dI/dV at ``v = 0``) is `siemens`.

        Solved by bisection on the state, which works for every model whose conductance is monotone
        in its state; a model overrides it with its closed form. Values outside the device's range
        are an `InputError`."""
        return self.state_at_gate(siemens, None, v=v)

    def state_at_gate(
        self, siemens: ArrayLike, gate: ArrayLike | None, *, v: float = 0.0
    ) -> Floats:
        """Return the state in which the chord conductance is `siemens` with the gate at a level,
        volt (its usual one if None), by bisection."""
        wanted = np.asarray(siemens, dtype=float)
        low, high = (
            np.broadcast_to(np.asarray(b, dtype=float), wanted.shape).copy() for b in self.bounds()
        )

        g_low, g_high = (self.chord_conductance(end, gate, v=v) for end in (low, high))
        least, most = np.minimum(g_low, g_high), np.maximum(g_low, g_high)
        slack = 1e-9 * most
        if (
            not np.all(np.isfinite(wanted))
            or np.any(wanted < least - slack)
            or np.any(wanted > most + slack)
        ):
            raise InputError(
                f"{self.name}: a conductance of"
                f" {float(np.min(wanted)):.4g}…{float(np.max(wanted)):.4g} S is not reachable; the"
                f" device spans {float(np.min(least)):.4g}…{float(np.max(most)):.4g} S"
            )
        rising = g_high >= g_low
        for _ in range(100):
            middle = 0.5 * (low + high)
            above = (self.chord_conductance(middle, gate, v=v) > wanted) == rising
            high = np.where(above, middle, high)
            low = np.where(above, low, middle)
        return np.asarray(0.5 * (low + high))

    def typical_drive(self) -> tuple[float, float]:
        """Return amplitude (V) and frequency (Hz) of a sine that shows the device at work: its
        state moves, and over most of its range."""
        return 1.0, 1e3

    # -- the SPICE twin ---------------------------------------------------------------------------

    def spice_parameters(self) -> dict[str, float | Floats]:
        """Return the parameters that travel on the X line, by the name they have in the `.lib`
        file."""
        return {
            entry.name: getattr(self, entry.name)
            for entry in dataclasses.fields(self)
            if "unit" in entry.metadata
        }

    # -- bookkeeping ------------------------------------------------------------------------------

    @property
    def subckt(self) -> str:
        """Return the name of the sub-circuit in the model file."""
        return PurePath(self.model).stem

    def with_parameters(self, **changes: Any) -> Self:
        """Return the same model with some parameters changed (numbers or arrays); unknown names are
        an error."""
        known = {entry.name for entry in dataclasses.fields(self)}
        for key in changes:
            if key not in known:
                raise UnknownNameError(
                    f"{self.name} has no parameter {key!r}; it has: {', '.join(sorted(known))}"
                )
        return dataclasses.replace(self, **changes)

    def with_text(self, **changes: str) -> Self:
        """Return the same model with parameters given as text (``r_on="10k"``,
        ``window="joglekar"``), as files and command lines have them."""
        fields = {entry.name: entry for entry in dataclasses.fields(self)}
        values: dict[str, Any] = {}
        for key, text in changes.items():
            kind = fields[key].metadata.get("choices") if key in fields else None
            unit = fields[key].metadata.get("unit", "") if key in fields else ""
            values[key] = (
                quantity(text, unit, f"{self.name}: {key}")
                if kind is None
                else _member(f"{self.name}: {key}", kind, str(text))
            )
        return self.with_parameters(**values)

    @classmethod
    def from_publication(cls, name: str) -> Self:
        """Return the model with a published parameter set, by its name in `published`."""
        if name not in cls.published:
            raise UnknownNameError(
                f"{cls.name} has no published set {name!r}; it has:"
                f" {', '.join(sorted(cls.published)) or 'none'}"
            )
        return cls(**cls.published[name])

    @classmethod
    def settable(cls) -> list[str]:
        """Return every name that `with_text` takes: parameters and choices."""
        return [entry.name for entry in dataclasses.fields(cls) if entry.metadata]

    @classmethod
    def choices(cls) -> dict[str, list[str]]:
        """Return the fields that pick a form of the equations, and the names of what they can
        be."""
        return {
            e.name: [m.name.lower() for m in e.metadata["choices"]]
            for e in dataclasses.fields(cls)
            if "choices" in e.metadata
        }

    def _repr_html_(self) -> str:
        made: str = shown(self, "html")
        return made

    @classmethod
    def parameter_table(cls) -> list[dict[str, Any]]:
        """Return name, default, unit, meaning and range of every parameter; `range` says in words
        what is allowed."""
        return [
            {
                "name": e.name,
                "default": e.default,
                "unit": e.metadata["unit"],
                "meaning": e.metadata["meaning"],
                "range": _range(e.metadata),
            }
            for e in dataclasses.fields(cls)
            if "unit" in e.metadata
        ]


def _member(what: str, kind: type[enum.Enum], text: str) -> enum.Enum:
    """Return the member of `kind` by its name, upper or lower case."""
    try:
        return kind[text.strip().upper().replace("-", "_")]
    except KeyError:
        raise UnknownNameError(
            f"{what} is {text!r}; expected one of {', '.join(m.name.lower() for m in kind)}"
        ) from None


def _range(limits: Mapping[str, Any]) -> str:
    """Return the range of a parameter in words: ``> 0``, ``0 … 0.5``, ``any``."""
    low, high, above = (limits[key] for key in ("lowest", "highest", "above"))
    below = limits.get("below", math.inf)
    if below < high:
        least = (
            f"> {above:g}, "
            if above >= low and above > -math.inf
            else f"≥ {low:g}, "
            if low > -math.inf
            else ""
        )
        return f"{least}< {below:g}"
    floor = max(low, above)
    if floor == -math.inf and high == math.inf:
        return "any"
    if high == math.inf:
        return f"{'>' if above >= low else '≥'} {floor:g}"
    if floor == -math.inf:
        return f"≤ {high:g}"
    return f"> {above:g}, ≤ {high:g}" if above >= low else f"{low:g} … {high:g}"
