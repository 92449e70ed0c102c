"""Every wrong model is caught by the property that the right ones have."""

import pytest
from models import check_future, check_parts, check_reach, check_rows, check_writes, make_model
from mutants import models as mutants

from titans_mini.models.variants import VARIANTS

CAUGHT = [
    (mutants.LeakyMAC, "mac", check_future),
    (mutants.LateReadMAC, "mac", check_future),
    (mutants.SilentWriteMAC, "mac", check_writes),
    (mutants.RestartingMAC, "mac", check_parts),
    (mutants.SharedRows, "mag", check_rows),
    (mutants.DetachedRead, "lmm", check_reach),
    (mutants.FutureMAG, "mag", check_future),
    (mutants.ForgetfulMAG, "mag", check_parts),
]


@pytest.mark.parametrize(("mixer", "kind", "check"), CAUGHT, ids=lambda value: getattr(value, "__name__", value))
def test_a_mutant_is_caught(mixer, kind, check):
    check(make_model(kind))
    with pytest.raises(AssertionError):
        check(make_model(kind, mutants.model_with(mixer)))


@pytest.mark.parametrize("kind", VARIANTS)
def test_a_right_mixer_put_in_the_same_way_passes(kind):
    lm = make_model(kind, mutants.model_with(VARIANTS[kind]))
    for check in (check_future, check_rows, check_parts, check_reach, check_writes):
        check(lm)
