"""Cells of tables: numbers, sizes, ages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sliceplane.cli.session import Fault
from sliceplane.cli.tables import age, dash, number, short, size, yes
from sliceplane.cli.wait import seconds


@pytest.mark.parametrize(("value", "text"), [(1200.0, "1200"), (0.45, "0.45"), (0.5, "0.5"), (0.0, "0"), (100, "100")])
def test_numbers_say_no_more_than_they_know(value: float, text: str) -> None:
    """Trailing zeros are dropped behind the point and kept before it."""
    assert number(value) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_570, "1.0 MiB"), (85_899_345_920, "80.0 GiB")],
)
def test_sizes_carry_their_unit(count: int, text: str) -> None:
    """Bytes are shown in the largest unit that leaves a whole part."""
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds_ago", "text"), [(-5, "0s"), (7, "7s"), (119, "119s"), (150, "2m"), (7300, "2h"), (2e5, "2d")]
)
def test_ages_are_short(seconds_ago: float, text: str) -> None:
    """An age has one unit; a clock that runs ahead shows 0s."""
    assert age(datetime.now(UTC) - timedelta(seconds=seconds_ago)) == text


def test_nothing_is_a_dash() -> None:
    """What is absent is a dash, what is unknown says so."""
    assert (age(None), dash(""), dash(None), dash(0), short(""), yes(None)) == ("-", "-", "-", "0", "-", "unknown")


@pytest.mark.parametrize(("text", "value"), [("90", 90), ("90s", 90), ("2m", 120), ("500ms", 0.5), ("1.5h", 5400)])
def test_times_have_units(text: str, value: float) -> None:
    """A time-out may be given in ms, s, m or h."""
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "-1s", "soon", "1 day", "1s1"])
def test_other_times_are_bad_input(text: str) -> None:
    """Anything else ends with 2 and an example."""
    with pytest.raises(Fault, match="say 90s") as fault:
        seconds(text)
    assert fault.value.code == 2
