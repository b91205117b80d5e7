"""Event recordings written byte by byte from the formats' pages, independently of the readers, for
the tests of their readers.
"""

import struct

import numpy as np


def drawn(count, rows, columns, seed=0, most_us=2**23 - 1):
    """Return times in microseconds (sorted), x, y and polarity of random events."""
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, most_us + 1, count))
    return (
        t,
        rng.integers(0, columns, count),
        rng.integers(0, rows, count),
        rng.integers(0, 2, count),
    )


def nmnist(t, x, y, p):
    """40 bits an event: x, y, polarity with 23 bits of time, most significant first."""
    word = p.astype(np.int64) << 23 | t
    columns = [x, y, word >> 16, word >> 8 & 255, word & 255]
    return np.stack([np.asarray(column, dtype=np.uint8) for column in columns], axis=1).tobytes()


def aedat_2(
    addresses,
    t,
    header=(
        "#!AER-DAT2.0",
        "# This is a raw AE data file",
        "# AEChip: eu.seebetter.ini.chips.DVS128",
    ),
):
    """Header lines, then int32 address and int32 time, big-endian."""
    pairs = np.stack(
        [np.asarray(addresses, dtype=np.int64), np.asarray(t, dtype=np.int64) & 0xFFFFFFFF], axis=1
    ).astype(">u4")
    return "".join(line + "\r\n" for line in header).encode() + pairs.tobytes()


def dvs128(x, y, p):
    return x << 1 | y << 8 | p


def davis(x, y, p):
    return y << 22 | x << 12 | p << 11


HEADER_3 = (
    "#!AER-DAT3.1",
    "#Format: RAW",
    "#Source 1: DAVIS240C",
    "#Start-Time: 2020-10-30 17:33:59 (TZ+0300)",
    "#!END-HEADER",
)


def packet_3(
    words, *, kind=1, source=1, size=8, overflow=0, capacity=None, number=None, valid=None
):
    count = len(words) if number is None else number
    head = struct.pack(
        "<hhiiiiii",
        kind,
        source,
        size,
        4,
        overflow,
        count if capacity is None else capacity,
        count,
        count if valid is None else valid,
    )
    return head + np.asarray(words, dtype=np.int64).astype("<u4").tobytes()


def polarity_3(x, y, p, valid=1):
    return x << 17 | y << 2 | p << 1 | valid


def aedat_3(packets, header=HEADER_3):
    return "".join(line + "\r\n" for line in header).encode() + b"".join(packets)


def flat(identifier, table, payload):
    """A FlatBuffer with one table whose fields are (size, form, value) or a vector's bytes,
    size-prefixed.
    """
    fields, body, at = [], bytearray(), 4
    for form, value in table:
        at += -at % struct.calcsize(form)
        fields.append(at)
        body += b"\0" * (at - 4 - len(body)) + struct.pack("<" + form[-1], value)
        at += struct.calcsize(form)
    vtable = struct.pack("<HH", 4 + 2 * len(fields), at) + b"".join(
        struct.pack("<H", field) for field in fields
    )
    vtable += b"\0" * (-(len(vtable) + 8) % 8)
    root = 8 + len(vtable)
    content = bytearray(
        struct.pack("<I", root) + identifier + vtable + struct.pack("<i", root - 8) + body
    )
    for index, data, count in payload:
        content += b"\0" * (-(len(content) + 4) % 8)
        struct.pack_into("<I", content, root + fields[index], len(content) - root - fields[index])
        content += struct.pack("<I", count) + data
    return struct.pack("<i", len(content)) + bytes(content)


XML = (
    '<dv version="2.0"><node name="outInfo"><node name="0"><attr key="compression" type="string">LZ4</attr>'
    '<attr key="typeIdentifier" type="string">EVTS</attr><node name="info"><attr key="sizeX" type="int">346</attr>'
    '<attr key="sizeY" type="int">260</attr></node></node></node></dv>'
)


def events_4(t, x, y, p):
    rows = np.zeros(
        len(t), dtype=[("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "u1"), ("no", "u1", 3)]
    )
    rows["t"], rows["x"], rows["y"], rows["p"] = t, x, y, p
    return flat(b"EVTS", [("I", 0)], [(0, rows.tobytes(), len(t))])


def aedat_4(parts, compression=0, pack=bytes, table_at=-1, stream=0):
    about = XML.encode()
    header = flat(
        b"IOHE", [("i", compression), ("q", table_at), ("I", 0)], [(2, about, len(about))]
    )
    out = b"#!AER-DAT4.0\r\n" + header
    for part in parts:
        packed = pack(part)
        out += struct.pack("<ii", stream, len(packed)) + packed
    return out


def lz4_by_hand(content, checksum=False):
    """An LZ4 frame of blocks that are only literals, every second one not compressed."""
    out = struct.pack("<IBBB", 0x184D2204, 0x60 | 0x10 * checksum, 0x40, 0)
    for k, begin in enumerate(range(0, len(content), 60_000)):
        part = content[begin : begin + 60_000]
        if k % 2:
            out += struct.pack("<I", len(part) | 1 << 31) + part
        else:
            rest, token = len(part) - 15, b"\xf0" if len(part) >= 15 else bytes([len(part) << 4])
            block = (
                token + (b"\xff" * (rest // 255) + bytes([rest % 255]) if rest >= 0 else b"") + part
            )
            out += struct.pack("<I", len(block)) + block
        out += b"\0" * 4 * checksum
    return out + b"\0" * 4


def spike_trains(path, trains, labels=None, **more):
    """An HDF5 file as the Heidelberg data sets have them."""
    import h5py

    with h5py.File(path, "w") as file:
        for name, kind, values in (
            ("times", np.float32, [one[0] for one in trains]),
            ("units", np.uint16, [one[1] for one in trains]),
        ):
            found = file.create_dataset(
                f"spikes/{name}", (len(trains),), dtype=h5py.vlen_dtype(kind), **more
            )
            for k, value in enumerate(values):
                found[k] = np.asarray(value, dtype=kind)
        if labels is not None:
            file["labels"] = np.asarray(labels)
    return path
