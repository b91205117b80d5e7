"""Checkpoints: damaged, of another version, half written, on a full disk, and processes killed at random moments."""

import csv
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import RunError
from spicesnn.training import infer, load, train
from spicesnn.training.run import CheckpointWarning, RunDirectory

SMALL = {
    "letters-3x3": ["training.checkpoint_s=0", "training.updates=5", "training.stop_when_right=false"],
    "bp-mnist": ["data.train_limit=800", "data.test_limit=200", "training.chunk=200", "network.hidden=60", "training.epochs=1"],
}
LONG = {
    "letters-3x3": ["training.checkpoint_s=0", "training.updates=300", "training.epochs=300", "training.stop_when_right=false"],
    "stdp-mnist": ["data.train_limit=6000", "data.test_limit=300", "training.chunk=200", "network.neurons=60"],
    "bp-mnist": ["data.train_limit=6000", "data.test_limit=300", "training.chunk=200", "network.hidden=100", "training.epochs=1"],
}
TIMES = {"wall_s", "run", "training_ms_an_image"}
"""What two equal runs may differ in."""


class StoppedError(Exception):
    pass


def end_of(run):
    """Return what a finished run left, without times."""
    metrics = {name: value for name, value in json.loads((run / "metrics.json").read_text()).items() if name not in TIMES}
    arrays = {}
    for file in ("state.npz", "history.npz"):
        with np.load(run / file) as stored:
            arrays |= {f"{file}/{name}": stored[name] for name in stored.files if "wall_s" not in name}
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
        train(load(whole.name, SMALL[whole.name]), engine=sn.NodalEngine(), out=tmp_path / "run", rng_seed=5, progress=stop)
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
def test_a_checkpoint_that_cannot_be_used_gives_way_to_the_one_before_it(stopped, whole, name, harm, said):
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
    limits, action = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, limits[1]))
        with pytest.raises(RunError, match=r"cannot be written: .*free space, then --resume"):
            RunDirectory(stopped).save_arrays("state.npz", {"devices": np.random.default_rng(0).random(1000)}, keep=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, action)
    assert {file.name: file.read_bytes() for file in stopped.glob("*.npz")} == saved
    assert not list(stopped.glob(".*.part"))
    resume(stopped)
    assert_same_end(stopped, whole)


def spicesnn(*arguments):
    """Start a command as a process group of its own."""
    command = [sys.executable, "-m", "spicesnn", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True, text=True)


def ended(process):
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said


def kill_at_random(go_on, seconds, check, again):
    """Start, kill -9 within `seconds`, go on, kill … until 25 kills hit a living process; what ends before is checked and begun `again`."""
    moments, kills = random.Random(1), 0
    while kills < 25:
        process = go_on()
        time.sleep(moments.uniform(0.0, seconds))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
        else:
            ended(process)
            check()
            again()
    ended(go_on())
    check()


@pytest.mark.slow
@pytest.mark.parametrize("preset", list(LONG))
def test_a_run_killed_25_times_ends_with_the_same_bits(preset, tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    settings = [text for setting in LONG[preset] for text in ("--set", setting)]
    begin = ("train", preset, "--engine", "nodal", "--seed", 4, "--no-figures", *settings)
    began = time.monotonic()
    ended(spicesnn(*begin, "--out", whole))
    seconds = time.monotonic() - began

    def go_on():
        return spicesnn(*begin, "--out", run, *(["--resume"] if (run / "run.toml").exists() else []))

    kill_at_random(go_on, seconds, lambda: assert_same_end(run, whole), lambda: shutil.rmtree(run))


@pytest.mark.slow
def test_a_sweep_killed_25_times_has_the_same_table(tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    grid = ("sweep", "letters-3x3", "--over", "array.word_line_ohm=0:5:0.5", "--seeds", 4, "--engine", "nodal", "--workers", 2)
    began = time.monotonic()
    ended(spicesnn(*grid, "--out", whole))
    seconds = time.monotonic() - began

    def rows(folder):
        with (folder / "sweep.csv").open(newline="") as file:
            return [{name: value for name, value in row.items() if name != "wall_s"} for row in csv.DictReader(file)]

    def check():
        assert rows(run) == rows(whole)

    kill_at_random(lambda: spicesnn(*grid, "--out", run), seconds, check, lambda: shutil.rmtree(run))
    assert len(rows(run)) == 11 * 4
