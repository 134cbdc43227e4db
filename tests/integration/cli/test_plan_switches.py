"""The switches of offline plans that go beyond how many GPUs: queueing, sharing, fleets, moves, pictures, reasons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import Cli

HEADER = "model,mig_size,batch,processes,segment_items_per_s,latency_ms"
SIZES = {1: 100, 2: 190, 3: 280, 4: 370, 7: 630}
WORKLOADS = "- {name: a, model: net, slo_ms: 200, rate: 250}\n- {name: b, model: net, slo_ms: 300, rate: 3}\n"
FLEET = "- {product: A100-80GB, count: 2, host: x}\n- {product: A100-80GB, host: y, cordoned: true}\n"


@pytest.fixture
def base(tmp_path: Path) -> tuple[object, ...]:
    rows = [
        f"net,{size},{batch},1,{rate * batch / (batch + 1):.2f},{1000 * (batch + 1) / rate:.3f}"
        for size, rate in SIZES.items()
        for batch in (1, 2, 4)
    ]
    (tmp_path / "p.csv").write_text("\n".join([HEADER, *rows, ""]))
    (tmp_path / "w.yaml").write_text(WORKLOADS)
    (tmp_path / "g.yaml").write_text(FLEET)
    return "plan", "--profiles", tmp_path / "p.csv", "--workloads", tmp_path / "w.yaml"


def _json(cli: Cli, *arguments: object) -> Any:
    ran = cli(*arguments, "-o", "json")
    assert ran.code == 0, ran
    return json.loads(ran.out)


def test_queueing_plans_hold_back(cli: Cli, base: tuple[object, ...]) -> None:
    """The same workloads take more, the more so the burstier; a bad figure is named."""
    half, calm, bursty = (
        _json(cli, *base, *more)["gpcs"]
        for more in ((), ("--slo-model", "queueing", "--burstiness", 1), ("--slo-model", "queueing", "--burstiness", 2))
    )
    assert half <= calm < bursty
    ran = cli(*base, "--slo-model", "queueing", "--attainment", 1.5)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[-1] == "error: --attainment must be above 0 and below 1, got 1.5"


def test_shared_segments_name_all_their_workloads(cli: Cli, base: tuple[object, ...], tmp_path: Path) -> None:
    """`workload` is a list, and fewer GPUs are taken than by a segment each."""
    light = "".join(f"- {{name: s{n}, model: net, slo_ms: 900, rate: 0.5}}\n" for n in range(30))
    (tmp_path / "w.yaml").write_text(light)
    alone, shared = _json(cli, *base), _json(cli, *base, "--share-segments")
    assert shared["gpus"] < alone["gpus"]
    names = [name for one in shared["segments"] for name in one["workload"]]
    assert sorted(names) == sorted(f"s{n}" for n in range(30))
    ran = cli(*base, "--share-segments", "--current", tmp_path / "w.yaml")
    assert (ran.code, ran.out) == (2, "")


def test_shared_segments_that_run_are_kept(cli: Cli, base: tuple[object, ...], tmp_path: Path) -> None:
    """The same plan moves nothing; a workload that asks for more leaves its segment, and the others stay."""
    light = "".join(f"- {{name: s{n}, model: net, slo_ms: 900, rate: 0.5}}\n" for n in range(30))
    (tmp_path / "w.yaml").write_text(light)
    first = _json(cli, *base, "--share-segments")
    (tmp_path / "now.json").write_text(json.dumps(first))
    again = (*base, "--share-segments", "--current", tmp_path / "now.json")
    same = _json(cli, *again)
    assert (same["moves"], same["segments"]) == (0, first["segments"])
    (tmp_path / "w.yaml").write_text(
        light.replace("s0, model: net, slo_ms: 900, rate: 0.5", "s0, model: net, slo_ms: 900, rate: 40")
    )
    more = _json(cli, *again)
    assert 0 < more["moves"] < len(first["segments"])
    apart = _json(cli, *base, "--current", tmp_path / "now.json")
    assert sorted(name for one in apart["segments"] for name in _names(one)) >= sorted(f"s{n}" for n in range(30))


def _names(segment: dict[str, Any]) -> list[str]:
    named = segment["workload"]
    return named if isinstance(named, list) else [named]


def test_wide_instances_are_explained_and_kept(cli: Cli, base: tuple[object, ...], tmp_path: Path) -> None:
    """A process of 12 GB stands on a 1g.20gb; its reasons name it, and it runs on when it is planned again."""
    (tmp_path / "w.yaml").write_text("- {name: a, model: net, slo_ms: 200, rate: 50, memory_mb: 12000}\n")
    made = _json(cli, *base, "--explain")
    assert [one["profile"] for one in made["segments"]] == ["1g.20gb"]
    assert made["explanation"]["gpus"] == 1
    assert "1g of 2 memory slices" in cli(*base, "--explain").out
    (tmp_path / "now.json").write_text(json.dumps(made))
    (tmp_path / "w.yaml").write_text("- {name: a, model: net, slo_ms: 200, rate: 90, memory_mb: 12000}\n")
    more = _json(cli, *base, "--current", tmp_path / "now.json")
    assert {one["profile"] for one in more["segments"]} == {"1g.20gb"}
    assert {step["move"] for step in more["steps"]} == {"create"}
    assert more["segments"][0] == made["segments"][0]
    assert all(step["profile"] == "1g.20gb" for step in more["steps"])


def test_a_small_fleet_says_what_is_short(cli: Cli, base: tuple[object, ...], tmp_path: Path) -> None:
    """--gpus bounds the plan; cordoned GPUs do not count; the refusal says how many more there must be."""
    (tmp_path / "w.yaml").write_text(
        "- {name: a, model: net, slo_ms: 200, rate: 900}\n- {name: b, model: net, slo_ms: 300, rate: 900}\n"
    )
    made = _json(cli, *base, "--gpus", tmp_path / "g.yaml")
    assert made["gpus"] <= 2
    assert [(one["workload"], one["reason"]) for one in made["unservable"]] == [("b", "INSUFFICIENT_GPUS")]
    assert "more A100-80GB" in made["unservable"][0]["detail"]


def test_moves_from_what_runs(cli: Cli, base: tuple[object, ...], tmp_path: Path) -> None:
    """From nothing everything is created; from the same plan nothing is; a doubled rate creates what is missing."""
    first = cli(*base, "-o", "json")
    (tmp_path / "now.json").write_text(first.out)
    same = _json(cli, *base, "--current", tmp_path / "now.json")
    assert (same["moves"], same["steps"]) == (0, [])
    (tmp_path / "w.yaml").write_text(WORKLOADS.replace("250", "500"))
    more = _json(cli, *base, "--current", tmp_path / "now.json", "--gpus", tmp_path / "g.yaml")
    assert {step["move"] for step in more["steps"]} >= {"create"}
    assert all(step["workload"] == "a" for step in more["steps"] if step["short"])
    table = cli(*base, "--current", tmp_path / "now.json").out
    assert f"moves: {more['moves']} segment" in table


def test_the_difference_of_two_plans(cli: Cli, base: tuple[object, ...], tmp_path: Path) -> None:
    """Both counts and the workload that changed; a file that is no plan is named with its place."""
    (tmp_path / "one.json").write_text(cli(*base, "-o", "json").out)
    (tmp_path / "w.yaml").write_text(WORKLOADS.replace("250", "2500"))
    (tmp_path / "two.json").write_text(cli(*base, "-o", "json").out)
    ran = cli("diff", tmp_path / "one.json", tmp_path / "two.json")
    assert ran.code == 0
    assert "a" in ran.out
    assert json.loads(cli("diff", tmp_path / "one.json", tmp_path / "two.json", "-o", "json").out)
    (tmp_path / "two.json").write_text('{"gpus": ')
    ran = cli("diff", tmp_path / "one.json", tmp_path / "two.json")
    assert (ran.code, ran.out) == (2, "")
    assert f"{tmp_path / 'two.json'}:1:" in ran.err


def test_pictures_and_reasons(cli: Cli, base: tuple[object, ...], tmp_path: Path) -> None:
    """A picture in the format of its ending; another ending is refused; --explain says why."""
    ran = cli(*base, "--plot", tmp_path / "map.svg", "--explain")
    assert ran.code == 0
    assert (tmp_path / "map.svg").read_text().startswith("<")
    assert "optimal " in ran.out
    assert _json(cli, *base, "--explain")["explanation"]
    ran = cli(*base, "--plot", tmp_path / "map.gif")
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no GPUs"),
        ("- {product: GTX-1080}", "gpus[0].product: is no product that is known"),
        ("- {count: 2}", "gpus[0].product: is missing"),
        ("- {product: A100-80GB, count: 0}", "gpus[0].count: must be a whole number"),
        ("- {product: A100-80GB, cout: 2}", "did you mean count?"),
        ("- {product: A100-80GB, cordoned: maybe}", "gpus[0].cordoned: must be true or false"),
        ("- {product: A100-80GB, cordoned: true}", "every GPU is cordoned"),
        ("gpus: 3", "must be a list of GPUs"),
        ("- [", "not YAML"),
    ],
)
def test_bad_fleet_files_are_exit_2(cli: Cli, base: tuple[object, ...], tmp_path: Path, text: str, said: str) -> None:
    """One line with file, place, field and the way out."""
    (tmp_path / "g.yaml").write_text(text)
    ran = cli(*base, "--gpus", tmp_path / "g.yaml")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert str(tmp_path / "g.yaml") in ran.err


def test_switches_that_do_not_go_together(cli: Cli, base: tuple[object, ...]) -> None:
    """What only ParvaGPU's stages can do says so."""
    ran = cli(*base, "--no-optimization")
    assert (ran.code, "--algorithm parvagpu" in ran.err) == (2, True)


