"""Pictures of GPU maps."""

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sliceplane.gpu_map import Block, Row
from sliceplane.picture import draw_map
from sliceplane.picture.gpu_map import MOST_GPUS, map_scene
from sliceplane.picture.palette import COLOURS, HATCHES, looks, luminance
from sliceplane.picture.scene import text_width
from sliceplane.picture.svg import to_svg

SVG = "{http://www.w3.org/2000/svg}"


def _row(number: int, *names: str, note: str = "") -> Row:
    blocks = tuple(Block(name, start, 1, 1, 8, 2, 100.0) for start, name in enumerate(names))
    return Row(f"gpu {number}", 8, 7, blocks, note)


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
rows = st.lists(
    st.tuples(st.lists(names, max_size=7), st.integers(0, 99)).map(lambda one: _row(one[1], *one[0])), max_size=40
)


@given(rows, names)
def test_every_block_is_drawn_within_the_picture(rows: list[Row], title: str) -> None:
    """One box with a tip for each block and each legend entry, none outside, and the SVG parses."""
    scene = map_scene(rows, title)
    tips = [box for box in scene.boxes if ", batch " in box.tip]
    assert len(tips) == sum(len(row.blocks) for row in rows)
    for box in scene.boxes:
        assert 0 <= box.x <= box.x + box.width <= scene.width
        assert 0 <= box.y <= box.y + box.height <= scene.height
    ElementTree.fromstring(to_svg(scene).encode())  # our own text


@pytest.mark.parametrize("gpus", [1, 7, 16, 33, 100, 400])
def test_texts_stay_in_their_blocks(gpus: int) -> None:
    """At every size of fleet the figures of the smallest block are there, within its width, beside name or letters."""
    scene = map_scene([_row(n, *[f"a-long-workload-name-{k}" for k in range(7)]) for n in range(gpus)], "plan")
    smallest = min(box.width for box in scene.boxes if ", batch " in box.tip)
    figures = [label for label in scene.labels if label.text == "1g 8×2"]
    assert len(figures) == 7 * gpus
    assert all(text_width(label.text, label.size) <= smallest for label in figures)
    letters = [label for label in scene.labels if label.text in set("ABCDEFG") and label.bold]
    assert len(letters) == 7 * gpus + 7


def test_a_hundred_gpus_stand_in_columns() -> None:
    """The picture is not a ribbon: its sides are within a factor of three."""
    scene = map_scene([_row(n, "a", "b") for n in range(100)], "plan")
    assert 1 / 3 < scene.width / scene.height < 3


def test_more_gpus_than_can_be_read_are_counted() -> None:
    """The subtitle says how many are drawn of how many."""
    scene = map_scene([_row(n, "a") for n in range(MOST_GPUS + 1)], "plan")
    assert any(f"{MOST_GPUS} of {MOST_GPUS + 1} GPUs." in label.text for label in scene.labels)


def test_a_blocked_gpu_shows_its_note() -> None:
    """Where nothing stands, the reason does."""
    scene = map_scene([_row(0, note="cordoned")], "plan")
    assert any(label.text == "cordoned" for label in scene.labels)


def test_looks_differ_until_hatching_runs_out() -> None:
    """Every colour plain before the first hatching; the text contrasts with its ground at 4.5 to 1 at least."""
    found = looks([str(n) for n in range(len(COLOURS) * len(HATCHES))])
    assert len(set(found.values())) == len(found)
    assert {look.hatch for look in list(found.values())[: len(COLOURS)]} == {""}
    for look in found.values():
        low, high = sorted((luminance(look.fill), luminance(look.ink)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_the_extension_decides_the_format(tmp_path: Path) -> None:
    """.svg is XML, .png is PNG, in any case."""
    fleet = [_row(0, *"abcdefghijk"[:7]), _row(1, *[f"w{k}-漢$x$" for k in range(7)])]
    draw_map(fleet, tmp_path / "a.svg", "plan")
    draw_map(fleet, tmp_path / "a.PNG", "plan")
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag == f"{SVG}svg"
    assert (tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("name", "says"), [("a.pdf", "not .pdf"), ("a", "one without an extension")])
def test_another_extension_is_refused_in_a_line(tmp_path: Path, name: str, says: str) -> None:
    """The line says which there are."""
    with pytest.raises(ValueError, match=rf"a \.svg or a \.png file, .*{says}"):
        draw_map([], tmp_path / name, "plan")
    assert not (tmp_path / name).exists()


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    """No traceback."""
    with pytest.raises(ValueError, match="cannot be written: No such file"):
        draw_map([], tmp_path / "no" / "a.svg", "plan")


def test_without_matplotlib_a_png_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And an SVG is still drawn."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ValueError, match="pip install matplotlib"):
        draw_map([_row(0, "a")], tmp_path / "a.png", "plan")
    draw_map([_row(0, "a")], tmp_path / "a.svg", "plan")
    assert (tmp_path / "a.svg").stat().st_size > 0
