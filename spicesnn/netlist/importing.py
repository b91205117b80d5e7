"""A descriptor from SPICE text alone: pins, states and parameters guessed, to be looked at and
corrected by whoever knows the device."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from spicesnn.devices.importers.ambient import says_temperature
from spicesnn.devices.importers.cards import (
    Card,
    Library,
    Subckt,
    assignments,
    bare,
    fold,
    library_of,
    split,
)
from spicesnn.devices.importers.dialects import SpiceDialect
from spicesnn.devices.importers.elements import Element
from spicesnn.devices.importers.emit import write
from spicesnn.devices.importers.evaluate import with_parameters
from spicesnn.devices.importers.expressions import Term
from spicesnn.devices.importers.flat import flat
from spicesnn.devices.importers.states import Store, stores
from spicesnn.devices.importers.translate import Part, understood
from spicesnn.errors import InputError, UnsupportedNetlistError
from spicesnn.guesses import nearest
from spicesnn.netlist.foreign import TAKEN
from spicesnn.netlist.safety import read_cards, read_text
from spicesnn.netlist.spans import Motion
from spicesnn.netlist.spectre import dialect_of, is_spectre
from spicesnn.units import parse
from spicesnn.whole_file import write_whole, writing

VERILOG = (".va", ".vams")
_TWO = 2


@dataclass(frozen=True, kw_only=True)
class Guess:
    """What a netlist says about a device, and what had to be guessed.

    Attributes
    ----------
    name : str
    subckt : str
    dialect : SpiceDialect
    decided : bool
        Whether the text itself decided the dialect, or means the same in all that have its words.
    spectre : bool
        Whether the text is in Spectre's own language, and `dialect` the one that it was put into.
    cards : tuple of Card
        The definitions in the file and in what it includes.
    bench : tuple of Card
        The test bench there, which is left out: analyses, options, commands, elements outside of
        sub-circuits.
    part : Part
    pins : dict
        Role (``p``, ``n``) → pin.
    unused : tuple of str
        Pins that only show something, on which nothing else depends: they are left open.
    states : tuple of Store
    bounds : dict
        Node of a state → lowest and highest value.
    parameters : dict
        Those that can be set → their values.
    fixed : dict
        Those of the card that cannot → why.
    drive : (amplitude, frequency)
        Volt, hertz: of the test bench in the file where it has a sine, else what moves the first
        state.
    """

    name: str
    subckt: str
    dialect: SpiceDialect
    decided: bool
    spectre: bool
    cards: tuple[Card, ...]
    bench: tuple[Card, ...]
    part: Part
    pins: dict[str, str]
    unused: tuple[str, ...]
    states: tuple[Store, ...]
    bounds: dict[str, tuple[float, float]]
    parameters: dict[str, float]
    fixed: dict[str, str]
    drive: tuple[float, float]

    @property
    def set_by_bench(self) -> tuple[str, ...]:
        """What the test bench sets of the device, and is left out with it: values where it calls
        the sub-circuit, voltages at the start."""
        found = []
        for card in self.bench:
            head, given = assignments(re.sub(r"\bparams\s*:", " ", card.text))
            if card.text.startswith("x") and split(head)[-1:] == [self.subckt]:
                found += [
                    f"line {card.line}: {key}={text}; take it with --set device.{key}={bare(text)}"
                    for key, text in given
                    if key in self.parameters
                ]
            elif card.text.startswith(".ic ") and self.states:
                found.append(
                    f"line {card.line}: {card.text}; if it starts the device, write it into the"
                    " .subckt, or give initial = … in the descriptor"
                )
        return tuple(found)

    @property
    def translation(self) -> str:
        """The sub-circuit as ngspice gets it."""
        return write(self.part).text

    def descriptor(self, file: str) -> str:
        """Return the text of the descriptor; `file` is the netlist beside it."""
        lines = [
            (
                f"# Written from {Path(self.cards[0].file).name}: look at the pins and the states"
                " before you use it."
            ),
            f'name = "{self.name}"',
            f'file = "{file}"',
            f'subckt = "{self.subckt}"',
            f'dialect = "{self.dialect}"',
            "",
            "[pins]",
            f'p = "{self.pins["p"]}"  # word line',
            f'n = "{self.pins["n"]}"  # bit line',
        ]
        if self.unused:
            listed = ", ".join(f'"{pin}"' for pin in self.unused)
            lines.append(f"unused = [{listed}]  # they only show something, and are left open")
        for name, store in zip(self.state_names(), self.states, strict=True):
            low, high = self.bounds[store.node]
            lines += [
                "",
                f"[states.{name}]",
                f'node = "{store.node}"',
                f'capacitor = "{store.path}"',
                f"low = {low!r}",
                f"high = {high!r}",
            ]
            if store.start is None:
                begins = min(max(low, 0.0), high)
                lines.append(f"initial = {begins!r}  # the text says nothing: without a charge")
        lines += ["", "[drive]", f"amplitude = {self.drive[0]!r}", f"frequency = {self.drive[1]!r}"]
        for name, value in self.parameters.items():
            lines += ["", f"[parameters.{name}]", f"default = {value!r}"]
        return "\n".join(lines) + "\n"

    def state_names(self) -> list[str]:
        """Return a name for each state, made from its node."""
        names: list[str] = []
        for store in self.states:
            base = re.sub(r"[^A-Za-z0-9_]", "_", store.node)
            base = base if re.match(r"[A-Za-z]", base) else f"s_{base}"
            names.append(base if base not in names else f"{base}_{len(names)}")
        return names

    def write(self, folder: Path) -> Path:
        """Write the netlist, its inclusions in their places, and the descriptor; return the path of
        the descriptor.

        Raises
        ------
        InputError
            The netlist would take the place of the text that it was read from.
        """
        file = folder / f"{self.name}.lib"
        if file.exists() and any(
            Path(source).exists() and file.samefile(source)
            for source in {card.file for card in self.cards}
        ):
            raise InputError(
                f"{file}: what is written would take the place of the text that it was read from,"
                " comments and test bench left out; choose another folder with --out"
            )
        cards = "\n".join(fold(card.text, 120) for card in self.cards)
        with writing(folder, then=""):
            write_whole(
                file,
                f"* {self.name}: read from {Path(self.cards[0].file).name}, comments left"
                f" out\n{cards}\n",
            )
            write_whole(folder / f"{self.name}.toml", self.descriptor(file.name))
        return folder / f"{self.name}.toml"


def guess(
    path: Path,
    *,
    subckt: str | None = None,
    dialect: SpiceDialect | None = None,
    pins: tuple[str, str] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
) -> Guess:
    """Return what a netlist file says about a device.

    Parameters
    ----------
    path : Path
    subckt : str, optional
        Its sub-circuit, where the file has several that nothing else in it calls.
    dialect : SpiceDialect, optional
        Where the text does not decide it.
    pins : (p, n), optional
        The pins of word line and bit line; the first two that are no states if left out.
    bounds : Mapping, optional
        Node of a state → lowest and highest value; what holds it in the equations if left out,
        else 0 and 1.

    Raises
    ------
    UnsupportedNetlistError
        Something cannot be understood, by line; or the dialect must be said.
    InputError
        The file has no such sub-circuit, or its pins cannot be guessed.
    """
    if path.suffix.lower() in VERILOG:
        raise InputError(
            f"{path} is Verilog-A, no SPICE text; `spicesnn import` and"
            " spicesnn.devices.importers.veriloga read it"
        )
    cards = read_cards(path, path.parent)
    text = read_text(path)
    spectre, decided = is_spectre(text), dialect is None
    dialect = dialect_of(text, path, dialect)
    library = library_of(cards)
    chosen = _chosen(path, library, subckt)
    unused = _unused(library, chosen, dialect, pins)
    library = library.without_pins(chosen.name, unused)
    chosen = library.subckts[chosen.name]
    part, found, parameters, fixed = _settable(library, chosen, dialect)
    states = tuple(stores(part, frozenset(_outer(part)), ()))
    p, n = _pins(path, part, states, pins)
    for pin in (p, n):
        if not any(pin in element.nodes for element in part.elements):
            apart = ", ".join(element.name for element in part.left_out) or "none"
            raise chosen.card.error(
                f"no element of .subckt {part.name} lies at its pin {pin!r}, so no current flows"
                f" through it (elements that nothing at its pins depends on: {apart}); are its nodes"
                " called as its pins are?"
            )
    for element in part.elements:
        if element.kind == "v" and set(element.nodes) == {p, n} and _nothing(element.value):
            raise element.card.error(
                f"{element.name!r} joins word line and bit line without a resistance, so there is no"
                " device between them; expected the model, not the place of a cell in a layout"
            )
    # What lies at a pin is a state only where that pin is no terminal.
    states = tuple(
        store for store in stores(part, frozenset({p, n}), ()) if store.node not in (p, n)
    )
    spans: dict[str, tuple[float, float]] = {}
    places = flat(part)
    for one, two in pairwise(sorted(states, key=lambda store: places.node(store.node))):
        if places.node(one.node) == places.node(two.node):
            raise two.element.card.error(
                f"the capacitors {one.path!r} and {two.path!r} lie at one node, inside and outside of a"
                " sub-circuit; make them one"
            )
    motion = Motion.of(part, (p, n), states, parameters) if states else None
    for k, store in enumerate(states):
        found_low, found_high = (
            (None, None) if motion is None or store.node in (bounds or {}) else motion.span(k)
        )
        spans[store.node] = (bounds or {}).get(
            store.node,
            (0.0 if found_low is None else found_low, 1.0 if found_high is None else found_high),
        )
        low, high = spans[store.node]
        start = (
            min(max(low, 0.0), high)
            if store.start is None
            else float(with_parameters(store.start, parameters, {}))
        )
        if not (low < high and low <= start <= high):
            raise InputError(
                f"{path}: the state {store.node!r} starts at {start:g}, outside {low:g}…{high:g};"
                f" say its range: --state {store.node}=LOW,HIGH"
            )
    for node in bounds or {}:
        if node not in spans:
            raise InputError(
                f"--state {node}: no such state{nearest(node, spans)} The states are:"
                f" {', '.join(spans) or 'none'}"
            )
    return Guess(
        name=re.sub(r"[^a-z0-9_-]", "_", chosen.name),
        subckt=chosen.name,
        dialect=found,
        decided=decided and not spectre,
        spectre=spectre,
        part=part,
        cards=tuple(
            card
            for card in cards
            if (card not in library.bench or says_temperature(card)) and card.text != ".end"
        ),
        bench=tuple(card for card in library.bench if not says_temperature(card)),
        pins={"p": p, "n": n},
        unused=unused,
        states=states,
        bounds=spans,
        parameters=parameters,
        fixed=fixed,
        drive=_drive(library, found)
        or (motion.drive(0, spans[states[0].node]) if motion is not None else None)
        or (1.0, 1e3),
    )


def _chosen(path: Path, library: Library, name: str | None) -> Subckt:
    """Return the sub-circuit that is meant: the only one that no other calls."""
    if name is not None:
        if name.lower() not in library.subckts:
            known = ", ".join(library.subckts) or "none"
            raise InputError(
                f"{path}: no .subckt {name}{nearest(name.lower(), library.subckts)} The file has:"
                f" {known}"
            )
        return library.subckts[name.lower()]
    called = {
        split(assignments(card.text)[0])[-1]
        for s in library.subckts.values()
        for card in s.every()
        if card.text.startswith("x")
    }
    outermost = [s for s in library.subckts.values() if s.name not in called]
    if len(outermost) != 1:
        known = ", ".join(s.name for s in outermost)
        if not library.subckts:
            raise InputError(f"{path} has no sub-circuit; expected .subckt NAME PINS … .ends")
        raise InputError(
            f"{path}: the sub-circuits that stand by themselves are: {known or 'none'}; expected one. Say"
            " which with --subckt NAME"
        )
    return outermost[0]


def _settable(
    library: Library, subckt: Subckt, dialect: SpiceDialect | None
) -> tuple[Part, SpiceDialect, dict[str, float], dict[str, str]]:
    """Return the sub-circuit as understood with as many parameters of its card as can be set, their
    values, and why others cannot."""
    part, found = understood(library, subckt.name, dialect, {})
    values = {name: _value(library, subckt, found, name) for name in subckt.defaults}
    known = {name: value for name, value in values.items() if value is not None}
    fixed = {name: "its value is no number" for name in values if name not in known}
    for name in [name for name in known if _follows(library, subckt, name, known)]:
        known.pop(name)
        fixed[name] = "its default follows from other parameters"
    for name in list(known):
        if not name.isidentifier() or keyword.iskeyword(name) or name in TAKEN:
            known.pop(name)
            fixed[name] = "devices have something else of that name"
    try:
        whole, _ = understood(library, subckt.name, dialect, dict.fromkeys(known, False))
        write(whole)
        return whole, found, known, fixed
    except UnsupportedNetlistError:
        pass
    chosen: dict[str, float] = {}
    for name, value in known.items():
        try:
            # What is set may decide what a word means, such as an exponent: without a dialect it
            # must mean the same in all of them again.
            tried, _ = understood(
                library, subckt.name, dialect, dict.fromkeys([*chosen, name], False)
            )
            write(tried)
        except UnsupportedNetlistError as error:
            fixed[name] = str(error)
            continue
        chosen[name], part = value, tried
    return part, found, chosen, fixed


def _follows(library: Library, subckt: Subckt, name: str, others: Collection[str]) -> bool:
    """Return whether the default of a parameter of the card is made of others that can be set: a
    call that sets those moves it, too."""
    left, seen = [subckt.defaults[name]], {name}
    while left:
        for word in re.findall(r"(?<![\w.])[a-z_]\w*", left.pop()):
            if word in seen:
                continue
            seen.add(word)
            if word in others:
                return True
            for scope in (subckt.scope, library.scope):
                if word in scope.params:
                    left.append(scope.params[word][0])
                    break
    return False


def _value(library: Library, subckt: Subckt, dialect: SpiceDialect, name: str) -> float | None:
    """Return the value that the text gives to a parameter of the card, in a sub-circuit of its own
    that holds nothing else."""
    probe = Subckt(
        name=subckt.name,
        card=subckt.card,
        pins=("a", "b"),
        defaults=subckt.defaults,
        scope=subckt.scope,
    )
    probe.elements.append(Card(f"rprobe a b {{{name}}}", subckt.card.file, subckt.card.line))
    try:
        part, _ = understood(
            Library(scope=library.scope, subckts={probe.name: probe}), probe.name, dialect, {}
        )
    except UnsupportedNetlistError:
        return None
    term = part.elements[0].value
    found = (
        None
        if term is None
        else float(with_parameters(term, {}, part.local))
        if not term.holds("opaque")
        else None
    )
    return found if found is not None and math.isfinite(found) else None


def _unused(
    library: Library, subckt: Subckt, dialect: SpiceDialect | None, given: tuple[str, str] | None
) -> tuple[str, ...]:
    """Return the pins of a sub-circuit with more than two that only show something: nothing depends
    on them once they are left open, or sources inside drive them, apart from all other pins."""
    found: list[str] = []
    if len(subckt.pins) <= _TWO:
        return ()
    understood(library, subckt.name, dialect, {})
    for pin in subckt.pins:
        if given is None or pin not in given:
            try:
                part, _ = understood(
                    library.without_pins(subckt.name, (*found, pin)), subckt.name, dialect, {}
                )
            except UnsupportedNetlistError:
                continue  # a gate: no element lies at it, but a source depends on its voltage
            if not any(pin in element.nodes for element in part.elements) or _driven(part, pin):
                found.append(pin)
    return tuple(found)


def _driven(part: Part, pin: str) -> bool:
    """Return whether sources determine a node that no other pin shares a circuit with, and that is
    no state itself."""
    circuit, touched = {pin}, list[Element]()
    while True:
        touched = [e for e in part.elements if circuit & set(e.nodes)]
        wider = {node for e in touched for node in e.nodes if node != "0"} | circuit
        if wider == circuit:
            break
        circuit = wider
    own = [e for e in touched if pin in e.nodes]
    return (
        not circuit & set(part.pins)
        and all(e.kind in ("r", "c", "v", "bi", "bv") for e in touched)
        and any(e.kind in ("bi", "bv") for e in touched)
        and all(e.kind != "c" for e in own)
    )


def _nothing(term: Term | None) -> bool:
    return term is None or (term.op == "num" and term.value == 0.0)


def _outer(part: Part) -> list[str]:
    """Return the pins that hold no state: those without a capacitor to the ground."""
    stored = {node for e in part.elements if e.kind == "c" and "0" in e.nodes for node in e.nodes}
    return [pin for pin in part.pins if pin not in stored]


def _pins(
    path: Path, part: Part, states: tuple[Store, ...], given: tuple[str, str] | None
) -> tuple[str, str]:
    """Return word line and bit line: as given, or the two pins that are no states, in their
    order."""
    if given is not None:
        for pin in given:
            if pin not in part.pins:
                raise InputError(
                    f"--pins {','.join(given)}: no pin {pin!r}{nearest(pin, part.pins)} The pins"
                    f" are: {', '.join(part.pins)}"
                )
        rest = [
            pin
            for pin in part.pins
            if pin not in given and pin not in {store.node for store in states}
        ]
    else:
        rest = _outer(part)
        given, rest = (
            (rest[0], rest[1]) if len(rest) == 2 else ("", ""),
            [] if len(rest) == 2 else rest,
        )
    if rest or not given[0]:
        raise InputError(
            f"{path}: .subckt {part.name} has the pins {', '.join(part.pins)}, of which two must be"
            " word line and bit line and the others states. Say which two with --pins P,N; a third"
            " terminal needs a descriptor of your own"
        )
    return given[0], given[1]


def _drive(library: Library, dialect: SpiceDialect) -> tuple[float, float] | None:
    """Return amplitude and frequency of the first sine in the file's test bench; None without
    one."""
    for card in library.bench:
        match = re.search(r"^v.*?\bsine?\b\s*\(?(.*)", card.text)
        words = split(match.group(1).rstrip().removesuffix(")")) if match is not None else []
        if len(words) < _SINE:
            continue
        try:
            amplitude, frequency = (
                _number(library, dialect, card, word) for word in words[1:_SINE]
            )
        except InputError:
            continue
        if 0 < abs(amplitude) < math.inf and 0 < frequency < math.inf:
            return abs(amplitude), frequency
    return None


_SINE = 3
"""Offset, amplitude and frequency."""


def _number(library: Library, dialect: SpiceDialect, card: Card, text: str) -> float:
    """Return a number of the test bench, parameters of the file put in; NaN if it is none."""
    try:
        return parse(bare(text))
    except InputError:
        probe = Subckt(name="probe", card=card, pins=("a", "b"), defaults={"value": bare(text)})
        found = _value(library, probe, dialect, "value")
        return math.nan if found is None else found


def start_text(term: Term | None, parameters: Mapping[str, float]) -> str:
    """Return where a state starts, for people."""
    return (
        "without a charge"
        if term is None
        else f"at {float(with_parameters(term, parameters, {})):.6g}"
    )
