"""The bench of the edge: what is counted over a changing link."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.edge.report import Line, Measured, Step, how, text

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
    assert "| 1 (1.0) |" not in text([], run, {}, 0.2, 10, 3)
    assert "| 2 (1.0, 6.0) | 2 (4.0, 6.0) |" in text([], run, {}, 0.2, 10, 3)


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
    found = text(rows, run, {("cut", "raw"): 0.75}, 0.2, 10, 3)
    assert "| ours, cut | 0.96 | 2.69 | 0.96 | local | yes |" in found
    assert "| ours, upload | 0.94 | 2.64 | 0.94 | local | **no** |" in found
    assert "| cut | raw 75% |" in found
