import numpy as np
import pytest

import spicesnn as sn
from spicesnn.devices import registry
from spicesnn.errors import EngineError, InputError
from spicesnn.learning.spikes import SpikeShape, design
from spicesnn.learning.stdp_window import stdp_window


def few(pair):
    """Three times on either side, in the lobes."""
    first = pair.pre.peak_s + 2 * pair.pre.edge_s
    side = first + np.array([0.0, 0.3, 0.6]) * pair.pre.tau_s
    return np.concatenate([-side[::-1], side])


@pytest.mark.parametrize("name", ["vteam", "yakopcic", "pershin-di-ventra", "pai-yu-chen"])
def test_both_lobes_with_the_right_signs_on_the_nodal_engine(name):
    """Pre before post raises the conductance, post before pre lowers it, less the further apart,
    and the neighbours stay."""
    device = registry.make(name)
    pair = design(device)
    window = stdp_window(device, sn.NodalEngine(), spikes=pair, dt_s=few(pair))
    assert np.all(window.dw[3:] > 0)
    assert np.all(window.dw[:3] < 0)
    assert np.all(np.diff(np.abs(window.dw[3:])) < 0)
    assert np.all(np.diff(np.abs(window.dw[:3])) > 0)
    assert window.a_plus > 0
    assert window.a_minus > 0
    assert 0 < window.tau_plus_s < 3 * pair.pre.tau_s
    assert window.neighbour_dw.max() < 0.05 * np.abs(window.dw).max()


def test_ngspice_measures_the_same_window():
    device = registry.make("yakopcic")
    pair = design(device)
    nodal = stdp_window(device, sn.NodalEngine(), spikes=pair, dt_s=few(pair))
    with sn.NgspiceEngine() as engine:
        spice = stdp_window(device, engine, spikes=pair, dt_s=few(pair))
    assert spice.dw == pytest.approx(nodal.dw, abs=1e-3)
    assert spice.a_plus == pytest.approx(nodal.a_plus, rel=0.05)
    assert (spice.engine, nodal.engine) == ("ngspice", "nodal")


def test_spikes_swapped_in_polarity_give_no_learning_window():
    """The wrong sign on the lines turns the lobes round: the check that the test above can fail."""
    device = registry.make("pershin-di-ventra")
    pair = design(device)
    turned = type(pair)(pre=pair.pre, post=pair.post, polarity=-pair.polarity)
    window = stdp_window(device, sn.NodalEngine(), spikes=turned, dt_s=few(pair))
    assert window.a_plus < 0
    assert window.a_minus < 0


def test_spikes_too_small_to_matter_are_an_error():
    device = registry.make("pershin-di-ventra")
    pair = design(device)
    small = SpikeShape(
        peak_volts=0.1,
        tail_volts=0.1,
        peak_s=pair.pre.peak_s,
        tau_s=pair.pre.tau_s,
        edge_s=pair.pre.edge_s,
    )
    with pytest.raises(EngineError, match="has no such lobe"):
        stdp_window(
            device,
            sn.NodalEngine(),
            spikes=type(pair)(pre=small, post=small, polarity=1),
            dt_s=few(pair),
        )


def test_devices_without_a_threshold_are_refused():
    with pytest.raises(InputError, match="has no threshold to learn by"):
        design(registry.make("linear-drift"))
    with pytest.raises(InputError, match="needs two terminals"):
        design(registry.make("mosfet-emulator"))
    with pytest.raises(InputError, match="expected seconds, above 0"):
        design(registry.make("vteam"), peak_s=1e-6, tau_s=-1.0)


def test_a_spike_is_its_peak_and_its_tail():
    shape = SpikeShape(peak_volts=1.0, tail_volts=0.5, peak_s=1e-6, tau_s=10e-6, edge_s=1e-7)
    start = 1.2e-6
    assert shape.volts(np.array([-1.0, 0.6e-6, start, start + 10e-6, 1.0])) == pytest.approx(
        [0.0, -1.0, 0.5, 0.5 * np.exp(-1), 0.0]
    )


def test_a_lobe_that_is_no_exponential_says_so():
    device = sn.devices.VTEAM()
    with pytest.raises(
        EngineError, match=r"no exponential fits the changes with pre before post.*more time points"
    ):
        stdp_window(device, sn.NodalEngine(), dt_s=[-6e-6, -3e-6, 3e-6, 6e-6])
