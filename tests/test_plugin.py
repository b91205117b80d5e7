"""The example of a device in a package of its own: installed elsewhere, found by name, the same on
both engines."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "spicesnn-plugin-exponential-drift"
PULSE = """
import json
import numpy as np
import spicesnn as sn
from spicesnn.devices.registry import make

array = sn.Crossbar(device=make("exponential-drift", g_on=2e-4), state=np.full((3, 2), 0.2), wires=sn.Wires(word_line_ohm=5.0, bit_line_ohm=5.0))
answers = {}
for engine in (sn.NodalEngine(), sn.NgspiceEngine()):
    with engine:
        after = engine.pulse(array, sn.Pulse(row_volts=0.9, width_s=1e-5, rise_s=1e-6))
        answers[engine.name] = after.state.tolist()
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """The folder the plug-in is installed into; its dependency, spicesnn, is the one under test."""
    folder = tmp_path_factory.mktemp("plugins")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(folder),
        str(EXAMPLE),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def run(target, *arguments):
    import os

    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(target), *filter(None, [os.environ.get("PYTHONPATH")])])
    }
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


MAIN = "import sys; from spicesnn.cli import main; sys.exit(main())"


def test_the_command_line_lists_it_with_its_parameters(target):
    entries = {
        entry["name"]: entry for entry in run(target, "-c", MAIN, "devices", "--json")["devices"]
    }
    assert [row["name"] for row in entries["exponential-drift"]["parameters"]] == [
        "g_on",
        "g_off",
        "k",
        "v_0",
        "x_init",
        "bound_width",
    ]
    assert "Strukov and Williams" in entries["exponential-drift"]["reference"]
    assert "vteam" in entries


def test_both_engines_sweep_it_alike(target, tmp_path):
    found = run(
        target,
        "-c",
        MAIN,
        "iv",
        "exponential-drift",
        "--engine",
        "both",
        "--json",
        "--out",
        str(tmp_path),
    )
    assert found["max_relative_difference"] < 1e-3
    assert found["peak_amps"] == pytest.approx(
        6e-5, rel=0.8
    )  # between g_off and g_on at 1 V: it does switch


def test_both_engines_pulse_an_array_of_it_alike(target):
    answers = run(target, "-c", PULSE)
    nodal, ngspice = (np.ravel(answers[name]) for name in ("nodal", "ngspice"))
    assert nodal == pytest.approx(ngspice, abs=1e-3)
    # dx = k·sinh(0.9 V/0.08 V)·11 µs for the nearest cell, less what the wires take.
    assert 0.2 < min(nodal) < max(nodal) < 0.2 + 1e-3 * 38400 * 11e-6
    assert max(nodal) > 0.2 + 0.5 * 1e-3 * 38400 * 11e-6


def test_without_the_plug_in_the_name_is_not_known(tmp_path):
    command = [sys.executable, "-c", MAIN, "iv", "exponential-drift", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no device 'exponential-drift'" in done.stderr
