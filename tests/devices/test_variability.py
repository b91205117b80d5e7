from __future__ import annotations

import numpy as np
import pytest

from spicesnn.devices import VTEAM
from spicesnn.devices.levels import ConductanceStates, Rounding
from spicesnn.devices.variability import LogNormal, Normal, Uniform, spread
from spicesnn.errors import InputError, UnknownNameError


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_log_normal(rng):
    factors = LogNormal(0.3).draw((200, 500), rng)
    assert np.median(factors) == pytest.approx(1.0, abs=5e-3)
    assert factors.std() / factors.mean() == pytest.approx(0.3, rel=1e-2)
    assert factors.min() > 0


def test_normal_is_cut_and_uniform_is_even(rng):
    normal = Normal(0.2, cut=2.0).draw((200, 200), rng)
    assert np.abs(normal - 1).max() <= 0.4
    assert normal.std() == pytest.approx(0.2 * 0.8796, rel=2e-2)
    uniform = Uniform(0.3).draw((200, 200), rng)
    assert uniform.std() == pytest.approx(0.3 / np.sqrt(3), rel=1e-2)


def test_spread_gives_every_cell_its_own_parameters():
    device = spread(
        VTEAM(), (3, 4), {"r_on": LogNormal(0.1), "k_off": Uniform(0.5)}, np.random.default_rng(1)
    )
    assert np.shape(device.r_on) == np.shape(device.k_off) == (3, 4)
    assert np.shape(device.r_off) == ()
    again = spread(
        VTEAM(), (3, 4), {"r_on": LogNormal(0.1), "k_off": Uniform(0.5)}, np.random.default_rng(1)
    )
    assert np.array_equal(device.r_on, again.r_on)
    assert np.unique(device.r_on).size == 12


def test_spread_refuses():
    with pytest.raises(UnknownNameError, match="no parameter 'ron'; did you mean 'r_on'"):
        spread(VTEAM(), (2, 2), {"ron": LogNormal(0.1)}, np.random.default_rng(1))
    with pytest.raises(InputError, match="outside its range"):
        spread(VTEAM(), (50, 50), {"r_on": Normal(0.9)}, np.random.default_rng(1))
    with pytest.raises(InputError, match="two cells or more"):
        spread(
            VTEAM(), (1, 1), {"r_on": Normal(0.1)}, np.random.default_rng(1), scaled_to=(40.0, 60.0)
        )
    for make in (
        lambda: LogNormal(-0.1),
        lambda: Normal(np.nan),
        lambda: Uniform(np.inf),
        lambda: Normal(0.1, cut=0.0),
    ):
        with pytest.raises(InputError, match="expected"):
            make()


def test_the_twenty_states():
    states = ConductanceStates.twenty(Rounding.NEAREST)
    assert states.count == 20
    assert states.siemens[0] == pytest.approx(1 / 11177)
    assert states.siemens[-1] == pytest.approx(1 / 2381)
    assert np.array_equal(states.rounded(states.siemens), states.siemens)
    assert np.array_equal(states.rounded([0.0, 1.0]), states.siemens[[0, -1]])


def test_stochastic_rounding_keeps_the_mean(rng):
    states = ConductanceStates.even(5, 1e-5, 9e-5)
    wanted = 1e-5 + 2e-5 * 2.3
    found = states.rounded(np.full(40000, wanted), rng)
    assert set(np.round(np.unique(found), 12)) == {5e-5, 7e-5}
    assert found.mean() == pytest.approx(wanted, rel=2e-3)
    assert np.all(states.rounded(states.siemens, rng) == states.siemens)
    nearest = ConductanceStates.even(5, 1e-5, 9e-5, Rounding.NEAREST)
    assert np.all(nearest.rounded(np.full(10, wanted)) == pytest.approx(5e-5))


def test_steps_go_from_state_to_state_and_stop_at_the_ends():
    states = ConductanceStates.even(16, 1e-5, 1e-4)
    now = states.siemens[[0, 3, 15]]
    assert np.array_equal(states.stepped(now, [1, -1, 1]), states.siemens[[1, 2, 15]])
    assert np.array_equal(states.stepped(now, [-1, 2, -20]), states.siemens[[0, 5, 0]])
    with pytest.raises(InputError, match="whole numbers"):
        states.stepped(now, 0.5)


def test_held_is_a_device_in_one_of_its_states(rng):
    device = VTEAM.from_publication("magic")
    states = ConductanceStates.even(16, 5e-6, 1e-4)
    held = states.held(device, device.state_for_conductance(np.linspace(6e-6, 9e-5, 30)), rng)
    assert states.siemens[states.index(device.conductance(0.0, held))] == pytest.approx(
        device.conductance(0.0, held), rel=1e-9
    )
    with pytest.raises(InputError, match="not reachable"):
        ConductanceStates.even(4, 2e-3, 1e-2).held(device, 1e-9, rng)


@pytest.mark.parametrize("wrong", [[1e-5], [1e-5, 1e-5], [2e-5, 1e-5], [0.0, 1e-5], [1e-5, np.nan]])
def test_states_are_checked(wrong):
    with pytest.raises(InputError, match="increasing"):
        ConductanceStates(siemens=np.array(wrong))


def test_stochastic_rounding_needs_a_generator():
    with pytest.raises(InputError, match="give rng"):
        ConductanceStates.even(4, 1e-5, 2e-5).rounded(1.5e-5)
    with pytest.raises(InputError, match="2 or more"):
        ConductanceStates.even(1, 1e-5, 2e-5)
