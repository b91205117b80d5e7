"""What a new user types first: it works where it has one meaning, and else one line says the call
that is meant."""

from __future__ import annotations

import copy
import inspect
import pickle

import matplotlib.pyplot as plt
import numpy as np
import pytest

import spicesnn as sn
from spicesnn.crossbar.noise import CycleToCycle
from spicesnn.devices.variability import LogNormal
from spicesnn.errors import DataError, InputError, UnknownNameError, WrongTypeError
from spicesnn.guesses import UnknownArgumentError, UnknownAttributeError
from spicesnn.networks.populations import LIF

G = np.random.default_rng(0).uniform(1e-5, 1e-3, (5, 3))
V = np.linspace(0.1, 0.3, 5)
ARRAY = sn.Crossbar(G, sn.Wires(1.0, 1.0))
READ = ARRAY.read(V)
CELLS = sn.Crossbar(device="vteam", shape=(3, 3))


@pytest.mark.parametrize("wires", [1.0, 1, np.float64(1.0), "1 ohm", sn.Wires(1.0, 1.0)])
def test_one_number_of_wires_is_every_segment_of_both_lines(wires):
    assert np.array_equal(sn.Crossbar(G, wires=wires).read(V).column_amps, READ.column_amps)


def test_an_array_has_a_length_a_shape_and_a_matrix():
    assert (len(ARRAY), ARRAY.shape, sn.Crossbar(device="vteam", shape=[2, 4]).shape) == (
        5,
        (5, 3),
        (2, 4),
    )
    assert V @ ARRAY.effective_conductance() == pytest.approx(READ.column_amps, rel=1e-10)
    assert sn.Crossbar(G).effective_conductance() == pytest.approx(G, rel=1e-12)


def test_devices_are_named_as_on_the_command_line(tmp_path):
    assert sn.devices["vteam"] is sn.devices.VTEAM
    assert "vteam" in sn.devices
    assert list(sn.devices) == sn.devices.names()
    assert len(sn.devices) == len(sn.devices.names())
    for given in ("vteam", sn.devices.VTEAM, sn.devices.VTEAM()):
        array = sn.Crossbar(device=given, shape=(2, 2))
        assert isinstance(array.device, sn.devices.VTEAM)
        assert isinstance(sn.Hardware(device=given).device, sn.devices.VTEAM)
    file = tmp_path / "own.toml"
    file.write_text('[device]\nmodel = "vteam"\nr_off = 2000\n')
    for device in (
        sn.devices.load(file),
        sn.Crossbar(device=file, shape=(1, 1)).device,
        sn.Crossbar(device=str(file), shape=(1, 1)).device,
    ):
        assert device.r_off == 2000.0
    with pytest.raises(UnknownNameError, match="did you mean 'vteam'"):
        sn.Crossbar(device="vtem", shape=(2, 2))
    with pytest.raises(UnknownNameError, match="no device 'nothing'"):
        sn.devices["nothing"]


def test_one_state_for_all_cells_goes_with_a_shape():
    assert sn.Crossbar(device="vteam", shape=(2, 3), state=2e-9).state.tolist() == [[2e-9] * 3] * 2
    with pytest.raises(InputError, match=r"expected \(rows, cols\)"):
        sn.Crossbar(device="vteam", state=2e-9)


