"""Plans over unequal GPUs as JSON, and profiles by product."""

import json

from common.mig import A30, A100_80GB
from controller.allocator import Options, Service
from controller.allocator.unequal import Stock, fleet_plan_to_json, parse_profiles_by_product, plan_unequal

HEADER = "model,mig_size,batch,processes,segment_items_per_s,latency_ms\n"


def test_gpus_are_numbered_on_and_costs_are_said() -> None:
    """Folders are products; a model of each: the A30's GPUs come after the A100's; the text is JSON."""
    files = [
        ("", "a.csv", HEADER + "alpha,7,1,1,100,10\n"),
        ("NVIDIA A30", "A30/b.csv", HEADER + "beta,4,1,1,50,10\nbeta,1,1,1,10,10\n"),
    ]
    parsed, problems = parse_profiles_by_product(files)
    assert (sorted(parsed), problems) == (["A100-80GB", "A30"], [])
    tables = {product: files_of.tables for product, files_of in parsed.items()}
    wanted = [Service("a", "alpha", 150.0, 100.0), Service("b", "beta", 55.0, 100.0), Service("c", "none", 1.0, 1.0)]
    made = plan_unequal(wanted, tables, [Stock(A100_80GB, 4, 3.0), Stock(A30, None, 0.5)], Options())
    said = json.loads(json.dumps(fleet_plan_to_json(made, 1.23456)))
    assert (said["gpus"], said["cost_per_hour"], said["cost_lower_bound"], said["proven_optimal"]) == (
        4,
        7.0,
        7.0,
        True,
    )
    assert [(one["gpu"], one["product"], one["profile"]) for one in said["segments"]] == [
        (0, "A100-80GB", "7g.80gb"),
        (1, "A100-80GB", "7g.80gb"),
        (2, "A30", "1g.6gb"),
        (3, "A30", "4g.24gb"),
    ]
    assert [(one["product"], one["count"], one["gpus"]) for one in said["stocks"]] == [
        ("A100-80GB", 4, 2),
        ("A30", None, 2),
    ]
    assert [one["workload"] for one in said["unservable"]] == ["c"]


def test_a_folder_of_no_product_is_a_problem() -> None:
    """Each bad folder and each bad file is named."""
    files = [("B9", "B9/a.csv", HEADER), ("A30", "A30/b.csv", "nonsense\n")]
    parsed, problems = parse_profiles_by_product(files)
    assert [str(one).split(":")[0] for one in problems] == ["B9/a.csv", "A30/b.csv"]
    assert "folder 'B9' is no product that is known: one of A100-80GB" in str(problems[0])
    assert list(parsed) == ["A30"]
