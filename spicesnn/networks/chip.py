"""A network on hardware: what it answers, what it costs, and how far other engines and whole decks
confirm it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from spicesnn.engines.base import Engine
from spicesnn.engines.default import engine_given
from spicesnn.guesses import Hinting, hinted
from spicesnn.networks.certificate import Certificate, certified
from spicesnn.networks.circuit import MOST_CELLS, ChipDeck, chip_decks
from spicesnn.networks.cost import Cost, cost_of
from spicesnn.networks.mapped_network import MappedNetwork

_WORDS = {
    "score": "accuracy(x, y)",
    "evaluate": "accuracy(x, y)",
    "test": "accuracy(x, y)",
    "forward": "outputs(x)",
    "run": "outputs(x)",
    "predict_proba": "outputs(x)",
    "energy": "cost().energy_joule",
    "energy_joule": "cost().energy_joule",
    "latency": "cost().latency_s",
    "latency_s": "cost().latency_s",
    "area": "cost().area_m2",
    "area_m2": "cost().area_m2",
    "tiles": "arrays()",
    "crossbars": "arrays()",
    "netlist": "decks(x)",
    "to_deck": "decks(x)",
    "to_spice": "decks(x)",
    "save": "network.to_nir(path); the chip is made again from network, hardware and seed",
    "verify": "certify(engine)",
    **dict.fromkeys(
        ("matrix", "get_matrix", "weights", "conductance", "conductances", "G"),
        "arrays(), whose crossbars have cell_conductance() and effective_conductance()",
    ),
    **dict.fromkeys(("mvm", "vmm", "matmul", "dot"), "outputs(x)"),
    "plot": "arrays(), whose crossbars have plot()",
    "validate": "certify(engine)",
}


@hinted(_WORDS)
@dataclass(eq=False, repr=False)
class Chip(MappedNetwork, metaclass=Hinting):
    """A network on crossbar arrays. Made by `Network.on`.

    Attributes
    ----------
    network : Network
    hardware : Hardware
    layers : mapping of node name to MappedLayer
    readouts : mapping of node name to Readout
    engine : Engine
        Solves the arrays.
    seed : int
    remarks : tuple of str
        What a user should know of how it was made.
    """

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Refuse, as a network does."""
        return self.network(*given, **named)

    def cost(self, x: ArrayLike | None = None) -> Cost:
        """Energy, latency and area of one inference, by component.

        Parameters
        ----------
        x : inputs as in `Network.outputs`, optional
            Samples over which energies are averaged; those of the calibration if left out.
        """
        return cost_of(self, x)

    def certify(
        self,
        engine: Engine | str,
        *,
        samples: int = 4,
        tiles: int = 4,
        tolerance: float = 1e-6,
        seed: int = 0,
    ) -> Certificate:
        """Solve some arrays, drawn at random, on another engine and compare every column current.

        Parameters
        ----------
        engine : Engine or str
            Such as `NgspiceEngine()`, or ``"ngspice"``.
        samples : int
            Inputs for each array.
        tiles : int
            Number of arrays.
        tolerance : float
            Of the largest current of each array.
        seed : int
            Of the draw.
        """
        with engine_given(engine) as solver:
            return certified(
                self, solver, samples=samples, tiles=tiles, tolerance=tolerance, seed=seed
            )

    def decks(
        self, x: ArrayLike, *, most_cells: int | None = None, title: str = ""
    ) -> tuple[ChipDeck, ...]:
        """The whole network as SPICE decks, which a bare ``ngspice -b`` runs: crossbars with wires,
        neurons between them, samples as inputs.

        Parameters
        ----------
        x : inputs as in `Network.outputs`
            The samples to show.
        most_cells : int, optional
            A network of more cells is cut between its layers into blocks of at most so many.

        Returns
        -------
        tuple of ChipDeck
            One, or one per block; ``deck.simulate()`` runs it and compares its spikes with the
            controller's.
        """
        return chip_decks(
            self, x, most_cells=MOST_CELLS if most_cells is None else most_cells, title=title
        )
