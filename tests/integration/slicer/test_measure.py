"""measure and choose, as a user types them."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result

from common.codec import LEVELS
from slicer.main import main
from tests.unit.slicer import graphs

LEVEL_FLAGS = "--level raw --level rans-4 --repeats 3"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in a folder with a model and samples."""
    monkeypatch.chdir(tmp_path)
    onnx.save(graphs.chain(), "chain.onnx")
    np.savez("samples.npz", x=np.random.default_rng(0).normal(size=(5, 3, 8, 8)).astype(np.float32))


def _run(line: str) -> Result:
    return CliRunner().invoke(main, line.split())


@pytest.fixture
def measured() -> str:
    """A file of measurements."""
    found = _run(f"measure chain.onnx --samples samples.npz -o m.json {LEVEL_FLAGS} --input-scale 0.01")
    assert found.exit_code == 0, found.output
    return "m.json"


def test_everything_is_measured(measured: str) -> None:
    """Input, cuts, levels, spreads; the answers that stay; the first block."""
    found = json.loads(Path(measured).read_text())
    assert found["first_block"] == {"name": "relu1", "depth": 2}
    assert found["samples"] == 5
    assert found["layers"] == ["conv1", "relu1", "conv2", "flat", "y"]
    start, *cuts = found["pieces"]
    assert (start["id"], start["depth"], start["raw_bytes"]) == ("input", 0, 4 * 192)
    assert {"u8", "jpeg-95", "webp-90", "raw", "rans-4"} <= {cost["level"] for cost in start["costs"]}
    assert [piece["id"] for piece in cuts] == ["1:relu1", "3:flat"]
    for piece in cuts:
        assert piece["device"]["runs"] >= 3
        assert piece["edge"]["p95_ms"] >= piece["edge"]["median_ms"] > 0
        raw, coded = piece["costs"]
        assert raw["lossless"]
        assert raw["agreement"] == 1
        assert 0 <= coded["agreement"] <= 1
        assert coded["size"] < raw["size"]
        assert raw["size"] > piece["raw_bytes"]


def test_a_slower_device_is_slower_in_all_it_does() -> None:
    """The factor is in the device's times and in no other."""
    assert _run(f"measure chain.onnx -o m.json {LEVEL_FLAGS} --device-slowdown 1000").exit_code == 0
    found = json.loads(Path("m.json").read_text())
    assert found["local"]["median_ms"] > 1
    for piece in found["pieces"][1:]:
        assert piece["device"]["median_ms"] > 50 * piece["edge"]["median_ms"]
    assert found["samples"] == 0
    assert "measured on noise" in _run("choose m.json --mbps 10 --rtt-ms 1").output


def test_candidates_are_ranked(measured: str) -> None:
    """Local, uploads, every cut at every level; the best first, sums that add up."""
    found = json.loads(_run(f"choose {measured} --mbps 5.85 --rtt-ms 20 -o json").output)
    assert {one["kind"] for one in found} == {"local", "upload", "split"}
    assert [one["latency_ms"] for one in found] == sorted(one["latency_ms"] for one in found)
    for one in found:
        stages = (one[f"{name}_ms"] for name in ("device", "encode", "upload", "delay", "decode", "edge"))
        answer = 0.0 if one["kind"] == "local" else 20 / 5850 * 8
        assert one["latency_ms"] == pytest.approx(sum(stages) + answer)
    assert found[0]["kind"] == "local"  # nothing this small is worth 20 ms


@pytest.mark.parametrize(
    ("demand", "kinds"),
    [
        ("--private", {"local", "split"}),
        ("--keep-on-device flat", {"local", "split"}),
        ("--keep-on-device 3", {"local", "split"}),
        ("--keep-on-edge y --lossless", {"upload", "split"}),
        ("--keep-on-edge conv1", {"upload"}),
        ("--max-upload-bytes 100", {"local"}),
        ("--min-accuracy 1.01", {"local", "upload", "split"}),
    ],
)
def test_demands_are_kept(measured: str, demand: str, kinds: set[str]) -> None:
    """What is not refused meets the demand; each refusal says why."""
    ran = _run(f"choose {measured} --mbps 5.85 --rtt-ms 20 {demand} -o json")
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.output)
    assert {one["kind"] for one in found if not one["refused"]} == kinds
    assert any(one["refused"] for one in found)
    assert "refused: " in _run(f"choose {measured} --mbps 5.85 --rtt-ms 20 {demand}").output


