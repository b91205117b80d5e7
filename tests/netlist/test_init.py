"""An init of one's own: who may ask for what, where it acts, and that nothing confuses two of
them."""

import json

import pytest

import spicesnn as sn
from spicesnn import errors
from spicesnn.errors import InputError, NgspiceError
from spicesnn.netlist.foreign import load_foreign
from spicesnn.netlist.init import Init, checked_init, init_lines
from spicesnn.netlist.safety import trusting

WARM = ".subckt warm p n\nr1 p n 1k tc1=0.01\n.ends\n"
CUBE = ".subckt cube p n\nb1 p n i=1m*pow(v(p,n),3)\n.ends\n"
"""An odd function in LTspice; ngspice takes the magnitude of the base."""


def described(folder, text, init="", name="own"):
    (folder / f"{name}.lib").write_text(text)
    subckt = text.split()[1]
    path = folder / f"{name}.toml"
    path.write_text(
        f'name = "{name}"\nfile = "{name}.lib"\nsubckt = "{subckt}"\ndialect = "ngspice"\n'
        f'{init}\n[pins]\np = "p"\nn = "n"\n'
    )
    return path


def warm(folder, init="", name="own"):
    with trusting(True):
        return load_foreign(described(folder, WARM, init, name))


def amps(engine, device, volts):
    array = sn.Crossbar(device=device, shape=(1, 1), wires=sn.Wires.ideal())
    return float(engine.read(array, [volts]).column_amps[0])


@pytest.fixture(scope="module")
def engine():
    with sn.NgspiceEngine() as running:
        yield running


# -- the gate -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "set ngbehavior=lta",
        "set num_threads = 2",
        "unset no_auto_gnd",
        "option reltol=1e-5 temp=85",
    ],
)
def test_settings_of_solver_and_language_pass_unchecked(line):
    assert checked_init([line], "here", trust=False) == (line,)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("shell ls", "Expected one command a line, of: set, unset, option, codemodel, osdi"),
        ("sett ngbehavior=lta", "did you mean 'set'"),
        ("set ngbehaviour=lta", "did you mean 'ngbehavior'"),
        ("set ngbehavior=lta; shell ls", "Expected one command a line"),
        ("set ngbehavior=`ls`", "Expected one command a line"),
        ("set ngbehavior=lta > file", "Expected one command a line"),
        (
            "set ngbehavior='lta'",
            "expected plain numbers and words as values; for others pass --tr",
        ),
        ("set sourcepath=/", "'sourcepath' is no setting that passes unchecked.*pass --trust"),
        ("option reltoll=1", "did you mean 'reltol'"),
        ("option reltol=1e-3 sim_args=1", "'sim_args' is no setting that passes unchecked"),
        ("codemodel x.cm", "which loads code into ngspice; pass --trust"),
        ("osdi x.osdi", "which loads code into ngspice; pass --trust"),
        ("set", "Expected one command a line"),
        ("", "Expected one command a line"),
    ],
)
def test_everything_else_is_refused_in_one_line(line, message):
    with pytest.raises(InputError, match=rf"^here: init has .*{message}") as refused:
        checked_init([line], "here", trust=False)
    assert "\n" not in str(refused.value)


def test_with_trust_files_are_loaded_and_any_variable_set_but_nothing_else_is_done(tmp_path):
    (tmp_path / "own.cm").write_text("")
    lines = init_lines(["codemodel own.cm", "set sourcepath=/models"], "here", tmp_path)
    want = (f"codemodel {tmp_path / 'own.cm'}", "set sourcepath=/models")
    assert checked_init(lines, "here", trust=True) == want
    for line in ("shell ls", "set a=1; shell ls", "source x", "codemodel absent.cm"):
        with pytest.raises(InputError, match="here: init has"):
            checked_init([line], "here", trust=True)


def test_an_init_may_stand_in_a_file(tmp_path):
    (tmp_path / "own.init").write_text("* ours\nset ngbehavior=lta\n\noption temp=85\n")
    assert init_lines("own.init", "here", tmp_path) == ["set ngbehavior=lta", "option temp=85"]
    assert init_lines("set ngbehavior=lta", "here", tmp_path) == ["set ngbehavior=lta"]
    with pytest.raises(OSError, match=r"absent\.init"):
        init_lines("absent.init", "here", tmp_path)
    for wrong in (3, [3], {}):
        with pytest.raises(InputError, match="expected a list of commands"):
            init_lines(wrong, "here", tmp_path)


