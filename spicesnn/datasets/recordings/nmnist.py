"""N-MNIST and N-Caltech101 (Orchard et al., Front. Neurosci. 9, 437, 2015): one recording a
``.bin`` file, 40 bits an event.

Most significant bit first: 8 bits x, 8 bits y, 1 bit polarity (1 is ON), 23 bits time in
microseconds. The sensor they were recorded with counts time in 13 bits and writes an event at y =
240 when that overflows; in files that still are so, no time exceeds 13 bits, and such an event
stands for 2¹³ µs and for no pixel.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spicesnn.datasets.recordings.base import (
    MICROSECONDS,
    Events,
    check_whole,
    content_of,
    counted,
    joined,
    order_remarks,
)

SIZE = 5
_MARK_ROW, _MARK_TICKS = 240, 1 << 13


def read(path: Path) -> Events:
    """Return the events of a ``.bin`` file."""
    content = content_of(path, "an N-MNIST .bin file")
    count = check_whole(path, len(content), SIZE)
    raw = np.frombuffer(content, dtype=np.uint8).reshape(count, SIZE)
    ticks = (
        ((raw[:, 2] & 0x7F).astype(np.int64) << 16) | (raw[:, 3].astype(np.int64) << 8) | raw[:, 4]
    )
    mark = raw[:, 1] == _MARK_ROW
    said = [f"N-MNIST events, 40 bits each, times in µs: {counted(count, 'event')}"]
    if np.any(mark) and np.all(ticks < _MARK_TICKS) and np.any(np.diff(ticks) < 0):
        ticks = ticks + _MARK_TICKS * np.cumsum(mark)
        raw, ticks = raw[~mark], ticks[~mark]
        said = [
            f"N-MNIST events, 40 bits each, times in µs: {counted(len(raw), 'event')}",
            (
                f"{counted(int(mark.sum()), 'mark')} at y = 240 say that the sensor's 13-bit clock "
                "overflowed; they are no events"
            ),
        ]
    t = ticks / MICROSECONDS
    return Events(
        t=t,
        x=raw[:, 0].astype(np.int32),
        y=raw[:, 1].astype(np.int32),
        p=(raw[:, 2] >> 7).astype(np.uint8),
        remarks=joined([*said, *order_remarks(t)]),
    )
