"""Matrix products whose bits do not depend on the number of threads of the BLAS library.

Sums that threads share are added in another order, and training amplifies the last bits: the same
seed ended some hundredths of a percent apart with one thread and with two. Software training
therefore runs with one BLAS thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread, and restore its number afterwards."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield
