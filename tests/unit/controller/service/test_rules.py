"""What makes requests well-formed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidArgument
from controller.model import Point, Profile, Workload
from controller.service import rules
from tests.plane_values import workload


@given(st.floats())
def test_figures_are_finite_and_above_zero(value: float) -> None:
    """Exactly the finite figures above 0 pass."""
    assert (rules.positive("x", value, "") is None) == (math.isfinite(value) and value > 0)


@given(st.builds(Workload, st.text(), st.just(workload().spec), st.dictionaries(st.text(), st.text())))
def test_any_text_passes_or_is_named(asked: Workload) -> None:
    """Whatever is sent, it either is storable text or its field is named."""
    fields = _refused(asked)
    assert all(field.startswith("workload.") for field in fields)
    assert fields or all("\0" not in text for pair in asked.labels.items() for text in pair)


def _refused(asked: Workload) -> list[str]:
    try:
        rules.check_workload(asked)
    except InvalidArgument as error:
        return [violation.field for violation in error.violations]
    return []


def test_many_labels() -> None:
    """Labels are bounded in number."""
    with pytest.raises(InvalidArgument, match="at most"):
        rules.check_workload(replace(workload(), labels={str(i): "" for i in range(rules.MOST_LABELS + 1)}))


def test_profile_bounds() -> None:
    """A profile has at least one point and not endlessly many."""
    points = tuple(Point(1, 1 + n % 60_000, 1 + n // 60_000, 1.0, 1.0) for n in range(rules.MOST_POINTS + 1))
    for bad in ((), points):
        with pytest.raises(InvalidArgument, match=r"profile\.points"):
            rules.check_profile(Profile("p", "A100", bad))
    rules.check_profile(Profile("p", "A100", points[:-1]))
