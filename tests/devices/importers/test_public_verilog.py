"""Verilog-A in the forms of published models: switches for random numbers, ranges with commas,
attributes behind a parameter, thresholds in three conditions."""

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.devices.importers.veriloga.model import read_model
from spicesnn.errors import InputError, UnsupportedNetlistError
from spicesnn.netlist.veriloga import TAKEN, device_of_model
from spicesnn.validation import compiled_original
from spicesnn.validation.certificate import certificate
from spicesnn.validation.compilable import compilable

needs_compiler = pytest.mark.skipif(
    bool(compiled_original.missing()), reason="openvaf-py has no wheel here"
)
HEAD = """`include "constants.vams"`include "disciplines.vams"
module cell_x(p, n);
inout p, n; electrical p, n, x;
"""
NOISY = """parameter integer noisy = 1 from[0, 1];
parameter real amount = 0.02 from[0, 0.1);
parameter real tau = 1m from (0:inf);
integer seed;
real r, w;
analog begin
@(initial_step) seed = 3;
if (noisy == 1) begin
  if (V(p,n) > 0) r = $rdist_normal(seed, 0, max(1, 2))*amount;
  else if (V(p,n) < 0) r = 0.1*$random*amount;
  else r = 0.0;
end else r = 0;
w = idt((V(p,n) - w + %s)/tau, 0.3);
if (w < 0) w = 0; if (w > 1) w = 1;
I(p,n) <+ 1m*w*V(p,n);
end"""
THRESHOLDS = """parameter real up = 0.5; parameter real down = -0.4;
parameter real dt = 0;
real w, speed, known;
analog begin
if (known == 0) w = 0.2;
if (V(p,n) >= up) speed = 3*(V(p,n)/up - 1);
if (V(p,n) <= down) speed = -5*(V(p,n)/down - 1);
if (down < V(p,n) && V(p,n) < up) speed = 0;
w = w + dt*speed;
if (w > 1) w = 1; if (w < 0) w = 0;
known = 1;
I(p,n) <+ 1m*w*V(p,n);
end"""
STEEP = """`define attr(txt) (*txt*)
module steep(p, n);
inout p, n; electrical p, n, x;
parameter real width = 1u from (0:inf) `attr(info="of the step" type="instance");
parameter real tau = 1m (*info="of the state"*);
real s;
analog begin
s = 1/(1 + limexp(-V(p,n)/width));
I(x) <+ (V(x) - s)/tau + ddt(V(x));
I(p,n) <+ 1m*V(p,n)*(1 + V(x) + s);
end"""
NAMES = """parameter real N = 2; parameter real P = 3; parameter real q = 4;
real w_last;
analog begin
w_last = idt(N*(V(p,n) - w_last), 0.3);
I(p,n) <+ 1m*(P*w_last + q)*V(p,n);
end"""


def of_text(folder, body, head=HEAD, **options):
    path = folder / "m.va"
    path.write_text(f"{head}{body}\nendmodule\n", encoding="utf-8")
    return read_model(path, taken=TAKEN.__contains__, **options)


def judged(model):
    return compiled_original.missing() or certificate(model, np.random.default_rng(1)).ok


def test_random_numbers_that_a_parameter_switches_off(tmp_path):
    with pytest.raises(UnsupportedNetlistError, match=r"--set NAME=VALUE"):
        of_text(tmp_path, NOISY % "r")
    found = of_text(tmp_path, NOISY % "r", values={"noisy": 0})
    assert list(found.fixed) == ["noisy"]
    assert [(s.name, s.kind, s.start) for s in found.states] == [("w", "idt", 0.3)]
    v, w = np.array([0.4, -0.6]), np.array([0.5, 0.7])
    device = device_of_model(found)
    np.testing.assert_allclose(device.rate(v, w), (v - w) / 1e-3, rtol=1e-14)
    assert judged(found)


def test_random_numbers_without_weight_at_a_value_that_stays(tmp_path):
    body = NOISY.replace("noisy = 1", "noisy = 0").replace("if (noisy == 1) begin", "begin")
    body = body.replace("else r = 0;", "").replace("*amount", "*amount*noisy")
    found = of_text(tmp_path, body % "r")
    assert list(found.fixed) == ["noisy"]
    assert "at this value alone" in found.fixed["noisy"]
    assert judged(found)


