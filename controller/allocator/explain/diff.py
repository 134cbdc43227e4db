"""What changes from one plan to another, by workload."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from controller.allocator.explain.outline import GpuName, Outline, Shape, Stands, outline
from controller.allocator.types import Plan


@dataclass(frozen=True, slots=True)
class Changed:
    """A segment that keeps its size and runs otherwise."""

    before: Shape
    after: Shape


@dataclass(frozen=True, slots=True)
class WorkloadDiff:
    """One workload's segments in both plans; only those that differ, except `kept` and `moved`, which count.

    `gpcs_before` and `gpcs_after` count a shared segment in full for each workload on it.
    """

    workload: str
    kept: int  # of equal shape in both plans
    moved: int  # of these, those that stand elsewhere
    added: tuple[Shape, ...]
    removed: tuple[Shape, ...]
    changed: tuple[Changed, ...]
    gpcs_before: int
    gpcs_after: int
    gpus_before: int
    gpus_after: int
    refused_before: str = ""  # the reason where it was not served
    refused_after: str = ""

    @property
    def same(self) -> bool:
        """Whether nothing but places differs."""
        return not (self.added or self.removed or self.changed) and self.refused_before == self.refused_after


@dataclass(frozen=True, slots=True)
class PlanDiff:
    """Two plans side by side; `workloads` by name, all that either plan knows."""

    gpus_before: int
    gpus_after: int
    gpcs_before: int
    gpcs_after: int
    bound_before: int
    bound_after: int
    workloads: tuple[WorkloadDiff, ...]


def diff(before: Plan | Outline, after: Plan | Outline) -> PlanDiff:
    """From one plan to the other. GPUs are compared by their numbers or names."""
    old, new = _outline(before), _outline(after)
    stood, stands = _by_workload(old), _by_workload(new)
    names = sorted(stood.keys() | stands.keys() | old.unservable.keys() | new.unservable.keys())
    return PlanDiff(
        gpus_before=old.gpus,
        gpus_after=new.gpus,
        gpcs_before=old.gpcs,
        gpcs_after=new.gpcs,
        bound_before=old.lower_bound,
        bound_after=new.lower_bound,
        workloads=tuple(
            _workload(
                name, stood.get(name, []), stands.get(name, []), old.unservable.get(name), new.unservable.get(name)
            )
            for name in names
        ),
    )


def _outline(plan: Plan | Outline) -> Outline:
    return outline(plan) if isinstance(plan, Plan) else plan


def _by_workload(of: Outline) -> dict[str, list[Stands]]:
    found: dict[str, list[Stands]] = defaultdict(list)
    for one in of.segments:
        found[one.workload].append(one)
    return found


def _workload(
    name: str, old: Sequence[Stands], new: Sequence[Stands], refused_before: str | None, refused_after: str | None
) -> WorkloadDiff:
    before, after = Counter(one.shape for one in old), Counter(one.shape for one in new)
    kept, in_place = before & after, Counter(map(_place, old)) & Counter(map(_place, new))
    gone, come = sorted((before - after).elements()), sorted((after - before).elements())
    changed = tuple(_pairs(gone, come))
    return WorkloadDiff(
        workload=name,
        kept=kept.total(),
        moved=kept.total() - in_place.total(),
        added=tuple(come),
        removed=tuple(gone),
        changed=changed,
        gpcs_before=sum(one.shape.size for one in old),
        gpcs_after=sum(one.shape.size for one in new),
        gpus_before=len({one.gpu for one in old}),
        gpus_after=len({one.gpu for one in new}),
        refused_before=refused_before or "",
        refused_after=refused_after or "",
    )


def _place(one: Stands) -> tuple[GpuName, int, Shape]:
    return one.gpu, one.start, one.shape


def _pairs(gone: list[Shape], come: list[Shape]) -> Iterator[Changed]:
    """Takes pairs of equal size out of both lists."""
    for shape in list(gone):
        match = next((other for other in come if other.size == shape.size), None)
        if match is not None:
            gone.remove(shape)
            come.remove(match)
            yield Changed(shape, match)


def diff_lines(found: PlanDiff) -> Iterator[str]:
    """The fleet's line, then one for each workload that differs, and how many do not."""
    yield (
        f"GPUs {found.gpus_before} → {found.gpus_after}, GPCs {found.gpcs_before} → {found.gpcs_after}, "
        f"bound {found.bound_before} → {found.bound_after}"
    )
    differ = [one for one in found.workloads if not one.same or one.moved]
    yield from map(_line, differ)
    yield f"{len(found.workloads) - len(differ)} of {len(found.workloads)} workloads as before"


def _line(one: WorkloadDiff) -> str:
    said = [f"GPCs {one.gpcs_before} → {one.gpcs_after}", f"GPUs {one.gpus_before} → {one.gpus_after}"]
    said += [f"+ {_listed(one.added)}"] if one.added else []
    said += [f"- {_listed(one.removed)}"] if one.removed else []
    changes = Counter(f"{_shape(pair.before)} → {_shape(pair.after)}" for pair in one.changed)
    said += [f"~ {count} × {what}" for what, count in changes.items()]
    said += [f"{one.kept} kept" + (f", {one.moved} of them elsewhere" if one.moved else "")] if one.kept else []
    said += [f"was refused: {one.refused_before}"] if one.refused_before else []
    said += [f"now refused: {one.refused_after}"] if one.refused_after else []
    return f"{one.workload}: " + "; ".join(said)


def _listed(shapes: Sequence[Shape]) -> str:
    return ", ".join(f"{count} × {what}" for what, count in Counter(map(_shape, shapes)).items())


def _shape(shape: Shape) -> str:
    shared = f" shared with {', '.join(shape.shared_with)}" if shape.shared_with else ""
    return f"{shape.size}g batch {shape.batch} × {shape.processes}{shared}"
