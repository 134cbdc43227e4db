"""Where GPU instances may start: every layout of an A100 there is."""

from __future__ import annotations

from itertools import product

import pynvml as nvml
import pytest

from tests.contract.simulator.gpu import GEOMETRY, ID_OF_GPCS, Gpu, code

pytestmark = pytest.mark.contract

LEFT = ((4,), (3,), (2, 2), (2, 1, 1), (1, 1, 2), (1, 1, 1, 1))
RIGHT = ((3,), (2, 1), (1, 1, 1))
HALF = 4  # memory slices

Layout = tuple[tuple[int, int], ...]  # (profile id, start), by start


def _placed(sizes: tuple[int, ...], start: int) -> Layout:
    places = []
    for gpcs in sizes:
        profile = ID_OF_GPCS[gpcs]
        places.append((profile, start))
        start += GEOMETRY[profile][1]
    return tuple(places)


MAXIMAL = [_placed((7,), 0), *(_placed(left, 0) + _placed(right, HALF) for left, right in product(LEFT, RIGHT))]


def _is_free(layout: Layout, profile: int, start: int) -> bool:
    """The rule itself, apart from the library: no slice twice, and no more GPCs than seven."""
    taken = {slot for p, s in layout for slot in range(s, s + GEOMETRY[p][1])}
    wanted = set(range(start, start + GEOMETRY[profile][1]))
    gpcs = sum(GEOMETRY[p][0] for p, _ in layout) + GEOMETRY[profile][0]
    media = profile == 20 and any(p == 20 for p, _ in layout)
    return not taken & wanted and gpcs <= 7 and len(layout) < 7 and not media


def _expected(layout: Layout, profile: int, start: int) -> int:
    if start not in GEOMETRY[profile][2]:
        return int(nvml.NVML_ERROR_INVALID_ARGUMENT)
    free = _is_free(layout, profile, start)
    return int(nvml.NVML_SUCCESS if free else nvml.NVML_ERROR_INSUFFICIENT_RESOURCES)


def _layouts(profiles: tuple[int, ...]) -> list[Layout]:
    """Every layout that can be reached, the empty one first."""
    found: dict[Layout, None] = {(): None}
    waiting: list[Layout] = [()]
    for layout in waiting:
        for profile in profiles:
            for start in GEOMETRY[profile][2]:
                if _is_free(layout, profile, start):
                    larger = tuple(sorted((*layout, (profile, start)), key=lambda place: place[1]))
                    if larger not in found:
                        found[larger] = None
                        waiting.append(larger)
    return list(found)


@pytest.mark.parametrize("layout", MAXIMAL, ids=str)
def test_maximal_layouts(gpu: Gpu, layout: Layout) -> None:
    """Each of the 19 maximal layouts can be made at its legal starts, and leaves room for nothing."""
    for profile, start in layout:
        gpu.create(profile, start)
    assert gpu.instances() == [(profile, start, GEOMETRY[profile][1]) for profile, start in layout]
    assert all(gpu.remaining(profile) == 0 for profile in GEOMETRY)


def test_there_are_nineteen() -> None:
    """The layouts above are the 19 of the MIG user guide: no layout of the plain profiles can be added to."""
    plain = tuple(ID_OF_GPCS.values())
    maximal = [
        layout for layout in _layouts(plain) if not any(_is_free(layout, p, s) for p in plain for s in GEOMETRY[p][2])
    ]
    assert len(MAXIMAL) == 19
    assert set(maximal) == set(MAXIMAL)


@pytest.mark.parametrize("half", [0, 1], ids=["first half", "second half"])
def test_every_start_in_every_layout(gpu: Gpu, half: int) -> None:
    """In each reachable layout each start of each profile answers as the rules say, and remaining capacity agrees."""
    layouts = _layouts(tuple(ID_OF_GPCS.values()))
    middle = len(layouts) // 2
    for layout in (layouts[:middle], layouts[middle:])[half]:
        for place in layout:
            gpu.create(*place)
        room = {profile: gpu.remaining(profile) > 0 for profile in GEOMETRY}
        for profile, start in product(GEOMETRY, range(9)):
            answer = code(gpu.create, profile, start)
            assert answer == _expected(layout, profile, start), (layout, profile, start)
            if answer == nvml.NVML_SUCCESS:
                assert room[profile]
                nvml.nvmlGpuInstanceDestroy(gpu.at(profile, start))
        gpu.clear()


def test_wrong_size_is_an_invalid_argument(gpu: Gpu) -> None:
    """A placement whose size is not the profile's is impossible, wherever it starts."""
    assert code(gpu.create, 9, 0, 3) == nvml.NVML_ERROR_INVALID_ARGUMENT
    assert code(nvml.nvmlDeviceCreateGpuInstance, gpu.handle, 77) == nvml.NVML_ERROR_INVALID_ARGUMENT


def test_without_placement_the_driver_chooses(gpu: Gpu) -> None:
    """Instances without a start go to free legal ones, until there are none."""
    made = [code(nvml.nvmlDeviceCreateGpuInstance, gpu.handle, 14) for _ in range(4)]
    assert made == [nvml.NVML_SUCCESS] * 3 + [nvml.NVML_ERROR_INSUFFICIENT_RESOURCES]
    assert [start for _, start, _ in gpu.instances()] == [0, 2, 4]


def test_remaining_capacity_of_an_empty_gpu(gpu: Gpu) -> None:
    """An empty GPU takes as many of each profile as the guide says."""
    assert {profile: gpu.remaining(profile) for profile in GEOMETRY} == {19: 7, 14: 3, 9: 2, 5: 1, 0: 1, 15: 4, 20: 1}


def test_gpus_are_apart(gpu: Gpu) -> None:
    """What is made on one GPU takes no room of another."""
    gpu.create(0, 0)
    assert Gpu(1).instances() == []
    Gpu(1).create(0, 0)
