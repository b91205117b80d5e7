"""Verilog-A models as equations: what is understood, what is refused by line, and what the compiled
original says of it."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spicesnn.devices.importers.graph import ARITY, FUNCTIONS, Graph, Program
from spicesnn.devices.importers.veriloga.model import read_model
from spicesnn.devices.importers.veriloga.text import words_of
from spicesnn.errors import (
    ConfigError,
    InputError,
    MissingPackageError,
    SpicesnnError,
    UnsafeNetlistError,
    UnsupportedNetlistError,
)
from spicesnn.netlist.foreign import load_foreign
from spicesnn.netlist.veriloga import TAKEN, device_of_model, write_model
from spicesnn.validation import compiled_original
from spicesnn.validation.certificate import certificate

MODELS = Path(__file__).parent / "veriloga_models"
NAMES = ["vteam", "stanford_pku", "jart_vcm_v1", "nbo2_switch", "ftj", "gap_by_hand"]
needs_compiler = pytest.mark.skipif(
    bool(compiled_original.missing()),
    reason="openvaf-py has wheels for Python 3.11 and 3.12 on Linux x86-64 and 3.11 on macOS arm64 only",
)
HEAD = '`include "constants.vams"\n`include "disciplines.vams"\nmodule cell_x(p, n);\ninout p, n; electrical p, n, x, y;\n'


def model(name, **options):
    return read_model(MODELS / f"{name}.va", taken=TAKEN.__contains__, **options)


def of_text(folder, body, head=HEAD, **options):
    path = folder / "m.va"
    path.write_text(f"{head}{body}\nendmodule\n", encoding="utf-8")
    return read_model(path, taken=TAKEN.__contains__, **options)


@needs_compiler
@pytest.mark.parametrize("name", NAMES)
def test_the_nodal_twin_is_what_another_compiler_makes_of_the_text(name):
    found = certificate(model(name), np.random.default_rng(3), 1000)
    assert found.points >= 1000
    assert found.value < 1e-9
    assert found.jacobian < 1e-8
    assert found.ok


def test_what_is_understood_of_a_text_is_parameters_with_ranges_units_and_meanings_states_with_bounds_and_pins():
    found = model("vteam")
    assert found.pins == ("te", "be")
    assert [(s.name, s.kind, s.low, s.high, s.line) for s in found.states] == [
        ("w", "ddt", 0.0, 1.0, 26)
    ]
    by_name = {p.name: p for p in found.parameters}
    assert (by_name["r_on"].unit, by_name["r_on"].meaning, by_name["r_on"].above) == (
        "Ohm",
        "resistance at w_on",
        0.0,
    )
    assert (by_name["a_on"].integer, by_name["a_on"].lowest, by_name["a_on"].highest) == (
        True,
        1.0,
        9.0,
    )
    assert by_name["k_off"].default == 0.0403e-6
    device = device_of_model(found)
    assert device.current(0.2, 0.0) == pytest.approx(0.2 / 100)
    assert device.rate(-1.06, 0.5) == pytest.approx(-80 * 0.5 / 10e-9)
    with pytest.raises(InputError, match="v_on"):
        device.with_parameters(v_on=0.0)
    with pytest.raises(InputError, match="r_off in the range"):
        device.with_parameters(r_off=50.0)
    with pytest.raises(InputError, match="whole number"):
        device.with_parameters(a_on=2.5)


def test_the_jart_cell_has_the_currents_of_its_paper():
    device = device_of_model(model("jart_vcm_v1"))
    assert device.bounds() == (0.008, 20.0)
    assert device.current(-0.2, 20.0) == pytest.approx(
        -1.25834909e-4, rel=0.01
    )  # the line's own heating is left out here
    assert device.current(-0.2, 0.008) == pytest.approx(-1.90971222e-6, rel=1e-3)


def test_a_state_advanced_by_hand_becomes_the_equation_that_it_steps_along():
    found = model("gap_by_hand")
    assert found.hidden == {"gap": found.states[0].name, "kelvin": "kelvin"}
    device = device_of_model(found)
    gap, kelvin, v = 1.0e-9, 320.0, 0.9
    drift, heat = (np.ravel(r)[0] for r in device.rate(v, np.array([[[gap]], [[kelvin]]])))
    thermal = 1.3806503e-23 * kelvin / 1.602176462e-19
    pull = (16.5 - 1.25 * (gap / 1e-9) ** 3) * 0.25e-9 / 5e-9 * v
    assert drift == pytest.approx(
        -150 * (np.exp((pull - 1.501) / thermal) - np.exp((-pull - 1.5) / thermal)), rel=1e-12
    )
    amps = 61.4e-6 * np.exp(-gap / 0.2751e-9) * np.sinh(v / 0.43)
    assert heat == pytest.approx(amps * v / 3.1825e-16 - (kelvin - 300.0) / 2.3e-10, rel=1e-12)
    assert [float(np.ravel(b)[0]) for b in device.bounds()] == [0.1e-9, 1.7e-9]


ADVANCED = """parameter real dt = 0; parameter real tau = 2m;
real w, w_last;
analog begin
@(initial_step) begin w = 0.3; w_last = 0.3; end
%s
if (w > 1) w = 1; else if (w < 0) w = 0;
w_last = w;
I(p,n) <+ 1m*w*V(p,n);
end"""
STEPS = {
    "forward": "w = w + dt*(V(p,n) - w)/tau;",
    "from the last": "w = w_last + dt*(V(p,n) - w_last)/tau;",
    "backward": "w = (w + dt*V(p,n)/tau)/(1 + dt/tau);",
    "exponential": "w = V(p,n) + (w - V(p,n))*exp(-dt/tau);",
}


@pytest.mark.parametrize("way", STEPS)
def test_a_parameter_that_holds_the_length_of_a_step_is_one_where_that_is_said(way, tmp_path):
    text = ADVANCED % STEPS[way]
    with pytest.raises(
        UnsupportedNetlistError, match=r"line 1\d: .*; where dt is .* say --step dt"
    ):
        of_text(tmp_path, text)
    found = of_text(tmp_path, text, step="dt")
    assert [(s.kind, s.low, s.high, s.start) for s in found.states] == [("hand", 0.0, 1.0, 0.3)]
    assert sorted(found.defaults) == ["tau"]
    assert "length of a step" in found.fixed["dt"]
    device, x = device_of_model(found), np.array([0.2, 0.5, 0.9])
    v = np.array([0.7, -0.4, 0.3])
    np.testing.assert_allclose(device.rate(v, x), (v - x) / 2e-3, rtol=1e-14)
    np.testing.assert_allclose(device.current(v, x), 1e-3 * x * v, rtol=1e-15)
    if not compiled_original.missing():
        judged = certificate(found, np.random.default_rng(1))
        assert judged.ok
        assert 0.0 < judged.advanced < 1e-3


@pytest.mark.parametrize(
    ("old", "new", "step", "message"),
    [
        ("", "", "h", "--step h: module cell_x has no such parameter. It has: dt, tau"),
        ("1m*w", "(1m + dt)*w", "dt", "--step dt: more than the advance of w depends on it"),
        ("w + dt*", "w + ddt(0)*", "dt", "--step dt: no state is advanced by it"),
        (
            "w + dt*",
            "w + ($abstime - last)*",
            "dt",
            "--step dt: the text advances its states by .abstime",
        ),
    ],
)
def test_what_is_no_length_of_a_step_is_refused(old, new, step, message, tmp_path):
    text = (ADVANCED % STEPS["forward"]).replace(old, new)
    if "last)" in new:
        text = text.replace("w_last;", "w_last, last;").replace("I(p,n)", "last = $abstime; I(p,n)")
    with pytest.raises(InputError, match=message):
        of_text(tmp_path, text, step=step)


def test_voltage_sources_ammeters_named_branches_and_inner_nodes_are_solved(tmp_path):
    found = of_text(
        tmp_path,
        """parameter real r = 2k; parameter real g = 1m; branch (p, x) first; branch (x, n) second;