def test_another_file_under_the_same_name_is_another_init(tmp_path):
    file = tmp_path / "own.cm"
    file.write_text("a")
    before = Init.of([f"codemodel {file}"])
    assert before == Init.of([f"codemodel {file}"])
    file.write_text("another")
    assert before != Init.of([f"codemodel {file}"])


# -- what it does ---------------------------------------------------------------------------------


def test_an_option_of_a_descriptor_acts_on_its_device_alone(engine, tmp_path):
    cold = warm(tmp_path, name="cold")
    hot = warm(tmp_path, 'init = ["option temp=127"]', name="hot")
    mild = warm(tmp_path, 'init = ["option temp=77"]', name="mild")
    # 1 kΩ · (1 + 0.01/°C · (T − 27 °C)), in turns: no worker keeps what it was told for another
    for device, ohm in ((cold, 1e3), (hot, 2e3), (cold, 1e3), (mild, 1.5e3), (hot, 2e3)):
        assert amps(engine, device, 0.1) == pytest.approx(0.1 / ohm, rel=1e-6)


def test_an_option_of_a_descriptor_is_the_temperature_of_a_translated_text(engine, tmp_path):
    text = ".subckt words p n\nr1 p n {1k*(temper+273.15)/300.15} tc1=0.01\n.ends\n.temp 40\n"
    for init, celsius in (("", 40.0), ('init = ["option temp=127"]', 127.0)):
        device = load_foreign(described(tmp_path, text, init))
        ohm = 1e3 * (celsius + 273.15) / 300.15 * (1 + 0.01 * (celsius - 27.0))
        assert amps(engine, device, 0.1) == pytest.approx(0.1 / ohm, rel=1e-6)


def test_few_workers_are_told_anew(tmp_path):
    cold = warm(tmp_path, name="cold")
    hot = warm(tmp_path, 'init = ["option temp=127"]', name="hot")
    with sn.NgspiceEngine(circuits=1) as one:
        found = [amps(one, device, 0.1) for device in (cold, hot, cold, hot)]
        assert found == pytest.approx([1e-4, 5e-5, 1e-4, 5e-5], rel=1e-6)
        assert len(one.pool.sessions) == 1


def test_an_init_that_changes_the_circuit_leaves_no_nodal_twin(tmp_path):
    linear = ".subckt plain p n\nr1 p n 1k\n.ends\n"
    same = load_foreign(described(tmp_path, linear, 'init = ["option itl1=200"]'))
    assert amps(sn.NodalEngine(), same, 0.1) == pytest.approx(1e-4, rel=1e-9)
    hot = load_foreign(described(tmp_path, linear, 'init = ["option temp=127"]'))
    with pytest.raises(errors.EngineError, match="its init changes the circuit"):
        amps(sn.NodalEngine(), hot, 0.1)


def test_a_trusted_text_of_ltspice_means_what_it_means_there(engine, tmp_path):
    with trusting(True):
        plain = load_foreign(described(tmp_path, CUBE, name="plain"))
        odd = load_foreign(described(tmp_path, CUBE, 'init = "set ngbehavior=lta"', name="odd"))
    assert amps(engine, odd, 0.5) == pytest.approx(1.25e-4, rel=1e-6)
    assert amps(engine, odd, -0.5) == pytest.approx(-1.25e-4, rel=1e-6)
    assert amps(engine, plain, -0.5) == pytest.approx(1.25e-4, rel=1e-6)


def test_a_text_that_is_translated_takes_no_other_language(tmp_path):
    with pytest.raises(InputError, match=r"say dialect = …, or hand the text over .* --trust"):
        load_foreign(described(tmp_path, CUBE, 'init = ["set ngbehavior=lta"]'))


@pytest.mark.parametrize("init", ['["shell ls"]', '["codemodel a.cm"]', "3", '["set foo=1"]'])
def test_a_descriptor_passes_the_gate(init, tmp_path):
    with pytest.raises(InputError, match="init") as refused:
        load_foreign(described(tmp_path, CUBE, f"init = {init}"))
    assert "\n" not in str(refused.value)


