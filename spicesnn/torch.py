"""Layers of PyTorch that compute on crossbar tiles: forward and backward through wires, cells and
converters.

``convert(module, hardware)`` puts the dense and convolutional layers of a trained module onto
tiles; training goes on from there with any optimiser of PyTorch, its gradients those of the solved
circuits. Converters round in the forward pass and let gradients through."""

from __future__ import annotations

import copy
from typing import Any, cast

import numpy as np

from spicesnn.errors import InputError, MissingPackageError
from spicesnn.networks.differentiable import Product, check, product
from spicesnn.networks.hardware import Hardware

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError:
    raise MissingPackageError(
        "spicesnn.torch needs PyTorch, which is not installed: pip install 'spicesnn[torch]'"
    ) from None


class _Tiles(torch.autograd.Function):
    """``u @ w`` through tiles, and its exact gradient."""

    @staticmethod
    def forward(
        context: Any, weights: torch.Tensor, u: torch.Tensor, hardware: Hardware
    ) -> torch.Tensor:
        done = product(weights.detach().double().numpy(), u.detach().double().numpy(), hardware)
        context.done, context.kinds = done, (weights.dtype, u.dtype)
        return torch.from_numpy(done.values).to(u.dtype)

    @staticmethod
    def backward(context: Any, slopes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:  # type: ignore[override]
        done: Product = context.done
        dw, du = done.backward(slopes.detach().double().numpy())
        return (
            torch.from_numpy(dw).to(context.kinds[0]),
            torch.from_numpy(du).to(context.kinds[1]),
            None,
        )


def _straight_through(exact: torch.Tensor, rounded: torch.Tensor) -> torch.Tensor:
    """The rounded values with the gradient of the exact ones."""
    return exact + (rounded - exact).detach()


class _Crossbar(nn.Module):
    """What dense and convolutional layers share: full scales, converters, the product through
    tiles."""

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(self, hardware: Hardware) -> None:
        super().__init__()
        if not isinstance(hardware, Hardware):
            raise InputError(f"hardware is {hardware!r:.80}; expected a spicesnn.Hardware")
        check(hardware)
        self.hardware = hardware
        self.register_buffer("full_in", torch.zeros(()))
        self.register_buffer("full_out", torch.zeros(()))

    def _tracked(self, name: str, values: torch.Tensor) -> torch.Tensor:
        """The full scale of a converter: the largest value seen in training; in evaluation it
        stands."""
        full = cast(torch.Tensor, getattr(self, name))
        if self.training or not bool(full > 0):
            full = torch.maximum(full, values.detach().abs().max().to(full.dtype))
            setattr(self, name, full)
        return torch.where(full > 0, full, torch.ones_like(full))

    def _multiplied(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Rows x (n, inputs) times weight (outputs, inputs) and the bias, through the tiles."""
        hardware = self.hardware
        full = self._tracked("full_in", x)
        u = x / full
        if hardware.dac is not None:
            signed = bool((x < 0).any())
            codes = hardware.dac.codes(
                u.detach().double().numpy(), 1.0, signed
            ) / hardware.dac.levels(signed)
            u = _straight_through(u, torch.from_numpy(codes).to(u.dtype))
        matrix = weight.T
        if self.bias is not None:
            matrix = torch.cat([matrix, (self.bias / full)[None]])
            u = torch.cat([u, torch.ones_like(u[:, :1])], dim=1)
        largest = matrix.detach().abs().max()
        largest = torch.where(largest > 0, largest, torch.ones_like(largest))
        out = cast(torch.Tensor, _Tiles.apply(matrix / largest, u, hardware))  # type: ignore[no-untyped-call]
        if hardware.adc is not None:
            top = self._tracked("full_out", out)
            levels = hardware.adc.converted(out.detach().double().numpy(), float(top), signed=True)
            out = _straight_through(out, torch.from_numpy(levels).to(out.dtype))
        return out * (full * largest)


class CrossbarLinear(_Crossbar):
    """``y = x Wᵀ + b`` on crossbar tiles, in place of `torch.nn.Linear`.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    hardware : Hardware
        One slice a weight, no drawn non-idealities.
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, hardware: Hardware
    ) -> None:
        super().__init__(hardware)
        like = nn.Linear(in_features, out_features, bias)
        self.weight, self.bias = like.weight, cast("nn.Parameter | None", like.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs (…, out_features) of inputs (…, in_features)."""
        flat = x.reshape(-1, x.shape[-1])
        return self._multiplied(flat, self.weight).reshape(*x.shape[:-1], len(self.weight))


class CrossbarConv2d(_Crossbar):
    """A convolution on crossbar tiles, in place of `torch.nn.Conv2d`: the unrolled kernel is the
    array, inputs slide.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, bias
        As of `torch.nn.Conv2d`, with zeros as padding and one group.
    hardware : Hardware
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        bias: bool = True,
        *,
        hardware: Hardware,
    ) -> None:
        super().__init__(hardware)
        like = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, padding, dilation, bias=bias
        )
        self.weight, self.bias = like.weight, like.bias
        self.kernel_size, self.stride, self.padding, self.dilation = (
            like.kernel_size,
            like.stride,
            like.padding,
            like.dilation,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs (n, out_channels, height, width) of inputs (n, in_channels, height, width)."""
        pads, outputs = cast("tuple[int, int]", self.padding), len(self.weight)
        rows = functional.unfold(
            x, self.kernel_size, self.dilation, pads, self.stride
        )  # (n, inputs·size, positions)
        n, size, positions = rows.shape
        flat = self._multiplied(
            rows.transpose(1, 2).reshape(n * positions, size), self.weight.reshape(outputs, -1)
        )
        spans = zip(x.shape[2:], self.kernel_size, self.stride, pads, self.dilation, strict=True)
        sizes = [(length + 2 * p - d * (k - 1) - 1) // s + 1 for length, k, s, p, d in spans]
        return flat.reshape(n, positions, outputs).transpose(1, 2).reshape(n, outputs, *sizes)


def convert(module: nn.Module, hardware: Hardware) -> nn.Module:
    """A copy of a module whose dense and convolutional layers stand on crossbar tiles, with the
    same weights.

    Parameters
    ----------
    module : torch.nn.Module
    hardware : Hardware

    Raises
    ------
    InputError
        A convolution with groups or a padding that is not zeros; a module without a layer to
        convert.
    """
    made, count = copy.deepcopy(module), 0

    def replaced(layer: nn.Module, name: str) -> nn.Module | None:
        if isinstance(layer, nn.Linear):
            new: _Crossbar = CrossbarLinear(
                layer.in_features, layer.out_features, layer.bias is not None, hardware=hardware
            )
        elif isinstance(layer, nn.Conv2d):
            if layer.groups != 1 or layer.padding_mode != "zeros" or isinstance(layer.padding, str):
                raise InputError(
                    f"layer {name!r}: groups = {layer.groups}, padding = {layer.padding!r}"
                    f" ({layer.padding_mode}); expected one group and a padding of zeros in numbers"
                )
            new = CrossbarConv2d(
                layer.in_channels,
                layer.out_channels,
                cast("tuple[int, int]", layer.kernel_size),
                cast("tuple[int, int]", layer.stride),
                cast("tuple[int, int]", layer.padding),
                cast("tuple[int, int]", layer.dilation),
                layer.bias is not None,
                hardware=hardware,
            )
        else:
            return None
        new.load_state_dict(layer.state_dict(), strict=False)
        return new.to(layer.weight.dtype)

    if (whole := replaced(made, "module")) is not None:
        return whole
    for name, parent in list(made.named_modules()):
        for key, child in list(parent.named_children()):
            new = replaced(child, f"{name}.{key}" if name else key)
            if new is not None:
                setattr(parent, key, new)
                count += 1
    if not count:
        raise InputError(
            "the module has no dense or two-dimensional convolutional layer; nothing would stand on"
            " arrays"
        )
    return made


def arrays(module: nn.Module) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]]:
    """Weights (inputs, outputs) and biases of a module's dense layers in order, for
    `Network.from_arrays`."""
    found = []
    for layer in module.modules():
        if isinstance(layer, nn.Linear | CrossbarLinear):
            bias = None if layer.bias is None else layer.bias.detach().double().numpy()
            found.append((layer.weight.detach().double().numpy().T, bias))
    return found
