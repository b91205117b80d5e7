"""From words to modules; what is not understood is refused by line."""

from __future__ import annotations

from spicesnn.devices.importers.veriloga.syntax import (
    STANDARD,
    Discipline,
    Expression,
    Function,
    Module,
    Parameter,
    Range,
    Statement,
    Variable,
)
from spicesnn.devices.importers.veriloga.text import Word
from spicesnn.errors import UnsupportedNetlistError

_BINARY = {
    "||": 1,
    "&&": 2,
    "|": 3,
    "^": 4,
    "~^": 4,
    "^~": 4,
    "&": 5,
    "==": 6,
    "!=": 6,
    "===": 6,
    "!==": 6,
    "<": 7,
    "<=": 7,
    ">": 7,
    ">=": 7,
    "<<": 8,
    ">>": 8,
    "<<<": 8,
    ">>>": 8,
    "+": 9,
    "-": 9,
    "*": 10,
    "/": 10,
    "%": 10,
    "**": 11,
}
_BITS = frozenset({"~^", "^~", "<<", ">>", "<<<", ">>>", "===", "!=="})
_DEEPEST = 200
_DIGITAL = frozenset(
    {
        "always",
        "reg",
        "wire",
        "assign",
        "task",
        "specify",
        "generate",
        "wreal",
        "logic",
        "defparam",
        "primitive",
        "initial",
    }
)


def modules_of(words: list[Word]) -> list[Module]:
    """Return the modules of a text."""
    return _Parser(words).modules()


