"""The slicer's commands, as a user types them, on small models and on files that are none."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import numpy_helper

from common.bundle import Bundle
from common.bundle_manifest import Rate
from common.codec import LEVELS, encode
from slicer.bundle import make
from slicer.cut import split
from slicer.graph import cut_points, find
from slicer.load import with_shapes
from slicer.main import main
from tests.unit.slicer import graphs


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in a folder with a model and samples."""
    monkeypatch.chdir(tmp_path)
    onnx.save(graphs.chain(), "chain.onnx")
    np.savez("samples.npz", x=np.random.default_rng(0).normal(size=(5, 3, 8, 8)).astype(np.float32))


def _run(line: str) -> Result:
    return CliRunner().invoke(main, line.split())


def test_cuts_are_listed() -> None:
    """The table has a line per cut with its size, bytes at the levels asked for, and share of the work."""
    found = _run("cuts chain.onnx --shape x=1x3x8x8 --level packed-8 --level packed-4")
    assert found.exit_code == 0
    assert "4 valid cuts; bytes at levels on random inputs" in found.output
    line = next(line.split() for line in found.output.splitlines() if "conv2" in line)
    assert (line[:5], line[7:]) == (["2", "conv2", "Conv", "1x8x6x6", "1,152"], ["3", "5,040", "78%"])
    eight, four = (int(size) for size in line[5:7])
    assert eight - four == 288 / 2


def test_bytes_at_levels_are_those_of_the_samples() -> None:
    """With samples the encoder's own sizes are told, and sizes need not be said."""
    (cut, *_) = json.loads(_run("cuts chain.onnx --samples samples.npz -o json --level raw").output)
    assert cut["level_bytes"] == {"raw": cut["raw_bytes"] + len(encode(np.zeros((1, 1, 1, 1)), LEVELS["raw"])) - 4}


def test_cuts_are_listed_for_programs() -> None:
    """JSON has the same, with null for what is open."""
    found = json.loads(_run("cuts chain.onnx -o json").output)
    assert [one["id"] for one in found] == ["0:conv1", "1:relu1", "2:conv2", "3:flat"]
    assert found[2]["shape"] == ["N", 8, 6, 6]
    assert found[2]["raw_bytes"] is None
    assert json.loads(_run("cuts chain.onnx -o json --shape 1x3x8x8").output)[2]["raw_bytes"] == 1152


def test_sizes_that_inference_misses_are_measured() -> None:
    """With the inputs' sizes known, a run tells the sizes that inference cannot."""
    onnx.save(graphs.shape_stays_live(), "open.onnx")
    (one,) = json.loads(_run("cuts open.onnx -o json --shape 1x4").output)
    assert (one["tensor"], one["shape"]) == ("c", [1, 4])


def test_a_model_is_cut_inspected_and_checked() -> None:
    """cut writes a bundle, inspect shows it, check finds it equal to the model."""
    made = _run("cut chain.onnx --at conv2 --calibrate samples.npz -o out.bundle --level rans-3 --name reader")
    assert made.exit_code == 0, made.output
    digest = Bundle.open("out.bundle").digest
    assert digest in made.output
    shown = json.loads(_run("inspect out.bundle -o json").output)
    assert (shown["digest"], shown["model"], shown["codec"]["default_level"]) == (digest, "reader", "rans-3")
    assert "2:conv2" in _run("inspect out.bundle").output
    report = json.loads(_run("check out.bundle --samples samples.npz -o json").output)
    assert report["samples"] == 5
    assert report["split_error"] <= 1e-5
    table = _run("check out.bundle --samples samples.npz")
    assert table.exit_code == 0
    assert "rans-3 *" in table.output


def test_check_fails_where_the_halves_are_not_the_model() -> None:
    """A tolerance that cannot be met exits with 1."""
    _run("cut chain.onnx --at 0 -o out.bundle")
    assert _run("check out.bundle --samples samples.npz --tolerance=-1").exit_code == 1


