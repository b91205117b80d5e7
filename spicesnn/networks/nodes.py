"""What stands between populations of neurons: dense and convolutional weights, pooling,
activations, shapes.

Each node is a pure function of its input, a batch first: ``(n, *shape_in) → (n, *shape_out)``. A
node with weights can also be computed by something else than NumPy (an array of memristors): it
says which matrix it multiplies by (`matrices`) and how its input reaches the matrix's rows
(`rows_of`)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from spicesnn.errors import InputError

Values = NDArray[np.float64]
Shape = tuple[int, ...]


def real(values: ArrayLike, name: str, ndim: int | None = None) -> Values:
    """Take an array of finite real numbers as its own read-only copy; doubles that nobody can
    write to are taken as they are.

    Raises
    ------
    InputError
        Text, complex numbers, masked entries, NaN or infinity, or another number of dimensions.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise InputError(f"{name} has masked entries; expected numbers everywhere")
    try:
        given = np.asarray(values)
    except ValueError:
        raise InputError(f"{name} is no array: its rows differ in length") from None
    if given.dtype.kind not in "biuf":
        raise InputError(f"{name} has type {given.dtype}; expected real numbers")
    array = given if _settled(given) else np.array(given, dtype=np.float64)
    if ndim is not None and array.ndim != ndim:
        raise InputError(f"{name} has shape {array.shape}; expected {ndim} dimensions")
    if not np.all(np.isfinite(array)):
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise InputError(f"{name}{list(where)} is {array[where]}; expected finite numbers")
    array.setflags(write=False)
    return array


def _settled(array: NDArray[Any]) -> bool:
    """Whether an array is plain doubles whose memory is read-only."""
    owner = array if array.base is None else array.base
    plain = type(array) is np.ndarray and array.dtype == np.float64
    return plain and type(owner) is np.ndarray and not owner.flags.writeable


def fits(part: Shape, shape: Shape) -> bool:
    """Whether values of a shape broadcast against one sample without changing its shape."""
    try:
        return np.broadcast_shapes(part, shape) == shape
    except ValueError:
        return False


class Node(ABC):
    """One step of a network, without memory from one time step to the next."""

    kind: ClassVar[str]

    @abstractmethod
    def shape_out(self, shape: Shape) -> Shape:
        """Shape of one sample's output, or an `InputError` where the input's shape does not fit."""

    @abstractmethod
    def __call__(self, x: Values) -> Values:
        """Compute the outputs (n, *shape_out) of inputs (n, *shape_in)."""


class Weighted(Node):
    """A node that multiplies by matrices: what crossbar arrays can do.

    Its output is ``assembled([rows_of(x)[g] @ matrices[g] …])``, biases included.
    """

    @property
    @abstractmethod
    def matrices(self) -> tuple[Values, ...]:
        """One matrix (rows, outputs) a group of channels; all groups are alike in shape."""

    @property
    @abstractmethod
    def bias(self) -> tuple[Values, ...] | None:
        """One bias (outputs,) a group, or None where there is none."""

    @abstractmethod
    def rows_of(self, x: Values) -> list[Values]:
        """Lay inputs (n, *shape_in) out for each group's matrix: (n·positions, rows)."""

    @abstractmethod
    def assembled(self, parts: list[Values], n: int, shape_in: Shape) -> Values:
        """Put the groups' products (n·positions, outputs) together: (n, *shape_out)."""

    def __call__(self, x: Values) -> Values:
        offsets = self.bias
        parts = []
        for g, (rows, matrix) in enumerate(zip(self.rows_of(x), self.matrices, strict=True)):
            product = rows @ matrix
            parts.append(product if offsets is None else product + offsets[g])
        return self.assembled(parts, len(x), x.shape[1:])