class _Parser:
    def __init__(self, words: list[Word]) -> None:
        self.words, self.k, self.depth = words, 0, 0
        self.disciplines = dict(STANDARD)
        self.natures: dict[str, tuple[str, str]] = {}

    # -- words ------------------------------------------------------------------------------------

    @property
    def now(self) -> Word:
        return self.words[self.k]

    def next(self) -> Word:
        word = self.words[self.k]
        if word.kind != "end":
            self.k += 1
        return word

    def at(self, *texts: str) -> bool:
        return self.now.kind in ("op", "name") and self.now.text in texts

    def take(self, *texts: str) -> bool:
        if self.at(*texts):
            self.k += 1
            return True
        return False

    def need(self, text: str) -> Word:
        if not self.at(text):
            raise self.now.error(f"{self.now.text!r} where {text!r} was expected")
        return self.next()

    def name(self) -> Word:
        word = self.next()
        if word.kind != "name" or word.text.startswith("$"):
            raise word.error(f"{word.text!r} where a name was expected")
        return word

    def names(self) -> list[Word]:
        found = [self.name()]
        while self.take(","):
            found.append(self.name())
        return found

    def attributes(self) -> dict[str, str]:
        """Return the attributes in ``(* … *)`` that stand here."""
        found: dict[str, str] = {}
        while self.take("(*"):
            while not self.take("*)"):
                key = self.name().text
                value = ""
                if self.take("="):
                    if self.now.kind == "string":
                        value = self.next().text[1:-1]
                    else:
                        self.expression()
                found[key] = value
                if not self.at("*)"):
                    self.take(",", ";")
        return found

    # -- the file ---------------------------------------------------------------------------------

    def modules(self) -> list[Module]:
        found = []
        while self.now.kind != "end":
            self.attributes()
            word = self.now
            if self.take("nature"):
                self.nature()
            elif self.take("discipline"):
                self.discipline()
            elif self.take("module", "macromodule"):
                found.append(self.module())
            elif not self.take(";"):
                raise word.error(f"{word.text!r} where a module was expected")
        return found

    def nature(self) -> None:
        name = self.name().text
        if self.take(":"):
            self.name()
        self.take(";")
        access, unit = "", ""
        while not self.take("endnature"):
            key = self.name()
            self.need("=")
            if key.text == "access":
                access = self.name().text
            elif self.now.kind == "string":
                unit = self.next().text[1:-1] if key.text == "units" else self.next().text and unit
            else:
                self.expression()
            self.need(";")
        self.natures[name] = (access, unit)

    def discipline(self) -> None:
        name = self.name().text
        self.take(";")
        kinds: dict[str, tuple[str, str]] = {}
        while not self.take("enddiscipline"):
            key = self.name()
            if key.text in ("potential", "flow"):
                nature = self.name()
                standard = {
                    "Voltage": ("V", "V"),
                    "Current": ("I", "A"),
                    "Temperature": ("Temp", "K"),
                    "Power": ("Pwr", "W"),
                }
                if nature.text not in self.natures and nature.text not in standard:
                    raise nature.error(f"nature {nature.text!r} is not declared in this file")
                kinds[key.text] = self.natures.get(nature.text) or standard[nature.text]
            elif key.text == "domain":
                self.name()
            else:
                raise key.error(f"{key.text!r} in a discipline is not understood")
            self.need(";")
        potential, flow = kinds.get("potential", ("", "")), kinds.get("flow", ("", ""))
        self.disciplines[name] = Discipline(name, potential[0], flow[0], potential[1])

    def module(self) -> Module:
        word = self.name()
        module = Module(name=word.text, at=word, disciplines=self.disciplines)
        if self.at("#"):
            raise self.now.error(
                "parameters in the head of a module are not understood; declare them inside it"
            )
        if self.take("("):
            self.head(module)
        self.need(";")
        while not self.take("endmodule"):
            if self.now.kind == "end":
                raise word.error(f"module {word.text} has no endmodule")
            self.item(module)
        return module

    def head(self, module: Module) -> None:
        discipline = ""
        while not self.take(")"):
            self.attributes()
            while self.at("inout", "input", "output") or self.now.text in self.disciplines:
                word = self.next()
                discipline = word.text if word.text in self.disciplines else ""
            if self.at("["):
                raise self.now.error("a port of several wires is not understood")
            name = self.name().text
            module.ports.append(name)
            if discipline:
                module.nodes[name] = discipline
            if not self.at(")"):
                self.need(",")

    def item(self, module: Module) -> None:
        found = self.attributes()
        word = self.now
        if self.take("inout", "input", "output"):
            discipline = self.next().text if self.now.text in self.disciplines else ""
            self.scalar("a port of several wires is not understood")
            for name in self.names():
                if name.text not in module.ports:
                    raise name.error(f"{name.text!r} is no port of module {module.name}")
                if discipline:
                    module.nodes[name.text] = discipline
            self.need(";")
        elif self.take("ground"):
            for name in self.names():
                module.grounds.add(name.text)
                module.nodes.setdefault(name.text, "electrical")
            self.need(";")
        elif word.text in self.disciplines and word.kind == "name":
            self.next()
            self.scalar("nodes of several wires are not understood")
            for name in self.names():
                self.scalar("nodes of several wires are not understood")
                module.nodes[name.text] = word.text
            self.need(";")
        elif self.take("branch"):
            self.branch(module)
        elif self.at("parameter", "localparam", "aliasparam"):
            self.parameter(module, found)
        elif self.at("real", "integer"):
            for variable in self.variables():
                module.variables[variable.name] = variable
        elif self.take("genvar"):
            for name in self.names():
                module.variables[name.text] = Variable(name.text, True, None, name)
            self.need(";")
        elif self.take("analog"):
            self.analog(module)
        elif self.at("string", "time", "electrical_array", "event"):
            raise word.error(f"{word.text!r} variables are not understood")
        elif word.text in _DIGITAL:
            raise word.error(f"{word.text!r} belongs to digital Verilog")
        elif not self.take(";"):
            if (
                word.kind == "name"
                and self.words[min(self.k + 1, len(self.words) - 1)].kind == "name"
            ):
                raise word.error(
                    f"{word.text!r} is an instance of another module; expected the equations of one"
                    " module alone"
                )
            raise word.error(f"{word.text!r} is not understood here")

    def scalar(self, why: str) -> None:
        if self.at("["):
            raise self.now.error(why)

    def branch(self, module: Module) -> None:
        self.need("(")
        first = self.name()
        second = self.name() if self.take(",") else None
        self.need(")")
        for node in (first, second):
            if node is not None and node.text not in module.nodes:
                raise node.error(f"a branch of {node.text!r}, which is no node")
        for name in self.names():
            self.scalar("branches of several wires are not understood")
            module.branches[name.text] = (first.text, None if second is None else second.text)
        self.need(";")

    def parameter(self, module: Module, attributes: dict[str, str]) -> None:
        word = self.next()
        if word.text == "aliasparam":
            name = self.name()
            self.need("=")
            module.aliases[name.text] = own = self.next()
            self.need(";")
            if own.text not in module.parameters:
                raise own.error(f"{name.text!r} is another name of {own.text!r}, no parameter")
            return
        kind = self.next().text if self.at("real", "integer", "string") else ""
        if kind == "string":
            raise word.error("parameters that are texts are not understood; use a number")
        while True:
            self.scalar("parameters of several values are not understood")
            name = self.name()
            self.scalar("parameters of several values are not understood")
            self.need("=")
            default = self.expression()
            if default.op == "string":
                raise name.error(
                    f"parameter {name.text}: parameters that are texts are not understood; use a"
                    " number"
                )
            integer = kind == "integer" or (
                not kind and default.op == "num" and default.at.text.replace("_", "").isdigit()
            )
            ranges = []
            while self.at("from", "exclude"):
                ranges.append(self.range())
            attributes = attributes | self.attributes()  # behind it, as ADMS and Xyce take them
            module.parameters[name.text] = Parameter(
                name.text,
                integer,
                default,
                tuple(ranges),
                word.text == "localparam",
                attributes.get("units", attributes.get("unit", "")),
                attributes.get("desc", attributes.get("info", "")),
                name,
            )
            if not self.take(","):
                break
        self.need(";")

    def range(self) -> Range:
        word = self.next()
        exclude = word.text == "exclude"
        if not self.at("[", "("):
            value = self.expression()
            return Range(exclude, value, value, True, True, word)
        mark, opened = self.k, self.next().text
        low = self.end()
        if not self.take(":", ","):  # HSPICE takes both
            if opened == "[" or not exclude:
                raise self.now.error(f"{self.now.text!r} where a range's ':' was expected")
            self.k = mark
            value = self.expression()
            return Range(exclude, value, value, True, True, word)
        high = self.end()
        closed = self.next()
        if closed.text not in ("]", ")"):
            raise closed.error(f"{closed.text!r} where a range's end was expected")
        return Range(exclude, low, high, opened == "[", closed.text == "]", word)

    def end(self) -> Expression | None:
        """Return an end of a range; None for infinity."""
        mark = self.k
        self.take("-", "+")
        if self.take("inf"):
            return None
        self.k = mark
        return self.expression()

    def variables(self) -> list[Variable]:
        integer = self.next().text == "integer"
        found = []
        while True:
            self.scalar("arrays are not understood")
            name = self.name()
            self.scalar("arrays are not understood")
            found.append(
                Variable(name.text, integer, self.expression() if self.take("=") else None, name)
            )
            if not self.take(","):
                break
        self.need(";")
        return found

    def analog(self, module: Module) -> None:
        if self.take("function"):
            function = self.function()
            module.functions[function.name] = function
        elif self.take("initial"):
            module.initial.append(self.statement())
        else:
            module.analog.append(self.statement())

    def function(self) -> Function:
        integer = self.next().text == "integer" if self.at("real", "integer") else False
        word = self.name()
        self.need(";")
        arguments: dict[str, str] = {}
        variables: list[Variable] = []
        while True:
            self.attributes()
            if self.at("input", "output", "inout"):
                direction = self.next().text
                if self.at("real", "integer"):
                    kind = self.next().text
                    names = self.names()
                    variables += [Variable(n.text, kind == "integer", None, n) for n in names]
                else:
                    names = self.names()
                arguments |= {name.text: direction for name in names}
                self.need(";")
            elif self.at("real", "integer"):
                variables += self.variables()
            elif self.at("parameter", "localparam"):
                raise self.now.error("parameters inside a function are not understood")
            else:
                break
        body = self.statement()
        self.need("endfunction")
        return Function(word.text, integer, tuple(arguments.items()), tuple(variables), body, word)

    # -- statements -------------------------------------------------------------------------------

    def statement(self) -> Statement:
        self.attributes()
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.now.error("statements are too deep inside one another")
        found = self._statement()
        self.depth -= 1
        return found

    def _statement(self) -> Statement:
        word = self.now
        if self.take(";"):
            return Statement("nothing", word)
        if self.take("begin"):
            return self.block(word)
        if self.take("if"):
            self.need("(")
            condition = self.expression()
            self.need(")")
            arms = [self.statement()]
            if self.take("else"):
                arms.append(self.statement())
            return Statement("if", word, values=(condition,), inner=tuple(arms))
        if self.take("case"):
            return self.case(word)
        if self.at(
            "casex", "casez", "forever", "fork", "disable", "wait", "generate", "force", "release"
        ):
            raise word.error(f"{word.text!r} is not understood")
        if self.take("for"):
            self.need("(")
            first = self.assignment()
            self.need(";")
            condition = self.expression()
            self.need(";")
            step = self.assignment()
            self.need(")")
            return Statement(
                "for", word, values=(condition,), inner=(first, step, self.statement())
            )
        if self.at("while", "repeat"):
            kind = self.next().text
            self.need("(")
            condition = self.expression()
            self.need(")")
            return Statement(kind, word, values=(condition,), inner=(self.statement(),))
        if self.take("@"):
            self.need("(")
            event = self.expression()
            if self.at("or", ","):
                raise self.now.error(
                    "several events at once are not understood; expected @(initial_step)"
                )
            self.need(")")
            return Statement("event", word, target=event, inner=(self.statement(),))
        if word.kind == "name" and word.text.startswith("$"):
            call = self.primary()
            self.need(";")
            return Statement("task", word, target=call)
        found = self.assignment()
        self.need(";")
        return found

    def block(self, word: Word) -> Statement:
        named = self.take(":")
        if named:
            self.name()
        declared: list[Variable] = []
        inner = []
        while not self.take("end"):
            if self.now.kind == "end":
                raise word.error("this begin has no end")
            self.attributes()
            if self.at("real", "integer"):
                declared += self.variables()
            elif self.at("parameter", "localparam", "string"):
                raise self.now.error(
                    f"{self.now.text!r} inside a block is not understood; declare it in the module"
                )
            else:
                inner.append(self.statement())
        return Statement("block", word, inner=tuple(inner), declared=tuple(declared))

    def case(self, word: Word) -> Statement:
        self.need("(")
        value = self.expression()
        self.need(")")
        labels: list[tuple[Expression, ...]] = []
        inner: list[Statement] = []
        while not self.take("endcase"):
            if self.take("default"):
                self.take(":")
                labels.append(())
            else:
                found = [self.expression()]
                while self.take(","):
                    found.append(self.expression())
                self.need(":")
                labels.append(tuple(found))
            inner.append(self.statement())
        return Statement("case", word, values=(value,), inner=tuple(inner), labels=tuple(labels))

    def assignment(self) -> Statement:
        """Return an assignment or a contribution, without its semicolon."""
        word = self.now
        if word.kind != "name":
            raise word.error(f"{word.text!r} where a statement was expected")
        target = self.primary()
        if self.at("["):
            raise self.now.error("arrays are not understood")
        if self.take("="):
            if target.op != "name":
                raise word.error(
                    "only variables are assigned with '='; contributions are written '<+'"
                )
            return Statement("assign", word, target=target, values=(self.expression(),))
        if self.take("<+"):
            return Statement("contribute", word, target=target, values=(self.expression(),))
        if self.take(":"):
            left = self.expression()
            if left.op != "==":
                raise word.error("expected an equation with '==' behind ':'")
            return Statement("indirect", word, target=target, values=left.args)
        raise self.now.error(f"{self.now.text!r} where '=' or '<+' was expected")

    # -- expressions ------------------------------------------------------------------------------

    def expression(self, least: int = 0) -> Expression:
        """Return what stands here, as far as operators bind at least so tightly."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.now.error("the expression is too deep")
        left = self.unary()
        while self.now.kind == "op":
            word = self.now
            if word.text == "?" and least <= 0:
                self.next()
                yes = self.expression()
                self.need(":")
                left = Expression("?", (left, yes, self.expression()), word)
                continue
            binds = _BINARY.get(word.text, -1)
            if binds < max(least, 1):
                break
            self.next()
            if word.text in _BITS:
                raise word.error(f"{word.text!r} works on bits, which is not understood")
            left = Expression(word.text, (left, self.expression(binds + 1)), word)
        self.depth -= 1
        return left

    def unary(self) -> Expression:
        word = self.now
        if word.kind == "op" and word.text in ("-", "+", "!"):
            self.next()
            inner = self.unary()
            return (
                inner
                if word.text == "+"
                else Expression("neg" if word.text == "-" else "!", (inner,), word)
            )
        if word.kind == "op" and word.text in ("~", "&", "|", "^", "'", "{"):
            raise word.error(f"{word.text!r} is not understood here")
        return self.primary()

    def primary(self) -> Expression:
        word = self.next()
        if word.kind in ("num", "string"):
            return Expression(word.kind, (), word)
        if word.kind == "op" and word.text == "(":
            inner = self.expression()
            self.need(")")
            return inner
        if word.kind != "name":
            raise word.error(f"{word.text!r} where an expression was expected")
        if self.at("."):
            raise self.now.error(
                f"{word.text!r}: names inside other blocks or modules are not understood"
            )
        if not self.take("("):
            return Expression("name", (), word)
        args: list[Expression] = []
        while not self.take(")"):
            if self.at("<"):
                raise self.now.error(
                    "the flow through a port, I(<port>), is not understood; use a branch"
                )
            if self.at(","):
                args.append(Expression("empty", (), self.now))
            else:
                args.append(self.expression())
            if not self.at(")"):
                self.need(",")
        return Expression("call", tuple(args), word)


def only_module(modules: list[Module], file: str, name: str | None) -> Module:
    """Return the module that is meant."""
    known = ", ".join(m.name for m in modules) or "none"
    if name is not None:
        for module in modules:
            if module.name == name:
                return module
        raise UnsupportedNetlistError(f"{file}: no module {name!r}; the file has: {known}")
    if len(modules) != 1:
        raise UnsupportedNetlistError(
            f"{file} has the modules: {known}; expected one. Say which with --subckt NAME"
        )
    return modules[0]
