"""Checkpoints: damaged, of another version or configuration, half written, on a full disk, asked
for twice (kills: tests/scripts)."""

import errno
import io
import json
import os
import random
import resource
import shutil
import signal
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import RunError
from spicesnn.training import infer, load, train
from spicesnn.training.run import CheckpointWarning, RunDirectory

SMALL = {
    "letters-3x3": [
        "training.checkpoint_s=0",
        "training.updates=5",
        "training.stop_when_right=false",
    ],
    "bp-mnist": [
        "data.train_limit=800",
        "data.test_limit=200",
        "training.chunk=200",
        "population.hidden.neurons=60",
        "training.epochs=1",
    ],
}
TIMES = {"wall_s", "run", "training_ms_an_image"}
"""What two equal runs may differ in."""


class StoppedError(Exception):
    pass


def end_of(run):
    """Return what a finished run left, without times."""
    metrics = {
        name: value
        for name, value in json.loads((run / "metrics.json").read_text()).items()
        if name not in TIMES
    }
    arrays = {}
    for file in ("state.npz", "history.npz"):
        with np.load(run / file) as stored:
            arrays |= {
                f"{file}/{name}": stored[name] for name in stored.files if "wall_s" not in name
            }
    return metrics, arrays


def assert_same_end(first, second):
    (metrics, arrays), (others, other_arrays) = end_of(first), end_of(second)
    assert metrics == others
    assert arrays.keys() == other_arrays.keys()
    for name, value in arrays.items():
        np.testing.assert_array_equal(value, other_arrays[name], err_msg=name)


