"""What the words of a SPICE dialect mean, as operations with one meaning each.

Where the numbers come from: ngspice's were measured (39.3, in a B source and in ``.param``, which
differ); LTspice's help says that ``x**y`` gives the real part, that ``^`` is an exclusive or and
that ``if`` takes what is above 0.5 as true; PSpice's and HSPICE's reference manuals define PWR,
PWRS, POW, LIMIT, STP, SGN, LOG and SQRT. What they leave open is refused where it matters."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from spicesnn.devices.importers.expressions import Term, WordError, words


class SpiceDialect(enum.StrEnum):
    """Whose language a netlist is written in."""

    NGSPICE = "ngspice"
    LTSPICE = "ltspice"
    HSPICE = "hspice"
    PSPICE = "pspice"


BOOLEANS = frozenset({"<", "<=", ">", ">=", "==", "!=", "and", "or", "not"})
PLAIN: Mapping[str, Callable[[float], float]] = {
    "abs": abs,
    "exp": math.exp,
    "ln": math.log,
    "log10": math.log10,
    "sqrt": math.sqrt,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": math.acosh,
    "atanh": math.atanh,
    "floor": math.floor,
    "ceil": math.ceil,
    "sgn": lambda x: float((x > 0) - (x < 0)),
}
"""Functions of one argument that every dialect, and ngspice's B sources and ``.param`` alike,
compute in the same way."""
_SAME = frozenset(
    {
        "abs",
        "exp",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
        "sgn",
    }
)
_ALIASES = {
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
}
_ROUNDING = frozenset({"floor", "ceil"})
_RANDOM = words("agauss gauss aunif unif random rand rnd white mc flat gaussian uniform")
_SUFFIX = {
    "t": 12,
    "g": 9,
    "meg": 6,
    "k": 3,
    "m": -3,
    "u": -6,
    "µ": -6,
    "μ": -6,
    "n": -9,
    "p": -12,
    "f": -15,
}
_UNITS = words(
    "v a s ohm ohms f hz h m w c farad farads henry henrys volt volts amp amps sec secs meter"
    " meters siemens kelvin"
)
_CONSTANTS = {
    SpiceDialect.NGSPICE: {"pi": math.pi, "e": math.e},
    SpiceDialect.LTSPICE: {"pi": math.pi, "e": math.e, "k": 1.3806503e-23, "q": 1.602176462e-19},
    SpiceDialect.PSPICE: {"pi": math.pi},
    SpiceDialect.HSPICE: {},
}
_TEMPERATURE = {
    SpiceDialect.NGSPICE: "temper",
    SpiceDialect.LTSPICE: "temp",
    SpiceDialect.PSPICE: "temp",
    SpiceDialect.HSPICE: "temper",
}


def number(value: float) -> Term:
    """Return a number as a term."""
    if not math.isfinite(value):
        raise WordError(f"{value:g}", "a value that is not finite")
    return Term("num", value=float(value) + 0.0)


ZERO, ONE = number(0.0), number(1.0)


def opaque(why: str, word: str, *args: Term) -> Term:
    """Return a term for what a dialect has and this program does not: refused where it is needed,
    and different from all others."""
    return Term("opaque", args, names=(why,), word=word)


def compute(op: str, values: tuple[float, ...]) -> float:
    """Return the value of an operation on numbers."""
    a, b = values[0], values[-1]
    match op:
        case "+" | "-" | "*" | "/":
            return {"+": a + b, "-": a - b, "*": a * b}[op] if op != "/" else a / b
        case "neg":
            return -a
        case "<" | "<=" | ">" | ">=" | "==" | "!=":
            return float(
                {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}[op]
            )
        case "and" | "or" | "not":
            return float({"and": bool(a) and bool(b), "or": bool(a) or bool(b), "not": not a}[op])
        case "if":
            return values[1] if a else values[2]
        case "min" | "max":
            return min(a, b) if op == "min" else max(a, b)
        case "apow":
            return float(abs(a) ** b)
        case _:
            return float(PLAIN[op](a))


def build(op: str, *args: Term, word: str = "") -> Term:
    """Return an operation, computed where all its arguments are numbers."""
    if op not in ("sdt", "ddt") and all(a.op == "num" for a in args):
        try:
            return replace(number(compute(op, tuple(a.value for a in args))), word=word)
        except (ArithmeticError, ValueError, WordError):
            return opaque(f"has no value at {', '.join(f'{a.value:g}' for a in args)}", word or op)
    if op == "if" and args[0].op == "num":
        return args[1] if args[0].value else args[2]
    if op == "*" and any(a == ONE for a in args):
        return args[1] if args[0] == ONE else args[0]
    return Term(op, args, word=word)


@dataclass(frozen=True, slots=True)
class Meaning:
    """The words of one dialect.

    Attributes
    ----------
    dialect : SpiceDialect
    behavioural : bool
        Whether the expression stands in a source (it may hold voltages and currents), or in a
        parameter.
    nonnegative : callable
        Whether a parameter, by its name, cannot be below 0.
    celsius : Term
        Temperature of the circuit.
    """

    dialect: SpiceDialect
    behavioural: bool
    nonnegative: Callable[[str], bool]
    celsius: Term

    # -- numbers and names ------------------------------------------------------------------------

    def literal(self, word: str) -> Term:
        """Return a number with its scale and unit."""
        match = re.fullmatch(r"((?:\d+\.?\d*|\.\d+))(?:e([+-]?\d+))?([a-zµμ]*)(\d*)", word)
        if match is None:
            raise WordError(word, "is not a number")
        mantissa, power, tail, after = match.groups()
        exponent, unit = int(power or 0), tail
        if abs(exponent) > 400 or len(mantissa) > 60:
            raise WordError(word, "is not a number of any device")
        if tail.startswith("mil"):
            if self.dialect is SpiceDialect.NGSPICE:
                return opaque(
                    "ngspice reads mil as 25.4e-6 in one place and as milli in another",
                    word,
                    number(float(mantissa)),
                )
            return number(float(f"{mantissa}e{exponent}") * 25.4e-6)
        if tail.startswith("x") and self.dialect is SpiceDialect.HSPICE:
            exponent, unit = exponent + 6, tail[1:]
        elif tail == "a" and self.dialect is SpiceDialect.HSPICE:
            exponent, unit = exponent - 18, ""
        elif tail == "a" and self.dialect is SpiceDialect.NGSPICE:
            return opaque(
                "a is 1e-18 in some versions of ngspice and nothing in others",
                word,
                number(float(mantissa)),
            )
        else:
            scale = next((s for s in ("meg", *_SUFFIX) if tail.startswith(s)), None)
            if scale is not None:
                exponent, unit = exponent + _SUFFIX[scale], tail[len(scale) :]
        if after:
            if self.dialect is not SpiceDialect.LTSPICE or unit or "." in mantissa or power:
                why = (
                    "digits behind the scale are read in ltspice only, as in 1k5 = 1500, not in"
                    f" {self.dialect}"
                )
                return opaque(why, word, number(float(mantissa)))
            mantissa = f"{mantissa}.{after}"
        if (
            unit
            and unit not in _UNITS
            and not (unit == "x" and self.dialect is not SpiceDialect.HSPICE)
        ):
            raise WordError(word, f"has an unknown unit {unit!r}")
        return number(float(f"{mantissa}e{exponent}"))

    def constant(self, name: str) -> Term | None:
        """Return what a name stands for in the dialect itself, if anything."""
        if name in _CONSTANTS[self.dialect]:
            return number(_CONSTANTS[self.dialect][name])
        if name == _TEMPERATURE[self.dialect]:
            return self.celsius
        if name == "hertz" and self.dialect is SpiceDialect.NGSPICE:
            return opaque("is the frequency of an analysis", name)
        if name == "time":
            return opaque("depends on the time, which starts again with every pulse", name)
        return None

    def hides(self, name: str, *, element: bool) -> bool:
        """Return whether a constant of the dialect hides a parameter of the same name (measured of
        ngspice 39.3): e and pi in sources, what makes a source of a resistor in every element, and
        nothing in ``.param``."""
        return self.dialect is SpiceDialect.NGSPICE and (
            self.behavioural or (element and name not in _CONSTANTS[self.dialect])
        )

    # -- operators --------------------------------------------------------------------------------

    def truth(self, term: Term) -> Term:
        """Return a term as a condition: what counts as true differs between the dialects."""
        if term.op in BOOLEANS or (term.op == "num" and term.value in (0.0, 1.0)):
            return term
        if self.dialect is SpiceDialect.LTSPICE:
            return build(">", term, number(0.5))
        return build("!=", term, ZERO)

    def operator(self, raw: Term, args: tuple[Term, ...]) -> Term:
        """Return what an operator of the text means."""
        op, word = raw.op, raw.word
        if self.dialect is SpiceDialect.NGSPICE and not self.behavioural and _signed(raw):
            return opaque(
                "a minus right behind another operator is read in a way of its own in .param of"
                " ngspice; put brackets around it",
                word,
                *args,
            )
        if op in ("pos", "()"):
            return args[0]
        if op == "neg":
            return self.negative(raw, args[0])
        if op in ("**", "^") and not (op == "^" and self.dialect is SpiceDialect.LTSPICE):
            return self.power_operator(raw, *args)
        if op == "^":
            a, b = (self.truth(a) for a in args)
            return build("!=", a, b, word=word)
        if op in ("&", "|") and self.dialect not in (SpiceDialect.LTSPICE, SpiceDialect.PSPICE):
            raise WordError(word, f"is no operator of {self.dialect}", foreign=True)
        if op in ("&", "&&", "|", "||"):
            return build("and" if op[0] == "&" else "or", *(self.truth(a) for a in args), word=word)
        if op == "!":
            return build("not", self.truth(args[0]), word=word)
        if op == "?":
            return build("if", self.truth(args[0]), *args[1:], word=word)
        if op == "<>":
            op = "!="
        if op == "%":
            return opaque("% is not translated", word, *args)
        return build(op, *args, word=word)

    def negative(self, raw: Term, inner: Term) -> Term:
        """Return minus a term; before a bare power its place is not the same everywhere."""
        if "bare" in raw.names and self.dialect is not SpiceDialect.NGSPICE:
            exponent = self.exponent_of(raw.args[0])
            if exponent is None or exponent % 2 != 1:
                return opaque(
                    "a minus before a power is read in two ways; write (-x)**y or -(x**y)",
                    f"-…{raw.args[0].word}",
                    inner,
                )
        return build("neg", inner, word="-")

    def exponent_of(self, raw: Term) -> float | None:
        """Return the exponent of a power as read, where it is written as a whole number."""
        right = raw.args[1]
        while right.op == "()":
            right = right.args[0]
        return float(right.word) if right.op == "num" and right.word.isdigit() else None

    def power_operator(self, raw: Term, base: Term, exponent: Term) -> Term:
        """Return a power written with an operator."""
        word = raw.word
        if "chained" in raw.names and self.dialect is not SpiceDialect.NGSPICE:
            return opaque("a power of a power needs brackets", word, base, exponent)
        if raw.op == "^" and self.dialect is SpiceDialect.HSPICE:
            raise WordError(raw.word, "is no operator of hspice", foreign=True)
        mode = {
            SpiceDialect.NGSPICE: "abs",
            SpiceDialect.LTSPICE: "real",
            SpiceDialect.HSPICE: "whole",
            SpiceDialect.PSPICE: "open",
        }
        return self.power(base, exponent, mode[self.dialect], word)

    # -- functions --------------------------------------------------------------------------------

    def function(self, name: str, args: tuple[Term, ...]) -> Term:
        """Return what a function of the dialect means."""
        word = f"{name}("
        name = _ALIASES.get(name, name)
        if name in _RANDOM:
            return opaque(
                "draws a random value; describe the spread in [imperfections]", word, *args
            )
        if name in _SAME or name in _ROUNDING:
            self._count(word, args, 1)
            return build(name, *args, word=word)
        found: Callable[..., Term] | None = getattr(self, f"_f_{name}", None)
        if found is None:
            raise WordError(
                word, f"is no function of {self.dialect} that is known here", foreign=True
            )
        return found(word, args)

    def _count(self, word: str, args: tuple[Term, ...], *counts: int) -> None:
        if len(args) not in counts:
            raise WordError(
                word, f"takes {' or '.join(map(str, counts))} arguments, not {len(args)}"
            )

    def _only(self, word: str, *dialects: SpiceDialect) -> None:
        if self.dialect not in dialects:
            raise WordError(word, f"is no function of {self.dialect}", foreign=True)

    def _f_log(self, word: str, args: tuple[Term, ...]) -> Term:
        return self._logarithm("ln", word, args)

    def _f_ln(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.NGSPICE, SpiceDialect.LTSPICE)
        return self._logarithm("ln", word, args)

    def _f_log10(self, word: str, args: tuple[Term, ...]) -> Term:
        return self._logarithm("log10", word, args)

    def _logarithm(self, name: str, word: str, args: tuple[Term, ...]) -> Term:
        self._count(word, args, 1)
        if self.dialect is SpiceDialect.HSPICE and not self.positive(args[0]):
            return build("*", build("sgn", args[0]), build(name, build("abs", args[0])), word=word)
        return build(name, args[0], word=word)

    def _f_sqrt(self, word: str, args: tuple[Term, ...]) -> Term:
        self._count(word, args, 1)
        if self.dialect is SpiceDialect.HSPICE and not self.positive(args[0]):
            return build(
                "*", build("sgn", args[0]), build("sqrt", build("abs", args[0])), word=word
            )
        return build("sqrt", args[0], word=word)

    def _f_min(self, word: str, args: tuple[Term, ...]) -> Term:
        self._count(word, args, 2)
        return build("min", *args, word=word)

    def _f_max(self, word: str, args: tuple[Term, ...]) -> Term:
        self._count(word, args, 2)
        return build("max", *args, word=word)

    def _f_square(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.LTSPICE)
        self._count(word, args, 1)
        return build("apow", args[0], number(2.0), word=word)

    def _f_sqr(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.NGSPICE)
        self._count(word, args, 1)
        return build("apow", args[0], number(2.0), word=word)

    def _f_hypot(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.LTSPICE)
        self._count(word, args, 2)
        return build("sqrt", build("+", *(build("apow", a, number(2.0)) for a in args)), word=word)

    def _f_sign(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.HSPICE)
        self._count(word, args, 2)
        return build("*", build("abs", args[0]), build("sgn", args[1]), word=word)

    def _f_int(self, word: str, args: tuple[Term, ...]) -> Term:
        self._count(word, args, 1)
        if self.dialect is SpiceDialect.NGSPICE and self.behavioural:
            raise WordError(word, "is no function of ngspice's sources", foreign=True)
        return self.whole(args[0])

    def whole(self, term: Term) -> Term:
        """Return a term without its fraction, towards 0."""
        return build("*", build("sgn", term), build("floor", build("abs", term)))

    def _f_nint(self, word: str, args: tuple[Term, ...]) -> Term:
        return opaque("rounds halves in a way of its own; write floor(x + 0.5)", word, *args)

    _f_round = _f_nint

    def _f_if(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.LTSPICE, SpiceDialect.PSPICE, SpiceDialect.HSPICE)
        self._count(word, args, 3)
        return build("if", self.truth(args[0]), *args[1:], word=word)

    def _f_ternary_fcn(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.NGSPICE)
        self._count(word, args, 3)
        return build("if", self.truth(args[0]), *args[1:], word=word)

    def _f_u(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.NGSPICE, SpiceDialect.LTSPICE)
        self._count(word, args, 1)
        if self.dialect is SpiceDialect.NGSPICE:  # half at 0
            return build("*", number(0.5), build("+", ONE, build("sgn", args[0])), word=word)
        return build("if", build(">", args[0], ZERO), ONE, ZERO, word=word)

    def _f_stp(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.LTSPICE, SpiceDialect.PSPICE)
        self._count(word, args, 1)
        return build("if", build(">", args[0], ZERO), ONE, ZERO, word=word)

    def _f_u2(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.NGSPICE)
        self._count(word, args, 1)
        return build("min", build("max", args[0], ZERO), ONE, word=word)

    def _f_uramp(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.NGSPICE, SpiceDialect.LTSPICE)
        self._count(word, args, 1)
        return build("max", args[0], ZERO, word=word)

    def _f_buf(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.LTSPICE)
        self._count(word, args, 1)
        return build("if", build(">", args[0], number(0.5)), ONE, ZERO, word=word)

    def _f_inv(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.LTSPICE)
        self._count(word, args, 1)
        return build("if", build(">", args[0], number(0.5)), ZERO, ONE, word=word)

    def _f_limit(self, word: str, args: tuple[Term, ...]) -> Term:
        if self.dialect is SpiceDialect.NGSPICE:
            return opaque(
                "limit draws a random value in ngspice; write min(max(x, low), high)", word, *args
            )
        if len(args) == 2:
            return opaque("limit of two arguments draws a random value", word, *args)
        self._count(word, args, 3)
        x, low, high = args
        if low.op == high.op == "num":
            low, high = sorted((low, high), key=lambda bound: bound.value)
        elif self.dialect is SpiceDialect.LTSPICE:  # the middle one of the three
            low, high = build("min", low, high), build("max", low, high)
        if self.dialect is SpiceDialect.HSPICE:
            raise WordError(word, "takes two arguments in hspice", foreign=True)
        return build("min", build("max", x, low), high, word=word)

    def _f_uplim(self, word: str, args: tuple[Term, ...]) -> Term:
        """LTspice: y is the upper bound of x, approached smoothly over z: x below y − z, then y −
        z·exp((y − x)/z − 1) turned over."""
        self._only(word, SpiceDialect.LTSPICE)
        self._count(word, args, 3)
        x, y, z = args
        away = build("-", ONE, build("/", build("-", y, x), z))
        smooth = build("-", y, build("*", z, build("exp", build("neg", away))))
        return build("if", build("<", x, build("-", y, z)), x, smooth, word=word)

    def _f_dnlim(self, word: str, args: tuple[Term, ...]) -> Term:
        """LTspice: y is the lower bound of x, approached smoothly over z."""
        self._only(word, SpiceDialect.LTSPICE)
        self._count(word, args, 3)
        x, y, z = args
        away = build("-", build("/", build("-", x, y), z), ONE)
        smooth = build("+", y, build("*", z, build("exp", away)))
        return build("if", build(">", x, build("+", y, z)), x, smooth, word=word)

    def _f_table(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.LTSPICE, SpiceDialect.PSPICE)
        points = [a.value for a in args[1:] if a.op == "num"]
        if len(args) < 3 or len(points) != len(args) - 1 or len(points) % 2:
            raise WordError(word, "expected a value and pairs of numbers")
        return table(args[0], list(zip(points[::2], points[1::2], strict=True)), word)

    _f_tbl = _f_table

    def _f_pwl(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.NGSPICE)
        points = [a.value for a in args[1:] if a.op == "num"]
        if len(args) < 5 or len(points) != len(args) - 1 or len(points) % 2:
            raise WordError(word, "expected a value and at least two pairs of numbers")
        return table(args[0], list(zip(points[::2], points[1::2], strict=True)), word, onward=True)

    def _f_sdt(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.LTSPICE, SpiceDialect.PSPICE)
        if len(args) > 2:
            return opaque("an integral that is reset is not translated", word, *args)
        self._count(word, args, 1, 2)
        return Term("sdt", (args[0], args[1] if len(args) == 2 else ZERO), word=word)

    def _f_idt(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.LTSPICE, SpiceDialect.HSPICE)
        return (
            Meaning._f_sdt(self, word, args)
            if self.dialect is SpiceDialect.LTSPICE
            else opaque("is not translated", word, *args)
        )

    def _f_delay(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.LTSPICE)
        return opaque("asks for the past, which no capacitor holds", word, *args)

    _f_absdelay = _f_idtmod = _f_delay

    def _f_ddt(self, word: str, args: tuple[Term, ...]) -> Term:
        self._count(word, args, 1)
        return Term("ddt", args, word=word)

    def _f_pow(self, word: str, args: tuple[Term, ...]) -> Term:
        self._count(word, args, 2)
        mode = {
            SpiceDialect.NGSPICE: "abs" if self.behavioural else "real",
            SpiceDialect.LTSPICE: "real",
            SpiceDialect.HSPICE: "cut",
            SpiceDialect.PSPICE: "open",
        }
        return self.power(args[0], args[1], mode[self.dialect], word)

    def _f_pwr(self, word: str, args: tuple[Term, ...]) -> Term:
        self._count(word, args, 2)
        if self.dialect is SpiceDialect.NGSPICE and not self.behavioural:
            return self.power(args[0], args[1], "open", word)  # measured: neither of the two
        return self.power(
            args[0],
            args[1],
            "signed" if self.dialect in (SpiceDialect.NGSPICE, SpiceDialect.HSPICE) else "abs",
            word,
        )

    def _f_pwrs(self, word: str, args: tuple[Term, ...]) -> Term:
        self._only(word, SpiceDialect.LTSPICE, SpiceDialect.PSPICE)
        self._count(word, args, 2)
        return self.power(args[0], args[1], "signed", word)

    def power(self, x: Term, y: Term, mode: str, word: str) -> Term:
        """Return a power.

        Parameters
        ----------
        x, y : Term
        mode : str
            What a base below 0 gives: ``abs`` |x|^y; ``signed`` sgn(x)·|x|^y; ``real`` the real
            part of x^y; ``whole`` x to the whole part of y; ``cut`` the same for every base;
            ``open`` not said by the dialect.
        word : str
            For messages.
        """
        if mode == "cut":
            if y.op != "num":
                return opaque(
                    "a power whose exponent is not known is cut to whole numbers in hspice",
                    word,
                    x,
                    y,
                )
            y, mode = number(math.trunc(y.value)), "real"
        if y.op == "num" and y.value == int(y.value) and abs(y.value) < 1000:
            return self._whole_power(x, int(y.value), mode, word)
        size = build("apow", x, y, word=word)
        if self.positive(x) or mode == "abs":
            return size
        if mode == "signed":
            return build("*", build("sgn", x), size, word=word)
        if mode == "open":
            return opaque(
                f"what a power of a base below 0 is, {self.dialect} does not say; write PWR or"
                " PWRS",
                word,
                x,
                y,
            )
        if mode == "whole":
            if y.op != "num":
                return opaque("the whole part of an exponent that is not known", word, x, y)
            below = self._whole_power(x, math.trunc(y.value), "real", word)
        else:
            turn = math.cos(math.pi * y.value) if y.op == "num" else None
            factor = (
                number(0.0 if turn is not None and abs(turn) < 1e-12 else turn)
                if turn is not None
                else _cosine(y)
            )
            below = build("*", factor, size)
        return build("if", build("<", x, ZERO), below, size, word=word)

    def _whole_power(self, x: Term, n: int, mode: str, word: str) -> Term:
        if n == 0:
            return ONE
        if n < 0:
            return build("/", ONE, self._whole_power(x, -n, mode, word), word=word)
        even = n % 2 == 0
        if mode == "open" and not even and not self.positive(x):
            return opaque(
                f"what an odd power of a base below 0 is, {self.dialect} does not say; write PWR or"
                " PWRS",
                word,
                x,
                number(n),
            )
        size = build("abs", x) if n == 1 else build("apow", x, number(n), word=word)
        if mode == "abs" and not even:
            return x if n == 1 and self.positive(x) else size
        if self.positive(x):
            return x if n == 1 else size
        if mode == "signed" and even:
            return build("*", build("sgn", x), size, word=word)
        if even:
            return size
        return x if n == 1 else build("*", x, build("apow", x, number(n - 1)), word=word)

    def positive(self, term: Term) -> bool:
        """Return whether a term is certainly not below 0."""
        args = term.args
        match term.op:
            case "num":
                return term.value >= 0
            case "par":
                return self.nonnegative(term.names[0])
            case (
                "abs"
                | "exp"
                | "sqrt"
                | "apow"
                | "cosh"
                | "<"
                | "<="
                | ">"
                | ">="
                | "=="
                | "!="
                | "and"
                | "or"
                | "not"
            ):
                return True
            case "*":
                return args[0] == args[1] or (self.positive(args[0]) and self.positive(args[1]))
            case "+" | "/" | "min":
                return self.positive(args[0]) and self.positive(args[1])
            case "max":
                return self.positive(args[0]) or self.positive(args[1])
            case "if":
                return self.positive(args[1]) and self.positive(args[2])
            case _:
                return False


def _signed(raw: Term) -> bool:
    """Return whether a minus stands right behind an operator that it does not begin with; one that
    is the sign of a number is none.

    Measured of ngspice 39.3: with k = -1.3, ``.param a={2*-k+1}`` gives -3.6, and ``2*-3**2`` 18."""
    behind = raw.args if raw.op in ("neg", "!") else raw.args[1:]
    if raw.op in ("pos", "()", "call"):
        return False
    for term in behind:
        while term.op not in ("neg", "()", "call", "num", "name", "!", "pos"):
            term = term.args[0]
        if term.op == "neg" and (raw.op in ("neg", "!") or term.args[0].op != "num"):
            return True
    return False


def _cosine(y: Term) -> Term:
    """Return cos(πy), exact to rounding for whole exponents: what (−1)^y has as its real part."""
    return build("cos", build("*", number(math.pi), y))


def table(x: Term, points: list[tuple[float, float]], word: str, *, onward: bool = False) -> Term:
    """Return a polygon: y₀ + Σ slope·(x cut to the part).

    Parameters
    ----------
    x : Term
    points : list of (x, y)
    word : str
        For messages.
    onward : bool
        Whether it goes on beyond its ends with the slopes there (ngspice's ``pwl``); level
        otherwise.
    """
    if any(b[0] <= a[0] for a, b in pairwise(points)):
        raise WordError(word, "expected pairs whose first numbers increase")
    terms, last = [number(points[0][1])], len(points) - 2
    for k, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
        part = x if onward and k == 0 else build("max", x, number(x0))
        part = part if onward and k == last else build("min", part, number(x1))
        if y1 != y0:
            terms.append(build("*", number((y1 - y0) / (x1 - x0)), build("-", part, number(x0))))
    return total(terms)


_ROUNDED = 0.1
"""Of the shorter side: how far to either side of a corner ngspice rounds a table."""


def rounded_table(x: Term, points: list[tuple[float, float]], word: str) -> Term:
    """Return a table as a source of ngspice has it: a polygon, level beyond its ends, in which a
    parabola joins the sides around each corner (the code model pwl with a fraction of 0.1, as
    ngspice writes E and G with TABLE; measured of 39.3).

    It is y₀ + Σ (change of the slope)·r(x), where r rises from 0 at x_c − d with the parabola
    (x − x_c + d)²/(4d), and is x − x_c from x_c + d on."""
    if any(b[0] <= a[0] for a, b in pairwise(points)):
        raise WordError(word, "expected pairs whose first numbers increase")
    if len(points) == 1:
        return number(points[0][1])
    sides = [x1 - x0 for (x0, _), (x1, _) in pairwise(points)]
    slopes = [0.0, *((b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(points)), 0.0]
    terms = [number(points[0][1])]
    for (at, _), left, right, before, after in zip(
        points, [sides[0], *sides], [*sides, sides[-1]], slopes, slopes[1:], strict=False
    ):
        near = _ROUNDED * min(left, right)
        over = build("max", build("-", x, number(at - near)), ZERO)
        bend = build("min", over, number(2.0 * near))
        rise = build(
            "+",
            build("*", number(0.25 / near), build("*", bend, bend)),
            build("-", over, bend),
        )
        if after != before:
            terms.append(build("*", number(after - before), rise))
    return total(terms)


def total(terms: list[Term]) -> Term:
    """Return a sum, as shallow as can be."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return build("+", total(terms[:half]), total(terms[half:]))