@dataclass(frozen=True, slots=True, eq=False)
class Dense(Weighted):
    """``y = x W + b``.

    Attributes
    ----------
    weights : (inputs, outputs)
    offsets : (outputs,), optional
        The bias b.
    """

    kind: ClassVar[str] = "dense"
    weights: Values
    offsets: Values | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", real(self.weights, "weights", 2))
        if not self.weights.size:
            raise InputError(
                f"weights have shape {self.weights.shape}; expected at least one input and one"
                " output"
            )
        if self.offsets is not None:
            offsets = real(self.offsets, "bias", 1)
            if offsets.shape != self.weights.shape[1:]:
                raise InputError(
                    f"bias has shape {offsets.shape}; the weights {self.weights.shape} (inputs,"
                    f" outputs) need ({self.weights.shape[1]},)"
                )
            object.__setattr__(self, "offsets", offsets)

    @property
    def matrices(self) -> tuple[Values, ...]:
        """The one matrix."""
        return (self.weights,)

    @property
    def bias(self) -> tuple[Values, ...] | None:
        """The one bias."""
        return None if self.offsets is None else (self.offsets,)

    def shape_out(self, shape: Shape) -> Shape:
        """One output a column of the weights."""
        if shape != self.weights.shape[:1]:
            raise InputError(
                f"a dense layer with weights {self.weights.shape} (inputs, outputs) takes inputs of"
                f" shape ({self.weights.shape[0]},); got {shape}"
            )
        return self.weights.shape[1:]

    def rows_of(self, x: Values) -> list[Values]:
        """The inputs as they are."""
        return [x]

    def assembled(self, parts: list[Values], n: int, shape_in: Shape) -> Values:
        """The product as it is."""
        return parts[0]


def _per_axis(value: int | tuple[int, ...], axes: int, name: str, lowest: int) -> tuple[int, ...]:
    items = tuple(
        int(v) for v in (value if isinstance(value, tuple | list | np.ndarray) else (value,) * axes)
    )
    if len(items) != axes or any(v < lowest for v in items):
        raise InputError(f"{name} is {value}; expected {axes} whole numbers, {lowest} or more")
    return items


@dataclass(frozen=True, slots=True, eq=False)
class Convolution(Weighted):
    """A convolution over one to three axes (in the sense of neural networks: a correlation).

    Attributes
    ----------
    kernel : (outputs, inputs / groups, *size)
    offsets : (outputs,), optional
    stride, dilation : one number an axis
    padding : ((before, after), …) one pair an axis
        Zeros around the input.
    groups : int
        Inputs and outputs fall into groups that do not mix.
    """

    kind: ClassVar[str] = "convolution"
    kernel: Values
    offsets: Values | None = None
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[tuple[int, int], ...] = ((0, 0), (0, 0))
    dilation: tuple[int, ...] = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        kernel = real(self.kernel, "kernel")
        if kernel.ndim not in (3, 4, 5) or not kernel.size:
            raise InputError(
                f"kernel has shape {kernel.shape}; expected (outputs, inputs per group, size),"
                " (…, height, width) or (…, depth, height, width)"
            )
        axes = kernel.ndim - 2
        object.__setattr__(self, "kernel", kernel)
        object.__setattr__(self, "stride", _per_axis(self.stride, axes, "stride", 1))
        object.__setattr__(self, "dilation", _per_axis(self.dilation, axes, "dilation", 1))
        padding = tuple(_per_axis(tuple(pair), 2, "padding", 0) for pair in self.padding)
        if len(padding) != axes:
            raise InputError(f"padding is {self.padding}; expected {axes} pairs (before, after)")
        object.__setattr__(self, "padding", padding)
        if not 1 <= self.groups <= len(kernel) or len(kernel) % self.groups:
            raise InputError(
                f"groups is {self.groups}; it must divide the {len(kernel)} outputs of the"
                " convolution"
            )
        if self.offsets is not None:
            offsets = real(self.offsets, "bias", 1)
            if offsets.shape != kernel.shape[:1]:
                raise InputError(
                    f"bias has shape {offsets.shape}; the kernel {kernel.shape} needs"
                    f" ({len(kernel)},)"
                )
            object.__setattr__(self, "offsets", offsets)

    @property
    def axes(self) -> int:
        """Number of axes it slides along, 1 to 3."""
        return self.kernel.ndim - 2

    @property
    def matrices(self) -> tuple[Values, ...]:
        """The unrolled kernels of each group: (inputs · size, outputs)."""
        return tuple(part.reshape(len(part), -1).T for part in np.split(self.kernel, self.groups))

    @property
    def bias(self) -> tuple[Values, ...] | None:
        """The bias of each group."""
        return None if self.offsets is None else tuple(np.split(self.offsets, self.groups))

    def _sizes(self, shape: Shape) -> Shape:
        wanted = self.kernel.shape[1] * self.groups
        if len(shape) != self.axes + 1 or shape[0] != wanted:
            raise InputError(
                f"a convolution with a kernel of {self.kernel.shape} and {self.groups} group(s)"
                f" takes inputs of shape ({wanted}, {', '.join(['size'] * self.axes)}); got {shape}"
            )
        return swept(shape[1:], self.kernel.shape[2:], self.stride, self.padding, self.dilation)

    def shape_out(self, shape: Shape) -> Shape:
        """(outputs, *positions)."""
        return (len(self.kernel), *self._sizes(shape))

    def rows_of(self, x: Values) -> list[Values]:
        """One row a position: the inputs under the kernel."""
        self._sizes(x.shape[1:])
        seen = windows(x, self.kernel.shape[2:], self.stride, self.padding, self.dilation)
        # (n, channels, *positions, *size) → (n, *positions, channels, *size)
        order = (0, *range(2, 2 + self.axes), 1, *range(2 + self.axes, 2 + 2 * self.axes))
        rows = seen.transpose(order)
        positions = math.prod(rows.shape[: 1 + self.axes])
        split = np.split(rows, self.groups, axis=1 + self.axes)
        return [np.ascontiguousarray(part).reshape(positions, -1) for part in split]

    def assembled(self, parts: list[Values], n: int, shape_in: Shape) -> Values:
        """Positions back into an image of outputs."""
        sizes = self._sizes(shape_in)
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        image = joined.reshape(n, *sizes, len(self.kernel))
        return np.ascontiguousarray(np.moveaxis(image, -1, 1))


