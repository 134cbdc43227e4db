"""Models that nobody here prepared go all the way: cuts, measure, choose, cut, inspect, check."""

import json
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import ModelProto

from slicer import load
from slicer.examples import noise
from slicer.main import main
from tests.integration.slicer import foreign
from tests.integration.slicer.test_real_models import ALL as OCR
from tests.integration.slicer.test_real_models import MODELS as OCR_FOLDER
from tests.unit.slicer import graphs


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in a folder of their own."""
    monkeypatch.chdir(tmp_path)


def _run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def _well(*words: str) -> Result:
    ran = _run(*words)
    assert ran.exit_code == 0, f"{' '.join(words)}: {ran.output}"
    return ran


def _samples(made: ModelProto, shapes: dict[str, tuple[int, ...]]) -> None:
    runs = [noise(made, shapes, seed) for seed in (1, 2)]
    joined: dict[str, Any] = {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}
    np.savez("samples.npz", **joined)


def _all_the_way(path: str, shape: str = "", most: int = 4) -> int:
    """Every command on a model; how many cuts it has. Some of them are cut and checked."""
    made = load.load(Path(path))
    sizes = ("--shape", shape) if shape else ()
    named = {load.inputs(made)[0].name: tuple(map(int, shape.split("x")))} if shape else {}
    _samples(made, named)
    found = json.loads(_well("cuts", path, *sizes, "-o", "json").output)
    assert f"{len(found)} valid cuts" in _well("cuts", path, *sizes).output
    _well("measure", path, *sizes, "--samples", "samples.npz", "-o", "m.json", "--repeats", "3", "--most", "2",
          "--level", "raw", "--level", "rans-4")  # fmt: skip
    ranked = json.loads(_well("choose", "m.json", "--mbps", "5", "--rtt-ms", "10", "-o", "json").output)
    assert "local" in {one["kind"] for one in ranked}
    for cut in found[:: max(1, len(found) // most)]:
        _well("cut", path, *sizes, "--at", cut["tensor"], "--calibrate", "samples.npz", "--clip", "minmax",
              "-o", "out.bundle")  # fmt: skip
        _well("inspect", "out.bundle")
        report = json.loads(_well("check", "out.bundle", "--samples", "samples.npz", "-o", "json").output)
        assert report["split_error"] <= 1e-4
        lossless = [level for level in report["levels"] if level["level"] in ("raw", "raw-zstd")]
        assert max(level["output_error"] for level in lossless) <= 1e-4
    return len(found)


@pytest.mark.parametrize("name", foreign.MODELS)
def test_awkward_models_go_all_the_way(name: str) -> None:
    """Each has as many cuts as it should, and at each cut head and tail are the whole, to 1e-4 at lossless levels."""
    make, cuts = foreign.MODELS[name]
    onnx.save(make(), "model.onnx")
    assert _all_the_way("model.onnx") == cuts


@pytest.mark.parametrize("dynamic", [False, True])
def test_what_torch_exports_goes_all_the_way(tmp_path: Path, dynamic: bool) -> None:
    """A residual network, sizes fixed and open."""
    pytest.importorskip("torch", reason="needs torch, the extra `train`")
    onnx.save(foreign.exported(tmp_path, dynamic), "model.onnx")
    assert _all_the_way("model.onnx", "1x3x33x31" if dynamic else "") >= 4


def test_weights_in_a_file_of_their_own_are_found() -> None:
    """External data lies beside the model; the bundle holds it."""
    onnx.save(graphs.chain(), "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert _all_the_way("model.onnx") == 4


def test_a_missing_file_of_weights_is_said_in_a_line() -> None:
    """With its name."""
    onnx.save(graphs.chain(), "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    Path("weights.bin").unlink()
    ran = _run("cuts", "model.onnx")
    assert (ran.exit_code, len(ran.output.strip().splitlines())) == (2, 1)
    assert "weights.bin" in ran.output


def test_a_model_without_a_cut_is_measured_and_not_cut() -> None:
    """Local and upload remain; a cut is refused in a line."""
    made = foreign.build(
        [foreign.node("Relu", "x", "a"), foreign.node("Mul", "a x", "y")],
        [("x", foreign.FLOAT, [1, 4])], [("y", foreign.FLOAT, [1, 4])],
    )  # fmt: skip
    onnx.save(made, "model.onnx")
    assert _all_the_way("model.onnx") == 0
    ran = _run("cut", "model.onnx", "--at", "a", "-o", "out.bundle")
    assert ran.exit_code == 2
    assert "the model has no valid cut" in ran.output


def test_types_that_cannot_be_carried_are_said_in_a_line() -> None:
    """float64 does not fit into float32."""
    kinds = {"x": onnx.TensorProto.DOUBLE, "y": onnx.TensorProto.DOUBLE}
    nodes = [foreign.node("Abs", "x", "a"), foreign.node("Neg", "a", "b"), foreign.node("Abs", "b", "y")]
    onnx.save(foreign.build(nodes, [("x", kinds["x"], [1, 4])], [("y", kinds["y"], [1, 4])]), "model.onnx")
    ran = _run("cut", "model.onnx", "--at", "a", "-o", "out.bundle")
    assert (ran.exit_code, len(ran.output.strip().splitlines())) == (2, 1)
    assert "float64" in ran.output


def test_operators_that_do_not_run_here_are_listed_all_the_same() -> None:
    """What shape inference knows is told, and why bytes are not."""
    unknown = onnx.helper.make_node("Scramble", ["a"], ["b"], domain="elsewhere")
    made = foreign.build([foreign.node("Relu", "x", "a"), foreign.node("Relu", "a", "b"),
                          foreign.node("Relu", "b", "y")],
                         [("x", foreign.FLOAT, [1, 4])], [("y", foreign.FLOAT, [1, 4])])  # fmt: skip
    made.graph.node[1].CopyFrom(unknown)
    made.opset_import.append(onnx.helper.make_opsetid("elsewhere", 1))
    made.graph.value_info.append(onnx.helper.make_tensor_value_info("b", foreign.FLOAT, [1, 4]))
    onnx.save(made, "model.onnx")
    assert "2 valid cuts; bytes at levels not measured: onnxruntime" in _well("cuts", "model.onnx").output
    ran = _run("measure", "model.onnx", "-o", "m.json")
    assert ran.exit_code == 2
    assert "Scramble" in ran.output


@pytest.mark.parametrize(("name", "shape", "cuts"), OCR)
def test_ocr_models_go_all_the_way(name: str, shape: tuple[int, ...], cuts: int) -> None:
    """Orientation, detection and recognition, with all of their cuts."""
    path = OCR_FOLDER / f"{name}.onnx"
    if not path.exists():
        pytest.skip(f"needs {path.name} in build/models: run make install")
    copyfile(path, "model.onnx")
    assert _all_the_way("model.onnx", "x".join(map(str, shape)), most=2) == cuts
