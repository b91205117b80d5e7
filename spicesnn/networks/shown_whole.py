"""Which compiled loop shows a network whole samples, where there is one for its populations."""

from __future__ import annotations

from spicesnn.networks.competing_samples import WholeSamples
from spicesnn.networks.competition import CompetingConductanceLIF, CompetingLIF
from spicesnn.networks.conductance_samples import ConductanceSamples
from spicesnn.networks.layered_samples import LayeredSamples
from spicesnn.networks.leaky_layers import LeakyLayers
from spicesnn.networks.populations import IF, LIF, Integrator
from spicesnn.networks.projections import AllToAll, Projection
from spicesnn.networks.rules import SpikingBP
from spicesnn.networks.wired import Wired


class ShownWhole(Wired):
    """Populations and projections whose samples are computed whole where they can be."""

    @property
    def layered(self) -> bool:
        """Whether spiking populations stand one behind the other, whose samples are computed
        whole."""
        return self.layered_samples() is not None or self.leaky_layers() is not None

    def layered_samples(self, steps: int = 0) -> LayeredSamples | None:
        """What shows whole samples of so many time steps (those of learning if left out) compiled,
        where populations of integrate-and-fire neurons stand one behind the other."""
        entry, chain = self.inputs[self.source], self._chain()
        kinds = [self.populations[p.target].kind for p in chain]
        cells = [self.synapses.get(p.name) for p in chain]
        rules = {id(p.rule): p.rule for p in chain}
        if (
            not chain
            or entry.code != "spikes"
            or any(p.connection != AllToAll() for p in chain)
            or not all(isinstance(kind, IF) and kind.plain for kind in kinds)
            or any(each is None for each in cells)
        ):
            return None
        rule = chain[0].rule if len(rules) == 1 else None
        return LayeredSamples(
            names=tuple(p.name for p in chain),
            populations=tuple(kind for kind in kinds if isinstance(kind, IF)),
            cells=tuple(each for each in cells if each is not None),
            rule=rule if type(rule) is SpikingBP else None,
            probability=entry.probability,
            steps=steps or self.steps,
        )

    def leaky_layers(self, steps: int = 0) -> LeakyLayers | None:
        """What computes whole batches of so many time steps (those of learning if left out), where
        held inputs reach populations of leaky neurons one behind the other, and a membrane that
        adds up at last."""
        chain, steps = self._chain(), steps or self.steps
        kinds = [self.populations[p.target].kind for p in chain]
        cells = [self.synapses[p.name] for p in chain if p.name in self.synapses]
        hidden = [kind for kind in kinds[:-1] if type(kind) is LIF and kind.plain]
        last = kinds[-1] if kinds else None
        if (
            len(chain) < 2
            or len(cells) < len(chain)
            or self.inputs[self.source].code != "held"
            or len(hidden) < len(chain) - 1
            or not (type(last) is Integrator and last.plain)
            or any(self.dt_s > float(kind.tau) for kind in hidden)
        ):
            return None
        return LeakyLayers(
            names=tuple(p.name for p in chain),
            cells=tuple(cells),
            biased=tuple(bool(getattr(p.connection, "bias", False)) for p in chain),
            decays=tuple(1.0 - self.dt_s / float(kind.tau) for kind in hidden),
            gain=float(last.r) * steps,
            steps=steps,
        )

    def _chain(self) -> list[Projection]:
        """Dense projections without delays from the inputs to the output, one behind the other,
        where there are no others; else none."""
        chain, at = list[Projection](), self.output
        while at != self.source and len(chain) < len(self.projections):
            into = [p for p in self.projections if p.target == at]
            if len(into) != 1 or type(into[0].connection) is not AllToAll or into[0].delays_s:
                return []
            chain.insert(0, into[0])
            at = into[0].source
        return chain if at == self.source and len(chain) == len(self.projections) else []

    def whole_samples(self, steps: int = 0) -> WholeSamples | ConductanceSamples | None:
        """What shows whole samples of so many time steps (those of learning if left out) compiled,
        where one competing population hears the inputs alone as spikes."""
        entry, population = self.inputs[self.source], self.populations[self.output].kind
        projection = self.projections[0]
        cells = self.synapses.get(projection.name)
        if (
            len(self.projections) > 1
            or (projection.source, projection.target) != (self.source, self.output)
            or projection.connection != AllToAll()
            or projection.delays_s
            or cells is None
        ):
            return None
        if entry.code == "poisson" and type(population) is CompetingConductanceLIF:
            (theta,) = self.lasting[self.output]
            return ConductanceSamples(
                population=population,
                cells=cells,
                rule=projection.rule,
                theta=theta.reshape(-1),
                rate_hz=entry.rate_hz,
                boost_hz=entry.boost_hz,
                fewest_spikes=entry.fewest_spikes,
                most_tries=entry.most_tries,
                steps=steps or self.steps,
                dt_s=self.dt_s,
                rest_s=self.rest_s,
            )
        if entry.code != "spikes" or type(population) is not CompetingLIF:
            return None
        (factor,) = self.lasting[self.output]
        return WholeSamples(
            population=population,
            cells=cells,
            rule=projection.rule,
            factor=factor.reshape(-1),
            probability=entry.probability,
            steps=steps or self.steps,
            dt_s=self.dt_s,
        )