def test_quantities_are_taken_with_their_unit():
    by_text = sn.Wires("2.5 Ω", "2.5 ohm", driver_ohm="1k", word_line_farad="1fF")
    assert by_text == sn.Wires(2.5, 2.5, driver_ohm=1000.0, word_line_farad=1e-15)
    pulse = sn.Pulse(row_volts="500mV", width_s="1us", rise_s="10 ns")
    assert (pulse.row_volts, pulse.width_s, pulse.rise_s) == (0.5, 1e-6, 1e-8)
    curve = sn.iv("vteam", amplitude="250mV", frequency="600kHz", periods=1)
    assert np.array_equal(
        curve.amps, sn.iv(sn.devices.VTEAM(), amplitude=0.25, frequency=6e5, periods=1).amps
    )
    for call, said in (
        (lambda: sn.Wires("2 mV"), "is in V; expected Ω"),
        (lambda: sn.Wires("2"), "a text with its unit, such as '2 Ω'"),
        (lambda: sn.Pulse(row_volts=1.0, width_s="1V"), "is in V; expected s"),
        (lambda: sn.iv("vteam", amplitude="1 kHz"), "is in Hz; expected V"),
        (lambda: sn.Pulse(row_volts="much"), "pulse: row_volts: 'much' is not a number"),
    ):
        with pytest.raises(InputError, match=said):
            call()


def test_engines_are_named_as_on_the_command_line():
    assert np.array_equal(ARRAY.read(V, engine="nodal").column_amps, READ.column_amps)
    assert ARRAY.read(V, engine="ngspice").column_amps == pytest.approx(READ.column_amps, rel=1e-8)
    curves = [
        sn.iv("vteam", name, amplitude=0.25, frequency=6e5, periods=1)
        for name in ("nodal", "ngspice")
    ]
    assert [curve.engine for curve in curves] == ["nodal", "ngspice"]
    assert curves[1].peak_amps == pytest.approx(curves[0].peak_amps, rel=1e-3)
    with pytest.raises(UnknownNameError, match="engine is 'spectre'; expected 'nodal', 'ngspice'"):
        ARRAY.read(V, engine="spectre")


def test_results_say_their_power_peak_and_conductance():
    assert float(READ.power_watt()) == pytest.approx(float((READ.row_amps * V).sum()))
    curve = sn.iv("vteam", amplitude=0.25, frequency=6e5, periods=1)
    assert curve.peak_amps == np.abs(curve.amps).max()
    after = CELLS.pulse(row_volts=1.0, width_s=1e-6)
    assert np.array_equal(after.conductance, after.array.cell_conductance())


def test_a_read_is_a_table_of_cells_and_a_curve_a_file(tmp_path):
    pandas = pytest.importorskip("pandas")
    table = READ.to_pandas()
    assert len(table) == 15
    place = table[(table.word_line == 4) & (table.bit_line == 1)].iloc[0]
    assert (place.cell_volts, place.cell_amps) == (READ.cell_volts[4, 1], READ.cell_amps[4, 1])
    assert len(ARRAY.read(np.stack([V, 2 * V])).to_pandas().query("batch == 1")) == 15
    curve = sn.iv("vteam", amplitude=0.25, frequency=6e5, periods=1)
    read = pandas.read_csv(curve.to_csv(tmp_path / "curve.csv"))
    assert np.array_equal(read.amps, curve.amps)
    assert list(read.columns) == ["time_s", "volts", "amps", "state"]
    with pytest.raises(OSError, match="cannot be written"):
        curve.to_csv(tmp_path / "nowhere" / "curve.csv")


def test_figures_are_drawn_into_axes_of_ones_own():
    figure, (left, right) = plt.subplots(1, 2)
    curve = sn.iv("vteam", amplitude=0.25, frequency=6e5, periods=1)
    assert curve.plot(ax=left) is figure
    assert ARRAY.plot(ax=right) is figure
    assert len(left.lines) >= 1
    assert right.images[0].get_array().shape == (5, 3)
    plt.close(figure)
    done = CELLS.pulse(row_volts=1.0, width_s=1e-6, rise_s=1e-7)
    drawn = done.plot()
    assert drawn.axes[0].lines[0].get_ydata().max() == pytest.approx(1.0)
    with pytest.raises(WrongTypeError, match="expected matplotlib axes"):
        ARRAY.plot(ax="left")
    with pytest.raises(WrongTypeError, match=r"read.plot\(\).savefig\(path\)"):
        READ.plot("read.png")


