"""Tables of a preset as parts of a network: populations, projections, rules, by the names that they
register under."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

import numpy as np

from spicesnn.devices.base import Device
from spicesnn.errors import ConfigError, InputError
from spicesnn.guesses import nearest
from spicesnn.learning.manhattan import RandomSubset
from spicesnn.learning.spikes import design
from spicesnn.networks import competition, populations
from spicesnn.networks.activations import FUNCTIONS, Activation
from spicesnn.networks.members import Neurons
from spicesnn.networks.nodes import Node
from spicesnn.networks.populations import Population
from spicesnn.networks.projections import (
    AllToAll,
    Connection,
    Kernels,
    Lateral,
    OneToOne,
    Pool,
    Projection,
)
from spicesnn.networks.rules import (
    BatchRule,
    ExSitu,
    LastSpikeSTDP,
    Manhattan,
    OverlapSTDP,
    Rule,
    SpikingBP,
    SurrogateGradient,
    Template,
    TraceSTDP,
    Tuning,
)
from spicesnn.networks.synapses import SynapseKind
from spicesnn.options import _converted, unknown_key

POPULATIONS: dict[str, type[Population]] = {
    kind.kind: kind
    for kind in (
        populations.IF,
        populations.LIF,
        populations.Integrator,
        populations.LI,
        populations.CubaLIF,
        populations.CubaLI,
        populations.AdaptiveLIF,
        competition.CompetingLIF,
        competition.CompetingConductanceLIF,
    )
}
"""Neurons by the name they have in a preset; activations without time stand beside them by
theirs."""
CONNECTIONS: dict[str, type[Connection]] = {
    kind.name: kind for kind in (AllToAll, Kernels, Pool, Lateral, OneToOne)
}
RULES: dict[str, type[Rule]] = {
    kind.name: kind
    for kind in (
        TraceSTDP,
        LastSpikeSTDP,
        OverlapSTDP,
        Manhattan,
        Template,
        SurrogateGradient,
        SpikingBP,
        ExSitu,
        Tuning,
    )
}


@dataclass(frozen=True, kw_only=True)
class Rows:
    """An array of tables, such as ``[[population]]``: each a mapping, checked when the network is
    built."""

    rows: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def from_table(cls, table: Any, where: str) -> Rows:
        """Take the tables as they are."""
        if not isinstance(table, list | tuple) or not all(
            isinstance(row, Mapping) for row in table
        ):
            raise ConfigError(f"{where} is {table!r:.60}; expected tables, each under [[{where}]]")
        return cls(rows=tuple(dict(row) for row in table))

    def to_table(self) -> list[dict[str, Any]]:
        """The tables as plain values."""
        return [
            {key: list(value) if isinstance(value, tuple) else value for key, value in row.items()}
            for row in self.rows
        ]


def _taken(where: str, row: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a table as the types of their defaults; a key that is not among them is an
    error."""
    values = {}
    for key, value in row.items():
        if key not in known:
            raise unknown_key(f"{where}.{key}", [f"{where}.{name}" for name in known])
        values[key] = _value(f"{where}.{key}", value, known[key])
    return values


def _value(key: str, value: Any, like: Any) -> Any:
    if isinstance(like, tuple):
        found = _converted(
            key, value, tuple[int, ...] if like and isinstance(like[0], int) else tuple[float, ...]
        )
    elif isinstance(like, bool | str | int):
        found = _converted(key, value, type(like))
    else:
        found = _converted(key, value, float)
    for number in found if isinstance(found, tuple) else (found,):
        if isinstance(number, float) and not np.isfinite(number):
            raise ConfigError(f"{key} = {number}; expected a finite number")
    return found


def _defaults(kind: type) -> dict[str, Any]:
    """Fields of a part with plain defaults: numbers, words, yes or no, and tuples of them."""
    found = {}
    for entry in fields(kind):
        if (
            entry.init
            and entry.default is not MISSING
            and isinstance(entry.default, bool | int | float | str | tuple | None.__class__)
        ):
            found[entry.name] = entry.default
    return found


def _named(
    row: Mapping[str, Any], key: str, where: str, choices: Mapping[str, Any], default: str = ""
) -> str:
    name = row.get(key, default)
    if name not in choices:
        raise ConfigError(
            f"{where}.{key} is {name!r:.60}{nearest(str(name), choices)} Expected one of:"
            f" {', '.join(choices)}"
        )
    return str(name)


# -- populations ----------------------------------------------------------------------------------


