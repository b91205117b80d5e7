import numpy as np
import pytest

from spicesnn import paths
from spicesnn.netlist.batch import run_batch


def reference(name):
    return run_batch((paths.netlists_dir() / name).read_text(encoding="utf-8"))


def test_the_divider():
    run = reference("divider.cir")
    assert run["i(vc0)"][0] == pytest.approx(1e-3, rel=1e-12)
    assert [run["v(w0_0)"][0], run["v(b0_0)"][0]] == pytest.approx([1.06, 0.06], rel=1e-12)


def test_the_ladder_has_fibonacci_voltages():
    run = reference("ladder.cir")
    assert [run[f"v(w0_{j})"][0] for j in range(3)] == pytest.approx([5.0, 2.0, 1.0], rel=1e-12)
    assert [run[f"i(vc{j})"][0] for j in range(3)] == pytest.approx([5.0, 2.0, 1.0], rel=1e-12)
    assert run["i(vr0)"][0] == pytest.approx(-8.0, rel=1e-12)


def test_the_iv_bench_reproduces_the_published_loop():
    run = reference("iv_bench.cir")
    assert np.interp([0.25, 0.5, 1.0], run.sweep, run["v(x)"]) == pytest.approx(
        [0.47862899, 0.72659213, 0.31446541], abs=1e-5
    )
    peak = np.argmin(run["i(vr0)"])
    assert -run["i(vr0)"][peak] == pytest.approx(1.29473427e-4, rel=1e-5)
    assert run.sweep[peak] == pytest.approx(0.319724, abs=1.1e-3)
