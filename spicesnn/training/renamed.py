"""Keys of finished runs that have another name by now: a `run.toml` of before can still be read, reported and trained again."""

from __future__ import annotations

from typing import Any

_MOVED = {
    "spiking-bp": {"cells.cycle_to_cycle": "cycle_to_cycle", "cells.levels": "states"},
    "deep": {"mapping.states": "states", "insitu.cycle_to_cycle": "cycle_to_cycle"},
    "unsupervised": {"synapse.levels": "states"},
}
"""Kind → old key → its name in [imperfections]."""


def of_run(tables: dict[str, Any]) -> dict[str, Any]:
    """Return the tables of a `run.toml` without its versions and with today's keys."""
    if "versions" not in tables:
        return tables
    del tables["versions"]
    synapse = tables.get("synapse")
    if isinstance(synapse, dict) and "levels" in synapse:
        if synapse.get("kind") == "levels":
            synapse["kind"] = "ideal"
        else:
            del synapse["levels"]
    for old, new in _MOVED.get(str(tables.get("kind")), {}).items():
        section, _, key = old.partition(".")
        if key in tables.get(section, {}):
            tables.setdefault("imperfections", {})[new] = tables[section].pop(key)
    return tables