@pytest.fixture(scope="module", params=list(SMALL))
def whole(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / request.param
    train(load(request.param, SMALL[request.param]), engine=sn.NodalEngine(), out=out, rng_seed=5)
    return out


@pytest.fixture
def stopped(whole, tmp_path):
    """The same run, stopped after its third checkpoint."""

    def stop(progress):
        if progress.done == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(
            load(whole.name, SMALL[whole.name]),
            engine=sn.NodalEngine(),
            out=tmp_path / "run",
            rng_seed=5,
            progress=stop,
        )
    return tmp_path / "run"


def resume(run):
    return train(load("xpue"), engine=sn.NodalEngine(), out=run, resume=True)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def of_another_version(path):
    with np.load(path) as arrays:
        np.savez(path, **{**arrays, "version": 99})


@pytest.mark.parametrize(
    ("name", "harm", "said"),
    [
        ("state.npz", cut, "damaged"),
        ("history.npz", cut, "damaged"),
        ("state.npz", of_another_version, "has version 99; this spicesnn reads version 1"),
        ("state.npz", os.remove, "was stopped before it was written"),
        ("history.npz", os.remove, "was stopped before it was written"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_gives_way_to_the_one_before_it(
    stopped, whole, name, harm, said
):
    harm(stopped / name)
    with pytest.warns(CheckpointWarning, match=f"{said}.*Going on from the checkpoint before it"):
        resume(stopped)
    assert_same_end(stopped, whole)
    assert "Going on from the checkpoint before it" in (stopped / "log.txt").read_text()


def test_inference_never_uses_an_older_checkpoint(whole, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in whole.glob("*.*"):
        (copy / file.name).write_bytes(file.read_bytes())
    cut(copy / "state.npz")
    with pytest.raises(RunError, match=r"the checkpoint is damaged.*--resume"):
        infer(copy)


def test_two_damaged_checkpoints_are_an_error(stopped):
    cut(stopped / "state.npz")
    cut(stopped / "history-before.npz")
    with pytest.raises(RunError, match=r"no checkpoint of .* can be read"):
        resume(stopped)


def test_a_run_stopped_before_its_first_checkpoint_begins_again(whole, tmp_path):
    RunDirectory.create(tmp_path / "run", load(whole.name, [*SMALL[whole.name], "seed=5"]), {})
    (tmp_path / "run" / ".state.npz.123.part").write_bytes(b"half")
    resume(tmp_path / "run")
    assert_same_end(tmp_path / "run", whole)
    assert not list((tmp_path / "run").glob(".*.part"))


def test_a_kill_between_the_two_files_of_a_checkpoint_repeats_nothing(stopped, whole):
    """The history is a step ahead of the state then; the one before belongs to the state."""
    (stopped / "state.npz").unlink()
    (stopped / "state-before.npz").rename(stopped / "state.npz")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resume(stopped)
    assert_same_end(stopped, whole)


def test_a_finished_run_that_is_resumed_says_the_same(whole, tmp_path):
    before = end_of(whole)
    resume(whole)
    assert end_of(whole)[0] == before[0]
    for name, value in end_of(whole)[1].items():
        np.testing.assert_array_equal(value, before[1][name], err_msg=name)


def test_a_full_disk_loses_nothing_that_was_saved(stopped, whole):
    saved = {file.name: file.read_bytes() for file in stopped.glob("*.npz")}
    limits, action = (
        resource.getrlimit(resource.RLIMIT_FSIZE),
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
    )
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, limits[1]))
        with pytest.raises(RunError, match=r"cannot be written: .*; free space or .* --resume"):
            RunDirectory(stopped).save_arrays(
                "state.npz", {"devices": np.random.default_rng(0).random(1000)}, keep=True
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, action)
    assert {file.name: file.read_bytes() for file in stopped.glob("*.npz")} == saved
    assert not list(stopped.glob(".*.part"))
    resume(stopped)
    assert_same_end(stopped, whole)


class Disk:
    """A disk that is full after so many writes: files opened for writing raise ENOSPC from then
    on."""

    def __init__(self, writes):
        self.left = writes

    def open(self, file, mode="r", buffering=-1, encoding=None, *more, **options):
        if "r" in mode:
            return _OPEN(file, mode, buffering, encoding, *more, **options)
        disk = self

        class File(io.FileIO):
            def write(self, content):
                disk.left -= 1
                if disk.left < 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return super().write(content)

        raw = File(file, mode.replace("b", ""))
        buffered = raw if buffering == 0 else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding=encoding)


_OPEN = io.open


def fill(monkeypatch, writes, config, out):
    """Train on a disk that takes so many writes: nothing but a RunError may come of it."""
    with monkeypatch.context() as patch:
        patch.setattr(io, "open", Disk(writes).open)
        with pytest.raises(RunError, match="No space left on device"):
            train(config, engine=sn.NodalEngine(), out=out, rng_seed=5)


@pytest.mark.parametrize(
    "share", [0.02, 0.13, 0.37, 0.5, 0.71, 0.98, pytest.param(None, marks=pytest.mark.slow)]
)
@pytest.mark.filterwarnings("error")
def test_a_disk_that_is_full_at_any_write_costs_no_checkpoint(share, whole, tmp_path, monkeypatch):
    """At a write that is so far through the run; at every one in the slow test."""
    config = load(whole.name, SMALL[whole.name])
    needed = Disk(1 << 30)
    with monkeypatch.context() as patch:
        patch.setattr(io, "open", needed.open)
        train(config, engine=sn.NodalEngine(), out=tmp_path / "counted", rng_seed=5)
    count = (1 << 30) - needed.left
    for writes in range(count) if share is None else [int(share * count)]:
        out = tmp_path / str(writes)
        fill(monkeypatch, writes, config, out)
        assert not list(out.glob(".*.part"))
        if (out / "run.toml").exists():
            resume(out)
        else:
            train(config, engine=sn.NodalEngine(), out=out, rng_seed=5)
        assert_same_end(out, whole)
        shutil.rmtree(out)


def bits(run):
    """Return everything in the checkpoint that a run goes on from."""
    return [
        {name: value.tobytes() for name, value in arrays.items()}
        for arrays in (run.checkpoint(), run.history())
    ]


@pytest.mark.parametrize("whole", ["letters-3x3"], indirect=True)
@pytest.mark.parametrize("name", ["state.npz", "history.npz"])
@pytest.mark.filterwarnings("ignore::spicesnn.training.run.CheckpointWarning")
def test_a_flipped_bit_or_a_cut_anywhere_is_seen_or_harmless(name, stopped):
    """What is gone on with is one of the two checkpoints, whole; the zip format has bits that mean
    nothing to us, such as dates."""
    run, files = (
        RunDirectory(stopped),
        {file.name: file.read_bytes() for file in stopped.glob("*.npz")},
    )
    last = bits(run)
    for file in ("state", "history"):
        (stopped / f"{file}.npz").write_bytes(files[f"{file}-before.npz"])
    before, rng, sound, used = bits(run), random.Random(3), files[name], Counter()
    places = [
        *rng.sample(range(len(sound)), 20),
        *rng.sample(range(len(sound) - 900, len(sound)), 30),
    ]  # the directory stands at the end
    damaged = [
        sound[:at] + bytes([sound[at] ^ (1 << rng.randrange(8))]) + sound[at + 1 :] for at in places
    ]
    damaged += [sound[:at] for at in range(0, len(sound), len(sound) // 8)] + [
        bytes(len(sound)),
        sound + b"more",
    ]
    for content in damaged:
        for other, kept in files.items():
            (stopped / other).write_bytes(content if other == name else kept)
        assert run.resumable()
        assert bits(run) in (last, before)
        used[bits(run) == before] += 1
    assert used[True] > 0.4 * len(damaged)


def test_a_changed_configuration_is_no_way_to_go_on(stopped, whole, tmp_path):
    text = (stopped / "run.toml").read_text()
    assert "epochs = " in text
    (stopped / "run.toml").write_text(text.replace("epochs = ", "epochs = 1"))
    with pytest.raises(
        RunError,
        match=r"no checkpoint of .* can be read.*saved with another configuration than that of run\.toml",
    ):
        resume(stopped)
    (stopped / "run.toml").write_text(text.replace("description = ", "description = 'mine' # "))
    moved = stopped.rename(tmp_path / "moved to a longer name")
    resume(moved)
    assert_same_end(moved, whole)


def test_other_versions_are_said(stopped):
    text = (stopped / "run.toml").read_text()
    (stopped / "run.toml").write_text(text.replace(f'numpy = "{np.__version__}"', 'numpy = "1.0"'))
    with pytest.warns(
        CheckpointWarning,
        match=rf"begun with numpy 1\.0, now {np.__version__}: the numbers may differ in their last bits",
    ):
        resume(stopped)
    assert "begun with numpy 1.0" in (stopped / "log.txt").read_text()


def test_two_processes_do_not_train_in_one_directory(stopped):
    with RunDirectory(stopped).held():
        files = {file.name: file.read_bytes() for file in stopped.glob("*.npz")}
        with pytest.raises(
            RunError,
            match=rf"is being trained by process {os.getpid()} on .*; wait for it, end it, or give another --out",
        ):
            resume(stopped)
        assert files == {file.name: file.read_bytes() for file in stopped.glob("*.npz")}
    resume(stopped)


def test_runs_that_begin_at_once_have_directories_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = load("xpue")
    with ThreadPoolExecutor(8) as threads:
        paths = list(threads.map(lambda _: RunDirectory.create(None, config, {}).path, range(16)))
    assert len(set(paths)) == 16
    assert str(paths[0]).startswith("runs/xpue-seed0")