def test_a_failed_deck_says_what_ngspice_was_told(tmp_path):
    hot = warm(tmp_path, 'init = ["option temp=127"]')
    broken = ".subckt broken p n\nb1 p n i=1e300*exp(1e3*v(p,n)**2)\n.ends\n"
    with trusting(True):
        device = load_foreign(described(tmp_path, broken, 'init = ["option temp=127"]', name="bad"))
    assert hot.circuit.text.startswith("* ngspice is told before this: option temp=127\n")
    with (
        sn.NgspiceEngine(failures=tmp_path / "kept", init=["set numdgt=9"]) as engine,
        pytest.raises(NgspiceError) as failed,
    ):
        amps(engine, device, 2.0)
    deck = failed.value.deck_path
    assert "told before this: option temp=127" in deck.read_text()
    assert deck.read_text().endswith("\n.options temp=127\n.end\n")
    assert "init set numdgt=9; option temp=127\n" in deck.with_suffix(".log").read_text()


# -- experiments ----------------------------------------------------------------------------------


def test_an_experiment_records_it_and_reads_it_back(tmp_path):
    from spicesnn.training import load
    from spicesnn.training.config import from_tables, read_tables

    config = load("xpue", ["engine=ngspice", "engine.init=option reltol=1e-5"])
    assert (config.engine, config.engine_init) == ("ngspice", ("option reltol=1e-5",))
    file = tmp_path / "own.toml"
    file.write_text(config.to_toml())
    assert '[engine]\nname = "ngspice"\ninit = ["option reltol=1e-5"]' in file.read_text()
    assert from_tables(read_tables(file)) == config
    assert load(file, {"engine": "nodal"}).engine_init == config.engine_init
    assert load("xpue").to_tables()["engine"] == load("xpue").engine
    with config.solver() as solver:
        assert solver.init == config.engine_init


def test_a_run_is_solved_and_recorded_with_it(tmp_path):
    run = sn.train(
        "xpue",
        engine="ngspice",
        out=tmp_path / "run",
        settings={"engine.init": ["option reltol=1e-5"], "training.epochs": 1},
    )
    text = (tmp_path / "run" / "run.toml").read_text()
    assert 'init = ["option reltol=1e-5"]' in text
    assert "init: option reltol=1e-5" in text  # of the engine's own account of itself
    assert run.config.engine_init == ("option reltol=1e-5",)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("engine.init", "shell ls", "engine.init: init has 'shell ls'"),
        ("engine.init", ["set foo=1"], "'foo' is no setting that passes unchecked"),
        ("engine.inits", ["set numdgt=9"], "did you mean 'engine.init'"),
        ("engine.name", "ngspic", "did you mean 'ngspice'"),
    ],
)
def test_an_experiment_refuses_in_one_line(key, value, message):
    from spicesnn.training import load

    with pytest.raises(Exception, match=message) as refused:
        load("xpue", {key: value})
    assert isinstance(refused.value, errors.SpicesnnError)
    assert "\n" not in str(refused.value)


def test_what_an_init_loads_is_part_of_a_sweeps_points(tmp_path):
    from spicesnn.training.sweep import plan

    file = tmp_path / "own.cm"
    keys = []
    for content in ("a", "b"):
        file.write_text(content)
        with trusting(True):
            (point,) = plan("xpue", [], seeds=1, overrides=[f"engine.init=codemodel {file}"])
        keys.append(point.key)
    (plain,) = plan("xpue", [], seeds=1)
    assert len({*keys, plain.key}) == 3


@pytest.mark.slow
def test_commands_that_drive_a_device_take_it(capfd, tmp_path):
    from spicesnn.cli import main

    device = described(tmp_path, WARM, 'init = "own.init"')
    (tmp_path / "own.init").write_text("option temp=127\n")
    drive = ["--engine", "ngspice", "--trust", "--amplitude", "0.5", "--periods", "1", "--json"]
    ohm = []
    for wanted in ([], ["--set", "engine.init=option temp=27"]):
        folder = tmp_path / f"iv-{len(wanted)}"
        assert main(["iv", str(device), *drive, *wanted, "--out", str(folder)]) == 0
        ohm.append(0.5 / json.loads(capfd.readouterr().out)["peak_amps"])
    # the descriptor's own lines come behind the engine's, and the last card of an option counts
    assert ohm == pytest.approx([2e3, 2e3], rel=1e-3)


@pytest.mark.parametrize("command", ["report", "map", "stdp-window", "train", "iv", "sweep"])
def test_every_command_that_may_meet_an_init_takes_trust(command):
    import typer

    from spicesnn.cli.app import app

    known = typer.main.get_command(app).commands[command].params
    assert "--trust" in [name for option in known for name in option.opts]