analog begin
  V(first) <+ r * I(first);
  I(second) <+ g * V(x, n) + 1u * pow(V(x, n), 3);
end""",
    )
    device = device_of_model(found)
    amps = float(device.current(1.5, 0.0))
    inner = 1.5 - 2e3 * amps
    assert amps == pytest.approx(1e-3 * inner + 1e-6 * inner**3, rel=1e-12)
    slope = 1 / (2e3 + 1 / (1e-3 + 3e-6 * inner**2))
    assert float(device.conductance(1.5, 0.0)) == pytest.approx(slope, rel=1e-12)


def test_functions_cases_loops_and_integers_mean_what_the_language_says(tmp_path):
    found = of_text(
        tmp_path,
        """parameter integer kind = 2; parameter integer n_sum = 3;
real s, t, twofold; integer k;
analog function real twice; input a; output b; real a, b; begin b = a + 1; twice = 2 * a; end endfunction
analog begin
  s = 0;
  for (k = 1; k <= n_sum; k = k + 1) s = s + 1.0 / k + 1 / 2;
  case (kind)
    1: s = 100;
    2, 3: begin twofold = twice(s, t); s = twofold + t; end
    default: s = -1;
  endcase
  I(p, n) <+ s * V(p, n) + 7 % 4 * 1u;
