"""A matrix product through crossbar tiles, forward and backward: wires, cells and finite states
included.

The backward pass is exact for what the forward pass computes (`NodalEngine.gradient`), but for
rounding to finite states, which it passes straight through. Front ends of PyTorch and JAX stand on
this."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spicesnn.arrays import Floats
from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.mapping import Differential, Offset
from spicesnn.crossbar.tiles import Tiling
from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.errors import InputError
from spicesnn.networks.hardware import Hardware

_STEP = 1e-4


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Tile:
    """One array of the product: its place in the weights, its cells, and the volts that were put on
    it (n, rows)."""

    rows: slice
    outputs: slice
    array: Crossbar
    volts: Floats


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Product:
    """``u @ w`` as the tiles compute it.

    Attributes
    ----------
    values : (n, outputs)
    weights : (rows, outputs)
        Within ±1, as they were handed in.
    tiles : tuple of Tile
    hardware : Hardware
    """

    values: Floats
    weights: Floats
    tiles: tuple[Tile, ...]
    hardware: Hardware

    def backward(self, slopes: Floats) -> tuple[Floats, Floats]:
        """Derivatives of a loss.

        Parameters
        ----------
        slopes : (n, outputs)
            Its derivative in `values`.

        Returns
        -------
        dw : (rows, outputs)
            In the weights.
        du : (n, rows)
            In the inputs.
        """
        hardware, engine = self.hardware, NodalEngine()
        columns, scale = hardware.columns_kind(), hardware.used_window().span * hardware.read_volts
        dw, du = np.zeros(self.weights.shape), np.zeros((len(slopes), len(self.weights)))
        for tile in self.tiles:
            read_out = columns.outputs(np.eye(tile.array.cols))
            amps = slopes[:, tile.outputs] @ read_out.T / (scale * hardware.reach())
            gates = hardware.gates(tile.array)
            found = engine.gradient(tile.array, tile.volts, amps, gate_volts=gates)
            siemens = (
                found.conductance
                if tile.array.linear
                else _in_chords(tile, found.cell_amps, hardware)
            )
            dw[tile.rows, tile.outputs] += _in_weights(
                siemens, self.weights[tile.rows, tile.outputs], hardware
            )
            du[:, tile.rows] += found.row_volts * hardware.read_volts
        return dw, du


def check(hardware: Hardware) -> None:
    """Refuse hardware that has no gradient here.

    Raises
    ------
    InputError
        Slices, or non-idealities that are drawn.
    """
    if hardware.slices > 1:
        raise InputError(
            f"Hardware: {hardware.slices} slices; gradients go through one slice a weight"
        )
    if hardware.imperfections is not None:
        raise InputError(
            "Hardware: imperfections are drawn for a chip; fine-tune without them, then map with"
            " `Network.on`"
        )


def product(weights: Floats, u: Floats, hardware: Hardware) -> Product:
    """Multiply inputs by weights through tiles.

    Parameters
    ----------
    weights : (rows, outputs)
        Within ±1, which is the whole window (times `hardware.fill`).
    u : (n, rows)
        Inputs as fractions of full scale.
    hardware : Hardware
    """
    if weights.ndim != 2 or u.ndim != 2 or u.shape[1] != len(weights):
        raise InputError(
            f"a product of inputs {u.shape} and weights {weights.shape}; expected (n, rows) and"
            " (rows, outputs)"
        )
    if not (np.all(np.isfinite(weights)) and np.all(np.isfinite(u))):
        raise InputError("inputs or weights are not finite; nothing can stand for them")
    if float(np.abs(weights).max(initial=0.0)) > 1 + 1e-9:
        raise InputError(
            f"the largest weight is {np.abs(weights).max():.6g}; expected weights within ±1"
        )
    window, columns = hardware.used_window(), hardware.columns_kind()
    engine, tiles = NodalEngine(), []
    values = np.zeros((len(u), weights.shape[1]))
    rows_most, _ = hardware.tile_lines()
    for rows, outputs in Tiling(rows=rows_most, cols=hardware.outputs_per_tile()).parts(
        (weights.shape[0], weights.shape[1])
    ):
        siemens = columns.conductances(weights[rows, outputs] * hardware.reach(), window)
        if hardware.bits_per_cell is not None:
            siemens = window.quantised(siemens, 2**hardware.bits_per_cell)
        array, volts = _array(siemens, hardware), u[:, rows] * hardware.read_volts
        amps = _amps(array, volts, hardware, engine)
        values[:, outputs] += columns.outputs(amps) / (
            window.span * hardware.read_volts * hardware.reach()
        )
        tiles.append(Tile(rows=rows, outputs=outputs, array=array, volts=volts))
    return Product(values=values, weights=weights, tiles=tuple(tiles), hardware=hardware)


def _array(siemens: Floats, hardware: Hardware) -> Crossbar:
    device = hardware.device
    if device.linear and not device.gated:
        return Crossbar(conductance=siemens, wires=hardware.wires)
    return Crossbar(
        device=device,
        state=hardware.states(siemens),
        wires=hardware.wires,
    )


def _amps(array: Crossbar, volts: Floats, hardware: Hardware, engine: NodalEngine) -> Floats:
    gates = hardware.gates(array)
    if array.linear and len(volts) > min(array.shape):
        return np.asarray(volts @ engine.effective_conductance(array, gates))
    return np.asarray(engine.read(array, volts, gate_volts=gates).column_amps)


def _in_weights(siemens: Floats, weights: Floats, hardware: Hardware) -> Floats:
    """Turn derivatives in conductances (rows, columns) into derivatives in weights (rows,
    outputs)."""
    columns, by = hardware.columns_kind(), hardware.used_window().span * hardware.reach()
    if isinstance(columns, Differential):
        return by * np.where(weights >= 0, siemens[:, 0::2], -siemens[:, 1::2])
    if isinstance(columns, Offset):
        return 0.5 * by * siemens[:, :-1]
    return by * siemens


def _in_chords(tile: Tile, cell_amps: Floats, hardware: Hardware) -> Floats:
    """Derivatives in the conductance at the read voltage of cells that are not linear: Σ_b dL/dI ·
    dI/dG at each input's cell volts."""
    array, device = tile.array, hardware.device
    gates = hardware.gates(array)
    volts = np.asarray(NodalEngine().read(array, tile.volts, gate_volts=gates).cell_volts)
    gate = array.gate_of_cells(gates)
    chord = device.chord_conductance(array.state_or_zeros(), gate, v=hardware.chord_volts)
    window = hardware.used_window()
    step = _STEP * np.maximum(chord, 0.1 * window.span)  # cells may conduct nothing
    up, down = np.minimum(chord + step, window.high), np.maximum(chord - step, window.low)
    currents = [np.asarray(device.current(volts, hardware.states(g), gate)) for g in (up, down)]
    return np.asarray(
        np.sum(np.asarray(cell_amps) * (currents[0] - currents[1]) / (up - down), axis=0)
    )