@pytest.mark.parametrize("thing", [ARRAY, READ])
def test_a_figure_shows_itself_in_a_notebook_that_never_heard_of_pyplot(thing):
    figure = thing.plot()
    assert figure._repr_png_()[:4] == b"\x89PNG"
    assert type(figure).__name__ == "Figure"


@pytest.mark.parametrize(
    "array",
    [
        sn.Crossbar(G),
        sn.Crossbar(G, sn.Wires(1.0, 2.0, driver_ohm=np.arange(5.0), double_sided=True)),
        sn.Crossbar(G, sn.Wires(np.arange(5.0), np.arange(3.0), drive_side="right")),
        sn.Crossbar(device="vteam", shape=(2, 3), state=2e-9, stuck=np.eye(2, 3, dtype=bool)),
        sn.Crossbar(device=sn.devices.VTEAM(r_off=np.array([[1e3, 2e3]])), shape=(1, 2), wires=3.0),
        sn.Crossbar(device="pai-yu-chen-heated", shape=(2, 2)),
        sn.Crossbar(
            device="1t1r",
            shape=(2, 2),
            gate_along=sn.GateAlong.BIT_LINES,
            current_factor=np.full((2, 2), 0.5),
        ),
    ],
    ids=["linear", "wires", "lines and sides", "stuck", "differing", "two states", "1t1r"],
)
def test_an_array_that_is_saved_reads_the_same_when_it_is_loaded(array, tmp_path):
    again = sn.Crossbar.load(array.save(tmp_path / "array.npz"))
    gates = {"gate_volts": 1.0} if array.gated else {}
    assert np.array_equal(
        array.read(0.1, **gates).column_amps, again.read(0.1, **gates).column_amps
    )
    assert again.wires == array.wires
    assert again.gate_along is array.gate_along
    for name in ("conductance", "state", "stuck", "current_factor"):
        mine, read = getattr(array, name), getattr(again, name)
        assert (mine is None and read is None) or np.array_equal(mine, read)


