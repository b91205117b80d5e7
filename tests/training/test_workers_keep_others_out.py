"""The scheduler of `sweep --workers` listens to nobody but the sweep: a client without its keys, or
with keys of its own, runs nothing."""

import socket
import sys
import urllib.error
import urllib.request
from contextlib import suppress

import pytest

from spicesnn import workers
from spicesnn.errors import ConfigError

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster():
    security = workers._own_keys()
    with workers._local_cluster(1, security) as made:
        yield made, security


def canary(path):
    with open(path, "w") as file:  # noqa: PTH123 (it travels to a worker as it is)
        file.write("run by somebody else")


PLAIN = pytest.param("plain, on the TLS port", marks=pytest.mark.slow)  # Dask tries for ten seconds


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("keys", ["none at all", PLAIN, "of somebody else"])
def test_a_client_without_the_keys_runs_nothing(cluster, tmp_path, keys):
    made, _ = cluster
    address = made.scheduler_address
    assert address.startswith("tls://")
    security = distributed.Security.temporary() if keys == "of somebody else" else None
    address = address.replace("tls://", "tcp://") if keys == "plain, on the TLS port" else address
    answered = False
    with (
        suppress(Exception),
        distributed.Client(address, security=security, timeout=1) as client,
    ):  # Dask's word for it depends on the instant
        client.submit(canary, str(tmp_path / "canary")).result(timeout=2)
        answered = True
    assert not answered
    assert not list(tmp_path.iterdir())


def test_the_sweep_itself_has_the_keys(cluster, tmp_path):
    made, security = cluster
    with distributed.Client(made, security=security, timeout=20) as client:
        client.submit(canary, str(tmp_path / "canary")).result(timeout=20)
    assert (tmp_path / "canary").is_file()


def test_the_workers_serve_no_pages(cluster):
    made, _ = cluster
    port = made.scheduler.services["dashboard"].port
    for page in ("", "status", "info/main/workers.html", "json/counts.json", "health", "metrics"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=2)


def test_workers_without_cryptography_say_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.backends", None)
    with pytest.raises(
        ConfigError,
        match=r"several workers need cryptography.*pip install 'spicesnn\[cluster\]'; --workers 1 needs none",
    ):
        workers._own_keys()


def test_nothing_of_a_sweep_listens_beyond_the_machine(cluster):
    made, _ = cluster
    host = made.scheduler_address.split("//")[1].rsplit(":", 1)[0]
    assert host == "127.0.0.1"
    assert socket.gethostbyname(host) == host
