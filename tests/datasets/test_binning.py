"""Events in time steps: counted by hand, on edges, and none lost without being told."""

from dataclasses import replace

import event_files as made
import numpy as np
import pytest

from spicesnn.datasets import files
from spicesnn.datasets.recordings import binning, reading
from spicesnn.datasets.recordings.base import Events
from spicesnn.datasets.recordings.binning import Grid, step_of
from spicesnn.errors import ConfigError, DataError


def recording(t, x=None, y=None, p=None, **more):
    count = len(t)

    def column(values, kind):
        return np.zeros(count, kind) if values is None else np.asarray(values, kind)

    return Events(
        t=np.asarray(t, float),
        x=column(x, np.int32),
        y=column(y, np.int32),
        p=column(p, np.uint8),
        **more,
    )


def folder_of(tmp_path, classes=("0", "1", "10"), each=3, rows=4, columns=5, count=40):
    """Write N-MNIST files by class and return what is in them by file."""
    found = {}
    for c, name in enumerate(classes):
        (tmp_path / name).mkdir(parents=True)
        for k in range(each):
            t, x, y, p = made.drawn(count, rows, columns, seed=10 * c + k, most_us=9_999)
            (tmp_path / name / f"{k}.bin").write_bytes(made.nmnist(t, x, y, p))
            found[name, k] = (t, x, y, p)
    return found


@pytest.mark.parametrize("step_s", [1e-3, 1e-2, 1e-4, 3e-3, 7e-6, 0.1])
def test_an_event_on_an_edge_is_in_the_later_step_exactly(step_s):
    ticks = np.round(step_s * 1e6).astype(int)
    t_us = np.concatenate([np.arange(3000) * ticks, np.arange(3000) * ticks + ticks - 1])
    expected = t_us // ticks
    np.testing.assert_array_equal(step_of(recording(t_us / 1e6), step_s), expected)
    np.testing.assert_array_equal(step_of(recording(t_us * 1e-6), step_s), expected)
    later = recording((t_us + 123_457) / 1e6, origin_s=None)
    np.testing.assert_array_equal(step_of(later, step_s), expected)