def swept(
    sizes: Shape,
    kernel: Shape,
    stride: Shape,
    padding: tuple[tuple[int, int], ...],
    dilation: Shape,
) -> Shape:
    """Number of positions of a sliding kernel along each axis."""
    found = []
    for size, k, s, (before, after), d in zip(
        sizes, kernel, stride, padding, dilation, strict=True
    ):
        room = size + before + after - d * (k - 1) - 1
        if room < 0:
            raise InputError(
                f"a kernel of {kernel} (dilation {dilation}) is larger than the padded input"
                f" {sizes}"
            )
        found.append(room // s + 1)
    return tuple(found)


def windows(
    x: Values,
    kernel: Shape,
    stride: Shape,
    padding: tuple[tuple[int, int], ...],
    dilation: Shape,
    fill: float = 0.0,
) -> Values:
    """See inputs (n, channels, *sizes) through a sliding kernel: (n, channels, *positions,
    *kernel), a view where possible."""
    if any(any(pair) for pair in padding):
        x = np.pad(x, ((0, 0), (0, 0), *padding), constant_values=fill)
    spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    axes = tuple(range(2, 2 + len(kernel)))
    seen = sliding_window_view(x, spans, axis=axes)
    picked = (
        slice(None),
        slice(None),
        *(slice(None, None, s) for s in stride),
        *(slice(None, None, d) for d in dilation),
    )
    return seen[picked]


@dataclass(frozen=True, slots=True, eq=False)
class Pooling(Node):
    """Sum, average or largest value under a sliding window.

    `counts_padding`: whether an average divides by the window's whole size, zeros around the input
    included."""

    kind: ClassVar[str] = "pooling"
    what: Literal["sum", "average", "max"]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    counts_padding: bool = True
    dilation: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        axes = len(self.size)
        object.__setattr__(self, "size", _per_axis(self.size, axes, "pooling size", 1))
        object.__setattr__(self, "stride", _per_axis(self.stride, axes, "pooling stride", 1))
        object.__setattr__(
            self, "dilation", _per_axis(self.dilation or (1,) * axes, axes, "pooling dilation", 1)
        )
        object.__setattr__(
            self, "padding", tuple(_per_axis(tuple(pair), 2, "padding", 0) for pair in self.padding)
        )
        if self.what not in ("sum", "average", "max") or len(self.padding) != axes:
            raise InputError(
                f"pooling {self.what!r} of {self.size} with padding {self.padding}; expected sum,"
                " average or max, a pair an axis"
            )

    def shape_out(self, shape: Shape) -> Shape:
        """(channels, *positions)."""
        if len(shape) != len(self.size) + 1:
            raise InputError(
                f"pooling over {self.size} takes inputs of {len(self.size) + 1} axes, channels"
                f" first; got {shape}"
            )
        positions = swept(shape[1:], self.size, self.stride, self.padding, self.dilation)
        if self.what == "max" or (self.what == "average" and not self.counts_padding):
            self._check_windows(shape[1:], positions)
        return (shape[0], *positions)

    def _check_windows(self, sizes: Shape, positions: Shape) -> None:
        """Refuse a window with padding alone in it, which has neither a mean nor a largest
        value."""
        for size, count, k, s, (before, _), d in zip(
            sizes, positions, self.size, self.stride, self.padding, self.dilation, strict=True
        ):
            seen = s * np.arange(count)[:, None] + d * np.arange(k) - before
            if not np.all(np.any((seen >= 0) & (seen < size), axis=1)):
                raise InputError(
                    f"pooling over {self.size} with padding {self.padding} has windows that hold"
                    " padding alone; expected less padding than window"
                )

    def __call__(self, x: Values) -> Values:
        self.shape_out(x.shape[1:])
        axes = tuple(range(-len(self.size), 0))
        fill = -np.inf if self.what == "max" else 0.0
        seen = windows(x, self.size, self.stride, self.padding, self.dilation, fill)
        if self.what == "max":  # a few passes over whole images, in place of many small maxima
            first, *others = np.ndindex(*self.size)
            largest = np.array(seen[(..., *first)])
            for place in others:
                np.maximum(largest, seen[(..., *place)], out=largest)
            return largest
        total = seen.sum(axis=axes)
        if self.what == "sum":
            return np.asarray(total)
        if self.counts_padding:
            return np.asarray(total / math.prod(self.size))
        inside = windows(
            np.ones((1, 1, *x.shape[2:])), self.size, self.stride, self.padding, self.dilation
        ).sum(axis=axes)
        return np.asarray(total / inside)


@dataclass(frozen=True, slots=True, eq=False)
class Scale(Node):
    """``y = x · factors + offsets``, element by element (both broadcast against one sample)."""

    kind: ClassVar[str] = "scale"
    factors: Values
    offsets: Values | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "factors", real(self.factors, "scale"))
        if self.offsets is not None:
            object.__setattr__(self, "offsets", real(self.offsets, "offset"))

    @property
    def plain(self) -> bool:
        """Whether it leaves values as they are."""
        return self.offsets is None and self.factors.ndim == 0 and float(self.factors) == 1.0

    def shape_out(self, shape: Shape) -> Shape:
        """The input's shape."""
        for part in (self.factors, self.offsets):
            if part is None:
                continue
            if not fits(part.shape, shape):
                raise InputError(
                    f"a scale of shape {part.shape} does not fit inputs of shape {shape}"
                )
        return shape

    def __call__(self, x: Values) -> Values:
        scaled = x * self.factors
        return np.asarray(scaled if self.offsets is None else scaled + self.offsets)


