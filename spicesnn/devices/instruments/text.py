"""The text of a measurement file, whatever program wrote it: encodings, byte-order marks, what is
no text at all."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from spicesnn.errors import DataError
from spicesnn.file_kinds import unreadable, what_is

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_TEXTS = ("a SPICE netlist", "a Verilog-A model", "an ONNX model")
"""Kinds that are told by the name alone."""
_RAW = (b"Title:", "Title:".encode("utf-16-le"))
"""How a raw file of a circuit simulator begins."""
_CONTROL = re.compile("[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")
_TWICE = (("\u00c2\u00b5", "\u00b5"), ("\u00ce\u00bc", "\u03bc"), ("\u00ce\u00a9", "\u03a9"))
"""Micro and ohm signs in UTF-8 that a program took for Latin-1 and encoded once more."""
_ZEROS = 0.3
"""UTF-16 without a mark: at least this fraction of the bytes at even, or at odd, places is zero,
and hardly any of the others."""


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, UTF-16 (with or without a byte-order mark) or Latin-1
    (Windows' form of it).

    Raises
    ------
    DataError
        The file is absent or no text; the message names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error, "a file of measurements") from None
    kind = what_is(path)
    if kind and kind.split()[0] in ("a", "an", "one") and not kind.startswith(_TEXTS):
        raise DataError(f"{path} is {kind}; expected measurements as CSV or as text")
    text = _decoded(path, content)
    found = _CONTROL.search(text.rstrip("\x1a"))
    if found and (
        content.startswith(_RAW) or re.fullmatch(r"\.(tr|sw|ac)\d+", path.suffix.lower())
    ):
        raise DataError(
            f"{path} is a raw file of a circuit simulator; export its curves as text (wrdata in"
            " ngspice, File > Export data as text in LTspice)"
        )
    if found:
        at = text.count("\n", 0, found.start()) + 1
        what = (
            "zero bytes"
            if found[0] == "\x00"
            else f"a control character, byte 0x{ord(found[0]):02x}"
        )
        raise DataError(f"{path}, line {at}: cannot be read as a CSV file: it holds {what}")
    for wrong, right in _TWICE:
        text = text.replace(wrong, right)
    return text.rstrip("\x1a")


def _decoded(path: Path, content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content[len(mark) :].decode(encoding)
            except UnicodeDecodeError as error:
                raise DataError(f"{path} cannot be read as a CSV file: {error}") from None
    even, odd = content[0::2].count(0), content[1::2].count(0)
    half = max(len(content) // 2, 1)
    for zeros, others, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros > _ZEROS * half and others < 0.02 * half and len(content) % 2 == 0:
            try:
                return content.decode(encoding)
            except UnicodeDecodeError:
                break
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
