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


@intrinsic
def splat(_: Any, value: Any) -> Any:
    """Return one number eight times."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        one = builder.insert_element(
            ir.Constant(_VECTOR, ir.Undefined), args[0], ir.Constant(ir.IntType(32), 0)
        )
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)
        return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), zeros)

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


@intrinsic
def transpose(_: Any, rows: Any) -> Any:
    """Return the 8×8 transpose of a tuple of eight vectors (three rounds of butterflies)."""
    kind = types.UniTuple(vec, LANES)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        v = [builder.extract_value(args[0], k) for k in range(LANES)]
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
        result = ir.Constant(ir.ArrayType(_VECTOR, LANES), ir.Undefined)
        for k in range(LANES):
            result = builder.insert_value(result, v[k], k)
        return result

    return kind(kind), code


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
    """Return the eight with one replaced."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.insert_element(args[0], args[2], args[1])

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
def tile_at(a: Any, at: int, stride: int) -> Any:
    """Return the 8×8 tile of a flat array whose first row begins at `at`, transposed."""
    return transpose(
        (
            load(a, at),
            load(a, at + stride),
            load(a, at + 2 * stride),
            load(a, at + 3 * stride),
            load(a, at + 4 * stride),
            load(a, at + 5 * stride),
            load(a, at + 6 * stride),
            load(a, at + 7 * stride),
        )
    )


@kernel
def product_tile_at(a: Any, b: Any, at: int, stride: int) -> Any:
    """Return the 8×8 tile of a·b, transposed."""
    s2, s3, s4, s5, s6, s7 = 2 * stride, 3 * stride, 4 * stride, 5 * stride, 6 * stride, 7 * stride
    return transpose(
        (
            load(a, at) * load(b, at),
            load(a, at + stride) * load(b, at + stride),
            load(a, at + s2) * load(b, at + s2),
            load(a, at + s3) * load(b, at + s3),
            load(a, at + s4) * load(b, at + s4),
            load(a, at + s5) * load(b, at + s5),
            load(a, at + s6) * load(b, at + s6),
            load(a, at + s7) * load(b, at + s7),
        )
    )


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
