"""What a Verilog-A module consists of, and its expressions and statements as trees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from spicesnn.devices.importers.veriloga.text import Word


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """An expression.

    Attributes
    ----------
    op : str
        ``num``, ``string``, ``name``, ``call``, or an operator (``neg``, ``?`` and so on).
    args : tuple of Expression
    at : Word
        Where it stands; the name of a name or a call.
    """

    op: str
    args: tuple[Expression, ...]
    at: Word

    def walk(self) -> Iterator[Expression]:
        """Yield this expression and all inside it."""
        left = [self]
        while left:
            found = left.pop()
            yield found
            left.extend(found.args)


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A statement.

    Attributes
    ----------
    kind : str
        ``block``, ``assign``, ``if``, ``case``, ``for``, ``while``, ``repeat``, ``event``,
        ``contribute``, ``indirect``, ``task``, ``nothing``.
    at : Word
    target : Expression or None
        What is assigned or contributed to, a task's call, or an event.
    values : tuple of Expression
        Conditions and values, in the order of the text.
    inner : tuple of Statement
    labels : tuple of tuple of Expression
        Of a case: for each inner statement its labels, none for default.
    declared : tuple of Variable
        Of a block.
    """

    kind: str
    at: Word
    target: Expression | None = None
    values: tuple[Expression, ...] = ()
    inner: tuple[Statement, ...] = ()
    labels: tuple[tuple[Expression, ...], ...] = ()
    declared: tuple[Variable, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """A variable: its name, whether it is an integer, and what it starts with."""

    name: str
    integer: bool
    start: Expression | None
    at: Word


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """A range of a parameter: ``from`` or ``exclude``; None for infinity; one value has both ends
    equal."""

    exclude: bool
    low: Expression | None
    high: Expression | None
    with_low: bool
    with_high: bool
    at: Word


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A parameter as declared."""

    name: str
    integer: bool
    default: Expression
    ranges: tuple[Range, ...]
    local: bool
    unit: str
    meaning: str
    at: Word


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """An analog function: its arguments by name with their directions, its other variables, its
    body."""

    name: str
    integer: bool
    arguments: tuple[tuple[str, str], ...]
    variables: tuple[Variable, ...]
    body: Statement
    at: Word


@dataclass(frozen=True, slots=True, eq=False)
class Discipline:
    """A discipline: the names of its potential and its flow (empty where it has none), and their
    units."""

    name: str
    potential: str
    flow: str
    unit: str


@dataclass(slots=True, eq=False)
class Module:
    """A module.

    Attributes
    ----------
    ports : list of str
    nodes : dict
        Name → its discipline's name.
    grounds : set of str
    branches : dict
        Name of a declared branch → its two nodes (the second None for one to the ground).
    aliases : dict
        Second name of a parameter → its own, where it stands.
    """

    name: str
    at: Word
    ports: list[str] = field(default_factory=list)
    nodes: dict[str, str] = field(default_factory=dict)
    grounds: set[str] = field(default_factory=set)
    branches: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    aliases: dict[str, Word] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    initial: list[Statement] = field(default_factory=list)
    analog: list[Statement] = field(default_factory=list)
    disciplines: dict[str, Discipline] = field(default_factory=dict)

    def accesses(self) -> dict[str, bool]:
        """Return access functions: name → whether it asks for a potential."""
        found: dict[str, bool] = {"V": True, "I": False}
        for discipline in self.disciplines.values():
            found |= {discipline.potential: True} if discipline.potential else {}
            found |= {discipline.flow: False} if discipline.flow else {}
        return found


STANDARD = {
    d.name: d
    for d in (
        Discipline("electrical", "V", "I", "V"),
        Discipline("voltage", "V", "", "V"),
        Discipline("current", "", "I", "A"),
        Discipline("thermal", "Temp", "Pwr", "K"),
        Discipline("magnetic", "MMF", "Phi", "A*turn"),
        Discipline("kinematic", "Pos", "F", "m"),
        Discipline("kinematic_v", "Vel", "F", "m/s"),
        Discipline("rotational", "Theta", "Tau", "rads"),
        Discipline("rotational_omega", "Omega", "Tau", "rads/s"),
    )
}
"""Disciplines of ``disciplines.vams``."""