def test_files_of_arrays_that_are_none_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", x=G)
    for call, kind, said in (
        (lambda: ARRAY.save(tmp_path / "array.txt"), InputError, "ends in .npz"),
        (lambda: ARRAY.save(tmp_path / "no" / "array.npz"), OSError, "cannot be written"),
        (lambda: sn.Crossbar.load(tmp_path / "absent.npz"), DataError, "absent.npz"),
        (lambda: sn.Crossbar.load(tmp_path / "other.npz"), DataError, "is no file of an array"),
    ):
        with pytest.raises(kind, match=said):
            call()
    ARRAY.save(tmp_path / "array.npz")
    whole = (tmp_path / "array.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"half\.npz"):
        sn.Crossbar.load(tmp_path / "half.npz")


def test_converters_are_given_by_their_bits():
    net = sn.Network.from_arrays([(np.eye(3), None)])
    chips = [
        net.on(sn.Hardware(wires=1.0, dac=d, adc=a), calibrate=np.eye(3))
        for d, a in ((6, 6), (sn.DAC(bits=6), sn.ADC(bits=6)))
    ]
    assert np.array_equal(chips[0].outputs(np.eye(3)), chips[1].outputs(np.eye(3)))
    assert chips[0].certify("ngspice", samples=1, tiles=1).ok


def test_a_converter_is_its_bits_and_a_tile_its_size():
    assert sn.ADC(6) == sn.ADC(bits=6)
    assert sn.DAC(5, coding="bit-serial") == sn.DAC(bits=5, coding="bit-serial")
    with pytest.raises(TypeError):
        sn.ADC(6, "max")
    assert sn.Hardware(tile=64).tile_lines() == sn.Hardware(tile=(64, 64)).tile_lines() == (64, 64)
    for tile in (64.5, "64", True, (64.5, 64), (64,), 1):
        with pytest.raises(InputError, match="expected"):
            sn.Hardware(tile=tile)


def test_biases_in_the_place_of_the_activation_are_told_where_they_go():
    with pytest.raises(InputError, match=r"from_arrays\(list\(zip\(weights, biases\)\)\)"):
        sn.Network.from_arrays([np.eye(3)], [np.zeros(3)])


def test_imperfections_take_a_number_where_it_has_one_meaning():
    noisy = sn.Imperfections(read_noise=0.1)
    assert noisy.read_noise.relative == 0.1
    drawn = sn.monte_carlo(sn.Crossbar(G), V, noisy, draws=50)
    assert drawn.std == pytest.approx(0.1 * np.sqrt(((V[:, None] * G) ** 2).sum(axis=0)), rel=0.4)
    assert sn.Imperfections(
        spread={"r_on": LogNormal(0.1)}, cycle_to_cycle=CycleToCycle(relative=0.1)
    ).spread
    for given, said in (
        ({"spread": 0.1}, "a distribution by parameter"),
        ({"cycle_to_cycle": 0.1}, r"CycleToCycle\(relative=…\) or CycleToCycle\(of_range=…\)"),
        ({"telegraph": "much"}, "TelegraphNoise"),
        ({"read_noise": True}, "ReadNoise"),
        ({"read_noise": -0.1}, "0 or more"),
    ):
        with pytest.raises(InputError, match=said):
            sn.Imperfections(**given)


def test_a_run_is_trained_and_loaded_in_one_call_each(tmp_path):
    run = sn.train(
        "xpue", engine="nodal", seed=3, settings={"array.word_line_ohm": 2}, out=tmp_path / "run"
    )
    again = sn.load_run(tmp_path / "run")
    assert again.metrics == run.metrics
    assert (run.test_accuracy, run.metrics["seed"], run.config.array.word_line_ohm) == (1.0, 3, 2.0)
    assert np.array_equal(run.state["devices"], again.state["devices"])
    assert run.energy_joule > 0
    assert run.report().name == "report.html"
    assert "test_accuracy" in run._repr_html_()
    assert len(run.history) > 3
    with pytest.raises(OSError, match="there is no folder"):
        sn.load_run(tmp_path / "nothing")
    with pytest.raises(UnknownNameError, match="no preset"):
        sn.train("xpu")


NET = sn.Network.from_arrays([(np.eye(3), None)])
PULSED = CELLS.pulse(row_volts=1.0, width_s=1e-6)
CURVE = sn.iv("vteam", amplitude=0.25, frequency=6e5, periods=1)


@pytest.mark.parametrize(
    ("thing", "name", "said"),
    [
        (sn, "read", r"use array.read\(row_volts\)"),
        (sn, "load", r"sn.load_run\(path\)"),
        (sn, "Leaky", r"kind=spicesnn.networks.populations.LIF"),
        (sn, "spikegen", r"sn.Inputs\(shape=…, code=.poisson"),
        (sn, "AnalogCore", r"sn.Network.from_arrays\(\[matrix.T\]\).on\(sn.Hardware"),
        (sn, "CrossSimParameters", r"sn.Hardware\(device=…"),
        (NET.on(sn.Hardware()), "get_matrix", r"arrays\(\), whose crossbars"),
        (READ, "device", r"use cell_amps \(A\) or cell_volts"),
        (ARRAY, "resistances", r"1 / array.cell_conductance\(\)"),
        (sn, "sweep", "spicesnn sweep"),
        (sn, "CrosBar", "did you mean 'Crossbar'"),
        (sn, "wires", "did you mean 'Wires'"),
        (sn.devices, "VTEM", "did you mean 'VTEAM'"),
        (sn.devices, "from_file", "sn.devices.load"),
        (ARRAY, "currents", "column_amps"),
        (ARRAY, "netlist", r"to_deck\(row_volts\)"),
        (ARRAY, "rws", "did you mean 'rows'"),
        (READ, "currents", r"use column_amps \(A\)"),
        (READ, "voltages", "cell_volts"),
        (READ, "power", "power_watt"),
        (PULSED, "energy", "energy_joule"),
        (CURVE, "peak", "peak_amps"),
        (CURVE, "voltage", "volts"),
        (NET, "fit", "CrossbarClassifier"),
        (NET, "score", r"accuracy\(x, y\)"),
        (NET.on(sn.Hardware()), "score", r"accuracy\(x, y\)"),
        (NET.on(sn.Hardware()).cost(np.eye(3)), "energy", "use energy_joule"),
        (sn, "Dense", "sn.LearningNetwork"),
        (NET.on(sn.Hardware()), "netlist", r"use decks\(x\)"),
        (sn.NodalEngine(), "solve", r"use read\(array, row_volts\)"),
        (READ, "to_csv", r"to_pandas\(\).to_csv"),
        (sn, "set_seed", "seed=… of each call"),
        (ARRAY, "with_stuck", "stuck=…"),
        (sn.devices.VTEAM(), "iv", r"sn.iv\(device\)"),
        (sn.devices.VTEAM(), "r_onn", "did you mean 'r_on'"),
    ],
)
def test_words_of_elsewhere_are_answered_in_one_line_with_the_call(thing, name, said):
    with pytest.raises(UnknownAttributeError, match=said) as caught:
        getattr(thing, name)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, AttributeError)
    assert not hasattr(thing, name)
    assert getattr(thing, name, 7) == 7


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sn.Crossbar(resistance=1 / G), "conductance=1 / resistance"),
        (lambda: sn.Imperfections(stuck_at_hrs=0.1), "stuck_off=…"),
        (lambda: sn.Imperfections(stuck_lrs=0.1), "stuck_on=…"),
        (lambda: sn.monte_carlo(ARRAY, V, noise=0.1), r"imperfections=sn.Imperfections\(…\)"),
        (lambda: sn.read_measurement("a.csv", duration=1.0), "duration_s=…"),
        (lambda: sn.Hardware(Rmin=1e3), r"device=…, such as spicesnn.devices.LinearDrift\(r_on"),
        (lambda: sn.Hardware(Rp_row=1.0), r"wires=Wires\(row, column\)"),
        (lambda: sn.Hardware(cell_bits=4), "bits_per_cell=…"),
        (lambda: sn.Imperfections(programming_error=0.1), r"spread=\{parameter: LogNormal"),
        (lambda: sn.NodalEngine(ARRAY), r"use NodalEngine\(\).read\(array, row_volts\)"),
        (lambda: sn.Crossbar(G, r_wire=1.0), r"wires=Wires\(word_line_ohm, bit_line_ohm\)"),
        (lambda: sn.Crossbar(conductnce=G), "did you mean 'conductance'"),
        (lambda: sn.Crossbar(G, 1.0, "vteam"), "takes 2 values by position, got 3"),
        (lambda: sn.Wires(word_line_ohms=1.0), "did you mean 'word_line_ohm'"),
        (lambda: sn.Pulse(1.0, 1e-6), "by name: row_volts=…"),
        (lambda: sn.Pulse(row_volts=1.0, width="1us"), "width_s=… in seconds"),
        (lambda: sn.Wires(r=1.0), "word_line_ohm=… and bit_line_ohm=…"),
        (lambda: sn.Crossbar(G, selector="threshold"), "1s1r"),
        (lambda: sn.train("xpue", epochs=1), "or 'training.epochs'"),
        (lambda: sn.train("xpue", preset_name="xpue"), "settings={'section.name': value}"),
        (lambda: sn.Hardware(tile_size=64), r"tile=\(rows, cols\)"),
        (lambda: sn.Imperfections(variability=0.1), "spread"),
        (lambda: sn.Network([np.eye(3)]), r"from_arrays\(\[\(weights, bias\)"),
        (lambda: sn.Run("runs/xpue"), r"use spicesnn.load_run\(path\)"),
        (lambda: LIF(beta=0.9), r"tau=dt_s / \(1 - beta\) and r=1 / \(1 - beta\)"),
        (lambda: LIF(threshold=0.9), "use v_threshold=…"),
        (lambda: sn.Crossbar(G, temperature=350), r"at_temperature\(kelvin\)"),
        (lambda: READ.energy(duration=1e-6), "use seconds=…"),
        (lambda: sn.Sine(1.0, 1e3), "by name: amplitude=…, frequency=…"),
        (lambda: sn.Sine(amplitude=1.0, freq=1e3), "use frequency=… in hertz"),
        (lambda: sn.PiecewiseLinear(times=[0, 1], volts=[0, 1]), "use time_s=…"),
        (lambda: sn.DAC(resolution=8), "use bits=…"),
        (lambda: sn.ADC(8, noise=0.5), "use noise_lsb=…"),
        (lambda: sn.Periphery(adc_joules=1e-12), "did you mean 'adc_joule'"),
        (lambda: sn.NodalEngine(tol=1e-9), r"use state_tolerance=… \(pulses\)"),
        (lambda: sn.NgspiceEngine(reltol=1e-9), r"read_accuracy=ReadAccuracy\(…\)"),
        (lambda: sn.CrossbarClassifier(device="vteam"), r'settings=\{"device.model": name\}'),
        (lambda: sn.LearningNetwork([784, 10]), "by name: inputs=…"),
        (lambda: sn.Projection(pre="in", post="out"), "use source=…"),
        (lambda: READ.plot(save="read.svg"), r"use plot\(\).savefig\(path\)"),
        (lambda: ARRAY.plot("array.pdf"), r"no values by position, got 1; use plot\(\).savefig"),
        (lambda: ARRAY.plot(cmap="viridis"), "the figure that plot"),
        (lambda: CURVE.plot("curve.pdf"), r"plot\(\).savefig\(path\)"),
        (lambda: NET.on(sn.Hardware()).cost(np.eye(3)).plot("cost.pdf"), r"plot\(\).savefig"),
        (lambda: sn.iv("vteam", freq=1e3), "use frequency=…"),
        (lambda: sn.iv("vteam", voltage=[0, 1]), r"stimulus=sn.PiecewiseLinear\(time_s"),
        (lambda: sn.iv("vteam", r_on=100), r"sn.iv\(sn.devices.VTEAM\(r_on=100\)\)"),
        (lambda: sn.monte_carlo(ARRAY, V, sn.Imperfections(), spread=0.1), "use imperfections="),
        (lambda: NET.on(device="vteam"), r"spicesnn.Hardware\(…\)"),
        (lambda: sn.devices.VTEAM(r_onn=1.0), "did you mean 'r_on'"),
        (lambda: ARRAY.read(V, volts=1), "array.read has no argument 'volts'"),
        (lambda: ARRAY.to_deck(V, path="a.cir"), "write_text"),
        (lambda: sn.monte_carlo(ARRAY, V, sn.Imperfections(), n=3), "use draws"),
    ],
)
def test_arguments_of_elsewhere_are_answered_in_one_line_with_the_right_one(call, said):
    with pytest.raises(UnknownArgumentError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        (sn.Crossbar, "from_resistance", r"use Crossbar\(1 / resistance\)"),
        (sn.Crossbar, "from_weights", "sn.Network.from_arrays|spicesnn.Network.from_arrays"),
        (sn.Crossbar, "lod", "did you mean 'load'"),
        (sn.Network, "from_keras", r"use from_onnx\(path\)"),
        (sn.Network, "from_torch", r"from_onnx\(path\), or spicesnn.torch.convert"),
        (sn.Network, "from_onx", "did you mean 'from_onnx'"),
        (sn.Pulse, "on_cell", "V/2 on the lines beside"),
        (sn.Wires, "idael", "did you mean 'ideal'"),
        (sn.devices.VTEAM, "initial", "did you mean 'initial_state'"),
        (LIF, "stpe", "did you mean 'step'"),
    ],
)
def test_constructors_of_elsewhere_are_answered_at_the_class(kind, name, said):
    with pytest.raises(UnknownAttributeError, match=said) as caught:
        getattr(kind, name)
    assert "\n" not in str(caught.value)
    assert not hasattr(kind, name)


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        (sn.Crossbar, "conductance"),
        (sn.devices.VTEAM, "r_on"),
        (LIF, "tau"),
        (sn.Sine, "amplitude"),
        (sn.CrossbarClassifier, "preset"),
        (sn.NodalEngine, "state_tolerance"),
    ],
)
def test_help_and_editors_show_the_arguments_of_a_class(kind, first):
    names = list(inspect.signature(kind).parameters)
    assert names[0] == first
    assert "named" not in names


