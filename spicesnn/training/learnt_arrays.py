"""What a network has learnt, as the arrays of a checkpoint, and a network from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicesnn.crossbar.faults import Wear
from spicesnn.networks.learner import LearningNetwork
from spicesnn.networks.synapses import Energy, Synapses
from spicesnn.training.streamed import Arrays


def arrays_of(network: LearningNetwork) -> Arrays:
    """Everything that learning has changed, by name."""
    found: Arrays = {}
    for name, cells in network.synapses.items():
        array = cells.array
        found[f"{name} state"] = np.asarray(array.state_or_zeros())
        found[f"{name} largest"] = np.asarray(cells.largest)
        found[f"{name} energy"] = np.array([cells.energy.read_joule, cells.energy.write_joule])
        found[f"{name} wear"] = np.asarray(cells.wear)
        if array.stuck is not None:
            found[f"{name} stuck"] = array.stuck
        if array.current_factor is not None:
            found[f"{name} factor"] = array.current_factor
        if cells.gain is not None:
            found[f"{name} gain"] = cells.gain
        if cells.wear_left is not None:
            left = cells.wear_left
            found |= {
                f"{name} cycles": left.cycles,
                f"{name} limit": left.limit,
                f"{name} fails_on": left.fails_on,
            }
        assert array.device is not None
        parameters = {
            key: value for key, value in array.device.spice_parameters().items() if np.ndim(value)
        }
        found |= {f"{name} parameter {key}": np.asarray(value) for key, value in parameters.items()}
    for name, state in network.lasting.items():
        found |= {f"{name} lasting {k}": part for k, part in enumerate(state)}
    for rule, memory in network.memory.items():
        found |= {f"{rule} memory {key}": value for key, value in memory.items()}
    return found


def with_arrays(network: LearningNetwork, arrays: Arrays) -> LearningNetwork:
    """A network as a checkpoint has it."""
    made: dict[str, Synapses] = {}
    blank, kept = np.random.default_rng(0), network.__dict__.setdefault("_blank", {})
    for entry in network.projections:
        if entry.synapses is None:
            continue
        name = entry.name
        mine = {
            key.removeprefix(f"{name} "): value
            for key, value in arrays.items()
            if key.startswith(f"{name} ")
        }
        shape = entry.connection.matrix(network.lines_of(entry), network.shape_of(entry.target))
        largest = float(mine["largest"])
        cells = kept.get(name)
        if cells is None or cells.largest != largest:
            cells = entry.synapses.made(np.zeros(shape), blank, largest=largest)
            kept[name] = cells
        device = cells.array.device
        assert device is not None
        own = {
            key.removeprefix("parameter "): value
            for key, value in mine.items()
            if key.startswith("parameter ")
        }
        array = replace(
            cells.array,
            device=device.with_parameters(**own) if own else device,
            state=mine["state"],
            stuck=mine.get("stuck"),
            current_factor=mine.get("factor"),
        )
        wear = (
            None
            if "cycles" not in mine
            else Wear(cycles=mine["cycles"], limit=mine["limit"], fails_on=mine["fails_on"])
        )
        read, write = (float(v) for v in mine["energy"])
        made[name] = replace(
            cells,
            array=array,
            energy=Energy(read_joule=read, write_joule=write),
            wear=mine["wear"],
            wear_left=wear,
            gain=mine.get("gain"),
            seen=None,
        )
    lasting, memory = {}, dict[str, dict[str, NDArray[Any]]]()
    for name in network.populations:
        parts = [
            arrays[key] for key in sorted(k for k in arrays if k.startswith(f"{name} lasting "))
        ]
        if parts:
            lasting[name] = tuple(parts)
    for key, value in arrays.items():
        rule, memorised, what = key.partition(" memory ")
        if memorised:
            memory.setdefault(rule, {})[what] = value
    return network.after(synapses=made, lasting=lasting, memory=memory)
