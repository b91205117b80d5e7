"""The one libngspice of a worker process, through PySpice's binding.

PySpice opens the library and declares its functions. Three of its habits would be in the way here
and are replaced: every note on stderr becomes an exception, every command goes through several
layers of logging, and a callback from the simulator ends in Python dictionaries."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from PySpice.Spice.NgSpice.Shared import NgSpiceShared, ffi

logging.getLogger("PySpice").setLevel(logging.CRITICAL)

LONGEST_COMMAND = 1022
"""ngspice copies a command into 1024 bytes."""
COMMANDS_UNTIL_FREED = 2000
"""ngspice keeps every command it got until it is told to let go: 3.3 kB each run otherwise."""
LOG_LINES = 400


def vector_names(data: Any) -> list[str]:
    """Return the names of the vectors in what ngspice hands to `on_point`, in its order."""
    return [
        ffi.string(data.vecsa[k].name).decode("utf8", "replace").lower()
        for k in range(data.veccount)
    ]


class Binding(NgSpiceShared):  # type: ignore[misc]
    """libngspice with a log, external sources and a note of each accepted point.

    Attributes
    ----------
    log : list of str
        What ngspice printed since `forget_log`.
    on_exit : Callable
        Called from inside ngspice when it gives up; must not return, because the next load would
        corrupt the heap.
    on_source : Callable | None
        ``on_source(name, time) → volts`` for sources declared ``external``.
    on_point : Callable | None
        Called after each accepted point of an analysis.
    table : array or None
        In place of both: rows of (external sources), one per point of a sweep. The sweep variable is
        only an index: each accepted point moves on to the next row.
    """

    def __init__(self, library: str, on_exit: Callable[[int], None]) -> None:
        self.log: list[str] = []
        self.on_exit = on_exit
        self.on_source: Callable[[bytes, float], float] | None = None
        self.on_point: Callable[[Any], None] | None = None
        self.trouble: BaseException | None = None
        self.table: array[float] | None = None
        self.table_at = 0
        self.table_index: dict[bytes, int] = {}
        self._commands = 0
        NgSpiceShared.LIBRARY_PATH = library
        super().__init__(send_data=True)

    # -- what the simulator calls -----------------------------------------------------------------

    @staticmethod
    def _send_char(message: Any, ident: int, user: Any) -> int:
        self = ffi.from_handle(user)
        _, _, text = ffi.string(message).decode("utf8", "replace").partition(" ")
        if len(self.log) < LOG_LINES:
            self.log.append(text)
        else:
            # The end of a long log says why a run stopped, its beginning what it ran.
            self.log[LOG_LINES // 2 :] = [*self.log[LOG_LINES // 2 + 1 :], text]
        return 0

    @staticmethod
    def _send_stat(message: Any, ident: int, user: Any) -> int:
        return 0

    @staticmethod
    def _exit(status: int, immediate: bool, by_quit: bool, ident: int, user: Any) -> int:
        ffi.from_handle(user).on_exit(status)
        return status

    @staticmethod
    def _send_init_data(data: Any, ident: int, user: Any) -> int:
        return 0

    @staticmethod
    def _background_thread_running(running: bool, ident: int, user: Any) -> int:
        return 0

    # The two below are called thousands of times a second, so they are bound and short.

    def _send_data(self, data: Any, count: int, ident: int, user: Any) -> int:
        if self.table is not None:
            self.table_at = min(
                self.table_at + len(self.table_index), len(self.table) - len(self.table_index)
            )
        elif self.on_point is not None and self.trouble is None:
            try:
                self.on_point(data)
            except BaseException as trouble:
                self.trouble = trouble
        return 0

    def _get_vsrc_data(self, volts: Any, time: float, name: Any, ident: int, user: Any) -> int:
        try:
            if self.table is not None:
                volts[0] = self.table[self.table_at + self.table_index[ffi.string(name)]]
            else:
                volts[0] = self.on_source(ffi.string(name), time)  # type: ignore[misc]
        except BaseException as trouble:
            volts[0] = 0.0
            self.trouble = trouble
        return 0

    # -- what we call -----------------------------------------------------------------------------

    def exec_command(self, command: str, join_lines: bool = True) -> Any:
        """Run a command and return what it printed (PySpice's own start-up goes through here
        too)."""
        before = len(self.log)
        self.command(command.encode())
        printed = self.log[before:]
        return "\n".join(printed) if join_lines else printed

    def command(self, command: bytes) -> None:
        """Run one command. Its return code is 0 whatever happens, so it is not looked at."""
        if len(command) > LONGEST_COMMAND:
            raise ValueError(
                f"a command of {len(command)} bytes; ngspice takes {LONGEST_COMMAND}:"
                f" {command[:60]!r}…"
            )
        self._commands += 1
        if self._commands >= COMMANDS_UNTIL_FREED:
            self._commands = 0
            self._ngspice_shared.ngSpice_Command(ffi.NULL)
        self._ngspice_shared.ngSpice_Command(command)

    def load(self, text: str) -> None:
        """Parse a deck. What is wrong with it stands in the log."""
        lines = [line.encode() for line in text.splitlines() if line.strip()]
        # One block of memory for all lines, the end of each a zero; ngspice copies them.
        block = ffi.from_buffer(b"\0".join([*lines, b"", b""]))
        begins = accumulate(
            (len(line) + 1 for line in lines), initial=int(ffi.cast("uintptr_t", block))
        )
        pointers = array("Q", [*begins, 0])
        self._ngspice_shared.ngSpice_Circ(ffi.cast("char**", ffi.from_buffer(pointers)))

    def current_plot(self) -> str:
        """Return the name of the current plot, such as ``tran3``."""
        name = self._ngspice_shared.ngSpice_CurPlot()
        return "" if name == ffi.NULL else ffi.string(name).decode("utf8", "replace")

    def vector(self, name: bytes) -> memoryview | None:
        """Return the numbers of a real vector of the current plot (valid until the plot is
        destroyed), or None if there is none."""
        info = self._ngspice_shared.ngGet_Vec_Info(name)
        if info == ffi.NULL or info.v_realdata == ffi.NULL or info.v_length <= 0:
            return None
        return memoryview(ffi.buffer(info.v_realdata, 8 * info.v_length))

    def forget_log(self) -> None:
        """Begin a new log."""
        self.log.clear()
