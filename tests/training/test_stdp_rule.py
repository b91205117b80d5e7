import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import ConfigError
from spicesnn.training import RunDirectory, infer, load, train


def test_letters_are_learnt_without_labels_every_letter_its_own_neuron(tmp_path):
    summary = train(
        load("letters-stdp", ["training.epochs=15"]),
        engine=sn.NodalEngine(),
        out=tmp_path / "run",
        rng_seed=4,
    )
    history = RunDirectory.existing(summary.run).history()
    assert summary.test_accuracy == infer(summary.run).test_accuracy == 1.0
    late = list(zip(history["shown"][-9:].tolist(), history["winner"][-9:].tolist(), strict=True))
    assert len(set(late)) == 3, "each letter always has the same neuron"
    assert len({winner for _, winner in late}) == 3, "and no two letters have the same one"
    # What a neuron has learnt is its letter: conductances of pixels that are on and off are apart.
    letters = {0: "110010011", 1: "101101010", 2: "010101101"}
    for shown, winner in set(late):
        on = np.array([bit == "1" for bit in letters[shown]])
        column = history["conductance_after"][:, winner]
        assert column[on].min() > 1.5 * column[~on].max()


def test_the_same_winners_and_states_in_ngspice(tmp_path):
    config = load("letters-stdp", ["training.epochs=2"])
    with sn.NgspiceEngine() as engine:
        runs = [
            train(config, engine=solver, out=tmp_path / solver.name, rng_seed=1).run
            for solver in (sn.NodalEngine(), engine)
        ]
    nodal, spice = (RunDirectory.existing(run).history() for run in runs)
    assert nodal["winner"].tolist() == spice["winner"].tolist()
    assert np.abs(nodal["states"][-1] - spice["states"][-1]).max() < 1e-3 * 3e-9
    assert np.abs(nodal["states"][-1] - nodal["states"][0]).max() > 0.05 * 3e-9


def test_the_rule_says_what_it_needs(tmp_path):
    with pytest.raises(ConfigError, match="takes one layer without a bias line"):
        train(
            load("letters-stdp", ["network.bias=true"]),
            engine=sn.NodalEngine(),
            out=tmp_path / "run",
        )
