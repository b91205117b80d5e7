"""A SPICE file that says something else than its Python class is found out by the answer, whichever
equation differs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import NgspiceError
from spicesnn.paths import model_file

STATE = np.array([[1.2e-9, 1.5e-9], [1.8e-9, 1.4e-9]])
PULSE = sn.Pulse(row_volts=[0.9, 0.0], width_s=2e-8, rise_s=1e-9)
"""Two cells of the first row move by a tenth of their range, the others are quiet."""


@pytest.fixture(scope="module")
def engine() -> Iterator[sn.NgspiceEngine]:
    with sn.NgspiceEngine() as made:
        yield made


def vteam_with(folder: Path, before: str, after: str) -> sn.Crossbar:
    """Return an array whose cells have a SPICE file with one text replaced."""
    return sn.Crossbar(
        device=other_vteam(folder, before, after),
        state=STATE,
        wires=sn.Wires(word_line_ohm=2.0, bit_line_ohm=2.0),
    )


def other_vteam(folder: Path, before: str, after: str) -> sn.devices.VTEAM:
    text = model_file("vteam.lib").read_text(encoding="utf-8")
    assert before in text
    (folder / "vteam.lib").write_text(text.replace(before, after), encoding="utf-8")

    class Other(sn.devices.VTEAM):
        model: ClassVar[str] = str(folder / "vteam.lib")

    return Other()


def test_the_same_text_elsewhere_is_taken(engine: sn.NgspiceEngine, tmp_path: Path) -> None:
    done = engine.pulse(vteam_with(tmp_path, "uramp", "uramp"), PULSE)
    assert np.abs(done.state - STATE)[0].min() > 0.05 * 3e-9
    np.testing.assert_allclose(
        done.state,
        sn.NodalEngine().pulse(vteam_with(tmp_path, "uramp", "uramp"), PULSE).state,
        atol=1e-4 * 3e-9,
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("k_rise={", "k_rise={1.02*"),
        ("k_rise={", "k_rise={0.98*"),
        ("k_rise={", "k_rise={-1*"),
        ("v(p,n)/{v_off} - 1)^{alpha_off}", "v(p,n)/{v_off} - 1)^(1.005*{alpha_off})"),
    ],
)
def test_another_rate_is_refused(
    engine: sn.NgspiceEngine, tmp_path: Path, before: str, after: str
) -> None:
    with pytest.raises(
        NgspiceError,
        match=r"moved state w of cell \(0, [01]\) against its state equation, by 0\.\d+ of its range",
    ):
        engine.pulse(vteam_with(tmp_path, before, after), PULSE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("bi p n i = v(p,n)/", "bi p n i = 1.01*v(p,n)/"),
        ("r_low={r_linear*r_on}", "r_low={r_linear*r_on*2}"),
    ],
)
def test_another_current_is_refused(
    engine: sn.NgspiceEngine, tmp_path: Path, before: str, after: str
) -> None:
    array = vteam_with(tmp_path, before, after)
    with pytest.raises(NgspiceError, match="violates Kirchhoff's current law"):
        engine.pulse(array, PULSE)


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("k_rise={", "k_rise={1.05*", "moved state w"),
        ("v(p,n)/{v_off} - 1)^{alpha_off}", "v(p,n)/{v_off} - 1)^(1.05*{alpha_off})", "moved"),
        ("bi p n i = v(p,n)/", "bi p n i = 1.01*v(p,n)/", r"ngspice's current of vteam is"),
    ],
)
def test_a_curve_of_another_device_is_refused(
    engine: sn.NgspiceEngine, tmp_path: Path, before: str, after: str, what: str
) -> None:
    sn.iv(other_vteam(tmp_path, "uramp", "uramp"), engine=engine)
    (tmp_path / "changed").mkdir()
    with pytest.raises(NgspiceError, match=what):
        sn.iv(other_vteam(tmp_path / "changed", before, after), engine=engine)
