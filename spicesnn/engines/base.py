"""The contract of an engine: the only thing that knows how a circuit is solved.

`NgspiceEngine` and `NodalEngine` answer the same questions with the same shapes and units, and one
conformance suite runs over both. Inputs are checked here, once; an engine implements the three
underscored methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.arrays import Floats, number, numbers
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.stimulus import CheckedWaveform, Levels, Pulse, Waveform
from spicesnn.devices.base import Device
from spicesnn.devices.stimulus import Stimulus
from spicesnn.engines.results import IVCurve, PulseResult, Read
from spicesnn.errors import InputError

Answer = TypeVar("Answer")


class Engine(ABC):
    """Solves arrays and devices as circuits."""

    name: ClassVar[str]
    init: tuple[str, ...] = ()
    """What ngspice is told before any deck, where ngspice solves."""

    def read(
        self,
        array: Crossbar,
        row_volts: ArrayLike,
        *,
        column_volts: ArrayLike = 0.0,
        gate_volts: ArrayLike | None = None,
        floating_rows: ArrayLike | None = None,
        floating_columns: ArrayLike | None = None,
        voltages: bool = True,
    ) -> Read:
        """Solve the array at given line voltages, states at rest.

        Parameters
        ----------
        array : Crossbar
        row_volts : (rows,) or (batch, rows)
            Driver voltage of each word line, volt.
        column_volts : float, (cols,) or (batch, cols)
            Voltage of each sense node, volt.
        gate_volts : (gate lines,) or (batch, gate lines), optional
            Third terminals, for cells that have one.
        floating_rows, floating_columns : (rows,), (cols,) bool, optional
            Lines that are left open.
        voltages : bool
            False: the engine may leave out the node voltages, which saves time and memory; the
            currents and the certificate are the same, and voltages that are asked for all the same
            are solved for then.

        Returns
        -------
        Read

        Raises
        ------
        InputError
            A shape or a value that does not fit.
        SingularCircuitError
            Something floats without any path to a driver.
        EngineError
            No trustworthy answer.
        """
        self._check_array(array)
        levels = Levels.checked(
            array, row_volts, column_volts, gate_volts, floating_rows, floating_columns
        )
        if not isinstance(voltages, bool | np.bool_):
            raise InputError(f"read: voltages = {voltages!r:.60}; expected True or False")
        solve = self._read if voltages else self._read_currents
        return _with_drive(solve(array, levels), array, levels)

    def pulse(self, array: Crossbar, pulse: Pulse | Waveform) -> PulseResult:
        """Apply a programming pulse, or any piecewise-linear waveform, and return the array
        afterwards.

        Parameters
        ----------
        array : Crossbar
        pulse : Pulse | Waveform

        Returns
        -------
        PulseResult
        """
        self._check_array(array)
        if not isinstance(pulse, Pulse | Waveform):
            raise InputError(
                f"pulse is {pulse!r:.80}; expected a spicesnn.Pulse or a spicesnn.Waveform"
            )
        if isinstance(pulse, Pulse) and pulse.count > 1:
            return self._train(array, pulse)
        waveform = pulse.waveform() if isinstance(pulse, Pulse) else pulse
        return self._pulse(array, waveform.checked(array))

    def _train(self, array: Crossbar, pulse: Pulse) -> PulseResult:
        """Apply a train of equal pulses: as one waveform, or one by one where each begins by
        charging the lines."""
        if pulse.rise_s > 0 or not (array.wires.word_line_farad or array.wires.bit_line_farad):
            return self._pulse(array, pulse.waveform().checked(array))
        single, joules = replace(pulse, count=1).waveform().checked(array), 0.0
        for _ in range(pulse.count):
            done = self._pulse(array, single)
            array, joules = done.array, joules + done.energy_joule
        return replace(done, energy_joule=joules)

    def drive(
        self,
        device: Device,
        stimulus: Stimulus,
        *,
        state: ArrayLike | None = None,
        gate_volts: float | None = None,
        points: int = 2000,
    ) -> IVCurve:
        """Drive one device, without wires, and record its current and state.

        Parameters
        ----------
        device : Device
        stimulus : Stimulus
        state : float or (states,), optional
            Initial state; the model's own if left out.
        gate_volts : float, optional
            Level of the third terminal, for devices that have one (their own default otherwise).
        points : int
            At least this many time points are returned, 0 and the end included.
        """
        if not isinstance(device, Device):
            raise InputError(
                f"device is {device!r:.80}; expected a device such as spicesnn.devices.VTEAM()"
            )
        if isinstance(points, bool) or not isinstance(points, int | np.integer) or points < 2:
            raise InputError(f"points = {points!r}; expected a whole number, 2 or more")
        fresh = np.asarray(device.initial_state(), dtype=float)
        fresh = fresh.ravel() if fresh.size == len(device.state_names) > 1 else fresh
        start = numbers(fresh if state is None else state, "state")
        if not np.all(np.isfinite(start)):
            raise InputError(f"state = {start!s} is not finite")
        if gate_volts is not None:
            number(gate_volts, "gate_volts", "volts")
        if gate_volts is not None and not device.gated:
            raise InputError(f"gate_volts was given, but {device.name} has no third terminal")
        if gate_volts is None and device.gated:
            gate_volts = device.gate_default
            if gate_volts is None:
                raise InputError(f"{device.name} has a third terminal: give gate_volts=… in volts")
        return self._drive(device, stimulus, start, gate_volts, points)

    def versions(self) -> dict[str, str]:
        """Return programs besides this package that solve the circuits, name → version, for the
        record of a run."""
        return {}

    def each(
        self, task: Callable[..., Answer], arguments: Sequence[tuple[Any, ...]]
    ) -> list[Answer]:
        """Return ``task(engine, *given)`` for each of many, in their order: one after the other
        here; a `ClusterEngine` shares them out.

        Parameters
        ----------
        task : callable
            A function of a module, which travels by its name.
        arguments : sequence of tuple
        """
        return [task(self, *given) for given in arguments]

    @contextmanager
    def keeping_failures(self, folder: Path) -> Iterator[None]:
        """Keep what went wrong meanwhile in a folder, which is made at the first failure.

        Engines that keep nothing, or have been given a folder of their own, do as ever."""
        yield

    def close(self) -> None:
        """Let go of what the engine holds (worker processes); an engine can be used again
        afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def effective_conductance(self, array: Crossbar, gate_volts: ArrayLike | None = None) -> Floats:
        """Return the matrix that a read of a linear array amounts to: ``column_amps = row_volts @
        effective`` (sense nodes at 0 V).

        Parameters
        ----------
        array : Crossbar
            Linear cells.
        gate_volts : (gate lines,), optional
            Third terminals, for cells that have one.

        Returns
        -------
        (rows, cols) array, siemens
            Here by reads at 1 V on one word line after the other, as exact as these are.

        Raises
        ------
        InputError
            Cells whose current is not proportional to their voltage.
        """
        self._check_array(array)
        check_linear(array)
        return self.read(array, np.eye(array.rows), gate_volts=gate_volts).column_amps

    @staticmethod
    def _check_array(array: Crossbar) -> None:
        if not isinstance(array, Crossbar):
            raise InputError(f"array is {array!r:.80}; expected a spicesnn.Crossbar")

    @abstractmethod
    def _read(self, array: Crossbar, levels: Levels) -> Read: ...

    def _read_currents(self, array: Crossbar, levels: Levels) -> Read:
        """Solve as `_read` does; node voltages may be left to be solved for when they are asked
        for."""
        return self._read(array, levels)

    @abstractmethod
    def _pulse(self, array: Crossbar, waveform: CheckedWaveform) -> PulseResult: ...

    @abstractmethod
    def _drive(
        self,
        device: Device,
        stimulus: Stimulus,
        state: Floats,
        gate_volts: float | None,
        points: int,
    ) -> IVCurve: ...


def check_linear(array: Crossbar) -> None:
    """Refuse cells that no effective conductance stands for."""
    if not array.linear:
        name = array.device.name if array.device is not None else "cell"
        raise InputError(
            "effective_conductance needs cells whose current is proportional to their voltage;"
            f" {name} cells are not: use read"
        )


def _with_drive(read: Read, array: Crossbar, levels: Levels) -> Read:
    """Write into a new result what was read and how it was driven."""
    given = {
        "row_volts": levels.row_volts,
        "column_volts": levels.column_volts,
        "gate_volts": levels.gate_volts,
    }
    object.__setattr__(read, "array", array)
    for name, volts in given.items():
        object.__setattr__(read, name, volts if volts is None or not levels.single else volts[0])
    return read
