"""Projections: which neurons of one population reach which of another, with which delays, through
which synapses."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from spicesnn.errors import InputError
from spicesnn.guesses import hinted
from spicesnn.networks.nodes import Convolution, Dense, Node, Pooling, Shape, Values
from spicesnn.networks.synapses import SynapseKind

if TYPE_CHECKING:
    from spicesnn.networks.rules.base import Rule


class Connection(ABC):
    """The pattern of a projection."""

    name: ClassVar[str]
    plastic: ClassVar[bool] = True
    """Whether it has weights that can stand on synapses."""

    @abstractmethod
    def matrix(self, source: Shape, target: Shape) -> tuple[int, int]:
        """Rows and outputs of its weights, or an `InputError` where it does not lead from one shape
        to the other."""

    @abstractmethod
    def node(self, source: Shape, target: Shape, weights: Values | None) -> Node:
        """What computes it with weights (rows, outputs)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AllToAll(Connection):
    """Every neuron to every neuron.

    Attributes
    ----------
    bias : bool
        One more row that is always on.
    """

    name: ClassVar[str] = "dense"
    bias: bool = False

    def matrix(self, source: Shape, target: Shape) -> tuple[int, int]:
        """(source neurons and the bias, target neurons)."""
        return math.prod(source) + self.bias, math.prod(target)

    def node(self, source: Shape, target: Shape, weights: Values | None) -> Node:
        """A matrix over flattened populations."""
        assert weights is not None
        return Spread(weights, None, target, self.bias)


