"""The tables of an experiment of kind `network`, but for its populations, projections and rules."""

from __future__ import annotations

from dataclasses import dataclass

from spicesnn.crossbar.mapping import COLUMNS
from spicesnn.learning.deformation import Deformation
from spicesnn.networks.decisions import DECISIONS
from spicesnn.networks.members import CODES
from spicesnn.options import Section, option
from spicesnn.training.images import MNIST_EDGE
from spicesnn.training.tile_wires import TileWires


@dataclass(frozen=True, kw_only=True)
class InputOptions(Section):
    """[inputs]: how samples come in; the population that projections name "inputs"."""

    code: str = option(
        "spikes",
        "held: a value stands for the whole sample; spikes: drawn in every step; poisson: events of"
        " Poisson processes; events: the rows of a sample are its time steps",
        choices=CODES,
    )
    probability: float = option(
        0.3, "spikes: probability of one in a step at value 1", above=0.0, highest=1.0
    )
    rate_hz: float | None = option(
        None, "poisson: events per second at value 1; auto: by the number of inputs", above=0.0
    )
    boost_hz: float = option(
        32.0, "poisson: added to it each time that a sample is shown again", lowest=0.0
    )
    fewest_spikes: int = option(
        0, "poisson: a sample with fewer output spikes is shown again", lowest=0
    )
    most_tries: int = option(1, "poisson: how often at most", lowest=1)


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(Section):
    """[network]"""

    steps: int = option(100, "time steps of a sample", lowest=1)
    answer_steps: int = option(
        0, "time steps of a sample that is answered, nothing learning; 0: as many", lowest=0
    )
    step_s: float = option(1e-3, "time step", above=0.0)
    rest_s: float = option(
        0.0, "rest between two samples, in which adapted thresholds return", lowest=0.0
    )
    output: str = option("", "population that answers; empty: the last one")
    decision: str = option(
        "largest-output", "how its outputs become a class", choices=tuple(DECISIONS)
    )
    vote: str = option(
        "likelihood",
        "votes: how spike counts are turned into classes",
        choices=("likelihood", "class"),
    )
    label_limit: int = option(0, "votes: training samples that label the neurons; 0: all", lowest=0)


@dataclass(frozen=True, kw_only=True)
class SynapseOptions(Section):
    """[synapses]: what is common to all synapses that stand on cells."""

    columns: str = option(
        "differential", "how signed weights map to columns", choices=tuple(COLUMNS)
    )
    window: tuple[float, ...] = option(
        (), "[lowest, highest] conductance that is used; empty: the device's range", lowest=0.0
    )
    read_volts: float = option(0.2, "word-line voltage of a spike, or of an input of 1", above=0.0)
    read_s: float = option(1e-6, "duration of a read, for its energy", above=0.0)
    wire_aware: bool = option(
        False,
        "ex-situ: program conductances for which the tiles, IR drop included, implement the"
        " weights (devices with a linear current)",
    )
    wire_tolerance: float = option(
        0.01,
        "wires: change of a column's conductance after which its tile is solved anew; error of its"
        " current where a bound of that is known (competing conductance LIF)",
        lowest=0.0,
    )
    pulse: float = option(
        1 / 64,
        "ideal: change by one programming pulse, as a fraction of the window",
        above=0.0,
        highest=1.0,
    )
    levels: int = option(16, "levels: evenly spaced conductances", lowest=2)
    amplitude: str = option(
        "compensated",
        "pulse-map: amplitude chosen for change and state, for the change alone, or counted full"
        " pulses",
        choices=("compensated", "uncompensated", "fixed"),
    )
    wired_writes: bool = option(
        False,
        "pulse-map: pulses of the rule go through the wires of their tile, in whole samples of"
        " 'competing conductance LIF' behind Poisson inputs",
    )
    devices: int = option(
        16,
        "pulse-map: devices among which cells are shared out, where parameters vary",
        lowest=1,
        highest=256,
    )
    writing: str = option(
        "counted", "solved: counted full pulses, or write-verify", choices=("counted", "verified")
    )
    tolerance: float = option(
        0.01,
        "solved: tolerance of write-verify, as a fraction of the window",
        above=0.0,
        highest=1.0,
    )


