"""The largest and the median error of each kind of case in the table that `spicesnn validate --out
FOLDER` writes.

python scripts/worst_of_validation.py FOLDER/validation.csv
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from statistics import median

KINDS = {
    "read": lambda case: case.startswith("read "),
    "pulse": lambda case: case.startswith("pulse "),
    "iv but jart-vcm": lambda case: case.startswith("iv ") and case != "iv jart-vcm",
    "iv jart-vcm": lambda case: case == "iv jart-vcm",
}


def main(path: Path) -> None:
    """Print one line for each kind of case."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for kind, chosen in KINDS.items():
        errors = [float(row["error"]) for row in rows if chosen(row["case"])]
        print(f"{kind}: worst {max(errors):.1e}, median {median(errors):.1e} of {len(errors)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
