"""Every figure of the README and the documentation against the command that makes it, or the record
of a run.

    python scripts/audit.py                       compare all pages with all records; no command is run
    python scripts/audit.py --run fast            and run the commands that take seconds (slow: minutes; or the names of records)
    python scripts/audit.py --run exsitu-wires --write     run a command and keep what it prints as the new record

A record is a file of docs/records:

    command = "python scripts/exsitu_wires.py --ohm 1"    # or: file = "spicesnn/validation/cases.py", whose text counts as the output
    runs = "slow"             # fast: the default tests run it; slow: `pytest -m slow` does; long: only by its name
    commit = "3bb1849"        # where it was run, when, and on what
    date = 2026-11-29
    machine = "2 cores, x86-64"
    output = '''
    seed 0: 91.25 90.16 91.23
    '''

    [[claim]]
    page = "docs/experiments/exsitu-mnist.md"
    text = "| 0 | {} % | {} % | {} % |"
    from = "seed 0: {} {} {}"            # left out: the same as `text`

`{}` stands for a number. Those of the page must be those of the output, rounded to the digits that
the page shows. `{%}`: the page is in percent, the output a fraction; `{*1e3}`: the page has a
thousand times the output's number; `{<}`, `{>}`: the page states an upper or a lower bound; `{~}`:
"some 40 %", within 10 %. `within = 2.0` lets a command that measures time come out off by that
factor when it is run again. `{_}` in `from` is a number that the page does not have, `{…}` any
text.

A number of a page that belongs to no claim must be a given: a setting, a citation, a size.
docs/records/given.toml has patterns for all pages (`anywhere`) and pieces of single pages
(`[[given]]`, with `page` and `text`). Everything else is an error, and so are claims and givens
whose text is on no page. Numbers in code, formulas and links are not looked at."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NUMBER = r"[-+−]?\d+(?:,\d{3})*(?:\.\d+)?(?:[eE][-+−]?\d+)?"
TOKEN = re.compile(rf"(?<![\w.])(?<!\d[-−])(?:(?<![\w)\]])[-+−])?{NUMBER[6:]}(?![\w⁰¹²³⁴-⁹])")
HIDDEN = re.compile(
    r"<!--.*?-->|^ *```.*?^ *```|^:::[^\n]*(?:\n +[^\n]*)*|^ *(?:\d+\.(?="
    r" )|--8<--[^\n]*)|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$|\]\([^)]*\)|<?https?://\S+",
    re.DOTALL | re.MULTILINE,
)
PLACE = re.compile(r"\{(%|<|>|~|_|…|\*[-+.e\d]+)?\}")
ABOUT = 0.1
LIMIT_S = {"fast": 60, "slow": 1800, "long": 86400}


@dataclass(frozen=True)
class Claim:
    """A piece of a page, with places for its numbers, and the piece of the output that has them."""

    page: str
    text: str
    source: str
    within: float = 1.0


@dataclass(frozen=True)
class Record:
    """A command, what it printed, and what the pages say of it."""

    name: str
    command: str
    file: str
    runs: str
    output: str
    claims: tuple[Claim, ...]
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """A page as one line: runs of white space are one blank. `hidden` and `line` say of every
    character if it counts, and its line number."""

    name: str
    text: str
    hidden: tuple[bool, ...]
    line: tuple[int, ...]


def squeezed(text: str) -> str:
    """Return text with every run of white space as one blank."""
    return re.sub(r"\s+", " ", text).strip()


def read_page(path: Path, root: Path = ROOT) -> Page:
    """Return a Markdown file, or the text of a notebook, with its code, formulas, links and
    comments marked as hidden."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = "\n\n".join(
            "".join(cell["source"])
            for cell in json.loads(text)["cells"]
            if cell["cell_type"] == "markdown"
        )
    covered = [False] * len(text)
    for found in HIDDEN.finditer(text):
        covered[found.start() : found.end()] = [True] * len(found[0])
    kept, hidden, line, number = [], [], [], 1
    for place, sign in enumerate(text):
        if not sign.isspace() or not kept or kept[-1] != " ":
            kept.append(" " if sign.isspace() else sign)
            hidden.append(covered[place])
            line.append(number)
        number += sign == "\n"
    return Page(str(path.relative_to(root)), "".join(kept), tuple(hidden), tuple(line))


