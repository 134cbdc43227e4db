"""The bench of the edge: what is counted over a changing link."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.edge.report import Line, Measured, Step, text


def _line(frame: str, level: str | None, took: float = 10.0) -> Line:
    where = "split" if level else "local"
    return {
        "frame": frame, "level": level, "answered_by": where, "late": False, "activation_bytes": 100,
        "timing_ms": {"total": took},
    }  # fmt: skip


def test_changes_are_counted_within_steps() -> None:
    """A change of way at a step's begin counts for neither step; within one it tells when it last changed."""
    run = Step((20.0, 1.0), 10.0, sent={"a": 0.0, "b": 5.0, "c": 11.0, "d": 14.0})
    run.lines = [_line("a", "raw"), _line("b", "raw"), _line("c", "rans-4"), _line("d", None)]
    assert [run.switches(0), run.switches(1)] == [0, 1]
    assert [run.settled_s(0), run.settled_s(1)] == [0.0, 4.0]


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcdef"), max_size=20))
def test_lost_and_twice_are_exact(frames: list[str]) -> None:
    """Frames without result and results too many are what is missing and what is over."""
    run = Step((20.0,), 10.0, sent=dict.fromkeys("abcdef", 0.0), lines=[_line(frame, None) for frame in frames])
    assert run.lost == 6 - len(set(frames))
    assert run.twice == len(frames) - len(set(frames))


def test_slower_than_the_best_other_is_said() -> None:
    """The table says no where ours takes more than 5 % longer than the best other way."""
    run = Step((20.0,), 10.0, sent={"a": 0.0}, lines=[_line("a", "raw")])
    rows = [
        Measured(1.1, "local", p50=100), Measured(1.1, "fp32 split (Scission)", p50=280),
        Measured(1.1, "ours, cut", p50=104), Measured(1.1, "ours, upload", p50=106),
    ]  # fmt: skip
    found = text(rows, run, 0.2, 10, 3)
    assert "| ours, cut | 0.96 | 2.69 | 0.96 | local | yes |" in found
    assert "| ours, upload | 0.94 | 2.64 | 0.94 | local | **no** |" in found
