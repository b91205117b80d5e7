"""What all tests share: which examples hypothesis draws.

A default run draws the same examples every time, on every machine: it fails by what was changed,
never by chance. A run of the slow tests (``-m slow``) draws new ones for every property test, and
says at its end how to repeat one that failed."""

import os
import random

import pytest
from hypothesis import HealthCheck, core, is_hypothesis_test, settings

_SEED = "SPICESNN_TEST_SEED"
"""How the processes of one run come to the same seed."""

for _name, _same in (("same", True), ("new", False)):
    # How long a draw takes says something of the machine, nothing of what is tested.
    settings.register_profile(
        _name,
        derandomize=_same,
        database=None,
        print_blob=True,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


def _slow(config):
    """Return whether slow tests are run."""
    return "slow" in config.option.markexpr.replace("not slow", "")


def _new_examples(config):
    """Return whether new examples are asked for: slow tests are run, or a seed is given."""
    return _slow(config) or config.getoption("--hypothesis-seed") is not None


def pytest_configure(config):
    """Choose the examples before a test is imported."""
    if config.getoption("--hypothesis-profile"):
        return
    settings.load_profile("new" if _new_examples(config) else "same")
    if _new_examples(config) and config.getoption("--hypothesis-seed") is None:
        core.global_force_seed = int(
            os.environ.setdefault(_SEED, str(random.SystemRandom().randrange(2**32)))
        )


@pytest.fixture(scope="session", autouse=True)
def _own_size():
    """Compare small numbers at their own size: pytest.approx(x, rel=…) takes everything within
    1e-12 for equal, which the joules of a read, farads and square metres always are."""
    compared = type(pytest.approx(1.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            compared,
            "DEFAULT_ABSOLUTE_TOLERANCE",
            property(lambda self: 1e-12 if self.expected == 0 else 0.0),
        )
        assert pytest.approx(1e-15, rel=1e-3) != 2e-15
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Let property tests, which every default run has, be among the slow ones too: with new
    examples."""
    if not _slow(config):
        return
    for item in items:
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter, config):
    """Say how the examples of failed property tests are drawn again."""
    if core.global_force_seed is not None and terminalreporter.stats.get("failed"):
        terminalreporter.write_line(
            f"property tests drew their examples with --hypothesis-seed={core.global_force_seed}: add it to repeat them"
        )
