"""The geometry of each product that has a table, checked exhaustively."""

from itertools import combinations, product

import pytest

from common.mig import (
    A30,
    A100_40GB,
    A100_80GB,
    H100_80GB,
    TABLES,
    Geometry,
    Instance,
    feasible_multisets,
    fits,
    free_starts,
    geometry_of,
    is_legal,
    layouts,
    maximal_layouts,
    multiset,
    occupied,
)

LEFT_HALVES = [{(4, 0)}, {(3, 0)}, {(2, 0), (2, 2)}, {(2, 0), (1, 2), (1, 3)}, {(1, 0), (1, 1), (2, 2)}]
LEFT_HALVES.append({(1, 0), (1, 1), (1, 2), (1, 3)})
RIGHT_HALVES = [{(3, 4)}, {(2, 4), (1, 6)}, {(1, 4), (1, 5), (1, 6)}]

every_board = pytest.mark.parametrize("geometry", TABLES, ids=lambda geometry: geometry.product)
seven_slices = pytest.mark.parametrize(
    "geometry", [table for table in TABLES if table.compute_slices == 7], ids=lambda geometry: geometry.product
)


@seven_slices
def test_the_maximal_layouts_are_the_nineteen_of_the_vendor(geometry: Geometry) -> None:
    """Each left half with each right half, and the whole GPU: 19 layouts, 14 as multisets."""
    expected = {frozenset(left | right) for left, right in product(LEFT_HALVES, RIGHT_HALVES)}
    expected.add(frozenset({(7, 0)}))
    found = {frozenset((i.profile.gpcs, i.start) for i in layout) for layout in maximal_layouts(geometry)}
    assert found == expected
    assert len(maximal_layouts(geometry)) == 19
    assert len({multiset(layout) for layout in maximal_layouts(geometry)}) == 14


def test_an_a30_holds_four_slices_in_any_halves() -> None:
    """Each half is a 2g or two 1g, or one 4g takes all: 5 layouts, 4 as multisets."""
    found = {frozenset((i.profile.gpcs, i.start) for i in layout) for layout in maximal_layouts(A30)}
    halves = [[{(2, at)}, {(1, at), (1, at + 1)}] for at in (0, 2)]
    assert found == {frozenset(left | right) for left, right in product(*halves)} | {frozenset({(4, 0)})}
    assert {multiset(layout) for layout in maximal_layouts(A30)} == {(4,), (2, 2), (2, 1, 1), (1, 1, 1, 1)}


@every_board
def test_layouts_are_exactly_the_legal_subsets_of_all_placements(geometry: Geometry) -> None:
    """Enumeration by growing finds what trying every set of up to seven placements finds."""
    placements = [Instance(profile, start) for profile in geometry.defaults for start in profile.starts]
    disjoint: set[frozenset[Instance]] = {frozenset()}
    for placement in placements:
        disjoint |= {held | {placement} for held in disjoint if not occupied(held) & placement.mask}
    assert {frozenset(layout) for layout in layouts(geometry)} == disjoint
    assert all(is_legal(geometry, layout) for layout in layouts(geometry))


@every_board
def test_a_maximal_layout_leaves_no_start_open(geometry: Geometry) -> None:
    """Nothing of any default size fits beside a maximal layout, and every other layout has room."""
    maximal = set(maximal_layouts(geometry))
    for layout in layouts(geometry):
        taken = occupied(layout)
        room = any(free_starts(geometry, taken, profile) for profile in geometry.defaults)
        assert room == (layout not in maximal)


def test_two_threes_take_all_memory() -> None:
    """3+3 leaves no slot, though a compute slice is idle; 4+3 and 4+2+1 fit; 3+3+1 and 4+4 never do."""
    feasible = feasible_multisets(A100_80GB)
    assert {(3, 3), (4, 3), (4, 2, 1), (2, 2, 2, 1), (1,) * 7, (7,), ()} <= feasible
    assert not {(3, 3, 1), (4, 4), (7, 1), (2, 2, 2, 2), (1,) * 8, (4, 3, 1)} & feasible


def test_starts_are_legal_only_where_the_table_says() -> None:
    """A free slot that is no legal start is refused, and a legal one that is covered too."""
    two, three = A100_80GB.default(2), A100_80GB.default(3)
    assert [start for start in range(8) if fits(A100_80GB, 0, two, start)] == [0, 2, 4]
    assert not fits(A100_80GB, three.mask(0), two, 2)
    assert free_starts(A100_80GB, three.mask(0), two) == (4,)


def test_an_instance_covers_memory_slots() -> None:
    """3g at 4 covers slots 4 to 7 although it has three compute slices; 1g at 6 covers slot 6 alone."""
    assert list(A100_80GB.default(3).slots(4)) == [4, 5, 6, 7]
    assert A100_80GB.default(1).mask(6) == 0b0100_0000
    assert Instance(A100_80GB.find(1, 2), 6).mask == 0b1100_0000


def test_profiles_are_found_by_attributes() -> None:
    """The default of a size has the least memory and no media engines; the others are found by attributes."""
    assert A100_80GB.default(1).name == "1g.10gb"
    assert A100_80GB.find(1, 2).name == "1g.20gb"
    assert A100_80GB.find(1, 1, media_extensions=True).name == "1g.10gb+me"
    assert A100_40GB.default(3).name == "3g.20gb"


def test_an_unknown_size_is_refused_by_name() -> None:
    """Asking for a size that the product lacks says which it has."""
    with pytest.raises(KeyError, match="no 5-GPC profile; sizes are 1, 2, 3, 4, 7"):
        A100_80GB.default(5)
    with pytest.raises(KeyError, match="2 GPCs and 1 memory slices"):
        A100_80GB.find(2, 1)


@every_board
def test_no_more_instances_than_the_profile_admits(geometry: Geometry) -> None:
    """Each profile alone fills a GPU with exactly `max_instances`, media engines with one."""
    for profile in geometry.profiles:
        instances = [Instance(profile, start) for start in profile.starts]
        legal = [n for n in range(8) for some in combinations(instances, n) if is_legal(geometry, some)]
        assert max(legal) == profile.max_instances


@pytest.mark.parametrize(
    ("product_name", "expected"),
    [
        ("NVIDIA A100-SXM4-80GB", A100_80GB),
        ("NVIDIA A100 80GB PCIe", A100_80GB),
        ("NVIDIA A100-SXM4-40GB", A100_40GB),
        ("NVIDIA H100 80GB HBM3", H100_80GB),
        ("NVIDIA H100 NVL", None),
        ("NVIDIA A30", A30),
        ("", None),
    ],
)
def test_a_product_name_leads_to_its_table(product_name: str, expected: Geometry | None) -> None:
    """Names as NVML gives them; a product without a table is None, so that NVML is asked."""
    assert geometry_of(product_name) is expected