def test_priority_says_who_waits(cli: Cli, base: tuple[object, ...], tmp_path: Path) -> None:
    """Too few GPUs: the later workload of higher priority is served; a bad priority is named."""
    both = "- {name: a, model: net, slo_ms: 200, rate: 900}\n"
    both += "- {name: b, model: net, slo_ms: 300, rate: 900, priority: 5}\n"
    (tmp_path / "w.yaml").write_text(both)
    for algorithm in ("optimal", "parvagpu"):
        made = _json(cli, *base, "--gpus", tmp_path / "g.yaml", "--algorithm", algorithm)
        assert [one["workload"] for one in made["unservable"]] == ["a"]
    (tmp_path / "w.yaml").write_text(both.replace("priority: 5", "priority: -5"))
    ran = cli(*base)
    assert (ran.code, "priority: must be a whole number from 0 to 1000" in ran.err) == (2, True)


def test_hosts_are_kept_to_where_they_are_known(cli: Cli, base: tuple[object, ...], tmp_path: Path) -> None:
    """Two hosts: a segment on each; three asked for: refused with the number; no fleet: that is said."""
    (tmp_path / "w.yaml").write_text("- {name: a, model: net, slo_ms: 200, rate: 20, replicas: {min_hosts: 2}}\n")
    (tmp_path / "g.yaml").write_text("- {product: A100-80GB, host: x}\n- {product: A100-80GB, host: y}\n")
    made = _json(cli, *base, "--gpus", tmp_path / "g.yaml")
    assert {one["gpu"] for one in made["segments"]} == {0, 1}
    assert "hosts are not known" in cli(*base).err
    (tmp_path / "w.yaml").write_text("- {name: a, model: net, slo_ms: 200, rate: 20, replicas: {min_hosts: 3}}\n")
    made = _json(cli, *base, "--gpus", tmp_path / "g.yaml")
    assert [one["workload"] for one in made["unservable"]] == ["a"]
    assert "3" in made["unservable"][0]["detail"]


