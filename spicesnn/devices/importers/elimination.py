# mypy: disallow-untyped-decorators=False
"""What the texts that `native` writes call: memory for the unknowns of one cell, and small systems of
linear equations in it."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import float64, types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic(prefer_literal=True)
def scratch(typing: Any, count: Any) -> Any:
    """Return a pointer to so many numbers on the stack of the function that asks for them."""
    size = count.literal_value

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return cgutils.alloca_once(builder, ir.DoubleType(), size=size)

    return types.CPointer(float64)(count), code


@intrinsic
def chosen(typing: Any, condition: Any, yes: Any, no: Any) -> Any:
    """Return one of two numbers, without a jump."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        holds = context.cast(builder, args[0], signature.args[0], types.boolean)
        return builder.select(holds, args[1], args[2])

    return float64(types.boolean, float64, float64), code


def eliminated(w: Any, matrix: Any, n: Any, right: Any) -> None:
    """Solve the n × n system that begins at w[matrix], row after row, for the side at w[right],
    which becomes the answer: Gauss, with the largest pivot of each column."""
    for k in range(n):
        best = k
        for i in range(k + 1, n):
            if abs(w[matrix + i * n + k]) > abs(w[matrix + best * n + k]):
                best = i
        if best != k:
            for j in range(n):
                one, other = matrix + k * n + j, matrix + best * n + j
                w[one], w[other] = w[other], w[one]
            w[right + k], w[right + best] = w[right + best], w[right + k]
        for i in range(k + 1, n):
            factor = w[matrix + i * n + k] / w[matrix + k * n + k]
            for j in range(k + 1, n):
                w[matrix + i * n + j] -= factor * w[matrix + k * n + j]
            w[right + i] -= factor * w[right + k]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            w[right + i] -= w[matrix + i * n + j] * w[right + j]
        w[right + i] /= w[matrix + i * n + i]