def read_record(path: Path, root: Path = ROOT) -> Record:
    """Return the record of a file."""
    given = tomllib.loads(path.read_text(encoding="utf-8"))
    claims = [
        Claim(
            page,
            squeezed(entry["text"]),
            squeezed(entry.get("from", entry["text"])),
            float(entry.get("within", 1.0)),
        )
        for entry in given.pop("claim", [])
        for page in ([entry["page"]] if isinstance(entry["page"], str) else entry["page"])
    ]
    file = given.get("file", "")
    output = (root / file).read_text(encoding="utf-8") if file else given.pop("output", "")
    return Record(
        path.stem,
        given.get("command", ""),
        file,
        given.get("runs", "fast" if file else "long"),
        output,
        tuple(claims),
        given,
    )


def pattern(template: str) -> re.Pattern[str]:
    """Return the regular expression of a template, one group a number that counts."""
    parts, at = [], 0
    for found in PLACE.finditer(template):
        parts += [
            re.escape(template[at : found.start()]),
            {"_": NUMBER, "…": ".*?"}.get(found[1] or "", f"({NUMBER})"),
        ]
        at = found.end()
    return re.compile("".join([*parts, re.escape(template[at:])]))


def value(text: str) -> Decimal:
    """Return the number that a text shows."""
    return Decimal(text.replace("−", "-").replace(",", "").lstrip("+"))


def agrees(shown: str, exact: str, mark: str, within: float = 1.0) -> bool:
    """Tell whether a number of a page is what a command printed, rounded to the digits that the
    page shows."""
    page, output = value(shown), value(exact)
    if mark == "%" or mark.startswith("*"):
        output *= Decimal(mark[1:] or "100") if mark != "%" else 100
    if mark == "<":
        return output <= page
    if mark == ">":
        return output >= page
    if mark == "~" or within > 1.0:
        factor = Decimal(str(max(within, 1.0 + ABOUT if mark == "~" else 1.0)))
        return abs(page) / factor <= abs(output) <= abs(page) * factor and page * output >= 0
    digit = Decimal(1).scaleb(page.as_tuple().exponent)  # type: ignore[arg-type]
    half = digit / 2 if "e" in shown.lower() or "." in shown else Decimal("0.5")
    return abs(page - output) <= half


def compared(
    record: Record, claim: Claim, page: Page, output: str, *, again: bool
) -> tuple[list[str], list[tuple[int, int]]]:
    """Return what is wrong with a claim, and where it is on its page."""
    label = f"{page.name}: {claim.text!r} (record {record.name})"
    found = list(pattern(claim.text).finditer(page.text))
    if len(found) != 1:
        return [
            f"{label}: this text is {len(found)} times on the page, expected once; mend the claim"
            " or the page"
        ], []
    sources = {match.groups() for match in pattern(claim.source).finditer(squeezed(output))}
    if len(sources) != 1:
        which = "new output" if again else "output"
        return [
            f"{label}: {claim.source!r} is {len(sources)} different things in the {which} of"
            f" {record.command or record.file}, expected one"
        ], []
    (source,) = sources
    marks = [
        mark
        for mark in (place[1] or "" for place in PLACE.finditer(claim.text))
        if mark not in ("_", "…")
    ]
    if len(source) != len(marks):
        return [f"{label}: {len(marks)} numbers on the page, {len(source)} in the output"], []
    wrong = [
        f"{label}: the page says {shown}, {record.command or record.file}"
        f" {'now says' if again else 'says'} {exact}"
        for shown, exact, mark in zip(found[0].groups(), source, marks, strict=True)
        if not agrees(shown, exact, mark, claim.within if again else 1.0)
    ]
    return wrong, [found[0].span()]


def loose(page: Page, spans: list[tuple[int, int]]) -> list[str]:
    """Return the numbers of a page that nothing speaks for."""
    covered = list(page.hidden)
    for begin, end in spans:
        covered[begin:end] = [True] * (end - begin)
    return [
        f"{page.name}:{page.line[found.start()]}: {found[0]!r} in"
        f" {page.text[max(0, found.start() - 50) : found.end() + 40]!r} is tied to no command or"
        " record; add a claim or a given in docs/records (scripts/audit.py says how)"
        for found in TOKEN.finditer(page.text)
        if not covered[found.start()]
    ]


