"""What ngspice reads from a card is known to the last bit, so that cells of a circuit that is loaded
anew hold the very resistances that altered ones do."""

import subprocess

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.engines.ngspice import card_numbers
from spicesnn.engines.ngspice.card_numbers import on_cards, read_from_cards


def random_values():
    rng = np.random.default_rng(5)
    values = [*(1 / rng.uniform(1e-5, 1e-3, 400)), *10 ** rng.uniform(-12, 15, 400)]
    return np.array([*values, 1e4, 1e22, 123456789012345680.0, 3e-9, 0.1])


def test_numbers_are_read_as_ngspice_itself_reads_them(tmp_path):
    values = random_values()
    near, known_near = on_cards(values)
    texts = [*map(repr, values.tolist()), *near]
    cards = "".join(f"r{k} a 0 {text}\n" for k, text in enumerate(texts))
    shown = "".join(f"print @r{k}[resistance]\n" for k in range(len(texts)))
    deck = f"t\nv1 a 0 1\n{cards}.control\nset numdgt=17\nop\n{shown}.endc\n.end\n"
    (tmp_path / "x.cir").write_text(deck)
    said = subprocess.run(
        ["ngspice", "-n", "-b", "x.cir"], cwd=tmp_path, capture_output=True, text=True, check=False
    ).stdout
    found = [float(line.split("=")[1]) for line in said.splitlines() if line.startswith("@r")]
    assert len(found) == len(texts)
    known = np.append(read_from_cards(texts[: len(values)]), known_near)
    sure = np.isfinite(known)
    assert np.array_equal(np.array(found)[sure], known[sure])
    if not np.isnan(read_from_cards(["1"]))[0]:
        assert np.all(sure)
        away = np.count_nonzero(known[: len(values)] != values)
        assert away > 0.1 * len(values)
        assert np.count_nonzero(known_near != values) < 0.4 * away


def test_numbers_of_few_digits_and_numbers_beyond_what_is_known():
    if np.isnan(read_from_cards(["1"]))[0]:
        pytest.skip("not known on this processor")
    assert read_from_cards(["7", "2.5", "1e-3", "2e+22"]).tolist() == [7.0, 2.5, 1e-3, 2e22]
    assert np.all(np.isnan(read_from_cards(["1e-305", "1e+306"])))
    assert read_from_cards([]).shape == (0,)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("size", [3, 20])
def test_the_first_read_and_one_of_altered_cells_are_the_same_to_the_last_bit(
    size, machine, monkeypatch
):
    monkeypatch.setattr(card_numbers.platform, "machine", lambda: machine)
    rng = np.random.default_rng(size)
    one, other = (
        sn.Crossbar(
            conductance=rng.uniform(1e-6, 1e-3, (size, size)) * (rng.random((size, size)) > 0.1),
            wires=sn.Wires(1.0, 2.0),
        )
        for _ in range(2)
    )
    volts = rng.uniform(-1, 1, size)
    with sn.NgspiceEngine() as engine:
        first = engine.read(one, volts)
    # The positions of open cells make two circuits, each loaded with its own cells.
    scaled = sn.Crossbar(conductance=np.asarray(one.conductance) * 1.7, wires=one.wires)
    with sn.NgspiceEngine() as engine:
        engine.read(other, volts)
        engine.read(scaled, volts)
        again = engine.read(one, volts)
    for name in ("column_amps", "row_amps", "word_line_volts", "bit_line_volts"):
        assert np.array_equal(getattr(first, name), getattr(again, name)), name
