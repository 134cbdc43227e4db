"""Fleet files: what they say, and each fault with its place."""

import pytest

from common.mig import A30, A100_80GB
from sliceplane.cli.stock_files import as_stocks
from sliceplane.documents.fleet import GpuGroup, read_fleet


def faults(text: str) -> list[str]:
    """What is wrong, as lines."""
    return [str(problem) for problem in read_fleet("g.yaml", text)[1]]


def test_entries_say_product_count_cost_and_place() -> None:
    """`kind` is `product`; what is not said has its default; cordoned GPUs are no stock."""
    text = """
gpus:
- {product: A100-80GB, count: 4, cost_per_hour: 2.5, host: x}
- {kind: A30}
- {product: NVIDIA A30, id: GPU-1, cordoned: true}
"""
    groups, problems = read_fleet("g.yaml", text)
    assert problems == []
    expected = [GpuGroup(A100_80GB, 4, "x", False, 2.5), GpuGroup(A30), GpuGroup(A30, cordoned=True, id="GPU-1")]
    assert groups == expected
    stocks = [(one.product, one.count, one.cost_per_hour) for one in as_stocks(groups)]
    assert stocks == [("A100-80GB", 4, 2.5), ("A30", 1, 1.0)]


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("{count: 1}", "gpus[0].product: is missing: one of A100-80GB"),
        ("{product: B9}", "gpus[0].product: is no product that is known: one of A100-80GB, A100-40GB, H100-80GB, A30"),
        ("{kind: A30, product: A30}", "gpus[0].kind: product is there too"),
        ("{kind: A30, cost_per_hour: 0}", "gpus[0].cost_per_hour: must be above 0"),
        ("{kind: A30, cost_per_hour: .nan}", "gpus[0].cost_per_hour: must be a finite number"),
        ("{kind: A30, cost: 1}", "gpus[0].cost: unknown field; did you mean"),
        ("{kind: A30, count: 2, id: a}", "gpus[0].id: names one GPU, and count is 2"),
        ("{kind: A30, cordoned: 1}", "gpus[0].cordoned: must be true or false, got 1"),
        ("{kind: A30, id: a}\n- {kind: A30, id: a}", "gpus[1].id: is that of gpus[0] too"),
    ],
)
def test_faults_are_told_with_place_and_way_out(entry: str, fault: str) -> None:
    """Each fault is one line with file, line, field and what would be right."""
    found = faults(f"- {entry}\n")
    assert any(line.startswith("g.yaml:") and fault in line for line in found), found
