"""Expressions of SPICE netlists as trees: read strictly, word by word; what cannot be read is
refused with the word."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

DEEPEST = 100
"""Operators and brackets inside one another; a written model has some ten."""
LARGEST = 20_000
"""Operators of one expression after its functions are put in their places."""


def words(text: str) -> frozenset[str]:
    """Return the words of a list as a set."""
    return frozenset(text.split())


class WordError(Exception):
    """A word that cannot be understood.

    Attributes
    ----------
    word : str
    why : str
    foreign : bool
        Whether the word does not belong to the dialect it was read in (it may belong to another).
    """

    def __init__(self, word: str, why: str, *, foreign: bool = False) -> None:
        super().__init__(f"{word!r}: {why}")
        self.word, self.why, self.foreign = word, why, foreign


@dataclass(frozen=True, slots=True)
class Term:
    """One node of an expression.

    As read, `op` is an operator, ``num``, ``name``, ``call``, ``v`` or ``i`` (a probe), and `word`
    what stood there. As understood (`spicesnn.devices.importers.dialects`), it is an operation with
    one meaning, ``num``, ``par``, ``v`` or ``i``.

    Attributes
    ----------
    op : str
    args : tuple of Term
    value : float
        Of a number as understood.
    names : tuple of str
        Of a parameter, the nodes of a voltage, the element of a current; or the reason of an
        ``opaque`` one.
    word : str
        What stood in the text, for messages; no part of the meaning.
    """

    op: str
    args: tuple[Term, ...] = ()
    value: float = 0.0
    names: tuple[str, ...] = ()
    word: str = field(default="", compare=False)
    depth: int = field(init=False, compare=False)
    size: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        depth = 1 + max((a.depth for a in self.args), default=0)
        size = 1 + sum(a.size for a in self.args)
        if depth > DEEPEST or size > LARGEST:
            raise WordError(self.word or self.op, "the expression is too deep or too long")
        object.__setattr__(self, "depth", depth)
        object.__setattr__(self, "size", size)

    def holds(self, *ops: str) -> bool:
        """Return whether any node has one of these operations."""
        return any(term.op in ops for term in self.walk())

    def with_each(self, function: Callable[[Term], Term]) -> Term:
        """Return the same operation of what a function makes of each argument."""
        return replace(self, args=tuple(map(function, self.args))) if self.args else self

    def walk(self) -> list[Term]:
        """Return all nodes, this one first."""
        found, at = [self], 0
        while at < len(found):
            found.extend(found[at].args)
            at += 1
        return found


_TOKEN = re.compile(
    r"\s*(?:(?P<num>(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?:[a-zµμ]+\d*)?)"
    r"|(?P<name>[a-z_][a-z0-9_.]*)"
    r"|(?P<op>\*\*|&&|\|\||==|!=|<>|<=|>=|[-+*/%^<>!~&|?:(){},]))"
)
_NODE = r"[\w.:+\-!]+"
_BINARY = {
    "||": 2,
    "|": 2,
    "&&": 4,
    "&": 4,
    "==": 5,
    "!=": 5,
    "<>": 5,
    "<": 6,
    "<=": 6,
    ">": 6,
    ">=": 6,
    "+": 7,
    "-": 7,
    "*": 8,
    "/": 8,
    "%": 8,
    "**": 10,
}
_UNARY = 9


def parse(text: str, *, xor: bool = False) -> Term:
    """Return the tree of an expression.

    Parameters
    ----------
    text : str
        In lower case, without the braces or quotes around it.
    xor : bool
        Whether ``^`` is an exclusive or (LTspice); a power otherwise.

    Raises
    ------
    WordError
        Names the word that cannot stand there.
    """
    reader = _Reader(text, xor)
    term = reader.expression(0)
    if reader.peek() is not None:
        raise WordError(str(reader.peek()), "expected the end of the expression")
    return term


class _Reader:
    """Operator precedence, one token ahead."""

    def __init__(self, text: str, xor: bool) -> None:
        self.binary = _BINARY | {"^": 3 if xor else 10}
        self.tokens: list[tuple[str, str]] = []
        self.at, self.nested = 0, 0
        place = 0
        while place < len(text.rstrip()):
            probe = re.compile(r"\s*([vi])\s*\(([^(){}]*)\)").match(text, place)
            if probe is not None and (not self.tokens or self.tokens[-1][0] != "num"):
                self.tokens.append(("probe", probe.group(0).strip()))
                place = probe.end()
                continue
            match = _TOKEN.match(text, place)
            if match is None:
                raise WordError(text[place : place + 12].strip(), "cannot be read")
            kind = str(match.lastgroup)
            word = match.group(kind).replace("{", "(").replace("}", ")")
            self.tokens.append((kind, word))
            place = match.end()

    def peek(self) -> str | None:
        """Return the next word without taking it."""
        return self.tokens[self.at][1] if self.at < len(self.tokens) else None

    def take(self, wanted: str | None = None) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            unclosed = sum((word == "(") - (word == ")") for _, word in self.tokens)
            left = (
                f", with {unclosed} bracket{'s' if unclosed > 1 else ''} open"
                if unclosed > 0
                else ""
            )
            raise WordError(
                self.tokens[-1][1] if self.tokens else "", f"the expression ends here{left}"
            )
        kind, word = self.tokens[self.at]
        if wanted is not None and word != wanted:
            raise WordError(word, f"expected {wanted!r}")
        self.at += 1
        return kind, word

    def expression(self, least: int) -> Term:
        """Return what stands from here on, as far as operators bind at least so tightly."""
        self.nested += 1
        if self.nested > DEEPEST:
            raise WordError(self.peek() or "", "the expression is too deep")
        left = self.operand()
        while True:
            word = self.peek()
            if word == "?" and least <= 1:
                self.take()
                yes = self.expression(1)
                self.take(":")
                left = Term("?", (left, yes, self.expression(1)), word="?")
                continue
            binds = self.binary.get(word or "", -1)
            if word is None or binds < max(least, 0) or self.tokens[self.at][0] != "op":
                break
            self.take()
            power = binds == 10
            right = self.operand() if power else self.expression(binds + 1)
            chained = power and (_bare_power(left) or _bare_power(right))
            left = Term(word, (left, right), names=("chained",) if chained else (), word=word)
        self.nested -= 1
        return left

    def operand(self) -> Term:
        kind, word = self.take()
        if kind == "num":
            return Term("num", word=word)
        if kind == "probe":
            return _probe(word)
        if kind == "name":
            return self.call(word) if self.peek() == "(" else Term("name", names=(word,), word=word)
        if word in ("-", "+", "!", "~"):
            inner = self.expression(_UNARY)
            bare = ("bare",) if word == "-" and _bare_power(inner) else ()
            return Term(
                {"~": "!", "-": "neg", "+": "pos", "!": "!"}[word], (inner,), names=bare, word=word
            )
        if word == "(":
            inner = self.expression(0)
            self.take(")")
            return Term("()", (inner,), word=word)
        raise WordError(word, "expected a number, a name or a bracket")

    def call(self, word: str) -> Term:
        self.take("(")
        args = []
        if self.peek() != ")":
            args.append(self.expression(0))
            while self.peek() == ",":
                self.take()
                args.append(self.expression(0))
        self.take(")")
        return Term("call", tuple(args), names=(word,), word=f"{word}(")


def _bare_power(term: Term) -> bool:
    return term.op in ("**", "^")


def _probe(word: str) -> Term:
    match = re.fullmatch(rf"([vi])\s*\(\s*({_NODE})\s*(?:,\s*({_NODE})\s*)?\)", word)
    if match is None or (match.group(1) == "i" and match.group(3)):
        raise WordError(word, "expected v(node), v(node, node) or i(element)")
    return Term(match.group(1), names=tuple(g for g in match.groups()[1:] if g), word=word)
