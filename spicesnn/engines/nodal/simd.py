"""Eight doubles at once inside numba kernels: one AVX-512 register, two AVX2 or four NEON
registers, as LLVM sees fit.

The loops of the line solver are recurrences along lines, vectorised across lines. LLVM does not
find that by itself without run-time alias checks and memory round trips, so the kernels name their
vectors. All functions are for compiled code only."""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic, models, overload, register_model

from spicesnn.jit import kernel

LANES = 8
"""Doubles in one `Vec`."""

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_CONTRACT = ("contract", "nsz")


class VecType(types.Type):
    """The numba type of eight doubles."""

    def __init__(self) -> None:
        super().__init__(name="spicesnn_vec8")


vec = VecType()


@register_model(VecType)
class _VecModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _VECTOR)


def _address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())


@intrinsic
def load(_: Any, array: Any, index: Any) -> Any:
    """Return the eight doubles of a flat array that begin at `index`."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_address(context, builder, signature.args[0], *args), align=8)

    return vec(array, types.intp), code


@intrinsic
def store(_: Any, array: Any, index: Any, value: Any) -> Any:
    """Write eight doubles to a flat array, beginning at `index`."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(
            args[2], _address(context, builder, signature.args[0], args[0], args[1]), align=8
        )
        return context.get_dummy_value()

    return types.void(array, types.intp, vec), code


@intrinsic
def to_cache_line(_: Any, array: Any) -> Any:
    """Return how many doubles lie before the first whole cache line of an array of doubles."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        whole = ir.IntType(64)
        before = builder.and_(builder.neg(builder.ptrtoint(data, whole)), whole(63))
        return builder.lshr(before, whole(3))

    return types.int64(array), code


def _spread(builder: Any, value: Any) -> Any:
    nothing = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    one = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)
    return builder.shuffle_vector(one, nothing, zeros)


@intrinsic
def splat(_: Any, value: Any) -> Any:
    """Return one number eight times."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _spread(builder, args[0])

    return vec(types.float64), code


def _binary(method: str) -> Any:
    @intrinsic
    def function(_: Any, a: Any, b: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, method)(args[0], args[1], flags=_CONTRACT)

        return vec(vec, vec), code

    return function


_add, _sub, _mul, _div = (_binary(name) for name in ("fadd", "fsub", "fmul", "fdiv"))


def _overload(symbol: Any, function: Any) -> None:
    @overload(symbol)
    def implementation(a: Any, b: Any) -> Any:
        def body(a: Any, b: Any) -> Any:
            return function(a, b)

        return body if isinstance(a, VecType) and isinstance(b, VecType) else None


for _symbol, _function in (
    (operator.add, _add),
    (operator.sub, _sub),
    (operator.mul, _mul),
    (operator.truediv, _div),
):
    _overload(_symbol, _function)


@intrinsic
def fabs(_: Any, a: Any) -> Any:
    """Return the eight absolute values."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function = get_or_insert_function(
            builder.module, ir.FunctionType(_VECTOR, [_VECTOR]), "llvm.fabs.v8f64"
        )
        return builder.call(function, args)

    return vec(vec), code


@intrinsic
def larger(_: Any, a: Any, b: Any) -> Any:
    """Return the larger of each pair; NaN in `a` stays. (Written so that it is one instruction, a
    third of the time of two.)"""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", args[1], args[0]), args[1], args[0])

    return vec(vec, vec), code


@intrinsic
def lane(_: Any, a: Any, index: Any) -> Any:
    """Return one of the eight."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.extract_element(args[0], args[1])

    return types.float64(vec, types.intp), code


def _shuffle(builder: Any, a: Any, b: Any, picks: list[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), LANES), picks))


