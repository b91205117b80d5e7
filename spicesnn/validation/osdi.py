"""An imported Verilog-A model against the same file compiled for ngspice (OSDI, ngspice 40 or
newer)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from spicesnn.devices.base import Device
from spicesnn.devices.importers.veriloga.model import VerilogModel
from spicesnn.devices.stimulus import PiecewiseLinear
from spicesnn.engines.ngspice.engine import NgspiceEngine
from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.errors import InputError
from spicesnn.netlist.foreign import load_foreign
from spicesnn.validation.certificate import drawn_parameters

LEAST = 40
"""The first ngspice that loads compiled Verilog-A."""
TOLERANCE = 1e-3
"""Of the largest current: what transients of two programs agree to."""
_SETS, _LEVELS = 3, 16


@dataclass(frozen=True, kw_only=True, slots=True)
class OsdiErrors:
    """How far the twin's current is from the compiled file's, over random voltages in turn.

    Attributes
    ----------
    value : float
        Largest difference, of the largest current.
    points : int
        Voltages and sets of parameters at which currents were compared.
    """

    value: float
    points: int

    @property
    def ok(self) -> bool:
        """Whether both are one device."""
        return self.value <= TOLERANCE


def checked_osdi(osdi: Path) -> None:
    """Look for the file and for an ngspice that loads it.

    Raises
    ------
    InputError
        There is no such file, or ngspice is older than 40.
    """
    if not osdi.is_file():
        raise InputError(
            f"--osdi {osdi}: no such file; expected the model compiled by OpenVAF, such as cell.osdi"
        )
    with NgspiceEngine() as engine:
        library = engine.library()
    if library.version.isdecimal() and int(library.version) < LEAST:
        raise InputError(
            f"--osdi {osdi}: ngspice {LEAST} or newer loads compiled Verilog-A, and this is ngspice"
            f" {library.version} ({library.path}); set SPICESNN_LIBNGSPICE to a newer one, or leave"
            " --osdi out"
        )


def osdi_subckt(model: VerilogModel, parameters: Mapping[str, float]) -> str:
    """Return a sub-circuit that holds the compiled model alone, at these parameters of the device;
    ports that are neither word line nor bit line are left open."""
    lines = dict(zip(model.pins, "pn", strict=True))
    nodes = [lines.get(port, f"open_{port}") for port in model.ports]
    given = [
        f"{one.own}={round(parameters[one.name]) if one.integer else repr(parameters[one.name])}"
        for one in model.parameters
        if one.own != "$temperature"
    ]
    return (
        f".subckt osdi_cell p n\nn1 {' '.join(nodes)} osdi_model\n"
        f".model osdi_model {model.module} {' '.join(given)}\n.ends osdi_cell\n"
    )


def osdi_init(osdi: Path) -> list[str]:
    """Return what ngspice is told before the deck."""
    return [f"osdi {osdi.resolve()}"]


def osdi_errors(
    model: VerilogModel, device: Device, osdi: Path, rng: np.random.Generator
) -> OsdiErrors:
    """Compare the nodal twin of a model with its compiled file in ngspice.

    Voltages are drawn, each held for a tenth of the typical period, at the default parameters and
    at drawn ones; both programs follow them from the fresh device on.

    Parameters
    ----------
    model : VerilogModel
    device : Device
        Its nodal twin, at the defaults.
    osdi : Path
        The file that OpenVAF wrote of the same text.
    rng : Generator

    Raises
    ------
    NgspiceError
        ngspice does not take the file, or does not solve it.
    """
    sets = [dict(model.defaults), *(drawn_parameters(model, rng) for _ in range(_SETS - 1))]
    worst = 0.0
    with (
        TemporaryDirectory(prefix="spicesnn-osdi-") as folder,
        NgspiceEngine(init=osdi_init(osdi)) as ngspice,
    ):
        for parameters in sets:
            stimulus, middles = _staircase(device, rng)
            compiled = _compiled(Path(folder), osdi_subckt(model, parameters))
            there = ngspice.drive(compiled, stimulus)
            here = NodalEngine().drive(replace(device, **_settings(model, parameters)), stimulus)
            amps = [np.interp(middles, curve.time, curve.amps) for curve in (here, there)]
            largest = float(np.max(np.abs(amps[1]))) + 1e-300
            worst = max(worst, float(np.max(np.abs(amps[0] - amps[1]))) / largest)
    return OsdiErrors(value=worst, points=_SETS * _LEVELS)


def _settings(model: VerilogModel, parameters: Mapping[str, float]) -> dict[str, float]:
    return {one.name: parameters[one.name] for one in model.parameters if one.own != "$temperature"}


def _staircase(device: Device, rng: np.random.Generator) -> tuple[PiecewiseLinear, np.ndarray]:
    """Return random voltages in turn, and the times in the middle of each."""
    amplitude, frequency = device.typical_drive()
    hold, rise = 0.1 / frequency, 0.005 / frequency
    levels = rng.uniform(-amplitude, amplitude, _LEVELS)
    begins = np.arange(_LEVELS) * (hold + rise)
    times = np.concatenate([[0.0], np.column_stack([begins + rise, begins + rise + hold]).ravel()])
    volts = np.concatenate([[0.0], np.repeat(levels, 2)])
    return PiecewiseLinear(times, volts), begins + rise + 0.5 * hold


def _compiled(folder: Path, text: str) -> Device:
    """Return the compiled model as a device that ngspice takes as it stands."""
    (folder / "osdi.lib").write_text(text, encoding="utf-8")
    descriptor = folder / "osdi.toml"
    descriptor.write_text(
        'name = "osdi-cell"\nfile = "osdi.lib"\nsubckt = "osdi_cell"\n[pins]\np = "p"\nn = "n"\n',
        encoding="utf-8",
    )
    return load_foreign(descriptor, trust=True)