@pytest.mark.parametrize("thing", [NET, NET.on(sn.Hardware())])
def test_a_network_that_is_called_says_which_answers_it_has(thing):
    with pytest.raises(WrongTypeError, match=r"is not called; use outputs\(x\), predict\(x\)"):
        thing(np.eye(3))


@pytest.mark.parametrize(
    "call",
    [
        lambda: sn.Crossbar(sn.devices.VTEAM(), shape=(2, 2)),
        lambda: sn.Crossbar("vteam", shape=(2, 2)),
        lambda: sn.Crossbar("array.npz"),
    ],
)
def test_a_model_in_the_place_of_conductances_is_told_where_it_goes(call):
    with pytest.raises(WrongTypeError, match=r"device=…, with shape=.*Crossbar.load\(path\)"):
        call()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sn.Wires(1.0, 1.0, True), "driver_ohm holds booleans, True; expected numbers"),
        (lambda: sn.Wires([True, False]), "word_line_ohm holds booleans"),
        (lambda: sn.Crossbar(G > 5e-4), "conductance holds booleans"),
        (lambda: sn.Imperfections(spread={"r_on": 0.1}), r"such as LogNormal\(0.1\)"),
        (lambda: sn.Imperfections(rest_s=-1.0), "rest_s = -1.0; expected seconds, 0 or more"),
        (lambda: sn.Imperfections(rest_s="1h"), "rest_s = '1h'"),
        (lambda: sn.Hardware(wire_aware="no"), "wire_aware is 'no'; expected True or False"),
        (
            lambda: sn.Neurons(shape=3, kind="lif"),
            r"kind is 'lif'; expected neurons such as LIF\(\)",
        ),
        (lambda: sn.Neurons(shape=0, kind=LIF()), "shape is 0; expected a number"),
        (lambda: sn.Inputs(shape="image"), "shape is 'image'"),
        (lambda: sn.iv("vteam", 1.0, 1e3), "engine is 1.0; .* Give it by name: amplitude=…"),
        (lambda: sn.iv("vteam", sn.Sine(amplitude=1.0)), "Give it by name: stimulus=…"),
        (lambda: sn.iv("vteam", points=10.5), "points = 10.5; expected a whole number"),
        (lambda: sn.Crossbar(device="1t1r", shape=(2, 2), gate_along="row"), "'word' or 'bit'"),
        (lambda: sn.devices.VTEAM(window="biolek"), r"with_text\(window=…\) takes its name"),
    ],
)
def test_what_has_no_meaning_is_refused_where_it_is_given(call, said):
    with pytest.raises(InputError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_lines_of_gates_are_named_as_in_settings():
    for text, along in (("word", sn.GateAlong.WORD_LINES), ("bit", sn.GateAlong.BIT_LINES)):
        by_text, by_member = (
            sn.Crossbar(device="1t1r", shape=(2, 2), state=1e-9, gate_along=given)
            for given in (text, along)
        )
        assert by_text.gate_along is along
        amps = [
            array.read([0.1, 0.2], gate_volts=[0.9, 2.0]).column_amps
            for array in (by_text, by_member)
        ]
        assert np.array_equal(*amps)
        assert bool(amps[0][0] == pytest.approx(amps[0][1])) == (text == "word")


def _changed():
    ARRAY[0, 0] = 1e-6


@pytest.mark.parametrize(
    "call", [lambda: ARRAY[0, 0], lambda: ARRAY[0:2], lambda: [*ARRAY], _changed]
)
def test_an_array_is_not_indexed(call):
    with pytest.raises(WrongTypeError, match=r"array.conductance\[…\]"):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda rng: sn.published_cells("rram-milo-2021").programmed(ARRAY, rng),
        lambda rng: sn.published_cells("pcm-joshi-2020").drifted(ARRAY, 1e4, rng),
        lambda rng: sn.Imperfections(stuck=0.1).fabricated(ARRAY, rng),
        lambda rng: sn.Imperfections().before_read(ARRAY, rng),
        lambda rng: sn.Imperfections().after_pulse(ARRAY, ARRAY, rng),
        lambda rng: sn.Imperfections().rested(ARRAY, 1.0, rng),
    ],
)
def test_a_seed_is_no_generator(call):
    for rng in (3, None, np.random.RandomState(3)):
        with pytest.raises(WrongTypeError, match=r"rng is .*; expected a generator, numpy.random"):
            call(rng)
    with pytest.raises(WrongTypeError, match=r"default_rng\(3\)"):
        call(3)