@dataclass(frozen=True, slots=True, eq=False)
class Spread(Dense):
    """A dense matrix between populations of any shape; `biased`: its last row is always on."""

    target: Shape = ()
    biased: bool = False

    def shape_out(self, shape: Shape) -> Shape:
        """The target's shape."""
        if math.prod(shape) + self.biased != self.weights.shape[0]:
            raise InputError(
                f"a dense projection with {self.weights.shape[0]} rows got a sample of shape"
                f" {shape}"
            )
        return self.target

    def rows_of(self, x: Values) -> list[Values]:
        """The source as one row."""
        rows = x.reshape(len(x), -1)
        return [np.concatenate([rows, np.ones((len(rows), 1))], axis=1) if self.biased else rows]

    def assembled(self, parts: list[Values], n: int, shape_in: Shape) -> Values:
        """The target's shape."""
        return parts[0].reshape(n, *self.target)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kernels(Connection):
    """Kernels that slide over images (channels, height, width); one small matrix, whose inputs come
    one position after the other.

    Attributes
    ----------
    size : (height, width)
    stride, padding : (vertical, horizontal)
    """

    name: ClassVar[str] = "convolution"
    size: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)

    def matrix(self, source: Shape, target: Shape) -> tuple[int, int]:
        """(channels · kernel, output channels)."""
        if len(source) != 3 or len(target) != 3:
            raise InputError(
                f"a convolution leads from {source} to {target}; expected (channels, height, width)"
                " for both"
            )
        rows, outputs = source[0] * math.prod(self.size), target[0]
        found = self.node(source, target, np.zeros((rows, outputs))).shape_out(source)
        if found != target:
            raise InputError(
                f"a convolution of {self.size}, stride {self.stride}, padding {self.padding} makes"
                f" {found} of {source}; the target is {target}"
            )
        return rows, outputs

    def node(self, source: Shape, target: Shape, weights: Values | None) -> Node:
        """The convolution."""
        assert weights is not None
        kernel = np.ascontiguousarray(weights.T).reshape(target[0], source[0], *self.size)
        around = tuple((p, p) for p in self.padding)
        return Convolution(kernel, None, self.stride, around)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool(Connection):
    """The sum, average or largest value under a window; no weights."""

    name: ClassVar[str] = "pooling"
    plastic: ClassVar[bool] = False
    what: Literal["sum", "average", "max"] = "average"
    size: tuple[int, int] = (2, 2)

    def matrix(self, source: Shape, target: Shape) -> tuple[int, int]:
        """None: checks the shapes."""
        if (
            len(source) != 3
            or (found := self.node(source, target, None).shape_out(source)) != target
        ):
            raise InputError(
                f"pooling over {self.size} leads from {source} to"
                f" {found if len(source) == 3 else 'nothing'}; the target is {target}"
            )
        return 0, 0

    def node(self, source: Shape, target: Shape, weights: Values | None) -> Node:
        """The pooling."""
        return Pooling(self.what, self.size, self.size, ((0, 0), (0, 0)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Lateral(Connection):
    """Fixed inhibition of all other neurons of a population, one time step later.

    Attributes
    ----------
    strength : float
        What a spike takes from every other neuron's input.
    """

    name: ClassVar[str] = "lateral"
    plastic: ClassVar[bool] = False
    strength: float = 1.0

    def matrix(self, source: Shape, target: Shape) -> tuple[int, int]:
        """None: checks that it stays within one population."""
        if source != target:
            raise InputError(
                f"lateral inhibition leads from {source} to {target}; expected a population and"
                " itself"
            )
        if not (np.isfinite(self.strength) and self.strength >= 0):
            raise InputError(
                f"lateral inhibition: strength = {self.strength!r}; expected a number, 0 or more"
            )
        return 0, 0

    def node(self, source: Shape, target: Shape, weights: Values | None) -> Node:
        """−strength to all but oneself."""
        count = math.prod(source)
        return Spread(-self.strength * (np.ones((count, count)) - np.eye(count)), None, target)


@dataclass(frozen=True, kw_only=True, slots=True)
class OneToOne(Connection):
    """Each neuron to the one in its place, times `strength`; no weights that learn."""

    name: ClassVar[str] = "one-to-one"
    plastic: ClassVar[bool] = False
    strength: float = 1.0

    def matrix(self, source: Shape, target: Shape) -> tuple[int, int]:
        """None: checks the shapes."""
        if math.prod(source) != math.prod(target):
            raise InputError(
                f"a one-to-one projection leads from {source} to {target}; expected as many neurons"
            )
        return 0, 0

    def node(self, source: Shape, target: Shape, weights: Values | None) -> Node:
        """A diagonal."""
        return Spread(self.strength * np.eye(math.prod(source)), None, target)


@hinted({}, {"pre": "source=…", "post": "target=…"})
@dataclass(frozen=True, kw_only=True, eq=False)
class Projection:
    """From one population to another, or to itself.

    Attributes
    ----------
    source, target : str
        Names of populations.
    connection : Connection
    synapses : SynapseKind, optional
        What its weights stand on; a projection without weights has none.
    rule : Rule, optional
        How it learns; left out, its weights stay as they begin.
    initial : (low, high) or array (rows, outputs)
        Fresh weights: uniform between two numbers, or given.
    spread : float
        Where it is above 0, fresh weights are normally distributed around 0 with this standard
        deviation, within ± `largest`, in place of `initial`.
    active : float
        Where it is above 0, fresh weights are normally distributed around 0 with the standard
        deviation 1/√(rows·active), within ± `largest`, in place of both: drives are then about 1
        where this fraction of the rows is on. A bias begins at 0.
    largest : float, optional
        The weight that takes the whole conductance window: what learning can reach.
    delays_s : tuple of float
        Seconds after which a spike arrives. Several lay that many lines in parallel, each with
        weights of its own.
    may_stick : array (rows,) of bool, optional
        Word lines on which the hardware's stuck cells may lie; all if left out.
    """

    source: str
    target: str
    connection: Connection = AllToAll()
    synapses: SynapseKind | None = None
    rule: Rule | None = None
    initial: tuple[float, float] | Values = (0.0, 1.0)
    spread: float = 0.0
    active: float = 0.0
    largest: float | None = None
    delays_s: tuple[float, ...] = ()
    may_stick: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.connection, Connection):
            raise InputError(
                f"{self.name}: connection is {self.connection!r:.60}; expected a Connection such as"
                " AllToAll()"
            )
        if self.synapses is not None and not isinstance(self.synapses, SynapseKind):
            raise InputError(
                f"{self.name}: synapses is {self.synapses!r:.60}; expected a kind such as Ideal()"
            )
        if self.synapses is not None and not self.connection.plastic:
            raise InputError(
                f"{self.name}: a {self.connection.name} projection has no weights, so it has no"
                " synapses either"
            )
        if self.rule is not None and self.synapses is None:
            raise InputError(f"{self.name}: a rule without synapses; say what the weights stand on")
        if any(not np.isfinite(d) or d < 0 for d in self.delays_s):
            raise InputError(
                f"{self.name}: delays_s is {self.delays_s}; expected seconds, 0 or more"
            )
        if not (np.isfinite(self.spread) and self.spread >= 0):
            raise InputError(
                f"{self.name}: spread is {self.spread!r}; expected a standard deviation, 0 or more"
            )
        if not 0 <= self.active <= 1:
            raise InputError(
                f"{self.name}: active is {self.active!r}; expected a fraction of the rows, 0 to 1"
            )
        if len(self.delays_s) > 1 and not isinstance(self.connection, AllToAll):
            raise InputError(
                f"{self.name}: {len(self.delays_s)} delays; only a dense projection lays several"
                " lines in parallel"
            )

    @property
    def name(self) -> str:
        """``source>target``."""
        return f"{self.source}>{self.target}"

    def fresh(self, shape: tuple[int, int], rng: np.random.Generator) -> Values:
        """Weights (rows, outputs) before learning."""
        bound = self.largest or np.inf
        if self.active:
            weights = rng.normal(size=shape) / np.sqrt(shape[0] * self.active)
            if getattr(self.connection, "bias", False):
                weights[-1] = 0.0
            return np.asarray(np.clip(weights, -bound, bound))
        if self.spread:
            return np.clip(rng.normal(size=shape) * self.spread, -bound, bound)
        if isinstance(self.initial, tuple):
            low, high = (float(v) for v in self.initial)
            if not low <= high:
                raise InputError(f"{self.name}: initial is {self.initial}; expected (low, high)")
            return rng.uniform(low, high, shape)
        given = np.asarray(self.initial, dtype=float)
        if given.shape != shape:
            raise InputError(
                f"{self.name}: initial weights have shape {given.shape}; expected {shape}"
            )
        return given
