"""What calibration samples say of a network's layers: the inputs they see, and the converters'
ranges that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from spicesnn.engines.base import Engine
from spicesnn.networks import evaluate
from spicesnn.networks.converters import ADC, ADCErrors, full_scale
from spicesnn.networks.mapping import MappedLayer
from spicesnn.networks.nodes import Values

_KEPT_ROWS = 256
"""Inputs of each layer that are kept, for certificates and costs."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Readout:
    """What stands behind the arrays of a layer, and in front of them.

    Attributes
    ----------
    ranges : (slices,)
        Full scale of the ADC for each slice, in normalised products; empty without an ADC.
    errors : mapping of int to ADCErrors
        Of each block's converters, by the block's place among the layer's; empty where they have
        none.
    clipped_inputs, clipped_outputs : float
        Fraction of calibration values beyond the converters' ranges.
    effective_bits : float
        log2 of the outputs' standard deviation over that of the conversion error, both on
        calibration samples (∞ without ADC).
    samples : (n, rows)
        Some inputs of the calibration, for certificates and costs.
    """

    ranges: tuple[float, ...] = ()
    errors: Mapping[int, ADCErrors] = field(default_factory=dict)
    clipped_inputs: float = 0.0
    clipped_outputs: float = 0.0
    effective_bits: float = np.inf
    samples: tuple[Values, ...] = ()


def seen_by(
    network: evaluate.Evaluated, calibrate: ArrayLike | None
) -> tuple[dict[str, Values], list[str]]:
    """Inputs of every weighted node, of a network on ideal arrays, for the calibration samples."""
    if calibrate is None:
        return {}, []
    x, remarks = network.taken(calibrate), []
    most = min(len(x), evaluate.chunk_of(network, x.shape[1] if network.temporal else 1), 2000)
    if most < len(x):
        remarks.append(f"ranges come from {most} of the {len(x)} calibration samples, evenly taken")
    some = x[np.linspace(0, len(x) - 1, most).astype(int)]
    sources = frozenset(source for name in network.weighted for source in network.inputs_of(name))
    values = evaluate.run(network, some, keep=sources)
    found = {}
    for name in network.weighted:
        parts = [values[source] for source in network.inputs_of(name)]
        total = sum(parts[1:], start=parts[0])
        found[name] = total.reshape(-1, *total.shape[2:]) if network.temporal else total
    return found, remarks


def calibrated(
    layer: MappedLayer,
    inputs: Values | None,
    engine: Engine,
    rng: np.random.Generator,
    clipped: float,
) -> Readout:
    """Ranges of a layer's ADCs, and what they cost in bits, on calibration inputs (n, *shape)."""
    if inputs is None:
        return Readout()
    adc = layer.hardware.adc
    rows = layer.node.rows_of(inputs)
    few = [r[np.linspace(0, len(r) - 1, min(len(r), 4096)).astype(int)] for r in rows]
    samples = tuple(
        r[np.linspace(0, len(r) - 1, min(len(r), _KEPT_ROWS)).astype(int)] for r in rows
    )
    if adc is None:
        return Readout(clipped_inputs=clipped, samples=samples)
    if not layer.hardware.device.linear:
        few = [r[:256] for r in few]
    gathered: list[list[Values]] = [[] for _ in range(layer.parts)]
    for g, some in enumerate(few):
        for _, u in layer.applied(some):
            pairs = [(block, u[:, block.rows]) for block in layer.blocks if block.group == g]
            found_amps = layer.all_column_amps(pairs, engine)
            for (block, mine), amps in zip(pairs, found_amps, strict=True):
                gathered[block.part].append(layer.product(block, amps, mine))
    ranges, beyond, count, noise, signal = [], 0, 0, 0.0, 0.0
    for found in gathered:
        values = np.concatenate([v.ravel() for v in found])
        full = full_scale(values, adc, signed=layer.two_signs)
        ranges.append(full)
        beyond, count = beyond + int(np.sum(np.abs(values) > full)), count + values.size
        error = ADC(bits=adc.bits).converted(values[:, None], full, layer.two_signs)[:, 0] - values
        noise, signal = (
            noise + float(np.sum(error**2)),
            signal + float(np.sum((values - values.mean()) ** 2)),
        )
    errors = {}
    if adc.offset_lsb or adc.gain_error or adc.inl_lsb:
        errors = {
            k: adc.drawn(block.outputs.stop - block.outputs.start, rng)
            for k, block in enumerate(layer.blocks)
        }
    bits = float(0.5 * np.log2(signal / noise)) if noise > 0 and signal > 0 else np.inf
    return Readout(
        ranges=tuple(ranges),
        errors=errors,
        clipped_inputs=clipped,
        clipped_outputs=beyond / count,
        effective_bits=bits,
        samples=samples,
    )
