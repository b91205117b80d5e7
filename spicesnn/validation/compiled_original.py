"""A Verilog-A file as another compiler understands it: openvaf-py, in a process of its own.

It errs in silence in known ways: an input that is left out or misspelt counts as 0 (without
``mfactor`` everything is), integers are bit patterns, defaults that follow from others are 0,
ranges are not enforced, ``$limit`` and ``$simparam`` are 0. So every input is given by name,
integers as patterns, all parameters as numbers, and what it cannot know is refused before it is
asked (`spicesnn.devices.importers.veriloga`). It also runs ``initial_step`` at every evaluation and
takes what a variable held before for 0: where a model keeps values, both become parameters of the
text that is compiled; a variable that is read before it is assigned becomes a node of its own,
whose voltage is the variable's value."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.errors import EngineError, MissingPackageError, UnsupportedNetlistError
from spicesnn.platform import says_something
from spicesnn.validation.compilable import compilable

TIME_LIMIT_S = 60.0
FIRST, BEFORE, SHOWN = "spicesnn_first_instant", "spicesnn_before_", "spicesnn_shown_"
AWAKE = "spicesnn_awake"
"""Parameters in the text that is compiled, where a model keeps values: whether this is the first
instant, what a variable held before, and how much of what it holds afterwards is added to the
current."""


def missing() -> str:
    """Return why there is no compiler here; empty if there is one."""
    if find_spec("openvaf_py") is not None:
        return ""
    return (
        "Verilog-A is compared with openvaf-py's reading of it before it is taken, and openvaf-py"
        " is not installed: pip install 'spicesnn[verilog-a]' (it has wheels for Python 3.11 and"
        " 3.12 on Linux x86-64 and 3.11 on macOS arm64). Elsewhere import the file on such a"
        " machine and take the folder that it writes: the device itself needs no compiler"
    )


@dataclass(frozen=True, slots=True)
class About:
    """What was compiled.

    Attributes
    ----------
    inputs : tuple of str
        Everything that an evaluation needs.
    kinds : dict
        Input → ``voltage``, ``current``, ``param``, ``temperature``, ``abstime``, ``hidden_state``,
        ``implicit_unknown`` and so on.
    unknowns : tuple of str
        Nodes, then ``flow(…)`` and ``implicit_equation_…``; the same order is that of the
        residuals.
    """

    inputs: tuple[str, ...]
    kinds: Mapping[str, str]
    unknowns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Residuals and Jacobians at some points: (points, n), (points, n), (points, n, n), (points, n,
    n)."""

    resist: Floats
    react: Floats
    by_resist: Floats
    by_react: Floats