def test_the_cheapest_of_several_products(cli: Cli, base: tuple[object, ...], tmp_path: Path) -> None:
    """Dear A100 and cheap A30: the cheap ones first, at their own measurements; the cost is proven or bounded."""
    folder = tmp_path / "profiles"
    for product, slower in (("A100-80GB", 1), ("A30", 2)):
        (folder / product).mkdir(parents=True)
        rows = [f"net,{size},4,1,{rate / slower},{slower * 4000 / rate}" for size, rate in SIZES.items()]
        keep = rows if product == "A100-80GB" else [rows[0], rows[1], rows[3]]
        (folder / product / "net.csv").write_text("\n".join([HEADER, *keep, ""]))
    (tmp_path / "g.yaml").write_text(
        "- {product: A100-80GB, count: 4, cost_per_hour: 4}\n- {product: A30, count: 4, cost_per_hour: 1}\n"
    )
    arguments = ("plan", "--profiles", folder, "--workloads", tmp_path / "w.yaml", "--gpus", tmp_path / "g.yaml")
    made = _json(cli, *arguments)
    assert made["cost_per_hour"] < 8
    assert made["cost_lower_bound"] <= made["cost_per_hour"]
    assert {one["product"] for one in made["segments"]} <= {"A100-80GB", "A30"}
    assert made["unservable"] == []
    assert "per hour" in cli(*arguments).out
    ran = cli(*arguments, "--share-segments")
    assert (ran.code, "one product" in ran.err) == (2, True)
    (tmp_path / "w.yaml").write_text(WORKLOADS.replace("rate: 3}", "rate: 3, replicas: {min_hosts: 2}}"))
    ran = cli(*arguments)
    assert (ran.code, ran.err.startswith("replicas.min_hosts of b: plans over several products do not")) == (0, True)
    (folder / "GTX").mkdir()
    (folder / "GTX" / "net.csv").write_text("")
    ran = cli(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "is no product that is known" in ran.err
