"""What a network is put onto: devices, wires, tiles, columns, slices, converters, non-idealities,
periphery."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Literal

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.mapping import COLUMNS, Columns, Window
from spicesnn.crossbar.wires import Wires
from spicesnn.devices.base import Device
from spicesnn.devices.given import device_given
from spicesnn.devices.vteam import VTEAM
from spicesnn.errors import InputError
from spicesnn.guesses import Hinting, hinted
from spicesnn.networks.converters import ADC, DAC
from spicesnn.networks.periphery import Periphery
from spicesnn.nonidealities.realised import Imperfections

_WORDS = {
    "tile_size": "tile=(rows, cols)",
    "array_size": "tile=(rows, cols)",
    "size": "tile=(rows, cols)",
    "shape": "tile=(rows, cols)",
    "crossbar_size": "tile=(rows, cols)",
    "crossbar": "tile=(rows, cols)",
    "wire_resistance": "wires=…",
    "r_wire": "wires=…",
    "bits": "bits_per_cell=…, dac=DAC(bits=…) or adc=ADC(bits=…)",
    "weight_bits": "bits_per_cell=… and slices=…",
    "dac_bits": "dac=…",
    "adc_bits": "adc=…",
    "input_bits": "dac=…",
    "output_bits": "adc=…",
    "noise": "imperfections=Imperfections(read_noise=…)",
    "read_noise": "imperfections=Imperfections(read_noise=…)",
    "variability": "imperfections=Imperfections(spread=…)",
    "wire_ohm": "wires=…",
    **dict.fromkeys(("Rp_row", "Rp_col", "Rp", "r_i", "parasitics"), "wires=Wires(row, column)"),
    **dict.fromkeys(
        ("Rmin", "Rmax", "r_on", "r_off", "g_min", "g_max", "g_on", "g_off", "on_off_ratio"),
        "device=…, such as spicesnn.devices.LinearDrift(r_on=…, r_off=…)",
    ),
    **dict.fromkeys(
        ("rows_max", "cols_max", "NrowsMax", "NcolsMax", "tile_rows", "tile_cols"),
        "tile=(rows, cols)",
    ),
    **dict.fromkeys(
        ("style", "wtmodel", "weight_mapping"), 'columns="differential", "offset" or "single"'
    ),
    **dict.fromkeys(("cell_bits", "levels", "states"), "bits_per_cell=…"),
    **dict.fromkeys(("Nslices", "num_slices", "n_slices"), "slices=…, with bits_per_cell=…"),
    "programming_error": "imperfections=Imperfections(spread=…)",
    "drift": "imperfections=Imperfections(retention=…)",
    "faults": "imperfections=Imperfections(stuck_on=…, stuck_off=…)",
    "mapping": 'columns="differential", "offset" or "single"',
    "read_voltage": "read_volts=…",
    "read_time": "read_s=…",
}


def _is_number(value: object) -> bool:
    """Whether something is a finite real number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(np.isfinite(value))