def test_every_event_is_counted_where_it_happened(tmp_path):
    found = folder_of(tmp_path)
    learnt, held = binning.load(tmp_path, Grid(step_s=1e-3, steps=10))
    assert held is None
    assert learnt.inputs.shape == (9, 10, 2 * 4 * 5)
    assert learnt.names == ("0", "1", "10")
    assert learnt.shape == (2, 4, 5)
    assert learnt.labels.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    assert learnt.left_out == 0
    for number, (name, k) in enumerate(sorted(found, key=lambda key: (int(key[0]), key[1]))):
        expected = np.zeros((10, 2, 4, 5))
        for t, x, y, p in zip(*found[name, k], strict=True):
            expected[t // 1000, p, y, x] += 1
        np.testing.assert_array_equal(learnt.inputs[number].reshape(10, 2, 4, 5), expected)
    assert (
        learnt.remarks[0]
        == "360 events of 9 recordings in 10 steps of 1 ms, 4 × 5 pixels, polarities apart"
    )


def test_polarities_are_merged_where_that_is_asked_for(tmp_path):
    folder_of(tmp_path)
    apart, _ = binning.load(tmp_path, Grid(step_s=1e-3, steps=10))
    merged, _ = binning.load(tmp_path, Grid(step_s=1e-3, steps=10, polarity="merged"))
    assert merged.shape == (1, 4, 5)
    np.testing.assert_array_equal(merged.inputs, apart.inputs.reshape(9, 10, 2, 20).sum(axis=2))


def test_events_beyond_the_steps_are_counted_and_told(tmp_path):
    found = folder_of(tmp_path)
    short, _ = binning.load(tmp_path, Grid(step_s=1e-3, steps=4))
    beyond = sum(int(np.sum(t >= 4000)) for t, *_ in found.values())
    assert short.left_out == beyond > 0
    assert short.inputs.sum() == 360 - beyond
    assert (
        f"{beyond} events of 9 recordings lie outside the 4 steps and are left out" in short.remarks
    )
    whole, _ = binning.load(tmp_path, Grid(step_s=3e-3))
    assert whole.inputs.shape[1] == 4
    assert whole.inputs.sum() == 360
    once, _ = binning.load(tmp_path, Grid(step_s=np.inf))
    assert once.inputs.shape[1] == 1
    assert once.inputs.sum() == 360


def test_a_recording_with_a_clock_of_its_own_begins_at_its_first_event():
    events = recording([100.0005, 100.0015, 100.0], [0, 1, 2], origin_s=None)
    counts, beyond = binning.binned(events, Grid(step_s=1e-3, steps=2), (3,))
    np.testing.assert_array_equal(counts, [[1, 0, 1], [0, 1, 0]])
    assert beyond == 0
    counts, beyond = binning.binned(replace(events, origin_s=0.0), Grid(step_s=1e-3, steps=2), (3,))
    assert counts.sum() == 0
    assert beyond == 3


def test_train_and_test_folders_keep_apart_and_share_classes_and_sensor(tmp_path):
    folder_of(tmp_path / "Train", rows=4, columns=5)
    folder_of(tmp_path / "Test", classes=("1",), each=2, rows=2, columns=2)
    assert reading.is_events(tmp_path)
    assert len(files.parts(tmp_path)) == 11
    learnt, held = binning.load(tmp_path, Grid(step_s=1e-3))
    assert held.inputs.shape == (2, learnt.inputs.shape[1], 40)
    assert held.labels.tolist() == [1, 1]
    (tmp_path / "Test" / "7").mkdir()
    (tmp_path / "Test" / "7" / "a.bin").write_bytes(b"")
    with pytest.raises(DataError, match="recordings of class '7', which no training sample has"):
        binning.load(tmp_path, Grid(step_s=1e-3))


def test_an_event_outside_the_sensor_is_refused_by_file_and_number(tmp_path):
    folder_of(tmp_path, rows=4, columns=5)
    with pytest.raises(
        DataError,
        match=r"0\.bin: event \d+ is at row \d, column \d, outside the sensor of 3 × 5; say its size with data.shape",
    ):
        binning.load(tmp_path, Grid(step_s=1e-3, shape=(3, 5)))


def test_the_heidelberg_form_is_binned(tmp_path):
    pytest.importorskip("h5py")
    trains = [([0.0, 0.0105, 0.5], [3, 3, 699]), ([0.021], [0])]
    path = made.spike_trains(tmp_path / "a.h5", trains, [7, 2])
    learnt, _ = binning.load(path, Grid(step_s=0.01, shape=(700,)))
    assert learnt.inputs.shape == (2, 51, 700)
    assert learnt.names == ("2", "7")
    assert learnt.labels.tolist() == [1, 0]
    assert learnt.shape == (700,)
    assert learnt.inputs[0, [0, 1, 50], [3, 3, 699]].tolist() == [1, 1, 1]
    assert learnt.inputs[1, 2, 0] == 1
    assert learnt.inputs.sum() == 4


def test_many_samples_stand_in_one_npz_file(tmp_path):
    np.savez(
        tmp_path / "a.npz",
        t=[3000, 10, 2000, 999],
        x=[0, 1, 2, 0],
        y=[0, 0, 1, 1],
        p=[0, 1, 1, 0],
        sample=[1, 0, 1, 1],
        labels=["cat", "dog", "cat"],
    )
    learnt, _ = binning.load(tmp_path / "a.npz", Grid(step_s=1e-3))
    assert learnt.names == ("cat", "dog")
    assert learnt.labels.tolist() == [0, 1, 0]
    assert learnt.inputs.shape == (3, 4, 12)
    assert np.argwhere(learnt.inputs).tolist() == [[0, 0, 7], [1, 0, 3], [1, 2, 11], [1, 3, 0]]
    np.savez(tmp_path / "b.npz", t=[1], x=[1], y=[0], p=[0], sample=[3], labels=[0])
    with pytest.raises(DataError, match="event 0 is of sample 3, and there are labels for 1"):
        binning.load(tmp_path / "b.npz", Grid(step_s=1e-3))
    np.savez(tmp_path / "c.npz", t=[1], x=[1], y=[0], p=[0])
    with pytest.raises(DataError, match="is one recording without a class"):
        binning.load(tmp_path / "c.npz", Grid(step_s=1e-3))


def test_limits_take_samples_of_every_class(tmp_path):
    folder_of(tmp_path)
    few, _ = binning.load(tmp_path, Grid(step_s=1e-3, steps=10), limit=5)
    assert few.labels.tolist() == [0, 0, 1, 1, 2]


def test_more_than_memory_holds_is_refused_before_it_is_made(tmp_path):
    folder_of(tmp_path)
    with pytest.raises(
        ConfigError,
        match=r"9 samples × 10,000,000 steps × 40 inputs are 14\.4 GB; expected at most 2 GB",
    ):
        binning.load(tmp_path, Grid(step_s=1e-9, steps=10_000_000))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"step_s": 0.0}, "step_s = 0"),
        ({"step_s": float("nan")}, "step_s = nan"),
        ({"step_s": 1.0, "steps": -1}, "steps = -1"),
        ({"step_s": 1.0, "polarity": "on"}, "polarity is 'on'"),
    ],
)
def test_grids_that_are_none_are_refused(wrong, words):
    with pytest.raises(ConfigError, match=words):
        Grid(**wrong)
