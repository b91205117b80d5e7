"""The weights of one node on crossbar arrays: rows with the bias, slices of bits, blocks that fit a
tile.

Inputs are divided by their full scale (`full`), u = x / full within ±1, and reach the word lines as
u · read_volts; the bias has word lines of its own, which are always at full scale. Weights are
divided by the largest (`largest`), so that nothing is clipped."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spicesnn.crossbar.crossbar import Crossbar
from spicesnn.crossbar.mapping import Single, Window
from spicesnn.crossbar.tiles import Tiling
from spicesnn.crossbar.wires import Wires
from spicesnn.engines.base import Engine
from spicesnn.errors import InputError
from spicesnn.networks.hardware import Hardware
from spicesnn.networks.nodes import Convolution, Dense, Shape, Values, Weighted

_MOST_BIAS_ROWS = 8


_CELLS_AT_ONCE = 2_000_000
"""Batches are read in parts of about this many cell voltages."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Block:
    """One array of a layer.

    Attributes
    ----------
    group, part : int
        Group of channels, and slice of bits (0 is the most significant).
    rows, outputs : slice
        Its place in the group's matrix of weights, bias rows included.
    array : Crossbar
        As it was made: cells that differ, stuck cells, finite states.
    effective : (rows, cols) or None
        Its effective conductance, siemens: column_amps = row_volts @ this; None for cells that are
        not linear.
    """

    group: int
    part: int
    rows: slice
    outputs: slice
    array: Crossbar
    effective: Values | None


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class MappedLayer:
    """A node's weights on arrays.

    Attributes
    ----------
    name : str
    node : Weighted
        What the arrays compute (a convolution unrolled into a dense matrix, if the hardware says
        so).
    original : Weighted
        What the network has.
    full : float
        The input that stands at full scale.
    signed : bool
        Whether inputs have both signs.
    largest : float
        The weight that takes the whole conductance window.
    bias_rows : int
    blocks : tuple of Block
    weights_error : float
        Root mean square error of the programmed weights on ideal wires, over the largest.
    """

    name: str
    node: Weighted
    original: Weighted
    hardware: Hardware
    full: float
    signed: bool
    largest: float
    bias_rows: int
    blocks: tuple[Block, ...]
    weights_error: float

    @property
    def inputs(self) -> int:
        """Rows without those of the bias."""
        return int(self.node.matrices[0].shape[0])

    @property
    def outputs(self) -> int:
        """Outputs of one group."""
        return int(self.node.matrices[0].shape[1])

    @property
    def parts(self) -> int:
        """Number of slices."""
        return self.hardware.slices

    def unit(self, part: int) -> float:
        """What one unit of a block's normalised product counts in the layer's output."""
        steps, slices, weight = self.hardware.steps(), self.hardware.slices, 1.0
        if slices > 1 and steps is not None:
            base = float(steps + 1)
            weight = steps * base ** (slices - 1 - part) / (base**slices - 1)
        return self.full * self.largest * weight / self.hardware.reach()

    def normalised(self, x: Values) -> Values:
        """Inputs (n, rows) as fractions of full scale, with the bias rows at 1."""
        return self._with_bias(x / self.full)

    def _with_bias(self, u: Values) -> Values:
        return (
            np.concatenate([u, np.ones((len(u), self.bias_rows))], axis=1) if self.bias_rows else u
        )

    def volts(self, u: Values) -> Values:
        """Word-line volts of fractions of full scale."""
        return u * self.hardware.read_volts

    def product(self, block: Block, column_amps: Values, u: Values) -> Values:
        """Normalised products (n, outputs) that a block's column currents (n, cols) stand for; `u`
        are its rows' inputs."""
        window, columns = self.hardware.used_window(), self.hardware.columns_kind()
        found = columns.outputs(column_amps) / (window.span * self.hardware.read_volts)
        if isinstance(
            columns, Single
        ):  # the lowest conductance is no weight: what it carries is known from the inputs
            found = found - u.sum(axis=1, keepdims=True) * (window.low / window.span)
        return np.asarray(found)

    def column_amps(self, block: Block, u: Values, engine: Engine) -> Values:
        """Column currents (n, cols) of a block for its rows' inputs (n, rows), fractions of full
        scale."""
        return self.all_column_amps([(block, u)], engine)[0]

    def all_column_amps(
        self, pairs: Sequence[tuple[Block, Values]], engine: Engine
    ) -> list[Values]:
        """The same for many blocks, each with its rows' inputs; what has to be solved, the engine
        may share out among workers."""
        ready: dict[int, Values] = {}
        reads: list[tuple[Crossbar, Values, Values | None]] = []
        places: list[int] = []
        for place, (block, u) in enumerate(pairs):
            volts, gates = self.volts(u), self.hardware.gates(block.array)
            if block.effective is not None:
                ready[place] = np.asarray(volts @ block.effective)
            elif self.hardware.ideal_wires:
                ready[place] = _through_cells(block.array, volts, gates)
            else:
                some = [(block.array, part, gates) for part in at_once(block.array, volts)]
                reads += some
                places += [place] * len(some)
        solved: dict[int, list[Values]] = {}
        for place, amps in zip(places, engine.each(_read_columns, reads), strict=True):
            solved.setdefault(place, []).append(amps)
        ready |= {place: np.concatenate(parts) for place, parts in solved.items()}
        return [ready[place] for place in range(len(pairs))]

    @property
    def solved_each_time(self) -> bool:
        """Whether every input is a circuit of its own to solve: cells that are not linear, on
        wires."""
        return not (self.hardware.device.linear or self.hardware.ideal_wires)

    @property
    def two_signs(self) -> bool:
        """Whether a block's products have both signs: only unsigned inputs on single columns do
        not."""
        return self.signed or self.hardware.columns != "single"

    def applied(self, rows: Values) -> list[tuple[float, Values]]:
        """What the word lines see, one read after the other: (weight of the read, inputs as
        fractions of full scale, with the bias rows at 1)."""
        return [
            (weight, self._with_bias(values if full == 1.0 else values / full))
            for weight, values, full in self.shown(rows)
        ]

    def shown(self, rows: Values) -> list[tuple[float, Values, float]]:
        """Inputs (n, rows), one read after the other: (weight of the read, values, the value at
        full scale)."""
        dac = self.hardware.dac
        if dac is None:
            return [(1.0, rows, self.full)]
        steps = dac.levels(self.signed)
        codes = dac.codes(rows, self.full, self.signed)
        if dac.coding != "bit-serial":
            return [(1.0, codes, float(steps))]
        sign, size = np.sign(codes), np.abs(codes).astype(np.int64)
        bits = range(int(steps).bit_length() - 1, -1, -1)
        # The bias has full scale in every read: the weights of the reads add up to it.
        return [(2.0**bit / steps, sign * ((size >> bit) & 1), 1.0) for bit in bits]

    def weights_of(self, block: Block) -> tuple[Values, Values]:
        """What a block of linear cells multiplies inputs by, (rows, outputs), and what its bias
        rows add, (outputs,), both as normalised products."""
        assert block.effective is not None
        window, columns = self.hardware.used_window(), self.hardware.columns_kind()
        matrix = columns.weights(block.effective, window)
        if isinstance(columns, Single):
            matrix = matrix - window.low / window.span
        inputs = max(0, self.inputs - block.rows.start)
        return np.ascontiguousarray(matrix[:inputs]), matrix[inputs:].sum(axis=0)

    def blocks_of(self, group: int, part: int) -> Iterator[Block]:
        """The blocks of one group and slice."""
        return (block for block in self.blocks if block.group == group and block.part == part)


