"""spicesnn: spiking neural networks on memristor crossbars, solved as circuits."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spicesnn import guesses, jit, shortcuts
from spicesnn._version import __version__

if TYPE_CHECKING:
    from spicesnn import devices
    from spicesnn.crossbar.crossbar import Crossbar, GateAlong
    from spicesnn.crossbar.cycles import MeasuredCycles
    from spicesnn.crossbar.published import published_cells
    from spicesnn.crossbar.stimulus import Pulse, Waveform
    from spicesnn.crossbar.wires import Wires
    from spicesnn.datasets.recordings.reading import read_events
    from spicesnn.devices.measurements import read_measurement
    from spicesnn.devices.stimulus import PiecewiseLinear, Sine
    from spicesnn.engines.default import monte_carlo
    from spicesnn.engines.drift_compensation import drift_compensation
    from spicesnn.engines.iv import iv
    from spicesnn.engines.ngspice.engine import NgspiceEngine
    from spicesnn.engines.nodal.engine import NodalEngine
    from spicesnn.estimator import CrossbarClassifier
    from spicesnn.fitting.cycles import fit_cycles
    from spicesnn.networks.converters import ADC, DAC
    from spicesnn.networks.hardware import Hardware
    from spicesnn.networks.learner import LearningNetwork
    from spicesnn.networks.members import Inputs, Neurons
    from spicesnn.networks.network import Network
    from spicesnn.networks.periphery import Periphery
    from spicesnn.networks.projections import Projection
    from spicesnn.nonidealities.realised import Imperfections
    from spicesnn.training.front import Run, load_run, train

_HOMES = {
    "ADC": "spicesnn.networks.converters",
    "DAC": "spicesnn.networks.converters",
    "Hardware": "spicesnn.networks.hardware",
    "Inputs": "spicesnn.networks.members",
    "LearningNetwork": "spicesnn.networks.learner",
    "Imperfections": "spicesnn.nonidealities.realised",
    "Network": "spicesnn.networks.network",
    "Neurons": "spicesnn.networks.members",
    "Periphery": "spicesnn.networks.periphery",
    "Projection": "spicesnn.networks.projections",
    "Crossbar": "spicesnn.crossbar.crossbar",
    "CrossbarClassifier": "spicesnn.estimator",
    "GateAlong": "spicesnn.crossbar.crossbar",
    "NgspiceEngine": "spicesnn.engines.ngspice.engine",
    "ClusterEngine": "spicesnn.engines.cluster",
    "NodalEngine": "spicesnn.engines.nodal.engine",
    "PiecewiseLinear": "spicesnn.devices.stimulus",
    "Pulse": "spicesnn.crossbar.stimulus",
    "Sine": "spicesnn.devices.stimulus",
    "Waveform": "spicesnn.crossbar.stimulus",
    "Wires": "spicesnn.crossbar.wires",
    "MeasuredCycles": "spicesnn.crossbar.cycles",
    "fit_cycles": "spicesnn.fitting.cycles",
    "published_cells": "spicesnn.crossbar.published",
    "design_pulses": "spicesnn.programming.pulse_design",
    "drift_compensation": "spicesnn.engines.drift_compensation",
    "iv": "spicesnn.engines.iv",
    "read_events": "spicesnn.datasets.recordings.reading",
    "Run": "spicesnn.training.front",
    "load_run": "spicesnn.training.front",
    "train": "spicesnn.training.front",
    "monte_carlo": "spicesnn.engines.default",
    "read_measurement": "spicesnn.devices.measurements",
}

__all__ = [  # noqa: RUF022 (by subject)
    "__version__",
    "devices",
    "Wires",
    "Crossbar",
    "GateAlong",
    "Pulse",
    "Waveform",
    "Sine",
    "PiecewiseLinear",
    "NodalEngine",
    "NgspiceEngine",
    "ClusterEngine",
    "iv",
    "monte_carlo",
    "read_measurement",
    "read_events",
    "fit_cycles",
    "published_cells",
    "design_pulses",
    "drift_compensation",
    "CrossbarClassifier",
    "Network",
    "Hardware",
    "DAC",
    "ADC",
    "Periphery",
    "Imperfections",
    "MeasuredCycles",
    "LearningNetwork",
    "Inputs",
    "Neurons",
    "Projection",
    "train",
    "load_run",
    "Run",
]


_WORDS = {
    "read": "array.read(row_volts)",
    "pulse": "array.pulse(row_volts=…, width_s=…)",
    "solve": "array.read(row_volts)",
    "compute": "array.read(row_volts)",
    "simulate": "array.read(row_volts) or array.pulse(…)",
    "run": "sn.train(preset), or array.read(row_volts)",
    "plot": "array.plot(), read.plot() or curve.plot()",
    "load": (
        "sn.load_run(path), sn.Crossbar.load(path), sn.devices.load(path) or"
        " sn.Network.from_nir(path)"
    ),
    "load_network": "sn.Network.from_nir(path), from_onnx, from_sklearn or from_arrays",
    "from_sklearn": "sn.Network.from_sklearn(estimator)",
    "from_nir": "sn.Network.from_nir(path)",
    "from_onnx": "sn.Network.from_onnx(path)",
    "infer": "`spicesnn infer RUN`, or spicesnn.training.infer",
    "fit": "`spicesnn fit MODEL DATA`, or spicesnn.fitting.fit.fit",
    "sweep": "`spicesnn sweep PRESET --over KEY=A,B`, or spicesnn.training.sweep.sweep",
    "validate": "`spicesnn validate`, or spicesnn.validation.suite.validate",
    "study": "`spicesnn study NAME`, or spicesnn.studies.study.answer",
    "characterize": (
        "`spicesnn characterize`, or spicesnn.characterization.characterize.characterize"
    ),
    "presets": "spicesnn.training.preset_names()",
    "list_presets": "spicesnn.training.preset_names()",
    "list_devices": "sn.devices.names()",
    "device": 'sn.devices["vteam"] for a model, sn.devices.load(path) for a file',
    "Device": (
        "sn.devices.VTEAM() and the others of sn.devices.names(); spicesnn.devices.Device is their"
        " base"
    ),
    "AnalogCore": (
        "sn.Network.from_arrays([matrix.T]).on(sn.Hardware(…)) for a signed matrix, or"
        " sn.Crossbar(siemens)"
    ),
    **dict.fromkeys(
        ("CrossSimParameters", "set_params", "RPUConfig", "InferenceRPUConfig", "Config"),
        "sn.Hardware(device=…, wires=…, tile=…, bits_per_cell=…, dac=…, adc=…, imperfections=…)",
    ),
    "badcrossbar": "array.read(row_volts)",
    "Memristor": "sn.devices.VTEAM() and the others of sn.devices.names()",
    "Array": "sn.Crossbar(conductance)",
    "CrossbarArray": "sn.Crossbar(conductance)",
    "MemristorArray": "sn.Crossbar(device=…, shape=(rows, cols))",
    "Engine": "sn.NodalEngine() or sn.NgspiceEngine()",
    "Ngspice": "sn.NgspiceEngine()",
    "Sinusoid": "sn.Sine(amplitude=…, frequency=…)",
    "Triangle": "sn.PiecewiseLinear.triangle(positive, negative, frequency)",
    "PWL": "sn.PiecewiseLinear(…) for a device, sn.Waveform(…) for an array",
    "LogNormal": "spicesnn.devices.variability.LogNormal",
    "ReadNoise": "spicesnn.crossbar.noise.ReadNoise",
    "quantize": "sn.Hardware(bits_per_cell=…), or sn.Imperfections(states=…)",
    "map": "net.on(hardware), or `spicesnn map NETWORK --data FILE`",
    "SNN": "sn.Network",
    "compare": "`spicesnn validate`, or array.read(row_volts, engine=…) once with each engine",
    "Neuron": "sn.Neurons(shape=…, kind=LIF(…)) with the kinds of spicesnn.networks.populations",
    "LIF": "sn.Neurons(shape=…, kind=spicesnn.networks.populations.LIF(…))",
    "IF": "sn.Neurons(shape=…, kind=spicesnn.networks.populations.IF(…))",
    **dict.fromkeys(
        ("Leaky", "Lapicque", "LIFNeuron", "LIFCell"),
        "sn.Neurons(shape=…, kind=spicesnn.networks.populations.LIF(…))",
    ),
    **dict.fromkeys(
        ("Synaptic", "Alpha", "CubaLIF"),
        "sn.Neurons(shape=…, kind=spicesnn.networks.populations.CubaLIF(…))",
    ),
    "STDP": "sn.train('stdp-mnist'), or the rules of spicesnn.networks.rules in sn.Projection(rule=…)",
    **dict.fromkeys(
        ("snn", "snntorch", "norse", "spikingjelly"),
        "sn.Network.from_nir(path) for a trained network, sn.LearningNetwork(…) to learn",
    ),
    **dict.fromkeys(
        ("spikegen", "rate_code", "poisson", "Poisson", "rate", "encode"),
        'sn.Inputs(shape=…, code="poisson")',
    ),
    "MNIST": "sn.train('mnist-10x10'), or spicesnn.datasets.Mnist",
    "datasets": "`import spicesnn.datasets`",
    "DataLoader": "arrays (X, Y) or any iterable of (x, y): sn.train(…, data=…)",
    "Classifier": "sn.CrossbarClassifier",
    "netlist": "array.to_deck(row_volts), or `spicesnn netlist PRESET`",
    **dict.fromkeys(
        ("Dense", "Linear", "Layer", "Conv2d", "Sequential", "Model"),
        "sn.Network.from_arrays([(weights, bias), …]) for trained weights, sn.LearningNetwork(…) to"
        " learn",
    ),
    **dict.fromkeys(
        ("seed", "set_seed", "random_seed", "manual_seed"),
        "seed=… of each call: sn.train(…, seed=0), net.on(hardware, seed=0)",
    ),
    "stdp_window": "`spicesnn stdp-window DEVICE`",
    "load_dataset": "spicesnn.datasets, or [data] of a preset",
    "map_weights": "sn.Network.from_arrays([weights]).on(hardware)",
    "engine": "sn.NodalEngine() or sn.NgspiceEngine()",
    "from_weights": "sn.Network.from_arrays([(weights, bias), …])",
    "Voltage": "numbers in volt, or texts such as '500mV'",
    "Resistor": 'sn.Crossbar(1 / ohms), or sn.devices["resistor"]',
}
"""What other packages' words are called here."""

