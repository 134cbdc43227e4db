"""Profile files: both formats, and every way in which a file can be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.allocator import Point, ProfileFiles, parse_profile_files

PARVAGPU = "Mig instance,Batch size,Workload Number,Throughput,Latency\n"
OURS = "model,mig_size,batch,processes,segment_items_per_s,latency_ms\n"


def _parse(text: str, file: str = "folder/net.csv") -> ProfileFiles:
    return parse_profile_files([(file, text)])


def _problem(text: str) -> str:
    (problem,) = _parse(text).problems
    return str(problem)


def test_parvagpu_rows_become_whole_segments_in_milliseconds() -> None:
    """Throughput times processes, seconds times 1000, the model from the file's name; 0,0 is no point."""
    found = _parse(PARVAGPU + "1,8,3,39.917,0.025\n7,256,5,0,0\n")
    assert found.problems == ()
    assert found.tables["net"].points == (Point(1, 8, 3, 119.751, 25.0),)


def test_our_rows_are_taken_as_they_are() -> None:
    """Several models in one file, columns in any order."""
    header = "latency_ms,model,batch,mig_size,processes,segment_items_per_s\n"
    found = _parse(header + "25,a,8,1,3,119.751\n12.5,b,1,7,1,10\n")
    assert found.problems == ()
    assert found.tables["a"].points == (Point(1, 8, 3, 119.751, 25.0),)
    assert found.tables["b"].points == (Point(7, 1, 1, 10.0, 12.5),)


