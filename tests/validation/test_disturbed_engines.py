"""A validation is worth what it notices: either engine a little off, and every line says by how
much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.engines.results import IVCurve
from spicesnn.validation import analytic, curves, pulses, reads
from spicesnn.validation.case import Engines, compared


class Off(sn.NodalEngine):
    """The nodal engine, its answers off by a share."""

    def __init__(self, share):
        super().__init__()
        self.share = share

    def read(self, array, row_volts, **lines):
        read = super().read(array, row_volts, **lines)
        return replace(read, column_amps=read.column_amps * (1 + self.share))

    def pulse(self, array, pulse):
        done = super().pulse(array, pulse)
        moved = done.state - array.state
        low, high = (float(np.min(b)) for b in array.device.bounds())
        state = np.clip(done.state + self.share * np.sign(moved) * (high - low), low, high)
        return replace(done, array=done.array.with_state(state))

    def drive(self, device, stimulus, **more):
        curve = super().drive(device, stimulus, **more)
        return replace(curve, amps=curve.amps * (1 + self.share))


def sides(share):
    """Once the one engine is off, once the other."""
    return (
        Engines(ngspice=Off(share), nodal=sn.NodalEngine()),
        Engines(ngspice=sn.NodalEngine(), nodal=Off(share)),
    )


@pytest.fixture
def only_vteam(monkeypatch):
    monkeypatch.setattr(registry, "names", lambda: ["vteam"])


def test_formulas_notice_either_engine():
    for engines in sides(3e-8):
        found = list(analytic.cases(engines))
        assert [case.error for case in found] == pytest.approx([3e-8, 3e-8], rel=0.01)
        assert not any(case.ok for case in found)
    both = Engines(ngspice=Off(3e-8), nodal=Off(3e-8))
    assert [case.error for case in analytic.cases(both)] == pytest.approx([3e-8, 3e-8], rel=0.01)
    exact = Engines(ngspice=sn.NodalEngine(), nodal=sn.NodalEngine())
    assert all(case.ok for case in analytic.cases(exact))


def test_reads_notice_a_single_node_of_either_engine(only_vteam):
    class OneNode(sn.NodalEngine):
        def read(self, array, row_volts, **lines):
            read = super().read(array, row_volts, **lines)
            volts = np.array(read.bit_line_volts)
            volts[..., -1, 0] *= 1 + 4e-9
            return replace(read, bit_line_volts=volts)

    for engines in (
        Engines(ngspice=OneNode(), nodal=sn.NodalEngine()),
        Engines(ngspice=sn.NodalEngine(), nodal=OneNode()),
    ):
        found = list(reads.cases(engines, 0))
        assert len(found) == 9
        # A node near 0 V counts against a millionth of the drive: it is off by less then.
        assert [case.error for case in found] == pytest.approx([4e-9] * len(found), rel=0.01)
        assert not any(case.ok for case in found)


def test_pulses_notice_a_state_that_is_off_by_a_share_of_its_range(only_vteam):
    for engines in sides(2e-3):
        for case in pulses.cases(engines, 0, shapes=((1, 1), (3, 2))):
            assert case.error == pytest.approx(2e-3, rel=1e-6)
            assert not case.ok


def test_curves_notice_a_current_that_is_off_by_a_share_of_the_peak(monkeypatch):
    monkeypatch.setattr(registry, "names", lambda: ["linear-drift"])
    monkeypatch.setattr(curves, "POINTS", 801)
    for engines in sides(2e-3):
        current, at_zero = curves.cases(engines)
        assert current.error == pytest.approx(2e-3, rel=0.02)
        assert (current.ok, at_zero.ok) == (False, True)


def test_a_current_at_zero_volts_counts_against_the_peak():
    def curve(amps):
        volts = np.sin(np.linspace(0, 4 * np.pi, 401))
        time = np.linspace(0, 1, 401)
        return IVCurve(
            time=time, volts=volts, amps=amps + 0.5 * volts, state=time, device="d", engine="e"
        )

    assert curves.at_zero_volts(curve(0.25)) == pytest.approx(0.25, rel=1e-6)
    assert curves.at_zero_volts(curve(-0.25)) == pytest.approx(0.25, rel=1e-6)
    assert curves.at_zero_volts(curve(0.0)) < 1e-12


def test_the_worst_place_is_shown_whichever_sign_the_difference_has():
    case = compared("c", "q", ([1.0, -5.0, 3.0], [1.1, -4.0, 2.95]), [1.0, 20.0, 0.1], 0.2)
    assert (case.ngspice, case.nodal) == (3.0, 2.95)
    assert case.error == pytest.approx(0.5)
    assert compared("c", "q", (1.0, 0.9), 1.0, 0.1000001).ok
    assert not compared("c", "q", (1.0, 0.9), 1.0, 0.0999).ok
