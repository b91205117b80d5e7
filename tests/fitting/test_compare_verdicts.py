"""What a comparison of models says of each."""

from types import SimpleNamespace

import pytest

from spicesnn.fitting.compare import Candidate


def candidate(name, aic, residual, *remarks):
    return Candidate(name=name, result=SimpleNamespace(remarks=remarks), aic=aic, residual=residual)


MISSES = "the model misses these data: its residuals are 0.63 of the values"
BEST = candidate("best", 0.0, 0.1)


@pytest.mark.parametrize(
    ("one", "best", "said"),
    [
        (BEST, BEST, "best"),
        (candidate("a", 1.0, 0.1), BEST, "as good"),
        (candidate("a", 9.0, 0.11), BEST, "describes the data, with less support"),
        (candidate("a", 900.0, 0.3), BEST, "residuals 3 times those of the best"),
    ],
)
def test_of_models_that_describe_the_data(one, best, said):
    assert one.verdict(best) == said


def test_of_models_that_all_miss_the_data():
    """Before: a model that missed the data by 43 times their scatter *described* them."""
    best = candidate("best", 0.0, 0.5, MISSES)
    assert best.verdict(best) == "best, but it misses the data"
    assert candidate("a", 1.0, 0.5, MISSES).verdict(best) == "as good; it misses the data too"
    said = candidate("a", 83.0, 0.6, MISSES).verdict(best)
    assert said == "misses the data: residuals 1.2 times those of the best"


def test_of_a_model_without_a_fit():
    lost = Candidate(name="a", result=None, aic=float("inf"), reason="two terminals only")
    assert lost.verdict(BEST) == "two terminals only"
