"""Cells of two elements: a memristor with a transistor (1T1R) or with a selector (1S1R) in series.

A cell is a `Device` like any other, so an array and both engines take it as it is. Its state is the
memristor's. The memristor stands at the word line (p), the access element between the inner node m
and the bit line (n); the voltage u across the access element solves

    I_memristor(v − u, x) = I_access(u)

which has one root between 0 and v, since both currents grow with their voltage.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats
from spicesnn.devices.base import Device, parameter
from spicesnn.devices.generated import written_model
from spicesnn.devices.limits import limited_sinh, limited_sinh_slope
from spicesnn.devices.vteam import VTEAM
from spicesnn.errors import InputError
from spicesnn.paths import file_stamp, model_file


@dataclass(frozen=True, kw_only=True, eq=False)
class SeriesCell(Device):
    """A memristor and an access element in series; subclasses say what the access element is.

    The class variables about the state are those of the memristor. The class itself is for `VTEAM`
    (by default its MAGIC set, which fits a compliance of 100 µA); `around` makes the class for any
    other."""

    linear: ClassVar[bool] = False
    state_names: ClassVar[tuple[str, ...]] = VTEAM.state_names
    state_units: ClassVar[tuple[str, ...]] = VTEAM.state_units
    state_scale: ClassVar[tuple[float, ...]] = VTEAM.state_scale
    set_polarity: ClassVar[int] = VTEAM.set_polarity
    memristor_class: ClassVar[type[Device]] = VTEAM
    template: ClassVar[str]
    """File in `models/` from which the sub-circuit is written."""
    spice_inner: ClassVar[str] = "xm."
    """Where the memristor, with its state capacitors, stands inside the sub-circuit."""

    memristor: Device = dataclasses.field(default_factory=lambda: VTEAM.from_publication("magic"))

    @classmethod
    def around(cls, memristor: Device, **parameters: Any) -> Self:
        """Return a cell around any memristor of two terminals.

        Parameters
        ----------
        memristor : Device
        parameters
            Those of the access element.
        """
        if not isinstance(memristor, Device) or memristor.gated:
            raise InputError(
                f"{cls.name}: the memristor is {memristor!r:.60}; expected a device of two"
                " terminals, such as VTEAM()"
            )
        return _class_around(cls, type(memristor))(memristor=memristor, **parameters)  # type: ignore[return-value]

    def _check(self) -> None:
        if type(self.memristor) is not self.memristor_class:
            raise InputError(
                f"{self.name}: this class is for {self.memristor_class.__name__}, the memristor is"
                f" {type(self.memristor).__name__}; write {type(self).__name__}.around(memristor)"
            )

    @abstractmethod
    def access(self, u: Floats, gate: ArrayLike | None) -> tuple[Floats, Floats]:
        """Return current (A) and dI/du (S) of the access element at `u` volts across it."""

    @abstractmethod
    def first_guess(self, v: Floats, x: Floats, gate: ArrayLike | None) -> Floats:
        """Return a voltage across the access element from which Newton steps approach the solution
        from one side."""

    # -- the equations ----------------------------------------------------------------------------

    def access_volts(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return the voltage u across the access element, by Newton steps kept inside a bracket."""
        v, state = np.asarray(v, dtype=float), np.asarray(x, dtype=float)
        first = state[0] if len(self.state_names) > 1 else state
        shape = np.broadcast_shapes(
            v.shape,
            first.shape,
            np.shape(gate) if gate is not None else (),
            self._parameter_shape(),
        )
        v = np.broadcast_to(v, shape)
        low, high = np.minimum(v, 0.0), np.maximum(v, 0.0)
        u = np.clip(self.first_guess(v, state, gate), low, high)
        for _ in range(200):
            amps, slope = self.memristor.current_and_conductance(v - u, state)
            through, access_slope = self.access(u, gate)
            error = amps - through
            low, high = np.where(error > 0, u, low), np.where(error < 0, u, high)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = u + error / (slope + access_slope)
            inside = (step >= low) & (step <= high)
            following = np.where(error == 0, u, np.where(inside, step, 0.5 * (low + high)))
            # A Newton step this small leaves an error of its square.
            done = (
                (inside & (np.abs(following - u) <= 1e-9 * np.abs(v)))
                | (error == 0)
                | (high - low <= 1e-15 * np.abs(v))
            )
            u = following
            if np.all(done):
                break
        return np.asarray(u)

    def _parameter_shape(self) -> tuple[int, ...]:
        values = [
            *self.memristor.spice_parameters().values(),
            *Device.spice_parameters(self).values(),
        ]
        return np.broadcast_shapes(*(np.shape(value) for value in values))

    def current(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return the current of the cell in ampere; `gate` is `gate_default` if left out."""
        return self.current_and_conductance(v, x, gate)[0]

    def conductance(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dI/dV of the cell in siemens: the two differential conductances in series."""
        return self.current_and_conductance(v, x, gate)[1]

    def current_and_conductance(
        self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None
    ) -> tuple[Floats, Floats]:
        """Return both from one solution of the inner node."""
        gate = self.gate_default if gate is None else gate
        u = self.access_volts(v, x, gate)
        across = np.asarray(v, dtype=float) - u
        amps, slope = self.memristor.current_and_conductance(across, x)
        through, access_slope = self.access(u, gate)
        # The stiffer element gives the smaller rounding error of the two currents.
        current = np.where(slope < access_slope, amps, through)
        with np.errstate(divide="ignore", invalid="ignore"):
            series = np.where(
                (slope > 0) & (access_slope > 0), slope * access_slope / (slope + access_slope), 0.0
            )
        return np.asarray(current), np.asarray(series)

    def rate(self, v: ArrayLike, x: ArrayLike, gate: ArrayLike | None = None) -> Floats:
        """Return dx/dt of the memristor at its share of `v`."""
        gate = self.gate_default if gate is None else gate
        return self.memristor.rate(np.asarray(v, dtype=float) - self.access_volts(v, x, gate), x)

    def bounds(self) -> tuple[float | Floats, float | Floats]:
        """Return the memristor's bounds."""
        return self.memristor.bounds()

    def initial_state(self) -> float | Floats:
        """Return the memristor's initial state."""
        return self.memristor.initial_state()

    # -- the SPICE twin ---------------------------------------------------------------------------

    def spice_parameters(self) -> dict[str, float | Floats]:
        """Return the memristor's parameters and the access element's."""
        return self.memristor.spice_parameters() | Device.spice_parameters(self)

    @property
    def model(self) -> str:  # type: ignore[override]
        """Path of the sub-circuit, which is written when it is first asked for."""
        inside = self.memristor
        source = (
            Path(inside.model) if Path(inside.model).is_absolute() else model_file(inside.model)
        )
        return str(
            _written(
                self.template,
                source,
                file_stamp(source),
                inside.subckt,
                inside.state_names,
                tuple(inside.spice_parameters()),
            )
        )

    @property
    def subckt(self) -> str:
        """Name of the sub-circuit."""
        return f"{self.template.removesuffix('.template')}_{self.memristor.subckt}"

    # -- bookkeeping ------------------------------------------------------------------------------

    def with_parameters(self, **changes: Any) -> Self:
        """Return the same cell with some parameters changed: its own, or the memristor's by their
        names there."""
        own = {entry.name for entry in dataclasses.fields(self)}
        inner = {key: value for key, value in changes.items() if key not in own}
        there = {entry.name for entry in dataclasses.fields(self.memristor)}
        if inner and not set(inner) - there:
            changes = {key: value for key, value in changes.items() if key in own}
            changes["memristor"] = changes.get("memristor", self.memristor).with_parameters(**inner)
        return super().with_parameters(**changes)

    def with_text(self, **changes: str) -> Self:
        """Return the same with parameters given as text; the memristor's by their names there."""
        there = {e.name for e in dataclasses.fields(self.memristor)} - {
            e.name for e in dataclasses.fields(self)
        }
        inner = {key: value for key, value in changes.items() if key in there}
        own = {key: value for key, value in changes.items() if key not in there}
        changed = super().with_text(**own) if own else self
        return (
            dataclasses.replace(changed, memristor=changed.memristor.with_text(**inner))
            if inner
            else changed
        )

    @classmethod
    def settable(cls) -> list[str]:
        """Return the names of the access element's parameters, then the memristor's."""
        return super().settable() + cls.memristor_class.settable()

    @classmethod
    def choices(cls) -> dict[str, list[str]]:
        """Return the memristor's choices."""
        return cls.memristor_class.choices()

    @classmethod
    def parameter_table(cls) -> list[dict[str, Any]]:
        """Return the parameters of the access element, then the memristor's with the values they
        have in the default cell."""
        rows = cls.memristor_class.parameter_table()
        if cls.memristor_class is VTEAM:
            inside = VTEAM.from_publication("magic")
            rows = [row | {"default": getattr(inside, row["name"])} for row in rows]
        return super().parameter_table() + rows


@dataclass(frozen=True, kw_only=True, eq=False)
class OneTransistorOneResistor(SeriesCell):
    r"""1T1R: a level 1 transistor whose source is the bit line.

    .. math:: I = \tfrac{1}{2} K_P \tfrac{W}{L} \left[ (V_g - V_{TO})_+^2 - (V_g - V_{TO} - u)_+^2 \right] + G_{leak} u

    which is the triode region for :math:`0 < u < V_g - V_{TO}`, saturation above it, and the same
    with drain and source swapped for u < 0. :math:`V_g` counts from the bit-line terminal, in both
    twins: the gate drivers are taken to follow the bit line, so a drop along the bit line does not
    close the transistor (a gate held against ground is lower by what the bit line is at:
    `spicesnn.engines.grounded` reads such arrays; with 64 rows on 1 Ω wires and all cells on their
    columns carry up to 4.9 % less at 0.2 V and 29 % less at 1 V). Below 0 V the source is the other
    end, so a gate at 0 V opens at :math:`u < -V_{TO}`: cells that are to stay closed under a
    negative word line need a gate below it. Bulk at the bit line, its diode left out. For v > 0 the
    gate sets the compliance, :math:`I \le \tfrac{1}{2} K_P \tfrac{W}{L} (V_g - V_{TO})^2` (100.92
    µA with the defaults and `gate_default`)."""

    name: ClassVar[str] = "1t1r"
    reference: ClassVar[str] = "level 1 MOSFET: Shichman and Hodges, IEEE JSSC 3, 285, 1968"
    gated: ClassVar[bool] = True
    gate_default: ClassVar[float | None] = 1.28
    template: ClassVar[str] = "cell_1t1r.template"

    transistor_width: float = parameter(10e-6, "m", "width of the channel", above=0.0)
    transistor_length: float = parameter(1e-6, "m", "length of the channel", above=0.0)
    transistor_kp: float = parameter(
        60e-6, "A/V²", "transconductance parameter of the transistor", above=0.0
    )
    transistor_vto: float = parameter(0.7, "V", "threshold voltage of the transistor")
    transistor_leak: float = parameter(
        1e-12, "S", "conductance of the transistor when it is off", above=0.0
    )

    def access(self, u: Floats, gate: ArrayLike | None) -> tuple[Floats, Floats]:
        """Return current and dI/du of the transistor."""
        if gate is None:
            raise InputError("1t1r: the transistor needs its gate voltage; give gate=… in volts")
        beta = np.asarray(self.transistor_kp) * self.transistor_width / self.transistor_length
        at_source = np.maximum(np.asarray(gate, dtype=float) - self.transistor_vto, 0.0)
        at_drain = np.maximum(np.asarray(gate, dtype=float) - self.transistor_vto - u, 0.0)
        # (s − d)(s + d) in place of s² − d² keeps the digits where u is small
        amps = (
            0.5 * beta * (at_source - at_drain) * (at_source + at_drain) + self.transistor_leak * u
        )
        return np.asarray(amps), np.asarray(beta * at_drain + self.transistor_leak)

    def first_guess(self, v: Floats, x: Floats, gate: ArrayLike | None) -> Floats:
        """Return the divider of the memristor and the transistor at 0 V: the transistor only
        conducts worse than that."""
        slope = self.memristor.conductance(0.0, x)
        return np.asarray(v * slope / (slope + self.access(np.zeros(()), gate)[1]))

    def compliance(self, gate: ArrayLike) -> Floats:
        """Return the largest current at v > 0 and a gate voltage, ampere (the leak left out)."""
        beta = np.asarray(self.transistor_kp) * self.transistor_width / self.transistor_length
        return np.asarray(
            0.5
            * beta
            * np.square(np.maximum(np.asarray(gate, dtype=float) - self.transistor_vto, 0.0))
        )

    def typical_drive(self) -> tuple[float, float]:
        """Return the memristor's drive with 0.5 V more, for the transistor's share."""
        amplitude, frequency = self.memristor.typical_drive()
        return amplitude + 0.5, frequency


@dataclass(frozen=True, kw_only=True, eq=False)
class OneSelectorOneResistor(SeriesCell):
    r"""1S1R: a selector that hardly conducts at small voltages, which keeps half-selected cells and
    sneak paths quiet.

    .. math:: I = I_s \sinh(u / V_s)

    A. Chen, "A comprehensive crossbar array model with solutions for line resistance and nonlinear
    device characteristics", IEEE TED 60(4), 1318, 2013. The defaults are an example, not a fit: 22
    µA at 0.5 V and 2.5 decades less at half of it."""

    name: ClassVar[str] = "1s1r"
    reference: ClassVar[str] = "sinh selector: A. Chen, IEEE TED 60(4), 1318, 2013"
    template: ClassVar[str] = "cell_1s1r.template"
    spice_points: ClassVar[int] = 60

    selector_amps: float = parameter(2e-9, "A", "I_s of the selector", above=0.0)
    selector_volts: float = parameter(0.05, "V", "V_s of the selector", above=0.0)

    def access(self, u: Floats, gate: ArrayLike | None) -> tuple[Floats, Floats]:
        """Return current and dI/du of the selector."""
        scaled = u / self.selector_volts
        slope = self.selector_amps / np.asarray(self.selector_volts) * limited_sinh_slope(scaled)
        return np.asarray(self.selector_amps * limited_sinh(scaled)), slope

    def first_guess(self, v: Floats, x: Floats, gate: ArrayLike | None) -> Floats:
        """Return the selector's voltage at the current of the bare memristor, which is more than
        flows."""
        return np.asarray(
            self.selector_volts * np.arcsinh(self.memristor.current(v, x) / self.selector_amps)
        )

    def typical_drive(self) -> tuple[float, float]:
        """Return the memristor's drive with 0.6 V more, for the selector's share."""
        amplitude, frequency = self.memristor.typical_drive()
        return amplitude + 0.6, frequency


@cache
def _class_around(cell: type[SeriesCell], memristor: type[Device]) -> type[SeriesCell]:
    """Return the class of a cell around memristors of one class."""
    if cell.memristor_class is memristor:
        return cell
    about = {
        name: getattr(memristor, name)
        for name in ("state_names", "state_units", "state_scale", "set_polarity")
    }
    about["spice_points"] = max(cell.spice_points, memristor.spice_points)
    return type(
        f"{cell.__name__}Of{memristor.__name__}",
        (cell,),
        {**about, "memristor_class": memristor, "__module__": cell.__module__},
    )


@cache
def _written(
    template: str,
    source: Path,
    stamp: tuple[int, ...],
    subckt: str,
    states: tuple[str, ...],
    parameters: tuple[str, ...],
) -> Path:
    """Write the sub-circuit of a cell around a memristor's and return its path; the same text is
    written once a machine.

    `stamp` is what the memristor's file is remembered by, beside its path.
    """
    inner = source.read_text(encoding="utf-8")
    name = f"{template.removesuffix('.template')}_{subckt}"
    words = {
        "@NAME@": name,
        "@STATES@": " ".join(states),
        "@MEMRISTOR@": subckt,
        "@TEXT@": inner,
        "@REQUIRED@": _lines([f"{p}=required" for p in parameters]),
        "@PASSED@": _lines([f"{p}={{{p}}}" for p in parameters]),
    }
    text = model_file(template).read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(word, value)
    return written_model(name, text)


def _lines(words: list[str], at_once: int = 6) -> str:
    """Return words with a continuation after every few."""
    return "\n+ ".join(" ".join(words[k : k + at_once]) for k in range(0, len(words), at_once))
