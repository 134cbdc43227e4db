"""Which GPUs may be planned on, of which kind and geometry; segments on lost ones are fenced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from common import mig
from controller import allocator
from controller.model import Gpu, MigProfile, Node
from controller.ports import Snapshot
from controller.reconcile.options import Options

# What a profile is taken for that does not say where it was measured.
DEFAULT_PRODUCT = "A100-SXM4-80GB"


@dataclass(frozen=True, slots=True)
class Pool:
    """The usable GPUs of one kind, in order of preference; `geometry` is what the planner packs for."""

    kind: str
    geometry: mig.Geometry
    gpus: tuple[allocator.Gpu, ...]


def kind_of(product: str) -> str:
    """What makes two boards one kind to a profile: the known product, else NVML's name without the maker's."""
    known = mig.geometry_of(product or DEFAULT_PRODUCT)
    if known is not None:
        return known.product
    return "-".join(word for word in product.upper().replace("-", " ").split() if word != "NVIDIA")


def geometry_of(gpu: Gpu) -> mig.Geometry | None:
    """What its NVML reports; without a report the table of its product; None if there is neither."""
    profiles = _reported(gpu.profiles)
    if not profiles:
        return mig.geometry_of(gpu.product)
    return mig.Geometry(
        product=kind_of(gpu.product),
        slots=max(start + profile.memory_slices for profile in profiles for start in profile.starts),
        compute_slices=max(profile.gpcs for profile in profiles),
        profiles=profiles,
    )


def fault_of(gpu: Gpu) -> str:
    """Why nothing can run on it, one sentence; empty if it can."""
    if not gpu.healthy:
        return gpu.message or "its host reports it unhealthy"
    if not gpu.mig_enabled:
        return gpu.message or "MIG mode is off: nvidia-smi -mig 1, then reset the GPU"
    return ""


def unschedulable_reason(gpu: Gpu) -> str:
    """Why it takes no new segment, one sentence; empty if it does while its host is connected."""
    if fault := fault_of(gpu):
        return fault
    if gpu.cordoned:
        return f"it is cordoned: sliceplane uncordon {gpu.node}/{gpu.index}"
    if geometry_of(gpu) is None:
        return f"no MIG profiles are known for {gpu.product}"
    return ""


def fenced(snapshot: Snapshot) -> dict[str, str]:
    """By UUID, the GPUs that nothing can run on, and why."""
    return {gpu.uuid: fault for gpu in snapshot.gpus if (fault := fault_of(gpu))}


def pools(snapshot: Snapshot, now: datetime, options: Options) -> dict[str, Pool]:
    """The usable GPUs by kind. Those of a host that went silent within the grace keep what they have, no more."""
    nodes = {node.name: node for node in snapshot.nodes}
    found: dict[str, list[allocator.Gpu]] = {}
    for gpu in sorted(snapshot.gpus, key=lambda gpu: (gpu.node, gpu.index, gpu.uuid)):
        geometry = geometry_of(gpu)
        node = nodes.get(gpu.node)
        if fault_of(gpu) or geometry is None or node is None or _given_up(node, now, options):
            continue
        usable = allocator.Gpu(gpu.uuid, geometry, cordoned=gpu.cordoned or not node.connected, host=gpu.node)
        found.setdefault(kind_of(gpu.product), []).append(usable)
    return {kind: Pool(kind, _commonest(gpus), tuple(gpus)) for kind, gpus in found.items()}


def empty_pool(kind: str) -> Pool:
    """The pool of a kind that the fleet lacks; planned for all the same, so that the need can be said."""
    return Pool(kind, mig.geometry_of(kind) or mig.A100_80GB, ())


def _given_up(node: Node, now: datetime, options: Options) -> bool:
    if node.connected:
        return False
    marks = [mark for mark in (node.last_seen, options.leading_since) if mark is not None]
    return not marks or now - max(marks) >= timedelta(seconds=options.offline_grace_s)


def _commonest(gpus: Iterable[allocator.Gpu]) -> mig.Geometry:
    counts: dict[mig.Geometry, int] = {}
    for gpu in gpus:
        counts[gpu.geometry] = counts.get(gpu.geometry, 0) + 1
    return max(counts, key=counts.__getitem__)


def _reported(profiles: Iterable[MigProfile]) -> tuple[mig.Profile, ...]:
    """One profile for each size and memory; the variants with media engines share their plain one's slots."""
    plain = [profile for profile in profiles if profile.starts and "+" not in profile.name]
    by_shape = {(profile.gpcs, profile.memory_slices): profile for profile in reversed(plain)}
    return tuple(_profile(by_shape[shape]) for shape in sorted(by_shape))


def _profile(reported: MigProfile) -> mig.Profile:
    return mig.Profile(
        name=reported.name,
        profile_id=0,  # ids, enums and SM counts are for NVML: the agent looks them up itself
        nvml_enum=0,
        gpcs=reported.gpcs,
        memory_slices=reported.memory_slices,
        starts=reported.starts,
        max_instances=_most(reported),
        sms=0,
        memory_mb=reported.memory_bytes >> 20,
    )


def _most(profile: MigProfile) -> int:
    """How many stand side by side at its legal starts."""
    count, free_from = 0, 0
    for start in sorted(profile.starts):
        if start >= free_from:
            count, free_from = count + 1, start + profile.memory_slices
    return count