def map_layer(
    name: str,
    node: Weighted,
    shape: Shape,
    hardware: Hardware,
    *,
    full: float,
    signed: bool,
    rng: np.random.Generator,
    engine: Engine,
) -> MappedLayer:
    """Put a node's weights onto arrays.

    Parameters
    ----------
    name : str
    node : Weighted
    shape : tuple of int
        Shape of one sample of its input.
    hardware : Hardware
    full : float
        The input at full scale.
    signed : bool
        Whether inputs have both signs.
    rng : Generator
        Of cells that differ, stuck cells, and rounding to states.
    engine : Engine
        For conductances that make up for the wires.

    Returns
    -------
    MappedLayer
        Without effective conductances, which `solved` adds.

    Raises
    ------
    InputError
        Negative weights on single columns, or weights that are all 0.
    """
    carried = (
        unrolled(node, shape)
        if hardware.convolution == "unrolled" and isinstance(node, Convolution)
        else node
    )
    matrices, offsets = carried.matrices, carried.bias
    heaviest = max(float(np.abs(m).max()) for m in matrices)
    strongest = 0.0 if offsets is None else max(float(np.abs(b).max()) for b in offsets) / full
    bias_rows = 0
    if offsets is not None and strongest > 0:
        bias_rows = (
            1 if heaviest == 0 else min(max(1, math.ceil(strongest / heaviest)), _MOST_BIAS_ROWS)
        )
    extended = [
        (
            m
            if not bias_rows or offsets is None
            else np.vstack([m, np.repeat(offsets[g][None] / (full * bias_rows), bias_rows, axis=0)])
        )
        for g, m in enumerate(matrices)
    ]
    largest = max(float(np.abs(m).max()) for m in extended) or 1.0
    if hardware.columns == "single" and any(np.any(m < 0) for m in extended):
        worst = min(float(m.min()) for m in extended)
        raise InputError(
            f"node {name!r}: a weight is {worst:.4g}, and single columns hold none below 0; use"
            ' columns = "differential" or "offset"'
        )
    layer = MappedLayer(
        name=name,
        node=carried,
        original=node,
        hardware=hardware,
        full=full,
        signed=signed,
        largest=largest,
        bias_rows=bias_rows,
        blocks=(),
        weights_error=0.0,
    )
    places: list[tuple[int, int, slice, slice, Values]] = []
    tiling = Tiling(rows=hardware.tile_lines()[0], cols=hardware.outputs_per_tile())
    for g, matrix in enumerate(extended):
        for part, digits in enumerate(_sliced(matrix / largest, hardware)):
            places += [
                (g, part, rows, outputs, digits[rows, outputs])
                for rows, outputs in tiling.parts(digits.shape)
            ]
    conductances = _conductances([weights for *_, weights in places], hardware, engine)
    arrays, squares, count = [], 0.0, 0
    for (*_, weights), siemens in zip(places, conductances, strict=True):
        array, error = _array(weights, siemens, hardware, rng)
        arrays.append(array)
        squares, count = squares + error, count + weights.size
    blocks = tuple(
        Block(group=g, part=part, rows=rows, outputs=outputs, array=array, effective=None)
        for (g, part, rows, outputs, _), array in zip(places, arrays, strict=True)
    )
    return replace(layer, blocks=blocks, weights_error=math.sqrt(squares / count))