def population(row: Mapping[str, Any], classes: int) -> tuple[str, Neurons]:
    """One ``[[population]]``: its name, its size (0: one neuron a class), what its neurons are, and
    their parameters."""
    name = row.get("name", "")
    where = f"population.{name or '?'}"
    if (
        not isinstance(name, str)
        or not name
        or name == "inputs"
        or any(sign in name for sign in ".>")
    ):
        raise ConfigError(
            f'a [[population]] is called {name!r}; expected a name other than "inputs", without .'
            " and >"
        )
    kinds = {**POPULATIONS, **dict.fromkeys(FUNCTIONS)}
    kind = _named(row, "kind", where, kinds, "LIF")
    size = _value(f"{where}.neurons", row.get("neurons", 0), (1,))
    if any(count < 0 for count in size) or (0 in size and size != (0,)):
        raise ConfigError(
            f"{where}.neurons = {list(size)}; expected a number of neurons, or [channels, rows,"
            " columns]; 0: one per class"
        )
    shape = (classes,) if size == (0,) else size
    rest = {key: value for key, value in row.items() if key not in ("name", "kind", "neurons")}
    made: Population | Node
    if kind in POPULATIONS:
        made = POPULATIONS[kind](**_taken(where, rest, _defaults(POPULATIONS[kind])))
    else:
        _taken(where, rest, {})
        made = Activation(kind)
    return name, Neurons(shape=shape, kind=made)


# -- projections ----------------------------------------------------------------------------------

_OF_PROJECTION: dict[str, Any] = {
    "source": "",
    "target": "",
    "kind": "dense",
    "synapses": "",
    "rule": "",
    "initial": (0.0, 1.0),
    "spread": 0.0,
    "active": 0.0,
    "largest": 0.0,
    "delays_s": (0.0,),
}


def projection(
    row: Mapping[str, Any], kinds: Callable[[str], SynapseKind], rules: Mapping[str, Rule]
) -> Projection:
    """One ``[[projection]]``: from where to where, its connection, synapses and rule."""
    where = f"projection.{row.get('source', '?')}>{row.get('target', '?')}"
    kind = CONNECTIONS[_named(row, "kind", where, CONNECTIONS, "dense")]
    own = _defaults(kind)
    values = _taken(where, row, {**_OF_PROJECTION, **own})
    for key in ("source", "target"):
        if not values.get(key):
            raise ConfigError(
                f'{where} has no {key}; expected the name of a population, or "inputs" as its'
                " source"
            )
    rule = values.get("rule", "")
    if rule and rule not in rules:
        raise ConfigError(
            f"{where}.rule is {rule!r}{nearest(rule, rules)} Expected the name of a [[rule]]:"
            f" {', '.join(rules) or 'there is none'}"
        )
    initial = values.get("initial", (0.0, 1.0))
    if len(initial) != 2:
        raise ConfigError(
            f"{where}.initial is {list(initial)}; expected [lowest, highest] of the fresh weights"
        )
    return Projection(
        source=values["source"],
        target=values["target"],
        connection=kind(**{key: values[key] for key in own if key in values}),
        synapses=kinds(values["synapses"]) if values.get("synapses") else None,
        rule=rules[rule] if rule else None,
        initial=(float(initial[0]), float(initial[1])),
        spread=values.get("spread", 0.0),
        active=values.get("active", 0.0),
        largest=values.get("largest") or None,
        delays_s=values.get("delays_s", ()),
    )


# -- rules ----------------------------------------------------------------------------------------


def rules_of(rows: tuple[Mapping[str, Any], ...], device: Callable[[], Device]) -> dict[str, Rule]:
    """All ``[[rule]]`` tables by their names; one that tunes another's mapping is named by it."""
    found: dict[str, Rule] = {}
    for row in sorted(rows, key=lambda row: row.get("kind", row.get("name")) == ExSitu.name):
        name = row.get("name", "")
        where = f"rule.{name or '?'}"
        kind = RULES[_named({"kind": row.get("kind", name)}, "kind", where, RULES)]
        rest = {key: value for key, value in row.items() if key not in ("name", "kind")}
        found[str(name)] = _rule(where, kind, rest, found, device)
    return found


def _rule(
    where: str,
    kind: type[Rule],
    row: Mapping[str, Any],
    others: Mapping[str, Rule],
    device: Callable[[], Device],
) -> Rule:
    known = _defaults(kind)
    if kind is Manhattan:
        values = _taken(where, row, {**known, "fraction": 1.0, "groups": 1.0})
        fraction, groups = values.pop("fraction", 1.0), values.pop("groups", 1.0)
        return (
            Manhattan(**values)
            if fraction == groups == 1.0
            else Manhattan(subset=RandomSubset(fraction=fraction, groups=groups), **values)
        )
    if kind is OverlapSTDP:
        values = _taken(where, row, {**known, "step": 0.1})
        return OverlapSTDP(pair=design(device(), step=values.pop("step", 0.1)), **values)
    known.pop("samples", None)  # of the training, whose length is not the rule's
    if kind is ExSitu:
        known = {key: value for key, value in known.items() if key != "epochs"}
        values = _taken(where, row, {**known, "limits": (1.0,), "tune": ""})
        tune = values.pop("tune", "")
        if tune and (tune not in others or not isinstance(others[tune], BatchRule)):
            raise ConfigError(
                f"{where}.tune is {tune!r}; expected the name of a [[rule]] that learns from"
                " batches"
            )
        return _made(where, kind, values, tune=others[tune] if tune else None, epochs=1)
    return _made(where, kind, _taken(where, row, known))


def _made(where: str, kind: type[Rule], values: Mapping[str, Any], **more: Any) -> Rule:
    try:
        return kind(**values, **more)
    except InputError as error:
        raise ConfigError(f"{where}: {error}") from None