def test_check_holds_a_bundle_with_a_layer_to_an_agreement() -> None:
    """A tail that answers the same whatever comes passes where nothing is promised, and fails where the table does."""
    whole = graphs.chain()
    tail = split(whole, find(cut_points(with_shapes(whole, {})), "conv2")).tail
    for weights in tail.graph.initializer:
        weights.CopyFrom(numpy_helper.from_array(np.zeros_like(numpy_helper.to_array(weights)), weights.name))
    promise = (Rate("rans-2", 50.0, 1.0, "agreement"),)
    for rates, code in (((), 0), (promise, 1)):
        content = make(whole, "conv2", name="m", level="rans-2", layer="pool", tail=tail, rates=rates)
        Path("out.bundle").write_bytes(content)
        done = _run("check out.bundle --samples samples.npz")
        assert (done.exit_code, "answered as the whole model does, under" in done.output) == (code, bool(code))
    assert _run("check out.bundle --samples samples.npz --agreement 0").exit_code == 0


def test_a_new_bundle_replaces_the_old_at_once() -> None:
    """Nothing but the bundle is left behind."""
    for at in ("0", "1"):
        assert _run(f"cut chain.onnx --at {at} -o out.bundle").exit_code == 0
    assert Bundle.open("out.bundle").cut_id == "1:relu1"
    assert sorted(p.name for p in Path().iterdir()) == ["chain.onnx", "out.bundle", "samples.npz"]


WRONG = {
    "cuts absent.onnx": "absent.onnx",
    "cuts samples.npz": "not a readable ONNX model",
    "cuts chain.onnx --shape z=1x3": 'no input "z"',
    "cuts chain.onnx --shape 1x4x8x8": "contradicts",
    "cuts chain.onnx --shape 1x0": "1x3x224x224",
    "cut chain.onnx --at nowhere -o out.bundle": "from 0 to 3",
    "cut chain.onnx --at 0 -o out.bundle --level warp-9": "levels are raw",
    "cut chain.onnx --at 0 -o out.bundle --calibrate chain.onnx": "not a readable .npz",
    "cut chain.onnx --at 0 -o absent/out.bundle": "absent/out.bundle",
    "inspect chain.onnx": "no bundle",
    "check chain.onnx --samples samples.npz": "no bundle",
}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong_is_one_line(line: str) -> None:
    """Mistakes end with exit code 2 and a line that names them, and write nothing."""
    result = _run(line)
    assert result.exit_code == 2
    assert WRONG[line] in result.output
    assert "Traceback" not in result.output
    assert not Path("out.bundle").exists()


def test_models_of_old_and_static_kinds_are_cut() -> None:
    """A model of IR version 3, whose constants are inputs, and one of fixed sizes are cut alike."""
    onnx.save(graphs.chain(ir=3), "old.onnx")
    fixed = graphs.chain()
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    fixed.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(fixed, "fixed.onnx")
    for name in ("old", "fixed"):
        assert _run(f"cut {name}.onnx --at relu1 -o out.bundle --calibrate samples.npz").exit_code == 0
        assert _run("check out.bundle --samples samples.npz").exit_code == 0
    assert Bundle.open("out.bundle").cut_shape == (1, 4, 6, 6)


def test_a_bundle_may_upload_the_bytes_of_an_image() -> None:
    """At the input, with the way from pixels folded in, samples are pixels; what does not fit is refused in a line."""
    np.savez("pixels.npz", x=np.random.default_rng(0).integers(0, 256, (3, 3, 8, 8), np.uint8))
    made = _run("cut chain.onnx --at input --input-scale 0.01 --input-mean 1,2,3 --level packed-8 -o up.bundle")
    assert made.exit_code == 0, made.output
    report = json.loads(_run("check up.bundle --samples pixels.npz -o json").output)
    assert report["split_error"] == 0
    assert "the array float32" in _run("check up.bundle --samples samples.npz").output
    refused = _run("cut chain.onnx --at input --input-mean 1,2 --level packed-8 -o up.bundle")
    assert (refused.exit_code, len(refused.output.strip().splitlines())) == (2, 1)
    assert _run("cut chain.onnx --at input --input-std 0 -o up.bundle").exit_code == 2
    for level in ("u8", "jpeg-75", "webp-50"):
        made = _run(f"cut chain.onnx --at input --input-scale 0.01 --level {level} -o up.bundle")
        assert made.exit_code == 0, made.output
        assert Bundle.open("up.bundle").manifest.default_level == level
    refused = _run("cut chain.onnx --at 0 --input-scale 0.01 --level jpeg-75 -o up.bundle")
    assert (refused.exit_code, len(refused.output.strip().splitlines())) == (2, 1)
    assert "is for images" in refused.output
