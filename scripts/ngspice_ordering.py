"""Where the time of a read in ngspice without KLU goes: ngspice's own account of ordering,
factoring and solving its matrix.

    python scripts/ngspice_ordering.py [24 32 48]

Runs the program `ngspice` on the deck of a linear read (random cells of 1 to 100 µS, wires of 1 Ω),
with the elements line by line, shuffled, and by nested dissection (halves of the array before the
line between them), as spicesnn writes them, since nodes are numbered as they appear. One line each;
seconds as ``.options acct`` tells them."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import spicesnn as sn
from spicesnn.crossbar.stimulus import Levels
from spicesnn.netlist.read_deck import read_deck

TOLD = {
    "ordering": "Matrix reorder time",
    "factoring": "Matrix factor time",
    "analysis": r"Total analysis time \(seconds\)",
}
KINDS = ("rd", "rw", "rb", "rs", "rm")
"""Drivers, segments of word lines and of bit lines, sense lines, cells."""


def deck_of(size: int) -> tuple[list[str], list[str]]:
    """Return the cards of a read: resistors, and all others."""
    rng = np.random.default_rng(0)
    array = sn.Crossbar(conductance=rng.uniform(1e-6, 1e-4, (size, size)), wires=sn.Wires(1.0, 1.0))
    text = read_deck(array, Levels.checked(array, rng.uniform(0, 1, size)), inline_models=True).text
    cards = re.sub(r"\n\+", " ", text).splitlines()
    return [c for c in cards if c.startswith("r")], [
        c for c in cards if not c.startswith(("r", "*", ".end", ".save"))
    ]


def account(resistors: list[str], others: list[str]) -> dict[str, float]:
    """Return ngspice's seconds for a deck, and what its matrix holds."""
    deck = ["* ordering", *resistors, *others, ".options acct", ".end"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deck.cir"
        path.write_text("\n".join(deck) + "\n", encoding="utf-8")
        done = subprocess.run(
            ["ngspice", "-b", str(path)], capture_output=True, text=True, check=False
        )

    def number(what: str) -> float:
        found = re.search(rf"{what} = (\S+)", done.stdout)
        if found is None:
            sys.exit(
                f"ngspice does not tell its {what!r}:\n{done.stdout[-500:]}{done.stderr[-500:]}"
            )
        return float(found.group(1))

    seconds = {name: number(what) for name, what in TOLD.items()}
    return seconds | {"filled": number("Circuit fill-in non-zeroes")}


def main(sizes: list[int]) -> None:
    """Print a line for each size and order."""
    for size in sizes:
        resistors, others = deck_of(size)
        named = [re.match(r"(r[a-z])(\d+)_?(\d*)", card) for card in resistors]
        places = [(KINDS.index(n[1]), int(n[2]), int(n[3] or 0)) for n in named if n is not None]
        orders = {
            "line by line": sorted(range(len(resistors)), key=places.__getitem__),
            "shuffled": np.random.default_rng(1).permutation(len(resistors)).tolist(),
            "dissected": range(len(resistors)),
        }
        for name, order in orders.items():
            told = account([resistors[k] for k in order], others)
            part = told["ordering"] / told["analysis"]
            print(
                f"{size} x {size}, {name}: analysis {told['analysis']:.2f} s, ordering"
                f" {told['ordering']:.2f} s ({100 * part:.0f} %), factoring {told['factoring']:.2f}"
                f" s, {told['filled']:.0f} filled in",
                flush=True,
            )


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [24, 32, 48])
