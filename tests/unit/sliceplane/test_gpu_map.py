"""The GPU map: what it draws for one GPU and for many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sliceplane.gpu_map import MANY, Block, Row, draw, signs_of
from tests.strategies_sliceplane import rows


def plain(found: list[Row], width: int = 100) -> list[str]:
    return [line.plain for line in draw(found, width=width)]


def block(name: str, start: int, slots: int, gpcs: int, mark: str = "") -> Block:
    return Block(name, start, slots, gpcs, 16, 2, 100.0, mark)


def test_one_gpu_is_drawn_with_sizes_and_loads() -> None:
    """A box spans its slots and says sign, size and load; a dot is a free slot."""
    lines = plain([Row("a/0", 8, 7, (block("x", 0, 2, 2), block("y", 4, 4, 3, "!")))], width=60)
    assert lines[0].split() == ["0", "1", "2", "3", "4", "5", "6", "mem"]
    assert lines[1] == "a/0  [A 2g 16×2 ]  ·     ·   [B! 3g 16×2            ]  5/7"
    assert lines[3:5] == [" A  x  1 segment, 2 GPCs, 100.0 items/s", " B  y  1 segment, 3 GPCs, 100.0 items/s"]
    assert lines[5].endswith("! failed")


def test_many_gpus_share_lines() -> None:
    """A hundred GPUs take several to a line, and two segments differ from one that spans two slots."""
    many = [Row(f"h/{n}", 8, 7, (block("x", 0, 2, 2), block("x", 2, 1, 1), block("x", 3, 1, 1))) for n in range(100)]
    lines = plain(many)
    assert lines[0].startswith("h/0  |A2AA····|  h/1  |")
    assert sum("|" in line for line in lines) < 25
    assert max(map(len, lines)) <= 100


@given(st.lists(rows(), min_size=1, max_size=MANY + 4), st.integers(60, 160))
def test_nothing_is_lost_whatever_the_fleet(found: list[Row], width: int) -> None:
    """Every GPU has its row, every workload its line in the legend, and rows are equally long."""
    lines = plain(found, width)
    names = {one.workload for row in found for one in row.blocks}
    legend = [line for line in lines if " segment" in line]
    assert sorted(line.split()[1] for line in legend) == sorted(names)
    if len(found) <= MANY and width >= 80:
        drawn = lines[1 : 1 + len(found)]
        assert [line.split()[0] for line in drawn] == [row.label for row in found]
        assert [sum(one.gpcs for one in row.blocks) for row in found] == [
            int(line.split()[-1].split("/")[0]) for line in drawn
        ]
        assert len({len(line) for line in drawn}) == 1


@given(st.sets(st.text("abc", min_size=1, max_size=8), max_size=200))
def test_signs_are_distinct(names: set[str]) -> None:
    """However many workloads there are, no two have the same sign, and all signs are equally long."""
    signs = signs_of(names)
    assert len(set(signs.values())) == len(names)
    assert len({len(sign) for sign in signs.values()}) <= 1


def test_an_empty_fleet_is_said() -> None:
    """Without GPUs the map says so."""
    assert plain([]) == ["no GPUs"]


def test_a_closed_gpu_says_why() -> None:
    """A GPU that cannot be used is drawn with its reason below."""
    assert "a/0: MIG is off" in plain([Row("a/0", 8, 7, (), "MIG is off")])
