"""What a header says its column holds: quantity, unit, place, cycle, from the names that people and
instruments write."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spicesnn.errors import DataError


def _words(text: str) -> list[str]:
    return text.split()


_NAMES = {
    "time": "time t timestamp elapsed seconds second sec zeit temps tempo tiempo timer 时间 время",
    "volts": (
        "volts volt v voltage bias drive amplitude vin spannung tension tensione voltaje potential"
        " vset vforce vmeas 电压 напряжение"
    ),
    "amps": "amps amp ampere amperes i current strom courant corrente corriente imeas 电流 ток",
    "ohms": "r ohm ohms resistance resistances widerstand res rdut сопротивление",
    "siemens": "siemens g conductance conductances leitwert проводимость ltp ltd potentiation depression"
    " cond",
    "width": "width w duration breite pw",
    "number": (
        "pulse pulses n number index no nr # count sample samples point points item nummer"
        " pulsenumber id# row"
    ),
    "cycle": "cycle cycles loop loops run sweep repeat repetition iteration zyklus cyc trial scan scans",
    "status": "status compliance compl flag comp incompliance overload limit icc ilim ilimit icomp"
    " icompliance",
    "cell": "wordline bitline wl bl device cell dut# die chip wafer",
    "kind": "tag readtag type operation direction polarity",
    "other": (
        "power p temperature temp date log ln log10 ratio density noise std stdev error sigma range"
        " delay charge q energy capacitance c math unit digits terminal origin questionable comment"
        " comments remark remarks rate gain offset lrs hrs imax vset_ max min cv median variance rmse"
    ),
}
_KINDS = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_RANK = (
    "other",
    "status",
    "width",
    "ohms",
    "siemens",
    "amps",
    "volts",
    "time",
    "cycle",
    "cell",
    "kind",
    "number",
)
"""Where a header names two quantities, the first in this order is meant: a pulse width is a width,
a pulse voltage a voltage."""
_PLACES = frozenset(
    _words(
        "anode cathode drain source gate bulk sub substrate top bottom te be d s g b ds gs dut mem"
        " smu ch channel a k hi lo plus minus input output in out tot electrode device leak leakage"
        " row col column wl bl sl we re ce"
    )
)
_NUMBERED = frozenset(_words("smu ch channel we re ce"))
"""Places whose number is part of their name: SMU1, WE(1)."""
_NAMED_BY_ID = frozenset(
    _words(
        "device dut cell chip die wafer sample electrode cycle run sweep loop scan pulse test"
        " experiment measurement session batch"
    )
)
"""What an *id* behind it names (device_id); alone, Id is the current of a drain."""
_PLAIN = frozenset(
    _words(
        "meas measured sense sensed force forced source set reset applied prog programmed nominal"
        " the of value values data raw abs absolute read pulse average avg mean relative rel"
        " elapsed real ac dc signal sweep std stamp number"
    )
)
_MEASURED = frozenset(_words("meas measured sense sensed vmeas imeas vmeasured imeasured"))
_FORCED = frozenset(
    _words("force forced set applied prog programmed nominal vset vforce vprog vforced")
)
_OWN = {"time": "tT", "amps": "iI", "volts": "uU", "siemens": "gG"}
"""Symbols of quantities that people write where the unit is expected: Current (I)."""
_CANONICAL = {"time": "s", "width": "s", "volts": "V", "amps": "A", "siemens": "S", "ohms": "ohm"}
_SYMBOLS = {
    "time": ("s", "sec", "second", "seconds"),
    "volts": ("v", "volt", "volts"),
    "amps": ("a", "amp", "amps", "ampere", "amperes"),
    "siemens": ("s", "siemens", "mho"),
    "ohms": ("ohm", "ohms", "ω", "r"),
}
_SYMBOL_CASES = {
    "siemens": ("S", "siemens"),
    "amps": ("A", "Amp", "Amps", "amps", "amp"),
    "volts": ("V", "Volt", "Volts", "volts", "volt"),
    "time": ("s", "sec"),
    "ohms": ("Ohm", "ohm", "ohms", "Ohms", "\u03a9", "\u2126", "OHM", "OHMS"),
}
"""Where a unit alone has to tell the quantity, its case counts: S is siemens, s a second."""
_PREFIXES = {
    "": 1.0,
    "f": 1e-15,
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "µ": 1e-6,
    "μ": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "U": 1e-6,
    "N": 1e-9,
    "K": 1e3,
    "femto": 1e-15,
    "pico": 1e-12,
    "nano": 1e-9,
    "micro": 1e-6,
    "milli": 1e-3,
    "kilo": 1e3,
}
"""Both micro signs of Unicode."""
_LARGE = {"M": 1e6, "G": 1e9, "T": 1e12, "mega": 1e6, "giga": 1e9, "Meg": 1e6, "meg": 1e6}
"""Of ohms only: nobody measures megaamperes, and MA may be an upper-case mA."""
_WHOLE = {
    ("time", "min"): 60.0,
    ("time", "minutes"): 60.0,
    ("time", "h"): 3600.0,
    ("time", "hours"): 3600.0,
    ("time", "msec"): 1e-3,
    ("time", "usec"): 1e-6,
    ("time", "nsec"): 1e-9,
    ("siemens", "g0"): 7.748091729e-5,
    ("siemens", "g/g0"): 7.748091729e-5,
}
"""Units that are no prefix and symbol; G0 is the conductance quantum 2e²/h."""
_TOKEN = re.compile(
    r"[A-Z]+(?![a-z])|[A-Z]?[a-zäöüéèß]+|[0-9]+|[#ΩΩ]|[\u4e00-\u9fff]+|[А-Яа-яЁё]+|[µμ][A-Za-zΩ]*"
)
_CYRILLIC = {"мк": "u", "к": "k", "м": "m", "н": "n", "п": "p", "ф": "f", "М": "M"} | {
    "В": "V",
    "А": "A",
    "с": "s",
    "Ом": "ohm",
    "См": "S",
}
_CYRILLIC_UNIT = re.compile(r"(?<![А-Яа-яЁё])(мк|[кмнпфМ]?)(В|А|с|Ом|См)(?![А-Яа-яЁё])")
_POWER = re.compile(
    r"(?:[x×*]\s*)?(?:1[eE]([-+]?\d{1,2})|10(?:\^\{?([-+]?\d{1,2})\}?|(-\d{1,2})))\s*[*·]?\s*"
)
"""A power of ten in front of a unit: 10^-6, 1e-6, x10^-6, 10⁻⁶ (which is read as 10-6)."""
_FACTOR = re.compile(r"[x×*]\s*(?:1[eE][-+]?\d|10\^|10-\d)")
_RAISED = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹−", "-+0123456789-")
_BRACKET = re.compile(r"[\[({]\s{0,9}([^\])}]{0,80}?)\s{0,9}[\])}]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """What one column holds.

    Attributes
    ----------
    header : str
        As it stands in the file.
    kind : str
        ``time``, ``volts``, ``amps``, ``ohms``, ``siemens``, ``width``, ``read`` (the voltage of a
        read), ``number``, ``cycle``, ``status``, ``cell``, ``kind``, ``other``, or nothing where
        the header says nothing we know.
    scale : float
        What its numbers have to be multiplied by to be in SI units.
    unit : bool
        Whether the header states a unit.
    place : str
        The electrode or channel it belongs to, where the header names one.
    numbers : tuple of int
        Numbers in the header that are not part of the place: cycles beside each other, or channels.
    words : frozenset of str
        All words of the header, lower case.
    strange : int
        How many of them we do not know.
    problem : str
        What is wrong with the header, if its column cannot be used.
    """

    header: str
    kind: str = ""
    scale: float = 1.0
    unit: bool = False
    place: str = ""
    numbers: tuple[int, ...] = ()
    words: frozenset[str] = frozenset()
    strange: int = 0
    problem: str = ""

    @property
    def absolute(self) -> bool:
        """Whether it holds magnitudes, by its name."""
        named = self.words & {"absolute", "magnitude", "betrag", "iabs"} or any(
            word.startswith("abs") for word in self.words
        )
        return bool(named) or "|" in self.header

    @property
    def measured(self) -> int:
        """1 for a column of what was measured, −1 for one of what was programmed, 0 where the name
        says neither."""
        return 1 if self.words & _MEASURED else -1 if self.words & _FORCED else 0

    def checked(self) -> Column:
        """Return the column.

        Raises
        ------
        DataError
            Its header cannot be understood.
        """
        if self.problem:
            raise DataError(self.problem)
        return self

    @classmethod
    def of(cls, header: str) -> Column:
        """Return the column of a header such as ``time``, ``I (mA)``, ``Voltage [V]``,
        ``current_uA``, ``G/µS``, ``Smu1.V[1][1]``, ``DrainI(2)``."""
        text = _CYRILLIC_UNIT.sub(
            lambda found: "".join(_CYRILLIC.get(part, "") for part in found.groups()),
            header.strip().strip("\"'").strip().translate(_RAISED),
        )
        name, unit = _unit_of(re.sub(r"(?i)\bdate\s*[/&]\s*time\b", "datetime", text))
        words = [
            match.lower()
            for match in _TOKEN.findall(
                re.sub(r"([A-Za-z])(?=\d)|(\d)(?=[A-Za-z])", r"\g<0> ", name)
            )
        ]
        kind, place, numbers, strange = _meaning(words, name)
        if kind == "time" and _DEGREES.search(text):  # T (K) is a temperature
            kind, place = "other", ""
        unknown = None
        if unit is not None and unit in _OWN.get(kind, ""):
            unit = None
        if unit is None and not kind:
            kind, unit = _by_unit(name.rpartition("_")[2].strip() or name)
        elif unit is not None and kind in ("", "number", "cycle") and not (kind and unit == ""):
            found = _by_unit(unit)[0]
            kind = found or kind
        elif unit is not None and kind == "other":
            pass
        scale, problem = 1.0, ""
        if unit and kind in _CANONICAL:
            known = scale_of(unit, kind)
            if known is None and kind == "time" and re.fullmatch(r"(?i)[dhms:.]+", unit):
                known = 1.0
            if known is None:
                unknown = unit
            else:
                scale = known
        if unknown is not None:
            problem = (
                f"header {text!r}: the unit {unknown!r} is not known; expected {_CANONICAL[kind]}"
                " with f p n u m " + ("k M or G before it" if kind == "ohms" else "or k before it")
            )
        if re.match(r"[-\u2212]\s*[A-Za-z]", text):
            scale = -scale
        if kind in _CANONICAL and _FACTOR.search(name):
            problem = (
                f"header {text!r}: a factor in a name may be meant either way; say the unit that the"
                f" numbers are in, such as (m{_CANONICAL[kind]})"
            )
        return cls(
            header=header.strip(),
            kind=kind,
            scale=scale,
            unit=bool(unit),
            place=place,
            numbers=numbers,
            words=frozenset(words),
            strange=strange,
            problem=problem,
        )


_DEGREES = re.compile(
    r"[\[(/_]\s*(?:K|Kelvin|kelvin|°\s*[CKF]|deg\s*C|C|Celsius|celsius)\s*[\])]?\s*$"
)


def scale_of(unit: str, kind: str) -> float | None:
    """Return the factor of a unit of a quantity, or None where it has no such unit."""
    plain = re.sub(r"(?i)\s*(dc|ac)$", "", unit.strip()).replace("\u2126", "\u03a9").strip()
    power = _POWER.match(plain)
    if power is not None and power.end() < len(plain):
        rest = scale_of(plain[power.end() :], kind)
        return None if rest is None else rest * 10.0 ** int("".join(filter(None, power.groups())))
    base = "time" if kind == "width" else kind
    whole = _WHOLE.get((base, plain.lower()))
    if whole is not None:
        return whole
    for word in sorted(_SYMBOLS.get(base, ()), key=len, reverse=True):
        if plain.lower().endswith(word):
            before = plain[: len(plain) - len(word)].strip()
            if before in _PREFIXES:
                return _PREFIXES[before]
            if before.lower() in _PREFIXES and len(before) > 1:
                return _PREFIXES[before.lower()]
            if base == "ohms" and before in _LARGE:
                return _LARGE[before]
    if base == "ohms" and plain in {**_PREFIXES, **_LARGE} and plain:
        return {**_PREFIXES, **_LARGE}[plain]
    return None


def is_unit(text: str) -> bool:
    """Return whether a cell is a unit, in brackets or not: of a row of units below the headers."""
    plain = re.sub(r"\s+", " ", text).strip().strip("[](){}").strip()
    return (
        plain in ("", "-", "#", "1")
        or bool(_by_unit(plain)[0])
        or scale_of(plain, "time") is not None
    )


def with_unit_row(column: Column, unit: str) -> Column:
    """Return the column with the unit that a row below the headers gives it."""
    plain = unit.strip().strip("[](){}").strip()
    if column.unit or plain in ("", "-", "#", "1"):
        return column
    return Column.of(f"{column.header} ({plain})")


def _unit_of(text: str) -> tuple[str, str | None]:
    """Return a header without its unit, and the unit: in brackets anywhere, or behind a slash, a
    comma or the word *in*."""
    text = re.sub(r"\s+", " ", text)
    for found in _BRACKET.finditer(text):
        inside = found[1]
        if not inside or inside.isdigit() or _looks_worded(inside):
            continue
        return (text[: found.start()] + " " + text[found.end() :]).strip(), inside
    for mark in (
        r"\s*/\s*((?:(?:1[eE]|10\^?)[-+]?\d{1,2}\s*)?[^\s/]+)\s*$",
        r",\s*([^\s,]+)\s*$",
        r"\s+in\s+(\S+)\s*$",
        r"\s*:\s*([^\s:]+)\s*$",
    ):
        split = re.search(mark, text)
        if split and split.start() > 0 and not split[1].isdigit() and not _looks_worded(split[1]):
            return text[: split.start()].strip(), split[1]
    before, mark_, after = text.rpartition("_")
    if mark_ and before.strip("_ ") and after and _by_unit(after)[0]:
        kind = _meaning([match.lower() for match in _TOKEN.findall(before)], before)[0]
        if kind in _CANONICAL and scale_of(after, kind) is not None and not _is_place(after, kind):
            return before, after
        if not kind and len(after) > 1:
            return before, after
    before, mark_, after = text.rpartition(" ")
    if mark_ and before.strip() and len(after) > 1 and _by_unit(after)[0]:
        return before, after
    return text, None


def _is_place(after: str, kind: str) -> bool:
    """Return whether what stands behind the underscore of V_A or I_S is an electrode rather than a
    unit."""
    return (
        len(after) == 1
        and not (kind in ("time", "width") and after == "s")
        and scale_of(after, kind) is not None
        and after.lower() in "sdg"
    )


def _looks_worded(inside: str) -> bool:
    """Return whether a bracket holds words, and no unit: (abs), (cycle 2), (DUT)."""
    words = [match.lower() for match in _TOKEN.findall(inside)]
    if _POWER.match(inside) or _by_unit(inside)[0] or scale_of(inside, "time") is not None:
        return False
    kinds = ("cycle", "number", "volts", "amps")
    return bool(words) and all(
        word in _PLAIN
        or word in _PLACES
        or word.isdigit()
        or word in ("ltp", "ltd")
        or _KINDS.get(word) in kinds
        for word in words
    )


def _by_unit(unit: str) -> tuple[str, str | None]:
    """Return the quantity that a unit such as µS or mA stands for, and the unit: S is siemens here
    and s a second."""
    plain = re.sub(r"\s+(DC|AC)$", "", unit.strip())
    for kind, symbols in _SYMBOL_CASES.items():
        for symbol in symbols:
            before = plain.removesuffix(symbol)
            if plain.endswith(symbol) and (
                before in _PREFIXES
                or (before in _LARGE and kind in ("ohms", "siemens", "amps", "volts"))
            ):
                return kind, unit
    return ("siemens", unit) if plain.upper() in ("G0", "G/G0") else ("", None)


def _meaning(words: list[str], name: str) -> tuple[str, str, tuple[int, ...], int]:
    """Return the quantity, the place, the numbers and the count of unknown words of a header
    without its unit."""
    joined = re.sub(r"[\s_\-]+", "_", name.strip().lower()).strip("_")
    special = {
        "pulse_s": "width",
        "w": "width",
        "time_s": "time",
        "timestamp": "time",
        "time_stamp": "time",
        "elapsed_time": "time",
        "x_value": "time",
        "datetime": "time",
        "date_time": "time",
        "#": "number",
        "iabs": "amps",
        "absi": "amps",
        "absid": "amps",
        "u": "volts",
    }.get(joined)
    if special:
        return special, "", (), 0
    kinds: list[str] = []
    numbers: list[int] = []
    place, strange, letters = "", 0, 0
    for k, word in enumerate(words):
        before = words[k - 1] if k else ""
        if word.isdigit():
            if before in _NUMBERED:
                place += word
            else:
                numbers.append(int(word))
        elif word == "id" and before in _NAMED_BY_ID:
            kinds = kinds or ["number"]
        elif re.fullmatch(r"[a-h][vi]", word) and len(words) <= 2:
            kinds, place = [*kinds, "volts" if word[1] == "v" else "amps"], word[0]
        elif word in _KINDS and not (letters and word in _PLACES) and word not in ("set", "reset"):
            if word in _PLACES and word not in _KINDS:
                place = word
            kinds.append(_KINDS[word])
            letters += word in ("v", "i", "u")
        elif re.fullmatch(r"(abs|\|)?[vi]_?[a-z]+", word) and _split_letter(word):
            quantity, rest = _split_letter(word) or ("", "")
            kinds.append(quantity)
            if rest in _PLACES:
                place = rest
            elif rest not in _PLAIN:
                strange += 1
        elif word in _PLACES:
            place = place or word
        elif word not in _PLAIN:
            strange += 1
    if "read" in words and kinds and "volts" in kinds:
        return "read", place, tuple(numbers), strange
    if "vread" in words:
        return "read", place, tuple(numbers), strange
    if kinds and set(kinds) <= {"cycle"} and numbers:
        return "", place, tuple(numbers), strange
    kind = min(kinds, key=_RANK.index) if kinds else ""
    if kind == "status" and {"amps", "volts"} & set(kinds):
        kind = "other"
    return kind, place, tuple(numbers), strange


def _split_letter(word: str) -> tuple[str, str] | None:
    """Return the quantity and the rest of vtop, ids, vmeas, absid, iread; None for other words."""
    plain = word.removeprefix("abs")
    rest = plain[1:]
    if rest in _PLACES or rest in _PLAIN:
        return ("volts" if plain[0] == "v" else "amps"), rest
    return None