@dataclass(frozen=True, kw_only=True)
class LayerWires(TileWires):
    """[array]: wires of a tile; without resistance unless some is given."""

    word_line_ohm: float = option(0.0, "resistance of a word-line segment", lowest=0.0)
    bit_line_ohm: float = option(0.0, "resistance of a bit-line segment", lowest=0.0)


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(Section):
    """[training]"""

    epochs: int = option(1, "passes over the training samples", lowest=1)
    presentations: int = option(
        0, "minimum number of presentations: a small data set gets more passes", lowest=0
    )
    tuning_epochs: int = option(
        0, "passes on the cells after those in software, for a rule 'ex-situ' that tunes", lowest=0
    )
    chunk: int = option(1000, "samples between checkpoints", lowest=1)


@dataclass(frozen=True, kw_only=True)
class DeformationOptions(Section):
    """[deformation]: training samples that are images are seen anew each time."""

    turn_degrees: float = option(
        0.0, "training images are rotated by up to ± this", lowest=0.0, below=90.0
    )
    scale: float = option(0.0, "and scaled by up to ± this fraction", lowest=0.0, below=1.0)
    shear: float = option(0.0, "and sheared by up to ± this", lowest=0.0, below=90.0)
    shift_pixels: float = option(
        0.0, "and shifted by up to ± this along each axis", lowest=0.0, below=90.0
    )
    bend_pixels: float = option(
        0.0, "and bent by a smooth random field of this standard deviation", lowest=0.0, below=90.0
    )

    def build(self, image: tuple[int, int]) -> Deformation:
        """How images of so many rows and columns are deformed: shifts and bends are for 28×28,
        smaller images take less; samples that are no image take none."""
        if min(image) < 2:
            return Deformation()
        size = min(1.0, min(image) / MNIST_EDGE)
        return Deformation(
            turn_degrees=self.turn_degrees,
            scale=self.scale,
            shear=self.shear,
            shift_pixels=size * self.shift_pixels,
            bend_pixels=size * self.bend_pixels,
        )


MOVED = {
    "network.neurons": "population.NAME.neurons",
    "network.full_rate_hz": "inputs.rate_hz",
    "network.column_sum": "rule.stdp-traces.column_sum",
    "network.inhibition": "population.NAME.inhibition",
    "network.potentiation": "rule.stdp-traces.rise",
    "network.depression_share": "rule.stdp-traces.fall, A⁻ itself",
    "network.theta_tau_s": "population.NAME.tau_theta",
    "synapse.kind": '"projection.*.synapses" (ideal, or pulse-map for a device), and'
    ' "projection.*.rule" = stdp-last-spikes',
    "synapse.level_window": '"projection.*.largest"',
    "synapse.mapping": "synapses.amplitude",
    "synapse.g_one": "synapses.window",
    "synapse.set_s": "programming.set_s",
    "synapse.reset_s": "programming.reset_s",
    "synapse.set_volts": "programming.set_volts, the highest",
    "synapse.reset_volts": "programming.reset_volts, the highest",
    "synapse.map_read_volts": "synapses.read_volts",
    "synapse.read_volts": "synapses.read_volts",
    "synapse.rise": "rule.stdp-last-spikes.rise",
    "synapse.fall": "rule.stdp-last-spikes.fall",
    "synapse.decay_steps": "rule.stdp-last-spikes.tau_s",
    "synapse.window_steps": "rule.stdp-last-spikes.window_s",
    "array.wires": "array.word_line_ohm and array.bit_line_ohm above 0, and for pulses"
    " synapses.wired_writes",
    "array.read_tolerance": "synapses.wire_tolerance",
}
"""Keys of `stdp-mnist` before it was a composition → what they are now."""
