"""Hypothesis strategies for the client's values."""

from __future__ import annotations

from hypothesis import strategies as st

from sliceplane.gpu_map import Block, Row
from sliceplane.types import Workload, WorkloadSpec

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Co", "Cn")), min_size=1)
ABOVE_ZERO = st.floats(min_value=1e-6, max_value=1e9, allow_nan=False)
DIGESTS = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)

SPECS = st.builds(
    WorkloadSpec,
    model=NAMES,
    rate=ABOVE_ZERO,
    slo_ms=ABOVE_ZERO,
    model_digest=st.just("") | DIGESTS,
    serve=st.sampled_from(["whole", "tail"]),
    max_processes=st.integers(0, 48),
    profile=st.just("") | NAMES,
    priority=st.integers(0, 1000),
    min_hosts=st.integers(0, 1000),
    memory_mb=st.just(0.0) | ABOVE_ZERO,
    exclusive=st.booleans(),
)
WORKLOADS = st.builds(
    Workload,
    name=NAMES,
    spec=SPECS,
    labels=st.dictionaries(PRINTABLE, PRINTABLE, max_size=4),
    etag=st.just("") | st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    uid=st.just("") | NAMES,
    generation=st.integers(0, 1000),
)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """A GPU of eight slots with blocks that do not overlap."""
    blocks, at = [], 0
    while at < 8:
        slots = draw(st.integers(1, 8 - at))
        if draw(st.booleans()):
            name = draw(st.sampled_from([f"w{number}" for number in range(80)]))
            mark = draw(st.sampled_from(["", "+", "!", "~"]))
            blocks.append(Block(name, at, slots, min(slots, 7), draw(st.integers(1, 256)), 3, 10.0, mark))
        at += slots
    return Row(f"host/{draw(st.integers(0, 99))}", 8, 7, tuple(blocks))