end""",
    )
    assert found.fixed == {"n_sum": "line 10: it decides how often a loop runs"}
    h = 1 + 1 / 2 + 1 / 3
    assert float(device_of_model(found).conductance(0.0, 0.0)) == pytest.approx(
        3 * h + 1, rel=1e-14
    )


REFUSED = [
    ("analog I(p,n) <+ transition(V(p,n), 0, 1n);", "line 5: transition"),
    ("analog I(p,n) <+ V(p,n) + white_noise(1e-20);", "line 5: white_noise"),
    ("analog begin I(p,n) <+ V(p,n);\n@(cross(V(p,n), 1)) ; end", r"line 6: @\(cross\)"),
    ("analog begin I(p,n) <+ V(p,n);\n@(timer(1n)) ; end", r"line 6: @\(timer\)"),
    (
        "real g;\nanalog begin I(p,n) <+ g*V(p,n);\n@(final_step) g = 1; end",
        r"line 7: @\(final_step\)",
    ),
    ("analog I(p,n) <+ ddt(1p*V(p,n));", "line 5: ddt.. of the voltage between the terminals"),
    ('analog I(p,n) <+ $limit(V(p,n), "pnjlim", 1, 1);', "line 5: .limit"),
    ('analog I(p,n) <+ $simparam("gmin") * V(p,n);', "line 5: .simparam"),
    ("analog I(p,n) <+ V(p,n) * $rdist_normal(1, 0, 1);", "line 5: .rdist_normal"),
    ("real r[0:3];\nanalog I(p,n) <+ V(p,n);", "line 5: arrays"),
    ("electrical [0:3] b;\nanalog I(p,n) <+ V(p,n);", "line 5: nodes of several wires"),
    ('parameter string s = "a";\nanalog I(p,n) <+ V(p,n);', "line 5: .*texts"),
    ("resistor #(.r(1k)) r1 (p, n);\nanalog I(p,n) <+ V(p,n);", "line 5: 'resistor'"),
    ("res r1 (p, n);\nanalog I(p,n) <+ V(p,n);", "line 5: 'res' is an instance"),
    (
        "real k;\nanalog begin while (V(p,n) > 0) k = k + 1; I(p,n) <+ k; end",
        "line 6: how often a loop runs depends on voltages",
    ),
    (
        "integer k;\nanalog begin k = 0; while (1) k = k + 1; I(p,n) <+ k; end",
        "line 6: the loop has not ended",
    ),
    ("analog I(p,n) <+ V(p,n) * V(p);", "line 5: the voltage between p and the ground"),
    ("analog begin I(p) <+ V(p); I(n) <+ V(n); I(p, n) <+ V(p, n); end", "to the ground"),
    ("analog I(p,n) <+ V(p,n) * sin($abstime);", "depend on .abstime itself"),
    (
        "real last;\nanalog begin I(p,n) <+ (V(p,n) > last) ? V(p,n) : 2*V(p,n); last = V(p,n); end",
        "line 6: how 'last' differs from its value at the evaluation before",
    ),
    (
        "real last;\nanalog begin I(p,n) <+ V(p,n) + 1m*(V(p,n) - last); last = V(p,n); end",
        "line 6: how 'last' differs from its value at the evaluation before",
    ),
    (
        "integer on;\nanalog begin I(p,n) <+ on*V(p,n); on = V(p,n) > 1; end",
        "line 6: 'on' is remembered",
    ),
    (
        "real a, b;\nanalog begin I(p,n) <+ a*V(p,n); a = b + V(p,n); b = 0.5*a; end",
        "line 6: 'b' changes at every evaluation",
    ),
    (
        "real m;\nanalog begin if (V(p,n) > 1) m = 1; else if (V(p,n) < -1) m = 2;\n"
        "I(p,n) <+ m*V(p,n); end",
        "line 6: 'm' keeps what it held wherever no branch assigns it",
    ),
    (
        "integer k;\nanalog begin k = 6; I(p,n) <+ (k & 3)*V(p,n); end",
        "line 6: '&' works on the bits of numbers",
    ),
    (
        "real w;\nanalog begin @(initial_step) w = 0.5; w = w + 1e-3*V(p,n); I(p,n) <+ w*V(p,n); end",
        "line 6: 'w' changes at every evaluation",
    ),
    (
        "analog begin if (V(p,n) > 1) V(p,n) <+ 1; else I(p,n) <+ V(p,n); end",
        "line 5: both a current and a voltage",
    ),
    ("analog begin I(p,n) <+ V(p,n) * V(x); end", "nothing determines V.x."),
    ("analog I(p,n) <+ undefined_thing * V(p,n);", "line 5: 'undefined_thing' is not declared"),
    ("analog I(p,n) <+ `nothing * V(p,n);", "line 5: `nothing is not defined"),
]


@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_what_has_no_meaning_as_a_state_equation_is_refused_by_line(body, message, tmp_path):
    with pytest.raises(UnsupportedNetlistError, match=message):
        of_text(tmp_path, body)


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside.va", "sub/../../outside.va"])
def test_a_file_outside_the_models_folder_is_not_included(name, tmp_path):
    (tmp_path / "outside.va").write_text("")
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(UnsafeNetlistError, match=r"line 1: `include of .* outside the folder"):
        of_text(inside, "analog I(p,n) <+ V(p,n);", head=f'`include "{name}"\n{HEAD}')


@pytest.mark.parametrize(
    "macros",
    [
        "`define a0 1.0\n" + "".join(f"`define a{k} (`a{k - 1}+`a{k - 1})\n" for k in range(1, 40)),
        "`define a0\n" + "".join(f"`define a{k} `a{k - 1} `a{k - 1}\n" for k in range(1, 40)),
        "`define b0(x) x\n"
        + "".join(f"`define b{k}(x) `b{k - 1}(x+x)\n" for k in range(1, 40))
        + "`define a39 `b39(1.0)\n",
    ],
    ids=["more words", "nothing at all", "longer arguments"],
)
def test_macros_that_double_again_and_again_are_refused_at_once(macros, tmp_path):
    (tmp_path / "x.va").write_text(macros + HEAD + "analog I(p, n) <+ V(p, n) * `a39;\nendmodule\n")
    with pytest.raises(UnsupportedNetlistError, match="more than 100000 words"):
        words_of(tmp_path / "x.va")


def test_a_model_keeps_its_equations_where_there_is_no_compiler(tmp_path, monkeypatch):
    found = model("nbo2_switch")
    path = write_model(found, tmp_path)
    monkeypatch.setitem(sys.modules, "openvaf_py", None)
    device, before = load_foreign(path), device_of_model(found)
    v, x = np.linspace(-1, 1, 7), np.full(7, 450.0)
    assert np.array_equal(device.current(v, x), before.current(v, x))
    assert np.array_equal(device.rate(v, x), before.rate(v, x))
    assert device.bounds() == before.bounds()
    hotter = device.with_parameters(temperature=350.0)
    assert hotter.initial_state() == pytest.approx(350.0)


def test_without_the_compiler_an_import_says_where_it_can_be_done(monkeypatch):
    monkeypatch.setattr(compiled_original, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"spicesnn.verilog-a."):
        compiled_original.CompiledOriginal({"m.va": ""}, "m")


HOSTILE = [
    ('"t0 = ', '"t0 = __import__(os) ', "operation 0"),
    ('"t0 = ', '"t0 = system ', "operation 0"),
    ('"t1 = ', '"t9 = ', "operation 1"),
    ('rate = "', 'rate = "exec ', "neither a number"),
    ('low = "', 'low = "x:w" # "', "must not"),
    ("[states.w]", '[states."w\\n.control"]', "no name that a state may have"),
    ('meaning = "resistance', 'meaning = "a\\nshell', "line break"),
    ("scale = 1.0", "scale = -1.0", "scale"),
    ("[drive]", "[drive]\nevil = 1", "unknown key"),
    ('name = "vteam_cell"', 'name = "../x"', "name"),
    ("[parameters.r_on]", "[parameters.current]", "no name that a parameter may have"),
]


@pytest.mark.parametrize(("old", "new", "message"), HOSTILE)
def test_a_descriptor_that_is_not_as_it_was_written_is_refused(old, new, message, tmp_path):
    path = write_model(model("vteam"), tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(SpicesnnError, match=message) as error:
        load_foreign(path)
    assert isinstance(error.value, ConfigError | InputError)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("unknowns = []", f"unknowns = {['u:0'] * 33}", "33 unknowns; expected at most 32"),
        (
            "[states.w]",
            "".join(f"[states.a{k}]\nunit = 'V'\n" for k in range(16)) + "[states.w]",
            r"\[states\] .*expected at most 16 tables",
        ),
    ],
)
def test_a_descriptor_of_absurd_size_is_refused(old, new, message, tmp_path):
    path = write_model(model("vteam"), tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message):
        load_foreign(path)


@needs_compiler
def test_a_compiler_that_does_not_end_is_stopped(monkeypatch, tmp_path):
    monkeypatch.setattr(compiled_original, "TIME_LIMIT_S", 0.01)
    with pytest.raises(SpicesnnError, match="has not answered within"):
        certificate(model("vteam"), np.random.default_rng(0), 8)


@needs_compiler
@pytest.mark.parametrize(
    "change", [("k_off * pow", "1.001 * k_off * pow"), ("v / (r_on", "1.000001 * v / (r_on")]
)
def test_a_twin_that_is_not_what_the_text_says_gets_no_certificate(change, tmp_path):
    right = model("vteam")
    text = right.files["vteam.va"].replace(*change)
    assert text != right.files["vteam.va"]
    (tmp_path / "vteam.va").write_text(text)
    wrong = read_model(tmp_path / "vteam.va", taken=TAKEN.__contains__)
    wrong.files["vteam.va"] = right.files["vteam.va"]
    assert not certificate(wrong, np.random.default_rng(0), 64).ok


def test_derivatives_are_those_of_differences():
    graph = Graph()
    x, y = graph.symbol("x"), graph.symbol("y")
    for op in (
        "exp",
        "ln",
        "sqrt",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "atanh",
        "abs",
    ):
        place = graph.make("*", graph.make(op, x), graph.make("pow", x, y))
        slope = Program(graph, [graph.slope(place, x), graph.slope(place, y)]).run(
            {"x": 0.4, "y": 1.7}
        )
        step = 1e-6
        for k, (dx, dy) in enumerate(((step, 0.0), (0.0, step))):
            ends = [
                Program(graph, [place]).run({"x": 0.4 + s * dx, "y": 1.7 + s * dy})[0]
                for s in (1, -1)
            ]
            assert slope[k] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-7), op


def test_conditions_joined_by_bit_operators_are_conditions(tmp_path):
    found = of_text(
        tmp_path,
        "analog begin if (((V(p,n) < -1) & (V(p,n) > -2)) | (V(p,n) > 3)) I(p,n) <+ 1m;\n"
        "else if ((V(p,n) > 0) ^ (V(p,n) > 1)) I(p,n) <+ 2m; else I(p,n) <+ V(p,n); end",
    )
    volts = np.array([-2.5, -1.5, 0.5, 1.5, 3.5])
    amps = device_of_model(found).current(volts, 0.0)
    assert np.array_equal(amps, [-2.5, 1e-3, 2e-3, 1.5, 1e-3])


LATE = """real g, h;
analog begin
I(p,n) <+ g*V(p,n) + (h < 1.2 ? 1m : 2m);
I(x) <+ ddt(V(x)) + V(x) - V(p,n)*h;
h = 1 + g*g;
g = 1m*(1 + V(x));
end"""


def test_a_variable_that_is_read_before_it_is_assigned_has_its_present_value(tmp_path):
    found = of_text(tmp_path, LATE, bounds={"x": (0.0, 1.0)})
    assert set(found.late) == {"g", "h"}
    device = device_of_model(found)
    x = np.array([0.2, 0.7])
    g = 1e-3 * (1 + x)
    assert device.current(0.5, x) == pytest.approx(0.5 * g + 1e-3, rel=1e-15)
    assert device.rate(0.5, x) == pytest.approx(0.5 * (1 + g * g) - x, rel=1e-15)


@needs_compiler
def test_the_compiled_original_solves_for_what_is_read_before_it_is_assigned(tmp_path):
    found = of_text(tmp_path, LATE, bounds={"x": (0.0, 1.0)})
    judged = certificate(found, np.random.default_rng(1))
    assert judged.value < 1e-12
    assert judged.jacobian < 1e-12


def test_locals_of_a_function_may_begin_with_what_is_made_of_its_arguments(tmp_path):
    found = of_text(
        tmp_path,
        "analog function real f; input a, b; real a, b; real c = a / ln(b);\nf = c * a;\nendfunction\n"
        "analog I(p,n) <+ f(V(p,n), 2.0);",
    )
    assert device_of_model(found).current(3.0, 0.0) == pytest.approx(9 / np.log(2), rel=1e-15)


@needs_compiler
def test_derivatives_that_the_compiler_has_wrong_are_taken_from_its_values(tmp_path):
    # openvaf-py gives 8.98 for the derivative of atan2(0.7, 2), which is 2/(2^2 + 0.7^2).
    found = of_text(tmp_path, "analog I(p,n) <+ 1m*atan2(V(p,n), 2.0) + 1m*hypot(V(p,n), 2.0);")
    device = device_of_model(found)
    assert device.conductance(0.7, 0.0) == pytest.approx(
        1e-3 * (2 / 4.49 + 0.7 / np.sqrt(4.49)), rel=1e-14
    )
    judged = certificate(found, np.random.default_rng(1))
    assert judged.ok
    assert judged.by_values > 100


@needs_compiler
def test_a_state_that_is_drawn_to_a_terminal_does_not_hide_its_current(tmp_path):
    # The rate, some thousand, flows into n beside a current of microamperes.
    found = of_text(
        tmp_path,
        "analog begin I(p,n) <+ 1u*V(x,n)*V(p,n);\n"
        "I(x,n) <+ 1e4*(V(p,n) - V(x,n)) - ddt(V(x,n)); end",
        bounds={"x": (-3.0, 3.0)},
    )
    assert certificate(found, np.random.default_rng(1)).ok


@needs_compiler
@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (
            "electrical w; analog begin I(p,n) <+ 1m*V(p,n)*(1+V(w));"
            " I(w) <+ ddt(V(w)) - 5*V(p,n)*V(w)*(1-V(w)); end",
            lambda v, x: (1e-3 * v * (1 + x), 5 * v * x * (1 - x)),
        ),
        (
            "thermal w; analog begin I(p,n) <+ 1m*V(p,n)*(1+Temp(w));"
            " Pwr(w) <+ ddt(Temp(w)) + Temp(w)*(1+V(p,n)*V(p,n)); end",
            lambda v, x: (1e-3 * v * (1 + x), -x * (1 + v * v)),
        ),
        (
            "electrical w, gnd; ground gnd; branch (w, gnd) keep; analog begin"
            " I(p,n) <+ 1m*V(p,n)*V(keep); I(keep) <+ ddt(V(keep)) - V(p,n); end",
            lambda v, x: (1e-3 * v * x, v),
        ),
    ],
)
def test_a_state_that_rests_at_nothing_is_not_taken_for_nothing(body, wanted, tmp_path):
    """The compiler takes a node whose flows are all 0 at 0, as with the window x·(1 − x), for one
    of small signals alone, and a named branch to the ground for one that leads nowhere."""
    found = of_text(tmp_path, body, bounds={"w": (0.0, 1.0)})
    judged = certificate(found, np.random.default_rng(5), 100)
    assert judged.ok
    assert judged.points >= 100
    device = device_of_model(found)
    for v, x in ((0.4, 0.3), (-0.7, 0.6)):
        assert (float(device.current(v, x)), float(device.rate(v, x))) == pytest.approx(
            wanted(v, x), rel=1e-12
        )


def test_nodes_that_nothing_is_connected_with_are_no_unknowns(tmp_path):
    found = of_text(
        tmp_path,
        "electrical spare, gnd;\nground gnd;\n"
        "analog begin V(x,gnd) <+ 2*V(p,n); I(p,n) <+ 1m*V(x,gnd); end",
    )
    assert device_of_model(found).current(0.5, 0.0) == pytest.approx(1e-3)
    if not compiled_original.missing():
        assert certificate(found, np.random.default_rng(1)).ok


def test_bounds_follow_the_parameters_that_a_clip_is_made_of(tmp_path):
    found = of_text(
        tmp_path,
        "parameter real n0 = 2; parameter real top = 10; parameter real bottom = 1;\n"
        "real m, r;\nanalog begin m = n0 + idt(r, 0);\n"
        "if ((m < bottom && V(p,n) < 0) || (m > top && V(p,n) > 0)) r = 0; else r = 1k*V(p,n);\n"
        "I(p,n) <+ 1m*m*V(p,n); end",
    )
    (state,) = found.states
    assert (state.low, state.high, state.guessed) == (-1.0, 8.0, ())
    assert replace(device_of_model(found), n0=5.0).bounds() == (-4.0, 5.0)


RESISTANCES = """electrical a, b; thermal t;
parameter real rs = %s; parameter real rd = %s; parameter real rth = 0;
analog begin
if (rs > 0) I(p,a) <+ V(p,a)/rs; else V(p,a) <+ 0;
if (rd > 0) I(b,n) <+ V(b,n)/rd; else V(b,n) <+ 0.0;
if (rth > 0) Pwr(t) <+ Temp(t)/rth - V(a,b)*I(a,b); else Temp(t) <+ 0;
I(a,b) <+ 1m*(1 + 0.01*Temp(t))*V(x)*V(a,b);
I(x) <+ ddt(V(x)) - 1k*V(a,b)*V(x)*(1 - V(x));
end"""


@needs_compiler
@pytest.mark.parametrize(("rs", "rd"), [(0, 0), (5, 0), (0, 7), (5, 7)])
def test_resistances_that_may_be_nothing_join_their_nodes(rs, rd, tmp_path):
    found = of_text(tmp_path, RESISTANCES % (rs, rd))
    device, x = device_of_model(found), 0.6
    assert device.linear
    siemens = 1 / (rs + rd + 1 / (1e-3 * x))
    assert device.current(0.5, x) == pytest.approx(0.5 * siemens, rel=1e-12)
    across = 0.5 * siemens / (1e-3 * x)
    assert device.rate(0.5, x) == pytest.approx(1e3 * across * x * (1 - x), rel=1e-12)
    judged = certificate(found, np.random.default_rng(1))
    assert judged.ok
    assert judged.points == 200


@needs_compiler
def test_nodes_that_are_joined_do_not_hide_a_wrong_twin(tmp_path):
    found = of_text(tmp_path, RESISTANCES % (0, 0))
    graph, stored = found.stored.graph, found.stored
    wrong = graph.make("*", graph.number(1.001), stored.current)
    assert not certificate(
        replace(found, stored=replace(stored, current=wrong, kept={}, _programs={})),
        np.random.default_rng(1),
    ).ok


def test_what_is_only_shown_at_the_end_is_left_out(tmp_path):
    found = of_text(
        tmp_path,
        "real g;\nanalog begin\n@(initial_step) g = 1m;\n"
        '@(final_step) begin $strobe("%g", g); $display("x"); end\nI(p,n) <+ g*V(p,n); end',
    )
    assert found.left_out == ("line 8: $strobe", "line 8: $display")
    assert device_of_model(found).current(2.0, 0.0) == pytest.approx(2e-3)
    if not compiled_original.missing():
        assert certificate(found, np.random.default_rng(1)).ok


@needs_compiler
def test_a_crash_of_the_compiler_is_told_in_short(tmp_path):
    found = of_text(tmp_path, "parameter real r = 1_000.5;\nanalog I(p,n) <+ V(p,n)/r;")
    assert found.defaults == {"r": 1000.5}
    with pytest.raises(
        UnsupportedNetlistError, match="crashes on it, a fault of its own"
    ) as caught:
        certificate(found, np.random.default_rng(1))
    assert "backtrace" not in str(caught.value)


def test_a_step_in_an_unknown_is_not_taken_for_a_straight_line(tmp_path):
    # The slope of floor is 0, so that of the whole equation is a number, and yet it is no line.
    found = of_text(
        tmp_path,
        "analog begin V(x,n) <+ V(p,n) - 0.05*floor(V(x,n)*4); I(p,n) <+ 1m*V(x,n); end",
    )
    assert len(found.stored.residuals) == 1
    volts = np.array([0.6, 0.7])  # x = 0.5 and 0.6, 0.05*2 below
    assert device_of_model(found).current(volts, 0.0) == pytest.approx(1e-3 * (volts - 0.1))


@needs_compiler
def test_a_second_name_of_a_parameter_is_said_and_sets_nothing_by_itself(tmp_path):
    text = (
        "parameter real g = 1m from (0:inf);\naliasparam cond = g;\n"
        "analog I(p,n) <+ g*V(p,n)*(1 + V(p,n)*V(p,n));"
    )
    found = of_text(tmp_path, text)
    assert found.fixed == {"cond": "line 6: a second name of g, which sets it"}
    assert [p.name for p in found.parameters] == ["g"]
    assert device_of_model(found).with_parameters(g=2e-3).current(2.0, 0.0) == pytest.approx(0.02)
    assert certificate(found, np.random.default_rng(1), 40).ok
    with pytest.raises(UnsupportedNetlistError, match="line 5: 'cond' is another name of 'h'"):
        of_text(tmp_path, "aliasparam cond = h;\nanalog I(p,n) <+ V(p,n);")


@needs_compiler
@pytest.mark.parametrize(
    ("body", "right"),
    [
        ("analog I(p,n) <+ 1m*(V(p)-V(n));", True),
        ("real a, b; analog begin a = V(p); b = V(n); I(p,n) <+ 1m*sinh(a-b)*exp(b-a); end", True),
        (
            "analog if (V(p) > V(n)) I(p,n) <+ 1m*V(p,n); else I(p,n) <+ 2m*(V(p)-V(n));",
            True,
        ),
        ("analog begin I(p,x) <+ 1m*(V(p)-V(x)); I(x,n) <+ 3m*(V(x)-V(n)); end", True),
        ("analog I(p,n) <+ 1m*(V(p)*V(p)-V(n)*V(n));", False),
        ("analog if (V(p) > 0.5) I(p,n) <+ 1m*V(p,n); else I(p,n) <+ 2m*V(p,n);", False),
        ("analog I(p,n) <+ floor(V(p))*1m - floor(V(n))*1m;", False),
    ],
)
def test_potentials_of_single_nodes_are_taken_where_their_differences_alone_count(
    tmp_path, body, right
):
    if not right:
        with pytest.raises(UnsupportedNetlistError, match=r"line 5: .* depends on where the"):
            of_text(tmp_path, body)
        return
    assert certificate(of_text(tmp_path, body), np.random.default_rng(1), 40).ok


@needs_compiler
@pytest.mark.parametrize("when", ["ic", "static"])
def test_a_state_starts_where_the_first_instant_puts_it(tmp_path, when):
    found = of_text(
        tmp_path,
        f'parameter real x0=0.7 from [0:1];\nanalog begin if (analysis("{when}")) V(x) <+ x0;'
        " else begin I(x) <+ ddt(V(x)); I(x) <+ -V(p,n)*V(x)*(1-V(x)); end\n"
        "I(p,n) <+ V(p,n)*(1u+1m*V(x)); end",
    )
    (state,) = found.states
    assert (state.start, state.guessed) == (0.7, ())
    device = device_of_model(found).with_parameters(x0=0.2)
    assert np.ravel(device.initial_state()) == pytest.approx([0.2])
    assert certificate(found, np.random.default_rng(1), 40).ok


def test_a_state_named_as_a_parameter_or_as_its_start_would_be_gets_a_number(tmp_path):
    found = of_text(
        tmp_path,
        "parameter real x=2.0; parameter real y_init=0.5;\n"
        "analog begin I(X) <+ ddt(V(X)); I(X) <+ -V(p,n)*V(X)*(1-V(X));\n"
        "I(Y) <+ ddt(V(Y)); I(Y) <+ -V(p,n)*V(Y)*(1-V(Y));\n"
        "I(p,n) <+ x*y_init*V(p,n)*(1u+1m*V(X)+1m*V(Y)); end",
        head=HEAD.replace("x, y", "X, Y"),
    )
    assert [state.name for state in found.states] == ["x_2", "y_2"]


def test_operations_of_a_descriptor_have_the_arguments_of_their_functions():
    assert ARITY.keys() == FUNCTIONS.keys()
    for name, function in FUNCTIONS.items():
        taken = 3 if function is np.where else function.nin
        assert ARITY[name] == taken, name
