"""What a worker gives up before it looks at the first deck: programs, sockets, files outside.

A deck can ask ngspice for a shell, for files, for libraries. Netlists from outside are checked
before they become decks; this is the second lock, held by the kernel: landlock (Linux 5.13 on) for
files and TCP, a seccomp filter for programs and sockets, limits on core files and on the size of
files. Each is taken where the kernel has it, and what was taken is reported. No privilege is
needed. Threads that run already would stay free, so a worker calls this before it starts any."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""The same numbers on every architecture but Alpha."""
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""Version of landlock → how many rights on files it knows; all are taken away, those to read are
given back below some folders."""
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_LARGEST_FILE = 64 << 20
"""Bytes: the worker's own stderr is a file."""

_SYSCALLS = {
    # architecture: its audit number; execve, execveat, socket, socketpair, ptrace,
    # process_vm_writev, io_uring_setup
    "x86_64": (0xC000003E, (59, 322, 41, 53, 101, 311, 425)),
    "aarch64": (0xC00000B7, (221, 281, 198, 199, 117, 271, 425)),
}
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1
_X32 = 0x40000000
"""x86-64 takes the system calls of x32 under these numbers."""


def confine(folders: Iterable[str]) -> list[str]:
    """Take rights away from this process for good; return the names of the locks that hold.

    Parameters
    ----------
    folders : iterable of str
        Below these files may still be read; those that do not exist are passed over.
    """
    held = []
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE, _LARGEST_FILE))
        held.append("limits")
    if not sys.platform.startswith("linux"):
        return held
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return held
    version = _landlock(libc, folders)
    if version:
        held.append(f"landlock {version}")
    if _seccomp(libc):
        held.append("seccomp")
    return held


def readable() -> list[str]:
    """Return the folders that Python, this package and shared libraries are read from."""
    own = str(Path(__file__).resolve().parents[3])
    system = [
        "/usr",
        "/lib",
        "/lib64",
        "/opt",
        "/nix",
        "/gnu",
        "/etc/ld.so.cache",
        "/etc/ld.so.conf",
        "/etc/ld.so.conf.d",
        "/etc/localtime",
        "/proc/self",
        "/proc/meminfo",
        "/proc/cpuinfo",
        "/proc/stat",
        "/sys/devices/system",
        "/sys/fs/cgroup",
        "/dev/null",
        "/dev/urandom",
    ]
    return [*system, sys.prefix, sys.base_prefix, own, *(path for path in sys.path if path)]


def _landlock(libc: ctypes.CDLL, folders: Iterable[str]) -> int:
    """Take away all rights on files but to read below `folders`, and TCP; return landlock's
    version, 0 if it does not hold."""
    version = int(
        libc.syscall(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint(1))
    )
    if version < 1:
        return 0
    rights = (1 << max(count for since, count in _FILE_RIGHTS.items() if since <= version)) - 1
    # Both TCP rights from version 4, abstract sockets and signals to processes outside from version
    # 6.
    attributes = struct.pack("=QQQ", rights, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = int(
        libc.syscall(
            ctypes.c_long(_CREATE_RULESET), attributes, ctypes.c_size_t(size), ctypes.c_uint(0)
        )
    )
    if rules < 0:
        return 0
    try:
        for folder in dict.fromkeys(folders):
            with contextlib.suppress(OSError):
                at = os.open(folder, os.O_PATH | os.O_CLOEXEC)
                try:
                    allowed = _READ_FILE | _READ_DIR if Path(folder).is_dir() else _READ_FILE
                    libc.syscall(
                        ctypes.c_long(_ADD_RULE),
                        ctypes.c_int(rules),
                        ctypes.c_int(1),
                        struct.pack("=Qi", allowed, at),
                        ctypes.c_uint(0),
                    )
                finally:
                    os.close(at)
        return (
            version
            if libc.syscall(ctypes.c_long(_RESTRICT_SELF), ctypes.c_int(rules), ctypes.c_uint(0))
            == 0
            else 0
        )
    finally:
        os.close(rules)


def _seccomp(libc: ctypes.CDLL) -> bool:
    """Refuse programs, sockets and other processes' memory, with "operation not permitted"."""
    known = _SYSCALLS.get(platform.machine())
    if known is None or sys.byteorder != "little":
        return False
    audit, refused = known
    # struct seccomp_data: number at 0, architecture at 4. Jumps count instructions after the next
    # one.
    program = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, audit), (_RETURN, 0, 0, _REFUSE), (_LOAD, 0, 0, 0)]
    left = len(refused) + 1
    program.append((_AT_LEAST, left, 0, _X32))
    for k, number in enumerate(refused):
        program.append((_EQUAL, left - 1 - k, 0, number))
    program += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    filter_ = struct.pack("@HP", len(program), ctypes.addressof(code))
    return bool(libc.prctl(_SECCOMP, _FILTER, ctypes.create_string_buffer(filter_), 0, 0) == 0)