def run(record: Record, root: Path = ROOT) -> str:
    """Run the command of a record in a folder of its own, beside the folders of the checkout, and
    return what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        for entry in root.iterdir():
            if not entry.name.startswith((".", "runs")):
                (Path(folder) / entry.name).symlink_to(entry)
        paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = os.environ | {
            "PATH": paths,
            "MPLBACKEND": "Agg",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", record.command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S[record.runs],
        )
    if done.returncode != 0:
        raise SystemExit(
            f"{record.name}: {record.command} ended with {done.returncode}\n{done.stderr[-2000:]}"
        )
    return done.stdout


def kept(path: Path, output: str, root: Path = ROOT) -> None:
    """Write what a command printed into its record, with commit, date and machine."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    text = path.read_text(encoding="utf-8")
    machine = f"{os.cpu_count()} cores, {os.uname().machine}, one BLAS thread"
    for key, now in (
        ("commit", f'"{commit}"'),
        ("date", f"{datetime.now(UTC):%Y-%m-%d}"),
        ("machine", f'"{machine}"'),
    ):
        text = re.sub(rf"^{key} = .*$", f"{key} = {now}", text, count=1, flags=re.MULTILINE)
    block = f"output = '''\n{output.strip()}\n'''"
    path.write_text(
        re.sub(
            r"^output = '''.*?'''", lambda _: block, text, count=1, flags=re.DOTALL | re.MULTILINE
        ),
        encoding="utf-8",
    )


def pages_of(root: Path = ROOT) -> dict[str, Page]:
    """Return all pages by name."""
    paths = [
        root / "README.md",
        root / "CONTRIBUTING.md",
        *sorted((root / "docs").rglob("*.md")),
        *sorted((root / "docs").rglob("*.ipynb")),
    ]
    return {page.name: page for page in (read_page(path, root) for path in paths if path.is_file())}


def audit(
    root: Path = ROOT, run_these: str | tuple[str, ...] = (), *, write: bool = False
) -> list[str]:
    """Return everything that is wrong, one line each; commands run are those of a kind (`fast`,
    `slow`) or of the names given."""
    folder, pages = root / "docs" / "records", pages_of(root)
    wrong: list[str] = []
    spans: dict[str, list[tuple[int, int]]] = {name: [] for name in pages}
    for path in sorted(folder.glob("*.toml")):
        if path.name == "given.toml":
            continue
        record = read_record(path, root)
        missing = (
            [key for key in ("commit", "date", "machine") if key not in record.about]
            if record.command
            else []
        )
        if missing or bool(record.command) == bool(record.file) or record.runs not in LIMIT_S:
            wrong.append(
                f"{path.name}: {', '.join(missing) or 'one of command and file'} is missing, or"
                f" runs is none of {', '.join(LIMIT_S)}"
            )
            continue
        again = bool(record.command) and (
            record.runs == run_these if isinstance(run_these, str) else record.name in run_these
        )
        output = run(record, root) if again else record.output
        if again and write:
            kept(path, output, root)
            record = replace(record, output=output)
        for claim in record.claims:
            if claim.page not in pages:
                wrong.append(f"{path.name}: there is no page {claim.page}")
                continue
            faults, places = compared(
                record, claim, pages[claim.page], output, again=again and not write
            )
            wrong += faults
            spans[claim.page] += places
    faults, givens = given(folder / "given.toml", pages)
    for name, page in pages.items():
        faults += loose(page, spans[name] + givens[name])
    return wrong + faults


def given(path: Path, pages: dict[str, Page]) -> tuple[list[str], dict[str, list[tuple[int, int]]]]:
    """Return which givens are on no page, and where the others are."""
    table = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    spans = {
        name: [
            found.span()
            for form in table.get("anywhere", [])
            for found in re.finditer(form, page.text)
        ]
        for name, page in pages.items()
    }
    wrong = []
    for entry in table.get("given", []):
        name = entry["page"]
        for piece in entry["text"]:
            begin = pages[name].text.find(squeezed(piece)) if name in pages else -1
            if begin < 0:
                wrong.append(f"given.toml: {piece!r} is not on {name}")
            else:
                spans[name].append((begin, begin + len(squeezed(piece))))
    return wrong, spans


def main() -> int:
    """Audit, and print what is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--run",
        nargs="+",
        default=[],
        metavar="NAME",
        help="fast, slow, or names of records whose commands are run",
    )
    parser.add_argument(
        "--write", action="store_true", help="keep what the commands print as the new records"
    )
    options = parser.parse_args()
    kind: str | tuple[str, ...] = (
        options.run[0] if options.run in (["fast"], ["slow"]) else tuple(options.run)
    )
    wrong = audit(ROOT, kind, write=options.write)
    print("\n".join(wrong or ["every figure agrees with its command or its record"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
