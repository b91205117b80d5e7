"""LTspice's dialect of a self-contained deck."""

from __future__ import annotations

import re
from collections.abc import Callable

from spicesnn.devices.importers.cards import fold
from spicesnn.errors import InputError
from spicesnn.netlist.deck import number

OUTSIDE = (".include", ".inc", ".lib", ".control")
"""Cards of a deck that does not stand by itself."""


def to_ltspice(text: str) -> str:
    """Return a self-contained deck in LTspice's dialect.

    Powers are written ``**`` (``^`` is exclusive or there), conditions ``if(a, b, c)``, inner nodes
    ``xm0_0:gate``, look-ups ``table`` with the straight lines on which ngspice goes beyond both
    ends; declared parameters get a number in place of ``required``, and ``.print`` and ngspice's
    own options are left out.

    Raises
    ------
    InputError
        The deck includes files, or uses what LTspice cannot express.
    """
    title, _, body = text.partition("\n")
    lines = [title]
    for line in joined_lines(body):
        word = line.split(maxsplit=1)[0].lower() if line.strip() else ""
        if word in OUTSIDE:
            raise InputError(
                f"to_ltspice: the deck is not self-contained: {line!r}; make it with inlined models"
            )
        if word == ".print":
            continue
        if line.startswith("*"):
            lines.append(line)
            continue
        if word in (".ic", ".save"):
            line = re.sub(r"\b(x\w+)\.(\w)", r"\1:\2", line)
        line = _conditions(line)
        if word[:1] not in ("v", "i"):  # A source's own pwl is one over time, and the same.
            line = called(line, "pwl", _table)
        line = re.sub(r"=required\b", "=0", line.replace("^", "**"))
        if word == ".options":
            line = " ".join(
                w
                for w in line.split()
                if w.split("=")[0]
                in (".options", "reltol", "vntol", "abstol", "chgtol", "trtol", "gmin")
            )
        lines.append(fold(line))
    return "\n".join(lines) + "\n"


def _table(at: str, *points: str) -> str:
    """Return a look-up as LTspice has it: ``table`` stays at its last values, so that what ngspice's
    ``pwl`` goes on by beyond either end is added."""
    x, y = points[::2], points[1::2]
    if len(x) != len(y) or len(x) < 2:
        raise InputError(
            f"to_ltspice: a look-up over {len(points)} numbers: pwl({at[:20]}, "
            f"{', '.join(points)[:40]}); expected two points or more, each an x and a y"
        )
    parts = [f"table({','.join((at, *points))})"]
    for this, other, side in ((0, 1, "min"), (-1, -2, "max")):
        slope = _slope(x[this], y[this], x[other], y[other])
        if slope != "0":
            parts.append(f"({slope})*{side}(0,({at})-({x[this]}))")
    return f"({'+'.join(parts)})"


def _slope(x: str, y: str, other_x: str, other_y: str) -> str:
    """Return a slope: a number, or an expression of parameters."""
    try:
        return number((float(other_y) - float(y)) / (float(other_x) - float(x)))
    except ValueError:
        return f"(({other_y})-({y}))/(({other_x})-({x}))"


def called(expression: str, name: str, form: Callable[..., str]) -> str:
    """Return an expression in which calls of a function are written in another form."""
    found = re.search(rf"(?<![\w.]){name}\(", expression, re.IGNORECASE)
    if found is None:
        return expression
    parts, depth, start = [], 0, found.end()
    for at in range(found.end(), len(expression)):
        sign = expression[at]
        if sign == ")" and depth == 0:
            parts.append(expression[start:at])
            inner = [called(part.strip(), name, form) for part in parts]
            return (
                expression[: found.start()]
                + form(*inner)
                + called(expression[at + 1 :], name, form)
            )
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            parts.append(expression[start:at])
            start = at + 1
    raise InputError(f"an expression with brackets that do not close: {expression[:60]!r}")


def joined_lines(body: str) -> list[str]:
    """Return the lines of a deck with continuations joined, comments kept."""
    lines: list[str] = []
    for line in body.splitlines():
        if line.startswith("+") and lines:
            lines[-1] = f"{lines[-1]} {line[1:].strip()}"
        else:
            lines.append(line)
    return lines


def _conditions(card: str) -> str:
    """Return a card with every ``a ? b : c`` written ``if(a, b, c)``."""
    if "?" not in card:
        return card
    head, sign, expression = card.partition("=")
    if card.lstrip()[0] in "bB":
        return f"{head}{sign} {conditions_as_if(expression.strip())}"
    return re.sub(
        r"\{([^{}]*\?[^{}]*)\}", lambda found: "{" + conditions_as_if(found.group(1)) + "}", card
    )


def conditions_as_if(expression: str) -> str:
    """Return an expression with its conditions written as ``if``, from the innermost brackets
    outwards."""
    depth, start, out = 0, 0, ""
    for at, sign in enumerate(expression):
        if sign == "(":
            if depth == 0:
                out += expression[start : at + 1]
                start = at + 1
            depth += 1
        elif sign == ")":
            depth -= 1
            if depth == 0:
                out += f"{','.join(conditions_as_if(part) for part in _split(expression[start:at], ','))})"
                start = at + 1
    out += expression[start:]
    asked = _split(out, "?")
    if len(asked) == 1:
        return out
    condition, rest = asked[0], "?".join(asked[1:])
    nested = 0
    for at, sign in enumerate(rest):
        nested += (sign == "?") - (sign == ":")
        if nested < 0 and rest[:at].count("(") == rest[:at].count(")"):
            return f"if({condition.strip()}, {conditions_as_if(rest[:at].strip())}, {conditions_as_if(rest[at + 1 :].strip())})"
    raise InputError(f"to_ltspice: a condition without an alternative: {expression!r}")


def _split(expression: str, sign: str) -> list[str]:
    """Split at `sign` outside of brackets."""
    parts, depth, start = [], 0, 0
    for at, here in enumerate(expression):
        depth += (here == "(") - (here == ")")
        if here == sign and depth == 0:
            parts.append(expression[start:at])
            start = at + 1
    return [*parts, expression[start:]]
