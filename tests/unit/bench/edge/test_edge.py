"""The bench of the edge: what is counted over a changing link."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.edge.changing import Conditions, Line, Step, how
from bench.edge.report import Measured, text

TOLD = Conditions(0.2, 2, 8.0, 0.1, 10, 3)
CUTS = {"sha256:1": "cut", "sha256:2": "late"}


def _line(frame: str, level: str | None, took: float = 10.0, bundle: str = "sha256:1") -> Line:
    where = "split" if level else "local"
    return {
        "frame": frame, "level": level, "answered_by": where, "late": False, "activation_bytes": 100,
        "timing_ms": {"total": took}, "bundle": bundle,
    }  # fmt: skip


def test_changes_of_level_and_cut_are_told_with_their_times() -> None:
    """Seconds after the link changed; the first frame of a step is compared with the last one before."""
    run = Step((20.0, 1.0), 10.0, CUTS, sent={"a": 0.0, "b": 5.0, "c": 11.0, "d": 14.0, "e": 16.0})
    run.lines = [_line("a", "raw"), _line("b", "raw"), _line("c", "rans-4"), _line("d", "rans-4", bundle="sha256:2")]
    run.lines.append(_line("e", None))
    assert [run.changed_s(index, how) for index in (0, 1)] == [[], [1.0, 6.0]]
    assert [run.changed_s(index, run.cut) for index in (0, 1)] == [[], [4.0, 6.0]]
    assert "| 1 (1.0) |" not in text([], run, {}, TOLD)
    assert "| 2 (1.0, 6.0) | 2 (4.0, 6.0) |" in text([], run, {}, TOLD)


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcdef"), max_size=20))
def test_lost_and_twice_are_exact(frames: list[str]) -> None:
    """Frames without result and results too many are what is missing and what is over."""
    run = Step((20.0,), 10.0, sent=dict.fromkeys("abcdef", 0.0), lines=[_line(frame, None) for frame in frames])
    assert run.lost == 6 - len(set(frames))
    assert run.twice == len(frames) - len(set(frames))


def _measured(way: str, took: float) -> Measured:
    """Two rounds of three frames each, that took a ms less and a ms more."""
    one = Measured(1.1, way)
    for round_ in range(2):
        one.add(1, [_line(str(number), "raw", took + round_ * 2 - 1) for number in range(3)], 0.0)
        one.add(4, [], 1000 / took)
    return one


def test_rounds_count_together_and_their_spread_is_told() -> None:
    """The median is that of all frames; what rounds differ by is what chance does."""
    one = _measured("local", 100)
    assert (one.p50, one.medians, one.frames, one.fps) == (100, [99, 101], 6, 10)
    assert "(99.0-101.0)" in one.summary


def test_slower_than_the_best_other_is_said() -> None:
    """The table says no where ours takes more than 5 % longer than the best other way."""
    run = Step((20.0,), 10.0, sent={"a": 0.0}, lines=[_line("a", "raw")])
    rows = [
        _measured("local", 100), _measured("fp32 split (Scission)", 280), _measured("ours, cut", 104),
        _measured("ours, upload", 106),
    ]  # fmt: skip
    found = text(rows, run, {("cut", "raw"): 0.75}, TOLD)
    assert "| ours, cut | 0.96 | 2.69 | 0.96 | local | yes | 0.96 |" in found
    assert "| ours, upload | 0.94 | 2.64 | 0.94 | local | **no** | 0.94 |" in found
    assert "| cut | raw 75% |" in found