def solved(
    layers: Mapping[str, MappedLayer], hardware: Hardware, engine: Engine
) -> dict[str, MappedLayer]:
    """The layers with the effective conductances of their blocks, where cells are linear; all
    together, so that workers wait for each other once."""
    arrays = [block.array for layer in layers.values() for block in layer.blocks]
    matrices = iter(effectives(arrays, hardware, engine))
    return {
        name: replace(
            layer,
            blocks=tuple(replace(block, effective=next(matrices)) for block in layer.blocks),
        )
        for name, layer in layers.items()
    }


def _sliced(weights: Values, hardware: Hardware) -> list[Values]:
    """Weights within ±1 as slices within ± `reach`, the most significant first: signed digits of
    the steps that a cell holds."""
    steps, slices, reach = hardware.steps(), hardware.slices, hardware.reach()
    if slices == 1 or steps is None:
        return [weights * reach]
    base = steps + 1
    whole = np.rint(np.abs(weights) * (base**slices - 1)).astype(np.int64)
    sign = np.sign(weights)
    digits = []
    for k in range(slices - 1, -1, -1):
        digit, whole = np.divmod(whole, base**k)
        digits.append(sign * digit / steps * reach)
    return digits


def _conductances(parts: list[Values], hardware: Hardware, engine: Engine) -> list[Values]:
    """Conductances (rows, columns) of blocks whose weights, each within ±1, are these."""
    window, columns = hardware.used_window(), hardware.columns_kind()
    found = [_in_states(columns.conductances(weights, window), hardware) for weights in parts]
    if hardware.wire_aware and not hardware.ideal_wires:
        chosen = engine.each(_compensated, [(siemens, window, hardware.wires) for siemens in found])
        found = [_in_states(siemens, hardware) for siemens in chosen]
    return found


def _in_states(siemens: Values, hardware: Hardware) -> Values:
    if hardware.bits_per_cell is None:
        return siemens
    return hardware.used_window().quantised(siemens, 2**hardware.bits_per_cell)


def _compensated(engine: Engine, wanted: Values, window: Window, wires: Wires) -> Values:
    from spicesnn.learning.compensation import compensate

    return compensate(wanted, window, wires).siemens


