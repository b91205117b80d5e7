"""Both engines, for the one suite that runs over them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import spicesnn as sn
from spicesnn.engines.base import Engine


@pytest.fixture(scope="module")
def ngspice() -> Iterator[sn.NgspiceEngine]:
    with sn.NgspiceEngine() as engine:
        yield engine


@pytest.fixture(scope="module", params=["nodal", "ngspice"])
def engine(request: pytest.FixtureRequest, ngspice: sn.NgspiceEngine) -> Engine:
    return sn.NodalEngine() if request.param == "nodal" else ngspice