class CompiledOriginal:
    """A module compiled by openvaf-py; a context manager, since a process stands behind it.

    Parameters
    ----------
    files : Mapping
        Name → text; the first is the model, the others what it includes.
    module : str
    keeps : sequence of str
        Variables that keep their values from one evaluation to the next.
    late : sequence of str
        Variables that are read before they are assigned.
    pins : (p, n)
        Where the current flows that shows them.
    awake : sequence of str
        Nodes into which a parameter flows that is 0. The compiler takes a node for one of small
        signals alone, and its potential for 0, where all that flows there is 0 with it, as of a
        state that grows by x·(1 − x). Named branches from a node to the ground are those of the
        node alone then: the compiler leaves the ground open there.

    Raises
    ------
    MissingPackageError
        There is no openvaf-py here.
    UnsupportedNetlistError
        The compiler does not take the text.
    EngineError
        It does not end, or crashes.
    """

    def __init__(
        self,
        files: Mapping[str, str],
        module: str,
        *,
        keeps: Sequence[str] = (),
        late: Sequence[str] = (),
        pins: tuple[str, str] = ("", ""),
        awake: Sequence[str] = (),
    ) -> None:
        why = missing()
        if why:
            raise MissingPackageError(why)
        self._folder = tempfile.TemporaryDirectory(prefix="spicesnn-verilog-")
        self._process: subprocess.Popen[str] | None = None
        try:
            self._start(
                {
                    name: _watched(compilable(text), module, keeps, late, pins, awake)
                    if keeps or late or awake
                    else compilable(text)
                    for name, text in files.items()
                },
                module,
            )
        except BaseException:
            self.close()
            raise

    def _start(self, files: Mapping[str, str], module: str) -> None:
        folder = Path(self._folder.name)
        self._file = next(iter(files))
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "spicesnn.validation.openvaf_worker",
                str(folder / self._file),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=folder,
            start_new_session=True,
        )
        answer = self._line()
        if "error" in answer:
            raise UnsupportedNetlistError(
                f"{self._file}: openvaf-py does not take it: {_said(str(answer['error']), folder)}"
            )
        names = [one["name"] for one in answer["modules"]]
        if module not in names:
            raise UnsupportedNetlistError(
                f"{self._file}: openvaf-py finds the modules {', '.join(names) or 'none'}, not"
                f" {module}"
            )
        self._module = names.index(module)
        one = answer["modules"][self._module]
        kinds = dict(zip(one["inputs"], one["kinds"], strict=True)) | dict.fromkeys(
            (n for n in one["first"] if n not in one["inputs"]), "param"
        )
        self.about = About(tuple(kinds), kinds, tuple(one["unknowns"]))
        if sorted(one["rows"]) != list(range(len(one["unknowns"]))):
            raise UnsupportedNetlistError(
                f"{self._file}: openvaf-py gives no residual for some unknowns"
            )
        self._rows = one["rows"]

    def _line(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        ends, text = time.monotonic() + TIME_LIMIT_S, ""
        while not text.endswith("\n"):
            if not says_something(self._process.stdout, max(ends - time.monotonic(), 0.0)):
                raise EngineError(
                    f"{self._file}: openvaf-py has not answered within {TIME_LIMIT_S:g} s; the file"
                    " may hold a loop without an end"
                )
            part = self._process.stdout.readline()
            if not part:
                raise EngineError(f"{self._file}: openvaf-py has crashed on it")
            text += part
        found: dict[str, Any] = json.loads(text)
        return found

    def evaluate(
        self, points: Sequence[Mapping[str, float]], integers: Sequence[str] = ()
    ) -> Evaluated:
        """Return residuals and Jacobians.

        Parameters
        ----------
        points : sequence of Mapping
            Every input → value.
        integers : sequence of str
            Inputs that are integers.
        """
        wanted = set(self.about.inputs)
        for point in points:
            if set(point) != wanted:
                lacking = ", ".join(sorted(wanted - set(point))) or "none"
                raise EngineError(
                    f"{self._file}: inputs of the compiled model: lacking {lacking}; unknown"
                    f" {', '.join(sorted(set(point) - wanted)) or 'none'}"
                )
        assert self._process is not None
        assert self._process.stdin is not None
        packed = [
            {k: _pattern(v) if k in integers else float(v) for k, v in point.items()}
            for point in points
        ]
        try:
            self._process.stdin.write(json.dumps({"module": self._module, "points": packed}) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise EngineError(f"{self._file}: openvaf-py has crashed on it") from None
        answer = self._line()
        if "error" in answer:
            raise EngineError(f"{self._file}: openvaf-py cannot evaluate it: {answer['error']}")
        n = len(self.about.unknowns)
        resist, react, by_resist, by_react = (
            np.zeros((len(points), *([n] * k))) for k in (1, 1, 2, 2)
        )
        for at, (residuals, jacobian) in enumerate(answer["answers"]):
            for row, (a, b) in zip(self._rows, residuals, strict=True):
                resist[at, row], react[at, row] = a, b
            for row, col, a, b in jacobian:
                by_resist[at, row, col], by_react[at, row, col] = a, b
        return Evaluated(resist, react, by_resist, by_react)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()
            self._process = None
        self._folder.cleanup()

    def __enter__(self) -> CompiledOriginal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _pattern(value: float) -> float:
    """Return an integer as the compiler's inputs hold it."""
    return float(struct.unpack("d", struct.pack("q", round(value)))[0])


def _said(text: str, folder: Path) -> str:
    """Return what a compiler said, without the folder that it was given."""
    bare = re.sub(r"\x1b\[[0-9;]*m", "", text).replace(f"{folder}/", "")
    if "panicked" in bare:
        return f"it crashes on it, a fault of its own ({' '.join(bare.split(': thread')[0].split())[:200]})"
    return " ".join(bare.split())[:400]


def _watched(
    text: str,
    module: str,
    keeps: Sequence[str],
    late: Sequence[str],
    pins: tuple[str, str],
    awake: Sequence[str],
) -> str:
    """Return a text in which ``initial_step`` and what variables held before are parameters, and
    what is read before it is assigned is a node; comments are taken out."""
    bare = re.sub(
        r"\"(?:[^\"\\\n]|\\.)*\"|//[^\n]*|/\*.*?(?:\*/|\Z)",
        lambda m: m.group(0) if m.group(0)[0] == '"' else " ",
        text,
        flags=re.S,
    )
    swapped = re.sub(r"@\s*\(\s*initial_step\s*(\([^()]*\))?\s*\)", f"if ({FIRST} > 0.5)", bare)
    if awake:
        for ground in re.findall(r"\w+", " ".join(re.findall(r"\bground\s+([\w\s,]+);", bare))):
            swapped = re.sub(rf"\bbranch\s*\(\s*(\w+)\s*,\s*{ground}\s*\)", r"branch (\1)", swapped)
    declared = "".join(
        f" parameter real {name} = 0;"
        for name in (FIRST, AWAKE, *(f"{k}{name}" for k in (BEFORE, SHOWN) for name in keeps))
    )
    declared += (  # of its own, so that no flow of the text's own branches holds what is shown
        f" branch ({pins[0]}, {pins[1]}) {SHOWN};"
    )
    declared += "".join(f" electrical {BEFORE}{name};" for name in late)
    given = "".join(f" {name} = {BEFORE}{name};" for name in keeps)
    given += "".join(f" {name} = V({BEFORE}{name});" for name in late)
    swapped = re.sub(
        rf"(\bmodule\s+{re.escape(module)}\b[^;]*;)", rf"\1{declared}", swapped, count=1
    )
    shown = "".join(f" I({SHOWN}) <+ {SHOWN}{name} * {name};" for name in keeps)
    shown += "".join(f" I({BEFORE}{name}) <+ V({BEFORE}{name}) - {name};" for name in late)
    for node in awake:
        flow = re.search(rf"\b(\w+)\s*\(\s*{node}\s*(?:,[^()]*)?\)\s*<\+", bare)
        shown += f" {'I' if flow is None else flow.group(1)}({node}) <+ {AWAKE};"
    swapped = re.sub(r"\bend(\s*endmodule\b)", rf"{shown} end\1", swapped)
    return re.sub(r"(\banalog\s+begin\b(?:\s*:\s*\w+)?)", rf"\1{given}", swapped, count=1)