def test_arrays_are_a_measurement_already():
    with pytest.raises(WrongTypeError, match=r"path is a dict; .*measurements.Sweep\(time=…"):
        sn.read_measurement({"V": [0, 1, 2], "I": [0, 1, 2]})


@pytest.mark.parametrize("thing", [NET, NET.on(sn.Hardware())])
def test_a_network_is_no_matrix_but_says_how_to_multiply(thing):
    for call in (lambda: thing @ np.ones(3), lambda: np.ones(3) @ thing):
        with pytest.raises(WrongTypeError, match=r"no array of numbers; use outputs\(x\)"):
            call()
    inputs = NET.shapes[NET.source]
    with pytest.raises(InputError, match=r"expected one or more samples .*; one sample is x\[None"):
        thing.outputs(np.ones(inputs))


@pytest.mark.parametrize(
    "call",
    [lambda: np.asarray(ARRAY), lambda: V @ ARRAY, lambda: ARRAY @ V[:3], lambda: np.asarray(READ)],
)
def test_an_array_or_a_read_is_never_silently_taken_for_numbers(call):
    with pytest.raises(WrongTypeError, match="column_amps"):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: sn.Crossbar(G, wires=(1, 1)),
        lambda: sn.Crossbar(G, wires=True),
        lambda: sn.Crossbar(device="vteam", shape=4),
        lambda: sn.Crossbar(device=3, shape=(2, 2)),
        lambda: CELLS.pulse(1.0),
    ],
)
def test_what_could_mean_several_things_is_refused(call):
    with pytest.raises(WrongTypeError, match="expected"):
        call()


@pytest.mark.parametrize(
    "thing",
    [
        ARRAY,
        READ,
        PULSED,
        CURVE,
        sn.Wires(1.0, 2.0),
        sn.Pulse(row_volts=1.0),
        sn.devices.VTEAM(),
        sn.Hardware(),
    ],
)
def test_hints_leave_copies_and_pickles_alone(thing):
    assert type(copy.copy(thing)) is type(thing)
    assert type(copy.deepcopy(thing)) is type(thing)
    assert type(pickle.loads(pickle.dumps(thing))) is type(thing)


def test_the_hints_name_calls_that_exist():
    from importlib import import_module

    for target in (
        "fitting.fit:fit",
        "training.sweep:sweep",
        "validation.suite:validate",
        "studies.study:answer",
        "training:infer",
        "characterization.characterize:characterize",
        "learning.write_verify:write_verify",
        "devices.variability:LogNormal",
        "crossbar.noise:ReadNoise",
        "training:preset_names",
    ):
        module, _, name = target.partition(":")
        assert callable(getattr(import_module(f"spicesnn.{module}"), name))


def test_a_misspelt_attribute_survives_being_pickled():
    with pytest.raises(UnknownAttributeError) as caught:
        _ = READ.currents
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
