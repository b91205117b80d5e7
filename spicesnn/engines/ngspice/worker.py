"""The worker program: owns one libngspice and one loaded circuit, and does what its parent asks
over two pipes.

Started as ``python -m spicesnn.engines.ngspice.worker LIBRARY confined|free FILES…``, in a folder
of its own that it removes. It is a process of its own because ngspice may hang, leave through its
exit callback (after which the next load corrupts the heap) or crash; the parent then simply starts
another. Requests: ``init`` (commands of the user's), ``load`` (payload: deck text), ``run``
(commands, an analysis, the vectors wanted), ``memory``, ``quit``."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import signal
import sys
import threading
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spicesnn.engines.ngspice import confinement
from spicesnn.engines.ngspice.binding import Binding
from spicesnn.engines.ngspice.protocol import HEARTBEAT, LENGTHS, MESSAGE, MOST_ALTERS, Header, pack
from spicesnn.platform import resident_bytes

HEARTBEAT_S = 0.25
_ENDLESS = b"dc vidx 0 1000000 1"
_SWEEP, _LARGEST_SWEEP, _FEW_POINTS = 2 << 20, 16 << 20, 64
"""Bytes that the points of an open sweep may take; what a few points of a large array may, whose
analysis takes long to begin; how many these are."""
_PAUSED = re.compile(
    r"condition met: stop +after|doAnalyses: pause requested|^(?:dc )?simulation interrupted$"
)
"""What ngspice says when it has waited for the last point of a job."""

_KLU_PROBE = "probe\nv1 1 0 1\nr1 1 2 1\nr2 2 0 1\n.options klu\n.op\n.end\n"


class Worker:
    """Answers requests until the pipe closes."""

    def __init__(self, read_fd: int, write_fd: int, library: str, files: list[str] | None) -> None:
        self._read_fd, self._write_fd = read_fd, write_fd
        self._writing = threading.Lock()
        self._busy = threading.Event()
        self._parent = os.getppid()
        self._wanted: list[bytes] = []
        self._externals: dict[bytes, int] = {}
        self._loaded = False
        self._points = 0  # of a sweep that has been left open
        self._stops = False
        with _alone():
            self._spice = Binding(library, self._left)
        # Threads that run already would stay free, so the heartbeat starts afterwards.
        locks = [] if files is None else confinement.confine([*confinement.readable(), *files])
        threading.Thread(target=self._beat, daemon=True).start()
        about = {
            "version": str(self._spice.ngspice_version or ""),
            "klu": self._has_klu(),
            "locks": locks,
        }
        self._send({"hello": True, "library": library, "pid": os.getpid(), **about})

    # -- the pipe ---------------------------------------------------------------------------------

    def _beat(self) -> None:
        """Say that the process lives while a job runs, and leave when the parent has gone, even if
        ngspice hangs."""
        beat = LENGTHS.pack(HEARTBEAT, 0, 0)
        wait = threading.Event()
        while not wait.wait(HEARTBEAT_S):
            if os.getppid() != self._parent:
                os._exit(0)
            if self._busy.is_set():
                self._write(beat)

    def _write(self, data: bytes) -> None:
        with self._writing:
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self._write_fd, view) :]
            except OSError:
                os._exit(0)

    def _send(self, header: Header, payload: bytes = b"") -> None:
        self._busy.clear()
        self._write(pack(header, payload))

    def _exactly(self, count: int) -> bytes:
        parts = []
        while count:
            part = os.read(self._read_fd, min(count, 1 << 20))
            if not part:
                os._exit(0)
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def serve(self) -> None:
        """Answer requests for ever."""
        doers = {
            "init": self._init,
            "load": self._load,
            "run": self._run,
            "memory": self._memory,
            "quit": self._quit,
        }
        while True:
            kind, header_size, size = LENGTHS.unpack(self._exactly(LENGTHS.size))
            if kind != MESSAGE:
                os._exit(3)
            header, payload = json.loads(self._exactly(header_size)), self._exactly(size)
            self._busy.set()
            self._spice.forget_log()
            self._spice.trouble = None
            doers[header["do"]](header, payload)

    # -- requests ---------------------------------------------------------------------------------

    def _has_klu(self) -> bool:
        self._spice.forget_log()
        self._spice.load(_KLU_PROBE)
        self._spice.command(b"op")
        found = any("KLU" in line for line in self._spice.log)
        self._unload()
        return found

    def _init(self, header: Header, payload: bytes) -> None:
        for command in payload.split(b"\n"):
            self._spice.command(command)
        self._send({"ok": True, "log": self._spice.log})

    def _unload(self) -> None:
        """Remove circuit and plots: a circuit that is loaded over another leaks 262 kB."""
        self._clear()
        self._spice.command(b"remcirc")
        self._loaded = False

    def _load(self, header: Header, payload: bytes) -> None:
        if self._loaded:
            self._unload()
            self._spice.forget_log()
        if header["vectors"] is not None:
            self._wanted = [name.encode() for name in header["vectors"]]
        self._externals = {name.encode(): k for k, name in enumerate(header["externals"])}
        self._spice.load(payload.decode())
        self._loaded = True
        self._send({"ok": True, "log": self._spice.log})

    def _clear(self) -> None:
        """Remove the plots, and with them a sweep that has been left open."""
        if self._stops:
            self._spice.command(b"delete all")
        self._spice.command(b"destroy all")
        self._points, self._stops = 0, False

    def _run(self, header: Header, payload: bytes) -> None:
        spice = self._spice
        alters, count = header["alters"], header["external_points"]
        commands, table = (payload[:alters], payload[alters:]) if alters else (b"", payload)
        lines = commands.split(b"\n") if commands else []
        analysis, last, going_on = header["analysis"].encode(), None, False
        if header["continued"]:
            # Only the points of this job are waited for; of itself the sweep would not end.
            last, going_on = count, self._goes_on(count, len(lines))
            if going_on:
                lines.append(b"delete all")
            else:
                self._clear()
            lines.append(b"stop after %d" % (self._points + count))
            analysis, self._stops = b"resume" if going_on else _ENDLESS, True
        try:
            for command in lines:
                spice.command(command)
            with (
                _Sources(spice, self._externals, table, count),
                _Controller(spice, header.get("controller")) as controller,
            ):
                plot = "" if going_on else spice.current_plot()
                began, cpu = time.perf_counter(), time.process_time()
                spice.command(analysis)
                spent = {
                    "seconds": time.perf_counter() - began,
                    "cpu_seconds": time.process_time() - cpu,
                }
        except ValueError as trouble:
            self._clear()
            self._send({"ok": False, "reason": str(trouble), "log": spice.log})
            return
        answered = self._answer(plot, controller, spent, last)
        if answered and header["continued"]:
            self._points += count
        else:
            self._clear()

    def _goes_on(self, count: int, alters: int) -> bool:
        """Whether the open sweep goes on with `count` points after `alters` commands."""
        point = 8 * max(len(self._wanted), 1)
        room = max(_SWEEP // point, min(_FEW_POINTS, _LARGEST_SWEEP // point))
        return self._points > 0 and self._points + count <= room and alters <= MOST_ALTERS

    def _answer(
        self, before: str, controller: Any, spent: dict[str, float], last: int | None = None
    ) -> bool:
        """Send the vectors of the newest plot, or the `last` points of each; return whether they
        are there."""
        spice = self._spice
        plot = spice.current_plot()
        reason = ""
        vectors: list[bytes] = []
        lengths: list[int] = []
        if spice.trouble is not None:
            reason = f"a callback failed: {spice.trouble!r}"
        elif plot == before or plot == "const":
            reason = "ngspice made no new plot"
        else:
            for name in self._wanted:
                view = spice.vector(name)
                if view is None:
                    reason = f"ngspice's plot has no vector {name.decode()}"
                    break
                if last is not None and len(view) != 8 * (self._points + last):
                    reason = f"ngspice's sweep ended after {len(view) // 8} points"
                    break
                part = view if last is None else view[-8 * last :]
                vectors.append(bytes(part))
                lengths.append(len(part) // 8)
        extra = controller.report() if controller is not None and not reason else None
        answer = {
            "ok": not reason,
            "reason": reason,
            "log": [line for line in spice.log if last is None or not _PAUSED.search(line)],
            "plot": plot,
            "vectors": len(lengths),
            "lengths": sorted(set(lengths)),
            "report": extra,
            "begun": not self._points,
            **spent,
        }
        answer["worker_cpu_seconds"] = time.process_time()
        self._send(answer, b"" if reason else b"".join(vectors))
        return not reason

    def _memory(self, header: Header, payload: bytes) -> None:
        self._send({"ok": True, "resident_bytes": resident_bytes()})

    def _quit(self, header: Header, payload: bytes) -> None:
        self._send({"ok": True})
        os._exit(0)

    def _left(self, status: int) -> None:
        """Take ngspice's wish to exit as the end of this process; the parent gets the log first."""
        if not hasattr(self, "_spice"):
            sys.stderr.write(f"ngspice gave up (exit status {status}) while it started\n")
            sys.stderr.flush()
            os._exit(5)
        self._send(
            {
                "ok": False,
                "fatal": True,
                "reason": f"ngspice gave up (exit status {status})",
                "log": self._spice.log,
            }
        )
        os._exit(4)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let ngspice start in a folder with an init that says nothing, and take the folder away
    afterwards.

    Where it finds an init in its folder, ngspice does not look for one in the user's home, which it
    knows from the password file. In a folder that is no more nothing can be found or made later.
    """
    init = Path(".spiceinit")
    init.write_text("* nothing\n", encoding="utf-8")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            init.unlink()
            Path.cwd().rmdir()


class _Sources:
    """Feeds external sources from a table of (points, sources) while a DC sweep runs over its
    points."""

    def __init__(self, spice: Binding, index: dict[bytes, int], table: bytes, points: int) -> None:
        self._spice, self._index, self._points = spice, index, points
        self._table = array("d")
        self._table.frombytes(table)

    def __enter__(self) -> None:
        if self._points:
            self._spice.table_index, self._spice.table_at, self._spice.table = (
                self._index,
                0,
                self._table,
            )

    def __exit__(self, *_: object) -> None:
        self._spice.table = None


class _Controller:
    """Puts a closed-loop controller, named by module and class, behind the external sources of one
    transient."""

    def __init__(self, spice: Binding, wanted: Header | None) -> None:
        self._spice, self._wanted = spice, wanted

    def __enter__(self) -> Any:
        if self._wanted is None:
            return None
        module, _, name = self._wanted["factory"].partition(":")
        controller = getattr(importlib.import_module(module), name)(
            self._spice, **self._wanted["arguments"]
        )
        self._spice.on_source, self._spice.on_point = controller.volts, controller.point
        return controller

    def __exit__(self, *_: object) -> None:
        if self._wanted is not None:
            self._spice.on_source = self._spice.on_point = None


def main() -> None:
    """Serve over the standard pipes; ngspice's own prints go to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    read_fd, write_fd = os.dup(0), os.dup(1)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    library, mode, *files = sys.argv[1:]
    Worker(read_fd, write_fd, library, files if mode == "confined" else None).serve()


if __name__ == "__main__":
    main()
