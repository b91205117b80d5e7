"""What the commands of docs/own-data.md and docs/own-device.md come to: right answers on held-out
samples.

python scripts/own_data_page.py
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "own-data.md").read_text(encoding="utf-8")
OWN_DEVICE = (ROOT / "docs" / "own-device.md").read_text(encoding="utf-8")
CASES = {
    "one layer, seed 1": [
        "own.toml",
        "--set",
        "network.hidden=[]",
        "--set",
        "training.epochs=30",
        "--seed",
        "1",
    ],
    "one layer, seed 2": [
        "own.toml",
        "--set",
        "network.hidden=[]",
        "--set",
        "training.epochs=30",
        "--seed",
        "2",
    ],
    "one layer, seed 3": [
        "own.toml",
        "--set",
        "network.hidden=[]",
        "--set",
        "training.epochs=30",
        "--seed",
        "3",
    ],
    "hidden layer, seed 1": ["own.toml", "--seed", "1"],
    "mapped, seed 1": [
        "own.toml",
        "--set",
        "learning.rule=exsitu",
        "--set",
        "training.epochs=1",
        "--seed",
        "1",
    ],
}


def main() -> None:
    """Make the table and the TOML file of the page, train every case and print its right
    answers."""
    with tempfile.TemporaryDirectory() as folder:
        table = next(
            text
            for text in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
            if "own.csv" in text
        )
        own = re.search(r"cat > own\.toml <<'END_OF_FILE'\n(.*?)END_OF_FILE", PAGE, flags=re.DOTALL)
        assert own is not None
        (Path(folder) / "own.toml").write_text(own[1], encoding="utf-8")
        subprocess.run([sys.executable, "-c", table], cwd=folder, check=True)
        device = re.search(
            r"spicesnn train letters-3x3 --seed 1 (.*?--no-figures) --out mine",
            OWN_DEVICE,
            flags=re.DOTALL,
        )
        assert device is not None
        (Path(folder) / "data").symlink_to(ROOT / "data")
        cases = CASES | {
            "own device": [
                "letters-3x3",
                "--seed",
                "1",
                *device[1].replace("\\\n", " ").replace("'", "").split(),
            ]
        }
        for number, (name, words) in enumerate(cases.items()):
            command = [
                sys.executable,
                "-m",
                "spicesnn",
                "train",
                *words,
                "--no-figures",
                "--json",
                "--out",
                f"run-{number}",
            ]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout)
            print(
                f"{name}: {round(found['test_accuracy'] * found['n_test'])} of {found['n_test']}",
                flush=True,
            )


if __name__ == "__main__":
    main()