@dataclass(frozen=True, slots=True, eq=False)
class Reshape(Node):
    """Give each sample another shape; one −1 stands for what is left."""

    kind: ClassVar[str] = "reshape"
    shape: tuple[int, ...]

    def shape_out(self, shape: Shape) -> Shape:
        """The new shape."""
        size, known = math.prod(shape), math.prod(v for v in self.shape if v != -1)
        open_axes = sum(v == -1 for v in self.shape)
        if (
            open_axes > 1
            or (open_axes == 0 and known != size)
            or (open_axes == 1 and (known == 0 or size % known))
        ):
            raise InputError(f"{size} values a sample (shape {shape}) cannot become {self.shape}")
        return tuple(size // known if v == -1 else v for v in self.shape)

    def __call__(self, x: Values) -> Values:
        return x.reshape(len(x), *self.shape_out(x.shape[1:]))


@dataclass(frozen=True, slots=True, eq=False)
class Flatten(Node):
    """Several neighbouring axes of a sample made one, from `first` to `last` (both may count from
    the end)."""

    kind: ClassVar[str] = "reshape"
    first: int = 0
    last: int = -1

    def shape_out(self, shape: Shape) -> Shape:
        """The shape with these axes made one."""
        first, last = (k + len(shape) if k < 0 else k for k in (self.first, self.last))
        if not 0 <= first <= last < len(shape):
            raise InputError(
                f"Flatten from axis {self.first} to {self.last} of a sample of shape {shape}"
            )
        return (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])

    def __call__(self, x: Values) -> Values:
        return x.reshape(len(x), *self.shape_out(x.shape[1:]))


@dataclass(frozen=True, slots=True, eq=False)
class Transpose(Node):
    """Reorder the axes of each sample (the batch axis stays first)."""

    kind: ClassVar[str] = "transpose"
    order: tuple[int, ...]

    def __post_init__(self) -> None:
        if sorted(self.order) != list(range(len(self.order))):
            raise InputError(
                f"an order of axes {self.order}; expected each of 0…{len(self.order) - 1} once"
            )

    def shape_out(self, shape: Shape) -> Shape:
        """The reordered shape."""
        if len(shape) != len(self.order):
            raise InputError(
                f"a transposition of {len(self.order)} axes got a sample of shape {shape}"
            )
        return tuple(shape[k] for k in self.order)

    def __call__(self, x: Values) -> Values:
        return x.transpose(0, *(k + 1 for k in self.order))