def _array(
    weights: Values, siemens: Values, hardware: Hardware, rng: np.random.Generator
) -> tuple[Crossbar, float]:
    """An array that was programmed to these conductances, and the sum of squares of what its cells
    miss of the weights."""
    window, columns = hardware.used_window(), hardware.columns_kind()
    device = hardware.device
    state = hardware.states(siemens)
    array = Crossbar(device=device, state=state, wires=hardware.wires)
    flaws = hardware.imperfections
    if flaws is not None:
        array = flaws.held(flaws.fabricated(array, rng), rng)
        if flaws.rest_s > 0:
            array = flaws.rested(array, flaws.rest_s, rng)
    holds = columns.weights(_chords(array, hardware), window)
    if isinstance(columns, Single):
        holds = holds - window.low / window.span
    return array, float(np.sum((holds - weights) ** 2))


def _chords(array: Crossbar, hardware: Hardware) -> Values:
    """Conductance of every cell at the read voltage."""
    device = array.device
    assert device is not None
    if device.linear:
        return array.cell_conductance(hardware.gates(array))
    lines = hardware.gates(array)
    gate = None if lines is None else array.gate_of_cells(lines)
    amps = np.broadcast_to(array.cell_current(hardware.read_volts, gate=gate), array.shape)
    return np.asarray(amps / hardware.read_volts)


def at_once(array: Crossbar, volts: Values) -> list[Values]:
    """Parts of inputs (n, rows) that are read together, so that memory stays bounded."""
    step = max(1, _CELLS_AT_ONCE // (array.rows * array.cols))
    return [volts[k : k + step] for k in range(0, len(volts), step)]


def _through_cells(array: Crossbar, volts: Values, lines: Values | None) -> Values:
    """Column currents (n, cols) of cells on ideal wires: the sum of what each carries at its word
    line's voltage."""
    gates = None if lines is None else array.gate_of_cells(lines)
    levels = np.unique(volts)
    if len(levels) <= 4:  # the reads of bits: each level's currents once
        total = np.zeros((len(volts), array.cols))
        for level in levels:
            if level != 0.0:
                total += (volts == level) @ np.broadcast_to(
                    array.cell_current(level, gate=gates), array.shape
                )
        return total
    step = max(1, 4_000_000 // (array.rows * array.cols))
    parts = [
        array.cell_current(volts[k : k + step, :, None], gate=gates).sum(axis=1)
        for k in range(0, len(volts), step)
    ]
    return np.concatenate(parts)


def effective(array: Crossbar, hardware: Hardware, engine: Engine) -> Values | None:
    """The effective conductance of a linear array, siemens, None for cells that are not linear."""
    return effectives([array], hardware, engine)[0]


def effectives(
    arrays: Sequence[Crossbar], hardware: Hardware, engine: Engine
) -> Sequence[Values | None]:
    """The same of many arrays, which the engine may share out among workers."""
    if not all(array.linear for array in arrays):
        return [None] * len(arrays)
    pairs = [(array, hardware.gates(array)) for array in arrays]
    if hardware.ideal_wires:
        return [np.array(array.cell_conductance(gate)) for array, gate in pairs]
    return engine.each(_effective, pairs)


def _effective(engine: Engine, array: Crossbar, gates: Values | None) -> Values:
    return engine.effective_conductance(array, gates)


def _read_columns(engine: Engine, array: Crossbar, volts: Values, gates: Values | None) -> Values:
    return engine.read(array, volts, gate_volts=gates).column_amps


def unrolled(node: Convolution, shape: Shape) -> Dense:
    """A convolution as the one dense matrix of all its positions (inputs flattened, channels
    first)."""
    size = math.prod(shape)
    if size * math.prod(node.shape_out(shape)) > 50_000_000:
        raise InputError(
            f"the convolution unrolled has {size} × {math.prod(node.shape_out(shape))} weights;"
            " expected at most 50 million"
        )
    base = np.zeros((1, *shape))
    shift = node(base).reshape(-1)
    step = max(1, 20_000_000 // (size * node.kernel.size // len(node.kernel) + 1))
    rows = []
    for begin in range(0, size, step):
        some = np.eye(size)[begin : begin + step].reshape(-1, *shape)
        rows.append(node(some).reshape(len(some), -1) - shift)
    return _Unrolled(
        np.concatenate(rows), None if node.offsets is None else shift, node.shape_out(shape)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Unrolled(Dense):
    """A dense matrix that takes and gives images."""

    image_out: Shape = ()

    def shape_out(self, shape: Shape) -> Shape:
        """The image of the convolution."""
        return self.image_out

    def rows_of(self, x: Values) -> list[Values]:
        """The image as one row."""
        return [x.reshape(len(x), -1)]

    def assembled(self, parts: list[Values], n: int, shape_in: Shape) -> Values:
        """The image of outputs."""
        return parts[0].reshape(n, *self.image_out)