def test_throughput_per_process_may_be_given_instead() -> None:
    """The header says which of the two it is."""
    text = OURS.replace("segment_", "process_") + "a,1,8,3,10,25\n"
    assert _parse(text).tables["a"].points[0].throughput == 30.0


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + PARVAGPU + "1,8,1,10,0.1\n",
        (PARVAGPU + "1,8,1,10,0.1\n").replace("\n", "\r\n"),
        (PARVAGPU + "1,8,1,10,0.1\n").replace("\n", "\r"),
        PARVAGPU + "1,8,1,10,0.1",
        "\n" + PARVAGPU + "\n1 , 8,1,10,0.1 \n\n",
        PARVAGPU + '"1",8,1,1e1,1e-1\n',
    ],
    ids=["BOM", "CRLF", "CR", "no newline at the end", "blanks", "quotes and exponents"],
)
def test_forms_that_editors_and_spreadsheets_write(text: str) -> None:
    """All read the same."""
    found = _parse(text)
    assert found.problems == ()
    assert found.tables["net"].points == (Point(1, 8, 1, 10.0, 100.0),)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1,8,1,-5,0.1", ":3: Throughput: must not be negative, got -5"),
        (
            "1,8,1,nan,0.1",
            ":3: Throughput: must be a plain number such as 12.5, no unit, no thousands' marks; got 'nan'",
        ),
        ("1,8,1,10,inf", ":3: Latency: must be a plain number such as 12.5, no unit, no thousands' marks; got 'inf'"),
        (
            "1,8,1,1_0,0.1",
            ":3: Throughput: must be a plain number such as 12.5, no unit, no thousands' marks; got '1_0'",
        ),
        ("1,8,1,1e300,0.1", ":3: Throughput: must be from 1e-05 to 1e+09, got 1e300: check the unit"),
        ("1,8,1,10,", ":3: Latency: is empty; write N/A"),
        ("1,8,1,10,0", ":3: Latency: is 0 or N/A, but the other figure is not"),
        ("1,8,1,N/A,0.1", ":3: Throughput: is 0 or N/A, but the other figure is not"),
        ("5,8,1,10,0.1", ":3: Mig instance: no GPU has a size of 5 GPCs; sizes are 1, 2, 3, 4 and 7"),
        ("3g.40gb,8,1,10,0.1", ":3: Mig instance: write the GPCs alone: 3 for 3g.40gb"),
        (
            '1,8,1,"1,200",0.1',
            ":3: Throughput: must be a plain number such as 12.5, no unit, no thousands' marks; got '1,200'",
        ),
        ("1,8,1,10,100ms", ":3: Latency: must be a plain number such as 12.5, no unit"),
        ("9,8,1,10,0.1", ":3: Mig instance: must be a whole number from 1 to 7, got '9'"),
        ("1,0,1,10,0.1", ":3: Batch size: must be a whole number from 1 to 65536, got '0'"),
        ("1,8.5,1,10,0.1", ":3: Batch size: must be a whole number"),
        ("1,8,,10,0.1", ":3: Workload Number: is empty"),
        ("1,8,49,10,0.1", ":3: Workload Number: must be a whole number from 1 to 48, got '49'"),
        ("1,16,1,10,0.1", ":3: Mig instance: 1g, batch 16, processes 1 was measured before, at folder/net.csv:2"),
        ("1,8,1,10", ":3: has 4 cells, and the header 5"),
        ('1,8,1,"10,0.1', ":3: is no CSV"),
    ],
)
def test_a_bad_row_is_named_by_file_line_and_column(row: str, expected: str) -> None:
    """The column under the title that the file gives it, and what would be right."""
    assert _problem(PARVAGPU + "1,16,1,10,0.1\n" + row + "\n").startswith("folder/net.csv" + expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "folder/net.csv: the file is empty"),
        ("\ufeff\r\n\r\n", "folder/net.csv: the file is empty"),
        (PARVAGPU, "folder/net.csv: no row holds a measurement"),
        (PARVAGPU + "1,8,1,0,0\n1,16,1,N/A,N/A\n", "folder/net.csv: no row holds a measurement"),
        (OURS.replace("batch", "bach") + "a,1,8,3,10,25\n", "folder/net.csv:1: bach: unknown column"),
        (OURS.replace(",latency_ms", ""), "folder/net.csv:1: latency_ms: missing from the header"),
        (OURS.replace(",segment_items_per_s", ""), "folder/net.csv:1: throughput: give one of"),
        (OURS.replace("batch", "batch,batch"), "folder/net.csv:1: batch: stands twice in the header"),
        (OURS + ",1,8,3,10,25\n", "folder/net.csv:2: model: is empty"),
        ("1,8,1,10,0.1\n", "folder/net.csv:1: is no header but data; begin with a header such as model,"),
        (OURS.replace(",", "\t"), "folder/net.csv:1: cells are parted by tabs; write commas between them"),
        (OURS.replace(",", "|"), "folder/net.csv:1: cells are parted by '|'; write commas"),
    ],
)
def test_a_bad_file_is_one_clear_problem(text: str, expected: str) -> None:
    """Headers and files without content."""
    assert _problem(text).startswith(expected)


def test_good_rows_survive_bad_ones_and_all_problems_are_told() -> None:
    """One pass tells everything that is wrong, over all files."""
    good = PARVAGPU + "1,8,1,10,0.1\n"
    found = parse_profile_files([("a.csv", good + "1,8,2,-1,0.1\n1,8,3,x,0.1\n"), ("b.csv", "")])
    assert [(problem.file, problem.line) for problem in found.problems] == [("a.csv", 3), ("a.csv", 4), ("b.csv", 0)]
    assert list(found.tables) == ["a"]


def test_a_point_may_be_measured_once_over_all_files() -> None:
    """Two files of one model may add to each other, not contradict."""
    row = "net,1,8,1,10,25\n"
    found = parse_profile_files([("x.csv", OURS + row), ("y.csv", OURS + row + "net,1,8,2,10,25\n")])
    assert [str(problem) for problem in found.problems] == [
        "y.csv:2: mig_size: 1g, batch 8, processes 1 was measured before, at x.csv:2; keep one"
    ]
    assert len(found.tables["net"].points) == 2


@given(st.text(max_size=200), st.sampled_from(["", PARVAGPU, OURS]))
def test_any_text_gives_tables_or_problems(text: str, header: str) -> None:
    """Nothing raises, and a file that gives no table says why."""
    found = _parse(header + text)
    assert found.tables or found.problems