@hinted(_WORDS, _WORDS)
@dataclass(frozen=True, kw_only=True, eq=False)
class Hardware(metaclass=Hinting):
    """A chip of crossbar arrays, as far as it decides on what a network computes and costs.

    Attributes
    ----------
    device : Device or str
        Of every cell; also by name, such as ``"vteam"``. Devices whose current is not proportional
        to the voltage are solved read by read (slower).
    wires : Wires or float
        Of every tile; ideal if left out. One number is the resistance of every segment, ohm.
    tile : (rows, cols), or one number for both
        The largest array; layers are cut into such tiles, partial sums are added behind the
        converters.
    columns : "differential", "offset" or "single"
        How signed weights map to columns: a pair of bit lines, one beside a common reference, or
        one (weights of one sign).
    bits_per_cell : int, optional
        2**bits evenly spaced conductances a cell; any conductance if left out.
    slices : int
        Arrays among which the bits of a weight are divided, most significant first; needs
        `bits_per_cell`.
    dac, adc : DAC, ADC or int, optional
        Converters, or their bits; ideal if left out.
    imperfections : Imperfections, optional
        Non-idealities of the cells.
    periphery : Periphery
        What everything around the arrays costs.
    read_volts : float
        Word-line voltage of full scale.
    read_s : float
        Duration of one read, seconds.
    window : (low, high), optional
        Conductances that are used, siemens; the device's range if left out.
    gate_volts : float, optional
        Level of all gates in reads, for cells with a third terminal; the level that they are used at
        if left out.
    convolution : "sliding" or "unrolled"
        A kernel as one small matrix over which inputs slide, or all its positions side by side in
        one large sparse matrix.
    fill : float
        Fraction of the conductance window that the largest weight takes; what is left makes up for
        IR drop where `wire_aware`.
    wire_aware : bool
        Choose conductances whose tile, IR drop included, does what the weights ask for (devices
        with a linear current).
    reads_alike : int
        Inputs that see the same draw of read noise where every draw has to be solved anew (wires,
        or cells that are not linear).
    """

    device: Device = field(default_factory=VTEAM)
    wires: Wires = field(default_factory=Wires.ideal)
    tile: tuple[int, int] | int = (128, 128)
    columns: Literal["differential", "offset", "single"] = "differential"
    bits_per_cell: int | None = None
    slices: int = 1
    dac: DAC | None = None
    adc: ADC | None = None
    imperfections: Imperfections | None = None
    periphery: Periphery = field(default_factory=Periphery)
    read_volts: float = 0.2
    read_s: float = 100e-9
    window: tuple[float, float] | None = None
    gate_volts: float | None = None
    convolution: Literal["sliding", "unrolled"] = "sliding"
    fill: float = 1.0
    wire_aware: bool = False
    reads_alike: int = 100

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", device_given(self.device, "Hardware: device"))
        object.__setattr__(self, "wires", Wires.given(self.wires))
        if isinstance(self.tile, int | np.integer) and not isinstance(self.tile, bool):
            object.__setattr__(self, "tile", (int(self.tile), int(self.tile)))
        for name, converter in (("dac", DAC), ("adc", ADC)):
            given = getattr(self, name)
            if isinstance(given, int | np.integer) and not isinstance(given, bool):
                object.__setattr__(self, name, converter(bits=int(given)))
        kinds = (("device", Device), ("wires", Wires), ("periphery", Periphery))
        for name, kind in kinds:
            if not isinstance(getattr(self, name), kind):
                raise InputError(
                    f"Hardware: {name} is {getattr(self, name)!r:.80}; expected a {kind.__name__}"
                )
        for name, kinds_allowed in (("dac", DAC), ("adc", ADC), ("imperfections", Imperfections)):
            if getattr(self, name) is not None and not isinstance(
                getattr(self, name), kinds_allowed
            ):
                raise InputError(
                    f"Hardware: {name} is {getattr(self, name)!r:.80}; expected"
                    f" {kinds_allowed.__name__}(…) or None"
                )
        if self.columns not in COLUMNS:
            raise InputError(
                f"Hardware: columns is {self.columns!r}; expected one of: {', '.join(COLUMNS)}"
            )
        rows, cols = self.tile_lines()
        if rows < 2 or cols < (1 if self.columns == "single" else 2):
            raise InputError(f"Hardware: tile is {self.tile}; expected at least (2, 2)")
        for name, lowest in (("bits_per_cell", 1), ("slices", 1), ("reads_alike", 1)):
            value = getattr(self, name)
            if value is None and name == "bits_per_cell":
                continue
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < lowest:
                raise InputError(
                    f"Hardware: {name} is {value!r}; expected a whole number, {lowest} or more"
                )
        if self.bits_per_cell is not None and self.bits_per_cell * self.slices > 24:
            raise InputError(
                f"Hardware: {self.slices} slices of {self.bits_per_cell} bits; expected at most 24"
                " bits in all"
            )
        if self.slices > 1 and self.bits_per_cell is None:
            raise InputError(
                f"Hardware: {self.slices} slices need bits_per_cell; expected how many bits each"
                " cell of a slice holds"
            )
        if self.columns == "offset" and self.bits_per_cell == 1:
            raise InputError(
                "Hardware: offset columns need 2 bits a cell or more: with two states none lies"
                " beside the reference on either side"
            )
        if not (_is_number(self.fill) and 0 < self.fill <= 1):
            raise InputError(
                f"Hardware: fill is {self.fill!r}; expected a fraction above 0, at most 1"
            )
        for name in ("read_volts", "read_s"):
            value = getattr(self, name)
            if not (_is_number(value) and value > 0):
                raise InputError(f"Hardware: {name} is {value!r}; expected a number above 0")
        if self.window is not None and not (
            isinstance(self.window, tuple | list | np.ndarray)
            and len(self.window) == 2
            and all(_is_number(value) for value in self.window)
        ):
            raise InputError(
                f"Hardware: window is {self.window!r:.60}; expected (low, high), siemens"
            )
        if self.gate_volts is not None and not _is_number(self.gate_volts):
            raise InputError(f"Hardware: gate_volts is {self.gate_volts!r}; expected volts")
        if self.convolution not in ("sliding", "unrolled"):
            raise InputError(
                f"Hardware: convolution is {self.convolution!r}; expected sliding or unrolled"
            )
        if not isinstance(self.wire_aware, bool | np.bool_):
            raise InputError(f"Hardware: wire_aware is {self.wire_aware!r}; expected True or False")
        if not self.device.memory:
            raise InputError(
                f"Hardware: {self.device.name} has no memory; expected a device that can store a"
                " weight"
            )
        if len(self.device.state_names) != 1:
            raise InputError(
                f"Hardware: {self.device.name} has {len(self.device.state_names)} state variables;"
                " expected a device with one"
            )
        if self.wire_aware and not self.device.linear:
            raise InputError(
                "Hardware: wire_aware = True needs a device with a linear current;"
                f" {self.device.name} has none"
            )
        if self.dac is not None and self.dac.coding == "pulse-width" and not self.device.linear:
            raise InputError(
                f"Hardware: pulse-width coding is solved for linear cells; {self.device.name} is"
                " none. Use bit-serial coding"
            )
        self.used_window()

    def __repr__(self) -> str:
        shown = [f"device={self.device.name!r}"]
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name == "wires":
                shown += [] if self.ideal_wires else [f"wires={value!r}"]
            elif entry.name == "periphery":
                shown += [] if value == Periphery() else [f"periphery={value!r}"]
            elif entry.name != "device" and value != entry.default:
                shown.append(f"{entry.name}={value!r}")
        return f"Hardware({', '.join(shown)})"

    def tile_lines(self) -> tuple[int, int]:
        """The largest tile: word lines and bit lines."""
        try:
            rows, cols = (operator.index(k) for k in self.tile)  # type: ignore[union-attr]
        except (TypeError, ValueError):
            raise InputError(
                f"Hardware: tile is {self.tile!r}; expected (rows, cols), whole numbers"
            ) from None
        return rows, cols

    @property
    def ideal_wires(self) -> bool:
        """Whether nothing on the lines has resistance."""
        return self.wires.without_resistance

    @property
    def chord_volts(self) -> float:
        """Where conductances of the device are counted: I/V at the read voltage, dI/dV at 0 V for
        linear ones."""
        return 0.0 if self.device.linear else self.read_volts

    def gates(self, array: Crossbar) -> Floats | None:
        """Levels of an array's gate lines while it is read, volt; None for cells without gates."""
        return np.full(array.gate_lines, self.gate_level or 0.0) if array.gated else None

    @property
    def gate_level(self) -> float | None:
        """Level of all gates in reads, volt: the one told, or the one that the cells are used at;
        None for cells without gates."""
        if not self.device.gated:
            return None
        return self.device.gate_default if self.gate_volts is None else self.gate_volts

    def states(self, siemens: Floats) -> Floats:
        """States in which cells conduct this at the read voltage, siemens, their gates at their
        level."""
        device, volts, gate = self.device, self.chord_volts, self.gate_level
        if gate == device.gate_default:
            return device.state_for_conductance(siemens, v=volts)
        return device.state_at_gate(siemens, gate, v=volts)

    def used_window(self) -> Window:
        """The conductances between which weights are mapped."""
        return self._window

    @cached_property
    def _window(self) -> Window:
        reachable = Window.of(self.device, volts=self.chord_volts, gate=self.gate_level)
        if self.window is None:
            return reachable
        low, high = self.window
        if low < reachable.low * (1 - 1e-9) or high > reachable.high * (1 + 1e-9):
            within = f"{reachable.low:.4g} to {reachable.high:.4g} S"
            raise InputError(
                f"Hardware: window is {low:.4g} to {high:.4g} S; {self.device.name} reaches"
                f" {within}"
            )
        return Window(low=low, high=high)

    def columns_kind(self) -> Columns:
        """The way weights map to columns; a reference column holds one of the states that cells
        have."""
        kind = COLUMNS[self.columns]
        return kind if self.bits_per_cell is None else kind.with_states(2**self.bits_per_cell)

    def steps(self) -> int | None:
        """Steps of a weight's magnitude that one cell (or pair) holds, None where conductances are
        continuous."""
        if self.bits_per_cell is None:
            return None
        return (
            (1 << self.bits_per_cell - 1) - 1
            if self.columns == "offset"
            else (1 << self.bits_per_cell) - 1
        )

    def reach(self) -> float:
        """The weight, in units of the whole window, that the largest one is scaled to: 1, or less
        where `fill` or a reference on a state says so."""
        steps = self.steps()
        if self.columns != "offset" or steps is None or self.bits_per_cell is None:
            return self.fill
        return self.fill * 2 * steps / ((1 << self.bits_per_cell) - 1)

    def outputs_per_tile(self) -> int:
        """Weights side by side in a tile."""
        cols = self.tile_lines()[1]
        return {"differential": cols // 2, "offset": cols - 1, "single": cols}[self.columns]

    def with_changes(self, **changes: object) -> Hardware:
        """The same hardware with some attributes changed."""
        return replace(self, **changes)  # type: ignore[arg-type]