def _transposed(builder: Any, v: list[Any]) -> list[Any]:
    """Transpose eight vectors in three rounds of butterflies."""
    for half in (4, 2, 1):
        swapped = list(v)
        for k in range(LANES):
            if k & half:
                continue
            low = [n if not n & half else LANES + (n ^ half) for n in range(LANES)]
            high = [(n | half) if not n & half else LANES + n for n in range(LANES)]
            swapped[k] = _shuffle(builder, v[k], v[k | half], low)
            swapped[k | half] = _shuffle(builder, v[k], v[k | half], high)
        v = swapped
    return v


def _wide(context: Any) -> bool:
    """Return whether eight doubles are one register: then shuffles are cheaper than loads and
    stores of pieces, which elsewhere they are not."""
    features: str = context.codegen().magic_tuple()[-1]
    return "+avx512f" in features.split(",")


def _pieces(builder: Any, pieces: list[Any]) -> Any:
    """Return pairs of doubles as one vector."""
    while len(pieces) > 1:
        whole = ir.Constant(
            ir.VectorType(ir.IntType(32), 2 * pieces[0].type.count),
            list(range(2 * pieces[0].type.count)),
        )
        pieces = [
            builder.shuffle_vector(low, high, whole)
            for low, high in zip(pieces[::2], pieces[1::2], strict=True)
        ]
    return pieces[0]


_PAIR = ir.VectorType(ir.DoubleType(), 2)
_EVEN = [0, 8, 2, 10, 4, 12, 6, 14]
_ODD = [1, 9, 3, 11, 5, 13, 7, 15]


@intrinsic
def tile_at(_: Any, array: Any, at: Any, stride: Any) -> Any:
    """Return the 8×8 tile of a flat array whose first row begins at `at`, transposed.

    Where eight doubles are several registers the rows are fetched in pairs of doubles, which fall
    into the right register as they are loaded: half of the shuffles are saved, and those across
    halves of a register, which cost the most, all."""
    kind = types.UniTuple(vec, LANES)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        starts, place = [], args[1]
        for _ in range(LANES):
            starts.append(builder.gep(data, [place]))
            place = builder.add(place, args[2])
        if _wide(context):
            rows = [
                builder.load(builder.bitcast(start, _VECTOR.as_pointer()), align=8)
                for start in starts
            ]
            tile = _transposed(builder, rows)
        else:
            tile = []
            for k in range(0, LANES, 2):
                pairs = [
                    builder.load(
                        builder.bitcast(
                            builder.gep(start, [ir.Constant(ir.IntType(64), k)]),
                            _PAIR.as_pointer(),
                        ),
                        align=8,
                    )
                    for start in starts
                ]
                even, odd = _pieces(builder, pairs[::2]), _pieces(builder, pairs[1::2])
                tile += [_shuffle(builder, even, odd, _EVEN), _shuffle(builder, even, odd, _ODD)]
        result = ir.Constant(ir.ArrayType(_VECTOR, LANES), ir.Undefined)
        for k in range(LANES):
            result = builder.insert_value(result, tile[k], k)
        return result

    return kind(array, types.intp, types.intp), code


