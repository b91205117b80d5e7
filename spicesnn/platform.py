"""What differs by operating system, in one place: locks, memory, processors, signals, pipes of
workers, libraries.

Linux and macOS are what continuous integration runs; the branches for Windows are tested by
simulation (names that are not there are hidden). On Windows the ngspice engine needs Python 3.12 or
later, whose pipes can be read without waiting."""

from __future__ import annotations

import _thread
import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

WINDOWS = sys.platform == "win32"
_LOCKED_BYTE = 1 << 30
"""The byte that is locked on Windows, far behind what people read in the file: there a locked byte
cannot be read by others."""
_PAUSE_S = 0.002


def try_lock(file: IO[bytes]) -> bool:
    """Lock an open file for this process, until it is closed; return False if another process has
    it.

    Raises
    ------
    OSError
        The file system has no locks.
    """
    try:
        import fcntl
    except ImportError:
        return _try_lock_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _try_lock_windows(file: IO[bytes]) -> bool:
    import msvcrt

    lock: Any = msvcrt
    at = file.tell()
    file.seek(_LOCKED_BYTE)
    try:
        lock.locking(file.fileno(), lock.LK_NBLCK, 1)
    except PermissionError:
        return False
    finally:
        file.seek(at)
    return True


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_bytes() -> int | None:
    """Return how much memory there is for one more array, None where that cannot be known."""
    with suppress(Exception):
        import psutil

        return int(psutil.virtual_memory().available)
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return 1024 * next(
            int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")
        )
    return None


def resident_bytes() -> int:
    """Return how much memory this process holds, 0 where that cannot be known."""
    with suppress(OSError, ValueError, IndexError, AttributeError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf(
            "SC_PAGE_SIZE"
        )
    with suppress(Exception):
        import psutil

        return int(psutil.Process().memory_info().rss)
    return 0


def stopping_signals() -> tuple[int, ...]:
    """Return the signals by which a terminal or a system ends a program, besides Ctrl-C."""
    return tuple(
        getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
    )


def interrupt_main_thread(number: int) -> None:
    """Send a signal to the main thread of this process."""
    if hasattr(signal, "pthread_kill"):
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, number)
    else:
        _thread.interrupt_main(signal.Signals(number))


def ngspice_places() -> tuple[str, ...]:
    """Return where ngspice's library lies on this system when the loader does not find it."""
    if WINDOWS:
        homes = [
            os.environ.get(name, "")
            for name in ("ProgramFiles", "ProgramFiles(x86)", "LOCALAPPDATA")
        ]
        folders = [
            Path(sys.prefix) / "Library",
            *(
                Path(home) / name
                for home in homes
                if home
                for name in ("Spice64", "Spice64_dll", "ngspice")
            ),
        ]
        folders += [Path("C:/Spice64"), Path("C:/Spice64_dll")]
        parts, names = ("bin", "dll-vs", "lib"), ("ngspice.dll", "libngspice-0.dll")
        return tuple(
            str(folder / part / name) for folder in folders for part in parts for name in names
        )
    return (
        f"{sys.prefix}/lib/libngspice.so",
        f"{sys.prefix}/lib/libngspice.dylib",
        "/opt/homebrew/lib/libngspice.dylib",
        "/usr/local/lib/libngspice.dylib",
        "/usr/local/lib/libngspice.so",
        "/usr/local/lib64/libngspice.so",
        "/usr/lib64/libngspice.so.0",
        "/usr/lib/libngspice.so.0",
        "/home/linuxbrew/.linuxbrew/lib/libngspice.so",
    )


def own_session() -> dict[str, Any]:
    """Return the arguments of `subprocess.Popen` that keep a terminal's Ctrl-C from a worker."""
    if WINDOWS:
        return {"creationflags": 0x200}  # CREATE_NEW_PROCESS_GROUP
    return {"start_new_session": True}


def says_something(stream: IO[Any], seconds: float) -> bool:
    """Wait until a pipe has something to read, at most so long; Windows cannot know, and says that
    it has: the read then waits."""
    return WINDOWS or bool(select.select([stream], [], [], seconds)[0])


class Pipes:
    """Two ends of pipes that never block, and waiting for them.

    Parameters
    ----------
    read_fd, write_fd : int
    """

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd, self._write_fd = read_fd, write_fd
        for fd in (read_fd, write_fd):
            os.set_blocking(fd, False)
        self._polls: tuple[Any, Any] | None = None
        if hasattr(select, "poll"):
            self._polls = select.poll(), select.poll()
            self._polls[0].register(read_fd, select.POLLIN)
            self._polls[1].register(write_fd, select.POLLOUT)

    def read_into(self, view: memoryview) -> int:
        """Read what is there, at most what fits; `BlockingIOError` where nothing is, 0 at the
        end."""
        if hasattr(os, "readv"):
            return os.readv(self._read_fd, [view])
        data = os.read(self._read_fd, len(view))
        view[: len(data)] = data
        return len(data)

    def wait_to_read(self, milliseconds: float) -> None:
        """Wait until something can be read, at most so long."""
        self._wait(0, milliseconds)

    def wait_to_write(self, milliseconds: float) -> None:
        """Wait until something can be written, at most so long."""
        self._wait(1, milliseconds)

    def _wait(self, which: int, milliseconds: float) -> None:
        if self._polls is not None:
            self._polls[which].poll(milliseconds)
        elif WINDOWS:  # whose select knows sockets only
            time.sleep(min(_PAUSE_S, milliseconds / 1e3))
        else:
            ends: tuple[list[int], list[int]] = (
                ([self._read_fd], []) if which == 0 else ([], [self._write_fd])
            )
            select.select(*ends, [], milliseconds / 1e3)
