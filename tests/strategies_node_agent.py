"""Hypothesis strategies of the node agent: desired states whose segments overlap nowhere."""

from __future__ import annotations

from hypothesis import strategies as st

from common.mig import A100_80GB, Instance, layouts
from node_agent.model import SegmentSpec, Serve

DIGESTS = tuple(f"sha256:{c * 64}" for c in "ab")


def _spec(gpu: str, instance: Instance, tag: str, processes: int) -> SegmentSpec:
    profile = instance.profile
    id_ = f"{gpu.lower()}-{instance.start}-{profile.gpcs}g-{tag}"
    return SegmentSpec(
        id_, gpu, instance.start, profile.gpcs, profile.memory_slices, "w", DIGESTS[0], Serve.WHOLE, 4, processes, 100
    )


@st.composite
def segments(draw: st.DrawFn, gpus: tuple[str, ...] = ("GPU-0", "GPU-1")) -> tuple[SegmentSpec, ...]:
    """Segments in legal layouts of A100s; of two draws some are the same, some stand in the other's place."""
    found = []
    for gpu in gpus:
        for instance in draw(st.sampled_from(layouts(A100_80GB))):
            tag = draw(st.sampled_from("xxy"))
            found.append(_spec(gpu, instance, tag, draw(st.sampled_from([1, 1, 2]))))
    return tuple(found)
