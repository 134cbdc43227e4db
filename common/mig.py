"""MIG geometry: which instances a GPU can hold, and at which memory slots.

A GPU is a row of memory slots. An instance covers `memory_slices` of them from its start; only the
starts that its profile lists are legal. On an A100 slots 0 to 6 carry a compute slice each and slot 7
carries memory only. Tables are defaults: an agent asks NVML and may build a `Geometry` of its own.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of instance; its name is for people, `gpcs` and `memory_slices` identify it."""

    name: str
    profile_id: int  # what NVML's create calls take
    nvml_enum: int  # what nvmlDeviceGetGpuInstanceProfileInfo takes
    gpcs: int
    memory_slices: int
    starts: tuple[int, ...]
    max_instances: int
    sms: int
    memory_mb: int
    media_extensions: bool = False
    wide: bool = False  # has more memory than the default of its GPCs, and may be planned with

    @property
    def size(self) -> int:
        """What planners call it by: its GPCs; of a wide one 10 × memory slices + GPCs."""
        return 10 * self.memory_slices + self.gpcs if self.wide else self.gpcs

    def slots(self, start: int) -> range:
        """The memory slots that an instance at `start` covers."""
        return range(start, start + self.memory_slices)

    def mask(self, start: int) -> int:
        """The same slots as a bit mask, slot 0 the lowest bit."""
        return ((1 << self.memory_slices) - 1) << start


@dataclass(frozen=True, slots=True)
class Instance:
    """A profile at a start."""

    profile: Profile
    start: int

    @property
    def mask(self) -> int:
        """The memory slots that it covers, as a bit mask."""
        return self.profile.mask(self.start)


Layout = tuple[Instance, ...]


@dataclass(frozen=True, slots=True)
class Geometry:
    """A GPU product's slots and the profiles that it admits, the default of each size first."""

    product: str
    slots: int
    compute_slices: int
    profiles: tuple[Profile, ...]
    with_wide: bool = False  # whether wide profiles are sizes of their own

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes that it has profiles for, ascending: GPCs, and of wide ones what planners call them by."""
        wide = {profile.size for profile in self.profiles if self.with_wide and profile.wide}
        return tuple(sorted({profile.gpcs for profile in self.profiles} | wide))

    def default(self, size: int) -> Profile:
        """The profile that stands for a size: the one of least memory. Raises KeyError."""
        found = [p for p in self.profiles if size in (p.size, p.gpcs) and not p.media_extensions]
        if not found:
            raise KeyError(f"{self.product} has no {size}-GPC profile; sizes are {_listed(self.sizes)}")
        return min(found, key=lambda profile: profile.memory_slices)

    def find(self, gpcs: int, memory_slices: int, *, media_extensions: bool = False) -> Profile:
        """The profile with these attributes; drivers rename profiles, so never by name. Raises KeyError."""
        wanted = (gpcs, memory_slices, media_extensions)
        for profile in self.profiles:
            if (profile.gpcs, profile.memory_slices, profile.media_extensions) == wanted:
                return profile
        raise KeyError(f"{self.product} has no profile of {gpcs} GPCs and {memory_slices} memory slices")

    @property
    def defaults(self) -> tuple[Profile, ...]:
        """The default profile of each size, ascending."""
        return tuple(self.default(size) for size in self.sizes)


def occupied(instances: Iterable[Instance]) -> int:
    """The memory slots that the instances cover together, as a bit mask."""
    mask = 0
    for instance in instances:
        mask |= instance.mask
    return mask


def fits(geometry: Geometry, taken: int, profile: Profile, start: int) -> bool:
    """Whether the profile may start there beside what covers the slots of `taken`."""
    legal = profile in geometry.profiles and start in profile.starts
    return legal and not taken & profile.mask(start)


def free_starts(geometry: Geometry, taken: int, profile: Profile) -> tuple[int, ...]:
    """The legal starts still open to the profile, in the profile's order."""
    return tuple(start for start in profile.starts if fits(geometry, taken, profile, start))


def is_legal(geometry: Geometry, layout: Iterable[Instance]) -> bool:
    """Whether the instances can stand on one GPU together."""
    taken = 0
    counts: Counter[Profile] = Counter()
    for instance in layout:
        if not fits(geometry, taken, instance.profile, instance.start):
            return False
        taken |= instance.mask
        counts[instance.profile] += 1
    compute = sum(profile.gpcs * n for profile, n in counts.items())
    return compute <= geometry.compute_slices and all(n <= p.max_instances for p, n in counts.items())


@lru_cache(maxsize=64)
def layouts(geometry: Geometry) -> tuple[Layout, ...]:
    """Every legal layout of the default profiles, the empty one included, each by ascending start."""
    return tuple(sorted(_grow(geometry, ()), key=_layout_key))


@lru_cache(maxsize=64)
def maximal_layouts(geometry: Geometry) -> tuple[Layout, ...]:
    """The legal layouts that no default profile can be added to (19 on an A100)."""
    return tuple(layout for layout in layouts(geometry) if not _room(geometry, layout))


def gpcs_of(size: int) -> int:
    """The GPCs of an instance by what planners call it."""
    return size % 10


def multiset(layout: Layout) -> tuple[int, ...]:
    """The sizes of a layout, descending."""
    return tuple(sorted((instance.profile.size for instance in layout), reverse=True))


