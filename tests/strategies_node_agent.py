"""Hypothesis strategies of the node agent: desired states whose segments overlap nowhere."""

from __future__ import annotations

from hypothesis import strategies as st

from common.mig import A100_80GB, Instance, layouts
from node_agent.model import SegmentSpec, Serve, Tenant

DIGESTS = tuple(f"sha256:{c * 64}" for c in "ab")
TENANTS = tuple(Tenant(f"w{rank}", digest, 4, 64**rank) for rank, digest in enumerate(DIGESTS))


def _spec(gpu: str, instance: Instance, tag: str, processes: int) -> SegmentSpec:
    """No processes: one that tenants share."""
    profile = instance.profile
    id_ = f"{gpu.lower()}-{instance.start}-{profile.gpcs}g-{tag}"
    digest, tenants = (DIGESTS[0], ()) if processes else ("", TENANTS)
    place = (instance.start, profile.gpcs, profile.memory_slices)
    return SegmentSpec(id_, gpu, *place, "w", digest, Serve.WHOLE, 4, max(1, processes), 100, tenants)


@st.composite
def segments(draw: st.DrawFn, gpus: tuple[str, ...] = ("GPU-0", "GPU-1")) -> tuple[SegmentSpec, ...]:
    """Segments in legal layouts of A100s, some shared; of two draws some are the same, some overlap."""
    found = []
    for gpu in gpus:
        for instance in draw(st.sampled_from(layouts(A100_80GB))):
            tag = draw(st.sampled_from("xxy"))
            found.append(_spec(gpu, instance, tag, draw(st.sampled_from([1, 1, 2, 0]))))
    return tuple(found)