def test_a_step_of_no_length_is_no_state_that_stands_still(tmp_path):
    with pytest.raises(UnsupportedNetlistError, match="say --step dt"):
        of_text(tmp_path, THRESHOLDS)


def test_conditions_that_leave_no_case_out(tmp_path):
    found = of_text(tmp_path, THRESHOLDS, step="dt")
    device = device_of_model(found)
    v = np.array([1.0, 0.5, 0.1, -0.4, -1.0])
    np.testing.assert_allclose(
        device.rate(v, np.full(5, 0.5)), [3.0, 0.0, 0.0, 0.0, -7.5], atol=1e-14
    )
    assert judged(found)
    # Between −0.4 V and 0.3 V no branch assigns the speed: it depends on what was before.
    with pytest.raises(UnsupportedNetlistError, match="'speed' keeps what it held"):
        of_text(
            tmp_path, THRESHOLDS.replace("V(p,n) < up) speed", "V(p,n) < 0.3) speed"), step="dt"
        )


def test_attributes_behind_a_parameter_and_steps_steeper_than_numbers(tmp_path):
    found = of_text(tmp_path, STEEP, head='`include "disciplines.vams"\n')
    assert [p.meaning for p in found.parameters] == ["of the step", "of the state"]
    assert judged(found)
    device = device_of_model(found)
    np.testing.assert_allclose(
        device.conductance(np.array([-1.0, 1.0]), np.array([0.5, 0.5])), [1.5e-3, 2.5e-3]
    )


def test_what_the_compiler_is_given_means_the_same():
    text = 'parameter real a = 1 from[0, 2) `attr(x="a, b"); // from[0, 1]\nx = $rdist_normal(s, (1), 2)*$random;'
    assert compilable(text) == (
        'parameter real a = 1 from[0: 2) `attr(x="a, b"); // from[0, 1]\nx = 0.4375*0.4375;'
    )
    assert compilable("`define attr(t) (*t*)\ny = f(*x);\n") == "`define attr(t)\ny = f(*x);\n"


def test_names_of_pins_and_of_lines_in_the_model(tmp_path):
    # A parameter called n is put for the pin n by ngspice; cw_last is how wires' capacitances begin.
    device = device_of_model(of_text(tmp_path, NAMES, bounds={"w_last": (-1.0, 1.0)}))
    array = Crossbar(device=device, state=np.full((2, 1), 0.5), wires=sn.Wires.ideal())
    with sn.NgspiceEngine() as engine:
        read = engine.read(array, np.array([0.2, -0.1]))
    np.testing.assert_allclose(read.row_amps, [5.5e-3 * 0.2, -5.5e-3 * 0.1], rtol=1e-9)


def test_a_default_that_is_set_is_a_parameter_of_the_model(tmp_path):
    found = of_text(tmp_path, NAMES, bounds={"w_last": (-1.0, 1.0)}, values={"q": -7.0})
    assert found.defaults["q"] == -7.0
    with pytest.raises(InputError, match=r"--set Q: module cell_x has no such parameter.*q"):
        of_text(tmp_path, NAMES, values={"Q": 1.0})
    with pytest.raises(UnsupportedNetlistError, match="outside its own range"):
        of_text(tmp_path, NOISY % "r", values={"noisy": 2})


CLIPPED = """parameter real start = 0; parameter real dt = 0;
real w, known;
analog begin
if (known == 0) w = start;
w = w + dt*4*V(p,n);
if (w >= 1) w = 1;
if (w <= 0) w = 0;
known = 1;
I(p,n) <+ 1m*(w + 0.1)*V(p,n);
end"""


@pytest.mark.parametrize("engine", ["nodal", "ngspice"])
@pytest.mark.parametrize(("start", "volts"), [(0.0, 1.0), (1.0, -1.0), (0.0, -1.0)])
def test_a_state_that_starts_where_the_model_clips_it_leaves(tmp_path, engine, start, volts):
    device = device_of_model(of_text(tmp_path, CLIPPED, step="dt", values={"start": start}))
    wave = sn.PiecewiseLinear(time_s=(0.0, 0.1, 0.2), level_volts=(0.0, volts, volts))
    curve = sn.iv(device, engine, stimulus=wave)
    # dw/dt = 4 v: 4·(0.05 + 0.1) V s away from the bound, and nothing beyond it.
    wanted = start + 0.6 * volts if (start == 0.0) == (volts > 0) else start
    assert curve.state[-1] == pytest.approx(wanted, abs=2e-4)
