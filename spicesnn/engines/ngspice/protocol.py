"""How the parent and a worker talk: frames of a JSON header and raw bytes over a pair of pipes.

A frame is one byte of kind, the lengths of its two parts (little endian, 4 and 8 bytes), the header
and the payload. Arrays travel as raw float64 in the payload; nothing is pickled."""

from __future__ import annotations

import json
import os
import struct
import time
from typing import Any

from spicesnn.platform import Pipes

LENGTHS = struct.Struct("<cIQ")
MESSAGE = b"M"
HEARTBEAT = b"H"
LARGEST_HEADER = 1 << 28
LARGEST_PAYLOAD = 1 << 34
MOST_ALTERS = 500
"""ngspice goes through all vectors of its plots after each command: 0.7 ms at 128 x 128 cells. More
than so many values are altered sooner before a new sweep than in one that is left open."""

Header = dict[str, Any]


class ChannelClosed(Exception):  # noqa: N818 (an event between two processes; callers see NgspiceError)
    """The other side is gone, or sent what is not a frame."""


class ChannelSilent(Exception):  # noqa: N818
    """Nothing was heard for too long.

    Attributes
    ----------
    beating : bool
        Whether heartbeats still came: the worker is alive but its job does not end.
    """

    def __init__(self, seconds: float, *, beating: bool) -> None:
        super().__init__(f"no answer within {seconds:g} s")
        self.seconds = seconds
        self.beating = beating


def pack(header: Header, payload: bytes | memoryview = b"", kind: bytes = MESSAGE) -> bytes:
    """Return the bytes of one frame."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return b"".join([LENGTHS.pack(kind, len(text), len(payload)), text, payload])


class Channel:
    """The parent's end: never blocks for longer than it was told to.

    Parameters
    ----------
    read_fd, write_fd : int
        Pipes to the worker; both are made non-blocking. The caller closes them.
    """

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._write_fd = write_fd
        self._pipes = Pipes(read_fd, write_fd)

    def send(self, frame: bytes, timeout_s: float) -> None:
        """Write a whole frame."""
        view = memoryview(frame)
        deadline = time.monotonic() + timeout_s
        while view:
            try:
                view = view[os.write(self._write_fd, view) :]
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ChannelSilent(timeout_s, beating=False) from None
                self._pipes.wait_to_write(100)
            except OSError:
                raise ChannelClosed from None

    def receive(self, timeout_s: float, silence_s: float) -> tuple[Header, bytearray]:
        """Return the next message.

        Parameters
        ----------
        timeout_s : float
            Time for the whole answer, seconds.
        silence_s : float
            Longest time without any sign of life (a heartbeat counts), seconds.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            kind, header_size, size = LENGTHS.unpack(
                self._exactly(LENGTHS.size, deadline, timeout_s, silence_s)
            )
            if kind == HEARTBEAT:
                continue
            if kind != MESSAGE or header_size > LARGEST_HEADER or size > LARGEST_PAYLOAD:
                raise ChannelClosed
            text = self._exactly(header_size, deadline, timeout_s, silence_s)
            payload = self._exactly(size, deadline, timeout_s, silence_s)
            try:
                header = json.loads(text)
            except ValueError:
                raise ChannelClosed from None
            if not isinstance(header, dict):
                raise ChannelClosed
            return header, payload

    def _exactly(
        self, count: int, deadline: float, timeout_s: float, silence_s: float
    ) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        heard = time.monotonic()
        while view:
            try:
                got = self._pipes.read_into(view)
            except BlockingIOError:
                self._wait(heard, deadline, timeout_s, silence_s)
                continue
            except OSError:
                raise ChannelClosed from None
            if got == 0:
                raise ChannelClosed
            view = view[got:]
            heard = time.monotonic()
        return data

    def _wait(self, heard: float, deadline: float, timeout_s: float, silence_s: float) -> None:
        now = time.monotonic()
        if now > deadline:
            raise ChannelSilent(timeout_s, beating=now - heard < silence_s)
        if now - heard > silence_s:
            raise ChannelSilent(silence_s, beating=False)
        self._pipes.wait_to_read(
            max(1, min(1e3 * (deadline - now), 1e3 * (heard + silence_s - now)) + 1)
        )