jit.ensure_place()
shortcuts.register(
    {
        "array.read": "spicesnn.engines.default:read",
        "array.pulse": "spicesnn.engines.default:pulse",
        "array.at_temperature": "spicesnn.crossbar.temperature:at_temperature",
        "array.effective_conductance": "spicesnn.engines.default:effective_conductance",
        "array.save": "spicesnn.crossbar.saved:save_array",
        "array.load": "spicesnn.crossbar.saved:load_array",
        "curve.to_csv": "spicesnn.views:curve_csv",
        "device.named": "spicesnn.netlist.device_source:device_from",
        "run.report": "spicesnn.reporting.report:finish_run",
        "array.to_deck": "spicesnn.netlist.whole_array:deck_text",
        "array.to_subcircuit": "spicesnn.netlist.whole_array:subcircuit_text",
        "array.plot": "spicesnn.plotting.circuits:array_figure",
        "read.plot": "spicesnn.plotting.circuits:read_figure",
        "pulse.plot": "spicesnn.plotting.circuits:pulse_figure",
        "cost.plot": "spicesnn.plotting.costs:cost_figure",
        "curve.plot": "spicesnn.plotting.circuits:curve_figure",
    }
)


def __getattr__(name: str) -> Any:
    """Load public names on first use, so that ``import spicesnn`` stays quick."""
    if name == "devices":
        return import_module("spicesnn.devices")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name.startswith("__"):
        raise AttributeError(f"module 'spicesnn' has no attribute {name!r}")
    raise guesses.UnknownAttributeError("spicesnn", name, _WORDS, __all__)


def __dir__() -> list[str]:
    return sorted(__all__)
