"""What the edge agent counts."""

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.model import Answer, Timing, Where
from edge_agent.stats import Stats, stages

_MS = st.floats(0, 1e4)


def test_stages_of_a_split_frame_add_up_to_its_time() -> None:
    """Network is the way to the tail and back without what the tail took; queue is what is left."""
    timing = Timing(head_ms=10, encode_ms=2, tail_ms=30, server_ms=12, decode_ms=3, total_ms=50)
    found = stages(timing)
    assert found == {"device": 10, "encode": 2, "network": 18, "edge": 9, "decode": 3, "queue": 8}
    assert sum(found.values()) == timing.total_ms


@given(_MS, _MS, _MS, _MS, _MS, _MS, _MS)
def test_no_stage_is_negative(
    head: float, encode: float, tail: float, server: float, decode: float, local: float, total: float
) -> None:
    """Clocks that do not agree, and frames that fell back, give no stage below nothing."""
    assert all(took > 0 for took in stages(Timing(head, encode, tail, server, decode, local, total)).values())


def test_levels_and_stages_are_exposed() -> None:
    """A frame of the split counts for its level and bundle, and in each stage that it went through; others do not."""
    stats = Stats()
    timing = Timing(head_ms=10, encode_ms=2, tail_ms=30, server_ms=12, decode_ms=3, total_ms=50, activation_bytes=7)
    stats.add(Answer("a", Where.SPLIT, {}, level="rans-4", bundle="sha256:x", timing=timing))
    stats.add(Answer("b", Where.LOCAL, {}, bundle="sha256:x", timing=Timing(local_ms=20, total_ms=20)))
    value = stats.registry.get_sample_value
    assert value("sliceplane_edge_split_frames_total", {"level": "rans-4", "bundle": "sha256:x"}) == 1
    assert value("sliceplane_edge_stage_seconds_count", {"stage": "device"}) == 2
    assert value("sliceplane_edge_stage_seconds_count", {"stage": "network"}) == 1