def test_a_table_of_rates_is_the_accuracy(measured: str) -> None:
    """Of its cut only, if it names one."""
    Path("rates.json").write_text(
        json.dumps({"cut": {"id": "3:flat"}, "rates": [{"level": "rans-4", "accuracy": 0.7}]})
    )
    ran = _run(f"choose {measured} --mbps 5 --rtt-ms 1 --rates rates.json --min-accuracy 0.71 -o json")
    found = {(one["cut"], one["level"]): one for one in json.loads(ran.output)}
    assert found["3:flat", "rans-4"]["refused"] == ["accuracy 0.7, under 0.71"]
    assert found["1:relu1", "rans-4"]["refused"] == ["accuracy with rans-4 is not known"]
    assert not found["1:relu1", "raw"]["refused"]


def test_nothing_admissible_is_exit_code_1(measured: str) -> None:
    """The reasons are told all the same."""
    ran = _run(f"choose {measured} --mbps 5 --rtt-ms 1 --max-latency-ms 0")
    assert ran.exit_code == 1
    assert "over 0" in ran.output
    assert "no candidate meets all demands" in ran.output


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("choose chain.onnx --mbps 5 --rtt-ms 1", "chain.onnx: no JSON"),
        ("choose empty.json --mbps 5 --rtt-ms 1", "empty.json: format: a text is due"),
        ("choose broken.json --mbps 5 --rtt-ms 1", "broken.json: pieces[0]: device: median_ms: a number from 0 is due"),
        ("choose m.json --mbps 5 --rtt-ms 1 --keep-on-device foo", 'the model has no layer "foo"'),
        ("choose m.json --mbps 5 --rtt-ms 1 --rates m.json", "m.json: no rates: a list"),
        ("choose m.json --mbps 0 --rtt-ms 1", "--mbps"),
        ("measure chain.onnx -o x.json --at nowhere", '"nowhere" is no valid cut'),
        ("measure chain.onnx -o x.json --most 0 --at 1", "at most 0 are measured"),
        ("measure chain.onnx -o x.json --input-mean a,b", "--input-mean"),
        ("measure chain.onnx -o x.json --edge-triton 127.0.0.1:1", "is it reachable"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(measured: str, line: str, said: str) -> None:
    """Exit code 2, and the place."""
    Path("empty.json").write_text("{}")
    document = json.loads(Path(measured).read_text())
    document["pieces"][0]["device"]["median_ms"] = "fast"
    Path("broken.json").write_text(json.dumps(document))
    ran = _run(line)
    assert ran.exit_code == 2
    assert said in ran.output
    assert "Traceback" not in ran.output


def test_models_with_several_inputs_and_open_sizes_are_measured() -> None:
    """Two inputs cannot be uploaded as one; an open batch is taken to be 1."""
    onnx.save(graphs.two_inputs(late=False), "two.onnx")
    assert _run(f"measure two.onnx -o two.json {LEVEL_FLAGS}").exit_code == 0
    found = json.loads(Path("two.json").read_text())
    assert "input" not in [piece["id"] for piece in found["pieces"]]
    onnx.save(graphs.one_node(), "one.onnx")
    assert _run(f"measure one.onnx -o one.json {LEVEL_FLAGS}").exit_code == 0
    assert [piece["id"] for piece in json.loads(Path("one.json").read_text())["pieces"]] == ["input"]
    assert _run("choose one.json --mbps 1 --rtt-ms 1 --private").exit_code == 2


def test_all_levels_are_measured_by_default() -> None:
    """None is forgotten."""
    assert _run("measure chain.onnx -o m.json --repeats 3 --most 1").exit_code == 0
    (piece,) = json.loads(Path("m.json").read_text())["pieces"][1:]
    assert [cost["level"] for cost in piece["costs"]] == list(LEVELS)
