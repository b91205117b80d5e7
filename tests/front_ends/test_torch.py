"""Layers of PyTorch on tiles: the module's own numbers on ideal arrays, exact gradients behind
wires, converters that let gradients through."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import spicesnn as sn  # noqa: E402
from spicesnn.errors import InputError  # noqa: E402
from spicesnn.torch import CrossbarConv2d, CrossbarLinear, arrays, convert  # noqa: E402

nn = torch.nn
DEVICE = sn.devices.VTEAM(r_on=10e3, r_off=1e6)
IDEAL = sn.Hardware(device=DEVICE, tile=(16, 10))
WIRED = sn.Hardware(
    device=DEVICE, tile=(16, 10), wires=sn.Wires(word_line_ohm=5.0, bit_line_ohm=5.0)
)


def lenet() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(3 * 5 * 5, 7),
        nn.ReLU(),
        nn.Linear(7, 4),
    ).double()


def test_on_ideal_arrays_a_converted_module_gives_its_own_outputs_and_gradients() -> None:
    module = lenet()
    crossbars = convert(module, IDEAL)
    x = torch.randn(6, 1, 9, 9, dtype=torch.float64)
    torch.testing.assert_close(crossbars(x), module(x), rtol=1e-9, atol=1e-10)
    for made in (module, crossbars):
        nn.functional.cross_entropy(made(x), torch.tensor([0, 1, 2, 3, 0, 1])).backward()
    for one, other in zip(module.parameters(), crossbars.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_through_wires_are_exact(bias: bool) -> None:
    torch.manual_seed(1)
    layer = CrossbarLinear(9, 4, bias, hardware=WIRED).double().eval()
    x = torch.randn(5, 9, dtype=torch.float64, requires_grad=True)
    layer(x)
    loss = layer(x).sin().sum()
    loss.backward()
    for values, at in ((x, (2, 3)), (layer.weight, (1, 5))):
        step = 1e-5
        with torch.no_grad():
            values[at] += step
            up = layer(x).sin().sum()
            values[at] -= 2 * step
            down = layer(x).sin().sum()
            values[at] += step
        assert values.grad[at].item() == pytest.approx(((up - down) / (2 * step)).item(), rel=2e-5)


def test_a_convolution_is_the_one_of_torch() -> None:
    torch.manual_seed(2)
    layer = CrossbarConv2d(
        2, 5, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), hardware=IDEAL
    ).double()
    x = torch.randn(3, 2, 8, 7, dtype=torch.float64)
    wanted = nn.functional.conv2d(x, layer.weight, layer.bias, (2, 1), (1, 0), (1, 2))
    torch.testing.assert_close(layer(x), wanted, rtol=1e-9, atol=1e-10)


def test_converters_round_and_let_gradients_through() -> None:
    torch.manual_seed(3)
    layer = CrossbarLinear(
        8, 3, hardware=IDEAL.with_changes(adc=sn.ADC(bits=4), dac=sn.DAC(bits=4))
    ).double()
    x = torch.randn(40, 8, dtype=torch.float64, requires_grad=True)
    out = layer(x)
    assert all(len(torch.unique(out[:, k])) <= 15 for k in range(3))
    out.sum().backward()
    torch.testing.assert_close(x.grad, layer.weight.sum(dim=0).expand(40, 8), rtol=1e-6, atol=1e-8)


def test_fine_tuning_through_the_wires_gets_back_what_they_took() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 60))
    labels = rng.integers(0, 4, 400)
    x = torch.tensor(0.35 * centres[labels] + rng.normal(size=(400, 60)), dtype=torch.float64)
    y = torch.tensor(labels)
    torch.manual_seed(0)
    plain = nn.Linear(60, 4).double()
    optimiser = torch.optim.Adam(plain.parameters(), lr=0.02)
    for _ in range(100):
        optimiser.zero_grad()
        nn.functional.cross_entropy(plain(x), y).backward()
        optimiser.step()
    wires = sn.Wires(word_line_ohm=5.0, bit_line_ohm=5.0)
    tuned = convert(
        plain,
        sn.Hardware(device=sn.devices.VTEAM(r_on=500.0, r_off=1e5), tile=(64, 8), wires=wires),
    )

    def loss(module: nn.Module) -> float:
        with torch.no_grad():
            return nn.functional.cross_entropy(module(x), y).item()

    ideal, lost = loss(plain), loss(tuned)
    optimiser = torch.optim.Adam(tuned.parameters(), lr=0.02)
    for _ in range(200):
        optimiser.zero_grad()
        nn.functional.cross_entropy(tuned(x), y).backward()
        optimiser.step()
    assert lost > ideal + 0.05
    assert loss(tuned) < ideal + 0.2 * (lost - ideal)


def test_dense_layers_go_to_a_network_and_back() -> None:
    module = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    x = torch.randn(7, 6, dtype=torch.float64)
    np.testing.assert_allclose(
        sn.Network.from_arrays(arrays(module)).outputs(x.numpy()),
        module(x).detach().numpy(),
        rtol=1e-10,
        atol=1e-12,
    )


def test_what_cannot_stand_on_arrays_is_refused() -> None:
    with pytest.raises(InputError, match="groups"):
        convert(nn.Sequential(nn.Conv2d(4, 4, 3, groups=2)), IDEAL)
    with pytest.raises(InputError, match="no dense"):
        convert(nn.Sequential(nn.ReLU()), IDEAL)
    with pytest.raises(InputError, match="slices"):
        CrossbarLinear(3, 2, hardware=sn.Hardware(bits_per_cell=2, slices=2))
    with pytest.raises(InputError, match="Hardware"):
        CrossbarLinear(3, 2, hardware="chip")
    with pytest.raises(InputError, match="finite"):
        CrossbarLinear(3, 2, hardware=IDEAL)(torch.full((1, 3), float("nan")))
