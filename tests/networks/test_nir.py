"""NIR files: the numbers of the file's equations step by step, back again bit for bit, hostile
files refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

nir = pytest.importorskip("nir")
h5py = pytest.importorskip("h5py")

from spicesnn.errors import DataError, InputError  # noqa: E402
from spicesnn.networks.network import Network  # noqa: E402
from spicesnn.networks.nodes import Convolution  # noqa: E402

RNG = np.random.default_rng(5)
DT = 1e-3


def f(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def chain(*nodes: object) -> object:
    return nir.NIRGraph.from_list(*nodes, type_check=False)


def saved(graph: object, path: Path) -> Path:
    nir.write(path, graph)
    return path


def full(size: int, value: float) -> np.ndarray:
    return np.full(size, value)


def looped(kind: str, x: np.ndarray, p: dict, reset: str = "value") -> np.ndarray:
    """The equations of one population as a plain loop over samples, steps and neurons."""
    n, steps, size = x.shape
    out = np.zeros_like(x)
    for s in range(n):
        for j in range(size):
            q = {key: float(np.broadcast_to(value, size)[j]) for key, value in p.items()}
            v, i = q.get("v_leak", 0.0), 0.0
            for t in range(steps):
                drive = x[s, t, j]
                if kind.startswith("Cuba"):
                    i += DT / q["tau_syn"] * (q.get("w_in", 1.0) * drive - i)
                    v += DT / q["tau_mem"] * (q["v_leak"] - v + q["r"] * i)
                elif kind in ("LIF", "LI"):
                    v += DT / q["tau"] * (q["v_leak"] - v + q["r"] * drive)
                else:
                    v += q["r"] * drive
                if "v_threshold" in q:
                    if v > q["v_threshold"]:
                        out[s, t, j] = 1.0
                        v = v - q["v_threshold"] if reset == "subtract" else q.get("v_reset", 0.0)
                else:
                    out[s, t, j] = v
    return out


LEAKY = {"tau": full(4, 0.01) * np.array([1, 2, 3, 4]), "r": full(4, 1.3), "v_leak": full(4, 0.05)}
CUBA = {
    "tau_syn": full(4, 0.004),
    "tau_mem": full(4, 0.012),
    "r": full(4, 0.9),
    "v_leak": full(4, -0.02),
    "w_in": full(4, 1.5),
}
FIRES = {"v_threshold": full(4, 0.3), "v_reset": full(4, -0.1)}
POPULATIONS = {
    "IF": {"r": full(4, 0.4), **FIRES},
    "I": {"r": full(4, 0.4)},
    "LIF": LEAKY | FIRES,
    "LI": LEAKY,
    "CubaLIF": CUBA | FIRES,
    "CubaLI": CUBA,
}


@pytest.mark.parametrize("kind", POPULATIONS)
@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_a_population_does_what_its_equations_say_step_by_step(
    kind: str, reset: str, tmp_path: Path
) -> None:
    parameters = POPULATIONS[kind]
    path = saved(chain(getattr(nir, kind)(**parameters)), tmp_path / "net.nir")
    x = np.random.default_rng(1).normal(0.6, 0.5, (3, 40, 4))
    network = Network.from_nir(path, reset=reset)
    np.testing.assert_allclose(
        network.spikes(x), looped(kind, x, parameters, reset), rtol=1e-12, atol=1e-14
    )
    if "v_threshold" in parameters:
        assert network.spiking
        assert np.array_equal(network.outputs(x), looped(kind, x, parameters, reset).sum(axis=1))


def recurrent() -> object:
    return nir.NIRGraph(
        nodes={
            "in": nir.Input(np.array([6])),
            "fc": nir.Affine(f(4, 6), f(4)),
            "lif": nir.LIF(**LEAKY, **FIRES),
            "back": nir.Affine(f(4, 4) / 2, f(4) / 4),
            "out": nir.Output(np.array([4])),
        },
        edges=[("in", "fc"), ("fc", "lif"), ("lif", "back"), ("back", "lif"), ("lif", "out")],
    )


def test_recurrent_spikes_arrive_one_step_later(tmp_path: Path) -> None:
    graph = recurrent()
    x = (np.random.default_rng(2).random((5, 60, 6)) < 0.4).astype(float)
    node = graph.nodes
    v, wanted = np.full((5, 4), 0.05), np.zeros((5, 60, 4))
    back = np.broadcast_to(node["back"].bias, (5, 4))  # there from the start
    for t in range(60):
        drive = x[:, t] @ node["fc"].weight.T.astype(float) + node["fc"].bias + back
        v = v + DT / LEAKY["tau"] * (0.05 - v + 1.3 * drive)
        z = v > 0.3
        v = np.where(z, -0.1, v)
        back = z @ node["back"].weight.T.astype(float) + node["back"].bias
        wanted[:, t] = z
    assert 10 < wanted.sum() < 1000
    assert np.array_equal(Network.from_nir(saved(graph, tmp_path / "r.nir")).spikes(x), wanted)


def test_delays_shift_by_their_own_number_of_steps(tmp_path: Path) -> None:
    path = saved(chain(nir.Delay(np.array([0.0, 0.002, 0.005]))), tmp_path / "d.nir")
    x = np.random.default_rng(3).normal(size=(2, 9, 3))
    got = Network.from_nir(path).spikes(x)
    for j, lag in enumerate((0, 2, 5)):
        assert np.array_equal(got[:, lag:, j], x[:, : 9 - lag, j])
        assert not got[:, :lag, j].any()
    with pytest.raises(InputError, match="no whole number of time steps"):
        Network.from_nir(path, dt_s=1.5e-3).spikes(x)


def test_a_convolutional_network_gives_the_sums_written_out(tmp_path: Path) -> None:
    kernel, bias, dense = f(4, 1, 3, 2), f(4), f(3, 4 * 4 * 3)
    graph = chain(
        nir.Input(np.array([2, 8, 6])),
        nir.Conv2d((8, 6), kernel, 1, (1, 0), 1, 2, bias),
        nir.IF(r=np.ones((4, 8, 5)), v_threshold=np.ones((4, 8, 5))),
        nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 1])),
        nir.AvgPool2d(np.array([1, 1]), np.array([1, 1]), np.array([0, 0])),
        nir.Flatten({"input": np.array([4, 4, 3])}, 0, -1),
        nir.Linear(dense),
        nir.LI(tau=full(3, 0.01), r=np.ones(3), v_leak=np.zeros(3)),
    )
    x = np.random.default_rng(4).random((2, 12, 2, 8, 6))
    wanted = np.zeros((2, 3))
    for s in range(2):
        v, u = np.zeros((4, 8, 5)), np.zeros(3)
        for t in range(12):
            padded = np.pad(x[s, t], ((0, 0), (1, 1), (0, 0)))
            image = np.zeros((4, 8, 5))
            for o in range(4):
                for a in range(8):
                    for b in range(5):
                        image[o, a, b] = (
                            padded[o // 2, a : a + 3, b : b + 2] * kernel[o, 0]
                        ).sum() + bias[o]
            v = v + image
            z = v > 1
            v = np.where(z, 0.0, v)
            wide = np.pad(z.astype(float), ((0, 0), (0, 0), (1, 1)))
            pooled = (
                wide[:, 0::2, 0:6:2]
                + wide[:, 1::2, 0:6:2]
                + wide[:, 0::2, 1:7:2]
                + wide[:, 1::2, 1:7:2]
            )
            u = u + DT / 0.01 * (pooled.ravel() @ dense.T - u)
        wanted[s] = u
    np.testing.assert_allclose(
        Network.from_nir(saved(graph, tmp_path / "c.nir")).outputs(x), wanted, rtol=1e-9
    )


def test_a_network_comes_back_bit_for_bit(tmp_path: Path) -> None:
    for k, graph in enumerate(
        (
            recurrent(),
            chain(
                nir.Conv1d(9, f(4, 2, 3), 2, 1, 1, 1, f(4)),
                nir.CubaLIF(
                    **{
                        key: np.broadcast_to(value.mean(), (4, 5)).copy()
                        for key, value in (CUBA | FIRES).items()
                    }
                ),
            ),
        )
    ):
        first = saved(graph, tmp_path / f"a{k}.nir")
        second = Network.from_nir(first).to_nir(tmp_path / f"b{k}.nir")
        a, b = nir.read(first, type_check=False), nir.read(second, type_check=False)
        assert set(a.nodes) == set(b.nodes)
        assert set(a.edges) == set(b.edges)
        for name, node in a.nodes.items():
            assert type(node) is type(b.nodes[name])
            for key, value in vars(node).items():
                if isinstance(value, np.ndarray):
                    assert np.array_equal(value, getattr(b.nodes[name], key)), (name, key)


def test_resets_and_time_step_travel_with_the_file(tmp_path: Path) -> None:
    path = saved(recurrent(), tmp_path / "a.nir")
    network = Network.from_nir(path, reset="subtract", dt_s=5e-4, steps=17)
    again = Network.from_nir(network.to_nir(tmp_path / "b.nir"))
    x = np.random.default_rng(6).random((3, 6))
    assert (again.dt_s, again.steps) == (5e-4, 17)
    assert np.array_equal(network.spikes(x), again.spikes(x))
    assert not np.array_equal(
        network.spikes(x), Network.from_nir(path, dt_s=5e-4, steps=17).spikes(x)
    )


def test_files_of_snntorch_have_their_own_time_step(tmp_path: Path) -> None:
    beta = 0.9
    tau = 1e-4 / (1 - beta)
    path = saved(
        chain(
            nir.LIF(
                tau=full(3, tau), r=full(3, tau / 1e-4), v_leak=np.zeros(3), v_threshold=np.ones(3)
            )
        ),
        tmp_path / "s.nir",
    )
    network = Network.from_nir(path)
    assert network.dt_s == 1e-4
    assert any("snnTorch" in remark for remark in network.remarks)
    v, spikes, x = 0.0, [], np.full((1, 30, 3), 0.23)
    for _ in range(30):
        v = beta * v + 0.23
        spikes.append(float(v > 1))
        v = 0.0 if v > 1 else v
    assert np.array_equal(network.spikes(x)[0, :, 0], spikes)


def test_a_flatten_that_counts_the_batch_is_understood_and_said(tmp_path: Path) -> None:
    graph = nir.NIRGraph(
        {
            "input": nir.Input(np.array([2, 4, 4])),
            "fl": nir.Flatten({"input": np.array([2, 4, 4])}, 1, -1),
            "fc": nir.Linear(f(3, 32)),
            "output": nir.Output(np.array([3])),
        },
        [("input", "fl"), ("fl", "fc"), ("fc", "output")],
        type_check=False,
    )
    network = Network.from_nir(saved(graph, tmp_path / "e.nir"))
    assert network.outputs_count == 3
    assert any("batch" in remark for remark in network.remarks)


def test_graphs_inside_graphs_are_unpacked(tmp_path: Path) -> None:
    weight = f(4, 3)
    inner = nir.NIRGraph(
        {
            "input": nir.Input(np.array([3])),
            "fc": nir.Linear(weight),
            "output": nir.Output(np.array([4])),
        },
        [("input", "fc"), ("fc", "output")],
    )
    outer = nir.NIRGraph(
        {
            "input": nir.Input(np.array([3])),
            "block": inner,
            "if": nir.IF(r=np.ones(4), v_threshold=np.ones(4)),
            "output": nir.Output(np.array([4])),
        },
        [("input", "block"), ("block", "if"), ("if", "output")],
        type_check=False,
    )
    x = np.random.default_rng(8).random((2, 7, 3))
    want = looped("IF", x @ weight.T.astype(float), {"r": np.ones(4), "v_threshold": np.ones(4)})
    assert np.array_equal(Network.from_nir(saved(outer, tmp_path / "n.nir")).spikes(x), want)


def test_a_bias_in_a_circle_is_there_from_the_first_step(tmp_path: Path) -> None:
    """NIR's affine node is W x + b at all times; snnTorch's recurrent layers do so, too."""
    bias = np.array([2.5, -1.0, 0.4])
    graph = nir.NIRGraph(
        nodes={
            "in": nir.Input(np.array([3])),
            "if": nir.IF(r=np.ones(3), v_threshold=np.full(3, 2.0)),
            "back": nir.Affine(np.zeros((3, 3)), bias),
            "scaled": nir.Scale(np.full(3, 2.0)),
            "out": nir.Output(np.array([3])),
        },
        edges=[("in", "if"), ("if", "back"), ("back", "scaled"), ("scaled", "if"), ("if", "out")],
    )
    network = Network.from_nir(saved(graph, tmp_path / "b.nir"))
    wanted = looped("IF", np.broadcast_to(2 * bias, (1, 9, 3)), {"r": 1.0, "v_threshold": 2.0})
    assert np.array_equal(network.spikes(np.zeros((1, 9, 3))), wanted)
    assert network.spikes(np.zeros((1, 9, 3)))[0, 0].tolist() == [1.0, 0.0, 0.0]


def test_a_membrane_in_a_circle_begins_where_it_leaks_to(tmp_path: Path) -> None:
    leak = np.array([0.5, -2.0])
    graph = nir.NIRGraph(
        nodes={
            "in": nir.Input(np.array([2])),
            "li": nir.LI(tau=np.full(2, 4e-3), r=np.ones(2), v_leak=leak),
            "back": nir.Linear(np.array([[0.0, 0.3], [-0.6, 0.1]])),
            "out": nir.Output(np.array([2])),
        },
        edges=[("in", "li"), ("li", "back"), ("back", "li"), ("li", "out")],
    )
    network = Network.from_nir(saved(graph, tmp_path / "l.nir"))
    v, wanted = leak, []
    for _ in range(6):
        v = v + 0.25 * (leak - v + v @ np.array([[0.0, -0.6], [0.3, 0.1]]))
        wanted.append(v)
    assert network.spikes(np.zeros((1, 6, 2)))[0] == pytest.approx(np.array(wanted))


def spikes_of(*names: str, edges: list, **nodes: object) -> object:
    ends = {"in": nir.Input(np.array([3])), "out": nir.Output(np.array([3]))}
    fires = {
        name: nir.IF(r=np.full(3, 0.4 + k), v_threshold=np.ones(3)) for k, name in enumerate(names)
    }
    return nir.NIRGraph(nodes=ends | fires | nodes, edges=edges, type_check=False)


def test_the_output_is_the_sum_of_all_that_it_listens_to(tmp_path: Path) -> None:
    graph = spikes_of(
        "a", "b", edges=[("in", "a"), ("in", "b"), ("a", "out"), ("b", "out"), ("in", "a")]
    )
    network = Network.from_nir(saved(graph, tmp_path / "s.nir"))
    x = np.random.default_rng(4).random((2, 12, 3))
    # The connection to a stands twice: its input counts twice.
    one = looped("IF", 2 * x, {"r": 0.4, "v_threshold": 1.0})
    two = looped("IF", x, {"r": 1.4, "v_threshold": 1.0})
    assert np.array_equal(network.spikes(x), one + two)
    assert np.array_equal(network.outputs(x), (one + two).sum(axis=1))


def test_spikes_of_a_graph_inside_are_counted_at_the_output(tmp_path: Path) -> None:
    inner = spikes_of("if", edges=[("in", "if"), ("if", "out")])
    graph = spikes_of(edges=[("in", "block"), ("block", "out")], block=inner)
    network = Network.from_nir(saved(graph, tmp_path / "c.nir"))
    x = np.random.default_rng(5).random((2, 12, 3))
    assert list(network.nodes) == ["block.if"]
    wanted = looped("IF", x, {"r": 0.4, "v_threshold": 1.0}).sum(axis=1)
    assert wanted.max() > 1
    assert np.array_equal(network.outputs(x), wanted)


def test_a_delay_between_time_steps_is_named(tmp_path: Path) -> None:
    path = saved(chain(nir.Delay(np.array([0.0, 0.0015, 0.005]))), tmp_path / "d.nir")
    with pytest.raises(InputError, match=r"node '.*': a delay of 0.0015 s is no whole number"):
        Network.from_nir(path)
    assert Network.from_nir(path, dt_s=5e-4).dt_s == 5e-4


def three(**changes: object) -> object:
    """A layer of three neurons, some of its nodes others."""
    nodes = {
        "in": nir.Input(np.array([4])),
        "fc": nir.Affine(np.ones((3, 4)), np.ones(3)),
        "lif": nir.LIF(
            tau=full(3, 0.01), r=full(3, 1.3), v_leak=full(3, 0), v_threshold=full(3, 1)
        ),
        "out": nir.Output(np.array([3])),
    }
    given = {"metadata": changes.pop("metadata", {})}
    edges = [("in", "fc"), ("fc", "lif"), ("lif", "out")]
    return nir.NIRGraph(nodes=nodes | changes, edges=edges, type_check=False, **given)


STATED = {
    "an output of another size": (three(out=nir.Output(np.array([7]))), r"'out'.*\(7,\).*\(3,\)"),
    "a time step of words": (three(metadata={"dt": "fast"}), "dt is 'fast'; expected one number"),
    "several time steps": (three(metadata={"dt": np.array([1e-3, 2e-3])}), "expected one number"),
    "steps of words": (three(metadata={"steps": "many"}), "steps is 'many'"),
    "half a step": (three(metadata={"steps": 7.5}), "7.5.*whole number"),
}


@pytest.mark.parametrize("name", STATED)
def test_what_a_file_states_of_itself_holds_or_is_refused(name: str, tmp_path: Path) -> None:
    graph, message = STATED[name]
    with pytest.raises(InputError, match=message) as caught:
        Network.from_nir(saved(graph, tmp_path / "m.nir"))
    assert len(str(caught.value).splitlines()) == 1


def test_an_image_that_is_flattened_has_the_shape_that_the_file_states(tmp_path: Path) -> None:
    def graph(*stated: int) -> object:
        flat = nir.Flatten({"input": np.array(stated)}, start_dim=0, end_dim=-1)
        nodes = {"in": nir.Input(np.array([2, 3, 3])), "flat": flat, "out": nir.Output([18])}
        edges = [("in", "flat"), ("flat", "out")]
        return nir.NIRGraph(nodes=nodes, edges=edges, type_check=False)

    assert Network.from_nir(saved(graph(2, 3, 3), tmp_path / "m.nir")).outputs_count == 18
    with pytest.raises(InputError, match=r"'flat'.*\(3, 3, 2\).*\(2, 3, 3\)"):
        Network.from_nir(saved(graph(3, 3, 2), tmp_path / "m.nir"))


def test_parameters_that_may_be_meant_for_channels_are_refused(tmp_path: Path) -> None:
    def graph(form: tuple[int, ...]) -> object:
        given = {"tau": 0.01, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0}
        neuron = nir.LIF(**{name: np.full(form, value) for name, value in given.items()})
        nodes = {"in": nir.Input([2, 2, 2]), "lif": neuron, "out": nir.Output([2, 2, 2])}
        edges = [("in", "lif"), ("lif", "out")]
        return nir.NIRGraph(nodes=nodes, edges=edges, type_check=False)

    for form in ((1,), (2, 1, 1), (2, 2, 2)):
        assert Network.from_nir(saved(graph(form), tmp_path / "m.nir")).shapes["lif"] == (2, 2, 2)
    with pytest.raises(InputError, match=r"'lif': tau has shape \(2,\)"):
        Network.from_nir(saved(graph((2,)), tmp_path / "m.nir"))


def test_a_graph_inside_keeps_apart_from_nodes_that_are_called_as_its_own(tmp_path: Path) -> None:
    inner = nir.NIRGraph(
        nodes={"in": nir.Input([3]), "b": nir.Linear(2 * np.eye(3)), "out": nir.Output([3])},
        edges=[("in", "b"), ("b", "out")],
    )
    nodes = {
        "in": nir.Input([3]),
        "a": inner,
        "a.b": nir.Linear(5 * np.eye(3)),
        "out": nir.Output([3]),
    }
    edges = [("in", "a"), ("a", "a.b"), ("a.b", "out")]
    graph = nir.NIRGraph(nodes=nodes, edges=edges, type_check=False)
    network = Network.from_nir(saved(graph, tmp_path / "m.nir"))
    assert np.array_equal(network.outputs(np.eye(3)), 10 * np.eye(3))


def test_a_time_step_longer_than_a_time_constant_is_told(tmp_path: Path) -> None:
    path = saved(three(), tmp_path / "m.nir")
    assert not any("overshoot" in remark for remark in Network.from_nir(path).remarks)
    (told,) = (k for k in Network.from_nir(path, dt_s=0.02).remarks if "overshoot" in k)
    assert "'lif' (0.01 s)" in told
    with pytest.raises(InputError, match="dt_s is '1ms'; expected one number"):
        Network.from_nir(path, dt_s="1ms")
    assert Network.from_nir(path, steps=np.int64(7)).steps == 7


def test_time_constants_that_may_be_milliseconds_are_told(tmp_path: Path) -> None:
    leaky = {"r": np.ones(3), "v_leak": np.zeros(3), "v_threshold": np.ones(3)}
    path = saved(chain(nir.LIF(tau=np.array([10.0, 20.0, 30.0]), **leaky)), tmp_path / "m.nir")
    assert any("from 10 s on" in remark for remark in Network.from_nir(path).remarks)
    assert not any("10 s" in remark for remark in Network.from_nir(path, dt_s=1.0).remarks)


def test_a_convolution_over_three_axes_has_no_word(tmp_path: Path) -> None:
    one = (1,) * 3
    node = Convolution(np.ones((1, 2, 2, 2, 2)), stride=one, padding=((0, 0),) * 3, dilation=one)
    network = Network.chain([("three", node)], (2, 3, 3, 3))
    assert network.outputs(np.ones((1, 2, 3, 3, 3))).tolist() == [[16.0] * 8]
    with pytest.raises(InputError, match="'three': NIR has convolutions over one and two axes"):
        network.to_nir(tmp_path / "c.nir")


def test_what_nir_has_no_word_for_is_named(tmp_path: Path) -> None:
    network = Network.from_arrays([(np.ones((3, 2)), None), (np.ones((2, 2)), None)])
    with pytest.raises(InputError, match=r"'relu0'.*no word in NIR"):
        network.to_nir(tmp_path / "x.nir")
    assert not list(tmp_path.iterdir())


def hostile(kind: str, path: Path, good: Path) -> None:
    if kind == "text":
        path.write_text("not HDF5")
    elif kind == "half":
        path.write_bytes(good.read_bytes()[:3000])
    else:
        with h5py.File(path, "w") as file:
            if kind == "external link":
                file["node"] = h5py.ExternalLink(str(good), "/node")
                return
            if kind == "soft link":
                file["node"] = h5py.SoftLink("/elsewhere")
                return
            node = file.create_group("node")
            node["type"] = "NIRGraph" if kind == "unknown kind" else "Affine"
            if kind == "huge":
                node.create_dataset("weight", shape=(10**6, 10**6), chunks=(1000, 1000), dtype="f8")
            elif kind == "external data":
                node.create_dataset(
                    "weight", shape=(10,), dtype="f8", external=[(str(good), 0, 80)]
                )
            elif kind == "itself":
                node["again"] = node
            elif kind == "unknown kind":
                inside = node.create_group("nodes").create_group("cell 7")
                inside["type"] = "GRU"


HOSTILE = {
    "text": "HDF5",
    "half": "HDF5",
    "external link": "link",
    "soft link": "link",
    "huge": "claims",
    "external data": "another file",
    "itself": "twice",
    "unknown kind": "'cell 7' is a 'GRU'",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_and_damaged_files_are_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    good = saved(recurrent(), tmp_path / "good.nir")
    hostile(kind, tmp_path / "bad.nir", good)
    with pytest.raises(DataError, match=HOSTILE[kind]) as caught:
        Network.from_nir(tmp_path / "bad.nir")
    assert "\n" not in str(caught.value)


def test_values_that_are_no_numbers_and_circles_without_neurons_are_refused(tmp_path: Path) -> None:
    bad = f(4, 3)
    bad[1, 2] = np.nan
    with pytest.raises(InputError, match=r"node 'linear'.*finite"):
        Network.from_nir(saved(chain(nir.Linear(bad)), tmp_path / "nan.nir"))
    circle = nir.NIRGraph(
        {
            "input": nir.Input(np.array([3])),
            "a": nir.Linear(f(3, 3)),
            "b": nir.Linear(f(3, 3)),
            "output": nir.Output(np.array([3])),
        },
        [("input", "a"), ("a", "b"), ("b", "a"), ("b", "output")],
        type_check=False,
    )
    with pytest.raises(InputError, match="circle without a neuron"):
        Network.from_nir(saved(circle, tmp_path / "circle.nir"))
    with pytest.raises(DataError, match="no file"):
        Network.from_nir(tmp_path / "nothing.nir")


def test_a_delay_in_a_circle_adds_to_the_step_that_the_circle_takes(tmp_path):
    """Against a loop of its own: neuron j hears itself and the others 1 + k_j steps later."""
    rng = np.random.default_rng(1)
    first, back, steps = rng.normal(size=(3, 3)), 0.8 * rng.normal(size=(3, 3)), (1, 2, 4)
    nodes = {
        "input": nir.Input(np.array([3])),
        "w": nir.Linear(first),
        "lif": nir.LIF(
            tau=np.full(3, 5e-3),
            r=np.full(3, 2.0),
            v_leak=np.zeros(3),
            v_threshold=np.full(3, 0.4),
            v_reset=np.zeros(3),
        ),
        "delay": nir.Delay(1e-3 * np.array(steps)),
        "back": nir.Linear(back),
        "output": nir.Output(np.array([3])),
    }
    edges = [("input", "w"), ("w", "lif"), ("lif", "delay"), ("delay", "back"), ("back", "lif")]
    graph = nir.NIRGraph(nodes=nodes, edges=[*edges, ("lif", "output")], type_check=False)
    nir.write(tmp_path / "n.nir", graph)
    network = Network.from_nir(tmp_path / "n.nir")
    assert any("on top of the delays" in remark for remark in network.remarks)
    x = (rng.random((3, 40, 3)) < 0.5).astype(float)

    def heard_after(more: int) -> np.ndarray:
        wanted = np.zeros((3, 40, 3))
        for sample, found in zip(x, wanted, strict=True):
            v = np.zeros(3)
            for t, seen in enumerate(sample):
                lags = [k + more for k in steps]
                heard = [found[t - k, j] if t >= k else 0.0 for j, k in enumerate(lags)]
                v = v + 0.2 * (-v + 2.0 * (first @ seen + back @ heard))
                found[t] = v > 0.4
                v = np.where(v > 0.4, 0.0, v)
        return wanted

    assert np.array_equal(network.spikes(x), heard_after(1))
    assert not np.array_equal(network.spikes(x), heard_after(0))
