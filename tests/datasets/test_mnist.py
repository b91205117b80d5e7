import gzip
import hashlib
import http.server
import threading

import numpy as np
import pytest

from spicesnn.datasets import idx, mnist
from spicesnn.errors import DataError
from spicesnn.paths import checkout_data_dir


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (6, 28, 28), dtype=np.uint8),
        "y_train": np.arange(6, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (3, 28, 28), dtype=np.uint8),
        "y_test": np.arange(3, dtype=np.uint8),
    }


def write_idx(folder, arrays, suffix=""):
    folder.mkdir(exist_ok=True)
    for key, (name, _) in mnist.FILES.items():
        content = idx.render(arrays[key])
        (folder / (name + suffix)).write_bytes(gzip.compress(content) if suffix else content)


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    monkeypatch.delenv("SPICESNN_DATA", raising=False)
    monkeypatch.delenv("SPICESNN_DOWNLOAD", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(mnist, "checkout_data_dir", lambda: tmp_path / "no-checkout")
    return tmp_path


def test_the_checkouts_copy_is_the_whole_canonical_set():
    digits = mnist.read(checkout_data_dir() / "mnist.npz")
    assert digits.x_train.shape == (60000, 28, 28)
    assert digits.x_test.shape == (10000, 28, 28)
    assert digits.y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(digits.y_train).tolist() == [
        5923,
        6742,
        5958,
        6131,
        5842,
        5421,
        5918,
        6265,
        5851,
        5949,
    ]


def test_idx_files_plain_and_packed_and_npz_read_alike(tmp_path, small):
    write_idx(tmp_path / "plain", small)
    write_idx(tmp_path / "packed", small, ".gz")
    np.savez_compressed(tmp_path / "mnist.npz", **small)
    for place in ("plain", "packed", "mnist.npz"):
        digits = mnist.read(tmp_path / place, verify=False)
        np.testing.assert_array_equal(digits.x_train, small["x_train"])
        np.testing.assert_array_equal(digits.y_test, small["y_test"])


def test_files_that_did_not_change_are_read_once_and_cannot_be_written_to(tmp_path, small):
    np.savez(tmp_path / "mnist.npz", **small)
    first = mnist.read(tmp_path / "mnist.npz", verify=False)
    assert mnist.read(tmp_path / "mnist.npz", verify=False) is first
    with pytest.raises(ValueError, match="read-only"):
        first.x_train[0, 0, 0] = 1
    np.savez(tmp_path / "mnist.npz", **{**small, "y_test": np.full(3, 7, dtype=np.uint8)})
    assert mnist.read(tmp_path / "mnist.npz", verify=False).y_test.tolist() == [7, 7, 7]


def test_data_is_found_where_spicesnn_data_says_and_nowhere_else(nowhere, monkeypatch, small):
    np.savez(nowhere / "own.npz", **small)
    monkeypatch.setenv("SPICESNN_DATA", str(nowhere / "own.npz"))
    assert mnist.load(verify=False).source == nowhere / "own.npz"
    monkeypatch.setenv("SPICESNN_DATA", str(nowhere / "absent"))
    with pytest.raises(DataError, match=r"SPICESNN_DATA is .*absent, which does not exist"):
        mnist.load()


def test_the_cache_is_found(nowhere, small):
    (nowhere / "cache").mkdir()
    write_idx(nowhere / "cache" / "spicesnn", small, ".gz")
    assert mnist.load(verify=False).source == nowhere / "cache" / "spicesnn"


def test_absence_says_the_three_ways(nowhere):
    with pytest.raises(DataError) as raised:
        mnist.load()
    for way in ("SPICESNN_DATA", "data/mnist.npz", "spicesnn doctor --download"):
        assert way in str(raised.value)
    assert isinstance(raised.value, OSError)


def test_a_damaged_copy_is_refused(tmp_path, small):
    np.savez(tmp_path / "other.npz", **small)
    with pytest.raises(
        DataError, match=r"x_train is not MNIST's train-images-idx3-ubyte \(its MD5 sum differs\)"
    ):
        mnist.read(tmp_path / "other.npz")
    content = bytearray((tmp_path / "other.npz").read_bytes())
    (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"cut\.npz is not a sound \.npz file"):
        mnist.read(tmp_path / "cut.npz")
    np.savez(tmp_path / "shape.npz", **{**small, "y_train": small["y_train"][:-1]})
    with pytest.raises(DataError, match="as many images as labels"):
        mnist.read(tmp_path / "shape.npz", verify=False)


@pytest.fixture
def server(tmp_path, small):
    folder = tmp_path / "served"
    write_idx(folder, small, ".gz")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **more):
            super().__init__(*args, directory=str(folder), **more)

        def log_message(self, *args):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}/"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_a_download_is_checked_kept_and_then_found(nowhere, server, small):
    sums = {key: hashlib.md5(idx.render(array)).hexdigest() for key, array in small.items()}
    asked = []
    folder = mnist.fetch(mirror=server, sums=sums, progress=asked.append)
    assert folder == nowhere / "cache" / "spicesnn"
    assert asked == [name for name, _ in mnist.FILES.values()]
    np.testing.assert_array_equal(mnist.load(verify=False).x_test, small["x_test"])


def test_a_download_that_is_not_mnist_leaves_nothing(nowhere, server):
    with pytest.raises(DataError, match="is not the file it should be"):
        mnist.fetch(mirror=server)
    assert list((nowhere / "cache" / "spicesnn").iterdir()) == []


def test_a_download_that_is_damaged_leaves_nothing(nowhere, server, small, tmp_path):
    """A page of an error in place of a file, or half of one: neither can be read, let alone summed
    up."""
    sums = {key: hashlib.md5(idx.render(array)).hexdigest() for key, array in small.items()}
    first = tmp_path / "served" / f"{next(name for name, _ in mnist.FILES.values())}.gz"
    whole = first.read_bytes()
    for content in (b"<html>not found</html>", whole[: len(whole) // 2], b""):
        first.write_bytes(content)
        with pytest.raises(DataError, match="is not the file it should be"):
            mnist.fetch(mirror=server, sums=sums)
        assert list((nowhere / "cache" / "spicesnn").iterdir()) == []


def test_a_download_is_asked_for_by_environment_and_its_failure_is_one_message(
    nowhere, monkeypatch
):
    monkeypatch.setenv("SPICESNN_DOWNLOAD", "1")
    real = mnist.fetch
    monkeypatch.setattr(mnist, "fetch", lambda: real(mirror="http://127.0.0.1:9/"))
    with pytest.raises(
        DataError, match=r"cannot be fetched: .*Without a network: set SPICESNN_DATA"
    ):
        mnist.load()