@lru_cache(maxsize=64)
def feasible_multisets(geometry: Geometry) -> frozenset[tuple[int, ...]]:
    """The sizes, descending, that some legal layout of default profiles holds."""
    return frozenset(multiset(layout) for layout in layouts(geometry))


def geometry_of(product: str) -> Geometry | None:
    """The table for a product name as NVML gives it, or None where NVML itself must be asked."""
    words = product.upper().replace("-", " ").split()
    for geometry in TABLES:
        if all(word in words for word in geometry.product.upper().split("-")):
            return geometry
    return None


def _grow(geometry: Geometry, layout: Layout) -> Iterator[Layout]:
    """The layout and all that extend it to the right."""
    yield layout
    first = layout[-1].start + layout[-1].profile.memory_slices if layout else 0
    for start in range(first, geometry.slots):
        for profile in geometry.defaults:
            grown = (*layout, Instance(profile, start))
            if start in profile.starts and is_legal(geometry, grown):
                yield from _grow(geometry, grown)


def _room(geometry: Geometry, layout: Layout) -> bool:
    """Whether one more default profile can be added."""
    taken = occupied(layout)
    return any(
        is_legal(geometry, (*layout, Instance(profile, start)))
        for profile in geometry.defaults
        for start in free_starts(geometry, taken, profile)
    )


def _layout_key(layout: Layout) -> tuple[tuple[int, int], ...]:
    return tuple((instance.start, instance.profile.size) for instance in layout)


def _listed(values: Iterable[int]) -> str:
    return ", ".join(str(value) for value in values)


_EVERY = (0, 1, 2, 3, 4, 5, 6)

# NVIDIA's MIG user guide; "+me" is the one 1g instance that also gets the media engines.
A100_80GB = Geometry(
    product="A100-80GB",
    slots=8,
    compute_slices=7,
    profiles=(
        Profile("1g.10gb", 19, 0, 1, 1, _EVERY, 7, 14, 9856),
        Profile("1g.10gb+me", 20, 7, 1, 1, _EVERY, 1, 14, 9856, media_extensions=True),
        Profile("1g.20gb", 15, 9, 1, 2, (0, 2, 4, 6), 4, 14, 19968, wide=True),
        Profile("2g.20gb", 14, 1, 2, 2, (0, 2, 4), 3, 28, 19968),
        Profile("3g.40gb", 9, 2, 3, 4, (0, 4), 2, 42, 40192),
        Profile("4g.40gb", 5, 3, 4, 4, (0,), 1, 56, 40192),
        Profile("7g.80gb", 0, 4, 7, 8, (0,), 1, 98, 80384),
    ),
)

A100_40GB = Geometry(
    product="A100-40GB",
    slots=8,
    compute_slices=7,
    profiles=(
        Profile("1g.5gb", 19, 0, 1, 1, _EVERY, 7, 14, 4864),
        Profile("1g.5gb+me", 20, 7, 1, 1, _EVERY, 1, 14, 4864, media_extensions=True),
        Profile("1g.10gb", 15, 9, 1, 2, (0, 2, 4, 6), 4, 14, 9856, wide=True),
        Profile("2g.10gb", 14, 1, 2, 2, (0, 2, 4), 3, 28, 9856),
        Profile("3g.20gb", 9, 2, 3, 4, (0, 4), 2, 42, 19968),
        Profile("4g.20gb", 5, 3, 4, 4, (0,), 1, 56, 19968),
        Profile("7g.40gb", 0, 4, 7, 8, (0,), 1, 98, 40192),
    ),
)

H100_80GB = Geometry(
    product="H100-80GB",
    slots=8,
    compute_slices=7,
    profiles=(
        Profile("1g.10gb", 19, 0, 1, 1, _EVERY, 7, 16, 9984),
        Profile("1g.10gb+me", 20, 7, 1, 1, _EVERY, 1, 16, 9984, media_extensions=True),
        Profile("1g.20gb", 15, 9, 1, 2, (0, 2, 4, 6), 4, 26, 20096, wide=True),
        Profile("2g.20gb", 14, 1, 2, 2, (0, 2, 4), 3, 32, 20096),
        Profile("3g.40gb", 9, 2, 3, 4, (0, 4), 2, 60, 40448),
        Profile("4g.40gb", 5, 3, 4, 4, (0,), 1, 64, 40448),
        Profile("7g.80gb", 0, 4, 7, 8, (0,), 1, 132, 81152),
    ),
)

# Its four slots carry a compute slice each.
A30 = Geometry(
    product="A30",
    slots=4,
    compute_slices=4,
    profiles=(
        Profile("1g.6gb", 14, 0, 1, 1, (0, 1, 2, 3), 4, 14, 5952),
        Profile("1g.6gb+me", 21, 7, 1, 1, (0, 1, 2, 3), 1, 14, 5952, media_extensions=True),
        Profile("2g.12gb", 5, 1, 2, 2, (0, 2), 2, 28, 11968),
        Profile("2g.12gb+me", 6, 8, 2, 2, (0, 2), 1, 28, 11968, media_extensions=True),
        Profile("4g.24gb", 0, 3, 4, 4, (0,), 1, 56, 24000),
    ),
)

TABLES = (A100_80GB, A100_40GB, H100_80GB, A30)
