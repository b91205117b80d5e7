"""What stands for "auto" in a network of Diehl and Cook: settings that suit so many neurons and
inputs, found on validation images (docs: stdp-mnist)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from spicesnn.errors import ConfigError
from spicesnn.options import AUTO

FULL_RATE_HZ = 63.75
SUM_POWER, RATE_POWER = 0.5, 0.25
FALL_SHARE = 0.01
"""A⁻/A⁺."""
_OF_POPULATION, _OF_RULE = ("inhibition", "tau_theta"), ("rise", "fall", "column_sum")


class Suited(NamedTuple):
    """Settings of a population (`inhibition`, `tau_theta`), of the rule 'stdp-traces' (`rise`,
    `fall`, `column_sum`), and of the inputs (`rate_hz`)."""

    inhibition: float
    tau_theta: float
    rise: float
    fall: float
    column_sum: float
    rate_hz: float


def suited_to(neurons: int, inputs: int = 784) -> Suited:
    """Settings for so many neurons and inputs.

    Every sample makes some twenty spikes, however many neurons share them: beyond 1600 neurons
    thresholds would fall between a neuron's spikes faster than they grow, so they are given the
    time. Fewer inputs than MNIST's 784 have larger weights, and spike more often, so that a neuron
    is driven as hard."""
    ratio = inputs / 784
    sums, rate = min(ratio, 1.0) ** SUM_POWER, max(1.0, 1.0 / ratio) ** RATE_POWER
    if neurons < 200:
        column_sum, inhibition, rise = 40.0, 30.0, 0.005
    else:
        column_sum, inhibition, rise = 78.0, 17.0, 0.01
    return Suited(
        inhibition=inhibition,
        tau_theta=1e4 * max(1.0, neurons / 1600),
        rise=rise,
        fall=FALL_SHARE * rise,
        column_sum=column_sum * sums,
        rate_hz=FULL_RATE_HZ * rate,
    )


Rows = Sequence[Mapping[str, Any]]


def without_auto(
    populations: Rows, projections: Rows, rules: Rows, inputs: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Populations and rules with numbers where "auto" stands, by the population that hears the
    inputs.

    Raises
    ------
    ConfigError
        "auto" where nothing says how many neurons it is for.
    """
    made = [dict(row) for row in populations], [dict(row) for row in rules]
    by_name = {row.get("name"): row for row in made[0]}
    rule_of = {row.get("name"): row for row in made[1]}
    for row in projections:
        target, rule = by_name.get(row.get("target")), rule_of.get(row.get("rule"))
        neurons = None if target is None else target.get("neurons", 0)
        if row.get("source") != "inputs" or target is None or not isinstance(neurons, int):
            continue
        found = suited_to(neurons, inputs)._asdict()
        if rule is not None and rule.get("fall") == AUTO and isinstance(rule.get("rise"), float):
            found["fall"] = FALL_SHARE * rule["rise"]
        for table, keys in ((target, _OF_POPULATION), (rule or {}, _OF_RULE)):
            table.update({key: found[key] for key in keys if table.get(key) == AUTO})
    for kind, tables in (("population", made[0]), ("rule", made[1])):
        for table in tables:
            left = [key for key, value in table.items() if value == AUTO and key != "name"]
            # A rule that nothing learns by needs no numbers of its own.
            used = kind == "population" or any(
                table.get("name") == p.get("rule") for p in projections
            )
            if left and used:
                raise ConfigError(
                    f"{kind}.{table.get('name')}.{left[0]} is {AUTO!r}, which is for"
                    f" {', '.join(_OF_POPULATION)} of a population that hears the inputs, and"
                    f" {', '.join(_OF_RULE)} of its rule; expected a number"
                )
            for key in left:
                del table[key]
    return made


def with_rate(rate_hz: float | None, inputs: int) -> float:
    """A rate, or the one that suits so many inputs where none is given."""
    return suited_to(1, inputs).rate_hz if rate_hz is None else rate_hz