@dataclass(frozen=True, slots=True, eq=False)
class Embed(Node):
    """Put a sample into a longer one of zeros, at `begin` along an axis: added up, such pieces are
    a concatenation."""

    kind: ClassVar[str] = "concatenation"
    axis: int
    begin: int
    length: int

    def shape_out(self, shape: Shape) -> Shape:
        """The longer shape."""
        if not (
            0 <= self.axis < len(shape)
            and self.begin >= 0
            and self.begin + shape[self.axis] <= self.length
        ):
            raise InputError(
                f"a piece of shape {shape} does not fit at {self.begin} of {self.length} along axis"
                f" {self.axis}"
            )
        return (*shape[: self.axis], self.length, *shape[self.axis + 1 :])

    def __call__(self, x: Values) -> Values:
        out = np.zeros((len(x), *self.shape_out(x.shape[1:])))
        place = [slice(None)] * out.ndim
        place[self.axis + 1] = slice(self.begin, self.begin + x.shape[self.axis + 1])
        out[tuple(place)] = x
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Part(Node):
    """Some places along one axis of a sample, in the order of `places`."""

    kind: ClassVar[str] = "part"
    axis: int
    places: tuple[int, ...]

    def shape_out(self, shape: Shape) -> Shape:
        """The shape with as many places along the axis."""
        if not 0 <= self.axis < len(shape) or not self.places:
            raise InputError(f"{len(self.places)} places along axis {self.axis} of a shape {shape}")
        if min(self.places) < 0 or max(self.places) >= shape[self.axis]:
            raise InputError(
                f"places {min(self.places)} to {max(self.places)} along axis {self.axis} of a sample"
                f" of shape {shape}"
            )
        return (*shape[: self.axis], len(self.places), *shape[self.axis + 1 :])

    def __call__(self, x: Values) -> Values:
        return np.take(x, self.places, axis=self.axis + 1)


def shape_without(axes: tuple[int, ...], shape: Shape, what: str) -> Shape:
    """Return the shape of a sample with 1 for the axes over which it is brought down."""
    if not axes or not all(0 <= axis < len(shape) for axis in axes):
        raise InputError(f"a {what} over the axes {axes} of a sample of shape {shape}")
    return tuple(1 if k in axes else size for k, size in enumerate(shape))


@dataclass(frozen=True, slots=True, eq=False)
class Reduced(Node):
    """Sum or average over some axes of a sample, which stay with the size 1."""

    kind: ClassVar[str] = "reduction"
    what: Literal["sum", "average"]
    axes: tuple[int, ...]

    def shape_out(self, shape: Shape) -> Shape:
        """The shape with 1 for these axes."""
        return shape_without(self.axes, shape, self.what)

    def __call__(self, x: Values) -> Values:
        axes = tuple(axis + 1 for axis in self.axes)
        total = x.sum(axis=axes, keepdims=True)
        return np.asarray(
            total if self.what == "sum" else total / math.prod(x.shape[axis] for axis in axes)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Repeated(Node):
    """A sample repeated along its axes of size 1."""

    kind: ClassVar[str] = "repetition"
    shape: tuple[int, ...]

    def shape_out(self, shape: Shape) -> Shape:
        """The larger shape."""
        if len(shape) != len(self.shape) or not fits(shape, self.shape):
            raise InputError(f"a sample of shape {shape} cannot be repeated to {self.shape}")
        return self.shape

    def __call__(self, x: Values) -> Values:
        return np.broadcast_to(x, (len(x), *self.shape))


@dataclass(frozen=True, slots=True, eq=False)
class Pad(Node):
    """Zeros (or another constant) around a sample: one pair (before, after) an axis."""

    kind: ClassVar[str] = "padding"
    padding: tuple[tuple[int, int], ...]
    value: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "padding", tuple(_per_axis(tuple(pair), 2, "padding", 0) for pair in self.padding)
        )

    def shape_out(self, shape: Shape) -> Shape:
        """The padded shape."""
        if len(shape) != len(self.padding):
            raise InputError(f"padding of {len(self.padding)} axes for a sample of shape {shape}")
        return tuple(size + a + b for size, (a, b) in zip(shape, self.padding, strict=True))

    def __call__(self, x: Values) -> Values:
        return np.pad(x, ((0, 0), *self.padding), constant_values=self.value)
