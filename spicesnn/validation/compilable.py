"""A Verilog-A text in the words that openvaf-py takes, where another compiler takes more.

Only texts that hold such words are touched: attributes behind a parameter (ADMS, Xyce), ranges with
a comma (HSPICE), and random numbers, which no equation that is taken depends on: any number does in
their place."""

from __future__ import annotations

import re

ANY_NUMBER = "0.4375"
_SKIPPED = r"\"(?:[^\"\\\n]|\\.)*\"|//[^\n]*|/\*.*?(?:\*/|\Z)"
_RANDOM = re.compile(rf"({_SKIPPED})|\$(?:a|u)?random\b|\$r?dist_\w+", re.S)
_RANGE = re.compile(
    rf"({_SKIPPED})|\b(from|exclude)(\s*[\[(][^\[\](),;:]*),([^\[\](),;:]*[\])])", re.S
)
_BEHIND = re.compile(r"\(\*[^;()]*\*\)(?=\s*[;,])")
_MACRO = re.compile(r"(?m)^([ \t]*`define\s+\w+(?:\([^()\n]*\))?)[ \t]*\(\*[^\n]*\*\)[ \t]*$")


def compilable(text: str) -> str:
    """Return a text that means the same, in the words that openvaf-py takes."""
    found = _RANGE.sub(
        lambda m: m.group(0) if m.group(1) else f"{m.group(2)}{m.group(3)}:{m.group(4)}", text
    )
    found = _BEHIND.sub("", _MACRO.sub(r"\1", found))
    return _without_random(found)


def _without_random(text: str) -> str:
    parts, at = [], 0
    for match in _RANDOM.finditer(text):
        if match.group(1) or match.start() < at:
            continue
        parts += [text[at : match.start()], ANY_NUMBER]
        at = match.end()
        open_ = re.match(r"\s*\(", text[at:])
        if open_ is None:
            continue
        depth, at = 1, at + open_.end()
        while depth and at < len(text):
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
    return "".join([*parts, text[at:]])
