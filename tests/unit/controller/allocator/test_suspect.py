"""Suspect rows: the two signs by hand, the reference list, and the file that names rows to drop."""

import pytest

from controller.allocator import Point, ProfileTable
from controller.allocator.suspect import Sign, detect, drop, drop_keys, parse_keys
from tests.parvagpu_data import measured_tables, reference_suspects


def _table(*rows: tuple[int, int, float, float]) -> ProfileTable:
    return ProfileTable("net", tuple(Point(1, *row) for row in rows))


def test_a_copy_of_one_process_fewer_is_suspect() -> None:
    """Equal throughput per process at equal latency; the sentence has the figures."""
    table = _table((8, 1, 100, 40), (8, 2, 150, 53), (8, 3, 225, 53))
    (found,) = detect(table)
    assert (found.point.processes, found.kind) == (3, Sign.COPY)
    assert found.why == "throughput per process (75.000) and latency (53 ms) equal those of 2 processes"


def test_the_same_throughput_at_another_latency_is_no_copy() -> None:
    """Processes that scale perfectly still wait for each other."""
    assert detect(_table((8, 1, 100, 40), (8, 2, 200, 41))) == []


def test_a_jump_by_a_process_after_a_plateau_is_suspect() -> None:
    """100, 102, then 130."""
    (found,) = detect(_table((8, 1, 100, 40), (8, 2, 102, 78), (8, 3, 130, 92)))
    assert found.kind is Sign.PROCESS_JUMP
    assert found.why.endswith("100 at processes 1, 102 at processes 2, 130 at processes 3")


def test_a_jump_by_batch_after_a_plateau_is_suspect() -> None:
    """100, 105, then 170, each batch twice the last."""
    (found,) = detect(_table((4, 1, 100, 40), (8, 1, 105, 76), (16, 1, 170, 94)))
    assert (found.point.batch, found.kind) == (16, Sign.BATCH_JUMP)


def test_steady_growth_is_not_suspect() -> None:
    """Throughput that rises all along has no plateau to jump from."""
    assert detect(_table((1, 1, 50, 20), (2, 1, 90, 22), (4, 1, 170, 24), (4, 2, 260, 31), (4, 3, 350, 34))) == []


def test_drop_leaves_the_others() -> None:
    """Only the suspect's point goes."""
    table = _table((8, 1, 100, 40), (8, 2, 150, 53), (8, 3, 225, 53))
    assert [point.processes for point in drop(table, detect(table)).points] == [1, 2]


def test_against_the_reference_list() -> None:
    """All of tiers A and B and nothing beyond the list; of tier C not the two that look like natural scaling."""
    reference = reference_suspects()
    found = {
        (model, one.point.size, one.point.batch, one.point.processes): one.kind
        for model, table in measured_tables().items()
        for one in detect(table)
    }
    assert {key for key, kind in found.items() if kind is Sign.COPY} == {k for k, t in reference.items() if t == "A"}
    assert found.keys() <= reference.keys()
    assert reference.keys() - found.keys() == {("inceptionv3", 4, 2, 4), ("mobilenetv2", 4, 4, 2)}


def test_the_file_names_rows_to_drop() -> None:
    """Columns in any order, others passed over; exactly these points go."""
    keys, problems = parse_keys("s.csv", "\ufefftier,processes,batch,mig_size,model\r\nA,2,8,1,net\r\n")
    assert (keys, problems) == ([("net", 1, 8, 2)], [])
    table = _table((8, 1, 100, 40), (8, 2, 150, 53))
    assert [point.processes for point in drop_keys({"net": table}, keys)["net"].points] == [1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "s.csv:1: model: missing from the header, which needs model,mig_size,batch,processes"),
        ("model,mig_size,batch\nnet,1,8\n", "s.csv:1: processes: missing from the header"),
        ("model,mig_size,batch,processes\nnet,1,x,2\n", "s.csv:2: batch: must be a whole number above 0, got 'x'"),
        ("model,mig_size,batch,processes\nnet,1,8\n", "s.csv:2: processes: must be a whole number above 0, got None"),
        ("model,mig_size,batch,processes\n,1,8,2\n", "s.csv:2: model: is empty"),
        ("model,mig_size,batch,processes\nnet,0,8,2\n", "s.csv:2: mig_size: must be a whole number above 0, got '0'"),
    ],
)
def test_a_bad_file_is_refused_with_the_place(text: str, said: str) -> None:
    """File, line, column, and what is wrong."""
    keys, (problem,) = parse_keys("s.csv", text)
    assert keys == []
    assert str(problem).startswith(said)