@intrinsic
def store_turned(_: Any, array: Any, at: Any, tile: Any) -> Any:
    """Write an 8×8 tile, transposed, row after row; see `tile_at`."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        tile = [builder.extract_value(args[2], k) for k in range(LANES)]

        def store_at(place: int, value: Any) -> None:
            address = builder.gep(data, [builder.add(args[1], ir.Constant(ir.IntType(64), place))])
            builder.store(value, builder.bitcast(address, value.type.as_pointer()), align=8)

        if _wide(context):
            for k, row in enumerate(_transposed(builder, tile)):
                store_at(LANES * k, row)
            return context.get_dummy_value()
        for k in range(0, LANES, 2):
            for parity, picks in enumerate((_EVEN, _ODD)):
                mixed = _shuffle(builder, tile[k], tile[k + 1], picks)
                for n in range(0, LANES, 2):
                    pair = ir.Constant(ir.VectorType(ir.IntType(32), 2), [n, n + 1])
                    store_at(
                        LANES * (n + parity) + k,
                        builder.shuffle_vector(mixed, ir.Constant(_VECTOR, ir.Undefined), pair),
                    )
        return context.get_dummy_value()

    return types.void(array, types.intp, types.UniTuple(vec, LANES)), code


def _beside(step: int) -> Any:
    @intrinsic
    def function(_: Any, array: Any, at: Any, first: Any, second: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            if _wide(context):
                begin = LANES - 1 if step < 0 else 1
                return _shuffle(builder, args[2], args[3], list(range(begin, begin + LANES)))
            place = builder.add(args[1], ir.Constant(ir.IntType(64), step))
            address = _address(context, builder, signature.args[0], args[0], place)
            return builder.load(address, align=8)

        return vec(array, types.intp, vec, vec), code

    return function


left_of = _beside(-1)
"""``left_of(a, at, last, here)`` is `here`, the eight of a flat array from `at` on, each replaced by
the one before it; `last` are the eight before. Nothing may have been written there just before: the
load would wait for it."""
right_of = _beside(1)
"""``right_of(a, at, here, following)``: each replaced by the one after it."""


def _shifting(first: int) -> Any:
    @intrinsic
    def function(_: Any, a: Any, b: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return _shuffle(builder, args[0], args[1], list(range(first, first + LANES)))

        return vec(vec, vec), code

    return function


before = _shifting(LANES - 1)
"""``before(a, b)`` is b with each entry replaced by the one before it, the first by the last of
a."""
after = _shifting(1)
"""``after(a, b)`` is a with each entry replaced by the one after it, the last by the first of b."""


@intrinsic
def with_lane(_: Any, a: Any, index: Any, value: Any) -> Any:
    """Return the eight with one replaced. (By a comparison: an index that is not known beforehand
    would send the eight through memory, where what was written in pieces is waited for.)"""
    whole = ir.VectorType(ir.IntType(64), LANES)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        places = ir.Constant(whole, list(range(LANES)))
        there = builder.icmp_signed("==", places, _spread(builder, args[1]))
        return builder.select(there, _spread(builder, args[2]), args[0])

    return vec(vec, types.intp, types.float64), code


@kernel
def total(v: Any) -> float:
    """Return the sum of eight."""
    return ((lane(v, 0) + lane(v, 4)) + (lane(v, 1) + lane(v, 5))) + (
        (lane(v, 2) + lane(v, 6)) + (lane(v, 3) + lane(v, 7))
    )


@kernel
def largest(v: Any) -> float:
    """Return the largest of eight (NaN if there is one)."""
    best = lane(v, 0)
    for k in range(1, 8):
        value = lane(v, k)
        if not value <= best:
            best = value
    return best


@kernel
def store_tile(y: Any, at: int, tile: Any) -> None:
    """Write eight vectors one after another."""
    t0, t1, t2, t3, t4, t5, t6, t7 = tile
    store(y, at, t0)
    store(y, at + 8, t1)
    store(y, at + 16, t2)
    store(y, at + 24, t3)
    store(y, at + 32, t4)
    store(y, at + 40, t5)
    store(y, at + 48, t6)
    store(y, at + 56, t7)


@kernel
def add_tile(y: Any, at: int, tile: Any) -> None:
    """Add eight vectors to what stands there one after another."""
    t0, t1, t2, t3, t4, t5, t6, t7 = tile
    store(y, at, load(y, at) + t0)
    store(y, at + 8, load(y, at + 8) + t1)
    store(y, at + 16, load(y, at + 16) + t2)
    store(y, at + 24, load(y, at + 24) + t3)
    store(y, at + 32, load(y, at + 32) + t4)
    store(y, at + 40, load(y, at + 40) + t5)
    store(y, at + 48, load(y, at + 48) + t6)
    store(y, at + 56, load(y, at + 56) + t7)
